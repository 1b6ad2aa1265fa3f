//! The first page of the file.

use crate::error::{Error, Result};

/// Length of the header page in bytes.
pub const HEADER_SIZE: usize = 4096;
/// First four bytes of a memory.
pub const MAGIC: [u8; 4] = *b"MV2\0";
/// First four bytes of an encrypted capsule.
pub const CAPSULE_MAGIC: [u8; 4] = *b"MV2E";
/// Format version, as u16.
pub const VERSION: u16 = 0x0201;
/// Size of the log in new files, in bytes.
pub const DEFAULT_WAL_SIZE: u64 = 256 * 1024;

/// The values of the header page. The rest of the page is written as zeros and ignored when read.
///
/// | offset | size | field |
/// |-------:|-----:|-------|
/// | 0  | 4  | magic `MV2\0` |
/// | 4  | 2  | version 0x0201 |
/// | 6  | 1  | major version 2 |
/// | 7  | 1  | minor version 1 |
/// | 8  | 8  | `footer_offset` |
/// | 16 | 8  | `wal_offset` |
/// | 24 | 8  | `wal_size` |
/// | 32 | 8  | `wal_checkpoint_pos` |
/// | 40 | 8  | `wal_sequence` |
/// | 48 | 32 | `toc_checksum` |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Offset of the start of the table of contents, despite its name.
    pub footer_offset: u64,
    /// Offset of the log, at least 4096.
    pub wal_offset: u64,
    /// Size of the log in bytes, not zero.
    pub wal_size: u64,
    /// Position in the log behind the last applied record; informative.
    pub wal_checkpoint_pos: u64,
    /// Highest log sequence that the table of contents already contains.
    pub wal_sequence: u64,
    /// Copy of the last 32 bytes of the table of contents.
    pub toc_checksum: [u8; 32],
}

impl Default for Header {
    fn default() -> Self {
        Self {
            footer_offset: 0,
            wal_offset: HEADER_SIZE as u64,
            wal_size: DEFAULT_WAL_SIZE,
            wal_checkpoint_pos: 0,
            wal_sequence: 0,
            toc_checksum: [0; 32],
        }
    }
}

fn field<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    let mut out = [0; N];
    if let Some(source) = bytes.get(offset..offset + N) {
        out.copy_from_slice(source);
    }
    out
}

impl Header {
    /// Reads the header from the first bytes of a file.
    ///
    /// Fails when fewer than [`HEADER_SIZE`] bytes are given, on another magic or version and on a log region that
    /// cannot be.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let number = |offset| u64::from_le_bytes(field(bytes, offset));
        let Some(page) = bytes.get(..HEADER_SIZE) else {
            return Err(Error::corrupt(
                "header",
                bytes.len(),
                format!("{} bytes found, a header has {HEADER_SIZE}", bytes.len()),
            ));
        };
        let magic: [u8; 4] = field(page, 0);
        if magic != MAGIC {
            return Err(Error::corrupt(
                "header",
                0u64,
                format!(
                    "the file starts with \"{}\", not with \"MV2\\0\"",
                    magic.escape_ascii()
                ),
            ));
        }
        let version = u16::from_le_bytes(field(page, 4));
        if version != VERSION || field(page, 6) != [2, 1] {
            let [major, minor] = field(page, 6);
            return Err(Error::corrupt(
                "header",
                4u64,
                format!(
                    "unsupported version {version:#06x} ({major}.{minor}), expected 0x0201 (2.1)"
                ),
            ));
        }
        let header = Self {
            footer_offset: number(8),
            wal_offset: number(16),
            wal_size: number(24),
            wal_checkpoint_pos: number(32),
            wal_sequence: number(40),
            toc_checksum: field(page, 48),
        };
        if header.wal_offset < HEADER_SIZE as u64
            || header.wal_size == 0
            || header.wal_offset.checked_add(header.wal_size).is_none()
        {
            return Err(Error::corrupt(
                "header",
                16u64,
                format!(
                    "a log of {} bytes at {} cannot be",
                    header.wal_size, header.wal_offset
                ),
            ));
        }
        Ok(header)
    }

    /// The whole page.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_SIZE] {
        let mut page = [0; HEADER_SIZE];
        let mut put = |offset: usize, bytes: &[u8]| {
            if let Some(target) = page.get_mut(offset..offset + bytes.len()) {
                target.copy_from_slice(bytes);
            }
        };
        put(0, &MAGIC);
        put(4, &VERSION.to_le_bytes());
        put(6, &[2, 1]);
        put(8, &self.footer_offset.to_le_bytes());
        put(16, &self.wal_offset.to_le_bytes());
        put(24, &self.wal_size.to_le_bytes());
        put(32, &self.wal_checkpoint_pos.to_le_bytes());
        put(40, &self.wal_sequence.to_le_bytes());
        put(48, &self.toc_checksum);
        page
    }

    /// Offset of the first byte behind the log, where payloads may start.
    #[must_use]
    pub fn wal_end(&self) -> u64 {
        self.wal_offset.saturating_add(self.wal_size)
    }
}

