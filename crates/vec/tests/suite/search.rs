//! Searches against comparing everything.

use crate::support::{Random, Stored, brute_force, find, recall};
use proptest::prelude::*;
use vec::{
    Encoding, Error, FrameSet, Kernel, MemoryVectors, Request, SegmentBuilder, Source, search,
};

/// Segments of random vectors; some in several segments, some equal.
fn stored(
    seed: u64,
    dimension: usize,
    counts: &[usize],
    encoding: Encoding,
    overlap: bool,
) -> Vec<Stored> {
    let mut random = Random(seed);
    let mut next = 0;
    counts
        .iter()
        .map(|count| {
            if overlap {
                next = random.below(next as usize + 1) as u64;
            }
            let mut frames = Vec::new();
            let mut vectors: Vec<Vec<f32>> = Vec::new();
            for _ in 0..*count {
                frames.push(next);
                next += 1 + random.below(3) as u64;
                let repeat = !vectors.is_empty() && random.below(8) == 0;
                vectors.push(if repeat {
                    vectors[random.below(vectors.len())].clone()
                } else {
                    random.vector(dimension)
                });
            }
            Stored::new(encoding, frames, vectors)
        })
        .collect()
}

macro_rules! sources {
    ($stored:expr, $strided:ident, $sources:ident) => {
        let $strided: Vec<_> = $stored.iter().map(Stored::strided).collect();
        let $sources: Vec<Source<'_>> = $stored
            .iter()
            .zip(&$strided)
            .map(|(stored, vectors)| Source {
                segment: stored.segment(),
                vectors,
                verified: None,
            })
            .collect();
    };
}

fn encodings() -> impl Strategy<Value = Encoding> {
    prop_oneof![Just(Encoding::Bits), Just(Encoding::Bytes)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn an_exact_search_finds_what_comparing_everything_finds(
        seed: u64, dimension in 1..70_usize, counts in prop::collection::vec(1..150_usize, 1..4),
        limit in 1..30_usize, encoding in encodings(), overlap: bool, filter in 0..4_u64,
    ) {
        let stored = stored(seed, dimension, &counts, encoding, overlap);
        sources!(stored, strided, sources);
        let query = Random(!seed).vector(dimension);
        let accept = |frame_id: u64| filter == 0 || frame_id.is_multiple_of(filter + 1);
        let frames: FrameSet = (0..2_000).filter(|frame_id| accept(*frame_id)).collect();
        let expected = brute_force(&stored, &query, limit, accept);
        let request = Request { is_exact: true, ..Request::new(&query, limit) };
        for request in [
            Request { accept: Some(&accept), ..request },
            Request { frames: Some(&frames), ..request },
        ] {
            let hits = search(&sources, &request).unwrap().hits;
            let found: Vec<(u64, f64)> = hits.iter().map(|hit| (hit.frame_id, hit.similarity)).collect();
            prop_assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert!((found.1 - expected.1).abs() < 1e-6, "{found:?} {expected:?}");
            }
        }
    }

    #[test]
    fn all_versions_and_any_number_of_threads_find_the_same(
        seed: u64, dimension in prop_oneof![1..70_usize, Just(384), Just(1000)],
        counts in prop::collection::vec(1..900_usize, 1..3), encoding in encodings(), overlap: bool,
    ) {
        let stored = stored(seed, dimension, &counts, encoding, overlap);
        sources!(stored, strided, sources);
        let query = Random(!seed).vector(dimension);
        let request = Request { kernel: Kernel::PORTABLE, effort: 0.3, ..Request::new(&query, 5) };
        let expected = search(&sources, &request).unwrap();
        for kernel in Kernel::available() {
            let found = search(&sources, &Request { kernel, threads: 3, ..request }).unwrap();
            prop_assert_eq!(&found, &expected, "{}", kernel.name());
        }
    }

    #[test]
    fn a_narrow_condition_makes_hits_exact(seed: u64, encoding in encodings(), share in 40..100_u64) {
        let stored = stored(seed, 48, &[1_500, 1_500], encoding, false);
        sources!(stored, strided, sources);
        let query = Random(!seed).vector(48);
        let accept = |frame_id: u64| frame_id.is_multiple_of(share);
        let frames: FrameSet = (0..10_000).filter(|frame_id| accept(*frame_id)).collect();
        let expected: Vec<u64> = brute_force(&stored, &query, 10, accept).iter().map(|hit| hit.0).collect();
        let request = Request { effort: 0.1, ..Request::new(&query, 10) };
        prop_assert_eq!(&find(&sources, &Request { frames: Some(&frames), ..request }), &expected);
        prop_assert_eq!(&find(&sources, &Request { accept: Some(&accept), ..request }), &expected);
    }
}

