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
use crate::shard::Shard;

/// Score of a document that no word ranks.
pub(crate) const CONSTANT_SCORE: f32 = 1.0;

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

    pub(crate) fn push(
        &self,
        best: &mut Best,
        document: u32,
        frame_id: u64,
        score: f32,
        matches: u32,
    ) {
        best.push(Candidate {
            score,
            frame_id,
            shard: self.shard_index,
            document,
            matches,
        });
    }

    /// Looks at every document that fulfils the conditions and returns how many do.
    pub(crate) fn filtered(&mut self, best: &mut Best, require_any: bool) -> Result<u64> {
        let mut matcher = self.matcher(&self.query.must)?;
        let mut excluded = self.excluded()?;
        let mut groups = self.groups()?;
        let scored = !self.query.is_filter_only();
        let mut scores = vec![0.0; groups.groups.len()];
        let mut total = 0;
        let mut document = matcher.seek(0);
        while document != END {
            let excluded = excluded
                .iter_mut()
                .any(|matcher| matcher.seek(document) == document);
            if !excluded {
                let (sum, matches) = groups.score(document, &mut scores, &self.scoring);
                let found = !require_any || groups.holds_any(document, &self.query.any);
                let frame_id = self.scoring.shard.frame(document);
                if found && self.accepts(frame_id) {
                    total += 1;
                    let boost = self.boost(document);
                    if !scored {
                        self.push(best, document, frame_id, CONSTANT_SCORE * boost, matches);
                    } else if (sum + groups.pair_reach(&scores)) * boost >= best.threshold() {
                        let bonus =
                            groups.pair_bonus(document, &scores, self.resolved, &self.scoring)?;
                        self.push(best, document, frame_id, (sum + bonus) * boost, matches);
                    }
                }
            }
            document = matcher.seek(document + 1);
        }
        Ok(total)
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
                && filter.seek(document) == document
                && !excluded
                    .iter_mut()
                    .any(|matcher| matcher.seek(document) == document)
                && self.accepts(frame_id)
            {
                let bonus = groups.pair_bonus(document, &scores, self.resolved, &self.scoring)?;
                self.push(best, document, frame_id, (sum + bonus) * boost, matches);
            }
        }
        Ok(())
    }
}
