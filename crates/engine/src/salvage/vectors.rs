//! Vectors of a damaged file: sections that are intact stay as they are, of others every vector is looked at.
//!
//! A section has one checksum for all its vectors. Which of them are damaged, its codes tell: they have a checksum of each,
//! and of the centroids.

use std::collections::BTreeSet;

use mv2::bytes::Bytes;
use mv2::toc::SegmentMeta;

use super::finding::FindingCode;
use super::survey::Survey;
use super::tables::Table;
use super::vector_segments;
use crate::embedding::names_vector;
use crate::quantised;
use crate::vec_sections::{Kind, entry_of_blob, id_of, kind_of};
use crate::vectors::{COUNT, ENTRY_HEAD, is_flat, numbers, stride, uniform, write_entry};

/// Vectors of one section.
#[derive(Debug, Clone)]
pub struct Blob {
    /// Its entry as it was registered; the place is in the damaged file.
    pub entry: SegmentMeta,
    /// Its codes, if they are intact.
    pub codes: Option<SegmentMeta>,
    /// What is left of it, as a blob of the same kind; `None`: it is intact where it stands.
    pub rescued: Option<Vec<u8>>,
}

impl Blob {
    /// Whether its vectors are quantised.
    pub fn is_quantised(&self) -> bool {
        is_quantised(&self.entry)
    }
}

fn is_quantised(entry: &SegmentMeta) -> bool {
    matches!(kind_of(entry.id), Some((Kind::Quantised, _)))
}

/// The vectors of a file.
#[derive(Debug, Clone, Default)]
pub struct Vectors {
    /// From old to new.
    pub blobs: Vec<Blob>,
    /// Whether vectors of another program, which the tail names, are copied as they are.
    pub keeps_foreign: bool,
}

/// Finds the vectors, and which frames lost theirs.
pub fn gather(survey: &mut Survey, table: &Table) {
    let mut sections = own_sections(survey, table);
    let named = survey.tail.indexes.vec.clone();
    let is_listed = |offset: u64| {
        sections
            .iter()
            .any(|(entry, _)| entry.bytes_offset == offset)
    };
    let is_ours = named
        .as_ref()
        .is_some_and(|named| is_listed(named.bytes_offset));
    // One that is damaged: our base, whose list is lost, or a blob of another program.
    let mut ruin = None;
    if let Some(named) = named.filter(|named| !is_ours && named.bytes_length > COUNT as u64) {
        let bytes = survey.map.section(named.bytes_offset, named.bytes_length);
        let sound = bytes.is_some_and(|bytes| *blake3::hash(&bytes).as_bytes() == named.checksum);
        survey.vectors.keeps_foreign = table.head.is_some() && sound;
        let place = (named.bytes_offset, named.bytes_length);
        let frames = survey.frames.len() as u64;
        ruin = (!survey.vectors.keeps_foreign)
            .then(|| entry_of_blob(Kind::Vectors, frames, place, named.checksum));
    }
    let mut with = BTreeSet::new();
    let mut faulty = false;
    if sections.is_empty() && table.head.is_some() && !survey.vectors.keeps_foreign {
        faulty = vector_segments::gather(survey, ruin, &mut with);
    } else if let Some(ruin) = ruin {
        sections.insert(0, (ruin, None));
    }
    let is_sound = |entry: &SegmentMeta| intact(survey, entry) && are_vectors(survey, entry);
    let sections: Vec<_> = sections
        .into_iter()
        .map(|(entry, codes)| (is_sound(&entry), entry, codes))
        .collect();
    let beside = if sections.iter().all(|(sound, ..)| *sound) {
        Sound::default()
    } else {
        let sound = sections.iter().filter(|(sound, ..)| *sound);
        Sound::of(survey, sound.map(|(_, entry, _)| entry))
    };
    for (sound, entry, codes) in sections {
        let codes_are_sound = codes.as_ref().is_some_and(|codes| intact(survey, codes));
        if sound {
            if codes.is_some() && !codes_are_sound {
                let place = Some(format!("byte {}", entry.bytes_offset));
                let message = "codes of vectors do not match their checksum; the vectors do";
                survey
                    .findings
                    .add(FindingCode::VecCodesDamaged, message, place);
            }
            survey.vectors.blobs.push(Blob {
                entry,
                codes: codes.filter(|_| codes_are_sound),
                rescued: None,
            });
            continue;
        }
        faulty = true;
        let codes = codes.as_ref().filter(|_| codes_are_sound);
        let rescued = match kind_of(entry.id) {
            Some((Kind::Quantised, _)) => rescued_quantised(survey, &entry, codes),
            _ => rescued_flat(survey, &entry, codes, &beside),
        };
        report(survey, &entry, rescued.as_ref());
        if let Some(rescued) = rescued.filter(|rescued| rescued.kept > 0) {
            survey.vectors.blobs.push(Blob {
                entry,
                codes: None,
                rescued: Some(rescued.blob),
            });
        }
    }
    // A damaged table may call a section what it is not.
    if faulty || !table.is_vouched_for {
        survey.lost_vectors = without_vector(survey, with);
    }
}

