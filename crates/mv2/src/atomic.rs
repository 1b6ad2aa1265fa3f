//! New files that appear under their name only when they are whole.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::disk;
use crate::error::{Error, Result};

/// A file in the making. Dropped before [`AtomicFile::persist`], nothing of it stays; on Linux not even when the process
/// is killed, because it has no name yet.
#[derive(Debug)]
pub struct AtomicFile {
    content: Content,
    destination: PathBuf,
}

#[derive(Debug)]
enum Content {
    #[cfg(target_os = "linux")]
    Nameless(File),
    Named(tempfile::NamedTempFile),
}

impl AtomicFile {
    /// Starts a file that will be called `destination`. Fails when its folder does not exist.
    pub fn create(destination: &Path) -> Result<Self> {
        let folder = folder_of(destination);
        #[cfg(target_os = "linux")]
        if let Some(file) = nameless(folder)? {
            return Ok(Self {
                content: Content::Nameless(file),
                destination: destination.to_path_buf(),
            });
        }
        let file = named(folder, destination)?;
        Ok(Self {
            content: Content::Named(file),
            destination: destination.to_path_buf(),
        })
    }

    /// The file, open for reading and writing.
    #[must_use]
    pub fn file(&self) -> &File {
        match &self.content {
            #[cfg(target_os = "linux")]
            Content::Nameless(file) => file,
            Content::Named(file) => file.as_file(),
        }
    }

    /// Gives the file the permissions of another. Without this only the user can read and write it.
    ///
    /// Best effort: a file system without permissions still holds the content.
    pub fn copy_permissions(&self, source: &File) {
        if let Ok(metadata) = source.metadata() {
            let _ = self.file().set_permissions(metadata.permissions());
        }
    }

    /// Syncs the content and gives the file its name. Without `replace` it fails with [`Error::AlreadyExists`] when the
    /// name is taken, also when it was taken a moment ago.
    pub fn persist(self, replace: bool) -> Result<File> {
        let destination = self.destination;
        let failed = |error| Error::io("create", &destination, error);
        let file = match self.content {
            #[cfg(target_os = "linux")]
            Content::Nameless(file) => {
                disk::sync_all(&file).map_err(failed)?;
                give_name(&file, &destination, replace).map_err(failed)?;
                file
            }
            Content::Named(file) => {
                disk::sync_all(file.as_file()).map_err(failed)?;
                let name = file.path().to_path_buf();
                let renamed = disk::rename(&name, &destination, || {
                    let renamed = if replace {
                        file.persist(&destination)
                    } else {
                        file.persist_noclobber(&destination)
                    };
                    renamed.map_err(|error| error.error)
                });
                renamed.map_err(failed)?
            }
        };
        // The name is taken and cannot be given back: a disk that fails for a moment is asked once more, so that nothing that
        // is acknowledged later stands in a file whose name is lost with the power.
        sync_folder(&destination)
            .or_else(|_| sync_folder(&destination))
            .map_err(failed)?;
        Ok(file)
    }
}

/// The folder that a path names something in.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn named(folder: &Path, destination: &Path) -> Result<tempfile::NamedTempFile> {
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(destination.file_name().unwrap_or_default());
    prefix.push(".");
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.prefix(&prefix);
    let create = || builder.tempfile_in(folder);
    disk::create(
        folder,
        create,
        |made| made.as_file(),
        |made| Some(made.path()),
    )
    .map_err(|error| Error::io("create a file in", folder, error))
}

/// Makes the new name survive power loss.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    disk::sync_folder(folder_of(path))
}

#[cfg(target_os = "linux")]
fn nameless(folder: &Path) -> Result<Option<File>> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    use rustix::io::Errno;
    let create = || {
        let made = openat(
            CWD,
            folder,
            OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC,
            // What the user's umask leaves of it, as for any new file.
            Mode::from_bits_truncate(0o666),
        )?;
        Ok(File::from(made))
    };
    let file = disk::create(folder, create, |file| file, |_| None);
    let is_out_of_descriptors = |error: &io::Error| {
        [Errno::MFILE, Errno::NFILE].contains(&Errno::from_io_error(error).unwrap_or(Errno::IO))
    };
    match file {
        Ok(file) => Ok(Some(file)),
        // A file with a name would need a descriptor as well.
        Err(error) if is_out_of_descriptors(&error) => {
            Err(Error::io("create a file in", folder, error))
        }
        Err(_) => Ok(None),
    }
}

