//! The ways in: a native call is over, or calls back. With the worker, if it is there still, else by [`super::reentry`].

use super::reentry::{give_away, reenter, reenter_within};
use super::{Back, Below, Bound, Errno, Parting, Refused, Seen, Terminated, below};
use crate::carrier::Carrier;
use crate::foreign;
use crate::hold;
use crate::metrics::Counter;
use crate::sync::atomic::Ordering;
use crate::task::{Header, cancel};
use crate::wait;

/// The current task comes back from native code, and runs managed code when this returns.
///
/// Without its worker the task waits for another: it is switched away if it can be, and goes on on
/// another thread if it may migrate. Keeps `errno`.
///
/// # Errors
/// [`Terminated`]: there will be no worker; the task still counts as in native code.
pub fn come_back() -> Result<Back, Terminated> {
    let Some((carrier, task)) = wait::kept_task() else {
        return Ok(Back::Kept);
    };
    if carrier.come_back() {
        return pass(carrier, task, reenter);
    }
    enter_without_worker(carrier, task)
}

/// As [`come_back`], but if the worker is gone it waits for another in place, and only within a bound.
///
/// # Errors
/// [`Refused`]; the task still counts as in native code.
pub fn come_back_within(bound: &Bound<'_>) -> Result<Back, Refused> {
    let Some((carrier, task)) = wait::kept_task() else {
        return Ok(Back::Kept);
    };
    if carrier.come_back() {
        return pass(carrier, task, |carrier, task| reenter_within(carrier, task, bound));
    }
    without_worker(carrier, || reenter_within(carrier, task, bound))
}

/// The task has its worker, and gives it up once more while there is a hold.
#[inline]
fn pass<E>(
    carrier: &Carrier,
    task: &Header,
    reenter: impl FnOnce(&Carrier, &Header) -> Result<(), E>,
) -> Result<Back, E> {
    if hold::is_to_pass(carrier, task) {
        return Ok(Back::Kept);
    }
    let errno = Errno::save();
    give_away(carrier);
    let outcome = reenter(carrier, task);
    errno.restore();
    outcome.map(|()| Back::Kept)
}

/// [`come_back`] for a task whose [`Here::come_back`](super::Here::come_back) has found the worker gone.
///
/// # Errors
/// As [`come_back`].
#[cold]
pub fn come_back_late() -> Result<Back, Terminated> {
    let Some((carrier, task)) = wait::kept_task() else {
        // In a child that was forked off meanwhile.
        return Ok(Back::Kept);
    };
    enter_without_worker(carrier, task)
}

/// Native code calls back into managed code. As [`come_back`], but a native layer stays below, and
/// how the task waits in the callback, and for its worker now, is for that to say.
///
/// # Errors
/// As [`come_back`].
pub fn call_back(below: Below) -> Result<Back, Terminated> {
    call_back_by(below, reenter)
}

/// As [`call_back`], but if the worker is gone it waits for another only within a bound.
///
/// # Errors
/// [`Refused`]; nothing has happened then.
pub fn call_back_within(below: Below, bound: &Bound<'_>) -> Result<Back, Refused> {
    call_back_by(below, |carrier, task| reenter_within(carrier, task, bound))
}

fn call_back_by<E>(
    below: Below,
    reenter: impl FnOnce(&Carrier, &Header) -> Result<(), E>,
) -> Result<Back, E> {
    let Some((carrier, task)) = wait::kept_task() else {
        return Ok(Back::Kept);
    };
    cancel::pause(task);
    let kept = carrier.come_back();
    below::enter(carrier, task, below);
    let back = if kept {
        pass(carrier, task, reenter)
    } else {
        without_worker(carrier, || reenter(carrier, task))
    };
    if back.is_err()
        && let Some((carrier, task)) = wait::kept_task()
    {
        below::leave(carrier, task, below);
        cancel::resume(task);
    }
    back
}

/// The worker is gone. Re-entry, in the order of the README.
#[cold]
#[inline(never)]
pub(super) fn enter_without_worker(carrier: &Carrier, task: &Header) -> Result<Back, Terminated> {
    without_worker(carrier, || reenter(carrier, task))
}

/// The worker is gone: how, and how `reenter` got another.
fn without_worker<E>(
    carrier: &Carrier,
    reenter: impl FnOnce() -> Result<(), E>,
) -> Result<Back, E> {
    let errno = Errno::save();
    let is_visit = carrier.foreign && !foreign::is_visiting(carrier);
    let back = match end_without_worker(carrier) {
        // A visitor has given its worker away when it left last, if it had one.
        _ if is_visit => Back::HandedOver,
        Parting::HandedOver => Back::HandedOver,
        Parting::Offloaded => Back::Offloaded,
        Parting::Taken => {
            // ORDERING: Relaxed, published by the exchange that took the worker.
            let since = Seen::of_word(carrier.seen_since.load(Ordering::Relaxed));
            let time = carrier.shared().start.elapsed().saturating_sub(since.time());
            Back::Retaken(Seen::new(time, since.spent()))
        }
    };
    // A visit is counted once it has a worker.
    if !is_visit {
        carrier.shared().metrics.add(Counter::Reentries);
    }
    let outcome = reenter();
    // On whatever thread this is now.
    errno.restore();
    outcome.map(|()| back)
}

/// A native call without a worker is over, or calls back: nothing is noted of it any more. Why it had none.
pub(crate) fn end_without_worker(carrier: &Carrier) -> Parting {
    carrier.forget_worker();
    carrier.shared().unproven.end(carrier);
    carrier.shared().burning.end(carrier);
    carrier.parting.take()
}
