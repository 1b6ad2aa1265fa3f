//! The handle applications hold: one memory, shared by threads, refreshed when other processes write.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use mv2::lock::{FileLock, KeptFile};
use mv2::storage::{FileIdentity, FileStorage};
use parking_lot::Mutex;
use serde_json::json;

use crate::ahead::{Job, Made, Rewrite};
use crate::bulk;
use crate::commit::{self, CommitOptions};
use crate::committed::Committed;
use crate::compact;
use crate::create;
use crate::dedupe::DedupeTable;
use crate::document::{Document, PreparedDocument, PreparedFrame, Preparer};
use crate::embedding::{Embedding, Identity, vectors_disabled, wrong_dimension};
use crate::error::{Code, Error, Result};
use crate::frame_table::Edit;
use crate::options::{Dedupe, OpenMode, OpenOptions, PutOptions, PutResult};
use crate::pending::Pending;
use crate::snapshot::Snapshot;
use crate::vec_sections::Fresh;
use crate::writer::{self, Applied, Changes};

/// Most frames that [`Memory::put_at_once`] leaves to be indexed by who comes next.
const MOST_WAITING: usize = 64;

/// From this many documents on, a batch is prepared on two threads.
const PARALLEL_FROM: usize = 256;

/// What the writes of one handle share; they take turns.
#[derive(Default)]
struct Writer {
    table: DedupeTable,
    /// The file, to be locked.
    kept: Option<KeptFile>,
    /// A rewrite that runs beside. It holds the lock on the file.
    rewrite: Option<Rewrite>,
}

/// One open memory. All methods take `&self`; reads work on snapshots and never wait for writers.
pub struct Memory {
    /// As the caller gave it.
    path: PathBuf,
    /// Without links.
    real: PathBuf,
    options: OpenOptions,
    state: ArcSwapOption<Snapshot>,
    writer: Mutex<Writer>,
    refresh: Mutex<()>,
    lex: AtomicBool,
    /// Whether a thread is about to rewrite the file.
    rewriting: AtomicBool,
    /// Generation of which a rewrite failed: it is not tried again beside; who finds the log full tries it once more.
    rewrite_failed: AtomicU64,
}

impl Memory {
    /// Opens or creates the memory at `path`.
    pub fn open(path: &Path, options: OpenOptions) -> Result<Self> {
        if path.as_os_str().is_empty() {
            return Err(Error::invalid(
                "path",
                "an empty string",
                "the path of a memory",
            ));
        }
        refuse_neighbours(path, &mv2::neighbours::forbidden(path))?;
        refuse_special(path)?;
        let exists = FileIdentity::of_path(path)?.is_some();
        // A memory behind a link is the file that the link leads to: that is what gets locked, read and rewritten.
        let real = if exists {
            resolve(path)?
        } else {
            path.to_path_buf()
        };
        match options.mode {
            OpenMode::Open if !exists => return Err(missing(path)),
            OpenMode::Open | OpenMode::Auto if exists => {}
            _ if options.read_only => return Err(missing(path)),
            _ => create::create(&real, &options)?,
        }
        let real = resolve(&real)?;
        let storage = Arc::new(FileStorage::open_existing(&real, !options.read_only)?);
        let committed = load(&storage, options.lock_timeout, Locked::No)?;
        let lex = options.enable_lex && lex_enabled(&committed);
        let pending = writer::load_pending(&committed, lex)?;
        let snapshot = Snapshot {
            committed: Arc::new(committed),
            pending,
        };
        Ok(Self {
            path: path.to_path_buf(),
            real,
            options,
            state: ArcSwapOption::from_pointee(snapshot),
            writer: Mutex::new(Writer::default()),
            refresh: Mutex::new(()),
            lex: AtomicBool::new(lex),
            rewriting: AtomicBool::new(false),
            rewrite_failed: AtomicU64::new(0),
        })
    }

    /// The path as given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The options it was opened with.
    #[must_use]
    pub fn options(&self) -> &OpenOptions {
        &self.options
    }

    /// Whether lexical search works through this handle.
    #[must_use]
    pub fn lex_is_enabled(&self) -> bool {
        self.lex.load(Ordering::Relaxed)
    }

    /// The current state, including what other processes wrote since the last call.
    pub fn snapshot(&self, operation: &str) -> Result<Arc<Snapshot>> {
        self.current(operation, Locked::No)
    }

