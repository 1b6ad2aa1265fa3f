//! The analysis as tantivy wants it: a stream that is pulled.

use super::{Scratch, analyze_with};
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

#[derive(Debug, Clone, Copy)]
struct Entry {
    from: u32,
    to: u32,
    position: u32,
}

/// Analyses a whole text at once, then hands out the terms.
#[derive(Debug, Clone, Default)]
pub(crate) struct LexTokenizer {
    scratch: Scratch,
    terms: String,
    entries: Vec<Entry>,
    token: Token,
}

impl Tokenizer for LexTokenizer {
    type TokenStream<'a> = LexTokenStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> LexTokenStream<'a> {
        let Self {
            scratch,
            terms,
            entries,
            token,
        } = self;
        terms.clear();
        entries.clear();
        token.reset();
        analyze_with(scratch, text, &mut |found| {
            let from = terms.len();
            // Past 4 GiB of terms in one document the rest is not indexed.
            if let (Ok(from), Ok(to)) =
                (u32::try_from(from), u32::try_from(from + found.term.len()))
            {
                terms.push_str(found.term);
                entries.push(Entry {
                    from,
                    to,
                    position: found.position,
                });
            }
        });
        LexTokenStream {
            terms,
            entries: entries.iter(),
            token,
        }
    }
}

pub(crate) struct LexTokenStream<'a> {
    terms: &'a str,
    entries: std::slice::Iter<'a, Entry>,
    token: &'a mut Token,
}

impl TokenStream for LexTokenStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(entry) = self.entries.next() else {
            return false;
        };
        self.token.text.clear();
        self.token
            .text
            .push_str(&self.terms[entry.from as usize..entry.to as usize]);
        self.token.position = entry.position as usize;
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
