//! Blocks of numbers, each of as many bits as the largest one needs.
//!
//! tantivy packs postings with the crate `bitpacking`. That has a function of its own for each number of bits, for plain
//! numbers and for two kinds of differences, once for SSE3 and once for processors without it: 0.68 MB, a twelfth of our
//! addon. Here differences are made and undone in a pass of their own over a block that is in the cache, and loops are for
//! the vectors that every x86-64 and every 64-bit ARM has: 0.05 MB. Same interface, as far as tantivy uses it, and same format: compared with
//! that crate in `tests/format.rs`. What it costs stands in `docs/weights.md`.
//!
//! The format is that of [simdcomp](https://github.com/fast-pack/simdcomp): a block of 128 numbers is 32 rows of four, and
//! each of the four columns is a stream of bits of its own, in words of 32 bits, the lowest bits first.

#![allow(clippy::panic)]

mod block;
mod row;

/// Numbers of the largest block.
const MOST: usize = BitPacker4x::BLOCK_LEN;

/// Packs blocks of numbers, and unpacks them.
///
/// # Panics
/// All functions that take a block panic where it has fewer numbers than [`BitPacker::BLOCK_LEN`], where there is less room
/// than a packed block takes, and on more than 32 bits.
pub trait BitPacker: Sized + Clone + Copy {
    /// Numbers of a block.
    const BLOCK_LEN: usize;

    /// A packer.
    fn new() -> Self;

    /// Packs a block of numbers below 2^`num_bits`, and gives its length, in bytes.
    fn compress(&self, decompressed: &[u32], compressed: &mut [u8], num_bits: u8) -> usize;

    /// Unpacks a block, and gives the length that it had packed, in bytes.
    fn decompress(&self, compressed: &[u8], decompressed: &mut [u32], num_bits: u8) -> usize;

    /// [`BitPacker::compress`] of numbers in ascending order: of the differences from the one before. `initial` stands before
    /// the first.
    fn compress_sorted(
        &self,
        initial: u32,
        decompressed: &[u32],
        compressed: &mut [u8],
        num_bits: u8,
    ) -> usize {
        let differences = differences(&decompressed[..Self::BLOCK_LEN], initial, 0);
        self.compress(&differences, compressed, num_bits)
    }

    /// [`BitPacker::compress_sorted`] of numbers of which none occurs twice: of the differences less one. `None` stands
    /// before a first number that may be zero.
    fn compress_strictly_sorted(
        &self,
        initial: Option<u32>,
        decompressed: &[u32],
        compressed: &mut [u8],
        num_bits: u8,
    ) -> usize {
        let differences = differences(&decompressed[..Self::BLOCK_LEN], before(initial), 1);
        self.compress(&differences, compressed, num_bits)
    }

    /// Undoes [`BitPacker::compress_sorted`].
    fn decompress_sorted(
        &self,
        initial: u32,
        compressed: &[u8],
        decompressed: &mut [u32],
        num_bits: u8,
    ) -> usize {
        let length = self.decompress(compressed, decompressed, num_bits);
        block::add_up(&mut decompressed[..Self::BLOCK_LEN], initial, 0);
        length
    }

    /// Undoes [`BitPacker::compress_strictly_sorted`].
    fn decompress_strictly_sorted(
        &self,
        initial: Option<u32>,
        compressed: &[u8],
        decompressed: &mut [u32],
        num_bits: u8,
    ) -> usize {
        let length = self.decompress(compressed, decompressed, num_bits);
        block::add_up(&mut decompressed[..Self::BLOCK_LEN], before(initial), 1);
        length
    }

    /// How many bits [`BitPacker::compress`] needs for each number.
    fn num_bits(&self, decompressed: &[u32]) -> u8 {
        bits(&decompressed[..Self::BLOCK_LEN])
    }

    /// How many bits [`BitPacker::compress_sorted`] needs.
    fn num_bits_sorted(&self, initial: u32, decompressed: &[u32]) -> u8 {
        bits(&differences(&decompressed[..Self::BLOCK_LEN], initial, 0))
    }