    fn current(&self, operation: &str, locked: Locked) -> Result<Arc<Snapshot>> {
        let current = self
            .state
            .load_full()
            .ok_or_else(|| Error::closed(operation))?;
        if !self.is_stale(&current)? {
            return Ok(current);
        }
        let _one_at_a_time = self.refresh.lock();
        let current = self
            .state
            .load_full()
            .ok_or_else(|| Error::closed(operation))?;
        if !self.is_stale(&current)? {
            return Ok(current);
        }
        let next = Arc::new(self.reload(&current, locked)?);
        // A write of this handle may have published a newer state meanwhile; then ours is not needed.
        self.state
            .compare_and_swap(&Some(current), Some(Arc::clone(&next)));
        Ok(next)
    }

    fn is_stale(&self, current: &Snapshot) -> Result<bool> {
        let committed = &current.committed;
        match FileIdentity::and_length_of_path(&self.real)? {
            None => Err(missing(&self.path)),
            // To touch bytes of the map that are no longer there would kill the process.
            Some((identity, length))
                if identity == committed.storage.identity() && length < committed.end =>
            {
                Err(Error::corrupt(
                    "file",
                    length,
                    format_args!("{} was cut off while it was open", self.path.display()),
                ))
            }
            Some((identity, _)) => Ok(identity != committed.storage.identity()
                || committed.header_changed()
                || writer::has_new_records(committed, &current.pending)),
        }
    }

    fn reload(&self, current: &Snapshot, locked: Locked) -> Result<Snapshot> {
        let lex = self.lex_is_enabled();
        let storage = &current.committed.storage;
        let replaced = FileIdentity::of_path(&self.real)? != Some(storage.identity());
        if !replaced && !current.committed.header_changed() {
            let mut next = current.clone();
            writer::extend_pending(&next.committed, &mut next.pending, lex)?;
            return Ok(next);
        }
        let storage = if replaced {
            let writable = !self.options.read_only;
            Arc::new(FileStorage::open_existing(&self.real, writable)?)
        } else {
            Arc::clone(storage)
        };
        let committed = load(&storage, self.options.lock_timeout, locked)?;
        let pending = writer::load_pending(&committed, lex)?;
        Ok(Snapshot {
            committed: Arc::new(committed),
            pending,
        })
    }

    /// Stores documents as one transaction: durable when it returns, and all or nothing.
    pub fn put(&self, documents: Vec<Document>, options: PutOptions) -> Result<PutResult> {
        self.check_writable("put")?;
        check_level(options.compression_level)?;
        self.check_takes_vectors("put", documents.iter())?;
        let prepared = prepare(documents, options.compression_level)?;
        self.store("put", prepared, options.dedupe)
    }

    /// Stores one short document as [`Memory::put`] does with [`Dedupe::Keep`], for a caller that must not be kept waiting;
    /// gives its id. `None`, with nothing done, when it could take longer than handing the work to another thread would:
    /// another write has its turn, another process holds the lock or wrote since, the log has no room, many frames wait to
    /// be indexed, or the disk was of late not faster than `patience`, or nothing is known of it since the last commit.
    pub fn put_at_once(
        &self,
        document: Document,
        level: i32,
        patience: Duration,
    ) -> Result<Option<u64>> {
        const OPERATION: &str = "put";
        self.check_writable(OPERATION)?;
        check_level(level)?;
        self.check_takes_vectors(OPERATION, std::iter::once(&document))?;
        let Some(mut writer) = self.writer.try_lock() else {
            return Ok(None);
        };
        let current = self
            .state
            .load_full()
            .ok_or_else(|| Error::closed(OPERATION))?;
        let pending = &current.pending;
        if !pending.pace.is_within(patience)
            || pending.lex.waiting() >= MOST_WAITING
            || self.is_stale(&current)?
        {
            return Ok(None);
        }
        let documents = prepare(vec![document], level)?;
        let locked = self.lock_for_log(OPERATION, &mut writer, Duration::ZERO);
        let (_lock, snapshot) = match locked {
            Err(error) if error.code == Code::Locked => return Ok(None),
            locked => locked?,
        };
        let changes = Changes {
            documents,
            ..Changes::default()
        };
        check_dimensions(&snapshot, &changes.documents)?;
        let id = snapshot.frame_count();
        let options = self.commit_options(&snapshot);
        let next = writer::append_if_room(&snapshot, &changes, &options)?;
        Ok(next.map(|next| {
            self.state.store(Some(Arc::new(next)));
            id
        }))
    }

