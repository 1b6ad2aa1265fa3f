//! What a power loss leaves of a commit, where it is not what was written last.

use std::path::Path;
use std::time::Duration;

use crate::support::{self, create, fresh, open, put_document};
use engine::{
    DoctorOptions, Document, Memory, OpenOptions, PutOptions, SelectionRequest, doctor_file,
};

const FOOTER: usize = 56;

/// The file before and after a commit of one document from the log.
fn commit_of_one(path: &Path) -> (Vec<u8>, Vec<u8>) {
    let memory = create(path);
    put_document(&memory, Document::text("keyword1x is in the log", 1));
    let before = std::fs::read(path).unwrap();
    memory.seal().unwrap();
    (before, std::fs::read(path).unwrap())
}

fn is_whole(memory: &Memory) {
    assert_eq!(memory.select(&SelectionRequest::default()).unwrap(), [0]);
    assert_eq!(memory.text(0).unwrap(), "keyword1x is in the log");
    let report = memory.verify(true).unwrap();
    let of_table = |check: &&engine::Check| check.name == "TableOfContentsChecksum";
    let check = report.checks.iter().find(of_table).unwrap();
    assert_eq!(check.status, "passed", "{:?}", check.details);
}

#[test]
fn a_commit_whose_footer_did_not_arrive_is_whole() {
    let (_folder, path) = fresh();
    let (_, mut file) = commit_of_one(&path);
    let end = file.len();
    file[end - FOOTER..].fill(0);
    std::fs::write(&path, &file).unwrap();
    let memory = open(&path);
    is_whole(&memory);
    assert_eq!(put_document(&memory, Document::text("another", 2)), 1);
    memory.close().unwrap();
    let report = open(&path).verify(true).unwrap();
    assert_eq!(report.overall_status, "passed", "{:?}", report.checks);
}

#[test]
fn a_log_is_not_applied_twice_when_the_header_arrived_in_part() {
    let (_folder, path) = fresh();
    let (before, after) = commit_of_one(&path);
    // Where the table of contents is, but not yet which records it contains.
    for cut in [16, 24, 32, 40] {
        let mut file = after.clone();
        let end = file.len();
        file[end - FOOTER..].fill(0);
        file[cut..4096].copy_from_slice(&before[cut..4096]);
        // The log was not emptied yet.
        file[4096..4096 + 48].copy_from_slice(&before[4096..4096 + 48]);
        std::fs::write(&path, &file).unwrap();
        is_whole(&open(&path));
    }
}

#[test]
fn a_commit_that_never_came_into_force_is_not_repaired_into_the_place_of_what_was_stored_since() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    for text in ["one", "two"] {
        put_document(&memory, Document::text(text, 1));
    }
    let before = std::fs::read(&path).unwrap();
    put_document(&memory, Document::text("never acknowledged", 1));
    memory.seal().unwrap();
    drop(memory);
    support::lose_header(&path, &before);
    let left = what_is_left(&path, &before);
    let memory = open(&path);
    assert_eq!(put_document(&memory, Document::text("three", 1)), 2);
    drop(memory);
    left_again(&path, &before, &left);
    let report = doctor_file(&path, &DoctorOptions::default(), Duration::ZERO).unwrap();
    assert_eq!(report["status"], "healed", "{report}");
    let memory = open(&path);
    let texts: Vec<String> = (0..3).map(|id| memory.text(id).unwrap()).collect();
    assert_eq!(texts, ["one", "two", "three"]);
    assert!(memory.text(3).is_err());
}

/// What is left of a commit that fails on a disk that goes on failing: so much of it as `arrives` of what it would have
/// written behind the end of `before`. The header is damaged later.
fn leave_undone(path: &Path, before: &[u8], arrives: impl FnOnce(usize) -> usize) {
    let memory = open(path);
    memory.seal().unwrap();
    drop(memory);
    let after = std::fs::read(path).unwrap();
    let written = after.len() - FOOTER - before.len();
    let mut file = before.to_vec();
    file.extend_from_slice(&after[before.len()..before.len() + arrives(written)]);
    std::fs::write(path, &file).unwrap();
}

/// What stands behind the end of `before`.
fn what_is_left(path: &Path, before: &[u8]) -> Vec<u8> {
    std::fs::read(path).unwrap()[before.len()..].to_vec()
}

/// Whoever writes next cuts off what is left. Writers that did not were there before.
fn left_again(path: &Path, before: &[u8], left: &[u8]) {
    let mut file = std::fs::read(path).unwrap();
    assert_eq!(file.len(), before.len());
    file.extend_from_slice(left);
    std::fs::write(path, &file).unwrap();
}

fn damage_header(path: &Path) {
    let mut file = std::fs::read(path).unwrap();
    file[8] ^= 0x55;
    std::fs::write(path, &file).unwrap();
}

/// A document whose title is its number.
fn titled(number: u64, text: impl Into<String>) -> Document {
    let mut document = Document::text(text.into(), 1);
    document.title = Some(format!("title {number}"));
    document
}

/// A memory with a commit of `committed` documents and a log of `logged`, each with a title, and its bytes.
fn sealed_and_logged(path: &Path, committed: u64, logged: u64) -> Vec<u8> {
    let memory = create(path);
    for number in 0..committed + logged {
        put_document(
            &memory,
            titled(number, format!("keyword{number}x is its word")),
        );
        if number + 1 == committed {
            memory.seal().unwrap();
        }
    }
    drop(memory);
    std::fs::read(path).unwrap()
}

