//! One commit of a file, as readers see it: a map of the bytes and the look-ups over it. Immutable.

use std::sync::{Arc, OnceLock};

use lex::LexIndex;
use mv2::bytes::Bytes;
use mv2::codec::Reader;
use mv2::frame::{Frame, FrameRole, FrameStatus};
use mv2::header::Header;
use mv2::recover::{self, Located};
use mv2::storage::FileStorage;
use mv2::time_index::TimeIndex;
use mv2::toc::{self, SegmentMeta, TocHead, TocTail};
use mv2::view::FrameView;

use crate::directory::{Directory, Flags, FrameRecord, Parts, Totals, uri_hash};
use crate::document::BOOST_KEY;
use crate::error::{Error, Result};
use crate::naming::is_default_uri;
use crate::{output, text};

/// Tables of contents up to this size are hashed whenever they are opened, bytes: about two milliseconds.
const HASHED_AT_OPEN: u64 = 8 << 20;

/// Memory of one full-text segment while it is built, in bytes. A larger batch becomes several segments.
pub const SEGMENT_MEMORY: usize = 192 << 20;

/// How the bytes of a full-text section start, whatever its version.
const LEX_SECTION: &[u8] = b"LEXSEG";

/// Whether these are the bytes of a full-text section of ours.
#[must_use]
pub fn is_lex_section(bytes: &[u8]) -> bool {
    bytes.starts_with(LEX_SECTION)
}

/// The state a commit left in the file.
pub struct Committed {
    /// The file this was read from.
    pub storage: Arc<FileStorage>,
    /// The whole file as it was when this commit was read.
    pub map: Bytes,
    /// The header in force.
    pub header: Header,
    /// Generation of the footer.
    pub generation: u64,
    /// Where the table of contents starts.
    pub toc_offset: u64,
    /// Where the next commit may write: behind everything this one refers to.
    pub end: u64,
    /// Everything before the frames.
    pub head: TocHead,
    /// Everything behind the frames.
    pub tail: TocTail,
    /// Look-ups over the frames.
    pub directory: Directory,
    /// Whether the directory was read from the file (otherwise it was built by decoding all frames).
    pub directory_is_stored: bool,
    header_bytes: [u8; 80],
    lex: OnceLock<Result<LexIndex>>,
}

impl Committed {
    /// Reads the last commit without a lock, when the header leads straight to it. `None`: it has to be searched for,
    /// which is safe only under a lock, because the bytes behind the footer may be cut off by their writer.
    pub fn load_unlocked(storage: &Arc<FileStorage>) -> Result<Option<Self>> {
        let map = output::map(storage, output::length(storage)?)?;
        let path = storage.path();
        let found = match recover::locate_quick(&map, path)? {
            Some(located) => Some(located),
            None => recover::locate_noted(&map, path)?,
        };
        match found.filter(|located| is_sound(&map, located)) {
            Some(located) => Self::open(Arc::clone(storage), map, located).map(Some),
            None => Ok(None),
        }
    }

    /// Reads the last commit, wherever it is. The caller holds a lock on the file.
    pub fn load(storage: Arc<FileStorage>) -> Result<Self> {
        let map = output::map(&storage, output::length(&storage)?)?;
        let quick = recover::locate_quick(&map, storage.path())?;
        let located = match quick.filter(|located| is_sound(&map, located)) {
            Some(located) => located,
            None => recover::locate(&map, storage.path())?,
        };
        Self::open(storage, map, located)
    }

