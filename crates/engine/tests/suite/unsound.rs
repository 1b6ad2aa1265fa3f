//! Files with what a crash or damage left in them, and what is no memory: it is told, read around and written on.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::support::{create, fresh, noise, open, put, total};
use engine::{Document, Memory, OpenMode, OpenOptions, PutOptions};
use serde_json::json;

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

#[test]
fn a_commit_over_the_rest_of_an_interrupted_one_ends_the_file_and_cuts_nothing_off() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put(&memory, "first");
    // So much that the rest is no reason to write the file anew.
    let documents: Vec<Document> = (0..4000).map(|i| Document::text(noise(i, 40), 1)).collect();
    memory.put(documents, PutOptions::default()).unwrap();
    memory.seal().unwrap();
    let sound = std::fs::metadata(&path).unwrap().len();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.resize(bytes.len() + 300_000, 0xAB);
    std::fs::write(&path, &bytes).unwrap();
    let other = open(&path);
    assert_eq!(total(&other, "first"), 1);
    put(&memory, "second");
    memory.seal().unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() >= sound + 300_000);
    for memory in [&memory, &other, &open(&path)] {
        assert_eq!(total(memory, "second"), 1);
        assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
    }
}

#[test]
fn a_damaged_full_text_section_does_not_stop_writing() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    for i in 0..7 {
        put(&memory, &format!("keyword{i}x {}", noise(i, 50)));
        memory.seal().unwrap();
    }
    drop(memory);
    let mut bytes = std::fs::read(&path).unwrap();
    let places: Vec<usize> = (0..bytes.len() - 8)
        .filter(|&i| bytes[i..].starts_with(b"LEXSEG"))
        .collect();
    // Behind the header of a section in force: its content no longer matches its checksums.
    let place = places[2] + 400;
    bytes[place] ^= 0x10;
    std::fs::write(&path, &bytes).unwrap();
    let memory = open(&path);
    assert_eq!(memory.verify(true).unwrap().overall_status, "failed");
    for i in 7..12 {
        put(&memory, &format!("keyword{i}x {}", noise(i, 50)));
        memory.seal().unwrap();
    }
    for i in 0..12 {
        assert_eq!(total(&memory, &format!("keyword{i}x")), 1, "{i}");
    }
    assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
}

#[test]
fn a_damaged_last_commit_is_not_passed_off_as_the_one_before() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    for part in 0..2 {
        for i in 0..10 {
            put(&memory, &format!("document {part} {i}"));
        }
        memory.seal().unwrap();
    }
    drop(memory);
    let sound = std::fs::read(&path).unwrap();
    let table = u64::from_le_bytes(sound[8..16].try_into().unwrap()) as usize;
    for place in [table + 30, table + 400, sound.len() - 100] {
        let mut damaged = sound.clone();
        damaged[place] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        let error = Memory::open(&path, OpenOptions::default()).err().unwrap();
        assert_eq!(error.code, engine::Code::Corrupt, "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), damaged);
    }
    // Cut back to where the older commit ends, it is still not the last one.
    let older = (0..table)
        .rev()
        .find(|&i| sound[i..].starts_with(b"MV2FOOT!"))
        .unwrap()
        + 56;
    std::fs::write(&path, &sound[..older]).unwrap();
    assert_eq!(
        Memory::open(&path, OpenOptions::default())
            .err()
            .unwrap()
            .code,
        engine::Code::Corrupt
    );
}

#[test]
fn a_damaged_log_counter_in_the_header_hides_nothing() {
    for sealed in [false, true] {
        let (_folder, path) = fresh();
        let memory = create(&path);
        put(&memory, "before");
        if sealed {
            memory.seal().unwrap();
            put(&memory, "after");
        }
        drop(memory);
        let count = if sealed { 2 } else { 1 };
        let sound = std::fs::read(&path).unwrap();
        for bit in 0..64 {
            let mut damaged = sound.clone();
            damaged[40 + bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &damaged).unwrap();
            let memory = open(&path);
            assert_eq!(memory.stats().unwrap()["frame_count"], count, "bit {bit}");
            assert_eq!(memory.verify(false).unwrap().overall_status, "failed");
            assert_eq!(put(&memory, "new"), count);
            assert_eq!(open(&path).stats().unwrap()["frame_count"], count + 1);
        }
    }
}

