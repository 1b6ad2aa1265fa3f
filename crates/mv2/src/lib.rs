//! The `.mv2` container: one file that holds frames, their payloads and the sections that indexes live in.
//!
//! ```text
//! 0        4096      4096+wal_size                          toc_offset    footer_offset   end
//! | header | WAL ... | payloads, sections, gaps             | TOC         | footer 56     |
//! ```
//!
//! This crate knows bytes, not search: every `decode` is a pure function over a slice that may hold anything, every
//! `encode` gives the exact bytes. Only [`storage`], [`disk`], [`lock`], [`registry`], [`neighbours`], [`reference_writer`],
//! [`atomic`] and [`capsule`] touch the file system. All integers are little-endian; hashes are 32-byte BLAKE3.
//!
//! The last valid footer of the file decides what it contains: see [`recover::locate`].
//!
//! ```
//! use mv2::builder::{FrameSource, minimal_file};
//!
//! let file = minimal_file(&[FrameSource::text("mv2://a", "A", "apples are red", 1_700_000_000)]);
//! let located = mv2::recover::locate(&file, "notes.mv2".as_ref())?;
//! let toc = mv2::toc::decode(located.toc(&file)?)?;
//! assert_eq!(toc.frames[0].title.as_deref(), Some("A"));
//! assert_eq!(mv2::payload::read(&file, &toc.frames[0])?, b"apples are red");
//! # Ok::<(), mv2::Error>(())
//! ```

pub mod atomic;
pub mod builder;
pub mod bytes;
pub mod capsule;
pub mod cards;
pub mod codec;
pub mod disk;
pub mod error;
pub mod footer;
pub mod frame;
pub mod header;
pub mod home;
pub mod lock;
pub mod metadata;
mod mmap;
pub mod neighbours;
pub mod ownership;
pub mod payload;
pub mod recover;
pub mod reference_writer;
pub mod registry;
pub mod search_text;
pub mod sketch;
pub mod storage;
pub mod time;
pub mod time_index;
pub mod toc;
pub mod verify;
pub mod view;
pub mod wal;

pub use bytes::Bytes;
pub use error::{CapsuleReason, Error, Result};
pub use frame::Frame;
pub use header::Header;

/// 32-byte BLAKE3 hash of `bytes`, the only hash of the format.
#[must_use]
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}
