//! The survey: from bytes to everything that can be rescued of them.

use std::collections::BTreeMap;
use std::path::Path;

use mv2::bytes::Bytes;
use mv2::frame::{Frame, FrameRole, FrameStatus};
use mv2::header::{self, HEADER_SIZE, Header};
use mv2::recover;
use mv2::toc::{SegmentMeta, TocTail};
use mv2::wal::EntryOperation;

use super::belonging::Told;
use super::finding::{FindingCode, Findings};
use super::log::{self, Logged};
use super::orphans;
use super::pictures;
use super::places::{self, Place, Places};
use super::sections;
use super::source::Source;
use super::tables::{self, Table};
use super::vectors::{self, Vectors};
use crate::committed::applied_by_another;
use crate::compression;
use crate::create::{empty_tail, of_new_memory};
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::pictures::Picture;

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
    /// Vectors of pictures, where the index of them is not as it was written; `None` where it is.
    pub pictures: Option<BTreeMap<u64, Picture>>,
    /// Active frames of which the vector of the picture is lost.
    pub lost_pictures: Vec<u64>,
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
pub fn survey(source: &Source, path: &Path) -> Result<Survey> {
    let map = source.map.clone();
    let mut findings = Findings::default();
    source.report(&mut findings);
    let header = match recover::read_header(&map, path) {
        Ok(_) if header::is_intact(&map) == Some(false) => {
            let message = "the header page does not match its checksum";
            findings.add(FindingCode::HeaderUnreadable, message, None);
            None
        }
        Ok(header) => Some(header),
        Err(error @ mv2::Error::Encrypted { .. }) => return Err(error.into()),
        Err(error) => {
            findings.add(FindingCode::HeaderUnreadable, error.to_string(), None);
            None
        }
    };
    let Some((places, newest, table)) = newest_table(&map, header.as_ref(), &mut findings) else {
        return of_log_alone(map, path, header.as_ref(), findings);
    };
    report_place(&map, &newest, &places, header.as_ref(), &mut findings);
    let directory = table.directory.as_ref().map(|(directory, _)| directory);
    // Nobody can say then how many frames it had. In files of another program no directory ever says so, but the table may.
    let is_ours = header::toc_length(&map).is_some();
    let knows_count = directory.is_some() || !is_ours && table.head.is_some();
    if !table.is_of_this_commit {
        findings.add(
            FindingCode::CommitLost,
            "of the table of contents of the newest commit too little is left: the commit before it counts, of which the directory is there",
            Some(format!("byte {}", newest.start)),
        );
    } else if !newest.is_intact && !knows_count && !findings.has(FindingCode::CommitLost) {
        findings.add(
            FindingCode::CommitLost,
            "neither the table of contents of the newest commit nor its directory is whole: documents of it may be missing",
            Some(format!("byte {}", newest.start)),
        );
    }
    let described_sequence = directory.map(Directory::applied_sequence);
    let generation = match (newest.generation, directory) {
        (0, Some(directory)) => directory.generation(),
        (0, None) => places
            .older
            .first()
            .map_or(1, |older| older.generation.saturating_add(1)),
        (generation, _) => generation,
    };
    let log_size = directory.map(Directory::log_size).filter(|size| *size > 0);
    let mut survey = Survey {
        tail: table.tail.clone().unwrap_or_else(|| empty_tail(true)),
        generation,
        applied_sequence: described_sequence.unwrap_or(0),
        ..Survey::of(map, findings)
    };
    survey.report_surroundings(&table);
    survey.take_frames(&table, &newest);
    survey.take_older(&table, &places.older);
    survey.check_payloads();
    orphans::rescue(&mut survey, &table, &newest, &places.older, header.as_ref());
    survey.settle(&table);
    sections::check(&mut survey, &table, &newest)?;
    vectors::gather(&mut survey, &table);
    pictures::gather(&mut survey);
    let end = log_size.map_or_else(
        || survey.first_reference(&table),
        |size| HEADER_SIZE as u64 + size,
    );
    let names_this_log = |header: &&Header| match log_size {
        Some(size) => (header.wal_offset, header.wal_size) == (HEADER_SIZE as u64, size),
        None => header.wal_offset == HEADER_SIZE as u64 && header.wal_end() <= end,
    };
    let header_of_log = header
        .as_ref()
        .filter(|header| !places.header_is_current || names_this_log(header));
    if let (Some(header), None) = (&header, header_of_log) {
        let message = format!(
            "the header names a log of {} bytes at {}, which reaches into what is stored, or is not the one of this commit",
            header.wal_size, header.wal_offset
        );
        survey
            .findings
            .add(FindingCode::HeaderUnreadable, message, None);
    }
    // A header that leads to a commit which is lost says which records that one contained.
    let claims = |header: &&Header| header.footer_offset <= newest.start;
    let applied_sequence = described_sequence
        .or_else(|| log::applied_sequence(&mut survey, header.as_ref().filter(claims)?));
    let applied_sequence = match (described_sequence, header_of_log) {
        (None, Some(header)) => applied_sequence
            .map(|claimed| applied_by_another(&survey.map, header, claimed, &survey.tail)),
        _ => applied_sequence,
    };
    survey.applied_sequence = applied_sequence.unwrap_or(0);
    let first = log::gather(&mut survey, header_of_log, applied_sequence.is_some(), end);
    survey.compare_with_log(first, table.directory.is_some());
    survey.report(table.directory.is_some());
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
    let mut survey = Survey::of(map, findings);
    let first = header.and_then(|_| log::gather(&mut survey, header, true, 0));
    if first != Some(1) || survey.log.is_empty() {
        return Err(nothing(&survey.map, path));
    }
    survey.findings.add(
        FindingCode::TocLost,
        format!(
            "no table of contents is left; the log holds {} records, from the first of the file on",
            survey.log.len()
        ),
        None,
    );
    // A commit may have held documents that were never in the log, or removed some: only the first one had none.
    match header.and_then(of_new_memory) {
        Some((lex_enabled, compresses_vectors)) => {
            survey.tail = empty_tail(lex_enabled);
            if compresses_vectors {
                survey.foreign.push(compression::setting(true, 0));
            }
        }
        None => survey.findings.add(
            FindingCode::CommitLost,
            "a commit is lost whole: whether it held other documents than the log does, or fewer, nobody can say",
            None,
        ),
    }
    Ok(survey)
}