#[test]
fn a_search_finds_nearly_all_of_the_nearest_whatever_vectors_look_like() {
    let mut random = Random(3);
    let dimension = 384;
    let centres: Vec<Vec<f32>> = (0..100).map(|_| random.vector(dimension)).collect();
    let shift = random.vector(dimension);
    let mut clustered = |shifted: f32| -> Vec<f32> {
        let centre = random.below(centres.len());
        let pairs = centres[centre].iter().zip(&shift);
        pairs
            .map(|(centre, shift)| centre + shifted * shift + random.normal())
            .collect()
    };
    let mut shapes: Vec<(&str, Vec<Vec<f32>>)> = Vec::new();
    shapes.push(("clustered", (0..4_100).map(|_| clustered(0.0)).collect()));
    shapes.push((
        "far from the origin",
        (0..4_100).map(|_| clustered(3.0)).collect(),
    ));
    let mut random = Random(4);
    let sparse = |random: &mut Random| {
        let mut vector = vec![0.0; dimension];
        for _ in 0..12 {
            let rank = random.below(40) * random.below(40) % dimension;
            vector[rank] += 1.0;
        }
        vector
    };
    shapes.push((
        "counted words",
        (0..4_100).map(|_| sparse(&mut random)).collect(),
    ));
    for (shape, mut vectors) in shapes {
        let queries = vectors.split_off(4_000);
        let stored = [Stored::new(Encoding::Bits, (0..4_000).collect(), vectors)];
        sources!(stored, strided, sources);
        let request = Request::new(&[], 10);
        // Counted words are often equally near.
        let found: f64 = queries
            .iter()
            .map(|query| {
                let expected = brute_force(&stored, query, 10, |_| true);
                let hits = search(&sources, &Request { query, ..request })
                    .unwrap()
                    .hits;
                let pairs = hits.iter().zip(&expected);
                pairs
                    .filter(|(hit, expected)| (hit.similarity - expected.1).abs() < 1e-6)
                    .count() as f64
            })
            .sum();
        let share = found / (10.0 * queries.len() as f64);
        assert!(share >= 0.99, "{shape}: {share}");
    }
}

#[test]
fn a_search_among_vectors_that_are_nearly_the_same_finds_the_nearest() {
    let mut random = Random(5);
    for (dimension, noise, groups) in [(384, 1e-4, 3), (384, 1e-2, 1), (16, 1e-4, 5)] {
        let centres: Vec<Vec<f32>> = (0..groups).map(|_| random.vector(dimension)).collect();
        let vectors: Vec<Vec<f32>> = (0..5_000)
            .map(|number| {
                let centre = centres[number % groups].iter();
                centre
                    .map(|number| number + noise * random.normal())
                    .collect()
            })
            .collect();
        let queries = vectors[..40].to_vec();
        let stored = [Stored::new(Encoding::Bits, (0..5_000).collect(), vectors)];
        sources!(stored, strided, sources);
        for is_exact in [true, false] {
            let request = Request {
                is_exact,
                ..Request::new(&[], 10)
            };
            let mut found = 0;
            for query in &queries {
                let expected: Vec<u64> = brute_force(&stored, query, 10, |_| true)
                    .into_iter()
                    .map(|(frame_id, _)| frame_id)
                    .collect();
                let hits = find(&sources, &Request { query, ..request });
                if is_exact {
                    assert_eq!(hits, expected);
                }
                found += hits.iter().filter(|hit| expected.contains(hit)).count();
            }
            let share = found as f64 / (10 * queries.len()) as f64;
            assert!(share >= 0.99, "{dimension} numbers, noise {noise}: {share}");
        }
    }
}

#[test]
fn looking_harder_finds_no_less() {
    let mut random = Random(6);
    let dimension = 128;
    // One crowd, seen from beside it.
    let near = |random: &mut Random| -> Vec<f32> {
        (0..dimension)
            .map(|_| 0.5 + 0.3 * random.normal())
            .collect()
    };
    let vectors: Vec<Vec<f32>> = (0..6_000).map(|_| near(&mut random)).collect();
    let queries: Vec<Vec<f32>> = (0..60).map(|_| near(&mut random)).collect();
    let stored = [Stored::new(Encoding::Bits, (0..6_000).collect(), vectors)];
    sources!(stored, strided, sources);
    for effort in [1.0, 4.0, 100.0] {
        let request = Request {
            effort,
            ..Request::new(&[], 10)
        };
        let found: usize = queries
            .iter()
            .map(|query| {
                let expected = brute_force(&stored, query, 10, |_| true);
                let hits = find(&sources, &Request { query, ..request });
                expected.iter().filter(|(id, _)| hits.contains(id)).count()
            })
            .sum();
        let share = found as f64 / (10 * queries.len()) as f64;
        assert!(share >= 0.99, "effort {effort}: {share}");
    }
}

