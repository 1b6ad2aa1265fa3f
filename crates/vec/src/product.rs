//! Product quantisation: a vector becomes the numbers of the nearest centroid of each of its pieces.
//!
//! A code is one byte a piece. What it stands for is read as the centroids one behind the other. Many codes are compared
//! with one query without that: the products of the query with all centroids are computed once, and those of a vector are
//! looked up and added (the distance is asymmetric: the query is not quantised).

use crate::error::{Error, Result};
use crate::kernel::{Kernel, prefetch};
use crate::vectors::{Products, Vectors, check_finite, frame_in_front};

/// Centroids of a piece.
pub const CENTROIDS: usize = 256;
/// Numbers of a piece.
pub const PIECE: usize = 4;
/// Vectors that centroids are computed of, at most: 64 for each.
pub const SAMPLE: usize = 16_384;

/// Rounds of computing centroids, at most.
const ROUNDS: usize = 25;
/// Rounds end when no more than one in this many vectors moved to another centroid.
const SETTLED: usize = 1000;
/// Vectors that are taken through all pieces together: their codes stay in the processor's cache.
const TOGETHER: usize = 256;
/// Sums that grow side by side: with the four numbers of a piece as many as where vectors are compared in full, so that
/// rounding costs no more.
const LANES: usize = 8;

/// The centroids of a piece by the position of their numbers, which is how they are compared with.
pub(crate) struct Columns {
    pub numbers: [[f32; CENTROIDS]; PIECE],
}

impl Columns {
    fn new(centroids: &[[f32; PIECE]]) -> Self {
        let mut columns = Self {
            numbers: [[0.0; CENTROIDS]; PIECE],
        };
        for (index, centroid) in centroids.iter().enumerate().take(CENTROIDS) {
            for (column, number) in columns.numbers.iter_mut().zip(centroid) {
                column[index] = *number;
            }
        }
        columns
    }
}

/// The centroids of all pieces of a vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Codebook {
    /// Piece by piece, centroid by centroid.
    centroids: Vec<[f32; PIECE]>,
    squares: Vec<f32>,
}

impl Codebook {
    /// A codebook of given centroids: [`CENTROIDS`] of [`PIECE`] numbers for each piece, one behind the other.
    ///
    /// Fails with [`Error::UnsupportedDimension`] when they are not whole pieces, and with [`Error::NotFinite`].
    pub fn new(numbers: &[f32]) -> Result<Self> {
        let (centroids, rest) = numbers.as_chunks::<PIECE>();
        let pieces = centroids.len() / CENTROIDS;
        if !rest.is_empty() || pieces == 0 || pieces * CENTROIDS != centroids.len() {
            return Err(Error::UnsupportedDimension {
                dimension: numbers.len() / CENTROIDS,
            });
        }
        check_finite(numbers)?;
        Ok(Self {
            squares: centroids.iter().map(square).collect(),
            centroids: centroids.to_vec(),
        })
    }

    /// Computes the centroids of a sample of vectors of this dimension, one behind the other. The same sample gives the
    /// same centroids, whatever the number of threads. Up to [`CENTROIDS`] vectors are their own centroids, so that nothing
    /// of them is lost.
    ///
    /// Fails with [`Error::UnsupportedDimension`] for one that is no multiple of [`PIECE`], with [`Error::WrongDimension`]
    /// when the sample is empty or no whole number of vectors, and with [`Error::NotFinite`].
    pub fn train(sample: &[f32], dimension: usize, threads: usize) -> Result<Self> {
        if dimension == 0 || !dimension.is_multiple_of(PIECE) {
            return Err(Error::UnsupportedDimension { dimension });
        }
        if sample.is_empty() || !sample.len().is_multiple_of(dimension) {
            return Err(Error::WrongDimension {
                expected: dimension,
                actual: sample.len() % dimension,
            });
        }
        check_finite(sample)?;
        let pieces = dimension / PIECE;
        let mut centroids = vec![[0.0; PIECE]; pieces * CENTROIDS];
        let share = pieces.div_ceil(threads.clamp(1, pieces));
        let (rows, _) = sample.as_chunks::<PIECE>();
        let lanes = centroids.chunks_mut(share * CENTROIDS).enumerate();
        spread(lanes, |(lane, centroids)| {
            for (piece, centroids) in centroids.chunks_mut(CENTROIDS).enumerate() {
                let piece = lane * share + piece;
                let points: Vec<_> = rows.iter().skip(piece).step_by(pieces).copied().collect();
                compute(&points, piece, centroids);
            }
        });
        Ok(Self {
            squares: centroids.iter().map(square).collect(),
            centroids,
        })
    }

