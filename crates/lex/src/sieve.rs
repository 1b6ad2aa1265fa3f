//! Which documents of a stretch can be hits, going by no more than the words they hold.
//!
//! Once a hit must score more than the best document of one word, most documents that hold a word cannot be hits: it takes
//! several words. Which ones, is known before anything is scored: [`Sieve::prepare`] finds the smallest sets of words whose
//! best scores together reach the worst hit. What a stretch holds of each word is then a row of bits, the documents that
//! pass are the union of the intersections of such rows, 64 of them at a time, and only their postings are scored. The
//! bounds are those of MaxScore, so that nothing is left out that could be a hit. How many documents hold any of the words
//! is a sum over the same rows.

use crate::window::{Scored, Slot, each_bit};
use std::cell::Cell;
use std::ops::Range;

/// Words that are told apart; further ones count as held by every document.
pub(crate) const MOST_WORDS: usize = 8;
/// Documents of the longest stretch: rows of all words stay in the nearest cache.
const SPAN: u32 = 16_384;
/// Documents of the shortest.
const LEAST_SPAN: u32 = 1_024;
/// A stretch that ends early holds this share of the documents that it could, or more.
const LEAST_SHARE: u32 = 16;
/// Postings that a stretch should hold.
const POSTINGS: u64 = 8_192;
/// Postings that there is room for from search to search.
const MOST_KEPT: usize = 16_384;
/// Numbers of 64 bits for a bit a document.
const WORDS: usize = SPAN as usize / 64;
/// With more sets of words than this, uniting them takes as long as scoring.
const MOST_SETS: usize = 24;
/// Sifting pays when no more than this share of the documents that hold a word pass;
const MOST_PASSING: f64 = 0.125;
/// this share where so few documents hold one that scoring them goes from one end of memory to the other.
const MOST_PASSING_SPARSE: f64 = 0.5;
const SPARSE: f64 = 0.15;
/// The sets are found anew when a hit must score so much more.
const RISE: f32 = 1.02;
/// Finding a document among the postings of a stretch takes as long as looking at so many of them.
const STEPS: usize = 16;

/// A row of bits, one for each document of the stretch.
type Row = [u64; WORDS];

/// A word that documents may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word {
    /// No document scores more by it.
    pub upper: f32,
    /// How many documents hold it.
    pub frequency: u64,
    /// Tells it apart where bounds are asked for.
    pub bit: u64,
}

/// Which documents of a stretch hold which words, and their postings. Empty whenever no search is using it.
#[derive(Debug)]
pub(crate) struct Sieve {
    /// What the sets were found for.
    from: usize,
    threshold: f32,
    /// Documents pass that hold all words of one of these: a bit a word. None when it does not pay.
    sets: Vec<u8>,
    span: u32,
    base: u32,
    rows: [Row; MOST_WORDS],
    passing: Row,
    /// How many pass before each number of `passing`.
    before: [u32; WORDS],
    runs: Vec<Run>,
    documents: Vec<u32>,
    frequencies: Vec<u32>,
    /// What the documents that pass score so far, in their order.
    slots: Vec<Slot>,
}

/// The postings of one list of a word that lie in the stretch.
#[derive(Debug, Clone)]
struct Run {
    word: usize,
    list: usize,
    range: Range<usize>,
}

thread_local! {
    /// The sieve of the last search on this thread.
    static SPARE: Cell<Option<Box<Sieve>>> = const { Cell::new(None) };
}

impl Sieve {
    /// An empty one, for one shard.
    pub(crate) fn take_spare() -> Box<Self> {
        let mut sieve = SPARE.take().unwrap_or_else(|| {
            Box::new(Self {
                from: 0,
                threshold: 0.0,
                sets: Vec::new(),
                span: SPAN,
                base: 0,
                rows: [[0; WORDS]; MOST_WORDS],
                passing: [0; WORDS],
                before: [0; WORDS],
                runs: Vec::new(),
                documents: Vec::new(),
                frequencies: Vec::new(),
                slots: Vec::new(),
            })
        });
        sieve.from = usize::MAX;
        sieve
    }

    /// Leaves an empty one for the next search on this thread, without the memory that only few searches need.
    pub(crate) fn keep_spare(mut self: Box<Self>) {
        self.documents.clear();
        self.frequencies.clear();
        self.slots.clear();
        self.documents.shrink_to(MOST_KEPT);
        self.frequencies.shrink_to(MOST_KEPT);
        self.slots.shrink_to(MOST_KEPT);
        SPARE.set(Some(self));
    }

