//! Repair with what stands twice in a file: a copy vouches for its own commit, and for no other.

use std::path::Path;
use std::sync::Arc;

use crate::support::rescue::{detail, doctor, numbered, put_all, put_each, table_of};
use crate::support::{self, create, fresh, open};
use engine::{Document, Embedding, Identity, Memory, NewCard, OpenOptions};
use serde_json::Value;

#[test]
fn what_stands_behind_the_frames_of_a_damaged_table_is_as_it_was_or_told() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_each(&memory, &numbered("sealed", 3));
    memory.close().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let before = open(&path).stats().unwrap();
    let (start, table, end) = table_of(&whole);
    let tail = start + table.frames_end as usize;
    for at in tail..end {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&path, bytes).unwrap();
        let report = doctor(&path);
        let status = &report["status"];
        assert!(status == "healed" || status == "partial", "{report}");
        let after = open(&path).stats().unwrap();
        for said in ["seq_no", "tier", "capacity_bytes", "has_lex_index"] {
            assert_eq!(after[said], before[said], "{said} {at}: {report}");
        }
    }
}

fn add_city(memory: &Memory, entity: &str, city: &str) {
    let card = NewCard {
        entity: entity.to_owned(),
        slot: "city".to_owned(),
        value: city.to_owned(),
        ..NewCard::default()
    };
    memory.add_memory_cards(&[card]).unwrap();
}

/// A memory of which the table of contents says what nothing else does: a setting, vectors that wait for a reembed, and a
/// track of cards. Gives the bytes of its file.
fn of_many_kinds(path: &Path) -> Vec<u8> {
    let memory = create(path);
    let document = |number: u64| Document {
        embedding: Some(Embedding {
            vector: support::vector_of(8, number).into(),
            identity: Arc::new(Identity::default()),
        }),
        ..Document::text(format!("document {number}"), number as i64)
    };
    let ids: Vec<u64> = (0..12)
        .map(|number| support::put_document(&memory, document(number)))
        .collect();
    memory.set_vector_compression(true).unwrap();
    add_city(&memory, "Alice", "Paris");
    let identity = Identity {
        model: Some("next".to_owned()),
        ..Identity::default()
    };
    let vectors: Vec<f32> = ids
        .iter()
        .flat_map(|id| support::vector_of(16, *id))
        .collect();
    memory.stage_vectors(&ids, &vectors, identity).unwrap();
    memory.seal().unwrap();
    drop(memory);
    std::fs::read(path).unwrap()
}

/// What `stats` says of a file, but for bytes, generations, sections and what waits in the log, which are others after a repair.
fn said(path: &Path) -> Value {
    let memory = open(path);
    let mut stats = memory.stats().unwrap();
    stats["cards"] = memory.memories(None, None).unwrap().count.into();
    let fields = stats.as_object_mut().unwrap();
    fields.retain(|name, _| {
        !name.contains("bytes")
            && !name.contains("generation")
            && !name.contains("percent")
            && !name.contains("segment")
            && !name.contains("pending")
    });
    stats
}

#[test]
fn what_stands_around_the_frames_is_there_twice() {
    let (_folder, path) = fresh();
    let intact = of_many_kinds(&path);
    let before = said(&path);
    assert_eq!(before["staged_vectors"]["count"], 12, "{before}");
    assert!(before["vector_compression_reason"].is_string(), "{before}");
    let (start, table, footer) = table_of(&intact);
    let head = start..start + mv2::toc::decode_head(&intact[start..footer]).unwrap().2 as usize;
    let tail = start + table.frames_end as usize..footer;
    for at in head.chain(tail).step_by(3) {
        let mut damaged = intact.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(&path, &damaged).unwrap();
        let report = doctor(&path);
        assert_eq!(report["status"], "healed", "{at}: {report}");
        assert_eq!(said(&path), before, "{at}: {report}");
    }
}

