//! The header that makes void what stands behind it: torn, in front of other damage, and with a repair behind it.

use engine::{Content, Document};
use fastrand::Rng;
use mv2::wal::{RECORD_HEADER_SIZE, void_header, void_length};
use simulation::recording::{Fault, FaultKind};
use simulation::run::open;

use crate::support::{
    Place, another_is_killed, assert_survives, batch, disk_after, doctored, document_of_records,
    end_of_log, events_into_log, has_frames, header, is_first_header, of_the_reference, put,
    put_next, small, write_at, write_files, write_in_part,
};

/// Bytes that reach the disk together.
const SECTOR: u64 = 512;

/// A memory with an acknowledged document of so many bytes, and where the next record goes.
fn with_document(length: u64) -> (Place, u64) {
    let place = Place::with(&["first"]);
    let mut random = Rng::with_seed(9);
    let document = Document {
        content: Content::Bytes((0..length).map(|_| random.u8(..)).collect()),
        ..Document::text("", 1)
    };
    put(&place.open(), vec![document]).unwrap();
    let (at, _) = end_of_log(&place);
    (place, at)
}

/// Of the next header so many bytes stand in front of the border of a sector.
fn at_border(of_header: u64) -> (Place, u64) {
    let (_, at) = with_document(600);
    let more = (2 * SECTOR - of_header - at % SECTOR) % SECTOR;
    let (place, at) = with_document(600 + more);
    assert_eq!(at % SECTOR, SECTOR - of_header);
    (place, at)
}

#[test]
fn of_which_the_second_sector_arrives() {
    for is_written in [false, true] {
        for of_header in [2, 8, 11, 12, 15, 16, 17, 24, 32, 40, 47] {
            let (place, at) = at_border(of_header);
            // In front of a process that was killed, or over a put that failed.
            let events = events_into_log(&place, vec![document_of_records(8192)]);
            write_in_part(&place, &events, |event, bytes| {
                if is_first_header(event) && !is_written {
                    return Vec::new();
                }
                bytes
            });
            let void = void_header(9000);
            write_at(&place, at + of_header, &void[of_header as usize..]);
            let damaged = place.files();
            let memory = place.open();
            has_frames(&memory, &[2, 3]).unwrap();
            put(&memory, small("next")).unwrap();
            has_frames(&memory, &[3, 4]).unwrap();
            drop(memory);
            write_files(place.folder.path(), &damaged);
            doctored(&place);
            has_frames(&place.open(), &[2, 3]).unwrap();
        }
    }
}

#[test]
fn of_a_put_at_the_border_of_a_sector() {
    for of_header in [8, 12, 15, 16, 40] {
        let (place, _) = at_border(of_header);
        let initial = place.files();
        let watched = place.watch();
        let memory = place.open();
        watched.let_syncs_pass(Some(1));
        assert!(put(&memory, batch(3, "failed")).is_err());
        watched.let_syncs_pass(None);
        drop(memory);
        let disk = disk_after(&initial, &watched.events());
        assert_survives(&disk, |memory| {
            has_frames(memory, &[2, 5])?;
            put_next(memory)?;
            has_frames(memory, &[3, 6])
        });
    }
}

/// The newest acknowledged record is damaged then.
#[test]
fn of_a_put_that_failed_which_doctor_does_not_give_back() {
    let place = Place::with(&["first"]);
    let watched = place.watch();
    let memory = place.open();
    put(&memory, small("acknowledged")).unwrap();
    watched.let_syncs_pass(Some(0));
    assert!(put(&memory, batch(3, "failed")).is_err());
    watched.let_syncs_pass(None);
    drop(memory);
    let bytes = std::fs::read(&place.path).unwrap();
    let log = header(&place).wal_offset;
    let damaged = log as usize + 100;
    write_at(&place, log + 100, &[bytes[damaged] ^ 1]);
    doctored(&place);
    let memory = place.open();
    let texts = (0..6).filter_map(|id| memory.text(id).ok());
    assert_eq!(texts.filter(|text| text.starts_with("failed")).count(), 0);
    has_frames(&memory, &[1, 2]).unwrap();
}

/// With or without it, a damaged sequence of a record of the reference is told.
#[test]
fn behind_a_damaged_sequence() {
    for fails in [false, true] {
        let place = Place::with(&["first"]);
        let watched = place.watch();
        let memory = place.open();
        put(&memory, small("acknowledged")).unwrap();
        let (at, own) = end_of_log(&place);
        let mut record = of_the_reference(own + 1, b"of the reference");
        let end = (at + record.len() as u64) as usize;
        record.extend([0; RECORD_HEADER_SIZE]);
        write_at(&place, at, &record);
        has_frames(&memory, &[3]).unwrap();
        if fails {
            // The record of the reference again and its sync, two writes, and then the sync that fails.
            watched.fail(Some(Fault {
                call: watched.calls().0 + 4,
                reads: false,
                kind: FaultKind::Broken,
                lasts: false,
            }));
            assert!(put(&memory, small("failed")).is_err());
            watched.fail(None);
            let bytes = std::fs::read(&place.path).unwrap();
            assert!(void_length(&bytes[end..]).is_some());
        }
        drop(memory);
        has_frames(&place.open(), &[3]).unwrap();
        write_at(&place, at, &[u8::try_from(own).unwrap()]);
        let error = open(&place.path, engine::OpenMode::Open, true).map(drop);
        assert_eq!(error.unwrap_err().code, engine::Code::Corrupt);
    }
}

/// What is to be wiped is noted there, for the next process.
#[test]
fn of_a_wipe_whose_sync_failed_as_its_process_was_killed() {
    let place = Place::with(&["first"]);
    another_is_killed(&place, batch(40, "of the one that is killed"));
    let initial = place.files();
    let watched = place.watch();
    watched.let_syncs_pass(Some(1));
    assert!(put(&place.open(), small("not stored")).is_err());
    watched.let_syncs_pass(None);
    let bytes = std::fs::read(&place.path).unwrap();
    let noted = void_length(&bytes[header(&place).wal_offset as usize..]).unwrap();
    assert!(noted > 4096, "{noted}");
    // The zeros never arrive, and nobody sees that they are missing.
    put(&place.open(), small("acknowledged")).unwrap();
    put(&place.open(), batch(3, "as well")).unwrap();
    let disk = disk_after(&initial, &watched.events());
    assert_survives(&disk, |memory| {
        has_frames(memory, &[5])?;
        put_next(memory)?;
        has_frames(memory, &[6])
    });
}
