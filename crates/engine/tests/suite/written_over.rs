//! Another program that commits in place, over the table of contents that readers use.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{self, create, fresh, open, put_document};
use engine::{Code, Document, FindRequest, Memory, OpenOptions, PutOptions, TimelineRequest};
use mv2::lock::FileLock;
use serde_json::json;

/// What is written over a table of contents, and back after a while, under the lock all the time.
struct InPlace {
    offset: u64,
    before: Vec<u8>,
}

impl InPlace {
    fn of(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let header = mv2::header::Header::decode(&bytes).unwrap();
        let offset = header.footer_offset;
        let start = usize::try_from(offset).unwrap();
        // Shorter than the table: its end and the footer stand, so that the header leads to a table as before.
        let before = bytes[start..start + 300].to_vec();
        Self { offset, before }
    }

    /// Runs `read` while the table is written over, which it is for 200 ms more.
    fn during<T>(&self, path: &Path, read: impl FnOnce() -> T) -> T {
        let lock = FileLock::exclusive(path, Duration::ZERO).unwrap();
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.write_all_at(&[0x5a; 300], self.offset).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(200));
                file.write_all_at(&self.before, self.offset).unwrap();
                drop(lock);
            });
            read()
        })
    }
}

fn request(query: &str) -> FindRequest {
    serde_json::from_value(json!({ "query": query, "k": 5 })).unwrap()
}

fn filled() -> (tempfile::TempDir, std::path::PathBuf) {
    let (folder, path) = fresh();
    let memory = create(&path);
    let documents = (0..50).map(|number| Document::text(format!("harbour number {number}"), 1_000));
    memory
        .put(documents.collect(), PutOptions::default())
        .unwrap();
    memory.close().unwrap();
    (folder, path)
}

fn reader(path: &Path, timeout: Duration) -> Memory {
    let options = OpenOptions {
        read_only: true,
        lock_timeout: timeout,
        ..OpenOptions::default()
    };
    Memory::open(path, options).unwrap()
}

#[test]
fn whoever_reads_waits_for_its_end_and_answers() {
    let (_folder, path) = filled();
    let in_place = InPlace::of(&path);
    let patience = Duration::from_secs(30);
    let opened = || reader(&path, patience);
    let memory = opened();
    assert_eq!(
        in_place.during(&path, || memory.text(0)).unwrap(),
        "harbour number 0"
    );
    let found = in_place.during(&path, || memory.find(request("harbour")));
    assert_eq!(found.unwrap().total_hits, 50);
    let listed: TimelineRequest = serde_json::from_value(json!({ "limit": 100 })).unwrap();
    let entries = in_place.during(&path, || memory.timeline(&listed));
    assert_eq!(entries.unwrap().len(), 50);
    let report = in_place.during(&path, || memory.verify(true)).unwrap();
    assert_eq!(report.overall_status, "passed");
    let report = in_place.during(&path, || engine::verify_file(&path, true));
    assert_eq!(report.unwrap().overall_status, "passed");
    let at_last = in_place.during(&path, opened);
    assert_eq!(at_last.text(49).unwrap(), "harbour number 49");
}

#[test]
fn a_search_that_was_prepared_before_is_made_again() {
    let (_folder, path) = filled();
    let in_place = InPlace::of(&path);
    let memory = reader(&path, Duration::from_secs(30));
    let prepared = memory.prepare_find(request("harbour")).unwrap();
    let found = in_place.during(&path, || memory.run_find(&prepared));
    assert_eq!(found.unwrap().total_hits, 50);
}

#[test]
fn whoever_has_no_patience_is_told_that_somebody_writes() {
    let (_folder, path) = filled();
    let in_place = InPlace::of(&path);
    let memory = reader(&path, Duration::ZERO);
    let failed = in_place.during(&path, || memory.text(0)).unwrap_err();
    assert_eq!(failed.code, Code::Locked);
    assert_eq!(memory.text(0).unwrap(), "harbour number 0");
}

