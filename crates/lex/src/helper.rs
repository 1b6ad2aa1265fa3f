//! A second thread for long searches.

use crate::split::Split;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};

/// Waits for searches to take a share of. There is one for the whole process: more searches than that at the same time
/// have each a thread of their own already.
struct Helper {
    offered: Mutex<Option<Arc<Split>>>,
    wake: Condvar,
}

/// `None` where a second thread would take the time of the first.
static HELPER: OnceLock<Option<Arc<Helper>>> = OnceLock::new();

/// Whether anybody would take a share.
pub(crate) fn exists() -> bool {
    HELPER.get_or_init(start).is_some()
}

/// Asks for help. Nobody needs to come: who asks does what nobody else does.
pub(crate) fn offer(split: &Arc<Split>) {
    let Some(helper) = HELPER.get_or_init(start) else {
        return;
    };
    let mut offered = helper
        .offered
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    *offered = Some(Arc::clone(split));
    drop(offered);
    helper.wake.notify_one();
}

fn start() -> Option<Arc<Helper>> {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return None;
    }
    let helper = Arc::new(Helper {
        offered: Mutex::new(None),
        wake: Condvar::new(),
    });
    let at_work = Arc::clone(&helper);
    let started = std::thread::Builder::new()
        .name("memvid-search".to_owned())
        .spawn(move || at_work.run());
    started.is_ok().then_some(helper)
}

impl Helper {
    fn run(&self) {
        loop {
            let mut offered = self.offered.lock().unwrap_or_else(PoisonError::into_inner);
            let split = loop {
                match offered.take() {
                    Some(split) => break split,
                    None => {
                        offered = self
                            .wake
                            .wait(offered)
                            .unwrap_or_else(PoisonError::into_inner);
                    }
                }
            };
            drop(offered);
            split.help();
        }
    }
}
