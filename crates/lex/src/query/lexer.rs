//! Query text to symbols.

use super::date;

/// Fields that `name:value` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldName {
    Title,
    Uri,
    Tag,
    Label,
    Track,
    Kind,
    Scope,
    Date,
}

impl FieldName {
    fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "title" => Self::Title,
            "uri" => Self::Uri,
            "tag" => Self::Tag,
            "label" => Self::Label,
            "track" => Self::Track,
            "kind" => Self::Kind,
            "scope" => Self::Scope,
            "date" => Self::Date,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Symbol<'a> {
    Open,
    Close,
    And,
    Or,
    Not,
    /// `+` right before something.
    Must,
    Phrase(&'a str),
    Field {
        name: FieldName,
        value: &'a str,
        quoted: bool,
    },
    Word(&'a str),
}

/// The symbols of a text.
pub(super) struct Lexed<'a> {
    /// Up to where a quote or bracket is not closed, if there is one.
    pub symbols: Vec<Symbol<'a>>,
    /// Whether that is all of them.
    pub is_whole: bool,
    /// Whether any of it is more than words: an operator, a phrase, a field.
    pub has_conditions: bool,
}

pub(super) fn lex(text: &str) -> Lexed<'_> {
    let mut symbols = Vec::new();
    let unclosed = symbols_of(text, &mut symbols);
    let is_condition =
        |symbol: &Symbol<'_>| !matches!(symbol, Symbol::Word(_) | Symbol::Open | Symbol::Close);
    // A quote within a word is one of inches, or of minutes.
    let is_within_word = |rest: &str| {
        let before = text[..text.len() - rest.len()].chars().next_back();
        rest.starts_with('"') && before.is_some_and(char::is_alphanumeric)
    };
    Lexed {
        has_conditions: symbols.iter().any(is_condition)
            || unclosed.is_some_and(|rest| !is_within_word(rest)),
        is_whole: unclosed.is_none(),
        symbols,
    }
}

/// Appends them. Gives what begins with a phrase or field that is not closed.
fn symbols_of<'a>(text: &'a str, symbols: &mut Vec<Symbol<'a>>) -> Option<&'a str> {
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        rest = match first {
            '(' => {
                symbols.push(Symbol::Open);
                after
            }
            ')' => {
                symbols.push(Symbol::Close);
                after
            }
            _ if closing_quote(first).is_some() => {
                let Some((phrase, after)) = quoted(rest) else {
                    return Some(rest);
                };
                symbols.push(Symbol::Phrase(phrase));
                after
            }
            '-' if begins_item(after, true) => {
                symbols.push(Symbol::Not);
                after
            }
            '+' if begins_item(after, false) => {
                symbols.push(Symbol::Must);
                after
            }
            _ => match word(rest, symbols) {
                Some(after) => after,
                None => return Some(rest),
            },
        };
        rest = rest.trim_start();
    }
    None
}

/// Whether a sign before `text` is meant as an operator: a word of letters (not a number or a dash) or a quote follows.
fn begins_item(text: &str, negation: bool) -> bool {
    let mut characters = text.chars();
    let Some(first) = characters.next() else {
        return false;
    };
    closing_quote(first).is_some()
        || first == '('
        || first.is_alphabetic()
            && (!negation || characters.next().is_some_and(char::is_alphanumeric))
        || !negation && first.is_alphanumeric()
}

fn closing_quote(open: char) -> Option<char> {
    match open {
        '"' => Some('"'),
        '“' | '”' | '„' => Some('”'),
        '«' => Some('»'),
        '「' => Some('」'),
        _ => None,
    }
}

/// The inside of the quotes that `text` begins with, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let open = text.chars().next()?;
    let close = closing_quote(open)?;
    let inside = &text[open.len_utf8()..];
    let end = inside
        .find(|character| character == close || (close == '”' && matches!(character, '“' | '"')))?;
    let after = inside[end..].chars().next()?.len_utf8();
    Some((&inside[..end], &inside[end + after..]))
}

/// Reads a word, an operator or a field, and returns what follows; `None` for a field that is not closed.
fn word<'a>(text: &'a str, symbols: &mut Vec<Symbol<'a>>) -> Option<&'a str> {
    let end = text
        .find(|character: char| {
            character.is_whitespace() || matches!(character, '(' | ')' | '"' | '“' | '”' | '„')
        })
        .unwrap_or(text.len());
    let run = &text[..end];
    if let Some(colon) = run.find(':')
        && let Some(name) = FieldName::parse(&run[..colon])
    {
        let value = &text[colon + 1..];
        if value.starts_with('"') {
            let (value, after) = quoted(value)?;
            symbols.push(Symbol::Field {
                name,
                value,
                quoted: true,
            });
            return Some(after);
        }
        if name == FieldName::Date {
            // A date that is none is made of words, like any other unknown `x:y`.
            let close = value.starts_with('[').then(|| value.find(']'));
            let (value, end) = match close {
                Some(close) => (&value[1..close?], colon + 2 + close?),
                None => (&run[colon + 1..], end),
            };
            symbols.push(match date::parse_range(value) {
                Some(_) => Symbol::Field {
                    name,
                    value,
                    quoted: true,
                },
                None => Symbol::Word(&text[..end]),
            });
            return Some(&text[end..]);
        }
        let value = &run[colon + 1..];
        if !value.is_empty() {
            symbols.push(Symbol::Field {
                name,
                value,
                quoted: false,
            });
            return Some(&text[end..]);
        }
    }
    symbols.push(match run {
        "AND" | "&&" => Symbol::And,
        "OR" | "||" => Symbol::Or,
        "NOT" => Symbol::Not,
        _ => Symbol::Word(run),
    });
    Some(&text[end.max(run.len())..])
}
