//! What a crash leaves: the content of a folder, computed from the events up to a moment.
//!
//! When a process is killed, everything it gave to the system is there, and of the write it was in a part. When the power
//! goes, what was synced is there; of what came since, each write arrived or did not, whatever its turn was, one of them
//! perhaps in part; or each sector is as it was at some moment since the last sync. Lengths and names are the same, except
//! that most often names arrive in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;

use crate::recording::{Event, FileNumber};

/// What disks write as a whole, bytes.
const SECTOR: usize = 512;

/// The files of a folder by their names.
pub type Folder = BTreeMap<String, Vec<u8>>;

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Arc<[u8]> },
    Resize(usize),
}

/// How sure it is that a change survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    /// A sync failed after it: no later one says anything about it.
    GivenUp,
    Durable,
}

#[derive(Debug, Clone, Default)]
struct FileState {
    /// Durable, as far as nothing that is not is in front of it.
    base: Vec<u8>,
    current: Vec<u8>,
    changes: Vec<(Change, Fate)>,
}

#[derive(Debug, Clone)]
enum NameChange {
    Set(String, FileNumber),
    Removed(String),
}

/// The state of a watched folder at some moment.
#[derive(Debug, Clone, Default)]
pub struct DiskState {
    files: BTreeMap<FileNumber, FileState>,
    durable_names: BTreeMap<String, FileNumber>,
    names: BTreeMap<String, FileNumber>,
    name_changes: Vec<NameChange>,
}

