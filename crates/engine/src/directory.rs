//! The directory section: what makes opening a file independent of its size.
//!
//! A private section, registered as the first entry of `toc.segments`. It holds the place of every frame inside the
//! table of contents, and the look-ups that would otherwise need all frames decoded. All integers little-endian.
//!
//! | offset | size | field |
//! |-------:|-----:|-------|
//! | 0  | 8  | magic `MVDIR\0\x03\0` |
//! | 8  | 4  | CRC-32 of bytes 12..160 |
//! | 12 | 4  | bytes of this header (160) |
//! | 16 | 8  | generation of the footer this belongs to |
//! | 24 | 8  | frames |
//! | 32 | 8  | offset of the first frame inside the table of contents |
//! | 40 | 8  | offset behind the last frame |
//! | 48 | 8  | highest log sequence contained |
//! | 56 | 8  | active frames |
//! | 64 | 8  | stored payload bytes of active frames |
//! | 72 | 8  | their decoded size |
//! | 80 | 8  | bytes of search text inside the table of contents |
//! | 88 | 8  | chunk entries |
//! | 96 | 8  | uri entries |
//! | 104| 8  | frames with an embedding identity |
//! | 112| 4  | CRC-32 of the checksums at the end |
//! | 116| 8  | offset of this section in the file |
//! | 124| 8  | stored payload bytes of frames that are not deleted |
//! | 132| 8  | frames that are deleted |
//! | 140| 4  | CRC-32 of the copy behind this header |
//! | 144| 8  | bytes of the log region |
//! | 152| 8  | bytes of that copy |
//! | 160|    | copy of what stands around the frames in the table of contents, see [`mv2::toc::surroundings`] |
//! |    | 32 × frames | frame records, see [`FrameRecord`] |
//! |    | 8 × chunks  | (parent u32, chunk u32), ascending |
//! |    | 16 × uris   | (hash u64, frame u32, zero u32), ascending; default uris are not listed |
//! |    | 4 × blocks  | CRC-32 of each [`BLOCK`] bytes behind the copy up to here, the last one short |
//!
//! With the copy and the checksums of the frames repair knows what of a damaged table of contents is as it was written; and
//! all of it but the frames is there twice.
//!
//! Blocks are compared with their checksums when they are first read, so that opening touches none of a large directory.
//! What is damaged reads as if it were not there and is noted ([`Directory::damage`]): whoever answers from a directory asks
//! for that before the answer goes out.
//!
//! A section whose generation or frame count differs from the table of contents in force is stale (another writer
//! committed): it is ignored and built anew from the frames.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mv2::bytes::Bytes;
use mv2::frame::FrameStatus;

use crate::error::{Error, Result};

const MAGIC: [u8; 8] = *b"MVDIR\0\x03\0";
const HEADER: usize = 160;
const RECORD: usize = 32;
const CHUNK: usize = 8;
const URI: usize = 16;
/// Unit of verification, bytes.
const BLOCK: usize = 16 << 10;
const NO_DAMAGE: u64 = u64::MAX;
/// Stands for "none" in 32-bit id fields.
const NONE: u32 = u32::MAX;

/// Totals over all frames, kept so that `stats` never walks them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Frames that are neither removed nor superseded.
    pub active: u64,
    /// Stored payload bytes of active frames.
    pub payload_bytes: u64,
    /// Stored payload bytes of active and superseded frames: what a rewritten file keeps.
    pub kept_bytes: u64,
    /// Deleted frames.
    pub deleted: u64,
    /// Decoded size of those payloads.
    pub logical_bytes: u64,
    /// Bytes of search text inside the table of contents, whatever the status.
    pub search_text_bytes: u64,
    /// Active frames that carry an embedding identity.
    pub identified: u64,
}

/// What is known of a frame without decoding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRecord {
    /// Where the encoded frame starts, in bytes from the first frame of the table of contents.
    pub toc_offset: u64,
    /// Seconds since 1970.
    pub timestamp: i64,
    /// The document a chunk belongs to.
    pub parent: Option<u32>,
    /// The newer version of this frame.
    pub superseded_by: Option<u32>,
    /// CRC-32 of the encoded frame.
    pub checksum: u32,
    /// Status, role and marks.
    pub flags: Flags,
}

