//! The write path: under the lock, either one durable log append or one commit.

use std::time::Instant;

use mv2::lock::FileLock;
use mv2::wal::{self, EntryOperation, FrameEntry, InBatch, WalEntry};
use serde_json::json;

use crate::commit::{self, CommitOptions};
use crate::committed::Committed;
use crate::compact;
use crate::document::{PreparedDocument, PreparedFrame};
use crate::error::{Code, Error, Result};
use crate::log_index::LogIndex;
use crate::output;
use crate::pending::{NewestWrite, Pending, Written};
use crate::settle;
use crate::snapshot::Snapshot;

/// Sequences up to here are numbers of JavaScript, too.
const MOST_SEQUENCE: u64 = 1 << 53;

/// What a mutation wants to do.
#[derive(Default)]
pub struct Changes {
    /// Documents to append, in order.
    pub documents: Vec<PreparedDocument>,
    /// Active documents to remove, with their chunks.
    pub removals: Vec<u64>,
}

/// Reads the records of the log that the commit does not contain yet.
pub fn load_pending(committed: &Committed, with_lex: bool) -> Result<Pending> {
    load_pending_onto(committed, with_lex, LogIndex::default())
}

/// [`load_pending`] with an index that may know frames of the log already.
pub fn load_pending_onto(
    committed: &Committed,
    with_lex: bool,
    index: LogIndex,
) -> Result<Pending> {
    check_applied(committed)?;
    let applied = committed.applied_sequence;
    let mut pending = Pending::new(applied);
    pending.lex = index;
    extend_pending(committed, &mut pending, with_lex)?;
    // Records that change nothing, as the reference writes them, wait for the next commit as well.
    if pending.last_sequence == applied {
        let region = log_region(committed)?;
        if wal::has_lost_front(region, applied) && !committed.header_changed() {
            return Err(Error::corrupt(
                "log",
                committed.header.wal_offset,
                "its first records are gone, and acknowledged ones stand behind them",
            ));
        }
        // Everything in the log is applied: the next record goes to its front, where all other handles look for it too. Behind
        // a header of another program, whose place of the last applied record stays, it goes where that one appends, unless
        // applied ones in front of that are damaged. Where only the log itself tells that all is applied, it stays.
        let begins_anew = pending.has_remains && applied <= committed.header.wal_sequence;
        if committed.directory_is_stored || begins_anew {
            pending.applied_end = pending.head;
            pending.head = 0;
            pending.newest = None;
        }
    }
    Ok(pending)
}

/// MV012 when the header of another program tells another applied sequence than its log: records would be lost, or applied a
/// second time. Of our own commits the directory tells it.
fn check_applied(committed: &Committed) -> Result<()> {
    if committed.directory_is_stored {
        return Ok(());
    }
    let header = &committed.header;
    if !wal::refutes_applied(log_region(committed)?, header) || committed.header_changed() {
        return Ok(());
    }
    Err(Error::corrupt(
        "header",
        40,
        format_args!(
            "log records up to {} are applied, it says, and the log says otherwise",
            header.wal_sequence
        ),
    ))
}

/// Applies what other processes appended to the log since; whether there was anything.
///
/// Fails with MV012 when records that were acknowledged are damaged: to go on without them would hide it, and to write would
/// destroy those behind them.
pub fn extend_pending(
    committed: &Committed,
    pending: &mut Pending,
    with_lex: bool,
) -> Result<bool> {
    let region = log_region(committed)?;
    let scan = wal::scan_from(
        region,
        pending.head,
        committed.applied(),
        pending.last_sequence,
    );
    if let Some(torn) = &scan.torn {
        // Whoever commits starts the log anew: what stood there is no longer of this commit.
        if torn.is_damage && !committed.header_changed() {
            return Err(Error::corrupt(
                "log",
                committed.header.wal_offset + torn.position,
                format_args!("{}, and acknowledged records stand behind it", torn.reason),
            ));
        }
    }
    pending.has_remains = scan.torn.is_some();
    let mut changed = false;
    let mut is_followed = false;
    for record in &scan.records {
        pending.has_unchecked |= !record.is_checked;
        if !is_followed {
            pending.newest = None;
        }
        let newest = pending.newest.get_or_insert_default();
        newest.add(record.position, record.header);
        newest.is_unchecked |= !record.is_checked;
        is_followed = record.batch_remaining > 0;
        if record.sequence <= pending.last_sequence && record.pending {
            continue;
        }
        if record.pending {
            // Our writers count on without a gap: a commit that contained what is missing is no longer there, and ids of
            // what follows would be those of other frames.
            if record.is_checked
                && committed.directory_is_stored
                && record.sequence > pending.last_sequence.saturating_add(1)
                && !committed.header_changed()
            {
                return Err(Error::corrupt(
                    "log",
                    committed.header.wal_offset + record.position,
                    format_args!(
                        "record {} follows {}: a later commit is lost",
                        record.sequence, pending.last_sequence
                    ),
                ));
            }
            let payload = region.get(record.payload.clone()).unwrap_or_default();
            // A record that names a frame that is not there, or that no version of the format explains, was never
            // acknowledged by a correct writer: the records around it stand for themselves.
            if let Ok(WalEntry::Frame(entry)) = WalEntry::decode(payload) {
                changed |= pending
                    .apply(committed, record.sequence, *entry, None, with_lex)
                    .is_ok();
            }
        }
        pending.last_sequence = pending.last_sequence.max(record.sequence);
    }
    pending.head = scan.head;
    if changed {
        // Whoever reads the log is not waited for as a writer is, and it may hold many thousand documents.
        pending.lex.whole();
    }
    Ok(changed)
}

