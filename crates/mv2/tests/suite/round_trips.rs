//! Whatever can be written comes back, and whatever was read is written to the same bytes.

use mv2::codec::{Reader, Writer};
use mv2::frame::{
    AnchorSource, Audio, AudioSegment, CanonicalEncoding, DocMetadata, EnrichmentState, Exif,
    Frame, FrameRole, FrameStatus, Gps, Media, TextChunkManifest, TextChunkRange,
};
use mv2::toc::{self, SegmentMeta, TimeIndexManifest, TocHead, TocTail, TocVariant};
use mv2::view::FrameView;
use mv2::wal::{self, EntryOperation, FrameEntry, WalEntry};
use mv2::{Header, payload, search_text, sketch};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z]{1,12}", "\\PC{0,20}"]
}

fn number() -> impl Strategy<Value = f32> {
    -1000.0f32..1000.0
}

fn metadata() -> BoxedStrategy<DocMetadata> {
    let exif = (of(text()), of(text()), of((-90.0..90.0, -180.0..180.0))).prop_map(
        |(make, datetime, gps)| Exif {
            make,
            datetime,
            gps: gps.map(|(latitude, longitude)| Gps {
                latitude,
                longitude,
            }),
            ..Exif::default()
        },
    );
    let segment =
        (number(), number(), of(text())).prop_map(|(start_seconds, end_seconds, label)| {
            AudioSegment {
                start_seconds,
                end_seconds,
                label,
            }
        });
    let audio = (
        of(number()),
        of(any::<u8>()),
        vec(segment, 0..3),
        btree_map(text(), text(), 0..3),
    )
        .prop_map(|(duration_secs, channels, segments, tags)| Audio {
            duration_secs,
            channels,
            segments,
            tags,
            ..Audio::default()
        });
    let media = (text(), any::<u64>(), of(text())).prop_map(|(kind, bytes, filename)| Media {
        kind,
        bytes,
        filename,
        ..Media::default()
    });
    (
        of(text()),
        of(any::<u64>()),
        of(text()),
        of(any::<u32>()),
        of(vec(text(), 0..3)),
        of(text()),
        of(exif),
        of(audio),
        of(media),
    )
        .prop_map(
            |(mime, bytes, hash, width, colors, caption, exif, audio, media)| DocMetadata {
                mime,
                bytes,
                hash,
                width,
                height: width,
                colors,
                caption,
                exif,
                audio,
                media,
            },
        )
        .boxed()
}

fn manifest() -> impl Strategy<Value = TextChunkManifest> {
    (any::<u64>(), vec((any::<u64>(), any::<u64>()), 0..4)).prop_map(|(chunk_chars, chunks)| {
        TextChunkManifest {
            chunk_chars,
            chunks: chunks
                .into_iter()
                .map(|(start, end)| TextChunkRange { start, end })
                .collect(),
        }
    })
}

prop_compose! {
    fn unboxed_frame()(
        numbers in any::<(u64, i64, u64, u64, [u8; 32])>(),
        options in any::<(Option<i64>, Option<u64>, Option<u64>, Option<u32>, Option<u32>, Option<u64>, Option<u64>, Option<[u8; 32]>)>(),
        names in (of(text()), of(text()), of(text()), of(text()), of(text()), of(text())),
        lists in (vec(text(), 0..4), vec(text(), 0..4), btree_map(text(), text(), 0..4), vec(text(), 0..4)),
        metadata in of(metadata()),
        chunk_manifest in of(manifest()),
        codes in (0u32..4, 0u32..2, 0u32..3, 0u32..3, 0u32..2),
    ) -> Frame {
        Frame {
            id: numbers.0,
            timestamp: numbers.1,
            payload_offset: numbers.2,
            payload_length: numbers.3,
            checksum: numbers.4,
            anchor_ts: options.0,
            anchor_source: options.0.and(AnchorSource::from_code(codes.0)),
            canonical_length: options.1,
            parent_id: options.2,
            chunk_index: options.3,
            chunk_count: options.4,
            supersedes: options.5,
            superseded_by: options.6,
            source_sha256: options.7,
            kind: names.0,
            track: names.1,
            uri: names.2,
            title: names.3,
            search_text: names.4,
            source_path: names.5,
            tags: lists.0,
            labels: lists.1,
            extra_metadata: lists.2,
            content_dates: lists.3,
            metadata,
            chunk_manifest,
            canonical_encoding: CanonicalEncoding::from_code(codes.1).unwrap(),
            role: FrameRole::from_code(codes.2).unwrap(),
            status: FrameStatus::from_code(codes.3).unwrap(),
            enrichment_state: EnrichmentState::from_code(codes.4).unwrap(),
        }
    }
}

