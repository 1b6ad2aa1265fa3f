//! A blob of the vectors that stay, out of those of several others, and its codes.

use mv2::frame::FrameStatus;
use mv2::toc::{SegmentCompression, SegmentMeta};
use vec::{Codebook, FrameSet, Source};

use super::Rewrite;
use crate::compression;
use crate::error::Result;
use crate::lex_sections::write_section;
use crate::output::Output;
use crate::quantised;
use crate::vectors::{Form, Part, write_entry};

/// Vectors that are brought into another form together.
const CONVERTED_TOGETHER: usize = 8192;

/// A vector that stays, and where it is.
#[derive(Clone, Copy)]
pub struct Live {
    /// Whose it is.
    pub frame: u64,
    /// Place of its part in the list of parts.
    pub part: u32,
    /// Its place in the part.
    pub ordinal: u32,
}

/// The vectors that stay, in the order of their frames.
pub(super) fn live(parts: &[&Part], status: &dyn Fn(u64) -> u32) -> Result<Vec<Live>> {
    let mut all = Vec::with_capacity(parts.iter().map(|part| part.count()).sum());
    for (number, part) in (0..).zip(parts) {
        let segment = part.segment()?;
        for ordinal in 0..segment.count() {
            let frame = segment.frame(ordinal).unwrap_or(u64::MAX);
            if status(frame) != FrameStatus::Deleted as u32 {
                all.push(Live {
                    frame,
                    part: number,
                    ordinal: ordinal as u32,
                });
            }
        }
    }
    // Stable: of a frame in several parts the newest is the last.
    all.sort_by_key(|live| live.frame);
    let mut kept: Vec<Live> = Vec::with_capacity(all.len());
    for live in all {
        match kept.last_mut() {
            Some(last) if last.frame == live.frame => *last = live,
            _ => kept.push(live),
        }
    }
    Ok(kept)
}

/// Writes the vectors of `live`, which stand in `parts`, and their codes. Gives where both are.
pub(super) fn write_blob(
    parts: &[&Part],
    live: &[Live],
    form: &Form,
    rewrite: Rewrite,
    out: &mut Output,
) -> Result<(SegmentMeta, SegmentMeta)> {
    let dimension = parts.first().map_or(0, |part| part.dimension);
    let head = match form {
        Form::Flat => (live.len() as u64).to_le_bytes().to_vec(),
        Form::Quantised(codebook) if rewrite == Rewrite::Thorough => {
            quantised::head(&used_only(codebook, parts, live, form)?, live.len())
        }
        Form::Quantised(codebook) => quantised::head(codebook, live.len()),
    };
    let mut hasher = blake3::Hasher::new();
    hasher.update(&head);
    let offset = out.write(&head)?;
    // What is kept by the same numbers is copied.
    let is_copied: Vec<bool> = parts.iter().map(|part| part.form.is_like(form)).collect();
    let all_copied = is_copied.iter().all(|is_copied| *is_copied);
    // Codes of flat vectors that are copied know these already.
    let computes = !all_copied || matches!(form, Form::Quantised(_));
    let mut checksums = Vec::with_capacity(if computes { live.len() } else { 0 });
    let mut write = |bytes: &[u8]| {
        hasher.update(bytes);
        if computes {
            let entries = bytes.chunks_exact(form.stride(dimension));
            checksums.extend(entries.map(|entry| form.checksum(entry)));
        }
        out.write(bytes).map(drop)
    };
    if all_copied {
        copy_runs(parts, live, &mut write)?;
    } else {
        for some in live.chunks(CONVERTED_TOGETHER) {
            write(&converted(parts, &is_copied, some, form)?)?;
        }
    }
    let vectors = SegmentMeta {
        id: 0,
        frame_from: live.first().map_or(0, |live| live.frame),
        frame_to: live.last().map_or(0, |live| live.frame + 1),
        primary_checksum: *hasher.finalize().as_bytes(),
        compression: SegmentCompression::None,
        bytes_offset: offset,
        bytes_length: (head.len() + live.len() * form.stride(dimension)) as u64,
    };
    let mut codes = if rewrite == Rewrite::Thorough {
        new_codes(parts, live)?
    } else {
        codes_of(parts, live)?
    };
    if computes {
        let rest = match form {
            Form::Flat => 0,
            Form::Quantised(codebook) => quantised::checksum(codebook),
        };
        vec::set_checksums(&mut codes, &checksums, rest)?;
    }
    let codes = write_section(&codes, vectors.frame_from, vectors.frame_to, out)?;
    Ok((vectors, codes))
}

