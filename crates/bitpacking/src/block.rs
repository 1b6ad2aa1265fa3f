//! Blocks in four columns: a row is a number of each of them.

use crate::row::{LANES, ROW_BYTES, Row};

const ROWS: usize = 32;
/// Numbers of a block.
pub const LENGTH: usize = LANES * ROWS;

/// The same code for each row, with its number as a constant.
macro_rules! each_row {
    ($row:ident => $body:block) => {
        each_row!(@ $row $body
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31)
    };
    (@ $row:ident $body:block $($number:literal)*) => {
        $( { const $row: usize = $number; $body } )*
    };
}

/// The function of a number of bits.
macro_rules! by_bits {
    ($bits:expr, $function:ident($input:expr, $output:expr)) => {
        by_bits!(@ $bits, $function, $input, $output,
            1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32)
    };
    (@ $bits:expr, $function:ident, $input:expr, $output:expr, $($number:literal)*) => {
        match $bits {
            $($number => $function::<$number>($input, $output),)*
            bits => panic!("{bits} bits a number"),
        }
    };
}

/// Packs a block.
pub fn pack(numbers: &[u32], output: &mut [u8], bits: u8) {
    if bits > 0 {
        by_bits!(
            bits,
            pack_bits(numbers.as_chunks().0, output.as_chunks_mut().0)
        );
    }
}

/// Unpacks a block.
pub fn unpack(input: &[u8], numbers: &mut [u32], bits: u8) {
    if bits == 0 {
        numbers.fill(0);
    } else {
        by_bits!(
            bits,
            unpack_bits(input.as_chunks().0, numbers.as_chunks_mut().0)
        );
    }
}

// Of the last row nothing goes on.
#[expect(unused_assignments)]
fn pack_bits<const BITS: usize>(rows: &[[u32; LANES]], output: &mut [[u8; ROW_BYTES]]) {
    // What they have is known from here on.
    let (rows, output) = (&rows[..ROWS], &mut output[..BITS]);
    let mut word = Row::splat(0);
    each_row!(ROW => {
        let (at, shift) = (ROW * BITS / 32, ROW * BITS % 32);
        let row = Row::load(&rows[ROW]);
        word = if shift == 0 { row } else { word.or(row.shift_left(shift)) };
        if shift + BITS >= 32 {
            word.write(&mut output[at]);
        }
        if shift + BITS > 32 {
            word = row.shift_right(32 - shift);
        }
    });
}

fn unpack_bits<const BITS: usize>(input: &[[u8; ROW_BYTES]], rows: &mut [[u32; LANES]]) {
    let (input, rows) = (&input[..BITS], &mut rows[..ROWS]);
    let mask = Row::splat(u32::MAX >> (32 - BITS));
    each_row!(ROW => {
        let (at, shift) = (ROW * BITS / 32, ROW * BITS % 32);
        let mut row = Row::read(&input[at]).shift_right(shift);
        if shift + BITS > 32 {
            row = row.or(Row::read(&input[at + 1]).shift_left(32 - shift));
        }
        if shift + BITS != 32 {
            row = row.and(mask);
        }
        row.store(&mut rows[ROW]);
    });
}

/// Makes numbers of differences: each is the one before, `step` and its difference. `initial` stands before the first.
pub fn add_up(numbers: &mut [u32], initial: u32, step: u32) {
    let mut last = Row::splat(initial);
    let step = Row::splat(step);
    for numbers in numbers.as_chunks_mut().0 {
        let sums = Row::load(numbers).add(step).running_sums().add(last);
        sums.store(numbers);
        last = sums.splat_last();
    }
}
