//! A stored document in the form in which it was put: what an update starts from.

use mv2::frame::Frame;

use crate::document::{BOOST_KEY, Content, Document, RESERVED_KEYS};
use crate::error::Result;
use crate::naming::is_default_uri;
use crate::snapshot::Snapshot;

/// The document of frame `id`, with its content.
pub fn document_at(snapshot: &Snapshot, id: u64) -> Result<Document> {
    let view = snapshot.active_view(id)?;
    let content = snapshot.content(id, &view)?;
    let frame = snapshot.frame(id)?;
    let content = match String::from_utf8(content) {
        Ok(text) => Content::Text(text),
        Err(error) => Content::Bytes(error.into_bytes()),
    };
    // A search text that only repeats the content is not one of the caller's.
    let own_search_text =
        crate::text::clean_search_text(&view)?.filter(|searched| match &content {
            Content::Text(text) => {
                frame.payload_length > 0 && searched != text && !frame_is_polluted(&frame, searched)
            }
            Content::Bytes(_) => true,
        });
    Ok(Document {
        content,
        search_text: own_search_text,
        title: frame.title.clone(),
        uri: frame.uri.clone().filter(|uri| !is_default_uri(uri, id)),
        kind: frame.kind.clone(),
        track: frame.track.clone(),
        tags: frame.tags.clone(),
        labels: frame.labels.clone(),
        timestamp: frame.timestamp,
        metadata: metadata_text(&frame),
        mime: frame
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.mime.clone()),
        filename: frame.source_path.clone(),
        content_dates: frame.content_dates.clone(),
        boost: frame
            .extra_metadata
            .get(BOOST_KEY)
            .and_then(|boost| boost.parse().ok()),
        embedding: snapshot.embedding(id)?,
        picture: snapshot.picture(id)?,
    })
}

/// Whether the stored search text is the reference's (the text with lines appended), not one of its own.
fn frame_is_polluted(frame: &Frame, searched: &str) -> bool {
    frame
        .search_text
        .as_deref()
        .is_some_and(|stored| stored != searched)
}

fn metadata_text(frame: &Frame) -> Option<String> {
    let own = frame
        .extra_metadata
        .iter()
        .filter(|(key, _)| !RESERVED_KEYS.contains(&key.as_str()));
    let map: serde_json::Map<String, serde_json::Value> = own
        .map(|(key, value)| (key.clone(), crate::document::metadata_value(value)))
        .collect();
    (!map.is_empty()).then(|| serde_json::Value::Object(map).to_string())
}
