//! Going down at every moment of a run, and looking at what is left.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use engine::{DoctorOptions, Memory, OpenMode, PutOptions, doctor_file};
use fastrand::Rng;
use serde_json::Map;

use crate::check::{Depth, Finding, compare, holds, is_repaired, salvage, verify};
use crate::image::{Crash, DiskState, Folder};
use crate::model::{Model, Planned};
use crate::recording::{Event, watch};
use crate::reference::model_of;
use crate::run::{NAME, Run, guarded, open, scratch};

/// One in so many images is recovered under watch, and goes down again meanwhile.
const AGAIN: u64 = 12;
/// One in so many images is read past its damage first.
const SALVAGED: u64 = 6;
/// One in so many images is repaired first.
const REPAIRED: u64 = 6;
/// What is put after each recovery.
const ONE_MORE: &str = "keywordagainx was put after a crash";
/// Moments of such a recovery that are looked at.
const MOMENTS_AGAIN: usize = 3;

/// A moment of a run, and one of the things that can be left then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Before the event with this number.
    pub event: usize,
    /// Which of the things: even ones for a killed process, odd ones for a power loss.
    pub variant: u32,
}

impl std::fmt::Display for Point {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}.{}", self.event, self.variant)
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('.').and_then(|(event, variant)| {
            Some(Self {
                event: event.parse().ok()?,
                variant: variant.parse().ok()?,
            })
        });
        parts.ok_or_else(|| format!("{text} is no point: EVENT.VARIANT"))
    }
}

/// How much was tried.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Crashes whose remains were opened, compared, written to and opened again.
    pub points: u64,
    /// Those of a killed process.
    pub killed: u64,
    /// Those of a power loss.
    pub power_losses: u64,
    /// Crashes of recoveries from crashes.
    pub again: u64,
    /// Remains that were read past their damage first.
    pub salvaged: u64,
    /// Remains that were repaired first.
    pub repaired: u64,
}

impl Counts {
    /// Adds up.
    pub fn add(&mut self, other: Self) {
        self.points += other.points;
        self.killed += other.killed;
        self.power_losses += other.power_losses;
        self.again += other.again;
        self.salvaged += other.salvaged;
        self.repaired += other.repaired;
    }
}

/// What is wrong at a point.
#[derive(Debug, Clone)]
pub struct Loss {
    /// Where.
    pub point: Point,
    /// How it went down.
    pub crash: Crash,
    /// Number of the step that was under way, or that ended last.
    pub step: usize,
    /// What is wrong.
    pub finding: Finding,
}

/// Which points are looked at.
#[derive(Debug, Clone, Copy)]
pub enum Points {
    /// So many, spread over the run.
    Some(usize),
    /// So many, in the part from this event on.
    From(usize, usize),
    /// This one.
    One(Point),
}

/// Looks at points of a run. `possible` are states that steps which failed may have left, until something is synced after
/// them.
pub fn explore(
    seed: u64,
    run: &Run,
    points: Points,
    possible: &BTreeMap<usize, Vec<Model>>,
    counts: &mut Counts,
) -> Result<(), Loss> {
    let folder = scratch().map_err(|error| unusable(&error.to_string()))?;
    let start = Start::durable(run, possible);
    explore_in(folder.path(), seed, run, start, points, true, counts)
}

/// What a run begins with.
struct Start<'a> {
    /// What the disk has.
    disk: DiskState,
    /// What a loss of power may still make of it, as long as the run has acknowledged nothing: what a killed process left is
    /// not durable before that.
    taken_back: Vec<&'a Model>,
    /// What steps that failed may have left, by the step.
    possible: &'a BTreeMap<usize, Vec<Model>>,
}

impl<'a> Start<'a> {
    /// With all of it on the disk.
    fn durable(run: &Run, possible: &'a BTreeMap<usize, Vec<Model>>) -> Self {
        Self {
            disk: DiskState::new(&run.initial),
            taken_back: Vec::new(),
            possible,
        }
    }
}

fn unusable(finding: &str) -> Loss {
    Loss {
        point: Point {
            event: 0,
            variant: 0,
        },
        crash: Crash::Killed,
        step: 0,
        finding: finding.to_owned(),
    }
}

/// A random number generator for one of many things.
fn random_of(seed: u64, point: Point) -> Rng {
    let mut random = Rng::with_seed(seed ^ 0xCAB1_E000);
    let event = Rng::with_seed(random.u64(..) ^ point.event as u64).u64(..);
    Rng::with_seed(event ^ u64::from(point.variant))
}

