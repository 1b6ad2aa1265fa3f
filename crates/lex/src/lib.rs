//! Full-text indexing and retrieval over immutable byte blobs. Knows no file and no container format.
//!
//! Documents come in two places that are searched as one: segments, which [`SegmentBuilder`] packs into one blob each and
//! [`LexIndex`] serves without copying, and the [`PendingIndex`] in memory for what is not in a segment yet.
//!
//! ```
//! use lex::{Document, LexIndex, OwnedBytes, PendingIndex, Query, SearchRequest, Searcher, SegmentBuilder};
//!
//! let document = |frame_id, body| Document {
//!     frame_id, title: "", body, uri: "", kind: None, track: None, tags: &[], labels: &[], timestamp: 0, boost: 1.0,
//! };
//! let mut builder = SegmentBuilder::new(15_000_000)?;
//! builder.add(&document(1, "We use a database called SQLite."))?;
//! let index = LexIndex::open(vec![OwnedBytes::new(builder.finish()?)])?;
//! let mut pending = PendingIndex::new();
//! pending.add(&document(2, "Databases are dropped on Mondays."));
//!
//! let query = Query::parse("which database are we using?")?;
//! let request = SearchRequest { query: &query, limit: 10, offset: 0, accept: None, explain: false };
//! let result = Searcher::new(&index, &pending).search(&request)?;
//! assert_eq!(result.hits.iter().map(|hit| hit.frame_id).collect::<Vec<_>>(), [1, 2]);
//! # Ok::<(), lex::Error>(())
//! ```

mod analyzer;
mod blob;
mod classes;
mod collect;
mod columns;
mod cursor;
mod directory;
mod document;
mod document_set;
mod error;
mod explain;
mod group;
mod groups;
mod helper;
mod index;
mod matcher;
mod merge;
mod occurrences;
mod pending;
mod plan;
mod posting_bytes;
mod query;
mod rank;
mod recent;
mod required;
mod resolve;
mod scan;
mod schema;
mod search;
mod segment;
mod shard;
mod shard_search;
mod sieve;
mod snippet;
mod split;
mod terms;
mod union;
mod window;
mod write;

pub use blob::{document_count, is_segment};
pub use document::Document;
pub use error::{Error, QueryPart, Result};
pub use explain::{Explanation, TermExplanation};
pub use index::LexIndex;
pub use merge::merge;
pub use pending::PendingIndex;
pub use plan::Plan;
pub use query::{Condition, Query};
#[doc(hidden)]
pub use rank::Ranking;
pub use schema::Keyword;
pub use search::{Accept, Hit, SearchRequest, SearchResult, Searcher};
pub use segment::SegmentBuilder;
pub use snippet::{Place, Snippet, Snippets, snippet};
pub use tantivy::directory::OwnedBytes;
