//! Encrypted capsules, `.mv2e`: a whole memory under a password.
//!
//! | offset | size | field of the header |
//! |-------:|-----:|---------------------|
//! |  0 |  4 | `MV2E` |
//! |  4 |  2 | version 1 |
//! |  6 |  1 | key derivation: 1 = Argon2id, 64 MiB, 3 passes, 4 lanes |
//! |  7 |  1 | cipher: 1 = AES-256-GCM |
//! |  8 | 32 | salt |
//! | 40 | 12 | base nonce |
//! | 52 |  8 | size of the memory in bytes |
//! | 60 |  4 | 1 = chunks, 0 = one piece |
//!
//! Chunks: u32 length, then ciphertext and 16 bytes of tag; nonce = first 4 bytes of the base nonce, then the number of the
//! chunk as u64 **big-endian**. One piece: ciphertext and tag under the base nonce.
//!
//! The number in the nonce authenticates the place of each chunk, but nothing authenticates the header and the end. So the
//! lengths of the chunks have to add up to the size, and what comes out has to be a memory that is not older than its own
//! header, which stands in the first chunk. What anybody can see without the password is refused before the key is derived;
//! behind that there is one failure, whatever the cause.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroizing;

use crate::atomic::AtomicFile;
use crate::codec::{Reader, Writer};
use crate::error::{CapsuleReason, Error, Result};
use crate::header::{CAPSULE_MAGIC, MAGIC};
use crate::lock::FileLock;
use crate::storage::{FileStorage, Storage};

/// Length of the capsule header in bytes.
pub const CAPSULE_HEADER_SIZE: usize = 64;
const VERSION: u16 = 1;
const ARGON2ID: u8 = 1;
const AES_256_GCM: u8 = 1;
const CHUNKED: u32 = 1;
const ONE_PIECE: u32 = 0;
const TAG: usize = 16;
/// Plaintext of a chunk as it is written, in bytes.
const CHUNK: usize = 1 << 20;
/// Longest chunk that is read, in bytes: it is held in memory before it can be authenticated.
const MAX_CHUNK: u32 = 64 << 20;
/// How long to wait for a writer before locking or unlocking.
const PATIENCE: Duration = Duration::from_secs(10);

/// Encrypts the memory `input`. Without `output` the result is called like the input with an `e` behind it.
///
/// The input stays. The output appears whole or not at all; an existing one is replaced only with `force`.
pub fn lock(input: &Path, output: Option<&Path>, password: &str, force: bool) -> Result<PathBuf> {
    let output = output.map_or_else(|| locked_name(input), Path::to_path_buf);
    let source = FileLock::shared(input, PATIENCE)?;
    check_memory(source.file(), input)?;
    check_output(&output, force)?;
    // Last, so that nobody is asked for a password in vain.
    check_password(password, input)?;
    let size = source
        .file()
        .metadata()
        .map_err(|error| Error::io("look up", input, error))?
        .len();
    let header = CapsuleHeader::fresh(size).map_err(|reason| refused(reason, input))?;
    let cipher = cipher(password, &header.salt).map_err(|reason| refused(reason, input))?;
    let target = AtomicFile::create(&output)?;
    encrypt(
        source.file(),
        input,
        target.file(),
        &output,
        &header,
        &cipher,
    )?;
    target.copy_permissions(source.file());
    persist(target, &output, force)
}

/// Decrypts the capsule `input`. Without `output` the result is called like the input without the last `e`.
///
/// The capsule stays. The output appears whole or not at all, and only if it is a readable memory of the promised size; an
/// existing one is replaced only with `force`.
pub fn unlock(input: &Path, output: Option<&Path>, password: &str, force: bool) -> Result<PathBuf> {
    let output = output.map_or_else(|| unlocked_name(input), Path::to_path_buf);
    let mut source = File::open(input).map_err(|error| Error::io("open", input, error))?;
    let mut page = Vec::with_capacity(CAPSULE_HEADER_SIZE);
    (&mut source)
        .take(CAPSULE_HEADER_SIZE as u64)
        .read_to_end(&mut page)
        .map_err(|error| Error::io("read", input, error))?;
    let header = CapsuleHeader::decode(&page).map_err(|reason| refused(reason, input))?;
    check_output(&output, force)?;
    let longest = if header.chunked {
        check_chunks(&source, input, &header)?
    } else {
        check_piece(&source, input, &header)?
    };
    check_password(password, input)?;
    let cipher = cipher(password, &header.salt).map_err(|reason| refused(reason, input))?;
    let target = AtomicFile::create(&output)?;
    // Of the size it needs from the start: one that grows leaves copies of what was in it.
    let mut buffer = Zeroizing::new(Vec::new());
    buffer
        .try_reserve_exact(longest)
        .map_err(|_| refused(CapsuleReason::WrongPasswordOrDamaged, input))?;
    if header.chunked {
        let mut out = (target.file(), output.as_path());
        decrypt_chunks(&source, input, &mut out, &header, &cipher, &mut buffer)?;
    } else {
        read_whole(&source, input, &mut buffer, longest)?;
        open(&cipher, header.nonce, &mut buffer, input)?;
        write(target.file(), &output, &buffer)?;
    }
    drop(buffer);
    if check_memory(target.file(), input).is_err() {
        return Err(refused(CapsuleReason::WrongPasswordOrDamaged, input));
    }
    target.copy_permissions(&source);
    persist(target, &output, force)
}

