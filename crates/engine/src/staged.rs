//! Vectors that wait in the file to take the place of those in force.
//!
//! Whoever makes the vectors of a memory anew, perhaps of another size, stores them slice by slice. No search looks at
//! them. They are private sections, which every commit, a rewrite of the file and other programs carry along; one commit
//! makes them the vectors in force and drops the sections.
//!
//! A section, integers little-endian:
//!
//! | offset | size | field                                                          |
//! |-------:|-----:|----------------------------------------------------------------|
//! |      0 |    8 | magic, `VECSTGv1`                                              |
//! |      8 |    4 | length of what made the vectors                                |
//! |     12 |    … | what made them: JSON of provider, model, dimension, normalized |
//! |      … |    … | the vectors in the flat form of the file format                |

use mv2::bytes::Bytes;
use mv2::toc::SegmentMeta;
use serde_json::{Value, json};

use crate::committed::Committed;
use crate::embedding::Identity;
use crate::error::Result;
use crate::lex_sections::write_section;
use crate::output::Output;
use crate::vectors::{COUNT, Part, is_in_order, stride, uniform, write_entry};

const MAGIC: &[u8; 8] = b"VECSTGv1";
/// What the entries of these sections have in the upper half of their ids.
pub const TAG: u64 = 0x5645_4353;
/// Magic, and the length behind it.
const HEAD: usize = 12;

/// Whether an entry of the table of contents names vectors that wait.
#[must_use]
pub fn is_staged(segment: &SegmentMeta) -> bool {
    segment.id >> 32 == TAG
}

/// The number of an entry as one of vectors that wait.
fn with_tag(id: u64) -> u64 {
    TAG << 32 | id & 0xFFFF_FFFF
}

/// Whether these bytes are a section of vectors that wait.
fn is_slice(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// One section.
pub struct Slice {
    /// Its entry.
    pub segment: SegmentMeta,
    /// What made its vectors; with their number of numbers.
    pub identity: Identity,
    /// Numbers of a vector.
    pub dimension: usize,
    /// Entries of the flat form, in the order of their frames.
    pub entries: Bytes,
}

impl Slice {
    fn open(committed: &Committed, segment: &SegmentMeta) -> Option<Self> {
        let bytes = committed
            .map
            .section(segment.bytes_offset, segment.bytes_length)?;
        if !is_slice(&bytes) {
            return None;
        }
        let length = u32::from_le_bytes(*bytes.get(8..HEAD)?.first_chunk()?);
        let start = HEAD.checked_add(usize::try_from(length).ok()?)?;
        let identity: Value = serde_json::from_slice(bytes.get(HEAD..start)?).ok()?;
        let blob = bytes.slice(start..bytes.len())?;
        let (_, dimension) = uniform(&blob)?;
        Some(Self {
            segment: segment.clone(),
            identity: Identity::of_value(&identity),
            dimension,
            entries: blob.slice(COUNT..blob.len())?,
        })
    }

    /// The frames that have a vector here.
    pub fn frames(&self) -> impl Iterator<Item = u64> {
        crate::vectors::frames(&self.entries, self.dimension)
    }

    /// The vectors with codes of their own.
    pub fn part(&self, like: Option<&vec::Segment<'_>>) -> Result<Part> {
        Part::encoded(self.entries.clone(), self.dimension, like)
    }
}

/// All vectors that wait in a commit and are as they were written.
pub struct Staged {
    /// From old to new: all with one identity and size.
    pub slices: Vec<Slice>,
}

impl Staged {
    /// Finds them. What is damaged, or was made by something else than the newest slice, counts as not there.
    #[must_use]
    pub fn open(committed: &Committed) -> Self {
        // After a commit by another program the bytes may have been overwritten; our own commits never do that.
        let segments = committed
            .head
            .segments
            .iter()
            .filter(|segment| is_staged(segment))
            .filter(|segment| {
                committed.directory_is_stored || committed.section_is_intact(segment)
            });
        let mut slices: Vec<Slice> = segments
            .filter_map(|segment| Slice::open(committed, segment))
            .collect();
        if let Some((identity, dimension)) = slices
            .last()
            .map(|slice| (slice.identity.clone(), slice.dimension))
        {
            slices.retain(|slice| slice.identity == identity && slice.dimension == dimension);
        }
        Self { slices }
    }

    /// [`Staged::open`] when every byte counts: what does not match its checksum is left out.
    #[must_use]
    pub fn checked(committed: &Committed) -> Self {
        let mut staged = Self::open(committed);
        staged.slices.retain(|slice| {
            committed.section_is_intact(&slice.segment)
                && is_in_order(&slice.entries, slice.dimension)
        });
        staged
    }

    /// What made them; `None` when there are none.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.slices.last().map(|slice| &slice.identity)
    }

    /// Numbers of a vector; `None` when there are none.
    #[must_use]
    pub fn dimension(&self) -> Option<usize> {
        self.slices.last().map(|slice| slice.dimension)
    }

    /// The frames that have a vector, ascending, each once.
    #[must_use]
    pub fn frames(&self) -> Vec<u64> {
        let mut frames: Vec<u64> = self.slices.iter().flat_map(Slice::frames).collect();
        frames.sort_unstable();
        frames.dedup();
        frames
    }

    /// As `stats()` shows them; null when there are none.
    #[must_use]
    pub fn to_value(&self) -> Value {
        self.identity().map_or(Value::Null, |identity| {
            let bytes: u64 = self
                .slices
                .iter()
                .map(|slice| slice.segment.bytes_length)
                .sum();
            json!({
                "identity": identity.to_value(),
                "count": self.frames().len(),
                "bytes": bytes,
            })
        })
    }
}

