#![allow(missing_docs, unused_variables)]
use crate::{Document, Result};
use std::ops::Range;
use tantivy::directory::OwnedBytes;

/// Builds one segment in memory. Independent builders may run on different threads.
pub struct SegmentBuilder {}
impl SegmentBuilder {
    /// `memory_budget`: bytes of index memory at which [`SegmentBuilder::is_full`] turns true.
    pub fn new(memory_budget: usize) -> Result<Self> {
        Ok(Self {})
    }
    pub fn add(&mut self, document: &Document<'_>) -> Result<()> {
        Ok(())
    }
    /// Whether the budget is used up; then finish and begin another. Adding more is allowed.
    pub fn is_full(&self) -> bool {
        false
    }
    pub fn document_count(&self) -> u32 {
        0
    }
    /// The segment as one blob. With no document it is a valid empty segment.
    pub fn finish(self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
}
/// One blob with the kept documents of several. Segments keep their order.
pub fn merge(segments: &[OwnedBytes], keep: &(dyn Fn(u64) -> bool + Sync)) -> Result<Vec<u8>> {
    Ok(Vec::new())
}

#[derive(Clone, Default)]
pub struct LexIndex {}
impl LexIndex {
    pub fn open(segments: Vec<OwnedBytes>) -> Result<Self> {
        Ok(Self {})
    }
    pub fn empty() -> Self {
        Self {}
    }
    pub fn segment_count(&self) -> usize {
        0
    }
    pub fn document_count(&self) -> u64 {
        0
    }
}

/// Documents not yet in a segment. Clones are snapshots: they share memory and never change.
#[derive(Clone, Default)]
pub struct PendingIndex {}
impl PendingIndex {
    pub fn new() -> Self {
        Self {}
    }
    pub fn add(&mut self, document: &Document<'_>) {}
    pub fn len(&self) -> usize {
        0
    }
    pub fn is_empty(&self) -> bool {
        true
    }
}

#[derive(Debug, Clone)]
pub struct Query {}
impl Query {
    /// Never fails on syntax. `Err(Error::EmptyQuery)` when nothing can be looked up.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(Self {})
    }
    /// Lower-cased words that hits may hold (no negated ones), for display and snippets.
    pub fn terms(&self) -> Vec<String> {
        Vec::new()
    }
    /// Whether the query has only filters (`tag:x`) and no words to rank by.
    pub fn is_filter_only(&self) -> bool {
        false
    }
}

pub struct SearchRequest<'a> {
    pub query: &'a Query,
    pub limit: usize,
    pub offset: usize,
    /// Frames that may be hits; `None`: all.
    pub accept: Option<&'a (dyn Fn(u64) -> bool + Sync)>,
    pub explain: bool,
}
#[derive(Debug, Clone, Default)]
pub struct SearchResult {
    pub hits: Vec<Hit>,
    pub total: u64,
    pub total_is_exact: bool,
}
#[derive(Debug, Clone)]
pub struct Hit {
    pub frame_id: u64,
    pub score: f32,
    /// How many query words (and filters) the document matches.
    pub matches: u32,
    pub explain: Option<Explanation>,
}
/// The parts of one score. `score = (sum of terms + phrase + coordination) * boost`.
#[derive(Debug, Clone, Default)]
pub struct Explanation {
    pub terms: Vec<TermExplanation>,
    pub coordination: f32,
    pub phrase: f32,
    pub boost: f32,
}
#[derive(Debug, Clone)]
pub struct TermExplanation {
    pub field: &'static str,
    pub term: String,
    pub frequency: f32,
    pub idf: f32,
    pub score: f32,
}

pub struct Searcher<'a> {
    index: &'a LexIndex,
    pending: &'a PendingIndex,
}
impl<'a> Searcher<'a> {
    pub fn new(index: &'a LexIndex, pending: &'a PendingIndex) -> Self {
        Self { index, pending }
    }
    pub fn search(&self, request: &SearchRequest<'_>) -> Result<SearchResult> {
        Ok(SearchResult::default())
    }
    /// Sum of the document frequencies of the query's terms: about how many postings a search may read.
    pub fn estimate_cost(&self, query: &Query) -> u64 {
        0
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snippet {
    pub text: String,
    /// Byte ranges of the matching words inside `text`.
    pub ranges: Vec<Range<usize>>,
    /// Matching words in the whole text that was looked at.
    pub matches: u32,
}
pub fn snippet(query: &Query, text: &str, max_chars: usize) -> Snippet {
    Snippet::default()
}
