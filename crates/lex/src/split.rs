//! A ranked search of several segments by two threads.
//!
//! Each takes the next segment that nobody has taken, and leaves out what cannot be a hit going by both. Which thread takes
//! which segment changes nothing in the result: the order of hits is total, and documents that are left out score less than
//! enough others.

use crate::collect::{Best, Floor};
use crate::error::Result;
use crate::helper;
use crate::index::LexIndex;
use crate::query::Query;
use crate::rank::{Norms, Ranking};
use crate::resolve::Lookup;
use crate::search::{MAX_COUNTED_POSTINGS, SearchRequest, Searcher, guarded};
use crate::shard::Shard;
use crate::shard_search::{Count, Effort, ShardSearch};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// From this many postings on a second thread is worth being woken, which takes some ten microseconds.
const MIN_POSTINGS: u64 = 30_000;
const _: () = assert!(MIN_POSTINGS > MAX_COUNTED_POSTINGS);

/// What one thread found.
pub(crate) struct Found {
    pub best: Best,
    pub count: Count,
}

impl Found {
    pub(crate) fn nothing(best: Best) -> Self {
        Self {
            best,
            count: Count {
                documents: 0,
                is_exact: true,
            },
        }
    }

    pub(crate) fn add(&mut self, count: Count) {
        self.count.documents += count.documents;
        self.count.is_exact &= count.is_exact;
    }
}

/// A search that two threads share.
pub(crate) struct Split {
    index: LexIndex,
    query: Query,
    ranking: Ranking,
    lookup: Arc<Lookup>,
    norms: Arc<Norms>,
    limit: usize,
    floor: Floor,
    /// Segments, the largest first, and how many of them are taken.
    order: Vec<usize>,
    taken: AtomicUsize,
    helping: Mutex<Helping>,
    ended: Condvar,
}

/// What became of the call for help.
enum Helping {
    Awaited,
    Begun,
    Ended(Result<Found>),
    /// There is nothing left to do.
    Late,
}

impl Split {
    /// A search for ranked words with so many postings, if it is worth it. Without conditions: those are asked for in order.
    pub(crate) fn worthwhile(
        searcher: &Searcher<'_>,
        request: &SearchRequest<'_>,
        lookup: &Arc<Lookup>,
        norms: &Arc<Norms>,
        postings: u64,
        limit: usize,
    ) -> Option<Arc<Self>> {
        let query = request.query;
        let is_conditional =
            request.accept.is_some() || !query.must.is_empty() || !query.must_not.is_empty();
        if postings < MIN_POSTINGS
            || searcher.index.segments().len() < 2
            || is_conditional
            || lookup.brings_together()
            || !helper::exists()
        {
            return None;
        }
        Some(Arc::new(Self::new(searcher, query, lookup, norms, limit)))
    }

    fn new(
        searcher: &Searcher<'_>,
        query: &Query,
        lookup: &Arc<Lookup>,
        norms: &Arc<Norms>,
        limit: usize,
    ) -> Self {
        let segments = searcher.index.segments();
        let mut order: Vec<usize> = (0..segments.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(segments[*index].document_count()));
        Self {
            index: searcher.index.clone(),
            query: query.clone(),
            ranking: searcher.ranking,
            lookup: Arc::clone(lookup),
            norms: Arc::clone(norms),
            limit,
            floor: Floor::default(),
            order,
            taken: AtomicUsize::new(0),
            helping: Mutex::new(Helping::Awaited),
            ended: Condvar::new(),
        }
    }

