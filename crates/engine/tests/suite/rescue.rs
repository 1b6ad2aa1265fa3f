//! Repair where several things are damaged at once: nothing older takes the place of what was acknowledged, nothing foreign
//! and nothing removed comes up without a word.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{self, create, fresh, open, put_document};
use engine::{
    Code, Content, DoctorOptions, Document, Embedding, Identity, Memory, NewCard, OpenOptions,
    PutOptions, doctor_file,
};
use serde_json::Value;

fn doctor(path: &Path) -> Value {
    doctor_file(path, &DoctorOptions::default(), Duration::from_secs(5)).unwrap()
}

fn detail(report: &Value, code: &str) -> String {
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["code"] == code);
    let found = found.unwrap_or_else(|| panic!("{code} is not in {report}"));
    found["detail"].as_str().unwrap_or_default().to_owned()
}

fn damage(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

fn put_each(memory: &Memory, texts: &[String]) {
    for text in texts {
        put_document(memory, Document::text(text.clone(), 1));
    }
}

fn put_all(memory: &Memory, texts: &[String]) {
    let documents = texts.iter().map(|text| Document::text(text.clone(), 1));
    memory
        .put(documents.collect(), PutOptions::default())
        .unwrap();
}

fn numbered(name: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{name} number {number} keyword{name}{number}x"))
        .collect()
}

/// Place of the table of contents, what it says, and the place of its footer.
fn table_of(bytes: &[u8]) -> (usize, mv2::toc::DecodedToc, usize) {
    let located = mv2::recover::locate(bytes, Path::new("x")).unwrap();
    let table = mv2::toc::decode(located.toc(bytes).unwrap()).unwrap();
    (
        located.toc_offset as usize,
        table,
        located.footer_offset as usize,
    )
}

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

#[test]
fn of_a_damaged_newest_write_what_is_intact_is_kept_and_told() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_all(&memory, &numbered("sealed", 10));
    memory.seal().unwrap();
    put_all(&memory, &numbered("waiting", 6));
    let bytes = std::fs::read(&path).unwrap();
    drop(memory);
    let header = mv2::Header::decode(&bytes).unwrap();
    let region = mv2::wal::region(&bytes, &header).unwrap();
    let records = mv2::wal::scan(region, header.wal_sequence).records;
    assert_eq!(records.len(), 6);
    for (lost, record) in records.iter().enumerate() {
        for is_header in [false, true] {
            let record = 4096 + record.position as usize;
            let mut damaged = bytes.clone();
            damaged[record + if is_header { 3 } else { 48 + 60 }] ^= 0x11;
            std::fs::write(&path, &damaged).unwrap();
            match Memory::open(&path, OpenOptions::default()) {
                Ok(memory) => {
                    let stats = memory.stats().unwrap();
                    let is_whole = stats["frame_count"] == 16;
                    assert!(is_whole || stats["damage"].is_string(), "{lost}: {stats}");
                    let verified = memory.verify(false).unwrap();
                    assert!(is_whole || verified.overall_status == "failed", "{lost}");
                }
                Err(error) => assert_eq!(error.code, Code::Corrupt),
            }
            let report = doctor(&path);
            let memory = open(&path);
            let texts = numbered("waiting", 6);
            let read = |number: usize| memory.text(10 + number as u64).ok();
            for (number, text) in texts
                .iter()
                .enumerate()
                .filter(|(number, _)| *number != lost)
            {
                assert_eq!(read(number).as_ref(), Some(text), "{lost}: {report}");
            }
            if read(lost).is_none() {
                assert_eq!(report["status"], "partial", "{report}");
                detail(&report, "log_records_lost");
            }
            let again = doctor(&path);
            assert_eq!(again["status"], "clean", "{again}");
        }
    }
    // A write that was interrupted: the others were there before its first header.
    let first = 4096 + records[0].position as usize;
    for written in [0, 20, 47] {
        let mut killed = bytes.clone();
        killed[first + written..first + 48].fill(0);
        std::fs::write(&path, &killed).unwrap();
        let report = doctor(&path);
        assert_eq!(open(&path).stats().unwrap()["frame_count"], 10, "{report}");
    }
    let last = 4096 + records[5].position as usize;
    let mut torn = bytes.clone();
    torn[last..4096 + header.wal_size as usize].fill(0);
    std::fs::write(&path, &torn).unwrap();
    let report = doctor(&path);
    assert_eq!(report["status"], "partial", "{report}");
    assert_eq!(open(&path).stats().unwrap()["frame_count"], 10, "{report}");
}

