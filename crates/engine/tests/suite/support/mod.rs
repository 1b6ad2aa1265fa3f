//! What the tests of the engine share.

pub mod repair;
pub mod rescue;
pub mod vectors;

use std::path::{Path, PathBuf};

use engine::{Document, FindRequest, Memory, OpenMode, OpenOptions, PutOptions};
use mv2::frame::Frame;
use mv2::toc::DecodedToc;
use serde_json::json;

/// A folder that goes with the test, and the path of a memory in it that is not there yet.
pub fn fresh() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.mv2");
    (folder, path)
}

pub fn create(path: &Path) -> Memory {
    let options = OpenOptions {
        mode: OpenMode::Create,
        ..OpenOptions::default()
    };
    Memory::open(path, options).unwrap()
}

pub fn open(path: &Path) -> Memory {
    Memory::open(path, OpenOptions::default()).unwrap()
}

/// The id of a document that is stored alone.
pub fn put_document(memory: &Memory, document: Document) -> u64 {
    let stored = memory.put(vec![document], PutOptions::default()).unwrap();
    stored.ids[0]
}

/// The id of a text that is stored alone.
pub fn put(memory: &Memory, text: &str) -> u64 {
    put_document(memory, Document::text(text, 1))
}

/// How many documents are found.
pub fn total(memory: &Memory, query: &str) -> u64 {
    let request: FindRequest = serde_json::from_value(json!({ "query": query, "k": 3 })).unwrap();
    memory.find(request).unwrap().total_hits
}

/// A folder of the shared fixtures; says so where they are not at hand.
pub fn fixtures(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    if folder.is_dir() {
        return Some(folder.join(name));
    }
    println!("skipped: the folder of shared fixtures is not beside the checkout");
    None
}

/// The table of contents in force.
pub fn table_of(file: &[u8]) -> DecodedToc {
    let located = mv2::recover::locate(file, Path::new("file")).unwrap();
    mv2::toc::decode(located.toc(file).unwrap()).unwrap()
}

/// A vector of numbers from -1 to 1 that look random.
pub fn vector_of(dimension: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..dimension)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// Text that does not compress: a file of it grows as fast as it is written.
pub fn noise(seed: u64, words: usize) -> String {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..words)
        .map(|_| format!("{:012x} ", next() >> 16))
        .collect()
}

/// Which file a path names now.
pub fn inode(path: &Path) -> mv2::storage::FileIdentity {
    mv2::storage::FileIdentity::of_path(path).unwrap().unwrap()
}

/// What a file is when the power goes between footer and header of a commit: header and log are those `before` it.
pub fn lose_header(path: &Path, before: &[u8]) {
    let mut bytes = std::fs::read(path).unwrap();
    let log_end = mv2::header::HEADER_SIZE + mv2::header::DEFAULT_WAL_SIZE as usize;
    bytes[..log_end].copy_from_slice(&before[..log_end]);
    std::fs::write(path, &bytes).unwrap();
}

/// A file as another program commits it: `section` behind all else, then a table of contents that says something else, and
/// which has its checksums.
pub fn recommitted(file: &[u8], section: &[u8], change: impl FnOnce(&mut DecodedToc)) -> Vec<u8> {
    let located = mv2::recover::locate_quick(file, Path::new("file"))
        .unwrap()
        .unwrap();
    let mut table = mv2::toc::decode(located.toc(file).unwrap()).unwrap();
    change(&mut table);
    let frames: Vec<Vec<u8>> = table.frames.iter().map(Frame::to_bytes).collect();
    let pieces: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    let encoded = mv2::toc::encode(&table.head, pieces.len() as u64, &pieces, &table.tail);
    let mut bytes = [file, section].concat();
    let header = mv2::header::Header {
        footer_offset: bytes.len() as u64,
        toc_checksum: mv2::toc::stored_checksum(&encoded).unwrap(),
        ..located.header
    };
    bytes.extend(&encoded);
    bytes.extend(mv2::footer::Footer::for_toc(&encoded, 2).encode());
    bytes[..mv2::header::HEADER_SIZE].copy_from_slice(&header.encode());
    bytes
}
