//! Building segments from documents.

use crate::analyzer::{Scratch, Token, analyze_with};
use crate::blob::Blob;
use crate::classes::ClassBuilder;
use crate::columns::{Columns, Row, append, push};
use crate::directory::BlobDirectory;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::occurrences::{Chunks, Full, OccurrenceList, Occurrences};
use crate::schema::{self, Fields, Keyword, effective_boost, keywords};
use crate::terms::{TermTable, leading};
use crate::write::{FieldWriter, PostingFiles, PostingWriter, blob, empty_segment, failed};
use rustc_hash::FxHashMap;
use std::io;
use tantivy::Index;
use tantivy::fieldnorm::FieldNormReader;

/// Builds one segment in memory. Builders are independent: two may run on two threads.
///
/// Memory: up to the budget while documents are added; [`SegmentBuilder::finish`] adds about the size of the result
/// twice at its end, when what the documents took is freed.
pub struct SegmentBuilder {
    fields: Fields,
    budget: usize,
    scratch: Scratch,
    /// Terms of titles and bodies, and where they occur in each.
    terms: TermTable,
    lists: [Lists; 2],
    /// How many there are in each, repetitions included.
    tokens: [u64; 2],
    /// Keywords but uris, and the documents that hold them.
    keywords: TermTable,
    keyword_lists: Lists,
    uris: Uris,
    keyword_count: u64,
    chunks: Chunks,
    columns: Columns,
    keyword: String,
}

/// Where the terms of one field occur.
#[derive(Debug)]
enum Lists {
    /// By the number of the term: most terms occur in bodies.
    Dense(Vec<OccurrenceList>),
    /// Few terms occur in titles.
    Sparse(FxHashMap<u32, OccurrenceList>),
}

impl Lists {
    /// The list of a term, made when it is not there.
    #[inline]
    fn list(&mut self, number: u32) -> &mut OccurrenceList {
        match self {
            Self::Dense(lists) => {
                while number as usize >= lists.len() {
                    push(lists, OccurrenceList::default());
                }
                &mut lists[number as usize]
            }
            Self::Sparse(lists) => lists.entry(number).or_default(),
        }
    }

    /// The list of a term that occurs in the field.
    fn get(&self, number: u32) -> Option<&OccurrenceList> {
        match self {
            Self::Dense(lists) => lists
                .get(number as usize)
                .filter(|list| list.document_frequency() > 0),
            Self::Sparse(lists) => lists.get(&number),
        }
    }

    fn memory_usage(&self) -> usize {
        match self {
            Self::Dense(lists) => lists.capacity() * size_of::<OccurrenceList>(),
            // Each place has a byte of control, and an eighth of them stays free.
            Self::Sparse(lists) => {
                lists.capacity() * (size_of::<(u32, OccurrenceList)>() + 1) * 8 / 7
            }
        }
    }
}

/// Terms of uris with their documents. Most are different, so that no table of them would be smaller.
#[derive(Debug, Default)]
struct Uris {
    bytes: Vec<u8>,
    /// The document and the end of its term.
    ends: Vec<(u32, u32)>,
}

impl Uris {
    fn push(&mut self, document: u32, term: &[u8]) -> std::result::Result<(), Full> {
        let end = u32::try_from(self.bytes.len() + term.len()).map_err(|_| Full)?;
        append(&mut self.bytes, term);
        push(&mut self.ends, (document, end));
        Ok(())
    }