    fn open(storage: Arc<FileStorage>, map: Bytes, located: Located) -> Result<Self> {
        // What changes later is noticed by comparing with the header as it was used.
        let header_bytes = located
            .header
            .encode()
            .first_chunk::<80>()
            .copied()
            .unwrap_or([0; 80]);
        let toc_bytes = located.toc(&map)?;
        refuse_older_commit(&located, toc_bytes)?;
        let end = if located.footer_missing {
            map.len() as u64
        } else {
            located.footer_offset + mv2::footer::FOOTER_SIZE as u64
        };
        let generation = located.footer.generation;
        let stored = stored_directory(&map, toc_bytes, generation);
        let (head, tail, directory, directory_is_stored) = match stored {
            Some(found) if is_of_this_header(&found.2, &located) => {
                (found.0, found.1, found.2, true)
            }
            stored => {
                let decoded = toc::decode_hashed(toc_bytes)?;
                let stored = stored.map(|(_, _, directory)| directory);
                let (directory, is_stored) =
                    settle_directory(&decoded, toc_bytes, &located, stored)?;
                (decoded.head, decoded.tail, directory, is_stored)
            }
        };
        Ok(Self {
            storage,
            map,
            header: located.header,
            generation,
            toc_offset: located.toc_offset,
            end,
            head,
            tail,
            directory,
            directory_is_stored,
            header_bytes,
            lex: OnceLock::new(),
        })
    }

    /// Whether the header on disk is another one by now: someone committed.
    #[must_use]
    pub fn header_changed(&self) -> bool {
        // The map shows what other processes write. Everything a header says stands in its first 80 bytes.
        self.map.get(..80) != Some(&self.header_bytes)
    }

    /// Number of frames.
    #[must_use]
    pub fn frame_count(&self) -> u64 {
        self.directory.frames()
    }

    /// The encoded frames, back to back in id order.
    pub fn frame_bytes(&self) -> Result<&[u8]> {
        let (start, end) = self.directory.frames_range();
        slice(
            &self.map,
            self.toc_offset + start,
            end.saturating_sub(start),
            "frames",
        )
    }

    /// The encoded form of frame `id`, checked against its checksum.
    pub fn encoded(&self, id: u64) -> Result<&[u8]> {
        let record = self
            .directory
            .record(id)
            .ok_or_else(|| Error::frame_not_found(id))?;
        let (start, end) = self.directory.frames_range();
        // Frames stand back to back: the next one's offset is this one's end.
        let next = self
            .directory
            .record(id + 1)
            .map_or(end.saturating_sub(start), |next| next.toc_offset);
        let offset = self.toc_offset + start + record.toc_offset;
        let encoded = slice_of(
            self.frame_bytes()?,
            record.toc_offset,
            next.saturating_sub(record.toc_offset),
            "frame",
        )?;
        if crc32fast::hash(encoded) != record.checksum {
            return Err(Error::corrupt(
                "frame",
                offset,
                format_args!("frame {id} does not match its checksum"),
            ));
        }
        Ok(encoded)
    }

