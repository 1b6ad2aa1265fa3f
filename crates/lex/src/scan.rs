//! Finding the best documents of one shard that hold any of the words.
//!
//! Documents are scored window by window, and in each window word by word, so that every posting is read once, in order.
//! Once there are enough hits, words whose best scores together do not reach the worst of them (MaxScore) no longer bring
//! up documents: they are only looked up at those that the other words bring up and that can still be hits. Where the
//! current blocks of those others cannot reach it, the blocks are skipped. Where it takes several words to be a hit, a longer
//! stretch is sifted in place of a window: see [`crate::sieve`].

use crate::collect::{Best, ROUNDING};
use crate::cursor::END;
use crate::error::Result;
use crate::group::Group;
use crate::groups::Groups;
use crate::matcher::Matcher;
use crate::shard_search::{Count, ShardSearch};
use crate::sieve::{self, Sieve};
use crate::window::{Scored, WINDOW, Window};

/// Words that a window can tell apart; the last bit stands for all further ones.
const TOLD_APART: usize = 64;

/// Where the blocks of frequent words end soon, the next ones may be skipped; but not less than this is scored at once.
const MIN_WINDOW: u32 = 256;

/// Looking a word up at a document takes as long as adding up so many of its postings.
const LOOK_UP: u64 = 2;

/// The bit of the group with this number.
fn bit(group: usize) -> u64 {
    1 << group.min(TOLD_APART - 1)
}

impl<'a> ShardSearch<'_, 'a> {
    /// Finds the best documents that hold any of the words and are in `filter`. Counts them, if `count` asks for it: then
    /// none is left out, which for many postings takes longer.
    pub(crate) fn scan(
        &self,
        best: &mut Best,
        filter: Option<Matcher<'a>>,
        count: bool,
    ) -> Result<Count> {
        let mut scan = Scan::new(self, filter)?;
        // Leaving documents out needs all words at each one: with many words that is the slower way always.
        let is_exact = count || scan.again.is_some();
        let documents = Window::with(|window| {
            if is_exact && !scan.can_count() {
                scan.all(best, window)
            } else {
                self.boosted(best)?;
                scan.best(best, window, is_exact)
            }
        })?;
        scan.sieve.keep_spare();
        let groups = scan.groups.groups.into_iter();
        self.scoring
            .shard
            .recycle(groups.flat_map(Group::into_cursors));
        Ok(Count {
            documents,
            is_exact,
        })
    }
}

/// One pass over a shard.
struct Scan<'q, 's, 'a> {
    search: &'q ShardSearch<'s, 'a>,
    groups: Groups<'a>,
    /// Groups by their best score, lowest first.
    order: Vec<usize>,
    /// What the first groups of `order` can add together, and their bits.
    reach: Vec<(f32, u64)>,
    /// What each group can add.
    uppers: Vec<f32>,
    sieve: Box<Sieve>,
    conditions: Conditions<'a>,
    /// With more words than can be told apart, the words again: to see which of them a document holds.
    again: Option<Groups<'a>>,
    scores: Vec<f32>,
    found: Vec<Scored>,
    sums: Vec<f32>,
    refused: Refused,
}

/// What documents must fulfil besides holding a word.
struct Conditions<'a> {
    filter: Option<Matcher<'a>>,
    excluded: Vec<Matcher<'a>>,
}

impl Conditions<'_> {
    /// Documents must be asked for in ascending order.
    #[inline]
    fn hold(&mut self, document: u32) -> bool {
        self.filter
            .as_mut()
            .is_none_or(|filter| filter.holds(document))
            && !self
                .excluded
                .iter_mut()
                .any(|matcher| matcher.holds(document))
    }
}

impl<'q, 's, 'a> Scan<'q, 's, 'a> {
    fn new(search: &'q ShardSearch<'s, 'a>, filter: Option<Matcher<'a>>) -> Result<Self> {
        let groups = search.groups()?;
        let count = groups.groups.len();
        let again = if count > TOLD_APART {
            Some(search.groups()?)
        } else {
            None
        };
        Ok(Self {
            search,
            order: (0..count).collect(),
            reach: Vec::new(),
            uppers: Vec::new(),
            sieve: Sieve::take_spare(),
            conditions: Conditions {
                filter,
                excluded: search.excluded()?,
            },
            again,
            scores: vec![0.0; count],
            groups,
            found: Vec::new(),
            sums: Vec::new(),
            refused: Refused::NONE,
        })
    }

