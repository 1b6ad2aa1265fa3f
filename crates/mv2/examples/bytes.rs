//! What a memory's bytes are spent on: `cargo run --release -p mv2 --example bytes -- FILE`. One line a part, with its bytes
//! and what that is for each frame.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, missing_docs)]

use std::path::Path;

use mv2::frame::Frame;

/// The second mark of our sections, see docs/format.md.
const KINDS: [(u64, &str); 3] = [
    (0x4C45_5853, "full text"),
    (0x5645_4354, "vectors"),
    (0x5645_4343, "codes of vectors"),
];

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let file = std::fs::read(&path).unwrap();
    let located = mv2::recover::locate(&file, Path::new(&path)).unwrap();
    let toc_bytes = located.toc(&file).unwrap();
    let toc = mv2::toc::decode(toc_bytes).unwrap();
    let mut parts = vec![
        ("header".to_owned(), mv2::header::HEADER_SIZE as u64),
        ("log".to_owned(), located.header.wal_size),
    ];
    // Chunks of one document may stand in one payload.
    let mut payloads: Vec<(u64, u64)> = toc
        .frames
        .iter()
        .map(|frame| (frame.payload_offset, frame.payload_length))
        .collect();
    payloads.sort_unstable();
    payloads.dedup();
    let stored = payloads.iter().map(|(_, length)| length).sum();
    parts.push(("payloads".to_owned(), stored));
    for segment in &toc.head.segments {
        let kind = KINDS.iter().find(|(tag, _)| segment.id >> 32 == *tag);
        let name = match (segment.id, kind) {
            (0, _) => "directory".to_owned(),
            (_, Some((_, name))) => (*name).to_owned(),
            (id, None) => format!("section {id}"),
        };
        parts.push((name, segment.bytes_length));
    }
    if let Some(index) = &toc.tail.time_index {
        parts.push(("time index".to_owned(), index.bytes_length));
    }
    if let Some(track) = &toc.tail.sketch_track {
        parts.push(("sketch track".to_owned(), track.bytes_length));
    }
    let texts = |text: fn(&Frame) -> usize| toc.frames.iter().map(text).sum::<usize>() as u64;
    let repeated = texts(|frame| frame.search_text.as_ref().map_or(0, String::len));
    let embedding = texts(|frame| {
        let entries = frame.extra_metadata.iter();
        entries
            .filter(|(key, _)| key.starts_with("memvid.embedding."))
            .map(|(key, value)| 16 + key.len() + value.len())
            .sum()
    });
    let names = texts(|frame| {
        [&frame.uri, &frame.title, &frame.track, &frame.kind]
            .into_iter()
            .flatten()
            .map(String::len)
            .sum()
    });
    let rest = toc_bytes.len() as u64 - repeated - embedding - names;
    parts.push(("table: texts that are repeated".to_owned(), repeated));
    parts.push(("table: what made vectors".to_owned(), embedding));
    parts.push(("table: uri, title, track, kind".to_owned(), names));
    parts.push(("table: all else".to_owned(), rest));
    parts.push(("footer".to_owned(), mv2::footer::FOOTER_SIZE as u64));
    let known: u64 = parts.iter().map(|(_, bytes)| bytes).sum();
    parts.push(("dead".to_owned(), (file.len() as u64).saturating_sub(known)));
    parts.push(("file".to_owned(), file.len() as u64));
    for (name, bytes) in parts {
        let each = bytes as f64 / toc.frames.len().max(1) as f64;
        println!("{name:32}{bytes:12}{each:10.1} a frame");
    }
}
