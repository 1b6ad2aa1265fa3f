//! Paths as far as tables need them: lines along the page's sides, and filled boxes.

use crate::geometry::{Area, Matrix};

/// Sides of a filled shape up to this many points apart make it a line.
const THIN: f64 = 4.0;
/// Ends of a line may differ by this much across it.
const SLANT: f64 = 0.8;
/// Pieces of one line may be this far apart.
const GAP: f64 = 2.0;
/// Pieces of one line may be this far beside each other.
const BESIDE: f64 = 0.7;
/// Kept of a page; drawings have more, tables never.
const MAX_SHAPES: usize = 200_000;

/// A path in points of the page.
#[derive(Default)]
pub struct Path {
    parts: Vec<Part>,
}

struct Part {
    points: Vec<(f64, f64)>,
    curved: bool,
    closed: bool,
}

impl Path {
    pub fn start(&mut self, point: (f64, f64)) {
        self.parts.push(Part {
            points: vec![point],
            curved: false,
            closed: false,
        });
    }

    pub fn line(&mut self, point: (f64, f64)) {
        match self.parts.last_mut() {
            Some(part) if !part.closed => part.points.push(point),
            Some(part) => {
                let first = part.points[0];
                self.start(first);
                self.line(point);
            }
            None => self.start(point),
        }
    }

    /// Only where a curve ends is noted.
    pub fn curve(&mut self, end: (f64, f64)) {
        self.line(end);
        if let Some(part) = self.parts.last_mut() {
            part.curved = true;
        }
    }

    pub fn close(&mut self) {
        if let Some(part) = self.parts.last_mut() {
            part.closed = true;
        }
    }

    pub fn clear(&mut self) {
        self.parts.clear();
    }

    /// The box around it all.
    pub fn area(&self) -> Area {
        let mut area = Area::EMPTY;
        for point in self.parts.iter().flat_map(|part| &part.points) {
            area.add(*point);
        }
        area
    }
}

impl Part {
    fn area(&self) -> Area {
        let mut area = Area::EMPTY;
        for point in &self.points {
            area.add(*point);
        }
        area
    }

    /// Whether it is a box with sides along the page's.
    fn is_box(&self) -> bool {
        let area = self.area();
        let near = |a: f64, b: f64| (a - b).abs() <= SLANT;
        !self.curved
            && self.points.len() >= 4
            && self.points.iter().all(|&(x, y)| {
                (near(x, area.x0) || near(x, area.x1)) && (near(y, area.y0) || near(y, area.y1))
            })
    }
}

/// A line along a side of the page, `x0 == x1` or `y0 == y1`, and how thick it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ruling {
    pub area: Area,
    pub thickness: f64,
}

/// Lines and filled boxes of a page.
#[derive(Default)]
pub struct Shapes {
    horizontal: Vec<Ruling>,
    vertical: Vec<Ruling>,
    fills: Vec<Area>,
}

impl Shapes {
    pub fn stroke(&mut self, path: &Path, clip: Area, thickness: f64) {
        for part in &path.parts {
            let closing = part.closed.then(|| part.points[0]);
            let ends = part.points.iter().copied().skip(1).chain(closing);
            let mut from = part.points[0];
            for to in ends {
                if !part.curved {
                    self.line(Area::around(from, to), clip, thickness);
                }
                from = to;
            }
        }
    }

    /// White boxes are paper; white lines part coloured boxes, so they count.
    pub fn fill(&mut self, path: &Path, clip: Area, white: bool) {
        for part in &path.parts {
            let area = part.area().intersection(clip);
            if area.is_empty() || !(part.is_box() || part.points.len() == 2) {
                continue;
            }
            if area.width().min(area.height()) <= THIN {
                self.line(area, clip, area.width().min(area.height()));
            } else if !white && self.fills.len() < MAX_SHAPES {
                self.fills.push(area);
            }
        }
    }

