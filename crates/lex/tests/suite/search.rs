//! Filters, operators, ranking, paging and explanations.

use crate::support::{document, find, find_in, frames, index, pending, search, segment};
use lex::{Document, LexIndex, PendingIndex, Query, SearchRequest, Searcher};
use proptest::prelude::*;

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[test]
fn filters_match_whole_values_regardless_of_case() {
    let (foxes, adr, two) = (
        strings(&["foxes"]),
        strings(&["ADR", "zoo"]),
        strings(&["Two Words"]),
    );
    let documents = [
        Document {
            tags: &foxes,
            uri: "mv2://Docs/a",
            kind: Some("note"),
            timestamp: 1_704_067_200,
            ..document(0, "alpha")
        },
        Document {
            tags: &adr,
            uri: "mv2://Docs/b",
            track: Some("Main"),
            timestamp: 1_709_251_199,
            ..document(1, "alpha beta")
        },
        Document {
            labels: &two,
            uri: "file:///c",
            kind: Some("Note"),
            timestamp: 1_709_251_200,
            ..document(2, "beta")
        },
    ];
    let table: &[(&str, &[u64])] = &[
        ("tag:foxes", &[0]),
        ("tag:FOXES", &[0]),
        ("tag:fox", &[]),
        ("tag:adr", &[1]),
        ("tag:zoo", &[1]),
        ("label:\"two words\"", &[2]),
        ("label:two", &[]),
        ("track:main", &[1]),
        ("kind:note", &[0, 2]),
        ("uri:mv2://docs/A", &[0]),
        ("uri:mv2://docs", &[]),
        ("scope:mv2://docs/", &[0, 1]),
        ("scope:nowhere", &[]),
        ("uri:mv2://docs/*", &[0, 1]),
        ("date:[2024-01-01 TO 2024-02-29]", &[0, 1]),
        ("date:[2024-02-29 TO *]", &[1, 2]),
        ("date:2024-02", &[1]),
        ("date:[* TO 2024-01]", &[0]),
        ("date:2024", &[0, 1, 2]),
        ("date:[2024-03-01T00:00:00Z TO *]", &[2]),
        ("alpha tag:adr", &[1]),
        ("beta kind:note", &[2]),
        ("alpha date:2024-02", &[1]),
        ("alpha NOT tag:adr", &[0]),
        ("NOT tag:adr", &[0, 2]),
        ("tag:adr OR kind:note", &[0, 1, 2]),
        ("gamma tag:adr", &[]),
        ("kind:note -beta", &[0]),
        ("(tag:foxes OR tag:zoo) AND beta", &[1]),
    ];
    let whole = index(&documents);
    let memory = pending(&documents);
    for (query, expected) in table {
        let mut found = frames(&search(&whole, &PendingIndex::new(), query, 10));
        found.sort_unstable();
        assert_eq!(found, *expected, "{query}");
        let mut found = frames(&search(&LexIndex::empty(), &memory, query, 10));
        found.sort_unstable();
        assert_eq!(found, *expected, "{query} in memory");
    }
}

#[test]
fn filters_alone_score_alike_in_order_of_frame_id() {
    let tags = strings(&["x"]);
    let documents: Vec<_> = [5, 3, 9, 1]
        .map(|id| Document {
            tags: &tags,
            ..document(id, "text")
        })
        .to_vec();
    let result = search(&index(&documents), &PendingIndex::new(), "tag:x", 3);
    assert_eq!(frames(&result), [1, 3, 5]);
    assert_eq!((result.total, result.total_is_exact), (4, true));
    assert!(result.hits.iter().all(|hit| hit.score == 1.0));
}

#[test]
fn operators_and_phrases() {
    let texts = [
        "red fox jumps",
        "red dog",
        "fox red",
        "blue fox",
        "the quick red fox",
    ];
    let table: &[(&str, &[u64])] = &[
        ("red AND fox", &[0, 2, 4]),
        ("red NOT fox", &[1]),
        ("\"red fox\"", &[0, 4]),
        ("\"fox red\"", &[2]),
        ("blue OR dog", &[1, 3]),
        ("+blue fox", &[3]),
        ("fox AND (blue OR quick)", &[3, 4]),
        ("fo*", &[0, 2, 3, 4]),
        ("f* AND b*", &[3]),
        ("\"red fox\" NOT quick", &[0]),
        ("\"quick fox\"", &[]),
        ("(red AND dog) OR blue", &[1, 3]),
        ("foo AND (fox", &[0, 2, 3, 4]),
        ("red AND NOT (fox OR cat)", &[1]),
    ];
    for (query, expected) in table {
        let mut found = find_in(&texts, query);
        found.sort_unstable();
        assert_eq!(found, *expected, "{query}");
    }
}

