//! With NEON, which every 64-bit ARM has. The memory format has the lowest byte first, and so have these processors.
#![allow(unsafe_code)]

use std::arch::aarch64::*;

use super::{LANES, ROW_BYTES};

/// Four numbers.
#[derive(Clone, Copy)]
pub struct Row(uint32x4_t);

impl Row {
    /// The same number four times.
    #[inline(always)]
    pub fn splat(number: u32) -> Self {
        // SAFETY: see the head of the module.
        Self(unsafe { vdupq_n_u32(number) })
    }

    /// Numbers as they stand in memory.
    #[inline(always)]
    pub fn load(numbers: &[u32; LANES]) -> Self {
        // SAFETY: see the head of the module.
        Self(unsafe { vld1q_u32(numbers.as_ptr()) })
    }

    /// Puts them there.
    #[inline(always)]
    pub fn store(self, numbers: &mut [u32; LANES]) {
        // SAFETY: see the head of the module.
        unsafe { vst1q_u32(numbers.as_mut_ptr(), self.0) }
    }

    /// Numbers with the lowest byte first.
    #[inline(always)]
    pub fn read(bytes: &[u8; ROW_BYTES]) -> Self {
        // SAFETY: see the head of the module.
        Self(unsafe { vreinterpretq_u32_u8(vld1q_u8(bytes.as_ptr())) })
    }

    /// Puts them there.
    #[inline(always)]
    pub fn write(self, bytes: &mut [u8; ROW_BYTES]) {
        // SAFETY: see the head of the module.
        unsafe { vst1q_u8(bytes.as_mut_ptr(), vreinterpretq_u8_u32(self.0)) }
    }

    /// Each shifted by so many bits, fewer than 32.
    #[inline(always)]
    pub fn shift_left(self, bits: usize) -> Self {
        // SAFETY: see the head of the module.
        Self(unsafe { vshlq_u32(self.0, vdupq_n_s32(bits as i32)) })
    }

    /// Each shifted by so many bits, fewer than 32.
    #[inline(always)]
    pub fn shift_right(self, bits: usize) -> Self {
        // SAFETY: see the head of the module.
        Self(unsafe { vshlq_u32(self.0, vdupq_n_s32(-(bits as i32))) })
    }

    /// Bits that either has.
    #[inline(always)]
    pub fn or(self, other: Self) -> Self {
        // SAFETY: see the head of the module.
        Self(unsafe { vorrq_u32(self.0, other.0) })
    }

    /// Bits that both have.
    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        // SAFETY: see the head of the module.
        Self(unsafe { vandq_u32(self.0, other.0) })
    }

    /// Sums, as far as they fit.
    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        // SAFETY: see the head of the module.
        Self(unsafe { vaddq_u32(self.0, other.0) })
    }

    /// Of each its sum with those before it.
    #[inline(always)]
    pub fn running_sums(self) -> Self {
        // SAFETY: see the head of the module.
        let moved = |row: Self| Self(unsafe { vextq_u32::<3>(vdupq_n_u32(0), row.0) });
        let pairs = self.add(moved(self));
        pairs.add(moved(moved(pairs)))
    }

    /// The last one four times.
    #[inline(always)]
    pub fn splat_last(self) -> Self {
        // SAFETY: see the head of the module.
        Self(unsafe { vdupq_laneq_u32::<3>(self.0) })
    }
}
