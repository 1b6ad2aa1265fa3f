//! Frames and texts as hits show them: the same few again and again, from anywhere in the file.
//!
//! What was found intact once is not hashed again, and short texts that were shown lately are not decoded again. In a large file the bytes are read instead of being touched in the
//! map: the system maps sixteen pages around every one that is touched, so that a few hundred answers from all over a
//! file of a gigabyte would make the process as large as the file. For the same reason the pages that searches touched
//! are given back now and then.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use mv2::view::FrameView;

use crate::committed::{Committed, check_frame, slice_of};
use crate::error::Result;
use crate::output;
use crate::text;

/// Files up to this size are read through the map, bytes.
const MAPPED: usize = 256 << 20;

/// Memory mapped from files that searches may add to the process before they give pages back, bytes.
const MOST_MAPPED: u64 = 256 << 20;
/// Bytes that searches may have touched before it is looked at how much is mapped.
const TOUCHED: u64 = 32 << 20;
/// What one search touches besides postings: some thirty places, in dictionaries mostly, sixteen pages each.
const TOUCHED_BY_ANY: u64 = 2 << 20;
/// What it touches for one posting, bytes.
const TOUCHED_BY_POSTING: u64 = 4;

/// One mark for each of many things.
struct Marks(Box<[AtomicU64]>);

impl Marks {
    fn new(count: u64) -> Self {
        Self((0..count.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }

    fn is_set(&self, index: u64) -> bool {
        self.0
            .get((index / 64) as usize)
            .is_some_and(|word| word.load(Ordering::Relaxed) >> (index % 64) & 1 == 1)
    }

    fn set(&self, index: u64) {
        if let Some(word) = self.0.get((index / 64) as usize) {
            word.fetch_or(1 << (index % 64), Ordering::Relaxed);
        }
    }
}

/// Which frames and payloads of a commit were found intact, and the texts that were shown last.
#[derive(Default)]
pub struct Intact {
    frames: OnceLock<Marks>,
    payloads: OnceLock<Marks>,
    texts: Mutex<Texts>,
}

/// Longest text that is kept, bytes: decoding it takes longer than copying it several times over.
const MOST_OF_TEXT: usize = 4 << 10;
/// Bytes of texts and frames in one generation.
const MOST_OF_TEXTS: usize = 4 << 20;

/// Texts by frame, with the bytes of the frames, in two generations: when the young one is full the old one is dropped, and the young one grows old.
#[derive(Default)]
struct Texts {
    young: HashMap<u64, Text>,
    old: HashMap<u64, Text>,
    young_bytes: usize,
}

/// A text that was shown.
#[derive(Debug, PartialEq, Eq)]
struct Text {
    /// The frame as it is encoded.
    frame: Box<[u8]>,
    text: Box<str>,
}

impl Text {
    fn copy(&self, frame: &mut Vec<u8>) -> String {
        frame.clear();
        frame.extend_from_slice(&self.frame);
        self.text.as_ref().to_owned()
    }
}

impl Texts {
    /// The text, and the frame into `frame`.
    fn get(&mut self, id: u64, frame: &mut Vec<u8>) -> Option<String> {
        if let Some(text) = self.young.get(&id) {
            return Some(text.copy(frame));
        }
        let text = self.old.remove(&id)?;
        let copy = text.copy(frame);
        self.keep(id, text);
        Some(copy)
    }

    fn keep(&mut self, id: u64, text: Text) {
        if text.text.len() > MOST_OF_TEXT || text.frame.len() > MOST_OF_TEXT {
            return;
        }
        // What the map needs for an entry counts as well.
        let bytes = text.text.len() + text.frame.len() + 64;
        if self.young_bytes + bytes > MOST_OF_TEXTS {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(id, text);
    }
}

/// Memory that is used for one hit after the other.
#[derive(Default)]
pub struct Buffers {
    frame: Vec<u8>,
    payload: Vec<u8>,
}

impl Committed {
    /// The fields of frame `id`, one of a few from anywhere in the file: see [`crate::shown`]. For many in a row
    /// [`Committed::frame`] is faster.
    pub fn scattered_frame<'a>(
        &'a self,
        id: u64,
        buffer: &'a mut Vec<u8>,
    ) -> Result<FrameView<'a>> {
        let encoded = self.scattered_bytes(id, buffer)?;
        self.parse(id, encoded)
    }

    /// The encoded frame `id`, found intact.
    fn scattered_bytes<'a>(&'a self, id: u64, buffer: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        let (offset, length, checksum) = self.place(id)?;
        let encoded = self.read(offset, length, buffer)?;
        let marks = self
            .intact
            .frames
            .get_or_init(|| Marks::new(self.frame_count()));
        if !marks.is_set(id) {
            check_frame(id, offset, encoded, checksum)?;
            marks.set(id);
        }
        Ok(encoded)
    }