/// Whether another process appended to the log behind `pending`.
#[must_use]
pub fn has_new_records(committed: &Committed, pending: &Pending) -> bool {
    let Ok(region) = log_region(committed) else {
        return false;
    };
    let is_new_at = |at: u64| {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let head = region.get(at..).and_then(<[u8]>::first_chunk::<12>);
        head.is_some_and(|head| {
            let sequence = head
                .first_chunk::<8>()
                .map_or(0, |bytes| u64::from_le_bytes(*bytes));
            sequence > pending.last_sequence && head[8..12] != [0; 4]
        })
    };
    is_new_at(pending.head) || pending.head == 0 && is_new_at(pending.applied_end)
}

/// Whether the newest write that is known is not where it was: somebody put back an earlier state of the file in place, or
/// took back what was never acknowledged. What follows would be written where nobody looks for it.
#[must_use]
pub fn has_lost_records(committed: &Committed, pending: &Pending) -> bool {
    let Some(newest) = &pending.newest else {
        return false;
    };
    !log_region(committed).is_ok_and(|log| newest.stands(log))
}

fn log_region(committed: &Committed) -> Result<&[u8]> {
    committed.payload(committed.header.wal_offset, committed.header.wal_size)
}

/// A new state, or `None` when it is durable but could not be opened right now; with the lock on the file that replaced
/// the old one, if one did.
pub type Applied = (Option<Snapshot>, Option<FileLock>);

/// MV012 where the sequences of the log are used up: nobody writes as many, so that the one that claims it is damaged, and what
/// would follow it would count as applied.
fn refuse_without_room(snapshot: &Snapshot) -> Result<()> {
    let last = snapshot.pending.last_sequence;
    if last < MOST_SEQUENCE {
        return Ok(());
    }
    Err(Error::corrupt(
        "log",
        snapshot.committed.header.wal_offset,
        format_args!(
            "a record or the header claims the sequence {last}, behind which nothing can be written"
        ),
    ))
}

/// Applies `changes` durably. The caller holds the writer lock; `snapshot` is current.
pub fn apply(snapshot: &Snapshot, changes: Changes, options: &CommitOptions) -> Result<Applied> {
    refuse_without_room(snapshot)?;
    let Some(records) = records_for_log(snapshot, &changes, options) else {
        return Ok((commit_changes(snapshot, changes, options)?, None));
    };
    if has_room(snapshot, &records) {
        return Ok((Some(append(snapshot, records, options.index)?), None));
    }
    let (emptied, lock) = checkpoint(snapshot, options)?;
    // Sequences do not depend on where the log starts, nor on which file it is in: the records stay valid.
    let (emptied, tidy_lock) = compact::tidy(emptied.ok_or_else(not_reopened)?, options);
    let lock = tidy_lock.or(lock);
    // A file that was rewritten but could not be opened has taken the name: what is appended to the old one would be lost.
    if !emptied.committed.storage.is_current()? {
        return Err(not_reopened());
    }
    // A new file has a log for what is in it now, which may be smaller.
    if !has_room(&emptied, &records) {
        return Ok((commit_changes(&emptied, changes, options)?, lock));
    }
    Ok((Some(append(&emptied, records, options.index)?), lock))
}

