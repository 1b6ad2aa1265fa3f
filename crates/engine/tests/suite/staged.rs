//! Vectors that wait in the file: seen by no search, carried by everything, put in force at once.

use std::sync::Arc;

use crate::support::{create, fresh, open, put_document as put, vector_of};
use engine::{Code, Document, Embedding, Identity, Memory, OpenOptions, PutOptions, Swap};
use serde_json::{Value, json};

const OLD: usize = 24;
const WIDE: usize = 40;

fn identity(model: &str) -> Identity {
    Identity {
        provider: Some("Hash".to_owned()),
        model: Some(model.to_owned()),
        dimension: None,
        normalized: Some(false),
    }
}

fn document(number: u64) -> Document {
    Document {
        embedding: Some(Embedding {
            vector: vector_of(OLD, number).into(),
            identity: Arc::new(identity("old")),
        }),
        ..Document::text(
            format!("keyword{number}x of number {number}"),
            number as i64,
        )
    }
}

/// A memory with a base, a tail, vectors in the log, a document without one, an updated and a removed one.
fn filled(path: &std::path::Path) -> Memory {
    let memory = create(path);
    let documents = (0..1200).map(document).collect();
    memory.put(documents, PutOptions::default()).unwrap();
    for number in 1200..1210 {
        put(&memory, document(number));
    }
    put(&memory, Document::text("without a vector", 1));
    memory.seal().unwrap();
    put(&memory, document(1211));
    memory
}

/// Stages the vectors `seed + id` of some frames.
fn stage(
    memory: &Memory,
    ids: &[u64],
    dimension: usize,
    seed: u64,
    model: &str,
) -> engine::Result<u64> {
    let vectors: Vec<f32> = ids
        .iter()
        .flat_map(|id| vector_of(dimension, seed + id))
        .collect();
    memory.stage_vectors(ids, &vectors, identity(model))
}

fn staged(memory: &Memory) -> Value {
    memory.stats().unwrap()["staged_vectors"].clone()
}

fn model(memory: &Memory) -> Value {
    memory.stats().unwrap()["embedding_identity"]["model"].clone()
}

fn assert_passes(memory: &Memory) {
    let report = memory.verify(true).unwrap();
    assert_eq!(report.overall_status, "passed", "{report:?}");
}

fn assert_vectors(memory: &Memory, ids: &[u64], dimension: usize, seed: u64) {
    let snapshot = memory.snapshot("test").unwrap();
    for id in ids {
        let stored = snapshot.vector(*id).unwrap().unwrap();
        assert_eq!(*stored, *vector_of(dimension, seed + id), "frame {id}");
    }
    let nearest = |vector: Vec<f32>| {
        let mut request: engine::FindRequest =
            serde_json::from_value(json!({ "query": "", "mode": "sem", "k": 1 })).unwrap();
        request.vector = Some(vector.into());
        memory.find(request).unwrap().hits[0].frame_id
    };
    for id in ids.iter().step_by(97) {
        assert_eq!(nearest(vector_of(dimension, seed + id)), *id);
    }
}

#[test]
fn vectors_wait_until_every_document_has_one() {
    for dimension in [OLD, WIDE] {
        let (_folder, path) = fresh();
        let memory = filled(&path);
        let all: Vec<u64> = (0..1212).collect();
        let old: Vec<u64> = (0..1210).collect();
        assert_eq!(
            stage(&memory, &all[..500], dimension, 90_000, "new").unwrap(),
            500
        );
        assert_eq!(
            stage(&memory, &all[500..1100], dimension, 90_000, "new").unwrap(),
            600
        );
        // Whatever is written meanwhile carries them along: the log, a commit, a large batch, another handle.
        put(&memory, document(1212));
        memory.remove(&[4, 1000]).unwrap();
        let updated = memory.update(7, engine::document_at).unwrap();
        assert_eq!(updated, 1213);
        memory.seal().unwrap();
        let batch = (2000..4000).map(document).collect();
        memory.put(batch, PutOptions::default()).unwrap();
        memory.close().unwrap();
        let memory = open(&path);
        assert_passes(&memory);
        assert_eq!(staged(&memory)["count"], 1100);
        assert_eq!(staged(&memory)["identity"]["provider"], "hash");
        assert_eq!(staged(&memory)["identity"]["dimension"], dimension);
        assert_eq!(model(&memory), "old");
        let kept: Vec<u64> = old
            .iter()
            .copied()
            .filter(|id| ![4, 7, 1000].contains(id))
            .collect();
        assert_vectors(&memory, &kept, OLD, 0);

        // Not yet: the engine tells whose are missing.
        let missing = memory.swap_vectors(identity("new"), &[]).unwrap();
        let left: Vec<u64> = (1100..3214).filter(|id| *id != 1000).collect();
        assert_eq!(missing.missing, left);
        assert_eq!(missing.swapped, 0);
        assert_eq!(staged(&memory)["count"], 1100);
        let generation = memory.stats().unwrap()["generation"].clone();
        // One without a word may stay without; one that has a vector of another size may not.
        let without: Vec<u64> = left
            .iter()
            .copied()
            .filter(|id| *id != 1210 && *id != 3000)
            .collect();
        stage(&memory, &without, dimension, 90_000, "new").unwrap();
        let swap = memory.swap_vectors(identity("new"), &[3000, 1210]).unwrap();
        if dimension == OLD {
            assert_eq!(swap.swapped, 1100 + without.len() as u64);
            assert_eq!(
                memory.stats().unwrap()["embedding_identity"]["mixed"][1]["count"],
                1
            );
        } else {
            let refused = Swap {
                left_behind: vec![3000],
                ..Swap::default()
            };
            assert_eq!(swap, refused);
            stage(&memory, &[3000], dimension, 90_000, "new").unwrap();
            assert!(
                memory
                    .swap_vectors(identity("new"), &[1210])
                    .unwrap()
                    .swapped
                    > 0
            );
            assert_eq!(model(&memory), "new");
        }
        assert_ne!(memory.stats().unwrap()["generation"], generation);
        let active: Vec<u64> = (0..3214)
            .filter(|id| ![4, 7, 1000, 1210, 3000].contains(id))
            .collect();
        for memory in [&memory, &open(&path)] {
            assert_vectors(memory, &active, dimension, 90_000);
            assert_passes(memory);
            assert_eq!(staged(memory), Value::Null);
            let stats = memory.stats().unwrap();
            assert_eq!(stats["effective_vec_dimension"], dimension);
            assert_eq!(stats["vector_count"], 3210);
            assert_eq!(stats["vectors_lost"], 0);
        }
        // Superseded versions: of another size they are gone.
        let snapshot = memory.snapshot("test").unwrap();
        assert_eq!(
            *snapshot.vector(7).unwrap().unwrap(),
            *vector_of(dimension, 90_007)
        );
    }
}

