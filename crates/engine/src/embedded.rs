//! Which frames have vectors, and what made them: what whoever wants to make them anew has to know.

use serde::Serialize;
use serde_json::Value;

use crate::embedding::Identity;
use crate::error::Result;
use crate::memory::Memory;
use crate::snapshot::AsOf;
use crate::staged::Staged;

/// Active documents, and other active frames that have a vector.
#[derive(Debug, Clone, Default, Serialize)]
pub struct EmbeddedFrames {
    /// What made vectors, each once.
    pub identities: Vec<Value>,
    /// The frames, in order.
    pub ids: Vec<u64>,
    /// What made the vector of each: its place in `identities`; −1 when that is not known, −2 when there is no vector.
    pub made_by: Vec<i64>,
    /// The vectors that wait to take the place of those, when some do.
    pub staged: Option<StagedFrames>,
}

/// Vectors that wait in the file.
#[derive(Debug, Clone, Serialize)]
pub struct StagedFrames {
    /// What made them.
    pub identity: Value,
    /// Whose they are, ascending.
    pub ids: Vec<u64>,
}

const NOT_KNOWN: i64 = -1;
const NO_VECTOR: i64 = -2;

impl Memory {
    /// Every active document and what made its vector. Looks at every frame.
    pub fn embedded_frames(&self) -> Result<EmbeddedFrames> {
        self.answer("reembed", |snapshot| {
            let staged = Staged::open(&snapshot.committed);
            let mut frames = EmbeddedFrames {
                staged: staged.identity().map(|identity| StagedFrames {
                    identity: identity.to_value(),
                    ids: staged.frames(),
                }),
                ..EmbeddedFrames::default()
            };
            let mut identities: Vec<Identity> = Vec::new();
            for id in 0..snapshot.frame_count() {
                if !snapshot.is_visible(id, AsOf::default()) {
                    continue;
                }
                let has_vector = snapshot.has_vector(id)?;
                let is_chunk = snapshot
                    .brief(id)
                    .is_some_and(|brief| brief.parent.is_some());
                if is_chunk && !has_vector {
                    continue;
                }
                let made_by = if !has_vector {
                    NO_VECTOR
                } else if let Some(identity) = Identity::of(&snapshot.view(id)?) {
                    let place = identities.iter().position(|known| *known == identity);
                    let place = place.unwrap_or_else(|| {
                        frames.identities.push(identity.to_value());
                        identities.push(identity);
                        identities.len() - 1
                    });
                    i64::try_from(place).unwrap_or(NOT_KNOWN)
                } else {
                    NOT_KNOWN
                };
                frames.ids.push(id);
                frames.made_by.push(made_by);
            }
            Ok(frames)
        })
    }

    /// The text of an active frame that is searched: the one to be indexed instead of its own, where there is one.
    pub fn searched_text(&self, id: u64) -> Result<String> {
        self.answer("reembed", |snapshot| {
            let view = snapshot.active_view(id)?;
            snapshot.searched_text(id, &view)
        })
    }
}
