//! Repair: a plan from what a survey finds, and its execution in a new file that takes the place of the old one when it is
//! whole. Until then, and when anything fails, the file stays as it is.

mod keep;
mod plan;
mod report;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mv2::atomic::folder_of;
use mv2::lock::FileLock;
use mv2::storage::FileStorage;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::commit::CommitOptions;
use crate::committed::Committed;
use crate::compact::{self, Extent};
use crate::describe::Care;
use crate::error::{Code, Error, Result};
use crate::lex_sections::lex_enabled;
use crate::memory::{refuse_neighbours, refuse_special};
use crate::output;
use crate::salvage::{Finding, FindingCode, Findings, Purpose, Source, Survey, image, survey};
use crate::settle;
use crate::snapshot::Snapshot;
use crate::undisturbed::undisturbed;
use crate::verify::{self, VerifyReport};
use crate::writer::load_pending;
use keep::keep;
use plan::{Action, plan};
use report::{Outcome, report};

/// What is to be done besides repairing damage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct DoctorOptions {
    /// Make the time index anew.
    pub rebuild_time_index: bool,
    /// Make the full-text index anew, or for the first time.
    pub rebuild_lex_index: bool,
    /// Make what vectors are searched by anew. The vectors stay.
    pub rebuild_vec_index: bool,
    /// Write the file without anything dead.
    pub vacuum: bool,
    /// Keep no copy of a damaged file of which something is lost.
    pub discard_damaged: bool,
    /// Only say what would be done.
    pub dry_run: bool,
    /// Nothing is printed either way.
    pub quiet: bool,
    /// MV012, and nothing is written, where the new file would hold less than was stored, or cannot be made: for calls that
    /// are not asked to repair. No option of the contract.
    pub refuse_losses: bool,
}

impl DoctorOptions {
    fn asks_for_work(&self) -> bool {
        self.rebuild_time_index || self.rebuild_lex_index || self.rebuild_vec_index || self.vacuum
    }

    fn to_value(self) -> Value {
        json!({
            "rebuild_time_index": self.rebuild_time_index,
            "rebuild_lex_index": self.rebuild_lex_index,
            "rebuild_vec_index": self.rebuild_vec_index,
            "vacuum": self.vacuum,
            "discard_damaged": self.discard_damaged,
            "dry_run": self.dry_run,
            "quiet": self.quiet,
        })
    }
}

/// Looks for damage in a file and repairs it. The report has the shape of the contract.
///
/// Fails with MV013 without a file, MV016 for a capsule, MV007 when another program keeps the lock for longer than
/// `timeout`, and MV018 when the file may not be written or has several names. A dry run waits for nobody. Damage, of
/// whatever extent, is no failure: the report's status is then `healed`, `partial` or `failed`.
pub fn doctor_file(path: &Path, options: &DoctorOptions, timeout: Duration) -> Result<Value> {
    let started = Instant::now();
    refuse_special(path)?;
    refuse_neighbours(path, &mv2::neighbours::forbidden(path))?;
    let real = path
        .canonicalize()
        .map_err(|error| Error::io("repair", path, &error))?;
    if options.dry_run {
        return undisturbed(&real, path, timeout, |storage, length| {
            examined(storage, length, path, options, started)
        });
    }
    let lock = FileLock::exclusive(&real, timeout);
    let _lock = lock.map_err(|error| crate::lock::describe(error.into(), path, timeout))?;
    let storage = FileStorage::open_existing(&real, true)?;
    let length = output::length(&storage)?;
    examined(&storage, length, path, options, started)
}