#[test]
fn another_model_or_size_throws_away_what_waits() {
    let (_folder, path) = fresh();
    let memory = filled(&path);
    stage(&memory, &[1, 2, 3], OLD, 0, "new").unwrap();
    stage(&memory, &[4], WIDE, 0, "new").unwrap();
    assert_eq!(staged(&memory)["count"], 1);
    stage(&memory, &[5, 6], WIDE, 0, "other").unwrap();
    assert_eq!(staged(&memory)["identity"]["model"], "other");
    assert_eq!(staged(&memory)["count"], 2);
    // What does not wait cannot be put in force.
    let swap = memory.swap_vectors(identity("new"), &[]).unwrap();
    assert_eq!(swap.missing.len(), 1212);
    // A file with much dead space may have been written anew.
    let live = |memory: &Memory| {
        let stats = memory.stats().unwrap();
        stats["size_bytes"].as_u64().unwrap() - stats["dead_bytes"].as_u64().unwrap()
    };
    let before = live(&memory);
    assert_eq!(memory.discard_staged().unwrap(), 2);
    assert!(live(&memory) < before);
    assert_eq!(staged(&memory), Value::Null);
    assert_eq!(memory.discard_staged().unwrap(), 0);
    // Everything is of the model that is asked for: what waits goes.
    stage(&memory, &[5, 6], WIDE, 0, "other").unwrap();
    let swap = memory.swap_vectors(identity("old"), &[1210]).unwrap();
    assert_eq!(swap, Swap::default());
    assert_eq!(staged(&memory), Value::Null);
    assert_passes(&memory);
}

#[test]
fn what_cannot_be_stored_is_refused() {
    let (_folder, path) = fresh();
    let memory = filled(&path);
    let code = |result: engine::Result<u64>| result.unwrap_err().code;
    let given = |ids: &[u64], vectors: &[f32]| memory.stage_vectors(ids, vectors, identity("new"));
    assert_eq!(given(&[], &[]).unwrap(), 0);
    assert_eq!(code(given(&[1, 1], &[1.0; 4])), Code::InvalidInput);
    assert_eq!(code(given(&[1, 2], &[1.0; 3])), Code::InvalidInput);
    assert_eq!(code(given(&[1], &[f32::NAN])), Code::EmbeddingFailed);
    let declared = Identity {
        dimension: Some(3),
        ..identity("new")
    };
    assert_eq!(
        code(memory.stage_vectors(&[1], &[1.0; 4], declared)),
        Code::VecDimensionMismatch
    );
    // Frames that went meanwhile are left out.
    memory.remove(&[3]).unwrap();
    assert_eq!(given(&[3, 5000], &[1.0; 8]).unwrap(), 0);
    assert_eq!(given(&[3, 4, 5000], &[1.0; 12]).unwrap(), 1);
    let without = OpenOptions {
        enable_vec: false,
        ..OpenOptions::default()
    };
    let without = Memory::open(&path, without).unwrap();
    assert_eq!(
        code(stage(&without, &[1], OLD, 0, "new")),
        Code::VecIndexDisabled
    );
    let reader = OpenOptions {
        read_only: true,
        ..OpenOptions::default()
    };
    let reader = Memory::open(&path, reader).unwrap();
    assert!(stage(&reader, &[1], OLD, 0, "new").is_err());
    assert!(reader.swap_vectors(identity("new"), &[]).is_err());
    assert!(reader.discard_staged().is_err());
}

#[test]
fn a_damaged_slice_is_made_anew() {
    let (_folder, path) = fresh();
    let memory = filled(&path);
    let all: Vec<u64> = (0..1212).collect();
    stage(&memory, &all[..600], WIDE, 90_000, "new").unwrap();
    stage(&memory, &all[600..], WIDE, 90_000, "new").unwrap();
    memory.close().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let needle: Vec<u8> = vector_of(WIDE, 90_300)
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    let at = bytes
        .windows(needle.len())
        .position(|window| window == needle)
        .unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let memory = open(&path);
    assert_eq!(memory.verify(true).unwrap().overall_status, "failed");
    let swap = memory.swap_vectors(identity("new"), &[]).unwrap();
    assert_eq!(swap.missing, all[..600]);
    stage(&memory, &all[..600], WIDE, 90_000, "new").unwrap();
    assert_eq!(
        memory.swap_vectors(identity("new"), &[]).unwrap().swapped,
        1212
    );
    assert_vectors(&memory, &all, WIDE, 90_000);
    assert_passes(&memory);
}
