//! Repair of a file that is damaged anywhere: what is read was written, and nothing lost is called healed.

use std::path::Path;
use std::time::Duration;

use crate::support::repair::{all, batch, codes, doctor, embedded, named, salvage};
use crate::support::{create, fresh, open, put};
use engine::{Code, DoctorOptions, Document, Memory, OpenOptions, PutOptions, doctor_file};
use serde_json::Value;

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