#[test]
fn where_both_copies_are_damaged_it_is_told() {
    let (_folder, path) = fresh();
    let intact = of_many_kinds(&path);
    let (start, table, _) = table_of(&intact);
    let directory = table.head.segments[0].bytes_offset as usize;
    // Of the first section, which is the directory, the checksum is not in the copy: it is that of the copy.
    let checksum = start + 16 + 24..start + 16 + 24 + 32;
    let head = start..start + mv2::toc::decode_head(&intact[start..]).unwrap().2 as usize;
    for at in head.filter(|at| !checksum.contains(at)).step_by(3) {
        let mut damaged = intact.clone();
        // Behind the header of the directory stands the copy.
        damaged[directory + 160 + at % 64] ^= 0x10;
        damaged[at] ^= 0x08;
        std::fs::write(&path, &damaged).unwrap();
        let report = doctor(&path);
        assert_eq!(report["status"], "partial", "{at}: {report}");
        detail(&report, "section_list_unchecked");
        let after = said(&path);
        assert_eq!(after["active_frame_count"], 12, "{at}: {report}");
        if after["vector_count"] != 12 {
            detail(&report, "vectors_damaged");
        }
    }
    // A checksum says which one is intact when it is not the table of contents.
    let mut damaged = intact.clone();
    damaged[directory + 170] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    let report = doctor(&path);
    assert_eq!(report["status"], "healed", "{report}");
    detail(&report, "directory_damaged");
}

/// Repairs a damaged file. Where nothing is said to be lost, it says what it said before.
fn is_repaired_or_told(path: &Path, damaged: &[u8], before: &Value) -> Value {
    std::fs::write(path, damaged).unwrap();
    let report = doctor(path);
    if report["status"] == "healed" {
        assert_eq!(said(path), *before, "{report}");
    }
    report
}

#[test]
fn the_directory_of_a_commit_before_vouches_for_nothing() {
    type Change = fn(&Memory);
    let changes: [Change; 3] = [
        |memory| memory.set_vector_compression(false).unwrap(),
        |memory| add_city(memory, "Bob", "Lyon"),
        |memory| {
            let texts = numbered("of the last commit", 3);
            put_all(memory, &texts);
            memory.seal().unwrap();
        },
    ];
    for change in changes {
        let (_folder, path) = fresh();
        of_many_kinds(&path);
        let memory = open(&path);
        change(&memory);
        drop(memory);
        let intact = std::fs::read(&path).unwrap();
        let before = said(&path);
        let (start, table, footer) = table_of(&intact);
        let directory = table.head.segments[0].bytes_offset as usize;
        // From anywhere in the last commit to the end of the file.
        for from in (directory..intact.len()).step_by(61) {
            for byte in [0, 0x5A] {
                let mut damaged = intact.clone();
                damaged[from..].fill(byte);
                is_repaired_or_told(&path, &damaged, &before);
            }
        }
        // Its directory, the head of its table and the footer, a byte of each.
        for at in (start..start + 300).step_by(13) {
            let mut damaged = intact.clone();
            damaged[directory + 3] ^= 1;
            damaged[at] ^= 4;
            damaged[footer + 2] ^= 1;
            is_repaired_or_told(&path, &damaged, &before);
        }
    }
}

#[test]
fn the_directory_of_a_commit_that_never_came_into_force_vouches_for_nothing() {
    let (_folder, path) = fresh();
    of_many_kinds(&path);
    let before = std::fs::read(&path).unwrap();
    let memory = open(&path);
    put_all(&memory, &numbered("never acknowledged", 60));
    memory.seal().unwrap();
    drop(memory);
    support::lose_header(&path, &before);
    let memory = open(&path);
    memory.set_vector_compression(false).unwrap();
    put_all(&memory, &numbered("acknowledged", 2));
    memory.seal().unwrap();
    drop(memory);
    let intact = std::fs::read(&path).unwrap();
    let before = said(&path);
    let (start, _, _) = table_of(&intact);
    // The first section is the directory: where it stands, and how many bytes it has.
    for at in start + 16..start + 16 + 76 {
        let mut damaged = intact.clone();
        damaged[at] ^= 2;
        let report = is_repaired_or_told(&path, &damaged, &before);
        assert_eq!(report["status"], "healed", "{at}: {report}");
    }
}

