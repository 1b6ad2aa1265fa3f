//! What was made lately, kept in bounds.

use rustc_hash::FxHashMap;

/// Values by name in two generations: when the young one is full the old one is dropped, and the young one grows old. What
/// is asked for again and again stays.
#[derive(Debug)]
pub(crate) struct Recent<V> {
    young: FxHashMap<Box<str>, V>,
    old: FxHashMap<Box<str>, V>,
    /// What the values of one generation may weigh together, and what those of the young one do.
    most: usize,
    weight: usize,
}

impl<V: Clone> Recent<V> {
    /// Keeps values of at most twice this weight together.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            young: FxHashMap::default(),
            old: FxHashMap::default(),
            most,
            weight: 0,
        }
    }

    /// The value of this name, if it is still there. `weight` tells what one weighs.
    pub(crate) fn get(&mut self, name: &str, weight: impl Fn(&V) -> usize) -> Option<V> {
        if let Some(value) = self.young.get(name) {
            return Some(value.clone());
        }
        let (name, value) = self.old.remove_entry(name)?;
        let copy = value.clone();
        self.keep(name, value, weight(&copy));
        Some(copy)
    }

    pub(crate) fn keep(&mut self, name: Box<str>, value: V, weight: usize) {
        if self.weight + weight > self.most {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += weight;
        self.young.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let mut recent = Recent::new(10);
        recent.keep("first".into(), 0, 1);
        for number in 1..100 {
            recent.keep(number.to_string().into(), number, 1);
            assert_eq!(recent.get("first", |_| 1), Some(0));
            assert_eq!(recent.get(&number.to_string(), |_| 1), Some(number));
            assert!(recent.young.len() + recent.old.len() <= 20);
        }
        assert_eq!(recent.get("1", |_| 1), None);
    }

    #[test]
    fn what_weighs_too_much_takes_the_place_of_all_others() {
        let mut recent = Recent::new(10);
        recent.keep("small".into(), 1, 1);
        recent.keep("large".into(), 2, 100);
        assert_eq!(recent.get("large", |_| 100), Some(2));
        recent.keep("next".into(), 3, 1);
        assert_eq!(recent.get("small", |_| 1), None);
    }
}
