//! Scripts written without spaces: single characters and pairs.

use super::{Token, TokenKind};
use unicode_normalization::char::is_combining_mark;

/// Whether words of the script of `character` are not separated by spaces (Hangul is: but its particles stick to the
/// words, so pairs serve it better than whole words).
#[inline]
pub(crate) fn is_spaceless(character: char) -> bool {
    let code = u32::from(character);
    // Most text is settled by the first comparison.
    code >= 0x0E00
        && matches!(code,
        0x0E00..=0x0EFF      // Thai, Lao
        | 0x1000..=0x109F    // Myanmar
        | 0x1100..=0x11FF    // Hangul letters
        | 0x1780..=0x17FF    // Khmer
        | 0x3005..=0x3007    // iteration mark, closing mark, zero
        | 0x3040..=0x30FF    // kana
        | 0x3130..=0x318F    // Hangul compatibility letters
        | 0x31F0..=0x31FF    // kana extensions
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF // Han
        | 0xA960..=0xA97F | 0xAC00..=0xD7FF // Hangul
        | 0xF900..=0xFAFF    // Han, compatibility
        | 0x1AFF0..=0x1B16F  // kana supplements
        | 0x20000..=0x3FFFF) // Han extensions
}

/// Emits singles and pairs of `run` (whose source is `start..end`) and returns the next position. Marks belong to the
/// character before them. Offsets are exact when normalisation kept the length, else they cover the run.
pub(super) fn emit_run<S: FnMut(Token<'_>) + ?Sized>(
    run: &str,
    start: usize,
    end: usize,
    position: u32,
    sink: &mut S,
) -> u32 {
    let exact = end - start == run.len();
    let span = |from: usize, to: usize| {
        if exact {
            (start + from, start + to)
        } else {
            (start, end)
        }
    };
    let mut position = position;
    let mut current = (0, cluster_end(run, 0));
    let lone = current.1 == run.len();
    while current.0 < run.len() {
        let next_end = cluster_end(run, current.1);
        let (from, to) = span(current.0, current.1);
        let kind = if lone {
            TokenKind::Lone
        } else {
            TokenKind::Single
        };
        sink(Token {
            term: &run[current.0..current.1],
            position,
            start: from,
            end: to,
            kind,
        });
        if next_end > current.1 {
            let (from, to) = span(current.0, next_end);
            sink(Token {
                term: &run[current.0..next_end],
                position,
                start: from,
                end: to,
                kind: TokenKind::Pair,
            });
        }
        position += 1;
        current = (current.1, next_end);
    }
    position
}

/// Longest cluster: beyond it, marks are text gone wrong and count as characters.
const MAX_CLUSTER_BYTES: usize = 24;

fn cluster_end(run: &str, from: usize) -> usize {
    let mut characters = run[from..].char_indices();
    if characters.next().is_none() {
        return run.len();
    }
    for (offset, character) in characters {
        if !is_combining_mark(character) || offset > MAX_CLUSTER_BYTES {
            return from + offset;
        }
    }
    run.len()
}
