//! The handle as JavaScript sees it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::{
    Dedupe, Error, FindRequest, Memory, OpenOptions, PutOptions, PutResult, Result, TimelineRequest,
};
use napi::bindgen_prelude::*;
use napi_derive::napi;

use crate::document::{Input, NativeDocument, NativeIdentity};
use crate::failure::{guard, to_napi};
use crate::feed::NativeFeed;
use crate::hits::NativeHits;
use crate::task::{Job, json};
use crate::worker::Worker;

/// A sync that JavaScript's thread may sit out: waking another one and coming back takes a third of it.
const SHORT_SYNC: Duration = Duration::from_micros(400);

#[napi]
pub struct NativeMemory {
    memory: Arc<Memory>,
    writer: Worker,
    path: String,
}

#[napi(object)]
pub struct NativePutOptions {
    pub compression_level: f64,
    pub dedupe: String,
    pub expected_documents: Option<f64>,
    pub vector_compression: Option<bool>,
    pub enrich: Option<bool>,
}

#[napi(object)]
pub struct NativePutResult {
    pub ids: Vec<f64>,
    pub duplicate_of: Vec<Option<f64>>,
    pub sequence: f64,
}

#[napi(object)]
pub struct NativeRemoveResult {
    pub sequence: f64,
    pub removed: f64,
}

#[napi(object)]
pub struct NativeAsset {
    pub data: Uint8Array,
    pub mime_type: String,
    pub filename: String,
    pub frame_id: f64,
    pub page_count: f64,
}

impl NativePutOptions {
    fn convert(&self) -> Result<PutOptions> {
        let dedupe = match self.dedupe.as_str() {
            "keep" => Dedupe::Keep,
            "skip" => Dedupe::Skip,
            "replace" => Dedupe::Replace,
            other => {
                return Err(Error::invalid(
                    "dedupe",
                    format_args!("{other:?}"),
                    "keep, skip or replace",
                ));
            }
        };
        Ok(PutOptions {
            compression_level: compression_level_of(self.compression_level)?,
            dedupe,
            // A hint: what is no count is none.
            expected: self
                .expected_documents
                .filter(|count| *count >= 1.0 && *count < 1e9)
                .map(|count| count as u64),
            vector_compression: self.vector_compression == Some(true),
            enrich: self.enrich != Some(false),
        })
    }
}

fn compression_level_of(level: f64) -> Result<i32> {
    if level.fract() == 0.0 && (0.0..=11.0).contains(&level) {
        return Ok(level as i32);
    }
    Err(Error::invalid(
        "compressionLevel",
        level,
        "an integer from 0 to 11",
    ))
}

impl From<PutResult> for NativePutResult {
    fn from(result: PutResult) -> Self {
        let number = |id: u64| id as f64;
        Self {
            ids: result.ids.into_iter().map(number).collect(),
            duplicate_of: result
                .duplicate_of
                .into_iter()
                .map(|id| id.map(number))
                .collect(),
            sequence: number(result.sequence),
        }
    }
}

impl NativeMemory {
    pub fn open(path: PathBuf, options: OpenOptions) -> Result<Self> {
        let memory = Memory::open(&path, options)?;
        Ok(Self::of(path, memory))
    }

    pub fn open_at_once(path: PathBuf, options: OpenOptions) -> Option<Self> {
        let memory = Memory::open_at_once(&path, options)?;
        Some(Self::of(path, memory))
    }

    fn of(path: PathBuf, memory: Memory) -> Self {
        Self {
            memory: Arc::new(memory),
            writer: Worker::default(),
            path: path.to_string_lossy().into_owned(),
        }
    }

    /// What is left to do when a write has been answered.
    fn indexing(&self) -> impl FnOnce() + Send + 'static {
        let memory = Arc::clone(&self.memory);
        move || {
            if memory.rewrite_is_due() {
                let memory = Arc::clone(&memory);
                // Should there be no thread, the put that finds the log full does the work.
                let _ = std::thread::Builder::new()
                    .name("memvid-rewrite".to_owned())
                    .spawn(move || {
                        guard(|| {
                            memory.rewrite_beside();
                            Ok(())
                        })
                    });
            }
            memory.index_log();
        }
    }
}

fn frame_id(value: f64, argument: &str) -> Result<u64> {
    if value.is_finite() && value >= 0.0 && value.fract() == 0.0 && value < 9_007_199_254_740_992.0
    {
        return Ok(value as u64);
    }
    Err(Error::invalid(argument, value, "a frame id"))
}

