//! The whole damage matrix: `cargo run --release -p hostile --bin damage -- --help`. Each shape is a process of its own: a
//! panic that ends one is told, and panics are counted by process.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a command line tool of developers"
)]

use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use hostile::command::{check, has, value};
use hostile::damage::{Damage, Effort, Report, Use, Verdict, try_one, try_shape};
use hostile::shapes::{self, Shape};

const USAGE: &str = "\
Changes one byte of a memory, or cuts its end off, and asks it everything.

  --flips N           bytes to change, of each file (20000)
  --cuts N            lengths to cut it to (2000)
  --seed N            which ones (1)
  --writing-one-in N  after how many cases one is also written to (20)
  --repair N          after how many cases one is also repaired (20)
  --jobs N            files at a time (1)
  --shape NAME        only files whose name contains this
  --show N            failures to print, of each kind and file (3)
  --dump FOLDER       writes the files there, and nothing else
  --case WHAT         one case again, flip:POSITION:BITS or cut:LENGTH; with --writing or --repaired, after that

Of processes that this one starts: --file, --name, --dimension, --picture-dimension";

fn main() -> ExitCode {
    check(USAGE);
    let number =
        |name: &str, otherwise: usize| value(name).map_or(otherwise, |text| text.parse().unwrap());
    let effort = Effort {
        flips: number("--flips", 20_000),
        cuts: number("--cuts", 2_000),
        writing_one_in: number("--writing-one-in", 20),
        repair_one_in: number("--repair", 20),
        seed: number("--seed", 1) as u64,
    };
    // A process of its own that the one below started.
    if let Some(file) = value("--file") {
        let size = |name| Some(number(name, 0)).filter(|size| *size > 0);
        let shape = Shape {
            name: value("--name").unwrap(),
            bytes: std::fs::read(file).unwrap(),
            dimension: size("--dimension"),
            picture_dimension: size("--picture-dimension"),
        };
        let report = try_shape(&shape, effort);
        println!("{}", serde_json::to_string(&report).unwrap());
        return ExitCode::SUCCESS;
    }
    let mut all = shapes::ours();
    all.extend(shapes::of_the_reference());
    if let Some(name) = value("--shape") {
        all.retain(|shape| shape.name.contains(&name));
    }
    if let Some(folder) = value("--dump") {
        for shape in &all {
            let path = std::path::Path::new(&folder).join(shape.name.replace('/', "-"));
            std::fs::write(path, &shape.bytes).unwrap();
        }
        return ExitCode::SUCCESS;
    }
    if let Some(case) = value("--case") {
        let case: Damage = case.parse().unwrap();
        let used = match (has("--writing"), has("--repaired")) {
            (true, _) => Use::Writing,
            (_, true) => Use::Repair,
            _ => Use::Reading,
        };
        for shape in &all {
            let report = try_one(shape, case, used);
            println!("{}\n{report}", shape.name);
            for failure in report.failures {
                println!("{:?}: {}", failure.verdict, failure.detail);
            }
        }
        return ExitCode::SUCCESS;
    }
    let jobs = number("--jobs", 1);
    let (total, broken) = run(&all, jobs, number("--show", 3));
    let (cases, failed) = (total.count(|_| true), total.count(Verdict::is_failure));
    println!("all shapes ({})\n{total}", all.len());
    println!(
        "{cases} cases, {} of them repaired, {failed} failed",
        total.repairs()
    );
    for shape in &broken {
        println!("{shape} was not tried to its end");
    }
    if failed == 0 && broken.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Tries all shapes, so many at a time. Also gives those whose process did not end as it should.
fn run(all: &[Shape], jobs: usize, show: usize) -> (Report, Vec<String>) {
    // The same options again, and the file behind them.
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let options: Vec<String> = std::env::args().skip(1).collect();
    let next = AtomicUsize::new(0);
    let total = Mutex::new((Report::default(), Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(shape) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let started = Instant::now();
                    let file = folder.path().join(shape.name.replace('/', "-"));
                    std::fs::write(&file, &shape.bytes).unwrap();
                    let size = |size: Option<usize>| size.unwrap_or(0).to_string();
                    let output = Command::new(&program)
                        .args(&options)
                        .args(["--name", &shape.name])
                        .args(["--dimension", &size(shape.dimension)])
                        .args(["--picture-dimension", &size(shape.picture_dimension)])
                        .arg("--file")
                        .arg(&file)
                        .envs(in_memory())
                        .envs(KEEPS_MEMORY)
                        .output()
                        .unwrap();
                    let report = serde_json::from_slice::<Report>(&output.stdout);
                    let mut total = total.lock().unwrap();
                    match report {
                        Ok(report) => {
                            print_report(shape, &report, show, started);
                            total.0.add(report);
                        }
                        Err(_) => {
                            println!("{}", String::from_utf8_lossy(&output.stderr));
                            total.1.push(shape.name.clone());
                        }
                    }
                }
            });
        }
    });
    total.into_inner().unwrap()
}

/// Keeps glibc from giving back to the system what the next case takes again: a third to a half of all time.
const KEEPS_MEMORY: [(&str, &str); 3] = [
    ("MALLOC_TRIM_THRESHOLD_", "1073741824"),
    ("MALLOC_MMAP_THRESHOLD_", "1073741824"),
    ("MALLOC_TOP_PAD_", "67108864"),
];

/// Where temporary files go: what is opened for salvage is copied, and a disk is slow.
fn in_memory() -> Option<(&'static str, &'static str)> {
    const MEMORY: &str = "/dev/shm";
    std::path::Path::new(MEMORY)
        .is_dir()
        .then_some(("TMPDIR", MEMORY))
}

fn print_report(shape: &Shape, report: &Report, show: usize, started: Instant) {
    println!(
        "{} ({} bytes, {:?})\n{report}",
        shape.name,
        shape.bytes.len(),
        started.elapsed()
    );
    let mut shown = std::collections::BTreeMap::new();
    for failure in &report.failures {
        let key = (
            &failure.section,
            failure.verdict,
            failure.used == Use::Repair,
        );
        let count = shown.entry(key).or_insert(0);
        *count += 1;
        if *count > show {
            continue;
        }
        let used = match failure.used {
            Use::Reading => "",
            Use::Writing => " --writing",
            Use::Repair => " --repaired",
        };
        let detail: String = failure.detail.chars().take(1200).collect();
        println!(
            "    {:?} in {}: --shape '{}' --case {}{used}\n      {detail}",
            failure.verdict, failure.section, shape.name, failure.damage
        );
    }
}
