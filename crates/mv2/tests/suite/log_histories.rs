//! Logs as two programs leave them that write one file in turns, and are killed between any two writes. Ours reads each of
//! them: what was acknowledged is pending or in the table of contents, once.

use mv2::header::Header;
use mv2::wal::{
    Applied, InBatch, RECORD_HEADER_SIZE, encode_record, encode_unchecked_record, refutes_applied,
    scan,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const REGION: usize = 640;

/// One turn of a writer. It goes down in front of the write with the number `down`, if it makes so many.
#[derive(Debug, Clone)]
struct Turn {
    is_ours: bool,
    does: Does,
    down: Option<u8>,
}

#[derive(Debug, Clone)]
enum Does {
    /// Documents of so many bytes: as one batch (ours), or one by one (the reference).
    Put(Vec<u8>),
    /// Moves the log into the table of contents.
    Commit,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    // Few lengths, so that records of several rounds of the log end at the same places.
    let lengths = prop::collection::vec(prop::sample::select(vec![4_u8, 5, 52, 104]), 1..=3);
    let does = prop_oneof![3 => lengths.prop_map(Does::Put), 2 => Just(Does::Commit)];
    let down = prop_oneof![3 => Just(None), 1 => (0_u8..5).prop_map(Some)];
    let turn = (any::<bool>(), does, down).prop_map(|(is_ours, does, down)| Turn {
        is_ours,
        does,
        down,
    });
    prop::collection::vec(turn, 1..=9)
}

/// A file, as far as its log is concerned, and what was told to those who wrote it.
struct File {
    region: Vec<u8>,
    header: Header,
    /// What the directory says is applied, if the last commit is one of ours.
    directory: Option<u64>,
    /// Numbers of the documents in the table of contents.
    committed: Vec<u32>,
    /// Of those that were acknowledged into the log.
    acknowledged: Vec<u32>,
    /// Of those whose writer went down before it had acknowledged them.
    interrupted: Vec<u32>,
    documents: u32,
    /// Writes that the writer still makes.
    left: usize,
    /// How often a program of the reference went down.
    kills: u32,
}

/// The writer has gone down.
struct Down;

/// What a program makes of a log.
struct Read {
    /// Records that the table of contents does not contain: sequence and number of the document.
    pending: Vec<(u64, u32)>,
    /// Where the next record goes.
    head: usize,
    last: u64,
}

fn document(payload: &[u8]) -> u32 {
    u32::from_le_bytes(payload[..4].try_into().unwrap())
}

impl File {
    fn new() -> Self {
        Self {
            region: vec![0; REGION],
            header: Header::default(),
            directory: Some(0),
            committed: Vec::new(),
            acknowledged: Vec::new(),
            interrupted: Vec::new(),
            documents: 0,
            left: usize::MAX,
            kills: 0,
        }
    }

    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), Down> {
        self.goes_on()?;
        self.region[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn goes_on(&mut self) -> Result<(), Down> {
        self.left = self.left.checked_sub(1).ok_or(Down)?;
        Ok(())
    }

    fn payload(&mut self, length: u8) -> Vec<u8> {
        self.documents += 1;
        let mut payload = self.documents.to_le_bytes().to_vec();
        payload.resize(length.into(), 0xd0);
        payload
    }

    /// As ours reads it; `None`: it says that something is damaged.
    fn read(&self) -> Option<Read> {
        let applied = match self.directory {
            Some(sequence) => Applied::from(sequence),
            None if refutes_applied(&self.region, &self.header) => return None,
            None => Applied::noted(&self.header),
        };
        let scan = scan(&self.region, applied);
        if scan.torn.as_ref().is_some_and(|torn| torn.is_damage) {
            return None;
        }
        let pending: Vec<(u64, u32)> = scan
            .pending()
            .map(|record| {
                (
                    record.sequence,
                    document(&self.region[record.payload.clone()]),
                )
            })
            .collect();
        let begins_anew = pending.is_empty() && self.directory.is_some();
        Some(Read {
            head: if begins_anew { 0 } else { scan.head as usize },
            last: scan.last_sequence(applied.sequence),
            pending,
        })
    }

    /// As the reference reads it; `None`: it does not open the file.
    fn read_by_reference(&self) -> Option<Read> {
        let (read, ends) = self.begun_by_reference();
        ends.then_some(read)
    }

    /// What the reference has read where the log ends, or where it finds no record and gives up. Gives which of the two.
    fn begun_by_reference(&self) -> (Read, bool) {
        let mut read = Read {
            pending: Vec::new(),
            head: 0,
            last: self.header.wal_sequence,
        };
        while let Some(header) = self.region.get(read.head..read.head + RECORD_HEADER_SIZE) {
            let sequence = u64::from_le_bytes(header[..8].try_into().unwrap());
            let length = u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
            if sequence == 0 && length == 0 {
                break;
            }
            let start = read.head + RECORD_HEADER_SIZE;
            let is_whole =
                |payload: &&[u8]| length > 0 && header[16..] == *blake3::hash(payload).as_bytes();
            let Some(payload) = self.region.get(start..start + length).filter(is_whole) else {
                return (read, false);
            };
            read.last = sequence;
            if sequence > self.header.wal_sequence {
                read.pending.push((sequence, document(payload)));
            }
            read.head = start + length;
        }
        (read, true)
    }

    /// It counts on from the last record, whatever that one is of: where another has a higher sequence, it passes over what it
    /// writes then, or applies it twice.
    fn counts_on(&self, read: &Read) -> bool {
        let pending = read.pending.iter().map(|(sequence, _)| *sequence);
        pending.fold(self.header.wal_sequence, u64::max) <= read.last
    }

    fn take(&mut self, turn: &Turn) {
        let read = if turn.is_ours {
            self.read()
        } else {
            self.read_by_reference().filter(|read| self.counts_on(read))
        };
        let Some(read) = read else {
            return;
        };
        let pending: Vec<u32> = read.pending.iter().map(|(_, number)| *number).collect();
        if turn.is_ours {
            // Whoever was seen is there from now on.
            self.acknowledged = pending;
        } else if !self
            .acknowledged
            .iter()
            .all(|number| pending.contains(number))
        {
            assert!(
                self.kills > 0,
                "the reference does not see what ours has put"
            );
            return;
        }
        self.left = turn.down.map_or(usize::MAX, usize::from);
        let before = self.documents;
        let done = match (&turn.does, turn.is_ours) {
            (Does::Put(lengths), true) => self.put(&read, lengths),
            (Does::Put(lengths), false) => self.put_by_reference(read, lengths),
            (Does::Commit, true) => self.commit(&read),
            (Does::Commit, false) => self.commit_by_reference(&read),
        };
        if done.is_err() {
            self.kills += u32::from(!turn.is_ours);
            let told = &self.acknowledged;
            let untold = (before + 1..=self.documents).filter(|number| !told.contains(number));
            self.interrupted.extend(untold.collect::<Vec<_>>());
        }
    }

    fn put(&mut self, read: &Read, lengths: &[u8]) -> Result<(), Down> {
        let mut bytes = Vec::new();
        let mut numbers = Vec::new();
        let mut looks_applied = false;
        for (index, length) in lengths.iter().enumerate() {
            let payload = self.payload(*length);
            numbers.push(document(&payload));
            encode_record(
                read.last + 1 + index as u64,
                InBatch::of(index, lengths.len()),
                &payload,
                &mut bytes,
            );
            let end = (read.head + bytes.len()) as u64;
            looks_applied |= self.directory.is_none() && end == self.header.wal_checkpoint_pos;
        }
        bytes.resize(bytes.len() + RECORD_HEADER_SIZE, 0);
        if looks_applied || read.head + bytes.len() > REGION {
            // In one commit with what is in the log; it takes no sequence.
            self.commit_with(read, &numbers)?;
            return Ok(());
        }
        if read.head == 0 {
            self.write(0, &[0; RECORD_HEADER_SIZE])?;
        }
        let (header, rest) = bytes.split_at(RECORD_HEADER_SIZE);
        self.write(read.head + RECORD_HEADER_SIZE, rest)?;
        self.write(read.head, header)?;
        self.goes_on()?;
        self.acknowledged.extend(numbers);
        Ok(())
    }

    fn commit(&mut self, read: &Read) -> Result<(), Down> {
        if read.pending.is_empty() {
            return Ok(());
        }
        self.commit_with(read, &[])
    }

    fn commit_with(&mut self, read: &Read, numbers: &[u32]) -> Result<(), Down> {
        self.goes_on()?;
        self.header.wal_sequence = read.last;
        self.header.wal_checkpoint_pos = 0;
        self.directory = Some(read.last);
        self.committed.append(&mut self.acknowledged);
        self.committed.extend(numbers);
        self.write(0, &[0; RECORD_HEADER_SIZE])
    }

    /// It applies what is pending first, whatever it is to do, and its documents when it ends.
    fn put_by_reference(&mut self, read: Read, lengths: &[u8]) -> Result<(), Down> {
        let mut read = read;
        if !read.pending.is_empty() {
            self.apply_by_reference(&read)?;
            read.pending.clear();
        }
        for length in lengths {
            let payload = self.payload(*length);
            let mut bytes = Vec::new();
            read.last += 1;
            encode_unchecked_record(read.last, &payload, &mut bytes);
            if read.head + bytes.len() > REGION {
                if !read.pending.is_empty() {
                    // It makes the log larger; here it commits, and begins anew.
                    self.documents -= 1;
                    read.last -= 1;
                    return self.apply_by_reference(&read);
                }
                read.head = 0;
            }
            self.write(read.head, &bytes)?;
            self.goes_on()?;
            self.acknowledged.push(document(&payload));
            read.pending.push((read.last, document(&payload)));
            read.head += bytes.len();
            if read.head + RECORD_HEADER_SIZE > REGION {
                // It would begin the log anew at once, over records that are pending.
                return self.apply_by_reference(&read);
            }
            self.write(read.head, &[0; RECORD_HEADER_SIZE])?;
        }
        Ok(())
    }

    fn commit_by_reference(&mut self, read: &Read) -> Result<(), Down> {
        if read.pending.is_empty() {
            return Ok(());
        }
        self.apply_by_reference(read)
    }

    fn apply_by_reference(&mut self, read: &Read) -> Result<(), Down> {
        if read.head + RECORD_HEADER_SIZE <= REGION {
            self.write(read.head, &[0; RECORD_HEADER_SIZE])?;
        }
        // Killed in front of the header it leaves no table of contents at all, which is not of the log.
        self.left = self.left.max(1);
        self.goes_on()?;
        self.header.wal_sequence = read.last;
        self.header.wal_checkpoint_pos = read.head as u64;
        self.directory = None;
        self.acknowledged.clear();
        let pending = read.pending.iter().map(|(_, number)| *number);
        self.committed.extend(pending);
        Ok(())
    }

    /// Whether a program of the reference has applied a document twice: an old record that it went down in front of.
    fn is_doubled(&self) -> bool {
        let mut numbers = self.committed.clone();
        numbers.sort_unstable();
        numbers.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// What is wrong with what ours reads. Gives whether it reads anything.
    fn check(&self) -> Result<bool, String> {
        let Some(read) = self.read() else {
            return Ok(false);
        };
        let pending: Vec<u32> = read.pending.iter().map(|(_, number)| *number).collect();
        let rest = pending
            .strip_prefix(self.acknowledged.as_slice())
            .ok_or_else(|| {
                format!(
                    "pending are {pending:?}, acknowledged were {:?}; {:?} were committed",
                    self.acknowledged, self.committed
                )
            })?;
        // Where a program of the reference goes down behind a record, what stands there may by chance go on with an old one.
        // It takes that for pending itself.
        let is_taken_by_it = |number: &u32| {
            let (read, _) = self.begun_by_reference();
            read.pending.iter().any(|(_, other)| other == number)
        };
        let is_new =
            |number: &u32| self.interrupted.contains(number) && !self.committed.contains(number);
        match rest.iter().find(|number| !is_new(number)) {
            Some(number) if !is_taken_by_it(number) => Err(format!(
                "{number} is pending, {:?} committed",
                self.committed
            )),
            _ => Ok(true),
        }
    }
}

/// Another hundred thousand each time, or as many as MEMVID_HISTORIES says.
#[test]
fn no_history_of_two_programs_loses_a_record_or_applies_one_twice() {
    let cases = std::env::var("MEMVID_HISTORIES").map_or(100_000, |text| text.parse().unwrap());
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let refused = std::cell::Cell::new((0_u32, 0_u32));
    runner
        .run(&turns(), |turns| {
            let mut file = File::new();
            for turn in &turns {
                file.take(turn);
                if file.is_doubled() {
                    break;
                }
                let is_refused = !file.check().map_err(TestCaseError::fail)?;
                let (states, refusals) = refused.get();
                refused.set((states + 1, refusals + u32::from(is_refused)));
                if is_refused {
                    prop_assert!(
                        file.kills > 0,
                        "refused though no program of the reference went down"
                    );
                    break;
                }
            }
            Ok(())
        })
        .unwrap();
    let (states, refusals) = refused.get();
    eprintln!("{states} states, {refusals} refused");
}
