//! Vector sections of a commit.
//!
//! The *base* holds the vectors of active frames in the flat form of the file format. Its bytes are named twice: by
//! `indexes.vec`, where the reference reads them, and by a private section, which the reference keeps when it writes an
//! index of its own and then loses it. Later commits append *tails*, private sections of the same form, until they are
//! more than a quarter of the base; then all is one base again. Vectors of superseded frames, which only a search of the
//! past looks for, are a tail too when the base is written, so that the reference does not find them. Each of these blobs
//! has a section of codes.
//!
//! The base is quantised when the file is set to that (see [`crate::compression`]); tails are flat. In a quantised base,
//! vectors that come from an older one keep their code as long as the centroids stay.

mod blob;

use std::sync::Arc;

use imbl::HashMap;
use mv2::bytes::Bytes;
use mv2::frame::FrameStatus;
use mv2::toc::{SegmentCompression, SegmentMeta, TocTail, VecIndexManifest, VectorCompression};
use rustc_hash::FxHashSet;

use crate::additions::Addition;
use crate::committed::Committed;
use crate::compression;
use crate::error::Result;
use crate::lex_sections::write_section;
use crate::output::{self, Output};
use crate::pending::StatusChange;
use crate::quantised;
use crate::vectors::{self, COUNT, Form, Part, VectorIndex, write_entry};
pub use blob::Live;
use blob::{live, write_blob};

/// What the entries of our sections have in the upper half of their ids.
const VECTORS_TAG: u64 = 0x5645_4354;
const CODES_TAG: u64 = 0x5645_4343;
const QUANTISED_TAG: u64 = 0x5645_4351;

/// Vectors that take no more than this are written as one base whenever a memory is sealed, bytes: the reference then sees
/// them all.
const SMALL: u64 = 8 << 20;
/// Tails come to one part in this many of the base before they join it; so do removed vectors before they leave it.
const TAIL_SHARE: usize = 4;
/// Quantised vectors from which on what they save is more than their centroids take.
const WORTH_CENTROIDS: usize = 275;

/// What a section of ours holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Vectors in the flat form.
    Vectors,
    /// Vectors in the quantised form.
    Quantised,
    /// Codes of the vectors with the same number.
    Codes,
}

/// Which of our sections an entry is; `None` for others.
#[must_use]
pub fn kind_of(id: u64) -> Option<(Kind, u32)> {
    let number = (id & 0xFFFF_FFFF) as u32;
    match id >> 32 {
        VECTORS_TAG => Some((Kind::Vectors, number)),
        CODES_TAG => Some((Kind::Codes, number)),
        QUANTISED_TAG => Some((Kind::Quantised, number)),
        _ => None,
    }
}

/// The id of an entry of ours.
#[must_use]
pub fn id_of(kind: Kind, number: u32) -> u64 {
    let tag = match kind {
        Kind::Vectors => VECTORS_TAG,
        Kind::Codes => CODES_TAG,
        Kind::Quantised => QUANTISED_TAG,
    };
    tag << 32 | u64::from(number)
}

/// The entry of a blob of another program, which only its place and its checksum are known of, as one of ours.
pub fn entry_of_blob(
    kind: Kind,
    frames: u64,
    place: (u64, u64),
    checksum: [u8; 32],
) -> SegmentMeta {
    SegmentMeta {
        id: id_of(kind, 0),
        frame_from: 0,
        frame_to: frames,
        primary_checksum: checksum,
        compression: SegmentCompression::None,
        bytes_offset: place.0,
        bytes_length: place.1,
    }
}

/// The status that a frame has when `changed` is in force; new frames are active unless it says otherwise.
pub fn status_after(base: &Committed, changed: &HashMap<u64, StatusChange>, id: u64) -> u32 {
    match changed.get(&id) {
        Some(change) => change.status,
        None => base
            .directory
            .record(id)
            .map_or(0, |record| record.flags.status()),
    }
}

/// Vectors that a commit brings.
#[derive(Default)]
pub struct Fresh {
    /// In the order of their frames.
    pub parts: Vec<Part>,
    /// Where the entries of the only part stand already, with room for their number in front.
    pub place: Option<u64>,
}

