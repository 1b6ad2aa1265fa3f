//! Repair of files of the reference, in which much has no checksum: two places that say the same tell when one of them does
//! not.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{self, fresh, open, put_document};
use engine::{
    Code, DoctorOptions, Document, Embedding, Identity, Memory, OpenOptions, PutOptions,
    SelectionRequest, doctor_file,
};
use mv2::wal::RECORD_HEADER_SIZE;
use serde_json::Value;

/// Title and text of each active document and part, by id.
fn documents(memory: &Memory) -> Vec<(u64, String, String)> {
    let ids = memory.select(&SelectionRequest::default()).unwrap();
    let document = |id| {
        (
            id,
            memory.frame(id).unwrap().title,
            memory.text(id).unwrap(),
        )
    };
    ids.into_iter().map(document).collect()
}

fn doctor(path: &Path) -> Value {
    doctor_file(path, &DoctorOptions::default(), Duration::from_secs(5)).unwrap()
}

fn read_only(path: &Path) -> Result<Memory, engine::Error> {
    let options = OpenOptions {
        read_only: true,
        ..OpenOptions::default()
    };
    Memory::open(path, options)
}

/// The sequence of the last record that the commit contains, and the place where that ends, stand side by side.
#[test]
fn which_records_are_applied_is_settled_by_the_frames_where_the_header_is_damaged() {
    let Some(folder) = support::fixtures("mv2") else {
        return;
    };
    for name in ["cli-putmany.mv2", "crash-pending-many.mv2"] {
        let sound = std::fs::read(folder.join(name)).unwrap();
        let (_folder, path) = fresh();
        std::fs::write(&path, &sound).unwrap();
        let before = documents(&open(&path));
        assert!(before.len() > 5, "{before:?}");
        let mut healed = 0;
        for bit in 32 * 8..48 * 8 {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &bytes).unwrap();
            let refused = read_only(&path).err();
            let report = doctor(&path);
            let expected = if refused.is_some() { "healed" } else { "clean" };
            assert_eq!(report["status"], expected, "{name}, bit {bit}: {report}");
            healed += u64::from(refused.is_some());
            assert_eq!(documents(&open(&path)), before, "{name}, bit {bit}");
        }
        assert!(healed >= 60, "{name}: {healed}");
    }
}

/// Where our records count those that follow in their batch, those of other programs have zeros, which nothing checks.
#[test]
fn a_record_of_another_program_belongs_to_no_batch() {
    let Some(folder) = support::fixtures("mv2") else {
        return;
    };
    let sound = std::fs::read(folder.join("crash-pending-many.mv2")).unwrap();
    let (_folder, path) = fresh();
    std::fs::write(&path, &sound).unwrap();
    let before = documents(&open(&path));
    let header = mv2::header::Header::decode(&sound).unwrap();
    let region = mv2::wal::region(&sound, &header).unwrap();
    let scan = mv2::wal::scan(region, header.wal_sequence);
    assert_eq!(scan.pending().count(), 6);
    for record in scan.pending() {
        let start = (header.wal_offset + record.position) as usize;
        assert!(start + RECORD_HEADER_SIZE < sound.len());
        for bit in 12 * 8..16 * 8 {
            let mut bytes = sound.clone();
            bytes[start + bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &bytes).unwrap();
            match Memory::open(&path, OpenOptions::default()) {
                Ok(memory) if bit < 12 * 8 + 20 => assert_eq!(documents(&memory), before, "{bit}"),
                Ok(memory) => {
                    // It looks like a check of ours that does not hold: damage, or a write that was interrupted.
                    let (found, torn) = (documents(&memory), memory.verify(false).unwrap());
                    assert!(found == before || torn.overall_status == "failed", "{bit}");
                }
                Err(error) => assert_eq!(error.code, Code::Corrupt, "{bit}: {error}"),
            }
        }
    }
}

