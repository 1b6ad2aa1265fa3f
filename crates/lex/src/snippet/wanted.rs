//! Which words of a text a query looks for.

use crate::analyzer::{class_key, fold};
use crate::query::{Node, Query};
use rustc_hash::{FxHashMap, FxHashSet};
use std::rc::Rc;

/// Terms to look for: those that score and those of required phrases.
pub(super) struct Wanted<'q> {
    /// How many terms score; words of phrases only come behind them.
    count: usize,
    by_text: FxHashMap<&'q str, usize>,
    by_key: FxHashMap<&'q str, usize>,
    prefixes: Vec<(usize, &'q str)>,
    phrase_words: FxHashSet<&'q str>,
    beginnings: Beginnings,
    openings: Rc<Openings>,
    /// Words that begin like wanted ones and what they turned out to be: texts repeat themselves, and stemming is slow.
    known: FxHashMap<Box<str>, Option<(usize, bool)>>,
}

/// Words that are remembered for one query.
const MAX_KNOWN: usize = 4_096;

impl<'q> Wanted<'q> {
    pub(super) fn of(query: &'q Query) -> Self {
        let mut wanted = Self {
            count: 0,
            by_text: FxHashMap::default(),
            by_key: FxHashMap::default(),
            prefixes: Vec::new(),
            phrase_words: FxHashSet::default(),
            beginnings: Beginnings::default(),
            openings: Rc::default(),
            known: FxHashMap::default(),
        };
        let mut openings = Vec::new();
        for (index, (_, term)) in query.scored_terms().enumerate() {
            wanted.count += 1;
            wanted.by_text.entry(&term.text).or_insert(index);
            wanted.beginnings.add(&term.text);
            if term.prefix {
                wanted.prefixes.push((index, &term.text));
                openings.push(Opening::exact(&term.text));
            } else {
                wanted.by_key.entry(&term.key).or_insert(index);
                wanted.beginnings.add(&term.key);
                openings.push(Opening::exact(&term.text));
                openings.extend(Opening::of_class(&term.key));
            }
        }
        let must = query.must.iter();
        must.for_each(|node| wanted.add_phrases(node));
        openings.extend(wanted.phrase_words.iter().map(|word| Opening::exact(word)));
        wanted.openings = Rc::new(Openings::new(openings.into_iter().flatten()));
        wanted
    }

    fn add_phrases(&mut self, node: &'q Node) {
        match node {
            Node::Phrase { words, .. } => {
                for (_, word) in words {
                    self.phrase_words.insert(word);
                    self.beginnings.add(word);
                }
            }
            Node::All(nodes) | Node::Any(nodes) => {
                nodes.iter().for_each(|node| self.add_phrases(node));
            }
            _ => {}
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0 && self.phrase_words.is_empty()
    }

    /// How plain words begin that [`Wanted::find`] may find.
    pub(super) fn openings(&self) -> Rc<Openings> {
        Rc::clone(&self.openings)
    }

    /// Whether a term is exactly `word`.
    pub(super) fn names(&self, word: &str) -> bool {
        self.by_text.contains_key(word)
    }

    /// Which term `word` is a form of, and whether exactly.
    pub(super) fn find(&mut self, word: &str) -> Option<(usize, bool)> {
        if !self.beginnings.may_hold(word) {
            return None;
        }
        if let Some(known) = self.known.get(word) {
            return *known;
        }
        let found = self.judge(word);
        if self.known.len() < MAX_KNOWN {
            self.known.insert(word.into(), found);
        }
        found
    }

    fn judge(&self, word: &str) -> Option<(usize, bool)> {
        let prefix = self
            .prefixes
            .iter()
            .find(|(_, prefix)| word.starts_with(prefix));
        let exact = prefix
            .map(|(index, _)| *index)
            .into_iter()
            .chain(self.by_text.get(word).copied())
            .min();
        if let Some(index) = exact {
            return Some((index, true));
        }
        let form = self.by_key.get(class_key(word).as_ref()).copied();
        form.or_else(|| self.phrase_words.contains(word).then_some(self.count))
            .map(|index| (index, false))
    }
}

/// How a plain word (ASCII letters and digits, in any case) begins: up to eight bytes, as a number in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Opening {
    bytes: u64,
    mask: u64,
}

