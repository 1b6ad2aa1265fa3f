//! Vectors of a large batch: written while they come, with their codes.
//!
//! Each slice of documents knows the number of its first vector, so that lanes write vectors without waiting for each other,
//! each where it stays: in one blob (see [`Room`]). What finds no room there is a piece of its own, and then the pieces are
//! put together at the end.
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
use crate::vectors::{COUNT, ENTRY_HEAD, Form, Part, stride, write_entry};

/// A centre of fewer vectors is soon replaced (see `vec::merge`).
const CENTRE_OF: usize = 1024;

/// Vectors of a slice: their frames in ascending order.
pub type Vectors = Vec<(u64, Arc<[f32]>)>;

/// Writes bytes at a place of the file.
pub type WriteAt<'a> = &'a dyn Fn(u64, &[u8]) -> Result<()>;

/// Room in the file for the vectors of a batch, one behind the other, their number in front.
pub struct Room {
    dimension: usize,
    /// Vectors that it takes.
    capacity: AtomicU64,
    place: Mutex<Place>,
}

enum Place {
    Known(u64),
    /// Entries that wait for it, by the number of the first.
    Awaited(BTreeMap<u64, Vec<u8>>),
}

impl Room {
    /// Room for `capacity` vectors from `start` on.
    #[must_use]
    pub fn at(start: u64, dimension: usize, capacity: u64) -> Self {
        Self {
            dimension,
            capacity: AtomicU64::new(capacity),
            place: Mutex::new(Place::Known(start)),
        }
    }

    /// Room for as many vectors as come, at a place that is told later.
    #[must_use]
    pub fn awaited(dimension: usize) -> Self {
        Self {
            dimension,
            capacity: AtomicU64::new(u64::MAX),
            place: Mutex::new(Place::Awaited(BTreeMap::new())),
        }
    }

    /// Bytes of so many vectors.
    #[must_use]
    pub fn length(dimension: usize, count: u64) -> u64 {
        COUNT as u64 + count * stride(dimension) as u64
    }

    /// Where it begins, if that is known.
    #[must_use]
    pub fn start(&self) -> Option<u64> {
        match *self.place.lock() {
            Place::Known(start) => Some(start),
            Place::Awaited(_) => None,
        }
    }

    /// Where it ends when it holds `count` vectors.
    #[must_use]
    pub fn end(&self, count: u64) -> Option<u64> {
        Some(self.start()? + Self::length(self.dimension, count))
    }

    /// Numbers of a vector.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Whether it takes vectors up to this number.
    fn takes(&self, end: u64) -> bool {
        end <= self.capacity.load(Ordering::Relaxed)
    }

    /// Takes no more than `count` vectors from now on. All that were given a number belong to them.
    pub fn close_behind(&self, count: u64) {
        self.capacity.store(count, Ordering::Relaxed);
    }

    /// Tells where it begins, and writes what waited for that.
    pub fn begin_at(&self, start: u64, write_at: WriteAt<'_>) -> Result<()> {
        let before = std::mem::replace(&mut *self.place.lock(), Place::Known(start));
        if let Place::Awaited(waiting) = before {
            for (first, entries) in waiting {
                write_at(start + Self::length(self.dimension, first), &entries)?;
            }
        }
        Ok(())
    }

    /// Takes entries, the first of which is number `first`.
    fn put(&self, first: u64, entries: Vec<u8>, write_at: WriteAt<'_>) -> Result<()> {
        let start = match &mut *self.place.lock() {
            Place::Known(start) => *start,
            Place::Awaited(waiting) => {
                waiting.insert(first, entries);
                return Ok(());
            }
        };
        write_at(start + Self::length(self.dimension, first), &entries)
    }
}

/// What all lanes share.
pub struct BatchVectors {
    room: Option<Room>,
    /// A segment with the centre that all codes are relative to, once it is known.
    model: RwLock<Option<Bytes>>,
    waiting: Mutex<BTreeMap<u64, Vectors>>,
    /// By the number of the first vector.
    slices: Mutex<BTreeMap<u64, Slice>>,
}

/// The vectors of one slice.
struct Slice {
    /// Where the first entry stands, unless that is in the room.
    place: Option<u64>,
    count: usize,
    dimension: usize,
    codes: Option<Vec<u8>>,
}

