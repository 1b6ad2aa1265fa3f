//! One lane of a large batch: it compresses, hashes, sketches and indexes slices, and writes their payloads.

use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use mv2::frame::Frame;
use mv2::toc::SegmentMeta;
use parking_lot::Mutex;

use super::{MOST_FRAMES, Shared, guarded};
use crate::bulk_feed::Slice;
use crate::bulk_index::LaneIndex;
use crate::document::{PreparedDocument, Preparer};
use crate::error::Result;
use crate::fresh::FreshFrames;
use crate::lex_sections;
use crate::naming::identify;
use crate::pictures::FreshPictures;

/// What one lane made.
#[derive(Default)]
pub struct Lane {
    /// Frames, by the first of them.
    pub slices: Vec<(u64, FreshFrames)>,
    /// Of its full-text index.
    pub sections: Vec<SegmentMeta>,
    /// The pictures of its frames.
    pub pictures: FreshPictures,
}

/// Stores slices of `queue` until there are no more.
pub fn run(shared: &Shared<'_>, number: usize, queue: &Mutex<Receiver<Slice>>) -> Lane {
    let mut lane = Lane::default();
    let mut worker = Worker {
        shared,
        preparer: Preparer::new(shared.level).enriching(shared.enrich),
        number,
        index: shared.indexes().then(|| LaneIndex::new(&shared.aside)),
    };
    loop {
        let next = queue.lock().recv();
        let Ok(slice) = next else { break };
        // After a failure the queue is emptied, so that nobody waits for room in it.
        if shared.is_stopped() {
            continue;
        }
        // A lane that panics goes on emptying the queue, too.
        let taken = guarded(|| worker.take(slice, &mut lane));
        if let Err(error) = taken {
            shared.fail(error);
        }
    }
    if !shared.is_stopped() {
        match guarded(|| worker.finish()) {
            Ok(sections) => lane.sections = sections,
            Err(error) => shared.fail(error),
        }
    }
    lane
}

struct Worker<'s, 'a> {
    shared: &'s Shared<'a>,
    preparer: Preparer,
    /// Of the lane, from 0.
    number: usize,
    /// `None` where words are not indexed.
    index: Option<LaneIndex<'a>>,
}

impl Worker<'_, '_> {
    fn take(&mut self, slice: Slice, lane: &mut Lane) -> Result<()> {
        let mut frames: Vec<(Frame, [u8; 32])> = Vec::with_capacity(slice.documents.len());
        let mut payloads = Vec::new();
        let mut search_text_left = slice.search_text_budget;
        let mut vectors = Vec::new();
        for (index, document, pieces) in slice.documents {
            let mut prepared = self.preparer.prepare_pieces(document, pieces, index)?;
            let parent = slice.first_frame + frames.len() as u64;
            self.shared.check_picture(&prepared, index)?;
            let vector = prepared
                .frames
                .first_mut()
                .and_then(|first| first.vector.take());
            vectors.extend(vector.map(|vector| (parent, vector)));
            self.add(
                prepared,
                parent,
                &mut frames,
                &mut payloads,
                &mut search_text_left,
            )?;
            self.finish_full()?;
        }
        let place = self.shared.write(&payloads)?;
        for (frame, _) in &mut frames {
            frame.payload_offset += place;
            lane.pictures.take(frame);
        }
        let shared = self.shared;
        shared.vectors.take(
            slice.first_vector,
            vectors,
            &|bytes| shared.write(bytes),
            &|place, bytes| shared.write_at(place, bytes),
        )?;
        let mut fresh = FreshFrames::encode(frames.iter().map(|(frame, sketch)| (frame, sketch)))?;
        let before = self
            .shared
            .frames
            .fetch_add(fresh.length(), Ordering::Relaxed);
        if before > MOST_FRAMES {
            fresh.put_aside(&self.shared.aside);
        }
        lane.slices.push((slice.first_frame, fresh));
        Ok(())
    }

    fn add(
        &mut self,
        document: PreparedDocument,
        parent: u64,
        frames: &mut Vec<(Frame, [u8; 32])>,
        payloads: &mut Vec<u8>,
        search_text_left: &mut u64,
    ) -> Result<()> {
        let first = frames.len();
        for (number, prepared) in document.frames.into_iter().enumerate() {
            let mut frame = prepared.frame;
            let document = (number > 0).then_some(parent);
            identify(&mut frame, parent + number as u64, document);
            frame.payload_offset = payloads.len() as u64;
            payloads.extend_from_slice(&prepared.payload);
            if let Some(body) = prepared.body {
                if let Some(index) = &mut self.index {
                    let parent = frames.get(first).map(|(document, _)| document);
                    index.add(&lex_sections::document(&frame, parent, &body))?;
                }
                let present = frame.search_text.as_ref().map(String::len);
                let length = present.unwrap_or(body.len()) as u64;
                if present.is_none() && length <= *search_text_left {
                    frame.search_text = Some(body);
                }
                *search_text_left = search_text_left.saturating_sub(length);
            }
            // Our own preparer leaves none out.
            frames.push((frame, prepared.sketch.unwrap_or_default()));
        }
        Ok(())
    }

    /// Makes an index that is full a part, one lane at a time; who cannot have the turn now goes on filling its own for a
    /// while.
    fn finish_full(&mut self) -> Result<()> {
        let Some(index) = self.index.as_mut().filter(|index| index.is_full()) else {
            return Ok(());
        };
        let shared = self.shared;
        let _turn = match shared.finishing.try_lock() {
            Some(turn) => turn,
            None if !index.is_overfull() => return Ok(()),
            None => shared.finishing.lock(),
        };
        // What waits for the end of the vectors is counted, and takes memory: parts have to be among it.
        index.finish_part(shared.held.is_waiting(), &|bytes| shared.write(bytes))
    }

    /// The sections of all documents of this lane.
    fn finish(self) -> Result<Vec<SegmentMeta>> {
        let shared = self.shared;
        // What is merged is in memory twice.
        let turns = &shared.ending;
        let _turn = turns.get(self.number % turns.len()).map(Mutex::lock);
        let sections = self
            .index
            .map(|index| index.finish(&|bytes| shared.write(bytes)));
        Ok(sections.transpose()?.unwrap_or_default())
    }
}
