//! How documents are ranked: BM25F over title and body, in one place.
//!
//! ```text
//! x(word)     = Σ over fields and forms: field weight · form weight · frequency / (k1 · (1 − b + b · length / average))
//! score(word) = idf(word) · ((k1 + 1) · x / (1 + x) + coordination)
//! score       = (Σ score(word) + Σ adjacency + speaker + date) · boost
//! ```
//!
//! All forms of a word (endings, accents) share one idf, made of the sum of their document frequencies, so a rare
//! ending of a common word does not count as rare. `coordination` is what a document gets for holding a word at all: the more
//! words of the query match, the higher it ranks, and being a sum it can be bounded while searching. `speaker` and `date` do
//! not depend on how rare a name or a month is: half of a conversation begins with either name.

use crate::shard::{BODY, Shard, TITLE};
use tantivy::fieldnorm::FieldNormReader;

/// Parameters of ranking. For measuring only; searches use [`Ranking::DEFAULT`].
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranking {
    /// How fast repetition of a word stops to count.
    pub saturation: f32,
    /// How much longer titles weigh less, 0 to 1.
    pub title_length: f32,
    /// How much longer bodies weigh less, 0 to 1.
    pub body_length: f32,
    /// A word in the title counts as often as this in the body.
    pub title_weight: f32,
    /// Weight of a form that differs in accents only.
    pub accent_weight: f32,
    /// Weight of a form that differs in its ending.
    pub ending_weight: f32,
    /// Weight of a form found by `prefix*`.
    pub prefix_weight: f32,
    /// Share of the idf for holding a word at all.
    pub coordination: f32,
    /// Share of the smaller idf when two words adjacent in the query are adjacent in the document.
    pub adjacency: f32,
    /// What a document gets for beginning with a name of the query, as the turns of a conversation begin with who speaks.
    pub speaker: f32,
    /// What a document gets for being of a month that the query names.
    pub month: f32,
    /// What it gets on top for being of the very day.
    pub day: f32,
}

impl Ranking {
    /// Tuned on SciFact train and LoCoMo, confirmed on SciFact test (`examples/quality.rs` prints the figures).
    pub const DEFAULT: Self = Self {
        saturation: 1.2,
        title_length: 0.5,
        body_length: 0.6,
        title_weight: 2.0,
        accent_weight: 0.8,
        ending_weight: 0.6,
        prefix_weight: 0.8,
        coordination: 0.4,
        adjacency: 0.2,
        speaker: 1.5,
        month: 2.0,
        day: 2.0,
    };

    /// Score of a word with saturating evidence `x`, which must be finite, for an idf of one.
    #[inline]
    pub(crate) fn evidence(&self, x: f32) -> f32 {
        (self.saturation + 1.0) * (x / (1.0 + x)) + self.coordination
    }

    /// [`Ranking::evidence`] of a bound, which may be infinite.
    #[inline]
    pub(crate) fn evidence_bound(&self, x: f32) -> f32 {
        if x.is_finite() {
            self.evidence(x)
        } else {
            self.saturation + 1.0 + self.coordination
        }
    }
}

impl Default for Ranking {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Counts over all shards that scores depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statistics {
    pub documents: u64,
    pub token_counts: [u64; 2],
}

impl Statistics {
    /// The sums over `shards`.
    pub(crate) fn of(shards: &[Shard<'_>]) -> Self {
        let mut statistics = Self {
            documents: 0,
            token_counts: [0; 2],
        };
        for shard in shards {
            statistics.documents += u64::from(shard.document_count());
            for (sum, count) in statistics.token_counts.iter_mut().zip(shard.token_counts()) {
                *sum = sum.saturating_add(count);
            }
        }
        statistics
    }

    /// How telling a word is that `frequency` documents hold.
    pub(crate) fn idf(&self, frequency: u64) -> f32 {
        let frequency = frequency.min(self.documents) as f32;
        (1.0 + (self.documents as f32 - frequency + 0.5) / (frequency + 0.5)).ln()
    }
}

/// What one occurrence counts, by field and quantised length.
pub(crate) struct Norms {
    factors: [[f32; 256]; 2],
}

impl Norms {
    pub(crate) fn new(ranking: &Ranking, statistics: &Statistics) -> Self {
        let table = |field: usize, weight: f32, length_share: f32| {
            let average =
                statistics.token_counts[field] as f32 / statistics.documents.max(1) as f32;
            let average = if average > 0.0 { average } else { 1.0 };
            std::array::from_fn(|id| {
                let length = FieldNormReader::id_to_fieldnorm(id as u8) as f32;
                weight
                    / (ranking.saturation * (1.0 - length_share + length_share * length / average))
            })
        };
        Self {
            factors: [
                table(TITLE, ranking.title_weight, ranking.title_length),
                table(BODY, 1.0, ranking.body_length),
            ],
        }
    }

    #[inline]
    pub(crate) fn factor(&self, field: usize, norm: u8) -> f32 {
        self.factors[field][usize::from(norm)]
    }

    /// [`Norms::factor`] for all lengths.
    pub(crate) fn table(&self, field: usize) -> &[f32; 256] {
        &self.factors[field]
    }

    /// By how much the evidence of an occurrence can exceed what tantivy (k1 = 1.2, b = 0.75) makes of it in a segment
    /// with this average length and this longest document. Turns the peak of a block into a bound of ours.
    pub(crate) fn peak_factor(&self, field: usize, average_length: f32, longest: u8) -> f32 {
        (1..=longest.max(1))
            .map(|norm| {
                let length = FieldNormReader::id_to_fieldnorm(norm) as f32;
                1.2 * (0.25 + 0.75 * length / average_length) * self.factor(field, norm)
            })
            .fold(0.0, f32::max)
    }
}
