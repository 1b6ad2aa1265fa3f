//! Vectors: stored, kept and found again on every way that documents take.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::{self, create, fresh, open, put_document as put, vector_of};
use engine::{
    Code, Content, Dedupe, Document, Embedding, Identity, Memory, OpenOptions, PutOptions, Result,
    SelectionRequest,
};
use serde_json::json;

const DIMENSION: usize = 24;

fn vector(seed: u64) -> Vec<f32> {
    vector_of(DIMENSION, seed)
}

fn embedding(vector: Vec<f32>) -> Embedding {
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

fn document(number: u64) -> Document {
    Document {
        embedding: Some(embedding(vector(number))),
        ..Document::text(
            format!("keyword{number}x of number {number}"),
            number as i64,
        )
    }
}

/// Every frame's vector is the one of its number in `expected`, and no other frame has one.
fn assert_holds(memory: &Memory, expected: &BTreeMap<u64, u64>) {
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

fn assert_passes(memory: &Memory) {
    let report = memory.verify(true).unwrap();
    assert_eq!(report.overall_status, "passed", "{report:?}");
}

/// What the reference reads: frame and numbers.
fn reference_vectors(path: &Path) -> BTreeMap<u64, Vec<f32>> {
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

fn in_order(ids: impl IntoIterator<Item = u64>) -> BTreeMap<u64, u64> {
    ids.into_iter().map(|id| (id, id)).collect()
}

#[test]
fn vectors_pass_through_log_commit_and_reopening() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let mut expected = BTreeMap::new();
    for number in 0..40 {
        if number % 4 == 3 {
            put(&memory, Document::text("without a vector", 1));
        } else {
            expected.insert(put(&memory, document(number)), number);
        }
    }
    assert_holds(&memory, &expected);
    // Another handle reads the log.
    assert_holds(&open(&path), &expected);
    memory.seal().unwrap();
    assert_holds(&memory, &expected);
    assert_holds(&open(&path), &expected);
    let seen = reference_vectors(&path);
    assert_eq!(seen.len(), expected.len());
    for (id, number) in &expected {
        assert_eq!(seen[id], vector(*number));
    }
    for number in 40..60 {
        expected.insert(put(&memory, document(number)), number);
    }
    memory.close().unwrap();
    let memory = open(&path);
    assert_holds(&memory, &expected);
    assert_passes(&memory);
    assert_eq!(
        reference_vectors(&path).len(),
        expected.len(),
        "small files are one base"
    );
}

fn put_slices(memory: &Memory, numbers: std::ops::Range<u64>, expected: Option<u64>) -> Vec<u64> {
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

#[test]
fn large_batches_keep_their_vectors_whether_or_not_it_is_known_how_many_come() {
    for expected in [None, Some(2500), Some(3000), Some(700)] {
        let (_folder, path) = fresh();
        let memory = create(&path);
        assert_eq!(put_slices(&memory, 0..2500, expected).len(), 2500);
        assert_holds(&memory, &in_order(0..2500));
        assert_holds(&open(&path), &in_order(0..2500));
        assert_eq!(reference_vectors(&path).len(), 2500, "{expected:?}");
        assert_passes(&memory);
        // A second batch, then single ones, then all of it in one.
        put_slices(&memory, 2500..5000, expected);
        for number in 5000..5100 {
            put(&memory, document(number));
        }
        assert_holds(&memory, &in_order(0..5100));
        memory.close().unwrap();
        let memory = open(&path);
        assert_holds(&memory, &in_order(0..5100));
        assert_passes(&memory);
        assert_eq!(reference_vectors(&path).len(), 5100);
        if expected == Some(2500) {
            assert!(memory.stats().unwrap()["dead_bytes"].as_u64().unwrap() < 8 << 20);
        }
    }
}

#[test]
fn split_documents_have_one_vector_and_batches_mix_kinds() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let long = |number: u64| Document {
        content: Content::Text(format!("keyword{number}x the quick brown fox ").repeat(200)),
        ..document(number)
    };
    let mut documents = Vec::new();
    let mut numbers = Vec::new();
    for number in 0..900 {
        numbers.push((number % 5 != 2).then_some(number));
        documents.push(match number % 5 {
            0 => long(number),
            2 => Document::text("none", 3),
            _ => document(number),
        });
    }
    let ids = memory.put(documents, PutOptions::default()).unwrap().ids;
    let expected: BTreeMap<u64, u64> = ids
        .iter()
        .zip(&numbers)
        .filter_map(|(id, number)| Some((*id, (*number)?)))
        .collect();
    assert_holds(&memory, &expected);
    memory.close().unwrap();
    assert_holds(&open(&path), &expected);
}

#[test]
fn removed_and_replaced_documents_leave_with_their_vectors() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_slices(&memory, 0..3000, Some(3000));
    let full = std::fs::metadata(&path).unwrap().len();
    let mut expected = in_order(0..3000);
    for id in 0..3000 {
        if id % 7 == 0 {
            expected.remove(&id);
        }
    }
    memory
        .remove(&(0..3000).filter(|id| id % 7 == 0).collect::<Vec<_>>())
        .unwrap();
    assert_holds(&memory, &expected);
    // New text without a vector loses it, an unchanged one keeps it, a new one replaces it.
    let changed = memory
        .update(1, |snapshot, id| {
            let mut document = engine::document_at(snapshot, id)?;
            document.content = Content::Text("something else".to_owned());
            document.embedding = None;
            Ok(document)
        })
        .unwrap();
    let kept = memory
        .update(2, |snapshot, id| {
            let mut document = engine::document_at(snapshot, id)?;
            document.tags = vec!["tagged".to_owned()];
            Ok(document)
        })
        .unwrap();
    let replaced = memory
        .update(3, |snapshot, id| {
            let mut document = engine::document_at(snapshot, id)?;
            document.embedding = Some(embedding(vector(77_777)));
            Ok(document)
        })
        .unwrap();
    for old in [1, 2, 3] {
        expected.remove(&old);
    }
    expected.insert(kept, 2);
    expected.insert(replaced, 77_777);
    assert!(!expected.contains_key(&changed));
    assert_holds(&memory, &expected);
    memory.seal().unwrap();
    assert_holds(&memory, &expected);
    // The past keeps its vectors, but the reference does not see them.
    let snapshot = memory.snapshot("test").unwrap();
    assert_eq!(snapshot.vector(3).unwrap().as_deref(), Some(&*vector(3)));
    assert_eq!(
        reference_vectors(&path).keys().copied().collect::<Vec<_>>(),
        expected.keys().copied().collect::<Vec<_>>()
    );
    memory
        .remove(
            &(0..2900)
                .filter(|id| expected.contains_key(id))
                .collect::<Vec<_>>(),
        )
        .unwrap();
    expected.retain(|id, _| *id >= 2900);
    memory.close().unwrap();
    let memory = open(&path);
    assert_holds(&memory, &expected);
    assert_passes(&memory);
    let left = std::fs::metadata(&path).unwrap().len();
    assert!(left * 2 < full, "{left} bytes are left of {full}");
}

#[test]
fn a_replaced_duplicate_takes_over_the_vector() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put(&memory, document(5));
    let same = Document {
        embedding: None,
        ..document(5)
    };
    let options = PutOptions {
        dedupe: Dedupe::Replace,
        ..PutOptions::default()
    };
    let ids = memory.put(vec![same.clone(), same], options).unwrap().ids;
    assert_eq!(ids, [1, 2]);
    assert_holds(&memory, &BTreeMap::from([(2, 5)]));
}

