//! What is made of a query once, before codes are looked at.

use crate::blob::{Encoding, Segment};
use crate::rotation::Rotation;
use crate::vectors::numbers;

/// The largest entry of the table for codes of one bit: four of them fit a byte, and all those of a vector two bytes.
pub(crate) const MOST_SUM: u8 = 63;

/// A query, rotated.
pub(crate) struct RotatedQuery {
    numbers: Vec<f32>,
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
    pub(crate) fn new(query: &[f32], padded: usize) -> Self {
        let mut numbers = query.to_vec();
        numbers.resize(padded, 0.0);
        Rotation::new(padded).apply(&mut numbers);
        Self { numbers }
    }

    /// The table for codes around the centre of `segment`. Bounds are similarities as codes tell them plus `margin`
    /// standard deviations.
    pub(crate) fn table(&self, segment: &Segment<'_>, margin: f32) -> Table {
        let encoding = segment.encoding();
        let mut base = 0.0_f64;
        let mut square = 0.0_f64;
        let mut query = Vec::with_capacity(self.numbers.len());
        for (number, centre) in self.numbers.iter().zip(numbers(segment.centre_bytes())) {
            let rest = number - centre;
            base += f64::from(*number) * f64::from(centre);
            square += f64::from(rest).powi(2);
            query.push(rest);
        }
        let allowance = f64::from(margin * deviation(encoding)) * square.sqrt();
        let mut table = Table {
            sums: Vec::new(),
            query,
            step: 1.0,
            start: allowance as f32,
            base: base as f32,
        };
        if encoding == Encoding::Bits {
            table.tabulate(allowance);
        }
        table
    }
}

impl Table {
    fn tabulate(&mut self, allowance: f64) {
        let groups = self.query.as_chunks::<4>().0;
        let reach = |group: &[f32; 4]| group.iter().map(|number| number.abs()).sum::<f32>();
        let widest = groups
            .iter()
            .map(|group| 2.0 * reach(group))
            .fold(0.0_f32, f32::max);
        self.step = (widest / f32::from(MOST_SUM)).max(f32::MIN_POSITIVE);
        let mut lowest = 0.0_f64;
        let mut sums = Vec::with_capacity(groups.len() * 16);
        for group in groups {
            let least = -reach(group);
            lowest += f64::from(least);
            let mut of_codes = [0.0_f32; 16];
            of_codes[0] = -(group[0] + group[1] + group[2] + group[3]) - least;
            for (bit, number) in group.iter().enumerate() {
                for code in 0..1 << bit {
                    of_codes[code | 1 << bit] = of_codes[code] + 2.0 * number;
                }
            }
            // A conversion of floats saturates at 0.
            sums.extend(of_codes.map(|sum| ((sum / self.step).round() as u8).min(MOST_SUM)));
        }
        self.sums = sums;
        self.start = (lowest + allowance) as f32;
    }

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
