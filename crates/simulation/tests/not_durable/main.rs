//! What the system shows and the disk does not have: processes that are killed in front of a sync, syncs that fail, and then
//! a loss of power, at the moments where the next writer could write over what is still needed.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod commits;
mod contents;
mod in_front;
mod left_behind;
mod log;
mod others;
mod reference;
mod shown;
mod support;
mod taken_back;
mod void;
