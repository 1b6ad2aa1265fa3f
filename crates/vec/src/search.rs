//! Finding the nearest vectors.

use crate::blob::{BLOCK, Segment};
use crate::candidates::{Candidate, Candidates, LeftOut};
use crate::error::{Error, Result};
use crate::frame_set::FrameSet;
use crate::kernel::Kernel;
use crate::nearest::{Nearest, Reader};
use crate::query::{RotatedQuery, Table};
use crate::vectors::{Vectors, Verified, check_finite, normalise};
use std::ops::Range;

/// Frames that may be hits.
pub type Accept<'a> = &'a (dyn Fn(u64) -> bool + Sync);

/// A segment and the vectors it was made of, in the same order.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Frames and codes.
    pub segment: Segment<'a>,
    /// The vectors in full.
    pub vectors: &'a dyn Vectors,
    /// Which of them were compared with their checksums; the others are when they are first read. `None`: none ever is.
    pub verified: Option<&'a Verified>,
}

/// What to search for, and how.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The vector to find neighbours of. Its length does not matter. Zeros are similar to nothing: all similarities are 0.
    pub query: &'a [f32],
    /// How many hits to return.
    pub limit: usize,
    /// Whether to compare with every vector in full, which takes some 10 to 20 times longer.
    pub is_exact: bool,
    /// How hard to look for neighbours that codes make look farther away than they are. 1.0, the ordinary: more than 99 of
    /// 100 true neighbours are found, of hundreds of thousands of vectors. Above, hits come nearer to exact ones; below,
    /// they come faster.
    pub effort: f32,
    /// Frames that may be hits; `None`: all. When they are few, only their vectors are looked at, and hits are exact.
    pub frames: Option<&'a FrameSet>,
    /// A further condition. Asked for those vectors only that are near enough to be hits.
    pub accept: Option<Accept<'a>>,
    /// Threads to use at most. A search uses more than one only when it takes a millisecond or longer.
    pub threads: usize,
    /// Version of the inner loops.
    pub kernel: Kernel,
}

impl<'a> Request<'a> {
    /// A request for the `limit` nearest of all vectors, on this thread.
    #[must_use]
    pub fn new(query: &'a [f32], limit: usize) -> Self {
        Self {
            query,
            limit,
            is_exact: false,
            effort: 1.0,
            frames: None,
            accept: None,
            threads: 1,
            kernel: Kernel::fastest(),
        }
    }
}

/// A vector that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The frame it belongs to.
    pub frame_id: u64,
    /// The cosine of the angle between it and the query, from -1 to 1; 0 when one of them is of length 0.
    pub similarity: f64,
    /// Length of the stored vector.
    pub norm: f64,
}

impl Hit {
    /// The distance between it and the query, both scaled to length 1: from 0 to 2.
    ///
    /// ```
    /// # let hit = vec::Hit { frame_id: 1, similarity: 0.0, norm: 1.0 };
    /// assert_eq!(hit.unit_distance(), 2.0_f64.sqrt());
    /// ```
    #[must_use]
    pub fn unit_distance(&self) -> f64 {
        (2.0 - 2.0 * self.similarity).max(0.0).sqrt()
    }

    /// The distance between the vector as it is stored and a query of length `query_norm` in the same direction.
    #[must_use]
    pub fn distance(&self, query_norm: f64) -> f64 {
        let product = query_norm * self.norm;
        (query_norm.powi(2) + self.norm.powi(2) - 2.0 * product * self.similarity)
            .max(0.0)
            .sqrt()
    }
}

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SearchResult {
    /// Nearest first; of equally near ones the one with the lower frame id first.
    pub hits: Vec<Hit>,
    /// How many vectors were compared in full.
    pub compared: usize,
}

