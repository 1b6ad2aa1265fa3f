//! Winning space back on demand, and erasing what was removed.

use std::collections::BTreeSet;
use std::time::Instant;

use mv2::frame::FrameStatus;
use serde::{Deserialize, Serialize};

use super::{Memory, document_of_any};
use crate::committed::Committed;
use crate::compact::{self, Extent};
use crate::compression;
use crate::error::{Error, Result};
use crate::lex_sections::part_of;
use crate::output;
use crate::snapshot::Snapshot;
use crate::staged::is_staged;
use crate::stats::live_bytes;
use crate::vec_sections::kind_of;
use crate::writer;

/// What `compact` won.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CompactReport {
    /// Size of the file before.
    pub bytes_before: u64,
    /// Size of the file now.
    pub bytes_after: u64,
    /// Of the file before, that nothing referred to.
    pub dead_bytes_before: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// What `purge` is to erase besides what is removed already.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PurgeRequest {
    /// Documents, by the frame of any of their versions.
    pub ids: Vec<u64>,
    /// Whether the earlier versions of all other documents go too.
    pub versions: bool,
}

/// What `purge` erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PurgeReport {
    /// Documents that were there until now.
    pub documents_removed: u64,
    /// Earlier versions of documents that were there until now.
    pub versions_removed: u64,
    /// Frames whose content is gone now, and was in the file before.
    pub frames_erased: u64,
    /// Memory cards that were in the file before: those of what was erased, and all that another program's rules made, because
    /// nobody can tell of which documents.
    pub cards_erased: u64,
    /// Size of the file before.
    pub bytes_before: u64,
    /// Size of the file now.
    pub bytes_after: u64,
    /// What other programs keep in the file, which was carried over as it is and may speak of what was erased.
    pub kept_tracks: Vec<&'static str>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

impl Memory {
    /// Writes a new file of what the memory holds and gives it the name. Whoever reads the old one goes on undisturbed. The
    /// log is moved into the file first.
    ///
    /// Fails with MV018 on a read-only handle and for a file with several names, and with MV001 when the disk has no room
    /// for a second file; the memory is then as it was.
    pub fn compact(&self) -> Result<CompactReport> {
        const OPERATION: &str = "compact";
        let started = Instant::now();
        let mut report = None;
        self.rewritten(OPERATION, Extent::Thorough, |snapshot| {
            let bytes_before = output::length(&snapshot.committed.storage)?;
            report = Some((
                bytes_before,
                bytes_before.saturating_sub(live_bytes(snapshot)),
            ));
            Ok(Vec::new())
        })?;
        let (bytes_before, dead_bytes_before) = report.unwrap_or_default();
        Ok(CompactReport {
            bytes_before,
            bytes_after: self.size(OPERATION)?,
            dead_bytes_before,
            duration_ms: started.elapsed().as_millis() as u64,
        })
    }

    /// Erases what is removed: documents, all their versions, and everything that was made of them. The frames stay as
    /// numbers with a time, because later ids count on. Names documents to be removed first.
    ///
    /// Fails as [`Memory::compact`] does, with MV010 for an id that never was, and with MV012 when vectors are damaged.
    pub fn purge(&self, request: &PurgeRequest) -> Result<PurgeReport> {
        const OPERATION: &str = "purge";
        let started = Instant::now();
        let mut report = PurgeReport {
            documents_removed: 0,
            versions_removed: 0,
            frames_erased: 0,
            cards_erased: 0,
            bytes_before: 0,
            bytes_after: 0,
            kept_tracks: Vec::new(),
            duration_ms: 0,
        };
        self.rewritten(OPERATION, Extent::Purge, |snapshot| {
            report.cards_erased = stored_cards(&snapshot.committed);
            report.bytes_before = output::length(&snapshot.committed.storage)?;
            report.kept_tracks = kept_tracks(&snapshot.committed)?;
            let targets = doomed(snapshot, request)?;
            for id in 0..snapshot.frame_count() {
                let Some(brief) = snapshot.brief(id) else {
                    continue;
                };
                let is_target = targets.contains(&id);
                if is_target && brief.flags.is_document() {
                    if brief.flags.is_active() {
                        report.documents_removed += 1;
                    } else {
                        report.versions_removed += 1;
                    }
                }
                let is_removed = brief.flags.status() == FrameStatus::Deleted as u32;
                let has_content = || {
                    let view = snapshot.view(id)?;
                    Ok::<bool, Error>(view.uri.is_some() || view.payload_length > 0)
                };
                if is_target || (is_removed && has_content()?) {
                    report.frames_erased += 1;
                }
            }
            Ok(targets.into_iter().collect())
        })?;
        let left = stored_cards(&self.snapshot(OPERATION)?.committed);
        report.cards_erased = report.cards_erased.saturating_sub(left);
        report.bytes_after = self.size(OPERATION)?;
        report.duration_ms = started.elapsed().as_millis() as u64;
        Ok(report)
    }