#[test]
fn vectors_that_cannot_be_compared_are_refused_and_nothing_is_stored() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let with = |numbers: Vec<f32>| Document {
        embedding: Some(embedding(numbers)),
        ..Document::text("text", 1)
    };
    let error =
        |documents: Vec<Document>| memory.put(documents, PutOptions::default()).unwrap_err();
    let mut bad = vector(1);
    bad[7] = f32::NAN;
    let refused = error(vec![document(0), with(bad)]);
    assert_eq!(refused.code, Code::EmbeddingFailed);
    assert!(
        refused.message.contains("documents[1].vector[7]"),
        "{}",
        refused.message
    );
    assert_eq!(error(vec![with(Vec::new())]).code, Code::EmbeddingFailed);
    assert_eq!(error(vec![with(vec![1.0; 5000])]).code, Code::InvalidInput);
    let refused = error(vec![document(0), with(vec![1.0; 5])]);
    assert_eq!(refused.code, Code::VecDimensionMismatch);
    assert_eq!(
        json!(refused.details),
        json!({ "expected": DIMENSION, "actual": 5, "index": 1 })
    );
    assert_eq!(memory.stats().unwrap()["frame_count"], 0);
    put(&memory, document(0));
    assert_eq!(
        error(vec![with(vec![1.0; 5])]).details["expected"],
        DIMENSION
    );
    memory.seal().unwrap();
    assert_eq!(
        error(vec![with(vec![1.0; 5])]).details["expected"],
        DIMENSION
    );
    let declared = Document {
        embedding: Some(Embedding {
            vector: vector(1).into(),
            identity: Arc::new(Identity {
                dimension: Some(384),
                ..Identity::default()
            }),
        }),
        ..Document::text("text", 1)
    };
    assert_eq!(error(vec![declared]).details["expected"], 384);
    // In a batch that is written while it comes.
    let mut slices = vec![
        Ok((1..3000).map(document).collect()),
        Ok(vec![with(vec![1.0; 5])]),
    ]
    .into_iter();
    let refused = memory
        .put_slices(&mut slices, PutOptions::default())
        .unwrap_err();
    assert_eq!(refused.code, Code::VecDimensionMismatch);
    assert_eq!(refused.details["index"], 2999);
    assert_holds(&memory, &in_order(0..1));
    drop(memory);
    let without = OpenOptions {
        enable_vec: false,
        ..OpenOptions::default()
    };
    let memory = Memory::open(&path, without).unwrap();
    let refused = memory
        .put(vec![document(1)], PutOptions::default())
        .unwrap_err();
    assert_eq!(refused.code, Code::VecIndexDisabled);
    assert_eq!(put(&memory, Document::text("words only", 1)), 1);
    let kept = memory.update(0, engine::document_at).unwrap();
    drop(memory);
    assert_holds(&open(&path), &BTreeMap::from([(kept, 0)]));
}

