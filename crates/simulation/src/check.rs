//! Comparing a memory with the model of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use engine::{FindMode, FindRequest, Memory, OpenOptions, Snapshot, TimelineRequest};
use fastrand::Rng;
use serde_json::json;

use crate::model::{Model, Stored};

/// How many documents are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The last ones and some others.
    Sample,
    /// All.
    Whole,
}

/// Documents besides the last ones that a sample has.
const SAMPLE: usize = 4;

/// What is wrong.
pub type Finding = String;

macro_rules! expect {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(format!($($text)+));
        }
    };
}

fn failed(what: impl std::fmt::Display) -> impl Fn(engine::Error) -> Finding {
    move |error| format!("{what}: {error}")
}

/// Says how a memory differs from what it should hold.
pub fn compare(
    memory: &Memory,
    model: &Model,
    depth: Depth,
    random: &mut Rng,
) -> Result<(), Finding> {
    let expected: Vec<u64> = model.active().map(|(id, _)| id).collect();
    let found = memory
        .select(&engine::SelectionRequest::default())
        .map_err(failed("select"))?;
    expect!(
        found == expected,
        "documents {}",
        difference(&expected, &found)
    );
    if depth == Depth::Whole {
        timeline(memory, model)?;
    }
    let stats = memory.stats().map_err(failed("stats"))?;
    let number = |name: &str| stats[name].as_u64().unwrap_or(u64::MAX);
    let vectors = model.active().filter(|(_, stored)| stored.vector.is_some());
    let vectors = vectors.count() as u64;
    expect!(
        number("vector_count") == vectors && number("vectors_lost") == 0,
        "stats: {} vectors and {} lost ones, expected {vectors}",
        stats["vector_count"],
        stats["vectors_lost"]
    );
    let pictures = model
        .active()
        .filter(|(_, stored)| stored.picture.is_some());
    let pictures = pictures.count() as u64;
    expect!(
        number("picture_count") == pictures,
        "stats: {} pictures, expected {pictures}",
        stats["picture_count"]
    );
    let snapshot = memory.snapshot("check").map_err(failed("snapshot"))?;
    let ids: Vec<u64> = model.documents.keys().copied().collect();
    let looked_at: BTreeSet<u64> = match depth {
        Depth::Whole => ids.iter().copied().collect(),
        Depth::Sample => {
            let recent = model.recent.iter().copied();
            let mut chosen: BTreeSet<u64> = recent
                .filter(|id| model.documents.contains_key(id))
                .collect();
            chosen.extend((0..SAMPLE).filter_map(|_| random.choice(&ids)));
            chosen
        }
    };
    for id in &looked_at {
        if let Some(stored) = model.documents.get(id) {
            document(memory, &snapshot, model, *id, stored)?;
        }
    }
    let removed: Vec<u64> = match depth {
        Depth::Whole => model.removed.iter().copied().collect(),
        Depth::Sample => model.removed.iter().rev().take(SAMPLE).copied().collect(),
    };
    for id in removed {
        expect!(
            memory.text(id).is_err() && memory.frame(id).is_err(),
            "document {id} was removed and can be read"
        );
    }
    if memory.lex_is_enabled() {
        let many = if depth == Depth::Whole { 60 } else { SAMPLE };
        for word in model.gone.iter().rev().take(many) {
            words(memory, model, word)?;
        }
    }
    let staged = model
        .staged
        .as_ref()
        .map_or(0, |staged| staged.vectors.len());
    let waiting = stats["staged_vectors"]["count"].as_u64().unwrap_or(0);
    expect!(
        waiting == staged as u64,
        "stats: {} vectors wait, expected {staged}",
        stats["staged_vectors"]
    );
    Ok(())
}

