//! Texts that the reference mixes with lines of its own, and how to get the clean text back.
//!
//! Behind the text of a document that is not chunked, the reference appends one line for each of title, address, track,
//! tags, labels, extra metadata, dates and metadata. All of them stand in the frame, so the lines can be rebuilt and cut off.

use unicode_normalization::UnicodeNormalization;

use crate::frame::{Frame, FrameRole};

/// The lines that the reference appends, joined by newlines; empty when it would append none.
#[must_use]
pub fn suffix(frame: &Frame, with_title: bool) -> String {
    let with_uri = true;
    Lines {
        with_title,
        with_uri,
    }
    .of(frame)
}

/// Which lines the reference appended. A title that was taken from the address is not among them; an address that was made up is
/// not either.
#[derive(Clone, Copy)]
struct Lines {
    with_title: bool,
    with_uri: bool,
}

impl Lines {
    fn of(self, frame: &Frame) -> String {
        let mut lines = Vec::new();
        let mut line = |key: &str, value: &str| {
            let value = value.trim();
            if !value.is_empty() {
                lines.push(format!("{key}: {value}"));
            }
        };
        if self.with_title {
            line("title", frame.title.as_deref().unwrap_or_default());
        }
        if self.with_uri {
            line("uri", frame.uri.as_deref().unwrap_or_default());
        }
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
}

/// The clean text of a frame: its search text without the lines that the reference appended.
///
/// `None` when the frame has no search text. A search text without such lines comes back as it is, as does that of chunks
/// and of chunked documents, to which nothing is ever appended.
#[must_use]
pub fn body_of(frame: &Frame) -> Option<String> {
    let text = frame.search_text.as_deref()?;
    let body = may_have_lines(frame).then(|| strip(text, frame)).flatten();
    Some(body.unwrap_or(text).to_owned())
}

/// To chunks and to chunked documents nothing is ever appended.
fn may_have_lines(frame: &Frame) -> bool {
    frame.role != FrameRole::DocumentChunk && frame.chunk_manifest.is_none()
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

/// Changes fields of a frame. Where its search text ends with lines that tell them, these are made anew: [`body_of`] would take
/// the old ones for text.
pub fn change_fields(frame: &mut Frame, change: impl FnOnce(&mut Frame)) {
    let text = frame.search_text.take();
    let with_lines = text
        .as_deref()
        .filter(|_| may_have_lines(frame))
        .and_then(|text| strip_lines(text, frame))
        .map(|(body, lines)| (body.to_owned(), lines));
    change(frame);
    frame.search_text = match with_lines {
        Some((body, lines)) => Some(joined(&body, &lines.of(frame))),
        None => text,
    };
}

/// `text` without the lines of `frame`; `None` when it does not end with them.
fn strip<'t>(text: &'t str, frame: &Frame) -> Option<&'t str> {
    strip_lines(text, frame).map(|(body, _)| body)
}

fn strip_lines<'t>(text: &'t str, frame: &Frame) -> Option<(&'t str, Lines)> {
    [(true, true), (false, true), (true, false), (false, false)]
        .map(|(with_title, with_uri)| Lines {
            with_title,
            with_uri,
        })
        .into_iter()
        .find_map(|lines| Some((cut(text, &lines.of(frame))?, lines)))
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
    joined(body, &suffix(frame, true))
}

fn joined(body: &str, lines: &str) -> String {
    match (body.is_empty(), lines.is_empty()) {
        (true, _) => lines.to_owned(),
        (_, true) => body.to_owned(),
        _ => format!("{body}\n{lines}"),
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
    fn lines_follow_the_fields_they_tell() {
        let frame = |with_title, with_uri| {
            let mut frame = Frame {
                title: Some("T".into()),
                uri: Some("mv2://x".into()),
                tags: vec!["a".into()],
                ..Frame::default()
            };
            let lines = Lines {
                with_title,
                with_uri,
            };
            frame.search_text = Some(joined("Text.", &lines.of(&frame)));
            frame
        };
        for (with_title, with_uri) in [(true, true), (false, true), (true, false), (false, false)] {
            let mut frame = frame(with_title, with_uri);
            let before = frame.search_text.clone().unwrap_or_default();
            change_fields(&mut frame, |frame| {
                frame.extra_metadata.insert("k".into(), "v".into());
            });
            assert_eq!(frame.search_text, Some(format!("{before}\nk: v")));
            assert_eq!(body_of(&frame).as_deref(), Some("Text."));
            change_fields(&mut frame, |frame| {
                frame.extra_metadata.clear();
            });
            assert_eq!(frame.search_text, Some(before));
        }
        // Text that has none stays as it is, and none is put to it.
        for text in [None, Some(String::new()), Some("Text.".to_owned())] {
            let mut frame = Frame {
                search_text: text.clone(),
                ..frame(true, true)
            };
            change_fields(&mut frame, |frame| {
                frame.extra_metadata.insert("k".into(), "v".into());
            });
            assert_eq!(frame.search_text, text);
        }
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
