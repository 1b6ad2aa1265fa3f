//! Payloads: stored as they are, or as one zstd frame.

use std::cell::RefCell;
use std::io::Read;

use zstd::bulk::{Compressor, Decompressor};
use zstd::stream::raw::Operation;
use zstd::zstd_safe::CParameter;

use crate::error::{Error, Result};
use crate::frame::{CanonicalEncoding, Frame};

/// Longest payload that is read when its length is not given, and longest that may be given: 256 MiB.
pub const MAX_PAYLOAD: u64 = 256 << 20;
/// Level that the reference uses.
pub const DEFAULT_LEVEL: i32 = 3;

thread_local! {
    // A compression context is about a megabyte; making one for each of many short texts costs more than the work.
    static COMPRESSORS: RefCell<Vec<(i32, Compressor<'static>)>> = const { RefCell::new(Vec::new()) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Compresses to one zstd frame without content size or checksum, as the reference writes it.
///
/// At level 0 (or below) the bytes come back as they are, to be stored as [`CanonicalEncoding::Plain`].
pub fn compress(bytes: &[u8], level: i32) -> Result<Vec<u8>> {
    if level <= 0 {
        return Ok(bytes.to_vec());
    }
    let level = level_for(level, bytes.len());
    COMPRESSORS
        .with_borrow_mut(|kept| {
            if let Some((_, compressor)) = kept.iter_mut().find(|(one, _)| *one == level) {
                return compressor.compress(bytes);
            }
            let mut compressor = Compressor::new(level)?;
            compressor.set_parameter(CParameter::ContentSizeFlag(false))?;
            let out = compressor.compress(bytes);
            // Callers use one level, or two with the one for short texts.
            kept.truncate(1);
            kept.push((level, compressor));
            out
        })
        .map_err(|source| Error::Compress { source })
}

/// A short text gives nothing to search in: at the default level it takes 15 % more time than at the first, for the same
/// bytes (50 000 passages of 430 characters: 288.9 bytes each at level 3, 288.4 at level 1).
fn level_for(level: i32, length: usize) -> i32 {
    const SHORT: usize = 1024;
    if level == DEFAULT_LEVEL && length < SHORT {
        1
    } else {
        level
    }
}

/// Gives back what was stored.
///
/// Output is limited to `canonical_length`, or to [`MAX_PAYLOAD`] without one, and memory grows with what is really
/// decoded, so that a small hostile payload costs nothing. Fails when the length differs from `canonical_length`.
pub fn decompress(
    stored: &[u8],
    encoding: CanonicalEncoding,
    canonical_length: Option<u64>,
) -> Result<Vec<u8>> {
    let limit = canonical_length.unwrap_or(MAX_PAYLOAD);
    if limit > MAX_PAYLOAD {
        return Err(Error::TooLarge {
            what: "a payload",
            size: limit,
            limit: MAX_PAYLOAD,
        });
    }
    let out = match encoding {
        CanonicalEncoding::Plain => {
            if stored.len() as u64 > MAX_PAYLOAD {
                return Err(Error::TooLarge {
                    what: "a payload",
                    size: stored.len() as u64,
                    limit: MAX_PAYLOAD,
                });
            }
            stored.to_vec()
        }
        CanonicalEncoding::Zstd => decode_zstd(stored, limit)?,
    };
    match canonical_length {
        Some(expected) if expected != out.len() as u64 => Err(Error::corrupt(
            "payload",
            0u64,
            format!("{} bytes were decoded, {expected} expected", out.len()),
        )),
        _ if out.len() as u64 > limit => Err(Error::TooLarge {
            what: "a payload",
            size: out.len() as u64,
            limit,
        }),
        _ => Ok(out),
    }
}

fn unready(source: std::io::Error) -> Error {
    Error::Compress { source }
}

fn decode_zstd(stored: &[u8], limit: u64) -> Result<Vec<u8>> {
    let damaged = |error: std::io::Error| {
        Error::corrupt("payload", 0u64, format!("it does not decompress: {error}"))
    };
    // Short texts, the common case: one call into memory that is reserved at once.
    if limit <= 64 << 10 {
        let capacity = usize::try_from(limit).unwrap_or(0);
        return DECOMPRESSOR
            .with_borrow_mut(|slot| {
                let decompressor = match slot {
                    Some(decompressor) => decompressor,
                    None => slot.insert(Decompressor::new()?),
                };
                decompressor.decompress(stored, capacity)
            })
            .map_err(damaged);
    }
    let mut out = Vec::new();
    zstd::stream::read::Decoder::with_buffer(stored)
        .map_err(damaged)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut out)
        .map_err(damaged)?;
    Ok(out)
}

/// First bytes of a compressed payload.
pub const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// Finds compressed payloads in bytes of any kind. What only looks like one is read, too: together no more than was allowed.
pub struct PayloadFinder {
    decoder: zstd::stream::raw::Decoder<'static>,
    /// Bytes that may still be read and decoded.
    left: u64,
}

/// A compressed payload that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPayload {
    /// Where it stands.
    pub stored: std::ops::Range<usize>,
    /// What it holds.
    pub content: Vec<u8>,
}

