//! Full-text sections of a commit: what is new is indexed, and sections that have become many are merged.

use mv2::frame::FrameStatus;
use mv2::toc::{SegmentCompression, SegmentMeta};
use serde_json::Value;

use crate::additions::Addition;
use crate::error::{Code, Error, Result};
use crate::indexing::{Built, SEGMENT_MEMORY, index_range};
use crate::merge;
use crate::output::Output;
use crate::snapshot::Snapshot;

/// From this many new frames on, the full-text segment is built on two threads.
const PARALLEL_FROM: usize = 2000;

/// Indexes what no section covers yet, and merges sections that have become many.
pub fn write(
    snapshot: &Snapshot,
    additions: &[Addition],
    sections: &mut Vec<SegmentMeta>,
    out: &mut Output,
) -> Result<()> {
    let base = &snapshot.committed;
    let first = base.frame_count();
    let covered = sections.last().map_or(0, |section| section.frame_to);
    let uncovered = index_range(base, covered, first)?;
    let half = if additions.len() >= PARALLEL_FROM {
        additions.len() / 2
    } else {
        additions.len()
    };
    let (left, right) = additions.split_at(half);
    let offset = first;
    let blobs = std::thread::scope(|scope| -> Result<Vec<Built>> {
        let second = (!right.is_empty()).then(|| {
            scope.spawn(|| build_sections(snapshot, additions, right, offset + half as u64))
        });
        let mut blobs = uncovered;
        blobs.extend(build_sections(snapshot, additions, left, offset)?);
        if let Some(second) = second {
            let built = second.join().map_err(|_| {
                Error::new(Code::Internal, "indexing stopped unexpectedly", Value::Null)
            })?;
            blobs.extend(built?);
        }
        Ok(blobs)
    })?;
    merge::write(snapshot, sections, blobs, out)
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
    let committed_title;
    let title = match frame.parent_id {
        None => frame.title.as_deref(),
        Some(parent) => match parent.checked_sub(first) {
            Some(index) => all
                .get(index as usize)
                .and_then(|parent| parent.frame.title.as_deref()),
            None => {
                committed_title = snapshot
                    .committed
                    .frame(parent)
                    .ok()
                    .and_then(|view| view.title.map(str::to_owned));
                committed_title.as_deref()
            }
        },
    };
    let boost = frame
        .extra_metadata
        .get(crate::document::BOOST_KEY)
        .and_then(|boost| boost.parse().ok());
    builder.add(&lex::Document {
        frame_id: frame.id,
        title: title.unwrap_or_default(),
        body,
        uri: frame.uri.as_deref().unwrap_or_default(),
        kind: frame.kind.as_deref(),
        track: frame.track.as_deref(),
        tags: &frame.tags,
        labels: &frame.labels,
        timestamp: frame.timestamp,
        boost: boost.unwrap_or(1.0),
    })?;
    Ok(())
}

/// Appends a full-text section and gives its entry; an empty segment takes no bytes.
pub fn write_section(bytes: &[u8], from: u64, to: u64, out: &mut Output) -> Result<SegmentMeta> {
    Ok(SegmentMeta {
        id: 0,
        frame_from: from,
        frame_to: to,
        primary_checksum: *blake3::hash(bytes).as_bytes(),
        bytes_offset: out.write(bytes)?,
        bytes_length: bytes.len() as u64,
        compression: SegmentCompression::None,
    })
}
