//! The log after crashes: what is whole stays, what is not disappears, in one piece for a batch.

use mv2::header::Header;
use mv2::wal::{
    Applied, FrameEntry, InBatch, RECORD_HEADER_SIZE, WalEntry, contains_records, encode_batch,
    encode_record, encode_unchecked_record, hides_acknowledged, refutes_applied, salvage, scan,
    scan_from, void_header,
};

const PAYLOADS: [&str; 3] = ["one", "two two", "three three three"];

/// A log of 4096 bytes that starts with the given bytes.
fn region(parts: &[&[u8]]) -> Vec<u8> {
    let mut region = parts.concat();
    region.resize(4096, 0);
    region
}

fn sequences(region: &[u8], applied: u64) -> Vec<u64> {
    scan(region, applied)
        .records
        .iter()
        .map(|record| record.sequence)
        .collect()
}

#[test]
fn an_empty_log_has_no_records() {
    for length in [0, 1, 47, 48, 4096] {
        let result = scan(&vec![0; length], 5);
        assert_eq!(
            (result.records.len(), result.head, result.torn.is_none()),
            (0, 0, true)
        );
        assert_eq!(result.last_sequence(5), 5);
    }
}

#[test]
fn records_up_to_the_applied_sequence_are_not_pending() {
    let region = region(&[&encode_batch(4, &PAYLOADS)]);
    let result = scan(&region, 5);
    let pending: Vec<_> = result.pending().map(|record| record.sequence).collect();
    assert_eq!((result.records.len(), pending), (3, vec![6]));
    assert_eq!(result.last_sequence(5), 6);
}

/// Any prefix of the bytes may have reached the disk, and any one 512-byte sector may be missing.
#[test]
fn a_batch_is_seen_whole_or_not_at_all() {
    let mut first = encode_batch(1, &["before"]);
    first.truncate(first.len() - 48);
    let batch = encode_batch(2, &PAYLOADS);
    for length in 0..batch.len() - 48 {
        let region = region(&[&first, &batch[..length]]);
        assert_eq!(sequences(&region, 0), [1], "{length} bytes of the batch");
        assert_eq!(scan(&region, 0).head, first.len() as u64);
    }
    assert_eq!(sequences(&region(&[&first, &batch]), 0), [1, 2, 3, 4]);
    // Header first, the rest never.
    let mut header_only = batch.clone();
    header_only[48..].fill(0);
    assert_eq!(sequences(&region(&[&first, &header_only]), 0), [1]);
    // One payload byte lost anywhere.
    for position in 0..batch.len() - 48 {
        let mut damaged = batch.clone();
        damaged[position] ^= 0x80;
        let found = sequences(&region(&[&first, &damaged]), 0);
        assert!(
            found == [1] || (found.len() == 4 && found[0] == 1),
            "byte {position}: {found:?}"
        );
    }
}

#[test]
fn an_incomplete_batch_is_reported_with_what_was_dropped() {
    let batch = encode_batch(1, &PAYLOADS);
    let result = scan(&region(&[&batch[..48 + 3 + 48 + 7]]), 0);
    assert!(result.records.is_empty());
    let torn = result.torn.unwrap();
    assert_eq!((torn.dropped, torn.position), (2, 48 + 3 + 48 + 7));
    assert_eq!(torn.reason, "1 records of a batch are missing");
}

#[test]
fn what_is_applied_already_is_not_dropped() {
    // Another writer has applied the records of an incomplete batch one by one.
    let batch = encode_batch(1, &PAYLOADS);
    let mut records = batch[..48 + 3 + 48 + 7].to_vec();
    encode_record(3, InBatch::ALONE, b"by another writer", &mut records);
    let result = scan(&region(&[&records]), 2);
    assert_eq!(result.records.len(), 3);
    assert_eq!(result.torn, None);
    assert_eq!(result.pending().count(), 1);
}

#[test]
fn records_of_an_older_round_end_the_log() {
    let mut records = Vec::new();
    encode_record(9, InBatch::ALONE, b"new", &mut records);
    encode_unchecked_record(2, b"old", &mut records);
    let result = scan(&region(&[&records]), 0);
    assert_eq!(result.records.len(), 1);
    assert_eq!(result.torn.unwrap().reason, "sequence 2 follows 9");
}

