//! Tables of contents, intact and damaged, and the frames in them.

use mv2::bytes::Bytes;
use mv2::codec::Reader;
use mv2::toc::{self, TocHead, TocTail};
use mv2::view::FrameView;

use super::belonging::{Belonging, Told, candidates, earlier, named_directory, restore};
use super::places::Place;
use crate::commit::frames_start;
use crate::directory::Directory;

/// Bytes of a file, if it has them.
pub(super) fn part(map: &[u8], start: u64, end: u64) -> Option<&[u8]> {
    map.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

/// A frame as it stands in the file: place and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoded {
    /// Offset in the file.
    pub offset: usize,
    /// Bytes.
    pub length: usize,
    /// Whether a checksum says that it is as it was written.
    pub is_checked: bool,
}

/// What a table says.
pub struct Table {
    /// What stands in front of the frames; `None` when that is lost.
    pub head: Option<TocHead>,
    /// What stands behind them; `None` when that is lost.
    pub tail: Option<TocTail>,
    /// Whether both are as they were written, by their checksum, and by what header and footer say of the table.
    pub is_vouched_for: bool,
    /// Whether nothing says that its directory is of another commit.
    pub is_of_this_commit: bool,
    /// Its frames by id; `None` for those that are lost.
    pub frames: Vec<Option<Encoded>>,
    /// Its directory, if that can be read, and whether every byte of it is intact.
    pub directory: Option<(Directory, bool)>,
}

/// Reads a table of contents that is intact; `None` when it is none, whatever its hash says.
pub fn read_intact(map: &Bytes, place: &Place) -> Option<Table> {
    let mut table = read_older(map, place)?;
    let head = table.head.as_ref()?;
    let start = frames_start(head);
    table.directory = named_directory(map, head).filter(|(directory, _)| {
        directory.frames() == table.frames.len() as u64
            // The generation stands in the footer.
            && (!place.has_footer || directory.generation() == place.generation)
            && directory.frames_range().0 == start
    });
    Some(table)
}

/// [`read_intact`] without the directory.
pub fn read_older(map: &Bytes, place: &Place) -> Option<Table> {
    let bytes = part(map, place.start, place.end)?;
    let (head, count, frames_start) = toc::decode_head(bytes).ok()?;
    let mut frames = Vec::new();
    let mut at = usize::try_from(frames_start).ok()?;
    for item in toc::frame_views(bytes, count, frames_start) {
        let (offset, view) = item.ok()?;
        // Its hash only says that it is as it was written, not that it was ever a table: nobody can open one like this.
        if view.id != frames.len() as u64 {
            return None;
        }
        at = usize::try_from(offset).ok()?;
        frames.push(Some(Encoded {
            offset: usize::try_from(place.start).ok()? + at,
            length: view.encoded.len(),
            is_checked: true,
        }));
        at += view.encoded.len();
    }
    let tail = toc::decode_tail(bytes.get(at..)?).ok()?;
    Some(Table {
        head: Some(head),
        tail: Some(tail),
        is_vouched_for: true,
        is_of_this_commit: true,
        frames,
        directory: None,
    })
}

/// Reads what is left of a damaged table of contents.
pub fn read_damaged(map: &Bytes, place: &Place, told: &Told) -> Table {
    let bytes = part(map, place.start, place.end).unwrap_or_default();
    let mut effort = Effort::on(bytes);
    let decoded = toc::decode_head(bytes).ok();
    let candidates = candidates(map, place, told, decoded.as_ref().map(|(head, ..)| head));
    let decoded =
        decoded.filter(|(_, count, start)| is_plausible_head(bytes, *count, *start, &mut effort));
    let mut best: Option<(Belonging, usize, Table, usize)> = None;
    for directory in candidates {
        let described = Some(directory);
        let (mut table, end) = read_described(map, place, decoded.clone(), described, &mut effort);
        let belonging = restore(map, place, told, &mut table);
        if belonging == Belonging::Refuted {
            continue;
        }
        let found = table.frames.iter().flatten().count();
        match &mut best {
            // Nothing tells which of the two it is.
            Some((known, count, table, _)) if (*known, *count) == (belonging, found) => {
                table.is_vouched_for &= belonging == Belonging::Proven;
            }
            Some((known, count, ..)) if (*known, *count) > (belonging, found) => {}
            _ => best = Some((belonging, found, table, end)),
        }
        if belonging == Belonging::Proven {
            break;
        }
    }
    if let Some((belonging, _, table, end)) = best {
        // A directory of a commit before knows nothing of the frames that came since.
        let count = table.frames.len() as u64;
        let knows_all =
            belonging == Belonging::Proven || frame_at(bytes, end, count, &mut effort).is_none();
        if knows_all {
            return table;
        }
    }
    let plain = read_described(map, place, decoded, None, &mut Effort::on(bytes)).0;
    if plain.head.is_some() {
        return plain;
    }
    // Not even how many frames there were is known: the commit that has its directory there, though another program has
    // committed since, tells of most of them.
    let Some(directory) = earlier(map, place, told) else {
        return plain;
    };
    let mut effort = Effort::on(bytes);
    let (mut table, _) = read_described(map, place, None, Some(directory), &mut effort);
    restore(map, place, told, &mut table);
    table.is_vouched_for = false;
    table.is_of_this_commit = false;
    table
}

