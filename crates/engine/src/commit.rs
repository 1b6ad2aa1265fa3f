//! One commit: everything new goes behind the current footer, then the header points at it.
//!
//! Order of writes (see docs/format.md): payloads but one, full-text sections, time index, sketch track, directory, the
//! last payload, table of contents — sync — footer, header — sync — log emptied. Nothing that the previous table of
//! contents refers to is overwritten, so readers in other processes go on undisturbed and a crash leaves the last
//! commit. The last payload stands behind the private sections because a commit of the reference that only deletes
//! starts writing behind the last payload byte.

use std::sync::Arc;

use imbl::HashMap;
use mv2::footer::Footer;
use mv2::frame::FrameStatus;
use mv2::header::{HEADER_SIZE, Header};
use mv2::storage::FileStorage;
use mv2::toc::{
    self, MemoriesTrackManifest, SegmentCompression, SegmentMeta, SketchTrackManifest,
    TimeIndexManifest, TocHead, TocTail,
};

use crate::additions::{append_documents, fill_search_texts, pending_additions};
use crate::bulk::Batch;
use crate::committed::Committed;
use crate::compact::{log_size, write_zeros};
use crate::compression;
use crate::create::empty_tail;
use crate::describe::Care;
use crate::directory::{Directory, Parts, is_directory};
use crate::document::PreparedDocument;
use crate::error::{Code, Error, Result};
use crate::frame_table::{Edits, FrameTable};
use crate::fresh::FreshFrames;
use crate::lex_sections::{self, groups, part_of, section_id};
use crate::output::{self, Output};
use crate::pending::StatusChange;
use crate::pictures::{self, FreshPictures, PictureIndex};
use crate::settle;
use crate::snapshot::Snapshot;
use crate::tracks;
use crate::vec_sections::{self, Fresh, Rewrite, status_after};

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
    /// Whether the memory is handed over now, so that other programs should find all of it.
    pub hands_over: bool,
}

impl CommitOptions {
    /// When the vectors of the file are written anew.
    #[must_use]
    pub fn rewrite(&self) -> Rewrite {
        if self.hands_over {
            Rewrite::WhenSmall
        } else {
            Rewrite::WhenMuch
        }
    }
}

/// Writes the log of `snapshot` and `documents` as one commit. The caller holds the writer lock and made sure that
/// `snapshot` is the current state of the file.
///
/// `None`: the commit is in force but could not be opened right now (no memory for another map, say); the next look at
/// the file opens it.
pub fn commit(
    snapshot: &Snapshot,
    documents: Vec<PreparedDocument>,
    options: &CommitOptions,
) -> Result<Option<Committed>> {
    let base = &snapshot.committed;
    let storage = &base.storage;
    base.settle()?;
    let before = output::length(storage)?;
    let written = match write(snapshot, documents, options) {
        Ok(written) => written,
        Err(error) => {
            // Nothing refers to what was written, and our own readers look behind the footer under a lock only: a commit
            // that failed, on a full disk for instance, leaves the file as it was.
            output::cut_back(storage, before);
            return Err(error);
        }
    };
    put_in_force(snapshot, &written)
}

/// Writes what a batch leaves to its commit and makes all of it durable. Its payloads and sections are written already; the
/// log of `snapshot` is empty.
pub fn write_batch(
    snapshot: &Snapshot,
    mut batch: Batch,
    options: &CommitOptions,
) -> Result<Written> {
    let base = &snapshot.committed;
    let last = match batch.frames.last_payload()? {
        Some((index, offset, length)) => {
            // It was written somewhere before the sections; its place is behind them (see the head of this file).
            let mut payload = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
            output::read_at(&base.storage, offset, &mut payload)?;
            Some((index, payload))
        }
        None => None,
    };
    let content = Content {
        frames: std::mem::take(&mut batch.frames),
        last_payload: last,
        changed: snapshot.pending.changes.clone(),
        sections: batch.sections,
        vectors: batch.vectors,
        pictures: batch.pictures,
        edits: Edits::new(),
        altered: Altered::default(),
        guard: None,
        wal_size: batch.wal_size,
    };
    finish(snapshot, content, batch.out, options, true)
}

