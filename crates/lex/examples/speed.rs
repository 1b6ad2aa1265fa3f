//! Measures building and searching on real sentences.
//!
//! `cargo run -p lex --profile bench-fast --example speed -- [documents ...]` (default 10000 100000)
//! prints build time and size, then p50 and p99 in microseconds per class of query, parsing included.
//! Documents are windows of one to six sentences of SciFact abstracts.
//!
//! `… --example speed -- synthetic BLOB [documents]` (default 1000000) measures made-up documents of 120 words out of
//! 200,000, as frequent as words are (Zipf, exponent 1.07), in the segment kept in the file BLOB, which is built when it
//! is not there.

// A measuring program stops at the first surprise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/suite/support/mod.rs"]
mod support;

#[path = "speed/synthetic.rs"]
mod synthetic;

use lex::{LexIndex, OwnedBytes, PendingIndex, Query, SearchRequest, Searcher, SegmentBuilder};
use std::collections::HashMap;
use std::time::Instant;
use support::{data_directory, document, skip_reason};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "synthetic") {
        let documents = arguments
            .get(2)
            .map_or(1_000_000, |count| count.parse().unwrap());
        synthetic::measure(std::path::Path::new(&arguments[1]), documents);
        return;
    }
    if let Some(reason) = skip_reason() {
        println!("{reason}");
        return;
    }
    let sizes: Vec<usize> = arguments
        .iter()
        .map(|size| size.parse().expect("a number"))
        .collect();
    let sizes = if sizes.is_empty() {
        vec![10_000, 100_000]
    } else {
        sizes
    };
    let windows = windows();
    for size in sizes {
        // More documents than windows: windows again, with a word of their own.
        let texts: Vec<String> = (0..size)
            .map(|id| match id / windows.len() {
                0 => windows[id].clone(),
                round => format!("{} copy{round}", windows[id % windows.len()]),
            })
            .collect();
        measure(&texts);
    }
}

fn windows() -> Vec<String> {
    let text = std::fs::read_to_string(data_directory().join("scifact.sentences.jsonl")).unwrap();
    let sentences: Vec<(String, String)> = text
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let id = line["id"]
                .as_str()
                .unwrap()
                .split('#')
                .next()
                .unwrap()
                .to_owned();
            (id, line["text"].as_str().unwrap().to_owned())
        })
        .collect();
    let mut windows = Vec::new();
    for length in [6, 5, 4, 3, 2, 1] {
        for start in 0..sentences.len().saturating_sub(length - 1) {
            let window = &sentences[start..start + length];
            if window.iter().all(|sentence| sentence.0 == window[0].0) {
                windows.push(
                    window
                        .iter()
                        .map(|sentence| sentence.1.as_str())
                        .collect::<Vec<_>>()
                        .join(" "),
                );
            }
        }
    }
    windows
}

fn measure(texts: &[String]) {
    let bytes: usize = texts.iter().map(String::len).sum();
    println!(
        "\n{} documents, {} bytes each",
        texts.len(),
        bytes / texts.len()
    );
    let begin = Instant::now();
    let mut builder = SegmentBuilder::new(1 << 30).unwrap();
    for (id, text) in (0..).zip(texts) {
        builder.add(&document(id, text)).unwrap();
    }
    let added = begin.elapsed();
    let blob = builder.finish().unwrap();
    let whole = begin.elapsed();
    println!(
        "build {:.1} us/document (adding {:.1}), {} bytes/document",
        whole.as_secs_f64() * 1e6 / texts.len() as f64,
        added.as_secs_f64() * 1e6 / texts.len() as f64,
        blob.len() / texts.len()
    );
    sizes(&blob, texts.len());
    let half = texts.len() / 2;
    let parts: Vec<OwnedBytes> = [0..half, half..texts.len()]
        .into_iter()
        .map(|range| {
            let documents: Vec<_> = range.map(|id| document(id as u64, &texts[id])).collect();
            support::segment(&documents)
        })
        .collect();
    let begin = Instant::now();
    let merged = lex::merge(&parts, &|_| true, &|| {}).unwrap();
    println!(
        "merge {:.1} us/document, {} bytes/document",
        begin.elapsed().as_secs_f64() * 1e6 / texts.len() as f64,
        merged.len() / texts.len()
    );
    drop(merged);

    let begin = Instant::now();
    let index = LexIndex::open(vec![OwnedBytes::new(blob)]).unwrap();
    println!("open {:.0} us", begin.elapsed().as_secs_f64() * 1e6);
    let mut pending = PendingIndex::new();
    let pending_count = texts.len().min(20_000);
    let begin = Instant::now();
    for (id, text) in (0..).zip(&texts[..pending_count]) {
        pending.add(&document(id, text));
    }
    println!(
        "pending {:.1} us/document ({pending_count} documents)",
        begin.elapsed().as_secs_f64() * 1e6 / pending_count as f64
    );
    let one = {
        let mut one = PendingIndex::new();
        one.add(&document(u64::MAX, "zebra"));
        one
    };
    queries(&index, &PendingIndex::new(), texts, "segment");
    queries(
        &LexIndex::open(parts).unwrap(),
        &one,
        texts,
        "two segments and one pending",
    );
    queries(&LexIndex::empty(), &pending, texts, "pending only");
}

