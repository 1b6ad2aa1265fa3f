//! Which directory describes a table of contents: the stored one when it belongs to it, else one built from the frames.

use mv2::bytes::Bytes;
use mv2::footer;
use mv2::frame::{Frame, FrameRole, FrameStatus};
use mv2::header::{self, HEADER_SIZE};
use mv2::home::Home;
use mv2::recover::Located;
use mv2::toc::{self, TocHead, TocTail};

use crate::committed::slice_of;
use crate::directory::{Directory, Flags, FrameRecord, Parts, Totals, uri_hash};
use crate::error::{Error, Result};
use crate::naming::is_default_uri;

/// Tables of contents up to this size are hashed whenever they are opened, bytes: about two milliseconds.
const HASHED_AT_OPEN: u64 = 8 << 20;
/// Directories up to this size are verified whenever they are opened, bytes: less than a tenth of a millisecond. Of larger
/// ones, what is read is.
const VERIFIED_AT_OPEN: u64 = 1 << 20;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// What is large is verified as it is read.
    Quick,
    /// Whatever the look-ups are read from is verified first. For a file that was found damaged.
    Thorough,
}

/// A directory read from the file, with the parts of the table of contents around the frames; `None` when there is
/// none for this very table of contents. Without a footer nobody knows its generation: then the hash in the table tells.
pub fn stored_directory(
    map: &Bytes,
    toc_bytes: &[u8],
    generation: Option<u64>,
    care: Care,
) -> Option<(TocHead, TocTail, Directory)> {
    let (head, count, frames_start) = toc::decode_head(toc_bytes).ok()?;
    let first = head.segments.first().filter(|segment| segment.id == 0)?;
    let start = usize::try_from(first.bytes_offset).ok()?;
    let directory = Directory::parse(
        map.clone(),
        start,
        usize::try_from(first.bytes_length).ok()?,
    )
    .ok()?;
    let (from, to) = directory.frames_range();
    let is_of_it = match generation {
        Some(generation) => directory.generation() == generation,
        None => {
            let section = slice_of(map, first.bytes_offset, first.bytes_length, "directory");
            *blake3::hash(section.ok()?).as_bytes() == first.primary_checksum
        }
    };
    if !is_of_it
        || directory.frames() != count
        || from != frames_start
        || directory.section_offset() != first.bytes_offset
    {
        return None;
    }
    let tail = toc_bytes.get(usize::try_from(to).ok()?..)?;
    let tail = toc::decode_tail(tail).ok()?;
    // The frames in between have a checksum each.
    if !directory.are_surroundings(&toc::surroundings(&head, &tail)) {
        return None;
    }
    let is_small = directory.size() <= VERIFIED_AT_OPEN;
    if (is_small || care == Care::Thorough) && !directory.is_intact() {
        return None;
    }
    Some((head, tail, directory))
}

/// Whether the table of contents that was found can be used. A large one that our own directory describes frame by frame,
/// with a checksum each, need not be hashed as a whole before the first answer; `verify` does.
pub fn is_sound(map: &Bytes, located: &Located, care: Care) -> bool {
    let Ok(toc_bytes) = located.toc(map) else {
        return false;
    };
    let described = || {
        stored_directory(map, toc_bytes, Some(located.footer.generation), care)
            .is_some_and(|(_, _, directory)| is_of_this_header(&directory, located))
    };
    (located.footer.toc_len > HASHED_AT_OPEN && described())
        || *blake3::hash(toc_bytes).as_bytes() == located.footer.toc_hash
}

/// The header is written when its commit is durable: when it names a later one than the last that is intact, the later one
/// is damaged. To go on with the older one would hide what was acknowledged, and overwrite what could still be rescued.
pub fn refuse_older_commit(located: &Located, toc_bytes: &[u8]) -> Result<()> {
    let header = &located.header;
    if located.header_is_damaged {
        return Ok(());
    }
    let other = toc::stored_checksum(toc_bytes)? != header.toc_checksum;
    if !located.header_is_current && other && header.footer_offset > located.toc_offset {
        return Err(Error::corrupt(
            "table of contents",
            header.footer_offset,
            format_args!(
                "the last commit is damaged; an older one (generation {}) is intact at byte {}",
                located.footer.generation, located.toc_offset
            ),
        ));
    }
    Ok(())
}

