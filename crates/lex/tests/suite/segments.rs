//! Segments, pending documents, merging and damage.

use crate::support::{document, frames, index, pending, search, segment};
use lex::{
    Document, Error, LexIndex, OwnedBytes, PendingIndex, Query, SearchRequest, SearchResult,
    Searcher, SegmentBuilder, merge,
};
use proptest::prelude::*;

fn same_hits(left: &SearchResult, right: &SearchResult) -> bool {
    left.hits.len() == right.hits.len()
        && left.total == right.total
        && left.hits.iter().zip(&right.hits).all(|(left, right)| {
            left.frame_id == right.frame_id
                && left.matches == right.matches
                && (left.score - right.score).abs() <= 1e-4 * left.score.abs()
        })
}

const WORDS: &[&str] = &[
    "run",
    "running",
    "runs",
    "café",
    "cafe",
    "database",
    "databases",
    "the",
    "of",
    "ADR-17",
    "東京",
    "東京都",
    "alpha",
    "beta",
    "gamma",
    "gammas",
    "delta's",
    "v2.0.1",
    "snake_case",
    "rare",
];
const QUERIES: &[&str] = &[
    "run",
    "runs database",
    "cafe",
    "café running",
    "the",
    "\"alpha beta\"",
    "alpha AND beta",
    "alpha NOT gamma",
    "東京",
    "ADR-17 alpha",
    "da*",
    "tag:t1",
    "alpha tag:t1",
    "title:gamma beta",
    "date:[1970-01-01 TO 1970-01-01] run",
    "alpha beta gamma delta rare",
    "scope:u/1",
    "NOT alpha",
];

fn body() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(WORDS), 0..25).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn documents_score_the_same_wherever_they_are(
        texts in prop::collection::vec((body(), body(), 0..4_usize, any::<bool>()), 1..60),
        cuts in (0.0..1.0_f64, 0.0..1.0_f64),
    ) {
        let tags: Vec<Vec<String>> = (0..4).map(|tag| vec![format!("t{tag}")]).collect();
        let uris: Vec<String> = (0..texts.len()).map(|id| format!("u/{id}")).collect();
        let documents: Vec<_> = texts.iter().enumerate().map(|(id, (title, body, tag, late))| Document {
            title, tags: &tags[*tag], uri: &uris[id], timestamp: if *late { 86_400 } else { 5 },
            boost: if id % 9 == 4 { 2.0 } else { 1.0 }, ..document(id as u64, body)
        }).collect();
        let count = documents.len() as f64;
        let (first, second) = ((cuts.0 * count) as usize, (cuts.1 * count) as usize);
        let (first, second) = (first.min(second), first.max(second));
        let whole = index(&documents);
        let none = PendingIndex::new();
        let parts = LexIndex::open(vec![segment(&documents[..first]), segment(&documents[first..second])]).unwrap();
        let rest = pending(&documents[second..]);
        let everything = pending(&documents);
        let merged = merge(&[segment(&documents[..first]), segment(&documents[first..])], &|_| true, &|| {}).unwrap();
        let merged = LexIndex::open(vec![OwnedBytes::new(merged)]).unwrap();
        for query in QUERIES {
            let expected = search(&whole, &none, query, 10);
            for (name, other) in [
                ("split", search(&parts, &rest, query, 10)),
                ("pending", search(&LexIndex::empty(), &everything, query, 10)),
                ("merged", search(&merged, &none, query, 10)),
            ] {
                prop_assert!(same_hits(&expected, &other), "{} {}: {:?} {:?}", name, query, expected, other);
            }
        }
    }
}

