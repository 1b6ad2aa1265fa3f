//! The addon of `@memvid/core`. It converts; everything else is the engine's.
//!
//! Errors cross the border as data: the message of every thrown error is the JSON text
//! `{"code":"MV013","message":"…","details":{…}}`.
#![allow(
    missing_docs,
    reason = "documented in packages/core/src/native.ts, where callers look"
)]

mod document;
mod failure;
mod feed;
mod hits;
mod memory;
mod task;
mod worker;

use engine::{OpenMode, OpenOptions};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

use crate::failure::{guard, to_napi};
use crate::memory::NativeMemory;
use crate::task::Job;

#[napi(object)]
pub struct VersionInfo {
    pub native_version: String,
    pub core_version: String,
    pub features: std::collections::HashMap<String, bool>,
}

#[napi]
pub fn version_info() -> VersionInfo {
    let features = [("lexical", true), ("capsules", true), ("vectors", true)];
    VersionInfo {
        native_version: env!("CARGO_PKG_VERSION").to_owned(),
        core_version: engine::VERSION.to_owned(),
        features: features
            .into_iter()
            .map(|(name, present)| (name.to_owned(), present))
            .collect(),
    }
}

/// How long a read holds JavaScript's thread up at most while it is to be brief. Who needs more waits by `settle`.
const BRIEFLY: Duration = Duration::from_millis(20);

/// Whether reads on this thread are to be brief from now on, of whatever memories.
#[napi]
pub fn be_brief(is_brief: bool) {
    engine::set_patience(is_brief.then_some(BRIEFLY));
}

#[napi(object)]
pub struct NativeOpenOptions {
    pub path: String,
    pub mode: String,
    pub read_only: bool,
    pub enable_lex: bool,
    pub enable_vec: bool,
    pub vector_compression: Option<bool>,
    pub lock_timeout_ms: f64,
    pub force: Option<String>,
    pub force_writable: Option<bool>,
    pub capacity_bytes: Option<f64>,
    pub salvage: Option<bool>,
}

impl NativeOpenOptions {
    fn convert(&self) -> engine::Result<OpenOptions> {
        let mode = match self.mode.as_str() {
            "open" => OpenMode::Open,
            "create" => OpenMode::Create,
            "auto" => OpenMode::Auto,
            other => {
                return Err(engine::Error::invalid(
                    "mode",
                    format_args!("{other:?}"),
                    "open, create or auto",
                ));
            }
        };
        let whole = |argument: &str, value: f64| {
            if value.is_finite() && value >= 0.0 {
                Ok(value)
            } else {
                Err(engine::Error::invalid(
                    argument,
                    value,
                    "a number of at least 0",
                ))
            }
        };
        Ok(OpenOptions {
            mode,
            read_only: self.read_only,
            enable_lex: self.enable_lex,
            enable_vec: self.enable_vec,
            vector_compression: self.vector_compression,
            lock_timeout: Duration::from_millis(
                whole("lockTimeoutMs", self.lock_timeout_ms)? as u64
            ),
            capacity: self
                .capacity_bytes
                .map(|bytes| whole("capacityBytes", bytes))
                .transpose()?
                .map(|bytes| bytes as u64),
            salvage: self.salvage == Some(true),
        })
    }
}

#[napi(ts_return_type = "Promise<NativeMemory>")]
pub fn open_memory(options: NativeOpenOptions) -> AsyncTask<Job<NativeMemory>> {
    Job::spawn(move || {
        let converted = options.convert()?;
        NativeMemory::open(PathBuf::from(&options.path), converted)
    })
}

/// Opens a memory on this thread, when that takes less than handing it to another one; `null`, with nothing done, when
/// `openMemory` is the better way, or has something to say.
#[napi]
pub fn open_memory_at_once(options: NativeOpenOptions) -> napi::Result<Option<NativeMemory>> {
    let open = || {
        let converted = options.convert()?;
        Ok(NativeMemory::open_at_once(
            PathBuf::from(&options.path),
            converted,
        ))
    };
    guard(open).map_err(to_napi)
}

#[napi(ts_return_type = "Promise<string>")]
pub fn verify_file(path: String, deep: bool) -> AsyncTask<Job<String>> {
    Job::spawn(move || task::json(&engine::verify_file(&PathBuf::from(path), deep)?))
}

#[napi(ts_return_type = "Promise<string>")]
pub fn doctor_file(path: String, options: String, lock_timeout_ms: f64) -> AsyncTask<Job<String>> {
    Job::spawn(move || {
        let options = engine::parse_request(&options)?;
        let timeout = Duration::from_millis(lock_timeout_ms.max(0.0) as u64);
        let report = engine::doctor_file(&PathBuf::from(path), &options, timeout)?;
        Ok(report.to_string())
    })
}

#[napi(ts_return_type = "Promise<void>")]
pub fn verify_single_file(path: String) -> AsyncTask<Job<()>> {
    Job::spawn(move || engine::verify_single_file(&PathBuf::from(path)))
}

#[napi(ts_return_type = "Promise<string>")]
pub fn lock_capsule(
    path: String,
    password: String,
    output: Option<String>,
    force: bool,
) -> AsyncTask<Job<String>> {
    let password = Zeroizing::new(password);
    Job::spawn(move || {
        engine::lock_capsule(
            &PathBuf::from(path),
            output.map(PathBuf::from),
            &password,
            force,
        )
    })
}

#[napi(ts_return_type = "Promise<string>")]
pub fn unlock_capsule(
    path: String,
    password: String,
    output: Option<String>,
    force: bool,
) -> AsyncTask<Job<String>> {
    let password = Zeroizing::new(password);
    Job::spawn(move || {
        engine::unlock_capsule(
            &PathBuf::from(path),
            output.map(PathBuf::from),
            &password,
            force,
        )
    })
}

#[napi]
pub fn lock_who(path: String) -> Result<String> {
    guard(|| Ok(engine::lock_who(&PathBuf::from(path))?.to_string())).map_err(to_napi)
}

#[napi]
pub fn lock_nudge(path: String) -> Result<bool> {
    guard(|| engine::lock_nudge(&PathBuf::from(path))).map_err(to_napi)
}
