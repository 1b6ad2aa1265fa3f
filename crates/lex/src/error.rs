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
    /// The bytes of one segment are not what [`crate::SegmentBuilder::finish`] or [`crate::merge`] wrote.
    #[error("full-text segment {segment} is damaged: {message}")]
    CorruptSegment {
        /// Position of the segment in the list given to [`crate::LexIndex::open`] or [`crate::merge`].
        segment: usize,
        /// What was found.
        message: String,
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