impl Fresh {
    /// New vectors in the order of their frames, all of one size.
    pub fn of<'a>(
        base: &Committed,
        vectors: impl Iterator<Item = (u64, &'a Arc<[f32]>)>,
    ) -> Result<Self> {
        let mut entries = Vec::new();
        let mut dimension = 0;
        for (frame, vector) in vectors {
            dimension = vector.len();
            write_entry(frame, vector, &mut entries);
        }
        if entries.is_empty() {
            return Ok(Self::default());
        }
        let first = base.vectors()?.parts().first();
        let like = first.map(Part::segment).transpose()?;
        let part = Part::encoded(Bytes::from(entries), dimension, like.as_ref())?;
        Ok(Self {
            parts: vec![part],
            place: None,
        })
    }

    /// The vectors of new frames.
    pub fn of_additions(base: &Committed, additions: &[Addition]) -> Result<Self> {
        let vectors = additions.iter().filter_map(|addition| {
            let vector = addition.vector.as_ref()?;
            (addition.frame.status != FrameStatus::Deleted).then_some((addition.frame.id, vector))
        });
        Self::of(base, vectors)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    fn count(&self) -> usize {
        self.parts.iter().map(Part::count).sum()
    }
}

/// When the base is written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewrite {
    /// When there is much to change.
    WhenMuch,
    /// As well when everything is small.
    WhenSmall,
    /// Into another file.
    Always,
    /// Into another file, with nothing left of removed vectors in what is derived: codes are made around the vectors that
    /// stay, and centroids that none of them needs are left out. MV012 when vectors are damaged: nobody could say whose
    /// those are.
    Thorough,
}

impl Rewrite {
    /// Whether it goes into another file.
    fn is_elsewhere(self) -> bool {
        matches!(self, Self::Always | Self::Thorough)
    }
}

/// What the next table of contents says of vectors.
#[derive(Default)]
pub struct Written {
    manifest: Option<VecIndexManifest>,
    /// Entries of our sections.
    pub sections: Vec<SegmentMeta>,
    /// Whether other lists of vectors stay as they are.
    keeps_others: bool,
}

impl Written {
    /// Enters the vectors where the reference looks for them.
    pub fn apply(&self, tail: &mut TocTail) {
        tail.indexes.vec.clone_from(&self.manifest);
        if !self.keeps_others {
            tail.segment_catalog.vec_segments.clear();
        }
    }

    /// Everything as `base` has it. When the reference wrote an index of its own meanwhile, ours is named again.
    fn carried(base: &Committed, index: &VectorIndex) -> Self {
        let mut written = Self {
            manifest: base.tail.indexes.vec.clone(),
            sections: Vec::new(),
            keeps_others: true,
        };
        for (number, part) in (0..).zip(index.parts()) {
            if let Some((vectors, codes)) = &part.sections {
                written.push(number, &part.form, vectors.clone(), codes.clone());
            }
        }
        for (vectors, codes) in index.damaged() {
            written.push_damaged(vectors.clone(), codes.clone());
        }
        let first = index.parts().first();
        if let Some((part, (vectors, _))) =
            first.and_then(|part| Some((part, part.sections.as_ref()?)))
            && !index.has_foreign()
            && index.damaged().is_empty()
            && written.manifest.is_some()
        {
            let (form, count) = (&part.form, part.count());
            written.manifest = Some(manifest(base, form, part.dimension, count, vectors));
            written.keeps_others = false;
        }
        written
    }

    fn push(&mut self, number: u32, form: &Form, vectors: SegmentMeta, codes: SegmentMeta) {
        let kind = match form {
            Form::Flat => Kind::Vectors,
            Form::Quantised(_) => Kind::Quantised,
        };
        self.push_pair(number, kind, vectors, Some(codes));
    }

    /// Sections that cannot be read: they stay what they were registered as.
    fn push_damaged(&mut self, vectors: SegmentMeta, codes: Option<SegmentMeta>) {
        let kind = kind_of(vectors.id).map_or(Kind::Vectors, |(kind, _)| kind);
        self.push_pair(self.next_number(), kind, vectors, codes);
    }

