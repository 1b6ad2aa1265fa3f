//! Sections and tracks: which are as they were written. What is derived is made anew where it is not.

use mv2::bytes::Bytes;
use mv2::time_index::TimeIndex;
use mv2::toc::SegmentMeta;

use super::finding::FindingCode;
use super::places::Place;
use super::survey::Survey;
use super::tables::Table;
use crate::compact::retain_tracks;
use crate::compression;
use crate::directory::is_directory;
use crate::error::Result;
use crate::lex_sections::part_of;
use crate::staged::is_staged;
use crate::vec_sections::kind_of;

/// Looks at everything the table names, keeps what belongs to others, and reports what is damaged.
pub fn check(survey: &mut Survey, table: &Table, newest: &Place) -> Result<()> {
    check_private(survey, table);
    check_directory(survey, table, newest);
    check_time_index(survey, table);
    check_sketches(survey, table);
    check_tracks(survey)
}

fn is_intact(survey: &Survey, offset: u64, length: u64, checksum: &[u8; 32]) -> bool {
    let bytes = survey.map.section(offset, length);
    bytes.is_some_and(|bytes| blake3::hash(&bytes).as_bytes() == checksum)
}

fn segment_is_intact(survey: &Survey, segment: &SegmentMeta) -> bool {
    is_intact(
        survey,
        segment.bytes_offset,
        segment.bytes_length,
        &segment.primary_checksum,
    )
}

fn holds_directory(survey: &Survey, segment: &SegmentMeta) -> bool {
    bytes_of(survey, segment).is_some_and(|bytes| is_directory(&bytes))
}

fn bytes_of(survey: &Survey, segment: &SegmentMeta) -> Option<Bytes> {
    survey
        .map
        .section(segment.bytes_offset, segment.bytes_length)
}

fn check_private(survey: &mut Survey, table: &Table) {
    let Some(head) = &table.head else {
        survey.findings.add(
            FindingCode::LexIndexLost,
            "the list of full-text sections is lost with the front of the table of contents",
            None,
        );
        return;
    };
    let mut lex = Vec::new();
    for segment in &head.segments {
        let sound = segment_is_intact(survey, segment);
        // The directory is looked at by itself; a first section of another program has the same id.
        if segment.id == 0
            && (!sound || segment.bytes_length == 0 || holds_directory(survey, segment))
        {
            continue;
        }
        let place = format!("byte {}", segment.bytes_offset);
        if kind_of(segment.id).is_some() {
            // The vectors are looked at one by one.
        } else if part_of(segment.id).is_some() {
            if !sound {
                lex.push(place);
            }
        } else if compression::is_setting(segment) {
            // All that it says is in its number: where it claims to stand may lie outside what is left of the file.
            let is_on = compression::says_on(segment);
            survey.foreign.push(compression::setting(is_on, 0));
        } else if sound {
            survey.foreign.push(segment.clone());
        } else if is_staged(segment) {
            let message = "vectors that wait for a reembed are damaged; it makes them anew";
            survey
                .findings
                .add(FindingCode::StagedVectorsDamaged, message, Some(place));
        } else {
            let message = "a section of another program is damaged; it is left out";
            survey
                .findings
                .add(FindingCode::SectionDamaged, message, Some(place));
        }
    }
    if !lex.is_empty() {
        let message = format!(
            "{} full-text sections do not match their checksum",
            lex.len()
        );
        survey
            .findings
            .add(FindingCode::LexIndexDamaged, message, Some(lex.join(", ")));
    }
}

fn check_directory(survey: &mut Survey, table: &Table, newest: &Place) {
    let first = table.head.as_ref().and_then(|head| head.segments.first());
    let is_damaged = match (first, &table.directory) {
        (_, Some((directory, is_whole))) => {
            !is_whole || newest.is_intact && directory.generation() != newest.generation
        }
        // An intact one that is not used is of an earlier commit: another program has committed since.
        (Some(first), None) => {
            first.id == 0 && first.bytes_length > 0 && !segment_is_intact(survey, first)
        }
        (None, None) => false,
    };
    if is_damaged {
        let message = "the directory does not match its checksum";
        survey
            .findings
            .add(FindingCode::DirectoryDamaged, message, None);
    }
}

fn check_time_index(survey: &mut Survey, table: &Table) {
    let Some(tail) = &table.tail else { return };
    let Some(manifest) = &tail.time_index else {
        if !survey.frames.is_empty() {
            let message = "the file has no time index";
            survey
                .findings
                .add(FindingCode::TimeIndexMissing, message, None);
        }
        return;
    };
    let place = Some(format!("byte {}", manifest.bytes_offset));
    if manifest.bytes_length > 0
        && !is_intact(
            survey,
            manifest.bytes_offset,
            manifest.bytes_length,
            &manifest.checksum,
        )
    {
        let message = "the time index does not match its checksum";
        survey
            .findings
            .add(FindingCode::TimeIndexDamaged, message, place);
        return;
    }
    let bytes = survey
        .map
        .section(manifest.bytes_offset, manifest.bytes_length);
    let sorted = bytes.as_ref().and_then(|bytes| {
        let index = TimeIndex::parse(bytes).ok()?;
        index.check_sort_order().ok().map(|()| index.len() as u64)
    });
    let expected = survey.documents().len() as u64;
    match sorted {
        None if expected > 0 => {
            let message = "the time index cannot be read";
            survey
                .findings
                .add(FindingCode::TimeIndexDamaged, message, place);
        }
        Some(count) if count != expected && survey.lost.is_empty() => {
            let message =
                format!("the time index has {count} entries for {expected} active documents");
            survey
                .findings
                .add(FindingCode::TimeIndexMismatch, message, place);
        }
        _ => {}
    }
}

fn check_sketches(survey: &mut Survey, table: &Table) {
    let manifest = table
        .tail
        .as_ref()
        .and_then(|tail| tail.sketch_track.as_ref());
    if let Some(manifest) = manifest
        && !is_intact(
            survey,
            manifest.bytes_offset,
            manifest.bytes_length,
            &manifest.checksum,
        )
    {
        let place = Some(format!("byte {}", manifest.bytes_offset));
        let message = "the sketch track does not match its checksum";
        survey
            .findings
            .add(FindingCode::SketchTrackDamaged, message, place);
    }
}

/// Tracks of other programs that are damaged are left out: nothing can make them anew, and programs that read them fail.
fn check_tracks(survey: &mut Survey) -> Result<()> {
    let mut tail = survey.tail.clone();
    let mut damaged = Vec::new();
    retain_tracks(&mut tail, &mut |track| {
        // Pictures are looked at one by one.
        let sound = track.name == "clip"
            || track.length == 0
            || match track.checksum {
                Some(checksum) => is_intact(survey, *track.offset, track.length, &checksum),
                None => survey.map.section(*track.offset, track.length).is_some(),
            };
        if !sound {
            damaged.push(format!("{} at byte {}", track.name, track.offset));
        }
        Ok(sound)
    })?;
    survey.tail = tail;
    if !damaged.is_empty() {
        let message = format!(
            "{} tracks of other programs are damaged; they are left out",
            damaged.len()
        );
        let places = Some(damaged.join(", "));
        survey
            .findings
            .add(FindingCode::TrackDamaged, message, places);
    }
    Ok(())
}
