//! Vectors of pictures: the CLIP index of the file format, which the reference reads too (indexes.md §3.4).
//!
//! The index is one blob of (frame, vector, page), written anew by every commit that brings pictures and left alone by
//! others. A picture on its way there carries its vector among the fields of its frame, under [`VECTOR_KEY`]: so it is in
//! the log with it, durable with one sync and searchable at once, and a commit moves it into the index. Should another
//! program apply the log, the vector stays in the frame, and is found there.
//!
//! The format has one checksum for the whole blob. The frame keeps one of its vector, by which each is found again in a
//! damaged file.

use std::collections::BTreeMap;
use std::sync::Arc;

use memchr::memmem;

use mv2::bytes::Bytes;
use mv2::codec::Reader;
use mv2::frame::{Frame, FrameStatus};
use mv2::toc::ClipIndexManifest;
use mv2::view::FrameView;
use rustc_hash::FxHashSet;
use serde_json::json;
use vec::Hit;

use crate::committed::Committed;
use crate::document::{PreparedDocument, PreparedFrame};
use crate::embedding::{check_vector, wrong_dimension};
use crate::error::{Code, Error, Result};
use crate::meaning::Admitted;
use crate::output::Output;
use crate::pending::Pending;
use crate::snapshot::Snapshot;
use crate::vec_sections::status_after;
use crate::vectors::numbers;

/// The model that made the vector of a picture.
pub const MODEL_KEY: &str = "memvid.clip.model";
/// How many numbers it has. A frame that carries this has, or had, one.
pub const DIMENSION_KEY: &str = "memvid.clip.dimension";
/// CRC-32 of its little-endian bytes.
pub const CHECKSUM_KEY: &str = "memvid.clip.checksum";
/// The vector itself, on its way into the index: its little-endian bytes in hexadecimal digits.
pub const VECTOR_KEY: &str = "memvid.clip.vector";

/// The longest name of a model, in bytes.
const LONGEST_MODEL: usize = 256;
/// Bytes in front of the numbers of an entry: its frame, and how many numbers there are.
const HEAD: usize = 16;

/// What a picture is found by.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Of any length; pictures are compared by direction.
    pub vector: Arc<[f32]>,
    /// The model that made it; all pictures of a file are of one.
    pub model: Arc<str>,
}

impl Picture {
    /// Refuses what cannot be stored or compared. `argument` names the vector in the error.
    pub fn check(&self, argument: &str) -> Result<()> {
        check_vector(&self.vector, argument)?;
        if self.model.trim().is_empty() || self.model.len() > LONGEST_MODEL {
            return Err(Error::invalid(
                &format!("{argument}Model"),
                format_args!("{:?}", self.model),
                "the name of the model, at most 256 bytes",
            ));
        }
        Ok(())
    }

    /// What others have to be to be compared with it.
    #[must_use]
    pub fn kind(&self) -> Kind {
        (Arc::clone(&self.model), self.vector.len())
    }

    /// Enters it among the fields of a frame.
    pub fn write(&self, extra: &mut BTreeMap<String, String>) {
        let bytes: Vec<u8> = self
            .vector
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        let mut digits = String::with_capacity(2 * bytes.len());
        for byte in &bytes {
            for half in [byte >> 4, byte & 15] {
                digits.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
            }
        }
        extra.insert(MODEL_KEY.to_owned(), self.model.to_string());
        extra.insert(DIMENSION_KEY.to_owned(), self.vector.len().to_string());
        let checksum = crc32fast::hash(&bytes);
        extra.insert(CHECKSUM_KEY.to_owned(), checksum.to_string());
        extra.insert(VECTOR_KEY.to_owned(), digits);
    }

    /// The one that a frame carries in its fields.
    #[must_use]
    pub fn of_frame(frame: &Frame) -> Option<Self> {
        Self::read(|key| frame.extra_metadata.get(key).map(String::as_str))
    }

    /// The one that these fields carry.
    pub fn read<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let vector = vector_of(get(VECTOR_KEY)?)?;
        let model = get(MODEL_KEY)?;
        let picture = Self {
            vector: vector.into(),
            model: model.into(),
        };
        // Another program may have written anything.
        picture.check("").is_ok().then_some(picture)
    }
}

