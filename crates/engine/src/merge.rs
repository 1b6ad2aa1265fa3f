//! Keeping the number of full-text sections small: tiers by size, eight of a tier become one of the next.

use mv2::frame::FrameStatus;
use mv2::toc::SegmentMeta;

use crate::error::Result;
use crate::indexing::{Built, index_range};
use crate::lex_sections::write_section;
use crate::output::Output;
use crate::snapshot::Snapshot;

/// Sections of one tier that are merged into one: each document is rewritten once a tier, and a file of n documents
/// has at most 7 · log₈ n sections.
const FAN_IN: usize = 8;

/// A section in the file or still in memory.
enum Section {
    Stored(SegmentMeta),
    Built(Built),
}

impl Section {
    fn range(&self) -> (u64, u64) {
        match self {
            Self::Stored(meta) => (meta.frame_from, meta.frame_to),
            Self::Built(built) => (built.from, built.to),
        }
    }

    fn tier(&self) -> u32 {
        let (from, to) = self.range();
        (to - from).max(1).ilog2() / 3
    }
}

/// Appends `built` to `sections`, merging where a tier is full, and writes what is new.
pub fn write(
    snapshot: &Snapshot,
    sections: &mut Vec<SegmentMeta>,
    built: Vec<Built>,
    out: &mut Output,
) -> Result<()> {
    let mut all: Vec<Section> = sections.drain(..).map(Section::Stored).collect();
    for one in built {
        all.push(Section::Built(one));
        while let Some(from) = full_tier(&all) {
            let merged = merge(snapshot, &all[from..])?;
            all.truncate(from);
            all.push(Section::Built(merged));
        }
    }
    for section in all {
        sections.push(match section {
            Section::Stored(meta) => meta,
            Section::Built(built) => write_section(&built.bytes, built.from, built.to, out)?,
        });
    }
    Ok(())
}

/// Where the trailing run of sections starts that are no larger than the last one's tier, when it is long enough.
fn full_tier(all: &[Section]) -> Option<usize> {
    let tier = all.last()?.tier();
    let run = all
        .iter()
        .rev()
        .take_while(|section| section.tier() <= tier)
        .count();
    (run >= FAN_IN).then(|| all.len() - run)
}

fn merge(snapshot: &Snapshot, part: &[Section]) -> Result<Built> {
    let mut bytes = Vec::with_capacity(part.len());
    for section in part {
        bytes.push(match section {
            Section::Stored(meta) => snapshot.committed.section(meta)?,
            Section::Built(built) => lex::OwnedBytes::new(built.bytes.clone()),
        });
    }
    let from = part.first().map_or(0, |section| section.range().0);
    let to = part.last().map_or(0, |section| section.range().1);
    let merged = merge_or_rebuild(snapshot, bytes, |index| part.get(index).map(Section::range))?;
    Ok(Built {
        bytes: merged,
        from,
        to,
    })
}

/// Merges segments without the removed documents. A damaged one is derived anew from its frames: the index is never the
/// only place where anything is kept. `range` tells which frames the segment at an index covers.
pub fn merge_or_rebuild(
    snapshot: &Snapshot,
    mut segments: Vec<lex::OwnedBytes>,
    range: impl Fn(usize) -> Option<(u64, u64)>,
) -> Result<Vec<u8>> {
    // Superseded versions stay findable for `asOf`; removed ones go.
    let keep = |id: u64| {
        snapshot
            .brief(id)
            .is_none_or(|brief| brief.flags.status() != FrameStatus::Deleted as u32)
    };
    for _ in 0..=segments.len() {
        let damaged = match lex::merge(&segments, &keep) {
            Err(lex::Error::CorruptSegment { segment, .. }) => segment,
            other => return Ok(other?),
        };
        let Some((from, to)) = range(damaged) else {
            break;
        };
        let rebuilt = index_range(&snapshot.committed, from, to)?;
        let parts: Vec<_> = rebuilt
            .into_iter()
            .map(|built| lex::OwnedBytes::new(built.bytes))
            .collect();
        let whole = if parts.len() == 1 {
            parts.into_iter().next()
        } else {
            Some(lex::OwnedBytes::new(lex::merge(&parts, &keep)?))
        };
        match (segments.get_mut(damaged), whole) {
            (Some(slot), Some(whole)) => *slot = whole,
            _ => break,
        }
    }
    Ok(lex::merge(&segments, &keep)?)
}
