//! Work over many frames on several threads.

use std::ops::Range;
use std::sync::OnceLock;

/// One call is spread over as many threads at most.
const MOST_THREADS: usize = 4;
/// Pieces that are worth a thread of their own, if each takes some hundred nanoseconds.
const LEAST: usize = 4_096;

/// How many threads a call takes at most. Asking the system takes longer than some searches, so that it is asked once.
pub fn most_threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        threads.min(MOST_THREADS)
    })
}

/// Does `work` on all of `0..count`, a range at a time, and gives the results in order.
pub fn each_range<T: Send>(count: usize, work: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    let threads = most_threads().clamp(1, (count / LEAST).max(1));
    let share = count.div_ceil(threads);
    let range = |thread: usize| (thread * share).min(count)..((thread + 1) * share).min(count);
    let work = &work;
    std::thread::scope(|scope| {
        let start = |thread| {
            let builder = std::thread::Builder::new();
            let started = builder.spawn_scoped(scope, move || work(range(thread)));
            started.map_err(|_| thread)
        };
        let others: Vec<_> = (1..threads).map(start).collect();
        let mut results = vec![work(range(0))];
        for other in others {
            results.push(match other {
                Ok(handle) => handle
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                // The system has no thread to spare.
                Err(thread) => work(range(thread)),
            });
        }
        results
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_worked_on_once_and_in_order() {
        for count in [0, 1, LEAST, 3 * LEAST + 5, 100_000] {
            let parts = each_range(count, |range| range.collect::<Vec<_>>());
            assert_eq!(parts.concat(), (0..count).collect::<Vec<_>>());
        }
    }
}
