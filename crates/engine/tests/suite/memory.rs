//! The memory through its public interface, on real files.

use std::time::Duration;

use crate::support::{create, fresh, open};
use engine::{
    Code, Content, Dedupe, Document, FindRequest, Memory, OpenMode, OpenOptions, PutOptions,
    SelectionRequest, TimelineRequest,
};
use serde_json::json;

fn request(query: &str, k: usize) -> FindRequest {
    serde_json::from_value(json!({ "query": query, "k": k })).unwrap()
}

fn find(memory: &Memory, query: &str) -> Vec<u64> {
    let mut ids: Vec<u64> = memory
        .find(request(query, 50))
        .unwrap()
        .hits
        .iter()
        .map(|hit| hit.frame_id)
        .collect();
    ids.sort_unstable();
    ids
}

fn times(memory: &Memory) -> Vec<(i64, u64)> {
    let all = TimelineRequest {
        limit: 1000,
        reverse: false,
        selection: SelectionRequest::default(),
    };
    memory
        .timeline(&all)
        .unwrap()
        .iter()
        .map(|entry| (entry.timestamp, entry.frame_id))
        .collect()
}

fn put(memory: &Memory, text: &str, timestamp: i64) -> u64 {
    memory
        .put(vec![Document::text(text, timestamp)], PutOptions::default())
        .unwrap()
        .ids[0]
}

fn passes(memory: &Memory) {
    let report = memory.verify(true).unwrap();
    assert_eq!(report.overall_status, "passed", "{report:?}");
}

#[test]
fn what_is_put_is_found_at_once_after_seal_and_after_reopening() {
    let (folder, path) = fresh();
    let memory = create(&path);
    assert_eq!(
        put(
            &memory,
            "The lighthouse keeper recorded a spring tide at dawn.",
            20
        ),
        0
    );
    assert_eq!(
        put(&memory, "Plant marigold beside the tomato beds.", 10),
        1
    );
    let check = |memory: &Memory| {
        assert_eq!(find(memory, "lighthouse"), [0]);
        assert_eq!(find(memory, "What did we plant beside the tomatoes?"), [1]);
        assert_eq!(find(memory, "absent"), [] as [u64; 0]);
        assert_eq!(
            memory.text(0).unwrap(),
            "The lighthouse keeper recorded a spring tide at dawn."
        );
        assert_eq!(times(memory), [(10, 1), (20, 0)]);
        passes(memory);
    };
    check(&memory);
    // Another handle sees what is only in the log.
    check(&open(&path));
    memory.seal().unwrap();
    check(&memory);
    memory.close().unwrap();
    assert_eq!(
        memory.find(request("x", 1)).unwrap_err().code,
        Code::Unsupported
    );
    check(&open(&path));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_large_batch_is_one_commit_and_mixes_with_single_puts() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put(&memory, "first of all quillwort", 1);
    let documents: Vec<Document> = (0..3000)
        .map(|i| {
            Document::text(
                format!(
                    "entry number {i} with unique{i}word and quillwort {}",
                    "filler ".repeat(20)
                ),
                i,
            )
        })
        .collect();
    let ids = memory.put(documents, PutOptions::default()).unwrap().ids;
    assert_eq!(ids.first(), Some(&1));
    assert_eq!(ids.last(), Some(&3000));
    let last = put(&memory, "the last quillwort", 5000);
    assert_eq!(last, 3001);
    for memory in [&memory, &open(&path)] {
        assert_eq!(find(memory, "unique2999word"), [3000]);
        assert_eq!(
            memory.find(request("quillwort", 5)).unwrap().total_hits,
            3002
        );
        assert_eq!(memory.stats().unwrap()["frame_count"], 3002);
    }
    memory.close().unwrap();
    let memory = open(&path);
    assert_eq!(
        memory.find(request("quillwort", 5)).unwrap().total_hits,
        3002
    );
    passes(&memory);
}

