//! Queries of many words, phrases and prefixes: nothing is left out silently, and all ways to run a query agree.

use crate::support::{document, frames, index, pending, search, segment};
use lex::{
    Document, Error, LexIndex, PendingIndex, Query, QueryPart, SearchRequest, SearchResult,
    Searcher,
};
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn joined(count: usize, by: &str, word: impl Fn(usize) -> String) -> String {
    (0..count).map(word).collect::<Vec<_>>().join(by)
}

/// Documents `beta0 tok`, `beta1 tok`, …
fn betas(count: usize) -> Vec<String> {
    (0..count).map(|id| format!("beta{id} tok")).collect()
}

fn documents(bodies: &[String]) -> Vec<Document<'_>> {
    (0..)
        .zip(bodies)
        .map(|(id, body)| document(id, body))
        .collect()
}

fn totals(result: &SearchResult) -> (usize, u64, bool) {
    (result.hits.len(), result.total, result.total_is_exact)
}

#[test]
fn a_prefix_matches_all_its_forms() {
    let bodies = betas(3_000);
    let documents = documents(&bodies);
    let half = LexIndex::open(vec![segment(&documents[..1_500])]).unwrap();
    for (whole, memory) in [
        (index(&documents), PendingIndex::new()),
        (LexIndex::empty(), pending(&documents)),
        (half, pending(&documents[1_500..])),
    ] {
        let find = |query: &str, limit| search(&whole, &memory, query, limit);
        assert_eq!(totals(&find("beta*", 10_000)), (3_000, 3_000, true));
        assert_eq!(totals(&find("beta*", 5)), (5, 3_000, true));
        assert_eq!(totals(&find("beta2*", 10_000)), (1_111, 1_111, true));
        assert_eq!(totals(&find("beta29* AND tok", 10)), (10, 111, true));
        assert_eq!(totals(&find("tok NOT beta*", 10)), (0, 0, true));
        assert_eq!(totals(&find("title:beta*", 10)), (0, 0, true));
        // The exact form weighs more than longer ones.
        assert_eq!(find("beta2*", 10).hits[0].frame_id, 2);
        let cost = Searcher::new(&whole, &memory).estimate_cost(&Query::parse("beta*").unwrap());
        assert_eq!(cost, 3_000);
    }
}

#[test]
fn a_large_prefix_scores_like_its_forms_one_by_one() {
    // 100 forms are looked up one by one; 100 more, each in a document of its own, and they are brought together.
    let bodies: Vec<String> = (0..400)
        .map(|id| format!("beta{} beta{} x{}", 100 + id % 100, 100 + id % 7, id % 50))
        .collect();
    let few = documents(&bodies);
    let more: Vec<String> = (0..100).map(|id| format!("beta{} y y", 200 + id)).collect();
    let many: Vec<Document<'_>> = few
        .iter()
        .copied()
        .chain((1_000..).zip(&more).map(|(id, body)| document(id, body)))
        .collect();
    let order = |documents: &[Document<'_>]| {
        let mut found = frames(&search(
            &index(documents),
            &PendingIndex::new(),
            "beta1*",
            1_000,
        ));
        found.retain(|frame_id| *frame_id < 1_000);
        found
    };
    let large = |documents: &[Document<'_>]| {
        let result = search(&index(documents), &PendingIndex::new(), "beta*", 1_000);
        assert_eq!(result.total, documents.len() as u64);
        let mut found = frames(&result);
        found.retain(|frame_id| *frame_id < 1_000);
        found
    };
    assert_eq!(order(&few), large(&many));
}

#[test]
fn operators_keep_all_their_branches() {
    let bodies = betas(3_000);
    let documents = documents(&bodies);
    let whole = index(&documents);
    let find = |query: &str| search(&whole, &PendingIndex::new(), query, 2_000);
    let any = joined(100, " OR ", |id| format!("beta{id}"));
    assert_eq!(totals(&find(&any)), (100, 100, true));
    let any = joined(1_000, " OR ", |id| format!("beta{id}"));
    assert_eq!(totals(&find(&any)), (1_000, 1_000, true));
    let none = joined(1_000, " -", |id| format!("beta{id}"));
    assert_eq!(totals(&find(&format!("tok -{none}"))), (2_000, 2_000, true));
    let words = joined(80, " ", |id| format!("tok{id}"));
    let whole = index(&[document(1, &words)]);
    let all = joined(80, " AND ", |id| format!("tok{id}"));
    let find = |query: &str| search(&whole, &PendingIndex::new(), query, 10);
    assert_eq!(totals(&find(&all)), (1, 1, true));
    assert_eq!(totals(&find(&format!("{all} AND absent123"))), (0, 0, true));
}

#[test]
fn of_too_many_words_the_rarest_are_kept_and_the_rest_is_told() {
    let bodies = betas(3_000);
    let documents = documents(&bodies);
    let whole = index(&documents);
    let find = |query: &str| search(&whole, &PendingIndex::new(), query, 4_000);
    // Words that do not occur take no room.
    let fillers = joined(5_000, " ", |id| format!("filler{id}"));
    for count in [70, 5_000] {
        let words = joined(count, " ", |id| format!("filler{id}"));
        let result = find(&format!("{words} beta2999"));
        assert_eq!(frames(&result), [2_999]);
        assert_eq!((totals(&result), result.warnings.len()), ((1, 1, true), 0));
    }
    let words = joined(1_023, " ", |id| format!("beta{id}"));
    let result = find(&format!("{words} tok {fillers}"));
    assert_eq!(
        (totals(&result), result.warnings.len()),
        ((3_000, 3_000, true), 0)
    );
    // `tok` is the most frequent word.
    let words = joined(1_030, " ", |id| format!("beta{id}"));
    let result = find(&format!("{words} tok"));
    assert_eq!(totals(&result), (1_024, 1_024, false));
    assert_eq!(
        result.warnings,
        [
            "The query has too many different words: the 1024 rarest that occur were searched for, the 7 most frequent \
             were left out."
        ]
    );
    let result = find(&format!("{words} +tok"));
    assert_eq!(totals(&result), (3_000, 3_000, true));
    assert_eq!(result.warnings.len(), 1);
}

