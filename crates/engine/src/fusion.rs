//! One ranking of two: documents found by their words, and documents found by meaning.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::Result;

/// What meaning counts in a weighted fusion: tuned on the training questions of SciFact.
pub const SEMANTIC_WEIGHT: f64 = 0.4;
/// The constant of reciprocal rank fusion.
const RECIPROCAL: f64 = 60.0;
/// Documents of each kind that are fused, at least.
const WEIGHTED_DEPTH: usize = 100;
const RECIPROCAL_DEPTH: usize = 20;
/// Pieces that are looked at for each document that is wanted, at most.
const MOST_PIECES: usize = 64;

/// How two rankings become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fusion {
    /// A weighted sum of scores, each brought to 0…1 over its list.
    #[default]
    Weighted,
    /// The sum of 1 / (60 + rank).
    Rrf,
}

impl Fusion {
    /// How many documents of each kind a search for `k` hits takes.
    #[must_use]
    pub fn depth(self, k: usize) -> usize {
        match self {
            Self::Weighted => k.max(WEIGHTED_DEPTH),
            Self::Rrf => k.max(RECIPROCAL_DEPTH),
        }
    }
}

/// A document in one of the rankings.
#[derive(Debug, Clone)]
pub struct Ranked {
    /// The document.
    pub document: u64,
    /// The frame that was found: the document or its best piece.
    pub frame_id: u64,
    /// How good it is, in the measure of its list.
    pub score: f64,
    /// Words of the query that it holds.
    pub matches: u32,
    /// The parts of the score.
    pub explain: Option<Value>,
}

/// How many times as long the lists are that come when those of the first page are at their end.
pub const DEEPER: usize = 4;

/// Documents by words and meaning, best first.
pub struct Both {
    /// Best first.
    pub ranked: Vec<Ranked>,
    /// Whether those are all.
    pub is_whole: bool,
    /// What was not searched for.
    pub warnings: Vec<String>,
}

impl Both {
    /// Puts what `deeper` has besides behind what is there.
    pub fn go_on_with(&mut self, deeper: Self) {
        let known: HashSet<u64> = self.ranked.iter().map(|entry| entry.document).collect();
        let last = self
            .ranked
            .last()
            .map_or(f64::INFINITY, |entry| entry.score);
        let besides = deeper
            .ranked
            .into_iter()
            .filter(|entry| !known.contains(&entry.document));
        self.ranked.extend(besides.map(|entry| Ranked {
            score: entry.score.min(last),
            ..entry
        }));
        self.is_whole = deeper.is_whole;
        self.warnings = deeper.warnings;
    }
}

/// The best `limit` documents of a ranking of pieces, each with its best piece; whether those are all there are; and what
/// the last look told besides. `look` gives the best pieces, up to the number it is asked for: several pieces of one
/// document take the places of others, so that it may be asked again for more.
pub fn first_documents<T>(
    limit: usize,
    look: impl Fn(usize) -> Result<(Vec<Ranked>, T)>,
) -> Result<(Vec<Ranked>, bool, T)> {
    let mut pieces = limit;
    loop {
        let (ranked, besides) = look(pieces)?;
        let is_whole = ranked.len() < pieces;
        let documents = first_of_each(ranked, limit);
        if is_whole || documents.len() >= limit || pieces >= limit * MOST_PIECES {
            let is_all = is_whole && documents.len() < limit;
            return Ok((documents, is_all, besides));
        }
        pieces *= 4;
    }
}

/// The first entry of each document, in order, up to `limit`.
fn first_of_each(ranked: Vec<Ranked>, limit: usize) -> Vec<Ranked> {
    let mut seen = HashSet::new();
    ranked
        .into_iter()
        .filter(|entry| seen.insert(entry.document))
        .take(limit)
        .collect()
}

struct Fused {
    entry: Ranked,
    lexical: Option<Part>,
    semantic: Option<Part>,
}

/// What one ranking says of a document.
struct Part {
    rank: usize,
    score: f64,
    normalised: f64,
    explain: Option<Value>,
}