/// Writes every slice anew, without the vectors that `keeps` does not want, and gives the entries. What is damaged is left
/// out: it would be made again anyway.
pub fn kept(
    base: &Committed,
    keeps: &dyn Fn(u64) -> bool,
    out: &mut Output,
) -> Result<Vec<SegmentMeta>> {
    let mut segments = Vec::new();
    for slice in Staged::checked(base).slices {
        let stride = stride(slice.dimension);
        let mut entries = Vec::with_capacity(slice.entries.len());
        let mut count = 0_u64;
        for (frame, entry) in slice.frames().zip(slice.entries.chunks_exact(stride)) {
            if keeps(frame) {
                entries.extend_from_slice(entry);
                count += 1;
            }
        }
        if count == 0 {
            continue;
        }
        let bytes = encode(&slice.identity, count, &entries);
        let (from, to) = (slice.segment.frame_from, slice.segment.frame_to);
        let mut segment = write_section(&bytes, from, to, out)?;
        segment.id = with_tag(segments.len() as u64);
        segments.push(segment);
    }
    Ok(segments)
}

/// The bytes of a slice.
fn encode(identity: &Identity, count: u64, entries: &[u8]) -> Vec<u8> {
    let described = identity.to_value().to_string().into_bytes();
    let mut bytes = Vec::with_capacity(HEAD + described.len() + COUNT + entries.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&(described.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&described);
    bytes.extend_from_slice(&count.to_le_bytes());
    bytes.extend_from_slice(entries);
    bytes
}

/// Writes one more slice and gives the entries of all of them: those before it stay when they are of the same make.
/// `vectors` are in the order of their frames.
pub fn write<'a>(
    base: &Committed,
    identity: &Identity,
    vectors: impl Iterator<Item = (u64, &'a [f32])>,
    out: &mut Output,
) -> Result<Vec<SegmentMeta>> {
    let mut entries = Vec::new();
    let (mut from, mut to, mut count, mut dimension) = (u64::MAX, 0, 0_u64, 0);
    for (frame, vector) in vectors {
        write_entry(frame, vector, &mut entries);
        from = from.min(frame);
        to = frame + 1;
        count += 1;
        dimension = vector.len();
    }
    let identity = Identity {
        dimension: Some(dimension as u64),
        ..identity.clone()
    };
    let mut segments: Vec<SegmentMeta> = Staged::open(base)
        .slices
        .into_iter()
        .filter(|slice| slice.identity == identity && slice.dimension == dimension)
        .map(|slice| slice.segment)
        .collect();
    let bytes = encode(&identity, count, &entries);
    segments.push(write_section(&bytes, from.min(to), to, out)?);
    for (number, segment) in (0_u64..).zip(&mut segments) {
        segment.id = with_tag(number);
    }
    Ok(segments)
}
