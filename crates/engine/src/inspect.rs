//! Reading single frames: fields, text and stored bytes.

use mv2::frame::{FrameRole, FrameStatus};
use mv2::view::FrameView;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::fields;
use crate::memory::Memory;
use crate::snapshot::Snapshot;

/// The fields of one frame.
#[derive(Debug, Clone, Serialize)]
pub struct FrameInfo {
    /// Frame id.
    pub id: u64,
    /// Its uri.
    pub uri: String,
    /// Its title.
    pub title: String,
    /// Seconds since 1970.
    pub timestamp: i64,
    /// Caller's category.
    pub kind: Option<String>,
    /// Caller's stream.
    pub track: Option<String>,
    /// Keywords.
    pub tags: Vec<String>,
    /// Keywords of the second list.
    pub labels: Vec<String>,
    /// The caller's metadata.
    pub metadata: Map<String, Value>,
    /// Dates found in the text.
    pub content_dates: Vec<String>,
    /// The document of a chunk.
    pub parent_id: Option<u64>,
    /// Position of a chunk in its document.
    pub chunk_index: Option<u32>,
    /// Chunks of the document.
    pub chunk_count: Option<u32>,
    /// `Document`, `DocumentChunk` or `ExtractedImage`.
    pub role: &'static str,
    /// `active` or `superseded`.
    pub status: &'static str,
    /// The earlier version.
    pub supersedes: Option<u64>,
    /// The newer version.
    pub superseded_by: Option<u64>,
    /// Type of the content.
    pub mime: Option<String>,
    /// Decoded size of the content, in bytes.
    pub bytes: u64,
}

/// Stored bytes of a document.
#[derive(Debug, Clone)]
pub struct Asset {
    /// The bytes as they were put.
    pub data: Vec<u8>,
    /// Their type.
    pub mime_type: String,
    /// Name of the file they came from, or one made from the uri.
    pub filename: String,
    /// The document's frame.
    pub frame_id: u64,
    /// Pieces the document was split into; 1 when it is whole.
    pub page_count: u32,
}

impl Memory {
    /// The fields of a frame. Superseded versions can be read, removed frames cannot.
    pub fn frame(&self, id: u64) -> Result<FrameInfo> {
        self.answer("getFrameInfo", |snapshot| {
            let view = readable(snapshot, id).map_err(|error| self.lost(id, error))?;
            let brief = snapshot
                .brief(id)
                .ok_or_else(|| Error::frame_not_found(id))?;
            let chunks = snapshot.chunks_of(id);
            let bytes = if view.has_chunk_manifest {
                chunks
                    .iter()
                    .filter_map(|&chunk| snapshot.view(chunk).ok())
                    .filter_map(|view| view.canonical_length)
                    .sum()
            } else {
                view.canonical_length.unwrap_or(0)
            };
            Ok(FrameInfo {
                id,
                uri: view.uri.unwrap_or_default().to_owned(),
                title: view.title.unwrap_or_default().to_owned(),
                timestamp: view.timestamp,
                kind: view.kind.map(str::to_owned),
                track: view.track.map(str::to_owned),
                tags: view.tags.to_strings(),
                labels: view.labels.to_strings(),
                metadata: fields::metadata(&view),
                content_dates: view.content_dates.to_strings(),
                parent_id: view.parent_id,
                chunk_index: view.chunk_index,
                chunk_count: view.chunk_count,
                role: match view.role {
                    FrameRole::Document => "Document",
                    FrameRole::DocumentChunk => "DocumentChunk",
                    FrameRole::ExtractedImage => "ExtractedImage",
                },
                status: if brief.flags.is_active() {
                    "active"
                } else {
                    "superseded"
                },
                supersedes: view.supersedes,
                superseded_by: brief.superseded_by,
                mime: view.mime.map(str::to_owned),
                bytes,
            })
        })
    }

    /// The newest active frame with this uri.
    pub fn frame_by_uri(&self, uri: &str) -> Result<u64> {
        self.answer("viewByUri", |snapshot| {
            snapshot
                .frame_by_uri(uri)
                .ok_or_else(|| Error::uri_not_found(uri))
        })
    }

    /// The whole text of a frame, byte for byte.
    pub fn text(&self, id: u64) -> Result<String> {
        self.answer("view", |snapshot| {
            let view = readable(snapshot, id).map_err(|error| self.lost(id, error))?;
            snapshot.text(id, &view)
        })
    }

    /// The stored bytes of a document; a chunk gives its document's.
    pub fn asset(&self, id: u64) -> Result<Asset> {
        self.answer("extractAsset", |snapshot| {
            let asked = readable(snapshot, id).map_err(|error| self.lost(id, error))?;
            let document = asked.parent_id.unwrap_or(id);
            let view = readable(snapshot, document)?;
            Ok(Asset {
                data: snapshot.content(document, &view)?,
                mime_type: view.mime.unwrap_or("text/plain").to_owned(),
                filename: filename(&view),
                frame_id: document,
                page_count: view.chunk_count.unwrap_or(1),
            })
        })
    }
}

/// A frame that was not removed.
fn readable(snapshot: &Snapshot, id: u64) -> Result<FrameView<'_>> {
    let removed = |id: u64| {
        snapshot
            .brief(id)
            .is_none_or(|brief| brief.flags.status() == FrameStatus::Deleted as u32)
    };
    if removed(id) {
        return Err(Error::frame_not_found(id));
    }
    let view = snapshot.view(id)?;
    if view.parent_id.is_some_and(removed) {
        return Err(Error::frame_not_found(id));
    }
    Ok(view)
}

fn filename(view: &FrameView<'_>) -> String {
    let last = |text: &str| {
        text.rsplit(['/', '\\'])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let from_path = view.source_path.map(last).filter(|name| !name.is_empty());
    let from_uri = || view.uri.map(last).filter(|name| name.contains('.'));
    from_path
        .or_else(from_uri)
        .unwrap_or_else(|| format!("frame-{}.txt", view.id))
}
