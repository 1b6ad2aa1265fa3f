//! Ranking stays good on real data.

use crate::support::{quality, skip_reason};
use lex::Ranking;

#[test]
fn scientific_claims_find_their_abstracts() {
    if let Some(reason) = skip_reason() {
        println!("{reason}");
        return;
    }
    let ndcg = quality::Scifact::load().ndcg("test", Ranking::DEFAULT);
    println!("SciFact test nDCG@10 {ndcg:.4}");
    assert!(ndcg >= 0.685, "{ndcg}");
}

#[test]
fn questions_about_conversations_find_the_turns_that_answer() {
    if let Some(reason) = skip_reason() {
        println!("{reason}");
        return;
    }
    let (recall, without_hit) = quality::Locomo::load().recall(Ranking::DEFAULT);
    println!("LoCoMo recall@10 {recall:.4}, {without_hit} questions without a hit");
    assert!(recall >= 0.66, "{recall}");
    assert_eq!(without_hit, 0);
}
