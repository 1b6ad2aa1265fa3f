//! Vectors kept as numbers of centroids.

use crate::support::Random;
use vec::{
    CENTROIDS, Codebook, Error, Kernel, QuantisedVectors, Request, Segment, SegmentBuilder, Source,
    Vectors, search,
};

const DIMENSION: usize = 32;
const PIECES: usize = DIMENSION / 4;

/// Around a few centres, one behind the other.
fn vectors(seed: u64, count: usize) -> Vec<f32> {
    let mut random = Random(seed);
    let centres: Vec<Vec<f32>> = (0..9).map(|_| random.vector(DIMENSION)).collect();
    (0..count)
        .flat_map(|number| {
            let own = random.vector(DIMENSION);
            let centre = &centres[number % centres.len()];
            let near = centre.iter().zip(own).map(|(a, b)| a + 0.3 * b);
            near.collect::<Vec<f32>>()
        })
        .collect()
}

fn quantised<'a>(codebook: &'a Codebook, codes: &'a [u8]) -> QuantisedVectors<'a> {
    QuantisedVectors {
        bytes: codes,
        first: 0,
        stride: PIECES,
        frame: None,
        codebook,
    }
}

fn decoded(codebook: &Codebook, codes: &[u8]) -> Vec<f32> {
    let mut numbers = Vec::new();
    for code in codes.chunks_exact(PIECES) {
        codebook.decode(code, &mut numbers);
    }
    numbers
}

fn squares_between(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(a, b)| (a - b).powi(2)).sum()
}

#[test]
fn few_vectors_lose_nothing() {
    for count in [1, 2, 100, CENTROIDS] {
        let given = vectors(1, count);
        let codebook = Codebook::train(&given, DIMENSION, 2).unwrap();
        let codes = codebook.encode(&given, 2).unwrap();
        assert_eq!(decoded(&codebook, &codes), given);
    }
}

#[test]
fn threads_change_nothing_and_what_is_decoded_encodes_to_itself() {
    let given = vectors(2, 3000);
    let codebook = Codebook::train(&given, DIMENSION, 1).unwrap();
    let codes = codebook.encode(&given, 1).unwrap();
    for threads in [2, 3, 100] {
        assert_eq!(
            Codebook::train(&given, DIMENSION, threads).unwrap(),
            codebook
        );
        assert_eq!(codebook.encode(&given, threads).unwrap(), codes);
    }
    let numbers = decoded(&codebook, &codes);
    let again = codebook.encode(&numbers, 1).unwrap();
    assert_eq!(decoded(&codebook, &again), numbers);
    // Far nearer than another vector of the same centre.
    let error = squares_between(&given, &numbers) / 3000.0;
    let other = squares_between(&given[9 * DIMENSION..], &given[..2991 * DIMENSION]) / 2991.0;
    assert!(error * 8.0 < other, "{error} {other}");
    // Centroids are what they are stored as.
    assert_eq!(Codebook::new(codebook.numbers()).unwrap(), codebook);
    assert_eq!(
        (codebook.dimension(), codebook.pieces()),
        (DIMENSION, PIECES)
    );
}

#[test]
fn every_centroid_is_used_although_many_vectors_are_the_same() {
    let mut given = vectors(3, 1000);
    given.extend(vectors(4, 1).repeat(5000));
    let codebook = Codebook::train(&given, DIMENSION, 2).unwrap();
    let codes = codebook.encode(&given, 2).unwrap();
    for piece in 0..PIECES {
        let mut used: Vec<u8> = codes.iter().skip(piece).step_by(PIECES).copied().collect();
        used.sort_unstable();
        used.dedup();
        assert!(used.len() > CENTROIDS / 2, "{}", used.len());
    }
    assert!(
        decoded(&codebook, &codes)
            .iter()
            .all(|number| number.is_finite())
    );
}

#[test]
fn looking_up_gives_what_reading_does() {
    let given = vectors(5, 500);
    let codebook = Codebook::train(&given, DIMENSION, 2).unwrap();
    let codes = codebook.encode(&given, 2).unwrap();
    let source = quantised(&codebook, &codes);
    let query = Random(6).vector(DIMENSION);
    let products = source.products(&query).unwrap();
    let numbers = decoded(&codebook, &codes);
    for (ordinal, vector) in numbers.chunks_exact(DIMENSION).enumerate() {
        let (dot, square) = products.of(ordinal).unwrap();
        let exact: f32 = vector.iter().zip(&query).map(|(a, b)| a * b).sum();
        assert!((dot - exact).abs() < 1e-4);
        assert!((square - vector.iter().map(|a| a * a).sum::<f32>()).abs() < 1e-4);
        let mut buffer = Vec::new();
        let bytes: Vec<u8> = vector
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        assert_eq!(source.vector(ordinal, &mut buffer).unwrap(), bytes);
    }
    assert!(products.of(500).is_none());
    assert!(source.vector(500, &mut Vec::new()).is_none());
    assert!(source.products(&query[..DIMENSION - 4]).is_none());
}

