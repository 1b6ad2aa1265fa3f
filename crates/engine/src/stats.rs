//! Figures about a memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use mv2::frame::FrameStatus;
use serde_json::{Value, json};

use crate::committed::Committed;
use crate::compression;
use crate::embedding::{IDENTITY_KEYS, Identity, names_vector};
use crate::error::Result;
use crate::lex_sections::lex_enabled;
use crate::memory::Memory;
use crate::output;
use crate::selection::{Selection, SelectionRequest};
use crate::snapshot::{AsOf, Snapshot};
use crate::vec_sections;

/// The largest integer that JavaScript holds exactly: "no limit".
const UNLIMITED: u64 = (1 << 53) - 1;

impl Memory {
    /// Whether any frame has a vector, whatever became of it. Looks at no frame.
    pub fn has_vectors(&self) -> Result<bool> {
        self.answer("stats", |snapshot| {
            Ok(snapshot.vector_dimension()?.is_some())
        })
    }

    /// The answer of `stats()`.
    pub fn stats(&self) -> Result<Value> {
        self.answer("stats", |snapshot| self.stats_of(snapshot))
    }

    fn stats_of(&self, snapshot: &Snapshot) -> Result<Value> {
        let committed = &snapshot.committed;
        let size = output::length(&committed.storage)?;
        let totals = committed.directory.totals();
        let (payload, logical) =
            pending_bytes(snapshot, totals.payload_bytes, totals.logical_bytes)?;
        let active = snapshot.active_count();
        let saved = logical.saturating_sub(payload);
        let capacity = self.options().capacity.unwrap_or(UNLIMITED);
        let (vectors, dimension) = vectors(snapshot)?;
        let identities = identities(snapshot)?;
        let identified: u64 = identities.values().sum();
        let pictures = pictures(snapshot);
        let live = live_bytes(snapshot);
        let beyond_reference = beyond_reference(snapshot);
        let (compression, reason) = compression::described(committed, vectors, dimension)?;
        let size = self.salvaged().map_or(size, |salvaged| salvaged.size);
        let mut stats = json!({
            "frame_count": snapshot.frame_count(),
            "active_frame_count": active,
            "size_bytes": size,
            "payload_bytes": payload,
            "logical_bytes": logical,
            "saved_bytes": saved,
            "savings_percent": percent(saved, logical),
            "compression_ratio_percent": if logical == 0 { 100.0 } else { percent(payload, logical) },
            "average_frame_payload_bytes": payload.checked_div(active).unwrap_or(0),
            "average_frame_logical_bytes": logical.checked_div(active).unwrap_or(0),
            "has_lex_index": lex_enabled(committed),
            "has_vec_index": true,
            "has_time_index": snapshot.frame_count() > 0,
            "lex_enabled": self.lex_is_enabled(),
            "vec_enabled": self.options().enable_vec,
            "effective_vec_dimension": dimension,
            "vector_count": vectors,
            "vectors_lost": snapshot.vectors_lost()?,
            "picture_count": pictures.as_ref().ok().map(|(count, _)| count),
            "picture_model": pictures.as_ref().ok().and_then(|(_, model)| model.as_deref()),
            "vector_compression": compression,
            "vector_compression_reason": reason,
            "staged_vectors": committed.staged().0,
            "embedding_identity": embedding_identity(&identities),
            "embedding_identity_summary": summary(&identities, vectors, identified),
            "seq_no": committed.tail.ticket_ref.seq_no,
            "tier": "free",
            "capacity_bytes": capacity,
            "remaining_capacity_bytes": capacity.saturating_sub(size),
            "storage_utilisation_percent": percent(size, capacity),
            "dead_bytes": size.saturating_sub(live),
            "generation": committed.generation,
            "pending_frame_count": snapshot.pending.frames.len(),
            "lex_segment_count": committed.lex_sections().len(),
            "reference_compatible": beyond_reference.is_none(),
            "reference_incompatible_reason": beyond_reference,
        });
        if let Some(salvaged) = self.salvaged() {
            stats["salvage"] = json!(salvaged);
        }
        if let Some(damage) = damage(snapshot)? {
            stats["damage"] = damage.into();
        }
        Ok(stats)
    }
}

/// How many active frames have a picture, and the model of their vectors.
fn pictures(snapshot: &Snapshot) -> Result<(u64, Option<Arc<str>>)> {
    let kind = snapshot.picture_kind()?;
    Ok((snapshot.picture_count()?, kind.map(|(model, _)| model)))
}

