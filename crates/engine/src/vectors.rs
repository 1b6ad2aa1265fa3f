//! The vectors of a commit, wherever they stand in the file.
//!
//! Ours are private sections in pairs: vectors in a form of the file format, flat or quantised, and codes to search them by (see
//! [`crate::vec_sections`]). Codes are derived: where they are missing or damaged they are made anew in memory. What
//! another program stored since, in whatever form, is added to them; of a frame that has a vector in a section of ours,
//! ours counts.

mod part;

use std::sync::{Arc, OnceLock};

use mv2::bytes::Bytes;
use mv2::toc::SegmentMeta;
use vec::{Codebook, Segment, Source, Verified};

use crate::committed::Committed;
use crate::embedding::names_vector;
use crate::error::{Code, Error, Result};
use crate::foreign_vectors::{self, Gathered};
use crate::quantised;
use crate::vec_sections::{Kind, kind_of};
pub use part::{Form, Part, PartVectors};

/// Bytes of the number of vectors at the front of a flat blob.
pub const COUNT: usize = 8;
/// Bytes in front of the numbers of a vector: its frame, and how many numbers there are.
pub const ENTRY_HEAD: usize = 16;

/// Bytes of one entry of a flat blob.
#[must_use]
pub fn stride(dimension: usize) -> usize {
    ENTRY_HEAD + 4 * dimension
}

/// Whether a vector of another program can stand beside others of `dimension` numbers.
pub fn is_usable(vector: &[f32], dimension: usize) -> bool {
    vector.len() == dimension
        && (1..=vec::MAX_DIMENSION).contains(&dimension)
        && vector.iter().all(|number| number.is_finite())
}

/// Appends an entry of a flat blob.
pub fn write_entry(frame_id: u64, vector: &[f32], out: &mut Vec<u8>) {
    out.extend_from_slice(&frame_id.to_le_bytes());
    out.extend_from_slice(&(vector.len() as u64).to_le_bytes());
    let start = out.len();
    out.resize(start + size_of_val(vector), 0);
    let places = out[start..].as_chunks_mut::<4>().0;
    for (place, number) in places.iter_mut().zip(vector) {
        *place = number.to_le_bytes();
    }
}

/// The numbers in little-endian bytes.
pub fn numbers(bytes: &[u8]) -> impl ExactSizeIterator<Item = f32> {
    let (numbers, _) = bytes.as_chunks::<4>();
    numbers.iter().map(|number| f32::from_le_bytes(*number))
}

