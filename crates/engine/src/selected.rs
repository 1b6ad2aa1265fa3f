//! Which committed frames a selection is about: one bit a frame, kept from search to search.
//!
//! A search by meaning may come upon any frame, so that what it may find has to be known of all. To ask every frame takes
//! reading it. Instead, values of the fields that are asked for are numbered once a commit, in a column of two bytes a
//! frame: a condition is then tested on one frame of each value, and looked up for the others. Fields with a value of
//! their own in nearly every frame have no column; frames are read for them, those that the other conditions leave. The
//! last sets are kept, because callers ask for the same few again and again: their tenant, their user, this year.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use mv2::view::FrameView;
use vec::FrameSet;

use crate::committed::Committed;
use crate::error::Result;
use crate::fields;
use crate::filter::{Filter, Test};
use crate::parallel::each_range;
use crate::selection::Selection;

/// Columns that are kept of one commit: two bytes a frame each.
const MOST_COLUMNS: usize = 16;
/// Sets that are kept of one commit: an eighth of a byte a frame each.
const MOST_SETS: usize = 32;
/// Values that a column tells apart.
const MOST_VALUES: usize = 4_096;
/// The number of frames that cannot be read: they cannot be shown to pass, and `verify` names them.
const UNREADABLE: u16 = u16::MAX;

/// Keys and values, the last used last.
type Kept<K, V> = Mutex<Vec<(K, V)>>;

/// What is known of one commit.
#[derive(Default)]
pub struct Selected {
    /// By field. `None`: the field has too many values.
    columns: Kept<Box<str>, Option<Arc<Column>>>,
    /// By selection, and whether frames have to be visible now.
    sets: Kept<(Selection, bool), Arc<FrameSet>>,
}

/// The value of one field in every frame, as a number.
struct Column {
    /// By frame. Of a chunk, the number of its document.
    numbers: Vec<u16>,
    /// A frame with each value.
    examples: Vec<u64>,
}

/// Moves what `matches` to the end, where it is the last to be dropped, and gives it.
fn used<K, V: Clone>(kept: &Kept<K, V>, matches: impl Fn(&K) -> bool) -> Option<V> {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let index = kept.iter().position(|(key, _)| matches(key))?;
    let entry = kept.remove(index);
    let value = entry.1.clone();
    kept.push(entry);
    Some(value)
}

fn keep<K: PartialEq, V>(kept: &Kept<K, V>, key: K, value: V, most: usize) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    // Two searches may have found out the same.
    kept.retain(|(known, _)| *known != key);
    if kept.len() >= most {
        kept.remove(0);
    }
    kept.push((key, value));
}

/// A bit for each frame.
type Words = Vec<u64>;

fn words_for(frames: u64) -> Words {
    vec![0; usize::try_from(frames.div_ceil(64)).unwrap_or(0)]
}

/// The frames of `0..frames` for which `holds`.
fn words_where(frames: u64, mut holds: impl FnMut(usize) -> bool) -> Words {
    let mut words = words_for(frames);
    let mut first = 0;
    for word in &mut words {
        for bit in 0..64.min(frames as usize - first) {
            *word |= u64::from(holds(first + bit)) << bit;
        }
        first += 64;
    }
    words
}

fn intersect(words: &mut Words, others: &[u64]) {
    for (word, other) in words.iter_mut().zip(others) {
        *word &= other;
    }
}

impl Committed {
    /// Whether [`Committed::selected`] has the answer at hand.
    #[must_use]
    pub fn knows_selected(&self, selection: &Selection, is_now: bool) -> bool {
        let sets = self.selected.sets.lock();
        let sets = sets.unwrap_or_else(PoisonError::into_inner);
        sets.iter()
            .any(|((known, now), _)| *now == is_now && known.is_like(selection))
    }

    /// The frames of this commit that a selection is about, whatever its point in the past is; with `is_now` only those
    /// that the commit shows.
    pub fn selected(&self, selection: &Selection, is_now: bool) -> Arc<FrameSet> {
        let is_known =
            |(known, now): &(Selection, bool)| *now == is_now && known.is_like(selection);
        if let Some(set) = used(&self.selected.sets, is_known) {
            return set;
        }
        let set = Arc::new(FrameSet::from_words(self.find_selected(selection, is_now)));
        let key = (selection.of_all_times(), is_now);
        keep(&self.selected.sets, key, Arc::clone(&set), MOST_SETS);
        set
    }

