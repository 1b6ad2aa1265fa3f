//! Scoring of one query term in one shard.

use crate::cursor::{BLOCK_LENGTH, Cursor, END, PositionCursor};
use crate::error::Result;
use crate::index::TextField;
use crate::rank::{Norms, Ranking};
use crate::resolve::{Form, Resolved};
use crate::shard::Shard;
use crate::sieve::Sieve;
use crate::window::Window;
use std::cell::OnceCell;

/// Postings of one form in one field.
struct List<'a> {
    cursor: Cursor<'a>,
    /// The document that `cursor` stands at.
    document: u32,
    field: usize,
    weight: f32,
    /// Number of the form, and where its postings are.
    form: usize,
    text_field: Option<&'a TextField>,
    positions: Option<PositionCursor<'a>>,
    has_positions: bool,
}

/// All postings of one query term in one shard.
pub(crate) struct Group<'a> {
    lists: Vec<List<'a>>,
    /// The lowest document that any list stands at.
    document: u32,
    pub idf: f32,
    /// Index of the term in the query.
    pub term: usize,
}

/// What groups share while scoring one shard.
pub(crate) struct Scoring<'s, 'a> {
    pub shard: Shard<'a>,
    pub ranking: &'s Ranking,
    pub norms: &'s Norms,
    peak_factors: [OnceCell<f32>; 2],
}

impl<'s, 'a> Scoring<'s, 'a> {
    pub(crate) fn new(shard: Shard<'a>, ranking: &'s Ranking, norms: &'s Norms) -> Self {
        Self {
            shard,
            ranking,
            norms,
            peak_factors: [const { OnceCell::new() }; 2],
        }
    }

    /// Turns the peak of a block into a bound on the evidence: see [`Norms::peak_factor`].
    #[inline]
    fn peak_factor(&self, field: usize) -> f32 {
        *self.peak_factors[field].get_or_init(|| match self.shard.text_field(field) {
            Some(text_field) => {
                let (average, longest) = (text_field.average_length, text_field.longest());
                self.norms.peak_factor(field, average, longest)
            }
            None => f32::INFINITY,
        })
    }
}

impl<'a> Group<'a> {
    /// Opens the postings of a term; `None` when the shard holds no form of it.
    pub(crate) fn open(
        term: usize,
        resolved: &Resolved,
        shard_index: usize,
        scoring: &Scoring<'_, 'a>,
    ) -> Result<Option<Self>> {
        let mut lists = Vec::new();
        for (form_index, form) in resolved.forms[shard_index].iter().enumerate() {
            for (field, handle) in form.handles.iter().enumerate() {
                let Some(handle) = handle else { continue };
                let cursor = scoring.shard.cursor(field, handle)?;
                lists.push(List {
                    document: cursor.document(),
                    cursor,
                    field,
                    weight: form.weight,
                    form: form_index,
                    text_field: scoring.shard.text_field(field),
                    positions: None,
                    has_positions: handle.has_positions(),
                });
            }
        }
        if lists.is_empty() {
            return Ok(None);
        }
        let mut group = Self {
            lists,
            document: 0,
            idf: resolved.idf,
            term,
        };
        group.update_document();
        Ok(Some(group))
    }

    /// No document scores more. Before the group has moved.
    pub(crate) fn upper_bound(
        &mut self,
        resolved: &Resolved,
        shard_index: usize,
        scoring: &Scoring<'_, 'a>,
    ) -> f32 {
        let mut evidence = 0.0;
        for list in &mut self.lists {
            let handle = resolved.forms[shard_index][list.form].handles[list.field].as_ref();
            let peak = match handle {
                Some(handle) if handle.document_frequency() >= BLOCK_LENGTH as u64 => {
                    scoring.shard.peak(list.field, handle)
                }
                // All postings are in the current block.
                _ => list.cursor.block_peak(list.text_field),
            };
            evidence += list.weight * peak * scoring.peak_factor(list.field);
        }
        self.idf * scoring.ranking.evidence_bound(evidence)
    }

