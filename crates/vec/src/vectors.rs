//! Where the vectors themselves come from.

use crate::error::{Error, Result};
use crate::kernel::prefetch;
use std::sync::atomic::{AtomicU64, Ordering};

/// The vectors of a segment in full precision, by their position in it.
///
/// Stored bytes are taken as they are, wherever they stand: little-endian, of any alignment.
pub trait Vectors: Sync {
    /// The 4 · dimension bytes of vector `ordinal`: lent, or written to `buffer`. `None` when there is no such vector.
    fn vector<'a>(&'a self, ordinal: usize, buffer: &'a mut Vec<u8>) -> Option<&'a [u8]>;

    /// The frame of vector `ordinal`, where it is written down beside it: what a search finds is compared with it.
    fn frame(&self, ordinal: usize) -> Option<u64> {
        let _ = ordinal;
        None
    }

    /// The bytes that vector `ordinal` is read from, where they are the ones that its checksum in the segment is of.
    fn stored(&self, ordinal: usize) -> Option<&[u8]> {
        let _ = ordinal;
        None
    }

    /// Says that vector `ordinal` will be asked for soon. Doing nothing is right, too.
    fn prefetch(&self, ordinal: usize) {
        let _ = ordinal;
    }

    /// A faster way to compare many vectors with one query than reading each; `None` where there is none.
    fn products<'a>(&'a self, query: &[f32]) -> Option<Box<dyn Products + 'a>> {
        let _ = query;
        None
    }
}

/// Vectors compared with one query, see [`Vectors::products`].
pub trait Products {
    /// Query · vector and vector · vector of vector `ordinal`; `None` when there is no such vector.
    fn of(&self, ordinal: usize) -> Option<(f32, f32)>;
}

/// Vectors at equal distances in one range of bytes.
#[derive(Debug, Clone, Copy)]
pub struct StridedVectors<'a> {
    /// The range.
    pub bytes: &'a [u8],
    /// Where the first vector begins in it.
    pub first: usize,
    /// Distance from one vector to the next, in bytes.
    pub stride: usize,
    /// Numbers of a vector.
    pub dimension: usize,
    /// How many bytes in front of a vector the number of its frame stands, when it does.
    pub frame: Option<usize>,
}

impl Vectors for StridedVectors<'_> {
    #[inline]
    fn vector<'a>(&'a self, ordinal: usize, _: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        self.stored(ordinal)
    }

    #[inline]
    fn stored(&self, ordinal: usize) -> Option<&[u8]> {
        let start = ordinal.checked_mul(self.stride)?.checked_add(self.first)?;
        self.bytes
            .get(start..start.checked_add(self.dimension * 4)?)
    }

    fn frame(&self, ordinal: usize) -> Option<u64> {
        let start = ordinal.checked_mul(self.stride)?.checked_add(self.first)?;
        frame_in_front(self.bytes, start, self.frame?)
    }

    #[inline]
    fn prefetch(&self, ordinal: usize) {
        if let Some(bytes) = self.vector(ordinal, &mut Vec::new()) {
            prefetch(bytes);
        }
    }
}

/// The number of a frame that stands `distance` bytes in front of `start`.
pub(crate) fn frame_in_front(bytes: &[u8], start: usize, distance: usize) -> Option<u64> {
    let id = bytes.get(start.checked_sub(distance)?..)?;
    Some(u64::from_le_bytes(*id.first_chunk()?))
}

/// Which vectors of a segment were compared with their checksums. Shared by all searches of it.
#[derive(Debug, Default)]
pub struct Verified(Box<[AtomicU64]>);

impl Verified {
    /// None of `count` vectors yet.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self((0..count.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }

    /// Whether vector `ordinal` was.
    #[inline]
    #[must_use]
    pub fn contains(&self, ordinal: usize) -> bool {
        let word = self.0.get(ordinal / 64);
        word.is_some_and(|word| word.load(Ordering::Relaxed) >> (ordinal % 64) & 1 == 1)
    }

    pub(crate) fn insert(&self, ordinal: usize) {
        if let Some(word) = self.0.get(ordinal / 64) {
            word.fetch_or(1 << (ordinal % 64), Ordering::Relaxed);
        }
    }
}

/// Vectors in memory, one behind the other.
#[derive(Debug, Clone, Copy)]
pub struct MemoryVectors<'a> {
    /// The numbers of all vectors.
    pub numbers: &'a [f32],
    /// Numbers of a vector.
    pub dimension: usize,
}

impl Vectors for MemoryVectors<'_> {
    #[inline]
    fn vector<'a>(&'a self, ordinal: usize, buffer: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        let start = ordinal.checked_mul(self.dimension)?;
        let numbers = self
            .numbers
            .get(start..start.checked_add(self.dimension)?)?;
        buffer.clear();
        buffer.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        Some(buffer)
    }
}

/// The numbers in little-endian bytes.
#[inline]
pub(crate) fn numbers(bytes: &[u8]) -> impl ExactSizeIterator<Item = f32> {
    let (numbers, _) = bytes.as_chunks::<4>();
    numbers.iter().map(|number| f32::from_le_bytes(*number))
}

/// Fails unless every number is finite.
pub(crate) fn check_finite(vector: &[f32]) -> Result<()> {
    // A fold without an early end takes many numbers to an instruction.
    if vector
        .iter()
        .fold(true, |all, number| all & number.is_finite())
    {
        return Ok(());
    }
    match vector.iter().position(|number| !number.is_finite()) {
        Some(position) => Err(Error::NotFinite { position }),
        None => Ok(()),
    }
}

/// Numbers that are added up side by side.
const LANES: usize = 16;

/// The sum of a function of pairs of numbers, in double precision. [`LANES`] sums grow side by side: their order is part of the format.
/// Both are of one length. `of` makes 0 of zeros.
#[inline(always)]
pub(crate) fn sum_of_pairs(left: &[f32], right: &[f32], of: impl Fn(f64, f64) -> f64) -> f64 {
    let mut sums = [0.0_f64; LANES];
    let mut add = |left: &[f32; LANES], right: &[f32; LANES]| {
        for lane in 0..LANES {
            sums[lane] += of(f64::from(left[lane]), f64::from(right[lane]));
        }
    };
    let ((left, left_rest), (right, right_rest)) = (left.as_chunks(), right.as_chunks());
    for (left, right) in left.iter().zip(right) {
        add(left, right);
    }
    let mut last = [[0.0; LANES]; 2];
    last[0][..left_rest.len()].copy_from_slice(left_rest);
    last[1][..right_rest.len()].copy_from_slice(right_rest);
    add(&last[0], &last[1]);
    sums.iter().sum()
}

/// Scales to length 1 in place. A vector of zeros stays what it is. Gives the length before.
#[inline(always)]
pub(crate) fn normalise(vector: &mut [f32]) -> f64 {
    let norm = sum_of_pairs(vector, vector, |left, right| left * right).sqrt();
    if norm > 0.0 {
        let scale = 1.0 / norm;
        for number in vector {
            *number = (f64::from(*number) * scale) as f32;
        }
    }
    norm
}