    fn find_selected(&self, selection: &Selection, is_now: bool) -> Words {
        let frames = self.frame_count();
        let mut words = words_where(frames, |id| {
            let Some(record) = self.directory.record(id as u64) else {
                return false;
            };
            selection.is_in_window(record.timestamp) && (!is_now || self.shows(id as u64))
        });
        let mut rest = Vec::new();
        if let Some(filter) = selection.filter() {
            for part in filter.parts() {
                match self.words_of(part) {
                    Some(found) => intersect(&mut words, &found),
                    None => rest.push(part),
                }
            }
        }
        if let Some(acl) = selection.acl() {
            match self.column(Field::Access) {
                Some(column) => {
                    let found = self.words_with(&column, |view| acl.allows(view));
                    intersect(&mut words, &found);
                }
                None => return self.ask(&words, selection, &rest, true),
            }
        }
        if rest.is_empty() && !selection.has_scope() {
            return words;
        }
        self.ask(&words, selection, &rest, false)
    }

    /// Whether a frame is to be seen as far as the commit knows.
    fn shows(&self, id: u64) -> bool {
        let Some(record) = self.directory.record(id) else {
            return false;
        };
        record.flags.is_active()
            && record.parent.is_none_or(|parent| {
                let parent = u64::from(parent);
                parent < id && self.is_active(parent)
            })
    }

    /// Reads those of `words` that the rest of a selection has to be asked of.
    fn ask(
        &self,
        words: &[u64],
        selection: &Selection,
        rest: &[&Filter],
        with_access: bool,
    ) -> Words {
        let frames = self.frame_count() as usize;
        let parts = each_range(frames, |range| {
            // Words are whole: one belongs to the range that its first frame is in.
            let range = range.start.div_ceil(64)..range.end.div_ceil(64);
            let mut answers = Vec::with_capacity(range.len());
            for index in range {
                let mut left = words.get(index).copied().unwrap_or(0);
                let mut answer = 0;
                while left != 0 {
                    let bit = left.trailing_zeros();
                    left &= left - 1;
                    let id = index as u64 * 64 + u64::from(bit);
                    let passes = self.document_view(id).is_ok_and(|view| {
                        selection.has_in_scope(&view)
                            && (!with_access || selection.has_access_to(&view))
                            && rest
                                .iter()
                                .all(|part| part.matches(&|field| fields::lookup(&view, field)))
                    });
                    answer |= u64::from(passes) << bit;
                }
                answers.push(answer);
            }
            answers
        });
        parts.concat()
    }

    /// The fields of a frame, or of the document it is a chunk of.
    fn document_view(&self, id: u64) -> Result<FrameView<'_>> {
        let view = self.frame(id)?;
        match self.directory.record(id).and_then(|record| record.parent) {
            Some(parent) => self.frame(u64::from(parent)),
            None => Ok(view),
        }
    }

    /// The frames for which a condition holds; `None` when columns do not tell.
    fn words_of(&self, filter: &Filter) -> Option<Words> {
        let mut fields = HashSet::new();
        filter.collect_fields(&mut fields);
        let mut columns = HashMap::new();
        for field in fields {
            columns.insert(field, self.column(Field::named(field)?)?);
        }
        let mut words = self.evaluate(filter, &columns);
        // What cannot be read passes no condition, not even the opposite of one.
        for column in columns.values() {
            let readable = words_where(self.frame_count(), |id| {
                column.numbers.get(id) != Some(&UNREADABLE)
            });
            intersect(&mut words, &readable);
        }
        (!columns.is_empty()).then_some(words)
    }

    fn evaluate(&self, filter: &Filter, columns: &HashMap<&str, Arc<Column>>) -> Words {
        match filter {
            Filter::And(parts) => {
                let mut words = words_where(self.frame_count(), |_| true);
                for part in parts {
                    intersect(&mut words, &self.evaluate(part, columns));
                }
                words
            }
            Filter::Or(parts) => {
                let mut words = words_for(self.frame_count());
                for part in parts {
                    let found = self.evaluate(part, columns);
                    for (word, other) in words.iter_mut().zip(found) {
                        *word |= other;
                    }
                }
                words
            }
            Filter::Not(part) => {
                let found = self.evaluate(part, columns);
                found.into_iter().map(|word| !word).collect()
            }
            Filter::Test { field, test } => match columns.get(field.as_str()) {
                Some(column) => self.words_with(column, |view| passes(view, field, test)),
                None => words_for(self.frame_count()),
            },
        }
    }

    /// The frames whose value in a column is one for which `holds`.
    fn words_with(&self, column: &Column, holds: impl Fn(&FrameView<'_>) -> bool) -> Words {
        let examples = column.examples.iter();
        let answers: Vec<bool> = examples
            .map(|id| self.frame(*id).is_ok_and(|view| holds(&view)))
            .collect();
        words_where(self.frame_count(), |id| {
            let number = column.numbers.get(id).copied().unwrap_or(UNREADABLE);
            answers.get(usize::from(number)).copied().unwrap_or(false)
        })
    }

    /// The column of a field, read from all frames when it is asked for first; `None` when the field has too many values.
    fn column(&self, field: Field<'_>) -> Option<Arc<Column>> {
        let name = field.name();
        if let Some(column) = used(&self.selected.columns, |known| **known == *name) {
            return column;
        }
        let column = self.read_column(field).map(Arc::new);
        let kept = column.clone();
        keep(&self.selected.columns, name.into(), kept, MOST_COLUMNS);
        column
    }

    fn read_column(&self, field: Field<'_>) -> Option<Column> {
        let frames = usize::try_from(self.frame_count()).ok()?;
        let parts = each_range(frames, |range| self.read_part(field, range));
        let mut column = Column {
            numbers: Vec::with_capacity(frames),
            examples: Vec::new(),
        };
        let mut known: HashMap<Box<str>, u16> = HashMap::new();
        for part in parts {
            let part = part?;
            let mut renumbered = Vec::with_capacity(part.values.len());
            for (value, example) in part.values {
                let next = column.examples.len();
                let number = *known.entry(value).or_insert(next as u16);
                if usize::from(number) == next {
                    column.examples.push(example);
                }
                renumbered.push(number);
            }
            if column.examples.len() > MOST_VALUES {
                return None;
            }
            let numbers = part.numbers.iter();
            column.numbers.extend(
                numbers.map(|number| renumbered.get(usize::from(*number)).unwrap_or(&UNREADABLE)),
            );
        }
        // A chunk is selected when its document is. Documents come before their chunks.
        for id in 0..frames {
            let record = self.directory.record(id as u64);
            let Some(parent) = record.and_then(|record| record.parent) else {
                continue;
            };
            let number = column.numbers.get(parent as usize).copied();
            if let Some(of_chunk) = column.numbers.get_mut(id)
                && *of_chunk != UNREADABLE
            {
                *of_chunk = number.unwrap_or(UNREADABLE);
            }
        }
        Some(column)
    }

    /// The numbers of some frames, and their values in the order of their numbers; `None` when there are too many.
    fn read_part(&self, field: Field<'_>, range: std::ops::Range<usize>) -> Option<Part> {
        let mut numbers = Vec::with_capacity(range.len());
        let mut known: HashMap<Box<str>, u16> = HashMap::new();
        let mut values = Vec::new();
        let mut buffer = String::new();
        for id in range {
            let Ok(view) = self.frame(id as u64) else {
                numbers.push(UNREADABLE);
                continue;
            };
            buffer.clear();
            field.write(&view, &mut buffer);
            let number = match known.get(buffer.as_str()) {
                Some(number) => *number,
                None if values.len() >= MOST_VALUES => return None,
                None => {
                    let number = values.len() as u16;
                    known.insert(buffer.as_str().into(), number);
                    values.push((buffer.as_str().into(), id as u64));
                    number
                }
            };
            numbers.push(number);
        }
        Some(Part { numbers, values })
    }
}