#[test]
fn a_file_cut_off_under_an_open_handle_is_an_error() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put(&memory, "alpha");
    memory.seal().unwrap();
    for length in [5000, 0] {
        std::fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(length)
            .unwrap();
        assert_eq!(memory.text(0).unwrap_err().code, engine::Code::Corrupt);
        let document = Document::text("x", 1);
        assert_eq!(
            memory
                .put(vec![document], PutOptions::default())
                .unwrap_err()
                .code,
            engine::Code::Corrupt
        );
    }
    memory.close().unwrap();
}

#[test]
fn folders_and_links_to_nowhere_are_no_memories() {
    let (folder, path) = fresh();
    let refused = |path: &Path, mode| {
        let options = OpenOptions {
            mode,
            ..OpenOptions::default()
        };
        Memory::open(path, options).err().unwrap().code
    };
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &path).unwrap();
    for mode in [OpenMode::Open, OpenMode::Create, OpenMode::Auto] {
        assert_eq!(refused(folder.path(), mode), engine::Code::InvalidInput);
        #[cfg(unix)]
        assert_eq!(refused(&path, mode), engine::Code::InvalidInput);
        assert_eq!(refused(Path::new("a\0b"), mode), engine::Code::InvalidInput);
    }
    let memory = folder.path().join("real.mv2");
    drop(create(&memory));
    let before = std::fs::read(&memory).unwrap();
    let same = engine::lock_capsule(
        &memory,
        Some(folder.path().join("./real.mv2")),
        "secret",
        true,
    );
    assert_eq!(same.unwrap_err().code, engine::Code::InvalidInput);
    assert_eq!(std::fs::read(&memory).unwrap(), before);
}

/// A memory of 40,000 documents, with bits changed in the record of frame 30,000 in the directory, at byte `at` of it.
fn with_damaged_record(at: usize, bits: u8) -> (tempfile::TempDir, std::path::PathBuf) {
    let (folder, path) = fresh();
    let memory = create(&path);
    let documents = (0..40_000)
        .map(|number| Document::text(format!("keyword{number}x"), number))
        .collect();
    memory.put(documents, PutOptions::default()).unwrap();
    memory.close().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let located = mv2::recover::locate(&bytes, &path).unwrap();
    let toc = mv2::toc::decode(located.toc(&bytes).unwrap()).unwrap();
    let directory = toc.head.segments[0].bytes_offset as usize;
    // Its header says how many bytes stand between it and the records.
    let copy = u64::from_le_bytes(*bytes[directory + 152..].first_chunk().unwrap()) as usize;
    bytes[directory + 160 + copy + 30_000 * 32 + at] ^= bits;
    std::fs::write(&path, &bytes).unwrap();
    (folder, path)
}

#[test]
fn a_damaged_directory_is_told_and_then_done_without() {
    // The status of frame 30,000: what it says would be believed.
    let (_folder, path) = with_damaged_record(28, 2);
    let memory = open(&path);
    assert_eq!(memory.text(7).unwrap(), "keyword7x");
    assert_eq!(total(&memory, "keyword7x"), 1);
    let error = memory.text(30_000).unwrap_err();
    assert_eq!(error.code, engine::Code::Corrupt, "{error:?}");
    assert!(error.message.contains("directory"), "{error:?}");
    // The frames are all there, and from now on they are asked.
    assert_eq!(memory.text(30_000).unwrap(), "keyword30000x");
    assert_eq!(total(&memory, "keyword30000x"), 1);
    assert_eq!(open(&path).verify(true).unwrap().overall_status, "failed");
    // A commit writes it anew.
    put(&memory, "one more");
    memory.close().unwrap();
    let memory = open(&path);
    assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
    assert_eq!(memory.text(30_000).unwrap(), "keyword30000x");
    assert_eq!(memory.stats().unwrap()["active_frame_count"], 40_001);
}