fn vector_of(digits: &str) -> Option<Vec<f32>> {
    let (numbers, rest) = digits.as_bytes().as_chunks::<8>();
    let number = |digits: &[u8; 8]| {
        let mut bytes = [0; 4];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
            let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
            *byte = u8::try_from(high? * 16 + low?).ok()?;
        }
        Some(f32::from_le_bytes(bytes))
    };
    rest.is_empty()
        .then(|| numbers.iter().map(number).collect())
        .flatten()
}

/// Model and size of the vectors that a file's pictures have.
pub type Kind = (Arc<str>, usize);

/// MV014 or MV015 for a picture that cannot be compared with those of the file. `index` names its document.
pub fn check_kind(kind: &Kind, picture: &Picture, index: Option<usize>) -> Result<()> {
    check_model(kind, &picture.model)?;
    if picture.vector.len() == kind.1 {
        return Ok(());
    }
    Err(wrong_dimension(kind.1, picture.vector.len(), index))
}

/// MV015 for a vector of another model than those of the file's pictures.
pub fn check_model((expected, _): &Kind, model: &str) -> Result<()> {
    if model == &**expected {
        return Ok(());
    }
    let message =
        format!("the pictures of this memory are embedded with {expected}, and not with {model}");
    let details = json!({ "reason": "other_model", "model": model, "expected": &**expected });
    Err(Error::new(Code::EmbeddingFailed, message, details))
}

/// [`check_kind`] for a batch on top of `snapshot`.
pub fn check_documents(snapshot: &Snapshot, documents: &[PreparedDocument]) -> Result<()> {
    let mut kind: Option<Kind> = None;
    for (index, document) in documents.iter().enumerate() {
        let picture = document.frames.first().and_then(PreparedFrame::picture);
        let Some(picture) = picture else { continue };
        let known = match &kind {
            Some(kind) => kind,
            None => kind.insert(match snapshot.picture_kind()? {
                Some(known) => known,
                None => picture.kind(),
            }),
        };
        check_kind(known, &picture, Some(index))?;
    }
    Ok(())
}

/// MV016: a search among pictures in a file without any.
#[must_use]
pub fn no_pictures(operation: &str) -> Error {
    Error::new(
        Code::Encryption,
        format!("{operation}: no pictures stored yet"),
        json!({ "operation": operation, "reason": "clip", "cause": "empty" }),
    )
}

/// Whether a frame says that it has a picture: one that does and has none has lost it.
#[must_use]
pub fn names_picture(view: &FrameView<'_>) -> bool {
    view.extra_metadata.get(DIMENSION_KEY).is_some()
}

/// What the fields of a frame say of its vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The model that made it.
    pub model: String,
    /// Numbers in it.
    dimension: usize,
    /// CRC-32 of it.
    checksum: u32,
}

impl Said {
    /// Reads the fields; `None` when they say nothing that a vector could be known by.
    pub fn read<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let dimension = get(DIMENSION_KEY)?.parse().ok()?;
        (1..=vec::MAX_DIMENSION)
            .contains(&dimension)
            .then_some(())?;
        Some(Self {
            model: get(MODEL_KEY)?.to_owned(),
            dimension,
            checksum: get(CHECKSUM_KEY)?.parse().ok()?,
        })
    }

    /// [`Said::read`] for a frame.
    #[must_use]
    pub fn of_frame(frame: &Frame) -> Option<Self> {
        Self::read(|key| frame.extra_metadata.get(key).map(String::as_str))
    }

    /// Whether these are the vector's bytes.
    fn is_of(&self, bytes: &[u8]) -> bool {
        bytes.len() == 4 * self.dimension && crc32fast::hash(bytes) == self.checksum
    }
}