#[test]
fn several_models_are_told_apart() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    for number in 0..5 {
        let mut document = document(number);
        let model = if number < 3 { "first" } else { "second" };
        document.embedding = Some(Embedding {
            identity: Arc::new(Identity {
                provider: Some("local".to_owned()),
                model: Some(model.to_owned()),
                ..Identity::default()
            }),
            ..embedding(vector(number))
        });
        put(&memory, document);
    }
    let anonymous = Document {
        embedding: Some(Embedding {
            vector: vector(9).into(),
            identity: Arc::default(),
        }),
        ..Document::text("nobody knows", 1)
    };
    put(&memory, anonymous);
    let check = |memory: &Memory| {
        let summary = memory.stats().unwrap()["embedding_identity_summary"].clone();
        assert_eq!(summary["kind"], "mixed");
        assert_eq!(summary["total"], 6);
        assert_eq!(summary["unknown"], 1);
        assert_eq!(summary["identities"][0]["model"], "first");
        assert_eq!(summary["identities"][0]["count"], 3);
        assert_eq!(summary["identities"][1]["count"], 2);
    };
    check(&memory);
    memory.seal().unwrap();
    check(&memory);
    memory.remove(&[0, 1, 2, 5]).unwrap();
    let stats = memory.stats().unwrap();
    assert_eq!(stats["embedding_identity"]["model"], "second");
    assert_eq!(stats["vector_count"], 2);
}

