//! Vectors to test with.

use vec::{Encoding, Request, Segment, SegmentBuilder, Source, StridedVectors, search};

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// About normally distributed.
    pub fn normal(&mut self) -> f32 {
        let bits = self.next();
        let sum: u64 = (0..4).map(|part| bits >> (16 * part) & 0xFFFF).sum();
        (sum as f32 / 65_536.0 - 2.0) * 3.0_f32.sqrt()
    }

    pub fn vector(&mut self, dimension: usize) -> Vec<f32> {
        (0..dimension).map(|_| self.normal()).collect()
    }
}

/// A segment with its vectors.
#[derive(Clone)]
pub struct Stored {
    pub dimension: usize,
    pub frames: Vec<u64>,
    pub vectors: Vec<Vec<f32>>,
    pub bytes: Vec<u8>,
    pub blob: Vec<u8>,
}

impl Stored {
    pub fn new(encoding: Encoding, frames: Vec<u64>, vectors: Vec<Vec<f32>>) -> Self {
        let dimension = vectors.first().map_or(1, Vec::len);
        let builder = SegmentBuilder::with_encoding(dimension, encoding).unwrap();
        Self::build(builder, frames, vectors)
    }

    pub fn build(mut builder: SegmentBuilder, frames: Vec<u64>, vectors: Vec<Vec<f32>>) -> Self {
        for (frame_id, vector) in frames.iter().zip(&vectors) {
            builder.add(*frame_id, vector).unwrap();
        }
        let numbers = vectors.iter().flatten();
        Self {
            dimension: vectors.first().map_or(1, Vec::len),
            bytes: numbers.flat_map(|number| number.to_le_bytes()).collect(),
            blob: builder.finish(),
            frames,
            vectors,
        }
    }

    pub fn segment(&self) -> Segment<'_> {
        Segment::open(&self.blob).unwrap()
    }

    pub fn strided(&self) -> StridedVectors<'_> {
        StridedVectors {
            bytes: &self.bytes,
            first: 0,
            stride: 4 * self.dimension,
            dimension: self.dimension,
            frame: None,
        }
    }
}

/// The frames of the hits.
pub fn find(sources: &[Source<'_>], request: &Request<'_>) -> Vec<u64> {
    let hits = search(sources, request).unwrap().hits;
    hits.iter().map(|hit| hit.frame_id).collect()
}

pub fn cosine(left: &[f32], right: &[f32]) -> f64 {
    let dot = |left: &[f32], right: &[f32]| -> f64 {
        left.iter()
            .zip(right)
            .map(|(left, right)| f64::from(*left) * f64::from(*right))
            .sum()
    };
    let product = (dot(left, left) * dot(right, right)).sqrt();
    if product > 0.0 {
        dot(left, right) / product
    } else {
        0.0
    }
}

/// Frames and similarities, the best first.
pub fn brute_force(
    stored: &[Stored],
    query: &[f32],
    limit: usize,
    accept: impl Fn(u64) -> bool,
) -> Vec<(u64, f64)> {
    let mut newest = std::collections::BTreeMap::new();
    for part in stored {
        for (frame_id, vector) in part.frames.iter().zip(&part.vectors) {
            newest.insert(*frame_id, cosine(query, vector));
        }
    }
    let mut all: Vec<(u64, f64)> = newest
        .into_iter()
        .filter(|(frame_id, _)| accept(*frame_id))
        .collect();
    all.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
    all.truncate(limit);
    all
}

/// The share of the true nearest that a search finds.
pub fn recall(sources: &[Source<'_>], queries: &[Vec<f32>], request: &Request<'_>) -> f64 {
    let mut found = 0;
    for query in queries {
        let request = Request { query, ..*request };
        let truth = find(
            sources,
            &Request {
                is_exact: true,
                ..request
            },
        );
        found += find(sources, &request)
            .iter()
            .filter(|frame_id| truth.contains(frame_id))
            .count();
    }
    found as f64 / (queries.len() * request.limit) as f64
}
