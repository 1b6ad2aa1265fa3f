//! Opened segments.

use crate::blob::{Blob, File};
use crate::classes::Classes;
use crate::columns;
use crate::directory::segment_index;
use crate::document_set::KeptSets;
use crate::error::{Error, Result};
use crate::posting_bytes::PostingBytes;
use crate::resolve::KnownTerms;
use crate::schema::{self, BOOST_COLUMN, FRAME_COLUMN, Fields, TIMESTAMP_COLUMN};
use crate::search::guarded;
use crate::segment::compose;
use crate::shard::TITLE;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use tantivy::columnar::{ColumnIndex, ColumnValues};
use tantivy::directory::{FileHandle, OwnedBytes};
use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::BlockSegmentPostings;
use tantivy::query::Bm25Weight;
use tantivy::schema::Field;
use tantivy::{HasLen, InvertedIndexReader, SegmentReader};

/// Opened segments: immutable, shared by cloning, safe to use from many threads.
///
/// Opening reads headers only. The payload is verified block by block as searches read it, so damage shows as
/// [`Error::CorruptSegment`] from [`LexIndex::open`], from a search, or from [`LexIndex::verify`].
#[derive(Clone, Default)]
pub struct LexIndex {
    segments: Arc<[Segment]>,
    count: usize,
    /// Words that were looked up lately.
    known: Arc<KnownTerms>,
}

impl fmt::Debug for LexIndex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LexIndex")
            .field("segments", &self.count)
            .field("documents", &self.document_count())
            .finish()
    }
}

impl LexIndex {
    /// Opens blobs of [`crate::SegmentBuilder::finish`] or [`crate::merge`] without copying them.
    ///
    /// Fails with [`Error::CorruptSegment`] naming the blob by its position in `segments`.
    pub fn open(segments: Vec<OwnedBytes>) -> Result<Self> {
        let count = segments.len();
        Ok(Self {
            segments: open_segments(segments)?.into(),
            count,
            known: Arc::default(),
        })
    }

    /// An index without segments.
    pub fn empty() -> Self {
        Self::default()
    }

    /// How many blobs were opened, empty ones included.
    pub fn segment_count(&self) -> usize {
        self.count
    }

    /// Documents in all segments.
    pub fn document_count(&self) -> u64 {
        self.segments
            .iter()
            .map(|segment| segment.blob.summary().documents)
            .sum()
    }

