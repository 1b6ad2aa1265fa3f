//! Documents of a large batch get their ids, in order, before anybody works on them.

use std::collections::HashMap;

use mv2::toc::MAX_FRAMES;

use crate::additions::{SEARCH_TEXT_BUDGET, too_many_frames};
use crate::chunk::Piece;
use crate::document::Document;
use crate::embedding::wrong_dimension;
use crate::error::Result;
use crate::snapshot::Snapshot;

/// Looks a content hash up: the document that holds it already.
pub type FindDuplicate<'a> = &'a dyn Fn(&[u8; 32]) -> Option<u64>;

/// Documents in order, with the frames they will be.
pub struct Slice {
    pub first_frame: u64,
    /// Vectors of the batch before these documents.
    pub first_vector: u64,
    /// Bytes of search text that these frames may repeat inside the table of contents.
    pub search_text_budget: u64,
    /// Each with its place in the batch.
    pub documents: Vec<(usize, Document, Option<Vec<Piece>>)>,
}

/// Gives documents their ids.
pub struct Feed<'a> {
    find_duplicate: Option<FindDuplicate<'a>>,
    fresh: HashMap<[u8; 32], u64>,
    pub ids: Vec<u64>,
    pub duplicate_of: Vec<Option<u64>>,
    pub next_frame: u64,
    pub next_vector: u64,
    /// Numbers of a vector, once there is one.
    dimension: Option<usize>,
    search_text_left: u64,
}

impl<'a> Feed<'a> {
    /// For documents on top of `snapshot`.
    pub fn new(snapshot: &Snapshot, find_duplicate: Option<FindDuplicate<'a>>) -> Result<Self> {
        let used = snapshot.committed.directory.totals().search_text_bytes;
        Ok(Self {
            find_duplicate,
            fresh: HashMap::new(),
            ids: Vec::new(),
            duplicate_of: Vec::new(),
            next_frame: snapshot.frame_count(),
            next_vector: 0,
            dimension: snapshot.binding_dimension(None)?,
            search_text_left: SEARCH_TEXT_BUDGET.saturating_sub(used),
        })
    }

    /// Gives the documents that come next their ids. MV014 for a vector of another size than those before.
    pub fn slice(&mut self, documents: Vec<Document>) -> Result<Slice> {
        let mut slice = Slice {
            first_frame: self.next_frame,
            first_vector: self.next_vector,
            search_text_budget: self.search_text_left,
            documents: Vec::with_capacity(documents.len()),
        };
        for document in documents {
            self.check_dimension(&document)?;
            if let Some(find) = self.find_duplicate {
                let hash = *blake3::hash(document.content.as_bytes()).as_bytes();
                let earlier = self.fresh.get(&hash).copied().or_else(|| find(&hash));
                self.duplicate_of.push(earlier);
                if let Some(earlier) = earlier {
                    self.ids.push(earlier);
                    continue;
                }
                self.fresh.insert(hash, self.next_frame);
            }
            let pieces = document.pieces();
            self.next_vector += u64::from(document.embedding.is_some());
            self.ids.push(self.next_frame);
            self.next_frame += 1 + pieces.as_ref().map_or(0, Vec::len) as u64;
            if self.next_frame > MAX_FRAMES {
                return Err(too_many_frames(self.next_frame));
            }
            // As if all of it was repeated: which frames are does not depend on how fast the lanes are.
            let length = document.content.as_bytes().len() as u64;
            self.search_text_left = self.search_text_left.saturating_sub(length);
            slice.documents.push((self.ids.len() - 1, document, pieces));
        }
        Ok(slice)
    }

    /// MV014 for a vector of another size than those before.
    fn check_dimension(&mut self, document: &Document) -> Result<()> {
        let Some(embedding) = &document.embedding else {
            return Ok(());
        };
        let size = embedding.vector.len();
        let expected = *self.dimension.get_or_insert(size);
        if size == expected {
            return Ok(());
        }
        Err(wrong_dimension(expected, size, Some(self.ids.len())))
    }
}
