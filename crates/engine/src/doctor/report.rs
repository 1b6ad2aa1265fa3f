//! The report of a run, in the shape of the contract.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::DoctorOptions;
use super::plan::{Action, phases_of};
use crate::salvage::Finding;
use crate::verify::VerifyReport;

/// What a run did, by phase.
#[derive(Default)]
pub struct Outcome {
    /// Of the file as it is, or of the repaired one.
    pub verification: Option<VerifyReport>,
    /// How long phases took.
    pub durations: Vec<(&'static str, Duration)>,
    /// `clean`, `healed`, `partial`, `failed` or `plan_only`.
    pub status: &'static str,
    /// What failed, when the repair did.
    pub failure: Option<Finding>,
    /// Where the damaged file is kept.
    pub kept: Option<PathBuf>,
}

impl Outcome {
    /// Of a file that is left as it is, because nothing can be done for it.
    pub fn failed() -> Self {
        Self {
            status: "failed",
            ..Self::default()
        }
    }
}

/// Puts it together.
pub fn report(
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
        "kept": outcome.kept.as_ref().map(|path| path.to_string_lossy()),
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
