//! Puts that failed: others have seen them before they were taken back, and a loss of power may bring them back later.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use engine::{Document, Memory};
use mv2::wal::void_header;
use simulation::image::DiskState;
use simulation::recording::Event;

use crate::support::{
    Place, assert_survives, batch, disk_after, events_apart, fail_from, has_frames,
    is_first_header, is_text, killed_in_front_of_its_header, large, put, put_in_part, small,
    up_to_last_sync, with_neither_stored_nor_undone, write_at,
};

/// A put of another process whose sync is under way, and that the handles of `place` see. Gives where its first header stands.
fn another_is_in_its_sync(place: &Place, documents: Vec<Document>) -> u64 {
    let first = Cell::new(u64::MAX);
    put_in_part(place, documents, |event, bytes| {
        if let Event::Wrote { offset, .. } = event
            && is_first_header(event)
        {
            first.set(*offset);
        }
        bytes
    });
    first.get()
}

/// Its sync has failed.
fn is_taken_back(place: &Place, at: u64) {
    write_at(place, at, &void_header(1000));
}

#[test]
fn a_batch_that_another_handle_saw() {
    let place = Place::with(&["first"]);
    let memory = place.open();
    put(&memory, small("acknowledged")).unwrap();
    let at = another_is_in_its_sync(&place, batch(2, "of a put that fails"));
    has_frames(&memory, &[4]).unwrap();
    is_taken_back(&place, at);
    has_frames(&memory, &[2]).unwrap();
    assert_eq!(put(&memory, small("acknowledged as well")).unwrap(), 2);
    drop(memory);
    let memory = place.open();
    is_text(&memory, 2, "acknowledged as well").unwrap();
    put(&memory, small("next")).unwrap();
}

#[test]
fn a_batch_that_another_thread_saw() {
    for _ in 0..100 {
        let place = Place::with(&["first"]);
        let watched = place.watch();
        let memory = place.open();
        put(&memory, small("acknowledged")).unwrap();
        let stops = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stops.load(Ordering::Relaxed) {
                    memory.stats().unwrap();
                }
            });
            watched.let_syncs_pass(Some(0));
            assert!(put(&memory, batch(2, "fails")).is_err());
            watched.let_syncs_pass(None);
            stops.store(true, Ordering::Relaxed);
        });
        put(&memory, small("acknowledged as well")).unwrap();
        drop(memory);
        is_text(&place.open(), 2, "acknowledged as well").unwrap();
    }
}

#[test]
fn a_record_that_was_seen_before_another_took_its_place() {
    for (failed, stored) in [
        ("a longer text of a put that fails", "short"),
        ("short", "a longer text that is acknowledged"),
        ("of the same length A", "of the same length B"),
    ] {
        let place = Place::with(&["first"]);
        let memory = place.open();
        put(&memory, small("acknowledged")).unwrap();
        let at = another_is_in_its_sync(&place, small(failed));
        has_frames(&memory, &[3]).unwrap();
        is_taken_back(&place, at);
        put(&place.open(), small(stored)).unwrap();
        is_text(&memory, 2, stored).unwrap();
        put(&memory, small("later")).unwrap();
        drop(memory);
        let memory = place.open();
        is_text(&memory, 2, stored).unwrap();
        is_text(&memory, 3, "later").unwrap();
    }
}

#[test]
fn what_was_seen_is_not_committed_in_place_of_what_was_stored() {
    let three = |middle: &str| {
        let texts = ["of both", middle, "of both as well"];
        texts.map(small).into_iter().flatten().collect()
    };
    for (failed, stored) in [
        (small("this failed"), small("this stored")),
        (
            batch(2, "of a put that fails"),
            batch(2, "of a put that holds"),
        ),
        // The first and the last record are the same.
        (three("this failed"), three("this stored")),
    ] {
        let place = Place::with(&["first"]);
        let memory = place.open();
        put(&memory, small("acknowledged")).unwrap();
        let count = stored.len() as u64;
        let at = another_is_in_its_sync(&place, failed);
        has_frames(&memory, &[2 + count]).unwrap();
        is_taken_back(&place, at);
        put(&place.open(), stored).unwrap();
        let texts = |memory: &Memory| -> Vec<String> {
            (2..2 + count).map(|id| memory.text(id).unwrap()).collect()
        };
        let expected = texts(&place.open());
        assert_eq!(texts(&memory), expected);
        memory.seal().unwrap();
        drop(memory);
        assert_eq!(texts(&place.open()), expected);
    }
}

