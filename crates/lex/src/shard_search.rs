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

    /// Finds the best documents that hold any of the words, leaving out those that cannot be hits.
    ///
    /// This is MaxScore with block bounds: words whose best scores together do not reach the threshold no longer bring
    /// up candidates; and where the current blocks of the others cannot reach it, the blocks are skipped.
    pub(crate) fn ranked(&mut self, best: &mut Best) -> Result<()> {
        self.boosted(best)?;
        let mut filter = if self.query.must.is_empty() {
            None
        } else {
            Some(self.matcher(&self.query.must)?)
        };
        let mut excluded = self.excluded()?;
        let mut groups = self.groups()?;
        let boosted = self.scoring.shard.boosted();
        let count = groups.groups.len();
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|left, right| {
            groups.groups[*left]
                .upper
                .total_cmp(&groups.groups[*right].upper)
        });
        // What the first words in this order can add together, with what pairs can add.
        let mut reach = vec![groups.pair_bound; count + 1];
        for (index, group) in order.iter().enumerate() {
            reach[index + 1] = reach[index] + groups.groups[*group].upper;
        }
        let mut scores = vec![0.0; count];
        let mut essential = 0;
        let mut window_end = 0;
        'candidates: loop {
            let threshold = best.threshold();
            while essential < count && reach[essential + 1] < threshold {
                essential += 1;
            }
            let Some(document) = order[essential..]
                .iter()
                .map(|group| groups.groups[*group].document())
                .min()
            else {
                break;
            };
            if document == END {
                break;
            }
            if document >= window_end && threshold > f32::NEG_INFINITY {
                let ends = order[essential..]
                    .iter()
                    .map(|group| groups.groups[*group].block_end());
                let end = ends.min().unwrap_or(END - 1);
                let mut bound = reach[essential];
                for group in &order[essential..] {
                    bound += groups.groups[*group].block_bound(end, self.scoring.ranking);
                }
                if bound < threshold {
                    for group in &order[essential..] {
                        groups.groups[*group].seek(end + 1);
                    }
                    continue;
                }
                window_end = end + 1;
            }
            scores.fill(0.0);
            let mut sum = 0.0;
            for index in &order[essential..] {
                let group = &mut groups.groups[*index];
                if group.document() == document {
                    scores[*index] = group.score(document, &self.scoring);
                    sum += scores[*index];
                    group.advance_past(document);
                }
            }
            for (rank, index) in order[..essential].iter().enumerate().rev() {
                if sum + reach[rank + 1] < threshold {
                    continue 'candidates;
                }
                let group = &mut groups.groups[*index];
                if group.seek(document) == document {
                    scores[*index] = group.score(document, &self.scoring);
                    sum += scores[*index];
                }
            }
            if sum + groups.pair_reach(&scores) < threshold
                || filter
                    .as_mut()
                    .is_some_and(|filter| filter.seek(document) != document)
                || excluded
                    .iter_mut()
                    .any(|matcher| matcher.seek(document) == document)
                || !boosted.is_empty()
                    && boosted
                        .binary_search_by_key(&document, |(document, _)| *document)
                        .is_ok()
            {
                continue;
            }
            let frame_id = self.scoring.shard.frame(document);
            if !self.accepts(frame_id) {
                continue;
            }
            // Summed in the order of the query, so that equal documents score exactly the same.
            let sum: f32 = scores.iter().sum();
            let matches = scores.iter().filter(|score| **score > 0.0).count() as u32;
            let bonus = groups.pair_bonus(document, &scores, self.resolved, &self.scoring)?;
            self.push(best, document, frame_id, sum + bonus, matches);
        }
        Ok(())
    }

    /// Scores the documents with a boost, all of them: bounds do not know about boosts.
    fn boosted(&self, best: &mut Best) -> Result<()> {
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

    /// Counts the documents that hold any of the words.
    pub(crate) fn count(&self) -> Result<u64> {
        let mut groups = self.groups()?;
        let documents = self.scoring.shard.document_count();
        let mut bits = vec![0_u64; (documents as usize).div_ceil(64)];
        for group in groups
            .groups
            .iter_mut()
            .filter(|group| self.query.any.contains(&group.term))
        {
            group.drain(&mut |document| bits[document as usize / 64] |= 1 << (document % 64));
        }
        if self.accept.is_none() && self.query.must.is_empty() && self.query.must_not.is_empty() {
            return Ok(bits.iter().map(|word| u64::from(word.count_ones())).sum());
        }
        let mut filter = self.matcher(&self.query.must)?;
        let mut excluded = self.excluded()?;
        let mut total = 0;
        for (index, word) in bits.into_iter().enumerate() {
            let mut word = word;
            while word != 0 {
                let document = index as u32 * 64 + word.trailing_zeros();
                word &= word - 1;
                if filter.seek(document) == document
                    && !excluded
                        .iter_mut()
                        .any(|matcher| matcher.seek(document) == document)
                    && self.accepts(self.scoring.shard.frame(document))
                {
                    total += 1;
                }
            }
        }
        Ok(total)
    }
}
