//! Writing a commit: bytes go out in order, in large pieces, at known places.

use std::sync::Arc;

use mv2::bytes::Bytes;
use mv2::storage::{FileStorage, Storage};

use crate::error::{Error, Result};

const BUFFER: usize = 1 << 20;

/// A buffered writer at a moving position.
pub struct Output {
    storage: Arc<FileStorage>,
    buffer: Vec<u8>,
    flushed: u64,
}

impl Output {
    /// Starts at `position`.
    #[must_use]
    pub fn new(storage: Arc<FileStorage>, position: u64) -> Self {
        Self {
            storage,
            buffer: Vec::with_capacity(BUFFER),
            flushed: position,
        }
    }

    /// The file.
    #[must_use]
    pub fn storage(&self) -> &FileStorage {
        &self.storage
    }

    /// Where the next byte goes.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    /// Appends `bytes` and gives the place they start at.
    pub fn write(&mut self, bytes: &[u8]) -> Result<u64> {
        let start = self.position();
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        if bytes.len() > BUFFER {
            write_at(&self.storage, self.flushed, bytes)?;
            self.flushed += bytes.len() as u64;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(start)
    }

    /// Leaves `length` bytes free and gives the place they start at.
    pub fn skip(&mut self, length: u64) -> Result<u64> {
        self.flush()?;
        let start = self.flushed;
        self.flushed += length;
        Ok(start)
    }

    /// Hands everything to the operating system.
    pub fn flush(&mut self) -> Result<()> {
        if !self.buffer.is_empty() {
            write_at(&self.storage, self.flushed, &self.buffer)?;
            self.flushed += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }
}

/// Writes at an offset.
pub fn write_at(storage: &FileStorage, offset: u64, bytes: &[u8]) -> Result<()> {
    storage
        .write_at(offset, bytes)
        .map_err(|error| Error::io("write", storage.path(), &error))
}

/// Fills `out` from an offset.
pub fn read_at(storage: &FileStorage, offset: u64, out: &mut [u8]) -> Result<()> {
    storage
        .read_at(offset, out)
        .map_err(|error| Error::io("read", storage.path(), &error))
}

/// The hash of bytes of the file, read piece by piece.
pub fn hash(storage: &FileStorage, offset: u64, length: u64) -> Result<[u8; 32]> {
    /// Stays in the processor's cache.
    const PIECE: u64 = 1 << 18;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; length.min(PIECE) as usize];
    let mut done = 0;
    while done < length {
        let piece = (length - done).min(PIECE);
        let bytes = buffer.get_mut(..piece as usize).unwrap_or_default();
        read_at(storage, offset + done, bytes)?;
        hasher.update(bytes);
        done += piece;
    }
    Ok(*hasher.finalize().as_bytes())
}

/// Makes every earlier write durable.
pub fn sync(storage: &FileStorage) -> Result<()> {
    storage
        .sync()
        .map_err(|error| Error::io("sync", storage.path(), &error))
}

/// Length of the file.
pub fn length(storage: &FileStorage) -> Result<u64> {
    storage
        .len()
        .map_err(|error| Error::io("look up the size of", storage.path(), &error))
}

/// Cuts or extends the file.
pub fn set_length(storage: &FileStorage, length: u64) -> Result<()> {
    storage
        .set_len(length)
        .map_err(|error| Error::io("resize", storage.path(), &error))
}

/// Takes back what was written behind `length`, which nothing refers to. Should that fail, it stays there unused.
pub fn cut_back(storage: &FileStorage, length: u64) {
    if self::length(storage).is_ok_and(|now| now > length) {
        let _ = set_length(storage, length);
    }
}

/// Maps the first `length` bytes.
pub fn map(storage: &FileStorage, length: u64) -> Result<Bytes> {
    storage
        .map(length)
        .map_err(|error| Error::io("map", storage.path(), &error))
}
