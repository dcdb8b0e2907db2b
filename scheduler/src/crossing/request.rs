//! The request: how others ask for the worker of a carrier whose task is in native code, mode A.
//!
//! It lies beside the [state](super::word) on a cache line of its own, which its carrier only reads while nobody asks.
//!
//! | request | the worker |
//! |---|---|
//! | `NOTHING` | nobody asks for it |
//! | `ASKED` | somebody does, and has still to look whether the call lasts |
//! | `TAKEN` | is somebody's, and the carrier has not noticed yet |
//!
//! Takers, one at a time: [ask](Request::ask), heavy fence, look at the state again, then [claim](Request::claim) or
//! [withdraw](Request::withdraw). The carrier that comes back: store `RUN`, light fence, [look](Request::is_unasked), and
//! [settle](Request::settle) if somebody asks. The README beside this has the proof.

use crate::sync::atomic::{AtomicU32, Ordering};

const NOTHING: u32 = 0;
const ASKED: u32 = 1;
const TAKEN: u32 = 2;

/// See the module.
#[derive(Debug)]
pub(crate) struct Request(AtomicU32);

/// For takers.
impl Request {
    pub(crate) fn new() -> Self {
        Request(AtomicU32::new(NOTHING))
    }

    /// Asks for the worker of a carrier that was seen in mode A. False: a worker that was taken in
    /// an earlier call is still to be noticed.
    pub(crate) fn ask(&self) -> bool {
        // ORDERING(crossing.request): AcqRel, pairs with the carrier's Acquire load, and with its store
        // of `NOTHING`. The heavy fence that follows orders it before the second look.
        self.0.compare_exchange(NOTHING, ASKED, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// After a heavy fence and a second look that found the same state: takes the worker. False: the
    /// carrier has come back and refused.
    pub(crate) fn claim(&self) -> bool {
        // ORDERING(crossing.request): AcqRel, the other side of the exchange in `settle`.
        self.0.compare_exchange(ASKED, TAKEN, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// The state has changed, or there is no heavy fence: the taker gives up.
    pub(crate) fn withdraw(&self) {
        // ORDERING: Relaxed, nothing was taken; a failure means that the carrier has refused already.
        let _ = self.0.compare_exchange(ASKED, NOTHING, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Was the worker of a carrier in `NATIVE_A` taken? A look.
    pub(crate) fn is_taken(&self) -> bool {
        // ORDERING: Relaxed, a look.
        self.0.load(Ordering::Relaxed) == TAKEN
    }
}

/// For the carrier itself.
impl Request {
    /// Does nobody ask? After the carrier's store of `RUN` and its light fence.
    #[inline(always)]
    pub(super) fn is_unasked(&self) -> bool {
        // ORDERING(crossing.request): Acquire, pairs with the Release of a taker.
        self.0.load(Ordering::Acquire) == NOTHING
    }

    /// Somebody asked: an exchange decides. True: the worker is still the carrier's own. False: it is another's, and the
    /// next taker may ask.
    #[inline(always)]
    pub(super) fn settle(&self) -> bool {
        // ORDERING(crossing.request): AcqRel, one side of the exchange that decides; pairs with the one
        // in `claim`. On failure Acquire: the worker is another's.
        let refused = self.0.compare_exchange(ASKED, NOTHING, Ordering::AcqRel, Ordering::Acquire);
        match refused {
            // Refused, or the taker gave up by itself.
            Ok(_) | Err(NOTHING) => true,
            Err(_) => {
                // ORDERING(crossing.request): Release, pairs with the Acquire of the next `ask`.
                self.0.store(NOTHING, Ordering::Release);
                false
            }
        }
    }
}
