//! Winning back dead space: the live content is written to a new file that takes the old one's name.
//!
//! Every commit leaves the previous table of contents, merged sections and removed payloads behind as dead bytes. A file
//! of which more than a fixed share is dead is rewritten. Because checkpoints are as rare as the log is large, and the log
//! is a share of the file, that costs a constant share of what puts write. A commit at every `close` is another matter:
//! with short texts one superseded table can be more than the share, and then each session rewrites the file. It is
//! written once then: what the log holds goes straight into the new file ([`checkpoint`]), not into the old one first.
//!
//! The log region, whose size is fixed within a file, grows here with the file: larger files get rarer checkpoints. The
//! new file has no name until it is whole, and is locked before it gets one (container.md §10.1).

use std::fs::File;
use std::sync::Arc;

use mv2::atomic::AtomicFile;
use mv2::frame::{Frame, FrameStatus};
use mv2::header::{DEFAULT_WAL_SIZE, HEADER_SIZE, Header};
use mv2::lock::FileLock;
use mv2::ownership::take_over;
use mv2::reference_writer::turn_away;
use mv2::storage::FileStorage;
use mv2::toc::{SegmentMeta, TocTail};
use mv2::view::PayloadPlace;
use mv2::wal::RECORD_HEADER_SIZE;
use rustc_hash::FxHashMap;
use serde_json::json;

use crate::additions::{Addition, fill_search_texts, pending_additions, status};
use crate::cards;
use crate::commit::{
    CommitOptions, EACH_FRAME, clear_reference_lex, commit, frames_start, head_with,
    register_directory, unplanned_length, write_root, write_sketch_track, write_table,
    write_time_index,
};
use crate::committed::{Committed, decode_frame};
use crate::create::turn_away_from;
use crate::describe::Care;
use crate::directory::Flags;
use crate::error::{Code, Error, Result};
use crate::frame_table::FrameTable;
use crate::fresh::FreshFrames;
use crate::lex_sections::{self, write_section};
use crate::merge::{self, Group, Section, merge_or_rebuild};
use crate::output::{self, Output};
use crate::pictures::{self, FreshPictures};
use crate::settle;
use crate::snapshot::Snapshot;
use crate::staged::{self, is_staged};
use crate::stats::live_bytes;
use crate::tracks;
use crate::vec_sections::{self, Fresh, Rewrite, status_after};
use crate::writer::load_pending;

/// Files with less dead space than this are left alone, bytes.
const LEAST_DEAD: u64 = 96 << 10;
/// The largest share of a file that may be dead, in percent.
const MOST_DEAD: u64 = 30;
/// From this share of a log on, in percent, a new file is made beside the puts: they have the rest of the log meanwhile.
const FULL_BESIDE: u64 = 50;
/// Only for files from this size on, bytes: the others are written in a moment.
const LEAST_BESIDE: u64 = 8 << 20;
/// The share of the file, in percent, that a commit would leave dead at least. Below, a commit writes much less than a new
/// file.
const MOST_DEAD_BESIDE: u64 = 15;
/// The log's share of a file is one part in this many.
const LOG_SHARE: u64 = 32;
/// The largest log region, bytes.
const LARGEST_LOG: u64 = 64 << 20;

/// Whether more of the file is dead than may be.
fn is_due(snapshot: &Snapshot) -> bool {
    // After a put there is something in the log: nothing more is asked then.
    if !snapshot.pending.is_empty() {
        return false;
    }
    let size = output::length(&snapshot.committed.storage).unwrap_or(0);
    let dead = size.saturating_sub(live_bytes(snapshot));
    is_too_much(snapshot, dead, size, MOST_DEAD)
}

