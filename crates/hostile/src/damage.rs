//! The matrix: files of many shapes, one byte changed or the end cut off, and every answer compared with the intact file's.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::questions::{Answers, Asked, Questions, tells_of_damage};
use crate::repair::{self, Intact, Repair, Status};
use crate::sections::{DEAD, Sections};
use crate::shapes::Shape;
use crate::watch::{self, Outcome};

/// One way of damaging a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// A byte is changed by these bits.
    Flip(usize, u8),
    /// The file ends here.
    Cut(usize),
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flip(at, bits) => write!(formatter, "flip:{at}:{bits}"),
            Self::Cut(at) => write!(formatter, "cut:{at}"),
        }
    }
}

impl std::str::FromStr for Damage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let parsed = match parts[..] {
            ["flip", at, bits] => at
                .parse()
                .ok()
                .zip(bits.parse().ok())
                .map(|(at, bits)| Self::Flip(at, bits)),
            ["cut", at] => at.parse().ok().map(Self::Cut),
            _ => None,
        };
        parsed.ok_or_else(|| format!("flip:POSITION:BITS or cut:POSITION expected, found {text}"))
    }
}

/// How a memory took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verdict {
    /// It does not open, and says why.
    Refused,
    /// What needs the damaged bytes fails and says why; all else is as it was.
    Told,
    /// Every answer is as it was, and verification finds it.
    Found,
    /// Every answer is as it was, and so is everything else.
    WithoutEffect,
    /// The newest batch of the log is missing, as after a write that did not reach the disk; `stats` and verification say so.
    LastBatch,
    /// An answer is another one, and not even verification finds it.
    ChangedUnseen,
    /// An answer is another one. Verification finds it.
    Changed,
    /// An answer fails for it, and deep verification passes.
    NotVerified,
    /// A failure that does not say that the file is damaged.
    Untyped,
    /// A repair did something that it must not, or said less than it had to.
    Repair,
    /// It worked for more than a second.
    Hang,
    /// It took more memory than any file of this size may.
    Greedy,
    /// A panic.
    Panic,
}

impl Verdict {
    /// Whether it must not be.
    #[must_use]
    pub fn is_failure(self) -> bool {
        self >= Self::ChangedUnseen
    }
}

/// What is done with a damaged file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Use {
    /// Everything is asked.
    Reading,
    /// One more document is put, then everything is asked.
    Writing,
    /// It is opened for salvage, repaired, and asked each time.
    Repair,
}

/// One case that failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    /// What was done to the file.
    pub damage: String,
    /// What was done with it.
    pub used: Use,
    /// The part of the file.
    pub section: String,
    /// What became of it.
    pub verdict: Verdict,
    /// The question and both answers, or the panic.
    pub detail: String,
}

/// What was tried with one shape, and what came of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Cases by part of the file and verdict.
    pub counts: BTreeMap<String, BTreeMap<Verdict, u64>>,
    /// Repairs by part of the file and what they said.
    pub repairs: BTreeMap<String, BTreeMap<Status, u64>>,
    /// Those that failed.
    pub failures: Vec<Failure>,
    /// The most work that a case was.
    pub longest: Duration,
    /// The most memory that a case took, in bytes.
    pub largest: usize,
}

fn add<K: Ord, V: Ord>(
    to: &mut BTreeMap<K, BTreeMap<V, u64>>,
    from: BTreeMap<K, BTreeMap<V, u64>>,
) {
    for (section, counts) in from {
        let line = to.entry(section).or_default();
        for (key, count) in counts {
            *line.entry(key).or_default() += count;
        }
    }
}

impl Report {
    /// Adds what another one counted.
    pub fn add(&mut self, other: Self) {
        add(&mut self.counts, other.counts);
        add(&mut self.repairs, other.repairs);
        self.failures.extend(other.failures);
        self.longest = self.longest.max(other.longest);
        self.largest = self.largest.max(other.largest);
    }

    /// Cases with a verdict that fits.
    #[must_use]
    pub fn count(&self, fits: impl Fn(Verdict) -> bool) -> u64 {
        let counts = self.counts.values().flatten();
        counts
            .filter(|(verdict, _)| fits(**verdict))
            .map(|(_, count)| count)
            .sum()
    }

    /// Repairs that were tried.
    #[must_use]
    pub fn repairs(&self) -> u64 {
        self.repairs.values().flat_map(BTreeMap::values).sum()
    }

