//! The tests that use the vector index from outside, in one program: each of its own would be linked with all of it once more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod kernels;
mod product;
mod search;
mod segments;
mod support;
