//! Tree to what is looked up.

use super::lexer::FieldName;
use super::parser::Tree;
use super::stop::is_stop_word;
use super::{Node, Pair, Query, Term, date};
use crate::analyzer::{TokenKind, analyze, class_key};
use crate::schema::Keyword;

/// More different words are not looked up: such a query is a pasted document.
const MAX_SCORED_TERMS: usize = 64;
/// Words further apart in the query (function words lie between) are not looked for side by side.
const MAX_PAIR_GAP: u32 = 4;
/// Keeps words apart that an operator or quote separates.
const SEPARATION: u32 = 100;

/// A question with at least this many words beside its quotes quotes a name, it does not ask for a phrase.
const QUESTION_WORDS: usize = 3;

/// The query that `tree` stands for.
pub(super) fn of_tree(tree: &Tree<'_>) -> Query {
    let mut planner = Planner::default();
    planner.require(tree);
    planner.finish()
}

/// Whether `tree` is words and quotes only, with enough words to be a question in plain language.
pub(super) fn is_plain_question(tree: &Tree<'_>) -> bool {
    let Tree::Sequence(items) = tree else {
        return false;
    };
    let words = items
        .iter()
        .filter(|item| matches!(item, Tree::Word(_)))
        .count();
    words >= QUESTION_WORDS
        && items
            .iter()
            .all(|item| matches!(item, Tree::Word(_) | Tree::Phrase(_)))
}

/// The query of all words in `text`.
pub(super) fn of_words(text: &str) -> Query {
    let mut planner = Planner::default();
    planner.optional_word(text);
    planner.finish()
}

#[derive(Default)]
struct Planner {
    terms: Vec<Term>,
    /// Scored terms by their place in the query.
    places: Vec<(u32, usize)>,
    place: u32,
    any: Vec<usize>,
    must: Vec<Node>,
    must_not: Vec<Node>,
}

/// A term as the analysis found it.
struct Found {
    text: String,
    offset: u32,
    kind: TokenKind,
}

/// What to look up for `text`, and how many positions it takes.
fn look_up(text: &str) -> (Vec<Found>, u32) {
    let mut found: Vec<Found> = Vec::new();
    let mut length = 0;
    analyze(text, &mut |token| {
        length = token.position + 1;
        if token.kind != TokenKind::Single {
            found.push(Found {
                text: token.term.to_owned(),
                offset: token.position,
                kind: token.kind,
            });
        }
    });
    (found, length)
}

/// The text of `word*` before the star.
fn prefix_of(word: &str) -> Option<&str> {
    word.strip_suffix('*')
        .map(|word| word.trim_end_matches('*'))
}

impl Planner {
    /// Plans one side-by-side item at the top of the query.
    fn require(&mut self, tree: &Tree<'_>) {
        match tree {
            Tree::Word(word) => self.optional_word(word),
            Tree::Sequence(items) => items.iter().for_each(|item| self.require(item)),
            Tree::Any(branches) if branches.iter().all(is_optional) => {
                for branch in branches {
                    self.require(branch);
                    self.place += SEPARATION;
                }
            }
            Tree::All(items) => items.iter().for_each(|item| self.must(item)),
            Tree::Not(_) | Tree::Must(_) | Tree::Phrase(_) | Tree::Field { .. } | Tree::Any(_) => {
                self.must(tree)
            }
        }
    }

    fn must(&mut self, tree: &Tree<'_>) {
        match tree {
            Tree::Not(inside) => {
                let node = self.node(inside, false);
                if node != Node::Everything {
                    self.must_not.push(node);
                }
            }
            Tree::Must(inside) => self.must(inside),
            _ => {
                let node = self.node(tree, true);
                if node != Node::Everything {
                    self.must.push(node);
                }
            }
        }
        self.place += SEPARATION;
    }

