//! What segments are made of, merging them, and bytes that are not segments.

use crate::support::{Random, Stored, find};
use proptest::prelude::*;
use vec::{Encoding, Error, Request, Segment, SegmentBuilder, Source, is_segment, merge, search};

fn vectors(seed: u64, count: usize, dimension: usize) -> Vec<Vec<f32>> {
    let mut random = Random(seed);
    (0..count).map(|_| random.vector(dimension)).collect()
}

fn source<'a>(stored: &'a Stored, strided: &'a vec::StridedVectors<'a>) -> Source<'a> {
    Source {
        segment: stored.segment(),
        vectors: strided,
        verified: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn segments_that_are_alike_merge_to_what_building_them_as_one_gives(
        seed: u64, dimension in 1..40_usize, counts in prop::collection::vec(0..100_usize, 1..4),
        bits: bool, dropped in 2..9_u64,
    ) {
        let encoding = if bits { Encoding::Bits } else { Encoding::Bytes };
        // The first has so many that the centre stays.
        let first = Stored::new(encoding, (0..1_100).collect(), vectors(seed, 1_100, dimension));
        let mut stored = vec![first];
        for (index, count) in counts.iter().enumerate() {
            let builder = SegmentBuilder::like(&stored[0].segment());
            let start = 2_000 * (index as u64 + 1);
            let rows = vectors(seed ^ start, *count, dimension);
            let mut part = Stored::build(builder, (start..).take(*count).collect(), rows);
            part.dimension = dimension;
            stored.push(part);
        }
        let strided: Vec<_> = stored.iter().map(Stored::strided).collect();
        let sources: Vec<_> = stored.iter().zip(&strided).map(|(stored, strided)| source(stored, strided)).collect();
        let keep = |frame_id: u64| frame_id % dropped != 1;
        let mut builder = SegmentBuilder::like(&sources[0].segment);
        for (frame_id, vector) in stored.iter().flat_map(|part| part.frames.iter().zip(&part.vectors)) {
            if keep(*frame_id) {
                builder.add(*frame_id, vector).unwrap();
            }
        }
        let merged = merge(&sources, &keep).unwrap();
        Segment::open(&merged).unwrap().verify().unwrap();
        prop_assert!(merged == builder.finish());
    }

    #[test]
    fn damaged_bytes_are_an_error_or_found_wanting_but_no_panic(
        at in 0..20_000_usize, value: u8, length in 0..20_000_usize, bits: bool,
    ) {
        let encoding = if bits { Encoding::Bits } else { Encoding::Bytes };
        let stored = Stored::new(encoding, (0..500).collect(), vectors(1, 500, 20));
        let header = 48 + 4 * 32;
        let mut blob = stored.blob.clone();
        let at = at % blob.len();
        let before = std::mem::replace(&mut blob[at], value);
        match Segment::open(&blob) {
            Err(error) => prop_assert!(matches!(error, Error::CorruptSegment { .. }), "{error}"),
            Ok(segment) => {
                prop_assert!(at >= header || before == value);
                let _ = segment.verify();
                let strided = stored.strided();
                let sources = [Source { segment, vectors: &strided, verified: None }];
                let query = stored.vectors[3].clone();
                let _ = search(&sources, &Request::new(&query, 10));
                let _ = merge(&sources, &|_| true);
            }
        }
        let length = length % stored.blob.len();
        prop_assert!(Segment::open(&stored.blob[..length]).is_err());
    }
}

