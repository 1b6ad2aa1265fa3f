//! Conditions nested at random, against looking at every document.

use crate::support::{document, frames, pending, segment};
use lex::{Document, LexIndex, Query, SearchRequest, Searcher};
use proptest::prelude::*;

const WORDS: [&str; 5] = ["alpha", "bravo", "charlie", "delta", "echo"];
const TRACKS: [&str; 2] = ["left", "right"];

/// What a document consists of here: the numbers of its words, and of its track.
type Words = (Vec<usize>, usize);

#[derive(Clone, Debug)]
enum Tree {
    Word(usize),
    Pair(usize, usize),
    Track(usize),
    And(Box<Tree>, Box<Tree>),
    Or(Box<Tree>, Box<Tree>),
    Not(Box<Tree>),
}

impl Tree {
    fn query(&self) -> String {
        match self {
            Self::Word(word) => WORDS[*word].to_owned(),
            Self::Pair(first, second) => format!("\"{} {}\"", WORDS[*first], WORDS[*second]),
            Self::Track(track) => format!("track:{}", TRACKS[*track]),
            Self::And(left, right) => format!("({} AND {})", left.query(), right.query()),
            Self::Or(left, right) => format!("({} OR {})", left.query(), right.query()),
            Self::Not(inside) => format!("(NOT {})", inside.query()),
        }
    }

    fn holds(&self, (words, track): &Words) -> bool {
        let document = (words.clone(), *track);
        match self {
            Self::Word(word) => words.contains(word),
            Self::Pair(first, second) => words.windows(2).any(|pair| pair == [*first, *second]),
            Self::Track(wanted) => track == wanted,
            Self::And(left, right) => left.holds(&document) && right.holds(&document),
            Self::Or(left, right) => left.holds(&document) || right.holds(&document),
            Self::Not(inside) => !inside.holds(&document),
        }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        4 => (0..WORDS.len()).prop_map(Tree::Word),
        2 => (0..WORDS.len(), 0..WORDS.len()).prop_map(|(first, second)| Tree::Pair(first, second)),
        1 => (0..TRACKS.len()).prop_map(Tree::Track),
    ];
    leaf.prop_recursive(4, 12, 2, |inside| {
        let two = (inside.clone(), inside.clone());
        prop_oneof![
            two.clone()
                .prop_map(|(left, right)| Tree::And(left.into(), right.into())),
            two.prop_map(|(left, right)| Tree::Or(left.into(), right.into())),
            inside.prop_map(|inside| Tree::Not(inside.into())),
        ]
    })
}

fn documents() -> impl Strategy<Value = Vec<Words>> {
    let words = prop::collection::vec(0..WORDS.len(), 1..5);
    prop::collection::vec((words, 0..TRACKS.len()), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn nested_conditions_hold_of_each_document_that_is_found_and_of_no_other(
        given in documents(), tree in tree(), parts in (0_usize..60, 0_usize..60), limit in 1_usize..8,
    ) {
        let bodies: Vec<String> = given
            .iter()
            .map(|(words, _)| words.iter().map(|word| WORDS[*word]).collect::<Vec<_>>().join(" "))
            .collect();
        let documents: Vec<Document<'_>> = (0..)
            .zip(bodies.iter().zip(&given))
            .map(|(id, (body, (_, track)))| Document { track: Some(TRACKS[*track]), ..document(id, body) })
            .collect();
        // Two segments, and the rest pending.
        let first = parts.0.min(documents.len());
        let second = (first + parts.1).min(documents.len());
        let cut = [&documents[..first], &documents[first..second]];
        let segments = cut.into_iter().filter(|part| !part.is_empty()).map(segment).collect();
        let index = LexIndex::open(segments).unwrap();
        let rest = pending(&documents[second..]);
        let query = Query::parse(&tree.query()).unwrap();
        let find = |limit: usize, offset: usize| {
            let request = SearchRequest { query: &query, limit, offset, accept: None, explain: false };
            Searcher::new(&index, &rest).search(&request).unwrap()
        };
        let expected: Vec<u64> = (0..).zip(&given).filter(|(_, words)| tree.holds(words)).map(|(id, _)| id).collect();
        let all = find(documents.len(), 0);
        let mut found = frames(&all);
        found.sort_unstable();
        prop_assert_eq!(&found, &expected, "{}", tree.query());
        prop_assert_eq!((all.total as usize, all.total_is_exact), (expected.len(), true));
        // A page is a part of the whole.
        for offset in [0, limit] {
            let page = frames(&find(limit, offset));
            let whole = frames(&all);
            let place = offset.min(whole.len())..(offset + limit).min(whole.len());
            prop_assert_eq!(&page, &whole[place]);
        }
    }
}

#[test]
fn a_negation_within_alternatives_leaves_out_what_it_was_asked_for_before() {
    let texts = ["alpha bravo juliet", "bravo juliet", "bravo"];
    let table: &[(&str, &[u64])] = &[
        ("juliet AND NOT bravo", &[]),
        ("alpha OR (juliet AND NOT bravo)", &[0]),
        ("alpha OR NOT bravo", &[0]),
        ("alpha OR (juliet -bravo)", &[0]),
        ("(alpha AND juliet) OR (juliet AND NOT bravo)", &[0]),
    ];
    for (query, expected) in table {
        let mut found = crate::support::find_in(&texts, query);
        found.sort_unstable();
        assert_eq!(found, *expected, "{query}");
    }
}
