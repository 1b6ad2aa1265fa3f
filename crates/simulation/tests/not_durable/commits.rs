//! The commit, its header, and the name of the file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{
    Place, assert_survives, disk_after, fail_from, is_new_header, is_text, killed_at_header, large,
    put, small, with_neither_stored_nor_undone, write_files,
};
use engine::{DoctorOptions, Memory, PurgeRequest};
use mv2::header::Header;
use simulation::image::DiskState;
use simulation::recording::Event;

/// Another process puts; its first sync fails, the call after that is acknowledged. Gives its id.
fn put_by_another(place: &Place, disk: &mut DiskState) -> u64 {
    let watched = place.watch();
    let memory = place.open();
    watched.let_syncs_pass(Some(0));
    assert!(put(&memory, small("not stored")).is_err());
    watched.let_syncs_pass(None);
    let id = put(&memory, small("acknowledged")).unwrap();
    watched.events().iter().for_each(|event| disk.apply(event));
    id
}

#[test]
fn a_large_put_that_was_killed_behind_its_header() {
    let place = Place::with(&["first"]);
    let initial = place.files();
    let events = {
        let watched = place.watch();
        put(&place.open(), large(6, 1)).unwrap();
        watched.events()
    };
    let mut disk = place.after(&killed_at_header(&initial, &events, 0, true));
    let id = put_by_another(&place, &mut disk);
    assert_survives(&disk, |memory| is_text(memory, id, "acknowledged"));
}

/// It takes sequences without records.
#[test]
fn a_purge_that_was_killed_behind_its_header() {
    let place = Place::with(&["0", "1", "2", "3", "4", "5"]);
    let initial = place.files();
    let events = {
        let watched = place.watch();
        let request = PurgeRequest {
            ids: vec![1, 2, 3],
            versions: false,
        };
        place.open().purge(&request).unwrap();
        watched.events()
    };
    let mut disk = place.after(&killed_at_header(&initial, &events, 0, true));
    let watched = place.watch();
    put(&place.open(), small("under way")).unwrap();
    // Up to each of its syncs, none of which has come.
    for event in watched.events() {
        if matches!(event, Event::Synced { .. }) {
            assert_survives(&disk, |memory| is_text(memory, 0, "0"));
        }
        disk.apply(&event);
    }
}

#[test]
fn two_commits_of_one_length_that_cannot_be_undone() {
    let place = Place::with(&["0", "1"]);
    let initial = place.files();
    let watched = place.watch();
    let memory = place.open();
    put(&memory, small("in the log")).unwrap();
    // Its own sync passes; those behind the header and of undoing it do not.
    watched.let_syncs_pass(Some(1));
    assert!(put(&memory, large(8, 2)).is_err());
    // Now the header is made sure of, too.
    watched.let_syncs_pass(Some(2));
    assert!(put(&memory, large(5, 3)).is_err());
    watched.let_syncs_pass(None);
    let id = put(&memory, small("acknowledged")).unwrap();
    let acknowledged = watched.events();
    let mut disk = disk_after(&initial, &acknowledged);
    let check = |memory: &Memory| is_text(memory, id, "acknowledged");
    assert_survives(&disk, check);
    // Another commit writes behind the end.
    put(&memory, large(9, 4)).unwrap();
    for event in &watched.events()[acknowledged.len()..] {
        if matches!(event, Event::Synced { .. }) {
            assert_survives(&disk, check);
        }
        disk.apply(event);
    }
}

/// What turns others away is written into the log of the old file.
#[test]
fn a_rewrite_whose_name_is_not_durable() {
    let place = Place::with(&["first"]);
    let initial = place.files();
    let (id, events, from) = {
        let watched = place.watch();
        let memory = place.open();
        let id = put(&memory, small("acknowledged")).unwrap();
        let from = watched.events().len();
        memory.close().unwrap();
        (id, watched.events(), from)
    };
    let mut disk = place.after(&killed_at_header(&initial, &events, from, true));
    let watched = place.watch();
    let memory = place.open();
    watched.fail_folder_syncs();
    assert!(memory.compact().is_err());
    watched.events().iter().for_each(|event| disk.apply(event));
    assert_survives(&disk, |memory| is_text(memory, id, "acknowledged"));
}

