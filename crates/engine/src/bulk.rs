//! A batch too large for the log: one commit whose documents are written while they come.
//!
//! The caller's thread hands out slices of documents with their frame ids; lanes, one a processor, compress, hash, sketch
//! and index them, and write payloads behind the footer in force as they go. Nothing refers to those bytes before the
//! table of contents is published, so a batch that fails or is abandoned leaves the memory as it was. Memory holds the
//! slices in flight, of a megabyte each or one document if that is larger, one index builder a lane, and some 100 bytes a
//! document; encoded frames are put aside once there are many (see [`crate::bulk_aside`]).
//!
//! The lanes take turns as they are free, so each builds a full-text index of its own over the same frames (see
//! [`crate::bulk_index`]): the parts of one group (see [`crate::lex_sections`]).

mod lane;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use mv2::storage::FileStorage;
use mv2::toc::{MAX_FRAMES, SegmentMeta};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::bulk_aside::Aside;
use crate::bulk_feed::{Feed, FindDuplicate, Slice};
use crate::bulk_held::Held;
use crate::bulk_places::{Movable, fill_log, make_room_for_log};
use crate::bulk_vectors::{BatchVectors, Room};
use crate::commit::{self, CommitOptions};
use crate::committed::Committed;
use crate::document::{Document, PreparedDocument, PreparedFrame};
use crate::error::{Code, Error, Result};
use crate::fresh::FreshFrames;
use crate::lex_sections;
use crate::merge;
use crate::options::PutOptions;
use crate::output::{self, Output};
use crate::pictures::{self, FreshPictures};
use crate::snapshot::Snapshot;
use crate::vec_sections::{self, status_after};
use crate::write_behind::WriteBehind;
use crate::writer::check_capacity;

/// Most documents of one piece of work, and bytes of content after which it ends.
const SLICE: usize = 256;
const SLICE_BYTES: usize = 1 << 20;
/// Pieces of work that wait; more would only take memory.
const WAITING: usize = 8;
/// Memory of encoded frames, bytes, from which on those that follow are put aside.
const MOST_FRAMES: u64 = if cfg!(test) { 1 << 20 } else { 24 << 20 };
/// More lanes than this are slowed down by the disk and by the one thread that feeds them.
pub const MOST_LANES: usize = 4;
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
    snapshot.committed.settle()?;
    let before = output::length(storage)?;
    let mut feed = Feed::new(snapshot, find_duplicate)?;
    let (room, wal_size) = room_for_vectors(snapshot, &first, put, options)?;
    let mut slices = std::iter::once(Ok(first)).chain(slices);
    let disk = WriteBehind::new(storage);
    let written = disk.beside(|| {
        let shared = Shared::new(snapshot, &disk, room, wal_size, put, options)?;
        let batch = run(shared, &mut feed, &mut slices)?;
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
            // Once a header may name what was written, only `put_in_force` knows whether it may be cut off.
            output::cut_back(storage, before);
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
    /// The pictures of its frames.
    pub pictures: FreshPictures,
    /// Writes on behind everything.
    pub out: Output,
    /// Size of the log from now on.
    pub wal_size: u64,
}

/// What the lanes share.
struct Shared<'a> {
    snapshot: &'a Snapshot,
    options: &'a CommitOptions,
    disk: &'a WriteBehind,
    /// zstd level of text.
    level: i32,
    /// Whether memory cards are made of the documents.
    enrich: bool,
    /// What the pictures of the file are, once there is one.
    picture_kind: OnceLock<pictures::Kind>,
    /// Where the next piece goes.
    position: AtomicU64,
    /// Pieces that have no place yet.
    held: Held,
    /// What is not needed before the end.
    aside: Arc<Aside>,
    /// Bytes of all frames encoded so far.
    frames: AtomicU64,
    vectors: BatchVectors,
    /// Size of the log from now on, once it is decided.
    wal_size: OnceLock<u64>,
    /// The turn to finish a full index: while that lasts it takes most of its memory again.
    finishing: Mutex<()>,
    /// The turns to end a lane: so many do it at once.
    ending: [Mutex<()>; 2],
    stop: AtomicBool,
    error: Mutex<Option<Error>>,
}

