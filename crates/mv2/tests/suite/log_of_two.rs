//! Records of the reference, of every length, in front of what a batch of ours left that was killed before its first header came:
//! nothing of that batch was ever acknowledged.

use mv2::wal::{
    FrameEntry, RECORD_HEADER_SIZE, WalEntry, encode_batch, encode_unchecked_record,
    hides_acknowledged, salvage, scan,
};

/// Lengths of the documents of a killed batch.
const SHAPES: [&[usize]; 3] = [&[10, 20, 30, 40], &[200, 3, 3, 3, 3, 3], &[0, 0, 0, 0]];

fn document(payload: &[u8]) -> Vec<u8> {
    let entry = FrameEntry {
        payload: payload.to_vec(),
        search_text: Some("x".repeat(payload.len())),
        ..FrameEntry::default()
    };
    WalEntry::Frame(Box::new(entry)).encode()
}

fn of_reference(sequence: u64, length: usize) -> Vec<u8> {
    let mut record = Vec::new();
    let payload = document(&vec![b'r'; length]);
    encode_unchecked_record(sequence, &payload, &mut record);
    record
}

fn of_ours(sequence: u64, lengths: &[usize]) -> Vec<u8> {
    let payloads: Vec<_> = lengths
        .iter()
        .map(|length| document(&vec![b'o'; *length]))
        .collect();
    encode_batch(sequence, &payloads)
}

fn write(region: &mut [u8], at: usize, bytes: &[u8]) {
    region[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A log of which the first records are acknowledged, where the killed batch stood behind `acknowledged` of them.
struct Log {
    region: Vec<u8>,
    /// Where the next record of the reference goes.
    end: usize,
    /// The last sequence.
    last: u64,
}

impl Log {
    /// `acknowledged` records, of ours or of the reference, in front of the batch; `over` of the reference stand over it.
    fn new(shape: &[usize], acknowledged: u64, are_ours: bool, over: u64) -> Self {
        let mut region = Vec::new();
        for sequence in 1..=acknowledged {
            let mut record = of_ours(sequence, &[5]);
            record.truncate(record.len() - RECORD_HEADER_SIZE);
            region.extend(if are_ours {
                record
            } else {
                of_reference(sequence, 5)
            });
        }
        let mut end = region.len();
        let mut killed = of_ours(acknowledged + 1, shape);
        killed[..RECORD_HEADER_SIZE].fill(0);
        region.extend(killed);
        region.resize(8192, 0);
        for sequence in acknowledged + 1..=acknowledged + over {
            let record = of_reference(sequence, 0);
            write(&mut region, end, &record);
            end += record.len();
        }
        Self {
            region,
            end,
            last: acknowledged + over,
        }
    }

    /// Every record of the reference that can come next.
    fn next(&self, shape: &[usize]) -> impl Iterator<Item = Vec<u8>> + use<> {
        let sequence = self.last + 1;
        (0..of_ours(1, shape).len()).map(move |length| of_reference(sequence, length))
    }
}

/// What is wrong where exactly the records up to `last` are acknowledged.
fn wrong(region: &[u8], last: u64) -> Option<&'static str> {
    let found = scan(region, 0);
    if found.records.len() as u64 != last {
        return Some("records");
    }
    if found.torn.as_ref().is_some_and(|torn| torn.is_damage) {
        return Some("damage");
    }
    hides_acknowledged(region, found.head, found.last_sequence(0)).then_some("hidden records")
}

#[test]
fn a_whole_record_of_the_reference_ends_the_batch() {
    for shape in SHAPES {
        for (acknowledged, over) in [(0, 0), (0, 1), (0, 2), (2, 0), (2, 1), (2, 2)] {
            let log = Log::new(shape, acknowledged, false, over);
            let last = log.last + 1;
            for record in log.next(shape) {
                for sentinel in [&[][..], &[0; RECORD_HEADER_SIZE]] {
                    let mut region = log.region.clone();
                    write(&mut region, log.end, &[&record, sentinel].concat());
                    let what = (shape, acknowledged, over, record.len(), sentinel.len());
                    assert_eq!(wrong(&region, last), None, "{what:?}");
                    let (records, _) = salvage(&region, 0);
                    assert_eq!(records.len() as u64, last, "salvage: {what:?}");
                }
            }
        }
    }
}

/// It was killed within it, or the power was lost, so that the first or the last bytes of it are all that arrived.
#[test]
fn a_torn_record_of_the_reference_ends_the_log() {
    for shape in &SHAPES[..2] {
        for (acknowledged, are_ours, over) in [(0, false, 0), (1, true, 1), (1, false, 2)] {
            let log = Log::new(shape, acknowledged, are_ours, over);
            for record in log.next(shape) {
                let cuts = [12, 16, 20, 40, 48, 80, 200];
                for cut in cuts.into_iter().filter(|cut| *cut < record.len()) {
                    let what = (shape, acknowledged, are_ours, over, record.len(), cut);
                    for (at, part) in [(0, &record[..cut]), (cut, &record[cut..])] {
                        let mut region = log.region.clone();
                        write(&mut region, log.end + at, part);
                        // The rest of it may have stood there.
                        let is_whole = region[log.end..].starts_with(&record);
                        let last = log.last + u64::from(is_whole);
                        assert_eq!(wrong(&region, last), None, "from byte {at}: {what:?}");
                    }
                }
            }
        }
    }
}
