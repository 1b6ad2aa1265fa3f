//! A batch too large for the log: one commit whose documents are written while they come.
//!
//! The caller's thread hands out slices of documents with their frame ids; lanes, one a processor, compress, hash, sketch
//! and index them, and write payloads behind the footer in force as they go. Nothing refers to those bytes before the
//! table of contents is published, so a batch that fails or is abandoned leaves the memory as it was. Memory holds the
//! slices in flight, of a megabyte each or one document if that is larger, one index builder a lane, and the encoded
//! frames, which are compressed once there are many: some 200 bytes a document.
//!
//! The lanes take turns as they are free, so each builds a full-text segment of its own over the same frames: the parts
//! of one group (see [`crate::lex_sections`]).

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use mv2::frame::Frame;
use mv2::storage::FileStorage;
use mv2::toc::{MAX_FRAMES, SegmentMeta};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::additions::too_many_frames;
use crate::bulk_vectors::{BatchVectors, Region};
use crate::chunk::Piece;
use crate::commit::{self, CommitOptions};
use crate::committed::Committed;
use crate::compact;
use crate::document::{Document, PreparedDocument, Preparer};
use crate::embedding::wrong_dimension;
use crate::error::{Code, Error, Result};
use crate::fresh::FreshFrames;
use crate::lex_sections;
use crate::merge;
use crate::naming::identify;
use crate::options::PutOptions;
use crate::output::{self, Output};
use crate::snapshot::Snapshot;
use crate::vec_sections::{self, status_after};
use crate::writer::check_capacity;

/// Most documents of one piece of work, and bytes of content after which it ends.
const SLICE: usize = 256;
const SLICE_BYTES: usize = 1 << 20;
/// Pieces of work that wait; more would only take memory.
const WAITING: usize = 8;
/// Memory of one lane's index before it becomes a segment, bytes.
const SEGMENT_MEMORY: usize = 96 << 20;
/// Memory that it may come to while another lane's becomes a segment, bytes.
const LARGEST_INDEX: usize = SEGMENT_MEMORY / 4 * 5;
/// Memory of encoded frames, bytes, from which on those that follow are compressed: it takes time that small batches need
/// not spend.
const PLAIN_FRAMES: u64 = 24 << 20;
/// More lanes than this are slowed down by the disk and by the one thread that feeds them.
const MOST_LANES: usize = 4;
/// What is written is handed to the disk whenever it has become this much, bytes, so that the end waits for little: first
/// the one, then ever twice as much up to the other.
const FIRST_SYNC: u64 = 1 << 20;
const SYNC_EVERY: u64 = 64 << 20;

/// Looks a content hash up: the document that holds it already.
pub type FindDuplicate<'a> = &'a dyn Fn(&[u8; 32]) -> Option<u64>;

/// A batch that was committed.
pub struct Stored {
    /// The new state; `None` when it could not be opened right now.
    pub committed: Option<Committed>,
    /// The frame of each document, in order.
    pub ids: Vec<u64>,
    /// For each document the one with the same content that was there before; empty when nobody looked.
    pub duplicate_of: Vec<Option<u64>>,
}

/// Stores the documents of `first` and `slices` as one commit on top of `snapshot`, whose log is empty. The caller holds the writer
/// lock. With `find_duplicate`, documents whose content is stored already are left out.
pub fn commit(
    snapshot: &Snapshot,
    first: Vec<Document>,
    slices: &mut dyn Iterator<Item = Result<Vec<Document>>>,
    put: &PutOptions,
    find_duplicate: Option<FindDuplicate<'_>>,
    options: &CommitOptions,
) -> Result<Stored> {
    let storage = &snapshot.committed.storage;
    let before = output::length(storage)?;
    let mut feed = Feed::new(snapshot, find_duplicate)?;
    let room = room_for_vectors(snapshot, &first, put, options)?;
    let mut slices = std::iter::once(Ok(first)).chain(slices);
    let level = put.compression_level;
    let written = run(snapshot, &mut feed, &mut slices, level, room, options).and_then(|batch| {
        (batch.frames.count() > 0)
            .then(|| commit::write_batch(snapshot, batch, options))
            .transpose()
    });
    let committed = match written {
        Ok(None) => None,
        Ok(Some(written)) => {
            // Taking the documents may have lasted minutes: what nobody can open any more must not be acknowledged.
            if !storage.is_current()? {
                return Err(gone(storage));
            }
            commit::put_in_force(snapshot, &written)?
        }
        Err(error) => {
            // Nothing refers to what was written. Once a header may name it, nothing is cut off any more.
            if output::length(storage).is_ok_and(|length| length > before) {
                let _ = output::set_length(storage, before);
            }
            return Err(error);
        }
    };
    Ok(Stored {
        committed,
        ids: feed.ids,
        duplicate_of: feed.duplicate_of,
    })
}

