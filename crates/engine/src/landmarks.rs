//! Telling that another program writes over the commit that is being read.
//!
//! We never do. A program of the reference that finds records in the log applies them in place, under the lock, which
//! readers do not take: new payloads go where the table of contents in force begins, and where records only remove
//! documents, indexes go where the old ones begin. The header says so when all is done. Until then its first bytes are what shows it.

use mv2::bytes::Bytes;
use mv2::toc::TocTail;

/// Bytes that are compared at a place. What is written there instead begins with a payload or with how many entries follow.
const LENGTH: usize = 64;

/// The first bytes of what another program would write over first.
pub struct Landmarks {
    places: Vec<(usize, [u8; LENGTH])>,
}

impl Landmarks {
    /// Notes how the table of contents at `toc_offset` begins.
    pub fn of_table(map: &Bytes, toc_offset: u64) -> Self {
        let mut landmarks = Self {
            places: Vec::with_capacity(2),
        };
        landmarks.note(map, toc_offset);
        landmarks
    }

    /// Notes how the indexes of the reference begin, the time index first, where they stand behind the last payload.
    pub fn note_indexes(&mut self, map: &Bytes, tail: &TocTail) {
        if let Some(index) = &tail.time_index {
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
        let is_there = |(at, bytes): &(usize, [u8; LENGTH])| {
            map.get(*at..).and_then(<[u8]>::first_chunk) == Some(bytes)
        };
        self.places.iter().all(is_there)
    }
}
