//! Where terms occur, packed in memory while a segment is built.
//!
//! The occurrences of one term in one field are a string of variable-length numbers, spread over chunks that grow
//! with it:
//!
//! | written for | numbers |
//! |---|---|
//! | the first occurrence in a document | `(document - previous document) * 2 + 1`, position |
//! | a further one in the same document | `(position - previous position) * 2` |
//! | a keyword in a document (no positions) | `document - previous document` |

/// Lengths of the chunks of one list, in units of [`UNIT`] bytes: the last one repeats. They grow slowly, because what
/// is not used yet of the last chunk is memory lost.
const CHUNKS: [u16; 14] = [1, 1, 2, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
/// Chunks begin at multiples of it, so that four bytes address 32 GiB.
const UNIT: usize = 8;
/// A chunk ends with the number of the next one.
const LINK: usize = 4;

/// Chunks of many lists.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    bytes: Vec<u8>,
}

/// The occurrences of one term. Empty by default.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct OccurrenceList {
    /// Where its first and its last chunk begin, in units.
    first: u32,
    last: u32,
    document: u32,
    position: u32,
    /// How many documents hold the term.
    documents: u32,
    /// Bytes used in the last chunk.
    used: u16,
    /// Index of the last chunk's length in [`CHUNKS`].
    level: u8,
}

/// One list as it is read back.
#[derive(Debug, Default)]
pub(crate) struct Occurrences {
    bytes: Vec<u8>,
}

/// The list cannot grow: 32 GiB of occurrences are in use.
#[derive(Debug)]
pub(crate) struct Full;

impl OccurrenceList {
    /// How many documents hold the term.
    pub(crate) fn document_frequency(&self) -> u32 {
        self.documents
    }
}

impl Chunks {
    pub(crate) fn memory_usage(&self) -> usize {
        self.bytes.capacity()
    }

    /// Adds an occurrence. Documents and, in one document, positions must not descend.
    #[inline]
    pub(crate) fn push(
        &mut self,
        list: &mut OccurrenceList,
        document: u32,
        position: u32,
    ) -> Result<(), Full> {
        if list.documents > 0 && list.document == document {
            let step = u64::from(position.wrapping_sub(list.position));
            self.write(list, step << 1)?;
        } else {
            let step = u64::from(document.wrapping_sub(list.document));
            self.write(list, step << 1 | 1)?;
            self.write(list, position.into())?;
            list.document = document;
            list.documents += 1;
        }
        list.position = position;
        Ok(())
    }

    /// Adds a document to a list without positions, unless it was the last one added.
    pub(crate) fn push_document(
        &mut self,
        list: &mut OccurrenceList,
        document: u32,
    ) -> Result<(), Full> {
        if list.documents == 0 || list.document != document {
            self.write(list, document.wrapping_sub(list.document).into())?;
            list.document = document;
            list.documents += 1;
        }
        Ok(())
    }

    #[inline]
    fn write(&mut self, list: &mut OccurrenceList, mut number: u64) -> Result<(), Full> {
        while number >= 0x80 {
            self.write_byte(list, number as u8 | 0x80)?;
            number >>= 7;
        }
        self.write_byte(list, number as u8)
    }

    #[inline]
    fn write_byte(&mut self, list: &mut OccurrenceList, byte: u8) -> Result<(), Full> {
        let length = usize::from(CHUNKS[usize::from(list.level)]) * UNIT;
        if usize::from(list.used) + LINK > length || list.used == 0 {
            self.next_chunk(list)?;
        }
        self.bytes[list.last as usize * UNIT + usize::from(list.used) - 1] = byte;
        list.used += 1;
        Ok(())
    }

    #[cold]
    fn next_chunk(&mut self, list: &mut OccurrenceList) -> Result<(), Full> {
        let begin = u32::try_from(self.bytes.len() / UNIT).map_err(|_| Full)?;
        let level = if list.used == 0 {
            list.first = begin;
            0
        } else {
            let link = list.last as usize * UNIT
                + usize::from(CHUNKS[usize::from(list.level)]) * UNIT
                - LINK;
            self.bytes[link..link + LINK].copy_from_slice(&begin.to_le_bytes());
            (usize::from(list.level) + 1).min(CHUNKS.len() - 1)
        };
        let length = usize::from(CHUNKS[level]) * UNIT;
        if self.bytes.capacity() - self.bytes.len() < length {
            // A quarter at a time instead of doubling: the memory that is reserved is the memory that is reported.
            self.bytes
                .reserve_exact((self.bytes.len() / 4).max(1 << 16));
        }
        self.bytes.resize(self.bytes.len() + length, 0);
        list.last = begin;
        list.level = level as u8;
        // One more than the bytes used, so that 0 stands for a list without chunks.
        list.used = 1;
        Ok(())
    }

