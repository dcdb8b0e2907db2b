//! A hold: while it lasts, certain tasks begin no managed code. For embedders that stop the world.
//!
//! One task at a time has a hold, or a thread that carries none: its *keeper*. It concerns tasks that are told of their
//! switches ([`tell_of_switches`](crate::wait::tell_of_switches)), the keeper aside. What they do in native code goes on;
//! where they come back from it, go on after a wait, or call back, they wait until the hold is over. Tasks that run managed
//! code when it begins come to such a point by themselves; the keeper looks whether all have ([`Shared::is_held`]).
//!
//! A return of a call that has left in line looks at nothing but its carrier's word, so it is met there: the keeper's look
//! takes the workers of such calls, as the monitor does, and who comes back without one comes by here.
//!
//! | step | who | what |
//! |---|---|---|
//! | close | the keeper | stores who it is |
//! | fence | the keeper's look | counts itself in the census, heavy fence |
//! | look | the keeper's look | each carrier's task and word: in managed code, it is not held yet; a worker that can be taken is |
//! | go on | a task, on a carrier | is on it, and its word says `RUN`; light fence; looks who the keeper is |
//!
//! INVARIANT(hold): by the two fences, either the task sees the keeper and waits, or the look sees the task in managed
//! code. A word that says `NATIVE_A` or `NATIVE_C` is not enough: its return has no look. One without a worker is, and so
//! is `KEPT`: those returns look here ([`pass_by`]).
//!
//! A wait here raises no abort, and gives the worker to others. The end of the runtime ends it.

use crate::carrier::{Carrier, CarrierRef};
use crate::crossing::fence::light;
use crate::crossing::word::Phase;
use crate::crossing::{self, Bound, Errno, Refused, Regained, Seen, Use};
use crate::fiber::Reason;
use crate::foreign;
use crate::metrics::Counter;
use crate::shared::Shared;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::task::Header;
use crate::wait::{self, WaitList, Waiter};
use std::time::Instant;

/// There is no hold.
const OPEN: u64 = 0;
/// The keeper is a thread that carries no task.
const NO_TASK: u64 = u64::MAX;

/// See the module.
#[derive(Debug)]
pub(crate) struct Hold {
    /// The number of the keeper's task.
    keeper: AtomicU64,
    /// Tasks that wait for its end and were switched away.
    line: WaitList,
    /// Carriers that wait in place, without a worker.
    parked: Mutex<Vec<CarrierRef>>,
}

impl Hold {
    pub(crate) fn new() -> Hold {
        Hold { keeper: AtomicU64::new(OPEN), line: WaitList::new(), parked: Mutex::new(Vec::new()) }
    }

    #[inline]
    fn keeper(&self) -> u64 {
        // ORDERING(hold): Acquire, pairs with the Release at its end: who goes on sees what was done meanwhile. Of
        // its begin, see the module.
        self.keeper.load(Ordering::Acquire)
    }

    /// Is it this task's? On the task.
    pub(crate) fn is_kept_by(&self, task: &Header) -> bool {
        self.keeper() == task.id.get()
    }

    /// Is the task to wait? On the task.
    fn stops(&self, task: &Header) -> bool {
        let keeper = self.keeper();
        keeper != OPEN && keeper != task.id.get() && task.can_be_held() && !task.shared.is_closing()
    }

    fn wake_all(&self) {
        self.wake_parked();
        self.line.notify_all();
    }

    /// Those who wait in place look again whether they are to.
    pub(crate) fn wake_parked(&self) {
        for carrier in self.parked.lock().iter() {
            carrier.parker.unpark();
        }
    }
}

/// Who calls, as a keeper.
fn caller() -> u64 {
    wait::kept_task().map_or(NO_TASK, |(_, task)| task.id.get())
}