/// Says that a section is damaged, and what is left of it.
pub fn report(survey: &mut Survey, entry: &SegmentMeta, rescued: Option<&Left>) {
    let (kept, of) = rescued.map_or((0, 0), |rescued| (rescued.kept, rescued.of));
    let is_checked = rescued.is_none_or(|rescued| rescued.is_checked);
    let kind = if is_checked { "intact" } else { "kept" };
    survey.findings.add(
        FindingCode::VecIndexDamaged,
        format!(
            "a section of vectors is not what was written; {kept} of {of} vectors in it are {kind}"
        ),
        Some(format!("byte {}", entry.bytes_offset)),
    );
    if let Some(rescued) = rescued.filter(|_| kept > 0 && !is_checked) {
        let is_quantised = is_quantised(entry);
        survey.findings.add_frames(
            FindingCode::FramesUnchecked,
            "the vectors of {} frames are kept out of a damaged section, and nothing tells whether each is as it was written",
            frames_in(&rescued.blob, is_quantised),
        );
    }
}

/// Whether a section of which the checksum is right holds vectors, too: whoever made it may have put anything there.
fn are_vectors(survey: &Survey, entry: &SegmentMeta) -> bool {
    let is_quantised = is_quantised(entry);
    survey
        .map
        .section(entry.bytes_offset, entry.bytes_length)
        .is_some_and(|bytes| is_quantised || is_flat(&bytes))
}

pub fn intact(survey: &Survey, entry: &SegmentMeta) -> bool {
    survey
        .map
        .section(entry.bytes_offset, entry.bytes_length)
        .is_some_and(|bytes| *blake3::hash(&bytes).as_bytes() == entry.primary_checksum)
}

/// Sections of ours with their codes; without a list, those whose codes are found.
fn own_sections(survey: &Survey, table: &Table) -> Vec<(SegmentMeta, Option<SegmentMeta>)> {
    let Some(head) = &table.head else {
        return found_sections(survey);
    };
    let codes_of = |number: u32| {
        let mut segments = head.segments.iter();
        segments.find(|segment| kind_of(segment.id) == Some((Kind::Codes, number)))
    };
    head.segments
        .iter()
        .filter_map(|segment| match kind_of(segment.id)? {
            (Kind::Codes, _) => None,
            (_, number) => Some((segment.clone(), codes_of(number).cloned())),
        })
        .collect()
}

/// What opening codes reads at most: the header, which holds a number for each dimension.
const LARGEST_HEADER: u64 = 4 * vec::MAX_DIMENSION as u64 + 1024;

