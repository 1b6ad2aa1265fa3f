//! Where the tables of contents of a file stand, or stood before they were damaged, and which of them counts.

use mv2::bytes::Bytes;
use mv2::footer::{self, FOOTER_SIZE};
use mv2::header::{self, Header};
use mv2::home::Home;
use mv2::recover;
use mv2::toc::{self, TocHead};
use rustc_hash::FxHashSet;

use super::tables::{Effort, frame_at, next_frame, part};
use crate::describe::later_directory;
use crate::directory::Directory;
use crate::undone::{self, Verdict};

/// Where a table of contents stands, or stood before it was damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// First byte.
    pub start: u64,
    /// Byte behind the last, or the end of what is left of it.
    pub end: u64,
    /// Generation, as far as it is known.
    pub generation: u64,
    /// Whether its bytes have the hash that they should have.
    pub is_intact: bool,
    /// Whether its footer is there.
    pub has_footer: bool,
}

/// The tables of a file.
pub struct Places {
    /// The one that counts.
    pub newest: Option<Place>,
    /// Others that are intact, from new to old.
    pub older: Vec<Place>,
    /// Whether the header leads to the one that counts.
    pub header_is_current: bool,
    /// Bytes behind its footer.
    pub trailing: u64,
    /// Whether those bytes may be of a later commit: the header does not vouch for the one that was found.
    pub is_uncertain: bool,
}

/// Finds the tables of contents of a file. `stored` is its header, if that can be read.
pub fn places(map: &Bytes, stored: Option<&Header>) -> Places {
    let located = match stored {
        Some(header) => recover::locate_with(map, header.clone()),
        None => recover::locate_without_header(map),
    };
    let home = Home::of(map);
    let log_start = stored.map_or(0, |header| header.wal_offset);
    let mut starts = FxHashSet::default();
    let mut intact: Vec<Place> = Vec::new();
    let mut damaged: Vec<Place> = Vec::new();
    if let Ok(located) = &located {
        starts.insert(located.toc_offset);
        intact.push(Place {
            start: located.toc_offset,
            end: located.footer_offset,
            generation: located.footer.generation,
            is_intact: true,
            has_footer: !located.footer_missing,
        });
    }
    let mut budget = (map.len() as u64).saturating_mul(4) + (64 << 20);
    for (position, footer) in footer::find_all(map) {
        let start = position - footer.toc_len;
        if start < log_start || starts.contains(&start) || home.is_embedded(start) {
            continue;
        }
        let Some(left) = budget.checked_sub(footer.toc_len) else {
            break;
        };
        budget = left;
        let bytes = part(map, start, position);
        let place = Place {
            start,
            end: position,
            generation: footer.generation,
            is_intact: bytes
                .is_some_and(|bytes| *blake3::hash(bytes).as_bytes() == footer.toc_hash),
            has_footer: true,
        };
        if !place.is_intact {
            damaged.push(place);
        } else if home.is_own(start, position) {
            starts.insert(start);
            intact.push(place);
        }
    }
    // The one that an ordinary look finds is the newest; of the others the place tells. Older commits may stand behind it,
    // too, where somebody put them.
    let found = located.as_ref().ok().map(|located| located.toc_offset);
    intact.sort_by_key(|place| std::cmp::Reverse((Some(place.start) == found, place.start)));
    // What the header names was durable. Without a header, the last footer there is may be of a commit that never came
    // into force; its frames are checked one by one anyway.
    let last_intact = intact.first().map_or(0, |place| place.start);
    let generation = intact.first().map_or(0, |place| place.generation);
    let named = stored.filter(|header| header.footer_offset > last_intact);
    let vouches = header::is_intact(map) == Some(true)
        || stored.is_some_and(|header| header.footer_offset == last_intact);
    let newest_damaged = match (stored, named) {
        (Some(_), Some(header)) => named_place(map, header, &damaged),
        (Some(_), None) => None,
        (None, _) => damaged
            .iter()
            .filter(|place| place.start > last_intact && place.generation > generation)
            .max_by_key(|place| place.start)
            .copied(),
    };
    let newest_damaged = match newest_damaged {
        None if !vouches => directory_alone(map, intact.first()),
        found => found,
    };
    // A place that holds nothing like a table is no better than the intact one before it.
    let newest_damaged = newest_damaged.filter(|place| {
        intact.is_empty()
            || place.is_intact
            || part(map, place.start, place.end).is_some_and(looks_like_table)
            || has_directory(map, intact.first(), place)
    });
    let newest = newest_damaged.or(intact.first().copied());
    // A header that can be read tells itself what was durable.
    let settled = match (stored, newest) {
        (None, Some(newest)) => settled_by_log(map, &newest, &intact),
        _ => None,
    };
    intact.retain(|place| newest.is_none_or(|newest| newest.start != place.start));
    // A commit that never came into force has nothing to tell: it is left out.
    let index = intact.iter().position(|place| Some(place.start) == settled);
    let newest = index.map(|index| intact.remove(index)).or(newest);
    assembled(map, stored, vouches || settled.is_some(), newest, intact)
}

/// Where the last commit with a footer starts, when the log tells that it was the last one in force.
fn settled_by_log(map: &Bytes, newest: &Place, intact: &[Place]) -> Option<u64> {
    let before = recover::last_with_footer(map)?;
    let is_newest = newest.start == before.toc_offset;
    let is_there = intact.iter().any(|place| place.start == before.toc_offset);
    if !is_there || newest.has_footer && !is_newest {
        return None;
    }
    let counts = match undone::judge(map, &before)? {
        Verdict::Undone => true,
        // What is whole needs nobody to repeat it.
        Verdict::Repeated => !is_newest && !newest.is_intact,
        Verdict::Possible => false,
    };
    counts.then_some(before.toc_offset)
}

