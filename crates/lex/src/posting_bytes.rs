//! What the postings of a term say of themselves in front of them, read without tantivy's decoder, which reads it only block
//! by block.
//!
//! The postings of a term that at least [`BLOCK_LENGTH`] documents hold begin with the length of a table (7 bits a byte, the
//! lowest first, the last byte with its highest bit set), and the table has one row for each full block:
//!
//! | offset | size | field                                               |
//! |-------:|-----:|-----------------------------------------------------|
//! |      0 |    4 | the last document                                   |
//! |      4 |    2 | how documents and frequencies are packed            |
//! |      6 |    4 | occurrences                                         |
//! |     10 |    1 | quantised length of the document that counts most   |
//! |     11 |    1 | frequency in it, 255: that or more                  |

use crate::blob::{Blob, File};
use crate::cursor::BLOCK_LENGTH;
use crate::index::TextField;
use std::sync::Arc;
use tantivy::directory::{CompositeFile, FileSlice};
use tantivy::postings::TermInfo;
use tantivy::schema::Field;

/// Bytes of one row.
const ROW: usize = 12;
/// In front of the postings of a field: the number of its terms.
const TOKENS: usize = 8;

/// The postings of one text field as they are stored.
pub(crate) struct PostingBytes(FileSlice);

impl PostingBytes {
    pub(crate) fn open(blob: &Blob, field: Field) -> tantivy::Result<Self> {
        let file = FileSlice::new(Arc::new(blob.file(File::Postings)));
        let file = CompositeFile::open(&file)?.open_read(field);
        Ok(Self(match file {
            Some(file) if file.num_bytes().get_bytes() >= TOKENS as u64 => file.slice_from(TOKENS),
            // Nobody has a term in the field.
            _ => FileSlice::empty(),
        }))
    }

    /// What the table tells of the full blocks of a term; `None` when the bytes make no sense.
    pub(crate) fn full_blocks(&self, info: &TermInfo, field: &TextField) -> Option<FullBlocks> {
        let range = info.postings_range.clone();
        if range.start > range.end || range.end as u64 > self.0.num_bytes().get_bytes() {
            return None;
        }
        let bytes = self.0.slice(range).read_bytes().ok()?;
        let blocks = info.doc_freq as usize / BLOCK_LENGTH;
        let (length, rows) = short_number(&bytes)?;
        if length != blocks * ROW {
            return None;
        }
        let rows = rows.get(..length)?.chunks_exact(ROW);
        let mut best: Vec<(f32, BlockPeak)> = Vec::with_capacity(MOST_PEAKS + 1);
        for row in rows {
            let peak = BlockPeak {
                norm: row[ROW - 2],
                frequency: row[ROW - 1],
            };
            let frequency = match peak.frequency {
                u8::MAX => u32::MAX,
                frequency => frequency.into(),
            };
            let score = field.block_weight.score(peak.norm, frequency);
            if best.len() < MOST_PEAKS || best.last().is_some_and(|(last, _)| *last < score) {
                let at = best.partition_point(|(other, _)| *other >= score);
                best.insert(at, (score, peak));
                best.truncate(MOST_PEAKS);
            }
        }
        Some(FullBlocks {
            highest: field.peak(best.first().map_or(0.0, |(score, _)| *score)),
            best: best.into_iter().map(|(_, peak)| peak).collect(),
        })
    }
}

/// Blocks of which [`FullBlocks`] tells the document that counts most.
const MOST_PEAKS: usize = 16;

/// What the table tells of the full blocks of a term.
#[derive(Debug)]
pub(crate) struct FullBlocks {
    /// The highest of their peaks: see [`crate::cursor::Cursor::block_peak`].
    pub highest: f32,
    /// A document each of those blocks that count most.
    pub best: Box<[BlockPeak]>,
}

/// A document that holds a term.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockPeak {
    /// Its quantised length.
    pub norm: u8,
    /// How often it holds the term, 255: that or more.
    pub frequency: u8,
}

/// A number of at most four bytes, and what follows it.
fn short_number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0;
    for (at, byte) in bytes.iter().enumerate().take(4) {
        number |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 != 0 {
            return Some((number, &bytes[at + 1..]));
        }
    }
    None
}