/// Appends `changes` to the log; `None`, with nothing written, when they are not for the log or it has no room for them.
/// The caller holds the writer lock; `snapshot` is current.
pub fn append_if_room(
    snapshot: &Snapshot,
    changes: &Changes,
    options: &CommitOptions,
) -> Result<Option<Snapshot>> {
    records_for_log(snapshot, changes, options)
        .filter(|records| has_room(snapshot, records))
        .map(|records| append(snapshot, records, options.index))
        .transpose()
}

/// The records of `changes`; `None` when one commit is better.
fn records_for_log(
    snapshot: &Snapshot,
    changes: &Changes,
    options: &CommitOptions,
) -> Option<Vec<Record>> {
    // A batch that would fill most of the log is cheaper as one commit.
    let most = snapshot.committed.header.wal_size / 2;
    let payloads = changes
        .documents
        .iter()
        .flat_map(|document| &document.frames)
        .map(|frame| {
            let vector = frame
                .vector
                .as_ref()
                .map_or(0, |vector| size_of_val(&**vector));
            (frame.payload.len() + vector) as u64
        });
    if payloads.sum::<u64>() > most {
        return None;
    }
    let records = records(snapshot, changes);
    let length = length_of(&records);
    let near_limit = |limit| size_after_checkpoint(snapshot, changes, length) > limit;
    // Near the limit only a commit tells the exact size before it is acknowledged.
    let for_commit = length > most
        || looks_applied(snapshot, &records)
        || contain_others(snapshot, &records)
        || (!changes.documents.is_empty() && options.capacity.is_some_and(near_limit));
    (!for_commit).then_some(records)
}

/// Whether one of the records would end where the header of another program notes that the last applied one does: a log that
/// is begun anew leaves that note as it is, and whoever reads it would have to take the record for applied.
fn looks_applied(snapshot: &Snapshot, records: &[Record]) -> bool {
    let committed = &snapshot.committed;
    let mut end = snapshot.pending.head;
    !committed.directory_is_stored
        && records.iter().any(|record| {
            end += record.encoded.len() as u64;
            end == committed.header.wal_checkpoint_pos
        })
}

/// Whether one of the records contains others, as that of a memory does which is a document: should a loss of power leave
/// nothing that tells where it ends, they would be taken for acknowledged ones of this log.
fn contain_others(snapshot: &Snapshot, records: &[Record]) -> bool {
    let last = snapshot.pending.last_sequence;
    records.iter().any(|record| {
        let payload = record.encoded.get(wal::RECORD_HEADER_SIZE..);
        wal::contains_records(payload.unwrap_or_default(), last)
    })
}

/// The head plus one empty record header must stay inside the region (container.md §2.4).
fn has_room(snapshot: &Snapshot, records: &[Record]) -> bool {
    snapshot.pending.head + length_of(records) + wal::RECORD_HEADER_SIZE as u64
        <= snapshot.committed.header.wal_size
}

fn length_of(records: &[Record]) -> u64 {
    records
        .iter()
        .map(|record| record.encoded.len() as u64)
        .sum()
}

/// A checkpoint is in force, but the memory could not be opened afterwards (no memory for a map, no descriptor left).
pub fn not_reopened() -> Error {
    Error::new(
        Code::Internal,
        "the memory could not be opened again after a checkpoint; nothing of this call was stored",
        json!({}),
    )
}

/// Writes the log and `changes` as one commit.
fn commit_changes(
    snapshot: &Snapshot,
    changes: Changes,
    options: &CommitOptions,
) -> Result<Option<Snapshot>> {
    let mut with_removals = snapshot.clone();
    for target in removal_targets(snapshot, &changes.removals) {
        let sequence = with_removals.pending.last_sequence + 1;
        with_removals.pending.apply(
            &snapshot.committed,
            sequence,
            tombstone(target),
            None,
            options.index,
        )?;
    }
    committed_state(
        commit::commit(&with_removals, changes.documents, options)?,
        options,
    )
}

/// Commits the log and the removal of `targets`, whatever their status: without a record in the log, so that nothing of
/// the removed frames is written once more.
pub fn commit_removals(
    snapshot: &Snapshot,
    targets: &[u64],
    options: &CommitOptions,
) -> Result<Option<Snapshot>> {
    let mut with_removals = snapshot.clone();
    for &target in targets {
        let sequence = with_removals.pending.last_sequence + 1;
        let entry = tombstone(target);
        with_removals
            .pending
            .apply(&snapshot.committed, sequence, entry, None, options.index)?;
    }
    commit_log(&with_removals, options)
}

