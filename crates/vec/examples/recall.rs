//! Measures recall and speed of searches.
//!
//! `cargo run -p vec --profile bench-fast --example recall -- [SET ...]` prints, for each set of vectors, what encoding
//! costs, and for each version of the inner loops the share of the true 10 nearest that are found and the time of a search.
//! A set is a name and a number of vectors, such as `real:10000`; a third part is the number of dimensions, otherwise 384:
//!
//! - `real`: MiniLM vectors (384 dimensions) of sentences of SciFact, 27,537 at most; queries are vectors of its claims;
//! - `mixed`: each the sum of those of two neighbouring sentences and some noise, so that there are more; the same queries;
//! - `clustered`: random vectors around 1,000 random ones; queries are others like them.
//!
//! `--effort=2` and `--threads=2` are passed on, every query is asked `--rounds=5` times, `--encoding=bytes` encodes in another way, `--exact` compares in full,
//! `--product` compares with product-quantised vectors, and recall is of what the vectors themselves find.
//! `--kernel=AVX2` chooses, `--every=10` looks for every tenth vector alone, `--calls` by calling a function.

// A measuring program stops at the first surprise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use cpu_time::ThreadTime;
use std::cell::Cell;
use std::collections::HashSet;
use std::hint::black_box;
use std::time::Instant;
use vec::{
    CODEBOOK_SAMPLE, Codebook, Encoding, FrameSet, Kernel, QuantisedVectors, Request, Segment,
    SegmentBuilder, Source, StridedVectors, search,
};

const LIMIT: usize = 10;
const QUERIES: usize = 200;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let prefix = format!("--{name}=");
        let found = arguments
            .iter()
            .find_map(|argument| argument.strip_prefix(&prefix));
        found.map(str::to_owned)
    };
    let options = Options {
        effort: option("effort").map_or(1.0, |effort| effort.parse().unwrap()),
        rounds: option("rounds").map_or(5, |rounds| rounds.parse().unwrap()),
        threads: option("threads").map_or(1, |threads| threads.parse().unwrap()),
        encoding: option("encoding").map(|encoding| match encoding.as_str() {
            "bits" => Encoding::Bits,
            "bytes" => Encoding::Bytes,
            other => panic!("no encoding is called {other}"),
        }),
        every: option("every").map_or(1, |every| every.parse().unwrap()),
        calls: arguments.iter().any(|argument| argument == "--calls"),
        is_exact: arguments.iter().any(|argument| argument == "--exact"),
        is_product: arguments.iter().any(|argument| argument == "--product"),
        kernels: option("kernel").map_or(Kernel::available(), |name| {
            let all = Kernel::available().into_iter();
            all.filter(|kernel| kernel.name() == name).collect()
        }),
    };
    let mut sets: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    if sets.is_empty() {
        sets = vec![
            "real:10000",
            "real:27537",
            "mixed:100000",
            "clustered:100000",
            "clustered:1000000",
        ];
    }
    for set in sets {
        let mut parts = set.split(':');
        let name = parts.next().unwrap();
        let count: usize = parts.next().expect("SET:COUNT").parse().unwrap();
        let dimension = parts
            .next()
            .map_or(384, |dimension| dimension.parse().unwrap());
        let data = match name {
            "real" => real(count).truncated(dimension),
            "mixed" => mixed(count).truncated(dimension),
            "clustered" => clustered(count, dimension),
            other => panic!("no set is called {other}"),
        };
        println!("\n{set}");
        measure(&data, &options);
    }
}

struct Options {
    effort: f32,
    rounds: usize,
    every: u64,
    calls: bool,
    threads: usize,
    encoding: Option<Encoding>,
    is_exact: bool,
    is_product: bool,
    kernels: Vec<Kernel>,
}

struct Data {
    dimension: usize,
    vectors: Vec<f32>,
    queries: Vec<f32>,
}

impl Data {
    /// The first dimensions alone.
    fn truncated(self, dimension: usize) -> Self {
        let cut = |numbers: Vec<f32>| {
            let rows = numbers.chunks_exact(self.dimension);
            rows.flat_map(|row| row[..dimension].to_vec()).collect()
        };
        Self {
            dimension,
            vectors: cut(self.vectors),
            queries: cut(self.queries),
        }
    }
}