/// Flat sections that stand right in front of intact codes of the same frames.
fn found_sections(survey: &Survey) -> Vec<(SegmentMeta, Option<SegmentMeta>)> {
    let map = &survey.map;
    let mut found: Vec<(SegmentMeta, Option<SegmentMeta>)> = Vec::new();
    // Look-alikes are read and hashed, too: together no more than a few times the file.
    let mut budget = (map.len() as u64)
        .saturating_mul(4)
        .saturating_add(64 << 20);
    for at in memchr::memmem::find_iter(map, vec::MAGIC) {
        let Some(length) = map
            .get(at + 16..)
            .and_then(|rest| rest.first_chunk())
            .map(|length| u64::from_le_bytes(*length))
        else {
            continue;
        };
        let Some(bytes) = map.section(at as u64, length) else {
            continue;
        };
        let Some(left) = budget.checked_sub(length.min(LARGEST_HEADER)) else {
            break;
        };
        budget = left;
        let Ok(segment) = vec::Segment::open(&bytes) else {
            continue;
        };
        let blob_length = COUNT + segment.count() * stride(segment.dimension());
        let Some(start) = at.checked_sub(blob_length) else {
            continue;
        };
        let Some(blob) = map.section(start as u64, blob_length as u64) else {
            continue;
        };
        let first = blob.get(COUNT..).and_then(|rest| rest.first_chunk());
        let is_of_these = uniform(&blob) == Some((segment.count(), segment.dimension()))
            && first.map(|first| u64::from_le_bytes(*first)) == segment.frame(0);
        if !is_of_these {
            continue;
        }
        let Some(left) = budget.checked_sub(length.saturating_add(blob_length as u64)) else {
            break;
        };
        budget = left;
        let number = found.len() as u32;
        let entry = |kind: Kind, offset: usize, bytes: &Bytes| SegmentMeta {
            id: id_of(kind, number),
            frame_from: segment.frame(0).unwrap_or(0),
            frame_to: segment.frame_range().map_or(0, |(_, last)| last + 1),
            primary_checksum: *blake3::hash(bytes).as_bytes(),
            compression: mv2::toc::SegmentCompression::None,
            bytes_offset: offset as u64,
            bytes_length: bytes.len() as u64,
        };
        found.push((
            entry(Kind::Vectors, start, &blob),
            Some(entry(Kind::Codes, at, &bytes)),
        ));
    }
    found
}

/// What sections that are sound hold.
#[derive(Default)]
pub struct Sound {
    dimension: Option<usize>,
    frames: BTreeSet<u64>,
}

impl Sound {
    fn of<'a>(survey: &Survey, sections: impl Iterator<Item = &'a SegmentMeta>) -> Self {
        let mut sound = Self::default();
        for entry in sections {
            let Some(bytes) = survey.map.section(entry.bytes_offset, entry.bytes_length) else {
                continue;
            };
            let is_quantised = is_quantised(entry);
            let dimension = if is_quantised {
                Some(quantised::DIMENSION)
            } else {
                uniform(&bytes).map(|(_, dimension)| dimension)
            };
            sound.dimension = sound.dimension.or(dimension);
            sound.frames.extend(frames_in(&bytes, is_quantised));
        }
        sound
    }

    /// Whether what a ruin says of a frame does not count: the frame has a vector, made anew perhaps, or all others have
    /// another size.
    fn has(&self, frame: u64, dimension: usize) -> bool {
        self.frames.contains(&frame) || self.dimension.is_some_and(|sound| sound != dimension)
    }
}

/// What is left of a damaged section.
pub struct Left {
    /// A blob of the same kind.
    pub blob: Vec<u8>,
    /// Vectors in it.
    pub kept: usize,
    /// Vectors that it had.
    of: usize,
    /// Whether a checksum of each says that those that are kept are as they were written.
    is_checked: bool,
}

/// What is left of a flat section.
pub fn rescued_flat(
    survey: &Survey,
    entry: &SegmentMeta,
    codes: Option<&SegmentMeta>,
    beside: &Sound,
) -> Option<Left> {
    let available = (survey.map.len() as u64).saturating_sub(entry.bytes_offset);
    let bytes = survey
        .map
        .section(entry.bytes_offset, entry.bytes_length.min(available))?;
    let codes = codes.and_then(|codes| survey.map.section(codes.bytes_offset, codes.bytes_length));
    let segment = codes
        .as_ref()
        .and_then(|codes| vec::Segment::open(codes).ok());
    let (mut entries, of) = flat_entries(&bytes, entry.bytes_length, segment.as_ref())?;
    let mut is_sound: Vec<bool> = entries
        .iter()
        .map(|(_, vector)| is_finite(vector))
        .collect();
    let segment = segment.filter(|segment| segment.count() == of);
    let is_checked = segment.is_some();
    match segment {
        Some(segment) => {
            let pairs = entries.iter_mut().zip(&mut is_sound);
            for (ordinal, ((frame, vector), is_sound)) in pairs.enumerate() {
                let bytes: Vec<u8> = vector
                    .iter()
                    .flat_map(|number| number.to_le_bytes())
                    .collect();
                *is_sound &= segment.checksum(ordinal) == Some(crc32fast::hash(&bytes));
                // The codes know whose it is, too.
                *frame = segment.frame(ordinal)?;
            }
        }
        // Without codes the frames alone tell: they ascend, and exist.
        None => {
            let mut last = None;
            for ((frame, vector), is_sound) in entries.iter().zip(&mut is_sound) {
                *is_sound &= last < Some(*frame)
                    && *frame < survey.frames.len() as u64
                    && !beside.has(*frame, vector.len())
                    && vector.iter().any(|number| *number != 0.0);
                if *is_sound {
                    last = Some(*frame);
                }
            }
        }
    }
    let mut blob = vec![0; COUNT];
    let mut kept = 0;
    for ((frame, vector), _) in entries.iter().zip(is_sound).filter(|(_, sound)| *sound) {
        if *frame < survey.frames.len() as u64 {
            write_entry(*frame, vector, &mut blob);
            kept += 1;
        }
    }
    blob.splice(..COUNT, (kept as u64).to_le_bytes());
    Some(Left {
        blob,
        kept,
        of,
        is_checked,
    })
}

