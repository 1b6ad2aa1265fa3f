//! What stands in the log behind the newest record: rests of killed batches, and records of the reference.

use std::sync::Arc;

use engine::{Document, OpenMode, PutOptions};
use mv2::header::Header;
use mv2::wal::RECORD_HEADER_SIZE;
use simulation::image::DiskState;
use simulation::recording::{Event, Fault, FaultKind};
use simulation::run::{NAME, open};

use crate::support::{
    Place, assert_survives, assert_survives_within, batch, disk_after, events_apart, events_of_put,
    has_frames, header, is_text, is_void_header, killed_in_front_of_its_header, large,
    of_the_reference, put, record_header_at, small, write_at, write_files,
};

/// Bytes that reach the disk together.
const SECTOR: usize = 512;

/// [`of_the_reference`] with `length` bytes in all.
fn of_the_reference_in(length: usize, sequence: u64, letter: u8) -> Vec<u8> {
    let room = length - of_the_reference(sequence, b"").len();
    of_the_reference(sequence, &vec![letter; room])
}

fn frames(place: &Place) -> Result<u64, String> {
    let memory = open(&place.path, OpenMode::Open, true).map_err(|error| error.to_string())?;
    Ok(memory.stats().unwrap()["frame_count"].as_u64().unwrap())
}

/// A text whose record ends in a log, the only one of `place` then, so many bytes in front of the border of a sector.
fn text_that_ends(
    place: &Place,
    in_front: usize,
    documents: impl Fn(&str) -> Vec<Document>,
) -> (String, u64) {
    let files = place.files();
    let log = header(place).wal_offset as usize;
    let ending = |length: usize| {
        let other = Place::new();
        write_files(other.folder.path(), &files);
        let text = "a".repeat(length);
        put(&other.open(), documents(&text)).unwrap();
        let bytes = std::fs::read(&other.path).unwrap();
        // Any of its records will do.
        let mut at = log;
        loop {
            let length = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap()) as usize;
            let end = at + RECORD_HEADER_SIZE + length;
            if length == 0 {
                return None;
            }
            if end % SECTOR == SECTOR - in_front {
                return Some((text, end as u64));
            }
            at = end;
        }
    };
    (20..700).find_map(ending).unwrap()
}

#[test]
fn two_batches_that_were_killed_in_front_of_their_first_header() {
    let place = Place::with(&["first"]);
    killed_in_front_of_its_header(&place, batch(4, "of the first that is killed"));
    assert_eq!(frames(&place), Ok(1));
    killed_in_front_of_its_header(&place, batch(2, "x"));
    assert_eq!(frames(&place), Ok(1));
}

#[test]
fn two_batches_that_were_killed_with_a_commit_between_them() {
    let place = Place::with(&["first"]);
    killed_in_front_of_its_header(&place, batch(12, "of the first that is killed"));
    {
        let memory = place.open();
        put(&memory, small("acknowledged")).unwrap();
        memory.close().unwrap();
    }
    killed_in_front_of_its_header(&place, batch(2, "x"));
    assert_eq!(frames(&place), Ok(2));
}

#[test]
fn a_batch_where_another_one_was_killed() {
    let place = Place::with(&["first"]);
    killed_in_front_of_its_header(&place, batch(40, "of the first that is killed"));
    put(&place.open(), small("acknowledged")).unwrap();
    let initial = place.files();
    let events = events_of_put(&place, batch(3, "y"));
    assert_survives(&disk_after(&initial, &events), |memory| {
        is_text(memory, 1, "acknowledged")
    });
}

/// Nothing checks the sequence of a record of the reference: with the one that half a header brings it would be new.
#[test]
fn half_a_header_over_a_record_of_the_reference() {
    let place = Place::with(&["first"]);
    // As a commit leaves it whose last write did not arrive.
    let log = header(&place).wal_offset;
    write_at(&place, log, &of_the_reference(1, b"of the reference"));
    let initial = place.files();
    let events = events_of_put(&place, small("second"));
    let header = record_header_at(&events, log);
    let disk = disk_after(&initial, &events[..header]);
    assert_survives_within(&disk, &events[header], 0..16, |memory| {
        has_frames(memory, &[1])
    });
}

/// The front of the log was wiped, what stands behind it was not.
#[test]
fn half_a_batch_over_a_record_of_the_reference() {
    let place = Place::with(&["first"]);
    let two = |text: &str| {
        vec![
            Document::text(text.to_owned(), 1),
            Document::text("z".to_owned(), 1),
        ]
    };
    let (text, end) = text_that_ends(&place, 8, two);
    write_at(&place, end, &of_the_reference_in(400, 1, b'B'));
    let initial = place.files();
    let events = events_of_put(&place, two(&text));
    assert_survives(&disk_after(&initial, &events), |memory| {
        has_frames(memory, &[1, 3])?;
        if has_frames(memory, &[1]).is_ok() {
            return Ok(());
        }
        is_text(memory, 1, &text)?;
        is_text(memory, 2, "z")
    });
}

