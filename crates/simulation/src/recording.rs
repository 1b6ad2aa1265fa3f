//! Watching the disk: every call that changes a file of a watched folder becomes an event, and any of them can fail.
//!
//! The files are real ones, so that maps, locks and names behave as they do; what a crash leaves of them is computed from
//! the events afterwards (see [`crate::image`]). Events of all threads stand in one order, the one in which the system
//! got the calls: a recording is locked while a call runs.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use mv2::disk::{Call, Observer, observe};

/// Number of a file within a recording.
pub type FileNumber = usize;

/// What happened to the disk, or in the program that uses it.
#[derive(Debug, Clone)]
pub enum Event {
    /// A file came to be, with a name or without one.
    Created {
        /// The file.
        file: FileNumber,
        /// Its name in the folder.
        name: Option<String>,
    },
    /// Bytes were written.
    Wrote {
        /// The file.
        file: FileNumber,
        /// Where.
        offset: u64,
        /// Which.
        bytes: Arc<[u8]>,
    },
    /// A file got another length.
    Resized {
        /// The file.
        file: FileNumber,
        /// Bytes.
        length: u64,
    },
    /// What was written so far is durable.
    Synced {
        /// The file.
        file: FileNumber,
    },
    /// The system gave up on what was written so far: it may reach the disk or not, whatever is synced later.
    SyncFailed {
        /// The file.
        file: FileNumber,
    },
    /// A file got one more name.
    Named {
        /// The file.
        file: FileNumber,
        /// The name in the folder.
        name: String,
    },
    /// A file got a name that another one may have had.
    Renamed {
        /// The file.
        file: FileNumber,
        /// The name it loses, when that is in the folder.
        from: Option<String>,
        /// The name it gets.
        to: String,
    },
    /// A name is gone.
    Removed {
        /// The name.
        name: String,
    },
    /// The names are durable.
    FolderSynced,
    /// From here on the file is damaged, until it is repaired.
    Damaged,
    /// The file is whole again.
    Repaired,
    /// The program begins the operation with this number.
    Begins(usize),
    /// The operation with this number returned.
    Ends(usize),
}

/// What a failing call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// `EIO`.
    Broken,
    /// `ENOSPC`.
    Full,
    /// Half of the bytes arrive, then `ENOSPC`; of a call that writes nothing, just that.
    ShortWrite,
    /// The call reads or writes fewer bytes than it was to, which is no failure: the rest comes with the next one.
    Short,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Broken, Self::Full, Self::ShortWrite, Self::Short];

    fn error(self) -> io::Error {
        // Numbers of Linux and macOS alike.
        io::Error::from_raw_os_error(match self {
            Self::Broken => 5,
            Self::Full | Self::ShortWrite | Self::Short => 28,
        })
    }
}

/// Which call fails, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Number of the call, from 0, among those that change something, or among those that read.
    pub call: u64,
    /// Whether calls that read are counted.
    pub reads: bool,
    /// What happens.
    pub kind: FaultKind,
    /// Whether all later ones fail, too.
    pub lasts: bool,
}

impl Fault {
    fn is_at(&self, number: u64) -> bool {
        number == self.call || self.lasts && number > self.call
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = if self.reads { "read" } else { "change" };
        let how_long = if self.lasts { "lasting" } else { "once" };
        write!(formatter, "{what},{},{:?},{how_long}", self.call, self.kind)
    }
}

impl std::str::FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(',').collect();
        let [
            what @ ("read" | "change"),
            call,
            kind,
            how_long @ ("once" | "lasting"),
        ] = parts[..]
        else {
            return Err(format!("{text} is no fault: change,NUMBER,KIND,once"));
        };
        let kinds = FaultKind::ALL.into_iter();
        Ok(Self {
            call: call.parse().map_err(|_| format!("{call} is no number"))?,
            reads: what == "read",
            kind: kinds
                .into_iter()
                .find(|known| format!("{known:?}") == kind)
                .ok_or_else(|| format!("{kind} is none of {:?}", FaultKind::ALL))?,
            lasts: how_long == "lasting",
        })
    }
}

