//! What is made of a query once, before codes are looked at.

use crate::blob::{Encoding, Segment};
use crate::kernel::Kernel;
use crate::rotation::Rotation;
use crate::vectors::{numbers, sum_of_pairs};

/// The largest entry of the table for codes of one bit: four of them fit a byte, and all those of a vector two bytes.
pub(crate) const MOST_SUM: u8 = 63;

/// A query, rotated.
pub(crate) struct RotatedQuery {
    numbers: Vec<f32>,
    kernel: Kernel,
}

/// A query as codes around one centre want it.
pub(crate) struct Table {
    /// For codes of one bit: for every 4 coordinates the sum of the query's numbers with the signs of each of 16 codes, less
    /// the lowest, in steps.
    sums: Vec<u8>,
    /// For codes of eight bits: the query's numbers.
    query: Vec<f32>,
    /// What a step is.
    pub step: f32,
    /// The sum of the lowest, and what the code may be wrong by.
    pub start: f32,
    /// What the centre contributes.
    pub base: f32,
}

/// How far the product of a query and a code is typically off, as a share of the query's length: one standard deviation.
///
/// A sign says of a number of a random direction what its average absolute value is, `√(2/π)` of the whole; the rest is at
/// right angles, in a random direction. A byte is off by up to half a step, evenly.
fn deviation(encoding: Encoding) -> f32 {
    match encoding {
        Encoding::Bits => (1.0 - std::f32::consts::FRAC_2_PI).sqrt(),
        Encoding::Bytes => 0.288_675_13,
    }
}

impl RotatedQuery {
    /// `query` is of length 1.
    pub(crate) fn new(query: &[f32], padded: usize, kernel: Kernel) -> Self {
        let mut numbers = query.to_vec();
        numbers.resize(padded, 0.0);
        kernel.rotate(&Rotation::new(padded), &mut numbers);
        Self { numbers, kernel }
    }

    /// The table for codes around the centre of `segment`. Bounds are similarities as codes tell them plus `margin`
    /// standard deviations.
    pub(crate) fn table(&self, segment: &Segment<'_>, margin: f32) -> Table {
        let encoding = segment.encoding();
        let centre: Vec<f32> = numbers(segment.centre_bytes()).collect();
        let base = sum_of_pairs(&self.numbers, &centre, |number, centre| number * centre);
        let pairs = self.numbers.iter().zip(&centre);
        let query: Vec<f32> = pairs.map(|(number, centre)| number - centre).collect();
        let square = sum_of_pairs(&query, &query, |left, right| left * right);
        let allowance = f64::from(margin * deviation(encoding)) * square.sqrt();
        let mut table = Table {
            sums: Vec::new(),
            query,
            step: 1.0,
            start: allowance as f32,
            base: base as f32,
        };
        if encoding == Encoding::Bits {
            let (sums, step, lowest) = self.kernel.tabulate(&table.query);
            table.sums = sums;
            table.step = step;
            table.start = (lowest + allowance) as f32;
        }
        table
    }
}

impl Table {
    /// 16 entries for every 4 coordinates, one behind the other.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(crate) fn sums(&self) -> &[u8] {
        &self.sums
    }

    /// The same, by 4 coordinates.
    #[inline]
    pub(crate) fn groups(&self) -> &[[u8; 16]] {
        self.sums.as_chunks().0
    }

    /// The query's numbers, less the centre.
    #[inline]
    pub(crate) fn query(&self) -> &[f32] {
        &self.query
    }
}
