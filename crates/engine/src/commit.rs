//! One commit: everything new goes behind the current footer, then the header points at it.
//!
//! Order of writes (see docs/format.md): payloads but one, full-text sections, time index, sketch track, directory, the
//! last payload, table of contents — sync — footer, header — sync — log emptied. Nothing that the previous table of
//! contents refers to is overwritten, so readers in other processes go on undisturbed and a crash leaves the last
//! commit. The last payload stands behind the private sections because a commit of the reference that only deletes
//! starts writing behind the last payload byte.

use std::sync::Arc;

use mv2::footer::Footer;
use mv2::frame::{Frame, FrameRole, FrameStatus};
use mv2::header::Header;
use mv2::sketch::{self, SketchHasher};
use mv2::toc::{
    self, SegmentCompression, SegmentMeta, SketchTrackManifest, TimeIndexManifest, TocHead,
};

use crate::committed::{self, Committed, SEGMENT_MEMORY, decode_frame};
use crate::directory::{Directory, FrameRecord, Parts};
use crate::document::PreparedDocument;
use crate::error::{Error, Result};
use crate::merge;
use crate::naming::{default_uri, is_default_uri, title_from_uri};
use crate::output::{self, Output};
use crate::snapshot::Snapshot;
use crate::text;

/// Search texts are repeated inside the table of contents, where the reference's `view` shows them, until they sum up
/// to this many bytes: larger files keep the text in the payload only, because the table is rewritten at every commit.
const SEARCH_TEXT_BUDGET: u64 = 1 << 20;
/// Bytes of one entry of `toc.segments`.
const SEGMENT_META: u64 = 76;
/// From this many new documents on, the full-text segment is built on two threads.
const PARALLEL_FROM: usize = 2000;

/// What a commit does besides moving the log into the file.
pub struct CommitOptions {
    /// Whether the file keeps a full-text index.
    pub lex_enabled: bool,
    /// Whether this handle maintains it; when not, what it writes is indexed by the next handle that does.
    pub index: bool,
    /// The largest file the caller allows, in bytes.
    pub capacity: Option<u64>,
}

/// A frame to be appended.
struct Addition {
    frame: Frame,
    payload: Option<Vec<u8>>,
    body: Option<String>,
    sketch: [u8; 32],
}