    /// Whether it pays to sift documents that must score `threshold`, which does not fall from call to call. `words` are
    /// the most telling first, the same whenever `from` is, of a shard with so many documents. `bound` tells what a document
    /// scores at most whose words come to a sum and have certain bits, with everything else that is counted as held.
    pub(crate) fn prepare(
        &mut self,
        from: usize,
        threshold: f32,
        documents: u32,
        words: impl Iterator<Item = Word>,
        bound: impl Fn(f32, u64) -> f32,
    ) -> bool {
        if self.from != from || threshold > self.threshold * RISE {
            self.from = from;
            self.threshold = threshold;
            self.sets.clear();
            let words: Vec<Word> = words.take(MOST_WORDS).collect();
            let postings: u64 = words.iter().map(|word| word.frequency).sum();
            let span = (POSTINGS * u64::from(documents)).checked_div(postings);
            let span = span.unwrap_or(0).min(SPAN.into()) as u32;
            self.span = span.next_multiple_of(64).clamp(LEAST_SPAN, SPAN);
            let mut sets = Sets {
                words: &words,
                threshold,
                bound: &bound,
                found: &mut self.sets,
            };
            if !sets.pay(documents) {
                self.sets.clear();
            }
        }
        !self.sets.is_empty()
    }

    /// Begins with the documents from `base` on, to `end` where that leaves enough of them. Returns the one behind the last.
    pub(crate) fn start(&mut self, base: u32, end: u32) -> u32 {
        self.base = base;
        self.runs.clear();
        self.documents.clear();
        self.frequencies.clear();
        // The blocks of rare words are so long that hardly one of them is skipped.
        let least = if self.span < SPAN {
            self.span / LEAST_SHARE
        } else {
            SPAN
        };
        end.clamp(base.saturating_add(least), base.saturating_add(self.span))
    }

    /// Takes postings of a list of a word that lie in the stretch, list by list.
    #[inline]
    pub(crate) fn note(
        &mut self,
        word: usize,
        list: usize,
        documents: &[u32],
        frequencies: &[u32],
    ) {
        let start = self.documents.len();
        self.documents.extend_from_slice(documents);
        self.frequencies.extend_from_slice(frequencies);
        let end = self.documents.len();
        if let Some(row) = self.rows.get_mut(word) {
            for document in documents {
                let index = place(self.base, *document);
                row[index / 64] |= 1 << (index % 64);
            }
        }
        match self.runs.last_mut() {
            Some(run) if run.word == word && run.list == list => run.range.end = end,
            _ => self.runs.push(Run {
                word,
                list,
                range: start..end,
            }),
        }
    }

    /// How many documents hold any of the words.
    pub(crate) fn count(&self) -> u64 {
        let mut held: Row = [0; WORDS];
        let words = self
            .runs
            .iter()
            .fold(0, |words, run| words.max(run.word + 1));
        for row in self.rows.iter().take(words) {
            held.iter_mut()
                .zip(row)
                .for_each(|(held, row)| *held |= row);
        }
        // Summed up without looking at one another: many at a time.
        held.iter().map(|held| u64::from(held.count_ones())).sum()
    }

    /// Ends noting. Whether any document passes.
    pub(crate) fn close(&mut self) -> bool {
        self.passing = [0; WORDS];
        for set in &self.sets {
            let mut words = (0..MOST_WORDS).filter(|word| set >> word & 1 == 1);
            let Some(first) = words.next() else { continue };
            let mut all = self.rows[first];
            for word in words {
                let row = &self.rows[word];
                all.iter_mut().zip(row).for_each(|(all, row)| *all &= row);
            }
            let passing = self.passing.iter_mut().zip(&all);
            passing.for_each(|(passing, all)| *passing |= all);
        }
        for run in &self.runs {
            if let Some(row) = self.rows.get_mut(run.word) {
                *row = [0; WORDS];
            }
        }
        let mut count = 0;
        for (before, passing) in self.before.iter_mut().zip(&self.passing) {
            *before = count;
            // Nearly always none.
            if *passing != 0 {
                count += passing.count_ones();
            }
        }
        self.slots.clear();
        self.slots.resize(count as usize, Slot::UNTOUCHED);
        count > 0
    }

    /// The lists of a word that have postings in the stretch, each with the number of its run.
    pub(crate) fn lists(&self, word: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let runs = self.runs.iter().enumerate();
        runs.filter(move |(_, run)| run.word == word)
            .map(|(number, run)| (number, run.list))
    }

