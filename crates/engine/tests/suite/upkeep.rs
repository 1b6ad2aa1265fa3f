//! What keeps a file small, and what other processes may do in between.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::support::{self, create, fresh, open, total};
use engine::{Document, Memory, OpenMode, OpenOptions, PutOptions};
use serde_json::json;

fn put(memory: &Memory, text: &str) -> u64 {
    let document = Document::text(text, 1);
    memory
        .put(vec![document], PutOptions::default())
        .unwrap()
        .ids[0]
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
    assert!(dead * 10 <= size * 3, "{dead} of {size} bytes are dead");
    for i in [0, 1, 2999, 5999] {
        assert_eq!(total(&memory, &format!("keyword{i}x")), 1);
    }
    assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
}

#[test]
fn short_lives_leave_bounded_dead_space() {
    let (_folder, path) = fresh();
    drop(create(&path));
    for i in 0..150 {
        let memory = open(&path);
        put(&memory, &format!("keyword{i}x {}", noise(i, 30)));
        memory.close().unwrap();
        let stats = open(&path).stats().unwrap();
        let (size, dead) = (&stats["size_bytes"], &stats["dead_bytes"]);
        let (size, dead) = (size.as_u64().unwrap(), dead.as_u64().unwrap());
        assert!(dead * 10 <= size * 3, "{dead} of {size} bytes are dead");
    }
    let memory = open(&path);
    assert_eq!(memory.stats().unwrap()["frame_count"], 150);
    assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
}

/// Size of the log, from the header.
fn log_size(path: &Path) -> u64 {
    let bytes = std::fs::read(path).unwrap();
    u64::from_le_bytes(*bytes[24..].first_chunk().unwrap())
}

#[test]
fn a_large_first_commit_takes_a_larger_log_and_a_crash_at_any_point_leaves_a_valid_file() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let empty = std::fs::read(&path).unwrap();
    let documents = |from: u64, count: u64| {
        (from..from + count)
            .map(|i| Document::text(format!("keyword{i}x {}", noise(i, 60)), i as i64))
            .collect::<Vec<_>>()
    };
    memory
        .put(documents(0, 8000), PutOptions::default())
        .unwrap();
    let size = log_size(&path);
    assert!(size > 256 << 10, "a log of {size} bytes");
    assert!(memory.stats().unwrap()["dead_bytes"].as_u64().unwrap() < 4096);
    drop(memory);
    let full = std::fs::read(&path).unwrap();

    // The power failed before the footer, or in between it and the header: the call had not returned.
    let frames = 0;
    for kept in [full.len() / 2, full.len() - 56, full.len()] {
        let mut crashed = full[..kept].to_vec();
        crashed[..4096].copy_from_slice(&empty[..4096]);
        std::fs::write(&path, &crashed).unwrap();
        let memory = open(&path);
        assert_eq!(memory.stats().unwrap()["frame_count"], frames);
        assert_eq!(put(&memory, "afterwards"), frames);
        memory
            .put(documents(8000, 1000), PutOptions::default())
            .unwrap();
        memory.close().unwrap();
        let memory = open(&path);
        assert_eq!(total(&memory, "afterwards"), 1);
        assert_eq!(total(&memory, "keyword8999x"), 1);
        assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
    }

    // Records go over the place where the empty table of contents stood.
    std::fs::write(&path, &full).unwrap();
    let memory = open(&path);
    for i in 0..180 {
        put(&memory, &format!("single{i}x {}", noise(i, 100)));
    }
    assert_eq!(std::fs::metadata(&path).unwrap().len(), full.len() as u64);
    drop(memory);
    let memory = open(&path);
    assert_eq!(memory.stats().unwrap()["frame_count"], 8180);
    assert_eq!(total(&memory, "single179x"), 1);
    memory.close().unwrap();
    assert_eq!(open(&path).verify(true).unwrap().overall_status, "passed");
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