fn choose(seed: u64, run: &Run, points: Points) -> Vec<Point> {
    let (first, count) = match points {
        Points::One(point) => return vec![point],
        Points::Some(count) => (0, count),
        Points::From(first, count) => (first, count),
    };
    let last = run.events.len();
    let mut random = Rng::with_seed(seed ^ 0x5A3B);
    let rounds = count.div_ceil(last - first.min(last) + 1) as u32 + 1;
    let mut chosen: Vec<Point> = (first..=last)
        .flat_map(|event| (0..rounds.max(4)).map(move |variant| Point { event, variant }))
        .filter(|point| {
            // A killed process leaves the same until something is written or named.
            let next = run.events.get(point.event);
            let is_write = matches!(next, Some(Event::Wrote { .. }));
            !point.variant.is_multiple_of(2) || point.variant == 0 || is_write
        })
        .collect();
    random.shuffle(&mut chosen);
    chosen.truncate(count);
    chosen.sort_unstable();
    chosen
}

fn explore_in(
    folder: &Path,
    seed: u64,
    run: &Run,
    start: Start<'_>,
    points: Points,
    may_go_down_again: bool,
    counts: &mut Counts,
) -> Result<(), Loss> {
    let chosen = choose(seed, run, points);
    let Start {
        mut disk,
        taken_back,
        possible,
    } = start;
    let mut at = 0;
    let (mut ended, mut begun) = (0, 0);
    let mut left_by_failure: &[Model] = &[];
    let mut is_damaged = run.starts_damaged;
    for point in chosen {
        while at < point.event {
            let Some(event) = run.events.get(at) else {
                break;
            };
            disk.apply(event);
            match event {
                Event::Begins(step) => begun = *step,
                Event::Ends(step) => {
                    ended = *step;
                    left_by_failure = possible.get(step).map_or(left_by_failure, Vec::as_slice);
                }
                // What undid it is durable now, or the file has been replaced by another one.
                Event::Synced { file } if ended < begun && disk.named(NAME) == Some(*file) => {
                    left_by_failure = &[];
                }
                Event::FolderSynced if ended < begun => left_by_failure = &[],
                Event::Damaged => is_damaged = true,
                Event::Repaired => is_damaged = false,
                _ => {}
            }
            at += 1;
        }
        let mut candidates = Vec::new();
        if begun > ended {
            candidates.extend(possible.get(&begun).into_iter().flatten());
            candidates.extend(run.between.get(&begun));
            candidates.extend(run.models.get(begun));
        }
        candidates.extend(run.models.get(ended));
        candidates.extend(left_by_failure);
        let mut random = random_of(seed, point);
        let crash = if point.variant.is_multiple_of(2) {
            Crash::Killed
        } else {
            Crash::PowerLoss
        };
        let is_taken_back =
            crash == Crash::PowerLoss && ended < run.acknowledges && !taken_back.is_empty();
        if is_taken_back {
            candidates.extend(&taken_back);
        }
        let next = run.events.get(at);
        let cut = cut(next, point.variant, &mut random);
        let image = disk.after(crash, next.map(|event| (event, cut)), &mut random);
        counts.points += 1;
        match crash {
            Crash::Killed => counts.killed += 1,
            Crash::PowerLoss => counts.power_losses += 1,
        }
        let again = may_go_down_again && random.u64(0..AGAIN) == 0;
        // The header of a log record is written last, as a whole: a killed process leaves no torn one.
        let may_be_torn = crash == Crash::PowerLoss
            || cut > 0
            || !may_go_down_again
            || is_damaged
            || run.has_failed
            || run.was_short;
        let left = Left {
            is_damaged,
            may_be_torn,
            is_salvaged: is_damaged || random.u64(0..SALVAGED) == 0,
            is_repaired: is_damaged || random.u64(0..REPAIRED) == 0,
            may_have_one_more: is_taken_back && begun == run.acknowledges,
        };
        counts.salvaged += u64::from(left.is_salvaged);
        counts.repaired += u64::from(left.is_repaired);
        let recovered = guarded(|| recover(folder, &image, &candidates, left, again, &mut random));
        let recovered = recovered.and_then(|watched| {
            let Some(watched) = watched else {
                return Ok(());
            };
            let mut inner = Counts::default();
            // Before the first event it is what it was.
            let points = Points::From(1, MOMENTS_AGAIN);
            let none = BTreeMap::new();
            let start = match crash {
                Crash::Killed => Start {
                    disk: disk.killed(next.map(|event| (event, cut))),
                    taken_back: candidates.clone(),
                    possible: &none,
                },
                Crash::PowerLoss => Start::durable(&watched, &none),
            };
            explore_in(
                folder,
                random.u64(..),
                &watched,
                start,
                points,
                false,
                &mut inner,
            )
            .map_err(|loss| format!("down again at {}: {}", loss.point, loss.finding))?;
            counts.again += inner.points;
            Ok(())
        });
        if recovered.is_err()
            && let Some(kept) = std::env::var_os("SIMULATION_KEEP")
        {
            let kept = Path::new(&kept).join(if may_go_down_again { "crash" } else { "again" });
            // To be looked at; that it cannot be written does not matter to what is reported.
            let _ = std::fs::create_dir_all(&kept).and_then(|()| write_folder(&kept, &image));
        }
        recovered.map_err(|finding| Loss {
            point,
            crash,
            step: begun.max(ended),
            finding,
        })?;
    }
    Ok(())
}