#[test]
fn a_crash_while_vectors_are_written_leaves_what_was_there() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_slices(&memory, 0..1000, Some(1000));
    drop(memory);
    let before = std::fs::read(&path).unwrap();
    let memory = open(&path);
    put_slices(&memory, 1000..3000, Some(2000));
    drop(memory);
    let full = std::fs::read(&path).unwrap();
    assert!(full.len() > before.len());
    let step = (full.len() - before.len()) / 9;
    for kept in (before.len()..full.len())
        .step_by(step)
        .chain([full.len() - 56, full.len()])
    {
        let mut crashed = full[..kept].to_vec();
        crashed[..4096].copy_from_slice(&before[..4096]);
        std::fs::write(&path, &crashed).unwrap();
        let memory = open(&path);
        assert_holds(&memory, &in_order(0..1000));
        put_slices(&memory, 1000..2500, None);
        memory.close().unwrap();
        let memory = open(&path);
        assert_holds(&memory, &in_order(0..2500));
        assert_passes(&memory);
    }
}

fn fixture(name: &str) -> Option<(tempfile::TempDir, PathBuf)> {
    let bytes = std::fs::read(support::fixtures("mv2-index")?.join(name)).unwrap();
    let (scratch, path) = fresh();
    std::fs::write(&path, bytes).unwrap();
    Some((scratch, path))
}

fn vector_check(memory: &Memory) -> (String, String) {
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

fn find(memory: &Memory, vector: Vec<f32>) -> engine::FindResult {
    by_meaning(memory, vector).unwrap()
}

fn by_meaning(memory: &Memory, vector: Vec<f32>) -> Result<engine::FindResult> {
    let request = json!({ "query": "", "k": 3, "mode": "sem" });
    let mut request: engine::FindRequest = serde_json::from_value(request).unwrap();
    request.vector = Some(vector.into());
    memory.find(request)
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

#[test]
fn damage_in_vectors_is_found_and_codes_are_made_anew() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_slices(&memory, 0..1500, Some(1500));
    memory.close().unwrap();
    let sound = std::fs::read(&path).unwrap();
    let [vectors, codes] = sections(&sound, &path);
    // A header of codes: they are made anew, and everything is found.
    let mut damaged = sound.clone();
    damaged[codes.start + 20] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    let memory = open(&path);
    assert_holds(&memory, &in_order(0..1500));
    assert_eq!(find(&memory, vector(700)).hits[0].frame_id, 700);
    put(&memory, document(1500));
    memory.close().unwrap();
    assert_passes(&open(&path));
    assert_holds(&open(&path), &in_order(0..1501));
    // A number in the middle of codes or vectors: a deep check finds it, and nothing panics.
    for place in [
        codes.start + codes.len() / 2,
        vectors.start + vectors.len() / 2,
    ] {
        let mut damaged = sound.clone();
        damaged[place] ^= 0x40;
        std::fs::write(&path, &damaged).unwrap();
        let memory = open(&path);
        assert_eq!(vector_check(&memory).0, "failed");
        find(&memory, vector(3));
    }
    // Everywhere at the front of the vectors.
    for place in vectors.start..vectors.start + 40 {
        let mut damaged = sound.clone();
        damaged[place] ^= 0xFF;
        std::fs::write(&path, &damaged).unwrap();
        let memory = open(&path);
        assert_eq!(
            vector_check(&memory).0,
            "failed",
            "byte {}",
            place - vectors.start
        );
        let mut request: engine::FindRequest =
            serde_json::from_value(json!({ "query": "keyword7x", "k": 3, "mode": "auto" }))
                .unwrap();
        request.vector = Some(vector(3).into());
        let _ = memory.find(request);
        let words = json!({ "query": "keyword7x", "k": 3 });
        let found = memory.find(serde_json::from_value(words).unwrap()).unwrap();
        assert_eq!(found.hits[0].frame_id, 7);
    }
}

/// The places of the first section of vectors and of its codes.
fn sections(bytes: &[u8], path: &Path) -> [std::ops::Range<usize>; 2] {
    let located = mv2::recover::locate(bytes, path).unwrap();
    let head = mv2::toc::decode(located.toc(bytes).unwrap()).unwrap().head;
    [0x5645_4354, 0x5645_4343].map(|tag| {
        let segment = head.segments.iter().find(|segment| segment.id >> 32 == tag);
        let segment = segment.unwrap();
        segment.bytes_offset as usize..(segment.bytes_offset + segment.bytes_length) as usize
    })
}

#[test]
fn damage_is_not_hidden_by_writing_on() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_slices(&memory, 0..1500, Some(1500));
    memory.close().unwrap();
    let sound = std::fs::read(&path).unwrap();
    let [vectors, codes] = sections(&sound, &path);
    for place in [
        vectors.start + vectors.len() / 2,
        codes.start + codes.len() / 2,
    ] {
        let mut damaged = sound.clone();
        damaged[place] ^= 0x40;
        std::fs::write(&path, &damaged).unwrap();
        // A commit that would merge, and a batch that would write everything anew.
        let memory = open(&path);
        put(&memory, document(1500));
        memory.seal().unwrap();
        put_slices(&memory, 1501..3001, Some(1500));
        memory.close().unwrap();
        let memory = open(&path);
        let is_in_vectors = vectors.contains(&place);
        let (status, details) = vector_check(&memory);
        // Codes can be made anew from the vectors; a vector cannot.
        let expected = if is_in_vectors { "failed" } else { "passed" };
        assert_eq!(status, expected, "{details}");
        assert_eq!(memory.stats().unwrap()["vector_count"], 3001);
        let found = find(&memory, vector(2500));
        assert_eq!(found.hits[0].frame_id, 2500);
    }
}