    fn push_pair(
        &mut self,
        number: u32,
        kind: Kind,
        mut vectors: SegmentMeta,
        codes: Option<SegmentMeta>,
    ) {
        vectors.id = id_of(kind, number);
        self.sections.push(vectors);
        self.sections.extend(codes.map(|mut codes| {
            codes.id = id_of(Kind::Codes, number);
            codes
        }));
    }

    /// Names what another program stored and cannot be read, so that it stays to be seen, and to be repaired: unless its own
    /// lists do, and stay as they are.
    fn name_unreadable(
        &mut self,
        base: &Committed,
        rewrite: Rewrite,
        out: &mut Output,
    ) -> Result<()> {
        let keeps_others = self.keeps_others;
        let unreadable = base.vectors()?.unreadable().iter();
        for unreadable in unreadable.filter(|blob| blob.is_ours || !keeps_others) {
            let section = &unreadable.section;
            let section = if rewrite.is_elsewhere() {
                copy(base, section, out)?
            } else {
                section.clone()
            };
            self.push_damaged(section, None);
        }
        Ok(())
    }

    /// The number behind all that are used.
    fn next_number(&self) -> u32 {
        let numbers = self
            .sections
            .iter()
            .filter_map(|section| kind_of(section.id));
        numbers.map(|(_, number)| number + 1).max().unwrap_or(0)
    }
}

fn manifest(
    base: &Committed,
    form: &Form,
    dimension: usize,
    count: usize,
    vectors: &SegmentMeta,
) -> VecIndexManifest {
    let before = base.tail.indexes.vec.as_ref();
    VecIndexManifest {
        vector_count: count as u64,
        dimension: dimension as u32,
        bytes_offset: vectors.bytes_offset,
        bytes_length: vectors.bytes_length,
        checksum: vectors.primary_checksum,
        compression_mode: match form {
            Form::Flat => VectorCompression::None,
            Form::Quantised(_) => VectorCompression::Pq96,
        },
        model: before.and_then(|manifest| manifest.model.clone()),
    }
}

/// Writes what is new behind what is there. `status` gives the status that a frame has from now on.
pub fn write(
    base: &Committed,
    fresh: Fresh,
    status: &dyn Fn(u64) -> u32,
    rewrite: Rewrite,
    out: &mut Output,
) -> Result<Written> {
    let mut written = write_readable(base, fresh, status, rewrite, out)?;
    written.name_unreadable(base, rewrite, out)?;
    Ok(written)
}

fn write_readable(
    base: &Committed,
    fresh: Fresh,
    status: &dyn Fn(u64) -> u32,
    rewrite: Rewrite,
    out: &mut Output,
) -> Result<Written> {
    let index = base.vectors()?;
    let old = index.parts();
    let is_ours = !index.has_foreign();
    let known = known(base, &fresh.parts, status);
    let status = &known;
    let is_other_size = match (index.dimension(), fresh.parts.first()) {
        (Some(stored), Some(part)) => part.dimension != stored,
        _ => false,
    };
    if is_other_size {
        // Only frames that are active no more have the old ones.
        let parts: Vec<&Part> = fresh.parts.iter().collect();
        return rewritten(base, &parts, status, rewrite, out);
    }
    if rewrite == Rewrite::Thorough {
        index.check_all()?;
    }
    if !index.damaged().is_empty() {
        return preserved(base, index, &fresh, rewrite, out);
    }
    if fresh.parts.is_empty() && (old.is_empty() || index.stays_foreign()) {
        return Ok(Written::carried(base, index));
    }
    if fresh.parts.is_empty()
        && !rewrite.is_elsewhere()
        && let Some(written) = adopt(base, index, out)?
    {
        return Ok(written);
    }
    let added = fresh.count();
    let (tails, removed, bytes) = weigh(old, status)?;
    let first = old.first().map_or(0, Part::count);
    let new_bytes = fresh
        .parts
        .iter()
        .map(|part| part.entries.len())
        .sum::<usize>() as u64;
    let is_small = rewrite == Rewrite::WhenSmall
        && bytes + new_bytes <= SMALL
        && (added > 0 || tails > 0 || removed > 0);
    let dimension = old
        .iter()
        .chain(&fresh.parts)
        .next()
        .map_or(0, |part| part.dimension);
    let is_to_quantise = added > 0
        && !index.is_quantised()
        && compression::is_on(base)
        && compression::is_eligible(dimension, (first + tails + added).saturating_sub(removed));
    let is_due = rewrite.is_elsewhere()
        || !is_ours
        || is_small
        || is_to_quantise
        || (tails + added) * TAIL_SHARE > first
        || removed * TAIL_SHARE > first;
    if !is_due {
        let mut written = Written::carried(base, index);
        if added > 0 {
            let (vectors, codes) = append(&fresh, out)?;
            written.push(old.len() as u32, &Form::Flat, vectors, codes);
        }
        return Ok(written);
    }
    if old.is_empty() && fresh.place.is_some() && !is_to_quantise {
        let (vectors, codes) = append(&fresh, out)?;
        let mut written = Written {
            manifest: Some(manifest(base, &Form::Flat, dimension, added, &vectors)),
            ..Written::default()
        };
        written.push(0, &Form::Flat, vectors, codes);
        return Ok(written);
    }
    let Some(sound) = sound(base, old)? else {
        if rewrite == Rewrite::Thorough {
            let place = old.first().and_then(|part| part.sections.as_ref());
            return Err(vectors::damaged(
                place.map_or(0, |(vectors, _)| vectors.bytes_offset),
            ));
        }
        return preserved(base, index, &fresh, rewrite, out);
    };
    let parts: Vec<&Part> = sound.iter().chain(&fresh.parts).collect();
    rewritten(base, &parts, status, rewrite, out)
}

