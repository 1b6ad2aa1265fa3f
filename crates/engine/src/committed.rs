//! One commit of a file, as readers see it: a map of the bytes and the look-ups over it. Immutable.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock};

use lex::LexIndex;
use mv2::bytes::Bytes;
use mv2::codec::Reader;
use mv2::frame::Frame;
use mv2::header::{self, Header};
use mv2::recover::{self, Located};
use mv2::storage::FileStorage;
use mv2::time_index::TimeIndex;
use mv2::toc::{self, SegmentMeta, TocHead, TocTail};
use mv2::view::FrameView;
use mv2::wal::{self, Applied, WalEntry};
use serde_json::Value;

use crate::describe::{
    Care, agrees_on_log, is_of_this_header, is_sound, refuse_lost_commit, refuse_older_commit,
    refuse_overlapping_log, settle_directory, stored_directory,
};
use crate::directory::Directory;
use crate::embedding::Identity;
use crate::error::{Error, Result};
use crate::indexing::index_range;
use crate::landmarks::Landmarks;
use crate::lex_sections::{part_of, same_range};
use crate::output;
use crate::pictures::PictureIndex;
use crate::selected::Selected;
use crate::settle::LogBehind;
use crate::shown::Intact;
use crate::staged::{Staged, is_staged};
use crate::stats::RemovedShares;
use crate::undone::refuse_undone_commit;
use crate::vectors::VectorIndex;

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
    /// Whether the footer is damaged or missing. Without a directory of ours the generation is then not known.
    pub footer_is_damaged: bool,
    /// Where the table of contents starts.
    pub toc_offset: u64,
    /// Its length, bytes. What follows is the footer, if that is not missing.
    pub toc_length: u64,
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
    header_bytes: [u8; header::FIELDS],
    /// Whether it is known to be what the disk has, too (see [`Committed::settle`]).
    pub is_settled: AtomicBool,
    /// What is known of the log behind its newest record. Asked by whoever has the writer lock.
    pub log_behind: Mutex<LogBehind>,
    landmarks: Landmarks,
    /// Log records up to this sequence are part of the commit.
    pub applied_sequence: u64,
    /// What answers have shown and found intact.
    pub intact: Intact,
    /// Bytes of the map that searches may have touched since it was last looked at how much is mapped.
    pub touched: AtomicU64,
    /// What the process had mapped from files after the first search, bytes.
    pub mapped_at_first: OnceLock<u64>,
    /// What is known of the frames that searches select.
    pub selected: Selected,
    /// Whether the time index is as it was written.
    time_index_is_intact: OnceLock<bool>,
    lex_sections: OnceLock<Vec<SegmentMeta>>,
    lex: OnceLock<Result<LexIndex>>,
    /// Frames that are not in it, because they are damaged.
    not_indexed: OnceLock<u64>,
    staged: OnceLock<(Value, bool)>,
    vectors: OnceLock<Result<VectorIndex>>,
    pictures: OnceLock<Result<PictureIndex>>,
    identities: OnceLock<BTreeMap<Identity, u64>>,
    removed_shares: OnceLock<RemovedShares>,
}

impl Committed {
    /// Whether a frame is active as far as the commit knows.
    #[must_use]
    pub fn is_active(&self, id: u64) -> bool {
        let record = self.directory.record(id);
        record.is_some_and(|record| record.flags.is_active())
    }

    /// Reads the last commit without a lock, when the header leads straight to it. `None`: it has to be searched for,
    /// which is safe only under a lock, because the bytes behind the footer may be cut off by their writer.
    pub fn load_unlocked(storage: &Arc<FileStorage>, care: Care) -> Result<Option<Self>> {
        let map = output::map(storage, output::length(storage)?)?;
        let path = storage.path();
        let found = match recover::locate_quick(&map, path)? {
            Some(located) => Some(located),
            None => recover::locate_noted(&map, path)?,
        };
        match found.filter(|located| is_sound(&map, located, care)) {
            Some(located) => Self::open(Arc::clone(storage), map, located, care).map(Some),
            None => Ok(None),
        }
    }

    /// Reads the last commit, wherever it is. The caller holds a lock on the file.
    pub fn load(storage: Arc<FileStorage>, care: Care) -> Result<Self> {
        let map = output::map(&storage, output::length(&storage)?)?;
        let quick = recover::locate_quick(&map, storage.path())?;
        let located = match quick.filter(|located| is_sound(&map, located, care)) {
            Some(located) => located,
            None => recover::locate(&map, storage.path())?,
        };
        Self::open(storage, map, located, care)
    }

