//! A rewrite of the file that runs beside the puts of a handle: when it begins, and how its end becomes the state.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mv2::lock::FileLock;
use serde_json::json;

use super::{Locked, Memory, Writer};
use crate::ahead::{Job, Made, Rewrite};
use crate::compact;
use crate::error::{Code, Error, Result};
use crate::snapshot::Snapshot;
use crate::writer;

impl Memory {
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
    pub(super) fn end_rewrite(
        &self,
        writer: &mut Writer,
    ) -> Result<Option<(FileLock, Arc<Snapshot>)>> {
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
    pub(super) fn lock_for_log(
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

    /// [`Memory::lock_for_log`] without waiting and without reading anything anew: `None` when somebody else has the lock,
    /// or `known` is not the state of the file any more, or its log looks empty, which takes a look at all of it.
    pub(super) fn lock_at_once(
        &self,
        writer: &mut Writer,
        known: Arc<Snapshot>,
    ) -> Result<Option<(Option<FileLock>, Arc<Snapshot>)>> {
        if known.pending.is_empty() {
            return Ok(None);
        }
        let lock = match &writer.rewrite {
            Some(rewrite) if Arc::ptr_eq(&known.committed, &rewrite.snapshot.committed) => None,
            Some(_) => return Ok(None),
            None => match FileLock::exclusive_kept(&mut writer.kept, &self.real, Duration::ZERO) {
                Ok(lock) => Some(lock),
                Err(mv2::Error::Locked { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            },
        };
        let is_locked = |lock: &FileLock| known.committed.storage.identity() == lock.identity();
        let is_current = lock.as_ref().is_none_or(is_locked) && !self.is_stale(&known)?;
        Ok(is_current.then_some((lock, known)))
    }
}

fn replaced() -> Error {
    Error::new(
        Code::Internal,
        "the file was replaced while a new one was made of it",
        json!({}),
    )
}
