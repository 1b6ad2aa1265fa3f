//! Which words of a text a query looks for.

use crate::analyzer::{class_key, fold};
use crate::query::{Node, Query};
use rustc_hash::{FxHashMap, FxHashSet};

/// Terms to look for: those that score and those of required phrases.
pub(super) struct Wanted<'q> {
    /// How many terms score; words of phrases only come behind them.
    count: usize,
    by_text: FxHashMap<&'q str, usize>,
    by_key: FxHashMap<&'q str, usize>,
    prefixes: Vec<(usize, &'q str)>,
    phrase_words: FxHashSet<&'q str>,
    beginnings: Beginnings,
}

impl<'q> Wanted<'q> {
    pub(super) fn of(query: &'q Query) -> Self {
        let mut wanted = Self {
            count: 0,
            by_text: FxHashMap::default(),
            by_key: FxHashMap::default(),
            prefixes: Vec::new(),
            phrase_words: FxHashSet::default(),
            beginnings: Beginnings::default(),
        };
        for (index, (_, term)) in query.scored_terms().enumerate() {
            wanted.count += 1;
            wanted.by_text.entry(&term.text).or_insert(index);
            wanted.beginnings.add(&term.text);
            if term.prefix {
                wanted.prefixes.push((index, &term.text));
            } else {
                wanted.by_key.entry(&term.key).or_insert(index);
                wanted.beginnings.add(&term.key);
            }
        }
        let must = query.must.iter();
        must.for_each(|node| wanted.add_phrases(node));
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

    /// Whether a term is exactly `word`.
    pub(super) fn names(&self, word: &str) -> bool {
        self.by_text.contains_key(word)
    }

    /// Which term `word` is a form of, and whether exactly.
    pub(super) fn find(&self, word: &str) -> Option<(usize, bool)> {
        if !self.beginnings.may_hold(word) {
            return None;
        }
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
    }

    #[test]
    fn irregular_forms_are_not_ruled_out_and_other_words_are() {
        for word in [
            "dying", "lying", "tying", "skies", "skis", "idly", "gently", "ugly", "early", "only",
            "singly", "ties", "dies", "ied", "aing", "élan", "über", "x1", "7th",
        ] {
            assert!(!rules_out(&class_key(word), word), "{word}");
        }
        assert!(rules_out("cell", "the") && rules_out("cell", "cancer") && rules_out("7", "x"));
    }
}
