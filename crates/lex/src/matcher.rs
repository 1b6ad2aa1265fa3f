//! Conditions on documents as iterators that only move forward.

use crate::analyzer::class_key;
use crate::cursor::{Cursor, END, PositionCursor};
use crate::document_set::DocumentSet;
use crate::error::Result;
use crate::query::Node;
use crate::resolve::{Resolved, differs_in_accents_only};
use crate::schema::Keyword;
use crate::shard::{BODY, KeywordDocuments, Shard, TITLE};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A condition on uris that begin alike is left undecided when there are more of them in a shard.
const MAX_URIS: usize = 256;

/// The documents of one shard that fulfil a condition.
pub(crate) enum Matcher<'a> {
    Nothing,
    Everything {
        documents: u32,
    },
    Postings(Cursor<'a>),
    List {
        documents: Vec<u32>,
        index: usize,
    },
    Set(Arc<DocumentSet>),
    Dates {
        shard: Shard<'a>,
        range: RangeInclusive<i64>,
    },
    Phrase(Box<PhraseMatcher<'a>>),
    All(Vec<Matcher<'a>>),
    Any(Vec<Matcher<'a>>),
    Not {
        inside: Box<Matcher<'a>>,
        documents: u32,
        /// What [`Matcher::seek`] gave last: `inside` stands there or behind, so that nothing before can be asked of it.
        found: Option<u32>,
    },
}

impl<'a> Matcher<'a> {
    /// The documents of `shard` (number `index` of those resolved) that fulfil `node`.
    pub(crate) fn new(
        node: &Node,
        resolved: &[Resolved],
        shard: Shard<'a>,
        index: usize,
    ) -> Result<Self> {
        let build = |node: &Node| Self::new(node, resolved, shard, index);
        Ok(match node {
            Node::Everything => Self::everything(shard),
            Node::Term(id) => {
                let mut cursors = Vec::new();
                for form in resolved.get(*id).map_or(&[][..], |term| &term.forms[index]) {
                    for (field, handle) in form.handles.iter().enumerate() {
                        if let Some(handle) = handle {
                            cursors.push(Self::Postings(shard.cursor(field, handle)?));
                        }
                    }
                }
                Self::any(cursors)
            }
            Node::Phrase { words, title_only } => {
                let fields: &[usize] = if *title_only {
                    &[TITLE]
                } else {
                    &[TITLE, BODY]
                };
                let mut phrases = Vec::new();
                for field in fields {
                    phrases.extend(PhraseMatcher::new(words, shard, *field)?);
                }
                Self::any(
                    phrases
                        .into_iter()
                        .map(|phrase| Self::Phrase(Box::new(phrase)))
                        .collect(),
                )
            }
            Node::Keyword { field, value } => match shard.keyword_documents(&field.term(value))? {
                KeywordDocuments::List(documents) => Self::list(documents),
                KeywordDocuments::Set(set) => Self::Set(set),
            },
            Node::KeywordPrefix { field, value } => {
                Self::list(keyword_prefix(shard, *field, value)?)
            }
            Node::UriPrefix(prefix) => {
                let prefix = Keyword::Uri.prefix(prefix);
                match shard.few_keywords_documents(&prefix, MAX_URIS)? {
                    Some(documents) => Self::list(documents),
                    None => Self::everything(shard),
                }
            }
            Node::Date(range) => Self::dates(shard, range),
            Node::All(nodes) => Self::All(nodes.iter().map(build).collect::<Result<_>>()?),
            Node::Any(nodes) => Self::any(nodes.iter().map(build).collect::<Result<_>>()?),
            Node::Not(node) => Self::Not {
                inside: Box::new(build(node)?),
                documents: shard.document_count(),
                found: None,
            },
        })
    }

    /// All of several conditions; everything when there are none.
    pub(crate) fn all_of(
        nodes: &[Node],
        resolved: &[Resolved],
        shard: Shard<'a>,
        index: usize,
    ) -> Result<Self> {
        let mut matchers = nodes
            .iter()
            .map(|node| Self::new(node, resolved, shard, index))
            .collect::<Result<Vec<_>>>()?;
        // What leaps furthest goes first; what looks at every document goes last.
        matchers.sort_by_key(Self::step_cost);
        Ok(match matchers.len() {
            0 => Self::everything(shard),
            1 => matchers.swap_remove(0),
            _ => Self::All(matchers),
        })
    }

    fn any(mut matchers: Vec<Self>) -> Self {
        match matchers.len() {
            0 => Self::Nothing,
            1 => matchers.swap_remove(0),
            _ => Self::Any(matchers),
        }
    }

    fn everything(shard: Shard<'a>) -> Self {
        Self::Everything {
            documents: shard.document_count(),
        }
    }

    fn dates(shard: Shard<'a>, range: &RangeInclusive<i64>) -> Self {
        let all = shard.timestamps();
        if range.is_empty() || range.end() < all.start() || all.end() < range.start() {
            Self::Nothing
        } else if range.contains(all.start()) && range.contains(all.end()) {
            Self::everything(shard)
        } else {
            Self::Dates {
                shard,
                range: range.clone(),
            }
        }
    }

    fn list(documents: Vec<u32>) -> Self {
        Self::List {
            documents,
            index: 0,
        }
    }

    fn step_cost(&self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::List { .. } | Self::Set(_) => 1,
            Self::Postings(_) => 2,
            Self::Any(_) | Self::All(_) => 3,
            Self::Phrase(_) => 4,
            Self::Dates { .. } | Self::Not { .. } | Self::Everything { .. } => 5,
        }
    }

    /// How many documents match at most.
    pub(crate) fn most(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Everything { documents } => u64::from(*documents),
            Self::List { documents, .. } => documents.len() as u64,
            Self::Set(set) => u64::from(set.count()),
            Self::Postings(cursor) => cursor.document_frequency(),
            Self::Dates { .. } | Self::Phrase(_) | Self::Not { .. } => u64::MAX,
            Self::All(matchers) => matchers.iter().map(Self::most).min().unwrap_or(u64::MAX),
            Self::Any(matchers) => matchers
                .iter()
                .fold(0, |sum, matcher| sum.saturating_add(matcher.most())),
        }
    }

    /// Whether `document` matches. Documents must not decrease, nor lie before a target of [`Matcher::seek`]; they may lie
    /// before what it gave. Does not look any further, which can be far.
    #[inline]
    pub(crate) fn holds(&mut self, document: u32) -> bool {
        match self {
            Self::Set(set) => set.contains(document),
            Self::Dates { shard, range } => range.contains(&shard.timestamp(document)),
            Self::Not { inside, found, .. } => match *found {
                Some(found) if document <= found => document == found,
                _ => !inside.holds(document),
            },
            Self::All(matchers) => matchers.iter_mut().all(|matcher| matcher.holds(document)),
            Self::Any(matchers) => matchers.iter_mut().any(|matcher| matcher.holds(document)),
            Self::Phrase(phrase) => phrase.holds(document),
            _ => self.seek(document) == document,
        }
    }

    /// [`Matcher::seek`] without looking at positions: documents that it gives match if [`Matcher::confirm`] says so.
    pub(crate) fn candidate(&mut self, target: u32) -> u32 {
        match self {
            Self::Phrase(phrase) => phrase.candidate(target),
            Self::All(matchers) => common_document(matchers, target, Self::candidate),
            Self::Any(matchers) => matchers
                .iter_mut()
                .map(|matcher| matcher.candidate(target))
                .min()
                .unwrap_or(END),
            _ => self.seek(target),
        }
    }

    /// Whether the last candidate matches.
    pub(crate) fn confirm(&mut self, document: u32) -> bool {
        match self {
            Self::Phrase(phrase) => phrase.matches(document),
            Self::All(matchers) => matchers.iter_mut().all(|matcher| matcher.confirm(document)),
            Self::Any(matchers) => matchers.iter_mut().any(|matcher| {
                matcher.candidate(document) == document && matcher.confirm(document)
            }),
            _ => true,
        }
    }

    /// Whether [`Matcher::confirm`] has anything to look at.
    pub(crate) fn has_phrases(&self) -> bool {
        match self {
            Self::Phrase(_) => true,
            Self::All(matchers) | Self::Any(matchers) => matchers.iter().any(Self::has_phrases),
            _ => false,
        }
    }

    /// The first matching document at or behind `target`, or [`END`]. Targets must not decrease; one may lie before what was
    /// given for the last.
    pub(crate) fn seek(&mut self, target: u32) -> u32 {
        match self {
            Self::Nothing => END,
            Self::Everything { documents } => {
                if target < *documents {
                    target
                } else {
                    END
                }
            }
            Self::Postings(cursor) => cursor.seek(target),
            Self::List { documents, index } => {
                // Most targets are near; gallop before searching.
                let mut step = 1;
                while documents
                    .get(*index + step)
                    .is_some_and(|document| *document < target)
                {
                    *index += step;
                    step *= 2;
                }
                let end = (*index + step + 1).min(documents.len());
                *index += documents[*index..end].partition_point(|document| *document < target);
                documents.get(*index).copied().unwrap_or(END)
            }
            Self::Set(set) => set.seek(target),
            Self::Dates { shard, range } => {
                let documents = shard.document_count();
                (target..documents)
                    .find(|document| range.contains(&shard.timestamp(*document)))
                    .unwrap_or(END)
            }
            Self::Phrase(phrase) => phrase.seek(target),
            Self::All(matchers) => common_document(matchers, target, Self::seek),
            Self::Any(matchers) => matchers
                .iter_mut()
                .map(|matcher| matcher.seek(target))
                .min()
                .unwrap_or(END),
            Self::Not {
                inside,
                documents,
                found,
            } => match *found {
                Some(found) if target <= found => found,
                _ => *found.insert(
                    (target..*documents)
                        .find(|document| !inside.holds(*document))
                        .unwrap_or(END),
                ),
            },
        }
    }
}

/// The first document at or behind `target` that all of `iterators` hold. `seek` moves one of them.
fn common_document<T>(iterators: &mut [T], target: u32, seek: impl Fn(&mut T, u32) -> u32) -> u32 {
    let mut document = target;
    'candidates: loop {
        for iterator in iterators.iter_mut() {
            let found = seek(iterator, document);
            if found == END {
                return END;
            }
            if found > document {
                document = found;
                continue 'candidates;
            }
        }
        return document;
    }
}

