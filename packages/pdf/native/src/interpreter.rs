//! Runs the content streams of a page and notes what is put on it: glyphs, lines, filled boxes, pictures.

use std::collections::HashMap;
use std::sync::Arc;

use hayro_cmap::BfString;
use hayro_font::{
    CMapResolverFn, Font, FontCache, FontGlyph, FontQuery, FontResolverFn, StandardFont,
};
use hayro_syntax::content::TypedIter;
use hayro_syntax::content::ops::TypedInstruction;
use hayro_syntax::object::dict::keys::{
    ANNOTS, AP, AS, BASE_FONT, BBOX, F, FONT, MATRIX, N, RECT, RESOURCES, SUBTYPE,
};
use hayro_syntax::object::{Array, Dict, Name, Number, Object, Rect, Stream};
use hayro_syntax::page::{Page, Resources};

use crate::content::{Faults, page_content, unpacked};
use crate::geometry::{Area, Matrix};
use crate::paths::{Path, Shapes};

/// Forms inside forms; more is a loop.
const MAX_DEPTH: usize = 24;
/// Saved graphics states; more is a mistake in the file.
const MAX_SAVED: usize = 512;
/// Glyphs that are kept of a page. A page of small print has some 20,000.
const MAX_GLYPHS: usize = 2_000_000;
/// An instruction that no file has, behind the last of a content.
const END: &[u8] = b"\nmemvid-end\n";
const UNITS_PER_EM: f64 = 1000.0;
/// Flags of annotations that are not shown.
const HIDDEN_OR_NO_VIEW: u32 = (1 << 1) | (1 << 5);

/// A character where it stands on the page.
#[derive(Clone, Debug)]
pub struct Glyph {
    pub text: String,
    /// Start of the base line.
    pub x: f64,
    pub y: f64,
    /// The way the text runs, of length 1.
    pub direction: (f64, f64),
    /// How far the next glyph is along `direction`, spacing of characters included.
    pub advance: f64,
    /// How wide it is itself.
    pub width: f64,
    /// Size of the font as displayed.
    pub size: f64,
    pub bold: bool,
}

/// What is on a page, in the order it was put there.
#[derive(Default)]
pub struct Marks {
    pub glyphs: Vec<Glyph>,
    pub shapes: Shapes,
    pub images: usize,
    /// Characters whose meaning the file does not say.
    pub unknown: usize,
    pub faults: Faults,
}

/// Fonts, kept from page to page.
pub struct Fonts<'a> {
    cache: FontCache<'a>,
    programs: FontResolverFn,
    maps: CMapResolverFn,
    fallback: Option<Font<'a>>,
}

impl Fonts<'_> {
    pub fn new() -> Self {
        let programs: FontResolverFn = Arc::new(|query| match query {
            FontQuery::Standard(font) => Some(font.get_font_data()),
            FontQuery::Fallback(query) => Some(query.pick_standard_font().get_font_data()),
        });
        let cache = FontCache::new();
        Self {
            fallback: cache.standard_font(StandardFont::Helvetica, &programs),
            cache,
            programs,
            maps: Arc::new(hayro_cmap::load_embedded),
        }
    }
}

impl<'a> Fonts<'a> {
    fn get(&self, dict: &Dict<'a>) -> Option<TextFont<'a>> {
        let name = dict.get::<Name<'_>>(BASE_FONT);
        let bold = name.is_some_and(|name| {
            let name = name.as_str().to_ascii_lowercase();
            ["bold", "black", "heavy", "semibold"]
                .iter()
                .any(|word| name.contains(word))
        });
        let type3 = dict
            .get::<Name<'_>>(SUBTYPE)
            .is_some_and(|name| name.as_str() == "Type3");
        let font = self
            .cache
            .font(dict, &self.programs, &self.maps)
            .or_else(|| self.fallback.clone())?;
        Some(TextFont { font, bold, type3 })
    }
}

#[derive(Clone)]
struct TextFont<'a> {
    font: Font<'a>,
    bold: bool,
    type3: bool,
}

#[derive(Clone)]
struct State<'a> {
    matrix: Matrix,
    clip: Area,
    line_width: f64,
    /// Whether what is filled now cannot be seen on white paper.
    white_fill: bool,
    font: Option<TextFont<'a>>,
    font_size: f64,
    character_spacing: f64,
    word_spacing: f64,
    /// 1 for 100 %.
    stretch: f64,
    leading: f64,
    rise: f64,
    text: Matrix,
    text_line: Matrix,
}