#[derive(Debug, Default)]
struct State {
    events: Vec<Event>,
    /// Names outside of the folder.
    elsewhere: HashMap<PathBuf, FileNumber>,
    names: HashMap<String, FileNumber>,
    files: usize,
    changes: u64,
    reads: u64,
    fault: Option<Fault>,
    has_failed: bool,
    was_short: bool,
    refuses_nameless: bool,
    syncs_left: Option<u64>,
    folder_fails: bool,
}

/// The events of one folder.
#[derive(Debug)]
pub struct Recording {
    folder: PathBuf,
    state: Mutex<State>,
}

/// Ends the recording when it goes.
#[derive(Debug)]
pub struct Watch(Arc<Recording>);

#[derive(Default)]
struct Disk {
    watched: RwLock<Watched>,
}

#[derive(Default)]
struct Watched {
    folders: Vec<Arc<Recording>>,
    files: HashMap<(u64, u64), (Arc<Recording>, FileNumber)>,
}

fn disk() -> &'static Disk {
    static DISK: OnceLock<Disk> = OnceLock::new();
    let disk = DISK.get_or_init(Disk::default);
    observe(disk);
    disk
}

fn identity(file: &File) -> io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Watches a folder. The files that are in it have the numbers from 0 on, in the order of their names.
pub fn watch(folder: &Path) -> io::Result<Watch> {
    let folder = folder.canonicalize()?;
    let mut state = State::default();
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let mut known = Vec::new();
    for name in names {
        known.push(identity(&File::open(folder.join(&name))?)?);
        state.names.insert(name, state.files);
        state.files += 1;
    }
    let recording = Arc::new(Recording {
        folder,
        state: Mutex::new(state),
    });
    let mut watched = write(&disk().watched);
    for (number, identity) in known.into_iter().enumerate() {
        watched
            .files
            .insert(identity, (Arc::clone(&recording), number));
    }
    watched.folders.push(Arc::clone(&recording));
    Ok(Watch(recording))
}

impl Watch {
    /// Notes something that happened in the program.
    pub fn mark(&self, event: Event) {
        self.0.lock().events.push(event);
    }

    /// Lets a call fail from now on. Calls are counted from the start of the recording.
    pub fn fail(&self, fault: Option<Fault>) {
        self.0.lock().fault = fault;
    }

    /// Only so many syncs of files succeed from now on; `None`: all.
    pub fn let_syncs_pass(&self, count: Option<u64>) {
        self.0.lock().syncs_left = count;
    }

    /// Syncs of the folder fail.
    pub fn fail_folder_syncs(&self) {
        self.0.lock().folder_fails = true;
    }

    /// Files get a name from the start, as where the system has no other ones.
    pub fn refuse_nameless(&self) {
        self.0.lock().refuses_nameless = true;
    }

    /// Whether the fault has come.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.0.lock().has_failed
    }

    /// Whether a call was given or took fewer bytes than it was to.
    #[must_use]
    pub fn was_short(&self) -> bool {
        self.0.lock().was_short
    }

    /// Changes bytes of a file behind the back of everything that has it open, for good. No fault comes in between.
    pub fn damage(&self, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let file = File::options().write(true).open(path)?;
        let mut state = self.0.lock();
        std::os::unix::fs::FileExt::write_all_at(&file, bytes, offset)?;
        let name = self.0.name(path).unwrap_or_default();
        if let Some(&file) = state.names.get(&name) {
            let bytes = Arc::from(bytes);
            state.events.push(Event::Wrote {
                file,
                offset,
                bytes,
            });
            state.events.push(Event::Synced { file });
        }
        Ok(())
    }

    /// Calls so far that changed something, and that read.
    #[must_use]
    pub fn calls(&self) -> (u64, u64) {
        let state = self.0.lock();
        (state.changes, state.reads)
    }

    /// The events so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().events.clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = write(&disk().watched);
        let is_other = |recording: &Arc<Recording>| !Arc::ptr_eq(recording, &self.0);
        watched.folders.retain(is_other);
        watched
            .files
            .retain(|_, (recording, _)| is_other(recording));
    }
}

