//! Every fixture gives what its manifest says.

use crate::support::{Opened, all_files, container_files, fixtures, index_files, json, open};
use mv2::frame::{CanonicalEncoding, Frame, FrameRole, FrameStatus};
use mv2::toc::TocVariant;
use mv2::wal::{EntryOperation, WalEntry};
use mv2::{Error, payload, search_text, sketch, toc, verify};
use serde_json::Value;

/// Files of the first set that must not open, although their manifest lists frames: nothing vouches for those.
const REFUSED: [&str; 1] = ["bad-toc-bitflip.mv2"];

fn opened() -> impl Iterator<Item = (String, Vec<u8>, Value, Opened)> {
    container_files()
        .into_iter()
        .filter(|(name, _, entry)| {
            entry["expect"]["unparseable"].is_null() && !REFUSED.contains(&name.as_str())
        })
        .map(|(name, bytes, entry)| {
            let opened = open(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, bytes, entry, opened)
        })
}

fn text_of(bytes: &[u8], frames: &[Frame], frame: &Frame) -> mv2::Result<Vec<u8>> {
    if frame.chunk_manifest.is_none() {
        return payload::read(bytes, frame);
    }
    let mut chunks: Vec<_> = frames
        .iter()
        .filter(|chunk| chunk.parent_id == Some(frame.id) && chunk.status == FrameStatus::Active)
        .collect();
    chunks.sort_by_key(|chunk| chunk.chunk_index);
    let mut out = Vec::new();
    for chunk in chunks {
        out.extend(payload::read(bytes, chunk)?);
    }
    Ok(out)
}

fn strings(value: &Value) -> Vec<&str> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn files_have_the_counts_of_the_manifest() {
    for (name, _, entry, opened) in opened() {
        let expect = &entry["expect"];
        let active = |frame: &&Frame| frame.status == FrameStatus::Active;
        assert_eq!(opened.toc.frames.len(), expect["frame_count"], "{name}");
        let count = opened.toc.frames.iter().filter(active).count();
        assert_eq!(count, expect["active"], "{name}");
        let variant = match opened.toc.variant {
            TocVariant::Current => "current",
            TocVariant::V2 => "legacy-v2",
            TocVariant::V1 => "legacy-v1",
        };
        assert_eq!(variant, expect["toc_variant"], "{name}");
        assert_eq!(
            opened.located.header.wal_sequence, expect["wal_sequence"],
            "{name}"
        );
        assert_eq!(
            opened.wal.pending().count(),
            expect["wal_pending"],
            "{name}"
        );
        if expect["generation"].is_null() {
            assert!(opened.located.footer_missing, "{name}");
        } else {
            assert_eq!(
                opened.located.footer.generation, expect["generation"],
                "{name}"
            );
        }
    }
}

#[test]
fn frames_are_those_of_the_manifest() {
    for (name, _, entry, opened) in opened() {
        let expected = entry["expect"]["frames"].as_array().unwrap();
        assert_eq!(opened.toc.frames.len(), expected.len(), "{name}");
        for (frame, expected) in opened.toc.frames.iter().zip(expected) {
            let place = format!("{name}, frame {}", frame.id);
            let text = |key: &str| expected[key].as_str();
            let number = |key: &str| expected[key].as_u64();
            assert_eq!(frame.id, expected["id"], "{place}");
            assert_eq!(frame.role.name(), expected["role"], "{place}");
            assert_eq!(frame.status.name(), expected["status"], "{place}");
            assert_eq!(frame.uri.as_deref(), text("uri"), "{place}");
            assert_eq!(frame.title.as_deref(), text("title"), "{place}");
            assert_eq!(frame.kind.as_deref(), text("kind"), "{place}");
            assert_eq!(frame.track.as_deref(), text("track"), "{place}");
            assert_eq!(frame.timestamp, expected["timestamp"], "{place}");
            assert_eq!(frame.tags, strings(&expected["tags"]), "{place}");
            assert_eq!(frame.labels, strings(&expected["labels"]), "{place}");
            assert_eq!(
                frame.content_dates,
                strings(&expected["content_dates"]),
                "{place}"
            );
            assert_eq!(
                frame.canonical_encoding.name(),
                expected["encoding"],
                "{place}"
            );
            assert_eq!(frame.payload_length, expected["payload_length"], "{place}");
            assert_eq!(frame.parent_id, number("parent_id"), "{place}");
            assert_eq!(
                frame.chunk_index.map(u64::from),
                number("chunk_index"),
                "{place}"
            );
            assert_eq!(
                frame.chunk_count.map(u64::from),
                number("chunk_count"),
                "{place}"
            );
            assert_eq!(frame.supersedes, number("supersedes"), "{place}");
            assert_eq!(frame.superseded_by, number("superseded_by"), "{place}");
            if let Some(map) = expected["extra_metadata"].as_object() {
                // The manifest leaves the reports of the text extractor out.
                for (key, value) in map {
                    assert_eq!(
                        frame.extra_metadata.get(key).map(String::as_str),
                        value.as_str(),
                        "{place}"
                    );
                }
            }
            if let Some(count) = number("search_text_chars") {
                let found = frame.search_text.as_deref().unwrap();
                assert_eq!(found.chars().count() as u64, count, "{place}");
                assert!(
                    found.starts_with(text("search_text_start").unwrap()),
                    "{place}"
                );
            }
        }
    }
}