/// What is not counted because it is damaged.
fn damage(snapshot: &Snapshot) -> Result<Option<String>> {
    let committed = &snapshot.committed;
    let mut damage = committed.vectors()?.problems().to_vec();
    damage.extend(committed.pictures().err().map(|error| error.message));
    let mut sections = committed.lex_sections().iter();
    let is_readable = |section| {
        let bytes = committed.section(section).ok();
        bytes
            .and_then(|bytes| lex::document_count(&bytes))
            .is_some()
    };
    if !sections.all(is_readable) {
        damage.push("a full-text section is damaged".to_owned());
    }
    if committed.staged().1 {
        damage.push("vectors that wait are damaged".to_owned());
    }
    if snapshot.pending.has_remains {
        let message = "the last write to the log was interrupted, or is damaged; doctor shows what is left of it";
        damage.push(message.to_owned());
    }
    Ok((!damage.is_empty()).then(|| damage.join("; ")))
}

/// Counts of the frames of a selection.
#[derive(Default)]
struct Counts {
    frames: u64,
    active: u64,
    pending: u64,
    payload: u64,
    logical: u64,
    vectors: u64,
    lost: u64,
    pictures: u64,
    identities: Identities,
}

impl Memory {
    /// The answer of `stats()` about the documents that a condition selects: frames, bytes of documents, and vectors are
    /// theirs alone. What is said of the file (its size, its indexes, its limits) is said of the whole. Looks at every
    /// frame.
    pub fn selected_stats(&self, request: &SelectionRequest) -> Result<Value> {
        self.answer("stats", |snapshot| {
            self.stats_of_selected(snapshot, request)
        })
    }

    fn stats_of_selected(&self, snapshot: &Snapshot, request: &SelectionRequest) -> Result<Value> {
        let selection = Selection::new(request)?;
        let mut share = Counts::default();
        for id in 0..snapshot.frame_count() {
            if !selection.covers(snapshot, id) {
                continue;
            }
            share.frames += 1;
            if id >= snapshot.committed.frame_count() {
                share.pending += 1;
            }
            if !snapshot.is_visible(id, AsOf::default()) {
                continue;
            }
            share.add(snapshot, id)?;
        }
        let mut stats = self.stats()?;
        let Counts {
            frames,
            active,
            pending,
            payload,
            logical,
            vectors,
            lost,
            pictures,
            identities,
        } = share;
        let identified = identities.values().sum();
        let saved = logical.saturating_sub(payload);
        let has_vectors = vectors > 0;
        for (name, value) in [
            ("frame_count", json!(frames)),
            ("active_frame_count", json!(active)),
            ("pending_frame_count", json!(pending)),
            ("payload_bytes", json!(payload)),
            ("logical_bytes", json!(logical)),
            ("saved_bytes", json!(saved)),
            ("savings_percent", json!(percent(saved, logical))),
            (
                "compression_ratio_percent",
                json!(if logical == 0 {
                    100.0
                } else {
                    percent(payload, logical)
                }),
            ),
            (
                "average_frame_payload_bytes",
                json!(payload.checked_div(active).unwrap_or(0)),
            ),
            (
                "average_frame_logical_bytes",
                json!(logical.checked_div(active).unwrap_or(0)),
            ),
            ("has_time_index", json!(frames > 0)),
            ("vector_count", json!(vectors)),
            ("vectors_lost", json!(lost)),
            ("picture_count", json!(pictures)),
            // Whose documents they belong to is not for everybody.
            ("staged_vectors", Value::Null),
            ("embedding_identity", embedding_identity(&identities)),
            (
                "embedding_identity_summary",
                summary(&identities, vectors, identified),
            ),
        ] {
            stats[name] = value;
        }
        if pictures == 0 {
            stats["picture_model"] = Value::Null;
        }
        if !has_vectors {
            stats["effective_vec_dimension"] = Value::Null;
        }
        Ok(stats)
    }
}

impl Counts {
    /// Adds a frame that is active.
    fn add(&mut self, snapshot: &Snapshot, id: u64) -> Result<()> {
        let view = snapshot.view(id)?;
        self.active += 1;
        self.payload += view.payload_length;
        self.logical += view.canonical_length.unwrap_or(0);
        let has_vector = snapshot.has_vector(id)?;
        self.vectors += u64::from(has_vector);
        // What is damaged is told with the damage.
        let picture = snapshot.picture(id).ok().flatten();
        self.pictures += u64::from(picture.is_some());
        self.lost += u64::from(!has_vector && names_vector(&view));
        if let Some(identity) = Identity::of(&view) {
            *self.identities.entry(identity).or_insert(0) += 1;
        }
        Ok(())
    }
}

/// A part of a whole, in whatever both are counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Share {
    part: u64,
    whole: u64,
}

impl Share {
    /// The same part of something else.
    fn of(self, other: u64) -> u64 {
        let part = u128::from(self.part.min(self.whole)) * u128::from(other);
        part.checked_div(u128::from(self.whole)).unwrap_or(0) as u64
    }
}