/// Bits: 0–1 status (0 active, 1 superseded, 2 deleted), 2–3 role (0 document, 1 chunk, 2 image), 4 has chunks,
/// 5 is a correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u32);

impl Flags {
    /// Assembles the bits.
    #[must_use]
    pub fn new(status: u32, role: u32, has_chunks: bool) -> Self {
        Self((status & 3) | (role & 3) << 2 | u32::from(has_chunks) << 4)
    }
    /// 0 active, 1 superseded, 2 deleted.
    #[must_use]
    pub fn status(self) -> u32 {
        self.0 & 3
    }
    /// Whether the status is active.
    #[must_use]
    pub fn is_active(self) -> bool {
        self.status() == FrameStatus::Active as u32
    }
    /// The same flags with another status.
    #[must_use]
    pub fn with_status(self, status: u32) -> Self {
        Self(self.0 & !3 | (status & 3))
    }
    /// Whether this is a whole document, not a chunk or an extracted image.
    #[must_use]
    pub fn is_document(self) -> bool {
        self.0 >> 2 & 3 == 0
    }
    /// Whether the text of this document lives in its chunks.
    #[must_use]
    pub fn has_chunks(self) -> bool {
        self.0 >> 4 & 1 == 1
    }
}

/// Everything that goes into a new directory.
#[derive(Debug, Default)]
pub struct Parts {
    /// Footer generation.
    pub generation: u64,
    /// Offset of the first frame inside the table of contents.
    pub frames_start: u64,
    /// Offset behind the last one.
    pub frames_end: u64,
    /// Highest log sequence contained.
    pub applied_sequence: u64,
    /// Totals.
    pub totals: Totals,
    /// Where the section will stand in the file; 0 when it is only in memory.
    pub section_offset: u64,
    /// See [`mv2::toc::surroundings`]; empty when it is only in memory.
    pub surroundings: Vec<u8>,
    /// Bytes of the log region.
    pub log_size: u64,
    /// One record a frame, in id order.
    pub records: Vec<FrameRecord>,
    /// (parent, chunk), ascending.
    pub chunks: Vec<(u32, u32)>,
    /// (hash of uri, frame), ascending.
    pub uris: Vec<(u64, u32)>,
}

impl Parts {
    /// The section's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let body = self.records.len() * RECORD + self.chunks.len() * CHUNK + self.uris.len() * URI;
        let body_start = HEADER + self.surroundings.len();
        let mut out = Vec::with_capacity(body_start + body + body.div_ceil(BLOCK) * 4);
        out.resize(HEADER, 0);
        out.extend_from_slice(&self.surroundings);
        for record in &self.records {
            out.extend_from_slice(&record.toc_offset.to_le_bytes());
            out.extend_from_slice(&record.timestamp.to_le_bytes());
            out.extend_from_slice(&record.parent.unwrap_or(NONE).to_le_bytes());
            out.extend_from_slice(&record.superseded_by.unwrap_or(NONE).to_le_bytes());
            out.extend_from_slice(&record.checksum.to_le_bytes());
            out.extend_from_slice(&record.flags.0.to_le_bytes());
        }
        for (parent, chunk) in &self.chunks {
            out.extend_from_slice(&parent.to_le_bytes());
            out.extend_from_slice(&chunk.to_le_bytes());
        }
        for (hash, frame) in &self.uris {
            out.extend_from_slice(&hash.to_le_bytes());
            out.extend_from_slice(&frame.to_le_bytes());
            out.extend_from_slice(&[0; 4]);
        }
        let checksums: Vec<u8> = out[body_start..]
            .chunks(BLOCK)
            .flat_map(|block| crc32fast::hash(block).to_le_bytes())
            .collect();
        out.extend_from_slice(&checksums);
        let checksum = crc32fast::hash(&checksums);
        let fields = [
            self.generation,
            self.records.len() as u64,
            self.frames_start,
            self.frames_end,
            self.applied_sequence,
            self.totals.active,
            self.totals.payload_bytes,
            self.totals.logical_bytes,
            self.totals.search_text_bytes,
            self.chunks.len() as u64,
            self.uris.len() as u64,
            self.totals.identified,
        ];
        out[..8].copy_from_slice(&MAGIC);
        out[12..16].copy_from_slice(&(HEADER as u32).to_le_bytes());
        for (index, field) in fields.iter().enumerate() {
            out[16 + index * 8..24 + index * 8].copy_from_slice(&field.to_le_bytes());
        }
        out[112..116].copy_from_slice(&checksum.to_le_bytes());
        out[116..124].copy_from_slice(&self.section_offset.to_le_bytes());
        out[124..132].copy_from_slice(&self.totals.kept_bytes.to_le_bytes());
        out[132..140].copy_from_slice(&self.totals.deleted.to_le_bytes());
        out[140..144].copy_from_slice(&crc32fast::hash(&self.surroundings).to_le_bytes());
        out[144..152].copy_from_slice(&self.log_size.to_le_bytes());
        out[152..160].copy_from_slice(&(self.surroundings.len() as u64).to_le_bytes());
        let header_checksum = crc32fast::hash(&out[12..HEADER]);
        out[8..12].copy_from_slice(&header_checksum.to_le_bytes());
        out
    }
}

