//! What the tests and measuring programs share.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod quality;

use lex::{
    Document, LexIndex, OwnedBytes, PendingIndex, Query, SearchRequest, SearchResult, Searcher,
    SegmentBuilder,
};
use std::path::PathBuf;

/// Where the benchmark data is.
pub fn data_directory() -> PathBuf {
    match std::env::var_os("LEX_BENCH_DATA") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/bench/data"),
    }
}

/// Why measuring is not possible, if it is not.
pub fn skip_reason() -> Option<String> {
    let directory = data_directory();
    let present = directory.join("scifact.docs.jsonl").is_file();
    (!present).then(|| "skipped: the benchmark data is not there (set LEX_BENCH_DATA)".to_owned())
}

/// An ordinary document.
pub fn document(frame_id: u64, body: &str) -> Document<'_> {
    Document {
        frame_id,
        title: "",
        body,
        uri: "",
        kind: None,
        track: None,
        tags: &[],
        labels: &[],
        timestamp: 0,
        boost: 1.0,
    }
}

/// The blob of one segment with these documents.
pub fn segment(documents: &[Document<'_>]) -> OwnedBytes {
    let mut builder = SegmentBuilder::new(15_000_000).unwrap();
    documents
        .iter()
        .for_each(|document| builder.add(document).unwrap());
    OwnedBytes::new(builder.finish().unwrap())
}

/// One segment with these documents, opened.
pub fn index(documents: &[Document<'_>]) -> LexIndex {
    LexIndex::open(vec![segment(documents)]).unwrap()
}

/// Pending documents.
pub fn pending(documents: &[Document<'_>]) -> PendingIndex {
    let mut pending = PendingIndex::new();
    documents.iter().for_each(|document| pending.add(document));
    pending
}

/// The first `limit` hits.
pub fn search(index: &LexIndex, pending: &PendingIndex, query: &str, limit: usize) -> SearchResult {
    let query = Query::parse(query).unwrap();
    let request = SearchRequest {
        query: &query,
        limit,
        offset: 0,
        accept: None,
        explain: false,
    };
    Searcher::new(index, pending).search(&request).unwrap()
}

/// Frame ids of the first hundred hits in one segment of these documents.
pub fn find(documents: &[Document<'_>], query: &str) -> Vec<u64> {
    frames(&search(&index(documents), &PendingIndex::new(), query, 100))
}

/// [`find`] for documents that are only bodies, numbered from 0.
pub fn find_in(bodies: &[&str], query: &str) -> Vec<u64> {
    let documents: Vec<_> = (0..)
        .zip(bodies)
        .map(|(id, body)| document(id, body))
        .collect();
    find(&documents, query)
}

pub fn frames(result: &SearchResult) -> Vec<u64> {
    result.hits.iter().map(|hit| hit.frame_id).collect()
}
