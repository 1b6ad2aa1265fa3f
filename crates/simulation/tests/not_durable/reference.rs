//! The reference is killed within a record, or loses the power. Beside ours it knows no batches, and its records have no check.

use std::path::Path;

use engine::Content;
use mv2::wal::RECORD_HEADER_SIZE;
use simulation::recording::Event;

use crate::support::{
    Place, assert_survives, batch, disk_after, document_of_records, end_of_log, events_apart,
    has_frames, header, is_first_header, is_text, killed_in_front_of_its_header, of_the_reference,
    place_of, put, put_next, small, up_to_last_sync, write_at,
};

/// A record of the reference of this length.
fn of_length(sequence: u64, length: usize, byte: u8) -> Vec<u8> {
    let own = of_the_reference(sequence, b"").len();
    of_the_reference(sequence, &vec![byte; length - own])
}

/// `arriving` is given the end of the log and the record of a document that contains a memory with a log of its own.
fn assert_memory_is_content(is_first: bool, arriving: impl Fn(&Place, u64, &[u8])) {
    let place = Place::with(&["first"]);
    if !is_first {
        put(&place.open(), small("acknowledged")).unwrap();
    }
    let Content::Bytes(bytes) = document_of_records(8192).content else {
        panic!("the document consists of bytes");
    };
    let (end, last) = end_of_log(&place);
    arriving(&place, end, &of_the_reference(last + 1, &bytes));
    let memory = place.open();
    put(&memory, small("next")).unwrap();
    // It is there whole, where what did not arrive was zeros, or not at all.
    let others = if is_first { 2 } else { 3 };
    has_frames(&memory, &[others, others + 1]).unwrap();
}

#[test]
fn a_memory_that_it_was_killed_within() {
    for is_first in [true, false] {
        for cut in [600, 4096, 8192, 9000] {
            assert_memory_is_content(is_first, |place, end, record| {
                write_at(place, end, &record[..cut]);
            });
        }
    }
}

#[test]
fn a_memory_of_which_a_sector_did_not_arrive() {
    for is_first in [true, false] {
        for sector in 1..20 {
            assert_memory_is_content(is_first, |place, end, record| {
                write_at(place, end, record);
                write_at(place, (end / 512 + sector) * 512, &[0; 512]);
            });
        }
    }
}

/// A copy of a file of the reference; says so where they are not at hand.
fn of_fixture(name: &str) -> Option<Place> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/mv2-index");
    if !folder.is_dir() {
        println!("skipped: the folder of shared fixtures is not beside the checkout");
        return None;
    }
    let place = Place::new();
    std::fs::copy(folder.join(name), &place.path).unwrap();
    Some(place)
}

/// In a file of the reference records end at borders of sectors. A put of ours begins the log anew, because the rest of a write
/// that was interrupted stands behind them, and the power is lost while it wipes them.
#[test]
fn applied_records_of_the_reference_that_are_wiped() {
    for first in [&[242, 1747][..], &[512, 1747], &[512, 1024]] {
        let Some(place) = of_fixture("cli_put_one.mv2") else {
            return;
        };
        let before = header(&place);
        let end = usize::try_from(before.wal_checkpoint_pos).unwrap();
        let mut log: Vec<u8> = Vec::new();
        for (sequence, end) in (1..).zip(first.iter().chain([&end])) {
            log.extend(of_length(sequence, end - log.len(), b'a'));
        }
        log.extend(&of_the_reference(before.wal_sequence + 1, &[b't'; 9000])[..4096]);
        write_at(&place, before.wal_offset, &log);
        has_frames(&place.open(), &[1]).unwrap();
        let initial = place.files();
        let events = events_apart(&place, small("next"));
        let syncs = (0..events.len()).filter(|at| matches!(events[*at], Event::Synced { .. }));
        for sync in syncs {
            assert_survives(&disk_after(&initial, &events[..sync]), |memory| {
                has_frames(memory, &[1])?;
                put_next(memory)?;
                has_frames(memory, &[2])
            });
        }
    }
}

/// The records of the reference are applied, and stand where ours would begin anew. The next put begins there, whatever arrived
/// of the batch behind them.
#[test]
fn a_batch_behind_applied_records_of_the_reference() {
    let Some(place) = of_fixture("cli_correction.mv2") else {
        return;
    };
    let initial = place.files();
    let watched = place.watch();
    place.open().remove(&[0, 1, 2, 3, 4]).unwrap();
    let events = watched.events();
    for end in 0..=events.len() {
        assert_survives(&disk_after(&initial, &events[..end]), |memory| {
            has_frames(memory, &[5])?;
            put_next(memory)?;
            has_frames(memory, &[6])
        });
    }
}

/// A batch of removals was killed in front of its first header. A record of the reference is as long as its first one, and of the
/// next one no more than a part of its header arrived, over the header of the second.
#[test]
fn a_header_over_one_of_a_killed_batch() {
    let texts = ["a", "b", "c", "d", "e", "f"];
    for cut in 0..=RECORD_HEADER_SIZE {
        let place = Place::with(&texts);
        let before = header(&place);
        let initial = place.files();
        let watched = place.watch();
        place.open().remove(&[0, 1, 2, 3]).unwrap();
        let events = up_to_last_sync(watched.events());
        let first = events.iter().rposition(is_first_header).unwrap();
        place.after(&disk_after(&initial, &events[..first]));
        let sequence = before.wal_sequence + 1;
        let mut records = of_length(sequence, place_of(&place, sequence + 1), b'r');
        records.extend(&of_the_reference(sequence + 1, &[b'n'; 900])[..cut]);
        write_at(&place, before.wal_offset, &records);
        let memory = place.open();
        has_frames(&memory, &[7]).unwrap();
        for (id, text) in (0..).zip(texts) {
            is_text(&memory, id, text).unwrap_or_else(|error| panic!("{cut} bytes: {error}"));
        }
    }
}

#[test]
fn a_record_that_would_end_where_one_of_a_killed_batch_begins() {
    let place = Place::with(&["first"]);
    let before = header(&place);
    let long = "the first one of a batch, so long that the reference can be as long ".repeat(8);
    killed_in_front_of_its_header(&place, batch(12, &long));
    let sequence = before.wal_sequence + 1;
    let record = of_length(sequence, place_of(&place, sequence + 1), b'x');
    write_at(&place, before.wal_offset, &record[..512]);
    let memory = place.open();
    put(&memory, small("next")).unwrap();
    has_frames(&memory, &[2]).unwrap();
}
