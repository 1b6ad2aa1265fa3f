//! The packed form of one segment.
//!
//! Integers and numbers are little-endian, of any alignment. `p` is the dimension rounded up to a multiple of 16, `n` the
//! number of vectors, `b` the number of blocks: n / 32, rounded up.
//!
//! | offset | size      | field                                                                         |
//! |-------:|----------:|-------------------------------------------------------------------------------|
//! |      0 |         8 | magic `VECSEGv2`                                                              |
//! |      8 |         4 | CRC-32 of everything from offset 12 to the frame ids                          |
//! |     12 |         4 | bits of a code's number: 1 or 8                                               |
//! |     16 |         8 | length of the whole blob                                                      |
//! |     24 |         8 | number of vectors                                                             |
//! |     32 |         8 | number of vectors that the centre is the average of                           |
//! |     40 |         4 | dimension                                                                     |
//! |     44 |         4 | CRC-32 of everything from the frame ids on                                    |
//! |     48 |         4 | CRC-32 of what else the vectors are read by, such as centroids; 0 without it  |
//! |     52 |         4 | 0                                                                             |
//! |     56 |     4 × p | the centre, rotated                                                           |
//! |      … |     8 × n | frame ids, ascending                                                          |
//! |      … |     4 × n | CRC-32 of each vector as it is stored, see [`crate::Vectors::stored`]         |
//! |      … |         … | b blocks of 32 vectors, the last filled up with vectors that no search finds  |
//!
//! What a vector is encoded as: it is scaled to length 1, rotated (see [`crate::rotation`]), the centre is subtracted, and
//! of what is left, the rest r, each number becomes a bit (its sign) or a byte. A block holds the codes of its vectors,
//! then 32 factors, then 32 summands: the similarity of a vector to a query q is about
//! `centre · q + summand + factor × (code · (q − centre))`.
//!
//! Codes of one bit: for every 4 coordinates 16 bytes; byte i holds the bits of vector i below those of vector i + 16, the
//! first coordinate lowest, 1 for positive. Codes of eight bits: for every coordinate 32 signed bytes, one a vector.

use crate::error::{Error, Result};
use crate::vectors::numbers;

/// What a segment of this version begins with.
pub const MAGIC: &[u8; 8] = b"VECSEGv2";
const FIXED_HEADER: usize = 56;
const BODY_CHECKSUM: usize = 44;
const REST_CHECKSUM: usize = 48;

/// Vectors of a block.
pub(crate) const BLOCK: usize = 32;

/// The largest number of dimensions.
pub const MAX_DIMENSION: usize = 4096;

/// How numbers of a vector are written in its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// Their signs.
    Bits,
    /// Signed bytes, with a scale for each vector.
    Bytes,
}

/// From this many dimensions on, signs alone tell vectors apart well enough: of 100,000 vectors made of the first 128 numbers of
/// MiniLM's, 0.9965 of the 10 nearest are found in a third of the time that bytes take; of the first 96, 0.986.
const BITS_FROM: usize = 128;

impl Encoding {
    /// The one that is the faster way to the same results.
    #[must_use]
    pub fn for_dimension(dimension: usize) -> Self {
        if dimension < BITS_FROM {
            Self::Bytes
        } else {
            Self::Bits
        }
    }

    fn from_bits(bits: u32) -> Option<Self> {
        match bits {
            1 => Some(Self::Bits),
            8 => Some(Self::Bytes),
            _ => None,
        }
    }

    fn bits(self) -> usize {
        match self {
            Self::Bits => 1,
            Self::Bytes => 8,
        }
    }
}

/// Where things are in segments of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub encoding: Encoding,
    pub dimension: usize,
}

impl Layout {
    pub(crate) fn new(encoding: Encoding, dimension: usize) -> Result<Self> {
        if dimension == 0 || dimension > MAX_DIMENSION {
            return Err(Error::UnsupportedDimension { dimension });
        }
        Ok(Self {
            encoding,
            dimension,
        })
    }