    fn open(storage: Arc<FileStorage>, map: Bytes, located: Located, care: Care) -> Result<Self> {
        // What changes later is noticed by comparing with the header as it was used, or passed over.
        let header_bytes = if located.header_is_damaged {
            map.first_chunk().copied()
        } else {
            located.header.encode().first_chunk().copied()
        };
        // Before anything is read from it.
        let mut landmarks = Landmarks::of_table(&map, located.toc_offset);
        let toc_bytes = located.toc(&map)?;
        refuse_older_commit(&located, toc_bytes)?;
        refuse_undone_commit(&map, &located)?;
        let end = if located.footer_missing {
            map.len() as u64
        } else {
            located.footer_offset + mv2::footer::FOOTER_SIZE as u64
        };
        let known = (!located.footer_missing).then_some(located.footer.generation);
        let stored = stored_directory(&map, toc_bytes, known, care)
            // Nothing checks the generation in a footer. Where the directory describes these very frames it is damaged.
            .or_else(|| stored_directory(&map, toc_bytes, None, Care::Thorough));
        let (head, tail, directory, directory_is_stored) = match stored {
            Some(found)
                if is_of_this_header(&found.2, &located)
                    && agrees_on_log(&found.2, &located)
                    && known.is_none_or(|known| known == found.2.generation()) =>
            {
                (found.0, found.1, found.2, true)
            }
            stored => {
                let decoded = toc::decode_hashed(toc_bytes)?;
                let stored = stored.map(|(_, _, directory)| directory);
                let (directory, is_stored) =
                    settle_directory(&decoded, toc_bytes, &located, stored)?;
                if !is_stored {
                    refuse_overlapping_log(&decoded, &located)?;
                } else if !agrees_on_log(&directory, &located) {
                    return Err(Error::corrupt(
                        "header",
                        16,
                        format_args!(
                            "a log of {} bytes at {}, it says, and the directory knows one of {}",
                            located.header.wal_size,
                            located.header.wal_offset,
                            directory.log_size()
                        ),
                    ));
                }
                (decoded.head, decoded.tail, directory, is_stored)
            }
        };
        if map.has_failed() {
            return Err(Error::corrupt(
                "file",
                0,
                "it was cut off, or could not be read, while it was opened",
            ));
        }
        if !landmarks.stand(&map) {
            return Err(written_over(located.toc_offset));
        }
        let generation = if directory_is_stored {
            directory.generation()
        } else {
            located.footer.generation
        };
        refuse_lost_commit(&map, &located, end, generation)?;
        let footer_is_damaged = located.footer_missing || generation != located.footer.generation;
        // What a header says, the directory knows, too.
        let header = if located.header_is_current && !located.header_is_damaged {
            located.header
        } else if directory_is_stored {
            Header {
                footer_offset: located.toc_offset,
                wal_offset: located.header.wal_offset,
                wal_size: match directory.log_size() {
                    0 => located.header.wal_size,
                    size => size,
                },
                wal_checkpoint_pos: 0,
                wal_sequence: directory.applied_sequence(),
                toc_checksum: toc::stored_checksum(toc_bytes)?,
            }
        } else if located.header_is_damaged {
            return Err(Error::corrupt(
                "header",
                0,
                "it does not match its checksum, and another program wrote the last commit",
            ));
        } else {
            located.header
        };
        landmarks.note_sections(&map, &header, &tail);
        // A crash between the footer and the header leaves a header that is older than the commit; the directory knows.
        // When they differ it is the header that is wrong: the directory belongs to these very frames.
        let applied_sequence = if directory_is_stored {
            directory.applied_sequence()
        } else {
            applied_by_another(&map, &header, header.wal_sequence, &tail)
        };
        Ok(Self {
            storage,
            map,
            header,
            generation,
            footer_is_damaged,
            toc_offset: located.toc_offset,
            toc_length: located.footer_offset - located.toc_offset,
            end,
            head,
            tail,
            directory,
            directory_is_stored,
            header_bytes: header_bytes.unwrap_or([0; header::FIELDS]),
            is_settled: AtomicBool::new(false),
            log_behind: Mutex::default(),
            landmarks,
            applied_sequence,
            intact: Intact::default(),
            touched: AtomicU64::new(0),
            mapped_at_first: OnceLock::new(),
            selected: Selected::default(),
            time_index_is_intact: OnceLock::new(),
            lex_sections: OnceLock::new(),
            lex: OnceLock::new(),
            not_indexed: OnceLock::new(),
            staged: OnceLock::new(),
            vectors: OnceLock::new(),
            pictures: OnceLock::new(),
            identities: OnceLock::new(),
            removed_shares: OnceLock::new(),
        })
    }

