//! Measures building and merging segments of documents in a file.
//!
//! `cargo run -p lex --profile bench-fast --example build -- FILE.jsonl [rounds [parts]]` reads one JSON object
//! `{uri, title, text}` a line and prints, in microseconds of CPU time a document (least of the rounds), adding,
//! finishing and merging (of so many parts, default 10), and bytes a document by file.

// A measuring program stops at the first surprise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use lex::{Document, OwnedBytes, SegmentBuilder};

#[derive(serde::Deserialize)]
struct Line {
    uri: String,
    title: String,
    text: String,
}

/// Seconds of CPU time that this thread has used (Linux; the measuring machine has other work to do).
fn seconds() -> f64 {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds: f64 = schedule.split(' ').next().unwrap().parse().unwrap();
    nanoseconds / 1e9
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("a file of documents");
    let mut number = |default: usize| {
        arguments
            .next()
            .map_or(default, |text| text.parse().expect("a number"))
    };
    let (rounds, parts) = (number(3), number(10));
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<Line> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    drop(text);
    let mut least = [f64::MAX; 3];
    let mut memory = 0;
    let mut blob = Vec::new();
    let mut merged = 0;
    for _ in 0..rounds {
        let begin = seconds();
        let mut builder = SegmentBuilder::new(1 << 30).unwrap();
        add(&mut builder, 0, &lines);
        least[0] = least[0].min(seconds() - begin);
        memory = builder.memory_usage();
        let begin = seconds();
        blob = builder.finish().unwrap();
        least[1] = least[1].min(seconds() - begin);
        if parts > 0 {
            let length = lines.len().div_ceil(parts);
            let segments: Vec<OwnedBytes> = lines
                .chunks(length)
                .enumerate()
                .map(|(part, lines)| {
                    let mut builder = SegmentBuilder::new(1 << 30).unwrap();
                    add(&mut builder, part * length, lines);
                    OwnedBytes::new(builder.finish().unwrap())
                })
                .collect();
            let begin = seconds();
            merged = lex::merge(&segments, &|_| true, &|| {}).unwrap().len();
            least[2] = least[2].min(seconds() - begin);
        }
    }
    let each = |seconds: f64| seconds * 1e6 / lines.len() as f64;
    println!(
        "add {:.2}  finish {:.2}  merge {:.2} us/document; {} bytes/document in memory, {:.1} built, {:.1} merged",
        each(least[0]),
        each(least[1]),
        each(least[2]),
        memory / lines.len(),
        blob.len() as f64 / lines.len() as f64,
        merged as f64 / lines.len() as f64
    );
    let number = |at: usize| u64::from_le_bytes(blob[at..at + 8].try_into().unwrap()) as f64;
    for (index, name) in [
        "terms",
        "postings",
        "positions",
        "lengths",
        "columns",
        "forms",
    ]
    .into_iter()
    .enumerate()
    {
        print!(
            "{name} {:.1}  ",
            number(64 + index * 16 + 8) / lines.len() as f64
        );
    }
    println!();
}

fn add(builder: &mut SegmentBuilder, first: usize, lines: &[Line]) {
    for (id, line) in (first as u64..).zip(lines) {
        let document = Document {
            frame_id: id,
            title: &line.title,
            body: &line.text,
            uri: &line.uri,
            kind: None,
            track: None,
            tags: &[],
            labels: &[],
            timestamp: 1_700_000_000 + id as i64 / 100,
            boost: 1.0,
        };
        builder.add(&document).unwrap();
    }
}
