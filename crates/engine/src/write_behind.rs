//! Hands what a large batch writes to the disk while it goes on, so that the end waits for little.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use mv2::storage::FileStorage;
use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::output;

/// Bytes that are waited for before the disk gets them: at first, and ever more as there are more, because each time costs
/// the disk some work of its own.
const FIRST: u64 = 1 << 20;
const MOST: u64 = 64 << 20;
/// So many times less than what it has already.
const SHARE: u64 = 8;
/// How often it is looked after.
const EVERY: Duration = Duration::from_millis(10);

/// A file that is written from several threads, and handed to the disk by one more.
pub struct WriteBehind {
    storage: Arc<FileStorage>,
    /// Bytes written so far.
    written: AtomicU64,
    ended: AtomicBool,
    failed: AtomicBool,
    error: Mutex<Option<Error>>,
}

/// Ends the thread when writing ends, in whatever way.
struct End<'a>(&'a WriteBehind, std::thread::Thread);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
        self.1.unpark();
    }
}

impl WriteBehind {
    /// For this file.
    #[must_use]
    pub fn new(storage: &Arc<FileStorage>) -> Self {
        Self {
            storage: Arc::clone(storage),
            written: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            error: Mutex::new(None),
        }
    }

    /// Writes at an offset.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        output::write_at(&self.storage, offset, bytes)?;
        self.written
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the disk refused something: what is written is for nothing.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Runs `write` with a thread beside it that hands on what was written. The disk tells an error once: what that thread
    /// heard of is the error of all.
    pub fn beside<T>(&self, write: impl FnOnce() -> Result<T>) -> Result<T> {
        let written = std::thread::scope(|scope| {
            let thread = scope.spawn(|| self.hand_on());
            let _end = End(self, thread.thread().clone());
            write()
        });
        match self.error.lock().take() {
            Some(error) => Err(error),
            None => written,
        }
    }

    fn hand_on(&self) {
        let (mut synced, mut wait) = (0, FIRST);
        while !self.ended.load(Ordering::Relaxed) {
            std::thread::park_timeout(EVERY);
            let written = self.written.load(Ordering::Relaxed);
            if written - synced < wait {
                continue;
            }
            if let Err(error) = output::sync(&self.storage) {
                *self.error.lock() = Some(error);
                return self.failed.store(true, Ordering::Relaxed);
            }
            synced = written;
            wait = (synced / SHARE).clamp(FIRST, MOST);
        }
    }
}
