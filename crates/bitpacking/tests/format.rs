//! Byte for byte what the crate makes that it takes the place of.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use bitpacking::{BitPacker, BitPacker1x, BitPacker4x};

/// Numbers of so many bits, among them the largest and zero.
fn numbers(random: &mut fastrand::Rng, bits: u32, count: usize) -> Vec<u32> {
    let most = u32::MAX.checked_shr(32 - bits).unwrap_or(0);
    let mut numbers: Vec<u32> = (0..count).map(|_| random.u32(0..=most)).collect();
    numbers[random.usize(0..count)] = most;
    numbers[random.usize(0..count)] = 0;
    numbers
}

fn compare<Ours: BitPacker, Original: original::BitPacker>() {
    let (ours, original) = (Ours::new(), Original::new());
    let count = Ours::BLOCK_LEN;
    assert_eq!(count, Original::BLOCK_LEN);
    let mut random = fastrand::Rng::with_seed(11);
    for bits in (0..=32).flat_map(|bits| [bits; 20]) {
        let plain = numbers(&mut random, bits, count);
        // Ascending, some twice, as far as that many fit.
        let steps = numbers(&mut random, bits.min(32 - 7), count);
        let mut last = random.u32(0..100);
        let initial = last;
        let mut sorted = Vec::new();
        let mut strictly = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            last = last.saturating_add(step / 2);
            sorted.push(last);
            strictly.push((last / 2).saturating_add(initial + 1 + number as u32));
        }
        let [mut packed, mut expected] = [[0x5A; 520]; 2];
        let [mut unpacked, mut again] = [(); 2].map(|()| vec![7; count]);

        let needed = ours.num_bits(&plain);
        assert_eq!(needed, original.num_bits(&plain));
        for needed in [needed, 32] {
            let length = ours.compress(&plain, &mut packed, needed);
            assert_eq!(length, original.compress(&plain, &mut expected, needed));
            assert_eq!(length, Ours::compressed_block_size(needed));
            assert_eq!(packed, expected, "{bits} bits");
            assert_eq!(ours.decompress(&packed, &mut unpacked, needed), length);
            assert_eq!(unpacked, plain, "{bits} bits");
        }

        let needed = ours.num_bits_sorted(initial, &sorted);
        assert_eq!(needed, original.num_bits_sorted(initial, &sorted));
        let length = ours.compress_sorted(initial, &sorted, &mut packed, needed);
        assert_eq!(
            length,
            original.compress_sorted(initial, &sorted, &mut expected, needed)
        );
        assert_eq!(packed, expected, "{bits} bits");
        assert_eq!(
            ours.decompress_sorted(initial, &packed, &mut unpacked, needed),
            length
        );
        assert_eq!(unpacked, sorted, "{bits} bits");

        // The version that is not replaced does not know these: plain numbers are what they come to.
        for initial in [None, Some(initial)] {
            let mut before = initial.map_or(-1, i64::from);
            let differences: Vec<u32> = strictly
                .iter()
                .map(|number| {
                    let difference = i64::from(*number) - before - 1;
                    before = i64::from(*number);
                    u32::try_from(difference).unwrap()
                })
                .collect();
            let needed = ours.num_bits_strictly_sorted(initial, &strictly);
            assert_eq!(needed, original.num_bits(&differences));
            let length = ours.compress_strictly_sorted(initial, &strictly, &mut packed, needed);
            assert_eq!(
                length,
                original.compress(&differences, &mut expected, needed)
            );
            assert_eq!(packed, expected, "{bits} bits after {initial:?}");
            let read = ours.decompress_strictly_sorted(initial, &packed, &mut unpacked, needed);
            assert_eq!(read, length);
            assert_eq!(unpacked, strictly, "{bits} bits after {initial:?}");
        }

        // What nobody packed is read as the same, too.
        packed.fill_with(|| random.u8(..));
        let needed = bits as u8;
        ours.decompress_sorted(initial, &packed, &mut unpacked, needed);
        original.decompress_sorted(initial, &packed, &mut again, needed);
        assert_eq!(unpacked, again, "{bits} bits");
    }
}

#[test]
fn blocks_in_columns() {
    compare::<BitPacker4x, original::BitPacker4x>();
}

#[test]
fn blocks_in_a_row() {
    compare::<BitPacker1x, original::BitPacker1x>();
}

#[test]
fn more_is_left_alone() {
    let (mut packed, mut unpacked) = ([9; 200], [9; 40]);
    assert_eq!(BitPacker1x.compress(&[1; 40], &mut packed, 3), 12);
    assert!(packed[12..].iter().all(|byte| *byte == 9));
    assert_eq!(BitPacker1x.decompress(&packed, &mut unpacked, 3), 12);
    assert_eq!(unpacked, [[1; 32].as_slice(), &[9; 8]].concat()[..]);
}

#[test]
#[should_panic(expected = "33 bits a number")]
fn no_number_has_more_bits() {
    BitPacker4x.decompress(&[0; 600], &mut [0; 128], 33);
}
