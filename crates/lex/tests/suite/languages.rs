//! What people find in texts of many languages.

use crate::support::{document, find, find_in};
use lex::Document;

#[test]
fn english_endings_are_found_both_ways_and_the_exact_form_wins() {
    let texts = [
        "He runs every day",
        "They were running late",
        "A run in the park",
        "Nothing of the kind",
    ];
    assert_eq!(find_in(&texts, "run")[0], 2);
    assert_eq!(find_in(&texts, "runs")[0], 0);
    assert_eq!(find_in(&texts, "running")[0], 1);
    for query in ["run", "runs", "running"] {
        let mut hits = find_in(&texts, query);
        hits.sort_unstable();
        assert_eq!(hits, [0, 1, 2], "{query}");
    }
}

#[test]
fn accents_are_optional_and_the_exact_form_wins() {
    let texts = [
        "Wir gehen ins cafe",
        "Wir gehen ins Café",
        "Die cafés sind zu",
        "tea house",
    ];
    assert_eq!(find_in(&texts, "café")[0], 1);
    assert_eq!(find_in(&texts, "cafe")[0], 0);
    assert_eq!(find_in(&texts, "CAFÉ").len(), 3);
    assert_eq!(find_in(&texts, "cafe\u{301}")[0], 1);
    assert_eq!(find_in(&texts, "\"ins cafe\""), [0, 1]);
}

#[test]
fn golden_queries_of_many_scripts() {
    let texts = [
        "东京是日本的首都。",                                       // 0 Chinese
        "東京都の人口は約1400万人です。カタカナも使います。",       // 1 Japanese
        "서울은 대한민국의 수도입니다. 데이터베이스를 사용합니다.", // 2 Korean
        "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย",                      // 3 Thai
        "القاهرة هي عاصمة مصر وأكبر مدنها.",                        // 4 Arabic
        "Москва — столица России. Ёлка стоит на площади.",          // 5 Russian
        "Η Αθήνα είναι η πρωτεύουσα της Ελλάδας.",                  // 6 Greek
        "Größe und Straße in Zürich",                               // 7 German
        "ירושלים היא עיר",                                          // 8 Hebrew
        "दिल्ली भारत की राजधानी है",                                  // 9 Hindi
    ];
    let table: &[(&str, u64)] = &[
        ("首都", 0),
        ("日本", 0),
        ("东", 0),
        ("日本的首都", 0),
        ("人口", 1),
        ("東京都", 1),
        ("カタカナ", 1),
        ("ｶﾀｶﾅ", 1),
        ("1400", 1),
        ("人口は", 1),
        ("서울", 2),
        ("데이터베이스", 2),
        ("수도", 2),
        ("เมืองหลวง", 3),
        ("ประเทศไทย", 3),
        ("กรุงเทพ", 3),
        ("القاهرة", 4),
        ("القاهره", 4),
        ("عاصمة", 4),
        ("واكبر", 4),
        ("Москва", 5),
        ("москва", 5),
        ("столица", 5),
        ("елка", 5),
        ("Αθήνα", 6),
        ("αθηνα", 6),
        ("ΑΘΗΝΑ", 6),
        ("Strasse", 7),
        ("straße", 7),
        ("STRASSE", 7),
        ("grosse", 7),
        ("zurich", 7),
        ("ירושלים", 8),
        ("भारत", 9),
        ("राजधानी", 9),
    ];
    for (query, expected) in table {
        assert_eq!(find_in(&texts, query).first(), Some(expected), "{query}");
    }
    assert_eq!(find_in(&texts, "\"日本的首都\""), [0]);
    assert_eq!(find_in(&texts, "\"首都日本\""), [0_u64; 0]);
    assert_eq!(find_in(&texts, "столица AND россии"), [5]);
}

#[test]
fn identifiers_are_found_whole_and_by_parts() {
    let texts = [
        "See ADR-17 for the decision",
        "17 cats and one adr",
        "Released v2.0.1 today",
        "call snake_case here",
        "the keyword3zz marker",
        "on 2024-05-01 we met",
        "IL6 levels rose",
        "deadbeef".repeat(40).leak(),
    ];
    let table: &[(&str, u64)] = &[
        ("ADR-17", 0),
        ("adr-17", 0),
        ("decision", 0),
        ("v2.0.1", 2),
        ("snake_case", 3),
        ("snake", 3),
        ("case", 3),
        ("keyword3zz", 4),
        ("2024-05-01", 5),
        ("2024", 5),
        ("IL-6", 6),
        ("il6", 6),
    ];
    for (query, expected) in table {
        assert_eq!(find_in(&texts, query).first(), Some(expected), "{query}");
    }
    assert_eq!(find_in(&texts, &"deadbeef".repeat(40)), [7]);
    assert_eq!(find_in(&texts, "deadbe*"), [7]);
    assert_eq!(find_in(&texts, "\"ADR-17\""), [0]);
}

#[test]
fn plain_questions_find_the_relevant_document() {
    let texts = [
        "We use PostgreSQL as our database since March.",
        "The cat sat on the mat.",
        "Lunch is at noon on Fridays.",
        "What are we doing here, and why are you using it?",
    ];
    assert_eq!(find_in(&texts, "What database are we using?")[0], 0);
    assert_eq!(find_in(&texts, "When is lunch?"), [2]);
    assert_eq!(find_in(&texts, "the"), [1]);
    assert_eq!(find_in(&texts, "\"on the mat\""), [1]);
}

#[test]
fn words_inside_other_words_do_not_match() {
    assert_eq!(find_in(&["concatenate", "cat"], "cat"), [1]);
}

#[test]
fn titles_weigh_more_than_bodies() {
    let filler = "some other words that make the body longer than the title is";
    let body = format!("{filler} fox {filler}");
    let documents = [
        Document {
            title: "Notes",
            ..document(0, &body)
        },
        Document {
            title: "Fox",
            ..document(1, filler)
        },
    ];
    assert_eq!(find(&documents, "fox"), [1, 0]);
    assert_eq!(find(&documents, "title:fox"), [1]);
    assert_eq!(find(&documents, "title:\"notes\""), [0]);
}