    fn optional_word(&mut self, word: &str) {
        let (stem, prefix) = prefix_of(word).map_or((word, false), |stem| (stem, true));
        let (found, length) = look_up(stem);
        let count = found.len();
        for (index, found) in found.into_iter().enumerate() {
            let is_prefix = prefix && index + 1 == count;
            let place = (found.kind != TokenKind::Compound).then_some(self.place + found.offset);
            if let Some(id) = self.term(found.text, is_prefix, false, true, place)
                && !self.any.contains(&id)
            {
                self.any.push(id);
            }
        }
        self.place += length;
    }

    /// Registers a term, once for each way of looking it up.
    fn term(
        &mut self,
        text: String,
        prefix: bool,
        title_only: bool,
        scored: bool,
        place: Option<u32>,
    ) -> Option<usize> {
        let same = |term: &Term| {
            term.text == text && term.prefix == prefix && term.title_only == title_only
        };
        let id = match self.terms.iter().position(same) {
            Some(id) => id,
            None => {
                if scored
                    && self.terms.iter().filter(|term| term.scored).count() >= MAX_SCORED_TERMS
                {
                    return None;
                }
                let key = if prefix {
                    String::new()
                } else {
                    class_key(&text).into_owned()
                };
                let stop = !prefix && is_stop_word(&text);
                self.terms.push(Term {
                    text,
                    key,
                    prefix,
                    title_only,
                    scored: false,
                    stop,
                });
                self.terms.len() - 1
            }
        };
        if scored {
            self.terms[id].scored = true;
            self.places.extend(place.map(|place| (place, id)));
        }
        Some(id)
    }

    /// The condition that `tree` is, registering the terms it is scored by.
    fn node(&mut self, tree: &Tree<'_>, scored: bool) -> Node {
        match tree {
            Tree::Word(word) => self.word_node(word, false, scored),
            Tree::Phrase(text) => self.phrase_node(text, false, scored),
            Tree::Field {
                name,
                value,
                quoted,
            } => self.field_node(*name, value, *quoted, scored),
            Tree::Must(inside) => self.node(inside, scored),
            Tree::Not(inside) => Node::Not(Box::new(self.node(inside, false))),
            Tree::All(items) => {
                let nodes = items.iter().map(|item| self.node(item, scored));
                all(nodes.filter(|node| *node != Node::Everything).collect())
            }
            Tree::Any(items) => {
                let nodes: Vec<_> = items.iter().map(|item| self.node(item, scored)).collect();
                any(nodes
                    .into_iter()
                    .filter(|node| *node != Node::Everything)
                    .collect())
            }
            Tree::Sequence(items) => {
                let (words, rest): (Vec<_>, Vec<_>) =
                    items.iter().partition(|item| is_optional(item));
                let words: Vec<_> = words
                    .into_iter()
                    .map(|item| self.node(item, scored))
                    .collect();
                let rest: Vec<_> = rest
                    .into_iter()
                    .map(|item| self.node(item, scored))
                    .collect();
                let rest: Vec<_> = rest
                    .into_iter()
                    .filter(|node| *node != Node::Everything)
                    .collect();
                if rest.is_empty() {
                    any(words
                        .into_iter()
                        .filter(|node| *node != Node::Everything)
                        .collect())
                } else {
                    all(rest)
                }
            }
        }
    }

    fn word_node(&mut self, word: &str, title_only: bool, scored: bool) -> Node {
        let (stem, prefix) = prefix_of(word).map_or((word, false), |stem| (stem, true));
        let (found, length) = look_up(stem);
        let base = self.place;
        self.place += length;
        let count = found.len();
        let mut words = Vec::new();
        let mut ids = Vec::new();
        for (index, found) in found.into_iter().enumerate() {
            let is_prefix = prefix && index + 1 == count;
            let compound = found.kind == TokenKind::Compound;
            if !compound {
                words.push((found.offset, found.text.clone()));
            }
            let place = (!compound).then_some(base + found.offset);
            if let Some(id) = self.term(found.text, is_prefix, title_only, scored, place)
                && !compound
            {
                ids.push(id);
            }
        }
        match ids.as_slice() {
            [] => Node::Everything,
            [only] => Node::Term(*only),
            _ if prefix => all(ids.into_iter().map(Node::Term).collect()),
            _ => Node::Phrase { words, title_only },
        }
    }

