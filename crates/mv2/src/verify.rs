//! Checks that a report on a file is made of. Each fails with what it found, or passes.

use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::time_index::TimeIndex;
use crate::toc::TimeIndexManifest;

/// The bytes of a section inside the whole file.
pub fn section<'a>(
    file: &'a [u8],
    name: &'static str,
    offset: u64,
    length: u64,
) -> Result<&'a [u8]> {
    usize::try_from(offset)
        .ok()
        .zip(
            offset
                .checked_add(length)
                .and_then(|end| usize::try_from(end).ok()),
        )
        .and_then(|(start, end)| file.get(start..end))
        .ok_or_else(|| {
            Error::corrupt(
                name,
                offset,
                format!(
                    "{length} bytes there reach beyond the end of the file at {}",
                    file.len()
                ),
            )
        })
}

/// The bytes of a section, after comparing their BLAKE3.
pub fn section_checksum<'a>(
    file: &'a [u8],
    name: &'static str,
    offset: u64,
    length: u64,
    checksum: &[u8; 32],
) -> Result<&'a [u8]> {
    let bytes = section(file, name, offset, length)?;
    if crate::hash(bytes) == *checksum {
        Ok(bytes)
    } else {
        Err(Error::corrupt(name, offset, "the checksum does not match"))
    }
}

/// The time index, after checking magic, length, count and order. The checksum is another check: the reference does not
/// keep it in all files it repairs.
pub fn time_index<'a>(file: &'a [u8], manifest: &TimeIndexManifest) -> Result<TimeIndex<'a>> {
    let bytes = section(
        file,
        "time index",
        manifest.bytes_offset,
        manifest.bytes_length,
    )?;
    let index = TimeIndex::parse(bytes).map_err(|error| error.at(manifest.bytes_offset))?;
    if index.len() as u64 != manifest.entry_count {
        return Err(Error::corrupt(
            "time index",
            manifest.bytes_offset,
            format!("{} entries, {} expected", index.len(), manifest.entry_count),
        ));
    }
    index
        .check_sort_order()
        .map_err(|error| error.at(manifest.bytes_offset))?;
    Ok(index)
}

/// Compares the checksum of a frame with its stored bytes.
///
/// A frame without payload passes: vacuuming takes the bytes of dead frames away and leaves their checksum.
pub fn payload_checksum(file: &[u8], frame: &Frame) -> Result<()> {
    if frame.payload_length == 0 {
        return Ok(());
    }
    let stored = crate::payload::stored(file, frame)?;
    if crate::hash(stored) == frame.checksum {
        Ok(())
    } else {
        Err(Error::corrupt(
            "payload",
            frame.payload_offset,
            format!("the checksum of frame {} does not match", frame.id),
        ))
    }
}

/// Everything that is wrong with payloads, by frame: bounds, checksums and, with `decode`, whether they decode.
pub fn payloads(file: &[u8], frames: &[Frame], decode: bool) -> Vec<(u64, Error)> {
    frames
        .iter()
        .filter_map(|frame| {
            let result = payload_checksum(file, frame).and_then(|()| {
                if decode {
                    crate::payload::read(file, frame).map(|_| ())
                } else {
                    Ok(())
                }
            });
            result.err().map(|error| (frame.id, error))
        })
        .collect()
}

/// Two active frames whose payloads overlap, which the reference refuses to open for writing.
#[must_use]
pub fn overlapping_payloads(frames: &[Frame]) -> Option<(u64, u64)> {
    let mut ranges: Vec<_> = frames
        .iter()
        .filter(|frame| {
            frame.status == crate::frame::FrameStatus::Active && frame.payload_length > 0
        })
        .map(|frame| (frame.payload_offset, frame.payload_length, frame.id))
        .collect();
    ranges.sort_unstable();
    ranges.windows(2).find_map(|pair| match pair {
        [(offset, length, first), (next, _, second)] if offset.saturating_add(*length) > *next => {
            Some((*first, *second))
        }
        _ => None,
    })
}
