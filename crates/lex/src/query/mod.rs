//! The query language: text to what is looked up.

mod condition;
mod date;
mod finish;
mod lexer;
mod moments;
mod parser;
mod plan;
mod stop;

use crate::analyzer::class_key;
use crate::error::{Error, Result};
use crate::schema::Keyword;
use std::ops::RangeInclusive;

pub use condition::Condition;
pub(crate) use moments::{Moment, Nearness};

/// Words and values that one query may look up. Ranked words past it are left out, and that is told; others fail.
pub(crate) const MAX_TERMS: usize = 1_024;
/// Words of one phrase: checking takes their number times their occurrences.
const MAX_PHRASE_WORDS: usize = 64;
/// Words with a star: each may hold a list of all documents while a search runs.
const MAX_PREFIXES: usize = 64;

/// A parsed query. See [`Query::parse`] for the language.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Everything that is looked up in texts.
    pub(crate) terms: Vec<Term>,
    /// Scored terms that follow each other in the query.
    pub(crate) pairs: Vec<Pair>,
    /// Terms of which a hit must hold one, unless `must` names text.
    pub(crate) any: Vec<usize>,
    pub(crate) must: Vec<Node>,
    pub(crate) must_not: Vec<Node>,
    /// Scored terms that are names: written with a capital.
    pub(crate) names: Vec<usize>,
    /// What it says about when.
    pub(crate) moments: Vec<Moment>,
    /// Function words that are left out because there are others, with their places in the query.
    pub(crate) left_out: Vec<(u32, String)>,
    /// Whether it has operators, phrases or fields that count as words, because it does not parse.
    pub(crate) is_misread: bool,
}

/// A word (or part, or pair of characters) that is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Term {
    /// The exact form.
    pub text: String,
    /// The key of its class; empty for a prefix.
    pub key: String,
    /// Look up everything that begins with `text`.
    pub prefix: bool,
    /// Only in the title.
    pub title_only: bool,
    /// Adds to the score.
    pub scored: bool,
    /// An operator, quote or field names it: it is never left out.
    pub required: bool,
    /// An English function word.
    pub stop: bool,
}

/// Two scored terms and how far the second stands behind the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Pair {
    pub first: usize,
    pub second: usize,
    pub gap: u32,
}

/// A condition on documents.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    /// Holds any form of a term (index into [`Query::terms`]).
    Term(usize),
    /// Holds the words at these distances from the first one. Accents may differ, endings may not.
    Phrase {
        words: Vec<(u32, String)>,
        title_only: bool,
    },
    Keyword {
        field: Keyword,
        value: String,
    },
    KeywordPrefix {
        field: Keyword,
        value: String,
    },
    /// The uri begins so, unless too many do: then every document fulfils it.
    UriPrefix(String),
    Date(RangeInclusive<i64>),
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Everything,
}

impl Node {
    /// Whether it looks at texts, not only at keywords and dates.
    pub(crate) fn is_text(&self) -> bool {
        match self {
            Self::Term(_) | Self::Phrase { .. } => true,
            Self::Keyword { .. }
            | Self::KeywordPrefix { .. }
            | Self::UriPrefix(_)
            | Self::Date(_)
            | Self::Everything => false,
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().any(Self::is_text),
            Self::Not(node) => node.is_text(),
        }
    }
}

