//! Documents that contain the records of another log: they are content, however little of the record around them has arrived.

use engine::{Content, Document};
use mv2::wal::RECORD_HEADER_SIZE;
use simulation::recording::Event;

use crate::support::{
    Place, assert_survives, assert_survives_within, disk_after, doctored, document_of_records,
    events_apart, events_into_log, has_frames, is_first_header, is_text, is_void_header, put,
    put_next, small, write_at, write_files, write_in_part,
};

fn of_records() -> Document {
    document_of_records(8192)
}

/// Begins to put these, and writes no more than so many bytes of each header and of the rest.
fn begun(place: &Place, documents: Vec<Document>, of_header: usize, of_rest: usize) {
    let events = events_into_log(place, documents);
    write_in_part(place, &events, |_, mut bytes| {
        let is_header = bytes.len() == RECORD_HEADER_SIZE;
        bytes.truncate(if is_header { of_header } else { of_rest });
        bytes
    });
}

/// Puts them into the log, whole.
fn put_into_log(place: &Place, documents: Vec<Document>) {
    begun(place, documents, usize::MAX, usize::MAX);
}

/// Everything but the first header is written.
fn killed_in_front_of_header(place: &Place, documents: Vec<Document>) {
    begun(place, documents, 0, usize::MAX);
}

/// The power may be lost within such a put, whatever arrives.
#[test]
fn are_put_in_one_commit() {
    let place = Place::with(&["first"]);
    put(&place.open(), small("acknowledged")).unwrap();
    let initial = place.files();
    let watched = place.watch();
    put(&place.open(), vec![of_records()]).unwrap();
    let events = watched.events();
    assert!(!events.iter().any(is_first_header));
    let syncs = events
        .iter()
        .enumerate()
        .filter(|(_, event)| matches!(event, Event::Synced { .. }));
    for (sync, _) in syncs {
        assert_survives(&disk_after(&initial, &events[..sync]), |memory| {
            is_text(memory, 1, "acknowledged")?;
            put_next(memory)?;
            has_frames(memory, &[3, 4])
        });
    }
}

#[test]
fn whose_header_arrives_in_part() {
    let place = Place::with(&["first"]);
    put(&place.open(), small("acknowledged")).unwrap();
    let initial = place.files();
    let events = events_into_log(&place, vec![of_records()]);
    let first = events.iter().rposition(is_first_header).unwrap();
    let disk = disk_after(&initial, &events[..first]);
    assert_survives_within(&disk, &events[first], 1..RECORD_HEADER_SIZE, |memory| {
        is_text(memory, 1, "acknowledged")
    });
}

#[test]
fn whose_sync_did_not_come() {
    let place = Place::with(&["first"]);
    put(&place.open(), small("acknowledged")).unwrap();
    let initial = place.files();
    let events = events_into_log(&place, vec![of_records()]);
    assert_survives(&disk_after(&initial, &events), |memory| {
        is_text(memory, 1, "acknowledged")
    });
}

#[test]
fn whose_writer_was_killed_within_a_write() {
    for in_batch in [false, true] {
        for is_first in [false, true] {
            for written in (500..8500).step_by(500) {
                let place = Place::with(&["first"]);
                if !is_first {
                    put(&place.open(), small("acknowledged")).unwrap();
                }
                let mut documents = if in_batch { small("x") } else { Vec::new() };
                documents.push(of_records());
                begun(&place, documents, 0, written);
                let memory = place.open();
                let next = put(&memory, small("next")).unwrap();
                assert_eq!(next, if is_first { 1 } else { 2 }, "{written}");
            }
        }
    }
}

#[test]
fn whose_put_was_being_taken_back() {
    for is_first in [false, true] {
        for wiped in [1, 8, 11, 12, 15, 16, 17, 30, 47, 48] {
            let place = Place::with(&["first"]);
            if !is_first {
                put(&place.open(), small("acknowledged")).unwrap();
            }
            let events = events_into_log(&place, vec![of_records()]);
            write_in_part(&place, &events, |_, mut bytes| {
                if bytes.len() == RECORD_HEADER_SIZE {
                    bytes[..wiped].fill(0);
                }
                bytes
            });
            let memory = place.open();
            put(&memory, small("next")).unwrap();
            has_frames(&memory, &[if is_first { 2 } else { 3 }]).unwrap();
        }
    }
}