prop_compose! {
    fn unboxed_entry()(
        frame in frame(),
        payload in vec(any::<u8>(), 0..50),
        embedding in of(vec(number(), 0..5)),
        ids in any::<(Option<u64>, Option<u64>, Option<u64>, Option<u64>)>(),
        delete in any::<bool>(),
    ) -> FrameEntry {
        FrameEntry {
            timestamp: frame.timestamp,
            kind: frame.kind,
            track: frame.track,
            payload,
            embedding,
            uri: frame.uri,
            title: frame.title,
            canonical_encoding: frame.canonical_encoding,
            canonical_length: frame.canonical_length,
            metadata: frame.metadata,
            search_text: frame.search_text,
            tags: frame.tags,
            labels: frame.labels,
            extra_metadata: frame.extra_metadata,
            content_dates: frame.content_dates,
            chunk_manifest: frame.chunk_manifest,
            role: frame.role,
            parent_sequence: ids.0,
            chunk_index: frame.chunk_index,
            chunk_count: frame.chunk_count,
            op: if delete { EntryOperation::Tombstone } else { EntryOperation::Insert },
            target_frame_id: ids.1,
            supersedes_frame_id: ids.2,
            reuse_payload_from: ids.3,
            source_sha256: frame.source_sha256,
            source_path: frame.source_path,
            enrichment_state: frame.enrichment_state,
        }
    }
}

// Values of many fields are moved through many closures: boxes keep unoptimised builds from running out of stack.
fn frame() -> BoxedStrategy<Frame> {
    unboxed_frame().boxed()
}