    /// The fields of frame `id` and its text; the text is `None` when it is not the payload alone.
    pub fn shown<'a>(
        &'a self,
        id: u64,
        buffers: &'a mut Buffers,
    ) -> Result<(FrameView<'a>, Option<String>)> {
        let texts = || {
            let texts = self.intact.texts.lock();
            texts.unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(text) = texts().get(id, &mut buffers.frame) {
            return Ok((self.parse(id, &buffers.frame)?, Some(text)));
        }
        let Buffers { frame, payload } = buffers;
        let encoded = self.scattered_bytes(id, frame)?;
        let view = self.parse(id, encoded)?;
        if view.payload_length == 0 {
            return Ok((view, None));
        }
        let stored = self.read(view.payload_offset, view.payload_length, payload)?;
        let marks = self
            .intact
            .payloads
            .get_or_init(|| Marks::new(self.frame_count()));
        if !marks.is_set(id) {
            text::check_payload(&view, stored)?;
            marks.set(id);
        }
        let text = String::from_utf8(text::decoded_payload(&view, stored)?).ok();
        if let Some(text) = text.as_deref().filter(|text| text.len() <= MOST_OF_TEXT) {
            let shown = Text {
                frame: encoded.into(),
                text: text.into(),
            };
            texts().keep(id, shown);
        }
        Ok((view, text))
    }

    /// Notes that a search over so many postings has read the map, and gives the pages back when it is time.
    pub fn note_search(&self, postings: u64) {
        if self.map.len() <= MAPPED {
            return;
        }
        let touched = TOUCHED_BY_ANY + postings.saturating_mul(TOUCHED_BY_POSTING);
        let before = self.touched.fetch_add(touched, Ordering::Relaxed);
        if before != 0 && before.saturating_add(touched) <= TOUCHED {
            return;
        }
        // More than 0: this is not the first search.
        self.touched.store(1, Ordering::Relaxed);
        // Estimates are off by the factor that searches have pages in common: it is the process that tells.
        let Some(mapped) = mapped_from_files() else {
            return;
        };
        let at_first = *self.mapped_at_first.get_or_init(|| mapped);
        if mapped.saturating_sub(at_first) > MOST_MAPPED {
            self.map.release_pages();
        }
    }

    fn read<'a>(&'a self, offset: u64, length: u64, buffer: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        // Checks the place, too: it comes from disk.
        let mapped = slice_of(&self.map, offset, length, "payload")?;
        if self.map.len() <= MAPPED {
            return Ok(mapped);
        }
        buffer.resize(mapped.len(), 0);
        output::read_at(&self.storage, offset, buffer)?;
        Ok(buffer)
    }
}

/// How much of this process's memory is mapped from files, bytes. `None` where the system does not tell.
fn mapped_from_files() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssFile:"))?;
        let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kilobytes << 10)
    }
    #[cfg(not(target_os = "linux"))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_how_much_is_mapped() {
        // The program itself is mapped from a file.
        assert_eq!(
            mapped_from_files().is_some_and(|bytes| bytes > 0),
            cfg!(target_os = "linux")
        );
    }

    #[test]
    fn texts_that_were_shown_last_are_kept_in_bounds() {
        let mut texts = Texts::default();
        let text = |id: u64| Text {
            frame: format!("frame {id}").into_bytes().into(),
            text: format!("{id} ").repeat(100).into(),
        };
        let mut frame = Vec::new();
        for id in 0..40_000 {
            texts.keep(id, text(id));
            let found = texts.get(id, &mut frame).map(|text| text.into_boxed_str());
            assert_eq!(found, Some(text(id).text));
            assert_eq!(*frame, *text(id).frame);
            let first = texts.get(0, &mut frame);
            assert!(first.is_some(), "asked for again and again");
            if id % 1_000 == 0 {
                let kept = texts.young.values().chain(texts.old.values());
                let bytes: usize = kept.map(|kept| kept.text.len() + kept.frame.len()).sum();
                assert!(bytes <= 2 * MOST_OF_TEXTS);
            }
        }
        assert_eq!(texts.get(1, &mut frame), None);
        let long = || "x".repeat(MOST_OF_TEXT + 1);
        let (frame_is_long, text_is_long) = (
            Text {
                frame: long().into_bytes().into(),
                text: "".into(),
            },
            Text {
                frame: [].into(),
                text: long().into(),
            },
        );
        texts.keep(7, frame_is_long);
        texts.keep(8, text_is_long);
        assert_eq!(texts.get(7, &mut frame), None);
        assert_eq!(texts.get(8, &mut frame), None);
    }

    #[test]
    fn marks_are_kept_apart() {
        let marks = Marks::new(130);
        for index in [0, 63, 64, 129] {
            assert!(!marks.is_set(index));
            marks.set(index);
            assert!(marks.is_set(index));
        }
        assert!(!marks.is_set(1) && !marks.is_set(128));
        marks.set(1 << 40);
        assert!(!marks.is_set(1 << 40), "outside is never marked");
    }
}
