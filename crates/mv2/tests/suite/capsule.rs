//! Capsules: both forms, the fixtures of the reference, and everything that must be refused.

use std::path::{Path, PathBuf};

use crate::support::{fixtures, json, open};
use mv2::builder::{FrameSource, minimal_file};
use mv2::capsule::{lock, unlock};
use mv2::{CapsuleReason, Error};

const PASSWORD: &str = "pw-Capsule!9";

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn reason(result: mv2::Result<PathBuf>) -> CapsuleReason {
    match result {
        Err(Error::Capsule { reason, .. }) => reason,
        other => panic!("a refused capsule was expected, not {other:?}"),
    }
}

/// A memory of more than two chunks.
fn memory(folder: &Path) -> (PathBuf, Vec<u8>) {
    let mut state = 1u32;
    let text: String = (0..2_300_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b'a' + (state >> 24) as u8 % 26)
        })
        .collect();
    let mut source = FrameSource::text("mv2://long", "Long", "", 1);
    source.payload = text.into_bytes();
    source.frame.canonical_length = Some(source.payload.len() as u64);
    let bytes = minimal_file(&[source]);
    let path = folder.join("notes.mv2");
    std::fs::write(&path, &bytes).unwrap();
    (path, bytes)
}

#[test]
fn capsules_of_other_writers_open_to_the_promised_bytes() {
    let Some(fixtures) = fixtures() else { return };
    let fixtures = fixtures.join("mv2-index");
    let manifest = json(&fixtures.join("MANIFEST.json"));
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "capsule.mv2e",
        "capsule_1000b_chunks.mv2e",
        "capsule_oneshot.mv2e",
    ] {
        let entry = &manifest["fixtures"][name];
        let output = folder.path().join("out.mv2");
        let password = entry["password"].as_str().unwrap();
        let written = unlock(&fixtures.join(name), Some(&output), password, true).unwrap();
        assert_eq!(written, output);
        let bytes = std::fs::read(&output).unwrap();
        let hash = blake3::hash(&bytes).to_hex();
        assert_eq!(
            hash.as_str(),
            entry["plaintext_blake3"].as_str().unwrap(),
            "{name}"
        );
        let plain = entry["plaintext_equals_fixture"].as_str().unwrap();
        assert_eq!(
            bytes,
            std::fs::read(fixtures.join(plain)).unwrap(),
            "{name}"
        );
        assert_eq!(names(folder.path()), ["out.mv2"]);
    }
}

#[test]
fn a_memory_survives_the_way_into_a_capsule_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let (path, bytes) = memory(folder.path());
    let capsule = lock(&path, None, PASSWORD, false).unwrap();
    assert_eq!(capsule, folder.path().join("notes.mv2e"));
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "the original stays");
    let locked = std::fs::read(&capsule).unwrap();
    assert_eq!(locked[..8], *b"MV2E\x01\x00\x01\x01");
    assert_eq!(locked[60..68], [1, 0, 0, 0, 16, 0, 16, 0]);
    assert_eq!(
        reason(unlock(&capsule, None, PASSWORD, false)),
        CapsuleReason::OutputExists
    );
    std::fs::remove_file(&path).unwrap();
    assert_eq!(unlock(&capsule, None, PASSWORD, false).unwrap(), path);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(unlock(&capsule, None, PASSWORD, true).unwrap(), path);
    assert_eq!(
        reason(lock(&path, None, PASSWORD, false)),
        CapsuleReason::OutputExists
    );
    let again = lock(&path, None, PASSWORD, true).unwrap();
    assert_ne!(
        std::fs::read(again).unwrap(),
        locked,
        "salt and nonce are new each time"
    );
    assert_eq!(names(folder.path()), ["notes.mv2", "notes.mv2e"]);
}

