//! What a large batch wrote gets other places: what waited for one, and what stands where the log will be.

use std::collections::BTreeMap;
use std::sync::Arc;

use mv2::storage::FileStorage;
use mv2::toc::SegmentMeta;

use crate::bulk::{MOST_LANES, stopped_unexpectedly};
use crate::bulk_held::Held;
use crate::bulk_vectors::BatchVectors;
use crate::commit::{self, CommitOptions};
use crate::compact;
use crate::error::Result;
use crate::fresh::FreshFrames;
use crate::output::{self, Output};
use crate::snapshot::Snapshot;

/// What the lanes wrote and may have to stand somewhere else.
pub struct Movable<'a> {
    /// By their first frames.
    pub slices: &'a mut BTreeMap<u64, FreshFrames>,
    /// Full-text sections.
    pub sections: &'a mut [SegmentMeta],
}

impl Movable<'_> {
    /// Writes what waited, and tells frames and sections where it stands.
    pub fn settle(&mut self, held: &Held, out: &mut Output) -> Result<()> {
        let start = out.position();
        let pieces = held.pieces();
        if pieces.is_empty() {
            return Ok(());
        }
        for piece in pieces {
            out.write(&piece)?;
        }
        // One of them is read again.
        out.flush()?;
        for section in &mut *self.sections {
            section.bytes_offset =
                Held::settled(section.bytes_offset, start).unwrap_or(section.bytes_offset);
        }
        let mut slices: Vec<_> = self.slices.values_mut().collect();
        let share = slices.len().div_ceil(MOST_LANES).max(1);
        std::thread::scope(|scope| {
            let threads: Vec<_> = slices
                .chunks_mut(share)
                .map(|slices| {
                    scope.spawn(|| {
                        slices.iter_mut().try_for_each(|slice| {
                            slice.place_payloads(|_, offset| Held::settled(offset, start))
                        })
                    })
                })
                .collect();
            let mut results = threads.into_iter().map(|thread| thread.join());
            results.try_for_each(|result| result.map_err(|_| stopped_unexpectedly())?)
        })
    }
}

/// The first commit into an empty memory gets the log that fits it (see [`commit::next_log_size`]). How large it is, is
/// known only now: what the lanes wrote where the log will be is written again at the end. Gives the size of the log.
pub fn make_room_for_log(
    snapshot: &Snapshot,
    written: &mut Movable<'_>,
    vectors: &mut BatchVectors,
    out: &mut Output,
    options: &CommitOptions,
) -> Result<u64> {
    let Movable { slices, sections } = written;
    let base = &snapshot.committed;
    let count: u64 = slices.values().map(FreshFrames::count).sum();
    let expected = out.position() - base.end + commit::EACH_FRAME * count;
    let wal_size = commit::next_log_size(snapshot, expected, options.capacity);
    let log_end = base.header.wal_offset + wal_size;
    if wal_size <= base.header.wal_size || log_end <= base.end {
        return Ok(base.header.wal_size);
    }
    // Only whole pieces move: the one across the end of the log is the last.
    let mut moved_end = log_end.min(out.position()).max(vectors.end_below(log_end));
    for section in sections.iter() {
        if section.bytes_offset < log_end {
            moved_end = moved_end.max(section.bytes_offset + section.bytes_length);
        }
    }
    for slice in slices.values() {
        moved_end = moved_end.max(slice.payload_end_below(log_end)?);
    }
    if out.position() < log_end {
        out.skip(log_end - out.position())?;
    }
    let mut place = base.end;
    let shift = out.position() - place;
    let mut buffer = vec![0; 1 << 20];
    while place < moved_end {
        let length = (moved_end - place).min(buffer.len() as u64);
        let piece = buffer.get_mut(..length as usize).unwrap_or_default();
        output::read_at(&base.storage, place, piece)?;
        out.write(piece)?;
        place += length;
    }
    for section in sections.iter_mut() {
        if section.bytes_offset < log_end {
            section.bytes_offset += shift;
        }
    }
    vectors.move_below(log_end, shift);
    for slice in slices.values_mut() {
        slice.move_payloads_below(log_end, shift)?;
    }
    out.flush()?;
    // Nothing of what was there stays in the log.
    fill_log(&base.storage, base.end, log_end - base.end)?;
    Ok(wal_size)
}

/// Writes zeros where the log will be: its blocks then exist, so that a later append changes no allocation.
pub fn fill_log(storage: &Arc<FileStorage>, from: u64, length: u64) -> Result<()> {
    let mut zeros = Output::new(Arc::clone(storage), from);
    compact::write_zeros(&mut zeros, length)?;
    zeros.flush()
}
