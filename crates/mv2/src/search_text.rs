//! Texts that the reference mixes with lines of its own, and how to get the clean text back.
//!
//! Behind the text of a document that is not chunked, the reference appends one line for each of title, address, track,
//! tags, labels, extra metadata, dates and metadata. All of them stand in the frame, so the lines can be rebuilt and cut off.

use unicode_normalization::UnicodeNormalization;

use crate::frame::{Frame, FrameRole};

/// The lines that the reference appends, joined by newlines; empty when it would append none.
#[must_use]
pub fn suffix(frame: &Frame, with_title: bool) -> String {
    let mut lines = Vec::new();
    let mut line = |key: &str, value: &str| {
        let value = value.trim();
        if !value.is_empty() {
            lines.push(format!("{key}: {value}"));
        }
    };
    if with_title {
        line("title", frame.title.as_deref().unwrap_or_default());
    }
    line("uri", frame.uri.as_deref().unwrap_or_default());
    line("track", frame.track.as_deref().unwrap_or_default());
    line("tags", &frame.tags.join(" "));
    line("labels", &frame.labels.join(" "));
    for (key, value) in &frame.extra_metadata {
        line(key, value);
    }
    line("dates", &frame.content_dates.join(" "));
    if let Some(metadata) = &frame.metadata
        && let Ok(json) = serde_json::to_string(metadata)
    {
        line("metadata", &json);
    }
    lines.join("\n")
}

/// The clean text of a frame: its search text without the lines that the reference appended.
///
/// `None` when the frame has no search text. A search text without such lines comes back as it is, as does that of chunks
/// and of chunked documents, to which nothing is ever appended.
#[must_use]
pub fn body_of(frame: &Frame) -> Option<String> {
    let text = frame.search_text.as_deref()?;
    if frame.role == FrameRole::DocumentChunk || frame.chunk_manifest.is_some() {
        return Some(text.to_owned());
    }
    Some(strip(text, frame).unwrap_or(text).to_owned())
}

/// Like [`body_of`], for a frame that may replace others: an update without new content carries the lines of the replaced
/// frame in front of its own. `frame_by_id` gives the frames of the file.
#[must_use]
pub fn body_through_versions<'a>(
    frame: &'a Frame,
    frame_by_id: impl Fn(u64) -> Option<&'a Frame>,
) -> Option<String> {
    let mut body = body_of(frame)?;
    let mut version = frame;
    // Ids of replaced frames are lower in healthy files; checking it also ends circles in others.
    while let Some(older) = version
        .supersedes
        .filter(|id| *id < version.id)
        .and_then(&frame_by_id)
        .filter(|older| older.id < version.id)
    {
        match strip(&body, older) {
            Some(shorter) => body = shorter.to_owned(),
            None => break,
        }
        version = older;
    }
    Some(body)
}

/// `text` without the lines of `frame`; `None` when it does not end with them.
fn strip<'t>(text: &'t str, frame: &Frame) -> Option<&'t str> {
    // A title that was taken from the address is not among the lines; an address that was made up is not either.
    let mut without_uri = None;
    for (with_title, with_uri) in [(true, true), (false, true), (true, false), (false, false)] {
        let suffix = if with_uri {
            suffix(frame, with_title)
        } else {
            let frame = without_uri.get_or_insert_with(|| Frame {
                uri: None,
                search_text: None,
                ..frame.clone()
            });
            suffix(frame, with_title)
        };
        if let Some(body) = cut(text, &suffix) {
            return Some(body);
        }
    }
    None
}

/// `text` without `suffix` and the newline before it.
fn cut<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    if suffix.is_empty() {
        return None;
    }
    let body = text.strip_suffix(suffix)?;
    if body.is_empty() {
        return Some(body);
    }
    body.strip_suffix('\n')
}

/// A search text as the reference would store it: the text followed by the lines.
#[must_use]
pub fn augment(frame: &Frame, body: &str) -> String {
    let suffix = suffix(frame, true);
    match (body.is_empty(), suffix.is_empty()) {
        (true, _) => suffix,
        (_, true) => body.to_owned(),
        _ => format!("{body}\n{suffix}"),
    }
}

/// Text as the reference stores it: NFKC, CR as LF, no other control characters, single spaces and newlines.
#[must_use]
pub fn normalize(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut space = false;
    let mut newline = false;
    for character in text.nfkc() {
        match character {
            '\n' | '\r' => newline = true,
            '\t' => space = true,
            _ if character.is_control() => {}
            _ if character.is_whitespace() => space = true,
            _ => {
                if !out.is_empty() {
                    // White space around a newline belongs to it.
                    if newline {
                        out.push('\n');
                    } else if space {
                        out.push(' ');
                    }
                }
                (space, newline) = (false, false);
                out.push(character);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_single_and_trimmed() {
        assert_eq!(
            normalize("  a \t b \r\n \n  c\u{7}d \u{a0} e\n"),
            "a b\ncd e"
        );
        assert_eq!(normalize("ﬁne Ⅳ"), "fine IV");
        assert_eq!(normalize(" \n"), "");
    }

    #[test]
    fn appended_lines_are_cut_off_again() {
        let mut frame = Frame {
            title: Some("T".into()),
            uri: Some("mv2://x".into()),
            tags: vec!["a".into(), "b".into()],
            ..Frame::default()
        };
        frame.extra_metadata.insert("k".into(), "v".into());
        let text = augment(&frame, "Some text.\nuri: mine");
        assert_eq!(
            text,
            "Some text.\nuri: mine\ntitle: T\nuri: mv2://x\ntags: a b\nk: v"
        );
        frame.search_text = Some(text);
        assert_eq!(body_of(&frame).as_deref(), Some("Some text.\nuri: mine"));
        frame.title = Some("Inferred".into());
        frame.search_text = Some("text\nuri: mv2://x\ntags: a b\nk: v".into());
        assert_eq!(body_of(&frame).as_deref(), Some("text"));
        frame.search_text = Some("clean".into());
        assert_eq!(body_of(&frame).as_deref(), Some("clean"));
        frame.role = FrameRole::DocumentChunk;
        frame.search_text = Some("x\nuri: mv2://x\ntags: a b\nk: v".into());
        assert_eq!(body_of(&frame), frame.search_text);
        frame.search_text = None;
        assert_eq!(body_of(&frame), None);
    }
}
