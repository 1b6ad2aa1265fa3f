//! Keeping the number of full-text sections small: tiers by size, eight of a tier become one of the next.

use mv2::bytes::Bytes;
use mv2::frame::FrameStatus;
use mv2::toc::SegmentMeta;

use crate::committed::section_of;
use crate::error::Result;
use crate::indexing::{Built, index_range};
use crate::lex_sections::{groups, range, write_section};
use crate::output::{self, Output};
use crate::snapshot::Snapshot;

/// Sections of one tier that are merged into one: each document is rewritten once a tier, and a file of n documents
/// has at most 7 · log₈ n sections.
const FAN_IN: usize = 8;

/// A section in the file or still in memory.
pub enum Section {
    /// It stands in the file of the snapshot.
    Stored(SegmentMeta),
    /// It was made for this commit.
    Built(Built),
}

/// Sections over the same frames.
pub struct Group {
    /// The first frame it covers.
    pub from: u64,
    /// The one behind the last.
    pub to: u64,
    /// All of them stand in the file, or there is one that was made.
    pub sections: Vec<Section>,
}

impl Group {
    fn stored(group: &[SegmentMeta]) -> Self {
        let (from, to) = range(group);
        let sections = group.iter().cloned().map(Section::Stored).collect();
        Self { from, to, sections }
    }

    fn built(built: Built) -> Self {
        Self {
            from: built.from,
            to: built.to,
            sections: vec![Section::Built(built)],
        }
    }

    fn tier(&self) -> u32 {
        (self.to - self.from).max(1).ilog2() / 3
    }
}

/// Appends `built` to `sections`, merging where a tier is full, and writes what is new.
pub fn write(
    snapshot: &Snapshot,
    sections: &mut Vec<SegmentMeta>,
    built: Vec<Built>,
    out: &mut Output,
) -> Result<()> {
    let all = settled(snapshot, sections, built, out)?;
    sections.clear();
    for section in all.into_iter().flat_map(|group| group.sections) {
        sections.push(match section {
            Section::Stored(meta) => meta,
            Section::Built(built) => write_section(&built.bytes, built.from, built.to, out)?,
        });
    }
    Ok(())
}

/// The stored `sections` and `built`, merged where a tier is full. `out` is where sections that this very commit wrote go.
pub fn settled(
    snapshot: &Snapshot,
    sections: &[SegmentMeta],
    built: Vec<Built>,
    out: &mut Output,
) -> Result<Vec<Group>> {
    let mut all: Vec<Group> = groups(sections).map(Group::stored).collect();
    settle(snapshot, &mut all, out)?;
    for one in built {
        all.push(Group::built(one));
        settle(snapshot, &mut all, out)?;
    }
    Ok(all)
}

/// Merges while a tier is full.
fn settle(snapshot: &Snapshot, all: &mut Vec<Group>, out: &mut Output) -> Result<()> {
    while let Some(start) = full_tier(all) {
        let merged = merge(snapshot, &all[start..], out)?;
        all.truncate(start);
        all.push(Group::built(merged));
    }
    Ok(())
}

/// Where the trailing run of groups starts that are no larger than the last one's tier, when it is long enough.
fn full_tier(all: &[Group]) -> Option<usize> {
    let tier = all.last()?.tier();
    let run = all
        .iter()
        .rev()
        .take_while(|group| group.tier() <= tier)
        .count();
    (run >= FAN_IN).then(|| all.len() - run)
}

fn merge(snapshot: &Snapshot, part: &[Group], out: &mut Output) -> Result<Built> {
    let map = map_of(snapshot, part, out)?;
    let mut segments = Vec::with_capacity(part.len());
    for group in part {
        for section in &group.sections {
            let bytes = match section {
                Section::Stored(meta) => section_of(&map, meta)?,
                Section::Built(built) => lex::OwnedBytes::new(built.bytes.clone()),
            };
            segments.push((bytes, (group.from, group.to)));
        }
    }
    Ok(Built {
        bytes: merge_or_rebuild(snapshot, segments)?,
        from: part.first().map_or(0, |group| group.from),
        to: part.last().map_or(0, |group| group.to),
        damaged: 0,
    })
}

/// A map that shows all stored sections of `part`: those that this very commit wrote lie behind the map of its base.
fn map_of(snapshot: &Snapshot, part: &[Group], out: &mut Output) -> Result<Bytes> {
    let base = &snapshot.committed;
    let stored =
        part.iter()
            .flat_map(|group| &group.sections)
            .filter_map(|section| match section {
                Section::Stored(meta) => Some(meta.bytes_offset.saturating_add(meta.bytes_length)),
                Section::Built(_) => None,
            });
    if stored.max().unwrap_or(0) <= base.map.len() as u64 {
        return Ok(base.map.clone());
    }
    out.flush()?;
    output::map(&base.storage, output::length(&base.storage)?)
}

/// A segment with the frames that its group covers.
pub type Part = (lex::OwnedBytes, (u64, u64));

/// Merges segments without the removed documents. A group with a damaged one is derived anew from its frames: the index
/// is never the only place where anything is kept.
pub fn merge_or_rebuild(snapshot: &Snapshot, mut parts: Vec<Part>) -> Result<Vec<u8>> {
    // Superseded versions stay findable for `asOf`; removed ones go.
    let keep = |id: u64| {
        snapshot
            .brief(id)
            .is_none_or(|brief| brief.flags.status() != FrameStatus::Deleted as u32)
    };
    let mut left = parts.len();
    loop {
        let segments: Vec<_> = parts.iter().map(|(bytes, _)| bytes.clone()).collect();
        let damaged = match lex::merge(&segments, &keep, &|| {}) {
            Err(lex::Error::CorruptSegment { segment, .. }) if left > 0 => Some(segment),
            // It is one that cannot be merged alone either.
            Err(lex::Error::ImpossibleSegment { .. }) if left > 0 => {
                segments.iter().position(|segment| {
                    lex::merge(std::slice::from_ref(segment), &keep, &|| {}).is_err()
                })
            }
            other => return Ok(other?),
        };
        let range = damaged.and_then(|segment| parts.get(segment));
        // Frames that this very commit brings cannot be read back yet.
        let range = range
            .map(|(_, range)| *range)
            .filter(|(_, to)| *to <= snapshot.committed.frame_count());
        let Some((from, to)) = range else {
            return Ok(lex::merge(&segments, &keep, &|| {})?);
        };
        left -= 1;
        let start = parts.partition_point(|(_, range)| *range < (from, to));
        parts.retain(|(_, range)| *range != (from, to));
        let rebuilt = index_range(&snapshot.committed, from, to)?;
        let rebuilt = rebuilt
            .into_iter()
            .map(|built| (lex::OwnedBytes::new(built.bytes), (from, to)));
        parts.splice(start..start, rebuilt);
    }
}
