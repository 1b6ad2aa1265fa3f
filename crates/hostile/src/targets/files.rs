//! Whole files, and logs in them.

use std::sync::OnceLock;

use engine::Code;
use mv2::wal::{self, WalEntry};

use super::with_folder;
use crate::checksums::{Checksums, mend_record};
use crate::questions::{Asked, Questions};
use crate::script::{Input, Template, apply};
use crate::sections::Sections;
use crate::shapes;

struct File {
    template: Template,
    checksums: Checksums,
    questions: Questions,
    /// The same file after one more document.
    later: Vec<u8>,
}

fn files() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        // The last one is of another writer, and small.
        let mut shapes = shapes::ours();
        shapes.retain(|shape| shape.bytes.len() < 800 << 10);
        let sources: Vec<_> = (0..4)
            .map(|number| {
                let (uri, text) = (format!("mv2://{number}"), shapes::text(number, 10));
                (uri, text)
            })
            .collect();
        let sources: Vec<_> = sources
            .iter()
            .map(|(uri, text)| mv2::builder::FrameSource::text(uri, "Title", text, 1_700_000_000))
            .collect();
        shapes.push(shapes::Shape {
            name: "minimal".to_owned(),
            bytes: mv2::builder::minimal_file(&sources),
            dimension: None,
            picture_dimension: None,
        });
        shapes
            .into_iter()
            .map(|shape| {
                let (questions, later) = with_folder(|folder| {
                    let path = folder.join("intact.mv2");
                    std::fs::write(&path, &shape.bytes).unwrap();
                    let questions = Questions::of(&path, &shape);
                    let _ = questions.put_and_ask(&path);
                    (questions, std::fs::read(&path).unwrap())
                });
                File {
                    later,
                    checksums: Checksums::of(&shape.bytes),
                    template: Template {
                        parts: Sections::of(&shape.bytes).ranges(),
                        bytes: shape.bytes,
                    },
                    questions,
                }
            })
            .collect()
    })
}

/// Opens a changed file, asks it everything, and writes to it.
pub fn open_bytes(data: &[u8]) {
    let mut input = Input::new(data);
    let files = files();
    let file = &files[usize::from(input.byte()) % files.len()];
    let how = input.byte();
    let mends = !how.is_multiple_of(4);
    let mut bytes = apply(&file.template, &mut input, mends);
    if mends {
        file.checksums.mend(&mut bytes);
    }
    ask(&file.questions, &bytes, how & 0x80 != 0);
}

fn ask(questions: &Questions, bytes: &[u8], writes: bool) {
    with_folder(|folder| {
        let path = folder.join("changed.mv2");
        std::fs::write(&path, bytes).unwrap();
        let asked = questions.ask(&path);
        check(&asked);
        assert!(
            std::fs::read(&path).unwrap() == bytes,
            "reading changed the file"
        );
        if writes {
            let (failed, asked) = questions.put_and_ask(&path);
            check(&asked);
            if let Some(error) = failed {
                assert!(error.code != Code::Internal, "put: {}", error.message);
            }
            let left = std::fs::read_dir(folder).unwrap();
            let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
            assert!(
                left.iter()
                    .all(|name| name.to_string_lossy().ends_with(".mv2")),
                "{left:?}"
            );
        }
    });
}