    /// Stores all documents that `slices` gives as one transaction, without holding them in memory: durable when it
    /// returns, and all or nothing. An error of `slices` ends it; then nothing is stored. While more comes than the log
    /// takes, other writers wait.
    pub fn put_slices(
        &self,
        slices: &mut dyn Iterator<Item = Result<Vec<Document>>>,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.check_writable("put")?;
        check_level(options.compression_level)?;
        let log = self.snapshot("put")?.committed.header.wal_size;
        let (mut gathered, mut bytes) = (Vec::new(), 0);
        // What fits into the log goes there: a commit would rewrite the table of contents. Who replaces documents needs
        // all of them at hand, because a later one may replace an earlier one.
        while bytes <= log / 4 || options.dedupe == Dedupe::Replace {
            let Some(slice) = slices.next() else {
                return self.put(gathered, options);
            };
            let slice = slice?;
            self.check_takes_vectors("put", slice.iter())?;
            bytes += slice
                .iter()
                .map(|document| document.size() as u64)
                .sum::<u64>();
            gathered.extend(slice);
        }
        let mut writer = self.writer.lock();
        let (_lock, mut snapshot) = self.lock_alone("put", &mut writer)?;
        let table = &mut writer.table;
        // The file is not rewritten now: after the batch it may be due or not.
        let plain = self.commit_options(&snapshot);
        snapshot = self.with_empty_log(snapshot, &plain)?;
        if options.dedupe != Dedupe::Keep {
            table.update(&snapshot)?;
        }
        let find = |hash: &[u8; 32]| table.find(&snapshot, hash);
        let mut slices = slices.map(|slice| {
            let slice = slice?;
            self.check_takes_vectors("put", slice.iter())?;
            Ok(slice)
        });
        let stored = bulk::commit(
            &snapshot,
            gathered,
            &mut slices,
            &options,
            (options.dedupe != Dedupe::Keep).then_some(&find),
            &self.handing_over(&snapshot),
        )?;
        self.publish_commit(stored.committed);
        Ok(PutResult {
            ids: stored.ids,
            duplicate_of: stored.duplicate_of,
            sequence: snapshot.pending.last_sequence,
        })
    }

    fn store(
        &self,
        operation: &str,
        prepared: Vec<PreparedDocument>,
        dedupe: Dedupe,
    ) -> Result<PutResult> {
        self.mutate(operation, |snapshot, table| {
            let mut ids = Vec::with_capacity(prepared.len());
            let mut duplicate_of = Vec::with_capacity(prepared.len());
            let mut changes = Changes::default();
            check_dimensions(snapshot, &prepared)?;
            let mut next = snapshot.frame_count();
            let mut fresh = std::collections::HashMap::new();
            let mut fresh_vectors = std::collections::HashMap::new();
            if dedupe != Dedupe::Keep {
                table.update(snapshot)?;
            }
            for mut document in prepared {
                let hash = document
                    .frames
                    .first()
                    .and_then(|first| first.frame.source_sha256);
                let earlier = match (dedupe, hash) {
                    (Dedupe::Keep, _) | (_, None) => None,
                    (_, Some(hash)) => fresh
                        .get(&hash)
                        .copied()
                        .or_else(|| table.find(snapshot, &hash)),
                };
                duplicate_of.push(earlier);
                if let (Dedupe::Skip, Some(earlier)) = (dedupe, earlier) {
                    ids.push(earlier);
                    continue;
                }
                if dedupe == Dedupe::Replace {
                    document.supersedes = earlier;
                    // The content is the same, and so is what it means.
                    if let (Some(earlier), Some(first)) = (earlier, document.frames.first_mut())
                        && first.vector.is_none()
                    {
                        let known = match fresh_vectors.get(&earlier) {
                            Some(known) => Some(Clone::clone(known)),
                            None if earlier < snapshot.frame_count() => {
                                snapshot.embedding(earlier)?
                            }
                            None => None,
                        };
                        if let Some(embedding) = known {
                            first.embed(embedding);
                        }
                    }
                    if let Some(embedding) =
                        document.frames.first().and_then(PreparedFrame::embedding)
                    {
                        fresh_vectors.insert(next, embedding);
                    }
                }
                if let Some(hash) = hash.filter(|_| dedupe != Dedupe::Keep) {
                    fresh.insert(hash, next);
                }
                ids.push(next);
                next += document.frames.len() as u64;
                changes.documents.push(document);
            }
            Ok((changes, (ids, duplicate_of)))
        })
        .map(|(sequence, (ids, duplicate_of))| PutResult {
            ids,
            duplicate_of,
            sequence,
        })
    }

