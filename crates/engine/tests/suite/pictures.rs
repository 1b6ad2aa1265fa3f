//! Pictures: stored with their vectors, found by them, and carried along by everything that rewrites a file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{self, create, fresh, open, put_document as put, recommitted, vector_of};
use engine::{
    Code, Content, Dedupe, DoctorOptions, Document, FindRequest, FindResult, Memory, Picture,
    PurgeRequest, PutOptions, doctor_file, document_at, verify_file,
};
use memchr::memmem;
use mv2::codec::Reader;
use mv2::frame::Frame;
use mv2::toc::{ClipIndexManifest, DecodedToc};
use serde_json::{Value, json};

const DIMENSION: usize = 24;

fn picture_of(seed: u64) -> Picture {
    Picture {
        vector: vector_of(DIMENSION, seed).into(),
        model: Arc::from("mobileclip-s2"),
    }
}

fn document(seed: u64) -> Document {
    let mut document = Document::text(String::new(), seed as i64);
    document.content = Content::Bytes(format!("\u{1}picture {seed}").into_bytes());
    document.mime = Some("image/png".to_owned());
    document.title = Some(format!("Picture {seed}"));
    document.metadata = Some(json!({ "even": seed.is_multiple_of(2) }).to_string());
    document.picture = Some(picture_of(seed));
    document
}

fn try_find(memory: &Memory, seed: u64, more: Value) -> engine::Result<FindResult> {
    let mut request = json!({ "query": "", "k": 5, "mode": "clip" });
    for (name, value) in more.as_object().unwrap() {
        request[name] = value.clone();
    }
    let mut request: FindRequest = serde_json::from_value(request).unwrap();
    request.vector = Some(vector_of(DIMENSION, seed).into());
    memory.find(request)
}

fn found(memory: &Memory, seed: u64) -> Vec<u64> {
    let result = try_find(memory, seed, json!({})).unwrap();
    assert_eq!(result.engine, "clip");
    result.hits.iter().map(|hit| hit.frame_id).collect()
}

/// The document that is the picture, to be found first.
fn assert_finds(memory: &Memory, seed: u64, id: u64) {
    let result = try_find(memory, seed, json!({ "k": 1 })).unwrap();
    assert_eq!(result.hits[0].frame_id, id, "picture {seed}");
    assert!(result.hits[0].score > 0.9999, "picture {seed}");
}

fn stats(memory: &Memory) -> (Value, Value) {
    let stats = memory.stats().unwrap();
    (
        stats["picture_count"].clone(),
        stats["picture_model"].clone(),
    )
}

type Entries = Vec<(u64, Vec<f32>)>;

/// The index as any reader of the format sees it.
fn index_of(path: &Path) -> Option<(ClipIndexManifest, Entries)> {
    let bytes = std::fs::read(path).unwrap();
    let toc = toc_of(path, &bytes);
    let manifest = toc.tail.indexes.clip?;
    let start = manifest.bytes_offset as usize;
    let blob = &bytes[start..start + manifest.bytes_length as usize];
    assert_eq!(*blake3::hash(blob).as_bytes(), manifest.checksum);
    let mut reader = Reader::new(blob);
    let entries = (0..reader.u64().unwrap())
        .map(|_| {
            let frame = reader.u64().unwrap();
            let count = reader.u64().unwrap();
            let vector = (0..count).map(|_| reader.f32().unwrap()).collect();
            assert_eq!(reader.u8().unwrap(), 0);
            (frame, vector)
        })
        .collect();
    reader.finish().unwrap();
    Some((manifest, entries))
}

fn toc_of(path: &Path, bytes: &[u8]) -> DecodedToc {
    let located = mv2::recover::locate_quick(bytes, path).unwrap().unwrap();
    mv2::toc::decode(located.toc(bytes).unwrap()).unwrap()
}

fn frames_of(path: &Path) -> Vec<Frame> {
    let bytes = std::fs::read(path).unwrap();
    toc_of(path, &bytes).frames
}