#[test]
fn any_header_that_claims_too_much_is_refused() {
    let stored = Stored::new(Encoding::Bits, vec![1], vectors(1, 1, 16));
    for (at, value) in [
        (24, u64::MAX),
        (24, 1 << 40),
        (24, 2),
        (40, u64::MAX),
        (40, 4097),
        (40, 0),
        (12, 2),
    ] {
        let mut blob = stored.blob.clone();
        let width = if at == 24 { 8 } else { 4 };
        blob[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
        let header = 48 + 4 * 16;
        let checksum = crc32fast::hash(&blob[12..header]);
        blob[8..12].copy_from_slice(&checksum.to_le_bytes());
        assert!(
            matches!(Segment::open(&blob), Err(Error::CorruptSegment { .. })),
            "{at} {value}"
        );
    }
}

#[test]
fn a_segment_is_served_from_any_address() {
    let stored = Stored::new(Encoding::Bits, (0..900).collect(), vectors(5, 900, 200));
    let strided = stored.strided();
    let query = stored.vectors[77].clone();
    let expected = find(&[source(&stored, &strided)], &Request::new(&query, 10));
    assert_eq!(expected[0], 77);
    for offset in 1..9 {
        let mut bytes = vec![0; offset];
        bytes.extend_from_slice(&stored.blob);
        assert!(is_segment(&bytes[offset..]));
        let segment = Segment::open(&bytes[offset..]).unwrap();
        assert_eq!(
            find(
                &[Source {
                    segment,
                    vectors: &strided,
                    verified: None
                }],
                &Request::new(&query, 10)
            ),
            expected
        );
    }
}

#[test]
fn frames_are_found_by_id() {
    let frames: Vec<u64> = (0..300).map(|index| index * 3 + index / 100).collect();
    let stored = Stored::new(Encoding::Bytes, frames.clone(), vectors(5, 300, 3));
    let segment = stored.segment();
    segment.verify().unwrap();
    assert_eq!(segment.frame_range(), Some((0, *frames.last().unwrap())));
    for frame_id in 0..1_000 {
        let expected = frames.iter().position(|frame| *frame == frame_id);
        assert_eq!(segment.ordinal(frame_id), expected);
    }
    assert_eq!(segment.frame(300), None);
}

#[test]
fn segments_around_different_centres_merge_and_search_as_one() {
    let dimension = 160;
    let moved = |shift: f32, rows: Vec<Vec<f32>>| -> Vec<Vec<f32>> {
        let add = |row: Vec<f32>| row.iter().map(|number| number + shift).collect();
        rows.into_iter().map(add).collect()
    };
    let stored = [
        Stored::new(
            Encoding::Bits,
            (0..40).collect(),
            moved(-1.0, vectors(1, 40, dimension)),
        ),
        Stored::new(
            Encoding::Bits,
            (40..1_400).collect(),
            moved(1.0, vectors(2, 1_360, dimension)),
        ),
        Stored::new(
            Encoding::Bytes,
            (1_400..1_500).collect(),
            moved(2.0, vectors(3, 100, dimension)),
        ),
    ];
    let strided: Vec<_> = stored.iter().map(Stored::strided).collect();
    let sources: Vec<_> = stored
        .iter()
        .zip(&strided)
        .map(|(stored, strided)| source(stored, strided))
        .collect();
    let merged = merge(&sources, &|_| true).unwrap();
    let numbers: Vec<u8> = stored.iter().flat_map(|part| part.bytes.clone()).collect();
    let vectors = vec::StridedVectors {
        bytes: &numbers,
        first: 0,
        stride: 4 * dimension,
        dimension,
        frame: None,
    };
    let whole = [Source {
        segment: Segment::open(&merged).unwrap(),
        vectors: &vectors,
        verified: None,
    }];
    for frame_id in [3, 39, 40, 700, 1_399, 1_400, 1_499] {
        let part = stored
            .iter()
            .find(|part| part.frames.contains(&frame_id))
            .unwrap();
        let query = &part.vectors[(frame_id - part.frames[0]) as usize];
        assert_eq!(find(&sources, &Request::new(query, 1)), [frame_id]);
        assert_eq!(find(&whole, &Request::new(query, 1)), [frame_id]);
    }
}

#[test]
fn a_centre_of_few_vectors_is_outgrown() {
    let few = Stored::new(Encoding::Bits, vec![0, 1], vectors(1, 2, 130));
    let more = Stored::build(
        SegmentBuilder::like(&few.segment()),
        (2..60).collect(),
        vectors(2, 58, 130),
    );
    let strided = [few.strided(), more.strided()];
    let merged = merge(
        &[source(&few, &strided[0]), source(&more, &strided[1])],
        &|_| true,
    )
    .unwrap();
    let all: Vec<Vec<f32>> = few.vectors.iter().chain(&more.vectors).cloned().collect();
    let rebuilt = Stored::new(Encoding::Bits, (0..60).collect(), all);
    assert!(merged == rebuilt.blob);
}

#[test]
fn segments_that_do_not_fit_together_do_not_merge() {
    let stored = [
        Stored::new(Encoding::Bits, vec![5], vectors(1, 1, 3)),
        Stored::new(Encoding::Bits, vec![5], vectors(1, 1, 3)),
        Stored::new(Encoding::Bits, vec![6], vectors(1, 1, 4)),
    ];
    let strided: Vec<_> = stored.iter().map(Stored::strided).collect();
    let sources: Vec<_> = stored
        .iter()
        .zip(&strided)
        .map(|(stored, strided)| source(stored, strided))
        .collect();
    assert_eq!(
        merge(&sources[..2], &|_| true),
        Err(Error::FrameOrder {
            frame_id: 5,
            previous: 5
        })
    );
    assert!(matches!(
        merge(&sources[1..], &|_| true),
        Err(Error::WrongDimension { .. })
    ));
}