/// Looks for the vectors of frames wherever they may stand in a file: in the index, or where one of an earlier commit stood.
/// What is found is as it was written.
pub fn search_file(bytes: &[u8], said: &BTreeMap<u64, Said>) -> BTreeMap<u64, Picture> {
    let mut found = BTreeMap::new();
    // Look-alikes are hashed, too: together no more than a few times the file.
    let mut budget = bytes.len().saturating_mul(4).saturating_add(64 << 20);
    let dimensions: FxHashSet<usize> = said.values().map(|said| said.dimension).collect();
    for dimension in dimensions {
        let length = 4 * dimension;
        for at in places_of(&(dimension as u64).to_le_bytes(), bytes) {
            let Some(frame) = at
                .checked_sub(8)
                .and_then(|start| bytes.get(start..)?.first_chunk())
                .map(|frame| u64::from_le_bytes(*frame))
            else {
                continue;
            };
            let Some(said) = said.get(&frame).filter(|_| !found.contains_key(&frame)) else {
                continue;
            };
            let Some(vector) = bytes.get(at + 8..).and_then(|rest| rest.get(..length)) else {
                continue;
            };
            let Some(left) = budget.checked_sub(length) else {
                return found;
            };
            budget = left;
            if said.is_of(vector) {
                let picture = Picture {
                    vector: numbers(vector).collect(),
                    model: said.model.as_str().into(),
                };
                found.insert(frame, picture);
            }
        }
    }
    found
}

/// Every place at which bytes stand, also where two of them overlap: the end of a frame's number and the beginning of its
/// dimension may look like the dimension.
fn places_of(wanted: &[u8], bytes: &[u8]) -> impl Iterator<Item = usize> {
    let finder = memmem::Finder::new(wanted).into_owned();
    let mut from = 0;
    std::iter::from_fn(move || {
        let at = from + finder.find(bytes.get(from..)?)?;
        from = at + 1;
        Some(at)
    })
}

/// One vector of the index.
struct Entry {
    frame: u64,
    /// Where it stands in the blob.
    place: usize,
    /// The page of a document that it is of; ours are of none.
    page: Option<u32>,
}

/// The pictures of a commit.
#[derive(Default)]
pub struct PictureIndex {
    /// The blob.
    blob: Bytes,
    /// In order of frames.
    entries: Vec<Entry>,
    /// Vectors that another program left in frames, in order of frames.
    in_frames: Vec<(u64, Arc<[f32]>)>,
    kind: Option<Kind>,
}

impl PictureIndex {
    /// Reads and checks the index. MV012 when it is damaged.
    pub fn open(committed: &Committed) -> Result<Self> {
        let mut index = match &committed.tail.indexes.clip {
            Some(manifest) => Self::read(&committed.map, manifest, committed.frame_count())?,
            None => Self::default(),
        };
        if !committed.directory_is_stored {
            index.read_frames(committed)?;
        }
        Ok(index)
    }

    /// Reads and checks the index in a file of so many frames. MV012 when it is damaged.
    pub fn read(map: &Bytes, manifest: &ClipIndexManifest, frame_count: u64) -> Result<Self> {
        let mut index = Self::default();
        if manifest.bytes_length == 0 {
            return Ok(index);
        }
        let offset = manifest.bytes_offset;
        let damaged = |what: &str| Error::corrupt("clip", offset, what);
        let blob = map
            .section(offset, manifest.bytes_length)
            .ok_or_else(|| damaged("the index of pictures lies outside the file"))?;
        if *blake3::hash(&blob).as_bytes() != manifest.checksum {
            return Err(damaged("the index of pictures does not match its checksum"));
        }
        let dimension = manifest.dimension as usize;
        index.entries = entries_of(&blob, dimension)
            .ok_or_else(|| damaged("the index of pictures is not what the file format says"))?;
        index.entries.retain(|entry| entry.frame < frame_count);
        index.entries.sort_by_key(|entry| entry.frame);
        if !index.entries.is_empty() {
            index.kind = Some((manifest.model_name.as_str().into(), dimension));
        }
        index.blob = blob;
        Ok(index)
    }

