//! Lexical search: from a request to hits with their text.

use std::ops::Range;
use std::sync::OnceLock;
use std::time::Instant;

use lex::{Plan, Query, SearchRequest, Searcher, Snippets};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::calendar::iso8601;
use crate::error::{Code, Error, Result};
use crate::fields;
use crate::memory::Memory;
use crate::selection::{Selection, SelectionRequest};
use crate::shown::Buffers;
use crate::snapshot::Snapshot;

/// Above this many postings a search is better run off the caller's thread.
const INLINE_POSTINGS: u64 = 100_000;
/// As much text of the log is indexed on the caller's thread at most, bytes: some hundred microseconds of work.
const INLINE_INDEXED: usize = 16 << 10;

/// What to look for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FindRequest {
    /// The query, in the language of `lex::Query`.
    pub query: String,
    /// How many hits, at least 1.
    pub k: usize,
    /// `next_cursor` of the previous answer.
    #[serde(default)]
    pub cursor: Option<String>,
    /// The longest snippet, in characters.
    #[serde(default = "default_snippet_characters")]
    pub snippet_chars: usize,
    /// `question`: the query is plain language, without operators.
    #[serde(default)]
    pub ranking: QueryForm,
    /// Whether to give the parts of each score.
    #[serde(default)]
    pub explain: bool,
    /// Which frames.
    #[serde(flatten)]
    pub selection: SelectionRequest,
}

/// How a query is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum QueryForm {
    /// With phrases, operators and fields.
    #[default]
    Plain,
    /// As words only.
    Question,
}

fn default_snippet_characters() -> usize {
    240
}

/// What was found.
#[derive(Debug, Clone)]
pub struct FindResult {
    /// The query as given.
    pub query: String,
    /// Always `tantivy`.
    pub engine: &'static str,
    /// The hits, best first.
    pub hits: Vec<FindHit>,
    /// Matching frames. A lower bound when `total_is_exact` is false.
    pub total_hits: u64,
    /// Whether `total_hits` is exact; very common words, and what holds all required ones, are not counted out.
    pub total_is_exact: bool,
    /// Give it back for the next page.
    pub next_cursor: Option<String>,
    /// What was not searched for, one sentence each.
    pub warnings: Vec<String>,
    /// Time taken, in milliseconds.
    pub took_ms: u64,
}

/// One frame that matches.
#[derive(Debug, Clone)]
pub struct FindHit {
    /// Position over all pages, from 1.
    pub rank: usize,
    /// The frame: a document or a chunk of one.
    pub frame_id: u64,
    /// The document of a chunk.
    pub parent_id: Option<u64>,
    /// Its uri.
    pub uri: String,
    /// Its title.
    pub title: String,
    /// Where in the text its best piece is, in bytes.
    pub snippet: Range<usize>,
    /// The whole text of the frame.
    pub text: String,
    /// How well it matches; comparable within one answer.
    pub score: f32,
    /// Occurrences of query words in the text.
    pub matches: u32,
    /// Keywords.
    pub tags: Vec<String>,
    /// Keywords of the second list.
    pub labels: Vec<String>,
    /// Caller's category.
    pub kind: Option<String>,
    /// Caller's stream.
    pub track: Option<String>,
    /// Dates found in the text.
    pub content_dates: Vec<String>,
    /// Time of the frame, ISO 8601.
    pub created_at: String,
    /// Time of the frame, seconds since 1970.
    pub timestamp: i64,
    /// The caller's metadata.
    pub metadata: Map<String, Value>,
    /// The parts of the score.
    pub explain: Option<Value>,
}

/// A checked request on a snapshot, ready to run.
pub struct PreparedFind {
    request: FindRequest,
    query: Query,
    selection: Selection,
    start: Cursor,
    snapshot: std::sync::Arc<Snapshot>,
    started: Instant,
    /// The query looked up, when its cost was asked for.
    plan: OnceLock<Plan>,
}

impl Memory {
    /// Checks a search and binds it to the current state.
    pub fn prepare_find(&self, request: FindRequest) -> Result<PreparedFind> {
        let started = Instant::now();
        let snapshot = self.snapshot("find")?;
        if !self.lex_is_enabled() {
            return Err(lex_disabled());
        }
        if request.k == 0 {
            return Err(Error::invalid("k", 0, "an integer of at least 1"));
        }
        let parsed = match request.ranking {
            QueryForm::Plain => Query::parse(&request.query),
            // An answer is not to be made of what only shares the function words of a question.
            QueryForm::Question => Query::words(&request.query).map(Query::without_fallback),
        };
        let query = parsed.map_err(|error| match error {
            lex::Error::EmptyQuery => Error::invalid(
                "query",
                format_args!("{:?}", request.query),
                "a text with at least one word or filter",
            ),
            other => other.into(),
        })?;
        let start = match &request.cursor {
            None => Cursor {
                offset: 0,
                frames: snapshot.frame_count(),
            },
            Some(cursor) => Cursor::parse(cursor).ok_or_else(|| {
                Error::invalid(
                    "cursor",
                    format_args!("{cursor:?}"),
                    "the next_cursor of an answer",
                )
            })?,
        };
        let selection = Selection::new(&request.selection)?;
        // The index leaves out most of what is not selected, at a fraction of what looking at frames takes.
        let query = query.require(selection.conditions(&snapshot));
        Ok(PreparedFind {
            request,
            query,
            selection,
            start,
            snapshot,
            started,
            plan: OnceLock::new(),
        })
    }

    /// Searches the full text.
    pub fn find(&self, request: FindRequest) -> Result<FindResult> {
        self.prepare_find(request)?.run()
    }
}

