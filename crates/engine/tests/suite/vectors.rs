//! Vectors: stored, kept and found again on every way that documents take.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::support::vectors::{
    DIMENSION, assert_holds, assert_passes, document, embedding, find, in_order, put_slices,
    reference_vectors, vector,
};
use crate::support::{create, fresh, open, put_document as put, vector_of};
use engine::{
    Code, Content, Dedupe, Document, Embedding, Identity, Memory, OpenOptions, PutOptions,
    SelectionRequest,
};
use serde_json::json;

#[test]
fn vectors_pass_through_log_commit_and_reopening() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let mut expected = BTreeMap::new();
    for number in 0..40 {
        if number % 4 == 3 {
            put(&memory, Document::text("without a vector", 1));
        } else {
            expected.insert(put(&memory, document(number)), number);
        }
    }
    assert_holds(&memory, &expected);
    // Another handle reads the log.
    assert_holds(&open(&path), &expected);
    memory.seal().unwrap();
    assert_holds(&memory, &expected);
    assert_holds(&open(&path), &expected);
    let seen = reference_vectors(&path);
    assert_eq!(seen.len(), expected.len());
    for (id, number) in &expected {
        assert_eq!(seen[id], vector(*number));
    }
    for number in 40..60 {
        expected.insert(put(&memory, document(number)), number);
    }
    memory.close().unwrap();
    let memory = open(&path);
    assert_holds(&memory, &expected);
    assert_passes(&memory);
    assert_eq!(
        reference_vectors(&path).len(),
        expected.len(),
        "small files are one base"
    );
}

#[test]
fn large_batches_keep_their_vectors_whether_or_not_it_is_known_how_many_come() {
    for expected in [None, Some(2500), Some(3000), Some(700)] {
        let (_folder, path) = fresh();
        let memory = create(&path);
        assert_eq!(put_slices(&memory, 0..2500, expected).len(), 2500);
        assert_holds(&memory, &in_order(0..2500));
        assert_holds(&open(&path), &in_order(0..2500));
        assert_eq!(reference_vectors(&path).len(), 2500, "{expected:?}");
        assert_passes(&memory);
        // A second batch, then single ones, then all of it in one.
        put_slices(&memory, 2500..5000, expected);
        for number in 5000..5100 {
            put(&memory, document(number));
        }
        assert_holds(&memory, &in_order(0..5100));
        memory.close().unwrap();
        let memory = open(&path);
        assert_holds(&memory, &in_order(0..5100));
        assert_passes(&memory);
        assert_eq!(reference_vectors(&path).len(), 5100);
        if expected == Some(2500) {
            assert!(memory.stats().unwrap()["dead_bytes"].as_u64().unwrap() < 8 << 20);
        }
    }
}

#[test]
fn split_documents_have_one_vector_and_batches_mix_kinds() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let long = |number: u64| Document {
        content: Content::Text(format!("keyword{number}x the quick brown fox ").repeat(200)),
        ..document(number)
    };
    let mut documents = Vec::new();
    let mut numbers = Vec::new();
    for number in 0..900 {
        numbers.push((number % 5 != 2).then_some(number));
        documents.push(match number % 5 {
            0 => long(number),
            2 => Document::text("none", 3),
            _ => document(number),
        });
    }
    let ids = memory.put(documents, PutOptions::default()).unwrap().ids;
    let expected: BTreeMap<u64, u64> = ids
        .iter()
        .zip(&numbers)
        .filter_map(|(id, number)| Some((*id, (*number)?)))
        .collect();
    assert_holds(&memory, &expected);
    memory.close().unwrap();
    assert_holds(&open(&path), &expected);
}

