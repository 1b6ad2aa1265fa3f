//! Making a workload that fails smaller, as long as it fails.

use crate::workload::Workload;

/// Drops calls and starting documents while `fails` says that the workload still does.
pub fn shrink(workload: &Workload, mut fails: impl FnMut(&Workload) -> bool) -> Workload {
    let mut smallest = workload.clone();
    let mut size = smallest.operations.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        while at < smallest.operations.len() {
            let mut smaller = smallest.clone();
            let end = (at + size).min(smaller.operations.len());
            smaller.operations.drain(at..end);
            if fails(&smaller) {
                smallest = smaller;
            } else {
                at += size;
            }
        }
        if size == 1 {
            break;
        }
        size = size.div_ceil(2);
    }
    for keep in [1, smallest.starts_with.len() / 2] {
        let mut smaller = smallest.clone();
        smaller.starts_with.truncate(keep);
        if keep > 0 && smaller.starts_with.len() < smallest.starts_with.len() && fails(&smaller) {
            smallest = smaller;
            break;
        }
    }
    smallest
}
