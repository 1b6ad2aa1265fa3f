//! Repair: what is found out about damaged files, what is rescued of them, and what never changes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::repair::{all, batch, codes, damage, doctor, salvage, table_of};
use crate::support::{self, create, fresh, open, put, total};
use engine::{Code, DoctorOptions, Memory, doctor_file};
use serde_json::{Value, json};

fn dry_run(path: &Path) -> Value {
    let options = DoctorOptions {
        dry_run: true,
        ..DoctorOptions::default()
    };
    doctor(path, options)
}

fn fixtures(folder: &str) -> Vec<PathBuf> {
    let Some(folder) = support::fixtures(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "mv2"))
        .collect();
    paths.sort();
    paths
}

/// What docs/reliability.md says of a fixture: status, findings, documents.
fn documented(name: &str) -> Option<(String, Vec<String>, String)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reliability.md");
    let page = std::fs::read_to_string(page).unwrap();
    let row = page
        .lines()
        .find(|line| line.starts_with(&format!("| `{name}` ")))?;
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    let findings = cells[4].split(", ").map(str::to_owned).collect();
    Some((cells[3].to_owned(), findings, cells[5].to_owned()))
}

#[test]
fn every_fixture_is_repaired_or_left_as_it_is() {
    for fixture in ["mv2", "mv2-index"].into_iter().flat_map(fixtures) {
        let name = fixture.file_stem().unwrap().to_string_lossy().into_owned();
        let (_folder, path) = fresh();
        std::fs::copy(&fixture, &path).unwrap();
        let before = std::fs::read(&path).unwrap();
        let planned = dry_run(&path);
        let salvaged = salvage(&path);
        assert_eq!(
            std::fs::read(&path).unwrap(),
            before,
            "{name}: looking writes"
        );
        let report = doctor(&path, all());
        let status = report["status"].as_str().unwrap();
        let (expected, findings, documents) =
            documented(&name).unwrap_or_else(|| ("clean".to_owned(), Vec::new(), String::new()));
        assert_eq!(status, expected, "{name}: {report}");
        assert_eq!(codes(&report), findings, "{name}");
        assert_eq!(codes(&planned), findings, "{name}");
        let is_unchanged = std::fs::read(&path).unwrap() == before;
        if let "clean" | "failed" = status {
            assert!(is_unchanged, "{name}: {status}");
            assert_eq!(salvaged.is_ok(), status == "clean", "{name}");
            continue;
        }
        let active = |memory: &Memory| memory.stats().unwrap()["active_frame_count"].to_string();
        assert_eq!(active(&salvaged.unwrap()), documents, "{name}");
        let memory = open(&path);
        assert_eq!(active(&memory), documents, "{name}");
        let verified = memory.verify(true).unwrap();
        let again = doctor(&path, all());
        // What another program lost nobody can repair.
        if is_unchanged || codes(&report).contains(&"vectors_damaged") {
            assert_eq!(codes(&again), ["verification_failed"], "{name}");
            continue;
        }
        assert_eq!(verified.overall_status, "passed", "{name}: {verified:?}");
        assert_eq!(again["status"], "clean", "{name}: {again}");
    }
}

