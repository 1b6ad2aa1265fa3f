//! tantivy as a peer of the benchmarks: reads one request a line (JSON) from standard input and answers each with one
//! line, with the wall and processor time that the call itself took. Nothing of the pipe is in these times.

use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::mem::MaybeUninit;
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Value, json};

mod store;

use store::{Document, Store};

#[derive(Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
enum Request {
    Create {
        path: String,
    },
    Open {
        path: String,
    },
    PutMany {
        file: String,
    },
    Put {
        document: Document,
    },
    Find {
        class: String,
        words: Vec<String>,
        track: Option<String>,
        limit: usize,
    },
    Timeline {
        limit: usize,
    },
    Count,
    Close,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut store: Option<Store> = None;
    for line in stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let start = Instant::now();
        let cpu = cpu_ms();
        let result = serve(&mut store, request);
        let wall_ms = start.elapsed().as_secs_f64() * 1000.0;
        let mut answer = result.unwrap_or_else(|error| json!({ "error": error.to_string() }));
        answer["wall_ms"] = json!(wall_ms);
        answer["cpu_ms"] = json!(cpu_ms() - cpu);
        let mut output = stdout().lock();
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

fn serve(store: &mut Option<Store>, request: Request) -> Result<Value, Box<dyn Error>> {
    let is_open = || Box::<dyn Error>::from("no store is open");
    match request {
        Request::Create { path } => *store = Some(Store::create(&path)?),
        Request::Open { path } => *store = Some(Store::open(&path)?),
        Request::Close => {
            if let Some(open) = store.take() {
                open.close()?;
            }
        }
        Request::PutMany { file } => store.as_mut().ok_or_else(is_open)?.put_many(&file)?,
        Request::Put { document } => store.as_mut().ok_or_else(is_open)?.put(&document)?,
        Request::Find {
            class,
            words,
            track,
            limit,
        } => {
            let hits = store.as_mut().ok_or_else(is_open)?.find(
                &class,
                &words,
                track.as_deref(),
                limit,
            )?;
            return Ok(json!({ "hits": hits }));
        }
        Request::Timeline { limit } => {
            let entries = store.as_mut().ok_or_else(is_open)?.timeline(limit)?;
            return Ok(json!({ "count": entries.len() }));
        }
        Request::Count => {
            let count = store.as_mut().ok_or_else(is_open)?.count()?;
            return Ok(json!({ "count": count }));
        }
    }
    Ok(json!({}))
}

/// Processor time of all threads of this process.
fn cpu_ms() -> f64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `usage` is valid for writes of one `rusage`, and all zeros are one, so that it is initialised either way.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let milliseconds =
        |time: libc::timeval| time.tv_sec as f64 * 1000.0 + time.tv_usec as f64 / 1000.0;
    milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime)
}
