//! What keeps a file small, and what other processes may do in between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};

use engine::{Document, FindRequest, Memory, OpenMode, OpenOptions, PutOptions};
use serde_json::json;

fn fresh() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.mv2");
    (folder, path)
}

fn create(path: &Path) -> Memory {
    let options = OpenOptions {
        mode: OpenMode::Create,
        ..OpenOptions::default()
    };
    Memory::open(path, options).unwrap()
}

fn open(path: &Path) -> Memory {
    Memory::open(path, OpenOptions::default()).unwrap()
}

fn put(memory: &Memory, text: &str) -> u64 {
    let document = Document::text(text, 1);
    memory
        .put(vec![document], PutOptions::default())
        .unwrap()
        .ids[0]
}

fn total(memory: &Memory, query: &str) -> u64 {
    let request: FindRequest = serde_json::from_value(json!({ "query": query, "k": 3 })).unwrap();
    memory.find(request).unwrap().total_hits
}

/// Text that does not compress: a file of it grows as fast as it is written.
fn noise(seed: u64, words: usize) -> String {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..words)
        .map(|_| format!("{:012x} ", next() >> 16))
        .collect()
}

#[test]
fn a_file_that_is_mostly_dead_is_rewritten_and_keeps_everything() {
    let (folder, path) = fresh();
    let memory = create(&path);
    let reader = open(&path);
    let documents = |from: u64, count: u64| {
        (from..from + count)
            .map(|i| Document::text(format!("keyword{i}x {}", noise(i, 60)), i as i64))
            .collect::<Vec<_>>()
    };
    memory
        .put(documents(0, 12_000), PutOptions::default())
        .unwrap();
    let full = std::fs::metadata(&path).unwrap().len();
    let removed: Vec<u64> = (0..12_000).filter(|id| id % 10 != 0).collect();
    memory.remove(&removed).unwrap();
    memory.seal().unwrap();
    let after = std::fs::metadata(&path).unwrap().len();
    assert!(after * 10 < full * 6, "{full} bytes became {after}");
    for memory in [&memory, &reader, &open(&path)] {
        assert_eq!(memory.stats().unwrap()["active_frame_count"], 1200);
        assert_eq!(total(memory, "keyword11990x"), 1);
        assert_eq!(total(memory, "keyword11991x"), 0);
        assert!(memory.text(5000).unwrap().starts_with("keyword5000x "));
        assert!(memory.text(5001).is_err());
        let report = memory.verify(true).unwrap();
        assert_eq!(report.overall_status, "passed", "{report:?}");
    }
    // Everybody goes on with the new file.
    assert_eq!(put(&reader, "written after the rewriting"), 12_000);
    assert_eq!(total(&memory, "rewriting"), 1);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn single_puts_leave_bounded_dead_space() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    for i in 0..6000 {
        put(&memory, &format!("keyword{i}x {}", noise(i, 30)));
    }
    memory.close().unwrap();
    let memory = open(&path);
    let stats = memory.stats().unwrap();
    let (size, dead) = (
        stats["size_bytes"].as_u64().unwrap(),
        stats["dead_bytes"].as_u64().unwrap(),
    );
    assert!(
        dead * 2 <= size + (8 << 20),
        "{dead} of {size} bytes are dead"
    );
    for i in [0, 1, 2999, 5999] {
        assert_eq!(total(&memory, &format!("keyword{i}x")), 1);
    }
    assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
}

#[test]
fn a_handle_that_saw_applied_log_records_writes_where_the_others_look() {
    let (_folder, path) = fresh();
    let first = create(&path);
    put(&first, "one");
    put(&first, "two");
    let log = std::fs::read(&path).unwrap()[4096..8192].to_vec();
    first.seal().unwrap();
    // The moment between the header of a commit and the emptying of the log: the old records still stand there.
    use std::os::unix::fs::FileExt;
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .write_all_at(&log, 4096)
        .unwrap();
    let second = open(&path);
    assert_eq!(second.stats().unwrap()["frame_count"], 2);
    assert_eq!(put(&second, "three"), 2);
    assert_eq!(put(&first, "four"), 3);
    assert_eq!(put(&second, "five"), 4);
    for memory in [&first, &second, &open(&path)] {
        assert_eq!(memory.stats().unwrap()["frame_count"], 5);
        assert_eq!(total(memory, "three"), 1);
    }
}

#[test]
fn a_torn_log_record_is_dropped_and_the_intact_ones_stay() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put(&memory, "intact");
    let before = std::fs::read(&path).unwrap();
    put(&memory, "torn away");
    let after = std::fs::read(&path).unwrap();
    drop(memory);
    let changed: Vec<usize> = (0..after.len())
        .filter(|&i| before[i] != after[i])
        .collect();
    let (start, end) = (changed[0], *changed.last().unwrap());
    for cut in (start..=end).step_by(17) {
        let mut torn = after.clone();
        torn[cut..=end].copy_from_slice(&before[cut..=end]);
        std::fs::write(&path, &torn).unwrap();
        let memory = open(&path);
        assert_eq!(total(&memory, "intact"), 1);
        let count = memory.stats().unwrap()["frame_count"].as_u64().unwrap();
        assert!(count == 1 || (count == 2 && memory.text(1).unwrap() == "torn away"));
        assert_eq!(put(&memory, "next"), count);
        assert_eq!(open(&path).stats().unwrap()["frame_count"], count + 1);
    }
}