#[test]
fn a_picture_is_found_at_once_after_a_commit_and_after_opening() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let ids: Vec<u64> = (0..5).map(|seed| put(&memory, document(seed))).collect();
    put(&memory, Document::text("No picture.", 9));
    let finds = |memory: &Memory| {
        for seed in 0..5 {
            assert_finds(memory, seed, ids[seed as usize]);
        }
        assert_eq!(found(memory, 3).len(), 5);
        assert_eq!(stats(memory), (json!(5), json!("mobileclip-s2")));
    };
    finds(&memory);
    assert!(index_of(&path).is_none(), "the log holds them");
    memory.seal().unwrap();
    finds(&memory);
    let more = put(&memory, document(5));
    assert_finds(&memory, 5, more);
    memory.close().unwrap();

    let (manifest, entries) = index_of(&path).unwrap();
    assert_eq!(manifest.vector_count, 6);
    assert_eq!(manifest.dimension as usize, DIMENSION);
    assert_eq!(manifest.model_name, "mobileclip-s2");
    let expected = [0, 1, 2, 3, 4, 6].map(|id| (id, vector_of(DIMENSION, id.min(5))));
    assert_eq!(entries, expected);
    let extra = &frames_of(&path)[0].extra_metadata;
    assert_eq!(extra["memvid.clip.model"], "mobileclip-s2");
    assert_eq!(extra["memvid.clip.dimension"], DIMENSION.to_string());
    assert!(!extra.contains_key("memvid.clip.vector"));
    let memory = open(&path);
    assert_finds(&memory, 2, 2);
    assert_finds(&memory, 5, 6);
}

#[test]
fn the_index_and_the_log_are_laid_out_byte_for_byte_as_documented() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let picture = |numbers: [f32; 2]| Document {
        picture: Some(Picture {
            vector: Arc::from(numbers),
            model: Arc::from("m"),
        }),
        ..document(1)
    };
    put(&memory, Document::text("No picture.", 1));
    put(&memory, picture([1.0, -0.5]));
    let waiting = memory.snapshot("test").unwrap().frame(1).unwrap();
    let expected = [
        ("memvid.clip.checksum", "54348539"),
        ("memvid.clip.dimension", "2"),
        ("memvid.clip.model", "m"),
        ("memvid.clip.vector", "0000803f000000bf"),
    ];
    for (key, value) in expected {
        assert_eq!(waiting.extra_metadata[key], value, "{key}");
    }
    put(&memory, picture([0.0, 2.0]));
    memory.close().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let manifest = toc_of(&path, &bytes).tail.indexes.clip.unwrap();
    let blob = [
        [2, 0, 0, 0, 0, 0, 0, 0].as_slice(),
        &[1, 0, 0, 0, 0, 0, 0, 0],
        &[2, 0, 0, 0, 0, 0, 0, 0],
        &[0, 0, 0x80, 0x3F, 0, 0, 0, 0xBF],
        &[0],
        &[2, 0, 0, 0, 0, 0, 0, 0],
        &[2, 0, 0, 0, 0, 0, 0, 0],
        &[0, 0, 0, 0, 0, 0, 0, 0x40],
        &[0],
    ]
    .concat();
    let expected = ClipIndexManifest {
        bytes_offset: manifest.bytes_offset,
        bytes_length: 58,
        vector_count: 2,
        dimension: 2,
        checksum: *blake3::hash(&blob).as_bytes(),
        model_name: "m".to_owned(),
    };
    assert_eq!(manifest, expected);
    assert_eq!(&bytes[manifest.bytes_offset as usize..][..58], blob);
}

#[test]
fn pictures_survive_a_crash_with_the_log() {
    let (folder, path) = fresh();
    let memory = create(&path);
    let id = put(&memory, document(7));
    let copy = folder.path().join("copy.mv2");
    std::fs::copy(&path, &copy).unwrap();
    assert_finds(&open(&copy), 7, id);
}

