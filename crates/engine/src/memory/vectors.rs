//! Vectors that a handle is given with documents: what it refuses, and in which form they are to be kept.

use super::Memory;
use crate::commit::{Altered, Replaced};
use crate::compression;
use crate::document::{Document, PreparedDocument};
use crate::embedding::{vectors_disabled, wrong_dimension};
use crate::error::Result;
use crate::snapshot::Snapshot;

impl Memory {
    /// Says whether vectors written from now on are kept product-quantised, by this handle and all others; durable when it
    /// returns. Vectors that are stored stay as they are until the base is written the next time: then all of them are
    /// quantised, or none. What was quantised stays that way.
    ///
    /// Fails with MV011 on a handle without vectors and MV018 on a read-only one.
    pub fn set_vector_compression(&self, is_on: bool) -> Result<()> {
        const OPERATION: &str = "setVectorCompression";
        self.check_writable(OPERATION)?;
        if !self.options.enable_vec {
            return Err(vectors_disabled(OPERATION));
        }
        if compression::is_on(&self.snapshot(OPERATION)?.committed) == is_on {
            // Somebody else may have set it, and been killed before that was durable.
            return self.with_lock(OPERATION, |snapshot| {
                snapshot.committed.settle()?;
                Ok((None, None))
            });
        }
        self.on_empty_log(OPERATION, |snapshot| {
            self.commit_altered(snapshot, |_, out| {
                Ok(Altered {
                    replaced: Some(Replaced {
                        tag: compression::TAG,
                        sections: vec![compression::setting(is_on, out.position())],
                    }),
                    ..Altered::default()
                })
            })
        })
    }

    /// MV011 when there are vectors and the handle was opened without them.
    pub(super) fn check_takes_vectors<'a>(
        &self,
        operation: &str,
        mut documents: impl Iterator<Item = &'a Document>,
    ) -> Result<()> {
        if self.options.enable_vec || documents.all(|document| document.embedding.is_none()) {
            return Ok(());
        }
        Err(vectors_disabled(operation))
    }
}

/// Whether a document has the vector that frame `id` has already.
pub(super) fn keeps_embedding(snapshot: &Snapshot, id: u64, document: &Document) -> Result<bool> {
    Ok(match &document.embedding {
        Some(embedding) => snapshot.vector(id)?.as_deref() == Some(&*embedding.vector),
        None => true,
    })
}

/// MV014 for the first document whose vector has another size than those of the file, or than the first of the batch.
pub(super) fn check_dimensions(snapshot: &Snapshot, documents: &[PreparedDocument]) -> Result<()> {
    let mut expected = None;
    for (index, document) in documents.iter().enumerate() {
        let Some(vector) = document
            .frames
            .first()
            .and_then(|first| first.vector.as_ref())
        else {
            continue;
        };
        let size = match expected {
            Some(size) => size,
            None => {
                let stored = snapshot.binding_dimension(Some(vector.len()))?;
                *expected.insert(stored.unwrap_or(vector.len()))
            }
        };
        if vector.len() != size {
            return Err(wrong_dimension(size, vector.len(), Some(index)));
        }
    }
    Ok(())
}
