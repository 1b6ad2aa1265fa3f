//! Telling that another program writes over the commit that is being read.
//!
//! We never do. A program of the reference that finds records in the log applies them in place, under the lock, which
//! readers do not take: new payloads go where the table of contents in force begins, and where records only remove
//! documents, indexes go where the old ones begin. The header says so when all is done. Until then its first bytes are what shows it.

use std::sync::atomic::{AtomicBool, Ordering};

use mv2::bytes::Bytes;
use mv2::header::Header;
use mv2::toc::TocTail;

/// Bytes that are compared at a place. What is written there instead begins with a payload or with how many entries follow.
const LENGTH: usize = 64;

/// The first bytes of what another program would write over first.
pub struct Landmarks {
    places: Vec<(usize, [u8; LENGTH])>,
    /// Whether any was seen changed. It may be put back, but what was read in the meantime is not.
    have_changed: AtomicBool,
}

impl Landmarks {
    /// Notes how the table of contents at `toc_offset` begins.
    pub fn of_table(map: &Bytes, toc_offset: u64) -> Self {
        let mut landmarks = Self {
            places: Vec::with_capacity(3),
            have_changed: AtomicBool::new(false),
        };
        landmarks.note(map, toc_offset);
        landmarks
    }

    /// Notes what stands behind the log, where zeros go when another program makes it larger, and how the indexes of the
    /// reference begin, the time index first. What is said to be in the log is not noted: that is ours to write.
    pub fn note_sections(&mut self, map: &Bytes, header: &Header, tail: &TocTail) {
        let log_end = header.wal_offset.saturating_add(header.wal_size);
        self.note(map, log_end);
        if let Some(index) = &tail.time_index
            && index.bytes_offset >= log_end
        {
            self.note(map, index.bytes_offset);
        }
    }

    fn note(&mut self, map: &Bytes, offset: u64) {
        let at = usize::try_from(offset).ok();
        self.places
            .extend(at.and_then(|at| Some((at, *map.get(at..)?.first_chunk()?))));
    }

    /// Whether all is as it was noted.
    pub fn stand(&self, map: &Bytes) -> bool {
        if self.have_changed.load(Ordering::Relaxed) {
            return false;
        }
        let is_there = |(at, bytes): &(usize, [u8; LENGTH])| {
            map.get(*at..).and_then(<[u8]>::first_chunk) == Some(bytes)
        };
        let all = self.places.iter().all(is_there);
        if !all {
            self.have_changed.store(true, Ordering::Relaxed);
        }
        all
    }
}