    /// Numbers of a vector.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.pieces() * PIECE
    }

    /// Pieces of a vector, which is the length of a code.
    #[must_use]
    pub fn pieces(&self) -> usize {
        self.centroids.len() / CENTROIDS
    }

    /// The numbers of all centroids, as [`Codebook::new`] takes them.
    #[must_use]
    pub fn numbers(&self) -> &[f32] {
        self.centroids.as_flattened()
    }

    /// The codes of vectors, one behind the other.
    ///
    /// Fails with [`Error::WrongDimension`] when these are no whole number of vectors.
    pub fn encode(&self, vectors: &[f32], threads: usize) -> Result<Vec<u8>> {
        let (dimension, pieces) = (self.dimension(), self.pieces());
        if !vectors.len().is_multiple_of(dimension) {
            return Err(Error::WrongDimension {
                expected: dimension,
                actual: vectors.len() % dimension,
            });
        }
        let count = vectors.len() / dimension;
        let mut codes = vec![0; count * pieces];
        let columns: Vec<Columns> = self
            .centroids
            .chunks_exact(CENTROIDS)
            .map(Columns::new)
            .collect();
        let share = count
            .div_ceil(threads.max(1))
            .next_multiple_of(TOGETHER)
            .max(TOGETHER);
        let kernel = Kernel::fastest();
        let lanes = vectors
            .chunks(share * dimension)
            .zip(codes.chunks_mut(share * pieces));
        spread(lanes, |(vectors, codes)| {
            encode_lane(&columns, kernel, vectors, codes);
        });
        Ok(codes)
    }

    /// Appends the numbers that a code stands for.
    pub fn decode(&self, code: &[u8], numbers: &mut Vec<f32>) {
        for centroid in self.centroids_of(code) {
            numbers.extend_from_slice(centroid);
        }
    }

    fn centroids_of<'a>(&'a self, code: &'a [u8]) -> impl Iterator<Item = &'a [f32; PIECE]> {
        let books = self.centroids.chunks_exact(CENTROIDS);
        books
            .zip(code)
            .filter_map(|(book, code)| book.get(usize::from(*code)))
    }
}

/// Does work on each lane, the first on this thread.
fn spread<T: Send>(mut lanes: impl Iterator<Item = T>, work: impl Fn(T) + Sync) {
    let Some(first) = lanes.next() else {
        return;
    };
    let work = &work;
    std::thread::scope(|scope| {
        for lane in lanes {
            scope.spawn(move || work(lane));
        }
        work(first);
    });
}

fn encode_lane(columns: &[Columns], kernel: Kernel, vectors: &[f32], codes: &mut [u8]) {
    let pieces = columns.len();
    let (rows, _) = vectors.as_chunks::<PIECE>();
    let groups = rows
        .chunks(TOGETHER * pieces)
        .zip(codes.chunks_mut(TOGETHER * pieces));
    for (rows, codes) in groups {
        for (piece, columns) in columns.iter().enumerate() {
            let points = rows.iter().skip(piece).step_by(pieces);
            let codes = codes.iter_mut().skip(piece).step_by(pieces);
            for (point, code) in points.zip(codes) {
                *code = kernel.nearest_centroid(columns, point);
            }
        }
    }
}