    /// Looks for vectors that are still in frames: another program applied the log.
    fn read_frames(&mut self, committed: &Committed) -> Result<()> {
        for id in 0..committed.frame_count() {
            // What is damaged is told elsewhere.
            let Ok(view) = committed.frame(id) else {
                continue;
            };
            let Some(picture) = Picture::read(|key| view.extra_metadata.get(key)) else {
                continue;
            };
            let is_known = self.entry(id).is_some();
            let kind = self.kind.get_or_insert_with(|| picture.kind());
            if !is_known && check_kind(kind, &picture, None).is_ok() {
                self.in_frames.push((id, picture.vector));
            }
        }
        committed.check()
    }

    /// Model and size of the vectors of the frames that are `kept`; `None` while there are none.
    pub fn kind(&self, kept: impl Fn(u64) -> bool) -> Option<&Kind> {
        let mut frames = self.frames();
        self.kind.as_ref().filter(|_| frames.any(kept))
    }

    /// Whether there are vectors that a commit is to move into the index.
    #[must_use]
    pub fn has_any_in_frames(&self) -> bool {
        !self.in_frames.is_empty()
    }

    /// The frames with their pictures; of several of a frame the last.
    pub fn pictures(&self) -> impl Iterator<Item = (u64, Picture)> + '_ {
        self.entries.iter().filter_map(|entry| {
            let (model, _) = self.kind.as_ref()?;
            let picture = Picture {
                vector: numbers(self.stored(entry)).collect(),
                model: Arc::clone(model),
            };
            Some((entry.frame, picture))
        })
    }

    /// How many vectors there are, whatever the status of their frames.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.len() + self.in_frames.len()
    }

    /// The frames with a vector, some perhaps more than once, in no order.
    pub fn frames(&self) -> impl Iterator<Item = u64> + '_ {
        let stored = self.entries.iter().map(|entry| entry.frame);
        stored.chain(self.in_frames.iter().map(|(frame, _)| *frame))
    }

    fn dimension(&self) -> usize {
        self.kind.as_ref().map_or(0, |(_, dimension)| *dimension)
    }

    fn entry(&self, frame: u64) -> Option<&Entry> {
        let first = self.entries.partition_point(|entry| entry.frame < frame);
        let entry = self.entries.get(first)?;
        (entry.frame == frame).then_some(entry)
    }

    /// The numbers of an entry, as they are stored.
    fn stored(&self, entry: &Entry) -> &[u8] {
        let start = entry.place + HEAD;
        let end = start + 4 * self.dimension();
        self.blob.get(start..end).unwrap_or_default()
    }

    /// The vector of a frame; the first of several.
    #[must_use]
    pub fn vector(&self, frame: u64) -> Option<Arc<[f32]>> {
        if let Some(entry) = self.entry(frame) {
            return Some(numbers(self.stored(entry)).collect());
        }
        let found = self.in_frames.binary_search_by_key(&frame, |entry| entry.0);
        let (_, vector) = self.in_frames.get(found.ok()?)?;
        Some(Arc::clone(vector))
    }

    /// Frames, of those that are active, that have lost their vector, and those whose vector is not the one that they name.
    pub fn verify(&self, committed: &Committed) -> (Vec<u64>, Vec<u64>) {
        let (mut lost, mut others) = (Vec::new(), Vec::new());
        for id in 0..committed.frame_count() {
            let Ok(view) = committed.frame(id) else {
                continue;
            };
            if view.status != FrameStatus::Active || !names_picture(&view) {
                continue;
            }
            let said = Said::read(|key| view.extra_metadata.get(key));
            match (self.entry(id), said) {
                (Some(entry), Some(said)) if !said.is_of(self.stored(entry)) => others.push(id),
                (None, _) if self.vector(id).is_none() => lost.push(id),
                _ => {}
            }
        }
        (lost, others)
    }
}