/// Which blocks of a directory were compared with their checksums.
struct Checks {
    verified: Box<[AtomicBool]>,
    /// Place in the file of the first block that was found damaged.
    damage: AtomicU64,
}

/// A directory in place: a view of bytes that are mapped from the file or were built in memory.
#[derive(Clone)]
pub struct Directory {
    bytes: Bytes,
    start: usize,
    /// Bytes of the copy in front of the body.
    copy: usize,
    frames: usize,
    chunks: usize,
    uris: usize,
    /// `None`: the bytes were made by this process.
    checks: Option<Arc<Checks>>,
}

impl Directory {
    /// Reads the section that starts at `start`; the header's checksum and the section's length are checked.
    pub fn parse(bytes: Bytes, start: usize, length: usize) -> Result<Self> {
        let fail = |message: &str| Error::corrupt("directory section", start as u64, message);
        let section = start
            .checked_add(length)
            .and_then(|end| bytes.get(start..end))
            .ok_or_else(|| fail("outside the file"))?;
        if section.len() < HEADER || section[..8] != MAGIC {
            return Err(fail("not a directory"));
        }
        let checksum = u32_at(section, 8);
        if crc32fast::hash(&section[12..HEADER]) != checksum
            || u32_at(section, 12) as usize != HEADER
        {
            return Err(fail("header checksum mismatch"));
        }
        if Self::length_at(section) != Some(section.len()) || u64_at(section, 24) >= u64::from(NONE)
        {
            return Err(fail("length does not fit its counts"));
        }
        let copy = u64_at(section, 152) as usize;
        let (frames, chunks, uris) = (
            u64_at(section, 24) as usize,
            u64_at(section, 88) as usize,
            u64_at(section, 96) as usize,
        );
        let blocks = (frames * RECORD + chunks * CHUNK + uris * URI).div_ceil(BLOCK);
        let checksums = &section[section.len() - blocks * 4..];
        if crc32fast::hash(checksums) != u32_at(section, 112) {
            return Err(fail("the checksum of its checksums does not match"));
        }
        Ok(Self {
            bytes,
            start,
            copy,
            frames,
            chunks,
            uris,
            checks: Some(Arc::new(Checks {
                verified: (0..blocks).map(|_| AtomicBool::new(false)).collect(),
                damage: AtomicU64::new(NO_DAMAGE),
            })),
        })
    }

    /// The directory at `offset`, if there is one. One that stands elsewhere than it says was moved, with all that it leads to,
    /// or is part of a memory stored as a document.
    #[must_use]
    pub fn found_at(map: &Bytes, offset: u64) -> Option<Self> {
        let start = usize::try_from(offset).ok()?;
        let length = Self::length_at(map.get(start..)?)?;
        let directory = Self::parse(map.clone(), start, length).ok()?;
        (directory.section_offset() == offset).then_some(directory)
    }