/// What the lanes leave to the commit.
pub struct Batch {
    /// The new frames.
    pub frames: FreshFrames,
    /// The full-text sections of the next table of contents.
    pub sections: Vec<SegmentMeta>,
    /// Its vectors.
    pub vectors: vec_sections::Written,
    /// Writes on behind everything.
    pub out: Output,
    /// Size of the log from now on.
    pub wal_size: u64,
}

/// Writing from several threads: each piece gets a place of its own.
struct Shared<'a> {
    storage: &'a Arc<FileStorage>,
    position: AtomicU64,
    capacity: Option<u64>,
    /// Bytes of all frames encoded so far.
    frames: AtomicU64,
    vectors: BatchVectors,
    /// The turn to finish a full index: while that lasts it takes most of its memory again.
    finishing: Mutex<()>,
    stop: AtomicBool,
    error: Mutex<Option<Error>>,
}

impl Shared<'_> {
    fn write(&self, bytes: &[u8]) -> Result<u64> {
        let length = bytes.len() as u64;
        let start = self.position.fetch_add(length, Ordering::Relaxed);
        if let Some(limit) = self.capacity {
            check_capacity(limit, start + length)?;
        }
        output::write_at(self.storage, start, bytes)?;
        Ok(start)
    }

    /// The first error counts.
    fn fail(&self, error: Error) {
        self.error.lock().get_or_insert(error);
        self.stop.store(true, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Documents in order, with the frames they will be.
struct Slice {
    first_frame: u64,
    /// Vectors of the batch before these documents.
    first_vector: u64,
    /// Bytes of search text that these frames may repeat inside the table of contents.
    search_text_budget: u64,
    /// Each with its place in the batch.
    documents: Vec<(usize, Document, Option<Vec<Piece>>)>,
}

/// Gives documents their ids.
struct Feed<'a> {
    find_duplicate: Option<FindDuplicate<'a>>,
    fresh: HashMap<[u8; 32], u64>,
    ids: Vec<u64>,
    duplicate_of: Vec<Option<u64>>,
    next_frame: u64,
    next_vector: u64,
    /// Numbers of a vector, once there is one.
    dimension: Option<usize>,
    search_text_left: u64,
}

impl<'a> Feed<'a> {
    fn new(snapshot: &Snapshot, find_duplicate: Option<FindDuplicate<'a>>) -> Result<Self> {
        let used = snapshot.committed.directory.totals().search_text_bytes;
        Ok(Self {
            find_duplicate,
            fresh: HashMap::new(),
            ids: Vec::new(),
            duplicate_of: Vec::new(),
            next_frame: snapshot.frame_count(),
            next_vector: 0,
            dimension: snapshot.binding_dimension(None)?,
            search_text_left: crate::additions::SEARCH_TEXT_BUDGET.saturating_sub(used),
        })
    }

    fn slice(&mut self, documents: Vec<Document>) -> Result<Slice> {
        let mut slice = Slice {
            first_frame: self.next_frame,
            first_vector: self.next_vector,
            search_text_budget: self.search_text_left,
            documents: Vec::with_capacity(documents.len()),
        };
        for document in documents {
            self.check_dimension(&document)?;
            if let Some(find) = self.find_duplicate {
                let hash = *blake3::hash(document.content.as_bytes()).as_bytes();
                let earlier = self.fresh.get(&hash).copied().or_else(|| find(&hash));
                self.duplicate_of.push(earlier);
                if let Some(earlier) = earlier {
                    self.ids.push(earlier);
                    continue;
                }
                self.fresh.insert(hash, self.next_frame);
            }
            let pieces = document.pieces();
            self.next_vector += u64::from(document.embedding.is_some());
            self.ids.push(self.next_frame);
            self.next_frame += 1 + pieces.as_ref().map_or(0, Vec::len) as u64;
            if self.next_frame > MAX_FRAMES {
                return Err(too_many_frames(self.next_frame));
            }
            // As if all of it was repeated: which frames are does not depend on how fast the lanes are.
            let length = document.content.as_bytes().len() as u64;
            self.search_text_left = self.search_text_left.saturating_sub(length);
            slice.documents.push((self.ids.len() - 1, document, pieces));
        }
        Ok(slice)
    }

    /// MV014 for a vector of another size than those before.
    fn check_dimension(&mut self, document: &Document) -> Result<()> {
        let Some(embedding) = &document.embedding else {
            return Ok(());
        };
        let size = embedding.vector.len();
        let expected = *self.dimension.get_or_insert(size);
        if size == expected {
            return Ok(());
        }
        Err(wrong_dimension(expected, size, Some(self.ids.len())))
    }
}

/// Where the vectors of a batch are to stand, and the log that is decided on for it.
struct Room {
    region: Region,
    wal_size: u64,
}

/// Documents come with texts of some hundred bytes at least, mostly.
const EACH_TEXT: u64 = 256;

/// Room for one vector for each document that is expected, when most documents have one. It begins behind the log that fits
/// the batch, so that it need not be moved.
fn room_for_vectors(
    snapshot: &Snapshot,
    first: &[Document],
    put: &PutOptions,
    options: &CommitOptions,
) -> Result<Option<Room>> {
    let Some(capacity) = put.expected else {
        return Ok(None);
    };
    let vectors = || {
        first
            .iter()
            .filter_map(|document| document.embedding.as_ref())
    };
    let Some(one) = vectors().next() else {
        return Ok(None);
    };
    if vectors().count() * 2 < first.len() || capacity > MAX_FRAMES {
        return Ok(None);
    }
    let base = &snapshot.committed;
    let mut region = Region {
        start: 0,
        dimension: snapshot
            .binding_dimension(None)?
            .unwrap_or(one.vector.len()),
        capacity,
    };
    let expected = region.length() + capacity * (commit::EACH_FRAME + EACH_TEXT);
    let wal_size = commit::next_log_size(snapshot, expected, options.capacity);
    region.start = base.end.max(base.header.wal_offset + wal_size);
    // Where space is short, each document says what it needs.
    let fits = options
        .capacity
        .is_none_or(|limit| region.start + region.length() <= limit);
    Ok(fits.then_some(Room { region, wal_size }))
}

fn run(
    snapshot: &Snapshot,
    feed: &mut Feed<'_>,
    slices: &mut dyn Iterator<Item = Result<Vec<Document>>>,
    level: i32,
    room: Option<Room>,
    options: &CommitOptions,
) -> Result<Batch> {
    let base = &snapshot.committed;
    let region = room.as_ref().map(|room| room.region);
    let start = region.map_or(base.end, |region| region.start + region.length());
    let shared = Shared {
        storage: &base.storage,
        position: AtomicU64::new(start),
        capacity: options.capacity,
        frames: AtomicU64::new(0),
        vectors: BatchVectors::new(snapshot, region)?,
        finishing: Mutex::new(()),
        stop: AtomicBool::new(false),
        error: Mutex::new(None),
    };
    let indexes = options.lex_enabled && options.index;
    let lanes = std::thread::available_parallelism().map_or(1, usize::from);
    let (sender, receiver) = sync_channel::<Slice>(WAITING);
    let receiver = Mutex::new(receiver);
    let done = AtomicBool::new(false);
    let results = std::thread::scope(|scope| {
        let flusher = scope.spawn(|| flush(&shared, start, &done));
        let lanes: Vec<_> = (0..lanes.clamp(1, MOST_LANES))
            .map(|_| scope.spawn(|| run_lane(&shared, &receiver, level, indexes)))
            .collect();
        let handed_out = guarded(|| hand_out(&shared, feed, slices, &sender));
        if let Err(error) = handed_out {
            shared.fail(error);
        }
        drop(sender);
        let results: Vec<_> = lanes.into_iter().map(|lane| lane.join()).collect();
        done.store(true, Ordering::Relaxed);
        flusher.thread().unpark();
        results
    });
    if let Some(error) = shared.error.lock().take() {
        return Err(error);
    }
    let mut ordered = BTreeMap::new();
    let mut parts = Vec::new();
    for result in results {
        let lane = result.map_err(|_| stopped_unexpectedly())?;
        ordered.extend(lane.slices);
        parts.extend(lane.sections);
    }
    let mut out = Output::new(Arc::clone(&base.storage), shared.position.into_inner());
    let mut vectors = shared.vectors;
    let wal_size = match room {
        Some(room) => {
            let (from, to) = (base.end, base.header.wal_offset + room.wal_size);
            fill_log(&base.storage, from, to.saturating_sub(from))?;
            room.wal_size
        }
        None => {
            let written = Movable {
                slices: &mut ordered,
                sections: &mut parts,
                vectors: &mut vectors,
            };
            make_room_for_log(snapshot, written, &mut out, options)?
        }
    };
    let fresh = vectors.finish(&out)?;
    let mut frames = FreshFrames::default();
    for (_, slice) in ordered {
        frames.append(slice);
    }
    let first = base.frame_count();
    // Ids were given before the frames were made: what is acknowledged must be there.
    if first + frames.count() != feed.next_frame {
        return Err(stopped_unexpectedly());
    }
    let mut sections = base.lex_sections().to_vec();
    if indexes {
        lex_sections::cover(base, first, &mut sections, &mut out)?;
        for mut part in parts {
            part.frame_from = first;
            part.frame_to = first + frames.count();
            sections.push(part);
        }
        merge::write(snapshot, &mut sections, Vec::new(), &mut out)?;
    }
    let changed = &snapshot.pending.changes;
    let vectors = vec_sections::write(
        base,
        fresh,
        &|id| status_after(base, changed, id),
        options.rewrite(),
        &mut out,
    )?;
    Ok(Batch {
        frames,
        sections,
        vectors,
        out,
        wal_size,
    })
}

/// What the lanes wrote.
struct Movable<'a> {
    slices: &'a mut BTreeMap<u64, FreshFrames>,
    sections: &'a mut [SegmentMeta],
    vectors: &'a mut BatchVectors,
}