fn keyword_prefix(shard: Shard<'_>, field: Keyword, value: &str) -> Result<Vec<u32>> {
    shard.keyword_prefix_documents(&field.prefix(value))
}

/// Words at fixed distances in one field.
pub(crate) struct PhraseMatcher<'a> {
    words: Vec<PhraseWord<'a>>,
    scratch: Vec<u32>,
    starts: Vec<u32>,
    positions: Vec<u32>,
}

struct PhraseWord<'a> {
    offset: u32,
    forms: Vec<(Cursor<'a>, PositionCursor<'a>)>,
}

impl PhraseWord<'_> {
    fn frequency(&self) -> u64 {
        let cursors = self.forms.iter().map(|(cursor, _)| cursor);
        cursors.map(Cursor::document_frequency).sum()
    }

    fn seek(&mut self, target: u32) -> u32 {
        self.forms
            .iter_mut()
            .map(|(cursor, _)| cursor.seek(target))
            .min()
            .unwrap_or(END)
    }

    /// Appends where the phrase would have to begin for each occurrence in `document`, ascending.
    fn append_starts(&mut self, document: u32, scratch: &mut Vec<u32>, starts: &mut Vec<u32>) {
        for (cursor, positions) in &mut self.forms {
            if cursor.document() == document {
                positions.append(document, scratch, starts);
            }
        }
        if self.forms.len() > 1 {
            starts.sort_unstable();
        }
        let offset = self.offset;
        starts.retain(|position| *position >= offset);
        starts.iter_mut().for_each(|position| *position -= offset);
    }
}

