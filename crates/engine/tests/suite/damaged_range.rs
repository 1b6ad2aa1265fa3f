//! A file of 20 000 documents with one damaged range of 64 KiB: wherever it lies, nearly everything is rescued.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{create, fresh, open};
use engine::{DoctorOptions, Document, FindRequest, Memory, OpenOptions, PutOptions, doctor_file};
use mv2::header::Header;
use serde_json::json;

const DOCUMENTS: u64 = 20_000;
const RANGE: usize = 64 << 10;

/// Words that look random, in a text of some 1200 characters that only this document has.
fn text(number: u64) -> String {
    let mut state = number.wrapping_add(7).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = format!("keyword{number}x");
    while text.len() < 1200 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(&format!(" word{}", state % 5000));
    }
    text
}

fn document(number: u64) -> Document {
    Document {
        title: Some(format!("Title of {number}")),
        uri: Some(format!("mv2://documents/{number}")),
        metadata: Some(format!(r#"{{"number":{number}}}"#)),
        ..Document::text(text(number), number as i64)
    }
}

fn salvage(path: &Path) -> Memory {
    let options = OpenOptions {
        read_only: true,
        salvage: true,
        ..OpenOptions::default()
    };
    Memory::open(path, options).unwrap()
}

/// Parts of the file: name, first byte, length.
fn parts(bytes: &[u8]) -> Vec<(String, u64, u64)> {
    let header = Header::decode(bytes).unwrap();
    let located = mv2::recover::locate(bytes, Path::new("x")).unwrap();
    let toc = mv2::toc::decode(located.toc(bytes).unwrap()).unwrap();
    let mut parts = vec![
        ("header".to_owned(), 0, 4096),
        ("log".to_owned(), header.wal_offset, header.wal_size),
    ];
    for segment in &toc.head.segments {
        let name = match segment.id >> 32 {
            0 => "directory",
            0x4C45_5853 => "full text",
            _ => "other section",
        };
        parts.push((name.to_owned(), segment.bytes_offset, segment.bytes_length));
    }
    let time = toc.tail.time_index.unwrap();
    parts.push((
        "time index".to_owned(),
        time.bytes_offset,
        time.bytes_length,
    ));
    let sketch = toc.tail.sketch_track.unwrap();
    parts.push((
        "sketch track".to_owned(),
        sketch.bytes_offset,
        sketch.bytes_length,
    ));
    let mut payloads: Vec<(u64, u64)> = toc
        .frames
        .iter()
        .map(|frame| (frame.payload_offset, frame.payload_length))
        .collect();
    payloads.sort_unstable();
    let first = payloads.first().unwrap().0;
    // The last one stands behind the sections.
    let last = payloads[payloads.len() - 2];
    parts.push(("payloads".to_owned(), first, last.0 + last.1 - first));
    let length = located.footer_offset - located.toc_offset;
    parts.push(("table of contents".to_owned(), located.toc_offset, length));
    parts
}

fn damaged(bytes: &[u8], at: usize, is_zero: bool) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    let mut state = at as u64 * 2 + 1;
    for byte in damaged.iter_mut().skip(at).take(RANGE) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *byte = if is_zero { 0 } else { (state >> 32) as u8 };
    }
    damaged
}

/// Documents that read as they were written, and those whose title is theirs too.
fn intact(memory: &Memory) -> (u64, u64) {
    let mut texts = 0;
    let mut titles = 0;
    for number in 0..DOCUMENTS {
        if memory.text(number).is_ok_and(|found| found == text(number)) {
            texts += 1;
            let title = memory.frame(number).unwrap().title;
            titles += u64::from(title == format!("Title of {number}"));
        }
    }
    (texts, titles)
}

#[test]
fn at_least_99_percent_of_the_documents_are_rescued_wherever_64_kib_are_damaged() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let documents = (0..DOCUMENTS).map(document).collect();
    memory.put(documents, PutOptions::default()).unwrap();
    memory.close().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let mut places: Vec<(String, usize)> = Vec::new();
    for (name, start, length) in parts(&bytes) {
        let (start, length) = (start as usize, length as usize);
        // In front of it and into it, in its middle, and out of it at the end.
        places.push((format!("{name}, front"), start.saturating_sub(RANGE / 2)));
        if length > RANGE {
            places.push((format!("{name}, middle"), start + length / 2 - RANGE / 2));
        }
        places.push((
            format!("{name}, end"),
            (start + length).saturating_sub(RANGE / 2),
        ));
    }
    let mut state = 12_345_u64;
    for _ in 0..6 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        places.push((
            "anywhere".to_owned(),
            (state >> 20) as usize % (bytes.len() - RANGE),
        ));
    }
    places.push(("end of the file".to_owned(), bytes.len() - RANGE));
    // All of them take a minute of a processor; the worst are always tried.
    let all = std::env::var_os("MEMVID_EVERY_PLACE").is_some();
    let mut worst = (DOCUMENTS, String::new());
    let mut worst_titles = DOCUMENTS;
    let mut slowest = Duration::ZERO;
    for (number, (name, at)) in places.iter().enumerate() {
        let is_bad = name.starts_with("payloads") || name.starts_with("table of contents");
        if !all && !is_bad && number % 4 != 1 {
            continue;
        }
        let is_zero = number % 2 == 0;
        std::fs::write(&path, damaged(&bytes, *at, is_zero)).unwrap();
        let started = Instant::now();
        let memory = salvage(&path);
        slowest = slowest.max(started.elapsed());
        let (texts, titles) = intact(&memory);
        let what = if is_zero { "zeros" } else { "random bytes" };
        let lost = DOCUMENTS - texts;
        println!(
            "{name}, {what} at {at}: {lost} documents lost, {} with another title",
            texts - titles
        );
        if texts < worst.0 {
            worst = (texts, format!("{name}, {what}"));
        }
        worst_titles = worst_titles.min(titles);
        assert!(
            texts * 100 >= DOCUMENTS * 99,
            "{name}, {what} at {at}: {texts} of {DOCUMENTS}"
        );
        // Every document that is lost is named.
        let stats = memory.stats().unwrap();
        let named = |list: &str| stats["salvage"][list].as_array().unwrap().len() as u64;
        assert_eq!(
            named("lost_frames") + named("lost_content"),
            lost,
            "{name}: {stats}"
        );
    }
    let share = worst.0 as f64 / DOCUMENTS as f64 * 100.0;
    println!(
        "worst of up to {} places: {share:.2} % of the documents ({}); titles {:.2} %; slowest salvage {slowest:?}",
        places.len(),
        worst.1,
        worst_titles as f64 / DOCUMENTS as f64 * 100.0
    );

    // Repair gives what salvage shows, as a memory that passes every check and finds all of it.
    let table = places
        .iter()
        .find(|(name, _)| name == "table of contents, middle")
        .unwrap();
    std::fs::write(&path, damaged(&bytes, table.1, false)).unwrap();
    let seen = intact(&salvage(&path));
    let report = doctor_file(&path, &DoctorOptions::default(), Duration::ZERO).unwrap();
    assert_eq!(report["status"], "partial", "{}", report["findings"]);
    let memory = open(&path);
    assert_eq!(intact(&memory), seen);
    assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
    for number in [0, 9_999, 10_000, 19_999] {
        let request: FindRequest =
            serde_json::from_value(json!({ "query": format!("keyword{number}x"), "k": 1 }))
                .unwrap();
        assert_eq!(memory.find(request).unwrap().total_hits, 1, "{number}");
    }
}