/// Puts a durable table of contents in force and opens it.
pub fn put_in_force(snapshot: &Snapshot, written: &Written) -> Result<Option<Committed>> {
    let base = &snapshot.committed;
    let storage = &base.storage;
    let header = Header {
        footer_offset: written.toc_offset,
        wal_size: written.wal_size,
        wal_sequence: snapshot.pending.last_sequence,
        wal_checkpoint_pos: 0,
        ..base.header.clone()
    };
    let published = settle::settle_end(snapshot)
        .and_then(|()| publish(storage, header, &written.toc, base.next_generation()));
    if let Err(error) = published {
        take_back(base, written);
        return Err(error);
    }
    let log_behind = settle::empty_log(base, &snapshot.pending);
    let mut committed = Committed::load(Arc::clone(storage), Care::Quick).ok();
    if let Some(committed) = &mut committed {
        *committed.is_settled.get_mut() = true;
        // A larger log takes bytes that belonged to no log.
        if committed.header.wal_size == base.header.wal_size {
            committed.log_behind = log_behind.into();
        }
    }
    Ok(committed)
}

/// Puts `base` in force again, whose log still holds everything that was acknowledged. Whatever fails here leaves two whole
/// commits, either of which the header may name after a loss of power: so long nothing of them is written over (see
/// [`Committed::settle`]).
fn take_back(base: &Committed, written: &Written) {
    let storage = &base.storage;
    let is_back = base
        .write_header_again()
        .and_then(|()| output::sync(storage))
        .is_ok();
    if is_back {
        // No header can lead to the new table any more. Should the header be damaged later, whoever searches for the last
        // footer must not find the one of this commit, nor take its table for a commit whose footer is lost.
        let footer = written.toc_offset + written.toc.length;
        let _ = output::write_at(storage, footer, &[0; mv2::footer::FOOTER_SIZE]);
        output::cut_back(storage, base.end);
    }
}

/// A table of contents that is durable but not in force.
pub struct Written {
    toc_offset: u64,
    toc: toc::Written,
    wal_size: u64,
}

/// The log that the next commit is to have. Within a file it keeps its size, because what lies behind it cannot be moved;
/// behind the log of an empty memory lies nothing but an empty table of contents, so that the first commit, when it is a
/// large one, can take the log that fits what it brings. The old table then stands inside the new log region, intact until
/// the header names the new one, and behind the end of the log afterwards. `expected` is the size of what it brings.
pub fn next_log_size(snapshot: &Snapshot, expected: u64, capacity: Option<u64>) -> u64 {
    let base = &snapshot.committed;
    let current = base.header.wal_size;
    let is_untouched = base.directory_is_stored
        && base.frame_count() == 0
        && snapshot.pending.is_empty()
        && base.header.wal_offset == HEADER_SIZE as u64
        && base
            .head
            .segments
            .iter()
            .skip(1)
            .all(compression::is_setting)
        && base.tail == empty_tail(base.tail.segment_catalog.lex_enabled);
    if !is_untouched {
        return current;
    }
    let size = log_size(expected).max(current);
    // Where space is short, it is for documents.
    let fits = capacity.is_none_or(|limit| 2 * expected + size <= limit);
    if fits { size } else { current }
}

/// Bytes of a frame, its look-ups and its entries in the tracks, about.
pub const EACH_FRAME: u64 = 400;

/// What a commit brings, but for what it derives.
struct Content {
    frames: FreshFrames,
    /// The last payload, with the index of its new frame: it gets its place behind the private sections.
    last_payload: Option<(usize, Vec<u8>)>,
    changed: HashMap<u64, StatusChange>,
    sections: Vec<SegmentMeta>,
    vectors: vec_sections::Written,
    /// The pictures of its frames.
    pictures: FreshPictures,
    /// What changes in frames besides their status.
    edits: Edits,
    /// What changes besides.
    altered: Altered,
    /// A payload of a commit before that is to stand behind the private sections, with its frame: when no new one does.
    guard: Option<(u64, Vec<u8>)>,
    /// Size of the log from now on.
    wal_size: u64,
}