/// Whether more than `most` percent of the file would be dead once the log is moved into it, about: the tables in force
/// are then dead, too.
fn will_be_due(snapshot: &Snapshot, most: u64) -> bool {
    let pending = &snapshot.pending;
    if pending.is_empty() {
        return false;
    }
    let committed = &snapshot.committed;
    let tail = &committed.tail;
    let size = output::length(&committed.storage).unwrap_or(0);
    let tables = committed.end.saturating_sub(committed.toc_offset)
        + committed
            .head
            .segments
            .first()
            .map_or(0, |directory| directory.bytes_length)
        + tail
            .time_index
            .as_ref()
            .map_or(0, |manifest| manifest.bytes_length)
        + tail
            .sketch_track
            .as_ref()
            .map_or(0, |manifest| manifest.bytes_length);
    let dead = size.saturating_sub(live_bytes(snapshot)) + tables;
    let brought = pending.head + EACH_FRAME * pending.frames.len() as u64;
    is_too_much(snapshot, dead, size + tables + brought, most)
}

/// Whether the log is so full that a new file should be made beside the puts, if the file is so large that they would wait
/// for long, and enough of it is going to be dead.
pub fn is_due_beside(snapshot: &Snapshot) -> bool {
    let log = snapshot.committed.header.wal_size;
    snapshot.pending.head > log / 100 * FULL_BESIDE
        && snapshot.committed.end > LEAST_BESIDE
        && will_be_due(snapshot, MOST_DEAD_BESIDE)
}

fn is_too_much(snapshot: &Snapshot, dead: u64, size: u64, most: u64) -> bool {
    dead > LEAST_DEAD
        && dead > size / 100 * most
        && !has_other_names(snapshot.committed.storage.file())
}

/// Rewrites the file when that is due. A file that cannot be rewritten now (no space for a second one, say) goes on as it
/// is: everything is durable already, and the next commit tries again. A lock that is returned is to be held as long as
/// the one on the old file.
pub fn tidy(snapshot: Snapshot, options: &CommitOptions) -> (Snapshot, Option<FileLock>) {
    if !is_due(&snapshot) {
        return (snapshot, None);
    }
    let Ok((Some(committed), lock)) = rewrite(&snapshot, options) else {
        return (snapshot, None);
    };
    match load_pending(&committed, options.index) {
        Ok(pending) => {
            let committed = Arc::new(committed);
            (Snapshot { committed, pending }, Some(lock))
        }
        Err(_) => (snapshot, Some(lock)),
    }
}

/// Moves the log into the file: by a commit, or into the new file when that commit would leave too much of the old one
/// dead. Like [`tidy`], it may give a lock.
pub fn checkpoint(
    snapshot: &Snapshot,
    options: &CommitOptions,
) -> Result<(Option<Committed>, Option<FileLock>)> {
    if will_be_due(snapshot, MOST_DEAD) {
        match rewrite(snapshot, options) {
            Ok((committed, lock)) => return Ok((committed, Some(lock))),
            // Once the new file has the name, the old one is no place for a commit.
            Err(error) if !snapshot.committed.storage.is_current()? => return Err(error),
            Err(_) => {}
        }
    }
    Ok((commit(snapshot, Vec::new(), options)?, None))
}

/// Writes the live content and what the log holds to a new file and gives it the name, see [`Prepared::finish`].
fn rewrite(snapshot: &Snapshot, options: &CommitOptions) -> Result<(Option<Committed>, FileLock)> {
    prepare(snapshot, options)?.finish(snapshot)
}

/// Rewrites the file whatever it would win. The log is empty.
pub fn rewrite_thoroughly(
    snapshot: &Snapshot,
    options: &CommitOptions,
    extent: Extent,
) -> Result<(Option<Committed>, FileLock)> {
    // Cards that cannot be read may tell of what is to be erased.
    cards::stored(&snapshot.committed)?;
    prepare_to(snapshot, options, extent)?.finish(snapshot)
}

/// MV018 when the file has other names: they would keep the old content.
pub fn refuse_other_names(storage: &FileStorage, operation: &str) -> Result<()> {
    if !has_other_names(storage.file()) {
        return Ok(());
    }
    let message = format!(
        "{operation}: {} has more than one name (hard links), and the others would keep the old content",
        storage.path().display()
    );
    let details = json!({ "operation": operation, "reason": "hard_link" });
    Err(Error::new(Code::Unsupported, message, details))
}

