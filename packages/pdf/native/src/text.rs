//! Words to text in the order people read it.

use crate::words::Word;

/// Part of the size of a font that separates pieces of a line which may be in different columns.
const PIECE_GAP: f64 = 0.9;
/// Lines beside each other before they are taken for columns.
const COLUMN_LINES: usize = 4;
/// Characters a line of a column has on average: cells of tables have fewer.
const COLUMN_CHARACTERS: usize = 18;
/// Distance of base lines, in sizes, that ends columns.
const COLUMN_BREAK: f64 = 3.0;
/// Distance of base lines, in sizes, from which a new paragraph starts.
const PARAGRAPH: f64 = 1.75;

struct Line<'w> {
    words: Vec<&'w Word>,
    baseline: f64,
    size: f64,
}

/// The text of a page: columns one after the other, lines ended by `\n`, paragraphs by a blank line.
pub fn text(words: &[Word], slanted: &[String]) -> String {
    let mut out = String::new();
    let upright: Vec<&Word> = words.iter().filter(|word| word.turns == 0).collect();
    write(upright, &mut out, 0);
    for turns in 1..4 {
        let turned: Vec<Word> = words
            .iter()
            .filter(|word| word.turns == turns)
            .map(|word| upright_again(word, turns))
            .collect();
        if !turned.is_empty() {
            paragraph(&mut out);
            write(turned.iter().collect(), &mut out, 0);
        }
    }
    for run in slanted {
        let run = run.trim();
        if !run.is_empty() {
            paragraph(&mut out);
            out.push_str(run);
        }
    }
    out.truncate(out.trim_end().len());
    out
}

fn upright_again(word: &Word, turns: u8) -> Word {
    let (x0, y0, x1, y1) = match turns {
        1 => (word.y0, -word.x1, word.y1, -word.x0),
        2 => (-word.x1, -word.y1, -word.x0, -word.y0),
        _ => (-word.y1, word.x0, -word.y0, word.x1),
    };
    Word {
        x0,
        y0,
        x1,
        y1,
        turns: 0,
        ..word.clone()
    }
}

fn paragraph(out: &mut String) {
    if !out.is_empty() {
        out.truncate(out.trim_end_matches('\n').len());
        out.push_str("\n\n");
    }
}

fn write(words: Vec<&Word>, out: &mut String, depth: usize) {
    let lines = lines(words);
    let mut last: Option<(f64, f64)> = None;
    let mut at = 0;
    while at < lines.len() {
        if depth < 8
            && let Some((end, gutter)) = columns(&lines, at)
        {
            let (left, right): (Vec<&Word>, Vec<&Word>) = lines[at..end]
                .iter()
                .flat_map(|line| line.words.iter().copied())
                .partition(|word| (word.x0 + word.x1) / 2.0 < gutter);
            for column in [left, right] {
                paragraph(out);
                write(column, out, depth + 1);
            }
            paragraph(out);
            last = None;
            at = end;
            continue;
        }
        let line = &lines[at];
        if let Some((baseline, size)) = last
            && line.baseline - baseline > PARAGRAPH * size.max(line.size)
        {
            paragraph(out);
        }
        for (index, word) in line.words.iter().enumerate() {
            if index > 0 {
                out.push(' ');
            }
            out.push_str(&word.text);
        }
        out.push('\n');
        last = Some((line.baseline, line.size));
        at += 1;
    }
}

/// Words on about the same base line, from left to right; lines from top to bottom.
fn lines(mut words: Vec<&Word>) -> Vec<Line<'_>> {
    words.sort_by(|a, b| a.baseline.total_cmp(&b.baseline));
    let mut lines: Vec<Line<'_>> = Vec::new();
    for word in words {
        // Raised and lowered marks belong to the line of the larger words beside them.
        let fits = lines.last_mut().filter(|line| {
            let (small, large) = (line.size.min(word.size), line.size.max(word.size));
            let raised = if large > 1.2 * small { 0.55 } else { 0.4 };
            word.baseline - line.baseline <= raised * large
        });
        match fits {
            Some(line) => {
                if word.size > 1.2 * line.size {
                    line.baseline = word.baseline;
                }
                line.size = line.size.max(word.size);
                line.words.push(word);
            }
            None => lines.push(Line {
                baseline: word.baseline,
                size: word.size,
                words: vec![word],
            }),
        }
    }
    for line in &mut lines {
        line.words.sort_by(|a, b| a.x0.total_cmp(&b.x0));
    }
    lines
}

/// Where lines from `start` on are columns of running text: the line behind the last one, and the middle of the gutter.
fn columns(lines: &[Line<'_>], start: usize) -> Option<(usize, f64)> {
    let mut gutters = gaps(&lines[start]);
    let mut end = start + 1;
    if gutters.is_empty() {
        return None;
    }
    let mut kept = gutters.clone();
    while end < lines.len() && !gutters.is_empty() {
        let (above, line) = (&lines[end - 1], &lines[end]);
        if line.baseline - above.baseline > COLUMN_BREAK * line.size.max(above.size) {
            break;
        }
        gutters = free(&gutters, &lines[end]);
        if !gutters.is_empty() {
            kept.clone_from(&gutters);
            end += 1;
        }
    }
    if end - start < COLUMN_LINES {
        return None;
    }
    // The widest gap that both sides have running text at.
    kept.sort_by(|a, b| (b.1 - b.0).total_cmp(&(a.1 - a.0)));
    kept.iter()
        .map(|(from, to)| (from + to) / 2.0)
        .find(|&middle| {
            [true, false].iter().all(|&left| {
                let sides = lines[start..end].iter().filter_map(|line| {
                    let characters: usize = line
                        .words
                        .iter()
                        .filter(|word| (word.x1 <= middle) == left)
                        .map(|word| word.text.chars().count() + 1)
                        .sum();
                    (characters > 0).then_some(characters)
                });
                let (count, sum) = sides.fold((0, 0), |(n, sum), length| (n + 1, sum + length));
                count >= COLUMN_LINES && sum / count >= COLUMN_CHARACTERS
            })
        })
        .map(|middle| (end, middle))
}

fn gaps(line: &Line<'_>) -> Vec<(f64, f64)> {
    line.words
        .windows(2)
        .map(|pair| (pair[0].x1, pair[1].x0))
        .filter(|(from, to)| to - from >= PIECE_GAP * line.size)
        .collect()
}

/// What of `gutters` the words of a line leave free.
fn free(gutters: &[(f64, f64)], line: &Line<'_>) -> Vec<(f64, f64)> {
    let mut free = Vec::new();
    for &(from, to) in gutters {
        let mut start = from;
        for word in line
            .words
            .iter()
            .filter(|word| word.x1 > from && word.x0 < to)
        {
            if word.x0 - start >= PIECE_GAP * line.size {
                free.push((start, word.x0));
            }
            start = start.max(word.x1);
        }
        if to - start >= PIECE_GAP * line.size {
            free.push((start, to));
        }
    }
    free
}
