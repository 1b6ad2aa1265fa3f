//! Documents on their way from JavaScript to a write that has begun already.
//!
//! JavaScript pushes slices and is told when to wait; the writer's thread takes them. A slice crosses the border as
//! columns, one array a field: reading the named properties of each document costs three times as much.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine::{Code, Content, Document, Embedding, Error, Identity, Result};
use napi::bindgen_prelude::*;
use napi::{Env, JsDeferred};
use napi_derive::napi;
use parking_lot::{Condvar, Mutex};
use serde_json::json;

use crate::document::{NativeIdentity, integer_seconds, refuse_length};
use crate::failure::{guard, to_napi};

/// Slices that wait, and bytes in them, before JavaScript is asked to wait.
const MOST_WAITING: usize = 8;
const MOST_BYTES: usize = 16 << 20;

type Resolver = Box<dyn FnOnce(Env) -> napi::Result<()> + Send>;
type Deferred = JsDeferred<(), Resolver>;

/// Text documents as columns: element `i` of each belongs to document `i`. A column that no document needs is absent,
/// and so is a value that a document has not.
#[napi(object)]
pub struct NativeColumns {
    pub texts: Vec<String>,
    pub titles: Vec<String>,
    pub timestamps: Float64Array,
    /// Absent: every document has the default label.
    pub labels: Option<Vec<Vec<String>>>,
    pub tags: Option<Vec<Vec<String>>>,
    pub uris: Option<Vec<Option<String>>>,
    pub kinds: Option<Vec<Option<String>>>,
    pub tracks: Option<Vec<Option<String>>>,
    pub search_texts: Option<Vec<Option<String>>>,
    pub metadata: Option<Vec<Option<String>>>,
    pub content_dates: Option<Vec<Option<Vec<String>>>>,
    pub default_label: String,
    /// The numbers of all vectors, one behind the other: a handle for each of them would cost more than the numbers.
    pub vectors: Option<Float32Array>,
    /// Numbers of a vector.
    pub dimension: Option<u32>,
    /// 1 for every document that has a vector; absent: all have.
    pub with_vector: Option<Uint8Array>,
    /// What made vectors, each once.
    pub identities: Option<Vec<NativeIdentity>>,
    /// For each document its place in `identities`, below 0 without one.
    pub made_by: Option<Int32Array>,
}

/// The vectors of a slice, taken document by document.
struct Vectors<'a> {
    numbers: std::slice::ChunksExact<'a, f32>,
    with_vector: Option<&'a [u8]>,
    made_by: Option<&'a [i32]>,
    identities: Vec<Arc<Identity>>,
    unknown: Arc<Identity>,
}

impl<'a> Vectors<'a> {
    fn new(
        numbers: &'a [f32],
        dimension: Option<u32>,
        with_vector: Option<&'a [u8]>,
        made_by: Option<&'a [i32]>,
        identities: Vec<NativeIdentity>,
        count: usize,
    ) -> Result<Self> {
        let dimension = dimension.unwrap_or_default() as usize;
        let rows = with_vector.map_or(count, |rows| rows.iter().filter(|has| **has != 0).count());
        refuse_length(
            "columns.withVector",
            with_vector.map_or(count, <[u8]>::len),
            count,
        )?;
        refuse_length("columns.madeBy", made_by.map_or(count, <[i32]>::len), count)?;
        refuse_length("columns.vectors", numbers.len(), rows * dimension)?;
        let identities = identities
            .into_iter()
            .map(|identity| identity.convert().map(Arc::new))
            .collect::<Result<_>>()?;
        Ok(Self {
            // Without numbers there are no vectors, whatever the size.
            numbers: numbers.chunks_exact(dimension.max(1)),
            with_vector,
            made_by,
            identities,
            unknown: Arc::default(),
        })
    }

    /// What the document at `index` has; to be asked in order.
    fn next(&mut self, index: usize) -> Option<Embedding> {
        if self
            .with_vector
            .is_some_and(|rows| rows.get(index) == Some(&0))
        {
            return None;
        }
        let vector = self.numbers.next()?;
        let place = self.made_by.and_then(|made_by| made_by.get(index));
        let identity = place
            .and_then(|place| self.identities.get(usize::try_from(*place).ok()?))
            .unwrap_or(&self.unknown);
        Some(Embedding {
            vector: Arc::from(vector),
            identity: Arc::clone(identity),
        })
    }
}