/// The entries of a blob; `None` when it is anything else.
fn entries_of(blob: &[u8], dimension: usize) -> Option<Vec<Entry>> {
    let mut reader = Reader::new(blob);
    let count = reader.u64().ok()?;
    // An entry has a frame, a length, its numbers and a mark; nothing is made room for that is not there.
    let least = HEAD.checked_add(dimension.checked_mul(4)?)? + 1;
    let most = blob.len() / least;
    if count == 0 {
        return (reader.position() == blob.len()).then(Vec::new);
    }
    if dimension == 0 || dimension > vec::MAX_DIMENSION || count > most as u64 {
        return None;
    }
    let mut entries = Vec::with_capacity(most);
    for _ in 0..count {
        let place = reader.position();
        let frame = reader.u64().ok()?;
        if reader.u64().ok()? != dimension as u64 {
            return None;
        }
        let vector = reader.take(4 * dimension).ok()?;
        if !numbers(vector).all(f32::is_finite) {
            return None;
        }
        let page = match reader.u8().ok()? {
            0 => None,
            1 => Some(reader.u32().ok()?),
            _ => return None,
        };
        entries.push(Entry { frame, place, page });
    }
    (reader.position() == blob.len()).then_some(entries)
}

/// Pictures on their way into a commit.
#[derive(Default)]
pub struct FreshPictures {
    entries: Vec<(u64, Picture)>,
}

impl FreshPictures {
    /// Takes the vectors out of the frames of a commit on `base`. Where the index is damaged they stay: written over it,
    /// they would hide what is lost, and who repairs it finds them.
    pub fn of<'a>(base: &Committed, frames: impl Iterator<Item = &'a mut Frame>) -> Self {
        let mut taken = Self::default();
        let mut frames = frames
            .filter(|frame| frame.extra_metadata.contains_key(VECTOR_KEY))
            .peekable();
        // Nobody waits for an index to be checked that is not written.
        if frames.peek().is_some() && base.pictures().is_ok() {
            frames.for_each(|frame| taken.take(frame));
        }
        taken
    }

    /// Takes the vector out of the fields of a frame that has its id; what made it stays there.
    pub fn take(&mut self, frame: &mut Frame) {
        let picture = Picture::of_frame(frame);
        let extra = &mut frame.extra_metadata;
        extra.remove(VECTOR_KEY);
        self.entries
            .extend(picture.map(|picture| (frame.id, picture)));
    }

    /// Adds those of another part of the same commit.
    pub fn append(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// An index in the making.
struct Blob {
    bytes: Vec<u8>,
    count: u64,
    kind: Kind,
}

impl Blob {
    fn of(kind: Kind) -> Self {
        Self {
            bytes: vec![0; 8],
            count: 0,
            kind,
        }
    }

    fn push(&mut self, frame: u64, vector: impl Iterator<Item = f32>, page: Option<u32>) {
        self.bytes.extend_from_slice(&frame.to_le_bytes());
        let dimension = self.kind.1 as u64;
        self.bytes.extend_from_slice(&dimension.to_le_bytes());
        for number in vector {
            self.bytes.extend_from_slice(&number.to_le_bytes());
        }
        self.bytes.push(u8::from(page.is_some()));
        if let Some(page) = page {
            self.bytes.extend_from_slice(&page.to_le_bytes());
        }
        self.count += 1;
    }

    /// Those of `pictures` that are of this kind: others were refused before they came here, unless another program wrote
    /// them.
    fn push_all<'a>(&mut self, pictures: impl Iterator<Item = (u64, &'a Picture)>) {
        for (frame, picture) in pictures {
            if picture.kind() == self.kind {
                self.push(frame, picture.vector.iter().copied(), None);
            }
        }
    }

    fn write(mut self, out: &mut Output) -> Result<Option<ClipIndexManifest>> {
        if self.count == 0 {
            return Ok(None);
        }
        self.bytes.splice(..8, self.count.to_le_bytes());
        Ok(Some(ClipIndexManifest {
            bytes_offset: out.write(&self.bytes)?,
            bytes_length: self.bytes.len() as u64,
            vector_count: self.count,
            dimension: self.kind.1 as u32,
            checksum: *blake3::hash(&self.bytes).as_bytes(),
            model_name: self.kind.0.to_string(),
        }))
    }
}

/// Writes an index of these pictures alone. `None`: there are none.
pub fn write_all(
    pictures: &BTreeMap<u64, Picture>,
    out: &mut Output,
) -> Result<Option<ClipIndexManifest>> {
    let Some(kind) = pictures.values().next().map(Picture::kind) else {
        return Ok(None);
    };
    let mut blob = Blob::of(kind);
    blob.push_all(pictures.iter().map(|(frame, picture)| (*frame, picture)));
    blob.write(out)
}