struct CapsuleHeader {
    salt: [u8; 32],
    nonce: [u8; 12],
    size: u64,
    chunked: bool,
}

impl CapsuleHeader {
    /// Random salt and nonce: with its own salt each capsule has its own key, so counters never repeat under one.
    fn fresh(size: u64) -> Result<Self, CapsuleReason> {
        let mut header = Self {
            salt: [0; 32],
            nonce: [0; 12],
            size,
            chunked: true,
        };
        getrandom::fill(&mut header.salt).map_err(|_| CapsuleReason::NoRandomness)?;
        getrandom::fill(&mut header.nonce).map_err(|_| CapsuleReason::NoRandomness)?;
        Ok(header)
    }

    fn decode(page: &[u8]) -> Result<Self, CapsuleReason> {
        if !page.starts_with(&CAPSULE_MAGIC) {
            return Err(CapsuleReason::NotACapsule);
        }
        let mut reader = Reader::named(page, "capsule");
        let mut fields = || -> Result<_> {
            reader.take(4)?;
            Ok((
                reader.u16()?,
                reader.u8()?,
                reader.u8()?,
                Self {
                    salt: reader.array()?,
                    nonce: reader.array()?,
                    size: reader.u64()?,
                    chunked: false,
                },
                reader.u32()?,
            ))
        };
        let Ok((version, derivation, cipher, header, flags)) = fields() else {
            return Err(CapsuleReason::Truncated);
        };
        let known = [
            ("version", u32::from(version), u32::from(VERSION)),
            ("key derivation", u32::from(derivation), u32::from(ARGON2ID)),
            ("cipher", u32::from(cipher), u32::from(AES_256_GCM)),
        ];
        for (field, value, expected) in known {
            if value != expected {
                return Err(CapsuleReason::Unsupported { field, value });
            }
        }
        match flags {
            CHUNKED | ONE_PIECE => Ok(Self {
                chunked: flags == CHUNKED,
                ..header
            }),
            value => Err(CapsuleReason::Unsupported {
                field: "form",
                value,
            }),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(CAPSULE_HEADER_SIZE);
        writer.raw(&CAPSULE_MAGIC);
        writer.u16(VERSION);
        writer.u8(ARGON2ID);
        writer.u8(AES_256_GCM);
        writer.raw(&self.salt);
        writer.raw(&self.nonce);
        writer.u64(self.size);
        writer.u32(if self.chunked { CHUNKED } else { ONE_PIECE });
        writer.into_bytes()
    }

    fn chunk_nonce(&self, number: u64) -> [u8; 12] {
        let mut nonce = self.nonce;
        nonce[4..].copy_from_slice(&number.to_be_bytes());
        nonce
    }
}

fn cipher(password: &str, salt: &[u8; 32]) -> Result<Aes256Gcm, CapsuleReason> {
    let derive = || -> Result<Aes256Gcm, argon2::Error> {
        let params = Params::new(64 * 1024, 3, 4, Some(32))?;
        // The last blocks determine the key. The library gives its own memory back as it is.
        let mut blocks = Zeroizing::new(Vec::new());
        let count = params.block_count();
        blocks
            .try_reserve_exact(count)
            .map_err(|_| argon2::Error::OutOfMemory)?;
        blocks.resize(count, Block::default());
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut key = Zeroizing::new([0; 32]);
        argon2.hash_password_into_with_memory(
            password.as_bytes(),
            salt,
            key.as_mut(),
            blocks.as_mut_slice(),
        )?;
        Ok(Aes256Gcm::new((&*key).into()))
    };
    derive().map_err(|_| CapsuleReason::KeyDerivation)
}

fn encrypt(
    source: &File,
    input: &Path,
    target: &File,
    output: &Path,
    header: &CapsuleHeader,
    cipher: &Aes256Gcm,
) -> Result<()> {
    write(target, output, &header.encode())?;
    let mut buffer = Zeroizing::new(Vec::with_capacity(CHUNK + TAG));
    let mut left = header.size;
    for number in 0u64.. {
        if left == 0 {
            break;
        }
        buffer.clear();
        let length = left.min(CHUNK as u64);
        let read = source
            .take(length)
            .read_to_end(&mut buffer)
            .map_err(|error| Error::io("read", input, error))? as u64;
        if read != length {
            let reason = CapsuleReason::SizeMismatch {
                expected: header.size,
                found: header.size - left + read,
            };
            return Err(refused(reason, input));
        }
        left -= length;
        cipher
            .encrypt_in_place(&header.chunk_nonce(number).into(), b"", &mut *buffer)
            .map_err(|_| refused(CapsuleReason::KeyDerivation, input))?;
        let length = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        write(target, output, &length.to_le_bytes())?;
        write(target, output, &buffer)?;
    }
    Ok(())
}

/// Walks over the chunks of a capsule without decrypting any, and gives the length of the longest. The place of `source` is
/// behind the header before and after.
fn check_chunks(mut source: &File, input: &Path, header: &CapsuleHeader) -> Result<usize> {
    let failed = |error| Error::io("read", input, error);
    let end = source.metadata().map_err(failed)?.len();
    let mut at = CAPSULE_HEADER_SIZE as u64;
    let mut found = 0u64;
    let mut longest = 0;
    while at < end {
        let mut length = [0; 4];
        if end - at < length.len() as u64 {
            return Err(refused(CapsuleReason::Truncated, input));
        }
        source.seek(SeekFrom::Start(at)).map_err(failed)?;
        source.read_exact(&mut length).map_err(failed)?;
        let length = u32::from_le_bytes(length);
        if (length as usize) <= TAG || length > MAX_CHUNK {
            return Err(refused(CapsuleReason::ChunkLength { length }, input));
        }
        at += 4 + u64::from(length);
        if at > end {
            return Err(refused(CapsuleReason::Truncated, input));
        }
        found += u64::from(length) - TAG as u64;
        longest = longest.max(length as usize);
    }
    check_size(header, found, input)?;
    let behind_header = SeekFrom::Start(CAPSULE_HEADER_SIZE as u64);
    source.seek(behind_header).map_err(failed)?;
    Ok(longest)
}

/// Longest capsule of the form in one piece, bytes.
const MOST_IN_ONE_PIECE: u64 = 2 << 30;

/// The length of the one piece. Nothing of it can be authenticated before all of it is there, so it is held in memory: no
/// program is known that writes this form.
fn check_piece(source: &File, input: &Path, header: &CapsuleHeader) -> Result<usize> {
    let metadata = source
        .metadata()
        .map_err(|error| Error::io("read", input, error))?;
    let length = metadata.len().saturating_sub(CAPSULE_HEADER_SIZE as u64);
    let Some(found) = length.checked_sub(TAG as u64) else {
        return Err(refused(CapsuleReason::Truncated, input));
    };
    check_size(header, found, input)?;
    if length > MOST_IN_ONE_PIECE {
        return Err(refused(CapsuleReason::WrongPasswordOrDamaged, input));
    }
    usize::try_from(length).map_err(|_| refused(CapsuleReason::Truncated, input))
}

fn check_size(header: &CapsuleHeader, found: u64, input: &Path) -> Result<()> {
    if found == header.size {
        return Ok(());
    }
    let expected = header.size;
    Err(refused(
        CapsuleReason::SizeMismatch { expected, found },
        input,
    ))
}

/// Decrypts chunks that were walked over before; a capsule that changed since is damaged.
fn decrypt_chunks(
    source: &File,
    input: &Path,
    out: &mut (&File, &Path),
    header: &CapsuleHeader,
    cipher: &Aes256Gcm,
    buffer: &mut Vec<u8>,
) -> Result<()> {
    let mut left = header.size;
    for number in 0u64.. {
        if left == 0 {
            break;
        }
        read_whole(source, input, buffer, 4)?;
        let length = buffer
            .first_chunk()
            .map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
        if length <= TAG || length > buffer.capacity() {
            return Err(refused(CapsuleReason::WrongPasswordOrDamaged, input));
        }
        read_whole(source, input, buffer, length)?;
        open(cipher, header.chunk_nonce(number), buffer, input)?;
        left = left
            .checked_sub(buffer.len() as u64)
            .ok_or_else(|| refused(CapsuleReason::WrongPasswordOrDamaged, input))?;
        write(out.0, out.1, buffer)?;
    }
    Ok(())
}

/// Reads exactly `length` bytes, for which the buffer has room.
fn read_whole(mut source: &File, input: &Path, buffer: &mut Vec<u8>, length: usize) -> Result<()> {
    buffer.resize(length, 0);
    source
        .read_exact(buffer)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                refused(CapsuleReason::WrongPasswordOrDamaged, input)
            }
            _ => Error::io("read", input, error),
        })
}