#[test]
fn a_section_that_cannot_be_read_is_told_and_kept() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_slices(&memory, 0..1500, Some(1500));
    memory.close().unwrap();
    let sound = std::fs::read(&path).unwrap();
    let [vectors, _] = sections(&sound, &path);
    // The count; the size of the first vector.
    for place in [vectors.start, vectors.start + 16] {
        let mut damaged = sound.clone();
        damaged[place] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        let memory = open(&path);
        let refused = by_meaning(&memory, vector(7)).unwrap_err();
        assert_eq!(refused.code, Code::Corrupt);
        let mut request: engine::FindRequest =
            serde_json::from_value(json!({ "query": "keyword7x", "k": 3, "mode": "auto" }))
                .unwrap();
        request.vector = Some(vector(7).into());
        let found = memory.find(request).unwrap();
        assert_eq!(found.hits[0].frame_id, 7);
        assert!(found.warnings[0].contains("byte"), "{:?}", found.warnings);
        // Another size is refused: these vectors may come back.
        let other = Document {
            embedding: Some(embedding(vec![1.0, 2.0])),
            ..document(0)
        };
        let refused = memory.put(vec![other], PutOptions::default()).unwrap_err();
        assert_eq!(refused.code, Code::VecDimensionMismatch);
        // Writing on, in place and into a new file, loses nothing.
        put(&memory, document(1500));
        memory.seal().unwrap();
        put_slices(&memory, 1501..3001, Some(1500));
        let ids: Vec<u64> = (0..1400).collect();
        memory.remove(&ids).unwrap();
        memory.seal().unwrap();
        memory.close().unwrap();
        let memory = open(&path);
        assert_eq!(vector_check(&memory).0, "failed");
        let refused = by_meaning(&memory, vector(7)).unwrap_err();
        assert_eq!(refused.code, Code::Corrupt);
        drop(memory);
        // Whoever knows the bit gets everything back.
        let mut mended = std::fs::read(&path).unwrap();
        let located = mv2::recover::locate(&mended, &path).unwrap();
        let head = mv2::toc::decode(located.toc(&mended).unwrap())
            .unwrap()
            .head;
        let length = vectors.len() as u64;
        let kept = head.segments.iter().find(|segment| {
            segment.id >> 32 == 0x5645_4354
                && segment.bytes_length == length
                && segment.frame_from == 0
        });
        let kept = kept.unwrap().bytes_offset as usize;
        mended[kept + (place - vectors.start)] ^= 1;
        std::fs::write(&path, &mended).unwrap();
        let memory = open(&path);
        assert_holds(&memory, &in_order(1400..3001));
    }
}