#[test]
fn conditions_that_do_not_parse_are_told() {
    let texts = ["budget draft", "budget final", "lunch draft"];
    let bodies: Vec<_> = (0..)
        .zip(texts)
        .map(|(id, text)| document(id, text))
        .collect();
    let whole = index(&bodies);
    let warnings = |query: &str| {
        search(&whole, &PendingIndex::new(), query, 10)
            .warnings
            .len()
    };
    for query in [
        "budget AND NOT (draft",
        "budget AND AND draft",
        "budget NOT \"draft",
        "budget AND (draft OR)",
        "\"budget draft\" AND (",
        "\"budget draft",
        "tag:red (budget",
        "budget tag:\"red",
        "budget -draft )",
        "budget date:[2023",
    ] {
        assert_eq!(warnings(query), 1, "{query}");
    }
    // Words, and signs that people use in sentences.
    for query in [
        "budget AND NOT draft",
        "the budget (draft",
        "draft :)",
        "a 5\" budget",
        "budget - draft",
        "budget draft?",
    ] {
        assert_eq!(warnings(query), 0, "{query}");
    }
}

#[test]
fn more_matching_words_rank_higher_and_neighbours_rank_highest() {
    let texts = [
        "alpha alpha alpha alpha",
        "alpha and then beta too",
        "alpha beta only here now",
        "gamma words without either",
    ];
    assert_eq!(find_in(&texts, "alpha beta"), [2, 1, 0]);
}

#[test]
fn a_name_is_looked_for_among_those_who_speak() {
    let texts = [
        "Nobody told Caroline about the harbour",
        "Caroline: the harbour froze in those days",
        "Melanie: Caroline likes the harbour",
        "Caroline: good morning",
    ];
    assert_eq!(
        find_in(&texts, "What did Caroline say of the harbour?")[0],
        1
    );
    // Without its capital it is a word like others, and the shortest document is the best.
    assert_eq!(find_in(&texts, "caroline harbour")[0], 2);
    // Who speaks does not make a document a hit.
    assert_eq!(find_in(&texts, "+harbour Caroline").len(), 3);
}

#[test]
fn documents_of_the_time_that_is_asked_about_are_preferred() {
    const DAY: i64 = 86_400;
    // 2023-05-01, -08, -31; 2023-06-08; 2022-05-08.
    let first_of_may = 1_682_899_200;
    let times = [
        first_of_may,
        first_of_may + 7 * DAY,
        first_of_may + 30 * DAY,
        first_of_may + 38 * DAY,
        first_of_may - 358 * DAY,
    ];
    let documents: Vec<_> = (0..)
        .zip(times)
        .map(|(id, timestamp)| Document {
            timestamp,
            ..document(id, "we saw the harbour")
        })
        .collect();
    for (whole, memory) in [
        (index(&documents), PendingIndex::new()),
        (LexIndex::empty(), pending(&documents)),
    ] {
        for (query, expected) in [
            ("the harbour on 8 May 2023", vec![1, 0, 2, 3, 4]),
            ("the harbour in May", vec![0, 1, 2, 4, 3]),
            ("harbour 2023-06-08", vec![3, 0, 1, 2, 4]),
            ("the harbour", vec![0, 1, 2, 3, 4]),
            ("may harbour", vec![0, 1, 2, 3, 4]),
        ] {
            let query = Query::parse(query).unwrap();
            let request = SearchRequest {
                query: &query,
                limit: 10,
                offset: 0,
                accept: None,
                explain: false,
            };
            let result = Searcher::new(&whole, &memory).search(&request).unwrap();
            let ids: Vec<u64> = result.hits.iter().map(|hit| hit.frame_id).collect();
            assert_eq!(ids, expected, "{query:?}");
        }
        // A month alone is a word: documents of May that do not hold it are no hits.
        let query = Query::parse("in May").unwrap();
        let request = SearchRequest {
            query: &query,
            limit: 10,
            offset: 0,
            accept: None,
            explain: false,
        };
        let result = Searcher::new(&whole, &memory).search(&request).unwrap();
        assert!(result.hits.is_empty());
    }
}

