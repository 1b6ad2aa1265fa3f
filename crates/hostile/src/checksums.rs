//! Making the checksums of a changed file right again, so that what they guard is reached.

use std::ops::Range;

use mv2::footer::{FOOTER_SIZE, Footer};
use mv2::header::HEADER_SIZE;
use mv2::{header, recover, toc, wal};

/// Where the checksums of a file stand, and of what.
pub struct Checksums {
    /// Hashed ranges, and all places of their hash.
    hashed: Vec<(Range<usize>, Vec<usize>)>,
    /// Segments of vectors and full text with a CRC-32 at 8 of everything from 12 to the end of their header.
    segments: Vec<(Range<usize>, usize)>,
    records: Vec<Range<usize>>,
    table: Range<usize>,
    footer: usize,
    toc_length: Option<u64>,
}

impl Checksums {
    /// Of an intact file.
    ///
    /// # Panics
    /// When it is not intact.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let located = recover::locate(bytes, "template".as_ref()).unwrap();
        let table = located.toc_offset as usize..located.footer_offset as usize;
        let decoded = toc::decode(&bytes[table.clone()]).unwrap();
        let mut hashed = Vec::new();
        let mut add = |offset: u64, length: u64| {
            let range = offset as usize..(offset + length) as usize;
            let hash = mv2::hash(&bytes[range.clone()]);
            let places = bytes[table.clone()]
                .windows(32)
                .enumerate()
                .filter(|(_, window)| *window == hash)
                .map(|(at, _)| table.start + at)
                .collect();
            hashed.push((range, places));
        };
        for frame in &decoded.frames {
            add(frame.payload_offset, frame.payload_length);
        }
        for segment in &decoded.head.segments {
            add(segment.bytes_offset, segment.bytes_length);
        }
        let tail = &decoded.tail;
        if let Some(index) = &tail.time_index {
            add(index.bytes_offset, index.bytes_length);
        }
        if let Some(index) = &tail.indexes.vec {
            add(index.bytes_offset, index.bytes_length);
        }
        if let Some(track) = &tail.sketch_track {
            add(track.bytes_offset, track.bytes_length);
        }
        let segments = hashed
            .iter()
            .filter_map(|(range, _)| Some((range.clone(), header_of(&bytes[range.clone()])?)))
            .collect();
        let header = &located.header;
        let region = wal::region(bytes, header).unwrap();
        let start = header.wal_offset as usize;
        let records = wal::scan(region, 0).records;
        let records = records
            .iter()
            .map(|record| start + record.position as usize..start + record.payload.end);
        Self {
            hashed,
            segments,
            records: records.collect(),
            footer: table.end,
            table,
            toc_length: header::toc_length(bytes),
        }
    }

    /// The records of the log.
    #[must_use]
    pub fn records(&self) -> &[Range<usize>] {
        &self.records
    }

    /// Makes those of a changed file of the same length right.
    pub fn mend(&self, bytes: &mut [u8]) {
        for (range, end) in &self.segments {
            mend_segment(&mut bytes[range.clone()], *end);
        }
        for (range, places) in &self.hashed {
            let hash = mv2::hash(&bytes[range.clone()]);
            for &at in places {
                bytes[at..at + 32].copy_from_slice(&hash);
            }
        }
        for record in &self.records {
            mend_record(&mut bytes[record.clone()]);
        }
        let table = &mut bytes[self.table.clone()];
        if let Ok(checksum) = toc::checksum(table) {
            let at = table.len() - 32;
            table[at..].copy_from_slice(&checksum);
        }
        let table = bytes[self.table.clone()].to_vec();
        let footer = &mut bytes[self.footer..self.footer + FOOTER_SIZE];
        let generation = u64::from_le_bytes(*footer.last_chunk().unwrap_or(&[0; 8]));
        footer.copy_from_slice(&Footer::for_toc(&table, generation).encode());
        let (page, _) = bytes.split_first_chunk_mut::<HEADER_SIZE>().unwrap();
        page[48..80].copy_from_slice(&table[table.len() - 32..]);
        if let Some(length) = self.toc_length {
            header::set_toc_length(page, length);
        }
    }
}

/// Where the header of a segment of vectors or full text ends.
#[must_use]
pub fn header_of(segment: &[u8]) -> Option<usize> {
    let checksum = u32::from_le_bytes(segment.get(8..12)?.try_into().ok()?);
    if !(vec::is_segment(segment) || lex::is_segment(segment)) {
        return None;
    }
    let most = segment.len().min(1 << 16);
    (16..=most)
        .step_by(4)
        .find(|&end| crc32fast::hash(&segment[12..end]) == checksum)
}

/// Makes the CRC-32 in the header of a segment right.
pub fn mend_segment(segment: &mut [u8], end: usize) {
    if let Some(header) = segment.get(12..end) {
        let checksum = crc32fast::hash(header);
        segment[8..12].copy_from_slice(&checksum.to_le_bytes());
    }
}

/// Makes the checksums of one log record right.
pub fn mend_record(record: &mut [u8]) {
    let number = |at: usize| {
        let bytes = record
            .get(at..at + 8)
            .and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u64::from_le_bytes)
    };
    let (sequence, remaining) = (number(0), (number(8) >> 32) as u32 % wal::MOST_IN_BATCH);
    let mut mended = Vec::new();
    wal::encode_record(sequence, remaining, &record[48..], &mut mended);
    record.copy_from_slice(&mended);
}