/// Flips a bit so that doctor has work; none with 0. Negative places are from the end.
fn flip(place: &Place, at: i64) {
    let mut bytes = std::fs::read(&place.path).unwrap();
    let from_end = bytes.len() as i64 + at;
    if at != 0 {
        bytes[if at > 0 { at } else { from_end } as usize] ^= 1;
        std::fs::write(&place.path, bytes).unwrap();
    }
}

/// Of nothing, the header, the footer and the table of contents.
const FLIPS: [i64; 4] = [0, 20, -30, -200];

#[test]
fn that_are_committed_are_not_repaired_into_the_memory() {
    for at in FLIPS {
        let place = Place::with(&["first"]);
        put_into_log(&place, vec![of_records()]);
        place.open().seal().unwrap();
        flip(&place, at);
        let report = doctored(&place);
        assert!(has_frames(&place.open(), &[2]).is_ok(), "{at}: {report}");
    }
}

#[test]
fn whose_writer_was_killed_are_not_repaired_into_the_memory() {
    for at in FLIPS {
        let place = Place::with(&["first"]);
        killed_in_front_of_header(&place, vec![of_records()]);
        flip(&place, at);
        let report = doctored(&place);
        assert!(has_frames(&place.open(), &[1]).is_ok(), "{at}: {report}");
    }
}

#[test]
fn that_are_committed_are_verified() {
    let place = Place::with(&["first"]);
    put_into_log(&place, vec![of_records()]);
    let memory = place.open();
    has_frames(&memory, &[2]).unwrap();
    assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
    memory.seal().unwrap();
    assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
    drop(memory);
    let report = place.open().verify(true).unwrap();
    assert_eq!(report.overall_status, "passed");
}

#[test]
fn whose_header_arrived_in_part_are_repaired() {
    for is_first in [false, true] {
        for of_header in [8, 20, 40] {
            let place = Place::with(&["first"]);
            if !is_first {
                put(&place.open(), small("acknowledged")).unwrap();
            }
            begun(&place, vec![of_records()], of_header, usize::MAX);
            let report = doctored(&place);
            let frames = if is_first { 1 } else { 2 };
            assert!(
                has_frames(&place.open(), &[frames, frames + 1]).is_ok(),
                "{of_header}: {report}"
            );
        }
    }
}

#[test]
fn of_which_nothing_tells_where_they_end_are_told_and_repaired() {
    let place = Place::with(&["first"]);
    put(&place.open(), small("acknowledged")).unwrap();
    let events = events_into_log(&place, vec![of_records()]);
    for event in &events {
        if let Event::Wrote { offset, bytes, .. } = event
            && *offset >= 4096
            && bytes.len() > 4096
        {
            // Neither its header nor the first sector behind that.
            let lost = (512 - *offset % 512) as usize;
            write_at(&place, *offset + lost as u64, &bytes[lost..]);
        }
    }
    let memory = place.open();
    is_text(&memory, 1, "acknowledged").unwrap();
    let error = put(&memory, small("next")).unwrap_err();
    assert_eq!(error.code, engine::Code::Corrupt);
    drop(memory);
    let report = doctored(&place);
    assert_eq!(report["status"], "partial", "{report}");
    assert_eq!(
        report["findings"][0]["code"], "frames_unchecked",
        "{report}"
    );
    let memory = place.open();
    is_text(&memory, 1, "acknowledged").unwrap();
    put(&memory, small("next")).unwrap();
}

#[test]
fn that_are_committed_do_not_hinder_a_put() {
    // The second reaches behind what is looked at of the front of a log.
    for (in_front, behind_front) in [(0, 8192), (0, 50_000), (2, 8192)] {
        let place = Place::with(&["first"]);
        {
            let memory = place.open();
            for seed in 0..in_front {
                let mut random = fastrand::Rng::with_seed(seed);
                let bytes = (0..10_000).map(|_| random.u8(..)).collect();
                let document = Document {
                    content: Content::Bytes(bytes),
                    ..Document::text("", 1)
                };
                put(&memory, vec![document]).unwrap();
            }
            put_into_log(&place, vec![document_of_records(behind_front)]);
            memory.seal().unwrap();
            put(&memory, small("same handle")).unwrap();
        }
        put(&place.open(), small("next")).unwrap();
    }
}

