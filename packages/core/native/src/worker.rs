//! The thread on which a handle writes.
//!
//! A write may wait seconds for another process's lock. On Node's own pool, which has four threads, a few waiting handles
//! would stop every file operation of the application; and a thread of its own keeps the writes of a handle in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    /// Pieces that are queued or running.
    open: Arc<AtomicUsize>,
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
        self.queue(job)?;
        Ok(promise)
    }

    /// Whether nothing is queued and nothing runs.
    pub fn is_idle(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }

    /// Queues work that nobody waits for.
    pub fn run_unasked(&self, work: impl FnOnce() + Send + 'static) -> napi::Result<()> {
        self.queue(Box::new(move || {
            let _ = guard(|| {
                work();
                Ok(())
            });
        }))
    }

    fn queue(&self, work: Work) -> napi::Result<()> {
        let open = Arc::clone(&self.open);
        open.fetch_add(1, Ordering::AcqRel);
        let work: Work = Box::new(move || {
            work();
            open.fetch_sub(1, Ordering::AcqRel);
        });
        let mut queue = self.queue.lock();
        let work = match queue.as_ref() {
            None => work,
            Some(sender) => match sender.send(work) {
                Ok(()) => return Ok(()),
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
            .map_err(|error| {
                self.open.fetch_sub(1, Ordering::AcqRel);
                napi::Error::from_reason(error.to_string())
            })?;
        // The thread that receives was just started.
        let _ = sender.send(work);
        *queue = Some(sender);
        Ok(())
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