    /// How many bits [`BitPacker::compress_strictly_sorted`] needs.
    fn num_bits_strictly_sorted(&self, initial: Option<u32>, decompressed: &[u32]) -> u8 {
        bits(&differences(
            &decompressed[..Self::BLOCK_LEN],
            before(initial),
            1,
        ))
    }

    /// Bytes of a packed block.
    #[must_use]
    fn compressed_block_size(num_bits: u8) -> usize {
        Self::BLOCK_LEN * usize::from(num_bits) / 8
    }
}

/// The number from which a first one of zero differs by one.
fn before(initial: Option<u32>) -> u32 {
    initial.unwrap_or(u32::MAX)
}

/// Differences of each number from the one before, less `step`; behind them zeros.
fn differences(numbers: &[u32], initial: u32, step: u32) -> [u32; MOST] {
    let mut differences = [0; MOST];
    let pairs = numbers.windows(2);
    for (difference, pair) in differences.iter_mut().skip(1).zip(pairs) {
        *difference = pair[1].wrapping_sub(pair[0]).wrapping_sub(step);
    }
    differences[0] = numbers[0].wrapping_sub(initial).wrapping_sub(step);
    differences
}

fn bits(numbers: &[u32]) -> u8 {
    let all = numbers.iter().fold(0, |all, number| all | number);
    (u32::BITS - all.leading_zeros()) as u8
}

/// Blocks of 128 numbers in four columns.
#[derive(Debug, Clone, Copy)]
pub struct BitPacker4x;

impl BitPacker for BitPacker4x {
    const BLOCK_LEN: usize = block::LENGTH;

    fn new() -> Self {
        Self
    }

    fn compress(&self, decompressed: &[u32], compressed: &mut [u8], num_bits: u8) -> usize {
        let length = Self::compressed_block_size(num_bits);
        block::pack(
            &decompressed[..Self::BLOCK_LEN],
            &mut compressed[..length],
            num_bits,
        );
        length
    }

    fn decompress(&self, compressed: &[u8], decompressed: &mut [u32], num_bits: u8) -> usize {
        let length = Self::compressed_block_size(num_bits);
        block::unpack(
            &compressed[..length],
            &mut decompressed[..Self::BLOCK_LEN],
            num_bits,
        );
        length
    }
}

/// Blocks of 32 numbers, one behind the other.
#[derive(Debug, Clone, Copy)]
pub struct BitPacker1x;

impl BitPacker for BitPacker1x {
    const BLOCK_LEN: usize = 32;

    fn new() -> Self {
        Self
    }

    fn compress(&self, decompressed: &[u32], compressed: &mut [u8], num_bits: u8) -> usize {
        assert!(u32::from(num_bits) <= u32::BITS, "{num_bits} bits a number");
        let length = Self::compressed_block_size(num_bits);
        let (mut word, mut filled) = (0_u64, 0);
        let mut words = compressed[..length].chunks_exact_mut(4);
        for number in &decompressed[..Self::BLOCK_LEN] {
            word |= u64::from(*number) << filled;
            filled += u32::from(num_bits);
            if filled >= u32::BITS
                && let Some(bytes) = words.next()
            {
                bytes.copy_from_slice(&(word as u32).to_le_bytes());
                word >>= u32::BITS;
                filled -= u32::BITS;
            }
        }
        length
    }

    fn decompress(&self, compressed: &[u8], decompressed: &mut [u32], num_bits: u8) -> usize {
        assert!(u32::from(num_bits) <= u32::BITS, "{num_bits} bits a number");
        let length = Self::compressed_block_size(num_bits);
        // Each number is read with the bytes behind it.
        let mut bytes = [0; 4 * Self::BLOCK_LEN + 8];
        bytes[..length].copy_from_slice(&compressed[..length]);
        let mask = (1_u64 << num_bits) - 1;
        for (index, number) in decompressed[..Self::BLOCK_LEN].iter_mut().enumerate() {
            let bit = index * usize::from(num_bits);
            let mut near = [0; 8];
            near.copy_from_slice(&bytes[bit / 8..][..8]);
            *number = (u64::from_le_bytes(near) >> (bit % 8) & mask) as u32;
        }
        length
    }
}
