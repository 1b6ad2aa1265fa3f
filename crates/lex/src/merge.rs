//! Making one segment of several.

use crate::classes::ClassBuilder;
use crate::columns::{Columns, Row};
use crate::error::Result;
use crate::index::{Parts, Segment, open_segments};
use crate::schema::{self, Fields};
use crate::search::guarded;
use crate::shard::{BODY, TITLE};
use crate::write::{FieldWriter, PostingFiles, PostingWriter, blob, empty_segment, failed};
use std::io;
use std::sync::Arc;
use tantivy::directory::OwnedBytes;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::Postings;
use tantivy::schema::IndexRecordOption;
use tantivy::termdict::TermMerger;
use tantivy::{DocSet, InvertedIndexReader, TERMINATED};

/// So many terms are merged between two calls of `pass`.
const TERMS_TO_PASS: u32 = 4096;

/// One blob with the documents of `segments` whose frame `keep` wants, in their order. With none left it is a valid
/// empty segment. Memory: about twice the size of the result.
///
/// `pass` is called now and then, at the latest when some thousand terms are merged: what was read of the segments until then
/// is hardly read again, so that mapped pages may be let go.
///
/// Fails with [`crate::Error::CorruptSegment`] when a segment is damaged, and with [`crate::Error::ImpossibleSegment`].
pub fn merge(
    segments: &[OwnedBytes],
    keep: &(dyn Fn(u64) -> bool + Sync),
    pass: &(dyn Fn() + Sync),
) -> Result<Vec<u8>> {
    guarded("merge", || merge_unguarded(segments, keep, pass))
}

fn merge_unguarded(
    segments: &[OwnedBytes],
    keep: &(dyn Fn(u64) -> bool + Sync),
    pass: &(dyn Fn() + Sync),
) -> Result<Vec<u8>> {
    let opened = open_segments(segments.to_vec())?;
    let mut columns = Columns::default();
    let mut sources = Vec::new();
    for segment in &opened {
        segment.verify()?;
        pass();
        let source = Source::new(segment, keep, &mut columns)?;
        if source.kept > 0 {
            sources.push(source);
        }
    }
    if sources.is_empty() {
        return Ok(empty_segment());
    }
    let (_, fields) = schema::schema();
    let Fields {
        title,
        body,
        keyword,
    } = fields;
    let summary = columns.summary();
    let norms = columns.take_norms();
    let mut files = PostingFiles::default();
    let mut classes = ClassBuilder::default();
    let mut writer = PostingWriter::new(&mut files);
    let write = || -> io::Result<()> {
        for (number, field) in [(TITLE, title), (BODY, body)] {
            let inverted: Vec<_> = sources
                .iter()
                .map(|source| &source.parts.text(number).inverted)
                .collect();
            let tokens = tokens(&sources, &inverted, &norms[number]);
            if tokens > 0 {
                let mut output = writer.text(field, tokens, &norms[number])?;
                merge_field(&sources, &inverted, &mut output, pass, &mut |term| {
                    classes.add(term);
                })?;
                output.close()?;
            }
        }
        let inverted: Vec<_> = sources
            .iter()
            .map(|source| &source.parts.keywords)
            .collect();
        let tokens: u64 = inverted
            .iter()
            .map(|inverted| inverted.total_num_tokens())
            .sum();
        if tokens > 0 {
            let mut output = writer.keywords(keyword, tokens)?;
            merge_keywords(&sources, &inverted, &mut output, pass)?;
            output.close()?;
        }
        writer.close()
    };
    write().map_err(failed("merge"))?;
    drop(sources);
    blob(summary, columns, &norms, files, classes, fields).map_err(failed("merge"))
}

/// A segment that is read.
struct Source<'a> {
    parts: &'a Parts,
    /// How many of its documents are kept.
    kept: u32,
    documents: Documents,
}

/// Numbers of the documents of a source in the result.
enum Documents {
    /// All are kept, from this number on.
    All(u32),
    /// By number in the source; [`TERMINATED`] for those that are dropped.
    Some(Vec<u32>),
}

impl Documents {
    #[inline]
    fn get(&self, document: u32) -> Option<u32> {
        match self {
            Self::All(first) => Some(first + document),
            Self::Some(numbers) => numbers
                .get(document as usize)
                .copied()
                .filter(|number| *number != TERMINATED),
        }
    }
}

