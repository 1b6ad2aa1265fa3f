//! Joining segments.

use crate::blob::{Entries, pack};
use crate::build::SAMPLE;
use crate::encode::{Blocks, Encoder};
use crate::error::{Error, Result};
use crate::search::Source;
use crate::vectors::{check_finite, numbers};

/// A segment whose average was taken of this much fewer vectors than there are now gets a new one.
const OUTGROWN: u64 = 16;

/// Merges segments, given in the order of their frames, into one.
///
/// Codes and the checksums of vectors are copied as they are. Only codes of segments with another centre than the largest one has are made anew from
/// the vectors; so are all of them when the largest segment's centre was taken of so few vectors that it says little about
/// what there is now: a small number of times in the life of an index. Vectors whose frame `keep` does not want are left
/// out.
///
/// Fails with [`Error::WrongDimension`] when segments have different dimensions, with [`Error::FrameOrder`] when frames do
/// not ascend, and with [`Error::CorruptVector`].
pub fn merge(sources: &[Source<'_>], keep: &dyn Fn(u64) -> bool) -> Result<Vec<u8>> {
    let Some(largest) = sources
        .iter()
        .map(|source| &source.segment)
        .max_by_key(|segment| segment.count())
    else {
        return Err(Error::UnsupportedDimension { dimension: 0 });
    };
    let layout = largest.layout();
    let total: u64 = sources
        .iter()
        .map(|source| source.segment.count() as u64)
        .sum();
    if total > u64::from(u32::MAX) {
        return Err(Error::TooMany { count: total });
    }
    let is_outgrown =
        largest.sample() < SAMPLE as u64 && largest.sample().saturating_mul(OUTGROWN) <= total;
    let mut encoder = if is_outgrown {
        let step = (total as usize).div_ceil(SAMPLE).max(1);
        let mut sample = Vec::new();
        for_each(sources, |source_index, ordinal, number| {
            if number.is_multiple_of(step) {
                sample.extend(read(sources, source_index, ordinal)?);
            }
            Ok(())
        })?;
        Encoder::around(layout, sample.chunks_exact(layout.dimension))
    } else {
        Encoder::new(layout, largest.centre())
    };
    let mut entries = Entries {
        frames: Vec::with_capacity(total as usize),
        checksums: Vec::with_capacity(total as usize),
    };
    let mut blocks = Blocks::new(layout);
    for (source_index, source) in sources.iter().enumerate() {
        let segment = &source.segment;
        if segment.dimension() != layout.dimension {
            return Err(Error::WrongDimension {
                expected: layout.dimension,
                actual: segment.dimension(),
            });
        }
        let fits = !is_outgrown
            && segment.layout() == layout
            && segment.centre_bytes() == largest.centre_bytes();
        let mut run = 0..0;
        for ordinal in 0..segment.count() {
            let frame_id = segment.frame(ordinal).unwrap_or_default();
            if !keep(frame_id) {
                continue;
            }
            if let Some(previous) = entries
                .frames
                .last()
                .copied()
                .filter(|last| *last >= frame_id)
            {
                return Err(Error::FrameOrder { frame_id, previous });
            }
            entries.frames.push(frame_id);
            entries
                .checksums
                .push(segment.checksum(ordinal).unwrap_or_default());
            if !fits {
                let vector = read(sources, source_index, ordinal)?;
                encoder.encode(&vector, &mut blocks);
            } else if run.end == ordinal {
                run.end += 1;
            } else {
                blocks.append_range(segment.blocks(), run);
                run = ordinal..ordinal + 1;
            }
        }
        if fits {
            blocks.append_range(segment.blocks(), run);
        }
    }
    Ok(pack(layout, &encoder.centre, &entries, &blocks.bytes))
}

/// Calls `visit` with source, ordinal and running number of every vector.
fn for_each(
    sources: &[Source<'_>],
    mut visit: impl FnMut(usize, usize, usize) -> Result<()>,
) -> Result<()> {
    let mut number = 0;
    for (source_index, source) in sources.iter().enumerate() {
        for ordinal in 0..source.segment.count() {
            visit(source_index, ordinal, number)?;
            number += 1;
        }
    }
    Ok(())
}

/// One vector, checked.
fn read(sources: &[Source<'_>], source_index: usize, ordinal: usize) -> Result<Vec<f32>> {
    let source = &sources[source_index];
    let corrupt = |problem| Error::CorruptVector {
        source_index,
        ordinal,
        frame_id: source.segment.frame(ordinal).unwrap_or_default(),
        problem,
    };
    let mut buffer = Vec::new();
    let bytes = source
        .vectors
        .vector(ordinal, &mut buffer)
        .ok_or_else(|| corrupt("missing"))?;
    if bytes.len() != 4 * source.segment.dimension() {
        return Err(corrupt("of another length"));
    }
    let vector: Vec<f32> = numbers(bytes).collect();
    check_finite(&vector).map_err(|_| corrupt("not finite"))?;
    Ok(vector)
}
