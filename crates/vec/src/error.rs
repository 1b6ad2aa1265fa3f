//! What can go wrong while encoding and searching.

/// The result type of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong while encoding and searching.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number of dimensions that this crate does not take.
    #[error(
        "vectors of {dimension} dimensions cannot be indexed: 1 to {} can",
        crate::MAX_DIMENSION
    )]
    UnsupportedDimension {
        /// What was asked for.
        dimension: usize,
    },
    /// A vector is longer or shorter than those it is to be compared with.
    #[error("the vector has {actual} dimensions, the index has {expected}")]
    WrongDimension {
        /// Dimensions of the index.
        expected: usize,
        /// Dimensions of the vector.
        actual: usize,
    },
    /// A number of a vector is not finite.
    #[error("number {position} of the vector is not finite")]
    NotFinite {
        /// Which, from 0.
        position: usize,
    },
    /// Frames come in ascending order, each once.
    #[error("frame {frame_id} does not come behind frame {previous}, the last one of the segment")]
    FrameOrder {
        /// The frame that was added.
        frame_id: u64,
        /// The last one before it.
        previous: u64,
    },
    /// More vectors than one search can tell apart.
    #[error("{count} vectors are more than the {} of one search", u32::MAX)]
    TooMany {
        /// How many there are.
        count: u64,
    },
    /// The bytes of a segment are not what [`crate::SegmentBuilder::finish`] or [`crate::merge`] wrote.
    #[error("the vector segment is damaged: {message}")]
    CorruptSegment {
        /// What was found.
        message: String,
    },
    /// A stored vector is missing, has another length than the segment says, or holds numbers that are not finite.
    #[error(
        "the stored vector of frame {frame_id} (number {ordinal} of source {source_index}) is {problem}"
    )]
    CorruptVector {
        /// Position of the source in the list that is searched or merged.
        source_index: usize,
        /// Position of the vector in the source.
        ordinal: usize,
        /// The frame it belongs to.
        frame_id: u64,
        /// What was found.
        problem: &'static str,
    },
}
