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
use rustc_hash::{FxHashMap, FxHashSet};

use super::finding::FindingCode;
use super::places::Place;
use super::survey::{Content, Rescued, Survey};
use super::tables::Table;
use crate::additions::status;
use crate::chunk::TARGET_CHARACTERS;
use crate::naming::default_uri;

/// In the metadata of documents of which only the text was rescued.
pub const RESCUED_KEY: &str = "memvid.rescued";

/// No compressed part of a text is longer, bytes.
const LONGEST_PART: u64 = 16 << 10;

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
    let track = sketches(survey, table).unwrap_or_default();
    let (track, _) = track.as_chunks::<ENTRY_SIZE>();
    let known = Known::of(survey, table, older, &missing, track);
    let taken = taken(survey, table, newest, older, header);
    let found = by_sketch(survey, &known, track, taken);
    let split = split_documents(survey, &known);
    let mut rescued = found.rescued;
    rescued.retain(|id| !split.strange.contains(id));
    rescued.extend(split.made);
    rescued.sort_unstable();
    survey.findings.add_frames(
        FindingCode::TextRescued,
        "of {} documents and parts of documents only the text was rescued, recognised by a fingerprint of its words; their titles, uris, tags and metadata are lost",
        rescued,
    );
    survey.findings.add_frames(
        FindingCode::TextAmbiguous,
        "for {} frames there are several texts with the same words, and nothing tells which is whose: none was taken",
        found.ambiguous,
    );
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
    /// How many parts its text is in, as far as that is known.
    chunks: Option<u64>,
    has_chunks: bool,
    /// Parts are only told by standing behind it.
    is_guessed: bool,
}

struct Known(FxHashMap<u64, LostFrame>);

impl Known {
    fn of(
        survey: &Survey,
        table: &Table,
        older: &[Place],
        missing: &[u64],
        track: &[[u8; ENTRY_SIZE]],
    ) -> Self {
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
                chunks: directory.map(|directory| directory.chunks_of(id).count() as u64),
                has_chunks: record.flags.has_chunks(),
                is_guessed: false,
            };
            known.insert(id, lost);
        }
        if !unknown.is_empty() {
            let times = times(survey, table, older).unwrap_or_default();
            by_times(survey, &times, &unknown, track, &mut known);
        }
        Self(known)
    }
}

/// What the time index, which lists active documents, and the sketch track tell of frames that no directory describes. The
/// sketch of a document in parts is that of its first part, which stands right behind it.
fn by_times(
    survey: &Survey,
    times: &[(i64, u64)],
    unknown: &[u64],
    track: &[[u8; ENTRY_SIZE]],
    known: &mut FxHashMap<u64, LostFrame>,
) {
    let listed: FxHashSet<u64> = times.iter().map(|(_, id)| *id).collect();
    let is_lost = |id: u64| unknown.binary_search(&id).is_ok();
    let entry = |id: u64| {
        let entry = usize::try_from(id).ok().and_then(|id| track.get(id));
        entry.filter(|entry| **entry != [0; ENTRY_SIZE])
    };
    // Parts are not listed; what another document says of itself is no part.
    let is_part = |id: u64, document: u64| {
        !listed.contains(&id)
            && match survey.rescued(id) {
                Some(rescued) => rescued.frame.parent_id == Some(document),
                None => is_lost(id) && entry(id).is_some(),
            }
    };
    for &(timestamp, id) in times {
        if !is_lost(id) {
            continue;
        }
        let lost = LostFrame {
            id,
            timestamp,
            status: FrameStatus::Active,
            superseded_by: None,
            role: FrameRole::Document,
            parent: None,
            chunks: None,
            has_chunks: false,
            is_guessed: true,
        };
        let first = id.saturating_add(1);
        let names_it = |id: u64| {
            let rescued = survey.rescued(id);
            rescued.is_some_and(|rescued| rescued.frame.parent_id == Some(lost.id))
        };
        let is_split = is_part(first, id)
            && (names_it(first) || entry(id).is_some() && entry(id) == entry(first));
        let end = if is_split {
            (first..).find(|part| !is_part(*part, id)).unwrap_or(first)
        } else {
            first
        };
        for part in (first..end).filter(|part| is_lost(*part)) {
            let part = LostFrame {
                id: part,
                role: FrameRole::DocumentChunk,
                parent: Some(id),
                ..lost
            };
            known.insert(part.id, part);
        }
        let lost = LostFrame {
            has_chunks: is_split,
            chunks: is_split.then(|| end - first),
            ..lost
        };
        known.insert(id, lost);
    }
}