/// One checksum is all there is of a segment.
#[test]
fn each_vector_of_a_damaged_segment_is_kept_or_named() {
    let Some(folder) = support::fixtures("mv2-index") else {
        return;
    };
    let sound = std::fs::read(folder.join("foreign_vec_segments.mv2")).unwrap();
    let table = support::table_of(&sound);
    let segments = table.tail.segment_catalog.vec_segments;
    assert_eq!(segments.len(), 2);
    let (_folder, path) = fresh();
    let vectors = |memory: &Memory| {
        let snapshot = memory.snapshot("test").unwrap();
        (0..4)
            .map(|id| {
                snapshot
                    .embedding(id)
                    .map(|found| found.map(|found| found.vector.to_vec()))
            })
            .collect::<Vec<_>>()
    };
    std::fs::write(&path, &sound).unwrap();
    let before: Vec<_> = vectors(&open(&path))
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert!(before.iter().all(Option::is_some));
    for segment in &segments {
        let (start, length) = (segment.entry.bytes_offset, segment.entry.bytes_length);
        // Also with a frame of the other segment in place of its own.
        let changes = (start..start + length).flat_map(|at| [(at, 0x41), (at, 2)]);
        for (at, bits) in changes {
            let mut bytes = sound.clone();
            bytes[at as usize] ^= bits;
            std::fs::write(&path, &bytes).unwrap();
            for (found, before) in vectors(&read_only(&path).unwrap()).iter().zip(&before) {
                match found {
                    Ok(found) => assert_eq!(found, before, "{at}"),
                    Err(error) => assert_eq!(error.code, Code::Corrupt, "{at}: {error}"),
                }
            }
            let report = doctor(&path);
            assert_eq!(report["status"], "partial", "{at}: {report}");
            let named = |code: &str, id: usize| {
                let findings = report["findings"].as_array().unwrap();
                let of_code = findings.iter().filter(|finding| finding["code"] == code);
                let mut details = of_code.filter_map(|finding| finding["detail"].as_str());
                details.any(|detail| {
                    let numbers = detail.split(|sign: char| !sign.is_ascii_digit());
                    let numbers: Vec<usize> =
                        numbers.filter_map(|part| part.parse().ok()).collect();
                    matches!(numbers[..], [first, last] if (first..=last).contains(&id))
                        || numbers.contains(&id)
                })
            };
            for (id, found) in vectors(&open(&path)).into_iter().enumerate() {
                let found = found.unwrap();
                assert!(
                    found == before[id] && found.is_some()
                        || found.is_some() && named("frames_unchecked", id)
                        || found.is_none() && named("vectors_damaged", id),
                    "byte {at}, frame {id}: {found:?}, {report}"
                );
            }
        }
    }
}

/// A commit of ours makes one section of what it can read of them.
#[test]
fn a_put_does_not_hide_that_a_segment_is_damaged() {
    let Some(folder) = support::fixtures("mv2") else {
        return;
    };
    let sound = std::fs::read(folder.join("cli-putmany.mv2")).unwrap();
    let table = support::table_of(&sound);
    let segments = table.tail.segment_catalog.vec_segments;
    let (_folder, path) = fresh();
    let mut bytes = sound.clone();
    bytes[segments[1].entry.bytes_offset as usize + 72] ^= 0x10;
    std::fs::write(&path, &bytes).unwrap();
    let told = |memory: &Memory| {
        memory.stats().unwrap()["damage"]
            .as_str()
            .map(str::to_owned)
    };
    let memory = open(&path);
    assert!(told(&memory).is_some());
    put_document(&memory, Document::text("one more", 1));
    memory.close().unwrap();
    // And once more: what was named stays so.
    let memory = open(&path);
    let damage = told(&memory).unwrap();
    assert!(damage.contains("are damaged"), "{damage}");
    assert_eq!(memory.compact().unwrap_err().code, Code::Corrupt);
    put_document(&memory, Document::text("and another", 1));
    memory.close().unwrap();
    let memory = open(&path);
    assert_eq!(told(&memory).unwrap().matches("are damaged").count(), 1);
    let count = |memory: &Memory| memory.stats().unwrap()["vector_count"].as_u64().unwrap();
    assert_eq!(count(&memory), 4);
    drop(memory);
    let report = doctor(&path);
    assert_eq!(report["status"], "partial", "{report}");
    let findings = report["findings"].as_array().unwrap();
    let codes: Vec<&str> = findings
        .iter()
        .filter_map(|finding| finding["code"].as_str())
        .collect();
    assert!(
        codes.contains(&"vec_index_damaged") && codes.contains(&"frames_unchecked"),
        "{report}"
    );
    let memory = open(&path);
    assert_eq!(told(&memory), None);
    // The byte is one of a number: the vector is kept, and named.
    assert_eq!(count(&memory), 6);
}

