//! What the system shows is not what the disk has: a process was killed before its last sync, or a commit could not be undone.
//! A loss of power may then take back what everybody sees, in either direction.

use std::sync::atomic::Ordering;

use mv2::footer::{FOOTER_SIZE, Footer};
use mv2::header::Header;
use mv2::storage::FileStorage;
use mv2::wal;

use crate::commit::write_header;
use crate::committed::Committed;
use crate::error::{Error, Result};
use crate::output;

impl Committed {
    /// Makes the commit and the name of the file that the system shows those of the disk, unless this process has put them in
    /// force itself. To be called under the writer lock, before anything is written: the log that is begun anew may still be
    /// needed, what is written over behind the end may be the commit in force, and the whole file may not be the one of its
    /// name.
    pub fn settle(&self) -> Result<()> {
        let storage = &self.storage;
        storage
            .sync_name()
            .map_err(|error| Error::io("sync the folder of", storage.path(), &error))?;
        let length = output::length(storage)?;
        if length <= self.end && self.is_settled.load(Ordering::Relaxed) {
            return Ok(());
        }
        // What another program wrote last is not written again: that is as durable as it made it.
        if self.directory_is_stored {
            self.write_again()?;
        }
        output::sync(storage)?;
        // No header can lead behind the end any more, and whoever searches for the last footer must not find one there.
        if length > self.end {
            let behind = length.saturating_sub(FOOTER_SIZE as u64).max(self.end);
            let zeros = vec![0; usize::try_from(length - behind).unwrap_or_default()];
            let _ = output::write_at(storage, behind, &zeros);
            output::cut_back(storage, self.end);
        }
        self.is_settled.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Writes footer and header again: what was written before a sync that failed may never arrive, whatever syncs follow.
    fn write_again(&self) -> Result<()> {
        let end = self.toc_offset + self.toc_length;
        let footer = self
            .payload(end, FOOTER_SIZE as u64)
            .ok()
            .and_then(|bytes| Footer::decode(bytes).ok())
            .filter(|footer| footer.toc_len == self.toc_length);
        // One that is missing stays so until the next commit: nobody has hashed a large table for it.
        if let Some(footer) = footer {
            let generation = self.generation;
            let footer = Footer {
                generation,
                ..footer
            };
            output::write_at(&self.storage, end, &footer.encode())?;
        }
        let header = Header {
            wal_sequence: self.applied_sequence,
            ..self.header.clone()
        };
        write_header(&self.storage, &header, self.toc_length)
    }
}

/// Empties the log, which begins at `at`. Should this not reach the disk, the header says that its records are applied.
///
/// Nothing checks the sequence of another program's record: where the disk still has one when half a header of the next
/// record arrives, that would be the old record with a new sequence. So this one has to be gone before anything follows.
pub fn empty_log(storage: &FileStorage, at: u64) -> Result<()> {
    let mut front = [0; wal::RECORD_HEADER_SIZE];
    output::read_at(storage, at, &mut front)?;
    let emptied = output::write_at(storage, at, &[0; wal::RECORD_HEADER_SIZE]);
    if !wal::is_unchecked(&front) {
        return emptied;
    }
    emptied
        .and_then(|()| output::sync(storage))
        .inspect_err(|_| {
            // Whoever writes next has to see it, and try again.
            let _ = output::write_at(storage, at, &front);
        })
}