    /// The first document from which on one of the groups `order[from..]` holds any.
    fn next_document(&self, from: usize) -> u32 {
        let groups = self.order[from..].iter();
        groups
            .map(|group| self.groups.groups[*group].document())
            .min()
            .unwrap_or(END)
    }

    /// Scores the documents from `base` on with the groups `order[from..]`.
    fn fill(&mut self, window: &mut Window, base: u32, end: u32, from: usize) {
        window.start(base);
        for group in &self.order[from..] {
            let (bit, group) = (bit(*group), &mut self.groups.groups[*group]);
            group.seek(base);
            group.accumulate(window, end, bit, &self.search.scoring);
        }
    }

    /// Scores those documents from `base` on that can be hits, going by which of the groups `order[from..]` they hold, and
    /// leaves them in the sieve; up to about `end`, behind which there may be blocks to skip. Returns how many hold any, if
    /// `count` asks for it.
    fn sift(&mut self, base: u32, end: u32, from: usize, count: bool) -> u64 {
        let end = self.sieve.start(base, end);
        let groups = self.order[from..].iter().rev().enumerate();
        for (word, group) in groups.clone() {
            let group = &mut self.groups.groups[*group];
            group.seek(base);
            group.note(&mut self.sieve, word, end);
        }
        let documents = if count { self.sieve.count() } else { 0 };
        if self.sieve.close() {
            for (word, index) in groups.rev() {
                let (bit, group) = (bit(*index), &self.groups.groups[*index]);
                group.accumulate_passing(&mut self.sieve, word, bit, &self.search.scoring);
            }
        }
        documents
    }

    /// Whether documents that hold any of the groups `order[from..]` are worth sifting before they are scored.
    fn prepare_sieve(&mut self, from: usize, threshold: f32) -> bool {
        let Self {
            order,
            reach,
            uppers,
            groups,
            sieve,
            ..
        } = self;
        // The others count as held.
        let first = from.max(order.len().saturating_sub(sieve::MOST_WORDS));
        let (rest, held) = reach[first];
        let words = order[first..].iter().rev().map(|group| sieve::Word {
            upper: uppers[*group],
            frequency: groups.groups[*group].document_frequency(),
            bit: bit(*group),
        });
        let documents = self.search.scoring.shard.document_count();
        sieve.prepare(from, threshold, documents, words, |sum, present| {
            sum + rest + groups.bonus_of(present | held)
        })
    }

    /// Of the groups that bring up no documents those are added up all the same, `order[result..essential]`, that have so
    /// few postings that looking them up at every document would take longer.
    fn added_up(&self, essential: usize) -> usize {
        let postings = |group: &usize| self.groups.groups[*group].document_frequency();
        let documents: u64 = self.order[essential..].iter().map(postings).sum();
        let mut from = essential;
        while let Some(group) = from.checked_sub(1).and_then(|next| self.order.get(next)) {
            let more = postings(group);
            if more > documents.saturating_mul(LOOK_UP) {
                break;
            }
            from -= 1;
        }
        from
    }

    /// Every document that holds a word: finds the best and counts those that fulfil the conditions.
    fn all(&mut self, best: &mut Best, window: &mut Window) -> Result<u64> {
        let search = self.search;
        let optional = search.query.any.as_slice();
        let required = self
            .groups
            .groups
            .iter()
            .enumerate()
            .filter(|(_, group)| optional.contains(&group.term))
            .fold(0, |bits, (index, _)| bits | bit(index));
        let boosts = !search.scoring.shard.boosted().is_empty();
        let mut total = 0;
        loop {
            let base = self.next_document(0);
            if base == END {
                return Ok(total);
            }
            self.fill(window, base, base.saturating_add(WINDOW), 0);
            let conditions = &mut self.conditions;
            let (found, sums) = (&mut self.found, &mut self.sums);
            found.clear();
            sums.clear();
            let threshold = best.threshold();
            let bonus_bound = self.groups.bonus_bound;
            window.take(|scored| {
                if scored.present & required == 0
                    || !conditions.hold(scored.document)
                    || !search.accepts_document(scored.document)
                {
                    return;
                }
                total += 1;
                let boost = if boosts {
                    search.boost(scored.document)
                } else {
                    1.0
                };
                let sum = scored.sum as f32;
                if (sum + bonus_bound) * boost >= threshold {
                    sums.push(sum * boost);
                    found.push(scored);
                }
            });
            let threshold = self.threshold(best);
            for at in 0..self.found.len() {
                let scored = self.found[at];
                let boost = if boosts {
                    search.boost(scored.document)
                } else {
                    1.0
                };
                self.offer(best, scored, boost, threshold)?;
            }
        }
    }

