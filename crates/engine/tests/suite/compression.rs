//! Vectors that are kept product-quantised.

use std::path::Path;
use std::sync::Arc;

use crate::support::{create, fresh, open, vector_of};
use engine::{Code, Document, Embedding, Identity, Memory, OpenMode, OpenOptions, PutOptions};
use mv2::toc::VectorCompression;
use serde_json::{Value, json};

const DIMENSION: usize = 384;

/// Around one of a few centres, as vectors of texts are.
fn vector(number: u64) -> Vec<f32> {
    let centre = vector_of(DIMENSION, 1_000_000 + number % 13);
    let own = vector_of(DIMENSION, number);
    let mut vector: Vec<f32> = centre.iter().zip(own).map(|(a, b)| a + 0.6 * b).collect();
    let length = vector
        .iter()
        .map(|number| number * number)
        .sum::<f32>()
        .sqrt();
    vector.iter_mut().for_each(|number| *number /= length);
    vector
}

fn document(number: u64) -> Document {
    Document {
        embedding: Some(Embedding {
            vector: vector(number).into(),
            identity: Arc::new(Identity {
                model: Some("real".to_owned()),
                ..Identity::default()
            }),
        }),
        ..Document::text(format!("number {number}"), number as i64)
    }
}

fn put(memory: &Memory, numbers: std::ops::Range<u64>) {
    let documents = numbers.map(document).collect();
    memory.put(documents, PutOptions::default()).unwrap();
}

/// In slices, as large batches come.
fn put_slices(memory: &Memory, numbers: std::ops::Range<u64>, expected: Option<u64>) {
    let documents: Vec<Document> = numbers.map(document).collect();
    let options = PutOptions {
        expected,
        ..PutOptions::default()
    };
    let mut slices = documents.chunks(500).map(|slice| Ok(slice.to_vec()));
    memory.put_slices(&mut slices, options).unwrap();
}

fn stat(memory: &Memory, name: &str) -> Value {
    memory.stats().unwrap()[name].clone()
}

fn assert_passes(memory: &Memory) {
    let report = memory.verify(true).unwrap();
    assert_eq!(report.overall_status, "passed", "{report:?}");
}

fn nearest(memory: &Memory, vector: Vec<f32>, recall: &str) -> Vec<u64> {
    let mut request: engine::FindRequest =
        serde_json::from_value(json!({ "query": "", "mode": "sem", "k": 5, "recall": recall }))
            .unwrap();
    request.vector = Some(vector.into());
    let found = memory.find(request).unwrap();
    assert_eq!(found.warnings, Vec::<String>::new());
    found.hits.iter().map(|hit| hit.frame_id).collect()
}

fn distance(left: &[f32], right: &[f32]) -> f32 {
    let squares = left.iter().zip(right).map(|(a, b)| (a - b) * (a - b));
    squares.sum::<f32>().sqrt()
}

/// Vectors of frames that are those of their numbers, about, and found by them.
fn assert_near(memory: &Memory, frames: impl Iterator<Item = u64>, most: f32) {
    let snapshot = memory.snapshot("test").unwrap();
    for id in frames {
        let stored = snapshot.vector(id).unwrap().unwrap();
        let away = distance(&stored, &vector(id));
        assert!(away <= most, "frame {id} is {away} away");
        if id % 50 == 0 {
            assert_eq!(nearest(memory, vector(id), "normal")[0], id);
            assert_eq!(nearest(memory, vector(id), "exact")[0], id);
        }
    }
}

/// Form, number of vectors and bytes of what the reference reads.
fn reference_sees(path: &Path) -> (VectorCompression, u64, u64) {
    let bytes = std::fs::read(path).unwrap();
    let located = mv2::recover::locate(&bytes, path).unwrap();
    let tail = mv2::toc::decode(located.toc(&bytes).unwrap()).unwrap().tail;
    let manifest = tail.indexes.vec.unwrap();
    let start = manifest.bytes_offset as usize;
    let blob = &bytes[start..start + manifest.bytes_length as usize];
    assert_eq!(*blake3::hash(blob).as_bytes(), manifest.checksum);
    (
        manifest.compression_mode,
        manifest.vector_count,
        manifest.bytes_length,
    )
}

const HEAD: u64 = 394_004;

