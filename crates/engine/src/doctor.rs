//! Repair: a plan from what a survey finds, and its execution in a new file that takes the place of the old one when it is
//! whole. Until then, and when anything fails, the file stays as it is.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mv2::lock::FileLock;
use mv2::storage::FileStorage;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::commit::CommitOptions;
use crate::committed::Committed;
use crate::compact::{self, Extent};
use crate::describe::Care;
use crate::error::{Code, Error, Result};
use crate::memory::{lex_enabled, refuse_neighbours, refuse_special};
use crate::output;
use crate::salvage::{Finding, Findings, Logged, Purpose, Survey, image, survey};
use crate::verify::{self, VerifyReport};
use crate::writer::load_pending;

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
    /// Only say what would be done.
    pub dry_run: bool,
    /// Nothing is printed either way.
    pub quiet: bool,
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
            "dry_run": self.dry_run,
            "quiet": self.quiet,
        })
    }
}

/// One step of a plan.
struct Action {
    phase: &'static str,
    action: &'static str,
    reasons: Vec<String>,
    note: Option<&'static str>,
    detail: Value,
}

impl Action {
    fn new(phase: &'static str, action: &'static str, reasons: Vec<String>, detail: Value) -> Self {
        Self {
            phase,
            action,
            reasons,
            note: None,
            detail,
        }
    }
}