impl<'a> Shared<'a> {
    fn new(
        snapshot: &'a Snapshot,
        disk: &'a WriteBehind,
        room: Option<Room>,
        wal_size: Option<u64>,
        put: &PutOptions,
        options: &'a CommitOptions,
    ) -> Result<Self> {
        let behind = match (&room, put.expected) {
            (Some(room), Some(count)) => room.end(count),
            _ => None,
        };
        let held = if room.is_some() && behind.is_none() {
            Held::waiting()
        } else {
            Held::default()
        };
        Ok(Self {
            snapshot,
            options,
            disk,
            level: put.compression_level,
            enrich: put.enrich,
            picture_kind: OnceLock::new(),
            position: AtomicU64::new(behind.unwrap_or(snapshot.committed.end)),
            held,
            aside: Arc::new(Aside::new(&snapshot.committed.storage)),
            frames: AtomicU64::new(0),
            vectors: BatchVectors::new(snapshot, room)?,
            wal_size: wal_size.map(OnceLock::from).unwrap_or_default(),
            finishing: Mutex::new(()),
            ending: [(); 2].map(Mutex::new),
            stop: AtomicBool::new(false),
            error: Mutex::new(None),
        })
    }

    fn indexes(&self) -> bool {
        self.options.lex_enabled && self.options.index
    }

    /// Each piece gets a place of its own; one for the time being where it has to wait.
    fn write(&self, bytes: &[u8]) -> Result<u64> {
        let length = bytes.len() as u64;
        if let Some(place) = self.held.take(bytes) {
            return Ok(place);
        }
        let start = self.position.fetch_add(length, Ordering::Relaxed);
        self.write_at(start, bytes)?;
        Ok(start)
    }

    fn write_at(&self, start: u64, bytes: &[u8]) -> Result<()> {
        if let Some(limit) = self.options.capacity {
            check_capacity(limit, start + bytes.len() as u64)?;
        }
        self.disk.write_at(start, bytes)
    }

    /// Refuses a picture that cannot be compared with those of the file, or with the first one of the batch.
    fn check_picture(&self, document: &PreparedDocument, index: usize) -> Result<()> {
        let picture = document.frames.first().and_then(PreparedFrame::picture);
        let Some(picture) = picture else {
            return Ok(());
        };
        let kind = match self.picture_kind.get() {
            Some(kind) => kind,
            None => {
                let known = self.snapshot.picture_kind()?;
                self.picture_kind
                    .get_or_init(|| known.unwrap_or_else(|| picture.kind()))
            }
        };
        pictures::check_kind(kind, &picture, Some(index))
    }

    /// Decides where the vectors begin, behind a log that fits what is `expected`, bytes; gives the size of that log.
    fn place_vectors(&self, room: &Room, expected: u64) -> Result<u64> {
        let base = &self.snapshot.committed;
        let wal_size = commit::next_log_size(self.snapshot, expected, self.options.capacity);
        let start = base.end.max(base.header.wal_offset + wal_size);
        room.begin_at(start, &|place, bytes| self.write_at(place, bytes))?;
        Ok(*self.wal_size.get_or_init(|| wal_size))
    }

    /// While the number of vectors is not known: begins to write them when there are many, and what waits for their end
    /// when that is too much. `count` vectors have been given a number.
    fn keep_up(&self, count: u64) -> Result<()> {
        let Some(room) = self.vectors.room().filter(|_| self.held.is_waiting()) else {
            return Ok(());
        };
        let length = Room::length(room.dimension(), count);
        if room.start().is_none() && length > LOG_DECIDED_FROM {
            self.place_vectors(room, LIKELY_TIMES * (length + count * EACH_DOCUMENT))?;
        }
        if self.held.length() > MOST_HELD
            && let Some(end) = room.end(count)
        {
            room.close_behind(count);
            // In this order: who does not wait any more finds the place.
            self.position.store(end, Ordering::SeqCst);
            self.held.let_pass();
        }
        Ok(())
    }

