//! Terms and their numbers while a segment is built.

use crate::columns::{append, push};
use rustc_hash::FxHasher;
use std::hash::Hasher;

/// Numbers terms in the order in which they are first seen.
///
/// The bytes of all terms lie back to back. A slot of the hash table holds the hash of a term (upper half) and its
/// number plus one (lower half), so that most of the terms that are not meant are told apart without reading them.
#[derive(Debug, Default)]
pub(crate) struct TermTable {
    slots: Vec<u64>,
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

const FIRST_SLOTS: usize = 1 << 10;

impl TermTable {
    /// The number of `term`, a new one when it has none. `None` when the table is full: at 4 GiB of different terms.
    #[inline]
    pub(crate) fn number(&mut self, term: &[u8]) -> Option<u32> {
        let hash = hash(term);
        // At most three quarters of the slots are taken, so that a free one ends every walk.
        if self.ends.len() * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                let number = u32::try_from(self.ends.len()).ok()?;
                let end = u32::try_from(self.bytes.len() + term.len()).ok()?;
                self.slots[at] = u64::from(hash) << 32 | u64::from(number.checked_add(1)?);
                append(&mut self.bytes, term);
                push(&mut self.ends, end);
                return Some(number);
            }
            if (slot >> 32) as u32 == hash {
                let number = slot as u32 - 1;
                if same(self.bytes(number), term) {
                    return Some(number);
                }
            }
            at = (at + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let count = (self.slots.len() * 2).max(FIRST_SLOTS);
        let old = std::mem::replace(&mut self.slots, vec![0; count]);
        let mask = count - 1;
        for slot in old.into_iter().filter(|slot| *slot != 0) {
            let mut at = (slot >> 32) as usize & mask;
            while self.slots[at] != 0 {
                at = (at + 1) & mask;
            }
            self.slots[at] = slot;
        }
    }

    /// The term with this number.
    #[inline]
    pub(crate) fn bytes(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = if number == 0 {
            0
        } else {
            self.ends[number - 1] as usize
        };
        &self.bytes[start..self.ends[number] as usize]
    }

    /// The numbers of all terms, in the order of their bytes.
    pub(crate) fn sorted(&self) -> Vec<u32> {
        // Nearly always the first eight bytes decide.
        let mut keyed: Vec<(u64, u32)> = (0..self.ends.len() as u32)
            .map(|number| (leading(self.bytes(number)), number))
            .collect();
        keyed.sort_unstable_by(|left, right| {
            left.0
                .cmp(&right.0)
                .then_with(|| self.bytes(left.1).cmp(self.bytes(right.1)))
        });
        keyed.into_iter().map(|(_, number)| number).collect()
    }

    pub(crate) fn memory_usage(&self) -> usize {
        self.slots.capacity() * 8 + self.ends.capacity() * 4 + self.bytes.capacity()
    }
}

/// The first eight bytes as a number that sorts like them, a shorter term filled up with zeros.
pub(crate) fn leading(term: &[u8]) -> u64 {
    let mut first = [0; 8];
    let length = term.len().min(8);
    first[..length].copy_from_slice(&term[..length]);
    u64::from_be_bytes(first)
}

/// Whether two terms are equal: most are short enough to be compared as two numbers that may overlap.
#[inline]
fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    match left.len() {
        4..=8 => {
            left.first_chunk::<4>() == right.first_chunk::<4>()
                && left.last_chunk::<4>() == right.last_chunk::<4>()
        }
        9..=16 => {
            left.first_chunk::<8>() == right.first_chunk::<8>()
                && left.last_chunk::<8>() == right.last_chunk::<8>()
        }
        0..=3 => left.iter().zip(right).all(|(left, right)| left == right),
        _ => left == right,
    }
}

#[inline]
fn hash(term: &[u8]) -> u32 {
    let mut hasher = FxHasher::default();
    hasher.write(term);
    // The best bits are on top.
    (hasher.finish() >> 32) as u32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_term_keeps_its_number_and_terms_sort_by_their_bytes() {
        let mut table = TermTable::default();
        let words: Vec<String> = (0..5_000)
            .map(|number| format!("term{}", number % 2_500))
            .chain(["".to_owned(), "t".to_owned(), "t\0".to_owned()])
            .collect();
        let numbers: Vec<u32> = words
            .iter()
            .map(|word| table.number(word.as_bytes()).unwrap())
            .collect();
        for (word, number) in words.iter().zip(&numbers) {
            assert_eq!(table.bytes(*number), word.as_bytes());
            assert_eq!(table.number(word.as_bytes()), Some(*number));
        }
        let sorted: Vec<&[u8]> = table
            .sorted()
            .into_iter()
            .map(|number| table.bytes(number))
            .collect();
        assert_eq!(sorted.len(), 2_503);
        assert!(sorted.is_sorted());
    }
}
