//! A fixed set of questions to a memory, and its answers as text.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use engine::{
    Code, Document, Error, FindRequest, Memory, OpenOptions, PutOptions, SelectionRequest,
    TimelineRequest,
};
use mv2::payload::PayloadFinder;
use serde_json::{Value, json};

use crate::shapes::{Shape, vector};

/// What is asked of one shape.
pub struct Questions {
    ids: Vec<u64>,
    uris: Vec<String>,
    finds: Vec<(String, FindRequest)>,
    timelines: Vec<(String, TimelineRequest)>,
    selections: Vec<(String, SelectionRequest)>,
    has_vectors: bool,
    has_pictures: bool,
}

/// The answer to each question.
pub type Answers = BTreeMap<String, Result<String, Error>>;

/// What a file says when it is asked everything.
pub struct Asked {
    /// The answers; only the question `open` when it could not be opened.
    pub answers: Answers,
    /// What the shallow and the deep verification found: nothing when they passed.
    pub faults: Vec<String>,
}

impl Questions {
    /// What can be asked of an intact file.
    ///
    /// # Panics
    /// When it does not open.
    #[must_use]
    pub fn of(path: &Path, shape: &Shape) -> Self {
        let dimension = shape.dimension;
        let memory = open(path, true).unwrap();
        let count = memory.snapshot("questions").unwrap().frame_count();
        // All of a small file; of a large one the ends and some between.
        let step = (count / 24).max(1) as usize;
        let ids: Vec<u64> = (0..count)
            .step_by(step)
            .chain([count.saturating_sub(1), count])
            .collect();
        let mut uris: Vec<String> = ids
            .iter()
            .filter_map(|&id| Some(memory.frame(id).ok()?.uri))
            .collect();
        uris.push("mv2://nowhere".to_owned());
        uris.dedup();
        let mut finds = Vec::new();
        let mut find = |request: Value| {
            let name = format!("find {request}");
            let request = engine::parse_request(&request.to_string()).unwrap();
            finds.push((name, request));
        };
        for query in [
            "lighthouse",
            "the keeper of the memory",
            "\"lighthouse keeper\"",
            "vess*",
            "storm AND captain",
            "harbour OR anchor",
            "index -vector",
            "title:Title",
            "tag:all",
            "uri:mv2",
            "unique7",
            "東京",
            "date:[2023-11-01 TO 2023-12-01]",
            "apples oranges",
        ] {
            find(json!({ "query": query, "k": 5 }));
        }
        find(json!({ "query": "lighthouse storm", "k": 30, "explain": true }));
        find(json!({ "query": "who is the keeper", "k": 4, "ranking": "question" }));
        find(json!({ "query": "lighthouse", "k": 5, "where": { "status": "draft" } }));
        find(json!({ "query": "keeper", "k": 5, "where": { "number": { "$gte": 2 } } }));
        find(json!({ "query": "keeper", "k": 5, "asOfFrame": count / 2 }));
        find(json!({ "query": "keeper", "k": 5, "asOfTs": 1_700_010_000 }));
        find(json!({ "query": "keeper", "k": 5, "since": 1_700_004_000, "until": 1_700_020_000 }));
        find(json!({ "query": "keeper", "k": 5, "scope": "mv2://folder1/" }));
        let mut near = |dimension: usize, requests: &[Value]| {
            for (seed, request) in requests.iter().enumerate() {
                let name = format!("find {request} near {seed}");
                let mut request: FindRequest = engine::parse_request(&request.to_string()).unwrap();
                request.vector = Some(Arc::from(vector(dimension, seed as u64)));
                finds.push((name, request));
            }
        };
        if let Some(dimension) = dimension {
            near(
                dimension,
                &[
                    json!({ "query": "", "k": 6, "mode": "sem" }),
                    json!({ "query": "", "k": 6, "mode": "sem", "recall": "exact" }),
                    json!({ "query": "lighthouse", "k": 6, "mode": "auto" }),
                    json!({ "query": "", "k": 6, "mode": "sem", "asOfFrame": count / 2 }),
                ],
            );
        }
        if let Some(dimension) = shape.picture_dimension {
            near(
                dimension,
                &[
                    json!({ "query": "", "k": 30, "mode": "clip" }),
                    json!({ "query": "", "k": 5, "mode": "clip", "where": { "status": "draft" } }),
                    json!({ "query": "", "k": 5, "mode": "clip", "asOfFrame": count / 2 }),
                ],
            );
        }
        let timelines = [
            json!({ "limit": 100 }),
            json!({ "limit": 3, "reverse": true }),
            json!({ "limit": 10, "since": 1_700_004_000, "until": 1_700_020_000 }),
            json!({ "limit": 10, "asOfFrame": count / 2 }),
        ]
        .into_iter()
        .map(|request| {
            let text = request.to_string();
            (
                format!("timeline {text}"),
                engine::parse_request(&text).unwrap(),
            )
        })
        .collect();
        let selections = [
            json!({}),
            json!({ "where": { "status": "final" } }),
            json!({ "where": { "tags": "tag1" } }),
            json!({ "scope": "mv2://folder0/" }),
        ]
        .into_iter()
        .map(|request| {
            let text = request.to_string();
            (
                format!("select {text}"),
                engine::parse_request(&text).unwrap(),
            )
        })
        .collect();
        Self {
            ids,
            uris,
            finds,
            timelines,
            selections,
            has_vectors: dimension.is_some(),
            has_pictures: shape.picture_dimension.is_some(),
        }
    }

