//! The tests that use the engine from outside, in one program: each of its own would be linked with all of it once more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bulk;
mod cards;
mod closing;
mod compression;
mod damaged;
mod damaged_log;
mod damaged_range;
mod doctor;
mod filters;
mod foreign;
mod interrupted;
mod kept;
mod looked_at;
mod lying;
mod meaning;
mod memory;
mod pictures;
mod purge;
mod rescue;
mod rescue_foreign;
mod selected;
mod staged;
mod support;
mod unreadable;
mod upkeep;
mod vectors;
mod written_over;
