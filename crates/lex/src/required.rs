//! Finding the best documents of one shard that hold all of several frequent words.
//!
//! Like `scan`, window by window and word by word: where the words stand in many documents each, that is several times
//! faster than going from document to document. What words alone do not tell (phrases, keywords) is looked at only for
//! documents that hold them all and can still be hits.

use crate::collect::Best;
use crate::cursor::END;
use crate::error::Result;
use crate::groups::Groups;
use crate::matcher::Matcher;
use crate::query::Node;
use crate::shard::Handle;
use crate::shard_search::{Count, Effort, ShardSearch};
use crate::window::{Scored, WINDOW, Window};

/// A bit for each word.
const MAX_WORDS: usize = 64;
/// Words are frequent when the rarest has this share of the postings of all.
const DENSE_SHARE: u64 = 32;
/// At least so much is scored at once, even where blocks end sooner.
const MIN_WINDOW: u32 = 256;

impl<'a> ShardSearch<'_, 'a> {
    /// Finds the best documents that fulfil the conditions.
    pub(crate) fn required(&self, best: &mut Best, effort: &mut Effort) -> Result<Count> {
        let mut words = Vec::new();
        let mut rest = Vec::new();
        self.required_words(&self.query.must, &mut words, &mut rest);
        if !self.are_frequent(&words) {
            let conditions = self.matcher(&self.query.must)?;
            return self.filtered(best, conditions, false, effort);
        }
        let groups = self.groups()?;
        let required = groups
            .groups
            .iter()
            .enumerate()
            .filter(|(_, group)| words.contains(&group.term))
            .fold(0, |bits, (index, _)| bits | 1 << index);
        let rest = self.matcher(&rest)?;
        let scan = RequiredScan {
            cost: Effort::of(&rest, self.has_accept()),
            search: self,
            required,
            scores: vec![0.0; groups.groups.len()],
            groups,
            rest,
            excluded: self.excluded()?,
            count: Count {
                documents: 0,
                is_exact: true,
            },
        };
        Window::with(|window| scan.run(best, window, effort))
    }

    /// Collects the scored words that every document must hold that fulfils all `nodes`, and what else they ask for.
    fn required_words(&self, nodes: &[Node], words: &mut Vec<usize>, rest: &mut Vec<Node>) {
        for node in nodes {
            match node {
                Node::Term(id) if self.query.terms[*id].scored => words.push(*id),
                Node::All(nodes) => self.required_words(nodes, words, rest),
                Node::Phrase {
                    words: parts,
                    title_only,
                } => {
                    let is_part = |text: &str| parts.iter().any(|(_, part)| part == text);
                    let found = self.query.scored_terms().filter(|(_, term)| {
                        !term.prefix && (*title_only || !term.title_only) && is_part(&term.text)
                    });
                    words.extend(found.map(|(id, _)| id));
                    rest.push(node.clone());
                }
                _ => rest.push(node.clone()),
            }
        }
    }

    /// Whether going through all postings of the query's words is the fastest way to find `required` ones together.
    fn are_frequent(&self, required: &[usize]) -> bool {
        let frequency = |id: usize| -> u64 {
            let forms = self.resolved.get(id);
            let forms = forms.and_then(|term| term.forms.get(self.shard_index));
            let handles = forms
                .into_iter()
                .flat_map(|forms| forms.iter())
                .flat_map(|form| &form.handles);
            handles.flatten().map(Handle::document_frequency).sum()
        };
        let rarest = required.iter().map(|id| frequency(*id)).min().unwrap_or(0);
        let all = self.query.scored_terms().map(|(id, _)| frequency(id));
        let all: u64 = all.sum();
        self.query.scored_terms().count() <= MAX_WORDS
            && rarest > 0
            && all <= rarest.saturating_mul(DENSE_SHARE)
    }
}

/// One pass over a shard.
struct RequiredScan<'q, 's, 'a> {
    search: &'q ShardSearch<'s, 'a>,
    groups: Groups<'a>,
    /// A bit for each group that a document must hold.
    required: u64,
    /// What else a document must fulfil.
    rest: Matcher<'a>,
    excluded: Vec<Matcher<'a>>,
    /// What looking at one document takes.
    cost: u64,
    scores: Vec<f32>,
    count: Count,
}

impl RequiredScan<'_, '_, '_> {
    fn run(mut self, best: &mut Best, window: &mut Window, effort: &mut Effort) -> Result<Count> {
        let search = self.search;
        let mut found: Vec<Scored> = Vec::new();
        loop {
            let base = self.next_document();
            if base == END {
                return Ok(self.count);
            }
            let threshold = best.threshold();
            let counts = effort.is_left(self.cost);
            let mut end = base.saturating_add(WINDOW);
            if !counts {
                self.count.is_exact = false;
                let (last, bound) = self.groups.block_bound(base, &search.scoring);
                if bound < threshold && !search.holds_boosted(base, last) {
                    self.skip_to(last + 1);
                    continue;
                }
                end = end.min(last.saturating_add(1).max(base + MIN_WINDOW));
            }
            window.start(base);
            for (index, group) in self.groups.groups.iter_mut().enumerate() {
                group.seek(base);
                group.accumulate(window, end, 1 << index, &search.scoring);
            }
            let (required, bonus_bound) = (self.required, self.groups.bonus_bound);
            let boosts = !search.scoring.shard.boosted().is_empty();
            window.take(|scored| {
                if scored.present & required == required
                    && (counts || boosts || scored.sum as f32 + bonus_bound >= threshold)
                {
                    found.push(scored);
                }
            });
            for scored in found.drain(..) {
                self.look_at(best, scored, effort)?;
            }
        }
    }

    /// The first document from which on all required words may stand together, or [`END`].
    fn next_document(&mut self) -> u32 {
        let mut document = 0;
        'candidates: loop {
            for (index, group) in self.groups.groups.iter_mut().enumerate() {
                if self.required >> index & 1 == 1 {
                    let found = group.seek(document);
                    if found == END {
                        return END;
                    }
                    if found > document {
                        document = found;
                        continue 'candidates;
                    }
                }
            }
            return document;
        }
    }

    fn skip_to(&mut self, document: u32) {
        for group in &mut self.groups.groups {
            group.seek(document);
        }
    }

    /// Counts a document that holds all required words, and keeps it if it is a hit.
    fn look_at(&mut self, best: &mut Best, scored: Scored, effort: &mut Effort) -> Result<()> {
        let (search, document) = (self.search, scored.document);
        let counts = effort.spend(self.cost);
        self.count.is_exact &= counts;
        for (index, score) in self.scores.iter_mut().enumerate() {
            *score = f32::from((scored.present >> index & 1) as u8);
        }
        let boost = search.boost(document);
        let sum = scored.sum as f32;
        let is_good = (sum + self.groups.bonus_reach(&self.scores)) * boost >= best.threshold();
        if !(counts || is_good)
            || self
                .excluded
                .iter_mut()
                .any(|matcher| matcher.holds(document))
            || !self.rest.holds(document)
        {
            return Ok(());
        }
        let frame_id = search.scoring.shard.frame(document);
        if !search.accepts(frame_id) {
            return Ok(());
        }
        self.count.documents += u64::from(counts);
        if is_good {
            let scoring = &search.scoring;
            let bonus = self
                .groups
                .bonus(document, &self.scores, search.resolved, scoring)?;
            let matches = scored.present.count_ones();
            search.push(
                best,
                document,
                frame_id,
                (sum + bonus.sum()) * boost,
                matches,
            );
        }
        Ok(())
    }
}
