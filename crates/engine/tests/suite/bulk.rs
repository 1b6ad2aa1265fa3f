//! Batches too large for the log, taken slice by slice.

use std::path::Path;

use crate::support::{create, fresh, open};
use engine::{
    Code, Content, Dedupe, DoctorOptions, Document, Error, FindRequest, Memory, OpenOptions,
    PutOptions, PutResult, Result, TimelineRequest,
};
use serde_json::json;

/// Different documents of all kinds: short, split into chunks, binary, empty, with a search text, with and without
/// names.
fn document(number: u64) -> Document {
    let words = format!("keyword{number}x the quick brown fox number {number} ");
    let mut document = Document::text(words.clone(), 1_000_000 - number as i64);
    match number % 50 {
        7 => document.content = Content::Text(words.repeat(80)),
        13 => document.content = Content::Bytes(number.to_le_bytes().to_vec()),
        21 => document.content = Content::Text(String::new()),
        29 => document.search_text = Some(format!("spoken{number}y")),
        _ => {}
    }
    if number.is_multiple_of(3) {
        document.uri = Some(format!("mv2://shelf/{number}"));
        document.title = Some(format!("Shelf {number}"));
        document.tags = vec!["third".to_owned()];
        document.metadata = Some(format!("{{\"number\":{number}}}"));
    }
    document
}

fn documents(numbers: std::ops::Range<u64>) -> Vec<Document> {
    numbers.map(document).collect()
}

fn put_slices(
    memory: &Memory,
    slices: Vec<Result<Vec<Document>>>,
    dedupe: Dedupe,
) -> Result<PutResult> {
    let options = PutOptions {
        dedupe,
        ..PutOptions::default()
    };
    memory.put_slices(&mut slices.into_iter(), options)
}

fn hits(memory: &Memory, query: &str) -> (u64, Vec<(u64, String)>) {
    let request: FindRequest = serde_json::from_value(json!({ "query": query, "k": 20 })).unwrap();
    let found = memory.find(request).unwrap();
    let hits = found.hits.into_iter().map(|hit| {
        (
            hit.frame_id,
            format!(
                "{} {} {:.4}",
                hit.title,
                &hit.text[hit.snippet.clone()],
                hit.score
            ),
        )
    });
    (found.total_hits, hits.collect())
}

fn assert_passes(memory: &Memory) {
    let report = memory.verify(true).unwrap();
    assert_eq!(report.overall_status, "passed", "{report:?}");
}

#[test]
fn a_batch_in_slices_is_the_same_as_the_batch_as_a_whole() {
    let (_folder, path) = fresh();
    let (_other_folder, other_path) = fresh();
    let memory = create(&path);
    let whole = create(&other_path);
    // What the log holds comes first, and goes into the same file.
    let options = PutOptions::default();
    memory.put(documents(0..5), options).unwrap();
    whole.put(documents(0..5), options).unwrap();
    let slices = (0..10).map(|part| Ok(documents(5 + part * 300..305 + part * 300)));
    let stored = put_slices(&memory, slices.collect(), Dedupe::Keep).unwrap();
    let expected = whole.put(documents(5..3005), options).unwrap();
    assert_eq!(stored.ids, expected.ids);
    for memory in [&memory, &open(&path)] {
        for query in [
            "keyword1234x",
            "quick fox",
            "spoken29y",
            "tag:third number",
            "uri:mv2://shelf/300",
            "\"brown fox\"",
            "keyword7x",
        ] {
            assert_eq!(hits(memory, query), hits(&whole, query), "{query}");
        }
        let all = TimelineRequest {
            limit: 10_000,
            ..serde_json::from_value(json!({ "limit": 1 })).unwrap()
        };
        let ids = |memory: &Memory| {
            let entries = memory.timeline(&all).unwrap();
            entries.iter().map(|one| one.frame_id).collect::<Vec<_>>()
        };
        assert_eq!(ids(memory), ids(&whole));
        for id in stored.ids.iter().step_by(97) {
            assert_eq!(memory.text(*id).ok(), whole.text(*id).ok(), "{id}");
            let (mut left, mut right) = (
                serde_json::to_value(memory.frame(*id).unwrap()).unwrap(),
                serde_json::to_value(whole.frame(*id).unwrap()).unwrap(),
            );
            left.as_object_mut().unwrap().remove("payload_offset");
            right.as_object_mut().unwrap().remove("payload_offset");
            assert_eq!(left, right);
        }
        assert_eq!(
            memory.frame_by_uri("mv2://shelf/300").unwrap(),
            expected.ids[295]
        );
        assert_passes(memory);
    }
    let (left, right) = (memory.stats().unwrap(), whole.stats().unwrap());
    for key in [
        "frame_count",
        "active_frame_count",
        "payload_bytes",
        "logical_bytes",
    ] {
        assert_eq!(left[key], right[key], "{key}");
    }
}

