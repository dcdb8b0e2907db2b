//! How many calls may run beside the workers without a proof that they only wait.
//!
//! A call that blocks costs no processor, so its worker is free for others at once. A call that
//! computes takes one: with its worker given away there are more threads that run than workers. The
//! first of a kind cannot be told apart beforehand, so one at a time gets the benefit of the doubt;
//! the monitor looks at the thread's clock and frees the place once it has seen it stand still, and
//! who makes the next such call frees it if the thread sleeps.

use crate::carrier::{Carrier, CarrierRef};
use crate::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::ptr::{self, NonNull};

/// The one carrier whose worker was handed over on no evidence.
#[derive(Debug, Default)]
pub(crate) struct Unproven(AtomicPtr<Carrier>);

impl Unproven {
    /// Takes the place for a carrier that is about to leave; false if it is taken. On its thread.
    pub(crate) fn begin(&self, carrier: &Carrier) -> bool {
        let carrier = ptr::from_ref(carrier).cast_mut();
        // ORDERING(proof.place): Relaxed, a look; then Release, pairs with the Acquire in `carrier`: who finds the
        // carrier finds it made.
        self.0.load(Ordering::Relaxed).is_null()
            && self
                .0
                .compare_exchange(ptr::null_mut(), carrier, Ordering::Release, Ordering::Relaxed)
                .is_ok()
    }

    /// Frees the place if this carrier has it: its call has returned, or was seen to wait.
    pub(crate) fn end(&self, carrier: &Carrier) -> bool {
        let carrier = ptr::from_ref(carrier).cast_mut();
        // ORDERING: Relaxed, nothing is published: the place says who may be at it, no more.
        self.0.load(Ordering::Relaxed) == carrier
            && self
                .0
                .compare_exchange(carrier, ptr::null_mut(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Who has the place.
    pub(crate) fn carrier(&self) -> Option<CarrierRef> {
        // ORDERING(proof.place): Acquire, pairs with the Release in `begin`.
        let carrier = NonNull::new(self.0.load(Ordering::Acquire))?;
        // SAFETY: carriers stay in the arena as long as the runtime, which holds this as well.
        Some(unsafe { carrier.as_ref() }.as_ref())
    }
}

/// How many carriers compute in native code without a worker.
#[derive(Debug, Default)]
pub(crate) struct Burning(AtomicUsize);

impl Burning {
    /// To be called before the worker is taken, so that the carrier cannot be back before.
    pub(crate) fn begin(&self, carrier: &Carrier) {
        // ORDERING: Relaxed, the exchange that takes the worker publishes the flag to the carrier.
        if !carrier.burning.swap(true, Ordering::Relaxed) {
            // ORDERING: Relaxed, a count that stands for itself.
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The carrier is back, or its worker was not taken after all.
    pub(crate) fn end(&self, carrier: &Carrier) {
        // ORDERING: Relaxed, as above.
        if carrier.burning.load(Ordering::Relaxed) && carrier.burning.swap(false, Ordering::Relaxed)
        {
            // ORDERING: Relaxed, as above.
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn count(&self) -> usize {
        // ORDERING: Relaxed, a look.
        self.0.load(Ordering::Relaxed)
    }
}