    /// Gives active frames other vectors, all or none: durable when it returns. `vectors` holds one for each id, one behind
    /// the other. Vectors of another size than those of the file have to replace all of them in one call (MV014 if they do
    /// not); those of superseded versions are then gone.
    pub fn set_vectors(&self, ids: &[u64], vectors: &[f32], identity: Identity) -> Result<u64> {
        const OPERATION: &str = "setVectors";
        self.check_writable(OPERATION)?;
        if !self.options.enable_vec {
            return Err(vectors_disabled(OPERATION));
        }
        let Some(dimension) = vectors.len().checked_div(ids.len()) else {
            return Ok(0);
        };
        if dimension * ids.len() != vectors.len() {
            return Err(Error::invalid(
                "vectors",
                format_args!("{} numbers", vectors.len()),
                &format!("as many for each of {} frames", ids.len()),
            ));
        }
        let identity = Arc::new(identity);
        let mut given = std::collections::BTreeMap::new();
        for (index, id) in ids.iter().enumerate() {
            let numbers = vectors.get(index * dimension..(index + 1) * dimension);
            let embedding = Embedding {
                vector: Arc::from(numbers.unwrap_or_default()),
                identity: Arc::clone(&identity),
            };
            embedding.check(&format!("vectors[{index}]"), Some(index))?;
            if given.insert(*id, embedding.vector).is_some() {
                return Err(Error::invalid("ids", id, "every frame once"));
            }
        }
        let mut writer = self.writer.lock();
        let (_lock, mut snapshot) = self.lock_alone(OPERATION, &mut writer)?;
        for &id in given.keys() {
            snapshot.active_view(id)?;
        }
        let stored = snapshot.vector_dimension()?;
        let replaces_all = stored.is_some_and(|stored| stored != dimension);
        if let Some(stored) = stored.filter(|_| replaces_all) {
            let mut replaced = 0;
            for &id in given.keys() {
                replaced += u64::from(snapshot.vector(id)?.is_some());
            }
            if replaced < snapshot.vector_count()? {
                return Err(wrong_dimension(stored, dimension, None));
            }
        }
        let options = self.handing_over(&snapshot);
        snapshot = self.with_empty_log(snapshot, &options)?;
        let edits = given.keys().map(|&id| {
            let edit = Edit {
                embedding: Some((Arc::clone(&identity), dimension)),
                payload_offset: None,
            };
            (id, edit)
        });
        let fresh = given.iter().map(|(&id, vector)| (id, vector));
        let committed = commit::write_vectors(
            &snapshot,
            Fresh::of(&snapshot.committed, fresh)?,
            edits.collect(),
            replaces_all,
            &options,
        )?;
        self.publish_commit(committed);
        Ok(given.len() as u64)
    }

    /// Stores `next` as the new version of frame `id`. `build` gets the current state, to take over what the caller
    /// does not change. The old version stays reachable with as-of.
    pub fn update(
        &self,
        id: u64,
        build: impl FnOnce(&Snapshot, u64) -> Result<Document>,
    ) -> Result<u64> {
        self.mutate("update", |snapshot, _| {
            let id = document_of(snapshot, id)?;
            let document = build(snapshot, id)?;
            if !kept_embedding(snapshot, id, &document)? {
                self.check_takes_vectors("update", std::iter::once(&document))?;
            }
            let mut prepared = Preparer::new(PutOptions::default().compression_level)
                .for_log()
                .prepare(document, 0)?;
            prepared.supersedes = Some(id);
            check_dimensions(snapshot, std::slice::from_ref(&prepared))?;
            let new = snapshot.frame_count();
            Ok((
                Changes {
                    documents: vec![prepared],
                    ..Changes::default()
                },
                new,
            ))
        })
        .map(|(_, id)| id)
    }

    /// Removes documents with their chunks, all or none; gives the log sequence and how many documents went.
    pub fn remove(&self, ids: &[u64]) -> Result<(u64, u64)> {
        self.mutate("remove", |snapshot, _| {
            let mut removals = ids
                .iter()
                .map(|&id| document_of(snapshot, id))
                .collect::<Result<Vec<_>>>()?;
            removals.sort_unstable();
            removals.dedup();
            let count = removals.len() as u64;
            Ok((
                Changes {
                    removals,
                    ..Changes::default()
                },
                count,
            ))
        })
    }

    /// Takes the words of what was written last apart, which a write leaves for after its answer. A search that comes
    /// first does it itself.
    pub fn index_log(&self) {
        if let Some(snapshot) = self.state.load_full() {
            snapshot.pending.lex.whole();
        }
    }

    /// Moves the log into the file, so that every reader of the format sees it. Nothing to do on a read-only handle.
    pub fn seal(&self) -> Result<()> {
        if self.options.read_only {
            return self
                .state
                .load()
                .as_ref()
                .map(|_| ())
                .ok_or_else(|| Error::closed("seal"));
        }
        // Nothing in the log, as far as this handle can see, is nothing to wait for another writer for.
        if self.snapshot("seal")?.pending.is_empty() {
            return Ok(());
        }
        self.with_lock("seal", |snapshot| self.sealed(snapshot))
    }

    /// The state after moving the log into the file; `None` when there is no newer one at hand.
    fn sealed(&self, snapshot: &Snapshot) -> Result<Applied> {
        if snapshot.pending.is_empty() {
            return Ok((None, None));
        }
        writer::checkpoint(snapshot, &self.handing_over(snapshot))
    }

