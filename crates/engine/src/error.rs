//! Errors as data: a stable code, a sentence with the offending values, and machine-readable details.

use std::fmt;
use std::path::Path;

use serde_json::{Map, Value, json};

/// The result of every engine call.
pub type Result<T> = std::result::Result<T, Error>;

/// Stable error numbers, shared by Rust, TypeScript and the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// A write would pass the limit the caller set.
    CapacityExceeded,
    /// Lexical search without a lexical index.
    LexIndexDisabled,
    /// The writer lock was not obtained in time.
    Locked,
    /// Unknown or removed frame.
    FrameNotFound,
    /// Vector work on a handle or file without vectors.
    VecIndexDisabled,
    /// Not an `.mv2`, truncated, or damaged.
    Corrupt,
    /// The memory, an input file or a parent folder is missing.
    NotFound,
    /// A vector of another size than those of the file.
    VecDimensionMismatch,
    /// A vector that cannot be used, or none can be made.
    EmbeddingFailed,
    /// Capsule work failed, or a capsule was opened directly.
    Encryption,
    /// Not possible with this handle.
    Unsupported,
    /// A missing, mistyped or out-of-range argument.
    InvalidInput,
    /// What nobody foresaw.
    Internal,
}

impl Code {
    /// The number users see, for instance `MV012`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CapacityExceeded => "MV001",
            Self::LexIndexDisabled => "MV004",
            Self::Locked => "MV007",
            Self::FrameNotFound => "MV010",
            Self::VecIndexDisabled => "MV011",
            Self::Corrupt => "MV012",
            Self::NotFound => "MV013",
            Self::VecDimensionMismatch => "MV014",
            Self::EmbeddingFailed => "MV015",
            Self::Encryption => "MV016",
            Self::Unsupported => "MV018",
            Self::InvalidInput => "MV019",
            Self::Internal => "MV999",
        }
    }
}

/// One failure: what happened, to which value, under which code.
#[derive(Debug, Clone)]
pub struct Error {
    /// The stable number.
    pub code: Code,
    /// One sentence that names the culprit. Never a secret, never a whole document.
    pub message: String,
    /// Machine-readable values, as the error contract lists them for the code.
    pub details: Map<String, Value>,
}

