//! Figures about a memory.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::Result;
use crate::memory::{Memory, lex_enabled};
use crate::output;
use crate::snapshot::{AsOf, Snapshot};

/// The largest integer that JavaScript holds exactly: "no limit".
const UNLIMITED: u64 = (1 << 53) - 1;

impl Memory {
    /// The answer of `stats()`.
    pub fn stats(&self) -> Result<Value> {
        let snapshot = self.snapshot("stats")?;
        let committed = &snapshot.committed;
        let size = output::length(&committed.storage)?;
        let totals = committed.directory.totals();
        let (payload, logical) =
            pending_bytes(&snapshot, totals.payload_bytes, totals.logical_bytes)?;
        let active = snapshot.active_count();
        let saved = logical.saturating_sub(payload);
        let capacity = self.options().capacity.unwrap_or(UNLIMITED);
        let (vectors, dimension) = vectors(&snapshot);
        let identities = identities(&snapshot, totals.identified > 0)?;
        let identified: u64 = identities.values().sum();
        let live = live_bytes(&snapshot);
        Ok(json!({
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
            "reference_compatible": snapshot.frame_count() <= mv2::toc::REFERENCE_MAX_FRAMES
                && committed.end.saturating_sub(committed.toc_offset) <= mv2::toc::REFERENCE_MAX_TOC,
        }))
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
    // Removed documents still take their share of the full text.
    let lex: u64 = committed
        .lex_sections()
        .iter()
        .map(|section| section.bytes_length)
        .sum();
    let frames = committed.frame_count().max(1);
    let removed = committed.directory.totals().deleted.min(frames);
    let sections = sections - (u128::from(lex) * u128::from(removed) / u128::from(frames)) as u64;
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
        + indexes
        + table
}

/// Payload and decoded bytes of active frames, with the log's.
fn pending_bytes(snapshot: &Snapshot, mut payload: u64, mut logical: u64) -> Result<(u64, u64)> {
    let first = snapshot.committed.frame_count();
    for (&id, change) in &snapshot.pending.changes {
        if id < first
            && change.status != 0
            && snapshot
                .committed
                .directory
                .record(id)
                .is_some_and(|r| r.flags.status() == 0)
        {
            let view = snapshot.view(id)?;
            payload = payload.saturating_sub(view.payload_length);
            logical = logical.saturating_sub(view.canonical_length.unwrap_or(0));
        }
    }
    for index in 0..snapshot.pending.frames.len() as u64 {
        let id = first + index;
        if snapshot
            .brief(id)
            .is_some_and(|brief| brief.flags.status() == 0)
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

/// Number and dimension of the stored vectors.
fn vectors(snapshot: &Snapshot) -> (u64, Option<u32>) {
    let tail = &snapshot.committed.tail;
    let flat = tail
        .indexes
        .vec
        .as_ref()
        .filter(|manifest| manifest.bytes_length > 8);
    let (count, dimension) = match flat {
        Some(manifest) => (manifest.vector_count, manifest.dimension),
        None => {
            let segments = &tail.segment_catalog.vec_segments;
            let dimension = segments
                .iter()
                .map(|segment| segment.dimension)
                .find(|&dimension| dimension > 0);
            (
                segments.iter().map(|segment| segment.vector_count).sum(),
                dimension.unwrap_or(0),
            )
        }
    };
    (
        count,
        Some(dimension).filter(|&dimension| dimension > 0 && count > 0),
    )
}

/// provider, model, dimension, normalized.
type Identity = (Option<String>, Option<String>, Option<u64>, Option<bool>);

fn identities(snapshot: &Snapshot, committed_has_some: bool) -> Result<BTreeMap<Identity, u64>> {
    let mut counts = BTreeMap::new();
    let first = if committed_has_some {
        0
    } else {
        snapshot.committed.frame_count()
    };
    for id in first..snapshot.frame_count() {
        if !snapshot.is_visible(id, AsOf::default()) {
            continue;
        }
        let view = snapshot.view(id)?;
        let text = |key: &str| {
            view.extra_metadata
                .get(key)
                .map(|value| value.trim().trim_matches('"'))
                .filter(|value| !value.is_empty())
        };
        let provider = text("memvid.embedding.provider").map(str::to_lowercase);
        let model = text("memvid.embedding.model").map(str::to_owned);
        if provider.is_none() && model.is_none() {
            continue;
        }
        let dimension = text("memvid.embedding.dimension").and_then(|value| value.parse().ok());
        let normalized = text("memvid.embedding.normalized").and_then(|value| {
            match value.to_lowercase().as_str() {
                "true" | "1" | "yes" => Some(true),
                "false" | "0" | "no" => Some(false),
                _ => None,
            }
        });
        *counts
            .entry((provider, model, dimension, normalized))
            .or_insert(0) += 1;
    }
    Ok(counts)
}

fn identity_value((provider, model, dimension, normalized): &Identity) -> Value {
    json!({ "provider": provider, "model": model, "dimension": dimension, "normalized": normalized })
}

fn counted(identities: &BTreeMap<Identity, u64>) -> Vec<Value> {
    let mut ordered: Vec<_> = identities.iter().collect();
    ordered.sort_by_key(|&(_, &count)| std::cmp::Reverse(count));
    ordered
        .into_iter()
        .map(|(identity, count)| {
            let mut value = identity_value(identity);
            value["count"] = json!(count);
            value
        })
        .collect()
}

fn embedding_identity(identities: &BTreeMap<Identity, u64>) -> Value {
    match identities.len() {
        0 => Value::Null,
        1 => identities.keys().next().map_or(Value::Null, identity_value),
        _ => json!({ "mixed": counted(identities) }),
    }
}

fn summary(identities: &BTreeMap<Identity, u64>, vectors: u64, identified: u64) -> Value {
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
        value["identity"] = identities.keys().next().map_or(Value::Null, identity_value);
    }
    value
}
