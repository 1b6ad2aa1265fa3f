//! A plain file of what a survey found: frames with their payloads, vectors, what belongs to other programs. It has no
//! directory and no full-text index; the engine reads it like the file of another program, and finds what it needs itself.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use mv2::frame::{CanonicalEncoding, Frame, FrameRole, FrameStatus};
use mv2::header::{HEADER_SIZE, Header};
use mv2::storage::FileStorage;
use mv2::toc::{self, SegmentMeta, TocTail, VecIndexManifest, VectorCompression};
use mv2::wal::{EntryOperation, FrameEntry};
use rustc_hash::{FxHashMap, FxHashSet};

use super::log::Logged;
use super::survey::{Content, Rescued, Survey};
use crate::commit::{clear_reference_lex, directory_head, write_root, write_time_index};
use crate::committed::Committed;
use crate::compact::each_track;
use crate::describe::Care;
use crate::error::{Error, Result};
use crate::lex_sections::declares_lex;
use crate::output::Output;
use crate::pending::Pending;
use crate::pictures::write_all;
use crate::quantised;
use crate::snapshot::Snapshot;
use crate::vectors::uniform;

/// In the place of content that is lost.
pub const LOST_TEXT: &str = "\u{FFFD}";
/// In the metadata of frames whose content is lost.
const LOST_KEY: &str = "memvid.lost";
/// Bytes of the log, which stays empty.
const LOG: u64 = 4096;

/// What an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Content that is damaged stays damaged: to read it is MV012.
    Reading,
    /// Content that is damaged gives way to [`LOST_TEXT`], so that the file is whole.
    Repair,
}

/// An image, and the state of the memory in it.
pub struct Image {
    /// Frames of the file, and the records of the log on top of them.
    pub snapshot: Snapshot,
    /// Frames that stand for documents whose log records are lost.
    pub lost_in_log: Vec<u64>,
    /// Records that could not be applied.
    pub unapplied: u64,
}

/// Writes an image into `file`, which has no name; errors and later looks name `path`.
pub fn image(
    survey: &Survey,
    purpose: Purpose,
    file: File,
    path: &Path,
    with_lex: bool,
) -> Result<Image> {
    let storage = Arc::new(FileStorage::from_file(file, path, true)?);
    let mut out = Output::new(Arc::clone(&storage), HEADER_SIZE as u64);
    out.write(&[0; LOG as usize])?;
    let mut tail = survey.tail.clone();
    let lex_enabled = declares_lex(&tail);
    clear_reference_lex(&mut tail, lex_enabled);
    tail.sketch_track = None;
    tail.segment_catalog.time_segments.clear();
    tail.segment_catalog.index_segments.clear();
    let mut head = directory_head();
    head.segments
        .extend(write_vectors(survey, &mut tail, &mut out)?);
    for segment in &survey.foreign {
        let bytes = section(survey, segment.bytes_offset, segment.bytes_length)?;
        head.segments.push(SegmentMeta {
            bytes_offset: out.write(&bytes)?,
            ..segment.clone()
        });
    }
    if survey.pictures.is_some() {
        tail.indexes.clip = None;
    }
    copy_tracks(survey, &mut tail, &mut out)?;
    if let Some(pictures) = &survey.pictures {
        tail.indexes.clip = write_all(pictures, &mut out)?;
    }
    tail.time_index = Some(write_time_index(&survey.documents(), &mut out)?);
    let mut places = FxHashMap::default();
    let mut encoded = Vec::new();
    for (id, rescued) in (0..).zip(&survey.frames) {
        let time = survey.times.get(id as usize).copied().unwrap_or(0);
        let frame = match rescued {
            Some(rescued) => place_frame(survey, rescued, purpose, &mut places, &mut out)?,
            None => removed(id, time),
        };
        encoded.extend_from_slice(&frame.to_bytes());
    }
    let toc_offset = out.position();
    let count = survey.frames.len() as u64;
    let written = toc::write(
        &head,
        count,
        |sink| sink(&encoded),
        &tail,
        |bytes| out.write(bytes).map(drop),
    )?;
    out.flush()?;
    let header = Header {
        footer_offset: toc_offset,
        wal_offset: HEADER_SIZE as u64,
        wal_size: LOG,
        wal_checkpoint_pos: 0,
        wal_sequence: survey.applied_sequence,
        toc_checksum: [0; 32],
    };
    write_root(&storage, header, &written, survey.generation)?;
    drop(encoded);
    let committed = Arc::new(Committed::load(storage, Care::Quick)?);
    let (pending, lost_in_log, unapplied) = replay(survey, &committed, with_lex);
    Ok(Image {
        snapshot: Snapshot { committed, pending },
        lost_in_log,
        unapplied,
    })
}

