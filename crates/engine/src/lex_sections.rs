//! Full-text sections of a commit: what is new is indexed, and sections that have become many are merged.
//!
//! Sections over the same frames are one group: the parts that the lanes of a bulk commit built side by side. A group
//! covers its frames only as a whole.

use mv2::frame::{Frame, FrameRole, FrameStatus};
use mv2::toc::{SegmentCompression, SegmentMeta, TocTail};

use crate::additions::Addition;
use crate::committed::{Committed, decode_frame};
use crate::error::Result;
use crate::indexing::{Built, SEGMENT_MEMORY, index_range};
use crate::merge;
use crate::output::Output;
use crate::snapshot::Snapshot;

/// What the entries of full-text sections have in the upper half of their id.
const TAG: u64 = 0x4C45_5853;

/// Whether a commit declares a full-text index.
#[must_use]
pub fn lex_enabled(committed: &Committed) -> bool {
    declares_lex(&committed.tail)
}

/// Whether a table of contents declares a full-text index.
#[must_use]
pub fn declares_lex(tail: &TocTail) -> bool {
    tail.segment_catalog.lex_enabled
        || tail.indexes.lex.is_some()
        || !tail.indexes.lex_segments.is_empty()
        || !tail.segment_catalog.tantivy_segments.is_empty()
}

/// The id of an entry: part `part` of `parts` of its group.
#[must_use]
pub fn section_id(part: usize, parts: usize) -> u64 {
    TAG << 32 | (parts as u64 & 0xFFFF) << 16 | (part as u64 & 0xFFFF)
}

/// Which part of how many an entry is; `None` for entries of other sections.
#[must_use]
pub fn part_of(id: u64) -> Option<(usize, usize)> {
    (id >> 32 == TAG).then_some(((id & 0xFFFF) as usize, (id >> 16 & 0xFFFF) as usize))
}

/// The groups of sections, in frame order.
pub fn groups(sections: &[SegmentMeta]) -> impl Iterator<Item = &[SegmentMeta]> {
    sections.chunk_by(same_range)
}

/// The frames that a group covers: the first, and the one behind the last.
#[must_use]
pub fn range(group: &[SegmentMeta]) -> (u64, u64) {
    group
        .first()
        .map_or((0, 0), |section| (section.frame_from, section.frame_to))
}

/// Whether two sections belong to one group.
#[must_use]
pub fn same_range(left: &SegmentMeta, right: &SegmentMeta) -> bool {
    (left.frame_from, left.frame_to) == (right.frame_from, right.frame_to)
}

/// Indexes the committed frames that no section covers, up to frame `to`.
pub fn cover(
    base: &Committed,
    to: u64,
    sections: &mut Vec<SegmentMeta>,
    out: &mut Output,
) -> Result<()> {
    let covered = sections.last().map_or(0, |section| section.frame_to);
    for built in undamaged(index_range(base, covered, to)?).0 {
        sections.push(write_section(&built.bytes, built.from, built.to, out)?);
    }
    Ok(())
}

/// The sections in front of the first that lacks a damaged frame, and whether there is one. Such a section is not stored:
/// who indexes its frames anew knows that one is missing, and says so.
fn undamaged(mut built: Vec<Built>) -> (Vec<Built>, bool) {
    let whole = built.iter().take_while(|built| built.damaged == 0).count();
    let is_damaged = whole < built.len();
    built.truncate(whole);
    (built, is_damaged)
}

/// Indexes what no section covers yet, and merges sections that have become many.
pub fn write(
    snapshot: &Snapshot,
    additions: &[Addition],
    sections: &mut Vec<SegmentMeta>,
    out: &mut Output,
) -> Result<()> {
    let built = build(snapshot, additions, sections)?;
    merge::write(snapshot, sections, built, out)
}