fn titles(memory: &Memory) -> Vec<String> {
    let ids = memory.select(&SelectionRequest::default()).unwrap();
    let title = |id: &u64| memory.frame(*id).unwrap().title;
    ids.iter().map(title).collect()
}

#[test]
fn what_is_left_of_a_commit_that_failed_gives_no_record_of_the_log_up() {
    let (_folder, path) = fresh();
    let before = sealed_and_logged(&path, 40, 6);
    let expected: Vec<String> = (0..46).map(|number| format!("title {number}")).collect();
    // The table of contents stands last: more or less of its frames arrives.
    for left in [8, 4, 2, 0] {
        std::fs::write(&path, &before).unwrap();
        leave_undone(&path, &before, |written| written - written * left / 16);
        damage_header(&path);
        let report = doctor_file(&path, &DoctorOptions::default(), Duration::ZERO).unwrap();
        assert_eq!(report["status"], "healed", "{left}: {report}");
        assert_eq!(titles(&open(&path)), expected, "{left}");
    }
}

#[test]
fn a_commit_that_failed_does_not_come_back_when_the_log_went_on() {
    let (_folder, path) = fresh();
    let before = sealed_and_logged(&path, 3, 1);
    // Too large for the log: it would have come with the commit. The put is told to have failed; all but the footer is there.
    let memory = open(&path);
    let random: String = support::vector_of(80_000, 7)
        .iter()
        .map(|number| format!("{number} "))
        .collect();
    put_document(&memory, Document::text(random, 1));
    drop(memory);
    leave_undone(&path, &before, |written| written);
    let left = what_is_left(&path, &before);
    let memory = open(&path);
    assert_eq!(put_document(&memory, titled(4, "acknowledged")), 4);
    drop(memory);
    left_again(&path, &before, &left);
    damage_header(&path);
    let error = Memory::open(&path, OpenOptions::default()).err().unwrap();
    assert_eq!(error.code, engine::Code::Corrupt, "{error}");
    let report = doctor_file(&path, &DoctorOptions::default(), Duration::ZERO).unwrap();
    assert_eq!(report["status"], "healed", "{report}");
    let expected: Vec<String> = (0..5).map(|number| format!("title {number}")).collect();
    assert_eq!(titles(&open(&path)), expected);
}

#[test]
fn removals_that_failed_do_not_come_back_either() {
    let (_folder, path) = fresh();
    let before = sealed_and_logged(&path, 5, 0);
    let memory = open(&path);
    memory.remove(&[0, 1, 2]).unwrap();
    drop(memory);
    leave_undone(&path, &before, |written| written);
    let left = what_is_left(&path, &before);
    let memory = open(&path);
    assert_eq!(put_document(&memory, titled(5, "acknowledged")), 5);
    drop(memory);
    left_again(&path, &before, &left);
    damage_header(&path);
    let report = doctor_file(&path, &DoctorOptions::default(), Duration::ZERO).unwrap();
    assert_eq!(report["status"], "healed", "{report}");
    let expected: Vec<String> = (0..6).map(|number| format!("title {number}")).collect();
    assert_eq!(titles(&open(&path)), expected);
}

/// 600 documents of which the last 597 are one batch, and one more in the log; and where the footer of the batch stands.
fn batch_and_logged(path: &Path) -> (Vec<u8>, usize) {
    drop(sealed_and_logged(path, 3, 0));
    let memory = open(path);
    let batch: Vec<Document> = (3..600)
        .map(|number| {
            let text: String = (0..200).map(|word| format!("{} ", word * number)).collect();
            titled(number, text)
        })
        .collect();
    memory.put(batch, PutOptions::default()).unwrap();
    let footer = std::fs::metadata(path).unwrap().len() as usize - FOOTER;
    put_document(&memory, titled(600, "in the log"));
    drop(memory);
    (std::fs::read(path).unwrap(), footer)
}

/// A large batch finds an empty log, and leaves its sequence as it was.
#[test]
fn a_batch_in_front_of_the_log_counts_without_header_and_footer() {
    let (_folder, path) = fresh();
    let (sound, footer) = batch_and_logged(&path);
    let expected: Vec<String> = (0..601).map(|number| format!("title {number}")).collect();
    assert_eq!(titles(&open(&path)), expected);
    for at in [footer, footer + 20] {
        let mut file = sound.clone();
        file[at] ^= 1;
        std::fs::write(&path, &file).unwrap();
        damage_header(&path);
        assert_eq!(titles(&open(&path)), expected, "{at}");
        let report = doctor_file(&path, &DoctorOptions::default(), Duration::ZERO).unwrap();
        assert_ne!(report["status"], "failed", "{report}");
        assert_eq!(titles(&open(&path)), expected, "{at}: {report}");
    }
    // Nothing is left that tells of the batch, and something stands where it did.
    let table = support::table_of(&sound);
    let directory = table.head.segments[0].bytes_offset as usize;
    std::fs::write(&path, &sound[..directory]).unwrap();
    damage_header(&path);
    let report = doctor_file(&path, &DoctorOptions::default(), Duration::ZERO).unwrap();
    assert_eq!(report["status"], "partial", "{report}");
    assert!(report["kept"].is_string(), "{report}");
}