/// How much of what is removed a new file is made without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// As much as is worth the work: full-text sections with few removed documents are copied, and what was derived from
    /// removed vectors stays.
    Worthwhile,
    /// All that is known to come from removed documents, in whatever form.
    Thorough,
    /// All of it, and with it what other programs made of documents that nobody can tell.
    Purge,
}

/// A new file that has no name yet.
pub struct Prepared {
    file: AtomicFile,
    storage: Arc<FileStorage>,
    wal_size: u64,
    /// Up to where it contains the old file's log.
    log_end: u64,
}

impl Prepared {
    /// Makes durable what is written.
    pub fn sync(&self) -> Result<()> {
        output::sync(&self.storage)
    }

    /// Copies what the log of the old file got meanwhile (`current` is its state now), and gives the new file the name.
    /// Also gives the lock on it, to be held as long as the one on the old file. Without a new state the file is in place,
    /// but could not be opened right now.
    pub fn finish(self, current: &Snapshot) -> Result<(Option<Committed>, FileLock)> {
        let base = &current.committed;
        // Should the new name not become durable, the old file is in force again, and its log has been written to.
        settle::settle_shown(current)?;
        let path = base.storage.path();
        let length = current.pending.head.saturating_sub(self.log_end);
        if length + RECORD_HEADER_SIZE as u64 > self.wal_size {
            return Err(Error::new(
                Code::Internal,
                "what was put while the file was rewritten does not fit into its new log",
                json!({ "bytes": length, "log": self.wal_size }),
            ));
        }
        if length > 0 {
            // Sequences go on, and so do frame ids: the records are valid as they are.
            let records = base.payload(base.header.wal_offset + self.log_end, length)?;
            output::write_at(&self.storage, HEADER_SIZE as u64, records)?;
        }
        base.check()?;
        drop(self.storage);
        take_over(path, base.storage.file(), self.file.file())?;
        let lock = FileLock::exclusive_on(self.file.file(), path)?;
        // It syncs the file before it gives it the name.
        let persisted = self.file.persist(true);
        if persisted.is_ok() || lock.is_current()? {
            turn_away(
                &base.storage,
                &base.header,
                current.pending.head,
                current.pending.last_sequence.saturating_add(1),
            );
        }
        persisted?;
        let storage = FileStorage::open_existing(path, true);
        let committed = storage
            .ok()
            .and_then(|storage| Committed::load(Arc::new(storage), Care::Quick).ok());
        Ok((committed, lock))
    }
}

impl Prepared {
    /// The commit in the new file, to be looked at before it gets the name.
    pub fn committed(&self) -> Result<Committed> {
        Committed::load(Arc::clone(&self.storage), Care::Thorough)
    }

    /// Gives the new file the name in place of `old`, which it was not made from directly. Gives the lock on it, and what
    /// failed when the file is in place and its name may still be lost with the power.
    pub fn replace(self, old: &FileStorage) -> Result<(FileLock, Option<Error>)> {
        let path = old.path();
        drop(self.storage);
        take_over(path, old.file(), self.file.file())?;
        let lock = FileLock::exclusive_on(self.file.file(), path)?;
        let not_durable = match self.file.persist(true) {
            Ok(_) => None,
            Err(error) if lock.is_current()? => Some(error.into()),
            Err(error) => return Err(error.into()),
        };
        turn_away_from(old);
        Ok((lock, not_durable))
    }
}

/// Writes the live content and what the log holds to a new file.
pub fn prepare(snapshot: &Snapshot, options: &CommitOptions) -> Result<Prepared> {
    prepare_to(snapshot, options, Extent::Worthwhile)
}