/// Runs streams of one page.
pub struct Interpreter<'a, 'f> {
    fonts: &'f Fonts<'a>,
    state: State<'a>,
    saved: Vec<State<'a>>,
    path: Path,
    clipping: bool,
    depth: usize,
    /// Names of fonts of the resources in use, looked up once.
    known: HashMap<Vec<u8>, Option<TextFont<'a>>>,
    pub marks: Marks,
}

impl<'a, 'f> Interpreter<'a, 'f> {
    pub fn new(fonts: &'f Fonts<'a>, matrix: Matrix, page: Area) -> Self {
        Self {
            fonts,
            state: State {
                matrix,
                clip: page,
                line_width: 1.0,
                white_fill: false,
                font: None,
                font_size: 0.0,
                character_spacing: 0.0,
                word_spacing: 0.0,
                stretch: 1.0,
                leading: 0.0,
                rise: 0.0,
                text: Matrix::IDENTITY,
                text_line: Matrix::IDENTITY,
            },
            saved: Vec::new(),
            path: Path::default(),
            clipping: false,
            depth: 0,
            known: HashMap::new(),
            marks: Marks::default(),
        }
    }

    /// Everything that is shown of a page: its content, then filled-in forms and notes.
    pub fn page(&mut self, page: &'a Page<'a>) {
        let start = self.state.clone();
        let content = page_content(page, &mut self.marks.faults);
        self.run(content, page.resources());
        self.saved.clear();
        let annotations = page.raw().get::<Array<'_>>(ANNOTS);
        for annotation in annotations.iter().flat_map(|list| list.iter::<Dict<'_>>()) {
            self.state = start.clone();
            self.annotation(&annotation, page.resources());
        }
    }

    fn run(&mut self, mut content: Vec<u8>, resources: &Resources<'a>) {
        // Reading ends without a word where an operand does not, and then this is not come by.
        content.extend_from_slice(END);
        let mut operators = TypedIter::new(&content);
        while let Some(operator) = operators.next() {
            if let TypedInstruction::Fallback(unknown) = operator {
                if **unknown == *END.trim_ascii() {
                    return;
                }
                self.marks.faults.unknown += 1;
            }
            self.marks.faults.instructions += 1;
            self.operator(operator, resources);
        }
        self.marks.faults.cut = true;
    }

