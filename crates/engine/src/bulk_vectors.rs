//! Vectors of a large batch: written while they come, with their codes.
//!
//! Each slice of documents knows the number of its first vector, so that lanes write vectors without waiting for each other.
//! When it is known how many documents come, all vectors have their place in one blob from the start, and nothing is
//! copied; otherwise each slice is a piece of its own, and the pieces are put together at the end.
//!
//! Codes are relative to a centre, and only codes with the same one can be joined by copying. The lanes agree on the centre
//! of what the file holds already, or on that of the first thousand vectors: those wait in memory for each other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mv2::bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use vec::{Segment, SegmentBuilder, Source, StridedVectors};

use crate::error::Result;
use crate::output::{self, Output};
use crate::snapshot::Snapshot;
use crate::vec_sections::Fresh;
use crate::vectors::{COUNT, ENTRY_HEAD, Part, stride, write_entry};

/// A centre of fewer vectors is soon replaced (see `vec::merge`).
const CENTRE_OF: usize = 1024;

/// Vectors of a slice: their frames in ascending order.
pub type Vectors = Vec<(u64, Arc<[f32]>)>;

/// Room in the file for the vectors of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Region {
    /// Where it starts.
    pub start: u64,
    /// Numbers of a vector.
    pub dimension: usize,
    /// Vectors that it takes.
    pub capacity: u64,
}

impl Region {
    /// Bytes that it takes.
    #[must_use]
    pub fn length(&self) -> u64 {
        COUNT as u64 + self.capacity * stride(self.dimension) as u64
    }
}

/// What all lanes share.
pub struct BatchVectors {
    region: Option<Region>,
    /// A segment with the centre that all codes are relative to, once it is known.
    model: RwLock<Option<Bytes>>,
    waiting: Mutex<BTreeMap<u64, Vectors>>,
    slices: Mutex<BTreeMap<u64, Slice>>,
    count: AtomicU64,
}

/// The vectors of one slice.
struct Slice {
    /// Where the first entry stands.
    place: u64,
    count: usize,
    dimension: usize,
    codes: Option<Vec<u8>>,
}

impl BatchVectors {
    /// For a batch on top of `snapshot`.
    pub fn new(snapshot: &Snapshot, region: Option<Region>) -> Result<Self> {
        // Vectors that are about to go are no model.
        let is_binding = snapshot.binding_dimension(None)?.is_some();
        let stored = snapshot.committed.vectors()?.parts().first();
        let stored = stored.filter(|_| is_binding);
        Ok(Self {
            region,
            model: RwLock::new(stored.map(|part| part.codes.clone())),
            waiting: Mutex::default(),
            slices: Mutex::default(),
            count: AtomicU64::new(0),
        })
    }