/// Writes the log of `snapshot` and `documents` as one commit. The caller holds the writer lock and made sure that
/// `snapshot` is the current state of the file.
pub fn commit(
    snapshot: &Snapshot,
    documents: Vec<PreparedDocument>,
    options: &CommitOptions,
) -> Result<Committed> {
    let base = &snapshot.committed;
    let mut additions = pending_additions(snapshot)?;
    let mut changed = snapshot.pending.changes.clone();
    append_documents(snapshot, documents, &mut additions, &mut changed)?;
    fill_search_texts(base.directory.totals().search_text_bytes, &mut additions);
    check_capacity(base, &additions, options)?;

    let mut out = Output::new(Arc::clone(&base.storage), base.end);
    let last_payload = additions
        .iter()
        .rposition(|addition| addition.payload.as_ref().is_some_and(|p| !p.is_empty()));
    for (index, addition) in additions.iter_mut().enumerate() {
        if Some(index) == last_payload {
            continue;
        }
        if let Some(payload) = addition
            .payload
            .as_ref()
            .filter(|payload| !payload.is_empty())
        {
            addition.frame.payload_offset = out.write(payload)?;
        } else if addition.payload.is_some() {
            addition.frame.payload_offset = out.position();
        }
    }

    let mut sections = base.lex_sections().into_iter().cloned().collect::<Vec<_>>();
    if options.lex_enabled && options.index {
        write_lex(snapshot, &additions, &mut sections, &mut out)?;
    }
    let mut tail = base.tail.clone();
    let time_entries = time_entries(snapshot, &additions, &changed);
    let encoded = mv2::time_index::encode(&time_entries);
    tail.time_index = Some(TimeIndexManifest {
        bytes_offset: out.write(&encoded)?,
        bytes_length: encoded.len() as u64,
        entry_count: time_entries.len() as u64,
        checksum: *blake3::hash(&encoded).as_bytes(),
    });
    let encoded = sketch_track(base, &additions);
    tail.sketch_track = Some(SketchTrackManifest {
        bytes_offset: out.write(&encoded)?,
        bytes_length: encoded.len() as u64,
        entry_count: base.frame_count() + additions.len() as u64,
        entry_size: 32,
        flags: 0,
        checksum: *blake3::hash(&encoded).as_bytes(),
    });
    tail.indexes.lex = None;
    tail.indexes.lex_segments.clear();
    tail.segment_catalog.lex_segments.clear();
    tail.segment_catalog.tantivy_segments.clear();
    tail.segment_catalog.lex_enabled = options.lex_enabled;
    tail.segment_catalog.version = 1;

    // Sections of others that were registered in the table of contents are carried along; ours are listed anew.
    let ours = |segment: &SegmentMeta| segment.id == 0 || is_lex_section(base, segment);
    let foreign = base
        .head
        .segments
        .iter()
        .filter(|segment| !ours(segment))
        .cloned();
    let mut head = TocHead {
        toc_version: base.head.toc_version,
        segments: vec![empty_directory_entry()],
    };
    head.segments.append(&mut sections);
    head.segments.extend(foreign);
    for (index, segment) in head.segments.iter_mut().enumerate() {
        segment.id = index as u64;
    }

    let mut table = FrameTable::new(
        base,
        &changed,
        24 + SEGMENT_META * head.segments.len() as u64,
    )?;
    let directory_length = table.directory_length(&additions);
    if let Some(addition) = last_payload.and_then(|index| additions.get_mut(index)) {
        addition.frame.payload_offset = out.position() + directory_length;
    }
    for addition in &additions {
        table.push(&addition.frame)?;
    }
    table.parts.generation = base.generation + 1;
    table.parts.applied_sequence = snapshot.pending.last_sequence;
    let encoded = table.finish();
    if encoded.len() as u64 != directory_length {
        return Err(Error::new(
            crate::Code::Internal,
            "the directory has another length than planned",
            serde_json::Value::Null,
        ));
    }
    if let Some(entry) = head.segments.first_mut() {
        entry.bytes_offset = out.write(&encoded)?;
        entry.bytes_length = encoded.len() as u64;
        entry.frame_to = table.count;
        entry.primary_checksum = *blake3::hash(&encoded).as_bytes();
    }
    if let Some(payload) = last_payload
        .and_then(|index| additions.get(index))
        .and_then(|last| last.payload.as_ref())
    {
        out.write(payload)?;
    }
    let slices: Vec<&[u8]> = table
        .slices
        .iter()
        .map(|slice| slice.bytes(base, &table.fresh))
        .collect::<Result<_>>()?;
    let toc_bytes = toc::encode(&head, table.count, &slices, &tail);
    let toc_offset = out.write(&toc_bytes)?;
    out.flush()?;
    finish(base, toc_offset, &toc_bytes, snapshot.pending.last_sequence)
}

/// Makes the written table of contents the one in force, and opens it.
fn finish(
    base: &Committed,
    toc_offset: u64,
    toc_bytes: &[u8],
    applied_sequence: u64,
) -> Result<Committed> {
    let storage = &base.storage;
    output::sync(storage)?;
    let footer = Footer {
        toc_len: toc_bytes.len() as u64,
        toc_hash: *blake3::hash(toc_bytes).as_bytes(),
        generation: base.generation + 1,
    };
    let mut toc_checksum = [0; 32];
    if let Some(last) = toc_bytes.last_chunk::<32>() {
        toc_checksum = *last;
    }
    let header = Header {
        footer_offset: toc_offset,
        wal_sequence: applied_sequence,
        wal_checkpoint_pos: 0,
        toc_checksum,
        ..base.header.clone()
    };
    let footer_offset = toc_offset + footer.toc_len;
    let end = footer_offset + mv2::footer::FOOTER_SIZE as u64;
    output::write_at(storage, footer_offset, &footer.encode())?;
    if output::length(storage)? > end {
        // Left by a commit that a crash cut short; no table of contents refers to it.
        output::set_length(storage, end)?;
    }
    output::write_at(storage, 0, &header.encode())?;
    output::sync(storage)?;
    // An empty log; should this not reach the disk, the header says that its records are applied.
    output::write_at(
        storage,
        header.wal_offset,
        &[0; mv2::wal::RECORD_HEADER_SIZE],
    )?;
    Committed::load(Arc::clone(storage))
}