    fn fail(&mut self, damage: Damage, used: Use, section: &str, verdict: Verdict, detail: String) {
        self.failures.push(Failure {
            damage: damage.to_string(),
            used,
            section: section.to_owned(),
            verdict,
            detail,
        });
    }
}

impl fmt::Display for Report {
    /// A table: a line for each part of the file.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn listed<K: fmt::Debug>(counts: Option<&BTreeMap<K, u64>>) -> String {
            let counts = counts.into_iter().flatten();
            let counts: Vec<String> = counts
                .map(|(key, count)| format!("{key:?} {count}"))
                .collect();
            counts.join(", ")
        }
        for (section, counts) in &self.counts {
            let line = listed(Some(counts));
            writeln!(formatter, "  {section:30} {line}")?;
            let repairs = listed(self.repairs.get(section));
            if !repairs.is_empty() {
                writeln!(formatter, "  {:30} repaired: {repairs}", "")?;
            }
        }
        write!(
            formatter,
            "  most work {:?}, most memory {} KiB",
            self.longest,
            self.largest >> 10
        )
    }
}

/// How much is tried.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Changed bytes.
    pub flips: usize,
    /// Lengths to which the file is cut.
    pub cuts: usize,
    /// Of how many cases one is also opened for writing.
    pub writing_one_in: usize,
    /// Of how many cases one is also repaired.
    pub repair_one_in: usize,
    /// What is drawn.
    pub seed: u64,
}

/// Tries one shape.
///
/// # Panics
/// When the intact file does not open, or the disk fails.
#[must_use]
pub fn try_shape(shape: &Shape, effort: Effort) -> Report {
    let trial = Trial::new(shape);
    let mut random = fastrand::Rng::with_seed(effort.seed);
    let mut report = Report::default();
    for number in 0..effort.flips + effort.cuts {
        let damage = if number < effort.flips {
            let at = trial.sections.pick(&mut random);
            // Mostly one bit, as disks and memory do; else any other byte.
            let bits = if random.u8(..) < 192 {
                1 << random.u8(..8)
            } else {
                random.u8(1..)
            };
            Damage::Flip(at, bits)
        } else if random.bool() {
            Damage::Cut(trial.sections.pick(&mut random))
        } else {
            Damage::Cut(random.usize(..shape.bytes.len()))
        };
        let opens = trial.judge(damage, Use::Reading, &mut report);
        if number % effort.writing_one_in == 0 {
            trial.judge(damage, Use::Writing, &mut report);
        }
        if number % effort.repair_one_in == 0 {
            trial.judge_repair(damage, opens, &mut report);
        }
    }
    report
}

/// Tries one case, for looking into it.
///
/// # Panics
/// As [`try_shape`].
#[must_use]
pub fn try_one(shape: &Shape, damage: Damage, used: Use) -> Report {
    let mut report = Report::default();
    let trial = Trial::new(shape);
    let opens = trial.judge(damage, Use::Reading, &mut report);
    match used {
        Use::Reading => {}
        Use::Writing => drop(trial.judge(damage, used, &mut report)),
        Use::Repair => trial.judge_repair(damage, opens, &mut report),
    }
    report
}

impl Outcome<()> {
    /// What must not be whatever the case gave.
    fn failure(&self) -> Option<(Verdict, String)> {
        if let Some(panic) = &self.panic {
            Some((Verdict::Panic, panic.clone()))
        } else if self.hung() {
            let detail = format!("{:?}, {:?} of work", self.took, self.worked);
            Some((Verdict::Hang, detail))
        } else if self.is_greedy() {
            Some((Verdict::Greedy, format!("{} bytes", self.allocated)))
        } else {
            None
        }
    }
}

struct Trial<'a> {
    shape: &'a Shape,
    sections: Sections,
    questions: Questions,
    /// The answers of the intact file, and what repair says of it.
    intact: Intact,
    /// Those after one more put.
    after: Answers,
    /// The same without the newest batch of the log.
    without_last: Option<(Answers, Answers)>,
    /// The file that is damaged; it goes with its folder.
    path: PathBuf,
    file: std::fs::File,
    folder: tempfile::TempDir,
}

