//! Content of frames: what is damaged, and what is whole in another place.

use mv2::bytes::Bytes;
use mv2::frame::{CanonicalEncoding, Frame, FrameStatus};
use mv2::payload::{DEFAULT_LEVEL, compress};
use mv2::view::FrameView;

use super::finding::FindingCode;
use super::survey::{Content, Survey};
use crate::text;

impl Survey {
    /// Finds payloads that are damaged, and takes the content from the search text where that holds all of it.
    pub(super) fn check_payloads(&mut self) {
        let map = self.map.clone();
        let mut copied = Vec::new();
        let mut unchecked = Vec::new();
        for rescued in self.frames.iter_mut().flatten() {
            let frame = &mut rescued.frame;
            if frame.status == FrameStatus::Deleted || frame.payload_length == 0 {
                continue;
            }
            if is_sound(&map, frame) {
                continue;
            }
            rescued.content = Content::Damaged;
            let Some(body) = mv2::search_text::body_of(frame) else {
                continue;
            };
            // Without a hash of the source only the length tells, and that is the same for many a text.
            let (is_it, is_checked) = match frame.source_sha256 {
                Some(hash) => (*blake3::hash(body.as_bytes()).as_bytes() == hash, true),
                None => (frame.canonical_length == Some(body.len() as u64), false),
            };
            if !is_it {
                continue;
            }
            let length = body.len() as u64;
            let Ok(stored) = compress(body.as_bytes(), DEFAULT_LEVEL) else {
                continue;
            };
            frame.canonical_encoding = CanonicalEncoding::Zstd;
            frame.canonical_length = Some(length);
            frame.checksum = *blake3::hash(&stored).as_bytes();
            frame.payload_length = stored.len() as u64;
            rescued.content = Content::Copied(stored);
            let list = if is_checked {
                &mut copied
            } else {
                &mut unchecked
            };
            list.push(frame.id);
        }
        self.findings.add_frames(
            FindingCode::PayloadFromSearchText,
            "the content of {} frames is damaged where it stands, and whole in their search text",
            copied,
        );
        self.findings.add_frames(
            FindingCode::ContentUnchecked,
            "the content of {} frames is damaged; their search text, which is as long, stands in its place, and no checksum vouches for that",
            unchecked,
        );
    }
}

/// Whether the payload of a frame is as it was written.
pub(super) fn is_sound(map: &Bytes, frame: &Frame) -> bool {
    let Some(stored) = map.section(frame.payload_offset, frame.payload_length) else {
        return false;
    };
    let encoded = frame.to_bytes();
    let Ok(view) = FrameView::parse(&encoded) else {
        return false;
    };
    text::check_payload(&view, &stored).is_ok() && text::decoded_payload(&view, &stored).is_ok()
}