/// What goes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The process.
    Killed,
    /// The machine.
    PowerLoss,
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Resize(length) => bytes.resize(*length, 0),
        Change::Write {
            offset,
            bytes: written,
        } => put(bytes, *offset, written),
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, written: &[u8]) {
    let end = offset + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    if let Some(target) = bytes.get_mut(offset..end) {
        target.copy_from_slice(written);
    }
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

impl FileState {
    fn change(&mut self, change: Change) {
        apply(&mut self.current, &change);
        self.changes.push((change, Fate::Open));
    }

    fn sync(&mut self) {
        let has_given_up = |(_, fate): &(Change, Fate)| *fate == Fate::GivenUp;
        if self.changes.iter().any(has_given_up) {
            for (_, fate) in &mut self.changes {
                if *fate == Fate::Open {
                    *fate = Fate::Durable;
                }
            }
        } else {
            for (change, _) in self.changes.drain(..) {
                apply(&mut self.base, &change);
            }
        }
    }

    fn after_power_loss(&self, last: Option<&Change>, random: &mut Rng) -> Vec<u8> {
        let mut changes: Vec<(&Change, Fate)> = self
            .changes
            .iter()
            .map(|(change, fate)| (change, *fate))
            .collect();
        changes.extend(last.map(|change| (change, Fate::Open)));
        let open: Vec<usize> = (0..changes.len())
            .filter(|&index| {
                changes
                    .get(index)
                    .is_some_and(|(_, fate)| *fate != Fate::Durable)
            })
            .collect();
        let mut image = self.base.clone();
        let whole = changes
            .iter()
            .fold(self.base.len(), |length, (change, _)| match change {
                Change::Resize(length) => *length,
                Change::Write { offset, bytes } => length.max(offset + bytes.len()),
            });
        let one = random.choice(&open).copied();
        let tears = random.u8(0..3) == 0;
        let way = random.u8(0..7);
        if way == 6 {
            return self.sector_by_sector(&changes, random);
        }
        for (index, (change, fate)) in changes.iter().enumerate() {
            let is_one = Some(index) == one;
            let arrives = *fate == Fate::Durable
                || match way {
                    0 => false,
                    1 => true,
                    2 => is_one,
                    3 => !is_one,
                    4 => random.u8(0..8) == 0,
                    _ => random.bool(),
                };
            if arrives && is_one && tears && *fate != Fate::Durable {
                tear(&mut image, change, random);
            } else if arrives {
                apply(&mut image, change);
            }
        }
        // The length may arrive without the bytes.
        if image.len() < whole && random.u8(0..3) == 0 {
            let length = if random.bool() {
                whole
            } else {
                random.usize(image.len()..=whole)
            };
            image.resize(length, 0);
        }
        image
    }

    /// Each sector as it was at some moment since it was durable.
    fn sector_by_sector(&self, changes: &[(&Change, Fate)], random: &mut Rng) -> Vec<u8> {
        let mut image = self.base.clone();
        let mut moments: BTreeMap<usize, usize> = BTreeMap::new();
        let count = changes.len();
        for (index, (change, fate)) in changes.iter().enumerate() {
            let Change::Write { offset, bytes } = change else {
                if *fate == Fate::Durable || random.bool() {
                    apply(&mut image, change);
                }
                continue;
            };
            let mut at = 0;
            while at < bytes.len() {
                let start = offset + at;
                let sector = start / SECTOR;
                let end = ((sector + 1) * SECTOR - offset).min(bytes.len());
                let moment = *moments
                    .entry(sector)
                    .or_insert_with(|| random.usize(0..=count));
                if *fate == Fate::Durable || index < moment {
                    put(&mut image, start, bytes.get(at..end).unwrap_or_default());
                }
                at = end;
            }
        }
        image
    }
}

/// Applies a part of a change: its first bytes, or some of its sectors.
fn tear(image: &mut Vec<u8>, change: &Change, random: &mut Rng) {
    let Change::Write { offset, bytes } = change else {
        return;
    };
    if random.bool() {
        let cut = random.usize(0..=bytes.len());
        put(image, *offset, bytes.get(..cut).unwrap_or_default());
        return;
    }
    let mut at = 0;
    while at < bytes.len() {
        let end = (((offset + at) / SECTOR + 1) * SECTOR - offset).min(bytes.len());
        if random.bool() {
            put(image, offset + at, bytes.get(at..end).unwrap_or_default());
        }
        at = end;
    }
}

impl DiskState {
    /// Starts with files that are durable.
    #[must_use]
    pub fn new(folder: &Folder) -> Self {
        let mut state = Self::default();
        for (name, bytes) in folder {
            let number = state.files.len();
            state.names.insert(name.clone(), number);
            let file = FileState {
                base: bytes.clone(),
                current: bytes.clone(),
                changes: Vec::new(),
            };
            state.files.insert(number, file);
        }
        state.durable_names.clone_from(&state.names);
        state
    }

    /// The file that has a name now.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<FileNumber> {
        self.names.get(name).copied()
    }

    fn file(&mut self, number: FileNumber) -> &mut FileState {
        self.files.entry(number).or_default()
    }

    /// Goes one event further.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Created { file, name } => {
                *self.file(*file) = FileState::default();
                if let Some(name) = name {
                    self.rename(NameChange::Set(name.clone(), *file));
                }
            }
            Event::Wrote {
                file,
                offset,
                bytes,
            } => self.file(*file).change(Change::Write {
                offset: place(*offset),
                bytes: Arc::clone(bytes),
            }),
            Event::Resized { file, length } => {
                self.file(*file).change(Change::Resize(place(*length)));
            }
            Event::Synced { file } => self.file(*file).sync(),
            Event::SyncFailed { file } => {
                for (_, fate) in &mut self.file(*file).changes {
                    if *fate == Fate::Open {
                        *fate = Fate::GivenUp;
                    }
                }
            }
            Event::Named { file, name } => self.rename(NameChange::Set(name.clone(), *file)),
            Event::Renamed { file, from, to } => {
                if let Some(from) = from {
                    self.rename(NameChange::Removed(from.clone()));
                }
                self.rename(NameChange::Set(to.clone(), *file));
            }
            Event::Removed { name } => self.rename(NameChange::Removed(name.clone())),
            Event::FolderSynced => {
                self.durable_names.clone_from(&self.names);
                self.name_changes.clear();
            }
            Event::Damaged | Event::Repaired | Event::Begins(_) | Event::Ends(_) => {}
        }
    }

    fn rename(&mut self, change: NameChange) {
        set_name(&mut self.names, &change);
        self.name_changes.push(change);
    }

    /// What is left when it goes down now, `cut` bytes into the event that comes next.
    #[must_use]
    pub fn after(&self, crash: Crash, next: Option<(&Event, usize)>, random: &mut Rng) -> Folder {
        let last = begun(next);
        let names = match crash {
            Crash::Killed => self.names.clone(),
            Crash::PowerLoss => self.names_after_power_loss(random),
        };
        names
            .into_iter()
            .filter_map(|(name, number)| {
                let file = self.files.get(&number)?;
                let last = last
                    .as_ref()
                    .filter(|(written, _)| *written == number)
                    .map(|(_, change)| change);
                let bytes = match crash {
                    Crash::PowerLoss => file.after_power_loss(last, random),
                    Crash::Killed => {
                        let mut bytes = file.current.clone();
                        if let Some(change) = last {
                            apply(&mut bytes, change);
                        }
                        bytes
                    }
                };
                Some((name, bytes))
            })
            .collect()
    }

    /// The disk of a killed process, for what goes on with it: nothing that was not durable is so now. Files that have a name
    /// get new numbers, from 0 on in the order of their names.
    #[must_use]
    pub fn killed(&self, next: Option<(&Event, usize)>) -> Self {
        let last = begun(next);
        let mut state = Self::default();
        let mut numbers = BTreeMap::new();
        for (name, number) in &self.names {
            let Some(file) = self.files.get(number) else {
                continue;
            };
            let mut file = file.clone();
            if let Some((_, change)) = last.as_ref().filter(|(written, _)| written == number) {
                file.change(change.clone());
            }
            let new = state.files.len();
            numbers.insert(*number, new);
            state.names.insert(name.clone(), new);
            state.files.insert(new, file);
        }
        // Those that only the disk still has a name of; files to come count up from below.
        let mut renumbered = |number: FileNumber| {
            *numbers.entry(number).or_insert_with(|| {
                let new = FileNumber::MAX - number;
                let file = self.files.get(&number).cloned().unwrap_or_default();
                state.files.insert(new, file);
                new
            })
        };
        for (name, number) in &self.durable_names {
            state
                .durable_names
                .insert(name.clone(), renumbered(*number));
        }
        for change in &self.name_changes {
            state.name_changes.push(match change {
                NameChange::Set(name, number) => NameChange::Set(name.clone(), renumbered(*number)),
                NameChange::Removed(name) => NameChange::Removed(name.clone()),
            });
        }
        state
    }

    fn names_after_power_loss(&self, random: &mut Rng) -> BTreeMap<String, FileNumber> {
        let mut names = self.durable_names.clone();
        let arrived = random.usize(0..=self.name_changes.len());
        let in_order = random.u8(0..4) > 0;
        for (index, change) in self.name_changes.iter().enumerate() {
            let arrives = if in_order {
                index < arrived
            } else {
                random.bool()
            };
            if arrives {
                set_name(&mut names, change);
            }
        }
        names
    }
}

