//! Selections that the index of words decides in part, against asking every frame.

use engine::{Document, FindRequest, FindResult, Memory, OpenMode, OpenOptions, PutOptions};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const TRACKS: [&str; 6] = ["Notes", "notes", " notes ", "ﬁne", "fine", "Straße"];
const KINDS: [&str; 4] = ["mail", "Mail", "chat", "   "];
const TAGS: [&str; 5] = ["a", "A", "b", "two words", "é"];
const URIS: [&str; 5] = [
    "mv2://a/",
    "mv2://A/",
    "mv2://b",
    "mv2://cafe",
    "mv2://cafe\u{301}/",
];

/// Documents of all kinds, some of them split, removed, replaced, or in the log still.
fn memory(chunks: bool) -> (tempfile::TempDir, Memory) {
    let folder = tempfile::tempdir().unwrap();
    let options = OpenOptions {
        mode: OpenMode::Create,
        ..OpenOptions::default()
    };
    let memory = Memory::open(&folder.path().join("notes.mv2"), options).unwrap();
    for id in 0..240_usize {
        let text = if chunks && id % 40 == 7 {
            format!("word{} common begins. ", id % 5).repeat(400)
        } else {
            format!("word{} common {}", id % 5, "more ".repeat(id % 11))
        };
        let pick = |values: &[&str], step: usize| {
            let index = id / step % (values.len() + 1);
            values.get(index).map(|value| (*value).to_owned())
        };
        let mut document = Document::text(text, 1_000 + (id as i64 * 37) % 200);
        document.track = pick(&TRACKS, 1);
        document.kind = pick(&KINDS, 3);
        document.tags = [pick(&TAGS, 2), pick(&TAGS, 7)]
            .into_iter()
            .flatten()
            .collect();
        document.labels = pick(&TAGS, 5).into_iter().collect();
        document.uri = pick(&URIS, 4).map(|uri| format!("{uri}{id}"));
        memory.put(vec![document], PutOptions::default()).unwrap();
        if id % 90 == 89 {
            memory.seal().unwrap();
        }
        if id % 17 == 16 {
            let mut document = Document::text("word1 common newer", 1_050);
            document.track = Some("notes".to_owned());
            memory.update(id as u64 - 3, |_, _| Ok(document)).ok();
        }
        if id % 13 == 12 {
            memory.remove(&[id as u64 - 5]).ok();
        }
    }
    (folder, memory)
}

fn find(memory: &Memory, query: &str, selection: Map<String, Value>) -> FindResult {
    let mut request = selection;
    request.insert("query".to_owned(), query.into());
    request.insert("k".to_owned(), 10_000.into());
    let request: FindRequest = serde_json::from_value(request.into()).unwrap();
    memory.find(request).unwrap()
}

/// Two conditions that say the same, of which the index can decide the first only.
fn conditions() -> impl Strategy<Value = (Value, Value)> {
    let value = prop::sample::select(
        [
            &TRACKS[..],
            &KINDS,
            &TAGS,
            &["", "nothing", "mv2://b42", "mv2://a/0", "mv2://frames/3"],
        ]
        .concat(),
    );
    let field = prop::sample::select(vec!["track", "kind", "tags", "tag", "labels", "uri"]);
    let values = prop::collection::vec(value, 0..3);
    (field, values, 0..3).prop_map(|(field, values, form)| {
        let test = match (form, values.first()) {
            (0, Some(first)) => json!({ field: first }),
            (1, Some(first)) => json!({ "$and": [{ field: { "$eq": first } }] }),
            _ => json!({ field: { "$in": values } }),
        };
        (test.clone(), json!({ "$or": [test] }))
    })
}