/// The first commit into an empty memory gets the log that fits it (see [`commit::next_log_size`]). How large it is, is
/// known only now: what the lanes wrote where the log will be is written again at the end. Gives the size of the log.
fn make_room_for_log(
    snapshot: &Snapshot,
    written: Movable<'_>,
    out: &mut Output,
    options: &CommitOptions,
) -> Result<u64> {
    let Movable {
        slices,
        sections,
        vectors,
    } = written;
    let base = &snapshot.committed;
    let count: u64 = slices.values().map(FreshFrames::count).sum();
    let expected = out.position() - base.end + commit::EACH_FRAME * count;
    let wal_size = commit::next_log_size(snapshot, expected, options.capacity);
    let log_end = base.header.wal_offset + wal_size;
    if wal_size <= base.header.wal_size || log_end <= base.end {
        return Ok(base.header.wal_size);
    }
    // Only whole pieces move: the one across the end of the log is the last.
    let mut moved_end = log_end.min(out.position()).max(vectors.end_below(log_end));
    for section in sections.iter() {
        if section.bytes_offset < log_end {
            moved_end = moved_end.max(section.bytes_offset + section.bytes_length);
        }
    }
    for slice in slices.values() {
        moved_end = moved_end.max(slice.payload_end_below(log_end)?);
    }
    if out.position() < log_end {
        out.skip(log_end - out.position())?;
    }
    let mut place = base.end;
    let shift = out.position() - place;
    let mut buffer = vec![0; 1 << 20];
    while place < moved_end {
        let length = (moved_end - place).min(buffer.len() as u64);
        let piece = buffer.get_mut(..length as usize).unwrap_or_default();
        output::read_at(&base.storage, place, piece)?;
        out.write(piece)?;
        place += length;
    }
    for section in sections {
        if section.bytes_offset < log_end {
            section.bytes_offset += shift;
        }
    }
    vectors.move_below(log_end, shift);
    for slice in slices.values_mut() {
        slice.move_payloads_below(log_end, shift)?;
    }
    out.flush()?;
    // Nothing of what was there stays in the log.
    fill_log(&base.storage, base.end, log_end - base.end)?;
    Ok(wal_size)
}

