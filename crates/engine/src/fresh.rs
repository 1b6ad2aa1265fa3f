//! New frames of a commit, encoded, with what directory and tracks need of them.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use mv2::codec::Writer;
use mv2::frame::{Frame, FrameRole, FrameStatus};
use mv2::view::PayloadPlace;

use crate::bulk_aside::{Aside, Place};
use crate::directory::{FrameRecord, Parts};
use crate::error::{Error, Result};

/// New frames in id order, encoded.
pub struct FreshFrames {
    /// Encoded frames back to back, in pieces that each hold whole frames.
    pub pieces: Vec<Piece>,
    /// Their look-ups; `toc_offset` counts from the first of these frames.
    pub parts: Parts,
    /// (timestamp, id) of the active documents, in id order.
    pub times: Vec<(i64, u64)>,
    /// Entries of the sketch track, one a frame.
    pub sketches: Vec<[u8; 32]>,
    /// Length of the encoded frames in bytes.
    length: u64,
    /// No payload begins in front of this place.
    payloads_from: u64,
}

impl Default for FreshFrames {
    fn default() -> Self {
        Self {
            pieces: Vec::new(),
            parts: Parts::default(),
            times: Vec::new(),
            sketches: Vec::new(),
            length: 0,
            payloads_from: u64::MAX,
        }
    }
}

/// Encoded frames that follow each other.
pub enum Piece {
    /// As they will stand in the table of contents.
    Plain(Vec<u8>),
    /// In a file until they are needed.
    Aside {
        /// The file.
        aside: Arc<Aside>,
        /// Where they stand in it.
        place: Place,
    },
}

impl Piece {
    /// Bytes of the encoded frames.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::Plain(bytes) => bytes.len() as u64,
            Self::Aside { place, .. } => place.length(),
        }
    }

    /// The encoded frames.
    pub fn bytes(&self) -> Result<Cow<'_, [u8]>> {
        match self {
            Self::Plain(bytes) => Ok(Cow::Borrowed(bytes)),
            Self::Aside { aside, place } => aside.get(place).map(Cow::Owned),
        }
    }

    fn put_aside(&mut self, aside: &Arc<Aside>) {
        if let Self::Plain(plain) = self
            && let Some(place) = aside.put(plain)
        {
            let aside = Arc::clone(aside);
            *self = Self::Aside { aside, place };
        }
    }

    /// Changes the encoded frames, whose length stays.
    fn edit(&mut self, change: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<()> {
        match self {
            Self::Plain(bytes) => change(bytes),
            Self::Aside { aside, place } => {
                let mut plain = aside.get(place)?;
                change(&mut plain)?;
                aside.change(place, &plain)
            }
        }
    }
}

