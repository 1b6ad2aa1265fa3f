//! Where the time of bulk ingestion goes, on one thread: `cargo run --release -p engine --example ingest_speed -- DOCUMENTS.jsonl`
//! (one JSON object a line that has a `text`). Prints microseconds a document.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Instant;

use serde_json::Value;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let lines = std::fs::read_to_string(&arguments[1]).unwrap();
    let texts: Vec<String> = lines
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["text"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let count = texts.len() as f64;
    let report = |what: &str, started: Instant| {
        println!(
            "{what:<28} {:8.2}",
            started.elapsed().as_secs_f64() * 1e6 / count
        );
    };
    for _ in 0..2 {
        let started = Instant::now();
        let mut total = 0;
        for text in &texts {
            total += mv2::payload::compress(text.as_bytes(), 3).unwrap().len();
        }
        report("zstd 3", started);
        println!("compressed {}", total as f64 / count);
        let started = Instant::now();
        let mut total = 0;
        for text in &texts {
            total += mv2::payload::compress(text.as_bytes(), 1).unwrap().len();
        }
        report("zstd 1", started);
        println!("compressed {}", total as f64 / count);
        let started = Instant::now();
        for text in &texts {
            std::hint::black_box(blake3::hash(text.as_bytes()));
        }
        report("blake3", started);
        let started = Instant::now();
        let mut hasher = mv2::sketch::SketchHasher::new();
        for text in &texts {
            std::hint::black_box(hasher.entry(text));
        }
        report("sketch", started);
        let started = Instant::now();
        let mut builder = lex::SegmentBuilder::new(192 << 20).unwrap();
        for (id, text) in texts.iter().enumerate() {
            builder
                .add(&lex::Document {
                    frame_id: id as u64,
                    title: "Abstract",
                    body: text,
                    uri: &format!("mv2://passage/{id}"),
                    kind: None,
                    track: None,
                    tags: &[],
                    labels: &["text".to_owned()],
                    timestamp: id as i64,
                    boost: 1.0,
                })
                .unwrap();
        }
        report("lex add", started);
        let started = Instant::now();
        let bytes = builder.finish().unwrap();
        report("lex finish", started);
        println!("lex bytes {}", bytes.len() as f64 / count);
    }
}