#[test]
fn a_file_that_is_set_to_it_keeps_vectors_quantised() {
    let (_folder, path) = fresh();
    let options = OpenOptions {
        mode: OpenMode::Create,
        vector_compression: Some(true),
        ..OpenOptions::default()
    };
    let memory = Memory::open(&path, options).unwrap();
    let reason = |memory: &Memory| stat(memory, "vector_compression_reason");
    assert!(reason(&memory).as_str().unwrap().contains("no vectors"));
    put(&memory, 0..99);
    memory.seal().unwrap();
    assert_eq!(stat(&memory, "vector_compression"), "none");
    assert!(reason(&memory).as_str().unwrap().starts_with("99 vectors"));
    assert_eq!(
        reference_sees(&path),
        (VectorCompression::None, 99, 8 + 99 * 1552)
    );
    // Another handle goes on with the setting. Few vectors are their own centroids.
    let memory = open(&path);
    put(&memory, 99..200);
    memory.seal().unwrap();
    assert_eq!(stat(&memory, "vector_compression"), "pq96");
    assert_eq!(reason(&memory), Value::Null);
    assert_eq!(
        reference_sees(&path),
        (VectorCompression::Pq96, 200, HEAD + 200 * 112)
    );
    assert_near(&memory, 0..200, 1e-6);
    assert_passes(&memory);
    // Vectors that come alone are tails as they are given, until the base is written anew.
    put(&memory, 200..210);
    assert_near(&memory, 200..210, 0.0);
    put_slices(&memory, 210..1800, None);
    assert_eq!(
        reference_sees(&path),
        (VectorCompression::Pq96, 1800, HEAD + 1800 * 112)
    );
    assert_near(&memory, 0..1800, 0.5);
    assert_eq!(stat(&memory, "vector_count"), 1800);
    let memory = open(&path);
    assert_near(&memory, 0..1800, 0.5);
    assert_passes(&memory);

    // Updating and removing, as ever.
    let old = memory.snapshot("test").unwrap().vector(7).unwrap();
    let updated = memory.update(7, engine::document_at).unwrap();
    assert_eq!(
        memory.snapshot("test").unwrap().vector(updated).unwrap(),
        old
    );
    memory.remove(&[8, 9]).unwrap();
    memory.close().unwrap();
    let memory = open(&path);
    let snapshot = memory.snapshot("test").unwrap();
    assert_eq!(
        snapshot.vector(updated).unwrap(),
        old,
        "nothing more is lost"
    );
    assert_eq!(stat(&memory, "vector_count"), 1798);
    assert_passes(&memory);
}

#[test]
fn a_file_of_one_large_batch_takes_a_fraction() {
    let sizes = [false, true].map(|is_on| {
        let (_folder, path) = fresh();
        let memory = create(&path);
        memory.set_vector_compression(is_on).unwrap();
        put_slices(&memory, 0..3000, Some(3000));
        memory.close().unwrap();
        let memory = open(&path);
        let form = if is_on { "pq96" } else { "none" };
        assert_eq!(stat(&memory, "vector_compression"), form);
        assert_eq!(reference_sees(&path).1, 3000);
        assert_near(&memory, 0..3000, 0.5);
        assert_passes(&memory);
        stat(&memory, "size_bytes").as_u64().unwrap()
    });
    assert!(sizes[0] - sizes[1] > 3_500_000, "{sizes:?}");
}

#[test]
fn what_is_there_is_quantised_with_what_comes_and_stays_so() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put(&memory, 0..600);
    memory.seal().unwrap();
    memory.set_vector_compression(true).unwrap();
    let generation = stat(&memory, "generation");
    memory.set_vector_compression(true).unwrap();
    assert_eq!(stat(&memory, "generation"), generation, "nothing to do");
    assert_eq!(stat(&memory, "vector_compression"), "none");
    let reason = stat(&memory, "vector_compression_reason");
    assert!(reason.as_str().unwrap().contains("next commit"), "{reason}");
    assert_near(&memory, 0..600, 0.0);
    put(&memory, 600..601);
    memory.seal().unwrap();
    assert_eq!(reference_sees(&path).0, VectorCompression::Pq96);
    assert_near(&memory, 0..601, 0.5);
    let rough = memory.snapshot("test").unwrap().vector(3).unwrap();

    // Off: new ones are whole; those that were quantised stay what they are.
    memory.set_vector_compression(false).unwrap();
    assert_eq!(stat(&memory, "vector_compression"), "pq96");
    put(&memory, 601..640);
    memory.close().unwrap();
    let memory = open(&path);
    assert_eq!(stat(&memory, "vector_compression"), "none");
    assert_eq!(
        reference_sees(&path),
        (VectorCompression::None, 640, 8 + 640 * 1552)
    );
    assert_near(&memory, 601..640, 0.0);
    assert_eq!(memory.snapshot("test").unwrap().vector(3).unwrap(), rough);
    assert_passes(&memory);
}