/// [`prepare`] to a given extent.
pub fn prepare_to(
    snapshot: &Snapshot,
    options: &CommitOptions,
    extent: Extent,
) -> Result<Prepared> {
    let base = &snapshot.committed;
    let path = base.storage.path();
    let file = AtomicFile::create(path)?;
    let handle = file
        .file()
        .try_clone()
        .map_err(|error| Error::io("create", path, &error))?;
    let storage = Arc::new(FileStorage::from_file(handle, path, true)?);
    let wal_size = log_size(live_bytes(snapshot));
    let mut out = Output::new(Arc::clone(&storage), HEADER_SIZE as u64);
    write_zeros(&mut out, wal_size)?;

    let mut additions = pending_additions(snapshot)?;
    fill_search_texts(base.directory.totals().search_text_bytes, &mut additions);
    let fresh_frames = additions.iter_mut().map(|addition| &mut addition.frame);
    let pictures = FreshPictures::of(base, fresh_frames);
    let fresh = additions
        .iter()
        .map(|addition| (&addition.frame, &addition.sketch));
    let mut fresh = FreshFrames::encode(fresh)?;
    // Sections first: a commit of the reference that only deletes starts writing behind the last payload.
    let sections = move_lex_sections(snapshot, &additions, options, extent, &mut out)?;
    let mut tail = base.tail.clone();
    let index = base.vectors()?;
    // What cannot be read is copied with the other tracks.
    let new_vectors = Fresh::of_additions(base, &additions)?;
    let writes_vectors =
        !new_vectors.is_empty() || index.dimension().is_some() && !index.stays_foreign();
    if writes_vectors {
        tail.indexes.vec = None;
        tail.segment_catalog.vec_segments.clear();
    }
    let memories = match extent {
        Extent::Worthwhile => None,
        Extent::Thorough | Extent::Purge => {
            let keeps = |id| !is_removed(snapshot, id);
            match cards::kept(base, extent == Extent::Purge, &keeps) {
                // Intact, and nothing that this program can read: for one that can.
                Err(error) if error.code == Code::Corrupt => None,
                kept => kept?,
            }
        }
    };
    if memories.is_some() {
        tail.memories_track = None;
    }
    // Pictures that cannot be read are copied, too.
    let writes_pictures = base.pictures().is_ok();
    if writes_pictures {
        tail.indexes.clip = None;
    }
    move_tracks(base, &mut tail, &mut out)?;
    if let Some(memories) = memories {
        tail.memories_track = Some(memories.write(&mut out)?);
    }
    if writes_pictures {
        let keeps = |id| !is_removed(snapshot, id);
        tail.indexes.clip = pictures::write(base, pictures, &keeps, &mut out)?;
    }
    let changes = &snapshot.pending.changes;
    let times = std::mem::take(&mut fresh.times);
    let times = tracks::time_entries(base, times, changes);
    tail.time_index = Some(write_time_index(&times, &mut out)?);
    let mut sketches = tracks::sketch_track(base, &fresh.sketches);
    tracks::clear_sketches(&mut sketches, &|id| is_removed(snapshot, id));
    let frame_count = base.frame_count() + fresh.count();
    tail.sketch_track = Some(write_sketch_track(&sketches, frame_count, &mut out)?);
    clear_reference_lex(&mut tail, options.lex_enabled);
    let vectors = vec_sections::write(
        base,
        new_vectors,
        &|id| status_after(base, changes, id),
        match extent {
            Extent::Worthwhile => Rewrite::Always,
            Extent::Thorough | Extent::Purge => Rewrite::Thorough,
        },
        &mut out,
    )?;
    if writes_vectors {
        vectors.apply(&mut tail);
    }
    let moved = sections.len() + vectors.sections.len();
    let mut head = head_with(base, sections, vectors.sections);
    if extent != Extent::Worthwhile {
        head.segments.retain(|segment| !is_staged(segment));
    }
    for segment in head.segments.iter_mut().skip(1 + moved) {
        segment.bytes_offset =
            out.write(base.payload(segment.bytes_offset, segment.bytes_length)?)?;
    }
    if extent != Extent::Worthwhile {
        let keeps = |id| !is_removed(snapshot, id);
        head.segments.extend(staged::kept(base, &keeps, &mut out)?);
    }
    let mut table = FrameTable::empty(frames_start(&head));
    table.parts.chunks = base.directory.chunks().collect();
    // Removed frames have no uri any more.
    table.parts.uris = base
        .directory
        .uris()
        .filter(|&(_, id)| !is_removed(snapshot, u64::from(id)))
        .collect();
    let directory_length = table.directory_length((&head, &tail), base.frame_count(), &fresh);
    let directory_offset = out.skip(directory_length)?;
    let mut places = Places::default();
    move_frames(snapshot, &mut table, &mut places, &mut out)?;
    // What was copied may lack what is damaged.
    base.check()?;
    let new_places = write_payloads(base, &additions, &mut places, &mut out)?;
    drop((additions, places));
    fresh.place_payloads(|index, _| new_places.get(index).copied())?;
    table.append(fresh);
    table.parts.generation = base.next_generation();
    table.parts.applied_sequence = snapshot.pending.last_sequence;
    table.parts.log_size = wal_size;
    let directory = register_directory(&mut head, &tail, directory_offset, table.finish());
    if directory.len() as u64 != directory_length {
        return Err(unplanned_length());
    }
    let (toc_offset, toc) = write_table(base, &head, &table, &tail, &mut out)?;
    output::write_at(&storage, directory_offset, &directory)?;
    let header = Header {
        footer_offset: toc_offset,
        wal_offset: HEADER_SIZE as u64,
        wal_size,
        wal_checkpoint_pos: 0,
        wal_sequence: snapshot.pending.last_sequence,
        toc_checksum: [0; 32],
    };
    write_root(&storage, header, &toc, base.next_generation())?;
    Ok(Prepared {
        file,
        storage,
        wal_size,
        log_end: snapshot.pending.head,
    })
}

