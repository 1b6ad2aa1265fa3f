//! The survey: from bytes to everything that can be rescued of them.

use std::path::Path;

use mv2::bytes::Bytes;
use mv2::frame::{DocMetadata, Frame, FrameRole, FrameStatus};
use mv2::header::{self, HEADER_SIZE, Header};
use mv2::recover;
use mv2::toc::{SegmentMeta, TocTail};
use mv2::view::FrameView;

use super::finding::{Findings, ranges};
use super::log::{self, Logged};
use super::orphans;
use super::sections;
use super::tables::{self, Encoded, Place, Table};
use super::vectors::{self, Vectors};
use crate::additions::status;
use crate::committed::decode_frame;
use crate::create::empty_tail;
use crate::error::{Error, Result};
use crate::naming::default_uri;
use crate::text;

/// Where the content of a frame is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// In the file, as it was written.
    Stored,
    /// Rescued from elsewhere: stored bytes of a payload, as the frame describes them.
    Copied(Vec<u8>),
    /// In the file, and damaged.
    Damaged,
}

/// A frame that was rescued.
#[derive(Debug, Clone)]
pub struct Rescued {
    /// Its fields. Status and successor are those in force.
    pub frame: Frame,
    /// Its payload.
    pub content: Content,
}

/// What can be read of a file.
pub struct Survey {
    /// The file.
    pub map: Bytes,
    /// What is wrong.
    pub findings: Findings,
    /// Frames by id; `None` for those that are lost or removed.
    pub frames: Vec<Option<Rescued>>,
    /// Frames that are lost, without those that were removed.
    pub lost: Vec<u64>,
    /// Frames of which the content is lost.
    pub lost_content: Vec<u64>,
    /// Active frames of which the vector is lost.
    pub lost_vectors: Vec<u64>,
    /// Seconds since 1970 of frames that are not there, as far as they are known.
    pub times: Vec<i64>,
    /// What stands behind the frames.
    pub tail: TocTail,
    /// Private sections of other programs, and settings.
    pub foreign: Vec<SegmentMeta>,
    /// The vectors.
    pub vectors: Vectors,
    /// Generation of the commit.
    pub generation: u64,
    /// Log records up to this one are part of the frames.
    pub applied_sequence: u64,
    /// Records of the log that are not.
    pub log: Vec<Logged>,
}