/// SplitMix64, and normally distributed numbers by adding even ones.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn normal(&mut self) -> f32 {
        let bits = self.next();
        let sum: u64 = (0..4).map(|part| bits >> (16 * part) & 0xFFFF).sum();
        (sum as f32 / 65_536.0 - 2.0) * 3.0_f32.sqrt()
    }
}

fn data_directory() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/bench/data")
}

fn real(count: usize) -> Data {
    let raw = std::fs::read(data_directory().join("scifact.sentences.minilm.i8")).unwrap();
    let rows = raw.len() / 388;
    assert!(count <= rows, "there are {rows} vectors");
    let (codes, scales) = raw.split_at(rows * 384);
    let mut vectors = Vec::with_capacity(count * 384);
    let scales = scales.as_chunks::<4>().0;
    for (row, scale) in codes.chunks_exact(384).zip(scales).take(count) {
        let scale = f32::from_le_bytes(*scale);
        vectors.extend(row.iter().map(|code| f32::from(*code as i8) * scale));
    }
    let raw = std::fs::read(data_directory().join("scifact.queries.minilm.f32")).unwrap();
    let numbers = raw.as_chunks::<4>().0.iter();
    let queries = numbers
        .take(QUERIES * 384)
        .map(|number| f32::from_le_bytes(*number))
        .collect();
    Data {
        dimension: 384,
        vectors,
        queries,
    }
}

fn mixed(count: usize) -> Data {
    let Data {
        vectors: sentences,
        queries,
        dimension,
    } = real(27_537);
    let rows: Vec<&[f32]> = sentences.chunks_exact(dimension).collect();
    let mut random = Random(1);
    let mut vectors = Vec::with_capacity(count * dimension);
    for _ in 0..count {
        let first = random.below(rows.len());
        let second = (first + 1 + random.below(8)) % rows.len();
        let share = random.below(100) as f32 / 100.0;
        for (left, right) in rows[first].iter().zip(rows[second]) {
            vectors.push(left + share * right + 0.25 * random.normal() / (dimension as f32).sqrt());
        }
    }
    Data {
        dimension,
        vectors,
        queries,
    }
}

fn clustered(count: usize, dimension: usize) -> Data {
    let mut random = Random(2);
    let centres: Vec<f32> = (0..1_000 * dimension).map(|_| random.normal()).collect();
    let mut make = |count: usize| {
        let mut vectors = Vec::with_capacity(count * dimension);
        for _ in 0..count {
            let start = random.below(1_000) * dimension;
            let centre = &centres[start..start + dimension];
            vectors.extend(centre.iter().map(|number| number + 0.7 * random.normal()));
        }
        vectors
    };
    let vectors = make(count);
    let queries = make(QUERIES);
    Data {
        dimension,
        vectors,
        queries,
    }
}

/// Centroids of a sample, and the codes of all vectors.
fn quantise(data: &Data) -> (Codebook, Vec<u8>) {
    let rows = data.vectors.chunks_exact(data.dimension);
    let step = rows.len().div_ceil(CODEBOOK_SAMPLE).max(1);
    let sample: Vec<f32> = rows.step_by(step).flatten().copied().collect();
    let begin = Instant::now();
    let codebook = Codebook::train(&sample, data.dimension, 1).unwrap();
    let trained = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let codes = codebook.encode(&data.vectors, 1).unwrap();
    println!(
        "centroids of {} vectors in {trained:.2} s, {:.2} us a code, on one thread",
        sample.len() / data.dimension,
        begin.elapsed().as_secs_f64() * 1e6 * data.dimension as f64 / data.vectors.len() as f64
    );
    (codebook, codes)
}

