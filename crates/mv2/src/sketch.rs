//! The sketch track: a small fingerprint for each frame that the reference uses to pick candidates.
//!
//! A header of 24 bytes, then one entry for each frame id from 0 on, without ids: a frame without text has zeros.
//!
//! | offset | size | field of the header |
//! |-------:|-----:|---------------------|
//! |  0 | 4 | `MVSK` |
//! |  4 | 2 | version 1 |
//! |  6 | 2 | size of an entry: 32, 64 or 96 |
//! |  8 | 8 | number of entries |
//! | 16 | 4 | flags 0 |
//! | 20 | 4 | reserved 0 |
//!
//! | offset | size | field of an entry of 32 bytes |
//! |-------:|-----:|-------------------------------|
//! |  0 | 8  | simhash |
//! |  8 | 16 | filter of terms |
//! | 24 | 8  | two folded hashes of the heaviest terms |

mod words;

use crate::codec::Reader;
use crate::error::{Error, Result};
use words::WordCounter;

/// First four bytes of the section.
pub const SKETCH_MAGIC: [u8; 4] = *b"MVSK";
/// Length of the section header in bytes.
pub const HEADER_SIZE: usize = 24;
/// Length of the entries this crate writes, in bytes.
pub const ENTRY_SIZE: usize = 32;
const FILTER_BITS: u64 = 128;

/// Computes entries; remembers the hashes of words, since texts share most of theirs.
#[derive(Debug, Default)]
pub struct SketchHasher {
    words: WordCounter,
}

impl SketchHasher {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The entry of a text.
    pub fn entry(&mut self, text: &str) -> [u8; ENTRY_SIZE] {
        let mut votes = Votes::default();
        let mut filter = [0u8; 16];
        let mut heaviest: [Option<(u32, u64)>; 2] = [None; 2];
        self.words.each(text, |hash, count| {
            // The format weighs in hundreds, which changes no comparison.
            let weight = count.min(3);
            votes.add(hash, weight);
            for shift in [0, 16, 32] {
                let bit = (hash >> shift) % FILTER_BITS;
                // `bit` is below 128, so the byte index is below 16.
                if let Some(byte) = filter.get_mut((bit / 8) as usize) {
                    *byte |= 1 << (bit % 8);
                }
            }
            // Heavier first, then the smaller hash.
            let before = |other: Option<(u32, u64)>| {
                other.is_none_or(|(other_weight, other_hash)| {
                    (weight, other_hash) > (other_weight, hash)
                })
            };
            if before(heaviest[0]) {
                heaviest = [Some((weight, hash)), heaviest[0]];
            } else if before(heaviest[1]) {
                heaviest[1] = Some((weight, hash));
            }
        });
        let mut out = [0; ENTRY_SIZE];
        out[..8].copy_from_slice(&votes.majority().to_le_bytes());
        out[8..24].copy_from_slice(&filter);
        for (slot, term) in out[24..].chunks_exact_mut(4).zip(heaviest) {
            // The low half of the folded hash: the cast drops the high half on purpose.
            let folded = term.map_or(0, |(_, hash)| (hash ^ (hash >> 32)) as u32);
            slot.copy_from_slice(&folded.to_le_bytes());
        }
        out
    }
}

/// Weighs each of 64 bits: does it carry more weight set than clear?
///
/// Eight lanes of eight bits are added in one step; they are emptied before they can overflow.
struct Votes {
    lanes: [u64; 8],
    lane_weight: u32,
    set: [u32; 64],
    total: u32,
}

impl Default for Votes {
    fn default() -> Self {
        Self {
            lanes: [0; 8],
            lane_weight: 0,
            set: [0; 64],
            total: 0,
        }
    }
}

/// For each byte, its bits as eight bytes of 0 or 1.
const SPREAD: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            table[byte] |= ((byte as u64 >> bit) & 1) << (8 * bit);
            bit += 1;
        }
        byte += 1;
    }
    table
};

impl Votes {
    /// `weight` is at most 3.
    fn add(&mut self, hash: u64, weight: u32) {
        if self.lane_weight + weight > 255 {
            self.empty_lanes();
        }
        self.lane_weight += weight;
        self.total = self.total.saturating_add(weight);
        for (lane, byte) in self.lanes.iter_mut().zip(hash.to_le_bytes()) {
            *lane += SPREAD[usize::from(byte)] * u64::from(weight);
        }
    }

    fn empty_lanes(&mut self) {
        for (sums, lane) in self.set.chunks_exact_mut(8).zip(&mut self.lanes) {
            for (sum, votes) in sums.iter_mut().zip(lane.to_le_bytes()) {
                *sum = sum.saturating_add(u32::from(votes));
            }
            *lane = 0;
        }
        self.lane_weight = 0;
    }

