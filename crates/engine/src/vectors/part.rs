//! Vectors of one size that stand together, and how they are kept.

use std::sync::Arc;

use mv2::bytes::Bytes;
use mv2::toc::SegmentMeta;
use vec::{
    Codebook, Products, QuantisedVectors, Segment, SegmentBuilder, StridedVectors, Vectors,
    Verified,
};

use super::{ENTRY_HEAD, is_in_order, number, numbers, stride};
use crate::error::Result;
use crate::quantised;

/// How the vectors of a part are kept.
#[derive(Clone)]
pub enum Form {
    /// As they were given.
    Flat,
    /// As numbers of centroids, see [`crate::quantised`].
    Quantised(Arc<Codebook>),
}

impl Form {
    /// Bytes of one entry.
    #[must_use]
    pub fn stride(&self, dimension: usize) -> usize {
        match self {
            Self::Flat => stride(dimension),
            Self::Quantised(_) => quantised::STRIDE,
        }
    }

    /// CRC-32 of an entry's vector as it is stored.
    #[must_use]
    pub fn checksum(&self, entry: &[u8]) -> u32 {
        let head = match self {
            Self::Flat => ENTRY_HEAD,
            Self::Quantised(_) => quantised::ENTRY_HEAD,
        };
        crc32fast::hash(entry.get(head..).unwrap_or_default())
    }

    /// Whether vectors of the other form are kept by the same numbers.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Flat, Self::Flat) => true,
            (Self::Quantised(left), Self::Quantised(right)) => {
                Arc::ptr_eq(left, right) || left == right
            }
            _ => false,
        }
    }
}

/// The vectors of a part, for a search.
pub enum PartVectors<'a> {
    /// As they were given.
    Flat(StridedVectors<'a>),
    /// As numbers of centroids.
    Quantised(QuantisedVectors<'a>),
}

impl Vectors for PartVectors<'_> {
    #[inline]
    fn vector<'a>(&'a self, ordinal: usize, buffer: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        match self {
            Self::Flat(vectors) => vectors.vector(ordinal, buffer),
            Self::Quantised(vectors) => vectors.vector(ordinal, buffer),
        }
    }

    #[inline]
    fn frame(&self, ordinal: usize) -> Option<u64> {
        match self {
            Self::Flat(vectors) => vectors.frame(ordinal),
            Self::Quantised(vectors) => vectors.frame(ordinal),
        }
    }

    #[inline]
    fn stored(&self, ordinal: usize) -> Option<&[u8]> {
        match self {
            Self::Flat(vectors) => vectors.stored(ordinal),
            Self::Quantised(vectors) => vectors.stored(ordinal),
        }
    }

    #[inline]
    fn prefetch(&self, ordinal: usize) {
        match self {
            Self::Flat(vectors) => vectors.prefetch(ordinal),
            Self::Quantised(vectors) => vectors.prefetch(ordinal),
        }
    }

    fn products<'a>(&'a self, query: &[f32]) -> Option<Box<dyn Products + 'a>> {
        match self {
            Self::Flat(vectors) => vectors.products(query),
            Self::Quantised(vectors) => vectors.products(query),
        }
    }
}

/// Vectors of one size in ascending order of their frames, with their codes.
#[derive(Clone)]
pub struct Part {
    /// Entries, back to back.
    pub entries: Bytes,
    /// What the entries are.
    pub form: Form,
    /// Codes of the same vectors, in the same order.
    pub codes: Bytes,
    /// Numbers of a vector.
    pub dimension: usize,
    /// Where vectors and codes are registered, when they are.
    pub sections: Option<(SegmentMeta, SegmentMeta)>,
    /// Which vectors were compared with their checksums; `None`: they were made by this process, or read whole.
    pub verified: Option<Arc<Verified>>,
}

impl Part {
    /// Entries of the flat form that are in order, with codes made for them; like those of another segment where there is
    /// one.
    pub fn encoded(entries: Bytes, dimension: usize, like: Option<&Segment<'_>>) -> Result<Self> {
        let mut part = Self {
            entries,
            form: Form::Flat,
            codes: Bytes::default(),
            dimension,
            sections: None,
            verified: None,
        };
        part.codes = Bytes::from(part.encode(like)?);
        Ok(part)
    }

    /// The same entries with codes made anew.
    pub fn with_new_codes(&self) -> Result<Self> {
        Ok(Self {
            codes: Bytes::from(self.encode(None)?),
            sections: None,
            ..self.clone()
        })
    }

