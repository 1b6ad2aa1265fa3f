//! Writing segments: from documents, and from other segments.

use crate::blob::{Blob, FILE_COUNT, File, Summary, pack};
use crate::classes::ClassBuilder;
use crate::directory::BlobDirectory;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::index::open_segments;
use crate::schema::{self, Fields, effective_boost, keyword_terms};
use std::array;
use tantivy::directory::{OwnedBytes, RamDirectory};
use tantivy::fastfield::{AliveBitSet, write_alive_bitset};
use tantivy::index::SegmentComponent;
use tantivy::indexer::merge_filtered_segments;
use tantivy::schema::document::TantivyDocument;
use tantivy::{BitSet, Directory, Index, IndexSettings, SegmentReader, SingleSegmentIndexWriter};

/// The least memory that tantivy accepts.
const MINIMUM_BUDGET: usize = 15_000_000;

/// Builds one segment in memory. Builders are independent: two may run on two threads.
///
/// Memory: up to the budget while documents are added, and at the end of [`SegmentBuilder::finish`] about the size of
/// the index three times over (the library's files, their copy, the sorted word forms), some 300 bytes a document of
/// 1 KB each.
pub struct SegmentBuilder {
    writer: SingleSegmentIndexWriter,
    directory: RamDirectory,
    fields: Fields,
    budget: usize,
    documents: u32,
}

impl SegmentBuilder {
    /// A builder that reports [`SegmentBuilder::is_full`] once it uses `memory_budget` bytes (at least 15 MB).
    /// 1 KB of text takes about half a kilobyte.
    pub fn new(memory_budget: usize) -> Result<Self> {
        let (schema, fields) = schema::schema();
        let directory = RamDirectory::create();
        let budget = memory_budget.max(MINIMUM_BUDGET);
        let writer = Index::builder()
            .schema(schema)
            .settings(settings())
            .tokenizers(schema::tokenizers())
            .single_segment_index_writer(directory.clone(), budget)
            .map_err(failed("begin"))?;
        Ok(Self {
            writer,
            directory,
            fields,
            budget,
            documents: 0,
        })
    }

    /// Adds one document. Add in ascending order of frame id where possible: ties are then cut off sooner.
    pub fn add(&mut self, document: &Document<'_>) -> Result<()> {
        let Fields {
            title,
            body,
            keyword,
            frame,
            timestamp,
            boost,
        } = self.fields;
        let mut entry = TantivyDocument::new();
        entry.add_text(title, document.title);
        entry.add_text(body, document.body);
        for term in keyword_terms(document) {
            entry.add_text(keyword, term);
        }
        entry.add_u64(frame, document.frame_id);
        entry.add_i64(timestamp, document.timestamp);
        let factor = effective_boost(document.boost);
        if factor != 1.0 {
            entry.add_f64(boost, f64::from(factor));
        }
        self.writer.add_document(entry).map_err(failed("add"))?;
        self.documents += 1;
        Ok(())
    }

    /// Whether the memory budget is used up: finish this builder and begin another. Adding more stays possible.
    pub fn is_full(&self) -> bool {
        self.writer.mem_usage() >= self.budget
    }

    /// Bytes of memory in use, without the growing copy in [`SegmentBuilder::finish`].
    pub fn memory_usage(&self) -> usize {
        self.writer.mem_usage()
    }

    /// How many documents were added.
    pub fn document_count(&self) -> u32 {
        self.documents
    }

    /// The segment as one blob for [`crate::LexIndex::open`]. Without documents it is a valid empty segment.
    pub fn finish(self) -> Result<Vec<u8>> {
        if self.documents == 0 {
            return Ok(empty_segment());
        }
        let index = self.writer.finalize().map_err(failed("finish"))?;
        pack_index(&index, &self.directory)
    }
}

/// One blob with the documents of `segments` whose frame `keep` wants, in their order. With none left it is a valid
/// empty segment. Memory: about twice the size of the result.
///
/// Fails with [`Error::CorruptSegment`] when a segment is damaged.
pub fn merge(segments: &[OwnedBytes], keep: &(dyn Fn(u64) -> bool + Sync)) -> Result<Vec<u8>> {
    let opened = open_segments(segments.to_vec())?;
    let mut sources = Vec::new();
    let mut filters = Vec::new();
    for segment in &opened {
        segment.verify()?;
        let frames = &segment.parts()?.frames;
        let documents = segment.document_count();
        let mut kept = BitSet::with_max_value(documents);
        for document in (0..documents).filter(|document| keep(frames.get_val(*document))) {
            kept.insert(document);
        }
        if kept.len() == 0 {
            continue;
        }
        sources.push(segment.source().clone());
        filters.push(if kept.len() == documents as usize {
            None
        } else {
            let mut bytes = Vec::new();
            write_alive_bitset(&kept, &mut bytes).map_err(|error| failed("merge")(error.into()))?;
            Some(AliveBitSet::open(OwnedBytes::new(bytes)))
        });
    }
    if sources.is_empty() {
        return Ok(empty_segment());
    }
    let directory = RamDirectory::create();
    let index = merge_filtered_segments(&sources, settings(), filters, directory.clone())
        .map_err(failed("merge"))?;
    pack_index(&index, &directory)
}

