//! Checking a memory without changing it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mv2::frame::FrameStatus;
use mv2::storage::FileStorage;
use mv2::toc::SegmentMeta;
use mv2::wal;
use serde::Serialize;

use crate::committed::Committed;
use crate::describe::Care;
use crate::error::{Code, Error, Result};
use crate::memory::{Locked, Memory, load, refuse_neighbours, refuse_special};
use crate::salvage::ranges;
use crate::staged::is_staged;
use crate::writer::load_pending;

/// The check of the index of pictures.
pub const PICTURE_INDEX: &str = "ClipIndexDecode";

/// The answer of `verify()`.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyReport {
    /// The file.
    pub file_path: String,
    /// `passed` or `failed`.
    pub overall_status: &'static str,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// Its name, as in the contract.
    pub name: &'static str,
    /// `passed`, `failed` or `skipped`.
    pub status: &'static str,
    /// What was found, when there is something to say.
    pub details: Option<String>,
}

impl Check {
    fn new(name: &'static str, outcome: std::result::Result<Option<String>, String>) -> Self {
        match outcome {
            Ok(details) => Self {
                name,
                status: "passed",
                details,
            },
            Err(details) => Self {
                name,
                status: "failed",
                details: Some(details),
            },
        }
    }
    fn skipped(name: &'static str, why: &str) -> Self {
        Self {
            name,
            status: "skipped",
            details: Some(why.to_owned()),
        }
    }
}

impl Memory {
    /// Checks this memory as it stands on disk.
    pub fn verify(&self, deep: bool) -> Result<VerifyReport> {
        if self.salvaged().is_some() {
            self.snapshot("verify")?;
            // The file itself, not what was rescued of it.
            return verify_at(self.real(), self.path(), deep);
        }
        self.ask_settled("verify", |snapshot| {
            checked(self.path(), &snapshot.committed, deep)
        })
    }
}

/// Checks a file. Fails with MV012 when there is no readable commit.
pub fn verify_file(path: &Path, deep: bool) -> Result<VerifyReport> {
    verify_at(path, path, deep)
}

/// Checks the file at `real`, which is told about as `path`.
fn verify_at(real: &Path, path: &Path, deep: bool) -> Result<VerifyReport> {
    refuse_special(real)?;
    refuse_neighbours(real, &mv2::neighbours::forbidden(real))?;
    let storage = Arc::new(FileStorage::open_existing(real, false)?);
    let timeout = std::time::Duration::from_secs(10);
    let started = Instant::now();
    loop {
        let committed = load(&storage, timeout, Locked::No, Care::Quick)?;
        let report = checked(path, &committed, deep);
        // Another program has begun a commit in place, which the next look waits for.
        if !committed.is_written_over() || started.elapsed() > timeout {
            return report;
        }
    }
}

/// The report; MV012 instead when the file was cut off, or written over, meanwhile.
fn checked(path: &Path, committed: &Committed, deep: bool) -> Result<VerifyReport> {
    let report = report(path, committed, deep);
    if committed.map.has_failed() || committed.is_written_over() {
        committed.check()?;
    }
    Ok(report)
}

/// MV012 when files of another program stand beside the memory, MV013 when it does not exist, MV019 for a folder or device.
pub fn verify_single_file(path: &Path) -> Result<()> {
    refuse_special(path)?;
    if !path.exists() {
        let details = serde_json::json!({ "path": path.to_string_lossy() });
        return Err(Error::new(
            Code::NotFound,
            format!("no memory at {}", path.display()),
            details,
        ));
    }
    refuse_neighbours(path, &mv2::neighbours::offenders(path))
}

