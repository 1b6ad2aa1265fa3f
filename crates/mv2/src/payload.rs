//! Payloads: stored as they are, or as one zstd frame.

use std::cell::RefCell;
use std::io::Read;

use zstd::bulk::{Compressor, Decompressor};
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

/// Length of the compressed payload at the start of `bytes`, whatever follows it; `None` when there is none that is whole.
#[must_use]
pub fn compressed_length(bytes: &[u8]) -> Option<usize> {
    if !bytes.starts_with(&ZSTD_MAGIC) {
        return None;
    }
    zstd::zstd_safe::find_frame_compressed_size(bytes).ok()
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
    fn a_bomb_is_stopped_at_the_promised_length() {
        let stored = compress(&vec![0; 32 << 20], 19).unwrap();
        assert!(stored.len() < 8192);
        assert!(decompress(&stored, CanonicalEncoding::Zstd, Some(100_000)).is_err());
        assert!(decompress(&stored, CanonicalEncoding::Zstd, Some(u64::MAX)).is_err());
    }
}
