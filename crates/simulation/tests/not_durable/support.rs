//! Memories in folders that are watched, killed processes, and losses of power.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::{Content, Dedupe, DoctorOptions, Document, Error, Memory, OpenMode, PutOptions};
use fastrand::Rng;
use mv2::header::Header;
use mv2::wal::{
    FrameEntry, RECORD_HEADER_SIZE, WalEntry, encode_unchecked_record, region, scan, void_length,
};
use simulation::image::{Crash, DiskState, Folder};
use simulation::recording::{Event, Fault, FaultKind, Watch, watch};
use simulation::run::{NAME, open, read_folder, scratch};
use tempfile::TempDir;

/// Losses of power that are drawn for each moment.
const DRAWN: u64 = 300;
/// For each place within an event.
const DRAWN_WITHIN: u64 = 40;

/// A memory in a folder of its own.
pub struct Place {
    pub folder: TempDir,
    pub path: PathBuf,
}

impl Place {
    pub fn new() -> Self {
        let folder = scratch().unwrap();
        let path = folder.path().join(NAME);
        Self { folder, path }
    }

    /// With these documents, closed.
    pub fn with(texts: &[&str]) -> Self {
        let place = Self::new();
        let memory = open(&place.path, OpenMode::Create, true).unwrap();
        for text in texts {
            put(&memory, small(text)).unwrap();
        }
        memory.close().unwrap();
        place
    }

    pub fn open(&self) -> Memory {
        open(&self.path, OpenMode::Open, true).unwrap()
    }

    pub fn files(&self) -> Folder {
        read_folder(self.folder.path()).unwrap()
    }

    pub fn watch(&self) -> Watch {
        watch(self.folder.path()).unwrap()
    }

    /// Puts what a killed process left in place of what is there, and gives the disk.
    pub fn after(&self, killed: &DiskState) -> DiskState {
        let image = killed.after(Crash::Killed, None, &mut Rng::with_seed(0));
        write_files(self.folder.path(), &image);
        killed.killed(None)
    }
}

