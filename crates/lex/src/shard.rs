//! One searchable part of the whole: a segment, or the pending documents.

use crate::cursor::{BLOCK_LENGTH, Cursor, END, PositionCursor};
use crate::document_set::{DocumentSet, MIN_KEPT_DOCUMENTS};
use crate::error::{Error, Result};
use crate::index::{Parts, Segment, TextField};
use crate::pending::Store;
use crate::posting_bytes::{BlockPeak, FullBlocks};
use crate::union::Union;
use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};
use tantivy::postings::TermInfo;
use tantivy::schema::IndexRecordOption;

/// Number of the title field.
pub(crate) const TITLE: usize = 0;
/// Number of the body field.
pub(crate) const BODY: usize = 1;

/// One searchable part of the whole. Documents are numbered from 0 in each.
#[derive(Clone, Copy)]
pub(crate) enum Shard<'a> {
    Disk {
        segment: &'a Segment,
        parts: &'a Parts,
    },
    Memory {
        store: &'a Store,
        visible: u32,
    },
}

/// Where the postings of a term are. Of use with the shard that it comes from.
#[derive(Debug, Clone)]
pub(crate) enum Handle {
    Disk(Arc<DiskTerm>),
    /// Number of the term, and how many documents of the snapshot hold it.
    Memory(u32, usize),
    /// All terms that begin alike, brought together.
    Union(Arc<Union>),
}

/// A term of a segment.
#[derive(Debug)]
pub(crate) struct DiskTerm {
    info: TermInfo,
    /// The peak of all its postings, once it is asked for: see [`Cursor::block_peak`].
    peak: OnceLock<f32>,
    /// What is known of its full blocks, once it is asked for.
    blocks: OnceLock<Option<FullBlocks>>,
}

impl DiskTerm {
    fn full_blocks(&self, field: &TextField) -> Option<&FullBlocks> {
        let blocks = self
            .blocks
            .get_or_init(|| field.postings.full_blocks(&self.info, field));
        blocks.as_ref()
    }
}

impl Handle {
    pub(crate) fn document_frequency(&self) -> u64 {
        match self {
            Self::Disk(term) => u64::from(term.info.doc_freq),
            Self::Memory(_, length) => *length as u64,
            Self::Union(union) => union.documents.len() as u64,
        }
    }

    /// Whether [`Shard::positions`] knows where in a document the term is.
    pub(crate) fn has_positions(&self) -> bool {
        !matches!(self, Self::Union(_))
    }
}

impl<'a> Shard<'a> {
    /// Fails with [`Error::CorruptSegment`] when what searches need of it cannot be opened.
    pub(crate) fn of_segment(segment: &'a Segment) -> Result<Self> {
        Ok(Self::Disk {
            segment,
            parts: segment.parts()?,
        })
    }

    pub(crate) fn document_count(&self) -> u32 {
        match self {
            Self::Disk { segment, .. } => segment.document_count(),
            Self::Memory { visible, .. } => *visible,
        }
    }

    /// Sum of the quantised lengths of titles and bodies.
    pub(crate) fn token_counts(&self) -> [u64; 2] {
        match self {
            Self::Disk { segment, .. } => segment.token_counts(),
            Self::Memory { store, visible } => store.token_counts(*visible),
        }
    }

    #[inline]
    pub(crate) fn frame(&self, document: u32) -> u64 {
        match self {
            Self::Disk { parts, .. } => parts.frames.get_val(document),
            Self::Memory { store, .. } => store.frame(document),
        }
    }

    /// Whether frame ids are known to ascend with the numbers of the documents. Asked once for every look at a frame that was for
    /// nothing.
    pub(crate) fn has_ascending_frames(&self) -> bool {
        match self {
            Self::Disk { segment, parts } => parts.frames_ascend(segment.document_count()),
            Self::Memory { .. } => false,
        }
    }

    #[inline]
    pub(crate) fn timestamp(&self, document: u32) -> i64 {
        match self {
            Self::Disk { parts, .. } => parts.timestamps.get_val(document),
            Self::Memory { store, .. } => store.timestamp(document),
        }
    }

    #[inline]
    pub(crate) fn norm(&self, field: usize, document: u32) -> u8 {
        match self {
            Self::Disk { parts, .. } => parts.text(field).norms.fieldnorm_id(document),
            Self::Memory { store, .. } => store.norm(field, document),
        }
    }