impl PayloadFinder {
    /// `budget` bytes are read and decoded, and a few more where that ends inside of a payload.
    ///
    /// Fails when there is no memory for the decoder.
    pub fn new(budget: u64) -> Result<Self> {
        let decoder = zstd::stream::raw::Decoder::new().map_err(unready)?;
        Ok(Self {
            decoder,
            left: budget,
        })
    }

    /// The first one at or behind `from` that is whole; `None` when none follows, or nothing may be read any more.
    pub fn next(&mut self, bytes: &[u8], from: usize) -> Option<FoundPayload> {
        let mut position = from;
        loop {
            let rest = bytes.get(position..)?;
            let start = position + memchr::memmem::find(rest, &ZSTD_MAGIC)?;
            if let Some((length, content)) = self.decode(bytes.get(start..)?)? {
                let stored = start..start + length;
                return Some(FoundPayload { stored, content });
            }
            position = start + 1;
        }
    }

    /// `None` when nothing is left.
    fn spend(&mut self, bytes: u64) -> Option<()> {
        let left = self.left.checked_sub(bytes);
        self.left = left.unwrap_or(0);
        left.map(drop)
    }

    /// The payload at the start of `bytes`, and its stored length; `Some(None)` when there is none, and `None` when nothing
    /// is left of the budget.
    fn decode(&mut self, bytes: &[u8]) -> Option<Option<(usize, Vec<u8>)>> {
        /// The decoder looks through all that it is given first: a little is enough to find most look-alikes out.
        const FIRST: usize = 1 << 10;
        /// What a look-alike costs in any case.
        const LEAST: u64 = 256;
        self.spend(LEAST)?;
        self.decoder.reinit().ok()?;
        let mut content = Vec::new();
        let mut piece = vec![0; 16 << 10];
        let mut read = 0;
        let mut given = FIRST.min(bytes.len());
        loop {
            let input = bytes.get(read..given)?;
            let Ok(status) = self.decoder.run_on_buffers(input, &mut piece) else {
                return Some(None);
            };
            read += status.bytes_read;
            content.extend_from_slice(piece.get(..status.bytes_written)?);
            self.spend((status.bytes_read + status.bytes_written) as u64)?;
            if status.remaining == 0 {
                return Some(Some((read, content)));
            }
            let is_starved = read == given && status.bytes_written < piece.len();
            if content.len() as u64 > MAX_PAYLOAD || is_starved && given == bytes.len() {
                return Some(None);
            }
            if is_starved {
                given = bytes.len().min(given.saturating_mul(4));
            }
        }
    }
}

/// The stored bytes of a frame's payload inside the whole file; empty when it has none.
pub fn stored<'a>(file: &'a [u8], frame: &Frame) -> Result<&'a [u8]> {
    crate::view::payload_range(file, frame.id, frame.payload_offset, frame.payload_length)
}

