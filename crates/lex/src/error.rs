//! What can go wrong while indexing and searching.

/// The result type of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong while indexing and searching.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The query holds nothing that could be looked up.
    #[error("the query holds no searchable word and no field filter")]
    EmptyQuery,
    /// The query names more than a search can look up. What operators, quotes and fields name is never left out
    /// silently; words that only rank are, see [`crate::SearchResult::warnings`].
    #[error("the query holds {terms} {part}, more than the {limit} that can be looked up")]
    QueryTooLong {
        /// What is counted.
        part: QueryPart,
        /// How many there are.
        terms: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The bytes of one segment are not what [`crate::SegmentBuilder::finish`] or [`crate::merge`] wrote.
    #[error("full-text segment {segment} is damaged: {message}")]
    CorruptSegment {
        /// Position of the segment in the list given to [`crate::LexIndex::open`] or [`crate::merge`].
        segment: usize,
        /// What was found.
        message: String,
    },
    /// The checksums of a segment are right, and it holds what no segment can hold: it was made up.
    #[error("full-text {operation} failed: a segment holds what no segment can hold")]
    ImpossibleSegment {
        /// What was being done.
        operation: &'static str,
    },
    /// The index library failed.
    #[error("full-text {operation} failed: {message}")]
    Index {
        /// What was being done.
        operation: &'static str,
        /// What the library said.
        message: String,
    },
}

/// What a query may hold a limited number of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueryPart {
    /// Different words and values that operators, quotes and fields name.
    Terms,
    /// Words of one phrase.
    PhraseWords,
    /// Different words with a star.
    Prefixes,
}

impl std::fmt::Display for QueryPart {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Terms => "words and values joined by operators",
            Self::PhraseWords => "words in one phrase",
            Self::Prefixes => "words with a star",
        })
    }
}
