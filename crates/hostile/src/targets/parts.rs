//! Tables of contents, and segments of full text and vectors.

use std::sync::OnceLock;

use lex::{LexIndex, OwnedBytes, PendingIndex, Query, SearchRequest, Searcher};
use mv2::frame::Frame;
use mv2::{recover, toc};
use vec::{Encoding, Request, Segment, Source, StridedVectors};

use crate::checksums::{header_of, mend_segment};
use crate::script::{Input, Template, apply};
use crate::shapes;

/// Decodes a changed table of contents; what decodes is encoded to what decodes the same.
pub fn toc_decode(data: &[u8]) {
    static TABLES: OnceLock<Vec<Template>> = OnceLock::new();
    let tables = TABLES.get_or_init(|| {
        let mut tables: Vec<_> = shapes::ours()
            .iter()
            .map(|shape| table_of(&shape.bytes))
            .collect();
        tables.push(table_of(&mv2::builder::minimal_file(&[])));
        tables.retain(|table| table.bytes.len() < 64 << 10);
        tables
    });
    let mut input = Input::new(data);
    let table = &tables[usize::from(input.byte()) % tables.len()];
    let mut bytes = apply(table, &mut input, false);
    let _ = toc::decode(&bytes);
    let _ = toc::measure(&bytes);
    let _ = toc::decode_tail(&bytes);
    if let Ok(checksum) = toc::checksum(&bytes) {
        let at = bytes.len() - 32;
        bytes[at..].copy_from_slice(&checksum);
    }
    if let Ok((_, count, start)) = toc::decode_head(&bytes) {
        for view in toc::frame_views(&bytes, count, start).flatten() {
            // Both ways of reading a frame agree.
            let frame = view.1.to_frame();
            assert!(frame.is_ok_and(|frame| frame.id == view.1.id));
        }
    }
    let Ok(decoded) = toc::decode(&bytes) else {
        return;
    };
    let frames: Vec<_> = decoded.frames.iter().map(Frame::to_bytes).collect();
    let pieces: Vec<_> = frames.iter().map(Vec::as_slice).collect();
    let encoded = toc::encode(&decoded.head, frames.len() as u64, &pieces, &decoded.tail);
    let again = toc::decode(&encoded).unwrap();
    assert_eq!(
        format!("{:?}", again.frames),
        format!("{:?}", decoded.frames)
    );
    assert_eq!(format!("{:?}", again.tail), format!("{:?}", decoded.tail));
}

fn table_of(file: &[u8]) -> Template {
    let located = recover::locate(file, "template".as_ref()).unwrap();
    let bytes = located.toc(file).unwrap().to_vec();
    let decoded = toc::decode(&bytes).unwrap();
    let ends = decoded.frame_offsets.iter().skip(1).copied();
    let ends = ends.chain([decoded.frames_end]);
    let mut parts: Vec<_> = decoded
        .frame_offsets
        .iter()
        .zip(ends)
        .map(|(start, end)| *start as usize..end as usize)
        .collect();
    parts.push(
        0..decoded
            .frame_offsets
            .first()
            .map_or(24, |first| *first as usize),
    );
    parts.push(decoded.frames_end as usize..bytes.len());
    Template { bytes, parts }
}

fn segment(bytes: Vec<u8>) -> (Template, usize) {
    let header = header_of(&bytes).unwrap();
    let whole = header..bytes.len();
    (
        Template {
            bytes,
            parts: vec![0..header, whole],
        },
        header,
    )
}

