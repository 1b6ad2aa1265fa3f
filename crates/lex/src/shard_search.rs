//! Finding the best documents of one shard.

use crate::collect::{Best, Candidate};
use crate::cursor::END;
use crate::error::Result;
use crate::group::Scoring;
use crate::groups::Groups;
use crate::matcher::Matcher;
use crate::query::Query;
use crate::rank::{Norms, Ranking};
use crate::resolve::Resolved;
use crate::search::Accept;
use crate::shard::{Handle, Shard};

/// Score of a document that no word ranks.
pub(crate) const CONSTANT_SCORE: f32 = 1.0;

/// A condition drives the search of ranked words when the documents that fulfil it, times the words that are looked up
/// at each, are this much fewer than the postings of the words.
const CONDITION_ADVANTAGE: u64 = 16;

/// How many documents match.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count {
    pub documents: u64,
    /// Otherwise there may be more.
    pub is_exact: bool,
}

/// What counting hits may cost, all shards together. A document that is looked at costs one.
#[derive(Debug)]
pub(crate) struct Effort(u64);

impl Effort {
    /// About a millisecond of work.
    const MOST: u64 = 20_000;
    /// Positions of the words of a phrase.
    const PHRASE: u64 = 8;
    /// What the caller thinks of a frame.
    const ACCEPT: u64 = 8;

    pub(crate) fn new() -> Self {
        Self(Self::MOST)
    }

    /// What one document of `matcher` costs.
    pub(crate) fn of(matcher: &Matcher<'_>, has_accept: bool) -> u64 {
        let mut cost = 1;
        if matcher.has_phrases() {
            cost += Self::PHRASE;
        }
        if has_accept {
            cost += Self::ACCEPT;
        }
        cost
    }

    /// Whether another document can be looked at.
    pub(crate) fn is_left(&self, cost: u64) -> bool {
        self.0 >= cost
    }

    /// Whether another document is looked at.
    pub(crate) fn spend(&mut self, cost: u64) -> bool {
        let left = self.0.checked_sub(cost);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

/// One search in one shard.
pub(crate) struct ShardSearch<'s, 'a> {
    pub query: &'s Query,
    pub resolved: &'s [Resolved],
    pub scoring: Scoring<'s, 'a>,
    pub shard_index: usize,
    accept: Option<Accept<'s>>,
}

impl<'s, 'a> ShardSearch<'s, 'a> {
    pub(crate) fn new(
        query: &'s Query,
        resolved: &'s [Resolved],
        shard: Shard<'a>,
        shard_index: usize,
        ranking: &'s Ranking,
        norms: &'s Norms,
        accept: Option<Accept<'s>>,
    ) -> Self {
        Self {
            query,
            resolved,
            scoring: Scoring::new(shard, ranking, norms),
            shard_index,
            accept,
        }
    }

    pub(crate) fn groups(&self) -> Result<Groups<'a>> {
        Groups::open(self.query, self.resolved, self.shard_index, &self.scoring)
    }

    pub(crate) fn matcher(&self, nodes: &[crate::query::Node]) -> Result<Matcher<'a>> {
        Matcher::all_of(nodes, self.resolved, self.scoring.shard, self.shard_index)
    }

