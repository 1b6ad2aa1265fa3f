//! With SSE2. The instructions are part of the architecture; what is read and written has 16 bytes, which need no alignment.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::{LANES, ROW_BYTES};

/// Four numbers.
#[derive(Clone, Copy)]
pub struct Row(__m128i);

impl Row {
    /// The same number four times.
    #[inline(always)]
    pub fn splat(number: u32) -> Self {
        // SAFETY: see the head of the module.
        Self(unsafe { _mm_set1_epi32(number as i32) })
    }

    /// Numbers as they stand in memory.
    #[inline(always)]
    pub fn load(numbers: &[u32; LANES]) -> Self {
        // SAFETY: see the head of the module.
        Self(unsafe { _mm_loadu_si128(numbers.as_ptr().cast()) })
    }

    /// Puts them there.
    #[inline(always)]
    pub fn store(self, numbers: &mut [u32; LANES]) {
        // SAFETY: see the head of the module.
        unsafe { _mm_storeu_si128(numbers.as_mut_ptr().cast(), self.0) }
    }

    /// Numbers with the lowest byte first.
    #[inline(always)]
    pub fn read(bytes: &[u8; ROW_BYTES]) -> Self {
        // SAFETY: see the head of the module.
        Self(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
    }

    /// Puts them there.
    #[inline(always)]
    pub fn write(self, bytes: &mut [u8; ROW_BYTES]) {
        // SAFETY: see the head of the module.
        unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), self.0) }
    }

    /// Each shifted by so many bits, fewer than 32. (With a constant this is the instruction with a constant.)
    #[inline(always)]
    pub fn shift_left(self, bits: usize) -> Self {
        // SAFETY: see the head of the module.
        Self(unsafe { _mm_sll_epi32(self.0, _mm_cvtsi32_si128(bits as i32)) })
    }

    /// Each shifted by so many bits, fewer than 32.
    #[inline(always)]
    pub fn shift_right(self, bits: usize) -> Self {
        // SAFETY: see the head of the module.
        Self(unsafe { _mm_srl_epi32(self.0, _mm_cvtsi32_si128(bits as i32)) })
    }

    /// Bits that either has.
    #[inline(always)]
    pub fn or(self, other: Self) -> Self {
        // SAFETY: see the head of the module.
        Self(unsafe { _mm_or_si128(self.0, other.0) })
    }

    /// Bits that both have.
    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        // SAFETY: see the head of the module.
        Self(unsafe { _mm_and_si128(self.0, other.0) })
    }

    /// Sums, as far as they fit.
    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        // SAFETY: see the head of the module.
        Self(unsafe { _mm_add_epi32(self.0, other.0) })
    }

    /// Of each its sum with those before it.
    #[inline(always)]
    pub fn running_sums(self) -> Self {
        // SAFETY: see the head of the module.
        let moved = |row: Self| Self(unsafe { _mm_slli_si128::<4>(row.0) });
        let pairs = self.add(moved(self));
        pairs.add(moved(moved(pairs)))
    }

    /// The last one four times.
    #[inline(always)]
    pub fn splat_last(self) -> Self {
        // SAFETY: see the head of the module.
        Self(unsafe { _mm_shuffle_epi32::<0b11_11_11_11>(self.0) })
    }
}
