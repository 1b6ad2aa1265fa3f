//! Winning back dead space: the live content is written to a new file that takes the old one's name.
//!
//! Every commit leaves the previous table of contents, merged sections and removed payloads behind as dead bytes. A file
//! of which more than a fixed share is dead is rewritten. Because checkpoints are as rare as the log is large, and the log
//! is a share of the file, that costs a constant share of what puts write. A commit at every `close` is another matter:
//! with short texts one superseded table can be more than the share, and then each session rewrites the file.
//!
//! The log region, whose size is fixed within a file, grows here with the file: larger files get rarer checkpoints. The
//! new file has no name until it is whole, and is locked before it gets one (container.md §10.1).

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

use mv2::atomic::AtomicFile;
use mv2::frame::{Frame, FrameStatus};
use mv2::header::{DEFAULT_WAL_SIZE, HEADER_SIZE, Header};
use mv2::lock::FileLock;
use mv2::storage::FileStorage;
use mv2::toc::{self, SegmentMeta, TocTail};
use mv2::view::FrameView;

use crate::commit::{
    CommitOptions, clear_reference_lex, frames_start, head_with, publish, register_directory,
    unplanned_length, write_sketch_track, write_time_index,
};
use crate::committed::{Committed, decode_frame};
use crate::directory::{Directory, Flags};
use crate::error::{Error, Result};
use crate::frame_table::FrameTable;
use crate::lex_sections::{groups, range, write_section};
use crate::merge::merge_or_rebuild;
use crate::output::{self, Output};
use crate::snapshot::Snapshot;
use crate::stats::live_bytes;
use crate::tracks;
use crate::writer::load_pending;

/// Files with less dead space than this are left alone, bytes.
const LEAST_DEAD: u64 = 96 << 10;
/// The largest share of a file that may be dead, in percent.
const MOST_DEAD: u64 = 30;
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
    let live = live_bytes(snapshot);
    let dead = size.saturating_sub(live);
    dead > LEAST_DEAD
        && dead > size / 100 * MOST_DEAD
        && !has_other_names(snapshot.committed.storage.file())
}

