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

/// A file of the reference with this log: pending record 6 of `crash-pending-one` behind one that is applied, or alone.
fn with_log(name: &str, sequences: &[u64], applied: u64, applied_count: usize) -> Option<Vec<u8>> {
    let folder = support::fixtures("mv2")?;
    let source = std::fs::read(folder.join("crash-pending-one.mv2")).unwrap();
    let header = mv2::header::Header::decode(&source).unwrap();
    let region = mv2::wal::region(&source, &header).unwrap();
    let records = mv2::wal::scan(region, header.wal_sequence).records;
    let mut log = Vec::new();
    let mut end = 0;
    for (index, sequence) in sequences.iter().enumerate() {
        // The list of segments says nothing of frames.
        let record = &records[if index < applied_count { 4 } else { 5 }];
        let start = log.len();
        log.extend_from_slice(&region[record.position as usize..record.payload.end]);
        log[start..start + 8].copy_from_slice(&sequence.to_le_bytes());
        if index < applied_count {
            end = log.len() as u64;
        }
    }
    let mut file = std::fs::read(folder.join(name)).unwrap();
    let own = mv2::header::Header::decode(&file).unwrap();
    let place = own.wal_offset as usize..own.wal_end() as usize;
    file[place.clone()].fill(0);
    file[place.start..place.start + log.len()].copy_from_slice(&log);
    file[32..40].copy_from_slice(&end.to_le_bytes());
    file[40..48].copy_from_slice(&applied.to_le_bytes());
    Some(file)
}

/// One bit of what the header says, or a record, is another one.
#[test]
fn a_pending_record_is_never_passed_over_silently() {
    let (_folder, path) = fresh();
    let cases = [
        // The header says 257.
        ("crash-pending-one.mv2", &[256, 257][..], 256, 1, 40),
        // It says 1 where nothing is applied.
        ("cli-vacuumed.mv2", &[1], 0, 0, 40),
        // The first record says 0, alone and before another.
        ("cli-vacuumed.mv2", &[1], 0, 0, 4096),
        ("cli-vacuumed.mv2", &[1, 2], 0, 0, 4096),
    ];
    for (name, sequences, applied, applied_count, at) in cases {
        let Some(mut bytes) = with_log(name, sequences, applied, applied_count) else {
            return;
        };
        std::fs::write(&path, &bytes).unwrap();
        let before = documents(&read_only(&path).unwrap());
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        match read_only(&path) {
            Ok(memory) => assert_eq!(documents(&memory), before, "{sequences:?}"),
            Err(error) => {
                assert_eq!(error.code, Code::Corrupt, "{sequences:?}: {error}");
                assert_eq!(doctor(&path)["status"], "healed", "{sequences:?}");
            }
        }
        assert_eq!(documents(&open(&path)), before, "{sequences:?}");
    }
}

#[test]
fn a_gap_behind_applied_records_applies_none_of_them_again() {
    let (_folder, path) = fresh();
    for pending in [6, 7, 8] {
        let Some(bytes) = with_log("crash-pending-one.mv2", &[5, pending], 5, 1) else {
            return;
        };
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(documents(&read_only(&path).unwrap()).len(), 3, "{pending}");
    }
}

/// Each call would read the file anew, and take what is damaged for what another process is writing.
#[test]
fn a_sequence_that_was_put_right_is_no_change_of_the_file() {
    let Some(mut bytes) = with_log("cli-vacuumed.mv2", &[1], 0, 0) else {
        return;
    };
    bytes[4096] = 0;
    let (_folder, path) = fresh();
    std::fs::write(&path, &bytes).unwrap();
    let memory = read_only(&path).unwrap();
    let states = [memory.snapshot("test"), memory.snapshot("test")].map(Result::unwrap);
    assert!(Arc::ptr_eq(&states[0], &states[1]));
    assert_eq!(states[0].pending.frames.len(), 1);
}