#[test]
fn a_search_ranks_by_the_quantised_vectors_with_every_kernel() {
    let given = vectors(7, 4000);
    let codebook = Codebook::train(&given, DIMENSION, 2).unwrap();
    let codes = codebook.encode(&given, 2).unwrap();
    let numbers = decoded(&codebook, &codes);
    let mut builder = SegmentBuilder::new(DIMENSION).unwrap();
    for (frame, vector) in (0..).zip(numbers.chunks_exact(DIMENSION)) {
        builder.add(frame, vector).unwrap();
    }
    let blob = builder.finish();
    let vectors = quantised(&codebook, &codes);
    let sources = [Source {
        segment: Segment::open(&blob).unwrap(),
        vectors: &vectors,
        verified: None,
    }];
    let (mut found, mut asked) = ([0; 2], [0; 2]);
    for seed in 0..20 {
        let query = Random(100 + seed).vector(DIMENSION);
        let length = |vector: &[f32]| vector.iter().map(|a| f64::from(a * a)).sum::<f64>().sqrt();
        let mut ranked: Vec<(f64, u64)> = (0..)
            .zip(numbers.chunks_exact(DIMENSION))
            .map(|(frame, vector)| {
                let dot: f64 = vector
                    .iter()
                    .zip(&query)
                    .map(|(a, b)| f64::from(a * b))
                    .sum();
                (dot / length(vector) / length(&query), frame)
            })
            .collect();
        ranked.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
        for kernel in Kernel::available() {
            for is_exact in [true, false] {
                let request = Request {
                    is_exact,
                    kernel,
                    ..Request::new(&query, 5)
                };
                let hits = search(&sources, &request).unwrap().hits;
                let best = &ranked[..5];
                for (hit, (similarity, _)) in hits.iter().zip(best).filter(|_| is_exact) {
                    assert!((hit.similarity - similarity).abs() < 1e-5);
                }
                found[usize::from(is_exact)] += hits
                    .iter()
                    .filter(|hit| best.iter().any(|(_, frame)| *frame == hit.frame_id))
                    .count();
                asked[usize::from(is_exact)] += best.len();
            }
        }
    }
    assert_eq!(found[1], asked[1]);
    assert!(found[0] * 100 >= asked[0] * 99, "{found:?} of {asked:?}");
}

#[test]
fn what_is_no_codebook_or_no_sample_is_refused() {
    let unsupported = |dimension| Error::UnsupportedDimension { dimension };
    assert_eq!(Codebook::new(&[]).unwrap_err(), unsupported(0));
    assert_eq!(Codebook::new(&[0.0; 1028]).unwrap_err(), unsupported(4));
    assert_eq!(Codebook::new(&[0.0; 1023]).unwrap_err(), unsupported(3));
    let mut numbers = vec![0.0; 1024];
    numbers[7] = f32::NAN;
    assert_eq!(
        Codebook::new(&numbers).unwrap_err(),
        Error::NotFinite { position: 7 }
    );
    assert_eq!(
        Codebook::train(&[1.0; 6], 6, 1).unwrap_err(),
        unsupported(6)
    );
    for sample in [&[][..], &[1.0; 9]] {
        assert!(matches!(
            Codebook::train(sample, 8, 1).unwrap_err(),
            Error::WrongDimension { expected: 8, .. }
        ));
    }
    assert_eq!(
        Codebook::train(&[f32::INFINITY; 8], 8, 1).unwrap_err(),
        Error::NotFinite { position: 0 }
    );
    let codebook = Codebook::train(&[1.0; 8], 8, 1).unwrap();
    assert!(codebook.encode(&[1.0; 9], 1).is_err());
    // Numbers whose squares are infinite are near to something all the same.
    let huge = [f32::MAX, -f32::MAX, 1.0, 0.0, 3.0, f32::MAX, 0.0, 0.0];
    let codebook = Codebook::train(&huge.repeat(300), 8, 1).unwrap();
    assert_eq!(codebook.encode(&huge, 1).unwrap().len(), 2);
}
