//! Query terms to postings: which forms of each word the shards hold, and how telling each word is.

use crate::analyzer::fold;
use crate::error::Result;
use crate::query::{MAX_TERMS, Node, Query, Term};
use crate::rank::{Ranking, Statistics};
use crate::recent::Recent;
use crate::shard::{BODY, Handle, Shard, TITLE};
use crate::union::Union;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

/// A prefix with more forms is looked up as one term made of them all.
const MAX_PREFIX_FORMS: usize = 128;
/// Forms of one prefix that are gone through to estimate its frequency.
const MAX_COUNTED_FORMS: usize = 4_096;
/// Stands for the frequency of a prefix with even more forms.
const MANY_POSTINGS: u64 = 1 << 32;

/// One form of a term in one shard.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub text: String,
    /// How much it counts compared with the exact form.
    pub weight: f32,
    /// Postings in title and body.
    pub handles: [Option<Handle>; 2],
}

/// One query term over all shards.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    /// Per shard, ordered by text so that sums come out the same everywhere.
    pub forms: Vec<Arc<[Form]>>,
    pub idf: f32,
    /// Documents that hold it, a document with two forms counted twice.
    pub frequency: u64,
    /// A prefix with so many forms that they are brought together when the search runs; `forms` is empty until then.
    many_forms: bool,
}

/// What a query comes to in the shards.
#[derive(Debug)]
pub(crate) struct Lookup {
    pub statistics: Statistics,
    resolved: Vec<Resolved>,
    /// Ranked words that are not searched for because there are too many.
    pub left_out: usize,
}

