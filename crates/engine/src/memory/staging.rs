//! Vectors made anew for documents that are there: they wait in the file until all are made, then take the place of the
//! others in one commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use mv2::frame::FrameStatus;
use mv2::toc::SegmentMeta;
use serde::Serialize;

use super::Memory;
use crate::commit::{self, Altered, Change, Replaced};
use crate::embedding::{Embedding, Identity, vectors_disabled};
use crate::error::{Error, Result};
use crate::frame_table::{Edit, Edits};
use crate::snapshot::{AsOf, Snapshot};
use crate::staged::{self, Staged};
use crate::vec_sections::{self, Fresh, status_after};
use crate::vectors::Part;

const OPERATION: &str = "reembed";

/// What a swap did; when one of the lists holds something, nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Swap {
    /// Active documents that have no vector of this make, neither in force nor waiting: stored or changed meanwhile.
    pub missing: Vec<u64>,
    /// Active documents that would lose the vector they have: it is of another size.
    pub left_behind: Vec<u64>,
    /// How many vectors were put in force.
    pub swapped: u64,
}

impl Memory {
    /// Has vectors wait in the file to take the place of those in force, see [`Memory::swap_vectors`]: durable when it
    /// returns. `vectors` holds one for each id, one behind the other. Frames that are no longer active are left out; the
    /// result tells how many are not. What waits already and was made by something else, or is of another size, is thrown
    /// away.
    ///
    /// Fails with MV011 on a handle without vectors, MV014 and MV015 for a vector that cannot be stored, and MV019 when an
    /// id comes twice or ids and numbers do not fit.
    pub fn stage_vectors(&self, ids: &[u64], vectors: &[f32], identity: Identity) -> Result<u64> {
        self.check_stages()?;
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
        let identity = Arc::new(lower_case(identity));
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
        self.on_empty_log(OPERATION, |snapshot| {
            given.retain(|id, _| snapshot.is_visible(*id, AsOf::default()));
            if !given.is_empty() {
                self.commit_altered(snapshot, |base, out| {
                    let vectors = given.iter().map(|(id, vector)| (*id, &**vector));
                    Ok(waiting(staged::write(base, &identity, vectors, out)?))
                })?;
            }
            Ok(given.len() as u64)
        })
    }

    /// Throws away the vectors that wait and tells how many those were.
    pub fn discard_staged(&self) -> Result<u64> {
        self.check_stages()?;
        self.on_empty_log(OPERATION, |snapshot| {
            let count = Staged::open(&snapshot.committed).frames().len() as u64;
            if has_staged(snapshot) {
                self.commit_altered(snapshot, |_, _| Ok(waiting(Vec::new())))?;
            }
            Ok(count)
        })
    }

    /// Makes the vectors that wait those in force, if by now every active document has one of this make, or is one of
    /// `skipped` (which keep the vectors they have, if they are of the same size). Vectors of another size than those in
    /// force replace all of them; those of superseded versions are then gone. Nothing waits afterwards.
    pub fn swap_vectors(&self, identity: Identity, skipped: &[u64]) -> Result<Swap> {
        self.check_stages()?;
        let identity = lower_case(identity);
        let mut skipped = skipped.to_vec();
        skipped.sort_unstable();
        self.on_empty_log(OPERATION, |snapshot| {
            self.swap(snapshot, &identity, &skipped)
        })
    }

    fn swap(&self, snapshot: &Snapshot, identity: &Identity, skipped: &[u64]) -> Result<Swap> {
        let mut staged = Staged::checked(&snapshot.committed);
        staged
            .slices
            .retain(|slice| is_of(&slice.identity, identity));
        let new_dimension = staged.dimension();
        let replaces_all =
            new_dimension.is_some() && new_dimension != snapshot.vector_dimension()?;
        let frames = staged.frames();
        let mut swap = Swap::default();
        for id in 0..snapshot.frame_count() {
            if !snapshot.is_visible(id, AsOf::default()) || frames.binary_search(&id).is_ok() {
                continue;
            }
            let has_vector = snapshot.has_vector(id)?;
            let is_chunk = snapshot
                .brief(id)
                .is_some_and(|brief| brief.parent.is_some());
            if !has_vector && (is_chunk || skipped.binary_search(&id).is_ok()) {
                continue;
            }
            let is_made = has_vector
                && !replaces_all
                && Identity::of(&snapshot.view(id)?).is_some_and(|own| is_of(&own, identity));
            if is_made {
                continue;
            }
            if skipped.binary_search(&id).is_err() {
                swap.missing.push(id);
            } else if replaces_all {
                swap.left_behind.push(id);
            }
        }
        if !swap.missing.is_empty() || !swap.left_behind.is_empty() || !has_staged(snapshot) {
            return Ok(swap);
        }
        swap.swapped = frames.len() as u64;
        let mut parts: Vec<Part> = Vec::with_capacity(staged.slices.len());
        for slice in &staged.slices {
            let like = parts.first().map(Part::segment).transpose()?;
            parts.push(slice.part(like.as_ref())?);
        }
        let options = self.handing_over(snapshot);
        let status = |id| status_after(&snapshot.committed, &snapshot.pending.changes, id);
        let mut edits = Edits::new();
        if let (Some(made_by), Some(dimension)) = (staged.identity(), new_dimension) {
            let made_by = Arc::new(made_by.clone());
            let remaining = frames
                .iter()
                .filter(|id| status(**id) != FrameStatus::Deleted as u32);
            edits.extend(remaining.map(|id| {
                let edit = Edit {
                    embedding: Some((Arc::clone(&made_by), dimension)),
                    payload_offset: None,
                };
                (*id, edit)
            }));
        }
        let committed = commit::commit_change(snapshot, &options, |base, out| {
            Ok(Change {
                vectors: if parts.is_empty() {
                    vec_sections::write(base, Fresh::default(), &status, options.rewrite(), out)?
                } else {
                    vec_sections::replace(base, &parts, replaces_all, &status, out)?
                },
                edits,
                altered: waiting(Vec::new()),
            })
        })?;
        self.publish_commit(committed);
        Ok(swap)
    }

    fn check_stages(&self) -> Result<()> {
        self.check_writable(OPERATION)?;
        if self.options.enable_vec {
            Ok(())
        } else {
            Err(vectors_disabled(OPERATION))
        }
    }
}

/// The vectors that wait from now on.
fn waiting(sections: Vec<SegmentMeta>) -> Altered {
    Altered {
        replaced: Some(Replaced {
            tag: staged::TAG,
            sections,
        }),
        ..Altered::default()
    }
}

fn has_staged(snapshot: &Snapshot) -> bool {
    let mut segments = snapshot.committed.head.segments.iter();
    segments.any(staged::is_staged)
}

fn lower_case(identity: Identity) -> Identity {
    Identity {
        provider: identity.provider.map(|provider| provider.to_lowercase()),
        ..identity
    }
}

/// Whether `made_by` is the model of `wanted`, and of its size where that is known.
fn is_of(made_by: &Identity, wanted: &Identity) -> bool {
    made_by.provider == wanted.provider
        && made_by.model == wanted.model
        && (wanted.dimension.is_none() || made_by.dimension == wanted.dimension)
}
