//! Whether the vectors of a file are kept product-quantised: the setting, and what it comes to.
//!
//! The setting is an entry among the private sections without any bytes, which every commit and other programs carry along.
//! While it is on, the base is written quantised as soon as its vectors have such a form and are enough. A file of another
//! program whose vectors are quantised goes on that way until it is told otherwise.

use std::sync::Arc;

use mv2::toc::{SegmentCompression, SegmentMeta, VectorCompression};
use serde_json::{Value, json};
use vec::Codebook;

use crate::committed::Committed;
use crate::error::Result;
use crate::quantised;
use crate::vec_sections::Live;
use crate::vectors::{Form, Part, VectorIndex};

/// What the entry of the setting has in the upper half of its id; below it 1 for on, 0 for off.
pub const TAG: u64 = 0x5645_4350;
/// The reference quantises no fewer vectors than this.
const LEAST: usize = 100;
/// Threads that quantise, at most.
const MOST_THREADS: usize = 4;

/// Whether vectors written from now on are to be quantised.
#[must_use]
pub fn is_on(committed: &Committed) -> bool {
    let mut segments = committed.head.segments.iter();
    match segments.find(|segment| is_setting(segment)) {
        Some(setting) => says_on(setting),
        None => names_quantised(committed),
    }
}

/// Whether an entry of the table of contents is the setting.
#[must_use]
pub fn is_setting(segment: &SegmentMeta) -> bool {
    segment.id >> 32 == TAG
}

/// What the setting says.
#[must_use]
pub fn says_on(setting: &SegmentMeta) -> bool {
    setting.id & 1 == 1
}

/// The entry of the setting. `place` is one inside the file.
#[must_use]
pub fn setting(is_on: bool, place: u64) -> SegmentMeta {
    SegmentMeta {
        id: TAG << 32 | u64::from(is_on),
        frame_from: 0,
        frame_to: 0,
        primary_checksum: *blake3::hash(&[]).as_bytes(),
        compression: SegmentCompression::None,
        bytes_offset: place,
        bytes_length: 0,
    }
}

/// Whether this many vectors of this size can be quantised.
#[must_use]
pub fn is_eligible(dimension: usize, count: usize) -> bool {
    dimension == quantised::DIMENSION && count >= LEAST
}

fn names_quantised(committed: &Committed) -> bool {
    let manifest = committed.tail.indexes.vec.as_ref();
    manifest.is_some_and(|manifest| {
        manifest.compression_mode == VectorCompression::Pq96 && manifest.vector_count > 0
    })
}

/// `vector_compression` and `vector_compression_reason` of `stats()`: the form the base has, and why it is not the one that
/// is wanted. `count` and `dimension` are those of the vectors that are active, the log's too.
pub fn described(
    committed: &Committed,
    count: u64,
    dimension: Option<usize>,
) -> Result<(&'static str, Value)> {
    let is_quantised = committed.vectors()?.is_quantised() || names_quantised(committed);
    if is_quantised {
        return Ok(("pq96", Value::Null));
    }
    if !is_on(committed) {
        return Ok(("none", Value::Null));
    }
    let reason = match dimension {
        None => "The memory holds no vectors yet.".to_owned(),
        Some(dimension) if dimension != quantised::DIMENSION => format!(
            "Vectors of {dimension} numbers are kept whole: only those of {} can be quantised.",
            quantised::DIMENSION
        ),
        Some(_) if count < LEAST as u64 => {
            format!("{count} vectors are kept whole: {LEAST} are quantised together.")
        }
        Some(_) => "The next commit that brings vectors quantises all of them.".to_owned(),
    };
    Ok(("none", json!(reason)))
}

impl VectorIndex {
    /// Whether the base is quantised.
    #[must_use]
    pub fn is_quantised(&self) -> bool {
        self.parts().first().is_some_and(Part::is_quantised)
    }
}

/// The form in which the vectors `live` of `parts` are to be written, as one blob.
pub fn form_of(parts: &[&Part], live: &[Live], is_on: bool) -> Result<Form> {
    let dimension = parts.first().map_or(0, |part| part.dimension);
    if !is_on || !is_eligible(dimension, live.len()) {
        return Ok(Form::Flat);
    }
    if let Some(codebook) = fitting(parts, live) {
        return Ok(Form::Quantised(codebook));
    }
    let step = live.len().div_ceil(vec::CODEBOOK_SAMPLE).max(1);
    let mut sample = Vec::with_capacity(live.len().div_ceil(step) * dimension);
    for live in live.iter().step_by(step) {
        if let Some(part) = parts.get(live.part as usize) {
            part.read(live.ordinal as usize, &mut sample);
        }
    }
    let codebook = Codebook::train(&sample, dimension, threads())?;
    Ok(Form::Quantised(Arc::new(codebook)))
}

/// Centroids that are there and stay good: computed of nearly as many vectors as there are now, about. Up to 256 vectors
/// are kept exactly by centroids of their own, and then each time their number is fourfold new ones are computed, until
/// there are as many as a sample takes.
fn fitting(parts: &[&Part], live: &[Live]) -> Option<Arc<Codebook>> {
    let mut counts = vec![0_usize; parts.len()];
    for live in live {
        if let Some(count) = counts.get_mut(live.part as usize) {
            *count += 1;
        }
    }
    let quantised = parts
        .iter()
        .zip(counts)
        .filter_map(|(part, count)| match &part.form {
            Form::Quantised(codebook) => Some((codebook, count)),
            Form::Flat => None,
        });
    let (codebook, count) = quantised.max_by_key(|(_, count)| *count)?;
    let is_exact = live.len() <= vec::CENTROIDS && count < live.len();
    (!is_exact && stage(count) >= stage(live.len())).then(|| Arc::clone(codebook))
}

fn stage(count: usize) -> u32 {
    let count = count.min(vec::CODEBOOK_SAMPLE);
    match count / vec::CENTROIDS {
        0 => 0,
        of_each => 1 + of_each.ilog2() / 2,
    }
}

/// Threads to quantise on.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |threads| threads.get().min(MOST_THREADS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centroids_are_computed_anew_when_vectors_are_fourfold() {
        let stages: Vec<u32> = [
            100, 255, 256, 1023, 1024, 4095, 4096, 16_383, 16_384, 1_000_000,
        ]
        .map(stage)
        .to_vec();
        assert_eq!(stages, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
    }
}
