//! Vectors that a handle is given: what it refuses, and new ones for frames that are there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Memory;
use crate::commit;
use crate::document::{Document, PreparedDocument};
use crate::embedding::{Embedding, Identity, vectors_disabled, wrong_dimension};
use crate::error::{Error, Result};
use crate::frame_table::Edit;
use crate::snapshot::Snapshot;
use crate::vec_sections::Fresh;

impl Memory {
    /// Gives active frames other vectors, all or none: durable when it returns. `vectors` holds one for each id, one behind
    /// the other. Vectors of another size than those of the file have to replace all of them in one call (MV014 if they do
    /// not); those of superseded versions are then gone.
    pub fn set_vectors(&self, ids: &[u64], vectors: &[f32], identity: Identity) -> Result<u64> {
        const OPERATION: &str = "setVectors";
        self.check_writable(OPERATION)?;
        if !self.options.enable_vec {
            return Err(vectors_disabled(OPERATION));
        }
        let Some(dimension) = vectors.len().checked_div(ids.len()) else {
            return Ok(0);
        };
        if dimension * ids.len() != vectors.len() {
            return Err(Error::invalid(
                "vectors",
                format_args!("{} numbers", vectors.len()),
                &format!("as many for each of {} frames", ids.len()),
            ));
        }
        let identity = Arc::new(identity);
        let mut given = BTreeMap::new();
        for (index, id) in ids.iter().enumerate() {
            let numbers = vectors.get(index * dimension..(index + 1) * dimension);
            let embedding = Embedding {
                vector: Arc::from(numbers.unwrap_or_default()),
                identity: Arc::clone(&identity),
            };
            embedding.check(&format!("vectors[{index}]"), Some(index))?;
            if given.insert(*id, embedding.vector).is_some() {
                return Err(Error::invalid("ids", id, "every frame once"));
            }
        }
        let mut writer = self.writer.lock();
        let (_lock, mut snapshot) = self.lock_alone(OPERATION, &mut writer)?;
        for &id in given.keys() {
            snapshot.active_view(id)?;
        }
        let stored = snapshot.vector_dimension()?;
        let replaces_all = stored.is_some_and(|stored| stored != dimension);
        if let Some(stored) = stored.filter(|_| replaces_all) {
            let mut replaced = 0;
            for &id in given.keys() {
                replaced += u64::from(snapshot.vector(id)?.is_some());
            }
            if replaced < snapshot.vector_count()? {
                return Err(wrong_dimension(stored, dimension, None));
            }
        }
        let options = self.handing_over(&snapshot);
        snapshot = self.with_empty_log(snapshot, &options)?;
        let edits = given.keys().map(|&id| {
            let edit = Edit {
                embedding: Some((Arc::clone(&identity), dimension)),
                payload_offset: None,
            };
            (id, edit)
        });
        let fresh = given.iter().map(|(&id, vector)| (id, vector));
        let committed = commit::write_vectors(
            &snapshot,
            Fresh::of(&snapshot.committed, fresh)?,
            edits.collect(),
            replaces_all,
            &options,
        )?;
        self.publish_commit(committed);
        Ok(given.len() as u64)
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
            None => *expected.insert(snapshot.vector_dimension()?.unwrap_or(vector.len())),
        };
        if vector.len() != size {
            return Err(wrong_dimension(size, vector.len(), Some(index)));
        }
    }
    Ok(())
}
