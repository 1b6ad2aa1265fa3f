//! The part of a text that shows best why it matches.

mod wanted;

use crate::analyzer::{Scratch, Token, TokenKind, analyze_some};
use crate::query::Query;
use std::ops::Range;
use wanted::Wanted;

/// Bytes of a text that are looked at: enough for any document that is read as a whole.
const MAX_BYTES: usize = 512 * 1024;
/// Matches that are weighed against each other; further ones are only counted.
const MAX_MATCHES: usize = 4_096;
/// A cut is moved to the next space or sentence within this many characters.
const CUT_REACH: usize = 30;

/// The part of a text that shows best why it matches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snippet {
    /// A piece of the text, cut at word boundaries where possible.
    pub text: String,
    /// Byte ranges of the matching words inside `text`, ascending and disjoint.
    pub ranges: Vec<Range<usize>>,
    /// Matching words in the part of the text that was looked at.
    pub matches: u32,
}

/// One matching word.
#[derive(Debug, Clone, Copy)]
struct Match {
    start: usize,
    end: usize,
    /// Characters before it.
    characters: usize,
    /// Length in characters.
    length: usize,
    term: usize,
    exact: bool,
}

/// Where in a text the best piece is, see [`Snippets::find`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Byte range of the piece.
    pub range: Range<usize>,
    /// Matching words in the part of the text that was looked at.
    pub matches: u32,
}

/// Looks for the best piece of many texts for one query, remembering which words are forms of the query's.
pub struct Snippets<'q> {
    wanted: Wanted<'q>,
    scratch: Scratch,
    matches: Vec<Match>,
}

impl<'q> Snippets<'q> {
    /// Prepares for `query`.
    pub fn new(query: &'q Query) -> Self {
        Self {
            wanted: Wanted::of(query),
            scratch: Scratch::default(),
            matches: Vec::new(),
        }
    }

    /// The window of at most `max_chars` characters of `text` that holds the most of the query's words, each word
    /// counting once in full and little when repeated. Without a match it is the beginning. Looks at the first 512 KiB.
    pub fn find(&mut self, text: &str, max_chars: usize) -> Place {
        let looked_at = &text[..floor_boundary(text, MAX_BYTES)];
        let matches = self.find_matches(looked_at);
        Place {
            range: best_window(&self.matches, looked_at, max_chars),
            matches,
        }
    }
}

/// The piece that [`Snippets::find`] names, with the places of the matching words.
///
/// ```
/// let query = lex::Query::parse("mice")?;
/// let snippet = lex::snippet(&query, "Cats sleep. Dogs bark. Mice squeak at night.", 22);
/// assert_eq!(snippet.text, "Mice squeak at night.");
/// assert_eq!(snippet.ranges, [0..4]);
/// # Ok::<(), lex::Error>(())
/// ```
pub fn snippet(query: &Query, text: &str, max_chars: usize) -> Snippet {
    let mut snippets = Snippets::new(query);
    let Place {
        range: window,
        matches,
    } = snippets.find(text, max_chars);
    let ranges = snippets
        .matches
        .iter()
        .filter(|found| found.start >= window.start && found.end <= window.end)
        .map(|found| found.start - window.start..found.end - window.start)
        .collect();
    Snippet {
        text: text[window].to_owned(),
        ranges: disjoint(ranges),
        matches,
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    if at >= text.len() {
        return text.len();
    }
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

impl Snippets<'_> {
    /// Notes the matches in order, not more than can be weighed, and returns how many there are.
    fn find_matches(&mut self, text: &str) -> u32 {
        let Self {
            wanted,
            scratch,
            matches,
        } = self;
        matches.clear();
        if wanted.is_empty() {
            return 0;
        }
        let openings = wanted.openings();
        let mut characters = Characters::of(text);
        let mut count = 0_u32;
        analyze_some(
            scratch,
            text,
            |word| openings.may_open(word),
            &mut |token: Token<'_>| {
                if token.kind == TokenKind::Single && !wanted.names(token.term) {
                    return;
                }
                let Some((term, exact)) = wanted.find(token.term) else {
                    return;
                };
                // Parts of an identifier that matches as a whole, and the pairs of one run, are one match.
                let overlaps = matches.last().is_some_and(|last| token.start < last.end);
                count += u32::from(!overlaps);
                if matches.len() < MAX_MATCHES {
                    matches.push(Match {
                        start: token.start,
                        end: token.end,
                        characters: characters.before(token.start),
                        length: characters.between(token.start, token.end),
                        term,
                        exact,
                    });
                }
            },
        );
        count
    }
}

/// Counts the characters before places of a text that come in about ascending order.
struct Characters<'t> {
    text: &'t str,
    is_ascii: bool,
    counted_to: usize,
    count: usize,
}

