//! Nearest-neighbour search over immutable byte blobs. Knows no file and no container format.
//!
//! A segment holds frame ids and a code for each vector, one bit a dimension; the vectors themselves stay where they are, see
//! [`Vectors`]. There is no graph and no tree to build or repair: a search compares the query with every code, and in full
//! with the few vectors whose codes look best. [`SegmentBuilder`] makes segments, [`merge`] joins them, [`search`] serves
//! any number of them as one, straight from the bytes.

mod blob;
mod build;
mod candidates;
mod encode;
mod error;
mod frame_set;
mod kernel;
mod merge;
mod nearest;
mod product;
mod query;
mod rotation;
mod search;
mod vectors;

pub use blob::{Encoding, MAGIC, MAX_DIMENSION, Segment, is_segment, set_checksums};
pub use build::SegmentBuilder;
pub use error::{Error, Result};
pub use frame_set::FrameSet;
pub use kernel::Kernel;
pub use merge::merge;
pub use product::{CENTROIDS, Codebook, PIECE, QuantisedVectors, SAMPLE as CODEBOOK_SAMPLE};
pub use search::{Accept, Hit, Request, SearchResult, Source, search};
pub use vectors::{MemoryVectors, Products, StridedVectors, Vectors, Verified};
