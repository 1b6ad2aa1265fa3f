//! Where the time of a search goes: `cargo run --release -p engine --example find_speed -- SENTENCES.jsonl QUERIES.jsonl`
//! (files with one JSON object a line that has a `text`). Prints medians in microseconds.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Instant;

use engine::{Document, FindRequest, Memory, OpenMode, OpenOptions, PutOptions};
use serde_json::{Value, json};

fn texts(path: &str) -> Vec<String> {
    let lines = std::fs::read_to_string(path).unwrap();
    lines
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["text"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let sentences = texts(&arguments[1]);
    let queries = texts(&arguments[2]);
    let folder = tempfile::tempdir().unwrap();
    let options = OpenOptions {
        mode: OpenMode::Create,
        ..OpenOptions::default()
    };
    let memory = Memory::open(&folder.path().join("speed.mv2"), options).unwrap();
    let count = 10_000;
    let documents = (0..count)
        .map(|i| {
            Document::text(
                sentences[i * 2 % sentences.len()..]
                    .iter()
                    .take(4)
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(" "),
                0,
            )
        })
        .collect();
    let start = Instant::now();
    memory.put(documents, PutOptions::default()).unwrap();
    println!(
        "ingest {:.1} us/document",
        start.elapsed().as_secs_f64() * 1e6 / count as f64
    );
    for k in [1, 10] {
        let (mut prepare, mut cost, mut run, mut encode) = (vec![], vec![], vec![], vec![]);
        for query in queries.iter().cycle().take(2000) {
            let request: FindRequest =
                serde_json::from_value(json!({ "query": query, "k": k })).unwrap();
            let start = Instant::now();
            let prepared = memory.prepare_find(request).unwrap();
            prepare.push(start.elapsed().as_secs_f64() * 1e6);
            let start = Instant::now();
            prepared.is_cheap().unwrap();
            cost.push(start.elapsed().as_secs_f64() * 1e6);
            let start = Instant::now();
            let result = prepared.run().unwrap();
            run.push(start.elapsed().as_secs_f64() * 1e6);
            let start = Instant::now();
            serde_json::to_string(&result).unwrap();
            encode.push(start.elapsed().as_secs_f64() * 1e6);
        }
        println!(
            "k={k}: prepare {:.1}, cost {:.1}, run {:.1}, encode {:.1}",
            median(prepare),
            median(cost),
            median(run),
            median(encode)
        );
    }
}
