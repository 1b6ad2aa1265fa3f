//! The thread on which a handle writes.
//!
//! A write may wait seconds for another process's lock. On Node's own pool, which has four threads, a few waiting handles
//! would stop every file operation of the application; and a thread of its own keeps the writes of a handle in order.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use engine::Result;
use napi::Env;
use napi::bindgen_prelude::*;
use parking_lot::Mutex;

use crate::failure::{guard, to_napi};

type Work = Box<dyn FnOnce() + Send>;
type Resolver<T> = Box<dyn FnOnce(Env) -> napi::Result<T> + Send>;

/// How long the thread looks out for the next piece before it sleeps. An application that awaits one write after the other
/// comes back within this time, and waking a thread takes longer than many a write.
const LOOK_OUT: Duration = Duration::from_micros(50);

/// Runs work in order on one thread, which starts with the first piece and ends with the worker.
#[derive(Default)]
pub struct Worker {
    queue: Mutex<Option<Sender<Work>>>,
}

impl Worker {
    /// Queues `work` and gives the promise of its result. `afterwards` runs when the result is on its way.
    pub fn run<'env, T: ToNapiValue + Send + 'static>(
        &self,
        env: &'env Env,
        work: impl FnOnce() -> Result<T> + Send + 'static,
        afterwards: impl FnOnce() + Send + 'static,
    ) -> napi::Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred::<T, Resolver<T>>()?;
        let job: Work = Box::new(move || {
            match guard(work) {
                Ok(value) => deferred.resolve(Box::new(move |_| Ok(value))),
                Err(error) => deferred.reject(to_napi(error)),
            }
            // A bug there is found out by whoever needs the work again.
            let _ = guard(|| {
                afterwards();
                Ok(())
            });
        });
        let mut queue = self.queue.lock();
        let job = match queue.as_ref() {
            None => job,
            Some(sender) => match sender.send(job) {
                Ok(()) => return Ok(promise),
                Err(unsent) => unsent.0,
            },
        };
        let (sender, receiver) = channel::<Work>();
        std::thread::Builder::new()
            .name("memvid-writer".to_owned())
            .spawn(move || {
                let looks_out =
                    std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
                while let Some(work) = next(&receiver, looks_out) {
                    work();
                }
            })
            .map_err(|error| napi::Error::from_reason(error.to_string()))?;
        // The thread that receives was just started.
        let _ = sender.send(job);
        *queue = Some(sender);
        Ok(promise)
    }

    /// Lets the thread go once it has done what is queued.
    pub fn end(&self) {
        *self.queue.lock() = None;
    }
}

/// The next piece of work; `None` when there will be none.
fn next(receiver: &Receiver<Work>, looks_out: bool) -> Option<Work> {
    let start = Instant::now();
    while looks_out && start.elapsed() < LOOK_OUT {
        if let Ok(work) = receiver.try_recv() {
            return Some(work);
        }
        std::hint::spin_loop();
    }
    receiver.recv().ok()
}
