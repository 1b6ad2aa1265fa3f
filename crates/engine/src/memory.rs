//! The handle applications hold: one memory, shared by threads, refreshed when other processes write.

mod at_once;
mod cards;
mod load;
mod put;
mod repair;
mod rewriting;
mod staging;
mod upkeep;
mod vectors;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use mv2::frame::EnrichmentState;
use mv2::lock::{FileLock, KeptFile};
use mv2::storage::{FileIdentity, FileStorage};
use parking_lot::Mutex;

use crate::ahead::Rewrite;
use crate::cards::Derived;
use crate::commit::{self, Altered, Change, CommitOptions};
use crate::committed::Committed;
use crate::compact;
use crate::create;
use crate::dedupe::DedupeTable;
use crate::describe::Care;
use crate::document::{Document, Preparer};
use crate::error::{Code, Error, Result};
use crate::frame_table::Edits;
use crate::lex_sections::lex_enabled;
use crate::options::{OpenMode, OpenOptions, PutOptions};
use crate::output::Output;
use crate::pending::Pending;
use crate::pictures::check_documents;
use crate::snapshot::Snapshot;
use crate::vec_sections::{self, Fresh, status_after};
use crate::writer::{self, Applied, Changes};
use load::{LOOKS_AGAIN, missing, resolve};
pub use load::{Locked, load, refuse_neighbours, refuse_special};
pub use repair::Salvaged;
pub use staging::Swap;
pub use upkeep::{CompactReport, PurgeReport, PurgeRequest};
use vectors::{check_dimensions, keeps_embedding};

/// What the writes of one handle share; they take turns.
#[derive(Default)]
struct Writer {
    table: DedupeTable,
    /// The file, to be locked.
    kept: Option<KeptFile>,
    /// A rewrite that runs beside. It holds the lock on the file.
    rewrite: Option<Rewrite>,
}

thread_local! {
    static PATIENCE: Cell<Option<Duration>> = const { Cell::new(None) };
}

/// How long calls on this thread wait, of whatever memories, where they cannot be answered without: for a program that writes
/// over what they read. `None`, as at first: as long as for a lock.
pub fn set_patience(patience: Option<Duration>) {
    PATIENCE.set(patience);
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
    /// What the rules made of documents that nobody looked at yet.
    derived: Mutex<Derived>,
    /// What was rescued and what is lost, of a memory that is open for salvage.
    salvaged: Option<Salvaged>,
}

impl Memory {
    /// Opens or creates the memory at `path`.
    pub fn open(path: &Path, options: OpenOptions) -> Result<Self> {
        let timeout = options.lock_timeout;
        let load = |storage: &_| load(storage, timeout, Locked::No, Care::Quick).map(Some);
        let opened = Self::open_by(path, options, load)?;
        opened.ok_or_else(|| missing(path))
    }

    /// Opens with the commit that `load` gives, if it gives one.
    fn open_by(
        path: &Path,
        options: OpenOptions,
        load: impl FnOnce(&Arc<FileStorage>) -> Result<Option<Committed>>,
    ) -> Result<Option<Self>> {
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
        if options.salvage {
            return Self::open_salvage(path, real, options).map(Some);
        }
        let storage = Arc::new(FileStorage::open_existing(&real, !options.read_only)?);
        let Some(committed) = load(&storage)? else {
            return Ok(None);
        };
        let lex = options.enable_lex && lex_enabled(&committed);
        let pending = writer::load_pending(&committed, lex)?;
        let snapshot = Snapshot {
            committed: Arc::new(committed),
            pending,
        };
        let memory = Self::of(path, real, options, snapshot, lex);
        if let Some(is_on) = memory.options.vector_compression
            && !memory.options.read_only
        {
            memory.set_vector_compression(is_on)?;
        }
        Ok(Some(memory))
    }

    fn of(path: &Path, real: PathBuf, options: OpenOptions, snapshot: Snapshot, lex: bool) -> Self {
        Self {
            path: path.to_path_buf(),
            real,
            options,
            state: ArcSwapOption::from_pointee(snapshot),
            writer: Mutex::new(Writer::default()),
            refresh: Mutex::new(()),
            lex: AtomicBool::new(lex),
            rewriting: AtomicBool::new(false),
            rewrite_failed: AtomicU64::new(0),
            derived: Mutex::new(Derived::default()),
            salvaged: None,
        }
    }