#[test]
fn a_healthy_file_is_clean_and_not_written() {
    let (folder, path) = fresh();
    let memory = create(&path);
    batch(&memory, 0, 300);
    memory.remove(&[7]).unwrap();
    put(&memory, "in the log");
    let before = (support::inode(&path), std::fs::read(&path).unwrap());
    for options in [
        all(),
        DoctorOptions {
            dry_run: true,
            ..all()
        },
    ] {
        let report = memory.doctor(&options).unwrap();
        assert_eq!(report["status"], "clean", "{report}");
        assert_eq!(report["findings"], json!([]));
        let after = (support::inode(&path), std::fs::read(&path).unwrap());
        assert!(after == before);
    }
    let planned = dry_run(&path);
    assert_eq!(planned["phases"], json!([]));
    assert_eq!(planned["verification"], Value::Null);
    assert_eq!(
        planned["plan"]["phases"],
        json!([{ "phase": "verify", "actions": [{ "action": "deep_verify", "required": true, "reasons": [], "note": "run deep verify", "detail": null }] }])
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn all_that_is_asked_is_planned_and_done() {
    let (folder, path) = fresh();
    let memory = create(&path);
    batch(&memory, 0, 1000);
    memory.remove(&(0..500).collect::<Vec<_>>()).unwrap();
    memory.seal().unwrap();
    let options = DoctorOptions {
        rebuild_time_index: true,
        rebuild_lex_index: true,
        rebuild_vec_index: true,
        vacuum: true,
        ..all()
    };
    let planned = memory
        .doctor(&DoctorOptions {
            dry_run: true,
            ..options
        })
        .unwrap();
    assert_eq!(planned["status"], "plan_only");
    assert_eq!(planned["plan"]["options"]["dry_run"], true);
    let size = std::fs::metadata(&path).unwrap().len();
    let report = memory.doctor(&options).unwrap();
    assert_eq!(report["status"], "healed", "{report}");
    let names = |list: &Value| -> Vec<String> {
        list.as_array()
            .unwrap()
            .iter()
            .map(|phase| phase["phase"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(&report["phases"]),
        ["vacuum", "index_rebuild", "finalize", "verify"]
    );
    assert_eq!(report["metrics"]["actions_completed"], 7);
    assert_eq!(report["verification"]["overall_status"], "passed");
    assert!(std::fs::metadata(&path).unwrap().len() < size);
    // The handle goes on with the new file.
    assert_eq!(total(&memory, "keyword700x"), 1);
    assert_eq!(total(&memory, "keyword300x"), 0);
    put(&memory, "afterwards");
    assert_eq!(total(&memory, "afterwards"), 1);
    assert_eq!(memory.stats().unwrap()["active_frame_count"], 501);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn damaged_records_of_the_log_cost_no_other_record_and_no_id() {
    for is_zero in [false, true] {
        let (_folder, path) = fresh();
        let memory = create(&path);
        batch(&memory, 0, 10);
        memory.seal().unwrap();
        for number in 10..60 {
            put(&memory, &format!("keyword{number}x in the log"));
        }
        memory.remove(&[3]).unwrap();
        put(&memory, "keyword60x behind a removal");
        // As a crash leaves it: closing would move the log into the file.
        let bytes = std::fs::read(&path).unwrap();
        drop(memory);
        let header = mv2::Header::decode(&bytes).unwrap();
        let region = mv2::wal::region(&bytes, &header).unwrap();
        let scan = mv2::wal::scan(region, header.wal_sequence);
        // Records 20 to 23, their headers included.
        let start = 4096 + scan.records[20].position as usize;
        let end = 4096 + scan.records[24].position as usize;
        let mut damaged = bytes.clone();
        for (index, byte) in damaged[start..end].iter_mut().enumerate() {
            *byte = if is_zero { 0 } else { (index * 7 + 3) as u8 };
        }
        std::fs::write(&path, &damaged).unwrap();
        let salvaged = salvage(&path).unwrap();
        let lost: Vec<u64> = (30..34).collect();
        assert_eq!(
            salvaged.stats().unwrap()["salvage"]["lost_frames"],
            json!(lost)
        );
        assert_eq!(salvaged.text(30).unwrap_err().code, Code::Corrupt);
        let report = doctor(&path, all());
        assert_eq!(report["status"], "partial", "{report}");
        assert_eq!(codes(&report), ["log_records_lost"]);
        let memory = open(&path);
        for number in (4..61).filter(|number| !lost.contains(number)) {
            assert!(
                memory
                    .text(number)
                    .unwrap()
                    .starts_with(&format!("keyword{number}x ")),
                "{number}"
            );
            assert_eq!(total(&memory, &format!("keyword{number}x")), 1, "{number}");
        }
        assert!(memory.text(3).is_err(), "a removal in front of the damage");
        assert_eq!(put(&memory, "next"), 61);
    }
}

#[test]
fn the_last_commit_is_found_without_footer_and_without_header() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    batch(&memory, 0, 500);
    memory.seal().unwrap();
    batch(&memory, 500, 100);
    memory.close().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    type Damage = fn(&mut Vec<u8>);
    let cases: [(&str, Damage); 5] = [
        ("footer", |bytes| {
            let end = bytes.len();
            bytes[end - 56..].fill(0);
        }),
        ("footer cut off", |bytes| bytes.truncate(bytes.len() - 56)),
        ("cut off inside the table", |bytes| {
            bytes.truncate(bytes.len() - 100)
        }),
        ("header", |bytes| bytes[..4096].fill(0xAA)),
        ("garbage behind", |bytes| bytes.extend([7; 1000])),
    ];
    for (name, change) in cases {
        std::fs::write(&path, &bytes).unwrap();
        damage(&path, change);
        let report = doctor(&path, all());
        assert_eq!(report["status"], "healed", "{name}: {report}");
        let memory = open(&path);
        assert_eq!(memory.stats().unwrap()["active_frame_count"], 600, "{name}");
        assert_eq!(total(&memory, "keyword599x"), 1, "{name}");
        assert_eq!(memory.frame(599).unwrap().title, "Title 599", "{name}");
        assert_eq!(
            memory.verify(true).unwrap().overall_status,
            "passed",
            "{name}"
        );
    }
}

#[test]
fn a_damaged_index_of_words_is_made_anew() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    batch(&memory, 0, 500);
    memory.close().unwrap();
    let table = table_of(&path);
    let lex = table
        .head
        .segments
        .iter()
        .find(|segment| segment.id >> 32 == 0x4C45_5853)
        .unwrap();
    let middle = (lex.bytes_offset + lex.bytes_length / 2) as usize;
    damage(&path, |bytes| bytes[middle..middle + 2000].fill(0x55));
    let report = doctor(
        &path,
        DoctorOptions {
            rebuild_lex_index: true,
            ..all()
        },
    );
    assert_eq!(report["status"], "healed", "{report}");
    assert_eq!(codes(&report), ["lex_index_damaged"]);
    for number in 0..500 {
        assert_eq!(
            total(&open(&path), &format!("keyword{number}x")),
            1,
            "{number}"
        );
    }
}

#[test]
fn damaged_content_is_told_by_frame_and_the_rest_is_saved() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    // Beyond what is kept a second time as search text.
    batch(&memory, 0, 12_000);
    let long: String = (0..900)
        .map(|word| format!("part{word}y of a long text, "))
        .collect();
    let split = put(&memory, &long);
    memory.close().unwrap();
    let table = table_of(&path);
    let frame = &table.frames[11_000];
    let chunk = &table.frames[split as usize + 2];
    damage(&path, |bytes| {
        for frame in [frame, chunk] {
            bytes[frame.payload_offset as usize + 9] ^= 0xFF;
        }
    });
    let salvaged = salvage(&path).unwrap();
    assert_eq!(
        salvaged.stats().unwrap()["salvage"]["lost_content"],
        json!([11_000, split + 2])
    );
    for id in [11_000, split] {
        assert_eq!(salvaged.text(id).unwrap_err().code, Code::Corrupt, "{id}");
    }
    assert_eq!(salvaged.frame(11_000).unwrap().title, "Title 11000");
    assert_eq!(total(&salvaged, "keyword11001x"), 1);
    let report = doctor(&path, all());
    assert_eq!(report["status"], "partial", "{report}");
    let finding = &report["findings"][0];
    assert_eq!(finding["code"], "payload_damaged");
    assert_eq!(finding["detail"], format!("frames 11000, {}", split + 2));
    let memory = open(&path);
    assert_eq!(memory.frame(11_000).unwrap().title, "Title 11000");
    assert_eq!(memory.text(11_000).unwrap(), "\u{FFFD}");
    // The hole is seen.
    let text = memory.text(split).unwrap();
    assert!(
        text.starts_with("part0y ") && text.ends_with("long text, ") && text.contains('\u{FFFD}')
    );
    assert_eq!(doctor(&path, all())["status"], "clean");
}

#[test]
fn a_removed_document_does_not_come_back() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    batch(&memory, 0, 300);
    memory.remove(&[100, 101, 102]).unwrap();
    memory.close().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let located = mv2::recover::locate(&bytes, &path).unwrap();
    let table = table_of(&path);
    let start = (located.toc_offset + table.frame_offsets[98]) as usize;
    let end = (located.toc_offset + table.frame_offsets[106]) as usize;
    damage(&path, |bytes| bytes[start..end].fill(0));
    let report = doctor(&path, all());
    assert_eq!(report["status"], "partial", "{report}");
    let memory = open(&path);
    for id in [100, 101, 102] {
        assert_eq!(memory.text(id).unwrap_err().code, Code::FrameNotFound);
        assert_eq!(total(&memory, &format!("keyword{id}x")), 0);
    }
    // An older table still has the frames of the first commit.
    assert_eq!(memory.text(104).unwrap(), "keyword104x of a document");
    assert_eq!(memory.stats().unwrap()["active_frame_count"], 297);
}

#[test]
fn what_cannot_be_done_leaves_the_file_as_it_was() {
    let (folder, path) = fresh();
    let memory = create(&path);
    batch(&memory, 0, 100);
    memory.close().unwrap();
    damage(&path, |bytes| {
        let end = bytes.len();
        bytes[end - 56..].fill(0);
    });
    let before = std::fs::read(&path).unwrap();
    let other = path.with_file_name("other.mv2");
    std::fs::hard_link(&path, &other).unwrap();
    let refused = doctor_file(&path, &all(), Duration::ZERO).unwrap_err();
    assert_eq!(refused.details["reason"], "hard_link");
    std::fs::remove_file(&other).unwrap();
    let lock = mv2::lock::FileLock::exclusive(&path, Duration::ZERO).unwrap();
    let locked = doctor_file(&path, &all(), Duration::ZERO).unwrap_err();
    assert_eq!(locked.code, Code::Locked);
    drop(lock);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let missing = folder.path().join("none.mv2");
    assert_eq!(
        doctor_file(&missing, &all(), Duration::ZERO)
            .unwrap_err()
            .code,
        Code::NotFound
    );
    for garbage in [
        b"".to_vec(),
        b"%PDF-1.7 not a memory".to_vec(),
        vec![0x5A; 100_000],
    ] {
        std::fs::write(&path, &garbage).unwrap();
        assert_eq!(salvage(&path).err().unwrap().code, Code::Corrupt);
        let report = doctor(&path, all());
        assert_eq!(report["status"], "failed");
        assert_eq!(codes(&report), ["nothing_to_rescue"]);
        assert_eq!(std::fs::read(&path).unwrap(), garbage);
    }
}