/// What has arrived of a write that is under way: its first `cut` bytes.
fn begun(next: Option<(&Event, usize)>) -> Option<(FileNumber, Change)> {
    match next {
        Some((
            Event::Wrote {
                file,
                offset,
                bytes,
            },
            cut,
        )) if cut > 0 => {
            let change = Change::Write {
                offset: place(*offset),
                bytes: Arc::from(bytes.get(..cut).unwrap_or(bytes)),
            };
            Some((*file, change))
        }
        _ => None,
    }
}

fn set_name(names: &mut BTreeMap<String, FileNumber>, change: &NameChange) {
    match change {
        NameChange::Set(name, file) => {
            names.insert(name.clone(), *file);
        }
        NameChange::Removed(name) => {
            names.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn wrote(offset: u64, bytes: &[u8]) -> Event {
        Event::Wrote {
            file: 0,
            offset,
            bytes: Arc::from(bytes),
        }
    }

    fn started() -> DiskState {
        DiskState::new(&Folder::from([("a".to_owned(), b"base".to_vec())]))
    }

    #[test]
    fn only_what_was_synced_is_sure_to_survive() {
        let mut state = started();
        state.apply(&wrote(4, b"one"));
        state.apply(&Event::Synced { file: 0 });
        state.apply(&wrote(0, b"B"));
        state.apply(&wrote(7, b"two"));
        let mut random = Rng::with_seed(1);
        let killed = state.after(Crash::Killed, Some((&wrote(10, b"xyz"), 2)), &mut random);
        assert_eq!(killed["a"], b"Baseonetwoxy");
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..2_000 {
            let lost = state.after(Crash::PowerLoss, None, &mut random);
            assert!(matches!(&lost["a"][..1], b"b" | b"B") && lost["a"][1..7] == *b"aseone");
            seen.insert(lost["a"].clone());
        }
        for possible in [
            &b"baseone"[..],
            b"Baseone",
            b"baseonetwo",
            b"Baseonetwo",
            b"baseonetw",
            b"baseone\0\0\0",
        ] {
            assert!(seen.contains(possible), "{possible:?}");
        }
    }

    #[test]
    fn what_a_failed_sync_gave_up_is_not_made_durable_by_the_next_one() {
        let mut state = started();
        state.apply(&wrote(4, b"one"));
        state.apply(&Event::SyncFailed { file: 0 });
        state.apply(&wrote(7, b"two"));
        state.apply(&Event::Synced { file: 0 });
        let mut random = Rng::with_seed(2);
        let images: std::collections::BTreeSet<_> = (0..200)
            .map(|_| state.after(Crash::PowerLoss, None, &mut random)["a"].clone())
            .collect();
        assert!(images.contains(&b"baseonetwo"[..]) && images.contains(&b"base\0\0\0two"[..]));
    }

    #[test]
    fn a_name_is_sure_when_the_folder_was_synced() {
        let mut state = started();
        state.apply(&Event::Created {
            file: 1,
            name: None,
        });
        state.apply(&Event::Renamed {
            file: 1,
            from: None,
            to: "a".to_owned(),
        });
        let mut random = Rng::with_seed(3);
        let lengths: std::collections::BTreeSet<_> = (0..100)
            .map(|_| state.after(Crash::PowerLoss, None, &mut random)["a"].len())
            .collect();
        assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [0, 4]);
        state.apply(&Event::FolderSynced);
        assert!(state.after(Crash::PowerLoss, None, &mut random)["a"].is_empty());
    }
}