/// Fuses two rankings, best first. `weight` is what the semantic one counts in a weighted fusion. A document shows its
/// best piece by words, if it has any. Equally good documents come in the order of their frames.
#[must_use]
pub fn fuse(
    lexical: Vec<Ranked>,
    semantic: Vec<Ranked>,
    fusion: Fusion,
    weight: f64,
    explain: bool,
) -> Vec<Ranked> {
    let mut places: HashMap<u64, usize> = HashMap::new();
    let mut all: Vec<Fused> = Vec::with_capacity(lexical.len() + semantic.len());
    for (list, is_semantic) in [(lexical, false), (semantic, true)] {
        let range = range_of(&list);
        for (index, mut entry) in list.into_iter().enumerate() {
            let part = Part {
                rank: index + 1,
                score: entry.score,
                normalised: normalised(entry.score, range),
                explain: entry.explain.take(),
            };
            let place = *places.entry(entry.document).or_insert(all.len());
            if place == all.len() {
                all.push(Fused {
                    entry,
                    lexical: None,
                    semantic: None,
                });
            }
            let fused = &mut all[place];
            if is_semantic {
                fused.semantic = Some(part);
            } else {
                fused.lexical = Some(part);
            }
        }
    }
    for fused in &mut all {
        let share = |part: &Option<Part>, weight: f64| {
            part.as_ref().map_or(0.0, |part| match fusion {
                Fusion::Weighted => weight * part.normalised,
                Fusion::Rrf => 1.0 / (RECIPROCAL + part.rank as f64),
            })
        };
        fused.entry.score = share(&fused.lexical, 1.0 - weight) + share(&fused.semantic, weight);
        if explain {
            fused.entry.explain = Some(explanation(fused, fusion, weight));
        }
    }
    let mut ranked: Vec<Ranked> = all.into_iter().map(|fused| fused.entry).collect();
    ranked.sort_by(|left, right| {
        let order = right.score.total_cmp(&left.score);
        order.then(left.document.cmp(&right.document))
    });
    ranked
}

fn explanation(fused: &Fused, fusion: Fusion, weight: f64) -> Value {
    let part = |part: &Option<Part>| {
        part.as_ref().map(|part| {
            let mut value = json!({
                "rank": part.rank,
                "score": part.score,
                "parts": part.explain,
            });
            if fusion == Fusion::Weighted {
                value["normalised"] = json!(part.normalised);
            }
            value
        })
    };
    let mut value = json!({
        "fusion": if fusion == Fusion::Weighted { "weighted" } else { "rrf" },
        "lexical": part(&fused.lexical),
        "semantic": part(&fused.semantic),
    });
    if fusion == Fusion::Weighted {
        value["semantic_weight"] = json!(weight);
    }
    value
}

/// The lowest and the highest score.
fn range_of(list: &[Ranked]) -> (f64, f64) {
    list.iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), entry| {
            (low.min(entry.score), high.max(entry.score))
        })
}

/// A score brought to 0…1; 1 when all are equal.
fn normalised(score: f64, (low, high): (f64, f64)) -> f64 {
    if high > low {
        (score - low) / (high - low)
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[(u64, f64)]) -> Vec<Ranked> {
        let entries = entries.iter().map(|&(document, score)| Ranked {
            document,
            frame_id: document,
            score,
            matches: 0,
            explain: None,
        });
        entries.collect()
    }

    fn scores(fused: &[Ranked]) -> Vec<(u64, f64)> {
        let round = |score: f64| (score * 1e5).round() / 1e5;
        let pairs = fused
            .iter()
            .map(|entry| (entry.document, round(entry.score)));
        pairs.collect()
    }

    #[test]
    fn scores_are_normalised_over_their_list_and_weighted() {
        let lexical = list(&[(1, 12.0), (2, 8.0), (3, 4.0)]);
        let semantic = list(&[(3, 0.9), (4, 0.7), (1, 0.5)]);
        let fused = fuse(lexical, semantic, Fusion::Weighted, 0.4, false);
        assert_eq!(scores(&fused), [(1, 0.6), (3, 0.4), (2, 0.3), (4, 0.2)]);
        let equal = fuse(
            list(&[(1, 3.0)]),
            list(&[(2, 0.5), (1, 0.5)]),
            Fusion::Weighted,
            0.4,
            false,
        );
        assert_eq!(scores(&equal), [(1, 1.0), (2, 0.4)]);
    }

    #[test]
    fn ranks_are_fused_as_the_contract_says() {
        let fused = fuse(
            list(&[(1, 9.0), (2, 8.0)]),
            list(&[(1, 0.9), (7, 0.8)]),
            Fusion::Rrf,
            0.4,
            true,
        );
        assert_eq!(scores(&fused), [(1, 0.03279), (2, 0.01613), (7, 0.01613)]);
        let explain = fused[2].explain.clone().unwrap_or_default();
        assert_eq!(explain["semantic"]["rank"], 2);
        assert_eq!(explain["lexical"], Value::Null);
    }
}
