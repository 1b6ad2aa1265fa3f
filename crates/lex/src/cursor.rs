//! Walking over postings, from a segment or from memory.

use crate::index::TextField;
use crate::pending::MemoryPostings;
use crate::union::Union;
use std::sync::Arc;
use tantivy::postings::{BlockSegmentPostings, Postings, SegmentPostings};
use tantivy::{DocSet, TERMINATED};

/// The document number behind the last one.
pub(crate) const END: u32 = TERMINATED;
/// Postings are packed in blocks of this many documents; a shorter last block is padded with [`END`].
pub(crate) const BLOCK_LENGTH: usize = 128;

/// A position in the postings of one term in one field. Only moves forward.
pub(crate) enum Cursor<'a> {
    Disk {
        block: Box<BlockSegmentPostings>,
        index: usize,
    },
    Memory {
        postings: &'a MemoryPostings,
        length: usize,
        index: usize,
    },
    Union {
        union: Arc<Union>,
        index: usize,
    },
}

impl<'a> Cursor<'a> {
    pub(crate) fn disk(block: Box<BlockSegmentPostings>) -> Self {
        Self::Disk { block, index: 0 }
    }

    /// The decoder of a cursor that is not needed any more.
    pub(crate) fn into_block(self) -> Option<Box<BlockSegmentPostings>> {
        match self {
            Self::Disk { block, .. } => Some(block),
            Self::Memory { .. } | Self::Union { .. } => None,
        }
    }

    pub(crate) fn memory(postings: &'a MemoryPostings, length: usize) -> Self {
        Self::Memory {
            postings,
            length,
            index: 0,
        }
    }

    pub(crate) fn union(union: Arc<Union>) -> Self {
        Self::Union { union, index: 0 }
    }

    #[inline]
    pub(crate) fn document(&self) -> u32 {
        match self {
            Self::Disk { block, index } => block.doc(*index),
            Self::Memory {
                postings,
                length,
                index,
            } if index < length => postings.documents[*index],
            Self::Memory { .. } => END,
            Self::Union { union, index } => union.documents.get(*index).copied().unwrap_or(END),
        }
    }

    #[inline]
    pub(crate) fn frequency(&self) -> u32 {
        match self {
            Self::Disk { block, index } => block.freq(*index),
            Self::Memory {
                postings, index, ..
            } => postings.frequency(*index),
            Self::Union { union, index } => union.frequencies[*index].into(),
        }
    }

    /// How many documents there are in all.
    pub(crate) fn document_frequency(&self) -> u64 {
        match self {
            Self::Disk { block, .. } => u64::from(block.doc_freq()),
            Self::Memory { length, .. } => *length as u64,
            Self::Union { union, .. } => union.documents.len() as u64,
        }
    }

    /// Moves to the next document. Must not be called at [`END`].
    #[inline]
    pub(crate) fn advance(&mut self) -> u32 {
        match self {
            Self::Disk { block, index } => {
                *index += 1;
                if *index == BLOCK_LENGTH {
                    block.advance();
                    *index = 0;
                }
                block.doc(*index)
            }
            Self::Memory { index, .. } | Self::Union { index, .. } => {
                *index += 1;
                self.document()
            }
        }
    }

    /// Passes the current and all further documents before `end` with their frequencies to `found`, as many at a time as are
    /// unpacked. Returns the document that it then stands at.
    #[inline]
    pub(crate) fn take_blocks_until(
        &mut self,
        end: u32,
        mut found: impl FnMut(&[u32], &[u32]),
    ) -> u32 {
        if let Self::Disk { block, index } = self {
            // Block by block, because this is where most of the time of a search goes.
            loop {
                let (Some(documents), Some(frequencies)) =
                    (block.docs().get(*index..), block.freqs().get(*index..))
                else {
                    return END;
                };
                let count = match documents.last() {
                    Some(last) if *last < end => documents.len(),
                    // At least the first, if it lies before: in a block that was written wrongly they may not ascend.
                    _ => documents
                        .partition_point(|document| *document < end)
                        .max(usize::from(
                            documents.first().is_some_and(|first| *first < end),
                        )),
                };
                // Such a block may have fewer frequencies, too.
                let known = count.min(frequencies.len());
                if known > 0 {
                    found(&documents[..known], &frequencies[..known]);
                }
                let is_used_up = count == documents.len();
                *index += count;
                if !is_used_up || *index < BLOCK_LENGTH {
                    return block.doc(*index);
                }
                block.advance();
                *index = 0;
            }
        }
        let mut document = self.document();
        while document < end {
            found(&[document], &[self.frequency()]);
            document = self.advance();
        }
        document
    }

    /// Passes the current and all further documents before `end` with their frequencies to `found`. Returns the document
    /// that it then stands at.
    #[inline]
    pub(crate) fn take_until(&mut self, end: u32, mut found: impl FnMut(u32, u32)) -> u32 {
        self.take_blocks_until(end, |documents, frequencies| {
            for (document, frequency) in documents.iter().zip(frequencies) {
                found(*document, *frequency);
            }
        })
    }

    /// Moves to the first document at or behind `target`; stays where it is when that one lies behind `target` already.
    #[inline]
    pub(crate) fn seek(&mut self, target: u32) -> u32 {
        match self {
            Self::Disk { block, index } => {
                if block.doc(*index) < target {
                    *index = block.seek(target);
                }
                block.doc(*index)
            }
            Self::Memory {
                postings,
                length,
                index,
            } => {
                let rest = &postings.documents[*index..*length];
                *index += rest.partition_point(|document| *document < target);
                self.document()
            }
            Self::Union { union, index } => {
                let rest = &union.documents[*index..];
                *index += rest.partition_point(|document| *document < target);
                self.document()
            }
        }
    }

    /// The last document of the current block, [`END`] minus one when there is no other block.
    #[inline]
    pub(crate) fn block_end(&self) -> u32 {
        match self {
            Self::Disk { block, .. } if block.block_len() == BLOCK_LENGTH => {
                block.doc(BLOCK_LENGTH - 1)
            }
            _ => END - 1,
        }
    }

    /// The highest `frequency / norm` in the current block, with the norm that `field` was written with. Infinite when
    /// nothing is known.
    #[inline]
    pub(crate) fn block_peak(&mut self, field: Option<&TextField>) -> f32 {
        let (Self::Disk { block, .. }, Some(field)) = (self, field) else {
            return f32::INFINITY;
        };
        field.peak(block.block_max_score(&field.norms, &field.block_weight))
    }
}

/// Reads the positions of one term in one field.
pub(crate) enum PositionCursor<'a> {
    Disk(Box<SegmentPostings>),
    Memory {
        postings: &'a MemoryPostings,
        length: usize,
    },
}

impl PositionCursor<'_> {
    /// Appends the positions in `document`, ascending. Documents must be asked for in ascending order.
    pub(crate) fn append(
        &mut self,
        document: u32,
        scratch: &mut Vec<u32>,
        positions: &mut Vec<u32>,
    ) {
        match self {
            Self::Disk(postings) => {
                let current = postings.doc();
                let found = if current < document {
                    postings.seek(document)
                } else {
                    current
                };
                if found == document {
                    postings.positions(scratch);
                    positions.extend_from_slice(scratch);
                }
            }
            Self::Memory { postings, length } => {
                if let Ok(index) = postings.documents[..*length].binary_search(&document) {
                    positions.extend_from_slice(postings.positions(index));
                }
            }
        }
    }
}