    fn term(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |last| self.ends[last].1);
        &self.bytes[start as usize..self.ends[index].1 as usize]
    }

    /// The indexes of all uris in the order of their terms, those of one term in the order of their documents.
    fn sorted(&self) -> Vec<u32> {
        // What all of them begin with tells nothing.
        let first = if self.ends.is_empty() {
            &[]
        } else {
            self.term(0)
        };
        let shared = (1..self.ends.len()).fold(first.len(), |shared, index| {
            let both = self.term(index).iter().zip(&first[..shared]);
            both.take_while(|(left, right)| left == right).count()
        });
        let mut keyed: Vec<(u64, u32)> = (0..self.ends.len())
            .map(|index| (leading(&self.term(index)[shared..]), index as u32))
            .collect();
        keyed.sort_unstable_by(|left, right| {
            left.0
                .cmp(&right.0)
                .then_with(|| self.term(left.1 as usize).cmp(self.term(right.1 as usize)))
                .then(left.1.cmp(&right.1))
        });
        keyed.into_iter().map(|(_, index)| index).collect()
    }

    fn memory_usage(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<(u32, u32)>()
    }
}

impl SegmentBuilder {
    /// A builder that reports [`SegmentBuilder::is_full`] once it uses `memory_budget` bytes. A text of 435 characters
    /// takes about 300.
    pub fn new(memory_budget: usize) -> Result<Self> {
        Ok(Self {
            fields: schema::schema().1,
            budget: memory_budget,
            scratch: Scratch::default(),
            terms: TermTable::default(),
            lists: [
                Lists::Sparse(FxHashMap::default()),
                Lists::Dense(Vec::new()),
            ],
            tokens: [0; 2],
            keywords: TermTable::default(),
            keyword_lists: Lists::Dense(Vec::new()),
            uris: Uris::default(),
            keyword_count: 0,
            chunks: Chunks::default(),
            columns: Columns::default(),
            keyword: String::new(),
        })
    }

    /// Adds one document. Add in ascending order of frame id where possible: ties are then cut off sooner.
    ///
    /// Fails with [`Error::Index`] when the segment outgrows what it can address: 4 GiB of different terms or of uris,
    /// or 32 GiB of occurrences. The document that was too much is then searchable in part.
    pub fn add(&mut self, document: &Document<'_>) -> Result<()> {
        let id = self.columns.len();
        let mut norms = [0; 2];
        let mut complete = true;
        for (field, text) in [document.title, document.body].into_iter().enumerate() {
            let count = self.add_text(id, field, text, &mut complete);
            norms[field] = FieldNormReader::fieldnorm_to_id(count);
        }
        for (kind, value) in keywords(document) {
            complete &= self.add_keyword(id, kind, value).is_ok();
        }
        self.columns.push(Row {
            norms,
            frame: document.frame_id,
            timestamp: document.timestamp,
            boost: effective_boost(document.boost),
        });
        if complete {
            Ok(())
        } else {
            Err(Error::Index {
                operation: "add",
                message: "the segment is too large; finish it and begin another".to_owned(),
            })
        }
    }

    /// Adds the terms of `text` and returns how many there are.
    fn add_text(&mut self, document: u32, field: usize, text: &str, complete: &mut bool) -> u32 {
        let Self {
            scratch,
            terms,
            chunks,
            ..
        } = self;
        let lists = &mut self.lists[field];
        let mut count = 0_u64;
        analyze_with(scratch, text, &mut |token: Token<'_>| {
            count += 1;
            let Some(number) = terms.number(token.term.as_bytes()) else {
                *complete = false;
                return;
            };
            let list = lists.list(number);
            *complete &= chunks.push(list, document, token.position).is_ok();
        });
        self.tokens[field] += count;
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn add_keyword(
        &mut self,
        document: u32,
        kind: Keyword,
        value: &str,
    ) -> std::result::Result<(), Full> {
        kind.write_term(value, &mut self.keyword);
        self.keyword_count += 1;
        let term = self.keyword.as_bytes();
        if kind == Keyword::Uri {
            return self.uris.push(document, term);
        }
        let number = self.keywords.number(term).ok_or(Full)?;
        let list = self.keyword_lists.list(number);
        self.chunks.push_document(list, document)
    }

    /// Whether the memory budget is used up: finish this builder and begin another. Adding more stays possible.
    pub fn is_full(&self) -> bool {
        self.memory_usage() >= self.budget
    }