    fn line(&mut self, area: Area, clip: Area, thickness: f64) {
        let area = area.intersection(clip);
        if area.is_empty() || self.horizontal.len() + self.vertical.len() >= MAX_SHAPES {
            return;
        }
        let (width, height) = (area.width(), area.height());
        if height <= SLANT.max(thickness) && width > height {
            let y = (area.y0 + area.y1) / 2.0;
            let area = Area {
                y0: y,
                y1: y,
                ..area
            };
            self.horizontal.push(Ruling { area, thickness });
        } else if width <= SLANT.max(thickness) && height > width {
            let x = (area.x0 + area.x1) / 2.0;
            let area = Area {
                x0: x,
                x1: x,
                ..area
            };
            self.vertical.push(Ruling { area, thickness });
        }
    }

    /// Everything turned by quarter turns.
    pub fn turn(&mut self, matrix: Matrix) {
        for fill in &mut self.fills {
            *fill = fill.turned(matrix);
        }
        let lines = std::mem::take(&mut self.horizontal)
            .into_iter()
            .chain(std::mem::take(&mut self.vertical));
        for Ruling { area, thickness } in lines.collect::<Vec<_>>() {
            let ruling = Ruling {
                area: area.turned(matrix),
                thickness,
            };
            if ruling.area.width() >= ruling.area.height() {
                self.horizontal.push(ruling);
            } else {
                self.vertical.push(ruling);
            }
        }
    }

    /// The filled boxes, in the order they were painted.
    pub fn fills(&self) -> &[Area] {
        &self.fills
    }

    /// All lines; pieces that lie in one are joined.
    pub fn rulings(&self) -> Vec<Ruling> {
        let mut joined = join(
            &self.horizontal,
            |a| (a.y0, a.x0, a.x1),
            |y, from, to| Area {
                x0: from,
                x1: to,
                y0: y,
                y1: y,
            },
        );
        joined.extend(join(
            &self.vertical,
            |a| (a.x0, a.y0, a.y1),
            |x, from, to| Area {
                x0: x,
                x1: x,
                y0: from,
                y1: to,
            },
        ));
        joined
    }
}

/// Joins lines of one direction; `parts` gives where across, from and to, and `area` makes a box of the same.
fn join(
    lines: &[Ruling],
    parts: impl Fn(Area) -> (f64, f64, f64),
    area: impl Fn(f64, f64, f64) -> Area,
) -> Vec<Ruling> {
    let mut sorted: Vec<_> = lines
        .iter()
        .map(|line| (parts(line.area), line.thickness))
        .collect();
    sorted.sort_by(|a, b| a.0.0.total_cmp(&b.0.0));
    let mut joined = Vec::new();
    let mut start = 0;
    while start < sorted.len() {
        let first = sorted[start].0.0;
        let mut end = start + 1;
        // Each to the one before it, but no drift across the page.
        while end < sorted.len()
            && sorted[end].0.0 - sorted[end - 1].0.0 <= BESIDE
            && sorted[end].0.0 - first <= 2.0 * BESIDE
        {
            end += 1;
        }
        let group = &mut sorted[start..end];
        group.sort_by(|a, b| a.0.1.total_cmp(&b.0.1));
        let mut current: Option<(f64, f64, f64, f64)> = None;
        for &((across, from, to), thickness) in group.iter() {
            match &mut current {
                Some((_, _, last, thick)) if from <= *last + GAP => {
                    *last = last.max(to);
                    *thick = thick.max(thickness);
                }
                _ => {
                    if let Some((at, from, to, thickness)) =
                        current.replace((across, from, to, thickness))
                    {
                        let area = area(at, from, to);
                        joined.push(Ruling { area, thickness });
                    }
                }
            }
        }
        if let Some((at, from, to, thickness)) = current {
            let area = area(at, from, to);
            joined.push(Ruling { area, thickness });
        }
        start = end;
    }
    joined
}
