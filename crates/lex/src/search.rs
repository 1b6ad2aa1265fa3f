//! Searching segments and pending documents as one.

use crate::collect::{Best, Candidate};
use crate::error::{Error, Result};
use crate::explain::{Explanation, explain};
use crate::index::LexIndex;
use crate::pending::PendingIndex;
use crate::plan::Plan;
use crate::query::{MAX_TERMS, Node, Query};
use crate::rank::{Norms, Ranking};
use crate::resolve::{Lookup, Resolved};
use crate::shard::Shard;
use crate::shard_search::{Effort, ShardSearch};
use crate::split::{Found, Split};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Hits of ranked queries are counted exactly up to this many postings: about 40 microseconds of work.
pub(crate) const MAX_COUNTED_POSTINGS: u64 = 20_000;

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
    /// Whether `total` is exact: always for queries without words (`tag:x`); for ranked words as long as their document
    /// frequencies add up to 20,000 at most and none of them is left out; for queries with a required part (phrase, `AND`,
    /// `+`) as long as 20,000 documents are looked at, where one counts 8 times more for a phrase and 8 times more for
    /// [`SearchRequest::accept`].
    pub total_is_exact: bool,
    /// What was searched for instead of the query as it stands, one sentence each; ordinarily empty. Of more than 1,024
    /// ranked words that occur, the most frequent are left out. When no document holds any but function words of the
    /// query (`the`, `what`), those are searched for.
    pub warnings: Vec<String>,
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
    pub(crate) index: &'a LexIndex,
    pub(crate) pending: &'a PendingIndex,
    pub(crate) ranking: Ranking,
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
        guarded("search", || {
            self.with_shards(|shards| {
                let lookup = self.look_up(request.query, shards)?;
                self.search_or_fall_back(request, shards, &Arc::new(lookup))
            })
        })
    }

    /// Looks a query up without searching yet, see [`Searcher::run`].
    ///
    /// Fails with [`Error::CorruptSegment`] when a segment turns out to be damaged.
    pub fn plan(&self, query: &Query) -> Result<Plan> {
        Plan::new(self, query)
    }

    /// [`Searcher::search`] with what [`Searcher::plan`] looked up. A plan for another query or another state of the
    /// index is of no use, and of no harm: the search then looks up for itself.
    pub fn run(&self, plan: &Plan, request: &SearchRequest<'_>) -> Result<SearchResult> {
        match plan.lookup(self, request.query) {
            Some(lookup) => guarded("search", || {
                self.with_shards(|shards| self.search_or_fall_back(request, shards, lookup))
            }),
            None => self.search(request),
        }
    }

    pub(crate) fn look_up(&self, query: &Query, shards: &[Shard<'_>]) -> Result<Lookup> {
        Lookup::new(query, shards, &self.ranking, self.index.known())
    }

    /// [`Plan::cost`]. 0 when the index cannot be read; the search will say why.
    pub fn estimate_cost(&self, query: &Query) -> u64 {
        self.plan(query).map_or(0, |plan| plan.cost())
    }

    pub(crate) fn with_shards<T>(&self, run: impl FnOnce(&[Shard<'_>]) -> Result<T>) -> Result<T> {
        let (store, visible) = self.pending.read();
        let mut shards = Vec::with_capacity(self.index.segments().len() + 1);
        for segment in self.index.segments() {
            shards.push(Shard::of_segment(segment)?);
        }
        if visible > 0 {
            shards.push(Shard::Memory {
                store: &store,
                visible,
            });
        }
        run(&shards)
    }

    /// Searches, and when nothing is found searches for the function words that were left out: whoever asks gets the
    /// nearest there is.
    fn search_or_fall_back(
        &self,
        request: &SearchRequest<'_>,
        shards: &[Shard<'_>],
        lookup: &Arc<Lookup>,
    ) -> Result<SearchResult> {
        let result = self.search_shards(request, shards, lookup)?;
        if result.total > 0 || request.limit == 0 {
            return Ok(result);
        }
        let Some(query) = request.query.fallback() else {
            return Ok(result);
        };
        let request = SearchRequest {
            query: &query,
            ..*request
        };
        let lookup = self.look_up(&query, shards)?;
        let mut result = self.search_shards(&request, shards, &Arc::new(lookup))?;
        if result.total > 0 {
            result.warnings.push(FALLBACK_WARNING.to_owned());
        }
        Ok(result)
    }

    fn search_shards(
        &self,
        request: &SearchRequest<'_>,
        shards: &[Shard<'_>],
        lookup: &Arc<Lookup>,
    ) -> Result<SearchResult> {
        let query = request.query;
        let statistics = lookup.statistics;
        let resolved = lookup.resolved(query, shards, &self.ranking)?;
        let norms = Arc::new(Norms::new(&self.ranking, &statistics));
        let documents = usize::try_from(statistics.documents).unwrap_or(usize::MAX);
        let limit = request.limit.saturating_add(request.offset).min(documents);
        let method = Method::of(query, &resolved);
        let split = match method {
            Method::Required => None,
            Method::Ranked { postings } => {
                Split::worthwhile(self, request, lookup, &norms, postings, limit)
            }
        };
        let found = match split {
            Some(split) => split.run(shards)?,
            None => {
                let mut found = Found::nothing(Best::new(limit));
                let mut effort = Effort::new();
                for (index, shard) in shards.iter().enumerate() {
                    let search = ShardSearch::new(
                        query,
                        &resolved,
                        *shard,
                        index,
                        &self.ranking,
                        &norms,
                        request.accept,
                    );
                    let best = &mut found.best;
                    let count = match method {
                        Method::Required => search.required(best, &mut effort)?,
                        Method::Ranked { postings } => {
                            search.ranked(best, postings <= MAX_COUNTED_POSTINGS, &mut effort)?
                        }
                    };
                    found.add(count);
                }
                found
            }
        };
        let Found { best, count } = found;
        let (mut total, counted) = (count.documents, count.is_exact);
        let is_complete = lookup.left_out == 0 || matches!(method, Method::Required);
        let total_is_exact = counted && is_complete;
        let sorted = best.into_sorted();
        if !counted {
            total = total.max(lower_bound(query, &resolved, request, sorted.len()));
        }
        let page = sorted.into_iter().skip(request.offset).take(request.limit);
        let hits = page.map(|candidate| self.hit(&candidate, request, shards, &resolved, &norms));
        Ok(SearchResult {
            hits: hits.collect::<Result<_>>()?,
            total,
            total_is_exact,
            warnings: {
                let misread = query.is_misread.then(|| MISREAD_WARNING.to_owned());
                misread
                    .into_iter()
                    .chain(left_out_warning(lookup.left_out))
                    .collect()
            },
        })
    }

    fn hit(
        &self,
        candidate: &Candidate,
        request: &SearchRequest<'_>,
        shards: &[Shard<'_>],
        resolved: &[Resolved],
        norms: &Norms,
    ) -> Result<Hit> {
        let explain = if request.explain {
            let shard = shards
                .get(candidate.shard)
                .copied()
                .ok_or(Error::ImpossibleSegment {
                    operation: "search",
                })?;
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

/// Checksums catch damage. What was written wrongly on purpose can still make the library panic.
pub(crate) fn guarded<T>(operation: &'static str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(Error::ImpossibleSegment { operation }))
}

/// Said with hits that hold none of the words that tell something.
const FALLBACK_WARNING: &str = "Nothing holds the telling words of the query: its most common words, such as \"the\" or \"what\", were searched for.";

/// Said where operators, phrases and fields of a query were no conditions.
const MISREAD_WARNING: &str = "The query does not parse (a quote, parenthesis or bracket is not closed, or an operator lacks a side): it was searched for as plain words, without its conditions.";

fn left_out_warning(left_out: usize) -> Option<String> {
    (left_out > 0).then(|| {
        format!(
            "The query has too many different words: the {MAX_TERMS} rarest that occur were searched for, the {left_out} \
             most frequent were left out."
        )
    })
}

/// How many documents match at least.
fn lower_bound(
    query: &Query,
    resolved: &[Resolved],
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
            let frequency = |forms: &Arc<[crate::resolve::Form]>| {
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
enum Method {
    /// Documents that fulfil the conditions are looked at.
    Required,
    /// Documents that hold a word are looked at.
    Ranked {
        /// How many postings the words have.
        postings: u64,
    },
}

impl Method {
    fn of(query: &Query, resolved: &[Resolved]) -> Self {
        if query.any.is_empty() || query.must.iter().any(Node::is_text) {
            return Self::Required;
        }
        let terms = query.any.iter().filter_map(|id| resolved.get(*id));
        Self::Ranked {
            postings: terms.map(|term| term.frequency).sum(),
        }
    }
}