/// The table that counts. A damaged one of which nothing is left is as good as none.
fn newest_table(
    map: &Bytes,
    header: Option<&Header>,
    findings: &mut Findings,
) -> Option<(Places, Place, Table)> {
    let mut places = places::places(map, header);
    loop {
        let newest = places.newest?;
        let told = Told::of(map, &newest, header, &places.older);
        let table = read(map, &newest, &told, findings);
        let is_something = newest.is_intact
            || table.directory.is_some()
            || table.frames.iter().any(Option::is_some);
        if is_something {
            return Some((places, newest, table));
        }
        places = places.without_newest(map, header)?;
        if !findings.has(FindingCode::CommitLost) {
            findings.add(
                FindingCode::CommitLost,
                "of the newest commit nothing is left; the one before it counts",
                Some(format!("byte {}", newest.start)),
            );
        }
    }
}

fn read(map: &Bytes, place: &Place, told: &Told, findings: &mut Findings) -> Table {
    let intact = place
        .is_intact
        .then(|| tables::read_intact(map, place))
        .flatten();
    intact.unwrap_or_else(|| {
        findings.add(
            FindingCode::TocDamaged,
            format!(
                "the table of contents at byte {} is damaged; its frames are taken one by one",
                place.start
            ),
            None,
        );
        tables::read_damaged(map, place, told)
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
    let message = format!("{}: {said}: nothing can be rescued", path.display());
    let mut error = Error::corrupt("file", 0, message);
    let path = path.to_string_lossy().into_owned();
    error.details.insert("path".to_owned(), path.into());
    error
        .details
        .insert("reason".to_owned(), "nothing_to_rescue".into());
    error
}

fn report_place(
    map: &Bytes,
    newest: &Place,
    places: &Places,
    header: Option<&Header>,
    findings: &mut Findings,
) {
    if !newest.has_footer {
        let message = format!(
            "no footer stands behind the table of contents at byte {}",
            newest.start
        );
        findings.add(
            FindingCode::FooterMissing,
            message,
            Some(format!("byte {}", newest.end)),
        );
    }
    if let Some(header) = header.filter(|_| !places.header_is_current) {
        if findings.has(FindingCode::CommitLost) {
            // Said already.
        } else if header.footer_offset > newest.start {
            findings.add(
                FindingCode::CommitLost,
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
            findings.add(FindingCode::HeaderPointerStale, message, None);
        }
    }
    // Without a footer, what stands there is what is left of it.
    let remains = if newest.has_footer {
        0
    } else {
        mv2::footer::FOOTER_SIZE as u64
    };
    if places.is_uncertain {
        let message = format!(
            "{} bytes stand behind the last commit that is whole, and the header that would tell whether they are of a later one is damaged",
            places.trailing
        );
        let at = map.len() as u64 - places.trailing;
        findings.add(
            FindingCode::CommitUncertain,
            message,
            Some(format!("byte {at}")),
        );
    } else if places.trailing > remains {
        let message = format!("{} bytes stand behind the last commit", places.trailing);
        let at = map.len() as u64 - places.trailing;
        findings.add(
            FindingCode::TrailingBytes,
            message,
            Some(format!("byte {at}")),
        );
    }
}

impl Survey {
    /// One that found nothing yet.
    fn of(map: Bytes, findings: Findings) -> Self {
        Self {
            map,
            findings,
            frames: Vec::new(),
            lost: Vec::new(),
            lost_content: Vec::new(),
            lost_vectors: Vec::new(),
            pictures: None,
            lost_pictures: Vec::new(),
            times: Vec::new(),
            tail: empty_tail(true),
            foreign: Vec::new(),
            vectors: Vectors::default(),
            generation: 0,
            applied_sequence: 0,
            log: Vec::new(),
        }
    }

    /// What stands around the frames has no redundancy where the directory, which has a copy of it, is damaged, too.
    fn report_surroundings(&mut self, table: &Table) {
        if table.tail.is_none() {
            let message = "what the table of contents says of indexes and tracks is lost: indexes are made anew; tracks of other programs, if there were any, are gone";
            self.findings.add(FindingCode::TocTailLost, message, None);
        }
        // Files of another program have no such list, as a rule.
        let may_say_more = table
            .head
            .as_ref()
            .is_none_or(|head| !head.segments.is_empty());
        if !table.is_vouched_for && may_say_more {
            let message = "nothing vouches for what is left of the list of private sections: settings, vectors that wait for a reembed and sections of other programs may be missing";
            self.findings
                .add(FindingCode::SectionListUnchecked, message, None);
        }
    }

    /// Our writers count log records without a gap: where the first one is not the next, a commit is gone.
    fn compare_with_log(&mut self, first: Option<u64>, is_ours: bool) {
        let next = self.applied_sequence.saturating_add(1);
        let Some(first) = first.filter(|first| is_ours && *first > next) else {
            return;
        };
        if !self.findings.has(FindingCode::CommitLost) {
            let message = format!(
                "records of the log begin with {first}, the commit that was found contains them up to {}: a later commit is lost",
                self.applied_sequence
            );
            self.findings.add(FindingCode::CommitLost, message, None);
        }
        let inserts = self.log.iter().any(|logged| match logged {
            Logged::Entry(_, entry) => entry.op == EntryOperation::Insert,
            Logged::LostInsert(_) => true,
        });
        if inserts && !self.findings.has(FindingCode::IdsChanged) {
            let message = "documents in the log stand behind the commit that is lost: they are kept, and have other ids";
            self.findings.add(FindingCode::IdsChanged, message, None);
        }
    }
}

impl Survey {
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

    /// What is lost for good. Where no directory is left, a frame that is missing may be one that was removed.
    fn report(&mut self, has_directory: bool) {
        let lost = if has_directory {
            "{} frames are lost"
        } else {
            "{} frames are lost, or were removed"
        };
        let kinds = [
            (&self.lost, FindingCode::FramesLost, lost),
            (
                &self.lost_content,
                FindingCode::PayloadDamaged,
                "the content of {} frames is damaged; their titles, uris and metadata are not",
            ),
            (
                &self.lost_vectors,
                FindingCode::VectorsDamaged,
                "the vectors of {} frames are damaged",
            ),
            (
                &self.lost_pictures,
                FindingCode::PicturesDamaged,
                "the vectors of {} pictures are damaged; the pictures are not",
            ),
        ];
        for (frames, code, message) in kinds {
            self.findings
                .add_frames(code, message, frames.iter().copied());
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