/// What the first `length` bytes of a file hold, and its repair.
fn examined(
    storage: &FileStorage,
    length: u64,
    path: &Path,
    options: &DoctorOptions,
    started: Instant,
) -> Result<Value> {
    let finish = |findings: &Findings, plan: &[Action], outcome: &Outcome| {
        report(path, options, &findings.0, plan, outcome, started)
    };
    let source = Source::of(storage, length, folder_of(storage.path()))?;
    let mut survey = match survey(&source, path) {
        Ok(survey) => survey,
        Err(error) if error.code == Code::Corrupt && !options.refuse_losses => {
            let mut findings = Findings::default();
            source.report(&mut findings);
            let code = if source.has_changed(storage) {
                FindingCode::FileChanged
            } else {
                FindingCode::NothingToRescue
            };
            findings.add(code, error.message, None);
            return Ok(finish(&findings, &[], &Outcome::failed()));
        }
        Err(error) => return Err(error),
    };
    if options.refuse_losses {
        refuse_losses(&survey, path)?;
    }
    if source.is_mostly_unreadable() {
        survey.findings.add(
            FindingCode::NothingToRescue,
            "too much of the file cannot be read to put another in its place: copy it to a sound disk, and repair the copy",
            None,
        );
        return Ok(finish(&survey.findings, &[], &Outcome::failed()));
    }
    let begun = Instant::now();
    let mut checked = None;
    if survey.findings.0.is_empty() {
        match verified(storage, path, options) {
            Ok((verification, false)) => checked = Some(verification),
            // Its generation, which nothing checks, is not that of the directory.
            Ok(_) => survey.findings.add(
                FindingCode::FooterDamaged,
                "the footer tells another generation than the directory of its table of contents",
                None,
            ),
            // Nothing is wrong with what was found, and yet nobody can read it where it stands.
            Err(error) if error.code == Code::Corrupt => {
                survey
                    .findings
                    .add(FindingCode::OpenFailed, error.message, None);
            }
            Err(error) => return Err(error),
        }
    }
    let has_work = !survey.findings.0.is_empty() || options.asks_for_work();
    let plan = plan(&survey, options, has_work);
    let outcome = match checked.filter(|_| !has_work) {
        Some(verification) => unchanged(verification, begun, options),
        None if options.dry_run => Outcome {
            status: "plan_only",
            ..Outcome::default()
        },
        None => {
            compact::refuse_other_names(storage, "doctor")?;
            repair(&survey, storage, path, options)?
        }
    };
    if options.refuse_losses
        && let (Some(failure), "failed") = (&outcome.failure, outcome.status)
    {
        return Err(damaged(path, failure));
    }
    Ok(finish(&survey.findings, &plan, &outcome))
}

/// MV012 when a repair would lose something, or have to leave it out.
fn refuse_losses(survey: &Survey, path: &Path) -> Result<()> {
    match survey.findings.losses().next() {
        Some(loss) => Err(damaged(path, loss)),
        None => Ok(()),
    }
}

fn damaged(path: &Path, finding: &Finding) -> Error {
    Error::new(
        Code::Corrupt,
        format!(
            "{} is damaged: {}; nothing was changed",
            path.display(),
            finding.message
        ),
        json!({ "path": path.to_string_lossy(), "section": finding.code.as_str(), "offset": null }),
    )
}

/// Checks the file as it is. Gives whether its footer is damaged, too. Unless this is a dry run, what was found is durable then,
/// as a repair would be: a loss of power brings no damaged file back that somebody had replaced a moment ago.
fn verified(
    storage: &FileStorage,
    path: &Path,
    options: &DoctorOptions,
) -> Result<(VerifyReport, bool)> {
    let storage = FileStorage::open_existing(storage.path(), !options.dry_run)?;
    let committed = Committed::load(Arc::new(storage), Care::Thorough)?;
    let report = verify::report(path, &committed, true);
    let footer_is_damaged = committed.footer_is_damaged;
    if !options.dry_run {
        let pending = load_pending(&committed, false)?;
        let committed = Arc::new(committed);
        settle::settle_shown(&Snapshot { committed, pending })?;
    }
    Ok((report, footer_is_damaged))
}

/// What is said of a file that has nothing to be repaired.
fn unchanged(verification: VerifyReport, begun: Instant, options: &DoctorOptions) -> Outcome {
    let has_passed = verification.overall_status == "passed";
    let failure = unmended(&verification);
    Outcome {
        verification: (!options.dry_run).then_some(verification),
        durations: vec![("verify", begun.elapsed())],
        // Such as vectors that another program lost: `reembed` makes them anew.
        status: if has_passed { "clean" } else { "partial" },
        failure: (!has_passed).then_some(failure),
        kept: None,
    }
}

fn unmended(verification: &VerifyReport) -> Finding {
    Finding::new(
        FindingCode::VerificationFailed,
        "a check fails that no repair can mend: vectors that are lost are made again by `reembed`",
        faults(verification),
    )
}