    /// Orders the words by what they can add.
    fn order_by_bounds(&mut self) {
        let search = self.search;
        let groups = self.groups.groups.iter_mut();
        self.uppers = groups
            .map(|group| {
                let resolved = &search.resolved[group.term];
                group.upper_bound(resolved, search.shard_index, &search.scoring)
            })
            .collect();
        let uppers = &self.uppers;
        self.order
            .sort_by(|left, right| uppers[*left].total_cmp(&uppers[*right]));
        let (mut reach, mut bits) = (0.0, 0);
        self.reach = vec![(reach, bits)];
        for group in &self.order {
            reach += uppers[*group];
            bits |= bit(*group);
            self.reach.push((reach, bits));
        }
    }

    /// What so many documents score at least, as far as it is known without looking at them. Without conditions.
    fn floor(&self, limit: usize) -> Option<f32> {
        let search = self.search;
        let groups = self.groups.groups.iter();
        let groups = groups.filter(|group| search.query.any.contains(&group.term));
        groups
            .filter_map(|group| {
                let resolved = &search.resolved[group.term];
                group.floor(limit, resolved, search.shard_index, &search.scoring)
            })
            .max_by(f32::total_cmp)
    }

    /// What a document can score that the words counted so far give `sum`, `present` among them, and that may hold the
    /// groups `order[..others]` besides.
    #[inline]
    fn bound(&self, sum: f32, present: u64, others: usize) -> f32 {
        let (reach, bits) = self.reach[others];
        sum + reach + self.groups.bonus_of(present | bits)
    }

    /// Whether documents must fulfil no conditions, and score what their words come to.
    fn is_unconditional(&self) -> bool {
        self.conditions.filter.is_none()
            && self.conditions.excluded.is_empty()
            && !self.search.has_accept()
            && self.search.scoring.shard.boosted().is_empty()
    }

    /// Whether [`Scan::best`] can count: each document that holds a word is a hit, and words are told apart.
    fn can_count(&self) -> bool {
        let groups = &self.groups.groups;
        let any = self.search.query.any.as_slice();
        self.is_unconditional()
            && groups.len() <= sieve::MOST_WORDS
            && groups.iter().all(|group| any.contains(&group.term))
    }

    /// The best of the documents without a boost. Counts those that hold a word, if `count` asks for it: then no word and no
    /// block is left out.
    fn best(&mut self, best: &mut Best, window: &mut Window, count: bool) -> Result<u64> {
        self.order_by_bounds();
        let words = self.order.len();
        let unconditional = self.is_unconditional();
        if unconditional && let Some(floor) = self.floor(best.limit()) {
            best.expect(floor);
        }
        let mut total = 0;
        let (mut essential, mut from) = (0, 0);
        loop {
            let threshold = best.threshold();
            let before = essential;
            while !count && essential < words && self.bound(0.0, 0, essential + 1) < threshold {
                essential += 1;
            }
            if essential > before {
                from = self.added_up(essential);
            }
            let base = self.next_document(essential);
            if base == END {
                return Ok(total);
            }
            let mut blocks = END;
            if threshold > f32::NEG_INFINITY && !count {
                match self.skip_blocks(essential, threshold) {
                    None => continue,
                    Some(last) => blocks = last.saturating_add(1),
                }
            }
            let sifts = threshold > 0.0 && self.prepare_sieve(from, threshold);
            if sifts {
                total += self.sift(base, blocks, from, count);
            } else {
                let end = base.saturating_add(WINDOW);
                self.fill(window, base, end.min(blocks.max(base + MIN_WINDOW)), from);
            }
            let (found, sums) = (&mut self.found, &mut self.sums);
            found.clear();
            sums.clear();
            let reach = self.reach[from].0 + self.groups.bonus_bound;
            let mut take = |scored: Scored| {
                if scored.sum as f32 + reach >= threshold {
                    sums.push(scored.sum as f32);
                    found.push(scored);
                }
            };
            if sifts {
                self.sieve.each(take);
            } else {
                window.take(|scored| {
                    total += u64::from(count);
                    take(scored);
                });
            }
            // Conditions may rule documents out: only without them do sums tell what a hit must reach.
            let threshold = if unconditional {
                self.threshold(best)
            } else {
                threshold
            };
            for at in 0..self.found.len() {
                let scored = self.found[at];
                self.complete(best, scored, from, threshold)?;
            }
        }
    }

