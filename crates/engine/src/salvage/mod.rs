//! What can still be read of a file, however damaged it is.
//!
//! A *survey* looks at the bytes alone: it finds the best table of contents, takes every frame that is intact, fills what is
//! lost from older tables and from payloads that nobody names any more, reads the records of the log around damage, and
//! tells what is missing. An *image* is a plain new file of what was found; `open(path, { salvage: true })` reads it, and
//! `doctor` makes a whole memory of it.

mod belonging;
mod content;
mod finding;
mod frames;
mod image;
mod log;
mod orphans;
mod pictures;
mod places;
mod sections;
mod source;
mod survey;
mod tables;
mod vector_segments;
mod vectors;

pub use finding::{Finding, FindingCode, Findings, ranges};
pub use image::{Image, Purpose, image};
pub use log::Logged;
pub use source::Source;
pub use survey::{Survey, survey};
