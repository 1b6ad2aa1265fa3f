//! What one call sees: a commit and the log on top of it. Immutable, so readers need no lock.

use std::sync::Arc;

use mv2::frame::{Frame, FrameStatus};
use mv2::payload::MAX_PAYLOAD;
use mv2::view::FrameView;

use crate::committed::{Committed, decode_frame};
use crate::directory::{Flags, uri_hash};
use crate::embedding::{Embedding, Identity, names_vector};
use crate::error::{Error, Result};
use crate::naming::is_default_uri;
use crate::pending::Pending;
use crate::text;

const ACTIVE: u32 = FrameStatus::Active as u32;

/// A consistent state of the memory.
#[derive(Clone)]
pub struct Snapshot {
    /// What the file's last commit holds.
    pub committed: Arc<Committed>,
    /// What the log adds.
    pub pending: Pending,
}

/// What every frame has, without decoding it.
#[derive(Debug, Clone, Copy)]
pub struct Brief {
    /// Seconds since 1970.
    pub timestamp: i64,
    /// The document it belongs to.
    pub parent: Option<u64>,
    /// The newer version.
    pub superseded_by: Option<u64>,
    /// Status in force, role and marks.
    pub flags: Flags,
}

/// Which frames a call may see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AsOf {
    /// Only frames with an id up to this one, and those that it had not superseded yet.
    pub frame: Option<u64>,
    /// Only frames dated up to this second, and those not superseded by then.
    pub timestamp: Option<i64>,
}

impl Snapshot {
    /// Number of frames, whatever their status.
    #[must_use]
    pub fn frame_count(&self) -> u64 {
        self.committed.frame_count() + self.pending.frames.len() as u64
    }

    /// Number of active frames.
    #[must_use]
    pub fn active_count(&self) -> u64 {
        self.committed
            .directory
            .totals()
            .active
            .saturating_add_signed(self.pending.active_delta)
    }

    /// What is known of a frame without decoding it.
    #[must_use]
    pub fn brief(&self, id: u64) -> Option<Brief> {
        let (status, superseded_by) = self.pending.status_of(&self.committed, id)?;
        let (timestamp, parent, flags) = match self.committed.directory.record(id) {
            Some(record) => (record.timestamp, record.parent.map(u64::from), record.flags),
            None => {
                // Where the directory is damaged, a frame of the commit has no record.
                let pending = id.checked_sub(self.committed.frame_count())?;
                let index = usize::try_from(pending).ok()?;
                let frame = self.pending.frames.get(index)?;
                (frame.timestamp, frame.parent, frame.flags)
            }
        };
        Some(Brief {
            timestamp,
            parent,
            superseded_by,
            flags: flags.with_status(status),
        })
    }

    /// The one visibility rule: every read path asks it.
    #[must_use]
    pub fn is_visible(&self, id: u64, as_of: AsOf) -> bool {
        self.brief(id)
            .is_some_and(|brief| self.brief_is_visible(id, &brief, as_of))
    }

    /// [`Snapshot::is_visible`] for a frame whose [`Brief`] is at hand.
    #[must_use]
    pub fn brief_is_visible(&self, id: u64, brief: &Brief, as_of: AsOf) -> bool {
        let by_age = as_of.frame.is_none_or(|last| id <= last)
            && as_of.timestamp.is_none_or(|last| brief.timestamp <= last);
        if !by_age {
            return false;
        }
        if let Some(parent) = brief.parent {
            // A piece of a document is never seen without it (the reference leaves the chunks of removed documents
            // active). Documents come before their chunks and have no parent themselves: anything else is damage.
            let document = self.brief(parent).filter(|_| parent < id);
            let document = document.map(|document| Brief {
                parent: None,
                ..document
            });
            if !document.is_some_and(|document| self.brief_is_visible(parent, &document, as_of)) {
                return false;
            }
        }
        if brief.flags.is_active() {
            return true;
        }
        // A superseded frame is what the memory held before its successor came. Chunks follow their document.
        let Some(successor) = brief
            .superseded_by
            .filter(|_| brief.flags.status() == FrameStatus::Superseded as u32)
        else {
            return false;
        };
        as_of.frame.is_some_and(|last| successor > last)
            || as_of.timestamp.is_some_and(|last| {
                self.brief(successor)
                    .is_some_and(|next| next.timestamp > last)
            })
    }

    /// Numbers of a vector; `None` while no frame has one.
    pub fn vector_dimension(&self) -> Result<Option<usize>> {
        let pending = self.pending.vectors.front();
        let pending = pending.map(|(_, vector)| vector.len());
        Ok(pending.or(self.committed.vectors()?.dimension()))
    }

