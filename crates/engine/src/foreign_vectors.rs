//! Vectors as the reference stores them: one blob or several segments, flat, as a graph, or quantised.
//!
//! Whatever the manifest says, a blob is what it decodes as (indexes.md §2). A blob whose checksum is wrong is left out:
//! the reference overwrites vectors that its own manifest still names.

use std::sync::Arc;

use mv2::bytes::Bytes;
use mv2::frame::FrameStatus;
use mv2::toc::{SegmentMeta, VectorCompression};
use vec::Codebook;

use crate::committed::Committed;
use crate::quantised;
use crate::vec_sections::{Kind, entry_of_blob};
use crate::vectors::{COUNT, is_in_order, is_usable, numbers, stride, uniform, write_entry};

/// Neighbours of a node in the lowest layer of a graph, and in the others.
const ZERO_NEIGHBOURS: u64 = 32;
const NEIGHBOURS: u64 = 16;
/// Subspaces of the quantised form, and the codes of each.
const SUBSPACES: u64 = 96;
const CENTROIDS: usize = 256;

/// What was found.
#[derive(Default)]
pub struct Gathered {
    /// Size of the vectors, and entries of the flat form in ascending order of frames.
    pub entries: Option<(usize, Bytes)>,
    /// Or centroids, and entries of the quantised form in ascending order of frames.
    pub quantised: Option<(Arc<Codebook>, Bytes)>,
    /// Whether they are only about what was stored.
    pub is_approximate: bool,
    /// What could not be read.
    pub problems: Vec<String>,
    /// Blobs that do not match their checksum and look like vectors: damage, and no loss of the reference.
    pub unreadable: Vec<SegmentMeta>,
}

/// Reads what the commit holds besides the blobs for which `is_own` tells that they are read already.
pub fn gather(committed: &Committed, is_own: &dyn Fn(u64, u64) -> bool) -> Gathered {
    let mut gathered = Gathered::default();
    let tail = &committed.tail;
    let manifest = tail
        .indexes
        .vec
        .as_ref()
        .filter(|manifest| manifest.bytes_length > COUNT as u64);
    if let Some(manifest) = manifest {
        if is_own(manifest.bytes_offset, manifest.bytes_length) {
            return gathered;
        }
        let place = (manifest.bytes_offset, manifest.bytes_length);
        match read(committed, place, &manifest.checksum) {
            Err(problem) => {
                gathered.problems.push(format!(
                    "{problem} ({} vectors of {} numbers)",
                    manifest.vector_count, manifest.dimension
                ));
                let kind = match manifest.compression_mode {
                    VectorCompression::Pq96 => Kind::Quantised,
                    VectorCompression::None => Kind::Vectors,
                };
                let form = (kind, manifest.dimension);
                gathered.leave_out(committed, form, place, manifest.checksum);
            }
            // Segments count only when there is no such blob.
            Ok(blob) => {
                gathered.take(committed, vec![blob]);
                return gathered;
            }
        }
    }
    let mut blobs = Vec::new();
    for segment in &tail.segment_catalog.vec_segments {
        let entry = &segment.entry;
        let place = (entry.bytes_offset, entry.bytes_length);
        if entry.bytes_length <= COUNT as u64 {
            continue;
        }
        match read(committed, place, &entry.checksum) {
            Ok(blob) => blobs.push(blob),
            Err(problem) => {
                let problem = format!("{problem} ({} vectors)", segment.vector_count);
                gathered.problems.push(problem);
                let form = (Kind::Vectors, segment.dimension);
                gathered.leave_out(committed, form, place, entry.checksum);
            }
        }
    }
    if !blobs.is_empty() {
        gathered.take(committed, blobs);
    }
    gathered
}

fn read(
    committed: &Committed,
    (offset, length): (u64, u64),
    checksum: &[u8; 32],
) -> Result<Bytes, String> {
    let blob = committed
        .map
        .section(offset, length)
        .ok_or_else(|| format!("the vectors at byte {offset} lie outside the file"))?;
    if blake3::hash(&blob).as_bytes() != checksum {
        return Err(format!(
            "the vectors at byte {offset} do not match their checksum"
        ));
    }
    Ok(blob)
}