impl Places {
    /// These, when of the newest table nothing is left: the last one that is intact counts.
    pub fn without_newest(mut self, map: &Bytes, stored: Option<&Header>) -> Option<Self> {
        if self.older.is_empty() {
            return None;
        }
        let newest = self.older.remove(0);
        let vouches = header::is_intact(map) == Some(true);
        Some(assembled(map, stored, vouches, Some(newest), self.older))
    }
}

/// `vouches` is whether nothing that counts can stand behind `newest`, as far as the header knows.
fn assembled(
    map: &Bytes,
    stored: Option<&Header>,
    vouches: bool,
    newest: Option<Place>,
    older: Vec<Place>,
) -> Places {
    let is_current = |place: &Place| {
        stored.is_some_and(|header| {
            header.footer_offset == place.start
                && (!place.is_intact
                    || part(map, place.start, place.end)
                        .and_then(|bytes| toc::stored_checksum(bytes).ok())
                        == Some(header.toc_checksum))
        })
    };
    let behind = newest.map_or(map.len() as u64, |place| {
        let footer = if place.has_footer { FOOTER_SIZE } else { 0 };
        place.end.saturating_add(footer as u64)
    });
    let rest = part(map, behind, map.len() as u64).unwrap_or_default();
    Places {
        header_is_current: newest.as_ref().is_some_and(is_current),
        trailing: rest.len() as u64,
        // Of a table without a footer, that is what is left of it.
        is_uncertain: !vouches
            && newest.is_some_and(|place| match place.has_footer {
                true => !rest.is_empty(),
                false => place.is_intact && rest.len() > FOOTER_SIZE,
            }),
        newest,
        older,
    }
}

/// Where the header says that the table of contents is, damaged as it may be.
fn named_place(map: &[u8], header: &Header, damaged: &[Place]) -> Option<Place> {
    let start = header.footer_offset;
    if let Some(place) = damaged.iter().find(|place| place.start == start) {
        return Some(*place);
    }
    let length = map.len() as u64;
    if start < header.wal_end() {
        return None;
    }
    if start >= length {
        // Cut off in front of it. Its directory may be left, and tells what there was.
        return Some(ruin(length, length, 0));
    }
    let end = match header::toc_length(map).and_then(|noted| start.checked_add(noted)) {
        Some(end) => end.min(length),
        // Other writers end the file with it.
        None => length.saturating_sub(FOOTER_SIZE as u64).max(start),
    };
    Some(ruin(start, end, 0))
}

fn ruin(start: u64, end: u64, generation: u64) -> Place {
    Place {
        start,
        end,
        generation,
        is_intact: false,
        has_footer: false,
    }
}

/// A commit that neither header nor footer name any more: its directory stands behind the last one that is whole, and knows
/// its frames.
fn directory_alone(map: &Bytes, intact: Option<&Place>) -> Option<Place> {
    let (from, generation) = intact.map_or((0, 0), |place| (place.end, place.generation));
    let (at, directory) = later_directory(map, from, generation)?;
    let length = map.len() as u64;
    let behind = at + directory.size();
    let Some(start) = table_of(map, behind, &directory) else {
        return Some(ruin(length, length, directory.generation()));
    };
    let measured = part(map, start, length)
        .and_then(|rest| toc::measure(rest).ok())
        .and_then(|measured| start.checked_add(measured));
    let whole = measured.filter(|end| {
        part(map, start, *end).is_some_and(|table| toc::verify_checksum(table).is_ok())
    });
    Some(Place {
        is_intact: whole.is_some(),
        ..ruin(start, whole.unwrap_or(length), directory.generation())
    })
}

/// Where the table of contents of a directory starts, behind `from`: where frames stand as the directory describes them.
fn table_of(map: &Bytes, from: u64, directory: &Directory) -> Option<u64> {
    /// Frames that are looked for.
    const TRIED: u64 = 48;
    /// Places that one is looked for at.
    const PLACES: usize = 4096;
    let rest = part(map, from, map.len() as u64)?;
    let frames = directory.frames();
    let mut effort = Effort::on(rest);
    let step = (frames / TRIED).max(1);
    // The number of the first one is zeros, which stand everywhere.
    let ids = (0..frames).step_by(step as usize).skip(1).chain([0]);
    ids.filter_map(|id| {
        let record = directory.record(id)?;
        let inside = directory.frames_range().0.checked_add(record.toc_offset)?;
        let number = id.to_le_bytes();
        let mut places = memchr::memmem::find_iter(rest, &number).take(PLACES);
        let at = places.find(|&at| {
            frame_at(rest, at, id, &mut effort)
                .and_then(|length| rest.get(at..at + length))
                .is_some_and(|encoded| crc32fast::hash(encoded) == record.checksum)
        })?;
        (from + at as u64).checked_sub(inside)
    })
    .next()
}

/// Whether a damaged table still has a beginning or a frame. Zeros read as a beginning that says nothing.
fn looks_like_table(bytes: &[u8]) -> bool {
    let says_something =
        |(head, frames, _): (TocHead, u64, u64)| frames > 0 || !head.segments.is_empty();
    toc::decode_head(bytes).is_ok_and(says_something)
        || next_frame(bytes, 0, 0, u64::MAX, &mut Effort::on(bytes)).is_some()
}

/// Whether a directory stands between the last intact commit and a damaged table.
fn has_directory(map: &Bytes, intact: Option<&Place>, place: &Place) -> bool {
    let from = intact.map_or(0, |intact| intact.end);
    later_directory(map, from, 0).is_some_and(|(at, _)| at < place.start)
}
