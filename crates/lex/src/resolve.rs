//! Query terms to postings: which forms of each word the shards hold, and how telling each word is.

use crate::analyzer::fold;
use crate::error::Result;
use crate::query::{Query, Term};
use crate::rank::{Ranking, Statistics};
use crate::shard::{BODY, Handle, Shard, TITLE};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// Forms of one prefix that are looked up: the most frequent ones.
const MAX_PREFIX_FORMS: usize = 128;
/// Forms of one prefix that are considered in each shard, in alphabetical order.
const MAX_PREFIX_CANDIDATES: usize = 4_096;

/// One form of a term in one shard.
pub(crate) struct Form<'a> {
    pub text: String,
    /// How much it counts compared with the exact form.
    pub weight: f32,
    /// Postings in title and body.
    pub handles: [Option<Handle<'a>>; 2],
}

/// One query term over all shards.
pub(crate) struct Resolved<'a> {
    /// Per shard, ordered by text so that sums come out the same everywhere.
    pub forms: Vec<Vec<Form<'a>>>,
    pub idf: f32,
    /// Documents that hold it, a document with two forms counted twice.
    pub frequency: u64,
}

/// Looks all terms of `query` up in all shards.
pub(crate) fn resolve<'a>(
    query: &Query,
    shards: &[Shard<'a>],
    ranking: &Ranking,
    statistics: &Statistics,
) -> Result<Vec<Resolved<'a>>> {
    query
        .terms
        .iter()
        .map(|term| resolve_term(term, shards, ranking, statistics))
        .collect()
}

fn resolve_term<'a>(
    term: &Term,
    shards: &[Shard<'a>],
    ranking: &Ranking,
    statistics: &Statistics,
) -> Result<Resolved<'a>> {
    let prefix_forms = if term.prefix {
        Some(prefix_forms(term, shards)?)
    } else {
        None
    };
    let mut forms = Vec::with_capacity(shards.len());
    let mut frequencies = [0_u64; 2];
    for shard in shards {
        let texts = match &prefix_forms {
            Some(texts) => texts.clone(),
            None => class_forms(term, shard),
        };
        let mut found = Vec::with_capacity(texts.len());
        for text in texts {
            let title = shard.term(TITLE, &text)?;
            let body = if term.title_only {
                None
            } else {
                shard.term(BODY, &text)?
            };
            let handles = [title, body];
            for (frequency, handle) in frequencies.iter_mut().zip(&handles) {
                *frequency += handle.as_ref().map_or(0, Handle::document_frequency);
            }
            if handles.iter().any(Option::is_some) {
                let weight = form_weight(term, &text, ranking);
                found.push(Form {
                    text,
                    weight,
                    handles,
                });
            }
        }
        forms.push(found);
    }
    // Fields are not added: most words of a title are in the body as well.
    let frequency = frequencies[TITLE].max(frequencies[BODY]);
    Ok(Resolved {
        forms,
        idf: statistics.idf(frequency),
        frequency: frequencies[TITLE] + frequencies[BODY],
    })
}

fn class_forms(term: &Term, shard: &Shard<'_>) -> BTreeSet<String> {
    let mut texts = BTreeSet::from([term.text.clone()]);
    if term.key != term.text {
        texts.insert(term.key.clone());
    }
    shard.class_forms(&term.key, &mut |form| {
        texts.insert(form.to_owned());
    });
    texts
}

fn prefix_forms(term: &Term, shards: &[Shard<'_>]) -> Result<BTreeSet<String>> {
    let mut frequencies: FxHashMap<String, u64> = FxHashMap::default();
    let fields: &[usize] = if term.title_only {
        &[TITLE]
    } else {
        &[TITLE, BODY]
    };
    for shard in shards {
        for field in fields {
            shard.prefix_terms(
                *field,
                &term.text,
                MAX_PREFIX_CANDIDATES,
                &mut |text, frequency| {
                    *frequencies.entry(text.to_owned()).or_default() += frequency;
                },
            )?;
        }
    }
    let mut ranked: Vec<_> = frequencies.into_iter().collect();
    ranked.sort_unstable_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    ranked.truncate(MAX_PREFIX_FORMS);
    Ok(ranked.into_iter().map(|(text, _)| text).collect())
}

fn form_weight(term: &Term, form: &str, ranking: &Ranking) -> f32 {
    if form == term.text {
        1.0
    } else if term.prefix {
        ranking.prefix_weight
    } else if differs_in_accents_only(&term.text, form) {
        ranking.accent_weight
    } else {
        ranking.ending_weight
    }
}

/// Whether two forms are the same word apart from accents.
pub(crate) fn differs_in_accents_only(left: &str, right: &str) -> bool {
    if left.is_ascii() && right.is_ascii() {
        left == right
    } else {
        fold(left) == fold(right)
    }
}
