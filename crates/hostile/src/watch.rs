//! Running code that may misbehave: panics are caught and told, and what never ends is named.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};

/// Longer than this is a hang, of time and of work: on a machine that is busy with something else a case takes longer, and does
/// no more. Code that is not optimised may take ten times as long.
pub const HANGS: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 });
/// Bytes that a case may allocate at the same time. Files are a thousandth of that.
const LARGEST: usize = 256 << 20;
/// After this long a case counts as one that never ends: the process says which it is and stops.
const NEVER_ENDS: Duration = Duration::from_secs(60);

/// Counts what is allocated, but for memory maps and what libraries in C take.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

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
    /// What the process worked in the meantime, in all its threads.
    pub worked: Duration,
    /// Bytes that were allocated at the same time, besides those before.
    pub allocated: usize,
}

impl<T> Outcome<T> {
    /// What it gave, and all else.
    #[must_use]
    pub fn split(self) -> (Option<T>, Outcome<()>) {
        let outcome = Outcome {
            value: self.value.is_some().then_some(()),
            panic: self.panic,
            took: self.took,
            worked: self.worked,
            allocated: self.allocated,
        };
        (self.value, outcome)
    }

    /// Whether it took more memory than it may.
    #[must_use]
    pub fn is_greedy(&self) -> bool {
        self.allocated > LARGEST
    }

    /// Whether it hung: it worked for too long, or waited for something that did not come.
    #[must_use]
    pub fn hung(&self) -> bool {
        const WAITS: u32 = 20;
        self.took.min(self.worked) > HANGS || self.took > HANGS * WAITS
    }
}

/// What the process worked so far.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// Runs `case`. Panics of the whole process are counted: run one case at a time when it matters whose it was.
pub fn run<T>(name: &str, case: impl FnOnce() -> T) -> Outcome<T> {
    install();
    let thread = std::thread::current().id();
    let before = PANICS.load(Ordering::SeqCst);
    MEMORY.reset_peak_usage();
    let (allocated, started_work) = (MEMORY.current_usage(), worked());
    let started = Instant::now();
    lock(&RUNNING).push((thread, started, name.to_owned()));
    let value = panic::catch_unwind(AssertUnwindSafe(case)).ok();
    lock(&RUNNING).retain(|(of, _, _)| *of != thread);
    let took = started.elapsed();
    let worked = worked().saturating_sub(started_work);
    let allocated = MEMORY.peak_usage().saturating_sub(allocated);
    let panicked = PANICS.load(Ordering::SeqCst) != before || value.is_none();
    Outcome {
        value,
        panic: panicked.then(|| lock(&LAST_PANIC).clone()),
        took,
        worked,
        allocated,
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