    /// MV012 when damage was met in what look-ups are read from, bytes that the file does not have any more, or others that
    /// another program wrote over them: what was read since may lack entries. Asked when an answer is made, before it goes
    /// out; the next look at the file does without what is damaged.
    pub fn check(&self) -> Result<()> {
        if self.map.has_failed() {
            let path = self.storage.path().display();
            return Err(Error::corrupt(
                "file",
                output::length(&self.storage).unwrap_or_default(),
                format_args!("{path} was cut off, or could not be read, while it was open"),
            ));
        }
        if self.is_written_over() {
            return Err(written_over(self.toc_offset));
        }
        match self.directory.damage() {
            None => Ok(()),
            Some(place) => Err(Error::corrupt(
                "directory section",
                place,
                "it does not match its checksum",
            )),
        }
    }

    /// Whether another program has begun to write over this commit.
    #[must_use]
    pub fn is_written_over(&self) -> bool {
        !self.landmarks.stand(&self.map)
    }

    /// Whether the header on disk is another one by now: someone committed.
    #[must_use]
    pub fn header_changed(&self) -> bool {
        // The map shows what other processes write.
        self.map.get(..header::FIELDS) != Some(&self.header_bytes)
    }

    /// The generation of a commit on this one. A file that claims the last one there is stays there.
    #[must_use]
    pub fn next_generation(&self) -> u64 {
        self.generation.saturating_add(1)
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

    /// The place of encoded frame `id` in the file: offset, length and CRC-32.
    pub fn place(&self, id: u64) -> Result<(u64, u64, u32)> {
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
        let offset = self
            .toc_offset
            .saturating_add(start)
            .saturating_add(record.toc_offset);
        let length = next.min(end.saturating_sub(start));
        Ok((
            offset,
            length.saturating_sub(record.toc_offset),
            record.checksum,
        ))
    }

    /// The encoded form of frame `id`, checked against its checksum.
    pub fn encoded(&self, id: u64) -> Result<&[u8]> {
        let (offset, length, checksum) = self.place(id)?;
        let encoded = slice(&self.map, offset, length, "frame")?;
        check_frame(id, offset, encoded, checksum)?;
        Ok(encoded)
    }

    /// The fields of frame `id`.
    pub fn frame(&self, id: u64) -> Result<FrameView<'_>> {
        self.parse(id, self.encoded(id)?)
    }