    /// All texts of an intact file: those of earlier versions and of what is removed, too, as far as they stand in it.
    ///
    /// # Panics
    /// When it does not open.
    #[must_use]
    pub fn texts(&self, path: &Path, bytes: &[u8]) -> HashSet<String> {
        let memory = open(path, true).unwrap();
        let count = memory.snapshot("questions").unwrap().frame_count();
        let mut texts: HashSet<String> = (0..count).filter_map(|id| memory.text(id).ok()).collect();
        let mut finder = PayloadFinder::new(1 << 30).unwrap();
        let mut position = 0;
        while let Some(found) = finder.next(bytes, position) {
            position = found.stored.end;
            texts.extend(String::from_utf8(found.content));
        }
        texts
    }

    /// Opens the file for reading and asks everything.
    #[must_use]
    pub fn ask(&self, path: &Path) -> Asked {
        match open(path, true) {
            Ok(memory) => self.ask_memory(&memory),
            Err(error) => Asked {
                answers: Answers::from([("open".to_owned(), Err(error))]),
                faults: Vec::new(),
            },
        }
    }

    /// Asks everything.
    #[must_use]
    pub fn ask_memory(&self, memory: &Memory) -> Asked {
        let mut answers = Answers::from([("open".to_owned(), Ok(String::new()))]);
        let mut keep = |name: String, answer: Result<String, Error>| {
            answers.insert(name, answer);
        };
        for &id in &self.ids {
            keep(
                format!("frame {id}"),
                memory.frame(id).map(|frame| json!(frame).to_string()),
            );
            keep(format!("text {id}"), memory.text(id));
            keep(
                format!("asset {id}"),
                memory.asset(id).map(|asset| format!("{asset:?}")),
            );
            if self.has_vectors {
                let embedding = memory
                    .snapshot("questions")
                    .and_then(|snapshot| snapshot.embedding(id));
                keep(
                    format!("vector {id}"),
                    embedding.map(|embedding| format!("{embedding:?}")),
                );
            }
            if self.has_pictures {
                let picture = memory
                    .snapshot("questions")
                    .and_then(|snapshot| snapshot.picture(id));
                keep(
                    format!("picture {id}"),
                    picture.map(|picture| format!("{picture:?}")),
                );
            }
        }
        for uri in &self.uris {
            let found = memory.frame_by_uri(uri);
            keep(format!("uri {uri}"), found.map(|id| id.to_string()));
        }
        for (name, request) in &self.finds {
            let found = memory.find(request.clone());
            let found = found.map(|mut found| {
                found.took_ms = 0;
                format!("{found:?}")
            });
            keep(name.clone(), found);
        }
        for (name, request) in &self.timelines {
            let entries = memory.timeline(request);
            keep(
                name.clone(),
                entries.map(|entries| json!(entries).to_string()),
            );
        }
        for (name, request) in &self.selections {
            let ids = memory.select(request);
            keep(name.clone(), ids.map(|ids| format!("{ids:?}")));
            let stats = memory.selected_stats(request);
            keep(
                format!("stats of {name}"),
                stats.map(|stats| stats.to_string()),
            );
        }
        keep(
            "stats".to_owned(),
            memory.stats().map(|stats| stats.to_string()),
        );
        let mut faults = Vec::new();
        for deep in [false, true] {
            match memory.verify(deep) {
                Ok(report) => faults.extend(
                    report
                        .checks
                        .iter()
                        .filter(|check| check.status == "failed")
                        .map(|check| format!("{}: {:?}", check.name, check.details)),
                ),
                Err(error) => faults.push(error.message),
            }
        }
        Asked { answers, faults }
    }

    /// Opens the file for writing, puts one more document, closes, and asks everything of what is there then. Gives the
    /// error of the put, too.
    #[must_use]
    pub fn put_and_ask(&self, path: &Path) -> (Option<Error>, Asked) {
        let put = || -> Result<(), Error> {
            let memory = open(path, false)?;
            let document = Document::text("One more: the lighthouse keeper wrote.", 1_700_000_500);
            memory.put(vec![document], PutOptions::default())?;
            memory.close()
        };
        let failed = put().err();
        (failed, self.ask(path))
    }
}

fn open(path: &Path, read_only: bool) -> Result<Memory, Error> {
    let options = OpenOptions {
        read_only,
        ..OpenOptions::default()
    };
    Memory::open(path, options)
}

/// Whether an error says that the file is damaged, or no memory at all.
#[must_use]
pub fn tells_of_damage(error: &Error) -> bool {
    matches!(error.code, Code::Corrupt | Code::Encryption)
}
