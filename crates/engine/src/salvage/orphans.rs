//! Texts whose frame is lost: their payloads still stand in the file, and the sketch track tells whose they are.
//!
//! The sketch of a text is derived from its words; the track holds one for each frame. A payload that no known frame claims
//! belongs to the lost frame with the same sketch. Frames that were removed are never brought back: the directory, or the
//! time index, says which those are.

use mv2::frame::{
    AnchorSource, CanonicalEncoding, DocMetadata, Frame, FrameRole, FrameStatus, TextChunkManifest,
    TextChunkRange,
};
use mv2::header::Header;
use mv2::payload::{MAX_PAYLOAD, PayloadFinder};
use mv2::sketch::{self, ENTRY_SIZE, SKETCH_MAGIC, SketchHasher};
use mv2::time_index::{TIME_INDEX_MAGIC, TimeIndex};
use rustc_hash::FxHashMap;

use super::finding::ranges;
use super::survey::{Content, Rescued, Survey};
use super::tables::{Place, Table};
use crate::additions::status;
use crate::chunk::TARGET_CHARACTERS;
use crate::naming::default_uri;

/// In the metadata of documents of which only the text was rescued.
pub const RESCUED_KEY: &str = "memvid.rescued";

/// Fills what is lost with texts that are found.
pub fn rescue(
    survey: &mut Survey,
    table: &Table,
    newest: &Place,
    older: &[Place],
    header: Option<&Header>,
) {
    let missing = survey.missing(table);
    if missing.is_empty() {
        return;
    }
    let known = Known::of(survey, table, &missing);
    let mut rescued = match sketches(survey, table) {
        Some(track) => by_sketch(
            survey,
            &known,
            &track,
            taken(survey, table, newest, older, header),
        ),
        None => Vec::new(),
    };
    rescued.extend(split_documents(survey, &known));
    rescued.sort_unstable();
    if !rescued.is_empty() {
        let message = format!(
            "of {} documents and parts of documents only the text was rescued, recognised by its fingerprint; their titles, uris, tags and metadata are lost",
            rescued.len()
        );
        let detail = Some(format!("frames {}", ranges(rescued)));
        survey.findings.error("text_rescued", message, detail);
    }
}

/// What is known of a frame that is lost.
#[derive(Debug, Clone, Copy)]
struct LostFrame {
    id: u64,
    timestamp: i64,
    status: FrameStatus,
    superseded_by: Option<u64>,
    role: FrameRole,
    parent: Option<u64>,
    has_chunks: bool,
}

struct Known(FxHashMap<u64, LostFrame>);

impl Known {
    fn of(survey: &Survey, table: &Table, missing: &[u64]) -> Self {
        let mut known = FxHashMap::default();
        let directory = table.directory.as_ref().map(|(directory, _)| directory);
        let mut unknown = Vec::new();
        for &id in missing {
            let Some(record) = directory.and_then(|directory| directory.record(id)) else {
                unknown.push(id);
                continue;
            };
            let lost = LostFrame {
                id,
                timestamp: record.timestamp,
                status: status(record.flags.status()),
                superseded_by: record.superseded_by.map(u64::from),
                role: match record.flags.0 >> 2 & 3 {
                    0 => FrameRole::Document,
                    1 => FrameRole::DocumentChunk,
                    _ => FrameRole::ExtractedImage,
                },
                parent: record.parent.map(u64::from),
                has_chunks: record.flags.has_chunks(),
            };
            known.insert(id, lost);
        }
        if unknown.is_empty() {
            return Self(known);
        }
        // Only active documents are in the time index.
        for (timestamp, id) in times(survey, table) {
            if unknown.binary_search(&id).is_ok() {
                let lost = LostFrame {
                    id,
                    timestamp,
                    status: FrameStatus::Active,
                    superseded_by: None,
                    role: FrameRole::Document,
                    parent: None,
                    has_chunks: false,
                };
                known.insert(id, lost);
            }
        }
        Self(known)
    }
}