/// Looks for everything that can be rescued. Fails with MV012 when there is no table of contents, not even in ruins, and
/// with MV016 for a capsule.
pub fn survey(map: Bytes, path: &Path) -> Result<Survey> {
    let mut findings = Findings::default();
    let header = match recover::read_header(&map, path) {
        Ok(_) if header::is_intact(&map) == Some(false) => {
            let message = "the header page does not match its checksum";
            findings.warning("header_unreadable", message, None);
            None
        }
        Ok(header) => Some(header),
        Err(error @ mv2::Error::Encrypted { .. }) => return Err(error.into()),
        Err(error) => {
            findings.warning("header_unreadable", error.to_string(), None);
            None
        }
    };
    let places = tables::places(&map, header.as_ref());
    let read = places
        .newest
        .map(|newest| (newest, read(&map, &newest, &mut findings)));
    // A damaged table of which nothing is left is as good as none.
    let is_something = |(place, table): &(Place, Table)| {
        place.is_intact || table.directory.is_some() || table.frames.iter().any(Option::is_some)
    };
    let Some((newest, table)) = read.filter(is_something) else {
        return of_log_alone(map, path, header.as_ref(), findings);
    };
    report_place(&map, &newest, &places, header.as_ref(), &mut findings);
    let directory = table.directory.as_ref();
    // Nobody can say then how many frames it had. In files of another program no directory ever says so.
    let is_ours = header::toc_length(&map).is_some();
    if is_ours && !newest.is_intact && directory.is_none() && !findings.has("commit_lost") {
        findings.error(
            "commit_lost",
            "neither the table of contents of the newest commit nor its directory is whole: documents of it may be missing",
            Some(format!("byte {}", newest.start)),
        );
    }
    let applied_sequence = directory
        .map(|(directory, _)| directory.applied_sequence())
        .or(header.as_ref().map(|header| header.wal_sequence));
    let generation = match (newest.generation, directory) {
        (0, Some((directory, _))) => directory.generation(),
        (0, None) => places.older.first().map_or(1, |older| older.generation + 1),
        (generation, _) => generation,
    };
    let mut survey = Survey {
        findings,
        frames: Vec::new(),
        lost: Vec::new(),
        lost_content: Vec::new(),
        lost_vectors: Vec::new(),
        times: Vec::new(),
        tail: table.tail.clone().unwrap_or_else(|| empty_tail(true)),
        foreign: Vec::new(),
        vectors: Vectors::default(),
        generation,
        applied_sequence: applied_sequence.unwrap_or(0),
        log: Vec::new(),
        map,
    };
    if table.tail.is_none() {
        survey.findings.warning(
            "toc_tail_lost",
            "what the table of contents says of indexes and tracks is lost: indexes are made anew, tracks of other programs are gone",
            None,
        );
    }
    survey.take_frames(&table, &newest);
    survey.take_older(&table, &places.older);
    survey.check_payloads();
    orphans::rescue(&mut survey, &table, &newest, &places.older, header.as_ref());
    survey.settle(&table);
    sections::check(&mut survey, &table, &newest);
    vectors::gather(&mut survey, &table);
    let log_size = table
        .directory
        .as_ref()
        .map(|(directory, _)| directory.log_size())
        .filter(|size| *size > 0);
    let end = log_size.map_or_else(
        || survey.first_reference(&table),
        |size| HEADER_SIZE as u64 + size,
    );
    let first = log::gather(
        &mut survey,
        header.as_ref(),
        applied_sequence.is_some(),
        end,
    );
    survey.compare_with_log(first, table.directory.is_some());
    survey.report();
    if survey.map.has_failed() {
        return Err(Error::corrupt(
            "file",
            0,
            "it was cut off, or could not be read, while it was looked at",
        ));
    }
    Ok(survey)
}

/// What the log holds of a file without a table of contents: everything, when its first record is the first of the file.
fn of_log_alone(
    map: Bytes,
    path: &Path,
    header: Option<&Header>,
    findings: Findings,
) -> Result<Survey> {
    let mut survey = Survey {
        map,
        findings,
        frames: Vec::new(),
        lost: Vec::new(),
        lost_content: Vec::new(),
        lost_vectors: Vec::new(),
        times: Vec::new(),
        tail: empty_tail(true),
        foreign: Vec::new(),
        vectors: Vectors::default(),
        generation: 0,
        applied_sequence: 0,
        log: Vec::new(),
    };
    let first = header.and_then(|_| log::gather(&mut survey, header, true, 0));
    if first != Some(1) || survey.log.is_empty() {
        return Err(nothing(&survey.map, path));
    }
    survey.findings.warning(
        "toc_lost",
        format!(
            "no table of contents is left; the log holds all {} records since the file was made",
            survey.log.len()
        ),
        None,
    );
    Ok(survey)
}

fn read(map: &Bytes, place: &Place, findings: &mut Findings) -> Table {
    let intact = place
        .is_intact
        .then(|| tables::read_intact(map, place))
        .flatten();
    intact.unwrap_or_else(|| {
        findings.warning(
            "toc_damaged",
            format!(
                "the table of contents at byte {} does not match its checksum; its frames are taken one by one",
                place.start
            ),
            None,
        );
        tables::read_damaged(map, place)
    })
}

fn nothing(map: &Bytes, path: &Path) -> Error {
    let start: String = map
        .get(..4.min(map.len()))
        .unwrap_or_default()
        .escape_ascii()
        .to_string();
    let said = match map.len() {
        0 => "the file is empty".to_owned(),
        length => format!("{length} bytes that start with \"{start}\" hold no table of contents"),
    };
    Error::corrupt(
        "file",
        0,
        format_args!(
            "{}: {said}, and nothing that could be rescued",
            path.display()
        ),
    )
}

