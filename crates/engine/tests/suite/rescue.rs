//! Repair where several things are damaged at once: nothing older takes the place of what was acknowledged, nothing foreign
//! and nothing removed comes up without a word.

use crate::support::repair::damage;
use crate::support::rescue::{detail, doctor, numbered, put_all, put_each, table_of};
use crate::support::{create, fresh, open, put_document};
use engine::{Code, Content, Document, Memory, OpenOptions, PutOptions};

/// Zeroes the directory's header, and frames `from..to` of the table.
fn lose_frames(bytes: &mut [u8], from: usize, to: usize) {
    let (start, table, _) = table_of(bytes);
    let directory = table.head.segments[0].bytes_offset as usize;
    bytes[directory..directory + 64].fill(0);
    let place = |id: usize| {
        let inside = table.frame_offsets.get(id).copied();
        start + inside.unwrap_or(table.frames_end) as usize
    };
    let (from, to) = (place(from), place(to));
    bytes[from..to].fill(0);
}

#[test]
fn without_header_and_footer_no_older_commit_is_taken_for_the_last_one() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let texts = [numbered("a", 10), numbered("b", 10), numbered("c", 5)];
    for (number, texts) in texts.iter().enumerate() {
        put_each(&memory, texts);
        if number < 2 {
            memory.seal().unwrap();
        }
    }
    let bytes = std::fs::read(&path).unwrap();
    drop(memory);
    let texts = texts.concat();
    let (table, _, footer) = table_of(&bytes);
    let is_whole = |memory: &Memory| {
        let mut ids = 0..;
        let is_its = |text: &String| {
            memory
                .text(ids.next().unwrap())
                .is_ok_and(|its| its == *text)
        };
        texts.iter().all(is_its)
    };
    type Change = fn(&mut [u8]);
    let ends: [(&str, Change); 4] = [
        ("the footer's magic", |footer| footer[64] ^= 1),
        ("the footer's hash", |footer| footer[64 + 20] ^= 1),
        ("the whole footer", |footer| footer[64..].fill(0)),
        ("the table's checksum", |footer| footer[56] ^= 1),
    ];
    let headers = (4..80).step_by(6).chain([150, 162]);
    for header in headers {
        for (name, change) in ends {
            let mut damaged = bytes.clone();
            damaged[header] ^= 0x5A;
            change(&mut damaged[footer - 64..footer + 56]);
            std::fs::write(&path, &damaged).unwrap();
            let what = format!("byte {header} of the header and {name}");
            match Memory::open(&path, OpenOptions::default()) {
                Ok(memory) => assert!(is_whole(&memory), "{what}: opened"),
                Err(error) => assert_eq!(error.code, Code::Corrupt, "{what}: {error}"),
            }
            let report = doctor(&path);
            assert!(is_whole(&open(&path)), "{what}: {report}");
        }
    }
    // Nothing is left of the table: its directory knows what there was.
    let mut damaged = bytes.clone();
    damaged[30] ^= 1;
    damaged[table..].fill(0);
    std::fs::write(&path, &damaged).unwrap();
    let refused = Memory::open(&path, OpenOptions::default());
    assert_eq!(refused.err().unwrap().code, Code::Corrupt);
    let report = doctor(&path);
    assert_eq!(report["status"], "partial", "{report}");
    assert!(is_whole(&open(&path)), "{report}");
}

#[test]
fn removed_documents_stay_removed_or_are_named() {
    for knows_times in [true, false] {
        let (_folder, path) = fresh();
        let memory = create(&path);
        put_all(&memory, &numbered("a", 300));
        memory.seal().unwrap();
        memory.remove(&[100, 101, 102]).unwrap();
        memory.close().unwrap();
        damage(&path, |bytes| {
            let (_, table, _) = table_of(bytes);
            lose_frames(bytes, 98, 106);
            if !knows_times {
                let index = table.tail.time_index.unwrap().bytes_offset as usize;
                bytes[index + 20] ^= 1;
            }
        });
        let report = doctor(&path);
        assert_eq!(report["status"], "partial", "{report}");
        let memory = open(&path);
        for id in [98, 99, 103, 104, 105] {
            let text = memory.text(id).unwrap();
            assert_eq!(text, format!("a number {id} keyworda{id}x"));
        }
        for id in 100..103 {
            if knows_times {
                assert_eq!(memory.text(id).unwrap_err().code, Code::FrameNotFound);
            } else {
                let metadata = memory.frame(id).unwrap().metadata;
                assert_eq!(metadata["memvid.rescued"], "status");
            }
        }
        if knows_times {
            assert_eq!(detail(&report, "frames_lost"), "frames 100-102");
        } else {
            assert_eq!(detail(&report, "removals_unknown"), "frames 98-105");
        }
    }
}