/// Checks a commit.
pub fn report(path: &Path, committed: &Committed, deep: bool) -> VerifyReport {
    let mut checks = vec![time_index_count(committed)];
    if deep {
        checks.push(time_index_order(committed));
    }
    checks.push(lex_index(committed, deep));
    checks.push(vector_index(committed, deep));
    checks.extend(picture_index(committed, deep));
    checks.push(log_records(committed));
    checks.push(frame_count(committed));
    if deep {
        checks.push(payloads(committed));
        checks.push(memory_cards(committed));
        checks.push(table_of_contents(committed));
    }
    let failed = checks.iter().any(|check| check.status == "failed");
    VerifyReport {
        file_path: path.to_string_lossy().into_owned(),
        overall_status: if failed { "failed" } else { "passed" },
        checks,
    }
}

fn time_index_count(committed: &Committed) -> Check {
    const NAME: &str = "TimeIndexEntryCount";
    let Some(manifest) = &committed.tail.time_index else {
        return Check::skipped(NAME, "the file has no time index");
    };
    let outcome =
        mv2::verify::time_index(&committed.map, manifest).map_err(|error| error.to_string());
    Check::new(
        NAME,
        outcome.and_then(|index| {
            let expected = active_documents(committed);
            if index.len() as u64 == expected {
                Ok(None)
            } else {
                Err(format!(
                    "{} entries for {expected} active documents",
                    index.len()
                ))
            }
        }),
    )
}

fn active_documents(committed: &Committed) -> u64 {
    let active = |id| {
        committed
            .directory
            .record(id)
            .is_some_and(|record| record.flags.is_document() && record.flags.is_active())
    };
    (0..committed.frame_count())
        .filter(|&id| active(id))
        .count() as u64
}

fn time_index_order(committed: &Committed) -> Check {
    const NAME: &str = "TimeIndexSortOrder";
    match committed.time_index() {
        None => Check::skipped(NAME, "the file has no readable time index"),
        Some(index) => Check::new(
            NAME,
            index
                .check_sort_order()
                .map(|()| None)
                .map_err(|error| error.to_string()),
        ),
    }
}

fn lex_index(committed: &Committed, deep: bool) -> Check {
    const NAME: &str = "LexIndexDecode";
    if !crate::lex_sections::lex_enabled(committed) {
        return Check::skipped(NAME, "the file keeps no lexical index");
    }
    let damaged = committed
        .head
        .segments
        .iter()
        .filter(|segment| deep && segment.id != 0 && committed.directory_is_stored)
        // Those of vectors are looked at with the vectors.
        .filter(|segment| crate::vec_sections::kind_of(segment.id).is_none() && !is_staged(segment))
        .find(|segment| !committed.section_is_intact(segment));
    if let Some(segment) = damaged {
        let message = format!(
            "the section at byte {} does not match its checksum",
            segment.bytes_offset
        );
        return Check::new(NAME, Err(message));
    }
    let opened = committed.lex().and_then(|index| {
        if deep {
            index.verify()?;
        }
        Ok(None)
    });
    Check::new(NAME, opened.map_err(|error| error.message))
}

fn vector_index(committed: &Committed, deep: bool) -> Check {
    const NAME: &str = "VecIndexDecode";
    let index = match committed.vectors() {
        Ok(index) => index,
        Err(error) => return Check::new(NAME, Err(error.message)),
    };
    let lost = index.lost(committed);
    let damaged_ones = |is_meant: &dyn Fn(&SegmentMeta) -> bool| {
        let mut sections = committed
            .head
            .segments
            .iter()
            .filter(|section| deep && is_meant(section));
        sections
            .find(|section| !committed.section_is_intact(section))
            .cloned()
    };
    let damaged = damaged_ones(&is_staged);
    // Also codes that were made anew in memory because those in the file are damaged.
    let is_ours = |section: &SegmentMeta| {
        committed.directory_is_stored && crate::vec_sections::kind_of(section.id).is_some()
    };
    let section = damaged_ones(&is_ours);
    if index.count() == 0 && index.problems().is_empty() && lost == 0 && damaged.is_none() {
        return Check::skipped(NAME, "the file has no vectors");
    }
    let mut faults = index.problems().to_vec();
    if lost > 0 {
        let active = index.active(committed);
        faults.push(format!(
            "{lost} frames lost their vectors, to another program or to damage: `reembed` makes them again; {active} have theirs"
        ));
    }
    if let Some(section) = section {
        faults.push(format!(
            "the section at byte {} does not match its checksum",
            section.bytes_offset
        ));
    } else if deep {
        faults.extend(index.verify().err());
    }
    if let Some(segment) = damaged {
        faults.push(format!(
            "vectors that wait at byte {} do not match their checksum",
            segment.bytes_offset
        ));
    }
    let approximate = if index.is_approximate() {
        Some("vectors were stored by another program in a form that keeps them only approximately")
    } else if index.is_quantised() {
        Some("vectors are product-quantised")
    } else {
        None
    };
    let approximate = approximate.map(str::to_owned);
    Check::new(
        NAME,
        if faults.is_empty() {
            Ok(approximate)
        } else {
            Err(faults.join("; "))
        },
    )
}