fn times(survey: &Survey, table: &Table) -> Vec<(i64, u64)> {
    let read = |bytes: &[u8], checksum: Option<[u8; 32]>| {
        let is_it = checksum.is_none_or(|checksum| *blake3::hash(bytes).as_bytes() == checksum);
        let index = TimeIndex::parse(bytes).ok().filter(|_| is_it)?;
        index.check_sort_order().ok()?;
        Some(index.iter().collect::<Vec<_>>())
    };
    if let Some(tail) = &table.tail {
        let named = tail.time_index.as_ref().and_then(|manifest| {
            let bytes = survey
                .map
                .section(manifest.bytes_offset, manifest.bytes_length)?;
            read(&bytes, Some(manifest.checksum))
        });
        return named.unwrap_or_default();
    }
    // Nobody says where it is: the last one that is whole.
    let found = memchr::memmem::rfind_iter(&survey.map, &TIME_INDEX_MAGIC).find_map(|start| {
        let count = u64::from_le_bytes(*survey.map.get(start + 4..)?.first_chunk()?);
        let length = count.checked_mul(16)?.checked_add(12)?;
        read(&survey.map.section(start as u64, length)?, None)
    });
    found.unwrap_or_default()
}

/// The entries of the sketch track.
fn sketches(survey: &Survey, table: &Table) -> Option<Vec<u8>> {
    let entries = |bytes: &[u8]| {
        let track = sketch::parse(bytes).ok()?;
        (track.entry_size == ENTRY_SIZE).then(|| track.entries.to_vec())
    };
    if let Some(tail) = &table.tail {
        let manifest = tail.sketch_track.as_ref()?;
        return entries(
            &survey
                .map
                .section(manifest.bytes_offset, manifest.bytes_length)?,
        );
    }
    memchr::memmem::rfind_iter(&survey.map, &SKETCH_MAGIC).find_map(|start| {
        let count = u64::from_le_bytes(*survey.map.get(start + 8..)?.first_chunk()?);
        let length = count
            .checked_mul(ENTRY_SIZE as u64)?
            .checked_add(sketch::HEADER_SIZE as u64)?;
        entries(&survey.map.section(start as u64, length)?)
    })
}

/// Ranges of the file that are claimed, ascending.
fn taken(
    survey: &Survey,
    table: &Table,
    newest: &Place,
    older: &[Place],
    header: Option<&Header>,
) -> Vec<(u64, u64)> {
    let mut taken = vec![(0, header.map_or(4096, Header::wal_end))];
    for place in older.iter().chain([newest]) {
        taken.push((place.start, place.end));
    }
    for rescued in survey.frames.iter().flatten() {
        let frame = &rescued.frame;
        if frame.payload_length > 0 {
            taken.push((
                frame.payload_offset,
                frame.payload_offset.saturating_add(frame.payload_length),
            ));
        }
    }
    for segment in table.head.iter().flat_map(|head| &head.segments) {
        taken.push((
            segment.bytes_offset,
            segment.bytes_offset.saturating_add(segment.bytes_length),
        ));
    }
    taken.sort_unstable();
    taken
}

fn by_sketch(survey: &mut Survey, known: &Known, track: &[u8], taken: Vec<(u64, u64)>) -> Vec<u64> {
    // Equal texts have equal sketches: they go to their frames in order.
    let mut wanted: FxHashMap<[u8; ENTRY_SIZE], Vec<u64>> = FxHashMap::default();
    let mut ids: Vec<u64> = known
        .0
        .values()
        .filter(|lost| !lost.has_chunks && lost.status != FrameStatus::Deleted)
        .map(|lost| lost.id)
        .collect();
    ids.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
    let (entries, _) = track.as_chunks::<ENTRY_SIZE>();
    for id in ids {
        let entry = usize::try_from(id).ok().and_then(|id| entries.get(id));
        if let Some(entry) = entry.filter(|entry| **entry != [0; ENTRY_SIZE]) {
            wanted.entry(*entry).or_default().push(id);
        }
    }
    let mut rescued = Vec::new();
    let mut hasher = SketchHasher::new();
    // Bytes that were made up may look like payloads everywhere, and hold a thousand times as much: together no more than
    // one of the longest, and what texts hold.
    let budget = MAX_PAYLOAD + 16 * survey.map.len() as u64;
    let Ok(mut finder) = PayloadFinder::new(budget) else {
        return rescued;
    };
    let map = survey.map.clone();
    let mut left: usize = wanted.values().map(Vec::len).sum();
    let mut start = 0;
    for (from, to) in taken.into_iter().chain([(map.len() as u64, u64::MAX)]) {
        let free = map.section(start, from.saturating_sub(start));
        let free = free.as_deref().unwrap_or_default();
        let mut position = 0;
        while let Some(found) = finder.next(free, position) {
            position = found.stored.end;
            let stored = free.get(found.stored.clone()).unwrap_or_default();
            let Some((text, entry)) = text_of(found.content, &mut hasher) else {
                continue;
            };
            let Some(id) = wanted.get_mut(&entry).and_then(Vec::pop) else {
                continue;
            };
            let Some(lost) = known.0.get(&id) else {
                continue;
            };
            let frame = frame_of(lost, &text, start + found.stored.start as u64, stored);
            if let Some(slot) = usize::try_from(id)
                .ok()
                .and_then(|id| survey.frames.get_mut(id))
            {
                *slot = Some(Rescued {
                    frame,
                    content: Content::Stored,
                });
                rescued.push(id);
            }
            left -= 1;
        }
        start = start.max(to);
        if left == 0 || start >= map.len() as u64 {
            break;
        }
    }
    rescued
}