/// Reads and decodes the payload of a frame, without verifying its checksum: see [`crate::verify::payload_checksum`].
pub fn read(file: &[u8], frame: &Frame) -> Result<Vec<u8>> {
    let stored = stored(file, frame)?;
    if stored.is_empty() {
        return Ok(Vec::new());
    }
    decompress(stored, frame.canonical_encoding, frame.canonical_length)
        .map_err(|error| error.at(frame.payload_offset))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_text_becomes_one_frame_without_content_size() {
        let text = "Cherries are dark. Bob works at Acme Corporation.".repeat(3);
        for _ in 0..2 {
            let stored = compress(text.as_bytes(), DEFAULT_LEVEL).unwrap();
            assert_eq!(stored[..5], [0x28, 0xb5, 0x2f, 0xfd, 0]);
            let zstd = CanonicalEncoding::Zstd;
            let length = Some(text.len() as u64);
            assert_eq!(decompress(&stored, zstd, length).unwrap(), text.as_bytes());
            assert_eq!(decompress(&stored, zstd, None).unwrap(), text.as_bytes());
            assert!(decompress(&stored, zstd, Some(3)).is_err());
            assert!(decompress(&stored, zstd, Some(4096)).is_err());
            assert!(decompress(&stored[..20], zstd, length).is_err());
        }
        assert_eq!(compress(b"abc", 0).unwrap(), b"abc");
        let empty = compress(b"", 3).unwrap();
        assert_eq!(
            decompress(&empty, CanonicalEncoding::Zstd, Some(0)).unwrap(),
            b""
        );
    }

    #[test]
    fn payloads_are_found_between_other_bytes() {
        let texts = ["one ".repeat(3), "two ".repeat(40_000), String::new()];
        let mut bytes = vec![7; 50];
        for text in &texts {
            bytes.extend(compress(text.as_bytes(), DEFAULT_LEVEL).unwrap());
            bytes.extend([0x28, 0xB5, 0x2F, 0xFD, 9]);
        }
        // One that is cut off.
        let cut = compress(texts[1].as_bytes(), DEFAULT_LEVEL).unwrap();
        bytes.extend(&cut[..cut.len() - 1]);
        let mut finder = PayloadFinder::new(1 << 20).unwrap();
        let mut found = Vec::new();
        let mut position = 0;
        while let Some(payload) = finder.next(&bytes, position) {
            position = payload.stored.end;
            let stored = &bytes[payload.stored];
            let alone = decompress(stored, CanonicalEncoding::Zstd, None).unwrap();
            assert_eq!(alone, payload.content);
            found.push(String::from_utf8(payload.content).unwrap());
        }
        assert_eq!(found, texts);
    }

    /// A beginning of a compressed payload, then empty blocks (or such beginnings inside of stored blocks) to the end.
    fn chained(count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..count {
            // A block of 6 bytes that are stored as they are: the beginning of another one, with a window of 1 KiB.
            bytes.extend([6 << 3, 0, 0]);
            bytes.extend(ZSTD_MAGIC);
            bytes.extend([0, 0]);
        }
        bytes.extend([0xFF; 16]);
        bytes
    }

    #[test]
    fn payloads_that_never_end_are_not_read_without_end() {
        let bytes = chained(5000);
        let budget = 16 * bytes.len() as u64;
        let mut finder = PayloadFinder::new(budget).unwrap();
        assert_eq!(finder.next(&bytes, 0), None);
        assert_eq!(finder.left, 0);
        // Each of them alone reads to the end.
        let mut finder = PayloadFinder::new(u64::MAX).unwrap();
        assert_eq!(finder.next(&bytes, 0), None);
        let read = u64::MAX - finder.left;
        assert!(read > 1000 * bytes.len() as u64, "{read} bytes were read");
    }

    #[test]
    fn a_bomb_is_stopped_at_the_promised_length() {
        let stored = compress(&vec![0; 32 << 20], 19).unwrap();
        assert!(stored.len() < 8192);
        assert!(decompress(&stored, CanonicalEncoding::Zstd, Some(100_000)).is_err());
        assert!(decompress(&stored, CanonicalEncoding::Zstd, Some(u64::MAX)).is_err());
    }
}