fn square(centroid: &[f32; PIECE]) -> f32 {
    centroid.iter().map(|number| number * number).sum()
}

/// SplitMix64: where to begin, the same for every run.
fn mixed(mut state: u64) -> u64 {
    state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

/// The centroids of the points of one piece (k-means of Lloyd).
fn compute(points: &[[f32; PIECE]], piece: usize, centroids: &mut [[f32; PIECE]]) {
    let Some(first) = points.first() else {
        return;
    };
    if points.len() <= CENTROIDS {
        centroids.fill(*first);
        for (centroid, point) in centroids.iter_mut().zip(points) {
            *centroid = *point;
        }
        return;
    }
    // A different one from each part of the sample, which may be in some order.
    for (index, centroid) in centroids.iter_mut().enumerate() {
        let part = points.len() * index / CENTROIDS..points.len() * (index + 1) / CENTROIDS;
        let chosen = mixed((piece * CENTROIDS + index) as u64) as usize % part.len();
        if let Some(point) = points.get(part.start + chosen) {
            *centroid = *point;
        }
    }
    let kernel = Kernel::fastest();
    let mut codes = vec![0_u8; points.len()];
    let mut is_filled = false;
    for round in 0..ROUNDS {
        let columns = Columns::new(centroids);
        let mut moved = 0;
        let mut sums = [[0.0_f64; PIECE]; CENTROIDS];
        let mut counts = [0_u32; CENTROIDS];
        for (point, code) in points.iter().zip(&mut codes) {
            let nearest = kernel.nearest_centroid(&columns, point);
            moved += usize::from(nearest != *code);
            *code = nearest;
            let nearest = usize::from(nearest);
            counts[nearest] += 1;
            for (sum, number) in sums[nearest].iter_mut().zip(point) {
                *sum += f64::from(*number);
            }
        }
        if round > 0 && moved * SETTLED <= points.len() && !is_filled {
            return;
        }
        let far = farthest(points, &codes, centroids, &counts);
        is_filled = !far.is_empty();
        for ((centroid, sum), count) in centroids.iter_mut().zip(&sums).zip(counts) {
            if count > 0 {
                *centroid = sum.map(|sum| (sum / f64::from(count)) as f32);
            }
        }
        let empty = (0..CENTROIDS).filter(|index| counts[*index] == 0);
        for (index, point) in empty.zip(far) {
            centroids[index] = point;
        }
    }
}

/// Points to put the centroids at that no point is near: different ones, the farthest from their centroids first.
fn farthest(
    points: &[[f32; PIECE]],
    codes: &[u8],
    centroids: &[[f32; PIECE]],
    counts: &[u32; CENTROIDS],
) -> Vec<[f32; PIECE]> {
    let wanted = counts.iter().filter(|count| **count == 0).count();
    if wanted == 0 {
        return Vec::new();
    }
    let away = |index: usize| {
        let (point, centroid) = (points[index], centroids[usize::from(codes[index])]);
        let differences = [0, 1, 2, 3].map(|position| point[position] - centroid[position]);
        square(&differences)
    };
    let mut order: Vec<(f32, usize)> = (0..points.len())
        .map(|index| (away(index), index))
        .filter(|(away, _)| *away > 0.0)
        .collect();
    order.sort_unstable_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
    let mut chosen: Vec<[f32; PIECE]> = Vec::with_capacity(wanted);
    for (_, index) in order {
        if chosen.len() == wanted {
            break;
        }
        if !chosen.contains(&points[index]) {
            chosen.push(points[index]);
        }
    }
    chosen
}

/// Codes at equal distances in one range of bytes, and what they stand for.
#[derive(Debug, Clone, Copy)]
pub struct QuantisedVectors<'a> {
    /// The range.
    pub bytes: &'a [u8],
    /// Where the first code begins in it.
    pub first: usize,
    /// Distance from one code to the next, in bytes.
    pub stride: usize,
    /// How many bytes in front of a code the number of its frame stands, when it does.
    pub frame: Option<usize>,
    /// The centroids.
    pub codebook: &'a Codebook,
}

