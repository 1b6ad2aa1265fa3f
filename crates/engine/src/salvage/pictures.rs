//! Vectors of pictures of a damaged file. One checksum is for all of them; frames have one of each, by which they are found
//! wherever they stand.

use std::collections::BTreeMap;

use mv2::frame::FrameStatus;

use super::finding::FindingCode;
use super::survey::Survey;
use crate::pictures::{Picture, PictureIndex, Said, search_file};

/// Finds the vectors, and which frames lost theirs.
pub fn gather(survey: &mut Survey) {
    let frames = survey.frames.iter().flatten().map(|rescued| &rescued.frame);
    let frames = frames.filter(|frame| frame.status != FrameStatus::Deleted);
    // Another program leaves vectors in frames.
    let in_frames: BTreeMap<u64, Picture> = frames
        .clone()
        .filter_map(|frame| Some((frame.id, Picture::of_frame(frame)?)))
        .collect();
    let said: BTreeMap<u64, Said> = frames
        .filter_map(|frame| Some((frame.id, Said::of_frame(frame)?)))
        .collect();
    let manifest = survey.tail.indexes.clip.as_ref();
    let index = match manifest {
        Some(manifest) => {
            PictureIndex::read(&survey.map, manifest, survey.frames.len() as u64).ok()
        }
        None => Some(PictureIndex::default()),
    };
    let mut kept: BTreeMap<u64, Picture> = index.iter().flat_map(PictureIndex::pictures).collect();
    let missing: BTreeMap<u64, Said> = said
        .into_iter()
        .filter(|(frame, _)| !kept.contains_key(frame) && !in_frames.contains_key(frame))
        .collect();
    let found = search_file(&survey.map, &missing);
    let lost: Vec<u64> = missing
        .keys()
        .copied()
        .filter(|frame| survey.is_active(*frame) && !found.contains_key(frame))
        .collect();
    let is_dropped = index.is_some()
        && ![FindingCode::SectionListUnchecked, FindingCode::TocTailLost]
            .iter()
            .any(|code| survey.findings.has(*code));
    // What another program dropped, and nothing is left of, no repair brings back.
    if index.is_some() && missing.is_empty() || is_dropped && found.is_empty() {
        return;
    }
    let place = manifest.map(|manifest| format!("byte {}", manifest.bytes_offset));
    let message = format!(
        "the index of pictures is damaged or lost; {} of {} vectors were found in the file",
        found.len(),
        missing.len()
    );
    survey
        .findings
        .add(FindingCode::PictureIndexDamaged, message, place);
    kept.extend(found);
    kept.extend(in_frames);
    survey.pictures = Some(kept);
    survey.lost_pictures = lost;
}