/// Writes the index as it is from now on: what `base` has of frames that are kept, and the fresh ones. `None`: there is
/// nothing in it. An index of `base` that is damaged is no index to write over: MV012.
pub fn write(
    base: &Committed,
    mut fresh: FreshPictures,
    keeps: &dyn Fn(u64) -> bool,
    out: &mut Output,
) -> Result<Option<ClipIndexManifest>> {
    fresh.entries.retain(|(frame, _)| keeps(*frame));
    fresh.entries.sort_by_key(|(frame, _)| *frame);
    let fresh = fresh
        .entries
        .iter()
        .map(|(frame, picture)| (*frame, picture));
    let old = base.pictures()?;
    let kind = old.kind(keeps).cloned();
    let Some(kind) = kind.or_else(|| Some(fresh.clone().next()?.1.kind())) else {
        return Ok(None);
    };
    let mut blob = Blob::of(kind);
    for entry in old.entries.iter().filter(|entry| keeps(entry.frame)) {
        blob.push(entry.frame, numbers(old.stored(entry)), entry.page);
    }
    for (frame, vector) in old.in_frames.iter().filter(|(frame, _)| keeps(*frame)) {
        blob.push(*frame, vector.iter().copied(), None);
    }
    blob.push_all(fresh);
    blob.write(out)
}

/// Whether a frame with this status keeps its picture: old versions do.
#[must_use]
pub fn is_kept(status: u32) -> bool {
    status != FrameStatus::Deleted as u32
}

/// The nearest pictures, nearest first, of equally near ones the older first. The query has the size of the stored vectors.
/// Every vector is compared: a file holds thousands of pictures, where it holds millions of texts.
pub fn nearest(
    snapshot: &Snapshot,
    query: &[f32],
    limit: usize,
    admitted: Admitted<'_>,
) -> Result<Vec<Hit>> {
    let query_square = square_and_product(query.iter().copied(), query).0;
    let hit = |frame_id: u64, (square, product): (f64, f64)| {
        let lengths = (query_square * square).sqrt();
        Hit {
            frame_id,
            similarity: if lengths > 0.0 {
                (product / lengths).clamp(-1.0, 1.0)
            } else {
                0.0
            },
            norm: square.sqrt(),
        }
    };
    let is_admitted = |id: u64| match admitted.committed {
        Some(frames) => {
            frames.contains(id) && admitted.accept_committed.is_none_or(|accept| accept(id))
        }
        None => admitted.accept.is_none_or(|accept| accept(id)),
    };
    let mut near = Vec::new();
    let index = snapshot.committed.pictures()?;
    if index.dimension() == query.len() {
        for entry in index
            .entries
            .iter()
            .filter(|entry| is_admitted(entry.frame))
        {
            let stored = numbers(index.stored(entry));
            near.push(hit(entry.frame, square_and_product(stored, query)));
        }
        for (id, vector) in index.in_frames.iter().filter(|(id, _)| is_admitted(*id)) {
            near.push(hit(*id, square_and_product(vector.iter().copied(), query)));
        }
    }
    for (id, picture) in &snapshot.pending.pictures {
        let vector = &picture.vector;
        if vector.len() == query.len() && admitted.accept.is_none_or(|accept| accept(*id)) {
            near.push(hit(*id, square_and_product(vector.iter().copied(), query)));
        }
    }
    near.sort_by(|left, right| {
        let order = right.similarity.total_cmp(&left.similarity);
        order.then(left.frame_id.cmp(&right.frame_id))
    });
    if index.entries.iter().any(|entry| entry.page.is_some()) {
        // Of several pages of a document the nearest counts.
        let mut seen = FxHashSet::default();
        near.retain(|hit| seen.insert(hit.frame_id));
    }
    near.truncate(limit);
    Ok(near)
}