impl Shared {
    /// The caller begins a hold. False: there is one.
    ///
    /// From here to its end the caller's task is not switched away: it waits in place, and yields to nobody, but by
    /// [`let_pinned_run`].
    pub(crate) fn begin_hold(&self) -> bool {
        // ORDERING: Relaxed, the heavy fence of the look orders it, see the module.
        let begun =
            self.hold.keeper.compare_exchange(OPEN, caller(), Ordering::Relaxed, Ordering::Relaxed);
        if begun.is_ok()
            && let Some((_, task)) = wait::kept_task()
        {
            task.callbacks.set_blocking(task.callbacks.blocking() + 1);
        }
        begun.is_ok()
    }

    /// Ends the caller's hold, and lets all go on. False: it has none.
    pub(crate) fn end_hold(&self) -> bool {
        // ORDERING(hold): Release, pairs with the Acquire in `keeper`.
        let ended =
            self.hold.keeper.compare_exchange(caller(), OPEN, Ordering::Release, Ordering::Relaxed);
        if ended.is_err() {
            return false;
        }
        if let Some((_, task)) = wait::kept_task() {
            task.callbacks.set_blocking(task.callbacks.blocking() - 1);
        }
        self.hold.wake_all();
        true
    }

    /// Ends the hold, whose keeper has ended.
    pub(crate) fn abandon_hold(&self) {
        // ORDERING(hold): Release, pairs with the Acquire in `keeper`.
        self.hold.keeper.store(OPEN, Ordering::Release);
        self.hold.wake_all();
    }

    /// Is every task that the hold concerns out of managed code, and bound to wait where it would go on there? Takes
    /// the workers of those that are in native calls, so a first answer may be no for their sake. May change `errno`.
    pub(crate) fn is_held(&self) -> bool {
        let keeper = self.hold.keeper();
        let carriers = self.arena.all();
        let mut is_held = true;
        let mut candidates = Vec::new();
        let can_tell = self.look_at_tasks(carriers.iter().map(|it| &**it), |carrier, task| {
            if task.id.get() == keeper || !task.can_be_held() {
                return;
            }
            let word = carrier.word.load();
            if word.phase() == Phase::Run {
                is_held = false;
            } else if carrier.takeable(word).is_some() {
                candidates.push((carrier.as_ref(), word));
            }
        });
        self.take_from(&candidates);
        can_tell && is_held && candidates.is_empty()
    }

    /// Takes the workers of these calls, unless they are over.
    fn take_from(&self, candidates: &[(CarrierRef, crossing::word::Snapshot)]) {
        if candidates.is_empty() {
            return;
        }
        let now = Seen::new(self.start.elapsed(), Use::Unclear).word();
        for (carrier, _) in candidates {
            // ORDERING: Relaxed, published by the exchange that takes the worker.
            carrier.seen_since.store(now, Ordering::Relaxed);
        }
        let mut taken = Vec::new();
        self.retaking.take(candidates, |_, worker| taken.push(worker));
        for mut worker in taken {
            worker.handed_off = true;
            self.metrics.add(Counter::Retakes);
            self.hand_on(worker);
        }
    }
}

/// A task has come back from native code with its worker, and goes on unless there is a hold.
#[inline]
pub(crate) fn is_to_pass(carrier: &Carrier, task: &Header) -> bool {
    light();
    carrier.shared().hold.keeper() == OPEN || !carrier.shared().hold.stops(task)
}

/// Would [`wait_while_held`] wait? A look.
#[must_use]
pub fn is_to_wait_for_hold() -> bool {
    wait::managed().is_some_and(|(carrier, task)| carrier.shared().hold.stops(task))
}

/// The current task, in managed code, waits until there is no hold that concerns it. Raises no abort. May change `errno`.
pub fn wait_while_held() {
    light();
    while let Some((carrier, task)) = wait::managed()
        && carrier.shared().hold.stops(task)
    {
        let hold = &carrier.shared().hold;
        // SAFETY: it stays in this frame.
        let waiter = unsafe { Waiter::new("the end of a hold") };
        let place = hold.line.enter(&waiter);
        if hold.stops(task) {
            waiter.pause_undisturbed();
        }
        place.forgo();
    }
}

