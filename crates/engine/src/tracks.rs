//! Tracks that every commit writes whole: the time index and the sketch track.

use imbl::HashMap;
use mv2::frame::FrameStatus;
use mv2::sketch::{self, SketchHasher};

use crate::committed::Committed;
use crate::directory::FrameRecord;
use crate::pending::StatusChange;
use crate::text;

/// (timestamp, id) of every active document, ascending; `fresh` are the new ones.
pub fn time_entries(
    base: &Committed,
    mut fresh: Vec<(i64, u64)>,
    changed: &HashMap<u64, StatusChange>,
) -> Vec<(i64, u64)> {
    let active = |id: u64, record: &FrameRecord| {
        record.flags.is_document()
            && changed
                .get(&id)
                .map_or(record.flags.status(), |change| change.status)
                == FrameStatus::Active as u32
    };
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
pub fn sketch_track(base: &Committed, fresh: &[[u8; 32]]) -> Vec<u8> {
    let count = base.frame_count();
    let mut out = Vec::with_capacity(sketch::HEADER_SIZE + 32 * (count as usize + fresh.len()));
    out.extend_from_slice(&sketch::encode_header(count + fresh.len() as u64));
    let stored = base.tail.sketch_track.as_ref().filter(|manifest| {
        base.directory_is_stored && manifest.entry_size == 32 && manifest.entry_count == count
    });
    let stored = stored
        .and_then(|manifest| {
            base.payload(manifest.bytes_offset, manifest.bytes_length)
                .ok()
                .filter(|bytes| *blake3::hash(bytes).as_bytes() == manifest.checksum)
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
    out.extend_from_slice(fresh.as_flattened());
    out
}

/// Empties the entries of frames that are removed: they tell of their words.
pub fn clear_sketches(track: &mut [u8], is_removed: &dyn Fn(u64) -> bool) {
    let entries = track.get_mut(sketch::HEADER_SIZE..).unwrap_or_default();
    for (id, entry) in (0..).zip(entries.chunks_exact_mut(32)) {
        if is_removed(id) {
            entry.fill(0);
        }
    }
}

fn committed_sketch(base: &Committed, id: u64, hasher: &mut SketchHasher) -> Option<[u8; 32]> {
    let view = base.frame(id).ok()?;
    let body = text::search_body(&view, &|offset, length| base.payload(offset, length));
    Some(hasher.entry(&body.ok()??))
}
