//! The best hits so far.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering as Access};

/// One hit while it is collected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    pub score: f32,
    pub frame_id: u64,
    pub shard: usize,
    pub document: u32,
    /// How many scored terms match.
    pub matches: u32,
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    /// Better hits are less: higher score first, then lower frame id, so that the order is total.
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .score
            .total_cmp(&self.score)
            .then_with(|| self.frame_id.cmp(&other.frame_id))
            .then_with(|| (self.shard, self.document).cmp(&(other.shard, other.document)))
    }
}

/// What hits must score going by all threads of one search, as the bits of a float that is not negative: those are in the
/// order of the numbers.
pub(crate) type Floor = Arc<AtomicU32>;

/// Keeps the best `limit` candidates.
#[derive(Debug)]
pub(crate) struct Best {
    heap: BinaryHeap<Candidate>,
    limit: usize,
    /// What hits must score because so many documents are known to score more, found or not.
    known: f32,
    floor: Option<Floor>,
}

/// Bounds are sums in another order than scores: they may be off by this factor.
pub(crate) const ROUNDING: f32 = 1.0 - 1e-5;

impl Best {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            heap: BinaryHeap::new(),
            limit,
            known: f32::NEG_INFINITY,
            floor: None,
        }
    }

    /// The share of one thread: leaves out what another one knows to be too bad.
    pub(crate) fn sharing(limit: usize, floor: &Floor) -> Self {
        Self {
            floor: Some(Arc::clone(floor)),
            ..Self::new(limit)
        }
    }

    /// Adds what another thread found.
    pub(crate) fn extend(&mut self, other: Self) {
        other
            .heap
            .into_iter()
            .for_each(|candidate| _ = self.push(candidate));
    }

    /// How many candidates are kept.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Documents that score less cannot be hits any more. Negative infinity while there is room.
    #[inline]
    pub(crate) fn threshold(&self) -> f32 {
        match &self.floor {
            None => self.own_threshold(),
            Some(floor) => match f32::from_bits(floor.load(Access::Relaxed)) {
                // Nobody has found enough yet.
                0.0 => self.own_threshold(),
                floor => self.own_threshold().max(floor),
            },
        }
    }

    #[inline]
    fn own_threshold(&self) -> f32 {
        match self.heap.peek() {
            Some(worst) if self.heap.len() >= self.limit => worst.score * ROUNDING,
            _ if self.limit == 0 => f32::INFINITY,
            _ => f32::NEG_INFINITY,
        }
        .max(self.known)
    }

    /// Notes that as many documents as are kept score `score` at least. They need not have been found yet.
    pub(crate) fn expect(&mut self, score: f32) {
        self.known = self.known.max(score * ROUNDING);
        self.share();
    }

    /// Whether it is one of the best. What is not will never be: they only become better.
    pub(crate) fn push(&mut self, candidate: Candidate) -> bool {
        if self.heap.len() < self.limit {
            self.heap.push(candidate);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && candidate < *worst
        {
            *worst = candidate;
        } else {
            return false;
        }
        self.share();
        true
    }

    /// Tells the other threads what hits must score.
    fn share(&self) {
        if let Some(floor) = &self.floor {
            let known = self.own_threshold();
            if known > 0.0 && known.is_finite() {
                floor.fetch_max(known.to_bits(), Access::Relaxed);
            }
        }
    }

    /// The best first.
    pub(crate) fn into_sorted(self) -> Vec<Candidate> {
        self.heap.into_sorted_vec()
    }
}