/// What is left of a quantised section. All vectors need all centroids: without those there are none.
fn rescued_quantised(
    survey: &Survey,
    entry: &SegmentMeta,
    codes: Option<&SegmentMeta>,
) -> Option<Left> {
    let bytes = survey.map.section(entry.bytes_offset, entry.bytes_length)?;
    let of = bytes.len().saturating_sub(quantised::HEAD) / quantised::STRIDE;
    let (codebook, entries) = quantised::open(&bytes)?;
    let codes = codes.and_then(|codes| survey.map.section(codes.bytes_offset, codes.bytes_length));
    let segment = codes
        .as_ref()
        .and_then(|codes| vec::Segment::open(codes).ok())
        .filter(|segment| segment.count() == of);
    let entries: Vec<&[u8]> = entries.chunks_exact(quantised::STRIDE).collect();
    let Some(segment) = segment else {
        return quantised_by_heads(survey, &codebook, &entries);
    };
    let mut kept = Vec::new();
    let mut count = 0;
    if quantised::checksum(&codebook) == segment.rest_checksum() {
        for (ordinal, entry) in entries.iter().enumerate() {
            let code = entry.get(quantised::ENTRY_HEAD..).unwrap_or_default();
            let frame = segment.frame(ordinal)?;
            if segment.checksum(ordinal) == Some(crc32fast::hash(code))
                && frame < survey.frames.len() as u64
            {
                quantised::write_entry(frame, code, &mut kept);
                count += 1;
            }
        }
    }
    let mut blob = quantised::head(&codebook, count);
    blob.append(&mut kept);
    Some(Left {
        blob,
        kept: count,
        of,
        is_checked: true,
    })
}

/// Without codes, an entry is damaged when its head is, or a neighbour's.
fn quantised_by_heads(
    survey: &Survey,
    codebook: &vec::Codebook,
    entries: &[&[u8]],
) -> Option<Left> {
    let of = entries.len();
    let mut last = None;
    let mut heads = Vec::with_capacity(entries.len());
    for entry in entries {
        let number = |at: usize| {
            let bytes = entry.get(at..).and_then(|rest| rest.first_chunk());
            bytes.map(|bytes| u64::from_le_bytes(*bytes))
        };
        let frame = number(0);
        let is_sound = number(8) == Some((quantised::STRIDE - quantised::ENTRY_HEAD) as u64)
            && frame.is_some_and(|frame| frame < survey.frames.len() as u64)
            && last < frame;
        if is_sound {
            last = frame;
        }
        heads.push(is_sound);
    }
    let is_sound = |ordinal: usize| {
        let near = ordinal.saturating_sub(1)..(ordinal + 2).min(heads.len());
        heads
            .get(near)
            .is_some_and(|heads| heads.iter().all(|is_sound| *is_sound))
    };
    let kept: Vec<&[u8]> = entries
        .iter()
        .enumerate()
        .filter(|(ordinal, _)| is_sound(*ordinal))
        .map(|(_, entry)| *entry)
        .collect();
    if !is_sound_codebook(codebook.numbers(), &kept) {
        return Some(Left {
            blob: Vec::new(),
            kept: 0,
            of,
            is_checked: false,
        });
    }
    let mut blob = quantised::head(codebook, kept.len());
    blob.extend(kept.iter().flat_map(|entry| entry.iter()));
    Some(Left {
        blob,
        kept: kept.len(),
        of,
        is_checked: false,
    })
}

