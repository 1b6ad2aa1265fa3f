//! Tracks that every commit writes whole: the time index and the sketch track.

use imbl::HashMap;
use mv2::frame::{FrameRole, FrameStatus};
use mv2::sketch::{self, SketchHasher};

use crate::additions::Addition;
use crate::committed::Committed;
use crate::directory::FrameRecord;
use crate::pending::StatusChange;
use crate::snapshot::Snapshot;
use crate::text;

/// (timestamp, id) of every active document, ascending.
pub fn time_entries(
    snapshot: &Snapshot,
    additions: &[Addition],
    changed: &HashMap<u64, StatusChange>,
) -> Vec<(i64, u64)> {
    let base = &snapshot.committed;
    let active = |id: u64, record: &FrameRecord| {
        record.flags.is_document()
            && changed
                .get(&id)
                .map_or(record.flags.status(), |change| change.status)
                == FrameStatus::Active as u32
    };
    let mut fresh: Vec<(i64, u64)> = additions
        .iter()
        .map(|addition| &addition.frame)
        .filter(|frame| frame.role == FrameRole::Document && frame.status == FrameStatus::Active)
        .map(|frame| (frame.timestamp, frame.id))
        .collect();
    fresh.sort_unstable();
    let mut entries = Vec::with_capacity(base.frame_count() as usize + fresh.len());
    // Only our own index is known to agree with the frames; another program's is built anew.
    match base.time_index().filter(|_| base.directory_is_stored) {
        Some(stored) => {
            let mut fresh = fresh.into_iter().peekable();
            for entry in stored.iter() {
                while let Some(next) = fresh.next_if(|next| *next < entry) {
                    entries.push(next);
                }
                let id = entry.1;
                if changed.is_empty()
                    || base
                        .directory
                        .record(id)
                        .is_some_and(|record| active(id, &record))
                {
                    entries.push(entry);
                }
            }
            entries.extend(fresh);
        }
        None => {
            for id in 0..base.frame_count() {
                if let Some(record) = base
                    .directory
                    .record(id)
                    .filter(|record| active(id, record))
                {
                    entries.push((record.timestamp, id));
                }
            }
            entries.extend(fresh);
            entries.sort_unstable();
        }
    }
    entries
}

/// One entry a frame, in id order: the reference attributes entries by position.
pub fn sketch_track(base: &Committed, additions: &[Addition]) -> Vec<u8> {
    let count = base.frame_count();
    let mut out = Vec::with_capacity(sketch::HEADER_SIZE + 32 * (count as usize + additions.len()));
    out.extend_from_slice(&sketch::encode_header(count + additions.len() as u64));
    let stored = base.tail.sketch_track.as_ref().filter(|manifest| {
        base.directory_is_stored && manifest.entry_size == 32 && manifest.entry_count == count
    });
    let stored = stored
        .and_then(|manifest| {
            base.payload(manifest.bytes_offset, manifest.bytes_length)
                .ok()
        })
        .and_then(|bytes| bytes.get(sketch::HEADER_SIZE..))
        .filter(|entries| entries.len() as u64 == count * 32);
    if let Some(entries) = stored {
        out.extend_from_slice(entries);
    } else {
        let mut hasher = SketchHasher::new();
        for id in 0..count {
            out.extend_from_slice(&committed_sketch(base, id, &mut hasher).unwrap_or([0; 32]));
        }
    }
    for addition in additions {
        out.extend_from_slice(&addition.sketch);
    }
    out
}

fn committed_sketch(base: &Committed, id: u64, hasher: &mut SketchHasher) -> Option<[u8; 32]> {
    let view = base.frame(id).ok()?;
    let body = text::search_body(&view, &|offset, length| base.payload(offset, length));
    Some(hasher.entry(&body.ok()??))
}
