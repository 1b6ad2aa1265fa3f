//! What the tests of a repair share.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::{
    DoctorOptions, Document, Embedding, Identity, Memory, OpenOptions, PutOptions, doctor_file,
};
use serde_json::Value;

use super::vector_of;

pub fn doctor(path: &Path, options: DoctorOptions) -> Value {
    doctor_file(path, &options, Duration::from_secs(5)).unwrap()
}

pub fn salvage(path: &Path) -> engine::Result<Memory> {
    let options = OpenOptions {
        read_only: true,
        salvage: true,
        ..OpenOptions::default()
    };
    Memory::open(path, options)
}

pub fn codes(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect()
}

pub fn all() -> DoctorOptions {
    DoctorOptions::default()
}

pub fn batch(memory: &Memory, from: u64, count: u64) -> Vec<u64> {
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
pub fn damage(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

pub fn table_of(path: &Path) -> mv2::toc::DecodedToc {
    let bytes = std::fs::read(path).unwrap();
    let located = mv2::recover::locate(&bytes, path).unwrap();
    mv2::toc::decode(located.toc(&bytes).unwrap()).unwrap()
}

pub fn embedded(dimension: usize, number: u64) -> Document {
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

/// What a report says of frames with one of these codes, as a set.
pub fn named(report: &Value, wanted: &[&str]) -> std::collections::BTreeSet<u64> {
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