/// Makes the new file, checks it and gives it the name.
fn repair(
    survey: &Survey,
    storage: &FileStorage,
    path: &Path,
    options: &DoctorOptions,
) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let real = storage.path();
    let folder = folder_of(real);
    let begun = Instant::now();
    let file = mv2::disk::temporary_file(folder)
        .map_err(|error| Error::io("create a temporary file in", folder, &error))?;
    let image = image(survey, Purpose::Repair, file, real, true)?;
    outcome.durations.push(("wal_replay", begun.elapsed()));
    let begun = Instant::now();
    if options.refuse_losses && image.unapplied > 0 {
        return Err(damaged(path, &unusable_records(image.unapplied)));
    }
    let snapshot = image.snapshot;
    let commit_options = CommitOptions {
        lex_enabled: options.rebuild_lex_index || lex_enabled(&snapshot.committed),
        index: true,
        capacity: None,
        hands_over: true,
    };
    let prepared = compact::prepare_to(&snapshot, &commit_options, Extent::Thorough)?;
    outcome.durations.push(("index_rebuild", begun.elapsed()));
    let begun = Instant::now();
    let committed = prepared.committed()?;
    let verification = verify::report(path, &committed, true);
    let vectors_are_missing = committed.vectors()?.lost(&committed) > 0;
    let pictures_are_missing = !committed.pictures()?.verify(&committed).0.is_empty();
    // Frames that lost their vector are told from those that never had one, so that it can be made anew.
    let has_failed = |name: &str| {
        let mut checks = verification.checks.iter();
        checks.any(|check| check.name == name && check.status == "failed")
    };
    // Cards that are intact and that this program cannot read stay as they are, for one that can.
    let cards_are_unreadable = has_failed(verify::MEMORY_CARDS);
    let is_whole = verification.checks.iter().all(|check| {
        check.status != "failed"
            || check.name == "VecIndexDecode" && vectors_are_missing
            || check.name == verify::PICTURE_INDEX && pictures_are_missing
            || check.name == verify::MEMORY_CARDS
    });
    // Whatever the survey took for the newest commit: what an ordinary look shows is not given up for less.
    let is_less = shows_less(&committed, storage);
    drop(committed);
    outcome.durations.push(("verify", begun.elapsed()));
    let refused = if is_less {
        Some((
            "the repaired file would hold fewer documents than can be read now; the file was left as it is",
            None,
        ))
    } else if !is_whole {
        Some((
            "the repaired file does not pass its checks; the file was left as it is",
            faults(&verification),
        ))
    } else {
        None
    };
    let unmended = cards_are_unreadable.then(|| unmended(&verification));
    outcome.verification = Some(verification);
    if let Some((message, detail)) = refused {
        outcome.status = "failed";
        outcome.failure = Some(Finding::new(FindingCode::RepairFailed, message, detail));
        return Ok(outcome);
    }
    let begun = Instant::now();
    drop(snapshot);
    // What cannot be taken over may still be of use to somebody: it is the only copy.
    let loses = survey.findings.has_losses() || image.unapplied > 0;
    if loses && !options.discard_damaged {
        outcome.kept = Some(keep(&survey.map, storage)?);
    }
    let (_lock_on_repaired, not_durable) = prepared.replace(storage)?;
    outcome.durations.push(("finalize", begun.elapsed()));
    let is_lossy = loses || vectors_are_missing || pictures_are_missing || cards_are_unreadable;
    outcome.status = if is_lossy { "partial" } else { "healed" };
    if image.unapplied > 0 {
        outcome.failure = Some(unusable_records(image.unapplied));
    } else if unmended.is_some() {
        outcome.failure = unmended;
    } else if let Some(error) = not_durable {
        outcome.failure = Some(Finding::new(
            FindingCode::NameNotDurable,
            format!(
                "the repaired file is in its place, but until the folder is synced a power loss may bring the old one back: {}",
                error.message
            ),
            None,
        ));
    }
    Ok(outcome)
}

fn unusable_records(count: u64) -> Finding {
    Finding::new(
        FindingCode::LogRecordsUnusable,
        format!("{count} records of the log name frames that are not there; they were left out"),
        None,
    )
}

/// Whether the file as it is shows frames that the repaired one does not have, not even as lost ones.
fn shows_less(repaired: &Committed, storage: &FileStorage) -> bool {
    let frames = || -> Result<u64> {
        let storage = FileStorage::open_existing(storage.path(), false)?;
        let committed = Committed::load(Arc::new(storage), Care::Thorough)?;
        let pending = load_pending(&committed, false)?;
        Ok(committed.frame_count() + pending.frames.len() as u64)
    };
    frames().is_ok_and(|frames| repaired.frame_count() < frames)
}

fn faults(verification: &VerifyReport) -> Option<String> {
    let faults: Vec<String> = verification
        .checks
        .iter()
        .filter(|check| check.status == "failed")
        .map(|check| {
            format!(
                "{}: {}",
                check.name,
                check.details.as_deref().unwrap_or("failed")
            )
        })
        .collect();
    (!faults.is_empty()).then(|| faults.join("; "))
}
