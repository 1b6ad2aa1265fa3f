//! The calls that change a disk. Everything that this crate and those above it write into a memory goes through here, so
//! that a test can watch each call and let it fail (feature `simulation`; without it these are the plain calls).

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::path::Path;

#[cfg(feature = "simulation")]
pub use watching::{Call, Observer, observe};

/// Runs a call, through the observer if there is one.
macro_rules! observed {
    ($call:expr, $perform:expr) => {{
        #[cfg(feature = "simulation")]
        {
            watching::run(&$call, &mut $perform)
        }
        #[cfg(not(feature = "simulation"))]
        {
            let performed: io::Result<()> = $perform();
            performed
        }
    }};
}

/// How whatever a path names is opened: without waiting, should it be a pipe, for who has its other end.
pub(crate) fn open_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Of a file it changes nothing.
        options.custom_flags(libc::O_NONBLOCK);
    }
    options
}

/// Fills `out` from `offset`; fails with `UnexpectedEof` when the file ends before that.
pub fn read_at(file: &File, mut offset: u64, mut out: &mut [u8]) -> io::Result<()> {
    while !out.is_empty() {
        match read_some(file, offset, out) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                out = out.split_at_mut(count).1;
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all of `bytes` at `offset`; a gap before it reads as zeros.
pub fn write_at(file: &File, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match write_some(file, offset, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = bytes.split_at(count).1;
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// One read; the system may give fewer bytes than there is room for.
fn read_some(file: &File, offset: u64, out: &mut [u8]) -> io::Result<usize> {
    #[cfg(feature = "simulation")]
    let out = {
        let most = watching::most(file, true).min(out.len());
        out.split_at_mut(most).0
    };
    let mut count = 0;
    observed!(
        Call::Read {
            file,
            offset,
            length: out.len()
        },
        || {
            count = plain_read(file, offset, out)?;
            Ok(())
        }
    )?;
    Ok(count)
}

/// One write; the system may take fewer bytes than it is given.
fn write_some(file: &File, offset: u64, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(feature = "simulation")]
    let bytes = {
        let most = watching::most(file, false).min(bytes.len());
        bytes.split_at(most).0
    };
    let mut count = 0;
    observed!(
        Call::Write {
            file,
            offset,
            bytes
        },
        || {
            count = plain_write(file, offset, bytes)?;
            Ok(())
        }
    )?;
    Ok(count)
}

/// Cuts or extends (with zeros).
pub fn set_length(file: &File, length: u64) -> io::Result<()> {
    observed!(Call::SetLength { file, length }, || file.set_len(length))
}

/// When this returns, every earlier write survives power loss. The data and the length, not the times: one journal write
/// less.
pub fn sync(file: &File) -> io::Result<()> {
    observed!(Call::Sync { file }, || file.sync_data())
}

/// Like [`sync`], with everything else that is known of the file.
pub fn sync_all(file: &File) -> io::Result<()> {
    observed!(Call::Sync { file }, || file.sync_all())
}

/// Makes a new file with `create`. `name` is the one that it has from the start, if any.
pub(crate) fn create<F>(
    folder: &Path,
    create: impl FnOnce() -> io::Result<F>,
    file: impl Fn(&F) -> &File,
    name: impl Fn(&F) -> Option<&Path>,
) -> io::Result<F> {
    #[cfg(feature = "simulation")]
    {
        let mut create = Some(create);
        let mut made = None;
        watching::run(&Call::Create { folder }, &mut || {
            made = create.take().map(|create| create()).transpose()?;
            Ok(())
        })?;
        let made = made.ok_or_else(|| io::Error::other("the file was not created"))?;
        let created = Call::Created {
            file: file(&made),
            name: name(&made),
        };
        watching::run(&created, &mut || Ok(()))?;
        Ok(made)
    }
    #[cfg(not(feature = "simulation"))]
    {
        let _ = (folder, file, name);
        create()
    }
}

/// Makes a file in a folder that never gets a name, and goes when it is closed.
pub fn temporary_file(folder: &Path) -> io::Result<File> {
    let make = || tempfile::tempfile_in(folder);
    #[cfg(feature = "simulation")]
    {
        let mut made = None;
        watching::run(&Call::Create { folder }, &mut || {
            made = Some(make()?);
            Ok(())
        })?;
        let file = made.ok_or_else(|| io::Error::other("the file was not created"))?;
        watching::run(&Call::CreatedTemporary { file: &file }, &mut || Ok(()))?;
        Ok(file)
    }
    #[cfg(not(feature = "simulation"))]
    {
        make()
    }
}

/// Gives the disk back what a part of a temporary file takes; it reads as zeros then. Where that is not possible nothing
/// happens.
pub fn give_back(file: &File, range: Range<u64>) {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{FallocateFlags, fallocate};
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let _ = fallocate(file, hole, range.start, range.end - range.start);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, range);
}

/// Gives a file one more name with `link`, which fails when the name is taken.
#[cfg(target_os = "linux")]
pub(crate) fn link(
    file: &File,
    name: &Path,
    mut link: impl FnMut() -> io::Result<()>,
) -> io::Result<()> {
    let _ = (file, name);
    observed!(Call::Link { file, name }, link)
}

/// Gives what is called `from` the name `to` with `rename`.
pub(crate) fn rename<T>(
    from: &Path,
    to: &Path,
    rename: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    #[cfg(feature = "simulation")]
    {
        let mut rename = Some(rename);
        let mut result = None;
        watching::run(&Call::Rename { from, to }, &mut || {
            result = rename.take().map(|rename| rename()).transpose()?;
            Ok(())
        })?;
        result.ok_or_else(|| io::Error::other("the file was not renamed"))
    }
    #[cfg(not(feature = "simulation"))]
    {
        let _ = (from, to);
        rename()
    }
}

/// Takes a name away.
#[cfg(target_os = "linux")]
pub(crate) fn remove(name: &Path) -> io::Result<()> {
    observed!(Call::Remove { name }, || std::fs::remove_file(name))
}

/// Makes the names in a folder survive power loss.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    observed!(Call::SyncFolder { folder }, || {
        // Other systems cannot open folders, or need not.
        if cfg!(unix) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    })
}