impl QuantisedVectors<'_> {
    /// The code of vector `ordinal`.
    #[inline]
    #[must_use]
    pub fn code(&self, ordinal: usize) -> Option<&[u8]> {
        let start = ordinal.checked_mul(self.stride)?.checked_add(self.first)?;
        self.bytes
            .get(start..start.checked_add(self.codebook.pieces())?)
    }
}

impl Vectors for QuantisedVectors<'_> {
    fn vector<'a>(&'a self, ordinal: usize, buffer: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        let code = self.code(ordinal)?;
        buffer.clear();
        for centroid in self.codebook.centroids_of(code) {
            buffer.extend_from_slice(&centroid.map(f32::to_le_bytes).concat_bytes());
        }
        Some(buffer)
    }

    fn frame(&self, ordinal: usize) -> Option<u64> {
        let start = ordinal.checked_mul(self.stride)?.checked_add(self.first)?;
        frame_in_front(self.bytes, start, self.frame?)
    }

    #[inline]
    fn stored(&self, ordinal: usize) -> Option<&[u8]> {
        self.code(ordinal)
    }

    #[inline]
    fn prefetch(&self, ordinal: usize) {
        if let Some(code) = self.code(ordinal) {
            prefetch(code);
        }
    }

    fn products<'a>(&'a self, query: &[f32]) -> Option<Box<dyn Products + 'a>> {
        let (pieces, rest) = query.as_chunks::<PIECE>();
        if !rest.is_empty() || pieces.len() != self.codebook.pieces() {
            return None;
        }
        let books = self.codebook.centroids.chunks_exact(CENTROIDS);
        let squares = self.codebook.squares.chunks_exact(CENTROIDS);
        let mut table = Vec::with_capacity(self.codebook.centroids.len());
        for ((piece, book), squares) in pieces.iter().zip(books).zip(squares) {
            table.extend(book.iter().zip(squares).map(|(centroid, square)| {
                let [a, b, c, d] = centroid;
                let product = (piece[0] * a + piece[1] * b) + (piece[2] * c + piece[3] * d);
                [product, *square]
            }));
        }
        Some(Box::new(LookedUp {
            vectors: *self,
            table,
        }))
    }
}

/// Four numbers as bytes.
trait ConcatBytes {
    fn concat_bytes(self) -> [u8; 4 * PIECE];
}

impl ConcatBytes for [[u8; 4]; PIECE] {
    #[inline]
    fn concat_bytes(self) -> [u8; 4 * PIECE] {
        let mut bytes = [0; 4 * PIECE];
        bytes.copy_from_slice(self.as_flattened());
        bytes
    }
}

/// Products of one query with every centroid, and the squares of those.
struct LookedUp<'a> {
    vectors: QuantisedVectors<'a>,
    table: Vec<[f32; 2]>,
}

impl Products for LookedUp<'_> {
    fn of(&self, ordinal: usize) -> Option<(f32, f32)> {
        let code = self.vectors.code(ordinal)?;
        let mut sums = [[0.0_f32; 2]; LANES];
        let groups = self.table.chunks(LANES * CENTROIDS).zip(code.chunks(LANES));
        for (table, code) in groups {
            let entries = table.chunks_exact(CENTROIDS).zip(code);
            for (sum, (entries, code)) in sums.iter_mut().zip(entries) {
                let [product, square] = entries.get(usize::from(*code)).copied()?;
                sum[0] += product;
                sum[1] += square;
            }
        }
        let total = |of: usize| {
            let [a, b, c, d, e, f, g, h] = sums.map(|sum| sum[of]);
            ((a + b) + (c + d)) + ((e + f) + (g + h))
        };
        Some((total(0), total(1)))
    }
}