    /// Documents that must not match: one matcher for each excluded condition.
    pub(crate) fn excluded(&self) -> Result<Vec<Matcher<'a>>> {
        let build = |node| Matcher::new(node, self.resolved, self.scoring.shard, self.shard_index);
        self.query.must_not.iter().map(build).collect()
    }

    pub(crate) fn accepts(&self, frame_id: u64) -> bool {
        self.accept.is_none_or(|accept| accept(frame_id))
    }

    /// Whether the caller narrows the hits down.
    pub(crate) fn has_accept(&self) -> bool {
        self.accept.is_some()
    }

    /// [`ShardSearch::accepts`] for a document, whose frame is looked up only when there is something to ask.
    pub(crate) fn accepts_document(&self, document: u32) -> bool {
        self.accept
            .is_none_or(|accept| accept(self.scoring.shard.frame(document)))
    }

    /// Whether one of the documents `first` to `last` has a boost that is not 1.
    pub(crate) fn holds_boosted(&self, first: u32, last: u32) -> bool {
        let boosted = self.scoring.shard.boosted();
        let next = boosted.partition_point(|(document, _)| *document < first);
        boosted
            .get(next)
            .is_some_and(|(document, _)| *document <= last)
    }

    /// Whether the document's boost is not 1.
    pub(crate) fn is_boosted(&self, document: u32) -> bool {
        let boosted = self.scoring.shard.boosted();
        !boosted.is_empty()
            && boosted
                .binary_search_by_key(&document, |(document, _)| *document)
                .is_ok()
    }

    pub(crate) fn boost(&self, document: u32) -> f32 {
        let boosted = self.scoring.shard.boosted();
        match boosted.binary_search_by_key(&document, |(document, _)| *document) {
            Ok(index) => boosted[index].1,
            Err(_) => 1.0,
        }
    }

    /// Whether the document is one of the best.
    pub(crate) fn push(
        &self,
        best: &mut Best,
        document: u32,
        frame_id: u64,
        score: f32,
        matches: u32,
    ) -> bool {
        best.push(Candidate {
            score,
            frame_id,
            shard: self.shard_index,
            document,
            matches,
        })
    }

    /// Finds the best documents that hold any of the words and fulfil the conditions. Counts them all if `count` asks
    /// for it, or when it costs nothing.
    pub(crate) fn ranked(
        &self,
        best: &mut Best,
        count: bool,
        effort: &mut Effort,
    ) -> Result<Count> {
        if self.query.must.is_empty() {
            return self.scan(best, None, count);
        }
        let conditions = self.matcher(&self.query.must)?;
        let terms = self.query.scored_terms().count() as u64;
        let cost = conditions
            .most()
            .saturating_mul(CONDITION_ADVANTAGE * terms);
        if cost < self.postings() {
            self.filtered(best, conditions, true, effort)
        } else {
            self.scan(best, Some(conditions), count)
        }
    }

    /// How many postings the optional words have in this shard.
    fn postings(&self) -> u64 {
        let terms = self.query.any.iter();
        let terms = terms.filter_map(|id| self.resolved.get(*id)?.forms.get(self.shard_index));
        let handles = terms
            .flat_map(|forms| forms.iter())
            .flat_map(|form| form.handles.iter().flatten());
        handles.map(Handle::document_frequency).sum()
    }

    /// Finds the best of the documents that `matcher` brings up. Looks at all of them, and counts them, while `effort`
    /// lasts, and then at those that can still be hits.
    pub(crate) fn filtered(
        &self,
        best: &mut Best,
        mut matcher: Matcher<'a>,
        require_any: bool,
        effort: &mut Effort,
    ) -> Result<Count> {
        let mut excluded = self.excluded()?;
        let mut groups = self.groups()?;
        let scored = !self.query.is_filter_only();
        let cost = Effort::of(&matcher, self.has_accept());
        let mut scores = vec![0.0; groups.groups.len()];
        let mut count = Count {
            documents: 0,
            is_exact: true,
        };
        // Documents up to here cannot be skipped together.
        let mut looked_at = None;
        let mut document = matcher.candidate(0);
        while document != END {
            let counts = !scored || effort.spend(cost);
            let threshold = best.threshold();
            if !counts {
                count.is_exact = false;
                if looked_at.is_none_or(|last| document > last) {
                    let (end, bound) = groups.block_bound(document, &self.scoring);
                    if bound < threshold && !self.holds_boosted(document, end) {
                        document = matcher.candidate(end + 1);
                        continue;
                    }
                    looked_at = Some(end);
                }
            }
            let (sum, matches) = groups.score(document, &mut scores, &self.scoring);
            let boost = self.boost(document);
            let is_good = !scored || (sum + groups.bonus_reach(&scores)) * boost >= threshold;
            if (counts || is_good)
                && (!require_any || groups.holds_any(document, &self.query.any))
                && !excluded.iter_mut().any(|matcher| matcher.holds(document))
                && matcher.confirm(document)
            {
                let frame_id = self.scoring.shard.frame(document);
                if self.accepts(frame_id) {
                    count.documents += u64::from(counts);
                    if !scored {
                        self.push(best, document, frame_id, CONSTANT_SCORE * boost, matches);
                    } else if is_good {
                        let bonus =
                            groups.bonus(document, &scores, self.resolved, &self.scoring)?;
                        self.push(
                            best,
                            document,
                            frame_id,
                            (sum + bonus.sum()) * boost,
                            matches,
                        );
                    }
                }
            }
            document = matcher.candidate(document + 1);
        }
        Ok(count)
    }

    /// Scores the documents with a boost, all of them: bounds do not know about boosts.
    pub(crate) fn boosted(&self, best: &mut Best) -> Result<()> {
        let boosted = self.scoring.shard.boosted();
        if boosted.is_empty() {
            return Ok(());
        }
        let mut filter = self.matcher(&self.query.must)?;
        let mut excluded = self.excluded()?;
        let mut groups = self.groups()?;
        let mut scores = vec![0.0; groups.groups.len()];
        for (document, boost) in boosted.iter().copied() {
            let (sum, matches) = groups.score(document, &mut scores, &self.scoring);
            let frame_id = self.scoring.shard.frame(document);
            if groups.holds_any(document, &self.query.any)
                && filter.holds(document)
                && !excluded.iter_mut().any(|matcher| matcher.holds(document))
                && self.accepts(frame_id)
            {
                let bonus = groups.bonus(document, &scores, self.resolved, &self.scoring)?;
                self.push(
                    best,
                    document,
                    frame_id,
                    (sum + bonus.sum()) * boost,
                    matches,
                );
            }
        }
        Ok(())
    }
}