    /// The directories in a part of the file, from the last to the first.
    pub fn all_in(map: &Bytes, from: u64, to: u64) -> impl Iterator<Item = Self> + '_ {
        /// Look-alikes that are looked at.
        const MOST: usize = 256;
        let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
        let part = range.and_then(|(from, to)| map.get(from..to));
        memchr::memmem::rfind_iter(part.unwrap_or_default(), &MAGIC)
            .take(MOST)
            .filter_map(move |at| Self::found_at(map, from + at as u64))
    }

    /// Bytes of the section that starts with `section`, as its own counts say.
    #[must_use]
    pub fn length_at(section: &[u8]) -> Option<usize> {
        let header = section.get(..HEADER)?;
        let body = (u64_at(header, 24).checked_mul(RECORD as u64)?)
            .checked_add(u64_at(header, 88).checked_mul(CHUNK as u64)?)?
            .checked_add(u64_at(header, 96).checked_mul(URI as u64)?)?;
        let length = body
            .checked_add(body.div_ceil(BLOCK as u64) * 4)?
            .checked_add(u64_at(header, 152))?
            .checked_add(HEADER as u64)?;
        usize::try_from(length).ok()
    }

    /// Bytes of a section with these counts and a copy of this many bytes.
    #[must_use]
    pub fn length(surroundings: u64, frames: u64, chunks: u64, uris: u64) -> u64 {
        let body = frames * RECORD as u64 + chunks * CHUNK as u64 + uris * URI as u64;
        HEADER as u64 + surroundings + body + body.div_ceil(BLOCK as u64) * 4
    }

    /// A directory built in memory.
    pub fn from_parts(parts: &Parts) -> Result<Self> {
        let encoded = parts.encode();
        let length = encoded.len();
        let parsed = Self::parse(Bytes::from(encoded), 0, length)?;
        Ok(Self {
            checks: None,
            ..parsed
        })
    }

    /// Bytes behind header and copy, but for the checksums.
    fn body_length(&self) -> usize {
        self.frames * RECORD + self.chunks * CHUNK + self.uris * URI
    }

    /// Bytes of the body, verified.
    #[inline]
    fn body(&self, start: usize, length: usize) -> Option<&[u8]> {
        if let Some(checks) = &self.checks {
            let last = (start + length - 1) / BLOCK;
            for block in start / BLOCK..=last {
                if !checks.verified.get(block)?.load(Ordering::Relaxed) {
                    self.verify_block(checks, block)?;
                }
            }
        }
        let start = HEADER + self.copy + start;
        self.section().get(start..start + length)
    }

    #[cold]
    fn verify_block(&self, checks: &Checks, block: usize) -> Option<()> {
        let section = self.section();
        let body = self.body_length();
        let (from, to) = (block * BLOCK, body.min((block + 1) * BLOCK));
        let body_start = HEADER + self.copy;
        let expected = u32_at(section, body_start + body + block * 4);
        if crc32fast::hash(section.get(body_start + from..body_start + to)?) != expected {
            let place = (self.start + body_start + from) as u64;
            checks.damage.fetch_min(place, Ordering::Relaxed);
            return None;
        }
        checks.verified.get(block)?.store(true, Ordering::Relaxed);
        Some(())
    }

    /// Where the first damage stands that was met so far, in the file. What was read since may lack entries.
    #[must_use]
    pub fn damage(&self) -> Option<u64> {
        let checks = self.checks.as_ref()?;
        Some(checks.damage.load(Ordering::Relaxed)).filter(|place| *place != NO_DAMAGE)
    }

    fn section(&self) -> &[u8] {
        // The range was checked by `parse` against the same immutable bytes.
        self.bytes.get(self.start..).unwrap_or_default()
    }

    fn field(&self, offset: usize) -> u64 {
        u64_at(self.section(), offset)
    }

    /// The footer generation this belongs to.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.field(16)
    }
    /// Number of frames.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames as u64
    }
    /// Where the frames stand inside the table of contents.
    #[must_use]
    pub fn frames_range(&self) -> (u64, u64) {
        (self.field(32), self.field(40))
    }
    /// Where the section stood when it was written. Another place now means that another program moved the file's
    /// content (container.md §2.1), and with it every payload.
    #[must_use]
    pub fn section_offset(&self) -> u64 {
        self.field(116)
    }
    /// Bytes of the table of contents that it was written with: what stands around the frames, their number, and the frames.
    #[must_use]
    pub fn table_length(&self) -> u64 {
        let (from, to) = self.frames_range();
        (self.copy as u64 + 8).saturating_add(to.saturating_sub(from))
    }
    /// Highest log sequence contained.
    #[must_use]
    pub fn applied_sequence(&self) -> u64 {
        self.field(48)
    }
    /// Whether these are the surroundings of the frames ([`mv2::toc::surroundings`]) in the table of contents that it was
    /// written with.
    #[must_use]
    pub fn are_surroundings(&self, surroundings: &[u8]) -> bool {
        surroundings.len() == self.copy
            && crc32fast::hash(surroundings) == u32_at(self.section(), 140)
    }
    /// The surroundings of the frames, as far as they are intact here.
    #[must_use]
    pub fn surroundings(&self) -> Option<&[u8]> {
        let copy = self.section().get(HEADER..HEADER + self.copy)?;
        self.are_surroundings(copy).then_some(copy)
    }
    /// Bytes of the log region.
    #[must_use]
    pub fn log_size(&self) -> u64 {
        self.field(144)
    }
    /// Totals over all frames.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals {
            active: self.field(56),
            payload_bytes: self.field(64),
            kept_bytes: self.field(124),
            deleted: self.field(132),
            logical_bytes: self.field(72),
            search_text_bytes: self.field(80),
            identified: self.field(104),
        }
    }

    /// Whether every byte is as it was written (O(size); opening a large one does not need it).
    #[must_use]
    pub fn is_intact(&self) -> bool {
        let Some(checks) = &self.checks else {
            return true;
        };
        // Read anew: what was verified before may have changed on the disk.
        self.surroundings().is_some()
            && (0..checks.verified.len()).all(|block| self.verify_block(checks, block).is_some())
    }

    /// Bytes of the whole section.
    #[must_use]
    pub fn size(&self) -> u64 {
        Self::length(
            self.copy as u64,
            self.frames as u64,
            self.chunks as u64,
            self.uris as u64,
        )
    }

    /// Whether both describe the same frames at the same places.
    #[must_use]
    pub fn describes_the_same(&self, other: &Self) -> bool {
        self.frames == other.frames
            && self.frames_range() == other.frames_range()
            && (0..self.frames()).all(|id| self.record(id) == other.record(id))
    }

    /// The record of frame `id`.
    #[must_use]
    pub fn record(&self, id: u64) -> Option<FrameRecord> {
        if id >= self.frames as u64 {
            return None;
        }
        let bytes = self.body(id as usize * RECORD, RECORD)?;
        let optional = |offset| Some(u32_at(bytes, offset)).filter(|&id| id != NONE);
        Some(FrameRecord {
            toc_offset: u64_at(bytes, 0),
            timestamp: u64_at(bytes, 8) as i64,
            parent: optional(16),
            superseded_by: optional(20),
            checksum: u32_at(bytes, 24),
            flags: Flags(u32_at(bytes, 28)),
        })
    }

    /// Ids of the chunks of `parent`, ascending, whatever their status.
    pub fn chunks_of(&self, parent: u64) -> impl Iterator<Item = u64> + '_ {
        let at = move |index: usize| {
            let (parent, chunk) = self.chunk(index);
            (u64::from(parent), u64::from(chunk))
        };
        let first = partition_point(self.chunks, |index| at(index).0 < parent);
        (first..self.chunks)
            .map(at)
            .take_while(move |&(owner, _)| owner == parent)
            .map(|(_, chunk)| chunk)
    }

    /// All (parent, chunk) pairs, ascending.
    pub fn chunks(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        (0..self.chunks).map(|index| self.chunk(index))
    }

    fn chunk(&self, index: usize) -> (u32, u32) {
        let start = self.frames * RECORD + index * CHUNK;
        let bytes = self.body(start, CHUNK).unwrap_or(&[0xFF; CHUNK]);
        (u32_at(bytes, 0), u32_at(bytes, 4))
    }

    /// Frames whose uri has this hash, ascending. The caller compares the uri itself.
    pub fn frames_with_uri_hash(&self, hash: u64) -> impl DoubleEndedIterator<Item = u64> + '_ {
        let first = partition_point(self.uris, |index| self.uri(index).0 < hash);
        let last = partition_point(self.uris, |index| self.uri(index).0 <= hash);
        (first..last).map(|index| u64::from(self.uri(index).1))
    }

    /// All (hash, frame) pairs, ascending.
    pub fn uris(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        (0..self.uris).map(|index| self.uri(index))
    }

    fn uri(&self, index: usize) -> (u64, u32) {
        let start = self.frames * RECORD + self.chunks * CHUNK + index * URI;
        let bytes = self.body(start, URI).unwrap_or(&[0xFF; URI]);
        (u64_at(bytes, 0), u32_at(bytes, 8))
    }
}

