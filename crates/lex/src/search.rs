//! Searching segments and pending documents as one.

use crate::collect::{Best, Candidate};
use crate::error::{Error, Result};
use crate::explain::{Explanation, explain};
use crate::index::LexIndex;
use crate::pending::PendingIndex;
use crate::query::{Node, Query};
use crate::rank::{Norms, Ranking, Statistics};
use crate::resolve::{Resolved, resolve};
use crate::shard::Shard;
use crate::shard_search::ShardSearch;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Hits of ranked queries are counted exactly up to this many postings: about 40 microseconds of work.
const MAX_COUNTED_POSTINGS: u64 = 20_000;
/// A filter drives the search when it is this much rarer than the words.
const FILTER_ADVANTAGE: u64 = 4;

/// Frames that may be hits.
pub type Accept<'a> = &'a (dyn Fn(u64) -> bool + Sync);

/// What to search for and which part of the hits to return.
pub struct SearchRequest<'a> {
    /// What to look for.
    pub query: &'a Query,
    /// How many hits to return.
    pub limit: usize,
    /// How many better hits to leave out. The order of hits is total, so pages neither overlap nor miss anything.
    pub offset: usize,
    /// Frames that may be hits; `None`: all. Called only for documents good enough to be hits, or to be counted.
    pub accept: Option<Accept<'a>>,
    /// Whether hits tell the parts of their score.
    pub explain: bool,
}

/// The hits of one page.
#[derive(Debug, Clone, Default)]
pub struct SearchResult {
    /// Best first: score descending, then frame id ascending.
    pub hits: Vec<Hit>,
    /// Documents that match, or a lower bound.
    pub total: u64,
    /// Whether `total` is exact: always for queries with a required part (phrase, field, `AND`, `+`) and for filters; for
    /// ranked words as long as their document frequencies add up to 20,000 at most.
    pub total_is_exact: bool,
}

/// One matching document.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The document.
    pub frame_id: u64,
    /// Comparable within one search only. 1.0 times the boost for queries that only filter.
    pub score: f32,
    /// How many of the query's words the document holds.
    pub matches: u32,
    /// The parts of `score`, if asked for.
    pub explain: Option<Explanation>,
}

/// Searches segments and pending documents as one: frequencies and lengths are shared, so a document scores the same
/// wherever it is. Cheap to make.
#[derive(Debug, Clone, Copy)]
pub struct Searcher<'a> {
    index: &'a LexIndex,
    pending: &'a PendingIndex,
    ranking: Ranking,
}

impl<'a> Searcher<'a> {
    /// A searcher over both.
    pub fn new(index: &'a LexIndex, pending: &'a PendingIndex) -> Self {
        Self {
            index,
            pending,
            ranking: Ranking::DEFAULT,
        }
    }

    /// A searcher with other parameters, for measuring.
    #[doc(hidden)]
    pub fn with_ranking(self, ranking: Ranking) -> Self {
        Self { ranking, ..self }
    }

    /// Finds the hits of one page.
    ///
    /// Fails with [`Error::CorruptSegment`] when a segment turns out to be damaged.
    pub fn search(&self, request: &SearchRequest<'_>) -> Result<SearchResult> {
        // Checksums catch damage. What was written wrongly on purpose can still make the library panic.
        catch_unwind(AssertUnwindSafe(|| {
            self.with_shards(|shards| self.search_shards(request, shards))
        }))
        .unwrap_or_else(|_| Err(panicked()))
    }

    /// Sum of the document frequencies of the query's words: about how many postings a search may read. 0 when the
    /// index cannot be read; the search will say why.
    pub fn estimate_cost(&self, query: &Query) -> u64 {
        let cost = catch_unwind(AssertUnwindSafe(|| {
            self.with_shards(|shards| {
                let statistics = statistics(shards);
                let resolved = resolve(query, shards, &self.ranking, &statistics)?;
                let words: u64 = resolved.iter().map(|term| term.frequency).sum();
                let scans = query.any.is_empty() && !query.must.iter().any(Node::is_text);
                Ok(if scans {
                    words + statistics.documents
                } else {
                    words
                })
            })
        }));
        cost.unwrap_or_else(|_| Err(panicked())).unwrap_or(0)
    }