/// The entries of the time index of the newest commit, if that is left.
pub(super) fn times(survey: &Survey, table: &Table, older: &[Place]) -> Option<Vec<(i64, u64)>> {
    /// Look-alikes that are looked at.
    const MOST: usize = 64;
    let read = |bytes: &[u8], checksum: Option<[u8; 32]>| {
        let is_it = checksum.is_none_or(|checksum| *blake3::hash(bytes).as_bytes() == checksum);
        let index = TimeIndex::parse(bytes).ok().filter(|_| is_it)?;
        index.check_sort_order().ok()?;
        Some(index.iter().collect::<Vec<_>>())
    };
    if let Some(tail) = &table.tail {
        let manifest = tail.time_index.as_ref()?;
        let bytes = survey
            .map
            .section(manifest.bytes_offset, manifest.bytes_length)?;
        return read(&bytes, Some(manifest.checksum));
    }
    // Nobody says where it is: the last one that is whole, unless that is of a commit before.
    let from = older.iter().map(|place| place.end).max().unwrap_or(0);
    let from = usize::try_from(from).ok()?;
    let rest = survey.map.get(from..)?;
    memchr::memmem::rfind_iter(rest, &TIME_INDEX_MAGIC)
        .take(MOST)
        .find_map(|at| {
            let count = u64::from_le_bytes(*rest.get(at + 4..)?.first_chunk()?);
            let length = count.checked_mul(16)?.checked_add(12)?;
            read(&survey.map.section((from + at) as u64, length)?, None)
        })
}