/// The sum of the squares of a vector, and of its products with the query. Several sums grow side by side.
fn square_and_product(vector: impl Iterator<Item = f32>, query: &[f32]) -> (f64, f64) {
    const LANES: usize = 8;
    let (mut squares, mut products) = ([0.0_f64; LANES], [0.0_f64; LANES]);
    for (at, (number, wanted)) in vector.zip(query).enumerate() {
        let (number, wanted) = (f64::from(number), f64::from(*wanted));
        squares[at % LANES] += number * number;
        products[at % LANES] += number * wanted;
    }
    (squares.iter().sum(), products.iter().sum())
}

impl Pending {
    /// Notes the vector of a picture, if it can be compared with the others: another program may have written anything.
    pub(crate) fn take_picture(&mut self, committed: &Committed, frame: &Frame) {
        let Some(picture) = Picture::of_frame(frame) else {
            return;
        };
        // Of a damaged index nobody can say what is in it.
        let kind = self.picture_kind(committed).ok().flatten();
        if kind.is_none_or(|kind| check_kind(&kind, &picture, None).is_ok()) {
            self.pictures.push_back((frame.id, picture));
        }
    }

    /// See [`Snapshot::picture_kind`].
    fn picture_kind(&self, committed: &Committed) -> Result<Option<Kind>> {
        let keeps = |id| is_kept(status_after(committed, &self.changes, id));
        let index = committed.pictures()?;
        if let Some(kind) = index.kind(keeps) {
            return Ok(Some(kind.clone()));
        }
        let mut kept = self.pictures.iter().filter(|(id, _)| keeps(*id));
        Ok(kept.next().map(|(_, picture)| picture.kind()))
    }
}

impl Snapshot {
    /// Model and size that pictures have to have: those of the pictures that are not removed. `None` while there are none.
    pub fn picture_kind(&self) -> Result<Option<Kind>> {
        self.pending.picture_kind(&self.committed)
    }

    /// How many active frames have a vector of a picture.
    pub fn picture_count(&self) -> Result<u64> {
        let pending = self.pending.pictures.iter().map(|(id, _)| *id);
        let frames: FxHashSet<u64> = self.committed.pictures()?.frames().chain(pending).collect();
        let is_active = |id: &&u64| {
            self.brief(**id)
                .is_some_and(|brief| brief.flags.is_active())
        };
        Ok(frames.iter().filter(is_active).count() as u64)
    }

    /// The picture of a frame, whatever its status.
    pub fn picture(&self, id: u64) -> Result<Option<Picture>> {
        if id >= self.committed.frame_count() {
            let mut pending = self.pending.pictures.iter();
            let found = pending.find(|(frame, _)| *frame == id);
            return Ok(found.map(|(_, picture)| picture.clone()));
        }
        let index = match self.committed.pictures() {
            Ok(index) => index,
            // A damaged index is the business of those that have something in it.
            Err(_) if !names_picture(&self.committed.frame(id)?) => return Ok(None),
            Err(error) => return Err(error),
        };
        let kind = index.kind.as_ref().zip(index.vector(id));
        Ok(kind.map(|((model, _), vector)| Picture {
            vector,
            model: Arc::clone(model),
        }))
    }

    /// Numbers that a search among pictures looks at.
    pub fn picture_numbers(&self) -> Result<usize> {
        let index = self.committed.pictures()?;
        Ok((index.count() + self.pending.pictures.len()) * index.dimension())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_vector_is_found_whatever_the_number_of_its_frame_looks_like() {
        // With 512 numbers, the end of the first of these and the beginning of the dimension look like the dimension.
        for frame in [0x0002_0000_u64, 0x0002_00FF, 3] {
            let vector: Vec<f32> = (0..512).map(|number| number as f32).collect();
            let mut extra = BTreeMap::new();
            let picture = Picture {
                vector: vector.into(),
                model: "m".into(),
            };
            picture.write(&mut extra);
            let said = Said::read(|key| extra.get(key).map(String::as_str)).unwrap();
            let mut blob = Blob::of(picture.kind());
            blob.push(frame, picture.vector.iter().copied(), None);
            let found = search_file(&blob.bytes, &BTreeMap::from([(frame, said)]));
            assert_eq!(found.get(&frame), Some(&picture), "{frame:#x}");
        }
    }
}
