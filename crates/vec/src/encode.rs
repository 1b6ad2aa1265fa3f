//! From vectors to codes.

use crate::blob::{BLOCK, Centre, Encoding, Layout};
use crate::kernel::Kernel;
use crate::rotation::Rotation;
use crate::vectors::{normalise, sum_of_pairs};
use std::ops::Range;

/// Codes in blocks, growing.
#[derive(Debug, Clone)]
pub(crate) struct Blocks {
    layout: Layout,
    pub bytes: Vec<u8>,
    count: usize,
}

impl Blocks {
    pub(crate) fn new(layout: Layout) -> Self {
        Self {
            layout,
            bytes: Vec::new(),
            count: 0,
        }
    }

    /// The slot of the next vector, and the block it is in.
    fn next_slot(&mut self) -> (usize, &mut [u8]) {
        let slot = self.count % BLOCK;
        let length = self.layout.block_length();
        if slot == 0 {
            self.bytes.resize(self.bytes.len() + length, 0);
            // A slot that is never filled is never found.
            let summands = self.bytes.len() - 4 * BLOCK;
            for summand in self.bytes[summands..].chunks_exact_mut(4) {
                summand.copy_from_slice(&f32::NEG_INFINITY.to_le_bytes());
            }
        }
        self.count += 1;
        let start = self.bytes.len() - length;
        (slot, &mut self.bytes[start..])
    }

    /// Appends the code of a rest and what belongs to it.
    #[inline(always)]
    fn push(&mut self, encoded: &Encoded, rest: &[f32]) {
        let layout = self.layout;
        let (slot, block) = self.next_slot();
        let (codes, numbers) = block.split_at_mut(layout.codes_length());
        match layout.encoding {
            Encoding::Bits => {
                let shift = slot / 16 * 4;
                for (group, rest) in codes.chunks_exact_mut(16).zip(rest.as_chunks::<4>().0) {
                    let bit = |index: usize| u8::from(rest[index] > 0.0) << index;
                    group[slot % 16] |= (bit(0) | bit(1) | bit(2) | bit(3)) << shift;
                }
            }
            Encoding::Bytes => {
                for (row, number) in codes.chunks_exact_mut(BLOCK).zip(rest) {
                    row[slot] = quantise(*number, encoded.scale) as u8;
                }
            }
        }
        let (factors, summands) = numbers.split_at_mut(4 * BLOCK);
        factors[4 * slot..4 * slot + 4].copy_from_slice(&encoded.factor.to_le_bytes());
        summands[4 * slot..4 * slot + 4].copy_from_slice(&encoded.summand.to_le_bytes());
    }

    /// Appends vectors of other blocks of the same layout, as they are.
    pub(crate) fn append_range(&mut self, blocks: &[u8], range: Range<usize>) {
        let length = self.layout.block_length();
        let mut ordinal = range.start;
        while ordinal < range.end {
            let start = ordinal / BLOCK * length;
            if self.count.is_multiple_of(BLOCK)
                && ordinal.is_multiple_of(BLOCK)
                && range.end - ordinal >= BLOCK
            {
                let whole = (range.end - ordinal) / BLOCK;
                self.bytes
                    .extend_from_slice(&blocks[start..start + whole * length]);
                self.count += whole * BLOCK;
                ordinal += whole * BLOCK;
            } else {
                self.copy(&blocks[start..start + length], ordinal % BLOCK);
                ordinal += 1;
            }
        }
    }

    fn copy(&mut self, from: &[u8], from_slot: usize) {
        let layout = self.layout;
        let (slot, block) = self.next_slot();
        let (codes, numbers) = block.split_at_mut(layout.codes_length());
        let (from_codes, from_numbers) = from.split_at(layout.codes_length());
        match layout.encoding {
            Encoding::Bits => {
                let (from_shift, shift) = (from_slot / 16 * 4, slot / 16 * 4);
                for (group, from) in codes.chunks_exact_mut(16).zip(from_codes.chunks_exact(16)) {
                    group[slot % 16] |= (from[from_slot % 16] >> from_shift & 15) << shift;
                }
            }
            Encoding::Bytes => {
                let rows = codes
                    .chunks_exact_mut(BLOCK)
                    .zip(from_codes.chunks_exact(BLOCK));
                for (row, from) in rows {
                    row[slot] = from[from_slot];
                }
            }
        }
        let columns = numbers
            .chunks_exact_mut(4 * BLOCK)
            .zip(from_numbers.chunks_exact(4 * BLOCK));
        for (column, from) in columns {
            column[4 * slot..4 * slot + 4].copy_from_slice(&from[4 * from_slot..4 * from_slot + 4]);
        }
    }
}