struct Part {
    numbers: Vec<u16>,
    values: Vec<(Box<str>, u64)>,
}

fn passes(view: &FrameView<'_>, field: &str, test: &Test) -> bool {
    test.matches(fields::lookup(view, field).as_ref())
}

/// What a column is of.
#[derive(Clone, Copy)]
enum Field<'a> {
    /// A field of a filter.
    Named(&'a str),
    /// All that [`crate::acl::AclContext::allows`] looks at.
    Access,
}

impl<'a> Field<'a> {
    /// `None` for fields that have a value of their own in every frame.
    fn named(field: &'a str) -> Option<Self> {
        let is_own = matches!(
            field,
            "frame_id" | "uri" | "title" | "timestamp" | "created_at"
        );
        (!is_own).then_some(Self::Named(field))
    }

    /// No field of a filter is called like those that are not of one: their names hold a NUL.
    fn name(self) -> &'a str {
        match self {
            Self::Named(name) => name,
            Self::Access => "\0access",
        }
    }

    /// Appends what is stored of the field. Frames for which it is the same have the same value.
    fn write(self, view: &FrameView<'_>, out: &mut String) {
        let mut write = |text: Option<&str>| {
            if let Some(text) = text {
                // Its length keeps it apart from what follows.
                out.push_str(&text.len().to_string());
                out.push(':');
                out.push_str(text);
            }
            out.push('\0');
        };
        let field = match self {
            Self::Access => {
                for key in crate::acl::KEYS {
                    write(view.extra_metadata.get(key));
                }
                return;
            }
            Self::Named(field) => field,
        };
        let list = match field {
            "kind" => return write(view.kind),
            "track" => return write(view.track),
            "tags" | "tag" => view.tags,
            "labels" | "label" => view.labels,
            "dates" | "content_dates" => view.content_dates,
            _ => {
                let key = field.strip_prefix("metadata.").unwrap_or(field);
                write(view.extra_metadata.get(key));
                let outer = key.split_once('.').map(|(first, _)| first);
                return write(outer.and_then(|first| view.extra_metadata.get(first)));
            }
        };
        list.iter().for_each(|text| write(Some(text)));
    }
}
