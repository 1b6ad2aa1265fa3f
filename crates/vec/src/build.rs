//! Building segments.

use crate::blob::{Centre, Encoding, Entries, Layout, Segment, pack};
use crate::encode::{Blocks, Encoder};
use crate::error::{Error, Result};
use crate::vectors::check_finite;

/// The first vectors of a segment, whose average is its centre.
pub(crate) const SAMPLE: usize = 1024;

/// Builds one segment in memory, one vector after the other. Builders are independent: two may run on two threads.
///
/// ```
/// use vec::{MemoryVectors, Request, Segment, SegmentBuilder, Source, search};
///
/// let numbers = [1.0, 0.0, 0.6, 0.8, 0.0, 1.0];
/// let mut builder = SegmentBuilder::new(2)?;
/// for (frame_id, vector) in (10..).zip(numbers.chunks(2)) {
///     builder.add(frame_id, vector)?;
/// }
/// let blob = builder.finish();
///
/// let vectors = MemoryVectors { numbers: &numbers, dimension: 2 };
/// let source = Source { segment: Segment::open(&blob)?, vectors: &vectors, verified: None };
/// let hits = search(&[source], &Request::new(&[3.0, 0.0], 2))?.hits;
/// assert_eq!(hits.iter().map(|hit| hit.frame_id).collect::<Vec<_>>(), [10, 11]);
/// assert_eq!(hits[0].similarity, 1.0);
/// # Ok::<(), vec::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SegmentBuilder {
    layout: Layout,
    encoder: Option<Encoder>,
    /// Vectors that wait for a centre.
    waiting: Vec<f32>,
    entries: Entries,
    /// The bytes of a vector while their checksum is computed.
    bytes: Vec<u8>,
    blocks: Blocks,
}

impl SegmentBuilder {
    /// A builder for vectors of this many dimensions.
    ///
    /// Fails with [`Error::UnsupportedDimension`].
    pub fn new(dimension: usize) -> Result<Self> {
        Self::with_encoding(dimension, Encoding::for_dimension(dimension))
    }

    /// A builder with another encoding than the best for the dimension.
    ///
    /// Fails with [`Error::UnsupportedDimension`].
    pub fn with_encoding(dimension: usize, encoding: Encoding) -> Result<Self> {
        let layout = Layout::new(encoding, dimension)?;
        Ok(Self {
            layout,
            encoder: None,
            waiting: Vec::new(),
            entries: Entries::default(),
            bytes: Vec::new(),
            blocks: Blocks::new(layout),
        })
    }

    /// A builder whose codes fit those of `segment`, so that [`crate::merge`] only copies them.
    #[must_use]
    pub fn like(segment: &Segment<'_>) -> Self {
        let layout = segment.layout();
        Self {
            layout,
            encoder: Some(Encoder::new(layout, segment.centre())),
            waiting: Vec::new(),
            entries: Entries::default(),
            bytes: Vec::new(),
            blocks: Blocks::new(layout),
        }
    }

    /// A segment of nothing whose centre is the average of `vectors`: for builders that are to be [`Self::like`] each
    /// other before any of them is filled.
    ///
    /// Fails with [`Error::UnsupportedDimension`], [`Error::WrongDimension`] or [`Error::NotFinite`].
    pub fn around<'v>(
        dimension: usize,
        vectors: impl Iterator<Item = &'v [f32]> + Clone,
    ) -> Result<Vec<u8>> {
        let layout = Layout::new(Encoding::for_dimension(dimension), dimension)?;
        for vector in vectors.clone() {
            if vector.len() != dimension {
                return Err(Error::WrongDimension {
                    expected: dimension,
                    actual: vector.len(),
                });
            }
            check_finite(vector)?;
        }
        let centre = Encoder::around(layout, vectors).centre;
        Ok(pack(layout, &centre, &Entries::default(), &[]))
    }

    /// Adds the vector of a frame. Its length does not matter, except that zeros are similar to nothing.
    ///
    /// Fails, and changes nothing, with [`Error::WrongDimension`], [`Error::NotFinite`], [`Error::FrameOrder`] or
    /// [`Error::TooMany`].
    pub fn add(&mut self, frame_id: u64, vector: &[f32]) -> Result<()> {
        if vector.len() != self.layout.dimension {
            return Err(Error::WrongDimension {
                expected: self.layout.dimension,
                actual: vector.len(),
            });
        }
        check_finite(vector)?;
        if let Some(previous) = self
            .entries
            .frames
            .last()
            .copied()
            .filter(|last| *last >= frame_id)
        {
            return Err(Error::FrameOrder { frame_id, previous });
        }
        if self.entries.frames.len() >= u32::MAX as usize {
            return Err(Error::TooMany {
                count: self.entries.frames.len() as u64 + 1,
            });
        }
        let checksum = self.checksum(vector);
        self.entries.frames.push(frame_id);
        self.entries.checksums.push(checksum);
        match &mut self.encoder {
            Some(encoder) => encoder.encode(vector, &mut self.blocks),
            None => {
                self.waiting.extend_from_slice(vector);
                if self.entries.frames.len() == SAMPLE {
                    self.encode_waiting();
                }
            }
        }
        Ok(())
    }

    /// CRC-32 of the numbers as [`crate::StridedVectors`] holds them.
    fn checksum(&mut self, vector: &[f32]) -> u32 {
        self.bytes.resize(size_of_val(vector), 0);
        let places = self.bytes.as_chunks_mut::<4>().0;
        for (place, number) in places.iter_mut().zip(vector) {
            *place = number.to_le_bytes();
        }
        crc32fast::hash(&self.bytes)
    }

    fn encode_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let vectors = waiting.chunks_exact(self.layout.dimension);
        let mut encoder = Encoder::around(self.layout, vectors.clone());
        for vector in vectors {
            encoder.encode(vector, &mut self.blocks);
        }
        self.encoder = Some(encoder);
    }

    /// How many vectors were added.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.frames.len()
    }

    /// The segment.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        if self.encoder.is_none() {
            self.encode_waiting();
        }
        let none = Centre {
            numbers: vec![0.0; self.layout.padded()],
            sample: 0,
        };
        let centre = self.encoder.map_or(none, |encoder| encoder.centre);
        pack(self.layout, &centre, &self.entries, &self.blocks.bytes)
    }
}