    /// The fields of frame `id`.
    pub fn frame(&self, id: u64) -> Result<FrameView<'_>> {
        let view = FrameView::parse(self.encoded(id)?)?;
        if view.id != id {
            let offset = self.toc_offset + self.directory.frames_range().0;
            return Err(Error::corrupt(
                "frame",
                offset,
                format_args!("frame {id} calls itself {}", view.id),
            ));
        }
        Ok(view)
    }

    /// Stored payload bytes at a place, checked against the file's length.
    pub fn payload(&self, offset: u64, length: u64) -> Result<&[u8]> {
        slice(&self.map, offset, length, "payload")
    }

    /// The time index, when there is a readable one that covers the documents.
    #[must_use]
    pub fn time_index(&self) -> Option<TimeIndex<'_>> {
        let manifest = self.tail.time_index.as_ref()?;
        let bytes = slice(
            &self.map,
            manifest.bytes_offset,
            manifest.bytes_length,
            "time index",
        )
        .ok()?;
        TimeIndex::parse(bytes).ok()
    }

    /// The private full-text sections in frame order, as far as they join up from frame 0.
    #[must_use]
    pub fn lex_sections(&self) -> Vec<&SegmentMeta> {
        let mut next = 0;
        let mut sections = Vec::new();
        for segment in self.head.segments.iter().filter(|segment| segment.id != 0) {
            if segment.frame_from != next
                || segment.frame_to < next
                || segment.frame_to > self.frame_count()
            {
                break;
            }
            if !slice(
                &self.map,
                segment.bytes_offset,
                segment.bytes_length,
                "section",
            )
            .is_ok_and(is_lex_section)
            {
                break;
            }
            // After a commit by another program the bytes may have been overwritten; our own commits never do that.
            if !self.directory_is_stored && !self.section_is_intact(segment) {
                break;
            }
            next = segment.frame_to;
            sections.push(segment);
        }
        sections
    }

    /// Number of leading frames that the stored full-text sections cover.
    #[must_use]
    pub fn lex_covered(&self) -> u64 {
        self.lex_sections()
            .last()
            .map_or(0, |segment| segment.frame_to)
    }

    /// Whether a section's bytes have the hash that was registered.
    #[must_use]
    pub fn section_is_intact(&self, segment: &SegmentMeta) -> bool {
        slice(
            &self.map,
            segment.bytes_offset,
            segment.bytes_length,
            "section",
        )
        .is_ok_and(|bytes| *blake3::hash(bytes).as_bytes() == segment.primary_checksum)
    }

    /// A section as bytes that keep the map alive.
    pub fn section(&self, segment: &SegmentMeta) -> Result<lex::OwnedBytes> {
        slice(
            &self.map,
            segment.bytes_offset,
            segment.bytes_length,
            "section",
        )?;
        let start = usize::try_from(segment.bytes_offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::try_from(segment.bytes_length).unwrap_or(usize::MAX));
        Ok(lex::OwnedBytes::new(self.map.clone()).slice(start..end))
    }

    /// The full-text index over all frames of this commit. Frames that no stored section covers (written by another
    /// program) are indexed in memory, once, on first use.
    pub fn lex(&self) -> Result<&LexIndex> {
        self.lex
            .get_or_init(|| self.open_lex())
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Whether the first search has to build something before it can answer.
    #[must_use]
    pub fn lex_needs_building(&self) -> bool {
        self.lex.get().is_none() && self.lex_covered() < self.frame_count()
    }

    fn open_lex(&self) -> Result<LexIndex> {
        let mut sections = Vec::new();
        for segment in self.lex_sections() {
            sections.push(self.section(segment)?);
        }
        for built in index_range(self, self.lex_covered(), self.frame_count())? {
            sections.push(lex::OwnedBytes::new(built.bytes));
        }
        Ok(LexIndex::open(sections)?)
    }
}

/// A full-text segment that is not in the file yet.
pub struct Built {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// First frame it covers.
    pub from: u64,
    /// Frame behind the last one it covers.
    pub to: u64,
}

/// Indexes committed frames anew, in as many segments as the memory budget asks for.
pub fn index_range(committed: &Committed, from: u64, to: u64) -> Result<Vec<Built>> {
    let mut built = Vec::new();
    let mut start = from;
    while start < to {
        let mut builder = lex::SegmentBuilder::new(SEGMENT_MEMORY)?;
        let mut id = start;
        while id < to && !builder.is_full() {
            index_frame(&mut builder, committed, id)?;
            id += 1;
        }
        built.push(Built {
            bytes: builder.finish()?,
            from: start,
            to: id,
        });
        start = id;
    }
    Ok(built)
}

/// Adds a committed frame to an index being built; removed frames and frames without text are left out.
fn index_frame(builder: &mut lex::SegmentBuilder, committed: &Committed, id: u64) -> Result<()> {
    let Some(record) = committed.directory.record(id) else {
        return Ok(());
    };
    if record.flags.status() == FrameStatus::Deleted as u32 || record.flags.has_chunks() {
        return Ok(());
    }
    let view = committed.frame(id)?;
    // A damaged payload must not make the other frames unfindable; `verify({ deep: true })` names it.
    let body = text::search_body(&view, &|offset, length| committed.payload(offset, length));
    let Ok(Some(body)) = body else { return Ok(()) };
    let parent = record
        .parent
        .and_then(|parent| committed.frame(u64::from(parent)).ok());
    add_to_index(builder, id, &view, parent.as_ref(), &body)
}

/// Adds one frame with its text. A chunk is found under its document's title.
fn add_to_index(
    builder: &mut lex::SegmentBuilder,
    id: u64,
    view: &FrameView<'_>,
    parent: Option<&FrameView<'_>>,
    body: &str,
) -> Result<()> {
    with_lex_document(id, view, parent, body, |document| {
        builder.add(document).map_err(Error::from)
    })
}