    /// Takes the vectors of a slice, the first of which is number `first` of the batch. `write` appends bytes to the file,
    /// `write_at` puts them at a place.
    pub fn take(
        &self,
        first: u64,
        vectors: Vectors,
        write: &dyn Fn(&[u8]) -> Result<u64>,
        write_at: &dyn Fn(u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let Some((_, one)) = vectors.first() else {
            return Ok(());
        };
        let dimension = one.len();
        let mut entries = Vec::with_capacity(vectors.len() * stride(dimension));
        for (frame, vector) in &vectors {
            write_entry(*frame, vector, &mut entries);
        }
        let end = first + vectors.len() as u64;
        let place = match self.region.filter(|region| end <= region.capacity) {
            Some(region) => {
                let place = region.start + COUNT as u64 + first * stride(dimension) as u64;
                write_at(place, &entries)?;
                place
            }
            None => write(&entries)?,
        };
        drop(entries);
        let slice = Slice {
            place,
            count: vectors.len(),
            dimension,
            codes: None,
        };
        self.slices.lock().insert(first, slice);
        self.count
            .fetch_add(vectors.len() as u64, Ordering::Relaxed);
        self.encode(first, vectors)
    }

    fn encode(&self, first: u64, vectors: Vectors) -> Result<()> {
        let model = self.model.read().clone();
        if let Some(model) = model {
            return self.encode_like(&model, first, &vectors);
        }
        let mut waiting = self.waiting.lock();
        // Another lane may have found the centre meanwhile.
        if self.model.read().is_none() {
            waiting.insert(first, vectors);
            if waiting.values().map(Vec::len).sum::<usize>() < CENTRE_OF {
                return Ok(());
            }
            self.find_centre(&waiting)?;
        } else {
            waiting.insert(first, vectors);
        }
        let waited = std::mem::take(&mut *waiting);
        drop(waiting);
        self.encode_waiting(waited)
    }

    /// Agrees on the centre of what waits.
    fn find_centre(&self, waiting: &BTreeMap<u64, Vectors>) -> Result<()> {
        let first = waiting.values().flatten().next();
        let Some((_, first)) = first else {
            return Ok(());
        };
        let mut builder = SegmentBuilder::new(first.len())?;
        for (frame, vector) in waiting.values().flatten() {
            builder.add(*frame, vector)?;
        }
        *self.model.write() = Some(Bytes::from(builder.finish()));
        Ok(())
    }

    fn encode_waiting(&self, waited: BTreeMap<u64, Vectors>) -> Result<()> {
        let model = self.model.read().clone();
        let Some(model) = model else { return Ok(()) };
        waited
            .iter()
            .try_for_each(|(first, vectors)| self.encode_like(&model, *first, vectors))
    }

    fn encode_like(&self, model: &Bytes, first: u64, vectors: &Vectors) -> Result<()> {
        let mut builder = SegmentBuilder::like(&Segment::open(model)?);
        for (frame, vector) in vectors {
            builder.add(*frame, vector)?;
        }
        let codes = builder.finish();
        if let Some(slice) = self.slices.lock().get_mut(&first) {
            slice.codes = Some(codes);
        }
        Ok(())
    }

    /// Where the last vectors end that begin below `limit`; 0 without any.
    #[must_use]
    pub fn end_below(&mut self, limit: u64) -> u64 {
        let slices = self.slices.get_mut().values();
        let below = slices.filter(|slice| slice.place < limit);
        below.map(Slice::end).max().unwrap_or(0)
    }

    /// Tells that the vectors which begin below `limit` stand `shift` bytes further on.
    pub fn move_below(&mut self, limit: u64, shift: u64) {
        for slice in self.slices.get_mut().values_mut() {
            if slice.place < limit {
                slice.place += shift;
            }
        }
    }

    /// What the lanes made, once all have ended. Everything is written.
    pub fn finish(self, out: &Output) -> Result<Fresh> {
        let waited = std::mem::take(&mut *self.waiting.lock());
        if self.model.read().is_none() {
            self.find_centre(&waited)?;
        }
        self.encode_waiting(waited)?;
        let slices = self.slices.into_inner();
        let Some(dimension) = slices.values().next().map(|slice| slice.dimension) else {
            return Ok(Fresh::default());
        };
        let storage = out.storage();
        let map = output::map(storage, output::length(storage)?)?;
        let missing =
            || crate::error::Error::corrupt("vectors", 0, "vectors of a batch are missing");
        // What stands back to back is one part: all of it, when there was room for all.
        let mut runs: Vec<Vec<Slice>> = Vec::new();
        for slice in slices.into_values() {
            match runs.last_mut() {
                Some(run) if run.last().is_some_and(|last| last.end() == slice.place) => {
                    run.push(slice);
                }
                _ => runs.push(vec![slice]),
            }
        }
        let mut parts = Vec::with_capacity(runs.len());
        for run in &runs {
            let (Some(first), Some(last)) = (run.first(), run.last()) else {
                continue;
            };
            let entries = map
                .section(first.place, last.end() - first.place)
                .ok_or_else(missing)?;
            let codes = joined_codes(run, &entries)?;
            parts.push(Part {
                entries,
                codes: Bytes::from(codes),
                dimension,
                sections: None,
            });
        }
        let place = self.region.filter(|region| {
            let starts = runs.first().and_then(|run| run.first());
            runs.len() == 1
                && starts.is_some_and(|slice| slice.place == region.start + COUNT as u64)
        });
        Ok(Fresh {
            parts,
            place: place.map(|region| region.start),
        })
    }
}

impl Slice {
    fn end(&self) -> u64 {
        self.place + (self.count * stride(self.dimension)) as u64
    }
}

/// The codes of slices whose entries follow each other.
fn joined_codes(run: &[Slice], entries: &Bytes) -> Result<Vec<u8>> {
    let mut before = 0;
    let mut strided = Vec::with_capacity(run.len());
    for slice in run {
        strided.push(StridedVectors {
            bytes: entries,
            first: before * stride(slice.dimension) + ENTRY_HEAD,
            stride: stride(slice.dimension),
            dimension: slice.dimension,
            frame: Some(ENTRY_HEAD),
        });
        before += slice.count;
    }
    let mut sources = Vec::with_capacity(run.len());
    for (slice, vectors) in run.iter().zip(&strided) {
        sources.push(Source {
            segment: Segment::open(slice.codes.as_deref().unwrap_or_default())?,
            vectors,
        });
    }
    Ok(vec::merge(&sources, &|_| true)?)
}