/// The directory of the highest generation above `generation` that stands at or behind `from`, and where.
pub fn later_directory(map: &Bytes, from: u64, generation: u64) -> Option<(u64, Directory)> {
    Directory::all_in(map, from, map.len() as u64)
        .filter(|directory| directory.generation() > generation)
        .max_by_key(Directory::generation)
        .map(|directory| (directory.section_offset(), directory))
}

/// MV012 when the header cannot vouch for the commit that was found, and there are remains of a later one behind it: its
/// directory, or its footer. To go on with the older one would hide what was acknowledged.
pub fn refuse_lost_commit(map: &Bytes, located: &Located, end: u64, generation: u64) -> Result<()> {
    let vouches = located.header_is_current || header::is_intact(map) == Some(true);
    if vouches || end >= map.len() as u64 {
        return Ok(());
    }
    let footer = || {
        let home = Home::of(map);
        footer::find_all(map).find(|(position, footer)| {
            *position >= end && footer.generation > generation && !home.is_embedded(*position)
        })
    };
    let remains = later_directory(map, end, generation)
        .map(|(at, _)| at)
        .or_else(|| footer().map(|(position, _)| position));
    match remains {
        None => Ok(()),
        Some(at) => Err(Error::corrupt(
            "table of contents",
            at,
            format_args!(
                "header and last commit are damaged; an older one (generation {generation}) is intact at byte {}",
                located.toc_offset
            ),
        )),
    }
}

/// Whether header and directory agree on what the log contributed. The reference applies records in place without a new
/// generation (container.md §3.1); a header that is older than its footer is what a crash leaves.
pub fn is_of_this_header(directory: &Directory, located: &Located) -> bool {
    !located.header_is_current || directory.applied_sequence() == located.header.wal_sequence
}

/// Whether header and directory name the same log. A header that is older than the commit, as a crash leaves it, or damaged,
/// is not asked.
#[must_use]
pub fn agrees_on_log(directory: &Directory, located: &Located) -> bool {
    let header = &located.header;
    let is_asked = located.header_is_current && !located.header_is_damaged;
    !is_asked
        || directory.log_size() == 0
        || (HEADER_SIZE as u64, directory.log_size()) == (header.wal_offset, header.wal_size)
}

/// MV012 where a header says that the log reaches into what is stored: what is written to it next would destroy that. Files
/// of other programs have nothing else that checks the header.
pub fn refuse_overlapping_log(decoded: &toc::DecodedToc, located: &Located) -> Result<()> {
    let header = &located.header;
    let first = decoded
        .first_byte()
        .map_or(located.toc_offset, |first| first.min(located.toc_offset));
    // All writers begin the log behind the header page.
    let is_possible = header.wal_offset == HEADER_SIZE as u64 && header.wal_end() <= first;
    if !located.header_is_current || is_possible {
        return Ok(());
    }
    Err(Error::corrupt(
        "header",
        16,
        format_args!(
            "a log of {} bytes at {}, it says; logs begin at {HEADER_SIZE}, and content stands at {first}",
            header.wal_size, header.wal_offset
        ),
    ))
}

/// The directory of a table of contents whose header tells another log sequence than the stored one: either the frames
/// changed since, or the header is damaged. The frames decide. Gives whether the stored one holds.
pub fn settle_directory(
    decoded: &toc::DecodedToc,
    toc_bytes: &[u8],
    located: &Located,
    stored: Option<Directory>,
) -> Result<(Directory, bool)> {
    let generation = located.footer.generation;
    let built = build_directory(decoded, toc_bytes, generation, located.header.wal_sequence)?;
    match stored {
        Some(stored) if stored.describes_the_same(&built) => Ok((stored, true)),
        _ => Ok((built, false)),
    }
}

