//! The time index: active documents by time.
//!
//! `MVTI`, u64 count, then for each entry i64 timestamp (seconds since 1970-01-01 UTC) and u64 frame id, ascending by both.

use crate::codec::Reader;
use crate::error::{Error, Result};

/// First four bytes of the section.
pub const TIME_INDEX_MAGIC: [u8; 4] = *b"MVTI";
const HEADER: usize = 12;
const ENTRY: usize = 16;

/// Encodes entries, which must be sorted: see [`sort_order_violation`].
#[must_use]
pub fn encode(entries: &[(i64, u64)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + ENTRY * entries.len());
    out.extend_from_slice(&TIME_INDEX_MAGIC);
    out.extend_from_slice(&(entries.len() as u64).to_le_bytes());
    for (timestamp, frame_id) in entries {
        out.extend_from_slice(&timestamp.to_le_bytes());
        out.extend_from_slice(&frame_id.to_le_bytes());
    }
    out
}

/// A time index that is read in place.
#[derive(Debug, Clone, Copy)]
pub struct TimeIndex<'a> {
    entries: &'a [[u8; ENTRY]],
}

impl<'a> TimeIndex<'a> {
    /// Checks magic and length. The order is not checked here: see [`TimeIndex::sort_order_violation`].
    pub fn parse(section: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::named(section, "time index");
        if reader.array()? != TIME_INDEX_MAGIC {
            return Err(Error::corrupt("time index", 0u64, "\"MVTI\" expected"));
        }
        let count = reader.u64()?;
        let (entries, rest) = reader.take(reader.remaining())?.as_chunks();
        if entries.len() as u64 != count || !rest.is_empty() {
            return Err(Error::corrupt(
                "time index",
                4u64,
                format!("{count} entries in {} bytes", section.len()),
            ));
        }
        Ok(Self { entries })
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Timestamp and frame id of an entry.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<(i64, u64)> {
        self.entries.get(index).map(split)
    }

    /// All entries in order.
    pub fn iter(
        &self,
    ) -> impl DoubleEndedIterator<Item = (i64, u64)> + ExactSizeIterator + use<'a> {
        self.entries.iter().map(split)
    }

    /// Index of the first entry that is not before `timestamp`.
    #[must_use]
    pub fn lower_bound(&self, timestamp: i64) -> usize {
        self.entries
            .partition_point(|entry| split(entry).0 < timestamp)
    }

    /// Index of the first entry after `timestamp`.
    #[must_use]
    pub fn upper_bound(&self, timestamp: i64) -> usize {
        self.entries
            .partition_point(|entry| split(entry).0 <= timestamp)
    }

    /// Index of the first entry that is smaller than the one before it.
    #[must_use]
    pub fn sort_order_violation(&self) -> Option<usize> {
        let mut previous = None;
        self.iter().position(|entry| {
            let wrong = previous.is_some_and(|before| entry < before);
            previous = Some(entry);
            wrong
        })
    }

    /// Fails when entries are not in order.
    pub fn check_sort_order(&self) -> Result<()> {
        match self.sort_order_violation() {
            None => Ok(()),
            Some(index) => Err(Error::corrupt(
                "time index",
                HEADER + index * ENTRY,
                format!("entry {index} is earlier than the one before it"),
            )),
        }
    }
}

/// Index of the first entry that is smaller than the one before it.
#[must_use]
pub fn sort_order_violation(entries: &[(i64, u64)]) -> Option<usize> {
    entries
        .windows(2)
        .position(|pair| matches!(pair, [before, after] if after < before))
        .map(|index| index + 1)
}

fn split(entry: &[u8; ENTRY]) -> (i64, u64) {
    let number = u128::from_le_bytes(*entry);
    // The two halves of 128 bits: the casts keep the low 64 bits on purpose.
    (number as u64 as i64, (number >> 64) as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn entries_are_found_by_time() {
        let entries = [(-5, 3), (10, 0), (10, 2), (20, 1)];
        let bytes = encode(&entries);
        let index = TimeIndex::parse(&bytes).unwrap();
        assert_eq!(index.iter().collect::<Vec<_>>(), entries);
        assert_eq!(index.get(0), Some((-5, 3)));
        assert_eq!(index.get(4), None);
        assert_eq!((index.lower_bound(10), index.upper_bound(10)), (1, 3));
        assert_eq!((index.lower_bound(i64::MIN), index.lower_bound(21)), (0, 4));
        index.check_sort_order().unwrap();
    }

    #[test]
    fn wrong_magic_length_and_order_are_noticed() {
        let mut bytes = encode(&[(2, 0), (1, 1)]);
        assert!(
            TimeIndex::parse(&bytes)
                .unwrap()
                .check_sort_order()
                .is_err()
        );
        assert_eq!(sort_order_violation(&[(2, 0), (1, 1)]), Some(1));
        assert!(TimeIndex::parse(&bytes[..20]).is_err());
        bytes[4] = 3;
        assert!(TimeIndex::parse(&bytes).is_err());
        bytes[0] = 0;
        assert!(TimeIndex::parse(&bytes).is_err());
    }
}