/// Where a page starts. Frames that came after the first page was given are not part of the pages that follow: they would
/// push hits onto a page where they were shown already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    offset: usize,
    frames: u64,
}

impl Cursor {
    /// Only what an answer gave: two numbers in decimal digits.
    fn parse(text: &str) -> Option<Self> {
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (offset, frames) = text.split_once('-')?;
        if !digits(offset) || !digits(frames) {
            return None;
        }
        Some(Self {
            offset: offset.parse().ok()?,
            frames: frames.parse().ok()?,
        })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}-{}", self.offset, self.frames)
    }
}

/// MV004: lexical search without a lexical index.
#[must_use]
pub fn lex_disabled() -> Error {
    Error::new(
        Code::LexIndexDisabled,
        "lexical search needs the lexical index, which is disabled here",
        Value::Null,
    )
}

impl PreparedFind {
    /// Whether the search is so cheap that handing it to another thread would cost more.
    pub fn is_cheap(&self) -> Result<bool> {
        if self.snapshot.committed.lex_needs_building()
            || self.snapshot.pending.lex.waiting_bytes() > INLINE_INDEXED
        {
            return Ok(false);
        }
        let searcher = Searcher::new(
            self.snapshot.committed.lex()?,
            self.snapshot.pending.lex.whole(),
        );
        // What cannot be looked up fails soon enough: the search says why.
        Ok(match searcher.plan(&self.query) {
            Ok(plan) => self.plan.get_or_init(|| plan).cost() <= INLINE_POSTINGS,
            Err(_) => true,
        })
    }

    /// Runs the search.
    pub fn run(&self) -> Result<FindResult> {
        let snapshot = &*self.snapshot;
        let searcher = Searcher::new(snapshot.committed.lex()?, snapshot.pending.lex.whole());
        let accept =
            |id: u64| id < self.start.frames && self.selection.accepts_scattered(snapshot, id);
        let request = SearchRequest {
            query: &self.query,
            limit: self.request.k,
            offset: self.start.offset,
            // Asking is what most of a search's time would go to; where every answer is yes it is not asked.
            accept: (!self.accepts_all()).then_some(&accept),
            explain: self.request.explain,
        };
        let found = match self.plan.get() {
            Some(plan) => searcher.run(plan, &request),
            None => searcher.search(&request),
        }?;
        let mut hits = Vec::with_capacity(found.hits.len());
        let mut snippets = Snippets::new(&self.query);
        let mut buffers = Buffers::default();
        for (index, hit) in found.hits.into_iter().enumerate() {
            let rank = self.start.offset + index + 1;
            hits.push(self.hit(rank, hit, &mut snippets, &mut buffers)?);
        }
        let postings = self.plan.get().map_or(0, Plan::cost);
        snapshot.committed.note_search(postings);
        let reached = self.start.offset + hits.len();
        // What was not counted to the end goes on as long as pages are full.
        let more = !hits.is_empty()
            && ((reached as u64) < found.total
                || !found.total_is_exact && hits.len() == self.request.k);
        Ok(FindResult {
            query: self.request.query.clone(),
            engine: "tantivy",
            hits,
            total_hits: found.total,
            total_is_exact: found.total_is_exact,
            next_cursor: more.then(|| {
                Cursor {
                    offset: reached,
                    frames: self.start.frames,
                }
                .to_string()
            }),
            warnings: found.warnings,
            took_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Whether every frame of the state may be a hit.
    fn accepts_all(&self) -> bool {
        let snapshot = &self.snapshot;
        self.selection.is_unrestricted()
            && self.start.frames >= snapshot.frame_count()
            && snapshot.active_count() == snapshot.frame_count()
    }

    fn hit(
        &self,
        rank: usize,
        hit: lex::Hit,
        snippets: &mut Snippets<'_>,
        buffers: &mut Buffers,
    ) -> Result<FindHit> {
        let id = hit.frame_id;
        let committed = &self.snapshot.committed;
        let (view, text) = if id < committed.frame_count() {
            committed.shown(id, buffers)?
        } else {
            (self.snapshot.view(id)?, None)
        };
        let text = match text {
            Some(text) => text,
            None => self.snapshot.text(id, &view)?,
        };
        let place = snippets.find(&text, self.request.snippet_chars);
        Ok(FindHit {
            rank,
            frame_id: id,
            parent_id: view.parent_id,
            uri: view.uri.unwrap_or_default().to_owned(),
            title: view.title.unwrap_or_default().to_owned(),
            matches: place.matches.max(hit.matches),
            snippet: place.range,
            text,
            score: hit.score,
            tags: view.tags.to_strings(),
            labels: view.labels.to_strings(),
            kind: view.kind.map(str::to_owned),
            track: view.track.map(str::to_owned),
            content_dates: view.content_dates.to_strings(),
            created_at: iso8601(view.timestamp),
            timestamp: view.timestamp,
            metadata: fields::metadata(&view),
            explain: hit.explain.map(|parts| explanation(&parts)),
        })
    }
}

fn explanation(parts: &lex::Explanation) -> Value {
    let terms: Vec<Value> = parts
        .terms
        .iter()
        .map(|term| {
            serde_json::json!({
                "field": term.field,
                "term": term.term,
                "frequency": term.frequency,
                "idf": term.idf,
                "score": term.score,
            })
        })
        .collect();
    serde_json::json!({
        "terms": terms,
        "coordination": parts.coordination,
        "phrase": parts.phrase,
        "speaker": parts.speaker,
        "date": parts.date,
        "boost": parts.boost,
    })
}