#[test]
fn a_large_batch_brings_pictures_too() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let count = 3000;
    let documents: Vec<Document> = (0..count)
        .map(|seed| match seed % 3 {
            0 => document(seed),
            _ => Document::text(format!("Text {seed} of many."), seed as i64),
        })
        .collect();
    memory.put(documents, PutOptions::default()).unwrap();
    for seed in [0, 3, 1500, 2997] {
        assert_finds(&memory, seed, seed);
    }
    assert_eq!(stats(&memory).0, json!(1000));
    memory.close().unwrap();
    let (manifest, entries) = index_of(&path).unwrap();
    assert_eq!(manifest.vector_count, 1000);
    assert!(entries.is_sorted_by_key(|(frame, _)| *frame));
    let frames = frames_of(&path);
    assert!(
        frames
            .iter()
            .all(|frame| !frame.extra_metadata.contains_key("memvid.clip.vector"))
    );
}

#[test]
fn searches_heed_filters_pages_and_removed_documents() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    for seed in 0..8 {
        put(&memory, document(seed));
    }
    let finds = |memory: &Memory| {
        let even = try_find(memory, 3, json!({ "where": { "even": true } })).unwrap();
        assert_eq!(even.hits.len(), 4);
        assert!(even.hits.iter().all(|hit| hit.frame_id % 2 == 0));
        assert!(even.hits.iter().all(|hit| hit.metadata["even"] == true));
        let first = try_find(memory, 3, json!({ "k": 3 })).unwrap();
        let cursor = first.next_cursor.unwrap();
        let second = try_find(memory, 3, json!({ "k": 3, "cursor": cursor })).unwrap();
        let all: Vec<u64> = first
            .hits
            .iter()
            .chain(&second.hits)
            .map(|hit| hit.frame_id)
            .collect();
        let whole = try_find(memory, 3, json!({ "k": 6 })).unwrap();
        let whole: Vec<u64> = whole.hits.iter().map(|hit| hit.frame_id).collect();
        assert_eq!(all, whole);
        assert_eq!(first.hits[0].metadata.len(), 1, "nothing of ours is shown");
    };
    finds(&memory);
    memory.seal().unwrap();
    finds(&memory);
    memory.remove(&[3]).unwrap();
    assert!(!found(&memory, 3).contains(&3));
    put(&memory, document(8));
    memory.seal().unwrap();
    assert!(!found(&memory, 3).contains(&3));
    assert_eq!(stats(&memory).0, json!(8));
    drop(memory);
    assert_eq!(index_of(&path).unwrap().0.vector_count, 8);
}

#[test]
fn a_new_version_keeps_the_picture_unless_its_content_changes() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let old = put(&memory, document(1));
    let rename = |memory: &Memory, id: u64| {
        memory
            .update(id, |snapshot, id| {
                let mut document = document_at(snapshot, id)?;
                document.title = Some("Renamed".to_owned());
                Ok(document)
            })
            .unwrap()
    };
    let renamed = rename(&memory, old);
    assert_eq!(found(&memory, 1), [renamed]);
    memory.seal().unwrap();
    let again = rename(&memory, renamed);
    memory.seal().unwrap();
    assert_eq!(found(&memory, 1), [again]);
    // The same bytes once more, without a vector: what is stored counts.
    let same = Document {
        picture: None,
        ..document(1)
    };
    let options = PutOptions {
        dedupe: Dedupe::Replace,
        ..PutOptions::default()
    };
    let replaced = memory.put(vec![same], options).unwrap().ids[0];
    assert_ne!(replaced, again);
    assert_eq!(found(&memory, 1), [replaced]);
}