#[test]
fn the_directory_does_not_vouch_for_what_another_program_wrote_since() {
    let (_folder, path) = fresh();
    let ours = of_many_kinds(&path);
    let (_, mut table, footer) = table_of(&ours);
    // It took the cards away.
    table.tail.memories_track = None;
    let frames: Vec<Vec<u8>> = table
        .frames
        .iter()
        .map(mv2::frame::Frame::to_bytes)
        .collect();
    let pieces: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    let encoded = mv2::toc::encode(&table.head, pieces.len() as u64, &pieces, &table.tail);
    let mut theirs = ours[..footer + 56].to_vec();
    let header = mv2::header::Header {
        footer_offset: theirs.len() as u64,
        toc_checksum: mv2::toc::stored_checksum(&encoded).unwrap(),
        ..mv2::header::Header::decode(&ours).unwrap()
    };
    theirs[..mv2::header::HEADER_SIZE].copy_from_slice(&header.encode());
    theirs.extend(&encoded);
    theirs.extend(mv2::footer::Footer::for_toc(&encoded, 99).encode());
    std::fs::write(&path, &theirs).unwrap();
    let before = said(&path);
    assert_eq!(before["cards"], 0, "{before}");
    let end = theirs.len();
    for lost in (1..300).step_by(7) {
        let mut damaged = theirs.clone();
        damaged[end - lost..].fill(0);
        is_repaired_or_told(&path, &damaged, &before);
        assert_ne!(said(&path)["cards"], 1, "{lost}");
    }
}

#[test]
fn a_new_memory_is_made_with_its_setting() {
    for (enable_lex, compresses) in [(true, false), (true, true), (false, true)] {
        let (_folder, path) = fresh();
        let options = OpenOptions {
            mode: engine::OpenMode::Create,
            enable_lex,
            vector_compression: compresses.then_some(true),
            ..OpenOptions::default()
        };
        let memory = Memory::open(&path, options).unwrap();
        put_each(&memory, &numbered("in the log", 3));
        let length = mv2::header::HEADER_SIZE + mv2::header::DEFAULT_WAL_SIZE as usize;
        let before = said(&path);
        let mut bytes = std::fs::read(&path).unwrap();
        drop(memory);
        bytes.truncate(length);
        let report = is_repaired_or_told(&path, &bytes, &before);
        assert_eq!(report["status"], "healed", "{report}");
    }
}

#[test]
fn a_copy_is_taken_when_header_and_end_are_gone() {
    let (_folder, path) = fresh();
    let intact = of_many_kinds(&path);
    let before = said(&path);
    for lost in [57, 100, 200] {
        let mut damaged = intact.clone();
        damaged[20] ^= 1;
        damaged.truncate(intact.len() - lost);
        std::fs::write(&path, &damaged).unwrap();
        let report = doctor(&path);
        assert_ne!(report["status"], "failed", "{lost}: {report}");
        assert_eq!(said(&path), before, "{lost}: {report}");
    }
}

#[test]
fn a_removed_last_frame_that_is_lost_is_known_from_the_table_before() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_all(&memory, &numbered("kept", 10));
    memory.seal().unwrap();
    memory.remove(&[9]).unwrap();
    memory.seal().unwrap();
    drop(memory);
    let intact = std::fs::read(&path).unwrap();
    let before = said(&path);
    let (start, table, _) = table_of(&intact);
    let from = start + *table.frame_offsets.last().unwrap() as usize + 30;
    let mut damaged = intact;
    damaged[from..].fill(0);
    let report = is_repaired_or_told(&path, &damaged, &before);
    assert_eq!(report["status"], "healed", "{report}");
    assert!(open(&path).text(9).is_err(), "{report}");
}
