//! What was acknowledged but is not yet part of a commit: the records of the log, applied in memory.
//!
//! Cloning is cheap (persistent collections), so every write publishes a new value and readers keep the one they have.

use std::sync::Arc;
use std::time::Duration;

use imbl::{HashMap, OrdSet, Vector};
use mv2::frame::{CanonicalEncoding, Frame, FrameRole, FrameStatus};
use mv2::view::FrameView;
use mv2::wal::{EntryOperation, FrameEntry, RECORD_HEADER_SIZE};

use crate::committed::Committed;
use crate::directory::{Flags, uri_hash};
use crate::embedding::check_vector;
use crate::error::{Error, Result};
use crate::log_index::{LogIndex, Waiting};
use crate::naming::{default_uri, is_default_uri, title_from_uri};
use crate::pictures::Picture;
use crate::text;
use crate::vectors::VectorIndex;

/// A frame that lives in the log.
#[derive(Debug)]
pub struct PendingFrame {
    /// The frame as it will stand in the table of contents, but for `payload_offset`.
    pub encoded: Vec<u8>,
    /// Its payload; `None` when the payload already has a place in the file.
    pub payload: Option<Vec<u8>>,
    /// Seconds since 1970.
    pub timestamp: i64,
    /// The document it belongs to.
    pub parent: Option<u64>,
    /// Role and marks; the status is looked up in [`Pending::changes`] first.
    pub flags: Flags,
    /// Its vector.
    pub vector: Option<Arc<[f32]>>,
}

impl PendingFrame {
    /// The frame's fields.
    pub fn view(&self) -> Result<FrameView<'_>> {
        Ok(FrameView::parse(&self.encoded)?)
    }
}

/// What the writer of an insert knows of it, when the record's search text does no more than repeat the content.
pub struct Written {
    /// BLAKE3 of the payload.
    pub checksum: [u8; 32],
    /// The text to index, if any.
    pub body: Option<String>,
}

/// A status other than the one written in the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusChange {
    /// As in [`Flags::status`].
    pub status: u32,
    /// The newer version of the frame.
    pub superseded_by: Option<u64>,
}

/// The state of the log on top of a commit.
#[derive(Clone, Default)]
pub struct Pending {
    /// Frames in id order; the first has the id `committed.frame_count()`.
    pub frames: Vector<Arc<PendingFrame>>,
    /// Frames, committed or pending, whose status changed.
    pub changes: HashMap<u64, StatusChange>,
    /// Uris of pending frames that have one of their own, by hash, oldest first.
    pub uris: HashMap<u64, Vector<u64>>,
    /// Chunks of pending documents.
    pub chunks: HashMap<u64, Vector<u64>>,
    /// (timestamp, id) of pending documents.
    pub times: OrdSet<(i64, u64)>,
    /// Full text of pending frames.
    pub lex: LogIndex,
    /// Pending frames that have a vector, in id order.
    pub vectors: Vector<(u64, Arc<[f32]>)>,
    /// Pending frames that have the vector of a picture, in id order.
    pub pictures: Vector<(u64, Picture)>,
    /// Sequence of each pending insert to its frame, for chunks that name their parent by sequence.
    sequences: HashMap<u64, u64>,
    /// The last pending document that was split.
    last_split: Option<u64>,
    /// Highest log sequence seen.
    pub last_sequence: u64,
    /// Where the next record goes, from the start of the log region.
    pub head: u64,
    /// Where the applied records end that stand at the front, should `head` be the front: a program of the reference goes on
    /// behind them.
    pub applied_end: u64,
    /// The newest write into the log.
    pub newest: Option<NewestWrite>,
    /// Whether a write that was interrupted left something there.
    pub has_remains: bool,
    /// Whether one of its records, applied or not, has a sequence that nothing checks: the reference wrote it.
    pub has_unchecked: bool,
    /// Difference that the changes make to the committed count of active frames.
    pub active_delta: i64,
    /// How long the disk takes.
    pub pace: Pace,
}