/// Where the hint stands in the part of the page that readers of the format ignore and the reference zeroes.
const HINT_OFFSET: usize = 144;
const HINT_MAGIC: [u8; 8] = *b"MV2TOCL2";
/// Everything a header says stands in front of this.
pub const FIELDS: usize = 80;

/// Notes the length of the table of contents in a header page, and the CRC-32 of both. With it a reader finds the footer
/// while another process writes the next commit behind it, and a header that was damaged, or torn by a crash, is known for
/// one; without it (another program wrote the header) the footer is searched for.
pub fn set_toc_length(page: &mut [u8; HEADER_SIZE], length: u64) {
    page[HINT_OFFSET..HINT_OFFSET + 8].copy_from_slice(&HINT_MAGIC);
    page[HINT_OFFSET + 8..HINT_OFFSET + 16].copy_from_slice(&length.to_le_bytes());
    let checksum = checksum(page).unwrap_or_default();
    page[HINT_OFFSET + 16..HINT_OFFSET + 20].copy_from_slice(&checksum.to_le_bytes());
}

fn checksum(page: &[u8]) -> Option<u32> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(page.get(..FIELDS)?);
    hasher.update(page.get(HINT_OFFSET..HINT_OFFSET + 16)?);
    Some(hasher.finalize())
}

/// Whether the header is as it was written; `None` where that is not known, because another program wrote it, with zeros or
/// anything else where ours has more to say.
#[must_use]
pub fn is_intact(page: &[u8]) -> Option<bool> {
    let hint = page.get(HINT_OFFSET..HINT_OFFSET + 20)?;
    let expected = u32::from_le_bytes(field(hint, 16));
    let magic = hint[..8].iter().zip(HINT_MAGIC);
    match magic.filter(|(byte, expected)| *byte == expected).count() {
        8 => Some(checksum(page) == Some(expected)),
        // What is nearly ours was ours.
        4..8 => Some(false),
        _ => None,
    }
}

/// The noted length of the table of contents, if there is one. Only a hint: what it leads to must be verified.
#[must_use]
pub fn toc_length(page: &[u8]) -> Option<u64> {
    let hint = page.get(HINT_OFFSET..HINT_OFFSET + 16)?;
    (hint[..8] == HINT_MAGIC).then(|| u64::from_le_bytes(field(hint, 8)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_page_comes_back_as_it_was_written() {
        let header = Header {
            footer_offset: 76009,
            wal_sequence: 3,
            wal_checkpoint_pos: 1779,
            wal_size: 65536,
            toc_checksum: [9; 32],
            ..Header::default()
        };
        let page = header.encode();
        assert_eq!(Header::decode(&page).unwrap(), header);
        assert_eq!(
            page[..16],
            [
                0x4d, 0x56, 0x32, 0, 1, 2, 2, 1, 0xe9, 0x28, 1, 0, 0, 0, 0, 0
            ]
        );
    }

    #[test]
    fn damage_to_a_header_with_a_hint_is_known() {
        let mut page = Header::default().encode();
        assert_eq!(is_intact(&page), None);
        set_toc_length(&mut page, 77);
        assert_eq!(
            (is_intact(&page), toc_length(&page)),
            (Some(true), Some(77))
        );
        for at in (0..FIELDS).chain(HINT_OFFSET..HINT_OFFSET + 20) {
            let mut damaged = page;
            damaged[at] ^= 4;
            assert_eq!(is_intact(&damaged), Some(false), "byte {at}");
        }
        let mut of_another = page;
        of_another[FIELDS..].fill(0);
        assert_eq!(
            (is_intact(&of_another), toc_length(&of_another)),
            (None, None)
        );
    }

    #[test]
    fn a_log_region_that_cannot_be_is_refused() {
        for (offset, size) in [(0, 65536), (4095, 65536), (4096, 0), (u64::MAX, 10)] {
            let page = Header {
                wal_offset: offset,
                wal_size: size,
                ..Header::default()
            }
            .encode();
            assert!(Header::decode(&page).is_err(), "{offset} {size}");
        }
    }

    #[test]
    fn a_short_page_and_another_version_are_refused() {
        assert!(Header::decode(&[]).is_err());
        let mut page = Header::default().encode();
        assert!(Header::decode(&page[..1000]).is_err());
        page[7] = 2;
        assert!(Header::decode(&page).is_err());
    }
}
