//! Which content is already stored, by hash. Built on first use, then kept up to date.

use std::collections::HashMap;

use mv2::frame::FrameRole;

use crate::error::Result;
use crate::snapshot::{AsOf, Snapshot};

/// Content hash to the newest frame that holds it. Half of the hash is kept; a hit is checked against the frame.
#[derive(Default)]
pub struct DedupeTable {
    frames: HashMap<[u8; 16], u64>,
    covered: u64,
}

impl DedupeTable {
    /// Takes in the frames that came since the last call.
    pub fn update(&mut self, snapshot: &Snapshot) -> Result<()> {
        if snapshot.frame_count() < self.covered {
            // The file was replaced by another one.
            *self = Self::default();
        }
        for id in self.covered..snapshot.frame_count() {
            let view = snapshot.view(id)?;
            if let (Some(hash), FrameRole::Document) = (view.source_sha256, view.role) {
                self.frames.insert(key(&hash), id);
            }
        }
        self.covered = snapshot.frame_count();
        Ok(())
    }

    /// The active document with this content.
    #[must_use]
    pub fn find(&self, snapshot: &Snapshot, hash: &[u8; 32]) -> Option<u64> {
        let id = *self.frames.get(&key(hash))?;
        let same = snapshot
            .view(id)
            .is_ok_and(|view| view.source_sha256 == Some(*hash));
        (same && snapshot.is_visible(id, AsOf::default())).then_some(id)
    }
}

fn key(hash: &[u8; 32]) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&hash[..16]);
    key
}
