//! What keeps a file small.

use std::path::Path;

use crate::support::{self, create, fresh, noise, open, put, total};
use engine::{Document, Memory, OpenOptions, PutOptions};

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
