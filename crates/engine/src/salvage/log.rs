//! The log of a damaged file: every record that is intact, in its order, with a place for those that are lost.

use std::collections::{BTreeSet, HashSet};

use mv2::frame::FrameStatus;
use mv2::header::{self, HEADER_SIZE, Header};
use mv2::wal::{self, Applied, EntryOperation, FrameEntry, RECORD_HEADER_SIZE, WalEntry};

use super::finding::FindingCode;
use super::image::lose_content;
use super::survey::Survey;

/// What stands in the log.
#[derive(Debug, Clone)]
pub enum Logged {
    /// A record.
    Entry(u64, Box<FrameEntry>),
    /// A document that was stored, and is lost.
    LostInsert(u64),
}

/// Reads the records that the frames do not contain yet. `end` is where the log must end. Gives the sequence of the first
/// record there is, or was.
pub fn gather(
    survey: &mut Survey,
    header: Option<&Header>,
    is_applied_known: bool,
    end: u64,
) -> Option<u64> {
    // Records that follow a commit of which nothing is left: nobody knows how many frames were in it.
    let is_behind_lost = survey.findings.has(FindingCode::CommitLost);
    let (start, length) = match header {
        Some(header) => (header.wal_offset, header.wal_size),
        None => (HEADER_SIZE as u64, end.saturating_sub(HEADER_SIZE as u64)),
    };
    let available = (survey.map.len() as u64).saturating_sub(start);
    let region = survey.map.section(start, length.min(available))?;
    if header.is_some() && available < length {
        let message = "the file ends inside its log: what stood in it behind that is lost";
        let place = Some(format!("byte {}", start + available));
        survey
            .findings
            .add(FindingCode::LogRecordsLost, message, place);
    }
    let is_ours = header::is_intact(&survey.map).is_some();
    let contained = match header {
        Some(header) if !is_ours => Applied::up_to(survey.applied_sequence, header),
        _ => survey.applied_sequence.into(),
    };
    let (records, gaps) = wal::salvage(&region, contained);
    // Records behind a gap are only told from older ones by their sequence.
    let gaps = if is_applied_known { gaps } else { Vec::new() };
    let mut gap = gaps.iter().peekable();
    let mut lost = 0;
    let committed = survey.frames.len() as u64;
    let mut uncertain_from = is_behind_lost.then_some(committed);
    // The last record of a write that lacks its end, or what was in front of it: it may never have been acknowledged.
    let end_of = |record: &wal::WalRecord| {
        record
            .sequence
            .saturating_add(record.batch_remaining.into())
    };
    let lacks_front = gaps.iter().any(|gap| gap.end.is_some() && !gap.is_damage);
    let unfinished = records
        .last()
        .filter(|last| last.pending && (last.batch_remaining > 0 || lacks_front))
        .map(end_of);
    let mut unusable = 0;
    let mut inserts = 0;
    let mut kept_removals = Vec::new();
    // Frames of the table of contents that records name.
    let mut changed = BTreeSet::new();
    let mut lost_removals = 0;
    // The last document in parts: the sequence of its last part.
    let mut parts_end = 0;
    let unapplied = if is_applied_known {
        0
    } else {
        let (applied, not_removed) = applied(survey, &region, &records);
        kept_removals.extend(not_removed);
        applied
    };
    for record in records.iter().skip(unapplied) {
        while let Some(gap) = gap.next_if(|gap| gap.position < record.position) {
            let sequence = record.sequence.saturating_sub(gap.missing);
            let removals = gap.missing * (RECORD_HEADER_SIZE + tombstone_length()) as u64;
            let bytes = gap.end.unwrap_or(gap.position).saturating_sub(gap.position);
            lost += gap.missing;
            // Records that only remove have one length: others take more.
            if bytes == removals {
                lost_removals += gap.missing;
                continue;
            }
            if gap.missing > 1 {
                uncertain_from.get_or_insert(committed + inserts);
            }
            for number in 0..gap.missing {
                survey.log.push(Logged::LostInsert(sequence + number));
                inserts += 1;
            }
        }
        if !record.pending {
            continue;
        }
        let payload = region.get(record.payload.clone()).unwrap_or_default();
        let entry = match WalEntry::decode(payload) {
            Ok(WalEntry::Frame(entry)) => *entry,
            Ok(WalEntry::Lex(_)) => continue,
            Err(_) => {
                unusable += 1;
                continue;
            }
        };
        if let (Some(_), Some(count)) = (&entry.chunk_manifest, entry.chunk_count) {
            parts_end = record.sequence.saturating_add(u64::from(count));
        }
        let entry = match entry.op {
            EntryOperation::Insert => {
                let is_certain = |id: &u64| uncertain_from.is_none_or(|from| *id < from);
                let mut entry = FrameEntry {
                    supersedes_frame_id: entry.supersedes_frame_id.filter(is_certain),
                    ..entry
                };
                // The content of another document would be taken for its own.
                if !entry.reuse_payload_from.is_none_or(|id| is_certain(&id)) {
                    lose_content(&mut entry);
                    survey.lost_content.push(committed + inserts);
                }
                inserts += 1;
                entry
            }
            // Which frame is meant is not known any more, or the other parts of the document would stay: better a document
            // too many than one that is gone.
            EntryOperation::Tombstone
                if uncertain_from.is_some_and(|from| entry.target_frame_id >= Some(from))
                    || unfinished == Some(end_of(record)) =>
            {
                kept_removals.extend(entry.target_frame_id);
                continue;
            }
            EntryOperation::Tombstone => entry,
        };
        let targets = [entry.supersedes_frame_id, entry.target_frame_id];
        changed.extend(targets.into_iter().flatten().filter(|id| *id < committed));
        survey
            .log
            .push(Logged::Entry(record.sequence, Box::new(entry)));
    }
    let last = records.last().map_or(0, |record| record.sequence);
    for gap in gap {
        lost += gap.missing;
        // Parts of a document that are lost have a place, so that its text is not read as if it were whole.
        let missing = parts_end.saturating_sub(last).min(gap.missing);
        for number in 1..=missing.min(1 << 16) {
            survey
                .log
                .push(Logged::LostInsert(last.saturating_add(number)));
        }
    }
    if is_behind_lost && inserts > 0 {
        let message = format!(
            "{inserts} documents and parts of documents in the log stand behind the commit that is lost: they are kept, and have other ids"
        );
        survey.findings.add(FindingCode::IdsChanged, message, None);
    }
    if !is_applied_known {
        survey.findings.add_frames(
            FindingCode::FramesUnchecked,
            "{} documents and parts of documents in the log are not in the table of contents, and nothing tells whether they were to be: they are added",
            committed..committed + inserts,
        );
        survey.findings.add_frames(
            FindingCode::FramesUnchecked,
            "{} documents are changed or removed by records of the log of which nothing tells whether they were to be",
            changed,
        );
    }
    let removals = Removals {
        kept: kept_removals,
        lost: lost_removals,
    };
    report(survey, &gaps, start, lost, unusable, removals);
    // Those that are missing in front of it were there.
    records.first().map(|record| {
        let in_front = gaps.first().filter(|gap| gap.position < record.position);
        let missing = in_front.map_or(0, |gap| gap.missing);
        record.sequence.saturating_sub(missing)
    })
}