impl BatchVectors {
    /// For a batch on top of `snapshot`.
    pub fn new(snapshot: &Snapshot, room: Option<Room>) -> Result<Self> {
        // Vectors that are about to go are no model.
        let is_binding = snapshot.binding_dimension(None)?.is_some();
        let stored = snapshot.committed.vectors()?.parts().first();
        let stored = stored.filter(|_| is_binding);
        Ok(Self {
            room,
            model: RwLock::new(stored.map(|part| part.codes.clone())),
            waiting: Mutex::default(),
            slices: Mutex::default(),
        })
    }

    /// The room that all vectors were to have.
    #[must_use]
    pub fn room(&self) -> Option<&Room> {
        self.room.as_ref()
    }

    /// Takes the vectors of a slice, the first of which is number `first` of the batch. `write` appends bytes to the file,
    /// `write_at` puts them at a place.
    pub fn take(
        &self,
        first: u64,
        vectors: Vectors,
        write: &dyn Fn(&[u8]) -> Result<u64>,
        write_at: WriteAt<'_>,
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
        let place = match self.room.as_ref().filter(|room| room.takes(end)) {
            Some(room) => {
                room.put(first, entries, write_at)?;
                None
            }
            None => Some(write(&entries)?),
        };
        let slice = Slice {
            place,
            count: vectors.len(),
            dimension,
            codes: None,
        };
        self.slices.lock().insert(first, slice);
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
        let vectors = waiting.values().flatten().map(|(_, vector)| &**vector);
        let model = SegmentBuilder::around(first.len(), vectors)?;
        *self.model.write() = Some(Bytes::from(model));
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

    /// Where the last vectors end that begin below `limit`, of those that have no room of their own; 0 without any.
    #[must_use]
    pub fn end_below(&mut self, limit: u64) -> u64 {
        let slices = self.slices.get_mut().values();
        let ends = slices.filter_map(|slice| {
            let place = slice.place.filter(|place| *place < limit)?;
            Some(place + slice.length())
        });
        ends.max().unwrap_or(0)
    }

    /// Tells that those vectors stand `shift` bytes further on.
    pub fn move_below(&mut self, limit: u64, shift: u64) {
        for slice in self.slices.get_mut().values_mut() {
            slice.place = slice.place.map(|place| {
                let moves = place < limit;
                place + if moves { shift } else { 0 }
            });
        }
    }

    /// What the lanes made, once all have ended. Everything is written.
    pub fn finish(self, out: &Output) -> Result<Fresh> {
        let waited = std::mem::take(&mut *self.waiting.lock());
        if self.model.read().is_none() {
            self.find_centre(&waited)?;
        }
        self.encode_waiting(waited)?;
        let room_start = self.room.as_ref().and_then(Room::start);
        let slices = self.slices.into_inner();
        let Some(dimension) = slices.values().next().map(|slice| slice.dimension) else {
            return Ok(Fresh::default());
        };
        let storage = out.storage();
        let map = output::map(storage, output::length(storage)?)?;
        let missing =
            || crate::error::Error::corrupt("vectors", 0, "vectors of a batch are missing");
        // What stands back to back is one part: all of it, when there was room for all.
        let mut runs: Vec<Run> = Vec::new();
        for (first, slice) in slices {
            let in_room = room_start.map(|start| start + Room::length(dimension, first));
            let place = slice.place.or(in_room).ok_or_else(missing)?;
            match runs.last_mut() {
                Some(run) if run.end == place => {
                    run.end += slice.length();
                    run.slices.push(slice);
                }
                _ => runs.push(Run {
                    start: place,
                    end: place + slice.length(),
                    slices: vec![slice],
                }),
            }
        }
        let mut parts = Vec::with_capacity(runs.len());
        for run in &runs {
            let entries = map
                .section(run.start, run.end - run.start)
                .ok_or_else(missing)?;
            let codes = joined_codes(&run.slices, &entries)?;
            parts.push(Part {
                entries,
                form: Form::Flat,
                codes: Bytes::from(codes),
                dimension,
                sections: None,
                verified: None,
            });
        }
        let place = room_start.filter(|start| match runs.as_slice() {
            [run] => run.start == start + COUNT as u64,
            _ => false,
        });
        Ok(Fresh { parts, place })
    }
}

/// Slices whose entries follow each other.
struct Run {
    start: u64,
    end: u64,
    slices: Vec<Slice>,
}

impl Slice {
    fn length(&self) -> u64 {
        (self.count * stride(self.dimension)) as u64
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
            verified: None,
        });
    }
    Ok(vec::merge(&sources, &|_| true)?)
}