#[test]
fn codes_of_other_frames_are_never_an_answer() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_slices(&memory, 0..1500, Some(1500));
    memory.close().unwrap();
    let sound = std::fs::read(&path).unwrap();
    let [_, codes] = sections(&sound, &path);
    let known: Vec<u8> = [100_u64, 101]
        .iter()
        .flat_map(|id| id.to_le_bytes())
        .collect();
    let inside = sound[codes.clone()]
        .windows(16)
        .position(|window| window == known);
    let place = codes.start + inside.unwrap();
    for (byte, bit) in [(0, 1), (0, 0x80), (5, 1), (7, 0x80)] {
        let mut damaged = sound.clone();
        damaged[place + byte] ^= bit;
        std::fs::write(&path, &damaged).unwrap();
        let memory = open(&path);
        assert_eq!(vector_check(&memory).0, "failed");
        match by_meaning(&memory, vector(100)) {
            Ok(found) => assert_eq!(found.hits[0].frame_id, 100),
            Err(error) => assert_eq!(error.code, Code::Corrupt),
        }
        // They are derived: the next writing makes them anew.
        put(&memory, document(1500));
        put_slices(&memory, 1501..3001, Some(1500));
        memory.close().unwrap();
        let memory = open(&path);
        assert_passes(&memory);
        assert_holds(&memory, &in_order(0..3001));
        assert_eq!(find(&memory, vector(100)).hits[0].frame_id, 100);
    }
}

#[test]
fn a_memory_whose_vectors_are_all_gone_takes_another_size() {
    for is_bulk in [false, true] {
        for (is_replaced, is_sealed) in [(false, false), (false, true), (true, false), (true, true)]
        {
            let (_folder, path) = fresh();
            let memory = create(&path);
            put(&memory, document(0));
            memory.seal().unwrap();
            if is_replaced {
                let text = Document::text("another text".to_owned(), 0);
                memory.update(0, |_, _| Ok(text)).unwrap();
            } else {
                memory.remove(&[0]).unwrap();
            }
            if is_sealed {
                memory.seal().unwrap();
            }
            let other = |seed: u64| Document {
                embedding: Some(embedding(vector_of(7, seed))),
                ..Document::text(format!("other {seed}"), 0)
            };
            if is_bulk {
                let mut slices =
                    (0..4).map(|slice| Ok((0..500).map(|n| other(slice * 500 + n)).collect()));
                memory
                    .put_slices(&mut slices, PutOptions::default())
                    .unwrap();
            } else {
                put(&memory, other(0));
            }
            let next = 1 + u64::from(is_replaced);
            for round in 0..2 {
                assert_eq!(
                    memory.stats().unwrap()["effective_vec_dimension"],
                    7,
                    "{is_bulk} {is_replaced} {is_sealed} {round}"
                );
                assert_eq!(find(&memory, vector_of(7, 0)).hits[0].frame_id, next);
                memory.seal().unwrap();
                assert_passes(&memory);
            }
            let refused = memory
                .put(vec![document(9)], PutOptions::default())
                .unwrap_err();
            assert_eq!(refused.code, Code::VecDimensionMismatch);
        }
    }
}