    /// Reads a list into `occurrences`.
    pub(crate) fn read(&self, list: &OccurrenceList, occurrences: &mut Occurrences) {
        let bytes = &mut occurrences.bytes;
        bytes.clear();
        if list.used == 0 {
            return;
        }
        let (mut begin, mut level) = (list.first, 0);
        while begin != list.last {
            let start = begin as usize * UNIT;
            let end = start + usize::from(CHUNKS[level]) * UNIT - LINK;
            bytes.extend_from_slice(&self.bytes[start..end]);
            let mut link = [0; LINK];
            link.copy_from_slice(&self.bytes[end..end + LINK]);
            begin = u32::from_le_bytes(link);
            level = (level + 1).min(CHUNKS.len() - 1);
        }
        let start = begin as usize * UNIT;
        bytes.extend_from_slice(&self.bytes[start..start + usize::from(list.used) - 1]);
    }
}

impl Occurrences {
    /// Calls `found` with each document, and the positions in it: the first as it is, the others as what they add.
    /// `steps` is a buffer.
    pub(crate) fn each(&self, steps: &mut Vec<u32>, mut found: impl FnMut(u32, &[u32])) {
        let mut rest = self.bytes.as_slice();
        let mut document = 0_u32;
        steps.clear();
        while let Some(number) = next_number(&mut rest) {
            if number & 1 == 0 {
                steps.push((number >> 1) as u32);
                continue;
            }
            if !steps.is_empty() {
                found(document, steps);
                steps.clear();
            }
            document = document.wrapping_add((number >> 1) as u32);
            steps.push(next_number(&mut rest).unwrap_or_default() as u32);
        }
        if !steps.is_empty() {
            found(document, steps);
        }
    }

    /// The documents of a list without positions.
    pub(crate) fn documents(&self) -> impl Iterator<Item = u32> {
        let mut rest = self.bytes.as_slice();
        let mut document = 0_u32;
        std::iter::from_fn(move || {
            document = document.wrapping_add(next_number(&mut rest)? as u32);
            Some(document)
        })
    }
}

#[inline]
fn next_number(bytes: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(number);
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    type Expected = Vec<(u32, Vec<u32>)>;

    fn read(chunks: &Chunks, list: &OccurrenceList) -> Expected {
        let (mut occurrences, mut all) = (Occurrences::default(), Vec::new());
        chunks.read(list, &mut occurrences);
        occurrences.each(&mut Vec::new(), |document, steps| {
            let mut position = 0;
            let positions = steps.iter().map(|step| {
                position += step;
                position
            });
            all.push((document, positions.collect()));
        });
        all
    }

    proptest! {
        #[test]
        fn lists_that_grow_together_come_back_as_they_were(
            steps in prop::collection::vec((0..4_usize, prop_oneof![0..3_u32, 0..100_000_u32], 0..500_000_u32), 0..3_000)
        ) {
            let mut chunks = Chunks::default();
            let mut lists = [OccurrenceList::default(); 4];
            let mut expected: [Expected; 4] = Default::default();
            let mut document = 0;
            for (list, step, position) in steps {
                document += step;
                let position = match expected[list].last_mut() {
                    Some((last, positions)) if *last == document => {
                        let position = positions.last().unwrap() + position;
                        positions.push(position);
                        position
                    }
                    _ => {
                        expected[list].push((document, vec![position]));
                        position
                    }
                };
                chunks.push(&mut lists[list], document, position).unwrap();
            }
            for (list, expected) in lists.iter().zip(&expected) {
                prop_assert_eq!(list.document_frequency() as usize, expected.len());
                prop_assert_eq!(&read(&chunks, list), expected);
            }
        }
    }

    #[test]
    fn documents_without_positions_count_once() {
        let mut chunks = Chunks::default();
        let mut list = OccurrenceList::default();
        for document in [0, 0, 3, 3, 900, u32::MAX] {
            chunks.push_document(&mut list, document).unwrap();
        }
        let mut occurrences = Occurrences::default();
        chunks.read(&list, &mut occurrences);
        let documents: Vec<_> = occurrences.documents().collect();
        assert_eq!(documents, [0, 3, 900, u32::MAX]);
        assert_eq!(list.document_frequency(), 4);
    }
}
