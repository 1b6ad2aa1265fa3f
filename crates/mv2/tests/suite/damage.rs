//! Damaged files: a typed error that says where, or everything that is still intact; never a panic.

use std::path::Path;

use crate::support::{container_files, fixtures, open};
use mv2::builder::{FrameSource, minimal_file};
use mv2::recover::{self, locate, locate_quick};
use mv2::wal::WalEntry;
use mv2::{Error, payload, search_text, sketch, toc, verify};

fn file(name: &str) -> Option<Vec<u8>> {
    fixtures().map(|folder| std::fs::read(folder.join("mv2").join(name)).unwrap())
}

fn corrupt(name: &str) -> Option<(&'static str, u64)> {
    let bytes = file(name)?;
    match open(&bytes) {
        Err(Error::Corrupt {
            section,
            offset,
            message,
        }) => {
            println!("{name}: {section} at {offset}: {message}");
            Some((section, offset))
        }
        Err(error) => panic!("{name}: {error}"),
        Ok(_) => panic!("{name} opened"),
    }
}

#[test]
fn a_file_without_a_whole_header_names_the_header() {
    if fixtures().is_none() {
        return;
    }
    assert_eq!(corrupt("bad-empty-file.mv2"), Some(("header", 0)));
    assert_eq!(corrupt("bad-short-header.mv2"), Some(("header", 1000)));
    assert_eq!(corrupt("bad-header-magic.mv2"), Some(("header", 0)));
}

#[test]
fn a_table_of_contents_that_is_cut_off_or_changed_names_the_toc() {
    if fixtures().is_none() {
        return;
    }
    for name in [
        "bad-truncated-tail.mv2",
        "bad-truncated-in-toc.mv2",
        "bad-truncated-in-payload.mv2",
        "bad-toc-bitflip.mv2",
    ] {
        let (section, offset) = corrupt(name).unwrap();
        assert_eq!(section, "toc", "{name}");
        assert!(offset > 69632, "{name}: {offset}");
    }
}

#[test]
fn a_damaged_footer_or_header_pointer_loses_nothing() {
    if fixtures().is_none() {
        return;
    }
    let whole = open(&file("cli-two.mv2").unwrap()).unwrap();
    for name in [
        "bad-footer-hash.mv2",
        "bad-footer-magic.mv2",
        "bad-header-footer-offset-off.mv2",
        "bad-header-footer-offset-zero.mv2",
        "bad-header-toc-checksum.mv2",
        "bad-trailing-garbage.mv2",
    ] {
        let bytes = file(name).unwrap();
        let opened = open(&bytes).unwrap();
        assert_eq!(opened.toc, whole.toc, "{name}");
        let located = &opened.located;
        assert_eq!(
            located.footer_missing,
            name.starts_with("bad-footer"),
            "{name}"
        );
        assert_eq!(
            located.header_is_current,
            !name.starts_with("bad-header"),
            "{name}"
        );
        match name {
            "bad-trailing-garbage.mv2" => assert_eq!(located.trailing, 500),
            _ if located.footer_missing => assert_eq!(located.trailing, 56, "{name}"),
            _ => assert_eq!(located.trailing, 0, "{name}"),
        }
    }
}

#[test]
fn a_commit_behind_a_stale_header_is_seen_and_a_torn_one_is_not() {
    if fixtures().is_none() {
        return;
    }
    let stale = open(&file("hand-appended-stale-header.mv2").unwrap()).unwrap();
    assert_eq!(stale.toc.frames.len(), 3);
    assert!(!stale.located.header_is_current);
    let torn = open(&file("hand-appended-torn.mv2").unwrap()).unwrap();
    assert_eq!(torn.toc.frames.len(), 2);
    assert_eq!(torn.located.trailing, 3151);
    assert!(torn.located.header_is_current);
}

#[test]
fn a_newer_table_with_a_damaged_footer_is_not_given_up_for_an_older_one() {
    let Some(mut bytes) = file("hand-appended-in-place.mv2") else {
        return;
    };
    let length = bytes.len();
    bytes[length - 20] ^= 1;
    let opened = open(&bytes).unwrap();
    assert_eq!(opened.toc.frames.len(), 3, "the header vouches for it");
    assert!(opened.located.footer_missing);
    assert_eq!(
        opened.located.footer.generation, 4,
        "one more than that of the last valid footer"
    );
    bytes.truncate(length - 56);
    assert_eq!(open(&bytes).unwrap().toc.frames.len(), 3);
}

