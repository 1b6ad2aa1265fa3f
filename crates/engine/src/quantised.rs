//! Product-quantised vectors, in the form of the file format that the reference searches.
//!
//! | size      | field                                                                          |
//! |----------:|--------------------------------------------------------------------------------|
//! |         8 | pieces of a vector, 96                                                         |
//! | 96 × 4104 | of each piece: 1024, and 256 centroids of 4 numbers (`f32`)                    |
//! |         4 | numbers of a vector, 384                                                       |
//! |         8 | number of vectors                                                              |
//! |     … 112 | of each vector: its frame (8), 96 (8), and for each piece a centroid's number  |

use std::sync::Arc;

use mv2::bytes::Bytes;
use vec::Codebook;

use crate::vectors::numbers;

/// Numbers of a vector: others have no such form.
pub const DIMENSION: usize = PIECES * vec::PIECE;
/// Bytes in front of a code: its frame, and its length.
pub const ENTRY_HEAD: usize = 16;
/// Bytes of one entry.
pub const STRIDE: usize = ENTRY_HEAD + PIECES;
/// Bytes in front of the entries.
pub const HEAD: usize = 8 + PIECES * BOOK + 4 + 8;

const PIECES: usize = 96;
/// Numbers of the centroids of a piece.
const BOOK_NUMBERS: usize = vec::CENTROIDS * vec::PIECE;
const BOOK: usize = 8 + 4 * BOOK_NUMBERS;

/// Centroids and entries of a blob; `None` when it is none of this form, whole, with at least one vector.
#[must_use]
pub fn open(blob: &Bytes) -> Option<(Arc<Codebook>, Bytes)> {
    let head = blob.get(..HEAD)?;
    let number = |at: usize| Some(u64::from_le_bytes(*head.get(at..)?.first_chunk()?));
    let dimension = u32::from_le_bytes(*head.get(HEAD - 12..)?.first_chunk()?);
    let count = usize::try_from(number(HEAD - 8)?).ok()?;
    let length = count.checked_mul(STRIDE)?.checked_add(HEAD)?;
    if number(0)? != PIECES as u64
        || dimension as usize != DIMENSION
        || count == 0
        || length != blob.len()
    {
        return None;
    }
    let mut centroids = Vec::with_capacity(PIECES * BOOK_NUMBERS);
    for book in head.get(8..HEAD - 12)?.chunks_exact(BOOK) {
        let (count, book) = book.split_first_chunk()?;
        if u64::from_le_bytes(*count) != BOOK_NUMBERS as u64 {
            return None;
        }
        centroids.extend(numbers(book));
    }
    let codebook = Codebook::new(&centroids).ok()?;
    Some((Arc::new(codebook), blob.slice(HEAD..blob.len())?))
}

/// What stands in front of `count` entries.
#[must_use]
pub fn head(codebook: &Codebook, count: usize) -> Vec<u8> {
    let mut head = Vec::with_capacity(HEAD);
    head.extend_from_slice(&(PIECES as u64).to_le_bytes());
    for book in codebook.numbers().chunks_exact(BOOK_NUMBERS) {
        head.extend_from_slice(&(BOOK_NUMBERS as u64).to_le_bytes());
        head.extend(book.iter().flat_map(|number| number.to_le_bytes()));
    }
    head.extend_from_slice(&(DIMENSION as u32).to_le_bytes());
    head.extend_from_slice(&(count as u64).to_le_bytes());
    head
}

/// CRC-32 of the centroids.
#[must_use]
pub fn checksum(codebook: &Codebook) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for book in codebook.numbers().chunks_exact(BOOK_NUMBERS) {
        let bytes: Vec<u8> = book
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        hasher.update(&bytes);
    }
    hasher.finalize()
}

/// Appends an entry.
pub fn write_entry(frame: u64, code: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&frame.to_le_bytes());
    out.extend_from_slice(&(code.len() as u64).to_le_bytes());
    out.extend_from_slice(code);
}

/// Whether every entry has a code of the right length, and frames ascend.
#[must_use]
pub fn is_in_order(entries: &[u8]) -> bool {
    let mut previous = None;
    entries.chunks_exact(STRIDE).all(|entry| {
        let frame = entry.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        let length = entry.get(8..).and_then(|rest| rest.first_chunk());
        let ascends = previous < frame;
        previous = frame;
        ascends && length.map(|bytes| u64::from_le_bytes(*bytes)) == Some(PIECES as u64)
    })
}
