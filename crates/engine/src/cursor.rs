//! Places in a ranking, from one page to the next.

use crate::error::{Error, Result};

/// Where a page starts. Frames that came after the first page was given are not part of the pages that follow: they would
/// push hits onto a page where they were shown already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Hits before it.
    pub offset: usize,
    /// How many frames there were when the first page was given.
    pub frames: u64,
    /// What the ranking is made by.
    pub by: By,
}

/// What a ranking is made by: a place in one says nothing of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Words alone.
    Words,
    /// Vectors alone.
    Meaning,
    /// Both, fused.
    Both {
        /// Of the lists that the first page was fused from.
        depth: usize,
    },
}

impl Cursor {
    /// Where an answer over `frames` frames begins. MV019 for a cursor that no answer gave, or one of another ranking.
    pub fn start(given: Option<&str>, frames: u64, by: By) -> Result<Self> {
        let Some(given) = given else {
            return Ok(Self {
                offset: 0,
                frames,
                by,
            });
        };
        let start = Self::parse(given);
        let start = start.filter(|start| match (start.by, by) {
            // Whatever is asked for now: the order is that of the first page.
            (By::Both { .. }, By::Both { .. }) => true,
            (of_first, by) => of_first == by,
        });
        start.ok_or_else(|| {
            Error::invalid(
                "cursor",
                format_args!("{given:?}"),
                "the next_cursor of an answer to the same question, asked in the same way",
            )
        })
    }

    /// Only what an answer gave: two numbers in decimal digits, and what the ranking was made by.
    fn parse(text: &str) -> Option<Self> {
        fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_plain.then(|| text.parse().ok())?
        }
        let mut parts = text.split('-');
        let (offset, frames) = (number(parts.next()?)?, number(parts.next()?)?);
        let by = match parts.next() {
            None => By::Words,
            Some("meaning") => By::Meaning,
            Some(depth) => By::Both {
                depth: number(depth).filter(|depth| *depth > 0)?,
            },
        };
        parts
            .next()
            .is_none()
            .then_some(Self { offset, frames, by })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}-{}", self.offset, self.frames)?;
        match self.by {
            By::Words => Ok(()),
            By::Meaning => formatter.write_str("-meaning"),
            By::Both { depth } => write!(formatter, "-{depth}"),
        }
    }
}
