//! What repair, and opening for salvage, may make of a damaged file.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::time::Duration;

use engine::{Code, DoctorOptions, Error, Memory, OpenOptions};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::questions::{Answers, Asked, Questions, tells_of_damage};

/// What repair said of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    /// Nothing is wrong.
    Clean,
    /// Nothing is lost.
    Healed,
    /// What is lost, or cannot be vouched for, is told.
    Partial,
    /// The file was left alone.
    Failed,
}

/// What a report found.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Codes of findings that say that something is lost, or may be.
    pub codes: BTreeSet<String>,
    /// Frames that those name.
    pub frames: BTreeSet<u64>,
}

impl Told {
    fn of(findings: &Value) -> Self {
        let mut told = Self::default();
        for finding in findings.as_array().into_iter().flatten() {
            if finding["severity"] != "error" {
                continue;
            }
            told.codes
                .insert(finding["code"].as_str().unwrap_or_default().to_owned());
            let detail = finding["detail"].as_str().unwrap_or_default();
            if let Some(list) = detail.strip_prefix("frames ") {
                for run in list.split(", ") {
                    let (first, last) = run.split_once('-').unwrap_or((run, run));
                    if let (Ok(first), Ok(last)) = (first.parse::<u64>(), last.parse()) {
                        told.frames.extend(first..=last);
                    }
                }
            }
        }
        told
    }

    /// Whether documents may have other ids, or states of an earlier commit.
    fn of_other_ids(&self) -> bool {
        ["ids_changed", "commit_lost", "commit_uncertain"]
            .iter()
            .any(|code| self.codes.contains(*code))
    }
}

/// One repair, with what was seen before and after it.
pub struct Repair {
    /// What the report says.
    pub status: Status,
    /// What it found.
    pub told: Told,
    /// The answers of the damaged file, opened for salvage, and what is known of its damage.
    pub salvaged: Result<(Asked, Told), Error>,
    /// The answers of the repaired file; `None` when it was left alone.
    pub asked: Option<Asked>,
    /// What a second run says.
    pub again: Status,
}

fn run(path: &Path, dry_run: bool) -> Result<(Status, Told, Value), Error> {
    let options = DoctorOptions {
        dry_run,
        quiet: true,
        ..DoctorOptions::default()
    };
    let report = engine::doctor_file(path, &options, Duration::from_secs(5))?;
    let told = Told::of(&report["findings"]);
    let status = match report["status"].as_str() {
        Some("clean") => Status::Clean,
        Some("healed") => Status::Healed,
        Some("partial") => Status::Partial,
        // A dry run says what it would do.
        Some("plan_only") if told.codes.is_empty() => Status::Healed,
        Some("plan_only") => Status::Partial,
        _ => Status::Failed,
    };
    Ok((status, told, report))
}

/// Writes an intact file anew, as a repair does.
///
/// # Panics
/// When that fails.
pub fn write_anew(path: &Path) {
    let options = DoctorOptions {
        vacuum: true,
        quiet: true,
        ..DoctorOptions::default()
    };
    engine::doctor_file(path, &options, Duration::from_secs(5)).unwrap();
}

/// Looks at a file in every way there is, repairs it, and looks again. Fails with what no damage excuses: a file that changed
/// where it must not, an error that says nothing, a repair after which something is left to be repaired. `None` for a file
/// that is no memory but a capsule, or seems to be one.
///
/// # Errors
/// The promise that was broken.
pub fn repair(questions: &Questions, path: &Path) -> Result<Option<Repair>, String> {
    let said = |error: &Error| format!("{} {}", error.code.as_str(), error.message);
    let before = read(path)?;
    let unchanged = |what: &str| {
        if read(path)? == before {
            Ok(())
        } else {
            Err(format!("{what} changed the file"))
        }
    };
    let dry = run(path, true);
    unchanged("a dry run")?;
    match &dry {
        Err(error) if error.code == Code::Encryption => return Ok(None),
        Err(error) => return Err(format!("a dry run failed: {}", said(error))),
        Ok(_) => {}
    }
    let options = OpenOptions {
        read_only: true,
        salvage: true,
        ..OpenOptions::default()
    };
    let salvaged = Memory::open(path, options).map(|memory| {
        let findings = memory
            .salvaged()
            .map(|salvaged| serde_json::json!(salvaged.findings))
            .unwrap_or_default();
        (questions.ask_memory(&memory), Told::of(&findings))
    });
    unchanged("opening it for salvage")?;
    match &salvaged {
        Err(error) if !tells_of_damage(error) => {
            return Err(format!("salvage failed: {}", said(error)));
        }
        Err(error) if dry.is_ok_and(|(status, ..)| status != Status::Failed) => {
            return Err(format!(
                "salvage failed, a dry run did not: {}",
                said(error)
            ));
        }
        Err(_) => {}
        Ok((asked, _)) => check_codes(asked)?,
    }
    let (status, told, report) = run(path, false).map_err(|error| said(&error))?;
    let is_written =
        matches!(report["status"].as_str(), Some("healed" | "partial")) && read(path)? != before;
    if !is_written {
        if status == Status::Healed {
            return Err("healed, and nothing was written".to_owned());
        }
        unchanged("a repair that left it alone")?;
    }
    let mut asked = None;
    if is_written {
        let after = questions.ask(path);
        check_codes(&after)?;
        if let Some(Err(error)) = after.answers.get("open") {
            return Err(format!("the repaired file does not open: {}", said(error)));
        }
        // Vectors that are lost stay lost, until they are made anew. Cards whose checksum fits stay as they are.
        let is_told = |fault: &String| {
            let may_stay = ["VecIndexDecode", "ClipIndexDecode", "MemoriesTrackDecode"]
                .iter()
                .any(|name| fault.starts_with(name));
            status == Status::Partial && may_stay
        };
        if let Some(fault) = after.faults.iter().find(|fault| !is_told(fault)) {
            return Err(format!("the repaired file does not pass: {fault}"));
        }
        asked = Some(after);
    }
    let repaired = read(path)?;
    let (again, _, _) = run(path, false).map_err(|error| said(&error))?;
    if again != Status::Clean && read(path)? != repaired {
        return Err(format!("a second repair had something to do: {again:?}"));
    }
    Ok(Some(Repair {
        status,
        told,
        salvaged,
        asked,
        again,
    }))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| error.to_string())
}

