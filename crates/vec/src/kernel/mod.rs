//! The inner loops, in one version for each kind of processor. All versions give the same results, to the last bit: sums are
//! integers, or floats added in an order that is written down, with no fused multiplication.

// Calling a function for a processor that this one is not is undefined behaviour: this module is the one that knows which
// are there. Besides that, only loads and stores by pointer are unsafe, each inside a slice whose length is checked.
#![allow(unsafe_code)]

#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::blob::{BLOCK, Encoding, Layout};
use crate::encode::{Blocks, Encoder};
use crate::product::{Columns, PIECE};
use crate::query::Table;
use crate::rotation::Rotation;

/// One block, taken apart.
#[derive(Clone, Copy)]
struct Block<'a> {
    codes: &'a [u8],
    /// Factors, then summands.
    numbers: &'a [u8],
}

/// A version of the inner loops that this processor can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Version);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Kernel {
    /// The version that runs everywhere.
    pub const PORTABLE: Self = Self(Version::Portable);

    /// All that this processor can run, the fastest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
                found.push(Self(Version::Avx512));
            }
            if is_x86_feature_detected!("avx2") {
                found.push(Self(Version::Avx2));
            }
        }
        #[cfg(target_arch = "aarch64")]
        found.push(Self(Version::Neon));
        found.push(Self::PORTABLE);
        found
    }

    /// The fastest.
    #[must_use]
    pub fn fastest() -> Self {
        Self::available().first().copied().unwrap_or(Self::PORTABLE)
    }

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Version::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Version::Avx2 => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Version::Avx512 => "AVX-512",
            #[cfg(target_arch = "aarch64")]
            Version::Neon => "NEON",
        }
    }

    /// Bounds of the similarity of all vectors of `blocks` to the query behind `table`, to `bounds`; and which of them are
    /// above `threshold`, one bit each, to `above`. As many blocks as fit all of them.
    pub(crate) fn bounds(
        self,
        layout: Layout,
        blocks: &[u8],
        table: &Table,
        threshold: f32,
        bounds: &mut [[f32; BLOCK]],
        above: &mut [u32],
    ) {
        let blocks = blocks.chunks_exact(layout.block_length());
        for (block, (bounds, above)) in blocks.zip(bounds.iter_mut().zip(above)) {
            let (codes, numbers) = block.split_at(layout.codes_length());
            let block = Block { codes, numbers };
            *above = self.block_bounds(layout.encoding, block, table, threshold, bounds);
        }
    }

    #[inline]
    fn block_bounds(
        self,
        encoding: Encoding,
        block: Block<'_>,
        table: &Table,
        threshold: f32,
        bounds: &mut [f32; BLOCK],
    ) -> u32 {
        match (encoding, self.0) {
            (Encoding::Bits, Version::Portable) => portable::bits(block, table, threshold, bounds),
            (Encoding::Bytes, Version::Portable) => {
                portable::bytes(block, table, threshold, bounds)
            }
            // SAFETY: a version is only made where the processor has what it needs.
            #[cfg(target_arch = "x86_64")]
            (Encoding::Bits, Version::Avx2) => unsafe {
                x86::bits_avx2(block, table, threshold, bounds)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            (Encoding::Bytes, Version::Avx2) => unsafe {
                x86::bytes_avx2(block, table, threshold, bounds)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            (Encoding::Bits, Version::Avx512) => unsafe {
                x86::bits_avx512(block, table, threshold, bounds)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            (Encoding::Bytes, Version::Avx512) => unsafe {
                x86::bytes_avx512(block, table, threshold, bounds)
            },
            // SAFETY: every processor of this architecture has it.
            #[cfg(target_arch = "aarch64")]
            (Encoding::Bits, Version::Neon) => unsafe {
                neon::bits(block, table, threshold, bounds)
            },
            #[cfg(target_arch = "aarch64")]
            (Encoding::Bytes, Version::Neon) => portable::bytes(block, table, threshold, bounds),
        }
    }

    /// [`Encoder::encode_in_place`], made for this processor.
    pub(crate) fn encode(
        self,
        encoder: &Encoder,
        length: usize,
        rest: &mut [f32],
        blocks: &mut Blocks,
    ) {
        match self.0 {
            Version::Portable => encoder.encode_in_place(length, rest, blocks),
            // SAFETY: a version is only made where the processor has what it needs.
            #[cfg(target_arch = "x86_64")]
            Version::Avx2 => unsafe { x86::encode_avx2(encoder, length, rest, blocks) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Version::Avx512 => unsafe { x86::encode_avx512(encoder, length, rest, blocks) },
            // Every compiler for this architecture takes what NEON has.
            #[cfg(target_arch = "aarch64")]
            Version::Neon => encoder.encode_in_place(length, rest, blocks),
        }
    }

    /// Which of the bounds are above a threshold, one bit each, 32 to a number.
    #[inline]
    pub(crate) fn above(self, bounds: &[f32], threshold: f32, above: &mut [u32]) {
        match self.0 {
            Version::Portable => portable::above(bounds, threshold, above),
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Version::Avx2 => unsafe { x86::above_avx2(bounds, threshold, above) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Version::Avx512 => unsafe { x86::above_avx512(bounds, threshold, above) },
            #[cfg(target_arch = "aarch64")]
            Version::Neon => portable::above(bounds, threshold, above),
        }
    }

    /// Rotates in place.
    #[inline]
    pub(crate) fn rotate(self, rotation: &Rotation, vector: &mut [f32]) {
        match self.0 {
            Version::Portable => rotation.apply(vector),
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Version::Avx2 => unsafe { x86::rotate_avx2(rotation, vector) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Version::Avx512 => unsafe { x86::rotate_avx512(rotation, vector) },
            #[cfg(target_arch = "aarch64")]
            Version::Neon => rotation.apply(vector),
        }
    }

    /// The table of a query for codes of one bit, see [`portable::tabulate`].
    #[inline]
    pub(crate) fn tabulate(self, query: &[f32]) -> (Vec<u8>, f32, f64) {
        match self.0 {
            Version::Portable => portable::tabulate(query),
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Version::Avx2 => unsafe { x86::tabulate_avx2(query) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Version::Avx512 => unsafe { x86::tabulate_avx512(query) },
            #[cfg(target_arch = "aarch64")]
            Version::Neon => portable::tabulate(query),
        }
    }

    /// Query · vector and vector · vector in double precision.
    #[inline]
    pub(crate) fn wide_products(self, query: &[f32], vector: &[u8]) -> (f64, f64) {
        match self.0 {
            Version::Portable => portable::wide_products(query, vector),
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Version::Avx2 => unsafe { x86::wide_products_avx2(query, vector) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Version::Avx512 => unsafe { x86::wide_products_avx512(query, vector) },
            #[cfg(target_arch = "aarch64")]
            Version::Neon => portable::wide_products(query, vector),
        }
    }

    /// The centroid nearest to a piece of a vector; of equally near ones the first.
    #[inline]
    pub(crate) fn nearest_centroid(self, columns: &Columns, point: &[f32; PIECE]) -> u8 {
        match self.0 {
            Version::Portable => portable::nearest_centroid(columns, point),
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Version::Avx2 => unsafe { x86::nearest_centroid_avx2(columns, point) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Version::Avx512 => unsafe { x86::nearest_centroid_avx512(columns, point) },
            #[cfg(target_arch = "aarch64")]
            Version::Neon => portable::nearest_centroid(columns, point),
        }
    }

    /// Query · vector and vector · vector.
    #[inline]
    pub(crate) fn products(self, query: &[f32], vector: &[u8]) -> (f32, f32) {
        match self.0 {
            Version::Portable => portable::products(query, vector),
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Version::Avx2 => unsafe { x86::products_avx2(query, vector) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Version::Avx512 => unsafe { x86::products_avx512(query, vector) },
            #[cfg(target_arch = "aarch64")]
            Version::Neon => portable::products(query, vector),
        }
    }
}

/// Asks for bytes that will be read soon.
#[inline]
pub(crate) fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        for line in bytes.chunks(64) {
            // SAFETY: prefetching is a hint and reads nothing; the address is inside the slice.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}
