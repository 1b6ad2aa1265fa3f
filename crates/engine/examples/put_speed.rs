//! Where the time of a single put goes: `cargo run --release -p engine --example put_speed -- FOLDER [COUNT]`. In a folder
//! on a RAM disk the figure is the work without the disk's. Prints microseconds a put: median and mean.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::time::Instant;

use engine::{Document, FindRequest, Memory, OpenMode, OpenOptions, PutOptions};
use serde_json::json;

const WORDS: [&str; 16] = [
    "memory",
    "retrieval",
    "protein",
    "binding",
    "expression",
    "cells",
    "patients",
    "results",
    "in",
    "the",
    "of",
    "and",
    "increased",
    "response",
    "to",
    "treatment",
];

fn text(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut out = String::new();
    for _ in 0..90 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let number = state >> 40;
        out.push_str(WORDS[(number % 16) as usize]);
        if number.is_multiple_of(3) {
            out.push_str(&format!("{}", number % 5000));
        }
        out.push(' ');
    }
    out
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let folder = tempfile::tempdir_in(Path::new(&arguments[1])).unwrap();
    let count: u64 = arguments
        .get(2)
        .map_or(2000, |count| count.parse().unwrap());
    let options = OpenOptions {
        mode: OpenMode::Create,
        ..OpenOptions::default()
    };
    let path = folder.path().join("speed.mv2");
    let memory = Memory::open(&path, options).unwrap();
    let mut times = Vec::new();
    let start = Instant::now();
    for number in 0..count {
        let mut document = Document::text(text(number), 1_700_000_000 + number as i64);
        document.title = Some(format!("Title {number}"));
        document.uri = Some(format!("mv2://x/{number}"));
        document.labels = vec!["text".to_owned()];
        let start = Instant::now();
        memory.put(vec![document], PutOptions::default()).unwrap();
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    let total = start.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "put us: p10 {:.1} p50 {:.1} p90 {:.1} p99 {:.1} max {:.0}, mean {:.1}",
        at(0.1),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0),
        total * 1e6 / count as f64
    );
    let request: FindRequest =
        serde_json::from_value(json!({ "query": "protein binding 77", "k": 10 })).unwrap();
    let start = Instant::now();
    for _ in 0..200 {
        memory.find(request.clone()).unwrap();
    }
    println!(
        "find us: {:.1}",
        start.elapsed().as_secs_f64() * 1e6 / 200.0
    );
    let start = Instant::now();
    memory.close().unwrap();
    println!(
        "close ms: {:.1}, bytes {}",
        start.elapsed().as_secs_f64() * 1e3,
        std::fs::metadata(&path).unwrap().len()
    );
}