/// Links a nameless file. A link never replaces, so replacing takes a second name and a rename.
#[cfg(target_os = "linux")]
fn give_name(file: &File, destination: &Path, replace: bool) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    use std::os::fd::AsRawFd;
    let source = format!("/proc/self/fd/{}", file.as_raw_fd());
    let link = |name: &Path| {
        disk::link(file, name, || {
            linkat(CWD, &source, CWD, name, AtFlags::SYMLINK_FOLLOW).map_err(io::Error::from)
        })
    };
    match link(destination) {
        Err(error) if replace && error.kind() == io::ErrorKind::AlreadyExists => {}
        result => return result,
    }
    let second = second_name(destination, &link)?;
    let rename = || std::fs::rename(&second, destination);
    disk::rename(&second, destination, rename).inspect_err(|_| {
        // Best effort: the first error is the one to report.
        let _ = disk::remove(&second);
    })
}

/// Links the file under a second name for the instant before it is renamed. Preferably far from the destination, in the
/// user's folder for lock records, where a process that dies in that instant leaves nothing beside the memory; the folder
/// of the destination serves when that one is on another file system, or when others can change names in it: what has the
/// name then would become the memory.
#[cfg(target_os = "linux")]
fn second_name(destination: &Path, link: &impl Fn(&Path) -> io::Result<()>) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let name = format!(".memvid-{:016x}", u64::from_le_bytes(random));
    if let Some(folder) = crate::registry::folder().filter(|folder| is_ours_alone(folder)) {
        remove_abandoned(&folder);
        let far = folder.join(&name);
        if link(&far).is_ok() {
            return Ok(far);
        }
    }
    let near = destination.with_file_name(&name);
    link(&near).map(|()| near)
}

/// Whether nobody else can change what names in a folder lead to, except who can change everything. Each folder on the way
/// to it has to be of this user or of root, and writable for nobody else; or, as the folder for temporary files, one in which
/// names belong to who made them.
#[cfg(target_os = "linux")]
fn is_ours_alone(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    /// Owner of everything.
    const ROOT: u32 = 0;
    /// Writable for the group or for everybody.
    const OTHERS: u32 = 0o022;
    /// Only its owner renames a file.
    const STICKY: u32 = 0o1000;
    let me = rustix::process::geteuid().as_raw();
    let Ok(real) = folder.canonicalize() else {
        return false;
    };
    real.ancestors().all(|on_the_way| {
        on_the_way.symlink_metadata().is_ok_and(|metadata| {
            let is_last = on_the_way == real;
            let is_kept =
                metadata.mode() & OTHERS == 0 || !is_last && metadata.mode() & STICKY != 0;
            is_kept && (metadata.uid() == me || metadata.uid() == ROOT)
        })
    })
}

/// Removes what died between its two names more than a minute ago.
#[cfg(target_os = "linux")]
fn remove_abandoned(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(".memvid-");
        let age = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .ok();
        let age = age.and_then(|modified| modified.elapsed().ok());
        if ours && age.is_some_and(|age| age.as_secs() > 60) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs::{Permissions, create_dir, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_in_which_others_rename_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("locks");
        create_dir(&inner).unwrap();
        let allow = |path: &Path, mode| {
            set_permissions(path, Permissions::from_mode(mode)).unwrap();
        };
        allow(&inner, 0o755);
        assert!(is_ours_alone(&inner));
        for mode in [0o775, 0o777, 0o1777] {
            allow(&inner, mode);
            assert!(!is_ours_alone(&inner), "{mode:o}");
        }
        allow(&inner, 0o755);
        allow(folder.path(), 0o777);
        assert!(!is_ours_alone(&inner), "the folder itself can be replaced");
        allow(folder.path(), 0o1777);
        assert!(is_ours_alone(&inner));
        assert!(!is_ours_alone(&folder.path().join("none")));
    }
}
