//! Where bytes live. Kept to what a crash test can model, see [`crate::disk`].

mod file;
mod memory;

use std::io;

use crate::bytes::Bytes;

pub use file::{FileIdentity, FileStorage};
pub use memory::MemoryStorage;

/// Random access to one growing array of bytes.
#[allow(clippy::len_without_is_empty)] // an empty storage is no case of its own
pub trait Storage: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Fills `out` from `offset`; fails with `UnexpectedEof` when the storage ends before that.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`; a gap before it reads as zeros.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts or extends (with zeros).
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// When this returns, every earlier write survives power loss.
    fn sync(&self) -> io::Result<()>;
    /// The first `len` bytes as one immutable value that later appends do not change.
    fn map(&self, len: u64) -> io::Result<Bytes>;
}
