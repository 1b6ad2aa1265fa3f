//! Vectors that the reference keeps in one blob, or in segments of its catalog. When any of them is damaged, what is left of it
//! and all the others become one section of ours: beside such a section nobody looks at the catalog.

use std::collections::{BTreeMap, BTreeSet};

use mv2::toc::SegmentMeta;

use super::survey::Survey;
use super::vectors::{Blob, Sound, intact, report, rescued_flat};
use crate::foreign_vectors::decode;
use crate::vec_sections::{Kind, entry_of_blob};
use crate::vectors::{COUNT, is_usable, write_entry};

/// Looks at the segments, and gives whether any is damaged. `index` is the one blob with all vectors, where it is: as long as
/// that is sound nobody looks at the segments. `with` gets the frames of vectors that stay where they stand.
pub fn gather(survey: &mut Survey, index: Option<SegmentMeta>, with: &mut BTreeSet<u64>) -> bool {
    let frames = survey.frames.len() as u64;
    let segments = survey
        .tail
        .segment_catalog
        .vec_segments
        .iter()
        .map(|segment| &segment.entry)
        .filter(|entry| entry.bytes_length > COUNT as u64)
        .map(|entry| {
            let place = (entry.bytes_offset, entry.bytes_length);
            entry_of_blob(Kind::Vectors, frames, place, entry.checksum)
        });
    let (sound, damaged): (Vec<SegmentMeta>, Vec<SegmentMeta>) = index
        .into_iter()
        .chain(segments)
        .partition(|entry| intact(survey, entry));
    if damaged.is_empty() {
        return false;
    }
    // Of a frame with several vectors the last one counts.
    let mut vectors: BTreeMap<u64, Vec<f32>> = BTreeMap::new();
    let mut is_exact = true;
    for entry in sound {
        let bytes = survey.map.section(entry.bytes_offset, entry.bytes_length);
        match bytes.and_then(|bytes| decode(&bytes)) {
            Some(decoded) => {
                is_exact &= !decoded.is_approximate;
                vectors.extend(decoded.vectors);
            }
            None => is_exact = false,
        }
    }
    if !is_exact {
        // They cannot be part of a section that is exact: they stay where they are, and what is damaged is left out.
        for entry in &damaged {
            report(survey, entry, None);
        }
        with.extend(vectors.into_keys());
        return true;
    }
    for entry in &damaged {
        let rescued = rescued_flat(survey, entry, None, &Sound::default());
        report(survey, entry, rescued.as_ref());
        let decoded = rescued.and_then(|rescued| decode(&rescued.blob));
        for (frame, vector) in decoded.into_iter().flat_map(|decoded| decoded.vectors) {
            // Its frame may be what is damaged: one that is sound counts.
            vectors.entry(frame).or_insert(vector);
        }
    }
    let dimension = vectors.values().next().map_or(0, Vec::len);
    vectors.retain(|frame, vector| *frame < frames && is_usable(vector, dimension));
    survey.tail.segment_catalog.vec_segments.clear();
    let (Some((first, _)), Some((last, _)), Some(entry)) = (
        vectors.first_key_value(),
        vectors.last_key_value(),
        damaged.into_iter().next(),
    ) else {
        return true;
    };
    let entry = SegmentMeta {
        frame_from: *first,
        frame_to: last + 1,
        ..entry
    };
    let mut blob = (vectors.len() as u64).to_le_bytes().to_vec();
    for (frame, vector) in &vectors {
        write_entry(*frame, vector, &mut blob);
    }
    survey.vectors.blobs.push(Blob {
        entry,
        codes: None,
        rescued: Some(blob),
    });
    true
}