/// Repairs a changed file: several changes, pieces of other states of it and of other memories, cut ends.
pub fn repair(data: &[u8]) {
    let mut input = Input::new(data);
    let files = files();
    let file = &files[usize::from(input.byte()) % files.len()];
    let how = input.byte();
    let (mends, is_later) = (how.is_multiple_of(4), how & 4 != 0);
    let mut bytes = if mends {
        let mut bytes = apply(&file.template, &mut input, true);
        file.checksums.mend(&mut bytes);
        bytes
    } else if is_later {
        let template = Template {
            bytes: file.later.clone(),
            parts: file.template.parts.clone(),
        };
        apply(&template, &mut input, false)
    } else {
        apply(&file.template, &mut input, false)
    };
    if how & 0x10 != 0 {
        // The end of an earlier or later state, as a copy that was interrupted leaves it.
        let other = if is_later {
            &file.template.bytes
        } else {
            &file.later
        };
        let from = (input.number() << 4).min(other.len());
        bytes.truncate(from);
        bytes.extend_from_slice(&other[from.min(other.len())..]);
    }
    if how & 0x20 != 0 {
        // Another memory, or the end of one, inside or behind.
        let other = &files[usize::from(input.byte()) % files.len()]
            .template
            .bytes;
        let from = (input.number() << 4) % other.len();
        let from = if how & 0x40 != 0 { from } else { 0 };
        let at = (input.number() << 4).min(bytes.len());
        if how & 0x80 != 0 {
            bytes.splice(at..at, other[from..].iter().copied());
        } else {
            bytes.extend_from_slice(&other[from..]);
        }
    }
    with_folder(|folder| {
        let path = folder.join("broken.mv2");
        std::fs::write(&path, &bytes).unwrap();
        if let Err(broken) = crate::repair::repair(&file.questions, &path) {
            panic!("{broken}");
        }
        let left = std::fs::read_dir(folder).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert!(
            left.iter()
                .all(|name| name.to_string_lossy().ends_with(".mv2")),
            "{left:?}"
        );
    });
}

/// Every error has a code that says something; MV999 is what nobody foresaw.
fn check(asked: &Asked) {
    for (question, answer) in &asked.answers {
        if let Err(error) = answer {
            assert!(
                error.code != Code::Internal,
                "{question}: {} {}",
                error.code.as_str(),
                error.message
            );
        }
    }
}

/// Reads a changed log, and now and then a file with it.
pub fn wal_replay(data: &[u8]) {
    let mut input = Input::new(data);
    let files = files();
    let file = files
        .iter()
        .find(|file| file.checksums.records().len() > 5)
        .unwrap();
    let how = input.byte();
    let applied = u64::from(input.byte() % 8);
    let mut bytes = file.template.bytes.clone();
    let header = mv2::Header::decode(&bytes).unwrap();
    let start = header.wal_offset as usize;
    let records = file.checksums.records();
    let end = records.last().map_or(start, |record| record.end) + 600;
    let log = Template {
        bytes: bytes[start..end].to_vec(),
        parts: records
            .iter()
            .map(|record| record.start - start..record.end - start)
            .collect(),
    };
    let mut region = apply(&log, &mut input, how.is_multiple_of(2));
    if how.is_multiple_of(4) {
        for part in &log.parts {
            mend_record(&mut region[part.clone()]);
        }
    }
    let scan = wal::scan(&region, applied);
    assert_eq!(scan, wal::scan(&region, applied));
    let (mut behind, mut pending) = (0, None);
    for record in &scan.records {
        assert!(record.payload.start >= behind + wal::RECORD_HEADER_SIZE);
        behind = record.payload.end;
        // Applied ones of an older round of the log may stand among those of this one; those behind them are in order.
        assert_eq!(record.pending, record.sequence > applied);
        assert!(pending.is_none_or(|last| record.sequence > last));
        if record.pending {
            pending = Some(record.sequence);
        }
        if let Ok(entry) = WalEntry::decode(&region[record.payload.clone()]) {
            let again = WalEntry::decode(&entry.encode());
            assert!(again.is_ok_and(|again| format!("{again:?}") == format!("{entry:?}")));
        }
    }
    assert!(scan.head as usize <= region.len());
    // What is behind the head of a log that ends well does not matter.
    if scan.torn.is_none() && how & 0x40 == 0 {
        return;
    }
    region.truncate(end - start);
    bytes[start..start + region.len()].copy_from_slice(&region);
    ask(&file.questions, &bytes, how & 0x80 != 0);
}
