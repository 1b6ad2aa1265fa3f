//! A part of what `npm run simulate` tries, and what it found.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

use engine::{Dedupe, DoctorOptions};
use simulation::crash::{Counts, Points};
use simulation::damage::Damage;
use simulation::fault::{Flaw, try_fault};
use simulation::recording::{Fault, FaultKind};
use simulation::run::run;
use simulation::simulate::{Plan, Report, Share, simulate, try_workload};
use simulation::workload::{Operation, Workload};

#[test]
fn nothing_that_was_acknowledged_is_lost_in_a_crash() {
    let plan = Plan {
        seed: 1,
        workloads: 50,
        points: 5_600,
        faults: 50,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let report = simulate(&plan, |_, _| {});
    for failure in &report.failures {
        println!("{failure}");
    }
    assert!(
        report.failures.is_empty(),
        "see above; `npm run simulate` replays it"
    );
    let crashes = report.crashes;
    assert!(crashes.points >= 5_000, "{report:?}");
    assert!(crashes.repaired >= 500 && crashes.salvaged >= 500);
}

#[test]
fn files_of_the_reference_are_started_with() {
    let files = simulation::reference::files();
    if files.is_empty() {
        println!("left out: the folder of shared fixtures is not beside the checkout");
        return;
    }
    assert!(files.len() >= 40, "{files:?}");
    let from_one = |seed| Workload::draw(seed).starts_from.is_some();
    assert!((1..50).any(from_one));
}

/// A workload with a call of each kind that writes in a way of its own.
fn of_each_kind() -> Workload {
    let drawn = (0..)
        .map(Workload::draw)
        .find(|workload| workload.starts_with.len() > 20 && workload.starts_with.len() < 60);
    let mut workload = drawn.unwrap();
    let plans = std::mem::take(&mut workload.starts_with);
    let put = |from: usize, to: usize, slices| Operation::Put {
        documents: plans[from.min(plans.len() - 1)..to.min(plans.len())].to_vec(),
        dedupe: Dedupe::Keep,
        quantises: false,
        slices,
        fails_at: None,
    };
    let stage = Operation::Stage {
        dimension: 24,
        model: "second".to_owned(),
        one_in: 1,
    };
    workload.operations = [
        Operation::Create { lex: true },
        put(0, 2, None),
        Operation::Seal,
        put(2, 3, None),
        Operation::Remove { picks: vec![0] },
        put(3, 20, None),
        put(4, 20, Some(5)),
        stage,
        put(20, 21, None),
        Operation::Discard,
        Operation::SetVectorCompression(true),
        Operation::Update {
            pick: 1,
            plan: plans[plans.len() - 1].clone(),
        },
        Operation::Compact,
        put(0, 1, None),
        Operation::Doctor {
            damage: Some(Damage::TimeIndex),
            options: DoctorOptions::default(),
            by_handle: false,
        },
    ]
    .into_iter()
    .map(|operation| (0, operation))
    .collect();
    workload
}

#[test]
fn every_call_that_changes_the_disk_may_fail_once() {
    for_every_call(|call| Fault {
        call,
        reads: false,
        kind: FaultKind::ALL[usize::try_from(call).unwrap() % FaultKind::ALL.len()],
        lasts: false,
    });
}

#[test]
fn every_call_that_changes_the_disk_may_be_the_first_that_writes_only_half() {
    for_every_call(|call| Fault {
        call,
        reads: false,
        kind: FaultKind::ShortWrite,
        lasts: true,
    });
}

/// Lets each call fail, in a run of its own, and looks at crashes after it.
fn for_every_call(fault: impl Fn(u64) -> Fault) {
    let workload = of_each_kind();
    let whole = run(&workload, None)
        .map_err(|problem| problem.finding)
        .unwrap();
    let mut counts = Counts::default();
    for call in 0..whole.calls.0 {
        let fault = fault(call);
        match try_fault(&workload, &whole, fault, &mut counts) {
            Ok(_) => {}
            Err(Flaw::Live(problem)) => {
                panic!("{fault:?}, call {}: {}", problem.operation, problem.finding)
            }
            Err(Flaw::Crash(loss)) => {
                panic!("{fault:?}, later at {}: {}", loss.point, loss.finding)
            }
        }
    }
    assert!(
        whole.calls.0 > 60 && counts.points > 300,
        "{} {counts:?}",
        whole.calls.0
    );
}

/// Failures of long runs, each mended: what `npm run simulate -- --replay` takes.
#[test]
fn what_was_found_once_is_not_found_again() {
    const FOUND: [(u64, &str); 7] = [
        (2011, "change,54,ShortWrite,once"),
        (2042, "change,29,ShortWrite,lasting"),
        (7112, "change,42,ShortWrite,lasting"),
        (11_038, "change,34,Broken,lasting"),
        (16_072, "change,56,ShortWrite,once"),
        (18_010, "change,103,ShortWrite,once"),
        (18_018, "change,51,ShortWrite,once"),
    ];
    for (seed, fault) in FOUND {
        let share = Share {
            points: Points::Some(0),
            faults: 0,
            fault: Some(fault.parse().unwrap()),
        };
        let tried = try_workload(&Workload::draw(seed), share, &mut Report::default());
        if let Err(failure) = tried {
            panic!("{failure}");
        }
    }
}
