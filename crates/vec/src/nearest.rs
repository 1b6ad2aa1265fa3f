//! Comparing vectors in full, and the nearest of them.

use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::search::{Hit, Place, Source};
use crate::vectors::{Products, Verified, sum_of_pairs};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A vector that was compared. The greater is the better.
#[derive(Debug, Clone, Copy)]
struct Near {
    similarity: f64,
    frame_id: u64,
    place: Place,
}

impl Ord for Near {
    fn cmp(&self, other: &Self) -> Ordering {
        let similarity = self.similarity.total_cmp(&other.similarity);
        similarity.then(other.frame_id.cmp(&self.frame_id))
    }
}

impl PartialOrd for Near {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Near {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Near {}

/// The nearest of the vectors that come along.
pub(crate) struct Nearest {
    found: BinaryHeap<Reverse<Near>>,
    limit: usize,
    compared: usize,
}

impl Nearest {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            found: BinaryHeap::new(),
            limit,
            compared: 0,
        }
    }

    /// How many are kept.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// What a vector must come up to to be among the nearest; `None` while any is.
    pub(crate) fn worst(&self) -> Option<f64> {
        let worst = self.found.peek().map(|Reverse(worst)| worst.similarity);
        worst.filter(|_| self.found.len() >= self.limit)
    }

    /// Whether a vector this near can be among the nearest.
    #[inline]
    pub(crate) fn is_good(&self, similarity: f64) -> bool {
        self.found.len() < self.limit
            || self
                .found
                .peek()
                .is_some_and(|Reverse(worst)| similarity >= worst.similarity)
    }

    pub(crate) fn push(&mut self, similarity: f64, frame_id: u64, place: Place) {
        let near = Near {
            similarity,
            frame_id,
            place,
        };
        if self.found.len() < self.limit {
            self.found.push(Reverse(near));
        } else if let Some(mut worst) = self.found.peek_mut()
            && near > worst.0
        {
            *worst = Reverse(near);
        }
    }

    /// Counts a vector that was compared.
    #[inline]
    pub(crate) fn count(&mut self) {
        self.compared += 1;
    }

    /// Counts vectors that were compared before.
    pub(crate) fn add_compared(&mut self, count: usize) {
        self.compared += count;
    }

    /// How many were compared.
    pub(crate) fn compared(&self) -> usize {
        self.compared
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.compared += other.compared;
        for Reverse(near) in other.found {
            self.push(near.similarity, near.frame_id, near.place);
        }
    }
}

/// Reads vectors in full.
pub(crate) struct Reader<'s, 'a> {
    sources: &'s [Source<'a>],
    /// Of length 1.
    query: &'s [f32],
    query_norm: f64,
    kernel: Kernel,
    buffer: Vec<u8>,
    /// Of each source that was asked for, its faster way if it has one.
    products: Vec<Option<Option<Box<dyn Products + 's>>>>,
}

/// Sums that grow side by side, and roundings that come besides: what the single precision of a similarity may be wrong by.
const LANES: usize = 32;
const ROUNDINGS: usize = 8;

/// Squares between these lose nothing to the limits of single precision.
const SAFE_SQUARES: std::ops::Range<f32> = 1e-20..1e30;