    /// As many documents as `limit` score at least this by the word alone, as far as can be told without looking at them.
    pub(crate) fn floor(
        &self,
        limit: usize,
        resolved: &Resolved,
        shard_index: usize,
        scoring: &Scoring<'_, 'a>,
    ) -> Option<f32> {
        let last = limit.checked_sub(1)?;
        let lists = self.lists.iter().filter_map(|list| {
            let form = &resolved.forms[shard_index][list.form];
            let strong = scoring
                .shard
                .strong_documents(list.field, form.handles[list.field].as_ref()?);
            let mut evidence: Vec<f32> = strong
                .iter()
                .map(|document| {
                    let factor = scoring.norms.factor(list.field, document.norm);
                    list.weight * f32::from(document.frequency) * factor
                })
                .collect();
            if last >= evidence.len() {
                return None;
            }
            let (_, evidence, _) =
                evidence.select_nth_unstable_by(last, |left, right| right.total_cmp(left));
            Some(self.idf * scoring.ranking.evidence(*evidence))
        });
        lists.max_by(f32::total_cmp)
    }

    /// The lowest document at which the group stands, [`END`] when it is used up.
    #[inline]
    pub(crate) fn document(&self) -> u32 {
        self.document
    }

    #[inline]
    fn update_document(&mut self) {
        self.document = self
            .lists
            .iter()
            .map(|list| list.document)
            .min()
            .unwrap_or(END);
    }

    /// The last document up to which [`Group::block_bound`] can tell.
    #[inline]
    pub(crate) fn block_end(&self) -> u32 {
        self.lists
            .iter()
            .filter(|list| list.document != END)
            .map(|list| list.cursor.block_end())
            .min()
            .unwrap_or(END - 1)
    }

    /// The best score of documents from the current one to `end`, which must not lie behind [`Group::block_end`].
    pub(crate) fn block_bound(&mut self, end: u32, scoring: &Scoring<'_, 'a>) -> f32 {
        let mut evidence = 0.0;
        for list in self
            .lists
            .iter_mut()
            .filter(|list| list.document <= end && list.document != END)
        {
            let peak = list.cursor.block_peak(list.text_field);
            evidence += list.weight * peak * scoring.peak_factor(list.field);
        }
        if evidence > 0.0 {
            self.idf * scoring.ranking.evidence_bound(evidence)
        } else {
            0.0
        }
    }

    /// Moves to the first document at or behind `target`.
    #[inline]
    pub(crate) fn seek(&mut self, target: u32) -> u32 {
        if self.document >= target {
            return self.document;
        }
        for list in &mut self.lists {
            if list.document < target {
                list.document = list.cursor.seek(target);
            }
        }
        self.update_document();
        self.document
    }

    /// Score of `document`, which the group must stand at.
    #[inline]
    pub(crate) fn score(&self, document: u32, scoring: &Scoring<'_, 'a>) -> f32 {
        let mut evidence = 0.0;
        for list in &self.lists {
            if list.document == document {
                evidence += list.evidence(scoring);
            }
        }
        self.idf * scoring.ranking.evidence(evidence)
    }

    /// How many postings there are.
    pub(crate) fn document_frequency(&self) -> u64 {
        let lists = self.lists.iter();
        lists.map(|list| list.cursor.document_frequency()).sum()
    }

