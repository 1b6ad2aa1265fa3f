//! A storage that dies on command, for tests of what survives.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Storage;
use crate::bytes::Bytes;

/// A change that no sync has made durable yet.
#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

#[derive(Debug, Default)]
struct State {
    durable: Vec<u8>,
    current: Vec<u8>,
    unsynced: Vec<Change>,
    operations: u64,
    fail_at: Option<u64>,
    half: bool,
}

/// Bytes on the heap that remember which changes are durable and can fail at any of them.
///
/// To test a workload: run it once and take [`FaultStorage::operations`]; then for each number below it run it again with
/// [`FaultStorage::fail_at`], and look at each of the images that [`FaultStorage::after_power_loss`] gives.
#[derive(Debug, Default)]
pub struct FaultStorage {
    state: Mutex<State>,
}

impl FaultStorage {
    /// Starts with durable content.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self {
            state: Mutex::new(State {
                durable: bytes.clone(),
                current: bytes,
                ..State::default()
            }),
        }
    }

    /// Number of writes, changes of length and syncs so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Lets the operation with this number, from 0, and all later ones fail. With `half` the first half of the bytes of a
    /// failing write arrive.
    pub fn fail_at(&self, operation: u64, half: bool) {
        let mut state = self.lock();
        state.fail_at = Some(operation);
        state.half = half;
    }

    /// What a process that reopens the storage sees, the machine still running.
    #[must_use]
    pub fn after_kill(&self) -> Vec<u8> {
        self.lock().current.clone()
    }

    /// Number of changes that no sync has made durable.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        self.lock().unsynced.len()
    }

    /// What may be on disk after power loss: the durable bytes and those unsynced changes that `arrived` says true for.
    #[must_use]
    pub fn after_power_loss(&self, mut arrived: impl FnMut(usize) -> bool) -> Vec<u8> {
        let state = self.lock();
        let mut image = state.durable.clone();
        for (number, change) in state.unsynced.iter().enumerate() {
            if arrived(number) {
                apply(&mut image, change);
            }
        }
        image
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn apply(image: &mut Vec<u8>, change: &Change) {
    match change {
        Change::SetLen(length) => image.resize(*length, 0),
        Change::Write { offset, bytes } => {
            let end = offset.saturating_add(bytes.len());
            if image.len() < end {
                image.resize(end, 0);
            }
            if let Some(target) = image.get_mut(*offset..end) {
                target.copy_from_slice(bytes);
            }
        }
    }
}

impl State {
    fn fails(&mut self) -> bool {
        let number = self.operations;
        self.operations += 1;
        self.fail_at.is_some_and(|first| number >= first)
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.current, &change);
        self.unsynced.push(change);
    }
}

fn to_usize(value: u64) -> io::Result<usize> {
    usize::try_from(value).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))
}

fn injected() -> io::Error {
    io::Error::other("injected failure")
}

impl Storage for FaultStorage {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().current.len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = to_usize(offset)?;
        let state = self.lock();
        let source = start
            .checked_add(out.len())
            .and_then(|end| state.current.get(start..end))
            .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        out.copy_from_slice(source);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = to_usize(offset)?;
        let mut state = self.lock();
        let first = state.fail_at.is_some_and(|first| state.operations == first);
        let failing = state.fails();
        let arriving = match (failing, first && state.half) {
            (false, _) => bytes,
            (true, true) => bytes.split_at(bytes.len() / 2).0,
            (true, false) => &[],
        };
        if !arriving.is_empty() {
            state.change(Change::Write {
                offset,
                bytes: arriving.to_vec(),
            });
        }
        if failing { Err(injected()) } else { Ok(()) }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let length = to_usize(len)?;
        let mut state = self.lock();
        if state.fails() {
            return Err(injected());
        }
        state.change(Change::SetLen(length));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.lock();
        if state.fails() {
            return Err(injected());
        }
        state.durable = state.current.clone();
        state.unsynced.clear();
        Ok(())
    }

    fn map(&self, len: u64) -> io::Result<Bytes> {
        let length = to_usize(len)?;
        let state = self.lock();
        let content = state
            .current
            .get(..length)
            .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        Ok(Bytes::from(content.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_what_was_synced_is_sure_to_survive() {
        let storage = FaultStorage::new(b"base".to_vec());
        storage.write_at(4, b"one").unwrap();
        storage.sync().unwrap();
        storage.write_at(0, b"B").unwrap();
        storage.write_at(7, b"two").unwrap();
        assert_eq!((storage.operations(), storage.unsynced()), (4, 2));
        assert_eq!(storage.after_kill(), b"Baseonetwo");
        assert_eq!(storage.after_power_loss(|_| false), b"baseone");
        assert_eq!(
            storage.after_power_loss(|number| number == 1),
            b"baseonetwo"
        );
    }

    #[test]
    fn a_failing_write_may_arrive_by_half_and_nothing_works_after_it() {
        let storage = FaultStorage::new(Vec::new());
        storage.fail_at(1, true);
        storage.write_at(0, b"aaaa").unwrap();
        assert!(storage.write_at(4, b"bbbb").is_err());
        assert!(storage.sync().is_err());
        assert!(storage.write_at(8, b"cccc").is_err());
        assert_eq!(storage.after_kill(), b"aaaabb");
    }
}
