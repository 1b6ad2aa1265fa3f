//! What the header of a record says, and the check of it.

use crate::codec::Reader;
use crate::error::Result;

/// Bits of the fourth field that count the records that follow in the batch. The others are the check.
pub const REMAINING_BITS: u32 = 20;

/// The largest prime number of 12 bits: a remainder by it changes with every change of a single byte, because no power of 256
/// and no difference of two bytes is a multiple of it.
const PRIME: u128 = 4093;

/// The header of a record as it stands there.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    pub sequence: u64,
    pub length: u32,
    pub batch_remaining: u32,
    pub checksum: [u8; 32],
    check: u32,
}

impl Claim {
    /// Reads it from the first bytes.
    pub fn read(header: &[u8]) -> Result<Self> {
        let mut reader = Reader::named(header, "wal");
        let (sequence, length, field) = (reader.u64()?, reader.u32()?, reader.u32()?);
        Ok(Self {
            sequence,
            length,
            batch_remaining: field & ((1 << REMAINING_BITS) - 1),
            checksum: reader.array()?,
            check: field >> REMAINING_BITS,
        })
    }

    /// Whether the log ends in front of it.
    pub fn is_end(&self) -> bool {
        self.sequence == 0 && self.length == 0
    }

    /// Whether the writer gave a check.
    pub fn is_checked(&self) -> bool {
        self.check != 0
    }

    /// Whether the check is of other fields.
    pub fn is_refuted(&self) -> bool {
        self.is_checked() && self.check != check(self.sequence, self.length, self.batch_remaining)
    }

    /// Sequence of the last record of the batch.
    pub fn batch_end(&self) -> u64 {
        self.sequence
            .saturating_add(u64::from(self.batch_remaining))
    }
}

/// The fourth field of a record.
pub fn field(sequence: u64, length: u32, batch_remaining: u32) -> u32 {
    let remaining = batch_remaining.min((1 << REMAINING_BITS) - 1);
    check(sequence, length, remaining) << REMAINING_BITS | remaining
}

/// 1 to 4093.
fn check(sequence: u64, length: u32, batch_remaining: u32) -> u32 {
    let fields =
        u128::from(sequence) << 64 | u128::from(length) << 32 | u128::from(batch_remaining);
    u32::try_from(fields % PRIME).unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn header(sequence: u64, length: u32, remaining: u32) -> [u8; 48] {
        let mut header = [7; 48];
        header[..8].copy_from_slice(&sequence.to_le_bytes());
        header[8..12].copy_from_slice(&length.to_le_bytes());
        header[12..16].copy_from_slice(&field(sequence, length, remaining).to_le_bytes());
        header
    }

    #[test]
    fn every_change_of_one_byte_is_refuted_or_changes_nothing() {
        for (sequence, length, remaining) in [(1, 200, 0), (70_000, 5, 3), (9, 1 << 20, 90_000)] {
            let intact = header(sequence, length, remaining);
            let claim = Claim::read(&intact).unwrap();
            assert!(claim.is_checked() && !claim.is_refuted());
            assert_eq!(claim.batch_end(), sequence + u64::from(remaining));
            for at in 0..16 {
                for change in 1..=255 {
                    let mut damaged = intact;
                    damaged[at] ^= change;
                    let read = Claim::read(&damaged).unwrap();
                    let same = (read.sequence, read.length, read.batch_remaining)
                        == (sequence, length, remaining);
                    assert!(read.is_refuted() || same, "byte {at}, {change}");
                }
            }
        }
    }
}