#[test]
fn one_model_and_one_size_a_file() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let none = try_find(&memory, 1, json!({})).unwrap_err();
    assert_eq!(none.code.as_str(), "MV016");
    assert_eq!(none.details["reason"], "clip");
    let other_size = Document {
        picture: Some(Picture {
            vector: vec![1.0; 8].into(),
            ..picture_of(1)
        }),
        ..document(2)
    };
    let other_model = Document {
        picture: Some(Picture {
            model: Arc::from("clip-vit-base-patch32"),
            ..picture_of(1)
        }),
        ..document(3)
    };
    put(&memory, document(1));
    let refused = |memory: &Memory| {
        let put = |document: &Document, count: usize| {
            let documents = vec![document.clone(); count];
            let before = memory.stats().unwrap()["frame_count"].clone();
            let error = memory.put(documents, PutOptions::default()).unwrap_err();
            assert_eq!(memory.stats().unwrap()["frame_count"], before);
            error
        };
        for count in [1, 3000] {
            assert_eq!(put(&other_size, count).code, Code::VecDimensionMismatch);
            let error = put(&other_model, count);
            assert_eq!(error.code, Code::EmbeddingFailed);
            assert_eq!(error.details["reason"], "other_model");
        }
    };
    refused(&memory);
    memory.seal().unwrap();
    refused(&memory);
    let mut broken = document(4);
    broken.picture = Some(Picture {
        vector: vec![f32::NAN; DIMENSION].into(),
        ..picture_of(1)
    });
    let error = memory.put(vec![broken], PutOptions::default()).unwrap_err();
    assert_eq!(error.code, Code::EmbeddingFailed);
    let short: FindRequest =
        serde_json::from_value(json!({ "query": "", "k": 1, "mode": "clip" })).unwrap();
    assert_eq!(
        memory.find(short.clone()).unwrap_err().code,
        Code::EmbeddingFailed
    );
    let short = FindRequest {
        vector: Some(vec![1.0; 8].into()),
        ..short
    };
    assert_eq!(
        memory.find(short).unwrap_err().code,
        Code::VecDimensionMismatch
    );
}

#[test]
fn rewriting_leaves_out_what_was_removed_and_purging_every_byte_of_it() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    for seed in 0..6 {
        put(&memory, document(seed));
    }
    memory.seal().unwrap();
    memory.remove(&[2]).unwrap();
    memory.compact().unwrap();
    let frames = |path: &Path| -> Vec<u64> {
        let (_, entries) = index_of(path).unwrap();
        entries.into_iter().map(|(frame, _)| frame).collect()
    };
    assert_eq!(frames(&path), [0, 1, 3, 4, 5]);
    assert_finds(&memory, 4, 4);
    put(&memory, document(6));
    let request = PurgeRequest {
        ids: vec![4, 6],
        versions: false,
    };
    memory.purge(&request).unwrap();
    assert_eq!(frames(&path), [0, 1, 3, 5]);
    let bytes = std::fs::read(&path).unwrap();
    for seed in [4, 6] {
        let vector: Vec<u8> = vector_of(DIMENSION, seed)
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        assert!(memmem::find(&bytes, &vector).is_none());
        let digits: String = vector.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(memmem::find(&bytes, digits.as_bytes()).is_none());
    }
    assert_finds(&memory, 5, 5);
}

/// Changes one byte of the vector of the entry with this position.
fn damage_entry(path: &Path, entry: usize) {
    let (manifest, _) = index_of(path).unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    bytes[manifest.bytes_offset as usize + 8 + entry * (17 + 4 * DIMENSION) + 40] ^= 1;
    std::fs::write(path, &bytes).unwrap();
}

fn doctor(path: &Path) -> Value {
    doctor_file(path, &DoctorOptions::default(), Duration::from_secs(10)).unwrap()
}

fn has_finding(report: &Value, code: &str) -> bool {
    let findings = report["plan"]["findings"].as_array().unwrap();
    findings.iter().any(|finding| finding["code"] == code)
}

/// The check of the index of pictures, when there is one.
fn check(path: &Path, deep: bool) -> Option<&'static str> {
    let report = verify_file(path, deep).unwrap();
    let mut checks = report.checks.into_iter();
    let check = checks.find(|check| check.name == "ClipIndexDecode");
    check.map(|check| check.status)
}