#[test]
fn a_batch_that_fails_leaves_the_memory_as_it_was() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    memory.put(documents(0..3), PutOptions::default()).unwrap();
    memory.seal().unwrap();
    let before = std::fs::read(&path).unwrap();
    let mut slices: Vec<_> = (0..5)
        .map(|part| Ok(documents(part * 1000..part * 1000 + 1000)))
        .collect();
    slices.push(Err(Error::invalid("documents[5000]", "nonsense", "sense")));
    let error = put_slices(&memory, slices, Dedupe::Keep).unwrap_err();
    assert_eq!(error.code, Code::InvalidInput);
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let mut bad = documents(0..3000);
    bad[2500].tags = vec!["tag".to_owned(); 2000];
    let error = put_slices(&memory, vec![Ok(bad), Ok(documents(0..10))], Dedupe::Keep).unwrap_err();
    assert_eq!(error.code, Code::InvalidInput);
    assert!(
        error.message.contains("documents[2500].tags"),
        "{}",
        error.message
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);

    assert_eq!(hits(&memory, "keyword2x").0, 1);
    let stored = put_slices(&memory, vec![Ok(documents(3..3000))], Dedupe::Keep).unwrap();
    assert_eq!(stored.ids[0], 3);
    assert_passes(&open(&path));
}

#[test]
fn a_limit_ends_a_batch_before_the_file_passes_it() {
    let (_folder, path) = fresh();
    drop(create(&path));
    let options = OpenOptions {
        capacity: Some(700_000),
        ..OpenOptions::default()
    };
    let memory = Memory::open(&path, options).unwrap();
    let before = std::fs::metadata(&path).unwrap().len();
    let slices = (0..20).map(|part| Ok(documents(part * 500..part * 500 + 500)));
    let error = put_slices(&memory, slices.collect(), Dedupe::Keep).unwrap_err();
    assert_eq!(error.code, Code::CapacityExceeded);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), before);
    assert_eq!(memory.stats().unwrap()["frame_count"], 0);
}

#[test]
fn what_is_stored_already_is_left_out_or_replaced() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let first = put_slices(&memory, vec![Ok(documents(0..2000))], Dedupe::Keep).unwrap();
    // The second half again, twice, and something new.
    let slices = || vec![Ok(documents(1000..2500)), Ok(documents(2400..3000))];
    let again = put_slices(&memory, slices(), Dedupe::Skip).unwrap();
    assert_eq!(again.ids[0], first.ids[1000]);
    // Empty documents are all alike: the newest counts.
    assert_eq!(again.ids[21], first.ids[1971]);
    assert_eq!(again.duplicate_of[999], Some(first.ids[1999]));
    assert_eq!(again.ids[1400], again.ids[1500]);
    assert_eq!(again.duplicate_of[1400], None);
    assert_eq!(again.duplicate_of[1500], Some(again.ids[1400]));
    assert_eq!(hits(&memory, "keyword2450x").0, 1);

    let replaced = put_slices(&memory, slices(), Dedupe::Replace).unwrap();
    assert_eq!(replaced.duplicate_of[1500], Some(replaced.ids[1400]));
    assert_eq!(hits(&memory, "keyword2450x").1[0].0, replaced.ids[1550]);
    assert_eq!(hits(&memory, "keyword2450x").0, 1);
    assert_passes(&open(&path));
}

#[test]
fn sections_of_one_batch_cover_its_frames_only_together() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_slices(&memory, vec![Ok(documents(0..4000))], Dedupe::Keep).unwrap();
    memory.close().unwrap();
    let magic = b"LEXSEGv";
    let mut bytes = std::fs::read(&path).unwrap();
    let places: Vec<usize> = (0..bytes.len() - magic.len())
        .filter(|&at| &bytes[at..at + magic.len()] == magic)
        .collect();
    // One section is damaged beyond recognition: the batch is not found by halves.
    bytes[*places.last().unwrap()] ^= 0xFF;
    std::fs::write(&path, &bytes).unwrap();
    let memory = open(&path);
    let request = serde_json::from_value(json!({ "query": "keyword0x", "k": 1 })).unwrap();
    assert_eq!(memory.find(request).unwrap_err().code, Code::Corrupt);
    // It is indexed anew from its frames.
    let report = memory.doctor(&DoctorOptions::default()).unwrap();
    assert_eq!(report["status"], "healed");
    for number in [0, 1999, 2000, 3998] {
        assert_eq!(hits(&memory, &format!("keyword{number}x")).0, 1, "{number}");
    }
    // And the next commit keeps that.
    memory
        .put(documents(4000..4010), PutOptions::default())
        .unwrap();
    memory.close().unwrap();
    let memory = open(&path);
    for number in [0, 1999, 2000, 3998, 4005] {
        assert_eq!(hits(&memory, &format!("keyword{number}x")).0, 1, "{number}");
    }
    assert_passes(&memory);
}

