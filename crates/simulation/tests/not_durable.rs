//! What the system shows and the disk does not have: processes that are killed in front of a sync, syncs that fail, and then
//! a loss of power, at the moments where the next writer could write over what is still needed.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::{DoctorOptions, Document, Error, Memory, OpenMode, PurgeRequest, PutOptions};
use fastrand::Rng;
use mv2::header::Header;
use mv2::wal::{FrameEntry, RECORD_HEADER_SIZE, WalEntry, encode_unchecked_record};
use simulation::image::{Crash, DiskState, Folder};
use simulation::recording::{Event, Fault, FaultKind, Watch, watch};
use simulation::run::{NAME, open, read_folder, scratch};
use tempfile::TempDir;

/// Losses of power that are drawn for each moment.
const DRAWN: u64 = 300;

/// A memory in a folder of its own.
struct Place {
    folder: TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = scratch().unwrap();
        let path = folder.path().join(NAME);
        Self { folder, path }
    }

    /// With these documents, closed.
    fn with(texts: &[&str]) -> Self {
        let place = Self::new();
        let memory = open(&place.path, OpenMode::Create, true).unwrap();
        for text in texts {
            put(&memory, small(text)).unwrap();
        }
        memory.close().unwrap();
        place
    }

    fn open(&self) -> Memory {
        open(&self.path, OpenMode::Open, true).unwrap()
    }

    fn files(&self) -> Folder {
        read_folder(self.folder.path()).unwrap()
    }

    fn watch(&self) -> Watch {
        watch(self.folder.path()).unwrap()
    }

    /// Puts what a killed process left in place of what is there, and gives the disk.
    fn after(&self, killed: &DiskState) -> DiskState {
        let image = killed.after(Crash::Killed, None, &mut Rng::with_seed(0));
        write_files(self.folder.path(), &image);
        killed.killed(None)
    }
}

fn write_files(folder: &Path, image: &Folder) {
    for entry in std::fs::read_dir(folder).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for (name, bytes) in image {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

fn small(text: &str) -> Vec<Document> {
    vec![Document::text(text.to_owned(), 1)]
}

/// More than the log takes: one commit. Nothing of it can be compressed.
fn large(count: usize, seed: u64) -> Vec<Document> {
    let mut random = Rng::with_seed(seed);
    let mut text = || -> String { (0..60_000).map(|_| random.alphanumeric()).collect() };
    (0..count).map(|_| Document::text(text(), 1)).collect()
}

fn put(memory: &Memory, documents: Vec<Document>) -> Result<u64, Error> {
    let stored = memory.put(documents, PutOptions::default())?;
    Ok(stored.ids[0])
}

/// Whether another header is written.
fn is_new_header(event: &Event, initial: &Folder) -> bool {
    matches!(event, Event::Wrote { offset: 0, bytes, .. }
        if bytes.len() == 4096 && bytes[..80] != initial[NAME][..80])
}

/// The disk of who was killed at the first new header from event `from` on: behind it, or in front of it.
fn killed_at_header(initial: &Folder, events: &[Event], from: usize, is_behind: bool) -> DiskState {
    let header = events
        .iter()
        .skip(from)
        .position(|event| is_new_header(event, initial));
    let end = from + header.unwrap() + usize::from(is_behind);
    disk_after(initial, &events[..end])
}

/// The disk after all of these events.
fn disk_after(initial: &Folder, events: &[Event]) -> DiskState {
    let mut disk = DiskState::new(initial);
    events.iter().for_each(|event| disk.apply(event));
    disk
}

/// Nothing is wrong after losses of power.
fn assert_survives(disk: &DiskState, check: impl Fn(&Memory) -> Result<(), String>) {
    let place = Place::new();
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..DRAWN {
        let image = disk.after(Crash::PowerLoss, None, &mut Rng::with_seed(seed));
        write_files(place.folder.path(), &image);
        let result = open(&place.path, OpenMode::Open, true)
            .map_err(|error| error.to_string())
            .and_then(|memory| check(&memory));
        if let Err(finding) = result {
            *found.entry(finding).or_default() += 1;
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

fn is_text(memory: &Memory, id: u64, text: &str) -> Result<(), String> {
    match memory.text(id) {
        Ok(found) if found == text => Ok(()),
        Ok(_) => Err(format!("document {id} has another text than {text:?}")),
        Err(error) => Err(format!("document {id} should be {text:?}: {error}")),
    }
}

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
    watched.fail(Some(Fault {
        call: calls,
        reads: false,
        kind: FaultKind::Broken,
        lasts: true,
    }));
    assert!(put(&memory, large(6, 1)).is_err());
    watched.fail(None);
    let id = put(&memory, small("acknowledged")).unwrap();
    let disk = disk_after(&initial, &watched.events());
    assert_survives(&disk, |memory| is_text(memory, id, "acknowledged"));
}

/// A put whose sync failed, as its undoing did, is there for whoever comes next, and goes with the power.
#[test]
fn a_put_that_was_neither_stored_nor_undone() {
    let place = Place::with(&["first"]);
    let initial = place.files();
    let watched = place.watch();
    let memory = place.open();
    put(&memory, small("second")).unwrap();
    // Two writes come before its sync.
    watched.fail(Some(Fault {
        call: watched.calls().0 + 2,
        reads: false,
        kind: FaultKind::Broken,
        lasts: true,
    }));
    assert!(put(&memory, small("neither")).is_err());
    watched.fail(None);
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

/// Nothing checks the sequence of a record of the reference: with the one that half a header brings it would be new.
#[test]
fn half_a_header_over_a_record_of_the_reference() {
    let place = Place::with(&["first"]);
    // As a commit leaves it whose last write did not arrive.
    let entry = WalEntry::Frame(Box::new(FrameEntry {
        payload: b"of the reference".to_vec(),
        search_text: Some(String::new()),
        ..FrameEntry::default()
    }));
    let mut record = Vec::new();
    encode_unchecked_record(1, &entry.encode(), &mut record);
    let mut bytes = std::fs::read(&place.path).unwrap();
    let log = Header::decode(&bytes).unwrap().wal_offset;
    bytes[log as usize..log as usize + record.len()].copy_from_slice(&record);
    std::fs::write(&place.path, &bytes).unwrap();
    let initial = place.files();
    let events = {
        let watched = place.watch();
        put(&place.open(), small("second")).unwrap();
        watched.events()
    };
    let is_its_header = |event: &Event| {
        matches!(event, Event::Wrote { offset, bytes, .. }
            if *offset == log && bytes.len() == RECORD_HEADER_SIZE && bytes[0] != 0)
    };
    let header = events.iter().position(is_its_header).unwrap();
    let disk = disk_after(&initial, &events[..header]);
    for cut in 0..16 {
        for seed in 0..DRAWN / 10 {
            let half = Some((&events[header], cut));
            let image = disk.after(Crash::PowerLoss, half, &mut Rng::with_seed(seed));
            write_files(place.folder.path(), &image);
            let frames = place.open().stats().unwrap()["frame_count"].clone();
            assert_eq!(frames, 1, "{cut} bytes of the header");
        }
    }
}