fn selections() -> impl Strategy<Value = (Map<String, Value>, Map<String, Value>)> {
    let scope = prop::option::of(prop::sample::select(vec![
        "mv2://a",
        "mv2://a/",
        "mv2://cafe",
        "mv2://caf",
        "mv2://frames/",
        "m",
        " ",
        "mv2://b1",
        "MV2://",
    ]));
    let times = (prop::option::of(990..1_210), prop::option::of(990..1_210));
    let as_of = prop::option::of(0..300);
    let as_of_time = prop::option::of(1_000..1_200);
    let wheres = prop::collection::vec(conditions(), 0..3);
    (scope, times, as_of, as_of_time, wheres).prop_map(
        |(scope, times, as_of, as_of_time, wheres)| {
            let (decided, asked): (Vec<_>, Vec<_>) = wheres.into_iter().unzip();
            let selection = |conditions: Vec<Value>| {
                let mut selection = Map::new();
                let mut set = |name: &str, value: Option<Value>| {
                    if let Some(value) = value {
                        selection.insert(name.to_owned(), value);
                    }
                };
                set("scope", scope.map(Value::from));
                set("since", times.0.map(Value::from));
                set("until", times.1.map(Value::from));
                set("asOfFrame", as_of.map(Value::from));
                set("asOfTs", as_of_time.map(Value::from));
                set("where", Some(json!({ "$and": conditions })));
                selection
            };
            (selection(decided), selection(asked))
        },
    )
}

/// What a selection means, going by the answers themselves.
fn selects(selection: &Map<String, Value>, uri: &str, timestamp: i64) -> bool {
    let number = |name| selection.get(name).and_then(Value::as_i64);
    let scope = selection.get("scope").and_then(Value::as_str);
    scope.is_none_or(|scope| uri.starts_with(scope))
        && number("since").is_none_or(|since| timestamp >= since)
        && number("until").is_none_or(|until| timestamp <= until)
}

fn check(memory: &Memory, query: &str, decided: &Map<String, Value>, asked: &Map<String, Value>) {
    let found = find(memory, query, decided.clone());
    // The same with conditions that only frames tell about; scope and times go by what all hits say of themselves.
    let mut others = asked.clone();
    for name in ["scope", "since", "until"] {
        others.remove(name);
    }
    let all = find(memory, query, others);
    let expected: Vec<(u64, f32)> = all
        .hits
        .iter()
        .filter(|hit| {
            // A chunk goes by the uri of its document, which is its own up to the mark of the page.
            let uri = match hit.parent_id {
                None => hit.uri.clone(),
                Some(parent) if hit.uri.starts_with("mv2://frames/") => {
                    format!("mv2://frames/{parent}")
                }
                Some(_) => hit.uri.split('#').next().unwrap_or_default().to_owned(),
            };
            selects(asked, &uri, hit.timestamp)
        })
        .map(|hit| (hit.frame_id, hit.score))
        .collect();
    let found: Vec<(u64, f32)> = found
        .hits
        .iter()
        .map(|hit| (hit.frame_id, hit.score))
        .collect();
    assert_eq!(found, expected, "{query} {decided:?}");
}

#[test]
fn what_the_index_decides_is_what_the_frames_say() {
    let stores = [memory(false), memory(true)];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(400)
    });
    let queries = prop::sample::select(vec![
        "word1 word3",
        "common",
        "\"word2 common\"",
        "word4 AND more",
        "-word1",
    ]);
    let cases = (queries, selections());
    runner
        .run(&cases, |(query, (decided, asked))| {
            for (_, memory) in &stores {
                check(memory, query, &decided, &asked);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn pages_of_a_filtered_search_go_on_when_hits_are_not_counted() {
    let folder = tempfile::tempdir().unwrap();
    let options = OpenOptions {
        mode: OpenMode::Create,
        ..OpenOptions::default()
    };
    let memory = Memory::open(&folder.path().join("notes.mv2"), options).unwrap();
    let documents = (0..21_000).map(|id| {
        let mut document = Document::text("common", id);
        document.track = (id % 1_000 < 5).then(|| "rare".to_owned());
        document.metadata = Some(json!({ "part": id % 1_000 }).to_string());
        document
    });
    memory
        .put(documents.collect(), PutOptions::default())
        .unwrap();
    for condition in [json!({ "track": "rare" }), json!({ "part": { "$lt": 5 } })] {
        let mut ids = Vec::new();
        let mut cursor = None;
        loop {
            let request =
                json!({ "query": "common", "k": 20, "where": condition, "cursor": cursor });
            let found = memory
                .find(serde_json::from_value(request).unwrap())
                .unwrap();
            ids.extend(found.hits.iter().map(|hit| hit.frame_id));
            cursor = found.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let expected: Vec<u64> = (0..21_000).filter(|id| id % 1_000 < 5).collect();
        assert_eq!(ids, expected);
    }
}