/// What [`toc::decode_head`] gives.
type DecodedHead = (TocHead, u64, u64);

/// Also gives where the frames end inside the table.
fn read_described(
    map: &Bytes,
    place: &Place,
    decoded: Option<DecodedHead>,
    directory: Option<(Directory, bool)>,
    effort: &mut Effort,
) -> (Table, usize) {
    let bytes = part(map, place.start, place.end).unwrap_or_default();
    // The directory knows both; a head whose numbers are other ones is damaged.
    let known = directory
        .as_ref()
        .map(|(directory, _)| (directory.frames(), directory.frames_range().0));
    let decoded =
        decoded.filter(|(_, count, start)| known.is_none_or(|known| known == (*count, *start)));
    let (count, frames_start) = match (known, &decoded) {
        (Some(known), _) => (Some(known.0), known.1),
        (None, Some((_, count, start))) => (Some(*count), *start),
        (None, None) => (None, 0),
    };
    let base = usize::try_from(place.start).unwrap_or(usize::MAX);
    let mut frames: Vec<Option<Encoded>> = Vec::new();
    let mut cursor = usize::try_from(frames_start).unwrap_or(usize::MAX);
    // Whether the frame that is expected next stands at the cursor.
    let mut is_there = decoded.is_some() || known.is_some();
    let limit = count.unwrap_or(u64::MAX);
    let mut id = 0;
    while id < limit {
        let found = directory
            .as_ref()
            .and_then(|(directory, _)| by_directory(bytes, directory, id, effort));
        // Where the directory knows the place, it knows the checksum, too: what does not have that is damaged.
        let is_known = directory
            .as_ref()
            .is_some_and(|(directory, _)| directory.record(id).is_some());
        let found = found.or_else(|| {
            (!is_known && is_there)
                .then(|| frame_at(bytes, cursor, id, effort))
                .flatten()
                .map(|length| (cursor, length, false))
        });
        match found {
            Some((offset, length, is_checked)) => {
                cursor = offset + length;
                is_there = true;
                frames.push(Some(Encoded {
                    offset: base + offset,
                    length,
                    is_checked,
                }));
                id += 1;
            }
            None if directory.is_some() => {
                is_there = false;
                frames.push(None);
                id += 1;
            }
            None => {
                let Some((offset, next)) = next_frame(bytes, cursor, id, limit, effort) else {
                    // What follows is lost; where nobody says how many there were, nothing is known to be.
                    if count.is_some() {
                        frames.resize(usize::try_from(limit).unwrap_or(0), None);
                    }
                    break;
                };
                // The one in front of the damage may be damaged itself, unless a checksum says otherwise.
                if let Some(last) = frames
                    .last_mut()
                    .filter(|last| last.is_some_and(|last| !last.is_checked))
                {
                    let suspect = last.and_then(|last| {
                        part(map, last.offset as u64, (last.offset + last.length) as u64)
                    });
                    if suspect.is_some_and(has_zero_text) {
                        *last = None;
                    }
                }
                frames.resize(usize::try_from(next).unwrap_or(0), None);
                cursor = offset;
                is_there = true;
                id = next;
            }
        }
    }
    let tail_start = directory
        .as_ref()
        .and_then(|(directory, _)| usize::try_from(directory.frames_range().1).ok())
        .unwrap_or(cursor);
    let tail = bytes
        .get(tail_start..)
        .and_then(|bytes| toc::decode_tail(bytes).ok());
    let table = Table {
        head: decoded.map(|(head, ..)| head),
        tail,
        is_vouched_for: false,
        is_of_this_commit: true,
        frames,
        directory,
    };
    (table, tail_start)
}

/// Whether the first frame stands where a head says, or there is none.
fn is_plausible_head(bytes: &[u8], count: u64, start: u64, effort: &mut Effort) -> bool {
    let Ok(start) = usize::try_from(start) else {
        return false;
    };
    // Zeros read as a head without frames.
    if count == 0 {
        return next_frame(bytes, start, 0, u64::MAX, effort).is_none();
    }
    frame_at(bytes, start, 0, effort).is_some()
        || next_frame(bytes, start, 1, count, effort).is_some()
}

/// Bytes that a search may still read. In bytes that were made up a frame may seem to stand everywhere, each as long as the
/// rest: whoever reads all of them needs time, and memory, without bound.
pub(super) struct Effort(usize);

impl Effort {
    /// Several times what any table takes, whatever happened to it.
    pub(super) fn on(bytes: &[u8]) -> Self {
        const LEAST: usize = 64 << 20;
        Self(bytes.len().saturating_mul(16).saturating_add(LEAST))
    }

