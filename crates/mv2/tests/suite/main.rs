//! The tests that use the file format from outside, in one program: each of its own would be linked with all of it once more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod capsule;
mod damage;
mod files;
mod fixtures;
mod interoperability;
mod log;
mod log_histories;
mod log_of_two;
mod round_trips;
mod support;
