//! Guards that let their lock go for a while, by `unlocked` and `bump`, and take it again.
//!
//! Such a guard is there while it waits, and who unwound past it would use the value without the lock. So `lock_api` ends the
//! process if the lock is not taken again but by unwinding, and no abort may be raised there: it is at the next
//! suspension point. A lock is not told for whom it is taken, but where: it is asked for by code of `lock_api`'s own,
//! where who locks in any other way is named as the caller.

use lock_api::{MutexGuard, RawMutex};
use std::panic::Location;
use std::sync::OnceLock;

/// Is it a guard that takes its lock here? By one who has to wait.
#[cold]
pub(super) fn is_taken(caller: &'static Location<'static>) -> bool {
    static GUARDS: OnceLock<&str> = OnceLock::new();
    let guards = GUARDS.get_or_init(|| {
        let probe = lock_api::Mutex::<Probe, ()>::new(());
        let mut held = probe.lock();
        MutexGuard::unlocked(&mut held, || ());
        // SAFETY: the lock is not touched.
        let last = unsafe { probe.raw() }.0.lock();
        let file = last.map_or("", Location::file);
        &file[..file.rfind('/').map_or(file.len(), |at| at + 1)]
    });
    caller.file().starts_with(guards)
}

/// A lock that only notes by whom it was taken last.
struct Probe(parking_lot::Mutex<Option<&'static Location<'static>>>);

// SAFETY: there is one in `is_taken`, which one thread has, and it guards nothing.
unsafe impl RawMutex for Probe {
    #[allow(clippy::declare_interior_mutable_const, reason = "how lock_api makes a constant one")]
    const INIT: Probe = Probe(parking_lot::Mutex::new(None));

    type Guard = ();

    #[track_caller]
    fn lock(&self) {
        *self.0.lock() = Some(Location::caller());
    }

    fn try_lock(&self) -> Option<()> {
        None
    }

    unsafe fn unlock(&self, (): ()) {}

    fn is_locked(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_not_taken_for_guards() {
        assert!(!is_taken(Location::caller()));
        let probe = lock_api::Mutex::<Probe, ()>::new(());
        let mut held = probe.lock();
        let last = || {
            // SAFETY: the lock is not touched.
            let caller = unsafe { probe.raw() }.0.lock();
            caller.expect("it was taken")
        };
        assert!(!is_taken(last()));
        MutexGuard::unlocked(&mut held, || ());
        assert!(is_taken(last()));
    }
}
