//! The versions of the crossing's files, behind one trait.

use crate::worker::Worker;

/// How a call meets those who want the worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    Asymmetric,
    Compare,
    Kept,
    HandOver,
}

/// A carrier of one version, and the right to take workers.
pub(super) trait Carrier: Sized + 'static {
    type Seen: Copy;
    type Retaking: Default;
    fn new() -> Self;
    fn look(&self) -> Self::Seen;
    /// The leave, without what is done with a worker that is handed over.
    fn leave(&self, way: Way) -> Self::Seen;
    /// The return of who knows nothing of the leave (`crossing::come_back`).
    fn come_back(&self) -> bool;
    /// The return of a call that has left by `way` (`Here::come_back`).
    fn come_back_from(&self, way: Way, left: Self::Seen) -> bool;
    /// As `crossing::touch`.
    fn touch(&self) -> bool;
    fn put_worker(&self, worker: Box<Worker>);
    fn take_worker(&self) -> Option<Box<Worker>>;
    fn forget_worker(&self);
    /// The evidence that a taker leaves before it takes, as `Calls::take`.
    fn set_evidence(&self, seen_since: u64);
    fn evidence(&self) -> u64;
    /// As [`Retaking::take`](crate::crossing::retake::Retaking::take), with this one candidate.
    fn take(&self, retaking: &Self::Retaking, seen: Self::Seen) -> Option<Box<Worker>>;
}

macro_rules! versions {
    ($($($module:ident)::+),* $(,)?) => {$(
        impl Carrier for $($module)::+::carrier::Carrier {
            type Seen = $($module)::+::word::Snapshot;
            type Retaking = $($module)::+::retake::Retaking;
            fn new() -> Self {
                Self::new()
            }
            fn look(&self) -> Self::Seen {
                self.word.load()
            }
            fn leave(&self, way: Way) -> Self::Seen {
                use $($module)::+::word::Native;
                let native = match way {
                    Way::Asymmetric => Native::Asymmetric,
                    Way::Compare => Native::Compare,
                    Way::Kept => Native::Kept,
                    Way::HandOver => {
                        self.word.leave_without_worker();
                        return self.word.load();
                    }
                };
                self.word.leave(native)
            }
            fn come_back(&self) -> bool {
                self.come_back()
            }
            fn come_back_from(&self, way: Way, left: Self::Seen) -> bool {
                match way {
                    Way::Asymmetric => self.come_back_from(left),
                    Way::Compare => self.word.exchange_back(left) || self.come_back(),
                    Way::Kept | Way::HandOver => self.come_back(),
                }
            }
            fn touch(&self) -> bool {
                self.word.touch()
            }
            fn put_worker(&self, worker: Box<Worker>) {
                self.put_worker(worker);
            }
            fn take_worker(&self) -> Option<Box<Worker>> {
                self.take_worker()
            }
            fn forget_worker(&self) {
                self.forget_worker();
            }
            fn set_evidence(&self, seen_since: u64) {
                // ORDERING: Relaxed, published by the exchange that takes the worker.
                self.seen_since.store(seen_since, crate::sync::atomic::Ordering::Relaxed);
            }
            fn evidence(&self) -> u64 {
                // ORDERING: Relaxed, as above.
                self.seen_since.load(crate::sync::atomic::Ordering::Relaxed)
            }
            fn take(&self, retaking: &Self::Retaking, seen: Self::Seen) -> Option<Box<Worker>> {
                let mut won = None;
                retaking.take(&[(self.as_ref(), seen)], |_, worker| won = Some(worker));
                won
            }
        }
    )*};
}

versions!(
    crate::crossing,
    crate::mutants::word_epoch_stands_still,
    crate::mutants::word_retake_by_load_and_store,
    crate::mutants::word_come_back_by_store,
    crate::mutants::word_leave_relaxed,
    crate::mutants::word_look_relaxed,
    crate::mutants::word_return_overlooks_what_was_seen,
    crate::mutants::word_return_ignores_a_callback,
    crate::mutants::word_touch_relaxed,
    crate::mutants::word_touch_by_store,
    crate::mutants::word_hand_over_is_takeable,
    crate::mutants::word_return_without_light_half,
    crate::mutants::word_return_looks_first,
    crate::mutants::request_is_overlooked,
    crate::mutants::request_settle_keeps_a_taken_worker,
    crate::mutants::request_settle_by_load_and_store,
    crate::mutants::request_settle_leaves_it,
    crate::mutants::request_claim_by_load_and_store,
    crate::mutants::request_claim_leaves_it,
    crate::mutants::retake_without_heavy_fence,
    crate::mutants::retake_without_second_look,
    crate::mutants::retake_without_withdrawal,
    crate::mutants::retake_of_two_at_a_time,
);
