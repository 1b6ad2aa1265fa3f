//! Repair: what is found out about damaged files, what is rescued of them, and what never changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::support::{self, create, fresh, open, total, vector_of};
use engine::{
    Code, DoctorOptions, Document, Embedding, Identity, Memory, OpenOptions, PutOptions,
    doctor_file,
};
use serde_json::{Value, json};

fn doctor(path: &Path, options: DoctorOptions) -> Value {
    doctor_file(path, &options, Duration::from_secs(5)).unwrap()
}

fn dry_run(path: &Path) -> Value {
    let options = DoctorOptions {
        dry_run: true,
        ..DoctorOptions::default()
    };
    doctor(path, options)
}

fn salvage(path: &Path) -> engine::Result<Memory> {
    let options = OpenOptions {
        read_only: true,
        salvage: true,
        ..OpenOptions::default()
    };
    Memory::open(path, options)
}

fn codes(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect()
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

fn all() -> DoctorOptions {
    DoctorOptions::default()
}

fn put(memory: &Memory, text: &str) -> u64 {
    support::put_document(memory, Document::text(text, 1))
}

fn batch(memory: &Memory, from: u64, count: u64) -> Vec<u64> {
    let documents = (from..from + count).map(|number| Document {
        title: Some(format!("Title {number}")),
        ..Document::text(format!("keyword{number}x of a document"), number as i64)
    });
    memory
        .put(documents.collect(), PutOptions::default())
        .unwrap()
        .ids
}

/// Changes bytes of a file.
fn damage(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

fn table_of(path: &Path) -> mv2::toc::DecodedToc {
    let bytes = std::fs::read(path).unwrap();
    let located = mv2::recover::locate(&bytes, path).unwrap();
    mv2::toc::decode(located.toc(&bytes).unwrap()).unwrap()
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

fn embedded(dimension: usize, number: u64) -> Document {
    Document {
        embedding: Some(Embedding {
            vector: vector_of(dimension, number).into(),
            identity: Arc::new(Identity {
                model: Some("made".to_owned()),
                ..Identity::default()
            }),
        }),
        ..Document::text(format!("keyword{number}x"), number as i64)
    }
}

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

/// A file with everything in it: chunks, vectors, an update, a removal, several commits, and records in the log.
fn varied(path: &Path) -> Vec<Option<String>> {
    let memory = create(path);
    let documents = (0..150).map(|number| embedded(24, number)).collect();
    memory.put(documents, PutOptions::default()).unwrap();
    let long: String = (0..600)
        .map(|word| format!("part{word}y of a long text, "))
        .collect();
    put(&memory, &long);
    memory.seal().unwrap();
    memory.remove(&[7]).unwrap();
    memory
        .update(8, |snapshot, id| {
            let mut next = engine::document_at(snapshot, id)?;
            next.content = engine::Content::Text("a second version".to_owned());
            Ok(next)
        })
        .unwrap();
    batch(&memory, 500, 60);
    memory.seal().unwrap();
    for number in 0..20 {
        put(&memory, &format!("keyword{number}z in the log"));
    }
    memory.remove(&[9]).unwrap();
    (0..memory.snapshot("test").unwrap().frame_count())
        .map(|id| memory.text(id).ok())
        .collect()
}

/// What a report says of frames with one of these codes, as a set.
fn named(report: &Value, wanted: &[&str]) -> std::collections::BTreeSet<u64> {
    let findings = report["findings"].as_array().unwrap();
    let meant = findings
        .iter()
        .filter(|finding| wanted.contains(&finding["code"].as_str().unwrap()));
    let mut frames = std::collections::BTreeSet::new();
    for finding in meant {
        let detail = finding["detail"].as_str().unwrap_or_default();
        for range in detail.trim_start_matches("frames ").split(", ") {
            let mut ends = range.split('-').filter_map(|end| end.parse::<u64>().ok());
            if let Some(first) = ends.next() {
                frames.extend(first..=ends.next().unwrap_or(first));
            }
        }
    }
    frames
}

/// Compares every text with what was written; gives how many are whole. A text that is another one, and a removed document
/// that is back, must be named by the report.
fn compare(memory: &Memory, texts: &[Option<String>], report: &Value, round: usize) -> u64 {
    let has = |code: &str| codes(report).contains(&code);
    // Said where it is so.
    let keeps_ids = !has("ids_changed");
    let uncertain = named(report, &["removals_unknown"]);
    let log_is_hit = has("log_records_lost") || has("commit_lost");
    let mut same = 0;
    for (id, text) in (0..).zip(texts) {
        let found = match memory.text(id) {
            Ok(found) => found,
            Err(error) => {
                let is_told = matches!(error.code, Code::Corrupt | Code::FrameNotFound);
                assert!(is_told, "{error}");
                continue;
            }
        };
        match text {
            Some(text) if *text == found => same += 1,
            _ if found.contains('\u{FFFD}') => {}
            Some(_) if !keeps_ids => {
                let is_one = texts.iter().flatten().any(|text| *text == found);
                assert!(is_one, "round {round}: frame {id} reads {found:?}");
            }
            Some(text) => {
                panic!("round {round}: frame {id} reads {found:?} in place of {text:?}: {report}")
            }
            None => assert!(
                uncertain.contains(&id) || log_is_hit || !keeps_ids,
                "round {round}: frame {id} was removed, and reads {found:?}: {report}"
            ),
        }
    }
    same
}

#[test]
fn random_damage_never_changes_a_text_and_what_is_repaired_is_whole() {
    let (_folder, path) = fresh();
    let texts = varied(&path);
    let intact = std::fs::read(&path).unwrap();
    let mut state = 77_u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut statuses = std::collections::BTreeMap::new();
    let mut kept = 0;
    let rounds = 120;
    for round in 0..rounds {
        let mut bytes = intact.clone();
        let at = next(bytes.len());
        match round % 5 {
            0 => bytes[at] ^= 1 << next(8),
            1 => bytes.truncate(at.max(300_000)),
            2 => {
                let end = (at + next(20_000)).min(bytes.len());
                bytes[at..end].fill(0);
            }
            3 => {
                // Header and end together.
                bytes[next(80)] ^= 1 << next(8);
                let from = bytes.len() - 1 - next(3_000);
                let to = (from + next(300)).min(bytes.len());
                bytes[from..to].fill(next(256) as u8);
            }
            _ => {
                for _ in 0..20 {
                    let at = next(bytes.len());
                    bytes[at] = next(256) as u8;
                }
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        let salvaged = salvage(&path);
        let report = doctor(&path, all());
        let seen = salvaged.map(|memory| compare(&memory, &texts, &report, round));
        let status = report["status"].as_str().unwrap().to_owned();
        if status == "failed" {
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "round {round}");
        } else {
            let memory = open(&path);
            let same = compare(&memory, &texts, &report, round);
            assert_eq!(same, seen.unwrap(), "round {round}: {report}");
            let all_texts = texts.iter().flatten().count() as u64;
            assert!(
                status == "partial" || same == all_texts,
                "round {round}: {same} of {all_texts} are whole: {report}"
            );
            kept += same;
            let verified = memory.verify(true).unwrap();
            let faults: Vec<&str> = verified
                .checks
                .iter()
                .filter(|check| check.status == "failed")
                .map(|check| check.name)
                .collect();
            // Frames that lost their vector are told from those that never had one.
            assert!(
                faults.is_empty() || faults == ["VecIndexDecode"],
                "round {round}: {verified:?} {report}"
            );
        }
        *statuses.entry(status).or_insert(0) += 1;
    }
    println!(
        "{rounds} damaged files: {statuses:?}; {kept} texts are whole of {}",
        rounds as u64 * texts.iter().flatten().count() as u64
    );
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

fn put_each(memory: &Memory, name: &str, count: usize) {
    for number in 0..count {
        let document = Document::text(format!("{name} number {number} keyword{name}{number}x"), 1);
        memory.put(vec![document], PutOptions::default()).unwrap();
    }
}

#[test]
fn an_older_commit_behind_a_sound_one_is_nothing() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_each(&memory, "a", 30);
    memory.seal().unwrap();
    let older = std::fs::read(&path).unwrap();
    memory.remove(&[3]).unwrap();
    put_each(&memory, "b", 59);
    memory.close().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(&older);
    std::fs::write(&path, &bytes).unwrap();
    for is_repaired in [false, true] {
        if is_repaired {
            let options = DoctorOptions::default();
            let report = doctor_file(&path, &options, Duration::from_secs(10)).unwrap();
            assert_eq!(report["status"], "healed", "{report}");
        }
        let memory = open(&path);
        assert_eq!(memory.stats().unwrap()["frame_count"], 89);
        assert!(memory.text(3).is_err());
        assert!(memory.text(88).unwrap().starts_with("b number 58 "));
    }
}

#[test]
fn a_log_that_lost_its_first_record_is_not_taken_for_an_empty_one() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_each(&memory, "a", 20);
    memory.seal().unwrap();
    put_each(&memory, "b", 20);
    let mut bytes = std::fs::read(&path).unwrap();
    drop(memory);
    bytes[4096..4096 + 48].fill(0);
    std::fs::write(&path, &bytes).unwrap();
    let opened = Memory::open(&path, OpenOptions::default());
    assert_eq!(opened.err().unwrap().code, Code::Corrupt);
    let options = DoctorOptions::default();
    let report = doctor_file(&path, &options, Duration::from_secs(10)).unwrap();
    assert_eq!(report["status"], "partial", "{report}");
    let memory = open(&path);
    assert_eq!(memory.stats().unwrap()["active_frame_count"], 39);
    assert!(memory.text(39).unwrap().starts_with("b number 19 "));
}

#[test]
fn a_lost_tail_is_never_called_healed() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let mut ends = vec![std::fs::metadata(&path).unwrap().len()];
    for name in ["a", "b", "c"] {
        put_each(&memory, name, 6);
        memory.seal().unwrap();
        ends.push(std::fs::metadata(&path).unwrap().len());
    }
    put_each(&memory, "d", 6);
    let sound = std::fs::read(&path).unwrap();
    drop(memory);
    for window in ends.windows(2) {
        for from in (window[0]..window[1]).step_by(97) {
            let mut bytes = sound.clone();
            bytes[from as usize..].fill(0);
            std::fs::write(&path, &bytes).unwrap();
            let options = DoctorOptions::default();
            let report = doctor_file(&path, &options, Duration::from_secs(10)).unwrap();
            let is_whole = || {
                let memory = open(&path);
                (0..24_usize).all(|id| {
                    let name = ["a", "b", "c", "d"][id / 6];
                    let text = memory.text(id as u64);
                    text.is_ok_and(|text| text.starts_with(&format!("{name} number {} ", id % 6)))
                })
            };
            assert!(
                report["status"] != "healed" || is_whole(),
                "from byte {from}: {report}"
            );
            // Whoever reads another document under an id has been told.
            let has_others = || {
                let memory = open(&path);
                (0..24_usize).any(|id| {
                    let name = ["a", "b", "c", "d"][id / 6];
                    let expected = format!("{name} number {} ", id % 6);
                    let text = memory.text(id as u64);
                    text.is_ok_and(|text| !text.starts_with(&expected))
                })
            };
            assert!(
                report["status"] == "failed"
                    || codes(&report).contains(&"ids_changed")
                    || !has_others(),
                "from byte {from}: {report}"
            );
        }
    }
}