#[test]
fn whose_writer_was_killed_in_front_of_its_first_header() {
    for is_behind_another in [false, true] {
        let place = Place::with(&["first"]);
        if is_behind_another {
            put(&place.open(), small("acknowledged")).unwrap();
        }
        killed_in_front_of_header(&place, vec![of_records()]);
        put(&place.open(), small("next")).unwrap();
    }
}

/// How long is what is written of it tells nothing of how long it is.
#[test]
fn a_long_one_whose_writer_was_killed_within_a_write() {
    for is_first in [true, false] {
        for written in [5_000, 20_000, 70_000] {
            let place = Place::with(&["first"]);
            if !is_first {
                put(&place.open(), small("acknowledged")).unwrap();
            }
            begun(&place, vec![document_of_records(90_000)], 0, written);
            let memory = place.open();
            put(&memory, small("next")).unwrap();
            has_frames(&memory, &[if is_first { 2 } else { 3 }]).unwrap();
        }
    }
}

/// Calls `check` for each moment at which the process of the next put may be killed while it wipes.
fn at_each_kill_within_a_wipe(place: &Place, check: impl Fn()) {
    let initial = place.files();
    let events = events_apart(place, small("next"));
    let first = events.iter().position(is_void_header).unwrap();
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let writes: Vec<(u64, &[u8])> = events[first..]
        .iter()
        .filter_map(|event| match event {
            Event::Wrote { offset, bytes, .. } => Some((event, *offset, &**bytes)),
            _ => None,
        })
        .take_while(|(event, _, bytes)| is_void_header(event) || is_zero(bytes))
        .map(|(_, offset, bytes)| (offset, bytes))
        .collect();
    let mut moments = 0;
    for (number, (offset, bytes)) in writes.iter().enumerate() {
        let step = bytes.len().div_ceil(RECORD_HEADER_SIZE);
        for cut in (0..bytes.len()).step_by(step).chain([bytes.len()]) {
            write_files(place.folder.path(), &initial);
            for (offset, bytes) in &writes[..number] {
                write_at(place, *offset, bytes);
            }
            write_at(place, *offset, &bytes[..cut]);
            check();
            moments += 1;
        }
    }
    assert!(moments > 2 * RECORD_HEADER_SIZE, "{moments}");
}

/// Memories whose log the next put has to wipe of a document of records, and how many frames they have: it is committed, or its
/// writer was killed.
fn committed_and_killed() -> [(Place, u64); 2] {
    let committed = Place::with(&["first"]);
    put_into_log(&committed, vec![of_records()]);
    committed.open().seal().unwrap();
    let killed = Place::with(&["first"]);
    killed_in_front_of_header(&killed, vec![of_records()]);
    [(committed, 2), (killed, 1)]
}

#[test]
fn whose_wipe_is_killed() {
    for (place, count) in committed_and_killed() {
        at_each_kill_within_a_wipe(&place, || {
            let killed = place.files();
            let memory = place.open();
            has_frames(&memory, &[count]).unwrap();
            put(&memory, small("next")).unwrap();
            has_frames(&memory, &[count + 1]).unwrap();
            drop(memory);
            write_files(place.folder.path(), &killed);
            doctored(&place);
            has_frames(&place.open(), &[count]).unwrap();
        });
    }
}

/// Of the wipe and what it notes in front any part may arrive.
#[test]
fn whose_wipe_is_lost_with_the_power() {
    for (place, count) in committed_and_killed() {
        let initial = place.files();
        let events = events_apart(&place, small("next"));
        for (sync, _) in events
            .iter()
            .enumerate()
            .filter(|(_, event)| matches!(event, Event::Synced { .. }))
        {
            let disk = disk_after(&initial, &events[..sync]);
            assert_survives(&disk, |memory| {
                has_frames(memory, &[count])?;
                put_next(memory)?;
                has_frames(memory, &[count + 1])
            });
        }
    }
}
