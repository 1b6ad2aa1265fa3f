//! A log that is damaged: what a crash explains is passed over, what it does not is told.

use std::path::Path;

use crate::support::{create, fresh, open};
use engine::{Code, Document, Memory, OpenOptions, PutOptions};
use mv2::wal;

/// Five documents in the log, the last three of which came together; where their records start.
fn with_records(path: &Path) -> Vec<usize> {
    let memory = create(path);
    let text = |number: u64| Document::text(format!("document number {number}"), 100);
    for number in 0..2 {
        memory
            .put(vec![text(number)], PutOptions::default())
            .unwrap();
    }
    memory
        .put((2..5).map(text).collect(), PutOptions::default())
        .unwrap();
    drop(memory);
    let bytes = std::fs::read(path).unwrap();
    let header = mv2::Header::decode(&bytes).unwrap();
    let scan = wal::scan(wal::region(&bytes, &header).unwrap(), 0);
    assert_eq!((scan.records.len(), scan.torn), (5, None));
    let start = header.wal_offset as usize;
    let records = scan.records.iter();
    records
        .map(|record| start + record.position as usize)
        .collect()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 8;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_record_with_acknowledged_ones_behind_it_is_told_and_nothing_is_written() {
    for part in [16, 48, 60] {
        let (_folder, path) = fresh();
        let records = with_records(&path);
        flip(&path, records[1] + part);
        let before = std::fs::read(&path).unwrap();
        for read_only in [true, false] {
            let options = OpenOptions {
                read_only,
                ..OpenOptions::default()
            };
            let Err(error) = Memory::open(&path, options) else {
                panic!("opened with byte {part} of a record damaged");
            };
            assert_eq!(error.code, Code::Corrupt);
            assert_eq!(error.details["section"], "log");
            assert_eq!(error.details["offset"], records[1] as u64);
        }
        assert!(std::fs::read(&path).unwrap() == before);
    }
}

#[test]
fn a_damaged_sequence_is_put_right() {
    let (_folder, path) = fresh();
    let records = with_records(&path);
    flip(&path, records[1]);
    let memory = open(&path);
    for id in 0..5 {
        assert_eq!(memory.text(id).unwrap(), format!("document number {id}"));
    }
    memory.close().unwrap();
    assert_eq!(open(&path).text(4).unwrap(), "document number 4");
}

#[test]
fn what_an_interrupted_write_left_is_cleared_away_by_the_next() {
    let (_folder, path) = fresh();
    let records = with_records(&path);
    flip(&path, records[2] + 50);
    let memory = open(&path);
    assert_eq!(memory.snapshot("test").unwrap().frame_count(), 2);
    memory
        .put(vec![Document::text("short", 1)], PutOptions::default())
        .unwrap();
    assert_eq!(memory.text(2).unwrap(), "short");
    drop(memory);
    let bytes = std::fs::read(&path).unwrap();
    let header = mv2::Header::decode(&bytes).unwrap();
    let region = wal::region(&bytes, &header).unwrap();
    let scan = wal::scan(region, 0);
    assert_eq!((scan.records.len(), scan.torn), (3, None));
    assert!(region[scan.head as usize..].iter().all(|&byte| byte == 0));
}