impl<'s, 'a> Reader<'s, 'a> {
    pub(crate) fn new(sources: &'s [Source<'a>], query: &'s [f32], kernel: Kernel) -> Self {
        Self {
            sources,
            query,
            query_norm: norm_of(query),
            kernel,
            buffer: Vec::new(),
            products: sources.iter().map(|_| None).collect(),
        }
    }

    /// Query · vector and vector · vector, where a source knows a faster way than reading the vector.
    fn looked_up(&mut self, place: Place) -> Option<(f32, f32)> {
        let vectors = self.sources[place.0].vectors;
        let products = self.products[place.0].get_or_insert_with(|| vectors.products(self.query));
        products.as_ref()?.of(place.1)
    }

    /// Compares a vector that is read for the first time with its checksum.
    #[inline]
    fn check(&self, place: Place, frame_id: u64) -> Result<()> {
        let source = &self.sources[place.0];
        match source.verified {
            Some(verified) if !verified.contains(place.1) => {
                check_stored(source, verified, place.1)
                    .map_err(|problem| Self::corrupt(place, frame_id, problem))
            }
            _ => Ok(()),
        }
    }

    fn corrupt(place: Place, frame_id: u64, problem: &'static str) -> Error {
        Error::CorruptVector {
            source_index: place.0,
            ordinal: place.1,
            frame_id,
            problem,
        }
    }

    fn bytes(&mut self, place: Place, frame_id: u64) -> Result<&[u8]> {
        self.check(place, frame_id)?;
        let source = &self.sources[place.0];
        let bytes = source.vectors.vector(place.1, &mut self.buffer);
        let bytes = bytes.ok_or_else(|| Self::corrupt(place, frame_id, "missing"))?;
        if bytes.len() != 4 * source.segment.dimension() {
            return Err(Self::corrupt(place, frame_id, "of another length"));
        }
        Ok(bytes)
    }

    /// Whether a later source holds another vector of the frame.
    pub(crate) fn is_superseded(&self, source: usize, frame_id: u64) -> bool {
        self.sources[source + 1..]
            .iter()
            .any(|later| later.segment.ordinal(frame_id).is_some())
    }

    /// What the similarity of a vector is at most, in single precision: most vectors need no more to be left out.
    pub(crate) fn at_most(&mut self, place: Place, frame_id: u64) -> Result<f64> {
        let rounding = f64::from(f32::EPSILON) * (ROUNDINGS + self.query.len() / LANES) as f64;
        let (dot, square) = match self.looked_up(place) {
            Some(products) => {
                self.check(place, frame_id)?;
                products
            }
            None => {
                let (kernel, query) = (self.kernel, self.query);
                kernel.products(query, self.bytes(place, frame_id)?)
            }
        };
        if SAFE_SQUARES.contains(&square) {
            return Ok(f64::from(dot / square.sqrt()) + rounding);
        }
        self.similarity(place, frame_id)
    }

    /// The similarity in double precision: where many vectors are nearly the same, single precision tells noise apart.
    pub(crate) fn similarity(&mut self, place: Place, frame_id: u64) -> Result<f64> {
        let (kernel, query, query_norm) = (self.kernel, self.query, self.query_norm);
        let bytes = self.bytes(place, frame_id)?;
        let (similarity, _) = precise(kernel, query, query_norm, bytes);
        if similarity.is_nan() {
            return Err(Self::corrupt(place, frame_id, "not finite"));
        }
        Ok(similarity)
    }

    /// The nearest with their similarity to `query`, in double precision.
    pub(crate) fn hits(
        &mut self,
        nearest: Nearest,
        query: &[f32],
        limit: usize,
    ) -> Result<Vec<Hit>> {
        let mut hits = Vec::with_capacity(nearest.found.len());
        let (kernel, query_norm) = (self.kernel, norm_of(query));
        for Reverse(near) in nearest.found {
            let named = self.sources[near.place.0].vectors.frame(near.place.1);
            if named.is_some_and(|named| named != near.frame_id) {
                return Err(Self::corrupt(near.place, near.frame_id, "of another frame"));
            }
            let bytes = self.bytes(near.place, near.frame_id)?;
            let (similarity, norm) = precise(kernel, query, query_norm, bytes);
            hits.push(Hit {
                frame_id: near.frame_id,
                similarity,
                norm,
            });
        }
        hits.sort_unstable_by(|left, right| {
            let similarity = right.similarity.total_cmp(&left.similarity);
            similarity.then(left.frame_id.cmp(&right.frame_id))
        });
        hits.truncate(limit);
        Ok(hits)
    }
}

#[cold]
fn check_stored(
    source: &Source<'_>,
    verified: &Verified,
    ordinal: usize,
) -> std::result::Result<(), &'static str> {
    if let Some(stored) = source.vectors.stored(ordinal)
        && source.segment.checksum(ordinal) != Some(crc32fast::hash(stored))
    {
        return Err("not what was written");
    }
    verified.insert(ordinal);
    Ok(())
}

/// Similarity and length of the vector, in double precision. Not a number if the vector holds numbers that are not finite.
/// `query_norm` is the length of the query.
fn precise(kernel: Kernel, query: &[f32], query_norm: f64, vector: &[u8]) -> (f64, f64) {
    let (dot, square) = kernel.wide_products(query, vector);
    let norm = square.sqrt();
    let product = norm * query_norm;
    if !product.is_finite() {
        return (f64::NAN, norm);
    }
    let similarity = if product > 0.0 { dot / product } else { 0.0 };
    (similarity.clamp(-1.0, 1.0), norm)
}

/// The length of a vector, in double precision.
fn norm_of(vector: &[f32]) -> f64 {
    sum_of_pairs(vector, vector, |left, right| left * right).sqrt()
}
