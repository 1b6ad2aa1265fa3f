//! Which content is already stored, by hash. Built on first use, then kept up to date.

use std::collections::HashMap;

use mv2::frame::FrameRole;
use mv2::storage::FileIdentity;

use crate::error::Result;
use crate::snapshot::{AsOf, Snapshot};

/// Content hash to the frames that hold it. Half of the hash is kept; a hit is checked against the frame.
#[derive(Default)]
pub struct DedupeTable {
    /// The newest frame of each content.
    newest: HashMap<[u8; 16], u64>,
    /// The next older frame with the same content, for the few that have one.
    older: HashMap<u64, u64>,
    covered: u64,
    file: Option<FileIdentity>,
}

impl DedupeTable {
    /// Takes in the frames that came since the last call.
    pub fn update(&mut self, snapshot: &Snapshot) -> Result<()> {
        let file = Some(snapshot.committed.storage.identity());
        if self.file != file || snapshot.frame_count() < self.covered {
            // Another file has the name now: rewritten by us, or something else altogether.
            *self = Self {
                file,
                ..Self::default()
            };
        }
        for id in self.covered..snapshot.frame_count() {
            let view = snapshot.view(id)?;
            if let (Some(hash), FrameRole::Document) = (view.source_sha256, view.role)
                && let Some(previous) = self.newest.insert(key(&hash), id)
            {
                self.older.insert(id, previous);
            }
        }
        self.covered = snapshot.frame_count();
        Ok(())
    }

    /// The newest active document with this content.
    #[must_use]
    pub fn find(&self, snapshot: &Snapshot, hash: &[u8; 32]) -> Option<u64> {
        let first = self.newest.get(&key(hash)).copied();
        std::iter::successors(first, |id| self.older.get(id).copied()).find(|&id| {
            let same = snapshot
                .view(id)
                .is_ok_and(|view| view.source_sha256 == Some(*hash));
            same && snapshot.is_visible(id, AsOf::default())
        })
    }
}

fn key(hash: &[u8; 32]) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&hash[..16]);
    key
}
