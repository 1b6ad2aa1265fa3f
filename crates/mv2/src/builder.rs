//! Complete small files in memory: for tests, and the shape of an empty memory.

use crate::footer::Footer;
use crate::frame::{AnchorSource, CanonicalEncoding, DocMetadata, Frame, FrameRole, FrameStatus};
use crate::header::Header;
use crate::sketch::{self, SketchHasher};
use crate::time_index;
use crate::toc::{self, SketchTrackManifest, TimeIndexManifest, TocHead, TocTail};

/// A frame to be built, with the bytes of its payload as they are to be stored.
///
/// Offset, length, checksum and id of the frame are filled in.
#[derive(Debug, Clone, Default)]
pub struct FrameSource {
    /// Everything else about the frame.
    pub frame: Frame,
    /// Stored bytes.
    pub payload: Vec<u8>,
}

impl FrameSource {
    /// A plain text document, found by the reference too.
    #[must_use]
    pub fn text(uri: &str, title: &str, text: &str, timestamp: i64) -> Self {
        Self {
            frame: Frame {
                timestamp,
                anchor_ts: Some(timestamp),
                anchor_source: Some(AnchorSource::FrameTimestamp),
                uri: Some(uri.to_owned()),
                title: Some(title.to_owned()),
                canonical_encoding: CanonicalEncoding::Plain,
                canonical_length: Some(text.len() as u64),
                metadata: Some(DocMetadata {
                    mime: Some("text/plain".to_owned()),
                    bytes: Some(text.len() as u64),
                    ..DocMetadata::default()
                }),
                search_text: Some(text.to_owned()),
                ..Frame::default()
            },
            payload: text.as_bytes().to_vec(),
        }
    }
}

/// A complete file: header, a log of zeros, payloads, time index, a dense sketch track, table of contents, footer.
#[must_use]
pub fn minimal_file(sources: &[FrameSource]) -> Vec<u8> {
    file_with(sources, &Header::default(), 1)
}

/// Like [`minimal_file`]; log size and sequences come from `header`, `generation` goes into the footer.
#[must_use]
pub fn file_with(sources: &[FrameSource], header: &Header, generation: u64) -> Vec<u8> {
    let mut file = vec![0; usize::try_from(header.wal_end()).unwrap_or(0)];
    let mut frames = Vec::with_capacity(sources.len());
    for (id, source) in sources.iter().enumerate() {
        let mut frame = source.frame.clone();
        frame.id = id as u64;
        frame.payload_offset = file.len() as u64;
        frame.payload_length = source.payload.len() as u64;
        frame.checksum = crate::hash(&source.payload);
        file.extend_from_slice(&source.payload);
        frames.push(frame);
    }
    let tail = TocTail {
        time_index: Some(append_time_index(&mut file, &frames)),
        sketch_track: Some(append_sketch_track(&mut file, &frames)),
        ..TocTail::default()
    };
    let encoded: Vec<_> = frames.iter().map(Frame::to_bytes).collect();
    let pieces: Vec<_> = encoded.iter().map(Vec::as_slice).collect();
    let toc = toc::encode(&TocHead::default(), frames.len() as u64, &pieces, &tail);
    let header = Header {
        footer_offset: file.len() as u64,
        toc_checksum: toc::stored_checksum(&toc).unwrap_or_default(),
        ..header.clone()
    };
    file.extend_from_slice(&toc);
    file.extend_from_slice(&Footer::for_toc(&toc, generation).encode());
    if let Some(page) = file.get_mut(..crate::header::HEADER_SIZE) {
        page.copy_from_slice(&header.encode());
    }
    file
}

/// The time index entries of frames: active documents, sorted.
#[must_use]
pub fn time_entries(frames: &[Frame]) -> Vec<(i64, u64)> {
    let mut entries: Vec<_> = frames
        .iter()
        .filter(|frame| frame.status == FrameStatus::Active && frame.role == FrameRole::Document)
        .map(|frame| (frame.timestamp, frame.id))
        .collect();
    entries.sort_unstable();
    entries
}

fn append_time_index(file: &mut Vec<u8>, frames: &[Frame]) -> TimeIndexManifest {
    let entries = time_entries(frames);
    let section = time_index::encode(&entries);
    let manifest = TimeIndexManifest {
        bytes_offset: file.len() as u64,
        bytes_length: section.len() as u64,
        entry_count: entries.len() as u64,
        checksum: crate::hash(&section),
    };
    file.extend_from_slice(&section);
    manifest
}

fn append_sketch_track(file: &mut Vec<u8>, frames: &[Frame]) -> SketchTrackManifest {
    let mut section = sketch::encode_header(frames.len() as u64).to_vec();
    let mut hasher = SketchHasher::new();
    for frame in frames {
        section.extend_from_slice(&hasher.entry(frame.search_text.as_deref().unwrap_or_default()));
    }
    let manifest = SketchTrackManifest {
        bytes_offset: file.len() as u64,
        bytes_length: section.len() as u64,
        entry_count: frames.len() as u64,
        entry_size: u16::try_from(sketch::ENTRY_SIZE).unwrap_or(0),
        flags: 0,
        checksum: crate::hash(&section),
    };
    file.extend_from_slice(&section);
    manifest
}
