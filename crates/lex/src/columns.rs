//! What a segment keeps of each document beside its words.

use crate::blob::Summary;
use crate::schema::{BOOST_COLUMN, FRAME_COLUMN, TIMESTAMP_COLUMN};
use std::io;
use tantivy::columnar::{ColumnType, ColumnarWriter};
use tantivy::directory::OwnedBytes;
use tantivy::fieldnorm::FieldNormReader;

/// Lengths, frame ids, timestamps and boosts, by document.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    /// Quantised numbers of terms in title and body.
    norms: [Vec<u8>; 2],
    frames: Vec<u64>,
    timestamps: Vec<i64>,
    /// Only those that are not 1.
    boosts: Vec<(u32, f32)>,
}

/// What is written of one document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub norms: [u8; 2],
    pub frame: u64,
    pub timestamp: i64,
    pub boost: f32,
}

impl Columns {
    pub(crate) fn push(&mut self, row: Row) {
        let document = self.len();
        if row.boost != 1.0 {
            push(&mut self.boosts, (document, row.boost));
        }
        for (norms, norm) in self.norms.iter_mut().zip(row.norms) {
            push(norms, norm);
        }
        push(&mut self.frames, row.frame);
        push(&mut self.timestamps, row.timestamp);
    }

    /// How many documents there are.
    pub(crate) fn len(&self) -> u32 {
        self.frames.len() as u32
    }

    pub(crate) fn memory_usage(&self) -> usize {
        let norms: usize = self.norms.iter().map(Vec::capacity).sum();
        norms
            + (self.frames.capacity() + self.timestamps.capacity()) * size_of::<u64>()
            + self.boosts.capacity() * size_of::<(u32, f32)>()
    }

    /// What the header of the blob tells.
    pub(crate) fn summary(&self) -> Summary {
        let [title_tokens, body_tokens] = self.norms.each_ref().map(|norms| {
            norms
                .iter()
                .map(|norm| u64::from(FieldNormReader::id_to_fieldnorm(*norm)))
                .sum()
        });
        Summary {
            documents: self.len().into(),
            title_tokens,
            body_tokens,
            lowest_frame: self.frames.iter().copied().min().unwrap_or_default(),
            highest_frame: self.frames.iter().copied().max().unwrap_or_default(),
        }
    }

    /// Takes the quantised lengths out. [`Columns::summary`] needs them.
    pub(crate) fn take_norms(&mut self) -> [OwnedBytes; 2] {
        std::mem::take(&mut self.norms).map(OwnedBytes::new)
    }

    /// The file of fast columns.
    pub(crate) fn write(&self) -> io::Result<Vec<u8>> {
        let mut writer = ColumnarWriter::default();
        for (name, kind) in [
            (FRAME_COLUMN, ColumnType::U64),
            (TIMESTAMP_COLUMN, ColumnType::I64),
            (BOOST_COLUMN, ColumnType::F64),
        ] {
            writer.record_column_type(name, kind, false);
        }
        for (document, frame) in (0..).zip(&self.frames) {
            writer.record_numerical(document, FRAME_COLUMN, *frame);
        }
        for (document, timestamp) in (0..).zip(&self.timestamps) {
            writer.record_numerical(document, TIMESTAMP_COLUMN, *timestamp);
        }
        for (document, boost) in &self.boosts {
            writer.record_numerical(*document, BOOST_COLUMN, f64::from(*boost));
        }
        let mut file = Vec::new();
        writer.serialize(self.len(), None, &mut file)?;
        Ok(file)
    }
}

/// Appends, growing by a quarter instead of doubling: what is reserved counts as used.
pub(crate) fn push<T>(values: &mut Vec<T>, value: T) {
    if values.len() == values.capacity() {
        values.reserve_exact((values.len() / 4).max(256));
    }
    values.push(value);
}

/// Appends like [`push`].
pub(crate) fn append(bytes: &mut Vec<u8>, more: &[u8]) {
    if bytes.capacity() - bytes.len() < more.len() {
        bytes.reserve_exact((bytes.len() / 4).max(4096).max(more.len()));
    }
    bytes.extend_from_slice(more);
}