    /// Numbers of a rotated vector.
    pub(crate) fn padded(self) -> usize {
        self.dimension.next_multiple_of(16)
    }

    /// Bytes of the codes of a block.
    pub(crate) fn codes_length(self) -> usize {
        self.padded() * BLOCK * self.encoding.bits() / 8
    }

    /// Bytes of a block.
    pub(crate) fn block_length(self) -> usize {
        self.codes_length() + 2 * 4 * BLOCK
    }

    fn frames_start(self) -> usize {
        FIXED_HEADER + 4 * self.padded()
    }

    /// Length of a blob. `None` when no memory could hold it.
    fn blob_length(self, count: usize) -> Option<usize> {
        let blocks = count.div_ceil(BLOCK).checked_mul(self.block_length())?;
        let frames = count.checked_mul(8 + 4)?;
        self.frames_start().checked_add(frames)?.checked_add(blocks)
    }
}

/// The average that is subtracted from vectors of a segment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Centre {
    /// Rotated.
    pub numbers: Vec<f32>,
    /// How many vectors it is the average of.
    pub sample: u64,
}

/// Vectors of a segment besides their codes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entries {
    pub frames: Vec<u64>,
    /// CRC-32 of the stored vectors.
    pub checksums: Vec<u32>,
}

/// Packs a segment.
pub(crate) fn pack(layout: Layout, centre: &Centre, entries: &Entries, blocks: &[u8]) -> Vec<u8> {
    let Entries { frames, checksums } = entries;
    let frames_start = layout.frames_start();
    let length = frames_start + (8 + 4) * frames.len() + blocks.len();
    let mut blob = Vec::with_capacity(length);
    blob.extend_from_slice(MAGIC);
    blob.extend_from_slice(&[0; 4]);
    blob.extend_from_slice(&(layout.encoding.bits() as u32).to_le_bytes());
    for number in [length as u64, frames.len() as u64, centre.sample] {
        blob.extend_from_slice(&number.to_le_bytes());
    }
    blob.extend_from_slice(&(layout.dimension as u32).to_le_bytes());
    blob.resize(FIXED_HEADER, 0);
    blob.extend(
        centre
            .numbers
            .iter()
            .flat_map(|number| number.to_le_bytes()),
    );
    blob.extend(frames.iter().flat_map(|frame_id| frame_id.to_le_bytes()));
    blob.extend(checksums.iter().flat_map(|checksum| checksum.to_le_bytes()));
    blob.extend_from_slice(blocks);
    seal(&mut blob, frames_start);
    blob
}

/// Enters the checksums of body and header.
fn seal(blob: &mut [u8], frames_start: usize) {
    let (header, body) = blob.split_at_mut(frames_start);
    header[BODY_CHECKSUM..BODY_CHECKSUM + 4].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
    let checksum = crc32fast::hash(&header[12..]);
    header[8..12].copy_from_slice(&checksum.to_le_bytes());
}

/// Notes in a segment that its vectors are stored in another form than the one they were encoded from: the CRC-32 of each as
/// it is stored, and of what else they are read by.
///
/// Fails with [`Error::CorruptSegment`] when it is no segment, or not of that many vectors.
pub fn set_checksums(segment: &mut [u8], of_vectors: &[u32], of_rest: u32) -> Result<()> {
    let opened = Segment::open(segment)?;
    if opened.count != of_vectors.len() {
        return Err(Error::CorruptSegment {
            message: format!(
                "{} checksums were given for its {} vectors",
                of_vectors.len(),
                opened.count
            ),
        });
    }
    let frames_start = opened.layout.frames_start();
    let start = frames_start + 8 * of_vectors.len();
    let places = segment[start..].as_chunks_mut::<4>().0;
    for (place, checksum) in places.iter_mut().zip(of_vectors) {
        *place = checksum.to_le_bytes();
    }
    segment[REST_CHECKSUM..REST_CHECKSUM + 4].copy_from_slice(&of_rest.to_le_bytes());
    seal(segment, frames_start);
    Ok(())
}