#[test]
fn many_single_puts_pass_through_checkpoints() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let text = |i: u64| {
        format!(
            "note {i} says token{i}x {}",
            "some more words that fill the log ".repeat(8)
        )
    };
    for i in 0..1500 {
        assert_eq!(put(&memory, &text(i), i as i64), i);
    }
    assert!(memory.stats().unwrap()["generation"].as_u64().unwrap() > 1);
    for memory in [&memory, &open(&path)] {
        for i in [0, 1, 700, 1498, 1499] {
            assert_eq!(find(memory, &format!("token{i}x")), [i]);
            assert_eq!(memory.text(i).unwrap(), text(i));
        }
        assert_eq!(times(memory).len(), 1000);
    }
    passes(&memory);
    memory.close().unwrap();
    passes(&open(&path));
}

#[test]
fn long_texts_are_kept_byte_for_byte_and_every_word_is_found() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let words: Vec<String> = (0..2000).map(|i| format!("w{i}q")).collect();
    let text = words.join(" \r\n");
    let ids = memory
        .put(
            vec![Document::text(text.clone(), 7), Document::text("after", 8)],
            PutOptions::default(),
        )
        .unwrap()
        .ids;
    assert_eq!(ids[0], 0);
    assert!(ids[1] > 2, "chunks take ids");
    for memory in [&memory, &open(&path)] {
        assert_eq!(memory.text(0).unwrap(), text);
        for word in words.iter().step_by(37) {
            assert_eq!(
                memory.find(request(word, 10)).unwrap().total_hits,
                1,
                "{word}"
            );
        }
        assert_eq!(times(memory), [(7, 0), (8, ids[1])]);
    }
    memory.seal().unwrap();
    assert_eq!(memory.text(0).unwrap(), text);
    let removed = memory.remove(&[0]).unwrap();
    assert_eq!(removed.1, 1);
    assert_eq!(find(&memory, "w5q"), [] as [u64; 0]);
    assert_eq!(memory.stats().unwrap()["active_frame_count"], 1);
    memory.close().unwrap();
    let memory = open(&path);
    assert_eq!(find(&memory, "w5q"), [] as [u64; 0]);
    assert_eq!(memory.text(0).unwrap_err().code, Code::FrameNotFound);
    passes(&memory);
}

#[test]
fn an_update_replaces_and_the_past_stays_reachable() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let mut document = Document::text("The capital moved to Bonn.", 100);
    document.uri = Some("mv2://facts/capital".to_owned());
    document.metadata = Some(json!({ "year": 1949, "tags": ["a"] }).to_string());
    memory.put(vec![document], PutOptions::default()).unwrap();
    for sealed in [false, true] {
        if sealed {
            memory.seal().unwrap();
        }
        let old = memory.frame_by_uri("mv2://facts/capital").unwrap();
        let new = memory
            .update(old, |snapshot, id| {
                let mut next = engine::document_at(snapshot, id)?;
                next.content = Content::Text(format!("The capital moved to Berlin ({sealed})."));
                next.timestamp = 200;
                Ok(next)
            })
            .unwrap();
        assert_eq!(memory.frame_by_uri("mv2://facts/capital").unwrap(), new);
        assert_eq!(find(&memory, "capital"), [new]);
        assert_eq!(find(&memory, "Bonn"), [] as [u64; 0]);
        let mut past = request("capital", 10);
        past.selection.as_of_frame = Some(old);
        assert_eq!(memory.find(past).unwrap().hits[0].frame_id, old);
        let info = memory.frame(new).unwrap();
        assert_eq!(info.supersedes, Some(old));
        assert_eq!(info.metadata["year"], 1949);
        assert_eq!(memory.frame(old).unwrap().status, "superseded");
        assert_eq!(memory.stats().unwrap()["active_frame_count"], 1);
    }
    memory.close().unwrap();
    let memory = open(&path);
    let mut past = request("Bonn", 10);
    past.selection.as_of_frame = Some(0);
    assert_eq!(memory.find(past).unwrap().hits[0].frame_id, 0);
    passes(&memory);
}