fn document(
    memory: &Memory,
    snapshot: &Snapshot,
    model: &Model,
    id: u64,
    stored: &Stored,
) -> Result<(), Finding> {
    let planned = &stored.planned;
    let content = memory
        .asset(id)
        .map_err(failed(format_args!("document {id}")))?;
    expect!(
        content.data == planned.content,
        "document {id}: {} bytes of content, expected {} others",
        content.data.len(),
        planned.content.len()
    );
    let frame = memory
        .frame(id)
        .map_err(failed(format_args!("frame {id}")))?;
    let [title, uri, kind, track] = &planned.names;
    let [tags, labels] = &planned.keywords;
    let is_same = title.as_ref().is_none_or(|title| *title == frame.title)
        && uri.as_ref().is_none_or(|uri| *uri == frame.uri)
        && *kind == frame.kind
        && *track == frame.track
        && *tags == frame.tags
        && *labels == frame.labels
        && planned.metadata == frame.metadata
        && planned.timestamp == frame.timestamp;
    expect!(
        is_same,
        "document {id}: fields {frame:?}, expected {planned:?}"
    );
    let status = if stored.superseded_by.is_some() {
        "superseded"
    } else {
        "active"
    };
    expect!(
        frame.status == status
            && frame.supersedes == stored.supersedes
            && frame.superseded_by == stored.superseded_by,
        "document {id}: versions {:?}, expected {status} {:?} {:?}",
        (frame.status, frame.supersedes, frame.superseded_by),
        stored.supersedes,
        stored.superseded_by
    );
    let embedding = snapshot
        .embedding(id)
        .map_err(failed(format_args!("vector of {id}")))?;
    match (&embedding, &stored.vector) {
        (None, None) => {}
        (Some(found), Some(expected)) => {
            expect!(
                found.identity.model.as_deref().unwrap_or_default() == expected.model,
                "document {id}: a vector of {:?}, expected {}",
                found.identity.model,
                expected.model
            );
            expect!(
                are_alike(&found.vector, &expected.numbers),
                "document {id}: another vector than was put"
            );
        }
        (found, expected) => {
            return Err(format!(
                "document {id}: a vector {}, expected {}",
                found.is_some(),
                expected.is_some()
            ));
        }
    }
    let picture = snapshot
        .picture(id)
        .map_err(failed(format_args!("picture of {id}")))?;
    expect!(
        picture.as_ref().map(|picture| &picture.vector) == stored.picture.as_ref(),
        "document {id}: another picture than was put: {}, expected {}",
        picture.is_some(),
        stored.picture.is_some()
    );
    if memory.lex_is_enabled()
        && let Some(word) = &planned.word
    {
        words(memory, model, word)?;
    }
    if stored.superseded_by.is_some() {
        return Ok(());
    }
    if let Some(uri) = uri {
        let newest = model
            .active()
            .filter(|(_, other)| other.planned.names[1].as_ref() == Some(uri))
            .map(|(id, _)| id)
            .last();
        let found = memory.frame_by_uri(uri).ok();
        expect!(found == newest, "uri {uri}: {found:?}, expected {newest:?}");
    }
    if let Some(vector) = &stored.picture {
        looks_alike(memory, model, id, vector)?;
    }
    if let Some(vector) = &stored.vector {
        let mut request = request(json!({ "query": "", "k": 1 }))?;
        request.mode = FindMode::Sem;
        request.vector = Some(vector.numbers.clone());
        let found = memory
            .find(request)
            .map_err(failed(format_args!("search by the vector of {id}")))?;
        let nearest = found.hits.first().map(|hit| hit.frame_id);
        let has_same = |hit: u64| {
            model
                .documents
                .get(&hit)
                .is_some_and(|other| other.vector.as_ref() == Some(vector))
        };
        expect!(
            nearest.is_some_and(|hit| hit == id || has_same(hit)),
            "search by the vector of {id}: found {nearest:?}"
        );
    }
    Ok(())
}

/// The search by the vector of a picture finds it, or another that has the same.
fn looks_alike(
    memory: &Memory,
    model: &Model,
    id: u64,
    vector: &Arc<[f32]>,
) -> Result<(), Finding> {
    let mut request = request(json!({ "query": "", "k": 1 }))?;
    request.mode = FindMode::Clip;
    request.vector = Some(Arc::clone(vector));
    let found = memory
        .find(request)
        .map_err(failed(format_args!("search by the picture of {id}")))?;
    let nearest = found.hits.first().map(|hit| hit.frame_id);
    let is_same = |hit: u64| {
        let other = model.documents.get(&hit);
        other.is_some_and(|other| other.picture.as_ref() == Some(vector))
    };
    expect!(
        nearest.is_some_and(is_same),
        "search by the picture of {id}: found {nearest:?}"
    );
    Ok(())
}

/// A word is found in exactly the documents in force that have it.
fn words(memory: &Memory, model: &Model, word: &str) -> Result<(), Finding> {
    let found = memory
        .find(request(json!({ "query": word, "k": 20 }))?)
        .map_err(failed(format_args!("search for {word}")))?;
    let hits: BTreeSet<u64> = found
        .hits
        .iter()
        .map(|hit| hit.parent_id.unwrap_or(hit.frame_id))
        .collect();
    let expected: BTreeSet<u64> = model
        .active()
        .filter(|(_, stored)| stored.planned.word.as_deref() == Some(word))
        .map(|(id, _)| id)
        .collect();
    expect!(
        hits == expected,
        "search for {word}: found {hits:?}, expected {expected:?}"
    );
    Ok(())
}

fn request(value: serde_json::Value) -> Result<FindRequest, Finding> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// The same numbers, or what quantising leaves of them.
fn are_alike(found: &[f32], expected: &[f32]) -> bool {
    if found == expected {
        return true;
    }
    let product = |left: &[f32], right: &[f32]| -> f64 {
        let pairs = left.iter().zip(right);
        pairs
            .map(|(left, right)| f64::from(*left) * f64::from(*right))
            .sum()
    };
    let lengths = (product(found, found) * product(expected, expected)).sqrt();
    found.len() == expected.len() && found.len() == 384 && product(found, expected) > 0.6 * lengths
}

