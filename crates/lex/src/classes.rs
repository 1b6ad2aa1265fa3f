//! Word forms by class: which other forms a segment holds of a word.
//!
//! A table of entries sorted by key. An entry is a key and the forms that differ from it, each as the length of what it
//! shares with the key and the rest.
//!
//! | offset      | size   | field                                                                    |
//! |------------:|-------:|--------------------------------------------------------------------------|
//! |           0 |      4 | number of entries n                                                      |
//! |           4 |  4 × n | end of each entry, counted from the first entry                          |
//! |  4 + 4 × n  |      … | entries: key length (1 byte), key, then forms: shared (1), rest (1), rest |

use crate::analyzer::class_key;
use tantivy::directory::OwnedBytes;

/// Gathers the terms of a segment and writes the table.
#[derive(Debug, Default)]
pub(crate) struct ClassBuilder {
    /// Keys and forms back to back.
    bytes: Vec<u8>,
    pairs: Vec<Pair>,
}

/// A key and a form that differs from it.
#[derive(Debug, Clone, Copy)]
struct Pair {
    start: usize,
    key: u8,
    form: u8,
}

impl Pair {
    fn key(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start..self.start + usize::from(self.key)]
    }

    fn form(self, bytes: &[u8]) -> &[u8] {
        let start = self.start + usize::from(self.key);
        &bytes[start..start + usize::from(self.form)]
    }
}

impl ClassBuilder {
    /// Takes one term; any order, duplicates allowed.
    pub(crate) fn add(&mut self, term: &str) {
        let key = class_key(term);
        if key == term {
            return;
        }
        if let (Ok(key_length), Ok(form)) = (u8::try_from(key.len()), u8::try_from(term.len())) {
            self.pairs.push(Pair {
                start: self.bytes.len(),
                key: key_length,
                form,
            });
            self.bytes.extend_from_slice(key.as_bytes());
            self.bytes.extend_from_slice(term.as_bytes());
        }
    }

    /// The bytes of the table.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let bytes = &self.bytes;
        // Terms come sorted, and most keys are in the order of their terms: this sort makes use of it.
        self.pairs.sort_by(|left, right| {
            (left.key(bytes), left.form(bytes)).cmp(&(right.key(bytes), right.form(bytes)))
        });
        self.pairs.dedup_by(|left, right| {
            left.key(bytes) == right.key(bytes) && left.form(bytes) == right.form(bytes)
        });
        let mut ends: Vec<u32> = Vec::new();
        let mut entries: Vec<u8> = Vec::new();
        for class in self
            .pairs
            .chunk_by(|left, right| left.key(bytes) == right.key(bytes))
        {
            let key = class[0].key(bytes);
            entries.push(key.len() as u8);
            entries.extend_from_slice(key);
            for form in class.iter().map(|pair| pair.form(bytes)) {
                let shared = key
                    .iter()
                    .zip(form)
                    .take_while(|(left, right)| left == right)
                    .count();
                entries.push(shared as u8);
                entries.push((form.len() - shared) as u8);
                entries.extend_from_slice(&form[shared..]);
            }
            ends.push(entries.len() as u32);
        }
        let mut table = Vec::with_capacity(4 + ends.len() * 4 + entries.len());
        table.extend_from_slice(&(ends.len() as u32).to_le_bytes());
        table.extend(ends.iter().flat_map(|end| end.to_le_bytes()));
        table.extend_from_slice(&entries);
        table
    }
}

/// The table of one segment, read in place.
#[derive(Debug, Clone)]
pub(crate) struct Classes {
    bytes: OwnedBytes,
}

impl Classes {
    pub(crate) fn new(bytes: OwnedBytes) -> Self {
        Self { bytes }
    }

    /// Calls `found` with every form of the class `key` but the key itself. Nonsense in the bytes yields no forms.
    pub(crate) fn forms(&self, key: &str, found: &mut dyn FnMut(&str)) {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let Some((candidate, forms)) = self.entry(middle) else {
                return;
            };
            match candidate.cmp(key.as_bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => {
                    emit(key.as_bytes(), forms, found);
                    return;
                }
            }
        }
    }

    fn number(&self, at: usize) -> Option<usize> {
        let bytes = self.bytes.get(at..at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    }

    fn len(&self) -> usize {
        self.number(0).unwrap_or(0)
    }

    fn entry(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let base = 4 + self.len() * 4;
        let start = if index == 0 {
            0
        } else {
            self.number(index * 4)?
        };
        let end = self.number(4 + index * 4)?;
        let entry = self.bytes.get(base + start..base + end)?;
        let (length, rest) = entry.split_first()?;
        rest.split_at_checked(usize::from(*length))
    }
}

fn emit(key: &[u8], mut forms: &[u8], found: &mut dyn FnMut(&str)) {
    let mut form = Vec::new();
    while let [shared, length, rest @ ..] = forms {
        let (Some(shared), Some((tail, next))) = (
            key.get(..usize::from(*shared)),
            rest.split_at_checked(usize::from(*length)),
        ) else {
            return;
        };
        form.clear();
        form.extend_from_slice(shared);
        form.extend_from_slice(tail);
        if let Ok(form) = std::str::from_utf8(&form) {
            found(form);
        }
        forms = next;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn build(terms: &[&str]) -> Vec<u8> {
        let mut builder = ClassBuilder::default();
        terms.iter().for_each(|term| builder.add(term));
        builder.finish()
    }

    fn forms(table: &Classes, key: &str) -> Vec<String> {
        let mut all = Vec::new();
        table.forms(key, &mut |form| all.push(form.to_owned()));
        all
    }

    #[test]
    fn forms_of_a_class_are_found_by_its_key() {
        let terms = [
            "run",
            "running",
            "runs",
            "café",
            "cafe",
            "zoo",
            "42",
            "город",
        ];
        let table = Classes::new(OwnedBytes::new(build(&terms)));
        assert_eq!(forms(&table, "run"), ["running", "runs"]);
        assert_eq!(forms(&table, "cafe"), ["café"]);
        assert_eq!(forms(&table, "zoo"), [""; 0]);
        assert_eq!(forms(&table, "nothing"), [""; 0]);
    }

    #[test]
    fn damaged_tables_yield_nothing_worse_than_missing_forms() {
        let table = build(&["run", "running", "runs", "café"]);
        for index in 0..table.len() {
            let mut bytes = table.clone();
            bytes[index] ^= 0xff;
            forms(&Classes::new(OwnedBytes::new(bytes)), "run");
        }
        forms(&Classes::new(OwnedBytes::new(Vec::new())), "run");
    }
}
