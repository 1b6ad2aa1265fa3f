//! Which directory belongs to a damaged table of contents. Its copy of what stands around the frames is as good as that: the
//! one of a commit before, or of one that never came into force, would bring back what is no longer so.

use mv2::bytes::Bytes;
use mv2::footer::Footer;
use mv2::header::{self, Header};
use mv2::toc::{self, TocHead, TocTail, Written};

use super::places::Place;
use super::tables::{Table, part};
use crate::directory::{self, Directory};

/// What header and footer say of a table of contents, and what stands in front of it.
#[derive(Debug, Default)]
pub struct Told {
    /// Bytes.
    length: Option<u64>,
    /// Generation.
    generation: Option<u64>,
    /// BLAKE3 of all of it.
    hash: Option<[u8; 32]>,
    /// Its last 32 bytes.
    checksum: Option<[u8; 32]>,
    /// Where the commit before it ends.
    from: u64,
}

impl Told {
    /// Looks it up. `older` are the tables that are intact.
    pub fn of(map: &Bytes, place: &Place, header: Option<&Header>, older: &[Place]) -> Self {
        let footer = part(map, place.end, map.len() as u64)
            .filter(|_| place.has_footer)
            .and_then(|bytes| Footer::decode(bytes).ok());
        let header = header.filter(|header| header.footer_offset == place.start);
        let ends = older.iter().map(|older| older.end);
        Self {
            length: match &footer {
                Some(_) => place.end.checked_sub(place.start),
                None => header.and_then(|_| header::toc_length(map)),
            },
            generation: Some(place.generation).filter(|generation| *generation != 0),
            hash: footer.map(|footer| footer.toc_hash),
            checksum: header.map(|header| header.toc_checksum),
            from: ends.filter(|end| *end <= place.start).max().unwrap_or(0),
        }
    }

    fn fits(&self, directory: &Directory) -> bool {
        let fits = |told: Option<u64>, value: u64| told.is_none_or(|told| told == value);
        directory.section_offset() >= self.from
            && fits(self.generation, directory.generation())
            && fits(self.length, directory.table_length())
    }
}

/// The directories that may belong to a damaged table: the one that its head names, and those in front of it. With each,
/// whether every byte of it is intact.
pub fn candidates(
    map: &Bytes,
    place: &Place,
    told: &Told,
    head: Option<&TocHead>,
) -> Vec<(Directory, bool)> {
    /// Look-alikes that are looked at.
    const MOST: usize = 16;
    let mut found: Vec<(Directory, bool)> = head
        .and_then(|head| named_directory(map, head))
        .into_iter()
        .collect();
    let in_front = usize::try_from(place.start)
        .ok()
        .and_then(|end| map.get(..end))
        .unwrap_or_default();
    for start in memchr::memmem::rfind_iter(in_front, &directory::MAGIC).take(MOST) {
        let is_new = |(known, _): &(Directory, bool)| known.section_offset() != start as u64;
        if let Some(directory) = directory_at(map, start, None)
            && found.iter().all(is_new)
        {
            found.push(directory);
        }
    }
    found.retain(|(directory, _)| told.fits(directory));
    found
}

/// The directory that the head of a table names, and whether every byte of it is intact.
pub fn named_directory(map: &Bytes, head: &TocHead) -> Option<(Directory, bool)> {
    let first = head.segments.first()?;
    let start = usize::try_from(first.bytes_offset).ok()?;
    directory_at(map, start, Some(usize::try_from(first.bytes_length).ok()?))
}

/// One that stands elsewhere than it says was moved, with all that it leads to, or is part of a memory stored as a document.
fn directory_at(map: &Bytes, start: usize, length: Option<usize>) -> Option<(Directory, bool)> {
    let length = match length {
        Some(length) => length,
        None => Directory::length_at(map.get(start..)?)?,
    };
    let directory = Directory::parse(map.clone(), start, length).ok()?;
    let is_whole = directory.is_intact();
    (directory.section_offset() == start as u64).then_some((directory, is_whole))
}

/// How sure it is that a directory belongs to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Belonging {
    /// With its frames and its copy the table has another hash than it should have.
    Refuted,
    /// Nothing tells.
    Unknown,
    /// It is of the generation and of the length that it should be of. Frames are lost, so that no hash can tell.
    Plausible,
    /// The table that it describes has the hash that it should have.
    Proven,
}

/// Puts what stood around the frames into `table`, which was read by its directory: from the copy there, or from the table
/// itself where the checksum of a damaged copy says that it is intact. Gives how sure it is that both belong together.
pub fn restore(map: &Bytes, place: &Place, told: &Told, table: &mut Table) -> Belonging {
    let Some((directory, is_whole)) = &table.directory else {
        return Belonging::Unknown;
    };
    let copied = directory
        .surroundings()
        .and_then(|copy| toc::decode_surroundings(copy).ok());
    let in_place = || {
        let (head, tail) = (table.head.clone()?, table.tail.clone()?);
        let is_intact = directory.are_surroundings(&toc::surroundings(&head, &tail));
        is_intact.then_some((head, tail))
    };
    let Some((head, tail)) = copied.or_else(in_place) else {
        return Belonging::Unknown;
    };
    let belonging = match rebuilt(map, table, directory, *is_whole, head.clone(), &tail) {
        Some(written) if is_told(map, place, told, &written) => Belonging::Proven,
        // The checksum of a damaged directory is taken from the head, which may be damaged, too.
        Some(_) if *is_whole => Belonging::Refuted,
        _ if told.length.is_some() => Belonging::Plausible,
        _ => Belonging::Unknown,
    };
    if belonging != Belonging::Refuted {
        table.head = Some(head);
        table.tail = Some(tail);
        table.is_vouched_for = belonging >= Belonging::Plausible;
    }
    belonging
}

/// Whether the table of contents is the one that was written at `place`.
fn is_told(map: &Bytes, place: &Place, told: &Told, written: &Written) -> bool {
    let own = place
        .start
        .checked_add(written.length)
        .and_then(|end| part(map, end.checked_sub(32)?, end));
    told.hash == Some(written.hash)
        || told.checksum == Some(written.checksum)
        || own == Some(&written.checksum[..])
}

/// The table of contents of all its frames; `None` when any is lost.
fn rebuilt(
    map: &Bytes,
    table: &Table,
    directory: &Directory,
    is_whole: bool,
    mut head: TocHead,
    tail: &TocTail,
) -> Option<Written> {
    let frames: Option<Vec<_>> = table.frames.iter().copied().collect();
    let frames = frames?;
    let section = map.section(directory.section_offset(), directory.size())?;
    let first = head.segments.first_mut()?;
    first.primary_checksum = if is_whole {
        *blake3::hash(&section).as_bytes()
    } else {
        table.head.as_ref()?.segments.first()?.primary_checksum
    };
    let written = toc::write(
        &head,
        frames.len() as u64,
        |sink| {
            frames.iter().try_for_each(|frame| {
                let end = frame.offset + frame.length;
                map.get(frame.offset..end).ok_or(()).and_then(&mut *sink)
            })
        },
        tail,
        |_| Ok(()),
    );
    written.ok()
}