#[test]
fn a_reader_that_waits_keeps_no_writer_of_its_handle_waiting() {
    let (_folder, path) = filled();
    let in_place = InPlace::of(&path);
    let options = OpenOptions {
        lock_timeout: Duration::from_secs(120),
        ..OpenOptions::default()
    };
    let memory = Memory::open(&path, options).unwrap();
    let started = Instant::now();
    for _ in 0..8 {
        in_place.during(&path, || {
            std::thread::scope(|scope| {
                let verified = scope.spawn(|| memory.verify(true));
                // It waits by now, and holds what it waits with.
                std::thread::sleep(Duration::from_millis(50));
                let document = Document::text("one more".to_owned(), 1_000);
                memory.put(vec![document], PutOptions::default()).unwrap();
                assert_eq!(verified.join().unwrap().unwrap().overall_status, "passed");
            });
        });
    }
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "a deadlock until a time-out"
    );
    assert_eq!(memory.find(request("more")).unwrap().total_hits, 8);
}

#[test]
fn whoever_waits_goes_on_when_the_table_is_whole_though_the_lock_is_held() {
    let (_folder, path) = filled();
    let in_place = InPlace::of(&path);
    let memory = reader(&path, Duration::from_secs(120));
    let lock = FileLock::exclusive(&path, Duration::ZERO).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(&[0x5a; 300], in_place.offset).unwrap();
    std::thread::scope(|scope| {
        let text = scope.spawn(|| memory.text(0));
        std::thread::sleep(Duration::from_millis(100));
        file.write_all_at(&in_place.before, in_place.offset)
            .unwrap();
        assert_eq!(text.join().unwrap().unwrap(), "harbour number 0");
    });
    drop(lock);
}

#[test]
fn behind_the_sections_of_every_commit_stands_a_payload() {
    // Where another program that removes a document begins to write: behind the last payload.
    let (_folder, path) = filled();
    let is_guarded = || {
        let bytes = std::fs::read(&path).unwrap();
        let table = support::table_of(&bytes);
        let payloads = table
            .frames
            .iter()
            .map(|frame| frame.payload_offset + frame.payload_length);
        let sections = table
            .head
            .segments
            .iter()
            .map(|section| section.bytes_offset + section.bytes_length);
        let times = table.tail.time_index.as_ref().unwrap();
        let times = times.bytes_offset + times.bytes_length;
        payloads.max().unwrap() > sections.max().unwrap().max(times)
    };
    assert!(is_guarded());
    for id in [49, 3, 0] {
        let memory = support::open(&path);
        memory.remove(&[id]).unwrap();
        memory.close().unwrap();
        assert!(is_guarded(), "after {id} was removed");
        assert_eq!(
            support::open(&path).verify(true).unwrap().overall_status,
            "passed"
        );
    }
    let memory = support::open(&path);
    let rest: Vec<u64> = (0..50).filter(|id| ![49, 3, 0].contains(id)).collect();
    memory.remove(&rest).unwrap();
    memory.close().unwrap();
    assert!(is_guarded(), "when nothing is left");
    let memory = support::open(&path);
    assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
    assert_eq!(support::total(&memory, "harbour"), 0);
}

#[test]
fn a_table_that_stays_written_over_is_damaged() {
    let (_folder, path) = filled();
    let in_place = InPlace::of(&path);
    let memory = reader(&path, Duration::from_secs(30));
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(&[0x5a; 300], in_place.offset).unwrap();
    assert_eq!(memory.text(0).unwrap_err().code, Code::Corrupt);
    assert_eq!(
        memory.find(request("harbour")).unwrap_err().code,
        Code::Corrupt
    );
}

/// A record on its way looks damaged to who looks twice.
#[test]
fn a_verification_beside_a_writer_finds_no_damage() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_document(&memory, Document::text("the first".to_owned(), 1));
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                let documents = (0..20).map(|number| Document::text(format!("part {number}"), 1));
                memory
                    .put(documents.collect(), PutOptions::default())
                    .unwrap();
            }
        });
        let other = open(&path);
        let failed = (0..100)
            .map(|_| other.verify(false))
            .find(|report| !matches!(report, Ok(report) if report.overall_status == "passed"));
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(failed.is_none(), "{failed:?}");
    });
}

/// Opening a pipe waits for who has its other end.
#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_the_file_is_told_at_once() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_document(&memory, Document::text("the first".to_owned(), 1));
    memory.close().unwrap();
    let options = OpenOptions {
        read_only: true,
        ..OpenOptions::default()
    };
    let memory = Memory::open(&path, options).unwrap();
    std::fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(memory.stats().map(|_| ())));
    let answer = receiver.recv_timeout(std::time::Duration::from_secs(30));
    let error = answer.expect("it waits").unwrap_err();
    assert!(error.message.contains("device or pipe"), "{error}");
}
