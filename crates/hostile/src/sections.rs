//! Which part of a file a byte belongs to.

use std::ops::Range;
use std::path::Path;

use mv2::footer::FOOTER_SIZE;
use mv2::{recover, toc, wal};

/// What a byte is part of when nothing refers to it.
pub const DEAD: &str = "dead space";

/// The parts of a file that something refers to.
pub struct Sections {
    named: Vec<(Range<usize>, &'static str)>,
    /// Where the newest batch of the log stands: a change of it cannot be told from a write that did not reach the disk.
    pub last_batch: Option<Range<usize>>,
    length: usize,
}

impl Sections {
    /// Reads them from an intact file.
    ///
    /// # Panics
    /// When it is not intact.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let located = recover::locate(bytes, Path::new("shape")).unwrap();
        let header = &located.header;
        let table = toc::decode(located.toc(bytes).unwrap()).unwrap();
        let mut named: Vec<(Range<usize>, &'static str)> =
            vec![(0..80, "header"), (144..160, "header hint")];
        let place = |offset: u64, length: u64| offset as usize..(offset + length) as usize;
        for frame in &table.frames {
            named.push((place(frame.payload_offset, frame.payload_length), "payload"));
        }
        for segment in &table.head.segments {
            let name = match segment.id >> 32 {
                0 if segment.id == 0 => "directory",
                0x4C45_5853 => "full text",
                0x5645_4354 => "vectors",
                0x5645_4351 => "quantised vectors",
                0x5645_4343 => "codes",
                0x5645_4353 => "staged vectors",
                _ => "other section",
            };
            named.push((place(segment.bytes_offset, segment.bytes_length), name));
        }
        let tail = &table.tail;
        let mut other = |range: Range<usize>, name| {
            if !named.iter().any(|(of, _)| *of == range) {
                named.push((range, name));
            }
        };
        if let Some(index) = &tail.time_index {
            other(place(index.bytes_offset, index.bytes_length), "time index");
        }
        if let Some(track) = &tail.sketch_track {
            other(
                place(track.bytes_offset, track.bytes_length),
                "sketch track",
            );
        }
        if let Some(index) = &tail.indexes.vec {
            other(
                place(index.bytes_offset, index.bytes_length),
                "vectors of another program",
            );
        }
        for segment in &tail.segment_catalog.vec_segments {
            other(
                place(segment.entry.bytes_offset, segment.entry.bytes_length),
                "vectors of another program",
            );
        }
        if let Some(index) = &tail.indexes.clip {
            other(place(index.bytes_offset, index.bytes_length), "pictures");
        }
        for segment in &tail.indexes.lex_segments {
            other(
                place(segment.bytes_offset, segment.bytes_length),
                "full text of another program",
            );
        }
        other(
            located.toc_offset as usize..located.footer_offset as usize,
            "table of contents",
        );
        let footer = located.footer_offset as usize;
        other(footer..footer + FOOTER_SIZE, "footer");
        let region = wal::region(bytes, header).unwrap();
        let scan = wal::scan(region, header.wal_sequence);
        let base = header.wal_offset as usize;
        let mut last_batch = None;
        let mut start = None;
        for record in scan.pending() {
            let range = base + record.position as usize..base + record.payload.end;
            let from = *start.get_or_insert(range.start);
            if record.batch_remaining == 0 {
                last_batch = Some(from..range.end);
                start = None;
            }
            named.push((range, "log"));
        }
        let head = base + scan.head as usize;
        named.push((head..(head + 48).min(base + region.len()), "end of the log"));
        if let Some(last) = &mut last_batch {
            // The zeros behind it belong to it.
            last.end = (head + 48).min(base + region.len());
        }
        named.retain(|(range, _)| !range.is_empty());
        Self {
            named,
            last_batch,
            length: bytes.len(),
        }
    }

    /// All parts.
    #[must_use]
    pub fn ranges(&self) -> Vec<Range<usize>> {
        self.named.iter().map(|(range, _)| range.clone()).collect()
    }

    /// The part that a byte belongs to.
    #[must_use]
    pub fn name(&self, position: usize) -> &'static str {
        self.named
            .iter()
            .find(|(range, _)| range.contains(&position))
            .map_or(DEAD, |(_, name)| name)
    }

    /// A byte of the file: mostly of a part chosen with the same probability as the others, so that small ones get their
    /// share.
    #[must_use]
    pub fn pick(&self, random: &mut fastrand::Rng) -> usize {
        if random.u8(..) < 8 {
            return random.usize(..self.length);
        }
        let of = if random.bool() {
            let mut names: Vec<&str> = self.named.iter().map(|(_, name)| *name).collect();
            names.sort_unstable();
            names.dedup();
            let name = names[random.usize(..names.len())];
            let ranges: Vec<_> = self.named.iter().filter(|(_, of)| *of == name).collect();
            ranges[random.usize(..ranges.len())].0.clone()
        } else {
            let total: usize = self.named.iter().map(|(range, _)| range.len()).sum();
            let mut at = random.usize(..total);
            let found = self.named.iter().find(|(range, _)| {
                let here = at < range.len();
                if !here {
                    at -= range.len();
                }
                here
            });
            let start = found.map_or(0, |(range, _)| range.start + at);
            return start;
        };
        // The start of a part says how the rest is to be read.
        if random.u8(..) < 96 {
            return of.start + random.usize(..of.len().min(160));
        }
        random.usize(of)
    }
}
