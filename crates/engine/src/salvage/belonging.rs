//! Which directory belongs to a damaged table of contents. Its copy of what stands around the frames is as good as that: the
//! one of a commit before, or of one that never came into force, would bring back what is no longer so.

use std::borrow::Cow;
use std::cell::Cell;

use mv2::bytes::Bytes;
use mv2::footer::Footer;
use mv2::header::{self, Header};
use mv2::toc::{self, TocHead, TocTail, Written};

use super::frames::take_state;
use super::places::Place;
use super::tables::{Encoded, Table, part, read_older};
use crate::committed::decode_frame;
use crate::directory::Directory;

/// What header and footer say of a table of contents, and what stands in front of it.
#[derive(Debug)]
pub struct Told {
    /// Bytes.
    length: Option<u64>,
    /// Generation.
    generation: Option<u64>,
    /// BLAKE3 of all of it.
    hash: Option<[u8; 32]>,
    /// Its last 32 bytes.
    checksum: Option<[u8; 32]>,
    /// Highest log sequence contained.
    applied_sequence: Option<u64>,
    /// Whether the header says that a commit of ours is the last one.
    is_ours: bool,
    /// Tables that are intact, from new to old.
    older: Vec<Place>,
    /// Bytes of them that may still be read: of files that were made up there may be very many.
    budget: Cell<u64>,
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
            applied_sequence: header.map(|header| header.wal_sequence),
            is_ours: header::toc_length(map).is_some(),
            older: older.to_vec(),
            budget: Cell::new(
                (map.len() as u64)
                    .saturating_mul(4)
                    .saturating_add(64 << 20),
            ),
            from: ends.filter(|end| *end <= place.start).max().unwrap_or(0),
        }
    }

    /// Whether nothing speaks against a directory. What another program has changed since, in place or in a commit of its own,
    /// has another log sequence.
    fn fits(&self, directory: &Directory) -> bool {
        let fits = |told: Option<u64>, value: u64| told.is_none_or(|told| told == value);
        directory.section_offset() >= self.from
            && fits(self.generation, directory.generation())
            && fits(self.length, directory.table_length())
            && fits(self.applied_sequence, directory.applied_sequence())
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
    /// Directories that are read.
    const MOST: usize = 8;
    let named = head.and_then(|head| named(map, head));
    let named_start = named.as_ref().map(Directory::section_offset);
    let others = Directory::all_in(map, told.from, place.start)
        .filter(|directory| Some(directory.section_offset()) != named_start);
    named
        .into_iter()
        .chain(others)
        .filter(|directory| told.fits(directory))
        .take(MOST)
        .map(with_state)
        .collect()
}

/// The directory of the last commit of ours, where another program wrote the damaged table.
pub fn earlier(map: &Bytes, place: &Place, told: &Told) -> Option<(Directory, bool)> {
    if told.is_ours {
        return None;
    }
    Directory::all_in(map, told.from, place.start)
        .next()
        .map(with_state)
}

/// The directory that the head of a table names, and whether every byte of it is intact.
pub fn named_directory(map: &Bytes, head: &TocHead) -> Option<(Directory, bool)> {
    named(map, head).map(with_state)
}

fn named(map: &Bytes, head: &TocHead) -> Option<Directory> {
    let first = head.segments.first()?;
    let directory = Directory::found_at(map, first.bytes_offset)?;
    (directory.size() == first.bytes_length).then_some(directory)
}

fn with_state(directory: Directory) -> (Directory, bool) {
    let is_whole = directory.is_intact();
    (directory, is_whole)
}

/// How sure it is that a directory belongs to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Belonging {
    /// With its frames and its copy the table has another hash than header and footer name.
    Refuted,
    /// Nothing tells.
    Unknown,
    /// It is of the generation and of the length that the footer names. Frames are lost, so that no hash can tell.
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
    let is_named = told.hash.is_some() || told.checksum.is_some();
    let belonging = match rebuilt(map, told, table, head.clone(), &tail) {
        Some(written) if is_told(map, place, told, &written) => Belonging::Proven,
        // The checksum of a damaged directory is taken from the head, which may be damaged, too.
        Some(_) if *is_whole && is_named => Belonging::Refuted,
        _ if told.length.is_some() && told.generation.is_some() => Belonging::Plausible,
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

/// The table of contents that a directory describes; `None` when any of its frames is lost.
fn rebuilt(
    map: &Bytes,
    told: &Told,
    table: &Table,
    mut head: TocHead,
    tail: &TocTail,
) -> Option<Written> {
    let (directory, is_whole) = table.directory.as_ref()?;
    let frames: Vec<Cow<'_, [u8]>> = all_frames(map, told, table, directory)?;
    let first = head.segments.first_mut()?;
    first.primary_checksum = if *is_whole {
        let section = map.section(directory.section_offset(), directory.size())?;
        *blake3::hash(&section).as_bytes()
    } else {
        table.head.as_ref()?.segments.first()?.primary_checksum
    };
    let written: Result<Written, ()> = toc::write(
        &head,
        frames.len() as u64,
        |sink| frames.iter().try_for_each(|frame| sink(frame)),
        tail,
        |_| Ok(()),
    );
    written.ok()
}

/// The frames of a table; those that are lost from older ones, with the state that the directory says, where they then are
/// the same byte for byte.
fn all_frames<'a>(
    map: &'a Bytes,
    told: &Told,
    table: &Table,
    directory: &Directory,
) -> Option<Vec<Cow<'a, [u8]>>> {
    let mut frames: Vec<Option<Cow<'a, [u8]>>> = table
        .frames
        .iter()
        .map(|frame| bytes_of(map, &(*frame)?).map(Cow::Borrowed))
        .collect();
    let mut missing: Vec<usize> = (0..frames.len())
        .filter(|id| frames.get(*id).is_none_or(Option::is_none))
        .collect();
    for place in &told.older {
        let Some(last) = missing.last() else { break };
        let left = told
            .budget
            .get()
            .checked_sub(place.end.checked_sub(place.start)?)?;
        told.budget.set(left);
        let Some(old) = read_older(map, place) else {
            continue;
        };
        // Those before it have fewer still.
        if *last >= old.frames.len() {
            return None;
        }
        missing.retain(|&id| {
            let same = (old.frames.get(id).copied().flatten())
                .and_then(|encoded| as_it_was(map, directory, id as u64, &encoded));
            let is_missing = same.is_none();
            if let Some(slot) = frames.get_mut(id) {
                *slot = same.map(Cow::Owned);
            }
            is_missing
        });
    }
    frames.into_iter().collect()
}

/// A frame of an older table as the directory describes it.
fn as_it_was(map: &Bytes, directory: &Directory, id: u64, encoded: &Encoded) -> Option<Vec<u8>> {
    let record = directory.record(id)?;
    let mut frame = decode_frame(bytes_of(map, encoded)?).ok()?;
    take_state(&mut frame, &record)
}

fn bytes_of<'a>(map: &'a Bytes, frame: &Encoded) -> Option<&'a [u8]> {
    map.get(frame.offset..frame.offset.checked_add(frame.length)?)
}
