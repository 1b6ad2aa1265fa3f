//! Damage that costs nothing: of what is derived from the rest of a file, of what leads to its last commit, and what a
//! power loss leaves in the log. All of it can be repaired without a loss, and has to be.

use std::ops::Range;
use std::path::Path;

use fastrand::Rng;
use mv2::footer::FOOTER_SIZE;
use mv2::{recover, toc, wal};

use crate::recording::{Event, Watch};

/// Upper half of the number of a section with words.
const WORDS: u64 = 0x4C45_5853;
/// Upper half of the number of a section with codes of vectors.
const CODES: u64 = 0x5645_4343;
/// Most bytes that are changed.
const MOST: usize = 4096;

/// What is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// Documents by time.
    TimeIndex,
    /// What is known of frames without reading them.
    Directory,
    /// A section of the full-text index.
    Words,
    /// Codes of vectors.
    Codes,
    /// Fingerprints of texts.
    Sketches,
    /// The footer of the last commit.
    Footer,
    /// What the header says about the last commit.
    Header,
    /// Bytes behind the last commit.
    Behind,
    /// A record of the log that was not written whole, behind the others.
    TornRecord,
}

impl Damage {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::TimeIndex,
        Self::Directory,
        Self::Words,
        Self::Codes,
        Self::Sketches,
        Self::Footer,
        Self::Header,
        Self::Behind,
        Self::TornRecord,
    ];

    /// Does it to the file at `path`. Nothing happens to a file that has no such part.
    pub fn inflict(self, watch: &Watch, path: &Path, random: &mut Rng) -> Result<(), String> {
        let file = std::fs::read(path).map_err(|error| error.to_string())?;
        let Some((offset, bytes)) = self
            .bytes(&file, random)
            .map_err(|error| error.to_string())?
        else {
            return Ok(());
        };
        watch.mark(Event::Damaged);
        watch
            .damage(path, offset as u64, &bytes)
            .map_err(|error| error.to_string())
    }

    /// What is written, and where.
    fn bytes(self, file: &[u8], random: &mut Rng) -> mv2::error::Result<Option<(usize, Vec<u8>)>> {
        let located = recover::locate(file, Path::new("damage"))?;
        let table = toc::decode(located.toc(file)?)?;
        let place = |offset: u64, length: u64| offset as usize..(offset + length) as usize;
        let sections = |wanted: fn(u64) -> bool| -> Vec<Range<usize>> {
            let segments = table.head.segments.iter();
            segments
                .filter(|segment| wanted(segment.id))
                .map(|segment| place(segment.bytes_offset, segment.bytes_length))
                .collect()
        };
        let footer = located.footer_offset as usize;
        let parts = match self {
            Self::TimeIndex => {
                let index = table.tail.time_index.iter();
                index
                    .map(|index| place(index.bytes_offset, index.bytes_length))
                    .collect()
            }
            Self::Sketches => {
                let track = table.tail.sketch_track.iter();
                track
                    .map(|track| place(track.bytes_offset, track.bytes_length))
                    .collect()
            }
            Self::Directory => sections(|id| id == 0),
            Self::Words => sections(|id| id >> 32 == WORDS),
            Self::Codes => sections(|id| id >> 32 == CODES),
            Self::Footer => std::iter::once(footer..footer + FOOTER_SIZE).collect(),
            // Where nothing tells that it is damaged, it names a commit that is lost.
            Self::Header if mv2::header::toc_length(file).is_none() => Vec::new(),
            Self::Header => std::iter::once(8..16).collect(),
            Self::Behind => {
                let bytes = (0..random.usize(1..2_000)).map(|_| random.u8(..)).collect();
                return Ok(Some((file.len(), bytes)));
            }
            Self::TornRecord => return Ok(torn_record(file, &located.header, random)),
        };
        let Some(part) = random.choice(&parts).filter(|part| !part.is_empty()) else {
            return Ok(None);
        };
        let length = random.usize(1..=part.len().min(MOST));
        let start = part.start + random.usize(0..=part.len() - length);
        let bytes = file.get(start..start + length).unwrap_or_default();
        let bytes = bytes.iter().map(|byte| byte ^ random.u8(1..)).collect();
        Ok(Some((start, bytes)))
    }
}

/// The first bytes of a batch, the header of its first record included. Whoever wrote it had wiped what stood behind.
fn torn_record(
    file: &[u8],
    header: &mv2::header::Header,
    random: &mut Rng,
) -> Option<(usize, Vec<u8>)> {
    let region = wal::region(file, header).ok()?;
    let scan = wal::scan(region, header.wal_sequence);
    let sequence = scan.last_sequence(header.wal_sequence) + 1;
    let payload: Vec<u8> = (0..random.usize(40..400)).map(|_| random.u8(..)).collect();
    let mut batch = wal::encode_batch(sequence, &[payload]);
    let head = usize::try_from(scan.head).ok()?;
    if head + batch.len() > region.len() {
        return None;
    }
    let arrives = random.usize(wal::RECORD_HEADER_SIZE..wal::RECORD_HEADER_SIZE + 30);
    batch.get_mut(arrives..)?.fill(0);
    let written = region.iter().rposition(|byte| *byte != 0);
    let behind_head = written.map_or(0, |last| (last + 1).saturating_sub(head));
    batch.resize(batch.len().max(behind_head), 0);
    Some((header.wal_offset as usize + head, batch))
}
