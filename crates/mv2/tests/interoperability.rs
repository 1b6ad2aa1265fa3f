//! Files of this crate in the hands of other readers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;
use std::process::Command;

use common::{dump_script, open};
use mv2::builder::{FrameSource, file_with, minimal_file};
use mv2::frame::CanonicalEncoding;
use mv2::wal::{FrameEntry, WalEntry, encode_batch};
use mv2::{Header, payload};

fn sources() -> Vec<FrameSource> {
    let mut zstd = FrameSource::text("mv2://c.txt", "C", "Cherries are dark.", 1_700_000_300);
    zstd.payload = payload::compress(&zstd.payload, payload::DEFAULT_LEVEL).unwrap();
    zstd.frame.canonical_encoding = CanonicalEncoding::Zstd;
    vec![
        FrameSource::text("mv2://b.txt", "B", "Bananas are yellow.", 1_700_000_200),
        FrameSource::text("mv2://a.txt", "A", "Apples are red. Ärger.", 1_700_000_100),
        zstd,
    ]
}

/// Output of the independent reader, or `None` with a printed reason.
fn dump(path: &Path) -> Option<serde_json::Value> {
    let output = Command::new("python3")
        .arg(dump_script()?)
        .arg(path)
        .arg("--json")
        .output()
        .unwrap();
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn a_built_file_is_read_by_the_independent_reader() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("built.mv2");
    for sources in [sources(), Vec::new()] {
        std::fs::write(&path, minimal_file(&sources)).unwrap();
        let Some(dump) = dump(&path) else { return };
        assert_eq!(dump["problems"], serde_json::json!([]));
        let frames = dump["toc"]["frames"].as_array().unwrap();
        assert_eq!(frames.len(), sources.len());
        for (frame, source) in frames.iter().zip(&sources) {
            assert_eq!(frame["uri"].as_str(), source.frame.uri.as_deref());
            assert_eq!(frame["_text"].as_str(), source.frame.search_text.as_deref());
        }
    }
}

#[test]
fn pending_records_are_read_by_the_independent_reader() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pending.mv2");
    let entries: Vec<_> = ["first", "second"]
        .iter()
        .map(|text| {
            WalEntry::Frame(Box::new(FrameEntry {
                timestamp: 5,
                payload: text.as_bytes().to_vec(),
                search_text: Some((*text).to_owned()),
                ..FrameEntry::default()
            }))
            .encode()
        })
        .collect();
    let header = Header {
        wal_sequence: 7,
        ..Header::default()
    };
    let mut bytes = file_with(&sources(), &header, 3);
    let batch = encode_batch(8, &entries);
    bytes[4096..4096 + batch.len()].copy_from_slice(&batch);
    assert_eq!(open(&bytes).unwrap().wal.pending().count(), 2);
    std::fs::write(&path, bytes).unwrap();
    let Some(dump) = dump(&path) else { return };
    assert_eq!(
        dump["problems"],
        serde_json::json!(["2 pending wal records"])
    );
    let records = dump["wal"]["records"].as_array().unwrap();
    assert_eq!(records[1]["payload"]["search_text"], "second");
}

/// The reference command line, as a black box. Set `MEMVID_CLI_PATH` to its path to run this.
#[test]
fn a_built_file_passes_the_verification_of_the_reference() {
    let Some(program) = std::env::var_os("MEMVID_CLI_PATH") else {
        println!("not run: MEMVID_CLI_PATH is not set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("built.mv2");
    std::fs::write(&path, minimal_file(&sources())).unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(&program)
            .arg(arguments[0])
            .arg(&path)
            .args(&arguments[1..])
            .output()
            .unwrap();
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success(), "{arguments:?}: {text}");
        text
    };
    run(&["verify", "--deep"]);
    let found = run(&["find", "--query", "bananas", "--mode", "lex"]);
    assert!(found.contains("b.txt"), "{found}");
}