#[test]
fn payloads_decode_to_the_texts_of_the_manifest() {
    let mut checked = 0;
    for (name, bytes, entry, opened) in opened() {
        for (frame, expected) in opened
            .toc
            .frames
            .iter()
            .zip(entry["expect"]["frames"].as_array().unwrap())
        {
            let place = format!("{name}, frame {}", frame.id);
            if name == "bad-payload-bitflip.mv2" {
                continue;
            }
            verify::payload_checksum(&bytes, frame).unwrap();
            if frame.status != FrameStatus::Active {
                continue;
            }
            let content = text_of(&bytes, &opened.toc.frames, frame)
                .unwrap_or_else(|error| panic!("{place}: {error}"));
            if let Some(text) = expected["text"].as_str() {
                assert_eq!(content, text.as_bytes(), "{place}");
                checked += 1;
            }
            if let Some(hash) = expected["text_blake3"].as_str() {
                assert_eq!(blake3::hash(&content).to_hex().as_str(), hash, "{place}");
                checked += 1;
            }
        }
    }
    if fixtures().is_some() {
        assert!(checked > 60, "only {checked} texts were compared");
    }
}

#[test]
fn a_flipped_payload_bit_is_noticed_and_nothing_else_is_lost() {
    for (name, bytes, _, opened) in opened() {
        let problems = verify::payloads(&bytes, &opened.toc.frames, true);
        if name == "bad-payload-bitflip.mv2" {
            assert!(matches!(
                &problems[..],
                [(
                    0,
                    Error::Corrupt {
                        section: "payload",
                        ..
                    }
                )]
            ));
            assert!(payload::read(&bytes, &opened.toc.frames[0]).is_err());
        } else {
            assert!(problems.is_empty(), "{name}: {problems:?}");
        }
        assert_eq!(
            verify::overlapping_payloads(&opened.toc.frames),
            None,
            "{name}"
        );
    }
}