/// What a code is stored with.
struct Encoded {
    factor: f32,
    summand: f32,
    /// What bytes are multiples of.
    scale: f32,
}

fn quantise(number: f32, scale: f32) -> i8 {
    // A conversion of floats saturates.
    (number / scale).round() as i8
}

/// Encodes vectors around a centre.
#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    layout: Layout,
    rotation: Rotation,
    pub centre: Centre,
    rest: Vec<f32>,
    kernel: Kernel,
}

impl Encoder {
    pub(crate) fn new(layout: Layout, centre: Centre) -> Self {
        let rotation = Rotation::new(layout.padded());
        Self::with(layout, rotation, centre)
    }

    fn with(layout: Layout, rotation: Rotation, centre: Centre) -> Self {
        Self {
            layout,
            rotation,
            centre,
            rest: Vec::new(),
            kernel: Kernel::fastest(),
        }
    }

    /// An encoder around the average of `vectors`.
    ///
    /// The average of few is drawn towards zero: it says little about the next ones.
    pub(crate) fn around<'v>(layout: Layout, vectors: impl Iterator<Item = &'v [f32]>) -> Self {
        const DOUBT: f64 = 8.0;
        let mut sums = vec![0.0_f64; layout.padded()];
        let mut sample = 0_u64;
        let mut unit = Vec::new();
        for vector in vectors {
            unit.clear();
            unit.extend_from_slice(vector);
            normalise(&mut unit);
            for (sum, number) in sums.iter_mut().zip(&unit) {
                *sum += f64::from(*number);
            }
            sample += 1;
        }
        let mut numbers: Vec<f32> = sums
            .iter()
            .map(|sum| (sum / (sample as f64 + DOUBT)) as f32)
            .collect();
        let rotation = Rotation::new(layout.padded());
        rotation.apply(&mut numbers);
        Self::with(layout, rotation, Centre { numbers, sample })
    }

    /// Appends the code of a vector of finite numbers.
    pub(crate) fn encode(&mut self, vector: &[f32], blocks: &mut Blocks) {
        let mut rest = std::mem::take(&mut self.rest);
        rest.clear();
        rest.extend_from_slice(vector);
        rest.resize(self.layout.padded(), 0.0);
        let kernel = self.kernel;
        kernel.encode(self, vector.len(), &mut rest, blocks);
        self.rest = rest;
    }

    /// Appends the code of the vector that `rest` begins with, which becomes what the code stands for. To be called for the
    /// processor that runs it, see [`Kernel::encode`].
    #[inline(always)]
    pub(crate) fn encode_in_place(&self, length: usize, rest: &mut [f32], blocks: &mut Blocks) {
        normalise(&mut rest[..length]);
        self.rotation.apply(rest);
        for (number, centre) in rest.iter_mut().zip(&self.centre.numbers) {
            *number -= centre;
        }
        let encoded = self.describe(rest);
        blocks.push(&encoded, rest);
    }

    #[inline(always)]
    fn describe(&self, rest: &[f32]) -> Encoded {
        let centre = &self.centre.numbers[..rest.len()];
        let scale = match self.layout.encoding {
            Encoding::Bits => 1.0,
            Encoding::Bytes => {
                let largest = rest
                    .iter()
                    .fold(0.0_f32, |largest, number| largest.max(number.abs()));
                (largest / 127.0).max(f32::MIN_POSITIVE)
            }
        };
        let square = sum_of_pairs(rest, rest, |left, right| left * right);
        let summand = sum_of_pairs(rest, centre, |number, centre| number * centre);
        // Of the code, the part along the rest is exact: code · rest × factor = rest · rest.
        let along = match self.layout.encoding {
            Encoding::Bits => sum_of_pairs(rest, rest, |number, _| number.abs()),
            Encoding::Bytes => sum_of_pairs(rest, rest, |number, _| {
                number * f64::from(quantise(number as f32, scale))
            }),
        };
        let factor = if along > 0.0 {
            (square / along) as f32
        } else {
            0.0
        };
        Encoded {
            factor,
            summand: summand as f32,
            scale,
        }
    }
}