#[test]
fn a_lost_header_pointer_and_footer_are_found_by_searching() {
    let bytes = minimal_file(&[FrameSource::text("mv2://a", "A", "apples", 1)]);
    let whole = open(&bytes).unwrap();
    for cut in [0, 10, 56] {
        let mut damaged = bytes.clone();
        damaged[8..16].fill(0xff);
        let footer = damaged.len() - 56;
        damaged[footer] ^= 0xff;
        damaged.truncate(bytes.len() - cut);
        let opened = open(&damaged).unwrap();
        assert_eq!(opened.toc, whole.toc);
        assert!(opened.located.footer_missing);
        assert_eq!(opened.located.toc_offset, whole.located.toc_offset);
    }
}

#[test]
fn a_memory_stored_inside_a_memory_is_not_taken_for_the_whole() {
    let inner = minimal_file(&[FrameSource::text("mv2://inner", "Inner", "inner", 1)]);
    let mut source = FrameSource::text("mv2://outer", "Outer", "outer", 1);
    source.frame.canonical_length = Some(inner.len() as u64);
    source.payload = inner;
    let mut bytes = minimal_file(&[source]);
    let footer = bytes.len() - 56;
    bytes[footer] ^= 0xff;
    let opened = open(&bytes).unwrap();
    assert_eq!(opened.toc.frames[0].title.as_deref(), Some("Outer"));
    assert!(opened.located.footer_missing);
}

#[test]
fn a_search_is_not_worn_out_by_zeros() {
    let mut bytes = minimal_file(&[]);
    let length = bytes.len();
    let toc = usize::try_from(open(&bytes).unwrap().located.toc_offset).unwrap();
    bytes[8..16].fill(0xff);
    bytes[length - 56] ^= 0xff;
    let zeros = vec![0; 20 << 20];
    bytes.splice(toc..toc, zeros);
    let start = std::time::Instant::now();
    let opened = open(&bytes).unwrap();
    assert_eq!(opened.located.toc_offset as usize, toc + (20 << 20));
    // The same without anything to find.
    bytes.truncate(toc + (20 << 20));
    assert!(open(&bytes).is_err());
    assert!(start.elapsed().as_secs() < 20);
}

#[test]
fn a_capsule_is_called_encrypted() {
    let mut bytes = minimal_file(&[]);
    bytes[3] = b'E';
    let result = locate(&bytes, Path::new("x.mv2e"));
    assert!(matches!(result, Err(Error::Encrypted { path }) if path == Path::new("x.mv2e")));
}

#[test]
fn the_quick_way_agrees_with_the_careful_one() {
    for (name, bytes, _) in container_files() {
        let path = Path::new(&name);
        let Ok(Some(quick)) = locate_quick(&bytes, path) else {
            continue;
        };
        match locate(&bytes, path) {
            Ok(located) => assert!(located == quick || located.footer_missing, "{name}"),
            Err(_) => assert_eq!(name, "bad-toc-bitflip.mv2"),
        }
    }
}

#[test]
fn records_before_a_torn_one_survive() {
    if fixtures().is_none() {
        return;
    }
    let opened = open(&file("bad-wal-torn-last.mv2").unwrap()).unwrap();
    assert_eq!(opened.wal.pending().count(), 5);
    let torn = opened.wal.torn.unwrap();
    assert_eq!((torn.position, torn.dropped), (7509, 0));
    let opened = open(&file("bad-wal-bitflip.mv2").unwrap()).unwrap();
    assert_eq!(opened.wal.pending().count(), 2);
    assert_eq!(opened.wal.torn.unwrap().position, 4359);
    assert_eq!(opened.wal.head, 4359);
}

/// A generator that needs no seed file: the same flips on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