#[test]
fn damaged_capsules_are_refused_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (path, bytes) = memory(folder.path());
    let capsule = lock(&path, None, PASSWORD, false).unwrap();
    std::fs::remove_file(&path).unwrap();
    let locked = std::fs::read(&capsule).unwrap();
    let chunk = 4 + (1 << 20) + 16;
    let size = bytes.len() as u64;
    let attempt = |damaged: &[u8], password: &str| {
        std::fs::write(&capsule, damaged).unwrap();
        let reason = reason(unlock(&capsule, None, password, false));
        assert_eq!(names(folder.path()), ["notes.mv2e"], "{reason:?}");
        reason
    };
    let changed = |position: usize, value: u8| {
        let mut copy = locked.clone();
        copy[position] = value;
        copy
    };
    let flipped = |position: usize| changed(position, locked[position] ^ 1);
    let wrong = CapsuleReason::WrongPasswordOrDamaged;
    assert_eq!(attempt(&locked, "another password"), wrong);
    assert_eq!(attempt(&flipped(10), PASSWORD), wrong, "salt");
    assert_eq!(attempt(&flipped(40), PASSWORD), wrong, "nonce");
    assert_eq!(
        attempt(&flipped(64 + chunk + 1000), PASSWORD),
        wrong,
        "second chunk"
    );
    let cut = |length: usize| &locked[..length];
    for chunks in [0u64, 1, 2] {
        let length = 64 + usize::try_from(chunks).unwrap() * chunk;
        let expected = CapsuleReason::SizeMismatch {
            expected: size,
            found: chunks << 20,
        };
        assert_eq!(
            attempt(cut(length), PASSWORD),
            expected,
            "cut at a chunk boundary"
        );
    }
    assert_eq!(attempt(cut(66), PASSWORD), CapsuleReason::Truncated);
    assert_eq!(
        attempt(cut(locked.len() - 1), PASSWORD),
        CapsuleReason::Truncated
    );
    assert_eq!(attempt(cut(40), PASSWORD), CapsuleReason::Truncated);
    assert_eq!(attempt(b"", PASSWORD), CapsuleReason::NotACapsule);
    assert_eq!(attempt(&bytes, PASSWORD), CapsuleReason::NotACapsule);
    let length = CapsuleReason::ChunkLength {
        length: 0xff10_0010,
    };
    assert_eq!(attempt(&changed(67, 0xff), PASSWORD), length);
    for (position, field) in [
        (4, "version"),
        (6, "key derivation"),
        (7, "cipher"),
        (60, "form"),
    ] {
        let expected = CapsuleReason::Unsupported { field, value: 9 };
        assert_eq!(attempt(&changed(position, 9), PASSWORD), expected);
    }
    let smaller = changed(52, locked[52].wrapping_sub(1));
    assert!(matches!(
        attempt(&smaller, PASSWORD),
        CapsuleReason::SizeMismatch { .. }
    ));
    let sized = |bytes: &[u8], size: u64| {
        let mut copy = bytes.to_vec();
        copy[52..60].copy_from_slice(&size.to_le_bytes());
        copy
    };
    let mut longer = locked.clone();
    longer.extend_from_slice(&locked[64..64 + chunk]);
    assert!(matches!(
        attempt(&longer, PASSWORD),
        CapsuleReason::SizeMismatch { .. }
    ));
    // Whoever edits the size, too, is found out by the numbers of the chunks, or by what comes out.
    let longer = sized(&longer, size + (1 << 20));
    assert_eq!(attempt(&longer, PASSWORD), wrong, "a chunk twice");
    let mut swapped = locked.clone();
    let (first, second) = swapped[64..].split_at_mut(chunk);
    first.swap_with_slice(&mut second[..chunk]);
    assert_eq!(attempt(&swapped, PASSWORD), wrong, "two chunks swapped");
    let without_first = [&locked[..64], &locked[64 + chunk..]].concat();
    let without_first = sized(&without_first, size - (1 << 20));
    assert_eq!(
        attempt(&without_first, PASSWORD),
        wrong,
        "the first left out"
    );
    for chunks in [1, 2] {
        let cut = sized(cut(64 + chunks * chunk), (chunks as u64) << 20);
        assert_eq!(attempt(&cut, PASSWORD), wrong, "cut, with the size to it");
    }
    assert_eq!(attempt(&sized(cut(64), 0), PASSWORD), wrong, "no chunk");
    let torn = [&locked[..], &[0, 0]].concat();
    assert_eq!(attempt(&torn, PASSWORD), CapsuleReason::Truncated);
}

#[test]
fn what_can_be_seen_without_the_password_is_refused_before_the_key_is_derived() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = memory(folder.path());
    let capsule = lock(&path, None, PASSWORD, false).unwrap();
    let locked = std::fs::read(&capsule).unwrap();
    std::fs::write(&capsule, &locked[..locked.len() - 1]).unwrap();
    std::fs::remove_file(&path).unwrap();
    for password in ["", PASSWORD, "another password"] {
        let reason = reason(unlock(&capsule, None, password, false));
        assert_eq!(reason, CapsuleReason::Truncated);
    }
}

#[test]
fn what_is_no_memory_is_not_locked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mv2");
    assert!(matches!(
        lock(&path, None, PASSWORD, false),
        Err(Error::NotFound { .. })
    ));
    std::fs::write(&path, b"just text").unwrap();
    assert_eq!(
        reason(lock(&path, None, PASSWORD, false)),
        CapsuleReason::NotAMemory
    );
    let mut bytes = minimal_file(&[]);
    bytes.truncate(bytes.len() - 200);
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(
        lock(&path, None, PASSWORD, false),
        Err(Error::Corrupt { section: "toc", .. })
    ));
    assert_eq!(names(folder.path()), ["x.mv2"]);
}

#[test]
fn an_empty_password_is_refused_after_everything_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mv2");
    for password in ["", "  \t"] {
        let missing = lock(&path, None, password, false);
        assert!(matches!(missing, Err(Error::NotFound { .. })));
    }
    std::fs::write(&path, minimal_file(&[])).unwrap();
    for password in ["", "  \t"] {
        let result = lock(&path, None, password, false);
        assert_eq!(reason(result), CapsuleReason::EmptyPassword);
    }
    let capsule = lock(&path, None, PASSWORD, false).unwrap();
    let result = unlock(&capsule, None, "", false);
    assert_eq!(reason(result), CapsuleReason::OutputExists);
    let result = unlock(&capsule, None, "", true);
    assert_eq!(reason(result), CapsuleReason::EmptyPassword);
}

#[test]
fn a_missing_output_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mv2");
    std::fs::write(&path, minimal_file(&[])).unwrap();
    let output = folder.path().join("missing/x.mv2e");
    let result = lock(&path, Some(&output), PASSWORD, false);
    assert!(matches!(&result, Err(Error::NotFound { .. })), "{result:?}");
}

#[cfg(unix)]
#[test]
fn the_output_has_the_permissions_of_the_input() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mv2");
    std::fs::write(&path, minimal_file(&[])).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let capsule = lock(&path, None, PASSWORD, false).unwrap();
    let mode = std::fs::metadata(&capsule).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let bytes = std::fs::read(unlock(&capsule, None, PASSWORD, true).unwrap()).unwrap();
    assert_eq!(open(&bytes).unwrap().toc.frames.len(), 0);
}