#[test]
fn the_best_of_many_are_those_of_the_time_and_the_speaker() {
    // So many that most of them are never looked at: bounds must know what names and dates add.
    let texts: Vec<String> = (0..30_000)
        .map(|id| match id {
            29_000 => "Caroline: alpha and more and more words that make it long".to_owned(),
            _ => format!("alpha number n{id} beside Caroline"),
        })
        .collect();
    let documents: Vec<_> = (0..)
        .zip(&texts)
        .map(|(id, text)| Document {
            timestamp: if id == 28_000 { 1_683_504_000 } else { 0 },
            ..document(id, text)
        })
        .collect();
    let whole = index(&documents);
    let memory = PendingIndex::new();
    for (query, expected) in [
        ("Caroline alpha", 29_000),
        ("alpha on 8 May 2023", 28_000),
        ("Caroline alpha number on 8 May 2023", 28_000),
    ] {
        let query = Query::parse(query).unwrap();
        let request = SearchRequest {
            query: &query,
            limit: 1,
            offset: 0,
            accept: None,
            explain: false,
        };
        let result = Searcher::new(&whole, &memory).search(&request).unwrap();
        assert_eq!(result.hits[0].frame_id, expected, "{query:?}");
    }
}

#[test]
fn corrections_outrank_equal_documents_even_among_many() {
    let mut documents: Vec<_> = (0..5_000)
        .map(|id| document(id, "the capital is Paris and more words here"))
        .collect();
    documents[4_321].boost = 2.0;
    documents[17].boost = 0.5;
    let found = find(&documents, "capital paris");
    assert_eq!(found[..3], [4_321, 0, 1]);
    assert!(!found.contains(&17));
    assert_eq!(find(&documents, "capital AND paris")[0], 4_321);
    let memory = search(&LexIndex::empty(), &pending(&documents), "capital paris", 2);
    assert_eq!(frames(&memory), [4_321, 0]);
}

#[test]
fn pages_neither_repeat_nor_lose_equal_scores() {
    let bodies: Vec<String> = (0..700)
        .map(|id| format!("same words {}", if id % 3 == 0 { "again" } else { "" }))
        .collect();
    let documents: Vec<_> = (0..)
        .zip(&bodies)
        .map(|(id, body)| document(id, body))
        .collect();
    let whole = LexIndex::open(vec![
        segment(&documents[..300]),
        segment(&documents[300..500]),
    ])
    .unwrap();
    let memory = pending(&documents[500..]);
    for text in ["same again", "same", "same AND words"] {
        let query = Query::parse(text).unwrap();
        let searcher = Searcher::new(&whole, &memory);
        let page = |offset, limit| {
            let request = SearchRequest {
                query: &query,
                limit,
                offset,
                accept: None,
                explain: false,
            };
            frames(&searcher.search(&request).unwrap())
        };
        let all = page(0, 1_000);
        assert_eq!(all.len(), 700);
        let paged: Vec<_> = (0..100).flat_map(|number| page(number * 7, 7)).collect();
        assert_eq!(paged, all, "{text}");
        assert!(
            page(700, 10).is_empty() && page(usize::MAX, 10).is_empty() && page(0, 0).is_empty()
        );
    }
}

#[test]
fn only_accepted_frames_are_found_and_counted() {
    let bodies: Vec<String> = (0..3_000)
        .map(|id| format!("common word{} text", id % 7))
        .collect();
    let documents: Vec<_> = (0..)
        .zip(&bodies)
        .map(|(id, body)| document(id, body))
        .collect();
    let whole = index(&documents);
    let query = Query::parse("common word3").unwrap();
    let accept = |frame_id: u64| frame_id >= 2_990;
    let request = SearchRequest {
        query: &query,
        limit: 20,
        offset: 0,
        accept: Some(&accept),
        explain: false,
    };
    let result = Searcher::new(&whole, &PendingIndex::new())
        .search(&request)
        .unwrap();
    assert_eq!(
        (result.hits.len(), result.total, result.total_is_exact),
        (10, 10, true)
    );
    assert_eq!(result.hits[0].frame_id % 7, 3);
}

#[test]
fn totals_of_ranked_words_are_exact_up_to_the_documented_bound() {
    let documents: Vec<_> = (0..30_000)
        .map(|id| document(id, if id < 5_000 { "few many" } else { "many" }))
        .collect();
    let whole = index(&documents);
    let result = search(&whole, &PendingIndex::new(), "few", 10);
    assert_eq!((result.total, result.total_is_exact), (5_000, true));
    let result = search(&whole, &PendingIndex::new(), "few many", 10);
    assert_eq!((result.total, result.total_is_exact), (30_000, false));
    assert_eq!(
        Searcher::new(&whole, &PendingIndex::new())
            .estimate_cost(&Query::parse("few many").unwrap()),
        35_000
    );
}

