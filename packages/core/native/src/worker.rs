//! The thread on which a handle writes.
//!
//! A write may wait seconds for another process's lock. On Node's own pool, which has four threads, a few waiting handles
//! would stop every file operation of the application; and a thread of its own keeps the writes of a handle in order.
//!
//! What is left to do when a write has been answered waits in turn: an application that awaits one write after the other
//! comes back while the thread would still be at it. So the thread first looks out for more, and hands what is left to a
//! second thread now and then, which does it while the first one waits for the disk.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use engine::Result;
use napi::Env;
use napi::bindgen_prelude::*;
use parking_lot::Mutex;

use crate::failure::{guard, to_napi};

type Afterwards = Box<dyn FnOnce() + Send>;
/// Answers, and gives what is left to do then.
type Work = Box<dyn FnOnce() -> Afterwards + Send>;
type Resolver<T> = Box<dyn FnOnce(Env) -> napi::Result<T> + Send>;

/// How long the thread looks out for the next piece before it sleeps. An application that awaits one write after the other
/// comes back within this time, and waking a thread takes longer than many a write.
const LOOK_OUT: Duration = Duration::from_micros(50);

/// So many writes in a row leave their rest undone before the second thread is woken for it: waking costs the writer as
/// much time as a small rest.
const MOST_PUT_OFF: usize = 8;

/// Runs work in order on one thread, which starts with the first piece and ends with the worker.
#[derive(Default)]
pub struct Worker {
    queue: Mutex<Option<Sender<Work>>>,
}

impl Worker {
    /// Queues `work` and gives the promise of its result. `afterwards` runs some time after the result is on its way; when
    /// more work follows at once, that of a later piece may stand for all before it.
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
            Box::new(afterwards)
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
            .spawn(move || write(&receiver))
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

/// Does what comes until there will be no more.
fn write(receiver: &Receiver<Work>) {
    let looks_out = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
    let mut rest = Rest::default();
    let mut in_a_row = false;
    loop {
        // Who does something else after a write, a search for instance, needs the rest at once.
        if !in_a_row || !looks_out {
            rest.finish();
        }
        let start = Instant::now();
        let mut next = receiver.try_recv().ok();
        while next.is_none() && looks_out && start.elapsed() < LOOK_OUT {
            std::hint::spin_loop();
            next = receiver.try_recv().ok();
        }
        in_a_row = next.is_some();
        let work = match next {
            Some(work) => {
                rest.hand_over_in_time();
                work
            }
            None => {
                rest.finish();
                let Ok(work) = receiver.recv() else { break };
                work
            }
        };
        rest.put_off(work());
    }
}

/// What answered work left undone.
#[derive(Default)]
struct Rest {
    latest: Option<Afterwards>,
    count: usize,
    helper: Option<SyncSender<Afterwards>>,
}

impl Rest {
    fn put_off(&mut self, afterwards: Afterwards) {
        self.latest = Some(afterwards);
        self.count += 1;
    }

    fn finish(&mut self) {
        self.count = 0;
        if let Some(afterwards) = self.latest.take() {
            run_guarded(afterwards);
        }
    }

    /// Hands the rest to the second thread when it has grown and that thread is free.
    fn hand_over_in_time(&mut self) {
        if self.count < MOST_PUT_OFF {
            return;
        }
        let Some(afterwards) = self.latest.take() else {
            return;
        };
        self.count = 0;
        if self.helper.is_none() {
            self.helper = start_helper();
        }
        let unsent = match &self.helper {
            Some(helper) => helper.try_send(afterwards).err(),
            None => {
                run_guarded(afterwards);
                None
            }
        };
        // It is still at the last one; the next rest includes this one.
        drop(unsent);
    }
}

/// A thread that ends when its sender is gone; `None` when the system gives no more threads.
fn start_helper() -> Option<SyncSender<Afterwards>> {
    let (sender, receiver) = sync_channel::<Afterwards>(1);
    let started = std::thread::Builder::new()
        .name("memvid-indexer".to_owned())
        .spawn(move || receiver.into_iter().for_each(run_guarded));
    started.is_ok().then_some(sender)
}

/// A bug there is found out by whoever needs the work again.
fn run_guarded(afterwards: Afterwards) {
    let _ = guard(|| {
        afterwards();
        Ok(())
    });
}