/// Turns letters to lower case and leaves digits alone. Other bytes may come to look like them: then a word is looked
/// at in vain.
const LOWER_CASE: u64 = 0x2020_2020_2020_2020;

impl Opening {
    fn new(beginning: &[u8]) -> Self {
        let mut bytes = [0; 8];
        let length = beginning.len().min(8);
        bytes[..length].copy_from_slice(&beginning[..length]);
        let mask = if length == 8 {
            u64::MAX
        } else {
            (1 << (length * 8)) - 1
        };
        Self {
            bytes: (u64::from_le_bytes(bytes) | LOWER_CASE) & mask,
            mask,
        }
    }

    /// Of the words that begin with `word`. `None` when no plain word does.
    fn exact(word: &str) -> Option<Self> {
        let is_plain = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_plain.then(|| Self::new(word.as_bytes()))
    }

    /// Of all forms with this key. An ending is put on behind the key or in place of its last letter.
    fn of_class(key: &str) -> [Option<Self>; 2] {
        let Some(whole) = Self::exact(key) else {
            return [None; 2];
        };
        let bytes = key.as_bytes();
        match bytes.len() {
            0..=2 => [Some(whole), None],
            // die, dying
            3 if key.ends_with("ie") => [
                Some(Self::new(&bytes[..2])),
                Some(Self::new(&[bytes[0], b'y'])),
            ],
            length => [Some(Self::new(&bytes[..length - 1])), None],
        }
    }
}

/// The openings of all wanted words, by their first byte.
#[derive(Debug)]
pub(super) struct Openings {
    sorted: Vec<Opening>,
    /// Where the openings with this first byte begin; they end where the next byte's begin.
    starts: [u32; 257],
}

impl Default for Openings {
    fn default() -> Self {
        Self::new(std::iter::empty())
    }
}

impl Openings {
    fn new(openings: impl Iterator<Item = Opening>) -> Self {
        let first = |opening: &Opening| opening.bytes as u8;
        let mut sorted: Vec<Opening> = openings.collect();
        sorted.sort_unstable_by_key(|opening| (first(opening), opening.mask, opening.bytes));
        sorted.dedup();
        let mut starts = [0; 257];
        for opening in &sorted {
            starts[usize::from(first(opening)) + 1] += 1;
        }
        for byte in 0..256 {
            starts[byte + 1] += starts[byte];
        }
        Self { sorted, starts }
    }

    /// Whether the plain word at the beginning of `text` may be wanted.
    #[inline]
    pub(super) fn may_open(&self, text: &[u8]) -> bool {
        let Some(first) = text.first() else {
            return false;
        };
        let first = usize::from(first | 0x20);
        let (start, end) = (self.starts[first], self.starts[first + 1]);
        if start == end {
            return false;
        }
        let word = match text.first_chunk::<8>() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => {
                let mut bytes = [0; 8];
                bytes[..text.len()].copy_from_slice(text);
                u64::from_le_bytes(bytes)
            }
        } | LOWER_CASE;
        self.sorted[start as usize..end as usize]
            .iter()
            .any(|opening| word & opening.mask == opening.bytes)
    }
}

/// How the wanted words begin, by their first two letters: it rules out most words of a text before they are stemmed,
/// because all forms of a word begin alike.
#[derive(Debug, Default)]
struct Beginnings {
    /// Second letters by first letter.
    letters: [u32; 26],
    /// Something does not begin with a letter from a to z.
    other: FxHashSet<char>,
}

const ALL_LETTERS: u32 = u32::MAX;

impl Beginnings {
    /// Adds a term, a key or a prefix.
    fn add(&mut self, word: &str) {
        match letters(word) {
            Some((first, second)) => {
                self.letters[first] |= second.map_or(ALL_LETTERS, |second| 1 << second)
            }
            None => self.other.extend(first_character(word)),
        }
    }

