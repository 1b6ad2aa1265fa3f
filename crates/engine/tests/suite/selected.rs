//! Search by meaning with every kind of condition, against asking every frame.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::support::vector_of;
use engine::{
    Document, Embedding, FindRequest, FindResult, Memory, OpenMode, OpenOptions, PutOptions,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const DIMENSION: usize = 16;
const TRACKS: [&str; 4] = ["Notes", "notes", " notes ", "é"];
const TAGS: [&str; 4] = ["a", "A", "b", "two words"];

fn document(number: usize) -> Document {
    let text = if number % 40 == 7 {
        format!("word{} begins. ", number % 5).repeat(400)
    } else {
        format!("word{} common {number}", number % 5)
    };
    let pick = |values: &[&str], step: usize| {
        let index = number / step % (values.len() + 1);
        values.get(index).map(|value| (*value).to_owned())
    };
    let mut document = Document::text(text, 1_000 + (number as i64 * 37) % 200);
    document.track = pick(&TRACKS, 1);
    document.kind = pick(&["mail", "chat"], 3);
    document.tags = [pick(&TAGS, 2), pick(&TAGS, 7)]
        .into_iter()
        .flatten()
        .collect();
    document.labels = pick(&TAGS, 5).into_iter().collect();
    document.uri = number
        .is_multiple_of(3)
        .then(|| format!("mv2://shelf{}/{number}", number % 4));
    document.content_dates = number
        .is_multiple_of(4)
        .then(|| format!("2024-0{}-01", number % 9 + 1))
        .into_iter()
        .collect();
    let mut metadata = json!({
        "number": number,
        "team": (["core", "edge"][number % 2]),
        "deep": { "x": number % 3, "list": [number % 2, "y"] },
        "acl_tenant_id": (["one", "\"Two\""][number / 2 % 2]),
        "acl_visibility": (["public", "restricted"][number / 4 % 2]),
        "acl_read_principals": (["ann", "bob"][..number % 3].to_vec()),
        "acl_read_groups": ["readers"],
    });
    if number.is_multiple_of(5) {
        metadata["none"] = Value::Null;
        metadata["deep.x"] = json!(9);
    }
    document.metadata = (number % 11 != 1).then(|| metadata.to_string());
    document.embedding = Some(Embedding {
        vector: vector_of(DIMENSION, number as u64).into(),
        identity: Arc::default(),
    });
    document
}

/// Documents of all kinds, some of them split, removed, replaced, or in the log still.
fn memory(enable_lex: bool) -> (tempfile::TempDir, Memory) {
    let folder = tempfile::tempdir().unwrap();
    let options = OpenOptions {
        mode: OpenMode::Create,
        enable_lex,
        ..OpenOptions::default()
    };
    let memory = Memory::open(&folder.path().join("notes.mv2"), options).unwrap();
    let put = |range: std::ops::Range<usize>| {
        let documents = range.map(document).collect();
        memory.put(documents, PutOptions::default()).unwrap().ids
    };
    let first = put(0..260);
    memory.seal().unwrap();
    memory.remove(&first[10..14]).unwrap();
    let second = put(260..300);
    memory.seal().unwrap();
    let third = put(300..330);
    for (old, new) in [(first[47], 400), (second[3], 401), (third[2], 402)] {
        memory.update(old, |_, _| Ok(document(new))).unwrap();
    }
    memory
        .remove(&[first[87], first[20], second[9], third[5]])
        .unwrap();
    (folder, memory)
}

fn find(memory: &Memory, selection: &Map<String, Value>, seed: u64, more: Value) -> FindResult {
    let mut request = selection.clone();
    request.extend(more.as_object().unwrap().clone());
    request.insert("query".to_owned(), "word1".into());
    let mut request: FindRequest = serde_json::from_value(request.into()).unwrap();
    request.vector = Some(vector_of(DIMENSION, seed).into());
    memory.find(request).unwrap()
}

fn ids(found: &FindResult) -> Vec<u64> {
    found.hits.iter().map(|hit| hit.frame_id).collect()
}

fn tests() -> impl Strategy<Value = Value> {
    let fields = vec![
        "kind",
        "track",
        "tags",
        "tag",
        "labels",
        "dates",
        "number",
        "metadata.number",
        "team",
        "deep.x",
        "deep",
        "deep.list",
        "deep.list.0",
        "none",
        "missing",
        "timestamp",
        "frame_id",
        "uri",
        "title",
        "created_at",
        "acl_tenant_id",
    ];
    let values = vec![
        json!("notes"),
        json!("Notes"),
        json!("a"),
        json!("mail"),
        json!("core"),
        json!(1),
        json!(1.0),
        json!(100),
        json!(1_100),
        json!(null),
        json!({ "x": 1, "list": [1, "y"] }),
        json!("2024-03-01"),
        json!("mv2://shelf0/12"),
        json!(9),
        json!([0, "y"]),
        json!("1970-01-01T00:18:00Z"),
        json!("one"),
    ];
    let field = prop::sample::select(fields);
    let values = prop::collection::vec(prop::sample::select(values), 1..4);
    (field, values, 0..8).prop_map(|(field, values, form)| {
        let first = &values[0];
        let ordered = if first.is_number() || first.is_string() {
            first.clone()
        } else {
            json!(5)
        };
        let test = match form {
            0 | 1 => first.clone(),
            2 => json!({ "$in": values }),
            3 => json!({ "$nin": values }),
            4 => json!({ "$exists": values.len() > 1 }),
            5 => json!({ "$gte": ordered }),
            6 => json!({ "$lt": ordered, "$exists": true }),
            _ => json!({ "$ne": first }),
        };
        json!({ field: test })
    })
}

fn filters() -> impl Strategy<Value = Value> {
    tests().prop_recursive(3, 8, 3, |inner| {
        (prop::collection::vec(inner, 0..3), 0..3).prop_map(|(parts, form)| match form {
            0 => json!({ "$and": parts }),
            1 => json!({ "$or": parts }),
            _ => json!({ "$not": parts.first().cloned().unwrap_or(json!({})) }),
        })
    })
}

fn selections() -> impl Strategy<Value = Map<String, Value>> {
    let scope = prop::sample::select(vec!["mv2://shelf1/", "mv2://frames/", "mv2://", "other"]);
    let contexts = vec![
        json!({ "tenantId": "one" }),
        json!({ "tenantId": "two", "subjectId": "Ann" }),
        json!({ "tenantId": "two", "groupIds": ["readers"] }),
    ];
    (
        prop::option::weighted(0.2, scope),
        prop::option::weighted(0.2, 990..1_210),
        prop::option::weighted(0.2, 990..1_210),
        prop::option::weighted(0.2, 0..400),
        prop::option::weighted(0.1, 1_000..1_200),
        prop::option::weighted(0.7, filters()),
        prop::option::weighted(0.2, prop::sample::select(contexts)),
    )
        .prop_map(|(scope, since, until, as_of, as_of_time, filter, acl)| {
            let mut selection = Map::new();
            let mut set = |name: &str, value: Option<Value>| {
                selection.extend(value.map(|value| (name.to_owned(), value)));
            };
            set("scope", scope.map(Value::from));
            set("since", since.map(Value::from));
            set("until", until.map(Value::from));
            set("asOfFrame", as_of.map(Value::from));
            set("asOfTs", as_of_time.map(Value::from));
            set("where", filter);
            set("acl", acl);
            selection
        })
}

#[test]
fn what_is_selected_by_bits_is_what_the_frames_say() {
    let stores = [memory(true), memory(false)];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(150)
    });
    runner
        .run(&(selections(), 10_000..20_000_u64), |(selection, seed)| {
            for (_, memory) in &stores {
                let request = serde_json::from_value(selection.clone().into()).unwrap();
                let snapshot = memory.snapshot("test").unwrap();
                let expected: BTreeSet<u64> = memory
                    .select(&request)
                    .unwrap()
                    .into_iter()
                    .filter(|id| snapshot.has_vector(*id).unwrap())
                    .collect();
                let all = find(
                    memory,
                    &selection,
                    seed,
                    json!({ "k": 1_000, "mode": "sem" }),
                );
                let found: BTreeSet<u64> = all.hits.iter().map(|hit| hit.frame_id).collect();
                prop_assert_eq!(&found, &expected, "{:?}", selection);
                let exact = json!({ "k": 7, "mode": "sem", "recall": "exact" });
                let nearest = find(memory, &selection, seed, exact);
                prop_assert_eq!(&ids(&nearest)[..], &ids(&all)[..expected.len().min(7)]);
                // The same again, from what is kept by now; and both lists of a hybrid search obey.
                let again = find(
                    memory,
                    &selection,
                    seed,
                    json!({ "k": 1_000, "mode": "sem" }),
                );
                prop_assert_eq!(ids(&again), ids(&all));
                let both = find(
                    memory,
                    &selection,
                    seed,
                    json!({ "k": 1_000, "mode": "auto" }),
                );
                for hit in &both.hits {
                    let document = hit.parent_id.unwrap_or(hit.frame_id);
                    prop_assert!(expected.contains(&document), "{:?}", selection);
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_is_kept_of_a_selection_follows_the_writes() {
    let (_folder, memory) = memory(false);
    let selection = json!({ "where": { "team": "core" } });
    let selection = selection.as_object().unwrap();
    let look = || {
        let found = find(&memory, selection, 3, json!({ "k": 1_000, "mode": "sem" }));
        ids(&found).into_iter().collect::<BTreeSet<_>>()
    };
    let before = look();
    let id = memory
        .put(vec![document(500)], PutOptions::default())
        .unwrap()
        .ids[0];
    let mut expected = before.clone();
    expected.insert(id);
    assert_eq!(look(), expected, "in the log");
    memory.seal().unwrap();
    assert_eq!(look(), expected, "in a commit");
    memory.remove(&[id]).unwrap();
    assert_eq!(look(), before, "removed by the log");
    memory.seal().unwrap();
    assert_eq!(look(), before, "removed by a commit");
}

#[test]
fn fields_with_a_value_in_every_frame_are_selected_by() {
    let folder = tempfile::tempdir().unwrap();
    let options = OpenOptions {
        mode: OpenMode::Create,
        enable_lex: false,
        ..OpenOptions::default()
    };
    let memory = Memory::open(&folder.path().join("notes.mv2"), options).unwrap();
    let documents = (0..9_000).map(|number| {
        let mut document = Document::text(format!("number {number}"), number);
        document.metadata = Some(json!({ "number": number }).to_string());
        document.track = Some(format!("{}", number % 100));
        document.embedding = Some(Embedding {
            vector: vector_of(DIMENSION, number as u64).into(),
            identity: Arc::default(),
        });
        document
    });
    memory
        .put(documents.collect(), PutOptions::default())
        .unwrap();
    memory.seal().unwrap();
    for selection in [
        json!({ "where": { "number": { "$lt": 300 }, "track": { "$in": ["1", "2", "3"] } } }),
        json!({ "where": { "$or": [{ "number": { "$lt": 5 } }, { "track": "7" }] } }),
        json!({ "where": { "number": { "$gte": 8_990 } } }),
    ] {
        let request = serde_json::from_value(selection.clone()).unwrap();
        let expected: BTreeSet<u64> = memory.select(&request).unwrap().into_iter().collect();
        let selection = selection.as_object().unwrap();
        for _ in 0..2 {
            let found = find(&memory, selection, 5, json!({ "k": 10_000, "mode": "sem" }));
            assert_eq!(ids(&found).into_iter().collect::<BTreeSet<_>>(), expected);
        }
    }
}
