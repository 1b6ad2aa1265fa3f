//! Storage, locks, lock records, neighbours and files that appear as a whole.

use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mv2::Error;
use mv2::atomic::AtomicFile;
use mv2::builder::minimal_file;
use mv2::lock::FileLock;
use mv2::storage::{FileStorage, MemoryStorage, Storage};
use mv2::{neighbours, registry};

fn check_storage(storage: &dyn Storage) {
    assert_eq!(storage.len().unwrap(), 0);
    assert!(storage.map(0).unwrap().is_empty());
    storage.write_at(3, b"abc").unwrap();
    assert_eq!(storage.len().unwrap(), 6);
    let mut out = [9; 6];
    storage.read_at(0, &mut out).unwrap();
    assert_eq!(&out, b"\0\0\0abc");
    let error = storage.read_at(1, &mut out).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    let map = storage.map(6).unwrap();
    storage.write_at(6, b"more").unwrap();
    storage.sync().unwrap();
    assert_eq!(&*map, b"\0\0\0abc", "an append does not change a map");
    assert!(
        storage.map(11).is_err(),
        "a map never reaches beyond the end"
    );
    assert!(storage.read_at(u64::MAX, &mut out).is_err());
    storage.set_len(2).unwrap();
    storage.set_len(4).unwrap();
    assert_eq!(&*storage.map(4).unwrap(), &[0; 4]);
}

#[test]
fn storages_behave_alike() {
    let folder = tempfile::tempdir().unwrap();
    check_storage(&FileStorage::create(&folder.path().join("x.mv2")).unwrap());
    check_storage(&MemoryStorage::default());
}

#[test]
fn opening_fails_with_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mv2");
    let missing = FileStorage::open_existing(&path, true);
    assert!(matches!(missing, Err(Error::NotFound { path: found }) if found == path));
    let storage = FileStorage::create(&path).unwrap();
    assert!(matches!(
        FileStorage::create(&path),
        Err(Error::AlreadyExists { .. })
    ));
    assert!(matches!(
        FileStorage::open_existing(folder.path(), false),
        Err(Error::Io { .. })
    ));
    assert!(storage.is_current().unwrap());
    let other = folder.path().join("y");
    std::fs::write(&other, b"new").unwrap();
    std::fs::rename(&other, &path).unwrap();
    assert!(!storage.is_current().unwrap());
    let reopened = storage.reopen().unwrap();
    assert!(reopened.is_current().unwrap());
    assert_ne!(reopened.identity(), storage.identity());
    assert_eq!(
        FileStorage::path_identity(&path).unwrap(),
        Some(reopened.identity())
    );
    std::fs::remove_file(&path).unwrap();
    assert_eq!(FileStorage::path_identity(&path).unwrap(), None);
}

#[test]
fn writers_exclude_everybody_and_readers_only_writers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mv2");
    std::fs::write(&path, b"x").unwrap();
    let short = Duration::from_millis(60);
    let reader = FileLock::shared(&path, Duration::ZERO).unwrap();
    let second = FileLock::shared(&path, Duration::ZERO).unwrap();
    assert!(!FileLock::is_held_exclusively(&path).unwrap());
    let start = Instant::now();
    let refused = FileLock::exclusive(&path, short);
    assert!(matches!(refused, Err(Error::Locked { waited_ms, .. }) if waited_ms >= 60));
    assert!(start.elapsed() < Duration::from_secs(5));
    drop((reader, second));
    let writer = FileLock::exclusive(&path, Duration::ZERO).unwrap();
    assert!(FileLock::is_held_exclusively(&path).unwrap());
    let start = Instant::now();
    assert!(matches!(
        FileLock::shared(&path, Duration::ZERO),
        Err(Error::Locked { .. })
    ));
    assert!(
        start.elapsed() < Duration::from_millis(500),
        "zero does not wait"
    );
    std::thread::scope(|scope| {
        let waiting =
            scope.spawn(|| FileLock::exclusive(&path, Duration::from_secs(20)).map(|_| ()));
        drop(writer);
        waiting.join().unwrap().unwrap();
    });
    let missing = FileLock::shared(&folder.path().join("y"), Duration::ZERO);
    assert!(matches!(missing, Err(Error::NotFound { .. })));
}

#[test]
fn a_lock_on_a_replaced_file_is_not_taken_for_one_on_the_new() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mv2");
    std::fs::write(&path, b"old").unwrap();
    let old = FileLock::exclusive(&path, Duration::ZERO).unwrap();
    let new = folder.path().join("new");
    std::fs::write(&new, b"new").unwrap();
    std::fs::rename(&new, &path).unwrap();
    assert!(!old.is_current().unwrap());
    let lock = FileLock::exclusive(&path, Duration::ZERO).unwrap();
    assert!(lock.is_current().unwrap());
    assert_ne!(lock.identity(), old.identity());
    assert_eq!(
        FileStorage::path_identity(&path).unwrap(),
        Some(lock.identity())
    );
}