fn report_place(
    map: &Bytes,
    newest: &Place,
    places: &tables::Places,
    header: Option<&Header>,
    findings: &mut Findings,
) {
    if !newest.has_footer {
        let message = format!(
            "no footer stands behind the table of contents at byte {}",
            newest.start
        );
        findings.warning(
            "footer_missing",
            message,
            Some(format!("byte {}", newest.end)),
        );
    }
    if let Some(header) = header.filter(|_| !places.header_is_current) {
        if header.footer_offset > newest.start {
            findings.error(
                "commit_lost",
                format!(
                    "the header names a later commit at byte {}, of which nothing is left; the one before it (generation {}) counts",
                    header.footer_offset, newest.generation
                ),
                None,
            );
        } else {
            let message = format!(
                "the header leads to byte {} instead of the table of contents at byte {}, or names another checksum",
                header.footer_offset, newest.start
            );
            findings.warning("header_pointer_stale", message, None);
        }
    }
    // Without a footer, what stands there is what is left of it.
    let remains = if newest.has_footer {
        0
    } else {
        mv2::footer::FOOTER_SIZE as u64
    };
    if places.trailing > remains {
        let message = format!("{} bytes stand behind the last commit", places.trailing);
        let at = map.len() as u64 - places.trailing;
        findings.warning("trailing_bytes", message, Some(format!("byte {at}")));
    }
}

impl Survey {
    /// Our writers count log records without a gap: where the first one is not the next, a commit is gone.
    fn compare_with_log(&mut self, first: Option<u64>, is_ours: bool) {
        let next = self.applied_sequence.saturating_add(1);
        let Some(first) = first.filter(|first| is_ours && *first > next) else {
            return;
        };
        if !self.findings.has("commit_lost") {
            let message = format!(
                "records of the log begin with {first}, the commit that was found contains them up to {}: a later commit is lost, and documents of the log get other ids",
                self.applied_sequence
            );
            self.findings.error("commit_lost", message, None);
        }
    }
}

impl Survey {
    fn bytes(&self, encoded: &Encoded) -> &[u8] {
        let end = encoded.offset.saturating_add(encoded.length);
        self.map.get(encoded.offset..end).unwrap_or_default()
    }

    fn take_frames(&mut self, table: &Table, place: &Place) {
        let mut unchecked = 0_u64;
        for encoded in &table.frames {
            let frame = encoded.and_then(|encoded| decode_frame(self.bytes(&encoded)).ok());
            unchecked += u64::from(encoded.is_some_and(|encoded| !encoded.is_checked));
            self.frames.push(frame.map(|frame| Rescued {
                frame,
                content: Content::Stored,
            }));
        }
        self.times = vec![0; self.frames.len()];
        if let Some((directory, _)) = &table.directory {
            for (id, time) in (0..).zip(&mut self.times) {
                *time = directory.record(id).map_or(0, |record| record.timestamp);
            }
        }
        if unchecked > 0 && !place.is_intact {
            self.findings.error(
                "frames_unchecked",
                format!(
                    "{unchecked} frames were found in the damaged table, and nothing tells whether each of their fields is as it was written"
                ),
                None,
            );
        }
    }

    /// Whether a frame that is missing was removed, as far as that is known.
    fn was_removed(table: &Table, id: u64) -> bool {
        table.directory.as_ref().is_some_and(|(directory, _)| {
            let record = directory.record(id);
            record.is_some_and(|record| record.flags.status() == FrameStatus::Deleted as u32)
        })
    }

    /// Frames of older tables in place of those that are lost: their fields never change, but for the status.
    fn take_older(&mut self, table: &Table, older: &[Place]) {
        let mut missing = self.missing(table);
        let mut rescued = Vec::new();
        for place in older {
            if missing.is_empty() {
                break;
            }
            let Some(old) = tables::read_intact(&self.map, place) else {
                continue;
            };
            missing.retain(|&id| {
                let index = usize::try_from(id).unwrap_or(usize::MAX);
                let encoded = old.frames.get(index).copied().flatten();
                let frame = encoded.and_then(|encoded| decode_frame(self.bytes(&encoded)).ok());
                let Some(mut frame) = frame else {
                    return true;
                };
                if let Some(record) = table
                    .directory
                    .as_ref()
                    .and_then(|(directory, _)| directory.record(id))
                {
                    frame.status = status(record.flags.status());
                    frame.superseded_by = record.superseded_by.map(u64::from);
                }
                if let Some(slot) = self.frames.get_mut(index) {
                    *slot = Some(Rescued {
                        frame,
                        content: Content::Stored,
                    });
                    rescued.push(id);
                }
                false
            });
        }
        if !rescued.is_empty() {
            rescued.sort_unstable();
            let message = format!(
                "{} frames that the newest table of contents lost are in older ones",
                rescued.len()
            );
            let detail = Some(format!("frames {}", ranges(rescued)));
            self.findings
                .info("frames_from_older_table", message, detail);
        }
    }

