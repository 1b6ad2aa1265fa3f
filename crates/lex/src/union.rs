//! `prefix*`: the terms of a shard that begin alike, one by one or brought together.

use crate::cursor::END;
use crate::error::Result;
use crate::shard::Shard;
use std::ops::ControlFlow;
use tantivy::schema::IndexRecordOption;

/// Documents that hold any of many terms, ascending, and how many occurrences each has.
///
/// All forms of a prefix but the exact one weigh the same, so their sum scores as they would one by one.
#[derive(Debug, Default)]
pub(crate) struct Union {
    pub documents: Vec<u32>,
    pub frequencies: Vec<u16>,
}

/// Adds up frequencies in memory bounded by the number of documents.
struct Sum {
    /// Few postings, one by one.
    pairs: Vec<(u32, u16)>,
    /// Many: a frequency for each document.
    dense: Vec<u16>,
    documents: usize,
}

/// A list of pairs becomes a table when it is longer than this share of it.
const DENSE_SHARE: usize = 8;

impl Sum {
    fn add(&mut self, document: u32, frequency: u32) {
        let frequency = u16::try_from(frequency).unwrap_or(u16::MAX);
        if self.dense.is_empty() {
            self.pairs.push((document, frequency));
            if self.pairs.len() > self.documents / DENSE_SHARE {
                self.dense.resize(self.documents, 0);
                for (document, frequency) in std::mem::take(&mut self.pairs) {
                    self.add(document, frequency.into());
                }
            }
        } else if let Some(sum) = self.dense.get_mut(document as usize) {
            *sum = sum.saturating_add(frequency);
        }
    }

    fn finish(mut self) -> Union {
        let mut union = Union::default();
        if self.dense.is_empty() {
            self.pairs.sort_unstable_by_key(|(document, _)| *document);
            for (document, frequency) in self.pairs {
                match (union.documents.last(), union.frequencies.last_mut()) {
                    (Some(last), Some(sum)) if *last == document => {
                        *sum = sum.saturating_add(frequency);
                    }
                    _ => {
                        union.documents.push(document);
                        union.frequencies.push(frequency);
                    }
                }
            }
            return union;
        }
        for (document, frequency) in (0..).zip(self.dense) {
            if frequency > 0 {
                union.documents.push(document);
                union.frequencies.push(frequency);
            }
        }
        union
    }
}

impl Shard<'_> {
    /// Calls `found` with terms of `field` that begin with `prefix` and how many documents hold each, until it breaks.
    pub(crate) fn prefix_terms(
        &self,
        field: usize,
        prefix: &str,
        found: &mut dyn FnMut(&str, u64) -> ControlFlow<()>,
    ) -> Result<()> {
        match self {
            Self::Disk { parts, .. } => {
                let terms = parts.text(field).inverted.terms();
                let mut stream = terms
                    .range()
                    .ge(prefix.as_bytes())
                    .into_stream()
                    .map_err(|error| self.failed(&error))?;
                while stream.advance() && stream.key().starts_with(prefix.as_bytes()) {
                    if let Ok(term) = std::str::from_utf8(stream.key())
                        && found(term, u64::from(stream.value().doc_freq)).is_break()
                    {
                        break;
                    }
                }
            }
            Self::Memory { store, visible } => {
                for (term, fields) in store.terms_with_prefix(prefix) {
                    let frequency = fields[field].document_frequency(*visible);
                    if frequency > 0 && found(term, frequency as u64).is_break() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Brings together all terms of `field` that begin with `prefix` and are longer.
    pub(crate) fn union(&self, field: usize, prefix: &str) -> Result<Union> {
        let mut sum = Sum {
            pairs: Vec::new(),
            dense: Vec::new(),
            documents: self.document_count() as usize,
        };
        match self {
            Self::Disk { parts, .. } => {
                let inverted = &parts.text(field).inverted;
                let mut stream = inverted
                    .terms()
                    .range()
                    .gt(prefix.as_bytes())
                    .into_stream()
                    .map_err(|error| self.failed(&error))?;
                while stream.advance() && stream.key().starts_with(prefix.as_bytes()) {
                    let mut block = inverted
                        .read_block_postings_from_terminfo(
                            stream.value(),
                            IndexRecordOption::WithFreqs,
                        )
                        .map_err(|error| self.failed(&error))?;
                    while block.block_len() > 0 {
                        for index in 0..block.block_len() {
                            let document = block.doc(index);
                            if document != END {
                                sum.add(document, block.freq(index));
                            }
                        }
                        block.advance();
                    }
                }
            }
            Self::Memory { store, visible } => {
                for (term, fields) in store.terms_with_prefix(prefix) {
                    let postings = &fields[field];
                    if term != prefix {
                        for index in 0..postings.document_frequency(*visible) {
                            sum.add(postings.documents[index], postings.frequency(index));
                        }
                    }
                }
            }
        }
        Ok(sum.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_postings_add_up_alike() {
        let sum = |documents: usize| {
            let mut sum = Sum {
                pairs: Vec::new(),
                dense: Vec::new(),
                documents,
            };
            for (document, frequency) in [(7, 1), (2, 3), (7, 70_000), (0, 2), (2, 1)] {
                sum.add(document, frequency);
            }
            let dense = !sum.dense.is_empty();
            let union = sum.finish();
            (dense, union.documents, union.frequencies)
        };
        let expected = (vec![0, 2, 7], vec![2, 4, u16::MAX]);
        assert_eq!(sum(8), (true, expected.0.clone(), expected.1.clone()));
        assert_eq!(sum(1_000), (false, expected.0, expected.1));
    }
}