/// `None`: there is nothing to look at.
fn picture_index(committed: &Committed, deep: bool) -> Option<Check> {
    let index = match committed.pictures() {
        Ok(index) => index,
        Err(error) => return Some(Check::new(PICTURE_INDEX, Err(error.message))),
    };
    let (lost, others) = if deep {
        index.verify(committed)
    } else {
        (Vec::new(), Vec::new())
    };
    if index.count() == 0 && lost.is_empty() {
        return None;
    }
    let kinds = [
        (lost, "pictures lost their vectors"),
        (others, "pictures have other vectors than they had"),
    ];
    let faults: Vec<String> = kinds
        .into_iter()
        .filter(|(frames, _)| !frames.is_empty())
        .map(|(frames, what)| format!("{} {what}, frames {}", frames.len(), ranges(frames)))
        .collect();
    let outcome = if faults.is_empty() {
        Ok(None)
    } else {
        Err(faults.join("; "))
    };
    Some(Check::new(PICTURE_INDEX, outcome))
}

fn log_records(committed: &Committed) -> Check {
    /// Looks at a log in which others are writing; each of theirs takes a fraction of a millisecond.
    const MOST_LOOKS: usize = 100;
    let region = committed.payload(committed.header.wal_offset, committed.header.wal_size);
    let outcome = region.map_err(|error| error.message).and_then(|region| {
        let mut looks = 0;
        loop {
            // A record that is being written looks damaged: what is found counts once the log stays as it is.
            let seen = region.to_vec();
            let found = records_of_log(committed, &seen);
            looks += 1;
            if committed.header_changed() {
                // What stands there now belongs to another commit.
                return found.or(Ok(None));
            }
            if found.is_ok() || looks == MOST_LOOKS {
                return found;
            }
            std::thread::sleep(Duration::from_millis(1));
            if seen == region {
                return found;
            }
        }
    });
    Check::new("WalPendingRecords", outcome)
}

/// What is to be said of the pending records of a log.
fn records_of_log(
    committed: &Committed,
    region: &[u8],
) -> std::result::Result<Option<String>, String> {
    if mv2::header::is_intact(&committed.map) == Some(false) {
        return Err("the header does not match its checksum".to_owned());
    }
    let applied = committed.applied_sequence;
    // A header that a crash left at the commit before speaks of that one: the next write brings it up to date.
    let is_of_this = committed.header.footer_offset == committed.toc_offset;
    // Another program may have been killed before it wrote there that it has applied them.
    let is_told = committed.directory_is_stored && is_of_this;
    if is_told && committed.header.wal_sequence != applied {
        return Err(format!(
            "the header says that log records up to {} are applied, the directory says {applied}",
            committed.header.wal_sequence
        ));
    }
    let scan = wal::scan(region, committed.applied());
    if let Some(torn) = scan.torn {
        return Err(format!(
            "the log is torn at byte {}: {}",
            torn.position, torn.reason
        ));
    }
    let pending = scan.records.iter().filter(|record| record.pending).count();
    // Where a log begins with zeros, it looks empty.
    let (all, _) = wal::salvage(region, committed.applied());
    let intact = all.iter().filter(|record| record.pending).count();
    if intact > pending {
        return Err(format!(
            "{} acknowledged records stand behind damage",
            intact - pending
        ));
    }
    let applied = load_pending(committed, false).map_err(|error| error.message)?;
    // Records in the log are durable and part of the memory: they are no fault, but another program only sees them
    // after `seal`.
    Ok((pending > 0).then(|| {
        format!(
            "{pending} records ({} frames) await the next checkpoint",
            applied.frames.len()
        )
    }))
}

