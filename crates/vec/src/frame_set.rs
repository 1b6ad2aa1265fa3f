//! Sets of frames as one bit each.

/// A set of frames.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrameSet {
    words: Vec<u64>,
    count: u64,
}

impl FrameSet {
    /// A set with no members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a frame. Takes a bit for each frame up to the largest.
    pub fn insert(&mut self, frame_id: u64) {
        let index = (frame_id / 64) as usize;
        if index >= self.words.len() {
            self.words.resize(index + 1, 0);
        }
        if let Some(word) = self.words.get_mut(index) {
            let bit = 1 << (frame_id % 64);
            self.count += u64::from(*word & bit == 0);
            *word |= bit;
        }
    }

    /// The set of frames whose bits are set: of frame 0 the lowest of the first word.
    #[must_use]
    pub fn from_words(words: Vec<u64>) -> Self {
        let count = words.iter().map(|word| u64::from(word.count_ones())).sum();
        Self { words, count }
    }

    /// Takes a frame out.
    pub fn remove(&mut self, frame_id: u64) {
        if let Some(word) = self.words.get_mut((frame_id / 64) as usize) {
            let bit = 1 << (frame_id % 64);
            self.count -= u64::from(*word & bit != 0);
            *word &= !bit;
        }
    }

    /// The frames that are in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let pairs = self.words.iter().zip(&other.words);
        Self::from_words(pairs.map(|(left, right)| left & right).collect())
    }

    /// Whether the frame is in the set.
    #[inline]
    #[must_use]
    pub fn contains(&self, frame_id: u64) -> bool {
        let word = self.words.get((frame_id / 64) as usize);
        word.is_some_and(|word| word >> (frame_id % 64) & 1 == 1)
    }

    /// How many frames are in the set.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The members from `from` to `to`, both included, in ascending order.
    pub(crate) fn members(&self, from: u64, to: u64) -> impl Iterator<Item = u64> {
        let first = usize::try_from(from / 64).unwrap_or(usize::MAX);
        let words = (first as u64..).zip(self.words.iter().skip(first));
        let words = words.take_while(move |(index, _)| *index <= to / 64);
        words
            .flat_map(|(index, word)| {
                let mut rest = *word;
                std::iter::from_fn(move || {
                    let bit = (rest != 0).then(|| u64::from(rest.trailing_zeros()))?;
                    rest &= rest - 1;
                    Some(index * 64 + bit)
                })
            })
            .filter(move |frame_id| (from..=to).contains(frame_id))
    }
}

impl FromIterator<u64> for FrameSet {
    fn from_iter<I: IntoIterator<Item = u64>>(frames: I) -> Self {
        let mut set = Self::new();
        for frame_id in frames {
            set.insert(frame_id);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_set_holds_its_members(members in prop::collection::btree_set(0..520_u64, 0..80), from in 0..600_u64, length in 0..300_u64) {
            let set: FrameSet = members.iter().copied().collect();
            prop_assert_eq!(set.count() as usize, members.len());
            for frame_id in 0..600 {
                prop_assert_eq!(set.contains(frame_id), members.contains(&frame_id));
            }
            let even: FrameSet = (0..600).filter(|id| id % 2 == 0).collect();
            let both = set.intersection(&even);
            prop_assert_eq!(both.count() as usize, members.iter().filter(|id| *id % 2 == 0).count());
            prop_assert!((0..600).all(|id| both.contains(id) == (set.contains(id) && id % 2 == 0)));
            let inside: Vec<u64> = members.range(from..=from + length).copied().collect();
            prop_assert_eq!(set.members(from, from + length).collect::<Vec<_>>(), inside);
            let mut words = vec![0; 9];
            members.iter().for_each(|id| words[*id as usize / 64] |= 1 << (id % 64));
            let mut same = FrameSet::from_words(words);
            prop_assert_eq!(same.count(), set.count());
            for frame_id in [from, from + 1, 10_000] {
                same.remove(frame_id);
                prop_assert!(!same.contains(frame_id));
            }
            let left = members.iter().filter(|id| **id != from && **id != from + 1).count();
            prop_assert_eq!(same.count() as usize, left);
        }
    }
}
