//! What others write in front of what a killed batch left: its sequences go on from theirs, and it was never acknowledged.

use engine::{Content, Document, PurgeRequest};
use mv2::wal::RECORD_HEADER_SIZE;
use simulation::recording::Event;

use crate::support::{
    Place, another_is_killed, assert_survives, batch, disk_after, doctored, end_of_log, has_frames,
    header, is_text, killed_in_front_of_its_header, of_the_reference, place_of, put, put_next,
    small, up_to_last_sync, write_at, write_files,
};

/// With a record of the reference in front of what a killed batch left. The zeros behind it, which the reference does not
/// sync, may not have arrived.
fn of_both(with_zeros: bool) -> Place {
    let place = Place::with(&["first"]);
    let before = header(&place);
    killed_in_front_of_its_header(&place, batch(12, "of the one that is killed"));
    let mut record = of_the_reference(before.wal_sequence + 1, b"of the reference");
    if with_zeros {
        record.extend([0; RECORD_HEADER_SIZE]);
    }
    write_at(&place, before.wal_offset, &record);
    place
}

#[test]
fn a_record_of_the_reference() {
    for with_zeros in [true, false] {
        let place = of_both(with_zeros);
        let memory = place.open();
        has_frames(&memory, &[2]).unwrap();
        is_text(&memory, 1, "of the reference").unwrap();
        put(&memory, small("next")).unwrap();
        memory.close().unwrap();
        is_text(&place.open(), 2, "next").unwrap();
    }
}

#[test]
fn a_record_of_the_reference_and_doctor() {
    for with_zeros in [true, false] {
        let place = of_both(with_zeros);
        let report = doctored(&place);
        let memory = place.open();
        has_frames(&memory, &[2]).unwrap();
        is_text(&memory, 1, "of the reference").unwrap();
        assert_ne!(report["status"], "failed");
    }
}

/// As long as the first one of the batch, so that the second one stands right behind; one record, or two together.
#[test]
fn records_of_the_reference_of_equal_length() {
    for in_front in [0, 1] {
        let place = Place::with(&["first"]);
        let before = header(&place);
        let long = "the first one of a batch, so long that the reference can be as long ".repeat(8);
        let documents = batch(12, &long);
        killed_in_front_of_its_header(&place, documents);
        let second = place_of(&place, before.wal_sequence + 2);
        let mut records = Vec::new();
        for number in 0..in_front {
            let sequence = before.wal_sequence + 1 + number;
            records.extend(of_the_reference(sequence, b"of the reference"));
        }
        let last = before.wal_sequence + 1 + in_front;
        let room = second - records.len() - of_the_reference(last, b"").len();
        let text = "x".repeat(room);
        records.extend(of_the_reference(last, text.as_bytes()));
        assert_eq!(records.len(), second);
        write_at(&place, before.wal_offset, &records);
        let memory = place.open();
        has_frames(&memory, &[2 + in_front]).unwrap();
        is_text(&memory, 1 + in_front, &text).unwrap();
        put(&memory, small("next")).unwrap();
        has_frames(&place.open(), &[3 + in_front]).unwrap();
    }
}

/// It reaches into what the batch left, however far.
#[test]
fn a_long_record_of_the_reference_and_doctor() {
    for length in (300..2000).step_by(170) {
        let place = Place::with(&["first"]);
        let before = header(&place);
        killed_in_front_of_its_header(&place, batch(3, &"x".repeat(600)));
        let record = of_the_reference(before.wal_sequence + 1, &vec![b'r'; length]);
        write_at(&place, before.wal_offset, &record);
        has_frames(&place.open(), &[2]).unwrap();
        doctored(&place);
        has_frames(&place.open(), &[2]).unwrap();
    }
}

/// A handle knows that nothing stands behind the newest record. The reference writes in front of what a killed process left, where
/// that is zeros for so long that it looks like nothing.
#[test]
fn a_record_of_the_reference_with_zeros_behind_it() {
    let place = Place::with(&["first"]);
    let watched = place.watch();
    let memory = place.open();
    put(&memory, small("known")).unwrap();
    let (end, last) = end_of_log(&place);
    let zeros = Document {
        content: Content::Bytes(vec![0; 3000]),
        ..Document::text("", 1)
    };
    let mut documents = vec![zeros];
    documents.extend(batch(6, "of the one that is killed"));
    another_is_killed(&place, documents);
    let mut record = of_the_reference(last + 1, &[b'r'; 1000]);
    record.extend([0; RECORD_HEADER_SIZE]);
    write_at(&place, end, &record);
    let initial = place.files();
    let from = watched.events().len();
    put(&memory, batch(8, "next")).unwrap();
    let events = up_to_last_sync(watched.events()[from..].to_vec());
    assert_survives(&disk_after(&initial, &events), |memory| {
        put_next(memory)?;
        has_frames(memory, &[4, 12])
    });
}

/// It takes sequences without records.
#[test]
fn a_purge() {
    let place = Place::with(&["first", "second", "third"]);
    killed_in_front_of_its_header(&place, batch(4, "of the one that is killed"));
    let memory = place.open();
    let request = PurgeRequest {
        ids: vec![1],
        versions: false,
    };
    memory.purge(&request).unwrap();
    has_frames(&memory, &[3]).unwrap();
    is_text(&memory, 2, "third").unwrap();
}

/// What turns programs of the reference away stands in the old file, which comes back.
#[test]
fn a_rewrite_whose_name_is_lost() {
    let place = Place::with(&["first"]);
    let memory = place.open();
    put(&memory, small("second")).unwrap();
    memory.seal().unwrap();
    another_is_killed(&place, batch(12, "of the one that is killed"));
    let initial = place.files();
    let watched = place.watch();
    watched.fail_folder_syncs();
    assert!(memory.compact().is_err());
    let disk = disk_after(&initial, &watched.events());
    assert_survives(&disk, |memory| {
        is_text(memory, 0, "first")?;
        is_text(memory, 1, "second")?;
        put_next(memory)?;
        has_frames(memory, &[3])
    });
}

/// The process that sealed was killed in front of emptying the log: all in it is applied, and the reference writes behind that.
/// A handle that was open sees it, too.
#[test]
fn applied_records_that_an_open_handle_knows() {
    let place = Place::with(&["first"]);
    put(&place.open(), small("second")).unwrap();
    let reader = place.open();
    let before = header(&place);
    let apart = Place::new();
    write_files(apart.folder.path(), &place.files());
    let watched = apart.watch();
    apart.open().seal().unwrap();
    for event in &watched.events() {
        if let Event::Wrote { offset, bytes, .. } = event {
            if *offset == before.wal_offset && bytes.iter().all(|byte| *byte == 0) {
                break;
            }
            write_at(&place, *offset, bytes);
        }
    }
    has_frames(&reader, &[2]).unwrap();
    let bytes = std::fs::read(&place.path).unwrap();
    let log = usize::try_from(before.wal_offset).unwrap();
    let sequence = u64::from_le_bytes(bytes[log..log + 8].try_into().unwrap());
    let length = u32::from_le_bytes(bytes[log + 8..log + 12].try_into().unwrap());
    let end = before.wal_offset + RECORD_HEADER_SIZE as u64 + u64::from(length);
    let record = of_the_reference(sequence + 1, b"of the reference");
    write_at(&place, end, &record);
    for memory in [reader, place.open()] {
        has_frames(&memory, &[3]).unwrap();
        is_text(&memory, 2, "of the reference").unwrap();
    }
}
