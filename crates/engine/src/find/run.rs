//! Running a search that was prepared, and making its hits.

use std::cell::OnceCell;
use std::sync::Arc;

use lex::{Plan, Query, SearchRequest, Searcher, Snippets};
use serde_json::Value;
use vec::FrameSet;

use super::{FindHit, FindMode, FindResult, PreparedFind, lex_disabled};
use crate::calendar::iso8601;
use crate::cursor::{By, Cursor};
use crate::error::Result;
use crate::fields;
use crate::fusion::{Both, DEEPER, Ranked, SEMANTIC_WEIGHT, first_documents, fuse};
use crate::meaning::{Accept, Admitted, nearest, score};
use crate::pictures;
use crate::shown::Buffers;
use crate::snapshot::AsOf;

/// Above this many postings a search is better run off the caller's thread.
const INLINE_POSTINGS: u64 = 100_000;
/// As much text of the log is indexed on the caller's thread at most, bytes: some hundred microseconds of work.
const INLINE_INDEXED: usize = 16 << 10;

/// Up to this many numbers of all vectors together a search by meaning runs on the caller's thread: some hundred
/// microseconds of work.
const INLINE_NUMBERS: usize = 10_000 * 1_536;

/// The same for pictures, all of which are compared in full.
const INLINE_PICTURE_NUMBERS: usize = 1_000 * 512;

/// Up to this many frames the selection of a search by meaning is found out on the caller's thread: some hundred
/// microseconds of work.
const INLINE_SELECTED: u64 = 1_000;

impl PreparedFind {
    /// Whether the search is so cheap that handing it to another thread would cost more.
    pub fn is_cheap(&self) -> Result<bool> {
        let snapshot = &self.snapshot;
        if self.vector.is_some() {
            let (numbers, most) = if self.is_among_pictures() {
                (snapshot.picture_numbers()?, INLINE_PICTURE_NUMBERS)
            } else {
                let index = snapshot.committed.vectors()?;
                (
                    index.dimension().unwrap_or(0) * index.count(),
                    INLINE_NUMBERS,
                )
            };
            if numbers > most {
                return Ok(false);
            }
            let committed = &snapshot.committed;
            if committed.frame_count() > INLINE_SELECTED
                && !self.accepts_all()
                && !committed.knows_selected(&self.selection, !self.selection.is_past())
            {
                return Ok(false);
            }
        }
        if self.demands.is_some() && snapshot.frame_count() > INLINE_SELECTED {
            return Ok(false);
        }
        let Some(query) = &self.query else {
            return Ok(true);
        };
        if snapshot.committed.lex_needs_building()
            || snapshot.pending.lex.waiting_bytes() > INLINE_INDEXED
        {
            return Ok(false);
        }
        let searcher = self.searcher()?;
        // What cannot be looked up fails soon enough: the search says why.
        Ok(match searcher.plan(query) {
            Ok(plan) => self.plan.get_or_init(|| plan).cost() <= INLINE_POSTINGS,
            Err(_) => true,
        })
    }

    /// Runs the search on the state it was prepared on.
    pub(super) fn run(&self) -> Result<FindResult> {
        let found = self.search();
        // What was found, or not, may be due to damage.
        self.snapshot.committed.check()?;
        found
    }

    fn search(&self) -> Result<FindResult> {
        if self.accepts_all() {
            // Asking is what most of a search's time would go to; where every answer is yes it is not asked.
            return self.run_among(Admitted::default());
        }
        if self.start.by == By::Words {
            let accept = |id: u64| {
                id < self.start.frames && self.selection.accepts_scattered(&self.snapshot, id)
            };
            return self.run_among(Admitted {
                accept: Some(&accept),
                ..Admitted::default()
            });
        }
        let committed = &self.snapshot.committed;
        let is_past = self.selection.is_past();
        let selected = committed.selected(&self.selection, !is_past);
        let selected = self.without_changes(selected);
        let sees = |id: u64| {
            id < self.start.frames && (!is_past || self.selection.sees(&self.snapshot, id))
        };
        let accept = |id: u64| {
            if id < committed.frame_count() {
                return selected.contains(id) && sees(id);
            }
            id < self.start.frames && self.selection.accepts_scattered(&self.snapshot, id)
        };
        let is_seen = !is_past && self.start.frames >= committed.frame_count();
        self.run_among(Admitted {
            accept: Some(&accept),
            committed: Some(&selected),
            accept_committed: (!is_seen).then_some(&sees),
        })
    }

    fn run_among(&self, admitted: Admitted<'_>) -> Result<FindResult> {
        match (self.start.by, &self.query, &self.vector) {
            (By::Words, Some(query), _) => self.run_by_words(query, admitted.accept),
            (By::Meaning, _, Some(vector)) => self.run_by_meaning(vector, admitted),
            (By::Both { depth }, Some(query), Some(vector)) => {
                self.run_by_both(query, vector, admitted, depth)
            }
            // There is what it is made by, or preparing failed.
            _ => Err(lex_disabled()),
        }
    }

