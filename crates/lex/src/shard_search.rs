//! Finding the best documents of one shard.

use crate::collect::{Best, Candidate};
use crate::cursor::END;
use crate::error::Result;
use crate::group::{Group, Scoring};
use crate::matcher::Matcher;
use crate::query::Query;
use crate::rank::{Norms, Ranking};
use crate::resolve::Resolved;
use crate::search::Accept;
use crate::shard::{BODY, Shard, TITLE};

/// Score of a document that no word ranks.
pub(crate) const CONSTANT_SCORE: f32 = 1.0;

/// One search in one shard.
pub(crate) struct ShardSearch<'s, 'a> {
    pub query: &'s Query,
    pub resolved: &'s [Resolved<'a>],
    pub scoring: Scoring<'s, 'a>,
    pub shard_index: usize,
    accept: Option<Accept<'s>>,
}

/// Two groups whose words may stand side by side.
pub(crate) struct AdjacentGroups {
    first: usize,
    second: usize,
    gap: u32,
    /// What it adds when they do.
    pub bonus: f32,
}

/// Buffers for positions.
#[derive(Default)]
pub(crate) struct PositionBuffers {
    scratch: Vec<u32>,
    first: Vec<u32>,
    second: Vec<u32>,
}

/// The groups of all scored terms, in the order of the query, with what their pairs can add.
pub(crate) struct Groups<'a> {
    pub groups: Vec<Group<'a>>,
    pub pairs: Vec<AdjacentGroups>,
    /// Sum of all pair bonuses.
    pair_bound: f32,
    buffers: PositionBuffers,
}

impl<'s, 'a> ShardSearch<'s, 'a> {
    pub(crate) fn new(
        query: &'s Query,
        resolved: &'s [Resolved<'a>],
        shard: Shard<'a>,
        shard_index: usize,
        ranking: &'s Ranking,
        norms: &'s Norms,
        accept: Option<Accept<'s>>,
    ) -> Result<Self> {
        Ok(Self {
            query,
            resolved,
            scoring: Scoring::new(shard, ranking, norms),
            shard_index,
            accept,
        })
    }

    pub(crate) fn groups(&self) -> Result<Groups<'a>> {
        let mut groups = Vec::new();
        for (id, _) in self.query.scored_terms() {
            if let Some(resolved) = self.resolved.get(id) {
                groups.extend(Group::open(id, resolved, self.shard_index, &self.scoring)?);
            }
        }
        let find = |id: usize| groups.iter().position(|group: &Group<'_>| group.term == id);
        let pairs: Vec<_> = self
            .query
            .pairs
            .iter()
            .filter_map(|pair| {
                let (first, second) = (find(pair.first)?, find(pair.second)?);
                let bonus =
                    self.scoring.ranking.adjacency * groups[first].idf.min(groups[second].idf);
                Some(AdjacentGroups {
                    first,
                    second,
                    gap: pair.gap,
                    bonus,
                })
            })
            .filter(|pair| pair.bonus > 0.0)
            .collect();
        let pair_bound = pairs.iter().map(|pair| pair.bonus).sum();
        Ok(Groups {
            groups,
            pairs,
            pair_bound,
            buffers: PositionBuffers::default(),
        })
    }

    fn matcher(&self, nodes: &[crate::query::Node]) -> Result<Matcher<'a>> {
        Matcher::all_of(
            nodes,
            self.query,
            self.resolved,
            self.scoring.shard,
            self.shard_index,
        )
    }

    /// Documents that must not match: one matcher for each excluded condition.
    fn excluded(&self) -> Result<Vec<Matcher<'a>>> {
        let build = |node| {
            Matcher::new(
                node,
                self.query,
                self.resolved,
                self.scoring.shard,
                self.shard_index,
            )
        };
        self.query.must_not.iter().map(build).collect()
    }

    fn accepts(&self, frame_id: u64) -> bool {
        self.accept.is_none_or(|accept| accept(frame_id))
    }

    pub(crate) fn boost(&self, document: u32) -> f32 {
        let boosted = self.scoring.shard.boosted();
        match boosted.binary_search_by_key(&document, |(document, _)| *document) {
            Ok(index) => boosted[index].1,
            Err(_) => 1.0,
        }
    }

    fn push(&self, best: &mut Best, document: u32, frame_id: u64, score: f32, matches: u32) {
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
                    } else if (sum + groups.pair_bound) * boost >= best.threshold() {
                        let bonus = self.pair_bonus(&mut groups, document, &scores)?;
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
            if sum + groups.pair_bound < threshold
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
            let bonus = self.pair_bonus(&mut groups, document, &scores)?;
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
                let bonus = self.pair_bonus(&mut groups, document, &scores)?;
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

    /// What words side by side add to the score of `document`, given the scores of the groups.
    pub(crate) fn pair_bonus(
        &self,
        groups: &mut Groups<'a>,
        document: u32,
        scores: &[f32],
    ) -> Result<f32> {
        let Groups {
            groups,
            pairs,
            buffers,
            ..
        } = groups;
        let mut sum = 0.0;
        for pair in pairs
            .iter()
            .filter(|pair| scores[pair.first] > 0.0 && scores[pair.second] > 0.0)
        {
            for field in [BODY, TITLE] {
                let PositionBuffers {
                    scratch,
                    first,
                    second,
                } = buffers;
                for (group, positions) in [(pair.first, &mut *first), (pair.second, &mut *second)] {
                    positions.clear();
                    let group = &mut groups[group];
                    if let Some(resolved) = self.resolved.get(group.term) {
                        let shard = self.scoring.shard;
                        group.positions(
                            document,
                            field,
                            resolved,
                            self.shard_index,
                            shard,
                            scratch,
                            positions,
                        )?;
                    }
                }
                if first
                    .iter()
                    .any(|position| second.binary_search(&(position + pair.gap)).is_ok())
                {
                    sum += pair.bonus;
                    break;
                }
            }
        }
        Ok(sum)
    }
}

impl<'a> Groups<'a> {
    /// Moves all groups to `document` and scores it: the sum, and how many words match.
    pub(crate) fn score(
        &mut self,
        document: u32,
        scores: &mut [f32],
        scoring: &Scoring<'_, 'a>,
    ) -> (f32, u32) {
        let mut matches = 0;
        for (group, score) in self.groups.iter_mut().zip(scores.iter_mut()) {
            *score = 0.0;
            if group.seek(document) == document {
                *score = group.score(document, scoring);
                matches += 1;
            }
        }
        (scores.iter().sum(), matches)
    }

    /// Whether one of `terms` matches `document`, at which the groups must stand.
    fn holds_any(&self, document: u32, terms: &[usize]) -> bool {
        self.groups
            .iter()
            .any(|group| group.document() == document && terms.contains(&group.term))
    }
}