/// What a session changes: new documents, one split into chunks, a version, removals in the file and in the log.
#[cfg(unix)]
fn change(memory: &Memory, round: u64) {
    let fresh = put(memory, &format!("fresh{round}x words"));
    put(memory, &format!("long{round}x quick fox ").repeat(200));
    memory
        .update(10 + round, |snapshot, id| {
            let mut next = engine::document_at(snapshot, id)?;
            next.content = engine::Content::Text(format!("version{round}x"));
            Ok(next)
        })
        .unwrap();
    memory.remove(&[500 + round]).unwrap();
    if round.is_multiple_of(2) {
        memory.remove(&[fresh]).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn what_the_log_holds_goes_straight_into_a_rewritten_file() {
    use std::os::unix::fs::MetadataExt;
    let (folder, path) = fresh();
    let memory = create(&path);
    let documents = |from: u64, count: u64| {
        (from..from + count)
            .map(|i| {
                let mut document = Document::text(format!("keyword{i}x note"), 1_000 - i as i64);
                document.uri = i.is_multiple_of(3).then(|| format!("mv2://shelf/{i}"));
                document
            })
            .collect::<Vec<_>>()
    };
    memory
        .put(documents(0, 3000), PutOptions::default())
        .unwrap();
    memory.close().unwrap();
    // A file with two names is never rewritten: its commits are what the rewritten one is compared with.
    let other = folder.path().join("other.mv2");
    std::fs::copy(&path, &other).unwrap();
    std::fs::hard_link(&other, folder.path().join("second-name.mv2")).unwrap();
    let generation = |path: &Path| open(path).stats().unwrap()["generation"].as_u64().unwrap();
    let inode = || std::fs::metadata(&path).unwrap().ino();
    let mut rewritten = 0;
    for round in 0..12 {
        let (inode_before, generation_before) = (inode(), generation(&path));
        for path in [&path, &other] {
            let memory = open(path);
            change(&memory, round);
            memory.close().unwrap();
        }
        // One commit, not one and a copy of it.
        assert_eq!(generation(&path), generation_before + 1);
        rewritten += u64::from(inode() != inode_before);
        let stats = open(&path).stats().unwrap();
        let (size, dead) = (&stats["size_bytes"], &stats["dead_bytes"]);
        let (size, dead) = (size.as_u64().unwrap(), dead.as_u64().unwrap());
        assert!(dead * 10 <= size * 3, "{dead} of {size} bytes are dead");
    }
    assert!(rewritten >= 6, "rewritten {rewritten} times of 12");
    let (memory, plain) = (open(&path), open(&other));
    let count = plain.stats().unwrap()["frame_count"].as_u64().unwrap();
    for id in 0..count {
        assert_eq!(memory.text(id).ok(), plain.text(id).ok(), "text of {id}");
        let frame = |memory: &Memory| {
            let mut frame = memory
                .frame(id)
                .map(|frame| serde_json::to_value(frame).unwrap());
            if let Ok(frame) = &mut frame {
                frame.as_object_mut().unwrap().remove("payload_offset");
            }
            frame.ok()
        };
        // Of a removed frame little is left in a rewritten file.
        if plain.text(id).is_ok() {
            assert_eq!(frame(&memory), frame(&plain), "frame {id}");
        }
    }
    for query in [
        "fresh1x",
        "fresh2x",
        "long7x",
        "\"quick fox\"",
        "version11x",
        "keyword10x",
        "keyword500x",
        "keyword2999x",
        "uri:mv2://shelf/12",
        "note",
    ] {
        assert_eq!(total(&memory, query), total(&plain, query), "{query}");
    }
    let of_interest = |memory: &Memory| {
        let stats = memory.stats().unwrap();
        [
            "frame_count",
            "active_frame_count",
            "payload_bytes",
            "logical_bytes",
            "lex_segment_count",
        ]
        .map(|key| stats[key].clone())
    };
    assert_eq!(of_interest(&memory), of_interest(&plain));
    assert_eq!(memory.frame_by_uri("mv2://shelf/2997").unwrap(), 2997);
    for memory in [memory, plain] {
        let report = memory.verify(true).unwrap();
        assert_eq!(report.overall_status, "passed", "{report:?}");
    }
}

#[cfg(unix)]
#[test]
fn puts_go_on_while_a_large_file_is_rewritten_and_nothing_is_lost() {
    use std::os::unix::fs::MetadataExt;
    use std::sync::atomic::{AtomicBool, Ordering};
    let (folder, path) = fresh();
    let memory = create(&path);
    let documents: Vec<_> = (0..20_000)
        .map(|i| Document::text(format!("keyword{i}x {}", noise(i, 8)), i as i64))
        .collect();
    memory.put(documents, PutOptions::default()).unwrap();
    let inode = || std::fs::metadata(&path).unwrap().ino();
    let mut inodes = std::collections::BTreeSet::from([inode()]);
    // While a file is open no other one gets its number.
    let mut files = vec![std::fs::File::open(&path).unwrap()];
    let mut meanwhile = 0;
    let mut next = 20_000;
    for round in 0..3 {
        while !memory.rewrite_is_due() {
            assert_eq!(put(&memory, &format!("keyword{next}x")), next);
            next += 1;
        }
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                memory.rewrite_beside();
                ended.store(true, Ordering::Relaxed);
            });
            while !ended.load(Ordering::Relaxed) {
                // In the last round more than the log takes, so that a put has to wait for the new file.
                let text = noise(next, if round == 2 { 150 } else { 1 });
                assert_eq!(put(&memory, &format!("keyword{next}x {text}")), next);
                next += 1;
                meanwhile += 1;
            }
        });
        inodes.insert(inode());
        files.push(std::fs::File::open(&path).unwrap());
        assert_eq!(open(&path).stats().unwrap()["frame_count"], next);
    }
    assert!(inodes.len() >= 4, "{} files", inodes.len());
    assert!(meanwhile > 0);
    // One that is closed while it is rewritten is rewritten first.
    while !memory.rewrite_is_due() {
        assert_eq!(put(&memory, &format!("keyword{next}x")), next);
        next += 1;
    }
    std::thread::scope(|scope| {
        scope.spawn(|| memory.rewrite_beside());
        put(&memory, "the last one");
        memory.close().unwrap();
    });
    let memory = open(&path);
    assert_eq!(memory.stats().unwrap()["frame_count"], next + 1);
    assert_eq!(memory.stats().unwrap()["pending_frame_count"], 0);
    for id in (0..20_000).step_by(997).chain(20_000..next) {
        assert!(
            memory
                .text(id)
                .unwrap()
                .starts_with(&format!("keyword{id}x")),
            "{id}"
        );
    }
    assert_eq!(total(&memory, &format!("keyword{}x", next - 1)), 1);
    assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn a_rewritten_file_keeps_its_permissions_and_the_link_that_leads_to_it() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = fresh();
    drop(create(&path));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o664)).unwrap();
    let link = folder.path().join("link.mv2");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let memory = open(&link);
    let inode = || std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&path).unwrap());
    let before = inode();
    let documents: Vec<Document> = (0..3000)
        .map(|i| Document::text(noise(i, 150), 1))
        .collect();
    memory.put(documents, PutOptions::default()).unwrap();
    memory.remove(&(0..2990).collect::<Vec<_>>()).unwrap();
    memory.seal().unwrap();
    assert_ne!(inode(), before, "the file was not rewritten");
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o664
    );
    put(&memory, "through the link");
    assert_eq!(total(&open(&path), "link"), 1);
}

