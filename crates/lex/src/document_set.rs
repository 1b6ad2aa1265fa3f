//! Sets of documents as one bit each, and those of frequent keywords kept from search to search.

use crate::cursor::END;
use std::sync::{Arc, Mutex};

/// A set of documents of one segment.
#[derive(Debug)]
pub(crate) struct DocumentSet {
    words: Vec<u64>,
    count: u32,
}

impl DocumentSet {
    /// A set in a segment of this many documents. Members behind its end are left out.
    pub(crate) fn new(documents: u32, members: impl Iterator<Item = u32>) -> Self {
        let mut words = vec![0_u64; documents.div_ceil(64) as usize];
        let mut count = 0;
        for member in members.filter(|member| *member < documents) {
            if let Some(word) = words.get_mut(member as usize / 64) {
                let bit = 1 << (member % 64);
                count += u32::from(*word & bit == 0);
                *word |= bit;
            }
        }
        Self { words, count }
    }

    /// How many members there are.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    #[inline]
    pub(crate) fn contains(&self, document: u32) -> bool {
        let word = self.words.get(document as usize / 64);
        word.is_some_and(|word| word >> (document % 64) & 1 == 1)
    }

    /// The first member at or behind `target`, or [`END`].
    #[inline]
    pub(crate) fn seek(&self, target: u32) -> u32 {
        let first = target as usize / 64;
        let Some(word) = self.words.get(first) else {
            return END;
        };
        let word = word & u64::MAX << (target % 64);
        if word != 0 {
            return first as u32 * 64 + word.trailing_zeros();
        }
        for (index, word) in (0..).zip(&self.words).skip(first + 1) {
            if *word != 0 {
                return index * 64 + word.trailing_zeros();
            }
        }
        END
    }
}

/// Keywords that fewer documents hold are read anew by every search: that takes some microseconds.
pub(crate) const MIN_KEPT_DOCUMENTS: u32 = 4_096;
/// Sets that are kept of one segment: 16 of them are two bytes a document.
const MAX_KEPT: usize = 16;

/// The documents of keywords that searches have asked for, the last asked for last.
#[derive(Debug, Default)]
pub(crate) struct KeptSets(Mutex<Vec<(Box<str>, Arc<DocumentSet>)>>);

impl KeptSets {
    pub(crate) fn get(&self, term: &str) -> Option<Arc<DocumentSet>> {
        let mut kept = self.0.lock().ok()?;
        let index = kept.iter().position(|(known, _)| **known == *term)?;
        let found = kept.remove(index);
        let set = Arc::clone(&found.1);
        kept.push(found);
        Some(set)
    }

    pub(crate) fn keep(&self, term: &str, set: &Arc<DocumentSet>) {
        if let Ok(mut kept) = self.0.lock() {
            // Two searches may have read the same keyword.
            kept.retain(|(known, _)| **known != *term);
            if kept.len() >= MAX_KEPT {
                kept.remove(0);
            }
            kept.push((term.into(), Arc::clone(set)));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_set_holds_its_members(documents in 1..500_u32, members in prop::collection::btree_set(0..520_u32, 0..80)) {
            let set = DocumentSet::new(documents, members.iter().copied());
            let inside: Vec<u32> = members.into_iter().filter(|member| *member < documents).collect();
            prop_assert_eq!(set.count() as usize, inside.len());
            for target in 0..600 {
                let next = inside.iter().copied().find(|member| *member >= target);
                prop_assert_eq!(set.seek(target), next.unwrap_or(END));
                prop_assert_eq!(set.contains(target), inside.contains(&target));
            }
        }
    }

    #[test]
    fn the_sets_asked_for_last_are_kept() {
        let kept = KeptSets::default();
        let set = Arc::new(DocumentSet::new(1, 0..1));
        kept.keep("first", &set);
        for number in 0..MAX_KEPT {
            kept.keep(&number.to_string(), &set);
            assert!(kept.get("first").is_some());
        }
        assert!(kept.get("0").is_none() && kept.get("1").is_some());
    }
}