#[test]
fn merging_drops_what_is_not_kept() {
    let first = segment(&[document(1, "running alpha"), document(2, "alpha beta")]);
    let second = segment(&[document(3, "alpha gamma"), document(4, "runs")]);
    let keep = |frame_id| frame_id != 2 && frame_id != 4;
    let merged = merge(&[first.clone(), second], &keep, &|| {}).unwrap();
    let merged = LexIndex::open(vec![OwnedBytes::new(merged)]).unwrap();
    assert_eq!((merged.document_count(), merged.segment_count()), (2, 1));
    assert_eq!(merged.segment_summaries().collect::<Vec<_>>(), [(2, 1, 3)]);
    let none = PendingIndex::new();
    assert_eq!(frames(&search(&merged, &none, "alpha", 10)), [1, 3]);
    assert_eq!(frames(&search(&merged, &none, "run", 10)), [1]);
    assert_eq!(frames(&search(&merged, &none, "beta", 10)), [0_u64; 0]);
    merged.verify().unwrap();

    let nothing = merge(&[first], &|_| false, &|| {}).unwrap();
    let nothing = LexIndex::open(vec![OwnedBytes::new(nothing)]).unwrap();
    assert_eq!((nothing.document_count(), nothing.segment_count()), (0, 1));
    assert!(merge(&[], &|_| true, &|| {}).is_ok());
}

#[test]
fn merging_gives_the_bytes_of_building_at_once() {
    let words = ["running", "Runs", "café", "東京都", "ADR-17", "the"];
    let bodies: Vec<String> = (0..700)
        .map(|id| {
            let word = |step: usize| words[(id * step + step) % words.len()];
            format!(
                "{} {} word{} the {} the",
                word(1),
                word(5),
                id % 90,
                word(7)
            )
        })
        .collect();
    let tags: Vec<Vec<String>> = (0..5).map(|tag| vec![format!("t{tag}")]).collect();
    let uris: Vec<String> = (0..bodies.len())
        .map(|id| format!("u/{}", id * 31 % 400))
        .collect();
    let documents: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(id, body)| Document {
            title: if id % 3 == 0 { &bodies[id / 3] } else { "" },
            uri: &uris[id],
            tags: &tags[id % 5],
            timestamp: id as i64 * 60,
            boost: if id % 10 == 0 { 0.5 } else { 1.0 },
            ..document(id as u64, body)
        })
        .collect();
    let parts: Vec<_> = documents.chunks(150).map(segment).collect();
    let whole = segment(&documents);
    assert!(merge(&parts, &|_| true, &|| {}).unwrap() == whole.as_slice());
    // Dropping documents gives what building without them gives, but for the average lengths that weigh blocks.
    let kept: Vec<_> = documents
        .iter()
        .filter(|document| document.frame_id % 3 > 0)
        .copied()
        .collect();
    let dropped = merge(&parts, &|frame_id| frame_id % 3 > 0, &|| {}).unwrap();
    assert_eq!(dropped.len(), segment(&kept).len());
}

#[test]
fn an_empty_segment_is_valid() {
    let empty = OwnedBytes::new(SegmentBuilder::new(0).unwrap().finish().unwrap());
    let whole =
        LexIndex::open(vec![empty.clone(), segment(&[document(7, "word")]), empty]).unwrap();
    assert_eq!((whole.segment_count(), whole.document_count()), (3, 1));
    assert_eq!(
        frames(&search(&whole, &PendingIndex::new(), "word", 10)),
        [7]
    );
}

#[test]
fn builders_tell_when_their_budget_is_used() {
    let mut builder = SegmentBuilder::new(15_000_000).unwrap();
    assert!(!builder.is_full());
    let body: String = (0..40_000).map(|number| format!("w{number} ")).collect();
    let mut documents = 0;
    while !builder.is_full() && documents < 1_000 {
        builder.add(&document(documents, &body)).unwrap();
        documents += 1;
    }
    assert!(documents < 1_000 && builder.memory_usage() >= 15_000_000);
    assert_eq!(u64::from(builder.document_count()), documents);
}