#[test]
fn a_replacement_is_locked_before_and_after_it_has_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mv2");
    std::fs::write(&path, b"old").unwrap();
    let old = FileLock::exclusive(&path, Duration::ZERO).unwrap();
    let replacement = AtomicFile::create(&path).unwrap();
    let new = FileLock::exclusive_on(replacement.file(), &path).unwrap();
    drop(replacement.persist(true).unwrap());
    assert!(new.is_current().unwrap() && !old.is_current().unwrap());
    drop(old);
    let refused = FileLock::shared(&path, Duration::ZERO);
    assert!(matches!(refused, Err(Error::Locked { .. })));
    drop(new);
    FileLock::shared(&path, Duration::ZERO).unwrap();
}

#[test]
fn a_writer_waits_for_one_of_the_reference_that_writes_without_a_lock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mv2");
    std::fs::write(&path, b"x").unwrap();
    let side_file = folder.path().join("x.manifest.wal");
    let open = std::fs::File::create(&side_file).unwrap();
    let start = Instant::now();
    let refused = FileLock::exclusive(&path, Duration::from_millis(60));
    assert!(matches!(refused, Err(Error::Locked { waited_ms, .. }) if waited_ms >= 60));
    assert!(start.elapsed() < Duration::from_secs(5));
    FileLock::shared(&path, Duration::ZERO).expect("readers go on");
    let who = registry::who(&path).unwrap();
    assert!(who.locked && !who.stale);
    if cfg!(target_os = "linux") {
        assert_eq!(
            who.owner.map(|owner| owner.pid),
            Some(std::process::id()),
            "who has the side file open"
        );
    }
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(60);
    open.set_modified(long_ago).unwrap();
    if cfg!(target_os = "linux") {
        let refused = FileLock::exclusive(&path, Duration::ZERO);
        assert!(matches!(refused, Err(Error::Locked { .. })), "still open");
    }
    // What a process that died left behind holds nobody up, and stays: it is not ours.
    drop(open);
    for _ in 0..2 {
        FileLock::exclusive(&path, Duration::ZERO).unwrap();
    }
    assert!(!registry::who(&path).unwrap().locked);
    // The next one writes it anew.
    std::fs::write(&side_file, b"MVSGWAL1").unwrap();
    let refused = FileLock::exclusive(&path, Duration::ZERO);
    assert!(matches!(refused, Err(Error::Locked { .. })));
    std::fs::remove_file(&side_file).unwrap();
    FileLock::exclusive(&path, Duration::ZERO).unwrap();
}

#[cfg(unix)]
#[test]
fn a_file_that_lost_its_name_turns_writers_of_the_reference_away() {
    use mv2::reference_writer::turn_away;
    use mv2::wal::{self, WalEntry};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mv2");
    std::fs::write(&path, minimal_file(&[])).unwrap();
    let storage = FileStorage::open_existing(&path, true).unwrap();
    let bytes = |storage: &FileStorage| storage.map(storage.len().unwrap()).unwrap();
    let header = mv2::Header::decode(&bytes(&storage)).unwrap();
    let before = bytes(&storage).to_vec();
    turn_away(&storage, &header, 0, 1);
    assert_eq!(&*bytes(&storage), before, "a file with a name stays");
    std::fs::remove_file(&path).unwrap();
    for (head, room) in [
        (0, true),
        (header.wal_size - 49, true),
        (header.wal_size - 48, false),
    ] {
        storage
            .write_at(header.wal_offset, &vec![0; header.wal_size as usize])
            .unwrap();
        turn_away(&storage, &header, head, 7);
        let bytes = bytes(&storage);
        let region = wal::region(&bytes, &header).unwrap();
        let scan = wal::scan(&region[head as usize..], 0);
        assert_eq!(scan.records.len(), usize::from(room), "at {head}");
        for record in &scan.records {
            assert!(record.pending && record.sequence == 7);
            let payload = &region[head as usize..][record.payload.clone()];
            assert!(WalEntry::decode(payload).is_err());
        }
        assert_eq!(
            bytes[header.wal_offset as usize + header.wal_size as usize..],
            before[header.wal_offset as usize + header.wal_size as usize..]
        );
    }
}

#[test]
fn neighbours_are_listed_by_the_rules() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mv2");
    let touch = |name: &str| std::fs::write(folder.path().join(name), b"").unwrap();
    touch("x.mv2");
    for allowed in [".x.mv2.AbC123", "x.mv2e", "x.mv2.wal", "y.mv2-wal", "x.wal"] {
        touch(allowed);
    }
    assert!(neighbours::offenders(&path).is_empty());
    let forbidden = [
        "x.mv2-wal",
        "x.mv2-shm",
        "x.mv2-lock",
        "x.mv2-journal",
        ".x.mv2.wal",
        ".x.mv2.shm",
        ".x.mv2.lock",
        ".x.mv2.journal",
    ];
    for (count, name) in forbidden.iter().enumerate() {
        touch(name);
        assert_eq!(neighbours::forbidden(&path).len(), count + 1, "{name}");
        assert!(neighbours::offenders(&path).contains(&folder.path().join(name)));
    }
    touch("x.mv2.lock");
    touch("x.manifest.wal");
    assert_eq!(neighbours::forbidden(&path).len(), 8);
    assert_eq!(neighbours::offenders(&path).len(), 10);
    assert!(neighbours::offenders(Path::new("/")).is_empty());
}

