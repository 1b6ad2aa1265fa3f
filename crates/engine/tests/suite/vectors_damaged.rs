//! Damage in vectors and their codes: found, told, and never an answer.

use std::path::Path;

use crate::support::vectors::{
    DIMENSION, assert_holds, assert_passes, by_meaning, document, embedding, find, in_order,
    put_slices, vector, vector_check,
};
use crate::support::{create, fresh, open, put_document as put};
use engine::{Code, Document, PutOptions};
use serde_json::json;

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