/// Up to which record the frames contain the log, as a header says; `None` where the log contradicts it, and the frames do
/// not settle it.
pub fn applied_sequence(survey: &mut Survey, header: &Header) -> Option<u64> {
    let claimed = header.wal_sequence;
    if header::is_intact(&survey.map) == Some(true) {
        return Some(claimed);
    }
    let region = wal::region(&survey.map, header).ok();
    let Some(region) = region.filter(|region| wal::refutes_applied(region, header)) else {
        return Some(claimed);
    };
    let records = wal::scan(region, 0).records;
    let ends = |record: &&wal::WalRecord| record.payload.end as u64 == header.wal_checkpoint_pos;
    let noted = records.iter().find(ends).map(|record| record.sequence);
    // Or none is, in a log that was begun anew.
    let none = records
        .first()
        .map(|first| first.sequence.saturating_sub(1));
    let known = Known::of(survey);
    // One of those that contradict each other is damaged: the frames tell which. Where several fit, they differ in records
    // that say nothing of frames.
    let fits = |applied: &u64| {
        records.iter().all(|record| {
            let contains = known.contains(survey, region, record);
            contains.is_none_or(|(contains, _)| contains == (record.sequence <= *applied))
        })
    };
    let applied = [Some(claimed), noted, none]
        .into_iter()
        .flatten()
        .filter(fits)
        .max();
    let message = format!(
        "the header says that records of the log up to {claimed} are applied, and the log says otherwise"
    );
    survey
        .findings
        .add(FindingCode::HeaderUnreadable, message, None);
    applied
}

/// Frames, as records of the log know them. Records and frames are as many as the file holds: each is looked up once.
struct Known(HashSet<Trace>);

/// Time, BLAKE3 of the content, address, and the frame that it takes the place of. A record that changes fields alone has no
/// content, and one of another program may have no address.
type Trace = (i64, Option<[u8; 32]>, Option<String>, Option<u64>);