fn write(
    snapshot: &Snapshot,
    documents: Vec<PreparedDocument>,
    options: &CommitOptions,
) -> Result<Written> {
    let base = &snapshot.committed;
    let mut additions = pending_additions(snapshot)?;
    let mut changed = snapshot.pending.changes.clone();
    let admits = !documents.is_empty();
    append_documents(snapshot, documents, &mut additions, &mut changed)?;
    fill_search_texts(base.directory.totals().search_text_bytes, &mut additions);

    let payloads = additions
        .iter()
        .filter_map(|addition| addition.payload.as_ref())
        .map(|payload| payload.len() as u64);
    let vectors = additions
        .iter()
        .filter_map(|addition| addition.vector.as_ref())
        .map(|vector| size_of_val(&**vector) as u64);
    // Full text takes about as much again.
    let expected =
        2 * payloads.sum::<u64>() + vectors.sum::<u64>() + EACH_FRAME * additions.len() as u64;
    let wal_size = next_log_size(snapshot, expected, options.capacity);
    let mut out = Output::new(Arc::clone(&base.storage), base.end);
    if wal_size > base.header.wal_size {
        // Written, not left as a hole: a later append then changes no block allocation and its sync is one write.
        let end = base.header.wal_offset + wal_size;
        write_zeros(&mut out, end.saturating_sub(base.end))?;
    }
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

    let mut sections = base.lex_sections().to_vec();
    if options.lex_enabled && options.index {
        lex_sections::write(snapshot, &additions, &mut sections, &mut out)?;
    }
    let vectors = vec_sections::write(
        base,
        Fresh::of_additions(base, &additions)?,
        &|id| status_after(base, &changed, id),
        options.rewrite(),
        &mut out,
    )?;
    let last_payload =
        last_payload.and_then(|index| Some((index, additions.get_mut(index)?.payload.take()?)));
    let guard = match last_payload {
        Some(_) => None,
        None => guard(base, &changed),
    };
    let fresh_frames = additions.iter_mut().map(|addition| &mut addition.frame);
    let pictures = FreshPictures::of(base, fresh_frames);
    let frames = additions
        .iter()
        .map(|addition| (&addition.frame, &addition.sketch));
    let frames = FreshFrames::encode(frames)?;
    drop(additions);
    let content = Content {
        frames,
        last_payload,
        changed,
        sections,
        vectors,
        pictures,
        edits: Edits::new(),
        altered: Altered::default(),
        guard,
        wal_size,
    };
    finish(snapshot, content, out, options, admits)
}

/// Private sections from now on, instead of all whose ids have `tag` in their upper half.
pub struct Replaced {
    /// In the ids of the new ones, too.
    pub tag: u64,
    /// Their entries.
    pub sections: Vec<SegmentMeta>,
}

/// What a commit without new frames changes besides what the log holds.
pub struct Change {
    /// The vectors from now on.
    pub vectors: vec_sections::Written,
    /// What changes in frames.
    pub edits: Edits,
    /// What changes besides.
    pub altered: Altered,
}

/// What a commit changes that is neither frame nor vector.
#[derive(Default)]
pub struct Altered {
    /// Private sections that take the place of those of their kind.
    pub replaced: Option<Replaced>,
    /// The memory cards from now on, if they change.
    pub memories: Option<MemoriesTrack>,
}

/// An encoded memories track.
pub struct MemoriesTrack {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Cards in it.
    pub cards: u64,
    /// Different entities of those.
    pub entities: u64,
}

impl MemoriesTrack {
    /// Writes it, and gives its entry.
    pub fn write(&self, out: &mut Output) -> Result<MemoriesTrackManifest> {
        Ok(MemoriesTrackManifest {
            bytes_offset: out.write(&self.bytes)?,
            bytes_length: self.bytes.len() as u64,
            card_count: self.cards,
            entity_count: self.entities,
            checksum: *blake3::hash(&self.bytes).as_bytes(),
        })
    }
}

/// Makes a commit of a change that brings no frame. `write` writes what it consists of. The log is empty.
pub fn commit_change(
    snapshot: &Snapshot,
    options: &CommitOptions,
    write: impl FnOnce(&Committed, &mut Output) -> Result<Change>,
) -> Result<Option<Committed>> {
    let base = &snapshot.committed;
    base.settle()?;
    let before = output::length(&base.storage)?;
    let write = || {
        let mut out = Output::new(Arc::clone(&base.storage), base.end);
        let change = write(base, &mut out)?;
        let content = Content {
            frames: FreshFrames::default(),
            last_payload: None,
            guard: guard(base, &snapshot.pending.changes),
            changed: snapshot.pending.changes.clone(),
            sections: base.lex_sections().to_vec(),
            vectors: change.vectors,
            pictures: FreshPictures::default(),
            edits: change.edits,
            altered: change.altered,
            wal_size: base.header.wal_size,
        };
        finish(snapshot, content, out, options, true)
    };
    let written = match write() {
        Ok(written) => written,
        Err(error) => {
            output::cut_back(&base.storage, before);
            return Err(error);
        }
    };
    put_in_force(snapshot, &written)
}

