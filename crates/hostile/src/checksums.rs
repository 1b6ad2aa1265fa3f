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
    /// The directory, if the file has one.
    directory: Option<Range<usize>>,
    /// Where the number of frames and what follows them stand inside the table of contents.
    around_frames: (usize, usize),
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
            directory: (decoded.head.segments.first())
                .map(|first| {
                    first.bytes_offset as usize..(first.bytes_offset + first.bytes_length) as usize
                })
                .filter(|range| bytes[range.clone()].starts_with(b"MVDIR")),
            around_frames: (
                decoded
                    .frame_offsets
                    .first()
                    .copied()
                    .unwrap_or(decoded.frames_end) as usize
                    - 8,
                decoded.frames_end as usize,
            ),
            footer: table.end,
            table,
            toc_length: header::toc_length(bytes),
        }
    }

    fn mend_hashes(&self, bytes: &mut [u8]) {
        for (range, places) in &self.hashed {
            let hash = mv2::hash(&bytes[range.clone()]);
            for &at in places {
                bytes[at..at + 32].copy_from_slice(&hash);
            }
        }
    }

    /// What stands around the frames of a table of contents, with zeros for its own checksum and for that of the directory.
    fn surroundings(&self, table: &[u8]) -> Vec<u8> {
        /// Where the first section has its checksum: behind version, number of sections, id and frames.
        const CHECKSUM: Range<usize> = 40..72;
        let (head, tail) = self.around_frames;
        let mut copy = [&table[..head], &table[tail..]].concat();
        copy[CHECKSUM].fill(0);
        let end = copy.len();
        copy[end - 32..].fill(0);
        copy
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
        self.mend_hashes(bytes);
        if let Some(range) = &self.directory {
            let table = &bytes[self.table.clone()];
            let copies = crc32fast::hash(table) & 1 == 1;
            let surroundings = copies.then(|| self.surroundings(table));
            mend_directory(&mut bytes[range.clone()], surroundings.as_deref());
            self.mend_hashes(bytes);
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

/// The number of eight bytes at `at`; 0 behind the end.
fn number(bytes: &[u8], at: usize) -> u64 {
    let field = bytes
        .get(at..at + 8)
        .and_then(|field| field.try_into().ok());
    field.map_or(0, u64::from_le_bytes)
}

/// Makes the checksums of a directory right, and `surroundings`, if given, the copy in it.
fn mend_directory(directory: &mut [u8], surroundings: Option<&[u8]>) {
    const HEADER: usize = 160;
    const BLOCK: usize = 16 << 10;
    let length = usize::try_from(number(directory, 152)).unwrap_or(usize::MAX);
    let Some(body_start) = HEADER
        .checked_add(length)
        .filter(|end| *end < directory.len())
    else {
        return;
    };
    if let Some(surroundings) = surroundings.filter(|bytes| bytes.len() == length) {
        directory[HEADER..body_start].copy_from_slice(surroundings);
    }
    let checksum = crc32fast::hash(&directory[HEADER..body_start]);
    directory[140..144].copy_from_slice(&checksum.to_le_bytes());
    // As many blocks as there is room for with a checksum of each.
    let rest = directory.len() - body_start;
    let blocks = rest.div_ceil(BLOCK + 4);
    let Some(body_end) = directory
        .len()
        .checked_sub(4 * blocks)
        .filter(|end| *end >= body_start)
    else {
        return;
    };
    let checksums: Vec<u8> = directory[body_start..body_end]
        .chunks(BLOCK)
        .flat_map(|block| crc32fast::hash(block).to_le_bytes())
        .collect();
    if checksums.len() == 4 * blocks {
        directory[body_end..].copy_from_slice(&checksums);
        let checksum = crc32fast::hash(&checksums);
        directory[112..116].copy_from_slice(&checksum.to_le_bytes());
    }
    let checksum = crc32fast::hash(&directory[12..HEADER]);
    directory[8..12].copy_from_slice(&checksum.to_le_bytes());
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
    let place = wal::InBatch::read(record).unwrap();
    let mut mended = Vec::new();
    wal::encode_record(number(record, 0), place, &record[48..], &mut mended);
    record.copy_from_slice(&mended);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_intact_stays_as_it_is() {
        let template = crate::shapes::ours().swap_remove(0).bytes;
        let checksums = Checksums::of(&template);
        assert!(checksums.directory.is_some());
        let mut mended = template.clone();
        checksums.mend(&mut mended);
        assert!(mended == template);
        // Whether the copy in the directory is made anew, too, depends on the bytes of the table.
        let mut copied = template.clone();
        let directory = checksums.directory.clone().expect("a directory");
        let surroundings = checksums.surroundings(&template[checksums.table.clone()]);
        copied[directory.start + 160] ^= 1;
        mend_directory(&mut copied[directory], Some(&surroundings));
        assert!(copied == template);
    }
}