    /// Passes the postings of `cursor` before the document `end` to `found`: document, frequency and quantised length.
    /// Returns the document that it then stands at.
    #[inline]
    pub(crate) fn take_until(
        &self,
        field: usize,
        cursor: &mut Cursor<'a>,
        end: u32,
        mut found: impl FnMut(u32, u32, u8),
    ) -> u32 {
        match self {
            Self::Disk { parts, .. } => {
                let norms = &parts.text(field).norms;
                cursor.take_until(end, |document, frequency| {
                    found(document, frequency, norms.fieldnorm_id(document));
                })
            }
            Self::Memory { store, .. } => cursor.take_until(end, |document, frequency| {
                found(document, frequency, store.norm(field, document));
            }),
        }
    }

    /// Documents whose boost is not 1, ascending.
    pub(crate) fn boosted(&self) -> &'a [(u32, f32)] {
        match self {
            Self::Disk { parts, .. } => &parts.boosted,
            Self::Memory { store, visible } => store.boosted(*visible),
        }
    }

    /// The field as it is written, if it is.
    pub(crate) fn text_field(&self, field: usize) -> Option<&'a TextField> {
        match self {
            Self::Disk { parts, .. } => Some(parts.text(field)),
            Self::Memory { .. } => None,
        }
    }

    /// Looks a term up; `None` when no document holds it.
    pub(crate) fn term(&self, field: usize, term: &str) -> Result<Option<Handle>> {
        match self {
            // Many memories have no titles.
            Self::Disk { segment, .. } if segment.token_counts()[field] == 0 => Ok(None),
            Self::Disk { parts, .. } => {
                let found = parts.text(field).inverted.terms().get(term.as_bytes());
                let found = found.map_err(|error| self.failed(&error))?;
                Ok(found.map(|info| {
                    Handle::Disk(Arc::new(DiskTerm {
                        info,
                        peak: OnceLock::new(),
                        blocks: OnceLock::new(),
                    }))
                }))
            }
            Self::Memory { store, visible } => Ok(store.term(term).and_then(|number| {
                let length = store.postings(field, number).document_frequency(*visible);
                (length > 0).then_some(Handle::Memory(number, length))
            })),
        }
    }

    pub(crate) fn cursor(&self, field: usize, handle: &Handle) -> Result<Cursor<'a>> {
        match (self, handle) {
            (_, Handle::Union(union)) => Ok(Cursor::union(Arc::clone(union))),
            (Self::Disk { parts, .. }, Handle::Disk(term)) => {
                let inverted = &parts.text(field).inverted;
                let block = match parts.spare.take() {
                    Some(mut block) => inverted
                        .reset_block_postings_from_terminfo(&term.info, &mut block)
                        .map(|()| block),
                    None => inverted
                        .read_block_postings_from_terminfo(&term.info, IndexRecordOption::WithFreqs)
                        .map(Box::new),
                };
                block.map(Cursor::disk).map_err(|error| self.failed(&error))
            }
            (Self::Memory { store, .. }, Handle::Memory(number, length)) => {
                Ok(Cursor::memory(store.postings(field, *number), *length))
            }
            _ => Err(mixed_up()),
        }
    }

    /// The highest peak of all blocks: see [`Cursor::block_peak`]. Infinite when nothing is known.
    pub(crate) fn peak(&self, number: usize, handle: &Handle) -> f32 {
        let (Self::Disk { parts, .. }, Handle::Disk(term)) = (self, handle) else {
            return f32::INFINITY;
        };
        *term.peak.get_or_init(|| {
            let full = term.full_blocks(parts.text(number));
            let full = full.map(|blocks| blocks.highest);
            // What cannot be read here cannot be searched either, and is told then.
            let last = self.last_block_peak(number, handle);
            full.zip(last)
                .map_or(f32::INFINITY, |(full, last)| full.max(last))
        })
    }

    /// Documents that hold the term and count much, each another one; those that need no looking for.
    pub(crate) fn strong_documents<'h>(
        &self,
        number: usize,
        handle: &'h Handle,
    ) -> &'h [BlockPeak] {
        let (Self::Disk { parts, .. }, Handle::Disk(term)) = (self, handle) else {
            return &[];
        };
        let blocks = term.full_blocks(parts.text(number));
        blocks.map_or(&[], |blocks| &blocks.best)
    }

    /// The last block says nothing of its peak when it is not full.
    fn last_block_peak(&self, field: usize, handle: &Handle) -> Option<f32> {
        if handle
            .document_frequency()
            .is_multiple_of(BLOCK_LENGTH as u64)
        {
            return Some(0.0);
        }
        let mut cursor = self.cursor(field, handle).ok()?;
        cursor.seek(END - 1);
        let peak = cursor.block_peak(self.text_field(field));
        self.recycle(std::iter::once(cursor));
        Some(peak)
    }

    /// Takes back the cursors of a search that is over.
    pub(crate) fn recycle(&self, cursors: impl Iterator<Item = Cursor<'a>>) {
        if let Self::Disk { parts, .. } = self {
            parts.spare.keep(cursors.filter_map(Cursor::into_block));
        }
    }

    /// Fails when [`Handle::has_positions`] says no.
    pub(crate) fn positions(&self, field: usize, handle: &Handle) -> Result<PositionCursor<'a>> {
        match (self, handle) {
            (Self::Disk { parts, .. }, Handle::Disk(term)) => {
                let inverted = &parts.text(field).inverted;
                let postings = inverted.read_postings_from_terminfo(
                    &term.info,
                    IndexRecordOption::WithFreqsAndPositions,
                );
                postings
                    .map(|postings| PositionCursor::Disk(Box::new(postings)))
                    .map_err(|error| self.failed(&error))
            }
            (Self::Memory { store, .. }, Handle::Memory(number, length)) => {
                Ok(PositionCursor::Memory {
                    postings: store.postings(field, *number),
                    length: *length,
                })
            }
            _ => Err(mixed_up()),
        }
    }

    /// Calls `found` with every form of the class `key` but the key itself.
    pub(crate) fn class_forms(&self, key: &str, found: &mut dyn FnMut(&str)) {
        match self {
            Self::Disk { parts, .. } => parts.classes.forms(key, found),
            Self::Memory { store, .. } => store.forms(key).for_each(found),
        }
    }

    /// Documents that hold a keyword.
    pub(crate) fn keyword_documents(&self, term: &str) -> Result<KeywordDocuments> {
        let (segment, parts) = match self {
            Self::Disk { segment, parts } => (segment, parts),
            Self::Memory { store, visible } => {
                let documents = store.keyword(term, *visible).to_vec();
                return Ok(KeywordDocuments::List(documents));
            }
        };
        if let Some(set) = parts.kept_sets.get(term) {
            return Ok(KeywordDocuments::Set(set));
        }
        let found = parts
            .keywords
            .terms()
            .get(term.as_bytes())
            .map_err(|error| self.failed(&error))?;
        let mut documents = Vec::new();
        let Some(info) = found else {
            return Ok(KeywordDocuments::List(documents));
        };
        self.append_keyword(parts, &info, &mut documents)?;
        if info.doc_freq < MIN_KEPT_DOCUMENTS {
            return Ok(KeywordDocuments::List(documents));
        }
        let set = DocumentSet::new(segment.document_count(), documents.into_iter());
        let set = Arc::new(set);
        parts.kept_sets.keep(term, &set);
        Ok(KeywordDocuments::Set(set))
    }

    /// Documents that hold one of the keywords beginning with `prefix`, ascending, unless there are more than `limit` of
    /// these.
    pub(crate) fn few_keywords_documents(
        &self,
        prefix: &str,
        limit: usize,
    ) -> Result<Option<Vec<u32>>> {
        let mut count = 0;
        match self {
            Self::Disk { parts, .. } => {
                let range = parts.keywords.terms().range().ge(prefix.as_bytes());
                let mut stream = range.into_stream().map_err(|error| self.failed(&error))?;
                while count <= limit
                    && stream.advance()
                    && stream.key().starts_with(prefix.as_bytes())
                {
                    count += 1;
                }
            }
            Self::Memory { store, visible } => {
                let found = store.keywords_with_prefix(prefix, *visible);
                count = found.take(limit + 1).count();
            }
        }
        if count > limit {
            return Ok(None);
        }
        self.keyword_prefix_documents(prefix).map(Some)
    }

    /// The earliest and the latest timestamp, or what encloses them.
    pub(crate) fn timestamps(&self) -> RangeInclusive<i64> {
        match self {
            Self::Disk { parts, .. } => parts.timestamps.min_value()..=parts.timestamps.max_value(),
            Self::Memory { .. } => i64::MIN..=i64::MAX,
        }
    }

    /// Documents that hold a keyword beginning with `prefix`, ascending.
    pub(crate) fn keyword_prefix_documents(&self, prefix: &str) -> Result<Vec<u32>> {
        let mut documents = Vec::new();
        match self {
            Self::Disk { parts, .. } => {
                let range = parts.keywords.terms().range().ge(prefix.as_bytes());
                let mut stream = range.into_stream().map_err(|error| self.failed(&error))?;
                while stream.advance() && stream.key().starts_with(prefix.as_bytes()) {
                    self.append_keyword(parts, stream.value(), &mut documents)?;
                }
            }
            Self::Memory { store, visible } => {
                for found in store.keywords_with_prefix(prefix, *visible) {
                    documents.extend_from_slice(found);
                }
            }
        }
        documents.sort_unstable();
        documents.dedup();
        Ok(documents)
    }

    fn append_keyword(
        &self,
        parts: &Parts,
        info: &TermInfo,
        documents: &mut Vec<u32>,
    ) -> Result<()> {
        let block = parts
            .keywords
            .read_block_postings_from_terminfo(info, IndexRecordOption::Basic);
        let mut block = block.map_err(|error| self.failed(&error))?;
        documents.reserve(info.doc_freq as usize);
        while block.block_len() > 0 {
            documents.extend(
                block
                    .docs()
                    .iter()
                    .copied()
                    .take_while(|document| *document != END),
            );
            block.advance();
        }
        Ok(())
    }

    /// What a failed read of this shard means.
    pub(crate) fn failed(&self, error: &std::io::Error) -> Error {
        match self {
            Self::Disk { segment, .. } => segment.corrupt(error.to_string()),
            Self::Memory { .. } => Error::Index {
                operation: "search",
                message: error.to_string(),
            },
        }
    }
}

