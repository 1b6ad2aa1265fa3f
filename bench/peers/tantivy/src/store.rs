//! An index over title and text with stored text, as an application would keep it.

use std::error::Error;
use std::fs::{File, create_dir_all};
use std::io::{BufRead, BufReader};

use serde::{Deserialize, Serialize};
use tantivy::collector::TopDocs;
use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, Occur, PhraseQuery, Query, RegexQuery, TermQuery,
};
use tantivy::schema::{
    FAST, Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::snippet::SnippetGenerator;
use tantivy::{Index, IndexReader, IndexWriter, Order, ReloadPolicy, TantivyDocument, Term, doc};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Memory of the writer, all threads together.
const BUDGET: usize = 256 << 20;
const TOKENIZER: &str = "en_stem";
/// Longest snippet in characters.
const SNIPPET: usize = 240;

#[derive(Deserialize)]
pub struct Document {
    uri: String,
    title: String,
    text: String,
    track: String,
    timestamp: u64,
}

#[derive(Serialize)]
pub struct Hit {
    uri: String,
    title: String,
    text: String,
    snippet: String,
    score: f32,
}

struct Fields {
    uri: Field,
    title: Field,
    text: Field,
    track: Field,
    timestamp: Field,
}

pub struct Store {
    index: Index,
    reader: IndexReader,
    writer: Option<IndexWriter>,
    fields: Fields,
}

impl Store {
    pub fn create(path: &str) -> Result<Self> {
        create_dir_all(path)?;
        Self::over(Index::create_in_dir(path, schema())?)
    }

    pub fn open(path: &str) -> Result<Self> {
        Self::over(Index::open_in_dir(path)?)
    }

    fn over(index: Index) -> Result<Self> {
        let schema = index.schema();
        let fields = Fields {
            uri: schema.get_field("uri")?,
            title: schema.get_field("title")?,
            text: schema.get_field("text")?,
            track: schema.get_field("track")?,
            timestamp: schema.get_field("timestamp")?,
        };
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()?;
        Ok(Self {
            index,
            reader,
            writer: None,
            fields,
        })
    }

    /// Made on first use: a store that is only read needs none.
    fn writer(&mut self) -> Result<&mut IndexWriter> {
        if self.writer.is_none() {
            self.writer = Some(self.index.writer(BUDGET)?);
        }
        self.writer.as_mut().ok_or_else(|| "no writer".into())
    }

    fn add(&mut self, document: &Document) -> Result<()> {
        let Fields {
            uri,
            title,
            text,
            track,
            timestamp,
        } = self.fields;
        let stored = doc!(
            uri => document.uri.as_str(),
            title => document.title.as_str(),
            text => document.text.as_str(),
            track => document.track.as_str(),
            timestamp => document.timestamp,
        );
        self.writer()?.add_document(stored)?;
        Ok(())
    }

    /// All documents of a file of lines in one commit.
    pub fn put_many(&mut self, file: &str) -> Result<()> {
        for line in BufReader::with_capacity(1 << 20, File::open(file)?).lines() {
            let line = line?;
            let mut parts = line.split('\t').map(str::to_owned);
            let mut next = || parts.next().ok_or("a line is cut off");
            let (uri, title, track, timestamp, text) =
                (next()?, next()?, next()?, next()?.parse()?, next()?);
            self.add(&Document {
                uri,
                title,
                text,
                track,
                timestamp,
            })?;
        }
        self.commit()
    }

    /// One document in a commit of its own.
    pub fn put(&mut self, document: &Document) -> Result<()> {
        self.add(document)?;
        self.commit()
    }

    fn commit(&mut self) -> Result<()> {
        self.writer()?.commit()?;
        self.reader.reload()?;
        Ok(())
    }

    pub fn close(self) -> Result<()> {
        if let Some(writer) = self.writer {
            writer.wait_merging_threads()?;
        }
        Ok(())
    }

    pub fn count(&self) -> Result<usize> {
        Ok(self.reader.searcher().num_docs() as usize)
    }

    /// Times, ids and texts of the newest documents.
    pub fn timeline(&self, limit: usize) -> Result<Vec<(u64, String, String)>> {
        let searcher = self.reader.searcher();
        let newest =
            TopDocs::with_limit(limit).order_by_fast_field::<u64>("timestamp", Order::Desc);
        let mut entries = Vec::with_capacity(limit);
        for (timestamp, address) in searcher.search(&AllQuery, &newest)? {
            let document: TantivyDocument = searcher.doc(address)?;
            let preview = self
                .field(&document, self.fields.text)
                .chars()
                .take(120)
                .collect();
            entries.push((
                timestamp.unwrap_or_default(),
                self.field(&document, self.fields.uri),
                preview,
            ));
        }
        Ok(entries)
    }

    pub fn find(
        &self,
        class: &str,
        words: &[String],
        track: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Hit>> {
        let searcher = self.reader.searcher();
        let query = self.query(class, words, track)?;
        let found = searcher.search(&query, &TopDocs::with_limit(limit).order_by_score())?;
        let mut snippets = SnippetGenerator::create(&searcher, &*query, self.fields.text)?;
        snippets.set_max_num_chars(SNIPPET);
        let mut hits = Vec::with_capacity(found.len());
        for (score, address) in found {
            let document: TantivyDocument = searcher.doc(address)?;
            let text = self.field(&document, self.fields.text);
            hits.push(Hit {
                uri: self.field(&document, self.fields.uri),
                title: self.field(&document, self.fields.title),
                snippet: snippets.snippet(&text).fragment().to_owned(),
                text,
                score,
            });
        }
        Ok(hits)
    }

    fn field(&self, document: &TantivyDocument, field: Field) -> String {
        document
            .get_first(field)
            .and_then(|value| value.as_str())
            .unwrap_or_default()
            .to_owned()
    }

    fn query(&self, class: &str, words: &[String], track: Option<&str>) -> Result<Box<dyn Query>> {
        let Fields { title, text, .. } = self.fields;
        let query: Box<dyn Query> = match class {
            "phrase" => {
                let terms = self.terms(text, words)?;
                match terms.as_slice() {
                    [] | [_] => self.any_word(words)?,
                    _ => either(
                        PhraseQuery::new(self.terms(title, words)?),
                        PhraseQuery::new(terms),
                    ),
                }
            }
            "prefix" => {
                let pattern = format!("{}.*", words.first().map_or("", String::as_str));
                either(
                    RegexQuery::from_pattern(&pattern, title)?,
                    RegexQuery::from_pattern(&pattern, text)?,
                )
            }
            "boolean" => Box::new(BooleanQuery::new(
                words
                    .iter()
                    .map(|word| Ok((Occur::Must, self.any_word(std::slice::from_ref(word))?)))
                    .collect::<Result<_>>()?,
            )),
            _ => self.any_word(words)?,
        };
        Ok(match track {
            None => query,
            Some(name) => {
                let term = Term::from_field_text(self.fields.track, name);
                let filter: Box<dyn Query> = Box::new(ConstScoreQuery::new(
                    Box::new(TermQuery::new(term, IndexRecordOption::Basic)),
                    0.0,
                ));
                Box::new(BooleanQuery::new(vec![
                    (Occur::Must, query),
                    (Occur::Must, filter),
                ]))
            }
        })
    }

    /// Documents with one of the words, in title or text.
    fn any_word(&self, words: &[String]) -> Result<Box<dyn Query>> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for field in [self.fields.title, self.fields.text] {
            for term in self.terms(field, words)? {
                clauses.push((
                    Occur::Should,
                    Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)),
                ));
            }
        }
        Ok(Box::new(BooleanQuery::new(clauses)))
    }

    fn terms(&self, field: Field, words: &[String]) -> Result<Vec<Term>> {
        let mut analyzer = self
            .index
            .tokenizers()
            .get(TOKENIZER)
            .ok_or("no tokenizer")?;
        let mut terms = Vec::with_capacity(words.len());
        for word in words {
            let mut tokens = analyzer.token_stream(word);
            while tokens.advance() {
                terms.push(Term::from_field_text(field, &tokens.token().text));
            }
        }
        Ok(terms)
    }
}

fn either(left: impl Query, right: impl Query) -> Box<dyn Query> {
    Box::new(BooleanQuery::new(vec![
        (Occur::Should, Box::new(left)),
        (Occur::Should, Box::new(right)),
    ]))
}

fn schema() -> Schema {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(TOKENIZER)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let words = TextOptions::default()
        .set_indexing_options(indexing)
        .set_stored();
    let mut schema = Schema::builder();
    schema.add_text_field("uri", STRING | STORED);
    schema.add_text_field("title", words.clone());
    schema.add_text_field("text", words);
    schema.add_text_field("track", STRING | STORED);
    schema.add_u64_field("timestamp", FAST | STORED);
    schema.build()
}