fn check_codes(asked: &Asked) -> Result<(), String> {
    for (question, answer) in &asked.answers {
        if let Err(error) = answer
            && matches!(error.code, Code::Internal | Code::InvalidInput)
        {
            return Err(format!(
                "{question}: {} {}",
                error.code.as_str(),
                error.message
            ));
        }
    }
    Ok(())
}

/// What an intact file says of itself.
pub struct Intact {
    /// Its answers.
    pub answers: Answers,
    /// Those after it was written anew: what is removed counts no more when searches weigh words.
    pub rewritten: Answers,
    /// What repair says of it.
    pub status: Status,
    /// All texts in it, whatever became of them.
    pub texts: HashSet<String>,
    /// The file.
    pub bytes: Vec<u8>,
}

impl Intact {
    /// Whether a text stands somewhere in it, uncompressed.
    fn holds(&self, text: &str) -> bool {
        let text = text.as_bytes();
        self.bytes
            .windows(text.len().max(1))
            .any(|window| window == text)
    }
}

/// Marks in the metadata of what is not as it was written.
const MARKS: [&str; 3] = ["memvid.lost", "memvid.rescued", "memvid.restored"];

/// Compares a repair of a damaged file with the intact one. `opens`: the damaged one opens as ever.
///
/// # Errors
/// The promise that was broken.
pub fn judge(repair: &Repair, intact: &Intact, opens: bool) -> Result<(), String> {
    if let Ok((asked, told)) = &repair.salvaged {
        compare(intact, asked, told).map_err(|detail| format!("opened for salvage: {detail}"))?;
    }
    if repair.status == Status::Failed && opens {
        return Err("it opens, and repair fails".to_owned());
    }
    let Some(asked) = &repair.asked else {
        return Ok(());
    };
    if repair.again > intact.status.max(Status::Clean) && repair.again != Status::Partial {
        return Err(format!("a second repair says {:?}", repair.again));
    }
    compare(intact, asked, &repair.told).map_err(|detail| format!("{:?}: {detail}", repair.status))
}

/// Compares the answers by id.
fn compare(intact: &Intact, asked: &Asked, told: &Told) -> Result<(), String> {
    let is_gone = |id: &str| matches!(asked.answers.get(&format!("text {id}")), Some(Err(_)));
    for (question, answer) in &asked.answers {
        let Some((kind, id)) = question.split_once(' ') else {
            continue;
        };
        if !["text", "frame", "vector", "picture", "asset", "uri"].contains(&kind) {
            continue;
        }
        let is_of_vector = ["vector", "picture"].contains(&kind);
        let kept = intact.answers.get(question);
        // An address is that of the frame which the answer gives.
        let frame = match answer {
            Ok(frame) if kind == "uri" => frame,
            _ => id,
        };
        let names = frame
            .parse()
            .is_ok_and(|frame: u64| told.frames.contains(&frame));
        let is_excused = match (kept, answer) {
            (Some(Ok(kept)), Ok(answer)) if kept == answer => true,
            (Some(Err(kept)), Err(answer)) if kept.code == answer.code => true,
            // Lost, and told.
            (_, Err(_)) => !told.codes.is_empty(),
            // Removed, and nobody can say so any more.
            (Some(Err(_)), Ok(_))
                if names
                    || ["removals_unknown", "log_records_lost"]
                        .iter()
                        .any(|code| told.codes.contains(*code)) =>
            {
                true
            }
            (_, Ok(answer)) if kind == "text" => {
                let is_known = intact.texts.contains(answer) || intact.holds(answer);
                // What is left of it must be its own.
                let was = kept.and_then(|kept| kept.as_deref().ok());
                let is_lost = answer.is_empty()
                    || answer.contains('\u{FFFD}')
                        && was.is_none_or(|was| {
                            answer.split('\u{FFFD}').all(|piece| was.contains(piece))
                        });
                is_lost && (names || !told.codes.is_empty())
                    || is_known && told.of_other_ids()
                    || names
                        && ["content_unchecked", "frames_unchecked"]
                            .iter()
                            .any(|code| told.codes.contains(*code))
            }
            (_, Ok(answer)) => {
                names
                    || told.of_other_ids()
                    || !told.codes.is_empty() && MARKS.iter().any(|mark| answer.contains(mark))
                    // An update of it may be among the records that are lost.
                    || kind == "frame" && told.codes.contains("log_records_lost")
                    || is_of_vector && answer == "None" && !told.codes.is_empty()
                    // Of a frame that is not there.
                    || is_of_vector && is_gone(id)
                    || kind == "asset" && !told.codes.is_empty()
            }
        };
        if !is_excused {
            return Err(format!(
                "{question}\n      was {}\n      is  {}\n      told {:?} {:?}",
                shown(kept),
                shown(Some(answer)),
                told.codes,
                told.frames
            ));
        }
    }
    Ok(())
}

fn shown(answer: Option<&Result<String, Error>>) -> String {
    match answer {
        Some(Ok(text)) => text.chars().take(400).collect(),
        Some(Err(error)) => format!("{} {}", error.code.as_str(), error.message),
        None => "nothing".to_owned(),
    }
}
