//! Cutting a long text into pieces that together are exactly the text.
//!
//! Sizes and preferences follow the file format (container.md §7.6). Two rules are ours: a cut never falls inside a
//! word that has a border within reach, and nothing is normalised, so that joining the pieces gives the original bytes.

use std::ops::Range;

/// Texts with at least this many characters are split.
pub const SPLIT_FROM_CHARACTERS: usize = 2400;
/// The length a piece aims for, in characters.
pub const TARGET_CHARACTERS: usize = 1200;
/// A piece may run this far past its start to end at a better place.
const LIMIT_CHARACTERS: usize = 1440;
/// A piece never ends before this many characters while a later border exists.
const LEAST_CHARACTERS: usize = 600;
/// How far a cut is moved to spare a word that is longer than the limit (characters from the piece's start).
const LONGEST_WORD_CHARACTERS: usize = 4096;

/// Byte ranges of the pieces with their character ranges, or `None` when the text is short enough to stay whole.
#[must_use]
pub fn split(text: &str) -> Option<Vec<Piece>> {
    // A character has at least one byte: most texts are decided without counting.
    if text.len() < SPLIT_FROM_CHARACTERS || text.chars().count() < SPLIT_FROM_CHARACTERS {
        return None;
    }
    let mut pieces = Vec::with_capacity(text.len() / TARGET_CHARACTERS + 1);
    let (mut byte, mut character) = (0, 0);
    while byte < text.len() {
        let (bytes, characters) = piece_length(&text[byte..]);
        pieces.push(Piece {
            bytes: byte..byte + bytes,
            characters: character..character + characters,
        });
        byte += bytes;
        character += characters;
    }
    if pieces.len() > 1 { Some(pieces) } else { None }
}

/// One piece of a split text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Where it stands in the text, in bytes.
    pub bytes: Range<usize>,
    /// Where it stands in the text, in characters (what the file's chunk manifest records).
    pub characters: Range<usize>,
}

/// A place to cut: bytes and characters from the start of the piece.
#[derive(Clone, Copy)]
struct Cut {
    bytes: usize,
    characters: usize,
}

/// Length of the piece that starts `rest`, as (bytes, characters). Never zero for a non-empty text.
fn piece_length(rest: &str) -> (usize, usize) {
    let mut sentence_before = None;
    let mut space_before = None;
    let mut newline_after = None;
    let mut sentence_after = None;
    let mut space_after = None;
    let mut at_target = None;
    let mut at_limit = None;
    let mut characters = 0;
    let mut iterator = rest.char_indices().peekable();
    while let Some((start, character)) = iterator.next() {
        if characters == TARGET_CHARACTERS {
            at_target = Some(Cut {
                bytes: start,
                characters,
            });
        }
        if characters == LIMIT_CHARACTERS {
            at_limit = Some(Cut {
                bytes: start,
                characters,
            });
        }
        let past_limit = characters >= LIMIT_CHARACTERS;
        let found = sentence_before.is_some()
            || space_before.is_some()
            || space_after.is_some()
            || newline_after.is_some();
        // Past the limit only a word without any border keeps us going.
        if past_limit && (found || characters >= LONGEST_WORD_CHARACTERS) {
            break;
        }
        characters += 1;
        let cut = Cut {
            bytes: start + character.len_utf8(),
            characters,
        };
        let next = iterator.peek().map(|&(_, next)| next);
        let space = character.is_whitespace();
        let sentence = character == '\n' || ends_sentence(character, next);
        let border = space || is_spaceless(character);
        if characters <= TARGET_CHARACTERS {
            if sentence && characters >= LEAST_CHARACTERS {
                sentence_before = Some(cut);
            }
            if border && characters >= LEAST_CHARACTERS {
                space_before = Some(cut);
            }
        } else {
            if character == '\n' && newline_after.is_none() {
                newline_after = Some(cut);
            }
            if sentence && sentence_after.is_none() {
                sentence_after = Some(cut);
            }
            if border && space_after.is_none() {
                space_after = Some(cut);
            }
        }
    }
    if at_target.is_none() {
        return (rest.len(), characters);
    }
    let cut = newline_after
        .or(sentence_before)
        .or(sentence_after)
        .or(space_after)
        .or(space_before)
        .or(if characters < LONGEST_WORD_CHARACTERS {
            None
        } else {
            at_limit.or(at_target)
        });
    cut.map_or((rest.len(), characters), |cut| (cut.bytes, cut.characters))
}

/// `.`, `!`, `?` end a sentence only before white space ("2.5" and "notes.txt" are words); full-width marks always do.
fn ends_sentence(character: char, next: Option<char>) -> bool {
    match character {
        '.' | '!' | '?' => next.is_none_or(char::is_whitespace),
        '。' | '！' | '？' | '｡' => true,
        _ => false,
    }
}

/// Scripts written without spaces: a cut between two of their characters is no worse than any other.
fn is_spaceless(character: char) -> bool {
    matches!(u32::from(character), 0x0E00..=0x0EFF | 0x1780..=0x17FF | 0x3000..=0x30FF | 0x3400..=0x9FFF | 0xAC00..=0xD7AF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(text: &str) -> Vec<Piece> {
        let pieces = split(text).unwrap();
        let joined: String = pieces
            .iter()
            .map(|piece| &text[piece.bytes.clone()])
            .collect();
        assert_eq!(joined, text);
        let mut character = 0;
        for piece in &pieces {
            assert_eq!(piece.characters.start, character);
            assert_eq!(
                text[piece.bytes.clone()].chars().count(),
                piece.characters.len()
            );
            character = piece.characters.end;
        }
        pieces
    }

    #[test]
    fn a_text_of_2399_characters_stays_whole_and_one_of_2400_is_split() {
        assert_eq!(split(&"a ".repeat(1199)), None);
        assert_eq!(split(&"ab c ".repeat(480)[..2399]), None);
        assert!(split(&"ab c ".repeat(480)).is_some());
    }

    #[test]
    fn no_word_is_cut() {
        let words: Vec<String> = (0..4000).map(|i| format!("token{i}x")).collect();
        let text = words.join(" ");
        for piece in check(&text) {
            for word in text[piece.bytes].split_whitespace() {
                assert!(word.starts_with("token") && word.ends_with('x'), "{word}");
            }
        }
    }

    #[test]
    fn pieces_prefer_line_and_sentence_ends_and_decimals_are_words() {
        let text = "Pi is 3.14159 and more is said here. ".repeat(200);
        for piece in check(&text) {
            let end = text[piece.bytes.clone()].trim_end();
            assert!(end.ends_with("here."), "{end}");
        }
    }

    #[test]
    fn text_without_spaces_and_huge_words_still_end() {
        check(&"漢字仮名".repeat(2000));
        check(&"x".repeat(20_000));
        check(&format!("{} {}", "y".repeat(3000), "z".repeat(3000)));
        check(&"é\r\n\t".repeat(3000));
    }
}
