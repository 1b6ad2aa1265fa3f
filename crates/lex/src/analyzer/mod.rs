//! Text to terms: the one analysis that documents, queries and snippets share.
//!
//! Every word is indexed once, in its exact form (NFKC, lower case). Accents and English endings are dealt with at
//! query time through [`class_key`]: all forms with one key are one class, and the exact form weighs most.
//!
//! - Words are runs of letters and digits. `-`, `_`, `.` and apostrophes inside a word split it into parts at successive
//!   positions; identifiers (`ADR-17`, `v2.0.1`, `snake_case`, `2024-05-01`, `1,000`) are also one term as a whole.
//! - Scripts without spaces are single characters plus pairs at the same positions.

mod bytes;
mod cjk;
mod fold;
mod stem;
#[cfg(test)]
pub(crate) mod token_stream;
mod units;

pub(crate) use fold::fold;
pub(crate) use stem::class_key;

use bytes::WordBytes;
use cjk::emit_run;
use units::Units;

pub(crate) use cjk::is_spaceless;

/// What a term stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A word or a part of an identifier.
    Word,
    /// A whole identifier whose parts follow as words of their own.
    Compound,
    /// One character of a script without spaces.
    Single,
    /// Two adjacent characters of such a script.
    Pair,
    /// A run of one character of such a script: what a query must look up as a single.
    Lone,
}

/// One term with its place. `start..end` are byte offsets in the analysed text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    pub term: &'a str,
    pub position: u32,
    pub start: usize,
    pub end: usize,
    pub kind: TokenKind,
}

/// Longer terms (hashes, encoded data) keep a readable beginning and a hash of the whole.
const MAX_TERM_BYTES: usize = 120;
const LONG_TERM_PREFIX: usize = 64;
/// A chunk without spaces longer than this is cut: it is data, not language.
const MAX_CHUNK_BYTES: usize = 32 * 1024;
/// Identifiers with more parts or bytes are only found by their parts.
const MAX_COMPOUND_PARTS: usize = 8;
const MAX_COMPOUND_BYTES: usize = 64;

/// A piece of a chunk: one word, or one run of a script without spaces.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// Range in the buffer of normalised text.
    from: usize,
    to: usize,
    /// Byte range in the source.
    start: usize,
    end: usize,
    /// The joining character before it inside the chunk, 0 at the beginning.
    joiner: u8,
    spaceless: bool,
}

/// Reusable buffers of [`analyze`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Scratch {
    normalised: String,
    compound: String,
    parts: Vec<Part>,
    units: Units,
}

/// Analyses `text`, passing every term to `sink` in order of position.
pub(crate) fn analyze(text: &str, sink: &mut dyn FnMut(Token<'_>)) {
    analyze_with(&mut Scratch::default(), text, sink);
}

/// [`analyze`] with buffers that are kept between calls.
pub(crate) fn analyze_with<S: FnMut(Token<'_>) + ?Sized>(
    scratch: &mut Scratch,
    text: &str,
    sink: &mut S,
) {
    analyze_some(scratch, text, |_| true, sink);
}

/// What a byte can be part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ByteKind {
    Space,
    Word,
    Joiner,
    Wide,
}

static BYTE_KINDS: [ByteKind; 256] = {
    let mut kinds = [ByteKind::Space; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            0x80.. => ByteKind::Wide,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => ByteKind::Word,
            b'-' | b'_' | b'.' | b'\'' | b',' => ByteKind::Joiner,
            _ => ByteKind::Space,
        };
        byte += 1;
    }
    kinds
};