/// A payload that is in the file already, with its frame: a short one of the last, of what stays if anything does.
fn guard(base: &Committed, changed: &HashMap<u64, StatusChange>) -> Option<(u64, Vec<u8>)> {
    /// As many are compared: one may be of a hundred megabytes.
    const COMPARED: usize = 256;
    let mut best: Option<(bool, u64, &[u8])> = None;
    let mut compared = 0;
    for id in (0..base.frame_count()).rev() {
        // What is damaged is nothing to stand there, and keeps nobody from removing something else.
        let Ok(view) = base.frame(id) else {
            continue;
        };
        let payload = base.payload(view.payload_offset, view.payload_length);
        let Some(payload) = payload.ok().filter(|payload| !payload.is_empty()) else {
            continue;
        };
        let is_gone = view.status == FrameStatus::Deleted || changed.contains_key(&id);
        let rank = |(is_gone, id, payload): (bool, u64, &[u8])| (is_gone, payload.len(), id);
        let candidate = (is_gone, id, payload);
        if best.is_none_or(|best| rank(candidate) < rank(best)) {
            best = Some(candidate);
        }
        compared += 1;
        if compared >= COMPARED && best.is_some_and(|(is_gone, ..)| !is_gone) {
            break;
        }
    }
    best.map(|(_, id, payload)| (id, payload.to_vec()))
}

/// Writes what follows payloads and full-text sections, up to the table of contents, and makes all of it durable.
fn finish(
    snapshot: &Snapshot,
    mut content: Content,
    mut out: Output,
    options: &CommitOptions,
    admits: bool,
) -> Result<Written> {
    let base = &snapshot.committed;
    let changed = &content.changed;
    let mut tail = base.tail.clone();
    let times = std::mem::take(&mut content.frames.times);
    let time_entries = tracks::time_entries(base, times, changed);
    tail.time_index = Some(write_time_index(&time_entries, &mut out)?);
    drop(time_entries);
    let encoded = tracks::sketch_track(base, &content.frames.sketches);
    let entries = base.frame_count() + content.frames.count();
    tail.sketch_track = Some(write_sketch_track(&encoded, entries, &mut out)?);
    drop(encoded);
    if let Some(track) = &content.altered.memories {
        tail.memories_track = Some(track.write(&mut out)?);
    }
    let pictures = std::mem::take(&mut content.pictures);
    let has_any = |index: &PictureIndex| index.has_any_in_frames();
    if !pictures.is_empty() || base.pictures().is_ok_and(has_any) {
        let keeps = |id| pictures::is_kept(status_after(base, changed, id));
        tail.indexes.clip = pictures::write(base, pictures, &keeps, &mut out)?;
    }
    clear_reference_lex(&mut tail, options.lex_enabled);
    content.vectors.apply(&mut tail);
    let mut head = head_with(base, content.sections, content.vectors.sections);
    if let Some(Replaced { tag, sections }) = content.altered.replaced.take() {
        head.segments.retain(|segment| segment.id >> 32 != tag);
        head.segments.extend(sections);
    }

    if let Some((id, _)) = &content.guard {
        let directory = &base.directory;
        let length = Directory::length(
            toc::surroundings_length(&head, &tail),
            base.frame_count() + content.frames.count(),
            (directory.chunks().count() + content.frames.parts.chunks.len()) as u64,
            (directory.uris().count() + content.frames.parts.uris.len()) as u64,
        );
        let edit = content.edits.entry(*id).or_default();
        edit.payload_offset = Some(out.position() + length);
    }
    let mut table = FrameTable::new(base, changed, &content.edits, frames_start(&head))?;
    // What was copied may lack what is damaged.
    base.check()?;
    let directory_length = table.directory_length((&head, &tail), table.count, &content.frames);
    if let Some((index, _)) = content.last_payload {
        let place = out.position() + directory_length;
        content.frames.move_payload(index, place)?;
    }
    table.append(content.frames);
    table.parts.generation = base.next_generation();
    table.parts.applied_sequence = snapshot.pending.last_sequence;
    table.parts.log_size = content.wal_size;
    let encoded = register_directory(&mut head, &tail, out.position(), table.finish());
    if encoded.len() as u64 != directory_length {
        return Err(unplanned_length());
    }
    out.write(&encoded)?;
    drop(encoded);
    let behind = content.last_payload.map(|(_, payload)| payload);
    if let Some(payload) = behind.or(content.guard.map(|(_, payload)| payload)) {
        out.write(&payload)?;
    }
    // The footer has to be the last thing in the file. What a commit left that could not be cut off becomes dead space in
    // front of the table.
    let length = output::length(&base.storage)?;
    let end = out.position()
        + toc::length(&head, table.frames_length(), &tail)
        + mv2::footer::FOOTER_SIZE as u64;
    if end < length {
        out.skip(length - end)?;
    }
    if let Some(limit) = options.capacity.filter(|_| admits) {
        crate::writer::check_capacity(limit, end.max(length))?;
    }
    let (toc_offset, toc) = write_table(base, &head, &table, &tail, &mut out)?;
    // What was copied may not have been there any more.
    base.check()?;
    output::sync(&base.storage)?;
    Ok(Written {
        toc_offset,
        toc,
        wal_size: content.wal_size,
    })
}

