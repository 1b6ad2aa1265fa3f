//! How a memory is opened and how documents are put.

use std::time::Duration;

/// What to do when the file is or is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// It must exist.
    Open,
    /// A new, empty memory replaces whatever is there.
    Create,
    /// Opened when it is there, created otherwise.
    Auto,
}

/// Options of [`crate::Memory::open`].
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// What to do when the file is or is not there.
    pub mode: OpenMode,
    /// Refuse every mutation.
    pub read_only: bool,
    /// Keep and search a full-text index.
    pub enable_lex: bool,
    /// Accept and search vectors.
    pub enable_vec: bool,
    /// Whether vectors written from now on are kept product-quantised; `None`: as the file is set.
    pub vector_compression: Option<bool>,
    /// How long a mutation waits for another writer; zero: not at all.
    pub lock_timeout: Duration,
    /// The largest file allowed, in bytes.
    pub capacity: Option<u64>,
    /// Read what can be rescued of a file, however damaged it is; only together with `read_only`.
    pub salvage: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            mode: OpenMode::Open,
            read_only: false,
            enable_lex: true,
            enable_vec: true,
            vector_compression: None,
            lock_timeout: Duration::from_secs(10),
            capacity: None,
            salvage: false,
        }
    }
}

/// What to do with a document whose content is already stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dedupe {
    /// Store it again, without looking.
    #[default]
    Keep,
    /// Store nothing; the earlier frame's id is the answer.
    Skip,
    /// The new frame supersedes the earlier one.
    Replace,
}

/// Options of [`crate::Memory::put`].
#[derive(Debug, Clone, Copy)]
pub struct PutOptions {
    /// zstd level of text, 0 (stored plain) to 11.
    pub compression_level: i32,
    /// What to do with content that is already stored.
    pub dedupe: Dedupe,
    /// How many documents come, when that is known beforehand: their vectors then have their place in the file from the
    /// start.
    pub expected: Option<u64>,
    /// Sets the file to keep vectors product-quantised, see [`crate::Memory::set_vector_compression`].
    pub vector_compression: bool,
    /// Whether memory cards are made of the documents without being asked for.
    pub enrich: bool,
}

impl Default for PutOptions {
    fn default() -> Self {
        Self {
            compression_level: 3,
            dedupe: Dedupe::Keep,
            expected: None,
            vector_compression: false,
            enrich: true,
        }
    }
}

/// What a put stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutResult {
    /// The frame of each document, in order.
    pub ids: Vec<u64>,
    /// For each document an active frame that held the same content before, if any.
    pub duplicate_of: Vec<Option<u64>>,
    /// Log sequence reached.
    pub sequence: u64,
}
