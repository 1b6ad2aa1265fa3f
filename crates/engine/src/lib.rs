//! The memory: documents go in, durable when the call returns; questions find them.
//!
//! This crate joins the file (`mv2`) and the full text (`lex`). It knows nothing of Node. The entry is [`Memory`]:
//!
//! ```
//! use engine::{Document, Memory, OpenMode, OpenOptions, PutOptions};
//!
//! # fn main() -> engine::Result<()> {
//! let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("notes.mv2");
//! let memory = Memory::open(&path, OpenOptions { mode: OpenMode::Create, ..OpenOptions::default() })?;
//! let stored = memory.put(vec![Document::text("The lighthouse keeper recorded a spring tide.", 0)], PutOptions::default())?;
//! assert_eq!(stored.ids, [0]);
//! assert_eq!(memory.text(0)?, "The lighthouse keeper recorded a spring tide.");
//! memory.close()?;
//! # Ok(())
//! # }
//! ```

mod acl;
mod additions;
mod ahead;
mod bulk;
mod bulk_aside;
mod bulk_feed;
mod bulk_held;
mod bulk_index;
mod bulk_places;
mod bulk_vectors;
mod calendar;
mod capsule;
mod cards;
mod chunk;
mod commit;
mod committed;
mod compact;
mod compression;
mod convert;
mod create;
mod cursor;
mod dedupe;
mod describe;
mod directory;
mod doctor;
mod document;
mod document_at;
mod embedded;
mod embedding;
mod error;
mod fields;
mod filter;
mod find;
mod foreign_vectors;
mod frame_table;
mod fresh;
mod fusion;
mod indexing;
mod inspect;
mod landmarks;
mod lex_sections;
mod lock;
mod log_index;
mod meaning;
mod memory;
mod merge;
mod naming;
mod options;
mod output;
mod parallel;
mod pending;
mod pictures;
mod quantised;
mod salvage;
mod selected;
mod selection;
mod settle;
mod shown;
mod snapshot;
mod staged;
mod stats;
mod text;
mod timeline;
mod tracks;
mod undisturbed;
mod undone;
mod vec_sections;
mod vectors;
mod verify;
mod write_behind;
mod writer;

pub use capsule::{lock_capsule, unlock_capsule};
pub use cards::{
    CardQuestion, CardView, Enrichment, Memories, MemoriesStats, NewCard, SlotState,
    State as EntityState,
};
pub use doctor::{DoctorOptions, doctor_file};
pub use document::{Content, Document};
pub use document_at::document_at;
pub use embedded::{EmbeddedFrames, StagedFrames};
pub use embedding::{Embedding, Identity};
pub use error::{Code, Error, Result};
pub use filter::Filter;
pub use find::{FindHit, FindMode, FindRequest, FindResult, PreparedFind, QueryForm};
pub use fusion::Fusion;
pub use inspect::{Asset, FrameInfo};
pub use lock::{nudge as lock_nudge, who as lock_who};
pub use meaning::{Recall, RecallName};
pub use memory::{CompactReport, Memory, PurgeReport, PurgeRequest, Swap, set_patience};
pub use options::{Dedupe, OpenMode, OpenOptions, PutOptions, PutResult};
pub use pictures::Picture;
pub use selection::{SelectionRequest, parse_request};
pub use snapshot::Snapshot;
pub use timeline::{TimelineEntry, TimelineRequest};
pub use verify::{Check, VerifyReport, verify_file, verify_single_file};

/// Version of the engine.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