    /// Adds the postings of a run to the documents that pass. `evidence` tells what a document and a frequency come to.
    #[inline]
    pub(crate) fn add(&mut self, run: usize, evidence: impl Fn(u32, u32) -> f32) {
        let Some(range) = self.runs.get(run).map(|run| run.range.clone()) else {
            return;
        };
        let documents = &self.documents[range.clone()];
        let frequencies = &self.frequencies[range];
        if documents.len() > self.slots.len() * STEPS {
            let (mut at, mut slots) = (0, self.slots.iter_mut());
            each(self.base, &self.passing, |document| {
                at += documents[at..].partition_point(|other| *other < document);
                if let (Some(slot), Some(found)) = (slots.next(), documents.get(at))
                    && *found == document
                {
                    slot.evidence += evidence(document, frequencies[at]);
                }
            });
            return;
        }
        for (document, frequency) in documents.iter().zip(frequencies) {
            let index = place(self.base, *document);
            let (bits, bit) = (self.passing[index / 64], index % 64);
            if bits >> bit & 1 == 1 {
                let below = (bits & ((1 << bit) - 1)).count_ones();
                let slot = &mut self.slots[(self.before[index / 64] + below) as usize];
                slot.evidence += evidence(*document, *frequency);
            }
        }
    }

    /// Ends a word: `score` tells what its evidence is worth.
    #[inline]
    pub(crate) fn settle(&mut self, bit: u64, score: impl Fn(f32) -> f32) {
        for slot in &mut self.slots {
            if slot.evidence > 0.0 {
                slot.settle(bit, &score);
            }
        }
    }

    /// Calls `found` with all documents that pass, ascending.
    #[inline]
    pub(crate) fn each(&self, mut found: impl FnMut(Scored)) {
        let mut slots = self.slots.iter();
        each(self.base, &self.passing, |document| {
            if let Some(slot) = slots.next() {
                found(slot.scored(document));
            }
        });
    }
}

/// Where a document stands in a row that begins with `base`; within it even for one that does not belong there.
#[inline]
fn place(base: u32, document: u32) -> usize {
    base.abs_diff(document) as usize % SPAN as usize
}

/// Calls `found` with all documents of a row that begins with `base`, ascending.
#[inline]
fn each(base: u32, row: &Row, mut found: impl FnMut(u32)) {
    for (at, bits) in (0..).zip(row) {
        each_bit(*bits, |bit| found(base + at * 64 + bit));
    }
}

/// Finds the smallest sets of words whose best scores together suffice.
struct Sets<'a, F> {
    words: &'a [Word],
    threshold: f32,
    bound: &'a F,
    found: &'a mut Vec<u8>,
}

impl<F: Fn(f32, u64) -> f32> Sets<'_, F> {
    /// Whether they could be found, and let few of the documents through that hold a word.
    fn pay(&mut self, documents: u32) -> bool {
        if (self.bound)(0.0, 0) >= self.threshold || !self.extend(0, 0, 0.0, 0) {
            return false;
        }
        let share = |word: &Word| word.frequency as f64 / f64::from(documents.max(1));
        // As many as there would be if words did not keep company.
        let held = |set: &u8| -> f64 {
            let words = (0..)
                .zip(self.words)
                .filter(|(number, _)| set >> number & 1 == 1);
            words.map(|(_, word)| share(word)).product()
        };
        let passing: f64 = self.found.iter().map(held).sum();
        let holders: f64 = self.words.iter().map(share).sum();
        let most = if holders < SPARSE {
            MOST_PASSING_SPARSE
        } else {
            MOST_PASSING
        };
        passing <= holders * most
    }

    /// Adds words from number `next` on to `set`, as long as it does not suffice.
    fn extend(&mut self, next: usize, set: u8, sum: f32, bits: u64) -> bool {
        for number in next..self.words.len() {
            let rest = self.words[number..].iter();
            let (most, all) = rest.fold((sum, bits), |(sum, bits), word| {
                (sum + word.upper, bits | word.bit)
            });
            if (self.bound)(most, all) < self.threshold {
                break;
            }
            let word = self.words[number];
            let (set, sum, bits) = (set | 1 << number, sum + word.upper, bits | word.bit);
            if (self.bound)(sum, bits) >= self.threshold {
                if self.found.len() == MOST_SETS {
                    return false;
                }
                self.found.push(set);
            } else if !self.extend(number + 1, set, sum, bits) {
                return false;
            }
        }
        true
    }
}