/// Bytes per document of each file in a segment, from the table at its beginning.
fn sizes(blob: &[u8], documents: usize) {
    let names = [
        "terms",
        "postings",
        "positions",
        "lengths",
        "columns",
        "forms",
    ];
    let number = |at: usize| u64::from_le_bytes(blob[at..at + 8].try_into().unwrap()) as f64;
    for (index, name) in names.into_iter().enumerate() {
        print!(
            "{name} {:.1}  ",
            number(64 + index * 16 + 8) / documents as f64
        );
    }
    println!();
}

/// Words by how many documents hold them, most first.
fn vocabulary(texts: &[String]) -> Vec<String> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for text in texts.iter().take(20_000) {
        for word in text
            .split(|character: char| !character.is_alphanumeric())
            .filter(|word| word.len() > 2)
        {
            *counts.entry(word.to_lowercase()).or_default() += 1;
        }
    }
    let mut words: Vec<_> = counts.into_iter().collect();
    words.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    words.into_iter().map(|(word, _)| word).collect()
}

fn queries(index: &LexIndex, pending: &PendingIndex, texts: &[String], name: &str) {
    println!("-- {name}");
    let words = vocabulary(texts);
    let mut state = 1_u64;
    let mut random = |bound: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    let rank = |from: usize, to: usize| from..to.min(words.len());
    let classes: [(&str, std::ops::Range<usize>, usize, &str); 9] = [
        ("term rare", rank(2_000, 20_000), 1, " "),
        ("term mid", rank(100, 2_000), 1, " "),
        ("term common", rank(0, 30), 1, " "),
        ("or 3 mid", rank(100, 2_000), 3, " "),
        ("or 3 any", rank(0, 2_000), 3, " "),
        ("or 5 any", rank(0, 2_000), 5, " "),
        ("or 8 any", rank(0, 2_000), 8, " "),
        ("and 2 mid", rank(100, 2_000), 2, " AND "),
        ("and 3 common", rank(0, 60), 3, " AND "),
    ];
    for (class, range, count, joint) in classes {
        let queries: Vec<String> = (0..300)
            .map(|_| {
                let picked = (0..count).map(|_| words[range.start + random(range.len())].as_str());
                picked.collect::<Vec<_>>().join(joint)
            })
            .collect();
        time(index, pending, class, &queries);
    }
    let quote = |length: usize, random: &mut dyn FnMut(usize) -> usize| loop {
        let text = &texts[random(texts.len())];
        let parts: Vec<_> = text.split_whitespace().collect();
        if parts.len() > length {
            let start = random(parts.len() - length);
            return parts[start..start + length].join(" ").replace('"', "");
        }
    };
    let phrases: Vec<_> = (0..300)
        .map(|_| format!("\"{}\"", quote(2, &mut random)))
        .collect();
    time(index, pending, "phrase 2", &phrases);
    let questions: Vec<_> = (0..300)
        .map(|_| format!("what is {}", quote(8, &mut random)))
        .collect();
    time(index, pending, "question of 10", &questions);
}

/// Prints how long a class of queries takes: of each query the fastest of ten times, because other programs run as well.
fn time(index: &LexIndex, pending: &PendingIndex, class: &str, queries: &[String]) {
    let mut times = vec![f64::INFINITY; queries.len()];
    for _ in 0..10 {
        for (text, time) in queries.iter().zip(&mut times) {
            let begin = Instant::now();
            if let Ok(query) = Query::parse(text) {
                let request = SearchRequest {
                    query: &query,
                    limit: 10,
                    offset: 0,
                    accept: None,
                    explain: false,
                };
                std::hint::black_box(Searcher::new(index, pending).search(&request).unwrap());
            }
            *time = time.min(begin.elapsed().as_secs_f64() * 1e6);
        }
    }
    times.sort_by(f64::total_cmp);
    println!(
        "{class:16} p50 {:8.1}  p99 {:8.1}",
        times[times.len() / 2],
        times[times.len() * 99 / 100]
    );
}