    /// Skips the current blocks of the groups `order[from..]` if no document in them can reach the threshold. Otherwise
    /// gives the document that the first of the blocks ends with.
    fn skip_blocks(&mut self, from: usize, threshold: f32) -> Option<u32> {
        let scoring = &self.search.scoring;
        let groups = &mut self.groups.groups;
        let essential = &self.order[from..];
        let ends = essential.iter().map(|group| groups[*group].block_end());
        let end = ends.min().unwrap_or(END - 1);
        let mut bound = self.reach[from].0 + self.groups.bonus_bound;
        for group in essential {
            bound += groups[*group].block_bound(end, scoring);
            if bound >= threshold {
                return Some(end);
            }
        }
        for group in essential {
            groups[*group].seek(end + 1);
        }
        None
    }

    /// What a document must score to be a hit, going by the words counted so far alone.
    fn threshold(&mut self, best: &Best) -> f32 {
        let known = best.threshold();
        let limit = best.limit();
        let above = self.sums.iter().filter(|sum| **sum > known).count();
        if limit == 0 || above <= limit {
            return known;
        }
        let (_, last, _) = self
            .sums
            .select_nth_unstable_by(limit - 1, |left, right| right.total_cmp(left));
        known.max(*last * ROUNDING)
    }

    /// Looks the groups `order[..others]` up at a document, as long as it can be a hit, and offers it.
    fn complete(
        &mut self,
        best: &mut Best,
        mut scored: Scored,
        others: usize,
        threshold: f32,
    ) -> Result<()> {
        let threshold = threshold.max(best.threshold());
        let document = scored.document;
        // Looking words up takes longer.
        if self.bound(scored.sum as f32, scored.present, others) < threshold
            || !self.conditions.hold(document)
        {
            return Ok(());
        }
        for rank in (0..others).rev() {
            if self.bound(scored.sum as f32, scored.present, rank + 1) < threshold {
                return Ok(());
            }
            let index = self.order[rank];
            let group = &mut self.groups.groups[index];
            if group.seek(document) == document {
                scored.sum += f64::from(group.score(document, &self.search.scoring));
                scored.present |= bit(index);
            }
        }
        if self.bound(scored.sum as f32, scored.present, 0) < threshold
            || self.search.is_boosted(document)
            || !self.search.accepts_document(document)
        {
            return Ok(());
        }
        self.offer(best, scored, 1.0, threshold)
    }

    /// Adds what neighbouring words bring to a document whose words are all counted, and keeps it if it is a hit.
    fn offer(&mut self, best: &mut Best, scored: Scored, boost: f32, threshold: f32) -> Result<()> {
        let search = self.search;
        let threshold = threshold.max(best.threshold());
        let sum = scored.sum as f32;
        if (sum + self.groups.bonus_bound) * boost < threshold {
            return Ok(());
        }
        let matches = match &mut self.again {
            Some(groups) => {
                groups
                    .score(scored.document, &mut self.scores, &search.scoring)
                    .1
            }
            None => {
                for (index, score) in self.scores.iter_mut().enumerate() {
                    *score = f32::from((scored.present >> index & 1) as u8);
                }
                scored.present.count_ones()
            }
        };
        if (sum + self.groups.bonus_reach(&self.scores)) * boost < threshold {
            return Ok(());
        }
        let bonus = self.groups.bonus(
            scored.document,
            &self.scores,
            search.resolved,
            &search.scoring,
        )?;
        let score = (sum + bonus.sum()) * boost;
        if self.refused.includes(scored.document, score) {
            return Ok(());
        }
        let shard = search.scoring.shard;
        let frame_id = shard.frame(scored.document);
        if !search.push(best, scored.document, frame_id, score, matches)
            && shard.has_ascending_frames()
        {
            self.refused.note(scored.document, score);
        }
        Ok(())
    }
}

/// The best document that was looked at and is no hit, in a shard whose frames ascend. One behind it that scores no more is
/// none either, and its frame need not be looked up: of a rare word's documents hundreds may score alike.
struct Refused {
    document: u32,
    score: f32,
}

impl Refused {
    const NONE: Self = Self {
        document: END,
        score: f32::NEG_INFINITY,
    };

    fn includes(&self, document: u32, score: f32) -> bool {
        document > self.document && score <= self.score
    }

    fn note(&mut self, document: u32, score: f32) {
        if score > self.score {
            *self = Self { document, score };
        }
    }
}
