//! The whole damage matrix: `cargo run --release -p hostile --bin damage -- [--flips N] [--cuts N] [--seed N]
//! [--writing-one-in N] [--shape NAME] [--case flip:POSITION:BITS] [--writing] [--show N] [--dump FOLDER]`.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a command line tool of developers"
)]

use std::process::ExitCode;

use hostile::command::{has, value};
use hostile::damage::{Damage, Effort, Report, Verdict, try_one, try_shape};
use hostile::shapes;

fn main() -> ExitCode {
    let number =
        |name: &str, otherwise: usize| value(name).map_or(otherwise, |text| text.parse().unwrap());
    let show = number("--show", 3);
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
        for shape in &all {
            let report = try_one(shape, case, has("--writing"));
            println!("{}\n{report}\n{:#?}", shape.name, report.failures);
        }
        return ExitCode::SUCCESS;
    }
    let effort = Effort {
        flips: number("--flips", 20_000),
        cuts: number("--cuts", 2_000),
        writing_one_in: number("--writing-one-in", 20),
        seed: number("--seed", 1) as u64,
    };
    let mut total = Report::default();
    for shape in &all {
        let started = std::time::Instant::now();
        let report = try_shape(shape, effort);
        println!(
            "{} ({} bytes, {:?})\n{report}",
            shape.name,
            shape.bytes.len(),
            started.elapsed()
        );
        let mut shown = std::collections::BTreeMap::new();
        for failure in &report.failures {
            let count = shown.entry((failure.section, failure.verdict)).or_insert(0);
            *count += 1;
            if *count <= show {
                let writing = if failure.writing { " --writing" } else { "" };
                let detail: String = failure.detail.chars().take(700).collect();
                println!(
                    "    {:?} in {}: --shape '{}' --case {}{writing}\n      {detail}",
                    failure.verdict, failure.section, shape.name, failure.damage
                );
            }
        }
        total.add(report);
    }
    let cases = total.count(|_| true);
    let failed = total.count(Verdict::is_failure);
    println!("all shapes ({})\n{total}", all.len());
    println!("{cases} cases, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