pub fn write_files(folder: &Path, image: &Folder) {
    for entry in std::fs::read_dir(folder).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for (name, bytes) in image {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

pub fn small(text: &str) -> Vec<Document> {
    vec![Document::text(text.to_owned(), 1)]
}

/// More than the log takes: one commit. Nothing of it can be compressed.
pub fn large(count: usize, seed: u64) -> Vec<Document> {
    let mut random = Rng::with_seed(seed);
    let mut text = || -> String { (0..60_000).map(|_| random.alphanumeric()).collect() };
    (0..count).map(|_| Document::text(text(), 1)).collect()
}

pub fn put(memory: &Memory, documents: Vec<Document>) -> Result<u64, Error> {
    let stored = memory.put(documents, PutOptions::default())?;
    Ok(stored.ids[0])
}

/// Whether another header is written.
pub fn is_new_header(event: &Event, initial: &Folder) -> bool {
    matches!(event, Event::Wrote { offset: 0, bytes, .. }
        if bytes.len() == 4096 && bytes[..80] != initial[NAME][..80])
}

/// The disk of who was killed at the first new header from event `from` on: behind it, or in front of it.
pub fn killed_at_header(
    initial: &Folder,
    events: &[Event],
    from: usize,
    is_behind: bool,
) -> DiskState {
    let header = events
        .iter()
        .skip(from)
        .position(|event| is_new_header(event, initial));
    let end = from + header.unwrap() + usize::from(is_behind);
    disk_after(initial, &events[..end])
}

/// The disk after all of these events.
pub fn disk_after(initial: &Folder, events: &[Event]) -> DiskState {
    let mut disk = DiskState::new(initial);
    events.iter().for_each(|event| disk.apply(event));
    disk
}

/// Nothing is wrong after losses of power.
pub fn assert_survives(disk: &DiskState, check: impl Fn(&Memory) -> Result<(), String>) {
    survives(disk, None, DRAWN, check);
}

/// [`assert_survives`] losses of power so many bytes into an event.
pub fn assert_survives_within(
    disk: &DiskState,
    event: &Event,
    cuts: impl IntoIterator<Item = usize>,
    check: impl Fn(&Memory) -> Result<(), String>,
) {
    for cut in cuts {
        survives(disk, Some((event, cut)), DRAWN_WITHIN, &check);
    }
}

fn survives(
    disk: &DiskState,
    within: Option<(&Event, usize)>,
    drawn: u64,
    check: impl Fn(&Memory) -> Result<(), String>,
) {
    let place = Place::new();
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..drawn {
        let image = disk.after(Crash::PowerLoss, within, &mut Rng::with_seed(seed));
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

pub fn is_text(memory: &Memory, id: u64, text: &str) -> Result<(), String> {
    match memory.text(id) {
        Ok(found) if found == text => Ok(()),
        Ok(_) => Err(format!("document {id} has another text than {text:?}")),
        Err(error) => Err(format!("document {id} should be {text:?}: {error}")),
    }
}

/// The number of frames, which must be one of these.
pub fn has_frames(memory: &Memory, counts: &[u64]) -> Result<(), String> {
    let stats = memory.stats().map_err(|error| error.to_string())?;
    let found = stats["frame_count"].as_u64().unwrap();
    if counts.contains(&found) {
        return Ok(());
    }
    Err(format!("{found} frames in place of {counts:?}"))
}

/// Whether the header of the first record of a write into the log is written, which comes last.
pub fn is_first_header(event: &Event) -> bool {
    matches!(event, Event::Wrote { offset, bytes, .. }
        if *offset >= 4096 && bytes.len() == RECORD_HEADER_SIZE && bytes[0] != 0)
}

/// Whether what stands behind a place of the log is made void, to be wiped.
pub fn is_void_header(event: &Event) -> bool {
    matches!(event, Event::Wrote { bytes, .. }
        if bytes.len() == RECORD_HEADER_SIZE && void_length(bytes).is_some())
}

/// Which event writes the first header of a record at `at`.
pub fn record_header_at(events: &[Event], at: u64) -> usize {
    let is_it = |event: &Event| {
        is_first_header(event) && matches!(event, Event::Wrote { offset, .. } if *offset == at)
    };
    events.iter().position(is_it).unwrap()
}

/// From so many calls that change the disk on, all of them fail.
pub fn fail_from(watched: &Watch, calls: u64) {
    watched.fail(Some(Fault {
        call: watched.calls().0 + calls,
        reads: false,
        kind: FaultKind::Broken,
        lasts: true,
    }));
}

/// Documents that go into the log as one batch.
pub fn batch(count: usize, text: &str) -> Vec<Document> {
    (0..count)
        .map(|number| Document::text(format!("{text} {number}"), 1))
        .collect()
}

/// The header in force.
pub fn header(place: &Place) -> Header {
    Header::decode(&std::fs::read(&place.path).unwrap()).unwrap()
}

/// Where the next record goes in the file, and the sequence of the newest one.
pub fn end_of_log(place: &Place) -> (u64, u64) {
    let bytes = std::fs::read(&place.path).unwrap();
    let header = header(place);
    let scan = scan(region(&bytes, &header).unwrap(), header.wal_sequence);
    let last = scan.last_sequence(header.wal_sequence);
    (header.wal_offset + scan.head, last)
}

/// Writes as a process that is not watched.
pub fn write_at(place: &Place, offset: u64, bytes: &[u8]) {
    let file = File::options().write(true).open(&place.path).unwrap();
    file.write_all_at(bytes, offset).unwrap();
}

/// What came before the last sync, which has not come.
pub fn up_to_last_sync(mut events: Vec<Event>) -> Vec<Event> {
    let is_sync = |event: &Event| matches!(event, Event::Synced { .. });
    events.truncate(events.iter().rposition(is_sync).unwrap());
    events
}

/// What a process writes of a put up to its last sync, found out apart.
pub fn events_apart(place: &Place, documents: Vec<Document>) -> Vec<Event> {
    let other = Place::new();
    write_files(other.folder.path(), &place.files());
    let watched = other.watch();
    put(&other.open(), documents).unwrap();
    up_to_last_sync(watched.events())
}

/// A process that is not watched puts into the log while handles are open: of each of its writes so much arrives as
/// `arriving` leaves of it.
pub fn put_in_part(
    place: &Place,
    documents: Vec<Document>,
    arriving: impl Fn(&Event, Vec<u8>) -> Vec<u8>,
) {
    write_in_part(place, &events_apart(place, documents), arriving);
}

/// Of each of these writes so much arrives as `arriving` leaves of it.
pub fn write_in_part(
    place: &Place,
    events: &[Event],
    arriving: impl Fn(&Event, Vec<u8>) -> Vec<u8>,
) {
    for event in events {
        if let Event::Wrote { offset, bytes, .. } = event
            && *offset >= 4096
        {
            write_at(place, *offset, &arriving(event, bytes.to_vec()));
        }
    }
}

/// Another process puts while handles are open, and is killed in front of its first header.
pub fn another_is_killed(place: &Place, documents: Vec<Document>) {
    put_in_part(place, documents, |event, bytes| {
        if is_first_header(event) {
            Vec::new()
        } else {
            bytes
        }
    });
}

/// The beginning of another memory, with higher sequences in its log, of which it has so many bytes.
pub fn document_of_records(of_log: usize) -> Document {
    let other = Place::with(&["first"]);
    let memory = other.open();
    for number in 0..12 {
        put(&memory, small(&format!("of another memory {number}"))).unwrap();
    }
    let mut bytes = std::fs::read(&other.path).unwrap();
    bytes.truncate(header(&other).wal_offset as usize + of_log);
    Document {
        content: Content::Bytes(bytes),
        ..Document::text("", 1)
    }
}

/// What a process writes of a put up to its last sync, which has not come.
pub fn events_of_put(place: &Place, documents: Vec<Document>) -> Vec<Event> {
    let watched = place.watch();
    put(&place.open(), documents).unwrap();
    up_to_last_sync(watched.events())
}

/// Puts into the log and is killed when only the first header is missing, which is written last.
pub fn killed_in_front_of_its_header(place: &Place, documents: Vec<Document>) {
    let initial = place.files();
    let events = events_of_put(place, documents);
    let header = events.iter().rposition(is_first_header).unwrap();
    place.after(&disk_after(&initial, &events[..header]));
}

/// A record as the reference writes it.
pub fn of_the_reference(sequence: u64, text: &[u8]) -> Vec<u8> {
    let entry = WalEntry::Frame(Box::new(FrameEntry {
        payload: text.to_vec(),
        search_text: Some(String::new()),
        ..FrameEntry::default()
    }));
    let mut record = Vec::new();
    encode_unchecked_record(sequence, &entry.encode(), &mut record);
    record
}

/// What `doctor` says of the file that it has repaired.
pub fn doctored(place: &Place) -> serde_json::Value {
    let options = DoctorOptions::default();
    engine::doctor_file(&place.path, &options, Duration::ZERO).unwrap()
}

/// What everybody does behind a crash.
pub fn put_next(memory: &Memory) -> Result<u64, String> {
    put(memory, small("next")).map_err(|error| format!("next put: {error}"))
}

/// Where the header of this record of a killed batch begins, from the beginning of the log. It is not the first one.
pub fn place_of(place: &Place, sequence: u64) -> usize {
    let bytes = std::fs::read(&place.path).unwrap();
    let log = usize::try_from(header(place).wal_offset).unwrap();
    let behind_first = log + RECORD_HEADER_SIZE;
    let number = sequence.to_le_bytes();
    let at = bytes[behind_first..]
        .windows(number.len())
        .position(|found| found == number);
    RECORD_HEADER_SIZE + at.unwrap()
}

/// Puts documents unless they are there already. Gives the first one's id.
pub fn put_once(memory: &Memory, documents: Vec<Document>) -> Result<u64, Error> {
    let options = PutOptions {
        dedupe: Dedupe::Skip,
        ..PutOptions::default()
    };
    Ok(memory.put(documents, options)?.ids[0])
}

/// What a process writes that does not look at what it puts, and puts them into the log.
pub fn events_into_log(place: &Place, documents: Vec<Document>) -> Vec<Event> {
    let contents = |document: &Document| match &document.content {
        Content::Bytes(bytes) => bytes.clone(),
        _ => Vec::new(),
    };
    let wanted: Vec<Vec<u8>> = documents.iter().map(contents).collect();
    // As long, and as impossible to compress.
    let mut random = Rng::with_seed(7);
    let mut others = Vec::new();
    let stand_ins = documents.into_iter().zip(&wanted).map(|(document, bytes)| {
        others.push(bytes.iter().map(|_| random.u8(..)).collect::<Vec<u8>>());
        match others.last() {
            Some(other) if !other.is_empty() => Document {
                content: Content::Bytes(other.clone()),
                ..document
            },
            _ => document,
        }
    });
    let stand_ins = stand_ins.collect();
    let mut events = events_apart(place, stand_ins);
    let header = events.iter().rposition(is_first_header).unwrap();
    let bytes_of = |event: &Event| match event {
        Event::Wrote { bytes, .. } => bytes.to_vec(),
        _ => panic!("{event:?}"),
    };
    let mut batch = bytes_of(&events[header]);
    batch.extend(bytes_of(&events[header - 1]));
    for (other, wanted) in others
        .iter()
        .zip(&wanted)
        .filter(|(other, _)| !other.is_empty())
    {
        let at = batch.windows(other.len()).position(|found| found == other);
        let at = at.unwrap();
        batch[at..at + wanted.len()].copy_from_slice(wanted);
    }
    let mut at = 0;
    while batch[at] != 0 {
        let length = u32::from_le_bytes(batch[at + 8..at + 12].try_into().unwrap()) as usize;
        let payload = at + RECORD_HEADER_SIZE..at + RECORD_HEADER_SIZE + length;
        let checksum = mv2::hash(&batch[payload.clone()]);
        batch[at + 16..payload.start].copy_from_slice(&checksum);
        at = payload.end;
    }
    let rest = batch.split_off(RECORD_HEADER_SIZE);
    for (number, new) in [(header, batch), (header - 1, rest)] {
        if let Event::Wrote { bytes, .. } = &mut events[number] {
            *bytes = new.into();
        }
    }
    events
}

/// A memory with two documents, and a third, `neither`, whose sync failed as its undoing did: its files at first, and who watches
/// and who wrote them.
pub fn with_neither_stored_nor_undone() -> (Place, Folder, Watch, Memory) {
    let place = Place::with(&["first"]);
    let initial = place.files();
    let watched = place.watch();
    let memory = place.open();
    put(&memory, small("second")).unwrap();
    // Two writes come before its sync.
    fail_from(&watched, 2);
    assert!(put(&memory, small("neither")).is_err());
    watched.fail(None);
    (place, initial, watched, memory)
}