impl<'t> Characters<'t> {
    fn of(text: &'t str) -> Self {
        Self {
            text,
            is_ascii: text.is_ascii(),
            counted_to: 0,
            count: 0,
        }
    }

    fn between(&self, start: usize, end: usize) -> usize {
        if self.is_ascii {
            end - start
        } else {
            self.text[start..end].chars().count()
        }
    }

    fn before(&mut self, place: usize) -> usize {
        if self.is_ascii {
            return place;
        }
        if place < self.counted_to {
            return self.count - self.between(place, self.counted_to);
        }
        self.count += self.between(self.counted_to, place);
        self.counted_to = place;
        self.count
    }
}

/// The byte range of the window.
fn best_window(matches: &[Match], text: &str, max_chars: usize) -> Range<usize> {
    let (mut best, mut best_weight) = (None, 0.0);
    let terms = matches
        .iter()
        .map(|found| found.term + 1)
        .max()
        .unwrap_or(0);
    let mut seen = vec![0_u32; terms];
    let mut end = 0;
    let mut weight = 0.0;
    // Repeats count a little, so that of two windows with the same words the denser wins.
    let value = |repeat: u32, found: &Match| {
        let base = if found.exact { 1.1 } else { 1.0 };
        if repeat == 0 {
            base
        } else {
            0.1 * base / f64::from(repeat)
        }
    };
    for (start, first) in matches.iter().enumerate() {
        end = end.max(start);
        while end < matches.len()
            && matches[end].characters + matches[end].length <= first.characters + max_chars
        {
            let found = &matches[end];
            weight += value(seen[found.term], found);
            seen[found.term] += 1;
            end += 1;
        }
        if end > start {
            if weight > best_weight + 1e-9 {
                best_weight = weight;
                best = Some((start, end));
            }
            seen[first.term] -= 1;
            weight -= value(seen[first.term], first);
        }
    }
    let Some((first, last)) = best.map(|(start, end)| (&matches[start], &matches[end - 1])) else {
        return widen(text, 0, 0, 0, max_chars);
    };
    let used = last.characters + last.length - first.characters;
    widen(
        text,
        first.start,
        last.end.max(first.end),
        used.min(max_chars),
        max_chars,
    )
}

/// Widens `start..end`, which has `used` characters, to at most `max_chars`: first back to the beginning of the sentence
/// if that is near, else by a third of the room, then forward.
fn widen(text: &str, start: usize, end: usize, used: usize, max_chars: usize) -> Range<usize> {
    if text.len() <= max_chars.saturating_mul(4) && text.chars().count() <= max_chars {
        return trimmed(text, 0..text.len());
    }
    let room = max_chars.saturating_sub(used);
    let mut back = 0;
    let mut from = start;
    let mut word_start = (start, 0);
    for (taken, (at, character)) in (1..).zip(text[..start].char_indices().rev()) {
        if matches!(character, '.' | '!' | '?' | '\n' | '。' | '！' | '？')
            && text[at..]
                .chars()
                .nth(1)
                .is_some_and(|next| next.is_whitespace() || !next.is_ascii())
        {
            break;
        }
        if taken > room / 2 || taken > room / 3 + CUT_REACH && character.is_whitespace() {
            // The sentence began too far away: begin at a word.
            (from, back) = word_start;
            break;
        }
        (from, back) = (at, taken);
        if character.is_whitespace() {
            word_start = (at + character.len_utf8(), taken - 1);
        } else if !character.is_ascii() && crate::analyzer::is_spaceless(character) {
            word_start = (at, taken);
        }
    }
    let mut left = room - back;
    let mut to = end;
    let mut word_end = (end, 0);
    let mut taken = 0;
    let mut complete = true;
    for (offset, character) in text[end..].char_indices() {
        if left == 0 {
            complete = character.is_whitespace();
            break;
        }
        if character.is_whitespace() || crate::analyzer::is_spaceless(character) {
            word_end = (end + offset, taken);
        }
        left -= 1;
        taken += 1;
        to = end + offset + character.len_utf8();
    }
    if !complete
        && taken - word_end.1 <= CUT_REACH
        && (word_end.0 > start || taken > CUT_REACH)
        && word_end.0 >= end
    {
        to = word_end.0;
    }
    if left > 0 && complete {
        // The text ends here: what room is left goes to what precedes.
        let mut reach = from;
        for (taken, (at, character)) in (1..).zip(text[..from].char_indices().rev()) {
            if taken > left {
                break;
            }
            if at == 0 {
                reach = 0;
            } else if character.is_whitespace() || crate::analyzer::is_spaceless(character) {
                reach = at;
            }
        }
        from = reach;
    }
    trimmed(text, from..to)
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let piece = &text[range.clone()];
    let from = range.start + (piece.len() - piece.trim_start().len());
    let to = from + text[from..range.end.max(from)].trim_end().len();
    from..to
}

/// Merges ranges that overlap.
fn disjoint(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests;