    fn phrase_node(&mut self, text: &str, title_only: bool, scored: bool) -> Node {
        let (found, length) = look_up(text);
        let base = self.place + SEPARATION;
        self.place = base + length + SEPARATION;
        let mut words = Vec::new();
        for found in found {
            let compound = found.kind == TokenKind::Compound;
            let place = (!compound).then_some(base + found.offset);
            if scored {
                self.term(found.text.clone(), false, title_only, true, place);
            }
            if !compound {
                words.push((found.offset, found.text));
            }
        }
        if words.is_empty() {
            Node::Everything
        } else {
            Node::Phrase { words, title_only }
        }
    }

    fn field_node(&mut self, name: FieldName, value: &str, quoted: bool, scored: bool) -> Node {
        let field = match name {
            FieldName::Title if quoted => return self.phrase_node(value, true, scored),
            FieldName::Title => return self.word_node(value, true, scored),
            FieldName::Date => {
                return date::parse_range(value).map_or(Node::Everything, Node::Date);
            }
            FieldName::Uri | FieldName::Scope => Keyword::Uri,
            FieldName::Tag => Keyword::Tag,
            FieldName::Label => Keyword::Label,
            FieldName::Track => Keyword::Track,
            FieldName::Kind => Keyword::Kind,
        };
        if name == FieldName::Scope {
            return Node::KeywordPrefix {
                field,
                value: value.to_owned(),
            };
        }
        match prefix_of(value) {
            Some(prefix) if !quoted => Node::KeywordPrefix {
                field,
                value: prefix.to_owned(),
            },
            _ => Node::Keyword {
                field,
                value: value.to_owned(),
            },
        }
    }

    fn finish(mut self) -> Query {
        // Function words count only when there is nothing else.
        if self.terms.iter().any(|term| term.scored && !term.stop) {
            self.terms
                .iter_mut()
                .filter(|term| term.stop)
                .for_each(|term| term.scored = false);
            let terms = &self.terms;
            self.any.retain(|id| terms[*id].scored);
            self.places.retain(|(_, id)| terms[*id].scored);
        }
        self.places.sort_unstable();
        let mut pairs: Vec<Pair> = Vec::new();
        for window in self.places.windows(2) {
            let [(first_place, first), (second_place, second)] = *window else {
                continue;
            };
            let pair = Pair {
                first,
                second,
                gap: second_place - first_place,
            };
            if first != second && (1..=MAX_PAIR_GAP).contains(&pair.gap) && !pairs.contains(&pair) {
                pairs.push(pair);
            }
        }
        Query {
            terms: self.terms,
            pairs,
            any: self.any,
            must: self.must,
            must_not: self.must_not,
        }
    }
}

/// Words, or words side by side or joined by `OR`: nothing that a hit must hold.
fn is_optional(tree: &Tree<'_>) -> bool {
    match tree {
        Tree::Word(_) => true,
        Tree::Sequence(items) | Tree::Any(items) => items.iter().all(is_optional),
        Tree::Phrase(_) | Tree::Field { .. } | Tree::Must(_) | Tree::Not(_) | Tree::All(_) => false,
    }
}

fn all(mut nodes: Vec<Node>) -> Node {
    match nodes.len() {
        0 => Node::Everything,
        1 => nodes.swap_remove(0),
        _ => Node::All(nodes),
    }
}

fn any(mut nodes: Vec<Node>) -> Node {
    match nodes.len() {
        0 => Node::Everything,
        1 => nodes.swap_remove(0),
        _ => Node::Any(nodes),
    }
}
