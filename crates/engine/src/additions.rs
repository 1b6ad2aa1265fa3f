//! Frames on their way into a commit: the log's and new documents', with ids and links.

use std::sync::Arc;

use imbl::HashMap;
use mv2::frame::{Frame, FrameStatus};
use mv2::sketch::SketchHasher;
use mv2::toc::MAX_FRAMES;

use crate::committed::decode_frame;
use crate::document::PreparedDocument;
use crate::error::{Error, Result};
use crate::naming::identify;
use crate::pending::StatusChange;
use crate::snapshot::Snapshot;
use crate::text;

/// Search texts are repeated inside the table of contents, where the reference's `view` shows them, until they sum up
/// to this many bytes: larger files keep the text in the payload only, where the reference looks then, because the table is
/// rewritten at every commit.
pub const SEARCH_TEXT_BUDGET: u64 = 256 << 10;

/// A frame to be appended.
pub struct Addition {
    /// The frame; `payload_offset` is set when the payload has its place.
    pub frame: Frame,
    /// Stored payload bytes; `None` when they already have a place.
    pub payload: Option<Vec<u8>>,
    /// Text for the lexical index.
    pub body: Option<String>,
    /// Entry of the sketch track.
    pub sketch: [u8; 32],
    /// Its vector.
    pub vector: Option<Arc<[f32]>>,
}

/// Frames of the log, decoded, with their status in force.
pub fn pending_additions(snapshot: &Snapshot) -> Result<Vec<Addition>> {
    let first = snapshot.committed.frame_count();
    let mut sketches = SketchHasher::new();
    let mut additions = Vec::with_capacity(snapshot.pending.frames.len());
    for (index, pending) in snapshot.pending.frames.iter().enumerate() {
        let id = first + index as u64;
        let mut frame = decode_frame(&pending.encoded)?;
        if let Some(change) = snapshot.pending.changes.get(&id) {
            frame.status = status(change.status);
            frame.superseded_by = change.superseded_by;
        }
        let view = pending.view()?;
        let body = text::search_body(&view, &|_, _| snapshot.stored_payload(id, &view))?;
        let sketch = body.as_deref().map_or([0; 32], |body| sketches.entry(body));
        let body = body.filter(|_| frame.chunk_manifest.is_none());
        additions.push(Addition {
            frame,
            payload: pending.payload.clone(),
            body,
            sketch,
            vector: pending.vector.clone(),
        });
    }
    Ok(additions)
}

/// Gives new documents their ids and links.
pub fn append_documents(
    snapshot: &Snapshot,
    documents: Vec<PreparedDocument>,
    additions: &mut Vec<Addition>,
    changed: &mut HashMap<u64, StatusChange>,
) -> Result<()> {
    let first = snapshot.committed.frame_count();
    let mut sketches = SketchHasher::new();
    for document in documents {
        let parent = first + additions.len() as u64;
        if let Some(old) = document.supersedes {
            let mut replaced = vec![old];
            replaced.extend(snapshot.all_chunks_of(old));
            let here = additions.iter().map(|addition| &addition.frame);
            replaced.extend(
                here.filter(|frame| frame.parent_id == Some(old))
                    .map(|frame| frame.id),
            );
            replaced.sort_unstable();
            replaced.dedup();
            for id in replaced {
                let in_log = snapshot.pending.status_of(&snapshot.committed, id);
                if in_log.is_some_and(|(status, _)| status != FrameStatus::Active as u32) {
                    continue;
                }
                let change = StatusChange {
                    status: FrameStatus::Superseded as u32,
                    superseded_by: Some(parent),
                };
                if let Some(addition) = id
                    .checked_sub(first)
                    .and_then(|index| additions.get_mut(index as usize))
                {
                    addition.frame.status = FrameStatus::Superseded;
                    addition.frame.superseded_by = Some(parent);
                }
                changed.insert(id, change);
            }
        }
        for (number, prepared) in document.frames.into_iter().enumerate() {
            let id = first + additions.len() as u64;
            if id >= MAX_FRAMES {
                return Err(too_many_frames(id));
            }
            let mut frame = prepared.frame;
            identify(&mut frame, id, (number > 0).then_some(parent));
            frame.supersedes = document.supersedes.filter(|_| number == 0);
            let sketch = match (prepared.sketch, &prepared.body) {
                (Some(sketch), _) => sketch,
                (None, Some(body)) => sketches.entry(body),
                (None, None) => [0; 32],
            };
            additions.push(Addition {
                frame,
                payload: Some(prepared.payload),
                body: prepared.body,
                sketch,
                vector: prepared.vector,
            });
        }
    }
    Ok(())
}

/// Repeats texts in the table of contents as far as the budget goes; `used` is what it holds already.
pub fn fill_search_texts(mut used: u64, additions: &mut [Addition]) {
    for addition in additions {
        let present = addition
            .frame
            .search_text
            .as_ref()
            .map(|text| text.len() as u64);
        match (present, &addition.body) {
            (Some(length), _) => used += length,
            (None, Some(body)) if used + body.len() as u64 <= SEARCH_TEXT_BUDGET => {
                used += body.len() as u64;
                addition.frame.search_text = Some(body.clone());
            }
            _ => {}
        }
    }
}

/// The status with this code; unknown codes count as deleted.
#[must_use]
pub fn status(code: u32) -> FrameStatus {
    match code {
        0 => FrameStatus::Active,
        1 => FrameStatus::Superseded,
        _ => FrameStatus::Deleted,
    }
}

/// MV019: more frames than a reader of the format accepts.
#[must_use]
pub fn too_many_frames(id: u64) -> Error {
    Error::invalid("documents", id, "at most 10000000 frames in one file")
}