impl<'a> Trial<'a> {
    fn new(shape: &'a Shape) -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory).unwrap()
        } else {
            tempfile::tempdir().unwrap()
        };
        let path = folder.path().join("damaged.mv2");
        std::fs::write(&path, &shape.bytes).unwrap();
        let file = std::fs::File::options()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let questions = Questions::of(&path, shape);
        let sections = Sections::of(&shape.bytes);
        let states = |bytes: &[u8]| {
            let other = folder.path().join("intact.mv2");
            std::fs::write(&other, bytes).unwrap();
            let before = questions.ask(&other);
            let (failed, after) = questions.put_and_ask(&other);
            assert!(failed.is_none(), "{}: {failed:?}", shape.name);
            (before, after)
        };
        let (before, after) = states(&shape.bytes);
        let whole = folder.path().join("whole.mv2");
        std::fs::write(&whole, &shape.bytes).unwrap();
        let status = repair::repair(&questions, &whole).unwrap().unwrap().status;
        std::fs::write(&whole, &shape.bytes).unwrap();
        repair::write_anew(&whole);
        let intact = Intact {
            answers: before.answers,
            rewritten: questions.ask(&whole).answers,
            status,
            texts: questions.texts(&path, &shape.bytes),
            bytes: shape.bytes.clone(),
        };
        let without_last = sections.last_batch.clone().map(|Range { start, .. }| {
            let mut bytes = shape.bytes.clone();
            bytes[start..start + 48].fill(0);
            let (before, after) = states(&bytes);
            (before.answers, after.answers)
        });
        Self {
            sections,
            intact,
            after: after.answers,
            without_last,
            questions,
            shape,
            path,
            file,
            folder,
        }
    }

    fn section(&self, damage: Damage) -> &'static str {
        match damage {
            Damage::Flip(at, _) => self.sections.name(at),
            Damage::Cut(_) => "(cut off)",
        }
    }

    /// Tells whether the damaged file opens.
    fn judge(&self, damage: Damage, used: Use, report: &mut Report) -> bool {
        let (mut verdict, mut detail, mut outcome) = self.once(damage, used);
        for _ in 0..3 {
            // The machine may have been busy with something else.
            if verdict != Verdict::Hang {
                break;
            }
            (verdict, detail, outcome) = self.once(damage, used);
        }
        let section = self.section(damage);
        let counts = report.counts.entry(section.to_owned()).or_default();
        *counts.entry(verdict).or_default() += 1;
        report.longest = report.longest.max(outcome.worked);
        report.largest = report.largest.max(outcome.allocated);
        if verdict.is_failure() {
            report.fail(damage, used, section, verdict, detail);
        }
        verdict != Verdict::Refused
    }

    fn once(&self, damage: Damage, used: Use) -> (Verdict, String, Outcome<()>) {
        let name = format!("{} {damage}", self.shape.name);
        let outcome = if used == Use::Writing {
            let path = self.folder.path().join("written.mv2");
            std::fs::write(&path, self.damaged(damage)).unwrap();
            watch::run(&name, || self.questions.put_and_ask(&path))
        } else {
            match damage {
                Damage::Flip(at, bits) => {
                    let byte = self.shape.bytes[at];
                    self.file.write_at(&[byte ^ bits], at as u64).unwrap();
                }
                Damage::Cut(at) => self.file.set_len(at as u64).unwrap(),
            }
            let outcome = watch::run(&name, || (None, self.questions.ask(&self.path)));
            match damage {
                Damage::Flip(at, _) => self
                    .file
                    .write_at(&self.shape.bytes[at..=at], at as u64)
                    .map(|_| ()),
                Damage::Cut(at) => self.file.write_all_at(&self.shape.bytes[at..], at as u64),
            }
            .unwrap();
            outcome
        };
        let (value, outcome) = outcome.split();
        let verdict = outcome.failure().or_else(|| {
            let (failed, asked) = value?;
            Some(match failed {
                Some(error) if !tells_of_damage(&error) => (
                    Verdict::Untyped,
                    format!("put: {} {}", error.code.as_str(), error.message),
                ),
                // What could not be changed must be as it was.
                Some(_) => self.compare(damage, &asked, false),
                None => self.compare(damage, &asked, used == Use::Writing),
            })
        });
        let (verdict, detail) = verdict.unwrap_or((Verdict::Panic, String::new()));
        (verdict, detail, outcome)
    }

    fn judge_repair(&self, damage: Damage, opens: bool, report: &mut Report) {
        let section = self.section(damage);
        let path = self.folder.path().join("repaired.mv2");
        let name = format!("{} {damage}, repaired", self.shape.name);
        let mut failure = None;
        for _ in 0..3 {
            std::fs::write(&path, self.damaged(damage)).unwrap();
            let (value, outcome) =
                watch::run(&name, || repair::repair(&self.questions, &path)).split();
            report.longest = report.longest.max(outcome.worked);
            report.largest = report.largest.max(outcome.allocated);
            failure = outcome.failure();
            if matches!(failure, Some((Verdict::Hang, _))) {
                continue;
            }
            let broken = |detail| Some((Verdict::Repair, detail));
            match value {
                Some(Ok(Some(repair))) => {
                    let counts = report.repairs.entry(section.to_owned()).or_default();
                    *counts.entry(repair.status).or_default() += 1;
                    let judged = repair::judge(&repair, &self.intact, opens)
                        .and_then(|()| self.is_healed(&repair));
                    failure = failure.or_else(|| judged.err().and_then(broken));
                }
                Some(Err(detail)) => failure = failure.or_else(|| broken(detail)),
                // A capsule.
                Some(Ok(None)) | None => {}
            }
            break;
        }
        if let Some((verdict, detail)) = failure {
            let counts = report.counts.entry(section.to_owned()).or_default();
            *counts.entry(verdict).or_default() += 1;
            report.fail(damage, Use::Repair, section, verdict, detail);
        }
    }

    /// Where nothing is lost, every answer is that of the intact file after it was written anew.
    fn is_healed(&self, repair: &Repair) -> Result<(), String> {
        let Some(asked) = repair.asked.as_ref() else {
            return Ok(());
        };
        if repair.status != Status::Healed {
            return Ok(());
        }
        let ignored = [OF_THE_FILE.as_slice(), &OF_PAYLOADS].concat();
        match compare(&self.intact.rewritten, asked, &ignored) {
            (Verdict::WithoutEffect, _) => Ok(()),
            (Verdict::Found, _) if self.intact.status == Status::Partial => Ok(()),
            (verdict, detail) => Err(format!("healed, and {verdict:?}: {detail}")),
        }
    }

    fn compare(&self, damage: Damage, asked: &Asked, after: bool) -> (Verdict, String) {
        let expected = if after {
            &self.after
        } else {
            &self.intact.answers
        };
        // In a file of another program nothing but the footer tells the number of the commit, and nothing checks it.
        let of_content_only = after || matches!(damage, Damage::Cut(_)) || !self.shape.is_ours();
        let ignored: &[&str] = if of_content_only { &OF_THE_FILE } else { &[] };
        let (verdict, detail) = compare(expected, asked, ignored);
        let is_change = matches!(verdict, Verdict::Changed | Verdict::ChangedUnseen);
        let in_last = match damage {
            Damage::Flip(at, _) => {
                let last = self.sections.last_batch.as_ref();
                last.is_some_and(|last| last.contains(&at))
            }
            Damage::Cut(_) => false,
        };
        if is_change
            && in_last
            && let Some((before, after_put)) = &self.without_last
        {
            let without = if after { after_put } else { before };
            let (of_last, _) = compare(without, asked, ignored);
            // A put closes the log again: nothing is left to be found then.
            if matches!(of_last, Verdict::Found | Verdict::Told)
                || after && of_last == Verdict::WithoutEffect
            {
                return (Verdict::LastBatch, String::new());
            }
        }
        (verdict, detail)
    }

    fn damaged(&self, damage: Damage) -> Vec<u8> {
        let mut bytes = self.shape.bytes.clone();
        match damage {
            Damage::Flip(at, bits) => bytes[at] ^= bits,
            Damage::Cut(at) => bytes.truncate(at),
        }
        bytes
    }
}