    /// Frames that are not there and were not removed.
    pub(super) fn missing(&self, table: &Table) -> Vec<u64> {
        (0..)
            .zip(&self.frames)
            .filter(|(id, frame)| frame.is_none() && !Self::was_removed(table, *id))
            .map(|(id, _)| id)
            .collect()
    }

    /// Finds payloads that are damaged, and takes the content from the search text where that holds all of it.
    fn check_payloads(&mut self) {
        let map = self.map.clone();
        let mut copied = Vec::new();
        for rescued in self.frames.iter_mut().flatten() {
            let frame = &mut rescued.frame;
            if frame.status == FrameStatus::Deleted || frame.payload_length == 0 {
                continue;
            }
            if is_sound(&map, frame) {
                continue;
            }
            rescued.content = Content::Damaged;
            let body = mv2::search_text::body_of(frame);
            let same = body.filter(|body| {
                // Without a hash of the source the length has to do.
                match frame.source_sha256 {
                    Some(hash) => *blake3::hash(body.as_bytes()).as_bytes() == hash,
                    None => frame.canonical_length == Some(body.len() as u64),
                }
            });
            let stored = same.and_then(|body| {
                mv2::payload::compress(body.as_bytes(), mv2::payload::DEFAULT_LEVEL)
                    .ok()
                    .map(|stored| (stored, body.len() as u64))
            });
            if let Some((stored, length)) = stored {
                frame.canonical_encoding = mv2::frame::CanonicalEncoding::Zstd;
                frame.canonical_length = Some(length);
                frame.checksum = *blake3::hash(&stored).as_bytes();
                frame.payload_length = stored.len() as u64;
                rescued.content = Content::Copied(stored);
                copied.push(frame.id);
            }
        }
        if !copied.is_empty() {
            let message = format!(
                "the content of {} frames is damaged where it stands, and whole in their search text",
                copied.len()
            );
            let detail = Some(format!("frames {}", ranges(copied)));
            self.findings
                .warning("payload_from_search_text", message, detail);
        }
    }

    /// Brings links into order, and lists what is lost.
    fn settle(&mut self, table: &Table) {
        self.mark_lost_chunks();
        self.lost = self.missing(table);
        // A frame that another one replaced is superseded, whatever its table said.
        let links: Vec<(u64, u64)> = self
            .frames
            .iter()
            .flatten()
            .filter(|rescued| rescued.frame.status != FrameStatus::Deleted)
            .filter_map(|rescued| Some((rescued.frame.supersedes?, rescued.frame.id)))
            .collect();
        for (old, new) in links {
            let slot = usize::try_from(old)
                .ok()
                .and_then(|old| self.frames.get_mut(old));
            if let Some(Some(rescued)) = slot
                && rescued.frame.status == FrameStatus::Active
                && old < new
            {
                rescued.frame.status = FrameStatus::Superseded;
                rescued.frame.superseded_by = Some(new);
            }
        }
        self.lost_content = self
            .frames
            .iter()
            .flatten()
            .filter(|rescued| rescued.content == Content::Damaged)
            .map(|rescued| rescued.frame.id)
            .collect();
    }