/// The entries of the sketch track.
fn sketches(survey: &Survey, table: &Table) -> Option<Vec<u8>> {
    /// Look-alikes that are looked at.
    const MOST: usize = 64;
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
    memchr::memmem::rfind_iter(&survey.map, &SKETCH_MAGIC)
        .take(MOST)
        .find_map(|start| {
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

/// What a search by fingerprints gave.
#[derive(Default)]
struct BySketch {
    rescued: Vec<u64>,
    /// Frames for which several texts were found.
    ambiguous: Vec<u64>,
}

/// A text that no known frame claims.
struct Unclaimed {
    offset: u64,
    length: u64,
    checksum: [u8; 32],
    text_length: u64,
    text_hash: [u8; 32],
}

/// Lost frames with one fingerprint, and the texts that have it, too.
#[derive(Default)]
struct Wanted {
    ids: Vec<u64>,
    payloads: Vec<Unclaimed>,
    /// The texts are not all the same.
    has_others: bool,
}

impl Wanted {
    fn add(&mut self, payload: Unclaimed) {
        let first = self.payloads.first();
        self.has_others |= first.is_some_and(|first| first.text_hash != payload.text_hash);
        // More than one each nobody needs.
        if self.payloads.len() < self.ids.len() {
            self.payloads.push(payload);
        }
    }
}

fn by_sketch(
    survey: &mut Survey,
    known: &Known,
    track: &[[u8; ENTRY_SIZE]],
    taken: Vec<(u64, u64)>,
) -> BySketch {
    let mut wanted: FxHashMap<[u8; ENTRY_SIZE], Wanted> = FxHashMap::default();
    let mut ids: Vec<u64> = known
        .0
        .values()
        .filter(|lost| !lost.has_chunks && lost.status != FrameStatus::Deleted)
        .map(|lost| lost.id)
        .collect();
    ids.sort_unstable();
    for id in ids {
        let entry = usize::try_from(id).ok().and_then(|id| track.get(id));
        if let Some(entry) = entry.filter(|entry| **entry != [0; ENTRY_SIZE]) {
            wanted.entry(*entry).or_default().ids.push(id);
        }
    }
    let mut found = BySketch::default();
    if wanted.is_empty() {
        return found;
    }
    let mut hasher = SketchHasher::new();
    // Bytes that were made up may look like payloads everywhere, and hold a thousand times as much: together no more than
    // one of the longest, and what texts hold.
    let budget = MAX_PAYLOAD + 16 * survey.map.len() as u64;
    let Ok(mut finder) = PayloadFinder::new(budget) else {
        return found;
    };
    let map = survey.map.clone();
    let mut start = 0;
    for (from, to) in taken.into_iter().chain([(map.len() as u64, u64::MAX)]) {
        let free = map.section(start, from.saturating_sub(start));
        let free = free.as_deref().unwrap_or_default();
        let mut position = 0;
        while let Some(payload) = finder.next(free, position) {
            position = payload.stored.end;
            let stored = free.get(payload.stored.clone()).unwrap_or_default();
            let Some((text, entry)) = text_of(payload.content, &mut hasher) else {
                continue;
            };
            if let Some(wanted) = wanted.get_mut(&entry) {
                wanted.add(payload_of(
                    &text,
                    start + payload.stored.start as u64,
                    stored,
                ));
            }
        }
        start = start.max(to);
        if start >= map.len() as u64 {
            break;
        }
    }
    for wanted in wanted.into_values() {
        // Equal texts have equal sketches, and it does not matter which is whose. Of different ones it does.
        if wanted.has_others {
            found.ambiguous.extend(wanted.ids);
            continue;
        }
        for (id, payload) in wanted.ids.iter().zip(wanted.payloads.iter().cycle()) {
            let slot = usize::try_from(*id)
                .ok()
                .and_then(|id| survey.frames.get_mut(id));
            if let (Some(slot), Some(lost)) = (slot, known.0.get(id)) {
                *slot = Some(Rescued {
                    frame: frame_of(lost, payload),
                    content: Content::Stored,
                });
                found.rescued.push(*id);
            }
        }
    }
    found.ambiguous.sort_unstable();
    found
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

fn payload_of(text: &str, offset: u64, stored: &[u8]) -> Unclaimed {
    Unclaimed {
        offset,
        length: stored.len() as u64,
        checksum: *blake3::hash(stored).as_bytes(),
        text_length: text.len() as u64,
        text_hash: *blake3::hash(text.as_bytes()).as_bytes(),
    }
}

/// A frame in place of a lost one.
fn frame_of(lost: &LostFrame, payload: &Unclaimed) -> Frame {
    Frame {
        payload_offset: payload.offset,
        payload_length: payload.length,
        checksum: payload.checksum,
        canonical_encoding: CanonicalEncoding::Zstd,
        canonical_length: Some(payload.text_length),
        source_sha256: Some(payload.text_hash),
        ..bare(lost)
    }
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

/// Documents that were put together.
struct Split {
    made: Vec<u64>,
    /// What looked like parts of them, and was not.
    strange: Vec<u64>,
}

/// Documents that are lost while their chunks are there, and the numbers of chunks that were rescued.
fn split_documents(survey: &mut Survey, known: &Known) -> Split {
    let mut chunks: FxHashMap<u64, Vec<u64>> = FxHashMap::default();
    for rescued in survey.frames.iter().flatten() {
        if let (FrameRole::DocumentChunk, Some(parent)) =
            (rescued.frame.role, rescued.frame.parent_id)
        {
            chunks.entry(parent).or_default().push(rescued.frame.id);
        }
    }
    let mut made = Vec::new();
    let mut strange: Vec<u64> = Vec::new();
    for (parent, mut chunks) in chunks {
        let mut position = 0;
        let mut missing_behind = 0;
        if known.0.get(&parent).is_some_and(|lost| lost.is_guessed) {
            let strangers = chunks.split_off(following(survey, &chunks));
            missing_behind = u64::from(!strangers.is_empty());
            for id in strangers.iter().filter(|id| known.0.contains_key(id)) {
                let slot = usize::try_from(*id)
                    .ok()
                    .and_then(|id| survey.frames.get_mut(id));
                slot.into_iter().for_each(|slot| *slot = None);
                strange.push(*id);
            }
        }
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
        // Those that are not there get a mark in their place.
        let count = if missing_behind > 0 {
            let last = chunks.last().map_or(0, |last| last.saturating_sub(parent));
            last + missing_behind
        } else {
            lost.chunks.unwrap_or(0).max(ranges.len() as u64)
        };
        frame.chunk_count = u32::try_from(count).ok();
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
    Split { made, strange }
}

/// How many of these parts follow each other in the file, as the parts of one text do that were written together. What
/// stands elsewhere may be another document, and one that was removed.
fn following(survey: &Survey, chunks: &[u64]) -> usize {
    let mut last: Option<(u64, u64)> = None;
    let is_next = |id: &&u64| {
        let Some(rescued) = survey.rescued(**id) else {
            return true;
        };
        let frame = &rescued.frame;
        let end = frame.payload_offset.saturating_add(frame.payload_length);
        let is_next = last.is_none_or(|(before, offset)| {
            // Where parts between them are missing, there is room for those.
            let room = (**id - before - 1).saturating_mul(LONGEST_PART);
            (offset..=offset.saturating_add(room)).contains(&frame.payload_offset)
        });
        last = Some((**id, end));
        is_next
    };
    chunks.iter().take_while(is_next).count()
}