fn section(survey: &Survey, offset: u64, length: u64) -> Result<mv2::bytes::Bytes> {
    survey
        .map
        .section(offset, length)
        .ok_or_else(|| Error::corrupt("section", offset, "it lies outside the file"))
}

/// What stands in the place of a frame that is removed or lost.
fn removed(id: u64, timestamp: i64) -> Frame {
    Frame {
        id,
        timestamp,
        checksum: *blake3::hash(b"").as_bytes(),
        status: FrameStatus::Deleted,
        ..Frame::default()
    }
}

fn place_frame(
    survey: &Survey,
    rescued: &Rescued,
    purpose: Purpose,
    places: &mut FxHashMap<(u64, u64), u64>,
    out: &mut Output,
) -> Result<Frame> {
    let mut frame = rescued.frame.clone();
    if frame.status == FrameStatus::Deleted {
        frame.payload_length = 0;
    }
    if frame.payload_length == 0 && rescued.content != Content::Damaged {
        frame.payload_offset = out.position();
        return Ok(frame);
    }
    let old = (frame.payload_offset, frame.payload_length);
    match (&rescued.content, purpose) {
        (Content::Copied(stored), _) => frame.payload_offset = out.write(stored)?,
        (Content::Stored, _) => {
            frame.payload_offset = match places.get(&old) {
                Some(place) => *place,
                None => out.write(&section(survey, old.0, old.1)?)?,
            };
            places.insert(old, frame.payload_offset);
        }
        (Content::Damaged, Purpose::Reading) => {
            // Whatever stands there does not have the checksum that the frame names.
            let stored = survey.map.section(old.0, old.1.max(1));
            let stored = stored.as_deref().unwrap_or(LOST_TEXT.as_bytes());
            frame.payload_offset = out.write(stored)?;
            frame.payload_length = stored.len() as u64;
        }
        (Content::Damaged, Purpose::Repair) => {
            let mime = frame
                .metadata
                .as_ref()
                .and_then(|metadata| metadata.mime.as_deref());
            let is_text = mime.is_none_or(crate::text::is_text_mime);
            let content = if is_text { LOST_TEXT } else { "" };
            frame.payload_offset = out.write(content.as_bytes())?;
            frame.payload_length = content.len() as u64;
            frame.canonical_encoding = CanonicalEncoding::Plain;
            frame.canonical_length = Some(content.len() as u64);
            frame.checksum = *blake3::hash(content.as_bytes()).as_bytes();
            frame.source_sha256 = None;
            frame
                .extra_metadata
                .insert(LOST_KEY.to_owned(), "\"content\"".to_owned());
        }
    }
    Ok(frame)
}

/// Writes the vectors, and names the first of our sections where the reference looks.
fn write_vectors(
    survey: &Survey,
    tail: &mut TocTail,
    out: &mut Output,
) -> Result<Vec<SegmentMeta>> {
    if survey.vectors.keeps_foreign {
        if let Some(manifest) = &mut tail.indexes.vec {
            let bytes = section(survey, manifest.bytes_offset, manifest.bytes_length)?;
            manifest.bytes_offset = out.write(&bytes)?;
        }
    } else {
        tail.indexes.vec = None;
    }
    tail.segment_catalog.vec_segments.retain(|segment| {
        let entry = &segment.entry;
        let bytes = survey.map.section(entry.bytes_offset, entry.bytes_length);
        bytes.is_some_and(|bytes| *blake3::hash(&bytes).as_bytes() == entry.checksum)
    });
    for segment in &mut tail.segment_catalog.vec_segments {
        let entry = &mut segment.entry;
        let bytes = section(survey, entry.bytes_offset, entry.bytes_length)?;
        entry.bytes_offset = out.write(&bytes)?;
    }
    let mut segments = Vec::new();
    for blob in &survey.vectors.blobs {
        let stored;
        let bytes: &[u8] = match &blob.rescued {
            Some(bytes) => bytes,
            None => {
                stored = section(survey, blob.entry.bytes_offset, blob.entry.bytes_length)?;
                &stored
            }
        };
        let entry = SegmentMeta {
            primary_checksum: *blake3::hash(bytes).as_bytes(),
            bytes_offset: out.write(bytes)?,
            bytes_length: bytes.len() as u64,
            ..blob.entry.clone()
        };
        if segments.is_empty() && !survey.vectors.keeps_foreign {
            let (count, dimension) = if blob.is_quantised() {
                let length = bytes.len().saturating_sub(quantised::HEAD);
                (length / quantised::STRIDE, quantised::DIMENSION)
            } else {
                uniform(bytes).unwrap_or_default()
            };
            tail.indexes.vec = Some(VecIndexManifest {
                vector_count: count as u64,
                dimension: dimension as u32,
                bytes_offset: entry.bytes_offset,
                bytes_length: entry.bytes_length,
                checksum: entry.primary_checksum,
                compression_mode: if blob.is_quantised() {
                    VectorCompression::Pq96
                } else {
                    VectorCompression::None
                },
                model: survey
                    .tail
                    .indexes
                    .vec
                    .as_ref()
                    .and_then(|named| named.model.clone()),
            });
        }
        segments.push(entry);
        if let Some(codes) = &blob.codes {
            let bytes = section(survey, codes.bytes_offset, codes.bytes_length)?;
            segments.push(SegmentMeta {
                bytes_offset: out.write(&bytes)?,
                ..codes.clone()
            });
        }
    }
    Ok(segments)
}

