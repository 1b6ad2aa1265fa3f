//! The tests that use the full-text index from outside, in one program: each of its own would be linked with all of it once more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod best;
mod conditions;
mod languages;
mod limits;
mod quality;
mod required;
mod search;
mod segments;
mod support;