impl FreshFrames {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.parts.records.len() as u64
    }

    /// Length of the encoded frames in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Encodes frames, whose ids follow each other, each with its entry of the sketch track.
    pub fn encode<'a>(
        frames: impl ExactSizeIterator<Item = (&'a Frame, &'a [u8; 32])>,
    ) -> Result<Self> {
        // Most frames take about 300 bytes; what is too much is given back.
        let mut writer = Writer::with_capacity(frames.len() * 384);
        let mut fresh = Self::default();
        for (frame, sketch) in frames {
            let start = writer.len();
            frame.encode(&mut writer);
            let encoded = writer.as_slice().get(start..).unwrap_or_default();
            let id = u32::try_from(frame.id)
                .map_err(|_| Error::corrupt("frames", 0, "more than 4294967294 frames"))?;
            fresh
                .parts
                .push(id, frame, start as u64, crc32fast::hash(encoded));
            if frame.role == FrameRole::Document && frame.status == FrameStatus::Active {
                fresh.times.push((frame.timestamp, frame.id));
            }
            fresh.sketches.push(*sketch);
            fresh.payloads_from = fresh.payloads_from.min(frame.payload_offset);
        }
        let mut piece = writer.into_bytes();
        piece.shrink_to_fit();
        fresh.length = piece.len() as u64;
        fresh.pieces.push(Piece::Plain(piece));
        Ok(fresh)
    }

    /// Puts the encoded frames aside, when there are so many that their memory counts. They stay in memory where that is not
    /// possible.
    pub fn put_aside(&mut self, aside: &Arc<Aside>) {
        for piece in &mut self.pieces {
            piece.put_aside(aside);
        }
    }

    /// Appends the frames that follow.
    pub fn append(&mut self, mut next: Self) {
        for record in &mut next.parts.records {
            record.toc_offset += self.length;
        }
        self.length += next.length;
        self.payloads_from = self.payloads_from.min(next.payloads_from);
        self.pieces.append(&mut next.pieces);
        self.parts.records.append(&mut next.parts.records);
        self.parts.chunks.append(&mut next.parts.chunks);
        self.parts.uris.append(&mut next.parts.uris);
        self.parts.totals.add(&next.parts.totals);
        self.times.append(&mut next.times);
        self.sketches.append(&mut next.sketches);
    }

    /// The last frame with a payload: its index, and its payload's place.
    pub fn last_payload(&self) -> Result<Option<(usize, u64, u64)>> {
        for (span, piece) in self.spans().iter().zip(&self.pieces).rev() {
            let bytes = piece.bytes()?;
            for index in span.indexes.clone().rev() {
                let payload = PayloadPlace::of(span.frame(&self.parts.records, &bytes, index)?)?;
                if payload.length > 0 {
                    return Ok(Some((index, payload.offset, payload.length)));
                }
            }
        }
        Ok(None)
    }

    /// Tells where the payload of the frame at `index` stands.
    pub fn move_payload(&mut self, index: usize, offset: u64) -> Result<()> {
        let spans = self.spans();
        let number = spans.partition_point(|span| span.indexes.end <= index);
        let span = spans.get(number).ok_or_else(no_such_frame)?;
        self.move_payloads(number, span, |at, _| (at == index).then_some(offset))
    }

    /// Where the last payload ends that begins below `limit`; 0 without one.
    pub fn payload_end_below(&self, limit: u64) -> Result<u64> {
        let mut end = 0;
        if self.payloads_from >= limit {
            return Ok(end);
        }
        for (span, piece) in self.spans().iter().zip(&self.pieces) {
            let bytes = piece.bytes()?;
            for index in span.indexes.clone() {
                let payload = PayloadPlace::of(span.frame(&self.parts.records, &bytes, index)?)?;
                if payload.offset < limit {
                    end = end.max(payload.offset + payload.length);
                }
            }
        }
        Ok(end)
    }

    /// Tells that the payloads which begin below `limit` stand `shift` bytes further on.
    pub fn move_payloads_below(&mut self, limit: u64, shift: u64) -> Result<()> {
        if self.payloads_from >= limit {
            return Ok(());
        }
        self.place_payloads(|_, offset| (offset < limit).then_some(offset + shift))
    }

    /// Asks `place` for the new place of each payload, by the index of its frame; `None` where it stays.
    pub fn place_payloads(&mut self, place: impl Fn(usize, u64) -> Option<u64>) -> Result<()> {
        for (number, span) in self.spans().iter().enumerate() {
            self.move_payloads(number, span, &place)?;
        }
        Ok(())
    }

    /// Asks `place` for the new place of each payload of a piece, `None` where it stays.
    fn move_payloads(
        &mut self,
        number: usize,
        span: &Span,
        place: impl Fn(usize, u64) -> Option<u64>,
    ) -> Result<()> {
        let records = &mut self.parts.records;
        let piece = self.pieces.get_mut(number).ok_or_else(no_such_frame)?;
        piece.edit(|bytes| {
            for index in span.indexes.clone() {
                let range = span.range(records, index).ok_or_else(no_such_frame)?;
                let encoded = bytes.get_mut(range).ok_or_else(no_such_frame)?;
                let payload = PayloadPlace::of(encoded)?;
                let Some(offset) = place(index, payload.offset) else {
                    continue;
                };
                payload.set_offset(encoded, offset);
                if let Some(record) = records.get_mut(index) {
                    record.checksum = crc32fast::hash(encoded);
                }
            }
            Ok(())
        })
    }

    /// Which frames each piece holds.
    fn spans(&self) -> Vec<Span> {
        let records = &self.parts.records;
        let (mut start, mut first) = (0, 0);
        let spans = self.pieces.iter().map(|piece| {
            let end = start + piece.length();
            let behind = records.partition_point(|record| record.toc_offset < end);
            let span = Span {
                indexes: first..behind,
                start,
                end,
            };
            (start, first) = (end, behind);
            span
        });
        spans.collect()
    }
}

/// The frames of one piece.
struct Span {
    indexes: Range<usize>,
    /// Where the piece begins and ends, counted in encoded frames.
    start: u64,
    end: u64,
}

impl Span {
    /// Where a frame stands inside the piece.
    fn range(&self, records: &[FrameRecord], index: usize) -> Option<Range<usize>> {
        let start = records.get(index)?.toc_offset;
        let next = records
            .get(index + 1)
            .filter(|_| index + 1 < self.indexes.end);
        let end = next.map_or(self.end, |next| next.toc_offset);
        Some((start - self.start) as usize..(end - self.start) as usize)
    }

