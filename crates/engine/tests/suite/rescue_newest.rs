//! Repair where the newest write or commit is damaged: what is intact is kept, what is missing is told.

use std::path::Path;

use crate::support::rescue::{detail, doctor, numbered, put_all, put_each, table_of};
use crate::support::{create, fresh, open};
use engine::{Code, Memory, OpenOptions};
use serde_json::Value;

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
    mv2::wal::encode_record(first, mv2::wal::InBatch::ALONE, &[0x55; 4000], &mut record);
    // The process was killed before the removal had its first header, and so was the one that wrote next. It may be the content
    // of that.
    for written in [48, starts[1] - starts[0], starts[3] - starts[0] + 20] {
        let mut bytes = intact.clone();
        bytes[starts[0]..starts[0] + written].copy_from_slice(&record[..written]);
        std::fs::write(&path, &bytes).unwrap();
        nothing_is_removed(&path);
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