#[test]
fn removed_and_replaced_documents_leave_with_their_vectors() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_slices(&memory, 0..3000, Some(3000));
    let full = std::fs::metadata(&path).unwrap().len();
    let mut expected = in_order(0..3000);
    for id in 0..3000 {
        if id % 7 == 0 {
            expected.remove(&id);
        }
    }
    memory
        .remove(&(0..3000).filter(|id| id % 7 == 0).collect::<Vec<_>>())
        .unwrap();
    assert_holds(&memory, &expected);
    // New text without a vector loses it, an unchanged one keeps it, a new one replaces it.
    let changed = memory
        .update(1, |snapshot, id| {
            let mut document = engine::document_at(snapshot, id)?;
            document.content = Content::Text("something else".to_owned());
            document.embedding = None;
            Ok(document)
        })
        .unwrap();
    let kept = memory
        .update(2, |snapshot, id| {
            let mut document = engine::document_at(snapshot, id)?;
            document.tags = vec!["tagged".to_owned()];
            Ok(document)
        })
        .unwrap();
    let replaced = memory
        .update(3, |snapshot, id| {
            let mut document = engine::document_at(snapshot, id)?;
            document.embedding = Some(embedding(vector(77_777)));
            Ok(document)
        })
        .unwrap();
    for old in [1, 2, 3] {
        expected.remove(&old);
    }
    expected.insert(kept, 2);
    expected.insert(replaced, 77_777);
    assert!(!expected.contains_key(&changed));
    assert_holds(&memory, &expected);
    memory.seal().unwrap();
    assert_holds(&memory, &expected);
    // The past keeps its vectors, but the reference does not see them.
    let snapshot = memory.snapshot("test").unwrap();
    assert_eq!(snapshot.vector(3).unwrap().as_deref(), Some(&*vector(3)));
    assert_eq!(
        reference_vectors(&path).keys().copied().collect::<Vec<_>>(),
        expected.keys().copied().collect::<Vec<_>>()
    );
    memory
        .remove(
            &(0..2900)
                .filter(|id| expected.contains_key(id))
                .collect::<Vec<_>>(),
        )
        .unwrap();
    expected.retain(|id, _| *id >= 2900);
    memory.close().unwrap();
    let memory = open(&path);
    assert_holds(&memory, &expected);
    assert_passes(&memory);
    let left = std::fs::metadata(&path).unwrap().len();
    assert!(left * 2 < full, "{left} bytes are left of {full}");
}

#[test]
fn a_replaced_duplicate_takes_over_the_vector() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put(&memory, document(5));
    let same = Document {
        embedding: None,
        ..document(5)
    };
    let options = PutOptions {
        dedupe: Dedupe::Replace,
        ..PutOptions::default()
    };
    let ids = memory.put(vec![same.clone(), same], options).unwrap().ids;
    assert_eq!(ids, [1, 2]);
    assert_holds(&memory, &BTreeMap::from([(2, 5)]));
}

#[test]
fn vectors_that_cannot_be_compared_are_refused_and_nothing_is_stored() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let with = |numbers: Vec<f32>| Document {
        embedding: Some(embedding(numbers)),
        ..Document::text("text", 1)
    };
    let error =
        |documents: Vec<Document>| memory.put(documents, PutOptions::default()).unwrap_err();
    let mut bad = vector(1);
    bad[7] = f32::NAN;
    let refused = error(vec![document(0), with(bad)]);
    assert_eq!(refused.code, Code::EmbeddingFailed);
    assert!(
        refused.message.contains("documents[1].vector[7]"),
        "{}",
        refused.message
    );
    assert_eq!(error(vec![with(Vec::new())]).code, Code::EmbeddingFailed);
    assert_eq!(error(vec![with(vec![1.0; 5000])]).code, Code::InvalidInput);
    let refused = error(vec![document(0), with(vec![1.0; 5])]);
    assert_eq!(refused.code, Code::VecDimensionMismatch);
    assert_eq!(
        json!(refused.details),
        json!({ "expected": DIMENSION, "actual": 5, "index": 1 })
    );
    assert_eq!(memory.stats().unwrap()["frame_count"], 0);
    put(&memory, document(0));
    assert_eq!(
        error(vec![with(vec![1.0; 5])]).details["expected"],
        DIMENSION
    );
    memory.seal().unwrap();
    assert_eq!(
        error(vec![with(vec![1.0; 5])]).details["expected"],
        DIMENSION
    );
    let declared = Document {
        embedding: Some(Embedding {
            vector: vector(1).into(),
            identity: Arc::new(Identity {
                dimension: Some(384),
                ..Identity::default()
            }),
        }),
        ..Document::text("text", 1)
    };
    assert_eq!(error(vec![declared]).details["expected"], 384);
    // In a batch that is written while it comes.
    let mut slices = vec![
        Ok((1..3000).map(document).collect()),
        Ok(vec![with(vec![1.0; 5])]),
    ]
    .into_iter();
    let refused = memory
        .put_slices(&mut slices, PutOptions::default())
        .unwrap_err();
    assert_eq!(refused.code, Code::VecDimensionMismatch);
    assert_eq!(refused.details["index"], 2999);
    assert_holds(&memory, &in_order(0..1));
    drop(memory);
    let without = OpenOptions {
        enable_vec: false,
        ..OpenOptions::default()
    };
    let memory = Memory::open(&path, without).unwrap();
    let refused = memory
        .put(vec![document(1)], PutOptions::default())
        .unwrap_err();
    assert_eq!(refused.code, Code::VecIndexDisabled);
    assert_eq!(put(&memory, Document::text("words only", 1)), 1);
    let kept = memory.update(0, engine::document_at).unwrap();
    drop(memory);
    assert_holds(&open(&path), &BTreeMap::from([(kept, 0)]));
}