    fn frame<'a>(
        &self,
        records: &[FrameRecord],
        bytes: &'a [u8],
        index: usize,
    ) -> Result<&'a [u8]> {
        self.range(records, index)
            .and_then(|range| bytes.get(range))
            .ok_or_else(no_such_frame)
    }
}

fn no_such_frame() -> Error {
    Error::corrupt("frames", 0, "a new frame is missing")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use mv2::storage::FileStorage;
    use mv2::view::FrameView;

    use super::*;

    /// Frames whose payloads stand back to back from `place` on; every third has none.
    fn fresh(first: u64, count: u64, place: u64) -> FreshFrames {
        let frames: Vec<_> = (first..first + count)
            .map(|id| {
                let frame = Frame {
                    id,
                    timestamp: 7 - id as i64,
                    uri: Some(format!("mv2://shelf/{id}")),
                    payload_offset: place + (id - first) * 10,
                    payload_length: if id % 3 == 2 { 0 } else { 10 },
                    ..Frame::default()
                };
                (frame, [id as u8; 32])
            })
            .collect();
        FreshFrames::encode(frames.iter().map(|(frame, sketch)| (frame, sketch))).unwrap()
    }

    /// Three pieces, the last ones put aside when there is a place for them.
    fn several(aside: Option<&Arc<Aside>>) -> FreshFrames {
        let mut all = FreshFrames::default();
        for (number, (first, count)) in [(0, 4), (4, 5), (9, 3)].into_iter().enumerate() {
            let mut part = fresh(first, count, 1000 * (number as u64 + 1));
            if let Some(aside) = aside.filter(|_| number > 0) {
                part.put_aside(aside);
            }
            all.append(part);
        }
        all
    }

    fn memory() -> (tempfile::TempDir, FileStorage) {
        let folder = tempfile::tempdir().unwrap();
        let memory = FileStorage::create(&folder.path().join("notes.mv2")).unwrap();
        (folder, memory)
    }

    fn bytes(frames: &FreshFrames) -> Vec<u8> {
        let pieces = frames.pieces.iter().map(|piece| piece.bytes().unwrap());
        pieces.flat_map(Cow::into_owned).collect()
    }

    fn offsets(frames: &FreshFrames) -> Vec<u64> {
        let bytes = bytes(frames);
        let records = &frames.parts.records;
        (0..records.len())
            .map(|index| {
                let start = records[index].toc_offset as usize;
                let next = records.get(index + 1);
                let end = next.map_or(bytes.len(), |next| next.toc_offset as usize);
                assert_eq!(crc32fast::hash(&bytes[start..end]), records[index].checksum);
                let view = FrameView::parse(&bytes[start..end]).unwrap();
                assert_eq!(view.id, index as u64);
                view.payload_offset
            })
            .collect()
    }

    #[test]
    fn frames_that_are_put_aside_are_what_they_were() {
        let (_folder, memory) = memory();
        let plain = several(None);
        // One that has room for the first alone: the other one stays.
        for aside in [Aside::new(&memory), Aside::limited(&memory, 2_000)] {
            let aside = Arc::new(aside);
            let frames = several(Some(&aside));
            assert!(matches!(frames.pieces[1], Piece::Aside { .. }));
            assert_eq!(bytes(&frames), bytes(&plain));
            let counted = (frames.count(), frames.length());
            assert_eq!(counted, (12, bytes(&plain).len() as u64));
            let last = frames.last_payload().unwrap();
            assert_eq!(last, Some((10, 3010, 10)));
            assert_eq!(last, plain.last_payload().unwrap());
        }
    }

    #[test]
    fn payloads_move_in_frames_wherever_they_are() {
        let (_folder, memory) = memory();
        for aside in [None, Some(Arc::new(Aside::new(&memory)))] {
            let mut frames = several(aside.as_ref());
            let before = offsets(&frames);
            assert_eq!(frames.payload_end_below(2015).unwrap(), 2010);
            assert_eq!(frames.payload_end_below(1000).unwrap(), 0);
            frames.move_payloads_below(2015, 50_000).unwrap();
            let moved = |offset: &u64| offset + if *offset < 2015 { 50_000 } else { 0 };
            let mut expected: Vec<_> = before.iter().map(moved).collect();
            assert_eq!(offsets(&frames), expected);
            frames.move_payload(10, 77).unwrap();
            expected[10] = 77;
            assert_eq!(offsets(&frames), expected);
            assert!(frames.move_payload(12, 1).is_err());
            let is_aside = matches!(frames.pieces[1], Piece::Aside { .. });
            assert_eq!(is_aside, aside.is_some());
        }
    }
}
