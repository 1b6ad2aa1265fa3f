//! The packed form of one segment.
//!
//! Integers are little-endian. The payload begins at a multiple of 8, and so does every file in it.
//!
//! | offset | size      | field                                                        |
//! |-------:|----------:|--------------------------------------------------------------|
//! |      0 |         8 | magic `LEXSEGv2`                                             |
//! |      8 |         4 | CRC-32 of everything from offset 12 to the payload           |
//! |     12 |         4 | number of files, [`FILE_COUNT`]                              |
//! |     16 |         8 | length of the whole blob                                     |
//! |     24 |         8 | number of documents                                          |
//! |     32 |         8 | tokens in titles (sum of the quantised lengths)              |
//! |     40 |         8 | tokens in bodies (likewise)                                  |
//! |     48 |         8 | lowest frame id                                              |
//! |     56 |         8 | highest frame id                                             |
//! |     64 |     16 ×n | per file, in the order of [`File`]: offset and length        |
//! |      … |      4 ×b | CRC-32 of each [`BLOCK`] of the payload, the last one short  |
//!
//! Blocks are checked when they are first read, so that opening does not touch the payload.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::{array, io};
use tantivy::HasLen;
use tantivy::directory::{FileHandle, OwnedBytes};

const MAGIC: &[u8; 8] = b"LEXSEGv2";
const FIXED_HEADER: usize = 64;
/// Unit of verification.
const BLOCK: usize = 32 * 1024;
/// Files of one segment.
pub(crate) const FILE_COUNT: usize = 6;

/// The files of one segment, in their order: those of a tantivy segment without their footers (which would repeat the
/// library's version and a checksum), and the word forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum File {
    Terms,
    Postings,
    Positions,
    FieldNorms,
    FastFields,
    Classes,
}

/// What the header says about the documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub documents: u64,
    pub title_tokens: u64,
    pub body_tokens: u64,
    pub lowest_frame: u64,
    pub highest_frame: u64,
}

/// Packs the files of one segment, given in the order of [`File`]. Each is freed once it is copied.
pub(crate) fn pack(summary: Summary, files: [Vec<u8>; FILE_COUNT]) -> Vec<u8> {
    let payload_length: usize = files
        .iter()
        .map(|file| file.len().next_multiple_of(8))
        .sum();
    let payload_start = payload_start(payload_length);
    let mut blob = Vec::with_capacity(payload_start + payload_length);
    blob.extend_from_slice(MAGIC);
    blob.extend_from_slice(&[0; 4]);
    blob.extend_from_slice(&(FILE_COUNT as u32).to_le_bytes());
    let numbers = [
        (payload_start + payload_length) as u64,
        summary.documents,
        summary.title_tokens,
        summary.body_tokens,
        summary.lowest_frame,
        summary.highest_frame,
    ];
    blob.extend(numbers.into_iter().flat_map(u64::to_le_bytes));
    let mut offset = payload_start;
    for file in &files {
        blob.extend_from_slice(&(offset as u64).to_le_bytes());
        blob.extend_from_slice(&(file.len() as u64).to_le_bytes());
        offset += file.len().next_multiple_of(8);
    }
    let checksums = blob.len();
    blob.resize(payload_start, 0);
    for file in files {
        blob.extend_from_slice(&file);
        blob.resize(blob.len().next_multiple_of(8), 0);
    }
    for index in 0..payload_length.div_ceil(BLOCK) {
        let from = payload_start + index * BLOCK;
        let to = (from + BLOCK).min(blob.len());
        let checksum = crc32fast::hash(&blob[from..to]);
        blob[checksums + index * 4..checksums + index * 4 + 4]
            .copy_from_slice(&checksum.to_le_bytes());
    }
    let checksum = crc32fast::hash(&blob[12..payload_start]);
    blob[8..12].copy_from_slice(&checksum.to_le_bytes());
    blob
}

fn payload_start(payload_length: usize) -> usize {
    (FIXED_HEADER + FILE_COUNT * 16 + payload_length.div_ceil(BLOCK) * 4).next_multiple_of(8)
}

/// A packed segment whose header is verified.
#[derive(Clone)]
pub(crate) struct Blob {
    bytes: OwnedBytes,
    summary: Summary,
    files: [Range<usize>; FILE_COUNT],
    payload_start: usize,
    checksums: usize,
    /// One flag per block: 1 once its checksum has been found right.
    verified: Arc<[AtomicU8]>,
}

impl fmt::Debug for Blob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Blob")
            .field("length", &self.bytes.len())
            .field("summary", &self.summary)
            .finish()
    }
}

