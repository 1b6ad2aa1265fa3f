//! The inner loops in plain Rust. Those marked `inline(always)` are compiled again for each kind of processor.

use super::Block;
use crate::blob::BLOCK;
use crate::query::Table;
use crate::vectors::numbers;

/// Bounds of one block of codes of one bit.
pub(super) fn bits(
    block: Block<'_>,
    table: &Table,
    threshold: f32,
    bounds: &mut [f32; BLOCK],
) -> u32 {
    let mut sums = [0_u32; BLOCK];
    for (codes, sums_of) in block.codes.as_chunks::<16>().0.iter().zip(table.groups()) {
        for (slot, code) in codes.iter().enumerate() {
            sums[slot] += u32::from(sums_of[usize::from(code & 15)]);
            sums[slot + 16] += u32::from(sums_of[usize::from(code >> 4)]);
        }
    }
    finish(
        &sums.map(|sum| sum as f32),
        block.numbers,
        table,
        threshold,
        bounds,
    )
}

/// Bounds of one block of codes of eight bits.
#[inline(always)]
pub(super) fn bytes(
    block: Block<'_>,
    table: &Table,
    threshold: f32,
    bounds: &mut [f32; BLOCK],
) -> u32 {
    let mut sums = [0.0_f32; BLOCK];
    for (row, number) in block.codes.as_chunks::<BLOCK>().0.iter().zip(table.query()) {
        for (sum, code) in sums.iter_mut().zip(row) {
            *sum += f32::from(*code as i8) * number;
        }
    }
    finish(&sums, block.numbers, table, threshold, bounds)
}

/// From sums to bounds: factor × (sum × step + start) + (summand + base).
#[inline(always)]
pub(super) fn finish(
    sums: &[f32; BLOCK],
    behind: &[u8],
    table: &Table,
    threshold: f32,
    bounds: &mut [f32; BLOCK],
) -> u32 {
    let (factors, summands) = behind.split_at(4 * BLOCK);
    let pairs = numbers(factors).zip(numbers(summands));
    for ((bound, sum), (factor, summand)) in bounds.iter_mut().zip(sums).zip(pairs) {
        *bound = factor * (sum * table.step + table.start) + (summand + table.base);
    }
    let bits = bounds.iter().enumerate();
    bits.fold(0, |bits, (slot, bound)| {
        bits | u32::from(*bound > threshold) << slot
    })
}

/// Sums that grow side by side.
const LANES: usize = 32;

/// Query · vector and vector · vector.
#[inline(always)]
pub(super) fn products(query: &[f32], vector: &[u8]) -> (f32, f32) {
    let (vector, _) = vector.as_chunks::<4>();
    let (queries, query_rest) = query.as_chunks::<LANES>();
    let (vectors, vector_rest) = vector.as_chunks::<LANES>();
    let mut dots = [0.0_f32; LANES];
    let mut squares = [0.0_f32; LANES];
    for (query, vector) in queries.iter().zip(vectors) {
        for lane in 0..LANES {
            let number = f32::from_le_bytes(vector[lane]);
            dots[lane] += number * query[lane];
            squares[lane] += number * number;
        }
    }
    for (lane, (query, number)) in query_rest.iter().zip(vector_rest).enumerate() {
        let number = f32::from_le_bytes(*number);
        dots[lane] += number * query;
        squares[lane] += number * number;
    }
    (sum(dots), sum(squares))
}

#[inline(always)]
fn sum(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}
