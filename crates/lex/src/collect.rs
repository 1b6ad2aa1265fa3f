//! The best hits so far.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

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

/// Keeps the best `limit` candidates.
#[derive(Debug)]
pub(crate) struct Best {
    heap: BinaryHeap<Candidate>,
    limit: usize,
}

/// Bounds are sums in another order than scores: they may be off by this factor.
pub(crate) const ROUNDING: f32 = 1.0 - 1e-5;

impl Best {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            heap: BinaryHeap::new(),
            limit,
        }
    }

    /// How many candidates are kept.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Documents that score less cannot be hits any more. Negative infinity while there is room.
    #[inline]
    pub(crate) fn threshold(&self) -> f32 {
        match self.heap.peek() {
            Some(worst) if self.heap.len() >= self.limit => worst.score * ROUNDING,
            _ if self.limit == 0 => f32::INFINITY,
            _ => f32::NEG_INFINITY,
        }
    }

    pub(crate) fn push(&mut self, candidate: Candidate) {
        if self.heap.len() < self.limit {
            self.heap.push(candidate);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && candidate < *worst
        {
            *worst = candidate;
        }
    }

    /// The best first.
    pub(crate) fn into_sorted(self) -> Vec<Candidate> {
        self.heap.into_sorted_vec()
    }
}