/// Writes zeros where the log will be: its blocks then exist, so that a later append changes no allocation.
fn fill_log(storage: &Arc<FileStorage>, from: u64, length: u64) -> Result<()> {
    let mut zeros = Output::new(Arc::clone(storage), from);
    compact::write_zeros(&mut zeros, length)?;
    zeros.flush()
}

fn gone(storage: &FileStorage) -> Error {
    let path = storage.path().to_string_lossy().into_owned();
    Error::new(
        Code::NotFound,
        format!(
            "{path} was removed or replaced while documents were being stored; nothing was stored"
        ),
        json!({ "path": path }),
    )
}

fn stopped_unexpectedly() -> Error {
    Error::new(
        Code::Internal,
        "a thread that was writing stopped unexpectedly; nothing was stored",
        Value::Null,
    )
}

/// Passes documents on until there are no more or a lane fails.
fn hand_out(
    shared: &Shared<'_>,
    feed: &mut Feed<'_>,
    slices: &mut dyn Iterator<Item = Result<Vec<Document>>>,
    lanes: &SyncSender<Slice>,
) -> Result<()> {
    for documents in slices {
        let mut documents = documents?.into_iter();
        loop {
            let mut bytes = 0;
            let mut part = Vec::new();
            while part.len() < SLICE && bytes < SLICE_BYTES {
                let Some(document) = documents.next() else {
                    break;
                };
                bytes += document.size();
                part.push(document);
            }
            if part.is_empty() {
                break;
            }
            let slice = feed.slice(part)?;
            if shared.is_stopped() {
                return Ok(());
            }
            // All of it is stored already. Its first frame is also that of the next slice, by which slices are told apart.
            if slice.documents.is_empty() {
                continue;
            }
            lanes.send(slice).map_err(|_| stopped_unexpectedly())?;
        }
    }
    Ok(())
}

