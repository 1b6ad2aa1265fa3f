//! The addon of `@memvid/pdf`: what stands on the pages of a PDF, and where.
//!
//! It is loaded in a process of its own (`packages/pdf/src/reader-process.ts`), where a file that breaks a library can break
//! nothing else; so its one call works in the thread that calls.
#![allow(
    missing_docs,
    reason = "documented in packages/pdf/src, where callers look"
)]

mod content;
mod geometry;
mod interpreter;
mod paths;
mod reader;
mod text;
mod tree;
mod words;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use reader::read;

/// Reads a document; pages go to `on_page` as JSON, the summary comes back as JSON. What cannot be read is an error
/// whose message is the reason alone.
#[napi]
pub fn read_document(
    data: Buffer,
    layout: bool,
    max_pages: u32,
    on_page: Function<String, ()>,
) -> Result<String> {
    let handed = read(data.to_vec(), layout, max_pages as usize, |page| {
        on_page.call(json(&page)?)
    })?;
    match handed {
        Ok(summary) => json(&summary),
        Err(refused) => Err(Error::from_reason(refused.reason())),
    }
}

/// Sets how much memory this process may write, where the system can do that; `false` where it cannot.
#[napi]
pub fn limit_memory(bytes: f64) -> bool {
    #[cfg(unix)]
    {
        rlimit::setrlimit(rlimit::Resource::DATA, bytes as u64, bytes as u64).is_ok()
    }
    #[cfg(not(unix))]
    {
        let _ = bytes;
        false
    }
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::from_reason(error.to_string()))
}