/// Whether bytes are a directory section of ours.
#[must_use]
pub fn is_directory(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC[..6])
}

/// The look-up hash of a uri.
#[must_use]
pub fn uri_hash(uri: &str) -> u64 {
    u64_at(blake3::hash(uri.as_bytes()).as_bytes(), 0)
}

/// First index in `0..length` for which `before` is false.
fn partition_point(length: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, length);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) {
            low = middle + 1
        } else {
            high = middle
        }
    }
    low
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    bytes
        .get(offset..offset + 8)
        .and_then(|slice| slice.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    bytes
        .get(offset..offset + 4)
        .and_then(|slice| slice.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parts() -> Parts {
        let record = |offset, parent| FrameRecord {
            toc_offset: offset,
            timestamp: -5,
            parent,
            superseded_by: None,
            checksum: 7,
            flags: Flags::new(0, 0, true),
        };
        Parts {
            generation: 3,
            frames_start: 24,
            frames_end: 99,
            applied_sequence: 12,
            section_offset: 0,
            surroundings: b"head and tail".to_vec(),
            log_size: 9,
            totals: Totals {
                active: 3,
                payload_bytes: 10,
                kept_bytes: 11,
                deleted: 1,
                logical_bytes: 20,
                search_text_bytes: 5,
                identified: 0,
            },
            records: vec![record(24, None), record(50, Some(0)), record(70, Some(0))],
            chunks: vec![(0, 1), (0, 2)],
            uris: vec![(1, 0), (9, 1), (9, 2)],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let directory = Directory::from_parts(&parts()).unwrap();
        assert_eq!(
            (
                directory.generation(),
                directory.frames(),
                directory.applied_sequence()
            ),
            (3, 3, 12)
        );
        assert_eq!(directory.frames_range(), (24, 99));
        assert_eq!(directory.surroundings(), Some(&b"head and tail"[..]));
        assert_eq!(directory.totals(), parts().totals);
        assert_eq!(directory.record(1), Some(parts().records[1]));
        assert_eq!(directory.record(3), None);
        assert_eq!(directory.chunks_of(0).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(directory.chunks_of(1).count(), 0);
        assert_eq!(
            directory.frames_with_uri_hash(9).collect::<Vec<_>>(),
            [1, 2]
        );
        assert_eq!(directory.frames_with_uri_hash(8).count(), 0);
        assert!(directory.is_intact());
    }

    #[test]
    fn damage_is_noted_when_it_is_read_and_not_before() {
        let record = parts().records[0];
        let many = Parts {
            records: vec![record; 2_000],
            ..parts()
        };
        let mut encoded = many.encode();
        let length = encoded.len();
        let body_start = HEADER + many.surroundings.len();
        encoded[body_start + BLOCK + 40] ^= 1;
        let directory = Directory::parse(Bytes::from(encoded), 0, length).unwrap();
        assert_eq!(directory.record(511), Some(record));
        assert_eq!(directory.record(1_024), Some(record));
        assert_eq!(directory.frames_with_uri_hash(9).count(), 2);
        assert_eq!(directory.damage(), None);
        assert_eq!(directory.record(512), None);
        assert_eq!(directory.damage(), Some((body_start + BLOCK) as u64));
        assert!(!directory.is_intact());
    }

    #[test]
    fn damage_is_found_and_never_panics() {
        let encoded = parts().encode();
        for position in 0..encoded.len() {
            let mut damaged = encoded.clone();
            damaged[position] ^= 0x40;
            let length = damaged.len();
            let parsed = Directory::parse(Bytes::from(damaged), 0, length);
            assert!(
                parsed.is_err() || !parsed.unwrap().is_intact(),
                "byte {position}"
            );
        }
        for length in 0..encoded.len() {
            assert!(Directory::parse(Bytes::from(encoded.clone()), 0, length).is_err());
        }
    }
}
