//! The best documents of many: what is left out without being scored.

use lex::{
    Document, LexIndex, OwnedBytes, PendingIndex, Query, SearchRequest, SearchResult, Searcher,
    SegmentBuilder,
};

const WORDS: u64 = 3_000;

/// Numbers that look like chance, the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % most
    }

    /// The few first ones by far the most often.
    fn word(&mut self) -> u64 {
        (0..6).fold(WORDS, |below, _| self.below(below) + 1) - 1
    }
}

/// Documents that keep to a few words each, so that words keep company.
fn body(chance: &mut Chance) -> Vec<u64> {
    let subject: Vec<u64> = (0..4).map(|_| chance.below(WORDS)).collect();
    let length = 1 + chance.below(14);
    (0..length)
        .map(|_| match chance.below(3) {
            0 => subject[chance.below(4) as usize],
            _ => chance.word(),
        })
        .collect()
}

fn text(words: &[u64]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("w{word}")).collect();
    words.join(" ")
}

fn search(
    index: &LexIndex,
    pending: &PendingIndex,
    query: &Query,
    limit: usize,
    offset: usize,
) -> SearchResult {
    let request = SearchRequest {
        query,
        limit,
        offset,
        accept: None,
        explain: false,
    };
    Searcher::new(index, pending).search(&request).unwrap()
}

fn ranked(result: &SearchResult) -> Vec<(u64, u32, u32)> {
    let hits = result.hits.iter();
    hits.map(|hit| (hit.frame_id, hit.score.to_bits(), hit.matches))
        .collect()
}

#[test]
fn the_best_are_those_of_a_search_that_leaves_nothing_out() {
    let mut chance = Chance(11);
    let mut bodies = Vec::new();
    let mut pending = PendingIndex::new();
    let mut blobs = Vec::new();
    // Longer than a stretch that is sifted at once, shorter, and in memory.
    for documents in [40_000, 9_000, 600] {
        let mut builder = SegmentBuilder::new(256_000_000).unwrap();
        for _ in 0..documents {
            let words = body(&mut chance);
            let text = text(&words);
            let document = Document {
                frame_id: bodies.len() as u64,
                title: if words[0].is_multiple_of(7) {
                    &text[..text.find(' ').unwrap_or(text.len())]
                } else {
                    ""
                },
                body: &text,
                ..Document::default()
            };
            if documents > 600 {
                builder.add(&document).unwrap();
            } else {
                pending.add(&document);
            }
            bodies.push(words);
        }
        if documents > 600 {
            blobs.push(OwnedBytes::new(builder.finish().unwrap()));
        }
    }
    let index = LexIndex::open(blobs).unwrap();
    let (mut counted, mut estimated) = (0, 0);
    for round in 0..160 {
        let length = 1 + chance.below(11);
        let words: Vec<u64> = (0..length)
            .map(|_| match round % 4 {
                0 => chance.below(WORDS),
                1 => chance.word(),
                2 => 5 + chance.below(300),
                _ if chance.below(2) == 0 => chance.below(8),
                _ => chance.below(WORDS),
            })
            .collect();
        let text = text(&words);
        let query = Query::parse(&text).unwrap();
        let all = search(&index, &pending, &query, bodies.len(), 0);
        let expected = ranked(&all);
        let holders = bodies
            .iter()
            .filter(|body| words.iter().any(|word| body.contains(word)));
        assert_eq!(expected.len(), holders.count(), "{text}");
        for limit in [1, 10, 16, 40] {
            let found = search(&index, &pending, &query, limit, 0);
            assert_eq!(
                ranked(&found),
                expected[..limit.min(expected.len())],
                "{limit} of {text}"
            );
            if found.total_is_exact {
                counted += 1;
                assert_eq!(found.total, expected.len() as u64, "{limit} of {text}");
            } else {
                estimated += 1;
                assert!(found.total <= expected.len() as u64, "{limit} of {text}");
            }
        }
        let page = search(&index, &pending, &query, 5, 7);
        let (from, to) = (7.min(expected.len()), 12.min(expected.len()));
        assert_eq!(ranked(&page), expected[from..to], "{text}");
    }
    // Both ways were tried.
    assert!(counted > 100 && estimated > 100, "{counted} {estimated}");
}

#[test]
fn of_documents_that_score_alike_the_first_frames_are_the_best() {
    // Two segments whose frames ascend, one among the other as two lanes make them; one whose frames descend, in front of
    // them and between; and one whose frames do neither.
    let slices = |lane: u64| {
        (0..12_000)
            .filter(move |number| number / 256 % 2 == lane)
            .map(|number| 3 * number + 5)
    };
    let descending = (0..12_000_u64).rev().map(|number| 3 * number + 1);
    let neither = (0..12_000_u64).map(|number| 3 * (number * 5_003 % 12_000) + 6);
    let segments: [Vec<u64>; 4] = [
        slices(0).collect(),
        slices(1).collect(),
        descending.collect(),
        neither.collect(),
    ];
    let text = |frame: u64| match frame % 1_000 {
        0 => "alike alike",
        number if number % 3 == 0 => "alike and longer",
        _ => "alike",
    };
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2]] {
        let blobs = order.map(|segment: usize| {
            let mut builder = SegmentBuilder::new(256_000_000).unwrap();
            for frame_id in &segments[segment] {
                let document = Document {
                    frame_id: *frame_id,
                    body: text(*frame_id),
                    ..Document::default()
                };
                builder.add(&document).unwrap();
            }
            OwnedBytes::new(builder.finish().unwrap())
        });
        let index = LexIndex::open(blobs.to_vec()).unwrap();
        let pending = PendingIndex::new();
        let mut expected: Vec<u64> = segments.concat();
        // Of the best documents each has a copy of the word more; then come the short ones.
        expected.sort_unstable_by_key(|frame| match text(*frame) {
            "alike alike" => (0, *frame),
            "alike" => (1, *frame),
            _ => (2, *frame),
        });
        let query = Query::parse("alike").unwrap();
        // Again and again: what is known of the frames of a segment changes how they are found.
        for limit in [1, 10, 40, 70, 10, 33, 200] {
            let found = search(&index, &pending, &query, limit, 0);
            let frames: Vec<u64> = found.hits.iter().map(|hit| hit.frame_id).collect();
            assert_eq!(frames, expected[..limit], "{limit} of {order:?}");
        }
    }
}