/// How much of a write arrives.
fn cut(next: Option<&Event>, variant: u32, random: &mut Rng) -> usize {
    let Some(Event::Wrote { bytes, .. }) = next else {
        return 0;
    };
    if variant < 2 {
        return 0;
    }
    let length = bytes.len();
    match random.u8(0..5) {
        0 => 1.min(length),
        1 => length.saturating_sub(1),
        2 => random.usize(0..=length.min(64)),
        3 => (random.usize(0..=length) / 512 * 512).min(length),
        _ => random.usize(0..=length),
    }
}

/// Puts files into a folder, in place of what is there.
fn write_folder(path: &Path, image: &Folder) -> std::io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        std::fs::remove_file(entry.path())?;
    }
    for (name, bytes) in image {
        std::fs::write(path.join(name), bytes)?;
    }
    Ok(())
}

/// What is known of remains, and what is done with them.
#[derive(Debug, Clone, Copy)]
struct Left {
    /// Something was damaged that can be made anew, and is not repaired yet.
    is_damaged: bool,
    /// The log may end in a record that did not arrive whole.
    may_be_torn: bool,
    is_salvaged: bool,
    is_repaired: bool,
    /// The document that was being put may be there on top of a state that is older than the one it was put into.
    may_have_one_more: bool,
}

