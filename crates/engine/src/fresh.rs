//! New frames of a commit, encoded, with what directory and tracks need of them.

use mv2::codec::Writer;
use mv2::frame::{Frame, FrameRole, FrameStatus};
use mv2::view::FrameView;

use crate::committed::decode_frame;
use crate::directory::Parts;
use crate::error::{Error, Result};

/// New frames in id order. Encoded they take a third of what they take as values: a million fits into memory.
#[derive(Default)]
pub struct FreshFrames {
    /// Encoded frames back to back, in pieces that each hold whole frames.
    pub pieces: Vec<Vec<u8>>,
    /// Their look-ups; `toc_offset` counts from the first of these frames.
    pub parts: Parts,
    /// (timestamp, id) of the active documents, in id order.
    pub times: Vec<(i64, u64)>,
    /// Entries of the sketch track, one a frame.
    pub sketches: Vec<[u8; 32]>,
    /// Length of the encoded frames in bytes.
    length: u64,
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

    /// Encodes `frames`, whose ids follow each other.
    pub fn encode(frames: &[(Frame, [u8; 32])]) -> Result<Self> {
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
        }
        let mut piece = writer.into_bytes();
        piece.shrink_to_fit();
        fresh.length = piece.len() as u64;
        fresh.pieces.push(piece);
        Ok(fresh)
    }

    /// Appends the frames that follow.
    pub fn append(&mut self, mut next: Self) {
        for record in &mut next.parts.records {
            record.toc_offset += self.length;
        }
        self.length += next.length;
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
        for index in (0..self.parts.records.len()).rev() {
            let frame = decode_frame(self.encoded(index)?)?;
            if frame.payload_length > 0 {
                return Ok(Some((index, frame.payload_offset, frame.payload_length)));
            }
        }
        Ok(None)
    }

    /// Tells where the payload of the frame at `index` stands.
    pub fn move_payload(&mut self, index: usize, offset: u64) -> Result<()> {
        let mut frame = decode_frame(self.encoded(index)?)?;
        frame.payload_offset = offset;
        // The place is a number of fixed width: the frame keeps its length.
        let encoded = frame.to_bytes();
        let (piece, range) = self.place(index).ok_or_else(no_such_frame)?;
        let slot = self
            .pieces
            .get_mut(piece)
            .and_then(|piece| piece.get_mut(range))
            .filter(|slot| slot.len() == encoded.len())
            .ok_or_else(no_such_frame)?;
        slot.copy_from_slice(&encoded);
        if let Some(record) = self.parts.records.get_mut(index) {
            record.checksum = crc32fast::hash(&encoded);
        }
        Ok(())
    }

    /// Where the last payload ends that begins below `limit`; 0 without one.
    pub fn payload_end_below(&self, limit: u64) -> Result<u64> {
        let mut end = 0;
        for index in 0..self.parts.records.len() {
            let view = FrameView::parse(self.encoded(index)?)?;
            if view.payload_offset < limit {
                end = end.max(view.payload_offset + view.payload_length);
            }
        }
        Ok(end)
    }

    /// Tells that the payloads which begin below `limit` stand `shift` bytes further on.
    pub fn move_payloads_below(&mut self, limit: u64, shift: u64) -> Result<()> {
        for index in 0..self.parts.records.len() {
            let offset = FrameView::parse(self.encoded(index)?)?.payload_offset;
            if offset < limit {
                self.move_payload(index, offset + shift)?;
            }
        }
        Ok(())
    }

    fn encoded(&self, index: usize) -> Result<&[u8]> {
        self.place(index)
            .and_then(|(piece, range)| self.pieces.get(piece)?.get(range))
            .ok_or_else(no_such_frame)
    }

    fn place(&self, index: usize) -> Option<(usize, std::ops::Range<usize>)> {
        let start = self.parts.records.get(index)?.toc_offset;
        let end = self
            .parts
            .records
            .get(index + 1)
            .map_or(self.length, |next| next.toc_offset);
        let mut before = 0;
        for (number, piece) in self.pieces.iter().enumerate() {
            let length = piece.len() as u64;
            if start < before + length {
                return Some((number, (start - before) as usize..(end - before) as usize));
            }
            before += length;
        }
        None
    }
}

fn no_such_frame() -> Error {
    Error::corrupt("frames", 0, "a new frame is missing")
}
