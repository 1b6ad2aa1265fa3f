//! The inverted index behind [`super::PendingIndex`]: append-only, so that a prefix of it never changes.

use crate::analyzer::class_key;
use crate::document::Document;
use crate::schema::{effective_boost, keyword_terms};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use tantivy::fieldnorm::FieldNormReader;

/// Postings of one term in one field, documents ascending.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryPostings {
    pub documents: Vec<u32>,
    /// End of the positions of each document.
    pub ends: Vec<u32>,
    pub positions: Vec<u32>,
}

impl MemoryPostings {
    fn push(&mut self, document: u32, position: u32) {
        self.positions.push(position);
        // Positions of one term past 4 billion cannot fit in memory.
        let end = self.positions.len() as u32;
        match (self.documents.last(), self.ends.last_mut()) {
            (Some(last), Some(last_end)) if *last == document => *last_end = end,
            _ => {
                self.documents.push(document);
                self.ends.push(end);
            }
        }
    }

    /// How many of the first `visible` documents hold the term.
    pub(crate) fn document_frequency(&self, visible: u32) -> usize {
        visible_part(&self.documents, visible)
    }

    pub(crate) fn frequency(&self, index: usize) -> u32 {
        self.ends[index] - self.start(index)
    }

    pub(crate) fn positions(&self, index: usize) -> &[u32] {
        &self.positions[self.start(index) as usize..self.ends[index] as usize]
    }

    fn start(&self, index: usize) -> u32 {
        if index == 0 { 0 } else { self.ends[index - 1] }
    }

    fn truncated(&self, visible: u32) -> Self {
        let count = self.document_frequency(visible);
        let end = if count == 0 { 0 } else { self.ends[count - 1] };
        Self {
            documents: self.documents[..count].to_vec(),
            ends: self.ends[..count].to_vec(),
            positions: self.positions[..end as usize].to_vec(),
        }
    }
}

fn visible_part(documents: &[u32], visible: u32) -> usize {
    match documents.last() {
        Some(last) if *last >= visible => documents.partition_point(|document| *document < visible),
        _ => documents.len(),
    }
}

/// All pending documents. Field 0 is the title, field 1 the body.
#[derive(Debug, Default)]
pub(crate) struct Store {
    frames: Vec<u64>,
    timestamps: Vec<i64>,
    norms: [Vec<u8>; 2],
    /// Sum of the quantised lengths up to and including each document.
    token_counts: Vec<[u64; 2]>,
    boosted: Vec<(u32, f32)>,
    /// Number of each term, which never changes, and postings by that number.
    terms: FxHashMap<Box<str>, u32>,
    postings: Vec<[MemoryPostings; 2]>,
    /// Forms of each class that differ from its key.
    classes: FxHashMap<Box<str>, Vec<Box<str>>>,
    keywords: BTreeMap<Box<str>, Vec<u32>>,
}

impl Store {
    pub(crate) fn len(&self) -> u32 {
        self.token_counts.len() as u32
    }

    /// Begins a document and returns its number.
    pub(super) fn begin(&mut self, document: &Document<'_>) -> u32 {
        let id = self.len();
        self.frames.push(document.frame_id);
        self.timestamps.push(document.timestamp);
        let boost = effective_boost(document.boost);
        if boost != 1.0 {
            self.boosted.push((id, boost));
        }
        for term in keyword_terms(document) {
            let documents = self.keywords.entry(term.into()).or_default();
            if documents.last() != Some(&id) {
                documents.push(id);
            }
        }
        id
    }

    pub(super) fn push(&mut self, document: u32, field: usize, term: &str, position: u32) {
        if let Some(number) = self.terms.get(term) {
            self.postings[*number as usize][field].push(document, position);
            return;
        }
        let key = class_key(term);
        if key != term {
            self.classes
                .entry(key.into())
                .or_default()
                .push(term.into());
        }
        let mut postings: [MemoryPostings; 2] = Default::default();
        postings[field].push(document, position);
        // More than 4 billion terms cannot fit in memory.
        self.terms.insert(term.into(), self.postings.len() as u32);
        self.postings.push(postings);
    }