fn settings() -> IndexSettings {
    IndexSettings {
        docstore_compression: tantivy::store::Compressor::None,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    }
}

fn failed(operation: &'static str) -> impl Fn(tantivy::TantivyError) -> Error {
    move |error| Error::Index {
        operation,
        message: error.to_string(),
    }
}

fn empty_segment() -> Vec<u8> {
    pack(Summary::default(), &array::from_fn(|_| Vec::new()))
}

/// Packs the only segment of `index`, whose files are in `directory`.
fn pack_index(index: &Index, directory: &RamDirectory) -> Result<Vec<u8>> {
    let metas = index.searchable_segment_metas().map_err(failed("pack"))?;
    let [meta] = metas.as_slice() else {
        return Err(Error::Index {
            operation: "pack",
            message: format!("{} segments instead of one", metas.len()),
        });
    };
    let read = |component: SegmentComponent| -> Result<Vec<u8>> {
        let path = meta.relative_path(component);
        let file = directory
            .open_read(&path)
            .map_err(|error| failed("pack")(error.into()))?;
        Ok(file
            .read_bytes()
            .map_err(|error| failed("pack")(error.into()))?
            .as_slice()
            .to_vec())
    };
    let segments = index.searchable_segments().map_err(failed("pack"))?;
    let segment = segments.first().ok_or_else(|| Error::Index {
        operation: "pack",
        message: "no segment".to_owned(),
    })?;
    let reader = SegmentReader::open(segment).map_err(failed("pack"))?;
    let (summary, classes) = summarize(&reader)?;
    let mut files: [Vec<u8>; FILE_COUNT] = array::from_fn(|_| Vec::new());
    for file in File::ALL {
        files[file as usize] = match file {
            File::Terms => read(SegmentComponent::Terms)?,
            File::Postings => read(SegmentComponent::Postings)?,
            File::Positions => read(SegmentComponent::Positions)?,
            File::FieldNorms => read(SegmentComponent::FieldNorms)?,
            File::FastFields => read(SegmentComponent::FastFields)?,
            File::Store => read(SegmentComponent::Store)?,
            File::Classes => continue,
        };
    }
    files[File::Classes as usize] = classes;
    Ok(pack(summary, &files))
}

/// Counts what the header tells, and gathers the word forms.
fn summarize(reader: &SegmentReader) -> Result<(Summary, Vec<u8>)> {
    let (_, fields) = schema::schema();
    let mut classes = ClassBuilder::default();
    let mut tokens = [0_u64; 2];
    for (field, tokens) in [fields.title, fields.body].into_iter().zip(&mut tokens) {
        let norms = reader
            .get_fieldnorms_reader(field)
            .map_err(failed("pack"))?;
        *tokens = (0..reader.max_doc())
            .map(|document| u64::from(norms.fieldnorm(document)))
            .sum();
        let inverted = reader.inverted_index(field).map_err(failed("pack"))?;
        let mut terms = inverted
            .terms()
            .stream()
            .map_err(|error| failed("pack")(error.into()))?;
        while terms.advance() {
            if let Ok(term) = std::str::from_utf8(terms.key()) {
                classes.add(term);
            }
        }
    }
    let frames = reader
        .fast_fields()
        .u64(schema::FRAME_COLUMN)
        .map_err(failed("pack"))?;
    let summary = Summary {
        documents: u64::from(reader.max_doc()),
        title_tokens: tokens[0],
        body_tokens: tokens[1],
        lowest_frame: frames.min_value(),
        highest_frame: frames.max_value(),
    };
    Ok((summary, classes.finish()))
}

/// The tantivy index over `blobs`.
pub(crate) fn compose(blobs: Vec<Blob>) -> Result<Index> {
    let directory = BlobDirectory::new(blobs).map_err(|error| Error::Index {
        operation: "open",
        message: error.to_string(),
    })?;
    Index::open(directory).map_err(failed("open"))
}