    /// The first error counts.
    fn fail(&self, error: Error) {
        self.error.lock().get_or_insert(error);
        self.stop.store(true, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.disk.has_failed()
    }
}

/// Documents come with texts of some hundred bytes at least, mostly.
const EACH_TEXT: u64 = 256;
/// Bytes that a document takes beside its vector, about.
const EACH_DOCUMENT: u64 = commit::EACH_FRAME + EACH_TEXT;
/// Bytes of vectors from which on they are written though nobody knows how many come, and how many times that is likely.
const LOG_DECIDED_FROM: u64 = 4 << 20;
const LIKELY_TIMES: u64 = 4;
/// Most bytes that wait for the end of the vectors.
const MOST_HELD: u64 = if cfg!(test) { 16 << 10 } else { 256 << 20 };

/// Room for the vectors when most documents have one or most bytes are theirs, and the size of the log in front of it. When
/// it is known how many come the rest has its place behind; else the rest waits for the end of the vectors, which is some
/// tenth of their size.
fn room_for_vectors(
    snapshot: &Snapshot,
    first: &[Document],
    put: &PutOptions,
    options: &CommitOptions,
) -> Result<(Option<Room>, Option<u64>)> {
    let vectors = || {
        first
            .iter()
            .filter_map(|document| document.embedding.as_ref())
    };
    let (Some(one), count) = (vectors().next(), vectors().count()) else {
        return Ok((None, None));
    };
    // Otherwise much would wait for little.
    let texts = first
        .iter()
        .map(|document| document.content.as_bytes().len());
    let are_most = count * 2 >= first.len() || count * size_of_val(&*one.vector) >= texts.sum();
    if !are_most {
        return Ok((None, None));
    }
    let base = &snapshot.committed;
    let dimension = snapshot
        .binding_dimension(None)?
        .unwrap_or(one.vector.len());
    // Places for documents without a vector would stay empty.
    let known = put
        .expected
        .filter(|expected| count == first.len() && *expected <= MAX_FRAMES);
    if let Some(capacity) = known {
        let length = Room::length(dimension, capacity);
        let expected = length + capacity * EACH_DOCUMENT;
        let wal_size = commit::next_log_size(snapshot, expected, options.capacity);
        let start = base.end.max(base.header.wal_offset + wal_size);
        // Where space is short, each document says what it needs.
        if options.capacity.is_none_or(|limit| start + length <= limit) {
            let room = Room::at(start, dimension, capacity);
            return Ok((Some(room), Some(wal_size)));
        }
    }
    Ok((Some(Room::awaited(dimension)), None))
}

fn run(
    mut shared: Shared<'_>,
    feed: &mut Feed<'_>,
    slices: &mut dyn Iterator<Item = Result<Vec<Document>>>,
) -> Result<Batch> {
    let (snapshot, options) = (shared.snapshot, shared.options);
    let base = &snapshot.committed;
    let indexes = shared.indexes();
    let lanes = std::thread::available_parallelism().map_or(1, usize::from);
    let (sender, receiver) = sync_channel::<Slice>(WAITING);
    let receiver = Mutex::new(receiver);
    let results = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes.clamp(1, MOST_LANES))
            .map(|number| {
                let (shared, receiver) = (&shared, &receiver);
                scope.spawn(move || lane::run(shared, number, receiver))
            })
            .collect();
        let handed_out = guarded(|| hand_out(&shared, feed, slices, &sender));
        if let Err(error) = handed_out {
            shared.fail(error);
        }
        drop(sender);
        let results: Vec<_> = lanes.into_iter().map(|lane| lane.join()).collect();
        results
    });
    if let Some(error) = shared.error.lock().take() {
        return Err(error);
    }
    let mut ordered = BTreeMap::new();
    let mut parts = Vec::new();
    let mut pictures = FreshPictures::default();
    for result in results {
        let lane = result.map_err(|_| stopped_unexpectedly())?;
        ordered.extend(lane.slices);
        parts.extend(lane.sections);
        pictures.append(lane.pictures);
    }
    let mut written = Movable {
        slices: &mut ordered,
        sections: &mut parts,
    };
    let (mut out, wal_size) = match shared.vectors.room() {
        Some(room) => {
            let wal_size = match shared.wal_size.get() {
                Some(size) => *size,
                None => {
                    let length = Room::length(room.dimension(), feed.next_vector);
                    let frames = feed.next_frame - base.frame_count();
                    let rest = shared.held.length() + commit::EACH_FRAME * frames;
                    shared.place_vectors(room, length + rest)?
                }
            };
            let (from, to) = (base.end, base.header.wal_offset + wal_size);
            fill_log(&base.storage, from, to.saturating_sub(from))?;
            let place = match room.end(feed.next_vector) {
                Some(end) if shared.held.is_waiting() => end,
                _ => shared.position.load(Ordering::Relaxed),
            };
            let mut out = Output::new(Arc::clone(&base.storage), place);
            written.settle(&shared.held, &mut out)?;
            (out, wal_size)
        }
        None => {
            let position = shared.position.load(Ordering::Relaxed);
            let mut out = Output::new(Arc::clone(&base.storage), position);
            let wal_size = make_room_for_log(
                snapshot,
                &mut written,
                &mut shared.vectors,
                &mut out,
                options,
            )?;
            (out, wal_size)
        }
    };
    let fresh = shared.vectors.finish(&out)?;
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
        pictures,
        out,
        wal_size,
    })
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

