//! The inner loops for 64-bit ARM. What is not here is what the compiler makes of the portable ones: NEON is part of the
//! architecture.

use core::arch::aarch64::*;

use super::Block;
use super::portable;
use crate::blob::BLOCK;
use crate::query::{MOST_SUM, Table};

/// Sums of a table's entries that fit a byte.
const FIT: usize = u8::MAX as usize / MOST_SUM as usize;

/// One group of 4 coordinates at a time.
#[target_feature(enable = "neon")]
pub(super) fn bits(
    block: Block<'_>,
    table: &Table,
    threshold: f32,
    bounds: &mut [f32; BLOCK],
) -> u32 {
    let codes = block.codes.as_chunks::<16>().0;
    let tables = table.groups();
    let nibble = vdupq_n_u8(15);
    // Of vectors 0 to 7, 8 to 15 and so on.
    let mut sums = [vdupq_n_u16(0); 4];
    for (codes, tables) in codes.chunks(FIT).zip(tables.chunks(FIT)) {
        let mut low = vdupq_n_u8(0);
        let mut high = vdupq_n_u8(0);
        for (code, table) in codes.iter().zip(tables) {
            // SAFETY: both are 16 bytes.
            let (code, table) = unsafe { (vld1q_u8(code.as_ptr()), vld1q_u8(table.as_ptr())) };
            low = vaddq_u8(low, vqtbl1q_u8(table, vandq_u8(code, nibble)));
            high = vaddq_u8(high, vqtbl1q_u8(table, vshrq_n_u8::<4>(code)));
        }
        sums[0] = vaddw_u8(sums[0], vget_low_u8(low));
        sums[1] = vaddw_high_u8(sums[1], low);
        sums[2] = vaddw_u8(sums[2], vget_low_u8(high));
        sums[3] = vaddw_high_u8(sums[3], high);
    }
    let mut whole = [0_u16; BLOCK];
    for (sum, out) in sums.into_iter().zip(whole.as_chunks_mut::<8>().0) {
        // SAFETY: eight numbers.
        unsafe { vst1q_u16(out.as_mut_ptr(), sum) };
    }
    portable::finish(
        &whole.map(f32::from),
        block.numbers,
        table,
        threshold,
        bounds,
    )
}