impl Known {
    fn of(survey: &Survey) -> Self {
        let mut known = HashSet::new();
        for rescued in survey.frames.iter().flatten() {
            let frame = &rescued.frame;
            for checksum in [None, Some(frame.checksum)] {
                for uri in [None, frame.uri.clone()] {
                    known.insert((frame.timestamp, checksum, uri, frame.supersedes));
                }
            }
        }
        Self(known)
    }

    /// Whether the frames contain what a record says, and the frame that it removes, if it does; `None` where it says nothing
    /// of them.
    fn contains(
        &self,
        survey: &Survey,
        region: &[u8],
        record: &wal::WalRecord,
    ) -> Option<(bool, Option<u64>)> {
        let payload = region.get(record.payload.clone()).unwrap_or_default();
        let Ok(WalEntry::Frame(entry)) = WalEntry::decode(payload) else {
            return None;
        };
        if entry.op == EntryOperation::Tombstone {
            let target = survey.rescued(entry.target_frame_id?)?;
            let is_removed = target.frame.status != FrameStatus::Active;
            return Some((is_removed, entry.target_frame_id));
        }
        let has_content = entry.reuse_payload_from.is_none();
        let checksum = has_content.then(|| *blake3::hash(&entry.payload).as_bytes());
        let trace = (
            entry.timestamp,
            checksum,
            entry.uri,
            entry.supersedes_frame_id,
        );
        Some((self.0.contains(&trace), None))
    }
}

/// How many records the frames contain already, where nobody says: programs that do not clear the log leave all of them
/// there. Also gives what is removed by records behind the last that is known to be contained, and still there.
fn applied(survey: &Survey, region: &[u8], records: &[wal::WalRecord]) -> (usize, Vec<u64>) {
    let known = Known::of(survey);
    let mut not_removed = Vec::new();
    for (index, record) in records.iter().enumerate() {
        match known.contains(survey, region, record) {
            Some((false, Some(target))) => not_removed.push(target),
            Some((true, Some(_))) | None => {}
            Some((false, None)) => return (index, not_removed),
            Some((true, None)) => not_removed.clear(),
        }
    }
    (records.len(), not_removed)
}

/// Removals of which nobody knows what they removed.
struct Removals {
    /// Frames that the records name, which may be other ones by now.
    kept: Vec<u64>,
    /// Records that are lost.
    lost: u64,
}

fn report(
    survey: &mut Survey,
    gaps: &[wal::Gap],
    start: u64,
    lost: u64,
    unusable: u64,
    mut removals: Removals,
) {
    if lost > 0 {
        let places: Vec<String> = gaps
            .iter()
            .map(|gap| format!("byte {}", start + gap.position))
            .collect();
        let message = match gaps.last() {
            Some(gap) if gap.end.is_none() => format!(
                "the log ends in a write of which {} records are missing, so that it may never have been acknowledged; {} records that are intact are kept",
                gap.missing,
                survey.log.len()
            ),
            // Removals have no number.
            _ if gaps.iter().any(|gap| gap.missing > 1 && gap.end.is_some()) => format!(
                "{lost} records of the log are damaged, and which of them stored documents is not known: those behind them may have other ids; all others are intact"
            ),
            _ => format!("{lost} records of the log are damaged; all others are intact"),
        };
        let detail = Some(places.join(", "));
        survey
            .findings
            .add(FindingCode::LogRecordsLost, message, detail);
    }
    let in_doubt: Vec<String> = gaps
        .iter()
        .filter(|gap| gap.missing == 0)
        .filter_map(|gap| Some(format!("byte {}", start + gap.end?)))
        .collect();
    if !in_doubt.is_empty() {
        survey.findings.add(
            FindingCode::FramesUnchecked,
            "records of the log stand behind damage, and none of them is missing: they are kept, and may be what a document contains that did not arrive as a whole",
            Some(in_doubt.join(", ")),
        );
    }
    if unusable > 0 {
        let message =
            format!("{unusable} records of the log say nothing that this version understands");
        survey
            .findings
            .add(FindingCode::LogRecordsUnusable, message, None);
    }
    if removals.lost > 0 {
        let message = format!(
            "{} lost records of the log removed documents: those are back, and which ones is not known",
            removals.lost
        );
        survey
            .findings
            .add(FindingCode::RemovalsUnknown, message, None);
    }
    removals.kept.sort_unstable();
    survey.findings.add_frames(
        FindingCode::RemovalsUnknown,
        "{} documents that were removed behind or beside lost records are kept: they may be others than these, whose ids the removals name",
        removals.kept,
    );
}

/// Bytes of a record of ours that removes a frame, without its header.
fn tombstone_length() -> usize {
    WalEntry::Frame(Box::new(crate::writer::tombstone(0)))
        .encode()
        .len()
}
