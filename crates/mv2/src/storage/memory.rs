//! Bytes on the heap, for tests and for memories that are never saved.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Storage;
use crate::bytes::Bytes;

/// A [`Storage`] without a file.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    bytes: Mutex<Vec<u8>>,
}

impl MemoryStorage {
    /// Starts with the given content.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes: Mutex::new(bytes),
        }
    }

    /// A copy of the content.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        // A panic elsewhere cannot leave a byte array half changed in a way that matters here.
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn to_range(offset: u64, length: usize) -> io::Result<std::ops::Range<usize>> {
    let start = usize::try_from(offset).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    let end = start
        .checked_add(length)
        .ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
    Ok(start..end)
}

impl Storage for MemoryStorage {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let range = to_range(offset, out.len())?;
        let bytes = self.lock();
        let source = bytes
            .get(range)
            .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        out.copy_from_slice(source);
        Ok(())
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let range = to_range(offset, data.len())?;
        let mut bytes = self.lock();
        if bytes.len() < range.end {
            bytes.resize(range.end, 0);
        }
        if let Some(target) = bytes.get_mut(range) {
            target.copy_from_slice(data);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let range = to_range(len, 0)?;
        self.lock().resize(range.end, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn map(&self, len: u64) -> io::Result<Bytes> {
        let range = to_range(len, 0)?;
        let bytes = self.lock();
        let content = bytes
            .get(..range.end)
            .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        Ok(Bytes::from(content.to_vec()))
    }
}