#[test]
fn a_file_that_ends_inside_its_log_is_not_called_healed() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_each(&memory, &numbered("waiting", 30));
    let bytes = std::fs::read(&path).unwrap();
    drop(memory);
    for length in [4096 + 2_000, 4096 + 100_000] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let report = doctor(&path);
        assert_eq!(report["status"], "partial", "{report}");
        detail(&report, "log_records_lost");
        let text = open(&path).text(0).unwrap();
        assert_eq!(text, "waiting number 0 keywordwaiting0x");
    }
}

#[test]
fn a_commit_that_is_lost_whole_is_told_unless_it_was_the_first_of_a_new_memory() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_each(&memory, &numbered("waiting", 3));
    drop(memory);
    let whole = std::fs::read(&path).unwrap();
    let header = mv2::Header::decode(&whole).unwrap();
    for is_first in [true, false] {
        let mut bytes = whole[..header.wal_end() as usize].to_vec();
        if !is_first {
            // The header of a later commit: payloads stand in front of its table.
            let later = mv2::Header {
                footer_offset: header.footer_offset + 1000,
                ..header.clone()
            };
            bytes[..mv2::header::HEADER_SIZE].copy_from_slice(&later.encode());
        }
        std::fs::write(&path, bytes).unwrap();
        let report = doctor(&path);
        let status = if is_first { "healed" } else { "partial" };
        assert_eq!(report["status"], status, "{report}");
        let findings = report["findings"].to_string();
        assert!(findings.contains("toc_lost"), "{report}");
        assert_eq!(findings.contains("commit_lost"), !is_first, "{report}");
        assert_eq!(open(&path).text(2).unwrap(), numbered("waiting", 3)[2]);
    }
}

#[test]
fn what_stands_behind_the_frames_of_a_damaged_table_is_as_it_was_or_told() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_each(&memory, &numbered("sealed", 3));
    memory.close().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let before = open(&path).stats().unwrap();
    let (start, table, end) = table_of(&whole);
    let tail = start + table.frames_end as usize;
    for at in tail..end {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&path, bytes).unwrap();
        let report = doctor(&path);
        let status = &report["status"];
        assert!(status == "healed" || status == "partial", "{report}");
        let after = open(&path).stats().unwrap();
        for said in ["seq_no", "tier", "capacity_bytes", "has_lex_index"] {
            assert_eq!(after[said], before[said], "{said} {at}: {report}");
        }
    }
}

/// A memory of twenty documents with a removal of six in its log. Gives its bytes and where the records of it stand.
fn with_a_removal(path: &Path) -> (Vec<u8>, Vec<usize>, u64) {
    let memory = create(path);
    put_each(&memory, &numbered("a", 20));
    memory.seal().unwrap();
    memory.remove(&[2, 3, 4, 5, 6, 7]).unwrap();
    let bytes = std::fs::read(path).unwrap();
    drop(memory);
    let header = mv2::Header::decode(&bytes).unwrap();
    let region = mv2::wal::region(&bytes, &header).unwrap();
    let records = mv2::wal::scan(region, header.wal_sequence).records;
    let first = records[0].sequence;
    let starts = records[..6]
        .iter()
        .map(|record| 4096 + record.position as usize)
        .collect();
    (bytes, starts, first)
}

/// Repairs it: all twenty are there, and that something is missing is said.
fn nothing_is_removed(path: &Path) -> Value {
    let report = doctor(path);
    assert_eq!(report["status"], "partial", "{report}");
    detail(&report, "log_records_lost");
    let memory = open(path);
    assert_eq!(memory.stats().unwrap()["active_frame_count"], 20);
    for id in 0..20 {
        let text = memory.text(id).unwrap();
        assert!(text.starts_with(&format!("a number {id} ")), "{id}: {text}");
    }
    report
}

#[test]
fn of_a_removal_that_was_not_written_to_its_end_nothing_is_done() {
    let (_folder, path) = fresh();
    let (mut bytes, starts, _) = with_a_removal(&path);
    // Of the first and the last record half has arrived, and older bytes stand behind.
    bytes[starts[0] + 20..starts[1]].fill(0xAA);
    bytes[starts[5] + 20..starts[5] + 400].fill(0xAA);
    std::fs::write(&path, &bytes).unwrap();
    detail(&nothing_is_removed(&path), "removals_unknown");
}