    /// A bit is set when the words that have it outweigh those that have not.
    fn majority(mut self) -> u64 {
        self.empty_lanes();
        let mut bits = 0;
        for (bit, sum) in self.set.iter().enumerate() {
            bits |= u64::from(u64::from(*sum) * 2 > u64::from(self.total)) << bit;
        }
        bits
    }
}

/// The entry of one text. For many texts use a [`SketchHasher`].
#[must_use]
pub fn sketch_entry(text: &str) -> [u8; ENTRY_SIZE] {
    SketchHasher::new().entry(text)
}

/// The header in front of `count` entries of [`ENTRY_SIZE`] bytes.
#[must_use]
pub fn encode_header(count: u64) -> [u8; HEADER_SIZE] {
    let mut out = [0; HEADER_SIZE];
    out[..4].copy_from_slice(&SKETCH_MAGIC);
    out[4..6].copy_from_slice(&1u16.to_le_bytes());
    out[6..8].copy_from_slice(&(ENTRY_SIZE as u16).to_le_bytes());
    out[8..16].copy_from_slice(&count.to_le_bytes());
    out
}

/// A sketch track that is read in place.
#[derive(Debug, Clone, Copy)]
pub struct SketchTrack<'a> {
    /// Size of an entry in bytes: 32, 64 or 96.
    pub entry_size: usize,
    /// Flags of the header.
    pub flags: u32,
    /// The entries back to back.
    pub entries: &'a [u8],
}

/// Checks the header and the length of a section.
pub fn parse(section: &[u8]) -> Result<SketchTrack<'_>> {
    let mut reader = Reader::named(section, "sketch track");
    if reader.array()? != SKETCH_MAGIC {
        return Err(Error::corrupt("sketch track", 0u64, "\"MVSK\" expected"));
    }
    let version = reader.u16()?;
    let entry_size = usize::from(reader.u16()?);
    let count = reader.u64()?;
    let flags = reader.u32()?;
    reader.u32()?;
    let entries = reader.take(reader.remaining())?;
    let fits = usize::try_from(count)
        .ok()
        .and_then(|count| count.checked_mul(entry_size))
        == Some(entries.len());
    if version != 1 || ![32, 64, 96].contains(&entry_size) || !fits {
        return Err(Error::corrupt(
            "sketch track",
            4u64,
            format!(
                "version {version}, {count} entries of {entry_size} bytes in {}",
                entries.len()
            ),
        ));
    }
    Ok(SketchTrack {
        entry_size,
        flags,
        entries,
    })
}

impl<'a> SketchTrack<'a> {
    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len() / self.entry_size
    }

    /// True without entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The bytes of an entry.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let start = index.checked_mul(self.entry_size)?;
        self.entries.get(start..start.checked_add(self.entry_size)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_text_without_words_has_an_entry_of_zeros() {
        assert_eq!(sketch_entry(""), [0; 32]);
        assert_eq!(sketch_entry("a . b ! c"), [0; 32]);
        assert_ne!(sketch_entry("ä"), [0; 32], "two bytes of UTF-8 are a word");
    }

    #[test]
    fn the_order_of_words_and_their_case_do_not_matter() {
        let mut hasher = SketchHasher::new();
        let first = hasher.entry("Apples are RED, apples are sweet");
        assert_eq!(first, hasher.entry("sweet are apples red apples are"));
        assert_eq!(first, sketch_entry("apples apples are are red sweet"));
        assert_ne!(first, sketch_entry("apples are red sweet"));
    }

    #[test]
    fn many_words_vote_like_few() {
        let words: Vec<_> = (0..1000).map(|number| format!("word{number}")).collect();
        let text = words.join(" ");
        let mut sums = [0i64; 64];
        for word in &words {
            let hash = u64::from_le_bytes(
                blake3::hash(word.as_bytes()).as_bytes()[..8]
                    .try_into()
                    .unwrap(),
            );
            for (bit, sum) in sums.iter_mut().enumerate() {
                *sum += if hash >> bit & 1 == 1 { 100 } else { -100 };
            }
        }
        let expected = sums
            .iter()
            .enumerate()
            .fold(0u64, |bits, (bit, sum)| bits | u64::from(*sum > 0) << bit);
        assert_eq!(sketch_entry(&text)[..8], expected.to_le_bytes());
    }

    #[test]
    fn a_track_comes_back_as_it_was_written() {
        let mut section = encode_header(2).to_vec();
        section.extend_from_slice(&sketch_entry("one two"));
        section.extend_from_slice(&[0; 32]);
        let track = parse(&section).unwrap();
        assert_eq!((track.len(), track.entry_size), (2, 32));
        assert_eq!(track.get(0).unwrap(), sketch_entry("one two"));
        assert!(track.get(2).is_none());
        assert!(parse(&section[..section.len() - 1]).is_err());
    }
}
