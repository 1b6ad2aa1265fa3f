//! Sectors that the disk cannot read: what stands in them is lost, and nothing else.

use std::io;
use std::ops::Range;
use std::sync::Mutex;
use std::time::Duration;

use crate::support::{create, fresh, open};
use engine::{Code, DoctorOptions, Document, Memory, OpenOptions, PutOptions, doctor_file};
use mv2::disk::{Call, Observer};
use mv2::storage::FileIdentity;

/// A disk that cannot read some bytes of one file.
struct BadDisk(Mutex<Option<(FileIdentity, Range<u64>)>>);

impl Observer for BadDisk {
    fn call(&self, call: &Call<'_>, perform: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        if let Call::Read {
            file,
            offset,
            length,
        } = call
            && let Some((identity, range)) = self.0.lock().unwrap().clone()
            && *offset < range.end
            && range.start < offset + *length as u64
        {
            let storage = mv2::storage::FileStorage::from_file(
                file.try_clone().unwrap(),
                "the disk".as_ref(),
                false,
            );
            if storage.unwrap().identity() == identity {
                return Err(io::Error::from_raw_os_error(5));
            }
        }
        perform()
    }
}

static DISK: BadDisk = BadDisk(Mutex::new(None));

#[test]
fn a_sector_that_cannot_be_read_costs_what_stands_in_it() {
    mv2::disk::observe(&DISK);
    let (_folder, path) = fresh();
    let memory = create(&path);
    let documents = (0..3_000).map(|number| {
        let noise = u64::wrapping_mul(number + 1, 0x9E37_79B9_7F4A_7C15);
        let noise = format!("{noise:016x} ").repeat(8);
        Document::text(format!("keyword{number}x {noise} in a text"), 1)
    });
    memory
        .put(documents.collect(), PutOptions::default())
        .unwrap();
    memory.close().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let located = mv2::recover::locate(&bytes, &path).unwrap();
    let table = mv2::toc::decode(located.toc(&bytes).unwrap()).unwrap();
    // Beyond what is kept a second time as search text.
    let payloads = table.frames[2_800].payload_offset / 4096 * 4096;
    let identity = FileIdentity::of_path(&path).unwrap().unwrap();
    let fail = |range: Option<Range<u64>>| {
        *DISK.0.lock().unwrap() = range.map(|range| (identity, range));
    };
    let salvage = OpenOptions {
        read_only: true,
        salvage: true,
        ..OpenOptions::default()
    };

    // All of the disk but its beginning: that may come back, and is not given up.
    fail(Some(300_000..u64::MAX));
    let doctor = || {
        let options = DoctorOptions::default();
        doctor_file(&path, &options, Duration::from_secs(5)).unwrap()
    };
    let report = doctor();
    assert_eq!(report["status"], "failed", "{report}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);

    fail(Some(payloads..payloads + 4096));
    let salvaged = Memory::open(&path, salvage).unwrap();
    assert!(salvaged.text(2_999).unwrap().starts_with("keyword2999x "));
    drop(salvaged);
    let report = doctor();
    fail(None);
    assert_eq!(report["status"], "partial", "{report}");
    let finding = &report["findings"][0];
    assert_eq!(finding["code"], "unreadable", "{report}");
    let range = format!("bytes {payloads}-{}", payloads + 4095);
    assert_eq!(finding["detail"], range.as_str());
    let memory = open(&path);
    let mut lost = 0;
    for id in 0..3_000 {
        match memory.text(id) {
            Ok(text) if text.starts_with(&format!("keyword{id}x ")) => {}
            Ok(text) => {
                assert_eq!(text, "\u{FFFD}");
                lost += 1;
            }
            Err(error) => {
                assert_eq!(error.code, Code::FrameNotFound);
                lost += 1;
            }
        }
    }
    assert!((1..=100).contains(&lost), "{lost}");
}