fn copy_tracks(survey: &Survey, tail: &mut TocTail, out: &mut Output) -> Result<()> {
    each_track(tail, &mut |offset, length| {
        if length > 0 {
            *offset = out.write(&section(survey, *offset, length)?)?;
        }
        Ok(())
    })
}

/// Applies the records of the log. Those that are lost get a frame, so that the ids of all others stay what they were.
fn replay(survey: &Survey, committed: &Committed, with_lex: bool) -> (Pending, Vec<u64>, u64) {
    let mut pending = Pending::new(survey.applied_sequence);
    let mut lost = Vec::new();
    let mut unapplied = 0;
    // Documents that lost their own record, and have chunks.
    let parents: FxHashSet<u64> = survey
        .log
        .iter()
        .filter_map(|logged| match logged {
            Logged::Entry(_, entry) => entry.parent_sequence,
            Logged::LostInsert(_) => None,
        })
        .collect();
    // The last split document: its sequence, and how many chunks follow it.
    let mut split: Option<(u64, u64)> = None;
    for logged in &survey.log {
        match logged {
            Logged::Entry(sequence, entry) => {
                if let (Some(_), Some(count)) = (&entry.chunk_manifest, entry.chunk_count) {
                    split = Some((*sequence, u64::from(count)));
                }
                let applied =
                    pending.apply(committed, *sequence, (**entry).clone(), None, with_lex);
                unapplied += u64::from(applied.is_err());
            }
            Logged::LostInsert(sequence) => {
                let parent =
                    split.filter(|(parent, count)| sequence.saturating_sub(*parent) <= *count);
                let entry = lost_entry(*sequence, parent, parents.contains(sequence));
                let stays = parent.is_some() || entry.chunk_manifest.is_some();
                if let Ok(id) = pending.apply(committed, *sequence, entry, None, with_lex) {
                    lost.push(id);
                    if !stays {
                        let removal = crate::writer::tombstone(id);
                        let _ = pending.apply(committed, *sequence, removal, None, with_lex);
                    }
                }
            }
        }
    }
    (pending, lost, unapplied)
}

/// Says of a record that its content is lost.
pub fn lose_content(entry: &mut FrameEntry) {
    entry.reuse_payload_from = None;
    entry.payload = LOST_TEXT.as_bytes().to_vec();
    entry.canonical_encoding = CanonicalEncoding::Plain;
    entry.canonical_length = Some(LOST_TEXT.len() as u64);
    entry
        .extra_metadata
        .insert(LOST_KEY.to_owned(), "\"content\"".to_owned());
}

/// A record in place of one that is lost: a chunk of `parent`, a document with chunks, or nothing at all.
fn lost_entry(sequence: u64, parent: Option<(u64, u64)>, has_chunks: bool) -> FrameEntry {
    let mut entry = FrameEntry {
        op: EntryOperation::Insert,
        search_text: Some(String::new()),
        ..FrameEntry::default()
    };
    if let Some((parent, _)) = parent {
        entry.role = FrameRole::DocumentChunk;
        entry.parent_sequence = Some(parent);
        entry.chunk_index = u32::try_from(sequence - parent - 1).ok();
        lose_content(&mut entry);
    } else if has_chunks {
        entry.chunk_manifest = Some(mv2::frame::TextChunkManifest::default());
        entry
            .extra_metadata
            .insert(LOST_KEY.to_owned(), "\"metadata\"".to_owned());
    }
    entry
}
