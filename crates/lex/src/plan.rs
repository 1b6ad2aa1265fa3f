//! A query looked up once, to be judged and then run.

use crate::error::Result;
use crate::index::LexIndex;
use crate::pending::PendingIndex;
use crate::query::Query;
use crate::rank::Ranking;
use crate::resolve::Lookup;
use crate::search::{Searcher, guarded};
use std::sync::Arc;

/// A query looked up in one state of the index: tells what a search would cost, and spares the search the look-up.
///
/// Owns what it needs, so that it can be made on one thread and run on another.
#[derive(Debug)]
pub struct Plan {
    query: Query,
    index: LexIndex,
    pending: PendingIndex,
    ranking: Ranking,
    cost: u64,
    lookup: Arc<Lookup>,
}

impl Plan {
    pub(crate) fn new(searcher: &Searcher<'_>, query: &Query) -> Result<Self> {
        let lookup = guarded("search", || {
            searcher.with_shards(|shards| searcher.look_up(query, shards))
        })?;
        Ok(Self {
            query: query.clone(),
            index: searcher.index.clone(),
            pending: searcher.pending.clone(),
            ranking: searcher.ranking,
            cost: lookup.cost(query),
            lookup: Arc::new(lookup),
        })
    }

    /// Sum of the document frequencies of the query's words: about how many postings a search may read.
    pub fn cost(&self) -> u64 {
        self.cost
    }

    /// What was looked up, if it is `query` in what `searcher` searches.
    pub(crate) fn lookup(&self, searcher: &Searcher<'_>, query: &Query) -> Option<&Arc<Lookup>> {
        let same = self.index.is_same(searcher.index)
            && self.pending.is_same(searcher.pending)
            && self.ranking == searcher.ranking
            && self.query == *query;
        same.then_some(&self.lookup)
    }
}