#[cfg(unix)]
#[test]
fn a_handle_that_wrote_before_a_rewrite_locks_and_writes_the_new_file() {
    let (_folder, path) = fresh();
    let first = create(&path);
    let options = OpenOptions {
        lock_timeout: std::time::Duration::from_millis(20),
        ..OpenOptions::default()
    };
    let second = Memory::open(&path, options).unwrap();
    put(&second, "before");
    let inode = || std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&path).unwrap());
    let before = inode();
    let documents: Vec<Document> = (0..3000)
        .map(|i| Document::text(noise(i, 150), 1))
        .collect();
    first.put(documents, PutOptions::default()).unwrap();
    first.remove(&(1..2990).collect::<Vec<_>>()).unwrap();
    first.seal().unwrap();
    assert_ne!(inode(), before, "the file was not rewritten");
    let held = mv2::lock::FileLock::exclusive(&path, std::time::Duration::ZERO).unwrap();
    let refused = second.put(vec![Document::text("too early", 1)], PutOptions::default());
    assert_eq!(refused.unwrap_err().code, engine::Code::Locked);
    drop(held);
    assert_eq!(put(&second, "afterwards"), 3001);
    assert_eq!(put(&first, "both"), 3002);
    assert_eq!(total(&open(&path), "afterwards"), 1);
}