#[cfg(unix)]
fn plain_read(file: &File, offset: u64, out: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, out, offset)
}

#[cfg(unix)]
fn plain_write(file: &File, offset: u64, bytes: &[u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, bytes, offset)
}

#[cfg(windows)]
fn plain_read(file: &File, offset: u64, out: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, out, offset)
}

#[cfg(windows)]
fn plain_write(file: &File, offset: u64, bytes: &[u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, bytes, offset)
}

#[cfg(feature = "simulation")]
mod watching {
    use std::fs::File;
    use std::io;
    use std::path::Path;
    use std::sync::OnceLock;

    /// A call on the way to the disk.
    #[derive(Debug, Clone, Copy)]
    #[non_exhaustive]
    pub enum Call<'a> {
        /// Bytes are read, other than through a map.
        Read {
            /// From this file.
            file: &'a File,
            /// From here on.
            offset: u64,
            /// As many.
            length: usize,
        },
        /// Bytes are written.
        Write {
            /// Into this file.
            file: &'a File,
            /// From here on.
            offset: u64,
            /// These.
            bytes: &'a [u8],
        },
        /// A file gets another length.
        SetLength {
            /// This one.
            file: &'a File,
            /// Bytes.
            length: u64,
        },
        /// What was written is made durable.
        Sync {
            /// In this file.
            file: &'a File,
        },
        /// A file is about to be made.
        Create {
            /// Where.
            folder: &'a Path,
        },
        /// A file was made.
        Created {
            /// This one.
            file: &'a File,
            /// The name that it has, if any.
            name: Option<&'a Path>,
        },
        /// A file was made that never gets a name.
        CreatedTemporary {
            /// This one.
            file: &'a File,
        },
        /// A file gets one more name.
        Link {
            /// This one.
            file: &'a File,
            /// A name that is free.
            name: &'a Path,
        },
        /// A name is changed.
        Rename {
            /// The old one.
            from: &'a Path,
            /// The new one.
            to: &'a Path,
        },
        /// A name is taken away.
        Remove {
            /// This one.
            name: &'a Path,
        },
        /// Names are made durable.
        SyncFolder {
            /// In this folder.
            folder: &'a Path,
        },
    }

    /// Sees every call, and decides what becomes of it.
    pub trait Observer: Send + Sync {
        /// Runs `perform`, once, or lets the call fail in its place.
        fn call(
            &self,
            call: &Call<'_>,
            perform: &mut dyn FnMut() -> io::Result<()>,
        ) -> io::Result<()>;

        /// How many bytes the system takes at most, or gives, in the call that comes next; at least one.
        fn most(&self, file: &File, reads: bool) -> usize {
            let _ = (file, reads);
            usize::MAX
        }
    }

    static OBSERVER: OnceLock<&'static dyn Observer> = OnceLock::new();

    /// Has all calls of this process run through `observer` from now on. Gives back the one that is there already, if
    /// another one came first.
    pub fn observe(observer: &'static dyn Observer) -> &'static dyn Observer {
        *OBSERVER.get_or_init(|| observer)
    }

    pub(super) fn most(file: &File, reads: bool) -> usize {
        let observer = OBSERVER.get();
        observer.map_or(usize::MAX, |observer| observer.most(file, reads))
    }

    pub(super) fn run(
        call: &Call<'_>,
        perform: &mut dyn FnMut() -> io::Result<()>,
    ) -> io::Result<()> {
        match OBSERVER.get() {
            Some(observer) => observer.call(call, perform),
            None => perform(),
        }
    }
}
