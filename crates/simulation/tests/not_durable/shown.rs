//! What is told of and not written: it is durable then all the same.

use crate::support::{
    Place, assert_survives, disk_after, doctored, events_of_put, is_text, killed_at_header, large,
    put, put_once, small, with_neither_stored_nor_undone,
};

#[test]
fn a_duplicate_of_what_a_killed_process_put() {
    let place = Place::with(&["first"]);
    let initial = place.files();
    let events = events_of_put(&place, small("twice"));
    let mut disk = place.after(&disk_after(&initial, &events));
    let watched = place.watch();
    let memory = place.open();
    assert_eq!(put_once(&memory, small("twice")).unwrap(), 1);
    let once = watched.events();
    assert_eq!(put_once(&memory, small("twice")).unwrap(), 1);
    // It is known to be durable then.
    assert_eq!(watched.events().len(), once.len());
    once.iter().for_each(|event| disk.apply(event));
    assert_survives(&disk, |memory| is_text(memory, 1, "twice"));
}

#[test]
fn a_duplicate_of_what_a_killed_commit_holds() {
    let place = Place::with(&["first"]);
    let initial = place.files();
    let documents = || large(6, 1);
    let events = {
        let watched = place.watch();
        put(&place.open(), documents()).unwrap();
        watched.events()
    };
    let mut disk = place.after(&killed_at_header(&initial, &events, 0, true));
    let watched = place.watch();
    let memory = place.open();
    let text = memory.text(1).unwrap();
    assert_eq!(put_once(&memory, documents()).unwrap(), 1);
    watched.events().iter().for_each(|event| disk.apply(event));
    assert_survives(&disk, |memory| is_text(memory, 1, &text));
}

#[test]
fn a_setting_that_a_killed_process_made() {
    let place = Place::with(&["first"]);
    let initial = place.files();
    let events = {
        let watched = place.watch();
        place.open().set_vector_compression(true).unwrap();
        watched.events()
    };
    let mut disk = place.after(&killed_at_header(&initial, &events, 0, true));
    let watched = place.watch();
    place.open().set_vector_compression(true).unwrap();
    watched.events().iter().for_each(|event| disk.apply(event));
    assert_survives(&disk, |memory| {
        let generation = || memory.stats().map(|stats| stats["size_bytes"].clone());
        let before = generation().map_err(|error| error.to_string())?;
        memory
            .set_vector_compression(true)
            .map_err(|error| error.to_string())?;
        let after = generation().map_err(|error| error.to_string())?;
        (before == after)
            .then_some(())
            .ok_or("it was off".to_owned())
    });
}

#[test]
fn a_put_that_was_neither_stored_nor_undone_and_doctor() {
    let (place, initial, watched, memory) = with_neither_stored_nor_undone();
    drop(memory);
    let report = doctored(&place);
    assert_eq!(report["status"], "clean", "{report}");
    is_text(&place.open(), 2, "neither").unwrap();
    let disk = disk_after(&initial, &watched.events());
    assert_survives(&disk, |memory| is_text(memory, 2, "neither"));
}
