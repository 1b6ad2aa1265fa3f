//! Keeping the number of full-text sections small: tiers by size, eight of a tier become one of the next.

use mv2::frame::FrameStatus;
use mv2::toc::SegmentMeta;

use crate::error::Result;
use crate::lex_sections::{Built, write_section};
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
        match section {
            Section::Stored(meta) => bytes.push(snapshot.committed.section(meta)?),
            Section::Built(built) => bytes.push(lex::OwnedBytes::new(built.bytes.clone())),
        }
    }
    // Superseded versions stay findable for `asOf`; removed ones go.
    let keep = |id: u64| {
        snapshot
            .brief(id)
            .is_none_or(|brief| brief.flags.status() != FrameStatus::Deleted as u32)
    };
    let from = part.first().map_or(0, |section| section.range().0);
    let to = part.last().map_or(0, |section| section.range().1);
    Ok(Built {
        bytes: lex::merge(&bytes, &keep)?,
        from,
        to,
    })
}
