//! Symbols to a tree.
//!
//! ```text
//! any      := sequence ( OR sequence )*
//! sequence := all+                        ranked: words are optional, everything else is required
//! all      := item ( AND item )*
//! item     := NOT item | '+' item | '(' any ')' | phrase | field | word
//! ```

use super::lexer::{FieldName, Symbol};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree<'a> {
    Word(&'a str),
    Phrase(&'a str),
    Field {
        name: FieldName,
        value: &'a str,
        quoted: bool,
    },
    /// Written with `+`.
    Must(Box<Tree<'a>>),
    Not(Box<Tree<'a>>),
    All(Vec<Tree<'a>>),
    Any(Vec<Tree<'a>>),
    /// Side by side.
    Sequence(Vec<Tree<'a>>),
}

/// Deeper nesting is no query that a person typed.
const MAX_DEPTH: usize = 32;

/// `None` on a syntax error.
pub(super) fn parse<'a>(symbols: &[Symbol<'a>]) -> Option<Tree<'a>> {
    let mut parser = Parser {
        symbols,
        at: 0,
        depth: 0,
    };
    let tree = parser.any()?;
    (parser.at == symbols.len()).then_some(tree)
}

struct Parser<'s, 'a> {
    symbols: &'s [Symbol<'a>],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'_, 'a> {
    fn peek(&self) -> Option<&Symbol<'a>> {
        self.symbols.get(self.at)
    }

    fn accept(&mut self, symbol: &Symbol<'_>) -> bool {
        let found = self.peek() == Some(symbol);
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Option<Tree<'a>> {
        let mut branches = vec![self.sequence()?];
        while self.accept(&Symbol::Or) {
            branches.push(self.sequence()?);
        }
        Some(one_or(branches, Tree::Any))
    }

    fn sequence(&mut self) -> Option<Tree<'a>> {
        let mut items = vec![self.all()?];
        while !matches!(self.peek(), None | Some(Symbol::Or | Symbol::Close)) {
            items.push(self.all()?);
        }
        Some(one_or(items, Tree::Sequence))
    }

    fn all(&mut self) -> Option<Tree<'a>> {
        let mut items = vec![self.item()?];
        while self.accept(&Symbol::And) {
            items.push(self.item()?);
        }
        Some(one_or(items, Tree::All))
    }

    fn item(&mut self) -> Option<Tree<'a>> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let symbol = self.peek()?.clone();
        self.at += 1;
        let tree = match symbol {
            Symbol::Not => Tree::Not(Box::new(self.item()?)),
            Symbol::Must => Tree::Must(Box::new(self.item()?)),
            Symbol::Open => {
                let inside = self.any()?;
                if !self.accept(&Symbol::Close) {
                    return None;
                }
                inside
            }
            Symbol::Phrase(text) => Tree::Phrase(text),
            Symbol::Field {
                name,
                value,
                quoted,
            } => Tree::Field {
                name,
                value,
                quoted,
            },
            Symbol::Word(text) => Tree::Word(text),
            Symbol::Close | Symbol::And | Symbol::Or => return None,
        };
        self.depth -= 1;
        Some(tree)
    }
}

fn one_or<'a>(mut items: Vec<Tree<'a>>, make: impl Fn(Vec<Tree<'a>>) -> Tree<'a>) -> Tree<'a> {
    match items.pop() {
        Some(only) if items.is_empty() => only,
        Some(last) => {
            items.push(last);
            make(items)
        }
        None => make(items),
    }
}
