//! A file that is written anew: nothing is lost, and everybody goes on with the new one.

use std::path::Path;

use crate::support::{create, fresh, noise, open, put, total};
use engine::{Document, Memory, OpenOptions, PutOptions};

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
    // While a file is open no other one gets its number.
    let mut files = Vec::new();
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
        if inodes.insert(inode()) {
            files.push(std::fs::File::open(&path).unwrap());
        }
    }
    // The old versions stay readable: their bytes are not dead.
    // Each commit leaves a table of contents behind, so some rewriting is due; not one for every commit.
    assert!(inodes.len() < 40, "{} rewritings", inodes.len());
    assert!(memory.text(0).unwrap().starts_with("start"));
    assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
}