#[test]
fn explanations_add_up_to_the_score() {
    let texts = ["alpha beta alphas", "alpha gamma"];
    let documents = [
        Document {
            title: "Alpha beta",
            boost: 2.0,
            ..document(0, texts[0])
        },
        document(1, texts[1]),
    ];
    let query = Query::parse("alpha beta").unwrap();
    let request = SearchRequest {
        query: &query,
        limit: 10,
        offset: 0,
        accept: None,
        explain: true,
    };
    for (whole, memory) in [
        (index(&documents), PendingIndex::new()),
        (LexIndex::empty(), pending(&documents)),
    ] {
        let result = Searcher::new(&whole, &memory).search(&request).unwrap();
        let first = result.hits[0].explain.as_ref().unwrap();
        let fields: Vec<_> = first
            .terms
            .iter()
            .map(|term| (term.field, term.term.as_str()))
            .collect();
        assert_eq!(
            fields,
            [
                ("title", "alpha"),
                ("body", "alpha"),
                ("body", "alphas"),
                ("title", "beta"),
                ("body", "beta")
            ]
        );
        assert_eq!(first.boost, 2.0);
        assert!(first.phrase > 0.0 && first.coordination > 0.0);
        for hit in &result.hits {
            let parts = hit.explain.as_ref().unwrap();
            let sum: f32 = parts.terms.iter().map(|term| term.score).sum();
            let bonus = parts.phrase + parts.speaker + parts.date;
            let sum = (sum + parts.coordination + bonus) * parts.boost;
            assert!((sum - hit.score).abs() < 1e-4, "{sum} {hit:?}");
        }
        assert_eq!(result.hits[0].matches, 2);
    }
}

#[test]
fn an_empty_index_answers_with_nothing() {
    for query in ["word", "tag:x", "NOT word", "\"a phrase\""] {
        let result = search(&LexIndex::empty(), &PendingIndex::new(), query, 10);
        assert_eq!(
            (result.hits.len(), result.total, result.total_is_exact),
            (0, 0, true),
            "{query}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn pruned_search_finds_what_a_full_scan_finds(
        bodies in prop::collection::vec("([a-h] ){1,12}", 1..400), words in "([a-h] ){1,5}", limit in 1_usize..20,
    ) {
        let documents: Vec<_> = (0..).zip(&bodies).map(|(id, body)| document(id, body)).collect();
        let whole = index(&documents);
        let all = search(&whole, &PendingIndex::new(), &words, bodies.len());
        let some = search(&whole, &PendingIndex::new(), &words, limit);
        prop_assert_eq!(&frames(&all)[..some.hits.len()], frames(&some));
        prop_assert_eq!(some.hits.len(), limit.min(all.hits.len()));
        prop_assert_eq!(all.total as usize, all.hits.len());
    }
}

#[test]
fn function_words_are_searched_for_when_no_other_word_is_found() {
    let documents = [
        document(1, "The cat sat on the mat."),
        document(2, "What is it about dogs?"),
        document(3, "Nothing else."),
    ];
    let index = index(&documents);
    let none = PendingIndex::new();
    let found = search(&index, &none, "what is a zebra", 10);
    assert_eq!(frames(&found), [2]);
    assert_eq!(found.warnings.len(), 1, "{:?}", found.warnings);
    assert!(found.total_is_exact && found.total == 1);
    // The conditions of the query hold for them as well.
    assert!(frames(&search(&index, &none, "what is a zebra -dogs", 10)).is_empty());
    assert!(frames(&search(&index, &none, "the zebra tag:x", 10)).is_empty());
    // What is required stays required, and a word that occurs is enough.
    assert!(frames(&search(&index, &none, "the +zebra", 10)).is_empty());
    let found = search(&index, &none, "the dogs", 10);
    assert_eq!((frames(&found), found.warnings.len()), (vec![2], 0));
    assert!(frames(&search(&index, &none, "zebra", 10)).is_empty());
    let query = Query::words("what is a zebra").unwrap().without_fallback();
    let request = SearchRequest {
        query: &query,
        limit: 10,
        offset: 0,
        accept: None,
        explain: false,
    };
    let found = Searcher::new(&index, &none).search(&request).unwrap();
    assert!(found.hits.is_empty() && found.warnings.is_empty());
}

#[test]
fn function_words_are_searched_for_among_the_accepted_documents() {
    let documents = [document(1, "the zebra"), document(2, "the cat")];
    let index = index(&documents);
    let query = Query::parse("the zebra").unwrap();
    let request = SearchRequest {
        query: &query,
        limit: 10,
        offset: 0,
        accept: Some(&|frame| frame == 2),
        explain: true,
    };
    let found = Searcher::new(&index, &PendingIndex::new())
        .search(&request)
        .unwrap();
    assert_eq!(frames(&found), [2]);
    let parts = found.hits[0].explain.as_ref().unwrap();
    assert_eq!(parts.terms[0].term, "the");
}