/// Whether bytes are what vectors of so many numbers become when a few of them change: the reference also writes over vectors
/// that it still names, or forgets where they are.
fn look_like(bytes: &Bytes, kind: Kind, dimension: u32) -> bool {
    if kind == Kind::Quantised {
        return quantised::open(bytes).is_some();
    }
    let dimension = dimension as usize;
    if !(1..=vec::MAX_DIMENSION).contains(&dimension) {
        return false;
    }
    let number = |bytes: &[u8], at: usize| {
        let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map(|bytes| u64::from_le_bytes(*bytes))
    };
    let entries = bytes
        .get(COUNT..)
        .unwrap_or_default()
        .chunks_exact(stride(dimension));
    let count = entries.len();
    let named = entries.filter(|entry| number(entry, 8) == Some(dimension as u64));
    let signs = named.count() + usize::from(number(bytes, 0) == Some(count as u64));
    count > 0 && signs * 2 > count || look_like_graph(bytes)
}

/// Whether nodes of a graph stand in front.
fn look_like_graph(bytes: &[u8]) -> bool {
    const LOOKED_AT: usize = 64;
    const NODE: usize = 8 + 8 * ZERO_NEIGHBOURS as usize;
    let nodes = bytes.get(COUNT..).unwrap_or_default().chunks_exact(NODE);
    let nodes = nodes.take(LOOKED_AT);
    let count = nodes.len();
    let is_node = |node: &&[u8]| node.starts_with(&ZERO_NEIGHBOURS.to_le_bytes());
    count == LOOKED_AT && nodes.filter(is_node).count() * 2 > count
}

impl Gathered {
    /// Names a blob that does not match its checksum, if it is damaged. Of very many nobody repairs some.
    fn leave_out(
        &mut self,
        committed: &Committed,
        (kind, dimension): (Kind, u32),
        place: (u64, u64),
        checksum: [u8; 32],
    ) {
        const MOST: usize = 1024;
        let bytes = committed.map.section(place.0, place.1);
        if self.unreadable.len() < MOST
            && bytes.is_some_and(|bytes| look_like(&bytes, kind, dimension))
        {
            let frames = committed.frame_count();
            self.unreadable
                .push(entry_of_blob(kind, frames, place, checksum));
        }
    }

    fn take(&mut self, committed: &Committed, blobs: Vec<Bytes>) {
        if let [blob] = blobs.as_slice()
            && let Some((_, dimension)) = uniform(blob)
            && let Some(entries) = blob.slice(COUNT..blob.len())
            && is_in_order(&entries, dimension)
            && is_within(&entries, stride(dimension), committed.frame_count())
        {
            self.entries = Some((dimension, entries));
            return;
        }
        if let [blob] = blobs.as_slice()
            && let Some((codebook, entries)) = quantised::open(blob)
            && quantised::is_in_order(&entries)
            && is_within(&entries, quantised::STRIDE, committed.frame_count())
        {
            self.quantised = Some((codebook, entries));
            self.is_approximate = true;
            return;
        }
        let mut vectors = Vec::new();
        for blob in &blobs {
            let Some(decoded) = decode(blob) else {
                self.problems
                    .push("a vector index has a form that is not known".to_owned());
                continue;
            };
            self.is_approximate |= decoded.is_approximate;
            vectors.extend(decoded.vectors);
        }
        // A stable sort: of a frame with several vectors the last one counts.
        vectors.sort_by_key(|(frame, _)| *frame);
        let dimension = vectors.first().map_or(0, |(_, vector)| vector.len());
        let total = vectors.len();
        let mut entries = Vec::new();
        let mut count = 0;
        for (index, (frame, vector)) in vectors.iter().enumerate() {
            if vectors
                .get(index + 1)
                .is_some_and(|(next, _)| next == frame)
            {
                count += 1;
                continue;
            }
            let is_usable = is_usable(vector, dimension);
            // The reference leaves vectors of removed frames in its segments.
            let is_removed = committed
                .directory
                .record(*frame)
                .is_none_or(|record| record.flags.status() == FrameStatus::Deleted as u32);
            if is_usable && !is_removed {
                write_entry(*frame, vector, &mut entries);
            }
            count += usize::from(is_usable || is_removed);
        }
        if count < total {
            self.problems.push(format!(
                "{} vectors have another size than the others, or numbers that are not finite",
                total - count
            ));
        }
        if !entries.is_empty() {
            self.entries = Some((dimension, Bytes::from(entries)));
        }
    }
}

