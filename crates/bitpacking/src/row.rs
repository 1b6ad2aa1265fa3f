//! Four numbers at a time: in a vector of the processor, else as an array.

#[cfg(any(
    test,
    not(any(
        target_arch = "x86_64",
        all(target_arch = "aarch64", target_endian = "little")
    ))
))]
mod array;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
#[path = "row/neon.rs"]
mod vectors;
#[cfg(target_arch = "x86_64")]
#[path = "row/sse2.rs"]
mod vectors;

#[cfg(not(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_endian = "little")
)))]
pub use array::Row;
#[cfg(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_endian = "little")
))]
pub use vectors::Row;

/// Numbers of a row.
pub const LANES: usize = 4;
/// Bytes of a row.
pub const ROW_BYTES: usize = 4 * LANES;

#[cfg(all(
    test,
    any(
        target_arch = "x86_64",
        all(target_arch = "aarch64", target_endian = "little")
    )
))]
mod tests {
    use super::{LANES, ROW_BYTES, array, vectors};

    /// What an operation of either kind makes of two rows.
    macro_rules! both {
        ($left:expr, $right:expr, $operation:expr) => {{
            let mut numbers = [[0; LANES]; 2];
            {
                use vectors::Row;
                let operation: fn(Row, Row) -> Row = $operation;
                operation(Row::load($left), Row::load($right)).store(&mut numbers[0]);
            }
            {
                use array::Row;
                let operation: fn(Row, Row) -> Row = $operation;
                operation(Row::load($left), Row::load($right)).store(&mut numbers[1]);
            }
            assert_eq!(numbers[0], numbers[1], "{:?} and {:?}", $left, $right);
        }};
    }

    #[test]
    fn both_kinds_do_the_same() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2_000 {
            let [left, right] = [(); 2].map(|()| [(); LANES].map(|()| random.u32(..)));
            both!(&left, &right, |left, right| left.or(right));
            both!(&left, &right, |left, right| left.and(right));
            both!(&left, &right, |left, right| left.add(right));
            both!(&left, &right, |left, _| left.running_sums());
            both!(&left, &right, |left, _| left.splat_last());
            both!(&left, &right, |left, _| left
                .shift_left(0)
                .or(left.shift_right(31)));
            both!(&left, &right, |left, _| left
                .shift_left(13)
                .or(Row::splat(5)));
            let bytes: [u8; ROW_BYTES] = [(); ROW_BYTES].map(|()| random.u8(..));
            let mut written = [[0; ROW_BYTES]; 2];
            vectors::Row::read(&bytes).write(&mut written[0]);
            array::Row::read(&bytes).write(&mut written[1]);
            assert_eq!(written, [bytes; 2]);
        }
    }
}