    fn with_shards<T>(&self, run: impl FnOnce(&[Shard<'_>]) -> Result<T>) -> Result<T> {
        let (store, visible) = self.pending.read();
        let mut shards = Vec::with_capacity(self.index.segments().len() + 1);
        for segment in self.index.segments() {
            shards.push(Shard::Disk {
                segment,
                parts: segment.parts()?,
            });
        }
        if visible > 0 {
            shards.push(Shard::Memory {
                store: &store,
                visible,
            });
        }
        run(&shards)
    }

    fn search_shards(
        &self,
        request: &SearchRequest<'_>,
        shards: &[Shard<'_>],
    ) -> Result<SearchResult> {
        let query = request.query;
        let statistics = statistics(shards);
        let resolved = resolve(query, shards, &self.ranking, &statistics)?;
        let norms = Norms::new(&self.ranking, &statistics);
        let documents = usize::try_from(statistics.documents).unwrap_or(usize::MAX);
        let mut best = Best::new(request.limit.saturating_add(request.offset).min(documents));
        let plan = Plan::of(query, shards, &resolved)?;
        let mut total = 0;
        for (index, shard) in shards.iter().enumerate() {
            let mut search = ShardSearch::new(
                query,
                &resolved,
                *shard,
                index,
                &self.ranking,
                &norms,
                request.accept,
            );
            match plan {
                Plan::Filtered { require_any } => {
                    total += search.filtered(&mut best, require_any)?
                }
                Plan::Ranked { count } => {
                    search.ranked(&mut best)?;
                    if count {
                        total += search.count()?;
                    }
                }
            }
        }
        let total_is_exact = !matches!(plan, Plan::Ranked { count: false });
        let sorted = best.into_sorted();
        if !total_is_exact {
            total = lower_bound(query, &resolved, request, sorted.len());
        }
        let page = sorted.into_iter().skip(request.offset).take(request.limit);
        let hits = page.map(|candidate| self.hit(&candidate, request, shards, &resolved, &norms));
        Ok(SearchResult {
            hits: hits.collect::<Result<_>>()?,
            total,
            total_is_exact,
        })
    }

    fn hit(
        &self,
        candidate: &Candidate,
        request: &SearchRequest<'_>,
        shards: &[Shard<'_>],
        resolved: &[Resolved<'_>],
        norms: &Norms,
    ) -> Result<Hit> {
        let explain = if request.explain {
            let shard = shards.get(candidate.shard).copied().ok_or_else(panicked)?;
            let index = candidate.shard;
            let search = ShardSearch::new(
                request.query,
                resolved,
                shard,
                index,
                &self.ranking,
                norms,
                None,
            );
            Some(explain(&search, candidate.document)?)
        } else {
            None
        };
        Ok(Hit {
            frame_id: candidate.frame_id,
            score: candidate.score,
            matches: candidate.matches,
            explain,
        })
    }
}

fn panicked() -> Error {
    Error::Index {
        operation: "search",
        message: "a segment holds what no segment can hold".to_owned(),
    }
}

fn statistics(shards: &[Shard<'_>]) -> Statistics {
    let mut statistics = Statistics {
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

/// How many documents match at least.
fn lower_bound(
    query: &Query,
    resolved: &[Resolved<'_>],
    request: &SearchRequest<'_>,
    found: usize,
) -> u64 {
    let found = found as u64;
    if request.accept.is_some() || !query.must.is_empty() || !query.must_not.is_empty() {
        return found;
    }
    let handles = query.any.iter().flat_map(|id| {
        (0..2).filter_map(|field| {
            let shards = resolved.get(*id)?.forms.iter();
            let frequency = |forms: &Vec<crate::resolve::Form<'_>>| {
                forms
                    .iter()
                    .filter_map(|form| Some(form.handles[field].as_ref()?.document_frequency()))
                    .max()
            };
            Some(
                shards
                    .map(|forms| frequency(forms).unwrap_or(0))
                    .sum::<u64>(),
            )
        })
    });
    handles.max().unwrap_or(0).max(found)
}

/// How a query is run.
#[derive(Debug, Clone, Copy)]
enum Plan {
    /// Every document that fulfils the conditions is looked at.
    Filtered {
        /// ... and must hold one of the optional words.
        require_any: bool,
    },
    /// Only documents that can become hits are looked at.
    Ranked {
        /// Count all matches in a second pass.
        count: bool,
    },
}

impl Plan {
    fn of(query: &Query, shards: &[Shard<'_>], resolved: &[Resolved<'_>]) -> Result<Self> {
        if query.any.is_empty() || query.must.iter().any(Node::is_text) {
            return Ok(Self::Filtered { require_any: false });
        }
        let postings: u64 = query
            .any
            .iter()
            .filter_map(|id| resolved.get(*id))
            .map(|term| term.frequency)
            .sum();
        for node in &query.must {
            let Node::Keyword { field, value } = node else {
                continue;
            };
            let term = field.term(value);
            let mut frequency = 0;
            for shard in shards {
                frequency += shard.keyword_frequency(&term)?;
            }
            if frequency.saturating_mul(FILTER_ADVANTAGE) < postings {
                return Ok(Self::Filtered { require_any: true });
            }
        }
        Ok(Self::Ranked {
            count: postings <= MAX_COUNTED_POSTINGS,
        })
    }
}
