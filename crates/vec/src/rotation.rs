//! A fixed random rotation, so that signs of coordinates say as much about any vector as about any other: also about
//! vectors with few numbers that are not 0, and about models with a few large coordinates.
//!
//! Signs are flipped at random and a Hadamard transform mixes the coordinates, several times. The transform needs a power
//! of two: with other lengths it takes turns at the first and at the last coordinates, which overlap. The signs are part
//! of the format of a segment: SplitMix64 from a fixed seed, one bit a coordinate and round.

/// Rounds of flipping and mixing.
const ROUNDS: usize = 4;
const SEED: u64 = 0x5645_4353_4547_7631;

/// The rotation of vectors of one length. What is marked `inline(always)` is compiled again for each kind of processor.
#[derive(Debug, Clone)]
pub(crate) struct Rotation {
    /// For each round, a factor for each coordinate: 1 or -1, times the scale of the transform.
    factors: Vec<f32>,
    length: usize,
    /// The largest power of two that is not above `length`.
    mixed: usize,
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

impl Rotation {
    pub(crate) fn new(length: usize) -> Self {
        let mixed = 1_usize << length.max(1).ilog2();
        let scale = 1.0 / (mixed as f32).sqrt();
        let mut state = SEED;
        let mut factors = vec![1.0_f32; ROUNDS * length];
        for (round, factors) in factors.chunks_exact_mut(length).enumerate() {
            let first = Self::first(round, length, mixed);
            if let Some(mixed) = factors.get_mut(first..first + mixed) {
                mixed.fill(scale);
            }
            for factors in factors.chunks_mut(64) {
                let bits = split_mix(&mut state);
                for (position, factor) in factors.iter_mut().enumerate() {
                    let sign = ((bits >> position & 1) as u32) << 31;
                    *factor = f32::from_bits(factor.to_bits() | sign);
                }
            }
        }
        Self {
            factors,
            length,
            mixed,
        }
    }

    /// Where mixing starts.
    fn first(round: usize, length: usize, mixed: usize) -> usize {
        if round.is_multiple_of(2) {
            0
        } else {
            length - mixed
        }
    }

    /// Rotates in place. `vector` has the length this rotation was made for.
    #[inline(always)]
    pub(crate) fn apply(&self, vector: &mut [f32]) {
        for (round, factors) in self.factors.chunks_exact(self.length).enumerate() {
            for (number, factor) in vector.iter_mut().zip(factors) {
                *number *= factor;
            }
            let first = Self::first(round, self.length, self.mixed);
            mix(&mut vector[first..first + self.mixed]);
        }
    }
}

/// The Hadamard transform, not scaled, in place. The length is a power of two and at least 4.
///
/// Pairs are far apart first and neighbours last, so that all stages but two are loops over whole ranges, with many numbers
/// to an instruction. The order is part of the format: sums of floats depend on it.
#[inline(always)]
fn mix(numbers: &mut [f32]) {
    let mut distance = numbers.len() / 2;
    while distance > 2 {
        for pairs in numbers.chunks_exact_mut(2 * distance) {
            let (left, right) = pairs.split_at_mut(distance);
            for (left, right) in left.iter_mut().zip(right) {
                (*left, *right) = (*left + *right, *left - *right);
            }
        }
        distance /= 2;
    }
    for numbers in numbers.as_chunks_mut::<4>().0 {
        let [first, second, third, fourth] = *numbers;
        let (sums, differences) = (
            [first + third, second + fourth],
            [first - third, second - fourth],
        );
        *numbers = [
            sums[0] + sums[1],
            sums[0] - sums[1],
            differences[0] + differences[1],
            differences[0] - differences[1],
        ];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_one_bit_of_the_generator_a_coordinate() {
        for length in [16, 48, 384, 1040] {
            let mut state = SEED;
            let factors = Rotation::new(length).factors;
            for round in factors.chunks_exact(length) {
                for factors in round.chunks(64) {
                    let bits = split_mix(&mut state);
                    for (position, factor) in factors.iter().enumerate() {
                        assert_eq!(factor.is_sign_negative(), bits >> position & 1 == 1);
                    }
                }
            }
        }
    }

    #[test]
    fn a_rotation_keeps_lengths_and_angles_and_spreads_a_single_number() {
        for length in [16, 48, 128, 384, 1536, 4080, 4096] {
            let rotation = Rotation::new(length);
            let mut first = vec![0.0; length];
            let mut second: Vec<f32> = (0..length)
                .map(|index| (index as f32 * 0.7).sin())
                .collect();
            first[length / 3] = 1.0;
            let norm = |vector: &[f32]| vector.iter().map(|number| number * number).sum::<f32>();
            let (product, square) = (second[length / 3], norm(&second));
            rotation.apply(&mut first);
            rotation.apply(&mut second);
            let rotated: f32 = first
                .iter()
                .zip(&second)
                .map(|(left, right)| left * right)
                .sum();
            assert!((norm(&first) - 1.0).abs() < 1e-4, "{length}");
            assert!((norm(&second) / square - 1.0).abs() < 1e-4, "{length}");
            assert!((rotated - product).abs() < 1e-3, "{length}");
            let largest = first
                .iter()
                .fold(0.0_f32, |largest, number| largest.max(number.abs()));
            assert!(
                largest < 6.0 / (length as f32).sqrt() || length < 64,
                "{length}: {largest}"
            );
        }
    }

    /// As the transform was written first: every stage takes its pairs from the two halves and writes them side by side.
    fn side_by_side(numbers: &[f32]) -> Vec<f32> {
        let mut from = numbers.to_vec();
        for _ in 0..numbers.len().ilog2() {
            let (left, right) = from.split_at(from.len() / 2);
            let pairs = left.iter().zip(right);
            from = pairs
                .flat_map(|(left, right)| [left + right, left - right])
                .collect();
        }
        from
    }

    #[test]
    fn the_order_of_sums_is_that_of_segments_written_before() {
        for length in [16, 256, 1024] {
            let mut numbers: Vec<f32> = (0..length)
                .map(|index| (index as f32 * 1.3).sin() / 3.0)
                .collect();
            let expected = side_by_side(&numbers);
            mix(&mut numbers);
            let bits = |numbers: &[f32]| -> Vec<u32> {
                numbers.iter().map(|number| number.to_bits()).collect()
            };
            assert_eq!(bits(&numbers), bits(&expected), "{length}");
        }
    }
}
