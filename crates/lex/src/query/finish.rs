//! From what was planned to the query: limits, words that do not count, words side by side.

use super::plan::{Planner, without_repeats};
use super::{MAX_PHRASE_WORDS, MAX_PREFIXES, MAX_TERMS, Node, Pair, Query, Term};
use crate::analyzer::class_key;
use crate::error::{Error, QueryPart, Result};
use rustc_hash::FxHashSet;

/// Words further apart in the query (function words lie between) are not looked for side by side.
const MAX_PAIR_GAP: u32 = 4;
/// Words side by side that count, from the beginning of the query: each is looked at for every good document.
const MAX_PAIRS: usize = 1_024;

impl Planner {
    /// The query, unless it asks for more than can be looked up.
    pub(super) fn finish(mut self) -> Result<Query> {
        // Function words count only when there is nothing else.
        let mut left_out = Vec::new();
        if self.terms.iter().any(|term| term.scored && !term.stop) {
            let mut dropped = self.places.clone();
            dropped.retain(|(_, id)| self.terms[*id].stop && self.optional.contains(id));
            dropped.sort_unstable();
            left_out.extend(
                dropped
                    .into_iter()
                    .map(|(place, id)| (place, self.terms[id].text.clone())),
            );
            self.terms
                .iter_mut()
                .filter(|term| term.stop)
                .for_each(|term| term.scored = false);
            let terms = &self.terms;
            self.any.retain(|id| terms[*id].scored);
            self.places.retain(|(_, id)| terms[*id].scored);
        }
        let mut query = Query {
            pairs: pairs(self.places),
            names: {
                let terms = &self.terms;
                let scored = self.names.into_iter().filter(|id| terms[*id].scored);
                scored.collect()
            },
            moments: Vec::new(),
            any: self.any,
            must: without_repeats(self.must),
            must_not: without_repeats(self.must_not),
            terms: self.terms,
            left_out,
            is_misread: false,
        };
        query.drop_unused_terms();
        for term in query.terms.iter_mut().filter(|term| !term.prefix) {
            term.key = class_key(&term.text).into_owned();
        }
        query.check_limits()?;
        Ok(query)
    }
}

/// Different terms that follow each other closely.
pub(super) fn pairs(mut places: Vec<(u32, usize)>) -> Vec<Pair> {
    places.sort_unstable();
    let mut seen = FxHashSet::default();
    let mut pairs = Vec::new();
    for window in places.windows(2) {
        let [(first_place, first), (second_place, second)] = *window else {
            continue;
        };
        let pair = Pair {
            first,
            second,
            gap: second_place - first_place,
        };
        if first != second && (1..=MAX_PAIR_GAP).contains(&pair.gap) && seen.insert(pair) {
            pairs.push(pair);
            if pairs.len() == MAX_PAIRS {
                break;
            }
        }
    }
    pairs
}

impl Query {
    /// Function words that do not count, and parts that are looked for as a phrase only, need not be looked up.
    fn drop_unused_terms(&mut self) {
        let mut used: Vec<bool> = self.terms.iter().map(|term| term.scored).collect();
        for id in &self.any {
            used[*id] = true;
        }
        let nodes = self.must.iter().chain(&self.must_not);
        nodes.for_each(|node| {
            node.visit(&mut |leaf| {
                if let Node::Term(id) = leaf {
                    used[*id] = true;
                }
            })
        });
        let mut count = 0;
        let new_ids: Vec<usize> = used
            .iter()
            .map(|used| {
                count += usize::from(*used);
                count.wrapping_sub(1)
            })
            .collect();
        let mut index = 0;
        self.terms.retain(|_| {
            index += 1;
            used[index - 1]
        });
        self.any.iter_mut().for_each(|id| *id = new_ids[*id]);
        self.names.retain(|id| used[*id]);
        self.names.iter_mut().for_each(|id| *id = new_ids[*id]);
        for pair in &mut self.pairs {
            pair.first = new_ids[pair.first];
            pair.second = new_ids[pair.second];
        }
        let nodes = self.must.iter_mut().chain(&mut self.must_not);
        nodes.for_each(|node| node.renumber(&new_ids));
    }

    fn check_limits(&self) -> Result<()> {
        let named = |id: &&usize| self.terms.get(**id).is_some_and(|term| term.required);
        let mut terms = self.any.iter().filter(named).count();
        let mut phrase_words = 0;
        let nodes = self.must.iter().chain(&self.must_not);
        nodes.for_each(|node| {
            node.visit(&mut |leaf| match leaf {
                Node::Phrase { words, .. } => {
                    terms += words.len();
                    phrase_words = phrase_words.max(words.len());
                }
                _ => terms += 1,
            })
        });
        let prefixes = self.terms.iter().filter(|term: &&Term| term.prefix).count();
        for (part, terms, limit) in [
            (QueryPart::PhraseWords, phrase_words, MAX_PHRASE_WORDS),
            (QueryPart::Prefixes, prefixes, MAX_PREFIXES),
            (QueryPart::Terms, terms, MAX_TERMS),
        ] {
            if terms > limit {
                return Err(Error::QueryTooLong { part, terms, limit });
            }
        }
        Ok(())
    }
}

impl Node {
    /// Calls `found` with everything in it that is no operator.
    fn visit(&self, found: &mut dyn FnMut(&Self)) {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().for_each(|node| node.visit(found)),
            Self::Not(node) => node.visit(found),
            leaf => found(leaf),
        }
    }

    fn renumber(&mut self, new_ids: &[usize]) {
        match self {
            Self::Term(id) => *id = new_ids[*id],
            Self::All(nodes) | Self::Any(nodes) => {
                nodes.iter_mut().for_each(|node| node.renumber(new_ids));
            }
            Self::Not(node) => node.renumber(new_ids),
            _ => {}
        }
    }
}