fn difference(expected: &[u64], found: &[u64]) -> String {
    let set = |ids: &[u64]| -> BTreeSet<u64> { ids.iter().copied().collect() };
    let (expected, found) = (set(expected), set(found));
    let missing: Vec<_> = expected.difference(&found).collect();
    let extra: Vec<_> = found.difference(&expected).collect();
    format!("missing {missing:?}, not expected {extra:?}")
}

/// Documents in the order of time; all other active frames are chunks of them.
fn timeline(memory: &Memory, model: &Model) -> Result<(), Finding> {
    let request: TimelineRequest =
        serde_json::from_value(json!({ "limit": 1_000_000 })).map_err(|error| error.to_string())?;
    let timeline = memory.timeline(&request).map_err(failed("timeline"))?;
    let mut expected: Vec<(i64, u64)> = model
        .active()
        .map(|(id, stored)| (stored.planned.timestamp, id))
        .collect();
    expected.sort_unstable();
    let found: Vec<(i64, u64)> = timeline
        .iter()
        .map(|entry| (entry.timestamp, entry.frame_id))
        .collect();
    expect!(
        found == expected,
        "timeline: {found:?}, expected {expected:?}"
    );
    let chunks = timeline.iter().map(|entry| entry.child_frames.len());
    let active = (found.len() + chunks.sum::<usize>()) as u64;
    let stats = memory.stats().map_err(failed("stats"))?;
    expect!(
        stats["active_frame_count"].as_u64() == Some(active),
        "stats: {} active frames, the timeline has {active}",
        stats["active_frame_count"]
    );
    Ok(())
}

/// `verify`, of everything. With `may_be_torn` the log may end in a record that did not arrive whole: nobody can tell it
/// from one that was damaged later, so that it is reported until the next put writes over it.
pub fn verify(memory: &Memory, may_be_torn: bool) -> Result<(), Finding> {
    let report = memory.verify(true).map_err(failed("verify"))?;
    let failed: Vec<_> = report
        .checks
        .iter()
        .filter(|check| check.status == "failed")
        .filter(|check| !(may_be_torn && check.name == "WalPendingRecords"))
        .collect();
    expect!(failed.is_empty(), "verify: {failed:?}");
    Ok(())
}

/// Whether a report of `doctor` says what it has to say of a file that lost nothing. With `may_be_torn` the log may end in a
/// record that did not arrive whole, see [`verify`].
pub fn is_repaired(
    report: &serde_json::Value,
    is_dry: bool,
    may_be_torn: bool,
) -> Result<(), Finding> {
    let losses = |finding: &serde_json::Value| {
        let of_torn = ["log_records_lost", "removals_unknown"];
        let is_of_torn = |code: &serde_json::Value| of_torn.iter().any(|known| code == known);
        finding["severity"] == "error" && !(may_be_torn && is_of_torn(&finding["code"]))
    };
    let findings = report["findings"].as_array();
    let loses = findings.is_none_or(|findings| findings.iter().any(losses));
    let is_well = match report["status"].as_str() {
        Some("clean") => true,
        Some("plan_only") => is_dry,
        Some("healed") => !is_dry,
        Some("partial") => !is_dry && may_be_torn,
        _ => false,
    };
    expect!(
        is_well && !loses,
        "doctor: {}, {}",
        report["status"],
        report["findings"]
    );
    Ok(())
}

/// What is left of a file, as reading past damage shows it, is what it should hold; and looking changes nothing.
pub fn salvage(path: &Path, models: &[&Model], random: &mut Rng) -> Result<(), Finding> {
    let read = || std::fs::read(path).map_err(|error| error.to_string());
    let names = || {
        let beside = path.parent().map(std::fs::read_dir);
        beside.and_then(Result::ok).map_or(0, Iterator::count)
    };
    let before = (read()?, names());
    let options = OpenOptions {
        read_only: true,
        salvage: true,
        ..OpenOptions::default()
    };
    let memory = Memory::open(path, options).map_err(failed("salvage"))?;
    let mut findings: Vec<Finding> = Vec::new();
    for model in models.iter().filter(|model| model.exists) {
        match compare(&memory, model, Depth::Sample, random) {
            Ok(()) => {
                findings.clear();
                break;
            }
            Err(finding) => findings.push(finding),
        }
    }
    // More than was acknowledged may be seen: parts of the call that was under way.
    if !findings.is_empty() && !models.iter().any(|model| holds(&memory, model).is_ok()) {
        return Err(format!("salvage: {}", findings.join("; or ")));
    }
    drop(memory);
    expect!(
        (read()?, names()) == before,
        "salvage changed the file, or left another one"
    );
    Ok(())
}

/// Whether a memory holds at least the documents of a model.
pub fn holds(memory: &Memory, model: &Model) -> Result<(), Finding> {
    expect!(model.exists, "there was no memory");
    for (id, stored) in &model.documents {
        let content = memory
            .asset(*id)
            .map_err(failed(format_args!("document {id}")))?;
        expect!(
            content.data == stored.planned.content,
            "document {id}: other content than was put"
        );
    }
    Ok(())
}
