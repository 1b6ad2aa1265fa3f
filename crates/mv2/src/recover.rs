//! Finding the table of contents, in healthy and in damaged files.
//!
//! The last valid footer decides. When it is damaged but the header still names an intact table of contents behind all
//! valid footers, that one is newer and counts; otherwise an older footer in a gap, and at last a search for a table that
//! reaches to the end. Where the header does not vouch for what it leads to, a footer counts only if its table is of this
//! file: a memory that is stored as a document brings its own.

use std::path::Path;

use crate::error::{Error, Result};
use crate::footer::{self, FOOTER_SIZE, Footer};
use crate::header::{self, CAPSULE_MAGIC, HEADER_SIZE, Header};
use crate::home::Home;
use crate::toc;
use crate::wal;

/// How far from the end a table of contents without footer is searched for, in bytes.
const SEARCH_WINDOW: usize = 64 << 20;
/// No table of contents starts with this many zeros.
const ALL_ZERO: usize = 128;
/// Bytes of look-alikes that such a search reads before it gives up.
const SEARCH_BUDGET: usize = 256 << 20;

/// Where the table of contents of a file lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The header page as it is stored.
    pub header: Header,
    /// The footer; made up from the table of contents when [`Located::footer_missing`].
    pub footer: Footer,
    /// Where the table of contents starts.
    pub toc_offset: u64,
    /// Where it ends and the footer starts.
    pub footer_offset: u64,
    /// The header names this table of contents, with the right checksum.
    pub header_is_current: bool,
    /// Bytes behind the footer (behind the table of contents when the footer is missing).
    pub trailing: u64,
    /// The header is known to be damaged, or torn by a crash: nothing it says counts, and [`Located::header`] holds defaults.
    pub header_is_damaged: bool,
    /// The footer is damaged or missing; the reference can only open the file for writing then.
    pub footer_missing: bool,
}

impl Located {
    /// The table of contents inside the bytes of the file.
    pub fn toc<'a>(&self, file: &'a [u8]) -> Result<&'a [u8]> {
        slice(file, self.toc_offset, self.footer_offset)
            .ok_or_else(|| Error::corrupt("toc", self.toc_offset, "the file has become shorter"))
    }
}

