//! The words of a text, counted by hash.

use rustc_hash::FxHasher;
use std::hash::Hasher;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// Words that are remembered: their table stays below about ten megabytes.
const REMEMBERED: usize = 1 << 16;
/// Longer words are rare and would fill the table with bytes.
const LONGEST_REMEMBERED: usize = 64;
const FIRST_SLOTS: usize = 1 << 10;
/// Words up to here are looked up and compared as one number.
const KEY_LENGTH: usize = 16;

/// Counts the words of one text after the other. Remembers the hashes of words, since texts share most of theirs.
#[derive(Debug, Default)]
pub(super) struct WordCounter {
    /// Upper half: short hash of a word; lower half: its number plus one. 0 is a free slot.
    slots: Vec<u64>,
    words: Vec<Word>,
    /// Where each word ends in `bytes`. Apart from what every look-up reads: two words fill a line of the cache.
    ends: Vec<u32>,
    bytes: Vec<u8>,
    /// Number of the current text.
    text: u32,
    /// Numbers of the words that occur in it.
    found: Vec<u32>,
    /// Hashes of words in it that are not remembered.
    others: Vec<u64>,
    lowered: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Word {
    /// The word, when it is short enough; else 0.
    key: u128,
    hash: u64,
    /// The text in which it occurred last, and how often it did there.
    text: u32,
    count: u32,
}

const _: () = assert!(size_of::<Word>() == 32);

/// Lower-case letters and digits of ASCII.
const IN_WORDS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_lowercase() || (byte as u8).is_ascii_digit();
        byte += 1;
    }
    table
};

/// The hash that the format uses.
pub(super) fn word_hash(word: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(word).as_bytes()[..8]);
    u64::from_le_bytes(first)
}

impl WordCounter {
    /// Passes the hash and the number of occurrences of each word of `text` to `found`, in no order.
    ///
    /// Words are runs of letters and digits of the text in NFKC and lower case, from two bytes on.
    pub(super) fn each(&mut self, text: &str, mut found: impl FnMut(u64, u32)) {
        self.begin();
        if text.is_ascii() {
            self.ascii(text.as_bytes());
        } else {
            // Nothing in normalisation or lower case looks across white space, so that only the pieces with other
            // characters take the long way.
            for piece in text.split([' ', '\n', '\t', '\r']) {
                if piece.is_ascii() {
                    self.ascii(piece.as_bytes());
                } else {
                    self.other(piece);
                }
            }
        }
        for number in &self.found {
            let word = self.words[*number as usize];
            found(word.hash, word.count);
        }
        self.others.sort_unstable();
        for same in self.others.chunk_by(|left, right| left == right) {
            found(same[0], u32::try_from(same.len()).unwrap_or(u32::MAX));
        }
    }

    fn begin(&mut self) {
        self.found.clear();
        self.others.clear();
        if self.words.len() >= REMEMBERED || self.text == u32::MAX {
            self.slots.fill(0);
            self.words.clear();
            self.ends.clear();
            self.bytes.clear();
            self.text = 0;
        }
        self.text += 1;
    }

    fn ascii(&mut self, bytes: &[u8]) {
        let mut lowered = std::mem::take(&mut self.lowered);
        lowered.clear();
        lowered.extend_from_slice(bytes);
        lowered.make_ascii_lowercase();
        // Room for the key of the last word.
        lowered.resize(bytes.len() + KEY_LENGTH, 0);
        let mut at = 0;
        while at < bytes.len() {
            let start = at;
            while IN_WORDS[usize::from(lowered[at])] {
                at += 1;
            }
            let length = at - start;
            if length >= 2 {
                let mut key = 0;
                if length <= KEY_LENGTH
                    && let Some(first) = lowered[start..].first_chunk::<KEY_LENGTH>()
                {
                    key = u128::from_le_bytes(*first) & (u128::MAX >> (8 * (KEY_LENGTH - length)));
                }
                self.count(key, &lowered[start..at]);
            }
            at += 1;
        }
        self.lowered = lowered;
    }

    fn other(&mut self, text: &str) {
        let normal = match is_nfkc_quick(text.chars()) {
            IsNormalized::Yes => text.to_lowercase(),
            _ => text.nfkc().collect::<String>().to_lowercase(),
        };
        for word in normal.split(|character: char| !character.is_alphanumeric()) {
            if word.len() >= 2 {
                self.count(key(word.as_bytes()), word.as_bytes());
            }
        }
    }

