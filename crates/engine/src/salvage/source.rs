//! The bytes of a file, also of one that the disk cannot read everywhere.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;

use mv2::bytes::Bytes;
use mv2::storage::{FileStorage, Storage};

use super::finding::{FindingCode, Findings};
use crate::error::{Error, Result};
use crate::output::{self, Output};

/// Unit of what a disk can read or not, bytes.
const PAGE: u64 = 4096;
/// Bytes that are read at a time where all is well.
const PIECE: u64 = 1 << 20;

/// What can be read of a file.
pub struct Source {
    /// Its bytes; zeros where they cannot be read.
    pub map: Bytes,
    /// What could not be read.
    unreadable: Vec<Range<u64>>,
}

impl Source {
    /// Reads the first bytes of a file, `length` of them. Where it can be read, that is a map of it; else a copy without a name in `folder`: a map ends
    /// in zeros, or the process, where the disk fails.
    pub fn of(storage: &FileStorage, length: u64, folder: &Path) -> Result<Self> {
        let unreadable = unreadable(storage, length);
        if unreadable.is_empty() {
            let map = output::map(storage, length)?;
            return Ok(Self { map, unreadable });
        }
        let map = readable_copy(storage, length, &unreadable, folder)?;
        Ok(Self { map, unreadable })
    }

    /// Names what could not be read.
    pub fn report(&self, findings: &mut Findings) {
        if self.unreadable.is_empty() {
            return;
        }
        let places: Vec<String> = (self.unreadable.iter())
            .map(|range| format!("{}-{}", range.start, range.end - 1))
            .collect();
        let message = format!(
            "{} bytes cannot be read from the disk; zeros are taken for them",
            self.unreadable_bytes()
        );
        let detail = Some(format!("bytes {}", places.join(", ")));
        findings.add(FindingCode::Unreadable, message, detail);
    }

    fn unreadable_bytes(&self) -> u64 {
        let lengths = self.unreadable.iter().map(|range| range.end - range.start);
        lengths.sum()
    }

    /// Whether so much of it cannot be read that this may be the disk's end, or its cable's: what can be read another time
    /// is not to be given up.
    pub fn is_mostly_unreadable(&self) -> bool {
        self.unreadable_bytes() > (self.map.len() as u64 / 8).max(16 * PAGE)
    }

    /// Whether the file became shorter since.
    pub fn has_changed(&self, storage: &FileStorage) -> bool {
        self.map.has_failed()
            || output::length(storage).is_ok_and(|length| length < self.map.len() as u64)
    }
}

/// Pages that cannot be read, not even alone, joined to ranges.
fn unreadable(storage: &dyn Storage, length: u64) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    let mut buffer = vec![0; PIECE as usize];
    let mut read = |from: u64, to: u64| {
        let bytes = buffer.get_mut(..(to - from) as usize).unwrap_or_default();
        match storage.read_at(from, bytes) {
            // Cut off meanwhile: whoever looks at the bytes finds out.
            Err(error) => error.kind() == ErrorKind::UnexpectedEof,
            Ok(()) => true,
        }
    };
    for from in (0..length).step_by(PIECE as usize) {
        let to = length.min(from + PIECE);
        if read(from, to) {
            continue;
        }
        for from in (from..to).step_by(PAGE as usize) {
            let to = length.min(from + PAGE);
            if read(from, to) {
                continue;
            }
            match ranges.last_mut() {
                Some(last) if last.end == from => last.end = to,
                _ => ranges.push(from..to),
            }
        }
    }
    ranges
}

fn readable_copy(
    storage: &FileStorage,
    length: u64,
    unreadable: &[Range<u64>],
    folder: &Path,
) -> Result<Bytes> {
    let file = mv2::disk::temporary_file(folder)
        .map_err(|error| Error::io("create a temporary file in", folder, &error))?;
    let copy = std::sync::Arc::new(FileStorage::from_file(file, folder, true)?);
    output::set_length(&copy, length)?;
    let mut out = Output::new(std::sync::Arc::clone(&copy), 0);
    let mut buffer = vec![0; PIECE as usize];
    let ends = unreadable.iter().map(|range| (range.start, range.end));
    let mut from = 0;
    for (start, end) in ends.chain([(length, length)]) {
        while from < start {
            let to = start.min(from + PIECE);
            let bytes = buffer.get_mut(..(to - from) as usize).unwrap_or_default();
            output::read_at(storage, from, bytes)?;
            out.write(bytes)?;
            from = to;
        }
        out.skip(end - start)?;
        from = end;
    }
    out.flush()?;
    output::map(&copy, length)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A disk with pages that it cannot read.
    struct Bad {
        content: mv2::storage::MemoryStorage,
        pages: Vec<u64>,
    }

    impl Storage for Bad {
        fn len(&self) -> std::io::Result<u64> {
            self.content.len()
        }
        fn read_at(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
            let pages = offset / PAGE..(offset + out.len() as u64).div_ceil(PAGE);
            if self.pages.iter().any(|page| pages.contains(page)) {
                return Err(std::io::Error::from_raw_os_error(5));
            }
            self.content.read_at(offset, out)
        }
        fn write_at(&self, _: u64, _: &[u8]) -> std::io::Result<()> {
            unreachable!()
        }
        fn set_len(&self, _: u64) -> std::io::Result<()> {
            unreachable!()
        }
        fn sync(&self) -> std::io::Result<()> {
            unreachable!()
        }
        fn map(&self, _: u64) -> std::io::Result<Bytes> {
            unreachable!()
        }
    }

    #[test]
    fn pages_that_cannot_be_read_are_told_and_no_others() {
        let length = 3 * PIECE + 100;
        let disk = Bad {
            content: mv2::storage::MemoryStorage::new(vec![7; length as usize]),
            pages: vec![0, 300, 301, length / PAGE],
        };
        assert_eq!(
            unreadable(&disk, length),
            [
                0..PAGE,
                300 * PAGE..302 * PAGE,
                length / PAGE * PAGE..length
            ]
        );
    }
}
