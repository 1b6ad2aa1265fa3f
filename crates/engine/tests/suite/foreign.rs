//! Files of the reference and of other writers: what we do not understand survives what we write.

use crate::support;
use std::path::Path;

use engine::{Document, Memory, OpenOptions, PutOptions};
use mv2::toc::TocTail;
use mv2::wal::{LexBatch, WalEntry};

/// Name and bytes of every section that the table of contents of a file refers to and that is not ours to change.
fn foreign_sections(path: &Path) -> Vec<(String, Vec<u8>)> {
    let bytes = std::fs::read(path).unwrap();
    let located = mv2::recover::locate(&bytes, path).unwrap();
    let decoded = mv2::toc::decode(located.toc(&bytes).unwrap()).unwrap();
    let tail: TocTail = decoded.tail;
    let mut sections = Vec::new();
    let mut add = |name: &str, offset: u64, length: u64| {
        let section = bytes
            .get(offset as usize..(offset + length) as usize)
            .unwrap_or_default();
        if length > 0 {
            sections.push((name.to_owned(), section.to_vec()));
        }
    };
    if let Some(clip) = &tail.indexes.clip {
        add("clip", clip.bytes_offset, clip.bytes_length);
    }
    if let Some(track) = &tail.memories_track {
        add("memories", track.bytes_offset, track.bytes_length);
    }
    if let Some(mesh) = &tail.logic_mesh {
        add("mesh", mesh.bytes_offset, mesh.bytes_length);
    }
    if let Some(replay) = &tail.replay_manifest {
        add("replay", replay.segment_offset, replay.segment_size);
    }
    for segment in &decoded.head.segments {
        let (start, end) = (
            segment.bytes_offset as usize,
            (segment.bytes_offset + segment.bytes_length) as usize,
        );
        let content = &bytes[start..end];
        let is_of_vectors = matches!(segment.id >> 32, 0x5645_4354 | 0x5645_4343 | 0x5645_4351);
        if !content.starts_with(b"MVDIR") && !content.starts_with(b"LEXSEG") && !is_of_vectors {
            add(
                "private section",
                segment.bytes_offset,
                segment.bytes_length,
            );
        }
    }
    sections
}

/// Single words that do not compress and do not repeat.
fn noise(seed: u64) -> String {
    (0..120_u64)
        .map(|i| {
            format!(
                "{:016x} ",
                (seed << 32 | i).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            )
        })
        .collect()
}

#[test]
fn sections_of_others_survive_commits_and_rewriting_byte_for_byte() {
    let Some(folder) = support::fixtures("mv2-index") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for name in [
        "foreign_cards_mesh.mv2",
        "foreign_flat1000.mv2",
        "foreign_pq.mv2",
        "foreign_vec_segments.mv2",
        "cli_replay_session.mv2",
        "../mv2/hand-private-segment.mv2",
    ] {
        let source = folder.join(name);
        let path = scratch.path().join(source.file_name().unwrap());
        std::fs::copy(&source, &path).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .unwrap();
        let before = foreign_sections(&path);
        let vectors_before = vectors(&path);
        assert!(!before.is_empty() || !vectors_before.is_empty(), "{name}");
        if !vectors_before.is_empty() {
            kinds.insert("vec".to_owned());
        }
        kinds.extend(before.iter().map(|(kind, _)| kind.clone()));

        let memory = Memory::open(&path, OpenOptions::default()).unwrap();
        memory.enable_lex().unwrap();
        let frames = memory.stats().unwrap()["frame_count"].as_u64().unwrap();
        let put = |text: String| {
            memory
                .put(vec![Document::text(text, 1)], PutOptions::default())
                .unwrap()
                .ids[0]
        };
        put("one more".to_owned());
        memory.seal().unwrap();
        assert_eq!(foreign_sections(&path), before, "{name} after a commit");
        assert_eq!(vectors(&path), vectors_before, "{name} after a commit");

        let inode = || std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&path).unwrap());
        let first = inode();
        for round in 0..40 {
            let documents = (0..500)
                .map(|i| Document::text(noise(round * 500 + i), 1))
                .collect();
            let ids = memory.put(documents, PutOptions::default()).unwrap().ids;
            memory.remove(&ids).unwrap();
            memory.seal().unwrap();
            if inode() != first {
                break;
            }
        }
        assert_ne!(inode(), first, "{name} was not rewritten");
        assert_eq!(foreign_sections(&path), before, "{name} after rewriting");
        assert_eq!(vectors(&path), vectors_before, "{name} after rewriting");
        assert_eq!(
            memory.stats().unwrap()["active_frame_count"]
                .as_u64()
                .unwrap(),
            active(&source) + 1,
            "{name}"
        );
        for id in 0..frames {
            let original = Memory::open(
                &source,
                OpenOptions {
                    read_only: true,
                    ..OpenOptions::default()
                },
            )
            .unwrap();
            assert_eq!(
                memory.text(id).ok(),
                original.text(id).ok(),
                "{name} frame {id}"
            );
            if id > 20 {
                break;
            }
        }
    }
    for kind in ["vec", "memories", "mesh", "replay", "private section"] {
        assert!(kinds.contains(kind), "no fixture has a {kind}");
    }
}

/// The vectors of all frames.
fn vectors(path: &Path) -> Vec<(u64, Vec<f32>)> {
    let options = OpenOptions {
        read_only: true,
        ..OpenOptions::default()
    };
    let memory = Memory::open(path, options).unwrap();
    let snapshot = memory.snapshot("test").unwrap();
    (0..snapshot.frame_count())
        .filter_map(|id| Some((id, snapshot.vector(id).unwrap()?.to_vec())))
        .collect()
}

fn active(path: &Path) -> u64 {
    let options = OpenOptions {
        read_only: true,
        ..OpenOptions::default()
    };
    let memory = Memory::open(path, options).unwrap();
    memory.stats().unwrap()["active_frame_count"]
        .as_u64()
        .unwrap()
}

/// The reference writes such records; what a put writes behind one counts on from it.
#[test]
fn a_record_of_another_program_that_changes_nothing_keeps_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.mv2");
    let put = |memory: &Memory, text: &str| {
        let document = Document::text(text.to_owned(), 1);
        memory.put(vec![document], PutOptions::default()).unwrap();
    };
    let options = OpenOptions {
        mode: engine::OpenMode::Create,
        ..OpenOptions::default()
    };
    let memory = Memory::open(&path, options).unwrap();
    put(&memory, "first");
    memory.close().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let header = mv2::header::Header::decode(&bytes).unwrap();
    let entry = WalEntry::Lex(LexBatch {
        generation: 1,
        doc_count: 1,
        checksum: [7; 32],
        segments: Vec::new(),
    });
    let mut record = Vec::new();
    mv2::wal::encode_unchecked_record(header.wal_sequence + 1, &entry.encode(), &mut record);
    let log = header.wal_offset as usize;
    bytes[log..log + record.len()].copy_from_slice(&record);
    std::fs::write(&path, &bytes).unwrap();

    for text in ["second", "third"] {
        put(&Memory::open(&path, OpenOptions::default()).unwrap(), text);
    }
    let memory = Memory::open(&path, OpenOptions::default()).unwrap();
    assert_eq!(memory.stats().unwrap()["frame_count"], 3);
    memory.close().unwrap();
    let memory = Memory::open(&path, OpenOptions::default()).unwrap();
    assert_eq!(memory.text(2).unwrap(), "third");
}
