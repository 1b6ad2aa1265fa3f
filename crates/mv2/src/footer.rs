//! The last 56 bytes of a sealed file.

use crate::error::{Error, Result};

/// Length of the footer in bytes.
pub const FOOTER_SIZE: usize = 56;
/// First eight bytes of the footer.
pub const FOOTER_MAGIC: [u8; 8] = *b"MV2FOOT!";

/// Names the table of contents directly before it.
///
/// | offset | size | field                              |
/// |-------:|-----:|------------------------------------|
/// |      0 |    8 | magic `MV2FOOT!`                   |
/// |      8 |    8 | length of the table of contents    |
/// |     16 |   32 | BLAKE3 of the table of contents    |
/// |     48 |    8 | generation, one more per commit    |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    /// Length of the table of contents in bytes, not zero.
    pub toc_len: u64,
    /// BLAKE3 of the table of contents as stored.
    pub toc_hash: [u8; 32],
    /// Number of commits so far.
    pub generation: u64,
}

impl Footer {
    /// Reads a footer from the first 56 bytes. The hash is not checked: see [`find_last`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = crate::codec::Reader::named(bytes, "footer");
        let magic: [u8; 8] = reader.array()?;
        if magic != FOOTER_MAGIC {
            return Err(Error::corrupt("footer", 0u64, "\"MV2FOOT!\" expected"));
        }
        let footer = Self {
            toc_len: reader.u64()?,
            toc_hash: reader.array()?,
            generation: reader.u64()?,
        };
        if footer.toc_len == 0 {
            return Err(Error::corrupt(
                "footer",
                8u64,
                "the table of contents has no bytes",
            ));
        }
        Ok(footer)
    }

    /// The 56 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; FOOTER_SIZE] {
        let mut out = [0; FOOTER_SIZE];
        out[..8].copy_from_slice(&FOOTER_MAGIC);
        out[8..16].copy_from_slice(&self.toc_len.to_le_bytes());
        out[16..48].copy_from_slice(&self.toc_hash);
        out[48..].copy_from_slice(&self.generation.to_le_bytes());
        out
    }

    /// The footer for a table of contents.
    #[must_use]
    pub fn for_toc(toc: &[u8], generation: u64) -> Self {
        Self {
            toc_len: toc.len() as u64,
            toc_hash: crate::hash(toc),
            generation,
        }
    }
}

/// Finds the last footer whose table of contents lies before it and has the hash it names.
///
/// Bytes behind it are tolerated; look-alikes are skipped. Hashing is bounded to a few times the size of the file, so that
/// bytes full of look-alikes cost linear time.
#[must_use]
pub fn find_last(bytes: &[u8]) -> Option<(u64, Footer)> {
    find_last_where(bytes, |_, _| true)
}

/// Like [`find_last`], of those that `is_meant` takes. It gets the place of the footer and the footer.
pub fn find_last_where(
    bytes: &[u8],
    mut is_meant: impl FnMut(u64, &Footer) -> bool,
) -> Option<(u64, Footer)> {
    let mut end = bytes.len();
    let mut budget = bytes.len().saturating_mul(4).saturating_add(1 << 26);
    while let Some(position) = bytes
        .get(..end)
        .and_then(|head| memchr::memmem::rfind(head, &FOOTER_MAGIC))
    {
        if let Some(footer) = bytes
            .get(position..)
            .and_then(|tail| Footer::decode(tail).ok())
            && let Some(toc) = usize::try_from(footer.toc_len)
                .ok()
                .and_then(|length| position.checked_sub(length))
                .and_then(|start| bytes.get(start..position))
        {
            budget = budget.checked_sub(toc.len())?;
            if crate::hash(toc) == footer.toc_hash && is_meant(position as u64, &footer) {
                return Some((position as u64, footer));
            }
        }
        // The magic does not overlap itself, so the next one ends before this one starts.
        end = position;
    }
    None
}

/// All footers in a file from front to end, with their places. Nothing is hashed: look-alikes are among them.
pub fn find_all(bytes: &[u8]) -> impl Iterator<Item = (u64, Footer)> + '_ {
    memchr::memmem::find_iter(bytes, &FOOTER_MAGIC).filter_map(|position| {
        let footer = Footer::decode(bytes.get(position..)?).ok()?;
        (footer.toc_len <= position as u64).then_some((position as u64, footer))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sealed(toc: &[u8], generation: u64) -> Vec<u8> {
        let mut out = toc.to_vec();
        out.extend_from_slice(&Footer::for_toc(toc, generation).encode());
        out
    }

    #[test]
    fn the_last_footer_with_a_matching_hash_wins() {
        let mut bytes = sealed(b"first", 1);
        bytes.extend_from_slice(&sealed(b"second", 2));
        let good = bytes.len() - FOOTER_SIZE;
        bytes.extend_from_slice(&sealed(b"third", 3));
        let last = bytes.len() - 1;
        bytes[last - 20] ^= 1;
        bytes.extend_from_slice(b"MV2FOOT!");
        let (position, footer) = find_last(&bytes).unwrap();
        assert_eq!((position, footer.generation), (good as u64, 2));
    }

    #[test]
    fn a_length_beyond_the_start_of_the_file_is_no_footer() {
        let mut bytes = sealed(b"toc", 1);
        bytes[3 + 8] = 200;
        assert!(find_last(&bytes).is_none());
        assert!(find_last(b"").is_none());
        assert!(find_last(b"MV2FOO").is_none());
    }

    #[test]
    fn a_footer_comes_back_as_it_was_written() {
        let footer = Footer {
            toc_len: 5,
            toc_hash: [3; 32],
            generation: 8,
        };
        assert_eq!(Footer::decode(&footer.encode()).unwrap(), footer);
    }
}
