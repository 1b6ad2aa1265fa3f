//! What the tests of vectors share.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engine::{Document, Embedding, Identity, Memory, PutOptions, Result};
use serde_json::json;

use super::vector_of;

pub const DIMENSION: usize = 24;

pub fn vector(seed: u64) -> Vec<f32> {
    vector_of(DIMENSION, seed)
}

pub fn embedding(vector: Vec<f32>) -> Embedding {
    Embedding {
        vector: vector.into(),
        identity: Arc::new(Identity {
            provider: Some("Hash".to_owned()),
            model: Some("hash-24".to_owned()),
            dimension: None,
            normalized: Some(false),
        }),
    }
}

pub fn document(number: u64) -> Document {
    Document {
        embedding: Some(embedding(vector(number))),
        ..Document::text(
            format!("keyword{number}x of number {number}"),
            number as i64,
        )
    }
}

/// Every frame's vector is the one of its number in `expected`, and no other frame has one.
pub fn assert_holds(memory: &Memory, expected: &BTreeMap<u64, u64>) {
    let snapshot = memory.snapshot("test").unwrap();
    for id in 0..snapshot.frame_count() {
        let stored = snapshot.vector(id).unwrap();
        let active = snapshot.active_view(id).is_ok();
        match expected.get(&id) {
            Some(number) => assert_eq!(stored.as_deref(), Some(&*vector(*number)), "frame {id}"),
            None => assert!(stored.is_none() || !active, "frame {id}"),
        }
    }
    let stats = memory.stats().unwrap();
    assert_eq!(stats["vector_count"], expected.len());
    if !expected.is_empty() {
        assert_eq!(stats["effective_vec_dimension"], DIMENSION);
        assert_eq!(stats["embedding_identity"]["model"], "hash-24");
        assert_eq!(stats["embedding_identity"]["provider"], "hash");
        assert_eq!(stats["embedding_identity"]["normalized"], false);
        assert_eq!(stats["embedding_identity"]["dimension"], DIMENSION);
        assert_eq!(stats["embedding_identity_summary"]["kind"], "single");
        assert_eq!(stats["embedding_identity_summary"]["total"], expected.len());
        assert_eq!(stats["embedding_identity_summary"]["unknown"], 0);
    }
}

pub fn assert_passes(memory: &Memory) {
    let report = memory.verify(true).unwrap();
    assert_eq!(report.overall_status, "passed", "{report:?}");
}

/// What the reference reads: frame and numbers.
pub fn reference_vectors(path: &Path) -> BTreeMap<u64, Vec<f32>> {
    let bytes = std::fs::read(path).unwrap();
    let located = mv2::recover::locate(&bytes, path).unwrap();
    let tail = mv2::toc::decode(located.toc(&bytes).unwrap()).unwrap().tail;
    let Some(manifest) = tail.indexes.vec else {
        return BTreeMap::new();
    };
    let start = manifest.bytes_offset as usize;
    let blob = &bytes[start..start + manifest.bytes_length as usize];
    assert_eq!(*blake3::hash(blob).as_bytes(), manifest.checksum);
    let number = |at: usize| u64::from_le_bytes(*blob[at..].first_chunk().unwrap());
    assert_eq!(number(0), manifest.vector_count);
    let mut at = 8;
    let mut vectors = BTreeMap::new();
    for _ in 0..number(0) {
        assert_eq!(number(at + 8), u64::from(manifest.dimension));
        let end = at + 16 + 4 * manifest.dimension as usize;
        let numbers = blob[at + 16..end].as_chunks::<4>().0;
        let numbers = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes));
        assert!(vectors.insert(number(at), numbers.collect()).is_none());
        at = end;
    }
    assert_eq!(at, blob.len());
    vectors
}

pub fn in_order(ids: impl IntoIterator<Item = u64>) -> BTreeMap<u64, u64> {
    ids.into_iter().map(|id| (id, id)).collect()
}

pub fn put_slices(
    memory: &Memory,
    numbers: std::ops::Range<u64>,
    expected: Option<u64>,
) -> Vec<u64> {
    let numbers: Vec<u64> = numbers.collect();
    let slices: Vec<Result<Vec<Document>>> = numbers
        .chunks(300)
        .map(|part| Ok(part.iter().copied().map(document).collect()))
        .collect();
    let options = PutOptions {
        expected,
        ..PutOptions::default()
    };
    memory
        .put_slices(&mut slices.into_iter(), options)
        .unwrap()
        .ids
}

pub fn vector_check(memory: &Memory) -> (String, String) {
    let report = memory.verify(true).unwrap();
    let check = report
        .checks
        .iter()
        .find(|check| check.name == "VecIndexDecode");
    let check = check.unwrap();
    (
        check.status.to_owned(),
        check.details.clone().unwrap_or_default(),
    )
}

pub fn find(memory: &Memory, vector: Vec<f32>) -> engine::FindResult {
    by_meaning(memory, vector).unwrap()
}

pub fn by_meaning(memory: &Memory, vector: Vec<f32>) -> Result<engine::FindResult> {
    let request = json!({ "query": "", "k": 3, "mode": "sem" });
    let mut request: engine::FindRequest = serde_json::from_value(request).unwrap();
    request.vector = Some(vector.into());
    memory.find(request)
}