#[test]
fn a_length_beyond_the_region_ends_the_log() {
    let mut records = Vec::new();
    encode_record(1, InBatch::ALONE, b"good", &mut records);
    encode_record(2, InBatch::ALONE, b"bad", &mut records);
    records[52 + 8..52 + 12].fill(0xff);
    let result = scan(&region(&[&records]), 0);
    assert_eq!((result.records.len(), result.head), (1, 52));
    assert_eq!(
        result.torn.unwrap().reason,
        "a record of 4294967295 bytes does not fit"
    );
    records[52 + 8..52 + 12].fill(0);
    assert!(scan(&region(&[&records]), 0).torn.is_some());
}

#[test]
fn a_record_may_end_exactly_where_the_region_ends() {
    let mut records = Vec::new();
    encode_record(1, InBatch::ALONE, &[7; 100], &mut records);
    let result = scan(&records, 0);
    assert_eq!((result.records.len(), result.torn), (1, None));
    for left in 1..48 {
        let mut longer = records.clone();
        longer.resize(records.len() + left, 0xaa);
        assert_eq!(scan(&longer, 0).records.len(), 1);
    }
}

/// A log with one record for each sequence, as if written by programs that append one by one.
fn one_by_one(sequences: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for &sequence in sequences {
        encode_unchecked_record(
            sequence,
            format!("record {sequence}").as_bytes(),
            &mut bytes,
        );
    }
    region(&[&bytes])
}

/// Other writers do not check a sequence.
#[test]
fn a_flipped_bit_in_the_sequence_of_an_applied_record_does_not_make_it_pending() {
    let intact = one_by_one(&[1, 2, 3, 4, 5]);
    let pending = |region: &[u8], applied| -> Vec<u64> {
        let result = scan(region, applied);
        result.pending().map(|record| record.sequence).collect()
    };
    assert_eq!(pending(&intact, 3), [4, 5]);
    for record in 0..3 {
        let start = record * (48 + "record 1".len());
        for bit in 3..64 {
            let mut damaged = intact.clone();
            damaged[start + bit / 8] ^= 1 << (bit % 8);
            assert_eq!(pending(&damaged, 3), [4, 5], "record {record}, bit {bit}");
        }
    }
}

#[test]
fn the_first_record_of_all_is_pending_whatever_its_sequence_says() {
    let mut damaged = one_by_one(&[1]);
    damaged[0] = 0;
    let result = scan(&damaged, 0);
    let pending: Vec<u64> = result.pending().map(|record| record.sequence).collect();
    assert_eq!(pending, [1]);
}

/// A log, which of its records are applied, and what the header of another program notes of that.
struct Case {
    region: Vec<u8>,
    /// Where each record begins.
    starts: Vec<usize>,
    /// How many of them have no check.
    unchecked: usize,
    applied_count: usize,
    header: Header,
}

impl Case {
    /// `count` records from `first` on, of which another program applied some; the last `ours` have a check. `length` is that
    /// of their payloads.
    fn new(first: u64, count: usize, ours: usize, applied_count: usize, length: usize) -> Self {
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        for index in 0..count {
            starts.push(bytes.len());
            let payload = vec![index as u8 + 1; length + index];
            let sequence = first + index as u64;
            if index + ours < count {
                encode_unchecked_record(sequence, &payload, &mut bytes);
            } else {
                encode_record(sequence, InBatch::ALONE, &payload, &mut bytes);
            }
        }
        let end = starts.get(applied_count).copied().unwrap_or(bytes.len());
        // Where none is applied the log was begun anew, and the place of the last one is an old one.
        let old_end = if first == 1 { 0 } else { 4001 };
        let header = Header {
            wal_sequence: first + applied_count as u64 - 1,
            wal_checkpoint_pos: if applied_count == 0 {
                old_end
            } else {
                end as u64
            },
            ..Header::default()
        };
        Self {
            region: region(&[&bytes]),
            starts,
            unchecked: count - ours,
            applied_count,
            header,
        }
    }

    /// All of them, short and long, at borders of bytes.
    fn all() -> impl Iterator<Item = Self> {
        const FIRST: [u64; 6] = [1, 2, 3, 256, 511, 0x0102_0304];
        FIRST.into_iter().flat_map(|first| {
            (1..=4).flat_map(move |count| {
                (0..=count).flat_map(move |applied_count| {
                    (0..=count.min(1)).flat_map(move |ours| {
                        [7, 300].map(|length| Self::new(first, count, ours, applied_count, length))
                    })
                })
            })
        })
    }