    /// Seals and releases the file. Calling it again does nothing.
    pub fn close(&self) -> Result<()> {
        if self.state.load().is_none() {
            return Ok(());
        }
        if self.options.read_only {
            self.state.store(None);
            return Ok(());
        }
        // A write that waits for its turn must not come between sealing and releasing.
        let mut writer = self.writer.lock();
        // Without one, or with one that failed, the log is moved into the file below.
        let _ = self.end_rewrite(&mut writer);
        let Some(current) = self.state.load_full() else {
            return Ok(());
        };
        let mut kept = std::mem::take(&mut *writer).kept;
        if current.pending.is_empty() && !self.is_stale(&current).unwrap_or(false) {
            self.state.store(None);
            return Ok(());
        }
        let sealed = self
            .lock_file("close", &mut kept, self.options.lock_timeout)
            .and_then(|(_lock, snapshot)| {
                let (next, _lock_on_rewritten) = self.sealed(&snapshot)?;
                self.publish(next);
                Ok(())
            });
        // Released even when the log could not be moved into the file now, on a full disk for instance: what is in the log
        // is durable, and the next handle goes on with it.
        self.state.store(None);
        sealed
    }

    /// Enables lexical search: for this handle, and in the file unless it is read-only.
    pub fn enable_lex(&self) -> Result<()> {
        let snapshot = self.snapshot("enableLex")?;
        if self.lex_is_enabled() {
            return Ok(());
        }
        self.lex.store(true, Ordering::Relaxed);
        if self.options.read_only {
            let pending = writer::load_pending(&snapshot.committed, true)?;
            self.state.store(Some(Arc::new(Snapshot {
                committed: Arc::clone(&snapshot.committed),
                pending,
            })));
            return Ok(());
        }
        let enabled = self.with_lock("enableLex", |snapshot| {
            let pending = writer::load_pending(&snapshot.committed, true)?;
            let indexed = Snapshot {
                committed: Arc::clone(&snapshot.committed),
                pending,
            };
            let options = CommitOptions {
                lex_enabled: true,
                index: true,
                capacity: self.options.capacity,
                hands_over: true,
            };
            writer::checkpoint(&indexed, &options)
        });
        if enabled.is_err() {
            self.lex.store(false, Ordering::Relaxed);
        }
        enabled
    }

    fn commit_options(&self, snapshot: &Snapshot) -> CommitOptions {
        CommitOptions {
            lex_enabled: lex_enabled(&snapshot.committed),
            index: self.lex_is_enabled(),
            capacity: self.options.capacity,
            hands_over: false,
        }
    }

    /// For a commit after which other programs may be handed the file.
    fn handing_over(&self, snapshot: &Snapshot) -> CommitOptions {
        CommitOptions {
            hands_over: true,
            ..self.commit_options(snapshot)
        }
    }