    /// What is selected in the commit, without what the log says is no more.
    fn without_changes(&self, selected: Arc<FrameSet>) -> Arc<FrameSet> {
        let changes = &self.snapshot.pending.changes;
        if self.selection.is_past() || changes.is_empty() {
            return selected;
        }
        let mut selected = FrameSet::clone(&selected);
        let directory = &self.snapshot.committed.directory;
        for id in changes.keys() {
            // A piece of a document is never seen without it.
            for frame in std::iter::once(*id).chain(directory.chunks_of(*id)) {
                if selected.contains(frame) && !self.selection.sees(&self.snapshot, frame) {
                    selected.remove(frame);
                }
            }
        }
        Arc::new(selected)
    }

    fn run_by_words(&self, query: &Query, accept: Option<Accept<'_>>) -> Result<FindResult> {
        let found = self.search_words(query, accept, self.request.k, self.start.offset)?;
        let count = found.hits.len();
        let ranked = found.hits.into_iter().map(|hit| self.ranked(hit)).collect();
        let reached = self.start.offset + count;
        // What was not counted to the end goes on as long as pages are full.
        let more = count > 0
            && ((reached as u64) < found.total || !found.total_is_exact && count == self.request.k);
        self.result(
            "tantivy",
            ranked,
            (found.total, found.total_is_exact),
            more,
            found.warnings,
        )
    }

    fn run_by_meaning(&self, vector: &[f32], admitted: Admitted<'_>) -> Result<FindResult> {
        // One more tells whether there is another page.
        let wanted = self.start.offset + self.request.k;
        let (near, is_whole) = self.nearest_documents(vector, admitted, wanted + 1)?;
        let total = near.len();
        let page = near.into_iter().skip(self.start.offset);
        let ranked = page.take(self.request.k).collect();
        let more = total > wanted;
        let engine = if self.is_among_pictures() {
            "clip"
        } else {
            "vec"
        };
        self.result(
            engine,
            ranked,
            (total as u64, is_whole && !more),
            more,
            Vec::new(),
        )
    }

    /// Pages follow each other to the end: behind what the lists of the first page give come the documents that longer
    /// lists give besides, in their order.
    fn run_by_both(
        &self,
        query: &Query,
        vector: &[f32],
        admitted: Admitted<'_>,
        first_depth: usize,
    ) -> Result<FindResult> {
        let Some(demands) = &self.demands else {
            return self.run_fused(query, vector, admitted, first_depth);
        };
        let matching = self.matching(demands, admitted.accept)?;
        let committed = match admitted.committed {
            Some(selected) => selected.intersection(&matching),
            None => matching.clone(),
        };
        let accept = |id: u64| {
            matching.contains(self.document_of(id))
                && admitted.accept.is_none_or(|accept| accept(id))
        };
        let admitted = Admitted {
            committed: Some(&committed),
            accept: Some(&accept),
            ..admitted
        };
        self.run_fused(query, vector, admitted, first_depth)
    }

    /// The frames of documents that fulfil the demands of a query, pieces of theirs included.
    fn matching(&self, demands: &Query, accept: Option<Accept<'_>>) -> Result<FrameSet> {
        let snapshot = &*self.snapshot;
        let found = self.searcher()?.search(&SearchRequest {
            query: demands,
            limit: usize::try_from(snapshot.frame_count()).unwrap_or(usize::MAX),
            offset: 0,
            accept,
            explain: false,
        })?;
        let directory = &snapshot.committed.directory;
        let mut frames = FrameSet::new();
        for hit in found.hits {
            let document = self.document_of(hit.frame_id);
            if !frames.contains(document) {
                frames.insert(document);
                directory
                    .chunks_of(document)
                    .for_each(|piece| frames.insert(piece));
            }
        }
        Ok(frames)
    }

    fn run_fused(
        &self,
        query: &Query,
        vector: &[f32],
        admitted: Admitted<'_>,
        first_depth: usize,
    ) -> Result<FindResult> {
        let end = self.start.offset.saturating_add(self.request.k);
        let mut depth = first_depth;
        let mut both = self.fused(query, vector, admitted, depth)?;
        while both.ranked.len() <= end && !both.is_whole {
            depth = depth.saturating_mul(DEEPER);
            let deeper = self.fused(query, vector, admitted, depth)?;
            both.go_on_with(deeper);
        }
        let total = both.ranked.len();
        let page = both.ranked.into_iter().skip(self.start.offset);
        let ranked = page.take(self.request.k).collect();
        let total = (total as u64, both.is_whole);
        let more = total.0 > end as u64;
        self.result("hybrid", ranked, total, more, both.warnings)
    }

