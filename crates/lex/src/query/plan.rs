//! Tree to what is looked up.

use super::lexer::FieldName;
use super::parser::Tree;
use super::stop::is_stop_word;
use super::{Node, Query, Term, date};
use crate::analyzer::{TokenKind, analyze};
use crate::error::Result;
use crate::schema::Keyword;
use rustc_hash::{FxHashMap, FxHashSet};

/// Keeps words apart that an operator or quote separates.
const SEPARATION: u32 = 100;

/// A question with at least this many words beside its quotes quotes a name, it does not ask for a phrase.
const QUESTION_WORDS: usize = 3;

/// The query that `tree` stands for.
pub(super) fn of_tree(tree: &Tree<'_>) -> Result<Query> {
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
pub(super) fn of_words(text: &str) -> Result<Query> {
    let mut planner = Planner::default();
    planner.optional_word(text);
    planner.finish()
}

#[derive(Default)]
pub(super) struct Planner {
    pub terms: Vec<Term>,
    /// Ids by text, one for each way of looking it up.
    ids: FxHashMap<String, [Option<usize>; 4]>,
    /// Scored terms by their place in the query.
    pub places: Vec<(u32, usize)>,
    /// Terms that are written with a capital.
    pub names: Vec<usize>,
    place: u32,
    pub any: Vec<usize>,
    pub optional: FxHashSet<usize>,
    pub must: Vec<Node>,
    pub must_not: Vec<Node>,
    /// Inside of an operator: what it names must not be left out.
    required: bool,
}

/// A term as the analysis found it.
struct Found {
    text: String,
    offset: u32,
    kind: TokenKind,
    capital: bool,
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
                capital: text[token.start..].starts_with(char::is_uppercase),
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
                let outside = std::mem::replace(&mut self.required, true);
                for branch in branches {
                    self.require(branch);
                    self.skip(SEPARATION);
                }
                self.required = outside;
            }
            Tree::All(items) => items.iter().for_each(|item| self.must(item)),
            Tree::Not(_) | Tree::Must(_) | Tree::Phrase(_) | Tree::Field { .. } | Tree::Any(_) => {
                self.must(tree)
            }
        }
    }

    fn skip(&mut self, places: u32) {
        self.place = self.place.saturating_add(places);
    }

    fn must(&mut self, tree: &Tree<'_>) {
        let outside = std::mem::replace(&mut self.required, true);
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
        self.required = outside;
        self.skip(SEPARATION);
    }

    fn optional_word(&mut self, word: &str) {
        let (stem, prefix) = prefix_of(word).map_or((word, false), |stem| (stem, true));
        let (found, length) = look_up(stem);
        let count = found.len();
        for (index, found) in found.into_iter().enumerate() {
            let is_prefix = prefix && index + 1 == count;
            let place = (found.kind != TokenKind::Compound)
                .then_some(self.place.saturating_add(found.offset));
            let capital = found.capital && !is_prefix && found.kind != TokenKind::Compound;
            let id = self.term(found.text, is_prefix, false, true, place);
            if capital && !self.names.contains(&id) {
                self.names.push(id);
            }
            if self.optional.insert(id) {
                self.any.push(id);
            }
        }
        self.skip(length);
    }

    /// Registers a term, once for each way of looking it up.
    fn term(
        &mut self,
        text: String,
        prefix: bool,
        title_only: bool,
        scored: bool,
        place: Option<u32>,
    ) -> usize {
        let way = usize::from(prefix) + 2 * usize::from(title_only);
        let known = self.ids.get(&text).and_then(|ids| ids[way]);
        let id = known.unwrap_or_else(|| {
            let id = self.terms.len();
            self.ids.entry(text.clone()).or_default()[way] = Some(id);
            let stop = !prefix && is_stop_word(&text);
            self.terms.push(Term {
                text,
                // Made when it is known which terms are looked up: most words of a question are not.
                key: String::new(),
                prefix,
                title_only,
                scored: false,
                required: false,
                stop,
            });
            id
        });
        self.terms[id].required |= self.required;
        if scored {
            self.terms[id].scored = true;
            self.places.extend(place.map(|place| (place, id)));
        }
        id
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
        self.skip(length);
        let count = found.len();
        let mut words = Vec::new();
        let mut ids = Vec::new();
        for (index, found) in found.into_iter().enumerate() {
            let is_prefix = prefix && index + 1 == count;
            let compound = found.kind == TokenKind::Compound;
            if !compound {
                words.push((found.offset, found.text.clone()));
            }
            let place = (!compound).then_some(base.saturating_add(found.offset));
            let id = self.term(found.text, is_prefix, title_only, scored, place);
            if !compound {
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
        let base = self.place.saturating_add(SEPARATION);
        self.skip(length.saturating_add(2 * SEPARATION));
        let mut words = Vec::new();
        for found in found {
            let compound = found.kind == TokenKind::Compound;
            let place = (!compound).then_some(base.saturating_add(found.offset));
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
}

/// Words, or words side by side or joined by `OR`: nothing that a hit must hold.
fn is_optional(tree: &Tree<'_>) -> bool {
    match tree {
        Tree::Word(_) => true,
        Tree::Sequence(items) | Tree::Any(items) => items.iter().all(is_optional),
        Tree::Phrase(_) | Tree::Field { .. } | Tree::Must(_) | Tree::Not(_) | Tree::All(_) => false,
    }
}

fn all(nodes: Vec<Node>) -> Node {
    let mut nodes = without_repeats(nodes);
    match nodes.len() {
        0 => Node::Everything,
        1 => nodes.swap_remove(0),
        _ => Node::All(nodes),
    }
}

fn any(nodes: Vec<Node>) -> Node {
    let mut nodes = without_repeats(nodes);
    match nodes.len() {
        0 => Node::Everything,
        1 => nodes.swap_remove(0),
        _ => Node::Any(nodes),
    }
}

/// What is said twice is checked once.
pub(super) fn without_repeats(mut nodes: Vec<Node>) -> Vec<Node> {
    if nodes.len() > 1 {
        let mut seen = FxHashSet::default();
        nodes.retain(|node| seen.insert(node.clone()));
    }
    nodes
}