    /// Where the pending records stand, as far as nothing is told of damage.
    fn read(region: &[u8], header: &Header) -> Option<Vec<u64>> {
        let result = scan(region, Applied::noted(header));
        let is_told = refutes_applied(region, header)
            || result.torn.as_ref().is_some_and(|torn| torn.is_damage);
        (!is_told).then(|| result.pending().map(|record| record.position).collect())
    }

    fn pending(&self) -> Vec<u64> {
        let pending = self.starts.iter().skip(self.applied_count);
        pending.map(|start| *start as u64).collect()
    }
}

#[test]
fn what_another_program_leaves_is_read_as_it_is() {
    for case in Case::all() {
        let read = Case::read(&case.region, &case.header);
        assert_eq!(read, Some(case.pending()), "{:?}", case.header);
    }
}

/// Nothing checks the header of another program, nor the sequences of its records.
#[test]
fn no_changed_byte_of_what_another_program_says_of_its_log_loses_a_record_or_applies_it_twice() {
    let bytes = || {
        let low = (1..=255).chain((1..=255_u64).map(|change| change << 8));
        low.chain((16..64).map(|bit| 1 << bit))
    };
    for case in Case::all() {
        let check = |region: &[u8], header: &Header, what: &str| {
            if let Some(read) = Case::read(region, header) {
                let of = (&case.header, &case.starts, header);
                assert_eq!(read, case.pending(), "{what}: {of:?}");
            }
        };
        for change in bytes() {
            let mut header = case.header.clone();
            header.wal_sequence ^= change;
            check(&case.region, &header, "sequence of the header");
        }
        for change in bytes() {
            let mut header = case.header.clone();
            header.wal_checkpoint_pos ^= change;
            check(&case.region, &header, "place in the header");
        }
        for (index, &start) in case.starts.iter().take(case.unchecked).enumerate() {
            for change in bytes() {
                let mut region = case.region.clone();
                let field = region[start..].first_chunk_mut().unwrap();
                let sequence = u64::from_le_bytes(*field) ^ change;
                *field = sequence.to_le_bytes();
                // What an older round left behind the newest record, whose zeros were lost, looks like that, and is no loss.
                let front = u64::from_le_bytes(*region.first_chunk().unwrap());
                let is_last = index > 0 && index + 1 == case.starts.len();
                if is_last && (1..front).contains(&sequence) {
                    let result = scan(&region, Applied::noted(&case.header));
                    let is_whole = Case::read(&region, &case.header) == Some(case.pending());
                    assert!(is_whole || result.torn.is_some(), "{:?}", case.header);
                    continue;
                }
                let what = format!("sequence of record {index}");
                check(&region, &case.header, &what);
            }
        }
    }
}

/// A writer that begins the log anew writes zeros over its first record. Killed meanwhile, it leaves some of them.
#[test]
fn a_front_that_was_being_cleared_refutes_no_header() {
    for case in Case::all() {
        if !case.pending().is_empty() {
            continue;
        }
        for cut in 0..=48 {
            let mut left = case.region.clone();
            left[..cut].fill(0);
            let read = Case::read(&left, &case.header);
            assert_eq!(read, Some(Vec::new()), "{:?}, {cut} bytes", case.header);
        }
    }
}

/// The zeros behind the newest record are not synced. Records of one length stand on each other's borders, round after round.
#[test]
fn an_older_round_behind_the_newest_record_is_no_damage_and_takes_nothing_along() {
    let pending = |region: &[u8], applied: u64| -> Vec<u64> {
        let result = scan(region, applied);
        assert!(!result.torn.as_ref().unwrap().is_damage);
        result.pending().map(|record| record.sequence).collect()
    };
    assert_eq!(pending(&one_by_one(&[4, 3]), 3), [4]);
    assert_eq!(pending(&one_by_one(&[5, 6, 4]), 4), [5, 6]);
    assert_eq!(pending(&one_by_one(&[5, 6, 3, 4]), 4), [5, 6]);
    let mut bytes = Vec::new();
    encode_unchecked_record(4, b"new", &mut bytes);
    encode_record(3, InBatch::ALONE, b"old", &mut bytes);
    assert_eq!(pending(&region(&[&bytes]), 3), [4]);
    // The same behind a header of another program, which notes where the older round ended.
    let length = 48 + "record 3".len() as u64;
    let header = Header {
        wal_sequence: 3,
        wal_checkpoint_pos: 2 * length,
        ..Header::default()
    };
    let log = one_by_one(&[4, 3]);
    assert!(
        refutes_applied(&log, &header),
        "nothing tells it from a damaged one"
    );
}

