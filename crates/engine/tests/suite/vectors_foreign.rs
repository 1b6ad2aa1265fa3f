//! Vectors of files of the reference: read, counted where they were lost, and taken over.

use std::path::PathBuf;

use crate::support::vectors::{find, reference_vectors, vector_check};
use crate::support::{self, fresh, open, put_document as put};
use engine::{Document, Memory};
use serde_json::json;

fn fixture(name: &str) -> Option<(tempfile::TempDir, PathBuf)> {
    let bytes = std::fs::read(support::fixtures("mv2-index")?.join(name)).unwrap();
    let (scratch, path) = fresh();
    std::fs::write(&path, bytes).unwrap();
    Some((scratch, path))
}

#[test]
fn what_the_reference_lost_is_counted_and_the_rest_is_kept() {
    let Some((_folder, path)) = fixture("sdk_putmany100.mv2") else {
        return;
    };
    let memory = open(&path);
    let check = |memory: &Memory| {
        let stats = memory.stats().unwrap();
        assert_eq!(
            (&stats["vector_count"], &stats["vectors_lost"]),
            (&json!(55), &json!(45))
        );
        assert_eq!(stats["effective_vec_dimension"], 32);
        let (status, details) = vector_check(memory);
        assert_eq!(status, "failed");
        assert!(
            details.contains("45 frames lost their vectors"),
            "{details}"
        );
        let found = find(memory, vec![1.0; 32]);
        assert_eq!(found.hits.len(), 3);
        assert!(
            found.warnings[0].contains("45 frames lost"),
            "{:?}",
            found.warnings
        );
    };
    check(&memory);
    put(&memory, Document::text("one more", 1));
    memory.seal().unwrap();
    check(&memory);
    assert_eq!(reference_vectors(&path).len(), 55);
    check(&open(&path));
}

#[test]
fn forms_of_the_reference_are_read_and_taken_over() {
    for (name, count, dimension) in [
        ("foreign_flat1000.mv2", 1000, 8),
        ("foreign_vec_segments.mv2", 4, 4),
        ("foreign_pq.mv2", 0, 384),
    ] {
        let Some((_folder, path)) = fixture(name) else {
            return;
        };
        let memory = open(&path);
        let stats = memory.stats().unwrap();
        let stored = stats["vector_count"].as_u64().unwrap();
        assert!(
            stored > 0 && (count == 0 || stored == count),
            "{name}: {stored}"
        );
        assert_eq!(stats["effective_vec_dimension"], dimension, "{name}");
        let (status, details) = vector_check(&memory);
        assert_eq!(status, "passed", "{name}: {details}");
        assert_eq!(details.contains("approximately"), count == 0, "{name}");
        let probe = (0..dimension).map(|index| f32::from(u8::from(index == 1)));
        let before: Vec<_> = find(&memory, probe.clone().collect())
            .hits
            .iter()
            .map(|hit| hit.frame_id)
            .collect();
        assert!(!before.is_empty());
        put(&memory, Document::text("one more", 1));
        memory.seal().unwrap();
        for memory in [&memory, &open(&path)] {
            let found = find(memory, probe.clone().collect());
            let after: Vec<_> = found.hits.iter().map(|hit| hit.frame_id).collect();
            assert_eq!(after, before, "{name}");
            // Quantised ones are from now on kept as ours are.
            assert_eq!(found.warnings.len(), 0, "{name}");
            let stats = memory.stats().unwrap();
            assert_eq!(stats["vector_count"], stored, "{name}");
            let form = if count == 0 { "pq96" } else { "none" };
            assert_eq!(stats["vector_compression"], form, "{name}");
        }
        if count > 0 {
            assert_eq!(reference_vectors(&path).len() as u64, stored, "{name}");
        }
    }
}