    fn operator(&mut self, operator: TypedInstruction<'_, '_>, resources: &Resources<'a>) {
        use TypedInstruction as Op;
        let state = &mut self.state;
        match operator {
            Op::SaveState(_) if self.saved.len() < MAX_SAVED => self.saved.push(state.clone()),
            Op::RestoreState(_) => self.restore(),
            Op::Transform(m) => {
                let inner = Matrix([m.0, m.1, m.2, m.3, m.4, m.5].map(|n| n.as_f64()));
                let matrix = state.matrix.after(inner);
                if matrix.is_sane() {
                    state.matrix = matrix;
                }
            }
            Op::LineWidth(width) => state.line_width = width.0.as_f64(),
            Op::SetGraphicsState(name) => {
                let parameters = resources.get_ext_g_state(name.0);
                let font = parameters.and_then(|dict| dict.get::<Array<'a>>(FONT));
                if let Some(font) = font {
                    let mut items = font.flex_iter();
                    let font = items.next::<Dict<'_>>();
                    let size = items.next::<Number>();
                    if let (Some(font), Some(size)) = (font, size) {
                        state.font = self.fonts.get(&font);
                        state.font_size = size.as_f64();
                    }
                }
            }

            Op::NonStrokeColorDeviceGray(c) => state.white_fill = c.0.as_f64() > 0.98,
            Op::NonStrokeColorDeviceRgb(c) => state.white_fill = all_above([c.0, c.1, c.2]),
            Op::NonStrokeColorCmyk(c) => state.white_fill = all_below([c.0, c.1, c.2, c.3]),
            // Other spaces: three numbers are taken for light, as with profiles of screens; one may be ink.
            Op::NonStrokeColor(c) => state.white_fill = white(&c.0),
            Op::NonStrokeColorNamed(_) | Op::ColorSpaceNonStroke(_) => state.white_fill = false,

            Op::MoveTo(p) => self
                .path
                .start(state.matrix.point(p.0.as_f64(), p.1.as_f64())),
            Op::LineTo(p) => self
                .path
                .line(state.matrix.point(p.0.as_f64(), p.1.as_f64())),
            Op::CubicTo(p) => self
                .path
                .curve(state.matrix.point(p.4.as_f64(), p.5.as_f64())),
            Op::CubicStartTo(p) => self
                .path
                .curve(state.matrix.point(p.2.as_f64(), p.3.as_f64())),
            Op::CubicEndTo(p) => self
                .path
                .curve(state.matrix.point(p.2.as_f64(), p.3.as_f64())),
            Op::ClosePath(_) => self.path.close(),
            Op::RectPath(r) => {
                let [x, y, width, height] = [r.0, r.1, r.2, r.3].map(|n| n.as_f64());
                self.path.start(state.matrix.point(x, y));
                self.path.line(state.matrix.point(x + width, y));
                self.path.line(state.matrix.point(x + width, y + height));
                self.path.line(state.matrix.point(x, y + height));
                self.path.close();
            }
            Op::StrokePath(_) => self.paint(false, true),
            Op::CloseAndStrokePath(_) => {
                self.path.close();
                self.paint(false, true);
            }
            Op::FillPathNonZero(_)
            | Op::FillPathNonZeroCompatibility(_)
            | Op::FillPathEvenOdd(_) => self.paint(true, false),
            Op::FillAndStrokeNonZero(_) | Op::FillAndStrokeEvenOdd(_) => self.paint(true, true),
            Op::CloseFillAndStrokeNonZero(_) | Op::CloseFillAndStrokeEvenOdd(_) => {
                self.path.close();
                self.paint(true, true);
            }
            Op::EndPath(_) => self.paint(false, false),
            Op::ClipNonZero(_) | Op::ClipEvenOdd(_) => self.clipping = true,

            Op::XObject(name) => match resources.get_x_object(name.0) {
                Some(object) => self.external(&object, resources),
                None if resources.x_objects.contains_key(name.0) => {
                    self.marks.faults.drawing = true;
                }
                None => {}
            },
            Op::InlineImage(_) => self.marks.images += 1,

            Op::BeginText(_) => {
                state.text = Matrix::IDENTITY;
                state.text_line = Matrix::IDENTITY;
            }
            Op::CharacterSpacing(n) => state.character_spacing = n.0.as_f64(),
            Op::WordSpacing(n) => state.word_spacing = n.0.as_f64(),
            Op::HorizontalScaling(n) => state.stretch = n.0.as_f64() / 100.0,
            Op::TextLeading(n) => state.leading = n.0.as_f64(),
            Op::TextRise(n) => state.rise = n.0.as_f64(),
            Op::TextFont(font) => {
                state.font_size = font.1.as_f64();
                state.font = self
                    .known
                    .entry(font.0.as_ref().to_vec())
                    .or_insert_with(|| {
                        let dict = resources.get_font(font.0)?;
                        self.fonts.get(&dict)
                    })
                    .clone();
            }
            Op::NextLine(n) => state.next_line(n.0.as_f64(), n.1.as_f64()),
            Op::NextLineAndSetLeading(n) => {
                state.leading = -n.1.as_f64();
                state.next_line(n.0.as_f64(), n.1.as_f64());
            }
            Op::NextLineUsingLeading(_) => state.next_line(0.0, -state.leading),
            Op::SetTextMatrix(m) => {
                let matrix = Matrix([m.0, m.1, m.2, m.3, m.4, m.5].map(|n| n.as_f64()));
                if matrix.is_sane() {
                    state.text = matrix;
                    state.text_line = matrix;
                }
            }
            Op::ShowText(text) => self.show(text.0.as_bytes()),
            Op::NextLineAndShowText(text) => {
                state.next_line(0.0, -state.leading);
                self.show(text.0.as_bytes());
            }
            Op::ShowTextWithParameters(text) => {
                state.word_spacing = text.0.as_f64();
                state.character_spacing = text.1.as_f64();
                state.next_line(0.0, -state.leading);
                self.show(text.2.as_bytes());
            }
            Op::ShowTexts(texts) => {
                for item in texts.0.iter::<Object<'_>>() {
                    match item {
                        Object::String(text) => self.show(text.as_bytes()),
                        Object::Number(number) => self.adjust(number.as_f64()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn restore(&mut self) {
        if let Some(saved) = self.saved.pop() {
            self.state = saved;
        }
    }

    fn paint(&mut self, fill: bool, stroke: bool) {
        let state = &self.state;
        let shapes = &mut self.marks.shapes;
        if fill {
            shapes.fill(&self.path, state.clip, state.white_fill);
        }
        if stroke {
            let (x, y) = state.matrix.vector(state.line_width, 0.0);
            shapes.stroke(&self.path, state.clip, x.hypot(y));
        }
        if std::mem::take(&mut self.clipping) {
            self.state.clip = state.clip.intersection(self.path.area());
        }
        self.path.clear();
    }

    fn external(&mut self, object: &Stream<'a>, resources: &Resources<'a>) {
        let subtype = object.dict().get::<Name<'_>>(SUBTYPE);
        match subtype.as_ref().map(|name| name.as_str()) {
            Some("Image") => self.marks.images += 1,
            Some("Form") => self.form(object, Matrix::IDENTITY, resources),
            _ => {}
        }
    }

    /// A stream that is drawn like a page of its own, moved by its matrix and then by `placed`.
    fn form(&mut self, form: &Stream<'a>, placed: Matrix, resources: &Resources<'a>) {
        if self.depth >= MAX_DEPTH {
            return;
        }
        let Some(content) = unpacked(form, &mut self.marks.faults) else {
            return;
        };
        let dict = form.dict();
        let matrix = dict
            .get::<[f64; 6]>(MATRIX)
            .map_or(Matrix::IDENTITY, Matrix);
        let own = dict.get::<Dict<'a>>(RESOURCES).map(Resources::new);

        let outer = self.state.clone();
        let outer_saved = std::mem::take(&mut self.saved);
        let outer_known = std::mem::take(&mut self.known);
        let outer_path = std::mem::take(&mut self.path);
        self.state.matrix = outer.matrix.after(placed).after(matrix);
        if let Some(bbox) = dict.get::<Rect>(BBOX) {
            self.state.clip = outer.clip.intersection(corners(self.state.matrix, &bbox));
        }
        if self.state.matrix.is_sane() && !self.state.clip.is_empty() {
            self.depth += 1;
            self.run(content.into_owned(), own.as_ref().unwrap_or(resources));
            self.depth -= 1;
        }
        self.state = outer;
        self.saved = outer_saved;
        self.known = outer_known;
        self.path = outer_path;
        self.clipping = false;
    }

    /// The appearance of an annotation, fitted into its rectangle (PDF 2.0, 12.5.5).
    fn annotation(&mut self, annotation: &Dict<'a>, resources: &Resources<'a>) {
        if annotation.get::<u32>(F).unwrap_or(0) & HIDDEN_OR_NO_VIEW != 0 {
            return;
        }
        let Some(appearances) = annotation.get::<Dict<'a>>(AP) else {
            return;
        };
        let normal = appearances.get::<Stream<'a>>(N).or_else(|| {
            let states = appearances.get::<Dict<'a>>(N)?;
            states.get::<Stream<'a>>(annotation.get::<Name<'_>>(AS)?)
        });
        let (Some(form), Some(rect)) = (normal, annotation.get::<Rect>(RECT)) else {
            return;
        };
        let dict = form.dict();
        let Some(bbox) = dict.get::<Rect>(BBOX) else {
            return;
        };
        let matrix = dict
            .get::<[f64; 6]>(MATRIX)
            .map_or(Matrix::IDENTITY, Matrix);
        let from = corners(matrix, &bbox);
        let (to_width, to_height) = (rect.x1 - rect.x0, rect.y1 - rect.y0);
        if from.width() <= 0.0 || from.height() <= 0.0 {
            return;
        }
        let (sx, sy) = (to_width / from.width(), to_height / from.height());
        let placed = Matrix([
            sx,
            0.0,
            0.0,
            sy,
            rect.x0 - sx * from.x0,
            rect.y0 - sy * from.y0,
        ]);
        self.form(&form, placed, resources);
    }

    fn show(&mut self, bytes: &[u8]) {
        let Some(TextFont { font, bold, type3 }) = self.state.font.clone() else {
            self.marks.faults.font |= !bytes.is_empty();
            return;
        };
        let horizontal = font.is_horizontal();
        let mut at = 0;
        while at < bytes.len() {
            let (code, length) = font.read_code(bytes, at);
            at += length.max(1);
            let state = &mut self.state;
            let advance = font.code_advance(code);
            let spacing = state.character_spacing
                + if code == 32 && length == 1 {
                    state.word_spacing
                } else {
                    0.0
                };
            let (dx, dy, own) = if horizontal {
                let own = advance.x / UNITS_PER_EM * state.font_size;
                ((own + spacing) * state.stretch, 0.0, own * state.stretch)
            } else {
                let own = advance.y / UNITS_PER_EM * state.font_size;
                (0.0, own + spacing, own)
            };
            let shift = font.origin_displacement(code);
            let whole = state.matrix.after(state.text);
            let origin = whole.point(
                shift.x / UNITS_PER_EM * state.font_size * state.stretch,
                state.rise + shift.y / UNITS_PER_EM * state.font_size,
            );
            let (vx, vy) = whole.vector(dx, dy);
            let (wx, wy) = whole.vector(0.0, state.font_size);
            let size = wx.hypot(wy);
            let text = text_of(&font, code, type3);
            state.text = state.text.after(Matrix::translation(dx, dy));
            if self.marks.glyphs.len() >= MAX_GLYPHS || !(size > 0.0 && size < 1e5) {
                continue;
            }
            let text = text.unwrap_or_else(|| {
                self.marks.unknown += 1;
                "\u{FFFD}".to_owned()
            });
            // Direction from the matrix and not from the advance, which is 0 for marks that are put over others.
            let (ux, uy) = if horizontal {
                whole.vector(1.0, 0.0)
            } else {
                whole.vector(0.0, -1.0)
            };
            let length = ux.hypot(uy);
            if length == 0.0 || !length.is_finite() {
                continue;
            }
            let direction = (ux / length, uy / length);
            let along = |x: f64, y: f64| x * direction.0 + y * direction.1;
            let (ox, oy) = if horizontal {
                whole.vector(own, 0.0)
            } else {
                whole.vector(0.0, own)
            };
            self.marks.glyphs.push(Glyph {
                text,
                x: origin.0,
                y: origin.1,
                direction,
                advance: along(vx, vy),
                width: along(ox, oy),
                size,
                bold,
            });
        }
    }

    fn adjust(&mut self, thousandths: f64) {
        let state = &mut self.state;
        let distance = -thousandths / UNITS_PER_EM * state.font_size;
        let horizontal = state
            .font
            .as_ref()
            .is_none_or(|font| font.font.is_horizontal());
        let move_by = if horizontal {
            Matrix::translation(distance * state.stretch, 0.0)
        } else {
            Matrix::translation(0.0, distance)
        };
        state.text = state.text.after(move_by);
    }
}

impl State<'_> {
    fn next_line(&mut self, x: f64, y: f64) {
        let matrix = self.text_line.after(Matrix::translation(x, y));
        if matrix.is_sane() {
            self.text_line = matrix;
            self.text = matrix;
        }
    }
}

/// What a code stands for. Without a table of the file, printable codes of simple fonts stand for themselves.
fn text_of(font: &Font<'_>, code: u32, type3: bool) -> Option<String> {
    let unicode = match font.glyph(font.map_code(code), code) {
        FontGlyph::Outline(glyph) => glyph.as_unicode(),
        FontGlyph::Type3(glyph) => glyph.as_unicode(),
    };
    match unicode {
        Some(BfString::Char('\0')) | None => {
            let printable = !type3 && (0x20..0x7f).contains(&code);
            printable
                .then(|| char::from_u32(code))
                .flatten()
                .map(String::from)
        }
        Some(BfString::Char(character)) => Some(character.to_string()),
        Some(BfString::String(text)) => Some(text),
    }
}

fn corners(matrix: Matrix, rect: &Rect) -> Area {
    let mut area = Area::EMPTY;
    for (x, y) in [
        (rect.x0, rect.y0),
        (rect.x1, rect.y0),
        (rect.x0, rect.y1),
        (rect.x1, rect.y1),
    ] {
        area.add(matrix.point(x, y));
    }
    area
}

fn all_above(parts: [Number; 3]) -> bool {
    parts.iter().all(|part| part.as_f64() > 0.98)
}

fn all_below(parts: [Number; 4]) -> bool {
    parts.iter().all(|part| part.as_f64() < 0.02)
}

fn white(parts: &[Number]) -> bool {
    match parts {
        [a, b, c] => all_above([*a, *b, *c]),
        [a, b, c, d] => all_below([*a, *b, *c, *d]),
        _ => false,
    }
}
