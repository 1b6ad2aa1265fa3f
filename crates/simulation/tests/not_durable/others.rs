//! What others leave in the log between two puts of a handle, which does not look through it again, and documents that contain
//! what looks like records.

use engine::{Content, Document, Memory};
use mv2::wal::RECORD_HEADER_SIZE;
use simulation::image::DiskState;
use simulation::recording::{Event, Watch};

use crate::support::{
    Place, assert_survives, batch, disk_after, events_apart, header, is_text, put, small,
    up_to_last_sync, write_at,
};

/// A watched memory with a handle that has put, and would not look through its log again.
fn after_a_put() -> (Place, Watch, Memory) {
    let place = Place::with(&["first"]);
    let watched = place.watch();
    let memory = place.open();
    put(&memory, small("acknowledged")).unwrap();
    (place, watched, memory)
}

/// Another process puts a batch and is killed when only the first header is missing.
fn another_is_killed(place: &Place) {
    for event in events_apart(place, batch(40, "of the one that is killed")) {
        if let Event::Wrote { offset, bytes, .. } = &event
            && bytes.len() != RECORD_HEADER_SIZE
        {
            write_at(place, *offset, bytes);
        }
    }
}

/// The long part of what the next process would wipe.
fn wipe_of_the_next(place: &Place) -> Event {
    let is_wipe = |event: &Event| {
        matches!(event, Event::Wrote { offset, bytes, .. }
            if *offset > 0 && bytes.len() > 4096 && bytes.iter().all(|byte| *byte == 0))
    };
    let events = events_apart(place, small("x"));
    events.into_iter().find(is_wipe).unwrap()
}

/// A batch of the handle, before its sync, on top of `disk`: nothing acknowledged is lost with the power.
fn assert_batch_survives(mut disk: DiskState, watched: &Watch, memory: &Memory) {
    let from = watched.events().len();
    put(memory, batch(3, "y")).unwrap();
    let events = up_to_last_sync(watched.events()[from..].to_vec());
    events.iter().for_each(|event| disk.apply(event));
    assert_survives(&disk, |memory| is_text(memory, 1, "acknowledged"));
}

#[test]
fn a_batch_that_was_killed() {
    let (place, watched, memory) = after_a_put();
    drop(watched);
    let before = place.files();
    another_is_killed(&place);
    assert!(place.files() != before);
    put(&memory, small("acknowledged as well")).unwrap();
    drop(memory);
    let initial = place.files();
    let events = events_apart(&place, batch(3, "y"));
    assert_survives(&disk_after(&initial, &events), |memory| {
        is_text(memory, 1, "acknowledged")?;
        is_text(memory, 2, "acknowledged as well")
    });
}

#[test]
fn a_wipe_that_was_killed() {
    for is_whole in [false, true] {
        let (place, watched, memory) = after_a_put();
        another_is_killed(&place);
        let wipe = wipe_of_the_next(&place);
        let Event::Wrote { offset, bytes, .. } = &wipe else {
            panic!("{wipe:?}");
        };
        let disk = if is_whole {
            // In front of its sync.
            let mut disk = DiskState::new(&place.files());
            write_at(&place, *offset, bytes);
            disk.apply(&wipe);
            disk
        } else {
            write_at(&place, *offset, &bytes[..4096]);
            DiskState::new(&place.files())
        };
        assert_batch_survives(disk, &watched, &memory);
    }
}

/// The first sync is that of the commit, the second one that of a wipe or, where nothing is to be wiped, of the put.
#[test]
fn a_put_of_another_whose_second_sync_failed() {
    for is_to_wipe in [false, true] {
        let (place, watched, memory) = after_a_put();
        if is_to_wipe {
            another_is_killed(&place);
        }
        let initial = place.files();
        let from = watched.events().len();
        let another = place.open();
        watched.let_syncs_pass(Some(1));
        assert!(put(&another, batch(40, "not stored")).is_err());
        watched.let_syncs_pass(None);
        let disk = disk_after(&initial, &watched.events()[from..]);
        assert_batch_survives(disk, &watched, &memory);
    }
}

#[test]
fn acknowledged_records_behind_one_whose_header_is_gone() {
    let place = Place::with(&["first"]);
    {
        let memory = place.open();
        for text in ["a", "b", "c", "d"] {
            put(&memory, small(text)).unwrap();
        }
    }
    let log = header(&place).wal_offset;
    let bytes = std::fs::read(&place.path).unwrap();
    let length = &bytes[log as usize + 8..log as usize + 12];
    let length = u64::from(u32::from_le_bytes(length.try_into().unwrap()));
    let second = log + RECORD_HEADER_SIZE as u64 + length;
    write_at(&place, second, &[0; RECORD_HEADER_SIZE]);
    let damaged = std::fs::read(&place.path).unwrap();
    let error = put(&place.open(), small("next")).unwrap_err();
    assert!(error.to_string().contains("MV012"), "{error}");
    // They can still be rescued.
    let log = log as usize..(log as usize + 4096);
    assert!(std::fs::read(&place.path).unwrap()[log.clone()] == damaged[log]);
}

/// The beginning of another memory, with higher sequences in its log.
fn document_of_records(behind_front: usize) -> Document {
    let other = Place::with(&["first"]);
    let memory = other.open();
    for text in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] {
        put(&memory, small(text)).unwrap();
    }
    let log = header(&other).wal_offset as usize;
    let mut bytes = std::fs::read(&other.path).unwrap();
    bytes.truncate(log + behind_front);
    Document {
        content: Content::Bytes(bytes),
        ..Document::text("", 1)
    }
}

#[test]
fn a_document_of_records_that_was_committed() {
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
            put(&memory, vec![document_of_records(behind_front)]).unwrap();
            memory.seal().unwrap();
            put(&memory, small("same handle")).unwrap();
        }
        put(&place.open(), small("next")).unwrap();
    }
}

#[test]
fn a_document_of_records_whose_put_was_killed() {
    for is_behind_another in [false, true] {
        let place = Place::with(&["first"]);
        if is_behind_another {
            put(&place.open(), small("acknowledged")).unwrap();
        }
        let initial = place.files();
        let watched = place.watch();
        put(&place.open(), vec![document_of_records(8192)]).unwrap();
        let events = watched.events();
        drop(watched);
        let is_header = |event: &Event| {
            matches!(event, Event::Wrote { offset, bytes, .. }
                if *offset >= 4096 && bytes.len() == RECORD_HEADER_SIZE && bytes[0] != 0)
        };
        let first = events.iter().position(is_header).unwrap();
        place.after(&disk_after(&initial, &events[..first]));
        put(&place.open(), small("next")).unwrap();
    }
}
