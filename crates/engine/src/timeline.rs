//! Documents in the order of time.

use mv2::frame::FrameStatus;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::memory::Memory;
use crate::selection::{Selection, SelectionRequest};
use crate::snapshot::Snapshot;

/// The longest preview, in characters.
const PREVIEW_CHARACTERS: usize = 120;

/// Which part of the timeline.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineRequest {
    /// The most entries, at least 1.
    pub limit: usize,
    /// Newest first.
    #[serde(default)]
    pub reverse: bool,
    /// Which frames.
    #[serde(flatten)]
    pub selection: SelectionRequest,
}

/// One document.
#[derive(Debug, Clone, Serialize)]
pub struct TimelineEntry {
    /// The document's frame.
    pub frame_id: u64,
    /// Its uri.
    pub uri: String,
    /// Seconds since 1970.
    pub timestamp: i64,
    /// The start of its text.
    pub preview: String,
    /// Its chunks.
    pub child_frames: Vec<u64>,
    /// Why there is no preview, when the text is damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
}

impl Memory {
    /// Documents by (timestamp, frame id).
    pub fn timeline(&self, request: &TimelineRequest) -> Result<Vec<TimelineEntry>> {
        self.answer("timeline", |snapshot| {
            if request.limit == 0 {
                return Err(Error::invalid("limit", 0, "an integer of at least 1"));
            }
            let selection = Selection::new(&request.selection)?;
            let mut entries = Vec::new();
            for (_, id) in documents(snapshot, &selection, request.reverse) {
                if selection.accepts(snapshot, id) {
                    entries.push(entry(snapshot, id)?);
                    if entries.len() == request.limit {
                        break;
                    }
                }
            }
            Ok(entries)
        })
    }

    /// Active documents that a selection names, in id order.
    pub fn select(&self, request: &SelectionRequest) -> Result<Vec<u64>> {
        self.answer("select", |snapshot| {
            let selection = Selection::new(request)?;
            let is_document = |id: u64| {
                snapshot
                    .brief(id)
                    .is_some_and(|brief| brief.flags.is_document())
            };
            Ok((0..snapshot.frame_count())
                .filter(|&id| is_document(id) && selection.accepts(snapshot, id))
                .collect())
        })
    }
}

/// (timestamp, id) of the documents in the window, in the order asked for. Visibility is up to the caller.
fn documents<'a>(
    snapshot: &'a Snapshot,
    selection: &Selection,
    reverse: bool,
) -> Box<dyn Iterator<Item = (i64, u64)> + 'a> {
    let committed = &snapshot.committed;
    let (since, until) = selection.window();
    let (since, until) = (since.unwrap_or(i64::MIN), until.unwrap_or(i64::MAX));
    if since > until {
        return Box::new(std::iter::empty());
    }
    let pending = snapshot
        .pending
        .times
        .range((since, 0)..=(until, u64::MAX))
        .copied();
    // The stored index lists what was active when it was written: enough for the present. It is ours when the directory
    // is; another program's may disagree with its frames.
    let stored = committed
        .time_index()
        .filter(|_| committed.directory_is_stored && !selection.is_past());
    if let Some(index) = stored {
        let range = index.lower_bound(since)..index.upper_bound(until);
        let stored = range.filter_map(move |position| index.get(position));
        return if reverse {
            Box::new(merge(stored.rev(), pending.rev(), |left, right| {
                left >= right
            }))
        } else {
            Box::new(merge(stored, pending, |left, right| left <= right))
        };
    }
    let deleted = FrameStatus::Deleted as u32;
    let mut all: Vec<(i64, u64)> = (0..committed.frame_count())
        .filter_map(|id| committed.directory.record(id).map(|record| (id, record)))
        .filter(|(_, record)| record.flags.is_document() && record.flags.status() != deleted)
        .filter(|(_, record)| (since..=until).contains(&record.timestamp))
        .map(|(id, record)| (record.timestamp, id))
        .chain(pending)
        .collect();
    all.sort_unstable();
    if reverse {
        Box::new(all.into_iter().rev())
    } else {
        Box::new(all.into_iter())
    }
}

fn merge<T: Copy>(
    left: impl Iterator<Item = T>,
    right: impl Iterator<Item = T>,
    left_first: impl Fn(T, T) -> bool,
) -> impl Iterator<Item = T> {
    let mut left = left.peekable();
    let mut right = right.peekable();
    std::iter::from_fn(
        move || match (left.peek().copied(), right.peek().copied()) {
            (Some(a), Some(b)) => {
                if left_first(a, b) {
                    left.next()
                } else {
                    right.next()
                }
            }
            (Some(_), None) => left.next(),
            _ => right.next(),
        },
    )
}

fn entry(snapshot: &Snapshot, id: u64) -> Result<TimelineEntry> {
    let view = snapshot.view(id)?;
    let chunks = snapshot.chunks_of(id);
    // The start of a split document is the start of its first chunk: the rest need not be read.
    let text = match chunks.first() {
        Some(&first) if view.payload_length == 0 => snapshot
            .view(first)
            .and_then(|chunk| snapshot.text(first, &chunk)),
        _ => snapshot.text(id, &view),
    };
    // One damaged payload must not hide the others: its entry has no preview, and says why.
    let (text, damage) = match text {
        Ok(text) => (text, None),
        Err(error) => (String::new(), Some(error.message)),
    };
    Ok(TimelineEntry {
        frame_id: id,
        uri: view.uri.unwrap_or_default().to_owned(),
        timestamp: view.timestamp,
        preview: text.chars().take(PREVIEW_CHARACTERS).collect(),
        child_frames: chunks,
        damage,
    })
}