    /// Per segment that holds documents: how many, the lowest and the highest frame id.
    pub fn segment_summaries(&self) -> impl Iterator<Item = (u64, u64, u64)> + '_ {
        self.segments.iter().map(|segment| {
            let summary = segment.blob.summary();
            (
                summary.documents,
                summary.lowest_frame,
                summary.highest_frame,
            )
        })
    }

    /// Reads everything and compares it with the checksums. Fails with the first damaged segment.
    pub fn verify(&self) -> Result<()> {
        guarded("verify", || {
            self.segments.iter().try_for_each(Segment::verify)
        })
    }

    /// Whether both are clones of one opened index.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.segments, &other.segments)
    }

    pub(crate) fn known(&self) -> &KnownTerms {
        &self.known
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

/// One segment that holds documents.
pub(crate) struct Segment {
    /// Its position in the list that was opened.
    position: usize,
    blob: Blob,
    reader: SegmentReader,
    parts: OnceLock<std::result::Result<Parts, String>>,
}

/// What searches read, opened once.
pub(crate) struct Parts {
    pub title: TextField,
    pub body: TextField,
    pub keywords: Arc<InvertedIndexReader>,
    /// The frame id of each document.
    pub frames: Arc<dyn ColumnValues<u64>>,
    frames_ascend: OnceLock<bool>,
    /// How often it was asked whether they do.
    frames_asked: AtomicU32,
    pub timestamps: Arc<dyn ColumnValues<i64>>,
    /// Documents whose boost is not 1, ascending.
    pub boosted: Vec<(u32, f32)>,
    pub classes: Classes,
    pub spare: SpareBlocks,
    pub kept_sets: KeptSets,
}

impl Parts {
    /// Whether the frame ids of the `documents` are known to ascend. Looking at all of them takes as long as some thousand single
    /// looks: so many have to be for nothing first.
    pub(crate) fn frames_ascend(&self, documents: u32) -> bool {
        const LOOKS: u32 = 4096;
        if let Some(known) = self.frames_ascend.get() {
            return *known;
        }
        let asked = self.frames_asked.fetch_add(1, Ordering::Relaxed);
        asked >= LOOKS
            && *self.frames_ascend.get_or_init(|| {
                let mut frames = (0..documents).map(|document| self.frames.get_val(document));
                let mut last = frames.next();
                frames.all(|frame| last.replace(frame) < Some(frame))
            })
    }
}

/// Decoders of postings that searches of this segment have finished with. Each is more than a kilobyte that is written
/// several times when it is made, and a question needs dozens.
// Boxed, because they go in and out of cursors without being moved.
#[allow(clippy::vec_box)]
#[derive(Default)]
pub(crate) struct SpareBlocks(Mutex<Vec<Box<BlockSegmentPostings>>>);

/// Decoders that are kept.
const MAX_SPARE_BLOCKS: usize = 64;

impl SpareBlocks {
    pub(crate) fn take(&self) -> Option<Box<BlockSegmentPostings>> {
        self.0.lock().ok()?.pop()
    }

    pub(crate) fn keep(&self, blocks: impl Iterator<Item = Box<BlockSegmentPostings>>) {
        if let Ok(mut kept) = self.0.lock() {
            let room = MAX_SPARE_BLOCKS.saturating_sub(kept.len());
            kept.extend(blocks.take(room));
        }
    }
}

/// A field with positions and lengths.
pub(crate) struct TextField {
    pub inverted: Arc<InvertedIndexReader>,
    pub norms: FieldNormReader,
    /// The weight with which tantivy chose the best entry of each block.
    pub block_weight: Bm25Weight,
    /// The score that this weight gives to endless repetition.
    pub block_unit: f32,
    /// Average length that this weight is made of.
    pub average_length: f32,
    /// How many documents there are, and the quantised length of the longest, once it is asked for.
    documents: u32,
    longest: OnceLock<u8>,
    pub postings: PostingBytes,
}

impl TextField {
    /// `frequency / norm` with tantivy's norm, of a score by `block_weight`.
    #[inline]
    pub(crate) fn peak(&self, score: f32) -> f32 {
        let share = score / self.block_unit;
        if share < 1.0 {
            share / (1.0 - share)
        } else {
            f32::INFINITY
        }
    }

    /// The quantised length of the longest document. Looks at all lengths the first time, which searches for rare words
    /// do not need.
    pub(crate) fn longest(&self) -> u8 {
        *self.longest.get_or_init(|| {
            let lengths = (0..self.documents).map(|document| self.norms.fieldnorm_id(document));
            lengths.max().unwrap_or(u8::MAX)
        })
    }
}

impl Parts {
    /// The text field with this number.
    #[inline]
    pub(crate) fn text(&self, field: usize) -> &TextField {
        if field == TITLE {
            &self.title
        } else {
            &self.body
        }
    }
}

/// Opens every blob that holds documents.
pub(crate) fn open_segments(segments: Vec<OwnedBytes>) -> Result<Vec<Segment>> {
    guarded("open", || open_unguarded(segments))
}

fn open_unguarded(segments: Vec<OwnedBytes>) -> Result<Vec<Segment>> {
    let mut blobs = Vec::with_capacity(segments.len());
    let mut positions = Vec::with_capacity(segments.len());
    for (position, bytes) in segments.into_iter().enumerate() {
        let blob = Blob::open(bytes).map_err(|message| Error::CorruptSegment {
            segment: position,
            message,
        })?;
        let documents = blob.summary().documents;
        if documents > u64::from(u32::MAX / 2) {
            let message = format!("it claims {documents} documents");
            return Err(Error::CorruptSegment {
                segment: position,
                message,
            });
        }
        if documents > 0 {
            blobs.push(blob);
            positions.push(position);
        }
    }
    let index = compose(blobs.clone())?;
    let sources = index.searchable_segments().map_err(|error| Error::Index {
        operation: "open",
        message: error.to_string(),
    })?;
    let mut sources: Vec<_> = sources
        .into_iter()
        .filter_map(|source| Some((segment_index(&source.id().uuid_string())?, source)))
        .collect();
    sources.sort_unstable_by_key(|(index, _)| *index);
    let mut opened = Vec::with_capacity(sources.len());
    for ((index, source), position) in sources.into_iter().zip(positions) {
        let corrupt = |message: String| Error::CorruptSegment {
            segment: position,
            message,
        };
        let blob = blobs
            .get(index)
            .ok_or_else(|| corrupt("it is missing".to_owned()))?
            .clone();
        let reader = SegmentReader::open(&source).map_err(|error| corrupt(error.to_string()))?;
        opened.push(Segment {
            position,
            blob,
            reader,
            parts: OnceLock::new(),
        });
    }
    Ok(opened)
}

impl Segment {
    pub(crate) fn document_count(&self) -> u32 {
        self.reader.max_doc()
    }

    /// Sum of the quantised lengths of titles and bodies.
    pub(crate) fn token_counts(&self) -> [u64; 2] {
        let summary = self.blob.summary();
        [summary.title_tokens, summary.body_tokens]
    }

    pub(crate) fn verify(&self) -> Result<()> {
        self.blob
            .verify()
            .map_err(|error| self.corrupt(error.to_string()))
    }

    pub(crate) fn corrupt(&self, message: String) -> Error {
        Error::CorruptSegment {
            segment: self.position,
            message,
        }
    }

    /// Opens what searches need, the first time.
    pub(crate) fn parts(&self) -> Result<&Parts> {
        let parts = self
            .parts
            .get_or_init(|| self.open_parts().map_err(|error| error.to_string()));
        parts
            .as_ref()
            .map_err(|message| self.corrupt(message.clone()))
    }

    fn open_parts(&self) -> tantivy::Result<Parts> {
        let Fields {
            title,
            body,
            keyword,
        } = schema::schema().1;
        let file = self.blob.file(File::FastFields);
        let end = file.len().saturating_sub(columns::NAMES_WITHIN)..file.len();
        columns::check_names(&file.read_bytes(end)?)?;
        let columns = self.reader.fast_fields();
        let frames = columns.column_first_or_default::<u64>(FRAME_COLUMN)?;
        let timestamps = columns.column_first_or_default::<i64>(TIMESTAMP_COLUMN)?;
        let documents = self.document_count();
        if frames.num_vals() < documents || timestamps.num_vals() < documents {
            return Err(tantivy::TantivyError::InternalError(
                "a column is too short".to_owned(),
            ));
        }
        let mut boosted = Vec::new();
        if let Some(column) = columns.column_opt::<f64>(BOOST_COLUMN)? {
            let mut add = |document: u32| {
                boosted.extend(column.first(document).map(|boost| (document, boost as f32)))
            };
            match &column.index {
                ColumnIndex::Empty { .. } => {}
                ColumnIndex::Optional(index) => index.iter_non_null_docs().for_each(add),
                ColumnIndex::Full | ColumnIndex::Multivalued(_) => {
                    (0..documents).for_each(&mut add)
                }
            }
        }
        let classes = self.blob.file(File::Classes);
        Ok(Parts {
            title: self.text_field(title)?,
            body: self.text_field(body)?,
            keywords: self.reader.inverted_index(keyword)?,
            frames,
            frames_ascend: OnceLock::new(),
            frames_asked: AtomicU32::new(0),
            timestamps,
            boosted,
            classes: Classes::new(classes.read_bytes(0..classes.len())?),
            spare: SpareBlocks::default(),
            kept_sets: KeptSets::default(),
        })
    }

    fn text_field(&self, field: Field) -> tantivy::Result<TextField> {
        let inverted = self.reader.inverted_index(field)?;
        let norms = self.reader.get_fieldnorms_reader(field)?;
        if norms.num_docs() < self.document_count() {
            return Err(tantivy::TantivyError::InternalError(
                "the lengths of a field are too short".to_owned(),
            ));
        }
        let average = inverted.total_num_tokens() as f32 / self.document_count() as f32;
        let average_length = if average > 0.0 { average } else { 1.0 };
        let block_weight = Bm25Weight::for_one_term_without_explain(1, 2, average_length);
        // The largest frequency that tantivy knows, in the shortest document.
        let block_unit = block_weight.score(0, u32::MAX);
        Ok(TextField {
            inverted,
            norms,
            block_weight,
            block_unit,
            average_length,
            documents: self.document_count(),
            longest: OnceLock::new(),
            postings: PostingBytes::open(&self.blob, field)?,
        })
    }
}