/// The frames of entries.
pub fn frames(entries: &[u8], dimension: usize) -> impl Iterator<Item = u64> {
    entries
        .chunks_exact(stride(dimension))
        .filter_map(|entry| number(entry, 0))
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// MV012: the vectors at `offset` cannot be relied on.
#[must_use]
pub fn damaged(offset: u64) -> Error {
    Error::corrupt(
        "vectors",
        offset,
        "they are not what was written; nothing was changed, and words are found as before",
    )
}

/// Number and size of the vectors of a flat blob whose vectors all have one size. Looks at its length and its first entry.
#[must_use]
pub fn uniform(blob: &[u8]) -> Option<(usize, usize)> {
    let count = usize::try_from(number(blob, 0)?).ok()?;
    if count == 0 {
        return None;
    }
    let dimension = usize::try_from(number(blob, COUNT + 8)?).ok()?;
    if dimension == 0 || dimension > vec::MAX_DIMENSION {
        return None;
    }
    let length = count.checked_mul(stride(dimension))?.checked_add(COUNT)?;
    (length == blob.len()).then_some((count, dimension))
}

/// Form, size and entries of a blob that a section of vectors holds.
fn opened(kind: Kind, blob: &Bytes) -> Option<(Form, usize, Bytes)> {
    if kind == Kind::Quantised {
        let (codebook, entries) = quantised::open(blob)?;
        return Some((Form::Quantised(codebook), quantised::DIMENSION, entries));
    }
    let (_, dimension) = uniform(blob)?;
    Some((Form::Flat, dimension, blob.slice(COUNT..blob.len())?))
}

/// Whether these are the bytes of a flat section: entries of one size, numbers that are finite, and ascending frames.
#[must_use]
pub fn is_flat(section: &[u8]) -> bool {
    section == [0; COUNT]
        || uniform(section).is_some_and(|(_, dimension)| {
            section
                .get(COUNT..)
                .is_some_and(|entries| is_in_order(entries, dimension))
        })
}

/// Whether all entries have this size, numbers that are finite, and ascending frames.
#[must_use]
pub fn is_in_order(entries: &[u8], dimension: usize) -> bool {
    let mut previous = None;
    entries.chunks_exact(stride(dimension)).all(|entry| {
        let frame = number(entry, 0);
        let ascends = previous < frame;
        previous = frame;
        ascends
            && number(entry, 8) == Some(dimension as u64)
            && numbers(&entry[ENTRY_HEAD..]).all(f32::is_finite)
    })
}

/// A blob of another program that is damaged.
#[derive(Debug, Clone)]
pub struct Unreadable {
    /// Where it stands.
    pub section: SegmentMeta,
    /// Whether a commit of ours names it, or the lists of the other program do.
    pub is_ours: bool,
}

/// All vectors of a commit.
#[derive(Default)]
pub struct VectorIndex {
    /// From old to new: of a frame in several, the vector in the last one counts.
    parts: Vec<Part>,
    /// Why vectors are missing or not what was stored, one sentence each.
    problems: Vec<String>,
    /// Sections of ours that cannot be read although nobody else wrote since, with their codes where they are named.
    damaged: Vec<(SegmentMeta, Option<SegmentMeta>)>,
    /// Blobs of another program that are damaged.
    unreadable: Vec<Unreadable>,
    /// Numbers of a vector by what the table of contents says.
    named_dimension: Option<usize>,
    /// Whether some are only about what was stored.
    is_approximate: bool,
    /// Whether there are vectors, or ruins of them, that no section of ours holds.
    has_foreign: bool,
    active: OnceLock<u64>,
    lost: OnceLock<u64>,
}

impl VectorIndex {
    /// Finds the vectors of a commit. Takes no time that grows with their number when they are ours.
    pub fn open(committed: &Committed) -> Result<Self> {
        let manifest = committed.tail.indexes.vec.as_ref();
        let mut index = Self {
            named_dimension: manifest.map(|manifest| manifest.dimension as usize),
            ..Self::default()
        };
        index.open_own(committed)?;
        let is_own = |offset: u64, length: u64| {
            let named = index.parts.iter().filter_map(|part| part.sections.as_ref());
            let damaged = index.damaged.iter();
            let unreadable = index.unreadable.iter().map(|blob| &blob.section);
            named
                .map(|(vectors, _)| vectors)
                .chain(damaged.map(|(vectors, _)| vectors))
                .chain(unreadable)
                .any(|section| (section.bytes_offset, section.bytes_length) == (offset, length))
        };
        let gathered = foreign_vectors::gather(committed, &is_own);
        index.add_foreign(gathered)?;
        Ok(index)
    }

    fn open_own(&mut self, committed: &Committed) -> Result<()> {
        let segments = &committed.head.segments;
        let codes_of = |number: u32| {
            segments
                .iter()
                .find(|segment| kind_of(segment.id) == Some((Kind::Codes, number)))
        };
        // After a commit by another program the bytes may have been overwritten; our own commits never do that.
        let is_sound = |segment: &SegmentMeta| {
            committed.directory_is_stored || committed.section_is_intact(segment)
        };
        for vectors in segments {
            let Some((kind, number)) = kind_of(vectors.id).filter(|(kind, _)| *kind != Kind::Codes)
            else {
                continue;
            };
            let blob = committed
                .map
                .section(vectors.bytes_offset, vectors.bytes_length);
            let known = blob.as_ref().and_then(|blob| opened(kind, blob));
            let mut leave_out = |problem: &str| {
                let place = vectors.bytes_offset;
                self.problems
                    .push(format!("the vectors at byte {place} {problem}"));
                // Another program may have lost them; only this one can have written them wrong.
                match codes_of(number).cloned() {
                    _ if !committed.directory_is_stored => {}
                    Some(codes) => self.damaged.push((vectors.clone(), Some(codes))),
                    // Ours have codes.
                    None => self.unreadable.push(Unreadable {
                        section: vectors.clone(),
                        is_ours: true,
                    }),
                }
            };
            let (Some((form, dimension, entries)), true) = (known, is_sound(vectors)) else {
                leave_out("are damaged");
                continue;
            };
            let first = self.parts.first();
            if first.is_some_and(|first| first.dimension != dimension) {
                leave_out("have another size than others");
                continue;
            }
            let mut part = Part {
                entries,
                form,
                codes: Bytes::default(),
                dimension,
                sections: None,
                verified: None,
            };
            let is_of_this_file = |(_, last): (u64, u64)| last < committed.frame_count();
            if !part.frame_range().is_some_and(is_of_this_file) {
                leave_out("are of frames that do not exist");
                continue;
            }
            let codes = codes_of(number).filter(|codes| is_sound(codes));
            let mapped = codes.and_then(|codes| {
                let bytes = committed
                    .map
                    .section(codes.bytes_offset, codes.bytes_length)?;
                let fits = Segment::open(&bytes).is_ok_and(|segment| {
                    segment.count() == part.count()
                        && segment.dimension() == dimension
                        && segment.frame_range() == part.frame_range()
                        && segment.rest_checksum() == part.rest_checksum()
                        // All of them are read by every search: a few milliseconds for a million.
                        && segment.is_intact()
                });
                fits.then_some((bytes, codes))
            });
            match mapped {
                Some((bytes, codes)) => {
                    part.codes = bytes;
                    part.sections = Some((vectors.clone(), codes.clone()));
                    part.verified = Some(Arc::new(Verified::new(part.count())));
                }
                // Without codes that know what the vectors were, their section does.
                None if part.is_in_order() && committed.section_is_intact(vectors) => {
                    part.codes = Bytes::from(part.encode(None)?);
                    // Not registered as a pair any more: the next commit writes it anew.
                    self.has_foreign = true;
                }
                None => {
                    leave_out("are damaged");
                    continue;
                }
            }
            self.parts.push(part);
        }
        Ok(())
    }

    fn add_foreign(&mut self, gathered: Gathered) -> Result<()> {
        self.problems.extend(gathered.problems);
        let others = gathered.unreadable.into_iter();
        self.unreadable.extend(others.map(|section| Unreadable {
            section,
            is_ours: false,
        }));
        if let Some((codebook, entries)) = gathered.quantised {
            return self.add_quantised(codebook, entries);
        }
        let Some((dimension, entries)) = gathered.entries else {
            return Ok(());
        };
        self.add_flat(dimension, entries, gathered.is_approximate)
    }

    /// Quantised vectors of another program: as they are, or those that are not ours beside ours.
    fn add_quantised(&mut self, codebook: Arc<Codebook>, entries: Bytes) -> Result<()> {
        let mut part = Part {
            entries,
            form: Form::Quantised(codebook),
            codes: Bytes::default(),
            dimension: quantised::DIMENSION,
            sections: None,
            verified: None,
        };
        if !self.parts.is_empty() {
            let mut flat = Vec::with_capacity(part.count() * stride(part.dimension));
            for ordinal in 0..part.count() {
                if let (Some(frame), Some(vector)) = (part.frame(ordinal), part.vector(ordinal)) {
                    write_entry(frame, &vector, &mut flat);
                }
            }
            return self.add_flat(part.dimension, Bytes::from(flat), true);
        }
        part.codes = Bytes::from(part.encode(None)?);
        self.has_foreign = true;
        self.is_approximate = true;
        self.parts.push(part);
        Ok(())
    }

    fn add_flat(&mut self, dimension: usize, entries: Bytes, is_approximate: bool) -> Result<()> {
        if self
            .dimension()
            .is_some_and(|expected| expected != dimension)
        {
            self.problems.push(format!(
                "vectors of another program have {dimension} numbers, those of this memory have another number"
            ));
            return Ok(());
        }
        let mut fresh = Vec::new();
        let mut count = 0;
        for entry in entries.chunks_exact(stride(dimension)) {
            let frame = number(entry, 0).unwrap_or_default();
            if self.parts.is_empty() || self.place(frame).is_none() {
                count += 1;
                if !self.parts.is_empty() {
                    fresh.extend_from_slice(entry);
                }
            }
        }
        if count == 0 {
            return Ok(());
        }
        let entries = if self.parts.is_empty() {
            entries
        } else {
            Bytes::from(fresh)
        };
        self.has_foreign = true;
        self.is_approximate = is_approximate;
        let like = self.parts.first().map(Part::segment).transpose()?;
        let part = Part::encoded(entries, dimension, like.as_ref())?;
        self.parts.push(part);
        Ok(())
    }

    /// The parts, from old to new.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// How many vectors there are, whatever became of their frames.
    #[must_use]
    pub fn count(&self) -> usize {
        self.parts.iter().map(Part::count).sum()
    }

    /// Numbers of a vector; `None` without vectors.
    #[must_use]
    pub fn dimension(&self) -> Option<usize> {
        let read = self.parts.first().map(|part| part.dimension);
        // What is damaged binds all the same.
        read.or(self.named_dimension.filter(|_| !self.damaged.is_empty()))
    }

    /// Why vectors are missing or not what was stored.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Sections of ours that cannot be read, with their codes. They are kept for who can repair them.
    #[must_use]
    pub fn damaged(&self) -> &[(SegmentMeta, Option<SegmentMeta>)] {
        &self.damaged
    }

    /// What another program stored and cannot be read. Searches do without it; it is named for as long as it is not
    /// repaired.
    #[must_use]
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// MV012 when anything that is named cannot be read.
    pub fn check_all(&self) -> Result<()> {
        self.check_whole()?;
        match self.unreadable.first() {
            Some(unreadable) => Err(damaged(unreadable.section.bytes_offset)),
            None => Ok(()),
        }
    }

    /// MV012 when sections of ours cannot be read: what is found would lack their frames.
    pub fn check_whole(&self) -> Result<()> {
        match self.damaged.first() {
            Some((section, _)) => Err(damaged(section.bytes_offset)),
            None => Ok(()),
        }
    }

    /// MV012 when there are vectors and none of them can be read: to say that there are none would be wrong.
    pub fn check_readable(&self) -> Result<()> {
        self.check_whole()?;
        match self.problems.first() {
            Some(problem) if self.parts.is_empty() => Err(Error::corrupt("vectors", 0, problem)),
            _ => Ok(()),
        }
    }

    /// Whether there are vectors that no section of ours holds.
    #[must_use]
    pub fn has_foreign(&self) -> bool {
        self.has_foreign
    }

    /// Reads everything; the first thing that does not fit together. Checksums of sections are another check.
    pub fn verify(&self) -> std::result::Result<(), String> {
        for part in &self.parts {
            let segment = part.segment().map_err(|error| error.message)?;
            segment.verify().map_err(|error| error.to_string())?;
            if !(0..part.count()).all(|ordinal| segment.frame(ordinal) == part.frame(ordinal)) {
                return Err("codes are of other frames than their vectors".to_owned());
            }
            if !part.is_in_order() {
                return Err(
                    "vectors are not in the order of their frames, or not finite".to_owned(),
                );
            }
        }
        Ok(())
    }

    /// Whether some vectors are only about what was stored.
    #[must_use]
    pub fn is_approximate(&self) -> bool {
        self.is_approximate
    }

    /// Whether the vectors are left as another program stored them until new ones come: to write down what they are about
    /// would take more space and give nothing. A blob of the quantised form can be ours as it stands.
    #[must_use]
    pub fn stays_foreign(&self) -> bool {
        let mut parts = self.parts.iter();
        self.is_approximate && parts.all(|part| part.sections.is_none() && !part.is_quantised())
    }

    /// What a search looks at; `strided` lends the vectors.
    pub fn sources<'a>(&'a self, strided: &'a [PartVectors<'a>]) -> Result<Vec<Source<'a>>> {
        let pairs = self.parts.iter().zip(strided);
        pairs
            .map(|(part, vectors)| {
                Ok(Source {
                    segment: part.segment()?,
                    vectors,
                    verified: part.verified.as_deref(),
                })
            })
            .collect()
    }

    /// The vectors of all parts.
    #[must_use]
    pub fn strided(&self) -> Vec<PartVectors<'_>> {
        self.parts.iter().map(Part::vectors).collect()
    }

    fn place(&self, frame_id: u64) -> Option<(usize, usize)> {
        let parts = self.parts.iter().enumerate().rev();
        parts
            .filter_map(|(index, part)| Some((index, part.find(frame_id)?)))
            .next()
    }

    /// Whether a frame has a vector.
    #[must_use]
    pub fn contains(&self, frame_id: u64) -> bool {
        self.place(frame_id).is_some()
    }

    /// The vector of a frame. MV012 when it is not what was stored.
    pub fn vector(&self, frame_id: u64) -> Result<Option<Vec<f32>>> {
        let place = self.place(frame_id);
        let found = place.and_then(|(index, ordinal)| Some((self.parts.get(index)?, ordinal)));
        let Some((part, ordinal)) = found else {
            return Ok(None);
        };
        if !part.is_intact(ordinal) {
            let sections = part.sections.as_ref();
            return Err(damaged(
                sections.map_or(0, |(vectors, _)| vectors.bytes_offset),
            ));
        }
        Ok(part.vector(ordinal))
    }

    /// How many vectors belong to frames that are active in the commit. Counted once.
    #[must_use]
    pub fn active(&self, committed: &Committed) -> u64 {
        *self.active.get_or_init(|| {
            let mut count = 0;
            for (index, part) in self.parts.iter().enumerate() {
                let Ok(segment) = part.segment() else {
                    continue;
                };
                let later: Vec<_> = self.parts[index + 1..]
                    .iter()
                    .filter_map(|part| part.segment().ok())
                    .collect();
                for frame in (0..segment.count()).filter_map(|ordinal| segment.frame(ordinal)) {
                    let counts = committed.is_active(frame)
                        && !later.iter().any(|segment| segment.ordinal(frame).is_some());
                    count += u64::from(counts);
                }
            }
            count
        })
    }

    /// How many active frames had a vector that another program lost. Counted once, and not at all while there are as many
    /// vectors as frames that name a model.
    #[must_use]
    pub fn lost(&self, committed: &Committed) -> u64 {
        *self.lost.get_or_init(|| {
            let is_whole = self.problems.is_empty()
                && committed.directory.totals().identified <= self.active(committed);
            if is_whole {
                return 0;
            }
            let lost = (0..committed.frame_count()).filter(|&id| {
                committed.is_active(id)
                    && !self.contains(id)
                    && committed.frame(id).is_ok_and(|view| names_vector(&view))
            });
            lost.count() as u64
        })
    }
}

impl From<vec::Error> for Error {
    fn from(error: vec::Error) -> Self {
        let message = error.to_string();
        match error {
            vec::Error::WrongDimension { expected, actual } => {
                crate::embedding::wrong_dimension(expected, actual, None)
            }
            vec::Error::NotFinite { .. } => Self::new(
                Code::EmbeddingFailed,
                message,
                serde_json::json!({ "reason": "not_finite" }),
            ),
            vec::Error::CorruptSegment { .. } | vec::Error::CorruptVector { .. } => Self::new(
                Code::Corrupt,
                message,
                serde_json::json!({ "section": "vectors" }),
            ),
            vec::Error::UnsupportedDimension { dimension } => Self::invalid(
                "vector",
                format_args!("{dimension} numbers"),
                &format!("1 to {} numbers", vec::MAX_DIMENSION),
            ),
            _ => Self::new(Code::Internal, message, serde_json::Value::Null),
        }
    }
}
