//! Running code that may misbehave: panics are caught and told, and what never ends is named.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

/// Longer than this is a hang; code that is not optimised may take ten times as long.
pub const HANGS: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 });
/// After this long a case counts as one that never ends: the process says which it is and stops.
const NEVER_ENDS: Duration = Duration::from_secs(60);

static PANICS: AtomicU64 = AtomicU64::new(0);
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());
static RUNNING: Mutex<Vec<(std::thread::ThreadId, Instant, String)>> = Mutex::new(Vec::new());

/// What became of a case.
#[derive(Debug, Clone)]
pub struct Outcome<T> {
    /// What it gave; `None` after a panic.
    pub value: Option<T>,
    /// The panic, also one in another thread that the case started.
    pub panic: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// Runs `case`. Panics of the whole process are counted: run one case at a time when it matters whose it was.
pub fn run<T>(name: &str, case: impl FnOnce() -> T) -> Outcome<T> {
    install();
    let thread = std::thread::current().id();
    let before = PANICS.load(Ordering::SeqCst);
    let started = Instant::now();
    lock(&RUNNING).push((thread, started, name.to_owned()));
    let value = panic::catch_unwind(AssertUnwindSafe(case)).ok();
    lock(&RUNNING).retain(|(of, _, _)| *of != thread);
    let took = started.elapsed();
    let panicked = PANICS.load(Ordering::SeqCst) != before || value.is_none();
    Outcome {
        value,
        panic: panicked.then(|| lock(&LAST_PANIC).clone()),
        took,
    }
}

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        panic::set_hook(Box::new(|information| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            *lock(&LAST_PANIC) = information.to_string();
        }));
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                for (_, started, name) in lock(&RUNNING).iter() {
                    if started.elapsed() > NEVER_ENDS {
                        eprintln!("{name} has not ended after {:?}", started.elapsed());
                        std::process::abort();
                    }
                }
            }
        });
    });
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