#[test]
fn several_models_are_told_apart() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    for number in 0..5 {
        let mut document = document(number);
        let model = if number < 3 { "first" } else { "second" };
        document.embedding = Some(Embedding {
            identity: Arc::new(Identity {
                provider: Some("local".to_owned()),
                model: Some(model.to_owned()),
                ..Identity::default()
            }),
            ..embedding(vector(number))
        });
        put(&memory, document);
    }
    let anonymous = Document {
        embedding: Some(Embedding {
            vector: vector(9).into(),
            identity: Arc::default(),
        }),
        ..Document::text("nobody knows", 1)
    };
    put(&memory, anonymous);
    let check = |memory: &Memory| {
        let summary = memory.stats().unwrap()["embedding_identity_summary"].clone();
        assert_eq!(summary["kind"], "mixed");
        assert_eq!(summary["total"], 6);
        assert_eq!(summary["unknown"], 1);
        assert_eq!(summary["identities"][0]["model"], "first");
        assert_eq!(summary["identities"][0]["count"], 3);
        assert_eq!(summary["identities"][1]["count"], 2);
    };
    check(&memory);
    memory.seal().unwrap();
    check(&memory);
    memory.remove(&[0, 1, 2, 5]).unwrap();
    let stats = memory.stats().unwrap();
    assert_eq!(stats["embedding_identity"]["model"], "second");
    assert_eq!(stats["vector_count"], 2);
}

#[test]
fn a_crash_while_vectors_are_written_leaves_what_was_there() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put_slices(&memory, 0..1000, Some(1000));
    drop(memory);
    let before = std::fs::read(&path).unwrap();
    let memory = open(&path);
    put_slices(&memory, 1000..3000, Some(2000));
    drop(memory);
    let full = std::fs::read(&path).unwrap();
    assert!(full.len() > before.len());
    let step = (full.len() - before.len()) / 9;
    for kept in (before.len()..full.len())
        .step_by(step)
        .chain([full.len() - 56, full.len()])
    {
        let mut crashed = full[..kept].to_vec();
        crashed[..4096].copy_from_slice(&before[..4096]);
        std::fs::write(&path, &crashed).unwrap();
        let memory = open(&path);
        assert_holds(&memory, &in_order(0..1000));
        put_slices(&memory, 1000..2500, None);
        memory.close().unwrap();
        let memory = open(&path);
        assert_holds(&memory, &in_order(0..2500));
        assert_passes(&memory);
    }
}