/// Whether other names lead to the file: they would keep the old one.
fn has_other_names(file: &File) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::nlink(&match file.metadata() {
        Ok(metadata) => metadata,
        Err(_) => return true,
    }) > 1;
    #[cfg(not(unix))]
    false
}

/// The log of a file with this much content: a share of it, in whole steps.
pub fn log_size(live: u64) -> u64 {
    (live / LOG_SHARE)
        .next_multiple_of(DEFAULT_WAL_SIZE)
        .clamp(DEFAULT_WAL_SIZE, LARGEST_LOG)
}

/// Writes `count` zero bytes.
pub fn write_zeros(out: &mut Output, mut count: u64) -> Result<()> {
    let zeros = [0; 1 << 16];
    while count > 0 {
        let piece = count.min(zeros.len() as u64);
        out.write(zeros.get(..piece as usize).unwrap_or_default())?;
        count -= piece;
    }
    Ok(())
}

/// Writes the full-text sections: the old ones, and what the log brings.
fn move_lex_sections(
    snapshot: &Snapshot,
    additions: &[Addition],
    options: &CommitOptions,
    extent: Extent,
    out: &mut Output,
) -> Result<Vec<SegmentMeta>> {
    let stored = snapshot.committed.lex_sections();
    // Without anything new they are as they were when the last commit settled them.
    let built = if options.lex_enabled && options.index && !snapshot.pending.is_empty() {
        lex_sections::build(snapshot, additions, stored)?
    } else {
        Vec::new()
    };
    let mut sections = Vec::new();
    for group in merge::settled(snapshot, stored, built, out)? {
        move_lex_group(snapshot, group, extent, &mut sections, out)?;
    }
    Ok(sections)
}