/// [`analyze_with`] without the plain words (ASCII letters and digits) that `wanted` declines. It is given the text from
/// the word on, in its own case: most words of a text can be told from their beginning to be none that is looked for.
pub(crate) fn analyze_some<S: FnMut(Token<'_>) + ?Sized>(
    scratch: &mut Scratch,
    text: &str,
    wanted: impl Fn(&[u8]) -> bool,
    sink: &mut S,
) {
    let bytes = text.as_bytes();
    let kind = |at: usize| {
        bytes
            .get(at)
            .map_or(ByteKind::Space, |byte| BYTE_KINDS[usize::from(*byte)])
    };
    let mut words = WordBytes::of(text);
    let mut at = 0;
    let mut position = 0;
    loop {
        at = words.next(at);
        let Some(first) = bytes.get(at) else {
            break;
        };
        if first.is_ascii() {
            let end = words.end(at);
            let is_whole = match kind(end) {
                ByteKind::Space => true,
                ByteKind::Joiner => !joins(text, end, end + 1, bytes[end]),
                ByteKind::Word | ByteKind::Wide => false,
            };
            if is_whole && end - at <= MAX_TERM_BYTES {
                // Most words are plain: they need none of the rest.
                if wanted(&bytes[at..]) {
                    let mut term = &text[at..end];
                    if term.bytes().any(|byte| byte.is_ascii_uppercase()) {
                        scratch.normalised.clear();
                        scratch.normalised.push_str(term);
                        scratch.normalised.make_ascii_lowercase();
                        term = &scratch.normalised;
                    }
                    sink(Token {
                        term,
                        position,
                        start: at,
                        end,
                        kind: TokenKind::Word,
                    });
                }
                position += 1;
                at = end;
                continue;
            }
        } else {
            let Some(character) = text[at..].chars().next() else {
                break;
            };
            if !character.is_alphanumeric() {
                at += character.len_utf8();
                continue;
            }
        }
        let (end, ascii) = chunk_end(text, at);
        scratch.normalised.clear();
        scratch.parts.clear();
        if ascii {
            split_ascii(scratch, text, at, end);
        } else {
            let Scratch {
                units,
                normalised,
                parts,
                ..
            } = scratch;
            units.split(text, at, end, normalised, parts);
        }
        position = emit(scratch, position, sink);
        at = end;
    }
}

/// Joins two word characters into one chunk when it stands between them.
fn is_joiner(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.' | b'\'' | b',')
}

/// Apostrophes and hyphens outside ASCII, as their ASCII meaning.
fn wide_joiner(character: char) -> Option<u8> {
    match character {
        '\u{2019}' | '\u{2018}' | '\u{02BC}' | '\u{FF07}' => Some(b'\''),
        '\u{2010}' | '\u{2011}' | '\u{FF0D}' => Some(b'-'),
        '\u{FF3F}' => Some(b'_'),
        _ => None,
    }
}

/// End of the chunk that begins at `start`, and whether it is pure ASCII.
fn chunk_end(text: &str, start: usize) -> (usize, bool) {
    let bytes = text.as_bytes();
    let mut at = start;
    let mut ascii = true;
    while at < bytes.len() && at - start < MAX_CHUNK_BYTES {
        let byte = bytes[at];
        if byte.is_ascii_alphanumeric() {
            at += 1;
        } else if byte.is_ascii() {
            if !is_joiner(byte) || !joins(text, at, at + 1, byte) {
                break;
            }
            at += 1;
        } else {
            let Some(character) = text[at..].chars().next() else {
                break;
            };
            let next = at + character.len_utf8();
            let inside = units::is_word_character(character)
                || wide_joiner(character).is_some_and(|joiner| joins(text, at, next, joiner));
            if !inside {
                break;
            }
            ascii = false;
            at = next;
        }
    }
    (at, ascii)
}

/// Whether the joiner at `at..next` stands between word characters (between digits for a comma).
fn joins(text: &str, at: usize, next: usize, joiner: u8) -> bool {
    let Some(after) = text[next..].chars().next() else {
        return false;
    };
    if joiner == b',' {
        let before = text
            .as_bytes()
            .get(at.wrapping_sub(1))
            .is_some_and(u8::is_ascii_digit);
        return before && after.is_ascii_digit();
    }
    after.is_alphanumeric()
}