/// The largest the file can be once the log is moved into it. `length` is the size of the new records.
fn size_after_checkpoint(snapshot: &Snapshot, changes: &Changes, length: u64) -> u64 {
    /// Entries of time index, sketch track and directory, and the fields of a frame.
    const EACH_FRAME: u64 = 512;
    /// Full text takes less than this many times the text.
    const FULL_TEXT: u64 = 4;
    let committed = &snapshot.committed;
    let table = committed.end.saturating_sub(committed.toc_offset);
    let frames = changes
        .documents
        .iter()
        .flat_map(|document| &document.frames);
    let texts: usize = frames
        .filter_map(|frame| frame.body.as_ref())
        .map(String::len)
        .sum();
    let log = snapshot.pending.head + length;
    committed.end
        + table
        + EACH_FRAME * snapshot.frame_count()
        + log * (1 + 2 * FULL_TEXT)
        + FULL_TEXT * texts as u64
}

/// Moves the log into the file.
pub fn commit_log(snapshot: &Snapshot, options: &CommitOptions) -> Result<Option<Snapshot>> {
    committed_state(commit::commit(snapshot, Vec::new(), options)?, options)
}

/// Moves the log into the file, or with it into a new file (see [`compact::checkpoint`]).
pub fn checkpoint(snapshot: &Snapshot, options: &CommitOptions) -> Result<Applied> {
    let (committed, lock) = compact::checkpoint(snapshot, options)?;
    Ok((committed_state(committed, options)?, lock))
}

/// The state of a commit; `None` when there is none at hand.
pub fn committed_state(
    committed: Option<Committed>,
    options: &CommitOptions,
) -> Result<Option<Snapshot>> {
    let Some(committed) = committed else {
        return Ok(None);
    };
    let pending = load_pending(&committed, options.index)?;
    Ok(Some(Snapshot {
        committed: std::sync::Arc::new(committed),
        pending,
    }))
}

/// MV001 when a file of `required` bytes would pass `limit`.
pub fn check_capacity(limit: u64, required: u64) -> Result<()> {
    if required <= limit {
        return Ok(());
    }
    Err(Error::new(
        Code::CapacityExceeded,
        format!("the write needs {required} bytes, capacityBytes allows {limit}"),
        json!({ "limit": limit, "required": required }),
    ))
}

/// A log record on its way.
struct Record {
    sequence: u64,
    entry: FrameEntry,
    /// What is known of an insert.
    written: Option<Written>,
    /// Header and payload.
    encoded: Vec<u8>,
}

/// Writes `records` behind the log's head with one sync, as a batch that is applied whole or not at all. The caller has made
/// sure that there is room.
fn append(snapshot: &Snapshot, records: Vec<Record>, with_lex: bool) -> Result<Snapshot> {
    // Documents stand behind the log.
    if !has_room(snapshot, &records) {
        return Err(Error::new(
            Code::Internal,
            "what is to be stored does not fit into the log; nothing of it was written",
            json!({ "bytes": length_of(&records), "log": snapshot.committed.header.wal_size }),
        ));
    }
    let mut next = snapshot.clone();
    let storage = &snapshot.committed.storage;
    let mut bytes = Vec::new();
    let mut newest = NewestWrite::default();
    for record in records {
        let position = snapshot.pending.head + bytes.len() as u64;
        if let Some(header) = record.encoded.first_chunk() {
            newest.add(position, *header);
        }
        bytes.extend_from_slice(&record.encoded);
        // Before anything is written: a record that cannot be applied must not get into the file.
        next.pending.apply(
            &snapshot.committed,
            record.sequence,
            record.entry,
            record.written,
            with_lex,
        )?;
    }
    if bytes.is_empty() {
        // All of it is there already, and is acknowledged now.
        settle::settle_shown(snapshot)?;
        if let Some(newest) = &mut next.pending.newest {
            newest.is_synced = true;
        }
        return Ok(next);
    }
    settle::settle_log(snapshot)?;
    next.pending.head = snapshot.pending.head + bytes.len() as u64;
    newest.is_synced = true;
    next.pending.newest = Some(newest);
    bytes.resize(bytes.len() + wal::RECORD_HEADER_SIZE, 0);
    let at = snapshot.committed.header.wal_offset + snapshot.pending.head;
    // The first record's header comes last: a process that dies in between leaves an empty log behind the head, which
    // every reader understands, also the reference, which refuses a file with a torn record.
    let (header, rest) = bytes.split_at(wal::RECORD_HEADER_SIZE);
    let written = output::write_at(storage, at + header.len() as u64, rest)
        .and_then(|()| output::write_at(storage, at, header))
        .and_then(|()| {
            let started = Instant::now();
            output::sync(storage)?;
            next.pending.pace.add(started.elapsed());
            Ok(())
        });
    if let Err(error) = written {
        // What was not acknowledged must not appear later. The rest stays as of a killed process: everybody sees that, and wipes.
        let is_undone = output::write_at(storage, at, &wal::void_header(rest.len() as u64))
            .and_then(|()| output::sync(storage))
            .is_ok();
        settle::distrust_log(&snapshot.committed, at + bytes.len() as u64, is_undone);
        return Err(error);
    }
    next.pending.has_remains = false;
    Ok(next)
}

