//! The full text of the log, brought up to date when it is asked for.
//!
//! A put is acknowledged when it is durable; taking its words apart needs none of that and can wait until afterwards.
//! Whoever comes first does it: the thread that wrote, once it has answered, or a search.

use std::sync::{Arc, OnceLock};

use imbl::Vector;

use crate::indexing::with_lex_document;
use crate::pending::PendingFrame;

/// A frame whose words are not in the index yet.
pub struct Waiting {
    /// Its id.
    pub id: u64,
    /// The frame.
    pub frame: Arc<PendingFrame>,
    /// The document it is a chunk of.
    pub parent: Option<Arc<PendingFrame>>,
    /// The text to index.
    pub body: String,
}

/// The full text of pending frames. A clone is a snapshot.
#[derive(Clone, Default)]
pub struct LogIndex {
    indexed: lex::PendingIndex,
    waiting: Vector<Arc<Waiting>>,
    /// `indexed` and `waiting` together, once somebody needed it; shared by all clones of one state.
    whole: Arc<OnceLock<lex::PendingIndex>>,
    /// Earlier states that somebody may be bringing up to date right now, oldest first.
    earlier: Vec<Earlier>,
}

/// A state that this one continues.
#[derive(Clone)]
struct Earlier {
    /// Its `whole`.
    whole: Arc<OnceLock<lex::PendingIndex>>,
    /// How many of the later state's `waiting` it contains.
    contains: usize,
}

impl LogIndex {
    /// Adds a frame. Earlier clones do not see it.
    pub fn add(&mut self, frame: Waiting) {
        if let Some((whole, contains)) = self.latest() {
            self.indexed = whole.clone();
            self.waiting = self.waiting.skip(contains);
            self.earlier.clear();
        } else if Arc::get_mut(&mut self.whole).is_none() {
            // Another clone of this state exists, so that its words may be taken apart while the log goes on.
            self.earlier.push(Earlier {
                whole: Arc::clone(&self.whole),
                contains: self.waiting.len(),
            });
        }
        self.waiting.push_back(Arc::new(frame));
        self.whole = Arc::default();
    }

    /// The latest index there is, and how many of `waiting` it contains.
    fn latest(&self) -> Option<(&lex::PendingIndex, usize)> {
        match self.whole.get() {
            Some(whole) => Some((whole, self.waiting.len())),
            None => self.latest_earlier(),
        }
    }

    fn latest_earlier(&self) -> Option<(&lex::PendingIndex, usize)> {
        let mut earlier = self.earlier.iter().rev();
        earlier.find_map(|earlier| Some((earlier.whole.get()?, earlier.contains)))
    }

    /// The index over every frame added so far. The first call after an addition indexes what waits.
    pub fn whole(&self) -> &lex::PendingIndex {
        self.whole.get_or_init(|| {
            let (indexed, contains) = self.latest_earlier().unwrap_or((&self.indexed, 0));
            let mut index = indexed.clone();
            for waiting in self.waiting.iter().skip(contains) {
                // A frame is encoded by ourselves when it is applied.
                let Ok(view) = waiting.frame.view() else {
                    continue;
                };
                let parent = waiting
                    .parent
                    .as_ref()
                    .and_then(|parent| parent.view().ok());
                with_lex_document(
                    waiting.id,
                    &view,
                    parent.as_ref(),
                    &waiting.body,
                    |document| {
                        index.add(document);
                    },
                );
            }
            index
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use mv2::frame::Frame;

    use super::*;
    use crate::directory::Flags;

    fn waiting(id: u64) -> Waiting {
        let frame = Frame {
            id,
            ..Frame::default()
        };
        Waiting {
            id,
            frame: Arc::new(PendingFrame {
                encoded: frame.to_bytes(),
                payload: None,
                timestamp: 0,
                parent: None,
                flags: Flags::default(),
            }),
            parent: None,
            body: "harbour".to_owned(),
        }
    }

    #[test]
    fn a_clone_keeps_its_frames_whenever_it_is_indexed() {
        let mut index = LogIndex::default();
        index.add(waiting(0));
        let before = index.clone();
        index.add(waiting(1));
        let between = index.clone();
        assert_eq!(index.whole().len(), 2);
        index.add(waiting(2));
        assert_eq!(before.whole().len(), 1);
        assert_eq!(index.whole().len(), 3);
        assert_eq!(between.whole().len(), 2);
    }

    #[test]
    fn what_an_earlier_state_indexed_late_is_not_indexed_again() {
        let mut index = LogIndex::default();
        let mut states = Vec::new();
        for id in 0..4 {
            index.add(waiting(id));
            states.push(index.clone());
        }
        assert_eq!(index.waiting.len(), 4);
        // While the log went on, somebody took the words of the second state apart.
        assert_eq!(states[1].whole().len(), 2);
        assert_eq!(index.latest().map(|(_, contains)| contains), Some(2));
        assert_eq!(index.whole().len(), 4);
        index.add(waiting(4));
        assert_eq!((index.waiting.len(), index.earlier.len()), (1, 0));
        assert_eq!(index.whole().len(), 5);
        assert_eq!(states[0].whole().len(), 1);
        assert_eq!(states[2].whole().len(), 3);
    }

    #[test]
    fn additions_that_nobody_saw_between_leave_no_trace() {
        let mut index = LogIndex::default();
        for id in 0..100 {
            index.add(waiting(id));
        }
        assert!(index.earlier.is_empty());
    }

    #[test]
    fn what_was_indexed_once_is_not_indexed_again() {
        let mut index = LogIndex::default();
        for id in 0..3 {
            index.add(waiting(id));
            index.whole();
        }
        index.add(waiting(3));
        assert_eq!(index.waiting.len(), 1);
    }
}