#[test]
fn a_long_text_is_rescued_whole_or_with_its_holes_marked() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let long = |name: usize, words: usize| -> String {
        let words = (0..words).map(|word| format!("part{word}of{name}y in a long text, "));
        words.collect()
    };
    let mut texts: Vec<String> = (0..12)
        .flat_map(|name| [long(name, 100 + 60 * name), format!("short{name}x text")])
        .collect();
    texts.push("the last one is short".to_owned());
    let documents = texts.iter().map(|text| Document::text(text.clone(), 1));
    let stored = memory
        .put(documents.collect(), PutOptions::default())
        .unwrap();
    memory.close().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let (_, table, _) = table_of(&bytes);
    let part = &table.frames[stored.ids[20] as usize + 3];
    for loses_a_part in [false, true] {
        let mut damaged = bytes.clone();
        lose_frames(&mut damaged, 0, table.frames.len() - 1);
        if loses_a_part {
            let at = part.payload_offset as usize;
            damaged[at..at + 30].fill(0x55);
        }
        std::fs::write(&path, &damaged).unwrap();
        let report = doctor(&path);
        assert_eq!(report["status"], "partial", "{report}");
        let memory = open(&path);
        let mut whole = 0;
        for (number, (id, text)) in stored.ids.iter().zip(&texts).enumerate() {
            let found = memory.text(*id).unwrap();
            if loses_a_part && number == 20 {
                assert!(
                    found.contains('\u{FFFD}') && found.len() > text.len() / 2,
                    "{found}"
                );
            } else if found == *text {
                whole += 1;
            } else {
                assert!(
                    found.contains('\u{FFFD}'),
                    "{number}: {found:?} in place of {text:?}"
                );
            }
        }
        assert!(whole >= 24 - usize::from(loses_a_part), "{whole}: {report}");
    }
}

#[test]
fn texts_of_the_same_words_are_not_mistaken_for_each_other() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let texts: Vec<String> = [
        "apples pears plums and cherries",
        "Cherries, plums, pears; and apples!",
        "twins are the same",
        "twins are the same",
        "kept",
    ]
    .map(str::to_owned)
    .to_vec();
    put_all(&memory, &texts);
    memory.close().unwrap();
    damage(&path, |bytes| lose_frames(bytes, 0, 4));
    let report = doctor(&path);
    assert_eq!(report["status"], "partial", "{report}");
    assert_eq!(detail(&report, "text_ambiguous"), "frames 0, 1");
    assert_eq!(detail(&report, "text_rescued"), "frames 2, 3");
    let memory = open(&path);
    for id in [0, 1] {
        assert_eq!(memory.text(id).unwrap_err().code, Code::FrameNotFound);
    }
    for id in [2, 3, 4] {
        assert_eq!(memory.text(id).unwrap(), texts[id as usize]);
    }
}

/// A memory of `commits` commits and as many documents.
fn memory_of(name: &str, commits: usize) -> Vec<u8> {
    let (_folder, path) = fresh();
    let memory = create(&path);
    for text in numbered(name, commits) {
        put_each(&memory, &[text]);
        memory.seal().unwrap();
    }
    memory.close().unwrap();
    std::fs::read(&path).unwrap()
}

#[test]
fn a_memory_that_is_stored_as_a_document_is_never_taken_for_the_memory() {
    let inner = memory_of("inner", 6);
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_each(&memory, &numbered("outer", 20));
    memory.seal().unwrap();
    let document = Document {
        content: Content::Bytes(inner.clone()),
        ..Document::text("", 1)
    };
    let stored = put_document(&memory, document);
    memory.seal().unwrap();
    put_each(&memory, &numbered("later", 4));
    memory.close().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let (table_start, table, footer) = table_of(&bytes);
    type Change = Box<dyn Fn(&mut Vec<u8>)>;
    let frames_end = table_start + table.frames_end as usize;
    let directory = table.head.segments[0].bytes_offset as usize;
    let cases: Vec<(&str, Change)> = vec![
        ("header", Box::new(|bytes| bytes[20] ^= 1)),
        ("whole header", Box::new(|bytes| bytes[..4096].fill(0))),
        ("footer", Box::new(move |bytes| bytes[footer] ^= 1)),
        ("cut", Box::new(move |bytes| bytes.truncate(table_start))),
        (
            "frames",
            Box::new(move |bytes| bytes[table_start + 200..frames_end].fill(0)),
        ),
        (
            "frames and directory",
            Box::new(move |bytes| {
                bytes[directory..directory + 64].fill(0);
                bytes[table_start + 200..frames_end].fill(0);
            }),
        ),
        (
            "header and table",
            Box::new(move |bytes| {
                bytes[20] ^= 1;
                bytes[table_start..].fill(0);
            }),
        ),
        (
            "header, directory and table",
            Box::new(move |bytes| {
                bytes[..4096].fill(0xAA);
                bytes[directory..].fill(0);
            }),
        ),
    ];
    let reads_inner = |memory: &Memory| {
        (0..40)
            .filter_map(|id| memory.text(id).ok())
            .any(|text| text.starts_with("inner number"))
    };
    for (name, change) in cases {
        let mut damaged = bytes.clone();
        change(&mut damaged);
        std::fs::write(&path, &damaged).unwrap();
        if let Ok(memory) = Memory::open(&path, OpenOptions::default()) {
            assert!(!reads_inner(&memory), "{name}: opened");
        }
        let report = doctor(&path);
        if report["status"] != "failed" {
            let memory = open(&path);
            assert!(!reads_inner(&memory), "{name}: {report}");
            let text = memory.text(3).unwrap();
            assert_eq!(text, "outer number 3 keywordouter3x", "{name}: {report}");
            if let Ok(frame) = memory.frame(stored) {
                assert_ne!(frame.title, "inner", "{name}");
            }
        }
    }
    // What a batch that was killed behind its first payload leaves. The inner one has as many commits as come next.
    let sizes: Vec<usize> = (1..9).collect();
    for commits in sizes {
        let mut killed = bytes.clone();
        killed.extend(memory_of("killed", commits));
        for (what, at) in [("nothing", 5000), ("header", 20), ("hint", 145)] {
            let mut damaged = killed.clone();
            damaged[at] ^= u8::from(at < 4096);
            let located = mv2::recover::locate(&damaged, &path).unwrap();
            assert_eq!(
                located.toc_offset as usize, table_start,
                "{what}, {commits} commits"
            );
        }
    }
}
