//! The parts of a score.

use crate::error::Result;
use crate::shard::TITLE;
use crate::shard_search::{CONSTANT_SCORE, ShardSearch};

/// The parts of one score: `score = (Σ terms + coordination + phrase + speaker + date) · boost`, up to rounding.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Explanation {
    /// What each matching form adds.
    pub terms: Vec<TermExplanation>,
    /// What it adds to hold the words at all.
    pub coordination: f32,
    /// What it adds that words of the query stand side by side.
    pub phrase: f32,
    /// What it adds to begin with a name of the query.
    pub speaker: f32,
    /// What it adds to be of a month or day that the query names.
    pub date: f32,
    /// The factor of the document.
    pub boost: f32,
}

/// What one form of one query word adds to a score.
#[derive(Debug, Clone, PartialEq)]
pub struct TermExplanation {
    /// `title`, `body`, or `filter` for the constant score of a query without words.
    pub field: &'static str,
    /// The form as indexed.
    pub term: String,
    /// How often it occurs in the field.
    pub frequency: f32,
    /// How telling the word is (all its forms together).
    pub idf: f32,
    /// What it adds.
    pub score: f32,
}

/// Explains the score of `document`.
pub(crate) fn explain(search: &ShardSearch<'_, '_>, document: u32) -> Result<Explanation> {
    let mut explanation = Explanation {
        boost: search.boost(document),
        ..Explanation::default()
    };
    if search.query.is_filter_only() {
        let term = String::new();
        let constant = TermExplanation {
            field: "filter",
            term,
            frequency: 1.0,
            idf: 1.0,
            score: CONSTANT_SCORE,
        };
        explanation.terms.push(constant);
        return Ok(explanation);
    }
    let mut groups = search.groups()?;
    let mut scores = vec![0.0; groups.groups.len()];
    groups.score(document, &mut scores, &search.scoring);
    let coordination = search.scoring.ranking.coordination;
    for (group, score) in groups
        .groups
        .iter()
        .zip(&scores)
        .filter(|(_, score)| **score > 0.0)
    {
        explanation.coordination += group.idf * coordination;
        let evidence_score = score - group.idf * coordination;
        let mut parts = Vec::new();
        group.parts(
            document,
            &search.scoring,
            &mut |form, field, frequency, evidence| {
                parts.push((form, field, frequency, evidence));
            },
        );
        let whole: f32 = parts.iter().map(|(.., evidence)| evidence).sum();
        for (form, field, frequency, evidence) in parts {
            let forms = &search.resolved[group.term].forms[search.shard_index];
            explanation.terms.push(TermExplanation {
                field: if field == TITLE { "title" } else { "body" },
                term: forms[form].text.clone(),
                frequency: frequency as f32,
                idf: group.idf,
                score: evidence_score * evidence / whole,
            });
        }
    }
    let bonus = groups.bonus(document, &scores, search.resolved, &search.scoring)?;
    explanation.phrase = bonus.adjacency;
    explanation.speaker = bonus.speaker;
    explanation.date = bonus.date;
    Ok(explanation)
}