impl Query {
    /// Parses a query as people type it.
    ///
    /// - bare words: any may match, more matching words rank higher; English function words count only when alone, or
    ///   when no document that is asked for holds any of the other words
    /// - `"a phrase"`, `title:word`, `+word`: required
    /// - `AND`, `OR`, `NOT` (upper case), `-word`, parentheses; `AND` binds closer than words side by side, those closer
    ///   than `OR`
    /// - `uri:` `tag:` `label:` `track:` `kind:` match a whole value, `scope:` the beginning of the uri, regardless of
    ///   case, with `"…"` for values with spaces
    /// - `date:[a TO b]` or `date:a`: RFC 3339, day, month, year or `*`; the last day (month, year) counts in full
    /// - `word*`: all words that begin so
    ///
    /// A question in plain words that ends in `?` may quote names: its quotes do not make them required.
    ///
    /// A syntax error never fails: the text is then taken as plain words, and where it has more than those, the result of a
    /// search says so.
    ///
    /// Fails with [`Error::EmptyQuery`] when nothing in it can be looked up, and with [`Error::QueryTooLong`] when
    /// operators, quotes and fields name more than 1,024 different words and values, a phrase has more than 64 words, or
    /// more than 64 words end in a star. Of plain words there may be any number.
    ///
    /// ```
    /// assert!(lex::Query::parse("which database (do we use").is_ok());
    /// assert!(matches!(lex::Query::parse("NOT ()"), Err(lex::Error::EmptyQuery)));
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        let lexed = lexer::lex(text);
        let whole = lexed.is_whole.then_some(&lexed.symbols);
        let tree = whole.and_then(|symbols| parser::parse(symbols));
        let is_misread = tree.is_none() && lexed.has_conditions;
        let query = match tree {
            Some(tree) if text.trim_end().ends_with('?') && plan::is_plain_question(&tree) => {
                Some(plan::of_words(text)?)
            }
            Some(tree) => Some(plan::of_tree(&tree)?),
            None => None,
        };
        match query {
            Some(query) if !query.is_empty() => Ok(query.with_moments(text)),
            // Upper-case operators are no words, whatever they were meant to do.
            _ => Ok(Self {
                is_misread,
                ..Self::words(&without_operators(text))?
            }),
        }
    }

    /// Takes `text` as plain words, without operators: for questions.
    ///
    /// Fails with [`Error::EmptyQuery`] when there is no word in it.
    pub fn words(text: &str) -> Result<Self> {
        let query = plan::of_words(text)?;
        if query.is_empty() {
            Err(Error::EmptyQuery)
        } else {
            Ok(query.with_moments(text))
        }
    }

    fn with_moments(mut self, text: &str) -> Self {
        self.moments = moments::named(text);
        self
    }

    /// The same query, to which nothing is the answer when no document holds any but its function words.
    #[must_use]
    pub fn without_fallback(mut self) -> Self {
        self.left_out.clear();
        self
    }

    /// What the query demands of every hit (phrases, fields, dates, operators), as a query that only filters. `None` when its
    /// words only rank.
    #[must_use]
    pub fn demands(&self) -> Option<Self> {
        if self.must.is_empty() && self.must_not.is_empty() {
            return None;
        }
        let mut query = Self {
            terms: self.terms.clone(),
            pairs: Vec::new(),
            any: Vec::new(),
            must: self.must.clone(),
            must_not: self.must_not.clone(),
            names: Vec::new(),
            moments: Vec::new(),
            left_out: Vec::new(),
            is_misread: false,
        };
        query.terms.iter_mut().for_each(|term| term.scored = false);
        if query.must.is_empty() {
            query.must.push(Node::Everything);
        }
        Some(query)
    }

    /// What to search for when nothing is found: the function words, under the same conditions.
    pub(crate) fn fallback(&self) -> Option<Self> {
        if self.left_out.is_empty() || self.any.is_empty() || self.must.iter().any(Node::is_text) {
            return None;
        }
        let mut query = self.clone().without_fallback();
        query.terms.iter_mut().for_each(|term| term.scored = false);
        let known = query.terms.len();
        let mut places = Vec::new();
        for (place, text) in &self.left_out {
            let repeated = query.terms[known..]
                .iter()
                .position(|term| term.text == *text);
            let id = repeated.map_or(query.terms.len(), |index| known + index);
            places.push((*place, id));
            if repeated.is_none() {
                query.terms.push(Term {
                    key: class_key(text).into_owned(),
                    text: text.clone(),
                    prefix: false,
                    title_only: false,
                    scored: true,
                    required: false,
                    stop: true,
                });
            }
        }
        query.any = (known..query.terms.len()).collect();
        query.pairs = finish::pairs(places);
        query.names.clear();
        Some(query)
    }

    /// The words that hits are ranked by, in their analysed form.
    pub fn terms(&self) -> Vec<String> {
        self.scored_terms()
            .map(|(_, term)| term.text.clone())
            .collect()
    }

    /// Whether the query only filters (`tag:x`): then all hits score alike and come in order of frame id.
    pub fn is_filter_only(&self) -> bool {
        self.scored_terms().next().is_none()
    }

    pub(crate) fn scored_terms(&self) -> impl Iterator<Item = (usize, &Term)> {
        self.terms
            .iter()
            .enumerate()
            .filter(|(_, term)| term.scored)
    }

    fn is_empty(&self) -> bool {
        self.any.is_empty() && self.must.is_empty() && self.must_not.is_empty()
    }
}

fn without_operators(text: &str) -> String {
    let is_operator = |word: &str| matches!(word, "AND" | "OR" | "NOT" | "&&" | "||");
    let symbols =
        text.split_inclusive(|character: char| !character.is_alphanumeric() && character != '\'');
    let words = symbols.filter(|symbol| {
        let word = symbol.trim_end_matches(|character: char| !character.is_alphanumeric());
        !is_operator(word)
    });
    words.collect()
}

#[cfg(test)]
mod tests;