/// Frames of the log, decoded, with their status in force.
fn pending_additions(snapshot: &Snapshot) -> Result<Vec<Addition>> {
    let first = snapshot.committed.frame_count();
    let mut sketches = SketchHasher::new();
    let mut additions = Vec::with_capacity(snapshot.pending.frames.len());
    for (index, pending) in snapshot.pending.frames.iter().enumerate() {
        let id = first + index as u64;
        let mut frame = decode_frame(&pending.encoded)?;
        if let Some(change) = snapshot.pending.changes.get(&id) {
            frame.status = status(change.status);
            frame.superseded_by = change.superseded_by;
        }
        let view = pending.view()?;
        let body = text::search_body(&view, &|_, _| snapshot.stored_payload(id, &view))?;
        let sketch = body.as_deref().map_or([0; 32], |body| sketches.entry(body));
        let body = body.filter(|_| frame.chunk_manifest.is_none());
        additions.push(Addition {
            frame,
            payload: pending.payload.clone(),
            body,
            sketch,
        });
    }
    Ok(additions)
}

/// Gives new documents their ids and links.
fn append_documents(
    snapshot: &Snapshot,
    documents: Vec<PreparedDocument>,
    additions: &mut Vec<Addition>,
    changed: &mut imbl::HashMap<u64, crate::pending::StatusChange>,
) -> Result<()> {
    let first = snapshot.committed.frame_count();
    for document in documents {
        let parent = first + additions.len() as u64;
        if let Some(old) = document.supersedes {
            for id in std::iter::once(old).chain(snapshot.all_chunks_of(old)) {
                let change = crate::pending::StatusChange {
                    status: FrameStatus::Superseded as u32,
                    superseded_by: Some(parent),
                };
                if let Some(addition) = id
                    .checked_sub(first)
                    .and_then(|index| additions.get_mut(index as usize))
                {
                    addition.frame.status = FrameStatus::Superseded;
                    addition.frame.superseded_by = Some(parent);
                }
                changed.insert(id, change);
            }
        }
        for (number, prepared) in document.frames.into_iter().enumerate() {
            let id = first + additions.len() as u64;
            if id >= u64::from(u32::MAX) {
                return Err(Error::invalid(
                    "documents",
                    id,
                    "at most 4294967294 frames in one file",
                ));
            }
            let mut frame = prepared.frame;
            frame.id = id;
            frame.parent_id = (number > 0).then_some(parent);
            frame.supersedes = document.supersedes.filter(|_| number == 0);
            let uri = frame.uri.get_or_insert_with(|| default_uri(id));
            if frame.title.is_none() {
                frame.title = title_from_uri(uri);
            }
            additions.push(Addition {
                frame,
                payload: Some(prepared.payload),
                body: prepared.body,
                sketch: prepared.sketch,
            });
        }
    }
    Ok(())
}

fn fill_search_texts(mut used: u64, additions: &mut [Addition]) {
    for addition in additions {
        let present = addition
            .frame
            .search_text
            .as_ref()
            .map(|text| text.len() as u64);
        match (present, &addition.body) {
            (Some(length), _) => used += length,
            (None, Some(body)) if used + body.len() as u64 <= SEARCH_TEXT_BUDGET => {
                used += body.len() as u64;
                addition.frame.search_text = Some(body.clone());
            }
            _ => {}
        }
    }
}

fn check_capacity(base: &Committed, additions: &[Addition], options: &CommitOptions) -> Result<()> {
    let Some(limit) = options.capacity else {
        return Ok(());
    };
    let payloads: u64 = additions
        .iter()
        .filter_map(|addition| addition.payload.as_ref())
        .map(|p| p.len() as u64)
        .sum();
    crate::writer::check_capacity(limit, base.end + payloads)
}

fn status(code: u32) -> FrameStatus {
    match code {
        0 => FrameStatus::Active,
        1 => FrameStatus::Superseded,
        _ => FrameStatus::Deleted,
    }
}

fn empty_directory_entry() -> SegmentMeta {
    SegmentMeta {
        id: 0,
        frame_from: 0,
        frame_to: 0,
        primary_checksum: [0; 32],
        compression: SegmentCompression::None,
        bytes_offset: 0,
        bytes_length: 0,
    }
}

