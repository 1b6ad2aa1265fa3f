//! Glyphs to words.

use std::collections::HashMap;

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

use crate::geometry::{Area, Matrix};
use crate::interpreter::Glyph;

/// A gap wider than this part of the font's size ends a word.
const WORD_GAP: f64 = 0.22;
/// Spacing between characters up to this part of the size belongs to the word; more makes columns of digits.
const LETTER_SPACING: f64 = 0.6;
/// How much of a font's size lies above and under the base line.
const ASCENT: f64 = 0.76;
const DESCENT: f64 = 0.22;

/// Letters that belong together, upright, with the box around them.
#[derive(Clone, Debug, Serialize)]
pub struct Word {
    pub text: String,
    pub x0: f64,
    pub y0: f64,
    pub x1: f64,
    pub y1: f64,
    /// Where the base line is.
    pub baseline: f64,
    /// Size of the font.
    pub size: f64,
    pub bold: bool,
    /// Quarter turns clockwise that its text runs away from left to right.
    pub turns: u8,
}

/// What glyphs make: words along the page's sides, and text that runs askew.
pub struct Words {
    pub upright: Vec<Word>,
    pub slanted: Vec<String>,
}

/// In which of the four directions most characters run, in quarter turns clockwise.
pub fn main_direction(glyphs: &[Glyph]) -> u8 {
    let mut counts = [0_usize; 4];
    for glyph in glyphs {
        if let Some(turns) = quarter_turns(glyph.direction) {
            counts[usize::from(turns)] += 1;
        }
    }
    let mut best = 0;
    for turns in 1..4 {
        if counts[usize::from(turns)] > 2 * counts[usize::from(best)] {
            best = turns;
        }
    }
    best
}

fn quarter_turns((x, y): (f64, f64)) -> Option<u8> {
    const NEARLY: f64 = 0.985; // 10 degrees
    match () {
        () if x > NEARLY => Some(0),
        () if y > NEARLY => Some(1),
        () if x < -NEARLY => Some(2),
        () if y < -NEARLY => Some(3),
        () => None,
    }
}

/// The turn that makes text of a direction run from left to right (counter-clockwise, about the origin).
fn unturn(turns: u8) -> Matrix {
    Matrix(match turns {
        1 => [0.0, -1.0, 1.0, 0.0, 0.0, 0.0],
        2 => [-1.0, 0.0, 0.0, -1.0, 0.0, 0.0],
        3 => [0.0, 1.0, -1.0, 0.0, 0.0, 0.0],
        _ => Matrix::IDENTITY.0,
    })
}

fn inverse(turns: u8) -> Matrix {
    unturn((4 - turns) % 4)
}

/// Words of the glyphs in the order they were put on the page.
pub fn words(glyphs: &[Glyph]) -> Words {
    let mut slanted = Vec::new();
    let mut upright = Vec::new();
    let mut current: Option<Open> = None;
    let mut skew = String::new();
    let mut seen = Seen::default();
    for glyph in glyphs {
        let Some(turns) = quarter_turns(glyph.direction) else {
            close(&mut current, &mut upright);
            skew.push_str(&glyph.text);
            continue;
        };
        if !skew.is_empty() {
            slanted.push(std::mem::take(&mut skew));
        }
        if seen.again(glyph) {
            continue;
        }
        if glyph.text.chars().all(is_blank) {
            close(&mut current, &mut upright);
            continue;
        }
        let (along, across) = unturn(turns).point(glyph.x, glyph.y);
        let fits = current
            .as_ref()
            .is_some_and(|open| open.takes(turns, along, across, glyph));
        if !fits {
            close(&mut current, &mut upright);
        }
        match &mut current {
            Some(open) => open.add(along, glyph),
            None => current = Some(Open::new(turns, along, across, glyph)),
        }
    }
    close(&mut current, &mut upright);
    if !skew.is_empty() {
        slanted.push(skew);
    }
    Words {
        upright: joined(upright),
        slanted,
    }
}

fn close(current: &mut Option<Open>, words: &mut Vec<Word>) {
    if let Some(open) = current.take() {
        words.push(open.word());
    }
}

fn is_blank(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character, '\u{00A0}' | '\u{200B}' | '\u{FEFF}')
}

/// A word in the making; `along` and `across` are x and y as if it ran from left to right.
struct Open {
    text: String,
    turns: u8,
    from: f64,
    to: f64,
    next: f64,
    across: f64,
    size: f64,
    bold: bool,
}

impl Open {
    fn new(turns: u8, along: f64, across: f64, glyph: &Glyph) -> Self {
        let mut open = Self {
            text: String::new(),
            turns,
            from: along,
            to: along,
            next: along,
            across,
            size: glyph.size,
            bold: glyph.bold,
        };
        open.add(along, glyph);
        open
    }