/// Commits of ours may take sequences without records.
/// Where it went down behind a record, the rest of a batch of ours may stand there, which it then applies as well.
#[test]
fn what_another_program_has_applied_hides_nothing_behind_it() {
    let mut bytes = Vec::new();
    encode_unchecked_record(1, b"one", &mut bytes);
    encode_unchecked_record(2, b"two", &mut bytes);
    encode_record(2, InBatch::ALONE, b"of a batch of ours", &mut bytes);
    let place = bytes.len() as u64;
    encode_unchecked_record(3, b"three", &mut bytes);
    let header = Header {
        wal_sequence: 2,
        wal_checkpoint_pos: place,
        ..Header::default()
    };
    let pending = Case::read(&region(&[&bytes]), &header);
    assert_eq!(pending, Some(vec![place]));
}

#[test]
fn an_old_record_behind_applied_ones_hides_nothing_behind_it() {
    // Of a batch of ours that was killed; the records of the reference in front of it end where it begins. It has written the
    // fourth record behind it, as it reads all of them.
    let mut bytes = Vec::new();
    for sequence in 1..=3 {
        encode_unchecked_record(sequence, b"by the reference", &mut bytes);
    }
    encode_record(3, InBatch::ALONE, b"of a batch of ours", &mut bytes);
    let place = bytes.len() as u64;
    encode_unchecked_record(4, b"acknowledged", &mut bytes);
    let result = scan(&region(&[&bytes]), 3);
    let pending: Vec<u64> = result.pending().map(|record| record.position).collect();
    assert_eq!((pending, result.torn), (vec![place], None));
    // Behind one that is not applied it is where the log ends.
    let result = scan(&region(&[&bytes]), 2);
    let sequences: Vec<u64> = result.pending().map(|record| record.sequence).collect();
    assert_eq!(sequences, [3]);
    assert!(result.torn.is_some());
}

#[test]
fn an_old_record_that_ends_at_the_noted_place_does_not_make_ours_applied() {
    let mut bytes = Vec::new();
    encode_record(4, InBatch::ALONE, b"four", &mut bytes);
    let five = bytes.len() as u64;
    encode_record(5, InBatch::ALONE, b"five", &mut bytes);
    encode_unchecked_record(3, b"of an older round", &mut bytes);
    let header = Header {
        wal_sequence: 3,
        wal_checkpoint_pos: bytes.len() as u64,
        ..Header::default()
    };
    let pending = Case::read(&region(&[&bytes]), &header);
    assert_eq!(pending, Some(vec![0, five]));
}

#[test]
fn the_last_applied_sequence_may_be_beyond_the_log() {
    for case in Case::all() {
        if !case.pending().is_empty() || case.starts.len() < 2 {
            continue;
        }
        let mut header = case.header.clone();
        header.wal_sequence += 2;
        for applied in [Applied::noted(&header), header.wal_sequence.into()] {
            let result = scan(&case.region, applied);
            assert_eq!(result.pending().count(), 0, "{header:?}");
            assert!(result.torn.is_none());
        }
    }
}

#[test]
fn a_sequence_that_is_put_right_is_told_from_what_is_stored() {
    let mut damaged = one_by_one(&[1, 2, 3]);
    damaged[0] = 0;
    let records = scan(&damaged, 0).records;
    let told: Vec<_> = records
        .iter()
        .map(|record| (record.sequence, record.stored_sequence))
        .collect();
    assert_eq!(told, [(1, 0), (2, 2), (3, 3)]);
}

#[test]
fn a_record_behind_known_ones_goes_on_behind_them() {
    let length = (48 + "record 1".len()) as u64;
    let log = one_by_one(&[1, 2, 3, 4]);
    let rest = scan_from(&log, 3 * length, 0, 3);
    let found: Vec<_> = rest.pending().map(|record| record.sequence).collect();
    assert_eq!((found, rest.head), (vec![4], 4 * length));
    for sequence in [0, 2, 3] {
        let mut damaged = log.clone();
        damaged[3 * length as usize] = sequence;
        let rest = scan_from(&damaged, 3 * length, 0, 3);
        assert!(
            rest.records.is_empty() && rest.torn.unwrap().is_damage,
            "{sequence}"
        );
    }
}

