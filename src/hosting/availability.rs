//! Whether hosting calls are answered: before the start, after the last stop and once the runtime is disabled they
//! are not.

use super::HResult;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// One word: how many starts are open, and whether the runtime is disabled for good.
#[derive(Default)]
pub(super) struct Availability(AtomicU64);

const DISABLED: u64 = 1 << 63;
/// It was started at least once.
const STARTED: u64 = 1 << 62;
const STARTS: u64 = STARTED - 1;

impl Availability {
    /// Is the runtime there?
    ///
    /// # Errors
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    #[inline]
    pub(super) fn check(&self) -> Result<(), HResult> {
        // ORDERING(hosting.availability): Acquire, pairs with the Release in `start`: what the start has made is there.
        let word = self.0.load(Ordering::Acquire);
        if word & DISABLED == 0 && word & STARTS > 0 {
            Ok(())
        } else {
            Err(HResult::HOST_E_CLRNOTAVAILABLE)
        }
    }

    /// Was the runtime ever started?
    pub(super) fn was_started(&self) -> bool {
        // ORDERING: Relaxed, a bit that stays.
        self.0.load(Ordering::Relaxed) & STARTED != 0
    }

    /// Is it disabled for good?
    pub(super) fn is_disabled(&self) -> bool {
        // ORDERING: Relaxed, a bit that stays.
        self.0.load(Ordering::Relaxed) & DISABLED != 0
    }

    /// Disables it for good. False: it was before.
    pub(super) fn disable(&self) -> bool {
        // ORDERING: Relaxed, it publishes nothing: who finds it disabled does nothing.
        self.0.fetch_or(DISABLED, Ordering::Relaxed) & DISABLED == 0
    }

    /// One more start. [`S_FALSE`](HResult::S_FALSE): it was started before.
    pub(super) fn start(&self) -> HResult {
        // ORDERING(hosting.availability): Release, pairs with the Acquire in `check`.
        let before = self.0.fetch_update(Ordering::Release, Ordering::Relaxed, |word| {
            (word & DISABLED == 0).then_some((word | STARTED) + 1)
        });
        match before {
            Err(_) => HResult::HOST_E_CLRNOTAVAILABLE,
            Ok(word) if word & STARTS > 0 => HResult::S_FALSE,
            Ok(_) => HResult::S_OK,
        }
    }

    /// Takes one start back. [`S_FALSE`](HResult::S_FALSE): others remain.
    pub(super) fn stop(&self) -> HResult {
        // ORDERING: Relaxed, it publishes nothing: who finds it stopped does nothing.
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            (word & STARTS > 0).then(|| word - 1)
        });
        match before {
            Err(_) => HResult::E_UNEXPECTED,
            Ok(word) if word & STARTS > 1 => HResult::S_FALSE,
            Ok(_) => HResult::S_OK,
        }
    }
}

impl fmt::Debug for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Availability")
            .field("was_started", &self.was_started())
            .field("is_available", &self.check().is_ok())
            .field("is_disabled", &self.is_disabled())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Availability, HResult};

    #[test]
    fn starts_are_counted() {
        let availability = Availability::default();
        assert_eq!(availability.check(), Err(HResult::HOST_E_CLRNOTAVAILABLE));
        assert_eq!(availability.stop(), HResult::E_UNEXPECTED);
        assert_eq!((availability.start(), availability.start()), (HResult::S_OK, HResult::S_FALSE));
        assert_eq!((availability.stop(), availability.check()), (HResult::S_FALSE, Ok(())));
        assert_eq!(availability.stop(), HResult::S_OK);
        assert_eq!(availability.check(), Err(HResult::HOST_E_CLRNOTAVAILABLE));
        assert_eq!(availability.stop(), HResult::E_UNEXPECTED);
        assert!(availability.was_started());
    }
}
