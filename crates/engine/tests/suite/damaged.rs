//! Damage leaves no gap that is not told.

use std::path::Path;

use crate::support::{self, create, fresh, open};
use engine::{Code, Document, FindRequest, PutOptions, TimelineRequest};
use mv2::builder::{FrameSource, minimal_file};
use mv2::{recover, toc};

fn three_documents(path: &Path) {
    let memory = create(path);
    let text = |number: u64| Document::text(format!("lighthouse number {number}"), 100);
    memory
        .put((0..3).map(text).collect(), PutOptions::default())
        .unwrap();
    memory.seal().unwrap();
    memory.update(1, |_, _| Ok(text(7))).unwrap();
    memory.close().unwrap();
}

/// Changes a byte at a place that the located table of contents tells.
fn flip(path: &Path, place: impl Fn(&recover::Located, &toc::DecodedToc) -> u64) {
    let mut bytes = std::fs::read(path).unwrap();
    let located = recover::locate(&bytes, path).unwrap();
    let table = toc::decode(located.toc(&bytes).unwrap()).unwrap();
    bytes[place(&located, &table) as usize] ^= 8;
    std::fs::write(path, bytes).unwrap();
}

fn payload(id: usize) -> impl Fn(&recover::Located, &toc::DecodedToc) -> u64 {
    move |_, table| table.frames[id].payload_offset + 3
}

fn fault(memory: &engine::Memory, name: &str) -> Option<String> {
    let report = memory.verify(true).unwrap();
    let check = report.checks.iter().find(|check| check.name == name);
    let check = check.unwrap();
    (check.status == "failed").then(|| check.details.clone().unwrap())
}

#[test]
fn an_entry_of_the_timeline_says_why_it_has_no_preview() {
    let (_folder, path) = fresh();
    three_documents(&path);
    flip(&path, payload(2));
    let memory = open(&path);
    let request: TimelineRequest = engine::parse_request(r#"{"limit":10}"#).unwrap();
    let entries = memory.timeline(&request).unwrap();
    let damaged: Vec<_> = entries
        .iter()
        .filter(|entry| entry.damage.is_some())
        .collect();
    assert_eq!((entries.len(), damaged.len()), (3, 1));
    assert_eq!((damaged[0].frame_id, damaged[0].preview.as_str()), (2, ""));
    assert!(damaged[0].damage.as_ref().unwrap().contains("checksum"));
    assert_eq!(memory.text(2).unwrap_err().code, Code::Corrupt);
}

#[test]
fn deep_verification_looks_at_earlier_versions() {
    let (_folder, path) = fresh();
    three_documents(&path);
    flip(&path, payload(1));
    let fault = fault(&open(&path), "FramePayloadChecksums");
    assert_eq!(fault.as_deref(), Some("1 damaged payloads, frames 1"));
}

#[test]
fn a_damaged_footer_is_told_and_changes_nothing() {
    let (_folder, path) = fresh();
    three_documents(&path);
    let generation = open(&path).stats().unwrap()["generation"].clone();
    let intact = std::fs::read(&path).unwrap();
    // The mark, the hash, and the generation, which nothing checks.
    for at in [1, 20, 50] {
        std::fs::write(&path, &intact).unwrap();
        flip(&path, |located, _| located.footer_offset + at);
        let memory = open(&path);
        assert_eq!(memory.stats().unwrap()["generation"], generation);
        assert_eq!(memory.text(0).unwrap(), "lighthouse number 0");
        let report = memory.verify(true).unwrap();
        assert_eq!(report.overall_status, "passed", "nothing is missing");
        let told = report
            .checks
            .iter()
            .filter_map(|check| check.details.as_ref());
        assert_eq!(told.filter(|details| details.contains("footer")).count(), 1);
        support::put_document(&memory, Document::text("one more", 5));
        memory.close().unwrap();
        let memory = open(&path);
        assert_eq!(memory.text(4).unwrap(), "one more");
        assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
    }
}

#[test]
fn a_search_says_that_a_damaged_frame_of_another_program_was_left_out() {
    let (_folder, path) = fresh();
    let sources: Vec<_> = ["mv2://a", "mv2://b"]
        .into_iter()
        .map(|uri| {
            let mut source = FrameSource::text(uri, "Title", "a lighthouse in the storm", 100);
            // What is indexed is then the payload.
            source.frame.search_text = None;
            source
        })
        .collect();
    std::fs::write(&path, minimal_file(&sources)).unwrap();
    flip(&path, payload(1));
    let found = || {
        let request: FindRequest =
            engine::parse_request(r#"{"query":"lighthouse","k":5}"#).unwrap();
        let found = open(&path).find(request).unwrap();
        assert_eq!(found.warnings.len(), 1, "{:?}", found.warnings);
        assert!(found.warnings[0].starts_with("1 frames are damaged"));
        found.hits.len()
    };
    let memory = open(&path);
    memory.enable_lex().unwrap();
    let before = found();
    // Nor is it forgotten once the index is stored.
    support::put_document(&memory, Document::text("another lighthouse", 5));
    memory.close().unwrap();
    assert_eq!(found(), before + 1);
}