/// The status of frames that exist or come now. A frame id from disk that is neither is damage and counts as deleted: it
/// must not size anything.
fn known<'a>(
    base: &Committed,
    fresh: &[Part],
    status: &'a dyn Fn(u64) -> u32,
) -> impl Fn(u64) -> u32 + use<'a> {
    let fresh = fresh.iter().filter_map(Part::frame_range);
    let new = fresh.map(|(_, last)| last.saturating_add(1)).max();
    let end = base.frame_count().max(new.unwrap_or(0));
    move |id| {
        if id < end {
            status(id)
        } else {
            FrameStatus::Deleted as u32
        }
    }
}

/// MV012 when vectors are damaged. Reads all of them.
pub fn check_sound(base: &Committed) -> Result<()> {
    let index = base.vectors()?;
    index.check_all()?;
    let sections = index
        .parts()
        .iter()
        .filter_map(|part| part.sections.as_ref());
    for (section, _) in sections {
        if !base.section_is_intact(section) {
            return Err(vectors::damaged(section.bytes_offset));
        }
    }
    Ok(())
}

/// The parts as they can be copied into a section with a checksum of its own: codes that are damaged are made anew.
/// `None` when vectors are damaged: nothing may hide that.
fn sound(base: &Committed, parts: &[Part]) -> Result<Option<Vec<Part>>> {
    let mut sound = Vec::with_capacity(parts.len());
    for part in parts {
        let Some((vectors, codes)) = &part.sections else {
            sound.push(part.clone());
            continue;
        };
        if !base.section_is_intact(vectors) {
            return Ok(None);
        }
        sound.push(if base.section_is_intact(codes) {
            part.clone()
        } else {
            part.with_new_codes()?
        });
    }
    Ok(Some(sound))
}

/// Every part as it is, under the checksum that it was written with, so that damage stays to be seen; what is new comes
/// behind.
fn preserved(
    base: &Committed,
    index: &VectorIndex,
    fresh: &Fresh,
    rewrite: Rewrite,
    out: &mut Output,
) -> Result<Written> {
    let mut written = if rewrite.is_elsewhere() {
        copied(base, index, out)?
    } else {
        Written::carried(base, index)
    };
    if !fresh.is_empty() {
        let (vectors, codes) = append(fresh, out)?;
        written.push(written.next_number(), &Form::Flat, vectors, codes);
    }
    Ok(written)
}

