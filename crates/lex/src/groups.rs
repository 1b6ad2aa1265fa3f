//! Scoring of all query terms in one shard, with what neighbouring words add.

use crate::cursor::END;
use crate::error::Result;
use crate::group::{Group, Scoring};
use crate::query::Query;
use crate::resolve::Resolved;
use crate::shard::{BODY, TITLE};

/// The groups of all scored terms, in the order of the query, with what their pairs can add.
pub(crate) struct Groups<'a> {
    pub groups: Vec<Group<'a>>,
    /// Sum of all pair bonuses.
    pub pair_bound: f32,
    shard_index: usize,
    pairs: Vec<AdjacentGroups>,
    buffers: PositionBuffers,
}

/// Two groups whose words may stand side by side.
struct AdjacentGroups {
    first: usize,
    second: usize,
    gap: u32,
    /// What it adds when they do.
    bonus: f32,
}

/// Buffers for positions.
#[derive(Default)]
struct PositionBuffers {
    scratch: Vec<u32>,
    first: Vec<u32>,
    second: Vec<u32>,
}

impl<'a> Groups<'a> {
    /// Opens the postings of all scored terms in one shard.
    pub(crate) fn open(
        query: &Query,
        resolved: &[Resolved],
        shard_index: usize,
        scoring: &Scoring<'_, 'a>,
    ) -> Result<Self> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        for (id, _) in query.scored_terms() {
            if let Some(resolved) = resolved.get(id) {
                groups.extend(Group::open(id, resolved, shard_index, scoring)?);
            }
        }
        let mut by_term = vec![None; query.terms.len()];
        for (index, group) in groups
            .iter()
            .enumerate()
            .filter(|(_, group)| group.has_positions())
        {
            by_term[group.term] = Some(index);
        }
        let mut pairs = Vec::new();
        for pair in &query.pairs {
            let (Some(first), Some(second)) = (by_term[pair.first], by_term[pair.second]) else {
                continue;
            };
            let bonus = scoring.ranking.adjacency * groups[first].idf.min(groups[second].idf);
            if bonus > 0.0 {
                pairs.push(AdjacentGroups {
                    first,
                    second,
                    gap: pair.gap,
                    bonus,
                });
            }
        }
        let pair_bound = pairs.iter().map(|pair| pair.bonus).sum();
        Ok(Self {
            groups,
            pair_bound,
            shard_index,
            pairs,
            buffers: PositionBuffers::default(),
        })
    }

    /// The last document of the blocks that `document` lies in, and the best score that a document from it up to there can
    /// have. Moves all groups to `document`.
    pub(crate) fn block_bound(&mut self, document: u32, scoring: &Scoring<'_, 'a>) -> (u32, f32) {
        let mut end = END - 1;
        for group in &mut self.groups {
            group.seek(document);
            end = end.min(group.block_end());
        }
        let bounds = self.groups.iter_mut();
        let bounds = bounds.map(|group| group.block_bound(end, scoring));
        (end, bounds.sum::<f32>() + self.pair_bound)
    }

    /// Moves all groups to `document` and scores it: the sum, and how many words match.
    pub(crate) fn score(
        &mut self,
        document: u32,
        scores: &mut [f32],
        scoring: &Scoring<'_, 'a>,
    ) -> (f32, u32) {
        let (mut sum, mut matches) = (0.0, 0);
        for (group, score) in self.groups.iter_mut().zip(scores.iter_mut()) {
            *score = 0.0;
            if group.seek(document) == document {
                *score = group.score(document, scoring);
                sum += f64::from(*score);
                matches += 1;
            }
        }
        // In twice the precision, so that a sum in another order comes out the same.
        (sum as f32, matches)
    }

    /// Whether one of `terms` matches `document`, at which the groups must stand.
    pub(crate) fn holds_any(&self, document: u32, terms: &[usize]) -> bool {
        // Nearly always all terms of a query are optional: then this is a short look.
        self.groups
            .iter()
            .any(|group| group.document() == document && terms.contains(&group.term))
    }

    /// What [`Groups::pair_bonus`] can be at most, given the scores of the groups.
    pub(crate) fn pair_reach(&self, scores: &[f32]) -> f32 {
        self.present_pairs(scores).map(|pair| pair.bonus).sum()
    }

    fn present_pairs<'s>(&'s self, scores: &'s [f32]) -> impl Iterator<Item = &'s AdjacentGroups> {
        self.pairs
            .iter()
            .filter(|pair| scores[pair.first] > 0.0 && scores[pair.second] > 0.0)
    }

    /// What words side by side add to the score of `document`, given the scores of the groups. Documents must be asked
    /// for in ascending order.
    pub(crate) fn pair_bonus(
        &mut self,
        document: u32,
        scores: &[f32],
        resolved: &[Resolved],
        scoring: &Scoring<'_, 'a>,
    ) -> Result<f32> {
        let Self {
            groups,
            pairs,
            buffers,
            shard_index,
            ..
        } = self;
        let PositionBuffers {
            scratch,
            first,
            second,
        } = buffers;
        let mut sum = 0.0;
        for pair in pairs
            .iter()
            .filter(|pair| scores[pair.first] > 0.0 && scores[pair.second] > 0.0)
        {
            for field in [BODY, TITLE] {
                for (group, positions) in [(pair.first, &mut *first), (pair.second, &mut *second)] {
                    positions.clear();
                    let group = &mut groups[group];
                    if let Some(term) = resolved.get(group.term) {
                        let forms = &term.forms[*shard_index];
                        group.positions(
                            document,
                            field,
                            forms,
                            scoring.shard,
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
