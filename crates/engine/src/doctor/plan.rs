//! What a repair is going to do, and why.

use serde_json::{Value, json};

use super::DoctorOptions;
use crate::salvage::{FindingCode, Logged, Survey};

/// One step of a plan.
pub struct Action {
    /// The phase it belongs to.
    pub phase: &'static str,
    /// Its name, as in the contract.
    pub action: &'static str,
    /// Findings that ask for it, or `requested`.
    pub reasons: Vec<String>,
    /// What else there is to say.
    pub note: Option<&'static str>,
    /// What it works on.
    pub detail: Value,
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

/// The steps, in the order of their phases.
pub fn plan(survey: &Survey, options: &DoctorOptions, has_work: bool) -> Vec<Action> {
    let mut plan = Vec::new();
    let reasons = |codes: &[FindingCode], is_asked: bool| {
        let found = codes.iter().filter(|code| survey.findings.has(**code));
        let mut reasons: Vec<String> = found.map(|code| code.as_str().to_owned()).collect();
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
        FindingCode::HeaderUnreadable,
        FindingCode::HeaderPointerStale,
        FindingCode::FooterMissing,
        FindingCode::TrailingBytes,
        FindingCode::CommitUncertain,
        FindingCode::CommitLost,
    ];
    add(
        "header_healing",
        "heal_header_pointer",
        reasons(&header, false),
        Value::Null,
    );
    let toc = [
        FindingCode::TocLost,
        FindingCode::TocDamaged,
        FindingCode::SectionListUnchecked,
        FindingCode::TocTailLost,
        FindingCode::FramesLost,
        FindingCode::TextRescued,
        FindingCode::DirectoryDamaged,
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
        reasons(
            &[FindingCode::LogRecordsLost, FindingCode::LogRecordsUnusable],
            false,
        ),
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
        FindingCode::TimeIndexMissing,
        FindingCode::TimeIndexDamaged,
        FindingCode::TimeIndexMismatch,
    ];
    add(
        "index_rebuild",
        "rebuild_time_index",
        reasons(&time, options.rebuild_time_index),
        json!({ "type": "time_index", "expected_entries": active }),
    );
    let lex = [FindingCode::LexIndexLost, FindingCode::LexIndexDamaged];
    add(
        "index_rebuild",
        "rebuild_lex_index",
        reasons(&lex, options.rebuild_lex_index),
        json!({ "type": "lex_index", "expected_docs": active }),
    );
    let vec = [FindingCode::VecIndexDamaged, FindingCode::VecCodesDamaged];
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

/// A plan by phase.
pub fn phases_of(plan: &[Action]) -> impl Iterator<Item = (&'static str, &[Action])> {
    plan.chunk_by(|left, right| left.phase == right.phase)
        .filter_map(|actions| Some((actions.first()?.phase, actions)))
}