fn is_lex_section(base: &Committed, segment: &SegmentMeta) -> bool {
    base.payload(segment.bytes_offset, segment.bytes_length)
        .is_ok_and(committed::is_lex_section)
}

/// Indexes what no section covers yet, and merges sections that have become many.
fn write_lex(
    snapshot: &Snapshot,
    additions: &[Addition],
    sections: &mut Vec<SegmentMeta>,
    out: &mut Output,
) -> Result<()> {
    let base = &snapshot.committed;
    let first = base.frame_count();
    let mut covered = sections.last().map_or(0, |section| section.frame_to);
    if covered < first {
        let mut builder = lex::SegmentBuilder::new(SEGMENT_MEMORY)?;
        for id in covered..first {
            committed::index_frame(&mut builder, base, id)?;
        }
        sections.push(write_section(&builder.finish()?, covered, first, out)?);
        covered = first;
    }
    let half = if additions.len() >= PARALLEL_FROM {
        additions.len() / 2
    } else {
        additions.len()
    };
    let (left, right) = additions.split_at(half);
    let offset = covered;
    let blobs = std::thread::scope(|scope| -> Result<Vec<Built>> {
        let second = (!right.is_empty()).then(|| {
            scope.spawn(|| build_sections(snapshot, additions, right, offset + half as u64))
        });
        let mut blobs = build_sections(snapshot, additions, left, offset)?;
        if let Some(second) = second {
            let built = second.join().map_err(|_| {
                Error::new(
                    crate::Code::Internal,
                    "indexing stopped unexpectedly",
                    serde_json::Value::Null,
                )
            })?;
            blobs.extend(built?);
        }
        Ok(blobs)
    })?;
    merge::write(snapshot, sections, blobs, out)
}

/// A full-text segment that is not in the file yet.
pub struct Built {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// First frame it covers.
    pub from: u64,
    /// Frame behind the last one it covers.
    pub to: u64,
}

fn build_sections(
    snapshot: &Snapshot,
    all: &[Addition],
    part: &[Addition],
    from: u64,
) -> Result<Vec<Built>> {
    let first = snapshot.committed.frame_count();
    let mut built = Vec::new();
    let mut builder = lex::SegmentBuilder::new(SEGMENT_MEMORY)?;
    let mut start = from;
    let mut id = from;
    for addition in part {
        if let Some(body) = addition
            .body
            .as_ref()
            .filter(|_| addition.frame.status != FrameStatus::Deleted)
        {
            add(&mut builder, snapshot, all, first, addition, body)?;
        }
        id += 1;
        if builder.is_full() {
            built.push(Built {
                bytes: builder.finish()?,
                from: start,
                to: id,
            });
            builder = lex::SegmentBuilder::new(SEGMENT_MEMORY)?;
            start = id;
        }
    }
    if start < id {
        built.push(Built {
            bytes: builder.finish()?,
            from: start,
            to: id,
        });
    }
    Ok(built)
}

fn add(
    builder: &mut lex::SegmentBuilder,
    snapshot: &Snapshot,
    all: &[Addition],
    first: u64,
    addition: &Addition,
    body: &str,
) -> Result<()> {
    let frame = &addition.frame;
    let committed_title;
    let title = match frame.parent_id {
        None => frame.title.as_deref(),
        Some(parent) => match parent.checked_sub(first) {
            Some(index) => all
                .get(index as usize)
                .and_then(|parent| parent.frame.title.as_deref()),
            None => {
                committed_title = snapshot
                    .committed
                    .frame(parent)
                    .ok()
                    .and_then(|view| view.title.map(str::to_owned));
                committed_title.as_deref()
            }
        },
    };
    let boost = frame
        .extra_metadata
        .get(crate::document::BOOST_KEY)
        .and_then(|boost| boost.parse().ok());
    builder.add(&lex::Document {
        frame_id: frame.id,
        title: title.unwrap_or_default(),
        body,
        uri: frame.uri.as_deref().unwrap_or_default(),
        kind: frame.kind.as_deref(),
        track: frame.track.as_deref(),
        tags: &frame.tags,
        labels: &frame.labels,
        timestamp: frame.timestamp,
        boost: boost.unwrap_or(1.0),
    })?;
    Ok(())
}