impl<'a> PhraseMatcher<'a> {
    /// `None` when one of the words is nowhere in the field.
    fn new(words: &[(u32, String)], shard: Shard<'a>, field: usize) -> Result<Option<Self>> {
        let mut found = Vec::with_capacity(words.len());
        let first = words.first().map_or(0, |(offset, _)| *offset);
        for (offset, word) in words {
            let mut texts = BTreeSet::from([word.clone()]);
            let key = class_key(word);
            if differs_in_accents_only(word, &key) {
                texts.insert(key.to_string());
            }
            shard.class_forms(&key, &mut |form| {
                if differs_in_accents_only(word, form) {
                    texts.insert(form.to_owned());
                }
            });
            let mut forms = Vec::new();
            for text in texts {
                if let Some(handle) = shard.term(field, &text)? {
                    forms.push((
                        shard.cursor(field, &handle)?,
                        shard.positions(field, &handle)?,
                    ));
                }
            }
            if forms.is_empty() {
                return Ok(None);
            }
            found.push(PhraseWord {
                offset: offset - first,
                forms,
            });
        }
        // The rarest goes first.
        found.sort_by_key(PhraseWord::frequency);
        Ok(Some(Self {
            words: found,
            scratch: Vec::new(),
            starts: Vec::new(),
            positions: Vec::new(),
        }))
    }

    fn seek(&mut self, target: u32) -> u32 {
        let mut document = self.candidate(target);
        while document != END && !self.matches(document) {
            document = self.candidate(document + 1);
        }
        document
    }

    /// The first document at or behind `target` that holds all words.
    fn candidate(&mut self, target: u32) -> u32 {
        common_document(&mut self.words, target, PhraseWord::seek)
    }

    /// Whether the phrase is in `document`.
    fn holds(&mut self, document: u32) -> bool {
        let mut words = self.words.iter_mut();
        words.all(|word| word.seek(document) == document) && self.matches(document)
    }

    fn matches(&mut self, document: u32) -> bool {
        let Self {
            words,
            scratch,
            starts,
            positions,
        } = self;
        let Some((first, rest)) = words.split_first_mut() else {
            return false;
        };
        if rest.is_empty() {
            return true;
        }
        starts.clear();
        first.append_starts(document, scratch, starts);
        for word in rest {
            if starts.is_empty() {
                return false;
            }
            positions.clear();
            word.append_starts(document, scratch, positions);
            starts.retain(|start| positions.binary_search(start).is_ok());
        }
        !starts.is_empty()
    }
}