/// Whether `bytes` begin like a blob of this version of [`crate::SegmentBuilder::finish`] or [`crate::merge`]. Says nothing about damage.
///
/// ```
/// assert!(lex::is_segment(&lex::SegmentBuilder::new(15_000_000)?.finish()?));
/// assert!(!lex::is_segment(b"something else"));
/// # Ok::<(), lex::Error>(())
/// ```
pub fn is_segment(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// How many documents a blob says it holds; `None` when it is no blob of this version. Says nothing about damage.
///
/// ```
/// assert_eq!(lex::document_count(&lex::SegmentBuilder::new(15_000_000)?.finish()?), Some(0));
/// assert_eq!(lex::document_count(b"something else"), None);
/// # Ok::<(), lex::Error>(())
/// ```
pub fn document_count(bytes: &[u8]) -> Option<u64> {
    number(bytes, 24).filter(|_| is_segment(bytes) && has_intact_header(bytes))
}

fn has_intact_header(bytes: &[u8]) -> bool {
    let end = number(bytes, FIXED_HEADER).and_then(|end| usize::try_from(end).ok());
    let header = end.and_then(|end| bytes.get(12..end));
    header.is_some_and(|header| Some(crc32fast::hash(header)) == short_number(bytes, 8))
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn short_number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

impl Blob {
    /// Checks the header. Does not read the payload.
    pub(crate) fn open(bytes: OwnedBytes) -> Result<Self, String> {
        let slice = bytes.as_slice();
        if !is_segment(slice) {
            return Err("it does not begin with the mark of a full-text segment".to_owned());
        }
        let short = || format!("{} bytes are too few for the header", slice.len());
        let length = number(slice, 16).ok_or_else(short)?;
        if length != slice.len() as u64 {
            return Err(format!(
                "it is {} bytes long where the header says {length}",
                slice.len()
            ));
        }
        let count = short_number(slice, 12).ok_or_else(short)?;
        if count as usize != FILE_COUNT {
            return Err(format!(
                "it holds {count} files where {FILE_COUNT} are expected"
            ));
        }
        let first = number(slice, FIXED_HEADER).ok_or_else(short)?;
        let payload_start = usize::try_from(first)
            .ok()
            .filter(|start| *start <= slice.len());
        let payload_start = payload_start
            .ok_or_else(|| format!("its first file begins at {first}, behind its end"))?;
        if payload_start != self::payload_start(slice.len() - payload_start) {
            return Err(format!("its payload cannot begin at {payload_start}"));
        }
        if Some(crc32fast::hash(&slice[12..payload_start])) != short_number(slice, 8) {
            return Err("the checksum of its header is wrong".to_owned());
        }
        let mut files: [Range<usize>; FILE_COUNT] = array::from_fn(|_| 0..0);
        for (index, range) in files.iter_mut().enumerate() {
            let at = FIXED_HEADER + index * 16;
            let start = number(slice, at).ok_or_else(short)?;
            let end = number(slice, at + 8).and_then(|length| start.checked_add(length));
            let end = end.filter(|end| *end <= slice.len() as u64 && start >= payload_start as u64);
            let end = end.ok_or_else(|| format!("file {index} lies outside of it"))?;
            *range = start as usize..end as usize;
        }
        let read = |at: usize| number(slice, at).ok_or_else(short);
        let summary = Summary {
            documents: read(24)?,
            title_tokens: read(32)?,
            body_tokens: read(40)?,
            lowest_frame: read(48)?,
            highest_frame: read(56)?,
        };
        let blocks = (slice.len() - payload_start).div_ceil(BLOCK);
        Ok(Self {
            summary,
            files,
            payload_start,
            checksums: FIXED_HEADER + FILE_COUNT * 16,
            verified: (0..blocks).map(|_| AtomicU8::new(0)).collect(),
            bytes,
        })
    }

    pub(crate) fn summary(&self) -> Summary {
        self.summary
    }

    /// One file, verified as it is read.
    pub(crate) fn file(&self, file: File) -> BlobFile {
        BlobFile {
            range: self.files[file as usize].clone(),
            blob: self.clone(),
        }
    }

    /// Verifies the whole payload.
    pub(crate) fn verify(&self) -> io::Result<()> {
        self.check(self.payload_start..self.bytes.len())
    }

    fn check(&self, range: Range<usize>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let from = (range.start - self.payload_start) / BLOCK;
        let to = (range.end - 1 - self.payload_start) / BLOCK;
        for index in from..=to {
            let Some(flag) = self.verified.get(index) else {
                return Err(damaged("a read past its end".to_owned()));
            };
            if flag.load(Ordering::Relaxed) == 1 {
                continue;
            }
            let start = self.payload_start + index * BLOCK;
            let end = (start + BLOCK).min(self.bytes.len());
            let stored = short_number(&self.bytes, self.checksums + index * 4);
            if self.bytes.get(start..end).map(crc32fast::hash) != stored {
                return Err(damaged(format!(
                    "the checksum of bytes {start}..{end} is wrong"
                )));
            }
            flag.store(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn damaged(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// One file of a segment. Reads share the bytes of the blob.
#[derive(Debug, Clone)]
pub(crate) struct BlobFile {
    blob: Blob,
    range: Range<usize>,
}

impl HasLen for BlobFile {
    fn len(&self) -> usize {
        self.range.len()
    }
}

impl FileHandle for BlobFile {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        if range.start > range.end || range.end > self.range.len() {
            return Err(damaged(format!(
                "{range:?} was asked of a file of {} bytes",
                self.range.len()
            )));
        }
        let range = self.range.start + range.start..self.range.start + range.end;
        self.blob.check(range.clone())?;
        Ok(self.blob.bytes.slice(range))
    }
}