#[test]
fn filters_scopes_and_windows_select_inside_the_search() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let documents = (0..40)
        .map(|i| {
            let mut document = Document::text(format!("common words here {i}"), i);
            document.uri = Some(format!(
                "mv2://{}/{i}",
                if i % 2 == 0 { "even" } else { "odd" }
            ));
            document.metadata = Some(json!({ "i": i, "group": i % 4 }).to_string());
            document.tags = vec![format!("t{}", i % 3)];
            document
        })
        .collect();
    memory.put(documents, PutOptions::default()).unwrap();
    let count = |extra: serde_json::Value| {
        let mut value = json!({ "query": "common", "k": 100 });
        value
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        let result = memory.find(serde_json::from_value(value).unwrap()).unwrap();
        assert_eq!(result.total_hits, result.hits.len() as u64);
        result.hits.len()
    };
    assert_eq!(count(json!({})), 40);
    assert_eq!(count(json!({ "scope": "mv2://even/" })), 20);
    assert_eq!(count(json!({ "scope": "mv2://none/" })), 0);
    assert_eq!(count(json!({ "where": { "group": 1 } })), 10);
    assert_eq!(
        count(json!({ "where": { "i": { "$gte": 10, "$lt": 20 }, "tags": "t0" } })),
        3
    );
    assert_eq!(count(json!({ "since": 5, "until": 9 })), 5);
    assert_eq!(count(json!({ "asOfTs": 9 })), 10);
    assert_eq!(count(json!({ "asOfFrame": 3 })), 4);
    let error = memory.find(
        serde_json::from_value(json!({ "query": "x", "k": 1, "where": { "a": { "$near": 1 } } }))
            .unwrap(),
    );
    assert_eq!(error.unwrap_err().code, Code::InvalidInput);
}

#[test]
fn duplicates_are_skipped_replaced_or_kept() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let batch = || {
        vec![
            Document::text("same", 1),
            Document::text("other", 2),
            Document::text("same", 3),
        ]
    };
    let with = |dedupe| PutOptions {
        dedupe,
        ..PutOptions::default()
    };
    assert_eq!(
        memory.put(batch(), with(Dedupe::Skip)).unwrap().ids,
        [0, 1, 0]
    );
    assert_eq!(
        memory.put(batch(), with(Dedupe::Skip)).unwrap().ids,
        [0, 1, 0]
    );
    let kept = memory.put(batch(), with(Dedupe::Keep)).unwrap();
    assert_eq!(kept.ids, [2, 3, 4]);
    let replaced = memory
        .put(vec![Document::text("same", 9)], with(Dedupe::Replace))
        .unwrap();
    assert_eq!(
        (replaced.ids, replaced.duplicate_of),
        (vec![5], vec![Some(4)])
    );
    assert_eq!(find(&memory, "same"), [0, 2, 5]);
}