/// How much of the sections belongs to removed documents.
#[derive(Debug, Clone, Copy, Default)]
pub struct RemovedShares {
    /// Of the documents of full-text sections.
    documents: Share,
    /// Of the vectors.
    vectors: Share,
}

/// Counts what sections hold of removed documents. Once these are out of them, after a rewrite of the file, they take no
/// part any more: a file whose frames are mostly removed must not count as dead for ever.
pub fn removed_shares(committed: &Committed) -> RemovedShares {
    if committed.directory.totals().deleted == 0 {
        return RemovedShares::default();
    }
    let sections = committed.lex_sections().iter();
    let held: u64 = sections
        .filter_map(|section| lex::document_count(&committed.section(section).ok()?))
        .sum();
    let is_removed = |id: u64| {
        let record = committed.directory.record(id);
        record.is_none_or(|record| record.flags.status() == FrameStatus::Deleted as u32)
    };
    // Documents that are split have no words of their own.
    let is_held = |id: u64| {
        let record = committed.directory.record(id);
        !is_removed(id) && record.is_some_and(|record| !record.flags.has_chunks())
    };
    let stay = (0..committed.lex_covered())
        .filter(|&id| is_held(id))
        .count() as u64;
    let mut vectors = Share::default();
    for part in committed
        .vectors()
        .into_iter()
        .flat_map(|index| index.parts())
    {
        let Ok(segment) = part.segment() else {
            continue;
        };
        let frames = (0..segment.count()).filter_map(|ordinal| segment.frame(ordinal));
        vectors.whole += segment.count() as u64;
        vectors.part += frames.filter(|frame| is_removed(*frame)).count() as u64;
    }
    RemovedShares {
        documents: Share {
            part: held.saturating_sub(stay),
            whole: held,
        },
        vectors,
    }
}

/// Bytes of the file that the state refers to.
#[must_use]
pub fn live_bytes(snapshot: &Snapshot) -> u64 {
    let committed = &snapshot.committed;
    let tail = &committed.tail;
    let sections: u64 = committed
        .head
        .segments
        .iter()
        .map(|segment| segment.bytes_length)
        .sum();
    let removed = committed.removed_shares();
    let lex = committed.lex_sections();
    let lex: u64 = lex.iter().map(|section| section.bytes_length).sum();
    let vectors: u64 = committed
        .head
        .segments
        .iter()
        .filter(|segment| vec_sections::kind_of(segment.id).is_some())
        .map(|section| section.bytes_length)
        .sum();
    let sections = sections
        .saturating_sub(removed.documents.of(lex))
        .saturating_sub(removed.vectors.of(vectors));
    let indexes = tail
        .time_index
        .as_ref()
        .map_or(0, |manifest| manifest.bytes_length)
        + tail
            .sketch_track
            .as_ref()
            .map_or(0, |manifest| manifest.bytes_length)
        + tail
            .indexes
            .vec
            .as_ref()
            .map_or(0, |manifest| manifest.bytes_length)
        + tail
            .indexes
            .clip
            .as_ref()
            .map_or(0, |manifest| manifest.bytes_length)
        + tail
            .indexes
            .lex_segments
            .iter()
            .map(|segment| segment.bytes_length)
            .sum::<u64>()
        + tail
            .segment_catalog
            .vec_segments
            .iter()
            .map(|segment| segment.entry.bytes_length)
            .sum::<u64>()
        + tail
            .memories_track
            .as_ref()
            .map_or(0, |manifest| manifest.bytes_length)
        + tail
            .logic_mesh
            .as_ref()
            .map_or(0, |manifest| manifest.bytes_length)
        + tail
            .replay_manifest
            .as_ref()
            .map_or(0, |manifest| manifest.segment_size);
    let table = committed.end.saturating_sub(committed.toc_offset);
    committed.header.wal_end()
        + committed.directory.totals().kept_bytes
        + sections
        + indexes.saturating_sub(vec_sections::named_twice(committed))
        + table
}

/// Payload and decoded bytes of active frames, with the log's.
fn pending_bytes(snapshot: &Snapshot, mut payload: u64, mut logical: u64) -> Result<(u64, u64)> {
    let first = snapshot.committed.frame_count();
    for id in snapshot.left_active() {
        let view = snapshot.view(id)?;
        payload = payload.saturating_sub(view.payload_length);
        logical = logical.saturating_sub(view.canonical_length.unwrap_or(0));
    }
    for index in 0..snapshot.pending.frames.len() as u64 {
        let id = first + index;
        if snapshot
            .brief(id)
            .is_some_and(|brief| brief.flags.is_active())
        {
            let view = snapshot.view(id)?;
            payload += view.payload_length;
            logical += view.canonical_length.unwrap_or(0);
        }
    }
    Ok((payload, logical))
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    (part as f64 / whole as f64 * 10_000.0).round() / 100.0
}