#[test]
fn a_large_put_that_cannot_even_write_the_old_header_back() {
    let place = Place::with(&["first"]);
    let initial = place.files();
    let calls = {
        let other = Place::new();
        write_files(other.folder.path(), &initial);
        let watched = other.watch();
        put(&other.open(), large(6, 1)).unwrap();
        let events = watched.events();
        let header = events
            .iter()
            .position(|event| is_new_header(event, &initial));
        header.unwrap() as u64 + 1
    };
    let watched = place.watch();
    let memory = place.open();
    fail_from(&watched, calls - watched.calls().0);
    assert!(put(&memory, large(6, 1)).is_err());
    watched.fail(None);
    let id = put(&memory, small("acknowledged")).unwrap();
    let disk = disk_after(&initial, &watched.events());
    assert_survives(&disk, |memory| is_text(memory, id, "acknowledged"));
}

/// A put whose sync failed, as its undoing did, is there for whoever comes next, and goes with the power.
#[test]
fn a_put_that_was_neither_stored_nor_undone() {
    let (place, initial, watched, memory) = with_neither_stored_nor_undone();
    drop(memory);
    let memory = place.open();
    is_text(&memory, 2, "neither").unwrap();
    let id = put(&memory, small("acknowledged")).unwrap();
    let disk = disk_after(&initial, &watched.events());
    assert_survives(&disk, |memory| is_text(memory, id, "acknowledged"));
}

/// A file that the reference wrote, and where each record that it applied ends.
fn of_the_reference() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/mv2-index");
    let file = folder.join("cli_put_one.mv2");
    if !file.exists() {
        println!("left out: the folder of shared fixtures is not beside the checkout");
        return None;
    }
    Some(file)
}

#[test]
fn a_commit_on_a_file_of_the_reference_that_cannot_be_undone() {
    let Some(file) = of_the_reference() else {
        return;
    };
    for passing in [1, 2, 3] {
        let place = Place::new();
        std::fs::copy(&file, &place.path).unwrap();
        let initial = place.files();
        let watched = place.watch();
        let memory = place.open();
        watched.let_syncs_pass(Some(passing));
        let stored = put(&memory, large(8, 2));
        watched.let_syncs_pass(None);
        let id = put(&memory, small("acknowledged")).unwrap();
        let disk = disk_after(&initial, &watched.events());
        assert_survives(&disk, |memory| {
            if let Ok(id) = stored {
                memory.text(id).map_err(|error| error.to_string())?;
            }
            is_text(memory, id, "acknowledged")
        });
    }
}

#[test]
fn a_commit_behind_a_header_of_the_reference_that_was_killed_in_front_of_its_own() {
    let Some(file) = of_the_reference() else {
        return;
    };
    let place = Place::new();
    std::fs::copy(file, &place.path).unwrap();
    let initial = place.files();
    let (first, events) = {
        let watched = place.watch();
        let memory = place.open();
        let first = put(&memory, small("acknowledged first")).unwrap();
        memory.close().unwrap();
        (first, watched.events())
    };
    let mut disk = place.after(&killed_at_header(&initial, &events, 0, false));
    let id = put_by_another(&place, &mut disk);
    assert_survives(&disk, |memory| {
        is_text(memory, first, "acknowledged first")?;
        is_text(memory, id, "acknowledged")
    });
}

#[test]
fn a_damaged_header_in_front_of_a_commit_that_could_not_be_undone() {
    let place = Place::with(&["first"]);
    let id = {
        let watched = place.watch();
        let memory = place.open();
        put(&memory, small("in the log")).unwrap();
        watched.let_syncs_pass(Some(1));
        assert!(put(&memory, large(8, 2)).is_err());
        watched.let_syncs_pass(None);
        put(&memory, small("acknowledged")).unwrap()
    };
    let mut bytes = std::fs::read(&place.path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&place.path, bytes).unwrap();
    is_text(&place.open(), id, "acknowledged").unwrap();
    let report =
        engine::doctor_file(&place.path, &DoctorOptions::default(), Duration::ZERO).unwrap();
    assert_eq!(report["status"], "healed", "{report}");
    is_text(&place.open(), id, "acknowledged").unwrap();
}

#[test]
fn a_damaged_record_that_the_reference_has_applied() {
    let Some(file) = of_the_reference() else {
        return;
    };
    let sound = std::fs::read(file).unwrap();
    let header = Header::decode(&sound).unwrap();
    let end = (header.wal_offset + header.wal_checkpoint_pos) as usize;
    for at in [4096 + 300, end - 10] {
        let place = Place::new();
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        std::fs::write(&place.path, bytes).unwrap();
        let id = {
            let memory = place.open();
            put(&memory, small("first")).unwrap();
            put(&memory, small("acknowledged")).unwrap()
        };
        is_text(&place.open(), id, "acknowledged").unwrap();
    }
}