fn vectors_lost(answers: &Answers) -> u64 {
    let stats = answers.get("stats").and_then(|stats| stats.as_ref().ok());
    let stats = stats.and_then(|stats| serde_json::from_str::<Value>(stats).ok());
    stats.map_or(0, |stats| stats["vectors_lost"].as_u64().unwrap_or(0))
}

/// What `stats` says of the file and not of what it holds: a repair may change it.
const OF_THE_FILE: [&str; 7] = [
    "size_bytes",
    "dead_bytes",
    "generation",
    "remaining_capacity_bytes",
    "storage_utilisation_percent",
    "lex_segment_count",
    "pending_frame_count",
];

/// What it says of how texts are stored, too: one that was taken from elsewhere is compressed anew.
const OF_PAYLOADS: [&str; 4] = [
    "payload_bytes",
    "saved_bytes",
    "savings_percent",
    "compression_ratio_percent",
];

fn without(answer: &str, ignored: &[&str]) -> String {
    match serde_json::from_str(answer) {
        Ok(Value::Object(mut stats)) => {
            stats.retain(|key, _| !ignored.contains(&key.as_str()));
            Value::Object(stats).to_string()
        }
        _ => answer.to_owned(),
    }
}

/// Answers that are whole but for what they say is damaged.
const SAYS_SO: [&str; 3] = [
    "\"damage\":\"",
    "are damaged and were not searched",
    "so it was searched by words only",
];

