//! Files of the reference that are intact, or that only a crash explains, are never taken for damaged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use engine::{Memory, OpenOptions};
use hostile::shapes;

#[test]
fn files_of_the_reference_that_are_not_damaged_open() {
    let Some(folder) = shapes::fixtures("files of the reference that are not damaged") else {
        return;
    };
    let mut opened = 0;
    for set in ["mv2", "mv2-index"] {
        for entry in std::fs::read_dir(folder.join(set)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // A torn last record is what a crash leaves.
            let is_intact = !name.starts_with("bad-") || name == "bad-wal-torn-last.mv2";
            if !name.ends_with(".mv2") || !is_intact {
                continue;
            }
            let options = OpenOptions {
                read_only: true,
                ..OpenOptions::default()
            };
            if let Err(error) = Memory::open(&path, options) {
                panic!("{name}: {} {}", error.code.as_str(), error.message);
            }
            opened += 1;
        }
    }
    assert!(opened > 50, "only {opened} files");
}