    /// MV011 when there are vectors and the handle was opened without them.
    pub(crate) fn check_takes_vectors<'a>(
        &self,
        operation: &str,
        mut documents: impl Iterator<Item = &'a Document>,
    ) -> Result<()> {
        if self.options.enable_vec || documents.all(|document| document.embedding.is_none()) {
            return Ok(());
        }
        Err(vectors_disabled(operation))
    }

    fn check_writable(&self, operation: &str) -> Result<()> {
        if self.state.load().is_none() {
            return Err(Error::closed(operation));
        }
        if self.options.read_only {
            return Err(Error::read_only(operation));
        }
        Ok(())
    }

    /// Plans a change on the current state and makes it durable. Gives the log sequence reached and the plan's result.
    fn mutate<T>(
        &self,
        operation: &str,
        plan: impl FnOnce(&Snapshot, &mut DedupeTable) -> Result<(Changes, T)>,
    ) -> Result<(u64, T)> {
        self.check_writable(operation)?;
        // Calls on one handle take turns; the time-out is for other writers.
        let mut writer = self.writer.lock();
        let timeout = self.options.lock_timeout;
        let (mut lock, mut snapshot) = self.lock_for_log(operation, &mut writer, timeout)?;
        let (changes, result) = plan(&snapshot, &mut writer.table)?;
        let options = self.commit_options(&snapshot);
        if lock.is_none() {
            if let Some(next) = writer::append_if_room(&snapshot, &changes, &options)? {
                let sequence = next.pending.last_sequence;
                self.state.store(Some(Arc::new(next)));
                return Ok((sequence, result));
            }
            // Only its end makes room. Nobody wrote since the plan was made: the lock is held without a gap.
            if let Some((held, current)) = self.end_rewrite(&mut writer)? {
                (lock, snapshot) = (Some(held), current);
            }
        }
        let _lock = lock;
        let (next, _lock_on_rewritten) = writer::apply(&snapshot, changes, &options)?;
        let sequence = next
            .as_ref()
            .map_or(snapshot.pending.last_sequence, |next| {
                next.pending.last_sequence
            });
        self.publish(next);
        Ok((sequence, result))
    }

    fn with_lock(
        &self,
        operation: &str,
        change: impl FnOnce(&Snapshot) -> Result<Applied>,
    ) -> Result<()> {
        self.check_writable(operation)?;
        let mut writer = self.writer.lock();
        let (_lock, snapshot) = self.lock_alone(operation, &mut writer)?;
        let (next, _lock_on_rewritten) = change(&snapshot)?;
        self.publish(next);
        Ok(())
    }

    /// The state with its log moved into the file. The caller holds the lock.
    fn with_empty_log(
        &self,
        snapshot: Arc<Snapshot>,
        options: &CommitOptions,
    ) -> Result<Arc<Snapshot>> {
        if snapshot.pending.is_empty() {
            return Ok(snapshot);
        }
        let emptied = writer::commit_log(&snapshot, options)?.ok_or_else(writer::not_reopened)?;
        let emptied = Arc::new(emptied);
        self.state.store(Some(Arc::clone(&emptied)));
        Ok(emptied)
    }

    /// [`Memory::publish`] for a commit that left the log empty.
    fn publish_commit(&self, committed: Option<Committed>) {
        self.publish(committed.map(|committed| Snapshot {
            pending: Pending::new(writer::applied_sequence(&committed)),
            committed: Arc::new(committed),
        }));
    }

    /// Makes `next` the current state, after rewriting the file when most of it is dead. The caller holds the lock. Without
    /// a state (it is durable, but could not be opened) the next call finds out that the current one is stale.
    fn publish(&self, next: Option<Snapshot>) {
        let Some(next) = next else {
            return;
        };
        let options = self.commit_options(&next);
        let (next, _lock) = compact::tidy(next, &options);
        self.state.store(Some(Arc::new(next)));
    }

    /// Whether [`Memory::rewrite_beside`] has something to do: the log is nearly full, and the put that finds it full would
    /// wait for long.
    #[must_use]
    pub fn rewrite_is_due(&self) -> bool {
        !self.rewriting.load(Ordering::Relaxed)
            && self.state.load().as_ref().is_some_and(|snapshot| {
                snapshot.committed.generation != self.rewrite_failed.load(Ordering::Relaxed)
                    && compact::is_due_beside(snapshot)
            })
    }

    /// Moves the log into a new file while other threads go on with puts, see [`crate::ahead`]. For a thread of its own; does
    /// nothing when nothing is due, and when another process has the lock.
    pub fn rewrite_beside(&self) {
        if self.options.read_only || !self.rewrite_is_due() {
            return;
        }
        if self.rewriting.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Some((job, snapshot)) = self.begin_rewrite() {
            let options = self.commit_options(&snapshot);
            job.run(&snapshot, &options, || self.state.load_full());
            let mut writer = self.writer.lock();
            // A write that needed room may have ended it already.
            let is_running = |rewrite: &Rewrite| Arc::ptr_eq(&rewrite.job, &job);
            if writer.rewrite.as_ref().is_some_and(is_running) {
                // What failed is tried again by the put that finds the log full.
                let _ = self.end_rewrite(&mut writer);
            }
            drop(writer);
            // Last, and beside the puts: the system takes its time to free a large file that nobody has open any more.
            drop(snapshot);
        }
        self.rewriting.store(false, Ordering::Relaxed);
    }

    fn begin_rewrite(&self) -> Option<(Arc<Job>, Arc<Snapshot>)> {
        let mut writer = self.writer.lock();
        let locked = self.lock_file("put", &mut writer.kept, Duration::ZERO);
        let (lock, snapshot) = locked.ok()?;
        if !compact::is_due_beside(&snapshot) {
            return None;
        }
        // From now on records are counted from this state on.
        self.state.store(Some(Arc::clone(&snapshot)));
        let job = Arc::new(Job::default());
        writer.rewrite = Some(Rewrite {
            lock,
            snapshot: Arc::clone(&snapshot),
            job: Arc::clone(&job),
        });
        Some((job, snapshot))
    }

    /// Waits for the new file of a rewrite that runs beside, if one does, and gives it the name; none runs afterwards. Gives
    /// the lock that is held then, and the state: of the new file, or of the old one when there is no new one.
    fn end_rewrite(&self, writer: &mut Writer) -> Result<Option<(FileLock, Arc<Snapshot>)>> {
        let Some(Rewrite {
            lock: old_lock,
            snapshot: base,
            job,
        }) = writer.rewrite.take()
        else {
            return Ok(None);
        };
        let finished = job.wait().and_then(|Made { prepared, index }| {
            let current = self.current("put", Locked::Yes)?;
            if !Arc::ptr_eq(&current.committed, &base.committed) {
                return Err(replaced());
            }
            prepared
                .finish(&current)
                .map(|(committed, lock)| (committed, lock, index))
        });
        match finished {
            Ok((Some(committed), lock, index)) => {
                let lex = self.lex_is_enabled();
                let pending = writer::load_pending_onto(&committed, lex, index)?;
                let committed = Arc::new(committed);
                let next = Arc::new(Snapshot { committed, pending });
                self.state.store(Some(Arc::clone(&next)));
                Ok(Some((lock, next)))
            }
            Ok((None, ..)) => Err(writer::not_reopened()),
            Err(error) if !base.committed.storage.is_current()? => Err(error),
            Err(_) => {
                let generation = base.committed.generation;
                self.rewrite_failed.store(generation, Ordering::Relaxed);
                Ok(Some((old_lock, self.current("put", Locked::Yes)?)))
            }
        }
    }

    /// Like [`Memory::lock_file`], for appending to the log only. Without a lock when a rewrite that runs beside holds it.
    fn lock_for_log(
        &self,
        operation: &str,
        writer: &mut Writer,
        timeout: Duration,
    ) -> Result<(Option<FileLock>, Arc<Snapshot>)> {
        if let Some(rewrite) = &writer.rewrite {
            let current = self.current(operation, Locked::Yes)?;
            if Arc::ptr_eq(&current.committed, &rewrite.snapshot.committed) {
                return Ok((None, current));
            }
            // Somebody put another file in its place: the new one must not take that place.
            writer.rewrite = None;
        }
        let (lock, snapshot) = self.lock_file(operation, &mut writer.kept, timeout)?;
        Ok((Some(lock), snapshot))
    }

    /// [`Memory::lock_file`] when no rewrite runs beside any more.
    fn lock_alone(
        &self,
        operation: &str,
        writer: &mut Writer,
    ) -> Result<(FileLock, Arc<Snapshot>)> {
        self.end_rewrite(writer)?;
        self.lock_file(operation, &mut writer.kept, self.options.lock_timeout)
    }

    /// Takes the writer lock on the file that the path names now, and the state as of then. Other processes are waited for
    /// no longer than `timeout`.
    fn lock_file(
        &self,
        operation: &str,
        kept: &mut Option<KeptFile>,
        timeout: Duration,
    ) -> Result<(FileLock, Arc<Snapshot>)> {
        let started = Instant::now();
        loop {
            let left = timeout.saturating_sub(started.elapsed());
            let lock = FileLock::exclusive_kept(kept, &self.real, left).map_err(|error| {
                crate::lock::describe(Error::from(error), &self.path, started.elapsed())
            })?;
            // A kept descriptor may be of a file that was replaced: then nothing of the new one is locked.
            let named = FileIdentity::of_path(&self.real)?;
            if named != Some(lock.identity()) {
                *kept = None;
                if named.is_some() {
                    continue;
                }
            }
            // The state of what the path names now.
            let snapshot = self.current(operation, Locked::Yes)?;
            // The file may have been replaced while we waited: the lock must be on what we are going to write.
            if snapshot.committed.storage.identity() != lock.identity() {
                *kept = None;
                continue;
            }
            if !snapshot.pending.is_empty() {
                return Ok((lock, snapshot));
            }
            // A log that looks empty is looked at again as a whole: another program may have put records behind older
            // ones, where no look at the front finds them.
            let pending = writer::load_pending(&snapshot.committed, self.lex_is_enabled())?;
            let committed = Arc::clone(&snapshot.committed);
            return Ok((lock, Arc::new(Snapshot { committed, pending })));
        }
    }
}