#[test]
fn of_a_removal_into_which_another_write_had_begun_to_write_nothing_is_done() {
    let (_folder, path) = fresh();
    let (intact, starts, first) = with_a_removal(&path);
    let mut record = Vec::new();
    mv2::wal::encode_record(first, 0, &[0x55; 4000], &mut record);
    // The process was killed before the removal had its first header, and so was the one that wrote next. It may be the content
    // of that.
    for written in [48, starts[1] - starts[0], starts[3] - starts[0] + 20] {
        let mut bytes = intact.clone();
        bytes[starts[0]..starts[0] + written].copy_from_slice(&record[..written]);
        std::fs::write(&path, &bytes).unwrap();
        nothing_is_removed(&path);
    }
}

fn add_city(memory: &Memory, entity: &str, city: &str) {
    let card = NewCard {
        entity: entity.to_owned(),
        slot: "city".to_owned(),
        value: city.to_owned(),
        ..NewCard::default()
    };
    memory.add_memory_cards(&[card]).unwrap();
}

/// A memory of which the table of contents says what nothing else does: a setting, vectors that wait for a reembed, and a
/// track of cards. Gives the bytes of its file.
fn of_many_kinds(path: &Path) -> Vec<u8> {
    let memory = create(path);
    let document = |number: u64| Document {
        embedding: Some(Embedding {
            vector: support::vector_of(8, number).into(),
            identity: Arc::new(Identity::default()),
        }),
        ..Document::text(format!("document {number}"), number as i64)
    };
    let ids: Vec<u64> = (0..12)
        .map(|number| support::put_document(&memory, document(number)))
        .collect();
    memory.set_vector_compression(true).unwrap();
    add_city(&memory, "Alice", "Paris");
    let identity = Identity {
        model: Some("next".to_owned()),
        ..Identity::default()
    };
    let vectors: Vec<f32> = ids
        .iter()
        .flat_map(|id| support::vector_of(16, *id))
        .collect();
    memory.stage_vectors(&ids, &vectors, identity).unwrap();
    memory.seal().unwrap();
    drop(memory);
    std::fs::read(path).unwrap()
}

/// What `stats` says of a file, but for bytes, generations, sections and what waits in the log, which are others after a repair.
fn said(path: &Path) -> Value {
    let memory = open(path);
    let mut stats = memory.stats().unwrap();
    stats["cards"] = memory.memories(None, None).unwrap().count.into();
    let fields = stats.as_object_mut().unwrap();
    fields.retain(|name, _| {
        !name.contains("bytes")
            && !name.contains("generation")
            && !name.contains("percent")
            && !name.contains("segment")
            && !name.contains("pending")
    });
    stats
}

#[test]
fn what_stands_around_the_frames_is_there_twice() {
    let (_folder, path) = fresh();
    let intact = of_many_kinds(&path);
    let before = said(&path);
    assert_eq!(before["staged_vectors"]["count"], 12, "{before}");
    assert!(before["vector_compression_reason"].is_string(), "{before}");
    let (start, table, footer) = table_of(&intact);
    let head = start..start + mv2::toc::decode_head(&intact[start..footer]).unwrap().2 as usize;
    let tail = start + table.frames_end as usize..footer;
    for at in head.chain(tail).step_by(3) {
        let mut damaged = intact.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(&path, &damaged).unwrap();
        let report = doctor(&path);
        assert_eq!(report["status"], "healed", "{at}: {report}");
        assert_eq!(said(&path), before, "{at}: {report}");
    }
}

#[test]
fn where_both_copies_are_damaged_it_is_told() {
    let (_folder, path) = fresh();
    let intact = of_many_kinds(&path);
    let (start, table, _) = table_of(&intact);
    let directory = table.head.segments[0].bytes_offset as usize;
    // Of the first section, which is the directory, the checksum is not in the copy: it is that of the copy.
    let checksum = start + 16 + 24..start + 16 + 24 + 32;
    let head = start..start + mv2::toc::decode_head(&intact[start..]).unwrap().2 as usize;
    for at in head.filter(|at| !checksum.contains(at)).step_by(3) {
        let mut damaged = intact.clone();
        // Behind the header of the directory stands the copy.
        damaged[directory + 160 + at % 64] ^= 0x10;
        damaged[at] ^= 0x08;
        std::fs::write(&path, &damaged).unwrap();
        let report = doctor(&path);
        assert_eq!(report["status"], "partial", "{at}: {report}");
        detail(&report, "section_list_unchecked");
        let after = said(&path);
        assert_eq!(after["active_frame_count"], 12, "{at}: {report}");
        if after["vector_count"] != 12 {
            detail(&report, "vectors_damaged");
        }
    }
    // A checksum says which one is intact when it is not the table of contents.
    let mut damaged = intact.clone();
    damaged[directory + 170] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    let report = doctor(&path);
    assert_eq!(report["status"], "healed", "{report}");
    detail(&report, "directory_damaged");
}