fn write(watched: &RwLock<Watched>) -> std::sync::RwLockWriteGuard<'_, Watched> {
    watched.write().unwrap_or_else(PoisonError::into_inner)
}

impl Recording {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of a path, when it is one of this folder.
    fn name(&self, path: &Path) -> Option<String> {
        let folder = path.parent()?;
        let is_here = folder == self.folder
            || folder
                .canonicalize()
                .is_ok_and(|folder| folder == self.folder);
        is_here.then(|| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        })
    }
}

impl Disk {
    fn of_file(&self, file: &File) -> io::Result<Option<(Arc<Recording>, FileNumber)>> {
        let watched = self.watched.read().unwrap_or_else(PoisonError::into_inner);
        if watched.folders.is_empty() {
            return Ok(None);
        }
        Ok(watched.files.get(&identity(file)?).cloned())
    }

    fn of_path(&self, path: &Path) -> Option<Arc<Recording>> {
        let watched = self.watched.read().unwrap_or_else(PoisonError::into_inner);
        watched
            .folders
            .iter()
            .find(|recording| {
                recording.name(path).is_some() || recording.lock().elsewhere.contains_key(path)
            })
            .cloned()
    }

    fn of_folder(&self, folder: &Path) -> Option<Arc<Recording>> {
        self.of_path(&folder.join("any"))
    }

    /// A new file of a watched folder is watched, too.
    fn created(
        &self,
        recording: Arc<Recording>,
        file: &File,
        name: Option<&Path>,
    ) -> io::Result<()> {
        let mut state = recording.lock();
        let number = state.files;
        state.files += 1;
        let name = name.and_then(|name| recording.name(name));
        if let Some(name) = &name {
            state.names.insert(name.clone(), number);
        }
        state.events.push(Event::Created { file: number, name });
        drop(state);
        let mut watched = write(&self.watched);
        watched.files.insert(identity(file)?, (recording, number));
        Ok(())
    }
}

impl State {
    /// Counts a call and fails when it is to.
    fn counted(&mut self, reads: bool) -> Option<FaultKind> {
        let counter = if reads {
            &mut self.reads
        } else {
            &mut self.changes
        };
        let number = *counter;
        *counter += 1;
        let fault = self.fault.filter(|fault| fault.reads == reads)?;
        let fails = fault.kind != FaultKind::Short && fault.is_at(number);
        self.has_failed |= fails;
        fails.then_some(fault.kind)
    }

    /// How many bytes the next call gets at most.
    fn most(&mut self, reads: bool) -> usize {
        let number = if reads { self.reads } else { self.changes };
        let is_short = |fault: &Fault| {
            fault.kind == FaultKind::Short && fault.reads == reads && fault.is_at(number)
        };
        let Some(fault) = self.fault.filter(is_short) else {
            return usize::MAX;
        };
        self.was_short = true;
        // From a single byte on; but not each of a large file alone.
        if fault.lasts {
            4096
        } else {
            1 << (fault.call % 13)
        }
    }

    fn count_change(&mut self) -> io::Result<()> {
        self.counted(false).map_or(Ok(()), |kind| Err(kind.error()))
    }

