//! What a frame says: its text for readers and its text for the index.

use mv2::frame::CanonicalEncoding;
use mv2::view::FrameView;

use crate::committed::decode_frame;
use crate::error::{Error, Result};

/// Gives stored payload bytes at (offset, length).
pub type PayloadSource<'s, 'a> = dyn Fn(u64, u64) -> Result<&'a [u8]> + 's;

/// Types whose payload is text (indexes.md §1.4); everything else is kept as bytes.
#[must_use]
pub fn is_text_mime(mime: &str) -> bool {
    let mime = mime
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    mime.starts_with("text/")
        || mime.ends_with("+xml")
        || mime.ends_with("+json")
        || matches!(
            mime.as_str(),
            "application/json"
                | "application/xml"
                | "application/xhtml+xml"
                | "application/javascript"
                | "application/typescript"
                | "application/x-javascript"
                | "application/ecmascript"
                | "application/x-yaml"
                | "application/yaml"
                | "application/toml"
                | "application/x-sh"
                | "application/x-python"
                | "application/sql"
                | "application/graphql"
                | "application/x-ndjson"
        )
}

/// The decoded payload of a frame, checked against its hash; empty when it has none.
pub fn payload<'a>(view: &FrameView<'_>, source: &PayloadSource<'_, 'a>) -> Result<Vec<u8>> {
    if view.payload_length == 0 {
        return Ok(Vec::new());
    }
    let stored = source(view.payload_offset, view.payload_length)?;
    check_payload(view, stored)?;
    decoded_payload(view, stored)
}

/// MV012 when the stored bytes of a payload do not have the hash that the frame names.
pub fn check_payload(view: &FrameView<'_>, stored: &[u8]) -> Result<()> {
    if *blake3::hash(stored).as_bytes() == view.checksum {
        return Ok(());
    }
    Err(Error::corrupt(
        "payload",
        view.payload_offset,
        format_args!("the bytes of frame {} do not match their checksum", view.id),
    ))
}

/// Decodes the stored bytes of a payload.
pub fn decoded_payload(view: &FrameView<'_>, stored: &[u8]) -> Result<Vec<u8>> {
    mv2::payload::decompress(stored, view.canonical_encoding, view.canonical_length).map_err(
        |error| {
            Error::corrupt(
                "payload",
                view.payload_offset,
                format_args!("frame {}: {error}", view.id),
            )
        },
    )
}

/// The search text of a frame without what the reference appends to it; `None` when it is blank.
pub fn clean_search_text(view: &FrameView<'_>) -> Result<Option<String>> {
    if view.search_text.is_none_or(|text| text.trim().is_empty()) {
        return Ok(None);
    }
    Ok(mv2::search_text::body_of(&decode_frame(view.encoded)?))
}

/// The text to index for a frame, or `None` when it has none: its search text where there is one, else a payload
/// that is text.
pub fn search_body<'a>(
    view: &FrameView<'_>,
    source: &PayloadSource<'_, 'a>,
) -> Result<Option<String>> {
    if let Some(body) = clean_search_text(view)? {
        return Ok(Some(body));
    }
    if view.payload_length == 0 {
        return Ok(None);
    }
    let declared =
        view.mime.is_some_and(is_text_mime) || view.canonical_encoding == CanonicalEncoding::Zstd;
    if !declared && view.mime.is_some() {
        return Ok(None);
    }
    // Without a type the bytes decide: text of other writers often has none.
    let text = String::from_utf8(payload(view, source)?).ok();
    Ok(text.filter(|text| declared || !text.contains('\0')))
}