#[test]
fn a_damaged_index_is_told_and_a_repair_loses_what_is_damaged_alone() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    for seed in 0..4 {
        put(&memory, document(seed));
    }
    put(&memory, Document::text("A text about ships.", 2));
    memory.close().unwrap();
    assert_eq!(check(&path, true), Some("passed"));
    damage_entry(&path, 2);
    for deep in [false, true] {
        assert_eq!(check(&path, deep), Some("failed"));
    }
    let memory = open(&path);
    let error = try_find(&memory, 1, json!({})).unwrap_err();
    assert_eq!(error.code, Code::Corrupt);
    assert_eq!(error.details["section"], "clip");
    let error = memory
        .put(vec![document(9)], PutOptions::default())
        .unwrap_err();
    assert_eq!(error.code, Code::Corrupt);
    let words: FindRequest = serde_json::from_value(json!({ "query": "ships", "k": 1 })).unwrap();
    assert_eq!(memory.find(words).unwrap().hits.len(), 1);
    assert!(memory.stats().is_ok());
    let renamed = memory.update(4, document_at);
    assert!(renamed.is_ok(), "a text has no picture to be lost");
    assert_eq!(memory.compact().unwrap_err().code, Code::Corrupt);
    memory.close().unwrap();

    let report = doctor(&path);
    assert_eq!(report["status"], "partial", "{report}");
    assert!(has_finding(&report, "picture_index_damaged"));
    assert!(has_finding(&report, "pictures_damaged"));
    let memory = open(&path);
    for seed in [0, 1, 3] {
        assert_finds(&memory, seed, seed);
    }
    assert_eq!(stats(&memory).0, json!(3));
    // It says that it had one: it is told, until it has one again.
    assert_eq!(check(&path, true), Some("failed"));
    let again = memory
        .update(2, |snapshot, id| {
            let mut document = document_at(snapshot, id)?;
            document.picture = Some(picture_of(2));
            Ok(document)
        })
        .unwrap();
    assert_finds(&memory, 2, again);
    memory.close().unwrap();
    assert_eq!(check(&path, true), Some("passed"));
    assert_eq!(doctor(&path)["status"], "clean");
}

#[test]
fn a_damaged_index_is_not_written_over() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    for seed in 0..3 {
        put(&memory, document(seed));
    }
    memory.seal().unwrap();
    put(&memory, document(3));
    drop(memory);
    damage_entry(&path, 1);
    // The log is moved into the file, and then into a new one: what is damaged is told all the same.
    let memory = open(&path);
    put(&memory, Document::text("A text about ships.", 2));
    memory.seal().unwrap();
    let told = |memory: &Memory| {
        let error = try_find(memory, 3, json!({})).unwrap_err();
        assert_eq!(error.code, Code::Corrupt);
    };
    told(&memory);
    // While a file is open no other one gets its number.
    let _first = std::fs::File::open(&path).unwrap();
    let inode = support::inode(&path);
    for round in 0..30 {
        let noise: String = (0..9_000_u64)
            .map(|at| format!("{:016x} ", (at + round).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
            .collect();
        let id = put(&memory, Document::text(noise, 2));
        memory.seal().unwrap();
        memory.remove(&[id]).unwrap();
    }
    assert_ne!(support::inode(&path), inode, "the file was never rewritten");
    told(&memory);
    memory.close().unwrap();
    let report = doctor(&path);
    assert_eq!(report["status"], "partial", "{report}");
    let memory = open(&path);
    for seed in [0, 2, 3] {
        assert_finds(&memory, seed, seed);
    }
    assert_eq!(stats(&memory).0, json!(3));
}

#[test]
fn nothing_is_lost_with_the_place_of_the_index() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    for seed in 0..3 {
        put(&memory, document(seed));
    }
    memory.close().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let (manifest, _) = index_of(&path).unwrap();
    // The entry of the index in the table of contents.
    let name = memmem::rfind(&bytes, manifest.model_name.as_bytes()).unwrap();
    let mut damaged = bytes.clone();
    damaged[name - 20] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    let report = doctor(&path);
    assert_eq!(report["status"], "healed", "{report}");
    let memory = open(&path);
    for seed in 0..3 {
        assert_finds(&memory, seed, seed);
    }
}

