//! Winning space back on demand, and erasing: afterwards no byte of the file tells of what was removed.

use std::path::Path;
use std::sync::Arc;

use crate::support::{self, create, fresh, open, put_document as put, total, vector_of};
use engine::{
    Code, Content, Document, Embedding, Identity, Memory, OpenMode, OpenOptions, Picture,
    PurgeRequest, PutOptions, document_at,
};
use memchr::memmem;

/// In every field of a secret document.
const SECRETS: [&str; 11] = [
    "zqsecretbody",
    "zqsecrettitle",
    "zqsecreturi",
    "zqsecrettag",
    "zqsecretlabel",
    "zqsecretkey",
    "zqsecretvalue",
    "zqsecretkind",
    "zqsecrettrack",
    "zqsecretsearch",
    "zqsecretfile",
];

fn embedded(dimension: usize, seed: u64) -> Option<Embedding> {
    Some(Embedding {
        vector: vector_of(dimension, seed).into(),
        identity: Arc::new(Identity {
            model: Some("made".to_owned()),
            ..Identity::default()
        }),
    })
}

/// A document that must not be left in the file, with the vector `seed`.
fn secret(dimension: usize, seed: u64) -> Document {
    Document {
        search_text: Some("zqsecretsearch by other words".to_owned()),
        title: Some("About zqsecrettitle".to_owned()),
        uri: Some("mv2://zqsecreturi/one".to_owned()),
        kind: Some("zqsecretkind".to_owned()),
        track: Some("zqsecrettrack".to_owned()),
        tags: vec!["zqsecrettag".to_owned()],
        labels: vec!["zqsecretlabel".to_owned()],
        metadata: Some(r#"{"zqsecretkey":"zqsecretvalue"}"#.to_owned()),
        filename: Some("zqsecretfile.txt".to_owned()),
        embedding: embedded(dimension, seed),
        ..Document::text(format!("The zqsecretbody number {seed}."), seed as i64)
    }
}

fn long_secret(dimension: usize, seed: u64) -> Document {
    let text: String = (0..900)
        .map(|word| format!("zqsecretbody{word} of a long text, "))
        .collect();
    Document {
        search_text: None,
        content: Content::Text(text),
        ..secret(dimension, seed)
    }
}

fn plain(dimension: usize, number: u64) -> Document {
    Document {
        title: Some(format!("Plain {number}")),
        embedding: embedded(dimension, 1_000_000 + number),
        ..Document::text(
            format!("keyword{number}x in plain text {number}"),
            number as i64,
        )
    }
}

fn put_many(memory: &Memory, documents: Vec<Document>) -> Vec<u64> {
    memory.put(documents, PutOptions::default()).unwrap().ids
}

/// The file, and everything in it that is compressed.
fn everything(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    let mut all = bytes.clone();
    for at in memmem::find_iter(&bytes, &[0x28, 0xB5, 0x2F, 0xFD]) {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(&bytes[at..])
            .unwrap()
            .single_frame();
        // A frame that is cut off gives what stands before the cut.
        let _ = std::io::Read::read_to_end(&mut decoder, &mut all);
        all.push(0);
    }
    all
}

fn has(everything: &[u8], needle: &[u8]) -> bool {
    memmem::find(everything, needle).is_some()
}

fn has_text(everything: &[u8], text: &str) -> bool {
    has(everything, text.as_bytes())
}

/// The first sixteen bytes of every fourth piece of a vector.
fn pieces(vector: &[f32]) -> Vec<Vec<u8>> {
    vector
        .chunks_exact(4)
        .step_by(4)
        .map(|piece| {
            piece
                .iter()
                .flat_map(|number| number.to_le_bytes())
                .collect()
        })
        .collect()
}

fn ids(ids: &[u64]) -> PurgeRequest {
    PurgeRequest {
        ids: ids.to_vec(),
        versions: false,
    }
}

/// What a workload leaves: the documents to purge by id, the seeds of their vectors, and how many documents are left.
struct Planned {
    ids: Vec<u64>,
    seeds: Vec<u64>,
    dimension: usize,
}

const SMALL: usize = 24;

fn single_put(memory: &Memory) -> Planned {
    put(memory, plain(SMALL, 0));
    let id = put(memory, secret(SMALL, 7));
    put(memory, plain(SMALL, 1));
    Planned {
        ids: vec![id],
        seeds: vec![7],
        dimension: SMALL,
    }
}

fn sealed_one_by_one(memory: &Memory) -> Planned {
    // The centre of the first codes is the secret vector itself.
    let id = put(memory, secret(SMALL, 8));
    memory.seal().unwrap();
    for number in 0..20 {
        put(memory, plain(SMALL, number));
        memory.seal().unwrap();
    }
    Planned {
        ids: vec![id],
        seeds: vec![8],
        dimension: SMALL,
    }
}

fn batch(memory: &Memory) -> Planned {
    let documents = (0..3000).map(|number| match number % 500 {
        3 => secret(SMALL, number),
        _ => plain(SMALL, number),
    });
    let stored = put_many(memory, documents.collect());
    let seeds: Vec<u64> = (0..6).map(|number| number * 500 + 3).collect();
    Planned {
        ids: seeds.iter().map(|seed| stored[*seed as usize]).collect(),
        seeds,
        dimension: SMALL,
    }
}

fn updates(memory: &Memory) -> Planned {
    put_many(memory, (0..50).map(|number| plain(SMALL, number)).collect());
    let first = put(memory, secret(SMALL, 9));
    memory.seal().unwrap();
    let update = |id: u64, seed: u64| {
        memory
            .update(id, |snapshot, id| {
                let mut next = document_at(snapshot, id)?;
                next.content = Content::Text(format!("The zqsecretbody again, {seed}."));
                next.embedding = embedded(SMALL, seed);
                Ok(next)
            })
            .unwrap()
    };
    let second = update(first, 10);
    let third = update(second, 11);
    memory.seal().unwrap();
    Planned {
        // By an old version.
        ids: vec![second],
        seeds: vec![9, 10, third],
        dimension: SMALL,
    }
}

fn long_texts(memory: &Memory) -> Planned {
    put_many(memory, (0..50).map(|number| plain(SMALL, number)).collect());
    let sealed = put(memory, long_secret(SMALL, 12));
    memory.seal().unwrap();
    let in_log = put(memory, long_secret(SMALL, 13));
    // By one of its chunks.
    Planned {
        ids: vec![sealed + 1, in_log],
        seeds: vec![12, 13],
        dimension: SMALL,
    }
}

fn quantised(memory: &Memory) -> Planned {
    memory.set_vector_compression(true).unwrap();
    let documents = (0..200).map(|number| match number {
        77 => secret(384, number),
        _ => plain(384, number),
    });
    let stored = put_many(memory, documents.collect());
    memory.seal().unwrap();
    assert_eq!(memory.stats().unwrap()["vector_compression"], "pq96");
    Planned {
        ids: vec![stored[77]],
        seeds: vec![77],
        dimension: 384,
    }
}

fn staged(memory: &Memory) -> Planned {
    let planned = batch(memory);
    let identity = Identity {
        model: Some("other".to_owned()),
        ..Identity::default()
    };
    for (number, id) in planned.ids.iter().enumerate() {
        let staged = [vector_of(40, 500 + number as u64), vector_of(40, 900)].concat();
        memory
            .stage_vectors(&[*id, id + 1], &staged, identity.clone())
            .unwrap();
    }
    planned
}

/// The vectors of pictures with these seeds are the secrets.
fn pictures(memory: &Memory) -> Planned {
    let picture = |document: Document, seed: u64| Document {
        picture: Some(Picture {
            vector: vector_of(SMALL, seed).into(),
            model: Arc::from("pictures"),
        }),
        ..document
    };
    put(memory, picture(plain(SMALL, 0), 600));
    let sealed = put(memory, picture(secret(SMALL, 20), 601));
    memory.seal().unwrap();
    // The first index stands in dead space then.
    put(memory, picture(plain(SMALL, 1), 602));
    memory.seal().unwrap();
    let in_log = put(memory, picture(secret(SMALL, 21), 603));
    put(memory, picture(plain(SMALL, 2), 604));
    Planned {
        ids: vec![sealed, in_log],
        seeds: vec![20, 21, 601, 603],
        dimension: SMALL,
    }
}

/// Bytes as a picture's vector that waits in the log is written.
fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn nothing_of_a_purged_document_is_left_in_the_file() {
    type Workload = fn(&Memory) -> Planned;
    let workloads: [(&str, Workload); 8] = [
        ("pictures", pictures),
        ("single put", single_put),
        ("sealed one by one", sealed_one_by_one),
        ("batch", batch),
        ("updates", updates),
        ("long texts", long_texts),
        ("quantised", quantised),
        ("staged", staged),
    ];
    for (name, workload) in workloads {
        for is_removed_before in [false, true] {
            let (folder, path) = fresh();
            let memory = create(&path);
            let planned = workload(&memory);
            let before = everything(&path);
            assert!(has_text(&before, "zqsecrettitle"), "{name}");
            let active = memory.stats().unwrap()["active_frame_count"].clone();
            let report = if is_removed_before && name != "updates" && name != "long texts" {
                memory.remove(&planned.ids).unwrap();
                memory.purge(&PurgeRequest::default()).unwrap()
            } else {
                memory.purge(&ids(&planned.ids)).unwrap()
            };
            assert!(
                report.frames_erased >= planned.ids.len() as u64,
                "{name}: {report:?}"
            );
            assert!(report.kept_tracks.is_empty(), "{name}: {report:?}");
            let after = everything(&path);
            for secret in SECRETS {
                assert!(!has_text(&after, secret), "{name}: {secret}");
            }
            assert!(!has_text(&after, "zqsecret"), "{name}");
            for seed in &planned.seeds {
                for piece in pieces(&vector_of(planned.dimension, *seed)) {
                    assert!(!has(&after, &piece), "{name}: a piece of vector {seed}");
                    assert!(!has_text(&after, &digits(&piece)), "{name}: {seed}");
                }
            }
            for number in 0..6 {
                for piece in pieces(&vector_of(40, 500 + number)) {
                    assert!(!has(&after, &piece), "{name}: a staged vector");
                }
            }
            let log = &std::fs::read(&path).unwrap()[4096..4096 + (256 << 10)];
            assert!(log.iter().all(|byte| *byte == 0), "{name}: the log");
            // The same handle and another one see the rest whole.
            for memory in [&memory, &open(&path)] {
                assert_eq!(total(memory, "zqsecretbody"), 0, "{name}");
                assert_eq!(total(memory, "keyword1x"), 1, "{name}");
                let left = memory.stats().unwrap()["active_frame_count"].clone();
                assert!(left.as_u64() < active.as_u64(), "{name}");
                for id in &planned.ids {
                    assert_eq!(memory.text(*id).unwrap_err().code, Code::FrameNotFound);
                }
                let verified = memory.verify(true).unwrap();
                assert_eq!(verified.overall_status, "passed", "{name}: {verified:?}");
            }
            put(&memory, plain(planned.dimension, 77_777));
            assert_eq!(total(&memory, "keyword77777x"), 1, "{name}");
            memory.close().unwrap();
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }
}

#[test]
fn earlier_versions_go_when_that_is_asked_and_the_newest_stays() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let first = put(&memory, Document::text("zqsecret first version", 1));
    let second = memory
        .update(first, |snapshot, id| {
            let mut next = document_at(snapshot, id)?;
            next.content = Content::Text("second version".to_owned());
            Ok(next)
        })
        .unwrap();
    let untouched = memory.purge(&PurgeRequest::default()).unwrap();
    assert_eq!(
        (untouched.documents_removed, untouched.frames_erased),
        (0, 0)
    );
    assert_eq!(memory.text(first).unwrap(), "zqsecret first version");
    let request = PurgeRequest {
        versions: true,
        ..PurgeRequest::default()
    };
    let report = memory.purge(&request).unwrap();
    assert_eq!(
        (
            report.documents_removed,
            report.versions_removed,
            report.frames_erased
        ),
        (0, 1, 1)
    );
    assert!(!has_text(&everything(&path), "zqsecret"));
    assert_eq!(memory.text(second).unwrap(), "second version");
    assert!(memory.text(first).is_err());
}

#[test]
fn what_other_programs_keep_is_said() {
    let Some(folder) = support::fixtures("mv2-index") else {
        return;
    };
    let (_folder, path) = fresh();
    std::fs::copy(folder.join("foreign_cards_mesh.mv2"), &path).unwrap();
    let memory = open(&path);
    let report = memory.purge(&ids(&[0])).unwrap();
    assert_eq!(report.kept_tracks, ["logic_mesh"]);
    // Its card goes with the document, that of another stays.
    let cards = memory.memories(Some("alice"), None).unwrap().cards;
    assert!(cards.iter().all(|card| card.value != "Acme"));
    assert!(cards.iter().any(|card| card.value == "Globex"));
    assert_eq!(report.documents_removed, 1);
    assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
}

#[test]
fn purging_what_never_was_or_without_permission_changes_nothing() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put(&memory, Document::text("one", 1));
    memory.seal().unwrap();
    let before = std::fs::read(&path).unwrap();
    assert_eq!(
        memory.purge(&ids(&[1])).unwrap_err().code,
        Code::FrameNotFound
    );
    let reader = Memory::open(
        &path,
        OpenOptions {
            mode: OpenMode::Open,
            read_only: true,
            ..OpenOptions::default()
        },
    )
    .unwrap();
    for refused in [
        reader.purge(&ids(&[0])).unwrap_err(),
        reader.compact().unwrap_err(),
    ] {
        assert_eq!(refused.details["reason"], "read_only");
    }
    let other = path.with_file_name("other.mv2");
    std::fs::hard_link(&path, &other).unwrap();
    for refused in [
        memory.purge(&ids(&[0])).unwrap_err(),
        memory.compact().unwrap_err(),
    ] {
        assert_eq!(refused.details["reason"], "hard_link");
    }
    std::fs::remove_file(&other).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn compacting_wins_the_space_of_what_was_removed_while_others_read() {
    let (folder, path) = fresh();
    let memory = create(&path);
    let noise = |seed: u64| -> String {
        vector_of(100, seed)
            .iter()
            .map(|number| format!("{number} "))
            .collect()
    };
    let documents = (0..400)
        .map(|number| Document::text(format!("keyword{number}x {}", noise(number)), 1))
        .collect();
    put_many(&memory, documents);
    let full = std::fs::metadata(&path).unwrap().len();
    let reader = open(&path);
    let seen = reader.snapshot("test").unwrap();
    memory
        .remove(&(0..200).map(|number| number * 2).collect::<Vec<_>>())
        .unwrap();
    let report = memory.compact().unwrap();
    let size = std::fs::metadata(&path).unwrap().len();
    assert_eq!(report.bytes_after, size);
    assert!(report.bytes_before >= full, "{report:?}");
    assert!(
        size * 10 <= full * 6,
        "{full} bytes became {size}: {report:?}"
    );
    let dead = memory.stats().unwrap()["dead_bytes"].clone();
    assert!(
        dead.as_u64().unwrap() < 4096,
        "{dead} bytes are dead: {report:?}"
    );
    // Who had begun to read sees what there was.
    let view = seen.view(0).unwrap();
    assert!(seen.text(0, &view).unwrap().starts_with("keyword0x "));
    for memory in [&memory, &reader] {
        assert_eq!(memory.stats().unwrap()["active_frame_count"], 200);
        assert_eq!(total(memory, "keyword399x"), 1);
        assert_eq!(total(memory, "keyword398x"), 0);
        assert_eq!(memory.verify(true).unwrap().overall_status, "passed");
    }
    let again = memory.compact().unwrap();
    assert_eq!(again.bytes_before, again.bytes_after);
    put(&reader, Document::text("afterwards", 1));
    assert_eq!(total(&memory, "afterwards"), 1);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
