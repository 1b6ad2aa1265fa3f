//! Scoring of all query terms in one shard, with what a document gets besides its words.

use crate::cursor::END;
use crate::error::Result;
use crate::group::{Group, Scoring};
use crate::query::{Moment, Nearness, Query};
use crate::rank::Ranking;
use crate::resolve::Resolved;
use crate::shard::{BODY, TITLE};

/// The groups of all scored terms, in the order of the query, with what they can add together.
pub(crate) struct Groups<'a> {
    pub groups: Vec<Group<'a>>,
    /// The most that [`Groups::bonus`] gives.
    pub bonus_bound: f32,
    shard_index: usize,
    pairs: Vec<AdjacentGroups>,
    /// Groups of names.
    names: Vec<usize>,
    moments: Vec<Moment>,
    ranking: Ranking,
    buffers: PositionBuffers,
}

/// Two groups whose words may stand side by side.
#[derive(Debug, Clone, Copy)]
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
        let names = query.names.iter().filter_map(|id| by_term[*id]).collect();
        let mut opened = Self {
            groups,
            bonus_bound: 0.0,
            shard_index,
            pairs,
            names,
            moments: query.moments.clone(),
            ranking: *scoring.ranking,
            buffers: PositionBuffers::default(),
        };
        opened.bonus_bound = opened.bonus_if(|_| true);
        Ok(opened)
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
        (end, bounds.sum::<f32>() + self.bonus_bound)
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

    /// What [`Groups::bonus`] can be at most, given the scores of the groups.
    pub(crate) fn bonus_reach(&self, scores: &[f32]) -> f32 {
        self.bonus_if(|group| scores[group] > 0.0)
    }

    /// The most that documents get which hold the groups that are `present`.
    fn bonus_if(&self, present: impl Fn(usize) -> bool) -> f32 {
        let pairs = self.pairs.iter();
        let pairs = pairs.filter(|pair| present(pair.first) && present(pair.second));
        let mut bound: f32 = pairs.map(|pair| pair.bonus).sum();
        if self.names.iter().any(|name| present(*name)) {
            bound += self.ranking.speaker;
        }
        if !self.moments.is_empty() {
            bound += self.ranking.month + self.ranking.day;
        }
        bound
    }

    /// What [`Groups::bonus`] can be at most for a document that holds no other groups than those whose bits are set in
    /// `present`, of at most 64.
    #[inline]
    pub(crate) fn bonus_of(&self, present: u64) -> f32 {
        self.bonus_if(|group| present >> group & 1 == 1)
    }

    /// What a document gets besides its words, given the scores of the groups. Documents must be asked for in ascending
    /// order.
    pub(crate) fn bonus(
        &mut self,
        document: u32,
        scores: &[f32],
        resolved: &[Resolved],
        scoring: &Scoring<'_, 'a>,
    ) -> Result<Bonus> {
        Ok(Bonus {
            adjacency: self.adjacency(document, scores, resolved, scoring)?,
            speaker: self.speaker(document, scores, resolved, scoring)?,
            date: self.date(document, scoring),
        })
    }

    /// The positions of one group in one field of `document`, into `positions`.
    fn positions(
        &mut self,
        group: usize,
        field: usize,
        document: u32,
        resolved: &[Resolved],
        scoring: &Scoring<'_, 'a>,
        positions: &mut Vec<u32>,
    ) -> Result<()> {
        positions.clear();
        let group = &mut self.groups[group];
        let Some(term) = resolved.get(group.term) else {
            return Ok(());
        };
        let forms = &term.forms[self.shard_index];
        let scratch = &mut self.buffers.scratch;
        group.positions(document, field, forms, scoring.shard, scratch, positions)
    }

    fn adjacency(
        &mut self,
        document: u32,
        scores: &[f32],
        resolved: &[Resolved],
        scoring: &Scoring<'_, 'a>,
    ) -> Result<f32> {
        let mut first = std::mem::take(&mut self.buffers.first);
        let mut second = std::mem::take(&mut self.buffers.second);
        let mut sum = 0.0;
        for index in 0..self.pairs.len() {
            let pair = self.pairs[index];
            if scores[pair.first] <= 0.0 || scores[pair.second] <= 0.0 {
                continue;
            }
            for field in [BODY, TITLE] {
                self.positions(pair.first, field, document, resolved, scoring, &mut first)?;
                self.positions(pair.second, field, document, resolved, scoring, &mut second)?;
                if first
                    .iter()
                    .any(|position| second.binary_search(&(position + pair.gap)).is_ok())
                {
                    sum += pair.bonus;
                    break;
                }
            }
        }
        (self.buffers.first, self.buffers.second) = (first, second);
        Ok(sum)
    }

    /// What the document gets when a name of the query is its first word.
    fn speaker(
        &mut self,
        document: u32,
        scores: &[f32],
        resolved: &[Resolved],
        scoring: &Scoring<'_, 'a>,
    ) -> Result<f32> {
        let mut positions = std::mem::take(&mut self.buffers.first);
        let mut speaks = false;
        for index in 0..self.names.len() {
            let name = self.names[index];
            if scores[name] > 0.0 {
                self.positions(name, BODY, document, resolved, scoring, &mut positions)?;
                speaks |= positions.first() == Some(&0);
            }
        }
        self.buffers.first = positions;
        Ok(if speaks { self.ranking.speaker } else { 0.0 })
    }

    /// What the document gets for being of a time that the query names.
    fn date(&self, document: u32, scoring: &Scoring<'_, 'a>) -> f32 {
        if self.moments.is_empty() {
            return 0.0;
        }
        let timestamp = scoring.shard.timestamp(document);
        let moments = self.moments.iter();
        let nearest = moments.map(|moment| moment.nearness(timestamp)).max();
        match nearest.unwrap_or(Nearness::Elsewhere) {
            Nearness::Elsewhere => 0.0,
            Nearness::Month => self.ranking.month,
            Nearness::Day => self.ranking.month + self.ranking.day,
        }
    }
}

/// What a document gets besides its words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bonus {
    /// For words that stand side by side as in the query.
    pub adjacency: f32,
    /// For beginning with a name.
    pub speaker: f32,
    /// For being of the time that is asked about.
    pub date: f32,
}

impl Bonus {
    pub(crate) fn sum(self) -> f32 {
        self.adjacency + self.speaker + self.date
    }
}