/// Whether `bytes` begin like a blob of this version of [`crate::SegmentBuilder::finish`] or [`crate::merge`]. Says nothing
/// about damage.
///
/// ```
/// let segment = vec::SegmentBuilder::new(3)?.finish();
/// assert!(vec::is_segment(&segment) && !vec::is_segment(b"something else"));
/// # Ok::<(), vec::Error>(())
/// ```
#[must_use]
pub fn is_segment(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// A packed segment, served from bytes that someone else owns.
///
/// Opening looks at the header alone. Whether the rest is intact is asked by [`Segment::is_intact`]; bytes that are damaged
/// all the same make searches miss vectors or report an error, and no more.
#[derive(Clone, Copy)]
pub struct Segment<'a> {
    layout: Layout,
    count: usize,
    sample: u64,
    centre: &'a [u8],
    frames: &'a [[u8; 8]],
    checksums: &'a [[u8; 4]],
    blocks: &'a [u8],
    /// Frames, checksums and blocks.
    body: &'a [u8],
    body_checksum: u32,
    rest_checksum: u32,
}

impl std::fmt::Debug for Segment<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Segment")
            .field("layout", &self.layout)
            .field("count", &self.count)
            .finish()
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn short_number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

impl<'a> Segment<'a> {
    /// Checks the header and takes its word for the rest.
    ///
    /// Fails with [`Error::CorruptSegment`].
    pub fn open(bytes: &'a [u8]) -> Result<Self> {
        Self::parse(bytes).map_err(|message| Error::CorruptSegment { message })
    }

    fn parse(bytes: &'a [u8]) -> std::result::Result<Self, String> {
        if !is_segment(bytes) {
            return Err("it does not begin with the mark of a vector segment".to_owned());
        }
        let short = || format!("{} bytes are too few for the header", bytes.len());
        let length = number(bytes, 16).ok_or_else(short)?;
        if length != bytes.len() as u64 {
            let message = format!(
                "it is {} bytes long where the header says {length}",
                bytes.len()
            );
            return Err(message);
        }
        let bits = short_number(bytes, 12).ok_or_else(short)?;
        let encoding = Encoding::from_bits(bits)
            .ok_or_else(|| format!("its codes have {bits} bits a number, not 1 or 8"))?;
        let dimension = short_number(bytes, 40).ok_or_else(short)?;
        let layout =
            Layout::new(encoding, dimension as usize).map_err(|error| error.to_string())?;
        let frames_start = layout.frames_start();
        let header = bytes.get(12..frames_start).ok_or_else(short)?;
        if Some(crc32fast::hash(header)) != short_number(bytes, 8) {
            return Err("the checksum of its header is wrong".to_owned());
        }
        let count = number(bytes, 24).ok_or_else(short)?;
        let count = usize::try_from(count)
            .ok()
            .filter(|count| *count <= u32::MAX as usize)
            .filter(|count| layout.blob_length(*count) == Some(bytes.len()))
            .ok_or_else(|| {
                format!(
                    "{} bytes cannot hold the {count} vectors it claims",
                    bytes.len()
                )
            })?;
        let centre = bytes.get(FIXED_HEADER..frames_start).ok_or_else(short)?;
        if !numbers(centre).all(f32::is_finite) {
            return Err("its centre is not finite".to_owned());
        }
        let body = bytes.get(frames_start..).ok_or_else(short)?;
        let (frames, rest) = body.split_at_checked(8 * count).ok_or_else(short)?;
        let (checksums, blocks) = rest.split_at_checked(4 * count).ok_or_else(short)?;
        let checksum = |at| short_number(bytes, at).ok_or_else(short);
        Ok(Self {
            layout,
            count,
            sample: number(bytes, 32).ok_or_else(short)?,
            centre,
            frames: frames.as_chunks().0,
            checksums: checksums.as_chunks().0,
            blocks,
            body,
            body_checksum: checksum(BODY_CHECKSUM)?,
            rest_checksum: checksum(REST_CHECKSUM)?,
        })
    }

