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

/// Bytes at the end of the file of columns in which their names stand.
pub(crate) const NAMES_WITHIN: usize = 4096;

/// What tantivy believes of the names of the columns when it opens the file that ends so: that there are as many as it says. It makes room for
/// them, and the process ends where there is none.
pub(crate) fn check_names(end: &[u8]) -> io::Result<()> {
    names_are_sound(end).then_some(()).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "the names of the columns are damaged",
        )
    })
}

fn names_are_sound(end: &[u8]) -> bool {
    /// Length of the dictionary, rows, version and magic number.
    const FILE_TAIL: usize = 8 + 4 + 8;
    /// Length of the blocks, names, version.
    const DICTIONARY_TAIL: usize = 8 + 8 + 4;
    let look = || {
        let (rest, tail) = end.split_at_checked(end.len().checked_sub(FILE_TAIL)?)?;
        let length = number(tail)?;
        let (_, dictionary) = rest.split_at_checked(rest.len().checked_sub(length)?)?;
        let (rest, tail) =
            dictionary.split_at_checked(dictionary.len().checked_sub(DICTIONARY_TAIL)?)?;
        let (mut blocks, index) = rest.split_at_checked(number(tail)?)?;
        // A few names are one block, without an index of blocks: its place would be the last number.
        if tail.get(16..) != Some(&3_u32.to_le_bytes()) || number(index.last_chunk::<8>()?)? != 0 {
            return None;
        }
        while let Some((length, rest)) = blocks.split_first_chunk() {
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            // The end of all.
            if length <= 1 {
                break;
            }
            let (block, behind) = rest.split_at_checked(length)?;
            // So few are not compressed. How many values there are stands first, and each is a byte at least.
            let (0, [count, values @ ..]) = block.split_first().map(|(how, rest)| (*how, rest))?
            else {
                return None;
            };
            if *count >= 0x80 || usize::from(*count) > values.len() {
                return None;
            }
            blocks = behind;
        }
        Some(())
    };
    look().is_some()
}

fn number(bytes: &[u8]) -> Option<usize> {
    let first = bytes.first_chunk()?;
    usize::try_from(u64::from_le_bytes(*first)).ok()
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_that_claim_to_be_more_than_they_are_are_refused() {
        let mut columns = Columns::default();
        for frame in 0..5000 {
            columns.push(Row {
                norms: [1, 2],
                frame: frame * 977,
                timestamp: 1_700_000_000,
                boost: if frame % 3 == 0 { 2.0 } else { 1.0 },
            });
        }
        let file = columns.write().unwrap();
        let end = &file[file.len() - NAMES_WITHIN.min(file.len())..];
        check_names(end).unwrap();
        let length = number(&end[end.len() - 20..]).unwrap();
        let count = end.len() - 20 - length + 5;
        // As many as there are columns, and one.
        assert_eq!(end[count], 4);
        for forged in [40, 0x7f, 0x80, 0xff] {
            let mut forged_end = end.to_vec();
            forged_end[count] = forged;
            assert!(check_names(&forged_end).is_err(), "{forged}");
        }
        for length in 0..end.len() {
            assert!(check_names(&end[..length]).is_err(), "{length}");
        }
        assert!(check_names(&Columns::default().write().unwrap()).is_ok());
    }
}