/// Uses everything that reads.
fn read_everything(bytes: &[u8]) {
    let path = Path::new("x.mv2");
    let _ = locate_quick(bytes, path);
    if let Ok(header) = recover::read_header(bytes, path)
        && let Ok(region) = mv2::wal::region(bytes, &header)
    {
        let scan = mv2::wal::scan(region, header.wal_sequence);
        for record in &scan.records {
            let _ = WalEntry::decode(&region[record.payload.clone()]);
        }
    }
    let Ok(opened) = open(bytes) else { return };
    let toc = opened.located.toc(bytes).unwrap();
    let (_, count, start) = toc::decode_head(toc).unwrap();
    for view in toc::frame_views(toc, count, start) {
        let _ = view.and_then(|(_, view)| view.to_frame());
    }
    for frame in &opened.toc.frames {
        let _ = payload::read(bytes, frame);
        let _ = search_text::body_of(frame);
    }
    let _ = verify::payloads(bytes, &opened.toc.frames, true);
    if let Some(manifest) = &opened.toc.tail.time_index {
        let _ = verify::time_index(bytes, manifest);
    }
    if let Some(manifest) = &opened.toc.tail.sketch_track {
        let _ = verify::section(
            bytes,
            "sketch",
            manifest.bytes_offset,
            manifest.bytes_length,
        )
        .and_then(sketch::parse);
    }
}

#[test]
fn random_flips_never_panic() {
    let small = minimal_file(&[
        FrameSource::text("mv2://a", "A", "apples are red", 1),
        FrameSource::text("mv2://b", "B", "bananas are yellow", 2),
    ]);
    let mut files = vec![small];
    for name in [
        "cli-mutations.mv2",
        "crash-pending-many.mv2",
        "hand-wal-all-record-kinds.mv2",
        "hand-legacy-v1.mv2",
    ] {
        files.extend(file(name));
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for bytes in &files {
        // Most of a file is zeros and dead bytes: aim at the parts that mean something.
        let opened = open(bytes).unwrap();
        let toc = usize::try_from(opened.located.toc_offset).unwrap();
        let regions = [
            0..96,
            4096..4096 + 9000,
            69632..toc.max(69633),
            toc..bytes.len(),
        ];
        for round in 0..600 {
            let mut damaged = bytes.clone();
            for _ in 0..=random.below(3) {
                let region = regions[random.below(regions.len())].clone();
                let position = (region.start + random.below(region.len())).min(damaged.len() - 1);
                damaged[position] ^= 1 << random.below(8);
            }
            if round % 10 == 0 {
                damaged.truncate(random.below(damaged.len()));
            }
            read_everything(&damaged);
        }
    }
}

/// Flips that a checksum would hide are made visible by sealing the file again.
#[test]
fn random_flips_under_a_valid_checksum_never_panic() {
    let mut files = vec![minimal_file(&[FrameSource::text(
        "mv2://a", "A", "apples", 1,
    )])];
    files.extend(file("cli-mutations.mv2"));
    files.extend(file("cli-parallel.mv2"));
    let mut random = Random(0x0123_4567_89ab_cdef);
    for bytes in &files {
        let opened = open(bytes).unwrap();
        let start = usize::try_from(opened.located.toc_offset).unwrap();
        let end = usize::try_from(opened.located.footer_offset).unwrap();
        for _ in 0..1500 {
            let mut damaged = bytes.clone();
            for _ in 0..=random.below(2) {
                let position = start + random.below(end - 32 - start);
                damaged[position] = match random.below(3) {
                    0 => 0xff,
                    1 => 0,
                    _ => damaged[position] ^ (1 << random.below(8)),
                };
            }
            let checksum = toc::checksum(&damaged[start..end]).unwrap();
            damaged[end - 32..end].copy_from_slice(&checksum);
            damaged[48..80].copy_from_slice(&checksum);
            let footer = mv2::footer::Footer::for_toc(&damaged[start..end], 9).encode();
            damaged[end..end + 56].copy_from_slice(&footer);
            read_everything(&damaged);
        }
    }
}

#[test]
fn bytes_full_of_footers_cost_linear_time() {
    let mut bytes = minimal_file(&[]);
    let footer = mv2::footer::Footer {
        toc_len: 60_000,
        toc_hash: [1; 32],
        generation: 1,
    }
    .encode();
    for _ in 0..40_000 {
        bytes.extend_from_slice(&footer);
    }
    let start = std::time::Instant::now();
    assert_eq!(
        open(&bytes).unwrap().toc.frames.len(),
        0,
        "the header still names the table"
    );
    assert!(start.elapsed().as_secs() < 20);
}
