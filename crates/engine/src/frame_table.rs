//! The frames of the next table of contents, with their directory.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::HashMap;
use mv2::frame::Frame;
use mv2::toc::{self, PieceSink, TocHead, TocTail};

use crate::additions::status;
use crate::committed::{self, Committed, decode_frame};
use crate::directory::{Directory, FrameRecord, Parts};
use crate::embedding::Identity;
use crate::error::{Error, Result};
use crate::fresh::{FreshFrames, Piece};
use crate::pending::StatusChange;

/// The frames of the next table of contents: copied spans of the current one, re-encoded frames, new frames.
pub struct FrameTable {
    /// The directory's content.
    pub parts: Parts,
    slices: Vec<Slice>,
    fresh: Vec<u8>,
    /// Number of frames.
    pub count: u64,
    length: u64,
}

/// What changes in a frame besides its status.
#[derive(Default)]
pub struct Edit {
    /// What made its new vector, and the numbers of it.
    pub embedding: Option<(Arc<Identity>, usize)>,
    /// Where its payload stands from now on.
    pub payload_offset: Option<u64>,
}

impl Edit {
    fn apply(&self, frame: &mut Frame) {
        if let Some((identity, dimension)) = &self.embedding {
            mv2::search_text::change_fields(frame, |frame| {
                identity.write(*dimension, &mut frame.extra_metadata);
            });
        }
        if let Some(offset) = self.payload_offset {
            frame.payload_offset = offset;
        }
    }
}

/// Changes of frames by id.
pub type Edits = BTreeMap<u64, Edit>;

enum Slice {
    /// A span of the current frames, relative to the first.
    Copied { start: u64, end: u64 },
    /// A span of the fresh bytes.
    Fresh { start: usize, end: usize },
    /// New frames that were encoded before.
    Piece(Piece),
}

impl Slice {
    fn bytes<'a>(&'a self, base: &'a Committed, fresh: &'a [u8]) -> Result<Cow<'a, [u8]>> {
        match self {
            Self::Copied { start, end } => {
                committed::slice_of(base.frame_bytes()?, *start, end - start, "frames")
                    .map(Cow::Borrowed)
            }
            Self::Fresh { start, end } => {
                Ok(Cow::Borrowed(fresh.get(*start..*end).unwrap_or_default()))
            }
            Self::Piece(piece) => piece.bytes(),
        }
    }
}

impl FrameTable {
    /// A table that is filled from the start.
    pub fn empty(frames_start: u64) -> Self {
        Self {
            parts: Parts {
                frames_start,
                ..Parts::default()
            },
            slices: Vec::new(),
            fresh: Vec::new(),
            count: 0,
            length: 0,
        }
    }

    /// The frames of `base`, with the status changes of `changed` and `edits`. `frames_start` is where they will stand.
    pub fn new(
        base: &Committed,
        changed: &HashMap<u64, StatusChange>,
        edits: &Edits,
        frames_start: u64,
    ) -> Result<Self> {
        let mut table = Self {
            parts: Parts {
                frames_start,
                totals: base.directory.totals(),
                ..Parts::default()
            },
            slices: Vec::new(),
            fresh: Vec::new(),
            count: base.frame_count(),
            length: 0,
        };
        table.parts.chunks = base.directory.chunks().collect();
        table.parts.uris = base.directory.uris().collect();
        let mut ids: Vec<u64> = changed
            .keys()
            .chain(edits.keys())
            .copied()
            .filter(|&id| id < base.frame_count())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let (start, end) = base.directory.frames_range();
        let total = end.saturating_sub(start);
        let mut copied = 0;
        let mut shift = 0_i64;
        let mut next = ids.into_iter().peekable();
        for id in 0..base.frame_count() {
            let Some(mut record) = base.directory.record(id) else {
                continue;
            };
            let old_offset = record.toc_offset;
            record.toc_offset = record.toc_offset.saturating_add_signed(shift);
            if next.next_if_eq(&id).is_some() {
                let encoded = base.encoded(id)?;
                let mut frame = decode_frame(encoded)?;
                table.parts.totals.discount(&frame);
                if let Some(change) = changed.get(&id) {
                    frame.status = status(change.status);
                    frame.superseded_by = change.superseded_by;
                    record.flags = record.flags.with_status(change.status);
                    record.superseded_by =
                        change.superseded_by.and_then(|id| u32::try_from(id).ok());
                }
                if let Some(edit) = edits.get(&id) {
                    edit.apply(&mut frame);
                }
                table.parts.totals.count(&frame);
                table.slices.push(Slice::Copied {
                    start: copied,
                    end: old_offset,
                });
                copied = old_offset + encoded.len() as u64;
                let bytes = table.encode(&frame);
                shift += bytes.len() as i64 - encoded.len() as i64;
                record.checksum = crc32fast::hash(&table.fresh[bytes.clone()]);
                table.slices.push(Slice::Fresh {
                    start: bytes.start,
                    end: bytes.end,
                });
            }
            table.parts.records.push(record);
        }
        table.slices.push(Slice::Copied {
            start: copied,
            end: total,
        });
        table.length = total.saturating_add_signed(shift);
        Ok(table)
    }