#[test]
fn other_sizes_stay_whole() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let options = PutOptions {
        vector_compression: true,
        ..PutOptions::default()
    };
    let documents = (0..300).map(|number| Document {
        embedding: Some(Embedding {
            vector: vector_of(48, number).into(),
            identity: Arc::default(),
        }),
        ..Document::text(format!("number {number}"), 0)
    });
    memory.put(documents.collect(), options).unwrap();
    memory.seal().unwrap();
    assert_eq!(stat(&memory, "vector_compression"), "none");
    let reason = stat(&memory, "vector_compression_reason");
    assert!(
        reason
            .as_str()
            .unwrap()
            .starts_with("Vectors of 48 numbers"),
        "{reason}"
    );
    assert_eq!(reference_sees(&path).0, VectorCompression::None);
    let snapshot = memory.snapshot("test").unwrap();
    assert_eq!(*snapshot.vector(5).unwrap().unwrap(), *vector_of(48, 5));
}

#[test]
fn a_rewritten_file_keeps_setting_and_codes() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    memory.set_vector_compression(true).unwrap();
    put_slices(&memory, 0..2000, Some(2000));
    let rough: Vec<_> = [5, 1500]
        .map(|id| memory.snapshot("test").unwrap().vector(id).unwrap())
        .to_vec();
    // Removing most of it has the file written anew.
    let removed: Vec<u64> = (0..2000).filter(|id| id % 5 != 0).collect();
    memory.remove(&removed).unwrap();
    memory.close().unwrap();
    let memory = open(&path);
    assert_eq!(stat(&memory, "vector_compression"), "pq96");
    assert_eq!(
        reference_sees(&path),
        (VectorCompression::Pq96, 400, HEAD + 400 * 112)
    );
    let kept: Vec<_> = [5, 1500]
        .map(|id| memory.snapshot("test").unwrap().vector(id).unwrap())
        .to_vec();
    assert_eq!(kept, rough);
    assert_passes(&memory);
    // With fewer than can be quantised, what is left of them is whole again.
    let removed: Vec<u64> = (0..2000).filter(|id| id % 5 == 0 && id % 50 != 0).collect();
    memory.remove(&removed).unwrap();
    put(&memory, 2000..2001);
    memory.close().unwrap();
    let memory = open(&path);
    assert_eq!(reference_sees(&path).0, VectorCompression::None);
    let reason = stat(&memory, "vector_compression_reason");
    assert!(
        reason.as_str().unwrap().starts_with("41 vectors"),
        "{reason}"
    );
    assert_eq!(
        memory.snapshot("test").unwrap().vector(1500).unwrap(),
        rough[1]
    );
    assert_passes(&memory);
}

#[test]
fn new_vectors_for_all_are_quantised_by_centroids_of_their_own() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    memory.set_vector_compression(true).unwrap();
    put_slices(&memory, 0..1100, None);
    let ids: Vec<u64> = (0..1100).collect();
    let vectors: Vec<f32> = ids
        .iter()
        .flat_map(|id| vector(*id).into_iter().map(|n| 40.0 - n))
        .collect();
    let identity = || Identity {
        model: Some("other".to_owned()),
        ..Identity::default()
    };
    memory
        .stage_vectors(&ids[..700], &vectors[..700 * DIMENSION], identity())
        .unwrap();
    memory
        .stage_vectors(&ids[700..], &vectors[700 * DIMENSION..], identity())
        .unwrap();
    assert_eq!(memory.swap_vectors(identity(), &[]).unwrap().swapped, 1100);
    assert_eq!(stat(&memory, "vector_compression"), "pq96");
    let snapshot = memory.snapshot("test").unwrap();
    for id in [0, 699, 700, 1099] {
        let stored = snapshot.vector(id).unwrap().unwrap();
        let as_was: Vec<f32> = stored.iter().map(|number| 40.0 - number).collect();
        assert!(distance(&as_was, &vector(id)) < 0.5);
    }
    assert_passes(&memory);
}

