//! Looking at every byte of a file without keeping anybody from it, and without waiting for whoever writes it.
//!
//! Where the lock is free it is taken, shared. Where a writer has it, the file is looked at all the same, between two
//! hashes of it: when they are the same, nothing that was looked at changed meanwhile, and what was seen is the file of one
//! moment. Not so beside a program of the reference, which is waited for. A file that is written to all the time is tried again, with the lock or without it.

use std::path::Path;
use std::time::{Duration, Instant};

use mv2::lock::FileLock;
use mv2::storage::FileStorage;

use crate::error::{Code, Result};
use crate::output;

/// Pause before the file is looked at again.
const PAUSE: Duration = Duration::from_millis(10);

/// Has `look` look at the file at `real` and its first bytes, as many as it is told, perhaps several times: what it gave the
/// last time counts. Errors name `path`.
///
/// Fails with MV007 when the file is written to for longer than `timeout` without a pause.
pub fn undisturbed<T>(
    real: &Path,
    path: &Path,
    timeout: Duration,
    mut look: impl FnMut(&FileStorage, u64) -> Result<T>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        let lock = match FileLock::shared(real, Duration::ZERO) {
            Ok(lock) => Some(lock),
            Err(mv2::Error::Locked { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let storage = FileStorage::open_existing(real, false)?;
        let length = output::length(&storage)?;
        if lock.is_some() {
            return look(&storage, length);
        }
        // A program of the reference writes over the table of contents in force, and pauses in the middle of it.
        if !mv2::lock::reference_is_at_work(real) {
            let before = output::hash(&storage, 0, length);
            let found = look(&storage, length);
            match (before, output::hash(&storage, 0, length)) {
                // It takes the lock before it can be seen.
                (Ok(before), Ok(after))
                    if before == after && !mv2::lock::reference_is_at_work(real) =>
                {
                    return found;
                }
                // Cut off meanwhile, which is a change as any other.
                (Err(error), _) | (_, Err(error)) if error.code != Code::Corrupt => {
                    return Err(error);
                }
                _ => {}
            }
        }
        if started.elapsed() > timeout {
            return Err(crate::lock::locked(path, started.elapsed()));
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicBool, Ordering};

    use mv2::storage::Storage;

    use super::*;

    fn bytes_of(storage: &FileStorage, length: u64) -> Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        output::read_at(storage, 0, &mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn a_writer_that_stands_still_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"one moment").unwrap();
        let _lock = FileLock::exclusive(&path, Duration::ZERO).unwrap();
        let seen = undisturbed(&path, &path, Duration::ZERO, bytes_of).unwrap();
        assert_eq!(seen, b"one moment");
    }

    #[test]
    fn what_changed_meanwhile_is_looked_at_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"first").unwrap();
        let lock = FileLock::exclusive(&path, Duration::ZERO).unwrap();
        let mut looks = 0;
        let seen = undisturbed(&path, &path, Duration::from_secs(60), |storage, length| {
            looks += 1;
            let seen = bytes_of(storage, length);
            if looks == 1 {
                std::fs::write(&path, b"other").unwrap();
            }
            seen
        });
        assert_eq!((seen.unwrap().as_slice(), looks), (&b"other"[..], 2));
        drop(lock);
    }

    #[test]
    fn a_program_of_the_reference_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.mv2");
        std::fs::write(&path, b"half").unwrap();
        let _lock = FileLock::exclusive(&path, Duration::ZERO).unwrap();
        // It makes this one when it has the lock, and removes it before it gives it back.
        let side_file = folder.path().join("notes.manifest.wal");
        std::fs::write(&side_file, b"").unwrap();
        let waited = undisturbed(&path, &path, Duration::from_millis(30), bytes_of);
        assert_eq!(waited.unwrap_err().code, Code::Locked);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(50));
                std::fs::write(&path, b"full").unwrap();
                std::fs::remove_file(&side_file).unwrap();
            });
            let seen = undisturbed(&path, &path, Duration::from_secs(60), bytes_of);
            assert_eq!(seen.unwrap(), b"full");
        });
    }

    #[test]
    fn what_is_written_behind_the_end_disturbs_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"first").unwrap();
        let _lock = FileLock::exclusive(&path, Duration::ZERO).unwrap();
        let writer = FileStorage::open_existing(&path, true).unwrap();
        let seen = undisturbed(&path, &path, Duration::ZERO, |storage, length| {
            writer.write_at(5, b" and more").unwrap();
            bytes_of(storage, length)
        });
        assert_eq!(seen.unwrap(), b"first");
    }

    #[test]
    fn a_file_that_never_rests_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"first").unwrap();
        let _lock = FileLock::exclusive(&path, Duration::ZERO).unwrap();
        let turn = AtomicBool::new(false);
        let failed = undisturbed(&path, &path, Duration::from_millis(1), |_, _| {
            let other = turn.fetch_xor(true, Ordering::Relaxed);
            std::fs::write(&path, if other { b"first" } else { b"other" }).unwrap();
            Ok(())
        });
        assert_eq!(failed.unwrap_err().code, Code::Locked);
    }
}