#[test]
fn several_threads_find_what_one_finds() {
    let mut random = Random(9);
    let dimension = 384;
    let part = |random: &mut Random, first: u64, count: u64| {
        let vectors = (0..count).map(|_| random.vector(dimension)).collect();
        // Of this encoding, 12 MB are not too many for a test.
        Stored::new(Encoding::Bytes, (first..first + count).collect(), vectors)
    };
    let stored = [
        part(&mut random, 0, 5_001),
        part(&mut random, 5_000, 30_000),
    ];
    sources!(stored, strided, sources);
    let accept = |frame_id: u64| !frame_id.is_multiple_of(3);
    for is_exact in [false, true] {
        for accept in [None, Some(&accept as vec::Accept<'_>)] {
            let query = random.vector(dimension);
            let request = Request {
                is_exact,
                accept,
                ..Request::new(&query, 20)
            };
            let expected = search(&sources, &request).unwrap();
            assert_eq!(expected.hits.len(), 20);
            assert_eq!(expected.compared > 30_000, is_exact);
            for threads in [2, 7] {
                assert_eq!(
                    search(&sources, &Request { threads, ..request }).unwrap(),
                    expected
                );
            }
        }
    }
}

#[test]
fn every_dimension_finds_its_vectors() {
    for dimension in [
        1, 2, 3, 7, 8, 15, 16, 17, 63, 65, 100, 127, 128, 129, 300, 768, 1536, 3072, 4095, 4096,
    ] {
        let mut random = Random(dimension as u64);
        let vectors: Vec<Vec<f32>> = (0..800).map(|_| random.vector(dimension)).collect();
        let queries: Vec<Vec<f32>> = (0..10)
            .map(|index| {
                vectors[index]
                    .iter()
                    .map(|number| number + 0.5 * random.normal())
                    .collect()
            })
            .collect();
        for encoding in [Encoding::Bits, Encoding::Bytes] {
            let stored = [Stored::new(encoding, (0..800).collect(), vectors.clone())];
            sources!(stored, strided, sources);
            // In one or two dimensions, signs tell little.
            if dimension >= 16 || encoding == Encoding::for_dimension(dimension) {
                let share = recall(&sources, &queries, &Request::new(&[], 5));
                assert!(share >= 0.9, "{dimension} {encoding:?}: {share}");
            }
        }
    }
    for dimension in [0, 4097] {
        assert_eq!(
            SegmentBuilder::new(dimension).unwrap_err(),
            Error::UnsupportedDimension { dimension }
        );
    }
}

#[test]
fn of_a_frame_in_several_segments_the_last_vector_counts() {
    let stored = [
        Stored::new(
            Encoding::Bytes,
            vec![1, 2, 3],
            vec![vec![1.0, 0.0], vec![0.9, 0.1], vec![0.0, 1.0]],
        ),
        Stored::new(
            Encoding::Bytes,
            vec![1, 3],
            vec![vec![-1.0, 0.0], vec![0.8, 0.2]],
        ),
    ];
    sources!(stored, strided, sources);
    assert_eq!(find(&sources, &Request::new(&[1.0, 0.0], 3)), [2, 3, 1]);
    assert_eq!(
        find(
            &sources,
            &Request {
                is_exact: true,
                ..Request::new(&[1.0, 0.0], 1)
            }
        ),
        [2]
    );
}

#[test]
fn equally_near_vectors_come_in_the_order_of_their_frames() {
    let stored = [Stored::new(
        Encoding::Bits,
        (0..2_000).collect(),
        vec![vec![0.5; 200]; 2_000],
    )];
    sources!(stored, strided, sources);
    let query = vec![1.0; 200];
    assert_eq!(find(&sources, &Request::new(&query, 5)), [0, 1, 2, 3, 4]);
    assert_eq!(
        find(
            &sources,
            &Request {
                is_exact: true,
                ..Request::new(&query, 5)
            }
        ),
        [0, 1, 2, 3, 4]
    );
}

#[test]
fn lengths_of_vectors_do_not_matter() {
    let scales = [1.0, 1e-30, 1e30, 3e38, 1e-38, 0.0];
    let vectors: Vec<Vec<f32>> = scales
        .iter()
        .map(|scale| vec![0.6 * scale, 0.8 * scale])
        .collect();
    let stored = [Stored::new(Encoding::Bytes, (0..6).collect(), vectors)];
    sources!(stored, strided, sources);
    for query in [[3.0, 4.0], [3e-39, 4e-39], [2.4e38, 3.2e38]] {
        let hits = search(&sources, &Request::new(&query, 6)).unwrap().hits;
        for (frame_id, scale) in (0..5).zip(scales) {
            let hit = hits.iter().find(|hit| hit.frame_id == frame_id).unwrap();
            assert!((hit.similarity - 1.0).abs() < 1e-5, "{hit:?}");
            assert!((hit.norm / f64::from(scale) - 1.0).abs() < 1e-5, "{hit:?}");
            assert!(hit.unit_distance() < 1e-2);
        }
        assert_eq!(
            (hits[5].frame_id, hits[5].similarity, hits[5].norm),
            (5, 0.0, 0.0)
        );
    }
    let hits = search(&sources, &Request::new(&[0.0, 0.0], 6))
        .unwrap()
        .hits;
    assert!(hits.len() == 6 && hits.iter().all(|hit| hit.similarity == 0.0));
}

#[test]
fn distances_follow_from_similarities() {
    let stored = [Stored::new(Encoding::Bytes, vec![7], vec![vec![0.0, 3.0]])];
    sources!(stored, strided, sources);
    let hit = search(&sources, &Request::new(&[4.0, 0.0], 1))
        .unwrap()
        .hits[0];
    assert!((hit.unit_distance() - 2.0_f64.sqrt()).abs() < 1e-12);
    assert!((hit.distance(4.0) - 5.0).abs() < 1e-12);
}

#[test]
fn vectors_that_fit_nothing_are_refused() {
    let stored = [Stored::new(Encoding::Bytes, vec![1], vec![vec![1.0, 0.0]])];
    sources!(stored, strided, sources);
    let error = |query: &[f32]| search(&sources, &Request::new(query, 1)).unwrap_err();
    assert_eq!(
        error(&[1.0]),
        Error::WrongDimension {
            expected: 2,
            actual: 1
        }
    );
    assert_eq!(error(&[0.0, f32::NAN]), Error::NotFinite { position: 1 });
    assert_eq!(
        error(&[f32::INFINITY, 0.0]),
        Error::NotFinite { position: 0 }
    );
    let mut builder = SegmentBuilder::new(2).unwrap();
    builder.add(5, &[1.0, 0.0]).unwrap();
    assert_eq!(
        builder.add(6, &[1.0]),
        Err(Error::WrongDimension {
            expected: 2,
            actual: 1
        })
    );
    assert_eq!(
        builder.add(6, &[f32::NAN, 0.0]),
        Err(Error::NotFinite { position: 0 })
    );
    assert_eq!(
        builder.add(5, &[1.0, 0.0]),
        Err(Error::FrameOrder {
            frame_id: 5,
            previous: 5
        })
    );
    assert_eq!(builder.count(), 1);
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let empty = [Stored::new(Encoding::Bits, Vec::new(), Vec::new())];
    sources!(empty, strided, sources);
    assert!(find(&sources, &Request::new(&[1.0], 5)).is_empty());
    assert!(find(&[], &Request::new(&[1.0], 5)).is_empty());
    let stored = [Stored::new(Encoding::Bytes, vec![1], vec![vec![1.0, 0.0]])];
    sources!(stored, strided, sources);
    assert!(find(&sources, &Request::new(&[1.0, 0.0], 0)).is_empty());
    let none = FrameSet::new();
    assert!(
        find(
            &sources,
            &Request {
                frames: Some(&none),
                ..Request::new(&[1.0, 0.0], 1)
            }
        )
        .is_empty()
    );
    assert_eq!(find(&sources, &Request::new(&[1.0, 0.0], usize::MAX)), [1]);
}

#[test]
fn a_vector_that_is_gone_is_an_error() {
    let stored = Stored::new(
        Encoding::Bytes,
        vec![4, 9],
        vec![vec![1.0, 0.0], vec![0.0, 1.0]],
    );
    let problem = |vectors: &MemoryVectors<'_>| {
        let source = Source {
            segment: stored.segment(),
            vectors,
            verified: None,
        };
        search(&[source], &Request::new(&[1.0, 0.0], 2)).unwrap_err()
    };
    let corrupt = |ordinal, frame_id, problem| Error::CorruptVector {
        source_index: 0,
        ordinal,
        frame_id,
        problem,
    };
    assert_eq!(
        problem(&MemoryVectors {
            numbers: &[1.0, 0.0],
            dimension: 2
        }),
        corrupt(1, 9, "missing")
    );
    assert_eq!(
        problem(&MemoryVectors {
            numbers: &[1.0; 3],
            dimension: 1
        }),
        corrupt(0, 4, "of another length")
    );
    assert_eq!(
        problem(&MemoryVectors {
            numbers: &[f32::NAN, 0.0, 0.0, 1.0],
            dimension: 2
        }),
        corrupt(0, 4, "not finite")
    );
}
