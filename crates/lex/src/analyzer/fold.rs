//! Folding of accents: `café` and `cafe` are one class.

use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// `term` (NFKC, lower case) without accents. Scripts in which marks make another letter (kana, Indic, Thai) stay.
pub(crate) fn fold(term: &str) -> Cow<'_, str> {
    if term.is_ascii() || !term.chars().any(folds) {
        return Cow::Borrowed(term);
    }
    let mut folded = String::with_capacity(term.len());
    for character in term.chars() {
        if !folds(character) {
            folded.push(character);
            continue;
        }
        for part in std::iter::once(character)
            .nfkd()
            .filter(|part| !is_combining_mark(*part))
        {
            match special(part) {
                Some(letters) => folded.push_str(letters),
                None if part == '\u{0640}' => {} // Arabic elongation
                None => folded.push(part),
            }
        }
    }
    if folded.is_empty() {
        Cow::Borrowed(term)
    } else {
        Cow::Owned(folded)
    }
}

/// Latin, Greek, Cyrillic, Hebrew and Arabic, and the marks that occur with them.
fn folds(character: char) -> bool {
    matches!(u32::from(character),
        0x00C0..=0x024F | 0x0250..=0x02AF | 0x0300..=0x036F | 0x0370..=0x052F | 0x0591..=0x05C7
        | 0x0610..=0x061A | 0x0620..=0x06ED | 0x1E00..=0x1FFF)
}

/// Letters that do not decompose but are commonly typed without their mark.
fn special(character: char) -> Option<&'static str> {
    Some(match character {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ł' => "l",
        'ħ' => "h",
        'ı' => "i",
        'ŋ' => "n",
        'ς' => "σ",
        'ى' => "ي",
        'ة' => "ه",
        _ => return None,
    })
}
