//! Documents that are not in a segment yet.

mod store;

pub(crate) use store::{MemoryPostings, Store};

use crate::analyzer::{Scratch, analyze_with};
use crate::document::Document;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// Documents that are not in a segment yet, searchable at once.
///
/// A clone is a snapshot: it shares memory with the original and never changes, because postings are only ever appended
/// and each snapshot knows how many documents it sees. Adding takes tens of microseconds at any size; a search holds
/// a read lock while it looks at pending documents, adding holds the write lock while it appends (analysis is done
/// before). Adding to a clone that is no longer the newest copies it first.
#[derive(Clone, Default)]
pub struct PendingIndex {
    store: Arc<RwLock<Store>>,
    visible: u32,
}

impl fmt::Debug for PendingIndex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PendingIndex")
            .field("documents", &self.visible)
            .finish()
    }
}

/// The analysed words of one field.
#[derive(Debug, Default)]
struct Words {
    text: String,
    ends: Vec<(usize, u32)>,
}

impl Words {
    fn of(text: &str, scratch: &mut Scratch) -> Self {
        let mut words = Self::default();
        analyze_with(scratch, text, &mut |token| {
            words.text.push_str(token.term);
            words.ends.push((words.text.len(), token.position));
        });
        words
    }

    fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        let mut start = 0;
        self.ends.iter().map(move |(end, position)| {
            let word = &self.text[start..*end];
            start = *end;
            (word, *position)
        })
    }
}

impl PendingIndex {
    /// An index without documents.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one document. Earlier clones do not see it.
    pub fn add(&mut self, document: &Document<'_>) {
        let mut scratch = Scratch::default();
        let title = Words::of(document.title, &mut scratch);
        let body = Words::of(document.body, &mut scratch);
        let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        if store.len() != self.visible {
            let mut copy = store.truncated(self.visible);
            drop(store);
            append(&mut copy, document, &title, &body);
            self.store = Arc::new(RwLock::new(copy));
        } else {
            append(&mut store, document, &title, &body);
        }
        self.visible += 1;
    }

    /// How many documents this snapshot holds.
    pub fn len(&self) -> usize {
        self.visible as usize
    }

    /// Whether this snapshot holds no document.
    pub fn is_empty(&self) -> bool {
        self.visible == 0
    }

    /// Whether both are the same snapshot.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.store, &other.store) && self.visible == other.visible
    }

    /// The documents for reading, and how many of them are visible.
    pub(crate) fn read(&self) -> (RwLockReadGuard<'_, Store>, u32) {
        (
            self.store.read().unwrap_or_else(PoisonError::into_inner),
            self.visible,
        )
    }
}

fn append(store: &mut Store, document: &Document<'_>, title: &Words, body: &Words) {
    let id = store.begin(document);
    title
        .iter()
        .for_each(|(word, position)| store.push(id, 0, word, position));
    body.iter()
        .for_each(|(word, position)| store.push(id, 1, word, position));
    store.end(title.ends.len(), body.ends.len());
}