#[test]
fn many_batches_are_merged_and_lose_nothing() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    for part in 0..20 {
        let slices = vec![Ok(documents(part * 600..part * 600 + 600))];
        put_slices(&memory, slices, Dedupe::Keep).unwrap();
    }
    let sections = memory.stats().unwrap()["lex_segment_count"]
        .as_u64()
        .unwrap();
    assert!(sections < 24, "{sections} sections");
    for number in (0..12_000)
        .step_by(611)
        .filter(|number| ![13, 21, 29].contains(&(number % 50)))
    {
        let (total, found) = hits(&memory, &format!("keyword{number}x"));
        assert!(total >= 1, "{number}");
        assert!(!found.is_empty());
    }
    let removed: Vec<u64> = memory
        .timeline(&serde_json::from_value(json!({ "limit": 20_000 })).unwrap())
        .unwrap()
        .iter()
        .map(|entry| entry.frame_id)
        .filter(|id| id % 10 != 0)
        .collect();
    memory.remove(&removed).unwrap();
    memory.close().unwrap();
    assert_passes(&open(&path));
}

#[test]
fn a_large_first_batch_makes_room_for_its_log() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let log_size = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        u64::from_le_bytes(bytes[24..32].try_into().unwrap())
    };
    let before = log_size(&path);
    // Bytes that do not compress, so that the first payloads stand where the log will be.
    let mut state = 1_u64;
    let mut noise = move || {
        (0..60)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                format!("{:012x} ", state >> 16)
            })
            .collect::<String>()
    };
    let texts: Vec<String> = (0..12_000)
        .map(|number| format!("keyword{number}x {}", noise()))
        .collect();
    let slices = texts.chunks(500).map(|slice| {
        Ok(slice
            .iter()
            .map(|text| Document::text(text.as_str(), 1))
            .collect())
    });
    let options = PutOptions::default();
    memory.put_slices(&mut slices.into_iter(), options).unwrap();
    let after = log_size(&path);
    assert!(after >= 2 * before, "{before} became {after}");
    // The log is empty and usable.
    let id = memory.put(documents(0..1), options).unwrap().ids[0];
    drop(memory);
    let memory = open(&path);
    assert_eq!(
        memory.text(id).unwrap(),
        "keyword0x the quick brown fox number 0 "
    );
    for (id, text) in texts.iter().enumerate().step_by(7) {
        assert_eq!(&memory.text(id as u64).unwrap(), text);
    }
    assert_eq!(hits(&memory, "keyword11999x").1[0].0, 11_999);
    assert_passes(&memory);
    let stats = memory.stats().unwrap();
    assert!(stats["dead_bytes"].as_u64() < Some(100_000), "{stats}");
}

#[test]
fn so_many_frames_that_they_are_put_aside_meanwhile_are_stored_as_they_are() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    // 40 MB of frames: what a hundred thousand documents have.
    let metadata = |number: u64| {
        format!(
            "{{\"number\":\"{}\"}}",
            "word ".repeat(6_000) + &number.to_string()
        )
    };
    let slices = (0..14_u64).map(|slice| {
        let documents = (slice * 100..slice * 100 + 100).map(|number| {
            let mut document = document(number);
            document.metadata = Some(metadata(number));
            document
        });
        Ok(documents.collect())
    });
    let stored = memory
        .put_slices(&mut slices.into_iter(), PutOptions::default())
        .unwrap();
    for memory in [&memory, &open(&path)] {
        for (number, id) in stored.ids.iter().enumerate().step_by(31) {
            let found = serde_json::to_value(memory.frame(*id).unwrap().metadata).unwrap();
            let expected: serde_json::Value =
                serde_json::from_str(&metadata(number as u64)).unwrap();
            assert!(found == expected, "{number}");
        }
        assert_eq!(hits(memory, "keyword1399x").0, 1);
        assert_passes(memory);
    }
}

#[test]
fn a_memory_that_is_gone_meanwhile_acknowledges_nothing() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let mut number = 0;
    let mut slices = std::iter::from_fn(|| {
        number += 1;
        if number == 8 {
            std::fs::remove_file(&path).unwrap();
        }
        (number <= 12).then(|| Ok(documents(number * 300..number * 300 + 300)))
    });
    let error = memory
        .put_slices(&mut slices, PutOptions::default())
        .unwrap_err();
    assert_eq!(error.code, Code::NotFound);
    assert!(!path.exists());
}

#[test]
fn what_follows_many_duplicates_is_stored() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_slices(&memory, vec![Ok(documents(0..2000))], Dedupe::Keep).unwrap();
    // Which thread gets a piece of work is up to the system: pieces that are left out whole, then one that is not, often.
    for round in 0..20 {
        let fresh = 2000 + 30 * round;
        let slices = vec![
            Ok(documents(0..1800)),
            Ok(documents(fresh..fresh + 30)),
            Ok(documents(200..2000)),
        ];
        let stored = put_slices(&memory, slices, Dedupe::Skip).unwrap();
        for number in fresh..fresh + 30 {
            let id = stored.ids[(1800 + number - fresh) as usize];
            let expected = document(number).content;
            if let Content::Text(text) = expected {
                assert_eq!(memory.text(id).unwrap(), text, "document {number}");
            }
        }
    }
    assert_passes(&open(&path));
}