#[test]
fn kept_versions_do_not_make_a_file_rewrite_itself_again_and_again() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put(&memory, "start");
    let inode = || std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&path).unwrap());
    let mut inodes = std::collections::BTreeSet::new();
    let mut id = 0;
    for i in 0..100 {
        let text = noise(i, 10_000);
        id = memory
            .update(id, |snapshot, id| {
                let mut next = engine::document_at(snapshot, id)?;
                next.content = engine::Content::Text(text);
                Ok(next)
            })
            .unwrap();
        memory.seal().unwrap();
        inodes.insert(inode());
    }
    // The old versions stay readable: their bytes are not dead.
    // Each commit leaves a table of contents behind, so some rewriting is due; not one for every commit.
    assert!(inodes.len() < 40, "{} rewritings", inodes.len());
    assert!(memory.text(0).unwrap().starts_with("start"));
    assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
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
fn a_limit_is_known_before_anything_is_acknowledged_and_removing_is_always_possible() {
    let (_folder, path) = fresh();
    drop(create(&path));
    let limit = std::fs::metadata(&path).unwrap().len() + 120_000;
    let memory = Memory::open(
        &path,
        OpenOptions {
            capacity: Some(limit),
            ..OpenOptions::default()
        },
    )
    .unwrap();
    let mut stored = 0;
    let refused = loop {
        let document = Document::text(noise(stored, 150), 1);
        match memory.put(vec![document], PutOptions::default()) {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.code, engine::Code::CapacityExceeded);
    assert!(stored > 0);
    memory.seal().unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() <= limit);
    memory.remove(&[0]).unwrap();
    let batch = (0..200).map(|i| Document::text(noise(i, 200), 1)).collect();
    assert_eq!(
        memory.put(batch, PutOptions::default()).unwrap_err().code,
        engine::Code::CapacityExceeded
    );
    assert!(std::fs::metadata(&path).unwrap().len() <= limit);
    memory.close().unwrap();
    assert_eq!(
        open(&path).stats().unwrap()["active_frame_count"],
        stored - 1
    );
}

#[test]
fn equal_texts_are_found_again_when_the_newest_copy_was_removed() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    assert_eq!(put(&memory, "twice"), 0);
    assert_eq!(put(&memory, "twice"), 1);
    memory.remove(&[1]).unwrap();
    let skip = PutOptions {
        dedupe: engine::Dedupe::Skip,
        ..PutOptions::default()
    };
    assert_eq!(
        memory
            .put(vec![Document::text("twice", 9)], skip)
            .unwrap()
            .ids,
        [0]
    );
    let long = noise(1, 2000);
    let replace = PutOptions {
        dedupe: engine::Dedupe::Replace,
        ..PutOptions::default()
    };
    let batch = vec![
        Document::text(long.clone(), 1),
        Document::text(noise(7, 20_000), 2),
        Document::text(long, 3),
    ];
    let ids = memory.put(batch, replace).unwrap().ids;
    let chunks = |id: u64| memory.frame(id).unwrap().chunk_count.unwrap_or(0) + 1;
    let active = memory.stats().unwrap()["active_frame_count"]
        .as_u64()
        .unwrap();
    assert_eq!(active, u64::from(1 + chunks(ids[1]) + chunks(ids[2])));
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