#[test]
fn two_handles_interleave_and_lose_nothing() {
    let (_folder, path) = fresh();
    drop(create(&path));
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let path = path.clone();
            std::thread::spawn(move || {
                let memory = open(&path);
                for i in 0..40 {
                    let id = put(
                        &memory,
                        &format!("thread{thread} item{i} {}", "padding ".repeat(120)),
                        i,
                    );
                    assert!(
                        memory
                            .text(id)
                            .unwrap()
                            .starts_with(&format!("thread{thread} item{i} "))
                    );
                    if i % 13 == 0 {
                        memory.seal().unwrap();
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let memory = open(&path);
    assert_eq!(memory.stats().unwrap()["active_frame_count"], 160);
    for thread in 0..4 {
        assert_eq!(find(&memory, &format!("thread{thread}")).len(), 40);
    }
    passes(&memory);
}

#[test]
fn mistakes_are_typed_and_leave_the_file_alone() {
    let (_folder, path) = fresh();
    let missing = Memory::open(&path, OpenOptions::default()).err().unwrap();
    assert_eq!(missing.code, Code::NotFound);
    let nowhere = path.join("deeper/notes.mv2");
    let options = OpenOptions {
        mode: OpenMode::Create,
        ..OpenOptions::default()
    };
    assert_eq!(
        Memory::open(&nowhere, options).err().unwrap().code,
        Code::NotFound
    );
    std::fs::write(&path, "a letter to nobody").unwrap();
    let stranger = Memory::open(&path, OpenOptions::default()).err().unwrap();
    assert_eq!(stranger.code, Code::Corrupt);
    assert!(
        stranger.message.starts_with("this is not an .mv2 memory"),
        "{stranger}"
    );
    // Not even `create` does away with it.
    std::fs::remove_file(&path).unwrap();
    let memory = create(&path);
    put(&memory, "one", 1);
    let before = std::fs::read(&path).unwrap();
    assert_eq!(
        memory.remove(&[0, 99]).unwrap_err().code,
        Code::FrameNotFound
    );
    assert_eq!(memory.text(5).unwrap_err().code, Code::FrameNotFound);
    assert_eq!(
        memory.find(request("", 5)).unwrap_err().code,
        Code::InvalidInput
    );
    assert_eq!(
        memory.find(request("x", 0)).unwrap_err().code,
        Code::InvalidInput
    );
    let mut bad = Document::text("x", 0);
    bad.metadata = Some("[1]".to_owned());
    assert_eq!(
        memory
            .put(vec![Document::text("good", 0), bad], PutOptions::default())
            .unwrap_err()
            .code,
        Code::InvalidInput
    );
    let reader = Memory::open(
        &path,
        OpenOptions {
            read_only: true,
            ..OpenOptions::default()
        },
    )
    .unwrap();
    assert_eq!(reader.remove(&[0]).unwrap_err().code, Code::Unsupported);
    assert_eq!(find(&reader, "one"), [0]);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    std::fs::write(path.with_extension("mv2-wal"), "").unwrap();
    assert_eq!(
        Memory::open(&path, OpenOptions::default())
            .err()
            .unwrap()
            .code,
        Code::Corrupt
    );
}

#[test]
fn without_a_lexical_index_search_says_so_until_it_is_enabled() {
    let (_folder, path) = fresh();
    let memory = Memory::open(
        &path,
        OpenOptions {
            mode: OpenMode::Create,
            enable_lex: false,
            ..OpenOptions::default()
        },
    )
    .unwrap();
    put(&memory, "hidden words", 1);
    assert_eq!(
        memory.find(request("hidden", 5)).unwrap_err().code,
        Code::LexIndexDisabled
    );
    memory.seal().unwrap();
    assert_eq!(
        open(&path).find(request("hidden", 5)).unwrap_err().code,
        Code::LexIndexDisabled
    );
    put(&memory, "hidden again", 1);
    memory.enable_lex().unwrap();
    assert_eq!(find(&memory, "hidden"), [0, 1]);
    assert_eq!(find(&open(&path), "hidden"), [0, 1]);
}

#[test]
fn a_limit_is_kept() {
    let (_folder, path) = fresh();
    let limit = 300_000;
    let options = OpenOptions {
        mode: OpenMode::Create,
        capacity: Some(limit),
        ..OpenOptions::default()
    };
    let memory = Memory::open(&path, options).unwrap();
    put(&memory, "small", 1);
    let noise: String = (0..400_000_u64)
        .map(|i| char::from(b'a' + (i * i * 7919 % 26) as u8))
        .collect();
    let large = Document {
        content: Content::Bytes(noise.into_bytes()),
        ..Document::text("", 2)
    };
    assert_eq!(
        memory
            .put(vec![large], PutOptions::default())
            .unwrap_err()
            .code,
        Code::CapacityExceeded
    );
    assert_eq!(memory.stats().unwrap()["frame_count"], 1);
    assert_eq!(find(&memory, "small"), [0]);
}

#[test]
fn pages_stay_as_they_are_while_documents_come_in() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    for i in 0..25 {
        put(&memory, "quillwort", i);
    }
    let mut seen = Vec::new();
    let mut cursor = None;
    for page in 0.. {
        let mut next = request("quillwort", 10);
        next.cursor = cursor;
        let result = memory.find(next).unwrap();
        assert_eq!(result.total_hits, 25);
        assert_eq!(result.hits[0].rank, page * 10 + 1);
        seen.extend(result.hits.iter().map(|hit| hit.frame_id));
        put(&memory, "quillwort quillwort", 99);
        cursor = result.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..25).collect::<Vec<_>>());
    for wrong in [
        "",
        "10",
        "-1",
        "+1-5",
        "1-",
        "1-2-3",
        "a-b",
        "99999999999999999999999-1",
    ] {
        let mut next = request("quillwort", 10);
        next.cursor = Some(wrong.to_owned());
        assert_eq!(
            memory.find(next).unwrap_err().code,
            Code::InvalidInput,
            "{wrong:?}"
        );
    }
}

fn at_once(memory: &Memory, text: &str) -> Option<u64> {
    memory
        .put_at_once(Document::text(text.to_owned(), 7), 3, Duration::MAX)
        .unwrap()
}

#[test]
fn a_document_put_at_once_is_there_for_everybody() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    assert_eq!(at_once(&memory, "nothing is known of the disk yet"), None);
    put(&memory, "the first goes the long way", 7);
    assert_eq!(at_once(&memory, "a harbour"), Some(1));
    assert_eq!(at_once(&memory, "another harbour"), Some(2));
    assert_eq!(find(&memory, "harbour"), [1, 2]);
    let other = open(&path);
    assert_eq!(find(&other, "harbour"), [1, 2]);
    // What the other handle writes is taken in by a put that may take its time.
    put(&other, "the harbour of the other handle", 7);
    assert_eq!(at_once(&memory, "too early"), None);
    assert_eq!(find(&memory, "harbour"), [1, 2, 3]);
    put(&memory, "long", 7);
    assert_eq!(at_once(&memory, "harbour again"), Some(5));
    memory.close().unwrap();
    assert_eq!(find(&open(&path), "harbour"), [1, 2, 3, 5]);
}

#[test]
fn who_cannot_put_at_once_has_done_nothing() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    put(&memory, "first", 7);
    let length = || std::fs::metadata(&path).unwrap().len();
    let log = memory.snapshot("test").unwrap().committed.header.wal_size;
    let before = length();
    // Noise does not compress: more than half of the log is for a commit.
    let noise: String = (0..log)
        .scan(1u32, |state, _| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from_u32(0x4e00 + (*state >> 12) % 20_000)
        })
        .collect();
    assert_eq!(at_once(&memory, &noise), None);
    let lock = mv2::lock::FileLock::exclusive(&path, Duration::ZERO).unwrap();
    assert_eq!(at_once(&memory, "locked"), None);
    drop(lock);
    let slow = Document::text("a slow disk".to_owned(), 7);
    assert_eq!(memory.put_at_once(slow, 3, Duration::ZERO).unwrap(), None);
    assert_eq!(length(), before);
    assert_eq!(memory.snapshot("test").unwrap().frame_count(), 1);
    // Many that wait to be indexed go to whoever has the time.
    let stored = (0..1000).take_while(|_| at_once(&memory, "short").is_some());
    assert_eq!(stored.count(), 64 - 1);
    memory.index_log();
    assert_eq!(at_once(&memory, "short"), Some(64));
    memory.close().unwrap();
    assert_eq!(
        memory
            .put_at_once(Document::text("closed".to_owned(), 7), 3, Duration::MAX)
            .unwrap_err()
            .code,
        Code::Unsupported
    );
}

#[test]
fn a_search_that_has_much_of_the_log_to_index_is_not_cheap() {
    let (_folder, path) = fresh();
    let memory = create(&path);
    let is_cheap = || {
        let prepared = memory.prepare_find(request("harbour", 5)).unwrap();
        prepared.is_cheap().unwrap()
    };
    let put = |text: String| {
        let document = Document::text(text, 1_000);
        memory.put(vec![document], PutOptions::default()).unwrap();
    };
    put("the harbour of Porto".to_owned());
    assert!(is_cheap(), "one short document is indexed at once");
    put("harbour ".repeat(200));
    assert!(is_cheap());
    for number in 0..30 {
        put(format!("{number} {}", "harbour ".repeat(200)));
    }
    assert!(
        !is_cheap(),
        "48 KB are not indexed where they are asked for"
    );
    assert!(!is_cheap(), "asking alone indexes nothing");
    assert_eq!(find(&memory, "harbour").len(), 32);
    assert!(is_cheap(), "the search has indexed them");
    for number in 0..30 {
        put(format!("{number} {}", "harbour ".repeat(200)));
    }
    memory.index_log();
    assert!(is_cheap(), "so does the thread that writes");
}