/// Number of the vectors of active frames, and their size.
fn vectors(snapshot: &Snapshot) -> Result<(u64, Option<usize>)> {
    let count = snapshot.vector_count()?;
    let dimension = snapshot.vector_dimension()?.filter(|_| count > 0);
    Ok((count, dimension))
}

/// Frames with an identity, by identity.
type Identities = BTreeMap<Identity, u64>;

/// Counts the identities of the active frames of a commit.
pub fn committed_identities(committed: &Committed) -> Identities {
    let mut counts = BTreeMap::new();
    if committed.directory.totals().identified == 0 {
        return counts;
    }
    // Mostly a frame says the same as the one before: only what differs is understood anew.
    let mut last: ([Option<&str>; IDENTITY_KEYS.len()], u64) = ([None; IDENTITY_KEYS.len()], 0);
    let mut count = |said: &[Option<&str>], frames: u64| {
        let identity = Identity::said(|key| {
            let place = IDENTITY_KEYS.iter().position(|known| *known == key)?;
            said.get(place).copied().flatten()
        });
        if let Some(identity) = identity.filter(|_| frames > 0) {
            *counts.entry(identity).or_insert(0) += frames;
        }
    };
    for id in 0..committed.frame_count() {
        if !committed.is_active(id) {
            continue;
        }
        let Ok(view) = committed.frame(id) else {
            continue;
        };
        let said = IDENTITY_KEYS.map(|key| view.extra_metadata.get(key));
        if said == last.0 {
            last.1 += 1;
        } else {
            count(&last.0, last.1);
            last = (said, 1);
        }
    }
    count(&last.0, last.1);
    counts
}

fn identities(snapshot: &Snapshot) -> Result<Identities> {
    let mut counts = snapshot.committed.identities().clone();
    let first = snapshot.committed.frame_count();
    // What the log changes in committed frames, and what it adds.
    for id in snapshot.left_active() {
        if let Some(identity) = Identity::of(&snapshot.view(id)?)
            && let Some(count) = counts.get_mut(&identity)
        {
            *count = count.saturating_sub(1);
        }
    }
    for id in first..snapshot.frame_count() {
        if snapshot.is_visible(id, AsOf::default())
            && let Some(identity) = Identity::of(&snapshot.view(id)?)
        {
            *counts.entry(identity).or_insert(0) += 1;
        }
    }
    counts.retain(|_, count| *count > 0);
    Ok(counts)
}

fn counted(identities: &Identities) -> Vec<Value> {
    let mut ordered: Vec<_> = identities.iter().collect();
    ordered.sort_by_key(|&(_, &count)| std::cmp::Reverse(count));
    ordered
        .into_iter()
        .map(|(identity, count)| {
            let mut value = identity.to_value();
            value["count"] = json!(count);
            value
        })
        .collect()
}

/// Which limit of the reference implementation a memory has passed, one sentence.
fn beyond_reference(snapshot: &Snapshot) -> Option<String> {
    use mv2::toc::{REFERENCE_MAX_FRAMES, REFERENCE_MAX_INDEX, REFERENCE_MAX_TOC};
    let committed = &snapshot.committed;
    let frames = snapshot.frame_count();
    let toc = committed.end.saturating_sub(committed.toc_offset);
    let manifest = committed.tail.indexes.vec.as_ref();
    let vectors = manifest.map_or(0, |manifest| manifest.bytes_length);
    let limits = [
        (frames, REFERENCE_MAX_FRAMES, "frames"),
        (toc, REFERENCE_MAX_TOC, "bytes of the table of contents"),
        (vectors, REFERENCE_MAX_INDEX, "bytes of vectors"),
    ];
    limits
        .into_iter()
        .find(|(value, most, ..)| value > most)
        .map(|(value, most, what)| {
            format!("the reference reads at most {most} {what}, and there are {value}")
        })
}

fn embedding_identity(identities: &Identities) -> Value {
    match identities.len() {
        0 => Value::Null,
        1 => identities
            .keys()
            .next()
            .map_or(Value::Null, Identity::to_value),
        _ => json!({ "mixed": counted(identities) }),
    }
}

fn summary(identities: &Identities, vectors: u64, identified: u64) -> Value {
    let kind = match identities.len() {
        0 => "unknown",
        1 => "single",
        _ => "mixed",
    };
    let mut value = json!({
        "kind": kind,
        "identities": counted(identities),
        "total": vectors.max(identified),
        "unknown": vectors.saturating_sub(identified),
    });
    if identities.len() == 1 {
        value["identity"] = identities
            .keys()
            .next()
            .map_or(Value::Null, Identity::to_value);
    }
    value
}