    /// Runs the search on `shards`, with help if it comes in time.
    pub(crate) fn run(self: &Arc<Self>, shards: &[Shard<'_>]) -> Result<Found> {
        helper::offer(self);
        let mut found = Found::nothing(Best::sharing(self.limit, &self.floor));
        let mine = self.search_pending(shards, &mut found);
        let mine = mine.and_then(|()| self.take_segments(shards, &mut found));
        let theirs = self.end();
        mine?;
        if let Some(theirs) = theirs {
            let theirs = theirs?;
            found.add(theirs.count);
            found.best.extend(theirs.best);
        }
        Ok(found)
    }

    /// The second thread's part.
    pub(crate) fn help(&self) {
        let mut helping = self.helping();
        if !matches!(*helping, Helping::Awaited) {
            return;
        }
        *helping = Helping::Begun;
        drop(helping);
        let found = guarded("search", || {
            let segments = self.index.segments().iter();
            let shard = |segment| Shard::of_segment(segment);
            let shards = segments.map(shard).collect::<Result<Vec<_>>>()?;
            let mut found = Found::nothing(Best::sharing(self.limit, &self.floor));
            self.take_segments(&shards, &mut found)?;
            Ok(found)
        });
        *self.helping() = Helping::Ended(found);
        self.ended.notify_one();
    }

    fn helping(&self) -> std::sync::MutexGuard<'_, Helping> {
        self.helping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for help that has come, and turns away help that has not.
    fn end(&self) -> Option<Result<Found>> {
        let mut helping = self.helping();
        loop {
            match std::mem::replace(&mut *helping, Helping::Late) {
                Helping::Awaited | Helping::Late => return None,
                Helping::Ended(found) => return Some(found),
                Helping::Begun => {
                    *helping = Helping::Begun;
                    let waited = self.ended.wait(helping);
                    helping = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Pending documents come behind the segments. They are searched by who holds them locked.
    fn search_pending(&self, shards: &[Shard<'_>], found: &mut Found) -> Result<()> {
        (self.order.len()..shards.len()).try_for_each(|index| self.search(shards, index, found))
    }

    /// Searches the segments that nobody has taken.
    fn take_segments(&self, shards: &[Shard<'_>], found: &mut Found) -> Result<()> {
        while let Some(index) = self.order.get(self.taken.fetch_add(1, Ordering::Relaxed)) {
            self.search(shards, *index, found)?;
        }
        Ok(())
    }

    fn search(&self, shards: &[Shard<'_>], index: usize, found: &mut Found) -> Result<()> {
        let search = ShardSearch::new(
            &self.query,
            self.lookup.looked_up(),
            shards[index],
            index,
            &self.ranking,
            &self.norms,
            None,
        );
        // So many postings are not counted out, and without conditions there is no effort.
        let count = search.ranked(&mut found.best, false, &mut Effort::new())?;
        found.add(count);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::collect::Candidate;
    use crate::{Document, PendingIndex, SegmentBuilder};
    use tantivy::directory::OwnedBytes;

    /// Segments of very different sizes, with words of very different frequencies.
    fn segments() -> LexIndex {
        let mut state = 7_u64;
        let mut random = move |most: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % most
        };
        let mut frame = 0;
        let blobs = [900, 10, 400, 1_300].map(|documents| {
            let mut builder = SegmentBuilder::new(15_000_000).unwrap();
            for _ in 0..documents {
                let words = 1 + random(30);
                let mut body = String::new();
                for _ in 0..words {
                    let most = 1 + random(40);
                    body += &format!("word{} ", random(most));
                }
                builder
                    .add(&Document {
                        frame_id: frame,
                        body: &body,
                        boost: if random(50) == 0 { 2.0 } else { 1.0 },
                        ..Document::default()
                    })
                    .unwrap();
                frame += 1;
            }
            OwnedBytes::new(builder.finish().unwrap())
        });
        LexIndex::open(blobs.into()).unwrap()
    }

    fn split(searcher: &Searcher<'_>, query: &Query, lookup: &Arc<Lookup>, limit: usize) -> Split {
        let norms = Arc::new(Norms::new(&searcher.ranking, &lookup.statistics));
        Split::new(searcher, query, lookup, &norms, limit)
    }

    fn sorted(found: Found) -> Vec<(u32, u64)> {
        let of = |candidate: Candidate| (candidate.score.to_bits(), candidate.frame_id);
        found.best.into_sorted().into_iter().map(of).collect()
    }

    #[test]
    fn two_threads_find_what_one_finds() {
        let (index, pending) = (segments(), PendingIndex::default());
        let searcher = Searcher::new(&index, &pending);
        for (text, limit) in [
            ("word1", 10),
            ("word0 word5 word30", 10),
            ("word0 word1 word2 word3 word37 word38 word39", 3),
            ("\"word1 word2\" OR word9", 25),
            ("word4 word4 nothing", 5_000),
        ] {
            let query = Query::parse(text).unwrap();
            let run = |helpers: usize| {
                searcher.with_shards(|shards| {
                    let lookup = Arc::new(searcher.look_up(&query, shards)?);
                    let split = Arc::new(split(&searcher, &query, &lookup, limit));
                    std::thread::scope(|scope| {
                        (0..helpers).for_each(|_| drop(scope.spawn(|| split.help())));
                        split.run(shards)
                    })
                })
            };
            let alone = searcher
                .with_shards(|shards| {
                    let lookup = Arc::new(searcher.look_up(&query, shards)?);
                    let split = split(&searcher, &query, &lookup, limit);
                    let mut found = Found::nothing(Best::new(limit));
                    split.take_segments(shards, &mut found)?;
                    Ok(sorted(found))
                })
                .unwrap();
            assert!(!alone.is_empty());
            for round in 0..50 {
                assert_eq!(sorted(run(round % 2).unwrap()), alone, "{text}");
            }
        }
    }

    #[test]
    fn help_that_comes_late_does_nothing() {
        let (index, pending) = (segments(), PendingIndex::default());
        let searcher = Searcher::new(&index, &pending);
        let query = Query::parse("word1").unwrap();
        searcher
            .with_shards(|shards| {
                let lookup = Arc::new(searcher.look_up(&query, shards)?);
                let split = split(&searcher, &query, &lookup, 10);
                assert!(split.end().is_none());
                split.help();
                assert_eq!(split.taken.load(Ordering::Relaxed), 0);
                Ok(())
            })
            .unwrap();
    }
}
