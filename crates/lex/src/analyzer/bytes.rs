//! Where plain words begin and end, 64 bytes at a time.

/// Finds runs of letters and digits of ASCII. Most of the time of looking at a text goes here: byte by byte it takes
/// three times as long.
pub(super) struct WordBytes<'t> {
    bytes: &'t [u8],
    /// Number of the block whose bits are at hand.
    block: usize,
    /// One bit for each byte of the block that is a letter or a digit.
    words: u64,
    /// One bit for each byte that is not ASCII.
    wide: u64,
}

const BLOCK: usize = 64;

impl<'t> WordBytes<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let bytes = text.as_bytes();
        let (words, wide) = bits_of(bytes);
        Self {
            bytes,
            block: 0,
            words,
            wide,
        }
    }

    /// The bits of letters and digits, and of bytes that are not ASCII, from the byte `at` to the end of its block.
    #[inline]
    fn bits(&mut self, at: usize) -> (u64, u64) {
        let block = at / BLOCK;
        if block != self.block {
            self.block = block;
            (self.words, self.wide) = bits_of(&self.bytes[block * BLOCK..]);
        }
        let shift = at % BLOCK;
        (self.words >> shift, self.wide >> shift)
    }

    /// The first byte from `at` on that is a letter, a digit or not ASCII; the length of the text when there is none.
    #[inline]
    pub(super) fn next(&mut self, mut at: usize) -> usize {
        while at < self.bytes.len() {
            let (words, wide) = self.bits(at);
            let found = words | wide;
            if found != 0 {
                return at + found.trailing_zeros() as usize;
            }
            at = (at / BLOCK + 1) * BLOCK;
        }
        self.bytes.len()
    }

    /// The first byte from `at` on that is neither a letter nor a digit of ASCII.
    #[inline]
    pub(super) fn end(&mut self, mut at: usize) -> usize {
        while at < self.bytes.len() {
            let (words, _) = self.bits(at);
            let end = at + words.trailing_ones() as usize;
            let next_block = (at / BLOCK + 1) * BLOCK;
            if end < next_block {
                return end;
            }
            at = next_block;
        }
        self.bytes.len()
    }
}

/// The bits of the first block of `bytes`, those behind the end zero.
fn bits_of(bytes: &[u8]) -> (u64, u64) {
    match bytes.first_chunk::<BLOCK>() {
        Some(block) => bits_of_block(block),
        None => {
            let mut block = [0; BLOCK];
            block[..bytes.len()].copy_from_slice(bytes);
            bits_of_block(&block)
        }
    }
}

fn bits_of_block(block: &[u8; BLOCK]) -> (u64, u64) {
    // Plain loops over bytes, which compilers turn into vector instructions.
    let mut words = [0_u8; BLOCK];
    let mut wide = [0_u8; BLOCK];
    for (index, byte) in block.iter().enumerate() {
        let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        let digit = byte.wrapping_sub(b'0') < 10;
        words[index] = u8::from(letter | digit);
        wide[index] = byte >> 7;
    }
    (packed(&words), packed(&wide))
}

/// One bit for each byte, which must be 0 or 1.
fn packed(flags: &[u8; BLOCK]) -> u64 {
    let mut bits = 0;
    for (index, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        // Moves the lowest bit of byte k to bit 56 + k.
        let gathered = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits |= gathered << (index * 8);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_look_at_each_byte_finds(text in "([a-zA-Z0-9@\\[`{/:. -]|é|漢|\u{1F600}){0,200}", at in 0_usize..900) {
            let mut words = WordBytes::of(&text);
            let bytes = text.as_bytes();
            let from = at.min(bytes.len());
            let next = (from..bytes.len()).find(|at| bytes[*at].is_ascii_alphanumeric() || bytes[*at] >= 0x80);
            prop_assert_eq!(words.next(from), next.unwrap_or(bytes.len()));
            let end = (from..bytes.len()).find(|at| !bytes[*at].is_ascii_alphanumeric());
            prop_assert_eq!(words.end(from), end.unwrap_or(bytes.len()));
            // Going back is allowed.
            prop_assert_eq!(words.end(0), bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count());
        }
    }
}