/// `ignored`: what `stats` may say otherwise.
fn compare(expected: &Answers, asked: &Asked, ignored: &[&str]) -> (Verdict, String) {
    let mut told = None;
    // What is written to next does not name a section that cannot be read any more: how many vectors that loses is counted.
    let of_vectors = [ignored, &["vector_count", "vectors_lost"]].concat();
    let loses_vectors = vectors_lost(&asked.answers) > vectors_lost(expected);
    let is_counted =
        |question: &str, kept: Option<&Result<String, engine::Error>>, answer: &str| match kept {
            Some(Ok(kept)) if question.starts_with("stats") => {
                without(kept, &of_vectors) == without(answer, &of_vectors)
            }
            _ => question.starts_with("vector ") && answer == "None",
        };
    for (question, answer) in &asked.answers {
        let kept = expected.get(question);
        let is_stats = question.starts_with("stats");
        let equal = match (kept, answer) {
            (Some(Ok(kept)), Ok(answer)) if is_stats => {
                kept == answer
                    || !ignored.is_empty() && without(kept, ignored) == without(answer, ignored)
            }
            (Some(Ok(kept)), Ok(answer)) => kept == answer,
            (Some(Err(kept)), Err(answer)) => kept.code == answer.code,
            _ => false,
        };
        match answer {
            _ if equal => {}
            Ok(answer) if SAYS_SO.iter().any(|sign| answer.contains(sign)) => {
                told = Some(format!("{question}: {answer}"));
            }
            Ok(answer) if loses_vectors && is_counted(question, kept, answer) => {
                told = Some(format!("{question}: {answer}"));
            }
            Err(error) if question == "open" && tells_of_damage(error) => {
                return (Verdict::Refused, error.message.clone());
            }
            Err(error) if tells_of_damage(error) => {
                told = Some(format!("{question}: {}", error.message));
            }
            Err(error)
                if matches!(
                    error.code,
                    engine::Code::Internal | engine::Code::InvalidInput
                ) =>
            {
                let message = format!("{question}: {} {}", error.code.as_str(), error.message);
                return (Verdict::Untyped, message);
            }
            answer => {
                let detail = differing(
                    question,
                    &kept.map_or_else(String::new, |kept| format!("{kept:?}")),
                    &format!("{answer:?}"),
                );
                if asked.faults.is_empty() {
                    return (Verdict::ChangedUnseen, detail);
                }
                return (Verdict::Changed, detail);
            }
        }
    }
    match (told, asked.faults.is_empty()) {
        (Some(told), true) => (Verdict::NotVerified, told),
        (Some(told), false) => (Verdict::Told, told),
        (None, true) => (Verdict::WithoutEffect, String::new()),
        (None, false) => (Verdict::Found, String::new()),
    }
}

/// A question and where its two answers part.
fn differing(question: &str, was: &str, is: &str) -> String {
    let same = was
        .chars()
        .zip(is.chars())
        .take_while(|(was, is)| was == is)
        .count();
    let part = |text: &str| {
        let from = same.saturating_sub(60);
        text.chars().skip(from).take(160).collect::<String>()
    };
    format!(
        "{question}\n      was …{}\n      is  …{}",
        part(was),
        part(is)
    )
}

/// Whether verdicts about a byte of this part are about bytes that nothing refers to.
#[must_use]
pub fn is_dead(section: &str) -> bool {
    section == DEAD
}
