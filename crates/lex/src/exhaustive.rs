//! Scoring every document that holds a word, word by word.
//!
//! For words that are not very frequent this beats leaving documents out: each posting is read once, the hits are counted
//! on the way, and positions are only looked at where words side by side can still make a hit.

use crate::collect::{Best, ROUNDING};
use crate::error::Result;
use crate::group::Slot;
use crate::groups::Groups;
use crate::shard_search::ShardSearch;

/// Words that a document's slot can tell apart; the last bit stands for all further ones.
const TOLD_APART: usize = 64;
/// The table of all documents is not worth it when there are more than this many to a posting.
const DOCUMENTS_PER_POSTING: u64 = 32;
const FEW_POSTINGS: u64 = 4_096;

/// A document that may be a hit.
struct Found {
    document: u32,
    frame_id: u64,
    sum: f32,
    boost: f32,
    present: u64,
}

impl<'a> ShardSearch<'_, 'a> {
    /// Finds the best documents that hold any of the words, and returns how many do. `None` when another way is better:
    /// for so many `postings` that most need not be read, or too few for the size of the shard.
    pub(crate) fn exhaustive(
        &mut self,
        best: &mut Best,
        postings: u64,
        most: u64,
    ) -> Result<Option<u64>> {
        let mut groups = self.groups()?;
        let count = groups.groups.len();
        let documents = u64::from(self.scoring.shard.document_count());
        // Leaving documents out needs all words at each one: with many words that is the slower way always.
        let few = postings <= most
            && documents
                <= postings
                    .max(FEW_POSTINGS)
                    .saturating_mul(DOCUMENTS_PER_POSTING);
        if count <= TOLD_APART && !few {
            return Ok(None);
        }
        let mut found = self.every_document(&mut groups)?;
        let total = found.len() as u64;
        let threshold = threshold(&found, best);
        if count > TOLD_APART {
            groups = self.groups()?;
        }
        let mut scores = vec![0.0; count];
        found.retain(|found| (found.sum + groups.pair_bound) * found.boost >= threshold);
        for found in &found {
            let matches = if count > TOLD_APART {
                groups.score(found.document, &mut scores, &self.scoring).1
            } else {
                for (index, score) in scores.iter_mut().enumerate() {
                    *score = f32::from((found.present >> index & 1) as u8);
                }
                found.present.count_ones()
            };
            let reach = (found.sum + groups.pair_reach(&scores)) * found.boost;
            if reach >= threshold.max(best.threshold()) {
                let bonus =
                    groups.pair_bonus(found.document, &scores, self.resolved, &self.scoring)?;
                let score = (found.sum + bonus) * found.boost;
                self.push(best, found.document, found.frame_id, score, matches);
            }
        }
        Ok(Some(total))
    }

    /// All documents that hold a word and fulfil the conditions, in order, with what their words score.
    fn every_document(&self, groups: &mut Groups<'a>) -> Result<Vec<Found>> {
        let documents = self.scoring.shard.document_count() as usize;
        let mut slots = vec![Slot::UNTOUCHED; documents];
        let mut present = vec![0_u64; documents.div_ceil(64)];
        let mut optional = 0;
        let mut touched = Vec::new();
        for (index, group) in groups.groups.iter_mut().enumerate() {
            let bit = 1 << index.min(TOLD_APART - 1);
            if self.query.any.contains(&group.term) {
                optional |= bit;
            }
            group.add_scores(&mut slots, bit, &self.scoring, &mut touched);
            for document in &touched {
                present[*document as usize / 64] |= 1 << (document % 64);
            }
        }
        let mut filter = if self.query.must.is_empty() {
            None
        } else {
            Some(self.matcher(&self.query.must)?)
        };
        let mut excluded = self.excluded()?;
        let boosts = !self.scoring.shard.boosted().is_empty();
        let count = present.iter().map(|word| word.count_ones() as usize).sum();
        let mut found = Vec::with_capacity(count);
        for (index, mut word) in present.into_iter().enumerate() {
            while word != 0 {
                let document = index as u32 * 64 + word.trailing_zeros();
                word &= word - 1;
                let slot = &slots[document as usize];
                if slot.present & optional == 0
                    || filter
                        .as_mut()
                        .is_some_and(|filter| filter.seek(document) != document)
                    || excluded
                        .iter_mut()
                        .any(|matcher| matcher.seek(document) == document)
                {
                    continue;
                }
                let frame_id = self.scoring.shard.frame(document);
                if self.accepts(frame_id) {
                    found.push(Found {
                        document,
                        frame_id,
                        sum: slot.sum,
                        boost: if boosts { self.boost(document) } else { 1.0 },
                        present: slot.present,
                    });
                }
            }
        }
        Ok(found)
    }
}

/// What a document must score to be a hit, going by words alone.
fn threshold(found: &[Found], best: &Best) -> f32 {
    let known = best.threshold();
    let limit = best.limit();
    if limit == 0 || found.len() < limit {
        return known;
    }
    let mut scores: Vec<f32> = found.iter().map(|found| found.sum * found.boost).collect();
    let (_, last, _) =
        scores.select_nth_unstable_by(limit - 1, |left, right| right.total_cmp(left));
    known.max(*last * ROUNDING)
}
