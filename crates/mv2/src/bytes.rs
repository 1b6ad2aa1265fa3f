//! Immutable bytes that many readers share: a memory map or a heap buffer behind one type.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::mmap::Map;

enum Owner {
    Heap(Vec<u8>),
    Map(Map),
}

impl Owner {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Map(map) => map.as_slice(),
        }
    }
}

/// Cheaply clonable, immutable bytes. The address of the content never changes while a clone lives.
#[derive(Clone)]
pub struct Bytes {
    owner: Arc<Owner>,
    range: Range<usize>,
}

impl Bytes {
    pub(crate) fn from_map(map: Map) -> Self {
        let range = 0..map.as_slice().len();
        Self {
            owner: Arc::new(Owner::Map(map)),
            range,
        }
    }

    /// Lets the system take mapped pages out of this process; they come back when they are touched. Where that is not
    /// possible, and for bytes on the heap, nothing happens.
    pub fn release_pages(&self) {
        if let Owner::Map(map) = &*self.owner {
            map.release();
        }
    }

    /// Whether mapped bytes were read that the file does not have any more, because another program cut it off, or that
    /// the disk could not give. They read as zeros: whatever was made of them must not go out.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        match &*self.owner {
            Owner::Map(map) => map.has_failed(),
            Owner::Heap(_) => false,
        }
    }

    /// A part of these bytes that keeps the whole alive. `None` when the range is not inside.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Option<Self> {
        let length = self.range.end - self.range.start;
        if range.start > range.end || range.end > length {
            return None;
        }
        Some(Self {
            owner: Arc::clone(&self.owner),
            range: self.range.start + range.start..self.range.start + range.end,
        })
    }

    /// Like [`Bytes::slice`] with an offset and a length as they stand in a file.
    #[must_use]
    pub fn section(&self, offset: u64, length: u64) -> Option<Self> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        self.slice(start..end)
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // The range was checked when it was made and the owner never shrinks.
        self.owner
            .as_slice()
            .get(self.range.clone())
            .unwrap_or_default()
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self {
            owner: Arc::new(Owner::Heap(bytes)),
            range,
        }
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Bytes({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_slice_outside_is_refused() {
        let bytes = Bytes::from(vec![1, 2, 3, 4]);
        let inner = bytes.slice(1..4).unwrap();
        assert_eq!(&*inner, &[2, 3, 4]);
        assert_eq!(&*inner.slice(1..2).unwrap(), &[3]);
        assert!(inner.slice(0..4).is_none());
        assert!(bytes.section(u64::MAX, 1).is_none());
        assert!(bytes.section(1, u64::MAX).is_none());
    }

    #[test]
    fn the_content_keeps_its_address_when_the_handle_moves() {
        let bytes = Bytes::from(vec![7; 100]);
        let address = bytes.as_ptr();
        let moved = Box::new(bytes.clone());
        drop(bytes);
        assert_eq!(moved.as_ptr(), address);
    }
}