/// Whether centroids look like ones: numbers of a size that embeddings have, and none that is used and nothing but zeros
/// (those that no vector needs may be).
fn is_sound_codebook(numbers: &[f32], entries: &[&[u8]]) -> bool {
    const LARGEST: f32 = 1e6;
    if numbers
        .iter()
        .any(|number| number.abs() > LARGEST || !number.is_finite())
    {
        return false;
    }
    let mut zeros = 0;
    for entry in entries {
        let code = entry.get(quantised::ENTRY_HEAD..).unwrap_or_default();
        for (piece, number) in code.iter().enumerate() {
            let start = (piece * vec::CENTROIDS + usize::from(*number)) * vec::PIECE;
            let centroid = numbers.get(start..start + vec::PIECE).unwrap_or_default();
            zeros += u64::from(centroid.iter().all(|number| *number == 0.0));
        }
        // A vector may have four zeros in a row, but not most vectors.
        if zeros > 8 + entries.len() as u64 {
            return false;
        }
    }
    true
}

fn is_finite(vector: &[f32]) -> bool {
    vector.iter().all(|number| number.is_finite())
}

type Entries = Vec<(u64, Vec<f32>)>;

/// Entries of a flat blob of `length` bytes, of which these are left. One that is damaged in front has another size than
/// most, or another frame than its neighbours. Also gives how many there were: those that were cut off count.
fn flat_entries(
    bytes: &Bytes,
    length: u64,
    segment: Option<&vec::Segment<'_>>,
) -> Option<(Entries, usize)> {
    let body = bytes.get(COUNT..)?;
    let dimension = segment
        .map(vec::Segment::dimension)
        .or_else(|| dimension_of(body, length))?;
    let entries = body.chunks_exact(stride(dimension)).map(|entry| {
        let number = |at: usize| {
            let bytes = entry.get(at..).and_then(|rest| rest.first_chunk());
            bytes.map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes))
        };
        let frame = if number(8) == dimension as u64 {
            number(0)
        } else {
            u64::MAX
        };
        (
            frame,
            numbers(entry.get(ENTRY_HEAD..).unwrap_or_default()).collect(),
        )
    });
    let entries: Entries = entries.collect();
    let expected = (length as usize).saturating_sub(COUNT) / stride(dimension);
    let of = expected.max(entries.len());
    Some((entries, of))
}

/// The size that the blob's length and most of its entries agree on.
fn dimension_of(body: &[u8], length: u64) -> Option<usize> {
    let length = usize::try_from(length).ok()?.checked_sub(COUNT)?;
    (1..=vec::MAX_DIMENSION).find(|&dimension| {
        let stride = stride(dimension);
        let names = |entry: &&[u8]| {
            let bytes = entry.get(8..).and_then(|rest| rest.first_chunk());
            bytes.map(|bytes| u64::from_le_bytes(*bytes)) == Some(dimension as u64)
        };
        length % stride == 0 && {
            let count = body.chunks_exact(stride).filter(names).count();
            count * 2 > body.len() / stride
        }
    })
}

/// The frames of the vectors in a blob.
fn frames_in(bytes: &[u8], is_quantised: bool) -> impl Iterator<Item = u64> + '_ {
    let (body, stride) = if is_quantised {
        (bytes.get(quantised::HEAD..), quantised::STRIDE)
    } else {
        let dimension = uniform(bytes).map_or(1, |(_, dimension)| dimension);
        (bytes.get(COUNT..), stride(dimension))
    };
    let entries = body.unwrap_or_default().chunks_exact(stride);
    entries.filter_map(|entry| Some(u64::from_le_bytes(*entry.first_chunk()?)))
}

/// Active frames that name the model of a vector and have none, neither among `with` nor in what is kept.
fn without_vector(survey: &Survey, mut with: BTreeSet<u64>) -> Vec<u64> {
    for blob in &survey.vectors.blobs {
        let stored;
        let bytes: &[u8] = match &blob.rescued {
            Some(bytes) => bytes,
            None => {
                stored = survey
                    .map
                    .section(blob.entry.bytes_offset, blob.entry.bytes_length);
                stored.as_deref().unwrap_or_default()
            }
        };
        with.extend(frames_in(bytes, blob.is_quantised()));
    }
    let lost = survey.frames.iter().flatten().filter(|rescued| {
        let encoded = rescued.frame.to_bytes();
        survey.is_active(rescued.frame.id)
            && !with.contains(&rescued.frame.id)
            && mv2::view::FrameView::parse(&encoded).is_ok_and(|view| names_vector(&view))
    });
    lost.map(|rescued| rescued.frame.id).collect()
}