#[test]
fn a_record_of_ours_goes_where_another_program_appends() {
    let Some(folder) = support::fixtures("mv2") else {
        return;
    };
    let sound = std::fs::read(folder.join("cli-one.mv2")).unwrap();
    let header = mv2::header::Header::decode(&sound).unwrap();
    let (_folder, path) = fresh();
    std::fs::write(&path, &sound).unwrap();
    let memory = open(&path);
    put_document(&memory, Document::text("behind".to_owned(), 1));
    let bytes = std::fs::read(&path).unwrap();
    let scan = mv2::wal::scan(
        mv2::wal::region(&bytes, &header).unwrap(),
        header.wal_sequence,
    );
    let record = scan.pending().next().unwrap();
    assert_eq!(record.position, header.wal_checkpoint_pos);
    assert_eq!(read_only(&path).unwrap().text(1).unwrap(), "behind");
}

/// Where the log was begun anew, the header of the reference stays as it is.
#[test]
fn no_record_ends_where_the_header_notes_the_last_applied_one() {
    let Some(folder) = support::fixtures("mv2") else {
        return;
    };
    let mut sound = std::fs::read(folder.join("cli-one.mv2")).unwrap();
    let header = mv2::header::Header::decode(&sound).unwrap();
    sound[4096..4096 + RECORD_HEADER_SIZE].fill(0);
    let (_folder, path) = fresh();
    // What does not shrink, so that the length of the text is that of the record.
    let mut state = 1_u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b"abcdefghijklmnopqrstuvwxyz0123456789"[(state >> 33) as usize % 36])
    };
    let text: String = (0..2000).map(|_| random()).collect();
    let (mut shorter, mut longer, mut equal) = (0, 0, 0);
    for length in 1150..1220 {
        std::fs::write(&path, &sound).unwrap();
        let memory = open(&path);
        put_document(&memory, Document::text(text[..length].to_owned(), 1));
        let bytes = std::fs::read(&path).unwrap();
        let now = mv2::header::Header::decode(&bytes).unwrap();
        let other = read_only(&path).unwrap();
        assert_eq!(other.text(1).unwrap(), text[..length], "{length}");
        if now.toc_checksum != header.toc_checksum {
            equal += 1;
            continue;
        }
        let scan = mv2::wal::scan(mv2::wal::region(&bytes, &now).unwrap(), now.wal_sequence);
        match scan.head.cmp(&header.wal_checkpoint_pos) {
            std::cmp::Ordering::Less => shorter += 1,
            std::cmp::Ordering::Greater => longer += 1,
            std::cmp::Ordering::Equal => panic!("a text of {length} bytes"),
        }
    }
    assert!(
        shorter > 0 && longer > 0 && equal > 0,
        "{shorter} {equal} {longer}"
    );
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

/// Several records are lost, and which of them had numbers is not known: what names a document behind them may mean another.
#[test]
fn content_is_not_taken_from_a_document_behind_lost_records() {
    let Some(folder) = support::fixtures("mv2") else {
        return;
    };
    let (_folder, path) = fresh();
    let mut bytes = std::fs::read(folder.join("hand-wal-all-record-kinds.mv2")).unwrap();
    bytes[4984..6490].fill(0);
    std::fs::write(&path, &bytes).unwrap();
    let report = doctor(&path);
    assert_eq!(report["status"], "partial");
    let finding = |code: &str| {
        let findings = report["findings"].as_array().unwrap();
        let found = findings.iter().find(|finding| finding["code"] == code);
        found.unwrap_or_else(|| panic!("{code}: {report}")).clone()
    };
    let lost = finding("log_records_lost");
    assert!(lost["message"].as_str().unwrap().contains("other ids"));
    let damaged = finding("payload_damaged");
    let memory = open(&path);
    let texts = documents(&memory);
    let (id, ..) = texts.iter().find(|(.., text)| text == "\u{FFFD}").unwrap();
    assert_eq!(damaged["detail"], format!("frames {id}"));
    assert!(texts.iter().all(|(.., text)| text != "reuse pecans"));
    let again = doctor(&path);
    assert_eq!(again["status"], "clean", "{again}");
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