/// Rewrites the file when that is due. A file that cannot be rewritten now (no space for a second one, say) goes on as it
/// is: everything is durable already, and the next commit tries again. A lock that is returned is to be held as long as
/// the one on the old file.
pub fn tidy(snapshot: Snapshot, options: &CommitOptions) -> (Snapshot, Option<FileLock>) {
    if !is_due(&snapshot) {
        return (snapshot, None);
    }
    let Ok((committed, lock)) = compact(&snapshot, options) else {
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

/// Rewrites the file without its dead bytes. The log must be empty. Also gives the lock on the new file, to be held as
/// long as the one on the old.
fn compact(snapshot: &Snapshot, options: &CommitOptions) -> Result<(Committed, FileLock)> {
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

    // Sections first: a commit of the reference that only deletes starts writing behind the last payload.
    let mut sections = Vec::new();
    for group in groups(base.lex_sections()) {
        move_lex_group(snapshot, group, &mut sections, &mut out)?;
    }
    let mut tail = base.tail.clone();
    move_tracks(base, &mut tail, &mut out)?;
    let times = tracks::time_entries(base, Vec::new(), &snapshot.pending.changes);
    tail.time_index = Some(write_time_index(&times, &mut out)?);
    let sketches = tracks::sketch_track(base, &[]);
    tail.sketch_track = Some(write_sketch_track(&sketches, base.frame_count(), &mut out)?);
    clear_reference_lex(&mut tail, options.lex_enabled);
    let copied = sections.len();
    let mut head = head_with(base, sections);
    for segment in head.segments.iter_mut().skip(1 + copied) {
        segment.bytes_offset =
            out.write(base.payload(segment.bytes_offset, segment.bytes_length)?)?;
    }
    let mut table = FrameTable::empty(frames_start(&head));
    table.parts.chunks = base.directory.chunks().collect();
    // Removed frames have no uri any more.
    table.parts.uris = base
        .directory
        .uris()
        .filter(|&(_, id)| !is_removed(base, u64::from(id)))
        .collect();
    let directory_length = Directory::length(
        base.frame_count(),
        table.parts.chunks.len() as u64,
        table.parts.uris.len() as u64,
    );
    let directory_offset = out.skip(directory_length)?;
    move_frames(base, &mut table, &mut out)?;
    table.parts.generation = base.generation + 1;
    table.parts.applied_sequence = snapshot.pending.last_sequence;
    table.parts.section_offset = directory_offset;
    let directory = table.finish();
    if directory.len() as u64 != directory_length {
        return Err(unplanned_length());
    }
    register_directory(&mut head, directory_offset, &directory, table.count);
    let toc_offset = out.position();
    let toc = toc::write(
        &head,
        table.count,
        |sink| table.write_frames(base, sink),
        &tail,
        |bytes| out.write(bytes).map(drop),
    )?;
    out.flush()?;
    output::write_at(&storage, directory_offset, &directory)?;
    let header = Header {
        footer_offset: toc_offset,
        wal_offset: HEADER_SIZE as u64,
        wal_size,
        wal_checkpoint_pos: 0,
        wal_sequence: snapshot.pending.last_sequence,
        toc_checksum: [0; 32],
    };
    publish(&storage, header, &toc, base.generation + 1)?;
    drop(storage);
    take_over_owner(base, file.file())?;
    let lock = FileLock::exclusive_on(file.file(), path)?;
    file.persist(true)?;
    let storage = Arc::new(FileStorage::open_existing(path, true)?);
    Ok((Committed::load(storage)?, lock))
}

/// Gives the new file the permissions and the owner of the old one. Where that is not allowed the file is not rewritten.
fn take_over_owner(base: &Committed, new: &File) -> Result<()> {
    let path = base.storage.path();
    let failed = |error: std::io::Error| Error::io("take over the permissions of", path, &error);
    let old = base.storage.file().metadata().map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let mine = new.metadata().map_err(failed)?;
        if (mine.uid(), mine.gid()) != (old.uid(), old.gid()) {
            std::os::unix::fs::fchown(new, Some(old.uid()), Some(old.gid())).map_err(failed)?;
        }
    }
    new.set_permissions(old.permissions()).map_err(failed)
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

/// Copies the full-text sections of a group; one with many removed documents is written without them.
fn move_lex_group(
    snapshot: &Snapshot,
    group: &[SegmentMeta],
    sections: &mut Vec<SegmentMeta>,
    out: &mut Output,
) -> Result<()> {
    let base = &snapshot.committed;
    let (from, to) = range(group);
    let removed = (from..to).filter(|&id| is_removed(base, id)).count() as u64;
    if removed * 5 > to - from {
        let parts = group
            .iter()
            .map(|section| Ok((base.section(section)?, (from, to))))
            .collect::<Result<_>>()?;
        let bytes = merge_or_rebuild(snapshot, parts)?;
        sections.push(write_section(&bytes, from, to, out)?);
        return Ok(());
    }
    for section in group {
        let mut copy = section.clone();
        copy.bytes_offset = out.write(base.payload(section.bytes_offset, section.bytes_length)?)?;
        sections.push(copy);
    }
    Ok(())
}

fn is_removed(base: &Committed, id: u64) -> bool {
    let record = base.directory.record(id);
    record.is_none_or(|record| record.flags.status() == FrameStatus::Deleted as u32)
}

/// Copies frames with their payloads. A frame stays as it is encoded but for the place of its payload; of a removed one
/// its id, its time and its place in the order of frames are left.
fn move_frames(base: &Committed, table: &mut FrameTable, out: &mut Output) -> Result<()> {
    let mut places = HashMap::new();
    let mut copy = Vec::new();
    table.parts.totals = base.directory.totals();
    for id in 0..base.frame_count() {
        let encoded = base.encoded(id)?;
        let mut record = base
            .directory
            .record(id)
            .ok_or_else(|| Error::frame_not_found(id))?;
        if record.flags.status() == FrameStatus::Deleted as u32 {
            let frame = decode_frame(encoded)?;
            table.parts.totals.discount(&frame);
            let left = stripped(&frame);
            table.parts.totals.count(&left);
            record.flags = Flags::new(left.status as u32, left.role as u32, false);
            table.push(&left.to_bytes(), record);
            continue;
        }
        let view = FrameView::parse(encoded)?;
        let place = move_payload(base, &view, &mut places, out)?;
        copy.clear();
        copy.extend_from_slice(encoded);
        if let Some(slot) = copy.get_mut(view.payload_offset_at..view.payload_offset_at + 8) {
            slot.copy_from_slice(&place.to_le_bytes());
        }
        table.push(&copy, record);
    }
    Ok(())
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

/// Copies a payload and gives its new place.
fn move_payload(
    base: &Committed,
    view: &FrameView<'_>,
    places: &mut HashMap<(u64, u64), u64>,
    out: &mut Output,
) -> Result<u64> {
    if view.payload_length == 0 {
        return Ok(out.position());
    }
    // An old version may share the bytes of the new one.
    let old = (view.payload_offset, view.payload_length);
    if let Some(&place) = places.get(&old) {
        return Ok(place);
    }
    let place = out.write(base.payload(old.0, old.1)?)?;
    places.insert(old, place);
    Ok(place)
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
    if let Some(manifest) = &mut tail.indexes.clip {
        copy(&mut manifest.bytes_offset, manifest.bytes_length)?;
    }
    if let Some(manifest) = &mut tail.temporal_track {
        copy(&mut manifest.bytes_offset, manifest.bytes_length)?;
    }
    if let Some(manifest) = &mut tail.memories_track {
        copy(&mut manifest.bytes_offset, manifest.bytes_length)?;
    }
    if let Some(manifest) = &mut tail.logic_mesh {
        copy(&mut manifest.bytes_offset, manifest.bytes_length)?;
    }
    if let Some(manifest) = &mut tail.replay_manifest {
        copy(&mut manifest.segment_offset, manifest.segment_size)?;
    }
    for segment in &mut tail.segment_catalog.vec_segments {
        copy(&mut segment.entry.bytes_offset, segment.entry.bytes_length)?;
    }
    for segment in &mut tail.segment_catalog.temporal_segments {
        copy(&mut segment.entry.bytes_offset, segment.entry.bytes_length)?;
    }
    // Second lists of the same sections, used by nobody (indexes.md §0.2); the reference's vacuum drops them too.
    tail.segment_catalog.time_segments.clear();
    tail.segment_catalog.index_segments.clear();
    Ok(())
}
