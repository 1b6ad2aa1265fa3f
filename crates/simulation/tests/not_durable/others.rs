//! What others leave in the log between two puts of a handle, which does not look through it again.

use engine::Memory;
use mv2::wal::RECORD_HEADER_SIZE;
use simulation::image::DiskState;
use simulation::recording::{Event, Watch};

use crate::support::{
    Place, another_is_killed, assert_survives, batch, disk_after, events_apart, header, is_text,
    put, small, up_to_last_sync, write_at,
};

/// A watched memory with a handle that has put, and would not look through its log again.
fn after_a_put() -> (Place, Watch, Memory) {
    let place = Place::with(&["first"]);
    let watched = place.watch();
    let memory = place.open();
    put(&memory, small("acknowledged")).unwrap();
    (place, watched, memory)
}

fn a_batch_is_killed(place: &Place) {
    another_is_killed(place, batch(40, "of the one that is killed"));
}

/// What the next process would wipe, up to its sync. The last write is the long one.
fn wipe_of_the_next(place: &Place) -> Vec<Event> {
    let log = header(place).wal_offset;
    let writes = events_apart(place, small("x"))
        .into_iter()
        .filter(|event| matches!(event, Event::Wrote { offset, .. } if *offset >= log));
    let mut writes: Vec<Event> = writes.collect();
    let is_long = |event: &Event| {
        matches!(event, Event::Wrote { bytes, .. }
            if bytes.len() > 4096 && bytes.iter().all(|byte| *byte == 0))
    };
    writes.truncate(1 + writes.iter().position(is_long).unwrap());
    writes
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
    a_batch_is_killed(&place);
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
        a_batch_is_killed(&place);
        let wipe = wipe_of_the_next(&place);
        // In front of its sync, or within the last write, with all of it on the disk.
        let mut disk = DiskState::new(&place.files());
        for (number, event) in wipe.iter().enumerate() {
            let Event::Wrote { offset, bytes, .. } = event else {
                panic!("{event:?}");
            };
            let is_cut = !is_whole && number + 1 == wipe.len();
            write_at(&place, *offset, if is_cut { &bytes[..4096] } else { bytes });
            disk.apply(event);
        }
        if !is_whole {
            disk = DiskState::new(&place.files());
        }
        assert_batch_survives(disk, &watched, &memory);
    }
}

/// The first sync is that of the commit, the second one that of a wipe or, where nothing is to be wiped, of the put.
#[test]
fn a_put_of_another_whose_second_sync_failed() {
    for is_to_wipe in [false, true] {
        let (place, watched, memory) = after_a_put();
        if is_to_wipe {
            a_batch_is_killed(&place);
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
