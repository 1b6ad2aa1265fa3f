//! Search by words, by meaning or by both: from a request to hits with their text. What is checked and looked up before
//! is here, what a search then does in `run`.

mod run;

use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use lex::{Plan, Query};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::cursor::{By, Cursor};
use crate::embedding::{check_vector, no_vectors, vectors_disabled, wrong_dimension};
use crate::error::{Code, Error, Result};
use crate::fusion::Fusion;
use crate::meaning::Recall;
use crate::memory::Memory;
use crate::pictures::{self, no_pictures};
use crate::selection::{Selection, SelectionRequest};
use crate::snapshot::Snapshot;

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
    /// What is looked for by.
    #[serde(default)]
    pub mode: FindMode,
    /// The query as a vector: needed for a search by meaning.
    #[serde(skip)]
    pub vector: Option<Arc<[f32]>>,
    /// The model that made `vector`, in a search among pictures; `None`: whichever made theirs.
    #[serde(default)]
    pub picture_model: Option<String>,
    /// How words and meaning become one ranking.
    #[serde(default)]
    pub fusion: Fusion,
    /// What meaning counts beside words, 0 to 1.
    #[serde(default)]
    pub semantic_weight: Option<f64>,
    /// How sure it is that the nearest vectors are found.
    #[serde(default)]
    pub recall: Recall,
    /// Which frames.
    #[serde(flatten)]
    pub selection: SelectionRequest,
}

/// What is looked for by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FindMode {
    /// Words.
    #[default]
    Lex,
    /// Meaning.
    Sem,
    /// Both, as far as there is something to look by.
    Auto,
    /// Pictures that the vector is near to: of another picture, or of a text.
    Clip,
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
    /// What was looked for by: `tantivy` (words), `vec` (meaning), `hybrid` (both) or `clip` (pictures).
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
    request: Arc<FindRequest>,
    /// `None`: there are no words to look for.
    query: Option<Query>,
    /// `None`: it is not looked for by meaning.
    vector: Option<Arc<[f32]>>,
    /// What the words demand of every hit, also of those found by meaning.
    demands: Option<Query>,
    /// What is not looked for, and why.
    warnings: Vec<String>,
    selection: Selection,
    start: Cursor,
    snapshot: Arc<Snapshot>,
    started: Instant,
    /// The query looked up, when its cost was asked for.
    plan: OnceLock<Plan>,
}

impl Memory {
    /// Checks a search and binds it to the current state.
    pub fn prepare_find(&self, request: FindRequest) -> Result<PreparedFind> {
        let request = Arc::new(request);
        self.answer("find", |snapshot| self.prepare_on(snapshot, &request))
    }

    fn prepare_on(
        &self,
        snapshot: &Arc<Snapshot>,
        request: &Arc<FindRequest>,
    ) -> Result<PreparedFind> {
        let started = Instant::now();
        if request.k == 0 {
            return Err(Error::invalid("k", 0, "an integer of at least 1"));
        }
        if let Some(weight) = request
            .semantic_weight
            .filter(|weight| !(0.0..=1.0).contains(weight))
        {
            return Err(Error::invalid(
                "semanticWeight",
                weight,
                "a number from 0 to 1",
            ));
        }
        request.recall.effort()?;
        let mut warnings = Vec::new();
        let vector = self.vector_to_find(request, snapshot, &mut warnings)?;
        let query = self.words_to_find(request, vector.is_some(), &mut warnings)?;
        let by = match (&query, &vector) {
            (Some(_), Some(_)) => By::Both {
                depth: request.fusion.depth(request.k),
            },
            (None, Some(_)) => By::Meaning,
            (_, None) => By::Words,
        };
        let start = Cursor::start(request.cursor.as_deref(), snapshot.frame_count(), by)?;
        let selection = Selection::new(&request.selection)?;
        // The index leaves out most of what is not selected, at a fraction of what looking at frames takes.
        let conditions = selection.conditions(snapshot);
        let demands = query.as_ref().filter(|_| vector.is_some());
        let demands = demands.and_then(Query::demands);
        let demands = demands.map(|query| query.require(conditions.clone()));
        let query = query.map(|query| query.require(conditions));
        Ok(PreparedFind {
            request: Arc::clone(request),
            query,
            demands,
            vector,
            warnings,
            selection,
            start,
            snapshot: Arc::clone(snapshot),
            started,
            plan: OnceLock::new(),
        })
    }

