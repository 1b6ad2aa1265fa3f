//! Classes of word forms: one key for all endings and accents of a word.

use super::fold;
use rust_stemmers::{Algorithm, Stemmer};
use std::borrow::Cow;

/// Shorter words have no ending to lose, longer ones are no words.
const STEMMED_LENGTHS: std::ops::RangeInclusive<usize> = 3..=32;

/// The key that all forms of one word share: accents folded, English ending removed (Porter 2).
///
/// Only words of plain letters lose an ending; identifiers, numbers and other scripts are their own key. The key only
/// groups forms, it never replaces one, so a word of another language that looks English is still found by itself first.
pub(crate) fn class_key(term: &str) -> Cow<'_, str> {
    let folded = fold(term);
    if !STEMMED_LENGTHS.contains(&folded.len())
        || !folded.bytes().all(|byte| byte.is_ascii_lowercase())
    {
        return folded;
    }
    let stemmer = Stemmer::create(Algorithm::English);
    match folded {
        Cow::Borrowed(word) => stemmer.stem(word),
        Cow::Owned(word) => Cow::Owned(stemmer.stem(&word).into_owned()),
    }
}