/// Whether the last of entries in order is of a frame that exists.
fn is_within(entries: &[u8], stride: usize, frames: u64) -> bool {
    let last = entries.chunks_exact(stride).next_back();
    let id = last.and_then(|entry| entry.first_chunk());
    id.is_some_and(|id| u64::from_le_bytes(*id) < frames)
}

/// Vectors with their frames.
pub struct Decoded {
    /// In the order of the blob.
    pub vectors: Vec<(u64, Vec<f32>)>,
    /// Whether they are only about what was stored.
    pub is_approximate: bool,
}

/// Tries the forms in the order in which the reference does.
pub fn decode(blob: &[u8]) -> Option<Decoded> {
    let exact = |vectors| Decoded {
        vectors,
        is_approximate: false,
    };
    let approximate = |vectors| Decoded {
        vectors,
        is_approximate: true,
    };
    flat(blob)
        .map(exact)
        .or_else(|| graph(blob).map(exact))
        .or_else(|| by_centroids(blob, true).map(approximate))
        .or_else(|| by_centroids(blob, false).map(approximate))
}

/// Reads numbers one after the other. Counts are checked against what is left before they size anything.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(*self.take(8)?.first_chunk()?))
    }

    /// A count of things that take at least `each` bytes.
    fn count(&mut self, each: usize) -> Option<usize> {
        let count = usize::try_from(self.u64()?).ok()?;
        (count.checked_mul(each)? <= self.0.len()).then_some(count)
    }

    fn vector(&mut self) -> Option<Vec<f32>> {
        let count = self.count(4)?;
        Some(numbers(self.take(count * 4)?).collect())
    }
}

fn flat(blob: &[u8]) -> Option<Vec<(u64, Vec<f32>)>> {
    let mut cursor = Cursor(blob);
    let count = cursor.count(16)?;
    let vectors = (0..count)
        .map(|_| Some((cursor.u64()?, cursor.vector()?)))
        .collect::<Option<Vec<_>>>()?;
    cursor.0.is_empty().then_some(vectors)
}

/// A navigable graph keeps the vectors whole beside its links.
fn graph(blob: &[u8]) -> Option<Vec<(u64, Vec<f32>)>> {
    let mut cursor = Cursor(blob);
    let nodes = cursor.count(8 + 8 * ZERO_NEIGHBOURS as usize)?;
    for _ in 0..nodes {
        (cursor.u64()? == ZERO_NEIGHBOURS).then_some(())?;
        cursor.take(8 * ZERO_NEIGHBOURS as usize)?;
    }
    let count = cursor.count(8)?;
    let features = (0..count)
        .map(|_| cursor.vector())
        .collect::<Option<Vec<_>>>()?;
    let layers = cursor.count(8)?;
    for _ in 0..layers {
        let nodes = cursor.count(24 + 8 * NEIGHBOURS as usize)?;
        for _ in 0..nodes {
            cursor.take(16)?;
            (cursor.u64()? == NEIGHBOURS).then_some(())?;
            cursor.take(8 * NEIGHBOURS as usize)?;
        }
    }
    // The state of the random numbers, and how hard the links were searched for.
    cursor.take(32 + 8)?;
    let ids = cursor.count(8)?;
    let ids = (0..ids).map(|_| cursor.u64()).collect::<Option<Vec<_>>>()?;
    cursor.take(4)?;
    (cursor.0.is_empty() && ids.len() == features.len())
        .then(|| ids.into_iter().zip(features).collect())
}