fn entry() -> BoxedStrategy<Box<FrameEntry>> {
    unboxed_entry().prop_map(Box::new).boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn frames_come_back(frame in frame()) {
        let bytes = frame.to_bytes();
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(&Frame::decode(&mut reader).unwrap(), &frame);
        reader.finish().unwrap();
        let view = FrameView::parse(&bytes).unwrap();
        prop_assert_eq!(view.encoded, &bytes[..]);
        prop_assert_eq!(view.to_frame().unwrap(), frame);
    }

    #[test]
    fn a_view_accepts_exactly_what_the_decoder_accepts(frame in frame(), flips in vec((any::<usize>(), any::<u8>()), 1..4)) {
        let mut bytes = frame.to_bytes();
        for (position, value) in flips {
            let length = bytes.len();
            bytes[position % length] = value;
        }
        let decoded = Frame::decode(&mut Reader::named(&bytes, "frame"));
        match FrameView::parse(&bytes) {
            Ok(view) => {
                let frame = decoded.unwrap();
                prop_assert_eq!(view.id, frame.id);
                prop_assert_eq!(view.tags.len(), frame.tags.len());
            }
            Err(_) => prop_assert!(decoded.is_err()),
        }
    }

    #[test]
    fn log_entries_come_back(entry in entry()) {
        let entry = WalEntry::Frame(entry);
        let bytes = entry.encode();
        prop_assert_eq!(WalEntry::decode(&bytes).unwrap(), entry.clone());
        let mut longer = bytes;
        longer.extend_from_slice(b"ignored");
        prop_assert_eq!(WalEntry::decode(&longer).unwrap(), entry);
    }

    #[test]
    fn tables_of_contents_come_back(mut frames in vec(frame(), 0..5), offset in any::<u64>(), segments in 0u64..3) {
        for (id, frame) in frames.iter_mut().enumerate() {
            frame.id = id as u64;
        }
        let head = TocHead {
            toc_version: 0,
            segments: (0..segments)
                .map(|id| SegmentMeta {
                    id,
                    frame_from: 0,
                    frame_to: frames.len() as u64,
                    primary_checksum: [7; 32],
                    compression: toc::SegmentCompression::None,
                    bytes_offset: offset,
                    bytes_length: 10,
                })
                .collect(),
        };
        let tail = TocTail {
            time_index: Some(TimeIndexManifest { bytes_offset: offset, bytes_length: 12, entry_count: 0, checksum: [1; 32] }),
            ..TocTail::default()
        };
        let encoded: Vec<_> = frames.iter().map(Frame::to_bytes).collect();
        let pieces: Vec<_> = encoded.iter().map(Vec::as_slice).collect();
        let bytes = toc::encode(&head, frames.len() as u64, &pieces, &tail);
        let mut again = Vec::new();
        let written = toc::write(
            &head,
            frames.len() as u64,
            |sink| pieces.iter().try_for_each(|piece| sink(piece)),
            &tail,
            |piece| {
                again.extend_from_slice(piece);
                Ok::<(), ()>(())
            },
        );
        prop_assert_eq!(written, Ok(toc::Written::of(&bytes)));
        prop_assert_eq!(&again, &bytes);
        prop_assert_eq!(toc::length(&head, pieces.iter().map(|piece| piece.len() as u64).sum(), &tail), bytes.len() as u64);
        let decoded = toc::decode(&bytes).unwrap();
        prop_assert_eq!(&decoded.head, &head);
        prop_assert_eq!(&decoded.frames, &frames);
        prop_assert_eq!(&decoded.tail, &tail);
        prop_assert_eq!(decoded.variant, TocVariant::Current);
        prop_assert_eq!(toc::measure(&bytes).unwrap(), bytes.len() as u64);
        for (at, piece) in decoded.frame_offsets.iter().zip(&pieces) {
            let at = usize::try_from(*at).unwrap();
            prop_assert_eq!(&bytes[at..at + piece.len()], *piece);
        }
        let mut damaged = bytes.clone();
        let position = usize::try_from(offset).unwrap_or(0) % damaged.len();
        damaged[position] ^= 4;
        prop_assert!(toc::decode(&damaged).is_err());
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        let _ = toc::decode(&bytes);
        let _ = toc::decode_head(&bytes);
        let _ = toc::decode_tail(&bytes);
        let _ = toc::measure(&bytes);
        let _ = FrameView::parse(&bytes);
        let _ = WalEntry::decode(&bytes);
        let _ = wal::scan(&bytes, 0);
        let _ = sketch::parse(&bytes);
        let _ = mv2::time_index::TimeIndex::parse(&bytes);
        let _ = payload::decompress(&bytes, CanonicalEncoding::Zstd, None);
        let _ = Header::decode(&bytes);
        let _ = mv2::footer::find_last(&bytes);
    }

    #[test]
    fn batches_of_the_log_come_back(payloads in vec(vec(any::<u8>(), 1..40), 1..6), first in 1u64..1000) {
        let batch = wal::encode_batch(first, &payloads);
        prop_assert_eq!(batch.len() as u64, wal::batch_size(payloads.iter().map(Vec::len)));
        let scan = wal::scan(&batch, 0);
        prop_assert_eq!(scan.records.len(), payloads.len());
        prop_assert_eq!(&scan.torn, &None);
        prop_assert_eq!(scan.head, batch.len() as u64 - 48);
        for ((record, payload), sequence) in scan.records.iter().zip(&payloads).zip(first..) {
            prop_assert_eq!(record.sequence, sequence);
            prop_assert_eq!(&batch[record.payload.clone()], &payload[..]);
        }
    }

    /// What was acknowledged is there, or it is told; only the newest batch may be taken for one that was interrupted.
    #[test]
    fn one_changed_byte_of_a_log_hides_nothing(
        batches in vec(vec(vec(any::<u8>(), 1..60), 1..4), 2..6), first in 1u64..1000, at in any::<usize>(), change in 1u8..,
    ) {
        let mut log = Vec::new();
        let mut sequence = first;
        let mut newest = 0;
        for payloads in &batches {
            newest = log.len();
            let batch = wal::encode_batch(sequence, payloads);
            log.extend_from_slice(&batch[..batch.len() - 48]);
            sequence += payloads.len() as u64;
        }
        let end = log.len();
        log.resize(end + 48, 0);
        let intact = wal::scan(&log, first - 1);
        let at = at % end;
        log[at] ^= change;
        let scan = wal::scan(&log, first - 1);
        let told = scan.torn.as_ref().is_some_and(|torn| torn.is_damage);
        let is_older = |record: &&wal::WalRecord| record.payload.end <= newest;
        let content = |scan: &wal::WalScan, all: bool| -> Vec<(u64, Vec<u8>)> {
            let records = scan.records.iter().filter(|record| all || is_older(record));
            records.map(|record| (record.sequence, log[record.payload.clone()].to_vec())).collect()
        };
        if at < newest {
            prop_assert!(told || content(&scan, true) == content(&intact, true));
        } else {
            prop_assert_eq!(content(&scan, false), content(&intact, false));
        }
    }

    #[test]
    fn headers_and_footers_come_back(
        numbers in any::<(u64, u64, u64, u64)>(), size in 1u64..1 << 40, checksum: [u8; 32], length in 1u64..,
    ) {
        let header = Header {
            footer_offset: numbers.0,
            wal_offset: 4096,
            wal_size: size,
            wal_checkpoint_pos: numbers.1,
            wal_sequence: numbers.2,
            toc_checksum: checksum,
        };
        prop_assert_eq!(Header::decode(&header.encode()).unwrap(), header);
        let footer = mv2::footer::Footer { toc_len: length, toc_hash: checksum, generation: numbers.3 };
        prop_assert_eq!(mv2::footer::Footer::decode(&footer.encode()).unwrap(), footer);
    }

    #[test]
    fn time_indexes_come_back(mut entries in vec(any::<(i64, u64)>(), 0..40), moment: i64) {
        entries.sort_unstable();
        let bytes = mv2::time_index::encode(&entries);
        let index = mv2::time_index::TimeIndex::parse(&bytes).unwrap();
        index.check_sort_order().unwrap();
        prop_assert!(index.iter().eq(entries.iter().copied()));
        prop_assert_eq!(index.lower_bound(moment), entries.iter().filter(|entry| entry.0 < moment).count());
        prop_assert_eq!(index.upper_bound(moment), entries.iter().filter(|entry| entry.0 <= moment).count());
    }

    #[test]
    fn payloads_come_back(bytes in vec(any::<u8>(), 0..5000), level in 0i32..6) {
        let stored = payload::compress(&bytes, level).unwrap();
        let encoding = if level == 0 { CanonicalEncoding::Plain } else { CanonicalEncoding::Zstd };
        prop_assert_eq!(&payload::decompress(&stored, encoding, Some(bytes.len() as u64)).unwrap(), &bytes);
        prop_assert_eq!(&payload::decompress(&stored, encoding, None).unwrap(), &bytes);
    }

    #[test]
    fn appended_lines_never_cost_text(mut frame in frame(), body in "\\PC{0,40}") {
        frame.role = FrameRole::Document;
        frame.chunk_manifest = None;
        let text = search_text::augment(&frame, &body);
        frame.search_text = Some(text);
        prop_assert_eq!(search_text::body_of(&frame).unwrap(), body);
    }

    #[test]
    fn normal_text_stays_as_it_is(text in "\\PC{0,60}") {
        let once = search_text::normalize(&text);
        prop_assert_eq!(search_text::normalize(&once), once);
    }

    #[test]
    fn remembered_hashes_change_nothing(texts in vec("[a-c ]{0,30}", 0..6)) {
        let mut hasher = sketch::SketchHasher::new();
        for text in &texts {
            prop_assert_eq!(hasher.entry(text), sketch::sketch_entry(text));
        }
    }

    #[test]
    fn codec_values_come_back(number in any::<(u8, u16, u32, u64, i64, bool)>(), text in text(), list in vec(text(), 0..5)) {
        let mut writer = Writer::new();
        writer.u8(number.0);
        writer.u16(number.1);
        writer.u32(number.2);
        writer.u64(number.3);
        writer.i64(number.4);
        writer.boolean(number.5);
        writer.string(&text);
        writer.strings(&list);
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(
            (reader.u8().unwrap(), reader.u16().unwrap(), reader.u32().unwrap(), reader.u64().unwrap(), reader.i64().unwrap(), reader.boolean().unwrap()),
            number
        );
        prop_assert_eq!(reader.string().unwrap(), text);
        prop_assert_eq!(reader.strings("texts", 9).unwrap(), list);
        for length in 0..bytes.len() {
            let mut reader = Reader::new(&bytes[..length]);
            let all = (|| -> mv2::Result<()> {
                reader.take(8 + 8 + 8)?;
                reader.string()?;
                reader.strings("texts", 9)?;
                Ok(())
            })();
            prop_assert!(all.is_err());
        }
    }
}
