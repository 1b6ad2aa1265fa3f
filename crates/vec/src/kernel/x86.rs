//! The inner loops for x86-64.

use core::arch::x86_64::*;

use super::Block;
use super::portable;
use crate::blob::BLOCK;
use crate::encode::{Blocks, Encoder};
use crate::product::{Columns, PIECE};
use crate::query::{MOST_SUM, Table};
use crate::rotation::Rotation;

/// Sums of a table's entries that fit a byte.
const FIT: usize = u8::MAX as usize / MOST_SUM as usize;

#[target_feature(enable = "avx2")]
pub(super) fn bytes_avx2(
    block: Block<'_>,
    table: &Table,
    threshold: f32,
    bounds: &mut [f32; BLOCK],
) -> u32 {
    portable::bytes(block, table, threshold, bounds)
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn bytes_avx512(
    block: Block<'_>,
    table: &Table,
    threshold: f32,
    bounds: &mut [f32; BLOCK],
) -> u32 {
    portable::bytes(block, table, threshold, bounds)
}

#[target_feature(enable = "avx2")]
pub(super) fn wide_products_avx2(query: &[f32], vector: &[u8]) -> (f64, f64) {
    portable::wide_products(query, vector)
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn wide_products_avx512(query: &[f32], vector: &[u8]) -> (f64, f64) {
    portable::wide_products(query, vector)
}

#[target_feature(enable = "avx2")]
pub(super) fn above_avx2(bounds: &[f32], threshold: f32, above: &mut [u32]) {
    portable::above(bounds, threshold, above);
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn above_avx512(bounds: &[f32], threshold: f32, above: &mut [u32]) {
    portable::above(bounds, threshold, above);
}

#[target_feature(enable = "avx2")]
pub(super) fn rotate_avx2(rotation: &Rotation, vector: &mut [f32]) {
    rotation.apply(vector);
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn rotate_avx512(rotation: &Rotation, vector: &mut [f32]) {
    rotation.apply(vector);
}

#[target_feature(enable = "avx2")]
pub(super) fn tabulate_avx2(query: &[f32]) -> (Vec<u8>, f32, f64) {
    portable::tabulate(query)
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn tabulate_avx512(query: &[f32]) -> (Vec<u8>, f32, f64) {
    portable::tabulate(query)
}

#[target_feature(enable = "avx2")]
pub(super) fn nearest_centroid_avx2(columns: &Columns, point: &[f32; PIECE]) -> u8 {
    portable::nearest_centroid(columns, point)
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn nearest_centroid_avx512(columns: &Columns, point: &[f32; PIECE]) -> u8 {
    portable::nearest_centroid(columns, point)
}

#[target_feature(enable = "avx2")]
pub(super) fn products_avx2(query: &[f32], vector: &[u8]) -> (f32, f32) {
    portable::products(query, vector)
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn products_avx512(query: &[f32], vector: &[u8]) -> (f32, f32) {
    portable::products(query, vector)
}

#[target_feature(enable = "avx2")]
pub(super) fn encode_avx2(encoder: &Encoder, length: usize, rest: &mut [f32], blocks: &mut Blocks) {
    encoder.encode_in_place(length, rest, blocks);
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn encode_avx512(
    encoder: &Encoder,
    length: usize,
    rest: &mut [f32],
    blocks: &mut Blocks,
) {
    encoder.encode_in_place(length, rest, blocks);
}

/// Two groups of 4 coordinates at a time.
#[target_feature(enable = "avx2")]
pub(super) fn bits_avx2(
    block: Block<'_>,
    table: &Table,
    threshold: f32,
    bounds: &mut [f32; BLOCK],
) -> u32 {
    let codes = block.codes.as_chunks::<32>().0;
    let tables = table.sums().as_chunks::<32>().0;
    let nibble = _mm256_set1_epi8(15);
    let byte = _mm256_set1_epi16(255);
    // Of vectors 0, 2 … 14, then 1, 3 … 15, then the same from 16 on.
    let mut sums = [_mm256_setzero_si256(); 4];
    for (codes, tables) in codes.chunks(FIT).zip(tables.chunks(FIT)) {
        let mut low = _mm256_setzero_si256();
        let mut high = _mm256_setzero_si256();
        for (code, table) in codes.iter().zip(tables) {
            // SAFETY: both are 32 bytes.
            let (code, table) = unsafe {
                (
                    _mm256_loadu_si256(code.as_ptr().cast()),
                    _mm256_loadu_si256(table.as_ptr().cast()),
                )
            };
            let first = _mm256_and_si256(code, nibble);
            let second = _mm256_and_si256(_mm256_srli_epi16::<4>(code), nibble);
            low = _mm256_add_epi8(low, _mm256_shuffle_epi8(table, first));
            high = _mm256_add_epi8(high, _mm256_shuffle_epi8(table, second));
        }
        sums[0] = _mm256_add_epi16(sums[0], _mm256_and_si256(low, byte));
        sums[1] = _mm256_add_epi16(sums[1], _mm256_srli_epi16::<8>(low));
        sums[2] = _mm256_add_epi16(sums[2], _mm256_and_si256(high, byte));
        sums[3] = _mm256_add_epi16(sums[3], _mm256_srli_epi16::<8>(high));
    }
    let sums = sums.map(|sum| {
        _mm_add_epi16(
            _mm256_castsi256_si128(sum),
            _mm256_extracti128_si256::<1>(sum),
        )
    });
    let limit = _mm256_set1_ps(threshold);
    let mut above = 0;
    let step = _mm256_set1_ps(table.step);
    let start = _mm256_set1_ps(table.start);
    let base = _mm256_set1_ps(table.base);
    let (factors, summands) = block.numbers.split_at(4 * BLOCK);
    let eights = [
        _mm_unpacklo_epi16(sums[0], sums[1]),
        _mm_unpackhi_epi16(sums[0], sums[1]),
        _mm_unpacklo_epi16(sums[2], sums[3]),
        _mm_unpackhi_epi16(sums[2], sums[3]),
    ];
    let chunks = factors
        .as_chunks::<32>()
        .0
        .iter()
        .zip(summands.as_chunks::<32>().0);
    for (part, ((eight, (factor, summand)), bounds)) in eights
        .into_iter()
        .zip(chunks)
        .zip(bounds.as_chunks_mut::<8>().0)
        .enumerate()
    {
        let sum = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(eight));
        // SAFETY: both are 32 bytes.
        let (factor, summand) = unsafe {
            (
                _mm256_loadu_ps(factor.as_ptr().cast()),
                _mm256_loadu_ps(summand.as_ptr().cast()),
            )
        };
        let product = _mm256_add_ps(_mm256_mul_ps(sum, step), start);
        let bound = _mm256_add_ps(_mm256_mul_ps(factor, product), _mm256_add_ps(summand, base));
        // SAFETY: eight numbers.
        unsafe { _mm256_storeu_ps(bounds.as_mut_ptr(), bound) };
        above |=
            (_mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(bound, limit)) as u32) << (8 * part);
    }
    above
}

/// Four groups of 4 coordinates at a time.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn bits_avx512(
    block: Block<'_>,
    table: &Table,
    threshold: f32,
    bounds: &mut [f32; BLOCK],
) -> u32 {
    let codes = block.codes.as_chunks::<64>().0;
    let tables = table.sums().as_chunks::<64>().0;
    let nibble = _mm512_set1_epi8(15);
    let byte = _mm512_set1_epi16(255);
    // Of vectors 0, 2 … 14, then 1, 3 … 15, then the same from 16 on.
    let mut sums = [_mm512_setzero_si512(); 4];
    for (codes, tables) in codes.chunks(FIT).zip(tables.chunks(FIT)) {
        let mut low = _mm512_setzero_si512();
        let mut high = _mm512_setzero_si512();
        for (code, table) in codes.iter().zip(tables) {
            // SAFETY: both are 64 bytes.
            let (code, table) = unsafe {
                (
                    _mm512_loadu_si512(code.as_ptr().cast()),
                    _mm512_loadu_si512(table.as_ptr().cast()),
                )
            };
            let first = _mm512_and_si512(code, nibble);
            let second = _mm512_and_si512(_mm512_srli_epi16::<4>(code), nibble);
            low = _mm512_add_epi8(low, _mm512_shuffle_epi8(table, first));
            high = _mm512_add_epi8(high, _mm512_shuffle_epi8(table, second));
        }
        sums[0] = _mm512_add_epi16(sums[0], _mm512_and_si512(low, byte));
        sums[1] = _mm512_add_epi16(sums[1], _mm512_srli_epi16::<8>(low));
        sums[2] = _mm512_add_epi16(sums[2], _mm512_and_si512(high, byte));
        sums[3] = _mm512_add_epi16(sums[3], _mm512_srli_epi16::<8>(high));
    }
    let sums = sums.map(|sum| {
        let half = _mm256_add_epi16(
            _mm512_castsi512_si256(sum),
            _mm512_extracti64x4_epi64::<1>(sum),
        );
        _mm_add_epi16(
            _mm256_castsi256_si128(half),
            _mm256_extracti128_si256::<1>(half),
        )
    });
    let limit = _mm512_set1_ps(threshold);
    let mut above = 0;
    let step = _mm512_set1_ps(table.step);
    let start = _mm512_set1_ps(table.start);
    let base = _mm512_set1_ps(table.base);
    let (factors, summands) = block.numbers.split_at(4 * BLOCK);
    let sixteens = [
        _mm256_set_m128i(
            _mm_unpackhi_epi16(sums[0], sums[1]),
            _mm_unpacklo_epi16(sums[0], sums[1]),
        ),
        _mm256_set_m128i(
            _mm_unpackhi_epi16(sums[2], sums[3]),
            _mm_unpacklo_epi16(sums[2], sums[3]),
        ),
    ];
    let chunks = factors
        .as_chunks::<64>()
        .0
        .iter()
        .zip(summands.as_chunks::<64>().0);
    for (part, ((sixteen, (factor, summand)), bounds)) in sixteens
        .into_iter()
        .zip(chunks)
        .zip(bounds.as_chunks_mut::<16>().0)
        .enumerate()
    {
        let sum = _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(sixteen));
        // SAFETY: both are 64 bytes.
        let (factor, summand) = unsafe {
            (
                _mm512_loadu_ps(factor.as_ptr().cast()),
                _mm512_loadu_ps(summand.as_ptr().cast()),
            )
        };
        let product = _mm512_add_ps(_mm512_mul_ps(sum, step), start);
        let bound = _mm512_add_ps(_mm512_mul_ps(factor, product), _mm512_add_ps(summand, base));
        // SAFETY: sixteen numbers.
        unsafe { _mm512_storeu_ps(bounds.as_mut_ptr(), bound) };
        above |= (u32::from(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(bound, limit))) << (16 * part);
    }
    above
}
