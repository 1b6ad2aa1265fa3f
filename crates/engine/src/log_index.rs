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
    /// Text of `waiting`, bytes.
    waiting_bytes: usize,
    /// `indexed` and `waiting` together, once somebody needed it; shared by all clones of one state.
    whole: Arc<OnceLock<lex::PendingIndex>>,
    /// Frames in front of this one are in `indexed` from the beginning.
    known: u64,
}

impl LogIndex {
    /// An index that has the frames in front of `known` before they are added.
    #[must_use]
    pub fn ahead(indexed: lex::PendingIndex, known: u64) -> Self {
        Self {
            indexed,
            known,
            ..Self::default()
        }
    }

    /// Whether a frame need not be added.
    #[must_use]
    pub fn knows(&self, id: u64) -> bool {
        id < self.known
    }

    /// Adds a frame. Earlier clones do not see it.
    pub fn add(&mut self, frame: Waiting) {
        if let Some(whole) = self.whole.get() {
            self.indexed = whole.clone();
            self.waiting.clear();
            self.waiting_bytes = 0;
        }
        self.waiting_bytes += frame.body.len();
        self.waiting.push_back(Arc::new(frame));
        self.whole = Arc::default();
    }

    /// How many frames the next call of [`LogIndex::whole`] would have to index.
    #[must_use]
    pub fn waiting(&self) -> usize {
        match self.whole.get() {
            Some(_) => 0,
            None => self.waiting.len(),
        }
    }

    /// How much text [`LogIndex::whole`] has to index before it can answer, bytes.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        match self.whole.get() {
            Some(_) => 0,
            None => self.waiting_bytes,
        }
    }

    /// The index over every frame added so far. The first call after an addition indexes what waits.
    pub fn whole(&self) -> &lex::PendingIndex {
        self.whole.get_or_init(|| {
            let mut index = self.indexed.clone();
            for waiting in &self.waiting {
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
                vector: None,
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
    fn what_was_indexed_once_is_not_indexed_again() {
        let mut index = LogIndex::default();
        for id in 0..3 {
            index.add(waiting(id));
            index.whole();
        }
        assert_eq!(index.waiting(), 0);
        index.add(waiting(3));
        assert_eq!(index.waiting(), 1);
    }

    #[test]
    fn what_waits_is_measured_until_it_is_indexed() {
        let mut index = LogIndex::default();
        assert_eq!(index.waiting_bytes(), 0);
        index.add(waiting(0));
        index.add(waiting(1));
        let clone = index.clone();
        assert_eq!(index.waiting_bytes(), 2 * "harbour".len());
        clone.whole();
        assert_eq!(index.waiting_bytes(), 0, "clones share what was indexed");
        index.add(waiting(2));
        assert_eq!(index.waiting_bytes(), "harbour".len());
    }
}
