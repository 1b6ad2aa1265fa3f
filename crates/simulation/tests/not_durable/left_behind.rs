//! What killed processes and failed puts leave behind the newest record, in front of commits of others, and at the end of the log.

use engine::{Document, Memory};
use mv2::wal;
use simulation::image::DiskState;
use simulation::recording::Event;

use crate::support::{
    Place, another_is_killed, assert_survives, batch, disk_after, events_apart, fail_from,
    has_frames, header, is_first_header, is_text, put, put_next, small, up_to_last_sync, write_at,
    write_files,
};

/// A text that cannot be compressed.
fn noise(length: usize) -> Vec<Document> {
    let mut random = fastrand::Rng::with_seed(length as u64);
    let text: String = (0..length).map(|_| random.alphanumeric()).collect();
    small(&text)
}

fn goes_on(memory: &Memory) -> Result<(), String> {
    is_text(memory, 2, "acknowledged")?;
    put_next(memory)?;
    has_frames(memory, &[4, 14])
}

/// Two puts of a handle, and a loss of power in front of the sync of the second one.
fn assert_goes_on(place: &Place, memory: &Memory) {
    let initial = place.files();
    let watched = place.watch();
    put(memory, small("acknowledged")).unwrap();
    put(memory, batch(10, "y")).unwrap();
    let events = up_to_last_sync(watched.events());
    assert_survives(&disk_after(&initial, &events), goes_on);
}

/// A handle that has put, a batch of another process that was killed, and a commit by the handle.
fn committed_in_front_of_what_was_left() -> (Place, Memory) {
    let place = Place::with(&["first"]);
    let memory = place.open();
    put(&memory, noise(3000)).unwrap();
    another_is_killed(&place, batch(40, "of a batch"));
    memory.seal().unwrap();
    (place, memory)
}

#[test]
fn a_commit_and_a_loss_of_power() {
    let (place, memory) = committed_in_front_of_what_was_left();
    assert_goes_on(&place, &memory);
}

#[test]
fn a_commit_and_another_kill() {
    let (place, memory) = committed_in_front_of_what_was_left();
    put(&memory, small("acknowledged")).unwrap();
    let initial = place.files();
    let watched = place.watch();
    put(&memory, batch(10, "y")).unwrap();
    let events = watched.events();
    drop(memory);
    let first = events.iter().position(is_first_header).unwrap();
    place.after(&disk_after(&initial, &events[..first]));
    goes_on(&place.open()).unwrap();
}

#[test]
fn a_batch_that_begins_like_what_was_committed() {
    let place = Place::with(&["first"]);
    let memory = place.open();
    let same = "the beginning of all of these texts is the same";
    put(&memory, small(same)).unwrap();
    memory.seal().unwrap();
    let mut documents = small(same);
    documents.extend(batch(40, "of a batch"));
    another_is_killed(&place, documents);
    assert_goes_on(&place, &memory);
}

fn log_head(place: &Place) -> u64 {
    let file = std::fs::read(&place.path).unwrap();
    let header = header(place);
    let region = wal::region(&file, &header).unwrap();
    wal::scan(region, header.wal_sequence).head
}

#[test]
fn at_the_end_of_the_log_nothing_behind_it_is_wiped() {
    let place = Place::with(&["first"]);
    let log = header(&place);
    let memory = place.open();
    put(&memory, small("in the log")).unwrap();
    {
        let watched = place.watch();
        // Two writes, and then the sync and all that undoes it.
        fail_from(&watched, 2);
        assert!(put(&memory, small("not stored")).is_err());
        watched.fail(None);
    }
    let other = place.open();
    while log.wal_size - log_head(&place) > 8000 {
        put(&other, noise(1000)).unwrap();
    }
    // As long as leaves no more room behind it than for the zeros.
    let size = (500..8000).step_by(15).find(|size| {
        let apart = Place::new();
        write_files(apart.folder.path(), &place.files());
        put(&apart.open(), noise(*size)).unwrap();
        (48..90).contains(&(log.wal_size - log_head(&apart)))
    });
    put(&other, noise(size.unwrap())).unwrap();
    drop(other);
    let behind = || {
        let end = log.wal_end() as usize;
        std::fs::read(&place.path).unwrap()[end..end + 96].to_vec()
    };
    let before = behind();
    memory.seal().unwrap();
    put(&memory, small("next")).unwrap();
    assert_eq!(header(&place).wal_size, log.wal_size);
    assert_eq!(behind(), before);
}

/// The old file comes back, without what a killed process put, and with what turns programs of the reference away.
#[test]
fn a_put_that_was_killed_in_front_of_a_rewrite_whose_name_is_lost() {
    let place = Place::with(&["first"]);
    let watched = place.watch();
    let memory = place.open();
    put(&memory, batch(600, "document")).unwrap();
    memory.seal().unwrap();
    // It is rewritten at some seal: in place of a commit, with the log.
    for _ in 0..60 {
        let id = put(&memory, small("acknowledged")).unwrap();
        let mut disk = DiskState::new(&place.files());
        let from = watched.events().len();
        for event in events_apart(&place, small("of a killed process")) {
            if let Event::Wrote { offset, bytes, .. } = &event
                && *offset >= 4096
            {
                write_at(&place, *offset, bytes);
                disk.apply(&event);
            }
        }
        has_frames(&memory, &[id + 2]).unwrap();
        if !is_rewritten_by_seal(&place) {
            memory.seal().unwrap();
            continue;
        }
        watched.fail_folder_syncs();
        let _ = memory.seal();
        let events = watched.events();
        events[from..].iter().for_each(|event| disk.apply(event));
        assert_survives(&disk, |memory| {
            is_text(memory, id, "acknowledged")?;
            put_next(memory)?;
            has_frames(memory, &[id + 2, id + 3])
        });
        return;
    }
    panic!("it was never rewritten");
}

/// Whether the next one to seal makes a new file of the log and what is there.
fn is_rewritten_by_seal(place: &Place) -> bool {
    let other = Place::new();
    write_files(other.folder.path(), &place.files());
    let watched = other.watch();
    other.open().seal().unwrap();
    let events = watched.events();
    let syncs = events
        .iter()
        .filter(|event| matches!(event, Event::Synced { .. }));
    let is_renamed = |event: &Event| matches!(event, Event::Renamed { .. });
    syncs.count() < 4 && events.iter().any(is_renamed)
}