    /// Puts frames without content in place of lost chunks, so that no text is read as if it were whole. Chunks stand right
    /// behind their document.
    fn mark_lost_chunks(&mut self) {
        let mut lost = Vec::new();
        for rescued in self.frames.iter().flatten() {
            let frame = &rescued.frame;
            let count = match (&frame.chunk_manifest, frame.chunk_count) {
                (Some(_), Some(count)) => u64::from(count),
                (Some(manifest), None) => manifest.chunks.len() as u64,
                (None, _) => continue,
            };
            let chunks = frame.id + 1..=frame.id.saturating_add(count);
            for id in chunks.take_while(|id| *id < self.frames.len() as u64) {
                if self.rescued(id).is_none() {
                    lost.push((id, frame.clone()));
                }
            }
        }
        for (id, document) in lost {
            let Some(slot) = usize::try_from(id)
                .ok()
                .and_then(|id| self.frames.get_mut(id))
            else {
                continue;
            };
            let index = id - document.id - 1;
            *slot = Some(Rescued {
                frame: Frame {
                    id,
                    timestamp: document.timestamp,
                    anchor_ts: document.anchor_ts,
                    anchor_source: document.anchor_source,
                    uri: Some(default_uri(id)),
                    metadata: Some(DocMetadata {
                        mime: Some("text/plain".to_owned()),
                        ..DocMetadata::default()
                    }),
                    role: FrameRole::DocumentChunk,
                    parent_id: Some(document.id),
                    chunk_index: u32::try_from(index).ok(),
                    chunk_count: document.chunk_count,
                    status: document.status,
                    superseded_by: document.superseded_by,
                    ..Frame::default()
                },
                content: Content::Damaged,
            });
        }
    }

    /// Where the log must end at the latest: the first byte that anything refers to.
    fn first_reference(&self, table: &Table) -> u64 {
        let payloads = self
            .frames
            .iter()
            .flatten()
            .filter(|rescued| {
                rescued.frame.payload_length > 0 && rescued.content == Content::Stored
            })
            .map(|rescued| rescued.frame.payload_offset);
        let sections = table
            .head
            .iter()
            .flat_map(|head| &head.segments)
            .filter(|segment| segment.bytes_length > 0)
            .map(|segment| segment.bytes_offset);
        payloads
            .chain(sections)
            .filter(|offset| *offset >= HEADER_SIZE as u64)
            .min()
            .unwrap_or(self.map.len() as u64)
    }

    /// What is lost for good.
    fn report(&mut self) {
        let kinds = [
            (&self.lost, "frames_lost", "", " frames are lost"),
            (
                &self.lost_content,
                "payload_damaged",
                "the content of ",
                " frames is damaged; their titles, uris and metadata are not",
            ),
            (
                &self.lost_vectors,
                "vectors_damaged",
                "the vectors of ",
                " frames are damaged",
            ),
        ];
        for (frames, code, before, behind) in kinds {
            if !frames.is_empty() {
                let message = format!("{before}{}{behind}", frames.len());
                let detail = Some(format!("frames {}", ranges(frames.iter().copied())));
                self.findings.error(code, message, detail);
            }
        }
    }

    /// Whether a frame is there and counts.
    pub(super) fn is_active(&self, id: u64) -> bool {
        self.rescued(id)
            .is_some_and(|rescued| rescued.frame.status == FrameStatus::Active)
    }

    /// A frame that is there.
    pub(super) fn rescued(&self, id: u64) -> Option<&Rescued> {
        self.frames.get(usize::try_from(id).ok()?)?.as_ref()
    }

    /// How many documents are active.
    #[must_use]
    pub fn documents_count(&self) -> usize {
        self.documents().len()
    }

    /// Active documents by time.
    pub(super) fn documents(&self) -> Vec<(i64, u64)> {
        let mut entries: Vec<(i64, u64)> = self
            .frames
            .iter()
            .flatten()
            .map(|rescued| &rescued.frame)
            .filter(|frame| {
                frame.status == FrameStatus::Active && frame.role == FrameRole::Document
            })
            .map(|frame| (frame.timestamp, frame.id))
            .collect();
        entries.sort_unstable();
        entries
    }
}

/// Whether the payload of a frame is as it was written.
pub(super) fn is_sound(map: &Bytes, frame: &Frame) -> bool {
    let Some(stored) = map.section(frame.payload_offset, frame.payload_length) else {
        return false;
    };
    let encoded = frame.to_bytes();
    let Ok(view) = FrameView::parse(&encoded) else {
        return false;
    };
    text::check_payload(&view, &stored).is_ok() && text::decoded_payload(&view, &stored).is_ok()
}