    fn count_sync(&mut self) -> io::Result<()> {
        match &mut self.syncs_left {
            None => Ok(()),
            Some(0) => Err(FaultKind::Broken.error()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}

impl Observer for Disk {
    fn most(&self, file: &File, reads: bool) -> usize {
        match self.of_file(file) {
            Ok(Some((recording, _))) => recording.lock().most(reads),
            _ => usize::MAX,
        }
    }

    fn call(&self, call: &Call<'_>, perform: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        match *call {
            Call::Read { file, .. } => match self.of_file(file)? {
                Some((recording, _)) => {
                    let fault = recording.lock().counted(true);
                    fault.map_or_else(perform, |kind| Err(kind.error()))
                }
                None => perform(),
            },
            Call::Write {
                file,
                offset,
                bytes,
            } => {
                let Some((recording, number)) = self.of_file(file)? else {
                    return perform();
                };
                let mut state = recording.lock();
                let fault = state.counted(false);
                let arriving = match fault {
                    None => {
                        perform()?;
                        bytes
                    }
                    Some(FaultKind::ShortWrite) => {
                        let half = bytes.split_at(bytes.len() / 2).0;
                        std::os::unix::fs::FileExt::write_all_at(file, half, offset)?;
                        half
                    }
                    Some(_) => &[],
                };
                if !arriving.is_empty() {
                    state.events.push(Event::Wrote {
                        file: number,
                        offset,
                        bytes: Arc::from(arriving),
                    });
                }
                fault.map_or(Ok(()), |kind| Err(kind.error()))
            }
            Call::SetLength { file, length } => {
                let Some((recording, number)) = self.of_file(file)? else {
                    return perform();
                };
                let mut state = recording.lock();
                state.count_change()?;
                perform()?;
                state.events.push(Event::Resized {
                    file: number,
                    length,
                });
                Ok(())
            }
            Call::Sync { file } => {
                let Some((recording, number)) = self.of_file(file)? else {
                    return perform();
                };
                let mut state = recording.lock();
                let counted = state.count_change().and_then(|()| state.count_sync());
                if let Err(error) = counted {
                    state.events.push(Event::SyncFailed { file: number });
                    return Err(error);
                }
                perform()?;
                state.events.push(Event::Synced { file: number });
                Ok(())
            }
            Call::Create { folder } => match self.of_folder(folder) {
                Some(recording) => {
                    let mut state = recording.lock();
                    state.count_change()?;
                    drop(state);
                    perform()
                }
                None => perform(),
            },
            Call::Created { file, name } => {
                let at = name.map_or_else(|| of_descriptor(file), |name| Some(name.to_path_buf()));
                if let Some(recording) = at.and_then(|path| self.of_path(&path)) {
                    if name.is_none() && recording.lock().refuses_nameless {
                        return Err(io::Error::from(io::ErrorKind::Unsupported));
                    }
                    self.created(recording, file, name)?;
                }
                perform()
            }
            Call::CreatedTemporary { file } => {
                let at = of_descriptor(file);
                if let Some(recording) = at.and_then(|path| self.of_path(&path)) {
                    self.created(recording, file, None)?;
                }
                perform()
            }
            Call::Link { file, name } => {
                let Some((recording, number)) = self.of_file(file)? else {
                    return perform();
                };
                let mut state = recording.lock();
                state.count_change()?;
                perform()?;
                if let Some(name) = recording.name(name) {
                    state.names.insert(name.clone(), number);
                    state.events.push(Event::Named { file: number, name });
                } else {
                    state.elsewhere.insert(name.to_path_buf(), number);
                }
                Ok(())
            }
            Call::Rename { from, to } => {
                let Some(recording) = self.of_path(to) else {
                    return perform();
                };
                let mut state = recording.lock();
                state.count_change()?;
                perform()?;
                let old = recording.name(from);
                let number = match &old {
                    Some(name) => state.names.remove(name),
                    None => state.elsewhere.remove(from),
                };
                if let (Some(file), Some(to)) = (number, recording.name(to)) {
                    state.names.insert(to.clone(), file);
                    state.events.push(Event::Renamed {
                        file,
                        from: old,
                        to,
                    });
                }
                Ok(())
            }
            Call::Remove { name } => {
                let Some(recording) = self.of_path(name) else {
                    return perform();
                };
                let mut state = recording.lock();
                state.count_change()?;
                perform()?;
                state.elsewhere.remove(name);
                if let Some(name) = recording.name(name) {
                    state.names.remove(&name);
                    state.events.push(Event::Removed { name });
                }
                Ok(())
            }
            Call::SyncFolder { folder } => {
                let Some(recording) = self.of_folder(folder) else {
                    return perform();
                };
                let mut state = recording.lock();
                state.count_change()?;
                if state.folder_fails {
                    return Err(FaultKind::Broken.error());
                }
                perform()?;
                state.events.push(Event::FolderSynced);
                Ok(())
            }
            _ => perform(),
        }
    }
}

/// Where a file without a name would be.
fn of_descriptor(file: &File) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;
    std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
}
