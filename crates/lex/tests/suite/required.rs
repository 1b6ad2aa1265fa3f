//! Searches for required words, phrases and conditions in many documents, against looking at all of them.

use crate::support::{document, frames, pending, segment};
use lex::{
    Condition, Document, Keyword, LexIndex, PendingIndex, Query, SearchRequest, SearchResult,
    Searcher,
};

const DOCUMENTS: u64 = 60_000;

/// Documents in which some words are in most and others in few, in two segments and a little pending.
fn store() -> (LexIndex, PendingIndex) {
    let mut state = 1_u64;
    let mut random = move |bound: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let bodies: Vec<String> = (0..DOCUMENTS)
        .map(|id| {
            let words = 1 + random(9);
            let mut body = String::new();
            for _ in 0..words {
                let common = ["alpha ", "beta ", "gamma ", "delta "];
                body.push_str(common[random(4) as usize]);
            }
            if id % 37 == 0 {
                body.push_str("rare beta ");
            }
            body
        })
        .collect();
    let documents: Vec<Document<'_>> = (0..)
        .zip(&bodies)
        .map(|(id, body)| Document {
            title: if id % 50 == 1 { "beta alpha" } else { "" },
            track: Some(if id % 25 == 3 { "few" } else { "most" }),
            timestamp: id as i64,
            boost: if id % 20_011 == 7 { 3.0 } else { 1.0 },
            ..document(id, body)
        })
        .collect();
    let segments = vec![
        segment(&documents[..35_000]),
        segment(&documents[35_000..59_000]),
    ];
    let pending = pending(&documents[59_000..]);
    (LexIndex::open(segments).unwrap(), pending)
}

fn find(
    (index, pending): &(LexIndex, PendingIndex),
    query: &Query,
    limit: usize,
    accept: Option<&(dyn Fn(u64) -> bool + Sync)>,
) -> SearchResult {
    let request = SearchRequest {
        query,
        limit,
        offset: 0,
        accept,
        explain: false,
    };
    Searcher::new(index, pending).search(&request).unwrap()
}

#[test]
fn the_best_are_found_without_counting_all() {
    let store = store();
    let track = |value: &str| Condition::Keyword {
        field: Keyword::Track,
        values: vec![value.to_owned()],
    };
    let odd = |frame: u64| frame % 2 == 1;
    let all = |_: u64| true;
    let accepts: [Option<&(dyn Fn(u64) -> bool + Sync)>; 3] = [None, Some(&all), Some(&odd)];
    let mut bounded = 0;
    for text in [
        "alpha AND beta",
        "alpha AND beta AND gamma",
        "\"alpha beta\"",
        "\"alpha beta gamma\" delta",
        "\"rare beta\"",
        "\"beta rare\" OR \"rare alpha\"",
        "rare AND beta",
        "title:beta alpha",
        "+alpha beta -gamma",
        "alpha AND (beta OR rare)",
        "\"beta alpha\" AND bet*",
        "alpha",
    ] {
        let plain = Query::parse(text).unwrap();
        let dates = Condition::Dates(5_000..=50_000);
        for query in [
            plain.clone(),
            plain.clone().require([track("few")]),
            plain.require([track("most"), dates]),
        ] {
            for accept in accepts {
                // With room for everything nothing can be left out.
                let whole = find(&store, &query, DOCUMENTS as usize, accept);
                for limit in [1, 10] {
                    let some = find(&store, &query, limit, accept);
                    let expected = &frames(&whole)[..limit.min(whole.hits.len())];
                    assert_eq!(frames(&some), expected, "{query:?}");
                    let scores = some.hits.iter().zip(&whole.hits);
                    for (hit, expected) in scores {
                        assert!((hit.score - expected.score).abs() < 1e-4, "{query:?}");
                        assert_eq!(hit.matches, expected.matches, "{query:?}");
                    }
                    let count = whole.hits.len() as u64;
                    assert!(some.total <= count && some.total >= some.hits.len() as u64);
                    assert!(!some.total_is_exact || some.total == count, "{query:?}");
                    bounded += u32::from(!some.total_is_exact);
                }
            }
        }
    }
    assert!(bounded > 50, "only {bounded} searches were bounded");
}

#[test]
fn totals_of_required_words_are_exact_up_to_the_documented_bound() {
    let store = store();
    let total = |text: &str| {
        let result = find(&store, &Query::parse(text).unwrap(), 10, None);
        (result.total, result.total_is_exact)
    };
    let rare = DOCUMENTS.div_ceil(37);
    assert_eq!(total("\"rare beta\""), (rare, true));
    assert_eq!(total("rare AND beta"), (rare, true));
    assert_eq!(total("track:few"), (DOCUMENTS / 25, true));
    let (lowest, exact) = total("alpha AND beta");
    assert!(!exact && lowest == 20_000, "{lowest}");
    assert!(!total("\"alpha beta\"").1);
}
