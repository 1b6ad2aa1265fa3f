//! Single puts into a large file: `cargo run --release -p engine --example large -- FILE FRAMES [PUTS]`. Makes FILE with
//! FRAMES short documents unless it is there, then puts PUTS documents one by one into a copy, seals and closes.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::time::Instant;

use engine::{Document, Memory, OpenMode, OpenOptions, PutOptions};

/// Documents of one call while the file is made.
const BATCH: u64 = 50_000;

fn document(number: u64) -> Document {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = String::new();
    for _ in 0..20 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // Low numbers are frequent, as in language.
        let rank = ((state >> 40) % 5000) * ((state >> 20) % 5000) / 5000;
        text.push_str(&format!("word{rank} "));
    }
    let mut document = Document::text(text, 1_600_000_000 + number as i64);
    document.title = Some(format!("Title {number}"));
    document.uri = Some(format!("mv2://large/{number}"));
    document.labels = vec!["text".to_owned()];
    document
}

fn open(path: &Path, mode: OpenMode) -> Memory {
    let options = OpenOptions {
        mode,
        ..OpenOptions::default()
    };
    Memory::open(path, options).unwrap()
}

fn seconds<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!("{what}: {:.3} s", start.elapsed().as_secs_f64());
    result
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let made = Path::new(&arguments[1]);
    let frames: u64 = arguments[2].parse().unwrap();
    let puts: u64 = arguments.get(3).map_or(0, |puts| puts.parse().unwrap());
    if !made.exists() {
        seconds("make", || {
            let memory = open(made, OpenMode::Create);
            let mut first = 0;
            while first < frames {
                let last = (first + BATCH).min(frames);
                memory
                    .put((first..last).map(document).collect(), PutOptions::default())
                    .unwrap();
                first = last;
            }
            memory.close().unwrap();
        });
    }
    println!("bytes {}", std::fs::metadata(made).unwrap().len());
    if puts == 0 {
        return;
    }
    let copy = made.with_extension("copy.mv2");
    std::fs::copy(made, &copy).unwrap();
    std::fs::File::open(&copy).unwrap().sync_all().unwrap();
    let memory = seconds("open", || open(&copy, OpenMode::Open));
    let mut times = Vec::new();
    let start = Instant::now();
    for number in frames..frames + puts {
        let document = document(number);
        let start = Instant::now();
        memory.put(vec![document], PutOptions::default()).unwrap();
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    println!("puts: {:.3} s", start.elapsed().as_secs_f64());
    seconds("close", || memory.close().unwrap());
    println!(
        "mean us {:.1}",
        start.elapsed().as_secs_f64() * 1e6 / puts as f64
    );
    times.sort_by(f64::total_cmp);
    println!(
        "put us: p50 {:.0} p99 {:.0} max {:.0}",
        times[times.len() / 2],
        times[times.len() * 99 / 100],
        times[times.len() - 1]
    );
    println!("bytes {}", std::fs::metadata(&copy).unwrap().len());
    for number in 0..3 {
        let memory = open(&copy, OpenMode::Open);
        seconds("session", || {
            memory
                .put(
                    vec![document(frames + puts + number)],
                    PutOptions::default(),
                )
                .unwrap();
            memory.close().unwrap();
        });
    }
    println!("bytes {}", std::fs::metadata(&copy).unwrap().len());
    std::fs::remove_file(&copy).unwrap();
}