/// Appends a full-text section and gives its entry; an empty segment takes no bytes.
pub fn write_section(bytes: &[u8], from: u64, to: u64, out: &mut Output) -> Result<SegmentMeta> {
    Ok(SegmentMeta {
        id: 0,
        frame_from: from,
        frame_to: to,
        primary_checksum: *blake3::hash(bytes).as_bytes(),
        bytes_offset: out.write(bytes)?,
        bytes_length: bytes.len() as u64,
        compression: SegmentCompression::None,
    })
}

/// (timestamp, id) of every active document, ascending.
fn time_entries(
    snapshot: &Snapshot,
    additions: &[Addition],
    changed: &imbl::HashMap<u64, crate::pending::StatusChange>,
) -> Vec<(i64, u64)> {
    let base = &snapshot.committed;
    let active = |id: u64, record: &FrameRecord| {
        record.flags.is_document()
            && changed
                .get(&id)
                .map_or(record.flags.status(), |change| change.status)
                == FrameStatus::Active as u32
    };
    let mut fresh: Vec<(i64, u64)> = additions
        .iter()
        .map(|addition| &addition.frame)
        .filter(|frame| frame.role == FrameRole::Document && frame.status == FrameStatus::Active)
        .map(|frame| (frame.timestamp, frame.id))
        .collect();
    fresh.sort_unstable();
    let mut entries = Vec::with_capacity(base.frame_count() as usize + fresh.len());
    // Only our own index is known to agree with the frames; another program's is built anew.
    match base.time_index().filter(|_| base.directory_is_stored) {
        Some(stored) => {
            let mut fresh = fresh.into_iter().peekable();
            for entry in stored.iter() {
                while let Some(next) = fresh.next_if(|next| *next < entry) {
                    entries.push(next);
                }
                let id = entry.1;
                if changed.is_empty()
                    || base
                        .directory
                        .record(id)
                        .is_some_and(|record| active(id, &record))
                {
                    entries.push(entry);
                }
            }
            entries.extend(fresh);
        }
        None => {
            for id in 0..base.frame_count() {
                if let Some(record) = base
                    .directory
                    .record(id)
                    .filter(|record| active(id, record))
                {
                    entries.push((record.timestamp, id));
                }
            }
            entries.extend(fresh);
            entries.sort_unstable();
        }
    }
    entries
}

/// One entry a frame, in id order: the reference attributes entries by position.
fn sketch_track(base: &Committed, additions: &[Addition]) -> Vec<u8> {
    let count = base.frame_count();
    let mut out = Vec::with_capacity(sketch::HEADER_SIZE + 32 * (count as usize + additions.len()));
    out.extend_from_slice(&sketch::encode_header(count + additions.len() as u64));
    let stored = base.tail.sketch_track.as_ref().filter(|manifest| {
        base.directory_is_stored && manifest.entry_size == 32 && manifest.entry_count == count
    });
    let stored = stored
        .and_then(|manifest| {
            base.payload(manifest.bytes_offset, manifest.bytes_length)
                .ok()
        })
        .and_then(|bytes| bytes.get(sketch::HEADER_SIZE..))
        .filter(|entries| entries.len() as u64 == count * 32);
    if let Some(entries) = stored {
        out.extend_from_slice(entries);
    } else {
        let mut hasher = SketchHasher::new();
        for id in 0..count {
            out.extend_from_slice(&committed_sketch(base, id, &mut hasher).unwrap_or([0; 32]));
        }
    }
    for addition in additions {
        out.extend_from_slice(&addition.sketch);
    }
    out
}

fn committed_sketch(base: &Committed, id: u64, hasher: &mut SketchHasher) -> Option<[u8; 32]> {
    let view = base.frame(id).ok()?;
    let body = text::search_body(&view, &|offset, length| base.payload(offset, length));
    Some(hasher.entry(&body.ok()??))
}

/// The frames of the next table of contents: copied spans of the current one, re-encoded frames, new frames.
struct FrameTable {
    parts: Parts,
    slices: Vec<Slice>,
    fresh: Vec<u8>,
    count: u64,
    length: u64,
}

enum Slice {
    /// A span of the current frames, relative to the first.
    Copied { start: u64, end: u64 },
    /// A span of the fresh bytes.
    Fresh { start: usize, end: usize },
}

impl Slice {
    fn bytes<'a>(&self, base: &'a Committed, fresh: &'a [u8]) -> Result<&'a [u8]> {
        match *self {
            Self::Copied { start, end } => {
                committed::slice_of(base.frame_bytes()?, start, end - start, "frames")
            }
            Self::Fresh { start, end } => Ok(fresh.get(start..end).unwrap_or_default()),
        }
    }
}