#[test]
fn another_model_when_no_picture_is_left() {
    let (folder, path) = fresh();
    let memory = create(&path);
    let old = put(&memory, document(1));
    memory.seal().unwrap();
    let waiting = put(&memory, document(2));
    let other = |seed: u64| Document {
        picture: Some(Picture {
            vector: vector_of(8, seed).into(),
            model: Arc::from("clip-vit-base-patch32"),
        }),
        ..document(seed)
    };
    memory.remove(&[old]).unwrap();
    let refused = memory.put(vec![other(3)], PutOptions::default());
    assert_eq!(refused.unwrap_err().code, Code::EmbeddingFailed);
    memory.remove(&[waiting]).unwrap();
    let new = put(&memory, other(3));
    let finds = |memory: &Memory| {
        let mut request: FindRequest =
            serde_json::from_value(json!({ "query": "", "k": 5, "mode": "clip" })).unwrap();
        request.vector = Some(vector_of(8, 3).into());
        let found = memory.find(request.clone()).unwrap();
        assert_eq!(found.hits.len(), 1);
        assert_eq!(found.hits[0].frame_id, new);
        request.picture_model = Some("mobileclip-s2".to_owned());
        let error = memory.find(request).unwrap_err();
        assert_eq!(error.details["reason"], "other_model");
        let (count, model) = stats(memory);
        assert_eq!((count, model), (json!(1), json!("clip-vit-base-patch32")));
    };
    finds(&memory);
    let copy = folder.path().join("copy.mv2");
    std::fs::copy(&path, &copy).unwrap();
    finds(&open(&copy));
    memory.close().unwrap();
    finds(&open(&path));
    assert_eq!(index_of(&path).unwrap().1.len(), 1);
}

/// A file of another program: frames, and an index of pages of their pictures, not in order.
fn foreign_file(path: &Path, pages: &[(u64, u32, u64)]) {
    let texts = ["A harbour.", "A lighthouse.", "A bridge."];
    let sources: Vec<_> = (0..)
        .zip(texts)
        .map(|(id, text)| {
            mv2::builder::FrameSource::text(&format!("mv2://{id}"), text, text, 1_700_000_000)
        })
        .collect();
    let bytes = mv2::builder::minimal_file(&sources);
    let mut blob = (pages.len() as u64).to_le_bytes().to_vec();
    for (frame, page, seed) in pages {
        blob.extend(frame.to_le_bytes());
        blob.extend((DIMENSION as u64).to_le_bytes());
        let vector = vector_of(DIMENSION, *seed);
        blob.extend(vector.iter().flat_map(|number| number.to_le_bytes()));
        blob.push(1);
        blob.extend(page.to_le_bytes());
    }
    let manifest = ClipIndexManifest {
        bytes_offset: bytes.len() as u64,
        bytes_length: blob.len() as u64,
        vector_count: pages.len() as u64,
        dimension: DIMENSION as u32,
        checksum: *blake3::hash(&blob).as_bytes(),
        model_name: "mobileclip-s2".to_owned(),
    };
    let bytes = recommitted(&bytes, &blob, |table| {
        table.tail.indexes.clip = Some(manifest)
    });
    std::fs::write(path, &bytes).unwrap();
}