    /// The size that new vectors must have, for one that has `size` or is not known yet. Where no active frame has a vector
    /// any more, those of earlier versions bind nobody.
    pub fn binding_dimension(&self, size: Option<usize>) -> Result<Option<usize>> {
        let stored = self.vector_dimension()?;
        // Counting takes time, and mostly there is nothing to decide. What is damaged cannot be counted.
        let is_damaged = !self.committed.vectors()?.damaged().is_empty();
        if stored.is_none() || stored == size || !self.pending.vectors.is_empty() || is_damaged {
            return Ok(stored);
        }
        Ok(stored.filter(|_| self.vector_count().is_ok_and(|count| count > 0)))
    }

    /// Frames that are active in the commit and, by what the log says, no more.
    pub fn left_active(&self) -> impl Iterator<Item = u64> {
        let changes = self.pending.changes.iter();
        changes
            .filter(|(id, change)| change.status != ACTIVE && self.committed.is_active(**id))
            .map(|(id, _)| *id)
    }

    /// How many active frames have a vector.
    pub fn vector_count(&self) -> Result<u64> {
        let index = self.committed.vectors()?;
        let mut count = index.active(&self.committed);
        for id in self.left_active() {
            count = count.saturating_sub(u64::from(index.contains(id)));
        }
        let is_active = |id: u64| {
            let changed = self.pending.changes.get(&id);
            changed.is_none_or(|change| change.status == ACTIVE)
        };
        let pending = self.pending.vectors.iter();
        Ok(count + pending.filter(|(id, _)| is_active(*id)).count() as u64)
    }

    /// How many active frames had a vector that another program lost.
    pub fn vectors_lost(&self) -> Result<u64> {
        let index = self.committed.vectors()?;
        let mut lost = index.lost(&self.committed);
        if lost == 0 {
            return Ok(0);
        }
        for id in self.left_active() {
            if !index.contains(id) && names_vector(&self.view(id)?) {
                lost = lost.saturating_sub(1);
            }
        }
        Ok(lost)
    }

    /// Whether a frame had a vector that another program lost.
    pub fn has_lost_vector(&self, id: u64) -> Result<bool> {
        Ok(!self.has_vector(id)? && names_vector(&self.view(id)?))
    }

    /// Whether a frame has a vector, whatever its status.
    pub fn has_vector(&self, id: u64) -> Result<bool> {
        if let Some(index) = id.checked_sub(self.committed.frame_count()) {
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            let frame = self.pending.frames.get(index);
            return Ok(frame.is_some_and(|frame| frame.vector.is_some()));
        }
        Ok(self.committed.vectors()?.contains(id))
    }

    /// The vector of a frame, whatever its status.
    pub fn vector(&self, id: u64) -> Result<Option<Arc<[f32]>>> {
        if let Some(index) = id.checked_sub(self.committed.frame_count()) {
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            let frame = self.pending.frames.get(index);
            return Ok(frame.and_then(|frame| frame.vector.clone()));
        }
        let index = self.committed.vectors()?;
        let vector = index.vector(id)?;
        if vector.is_none() {
            // It may be among those that cannot be read.
            index.check_readable()?;
            if !index.unreadable().is_empty() && names_vector(&self.view(id)?) {
                index.check_all()?;
            }
        }
        Ok(vector.map(Arc::from))
    }

    /// The vector of a frame with what made it, whatever its status.
    pub fn embedding(&self, id: u64) -> Result<Option<Embedding>> {
        let Some(vector) = self.vector(id)? else {
            return Ok(None);
        };
        let identity = Identity::of(&self.view(id)?).unwrap_or_default();
        Ok(Some(Embedding {
            vector,
            identity: Arc::new(Identity {
                dimension: None,
                ..identity
            }),
        }))
    }