    fn size(&self, operation: &str) -> Result<u64> {
        output::length(&self.snapshot(operation)?.committed.storage)
    }

    /// Removes the frames that `plan` names, moves the log into the file, and writes a new file without a trace of what is
    /// removed.
    fn rewritten(
        &self,
        operation: &str,
        extent: Extent,
        plan: impl FnOnce(&Snapshot) -> Result<Vec<u64>>,
    ) -> Result<()> {
        self.check_writable(operation)?;
        let mut writer = self.writer.lock();
        let (_lock, snapshot) = self.lock_alone(operation, &mut writer)?;
        compact::refuse_other_names(&snapshot.committed.storage, operation)?;
        let targets = plan(&snapshot)?;
        // Before anything is removed: nobody could say whose vectors are damaged.
        crate::vec_sections::check_sound(&snapshot.committed)?;
        crate::cards::stored(&snapshot.committed)?;
        snapshot.committed.pictures()?;
        let options = self.commit_options(&snapshot);
        // Into the old file first: what the log holds of removed documents is then a frame like any other.
        let snapshot = if targets.is_empty() {
            self.with_empty_log(snapshot, &options)?
        } else {
            let next = writer::commit_removals(&snapshot, &targets, &options)?;
            let next = std::sync::Arc::new(next.ok_or_else(writer::not_reopened)?);
            self.state.store(Some(std::sync::Arc::clone(&next)));
            next
        };
        let (committed, _lock_on_rewritten) =
            compact::rewrite_thoroughly(&snapshot, &options, extent)?;
        let next = writer::committed_state(committed, &options)?;
        if let Some(next) = next {
            self.state.store(Some(std::sync::Arc::new(next)));
        }
        Ok(())
    }
}

/// The frames that `request` removes, and the earlier versions of documents that are removed already.
fn doomed(snapshot: &Snapshot, request: &PurgeRequest) -> Result<BTreeSet<u64>> {
    let newest_versions = newest_versions(snapshot);
    let newest_version = |id: u64| {
        let index = usize::try_from(id).ok();
        index
            .and_then(|index| newest_versions.get(index).copied())
            .unwrap_or(id)
    };
    let named: BTreeSet<u64> = request
        .ids
        .iter()
        .map(|&id| Ok(newest_version(document_of_any(snapshot, id)?)))
        .collect::<Result<_>>()?;
    let mut doomed = BTreeSet::new();
    for id in 0..snapshot.frame_count() {
        let Some(brief) = snapshot.brief(id) else {
            continue;
        };
        if brief.flags.status() == FrameStatus::Deleted as u32 {
            continue;
        }
        let is_superseded = brief.flags.status() == FrameStatus::Superseded as u32;
        let document = brief.parent.filter(|parent| *parent < id).unwrap_or(id);
        let newest = newest_version(document);
        let is_gone = snapshot
            .brief(newest)
            .is_none_or(|newest| newest.flags.status() == FrameStatus::Deleted as u32);
        if named.contains(&newest) || is_gone || (is_superseded && request.versions) {
            doomed.insert(id);
        }
    }
    Ok(doomed)
}

/// The last version of the document of each frame. From the end on, so that each step of a long history is taken once.
fn newest_versions(snapshot: &Snapshot) -> Vec<u64> {
    let count = snapshot.frame_count();
    let mut newest: Vec<u64> = (0..count).collect();
    for id in (0..count).rev() {
        // Versions ascend: anything else is damage.
        let next = snapshot
            .brief(id)
            .and_then(|brief| brief.superseded_by)
            .filter(|next| *next > id)
            .and_then(|next| newest.get(usize::try_from(next).ok()?).copied());
        if let (Some(next), Some(slot)) = (next, newest.get_mut(id as usize)) {
            *slot = next;
        }
    }
    newest
}

/// How many memory cards are in the file.
fn stored_cards(committed: &Committed) -> u64 {
    let track = committed.tail.memories_track.as_ref();
    track.map_or(0, |manifest| manifest.card_count)
}

/// What the file holds that this program does not read.
fn kept_tracks(committed: &Committed) -> Result<Vec<&'static str>> {
    let tail = &committed.tail;
    let is_known = |id: u64| id == 0 || part_of(id).is_some() || kind_of(id).is_some();
    let has_sections = committed.head.segments.iter().any(|segment| {
        !is_known(segment.id) && !is_staged(segment) && !compression::is_setting(segment)
    });
    let tracks = [
        ("logic_mesh", tail.logic_mesh.is_some()),
        (
            "temporal",
            tail.temporal_track.is_some() || !tail.segment_catalog.temporal_segments.is_empty(),
        ),
        ("recordings", tail.replay_manifest.is_some()),
        ("vectors", committed.vectors()?.stays_foreign()),
        ("sections", has_sections),
    ];
    let kept = tracks.into_iter().filter(|(_, is_there)| *is_there);
    Ok(kept.map(|(name, _)| name).collect())
}
