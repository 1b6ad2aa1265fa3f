//! Frames: from the table of contents in force, from older ones, and what they say of each other.

use mv2::frame::{DocMetadata, Frame, FrameRole, FrameStatus};
use rustc_hash::FxHashSet;

use super::finding::FindingCode;
use super::orphans::{RESCUED_KEY, times};
use super::places::Place;
use super::survey::{Content, Rescued, Survey};
use super::tables::{self, Encoded, Table};
use crate::additions::status;
use crate::committed::decode_frame;
use crate::directory::FrameRecord;
use crate::naming::default_uri;

/// Frames that were looked for in older tables, by what is known of them.
#[derive(Default)]
struct Older {
    /// Found.
    found: Vec<u64>,
    /// Found, with fields that may have changed since.
    unchecked: Vec<u64>,
    /// Found, and nobody says whether they were removed since.
    uncertain: Vec<u64>,
}

/// Gives a frame the state that the directory says. Its bytes, where it then is what was written.
pub(super) fn take_state(frame: &mut Frame, record: &FrameRecord) -> Option<Vec<u8>> {
    frame.status = status(record.flags.status());
    frame.superseded_by = record.superseded_by.map(u64::from);
    let bytes = frame.to_bytes();
    (crc32fast::hash(&bytes) == record.checksum).then_some(bytes)
}

impl Survey {
    pub(super) fn bytes(&self, encoded: &Encoded) -> &[u8] {
        let end = encoded.offset.saturating_add(encoded.length);
        self.map.get(encoded.offset..end).unwrap_or_default()
    }

    /// Takes the frames of the table in force.
    pub(super) fn take_frames(&mut self, table: &Table, place: &Place) {
        let mut unchecked = Vec::new();
        for (id, encoded) in (0..).zip(&table.frames) {
            let frame = encoded.and_then(|encoded| decode_frame(self.bytes(&encoded)).ok());
            if frame.is_some() && encoded.is_some_and(|encoded| !encoded.is_checked) {
                unchecked.push(id);
            }
            self.frames.push(frame.map(|frame| Rescued {
                frame,
                content: Content::Stored,
            }));
        }
        self.times = vec![0; self.frames.len()];
        if let Some((directory, _)) = &table.directory {
            for (id, time) in (0..).zip(&mut self.times) {
                *time = directory.record(id).map_or(0, |record| record.timestamp);
            }
        }
        if !place.is_intact {
            self.findings.add_frames(
                FindingCode::FramesUnchecked,
                "{} frames were found in the damaged table, and nothing tells whether each of their fields is as it was written",
                unchecked,
            );
        }
    }

    /// Whether a frame that is missing was removed, as far as that is known.
    fn was_removed(table: &Table, id: u64) -> bool {
        table.directory.as_ref().is_some_and(|(directory, _)| {
            let record = directory.record(id);
            record.is_some_and(|record| record.flags.status() == FrameStatus::Deleted as u32)
        })
    }

    /// Frames of older tables in place of those that are lost. Their fields seldom change, but for the status, which the
    /// directory knows, or the time index; where neither is left, it is not known whether they were removed.
    pub(super) fn take_older(&mut self, table: &Table, older: &[Place]) {
        let mut missing = self.missing(table);
        let listed: Option<FxHashSet<u64>> =
            times(self, table, older).map(|times| times.into_iter().map(|(_, id)| id).collect());
        let mut taken = Older::default();
        for place in older {
            if missing.is_empty() {
                break;
            }
            let Some(old) = tables::read_older(&self.map, place) else {
                continue;
            };
            let reach = missing.partition_point(|id| *id < old.frames.len() as u64);
            let beyond = missing.split_off(reach);
            missing.retain(|&id| {
                let encoded = (old.frames).get(usize::try_from(id).unwrap_or(usize::MAX));
                let frame = encoded
                    .copied()
                    .flatten()
                    .and_then(|encoded| decode_frame(self.bytes(&encoded)).ok());
                let frame = frame.filter(|frame| frame.id == id);
                !frame.is_some_and(|frame| self.take(frame, table, listed.as_ref(), &mut taken))
            });
            missing.extend(beyond);
        }
        taken.found.sort_unstable();
        taken.unchecked.sort_unstable();
        taken.uncertain.sort_unstable();
        self.findings.add_frames(
            FindingCode::FramesFromOlderTable,
            "{} frames that the newest table of contents lost are in older ones",
            taken.found,
        );
        self.findings.add_frames(
            FindingCode::FramesUnchecked,
            "{} of these changed since, such as by a reembed: their fields are older ones",
            taken.unchecked,
        );
        self.findings.add_frames(
            FindingCode::RemovalsUnknown,
            "{} of these may have been removed or replaced since: neither directory nor time index is left to tell; documents among them have \"memvid.rescued\": \"status\" in their metadata",
            taken.uncertain,
        );
    }