/// Opens what is left, compares it with what it may hold, writes to it and opens it again. With `under_watch` it gives
/// what the disk saw meanwhile.
fn recover(
    folder: &Path,
    image: &Folder,
    candidates: &[&Model],
    left: Left,
    under_watch: bool,
    random: &mut Rng,
) -> Result<Option<Run>, Finding> {
    let may_be_absent = candidates.iter().any(|model| !model.exists);
    if !image.contains_key(NAME) {
        return if may_be_absent {
            Ok(None)
        } else {
            Err("the memory is gone".to_owned())
        };
    }
    let unusable = |error: std::io::Error| format!("the simulation itself failed: {error}");
    write_folder(folder, image).map_err(unusable)?;
    let path = folder.join(NAME);
    if left.is_salvaged {
        salvage(&path, candidates, random)?;
    }
    let watch = under_watch
        .then(|| watch(folder))
        .transpose()
        .map_err(unusable)?;
    let mark = |event| {
        if let Some(watch) = &watch {
            watch.mark(event);
        }
    };
    let repaired: Vec<Model>;
    let mut candidates = candidates.to_vec();
    let mut models = Vec::new();
    // What a repair drops does not tell afterwards which of the states it was.
    let mut between = BTreeMap::new();
    let mut loses_records = false;
    let mut is_rewritten = false;
    if left.is_repaired {
        mark(Event::Begins(1));
        let report = doctor_file(&path, &DoctorOptions::default(), Duration::from_secs(60))
            .map_err(|error| format!("doctor: {error}"))?;
        is_repaired(&report, false, left.may_be_torn)?;
        loses_records = report["status"] == "partial";
        is_rewritten = report["status"] != "clean";
        mark(Event::Repaired);
        mark(Event::Ends(1));
        let compacted = |model: &&Model| {
            let mut model = (*model).clone();
            if report["status"] != "clean" {
                model.compact();
            }
            model
        };
        repaired = candidates.iter().map(compacted).collect();
        models = std::mem::replace(&mut candidates, repaired.iter().collect());
    }
    let memory = open(&path, OpenMode::Open, true).map_err(|error| format!("open: {error}"))?;
    let seen;
    let (number, model) = match which(&memory, &candidates, random) {
        Ok(number) => (number, candidates[number]),
        // The whole records of a write that was under way are kept: nobody can tell that it was not acknowledged.
        Err(finding) if loses_records || left.may_have_one_more => {
            let found = model_of(&memory)?;
            let count = found.active().count();
            let at_least = |model: &&Model| {
                let mut more = found
                    .active()
                    .filter(|(id, _)| !model.documents.contains_key(id));
                let is_one = count == model.active().count() + 1
                    && more.all(|(_, stored)| stored.planned.content == ONE_MORE.as_bytes());
                holds(&memory, model).is_ok() && (loses_records || is_one)
            };
            let number = candidates.iter().position(at_least).ok_or(finding)?;
            seen = Model {
                staged: candidates[number].staged.clone(),
                ..found
            };
            (number, &seen)
        }
        Err(finding) => return Err(finding),
    };
    verify(&memory, left.may_be_torn)?;
    let other = models.iter().find(|other| {
        let staged = |model: &Model| model.staged.as_ref().map(|staged| staged.vectors.len());
        models
            .get(number)
            .is_some_and(|model| staged(model) != staged(other))
    });
    between.extend(other.map(|other| (1, (*other).clone())));
    let mut models: Vec<Model> = models.get(number).into_iter().copied().cloned().collect();
    models.push(model.clone());
    let step = models.len();
    mark(Event::Begins(step));
    let model = put_one_more(&memory, model)?;
    models.push(model.clone());
    mark(Event::Ends(step));
    compare(&memory, &model, Depth::Sample, random)
        .map_err(|finding| format!("after another put: {finding}"))?;
    let closes = random.bool();
    if closes {
        models.push(model.clone());
        mark(Event::Begins(step + 1));
        memory.close().map_err(|error| format!("close: {error}"))?;
        mark(Event::Ends(step + 1));
    }
    drop(memory);
    let events = watch.map(|watch| watch.events());
    let memory =
        open(&path, OpenMode::Open, true).map_err(|error| format!("open again: {error}"))?;
    compare(&memory, &model, Depth::Sample, random)
        .map_err(|finding| format!("opened again: {finding}"))?;
    if random.u8(0..4) == 0 {
        // A commit writes the header anew.
        verify(&memory, left.may_be_torn && !closes)
            .map_err(|finding| format!("opened again: {finding}"))?;
    }
    Ok(events.map(|events| Run {
        initial: image.clone(),
        events,
        operations: vec![0; models.len()],
        models,
        acknowledges: if is_rewritten { 1 } else { step },
        failed: Vec::new(),
        between,
        calls: (0, 0),
        has_failed: false,
        was_short: false,
        starts_damaged: left.is_damaged,
    }))
}

/// Which of the states a memory is in.
fn which(memory: &Memory, candidates: &[&Model], random: &mut Rng) -> Result<usize, Finding> {
    let mut findings = Vec::new();
    let depth = if random.u8(0..8) == 0 {
        Depth::Whole
    } else {
        Depth::Sample
    };
    let mut possible = Vec::new();
    for (number, model) in candidates.iter().enumerate() {
        if !model.exists {
            continue;
        }
        match compare(memory, model, depth, random) {
            Ok(()) => possible.push((number, *model)),
            Err(finding) => findings.push(finding),
        }
    }
    // A sample may not tell them apart.
    let last = possible.pop();
    for (number, model) in possible {
        if compare(memory, model, Depth::Whole, random).is_ok() {
            return Ok(number);
        }
    }
    if let Some((number, _)) = last {
        return Ok(number);
    }
    findings.dedup();
    Err(findings.join("; or "))
}

fn put_one_more(memory: &Memory, model: &Model) -> Result<Model, Finding> {
    let planned = Planned {
        word: Some("keywordagainx".to_owned()),
        content: ONE_MORE.as_bytes().to_vec(),
        names: Default::default(),
        keywords: Default::default(),
        timestamp: 1_800_000_000,
        metadata: Map::new(),
        vector: None,
        picture: None,
    };
    let stored = memory
        .put(vec![planned.document()], PutOptions::default())
        .map_err(|error| format!("another put: {error}"))?;
    let mut next = model.clone();
    for id in stored.ids {
        if next.documents.contains_key(&id) || next.removed.contains(&id) {
            return Err(format!("another put got the id {id}, which is taken"));
        }
        next.store(id, Arc::new(planned.clone()), None);
    }
    Ok(next)
}