/// Hands what was written to the disk now and then, beside the lanes.
fn flush(shared: &Shared<'_>, start: u64, done: &AtomicBool) {
    let (mut synced, mut wait) = (start, FIRST_SYNC);
    while !done.load(Ordering::Relaxed) {
        std::thread::park_timeout(std::time::Duration::from_millis(20));
        let position = shared.position.load(Ordering::Relaxed);
        if position - synced >= wait {
            // Only to be early, but an error of the disk is told once: the sync before the table of contents would not
            // hear of it.
            if let Err(error) = output::sync(shared.storage) {
                return shared.fail(error);
            }
            synced = position;
            wait = (wait * 2).min(SYNC_EVERY);
        }
    }
}

/// What one lane made.
#[derive(Default)]
struct Lane {
    slices: Vec<(u64, FreshFrames)>,
    sections: Vec<SegmentMeta>,
}

fn run_lane(
    shared: &Shared<'_>,
    queue: &Mutex<Receiver<Slice>>,
    level: i32,
    indexes: bool,
) -> Lane {
    let mut lane = Lane::default();
    let mut worker = Worker {
        shared,
        preparer: Preparer::new(level),
        builder: None,
        indexes,
    };
    loop {
        let next = queue.lock().recv();
        let Ok(slice) = next else { break };
        // After a failure the queue is emptied, so that nobody waits for room in it.
        if shared.is_stopped() {
            continue;
        }
        // A lane that panics goes on emptying the queue, too.
        let taken = guarded(|| worker.take(slice, &mut lane));
        if let Err(error) = taken {
            shared.fail(error);
        }
    }
    if !shared.is_stopped() {
        let finished = guarded(|| worker.finish(&mut lane));
        if let Err(error) = finished {
            shared.fail(error);
        }
    }
    lane
}

/// Turns a panic, which only a bug can cause, into an error: nobody may wait for a thread that is gone.
pub fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(stopped_unexpectedly()))
}

