#![allow(clippy::unwrap_used)]
use super::*;

fn terms(text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    analyze(text, &mut |token| {
        terms.push(format!("{}@{}", token.term, token.position))
    });
    terms
}

#[test]
fn words_are_lower_case_runs_of_letters_and_digits() {
    let table: &[(&str, &[&str])] = &[
        ("", &[]),
        ("--- ... !", &[]),
        ("Hello, World!", &["hello@0", "world@1"]),
        ("Straße ÀÉÎ", &["straße@0", "àéî@1"]),
        ("ﬁne ＡＢＣ", &["fine@0", "abc@1"]),
        ("Ελλάδα Москва", &["ελλάδα@0", "москва@1"]),
        ("e\u{301}te\u{301}", &["été@0"]),
        ("soft\u{AD}hyphen", &["softhyphen@0"]),
        ("keyword3zz", &["keyword3zz@0"]),
        ("x:y a/b", &["x@0", "y@1", "a@2", "b@3"]),
        ("İstanbul", &["i\u{307}stanbul@0"]),
    ];
    for (text, expected) in table {
        assert_eq!(terms(text), *expected, "{text}");
    }
}

#[test]
fn identifiers_are_found_whole_and_by_parts() {
    let table: &[(&str, &[&str])] = &[
        ("ADR-17", &["adr17@0", "adr@0", "17@1"]),
        ("v2.0.1", &["v2.0.1@0", "v2@0", "0@1", "1@2"]),
        ("snake_case", &["snakecase@0", "snake@0", "case@1"]),
        ("2024-05-01", &["2024-05-01@0", "2024@0", "05@1", "01@2"]),
        ("1,000,000", &["1000000@0", "1@0", "000@1", "000@2"]),
        ("3.5", &["3.5@0", "3@0", "5@1"]),
        ("well-known", &["well@0", "known@1"]),
        ("one,two", &["one@0", "two@1"]),
        ("end.Next", &["end@0", "next@1"]),
    ];
    for (text, expected) in table {
        assert_eq!(terms(text), *expected, "{text}");
    }
}

#[test]
fn apostrophes_join_and_separate_as_readers_expect() {
    let table: &[(&str, &[&str])] = &[
        ("Caroline's", &["caroline@0"]),
        ("Caroline’s", &["caroline@0"]),
        ("don't", &["dont@0"]),
        ("we'll they’re", &["we@0", "they@1"]),
        ("l'amour", &["l@0", "amour@1"]),
        ("O’Neill", &["o@0", "neill@1"]),
        ("'quoted'", &["quoted@0"]),
    ];
    for (text, expected) in table {
        assert_eq!(terms(text), *expected, "{text}");
    }
}

#[test]
fn scripts_without_spaces_are_singles_and_pairs() {
    assert_eq!(
        terms("東京都"),
        ["東@0", "東京@0", "京@1", "京都@1", "都@2"]
    );
    assert_eq!(terms("水"), ["水@0"]);
    assert_eq!(terms("ｱｲ"), ["ア@0", "アイ@0", "イ@1"]);
    assert_eq!(terms("ｶﾞ"), ["ガ@0"]);
    assert_eq!(
        terms("iPhone手机3"),
        ["iphone@0", "手@1", "手机@1", "机@2", "3@3"]
    );
    // A mark stays with its letter.
    assert_eq!(terms("ดีนี้"), ["ดี@0", "ดีนี้@0", "นี้@1"]);
    assert_eq!(terms("서울"), ["서@0", "서울@0", "울@1"]);
}

#[test]
fn offsets_point_at_the_source() {
    for text in ["Café — naïve ADR-17, 東京都 and ﬁne l'été", "a\u{301}b ｶﾞ x"] {
        let mut last = 0;
        analyze(text, &mut |token| {
            let source = text.get(token.start..token.end).unwrap();
            assert!(!source.is_empty() && token.start >= last, "{token:?}");
            if token.kind == TokenKind::Word && source.is_ascii() {
                assert_eq!(source.to_lowercase().replace('\'', ""), token.term);
            }
            last = if token.kind == TokenKind::Single {
                token.start
            } else {
                last
            };
        });
    }
}

#[test]
fn long_terms_are_bounded_and_distinct() {
    let (first, second) = ("a".repeat(5_000), format!("{}b", "a".repeat(4_999)));
    let (first, second) = (terms(&first), terms(&second));
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
    assert!(first[0].len() < MAX_TERM_BYTES);
    assert!(terms(&"字".repeat(100_000)).len() > 190_000);
}

#[test]
fn forms_of_one_word_share_a_key() {
    let table = [
        ("run", "runs"),
        ("run", "running"),
        ("database", "databases"),
        ("café", "cafe"),
        ("cafés", "cafe"),
        ("naïve", "naive"),
        ("straße", "strasse"),
        ("ёлка", "елка"),
        ("أحمد", "احمد"),
        ("łódź", "lodz"),
        ("sky", "skies"),
    ];
    for (left, right) in table {
        assert_eq!(class_key(left), class_key(right), "{left} {right}");
    }
    for (left, right) in [
        ("が", "か"),
        ("university", "universe2"),
        ("東京", "京東"),
        ("it", "its2"),
    ] {
        assert_ne!(class_key(left), class_key(right), "{left} {right}");
    }
}
