//! Fuzz input that means something: changes to a valid file, read from any bytes.

use std::ops::Range;

/// Bytes that are given out in order; zeros when there are none left.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether all were given out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    /// The next two bytes as a number.
    pub fn number(&mut self) -> usize {
        usize::from(self.byte()) | usize::from(self.byte()) << 8
    }

    /// The next bytes, at most so many.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// What is left.
    #[must_use]
    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// A valid file, or a part of one, with the places worth changing.
pub struct Template {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The parts of it.
    pub parts: Vec<Range<usize>>,
}

/// Numbers that code trips over.
const NUMBERS: [u64; 20] = [
    0,
    1,
    2,
    7,
    0x7F,
    0xFF,
    0x100,
    4095,
    4096,
    0x7FFF,
    0xFFFF,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    1 << 32,
    1 << 40,
    i64::MAX as u64,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

/// Changes a template. `keeps_length`: nothing is cut off or put in.
#[must_use]
pub fn apply(template: &Template, input: &mut Input<'_>, keeps_length: bool) -> Vec<u8> {
    let mut bytes = template.bytes.clone();
    // Enough to break anything, and not so many that nothing is left.
    for _ in 0..16 {
        if input.is_empty() || bytes.is_empty() {
            break;
        }
        let operation = input.byte();
        let at = place(template, input).min(bytes.len() - 1);
        match operation % 8 {
            0 => bytes[at] ^= 1 << (input.byte() % 8),
            1 => bytes[at] = input.byte(),
            2 => {
                let number = NUMBERS[usize::from(input.byte()) % NUMBERS.len()];
                let width = 1 << (operation >> 6);
                overwrite(&mut bytes, at, &number.to_le_bytes()[..width]);
            }
            3 => {
                let size = bytes.len() as u64;
                let number = size.wrapping_add(u64::from(input.byte())).wrapping_sub(128);
                overwrite(&mut bytes, at, &number.to_le_bytes());
            }
            4 => {
                let count = usize::from(input.byte() % 32) + 1;
                let given = input.take(count);
                overwrite(&mut bytes, at, given);
            }
            5 => {
                let from = place(template, input).min(bytes.len());
                let count = input.number() % 600;
                let copied = bytes[from..(from + count).min(bytes.len())].to_vec();
                overwrite(&mut bytes, at, &copied);
            }
            6 => {
                let end = (at + input.number() % 4096).min(bytes.len());
                let value = input.byte();
                bytes[at..end].fill(value);
            }
            _ if keeps_length => bytes[at] = bytes[at].wrapping_add(1),
            _ => match input.byte() % 3 {
                0 => bytes.truncate(at),
                1 => {
                    let count = usize::from(input.byte());
                    let given = input.take(count).to_vec();
                    bytes.splice(at..at, given);
                }
                _ => {
                    let end = (at + usize::from(input.byte())).min(bytes.len());
                    bytes.drain(at..end);
                }
            },
        }
    }
    bytes
}

fn place(template: &Template, input: &mut Input<'_>) -> usize {
    let which = usize::from(input.byte());
    let number = input.number();
    match template.parts.get(which % (template.parts.len() + 1)) {
        // Every part is shorter than a number can be, or its start is what matters.
        Some(part) => part.start + number % part.len().max(1),
        None => (number << 8 | usize::from(input.byte())) % template.bytes.len().max(1),
    }
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    let end = (at + with.len()).min(bytes.len());
    if at < end {
        bytes[at..end].copy_from_slice(&with[..end - at]);
    }
}