fn replaced() -> Error {
    Error::new(
        Code::Internal,
        "the file was replaced while a new one was made of it",
        json!({}),
    )
}

/// Whether a document has the vector that frame `id` has already.
fn kept_embedding(snapshot: &Snapshot, id: u64, document: &Document) -> Result<bool> {
    Ok(match &document.embedding {
        Some(embedding) => snapshot.vector(id)?.as_deref() == Some(&*embedding.vector),
        None => true,
    })
}

/// MV014 for the first document whose vector has another size than those of the file, or than the first of the batch.
fn check_dimensions(snapshot: &Snapshot, documents: &[PreparedDocument]) -> Result<()> {
    let mut expected = None;
    for (index, document) in documents.iter().enumerate() {
        let Some(vector) = document
            .frames
            .first()
            .and_then(|first| first.vector.as_ref())
        else {
            continue;
        };
        let size = match expected {
            Some(size) => size,
            None => *expected.insert(snapshot.vector_dimension()?.unwrap_or(vector.len())),
        };
        if vector.len() != size {
            return Err(wrong_dimension(size, vector.len(), Some(index)));
        }
    }
    Ok(())
}

fn check_level(level: i32) -> Result<()> {
    if (0..=11).contains(&level) {
        return Ok(());
    }
    Err(Error::invalid(
        "compressionLevel",
        level,
        "an integer from 0 to 11",
    ))
}