    /// The vector to look for; `None` when it is not looked for by meaning.
    fn vector_to_find(
        &self,
        request: &FindRequest,
        snapshot: &Snapshot,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Arc<[f32]>>> {
        let must = match request.mode {
            FindMode::Lex => return Ok(None),
            FindMode::Sem => true,
            FindMode::Auto => false,
            FindMode::Clip => return picture_to_find(request, snapshot).map(Some),
        };
        let mut leave_out = |reason: &str| {
            warnings.push(format!("{reason}, so it was searched by words only."));
            Ok(None)
        };
        if !self.options().enable_vec {
            if must {
                return Err(vectors_disabled("find"));
            }
            return leave_out("The memory was opened with enableVec: false");
        }
        if let Some(vector) = &request.vector {
            check_vector(vector, "queryEmbedding")?;
        }
        if let Err(error) = snapshot.committed.vectors()?.check_readable() {
            if must {
                return Err(error);
            }
            return leave_out(&error.message);
        }
        let Some(expected) = snapshot.vector_dimension()? else {
            if must {
                return Err(no_vectors("find"));
            }
            return leave_out("The memory holds no vectors");
        };
        match &request.vector {
            Some(vector) if vector.len() == expected => Ok(Some(Arc::clone(vector))),
            Some(vector) => Err(wrong_dimension(expected, vector.len(), None)),
            None if must => Err(Error::new(
                Code::EmbeddingFailed,
                "find: a search by meaning needs a vector of the query",
                serde_json::json!({ "reason": "no_vector" }),
            )),
            None => leave_out("There is no vector of the query"),
        }
    }

    /// The query as words; `None` when there are none and the vector does.
    fn words_to_find(
        &self,
        request: &FindRequest,
        has_vector: bool,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Query>> {
        if matches!(request.mode, FindMode::Sem | FindMode::Clip) {
            return Ok(None);
        }
        if !self.lex_is_enabled() {
            if !has_vector {
                return Err(lex_disabled());
            }
            warnings.push(
                "The lexical index is disabled, so it was searched by meaning only.".to_owned(),
            );
            return Ok(None);
        }
        let parsed = match request.ranking {
            // What only shares the function words of a query comes nearest when there is nothing else to go by. Meaning is.
            QueryForm::Plain if has_vector => {
                Query::parse(&request.query).map(Query::without_fallback)
            }
            QueryForm::Plain => Query::parse(&request.query),
            // An answer is not to be made of what only shares the function words of a question.
            QueryForm::Question => Query::words(&request.query).map(Query::without_fallback),
        };
        match parsed {
            Ok(query) => Ok(Some(query)),
            Err(lex::Error::EmptyQuery) if has_vector => Ok(None),
            Err(lex::Error::EmptyQuery) => Err(Error::invalid(
                "query",
                format_args!("{:?}", request.query),
                "a text with at least one word or filter",
            )),
            Err(other) => Err(other.into()),
        }
    }

    /// Searches for words, meaning or both.
    pub fn find(&self, request: FindRequest) -> Result<FindResult> {
        self.run_find(&self.prepare_find(request)?)
    }

    /// Runs a search, and once more on the current state when another program wrote over the one it was prepared on.
    pub fn run_find(&self, prepared: &PreparedFind) -> Result<FindResult> {
        if let Some(found) = self.run_find_at_once(prepared)? {
            return Ok(found);
        }
        let request = &prepared.request;
        self.answer("find", |snapshot| self.prepare_on(snapshot, request)?.run())
    }

    /// Runs a search on the state it was prepared on. `None` when another program wrote over that: to search again may
    /// take waiting, and more work.
    pub fn run_find_at_once(&self, prepared: &PreparedFind) -> Result<Option<FindResult>> {
        match prepared.run() {
            Err(error) if self.is_unsettled(&error, &prepared.snapshot)? => Ok(None),
            found => found.map(Some),
        }
    }
}

/// The vector to look for among pictures.
fn picture_to_find(request: &FindRequest, snapshot: &Snapshot) -> Result<Arc<[f32]>> {
    let Some(vector) = &request.vector else {
        return Err(Error::new(
            Code::EmbeddingFailed,
            "find: a search among pictures needs a vector of the picture or of the query",
            serde_json::json!({ "reason": "no_vector" }),
        ));
    };
    check_vector(vector, "queryEmbedding")?;
    let kind = snapshot
        .picture_kind()?
        .ok_or_else(|| no_pictures("find"))?;
    pictures::check_model(&kind, request.picture_model.as_deref().unwrap_or(&kind.0))?;
    if kind.1 == vector.len() {
        Ok(Arc::clone(vector))
    } else {
        Err(wrong_dimension(kind.1, vector.len(), None))
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
