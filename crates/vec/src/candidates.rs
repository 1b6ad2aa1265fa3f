//! The best candidates of a scan.

/// A candidate as one number: its bound, then its place, so that the larger number is the better bound, or of equal bounds
/// the one that comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate(u64);

/// Floats as integers of the same order.
fn ordered(number: f32) -> u32 {
    let bits = number.to_bits();
    if bits >> 31 == 1 {
        !bits
    } else {
        bits | 1 << 31
    }
}

fn unordered(bits: u32) -> f32 {
    f32::from_bits(if bits >> 31 == 1 {
        bits & !(1 << 31)
    } else {
        !bits
    })
}

impl Candidate {
    pub(crate) fn new(bound: f32, place: u32) -> Self {
        Self(u64::from(ordered(bound)) << 32 | u64::from(!place))
    }

    pub(crate) fn bound(self) -> f32 {
        unordered((self.0 >> 32) as u32)
    }

    pub(crate) fn place(self) -> u32 {
        !(self.0 as u32)
    }
}

/// Which candidates are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeftOut {
    /// All are.
    None,
    /// Those that are no better than the floor.
    BelowFloor,
    /// Others, for want of room.
    Surplus,
}

/// The best `capacity` of the candidates that come along.
pub(crate) struct Candidates {
    found: Vec<Candidate>,
    capacity: usize,
    floor: f32,
    threshold: f32,
    is_whole: bool,
    is_cut: bool,
}

impl Candidates {
    pub(crate) fn new(capacity: usize) -> Self {
        Self::above(f32::NEG_INFINITY, capacity)
    }

    /// Only those with bounds above `floor`.
    pub(crate) fn above(floor: f32, capacity: usize) -> Self {
        Self {
            found: Vec::new(),
            capacity,
            floor,
            threshold: floor,
            is_whole: floor == f32::NEG_INFINITY,
            is_cut: false,
        }
    }

    /// Candidates that come from now on are above `floor`.
    pub(crate) fn raise_floor(&mut self, floor: f32) {
        self.floor = self.floor.max(floor);
        self.threshold = self.threshold.max(floor);
        self.is_whole &= self.floor == f32::NEG_INFINITY;
    }

    /// What all bounds are above.
    pub(crate) fn floor(&self) -> f32 {
        self.floor
    }

    /// Those with bounds up to this need not come: there are enough better ones.
    #[inline]
    pub(crate) fn threshold(&self) -> f32 {
        self.threshold
    }

    #[inline]
    pub(crate) fn push(&mut self, candidate: Candidate) {
        self.found.push(candidate);
        if self.found.len() >= 2 * self.capacity {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.found.len() > self.capacity {
            let (_, worst, _) = self
                .found
                .select_nth_unstable_by(self.capacity - 1, |left, right| right.cmp(left));
            // Of equal bounds the earlier is better, and candidates come in the order of their places.
            self.threshold = self.threshold.max(worst.bound());
            self.found.truncate(self.capacity);
            self.is_whole = false;
            self.is_cut = true;
        }
    }

    /// Takes those of a part that was scanned elsewhere.
    pub(crate) fn join(&mut self, other: Self) {
        self.is_whole &= other.is_whole;
        self.is_cut |= other.is_cut;
        self.found.extend(other.found);
        self.cut();
    }

    /// Best first; and what is not among them.
    pub(crate) fn finish(mut self) -> (Vec<Candidate>, LeftOut) {
        self.cut();
        self.found.sort_unstable_by(|left, right| right.cmp(left));
        let left_out = match (self.is_whole, self.is_cut) {
            (true, _) => LeftOut::None,
            (false, false) => LeftOut::BelowFloor,
            (false, true) => LeftOut::Surplus,
        };
        (self.found, left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_best_candidates_are_kept(bounds in prop::collection::vec(-1.0_f32..1.0, 0..400), capacity in 1..40_usize) {
            let mut expected: Vec<Candidate> =
                (0..).zip(&bounds).map(|(place, bound)| Candidate::new(*bound, place)).collect();
            let mut kept = Candidates::new(capacity);
            for candidate in &expected {
                prop_assert_eq!(bounds[candidate.place() as usize], candidate.bound());
                if candidate.bound() > kept.threshold() {
                    kept.push(*candidate);
                }
            }
            expected.sort_by(|left, right| bounds[right.place() as usize].total_cmp(&bounds[left.place() as usize])
                .then(left.place().cmp(&right.place())));
            expected.truncate(capacity);
            let (found, left_out) = kept.finish();
            prop_assert_eq!(found, expected);
            prop_assert!(left_out != LeftOut::None || bounds.len() <= 2 * capacity);
        }
    }
}