/// Finds the nearest vectors.
///
/// Sources are given from old to new: of a frame in several, only the vector in the last one counts.
///
/// Fails with [`Error::WrongDimension`] and [`Error::NotFinite`] for a query that fits no vector, and with
/// [`Error::CorruptVector`] when a vector that is looked at in full is not what it was when it was encoded.
pub fn search(sources: &[Source<'_>], request: &Request<'_>) -> Result<SearchResult> {
    let search = Search::new(sources, request)?;
    let Some(plan) = search.plan() else {
        return Ok(SearchResult::default());
    };
    let nearest = match plan {
        Plan::Some(places) => search.compare(&places)?,
        Plan::All => search.compare_all()?,
        Plan::Scan { capacity } => search.scan_until_sure(capacity)?,
    };
    let compared = nearest.compared();
    let mut reader = search.reader();
    let hits = reader.hits(nearest, request.query, request.limit)?;
    Ok(SearchResult { hits, compared })
}

/// Where a vector is: number of the source, number in it.
pub(crate) type Place = (usize, usize);

enum Plan {
    /// Look at these.
    Some(Vec<Place>),
    /// Look at all that is allowed.
    All,
    /// Look at codes, and in full at up to this many of the best.
    Scan { capacity: usize },
}

/// Standard deviations between what a code tells and what it is taken for, at ordinary effort. Of 10,000 real MiniLM vectors
/// of sentences and of turns of conversations, 2.5 finds 0.9980 of the 10 nearest, 3.0 finds 0.9990 and 3.25 finds 0.9995
/// for a tenth more time; of the other sets measured (mixtures of them, random clusters; up to 1,000,000 vectors), all.
const MARGIN: f32 = 3.25;
/// Candidates for each vector's share of the square root of their number.
const CANDIDATES: f64 = 2.0;
/// Candidates for each hit.
const CANDIDATES_OF_HIT: f64 = 8.0;
/// Candidates at least. Fewer vectors than this are compared in full.
const MIN_CANDIDATES: usize = 100;
/// Of so many vectors, the first of all, bounds are kept, and those with the best are compared before the others are looked
/// at: most of the others then are no candidates.
const FIRST: usize = 8_192;
/// Hits up to which that pays.
const FIRST_HITS: usize = 512;
/// How many times as many candidates a scan keeps that was not sure of its hits, and the part of all vectors that is compared
/// rather than scanned once more.
const WIDER: usize = 8;
const MOST_WIDE: u64 = 4;
/// How many candidates ahead vectors are asked for.
const AHEAD: usize = 4;

/// Looking a frame up and comparing its vector takes as long as scanning this many codes.
const LOOK_UP: u64 = 32;

/// Codes are compared on several threads from this many bytes of them on each: starting a thread takes some 30
/// microseconds.
const THREAD_BYTES: usize = 6 << 20;

/// Blocks whose bounds are computed before they are looked at.
const STRIDE: usize = 16;

struct Search<'s, 'a> {
    sources: &'s [Source<'a>],
    request: &'s Request<'s>,
    /// Scaled to length 1.
    query: Vec<f32>,
    /// Number of vectors before each source, and of all.
    starts: Vec<u64>,
    dimension: usize,
}

