//! What stands in quotation marks: somebody else's words, or words that nobody means.

use std::ops::Range;

/// Quotation marks of a text, line by line.
#[derive(Default)]
pub struct Quotes {
    /// What closes the quotation that an earlier line opened.
    open: Option<char>,
}

impl Quotes {
    /// The places of the next line that are quoted, bytes, ascending.
    pub fn of_line(&mut self, line: &str) -> Vec<Range<usize>> {
        let mut quoted = Vec::new();
        let mut open = self.open.map(|closing| (closing, 0));
        let mut before = None;
        // Looked for once: where none closes behind a place, none does behind later ones.
        let mut apostrophes_close = true;
        for (at, mark) in line.char_indices() {
            let behind = line.get(at + mark.len_utf8()..).unwrap_or_default();
            match open {
                Some((closing, start)) if mark == closing && closes(mark, before, behind) => {
                    quoted.push(start..at);
                    open = None;
                }
                Some(_) => {}
                None => {
                    let closing = opened(mark, before, behind).filter(|closing| {
                        if *closing == '\'' && apostrophes_close {
                            apostrophes_close = has_close(behind);
                        }
                        *closing != '\'' || apostrophes_close
                    });
                    if let Some(closing) = closing {
                        open = Some((closing, at));
                    } else if mark == '"' && !before.is_some_and(|before| before.is_ascii_digit())
                        || mark == '”'
                    {
                        // Behind a number it means inches; else it closes what was opened out of sight.
                        quoted.push(0..at);
                    }
                }
            }
            before = Some(mark);
        }
        if let Some((_, start)) = open {
            quoted.push(start..line.len());
        }
        self.open = open.map(|(closing, _)| closing);
        quoted
    }
}

/// What closes a quotation that a mark opens.
fn opened(mark: char, before: Option<char>, behind: &str) -> Option<char> {
    let begins = before.is_none_or(|before| before.is_whitespace() || "([{:—–-*_".contains(before));
    let has_word = behind.chars().next().is_some_and(char::is_alphanumeric);
    match mark {
        '“' => Some('”'),
        '„' => Some('“'),
        '«' => Some('»'),
        '"' if begins && !behind.starts_with(char::is_whitespace) => Some('"'),
        '\'' | '‘' if begins && has_word => Some('\''),
        _ => None,
    }
}

/// Whether a single quotation mark closes in the rest of a line. Most of them are apostrophes, and open nothing.
fn has_close(behind: &str) -> bool {
    behind.match_indices('\'').any(|(at, _)| {
        let before = behind.get(..at).and_then(|text| text.chars().next_back());
        closes('\'', before, behind.get(at + 1..).unwrap_or_default())
    })
}

/// Whether a mark that may close a quotation does.
fn closes(mark: char, before: Option<char>, behind: &str) -> bool {
    let is_inside = behind.chars().next().is_some_and(char::is_alphanumeric);
    mark != '\'' || !is_inside && before.is_some_and(|before| !before.is_whitespace())
}

/// A text without the quotation marks around all of it.
pub fn unquoted(said: &str) -> &str {
    let said = said.trim();
    for (first, last) in [('"', '"'), ('“', '”'), ('\'', '\'')] {
        let inner = said
            .strip_prefix(first)
            .and_then(|said| said.strip_suffix(last));
        if let Some(inner) = inner.filter(|inner| !inner.contains([first, last])) {
            return inner;
        }
    }
    said
}