impl FrameTable {
    fn new(
        base: &Committed,
        changed: &imbl::HashMap<u64, crate::pending::StatusChange>,
        frames_start: u64,
    ) -> Result<Self> {
        let mut table = Self {
            parts: Parts {
                frames_start,
                totals: base.directory.totals(),
                ..Parts::default()
            },
            slices: Vec::new(),
            fresh: Vec::new(),
            count: base.frame_count(),
            length: 0,
        };
        table.parts.chunks = base.directory.chunks().collect();
        table.parts.uris = base.directory.uris().collect();
        let mut ids: Vec<u64> = changed
            .keys()
            .copied()
            .filter(|&id| id < base.frame_count())
            .collect();
        ids.sort_unstable();
        let (start, end) = base.directory.frames_range();
        let total = end.saturating_sub(start);
        let mut copied = 0;
        let mut shift = 0_i64;
        let mut next = ids.into_iter().peekable();
        for id in 0..base.frame_count() {
            let Some(mut record) = base.directory.record(id) else {
                continue;
            };
            let old_offset = record.toc_offset;
            record.toc_offset = record.toc_offset.saturating_add_signed(shift);
            if next.next_if_eq(&id).is_some()
                && let Some(change) = changed.get(&id)
            {
                let encoded = base.encoded(id)?;
                let mut frame = decode_frame(encoded)?;
                table.parts.totals.discount(&frame);
                frame.status = status(change.status);
                frame.superseded_by = change.superseded_by;
                table.parts.totals.count(&frame);
                table.slices.push(Slice::Copied {
                    start: copied,
                    end: old_offset,
                });
                copied = old_offset + encoded.len() as u64;
                let bytes = table.encode(&frame);
                shift += bytes.len() as i64 - encoded.len() as i64;
                record.checksum = crc32fast::hash(&table.fresh[bytes.clone()]);
                record.flags = record.flags.with_status(change.status);
                record.superseded_by = change.superseded_by.and_then(|id| u32::try_from(id).ok());
                table.slices.push(Slice::Fresh {
                    start: bytes.start,
                    end: bytes.end,
                });
            }
            table.parts.records.push(record);
        }
        table.slices.push(Slice::Copied {
            start: copied,
            end: total,
        });
        table.length = total.saturating_add_signed(shift);
        Ok(table)
    }

    fn encode(&mut self, frame: &Frame) -> std::ops::Range<usize> {
        let start = self.fresh.len();
        self.fresh.extend_from_slice(&frame.to_bytes());
        start..self.fresh.len()
    }

    /// Length of the directory once `additions` are pushed; their payload places need not be known yet.
    fn directory_length(&self, additions: &[Addition]) -> u64 {
        let chunks = additions
            .iter()
            .filter(|a| a.frame.role == FrameRole::DocumentChunk && a.frame.parent_id.is_some());
        let uris = additions.iter().filter(|addition| {
            addition
                .frame
                .uri
                .as_deref()
                .is_some_and(|uri| !is_default_uri(uri, addition.frame.id))
        });
        Directory::length(
            self.count + additions.len() as u64,
            (self.parts.chunks.len() + chunks.count()) as u64,
            (self.parts.uris.len() + uris.count()) as u64,
        )
    }

    fn push(&mut self, frame: &Frame) -> Result<()> {
        let bytes = self.encode(frame);
        let id = u32::try_from(frame.id)
            .map_err(|_| Error::corrupt("frames", 0, "more than 4294967294 frames"))?;
        let checksum = crc32fast::hash(&self.fresh[bytes.clone()]);
        self.parts.push(id, frame, self.length, checksum);
        self.length += bytes.len() as u64;
        self.count += 1;
        match self.slices.last_mut() {
            Some(Slice::Fresh { end, .. }) if *end == bytes.start => *end = bytes.end,
            _ => self.slices.push(Slice::Fresh {
                start: bytes.start,
                end: bytes.end,
            }),
        }
        Ok(())
    }

    fn finish(&mut self) -> Vec<u8> {
        self.parts.frames_end = self.parts.frames_start + self.length;
        self.parts.sort();
        self.parts.encode()
    }
}
