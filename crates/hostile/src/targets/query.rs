//! Queries, filters and requests as callers give them.

use engine::{
    Code, Document, FindRequest, Memory, OpenMode, OpenOptions, PutOptions, SelectionRequest,
    TimelineRequest,
};
use lex::Query;

use crate::script::Input;
use crate::shapes;

thread_local! {
    static MEMORY: (tempfile::TempDir, Memory) = {
        let folder = tempfile::tempdir().unwrap();
        let options = OpenOptions { mode: OpenMode::Create, ..OpenOptions::default() };
        let memory = Memory::open(&folder.path().join("asked.mv2"), options).unwrap();
        let document = |number: u64| Document {
            title: Some(format!("Title {number}")),
            tags: vec![format!("tag{number}")],
            metadata: Some(format!(r#"{{"number":{number},"name":"n{number}"}}"#)),
            ..Document::text(shapes::text(number, 20), 1_700_000_000 + number as i64)
        };
        memory.put((0..20).map(document).collect(), PutOptions::default()).unwrap();
        memory.seal().unwrap();
        memory.put((20..24).map(document).collect(), PutOptions::default()).unwrap();
        (folder, memory)
    };
}

/// What queries are made of; a random byte picks one.
const WORDS: [&str; 40] = [
    "lighthouse",
    "keeper",
    "\"",
    "(",
    ")",
    " AND ",
    " OR ",
    " NOT ",
    "-",
    "+",
    "*",
    "?",
    "title:",
    "tag:",
    "uri:",
    "date:",
    "[2023-01-01 TO 2024-01-01]",
    "[* TO *]",
    "{",
    "}",
    "~",
    "^2",
    ":",
    "\\",
    "東京",
    "ä",
    "\u{0}",
    "\u{202e}",
    "🦀",
    "the",
    "who is",
    "yesterday",
    "last week",
    "2024-02-30",
    "label:",
    "kind:",
    "track:",
    "\"lighthouse keeper\"",
    "n",
    " ",
];

/// Parses a query or a request, and runs it.
pub fn query_parser(data: &[u8]) {
    let mut input = Input::new(data);
    let how = input.byte();
    if how % 4 == 3 {
        return request(&String::from_utf8_lossy(input.rest()));
    }
    let text = if how.is_multiple_of(4) {
        String::from_utf8_lossy(input.rest()).into_owned()
    } else {
        let mut text = String::new();
        while !input.is_empty() && text.len() < 4_000 {
            text.push_str(WORDS[usize::from(input.byte()) % WORDS.len()]);
        }
        text
    };
    for query in [Query::parse(&text), Query::words(&text)]
        .into_iter()
        .flatten()
    {
        let _ = query.terms();
        let _ = query.demands().map(|demands| demands.is_filter_only());
        let body = shapes::text(3, 30);
        let snippet = lex::snippet(&query, &body, usize::from(how));
        assert!(snippet.text.chars().count() <= usize::from(how).max(1));
        for range in snippet.ranges {
            assert!(snippet.text.get(range).is_some());
        }
        // The text itself, too: places are within it.
        let snippet = lex::snippet(&query, &text, usize::from(how));
        for range in snippet.ranges {
            assert!(snippet.text.get(range).is_some());
        }
    }
    let request =
        serde_json::json!({ "query": text, "k": 1 + how % 16, "explain": how & 0x80 != 0 });
    find(&request.to_string());
}

fn request(text: &str) {
    find(text);
    MEMORY.with(|(_, memory)| {
        if let Ok(request) = engine::parse_request::<SelectionRequest>(text) {
            expected(memory.select(&request));
            expected(memory.selected_stats(&request));
        }
        if let Ok(request) = engine::parse_request::<TimelineRequest>(text) {
            expected(memory.timeline(&request));
        }
    });
}

fn find(text: &str) {
    if let Ok(request) = engine::parse_request::<FindRequest>(text) {
        let k = request.k;
        let found = MEMORY.with(|(_, memory)| memory.find(request));
        if let Some(found) = expected(found) {
            assert!(found.hits.len() <= k);
            for hit in found.hits {
                assert!(hit.text.get(hit.snippet).is_some());
            }
        }
    }
}

fn expected<T>(result: engine::Result<T>) -> Option<T> {
    if let Err(error) = &result {
        assert!(
            error.code != Code::Internal && error.code != Code::Corrupt,
            "{} {}",
            error.code.as_str(),
            error.message
        );
    }
    result.ok()
}