    fn takes(&self, turns: u8, along: f64, across: f64, glyph: &Glyph) -> bool {
        let size = self.size.min(glyph.size);
        let gap = along - self.next;
        turns == self.turns
            && (across - self.across).abs() <= 0.15 * size
            && self.size.max(glyph.size) <= 1.5 * size
            && gap <= WORD_GAP * size
            && gap >= -0.5 * size
            && along >= self.from
    }

    fn add(&mut self, along: f64, glyph: &Glyph) {
        self.text.push_str(&glyph.text);
        let end = along + glyph.width.max(0.0);
        let spacing = glyph.advance - glyph.width;
        self.to = self.to.max(end);
        self.next = if spacing.abs() <= LETTER_SPACING * glyph.size {
            end + spacing
        } else {
            end
        };
        self.bold &= glyph.bold;
    }

    fn word(self) -> Word {
        let back = inverse(self.turns);
        let area = Area::around(
            back.point(self.from, self.across - ASCENT * self.size),
            back.point(self.to, self.across + DESCENT * self.size),
        );
        Word {
            text: readable(&self.text),
            x0: area.x0,
            y0: area.y0,
            x1: area.x1,
            y1: area.y1,
            baseline: self.across,
            size: self.size,
            bold: self.bold,
            turns: self.turns,
        }
    }
}

/// Ligatures and letters with their own accents are taken apart and put together as text elsewhere has them; right-to-left
/// scripts, which a page has from left to right, are turned around.
fn readable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{FB00}'..='\u{FB06}' | '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}' => {
                out.extend(character.nfkc());
            }
            '\u{00AD}' => out.push('-'),
            _ => out.push(character),
        }
    }
    let right_to_left = |c: char| matches!(c, '\u{0590}'..='\u{08FF}');
    if out.chars().filter(|c| right_to_left(*c)).count() * 2 > out.chars().count() {
        out = out.chars().rev().collect();
    }
    out.nfc().collect()
}

/// Words whose pieces were put on the page at different times become one.
fn joined(words: Vec<Word>) -> Vec<Word> {
    let mut order: Vec<usize> = (0..words.len()).filter(|&i| words[i].turns == 0).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&words[a], &words[b]);
        (a.baseline.round(), a.x0)
            .partial_cmp(&(b.baseline.round(), b.x0))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    let mut into: HashMap<usize, usize> = HashMap::new();
    for pair in order.windows(2) {
        let (left, right) = (&words[pair[0]], &words[pair[1]]);
        let size = left.size.min(right.size);
        let gap = right.x0 - left.x1;
        if (left.baseline - right.baseline).abs() <= 0.1 * size
            && left.size.max(right.size) <= 1.2 * size
            && gap.abs() <= 0.06 * size
        {
            into.insert(pair[1], *into.get(&pair[0]).unwrap_or(&pair[0]));
        }
    }
    if into.is_empty() {
        return words;
    }
    let mut merged: Vec<Option<Word>> = words.into_iter().map(Some).collect();
    for &index in &order {
        let Some(&target) = into.get(&index) else {
            continue;
        };
        if let Some(piece) = merged[index].take()
            && let Some(word) = merged[target].as_mut()
        {
            word.text.push_str(&piece.text);
            word.x1 = word.x1.max(piece.x1);
            word.y0 = word.y0.min(piece.y0);
            word.y1 = word.y1.max(piece.y1);
            word.bold &= piece.bold;
        }
    }
    merged.into_iter().flatten().collect()
}

/// A character, and the square of the page it starts in.
type Cell<'g> = (&'g str, i64, i64);

/// Characters are printed twice, a little beside each other, to look bold, or to cast a shadow.
#[derive(Default)]
struct Seen<'g> {
    at: HashMap<Cell<'g>, Vec<(f64, f64)>>,
}

impl<'g> Seen<'g> {
    fn again(&mut self, glyph: &'g Glyph) -> bool {
        let near = (0.25 * glyph.width.abs()).min(0.12 * glyph.size).min(4.0);
        if near <= 0.0 || glyph.text.chars().all(is_blank) {
            return false;
        }
        let cell = |value: f64| (value / 2.0).floor() as i64;
        for x in cell(glyph.x - near)..=cell(glyph.x + near) {
            for y in cell(glyph.y - near)..=cell(glyph.y + near) {
                let places = self.at.get(&(glyph.text.as_str(), x, y));
                let close = |&(x, y): &(f64, f64)| {
                    (x - glyph.x).abs() <= near && (y - glyph.y).abs() <= near
                };
                if places.is_some_and(|places| places.iter().any(close)) {
                    return true;
                }
            }
        }
        let key = (glyph.text.as_str(), cell(glyph.x), cell(glyph.y));
        self.at.entry(key).or_default().push((glyph.x, glyph.y));
        false
    }
}
