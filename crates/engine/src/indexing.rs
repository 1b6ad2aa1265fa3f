//! From frames to full-text segments.

use mv2::frame::{FrameRole, FrameStatus};
use mv2::view::FrameView;

use crate::committed::Committed;
use crate::document::BOOST_KEY;
use crate::error::{Error, Result};
use crate::text;

/// Memory of one full-text segment while it is built, in bytes. A larger batch becomes several segments.
pub const SEGMENT_MEMORY: usize = 192 << 20;

/// A full-text segment that is not in the file yet.
pub struct Built {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// First frame it covers.
    pub from: u64,
    /// Frame behind the last one it covers.
    pub to: u64,
    /// Frames among them whose text cannot be read.
    pub damaged: u64,
}

/// Indexes committed frames anew, in as many segments as the memory budget asks for.
pub fn index_range(committed: &Committed, from: u64, to: u64) -> Result<Vec<Built>> {
    let mut built = Vec::new();
    let mut start = from;
    while start < to {
        let mut builder = lex::SegmentBuilder::new(SEGMENT_MEMORY)?;
        let mut id = start;
        let mut damaged = 0;
        while id < to && !builder.is_full() {
            damaged += u64::from(!index_frame(&mut builder, committed, id)?);
            id += 1;
        }
        built.push(Built {
            bytes: builder.finish()?,
            from: start,
            to: id,
            damaged,
        });
        start = id;
    }
    Ok(built)
}

/// Adds a committed frame to an index being built; removed frames and frames without text are left out. Gives whether the
/// text could be read.
fn index_frame(builder: &mut lex::SegmentBuilder, committed: &Committed, id: u64) -> Result<bool> {
    let Some(record) = committed.directory.record(id) else {
        return Ok(true);
    };
    if record.flags.status() == FrameStatus::Deleted as u32 || record.flags.has_chunks() {
        return Ok(true);
    }
    let view = committed.frame(id)?;
    // A damaged payload must not make the other frames unfindable; `verify({ deep: true })` names it.
    let body = text::search_body(&view, &|offset, length| committed.payload(offset, length));
    let Ok(body) = body else { return Ok(false) };
    let Some(body) = body else { return Ok(true) };
    let parent = record
        .parent
        .and_then(|parent| committed.frame(u64::from(parent)).ok());
    add_to_index(builder, id, &view, parent.as_ref(), &body)?;
    Ok(true)
}

/// Adds one frame with its text. A chunk is found under its document's title.
fn add_to_index(
    builder: &mut lex::SegmentBuilder,
    id: u64,
    view: &FrameView<'_>,
    parent: Option<&FrameView<'_>>,
    body: &str,
) -> Result<()> {
    with_lex_document(id, view, parent, body, |document| {
        builder.add(document).map_err(Error::from)
    })
}

/// Calls `use_document` with the form of a frame that the full-text index takes. Conditions are about documents: a chunk
/// is found under what its document is filed under, but for its uri, which only it has.
pub fn with_lex_document<T>(
    id: u64,
    view: &FrameView<'_>,
    parent: Option<&FrameView<'_>>,
    body: &str,
    use_document: impl FnOnce(&lex::Document<'_>) -> T,
) -> T {
    let owner = parent.unwrap_or(view);
    let tags = owner.tags.to_strings();
    let labels = owner.labels.to_strings();
    let title = parent
        .and_then(|parent| parent.title)
        .or(view.title)
        .unwrap_or_default();
    let boost = view
        .extra_metadata
        .get(BOOST_KEY)
        .and_then(|value| value.parse::<f32>().ok())
        .filter(|boost| boost.is_finite() && *boost > 0.0)
        .unwrap_or(1.0);
    use_document(&lex::Document {
        frame_id: id,
        title,
        body,
        uri: match view.role {
            FrameRole::DocumentChunk => view.uri,
            _ => owner.uri,
        }
        .unwrap_or_default(),
        kind: owner.kind,
        track: owner.track,
        tags: &tags,
        labels: &labels,
        timestamp: view.timestamp,
        boost,
    })
}