fn copied(base: &Committed, index: &VectorIndex, out: &mut Output) -> Result<Written> {
    let mut written = Written::default();
    for (number, part) in (0..).zip(index.parts()) {
        let (vectors, codes) = match &part.sections {
            Some((vectors, codes)) => (copy(base, vectors, out)?, copy(base, codes, out)?),
            None => {
                let parts = [part];
                let live = live(&parts, &|_| FrameStatus::Active as u32)?;
                write_blob(&parts, &live, &part.form, Rewrite::Always, out)?
            }
        };
        if number == 0 {
            let (form, count) = (&part.form, part.count());
            written.manifest = Some(manifest(base, form, part.dimension, count, &vectors));
        }
        written.push(number, &part.form, vectors, codes);
    }
    for (vectors, codes) in index.damaged() {
        let codes = codes.as_ref().map(|codes| copy(base, codes, out));
        let place = vectors.bytes_offset;
        let vectors = copy(base, vectors, out)?;
        let named = base.tail.indexes.vec.as_ref();
        if let Some(named) = named.filter(|named| named.bytes_offset == place) {
            written.manifest = Some(VecIndexManifest {
                bytes_offset: vectors.bytes_offset,
                ..named.clone()
            });
        }
        written.push_damaged(vectors, codes.transpose()?);
    }
    Ok(written)
}

fn copy(base: &Committed, section: &SegmentMeta, out: &mut Output) -> Result<SegmentMeta> {
    let bytes = base.section(section)?;
    Ok(SegmentMeta {
        bytes_offset: out.write(&bytes)?,
        ..section.clone()
    })
}

/// Writes new vectors: in place of those that the same frames have, or of all there are.
pub fn replace(
    base: &Committed,
    fresh: &[Part],
    replaces_all: bool,
    status: &dyn Fn(u64) -> u32,
    out: &mut Output,
) -> Result<Written> {
    let index = base.vectors()?;
    let old = if replaces_all { &[] } else { index.parts() };
    let known = known(base, fresh, status);
    let is_whole = replaces_all || index.damaged().is_empty();
    let sound = sound(base, old)?.filter(|_| is_whole);
    let mut written = match sound {
        Some(sound) => {
            let parts: Vec<&Part> = sound.iter().chain(fresh).collect();
            rewritten(base, &parts, &known, Rewrite::WhenMuch, out)?
        }
        None => {
            let fresh = Fresh {
                parts: fresh.to_vec(),
                place: None,
            };
            preserved(base, index, &fresh, Rewrite::WhenMuch, out)?
        }
    };
    // Where every document has a vector again, nothing is left to be repaired.
    let lacks_any = || {
        let made: FxHashSet<u64> = fresh
            .iter()
            .flat_map(|part| (0..part.count()).filter_map(|ordinal| part.frame(ordinal)))
            .collect();
        let has = |id: u64| made.contains(&id) || index.contains(id);
        (0..base.frame_count()).any(|id| known(id) == FrameStatus::Active as u32 && !has(id))
    };
    if !replaces_all && !index.unreadable().is_empty() && lacks_any() {
        written.name_unreadable(base, Rewrite::WhenMuch, out)?;
    }
    Ok(written)
}

/// Vectors behind the base, removed ones in it, and bytes of all.
fn weigh(parts: &[Part], status: &dyn Fn(u64) -> u32) -> Result<(usize, usize, u64)> {
    let mut removed = 0;
    let mut tails = 0;
    let mut bytes = 0;
    for (index, part) in parts.iter().enumerate() {
        bytes += part.entries.len() as u64;
        let segment = part.segment()?;
        let frames = (0..segment.count()).filter_map(|ordinal| segment.frame(ordinal));
        if index == 0 {
            removed = frames
                .filter(|frame| status(*frame) != FrameStatus::Active as u32)
                .count();
        } else {
            // What was superseded stays a tail when the base is written.
            tails += frames
                .filter(|frame| status(*frame) != FrameStatus::Superseded as u32)
                .count();
        }
    }
    Ok((tails, removed, bytes))
}