    /// The best `depth` documents by words and by meaning as one ranking.
    fn fused(
        &self,
        query: &Query,
        vector: &[f32],
        admitted: Admitted<'_>,
        depth: usize,
    ) -> Result<Both> {
        let (lexical, lexical_is_whole, warnings) =
            self.documents_with_words(query, admitted.accept, depth)?;
        let (semantic, semantic_is_whole) = self.nearest_documents(vector, admitted, depth)?;
        let weight = self.request.semantic_weight.unwrap_or(SEMANTIC_WEIGHT);
        let fusion = self.request.fusion;
        Ok(Both {
            ranked: fuse(lexical, semantic, fusion, weight, self.request.explain),
            is_whole: lexical_is_whole && semantic_is_whole,
            warnings,
        })
    }

    fn search_words(
        &self,
        query: &Query,
        accept: Option<Accept<'_>>,
        limit: usize,
        offset: usize,
    ) -> Result<lex::SearchResult> {
        let searcher = self.searcher()?;
        let request = SearchRequest {
            query,
            limit,
            offset,
            accept,
            explain: self.request.explain,
        };
        let found = match self.plan.get() {
            Some(plan) => searcher.run(plan, &request),
            None => searcher.search(&request),
        }?;
        let postings = self.plan.get().map_or(0, Plan::cost);
        self.snapshot.committed.note_search(postings);
        Ok(found)
    }

