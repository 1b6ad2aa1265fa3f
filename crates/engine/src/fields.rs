//! A frame's fields as JSON values: for filters and for answers.

use mv2::view::FrameView;
use serde_json::{Map, Value};

use crate::calendar::iso8601;
use crate::document::{RESERVED_KEYS, metadata_value};

/// The caller's metadata of a frame.
#[must_use]
pub fn metadata(view: &FrameView<'_>) -> Map<String, Value> {
    view.extra_metadata
        .iter()
        .filter(|(key, _)| !RESERVED_KEYS.contains(key))
        .map(|(key, value)| (key.to_owned(), metadata_value(value)))
        .collect()
}

/// The value of a filter field: a built-in one, else metadata. See [`crate::filter`] for the names.
#[must_use]
pub fn lookup(view: &FrameView<'_>, field: &str) -> Option<Value> {
    let text = |text: Option<&str>| text.map(|text| Value::String(text.to_owned()));
    let list = |texts: mv2::view::TextList<'_>| {
        Some(Value::Array(
            texts
                .iter()
                .map(|text| Value::String(text.to_owned()))
                .collect(),
        ))
    };
    match field {
        "frame_id" => Some(Value::from(view.id)),
        "uri" => text(view.uri),
        "title" => text(view.title),
        "kind" => text(view.kind),
        "track" => text(view.track),
        "tags" | "tag" => list(view.tags),
        "labels" | "label" => list(view.labels),
        "timestamp" => Some(Value::from(view.timestamp)),
        "created_at" => Some(Value::String(iso8601(view.timestamp))),
        "dates" | "content_dates" => list(view.content_dates),
        _ => metadata_field(view, field.strip_prefix("metadata.").unwrap_or(field)),
    }
}

/// A metadata value: the key as written, else a path of keys with dots between them.
fn metadata_field(view: &FrameView<'_>, field: &str) -> Option<Value> {
    if RESERVED_KEYS.contains(&field) {
        return None;
    }
    if let Some(stored) = view.extra_metadata.get(field) {
        return Some(metadata_value(stored));
    }
    let (first, rest) = field.split_once('.')?;
    let mut value = metadata_value(view.extra_metadata.get(first)?);
    for key in rest.split('.') {
        value = match value {
            Value::Object(mut map) => map.remove(key)?,
            Value::Array(mut items) => {
                let index: usize = key.parse().ok()?;
                if index >= items.len() {
                    return None;
                }
                items.swap_remove(index)
            }
            _ => return None,
        };
    }
    Some(value)
}
