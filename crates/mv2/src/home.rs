//! Whether a table of contents is this file's own. A memory can be stored in another one as a document, byte for byte: its
//! tables and footers then stand in this file, intact, and say nothing of it.

use std::cell::OnceCell;
use std::ops::Range;

use crate::footer::{FOOTER_SIZE, Footer};
use crate::header::{self, HEADER_SIZE, Header};
use crate::toc;
use crate::verify;

/// Most things that are compared. One that is where the table says is enough; some may be damaged.
const MOST_COMPARED: usize = 32;
/// Frames that are looked at for their payloads.
const FRAMES_LOOKED_AT: usize = 16;
/// Most bytes that are hashed for one table.
const MOST_HASHED: u64 = 64 << 20;
/// Memories inside the file that are looked for.
const MOST_EMBEDDED: usize = 256;

/// Whether something that the table names, section or payload, stands where it says, with the hash it says. `None`: the
/// table names nothing.
#[must_use]
pub fn is_at_home(file: &[u8], table: &[u8]) -> Option<bool> {
    let mut things = named_things(table);
    things.sort_by_key(|(_, length, _)| *length);
    let mut hashed = 0;
    for (offset, length, checksum) in things.iter().take(MOST_COMPARED) {
        hashed += length;
        if hashed > MOST_HASHED {
            break;
        }
        if verify::section_checksum(file, "section", *offset, *length, checksum).is_ok() {
            return Some(true);
        }
    }
    (!things.is_empty()).then_some(false)
}

/// Sections and payloads: offset, length, BLAKE3.
fn named_things(table: &[u8]) -> Vec<(u64, u64, [u8; 32])> {
    let mut things = Vec::new();
    let Ok((head, count, frames_start)) = toc::decode_head(table) else {
        return things;
    };
    for segment in &head.segments {
        let place = (segment.bytes_offset, segment.bytes_length);
        things.push((place.0, place.1, segment.primary_checksum));
    }
    let mut end = usize::try_from(frames_start).unwrap_or(usize::MAX);
    for (number, item) in toc::frame_views(table, count, frames_start).enumerate() {
        let Ok((offset, view)) = item else {
            return retain_named(things);
        };
        end = usize::try_from(offset).map_or(usize::MAX, |at| at + view.encoded.len());
        if number < FRAMES_LOOKED_AT {
            things.push((view.payload_offset, view.payload_length, view.checksum));
        }
    }
    if let Some(Ok(tail)) = table.get(end..).map(toc::decode_tail) {
        if let Some(index) = tail.time_index {
            things.push((index.bytes_offset, index.bytes_length, index.checksum));
        }
        if let Some(track) = tail.sketch_track {
            things.push((track.bytes_offset, track.bytes_length, track.checksum));
        }
    }
    retain_named(things)
}

fn retain_named(mut things: Vec<(u64, u64, [u8; 32])>) -> Vec<(u64, u64, [u8; 32])> {
    things.retain(|(_, length, _)| *length > 0);
    things
}

/// Where whole memories stand inside the file, from their headers to their footers.
#[must_use]
pub fn embedded(file: &[u8]) -> Vec<Range<u64>> {
    let start = Header::default().encode();
    let magic = start.get(..8).unwrap_or_default();
    let Some(body) = file.get(HEADER_SIZE.min(file.len())..) else {
        return Vec::new();
    };
    memchr::memmem::find_iter(body, magic)
        .take(MOST_EMBEDDED)
        .filter_map(|at| {
            let start = at + HEADER_SIZE;
            let inner = file.get(start..)?;
            let header = Header::decode(inner).ok()?;
            let table = usize::try_from(header.footer_offset).ok()?;
            let length = header::toc_length(inner)
                .and_then(|length| usize::try_from(length).ok())
                .or_else(|| length_at(inner, table))?;
            // The first page alone is no memory.
            let footer = table.checked_add(length)?;
            let end = footer.checked_add(FOOTER_SIZE)?;
            let named = Footer::decode(inner.get(footer..end)?).ok()?;
            (named.toc_len == length as u64).then_some(start as u64..(start + end) as u64)
        })
        .collect()
}

/// Length of the table of contents at `table`, by the first footer behind it that names it.
fn length_at(file: &[u8], table: usize) -> Option<usize> {
    let rest = file.get(table..)?;
    memchr::memmem::find_iter(rest, &crate::footer::FOOTER_MAGIC)
        .take(16)
        .find(|&at| {
            rest.get(at..)
                .and_then(|bytes| Footer::decode(bytes).ok())
                .is_some_and(|footer| footer.toc_len == at as u64)
        })
}

/// What a file's own tables are told by.
pub struct Home<'a> {
    file: &'a [u8],
    // Looked for when it matters: that takes a pass over the file.
    embedded: OnceCell<Vec<Range<u64>>>,
}

impl<'a> Home<'a> {
    /// Nothing is looked at yet.
    #[must_use]
    pub fn of(file: &'a [u8]) -> Self {
        Self {
            file,
            embedded: OnceCell::new(),
        }
    }

    /// Whether a place is inside of a memory that is stored in this one.
    #[must_use]
    pub fn is_embedded(&self, place: u64) -> bool {
        let embedded = self.embedded.get_or_init(|| embedded(self.file));
        embedded.iter().any(|range| range.contains(&place))
    }

    /// Whether the table from `start` to `end` is this file's own, as far as can be told: something that it names is there,
    /// or it names nothing, and it is not inside of a stored memory. (A copy of this very memory names what is there, too,
    /// and so does an empty one: they begin all alike.)
    #[must_use]
    pub fn is_own(&self, start: u64, end: u64) -> bool {
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let table = range.and_then(|(start, end)| self.file.get(start..end));
        let is_at_home = table.and_then(|table| is_at_home(self.file, table));
        is_at_home != Some(false) && !self.is_embedded(start)
    }
}