    /// `None` when nothing is left.
    fn spend(&mut self, read: usize) -> Option<()> {
        let left = self.0.checked_sub(read);
        self.0 = left.unwrap_or(0);
        left.map(drop)
    }
}

fn by_directory(
    bytes: &[u8],
    directory: &Directory,
    id: u64,
    effort: &mut Effort,
) -> Option<(usize, usize, bool)> {
    let record = directory.record(id)?;
    let offset = directory.frames_range().0.checked_add(record.toc_offset)?;
    let offset = usize::try_from(offset).ok()?;
    let length = frame_at(bytes, offset, id, effort)?;
    let encoded = bytes.get(offset..offset + length)?;
    (crc32fast::hash(encoded) == record.checksum).then_some((offset, length, true))
}

/// Length of frame `id`, if it stands at `offset`.
pub(super) fn frame_at(bytes: &[u8], offset: usize, id: u64, effort: &mut Effort) -> Option<usize> {
    let rest = bytes.get(offset..)?;
    if u64::from_le_bytes(*rest.first_chunk()?) != id {
        return None;
    }
    let mut reader = Reader::new(rest);
    let view = FrameView::read(&mut reader);
    effort.spend(reader.position())?;
    // Zeros read as a frame, too; but no content, not even none, has such a hash.
    (view.ok()?.checksum != [0; 32]).then(|| reader.position())
}

/// The next place at or behind `from` where a frame with an id of at least `least` stands, which another one or the end of
/// the frames follows.
pub(super) fn next_frame(
    bytes: &[u8],
    from: usize,
    least: u64,
    limit: u64,
    effort: &mut Effort,
) -> Option<(usize, u64)> {
    /// The shortest frame there can be.
    const SHORTEST: usize = 110;
    let end = bytes.len().checked_sub(SHORTEST)?;
    for offset in from..=end {
        let rest = bytes.get(offset..)?;
        let id = u64::from_le_bytes(*rest.first_chunk()?);
        // As many as fit into what is between, and no more.
        let most = least.saturating_add(((offset - from) / SHORTEST) as u64 + 1);
        // Zeros are no frame, however many there are.
        if id < least || id > most || id >= limit || rest.starts_with(&[0; SHORTEST]) {
            continue;
        }
        if effort.0 == 0 {
            return None;
        }
        let Some(length) = frame_at(bytes, offset, id, effort) else {
            continue;
        };
        let behind = offset + length;
        let is_followed = frame_at(bytes, behind, id + 1, effort).is_some()
            || (id + 1 == limit || limit == u64::MAX)
                && bytes.get(behind..).is_some_and(|rest| {
                    let (is_tail, read) = toc::is_tail(rest);
                    effort.spend(read).is_some() && is_tail
                });
        if is_followed {
            return Some((offset, id));
        }
    }
    None
}

/// Whether a text of the frame holds a zero, which no writer writes.
fn has_zero_text(encoded: &[u8]) -> bool {
    let Ok(view) = FrameView::parse(encoded) else {
        return true;
    };
    [view.uri, view.title, view.search_text, view.mime]
        .into_iter()
        .flatten()
        .any(|text| text.contains('\0'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use mv2::frame::Frame;

    use super::*;

    fn frame(id: u64, text: &str) -> Vec<u8> {
        Frame {
            id,
            checksum: [b'c'; 32],
            search_text: Some(text.to_owned()),
            ..Frame::default()
        }
        .to_bytes()
    }

    /// Frames that begin inside the text of the one before, each of which reaches to the end.
    fn nested(count: u64) -> Vec<u8> {
        let mut inner = String::new();
        for id in (1..=count).rev() {
            // The length of a text is part of the text around it, and has to be one, too.
            while inner.len().to_le_bytes().iter().any(|byte| *byte > 127) {
                inner.push(' ');
            }
            inner = String::from_utf8(frame(id % 100, &inner)).unwrap();
        }
        inner.into_bytes()
    }

    #[test]
    fn frames_inside_of_frames_are_not_read_without_end() {
        let bytes = nested(1000);
        let mut effort = Effort(bytes.len() * 16);
        // None of them is followed by another one.
        assert_eq!(next_frame(&bytes, 0, 0, 5000, &mut effort), None);
        assert_eq!(effort.0, 0);
        // Each of them alone is read to its end.
        let mut effort = Effort(usize::MAX);
        assert_eq!(next_frame(&bytes, 0, 0, 5000, &mut effort), None);
        assert!(usize::MAX - effort.0 > 400 * bytes.len());
    }

    #[test]
    fn a_frame_behind_zeros_is_found_without_effort() {
        let mut bytes = vec![0; 1 << 20];
        bytes.extend(frame(0, "first"));
        bytes.extend(frame(1, "second"));
        bytes.extend([7; 200]);
        let mut effort = Effort(bytes.len() / 100);
        assert_eq!(next_frame(&bytes, 0, 0, 2, &mut effort), Some((1 << 20, 0)));
    }
}
