//! Search by meaning: the frames whose vectors point where the query's does.

use serde::Deserialize;
use vec::{FrameSet, Hit, Kernel, Request};

use crate::error::{Error, Result};
use crate::parallel::most_threads;
use crate::snapshot::Snapshot;

/// How hard `high` looks, and `fast` (see `vec::Request::effort`).
const HIGH_EFFORT: f32 = 4.0;
const FAST_EFFORT: f32 = 0.5;

/// How sure it is that the nearest vectors are found.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Recall {
    /// By name.
    Named(RecallName),
    /// How hard to look: 1 is the ordinary, 0.1 to 100.
    Effort(f32),
}

/// See [`Recall`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RecallName {
    /// Half the effort.
    Fast,
    /// More than 99 of 100 true neighbours, whatever the vectors look like.
    Normal,
    /// Four times the effort.
    High,
    /// Every vector is compared in full.
    Exact,
}

impl Recall {
    /// Effort, and whether every vector is compared; MV019 for a number out of range.
    pub fn effort(self) -> Result<(f32, bool)> {
        match self {
            Self::Named(RecallName::Fast) => Ok((FAST_EFFORT, false)),
            Self::Named(RecallName::Normal) => Ok((1.0, false)),
            Self::Named(RecallName::High) => Ok((HIGH_EFFORT, false)),
            Self::Named(RecallName::Exact) => Ok((1.0, true)),
            Self::Effort(effort) if (0.1..=100.0).contains(&effort) => Ok((effort, false)),
            Self::Effort(effort) => Err(Error::invalid(
                "recall",
                effort,
                "fast, normal, high, exact, or a number from 0.1 to 100",
            )),
        }
    }
}

impl Default for Recall {
    fn default() -> Self {
        Self::Named(RecallName::Normal)
    }
}

/// How near a hit is: 1 in the same direction, 0.2929 for orthogonal vectors, 0 for opposite ones.
#[must_use]
pub fn score(hit: &Hit) -> f64 {
    (1.0 - hit.unit_distance() / 2.0).clamp(0.0, 1.0)
}

/// Frames that may be hits.
pub type Accept<'a> = &'a (dyn Fn(u64) -> bool + Sync);

/// Which frames a search may find.
#[derive(Clone, Copy, Default)]
pub struct Admitted<'a> {
    /// Asked of every frame that could be a hit, unless what follows tells; `None`: all are admitted.
    pub accept: Option<Accept<'a>>,
    /// Those of the commit that are.
    pub committed: Option<&'a FrameSet>,
    /// Asked besides of those of the commit that are near enough to be hits.
    pub accept_committed: Option<Accept<'a>>,
}

/// The nearest frames, nearest first, of equally near ones the older first. The query has the size of the stored vectors.
pub fn nearest(
    snapshot: &Snapshot,
    query: &[f32],
    limit: usize,
    admitted: Admitted<'_>,
    recall: Recall,
) -> Result<Vec<Hit>> {
    let (effort, is_exact) = recall.effort()?;
    let index = snapshot.committed.vectors()?;
    let strided = index.strided();
    // Vectors of another size are of versions that are gone: the next commit drops them.
    let sources = match index.dimension() {
        Some(dimension) if dimension == query.len() => index.sources(&strided)?,
        _ => Vec::new(),
    };
    let request = Request {
        query,
        limit,
        is_exact,
        effort,
        frames: admitted.committed,
        accept: admitted.accept_committed,
        threads: most_threads(),
        kernel: Kernel::fastest(),
    };
    let near = vec::search(&sources, &request)?.hits;
    if snapshot.pending.vectors.is_empty() {
        return Ok(near);
    }
    let mut near: Vec<(Hit, bool)> = near.into_iter().map(|hit| (hit, true)).collect();
    // The log is small: every vector in it is compared.
    let query_square = sum(query, query);
    near.extend(snapshot.pending.vectors.iter().map(|(id, vector)| {
        let square = sum(vector, vector);
        let lengths = (query_square * square).sqrt();
        let hit = Hit {
            frame_id: *id,
            similarity: if lengths > 0.0 {
                (sum(query, vector) / lengths).clamp(-1.0, 1.0)
            } else {
                0.0
            },
            norm: square.sqrt(),
        };
        (hit, admitted.accept.is_none())
    }));
    near.sort_by(|(left, _), (right, _)| {
        let order = right.similarity.total_cmp(&left.similarity);
        order.then(left.frame_id.cmp(&right.frame_id))
    });
    let accepted = near.into_iter().filter(|(hit, is_accepted)| {
        let accept = admitted.accept;
        *is_accepted || accept.is_none_or(|accept| accept(hit.frame_id))
    });
    Ok(accepted.map(|(hit, _)| hit).take(limit).collect())
}

/// The sum of the products. Several sums grow side by side.
fn sum(left: &[f32], right: &[f32]) -> f64 {
    const LANES: usize = 16;
    let mut sums = [0.0_f64; LANES];
    for (left, right) in left.chunks(LANES).zip(right.chunks(LANES)) {
        for (sum, (left, right)) in sums.iter_mut().zip(left.iter().zip(right)) {
            *sum += f64::from(*left) * f64::from(*right);
        }
    }
    sums.iter().sum()
}