/// Writes the full-text sections of a group; one with many removed documents is written without them.
fn move_lex_group(
    snapshot: &Snapshot,
    group: Group,
    extent: Extent,
    sections: &mut Vec<SegmentMeta>,
    out: &mut Output,
) -> Result<()> {
    let base = &snapshot.committed;
    let (from, to) = (group.from, group.to);
    let removed = (from..to).filter(|&id| is_removed(snapshot, id)).count() as u64;
    let mut stored = Vec::new();
    for section in group.sections {
        match section {
            // What was made just now has no removed documents.
            Section::Built(built) => sections.push(write_section(&built.bytes, from, to, out)?),
            Section::Stored(section) => stored.push(section),
        }
    }
    let is_due = match extent {
        Extent::Worthwhile => removed * 5 > to - from,
        Extent::Thorough | Extent::Purge => removed > 0,
    };
    if !stored.is_empty() && is_due {
        let parts = stored
            .iter()
            .map(|section| Ok((base.section(section)?, (from, to))))
            .collect::<Result<_>>()?;
        let bytes = merge_or_rebuild(snapshot, parts)?;
        sections.push(write_section(&bytes, from, to, out)?);
        return Ok(());
    }
    for mut section in stored {
        section.bytes_offset =
            out.write(base.payload(section.bytes_offset, section.bytes_length)?)?;
        sections.push(section);
    }
    Ok(())
}

fn is_removed(snapshot: &Snapshot, id: u64) -> bool {
    let status = snapshot.pending.status_of(&snapshot.committed, id);
    status.is_none_or(|(status, _)| status == FrameStatus::Deleted as u32)
}

/// Where payloads stand in the new file, by their place and length in the old one: an old version may share the bytes of
/// the new one.
type Places = FxHashMap<(u64, u64), u64>;

/// Copies frames with their payloads. A frame stays as it is encoded but for the place of its payload and what the log
/// changed; of a removed one its id, its time and its place in the order of frames are left.
fn move_frames(
    snapshot: &Snapshot,
    table: &mut FrameTable,
    places: &mut Places,
    out: &mut Output,
) -> Result<()> {
    let base = &snapshot.committed;
    let mut copy = Vec::new();
    table.parts.totals = base.directory.totals();
    for id in 0..base.frame_count() {
        let encoded = base.encoded(id)?;
        let mut record = base
            .directory
            .record(id)
            .ok_or_else(|| Error::frame_not_found(id))?;
        copy.clear();
        copy.extend_from_slice(encoded);
        if let Some(change) = snapshot.pending.changes.get(&id) {
            let mut frame = decode_frame(encoded)?;
            table.parts.totals.discount(&frame);
            frame.status = status(change.status);
            frame.superseded_by = change.superseded_by;
            table.parts.totals.count(&frame);
            record.flags = record.flags.with_status(change.status);
            record.superseded_by = change.superseded_by.and_then(|id| u32::try_from(id).ok());
            copy = frame.to_bytes();
        }
        if record.flags.status() == FrameStatus::Deleted as u32 {
            let frame = decode_frame(&copy)?;
            table.parts.totals.discount(&frame);
            let left = stripped(&frame);
            table.parts.totals.count(&left);
            record.flags = Flags::new(left.status as u32, left.role as u32, false);
            table.push(&left.to_bytes(), record);
            continue;
        }
        let payload = PayloadPlace::of(&copy)?;
        let place = move_payload(base, (payload.offset, payload.length), places, out)?;
        payload.set_offset(&mut copy, place);
        table.push(&copy, record);
    }
    Ok(())
}

/// Writes the payloads that the log brings and gives their places. A frame of another program's record may share the
/// payload of an older one.
fn write_payloads(
    base: &Committed,
    additions: &[Addition],
    places: &mut Places,
    out: &mut Output,
) -> Result<Vec<u64>> {
    let mut new_places = Vec::with_capacity(additions.len());
    for addition in additions {
        new_places.push(match &addition.payload {
            Some(payload) => out.write(payload)?,
            None => {
                let frame = &addition.frame;
                let old = (frame.payload_offset, frame.payload_length);
                move_payload(base, old, places, out)?
            }
        });
    }
    Ok(new_places)
}

/// What is left of a removed frame.
fn stripped(frame: &Frame) -> Frame {
    Frame {
        id: frame.id,
        timestamp: frame.timestamp,
        anchor_ts: frame.anchor_ts,
        anchor_source: frame.anchor_source,
        checksum: *blake3::hash(b"").as_bytes(),
        role: frame.role,
        parent_id: frame.parent_id,
        chunk_index: frame.chunk_index,
        status: frame.status,
        supersedes: frame.supersedes,
        superseded_by: frame.superseded_by,
        enrichment_state: frame.enrichment_state,
        ..Frame::default()
    }
}