fn slice(bytes: &[u8], start: u64, end: u64) -> Option<&[u8]> {
    bytes.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

/// Decodes the header of a file. Fails with [`Error::Encrypted`] on a capsule.
pub fn read_header(bytes: &[u8], path: &Path) -> Result<Header> {
    if bytes.starts_with(&CAPSULE_MAGIC) {
        return Err(Error::Encrypted {
            path: path.to_path_buf(),
        });
    }
    Header::decode(bytes)
}

/// Like [`locate`] for the usual case, in constant time: the header names a table of contents that ends with the checksum
/// in the header and is followed by a footer at the very end. `None` when the file is not exactly like that.
///
/// The bytes of the table of contents are not hashed: a reader that decodes it must verify it.
pub fn locate_quick(bytes: &[u8], path: &Path) -> Result<Option<Located>> {
    if header::is_intact(bytes) == Some(false) {
        return Ok(None);
    }
    let header = read_header(bytes, path)?;
    Ok(at_header(bytes, &header))
}

/// Like [`locate_quick`] with bytes behind the footer, which another process may be writing this moment: the header itself
/// notes where the footer is.
pub fn locate_noted(bytes: &[u8], path: &Path) -> Result<Option<Located>> {
    if header::is_intact(bytes) == Some(false) {
        return Ok(None);
    }
    let header = read_header(bytes, path)?;
    Ok(noted(bytes, &header))
}

fn noted(bytes: &[u8], header: &Header) -> Option<Located> {
    let length = header::toc_length(bytes)?;
    at_footer(bytes, header, header.footer_offset.checked_add(length)?)
}

fn at_header(bytes: &[u8], header: &Header) -> Option<Located> {
    at_footer(bytes, header, bytes.len().checked_sub(FOOTER_SIZE)? as u64)
}

fn at_footer(bytes: &[u8], header: &Header, footer_offset: u64) -> Option<Located> {
    let footer_at = usize::try_from(footer_offset).ok()?;
    let end = footer_at.checked_add(FOOTER_SIZE)?;
    let footer = Footer::decode(bytes.get(footer_at..end)?).ok()?;
    if header.footer_offset.checked_add(footer.toc_len)? != footer_offset {
        return None;
    }
    let toc = slice(bytes, header.footer_offset, footer_offset)?;
    (toc::stored_checksum(toc).ok()? == header.toc_checksum).then(|| Located {
        toc_offset: header.footer_offset,
        header: header.clone(),
        footer,
        footer_offset,
        header_is_current: true,
        header_is_damaged: false,
        trailing: (bytes.len() - end) as u64,
        footer_missing: false,
    })
}

/// Finds the table of contents of a file. `path` is only used in errors.
///
/// The table found is intact: its hash was compared with the footer, or its own checksum was verified.
pub fn locate(bytes: &[u8], path: &Path) -> Result<Located> {
    if header::is_intact(bytes) == Some(false) {
        return locate_without_header(bytes);
    }
    let header = read_header(bytes, path)?;
    locate_with(bytes, header)
}

/// Whether the log is the one that belongs to the commit which the header names: it goes on with the next sequence, or is
/// empty. Then no later commit ever came into force, which would have emptied it, and more may have been seen, and
/// acknowledged, on top of the older one since.
fn log_goes_on(bytes: &[u8], header: &Header) -> bool {
    let Ok(region) = wal::region(bytes, header) else {
        return false;
    };
    let applied = header.wal_sequence;
    let first = wal::scan(region, applied)
        .pending()
        .next()
        .map(|record| record.sequence);
    header::is_intact(bytes) == Some(true)
        && match first {
            Some(first) => Some(first) == applied.checked_add(1),
            None => !wal::has_lost_front(region, applied),
        }
}

/// [`locate`] for a file whose header is known, or made up because the stored one is damaged.
pub fn locate_with(bytes: &[u8], header: Header) -> Result<Located> {
    if let Some(located) = at_header(bytes, &header)
        && crate::hash(located.toc(bytes)?) == located.footer.toc_hash
    {
        return Ok(located);
    }
    let home = Home::of(bytes);
    let noted = noted(bytes, &header);
    let last_footer = last_own_footer(bytes, &home, noted.as_ref());
    // What stands behind the commit that the header names counts only if it is the next one: a crash may have come between
    // footer and header. Anything else with a footer is an older commit, or a memory inside this one.
    if let Some(noted) = noted
        && crate::hash(noted.toc(bytes)?) == noted.footer.toc_hash
        && last_footer.as_ref().is_none_or(|(position, last)| {
            *position <= noted.footer_offset
                || Some(last.generation) != noted.footer.generation.checked_add(1)
                || log_goes_on(bytes, &header)
        })
    {
        return Ok(noted);
    }
    // A table that the header names behind all valid footers is newer than they are: its footer was damaged.
    if let Some(end) = end_at_header(bytes, &header)
        && last_footer
            .as_ref()
            .is_none_or(|(position, _)| header.footer_offset > *position)
    {
        let start = header.footer_offset;
        // Each commit counts one further.
        let generation = last_footer.map_or(0, |(_, footer)| footer.generation.saturating_add(1));
        return without_footer(bytes, header, start, end, generation);
    }
    if let Some((footer_offset, footer)) = last_footer {
        let toc_offset = footer_offset.saturating_sub(footer.toc_len);
        // A later commit of which neither header nor footer is left.
        if header::is_intact(bytes) != Some(true)
            && header.footer_offset != toc_offset
            && let Some((start, end)) = search(bytes, footer_offset + FOOTER_SIZE as u64, &home)
        {
            return without_footer(
                bytes,
                header,
                start,
                end,
                footer.generation.saturating_add(1),
            );
        }
        let toc = slice(bytes, toc_offset, footer_offset).unwrap_or_default();
        return Ok(Located {
            header_is_current: header.footer_offset == toc_offset
                && toc::stored_checksum(toc)? == header.toc_checksum,
            header_is_damaged: false,
            header,
            footer,
            toc_offset,
            footer_offset,
            trailing: behind(bytes, footer_offset),
            footer_missing: false,
        });
    }
    if let Some((start, end)) = search(bytes, header.wal_end(), &home) {
        return without_footer(bytes, header, start, end, 0);
    }
    Err(explain(bytes, &header))
}

/// Bytes behind the footer.
fn behind(bytes: &[u8], footer_offset: u64) -> u64 {
    (bytes.len() as u64)
        .saturating_sub(footer_offset)
        .saturating_sub(FOOTER_SIZE as u64)
}

/// The last footer whose table is this file's own. Where of none anything is left that tells, one that is not inside of a
/// stored memory. `noted` is the one that the header leads to.
fn last_own_footer(
    bytes: &[u8],
    home: &Home<'_>,
    noted: Option<&Located>,
) -> Option<(u64, Footer)> {
    let start = |position: u64, footer: &Footer| position.saturating_sub(footer.toc_len);
    let noted = noted.map(|noted| noted.footer_offset);
    footer::find_last_where(bytes, |position, footer| {
        Some(position) == noted || home.is_own(start(position, footer), position)
    })
    .or_else(|| {
        footer::find_last_where(bytes, |position, footer| {
            !home.is_embedded(start(position, footer))
        })
    })
}

/// The commit of the highest generation that has a footer, whatever the header says. Of copies of one commit the first is the
/// file's own.
fn newest_footer(bytes: &[u8], home: &Home<'_>) -> Option<(u64, Footer)> {
    let mut newest: Option<(u64, Footer)> = None;
    footer::find_last_where(bytes, |position, footer| {
        let is_newer = newest
            .as_ref()
            .is_none_or(|(_, newest)| footer.generation >= newest.generation);
        if is_newer && home.is_own(position.saturating_sub(footer.toc_len), position) {
            newest = Some((position, footer.clone()));
        }
        false
    });
    newest.or_else(|| last_own_footer(bytes, home, None))
}

/// The last commit with a footer, of a file whose header says nothing; a table without one may stand behind it.
#[must_use]
pub fn last_with_footer(bytes: &[u8]) -> Option<Located> {
    newest_footer(bytes, &Home::of(bytes)).map(|newest| at_newest_footer(bytes, newest))
}

fn at_newest_footer(bytes: &[u8], (footer_offset, footer): (u64, Footer)) -> Located {
    Located {
        header: Header::default(),
        toc_offset: footer_offset.saturating_sub(footer.toc_len),
        footer,
        footer_offset,
        header_is_current: false,
        header_is_damaged: true,
        trailing: behind(bytes, footer_offset),
        footer_missing: false,
    }
}

/// [`locate`] for a file whose header says nothing: the commit of the highest generation counts, and a table without footer
/// behind it, which is later.
pub fn locate_without_header(bytes: &[u8]) -> Result<Located> {
    let home = Home::of(bytes);
    let newest = newest_footer(bytes, &home);
    let behind_newest = newest.as_ref().map_or(HEADER_SIZE as u64, |(position, _)| {
        position + FOOTER_SIZE as u64
    });
    if let Some((start, end)) = search(bytes, behind_newest, &home) {
        let generation = newest.map_or(0, |(_, footer)| footer.generation.saturating_add(1));
        let located = without_footer(bytes, Header::default(), start, end, generation)?;
        return Ok(Located {
            header_is_current: false,
            header_is_damaged: true,
            ..located
        });
    }
    let newest = newest.ok_or_else(|| {
        Error::corrupt(
            "header",
            0u64,
            "it does not match its checksum, and no footer is intact",
        )
    })?;
    Ok(at_newest_footer(bytes, newest))
}

fn without_footer(
    bytes: &[u8],
    header: Header,
    start: u64,
    end: u64,
    generation: u64,
) -> Result<Located> {
    let toc = slice(bytes, start, end).unwrap_or_default();
    Ok(Located {
        header_is_current: header.footer_offset == start
            && toc::stored_checksum(toc)? == header.toc_checksum,
        header_is_damaged: false,
        header,
        footer: Footer::for_toc(toc, generation),
        toc_offset: start,
        footer_offset: end,
        trailing: (bytes.len() as u64).saturating_sub(end),
        footer_missing: true,
    })
}

/// End of an intact table of contents that starts where the header says. A table tells its own length, so this also works
/// when the bytes behind it are damaged, cut off or followed by others.
fn end_at_header(bytes: &[u8], header: &Header) -> Option<u64> {
    if header.footer_offset < header.wal_end() {
        return None;
    }
    let rest = bytes.get(usize::try_from(header.footer_offset).ok()?..)?;
    let measured = toc::measure(rest).ok();
    // Older forms do not measure themselves: they end where the footer should be.
    let until_footer = (rest.len() as u64).checked_sub(FOOTER_SIZE as u64);
    [measured, until_footer]
        .into_iter()
        .flatten()
        .find(|length| is_intact(slice(rest, 0, *length)))
        .map(|length| header.footer_offset + length)
}

fn is_intact(candidate: Option<&[u8]>) -> bool {
    candidate.is_some_and(|candidate| toc::decode(candidate).is_ok())
}

/// Searches the end of the file, from `first` on, for a table of contents of its own that reaches to the end, with or
/// without room for a footer, and has none.
fn search(bytes: &[u8], first: u64, home: &Home<'_>) -> Option<(u64, u64)> {
    let first = usize::try_from(first).ok()?;
    let start = bytes.len().saturating_sub(SEARCH_WINDOW).max(first);
    let mut budget = SEARCH_BUDGET;
    for position in (start..bytes.len()).rev() {
        let rest = bytes.get(position..)?;
        // The version is 0 in all known files, so that most positions need no decoding. Long runs of zeros are none either:
        // the version of the catalog comes early in a table without frames.
        if !rest.starts_with(&[0; 8]) || rest.starts_with(&[0; ALL_ZERO]) {
            continue;
        }
        let (measured, read) = toc::measure_counting(rest);
        budget = budget.checked_sub(read.max(64))?;
        let Ok(length) = measured else {
            continue;
        };
        let end = position as u64 + length;
        let to_the_end = bytes.len() as u64 - end;
        let table = slice(rest, 0, length);
        if to_the_end <= FOOTER_SIZE as u64
            && is_intact(table)
            && home.is_own(position as u64, end)
            && !has_footer(bytes, end, table)
        {
            return Some((position as u64, end));
        }
    }
    None
}

/// Whether the footer of a table stands behind it. Footers that are intact were all looked at before.
fn has_footer(bytes: &[u8], end: u64, table: Option<&[u8]>) -> bool {
    let footer = usize::try_from(end)
        .ok()
        .and_then(|end| bytes.get(end..))
        .and_then(|bytes| Footer::decode(bytes).ok());
    footer.zip(table).is_some_and(|(footer, table)| {
        footer.toc_len == table.len() as u64 && footer.toc_hash == crate::hash(table)
    })
}

/// Says what stands where the table of contents should be.
fn explain(bytes: &[u8], header: &Header) -> Error {
    let length = bytes.len() as u64;
    if header.footer_offset >= length {
        return Error::corrupt(
            "toc",
            header.footer_offset,
            format!("the file ends at {length}, before its table of contents"),
        );
    }
    let end = length.saturating_sub(FOOTER_SIZE as u64);
    let toc = slice(bytes, header.footer_offset, end).unwrap_or_default();
    match toc::decode_unverified_error(toc) {
        Some(error) => error.at(header.footer_offset),
        None => Error::corrupt(
            "toc",
            header.footer_offset,
            "its bytes do not match its checksum, and no earlier one is intact",
        ),
    }
}

/// Where a section with this magic really starts.
///
/// The reference moves sections when it enlarges the log and forgets some of the offsets. When `offset` does not hold the
/// section, all places of the magic behind the log are compared with length and checksum.
#[must_use]
pub fn displaced_section(
    file: &[u8],
    header: &Header,
    magic: &[u8],
    offset: u64,
    length: u64,
    checksum: &[u8; 32],
) -> Option<u64> {
    let at = |start: u64| slice(file, start, start.checked_add(length)?);
    let is_it = |start: u64| {
        at(start)
            .is_some_and(|section| section.starts_with(magic) && crate::hash(section) == *checksum)
    };
    if is_it(offset) {
        return Some(offset);
    }
    let first = usize::try_from(header.wal_end()).ok()?;
    // Look-alikes are hashed too: their number is bounded so that a hostile file costs no more than a few passes.
    memchr::memmem::find_iter(file.get(first..)?, magic)
        .map(|position| (first + position) as u64)
        .take(64)
        .find(|start| is_it(*start))
}
