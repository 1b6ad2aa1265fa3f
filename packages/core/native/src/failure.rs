//! Errors on their way to JavaScript, and the last line against panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::{Code, Error};
use serde_json::{Value, json};

/// The error with its data as JSON in the message.
pub fn to_napi(error: Error) -> napi::Error {
    let payload = json!({
        "code": error.code.as_str(),
        "message": error.message,
        "details": Value::Object(error.details),
    });
    napi::Error::from_reason(payload.to_string())
}

/// Runs `work`; a panic, which only a bug can cause, becomes MV999 instead of ending the user's process.
pub fn guard<T>(work: impl FnOnce() -> engine::Result<T>) -> engine::Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("unknown cause");
        Err(Error::new(
            Code::Internal,
            format!("internal error: {text}"),
            json!({ "cause": text }),
        ))
    })
}