    fn may_hold(&self, word: &str) -> bool {
        match letters(word) {
            Some((first, Some(second))) => {
                self.letters[first] >> second & 1 == 1
                    // lie, lying
                    || word.len() == 5 && word.ends_with("ying") && self.letters[first] != 0
            }
            Some((first, None)) => self.letters[first] != 0,
            None => first_character(word).is_some_and(|first| {
                self.other.contains(&first)
                    || letters(first.encode_utf8(&mut [0; 4]))
                        .is_some_and(|(first, _)| self.letters[first] != 0)
            }),
        }
    }
}

/// The numbers of the first two letters, the second if it is one from a to z. `None` when the first is none.
fn letters(word: &str) -> Option<(usize, Option<u32>)> {
    let number = |byte: &u8| byte.is_ascii_lowercase().then(|| u32::from(byte - b'a'));
    let mut bytes = word.as_bytes().iter();
    let first = bytes.next().and_then(number)?;
    Some((first as usize, bytes.next().and_then(number)))
}

/// The first character of a word, without accents.
fn first_character(word: &str) -> Option<char> {
    let first = word.chars().next()?;
    if first.is_ascii() {
        return Some(first);
    }
    fold(first.encode_utf8(&mut [0; 4])).chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules_out(wanted: &str, word: &str) -> bool {
        let mut beginnings = Beginnings::default();
        beginnings.add(wanted);
        !beginnings.may_hold(word)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn no_form_of_a_word_is_ruled_out(
            word in "[a-zéüøßäñçåžα-ω0-9]{1,6}(ing|ed|ies|ied|ly|ying|ness|s|es|ational|y|)",
        ) {
            prop_assert!(!rules_out(&class_key(&word), &word), "{word} {}", class_key(&word));
            prop_assert!(!rules_out(&word, &word));
        }

        #[test]
        fn no_plain_form_of_a_word_is_passed_over(
            word in "[a-zA-Z0-9]{1,9}(ing|ed|ies|ied|ly|ying|ness|s|es|ational|ization|bility|ously|fulness|y|e|)",
        ) {
            let lower = word.to_ascii_lowercase();
            prop_assert!(!passes_over(&class_key(&lower), &word), "{word} {}", class_key(&lower));
            prop_assert!(!passes_over(&lower, &word));
        }
    }

    /// Whether the query `wanted`, a class or a word, passes `word` over without looking at it.
    fn passes_over(wanted: &str, word: &str) -> bool {
        let openings = Opening::of_class(wanted).into_iter().flatten();
        let openings = Openings::new(openings);
        // What follows the word in the text plays no part.
        let followed = format!("{word} and more");
        !openings.may_open(followed.as_bytes()) || !openings.may_open(word.as_bytes())
    }

    #[test]
    fn words_that_begin_otherwise_are_passed_over() {
        for (wanted, word) in [
            ("cell", "cancer"),
            ("cell", "Cease"),
            ("7", "x"),
            ("databas", "data"),
            ("ab", "a"),
        ] {
            assert!(passes_over(wanted, word), "{wanted} {word}");
        }
        for (wanted, word) in [
            ("cell", "CELLS"),
            ("happi", "Happy"),
            ("die", "dying"),
            ("int", "international"),
        ] {
            assert!(!passes_over(wanted, word), "{wanted} {word}");
        }
    }

    #[test]
    fn irregular_forms_are_not_ruled_out_and_other_words_are() {
        for word in [
            "dying", "lying", "tying", "skies", "skis", "idly", "gently", "ugly", "early", "only",
            "singly", "ties", "dies", "ied", "aing", "élan", "über", "x1", "7th",
        ] {
            assert!(!rules_out(&class_key(word), word), "{word}");
            assert!(
                !word.is_ascii() || !passes_over(&class_key(word), word),
                "{word}"
            );
        }
        assert!(rules_out("cell", "the") && rules_out("cell", "cancer") && rules_out("7", "x"));
    }
}
