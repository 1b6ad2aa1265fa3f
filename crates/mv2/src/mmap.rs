//! The one module with `unsafe`: read-only memory maps and the promise that [`Bytes`] does not move its content.

#![allow(unsafe_code)]

mod guard;

use std::fs::File;
use std::io;

use crate::bytes::Bytes;
use crate::storage::FileIdentity;

/// A read-only map of the first bytes of a file.
pub(crate) struct Map {
    // Dropped before the map it is about.
    guarded: guard::Guarded,
    map: memmap2::Mmap,
}

impl Map {
    /// Maps `0..length`. Fails when the file is shorter: touching pages behind the end would kill the process.
    pub(crate) fn new(file: &File, length: usize) -> io::Result<Self> {
        let (_, available) = FileIdentity::and_length_of(file)?;
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
        // that truncates the file against these rules raises a fault in any program that maps it: `guard` deals with it.
        let map = unsafe { memmap2::MmapOptions::new().len(length).map(file)? };
        Ok(Self {
            guarded: guard::Guarded::new(&map),
            map,
        })
    }

    /// Whether something was read that is not in the file any more, or that the disk could not give: what was read there
    /// are zeros.
    pub(crate) fn has_failed(&self) -> bool {
        self.guarded.has_failed()
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

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_that_is_cut_off_reads_as_zeros_and_is_told() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 100_000]).unwrap();
        let other = tempfile::tempfile().unwrap();
        other.set_len(100_000).unwrap();
        let map = Map::new(&file, 100_000).unwrap();
        let sound = Map::new(&other, 100_000).unwrap();
        let sum = |map: &Map| {
            map.as_slice()
                .iter()
                .map(|byte| usize::from(*byte))
                .sum::<usize>()
        };
        assert_eq!(sum(&map), 700_000);
        assert!(!map.has_failed());
        file.set_len(8192).unwrap();
        assert_eq!(sum(&map), 7 * 8192);
        assert!(map.has_failed());
        assert_eq!(sum(&sound), 0);
        assert!(!sound.has_failed());
        // The place in the table serves the next map, which knows nothing of it.
        drop(map);
        let map = Map::new(&file, 8192).unwrap();
        assert_eq!(sum(&map), 7 * 8192);
        assert!(!map.has_failed());
    }

    #[test]
    fn threads_that_read_while_it_is_cut_off_go_on() {
        let mut file = tempfile::tempfile().unwrap();
        for round in 0..8 {
            file.set_len(0).unwrap();
            std::io::Seek::rewind(&mut file).unwrap();
            file.write_all(&vec![1; 1 << 20]).unwrap();
            let map = Map::new(&file, 1 << 20).unwrap();
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        for _ in 0..3 {
                            let ones = map.as_slice().iter().filter(|byte| **byte == 1).count();
                            assert!(ones == 1 << 20 || map.has_failed(), "round {round}");
                        }
                    });
                }
                file.set_len(4096).unwrap();
            });
        }
    }
}