fn open(cipher: &Aes256Gcm, nonce: [u8; 12], buffer: &mut Vec<u8>, input: &Path) -> Result<()> {
    cipher
        .decrypt_in_place(&nonce.into(), b"", buffer)
        .map_err(|_| refused(CapsuleReason::WrongPasswordOrDamaged, input))
}

fn write(mut target: &File, output: &Path, bytes: &[u8]) -> Result<()> {
    target
        .write_all(bytes)
        .map_err(|error| Error::io("write", output, error))
}

fn refused(reason: CapsuleReason, path: &Path) -> Error {
    Error::Capsule {
        reason,
        path: path.to_path_buf(),
    }
}

fn check_password(password: &str, path: &Path) -> Result<()> {
    if password.trim().is_empty() {
        return Err(refused(CapsuleReason::EmptyPassword, path));
    }
    Ok(())
}

fn check_output(output: &Path, force: bool) -> Result<()> {
    if !force && output.symlink_metadata().is_ok() {
        return Err(refused(CapsuleReason::OutputExists, output));
    }
    Ok(())
}

/// A capsule of something that cannot be opened would be a trap, on either side.
fn check_memory(file: &File, path: &Path) -> Result<()> {
    let failed = |error| Error::io("read", path, error);
    let file = file.try_clone().map_err(failed)?;
    let storage = FileStorage::from_file(file, path, false)?;
    let bytes = storage
        .map(storage.len().map_err(failed)?)
        .map_err(failed)?;
    if !bytes.starts_with(&MAGIC) {
        return Err(refused(CapsuleReason::NotAMemory, path));
    }
    let located = crate::recover::locate(&bytes, path)?;
    // The header is written behind the commit it names: a file that ends with an older one was cut off.
    let is_older = located.header.footer_offset > located.toc_offset
        && crate::toc::stored_checksum(located.toc(&bytes)?)? != located.header.toc_checksum;
    if is_older {
        let what = "the last commit is damaged or missing";
        return Err(Error::corrupt(
            "table of contents",
            located.toc_offset,
            what,
        ));
    }
    Ok(())
}

