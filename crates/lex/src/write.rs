//! Writing the files of one segment, in tantivy's formats and with its own encoders.

use crate::blob::{File, Summary, pack};
use crate::classes::ClassBuilder;
use crate::columns::Columns;
use crate::error::Error;
use crate::schema::Fields;
use std::array;
use std::io::{self, Write};
use std::sync::Arc;
use tantivy::directory::{CompositeWrite, FileSlice, OwnedBytes};
use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::FieldSerializer;
use tantivy::schema::{Field, IndexRecordOption};

/// Files that are written field by field.
#[derive(Debug, Default)]
pub(crate) struct PostingFiles {
    terms: Vec<u8>,
    postings: Vec<u8>,
    positions: Vec<u8>,
}

/// Writes the terms of all fields, in the order of the schema. A field without terms is left out.
pub(crate) struct PostingWriter<'a> {
    terms: CompositeWrite<&'a mut Vec<u8>>,
    postings: CompositeWrite<&'a mut Vec<u8>>,
    positions: CompositeWrite<&'a mut Vec<u8>>,
}

/// Writes the terms of one field, in the order of their bytes.
pub(crate) type FieldWriter<'w, 'a> = FieldSerializer<'w, &'a mut Vec<u8>>;

impl<'a> PostingWriter<'a> {
    pub(crate) fn new(files: &'a mut PostingFiles) -> Self {
        Self {
            terms: CompositeWrite::wrap(&mut files.terms),
            postings: CompositeWrite::wrap(&mut files.postings),
            positions: CompositeWrite::wrap(&mut files.positions),
        }
    }

    /// Begins a text field. `tokens` is the number of its terms, repetitions included; `norms` are quantised lengths.
    pub(crate) fn text(
        &mut self,
        field: Field,
        tokens: u64,
        norms: &OwnedBytes,
    ) -> io::Result<FieldWriter<'_, 'a>> {
        let norms = FieldNormReader::open(FileSlice::new(Arc::new(norms.clone())));
        let norms = norms.map_err(io::Error::other)?;
        FieldSerializer::create(
            IndexRecordOption::WithFreqsAndPositions,
            tokens,
            self.terms.for_field(field),
            self.postings.for_field(field),
            self.positions.for_field(field),
            Some(norms),
        )
    }

    /// Begins the field of keywords.
    pub(crate) fn keywords(
        &mut self,
        field: Field,
        tokens: u64,
    ) -> io::Result<FieldWriter<'_, 'a>> {
        FieldSerializer::create(
            IndexRecordOption::Basic,
            tokens,
            self.terms.for_field(field),
            self.postings.for_field(field),
            self.positions.for_field(field),
            None,
        )
    }

    pub(crate) fn close(self) -> io::Result<()> {
        self.terms.close()?;
        self.postings.close()?;
        self.positions.close()
    }
}

/// Packs everything into one blob.
pub(crate) fn blob(
    summary: Summary,
    columns: Columns,
    norms: &[OwnedBytes; 2],
    postings: PostingFiles,
    classes: ClassBuilder,
    fields: Fields,
) -> io::Result<Vec<u8>> {
    let mut lengths = Vec::new();
    let mut writer = CompositeWrite::wrap(&mut lengths);
    for (field, norms) in [fields.title, fields.body].into_iter().zip(norms) {
        writer.for_field(field).write_all(norms)?;
    }
    writer.close()?;
    let mut files = array::from_fn(|_| Vec::new());
    files[File::Terms as usize] = postings.terms;
    files[File::Postings as usize] = postings.postings;
    files[File::Positions as usize] = postings.positions;
    files[File::FieldNorms as usize] = lengths;
    files[File::FastFields as usize] = columns.write()?;
    files[File::Classes as usize] = classes.finish();
    drop(columns);
    Ok(pack(summary, files))
}

/// What a failure while writing to memory means.
pub(crate) fn failed(operation: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| Error::Index {
        operation,
        message: error.to_string(),
    }
}

/// The blob of a segment without documents.
pub(crate) fn empty_segment() -> Vec<u8> {
    pack(Summary::default(), array::from_fn(|_| Vec::new()))
}
