//! Scores of a stretch of documents while they are added up word by word.

use std::cell::Cell;

/// Documents of one window: so many that their slots stay in the nearest cache.
pub(crate) const WINDOW: u32 = 2_048;
const WORDS: usize = WINDOW as usize / 64;

/// What one document scores so far.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// What the words so far add. In twice the precision of a score, so that it does not depend on their order.
    sum: f64,
    /// One bit for each word that has been met.
    present: u64,
    /// What the current word has in it.
    evidence: f32,
}

impl Slot {
    const UNTOUCHED: Self = Self {
        sum: 0.0,
        present: 0,
        evidence: 0.0,
    };
}

/// A set of documents of the window.
#[derive(Debug)]
struct Bits {
    words: [u64; WORDS],
    /// One bit for each word that is not zero.
    used: u64,
}

impl Bits {
    const EMPTY: Self = Self {
        words: [0; WORDS],
        used: 0,
    };

    #[inline]
    fn insert(&mut self, index: usize) {
        self.words[index / 64] |= 1 << (index % 64);
        self.used |= 1 << (index / 64);
    }

    /// Calls `found` with all members, ascending, and leaves the set empty.
    #[inline]
    fn take(&mut self, mut found: impl FnMut(usize)) {
        while self.used != 0 {
            let at = self.used.trailing_zeros() as usize;
            self.used &= self.used - 1;
            let mut word = std::mem::take(&mut self.words[at]);
            while word != 0 {
                found(at * 64 + word.trailing_zeros() as usize);
                word &= word - 1;
            }
        }
    }
}

/// A stretch of documents and what they score. Empty whenever no search is using it.
#[derive(Debug)]
pub(crate) struct Window {
    base: u32,
    slots: [Slot; WINDOW as usize],
    documents: Bits,
    /// Documents that the current word has been met in.
    current: Bits,
}

thread_local! {
    /// The window of the last search on this thread: making one takes longer than many a search.
    static SPARE: Cell<Option<Box<Window>>> = const { Cell::new(None) };
}

/// What the words of a document come to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scored {
    pub document: u32,
    pub present: u64,
    pub sum: f64,
}

impl Window {
    /// Calls `run` with an empty window.
    pub(crate) fn with<T>(
        run: impl FnOnce(&mut Self) -> crate::error::Result<T>,
    ) -> crate::error::Result<T> {
        let spare = SPARE.take();
        let mut window = spare.unwrap_or_else(|| {
            Box::new(Self {
                base: 0,
                slots: [Slot::UNTOUCHED; WINDOW as usize],
                documents: Bits::EMPTY,
                current: Bits::EMPTY,
            })
        });
        let result = run(&mut window);
        // After a failure it may hold the rest of a window.
        if result.is_ok() {
            SPARE.set(Some(window));
        }
        result
    }

    /// Moves the empty window to the documents from `base` on.
    pub(crate) fn start(&mut self, base: u32) {
        self.base = base;
    }

    /// Adds the whole score of a word to a document. The document must lie in the window.
    #[inline]
    pub(crate) fn add_score(&mut self, document: u32, score: f32, bit: u64) {
        let index = (document - self.base) as usize;
        let slot = &mut self.slots[index];
        slot.sum += f64::from(score);
        slot.present |= bit;
        self.documents.insert(index);
    }

    /// Adds evidence of the current word to a document; [`Window::settle`] turns it into a score.
    #[inline]
    pub(crate) fn add_evidence(&mut self, document: u32, evidence: f32) {
        let index = (document - self.base) as usize;
        self.slots[index].evidence += evidence;
        self.current.insert(index);
    }

    /// Ends a word: `score` tells what its evidence is worth.
    #[inline]
    pub(crate) fn settle(&mut self, bit: u64, score: impl Fn(f32) -> f32) {
        let Self {
            slots,
            documents,
            current,
            ..
        } = self;
        current.take(|index| {
            let slot = &mut slots[index];
            slot.sum += f64::from(score(slot.evidence));
            slot.evidence = 0.0;
            slot.present |= bit;
            documents.insert(index);
        });
    }

    /// Calls `found` with all documents, ascending, and leaves the window empty.
    #[inline]
    pub(crate) fn take(&mut self, mut found: impl FnMut(Scored)) {
        let Self {
            base,
            slots,
            documents,
            ..
        } = self;
        documents.take(|index| {
            let slot = std::mem::replace(&mut slots[index], Slot::UNTOUCHED);
            found(Scored {
                document: *base + index as u32,
                present: slot.present,
                sum: slot.sum,
            });
        });
    }
}