/// Searches and merges a changed segment of full text.
pub fn lex_segment(data: &[u8]) {
    static SEGMENTS: OnceLock<Vec<(Template, usize)>> = OnceLock::new();
    let segments = SEGMENTS.get_or_init(|| {
        [3, 40, 300]
            .into_iter()
            .map(|count| {
                let mut builder = lex::SegmentBuilder::new(15_000_000).unwrap();
                for number in 0..count {
                    let text = shapes::text(number, 20);
                    let tags = ["all".to_owned(), format!("tag{}", number % 3)];
                    let document = lex::Document {
                        frame_id: number,
                        title: "Title lighthouse",
                        body: &text,
                        uri: "mv2://folder/note",
                        kind: Some("note"),
                        track: None,
                        tags: &tags,
                        labels: &[],
                        timestamp: 1_700_000_000 + number as i64,
                        boost: 1.0,
                    };
                    builder.add(&document).unwrap();
                }
                segment(builder.finish().unwrap())
            })
            .collect()
    });
    let mut input = Input::new(data);
    let (template, header) = &segments[usize::from(input.byte()) % segments.len()];
    let how = input.byte();
    let mut bytes = apply(template, &mut input, !how.is_multiple_of(4));
    if how % 4 == 1 {
        mend_segment(&mut bytes, *header);
    }
    if how % 4 == 2 {
        mend_blocks(&mut bytes, *header);
    }
    let bytes = OwnedBytes::new(bytes);
    if let Ok(index) = LexIndex::open(vec![bytes.clone()]) {
        let _ = index.verify();
        let pending = PendingIndex::new();
        let searcher = Searcher::new(&index, &pending);
        for query in [
            "lighthouse keeper",
            "\"lighthouse keeper\"",
            "vess*",
            "tag:all storm",
            "naïve -storm",
            "date:[2023-01-01 TO 2024-01-01]",
        ] {
            let query = Query::parse(query).unwrap();
            for explain in [false, true] {
                let request = SearchRequest {
                    query: &query,
                    limit: 10,
                    offset: 0,
                    accept: None,
                    explain,
                };
                if let Ok(found) = searcher.search(&request) {
                    assert!(found.hits.len() <= 10);
                }
            }
        }
    }
    let _ = lex::merge(&[bytes], &|frame| frame % 3 != 0, &|| {});
}

/// Blocks of the payload have a CRC-32 each, in front of it.
fn mend_blocks(bytes: &mut [u8], header: usize) {
    const BLOCK: usize = 32 << 10;
    let count = (bytes.len() - header).div_ceil(BLOCK);
    for index in 0..count {
        let from = header + index * BLOCK;
        let checksum = crc32fast::hash(&bytes[from..(from + BLOCK).min(bytes.len())]);
        let at = 64 + 6 * 16 + 4 * index;
        bytes[at..at + 4].copy_from_slice(&checksum.to_le_bytes());
    }
    mend_segment(bytes, header);
}

/// Searches, verifies and merges a changed segment of codes.
pub fn vec_segment(data: &[u8]) {
    struct Stored {
        template: Template,
        header: usize,
        dimension: usize,
        vectors: Vec<u8>,
    }
    static SEGMENTS: OnceLock<Vec<Stored>> = OnceLock::new();
    let segments = SEGMENTS.get_or_init(|| {
        [
            (Encoding::Bits, 64, 400),
            (Encoding::Bytes, 20, 70),
            (Encoding::Bits, 384, 33),
            (Encoding::Bytes, 1, 3),
        ]
        .into_iter()
        .map(|(encoding, dimension, count)| {
            let mut builder = vec::SegmentBuilder::with_encoding(dimension, encoding).unwrap();
            let mut vectors = Vec::new();
            for number in 0..count {
                let vector = shapes::vector(dimension, number);
                builder.add(2 * number, &vector).unwrap();
                vectors.extend(vector.iter().flat_map(|number| number.to_le_bytes()));
            }
            let (template, header) = segment(builder.finish());
            Stored {
                template,
                header,
                dimension,
                vectors,
            }
        })
        .collect()
    });
    let mut input = Input::new(data);
    let stored = &segments[usize::from(input.byte()) % segments.len()];
    let how = input.byte();
    let seed = u64::from(input.byte());
    let mut bytes = apply(&stored.template, &mut input, !how.is_multiple_of(4));
    if !how.is_multiple_of(4) {
        mend_segment(&mut bytes, stored.header);
    }
    let Ok(segment) = Segment::open(&bytes) else {
        return;
    };
    let _ = segment.verify();
    let _ = segment.ordinal(seed);
    let mut vectors = stored.vectors.clone();
    if how & 0x40 != 0 {
        // Not a number, infinite, or none at all.
        let at = usize::from(how) * 4 % vectors.len();
        vectors[at..at + 4].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0x7F]);
        vectors.truncate(vectors.len().saturating_sub(usize::from(how & 0x20)));
    }
    let strided = StridedVectors {
        bytes: &vectors,
        first: 0,
        stride: 4 * stored.dimension,
        dimension: stored.dimension,
        frame: None,
    };
    let sources = [Source {
        segment,
        vectors: &strided,
        verified: None,
    }];
    let query = shapes::vector(stored.dimension, seed);
    let mut request = Request::new(&query, 1 + usize::from(how % 16));
    let found = vec::search(&sources, &request);
    if let Ok(found) = &found {
        assert!(found.hits.len() <= request.limit);
    }
    request.is_exact = true;
    request.threads = 2;
    let _ = vec::search(&sources, &request);
    let _ = vec::merge(&sources, &|frame| frame % 3 != 0);
}