fn text_of(content: Vec<u8>, hasher: &mut SketchHasher) -> Option<(String, [u8; ENTRY_SIZE])> {
    let text = String::from_utf8(content).ok()?;
    // A fingerprint knows words and nothing of what is between them. What no text has is damage.
    let is_odd = |character: char| character.is_control() && !character.is_whitespace();
    if text.contains(is_odd) {
        return None;
    }
    let entry = hasher.entry(&text);
    Some((text, entry))
}

/// A frame in place of a lost one.
fn frame_of(lost: &LostFrame, text: &str, offset: u64, stored: &[u8]) -> Frame {
    let mut frame = bare(lost);
    frame.payload_offset = offset;
    frame.payload_length = stored.len() as u64;
    frame.checksum = *blake3::hash(stored).as_bytes();
    frame.canonical_encoding = CanonicalEncoding::Zstd;
    frame.canonical_length = Some(text.len() as u64);
    frame.source_sha256 = Some(*blake3::hash(text.as_bytes()).as_bytes());
    frame
}

fn bare(lost: &LostFrame) -> Frame {
    Frame {
        id: lost.id,
        timestamp: lost.timestamp,
        anchor_ts: Some(lost.timestamp),
        anchor_source: Some(AnchorSource::FrameTimestamp),
        checksum: *blake3::hash(b"").as_bytes(),
        uri: Some(default_uri(lost.id)),
        metadata: Some(DocMetadata {
            mime: Some("text/plain".to_owned()),
            ..DocMetadata::default()
        }),
        extra_metadata: [(RESCUED_KEY.to_owned(), "\"text\"".to_owned())].into(),
        role: lost.role,
        parent_id: lost.parent,
        status: lost.status,
        superseded_by: lost.superseded_by,
        ..Frame::default()
    }
}

/// Documents that are lost while their chunks are there, and the numbers of chunks that were rescued.
fn split_documents(survey: &mut Survey, known: &Known) -> Vec<u64> {
    let mut chunks: FxHashMap<u64, Vec<u64>> = FxHashMap::default();
    for rescued in survey.frames.iter().flatten() {
        if let (FrameRole::DocumentChunk, Some(parent)) =
            (rescued.frame.role, rescued.frame.parent_id)
        {
            chunks.entry(parent).or_default().push(rescued.frame.id);
        }
    }
    let mut made = Vec::new();
    for (parent, chunks) in chunks {
        let mut position = 0;
        let mut ranges = Vec::with_capacity(chunks.len());
        let is_renumbered =
            known.0.contains_key(&parent) || chunks.iter().any(|id| known.0.contains_key(id));
        if !is_renumbered {
            continue;
        }
        for (number, id) in (0..).zip(&chunks) {
            let Some(rescued) = usize::try_from(*id)
                .ok()
                .and_then(|id| survey.frames.get_mut(id)?.as_mut())
            else {
                continue;
            };
            if rescued.frame.chunk_index.is_none() {
                // Chunks are stored in their order, right behind their document.
                rescued.frame.chunk_index = u32::try_from(id.saturating_sub(parent + 1))
                    .ok()
                    .or(Some(number));
            }
            let length = rescued.frame.canonical_length.unwrap_or(0);
            ranges.push(TextChunkRange {
                start: position,
                end: position + length,
            });
            position += length;
        }
        let Some(lost) = known.0.get(&parent).filter(|lost| lost.has_chunks) else {
            continue;
        };
        let mut frame = bare(lost);
        frame.chunk_count = u32::try_from(ranges.len()).ok();
        frame.chunk_manifest = Some(TextChunkManifest {
            chunk_chars: TARGET_CHARACTERS as u64,
            chunks: ranges,
        });
        if let Some(slot) = usize::try_from(parent)
            .ok()
            .and_then(|id| survey.frames.get_mut(id))
        {
            *slot = Some(Rescued {
                frame,
                content: Content::Stored,
            });
            made.push(parent);
        }
    }
    made
}