    /// Ends the document begun last, which has so many terms in title and body.
    pub(super) fn end(&mut self, title: usize, body: usize) {
        let mut counts = self.token_counts.last().copied().unwrap_or_default();
        for (field, length) in [title, body].into_iter().enumerate() {
            let norm = FieldNormReader::fieldnorm_to_id(u32::try_from(length).unwrap_or(u32::MAX));
            self.norms[field].push(norm);
            counts[field] += u64::from(FieldNormReader::id_to_fieldnorm(norm));
        }
        self.token_counts.push(counts);
    }

    pub(super) fn truncated(&self, visible: u32) -> Self {
        let count = visible as usize;
        let mut terms = FxHashMap::default();
        let mut postings = Vec::new();
        for (term, number) in &self.terms {
            let fields = self.postings[*number as usize]
                .each_ref()
                .map(|postings| postings.truncated(visible));
            if fields.iter().any(|postings| !postings.documents.is_empty()) {
                terms.insert(term.clone(), postings.len() as u32);
                postings.push(fields);
            }
        }
        let keywords = self.keywords.iter().map(|(term, documents)| {
            (
                term.clone(),
                documents[..visible_part(documents, visible)].to_vec(),
            )
        });
        Self {
            frames: self.frames[..count].to_vec(),
            timestamps: self.timestamps[..count].to_vec(),
            norms: self.norms.each_ref().map(|norms| norms[..count].to_vec()),
            token_counts: self.token_counts[..count].to_vec(),
            boosted: self.boosted(visible).to_vec(),
            classes: self.classes.clone(),
            keywords: keywords
                .filter(|(_, documents)| !documents.is_empty())
                .collect(),
            terms,
            postings,
        }
    }

    pub(crate) fn frame(&self, document: u32) -> u64 {
        self.frames[document as usize]
    }

    pub(crate) fn timestamp(&self, document: u32) -> i64 {
        self.timestamps[document as usize]
    }

    pub(crate) fn norm(&self, field: usize, document: u32) -> u8 {
        self.norms[field][document as usize]
    }

    pub(crate) fn boosted(&self, visible: u32) -> &[(u32, f32)] {
        &self.boosted[..self
            .boosted
            .partition_point(|(document, _)| *document < visible)]
    }

    pub(crate) fn token_counts(&self, visible: u32) -> [u64; 2] {
        visible
            .checked_sub(1)
            .and_then(|last| self.token_counts.get(last as usize))
            .copied()
            .unwrap_or_default()
    }

    /// The number of a term, for [`Store::postings`].
    pub(crate) fn term(&self, term: &str) -> Option<u32> {
        self.terms.get(term).copied()
    }

    pub(crate) fn postings(&self, field: usize, term: u32) -> &MemoryPostings {
        &self.postings[term as usize][field]
    }

    pub(crate) fn forms(&self, key: &str) -> impl Iterator<Item = &str> {
        self.classes
            .get(key)
            .into_iter()
            .flatten()
            .map(AsRef::as_ref)
    }

    /// All terms that begin with `prefix`, in no order.
    pub(crate) fn terms_with_prefix<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a [MemoryPostings; 2])> {
        self.terms
            .iter()
            .filter(move |(term, _)| term.starts_with(prefix))
            .map(|(term, number)| (term.as_ref(), &self.postings[*number as usize]))
    }

    pub(crate) fn keyword(&self, term: &str, visible: u32) -> &[u32] {
        self.keywords.get(term).map_or(&[], |documents| {
            &documents[..visible_part(documents, visible)]
        })
    }

    pub(crate) fn keywords_with_prefix<'a>(
        &'a self,
        prefix: &'a str,
        visible: u32,
    ) -> impl Iterator<Item = &'a [u32]> {
        self.keywords
            .range::<str, _>((
                std::ops::Bound::Included(prefix),
                std::ops::Bound::Unbounded,
            ))
            .take_while(move |(term, _)| term.starts_with(prefix))
            .map(move |(_, documents)| &documents[..visible_part(documents, visible)])
    }
}
