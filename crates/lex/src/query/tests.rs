#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::error::QueryPart;
use proptest::prelude::*;

/// A short form of what a query looks up: `any | must | !must_not`.
fn shape(text: &str) -> String {
    let query = Query::parse(text).unwrap();
    let name = |id: &usize| {
        let term = &query.terms[*id];
        format!(
            "{}{}{}",
            if term.title_only { "title:" } else { "" },
            term.text,
            if term.prefix { "*" } else { "" }
        )
    };
    let any = query.any.iter().map(name).collect::<Vec<_>>().join(" ");
    let nodes = |nodes: &[Node]| {
        nodes
            .iter()
            .map(|node| describe(node, &name))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let mut shape = any;
    if !query.must.is_empty() {
        shape = format!("{shape} | {}", nodes(&query.must));
    }
    if !query.must_not.is_empty() {
        shape = format!("{shape} ! {}", nodes(&query.must_not));
    }
    shape.trim().to_owned()
}

fn describe(node: &Node, name: &dyn Fn(&usize) -> String) -> String {
    let join = |nodes: &[Node], by: &str| {
        format!(
            "({})",
            nodes
                .iter()
                .map(|node| describe(node, name))
                .collect::<Vec<_>>()
                .join(by)
        )
    };
    match node {
        Node::Term(id) => name(id),
        Node::Phrase { words, title_only } => {
            let words = words
                .iter()
                .map(|(offset, word)| format!("{word}@{offset}"))
                .collect::<Vec<_>>()
                .join(" ");
            format!("{}\"{words}\"", if *title_only { "title:" } else { "" })
        }
        Node::Keyword { field, value } => format!("{field:?}={value}"),
        Node::KeywordPrefix { field, value } => format!("{field:?}^{value}"),
        Node::UriPrefix(prefix) => format!("Uri^{prefix}"),
        Node::Date(range) => format!("{range:?}"),
        Node::All(nodes) => join(nodes, " & "),
        Node::Any(nodes) => join(nodes, " / "),
        Node::Not(node) => format!("!{}", describe(node, name)),
        Node::Everything => "*".to_owned(),
    }
}

#[test]
fn queries_mean_what_people_expect() {
    let table = [
        ("cats", "cats"),
        ("What database are we using?", "database using"),
        ("the of and", "the of and"),
        ("to be or not to be", "to be or not"),
        ("red and blue or green", "red blue green"),
        ("red AND blue", "| red blue"),
        ("red OR blue", "red blue"),
        ("red NOT blue", "red ! blue"),
        ("red -blue", "red ! blue"),
        ("minus -5 degrees - yes", "minus 5 degrees yes"),
        ("+red blue", "blue | red"),
        ("c++ c# 1+1", "c 1"),
        ("red AND (blue OR green)", "| red (blue / green)"),
        ("(red OR blue) green", "red blue green"),
        ("(red AND blue) OR green", "| ((red & blue) / green)"),
        ("red AND NOT blue", "| red ! blue"),
        ("NOT blue", "! blue"),
        ("\"red fox\"", "| \"red@0 fox@1\""),
        ("“red fox”", "| \"red@0 fox@1\""),
        (
            "\"state of the art\" review",
            "review | \"state@0 of@1 the@2 art@3\"",
        ),
        ("title:fox tail", "tail | title:fox"),
        ("title:\"red fox\"", "| title:\"red@0 fox@1\""),
        ("tag:ADR", "| Tag=ADR"),
        ("TAG:adr fox", "fox | Tag=adr"),
        ("label:\"two words\"", "| Label=two words"),
        ("uri:mv2://a/b", "| Uri=mv2://a/b"),
        ("uri:mv2://a/*", "| Uri^mv2://a/"),
        ("scope:mv2://a/", "| Uri^mv2://a/"),
        ("kind:note track:main", "| Kind=note Track=main"),
        ("date:[1970-01-01 TO 1970-01-02]", "| 0..=172799"),
        ("date:1970", "| 0..=31535999"),
        ("date:tomorrow", "date tomorrow"),
        ("date:[soon TO later] fox", "date soon later fox"),
        ("foo:bar", "foo bar"),
        ("tag:", "tag"),
        ("auth*", "auth*"),
        ("ADR-17", "adr17 adr 17"),
        ("NOT ADR-17", "! \"adr@0 17@1\""),
        ("東京都", "東京 京都"),
        ("水", "水"),
        ("\"東京都\"", "| \"東京@0 京都@1\""),
        ("fox fox FOX", "fox"),
        (
            "Did she like the song \"Four Seasons\"?",
            "like song four seasons",
        ),
        ("\"red fox\"?", "| \"red@0 fox@1\""),
        // Syntax errors are plain words.
        ("foo AND (bar", "foo bar"),
        ("foo AND", "foo"),
        ("OR foo", "foo"),
        ("foo) bar", "foo bar"),
        ("\"foo bar", "foo bar"),
        ("say \"tag:x", "say tag x"),
    ];
    for (text, expected) in table {
        assert_eq!(shape(text), expected, "{text}");
    }
}

#[test]
fn queries_without_words_are_empty() {
    for text in [
        "",
        "   ",
        "?!",
        "AND",
        "NOT ()",
        "OR OR",
        "\"\"",
        "-",
        "*",
        "( )",
        "\"...\" AND ()",
        "&& ||",
    ] {
        assert!(
            matches!(Query::parse(text), Err(Error::EmptyQuery)),
            "{text:?} {:?}",
            Query::parse(text)
        );
    }
}

#[test]
fn pairs_bridge_function_words() {
    let query = Query::parse("state of the art database").unwrap();
    let pairs: Vec<_> = query
        .pairs
        .iter()
        .map(|pair| {
            (
                query.terms[pair.first].text.as_str(),
                query.terms[pair.second].text.as_str(),
                pair.gap,
            )
        })
        .collect();
    assert_eq!(pairs, [("state", "art", 3), ("art", "database", 1)]);
}

fn too_long(text: &str) -> (QueryPart, usize, usize) {
    match Query::parse(text) {
        Err(Error::QueryTooLong { part, terms, limit }) => (part, terms, limit),
        other => panic!("{other:?}"),
    }
}

fn joined(count: usize, by: &str, word: impl Fn(usize) -> String) -> String {
    (0..count).map(word).collect::<Vec<_>>().join(by)
}

#[test]
fn pasted_documents_keep_all_their_words() {
    let text = joined(10_000, " ", |number| format!("word{number}"));
    assert_eq!(Query::parse(&text).unwrap().terms().len(), 10_000);
    let query = Query::parse(&format!("{text} \"red fox\" tag:x")).unwrap();
    assert_eq!((query.terms().len(), query.must.len()), (10_002, 2));
}

#[test]
fn what_operators_name_is_limited_and_never_dropped() {
    for by in [" OR ", " AND ", " -", " +"] {
        let text = joined(1_024, by, |number| format!("x{number}"));
        let query = Query::parse(&text).unwrap();
        assert_eq!(
            query.any.len() + query.must.len() + query.must_not.len(),
            1_024,
            "{by}"
        );
        let text = joined(1_100, by, |number| format!("x{number}"));
        let first = usize::from(by == " -" || by == " +");
        assert_eq!(
            too_long(&text),
            (QueryPart::Terms, 1_100 - first, 1_024),
            "{by}"
        );
    }
    let tags = joined(1_025, " OR ", |number| format!("tag:x{number}"));
    assert_eq!(too_long(&tags), (QueryPart::Terms, 1_025, 1_024));
    let stars = joined(65, " ", |number| format!("x{number}*"));
    assert_eq!(too_long(&stars), (QueryPart::Prefixes, 65, 64));
    // What is said twice counts once.
    let same = joined(50_000, " AND ", |_| "same".to_owned());
    assert_eq!(Query::parse(&same).unwrap().must.len(), 1);
    let same = joined(50_000, " OR ", |number| {
        format!("(red AND x{})", number % 3)
    });
    assert_eq!(shape(&same), "| ((red & x0) / (red & x1) / (red & x2))");
}

#[test]
fn phrases_are_limited() {
    let phrase = |count: usize| format!("\"{}\"", joined(count, " ", |_| "alpha".to_owned()));
    assert!(Query::parse(&phrase(64)).is_ok());
    assert_eq!(too_long(&phrase(65)), (QueryPart::PhraseWords, 65, 64));
    assert_eq!(
        too_long(&phrase(50_000)),
        (QueryPart::PhraseWords, 50_000, 64)
    );
    let identifier = joined(65, "-", |_| "a".to_owned());
    let text = format!("red NOT {identifier}");
    assert_eq!(too_long(&text), (QueryPart::PhraseWords, 65, 64));
    let text = format!("title:{}", phrase(65));
    assert_eq!(too_long(&text), (QueryPart::PhraseWords, 65, 64));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,80}") {
        let _ = Query::parse(&text);
    }

    #[test]
    fn no_arrangement_of_operators_makes_the_parser_panic(
        parts in prop::collection::vec(prop::sample::select(vec![
            "AND", "OR", "NOT", "(", ")", "\"", "“", "”", "+", "-", "tag:", "date:[", "date:[1 TO", "]", "a", "東京", "*", "b*",
            "title:\"x", "scope:m", " ", " ", "é", ":", "「", "」", "&&", "-(", "+\"",
        ]), 0..24)
    ) {
        let _ = Query::parse(&parts.concat());
        let _ = Query::parse(&parts.join(" "));
    }
}
