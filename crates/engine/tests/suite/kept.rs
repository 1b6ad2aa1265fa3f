//! What a repair cannot take over is kept, and what is no memory is not emptied.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{create, fresh, open};
use engine::{
    Code, DoctorOptions, Document, Memory, OpenMode, OpenOptions, PutOptions, doctor_file,
};
use serde_json::Value;

fn doctor(path: &Path, options: DoctorOptions) -> Value {
    doctor_file(path, &options, Duration::from_secs(5)).unwrap()
}

fn put(memory: &Memory, texts: std::ops::Range<usize>) {
    let documents = texts.map(|number| Document::text(format!("note {number} word{number}x"), 1));
    memory
        .put(documents.collect(), PutOptions::default())
        .unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A memory of one batch, of which everything from the directory on is cut off: its texts are there, and nobody can say which
/// bytes are whose.
fn without_its_directory(path: &Path) -> Vec<u8> {
    let memory = create(path);
    put(&memory, 0..40);
    memory.close().unwrap();
    let bytes = std::fs::read(path).unwrap();
    let directory = bytes
        .windows(5)
        .rposition(|bytes| bytes == b"MVDIR")
        .unwrap();
    bytes[..directory].to_vec()
}

#[test]
fn a_file_that_loses_something_in_its_repair_is_kept_beside() {
    let (folder, path) = fresh();
    let damaged = without_its_directory(&path);
    std::fs::write(&path, &damaged).unwrap();
    let planned = doctor(
        &path,
        DoctorOptions {
            dry_run: true,
            ..DoctorOptions::default()
        },
    );
    assert_eq!(planned["kept"], Value::Null);
    assert_eq!(names(folder.path()).len(), 1);

    let report = doctor(&path, DoctorOptions::default());
    assert_eq!(report["status"], "partial", "{report}");
    let kept = PathBuf::from(report["kept"].as_str().unwrap());
    assert_eq!(
        kept,
        path.canonicalize()
            .unwrap()
            .with_file_name("notes.damaged.mv2")
    );
    assert!(std::fs::read(&kept).unwrap() == damaged);
    assert_eq!(open(&path).stats().unwrap()["active_frame_count"], 0);

    // A second one takes another name, and one that is not wanted none.
    std::fs::write(&path, &damaged).unwrap();
    let report = doctor(&path, DoctorOptions::default());
    assert!(
        report["kept"]
            .as_str()
            .unwrap()
            .ends_with("notes.damaged-2.mv2")
    );
    std::fs::write(&path, &damaged).unwrap();
    let report = doctor(
        &path,
        DoctorOptions {
            discard_damaged: true,
            ..DoctorOptions::default()
        },
    );
    assert_eq!(
        (&report["status"], &report["kept"]),
        (&"partial".into(), &Value::Null)
    );
    assert_eq!(
        names(folder.path()),
        ["notes.damaged-2.mv2", "notes.damaged.mv2", "notes.mv2"]
    );
    assert_eq!(doctor(&path, DoctorOptions::default())["status"], "clean");
}

#[test]
fn a_file_that_loses_nothing_is_not_kept() {
    let (folder, path) = fresh();
    let memory = create(&path);
    put(&memory, 0..40);
    memory.close().unwrap();
    let length = std::fs::metadata(&path).unwrap().len();
    // The footer.
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(length - 20).unwrap();
    let report = doctor(&path, DoctorOptions::default());
    assert_eq!(report["status"], "healed", "{report}");
    assert_eq!(report["kept"], Value::Null);
    assert_eq!(names(folder.path()).len(), 1);
    assert_eq!(open(&path).stats().unwrap()["active_frame_count"], 40);
}

/// The first table of contents, of a memory without documents, stands right behind the log; what came behind it is cut off.
#[test]
fn the_log_is_read_wherever_in_the_first_commit_a_file_is_cut_off() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let first = std::fs::metadata(&path).unwrap().len();
    for number in 0..40 {
        put(&memory, number..number + 1);
    }
    memory.close().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for behind in -120..=60_i64 {
        let length = usize::try_from(first as i64 + behind).unwrap();
        std::fs::write(&path, &bytes[..length]).unwrap();
        let options = OpenOptions {
            salvage: true,
            read_only: true,
            ..OpenOptions::default()
        };
        let memory = Memory::open(&path, options).unwrap();
        let count = memory.stats().unwrap()["active_frame_count"].as_u64();
        // The last record is overwritten by the mark of a log that is empty.
        assert!(count >= Some(39), "{count:?} when cut off at {behind}");
    }
}

#[test]
fn only_a_memory_or_nothing_is_emptied_by_create() {
    let (_folder, path) = fresh();
    let make = || {
        Memory::open(
            &path,
            OpenOptions {
                mode: OpenMode::Create,
                ..OpenOptions::default()
            },
        )
    };
    for (content, code) in [
        (&b"PK\x03\x04 a spreadsheet"[..], Code::Corrupt),
        (b"MV2E\x01 a capsule", Code::Encryption),
    ] {
        std::fs::write(&path, content).unwrap();
        let error = make().err().unwrap();
        assert_eq!(error.code, code, "{}", error.message);
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
    for content in [&b""[..], b"MV2\0 what is left of a memory"] {
        std::fs::write(&path, content).unwrap();
        assert_eq!(make().unwrap().stats().unwrap()["frame_count"], 0);
    }
}