    /// Takes a frame of an older table, unless it is known not to count any more.
    fn take(
        &mut self,
        mut frame: Frame,
        table: &Table,
        listed: Option<&FxHashSet<u64>>,
        taken: &mut Older,
    ) -> bool {
        let id = frame.id;
        let record = table
            .directory
            .as_ref()
            .and_then(|(directory, _)| directory.record(id));
        if let Some(record) = record {
            if take_state(&mut frame, &record).is_none() {
                taken.unchecked.push(id);
            }
        } else if frame.status == FrameStatus::Active {
            // The index has no parts of documents.
            let document = match frame.role {
                FrameRole::Document => id,
                _ => frame.parent_id.unwrap_or(id),
            };
            match listed {
                Some(listed) if !listed.contains(&document) => return false,
                Some(_) => {}
                None => {
                    if frame.role == FrameRole::Document {
                        let mark = (RESCUED_KEY.to_owned(), "\"status\"".to_owned());
                        mv2::search_text::change_fields(&mut frame, |frame| {
                            frame.extra_metadata.extend([mark]);
                        });
                    }
                    taken.uncertain.push(id);
                }
            }
        }
        let slot = usize::try_from(id)
            .ok()
            .and_then(|index| self.frames.get_mut(index));
        let Some(slot) = slot else { return false };
        *slot = Some(Rescued {
            frame,
            content: Content::Stored,
        });
        taken.found.push(id);
        true
    }

    /// Frames that are not there and were not removed.
    pub(super) fn missing(&self, table: &Table) -> Vec<u64> {
        (0..)
            .zip(&self.frames)
            .filter(|(id, frame)| frame.is_none() && !Self::was_removed(table, *id))
            .map(|(id, _)| id)
            .collect()
    }

    /// Brings links into order, and lists what is lost.
    pub(super) fn settle(&mut self, table: &Table) {
        self.mark_lost_chunks();
        self.lost = self.missing(table);
        // A frame that another one replaced is superseded, whatever its table said.
        let links: Vec<(u64, u64)> = self
            .frames
            .iter()
            .flatten()
            .filter(|rescued| rescued.frame.status != FrameStatus::Deleted)
            .filter_map(|rescued| Some((rescued.frame.supersedes?, rescued.frame.id)))
            .collect();
        for (old, new) in links {
            let slot = usize::try_from(old)
                .ok()
                .and_then(|old| self.frames.get_mut(old));
            if let Some(Some(rescued)) = slot
                && rescued.frame.status == FrameStatus::Active
                && old < new
            {
                rescued.frame.status = FrameStatus::Superseded;
                rescued.frame.superseded_by = Some(new);
            }
        }
        self.lost_content = self
            .frames
            .iter()
            .flatten()
            .filter(|rescued| rescued.content == Content::Damaged)
            .map(|rescued| rescued.frame.id)
            .collect();
    }

    /// Puts frames without content in place of lost chunks, so that no text is read as if it were whole. Chunks stand right
    /// behind their document.
    fn mark_lost_chunks(&mut self) {
        let mut marks = Vec::new();
        for rescued in self.frames.iter().flatten() {
            let document = &rescued.frame;
            let count = match (&document.chunk_manifest, document.chunk_count) {
                (Some(_), Some(count)) => u64::from(count),
                (Some(manifest), None) => manifest.chunks.len() as u64,
                (None, _) => continue,
            };
            let Some(first) = document.id.checked_add(1) else {
                continue;
            };
            for id in first..=document.id.saturating_add(count) {
                let slot = usize::try_from(id)
                    .ok()
                    .and_then(|index| self.frames.get(index));
                match slot {
                    // Whatever a damaged document claims: another one's frames are not its own.
                    Some(Some(other)) if other.frame.parent_id != Some(document.id) => break,
                    Some(Some(_)) => {}
                    Some(None) => marks.push(lost_chunk(id, document)),
                    None => break,
                }
            }
        }
        for frame in marks {
            if let Some(slot) = usize::try_from(frame.id)
                .ok()
                .and_then(|index| self.frames.get_mut(index))
            {
                *slot = Some(Rescued {
                    frame,
                    content: Content::Damaged,
                });
            }
        }
    }
}

/// A frame in place of a lost part of a document.
fn lost_chunk(id: u64, document: &Frame) -> Frame {
    Frame {
        id,
        timestamp: document.timestamp,
        anchor_ts: document.anchor_ts,
        anchor_source: document.anchor_source,
        uri: Some(default_uri(id)),
        metadata: Some(DocMetadata {
            mime: Some("text/plain".to_owned()),
            ..DocMetadata::default()
        }),
        role: FrameRole::DocumentChunk,
        parent_id: Some(document.id),
        chunk_index: u32::try_from(id.saturating_sub(document.id + 1)).ok(),
        chunk_count: document.chunk_count,
        status: document.status,
        superseded_by: document.superseded_by,
        ..Frame::default()
    }
}