fn records(snapshot: &Snapshot, changes: &Changes) -> Vec<Record> {
    let targets = removal_targets(snapshot, &changes.removals);
    let first = snapshot.pending.last_sequence.saturating_add(1);
    let mut entries: Vec<(FrameEntry, Option<Written>)> = targets
        .into_iter()
        .map(|target| (tombstone(target), None))
        .collect();
    for document in &changes.documents {
        let parent_sequence = first + entries.len() as u64;
        for (number, prepared) in document.frames.iter().enumerate() {
            let supersedes = document.supersedes.filter(|_| number == 0);
            let parent = (number > 0).then_some(parent_sequence);
            let own_search_text = prepared.frame.search_text.is_some();
            let written = (!own_search_text).then(|| Written {
                checksum: prepared.frame.checksum,
                body: prepared.body.clone().filter(|body| !body.is_empty()),
            });
            entries.push((insert(prepared, parent, supersedes), written));
        }
    }
    let count = entries.len();
    let mut records = Vec::with_capacity(count);
    for (index, (entry, written)) in entries.into_iter().enumerate() {
        let sequence = first + index as u64;
        let entry = WalEntry::Frame(Box::new(entry));
        let mut encoded = Vec::new();
        let place = InBatch::of(index, count);
        wal::encode_record(sequence, place, &entry.encode(), &mut encoded);
        if let WalEntry::Frame(entry) = entry {
            records.push(Record {
                sequence,
                entry: *entry,
                written,
                encoded,
            });
        }
    }
    records
}

/// The frames that go when `removals` go: the documents and their chunks.
fn removal_targets(snapshot: &Snapshot, removals: &[u64]) -> Vec<u64> {
    let active = |id: &u64| {
        snapshot
            .brief(*id)
            .is_some_and(|brief| brief.flags.is_active())
    };
    removals
        .iter()
        .flat_map(|&id| std::iter::once(id).chain(snapshot.all_chunks_of(id)))
        .filter(active)
        .collect()
}

/// The record that removes a frame.
pub fn tombstone(target: u64) -> FrameEntry {
    FrameEntry {
        op: EntryOperation::Tombstone,
        target_frame_id: Some(target),
        search_text: Some(String::new()),
        ..FrameEntry::default()
    }
}

fn insert(
    prepared: &PreparedFrame,
    parent_sequence: Option<u64>,
    supersedes: Option<u64>,
) -> FrameEntry {
    let frame = &prepared.frame;
    FrameEntry {
        timestamp: frame.timestamp,
        kind: frame.kind.clone(),
        track: frame.track.clone(),
        payload: prepared.payload.clone(),
        embedding: prepared.vector.as_ref().map(|vector| vector.to_vec()),
        uri: frame.uri.clone(),
        title: frame.title.clone(),
        canonical_encoding: frame.canonical_encoding,
        canonical_length: frame.canonical_length,
        metadata: frame.metadata.clone(),
        // The reference destroys the file when it replays an insert without one (container.md §3.1), and finds only what
        // stands here when it applies the log itself.
        search_text: Some(
            frame
                .search_text
                .clone()
                .or_else(|| prepared.body.clone())
                .unwrap_or_default(),
        ),
        tags: frame.tags.clone(),
        labels: frame.labels.clone(),
        extra_metadata: frame.extra_metadata.clone(),
        content_dates: frame.content_dates.clone(),
        chunk_manifest: frame.chunk_manifest.clone(),
        role: frame.role,
        parent_sequence,
        chunk_index: frame.chunk_index,
        chunk_count: frame.chunk_count,
        op: EntryOperation::Insert,
        target_frame_id: None,
        supersedes_frame_id: supersedes,
        reuse_payload_from: None,
        source_sha256: frame.source_sha256,
        source_path: frame.source_path.clone(),
        enrichment_state: frame.enrichment_state,
    }
}
