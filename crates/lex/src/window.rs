//! Scores of a stretch of documents while they are added up word by word.

use std::cell::Cell;

/// Documents of one window: so many that their slots stay in the nearest cache.
pub(crate) const WINDOW: u32 = 2_048;
const WORDS: usize = WINDOW as usize / 64;

/// What one document scores so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    /// What the words so far add. In twice the precision of a score, so that it does not depend on their order.
    pub sum: f64,
    /// One bit for each word that has been met.
    pub present: u64,
    /// What the current word has in it.
    pub evidence: f32,
}

impl Slot {
    pub(crate) const UNTOUCHED: Self = Self {
        sum: 0.0,
        present: 0,
        evidence: 0.0,
    };

    /// Ends a word that has been met: `score` tells what its evidence is worth.
    #[inline]
    pub(crate) fn settle(&mut self, bit: u64, score: impl Fn(f32) -> f32) {
        self.sum += f64::from(score(self.evidence));
        self.present |= bit;
        self.evidence = 0.0;
    }

    /// What it comes to, for a document.
    #[inline]
    pub(crate) fn scored(self, document: u32) -> Scored {
        Scored {
            document,
            present: self.present,
            sum: self.sum,
        }
    }
}

/// Calls `found` with the places of the bits that are set, ascending.
#[inline]
pub(crate) fn each_bit(mut word: u64, mut found: impl FnMut(u32)) {
    while word != 0 {
        found(word.trailing_zeros());
        word &= word - 1;
    }
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
            let word = std::mem::take(&mut self.words[at]);
            each_bit(word, |bit| found(at * 64 + bit as usize));
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
            slots[index].settle(bit, &score);
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
            found(slot.scored(*base + index as u32));
        });
    }
}