/// Frame `id`, or the document it is a chunk of; MV010 when it is not active.
pub fn document_of(snapshot: &Snapshot, id: u64) -> Result<u64> {
    let active = |id: u64| snapshot.is_visible(id, crate::snapshot::AsOf::default());
    if !active(id) {
        return Err(Error::frame_not_found(id));
    }
    Ok(snapshot
        .brief(id)
        .and_then(|brief| brief.parent)
        .unwrap_or(id))
}

/// Whether a commit declares a full-text index.
#[must_use]
pub fn lex_enabled(committed: &Committed) -> bool {
    let tail = &committed.tail;
    tail.segment_catalog.lex_enabled
        || tail.indexes.lex.is_some()
        || !tail.indexes.lex_segments.is_empty()
        || !tail.segment_catalog.tantivy_segments.is_empty()
}

/// Whether the caller holds a lock on the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// Reads the last commit. When the header does not lead straight to it (another program's header, a damaged file, the
/// reference writing in place) it is searched for under the shared lock.
pub fn load(storage: &Arc<FileStorage>, timeout: Duration, locked: Locked) -> Result<Committed> {
    if locked == Locked::Yes {
        return Committed::load(Arc::clone(storage));
    }
    match Committed::load_unlocked(storage) {
        Ok(Some(committed)) => return Ok(committed),
        Err(error) if error.code != Code::Corrupt => return Err(error),
        _ => {}
    }
    let path = storage.path();
    let lock = FileLock::shared(path, timeout)
        .map_err(|error| crate::lock::describe(error.into(), path, timeout))?;
    if lock.identity() == storage.identity() {
        return Committed::load(Arc::clone(storage));
    }
    // It was replaced meanwhile: what the path names now counts.
    Committed::load(Arc::new(FileStorage::open_existing(
        path,
        storage.is_writable(),
    )?))
}

/// MV019 for what is there and is no file: a folder, a device, a pipe, or a link that leads nowhere.
pub fn refuse_special(path: &Path) -> Result<()> {
    let refused = |what: &str| {
        Err(Error::invalid(
            "path",
            format_args!("{what} ({})", path.display()),
            "the path of a file",
        ))
    };
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(metadata) if metadata.is_dir() => refused("a folder"),
        Ok(_) => refused("a device or pipe"),
        Err(_) if std::fs::symlink_metadata(path).is_ok_and(|link| link.is_symlink()) => {
            refused("a link that leads nowhere")
        }
        Err(_) => Ok(()),
    }
}

/// The file that a path leads to.
fn resolve(path: &Path) -> Result<PathBuf> {
    path.canonicalize()
        .map_err(|error| Error::io("find", path, &error))
}

fn prepare(documents: Vec<Document>, level: i32) -> Result<Vec<PreparedDocument>> {
    let few = documents.len() < PARALLEL_FROM;
    let run = |first: usize, part: Vec<Document>| -> Result<Vec<PreparedDocument>> {
        let mut preparer = Preparer::new(level);
        if few {
            preparer = preparer.for_log();
        }
        part.into_iter()
            .enumerate()
            .map(|(index, document)| preparer.prepare(document, first + index))
            .collect()
    };
    if few {
        return run(0, documents);
    }
    let mut left = documents;
    let half = left.len() / 2;
    let right = left.split_off(half);
    std::thread::scope(|scope| {
        let other = scope.spawn(move || run(half, right));
        let mut prepared = run(0, left)?;
        let other = other
            .join()
            .map_err(|_| Error::new(Code::Internal, "preparing stopped unexpectedly", json!({})))?;
        prepared.extend(other?);
        Ok(prepared)
    })
}

fn missing(path: &Path) -> Error {
    Error::new(
        Code::NotFound,
        format!("no memory at {}", path.display()),
        json!({ "path": path.to_string_lossy() }),
    )
}

/// MV012 when there are `offenders`: the memory would not be one file.
pub fn refuse_neighbours(path: &Path, offenders: &[PathBuf]) -> Result<()> {
    if offenders.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = offenders
        .iter()
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    Err(Error::new(
        Code::Corrupt,
        format!(
            "files of another program stand beside {}: {}",
            path.display(),
            names.join(", ")
        ),
        json!({ "offenders": names, "path": path.to_string_lossy() }),
    ))
}
