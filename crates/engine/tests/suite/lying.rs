//! Files that say what cannot be, with the right checksums or in what has none: nothing is overwritten, nothing goes round in
//! circles, nothing is acknowledged into nowhere.

use std::time::Duration;

use crate::support::{self, create, fresh, open, put_document, recommitted};
use engine::{
    Code, DoctorOptions, Document, Error, Memory, OpenOptions, PutOptions, doctor_file, verify_file,
};

fn texts(memory: &Memory) -> Result<Vec<String>, Error> {
    let ids = memory.select(&engine::SelectionRequest::default())?;
    ids.into_iter().map(|id| memory.text(id)).collect()
}

/// More than the log of a file of the reference takes, one after the other.
fn fill_log(memory: &Memory) -> Result<(), Error> {
    for number in 0..12_u64 {
        let text: String = (0..1_500)
            .map(|word| format!("{} ", word * 7_919 + number))
            .collect();
        memory.put(vec![Document::text(text, 1)], PutOptions::default())?;
    }
    Ok(())
}

/// The header of another program has no checksum. Where it leads the log into what is stored, writing would destroy that.
#[test]
fn no_bit_of_what_a_header_says_of_the_log_costs_a_document() {
    let Some(folder) = support::fixtures("mv2") else {
        return;
    };
    for name in ["cli-long.mv2", "cli-putmany.mv2", "crash-pending-one.mv2"] {
        let sound = std::fs::read(folder.join(name)).unwrap();
        let (_folder, path) = fresh();
        std::fs::write(&path, &sound).unwrap();
        let before = texts(&open(&path)).unwrap();
        assert!(!before.is_empty());
        let mut refused = 0;
        for bit in 16 * 8..32 * 8 {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &bytes).unwrap();
            let memory = match Memory::open(&path, OpenOptions::default()) {
                Ok(memory) => memory,
                Err(error) => {
                    assert_eq!(error.code, Code::Corrupt, "{name}, bit {bit}: {error}");
                    refused += 1;
                    drop(error);
                    let report =
                        doctor_file(&path, &DoctorOptions::default(), Duration::from_secs(5))
                            .unwrap();
                    assert_ne!(report["status"], "failed", "{name}, bit {bit}: {report}");
                    let repaired = texts(&open(&path)).unwrap();
                    assert_eq!(repaired, before, "{name}, bit {bit}: {report}");
                    continue;
                }
            };
            assert_eq!(texts(&memory).unwrap(), before, "{name}, bit {bit}");
            if let Err(error) = fill_log(&memory) {
                assert_eq!(error.code, Code::Corrupt, "{name}, bit {bit}: {error}");
            }
            drop(memory);
            let after = texts(&open(&path)).unwrap();
            assert_eq!(after[..before.len()], before, "{name}, bit {bit}");
        }
        assert!(refused > 100, "{name}: {refused}");
    }
}

/// Another program leaves applied records in its log, where only the header says that they are. One of them changes fields
/// and has no content of its own.
#[test]
fn applied_records_are_known_when_the_header_is_lost() {
    let Some(folder) = support::fixtures("mv2") else {
        return;
    };
    let sound = std::fs::read(folder.join("cli-mutations.mv2")).unwrap();
    let (_folder, path) = fresh();
    std::fs::write(&path, &sound).unwrap();
    let frames = || {
        let memory = open(&path);
        let count = memory.stats().unwrap()["frame_count"].as_u64().unwrap();
        (0..count)
            .map(|id| {
                memory
                    .frame(id)
                    .map(|frame| serde_json::to_string(&frame).unwrap())
            })
            .map(|frame| frame.map_err(|error| error.code))
            .collect::<Vec<_>>()
    };
    let before = frames();
    assert_eq!(before.len(), 6);
    for byte in 0..6 {
        let mut bytes = sound.clone();
        bytes[byte] ^= 0x20;
        std::fs::write(&path, &bytes).unwrap();
        let report = doctor_file(&path, &DoctorOptions::default(), Duration::from_secs(5)).unwrap();
        assert_eq!(report["status"], "healed", "byte {byte}: {report}");
        assert_eq!(frames(), before, "byte {byte}");
    }
}

/// A document whose part it is itself, and two that are parts of each other.
#[test]
fn parts_that_go_round_in_a_circle_are_damage() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_document(&memory, Document::text("plain words".to_owned(), 1));
    let long: String = (0..9_000).map(|number| format!("word{number} ")).collect();
    let parent = put_document(&memory, Document::text(long.clone(), 2));
    memory.close().unwrap();
    let sound = std::fs::read(&path).unwrap();
    let parts = |bytes: &[u8], change: &dyn Fn(&mut mv2::toc::DecodedToc)| {
        std::fs::write(&path, recommitted(bytes, &[], change)).unwrap();
        let options = OpenOptions {
            read_only: true,
            ..OpenOptions::default()
        };
        Memory::open(&path, options).and_then(|memory| {
            let text = memory.text(parent);
            memory
                .timeline(&serde_json::from_value(serde_json::json!({ "limit": 10 })).unwrap())?;
            text
        })
    };
    assert_eq!(parts(&sound, &|_| {}).unwrap().trim(), long.trim());
    let index = usize::try_from(parent).unwrap();
    let circle = parts(&sound, &|table| {
        // Its first part says that it has parts, too, and the second one is a part of it.
        let manifest = table.frames[index].chunk_manifest.clone();
        let part = &mut table.frames[index + 1];
        part.chunk_manifest = manifest;
        part.payload_length = 0;
        part.parent_id = Some(part.id);
        table.frames[index + 2].parent_id = Some(parent);
    });
    assert!(circle.is_ok() || circle.is_err_and(|error| error.code == Code::Corrupt));
    let own = parts(&sound, &|table| {
        let parent = &mut table.frames[index];
        parent.parent_id = Some(parent.id);
        parent.role = mv2::frame::FrameRole::DocumentChunk;
    });
    assert!(own.is_ok() || own.is_err_and(|error| error.code == Code::Corrupt));
    assert!(verify_file(&path, true).is_ok());
}

/// `cp backup notes.mv2` while it is open: the header may be the same to the byte.
#[test]
fn what_is_stored_after_an_older_state_was_put_back_is_there() {
    for is_sealed in [false, true] {
        let (_folder, path) = fresh();
        let memory = create(&path);
        let put = |text: &str| put_document(&memory, Document::text(text.to_owned(), 1));
        for number in 0..5 {
            put(&format!("before {number}"));
        }
        if is_sealed {
            memory.seal().unwrap();
            put("behind the seal");
        }
        let backup = std::fs::read(&path).unwrap();
        let count = texts(&memory).unwrap().len();
        for number in 0..5 {
            put(&format!("after {number}"));
        }
        // In place: the same file, as `cp` writes it.
        std::fs::write(&path, &backup).unwrap();
        let id = put("when it was put back");
        let copy = path.with_file_name("copy.mv2");
        std::fs::copy(&path, &copy).unwrap();
        let seen = texts(&open(&copy)).unwrap();
        assert_eq!(seen.len(), count + 1, "{seen:?}");
        assert_eq!(open(&copy).text(id).unwrap(), "when it was put back");
        assert_eq!(texts(&memory).unwrap(), seen);
    }
}