#[test]
fn a_new_file_appears_as_a_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mv2");
    let names = || std::fs::read_dir(folder.path()).unwrap().count();
    let write = |content: &[u8]| {
        let file = AtomicFile::create(&path).unwrap();
        file.file().write_all(content).unwrap();
        file
    };
    drop(write(b"given up"));
    assert_eq!(names(), 0);
    let first = write(b"first");
    let second = write(b"second");
    first.persist(false).unwrap();
    assert!(matches!(
        second.persist(false),
        Err(Error::AlreadyExists { .. })
    ));
    assert_eq!(std::fs::read(&path).unwrap(), b"first");
    write(b"third").persist(true).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"third");
    assert_eq!(names(), 1);
}

/// The folder of lock records comes from the environment, which all tests of this program share.
fn records() -> (MutexGuard<'static, ()>, &'static Path) {
    static LOCK: Mutex<()> = Mutex::new(());
    let guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    (guard, folder)
}

#[test]
fn a_record_comes_back_as_it_was_written() {
    let (_guard, folder) = records();
    let path = folder.join("record.mv2");
    std::fs::write(&path, minimal_file(&[])).unwrap();
    let record = registry::OwnerRecord::of_this_process(&path).unwrap();
    assert!(record.file_id.starts_with("unix-"));
    assert_eq!(record.file_id.len(), 5 + 16 + 1 + 16 + 1 + 64);
    let written = registry::write(folder, &record).unwrap();
    assert_eq!(registry::read(&written).unwrap().unwrap(), record);
    registry::renew(&written).unwrap();
    let renewed = registry::read(&written).unwrap().unwrap();
    assert_eq!(
        (renewed.pid, &renewed.started_at),
        (std::process::id(), &record.started_at)
    );
    assert!(!renewed.is_stale());
    std::fs::write(&written, b"not json").unwrap();
    assert_eq!(registry::read(&written).unwrap(), None);
    registry::remove(&written).unwrap();
    registry::remove(&written).unwrap();
    assert_eq!(registry::read(&written).unwrap(), None);
}

#[test]
fn silence_and_death_make_a_record_stale() {
    let (_guard, folder) = records();
    let path = folder.join("stale.mv2");
    std::fs::write(&path, minimal_file(&[])).unwrap();
    let record = registry::OwnerRecord::of_this_process(&path).unwrap();
    let stale = |change: &dyn Fn(&mut registry::OwnerRecord)| {
        let mut changed = record.clone();
        change(&mut changed);
        changed.is_stale()
    };
    assert!(!stale(&|_| {}));
    assert!(stale(
        &|record| record.last_heartbeat = "2024-05-01T12:00:00Z".into()
    ));
    assert!(stale(&|record| record.last_heartbeat = "never".into()));
    #[cfg(unix)]
    assert!(stale(&|record| record.pid = NOBODY));
}

/// Id of no process: no system counts as far. One that was started and has ended would have held, while it started, the
/// locks of the tests that run beside this one.
#[cfg(unix)]
const NOBODY: u32 = i32::MAX as u32;

#[test]
fn who_follows_the_lock_and_nudge_clears_what_the_dead_left() {
    let (_guard, _) = records();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mv2");
    assert!(
        !registry::who(&path).unwrap().locked,
        "a missing file is not locked"
    );
    assert!(!registry::nudge(&path).unwrap());
    std::fs::write(&path, minimal_file(&[])).unwrap();
    assert_eq!(registry::who(&path).unwrap(), registry::Who::default());

    let record_path = registry::register(&path).unwrap();
    assert!(
        !registry::who(&path).unwrap().locked,
        "a record alone locks nothing"
    );
    let lock = FileLock::exclusive(&path, Duration::ZERO).unwrap();
    let who = registry::who(&path).unwrap();
    assert!(who.locked && !who.stale);
    assert_eq!(who.owner.unwrap().pid, std::process::id());
    // A commit changes the header, and with it the name a record would have.
    let mut bytes = minimal_file(&[]);
    bytes[40] = 1;
    std::fs::write(&path, &bytes).unwrap();
    let who = registry::who(&path).unwrap();
    assert_eq!(who.owner.unwrap().pid, std::process::id());
    assert!(
        !registry::nudge(&path).unwrap(),
        "the living are left alone"
    );
    drop(lock);

    let mut dead = registry::read(&record_path).unwrap().unwrap();
    dead.last_heartbeat = "2024-05-01T12:00:00Z".to_owned();
    registry::write(record_path.parent().unwrap(), &dead).unwrap();
    let who = registry::who(&path).unwrap();
    assert!(who.locked && who.stale);
    assert!(registry::nudge(&path).unwrap());
    assert!(!registry::nudge(&path).unwrap());
    assert_eq!(registry::who(&path).unwrap(), registry::Who::default());
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing stands beside the memory"
    );
}