impl NativeColumns {
    fn into_documents(self, first: usize) -> Result<Vec<Document>> {
        let count = self.texts.len();
        let lengths = [
            self.titles.len(),
            self.timestamps.len(),
            self.labels.as_ref().map_or(count, Vec::len),
            self.tags.as_ref().map_or(count, Vec::len),
            self.uris.as_ref().map_or(count, Vec::len),
            self.kinds.as_ref().map_or(count, Vec::len),
            self.tracks.as_ref().map_or(count, Vec::len),
            self.search_texts.as_ref().map_or(count, Vec::len),
            self.metadata.as_ref().map_or(count, Vec::len),
            self.content_dates.as_ref().map_or(count, Vec::len),
        ];
        for length in lengths {
            refuse_length("columns", length, count)?;
        }
        let mut vectors = match &self.vectors {
            Some(numbers) => Some(Vectors::new(
                numbers,
                self.dimension,
                self.with_vector.as_deref(),
                self.made_by.as_deref(),
                self.identities.unwrap_or_default(),
                count,
            )?),
            None => None,
        };
        let mut labels = self.labels.map(Vec::into_iter);
        let mut tags = self.tags.map(Vec::into_iter);
        let mut uris = self.uris.map(Vec::into_iter);
        let mut kinds = self.kinds.map(Vec::into_iter);
        let mut tracks = self.tracks.map(Vec::into_iter);
        let mut search_texts = self.search_texts.map(Vec::into_iter);
        let mut metadata = self.metadata.map(Vec::into_iter);
        let mut dates = self.content_dates.map(Vec::into_iter);
        let rows = self.texts.into_iter().zip(self.titles);
        let mut documents = Vec::with_capacity(count);
        for ((text, title), timestamp) in rows.zip(self.timestamps.iter()) {
            let index = first + documents.len();
            let seconds = integer_seconds(*timestamp, || format!("documents[{index}].timestamp"))?;
            let embedding = vectors
                .as_mut()
                .and_then(|vectors| vectors.next(documents.len()));
            documents.push(Document {
                embedding,
                content: Content::Text(text),
                search_text: next(&mut search_texts).flatten(),
                title: Some(title),
                uri: next(&mut uris).flatten(),
                kind: next(&mut kinds).flatten(),
                track: next(&mut tracks).flatten(),
                tags: next(&mut tags).unwrap_or_default(),
                labels: next(&mut labels).unwrap_or_else(|| vec![self.default_label.clone()]),
                metadata: next(&mut metadata).flatten(),
                content_dates: next(&mut dates).flatten().unwrap_or_default(),
                ..Document::text(String::new(), seconds)
            });
        }
        Ok(documents)
    }
}

fn size_of(documents: &[Document]) -> usize {
    documents.iter().map(Document::size).sum()
}

fn next<T>(column: &mut Option<std::vec::IntoIter<T>>) -> Option<T> {
    column.as_mut().and_then(Iterator::next)
}

/// Both ends of the way.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    slices: VecDeque<Vec<Document>>,
    /// Of the documents that wait, about.
    bytes: usize,
    /// Nothing more comes.
    ended: bool,
    /// What came is to be forgotten.
    aborted: bool,
    /// Nobody takes any more.
    closed: bool,
    /// JavaScript waits for room.
    waiting: Option<Deferred>,
}

impl State {
    fn has_room(&self) -> bool {
        self.closed || (self.slices.len() < MOST_WAITING && self.bytes < MOST_BYTES)
    }

    fn wake(&mut self) {
        if self.has_room()
            && let Some(waiting) = self.waiting.take()
        {
            waiting.resolve(Box::new(|_| Ok(())));
        }
    }
}

#[napi]
#[derive(Default)]
pub struct NativeFeed {
    queue: Arc<Queue>,
    pushed: AtomicUsize,
}

#[napi]
impl NativeFeed {
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a slice; `false`: wait for [`NativeFeed::room`] before the next.
    #[napi]
    pub fn push(&self, columns: NativeColumns) -> napi::Result<bool> {
        let first = self.pushed.load(Ordering::Relaxed);
        let documents = guard(|| columns.into_documents(first)).map_err(to_napi)?;
        self.pushed.fetch_add(documents.len(), Ordering::Relaxed);
        let mut state = self.queue.state.lock();
        if !state.closed {
            state.bytes += size_of(&documents);
            state.slices.push_back(documents);
            self.queue.changed.notify_one();
        }
        Ok(state.has_room())
    }

    /// Resolves when there is room, or nobody takes slices any more.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn room<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred::<(), Resolver>()?;
        let mut state = self.queue.state.lock();
        if let Some(earlier) = state.waiting.replace(deferred) {
            earlier.resolve(Box::new(|_| Ok(())));
        }
        state.wake();
        Ok(promise)
    }

    /// Nothing more comes.
    #[napi]
    pub fn end(&self) {
        self.queue.state.lock().ended = true;
        self.queue.changed.notify_one();
    }

    /// What came is to be forgotten.
    #[napi]
    pub fn abort(&self) {
        let mut state = self.queue.state.lock();
        state.aborted = true;
        state.slices.clear();
        self.queue.changed.notify_one();
    }
}

impl Drop for NativeFeed {
    /// A feed that JavaScript let go of without ending it must not keep the writer waiting.
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        if !state.ended {
            state.aborted = true;
        }
        self.queue.changed.notify_one();
    }
}

impl NativeFeed {
    /// The end at which slices are taken. Dropping it tells JavaScript to stop.
    pub fn taker(&self) -> Taker {
        Taker {
            queue: Arc::clone(&self.queue),
        }
    }
}

/// Gives the slices in order; waits for them.
pub struct Taker {
    queue: Arc<Queue>,
}

impl Iterator for Taker {
    type Item = Result<Vec<Document>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut state = self.queue.state.lock();
        loop {
            if state.aborted {
                return Some(Err(abandoned()));
            }
            if let Some(slice) = state.slices.pop_front() {
                state.bytes = state.bytes.saturating_sub(size_of(&slice));
                state.wake();
                return Some(Ok(slice));
            }
            if state.ended {
                return None;
            }
            self.queue.changed.wait(&mut state);
        }
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        state.closed = true;
        state.slices.clear();
        state.wake();
    }
}

fn abandoned() -> Error {
    Error::new(
        Code::Internal,
        "the batch was abandoned before its end; nothing was stored",
        json!({}),
    )
}