struct Worker<'s, 'a> {
    shared: &'s Shared<'a>,
    preparer: Preparer,
    builder: Option<lex::SegmentBuilder>,
    indexes: bool,
}

impl Worker<'_, '_> {
    fn take(&mut self, slice: Slice, lane: &mut Lane) -> Result<()> {
        let mut frames: Vec<(Frame, [u8; 32])> = Vec::with_capacity(slice.documents.len());
        let mut payloads = Vec::new();
        let mut search_text_left = slice.search_text_budget;
        let mut vectors = Vec::new();
        for (index, document, pieces) in slice.documents {
            let mut prepared = self.preparer.prepare_pieces(document, pieces, index)?;
            let parent = slice.first_frame + frames.len() as u64;
            let vector = prepared
                .frames
                .first_mut()
                .and_then(|first| first.vector.take());
            vectors.extend(vector.map(|vector| (parent, vector)));
            self.add(
                prepared,
                parent,
                &mut frames,
                &mut payloads,
                &mut search_text_left,
            )?;
            self.finish_full(lane)?;
        }
        let place = self.shared.write(&payloads)?;
        for (frame, _) in &mut frames {
            frame.payload_offset += place;
        }
        let shared = self.shared;
        shared.vectors.take(
            slice.first_vector,
            vectors,
            &|bytes| shared.write(bytes),
            &|place, bytes| output::write_at(shared.storage, place, bytes),
        )?;
        let mut fresh = FreshFrames::encode(frames.iter().map(|(frame, sketch)| (frame, sketch)))?;
        let before = self
            .shared
            .frames
            .fetch_add(fresh.length(), Ordering::Relaxed);
        if before > PLAIN_FRAMES {
            fresh.pack()?;
        }
        lane.slices.push((slice.first_frame, fresh));
        Ok(())
    }

    fn add(
        &mut self,
        document: PreparedDocument,
        parent: u64,
        frames: &mut Vec<(Frame, [u8; 32])>,
        payloads: &mut Vec<u8>,
        search_text_left: &mut u64,
    ) -> Result<()> {
        let first = frames.len();
        for (number, prepared) in document.frames.into_iter().enumerate() {
            let mut frame = prepared.frame;
            let document = (number > 0).then_some(parent);
            identify(&mut frame, parent + number as u64, document);
            frame.payload_offset = payloads.len() as u64;
            payloads.extend_from_slice(&prepared.payload);
            if let Some(body) = prepared.body {
                if self.indexes {
                    let parent = frames.get(first).map(|(document, _)| document);
                    let builder = match &mut self.builder {
                        Some(builder) => builder,
                        none => none.insert(lex::SegmentBuilder::new(SEGMENT_MEMORY)?),
                    };
                    builder.add(&lex_sections::document(&frame, parent, &body))?;
                }
                let present = frame.search_text.as_ref().map(String::len);
                let length = present.unwrap_or(body.len()) as u64;
                if present.is_none() && length <= *search_text_left {
                    frame.search_text = Some(body);
                }
                *search_text_left = search_text_left.saturating_sub(length);
            }
            // Our own preparer leaves none out.
            frames.push((frame, prepared.sketch.unwrap_or_default()));
        }
        Ok(())
    }

    /// Finishes an index that is full, one lane at a time; who cannot have the turn now goes on filling its own for a while.
    fn finish_full(&mut self, lane: &mut Lane) -> Result<()> {
        let Some(builder) = self.builder.as_ref().filter(|builder| builder.is_full()) else {
            return Ok(());
        };
        let shared = self.shared;
        let _turn = match shared.finishing.try_lock() {
            Some(turn) => turn,
            None if builder.memory_usage() < LARGEST_INDEX => return Ok(()),
            None => shared.finishing.lock(),
        };
        self.finish(lane)
    }

    /// Writes the segment that was built.
    fn finish(&mut self, lane: &mut Lane) -> Result<()> {
        let Some(builder) = self.builder.take() else {
            return Ok(());
        };
        let bytes = builder.finish()?;
        let offset = self.shared.write(&bytes)?;
        lane.sections
            .push(lex_sections::entry(&bytes, 0, 0, offset));
        Ok(())
    }
}
