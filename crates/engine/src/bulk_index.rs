//! The full-text index of one lane of a large batch: built in memory a part at a time, and one section in the end.
//!
//! A search visits every section: in a few large ones it finds sooner, and touches less of the file, than in many small
//! ones. So parts that are done wait in a file without a name beside the memory, and are merged when the lane has no more
//! documents, or when they come to what a merge may take of memory. Where they cannot wait each is a section of its own.

use mv2::bytes::Bytes;
use mv2::toc::SegmentMeta;

use crate::bulk_aside::{Aside, Place};
use crate::error::{Code, Error, Result};
use crate::lex_sections;

/// Memory of one lane's index before it becomes a part, bytes.
const PART_MEMORY: usize = if cfg!(test) { 2 << 20 } else { 96 << 20 };
/// Memory that it may come to while another lane's becomes a part, bytes.
const LARGEST_INDEX: usize = PART_MEMORY / 4 * 5;
/// Parts that come to so many bytes are merged: that takes twice as much memory.
const MOST_MERGED: u64 = if cfg!(test) { 3 << 20 } else { 160 << 20 };

/// The index of one lane.
pub struct LaneIndex<'a> {
    aside: &'a Aside,
    builder: Option<lex::SegmentBuilder>,
    /// The parts that were put aside.
    parts: Vec<Place>,
    sections: Vec<SegmentMeta>,
}

/// Where a section goes: it is given the bytes, and gives the place they stand at.
pub type Write<'a> = &'a dyn Fn(&[u8]) -> Result<u64>;

impl<'a> LaneIndex<'a> {
    /// An index without documents, whose parts are put `aside`.
    #[must_use]
    pub fn new(aside: &'a Aside) -> Self {
        Self {
            aside,
            builder: None,
            parts: Vec::new(),
            sections: Vec::new(),
        }
    }

    /// Adds one document.
    pub fn add(&mut self, document: &lex::Document<'_>) -> Result<()> {
        let builder = match &mut self.builder {
            Some(builder) => builder,
            none => none.insert(lex::SegmentBuilder::new(PART_MEMORY)?),
        };
        Ok(builder.add(document)?)
    }

