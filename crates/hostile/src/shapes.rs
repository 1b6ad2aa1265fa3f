//! The files of the matrix: one for each way in which content can lie in a file.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{
    Content, Document, Embedding, Identity, Memory, OpenMode, OpenOptions, Picture, PutOptions,
};

/// A file to be damaged.
pub struct Shape {
    /// What is special about it.
    pub name: String,
    /// All of it.
    pub bytes: Vec<u8>,
    /// Size of the vectors in it.
    pub dimension: Option<usize>,
    /// Size of the vectors of its pictures.
    pub picture_dimension: Option<usize>,
}

impl Shape {
    /// Whether this engine wrote it.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        !self.name.starts_with("mv2")
    }
}

const WORDS: [&str; 48] = [
    "lighthouse",
    "keeper",
    "recorded",
    "spring",
    "tide",
    "harbour",
    "lantern",
    "storm",
    "vessel",
    "captain",
    "ledger",
    "anchor",
    "compass",
    "voyage",
    "cargo",
    "island",
    "current",
    "signal",
    "weather",
    "morning",
    "letter",
    "market",
    "bridge",
    "garden",
    "winter",
    "copper",
    "engine",
    "window",
    "river",
    "mountain",
    "painter",
    "journal",
    "number",
    "question",
    "answer",
    "memory",
    "running",
    "houses",
    "writing",
    "wrote",
    "älter",
    "naïve",
    "東京",
    "データ",
    "search",
    "index",
    "vector",
    "frame",
];

/// A text that depends on `seed` only.
#[must_use]
pub fn text(seed: u64, words: usize) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut out = String::new();
    for index in 0..words {
        // Skewed as words are: few of them are common.
        let rank = (random.f64().powi(2) * WORDS.len() as f64) as usize;
        out.push_str(WORDS[rank.min(WORDS.len() - 1)]);
        out.push_str(if index % 11 == 10 { ". " } else { " " });
    }
    out.push_str(&format!("unique{seed}."));
    out
}

/// A vector that depends on `seed` only.
#[must_use]
pub fn vector(dimension: usize, seed: u64) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(977) + 5);
    (0..dimension).map(|_| random.f32() * 2.0 - 1.0).collect()
}

fn document(seed: u64, words: usize) -> Document {
    Document::text(text(seed, words), 1_700_000_000 + 977 * seed as i64)
}

fn rich(seed: u64) -> Document {
    let number = seed % 5;
    Document {
        title: Some(format!("Title {} {seed}", WORDS[(seed % 40) as usize])),
        uri: Some(format!("mv2://folder{}/note{seed}.md", seed % 3)),
        kind: Some(["note", "mail", "page"][(seed % 3) as usize].to_owned()),
        track: seed.is_multiple_of(2).then(|| format!("track{}", seed % 4)),
        tags: vec![format!("tag{number}"), "all".to_owned()],
        labels: vec![format!("label{}", seed % 2)],
        metadata: Some(format!(
            r#"{{"number":{number},"status":"{}","deep":{{"list":[1,{seed}]}},"ratio":{}.5}}"#,
            if seed.is_multiple_of(2) {
                "draft"
            } else {
                "final"
            },
            seed
        )),
        content_dates: vec![format!("2024-03-{:02}", 1 + seed % 28)],
        filename: Some(format!("note{seed}.md")),
        ..document(seed, 20)
    }
}

fn embedding(dimension: usize, seed: u64) -> Embedding {
    Embedding {
        vector: Arc::from(vector(dimension, seed)),
        identity: Arc::new(identity("model-a")),
    }
}

fn identity(model: &str) -> Identity {
    Identity {
        provider: Some("test".to_owned()),
        model: Some(model.to_owned()),
        dimension: None,
        normalized: Some(false),
    }
}

fn embedded(dimension: usize, seed: u64) -> Document {
    Document {
        embedding: Some(embedding(dimension, seed)),
        ..document(seed, 12)
    }
}

/// Numbers in the vector of a picture.
const PICTURE_DIMENSION: usize = 12;