#[test]
fn a_memory_whose_vectors_are_all_gone_takes_another_size() {
    for is_bulk in [false, true] {
        for (is_replaced, is_sealed) in [(false, false), (false, true), (true, false), (true, true)]
        {
            let (_folder, path) = fresh();
            let memory = create(&path);
            put(&memory, document(0));
            memory.seal().unwrap();
            if is_replaced {
                let text = Document::text("another text".to_owned(), 0);
                memory.update(0, |_, _| Ok(text)).unwrap();
            } else {
                memory.remove(&[0]).unwrap();
            }
            if is_sealed {
                memory.seal().unwrap();
            }
            let other = |seed: u64| Document {
                embedding: Some(embedding(vector_of(7, seed))),
                ..Document::text(format!("other {seed}"), 0)
            };
            if is_bulk {
                let mut slices =
                    (0..4).map(|slice| Ok((0..500).map(|n| other(slice * 500 + n)).collect()));
                memory
                    .put_slices(&mut slices, PutOptions::default())
                    .unwrap();
            } else {
                put(&memory, other(0));
            }
            let next = 1 + u64::from(is_replaced);
            for round in 0..2 {
                assert_eq!(
                    memory.stats().unwrap()["effective_vec_dimension"],
                    7,
                    "{is_bulk} {is_replaced} {is_sealed} {round}"
                );
                assert_eq!(find(&memory, vector_of(7, 0)).hits[0].frame_id, next);
                memory.seal().unwrap();
                assert_passes(&memory);
            }
            let refused = memory
                .put(vec![document(9)], PutOptions::default())
                .unwrap_err();
            assert_eq!(refused.code, Code::VecDimensionMismatch);
        }
    }
}

#[test]
fn a_part_of_a_memory_is_counted_by_itself() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let of = |user: &str, document: Document| Document {
        metadata: Some(json!({ "user": user }).to_string()),
        ..document
    };
    for number in 0..6 {
        put(&memory, of("ann", document(number)));
    }
    put(&memory, of("bob", document(6)));
    memory.seal().unwrap();
    put(&memory, of("ann", Document::text("plain", 7)));
    put(
        &memory,
        of("ann", Document::text("long text ".repeat(600), 8)),
    );
    memory.remove(&[1]).unwrap();
    let count = |filter: serde_json::Value| {
        let request = SelectionRequest {
            r#where: Some(filter),
            ..SelectionRequest::default()
        };
        memory.selected_stats(&request).unwrap()
    };
    let whole = memory.stats().unwrap();
    let everything = count(json!({}));
    assert_eq!(everything, whole);
    let (ann, bob, eve) = (
        count(json!({ "user": "ann" })),
        count(json!({ "user": "bob" })),
        count(json!({ "user": "eve" })),
    );
    for name in [
        "frame_count",
        "active_frame_count",
        "pending_frame_count",
        "payload_bytes",
        "logical_bytes",
        "vector_count",
    ] {
        let number = |stats: &serde_json::Value| stats[name].as_u64().unwrap();
        assert_eq!(number(&ann) + number(&bob), number(&whole), "{name}");
        assert_eq!(number(&eve), 0, "{name}");
    }
    assert_eq!(ann["vector_count"], 5);
    assert_eq!(bob["embedding_identity_summary"]["total"], 1);
    assert_eq!(eve["effective_vec_dimension"], serde_json::Value::Null);
}

#[test]
fn what_made_the_vector_of_each_document_is_listed() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    for number in 0..3 {
        put(&memory, document(number));
    }
    put(&memory, Document::text("plain", 3));
    let mut nameless = document(4);
    nameless.embedding = Some(Embedding {
        vector: vector(4).into(),
        identity: Arc::default(),
    });
    put(&memory, nameless);
    put(
        &memory,
        Document {
            search_text: Some("searched".to_owned()),
            ..Document::text("long text ".repeat(600), 5)
        },
    );
    memory.remove(&[1]).unwrap();
    for _ in 0..2 {
        let listed = memory.embedded_frames().unwrap();
        assert_eq!(listed.ids, [0, 2, 3, 4, 5]);
        assert_eq!(listed.made_by, [0, 0, -2, -1, -2]);
        assert_eq!(listed.identities[0]["model"], "hash-24");
        assert_eq!(memory.searched_text(3).unwrap(), "plain");
        assert_eq!(memory.searched_text(5).unwrap(), "searched");
        assert_eq!(
            memory.searched_text(1).unwrap_err().code,
            Code::FrameNotFound
        );
        memory.seal().unwrap();
    }
}