#[test]
fn pending_records_behind_applied_ones_may_leave_gaps() {
    let pending =
        |sequences: &[u64], applied| scan(&one_by_one(sequences), applied).pending().count();
    assert_eq!(pending(&[1, 2, 3, 8], 3), 1);
    // The last applied one was never in the log.
    assert_eq!(pending(&[1, 2, 4], 3), 1);
    assert_eq!(pending(&[9, 10], 3), 2);
}

fn batches(batches: &[(u64, &[&str])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (first, payloads) in batches {
        let batch = encode_batch(*first, payloads);
        bytes.extend_from_slice(&batch[..batch.len() - 48]);
    }
    region(&[&bytes])
}

/// A write that was interrupted is dropped; what was acknowledged before another record was written is not.
#[test]
fn damage_to_any_byte_before_the_newest_batch_is_told_or_put_right() {
    let intact = batches(&[
        (4, &["one"]),
        (5, &["two two", "three", "four"]),
        (8, &["five"]),
    ]);
    let whole = scan(&intact, 3);
    assert_eq!((whole.records.len(), &whole.torn), (5, &None));
    let newest = whole.records[4].position as usize;
    for position in 0..newest {
        for change in [1, 0x10, 0x80, 0xFF] {
            let mut damaged = intact.clone();
            damaged[position] ^= change;
            let result = scan(&damaged, 3);
            let told = result.torn.as_ref().is_some_and(|torn| torn.is_damage);
            let content = |scan: &mv2::wal::WalScan| {
                scan.records
                    .iter()
                    .map(|record| (record.sequence, record.payload.clone(), record.pending))
                    .collect::<Vec<_>>()
            };
            assert!(
                told || content(&result) == content(&whole),
                "byte {position}, {change}: {result:?}"
            );
        }
    }
    for position in newest..newest + 52 {
        let mut damaged = intact.clone();
        damaged[position] ^= 1;
        let result = scan(&damaged, 3);
        assert_eq!(result.records.len(), 4);
        assert!(!result.torn.unwrap().is_damage);
    }
}

#[test]
fn a_damaged_record_before_a_single_batch_is_told_from_the_first_of_that_batch() {
    // The batch behind it could be the rest of one that it starts.
    let mut alone = batches(&[(1, &["alone"]), (2, &["first", "second"])]);
    let mut first = batches(&[(1, &["first", "second", "third"])]);
    for bytes in [&mut alone, &mut first] {
        bytes[48 + 2] ^= 1;
    }
    assert!(scan(&alone, 0).torn.unwrap().is_damage);
    let torn = scan(&first, 0);
    assert!(torn.records.is_empty() && !torn.torn.unwrap().is_damage);
}

#[test]
fn damage_between_records_of_another_writer_is_told() {
    let intact = one_by_one(&[1, 2, 3, 4]);
    for position in 48 + 8..2 * (48 + 8) {
        let mut damaged = intact.clone();
        damaged[position] ^= 0x40;
        let result = scan(&damaged, 0);
        assert!(
            result.torn.is_some_and(|torn| torn.is_damage) || result.records.len() == 4,
            "byte {position}"
        );
    }
}

#[test]
fn a_flipped_bit_in_the_payload_of_another_writer_swallows_nothing_behind_it() {
    let entry = WalEntry::Frame(Box::new(FrameEntry {
        payload: b"a text".to_vec(),
        title: Some("A title".to_owned()),
        search_text: Some("a text".to_owned()),
        ..FrameEntry::default()
    }))
    .encode();
    let mut bytes = Vec::new();
    for sequence in 1..=3 {
        encode_unchecked_record(sequence, &entry, &mut bytes);
    }
    let length = bytes.len() / 3;
    // Zeros behind it, which are an entry as well.
    let mut log = region(&[&bytes]);
    log.resize(1 << 17, 0);
    for position in 48..2 * length {
        for bit in 0..8 {
            let mut damaged = log.clone();
            damaged[position] ^= 1 << bit;
            let result = scan(&damaged, 0);
            assert!(
                result.torn.is_some_and(|torn| torn.is_damage) || result.records.len() == 3,
                "byte {position}, bit {bit}"
            );
        }
    }
}

#[test]
fn damage_to_applied_records_does_not_hide_the_one_behind_them() {
    for is_ours in [true, false] {
        let mut bytes = Vec::new();
        for sequence in 1..=2 {
            if is_ours {
                encode_record(sequence, InBatch::ALONE, b"applied", &mut bytes);
            } else {
                encode_unchecked_record(sequence, b"applied", &mut bytes);
            }
        }
        let place = bytes.len();
        encode_record(3, InBatch::ALONE, b"acknowledged", &mut bytes);
        let header_of_file = Header {
            wal_sequence: 2,
            wal_checkpoint_pos: place as u64,
            ..Header::default()
        };
        for position in 0..place {
            for bit in 0..8 {
                let mut damaged = region(&[&bytes]);
                damaged[position] ^= 1 << bit;
                let applied = Applied::noted(&header_of_file);
                let result = scan(&damaged, applied);
                assert!(
                    refutes_applied(&damaged, &header_of_file)
                        || result.torn.as_ref().is_some_and(|torn| torn.is_damage)
                        || result.pending().count() == 1,
                    "byte {position}, bit {bit}"
                );
                let (salvaged, _) = salvage(&damaged, applied);
                assert_eq!(salvaged.last().unwrap().sequence, 3, "byte {position}");
            }
        }
    }
}

#[test]
fn what_an_older_round_left_behind_is_no_acknowledged_record() {
    let mut bytes = Vec::new();
    encode_record(9, InBatch::ALONE, b"new", &mut bytes);
    let torn = bytes.len();
    encode_record(10, InBatch::ALONE, b"torn", &mut bytes);
    bytes[torn + 50] ^= 1;
    encode_record(5, InBatch::ALONE, b"old", &mut bytes);
    encode_record(6, InBatch::ALONE, b"old, too", &mut bytes);
    let result = scan(&region(&[&bytes]), 8);
    assert_eq!(result.records.len(), 1);
    assert!(!result.torn.unwrap().is_damage);
}

#[test]
fn look_alikes_cost_no_more_than_a_few_passes() {
    // Every 8 bytes a header whose payload reaches to the end.
    let size = 1 << 20;
    let mut bytes = Vec::new();
    while bytes.len() < size {
        bytes.extend_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&(200_000_u32).to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
    }
    let started = std::time::Instant::now();
    assert!(scan(&bytes, 0).torn.is_some());
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn a_batch_that_was_being_taken_back_is_gone_for_every_reader() {
    let batch = batches(&[(4, &["first", "second", "third"])]);
    // Its first header was being wiped: so many bytes of that have arrived.
    for wiped in 1..=48 {
        let mut log = region(&[&batch]);
        log[..wiped].fill(0);
        let (salvaged, _) = salvage(&log, 3);
        let read: Vec<u64> = scan(&log, 3)
            .records
            .iter()
            .map(|record| record.sequence)
            .collect();
        // As long as sequence or length are told, what is known from the records behind it counts.
        if log[..12].iter().any(|byte| *byte != 0) {
            assert_eq!((read, salvaged.len()), (vec![4, 5, 6], 3), "{wiped}");
        } else {
            assert_eq!((read, salvaged.len()), (vec![], 0), "{wiped}");
            assert!(!hides_acknowledged(&log, 0, 3), "{wiped}");
        }
    }
    // What others have put behind it is not.
    let mut log = batches(&[(4, &["first", "second"]), (6, &["acknowledged"])]);
    log[..12].fill(0);
    assert!(hides_acknowledged(&region(&[&log]), 0, 3));
}

/// Three records of a batch, of which the first one's place is taken.
fn without_first(taken_by: &[u8]) -> Vec<u8> {
    let batch = encode_batch(4, &PAYLOADS);
    let first = RECORD_HEADER_SIZE + PAYLOADS[0].len();
    region(&[taken_by, &batch[first..]])
}

#[test]
fn the_rest_of_a_batch_whose_first_record_is_another_one_was_never_acknowledged() {
    let mut alone = Vec::new();
    encode_record(4, InBatch::ALONE, PAYLOADS[0].as_bytes(), &mut alone);
    let mut of_others = Vec::new();
    encode_unchecked_record(4, PAYLOADS[0].as_bytes(), &mut of_others);
    // With what ends a log behind them they take the place of the second one's header, too.
    let mut shorter = Vec::new();
    encode_unchecked_record(4, b"o", &mut shorter);
    for taken_by in [alone, of_others, shorter] {
        let region = without_first(&taken_by);
        let scanned = scan(&region, 3);
        assert_eq!(scanned.records.len(), 1);
        assert_eq!(scanned.head as usize, taken_by.len());
        assert!(!scanned.torn.unwrap().is_damage);
        assert!(!hides_acknowledged(&region, scanned.head, 4));
        let (records, _) = salvage(&region, 3);
        assert_eq!(records.len(), 1);
        // Whoever knows the first one already reads the same.
        let behind = scan_from(&region, scanned.head, 3, 4);
        assert!(behind.records.is_empty());
    }
}

#[test]
fn a_batch_goes_on_where_its_beginning_is_applied() {
    let batch = encode_batch(4, &PAYLOADS);
    let scanned = scan(&region(&[&batch]), 4);
    assert_eq!((scanned.records.len(), scanned.pending().count()), (3, 2));
}

#[test]
fn one_newest_record_behind_one_that_is_gone_was_acknowledged() {
    let mut first = Vec::new();
    encode_record(4, InBatch::ALONE, &[7; 100], &mut first);
    let mut second = Vec::new();
    encode_record(5, InBatch::ALONE, b"newest", &mut second);
    // Nothing is left of the first one.
    first.fill(0x55);
    let region = region(&[&first, &second]);
    assert!(scan(&region, 3).torn.unwrap().is_damage);
    assert!(hides_acknowledged(&region, 0, 3));
    let (records, gaps) = salvage(&region, 3);
    assert_eq!((records.len(), gaps.len()), (1, 1));
    assert!(gaps[0].is_damage && gaps[0].missing == 1);
}

#[test]
fn nothing_counts_behind_a_void_header_however_much_of_it_is_written() {
    let acknowledged = encode_batch(6, &["acknowledged", "it seems"]);
    let mut single = Vec::new();
    encode_record(9, InBatch::ALONE, b"and another one", &mut single);
    let (header, zeros) = (void_header(100), [0; RECORD_HEADER_SIZE]);
    for written in 0..=RECORD_HEADER_SIZE {
        let front = [&header[..written], &zeros[written..]].concat();
        let is_void = front[16..].iter().any(|byte| *byte != 0);
        let region = region(&[&front, &acknowledged, &single]);
        let scanned = scan(&region, 3);
        assert_eq!((scanned.records.len(), scanned.head), (0, 0));
        assert!(scanned.torn.is_none());
        assert_eq!(hides_acknowledged(&region, 0, 3), !is_void);
        let (records, gaps) = salvage(&region, 3);
        assert_eq!(records.is_empty() && gaps.is_empty(), is_void, "{written}");
    }
}

/// A void header of another log, between records of that.
fn log_as_content(first: u64) -> Vec<u8> {
    let mut content = encode_batch(1, &["of another log"]);
    content.truncate(content.len() - RECORD_HEADER_SIZE);
    content.extend(void_header(100));
    encode_record(first, InBatch::ALONE, b"behind it", &mut content);
    content
}

#[test]
fn records_in_a_payload_are_found_whatever_stands_in_front_of_them() {
    // Numbers as any index has them, each of which may be a sequence.
    let mut numbers: Vec<u8> = (0..400_u64)
        .flat_map(|number| (60 + number * 97 % 2940).to_le_bytes())
        .collect();
    assert!(!contains_records(&numbers[..8 * 40], 5));
    numbers.extend(encode_batch(12, &PAYLOADS));
    assert!(contains_records(&numbers, 5));
    assert!(contains_records(&log_as_content(12), 5));
    assert!(!contains_records(&log_as_content(5), 5));
    assert!(!contains_records(&[0; 10_000], 5));
}

#[test]
fn a_void_header_in_content_hides_nothing_behind_that() {
    let mut bytes = Vec::new();
    encode_record(11, InBatch::ALONE, &log_as_content(3), &mut bytes);
    encode_record(12, InBatch::ALONE, b"acknowledged", &mut bytes);
    encode_record(13, InBatch::ALONE, b"acknowledged, too", &mut bytes);
    // Nothing tells where the first one ends.
    bytes[..60].fill(0x55);
    let region = region(&[&bytes]);
    assert!(scan(&region, 10).torn.unwrap().is_damage);
    assert!(hides_acknowledged(&region, 0, 10));
    let (records, gaps) = salvage(&region, 10);
    assert_eq!((records.len(), gaps.len(), gaps[0].missing), (2, 1, 1));
}