    /// The fields of a frame, whatever its status.
    pub fn view(&self, id: u64) -> Result<FrameView<'_>> {
        if id < self.committed.frame_count() {
            return self.committed.frame(id);
        }
        let index = usize::try_from(id - self.committed.frame_count()).unwrap_or(usize::MAX);
        self.pending
            .frames
            .get(index)
            .ok_or_else(|| Error::frame_not_found(id))?
            .view()
    }

    /// [`Snapshot::view`] for one of a few frames from anywhere in the file.
    pub fn scattered_view<'a>(&'a self, id: u64, buffer: &'a mut Vec<u8>) -> Result<FrameView<'a>> {
        if id < self.committed.frame_count() {
            return self.committed.scattered_frame(id, buffer);
        }
        self.view(id)
    }

    /// The fields of an active frame; removed and superseded ones are MV010.
    pub fn active_view(&self, id: u64) -> Result<FrameView<'_>> {
        match self.brief(id) {
            Some(brief) if brief.flags.is_active() => self.view(id),
            _ => Err(Error::frame_not_found(id)),
        }
    }

    /// One frame decoded whole.
    pub fn frame(&self, id: u64) -> Result<Frame> {
        decode_frame(self.encoded(id)?)
    }

    /// The encoded form of a frame.
    pub fn encoded(&self, id: u64) -> Result<&[u8]> {
        if id >= self.committed.frame_count() {
            let index = usize::try_from(id - self.committed.frame_count()).unwrap_or(usize::MAX);
            let frame = self
                .pending
                .frames
                .get(index)
                .ok_or_else(|| Error::frame_not_found(id))?;
            return Ok(&frame.encoded);
        }
        self.committed.encoded(id)
    }

    /// Stored payload bytes of a frame.
    pub fn stored_payload(&self, id: u64, view: &FrameView<'_>) -> Result<&[u8]> {
        if let Some(index) = id.checked_sub(self.committed.frame_count())
            && let Some(frame) = usize::try_from(index)
                .ok()
                .and_then(|index| self.pending.frames.get(index))
            && let Some(payload) = &frame.payload
        {
            return Ok(payload);
        }
        self.committed
            .payload(view.payload_offset, view.payload_length)
    }

    /// The decoded payload of one frame, without its chunks.
    pub fn payload(&self, id: u64, view: &FrameView<'_>) -> Result<Vec<u8>> {
        text::payload(view, &|_, _| self.stored_payload(id, view))
    }

    /// What a document holds: its payload, else its chunks joined, else the text kept for searching.
    pub fn content(&self, id: u64, view: &FrameView<'_>) -> Result<Vec<u8>> {
        if view.payload_length > 0 {
            return self.payload(id, view);
        }
        if view.has_chunk_manifest {
            let mut joined = Vec::new();
            for chunk in self.chunks_of(id) {
                let chunk_view = self.view(chunk)?;
                let part = self.own_content(chunk, &chunk_view)?;
                if (joined.len() + part.len()) as u64 > MAX_PAYLOAD {
                    return Err(Error::corrupt(
                        "frame",
                        id,
                        format_args!("its parts have more than {MAX_PAYLOAD} bytes together"),
                    ));
                }
                joined.extend_from_slice(&part);
            }
            return Ok(joined);
        }
        self.own_content(id, view)
    }

    /// The content of a frame without its chunks. A chunk has none: where a file says so, they may go round in a circle.
    fn own_content(&self, id: u64, view: &FrameView<'_>) -> Result<Vec<u8>> {
        if view.payload_length > 0 {
            return self.payload(id, view);
        }
        Ok(text::clean_search_text(view)?
            .unwrap_or_default()
            .into_bytes())
    }

    /// The text of a frame; content that is not UTF-8 gives its search text, else nothing.
    pub fn text(&self, id: u64, view: &FrameView<'_>) -> Result<String> {
        match String::from_utf8(self.content(id, view)?) {
            Ok(text) => Ok(text),
            Err(_) => Ok(text::clean_search_text(view)?.unwrap_or_default()),
        }
    }

    /// The text that search works on: the search text where there is one, else the text.
    pub fn searched_text(&self, id: u64, view: &FrameView<'_>) -> Result<String> {
        let body = text::search_body(view, &|_, _| self.stored_payload(id, view))?;
        body.map_or_else(|| self.text(id, view), Ok)
    }

    /// Chunks of a document that share its status, in reading order.
    #[must_use]
    pub fn chunks_of(&self, id: u64) -> Vec<u64> {
        let removed = |chunk: u64| {
            self.brief(chunk)
                .is_none_or(|brief| brief.flags.status() == FrameStatus::Deleted as u32)
        };
        let mut chunks: Vec<u64> = self.committed.directory.chunks_of(id).collect();
        if let Some(pending) = self.pending.chunks.get(&id) {
            chunks.extend(pending.iter());
        }
        chunks.retain(|&chunk| !removed(chunk));
        // Each frame is read once, not once for every comparison.
        chunks.sort_by_cached_key(|&chunk| {
            let index = self.view(chunk).ok().and_then(|view| view.chunk_index);
            (index, chunk)
        });
        chunks
    }

    /// All chunks of a document, whatever their status.
    #[must_use]
    pub fn all_chunks_of(&self, id: u64) -> Vec<u64> {
        let mut chunks: Vec<u64> = self.committed.directory.chunks_of(id).collect();
        if let Some(pending) = self.pending.chunks.get(&id) {
            chunks.extend(pending.iter());
        }
        chunks
    }

    /// The newest active frame with this uri.
    #[must_use]
    pub fn frame_by_uri(&self, uri: &str) -> Option<u64> {
        let active = |id: u64| self.brief(id).is_some_and(|brief| brief.flags.is_active());
        let named = |id: u64| self.view(id).is_ok_and(|view| view.uri == Some(uri));
        let hash = uri_hash(uri);
        let listed = self
            .pending
            .uris
            .get(&hash)
            .and_then(|ids| {
                ids.iter()
                    .rev()
                    .copied()
                    .find(|&id| active(id) && named(id))
            })
            .or_else(|| {
                self.committed
                    .directory
                    .frames_with_uri_hash(hash)
                    .rev()
                    .find(|&id| active(id) && named(id))
            });
        let by_default = uri
            .strip_prefix("mv2://frames/")
            .and_then(|number| number.parse::<u64>().ok())
            .filter(|&id| is_default_uri(uri, id) && active(id) && named(id));
        listed.max(by_default)
    }
}