/// Registers a sound blob of the reference, flat or quantised, as ours, where it stands.
fn adopt(base: &Committed, index: &VectorIndex, out: &mut Output) -> Result<Option<Written>> {
    let ([part], Some(manifest), true) = (
        index.parts(),
        base.tail.indexes.vec.as_ref(),
        index.has_foreign(),
    ) else {
        return Ok(None);
    };
    let blob = base
        .map
        .section(manifest.bytes_offset, manifest.bytes_length);
    let is_it = blob.is_some_and(|blob| {
        let head = match part.form {
            Form::Flat => COUNT,
            Form::Quantised(_) => quantised::HEAD,
        };
        blob.len() == head + part.entries.len()
            && blob.get(head..).map(<[u8]>::as_ptr) == Some(part.entries.as_ptr())
    });
    if !is_it {
        return Ok(None);
    }
    let vectors = SegmentMeta {
        bytes_offset: manifest.bytes_offset,
        bytes_length: manifest.bytes_length,
        primary_checksum: manifest.checksum,
        ..entry(part)
    };
    let codes = write_section(&part.codes, vectors.frame_from, vectors.frame_to, out)?;
    let mut written = Written {
        manifest: Some(manifest.clone()),
        ..Written::default()
    };
    written.push(0, &part.form, vectors, codes);
    Ok(Some(written))
}

/// Writes new vectors as one blob with its codes, or finishes the one that stands already.
fn append(fresh: &Fresh, out: &mut Output) -> Result<(SegmentMeta, SegmentMeta)> {
    if let (Some(place), [part]) = (fresh.place, fresh.parts.as_slice()) {
        let count = (part.count() as u64).to_le_bytes();
        out.flush()?;
        output::write_at(out.storage(), place, &count)?;
        let length = (COUNT + part.entries.len()) as u64;
        let vectors = SegmentMeta {
            bytes_offset: place,
            bytes_length: length,
            // Of a map, every page that was read would count as memory of the process.
            primary_checksum: output::hash(out.storage(), place, length)?,
            ..entry(part)
        };
        let codes = write_section(&part.codes, vectors.frame_from, vectors.frame_to, out)?;
        return Ok((vectors, codes));
    }
    let parts: Vec<&Part> = fresh.parts.iter().collect();
    let live = live(&parts, &|_| FrameStatus::Active as u32)?;
    write_blob(&parts, &live, &Form::Flat, Rewrite::WhenMuch, out)
}

/// One base of everything that is active, and a tail of what is superseded.
fn rewritten(
    base: &Committed,
    parts: &[&Part],
    status: &dyn Fn(u64) -> u32,
    rewrite: Rewrite,
    out: &mut Output,
) -> Result<Written> {
    let (active, kept): (Vec<Live>, Vec<Live>) = live(parts, status)?
        .into_iter()
        .partition(|live| status(live.frame) == FrameStatus::Active as u32);
    let mut written = Written::default();
    let dimension = parts.first().map_or(0, |part| part.dimension);
    let mut number = 0;
    let form = compression::form_of(parts, &active, compression::is_on(base))?;
    if !active.is_empty() {
        let (vectors, codes) = write_blob(parts, &active, &form, rewrite, out)?;
        let count = active.len();
        written.manifest = Some(manifest(base, &form, dimension, count, &vectors));
        written.push(number, &form, vectors, codes);
        number += 1;
    }
    if !kept.is_empty() {
        // A blob of few takes less without centroids.
        let form = match form {
            Form::Quantised(_) if kept.len() >= WORTH_CENTROIDS => form,
            _ => Form::Flat,
        };
        let (vectors, codes) = write_blob(parts, &kept, &form, rewrite, out)?;
        written.push(number, &form, vectors, codes);
    }
    Ok(written)
}

fn entry(part: &Part) -> SegmentMeta {
    let (from, to) = part.frame_range().unwrap_or_default();
    SegmentMeta {
        id: 0,
        frame_from: from,
        frame_to: to + 1,
        primary_checksum: [0; 32],
        compression: SegmentCompression::None,
        bytes_offset: 0,
        bytes_length: 0,
    }
}

/// Bytes of the sections that are named a second time, by `indexes.vec`.
#[must_use]
pub fn named_twice(base: &Committed) -> u64 {
    let Some(manifest) = &base.tail.indexes.vec else {
        return 0;
    };
    let segments = &base.head.segments;
    let is_named = segments.iter().any(|segment| {
        kind_of(segment.id).is_some() && segment.bytes_offset == manifest.bytes_offset
    });
    if is_named { manifest.bytes_length } else { 0 }
}