    fn encode(&mut self, frame: &Frame) -> std::ops::Range<usize> {
        let start = self.fresh.len();
        self.fresh.extend_from_slice(&frame.to_bytes());
        start..self.fresh.len()
    }

    /// Length of the directory once `frames` are appended to the `count` that will stand in front of them, between `head` and
    /// `tail`.
    #[must_use]
    pub fn directory_length(
        &self,
        (head, tail): (&TocHead, &TocTail),
        count: u64,
        frames: &FreshFrames,
    ) -> u64 {
        Directory::length(
            toc::surroundings_length(head, tail),
            count + frames.count(),
            (self.parts.chunks.len() + frames.parts.chunks.len()) as u64,
            (self.parts.uris.len() + frames.parts.uris.len()) as u64,
        )
    }

    /// Appends frames; the first one's id must be the next.
    pub fn append(&mut self, frames: FreshFrames) {
        let (count, length) = (frames.count(), frames.length());
        let mut added = frames.parts;
        self.parts
            .records
            .extend(added.records.into_iter().map(|mut record| {
                record.toc_offset += self.length;
                record
            }));
        self.parts.chunks.append(&mut added.chunks);
        self.parts.uris.append(&mut added.uris);
        self.parts.totals.add(&added.totals);
        self.slices
            .extend(frames.pieces.into_iter().map(Slice::Piece));
        self.length += length;
        self.count += count;
    }

    /// Appends an encoded frame. `record` tells what is known of it but for place and checksum; look-ups and totals are the
    /// caller's.
    pub fn push(&mut self, encoded: &[u8], mut record: FrameRecord) {
        let start = self.fresh.len();
        self.fresh.extend_from_slice(encoded);
        record.toc_offset = self.length;
        record.checksum = crc32fast::hash(encoded);
        self.parts.records.push(record);
        self.length += encoded.len() as u64;
        self.count += 1;
        match self.slices.last_mut() {
            Some(Slice::Fresh { end, .. }) if *end == start => *end += encoded.len(),
            _ => self.slices.push(Slice::Fresh {
                start,
                end: self.fresh.len(),
            }),
        }
    }

    /// Bytes of the encoded frames.
    #[must_use]
    pub fn frames_length(&self) -> u64 {
        self.length
    }

    /// Hands the encoded frames to `sink`.
    pub fn write_frames(&self, base: &Committed, sink: &mut PieceSink<'_, Error>) -> Result<()> {
        self.slices
            .iter()
            .try_for_each(|slice| sink(&slice.bytes(base, &self.fresh)?))
    }

    /// What the directory is made of. Nothing can be pushed afterwards.
    pub fn finish(&mut self) -> Parts {
        let mut parts = std::mem::take(&mut self.parts);
        parts.frames_end = parts.frames_start + self.length;
        parts.sort();
        parts
    }
}