    /// The cursors, to be used again.
    pub(crate) fn into_cursors(self) -> impl Iterator<Item = Cursor<'a>> {
        self.lists.into_iter().map(|list| list.cursor)
    }

    /// Whether [`Group::positions`] knows all positions.
    pub(crate) fn has_positions(&self) -> bool {
        self.lists.iter().all(|list| list.has_positions)
    }

    /// Adds what this word scores to the documents of `window` from the current one on, and moves to `end`, which must not
    /// lie behind the end of the window.
    pub(crate) fn accumulate(
        &mut self,
        window: &mut Window,
        end: u32,
        bit: u64,
        scoring: &Scoring<'_, 'a>,
    ) {
        if self.document >= end {
            return;
        }
        let (idf, ranking) = (self.idf, scoring.ranking);
        let score = |evidence: f32| idf * ranking.evidence(evidence);
        let alone = self.lists.iter().filter(|list| list.document < end).count() == 1;
        let mut next = END;
        for list in &mut self.lists {
            if list.document < end {
                let factors = scoring.norms.table(list.field);
                let weight = list.weight;
                let evidence = |frequency: u32, norm: u8| {
                    weight * frequency as f32 * factors[usize::from(norm)]
                };
                let (shard, field, cursor) = (scoring.shard, list.field, &mut list.cursor);
                list.document = if alone {
                    shard.take_until(field, cursor, end, |document, frequency, norm| {
                        window.add_score(document, score(evidence(frequency, norm)), bit);
                    })
                } else {
                    shard.take_until(field, cursor, end, |document, frequency, norm| {
                        window.add_evidence(document, evidence(frequency, norm));
                    })
                };
            }
            next = next.min(list.document);
        }
        self.document = next;
        if !alone {
            window.settle(bit, score);
        }
    }

    /// Notes the postings from the current one to `end`, and moves there.
    pub(crate) fn note(&mut self, sieve: &mut Sieve, word: usize, end: u32) {
        if self.document >= end {
            return;
        }
        for (number, list) in self.lists.iter_mut().enumerate() {
            if list.document < end {
                let take = |documents: &[u32], frequencies: &[u32]| {
                    sieve.note(word, number, documents, frequencies);
                };
                list.document = list.cursor.take_blocks_until(end, take);
            }
        }
        self.update_document();
    }

    /// Adds what this word, noted in `sieve` under its number, scores to the documents that pass.
    pub(crate) fn accumulate_passing(
        &self,
        sieve: &mut Sieve,
        word: usize,
        bit: u64,
        scoring: &Scoring<'_, 'a>,
    ) {
        let runs: Vec<(usize, usize)> = sieve.lists(word).collect();
        if runs.is_empty() {
            return;
        }
        for (run, list) in runs {
            let (field, weight) = (self.lists[list].field, self.lists[list].weight);
            let factors = scoring.norms.table(field);
            sieve.add(run, |document, frequency| {
                let norm = scoring.shard.norm(field, document);
                weight * frequency as f32 * factors[usize::from(norm)]
            });
        }
        let (idf, ranking) = (self.idf, scoring.ranking);
        sieve.settle(bit, |evidence| idf * ranking.evidence(evidence));
    }

    /// Appends the positions of all forms in one field of `document`, ascending. Does not move the group.
    pub(crate) fn positions(
        &mut self,
        document: u32,
        field: usize,
        forms: &[Form],
        shard: Shard<'a>,
        scratch: &mut Vec<u32>,
        positions: &mut Vec<u32>,
    ) -> Result<()> {
        let mut count = 0;
        for list in self.lists.iter_mut().filter(|list| list.field == field) {
            if list.positions.is_none()
                && let Some(handle) = &forms[list.form].handles[field]
            {
                list.positions = Some(shard.positions(field, handle)?);
            }
            if let Some(cursor) = &mut list.positions {
                cursor.append(document, scratch, positions);
                count += 1;
            }
        }
        if count > 1 {
            positions.sort_unstable();
        }
        Ok(())
    }

    /// Calls `found` with the form, field, frequency and evidence of everything that matches `document`.
    pub(crate) fn parts(
        &self,
        document: u32,
        scoring: &Scoring<'_, 'a>,
        found: &mut dyn FnMut(usize, usize, u32, f32),
    ) {
        for list in self.lists.iter().filter(|list| list.document == document) {
            found(
                list.form,
                list.field,
                list.cursor.frequency(),
                list.evidence(scoring),
            );
        }
    }
}

impl<'a> List<'a> {
    #[inline]
    fn evidence(&self, scoring: &Scoring<'_, 'a>) -> f32 {
        let norm = scoring.shard.norm(self.field, self.document);
        self.weight * self.cursor.frequency() as f32 * scoring.norms.factor(self.field, norm)
    }
}