/// The newest write into the log as it was seen: one record, or a batch. A put that fails takes back what others may have seen
/// of it, and what is put then stands in the same place.
#[derive(Debug, Clone, Default)]
pub struct NewestWrite {
    /// Where each of its records begins, from the start of the log region, and its header.
    headers: Arc<Vec<(u64, [u8; RECORD_HEADER_SIZE])>>,
    /// Whether this process made it, and synced it. The sync of another may have failed.
    pub is_synced: bool,
    /// Whether the reference made it, which looks at nothing that stands behind.
    pub is_unchecked: bool,
}

impl NewestWrite {
    /// Takes the next record of the write.
    pub fn add(&mut self, position: u64, header: [u8; RECORD_HEADER_SIZE]) {
        Arc::make_mut(&mut self.headers).push((position, header));
    }

    /// Where its first record begins, from the start of the log region.
    #[must_use]
    pub fn position(&self) -> Option<u64> {
        self.headers.first().map(|(position, _)| *position)
    }

    /// Whether it is where it was.
    #[must_use]
    pub fn stands(&self, log: &[u8]) -> bool {
        self.headers.iter().all(|(position, header)| {
            usize::try_from(*position)
                .ok()
                .and_then(|at| log.get(at..))
                .is_some_and(|found| found.starts_with(header))
        })
    }
}

/// How long this handle's syncs of the log took of late; of no sync nothing is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace(Option<Duration>);

impl Pace {
    /// Takes one more sync into account. A slow one counts for several that follow.
    pub fn add(&mut self, taken: Duration) {
        self.0 = Some(self.0.map_or(taken, |so_far| (so_far * 3 + taken) / 4));
    }

    /// Whether the next sync can be expected to take less than `most`.
    #[must_use]
    pub fn is_within(self, most: Duration) -> bool {
        self.0.is_some_and(|pace| pace < most)
    }
}

impl Pending {
    /// An empty log that continues after `last_sequence`.
    #[must_use]
    pub fn new(last_sequence: u64) -> Self {
        Self {
            last_sequence,
            ..Self::default()
        }
    }

