//! Bytes of a large batch that wait for their place: what comes behind its vectors, as long as nobody knows how many there
//! will be.

use parking_lot::Mutex;

/// Places from here on are those of bytes that wait: where they stand among each other. No file is so long.
const HELD: u64 = 1 << 62;

/// Pieces in the order in which they came.
#[derive(Default)]
pub struct Held {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waits: bool,
    pieces: Vec<Vec<u8>>,
    length: u64,
}

impl Held {
    /// Pieces that come have to wait.
    #[must_use]
    pub fn waiting() -> Self {
        let state = State {
            waits: true,
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
        }
    }

    /// Takes a piece and gives its place for the time being; `None` when it need not wait.
    #[must_use]
    pub fn take(&self, bytes: &[u8]) -> Option<u64> {
        let mut state = self.state.lock();
        if !state.waits {
            return None;
        }
        let place = HELD + state.length;
        state.length += bytes.len() as u64;
        state.pieces.push(bytes.to_vec());
        Some(place)
    }

    /// Whether pieces that come have to wait.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.state.lock().waits
    }

    /// Pieces that come from now on need not wait.
    pub fn let_pass(&self) {
        self.state.lock().waits = false;
    }

    /// Bytes that wait.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.state.lock().length
    }

    /// Everything that waits, which it does no longer.
    #[must_use]
    pub fn pieces(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.state.lock().pieces)
    }

    /// The place of bytes that waited, when all of them begin at `start`; `None` for a place that was one already.
    #[must_use]
    pub fn settled(place: u64, start: u64) -> Option<u64> {
        Some(place.checked_sub(HELD)? + start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_each_other_until_nobody_waits() {
        let held = Held::waiting();
        let places = [b"one".as_slice(), b"", b"three"].map(|bytes| held.take(bytes));
        let settled = places.map(|place| place.and_then(|place| Held::settled(place, 1000)));
        assert_eq!(settled, [Some(1000), Some(1003), Some(1003)]);
        held.let_pass();
        assert_eq!(held.take(b"more"), None);
        assert_eq!((held.length(), held.is_waiting()), (8, false));
        assert_eq!(held.pieces().concat(), b"onethree");
        assert_eq!(Held::settled(77, 1000), None);
    }
}