    /// Bytes of memory in use, reserved ones included, without what [`SegmentBuilder::finish`] needs.
    pub fn memory_usage(&self) -> usize {
        let lists = self.lists.iter().chain([&self.keyword_lists]);
        lists.map(Lists::memory_usage).sum::<usize>()
            + self.terms.memory_usage()
            + self.keywords.memory_usage()
            + self.uris.memory_usage()
            + self.chunks.memory_usage()
            + self.columns.memory_usage()
    }

    /// How many documents were added.
    pub fn document_count(&self) -> u32 {
        self.columns.len()
    }

    /// The segment as one blob for [`crate::LexIndex::open`]. Without documents it is a valid empty segment. The same
    /// documents in the same order give the same bytes.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        if self.columns.len() == 0 {
            return Ok(empty_segment());
        }
        let summary = self.columns.summary();
        let norms = self.columns.take_norms();
        let mut files = PostingFiles::default();
        let mut classes = ClassBuilder::default();
        let mut writer = PostingWriter::new(&mut files);
        let write = || -> io::Result<()> {
            let sorted = self.terms.sorted();
            for number in &sorted {
                if let Ok(term) = std::str::from_utf8(self.terms.bytes(*number)) {
                    classes.add(term);
                }
            }
            let texts = [self.fields.title, self.fields.body];
            for (index, field) in texts.into_iter().enumerate() {
                if self.tokens[index] > 0 {
                    let mut output = writer.text(field, self.tokens[index], &norms[index])?;
                    self.write_text(&sorted, &self.lists[index], &mut output)?;
                    output.close()?;
                }
            }
            if self.keyword_count > 0 {
                let mut output = writer.keywords(self.fields.keyword, self.keyword_count)?;
                self.write_keywords(&mut output)?;
                output.close()?;
            }
            writer.close()
        };
        write().map_err(failed("finish"))?;
        let Self {
            columns, fields, ..
        } = self;
        blob(summary, columns, &norms, files, classes, fields).map_err(failed("finish"))
    }

    fn write_text(
        &self,
        sorted: &[u32],
        lists: &Lists,
        output: &mut FieldWriter<'_, '_>,
    ) -> io::Result<()> {
        let mut occurrences = Occurrences::default();
        let mut steps = Vec::new();
        for number in sorted {
            let Some(list) = lists.get(*number) else {
                continue;
            };
            let term = self.terms.bytes(*number);
            output.new_term(term, list.document_frequency(), true)?;
            self.chunks.read(list, &mut occurrences);
            occurrences.each(&mut steps, |document, steps| {
                output.write_doc(document, steps.len() as u32, steps);
            });
            output.close_term()?;
        }
        Ok(())
    }

    fn write_keywords(&self, output: &mut FieldWriter<'_, '_>) -> io::Result<()> {
        let mut occurrences = Occurrences::default();
        // The letter of uris is the last of all: they come behind the other keywords.
        for number in self.keywords.sorted() {
            let Some(list) = self.keyword_lists.get(number) else {
                continue;
            };
            output.new_term_without_freq(self.keywords.bytes(number))?;
            self.chunks.read(list, &mut occurrences);
            for document in occurrences.documents() {
                output.write_doc(document, 0, &[]);
            }
            output.close_term()?;
        }
        let sorted = self.uris.sorted();
        let term = |index: &u32| self.uris.term(*index as usize);
        for same in sorted.chunk_by(|left, right| term(left) == term(right)) {
            output.new_term_without_freq(term(&same[0]))?;
            for index in same {
                output.write_doc(self.uris.ends[*index as usize].0, 0, &[]);
            }
            output.close_term()?;
        }
        Ok(())
    }
}

/// The tantivy index over `blobs`.
pub(crate) fn compose(blobs: Vec<Blob>) -> Result<Index> {
    let directory = BlobDirectory::new(blobs).map_err(|error| Error::Index {
        operation: "open",
        message: error.to_string(),
    })?;
    Index::open(directory).map_err(|error| Error::Index {
        operation: "open",
        message: error.to_string(),
    })
}

#[cfg(test)]
mod tests;