/// Repairs a damaged file. Where nothing is said to be lost, it says what it said before.
fn is_repaired_or_told(path: &Path, damaged: &[u8], before: &Value) -> Value {
    std::fs::write(path, damaged).unwrap();
    let report = doctor(path);
    if report["status"] == "healed" {
        assert_eq!(said(path), *before, "{report}");
    }
    report
}

#[test]
fn the_directory_of_a_commit_before_vouches_for_nothing() {
    type Change = fn(&Memory);
    let changes: [Change; 3] = [
        |memory| memory.set_vector_compression(false).unwrap(),
        |memory| add_city(memory, "Bob", "Lyon"),
        |memory| {
            let texts = numbered("of the last commit", 3);
            put_all(memory, &texts);
            memory.seal().unwrap();
        },
    ];
    for change in changes {
        let (_folder, path) = fresh();
        of_many_kinds(&path);
        let memory = open(&path);
        change(&memory);
        drop(memory);
        let intact = std::fs::read(&path).unwrap();
        let before = said(&path);
        let (start, table, footer) = table_of(&intact);
        let directory = table.head.segments[0].bytes_offset as usize;
        // From anywhere in the last commit to the end of the file.
        for from in (directory..intact.len()).step_by(61) {
            for byte in [0, 0x5A] {
                let mut damaged = intact.clone();
                damaged[from..].fill(byte);
                is_repaired_or_told(&path, &damaged, &before);
            }
        }
        // Its directory, the head of its table and the footer, a byte of each.
        for at in (start..start + 300).step_by(13) {
            let mut damaged = intact.clone();
            damaged[directory + 3] ^= 1;
            damaged[at] ^= 4;
            damaged[footer + 2] ^= 1;
            is_repaired_or_told(&path, &damaged, &before);
        }
    }
}

#[test]
fn the_directory_of_a_commit_that_never_came_into_force_vouches_for_nothing() {
    let (_folder, path) = fresh();
    of_many_kinds(&path);
    let before = std::fs::read(&path).unwrap();
    let memory = open(&path);
    put_all(&memory, &numbered("never acknowledged", 60));
    memory.seal().unwrap();
    drop(memory);
    support::lose_header(&path, &before);
    let memory = open(&path);
    memory.set_vector_compression(false).unwrap();
    put_all(&memory, &numbered("acknowledged", 2));
    memory.seal().unwrap();
    drop(memory);
    let intact = std::fs::read(&path).unwrap();
    let before = said(&path);
    let (start, _, _) = table_of(&intact);
    // The first section is the directory: where it stands, and how many bytes it has.
    for at in start + 16..start + 16 + 76 {
        let mut damaged = intact.clone();
        damaged[at] ^= 2;
        let report = is_repaired_or_told(&path, &damaged, &before);
        assert_eq!(report["status"], "healed", "{at}: {report}");
    }
}

#[test]
fn the_directory_does_not_vouch_for_what_another_program_wrote_since() {
    let (_folder, path) = fresh();
    let ours = of_many_kinds(&path);
    let (_, mut table, footer) = table_of(&ours);
    // It took the cards away.
    table.tail.memories_track = None;
    let frames: Vec<Vec<u8>> = table
        .frames
        .iter()
        .map(mv2::frame::Frame::to_bytes)
        .collect();
    let pieces: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    let encoded = mv2::toc::encode(&table.head, pieces.len() as u64, &pieces, &table.tail);
    let mut theirs = ours[..footer + 56].to_vec();
    let header = mv2::header::Header {
        footer_offset: theirs.len() as u64,
        toc_checksum: mv2::toc::stored_checksum(&encoded).unwrap(),
        ..mv2::header::Header::decode(&ours).unwrap()
    };
    theirs[..mv2::header::HEADER_SIZE].copy_from_slice(&header.encode());
    theirs.extend(&encoded);
    theirs.extend(mv2::footer::Footer::for_toc(&encoded, 99).encode());
    std::fs::write(&path, &theirs).unwrap();
    let before = said(&path);
    assert_eq!(before["cards"], 0, "{before}");
    let end = theirs.len();
    for lost in (1..300).step_by(7) {
        let mut damaged = theirs.clone();
        damaged[end - lost..].fill(0);
        is_repaired_or_told(&path, &damaged, &before);
        assert_ne!(said(&path)["cards"], 1, "{lost}");
    }
}