#[test]
fn the_time_index_lists_the_active_documents_by_time() {
    for (name, bytes, _, opened) in opened() {
        let Some(manifest) = &opened.toc.tail.time_index else {
            assert!(
                ["hand-no-time-index.mv2", "cli-empty.mv2"].contains(&name.as_str()),
                "{name}"
            );
            continue;
        };
        let index = verify::time_index(&bytes, manifest);
        let checksum = verify::section_checksum(
            &bytes,
            "time index",
            manifest.bytes_offset,
            manifest.bytes_length,
            &manifest.checksum,
        );
        match name.as_str() {
            "bad-time-index-magic.mv2" => {
                assert!(matches!(
                    index,
                    Err(Error::Corrupt {
                        section: "time index",
                        ..
                    })
                ));
            }
            "bad-time-index-bitflip.mv2" => {
                assert_eq!(index.unwrap().len(), 2);
                assert!(checksum.is_err(), "{name}");
            }
            _ => {
                let entries: Vec<_> = index
                    .unwrap_or_else(|error| panic!("{name}: {error}"))
                    .iter()
                    .collect();
                assert_eq!(
                    entries,
                    mv2::builder::time_entries(&opened.toc.frames),
                    "{name}"
                );
                assert_eq!(
                    mv2::time_index::encode(&entries),
                    checksum.unwrap(),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn pending_records_are_those_of_the_manifest() {
    for (name, bytes, entry, opened) in opened() {
        let region = mv2::wal::region(&bytes, &opened.located.header).unwrap();
        let entries: Vec<_> = opened
            .wal
            .pending()
            .map(|record| WalEntry::decode(&region[record.payload.clone()]).unwrap())
            .collect();
        let expected = entry["expect"]["pending"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        assert_eq!(entries.len(), expected.len(), "{name}");
        for (found, expected) in entries.iter().zip(&expected) {
            let WalEntry::Frame(found) = found else {
                panic!("{name}: a frame entry was expected");
            };
            assert_eq!(found.op.name(), expected["op"], "{name}");
            assert_eq!(found.uri.as_deref(), expected["uri"].as_str(), "{name}");
            assert_eq!(found.title.as_deref(), expected["title"].as_str(), "{name}");
            if let Some(text) = expected["search_text"].as_str() {
                assert_eq!(found.search_text.as_deref(), Some(text), "{name}");
            }
            if found.op == EntryOperation::Tombstone {
                assert!(found.target_frame_id.is_some(), "{name}");
            }
        }
        let torn = opened.wal.torn.is_some();
        assert_eq!(
            torn,
            name.starts_with("bad-wal-"),
            "{name}: {:?}",
            opened.wal.torn
        );
    }
}

#[test]
fn every_intact_record_is_encoded_to_the_same_bytes() {
    let mut entries = 0;
    for (name, bytes) in all_files() {
        let Ok(opened) = open(&bytes) else { continue };
        let region = mv2::wal::region(&bytes, &opened.located.header).unwrap();
        for record in &opened.wal.records {
            let payload = &region[record.payload.clone()];
            let entry = WalEntry::decode(payload).unwrap();
            // The untagged form of old writers is read and written with its tag.
            if payload.len() == entry.encode().len() {
                assert_eq!(
                    entry.encode(),
                    payload,
                    "{name}, record {}",
                    record.sequence
                );
                entries += 1;
            } else {
                assert_eq!(
                    &entry.encode()[4..],
                    payload,
                    "{name}, record {}",
                    record.sequence
                );
            }
            let mut encoded = Vec::new();
            mv2::wal::encode_unchecked_record(record.sequence, payload, &mut encoded);
            let start = usize::try_from(record.position).unwrap();
            assert_eq!(encoded, region[start..record.payload.end], "{name}");
        }
    }
    if fixtures().is_some() {
        assert!(entries > 100, "only {entries} entries");
    }
}

#[test]
fn tables_of_contents_of_the_current_form_are_encoded_to_the_same_bytes() {
    let mut tables = 0;
    for (name, bytes) in all_files() {
        let Ok(opened) = open(&bytes) else { continue };
        let stored = opened.located.toc(&bytes).unwrap();
        let frames: Vec<_> = opened.toc.frames.iter().map(Frame::to_bytes).collect();
        let pieces: Vec<_> = frames.iter().map(Vec::as_slice).collect();
        let encoded = toc::encode(
            &opened.toc.head,
            frames.len() as u64,
            &pieces,
            &opened.toc.tail,
        );
        if opened.toc.variant == TocVariant::Current {
            assert_eq!(encoded, stored, "{name}");
            tables += 1;
        } else {
            let again = toc::decode(&encoded).unwrap();
            assert_eq!(again.frames, opened.toc.frames, "{name}");
            assert_eq!(again.tail, opened.toc.tail, "{name}");
        }
        let start = usize::try_from(
            opened
                .toc
                .frame_offsets
                .first()
                .copied()
                .unwrap_or(opened.toc.frames_end),
        )
        .unwrap();
        let end = usize::try_from(opened.toc.frames_end).unwrap();
        assert_eq!(pieces.concat(), &stored[start..end], "{name}");
        let (tail, variant) = toc::decode_tail_variant(&stored[end..]).unwrap();
        assert_eq!(
            (tail, variant),
            (opened.toc.tail.clone(), opened.toc.variant),
            "{name}"
        );
    }
    if fixtures().is_some() {
        assert!(tables > 50, "only {tables} tables");
    }
}

#[test]
fn views_show_what_frames_hold() {
    for (name, bytes) in all_files() {
        let Ok(opened) = open(&bytes) else { continue };
        let stored = opened.located.toc(&bytes).unwrap();
        let (_, count, start) = toc::decode_head(stored).unwrap();
        let views: Vec<_> = toc::frame_views(stored, count, start)
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(views.len(), opened.toc.frames.len(), "{name}");
        for (((offset, view), frame), expected_offset) in views
            .iter()
            .zip(&opened.toc.frames)
            .zip(&opened.toc.frame_offsets)
        {
            assert_eq!(offset, expected_offset, "{name}");
            assert_eq!(view.to_frame().unwrap(), *frame, "{name}");
            assert_eq!(view.metadata().unwrap(), frame.metadata, "{name}");
            assert_eq!(view.uri, frame.uri.as_deref());
            assert_eq!(view.search_text, frame.search_text.as_deref());
            assert!(view.tags.iter().eq(frame.tags.iter().map(String::as_str)));
            assert!(
                view.labels
                    .iter()
                    .eq(frame.labels.iter().map(String::as_str))
            );
            assert!(
                view.extra_metadata.iter().eq(frame
                    .extra_metadata
                    .iter()
                    .map(|(k, v)| (k.as_str(), v.as_str())))
            );
            assert_eq!(
                view.mime,
                frame
                    .metadata
                    .as_ref()
                    .and_then(|data| data.mime.as_deref())
            );
            assert_eq!(view.has_chunk_manifest, frame.chunk_manifest.is_some());
            assert_eq!(
                view.payload(&bytes).unwrap(),
                payload::stored(&bytes, frame).unwrap()
            );
        }
    }
}

#[test]
fn clean_texts_come_out_of_polluted_ones() {
    let Some(folder) = fixtures() else { return };
    let inputs = json(&folder.join("mv2/MANIFEST.json"))["inputs"].clone();
    let batch = inputs["batch.json"].as_array().unwrap().clone();
    let known: Vec<String> = ["a.txt", "b.txt", "c.txt", "a2.txt"]
        .iter()
        .map(|key| inputs[*key].as_str().unwrap().to_owned())
        .chain(
            batch
                .iter()
                .map(|document| document["text"].as_str().unwrap().to_owned()),
        )
        .collect();
    let (mut recovered, mut polluted) = (0, 0);
    for (name, bytes) in all_files() {
        let Ok(opened) = open(&bytes) else { continue };
        for frame in &opened.toc.frames {
            let Some(stored) = &frame.search_text else {
                continue;
            };
            let place = format!("{name}, frame {}", frame.id);
            let body = search_text::body_of(frame).unwrap();
            assert!(stored.starts_with(&body), "{place}");
            let untouched =
                frame.role == FrameRole::DocumentChunk || frame.chunk_manifest.is_some();
            if untouched {
                assert_eq!(&body, stored, "{place}");
                continue;
            }
            let frames = &opened.toc.frames;
            let body = search_text::body_through_versions(frame, |id| {
                frames.get(usize::try_from(id).unwrap())
            })
            .unwrap();
            assert!(!body.contains("\nmetadata: {"), "{place}: {body}");
            assert!(!body.contains("\nuri: mv2://"), "{place}: {body}");
            polluted += usize::from(body.len() < stored.len());
            if let Some(text) = known.iter().find(|text| stored.starts_with(text.as_str())) {
                assert_eq!(&body, text, "{place}");
                recovered += 1;
            }
            if frame.canonical_encoding == CanonicalEncoding::Zstd
                && frame.payload_length > 0
                && name.starts_with("cli-")
                && let Ok(text) = String::from_utf8(payload::read(&bytes, frame).unwrap())
                && !text.contains("<html>")
            {
                assert_eq!(body, search_text::normalize(&text), "{place}");
            }
        }
    }
    assert!(recovered > 60, "only {recovered} known texts");
    println!("{recovered} known texts, {polluted} polluted ones");
}

#[test]
fn sketches_are_those_the_reference_computed() {
    let (mut files, mut entries) = (0, 0);
    for (name, bytes) in all_files() {
        let Ok(opened) = open(&bytes) else { continue };
        let Some(manifest) = &opened.toc.tail.sketch_track else {
            continue;
        };
        let offset = mv2::recover::displaced_section(
            &bytes,
            &opened.located.header,
            &sketch::SKETCH_MAGIC,
            manifest.bytes_offset,
            manifest.bytes_length,
            &manifest.checksum,
        )
        .unwrap_or_else(|| panic!("{name}: no sketch track"));
        assert_eq!(
            offset == manifest.bytes_offset,
            name != "crash-wal-growth.mv2",
            "{name}"
        );
        let section =
            verify::section(&bytes, "sketch track", offset, manifest.bytes_length).unwrap();
        let track = sketch::parse(section).unwrap();
        assert_eq!(track.len() as u64, manifest.entry_count, "{name}");
        let mut hasher = sketch::SketchHasher::new();
        let computed: Vec<_> = opened
            .toc
            .frames
            .iter()
            .map(|frame| match frame.search_text.as_deref() {
                Some(text) if !text.trim().is_empty() => hasher.entry(text),
                _ => {
                    let text = payload::read(&bytes, frame).unwrap_or_default();
                    hasher.entry(&String::from_utf8_lossy(&text))
                }
            })
            .collect();
        for index in 0..track.len() {
            let stored = track.get(index).unwrap();
            assert!(
                computed.iter().any(|entry| entry == stored),
                "{name}: entry {index} belongs to no frame"
            );
            entries += 1;
        }
        files += 1;
    }
    if fixtures().is_some() {
        assert!(files > 30, "only {files} files");
        println!("{entries} entries in {files} files");
    }
}

#[test]
fn index_fixtures_have_the_frames_of_their_manifest() {
    for (name, bytes, entry) in index_files() {
        let opened = open(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let hash = blake3::hash(&bytes).to_hex();
        assert_eq!(hash.as_str(), entry["blake3"].as_str().unwrap(), "{name}");
        let expected = &entry["expected"];
        if expected.is_null() {
            continue;
        }
        assert_eq!(opened.toc.frames.len(), expected["frames"], "{name}");
        let statuses: Vec<_> = opened
            .toc
            .frames
            .iter()
            .map(|frame| format!("{:?}", frame.status))
            .collect();
        let listed = strings(&expected["statuses"]);
        if !listed.is_empty() {
            assert_eq!(statuses, listed, "{name}");
        }
        if let Some(count) = expected["sketch_entries"].as_u64() {
            assert_eq!(
                opened.toc.tail.sketch_track.as_ref().unwrap().entry_count,
                count,
                "{name}"
            );
        }
        if let Some(replay) = expected["replay"].as_object() {
            let found = opened.toc.tail.replay_manifest.as_ref().unwrap();
            assert_eq!(found.segment_offset, replay["segment_offset"], "{name}");
            assert_eq!(found.total_actions, replay["total_actions"], "{name}");
        }
        let vectors = &expected["vec_manifest"];
        if vectors.is_object() {
            let found = opened.toc.tail.indexes.vec.as_ref().unwrap();
            assert_eq!(found.vector_count, vectors["vector_count"], "{name}");
            assert_eq!(found.bytes_length, vectors["bytes_length"], "{name}");
            let checksum = verify::section_checksum(
                &bytes,
                "vectors",
                found.bytes_offset,
                found.bytes_length,
                &found.checksum,
            );
            if found.bytes_length > 0 {
                assert_eq!(checksum.is_ok(), vectors["checksum_ok"], "{name}");
            }
        }
        let tantivy = opened.toc.tail.segment_catalog.tantivy_segments.len();
        assert_eq!(tantivy, expected["tantivy_files"], "{name}");
    }
}