/// What became of the space of a file.
#[derive(Debug, Default)]
struct Space {
    /// Largest share that was dead after a commit, percent.
    worst: u64,
    /// Bytes that commits appended, or, where a new file was made in place of one, would have: its table of contents.
    appended: u64,
    /// Bytes of new files that took the place of the old one.
    rewritten: u64,
}

fn space_of(path: &Path, memory: &Memory, rounds: u64, round: &dyn Fn(&Memory, u64)) -> Space {
    let mut space = Space::default();
    let mut before = (support::inode(path), std::fs::metadata(path).unwrap().len());
    for number in 0..rounds {
        round(memory, number);
        memory.seal().unwrap();
        let stats = memory.stats().unwrap();
        let size = stats["size_bytes"].as_u64().unwrap();
        let dead = stats["dead_bytes"].as_u64().unwrap();
        // Less than 96 KiB is not worth the work.
        if dead > 96 << 10 {
            space.worst = space.worst.max(dead * 100 / size);
        }
        let now = (support::inode(path), size);
        if now.0 == before.0 {
            space.appended += size - before.1;
        } else {
            space.rewritten += size;
            let header = std::fs::read(path).unwrap();
            let toc_length = u64::from_le_bytes(*header[152..].first_chunk().unwrap());
            space.appended += toc_length;
        }
        before = now;
    }
    space
}

#[test]
fn dead_space_is_bounded_whatever_is_done_and_the_file_is_seldom_rewritten() {
    let document = |seed: u64| Document::text(format!("keyword{seed}x {}", noise(seed, 60)), 1);
    let batch = |memory: &Memory, from: u64, count: u64| {
        let documents = (from..from + count).map(document).collect();
        memory.put(documents, PutOptions::default()).unwrap().ids
    };
    type Workload = (&'static str, u64, fn(&Memory, u64));
    let workloads: [Workload; 5] = [
        ("puts", 40, |memory, round| {
            for number in 0..20 {
                put(
                    memory,
                    &format!("keyword{round} {}", noise(round * 20 + number, 60)),
                );
            }
        }),
        ("updates of one document", 40, |memory, round| {
            let id = memory.frame_by_uri("mv2://one").unwrap();
            memory
                .update(id, |snapshot, id| {
                    let mut next = engine::document_at(snapshot, id)?;
                    next.content = engine::Content::Text(noise(round, 60));
                    Ok(next)
                })
                .unwrap();
        }),
        ("removals, one at a time", 60, |memory, round| {
            memory.remove(&[round * 5 + 1]).unwrap();
        }),
        ("a queue: puts and removals", 40, |memory, round| {
            let ids: Vec<u64> = (0..10)
                .map(|number| put(memory, &noise(9000 + round * 10 + number, 60)))
                .collect();
            memory.remove(&ids).unwrap();
        }),
        ("nothing", 5, |_, _| {}),
    ];
    for (name, rounds, work) in workloads {
        let (_folder, path) = fresh();
        let memory = create(&path);
        batch(&memory, 0, 3000);
        let one = Document {
            uri: Some("mv2://one".to_owned()),
            ..document(5000)
        };
        support::put_document(&memory, one);
        if name.starts_with("a queue") {
            // Most frames of the file are of removed documents, and stay that.
            memory.remove(&(100..3000).collect::<Vec<_>>()).unwrap();
            memory.seal().unwrap();
        }
        let space = space_of(&path, &memory, rounds, &work);
        println!("{name}, {rounds} commits: {space:?}");
        assert!(space.worst <= 30, "{name}: {space:?}");
        // A file is rewritten when three tenths of it are dead, or a commit would leave it so: that many bytes for each that
        // is copied.
        assert!(space.rewritten <= 4 * space.appended, "{name}: {space:?}");
        assert_eq!(
            memory.verify(true).unwrap().overall_status,
            "passed",
            "{name}"
        );
    }
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