impl Error {
    /// A new error; `details` must be a JSON object (anything else is dropped).
    pub fn new(code: Code, message: impl Into<String>, details: Value) -> Self {
        let details = match details {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        Self {
            code,
            message: message.into(),
            details,
        }
    }

    /// MV019: `argument` was `received` where `expected` is needed.
    pub fn invalid(argument: &str, received: impl fmt::Display, expected: &str) -> Self {
        let received = received.to_string();
        Self::new(
            Code::InvalidInput,
            format!("{argument}: received {received}, expected {expected}"),
            json!({ "argument": argument, "received": received, "expected": expected }),
        )
    }

    /// MV010 for a frame id.
    #[must_use]
    pub fn frame_not_found(id: u64) -> Self {
        Self::new(
            Code::FrameNotFound,
            format!("frame {id} does not exist or was removed"),
            json!({ "frame_id": id }),
        )
    }

    /// MV010 for a uri.
    #[must_use]
    pub fn uri_not_found(uri: &str) -> Self {
        Self::new(
            Code::FrameNotFound,
            format!("no active frame has the uri {uri:?}"),
            json!({ "uri": uri }),
        )
    }

    /// MV012: what was found where.
    pub fn corrupt(section: &str, offset: u64, message: impl fmt::Display) -> Self {
        Self::new(
            Code::Corrupt,
            format!("{section} at byte {offset}: {message}"),
            json!({ "section": section, "offset": offset }),
        )
    }

    /// MV018: an operation this handle cannot do.
    pub fn unsupported(operation: &str, message: impl Into<String>) -> Self {
        Self::new(
            Code::Unsupported,
            message,
            json!({ "operation": operation }),
        )
    }

    /// MV018: a mutation on a read-only handle.
    #[must_use]
    pub fn read_only(operation: &str) -> Self {
        Self::new(
            Code::Unsupported,
            format!(
                "{operation}: the handle was opened with readOnly: true; mutation is not allowed"
            ),
            json!({ "operation": operation, "reason": "read_only" }),
        )
    }

    /// MV018: a call after `close()`.
    #[must_use]
    pub fn closed(operation: &str) -> Self {
        Self::new(
            Code::Unsupported,
            format!("{operation}: the memory was closed"),
            json!({ "operation": operation, "reason": "closed" }),
        )
    }

    /// An operating-system failure on `path`, under the code of its cause.
    pub fn io(operation: &str, path: &Path, source: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let shown = path.display();
        if is_link_loop(source) {
            return Self::invalid("path", shown, "a path without a loop of links");
        }
        let details = json!({ "path": path.to_string_lossy(), "operation": operation });
        if let Some(reason) = fault_of_the_system(source) {
            return Self::new(
                Code::Unsupported,
                format!("{operation}: {shown}: {source}"),
                json!({ "path": path.to_string_lossy(), "operation": operation, "reason": reason }),
            );
        }
        match source.kind() {
            ErrorKind::NotFound => Self::new(
                Code::NotFound,
                format!("{operation}: {shown} does not exist"),
                details,
            ),
            ErrorKind::IsADirectory | ErrorKind::NotADirectory | ErrorKind::NotSeekable => {
                Self::new(
                    Code::InvalidInput,
                    format!("path: received {shown}, expected the path of a file ({source})"),
                    json!({ "argument": "path", "received": path.to_string_lossy(), "expected": "the path of a file" }),
                )
            }
            ErrorKind::InvalidInput | ErrorKind::InvalidFilename => Self::invalid(
                "path",
                format_args!("{:?}", path.to_string_lossy()),
                "a path that the system accepts",
            ),
            // What is read is where a commit says it is: the file was longer.
            ErrorKind::UnexpectedEof => Self::new(
                Code::Corrupt,
                format!("{operation}: {shown} was cut off while it was open ({source})"),
                json!({ "path": path.to_string_lossy(), "section": "file", "offset": null }),
            ),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::new(
                Code::Unsupported,
                format!("{operation}: no permission for {shown} ({source})"),
                json!({ "path": path.to_string_lossy(), "operation": operation, "reason": "permission" }),
            ),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::new(
                    Code::CapacityExceeded,
                    format!("{operation}: no space left for {shown} ({source})"),
                    json!({ "path": path.to_string_lossy(), "operation": operation, "reason": "disk" }),
                )
            }
            _ => Self::new(
                Code::Internal,
                format!("{operation}: {shown}: {source}"),
                details,
            ),
        }
    }
}

/// What is not a fault of the caller or of this library: too many open files, or a disk that does not work.
fn fault_of_the_system(source: &std::io::Error) -> Option<&'static str> {
    /// ENFILE and EMFILE: they have no stable kind.
    const DESCRIPTORS: [i32; 2] = [23, 24];
    /// EIO, and ENODEV of what cannot be mapped, have none either.
    const DEVICE: [i32; 2] = [5, 19];
    /// ENOMEM.
    const MEMORY: i32 = 12;
    let number = source.raw_os_error().filter(|_| cfg!(unix))?;
    if DESCRIPTORS.contains(&number) {
        return Some("descriptors");
    }
    if number == MEMORY {
        return Some("memory");
    }
    DEVICE.contains(&number).then_some("device")
}

#[cfg(unix)]
fn is_link_loop(source: &std::io::Error) -> bool {
    // ELOOP has no stable kind: 40 on Linux, 62 on macOS.
    matches!(source.raw_os_error(), Some(40)) && cfg!(target_os = "linux")
        || matches!(source.raw_os_error(), Some(62)) && cfg!(target_os = "macos")
}

#[cfg(not(unix))]
fn is_link_loop(_source: &std::io::Error) -> bool {
    false
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[{}] {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for Error {}