#[test]
fn a_new_memory_is_made_with_its_setting() {
    for (enable_lex, compresses) in [(true, false), (true, true), (false, true)] {
        let (_folder, path) = fresh();
        let options = OpenOptions {
            mode: engine::OpenMode::Create,
            enable_lex,
            vector_compression: compresses.then_some(true),
            ..OpenOptions::default()
        };
        let memory = Memory::open(&path, options).unwrap();
        put_each(&memory, &numbered("in the log", 3));
        let length = mv2::header::HEADER_SIZE + mv2::header::DEFAULT_WAL_SIZE as usize;
        let before = said(&path);
        let mut bytes = std::fs::read(&path).unwrap();
        drop(memory);
        bytes.truncate(length);
        let report = is_repaired_or_told(&path, &bytes, &before);
        assert_eq!(report["status"], "healed", "{report}");
    }
}

#[test]
fn a_removal_is_not_undone_by_the_directory_of_the_one_before() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_all(&memory, &numbered("kept", 9));
    memory.seal().unwrap();
    let table_end = std::fs::read(&path).unwrap().len();
    memory.remove(&[5]).unwrap();
    memory.seal().unwrap();
    let second = std::fs::read(&path).unwrap();
    memory.remove(&[6]).unwrap();
    memory.seal().unwrap();
    drop(memory);
    let intact = std::fs::read(&path).unwrap();
    assert!(second.len() < intact.len());
    let (start, table, _) = table_of(&second);
    assert!(start > table_end);
    // From anywhere in the tables of the last two commits, but behind the directory of the first of them.
    let directory = &table.head.segments[0];
    let behind = (directory.bytes_offset + directory.bytes_length) as usize;
    for from in (behind..intact.len()).step_by(37) {
        let mut damaged = intact.clone();
        damaged[from..].fill(0);
        std::fs::write(&path, &damaged).unwrap();
        let report = doctor(&path);
        assert_ne!(report["status"], "failed", "{from}: {report}");
        let mut findings = report["findings"].as_array().unwrap().iter();
        let has_told = findings.any(|finding| finding["severity"] == "error");
        let memory = open(&path);
        assert!(has_told || memory.text(6).is_err(), "{from}: {report}");
        assert!(memory.text(4).unwrap().starts_with("kept number 4 "));
    }
}

#[test]
fn where_nothing_is_left_of_the_newest_commit_the_one_before_counts() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_all(&memory, &numbered("first", 30));
    memory.seal().unwrap();
    put_each(&memory, &numbered("second", 2));
    memory.seal().unwrap();
    let second = std::fs::read(&path).unwrap();
    put_each(&memory, &numbered("third", 3));
    memory.seal().unwrap();
    drop(memory);
    let intact = std::fs::read(&path).unwrap();
    let (start, _, _) = table_of(&second);
    for from in (start..intact.len()).step_by(97) {
        let mut damaged = intact.clone();
        damaged[from..].fill(0);
        std::fs::write(&path, &damaged).unwrap();
        let report = doctor(&path);
        let is_healed = report["status"] == "healed";
        assert!(
            is_healed || report["status"] == "partial",
            "{from}: {report}"
        );
        let memory = open(&path);
        let has = |id: u64, text: &str| memory.text(id).is_ok_and(|found| found.starts_with(text));
        assert!(
            has(0, "first number 0 ") && has(29, "first number 29 "),
            "{from}: {report}"
        );
        assert!(!is_healed || has(34, "third number 2 "), "{from}: {report}");
    }
}

#[test]
fn a_copy_is_taken_when_header_and_end_are_gone() {
    let (_folder, path) = fresh();
    let intact = of_many_kinds(&path);
    let before = said(&path);
    for lost in [57, 100, 200] {
        let mut damaged = intact.clone();
        damaged[20] ^= 1;
        damaged.truncate(intact.len() - lost);
        std::fs::write(&path, &damaged).unwrap();
        let report = doctor(&path);
        assert_ne!(report["status"], "failed", "{lost}: {report}");
        assert_eq!(said(&path), before, "{lost}: {report}");
    }
}