impl<'s, 'a> Search<'s, 'a> {
    fn new(sources: &'s [Source<'a>], request: &'s Request<'s>) -> Result<Self> {
        check_finite(request.query)?;
        let mut starts = vec![0];
        let mut count = 0;
        for source in sources {
            let expected = source.segment.dimension();
            if expected != request.query.len() {
                return Err(Error::WrongDimension {
                    expected,
                    actual: request.query.len(),
                });
            }
            count += source.segment.count() as u64;
            starts.push(count);
        }
        if count > u64::from(u32::MAX) {
            return Err(Error::TooMany { count });
        }
        let mut query = request.query.to_vec();
        normalise(&mut query);
        Ok(Self {
            sources,
            request,
            dimension: query.len(),
            query,
            starts,
        })
    }

    fn count(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }

    fn reader(&self) -> Reader<'_, 'a> {
        Reader::new(self.sources, &self.query, self.request.kernel)
    }

    fn plan(&self) -> Option<Plan> {
        let request = self.request;
        let count = self.count();
        let allowed = request
            .frames
            .map_or(count, |frames| frames.count().min(count));
        if request.limit == 0 || allowed == 0 {
            return None;
        }
        let capacity = self.capacity();
        if let Some(frames) = request.frames
            && (allowed <= capacity as u64 || allowed.saturating_mul(LOOK_UP) <= count)
        {
            return Some(Plan::Some(self.look_up(frames)));
        }
        if request.is_exact || count <= capacity as u64 {
            return Some(Plan::All);
        }
        Some(Plan::Scan { capacity })
    }

    /// How many candidates a scan keeps. What lies in wait behind them grows with the number of vectors, but slowly; how
    /// many of them are compared in full is decided by their bounds.
    fn capacity(&self) -> usize {
        let effort = f64::from(self.request.effort.clamp(0.1, 100.0));
        let count = self.count();
        let frames = self.request.frames;
        let allowed = frames.map_or(count, |frames| frames.count().min(count));
        let behind = (allowed as f64).sqrt() * CANDIDATES * effort;
        let wanted = (self.request.limit as f64 * CANDIDATES_OF_HIT * effort).min(u32::MAX.into());
        (behind + wanted) as usize + MIN_CANDIDATES
    }

    /// Standard deviations between what a code tells and what it is taken for. Of much more than are sure, the order of the
    /// candidates would be that of how little their codes tell; harder looking is keeping more of them.
    fn margin(&self) -> f32 {
        let effort = self.request.effort.clamp(0.1, 100.0);
        MARGIN * effort.min(effort.sqrt().sqrt())
    }

    fn look_up(&self, frames: &FrameSet) -> Vec<Place> {
        let mut places = Vec::new();
        for (index, source) in self.sources.iter().enumerate() {
            let Some((first, last)) = source.segment.frame_range() else {
                continue;
            };
            let found = frames
                .members(first, last)
                .filter_map(|frame_id| source.segment.ordinal(frame_id));
            places.extend(found.map(|ordinal| (index, ordinal)));
        }
        places
    }

    fn allows(&self, frame_id: u64) -> bool {
        self.request
            .frames
            .is_none_or(|frames| frames.contains(frame_id))
            && self.request.accept.is_none_or(|accept| accept(frame_id))
    }

    /// Compares with some vectors in full.
    fn compare(&self, places: &[Place]) -> Result<Nearest> {
        let bytes = places.len() * self.dimension * 4;
        self.spread(places.len(), bytes, |range| {
            let mut reader = self.reader();
            let mut nearest = Nearest::new(self.request.limit);
            for place in places.get(range).unwrap_or_default() {
                self.consider(*place, &mut reader, &mut nearest)?;
            }
            Ok(nearest)
        })
        .and_then(join)
    }

    /// Compares with all vectors in full.
    fn compare_all(&self) -> Result<Nearest> {
        let count = self.count() as usize;
        self.spread(count, count * self.dimension * 4, |range| {
            let mut reader = self.reader();
            let mut nearest = Nearest::new(self.request.limit);
            for (index, ordinals) in self.parts(range) {
                for ordinal in ordinals {
                    self.consider((index, ordinal), &mut reader, &mut nearest)?;
                }
            }
            Ok(nearest)
        })
        .and_then(join)
    }

    fn consider(
        &self,
        place: Place,
        reader: &mut Reader<'_, '_>,
        nearest: &mut Nearest,
    ) -> Result<()> {
        let Some(frame_id) = self.sources[place.0].segment.frame(place.1) else {
            return Ok(());
        };
        let at_most = reader.at_most(place, frame_id)?;
        nearest.count();
        if nearest.is_good(at_most)
            && self.allows(frame_id)
            && !reader.is_superseded(place.0, frame_id)
        {
            nearest.push(reader.similarity(place, frame_id)?, frame_id, place);
        }
        Ok(())
    }

    /// Splits a range of all vectors by source.
    fn parts(&self, range: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
        let bounds = self.starts.windows(2).enumerate();
        bounds.filter_map(move |(index, bounds)| {
            let (first, end) = (bounds[0] as usize, bounds[1] as usize);
            let part = range.start.max(first)..range.end.min(end);
            (!part.is_empty()).then(|| (index, part.start - first..part.end - first))
        })
    }

    /// Does work on `count` pieces, on several threads if it reads many bytes.
    fn spread<T: Send>(
        &self,
        count: usize,
        bytes: usize,
        work: impl Fn(Range<usize>) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let threads = self.request.threads.clamp(1, (bytes / THREAD_BYTES).max(1));
        // Blocks stay whole.
        let share = count.div_ceil(threads).next_multiple_of(BLOCK);
        let range = |thread: usize| (thread * share).min(count)..((thread + 1) * share).min(count);
        let work = &work;
        std::thread::scope(|scope| {
            let start = |thread| {
                let builder = std::thread::Builder::new();
                builder
                    .spawn_scoped(scope, move || work(range(thread)))
                    .map_err(|_| thread)
            };
            let others: Vec<_> = (1..threads).map(start).collect();
            let mut results = vec![work(range(0))?];
            for other in others {
                results.push(match other {
                    Ok(handle) => handle
                        .join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?,
                    // The system has no thread to spare.
                    Err(thread) => work(range(thread))?,
                });
            }
            Ok(results)
        })
    }

    /// Scans with more and more candidates until those left out are no likely hits. Where very many vectors are nearly the
    /// same, their codes do not tell which of them are the nearest; then a good part of them has to be compared.
    fn scan_until_sure(&self, mut capacity: usize) -> Result<Nearest> {
        loop {
            let (nearest, is_sure) = self.scan(capacity)?;
            let compared = nearest.compared();
            if is_sure {
                return Ok(nearest);
            }
            capacity = capacity.saturating_mul(WIDER);
            if (capacity as u64).saturating_mul(MOST_WIDE) < self.count() {
                continue;
            }
            let mut nearest = match self.request.frames {
                Some(frames) => self.compare(&self.look_up(frames))?,
                None => self.compare_all()?,
            };
            nearest.add_compared(compared);
            return Ok(nearest);
        }
    }

    /// Compares with the vectors in full whose codes look best. Whether those left out for want of room are no likely hits.
    fn scan(&self, capacity: usize) -> Result<(Nearest, bool)> {
        let tables = self.tables();
        let count = self.count() as usize;
        let mut reader = self.reader();
        let mut nearest = Nearest::new(self.request.limit);
        let mut candidates = Candidates::new(capacity);
        // A function is asked for as few vectors as possible; and all of a few frames are candidates.
        let has_many = |frames: &FrameSet| frames.count() > 4 * capacity as u64;
        let has_first = self.request.accept.is_none()
            && self.request.frames.is_none_or(has_many)
            && self.request.limit <= FIRST_HITS;
        let first = if has_first { FIRST.min(count) } else { 0 };
        let compared =
            self.compare_first(first, &tables, &mut candidates, &mut reader, &mut nearest)?;
        let floor = candidates.floor();
        let bytes = self
            .sources
            .iter()
            .map(|source| source.segment.blocks().len())
            .sum();
        let parts = self.spread(count - first, bytes, |range| {
            let mut candidates = Candidates::above(floor, capacity);
            for (index, ordinals) in self.parts(range.start + first..range.end + first) {
                self.scan_part(index, ordinals, &tables, &mut candidates);
            }
            Ok(candidates)
        })?;
        parts.into_iter().for_each(|part| candidates.join(part));
        let (candidates, left_out) = candidates.finish();
        // How much more the codes promised than the vectors kept.
        let (mut promised, mut count) = (0.0, 0);
        for (number, candidate) in candidates.iter().enumerate() {
            if let Some(next) = candidates.get(number + AHEAD) {
                let (index, ordinal) = self.place(*next);
                self.sources[index].vectors.prefetch(ordinal);
            }
            // If all that is allowed is here, as with narrow conditions, hits can as well be exact.
            let bound = f64::from(candidate.bound());
            if left_out != LeftOut::None && !nearest.is_good(bound) {
                return Ok((nearest, true));
            }
            if compared.binary_search(&candidate.place()).is_err() {
                let at_most = self.compare_candidate(*candidate, &mut reader, &mut nearest)?;
                promised += bound - at_most;
                count += 1;
            }
        }
        let is_sure = left_out != LeftOut::Surplus
            || candidates.last().is_none_or(|last| {
                let margin = f64::from(self.margin());
                let deviation = promised / f64::from(count.max(1)) / margin;
                // Two deviations above what its code tells.
                let likely = f64::from(last.bound()) - (margin - 2.0) * deviation;
                nearest.worst().is_some_and(|worst| likely < worst)
            });
        Ok((nearest, is_sure))
    }

    /// Compares with those of the first `count` vectors whose codes look best, as many as there are hits. What no other can
    /// do without to be a hit is then the floor of the candidates, and those of the first vectors are among them. Gives the
    /// places of the vectors compared, ascending.
    fn compare_first(
        &self,
        count: usize,
        tables: &Tables,
        candidates: &mut Candidates,
        reader: &mut Reader<'_, '_>,
        nearest: &mut Nearest,
    ) -> Result<Vec<u32>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut bounds = vec![f32::NEG_INFINITY; count];
        let mut best = Candidates::new(nearest.limit());
        for (index, ordinals) in self.parts(0..count) {
            let start = self.starts[index] as usize;
            self.bounds(
                index,
                ordinals,
                tables,
                &mut best,
                |best, block, found, above| {
                    let ordinal = block * BLOCK;
                    let room = bounds.get_mut(start + ordinal..).unwrap_or_default();
                    for (bound, found) in room.iter_mut().zip(found) {
                        *bound = *found;
                    }
                    self.push_above(index, block, found, above, &(0..count - start), best);
                },
            );
        }
        let (best, _) = best.finish();
        for best in &best {
            let (index, ordinal) = self.place(*best);
            self.sources[index].vectors.prefetch(ordinal);
        }
        for best in &best {
            self.compare_candidate(*best, reader, nearest)?;
        }
        if let Some(worst) = nearest.worst() {
            candidates.raise_floor((worst as f32).next_down());
        }
        let mut compared: Vec<u32> = best.iter().map(|best| best.place()).collect();
        compared.sort_unstable();
        let mut above = vec![0; count.div_ceil(BLOCK)];
        let threshold = candidates.threshold();
        self.request.kernel.above(&bounds, threshold, &mut above);
        for (first, above) in (0..).step_by(BLOCK).zip(above) {
            let mut above = above;
            while above != 0 {
                let place = first + above.trailing_zeros();
                above &= above - 1;
                let bound = bounds.get(place as usize).copied().unwrap_or_default();
                let candidate = Candidate::new(bound, place);
                let (index, ordinal) = self.place(candidate);
                if bound > candidates.threshold()
                    && self.allows_place(&self.sources[index].segment, ordinal)
                {
                    candidates.push(candidate);
                }
            }
        }
        Ok(compared)
    }

    fn compare_candidate(
        &self,
        candidate: Candidate,
        reader: &mut Reader<'_, '_>,
        nearest: &mut Nearest,
    ) -> Result<f64> {
        let place = self.place(candidate);
        let Some(frame_id) = self.sources[place.0].segment.frame(place.1) else {
            return Ok(0.0);
        };
        let at_most = reader.at_most(place, frame_id)?;
        nearest.count();
        if nearest.is_good(at_most) && !reader.is_superseded(place.0, frame_id) {
            nearest.push(reader.similarity(place, frame_id)?, frame_id, place);
        }
        Ok(at_most)
    }

    /// Which table each source uses, and the tables: sources mostly share one centre.
    fn tables(&self) -> Tables {
        let margin = self.margin();
        let mut rotated = None;
        let mut tables = Tables {
            of_source: Vec::new(),
            tables: Vec::new(),
        };
        let mut owners: Vec<&Segment<'_>> = Vec::new();
        for source in self.sources {
            let segment = &source.segment;
            let shared = owners.iter().position(|owner| {
                owner.encoding() == segment.encoding()
                    && owner.centre_bytes() == segment.centre_bytes()
            });
            tables.of_source.push(shared.unwrap_or(owners.len()));
            if shared.is_none() {
                let rotated = rotated.get_or_insert_with(|| {
                    RotatedQuery::new(&self.query, segment.layout().padded(), self.request.kernel)
                });
                tables.tables.push(rotated.table(segment, margin));
                owners.push(segment);
            }
        }
        tables
    }

    fn scan_part(
        &self,
        index: usize,
        ordinals: Range<usize>,
        tables: &Tables,
        candidates: &mut Candidates,
    ) {
        let part = ordinals.clone();
        self.bounds(
            index,
            ordinals,
            tables,
            candidates,
            |candidates, block, bounds, above| {
                self.push_above(index, block, bounds, above, &part, candidates);
            },
        );
    }

    /// Computes the bounds of vectors of one source, block by block, for `each`: with the number of the block, its bounds,
    /// and which of them are above the threshold of the candidates.
    fn bounds(
        &self,
        index: usize,
        ordinals: Range<usize>,
        tables: &Tables,
        candidates: &mut Candidates,
        mut each: impl FnMut(&mut Candidates, usize, &[f32; BLOCK], u32),
    ) {
        let segment = &self.sources[index].segment;
        let Some(table) = tables.tables.get(tables.of_source[index]) else {
            return;
        };
        let length = segment.layout().block_length();
        // A part begins and ends anywhere: what it shares of a block with another part is looked at by both.
        let blocks =
            ordinals.start / BLOCK..ordinals.end.div_ceil(BLOCK).min(segment.block_count());
        let Some(bytes) = segment
            .blocks()
            .get(blocks.start * length..blocks.end * length)
        else {
            return;
        };
        let mut bounds = [[0.0; BLOCK]; STRIDE];
        let mut above = [0_u32; STRIDE];
        for (stride, bytes) in bytes.chunks(STRIDE * length).enumerate() {
            let threshold = candidates.threshold();
            self.request.kernel.bounds(
                segment.layout(),
                bytes,
                table,
                threshold,
                &mut bounds,
                &mut above,
            );
            let first = blocks.start + stride * STRIDE;
            let found = bounds.iter().zip(&above).take(bytes.len() / length);
            for (block, (bounds, above)) in (first..).zip(found) {
                each(candidates, block, bounds, *above);
            }
        }
    }

    /// Makes candidates of those vectors of a block that are above the threshold, within the part, and allowed.
    fn push_above(
        &self,
        index: usize,
        block: usize,
        bounds: &[f32; BLOCK],
        mut above: u32,
        part: &Range<usize>,
        candidates: &mut Candidates,
    ) {
        let segment = &self.sources[index].segment;
        let start = self.starts[index] as u32;
        while above != 0 {
            let slot = above.trailing_zeros() as usize;
            above &= above - 1;
            let ordinal = block * BLOCK + slot;
            let bound = bounds[slot];
            if bound > candidates.threshold()
                && part.contains(&ordinal)
                && self.allows_place(segment, ordinal)
            {
                candidates.push(Candidate::new(bound, start + ordinal as u32));
            }
        }
    }

    fn allows_place(&self, segment: &Segment<'_>, ordinal: usize) -> bool {
        (self.request.frames.is_none() && self.request.accept.is_none())
            || segment
                .frame(ordinal)
                .is_some_and(|frame_id| self.allows(frame_id))
    }

    fn place(&self, candidate: Candidate) -> Place {
        let place = u64::from(candidate.place());
        let index = self
            .starts
            .partition_point(|start| *start <= place)
            .saturating_sub(1);
        (index, (place - self.starts[index]) as usize)
    }
}

struct Tables {
    of_source: Vec<usize>,
    tables: Vec<Table>,
}

fn join(parts: Vec<Nearest>) -> Result<Nearest> {
    let mut parts = parts.into_iter();
    let mut nearest = parts.next().unwrap_or_else(|| Nearest::new(0));
    parts.for_each(|part| nearest.join(part));
    Ok(nearest)
}
