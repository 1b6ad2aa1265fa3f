//! Normalisation of text outside ASCII: NFKC and lower case, with the way back to the source.

use super::cjk::is_spaceless;
use super::{Part, is_joiner, push_part, wide_joiner};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Whether `character` continues a word.
pub(super) fn is_word_character(character: char) -> bool {
    character.is_alphanumeric() || is_combining_mark(character) || is_invisible(character)
}

/// Joins and soft hyphens: part of words on screen, of no meaning for search.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{00AD}' | '\u{200C}' | '\u{200D}')
}

/// Whether `character` is normalised together with what precedes it.
fn is_continuation(character: char) -> bool {
    is_combining_mark(character)
        || matches!(u32::from(character), 0x1160..=0x11FF | 0xFF9E | 0xFF9F)
}

/// Reusable buffer for one normalised character with its marks.
#[derive(Debug, Clone, Default)]
pub(super) struct Units {
    group: String,
    lowered: String,
}

impl Units {
    /// Splits the chunk `start..end` of `text` into parts, appending their normalised text to `normalised`.
    pub(super) fn split(
        &mut self,
        text: &str,
        start: usize,
        end: usize,
        normalised: &mut String,
        parts: &mut Vec<Part>,
    ) {
        let mut open: Option<Part> = None;
        let mut joiner = 0;
        let mut at = start;
        while at < end {
            let (next, separator) = self.next_unit(text, at, end);
            if let Some(separator) = separator {
                close(&mut open, normalised, parts);
                joiner = separator;
                at = next;
                continue;
            }
            for character in self.lowered.chars() {
                if !character.is_alphanumeric() && !is_combining_mark(character) {
                    close(&mut open, normalised, parts);
                    continue;
                }
                let spaceless = is_spaceless(character)
                    || is_combining_mark(character) && open.is_some_and(|part| part.spaceless);
                if open.is_some_and(|part| part.spaceless != spaceless) {
                    close(&mut open, normalised, parts);
                }
                let part = open.get_or_insert(Part {
                    from: normalised.len(),
                    to: normalised.len(),
                    start: at,
                    end: next,
                    joiner: std::mem::take(&mut joiner),
                    spaceless,
                });
                normalised.push(character);
                part.to = normalised.len();
                part.end = next;
            }
            at = next;
        }
        close(&mut open, normalised, parts);
    }

    /// Reads one character with its marks into `self.lowered`, or a joiner.
    fn next_unit(&mut self, text: &str, at: usize, end: usize) -> (usize, Option<u8>) {
        self.lowered.clear();
        let mut characters = text[at..end].char_indices();
        let Some((_, first)) = characters.next() else {
            return (end, None);
        };
        if first.is_ascii() && is_joiner(first as u8) {
            return (at + 1, Some(first as u8));
        }
        if let Some(joiner) = wide_joiner(first) {
            return (at + first.len_utf8(), Some(joiner));
        }
        let next = characters
            .find(|(_, character)| !is_continuation(*character))
            .map_or(end, |(offset, _)| at + offset);
        if is_invisible(first) {
            return (at + first.len_utf8(), None);
        }
        if first.is_ascii() && next == at + 1 {
            self.lowered.push(first.to_ascii_lowercase());
            return (next, None);
        }
        self.group.clear();
        self.group
            .extend(text[at..next].nfkc().flat_map(char::to_lowercase));
        // Lower-casing can leave decomposed text behind (İ becomes i and a dot).
        self.lowered.extend(self.group.nfkc());
        (next, None)
    }
}

fn close(open: &mut Option<Part>, normalised: &mut String, parts: &mut Vec<Part>) {
    if let Some(part) = open.take() {
        push_part(parts, normalised, part);
    }
}