#[test]
fn the_end_of_a_commit_of_another_program_costs_no_more_than_that_commit() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_all(&memory, &numbered("ours", 200));
    memory.close().unwrap();
    let ours = std::fs::read(&path).unwrap();
    let (start, table, _) = table_of(&ours);
    // It writes its payload where our table of contents stood, and a table of its own behind.
    let mut theirs = ours[..start].to_vec();
    let text = b"theirs";
    let mut frames = table.frames.clone();
    let mut frame = frames.last().unwrap().clone();
    frame.id = 200;
    frame.uri = Some("mv2://theirs".to_owned());
    frame.payload_offset = theirs.len() as u64;
    frame.payload_length = text.len() as u64;
    frame.checksum = *blake3::hash(text).as_bytes();
    frame.canonical_encoding = mv2::frame::CanonicalEncoding::Plain;
    frame.canonical_length = Some(text.len() as u64);
    frames.push(frame);
    theirs.extend(text);
    let encoded: Vec<Vec<u8>> = frames.iter().map(mv2::frame::Frame::to_bytes).collect();
    let pieces: Vec<&[u8]> = encoded.iter().map(Vec::as_slice).collect();
    let toc = mv2::toc::encode(&table.head, pieces.len() as u64, &pieces, &table.tail);
    let header = mv2::header::Header::decode(&ours).unwrap();
    let header = mv2::header::Header {
        footer_offset: theirs.len() as u64,
        wal_sequence: header.wal_sequence + 1,
        toc_checksum: mv2::toc::stored_checksum(&toc).unwrap(),
        ..header
    };
    theirs[..mv2::header::HEADER_SIZE].copy_from_slice(&header.encode());
    let table_start = theirs.len();
    theirs.extend(&toc);
    theirs.extend(mv2::footer::Footer::for_toc(&toc, 99).encode());
    for left in [0, 20, 2_000, 20_000] {
        std::fs::write(&path, &theirs[..table_start + left]).unwrap();
        let report = doctor(&path);
        assert_eq!(report["status"], "partial", "{left}: {report}");
        let memory = open(&path);
        let is_there = |id: &u64| {
            let expected = format!("ours number {id} ");
            memory
                .text(*id)
                .is_ok_and(|text| text.starts_with(&expected))
        };
        assert_eq!((0..200).filter(is_there).count(), 200, "{left}: {report}");
    }
}

#[test]
fn without_a_header_nothing_behind_a_commit_is_taken_for_nothing() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_each(&memory, &numbered("first", 3));
    memory.seal().unwrap();
    let first = std::fs::read(&path).unwrap().len();
    put_each(&memory, &numbered("second", 3));
    memory.seal().unwrap();
    drop(memory);
    let intact = std::fs::read(&path).unwrap();
    for (from, byte) in [
        (first, 0),
        (first - 56, 0x5A),
        (first, 0x5A),
        (first - 56, 0),
    ] {
        let mut damaged = intact.clone();
        damaged[20] ^= 1;
        damaged[from..].fill(byte);
        std::fs::write(&path, &damaged).unwrap();
        let report = doctor(&path);
        assert_eq!(report["status"], "partial", "{from} {byte}: {report}");
    }
}

#[test]
fn a_removed_last_frame_that_is_lost_is_known_from_the_table_before() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_all(&memory, &numbered("kept", 10));
    memory.seal().unwrap();
    memory.remove(&[9]).unwrap();
    memory.seal().unwrap();
    drop(memory);
    let intact = std::fs::read(&path).unwrap();
    let before = said(&path);
    let (start, table, _) = table_of(&intact);
    let from = start + *table.frame_offsets.last().unwrap() as usize + 30;
    let mut damaged = intact;
    damaged[from..].fill(0);
    let report = is_repaired_or_told(&path, &damaged, &before);
    assert_eq!(report["status"], "healed", "{report}");
    assert!(open(&path).text(9).is_err(), "{report}");
}

#[test]
fn a_header_that_does_not_say_any_more_that_it_has_a_checksum_is_damaged() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_each(&memory, &numbered("waiting", 3));
    let mut bytes = std::fs::read(&path).unwrap();
    drop(memory);
    // The name of the checksum, and where the log stands.
    bytes[145] ^= 1;
    bytes[17] ^= 0x20;
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(open(&path).text(2).unwrap(), numbered("waiting", 3)[2]);
    let report = doctor(&path);
    assert_eq!(report["status"], "healed", "{report}");
    assert_eq!(open(&path).text(2).unwrap(), numbered("waiting", 3)[2]);
}