/// Writes a table of contents, and everything before it, to the system; gives its place, and what the footer says of it.
pub fn write_table(
    base: &Committed,
    head: &TocHead,
    table: &FrameTable,
    tail: &TocTail,
    out: &mut Output,
) -> Result<(u64, toc::Written)> {
    let offset = out.position();
    let toc = toc::write(
        head,
        table.count,
        |sink| table.write_frames(base, sink),
        tail,
        |bytes| out.write(bytes).map(drop),
    )?;
    out.flush()?;
    Ok((offset, toc))
}

/// Makes a table of contents that is already durable the one in force.
fn publish(
    storage: &FileStorage,
    header: Header,
    toc: &toc::Written,
    generation: u64,
) -> Result<()> {
    write_root(storage, header, toc, generation)?;
    output::sync(storage)
}

/// Writes footer and header.
pub fn write_root(
    storage: &FileStorage,
    mut header: Header,
    toc: &toc::Written,
    generation: u64,
) -> Result<()> {
    let footer = Footer {
        toc_len: toc.length,
        toc_hash: toc.hash,
        generation,
    };
    header.toc_checksum = toc.checksum;
    output::write_at(
        storage,
        header.footer_offset + footer.toc_len,
        &footer.encode(),
    )?;
    write_header(storage, &header, footer.toc_len)
}

/// Writes a header page of ours.
pub fn write_header(storage: &FileStorage, header: &Header, toc_length: u64) -> Result<()> {
    let mut page = header.encode();
    mv2::header::set_toc_length(&mut page, toc_length);
    output::write_at(storage, 0, &page)
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

/// A head with nothing but a place for the directory.
pub fn directory_head() -> TocHead {
    TocHead {
        toc_version: 0,
        segments: vec![SegmentMeta {
            id: 0,
            frame_from: 0,
            frame_to: 0,
            primary_checksum: [0; 32],
            compression: SegmentCompression::None,
            bytes_offset: 0,
            bytes_length: 0,
        }],
    }
}

/// The head of the next table of contents: a place for the directory, the full-text sections, those of vectors, and what
/// other programs registered, as they registered it.
pub fn head_with(
    base: &Committed,
    sections: Vec<SegmentMeta>,
    vectors: Vec<SegmentMeta>,
) -> TocHead {
    let mut segments = directory_head().segments;
    for group in groups(&sections) {
        for (part, section) in group.iter().enumerate() {
            segments.push(SegmentMeta {
                id: section_id(part, group.len()),
                ..section.clone()
            });
        }
    }
    segments.extend(vectors);
    let foreign = base.head.segments.iter().filter(|segment| {
        base.payload(segment.bytes_offset, segment.bytes_length)
            .is_ok_and(|bytes| !is_directory(bytes) && !bytes.starts_with(b"LEXSEG"))
            && part_of(segment.id).is_none()
            && vec_sections::kind_of(segment.id).is_none()
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

/// Enters the directory that is to stand at `offset`, and gives its bytes. All else in `head` and `tail` is final.
pub fn register_directory(
    head: &mut TocHead,
    tail: &TocTail,
    offset: u64,
    mut parts: Parts,
) -> Vec<u8> {
    let surroundings_length = toc::surroundings_length(head, tail);
    let Some(entry) = head.segments.first_mut() else {
        return Vec::new();
    };
    let frames = parts.records.len() as u64;
    entry.bytes_offset = offset;
    entry.bytes_length = Directory::length(
        surroundings_length,
        frames,
        parts.chunks.len() as u64,
        parts.uris.len() as u64,
    );
    entry.frame_to = frames;
    parts.section_offset = offset;
    parts.surroundings = toc::surroundings(head, tail);
    let encoded = parts.encode();
    if let Some(entry) = head.segments.first_mut() {
        entry.primary_checksum = *blake3::hash(&encoded).as_bytes();
    }
    encoded
}

/// The directory's length is computed before its content is known; a difference is a bug.
pub fn unplanned_length() -> Error {
    Error::new(
        Code::Internal,
        "the directory has another length than planned",
        serde_json::Value::Null,
    )
}
