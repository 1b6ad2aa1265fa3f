//! Looking at damage: nobody is waited for, and who did not ask for a repair loses nothing by one.

use std::path::Path;
use std::time::Duration;

use crate::support::{create, fresh};
use engine::{
    Code, DoctorOptions, Document, Memory, OpenOptions, PutOptions, doctor_file, verify_single_file,
};
use mv2::lock::FileLock;

fn filled(path: &Path) {
    let memory = create(path);
    let text = |number: u64| {
        let words: String = (0..60)
            .map(|word| format!("{} ", (number + 3) * 7_919 * (word + 11)))
            .collect();
        format!("keyword{number}z {words}")
    };
    let documents = (0..30).map(|number| Document {
        // A search text of its own: nothing else holds the content.
        search_text: Some(format!("keyword{number}z")),
        ..Document::text(text(number), 1_700_000_000)
    });
    memory
        .put(documents.collect(), PutOptions::default())
        .unwrap();
    memory.seal().unwrap();
    memory
        .put(
            vec![Document::text("waits in the log", 1)],
            PutOptions::default(),
        )
        .unwrap();
}

#[test]
fn reading_what_is_left_waits_for_no_writer() {
    let (_folder, path) = fresh();
    filled(&path);
    let before = std::fs::read(&path).unwrap();
    let _writer = FileLock::exclusive(&path, Duration::ZERO).unwrap();
    let options = OpenOptions {
        read_only: true,
        salvage: true,
        lock_timeout: Duration::ZERO,
        ..OpenOptions::default()
    };
    let salvaged = Memory::open(&path, options).unwrap();
    assert_eq!(salvaged.text(30).unwrap(), "waits in the log");
    let dry_run = DoctorOptions {
        dry_run: true,
        ..DoctorOptions::default()
    };
    let report = doctor_file(&path, &dry_run, Duration::ZERO).unwrap();
    assert_eq!(report["status"], "clean", "{report}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn making_the_time_index_anew_never_gives_up_what_is_damaged() {
    let (_folder, path) = fresh();
    filled(&path);
    let options = DoctorOptions {
        rebuild_time_index: true,
        refuse_losses: true,
        ..DoctorOptions::default()
    };
    let doctor = || doctor_file(&path, &options, Duration::ZERO);
    assert_eq!(doctor().unwrap()["status"], "healed");
    let mut bytes = std::fs::read(&path).unwrap();
    let zstd = [0x28, 0xB5, 0x2F, 0xFD];
    let payload = bytes.windows(4).position(|at| at == zstd).unwrap();
    bytes[payload + 20..payload + 60].fill(0x55);
    std::fs::write(&path, &bytes).unwrap();
    let refused = doctor().unwrap_err();
    assert_eq!(refused.code, Code::Corrupt, "{refused}");
    assert_eq!(refused.details["section"], "payload_damaged");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    std::fs::write(&path, b"%PDF-1.7 not a memory").unwrap();
    assert_eq!(doctor().unwrap_err().code, Code::Corrupt);
}

#[test]
fn only_a_file_can_be_a_single_one() {
    let (folder, path) = fresh();
    drop(create(&path));
    verify_single_file(&path).unwrap();
    let refused = |path: &Path| verify_single_file(path).unwrap_err().code;
    assert_eq!(refused(folder.path()), Code::InvalidInput);
    assert_eq!(refused(&folder.path().join("none.mv2")), Code::NotFound);
    #[cfg(unix)]
    assert_eq!(refused(Path::new("/dev/null")), Code::InvalidInput);
}
