//! A sample of the damage matrix. `npm run damage` tries all of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use hostile::damage::{Effort, Report, Verdict, try_shape};
use hostile::shapes;

#[test]
fn no_damage_changes_an_answer_without_a_word() {
    let effort = Effort {
        flips: 8,
        cuts: 2,
        writing_one_in: 5,
        repair_one_in: 4,
        seed: 7,
    };
    let mut total = Report::default();
    for shape in shapes::ours().iter().chain(&shapes::of_the_reference()) {
        let report = try_shape(shape, effort);
        for failure in &report.failures {
            eprintln!("{}: {failure:?}", shape.name);
        }
        total.add(report);
    }
    println!("{total}");
    let failed = total.count(Verdict::is_failure);
    assert_eq!(failed, 0, "of {} cases", total.count(|_| true));
}
