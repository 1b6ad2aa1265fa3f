//! What can go wrong with a file, each case with the values a message needs.

use std::io;
use std::path::{Path, PathBuf};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything this crate can fail with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes do not follow the format.
    #[error("{section} is damaged at byte {offset}: {message}")]
    Corrupt {
        /// Part of the file: `header`, `wal`, `footer`, `toc`, `frame`, `payload`, `time index`, …
        section: &'static str,
        /// Byte offset where it was noticed: in the decoded slice, or in the file after [`Error::at`].
        offset: u64,
        /// What was found and what was expected.
        message: String,
    },
    /// The operating system refused an operation.
    #[error("cannot {operation} {}: {source}", .path.display())]
    Io {
        /// What was tried, a verb phrase such as `open` or `read the header of`.
        operation: &'static str,
        /// File or folder it was tried on.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// Another process holds the lock.
    #[error("{} is locked by another process; waited {waited_ms} ms", .path.display())]
    Locked {
        /// The locked file.
        path: PathBuf,
        /// Time spent waiting, in milliseconds.
        waited_ms: u64,
    },
    /// The file, or the folder it should be in, does not exist.
    #[error("{} does not exist", .path.display())]
    NotFound {
        /// What was looked for.
        path: PathBuf,
    },
    /// A file to be created is already there.
    #[error("{} already exists", .path.display())]
    AlreadyExists {
        /// The existing file.
        path: PathBuf,
    },
    /// The file is an encrypted capsule, not a memory.
    #[error("{} is an encrypted capsule; unlock it first", .path.display())]
    Encrypted {
        /// The capsule.
        path: PathBuf,
    },
    /// A capsule could not be written or read.
    #[error("capsule {}: {reason}", .path.display())]
    Capsule {
        /// Why.
        reason: CapsuleReason,
        /// The file the reason is about.
        path: PathBuf,
    },
    /// A change was asked of a file that was opened for reading or has no write permission.
    #[error("{} can only be read", .path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// A new file would belong to somebody else than the old one, and its owner or group could not use it any more, or it
    /// may not take the place of the old one.
    #[error(
        "{} belongs to user {owner}, and user {user} cannot put a new file in its place that is for the same people",
        .path.display()
    )]
    NotTheOwner {
        /// The old file.
        path: PathBuf,
        /// Number of its owner.
        owner: u32,
        /// Number of its group.
        group: u32,
        /// Number of the user who would write the new one.
        user: u32,
    },
    /// A size is over a limit.
    #[error("{what} has {size} bytes, at most {limit} are possible")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A list is longer than readers of the format accept.
    #[error("{what} has {count} entries, at most {limit} are possible")]
    TooManyEntries {
        /// Which list.
        what: &'static str,
        /// Its number of entries.
        count: u64,
        /// The limit.
        limit: u64,
    },
    /// The compressor failed, which only a lack of memory explains.
    #[error("cannot compress a payload: {source}")]
    Compress {
        /// What the compressor answered.
        source: io::Error,
    },
}

/// Why a capsule was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CapsuleReason {
    /// The password is empty or only white space.
    #[error("the password is empty")]
    EmptyPassword,
    /// The input of `lock` is not a memory.
    #[error("the input is not a .mv2 file")]
    NotAMemory,
    /// The input of `unlock` is not a capsule.
    #[error("the input is not an encrypted capsule")]
    NotACapsule,
    /// A version, key derivation, cipher or flag this crate does not know.
    #[error("unsupported {field} {value}")]
    Unsupported {
        /// Header field.
        field: &'static str,
        /// Value found.
        value: u32,
    },
    /// Authentication failed, or what was decrypted is no memory: the causes are not told apart, so that nobody learns
    /// from the answer whether a password was right.
    #[error("the password is wrong, or the capsule was altered or cut off")]
    WrongPasswordOrDamaged,
    /// The capsule ends inside a chunk.
    #[error("the capsule is cut off")]
    Truncated,
    /// A chunk length that no writer produces.
    #[error("a chunk of {length} bytes is out of range")]
    ChunkLength {
        /// Length field of the chunk.
        length: u32,
    },
    /// The size of the content is not the one in the header: the capsule was cut at a chunk boundary or extended.
    #[error("the capsule holds {found} bytes of a memory and promises {expected}: it is cut off")]
    SizeMismatch {
        /// Size in the capsule header.
        expected: u64,
        /// Size of what is there.
        found: u64,
    },
    /// The output exists and `force` was not given.
    #[error("the output already exists; use force to replace it")]
    OutputExists,
    /// The key could not be derived, which only a lack of memory explains.
    #[error("the key could not be derived")]
    KeyDerivation,
    /// The operating system gave no random bytes.
    #[error("no random bytes are available")]
    NoRandomness,
}

impl Error {
    pub(crate) fn corrupt(
        section: &'static str,
        offset: impl TryInto<u64>,
        message: impl Into<String>,
    ) -> Self {
        Self::Corrupt {
            section,
            offset: offset.try_into().unwrap_or(u64::MAX),
            message: message.into(),
        }
    }

    pub(crate) fn io(operation: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path },
            io::ErrorKind::AlreadyExists => Self::AlreadyExists { path },
            _ => Self::Io {
                operation,
                path,
                source,
            },
        }
    }

    /// Turns an offset inside a decoded slice into one inside the file: `base` is where the slice starts.
    #[must_use]
    pub fn at(self, base: u64) -> Self {
        match self {
            Self::Corrupt {
                section,
                offset,
                message,
            } => Self::Corrupt {
                section,
                offset: offset.saturating_add(base),
                message,
            },
            other => other,
        }
    }
}