#[test]
fn two_puts_that_could_not_be_taken_back() {
    let (_place, initial, watched, memory) = with_neither_stored_nor_undone();
    // The write before again, the wipe, its sync and its end, two writes, and then the sync.
    fail_from(&watched, 6);
    assert!(put(&memory, small("nor this")).is_err());
    watched.fail(None);
    is_text(&memory, 3, "nor this").unwrap();
    let id = put(&memory, small("acknowledged")).unwrap();
    let disk = disk_after(&initial, &watched.events());
    assert_survives(&disk, |memory| is_text(memory, id, "acknowledged"));
}

#[test]
fn a_removal_that_failed_and_a_commit_behind_it() {
    let place = Place::with(&["first", "second"]);
    let initial = place.files();
    let watched = place.watch();
    let memory = place.open();
    put(&memory, small("in the log")).unwrap();
    watched.let_syncs_pass(Some(0));
    assert!(memory.remove(&[1]).is_err());
    watched.let_syncs_pass(None);
    is_text(&memory, 1, "second").unwrap();
    put(&memory, large(6, 1)).unwrap();
    is_text(&memory, 1, "second").unwrap();
    let disk = disk_after(&initial, &watched.events());
    assert_survives(&disk, |memory| is_text(memory, 1, "second"));
}

/// A put whose wipe fails to be synced, and who is killed right then.
fn killed_behind_the_failed_sync_of_its_wipe(place: &Place, disk: &mut DiskState) {
    let events = {
        let watched = place.watch();
        let memory = place.open();
        // That of settling passes.
        watched.let_syncs_pass(Some(1));
        assert!(put(&memory, small("not stored")).is_err());
        watched.events()
    };
    let is_sync_failed = |event: &Event| matches!(event, Event::SyncFailed { .. });
    let failed = events.iter().position(is_sync_failed).unwrap();
    for event in &events[..=failed] {
        disk.apply(event);
    }
    *disk = place.after(disk);
}

#[test]
fn a_wipe_that_failed_as_its_process_was_killed_and_half_a_batch() {
    let place = Place::with(&["first"]);
    killed_in_front_of_its_header(&place, batch(4, "of a batch"));
    let mut disk = DiskState::new(&place.files());
    killed_behind_the_failed_sync_of_its_wipe(&place, &mut disk);
    let events = {
        let watched = place.watch();
        put(&place.open(), small("of a batch x")).unwrap();
        up_to_last_sync(watched.events())
    };
    events.iter().for_each(|event| disk.apply(event));
    assert_survives(&disk, |memory| has_frames(memory, &[1, 2]));
}

#[test]
fn a_wipe_that_failed_as_its_process_was_killed_and_what_was_acknowledged_then() {
    let place = Place::with(&["first"]);
    killed_in_front_of_its_header(&place, batch(40, "of the first that is killed"));
    let mut disk = DiskState::new(&place.files());
    killed_behind_the_failed_sync_of_its_wipe(&place, &mut disk);
    let watched = place.watch();
    put(&place.open(), small("acknowledged")).unwrap();
    put(&place.open(), batch(10, "y")).unwrap();
    let events = up_to_last_sync(watched.events());
    events.iter().for_each(|event| disk.apply(event));
    assert_survives(&disk, |memory| is_text(memory, 1, "acknowledged"));
}

#[test]
fn a_commit_behind_a_wipe_that_failed() {
    let place = Place::with(&["first"]);
    put(&place.open(), small("in the log")).unwrap();
    killed_in_front_of_its_header(&place, batch(40, "of the first that is killed"));
    let initial = place.files();
    let is_call = |event: &&Event| !matches!(event, Event::Begins(_) | Event::Ends(_));
    let apart = events_apart(&place, small("x"));
    let calls: Vec<&Event> = apart.iter().filter(is_call).collect();
    let is_sync = |event: &&&Event| matches!(event, Event::Synced { .. });
    // The first one is that of settling.
    let up_to_first = calls.iter().position(|event| is_sync(&event)).unwrap() + 1;
    let up_to_second = calls[up_to_first..]
        .iter()
        .position(|event| is_sync(&event));
    let watched = place.watch();
    let memory = place.open();
    fail_from(&watched, (up_to_first + up_to_second.unwrap()) as u64);
    assert!(put(&memory, small("not stored")).is_err());
    watched.fail(None);
    memory.seal().unwrap();
    put(&memory, small("acknowledged")).unwrap();
    put(&memory, batch(10, "y")).unwrap();
    let events = up_to_last_sync(watched.events());
    assert_survives(&disk_after(&initial, &events), |memory| {
        is_text(memory, 1, "in the log")?;
        is_text(memory, 2, "acknowledged")
    });
}