/// A picture: every other one is described by words.
fn picture(seed: u64) -> Document {
    let bytes = (0..600_u64).map(|at| (at * (seed + 7) % 253) as u8);
    Document {
        content: Content::Bytes([0xFF, 0xD8, 0xFF].into_iter().chain(bytes).collect()),
        mime: Some("image/jpeg".to_owned()),
        search_text: seed.is_multiple_of(2).then(|| text(seed, 6)),
        picture: Some(Picture {
            vector: Arc::from(vector(PICTURE_DIMENSION, seed)),
            model: Arc::from("model-p"),
        }),
        ..rich(seed)
    }
}

fn put(memory: &Memory, documents: Vec<Document>) -> Vec<u64> {
    memory.put(documents, PutOptions::default()).unwrap().ids
}

fn built(
    name: &str,
    folder: &Path,
    dimension: Option<usize>,
    build: impl FnOnce(&Memory),
) -> Shape {
    let path = folder.join(format!("{name}.mv2"));
    let options = OpenOptions {
        mode: OpenMode::Create,
        ..OpenOptions::default()
    };
    let memory = Memory::open(&path, options).unwrap();
    build(&memory);
    // What the log holds stays there: dropping a handle is not closing it.
    drop(memory);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    Shape {
        name: name.to_owned(),
        bytes,
        dimension,
        picture_dimension: None,
    }
}

fn vectors(name: &str, folder: &Path, dimension: usize, count: u64, quantise: bool) -> Shape {
    built(name, folder, Some(dimension), |memory| {
        if quantise {
            memory.set_vector_compression(true).unwrap();
        }
        put(
            memory,
            (0..count).map(|seed| embedded(dimension, seed)).collect(),
        );
        memory.seal().unwrap();
        // A tail, and a vector in the log.
        put(
            memory,
            (0..4).map(|seed| embedded(dimension, 900 + seed)).collect(),
        );
        memory.remove(&[2]).unwrap();
        memory.seal().unwrap();
        put(memory, vec![embedded(dimension, 990)]);
    })
}

