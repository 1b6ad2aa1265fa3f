//! Made-up documents: as many as one likes, with words as frequent as they are in a language.

use crate::support::document;
use lex::{LexIndex, OwnedBytes, PendingIndex, SegmentBuilder};
use std::path::Path;
use std::time::Instant;

const WORDS: usize = 200_000;
const WORDS_PER_DOCUMENT: usize = 120;
const EXPONENT: f64 = 1.07;

/// Draws words, the same ones in every run.
struct Source {
    /// Share of the words up to each rank.
    shares: Vec<f64>,
    state: u64,
}

impl Source {
    fn new(seed: u64) -> Self {
        let mut sum = 0.0;
        let mut shares: Vec<f64> = (1..=WORDS)
            .map(|rank| {
                sum += (rank as f64).powf(-EXPONENT);
                sum
            })
            .collect();
        shares.iter_mut().for_each(|share| *share /= sum);
        Self {
            shares,
            state: seed,
        }
    }

    fn number(&mut self) -> f64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn rank(&mut self) -> usize {
        let number = self.number();
        self.shares
            .partition_point(|share| *share < number)
            .min(WORDS - 1)
    }

    fn rank_in(&mut self, from: usize, to: usize) -> usize {
        from + (self.number() * (to - from) as f64) as usize
    }
}

/// A word for each rank, of syllables, without an ending that could be taken off.
fn word(rank: usize) -> String {
    const SYLLABLES: [&str; 16] = [
        "ka", "lo", "mi", "nu", "pa", "ro", "ti", "vu", "ba", "do", "fi", "gu", "ha", "jo", "wi",
        "zu",
    ];
    let mut word = String::new();
    let mut rest = rank + 16;
    while rest > 0 {
        word.push_str(SYLLABLES[rest % 16]);
        rest /= 16;
    }
    word.push('k');
    word
}

/// One track for a tenth of the documents, one for a thousandth.
fn track(id: u64) -> &'static str {
    if id.is_multiple_of(10) {
        "tenth"
    } else if id % 1_000 == 1 {
        "thousandth"
    } else {
        "other"
    }
}

fn build(documents: u64) -> Vec<u8> {
    let words: Vec<String> = (0..WORDS).map(word).collect();
    let mut source = Source::new(1);
    let begin = Instant::now();
    // As ingestion does it: segments of bounded size, merged in the end.
    let mut parts = Vec::new();
    let mut builder = SegmentBuilder::new(192 << 20).unwrap();
    let mut text = String::new();
    for id in 0..documents {
        text.clear();
        for _ in 0..WORDS_PER_DOCUMENT {
            text.push_str(&words[source.rank()]);
            text.push(' ');
        }
        builder
            .add(&lex::Document {
                track: Some(track(id)),
                ..document(id, &text)
            })
            .unwrap();
        if builder.is_full() {
            let full = std::mem::replace(&mut builder, SegmentBuilder::new(192 << 20).unwrap());
            parts.push(OwnedBytes::new(full.finish().unwrap()));
        }
    }
    parts.push(OwnedBytes::new(builder.finish().unwrap()));
    let blob = lex::merge(&parts, &|_| true, &|| {}).unwrap();
    println!(
        "built {documents} documents in {:.1} s, {} bytes each",
        begin.elapsed().as_secs_f64(),
        blob.len() as u64 / documents
    );
    blob
}

/// Measures opening and searching.
pub fn measure(path: &Path, documents: u64) {
    if !path.exists() {
        std::fs::write(path, build(documents)).unwrap();
    }
    let bytes = std::fs::read(path).unwrap();
    let mut source = Source::new(2);
    let begin = Instant::now();
    let index = LexIndex::open(vec![OwnedBytes::new(bytes)]).unwrap();
    let pending = PendingIndex::new();
    let opened = begin.elapsed();
    let first = lex::Query::parse(&word(20_000)).unwrap();
    let request = lex::SearchRequest {
        query: &first,
        limit: 10,
        offset: 0,
        accept: None,
        explain: false,
    };
    lex::Searcher::new(&index, &pending)
        .search(&request)
        .unwrap();
    println!(
        "open {:.2} ms, with the first search {:.2} ms",
        opened.as_secs_f64() * 1e3,
        begin.elapsed().as_secs_f64() * 1e3
    );
    let mut class = |name: &str, count: usize, form: &str, rank: &dyn Fn(&mut Source) -> usize| {
        let (joint, around) = form.split_once('@').unwrap_or((form, "%"));
        let queries: Vec<String> = (0..100)
            .map(|_| {
                let words: Vec<String> = (0..count).map(|_| word(rank(&mut source))).collect();
                around.replace('%', &words.join(joint))
            })
            .collect();
        crate::time(&index, &pending, name, &queries);
    };
    class("term rare", 1, " ", &|source| source.rank_in(5_000, 50_000));
    class("term mid", 1, " ", &|source| source.rank_in(100, 2_000));
    class("term common", 1, " ", &|source| source.rank_in(0, 30));
    class("or 3 mid", 3, " ", &|source| source.rank_in(100, 2_000));
    class("question of 8", 8, " ", &|source| source.rank());
    class("and 2 mid", 2, " AND ", &|source| {
        source.rank_in(100, 2_000)
    });
    class("and 3 common", 3, " AND ", &|source| source.rank_in(0, 60));
    class("phrase of 2", 2, " @\"%\"", &|source| {
        source.rank_in(0, 2_000)
    });
    class("phrase common", 2, " @\"%\"", &|source| {
        source.rank_in(0, 60)
    });
    for track in ["tenth", "thousandth"] {
        let form = format!(" @track:{track} %");
        class(&format!("or 3 {track}"), 3, &form, &|source| {
            source.rank_in(100, 2_000)
        });
        class(&format!("or 8 {track}"), 8, &form, &|source| source.rank());
    }
}