/// The codebook without the centroids that no vector of `live` is kept by: one may be a removed vector itself.
fn used_only(codebook: &Codebook, parts: &[&Part], live: &[Live], form: &Form) -> Result<Codebook> {
    let mut is_used = vec![false; codebook.pieces() * vec::CENTROIDS];
    let mut mark = |code: &[u8]| {
        for (piece, number) in code.iter().enumerate() {
            if let Some(used) = is_used.get_mut(piece * vec::CENTROIDS + usize::from(*number)) {
                *used = true;
            }
        }
    };
    let is_copied: Vec<bool> = parts.iter().map(|part| part.form.is_like(form)).collect();
    for some in live.chunks(CONVERTED_TOGETHER) {
        let entries = converted(parts, &is_copied, some, form)?;
        for entry in entries.chunks_exact(quantised::STRIDE) {
            mark(entry.get(quantised::ENTRY_HEAD..).unwrap_or_default());
        }
    }
    let mut numbers = codebook.numbers().to_vec();
    for (centroid, is_used) in numbers.chunks_exact_mut(vec::PIECE).zip(is_used) {
        if !is_used {
            centroid.fill(0.0);
        }
    }
    Ok(Codebook::new(&numbers)?)
}

/// Writes entries as they are.
fn copy_runs(
    parts: &[&Part],
    live: &[Live],
    write: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let follows = |left: &Live, right: &Live| {
        left.part == right.part && left.ordinal.checked_add(1) == Some(right.ordinal)
    };
    for run in live.chunk_by(follows) {
        let Some((first, part)) = run
            .first()
            .and_then(|first| Some((first, parts.get(first.part as usize)?)))
        else {
            continue;
        };
        let start = first.ordinal as usize * part.stride();
        let end = start + run.len() * part.stride();
        write(part.entries.get(start..end).unwrap_or_default())?;
    }
    Ok(())
}

/// Entries in another form than some of the parts have; those of the others are copied.
fn converted(parts: &[&Part], is_copied: &[bool], live: &[Live], form: &Form) -> Result<Vec<u8>> {
    let of = |live: &Live| {
        let part = live.part as usize;
        let is_copied = is_copied.get(part).copied().unwrap_or(false);
        parts.get(part).map(|part| (*part, is_copied))
    };
    let mut numbers = Vec::new();
    for live in live {
        if let Some((part, false)) = of(live) {
            part.read(live.ordinal as usize, &mut numbers);
        }
    }
    let dimension = parts.first().map_or(1, |part| part.dimension);
    let codes = match form {
        Form::Flat => Vec::new(),
        Form::Quantised(codebook) => codebook.encode(&numbers, compression::threads())?,
    };
    let mut vectors = numbers.chunks_exact(dimension);
    let mut codes = codes.chunks_exact(dimension.div_ceil(vec::PIECE));
    let mut entries = Vec::with_capacity(live.len() * form.stride(dimension));
    for live in live {
        let Some((part, is_copied)) = of(live) else {
            continue;
        };
        if is_copied {
            let start = live.ordinal as usize * part.stride();
            let entry = part.entries.get(start..start + part.stride());
            entries.extend_from_slice(entry.unwrap_or_default());
            continue;
        }
        match form {
            Form::Flat => {
                write_entry(live.frame, vectors.next().unwrap_or_default(), &mut entries);
            }
            Form::Quantised(_) => {
                let code = codes.next().unwrap_or_default();
                quantised::write_entry(live.frame, code, &mut entries);
            }
        }
    }
    Ok(entries)
}

/// Codes of what stays, around the average of what stays.
fn new_codes(parts: &[&Part], live: &[Live]) -> Result<Vec<u8>> {
    let dimension = parts.first().map_or(1, |part| part.dimension);
    fill(vec::SegmentBuilder::new(dimension)?, parts, live)
}

fn fill(mut builder: vec::SegmentBuilder, parts: &[&Part], live: &[Live]) -> Result<Vec<u8>> {
    for live in live {
        if let Some(vector) = parts
            .get(live.part as usize)
            .and_then(|part| part.vector(live.ordinal as usize))
        {
            builder.add(live.frame, &vector)?;
        }
    }
    Ok(builder.finish())
}

/// Codes of what stays: copied where segments follow each other, else made anew.
fn codes_of(parts: &[&Part], live: &[Live]) -> Result<Vec<u8>> {
    let strided: Vec<_> = parts.iter().map(|part| part.vectors()).collect();
    let mut sources = Vec::with_capacity(parts.len());
    for (part, vectors) in parts.iter().zip(&strided) {
        sources.push(Source {
            segment: part.segment()?,
            vectors,
            verified: None,
        });
    }
    let mut previous = None;
    let follow_each_other = sources
        .iter()
        .filter_map(|source| source.segment.frame_range())
        .all(|(first, last)| {
            let follows = previous < Some(first);
            previous = Some(last);
            follows
        });
    if follow_each_other {
        let frames: FrameSet = live.iter().map(|live| live.frame).collect();
        return Ok(vec::merge(&sources, &|frame| frames.contains(frame))?);
    }
    let largest = sources
        .iter()
        .map(|source| &source.segment)
        .max_by_key(|segment| segment.count());
    let builder = match largest {
        Some(segment) => vec::SegmentBuilder::like(segment),
        None => vec::SegmentBuilder::new(1)?,
    };
    fill(builder, parts, live)
}
