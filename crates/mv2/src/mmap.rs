//! The one module with `unsafe`: read-only memory maps and the promise that [`Bytes`] does not move its content.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;

use crate::bytes::Bytes;

/// A read-only map of the first bytes of a file.
pub(crate) struct Map {
    map: memmap2::Mmap,
}

impl Map {
    /// Maps `0..length`. Fails when the file is shorter: touching pages behind the end would kill the process.
    pub(crate) fn new(file: &File, length: usize) -> io::Result<Self> {
        let available = file.metadata()?.len();
        if available < u64::try_from(length).unwrap_or(u64::MAX) {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("the file has {available} bytes, {length} were to be mapped"),
            ));
        }
        // SAFETY: the map is read-only and shared. The rules of the format make its content stable: writers of this
        // crate only append behind the footer a reader knows, other writers replace the file by rename, which leaves
        // the mapped inode as it is. Header and log pages do change under a map; they are read through `read_at`, or
        // decoded into owned values whose checksums are verified, never held as references across calls. A process
        // that truncates the file against these rules can raise a fault in any program that maps it; that cannot be
        // excluded by a check here.
        let map = unsafe { memmap2::MmapOptions::new().len(length).map(file)? };
        Ok(Self { map })
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.map
    }

    /// Takes the pages out of this process; they come back from the file when they are touched.
    pub(crate) fn release(&self) {
        #[cfg(target_os = "linux")]
        {
            // SAFETY: the map is shared, read-only and backed by a file, so that what is read afterwards is the content of
            // the file as before; nothing that was written could be lost.
            let _ = unsafe {
                self.map
                    .unchecked_advise(memmap2::UncheckedAdvice::DontNeed)
            };
        }
    }
}

// SAFETY: `Bytes` dereferences to memory behind an `Arc` (heap buffer or map) that is never mutated or reallocated, so the
// address is the same after a move of the handle and stays valid as long as any clone lives.
unsafe impl stable_deref_trait::StableDeref for Bytes {}

// SAFETY: a clone shares the `Arc` and the range, so it dereferences to the same address.
unsafe impl stable_deref_trait::CloneStableDeref for Bytes {}