    /// Whether what is in memory should become a part, which takes most of that memory again.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let builder = self.builder.as_ref();
        builder.is_some_and(lex::SegmentBuilder::is_full)
    }

    /// Whether it can wait for that no longer.
    #[must_use]
    pub fn is_overfull(&self) -> bool {
        let builder = self.builder.as_ref();
        builder.is_some_and(|builder| builder.memory_usage() >= LARGEST_INDEX)
    }

    /// Makes what is in memory a part; a section of its own where it is `alone`.
    pub fn finish_part(&mut self, alone: bool, write: Write<'_>) -> Result<()> {
        let Some(builder) = self.builder.take() else {
            return Ok(());
        };
        let part = builder.finish()?;
        if alone {
            return self.write(&part, write);
        }
        self.make_room(&part, write)?;
        match self.aside.put(&part) {
            Some(place) => self.parts.push(place),
            None => self.merge(part, write)?,
        }
        Ok(())
    }

    /// The sections over all documents.
    pub fn finish(mut self, write: Write<'_>) -> Result<Vec<SegmentMeta>> {
        let last = self.builder.take().map(lex::SegmentBuilder::finish);
        let last = last.transpose()?.unwrap_or_default();
        self.make_room(&last, write)?;
        self.merge(last, write)?;
        Ok(self.sections)
    }

    /// Merges what was put aside when `next` would make it too much.
    fn make_room(&mut self, next: &[u8], write: Write<'_>) -> Result<()> {
        let aside: u64 = self.parts.iter().map(Place::length).sum();
        if aside + next.len() as u64 > MOST_MERGED {
            self.merge(Vec::new(), write)?;
        }
        Ok(())
    }

    /// Writes one section of the parts that were put aside and `last`, which may be empty.
    fn merge(&mut self, last: Vec<u8>, write: Write<'_>) -> Result<()> {
        let places = std::mem::take(&mut self.parts);
        if places.is_empty() {
            return self.write(&last, write);
        }
        let (mut parts, map) = self.aside.show(&places)?;
        if !last.is_empty() {
            parts.push(lex::OwnedBytes::new(last));
        }
        let let_go = || {
            if let Some(map) = &map {
                map.release_pages();
            }
        };
        let merged = lex::merge(&parts, &|_| true, &let_go).map_err(Error::from);
        // What the disk could not give reads as zeros, and what was made of it must not go out.
        let has_failed = map.as_ref().is_some_and(Bytes::has_failed);
        drop((parts, map));
        // The section may need that space.
        self.aside.give_back(places);
        match merged {
            Ok(merged) if !has_failed => self.write(&merged, write),
            Err(error) if !has_failed && error.code != Code::Corrupt => Err(error),
            _ => Err(self.aside.lost()),
        }
    }

    /// Writes a section, unless it is empty.
    fn write(&mut self, section: &[u8], write: Write<'_>) -> Result<()> {
        if section.is_empty() {
            return Ok(());
        }
        let offset = write(section)?;
        self.sections
            .push(lex_sections::entry(section, 0, 0, offset));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::unwrap_used)]
    use std::cell::RefCell;

    use mv2::storage::FileStorage;

    use super::*;

    /// The words of a document: some that all have, some of its own.
    fn text(id: u64) -> String {
        (0..60)
            .map(|word| {
                format!(
                    "w{:x} ",
                    (id * 60 + word).wrapping_mul(0x9E37_79B9) >> (word % 24)
                )
            })
            .collect()
    }

    fn document(id: u64, body: &str) -> lex::Document<'_> {
        lex::Document {
            frame_id: id,
            body,
            ..lex::Document::default()
        }
    }

    /// The sections of so many documents, of whose parts so many bytes can be put aside.
    fn sections(count: u64, most: u64) -> Vec<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let memory = FileStorage::create(&folder.path().join("notes.mv2")).unwrap();
        let aside = Aside::limited(&memory, most);
        let written = RefCell::new(Vec::new());
        let write = |bytes: &[u8]| {
            written.borrow_mut().push(bytes.to_vec());
            Ok(written.borrow().len() as u64)
        };
        let mut index = LaneIndex::new(&aside);
        for id in 0..count {
            index.add(&document(id, &text(id))).unwrap();
            if index.is_full() {
                index.finish_part(false, &write).unwrap();
            }
        }
        let entries = index.finish(&write).unwrap();
        let written = written.into_inner();
        assert_eq!(entries.len(), written.len());
        for (number, (entry, bytes)) in entries.iter().zip(&written).enumerate() {
            assert_eq!(entry.bytes_offset, number as u64 + 1);
            assert_eq!(entry.bytes_length, bytes.len() as u64);
            assert_eq!(&entry.primary_checksum, blake3::hash(bytes).as_bytes());
        }
        written
    }

    fn whole(count: u64) -> Vec<u8> {
        let mut builder = lex::SegmentBuilder::new(usize::MAX).unwrap();
        for id in 0..count {
            builder.add(&document(id, &text(id))).unwrap();
        }
        builder.finish().unwrap()
    }

    fn counted(sections: Vec<Vec<u8>>) -> (usize, u64) {
        let sections = sections.into_iter().map(lex::OwnedBytes::new);
        let index = lex::LexIndex::open(sections.collect()).unwrap();
        index.verify().unwrap();
        (index.segment_count(), index.document_count())
    }

    #[test]
    fn parts_become_the_section_that_all_documents_at_once_would_have_been() {
        assert!(sections(0, u64::MAX).is_empty());
        // One that was never full, and several parts.
        for count in [40, 2500] {
            let sections = sections(count, u64::MAX);
            assert_eq!(sections.len(), 1, "{count}");
            assert!(sections[0] == whole(count), "{count}");
        }
    }

    #[test]
    fn more_than_a_merge_may_take_becomes_several_sections() {
        let sections = sections(10_000, u64::MAX);
        let longest = sections.iter().map(Vec::len).max().unwrap();
        assert!(longest as u64 <= MOST_MERGED, "{longest}");
        let (count, documents) = counted(sections);
        assert_eq!(documents, 10_000);
        assert!((2..=5).contains(&count), "{count}");
    }

    #[test]
    fn where_nothing_can_be_put_aside_each_part_is_a_section() {
        let (all, documents) = counted(sections(4000, 0));
        assert_eq!(documents, 4000);
        assert!(all > 3, "{all}");
        // What was put aside before the disk was full is merged with the part that was too much.
        let (some, documents) = counted(sections(4000, 3 << 19));
        assert_eq!(documents, 4000);
        assert!((2..all).contains(&some), "{some}");
    }

    #[test]
    fn parts_that_are_lost_are_an_error_that_blames_the_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let memory = FileStorage::create(&folder.path().join("notes.mv2")).unwrap();
        for damage in [
            |aside: &Aside| aside.cut(100),
            |aside: &Aside| {
                aside.overwrite(250_000, &[7; 100]);
            },
        ] {
            let aside = Aside::new(&memory);
            let mut index = LaneIndex::new(&aside);
            for id in 0..2500 {
                index.add(&document(id, &text(id))).unwrap();
                if index.is_full() {
                    index
                        .finish_part(false, &|_| panic!("there is room"))
                        .unwrap();
                }
            }
            damage(&aside);
            let error = index.finish(&|_| panic!("nothing is whole")).unwrap_err();
            assert_eq!(error.code, Code::Unsupported, "{error}");
            assert!(error.to_string().contains("temporary file"), "{error}");
        }
    }
}