/// A thread that only a bug can have ended.
pub fn stopped_unexpectedly() -> Error {
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
            shared.keep_up(feed.next_vector)?;
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

/// Turns a panic, which only a bug can cause, into an error: nobody may wait for a thread that is gone.
pub fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(stopped_unexpectedly()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;
    use std::sync::Arc;

    use serde_json::json;

    use super::{LOG_DECIDED_FROM, MOST_HELD};
    use crate::{Document, Embedding, Identity, Memory, OpenMode, OpenOptions, PutOptions};

    /// Numbers of a vector: so many that few documents are enough for what a test is about.
    const DIMENSION: usize = 2048;

    fn open(path: &Path, mode: OpenMode) -> Memory {
        let options = OpenOptions {
            mode,
            ..OpenOptions::default()
        };
        Memory::open(path, options).unwrap()
    }

    fn document(number: usize, text: usize) -> Document {
        let mut vector = vec![0.0; DIMENSION];
        vector[number % DIMENSION] = 1.0;
        // Text that does not become much shorter.
        let words = (0..text).map(|word| blake3::hash(&[number as u8, word as u8]).to_string());
        Document {
            embedding: Some(Embedding {
                vector: Arc::from(vector),
                identity: Arc::new(Identity::default()),
            }),
            ..Document::text(words.collect::<Vec<_>>().join(" "), number as i64)
        }
    }

    /// Stores documents of which nobody knows how many come.
    fn stored(count: usize, text: usize) -> (tempfile::TempDir, Memory) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.mv2");
        let memory = open(&path, OpenMode::Create);
        let numbers: Vec<usize> = (0..count).collect();
        let mut slices = numbers.chunks(100).map(|part| {
            let documents = part.iter().map(|number| document(*number, text));
            Ok(documents.collect())
        });
        memory
            .put_slices(&mut slices, PutOptions::default())
            .unwrap();
        memory.close().unwrap();
        let memory = open(&path, OpenMode::Open);
        (folder, memory)
    }

    fn assert_whole(memory: &Memory, count: usize, text: usize) {
        let stats = memory.stats().unwrap();
        assert_eq!(stats["frame_count"], count);
        let report = memory.verify(true).unwrap();
        assert_eq!(report.overall_status, "passed", "{report:?}");
        for number in [0, count / 2, count - 1] {
            let expected = document(number, text);
            assert_eq!(
                memory.text(number as u64).unwrap().as_bytes(),
                expected.content.as_bytes()
            );
            let snapshot = memory.snapshot("test").unwrap();
            let vector = snapshot.vector(number as u64).unwrap().unwrap();
            assert_eq!(vector, expected.embedding.unwrap().vector);
        }
    }

    #[test]
    fn what_waits_for_the_end_of_the_vectors_stands_behind_them_with_nothing_dead_between() {
        // Below, around and above the size from which on vectors are written before their end is known.
        let enough = LOG_DECIDED_FROM as usize / (4 * DIMENSION);
        for count in [enough / 2, enough, 3 * enough] {
            let (_folder, memory) = stored(count, 0);
            assert_whole(&memory, count, 0);
            let stats = memory.stats().unwrap();
            assert!(stats["dead_bytes"].as_u64().unwrap() < 8192, "{stats}");
        }
    }

    #[test]
    fn what_is_put_aside_meanwhile_is_all_there_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.mv2");
        let memory = open(&path, OpenMode::Create);
        let count = 12_000;
        let text = |number: usize| {
            let words =
                (0..30).map(|word| format!("w{:x}", (number * 30 + word) * 0x9E37 % 50_000));
            words
                .chain([format!("own{number}x")])
                .collect::<Vec<_>>()
                .join(" ")
        };
        let numbers: Vec<usize> = (0..count).collect();
        let mut slices = numbers.chunks(500).map(|part| {
            let documents = part
                .iter()
                .map(|number| Document::text(text(*number), *number as i64));
            Ok(documents.collect())
        });
        memory
            .put_slices(&mut slices, PutOptions::default())
            .unwrap();
        for memory in [&memory, &open(&path, OpenMode::Open)] {
            let snapshot = memory.snapshot("test").unwrap();
            let sections = snapshot.committed.lex_sections();
            // Each lane makes one, or two where one lane had most of the work.
            assert!(
                sections.len() <= 2 * super::MOST_LANES,
                "{}",
                sections.len()
            );
            let words: u64 = sections.iter().map(|section| section.bytes_length).sum();
            assert!(words > 2 << 20, "{words}");
            for number in (0..count).step_by(97).chain([count - 1]) {
                let request = json!({ "query": format!("own{number}x"), "k": 5 });
                let found = memory
                    .find(serde_json::from_value(request).unwrap())
                    .unwrap();
                let ids: Vec<u64> = found.hits.iter().map(|hit| hit.frame_id).collect();
                assert_eq!(ids, [number as u64]);
                assert_eq!(memory.text(number as u64).unwrap(), text(number));
            }
            let report = memory.verify(true).unwrap();
            assert_eq!(report.overall_status, "passed", "{report:?}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn vectors_of_few_documents_have_a_place_from_the_start_too_when_they_are_most_of_the_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.mv2");
        let memory = open(&path, OpenMode::Create);
        let mut slices = (0..9).map(|slice| {
            let documents = (100 * slice..100 * slice + 100).map(|number| Document {
                embedding: document(number, 0).embedding.filter(|_| number % 4 == 0),
                ..document(number, 1)
            });
            Ok(documents.collect())
        });
        memory
            .put_slices(&mut slices, PutOptions::default())
            .unwrap();
        let stats = memory.stats().unwrap();
        assert_eq!(stats["vector_count"], 225);
        assert!(stats["dead_bytes"].as_u64().unwrap() < 8192, "{stats}");
        assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
    }

    #[test]
    fn a_batch_whose_texts_are_too_much_to_wait_keeps_all_of_them() {
        let (count, text) = (1600, 8);
        assert!(count * text * 32 > 4 * MOST_HELD as usize);
        let (_folder, memory) = stored(count, text);
        assert_whole(&memory, count, text);
    }
}