#[test]
fn long_queries_take_time_in_proportion() {
    let bodies = betas(3_000);
    let documents = documents(&bodies);
    let whole = index(&documents);
    let phrase = format!("\"{}\"", joined(50_000, " ", |_| "alpha".to_owned()));
    let start = Instant::now();
    assert!(matches!(
        Query::parse(&phrase),
        Err(Error::QueryTooLong {
            part: QueryPart::PhraseWords,
            terms: 50_000,
            limit: 64,
        })
    ));
    let text = joined(50_000, " ", |id| format!("beta{id}"));
    assert_eq!(
        search(&whole, &PendingIndex::new(), &text, 10).hits.len(),
        10
    );
    let query = Query::parse(&text).unwrap();
    assert!(lex::snippet(&query, &joined(20_000, " ", |id| format!("b{id}")), 100).matches == 0);
    // Seconds, where squares would take minutes; unoptimised and on a busy machine.
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn plans_are_as_good_as_searches_and_never_wrong() {
    let bodies = betas(3_000);
    let documents = documents(&bodies);
    let whole = index(&documents);
    let mut memory = pending(&[document(5_000, "beta7 pending")]);
    let found = |searcher: Searcher<'_>, plan: &lex::Plan, query: &Query| {
        let request = SearchRequest {
            query,
            limit: 10_000,
            offset: 0,
            accept: None,
            explain: false,
        };
        let (planned, plain) = (searcher.run(plan, &request), searcher.search(&request));
        let pairs = |result: SearchResult| {
            let hits = result.hits.iter();
            hits.map(|hit| (hit.frame_id, hit.score.to_bits()))
                .collect::<Vec<_>>()
        };
        let planned = pairs(planned.unwrap());
        assert_eq!(planned, pairs(plain.unwrap()));
        planned.len()
    };
    for (text, count) in [("beta7 pending", 2), ("beta*", 3_001), ("beta7 AND tok", 1)] {
        let query = Query::parse(text).unwrap();
        let plan = Searcher::new(&whole, &memory).plan(&query).unwrap();
        let plan = std::thread::spawn(move || plan).join().unwrap();
        assert_eq!(found(Searcher::new(&whole, &memory), &plan, &query), count);
        // Another state and another query: looked up anew.
        let empty = PendingIndex::new();
        let without = if text == "beta7 AND tok" {
            1
        } else {
            count - 1
        };
        assert_eq!(found(Searcher::new(&whole, &empty), &plan, &query), without);
        let other = Query::parse("pending").unwrap();
        assert_eq!(found(Searcher::new(&whole, &memory), &plan, &other), 1);
    }
    let query = Query::parse("pending").unwrap();
    let plan = Searcher::new(&whole, &memory).plan(&query).unwrap();
    memory.add(&document(5_001, "pending too"));
    assert_eq!(found(Searcher::new(&whole, &memory), &plan, &query), 2);
}

/// Hits with their scores, and the total.
fn outcome(documents: &[Document<'_>], query: &str, limit: usize) -> (Vec<(u64, u32, u32)>, u64) {
    let result = search(&index(documents), &PendingIndex::new(), query, limit);
    let hits = result.hits.iter();
    let hits = hits.map(|hit| (hit.frame_id, hit.score.to_bits(), hit.matches));
    (hits.collect(), result.total)
}

/// With a filter that all documents pass, every document is looked at: the plainest way to search.
fn agree(bodies: &[String], query: &str, limit: usize) {
    let documents: Vec<_> = (0..)
        .zip(bodies)
        .map(|(id, body)| Document {
            kind: Some("any"),
            title: if id % 9 == 0 { "a b" } else { "" },
            boost: if id % 40 == 3 { 1.5 } else { 1.0 },
            ..document(id, body)
        })
        .collect();
    let (plain, plain_total) = outcome(&documents, &format!("({query}) AND kind:any"), limit);
    let (ranked, total) = outcome(&documents, query, limit);
    assert_eq!(ranked, plain, "{query}");
    assert!(total <= plain_total);
}

#[test]
fn leaving_documents_out_finds_what_looking_at_all_finds() {
    // 6 words in most of 6000 documents: more postings than are counted.
    let mut state = 7_u32;
    let mut letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'a' + (state >> 24) as u8 % 9)
    };
    let bodies: Vec<String> = (0..6_000)
        .map(|id| (0..id % 17 + 4).flat_map(|_| [letter(), ' ']).collect())
        .collect();
    for query in ["b c d e f g", "b d", "c f h b g d e"] {
        for limit in [1, 10, 100] {
            agree(&bodies, query, limit);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn scoring_word_by_word_finds_what_looking_at_all_finds(
        bodies in prop::collection::vec("([b-h] ){1,14}", 1..300), query in "([b-h] ){2,6}", limit in 1_usize..20,
    ) {
        agree(&bodies, &query, limit);
    }
}