    #[inline]
    fn count(&mut self, key: u128, word: &[u8]) {
        let short = if key == 0 {
            short_hash(word)
        } else {
            key_hash(key)
        };
        if self.words.len() * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut at = short as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                break;
            }
            let number = slot as u32 - 1;
            if (slot >> 32) as u32 == short && self.is_word(number, key, word) {
                let known = &mut self.words[number as usize];
                if known.text == self.text {
                    known.count = known.count.saturating_add(1);
                } else {
                    known.text = self.text;
                    known.count = 1;
                    self.found.push(number);
                }
                return;
            }
            at = (at + 1) & mask;
        }
        let hash = word_hash(word);
        if word.len() > LONGEST_REMEMBERED || self.words.len() >= REMEMBERED {
            self.others.push(hash);
            return;
        }
        let number = self.words.len() as u32;
        self.slots[at] = u64::from(short) << 32 | u64::from(number + 1);
        self.bytes.extend_from_slice(word);
        self.ends.push(self.bytes.len() as u32);
        self.words.push(Word {
            key,
            hash,
            text: self.text,
            count: 1,
        });
        self.found.push(number);
    }

    #[inline]
    fn is_word(&self, number: u32, key: u128, word: &[u8]) -> bool {
        self.words[number as usize].key == key && (key != 0 || self.word(number) == word)
    }

    fn word(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = match number.checked_sub(1) {
            Some(last) => self.ends[last] as usize,
            None => 0,
        };
        &self.bytes[start..self.ends[number] as usize]
    }

    fn grow(&mut self) {
        let count = (self.slots.len() * 2).max(FIRST_SLOTS);
        let old = std::mem::replace(&mut self.slots, vec![0; count]);
        for slot in old.into_iter().filter(|slot| *slot != 0) {
            let mut at = (slot >> 32) as usize & (count - 1);
            while self.slots[at] != 0 {
                at = (at + 1) & (count - 1);
            }
            self.slots[at] = slot;
        }
    }
}

/// A word of at most [`KEY_LENGTH`] bytes as a number, filled up with zeros; 0 for a longer one. No word contains a zero.
fn key(word: &[u8]) -> u128 {
    let mut bytes = [0; KEY_LENGTH];
    match bytes.get_mut(..word.len()) {
        Some(first) => first.copy_from_slice(word),
        None => return 0,
    }
    u128::from_le_bytes(bytes)
}

#[inline]
fn key_hash(key: u128) -> u32 {
    let low = (key as u64 ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let high = ((key >> 64) as u64).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    let mixed = u128::from(low ^ high.rotate_left(32)) * 0x9fb2_1c65_1e98_df25;
    (mixed >> 64) as u32 ^ mixed as u32
}

#[inline]
fn short_hash(word: &[u8]) -> u32 {
    let mut hasher = FxHasher::default();
    hasher.write(word);
    (hasher.finish() >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// The definition, word by word.
    fn counted(text: &str) -> BTreeMap<u64, u32> {
        let normal = text.nfkc().collect::<String>().to_lowercase();
        let mut counts = BTreeMap::new();
        for word in normal.split(|character: char| !character.is_alphanumeric()) {
            if word.len() >= 2 {
                *counts.entry(word_hash(word.as_bytes())).or_default() += 1;
            }
        }
        counts
    }

    fn check(counter: &mut WordCounter, text: &str) {
        let mut counts = BTreeMap::new();
        counter.each(text, |hash, count| {
            assert_eq!(counts.insert(hash, count), None, "each word comes once");
        });
        assert_eq!(counts, counted(text), "{text:?}");
    }

    proptest! {
        #[test]
        fn words_are_counted_as_defined(texts in prop::collection::vec(
            prop_oneof!["\\PC{0,60}", "[a-dA-D .,'0-1-]{0,120}", "[aA\u{3a3}\u{301}e\u{ad} \u{a0}\u{3000}\nﬁＡ東]{0,60}"], 1..8,
        )) {
            let mut counter = WordCounter::default();
            for text in &texts {
                check(&mut counter, text);
            }
        }
    }

    #[test]
    fn more_words_than_are_remembered_are_counted_all_the_same() {
        let mut counter = WordCounter::default();
        let mut text: String = (0..REMEMBERED + 500)
            .map(|n| format!("w{n} W{}x ", n / 2))
            .collect();
        text.push_str(&"long".repeat(40));
        text.push(' ');
        text.push_str(&"long".repeat(40));
        check(&mut counter, &text);
        assert!(counter.words.len() <= REMEMBERED);
        check(&mut counter, "w1 w2 w1");
        assert!(counter.words.len() < 10, "it began anew");
        check(&mut counter, &text);
    }
}
