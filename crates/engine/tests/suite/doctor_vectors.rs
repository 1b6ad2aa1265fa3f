//! Repair of damaged vectors: each that is lost is told, and the others are kept.

use crate::support::repair::{all, codes, damage, doctor, embedded, named, salvage, table_of};
use crate::support::{create, fresh, open};
use engine::{DoctorOptions, Memory, PutOptions};

fn vectors(memory: &Memory, count: u64) -> Vec<Option<Vec<f32>>> {
    let snapshot = memory.snapshot("test").unwrap();
    (0..count)
        .map(|id| snapshot.vector(id).unwrap().map(|vector| vector.to_vec()))
        .collect()
}

#[test]
fn damaged_vectors_are_told_one_by_one_and_the_others_are_kept() {
    const COUNT: u64 = 600;
    for (dimension, is_quantised) in [(24, false), (200, false), (384, true)] {
        let (_folder, path) = fresh();
        let memory = create(&path);
        if is_quantised {
            memory.set_vector_compression(true).unwrap();
        }
        let documents = (0..COUNT)
            .map(|number| embedded(dimension, number))
            .collect();
        memory.put(documents, PutOptions::default()).unwrap();
        memory.close().unwrap();
        let before = vectors(&open(&path), COUNT);
        let table = table_of(&path);
        let manifest = table.tail.indexes.vec.unwrap();
        let middle =
            (manifest.bytes_offset + manifest.bytes_length - manifest.bytes_length / 20) as usize;
        let intact = std::fs::read(&path).unwrap();
        for is_zero in [true, false] {
            std::fs::write(&path, &intact).unwrap();
            damage(&path, |bytes| {
                for (index, byte) in bytes[middle..middle + 500].iter_mut().enumerate() {
                    *byte = if is_zero { 0 } else { (index * 31 + 7) as u8 };
                }
            });
            let seen = vectors(&salvage(&path).unwrap(), COUNT);
            let report = doctor(&path, all());
            assert_eq!(report["status"], "partial", "{report}");
            assert_eq!(
                codes(&report),
                ["vec_index_damaged", "vectors_damaged"],
                "{dimension}"
            );
            let memory = open(&path);
            let after = vectors(&memory, COUNT);
            assert_eq!(seen, after);
            let lost = after.iter().filter(|vector| vector.is_none()).count();
            assert!(
                (1..=30).contains(&lost),
                "{lost} vectors of {dimension} numbers are lost"
            );
            for (id, (before, after)) in before.iter().zip(&after).enumerate() {
                assert!(after.is_none() || before == after, "the vector of {id}");
            }
            assert_eq!(memory.stats().unwrap()["vectors_lost"], lost as u64);
        }
        // Codes are derived: without them nothing is lost, and to make them anew loses nothing either.
        let codes_of = table
            .head
            .segments
            .iter()
            .find(|segment| segment.id >> 32 == 0x5645_4343)
            .unwrap();
        let place = codes_of.bytes_offset as usize;
        std::fs::write(&path, &intact).unwrap();
        damage(&path, |bytes| bytes[place..place + 300].fill(9));
        let report = doctor(
            &path,
            DoctorOptions {
                rebuild_vec_index: true,
                ..all()
            },
        );
        assert_eq!(report["status"], "healed", "{report}");
        let memory = open(&path);
        assert_eq!(vectors(&memory, COUNT), before);
        let again = memory
            .doctor(&DoctorOptions {
                rebuild_vec_index: true,
                vacuum: true,
                ..all()
            })
            .unwrap();
        assert_eq!(again["status"], "healed", "{again}");
        assert_eq!(vectors(&memory, COUNT), before);
        let stats = memory.stats().unwrap();
        assert_eq!(stats["vector_count"], COUNT);
        assert_eq!(
            stats["vector_compression"],
            if is_quantised { "pq96" } else { "none" }
        );
    }
}

#[test]
fn the_lowest_bit_of_a_number_costs_that_vector_and_no_other() {
    const COUNT: u64 = 300;
    for (dimension, is_quantised) in [(24, false), (200, false), (384, true)] {
        let (_folder, path) = fresh();
        let memory = create(&path);
        if is_quantised {
            memory.set_vector_compression(true).unwrap();
        }
        let documents = (0..COUNT).map(|number| embedded(dimension, number));
        memory
            .put(documents.collect(), PutOptions::default())
            .unwrap();
        memory.close().unwrap();
        let before = vectors(&open(&path), COUNT);
        let manifest = table_of(&path).tail.indexes.vec.unwrap();
        let end = (manifest.bytes_offset + manifest.bytes_length) as usize;
        // The last vector: of its last number the lowest byte of four; of a quantised one a byte is all there is.
        let at = if is_quantised { end - 1 } else { end - 4 };
        damage(&path, |bytes| bytes[at] ^= 1);
        let report = doctor(&path, all());
        assert_eq!(report["status"], "partial", "{dimension}: {report}");
        let lost = named(&report, &["vectors_damaged"]);
        assert_eq!(
            lost.into_iter().collect::<Vec<_>>(),
            [COUNT - 1],
            "{report}"
        );
        let after = vectors(&open(&path), COUNT);
        assert_eq!(after[..COUNT as usize - 1], before[..COUNT as usize - 1]);
        assert_eq!(after[COUNT as usize - 1], None);
    }
}

#[test]
fn without_the_head_of_the_table_vectors_of_all_sections_are_found() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let counts = [900_u64, 40, 30];
    let mut first = 0;
    for count in counts {
        let documents = (first..first + count).map(|number| embedded(200, number));
        memory
            .put(documents.collect(), PutOptions::default())
            .unwrap();
        memory.seal().unwrap();
        first += count;
    }
    // As it is before closing makes one section of them.
    let bytes = std::fs::read(&path).unwrap();
    let before = vectors(&memory, first);
    drop(memory);
    std::fs::write(&path, &bytes).unwrap();
    let located = mv2::recover::locate(&bytes, &path).unwrap();
    let table = table_of(&path);
    let sections = table.head.segments.iter();
    let ours = sections.filter(|segment| segment.id >> 32 == 0x5645_4354);
    println!("{} sections of vectors", ours.count());
    let start = located.toc_offset as usize;
    damage(&path, |bytes| bytes[start..start + 60].fill(0));
    let report = doctor(&path, all());
    assert_ne!(report["status"], "failed", "{report}");
    assert_eq!(vectors(&open(&path), first), before, "{report}");
}
