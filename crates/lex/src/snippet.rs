//! The part of a text that shows best why it matches.

use crate::query::Query;
use std::ops::Range;

/// The part of a text that shows best why it matches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snippet {
    /// A piece of the text, cut at word boundaries where possible.
    pub text: String,
    /// Byte ranges of the matching words inside `text`.
    pub ranges: Vec<Range<usize>>,
    /// Matching words in the part of the text that was looked at.
    pub matches: u32,
}

/// placeholder
pub fn snippet(_query: &Query, _text: &str, _max_chars: usize) -> Snippet {
    Snippet::default()
}
