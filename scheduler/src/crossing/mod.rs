#![doc = include_str!("README.md")]

mod back;
pub mod below;
mod called;
mod end;
mod errno;
pub mod fence;
mod here;
mod jumped;
mod leave;
mod moving;
mod patience;
mod proof;
mod reentry;
pub(crate) mod request;
pub(crate) mod retake;
mod seen;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod tests;
pub(crate) mod word;

pub(crate) use self::back::end_without_worker;
pub use self::back::{call_back, call_back_within, come_back, come_back_late, come_back_within};
pub use self::below::Below;
pub use self::called::{Begun, Called, CalledOnStack, Caller};
pub(crate) use self::end::stay;
pub use self::end::{end_of_body, stop_after_return};
pub use self::errno::Errno;
pub use self::here::{Here, Left, MORE_THAN_A_STACK};
pub use self::jumped::{
    Moment, Opened, check_stack, count_left_open, leave_stack, return_to_native, task_is_elsewhere,
};
pub use self::leave::{leave, leave_again, target, touch};
pub use self::moving::{CalledAnywhere, come_back_kept};
pub(crate) use self::patience::Patience;
pub(crate) use self::proof::{Burning, Unproven};
pub(crate) use self::reentry::{Regained, give_away, regain_or_stop, step_back};
pub use self::seen::{Seen, Use};

use std::time::Instant;

/// The runtime was shut down and no worker will be given any more: the caller must not run managed
/// code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminated;

/// How long a task waits for a worker: in place, and not for ever.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a closure is in it")]
pub struct Bound<'a> {
    /// Until when; `None`: as long as it takes.
    pub until: Option<Instant>,
    /// Is the wait cancelled? Asked anew when [`Scheduler::wake_line`](crate::Scheduler::wake_line) was called.
    pub is_cancelled: &'a dyn Fn() -> bool,
}

impl Bound<'_> {
    /// Why it is at an end, if it is.
    pub(crate) fn end(&self) -> Option<Refused> {
        if (self.is_cancelled)() {
            return Some(Refused::Cancelled);
        }
        let is_late = self.until.is_some_and(|until| Instant::now() >= until);
        is_late.then_some(Refused::TimedOut)
    }
}

/// Why a task has no worker within its [`Bound`]. It counts as in native code, and may try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// See [`Terminated`].
    Terminated,
    /// The time was over.
    TimedOut,
    /// The wait was cancelled.
    Cancelled,
}

impl From<Terminated> for Refused {
    fn from(_: Terminated) -> Refused {
        Refused::Terminated
    }
}

/// How a task has come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// With its worker.
    Kept,
    /// With another: it had been handed over before the call.
    HandedOver,
    /// With another: the call is made by a thread that never had the first.
    Offloaded,
    /// With another: it was taken meanwhile. For how long the taker and this thread have seen the call, and how the taker
    /// saw it spend its time.
    Retaken(Seen),
}

/// Why a native call has no worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Parting {
    /// It was taken, if it is gone.
    #[default]
    Taken,
    /// It was handed over before the call.
    HandedOver,
    /// The call is made by a carrier without one.
    Offloaded,
}

/// What becomes of the worker while its task is in native code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It stays, and the monitor may ask for it behind a heavy fence: mode A, the cheapest way out
    /// and back. Without membarrier this is [`Exit::Compare`].
    Asymmetric,
    /// It stays, and who needs it takes it by one exchange: mode C.
    Compare,
    /// It stays, and nobody takes it.
    Keep,
    /// It is handed over before the call; where far more workers are at work than there are processors,
    /// it stays as in [`Exit::Compare`].
    HandOver,
    /// Nobody knows yet whether the call will block. As [`Exit::HandOver`] for one such call at a
    /// time, as [`Exit::Compare`] for others: calls that compute would else take more processors
    /// than there are.
    Unproven,
}

/// How a call has come back that left by [`Here::leave`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "who is late has no worker yet"]
pub enum Return {
    /// With the worker, and since the leave nobody has [touched](touch()) the call, and no callback begun.
    Untouched,
    /// With the worker.
    Touched,
    /// The worker is gone, and [`come_back_late`] waits for another; or nothing was done, for a jump has left
    /// callbacks.
    Late,
}