    /// Whether there is nothing to move into a commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.changes.is_empty()
    }

    /// Applies one log record. Errors name what makes the record impossible; the state is then unchanged. `written` is what
    /// is known of an insert that this process makes; of one that was read from the log it is found out again.
    pub fn apply(
        &mut self,
        committed: &Committed,
        sequence: u64,
        entry: FrameEntry,
        written: Option<Written>,
        with_lex: bool,
    ) -> Result<u64> {
        match entry.op {
            EntryOperation::Tombstone => {
                let target = entry.target_frame_id.unwrap_or(u64::MAX);
                let current = self
                    .status_of(committed, target)
                    .ok_or_else(|| Error::frame_not_found(target))?;
                self.set_status(
                    target,
                    current.0,
                    StatusChange {
                        status: FrameStatus::Deleted as u32,
                        superseded_by: None,
                    },
                );
                self.last_sequence = self.last_sequence.max(sequence);
                Ok(target)
            }
            EntryOperation::Insert => self.insert(committed, sequence, entry, written, with_lex),
        }
    }

    fn insert(
        &mut self,
        committed: &Committed,
        sequence: u64,
        entry: FrameEntry,
        written: Option<Written>,
        with_lex: bool,
    ) -> Result<u64> {
        let id = committed.frame_count() + self.frames.len() as u64;
        if id >= mv2::toc::MAX_FRAMES {
            return Err(crate::additions::too_many_frames(id));
        }
        let superseded = match entry.supersedes_frame_id {
            Some(old) => {
                let current = self
                    .status_of(committed, old)
                    .ok_or_else(|| Error::frame_not_found(old))?;
                Some((old, current.0))
            }
            None => None,
        };
        let mut entry = entry;
        let vector = self.usable_vector(committed, entry.embedding.take());
        let (frame, payload) = self.frame_of(committed, id, entry, written.as_ref())?;
        if let Some(vector) = &vector {
            self.vectors.push_back((id, Arc::clone(vector)));
        }
        self.take_picture(committed, &frame);
        let pending = Arc::new(PendingFrame {
            encoded: frame.to_bytes(),
            payload,
            timestamp: frame.timestamp,
            parent: frame.parent_id,
            flags: Flags::new(
                frame.status as u32,
                frame.role as u32,
                frame.chunk_manifest.is_some(),
            ),
            vector,
        });
        if with_lex {
            self.index(committed, id, &pending, written.map(|written| written.body))?;
        }
        if let Some(uri) = frame.uri.as_deref().filter(|uri| !is_default_uri(uri, id)) {
            self.uris.entry(uri_hash(uri)).or_default().push_back(id);
        }
        if let (FrameRole::DocumentChunk, Some(parent)) = (frame.role, frame.parent_id) {
            self.chunks.entry(parent).or_default().push_back(id);
        }
        if frame.role == FrameRole::Document {
            self.times.insert((frame.timestamp, id));
        }
        if frame.chunk_manifest.is_some() {
            self.last_split = Some(id);
        }
        self.frames.push_back(pending);
        self.sequences.insert(sequence, id);
        self.active_delta += 1;
        self.last_sequence = self.last_sequence.max(sequence);
        if let Some((old, status)) = superseded {
            let change = StatusChange {
                status: FrameStatus::Superseded as u32,
                superseded_by: Some(id),
            };
            self.set_status(old, status, change);
            // The chunks of a document are one version with it.
            let mut chunks: Vec<u64> = committed.directory.chunks_of(old).collect();
            chunks.extend(self.chunks.get(&old).into_iter().flatten());
            for chunk in chunks {
                if let Some((status, _)) = self
                    .status_of(committed, chunk)
                    .filter(|&(status, _)| status == 0)
                {
                    self.set_status(chunk, status, change);
                }
            }
        }
        Ok(id)
    }

    fn frame_of(
        &self,
        committed: &Committed,
        id: u64,
        entry: FrameEntry,
        written: Option<&Written>,
    ) -> Result<(Frame, Option<Vec<u8>>)> {
        let parent_id = match (entry.role, entry.parent_sequence) {
            (FrameRole::Document, _) => None,
            (_, Some(sequence)) => self.sequences.get(&sequence).copied().or(self.last_split),
            (_, None) => self.last_split,
        };
        let uri = entry.uri.unwrap_or_else(|| default_uri(id));
        let title = entry.title.or_else(|| title_from_uri(&uri));
        let mut frame = Frame {
            id,
            timestamp: entry.timestamp,
            anchor_ts: Some(entry.timestamp),
            anchor_source: Some(mv2::frame::AnchorSource::FrameTimestamp),
            kind: entry.kind,
            track: entry.track,
            payload_length: entry.payload.len() as u64,
            checksum: match written {
                Some(written) => written.checksum,
                None => *blake3::hash(&entry.payload).as_bytes(),
            },
            uri: Some(uri),
            title,
            canonical_encoding: entry.canonical_encoding,
            canonical_length: entry.canonical_length,
            metadata: entry.metadata,
            search_text: match written {
                Some(_) => None,
                None => own_search_text(
                    entry.search_text,
                    &entry.payload,
                    entry.canonical_encoding,
                    entry.canonical_length,
                ),
            },
            tags: entry.tags,
            labels: entry.labels,
            extra_metadata: entry.extra_metadata,
            content_dates: entry.content_dates,
            chunk_manifest: entry.chunk_manifest,
            role: entry.role,
            parent_id,
            chunk_index: entry.chunk_index,
            chunk_count: entry.chunk_count,
            supersedes: entry.supersedes_frame_id,
            source_sha256: entry.source_sha256,
            source_path: entry.source_path,
            enrichment_state: entry.enrichment_state,
            ..Frame::default()
        };
        let Some(source) = entry.reuse_payload_from else {
            return Ok((frame, Some(entry.payload)));
        };
        let (view, pending) = match source.checked_sub(committed.frame_count()) {
            None => (committed.frame(source)?, None),
            Some(index) => {
                let other = usize::try_from(index)
                    .ok()
                    .and_then(|index| self.frames.get(index));
                let other = other.ok_or_else(|| Error::frame_not_found(source))?;
                (other.view()?, other.payload.clone())
            }
        };
        frame.payload_offset = view.payload_offset;
        frame.payload_length = view.payload_length;
        frame.checksum = view.checksum;
        frame.canonical_encoding = view.canonical_encoding;
        frame.canonical_length = view.canonical_length;
        Ok((frame, pending))
    }

    /// The vector of a record, if it can be compared with the others: another program may have written anything.
    fn usable_vector(&self, committed: &Committed, vector: Option<Vec<f32>>) -> Option<Arc<[f32]>> {
        let vector = vector.filter(|vector| check_vector(vector, "").is_ok())?;
        let is_usable = match self.vectors.front() {
            Some((_, first)) => first.len() == vector.len(),
            None => {
                let index = committed.vectors().ok();
                let stored = index.and_then(VectorIndex::dimension);
                stored.is_none_or(|stored| stored == vector.len())
                    || !index.is_some_and(|index| self.leaves_vectors(committed, index))
            }
        };
        is_usable.then(|| vector.into())
    }

    /// Whether frames of the commit that stay active have vectors.
    fn leaves_vectors(&self, committed: &Committed, index: &VectorIndex) -> bool {
        let changes = self.changes.iter();
        let left = changes.filter(|(id, change)| {
            change.status != FrameStatus::Active as u32
                && committed.is_active(**id)
                && index.contains(**id)
        });
        !index.damaged().is_empty() || index.active(committed) > left.count() as u64
    }

    /// Hands the text of a frame to the index. `body` is the text when it is at hand.
    fn index(
        &mut self,
        committed: &Committed,
        id: u64,
        pending: &Arc<PendingFrame>,
        body: Option<Option<String>>,
    ) -> Result<()> {
        if pending.flags.has_chunks() || self.lex.knows(id) {
            return Ok(());
        }
        let body = match body {
            Some(body) => body,
            None => {
                text::search_body(&pending.view()?, &|offset, length| match &pending.payload {
                    Some(payload) => Ok(payload.as_slice()),
                    None => committed.payload(offset, length),
                })?
            }
        };
        let Some(body) = body else { return Ok(()) };
        let parent = match pending.parent {
            None => None,
            Some(parent) => match parent.checked_sub(committed.frame_count()) {
                Some(index) => self
                    .frames
                    .get(usize::try_from(index).unwrap_or(usize::MAX))
                    .cloned(),
                // Only another program's record continues a document of an earlier commit.
                None => committed.encoded(parent).ok().map(|encoded| {
                    Arc::new(PendingFrame {
                        encoded: encoded.to_vec(),
                        payload: None,
                        timestamp: 0,
                        parent: None,
                        flags: Flags::default(),
                        vector: None,
                    })
                }),
            },
        };
        self.lex.add(Waiting {
            id,
            frame: Arc::clone(pending),
            parent,
            body,
        });
        Ok(())
    }

    /// Status and superseding frame of any frame, or `None` when there is no such frame.
    #[must_use]
    pub fn status_of(&self, committed: &Committed, id: u64) -> Option<(u32, Option<u64>)> {
        // Most logs change no status: then a committed frame costs one look into the directory.
        if !self.changes.is_empty()
            && let Some(change) = self.changes.get(&id)
        {
            return Some((change.status, change.superseded_by));
        }
        if let Some(record) = committed.directory.record(id) {
            return Some((record.flags.status(), record.superseded_by.map(u64::from)));
        }
        let index = usize::try_from(id.checked_sub(committed.frame_count())?).ok()?;
        self.frames
            .get(index)
            .map(|frame| (frame.flags.status(), None))
    }

    fn set_status(&mut self, id: u64, old: u32, change: StatusChange) {
        let active = FrameStatus::Active as u32;
        self.active_delta += i64::from(change.status == active) - i64::from(old == active);
        self.changes.insert(id, change);
    }
}

/// The search text of a log record, unless it only repeats the content: every insert has one (see `writer`).
fn own_search_text(
    search_text: Option<String>,
    payload: &[u8],
    encoding: CanonicalEncoding,
    length: Option<u64>,
) -> Option<String> {
    let search_text = search_text.filter(|text| !text.is_empty())?;
    if length != Some(search_text.len() as u64) {
        return Some(search_text);
    }
    let content = mv2::payload::decompress(payload, encoding, length).ok();
    (content.as_deref() != Some(search_text.as_bytes())).then_some(search_text)
}