    /// Codes of the entries, which are in order.
    pub(super) fn encode(&self, like: Option<&Segment<'_>>) -> Result<Vec<u8>> {
        let like = like.filter(|segment| segment.dimension() == self.dimension);
        let mut builder = match like {
            Some(segment) => SegmentBuilder::like(segment),
            None => SegmentBuilder::new(self.dimension)?,
        };
        let mut vector = Vec::with_capacity(self.dimension);
        for ordinal in 0..self.count() {
            vector.clear();
            self.read(ordinal, &mut vector);
            builder.add(self.frame(ordinal).unwrap_or_default(), &vector)?;
        }
        let mut codes = builder.finish();
        if let Form::Quantised(codebook) = &self.form {
            let entries = self.entries.chunks_exact(self.stride());
            let checksums: Vec<u32> = entries.map(|entry| self.form.checksum(entry)).collect();
            vec::set_checksums(&mut codes, &checksums, quantised::checksum(codebook))?;
        }
        Ok(codes)
    }

    /// Whether its vectors are kept as numbers of centroids.
    #[must_use]
    pub fn is_quantised(&self) -> bool {
        matches!(self.form, Form::Quantised(_))
    }

    /// CRC-32 of what the entries are read by besides.
    pub(super) fn rest_checksum(&self) -> u32 {
        match &self.form {
            Form::Flat => 0,
            Form::Quantised(codebook) => quantised::checksum(codebook),
        }
    }

    /// Bytes of one entry.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.form.stride(self.dimension)
    }

    /// Whether every entry is what it has to be, and frames ascend.
    pub(super) fn is_in_order(&self) -> bool {
        match &self.form {
            Form::Flat => is_in_order(&self.entries, self.dimension),
            Form::Quantised(_) => quantised::is_in_order(&self.entries),
        }
    }

    /// How many vectors it holds.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.len() / self.stride()
    }

    /// The codes.
    pub fn segment(&self) -> Result<Segment<'_>> {
        Ok(Segment::open(&self.codes)?)
    }

    /// The vectors.
    #[must_use]
    pub fn vectors(&self) -> PartVectors<'_> {
        match &self.form {
            Form::Flat => PartVectors::Flat(StridedVectors {
                bytes: &self.entries,
                first: ENTRY_HEAD,
                stride: self.stride(),
                dimension: self.dimension,
                frame: Some(ENTRY_HEAD),
            }),
            Form::Quantised(codebook) => PartVectors::Quantised(QuantisedVectors {
                bytes: &self.entries,
                first: quantised::ENTRY_HEAD,
                stride: self.stride(),
                frame: Some(quantised::ENTRY_HEAD),
                codebook,
            }),
        }
    }

    /// The frame of an entry.
    #[must_use]
    pub fn frame(&self, ordinal: usize) -> Option<u64> {
        number(&self.entries, ordinal * self.stride())
    }

    /// The frames of the first and the last entry.
    #[must_use]
    pub fn frame_range(&self) -> Option<(u64, u64)> {
        Some((self.frame(0)?, self.frame(self.count().checked_sub(1)?)?))
    }

    /// The entry of a frame. Looks at the codes: they name their frames side by side.
    pub(super) fn find(&self, frame_id: u64) -> Option<usize> {
        self.segment().ok()?.ordinal(frame_id)
    }

    /// Whether an entry's vector is as it was written, as far as its codes know.
    pub(super) fn is_intact(&self, ordinal: usize) -> bool {
        let is_known = |verified: &Arc<Verified>| verified.contains(ordinal);
        if self.verified.as_ref().is_none_or(is_known) {
            return true;
        }
        let start = ordinal * self.stride();
        let entry = self.entries.get(start..start + self.stride());
        let checksum = self
            .segment()
            .ok()
            .and_then(|segment| segment.checksum(ordinal));
        entry.map(|entry| self.form.checksum(entry)) == checksum
    }

    /// The numbers of an entry.
    #[must_use]
    pub fn vector(&self, ordinal: usize) -> Option<Vec<f32>> {
        let mut vector = Vec::with_capacity(self.dimension);
        self.read(ordinal, &mut vector);
        (vector.len() == self.dimension).then_some(vector)
    }

    /// Appends the numbers of an entry.
    pub fn read(&self, ordinal: usize, out: &mut Vec<f32>) {
        let start = ordinal * self.stride();
        let Some(entry) = self.entries.get(start..start + self.stride()) else {
            return;
        };
        match &self.form {
            Form::Flat => out.extend(numbers(&entry[ENTRY_HEAD..])),
            Form::Quantised(codebook) => codebook.decode(&entry[quantised::ENTRY_HEAD..], out),
        }
    }
}