fn measure(data: &Data, options: &Options) {
    let dimension = data.dimension;
    let rows = data.vectors.chunks_exact(dimension);
    let count = rows.len();
    let encoding = options
        .encoding
        .unwrap_or(Encoding::for_dimension(dimension));
    let begin = Instant::now();
    let mut builder = SegmentBuilder::with_encoding(dimension, encoding).unwrap();
    for (frame_id, vector) in (0..).zip(rows) {
        builder.add(frame_id, vector).unwrap();
    }
    let blob = builder.finish();
    println!(
        "encoding {:.2} us a vector, {:.1} bytes",
        begin.elapsed().as_secs_f64() * 1e6 / count as f64,
        blob.len() as f64 / count as f64
    );
    let bytes: Vec<u8> = data
        .vectors
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    let vectors = StridedVectors {
        bytes: &bytes,
        first: 0,
        stride: 4 * dimension,
        dimension,
        frame: None,
    };
    let begin = Instant::now();
    let segment = Segment::open(&blob).unwrap();
    println!("opening {:.1} us", begin.elapsed().as_secs_f64() * 1e6);
    let sources = [Source {
        segment,
        vectors: &vectors,
        verified: None,
    }];
    let queries: Vec<&[f32]> = data.queries.chunks_exact(dimension).collect();
    let queries = if count > 500_000 {
        &queries[..100]
    } else {
        &queries[..]
    };
    let compared = Cell::new(0);
    let find = |request: &Request<'_>| -> Vec<u64> {
        let result = search(&sources, request).unwrap();
        compared.set(compared.get() + result.compared);
        result.hits.iter().map(|hit| hit.frame_id).collect()
    };
    let accept = |frame_id: u64| frame_id.is_multiple_of(options.every);
    let frames: FrameSet = (0..count as u64)
        .filter(|frame_id| accept(*frame_id))
        .collect();
    let filtered = |query| Request {
        frames: (options.every > 1 && !options.calls).then_some(&frames),
        accept: (options.every > 1 && options.calls).then_some(&accept),
        ..Request::new(query, LIMIT)
    };
    let truth: Vec<HashSet<u64>> = queries
        .iter()
        .map(|query| {
            let request = Request {
                is_exact: true,
                threads: 8,
                ..filtered(query)
            };
            find(&request).into_iter().collect()
        })
        .collect();
    let quantised = options.is_product.then(|| quantise(data));
    let product = quantised
        .as_ref()
        .map(|(codebook, codes)| QuantisedVectors {
            bytes: codes,
            first: 0,
            stride: codebook.pieces(),
            frame: None,
            codebook,
        });
    let sources = [Source {
        segment,
        vectors: match &product {
            Some(product) => product,
            None => &vectors,
        },
        verified: None,
    }];
    let find = |request: &Request<'_>| -> Vec<u64> {
        let result = search(&sources, request).unwrap();
        compared.set(compared.get() + result.compared);
        result.hits.iter().map(|hit| hit.frame_id).collect()
    };
    for &kernel in &options.kernels {
        compared.set(0);
        let mut times = Vec::new();
        let mut times_cpu = Vec::new();
        let mut found = 0;
        let rounds = options.rounds;
        // The best of some rounds of each query: what the search takes, and not what else the machine does.
        let mut best = vec![f64::MAX; queries.len()];
        for round in 0..rounds {
            for (index, query) in queries.iter().enumerate() {
                let request = Request {
                    kernel,
                    effort: options.effort,
                    threads: options.threads,
                    is_exact: options.is_exact,
                    ..filtered(query)
                };
                let begin = Instant::now();
                let begin_cpu = ThreadTime::now();
                let hits = black_box(find(&request));
                let time_cpu = begin_cpu.elapsed().as_secs_f64() * 1e3;
                let time = begin.elapsed().as_secs_f64() * 1e3;
                times_cpu.push(time_cpu);
                times.push(time);
                best[index] = best[index].min(time_cpu);
                if round == 0 {
                    found += hits
                        .iter()
                        .filter(|frame_id| truth[index].contains(frame_id))
                        .count();
                }
            }
        }
        times_cpu.sort_unstable_by(f64::total_cmp);
        times.sort_unstable_by(f64::total_cmp);
        best.sort_unstable_by(f64::total_cmp);
        println!(
            "{:9} recall@{LIMIT} {:.4}  p50 {:.3} ms, processor time {:.3} (of the best of {rounds} rounds {:.3}), {:.0} compared",
            kernel.name(),
            found as f64 / (LIMIT * queries.len()) as f64,
            times[times.len() / 2],
            times_cpu[times.len() / 2],
            best[best.len() / 2],
            compared.get() as f64 / times.len() as f64,
        );
    }
}
