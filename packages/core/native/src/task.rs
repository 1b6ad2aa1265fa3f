//! Work on a thread of Node's pool, answered through a promise.

use engine::Result;
use napi::bindgen_prelude::*;
use napi::{Env, Task};
use serde::Serialize;

use crate::failure::{guard, to_napi};

type Work<T> = Box<dyn FnOnce() -> Result<T> + Send>;

/// One piece of work.
pub struct Job<T> {
    work: Option<Work<T>>,
}

impl<T: Send + 'static> Job<T>
where
    Self: Task,
{
    /// Hands `work` to the pool.
    pub fn spawn(work: impl FnOnce() -> Result<T> + Send + 'static) -> AsyncTask<Self> {
        AsyncTask::new(Self {
            work: Some(Box::new(work)),
        })
    }
}

impl<T: Send + ToNapiValue + TypeName + 'static> Task for Job<T> {
    type Output = T;
    type JsValue = T;

    fn compute(&mut self) -> napi::Result<T> {
        let Some(work) = self.work.take() else {
            return Err(napi::Error::from_reason("work ran twice"));
        };
        guard(work).map_err(to_napi)
    }

    fn resolve(&mut self, _env: Env, output: T) -> napi::Result<T> {
        Ok(output)
    }
}

/// A result as JSON text.
pub fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        engine::Error::new(
            engine::Code::Internal,
            error.to_string(),
            serde_json::Value::Null,
        )
    })
}