impl Lookup {
    /// Looks all terms of `query` up in all shards.
    pub(crate) fn new(
        query: &Query,
        shards: &[Shard<'_>],
        ranking: &Ranking,
        known: &KnownTerms,
    ) -> Result<Self> {
        let statistics = Statistics::of(shards);
        let resolve = |term: &Term| {
            if term.prefix {
                resolve_prefix(term, shards, ranking, &statistics)
            } else {
                resolve_term(term, shards, ranking, &statistics, known)
            }
        };
        let mut resolved = query
            .terms
            .iter()
            .map(resolve)
            .collect::<Result<Vec<_>>>()?;
        let left_out = leave_out_common(query, &mut resolved);
        Ok(Self {
            statistics,
            resolved,
            left_out,
        })
    }

    /// About how many postings a search may read.
    pub(crate) fn cost(&self, query: &Query) -> u64 {
        let words: u64 = self.resolved.iter().map(|term| term.frequency).sum();
        let scans = query.any.is_empty() && !query.must.iter().any(Node::is_text);
        // Function words, which are searched for when nothing else is found, are in about every document.
        let falls_back = words == 0 && !query.left_out.is_empty();
        if scans || falls_back {
            words + self.statistics.documents
        } else {
            words
        }
    }

    /// Whether [`Lookup::resolved`] has something to do.
    pub(crate) fn brings_together(&self) -> bool {
        self.resolved.iter().any(|resolved| resolved.many_forms)
    }

    /// The terms as far as they were looked up.
    pub(crate) fn looked_up(&self) -> &[Resolved] {
        &self.resolved
    }

    /// All terms with their postings: those of large prefixes are brought together here.
    pub(crate) fn resolved(
        &self,
        query: &Query,
        shards: &[Shard<'_>],
        ranking: &Ranking,
    ) -> Result<Cow<'_, [Resolved]>> {
        if !self.brings_together() {
            return Ok(Cow::Borrowed(self.looked_up()));
        }
        let mut all = self.resolved.clone();
        for (term, resolved) in query.terms.iter().zip(&mut all) {
            if resolved.many_forms {
                *resolved = resolve_union(term, shards, ranking, &self.statistics)?;
            }
        }
        Ok(Cow::Owned(all))
    }
}

/// Of more ranked words than can be searched for, keeps the rarest: they tell most. Returns how many are left out.
fn leave_out_common(query: &Query, resolved: &mut [Resolved]) -> usize {
    let found = |(id, term): &(usize, &Term)| term.scored && resolved[*id].frequency > 0;
    let found: Vec<(usize, &Term)> = query.terms.iter().enumerate().filter(found).collect();
    if found.len() <= MAX_TERMS {
        return 0;
    }
    let mut optional: Vec<usize> = found
        .iter()
        .filter(|(_, term)| !term.required && !term.prefix)
        .map(|(id, _)| *id)
        .collect();
    let room = MAX_TERMS.saturating_sub(found.len() - optional.len());
    optional.sort_unstable_by_key(|id| (resolved[*id].frequency, *id));
    let common = optional.get(room..).unwrap_or_default();
    for id in common {
        resolved[*id].frequency = 0;
        resolved[*id].forms.fill(Arc::default());
    }
    common.len()
}

/// A word in all shards.
fn resolve_term(
    term: &Term,
    shards: &[Shard<'_>],
    ranking: &Ranking,
    statistics: &Statistics,
    known: &KnownTerms,
) -> Result<Resolved> {
    let find = |shards| forms_in(term, shards, ranking, &|shard| class_forms(term, shard));
    // The last shard may be that of pending documents, which grows.
    let (segments, pending) = shards.split_at(segment_count(shards));
    let found = known.get_or_find(term, ranking, || find(segments))?;
    if pending.is_empty() {
        return Ok(Resolved::new(
            found.forms.clone(),
            found.frequencies,
            statistics,
        ));
    }
    let more = find(pending)?;
    let forms = found.forms.iter().chain(&more.forms).cloned().collect();
    let frequencies = [TITLE, BODY].map(|field| found.frequencies[field] + more.frequencies[field]);
    Ok(Resolved::new(forms, frequencies, statistics))
}

fn segment_count(shards: &[Shard<'_>]) -> usize {
    shards
        .iter()
        .take_while(|shard| matches!(shard, Shard::Disk { .. }))
        .count()
}

/// A prefix in all shards.
fn resolve_prefix(
    term: &Term,
    shards: &[Shard<'_>],
    ranking: &Ranking,
    statistics: &Statistics,
) -> Result<Resolved> {
    let texts = match prefix_forms(term, shards)? {
        PrefixForms::Few(texts) => texts,
        PrefixForms::Many { frequency } => {
            return Ok(Resolved {
                forms: Vec::new(),
                idf: 0.0,
                frequency,
                many_forms: true,
            });
        }
    };
    let found = forms_in(term, shards, ranking, &|_| texts.iter().cloned().collect())?;
    Ok(Resolved::new(found.forms, found.frequencies, statistics))
}

/// The forms of a term in some shards.
#[derive(Debug, Default)]
struct Forms {
    /// Per shard.
    forms: Vec<Arc<[Form]>>,
    /// Documents that hold it in title and body, one with two forms counted twice.
    frequencies: [u64; 2],
}

fn forms_in(
    term: &Term,
    shards: &[Shard<'_>],
    ranking: &Ranking,
    texts: &dyn Fn(&Shard<'_>) -> Vec<String>,
) -> Result<Forms> {
    let mut all = Forms::default();
    for shard in shards {
        let mut found = Vec::new();
        for text in texts(shard) {
            found.extend(form(term, text, shard, ranking, &mut all.frequencies)?);
        }
        all.forms.push(found.into());
    }
    Ok(all)
}

/// Words that were looked up lately in the segments of an index: looking a word up takes longer than searching for a rare
/// one. A segment never changes, so that what was found stays true.
#[derive(Debug)]
pub(crate) struct KnownTerms(Mutex<Recent<Arc<Forms>>>);

/// Forms that are kept in one generation: some hundred bytes each.
const MOST_FORMS: usize = 8_192;

impl Default for KnownTerms {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(MOST_FORMS)))
    }
}

impl KnownTerms {
    fn get_or_find(
        &self,
        term: &Term,
        ranking: &Ranking,
        find: impl FnOnce() -> Result<Forms>,
    ) -> Result<Arc<Forms>> {
        // Forms are kept with their weights.
        if *ranking != Ranking::DEFAULT {
            return find().map(Arc::new);
        }
        let weight =
            |forms: &Arc<Forms>| 1 + forms.forms.iter().map(|forms| forms.len()).sum::<usize>();
        let place = if term.title_only { "t" } else { "b" };
        let name = [place, &term.key, "\0", &term.text].concat();
        let recent = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = recent().get(&name, weight) {
            return Ok(known);
        }
        let found = Arc::new(find()?);
        recent().keep(name.into(), Arc::clone(&found), weight(&found));
        Ok(found)
    }
}

/// A prefix as its exact form and one term made of all longer ones.
fn resolve_union(
    term: &Term,
    shards: &[Shard<'_>],
    ranking: &Ranking,
    statistics: &Statistics,
) -> Result<Resolved> {
    let mut forms = Vec::with_capacity(shards.len());
    let mut frequencies = [0_u64; 2];
    for shard in shards {
        let exact = form(term, term.text.clone(), shard, ranking, &mut frequencies)?;
        let mut handles = [None, None];
        for field in fields(term) {
            let union: Union = shard.union(*field, &term.text)?;
            frequencies[*field] += union.documents.len() as u64;
            if !union.documents.is_empty() {
                handles[*field] = Some(Handle::Union(Arc::new(union)));
            }
        }
        let longer = Form {
            text: format!("{}*", term.text),
            weight: ranking.prefix_weight,
            handles,
        };
        forms.push(exact.into_iter().chain([longer]).collect());
    }
    Ok(Resolved::new(forms, frequencies, statistics))
}

impl Resolved {
    fn new(forms: Vec<Arc<[Form]>>, frequencies: [u64; 2], statistics: &Statistics) -> Self {
        // Fields are not added: most words of a title are in the body as well.
        let frequency = frequencies[TITLE].max(frequencies[BODY]);
        Self {
            forms,
            idf: statistics.idf(frequency),
            frequency: frequencies[TITLE] + frequencies[BODY],
            many_forms: false,
        }
    }
}

fn fields(term: &Term) -> &'static [usize] {
    if term.title_only {
        &[TITLE]
    } else {
        &[TITLE, BODY]
    }
}

/// One form in one shard, if it is there; adds to the frequencies in title and body.
fn form(
    term: &Term,
    text: String,
    shard: &Shard<'_>,
    ranking: &Ranking,
    frequencies: &mut [u64; 2],
) -> Result<Option<Form>> {
    let mut handles = [None, None];
    for field in fields(term) {
        handles[*field] = shard.term(*field, &text)?;
        frequencies[*field] += handles[*field]
            .as_ref()
            .map_or(0, Handle::document_frequency);
    }
    let found = handles.iter().any(Option::is_some);
    Ok(found.then(|| Form {
        weight: form_weight(term, &text, ranking),
        text,
        handles,
    }))
}

fn class_forms(term: &Term, shard: &Shard<'_>) -> Vec<String> {
    let mut texts = vec![term.text.clone()];
    if term.key != term.text {
        texts.push(term.key.clone());
    }
    shard.class_forms(&term.key, &mut |form| {
        if form != term.text {
            texts.push(form.to_owned());
        }
    });
    texts.sort_unstable();
    texts.dedup();
    texts
}

enum PrefixForms {
    Few(BTreeSet<String>),
    Many {
        /// Sum over the forms, or a large number.
        frequency: u64,
    },
}

fn prefix_forms(term: &Term, shards: &[Shard<'_>]) -> Result<PrefixForms> {
    let mut texts = BTreeSet::new();
    let (mut counted, mut frequency) = (0, 0);
    for shard in shards {
        for field in fields(term) {
            shard.prefix_terms(*field, &term.text, &mut |text, documents| {
                counted += 1;
                frequency += documents;
                if texts.len() <= MAX_PREFIX_FORMS && !texts.contains(text) {
                    texts.insert(text.to_owned());
                }
                if counted > MAX_COUNTED_FORMS && texts.len() > MAX_PREFIX_FORMS {
                    frequency = MANY_POSTINGS;
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
        }
    }
    Ok(if texts.len() <= MAX_PREFIX_FORMS {
        PrefixForms::Few(texts)
    } else {
        PrefixForms::Many { frequency }
    })
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