#[test]
fn a_damaged_codebook_or_code_is_found() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    memory.set_vector_compression(true).unwrap();
    put(&memory, 0..150);
    memory.close().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let located = mv2::recover::locate(&whole, &path).unwrap();
    let tail = mv2::toc::decode(located.toc(&whole).unwrap()).unwrap().tail;
    let start = tail.indexes.vec.unwrap().bytes_offset as usize;
    for (at, is_read) in [
        (0, false),
        (8, false),
        (16 + 3, false),
        (394_004 - 1, false),
        (394_004 + 1, false),
        (394_004 + 8, true),
        (394_004 + 20, true),
    ] {
        let mut bytes = whole.clone();
        bytes[start + at] ^= 0x55;
        std::fs::write(&path, &bytes).unwrap();
        let memory = open(&path);
        assert_eq!(
            memory.verify(true).unwrap().overall_status,
            "failed",
            "byte {at}"
        );
        let count = stat(&memory, "vector_count");
        assert_eq!(count, if is_read { 150 } else { 0 }, "byte {at}");
    }
}

#[test]
fn a_handle_without_vectors_or_writing_cannot_set_it() {
    let (_folder, path) = fresh();
    create(&path).close().unwrap();
    let without = OpenOptions {
        enable_vec: false,
        ..OpenOptions::default()
    };
    let refused = Memory::open(&path, without)
        .unwrap()
        .set_vector_compression(true);
    assert_eq!(refused.unwrap_err().code, Code::VecIndexDisabled);
    let reader = OpenOptions {
        read_only: true,
        ..OpenOptions::default()
    };
    assert!(
        Memory::open(&path, reader)
            .unwrap()
            .set_vector_compression(true)
            .is_err()
    );
}

/// Takes everything that is ours alone out of a file, so that it is what another program could have written.
fn make_foreign(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let located = mv2::recover::locate(&bytes, path).unwrap();
    let toc = located.toc(&bytes).unwrap();
    let decoded = mv2::toc::decode(toc).unwrap();
    let mut head = decoded.head;
    head.segments.clear();
    let first = *decoded.frame_offsets.first().unwrap() as usize;
    let frames = &toc[first..decoded.frames_end as usize];
    let count = decoded.frames.len() as u64;
    let toc = mv2::toc::encode(&head, count, &[frames], &decoded.tail);
    let footer = mv2::footer::Footer::for_toc(&toc, located.footer.generation + 1);
    let header = mv2::header::Header {
        toc_checksum: *toc.last_chunk().unwrap(),
        ..located.header
    };
    bytes.truncate(located.toc_offset as usize);
    bytes.extend_from_slice(&toc);
    bytes.extend_from_slice(&footer.encode());
    let page = header.encode();
    bytes[..page.len()].copy_from_slice(&page);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn quantised_vectors_of_another_program_are_taken_over_as_they_are() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    memory.set_vector_compression(true).unwrap();
    put(&memory, 0..700);
    memory.close().unwrap();
    let sees = reference_sees(&path);
    make_foreign(&path);
    let memory = open(&path);
    assert_eq!(stat(&memory, "vector_compression"), "pq96");
    assert_eq!(stat(&memory, "vector_count"), 700);
    let snapshot = memory.snapshot("test").unwrap();
    let rough: Vec<_> = (0..700)
        .map(|id| snapshot.vector(id).unwrap().unwrap())
        .collect();
    assert!(distance(&rough[9], &vector(9)) < 0.5);
    // Any commit makes the blob ours where it stands.
    memory
        .put(vec![Document::text("words", 1)], PutOptions::default())
        .unwrap();
    memory.seal().unwrap();
    assert_eq!(reference_sees(&path), sees);
    assert_near(&memory, 0..700, 0.5);
    assert_passes(&memory);
    // The file goes on as it was, with the centroids that are there.
    put(&memory, 701..740);
    memory.close().unwrap();
    let memory = open(&path);
    assert_eq!(
        reference_sees(&path),
        (VectorCompression::Pq96, 739, HEAD + 739 * 112)
    );
    let snapshot = memory.snapshot("test").unwrap();
    for (id, rough) in (0..).zip(&rough) {
        assert_eq!(snapshot.vector(id).unwrap().as_ref(), Some(rough));
    }
    assert_near(&memory, 701..740, 0.5);
    // Until it is told otherwise.
    make_foreign(&path);
    let memory = open(&path);
    memory.set_vector_compression(false).unwrap();
    put(&memory, 740..741);
    memory.close().unwrap();
    assert_eq!(reference_sees(&path).0, VectorCompression::None);
    assert_passes(&open(&path));
}