/// Splits a pure ASCII chunk into lower-cased parts.
fn split_ascii(scratch: &mut Scratch, text: &str, start: usize, end: usize) {
    let bytes = text.as_bytes();
    let mut at = start;
    let mut joiner = 0;
    while at < end {
        let from = at;
        while at < end && bytes[at].is_ascii_alphanumeric() {
            at += 1;
        }
        let buffer = scratch.normalised.len();
        scratch.normalised.push_str(&text[from..at]);
        scratch.normalised[buffer..].make_ascii_lowercase();
        push_part(
            &mut scratch.parts,
            &mut scratch.normalised,
            Part {
                from: buffer,
                to: buffer + (at - from),
                start: from,
                end: at,
                joiner,
                spaceless: false,
            },
        );
        joiner = bytes.get(at).copied().unwrap_or(0);
        at += 1;
    }
}

/// Adds a part, resolving apostrophes: possessives and verb endings are dropped, `don't` is one word, and everything
/// else (`l'amour`, `o'neill`) is two.
fn push_part(parts: &mut Vec<Part>, normalised: &mut String, part: Part) {
    if part.from == part.to {
        return;
    }
    if part.joiner == b'\''
        && let Some(previous) = parts.last_mut()
        && previous.to == part.from
        && !previous.spaceless
    {
        match &normalised[part.from..part.to] {
            "s" | "ll" | "re" | "ve" | "d" | "m" => {
                normalised.truncate(part.from);
                return;
            }
            "t" => {
                previous.to = part.to;
                previous.end = part.end;
                return;
            }
            _ => {}
        }
    }
    parts.push(part);
}

/// Emits the terms of one chunk and returns the next position.
fn emit<S: FnMut(Token<'_>) + ?Sized>(
    scratch: &mut Scratch,
    mut position: u32,
    sink: &mut S,
) -> u32 {
    let Scratch {
        normalised,
        compound,
        parts,
        ..
    } = scratch;
    let mut index = 0;
    while index < parts.len() {
        let part = parts[index];
        if part.spaceless {
            position = emit_run(
                &normalised[part.from..part.to],
                part.start,
                part.end,
                position,
                sink,
            );
            index += 1;
            continue;
        }
        let mut last = index;
        while last + 1 < parts.len() && parts[last + 1].joiner != 0 && !parts[last + 1].spaceless {
            last += 1;
        }
        if last > index && compose(&parts[index..=last], normalised, compound) {
            sink(Token {
                term: compound,
                position,
                start: part.start,
                end: parts[last].end,
                kind: TokenKind::Compound,
            });
        }
        for part in &parts[index..=last] {
            let term = &normalised[part.from..part.to];
            let token = Token {
                term,
                position,
                start: part.start,
                end: part.end,
                kind: TokenKind::Word,
            };
            if term.len() > MAX_TERM_BYTES {
                sink(Token {
                    term: &shorten(term),
                    ..token
                });
            } else {
                sink(token);
            }
            position += 1;
        }
        index = last + 1;
    }
    position
}

/// Writes the whole identifier into `compound`; false when the parts are ordinary hyphenated words.
///
/// Hyphens and underscores vanish when there is a letter, so that `IL-6` and `IL6` are one term; between numbers they
/// stay, so that `2024-05` is not `202405`. Dots always stay, thousands separators never.
fn compose(parts: &[Part], normalised: &str, compound: &mut String) -> bool {
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
        return false;
    };
    let all = &normalised[first.from..last.to];
    let identifier = parts.iter().skip(1).any(|part| part.joiner == b'_')
        || all.bytes().any(|byte| byte.is_ascii_digit())
            && parts.iter().skip(1).all(|part| part.joiner != b'\'');
    if !identifier || parts.len() > MAX_COMPOUND_PARTS || all.len() > MAX_COMPOUND_BYTES {
        return false;
    }
    let lettered = all.chars().any(char::is_alphabetic);
    compound.clear();
    for (index, part) in parts.iter().enumerate() {
        match part.joiner {
            b'.' if index > 0 => compound.push('.'),
            b'-' if index > 0 && !lettered => compound.push('-'),
            _ => {}
        }
        compound.push_str(&normalised[part.from..part.to]);
    }
    true
}

/// A bounded stand-in for a very long term: its beginning and a hash of the whole.
pub(crate) fn shorten(term: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in term.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let mut end = LONG_TERM_PREFIX;
    while !term.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}~{hash:016x}", &term[..end])
}

#[cfg(test)]
mod tests;