    /// Whether everything behind the header is as it was written. Reads all of it.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        crc32fast::hash(self.body) == self.body_checksum
    }

    /// CRC-32 of a vector as it is stored.
    #[inline]
    #[must_use]
    pub fn checksum(&self, ordinal: usize) -> Option<u32> {
        self.checksums.get(ordinal).copied().map(u32::from_le_bytes)
    }

    /// CRC-32 of what else the vectors are read by, see [`set_checksums`]; 0 without it.
    #[must_use]
    pub fn rest_checksum(&self) -> u32 {
        self.rest_checksum
    }

    /// Reads everything, and finds what is not as [`crate::SegmentBuilder`] writes it.
    ///
    /// Fails with [`Error::CorruptSegment`].
    pub fn verify(&self) -> Result<()> {
        let corrupt = |message: String| Err(Error::CorruptSegment { message });
        if !self.is_intact() {
            return corrupt("the checksum of its body is wrong".to_owned());
        }
        for (ordinal, pair) in self.frames.windows(2).enumerate() {
            if u64::from_le_bytes(pair[0]) >= u64::from_le_bytes(pair[1]) {
                return corrupt(format!(
                    "its frame ids do not ascend at number {}",
                    ordinal + 1
                ));
            }
        }
        for (index, block) in self
            .blocks
            .chunks_exact(self.layout.block_length())
            .enumerate()
        {
            let (factors, summands) = block[self.layout.codes_length()..].split_at(4 * BLOCK);
            let filled = self.count - index * BLOCK;
            let pairs = numbers(factors).zip(numbers(summands)).take(filled);
            for (slot, (factor, summand)) in pairs.enumerate() {
                if !factor.is_finite() || factor < 0.0 || !summand.is_finite() {
                    return corrupt(format!(
                        "the code of number {} is not finite",
                        index * BLOCK + slot
                    ));
                }
            }
        }
        Ok(())
    }

    /// How many vectors it holds.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Numbers of a vector.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.layout.dimension
    }

    /// How its vectors are encoded.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.layout.encoding
    }

    /// The frame of a vector.
    #[inline]
    #[must_use]
    pub fn frame(&self, ordinal: usize) -> Option<u64> {
        self.frames.get(ordinal).copied().map(u64::from_le_bytes)
    }

    /// The position of a frame's vector.
    #[must_use]
    pub fn ordinal(&self, frame_id: u64) -> Option<usize> {
        let (first, last) = self.frame_range()?;
        if frame_id < first || frame_id > last {
            return None;
        }
        // Frames mostly have consecutive ids.
        let guess = usize::try_from(frame_id - first).ok();
        if let Some(guess) = guess.filter(|guess| self.frame(*guess) == Some(frame_id)) {
            return Some(guess);
        }
        self.frames
            .binary_search_by_key(&frame_id, |bytes| u64::from_le_bytes(*bytes))
            .ok()
    }

    /// The first and the last frame.
    #[must_use]
    pub fn frame_range(&self) -> Option<(u64, u64)> {
        let last = self.frames.last().copied().map(u64::from_le_bytes)?;
        Some((self.frame(0)?, last))
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    pub(crate) fn centre_bytes(&self) -> &'a [u8] {
        self.centre
    }

    pub(crate) fn centre(&self) -> Centre {
        Centre {
            numbers: numbers(self.centre).collect(),
            sample: self.sample,
        }
    }

    /// How many vectors the centre is the average of.
    pub(crate) fn sample(&self) -> u64 {
        self.sample
    }

    pub(crate) fn block_count(&self) -> usize {
        self.count.div_ceil(BLOCK)
    }

    pub(crate) fn blocks(&self) -> &'a [u8] {
        self.blocks
    }
}