fn frame_ids(values: Vec<f64>) -> Result<Vec<u64>> {
    values.into_iter().map(|id| frame_id(id, "ids")).collect()
}

#[napi]
impl NativeMemory {
    #[napi]
    pub fn path(&self) -> String {
        self.path.clone()
    }

    #[napi(ts_return_type = "Promise<NativePutResult>")]
    pub fn put<'env>(
        &self,
        env: &'env Env,
        documents: Vec<NativeDocument>,
        options: NativePutOptions,
    ) -> napi::Result<Object<'env>> {
        let memory = Arc::clone(&self.memory);
        let inputs: Vec<Input> = documents.into_iter().map(Input::from).collect();
        let work = move || {
            let documents = inputs
                .into_iter()
                .enumerate()
                .map(|(index, input)| input.into_document(index))
                .collect::<Result<Vec<_>>>()?;
            memory
                .put(documents, options.convert()?)
                .map(NativePutResult::from)
        };
        self.writer.run(env, work, self.indexing())
    }

    /// Stores one short document, of which `fields` are the fields in the order of `NativeDocument`, on this thread and
    /// gives its id; `null`, with nothing done, when `put` is the better way.
    #[napi]
    pub fn put_at_once(
        &self,
        fields: Array<'_>,
        compression_level: f64,
    ) -> napi::Result<Option<f64>> {
        // What is queued was called before.
        if !self.writer.is_idle() {
            return Ok(None);
        }
        let document = NativeDocument::from_fields(&fields)?;
        guard(|| {
            let document = Input::from(document).into_document(0)?;
            let level = compression_level_of(compression_level)?;
            let id = self.memory.put_at_once(document, level, SHORT_SYNC)?;
            Ok(id.map(|id| id as f64))
        })
        .map_err(to_napi)
    }

    /// Takes the words of what was put at once apart, on the thread that writes. A search does it if this cannot be done.
    #[napi]
    pub fn index_log(&self) {
        let _ = self.writer.run_unasked(self.indexing());
    }

    /// One transaction of everything that `feed` gives.
    #[napi(ts_return_type = "Promise<NativePutResult>")]
    pub fn put_feed<'env>(
        &self,
        env: &'env Env,
        feed: &NativeFeed,
        options: NativePutOptions,
    ) -> napi::Result<Object<'env>> {
        let memory = Arc::clone(&self.memory);
        let mut slices = feed.taker();
        let work = move || {
            memory
                .put_slices(&mut slices, options.convert()?)
                .map(NativePutResult::from)
        };
        self.writer.run(env, work, self.indexing())
    }

    #[napi(ts_return_type = "Promise<number>")]
    pub fn update<'env>(
        &self,
        env: &'env Env,
        id: f64,
        patch: NativeDocument,
    ) -> napi::Result<Object<'env>> {
        let memory = Arc::clone(&self.memory);
        let patch = Input::from(patch);
        let work = move || {
            let id = frame_id(id, "id")?;
            let new = memory.update(id, |snapshot, id| {
                let mut document = engine::document_at(snapshot, id)?;
                patch.patch(&mut document)?;
                Ok(document)
            })?;
            Ok(new as f64)
        };
        self.writer.run(env, work, self.indexing())
    }

    /// Every active document and what made its vector; on another thread, because every frame is looked at.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn embedded_frames(&self) -> AsyncTask<Job<String>> {
        let memory = Arc::clone(&self.memory);
        Job::spawn(move || json(&memory.embedded_frames()?))
    }

    #[napi]
    pub fn searched_text(&self, id: f64) -> napi::Result<String> {
        guard(|| self.memory.searched_text(frame_id(id, "id")?)).map_err(to_napi)
    }

    #[napi(ts_return_type = "Promise<number>")]
    pub fn stage_vectors<'env>(
        &self,
        env: &'env Env,
        ids: Vec<f64>,
        vectors: Float32Array,
        identity: NativeIdentity,
    ) -> napi::Result<Object<'env>> {
        let memory = Arc::clone(&self.memory);
        let vectors = vectors.to_vec();
        let work = move || {
            let ids = frame_ids(ids)?;
            let count = memory.stage_vectors(&ids, &vectors, identity.convert()?)?;
            Ok(count as f64)
        };
        self.writer.run(env, work, || ())
    }

    #[napi(ts_return_type = "Promise<number>")]
    pub fn discard_staged<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let memory = Arc::clone(&self.memory);
        let work = move || Ok(memory.discard_staged()? as f64);
        self.writer.run(env, work, || ())
    }

    #[napi(ts_return_type = "Promise<string>")]
    pub fn swap_vectors<'env>(
        &self,
        env: &'env Env,
        identity: NativeIdentity,
        skipped: Vec<f64>,
    ) -> napi::Result<Object<'env>> {
        let memory = Arc::clone(&self.memory);
        let work = move || {
            let skipped = frame_ids(skipped)?;
            json(&memory.swap_vectors(identity.convert()?, &skipped)?)
        };
        self.writer.run(env, work, || ())
    }

    #[napi(ts_return_type = "Promise<void>")]
    pub fn set_vector_compression<'env>(
        &self,
        env: &'env Env,
        is_on: bool,
    ) -> napi::Result<Object<'env>> {
        let memory = Arc::clone(&self.memory);
        let work = move || memory.set_vector_compression(is_on);
        self.writer.run(env, work, || ())
    }

    #[napi(ts_return_type = "Promise<NativeRemoveResult>")]
    pub fn remove<'env>(&self, env: &'env Env, ids: Vec<f64>) -> napi::Result<Object<'env>> {
        let memory = Arc::clone(&self.memory);
        let work = move || {
            let ids = ids
                .into_iter()
                .map(|id| frame_id(id, "id"))
                .collect::<Result<Vec<_>>>()?;
            let (sequence, removed) = memory.remove(&ids)?;
            Ok(NativeRemoveResult {
                sequence: sequence as f64,
                removed: removed as f64,
            })
        };
        self.writer.run(env, work, || ())
    }

    /// JSON of a doctor report.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn doctor<'env>(&self, env: &'env Env, options: String) -> napi::Result<Object<'env>> {
        let memory = Arc::clone(&self.memory);
        let work = move || {
            Ok(memory
                .doctor(&engine::parse_request(&options)?)?
                .to_string())
        };
        self.writer.run(env, work, || ())
    }

    /// JSON of what `compact` won.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn compact<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let memory = Arc::clone(&self.memory);
        self.writer
            .run(env, move || json(&memory.compact()?), || ())
    }

    /// JSON of what `purge` erased.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn purge<'env>(
        &self,
        env: &'env Env,
        ids: Vec<f64>,
        versions: bool,
    ) -> napi::Result<Object<'env>> {
        let memory = Arc::clone(&self.memory);
        let work = move || {
            let ids = frame_ids(ids)?;
            json(&memory.purge(&engine::PurgeRequest { ids, versions })?)
        };
        self.writer.run(env, work, || ())
    }

    /// JSON of an answer about memory cards.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn cards(&self, question: String) -> AsyncTask<Job<String>> {
        let memory = Arc::clone(&self.memory);
        Job::spawn(move || json(&memory.cards(&engine::parse_request(&question)?)?))
    }

    /// JSON of what was made of the documents that were not looked at.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn enrich<'env>(
        &self,
        env: &'env Env,
        engine: String,
        force: bool,
    ) -> napi::Result<Object<'env>> {
        let memory = Arc::clone(&self.memory);
        let work = move || json(&memory.enrich(&engine, force)?);
        self.writer.run(env, work, || ())
    }

    /// JSON array of the numbers of the cards.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn add_memory_cards<'env>(
        &self,
        env: &'env Env,
        cards: String,
    ) -> napi::Result<Object<'env>> {
        let memory = Arc::clone(&self.memory);
        let work = move || {
            let cards: Vec<engine::NewCard> = engine::parse_request(&cards)?;
            json(&memory.add_memory_cards(&cards)?)
        };
        self.writer.run(env, work, || ())
    }

    #[napi]
    pub fn select_where(&self, request: String) -> napi::Result<String> {
        guard(|| json(&self.memory.select(&engine::parse_request(&request)?)?)).map_err(to_napi)
    }

    /// At once when the search is cheap, else a promise.
    #[napi(ts_return_type = "NativeHits | Promise<NativeHits>")]
    pub fn find(
        &self,
        request: String,
        vector: Option<Float32Array>,
    ) -> napi::Result<Either<NativeHits, AsyncTask<Job<NativeHits>>>> {
        guard(|| {
            let mut request: FindRequest = engine::parse_request(&request)?;
            request.vector = vector.map(|vector| Arc::from(&*vector));
            let prepared = self.memory.prepare_find(request)?;
            // Where that cannot be told the search says why.
            if prepared.is_cheap().unwrap_or(true)
                && let Some(found) = self.memory.run_find_at_once(&prepared)?
            {
                return Ok(Either::A(NativeHits::of(&found)?));
            }
            let memory = Arc::clone(&self.memory);
            Ok(Either::B(Job::spawn(move || {
                NativeHits::of(&memory.run_find(&prepared)?)
            })))
        })
        .map_err(to_napi)
    }

    #[napi]
    pub fn timeline(&self, request: String) -> napi::Result<String> {
        guard(|| {
            let request: TimelineRequest = engine::parse_request(&request)?;
            json(&self.memory.timeline(&request)?)
        })
        .map_err(to_napi)
    }

    /// Whether any frame has a vector.
    #[napi]
    pub fn has_vectors(&self) -> napi::Result<bool> {
        guard(|| self.memory.has_vectors()).map_err(to_napi)
    }

    #[napi]
    pub fn stats(&self, request: Option<String>) -> napi::Result<String> {
        guard(|| {
            Ok(match request {
                None => self.memory.stats()?,
                Some(request) => self
                    .memory
                    .selected_stats(&engine::parse_request(&request)?)?,
            }
            .to_string())
        })
        .map_err(to_napi)
    }

    #[napi]
    pub fn frame(&self, id: f64) -> napi::Result<String> {
        guard(|| json(&self.memory.frame(frame_id(id, "id")?)?)).map_err(to_napi)
    }

    #[napi]
    pub fn frame_by_uri(&self, uri: String) -> napi::Result<f64> {
        guard(|| Ok(self.memory.frame_by_uri(&uri)? as f64)).map_err(to_napi)
    }

    #[napi]
    pub fn text(&self, id: f64) -> napi::Result<String> {
        guard(|| self.memory.text(frame_id(id, "id")?)).map_err(to_napi)
    }

    #[napi]
    pub fn asset(&self, id: f64) -> napi::Result<NativeAsset> {
        guard(|| {
            let asset = self.memory.asset(frame_id(id, "id")?)?;
            Ok(NativeAsset {
                data: Uint8Array::from(asset.data),
                mime_type: asset.mime_type,
                filename: asset.filename,
                frame_id: asset.frame_id as f64,
                page_count: f64::from(asset.page_count),
            })
        })
        .map_err(to_napi)
    }

    #[napi(ts_return_type = "Promise<void>")]
    pub fn enable_lex<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let memory = Arc::clone(&self.memory);
        self.writer.run(env, move || memory.enable_lex(), || ())
    }

    #[napi(ts_return_type = "Promise<void>")]
    pub fn seal<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let memory = Arc::clone(&self.memory);
        self.writer.run(env, move || memory.seal(), || ())
    }

    #[napi(ts_return_type = "Promise<void>")]
    pub fn close<'env>(&self, env: &'env Env, seal: bool) -> napi::Result<Object<'env>> {
        let memory = Arc::clone(&self.memory);
        let close = move || {
            if seal {
                memory.close()
            } else {
                memory.close_unsealed()
            }
        };
        let closed = self.writer.run(env, close, || ())?;
        self.writer.end();
        Ok(closed)
    }

    #[napi(ts_return_type = "Promise<string>")]
    pub fn verify(&self, deep: bool) -> AsyncTask<Job<String>> {
        let memory = Arc::clone(&self.memory);
        Job::spawn(move || json(&memory.verify(deep)?))
    }

    #[napi(ts_return_type = "Promise<void>")]
    pub fn settle(&self, patience_ms: f64, waited_ms: f64) -> AsyncTask<Job<()>> {
        let memory = Arc::clone(&self.memory);
        // Short enough that a process which ends is not kept by it.
        let patience = Duration::from_millis(patience_ms.clamp(0.0, 1000.0) as u64);
        let waited = Duration::from_millis(waited_ms.max(0.0) as u64);
        Job::spawn(move || memory.settle(patience, waited))
    }

    #[napi]
    pub fn refresh(&self) -> napi::Result<()> {
        guard(|| self.memory.snapshot("refresh").map(|_| ())).map_err(to_napi)
    }
}
