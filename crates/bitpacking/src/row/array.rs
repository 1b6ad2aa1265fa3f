//! What any processor does. The compiler makes no vectors of it: three times slower than the others.

use std::array::from_fn;

use super::{LANES, ROW_BYTES};

/// Four numbers.
#[derive(Clone, Copy)]
pub struct Row([u32; LANES]);

impl Row {
    /// The same number four times.
    pub fn splat(number: u32) -> Self {
        Self([number; LANES])
    }

    /// Numbers as they stand in memory.
    pub fn load(numbers: &[u32; LANES]) -> Self {
        Self(*numbers)
    }

    /// Puts them there.
    pub fn store(self, numbers: &mut [u32; LANES]) {
        *numbers = self.0;
    }

    /// Numbers with the lowest byte first.
    pub fn read(bytes: &[u8; ROW_BYTES]) -> Self {
        let words = bytes.as_chunks().0;
        Self(from_fn(|lane| u32::from_le_bytes(words[lane])))
    }

    /// Puts them there.
    pub fn write(self, bytes: &mut [u8; ROW_BYTES]) {
        for (bytes, number) in bytes.as_chunks_mut().0.iter_mut().zip(self.0) {
            *bytes = number.to_le_bytes();
        }
    }

    /// Each shifted by so many bits, fewer than 32.
    pub fn shift_left(self, bits: usize) -> Self {
        Self(self.0.map(|number| number << bits))
    }

    /// Each shifted by so many bits, fewer than 32.
    pub fn shift_right(self, bits: usize) -> Self {
        Self(self.0.map(|number| number >> bits))
    }

    /// Bits that either has.
    pub fn or(self, other: Self) -> Self {
        Self(from_fn(|lane| self.0[lane] | other.0[lane]))
    }

    /// Bits that both have.
    pub fn and(self, other: Self) -> Self {
        Self(from_fn(|lane| self.0[lane] & other.0[lane]))
    }

    /// Sums, as far as they fit.
    pub fn add(self, other: Self) -> Self {
        Self(from_fn(|lane| self.0[lane].wrapping_add(other.0[lane])))
    }

    /// Of each its sum with those before it.
    pub fn running_sums(self) -> Self {
        let mut sum = 0_u32;
        Self(self.0.map(|number| {
            sum = sum.wrapping_add(number);
            sum
        }))
    }

    /// The last one four times.
    pub fn splat_last(self) -> Self {
        Self::splat(self.0[LANES - 1])
    }
}