#[test]
fn a_commit_does_not_copy_a_damaged_directory() {
    // The time of frame 30,000.
    let (_folder, path) = with_damaged_record(8, 1);
    let memory = open(&path);
    let id = put(&memory, "in the log");
    // Either way: the commit is refused, and the next one reads the frames.
    assert_eq!(memory.seal().unwrap_err().code, engine::Code::Corrupt);
    assert_eq!(memory.text(id).unwrap(), "in the log");
    memory.close().unwrap();
    let memory = open(&path);
    assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
    assert_eq!(memory.text(id).unwrap(), "in the log");
    assert_eq!(memory.frame(30_000).unwrap().timestamp, 30_000);
}

#[test]
fn a_damaged_header_is_known_and_read_around() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put(&memory, "first one");
    memory.seal().unwrap();
    put(&memory, "in the log");
    let sound = std::fs::read(&path).unwrap();
    for at in 0..80 {
        let mut damaged = sound.clone();
        damaged[at] ^= 0x10;
        std::fs::write(&path, &damaged).unwrap();
        let memory = open(&path);
        assert_eq!(memory.text(0).unwrap(), "first one", "byte {at}");
        assert_eq!(memory.text(1).unwrap(), "in the log", "byte {at}");
        assert_eq!(memory.verify(true).unwrap().overall_status, "failed");
        assert_eq!(put(&memory, "goes on"), 2);
        memory.close().unwrap();
        let memory = open(&path);
        assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
        assert_eq!(total(&memory, "one"), 1);
        assert_eq!(memory.text(2).unwrap(), "goes on", "byte {at}");
    }
}

#[test]
fn a_file_cut_off_in_the_middle_of_a_call_ends_the_call_and_nothing_else() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let documents = (0..3_000)
        .map(|number| Document::text(format!("keyword{number}x {}", noise(number, 30)), 1))
        .collect();
    memory.put(documents, PutOptions::default()).unwrap();
    memory.close().unwrap();
    let sound = std::fs::read(&path).unwrap();
    let mut refused = 0;
    for round in 0..40_u64 {
        // Everything is mapped anew, so that pages are touched for the first time.
        let memory = open(&path);
        let begun = AtomicU64::new(0);
        let is_cut = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let calls = scope.spawn(|| {
                let mut refused = 0;
                for call in 0..30_u64 {
                    begun.store(call + 1, Ordering::Release);
                    // It is cut during one of the next two; the machine may have been busy with something else.
                    while call > round % 20 + 1 && !is_cut.load(Ordering::Acquire) {
                        std::thread::yield_now();
                    }
                    let id = (call * 97 + round * 31) % 3_000;
                    let request = json!({ "query": format!("keyword{id}x"), "k": 3 });
                    let found = memory.find(serde_json::from_value(request).unwrap());
                    match found {
                        Ok(found) => assert_eq!(found.hits[0].frame_id, id),
                        Err(error) => {
                            assert_eq!(error.code, engine::Code::Corrupt, "{error:?}");
                            refused += 1;
                        }
                    }
                }
                refused
            });
            while begun.load(Ordering::Acquire) < round % 20 && !calls.is_finished() {
                std::thread::yield_now();
            }
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_len(sound.len() as u64 * (round % 7) / 7).unwrap();
            is_cut.store(true, Ordering::Release);
            refused += calls.join().unwrap();
        });
        // With its content back, the handle goes on.
        std::fs::write(&path, &sound).unwrap();
        assert_eq!(total(&memory, "keyword7x"), 1);
    }
    assert!(refused > 100, "{refused}");
}