    /// The fields of an encoded frame that is to be frame `id`.
    pub fn parse<'a>(&self, id: u64, encoded: &'a [u8]) -> Result<FrameView<'a>> {
        let view = FrameView::parse(encoded)?;
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

    /// The time index, when there is a readable one. Compared with its checksum once: it is small, and read from everywhere.
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
        let is_intact = self
            .time_index_is_intact
            .get_or_init(|| *blake3::hash(bytes).as_bytes() == manifest.checksum);
        is_intact.then(|| TimeIndex::parse(bytes).ok())?
    }

    /// The private full-text sections in frame order, as far as they join up from frame 0. Looked for once: after a commit
    /// by another program it takes hashing them.
    #[must_use]
    pub fn lex_sections(&self) -> &[SegmentMeta] {
        self.lex_sections.get_or_init(|| self.find_lex_sections())
    }

    fn find_lex_sections(&self) -> Vec<SegmentMeta> {
        let mut sections: Vec<SegmentMeta> = Vec::new();
        // A group covers its frames only as a whole.
        let mut group: Vec<SegmentMeta> = Vec::new();
        for segment in &self.head.segments {
            let Some((part, parts)) = part_of(segment.id) else {
                continue;
            };
            let next = sections.last().map_or(0, |last| last.frame_to);
            let joins = part == group.len()
                && segment.frame_from == next
                && segment.frame_to >= segment.frame_from
                && segment.frame_to <= self.frame_count()
                && group.first().is_none_or(|first| same_range(first, segment));
            // After a commit by another program the bytes may have been overwritten; our own commits never do that.
            let is_sound = || {
                slice(
                    &self.map,
                    segment.bytes_offset,
                    segment.bytes_length,
                    "section",
                )
                .is_ok_and(lex::is_segment)
                    && (self.directory_is_stored || self.section_is_intact(segment))
            };
            // One of another version does not count. Whether it is one or damaged, its checksum tells.
            let is_damaged = || self.directory_is_stored && !self.section_is_intact(segment);
            if !(joins && (is_sound() || is_damaged())) {
                break;
            }
            group.push(segment.clone());
            if group.len() == parts {
                sections.append(&mut group);
            }
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
        section_of(&self.map, segment)
    }

    /// The full-text index over all frames of this commit. Frames that no stored section covers (written by another
    /// program) are indexed in memory, once, on first use.
    pub fn lex(&self) -> Result<&LexIndex> {
        self.lex
            .get_or_init(|| self.open_lex())
            .as_ref()
            .map_err(Clone::clone)
    }

    /// The vectors of this commit. Looked for once: those of another program have to be read.
    pub fn vectors(&self) -> Result<&VectorIndex> {
        self.vectors
            .get_or_init(|| VectorIndex::open(self))
            .as_ref()
            .map_err(Clone::clone)
    }

    /// The pictures of this commit. Read and checked once.
    pub fn pictures(&self) -> Result<&PictureIndex> {
        self.pictures
            .get_or_init(|| PictureIndex::open(self))
            .as_ref()
            .map_err(Clone::clone)
    }

    /// How many active frames have which embedding identity. Counted once.
    #[must_use]
    pub fn identities(&self) -> &BTreeMap<Identity, u64> {
        self.identities
            .get_or_init(|| crate::stats::committed_identities(self))
    }

    /// Which records of the log it contains.
    #[must_use]
    pub fn applied(&self) -> Applied {
        // Our own commits clear the log and note no place.
        if self.directory_is_stored {
            self.applied_sequence.into()
        } else {
            Applied::up_to(self.applied_sequence, &self.header)
        }
    }

    /// How much of the sections belongs to removed documents. Counted once.
    #[must_use]
    pub fn removed_shares(&self) -> RemovedShares {
        *self
            .removed_shares
            .get_or_init(|| crate::stats::removed_shares(self))
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
        let mut damaged = 0;
        for built in index_range(self, self.lex_covered(), self.frame_count())? {
            damaged += built.damaged;
            sections.push(lex::OwnedBytes::new(built.bytes));
        }
        let _ = self.not_indexed.set(damaged);
        Ok(LexIndex::open(sections)?)
    }

    /// What is said of the vectors that wait, and whether any are damaged. Looked at once: it takes hashing them.
    #[must_use]
    pub fn staged(&self) -> &(Value, bool) {
        self.staged.get_or_init(|| {
            let entries = self.head.segments.iter();
            let is_damaged = entries
                .filter(|entry| is_staged(entry))
                .any(|entry| !self.section_is_intact(entry));
            (Staged::checked(self).to_value(), is_damaged)
        })
    }

    /// How many frames the full-text index lacks, because they are damaged.
    #[must_use]
    pub fn not_indexed(&self) -> u64 {
        self.not_indexed.get().copied().unwrap_or(0)
    }
}

/// Up to which record a commit of another program contains the log.
///
/// A program of the reference names the new table of contents in the header before it says there that the records are
/// applied; one that is killed in between leaves them to be applied a second time. But a record of the log that lists the
/// full-text segments of this very table was written when all records before it were in it.
///
/// `claimed` is what the header says, as far as it is believed.
pub fn applied_by_another(map: &[u8], header: &Header, claimed: u64, tail: &TocTail) -> u64 {
    if tail.indexes.lex_segments.is_empty() {
        return claimed;
    }
    let Ok(region) = wal::region(map, header) else {
        return claimed;
    };
    let scan = wal::scan(region, Applied::up_to(claimed, header));
    let lists_segments = |record: &&wal::WalRecord| {
        let payload = region.get(record.payload.clone()).unwrap_or_default();
        record.pending
            && matches!(WalEntry::decode(payload), Ok(WalEntry::Lex(batch)) if batch.segments == tail.indexes.lex_segments)
    };
    let applied = scan.records.iter().rfind(lists_segments);
    applied.map_or(claimed, |record| record.sequence)
}

/// MV012: what was read may be half of one commit and half of what takes its place.
fn written_over(toc_offset: u64) -> Error {
    Error::corrupt(
        "table of contents",
        toc_offset,
        "another program wrote over it while it was read",
    )
}

/// A section as bytes that keep `map` alive.
pub fn section_of(map: &Bytes, segment: &SegmentMeta) -> Result<lex::OwnedBytes> {
    slice(map, segment.bytes_offset, segment.bytes_length, "section")?;
    let start = usize::try_from(segment.bytes_offset).unwrap_or(usize::MAX);
    let end = start.saturating_add(usize::try_from(segment.bytes_length).unwrap_or(usize::MAX));
    Ok(lex::OwnedBytes::new(map.clone()).slice(start..end))
}

/// MV012 when an encoded frame does not have the CRC-32 that the directory names.
pub fn check_frame(id: u64, offset: u64, encoded: &[u8], checksum: u32) -> Result<()> {
    if crc32fast::hash(encoded) == checksum {
        return Ok(());
    }
    Err(Error::corrupt(
        "frame",
        offset,
        format_args!("frame {id} does not match its checksum"),
    ))
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