#[test]
fn two_builders_run_on_two_threads() {
    let blobs: Vec<_> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..2_u64)
            .map(|half| {
                scope.spawn(move || {
                    let bodies: Vec<String> = (0..500)
                        .map(|id| format!("document {id} of {half}"))
                        .collect();
                    let documents: Vec<_> = (half * 500..)
                        .zip(&bodies)
                        .map(|(id, body)| document(id, body))
                        .collect();
                    segment(&documents)
                })
            })
            .collect();
        handles
            .into_iter()
            .map(|handle| handle.join().unwrap())
            .collect()
    });
    let whole = LexIndex::open(blobs).unwrap();
    assert_eq!(
        search(&whole, &PendingIndex::new(), "document", 10).total,
        1_000
    );
}

#[test]
fn snapshots_of_pending_documents_never_change() {
    let mut newest = PendingIndex::new();
    newest.add(&document(0, "alpha"));
    let snapshot = newest.clone();
    newest.add(&document(1, "alpha beta"));
    let empty = LexIndex::empty();
    assert_eq!(frames(&search(&empty, &snapshot, "alpha", 10)), [0]);
    assert_eq!(frames(&search(&empty, &snapshot, "beta", 10)), [0_u64; 0]);
    assert_eq!(frames(&search(&empty, &newest, "alpha", 10)), [0, 1]);
    // Going on from an old snapshot makes it a separate index.
    let mut branch = snapshot.clone();
    branch.add(&document(9, "alpha gamma"));
    assert_eq!(frames(&search(&empty, &branch, "alpha", 10)), [0, 9]);
    assert_eq!(frames(&search(&empty, &newest, "gamma", 10)), [0_u64; 0]);
    assert_eq!((snapshot.len(), newest.len(), branch.len()), (1, 2, 2));
}

#[test]
fn damage_names_the_segment_and_never_panics() {
    let bodies: Vec<String> = (0..300)
        .map(|id| format!("alpha beta word{id} café running 東京"))
        .collect();
    let documents: Vec<_> = (0..)
        .zip(&bodies)
        .map(|(id, body)| document(id, body))
        .collect();
    let good = segment(&documents);
    let query = Query::parse("alpha café run word7 \"alpha beta\" 東京 da*").unwrap();
    let look = |blob: Vec<u8>| -> Result<(), Error> {
        let whole = LexIndex::open(vec![good.clone(), OwnedBytes::new(blob)])?;
        let request = SearchRequest {
            query: &query,
            limit: 10,
            offset: 0,
            accept: None,
            explain: true,
        };
        Searcher::new(&whole, &PendingIndex::new()).search(&request)?;
        whole.verify()
    };
    let bytes = good.as_slice().to_vec();
    look(bytes.clone()).unwrap();
    let step = (bytes.len() / 400).max(1);
    for at in (0..bytes.len()).step_by(step).chain(0..200) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(
            matches!(look(damaged), Err(Error::CorruptSegment { segment: 1, .. })),
            "byte {at}"
        );
    }
    for length in (0..bytes.len()).step_by(step) {
        let cut = look(bytes[..length].to_vec());
        assert!(
            matches!(cut, Err(Error::CorruptSegment { segment: 1, .. })),
            "length {length}"
        );
    }
    let mut damaged = bytes;
    let last = damaged.len() - 9;
    damaged[last] ^= 0xff;
    assert!(matches!(
        merge(&[OwnedBytes::new(damaged)], &|_| true, &|| {}),
        Err(Error::CorruptSegment { segment: 0, .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_query_makes_a_search_panic(text in "\\PC{0,60}") {
        let documents = [document(0, "alpha beta ADR-17 東京 café"), document(1, "run running title")];
        let (whole, memory) = (index(&documents[..1]), pending(&documents[1..]));
        if let Ok(query) = Query::parse(&text) {
            let request = SearchRequest { query: &query, limit: 10, offset: 0, accept: None, explain: true };
            Searcher::new(&whole, &memory).search(&request).unwrap();
            lex::snippet(&query, "alpha beta ADR-17 東京 café", 20);
        }
    }
}