fn persist(target: AtomicFile, output: &Path, force: bool) -> Result<PathBuf> {
    match target.persist(force) {
        Ok(_) => Ok(output.to_path_buf()),
        Err(Error::AlreadyExists { path }) => Err(refused(CapsuleReason::OutputExists, &path)),
        Err(error) => Err(error),
    }
}

fn locked_name(input: &Path) -> PathBuf {
    let mut name = input.as_os_str().to_owned();
    name.push("e");
    PathBuf::from(name)
}

fn unlocked_name(input: &Path) -> PathBuf {
    match input.extension().and_then(|extension| extension.to_str()) {
        Some("mv2e") => input.with_extension("mv2"),
        _ => {
            let mut name = input.as_os_str().to_owned();
            name.push(".mv2");
            PathBuf::from(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_names_add_and_drop_the_last_letter() {
        assert_eq!(locked_name(Path::new("a/x.mv2")), Path::new("a/x.mv2e"));
        assert_eq!(unlocked_name(Path::new("a/x.mv2e")), Path::new("a/x.mv2"));
        assert_eq!(unlocked_name(Path::new("secret")), Path::new("secret.mv2"));
    }

    #[test]
    fn the_chunk_number_is_big_endian_in_the_nonce() {
        let header = CapsuleHeader {
            salt: [0; 32],
            nonce: [7; 12],
            size: 0,
            chunked: true,
        };
        assert_eq!(
            header.chunk_nonce(258),
            [7, 7, 7, 7, 0, 0, 0, 0, 0, 0, 1, 2]
        );
    }
}
