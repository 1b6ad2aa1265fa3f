//! Measures ranking on real data: SciFact (nDCG@10) and LoCoMo (recall@10, one index per conversation).
//!
//! `cargo run -p lex --profile bench-fast --example quality -- [parameter=value ...]`
//! prints the figures for the default parameters, and with `name=a,b,c` for each value of a parameter.
//! The data is looked for in `$LEX_BENCH_DATA`, else in `../shared/bench/data` beside the repository.

// A measuring program stops at the first surprise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/suite/support/mod.rs"]
mod support;

use lex::Ranking;
use support::{quality, skip_reason};

fn main() {
    if let Some(reason) = skip_reason() {
        println!("{reason}");
        return;
    }
    let scifact = quality::Scifact::load();
    let locomo = quality::Locomo::load();
    let show = |name: &str, ranking: Ranking| {
        let train = scifact.ndcg("train", ranking);
        let test = scifact.ndcg("test", ranking);
        let (recall, missing) = locomo.recall(ranking);
        println!(
            "{name:40} scifact train {train:.4} test {test:.4}  locomo recall {recall:.4} without hit {missing}"
        );
    };
    show("default", Ranking::DEFAULT);
    let mut base = Ranking::DEFAULT;
    for argument in std::env::args().skip(1) {
        let (name, values) = argument.split_once('=').expect("name=value");
        let values: Vec<f32> = values
            .split(',')
            .map(|value| value.parse().expect("a number"))
            .collect();
        for value in &values {
            let mut ranking = base;
            set(&mut ranking, name, *value);
            show(&format!("{name}={value}"), ranking);
            if let [only] = values.as_slice() {
                set(&mut base, name, *only);
            }
        }
    }
}

fn set(ranking: &mut Ranking, name: &str, value: f32) {
    let field = match name {
        "saturation" => &mut ranking.saturation,
        "title_length" => &mut ranking.title_length,
        "body_length" => &mut ranking.body_length,
        "title_weight" => &mut ranking.title_weight,
        "accent_weight" => &mut ranking.accent_weight,
        "ending_weight" => &mut ranking.ending_weight,
        "prefix_weight" => &mut ranking.prefix_weight,
        "coordination" => &mut ranking.coordination,
        "adjacency" => &mut ranking.adjacency,
        _ => panic!("no parameter {name}"),
    };
    *field = value;
}