fn frame_count(committed: &Committed) -> Check {
    let mut active = 0;
    for id in 0..committed.frame_count() {
        match committed.frame(id) {
            Ok(view) => active += u64::from(view.status == FrameStatus::Active),
            Err(error) => return Check::new("FrameCountConsistency", Err(error.message)),
        }
    }
    let expected = committed.directory.totals().active;
    let outcome = if active == expected {
        Ok(None)
    } else {
        Err(format!(
            "{active} active frames, the directory counts {expected}"
        ))
    };
    Check::new("FrameCountConsistency", outcome)
}

fn payloads(committed: &Committed) -> Check {
    let mut damaged = Vec::new();
    for id in 0..committed.frame_count() {
        let Ok(view) = committed.frame(id) else {
            continue;
        };
        // Earlier versions can be read, too.
        if view.status == FrameStatus::Deleted {
            continue;
        }
        if crate::text::payload(&view, &|offset, length| committed.payload(offset, length)).is_err()
        {
            damaged.push(id);
        }
    }
    let outcome = if damaged.is_empty() {
        Ok(None)
    } else {
        let shown: Vec<String> = damaged.iter().take(20).map(u64::to_string).collect();
        Err(format!(
            "{} damaged payloads, frames {}",
            damaged.len(),
            shown.join(", ")
        ))
    };
    Check::new("FramePayloadChecksums", outcome)
}

/// Name of the check of the memory cards.
pub const MEMORY_CARDS: &str = "MemoriesTrackDecode";

fn memory_cards(committed: &Committed) -> Check {
    match crate::cards::stored(committed) {
        Ok(None) => Check::skipped(MEMORY_CARDS, "the file has no memory cards"),
        Ok(Some(_)) => Check::new(MEMORY_CARDS, Ok(None)),
        Err(error) => Check::new(MEMORY_CARDS, Err(error.message)),
    }
}

fn table_of_contents(committed: &Committed) -> Check {
    const NAME: &str = "TableOfContentsChecksum";
    // The header leads to the table as well, and a crash between their two writes leaves just that: nothing is missing.
    let note = committed
        .footer_is_damaged
        .then(|| "the footer is damaged or missing; the next commit writes a new one".to_owned());
    let outcome = committed
        .payload(committed.toc_offset, committed.toc_length)
        .map_err(|error| error.message)
        .and_then(|bytes| {
            mv2::toc::verify_checksum(bytes).map_err(|error| error.to_string())?;
            if committed.directory_is_stored && !committed.directory.is_intact() {
                return Err("the directory section does not match its checksum".to_owned());
            }
            // Nothing of ours reads the sketch track; another program loses hits with a damaged one.
            if let Some(track) = committed.tail.sketch_track.as_ref()
                && committed.directory_is_stored
            {
                let (offset, length) = (track.bytes_offset, track.bytes_length);
                let checksum = &track.checksum;
                mv2::verify::section_checksum(
                    &committed.map,
                    "sketch track",
                    offset,
                    length,
                    checksum,
                )
                .map_err(|error| error.to_string())?;
            }
            Ok(note)
        });
    Check::new(NAME, outcome)
}