#[test]
fn half_of_the_zeros_behind_a_put_over_a_record_of_the_reference() {
    let place = Place::with(&["first"]);
    put(&place.open(), small("acknowledged")).unwrap();
    let (text, end) = text_that_ends(&place, 8, small);
    write_at(&place, end, &of_the_reference_in(400, 1, b'B'));
    let initial = place.files();
    let events = events_of_put(&place, small(&text));
    assert_survives(&disk_after(&initial, &events), |memory| {
        is_text(memory, 1, "acknowledged")
    });
}

/// The reference writes a record where its log was, and is killed in front of the sync of the zeros behind it.
#[test]
fn a_put_behind_a_record_of_the_reference_that_was_killed() {
    for length in [2 * SECTOR - 8, 1000] {
        let place = Place::with(&["first"]);
        let (log, applied) = {
            let header = header(&place);
            (header.wal_offset, header.wal_sequence)
        };
        write_at(&place, log, &of_the_reference_in(length, applied + 1, b'A'));
        let second = log + length as u64;
        write_at(&place, second, &of_the_reference_in(400, applied + 2, b'B'));
        let memory = place.open();
        memory.seal().unwrap();
        write_at(&place, log, &of_the_reference_in(length, applied + 3, b'C'));
        let initial = place.files();
        let zeros = [0; RECORD_HEADER_SIZE];
        write_at(&place, second, &zeros);
        let mut disk = DiskState::new(&initial);
        disk.apply(&Event::Wrote {
            file: 0,
            offset: second,
            bytes: Arc::from(zeros),
        });
        let events = {
            let watched = place.watch();
            put(&memory, small("under way")).unwrap();
            watched.events()
        };
        let header = record_header_at(&events, second);
        events[..header].iter().for_each(|event| disk.apply(event));
        assert_survives_within(&disk, &events[header], 0..RECORD_HEADER_SIZE, |memory| {
            has_frames(memory, &[4])?;
            let text = memory.text(3).map_err(|error| error.to_string())?;
            text.starts_with("CC").then_some(()).ok_or(text)
        });
    }
}

/// Puts with a fault in the wipe, or in its sync, and then without. Losses of power within the second one's header bring
/// nothing back.
fn put_after_a_wipe_that_failed(by_another: bool, in_sync: bool, fault: impl Fn(u64) -> Fault) {
    let place = Place::with(&["first"]);
    let log = header(&place).wal_offset;
    write_at(&place, log, &of_the_reference(1, b"of the reference"));
    let initial = place.files();
    let in_front = {
        let is_change = |event: &&Event| !matches!(event, Event::Begins(_) | Event::Ends(_));
        let events = events_apart(&place, small("x"));
        let changes: Vec<_> = events.iter().filter(is_change).collect();
        let wipe = changes
            .iter()
            .position(|event| is_void_header(event))
            .unwrap();
        let is_sync = |event: &&Event| matches!(event, Event::Synced { .. });
        let sync = changes[wipe..].iter().position(is_sync).unwrap();
        (wipe + if in_sync { sync } else { 0 }) as u64
    };
    let watched = place.watch();
    let mut memory = place.open();
    watched.fail(Some(fault(watched.calls().0 + in_front)));
    assert!(put(&memory, small("not stored")).is_err());
    watched.fail(None);
    let from = watched.events().len();
    if by_another {
        memory = place.open();
    }
    put(&memory, small("second")).unwrap();
    let events = watched.events();
    let header = from + record_header_at(&events[from..], log);
    let disk = disk_after(&initial, &events[..header]);
    assert_survives_within(&disk, &events[header], 0..16, |memory| {
        has_frames(memory, &[1])
    });
}

#[test]
fn a_wipe_whose_sync_failed() {
    let once = |call| Fault {
        call,
        reads: false,
        kind: FaultKind::Broken,
        lasts: false,
    };
    for in_sync in [false, true] {
        put_after_a_wipe_that_failed(false, in_sync, once);
        put_after_a_wipe_that_failed(true, in_sync, once);
        put_after_a_wipe_that_failed(false, in_sync, |call| Fault {
            lasts: true,
            ..once(call)
        });
    }
}

/// A sequence so much higher has the same check.
#[test]
fn half_a_header_over_a_record_of_ours() {
    let place = Place::with(&["first"]);
    let memory = place.open();
    let documents = batch(4100, "document");
    let ids = memory.put(documents, PutOptions::default()).unwrap().ids;
    put(&memory, large(250, 7)).unwrap();
    memory.seal().unwrap();
    put(&memory, small("pending")).unwrap();
    let initial = place.files();
    let watched = place.watch();
    memory.remove(&ids[..4092]).unwrap();
    let frames = memory.stats().unwrap()["frame_count"].as_u64().unwrap();
    let from = watched.events().len();
    put(&memory, small("under way")).unwrap();
    let events = watched.events();
    let log = Header::decode(&initial[NAME]).unwrap().wal_offset;
    let header = from + record_header_at(&events[from..], log);
    let disk = disk_after(&initial, &events[..header]);
    assert_survives_within(&disk, &events[header], [1, 2, 7, 8], |memory| {
        has_frames(memory, &[frames])
    });
}