impl<'a> Source<'a> {
    /// Adds the rows of the documents that are kept to `columns`.
    fn new(
        segment: &'a Segment,
        keep: &(dyn Fn(u64) -> bool + Sync),
        columns: &mut Columns,
    ) -> Result<Self> {
        let parts = segment.parts()?;
        let first = columns.len();
        let mut numbers = Vec::with_capacity(segment.document_count() as usize);
        let mut boosts = parts.boosted.iter().peekable();
        for document in 0..segment.document_count() {
            let boost = boosts
                .next_if(|(boosted, _)| *boosted == document)
                .map_or(1.0, |(_, boost)| *boost);
            let frame = parts.frames.get_val(document);
            if !keep(frame) {
                numbers.push(TERMINATED);
                continue;
            }
            numbers.push(columns.len());
            columns.push(Row {
                norms: [TITLE, BODY].map(|field| parts.text(field).norms.fieldnorm_id(document)),
                frame,
                timestamp: parts.timestamps.get_val(document),
                boost,
            });
        }
        let kept = columns.len() - first;
        let documents = if kept == segment.document_count() {
            Documents::All(first)
        } else {
            Documents::Some(numbers)
        };
        Ok(Self {
            parts,
            kept,
            documents,
        })
    }
}

/// The number of terms in a field, repetitions included; an estimate from the quantised lengths once documents are
/// dropped.
fn tokens(
    sources: &[Source<'_>],
    inverted: &[&Arc<InvertedIndexReader>],
    norms: &OwnedBytes,
) -> u64 {
    let whole = |source: &Source<'_>| matches!(source.documents, Documents::All(_));
    if sources.iter().all(whole) {
        return inverted
            .iter()
            .map(|inverted| inverted.total_num_tokens())
            .sum();
    }
    norms
        .iter()
        .map(|norm| u64::from(FieldNormReader::id_to_fieldnorm(*norm)))
        .sum()
}

/// Calls `found` at every term of any of `inverted`, and `pass` now and then.
fn each_term(
    inverted: &[&Arc<InvertedIndexReader>],
    pass: &dyn Fn(),
    mut found: impl FnMut(&TermMerger<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let streams = inverted.iter().map(|inverted| inverted.terms().stream());
    let mut merger = TermMerger::new(streams.collect::<io::Result<_>>()?);
    let mut terms = 0;
    while merger.advance() {
        found(&merger)?;
        terms += 1;
        if terms % TERMS_TO_PASS == 0 {
            pass();
        }
    }
    Ok(())
}

fn merge_field(
    sources: &[Source<'_>],
    inverted: &[&Arc<InvertedIndexReader>],
    output: &mut FieldWriter<'_, '_>,
    pass: &dyn Fn(),
    found: &mut dyn FnMut(&str),
) -> io::Result<()> {
    let mut positions = Vec::new();
    each_term(inverted, pass, |at| {
        let mut open = false;
        for (index, info) in at.current_segment_ords_and_term_infos() {
            let mut postings = inverted[index]
                .read_postings_from_terminfo(&info, IndexRecordOption::WithFreqsAndPositions)?;
            let documents = &sources[index].documents;
            while postings.doc() != TERMINATED {
                if let Some(document) = documents.get(postings.doc()) {
                    if !open {
                        // The frequency only serves to weigh blocks against each other.
                        output.new_term(at.key(), 1, true)?;
                        open = true;
                    }
                    postings.positions(&mut positions);
                    let mut last = 0;
                    for position in &mut positions {
                        let step = position.wrapping_sub(last);
                        last = std::mem::replace(position, step);
                    }
                    output.write_doc(document, positions.len() as u32, &positions);
                }
                postings.advance();
            }
        }
        if open {
            output.close_term()?;
            if let Ok(term) = std::str::from_utf8(at.key()) {
                found(term);
            }
        }
        Ok(())
    })
}

fn merge_keywords(
    sources: &[Source<'_>],
    inverted: &[&Arc<InvertedIndexReader>],
    output: &mut FieldWriter<'_, '_>,
    pass: &dyn Fn(),
) -> io::Result<()> {
    each_term(inverted, pass, |at| {
        let mut open = false;
        for (index, info) in at.current_segment_ords_and_term_infos() {
            let mut postings = inverted[index]
                .read_block_postings_from_terminfo(&info, IndexRecordOption::Basic)?;
            while postings.block_len() > 0 {
                for document in postings.docs() {
                    let Some(document) = sources[index].documents.get(*document) else {
                        continue;
                    };
                    if !open {
                        output.new_term_without_freq(at.key())?;
                        open = true;
                    }
                    output.write_doc(document, 0, &[]);
                }
                postings.advance();
            }
        }
        if open {
            output.close_term()?;
        }
        Ok(())
    })
}
