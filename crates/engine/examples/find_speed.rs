//! Where the time of a search goes: `cargo run --profile bench-fast -p engine --example find_speed -- MEMORY QUESTIONS [k]`.
//!
//! MEMORY is a file in the `.mv2` format, QUESTIONS a JSON array of texts. Prints p50 and p99 in microseconds of what a
//! search from JavaScript does on this side: reading the request, judging its cost, and searching.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::time::Instant;

use engine::{FindRequest, Memory, OpenMode, OpenOptions};
use serde_json::json;

/// Every question is asked this often; the fastest time counts, because other programs run at the same time.
const ROUNDS: usize = 20;
const PARTS: [&str; 4] = ["prepare", "cost", "run", "all"];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let questions: Vec<String> =
        serde_json::from_str(&std::fs::read_to_string(&arguments[2]).unwrap()).unwrap();
    let k: usize = arguments.get(3).map_or(10, |k| k.parse().unwrap());
    let started = Instant::now();
    let options = OpenOptions {
        mode: OpenMode::Open,
        ..OpenOptions::default()
    };
    let memory = Memory::open(Path::new(&arguments[1]), options).unwrap();
    let opened = started.elapsed();
    let request = |question: &String| json!({ "query": question, "k": k, "snippetChars": 240 });
    let first: FindRequest = serde_json::from_value(request(&questions[0])).unwrap();
    memory.find(first).unwrap();
    println!(
        "open {:.2} ms, first hit {:.2} ms",
        opened.as_secs_f64() * 1e3,
        started.elapsed().as_secs_f64() * 1e3
    );
    let mut best = vec![[f64::INFINITY; PARTS.len()]; questions.len()];
    let mut empty = 0;
    for round in 0..ROUNDS {
        for (question, best) in questions.iter().zip(&mut best) {
            let request = request(question).to_string();
            let mut times = [Instant::now(); PARTS.len()];
            let request: FindRequest = engine::parse_request(&request).unwrap();
            let prepared = memory.prepare_find(request).unwrap();
            times[1] = Instant::now();
            prepared.is_cheap().unwrap();
            times[2] = Instant::now();
            let result = memory.run_find(&prepared).unwrap();
            times[3] = Instant::now();
            empty += usize::from(round == 0 && result.hits.is_empty());
            let mut note = |part: usize, from: Instant, to: Instant| {
                best[part] = best[part].min((to - from).as_secs_f64() * 1e6);
            };
            for part in 0..3 {
                note(part, times[part], times[part + 1]);
            }
            note(3, times[0], times[3]);
        }
    }
    for (part, name) in PARTS.iter().enumerate() {
        let mut times: Vec<f64> = best.iter().map(|times| times[part]).collect();
        times.sort_by(f64::total_cmp);
        println!(
            "{name:8} p50 {:8.1}  p99 {:8.1}",
            times[times.len() / 2],
            times[times.len() * 99 / 100]
        );
    }
    println!("without a hit {empty} of {}", questions.len());
}