#[test]
fn pages_of_another_program_are_found_and_kept() {
    let (_folder, path) = fresh();
    foreign_file(&path, &[(2, 1, 30), (0, 1, 10), (0, 2, 11), (1, 7, 20)]);
    let memory = open(&path);
    let finds = |memory: &Memory| {
        for (seed, id) in [(10, 0), (11, 0), (20, 1), (30, 2)] {
            assert_finds(memory, seed, id);
        }
        let all = found(memory, 11);
        assert_eq!(all.iter().filter(|id| **id == 0).count(), 1);
    };
    finds(&memory);
    assert_eq!(stats(&memory), (json!(3), json!("mobileclip-s2")));
    let id = put(&memory, document(5));
    memory.seal().unwrap();
    finds(&memory);
    assert_finds(&memory, 5, id);
    memory.compact().unwrap();
    finds(&memory);
    memory.close().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let manifest = toc_of(&path, &bytes).tail.indexes.clip.unwrap();
    assert_eq!(manifest.vector_count, 5);
    let start = manifest.bytes_offset as usize;
    let blob = &bytes[start..start + manifest.bytes_length as usize];
    // Four with a page, one without.
    assert_eq!(blob.len(), 8 + 5 * (17 + 4 * DIMENSION) + 4 * 4);
    assert_eq!(check(&path, true), Some("passed"));
}

#[test]
fn lengths_that_lie_are_damage_and_nothing_more() {
    let (_folder, path) = fresh();
    foreign_file(&path, &[(0, 1, 10), (1, 1, 11)]);
    let whole = std::fs::read(&path).unwrap();
    let (start, length) = {
        let manifest = toc_of(&path, &whole).tail.indexes.clip.unwrap();
        (
            manifest.bytes_offset as usize,
            manifest.bytes_length as usize,
        )
    };
    // With a checksum that fits: count, size of a vector, mark of a page, a number that is none.
    for (at, value) in [
        (0, u64::MAX),
        (0, 3),
        (0, 1),
        (16, u64::MAX),
        (16, 1 << 40),
        (16, 0),
        (24, u64::from_le_bytes([0, 0, 0xC0, 0x7F, 0, 0, 0, 0])),
        (24 + 4 * DIMENSION, 9),
    ] {
        let mut bytes = whole.clone();
        bytes[start + at..start + at + 8].copy_from_slice(&value.to_le_bytes());
        let checksum = *blake3::hash(&bytes[start..start + length]).as_bytes();
        let bytes = recommitted(&bytes, &[], |table| {
            table.tail.indexes.clip.as_mut().unwrap().checksum = checksum;
        });
        let copy = path.with_extension("copy.mv2");
        std::fs::write(&copy, &bytes).unwrap();
        let memory = open(&copy);
        let error = try_find(&memory, 10, json!({})).unwrap_err();
        assert_eq!(error.code, Code::Corrupt, "{at}: {value}");
        assert!(memory.stats().is_ok());
    }
}

#[test]
fn vectors_that_another_program_left_in_frames_are_found_and_moved() {
    let (_folder, path) = fresh();
    // As a program does that applies our log without knowing what the fields mean.
    let memory = create(&path);
    put(&memory, document(3));
    let waiting = memory.snapshot("test").unwrap().frame(0).unwrap();
    drop(memory);
    let mut source = mv2::builder::FrameSource::text("mv2://0", "t", "text", 1_700_000_000);
    source.frame.extra_metadata = waiting.extra_metadata;
    assert!(
        source
            .frame
            .extra_metadata
            .contains_key("memvid.clip.vector")
    );
    std::fs::write(&path, mv2::builder::minimal_file(&[source])).unwrap();
    let memory = open(&path);
    assert_finds(&memory, 3, 0);
    put(&memory, Document::text("More.", 2));
    memory.close().unwrap();
    let (_, entries) = index_of(&path).unwrap();
    assert_eq!(entries, [(0, vector_of(DIMENSION, 3))]);
    let memory = open(&path);
    assert_finds(&memory, 3, 0);
    // Of a removed document nothing stays, wherever it was.
    let request = PurgeRequest {
        ids: vec![0],
        versions: false,
    };
    memory.purge(&request).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert!(memmem::find(&bytes, b"memvid.clip").is_none());
    assert!(index_of(&path).is_none());
}