/// Copies a payload, given by its place and length, and gives its new place.
fn move_payload(
    base: &Committed,
    old: (u64, u64),
    places: &mut Places,
    out: &mut Output,
) -> Result<u64> {
    if old.1 == 0 {
        return Ok(out.position());
    }
    if let Some(&place) = places.get(&old) {
        return Ok(place);
    }
    let place = out.write(base.payload(old.0, old.1)?)?;
    places.insert(old, place);
    Ok(place)
}

/// A track besides those of words, vectors and time: one that another part of the product or the reference keeps.
pub struct Track<'a> {
    /// What it is called in reports.
    pub name: &'static str,
    /// Where it stands.
    pub offset: &'a mut u64,
    /// Bytes.
    pub length: u64,
    /// BLAKE3 of it; one kind of track has none.
    pub checksum: Option<[u8; 32]>,
}

/// Takes those tracks out of a tail that `keeps` is against.
pub fn retain_tracks(
    tail: &mut TocTail,
    keeps: &mut dyn FnMut(Track<'_>) -> Result<bool>,
) -> Result<()> {
    /// Tracks with fields of the same names.
    macro_rules! retain {
        ($track:expr, $name:literal) => {
            if let Some(manifest) = &mut $track
                && !keeps(Track {
                    name: $name,
                    offset: &mut manifest.bytes_offset,
                    length: manifest.bytes_length,
                    checksum: Some(manifest.checksum),
                })?
            {
                $track = None;
            }
        };
    }
    retain!(tail.indexes.clip, "clip");
    retain!(tail.temporal_track, "temporal");
    retain!(tail.memories_track, "memories");
    retain!(tail.logic_mesh, "logic mesh");
    if let Some(manifest) = &mut tail.replay_manifest
        && !keeps(Track {
            name: "recordings",
            offset: &mut manifest.segment_offset,
            length: manifest.segment_size,
            checksum: None,
        })?
    {
        tail.replay_manifest = None;
    }
    let segments = std::mem::take(&mut tail.segment_catalog.temporal_segments);
    let kept = &mut tail.segment_catalog.temporal_segments;
    for mut segment in segments {
        let entry = &mut segment.entry;
        if keeps(Track {
            name: "temporal",
            offset: &mut entry.bytes_offset,
            length: entry.bytes_length,
            checksum: Some(entry.checksum),
        })? {
            kept.push(segment);
        }
    }
    Ok(())
}

/// Hands place and length of each of those tracks to `visit`.
pub fn each_track(
    tail: &mut TocTail,
    visit: &mut dyn FnMut(&mut u64, u64) -> Result<()>,
) -> Result<()> {
    retain_tracks(tail, &mut |track| {
        visit(track.offset, track.length).map(|()| true)
    })
}

/// Copies what other parts of the product or the reference keep in the file, byte for byte.
fn move_tracks(base: &Committed, tail: &mut TocTail, out: &mut Output) -> Result<()> {
    let mut copy = |offset: &mut u64, length: u64| -> Result<()> {
        if length > 0 {
            *offset = out.write(base.payload(*offset, length)?)?;
        }
        Ok(())
    };
    if let Some(manifest) = &mut tail.indexes.vec {
        copy(&mut manifest.bytes_offset, manifest.bytes_length)?;
    }
    for segment in &mut tail.segment_catalog.vec_segments {
        copy(&mut segment.entry.bytes_offset, segment.entry.bytes_length)?;
    }
    each_track(tail, &mut copy)?;
    // Second lists of the same sections, used by nobody (indexes.md §0.2); the reference's vacuum drops them too.
    tail.segment_catalog.time_segments.clear();
    tail.segment_catalog.index_segments.clear();
    Ok(())
}
