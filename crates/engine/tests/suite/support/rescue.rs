//! What the tests of files in which several things are damaged share.

use std::path::Path;
use std::time::Duration;

use engine::{DoctorOptions, Document, Memory, PutOptions, doctor_file};
use serde_json::Value;

use super::put_document;

pub fn doctor(path: &Path) -> Value {
    doctor_file(path, &DoctorOptions::default(), Duration::from_secs(5)).unwrap()
}

pub fn detail(report: &Value, code: &str) -> String {
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["code"] == code);
    let found = found.unwrap_or_else(|| panic!("{code} is not in {report}"));
    found["detail"].as_str().unwrap_or_default().to_owned()
}

pub fn put_each(memory: &Memory, texts: &[String]) {
    for text in texts {
        put_document(memory, Document::text(text.clone(), 1));
    }
}

pub fn put_all(memory: &Memory, texts: &[String]) {
    let documents = texts.iter().map(|text| Document::text(text.clone(), 1));
    memory
        .put(documents.collect(), PutOptions::default())
        .unwrap();
}

pub fn numbered(name: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{name} number {number} keyword{name}{number}x"))
        .collect()
}

/// Place of the table of contents, what it says, and the place of its footer.
pub fn table_of(bytes: &[u8]) -> (usize, mv2::toc::DecodedToc, usize) {
    let located = mv2::recover::locate(bytes, Path::new("x")).unwrap();
    let table = mv2::toc::decode(located.toc(bytes).unwrap()).unwrap();
    (
        located.toc_offset as usize,
        table,
        located.footer_offset as usize,
    )
}
