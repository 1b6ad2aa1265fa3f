//! What damaged and malicious bytes must not do to a memory: panic, hang, take memory without bound, or change an answer
//! without saying so.
//!
//! Two things are in here: the damage matrix ([`damage`]: files of all shapes, one byte changed or the end cut off, and a
//! fixed set of questions asked again), and the bodies of the fuzz targets with a runner that needs no nightly toolchain.
//! Nothing of it ships.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test harness stops where its own work fails"
)]

pub mod checksums;
pub mod command;
pub mod damage;
pub mod fuzz;
pub mod questions;
pub mod repair;
pub mod script;
pub mod sections;
pub mod shapes;
pub mod targets;
pub mod watch;