/// Calls `use_document` with the form of a frame that the full-text index takes.
pub fn with_lex_document<T>(
    id: u64,
    view: &FrameView<'_>,
    parent: Option<&FrameView<'_>>,
    body: &str,
    use_document: impl FnOnce(&lex::Document<'_>) -> T,
) -> T {
    let tags: Vec<String> = view.tags.iter().map(str::to_owned).collect();
    let labels: Vec<String> = view.labels.iter().map(str::to_owned).collect();
    let title = parent
        .and_then(|parent| parent.title)
        .or(view.title)
        .unwrap_or_default();
    let boost = view
        .extra_metadata
        .get(BOOST_KEY)
        .and_then(|value| value.parse::<f32>().ok())
        .filter(|boost| boost.is_finite() && *boost > 0.0)
        .unwrap_or(1.0);
    use_document(&lex::Document {
        frame_id: id,
        title,
        body,
        uri: view.uri.unwrap_or_default(),
        kind: view.kind,
        track: view.track,
        tags: &tags,
        labels: &labels,
        timestamp: view.timestamp,
        boost,
    })
}

/// A directory read from the file, with the parts of the table of contents around the frames; `None` when there is
/// none for this very table of contents.
fn stored_directory(
    map: &Bytes,
    toc_bytes: &[u8],
    generation: u64,
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
    if directory.generation() != generation
        || directory.frames() != count
        || from != frames_start
        || directory.section_offset() != first.bytes_offset
    {
        return None;
    }
    let tail = toc_bytes.get(usize::try_from(to).ok()?..)?;
    let tail = toc::decode_tail(tail).ok()?;
    Some((head, tail, directory))
}

/// Whether the table of contents that was found can be used. A large one that our own directory describes frame by frame,
/// with a checksum each, need not be hashed as a whole before the first answer; `verify` does.
fn is_sound(map: &Bytes, located: &Located) -> bool {
    let Ok(toc_bytes) = located.toc(map) else {
        return false;
    };
    let described = || {
        stored_directory(map, toc_bytes, located.footer.generation)
            .is_some_and(|(_, _, directory)| is_of_this_header(&directory, located))
    };
    (located.footer.toc_len > HASHED_AT_OPEN && described())
        || *blake3::hash(toc_bytes).as_bytes() == located.footer.toc_hash
}

/// The header is written when its commit is durable: when it names a later one than the last that is intact, the later one
/// is damaged. To go on with the older one would hide what was acknowledged, and overwrite what could still be rescued.
fn refuse_older_commit(located: &Located, toc_bytes: &[u8]) -> Result<()> {
    let header = &located.header;
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

/// Whether header and directory agree on what the log contributed. The reference applies records in place without a new
/// generation (container.md §3.1); a header that is older than its footer is what a crash leaves.
fn is_of_this_header(directory: &Directory, located: &Located) -> bool {
    !located.header_is_current || directory.applied_sequence() == located.header.wal_sequence
}

/// The directory of a table of contents whose header tells another log sequence than the stored one: either the frames
/// changed since, or the header is damaged. The frames decide. Gives whether the stored one holds.
fn settle_directory(
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
        self.chunks.sort_unstable();
        self.uris.sort_unstable();
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
}

impl Totals {
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

/// Decodes one frame whole.
pub fn decode_frame(bytes: &[u8]) -> Result<Frame> {
    Ok(Frame::decode(&mut Reader::new(bytes))?)
}

fn slice<'a>(map: &'a Bytes, offset: u64, length: u64, section: &str) -> Result<&'a [u8]> {
    slice_of(map, offset, length, section)
}

/// A checked slice; the offsets come from disk.
pub fn slice_of<'a>(bytes: &'a [u8], offset: u64, length: u64, section: &str) -> Result<&'a [u8]> {
    offset
        .checked_add(length)
        .and_then(|end| bytes.get(usize::try_from(offset).ok()?..usize::try_from(end).ok()?))
        .ok_or_else(|| {
            Error::corrupt(
                section,
                offset,
                format_args!("{length} bytes lie outside the file"),
            )
        })
}