/// What a run did, by phase.
#[derive(Default)]
struct Outcome {
    verification: Option<VerifyReport>,
    durations: Vec<(&'static str, Duration)>,
    status: &'static str,
    /// What failed, when the repair did.
    failure: Option<Finding>,
}

/// Looks for damage in a file and repairs it. The report has the shape of the contract.
///
/// Fails with MV013 without a file, MV016 for a capsule, MV007 when another program keeps the lock for longer than
/// `timeout`, and MV018 when the file may not be written or has several names. Damage, of whatever extent, is no failure:
/// the report's status is then `healed`, `partial` or `failed`.
pub fn doctor_file(path: &Path, options: &DoctorOptions, timeout: Duration) -> Result<Value> {
    let started = Instant::now();
    refuse_special(path)?;
    refuse_neighbours(path, &mv2::neighbours::forbidden(path))?;
    let real = path
        .canonicalize()
        .map_err(|error| Error::io("repair", path, &error))?;
    let lock = if options.dry_run {
        FileLock::shared(&real, timeout)
    } else {
        FileLock::exclusive(&real, timeout)
    };
    let _lock = lock.map_err(|error| crate::lock::describe(error.into(), path, timeout))?;
    let storage = FileStorage::open_existing(&real, !options.dry_run)?;
    let map = output::map(&storage, output::length(&storage)?)?;
    let survey = match survey(map, path) {
        Ok(survey) => survey,
        Err(error) if error.code == Code::Corrupt => {
            let mut findings = Findings::default();
            findings.error("nothing_to_rescue", error.message, None);
            let outcome = Outcome {
                status: "failed",
                ..Outcome::default()
            };
            return Ok(report(path, options, &findings.0, &[], &outcome, started));
        }
        Err(error) => return Err(error),
    };
    let has_work = !survey.findings.0.is_empty() || options.asks_for_work();
    let plan = plan(&survey, options, has_work);
    let outcome = if !has_work {
        unchanged(&storage, path, options)?
    } else if options.dry_run {
        Outcome {
            status: "plan_only",
            ..Outcome::default()
        }
    } else {
        compact::refuse_other_names(&storage, "doctor")?;
        repair(&survey, &storage, path, options)?
    };
    Ok(report(
        path,
        options,
        &survey.findings.0,
        &plan,
        &outcome,
        started,
    ))
}

/// What is said of a file that has nothing to be repaired.
fn unchanged(storage: &FileStorage, path: &Path, options: &DoctorOptions) -> Result<Outcome> {
    let begun = Instant::now();
    let storage = FileStorage::open_existing(storage.path(), false)?;
    let committed = Committed::load(Arc::new(storage), Care::Thorough)?;
    let verification = verify::report(path, &committed, true);
    let has_passed = verification.overall_status == "passed";
    let failure = Finding {
        code: "verification_failed",
        severity: "warning",
        message: "a check fails that no repair can mend".to_owned(),
        detail: faults(&verification),
    };
    Ok(Outcome {
        verification: (!options.dry_run).then_some(verification),
        durations: vec![("verify", begun.elapsed())],
        // Such as vectors that another program lost: `reembed` makes them anew.
        status: if has_passed { "clean" } else { "partial" },
        failure: (!has_passed).then_some(failure),
    })
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
    let folder = real.parent().unwrap_or(Path::new("."));
    let begun = Instant::now();
    let file = tempfile::tempfile_in(folder)
        .map_err(|error| Error::io("create a temporary file in", folder, &error))?;
    let image = image(survey, Purpose::Repair, file, real, true)?;
    outcome.durations.push(("wal_replay", begun.elapsed()));
    let begun = Instant::now();
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
    // Frames that lost their vector are told from those that never had one, so that it can be made anew.
    let is_whole = verification.checks.iter().all(|check| {
        check.status != "failed" || check.name == "VecIndexDecode" && vectors_are_missing
    });
    // Whatever the survey took for the newest commit: what an ordinary look shows is not given up for less.
    let is_less = shows_less(&committed, storage);
    drop(committed);
    outcome.durations.push(("verify", begun.elapsed()));
    if is_less {
        outcome.status = "failed";
        outcome.failure = Some(Finding {
            code: "repair_failed",
            severity: "error",
            message: "the repaired file would hold fewer documents than can be read now; the file was left as it is"
                .to_owned(),
            detail: None,
        });
        outcome.verification = Some(verification);
        return Ok(outcome);
    }
    if !is_whole {
        outcome.status = "failed";
        outcome.failure = Some(Finding {
            code: "repair_failed",
            severity: "error",
            message: "the repaired file does not pass its checks; the file was left as it is"
                .to_owned(),
            detail: faults(&verification),
        });
        outcome.verification = Some(verification);
        return Ok(outcome);
    }
    let begun = Instant::now();
    drop(snapshot);
    let _lock_on_repaired = prepared.replace(storage)?;
    outcome.durations.push(("finalize", begun.elapsed()));
    let is_lossy = survey
        .findings
        .0
        .iter()
        .any(|finding| finding.severity == "error");
    outcome.status = if is_lossy || vectors_are_missing || image.unapplied > 0 {
        "partial"
    } else {
        "healed"
    };
    if image.unapplied > 0 {
        outcome.failure = Some(Finding {
            code: "log_records_unusable",
            severity: "warning",
            message: format!(
                "{} records of the log name frames that are not there; they were left out",
                image.unapplied
            ),
            detail: None,
        });
    }
    outcome.verification = Some(verification);
    Ok(outcome)
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

fn plan(survey: &Survey, options: &DoctorOptions, has_work: bool) -> Vec<Action> {
    let mut plan = Vec::new();
    let reasons = |codes: &[&str], is_asked: bool| {
        let found = codes.iter().filter(|code| survey.findings.has(code));
        let mut reasons: Vec<String> = found.map(|code| (*code).to_owned()).collect();
        if is_asked {
            reasons.push("requested".to_owned());
        }
        reasons
    };
    let mut add = |phase, action, reasons: Vec<String>, detail: Value| {
        if !reasons.is_empty() {
            plan.push(Action::new(phase, action, reasons, detail));
        }
    };
    let header = [
        "header_unreadable",
        "header_pointer_stale",
        "footer_missing",
        "trailing_bytes",
        "commit_lost",
    ];
    add(
        "header_healing",
        "heal_header_pointer",
        reasons(&header, false),
        Value::Null,
    );
    let toc = [
        "toc_lost",
        "toc_damaged",
        "toc_tail_lost",
        "frames_lost",
        "text_rescued",
        "directory_damaged",
    ];
    add(
        "header_healing",
        "heal_toc_checksum",
        reasons(&toc, false),
        Value::Null,
    );
    let records: Vec<u64> = survey
        .log
        .iter()
        .filter_map(|logged| match logged {
            Logged::Entry(sequence, _) => Some(*sequence),
            Logged::LostInsert(_) => None,
        })
        .collect();
    if let (true, Some(first), Some(last)) = (has_work, records.first(), records.last()) {
        let detail = json!({ "type": "wal", "from_sequence": first, "to_sequence": last, "pending_records": records.len() });
        add(
            "wal_replay",
            "replay_wal",
            vec!["pending_records".to_owned()],
            detail,
        );
    }
    add(
        "wal_replay",
        "discard_wal",
        reasons(&["log_records_lost", "log_records_unusable"], false),
        Value::Null,
    );
    add(
        "vacuum",
        "vacuum_compaction",
        reasons(&[], options.vacuum),
        Value::Null,
    );
    let active = survey.documents_count();
    let time = [
        "time_index_missing",
        "time_index_damaged",
        "time_index_mismatch",
    ];
    add(
        "index_rebuild",
        "rebuild_time_index",
        reasons(&time, options.rebuild_time_index),
        json!({ "type": "time_index", "expected_entries": active }),
    );
    let lex = ["lex_index_lost", "lex_index_damaged"];
    add(
        "index_rebuild",
        "rebuild_lex_index",
        reasons(&lex, options.rebuild_lex_index),
        json!({ "type": "lex_index", "expected_docs": active }),
    );
    let vec = ["vec_index_damaged", "vec_codes_damaged"];
    add(
        "index_rebuild",
        "rebuild_vec_index",
        reasons(&vec, options.rebuild_vec_index),
        json!({ "type": "vec_index", "sections": survey.vectors.blobs.len() }),
    );
    if has_work {
        for action in ["recompute_toc", "update_header"] {
            plan.push(Action::new("finalize", action, Vec::new(), Value::Null));
        }
    }
    plan.push(Action {
        note: Some("run deep verify"),
        ..Action::new("verify", "deep_verify", Vec::new(), Value::Null)
    });
    plan
}

fn phases_of(plan: &[Action]) -> impl Iterator<Item = (&'static str, &[Action])> {
    plan.chunk_by(|left, right| left.phase == right.phase)
        .filter_map(|actions| Some((actions.first()?.phase, actions)))
}

fn report(
    path: &Path,
    options: &DoctorOptions,
    findings: &[Finding],
    plan: &[Action],
    outcome: &Outcome,
    started: Instant,
) -> Value {
    let milliseconds = |duration: Duration| duration.as_millis() as u64;
    let planned: Vec<Value> = phases_of(plan)
        .map(|(phase, actions)| {
            let actions: Vec<Value> = actions
                .iter()
                .map(|action| {
                    json!({
                        "action": action.action,
                        "required": true,
                        "reasons": action.reasons,
                        "note": action.note,
                        "detail": action.detail,
                    })
                })
                .collect();
            json!({ "phase": phase, "actions": actions })
        })
        .collect();
    let mut all = findings.to_vec();
    all.extend(outcome.failure.clone());
    let was_run = !options.dry_run && !plan.is_empty();
    let has_failed = outcome.status == "failed";
    let mut phases = Vec::new();
    let mut completed = 0;
    let mut skipped = 0;
    let mut durations = Vec::new();
    for (phase, actions) in phases_of(plan).filter(|_| was_run) {
        // Healing the header, replaying and compacting happen in one pass over what was found.
        let measured = match phase {
            "vacuum" | "header_healing" => "",
            other => other,
        };
        let taken = outcome.durations.iter().find(|(name, _)| *name == measured);
        let duration = taken.map_or(0, |(_, duration)| milliseconds(*duration));
        let status = match (has_failed, phase) {
            (true, "verify") => "failed",
            // Nothing of it is in the file.
            (true, _) => "skipped",
            _ => "executed",
        };
        let count = actions.len();
        if status == "executed" {
            completed += count;
        } else {
            skipped += count;
        }
        let actions: Vec<Value> = actions
            .iter()
            .map(|action| json!({ "action": action.action, "status": status, "detail": action.reasons.first() }))
            .collect();
        phases.push(json!({ "phase": phase, "status": status, "duration_ms": duration, "actions": actions }));
        durations.push(json!({ "phase": phase, "duration_ms": duration }));
    }
    json!({
        "status": outcome.status,
        "findings": all,
        "verification": outcome.verification,
        "phases": phases,
        "metrics": {
            "actions_completed": completed,
            "actions_skipped": skipped,
            "total_duration_ms": if options.dry_run { 0 } else { milliseconds(started.elapsed()) },
            "phase_durations": durations,
        },
        "plan": {
            "version": 1,
            "file_path": path.to_string_lossy(),
            "options": options.to_value(),
            "findings": findings,
            "phases": planned,
        },
    })
}
