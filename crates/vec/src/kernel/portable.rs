//! The inner loops in plain Rust. Those marked `inline(always)` are compiled again for each kind of processor.

use super::Block;
use crate::blob::BLOCK;
use crate::product::{CENTROIDS, Columns, PIECE};
use crate::query::{MOST_SUM, Table};
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

/// Which of the bounds are above a threshold, one bit each, 32 to a number.
#[inline(always)]
pub(super) fn above(bounds: &[f32], threshold: f32, above: &mut [u32]) {
    let (blocks, rest) = bounds.as_chunks::<BLOCK>();
    let bits = |bounds: &[f32]| {
        let bits = bounds.iter().enumerate();
        bits.fold(0, |bits, (slot, bound)| {
            bits | u32::from(*bound > threshold) << slot
        })
    };
    for (block, above) in blocks.iter().zip(above.iter_mut()) {
        *above = bits(block);
    }
    if let Some(above) = above.get_mut(blocks.len()) {
        *above = bits(rest);
    }
}

/// Sums that grow side by side.
const LANES: usize = 32;

/// The nearest centroid: the number of the least of their squared distances, in whose last bits it stands. Positive
/// numbers are ordered as their bits are.
#[inline(always)]
pub(super) fn nearest_centroid(columns: &Columns, point: &[f32; PIECE]) -> u8 {
    const SIDE_BY_SIDE: usize = 16;
    fn groups(numbers: &[f32; CENTROIDS]) -> std::slice::Iter<'_, [f32; SIDE_BY_SIDE]> {
        numbers.as_chunks().0.iter()
    }
    let [a, b, c, d] = &columns.numbers;
    let rows = groups(a).zip(groups(b)).zip(groups(c).zip(groups(d)));
    let mut least = [u32::MAX; SIDE_BY_SIDE];
    for (group, ((a, b), (c, d))) in rows.enumerate() {
        for lane in 0..SIDE_BY_SIDE {
            let (a, b) = (point[0] - a[lane], point[1] - b[lane]);
            let (c, d) = (point[2] - c[lane], point[3] - d[lane]);
            let square = ((a * a + b * b) + (c * c + d * d)).min(f32::MAX);
            let number = (group * SIDE_BY_SIDE + lane) as u32;
            least[lane] = least[lane].min(square.to_bits() & !0xFF | number);
        }
    }
    let mut nearest = u32::MAX;
    for least in least {
        nearest = nearest.min(least);
    }
    nearest as u8
}

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

/// For every 4 coordinates the sums of a query's numbers with the signs of each of 16 codes, less the lowest, in steps; what
/// a step is; and the sum of the lowest.
#[inline(always)]
pub(super) fn tabulate(query: &[f32]) -> (Vec<u8>, f32, f64) {
    // Added to a number from 0 to 2^22, it leaves the nearest whole one in the lowest bits.
    const WHOLE: f32 = (1 << 23) as f32;
    let groups = query.as_chunks::<4>().0;
    let reach = |group: &[f32; 4]| group.iter().map(|number| number.abs()).sum::<f32>();
    let widest = groups
        .iter()
        .map(|group| 2.0 * reach(group))
        .fold(0.0_f32, f32::max);
    let step = (widest / f32::from(MOST_SUM)).max(f32::MIN_POSITIVE);
    let mut lowest = 0.0_f64;
    let mut sums = vec![0_u8; groups.len() * 16];
    for (group, sums) in groups.iter().zip(sums.as_chunks_mut::<16>().0) {
        let least = -reach(group);
        lowest += f64::from(least);
        let mut of_codes = [0.0_f32; 16];
        of_codes[0] = -(group[0] + group[1] + group[2] + group[3]) - least;
        for (bit, number) in group.iter().enumerate() {
            for code in 0..1 << bit {
                of_codes[code | 1 << bit] = of_codes[code] + 2.0 * number;
            }
        }
        for (sum, of_code) in sums.iter_mut().zip(of_codes) {
            let steps = (of_code / step).clamp(0.0, f32::from(MOST_SUM));
            *sum = (steps + WHOLE).to_bits() as u8;
        }
    }
    (sums, step, lowest)
}

/// Sums in double precision that grow side by side.
const WIDE_LANES: usize = 16;

/// Query · vector and vector · vector in double precision.
#[inline(always)]
pub(super) fn wide_products(query: &[f32], vector: &[u8]) -> (f64, f64) {
    let (vector, _) = vector.as_chunks::<4>();
    let mut dots = [0.0_f64; WIDE_LANES];
    let mut squares = [0.0_f64; WIDE_LANES];
    let (queries, query_rest) = query.as_chunks::<WIDE_LANES>();
    let (vectors, vector_rest) = vector.as_chunks::<WIDE_LANES>();
    for (query, vector) in queries.iter().zip(vectors) {
        for lane in 0..WIDE_LANES {
            let number = f64::from(f32::from_le_bytes(vector[lane]));
            dots[lane] += number * f64::from(query[lane]);
            squares[lane] += number * number;
        }
    }
    for (lane, (query, number)) in query_rest.iter().zip(vector_rest).enumerate() {
        let number = f64::from(f32::from_le_bytes(*number));
        dots[lane] += number * f64::from(*query);
        squares[lane] += number * number;
    }
    (dots.iter().sum(), squares.iter().sum())
}