#[test]
fn frames_that_do_not_exist_size_nothing() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_slices(&memory, 0..300, Some(300));
    memory.close().unwrap();
    let sound = std::fs::read(&path).unwrap();
    let [vectors, codes] = sections(&sound, &path);
    let stride = 16 + 4 * DIMENSION;
    for id in [5000_u64, 1 << 40, 1 << 58, u64::MAX] {
        let mut crafted = sound.clone();
        let place = vectors.start + 8 + 299 * stride;
        assert_eq!(crafted[place..place + 8], 299_u64.to_le_bytes());
        crafted[place..place + 8].copy_from_slice(&id.to_le_bytes());
        // The frames of the codes stand one behind the other.
        let known: Vec<u8> = [298_u64, 299]
            .iter()
            .flat_map(|id| id.to_le_bytes())
            .collect();
        let inside = crafted[codes.clone()]
            .windows(16)
            .position(|window| window == known);
        if let Some(inside) = inside {
            let place = codes.start + inside + 8;
            crafted[place..place + 8].copy_from_slice(&id.to_le_bytes());
        }
        std::fs::write(&path, &crafted).unwrap();
        let memory = open(&path);
        assert_eq!(vector_check(&memory).0, "failed");
        memory.remove(&[0]).unwrap();
        put(&memory, document(300));
        memory.close().unwrap();
        let memory = open(&path);
        // Neither do they end a search: what is missing is told.
        assert_eq!(
            by_meaning(&memory, vector(300)).unwrap_err().code,
            Code::Corrupt
        );
    }
}

#[test]
fn a_part_of_a_memory_is_counted_by_itself() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let of = |user: &str, document: Document| Document {
        metadata: Some(json!({ "user": user }).to_string()),
        ..document
    };
    for number in 0..6 {
        put(&memory, of("ann", document(number)));
    }
    put(&memory, of("bob", document(6)));
    memory.seal().unwrap();
    put(&memory, of("ann", Document::text("plain", 7)));
    put(
        &memory,
        of("ann", Document::text("long text ".repeat(600), 8)),
    );
    memory.remove(&[1]).unwrap();
    let count = |filter: serde_json::Value| {
        let request = SelectionRequest {
            r#where: Some(filter),
            ..SelectionRequest::default()
        };
        memory.selected_stats(&request).unwrap()
    };
    let whole = memory.stats().unwrap();
    let everything = count(json!({}));
    assert_eq!(everything, whole);
    let (ann, bob, eve) = (
        count(json!({ "user": "ann" })),
        count(json!({ "user": "bob" })),
        count(json!({ "user": "eve" })),
    );
    for name in [
        "frame_count",
        "active_frame_count",
        "pending_frame_count",
        "payload_bytes",
        "logical_bytes",
        "vector_count",
    ] {
        let number = |stats: &serde_json::Value| stats[name].as_u64().unwrap();
        assert_eq!(number(&ann) + number(&bob), number(&whole), "{name}");
        assert_eq!(number(&eve), 0, "{name}");
    }
    assert_eq!(ann["vector_count"], 5);
    assert_eq!(bob["embedding_identity_summary"]["total"], 1);
    assert_eq!(eve["effective_vec_dimension"], serde_json::Value::Null);
}

#[test]
fn what_made_the_vector_of_each_document_is_listed() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    for number in 0..3 {
        put(&memory, document(number));
    }
    put(&memory, Document::text("plain", 3));
    let mut nameless = document(4);
    nameless.embedding = Some(Embedding {
        vector: vector(4).into(),
        identity: Arc::default(),
    });
    put(&memory, nameless);
    put(
        &memory,
        Document {
            search_text: Some("searched".to_owned()),
            ..Document::text("long text ".repeat(600), 5)
        },
    );
    memory.remove(&[1]).unwrap();
    for _ in 0..2 {
        let listed = memory.embedded_frames().unwrap();
        assert_eq!(listed.ids, [0, 2, 3, 4, 5]);
        assert_eq!(listed.made_by, [0, 0, -2, -1, -2]);
        assert_eq!(listed.identities[0]["model"], "hash-24");
        assert_eq!(memory.searched_text(3).unwrap(), "plain");
        assert_eq!(memory.searched_text(5).unwrap(), "searched");
        assert_eq!(
            memory.searched_text(1).unwrap_err().code,
            Code::FrameNotFound
        );
        memory.seal().unwrap();
    }
}