/// All shapes of ours.
#[must_use]
pub fn ours() -> Vec<Shape> {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut shapes = vec![
        built("sealed", folder, None, |memory| {
            put(memory, (0..30).map(|seed| document(seed, 25)).collect());
            memory.seal().unwrap();
        }),
        built("log", folder, None, |memory| {
            for seed in 0..6 {
                put(memory, vec![document(seed, 20)]);
            }
            put(memory, (6..10).map(rich).collect());
            memory.remove(&[1]).unwrap();
            put(memory, vec![document(11, 20)]);
            put(memory, vec![document(12, 20)]);
        }),
        built("log and sealed", folder, None, |memory| {
            put(memory, (0..20).map(rich).collect());
            memory.seal().unwrap();
            put(memory, (20..24).map(rich).collect());
            memory.remove(&[3, 21]).unwrap();
            memory.update(5, |_, _| Ok(rich(105))).unwrap();
            put(memory, vec![rich(25)]);
        }),
        built("long texts", folder, None, |memory| {
            put(memory, (0..4).map(|seed| document(seed, 900)).collect());
            memory.seal().unwrap();
            put(memory, vec![document(7, 700)]);
            memory.seal().unwrap();
        }),
        built("changed", folder, None, |memory| {
            let ids = put(memory, (0..24).map(rich).collect());
            memory.seal().unwrap();
            for &id in ids.iter().step_by(5) {
                memory.update(id, |_, _| Ok(rich(200 + id))).unwrap();
            }
            memory.remove(&ids[1..4]).unwrap();
            memory.seal().unwrap();
            memory.update(ids[5], |_, _| Ok(rich(305))).ok();
            memory.seal().unwrap();
        }),
        built("fields", folder, None, |memory| {
            put(memory, (0..40).map(rich).collect());
            let blob: Vec<u8> = (0..2000_u32)
                .map(|number| (number * 7 % 251) as u8)
                .collect();
            let mut binary = rich(77);
            binary.content = Content::Bytes(blob);
            binary.search_text = Some("a picture of the harbour".to_owned());
            binary.mime = Some("image/png".to_owned());
            put(memory, vec![binary]);
            memory.seal().unwrap();
        }),
        built("memory inside", folder, None, |memory| {
            // Bytes are stored as they are: a whole memory stands in the file.
            let texts: Vec<String> = (50..54).map(|seed| text(seed, 10)).collect();
            let sources: Vec<_> = texts
                .iter()
                .map(|text| {
                    let uri = "mv2://inside";
                    mv2::builder::FrameSource::text(uri, "Inside", text, 1_700_000_000)
                })
                .collect();
            put(memory, (0..6).map(|seed| document(seed, 20)).collect());
            let mut inner = document(30, 5);
            inner.content = Content::Bytes(mv2::builder::minimal_file(&sources));
            inner.mime = Some("application/octet-stream".to_owned());
            put(memory, vec![inner]);
            memory.seal().unwrap();
            put(memory, (7..9).map(|seed| document(seed, 20)).collect());
            memory.seal().unwrap();
        }),
        vectors("vectors of 8", folder, 8, 60, false),
        vectors("vectors of 32", folder, 32, 40, false),
        vectors("vectors of 384", folder, 384, 40, false),
        vectors("quantised vectors", folder, 384, 120, true),
        built("staged vectors", folder, Some(32), |memory| {
            let ids = put(memory, (0..30).map(|seed| embedded(32, seed)).collect());
            memory.seal().unwrap();
            let staged: Vec<f32> = ids[..20]
                .iter()
                .flat_map(|&id| vector(16, 50 + id))
                .collect();
            memory
                .stage_vectors(&ids[..20], &staged, identity("model-b"))
                .unwrap();
        }),
        built("several sections", folder, None, |memory| {
            for round in 0..5 {
                let documents = (0..4 + 3 * round).map(|seed| rich(40 * round + seed));
                put(memory, documents.collect());
                memory.seal().unwrap();
            }
        }),
        built("bulk", folder, Some(16), |memory| {
            let options = PutOptions {
                expected: Some(600),
                ..PutOptions::default()
            };
            let mut slices = (0..6_u64).map(|slice| {
                Ok((0..100)
                    .map(|seed| embedded(16, 100 * slice + seed))
                    .collect())
            });
            memory.put_slices(&mut slices, options).unwrap();
            memory.seal().unwrap();
        }),
    ];
    shapes.push(Shape {
        picture_dimension: Some(PICTURE_DIMENSION),
        ..built("pictures", folder, None, |memory| {
            put(memory, (0..14).map(picture).collect());
            memory.seal().unwrap();
            // An earlier index in dead space, and one in the log.
            put(memory, (14..20).map(picture).collect());
            memory.remove(&[2]).unwrap();
            memory.update(3, |_, _| Ok(picture(103))).unwrap();
            memory.seal().unwrap();
            put(memory, vec![picture(20)]);
        })
    });
    // Dead space of every kind: old tables, old sections, payloads of removed frames.
    shapes.push(built("dead space", folder, None, |memory| {
        for round in 0..6 {
            let ids = put(memory, (0..3).map(|seed| rich(10 * round + seed)).collect());
            memory.seal().unwrap();
            memory.remove(&ids[..1]).unwrap();
        }
        memory.seal().unwrap();
    }));
    shapes
}

/// The folder of the reference's files, when it stands beside the checkout; says what is left out otherwise.
#[must_use]
pub fn fixtures(what: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let found = beside.is_dir();
    if !found {
        // Not by a macro, whose output tests keep to themselves.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: {what}: no folder shared/fixtures beside the checkout"
        );
    }
    found.then_some(beside)
}

/// Files that the reference wrote, or that were written by hand for it, where they are at hand.
#[must_use]
pub fn of_the_reference() -> Vec<Shape> {
    let Some(folder) = fixtures("damage to files of the reference") else {
        return Vec::new();
    };
    let named = [
        ("mv2/cli-two.mv2", None),
        ("mv2/cli-putmany.mv2", None),
        ("mv2/cli-mutations.mv2", None),
        ("mv2/crash-pending-many.mv2", None),
        ("mv2/hand-appended-in-place.mv2", None),
        ("mv2/hand-legacy-v2.mv2", None),
        ("mv2/hand-minimal-nolex.mv2", None),
        ("mv2/hand-private-segment.mv2", None),
        ("mv2-index/sdk_putmany100.mv2", None),
        ("mv2-index/foreign_vec_segments.mv2", Some(8)),
        ("mv2-index/foreign_flat1000.mv2", Some(8)),
        ("mv2-index/foreign_pq.mv2", Some(384)),
    ];
    named
        .into_iter()
        .filter_map(|(name, dimension)| {
            Some(Shape {
                name: name.to_owned(),
                bytes: std::fs::read(folder.join(name)).ok()?,
                dimension,
                picture_dimension: None,
            })
        })
        .collect()
}