/// What is left of a ruin does not take the place of vectors that were made since.
#[test]
fn vectors_that_were_made_anew_count_and_not_what_is_left_of_old_ones() {
    let Some(folder) = support::fixtures("mv2") else {
        return;
    };
    let sound = std::fs::read(folder.join("cli-putmany.mv2")).unwrap();
    let table = support::table_of(&sound);
    let segment = &table.tail.segment_catalog.vec_segments[1];
    let dimension = segment.dimension as usize;
    let (_folder, path) = fresh();
    let mut bytes = sound.clone();
    bytes[segment.entry.bytes_offset as usize + 72] ^= 0x10;
    std::fs::write(&path, &bytes).unwrap();
    let memory = open(&path);
    // A document without a vector: something is left to be repaired.
    put_document(&memory, Document::text("one more", 1));
    memory.seal().unwrap();
    let made: Vec<Vec<f32>> = (0..6).map(|id| support::vector_of(dimension, id)).collect();
    let identity = Identity {
        model: Some("another".to_owned()),
        ..Identity::default()
    };
    memory
        .stage_vectors(&[0, 1, 2, 3, 4, 5], &made.concat(), identity.clone())
        .unwrap();
    let swap = memory.swap_vectors(identity, &[6]).unwrap();
    assert_eq!(swap.swapped, 6);
    memory.close().unwrap();
    doctor(&path);
    let memory = open(&path);
    let snapshot = memory.snapshot("test").unwrap();
    for (id, made) in (0..).zip(&made) {
        let found = snapshot.embedding(id).unwrap().unwrap();
        assert_eq!(found.vector[..], made[..], "{id}");
    }
}

/// Our own base is named twice, by its section and where the reference looks.
#[test]
fn a_damaged_base_is_not_copied_again_with_each_rewriting() {
    let (_folder, path) = fresh();
    let memory = support::create(&path);
    let documents = (0..300).map(|number| {
        let mut document = Document::text(format!("number {number}"), 1);
        document.embedding = Some(Embedding {
            vector: support::vector_of(32, number).into(),
            identity: Arc::default(),
        });
        document
    });
    memory
        .put(documents.collect(), PutOptions::default())
        .unwrap();
    memory.close().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let table = support::table_of(&bytes);
    let base = table.tail.indexes.vec.unwrap();
    bytes[base.bytes_offset as usize] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let sections = || {
        let bytes = std::fs::read(&path).unwrap();
        let table = support::table_of(&bytes);
        let ids = table.head.segments.iter().map(|segment| segment.id >> 32);
        ids.filter(|tag| *tag == 0x5645_4354).count()
    };
    assert_eq!(sections(), 1);
    for round in 0..3 {
        let memory = open(&path);
        let large: Vec<Document> = (0..200)
            .map(|number| Document::text(format!("{round} {number} {}", "text ".repeat(300)), 1))
            .collect();
        let stored = memory.put(large, PutOptions::default()).unwrap();
        memory.remove(&stored.ids).unwrap();
        memory.close().unwrap();
        assert_eq!(sections(), 1, "round {round}");
    }
    let report = doctor(&path);
    let findings = report["findings"].as_array().unwrap();
    // The codes vouch for each vector.
    assert!(
        findings
            .iter()
            .all(|finding| finding["code"] != "frames_unchecked"),
        "{report}"
    );
    let memory = open(&path);
    assert_eq!(memory.stats().unwrap()["vector_count"], 300);
}
