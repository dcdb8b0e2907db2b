//! What was seen of a native call: a time, and how the thread spent it. One word, as it travels: whoever takes a worker
//! leaves it on the carrier, and who comes back reads it there ([`Carrier::seen`](crate::carrier::Carrier)).

use std::time::Duration;

/// How a thread was seen to spend its time in a native call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It could run, and was not let, or nothing is known of it.
    Unclear,
    /// It used the processor.
    Computed,
    /// It slept.
    Waited,
}

/// A time, of a call that was seen, and how it was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen(u64);

/// Nanoseconds above, the use below: that is enough for a hundred years.
const USE_BITS: u32 = 2;

impl Seen {
    pub(crate) fn new(time: Duration, spent: Use) -> Seen {
        Seen((time.as_nanos() as u64) << USE_BITS | spent as u64)
    }

    /// Of a word that [`Seen::word`] has given, or 0.
    pub(crate) fn of_word(word: u64) -> Seen {
        Seen(word)
    }

    pub(crate) fn word(self) -> u64 {
        self.0
    }

    /// The time.
    #[must_use]
    pub fn time(self) -> Duration {
        Duration::from_nanos(self.0 >> USE_BITS)
    }

    /// How it was spent.
    #[must_use]
    pub fn spent(self) -> Use {
        match self.0 & ((1 << USE_BITS) - 1) {
            1 => Use::Computed,
            2 => Use::Waited,
            _ => Use::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Seen, Use};
    use std::time::Duration;

    #[test]
    fn a_word_has_both() {
        for spent in [Use::Unclear, Use::Computed, Use::Waited] {
            for seconds in [0, 1, 1_000_000_000] {
                let time = Duration::new(seconds, 123_456_789);
                let seen = Seen::of_word(Seen::new(time, spent).word());
                assert_eq!((seen.time(), seen.spent()), (time, spent));
            }
        }
        assert_eq!(Seen::of_word(0), Seen::new(Duration::ZERO, Use::Unclear));
    }
}