    fn searcher(&self) -> Result<Searcher<'_>> {
        let snapshot = &self.snapshot;
        Ok(Searcher::new(
            snapshot.committed.lex()?,
            snapshot.pending.lex.whole(),
        ))
    }

    /// The best documents by words, each with its best piece; whether those are all; what was not searched for.
    fn documents_with_words(
        &self,
        query: &Query,
        accept: Option<Accept<'_>>,
        limit: usize,
    ) -> Result<(Vec<Ranked>, bool, Vec<String>)> {
        first_documents(limit, |pieces| {
            let found = self.search_words(query, accept, pieces, 0)?;
            let ranked = found.hits.into_iter().map(|hit| self.ranked(hit)).collect();
            Ok((ranked, found.warnings))
        })
    }

    /// The nearest documents, and whether those are all that have a vector.
    fn nearest_documents(
        &self,
        vector: &[f32],
        admitted: Admitted<'_>,
        limit: usize,
    ) -> Result<(Vec<Ranked>, bool)> {
        let explain = self.request.explain;
        let (documents, is_all, ()) = first_documents(limit, |frames| {
            let snapshot = &self.snapshot;
            let near = if self.is_among_pictures() {
                pictures::nearest(snapshot, vector, frames, admitted)?
            } else {
                nearest(snapshot, vector, frames, admitted, self.request.recall)?
            };
            let ranked = near.into_iter().map(|hit| Ranked {
                document: self.document_of(hit.frame_id),
                frame_id: hit.frame_id,
                score: score(&hit),
                matches: 0,
                explain: explain.then(|| {
                    serde_json::json!({
                        "similarity": hit.similarity,
                        "distance": hit.unit_distance(),
                    })
                }),
            });
            Ok((ranked.collect(), ()))
        })?;
        Ok((documents, is_all))
    }

    fn document_of(&self, frame_id: u64) -> u64 {
        let brief = self.snapshot.brief(frame_id);
        brief.and_then(|brief| brief.parent).unwrap_or(frame_id)
    }

    fn ranked(&self, hit: lex::Hit) -> Ranked {
        Ranked {
            document: self.document_of(hit.frame_id),
            frame_id: hit.frame_id,
            score: f64::from(hit.score),
            matches: hit.matches,
            explain: hit.explain.map(|parts| explanation(&parts)),
        }
    }

    /// The answer with a page of hits.
    fn result(
        &self,
        engine: &'static str,
        ranked: Vec<Ranked>,
        (total_hits, total_is_exact): (u64, bool),
        more: bool,
        found_warnings: Vec<String>,
    ) -> Result<FindResult> {
        // Of a search by meaning the words only choose pieces of long texts, and are not read before there is one.
        let words = OnceCell::new();
        let words = || -> Option<&Query> {
            let parsed = || Query::parse(&self.request.query).ok();
            self.query
                .as_ref()
                .or_else(|| words.get_or_init(parsed).as_ref())
        };
        let mut snippets = None;
        let mut buffers = Buffers::default();
        let mut hits = Vec::with_capacity(ranked.len());
        for (index, ranked) in ranked.into_iter().enumerate() {
            let rank = self.start.offset + index + 1;
            hits.push(self.hit(rank, ranked, &words, &mut snippets, &mut buffers)?);
        }
        let mut warnings = self.warnings.clone();
        warnings.extend(found_warnings);
        if self.vector.is_some() && !self.is_among_pictures() {
            warnings.extend(self.loss()?);
        }
        let damaged = self.snapshot.committed.not_indexed();
        if damaged > 0 && self.query.is_some() {
            warnings.push(format!(
                "{damaged} frames are damaged and were not searched; verify({{ deep: true }}) names them."
            ));
        }
        Ok(FindResult {
            query: self.request.query.clone(),
            engine,
            next_cursor: more.then(|| {
                let offset = self.start.offset + hits.len();
                Cursor {
                    offset,
                    ..self.start
                }
                .to_string()
            }),
            hits,
            total_hits,
            total_is_exact,
            warnings,
            took_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Says that vectors are missing, when they are.
    fn loss(&self) -> Result<Option<String>> {
        let committed = &self.snapshot.committed;
        let index = committed.vectors()?;
        let lost = self.lost()?;
        if lost > 0 {
            return Ok(Some(format!(
                "{lost} frames lost their vectors, to another program or to damage, and cannot be found by meaning until `reembed` has made them again."
            )));
        }
        Ok(index.is_approximate().then(|| {
            "The vectors were stored by another program in a form that keeps them only approximately."
                .to_owned()
        }))
    }

    /// Frames that lost their vectors, of those that are asked about: nothing is said of others.
    fn lost(&self) -> Result<u64> {
        let snapshot = &self.snapshot;
        let lost = snapshot.vectors_lost()?;
        if lost == 0 || self.selection.is_unrestricted() {
            return Ok(lost);
        }
        let mut lost = 0;
        for id in 0..snapshot.frame_count() {
            let is_asked_about =
                self.selection.covers(snapshot, id) && snapshot.is_visible(id, AsOf::default());
            lost += u64::from(is_asked_about && snapshot.has_lost_vector(id)?);
        }
        Ok(lost)
    }

    fn is_among_pictures(&self) -> bool {
        self.request.mode == FindMode::Clip
    }

    /// Whether every frame of the state may be a hit.
    fn accepts_all(&self) -> bool {
        let snapshot = &self.snapshot;
        self.selection.is_unrestricted()
            && self.start.frames >= snapshot.frame_count()
            && snapshot.active_count() == snapshot.frame_count()
    }

    fn hit<'q>(
        &self,
        rank: usize,
        hit: Ranked,
        words: &dyn Fn() -> Option<&'q Query>,
        snippets: &mut Option<Option<Snippets<'q>>>,
        buffers: &mut Buffers,
    ) -> Result<FindHit> {
        let id = hit.frame_id;
        let committed = &self.snapshot.committed;
        let (view, text) = if id < committed.frame_count() {
            committed.shown(id, buffers)?
        } else {
            (self.snapshot.view(id)?, None)
        };
        let text = match text {
            Some(text) => text,
            None => self.snapshot.text(id, &view)?,
        };
        let characters = self.request.snippet_chars;
        let by_words = self.start.by != By::Meaning;
        let is_whole = text.len() <= characters;
        let snippets = if by_words || !is_whole {
            let snippets = snippets.get_or_insert_with(|| words().map(Snippets::new));
            snippets.as_mut()
        } else {
            None
        };
        let place = match snippets {
            Some(snippets) => snippets.find(&text, characters),
            None => lex::Place {
                range: 0..text
                    .char_indices()
                    .nth(characters)
                    .map_or(text.len(), |(at, _)| at),
                matches: 0,
            },
        };
        // Nobody looked for words where meaning is all that was asked for.
        let matches = if by_words {
            place.matches.max(hit.matches)
        } else {
            0
        };
        Ok(FindHit {
            rank,
            frame_id: id,
            parent_id: view.parent_id,
            uri: view.uri.unwrap_or_default().to_owned(),
            title: view.title.unwrap_or_default().to_owned(),
            matches,
            snippet: place.range,
            text,
            score: hit.score as f32,
            tags: view.tags.to_strings(),
            labels: view.labels.to_strings(),
            kind: view.kind.map(str::to_owned),
            track: view.track.map(str::to_owned),
            content_dates: view.content_dates.to_strings(),
            created_at: iso8601(view.timestamp),
            timestamp: view.timestamp,
            metadata: fields::metadata(&view),
            explain: hit.explain,
        })
    }
}

fn explanation(parts: &lex::Explanation) -> Value {
    let terms: Vec<Value> = parts
        .terms
        .iter()
        .map(|term| {
            serde_json::json!({
                "field": term.field,
                "term": term.term,
                "frequency": term.frequency,
                "idf": term.idf,
                "score": term.score,
            })
        })
        .collect();
    serde_json::json!({
        "terms": terms,
        "coordination": parts.coordination,
        "phrase": parts.phrase,
        "speaker": parts.speaker,
        "date": parts.date,
        "boost": parts.boost,
    })
}
