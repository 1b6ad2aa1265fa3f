//! Logs of other sizes than that of a new memory.

use crate::support::{create, fresh, open, put_document, vector_of};
use engine::{Content, Document, Memory};
use mv2::header::{DEFAULT_WAL_SIZE, Header};

const MEGABYTE: usize = 1 << 20;

/// Bytes that nothing can compress.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let numbers = vector_of(length, seed);
    numbers
        .into_iter()
        .map(|number| (number * 127.0) as i8 as u8)
        .collect()
}

fn put_noise(memory: &Memory, seed: u64, length: usize) -> u64 {
    let document = Document {
        content: Content::Bytes(noise(seed, length)),
        ..Document::text("", 1)
    };
    put_document(memory, document)
}

#[test]
fn a_put_that_the_log_of_a_new_file_is_too_small_for_overwrites_nothing() {
    let (folder, path) = fresh();
    let memory = create(&path);
    let log_size = || {
        Header::decode(&std::fs::read(&path).unwrap())
            .unwrap()
            .wal_size
    };
    let ids: Vec<u64> = (0..18)
        .map(|seed| put_noise(&memory, seed, MEGABYTE))
        .collect();
    memory.compact().unwrap();
    assert_eq!(log_size(), 3 * DEFAULT_WAL_SIZE);
    memory.remove(&ids[1..]).unwrap();
    // Each goes into a log of three times that size, and no two of them and a third one.
    let length = DEFAULT_WAL_SIZE as usize + 40_000;
    let mut stored = vec![(ids[0], 0, MEGABYTE)];
    let mut sizes = Vec::new();
    for seed in 100..106 {
        stored.push((put_noise(&memory, seed, length), seed, length));
        sizes.push(log_size() / DEFAULT_WAL_SIZE);
        let again = open(&path);
        for &(id, seed, length) in &stored {
            let found = again.asset(id).unwrap().data;
            assert!(found == noise(seed, length), "document {id} after {seed}");
        }
        assert_eq!(again.verify(true).unwrap().overall_status, "passed");
    }
    assert_eq!(sizes, [3, 3, 1, 1, 1, 1]);
    drop(folder);
}