/// The keeper, which is not switched away else, lets those have a turn that are ready and may go on on its thread only: one that
/// it waits for, before the hold stands, may be among them, and no other thread can run that. False: there are none, the
/// caller keeps no hold, or it cannot be switched away. Raises no abort.
#[inline(never)]
pub fn let_pinned_run() -> bool {
    let Some((carrier, task)) = wait::managed() else { return false };
    carrier.suspend_aside();
    // SAFETY: this is the carrier's thread, in its task, and the closure stays in the ring.
    let has_pinned = unsafe { carrier.with_ring(|ring| !ring.is_empty()) };
    if !has_pinned || !carrier.shared().hold.is_kept_by(task) {
        return false;
    }
    // What `begin_hold` has added.
    task.callbacks.set_blocking(task.callbacks.blocking() - 1);
    let switches = wait::is_to_switch(task);
    if switches {
        wait::switch_away(task, Reason::Yielded);
    }
    task.callbacks.set_blocking(task.callbacks.blocking() + 1);
    switches
}

/// A carrier without a worker, whose task would go on in managed code, gets one by `regain`, but waits by `wait` while there is
/// a hold that concerns the task. Once more behind `regain`, which may take long: a hold that has begun meanwhile has found the
/// task without a worker, and takes it for held.
///
/// # Errors
/// Those of `regain` and of `wait`.
pub(crate) fn pass_by<E>(
    carrier: &Carrier,
    task: &Header,
    mut wait: impl FnMut() -> Result<(), E>,
    mut regain: impl FnMut() -> Result<Regained, E>,
) -> Result<(), E> {
    let was_visiting = foreign::is_visiting(carrier);
    let mut enter = || {
        loop {
            wait()?;
            if regain()? == Regained::Elsewhere || is_to_pass(carrier, task) {
                return Ok(());
            }
            crossing::give_away(carrier);
        }
    };
    let entered = enter();
    if entered.is_err() && carrier.foreign && !was_visiting {
        foreign::end_visit(carrier);
    }
    entered
}

/// A carrier without a worker, whose task would go on in managed code, waits in place while there is a hold that concerns
/// it. Keeps `errno`.
pub(crate) fn wait_in_place(carrier: &Carrier, task: &Header) {
    // Without a bound nothing is refused.
    let _ = wait_in_place_for(carrier, task, None);
}

/// As [`wait_in_place`], within a bound.
///
/// # Errors
/// Why the bound has come to an end.
pub(crate) fn wait_in_place_within(
    carrier: &Carrier,
    task: &Header,
    bound: &Bound<'_>,
) -> Result<(), Refused> {
    wait_in_place_for(carrier, task, Some(bound))
}

fn wait_in_place_for(
    carrier: &Carrier,
    task: &Header,
    bound: Option<&Bound<'_>>,
) -> Result<(), Refused> {
    if carrier.shared().hold.keeper() == OPEN {
        return Ok(());
    }
    let errno = Errno::save();
    let waited = park(carrier, task, bound);
    errno.restore();
    waited
}

fn park(carrier: &Carrier, task: &Header, bound: Option<&Bound<'_>>) -> Result<(), Refused> {
    let shared = carrier.shared();
    let hold = &shared.hold;
    let is_to_wait = |hold: &Hold| hold.stops(task) && !shared.is_terminated();
    let mut parked = hold.parked.lock();
    if !is_to_wait(hold) {
        return Ok(());
    }
    // It may wait where a shutdown must find it.
    shared.living.add(task);
    parked.push(carrier.as_ref());
    drop(parked);
    let mut refused = Ok(());
    while is_to_wait(hold) && refused.is_ok() {
        refused = bound.and_then(Bound::end).map_or(Ok(()), Err);
        match bound.and_then(|bound| bound.until) {
            _ if refused.is_err() => {}
            None => carrier.parker.park(),
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                carrier.parker.park_timeout(left);
            }
        }
    }
    hold.parked.lock().retain(|other| *other != carrier.as_ref());
    refused
}