/// Sections over the frames that `sections` do not cover, up to the last addition.
pub fn build(
    snapshot: &Snapshot,
    additions: &[Addition],
    sections: &[SegmentMeta],
) -> Result<Vec<Built>> {
    let base = &snapshot.committed;
    let first = base.frame_count();
    let covered = sections.last().map_or(0, |section| section.frame_to);
    let (mut built, is_damaged) = undamaged(index_range(base, covered, first)?);
    if is_damaged {
        return Ok(built);
    }
    built.extend(build_sections(snapshot, additions, additions, first)?);
    Ok(built)
}

fn build_sections(
    snapshot: &Snapshot,
    all: &[Addition],
    part: &[Addition],
    from: u64,
) -> Result<Vec<Built>> {
    let first = snapshot.committed.frame_count();
    let mut built = Vec::new();
    let mut builder = lex::SegmentBuilder::new(SEGMENT_MEMORY)?;
    let mut start = from;
    let mut id = from;
    for addition in part {
        if let Some(body) = addition
            .body
            .as_ref()
            .filter(|_| addition.frame.status != FrameStatus::Deleted)
        {
            add(&mut builder, snapshot, all, first, addition, body)?;
        }
        id += 1;
        if builder.is_full() {
            built.push(Built {
                bytes: builder.finish()?,
                from: start,
                to: id,
                damaged: 0,
            });
            builder = lex::SegmentBuilder::new(SEGMENT_MEMORY)?;
            start = id;
        }
    }
    if start < id {
        built.push(Built {
            bytes: builder.finish()?,
            from: start,
            to: id,
            damaged: 0,
        });
    }
    Ok(built)
}

fn add(
    builder: &mut lex::SegmentBuilder,
    snapshot: &Snapshot,
    all: &[Addition],
    first: u64,
    addition: &Addition,
    body: &str,
) -> Result<()> {
    let frame = &addition.frame;
    let committed;
    let parent = match frame.parent_id {
        None => None,
        Some(parent) => match parent.checked_sub(first) {
            Some(index) => all.get(index as usize).map(|parent| &parent.frame),
            None => {
                let encoded = snapshot.committed.encoded(parent).ok();
                committed = encoded.and_then(|encoded| decode_frame(encoded).ok());
                committed.as_ref()
            }
        },
    };
    builder.add(&document(frame, parent, body))?;
    Ok(())
}

/// The form of a new frame that the full-text index takes. A chunk is found under what its document is called and filed
/// under, but for its uri, which only it has.
#[must_use]
pub fn document<'a>(
    frame: &'a Frame,
    parent: Option<&'a Frame>,
    body: &'a str,
) -> lex::Document<'a> {
    let owner = parent.unwrap_or(frame);
    let boost = frame
        .extra_metadata
        .get(crate::document::BOOST_KEY)
        .and_then(|boost| boost.parse().ok());
    lex::Document {
        frame_id: frame.id,
        title: owner.title.as_deref().unwrap_or_default(),
        body,
        uri: match frame.role {
            FrameRole::DocumentChunk => frame.uri.as_deref(),
            _ => owner.uri.as_deref(),
        }
        .unwrap_or_default(),
        kind: owner.kind.as_deref(),
        track: owner.track.as_deref(),
        tags: &owner.tags,
        labels: &owner.labels,
        timestamp: frame.timestamp,
        boost: boost.unwrap_or(1.0),
    }
}

/// Appends a section of a range of frames and gives its entry, whose id is still to be set.
pub fn write_section(bytes: &[u8], from: u64, to: u64, out: &mut Output) -> Result<SegmentMeta> {
    let offset = out.write(bytes)?;
    Ok(entry(bytes, from, to, offset))
}

/// The entry of a section that stands at `offset`.
#[must_use]
pub fn entry(bytes: &[u8], from: u64, to: u64, offset: u64) -> SegmentMeta {
    SegmentMeta {
        id: 0,
        frame_from: from,
        frame_to: to,
        primary_checksum: *blake3::hash(bytes).as_bytes(),
        bytes_offset: offset,
        bytes_length: bytes.len() as u64,
        compression: SegmentCompression::None,
    }
}
