//! Full-text indexing and retrieval over immutable byte blobs. Knows no file and no container format.


mod document;
mod error;
mod skeleton;

pub use document::Document;
pub use error::{Error, Result};
pub use skeleton::*;
pub use tantivy::directory::OwnedBytes;
