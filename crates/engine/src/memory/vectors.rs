//! Vectors that a handle is given with documents: what it refuses.

use super::Memory;
use crate::document::{Document, PreparedDocument};
use crate::embedding::{vectors_disabled, wrong_dimension};
use crate::error::Result;
use crate::snapshot::Snapshot;

impl Memory {
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