/// Product quantisation keeps of each vector the nearest centroid of each of its pieces.
fn by_centroids(blob: &[u8], names_dimension: bool) -> Option<Vec<(u64, Vec<f32>)>> {
    let mut cursor = Cursor(blob);
    (cursor.u64()? == SUBSPACES).then_some(())?;
    let mut books = Vec::with_capacity(SUBSPACES as usize);
    for _ in 0..SUBSPACES {
        let book = cursor.vector()?;
        (book.len() % CENTROIDS == 0 && !book.is_empty()).then_some(())?;
        books.push(book);
    }
    let dimension: usize = books.iter().map(|book| book.len() / CENTROIDS).sum();
    // The reference stores others whole. A few bytes of codes stand for so many numbers that a blob which names more would
    // take hundreds of times its size of memory.
    (dimension == quantised::DIMENSION).then_some(())?;
    if names_dimension {
        let named = u32::from_le_bytes(*cursor.take(4)?.first_chunk()?);
        (named as usize == dimension).then_some(())?;
    }
    let count = cursor.count(16 + SUBSPACES as usize)?;
    let mut vectors = Vec::with_capacity(count);
    for _ in 0..count {
        let frame = cursor.u64()?;
        (cursor.u64()? == SUBSPACES).then_some(())?;
        let codes = cursor.take(SUBSPACES as usize)?;
        let mut vector = Vec::with_capacity(dimension);
        for (book, code) in books.iter().zip(codes) {
            let length = book.len() / CENTROIDS;
            let start = usize::from(*code) * length;
            vector.extend_from_slice(book.get(start..start + length)?);
        }
        vectors.push((frame, vector));
    }
    cursor.0.is_empty().then_some(vectors)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn flat_blob() -> Vec<u8> {
        let mut blob = 2_u64.to_le_bytes().to_vec();
        write_entry(3, &[1.0, -2.0], &mut blob);
        write_entry(7, &[0.5, 4.0], &mut blob);
        blob
    }

    #[test]
    fn a_flat_blob_is_read_to_its_last_byte() {
        let blob = flat_blob();
        let decoded = decode(&blob).unwrap();
        assert_eq!(decoded.vectors, [(3, vec![1.0, -2.0]), (7, vec![0.5, 4.0])]);
        for length in 0..blob.len() {
            assert!(decode(&blob[..length]).is_none(), "{length} bytes");
        }
        let mut longer = blob;
        longer.push(0);
        assert!(decode(&longer).is_none());
    }

    #[test]
    fn a_graph_of_the_reference_gives_its_vectors() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/fixtures/mv2-index/cli_written_hnsw1000_dim8.bin"
        );
        let Ok(blob) = std::fs::read(path) else {
            println!("skipped: the folder of shared fixtures is not beside the checkout");
            return;
        };
        let decoded = decode(&blob).unwrap();
        assert!(!decoded.is_approximate);
        assert_eq!(decoded.vectors.len(), 1000);
        let frames: std::collections::BTreeSet<u64> =
            decoded.vectors.iter().map(|(frame, _)| *frame).collect();
        assert_eq!(frames.len(), 1000);
        assert!(decoded.vectors.iter().all(|(_, vector)| vector.len() == 8));
        // Wherever it is cut off, it is no index any more.
        for length in (0..blob.len()).step_by(997) {
            assert!(decode(&blob[..length]).is_none(), "{length} bytes");
        }
    }

    #[test]
    fn counts_that_no_bytes_follow_size_nothing() {
        for blob in [
            u64::MAX.to_le_bytes().to_vec(),
            [
                1_u64.to_le_bytes(),
                5_u64.to_le_bytes(),
                u64::MAX.to_le_bytes(),
            ]
            .concat(),
            [SUBSPACES.to_le_bytes(), u64::MAX.to_le_bytes()].concat(),
        ] {
            assert!(decode(&blob).is_none());
        }
    }
}