    /// The path as given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file itself, whatever becomes of links and of the folder that the process is in.
    pub(crate) fn real(&self) -> &Path {
        &self.real
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

    /// Waits until what a call reads is whole, for as long as `patience` says; then MV007, which counts what was `waited`
    /// before. For threads that must not be held up ([`set_patience`]).
    pub fn settle(&self, patience: Duration, waited: Duration) -> Result<()> {
        let started = Instant::now();
        // Another call may be about it.
        drop(self.refresh.lock());
        let settled = self.current_within("refresh", Locked::No, patience);
        settled
            .map(|_| ())
            .map_err(|error| crate::lock::describe(error, &self.path, waited + started.elapsed()))
    }

    fn patience(&self) -> Duration {
        let most = self.options.lock_timeout;
        PATIENCE.get().map_or(most, |patience| patience.min(most))
    }

    /// Answers from the current state.
    pub(crate) fn answer<T>(
        &self,
        operation: &str,
        mut answer: impl FnMut(&Arc<Snapshot>) -> Result<T>,
    ) -> Result<T> {
        self.ask_settled(operation, |snapshot| {
            let answer = answer(snapshot);
            // An answer, or an error, may be due to damage.
            snapshot.committed.check()?;
            answer
        })
    }

    /// Asks the current state, and again when what looked like damage was another program at work in place: a newer state
    /// is one that it has left behind.
    pub(crate) fn ask_settled<T>(
        &self,
        operation: &str,
        mut ask: impl FnMut(&Arc<Snapshot>) -> Result<T>,
    ) -> Result<T> {
        let started = Instant::now();
        let mut is_first = true;
        loop {
            let snapshot = self.snapshot(operation)?;
            match ask(&snapshot) {
                Err(error) if self.is_unsettled(&error, &snapshot)? => {
                    // Programs that go on and on are not waited for any longer than for a lock.
                    if !is_first && started.elapsed() > self.patience() {
                        return Err(crate::lock::locked(&self.path, started.elapsed()));
                    }
                    is_first = false;
                }
                answer => return answer,
            }
        }
    }

    /// Whether an error that `snapshot` gave says nothing about the file as it is by now. Damage alone stays what it is.
    pub(crate) fn is_unsettled(&self, error: &Error, snapshot: &Snapshot) -> Result<bool> {
        Ok(error.code == Code::Corrupt && self.is_overtaken(snapshot)?)
    }

    fn current(&self, operation: &str, locked: Locked) -> Result<Arc<Snapshot>> {
        self.current_within(operation, locked, self.patience())
    }

    fn current_within(
        &self,
        operation: &str,
        locked: Locked,
        patience: Duration,
    ) -> Result<Arc<Snapshot>> {
        let current = self
            .state
            .load_full()
            .ok_or_else(|| Error::closed(operation))?;
        if !self.is_stale(&current)? {
            return Ok(current);
        }
        let started = Instant::now();
        // Whoever has the file locked is not kept waiting by one who waits for that lock.
        let _one_at_a_time = match locked {
            Locked::Yes => None,
            Locked::No => Some(
                self.refresh
                    .try_lock_for(patience.max(LOOKS_AGAIN))
                    .ok_or_else(|| crate::lock::locked(&self.path, started.elapsed()))?,
            ),
        };
        let current = self
            .state
            .load_full()
            .ok_or_else(|| Error::closed(operation))?;
        if !self.is_stale(&current)? {
            return Ok(current);
        }
        let patience = patience.saturating_sub(started.elapsed());
        let next = Arc::new(self.reload(&current, locked, patience)?);
        // A write of this handle may have published a newer state meanwhile; then ours is not needed.
        self.state
            .compare_and_swap(&Some(current), Some(Arc::clone(&next)));
        Ok(next)
    }

    fn is_stale(&self, current: &Snapshot) -> Result<bool> {
        let committed = &current.committed;
        Ok(self.is_overtaken(current)?
            || self.salvaged.is_none()
                && (committed.check().is_err()
                    || writer::has_new_records(committed, &current.pending)))
    }

    /// Whether the file is another one, or another commit is in force or on its way over this one.
    fn is_overtaken(&self, current: &Snapshot) -> Result<bool> {
        if self.salvaged.is_some() {
            return Ok(false);
        }
        let committed = &current.committed;
        match FileIdentity::and_length_of_path(&self.real)? {
            None => Err(missing(&self.path)),
            Some((identity, length)) => Ok(identity != committed.storage.identity()
                || length < committed.end
                || committed.header_changed()
                || committed.is_written_over()
                || writer::has_lost_records(committed, &current.pending)),
        }
    }

    fn reload(&self, current: &Snapshot, locked: Locked, patience: Duration) -> Result<Snapshot> {
        let lex = self.lex_is_enabled();
        let storage = &current.committed.storage;
        let (identity, length) =
            FileIdentity::and_length_of_path(&self.real)?.ok_or_else(|| missing(&self.path))?;
        let replaced = identity != storage.identity();
        // The reference that finds records in the log applies them in place, and the file may be shorter afterwards.
        let is_cut = !replaced && length < current.committed.end;
        let care = match current.committed.check() {
            Ok(()) if !is_cut => Care::Quick,
            _ => Care::Thorough,
        };
        if !replaced
            && care == Care::Quick
            && !current.committed.header_changed()
            && !writer::has_lost_records(&current.committed, &current.pending)
        {
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
        let committed = match load(&storage, patience, locked, care) {
            Err(error) if is_cut && error.code == Code::Corrupt => {
                return Err(Error::corrupt(
                    "file",
                    length,
                    format_args!("{} was cut off while it was open", self.path.display()),
                ));
            }
            loaded => loaded?,
        };
        let pending = writer::load_pending(&committed, lex)?;
        Ok(Snapshot {
            committed: Arc::new(committed),
            pending,
        })
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
            if !keeps_embedding(snapshot, id, &document)? {
                self.check_takes_vectors("update", std::iter::once(&document))?;
            }
            let state = snapshot.view(id)?.enrichment_state;
            let mut prepared = Preparer::new(PutOptions::default().compression_level)
                .enriching(state == EnrichmentState::Enriched)
                .for_log()
                .prepare(document, 0)?;
            prepared.supersedes = Some(id);
            check_dimensions(snapshot, std::slice::from_ref(&prepared))?;
            check_documents(snapshot, std::slice::from_ref(&prepared))?;
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
        self.release(true)
    }

    /// Releases the file and leaves what is in the log there: it is durable, and who opens the file next goes on with it.
    /// Seals all the same when so much is there that opening takes more time by and by than sealing once.
    pub fn close_unsealed(&self) -> Result<()> {
        self.release(false)
    }

    fn release(&self, seal: bool) -> Result<()> {
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
        let stays = !seal && !is_sealing_due(&current);
        // Of a file that cannot be read any more nothing can be sealed, and nothing of this handle is waiting for it.
        let cannot_be_read = || self.current("close", Locked::No).is_err();
        if stays
            || current.pending.is_empty()
                && (!self.is_stale(&current).unwrap_or(false) || cannot_be_read())
        {
            self.state.store(None);
            return Ok(());
        }
        let patience = if seal {
            self.options.lock_timeout
        } else {
            Duration::ZERO
        };
        let sealed = self
            .lock_file("close", &mut kept, patience)
            .and_then(|(_lock, snapshot)| {
                let (next, _lock_on_rewritten) = self.sealed(&snapshot)?;
                self.publish(next);
                Ok(())
            });
        // Released even when the log could not be moved into the file now, on a full disk for instance: what is in the log
        // is durable, and the next handle goes on with it.
        self.state.store(None);
        // Nobody asked for that: the next one tries again.
        if seal { sealed } else { Ok(()) }
    }

    /// Enables lexical search: for this handle, and in the file unless it is read-only.
    pub fn enable_lex(&self) -> Result<()> {
        self.snapshot("enableLex")?;
        if self.lex_is_enabled() {
            return Ok(());
        }
        self.lex.store(true, Ordering::Relaxed);
        if self.options.read_only {
            let enabled = self.answer("enableLex", |snapshot| {
                let committed = Arc::clone(&snapshot.committed);
                let pending = writer::load_pending(&committed, true)?;
                Ok(Snapshot { committed, pending })
            });
            match enabled {
                Ok(enabled) => self.state.store(Some(Arc::new(enabled))),
                Err(error) => {
                    self.lex.store(false, Ordering::Relaxed);
                    return Err(error);
                }
            }
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
        let planned = plan(&snapshot, &mut writer.table);
        snapshot.committed.check()?;
        let (changes, result) = planned?;
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

    /// Runs a change under the lock, on a state whose log is empty.
    fn on_empty_log<T>(
        &self,
        operation: &str,
        change: impl FnOnce(&Snapshot) -> Result<T>,
    ) -> Result<T> {
        let mut writer = self.writer.lock();
        let (_lock, snapshot) = self.lock_alone(operation, &mut writer)?;
        let options = self.commit_options(&snapshot);
        // There may be nothing to change, and that is acknowledged, too.
        snapshot.committed.settle()?;
        change(&*self.with_empty_log(snapshot, &options)?)
    }

    /// Makes a commit that brings no frame and no vector, and changes what `alter` says. The log of `snapshot` is empty.
    fn commit_altered(
        &self,
        snapshot: &Snapshot,
        alter: impl FnOnce(&Committed, &mut Output) -> Result<Altered>,
    ) -> Result<()> {
        let options = self.commit_options(snapshot);
        let status = |id| status_after(&snapshot.committed, &snapshot.pending.changes, id);
        let committed = commit::commit_change(snapshot, &options, |base, out| {
            let altered = alter(base, out)?;
            let vectors =
                vec_sections::write(base, Fresh::default(), &status, options.rewrite(), out)?;
            Ok(Change {
                vectors,
                edits: Edits::new(),
                altered,
            })
        })?;
        self.publish_commit(committed);
        Ok(())
    }

    /// [`Memory::publish`] for a commit that left the log empty.
    fn publish_commit(&self, committed: Option<Committed>) {
        self.publish(committed.map(|committed| Snapshot {
            pending: Pending::new(committed.applied_sequence),
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
            let Some(snapshot) = self.state_under(operation, &lock)? else {
                *kept = None;
                continue;
            };
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

    /// The state of the file that is locked; `None` when the path names another one by now: then nothing of that is locked.
    fn state_under(&self, operation: &str, lock: &FileLock) -> Result<Option<Arc<Snapshot>>> {
        let is_locked =
            |snapshot: &Snapshot| snapshot.committed.storage.identity() == lock.identity();
        let known = self
            .state
            .load_full()
            .ok_or_else(|| Error::closed(operation))?;
        // Mostly one look at the path is enough: what is locked is what is known, and what the path names.
        if is_locked(&known) && !self.is_stale(&known)? {
            return Ok(Some(known));
        }
        let named = FileIdentity::of_path(&self.real)?;
        if named.is_some_and(|named| named != lock.identity()) {
            return Ok(None);
        }
        // The file may have been replaced while we waited: the lock must be on what we are going to write.
        let current = self.current(operation, Locked::Yes)?;
        Ok(is_locked(&current).then_some(current))
    }
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

/// Frame `id`, or the document it is a chunk of, whatever became of it; MV010 when there never was one.
fn document_of_any(snapshot: &Snapshot, id: u64) -> Result<u64> {
    let brief = snapshot
        .brief(id)
        .ok_or_else(|| Error::frame_not_found(id))?;
    Ok(brief.parent.filter(|parent| *parent < id).unwrap_or(id))
}

/// Whether the log of a file that is opened again and again has grown too long.
///
/// Sealing writes 0.3 KB for each frame there is, some 2 us; each opening reads each change in the log, some 20 us. With
/// one document more at each opening, sealing is due when as much was spent on reading: the square root of a fifth of all
/// frames, and never less than the sealing of a small file is worth. Parts of a document do not count, so that a process
/// which stores a long one does not seal each time.
fn is_sealing_due(snapshot: &Snapshot) -> bool {
    const AT_LEAST: u64 = 32;
    let pending = &snapshot.pending;
    let parts: usize = pending.chunks.values().map(|chunks| chunks.len()).sum();
    let changes = (pending.frames.len().saturating_sub(parts) + pending.changes.len()) as u64;
    changes > AT_LEAST + (snapshot.frame_count() / 5).isqrt()
}