/// Documents that hold a keyword.
pub(crate) enum KeywordDocuments {
    /// Ascending.
    List(Vec<u32>),
    /// Many.
    Set(Arc<DocumentSet>),
}

fn mixed_up() -> Error {
    Error::Index {
        operation: "search",
        message: "postings asked of a part that does not hold them".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Document, LexIndex, SegmentBuilder};
    use tantivy::directory::OwnedBytes;

    #[test]
    fn the_peak_of_a_term_is_the_highest_of_its_blocks() {
        // The most telling document is in the first block, in the middle, or in the last block, which may be full or not.
        for documents in [128, 300, 384, 1_000] {
            for loud in [3, documents / 2, documents - 1] {
                let mut builder = SegmentBuilder::new(15_000_000).unwrap();
                for frame_id in 0..documents {
                    let times = if frame_id == loud { 9 } else { 1 };
                    let body = format!("{}and more", "owl ".repeat(times));
                    let document = Document {
                        frame_id: frame_id as u64,
                        body: &body,
                        ..Document::default()
                    };
                    builder.add(&document).unwrap();
                }
                let blob = OwnedBytes::new(builder.finish().unwrap());
                let index = LexIndex::open(vec![blob]).unwrap();
                let shard = Shard::of_segment(&index.segments()[0]).unwrap();
                let handle = shard.term(BODY, "owl").unwrap().unwrap();
                let mut cursor = shard.cursor(BODY, &handle).unwrap();
                let mut highest = 0.0_f32;
                while cursor.document() != END {
                    highest = highest.max(cursor.block_peak(shard.text_field(BODY)));
                    let end = cursor.block_end();
                    cursor.seek(end + 1);
                }
                let peak = shard.peak(BODY, &handle);
                assert!(peak.is_finite() && peak > 1.0, "{peak}");
                assert_eq!(peak, highest, "{documents} documents, {loud}");
                assert_eq!(shard.peak(TITLE, &Handle::Memory(0, 1)), f32::INFINITY);
            }
        }
    }
}
