//! Files of this crate in the hands of other readers.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{dump_script, open};
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
    std::fs::write(&path, pending_file()).unwrap();
    let Some(dump) = dump(&path) else { return };
    let problems = serde_json::json!(["2 pending wal records"]);
    assert_eq!(dump["problems"], problems);
    let records = dump["wal"]["records"].as_array().unwrap();
    assert_eq!(records[1]["payload"]["search_text"], "second");
}

/// A file with a batch of two inserts in its log.
fn pending_file() -> Vec<u8> {
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
    bytes
}

/// The reference command line, as a black box: its path comes from `MEMVID_CLI_PATH`.
struct Reference(std::ffi::OsString);

impl Reference {
    fn find() -> Option<Self> {
        let program = std::env::var_os("MEMVID_CLI_PATH");
        if program.is_none() {
            println!("not run: MEMVID_CLI_PATH is not set");
        }
        program.map(Self)
    }

    /// Runs a command on a file; it must succeed.
    fn run(&self, command: &str, path: &Path, options: &[&str], input: &str) -> String {
        let mut child = Command::new(&self.0)
            .arg(command)
            .arg(path)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input closes it early.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success(), "{command} {options:?}: {text}");
        text
    }
}

#[test]
fn a_built_file_is_verified_searched_and_continued_by_the_reference() {
    let Some(reference) = Reference::find() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("built.mv2");
    std::fs::write(&path, minimal_file(&sources())).unwrap();
    reference.run("verify", &path, &["--deep"], "");
    let find = ["--query", "bananas", "--mode", "lex"];
    let found = reference.run("find", &path, &find, "");
    assert!(found.contains("b.txt"), "{found}");
    put_a_note(&reference, &path);
    let opened = open(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(opened.toc.frames.len(), 4);
    let found = reference.run("find", &path, &find, "");
    assert!(
        found.contains("b.txt"),
        "the sketch track is dense: {found}"
    );
}

fn put_a_note(reference: &Reference, path: &Path) {
    let note = path.with_file_name("note.txt");
    std::fs::write(&note, "A frame about quokkas.").unwrap();
    let options = [
        "--input",
        note.to_str().unwrap(),
        "--uri",
        "mv2://after",
        "--raw",
    ];
    reference.run("put", path, &options, "");
}

#[test]
fn a_pending_batch_is_applied_by_the_reference() {
    let Some(reference) = Reference::find() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pending.mv2");
    std::fs::write(&path, pending_file()).unwrap();
    put_a_note(&reference, &path);
    let bytes = std::fs::read(&path).unwrap();
    let opened = open(&bytes).unwrap();
    assert_eq!(opened.toc.frames.len(), 6);
    assert_eq!(opened.wal.pending().count(), 0);
    let second = payload::read(&bytes, &opened.toc.frames[4]).unwrap();
    assert_eq!(second, b"second");
}

#[test]
fn capsules_go_both_ways_between_us_and_the_reference() {
    let Some(reference) = Reference::find() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mv2");
    let bytes = minimal_file(&sources());
    std::fs::write(&path, &bytes).unwrap();
    let ours = mv2::capsule::lock(&path, None, "a password", false).unwrap();
    let output = folder.path().join("theirs.mv2");
    let out = ["--password-stdin", "--out", output.to_str().unwrap()];
    reference.run("unlock", &ours, &out, "a password\n");
    assert_eq!(std::fs::read(&output).unwrap(), bytes);
    let capsule = folder.path().join("theirs.mv2e");
    let options = [
        "--password-stdin",
        "--keep-original",
        "--out",
        capsule.to_str().unwrap(),
    ];
    reference.run("lock", &path, &options, "a password\n");
    let back = folder.path().join("back.mv2");
    mv2::capsule::unlock(&capsule, Some(&back), "a password", false).unwrap();
    assert_eq!(std::fs::read(&back).unwrap(), bytes);
}
