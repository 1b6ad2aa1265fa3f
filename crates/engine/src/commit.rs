//! One commit: everything new goes behind the current footer, then the header points at it.
//!
//! Order of writes (see docs/format.md): payloads but one, full-text sections, time index, sketch track, directory, the
//! last payload, table of contents — sync — footer, header — sync — log emptied. Nothing that the previous table of
//! contents refers to is overwritten, so readers in other processes go on undisturbed and a crash leaves the last
//! commit. The last payload stands behind the private sections because a commit of the reference that only deletes
//! starts writing behind the last payload byte.

use std::sync::Arc;

use mv2::footer::Footer;
use mv2::header::Header;
use mv2::storage::FileStorage;
use mv2::toc::{
    self, SegmentCompression, SegmentMeta, SketchTrackManifest, TimeIndexManifest, TocHead, TocTail,
};

use crate::additions::{Addition, append_documents, fill_search_texts, pending_additions};
use crate::committed::{self, Committed};
use crate::directory::is_directory;
use crate::document::PreparedDocument;
use crate::error::{Code, Error, Result};
use crate::frame_table::FrameTable;
use crate::lex_sections;
use crate::output::{self, Output};
use crate::snapshot::Snapshot;
use crate::tracks;

/// Bytes in front of the frames when there is no private section: version, two counts.
const BEFORE_FRAMES: u64 = 24;

/// What a commit does besides moving the log into the file.
pub struct CommitOptions {
    /// Whether the file keeps a full-text index.
    pub lex_enabled: bool,
    /// Whether this handle maintains it; when not, what it writes is indexed by the next handle that does.
    pub index: bool,
    /// The largest file the caller allows, in bytes.
    pub capacity: Option<u64>,
}

/// Writes the log of `snapshot` and `documents` as one commit. The caller holds the writer lock and made sure that
/// `snapshot` is the current state of the file.
pub fn commit(
    snapshot: &Snapshot,
    documents: Vec<PreparedDocument>,
    options: &CommitOptions,
) -> Result<Committed> {
    let storage = &snapshot.committed.storage;
    let before = output::length(storage)?;
    let committed = write(snapshot, documents, options);
    if committed.is_err() && output::length(storage).is_ok_and(|length| length > before) {
        // A commit that failed, on a full disk for instance, leaves the file as it was. Should even this fail, what is
        // behind the footer is ignored by every reader and overwritten by the next commit.
        let _ = output::set_length(storage, before);
    }
    committed
}

fn write(
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
        lex_sections::write(snapshot, &additions, &mut sections, &mut out)?;
    }
    let mut tail = base.tail.clone();
    let time_entries = tracks::time_entries(snapshot, &additions, &changed);
    tail.time_index = Some(write_time_index(&time_entries, &mut out)?);
    let encoded = tracks::sketch_track(base, &additions);
    let entries = base.frame_count() + additions.len() as u64;
    tail.sketch_track = Some(write_sketch_track(&encoded, entries, &mut out)?);
    clear_reference_lex(&mut tail, options.lex_enabled);
    let mut head = head_with(base, sections);

    let mut table = FrameTable::new(base, &changed, frames_start(&head))?;
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
        return Err(unplanned_length());
    }
    let directory_offset = out.write(&encoded)?;
    register_directory(&mut head, directory_offset, &encoded, table.count);
    if let Some(payload) = last_payload
        .and_then(|index| additions.get(index))
        .and_then(|last| last.payload.as_ref())
    {
        out.write(payload)?;
    }
    let toc_bytes = toc::encode(&head, table.count, &table.slices(base)?, &tail);
    let toc_offset = out.write(&toc_bytes)?;
    out.flush()?;
    output::sync(&base.storage)?;
    let header = Header {
        footer_offset: toc_offset,
        wal_sequence: snapshot.pending.last_sequence,
        wal_checkpoint_pos: 0,
        ..base.header.clone()
    };
    publish(&base.storage, header, &toc_bytes, base.generation + 1)?;
    Committed::load(Arc::clone(&base.storage))
}

/// Makes a table of contents that is already durable the one in force, and empties the log.
pub fn publish(
    storage: &FileStorage,
    mut header: Header,
    toc_bytes: &[u8],
    generation: u64,
) -> Result<()> {
    let footer = Footer::for_toc(toc_bytes, generation);
    header.toc_checksum = toc_bytes.last_chunk::<32>().copied().unwrap_or_default();
    let footer_offset = header.footer_offset + footer.toc_len;
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
    )
}

/// Writes the time index.
pub fn write_time_index(entries: &[(i64, u64)], out: &mut Output) -> Result<TimeIndexManifest> {
    let encoded = mv2::time_index::encode(entries);
    Ok(TimeIndexManifest {
        bytes_offset: out.write(&encoded)?,
        bytes_length: encoded.len() as u64,
        entry_count: entries.len() as u64,
        checksum: *blake3::hash(&encoded).as_bytes(),
    })
}

/// Writes the sketch track.
pub fn write_sketch_track(
    encoded: &[u8],
    entry_count: u64,
    out: &mut Output,
) -> Result<SketchTrackManifest> {
    Ok(SketchTrackManifest {
        bytes_offset: out.write(encoded)?,
        bytes_length: encoded.len() as u64,
        entry_count,
        entry_size: 32,
        flags: 0,
        checksum: *blake3::hash(encoded).as_bytes(),
    })
}

/// Leaves the reference's own full-text lists empty: it then builds its index when it opens the file.
pub fn clear_reference_lex(tail: &mut TocTail, lex_enabled: bool) {
    tail.indexes.lex = None;
    tail.indexes.lex_segments.clear();
    tail.segment_catalog.lex_segments.clear();
    tail.segment_catalog.tantivy_segments.clear();
    tail.segment_catalog.lex_enabled = lex_enabled;
    tail.segment_catalog.version = 1;
}

/// The head of the next table of contents: a place for the directory, the full-text sections, and what other programs
/// registered, as they registered it.
pub fn head_with(base: &Committed, sections: Vec<SegmentMeta>) -> TocHead {
    let mut segments = vec![SegmentMeta {
        id: 0,
        frame_from: 0,
        frame_to: 0,
        primary_checksum: [0; 32],
        compression: SegmentCompression::None,
        bytes_offset: 0,
        bytes_length: 0,
    }];
    for (index, mut section) in sections.into_iter().enumerate() {
        section.id = index as u64 + 1;
        segments.push(section);
    }
    let foreign = base.head.segments.iter().filter(|segment| {
        base.payload(segment.bytes_offset, segment.bytes_length)
            .is_ok_and(|bytes| !is_directory(bytes) && !committed::is_lex_section(bytes))
    });
    segments.extend(foreign.cloned());
    TocHead {
        toc_version: base.head.toc_version,
        segments,
    }
}

/// Where the frames start inside a table of contents with this head.
pub fn frames_start(head: &TocHead) -> u64 {
    BEFORE_FRAMES + (SegmentMeta::ENCODED_SIZE * head.segments.len()) as u64
}

/// Enters the directory that was written at `offset`.
pub fn register_directory(head: &mut TocHead, offset: u64, encoded: &[u8], frames: u64) {
    if let Some(entry) = head.segments.first_mut() {
        entry.bytes_offset = offset;
        entry.bytes_length = encoded.len() as u64;
        entry.frame_to = frames;
        entry.primary_checksum = *blake3::hash(encoded).as_bytes();
    }
}

/// The directory's length is computed before its content is known; a difference is a bug.
pub fn unplanned_length() -> Error {
    Error::new(
        Code::Internal,
        "the directory has another length than planned",
        serde_json::Value::Null,
    )
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