/// Look-ups from decoded frames: what opening a file of another program costs, once per commit of it.
fn build_directory(
    decoded: &toc::DecodedToc,
    toc_bytes: &[u8],
    generation: u64,
    applied_sequence: u64,
) -> Result<Directory> {
    let frames_start = decoded
        .frame_offsets
        .first()
        .copied()
        .unwrap_or(decoded.frames_end);
    let mut parts = Parts {
        generation,
        frames_start,
        frames_end: decoded.frames_end,
        applied_sequence,
        ..Parts::default()
    };
    for (index, frame) in decoded.frames.iter().enumerate() {
        let start = decoded.frame_offsets[index];
        let end = decoded
            .frame_offsets
            .get(index + 1)
            .copied()
            .unwrap_or(decoded.frames_end);
        if frame.id != index as u64 {
            return Err(Error::corrupt(
                "frame",
                start,
                format_args!("frame at position {index} has the id {}", frame.id),
            ));
        }
        let encoded = slice_of(toc_bytes, start, end - start, "frame")?;
        let id = u32::try_from(index)
            .map_err(|_| Error::corrupt("frames", start, "more than 4294967294 frames"))?;
        parts.push(id, frame, start - frames_start, crc32fast::hash(encoded));
    }
    parts.sort();
    Directory::from_parts(&parts)
}

impl Parts {
    /// Appends the look-ups of one frame. Call [`Parts::sort`] when all are in.
    pub fn push(&mut self, id: u32, frame: &Frame, toc_offset: u64, checksum: u32) {
        let role = frame.role as u32;
        let parent = frame
            .parent_id
            .and_then(|parent| u32::try_from(parent).ok());
        self.records.push(FrameRecord {
            toc_offset,
            timestamp: frame.timestamp,
            parent,
            superseded_by: frame.superseded_by.and_then(|id| u32::try_from(id).ok()),
            checksum,
            flags: Flags::new(frame.status as u32, role, frame.chunk_manifest.is_some()),
        });
        if let (FrameRole::DocumentChunk, Some(parent)) = (frame.role, parent) {
            self.chunks.push((parent, id));
        }
        if let Some(uri) = frame
            .uri
            .as_deref()
            .filter(|uri| !is_default_uri(uri, u64::from(id)))
        {
            self.uris.push((uri_hash(uri), id));
        }
        self.totals.count(frame);
    }

    /// Brings the look-up tables into the order that searching them needs.
    pub fn sort(&mut self) {
        // The stable sort sees that almost everything is in order already.
        self.chunks.sort();
        self.uris.sort();
    }
}

impl Totals {
    /// Adds a frame.
    pub fn count(&mut self, frame: &Frame) {
        self.search_text_bytes += frame
            .search_text
            .as_ref()
            .map_or(0, |text| text.len() as u64);
        if frame.status == FrameStatus::Deleted {
            self.deleted += 1;
        } else {
            self.kept_bytes += frame.payload_length;
        }
        if frame.status == FrameStatus::Active {
            self.active += 1;
            self.payload_bytes += frame.payload_length;
            self.logical_bytes += frame.canonical_length.unwrap_or(0);
            self.identified +=
                u64::from(frame.extra_metadata.contains_key("memvid.embedding.model"));
        }
    }

    /// Adds the totals of other frames.
    pub fn add(&mut self, other: &Self) {
        self.active += other.active;
        self.payload_bytes += other.payload_bytes;
        self.kept_bytes += other.kept_bytes;
        self.deleted += other.deleted;
        self.logical_bytes += other.logical_bytes;
        self.search_text_bytes += other.search_text_bytes;
        self.identified += other.identified;
    }

    /// Takes a frame out again, before its status changes.
    pub fn discount(&mut self, frame: &Frame) {
        let mut other = Self::default();
        other.count(frame);
        self.active = self.active.saturating_sub(other.active);
        self.payload_bytes = self.payload_bytes.saturating_sub(other.payload_bytes);
        self.kept_bytes = self.kept_bytes.saturating_sub(other.kept_bytes);
        self.deleted = self.deleted.saturating_sub(other.deleted);
        self.logical_bytes = self.logical_bytes.saturating_sub(other.logical_bytes);
        self.search_text_bytes = self
            .search_text_bytes
            .saturating_sub(other.search_text_bytes);
        self.identified = self.identified.saturating_sub(other.identified);
    }
}
