//! Waiting: how code that calls us stops until somebody wakes it.
//!
//! Three ways, chosen by where the caller is:
//!
//! | the caller | waits by |
//! |---|---|
//! | a task on its own fiber, with no native layer and no panic under way | switching its fiber away |
//! | a task inside a callback, or while unwinding, or on an attached foreign thread | *in place*: its worker goes to somebody else, its carrier sleeps |
//! | any other thread; a task in native code | the thread sleeps, as a foreign thread does |
//!
//! A wait is: make a [`Waiter`], hand its waker to whoever shall end the wait, then
//! [`Waiter::pause`], or [`Waiter::pause_until`], until the condition holds. A pause may end for no reason.
//!
//! Pauses are the suspension points: there an abort is raised, if no foreign frame lies between
//! and the thread is not panicking. Never inside a loop of our own that holds a lock.

pub(crate) mod blocked;
pub(crate) mod circle;
pub(crate) mod due;
pub(crate) mod line;
mod list;
mod nudge;
pub(crate) mod owner;
mod place;
pub(crate) mod seat;
pub(crate) mod sleeper;
pub(crate) mod sparse;
pub(crate) mod spin;
#[cfg(test)]
mod tests;
mod waiter;

pub use crate::hold::{is_to_wait_for_hold, wait_while_held};
pub use blocked::blocked_on;
pub use nudge::Nudge;
pub use owner::Owner;
pub use place::{Place, WaitList};
pub(crate) use waiter::Who;
pub use waiter::{Waiter, deadline};

use crate::carrier::Carrier;
use crate::crossing;
use crate::fiber::Reason;
use crate::sync::atomic::Ordering;
use crate::task::abort;
use crate::task::state::Suspend;
use crate::task::{Header, TaskRef};
use crate::worker::current;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::time::{Duration, Instant};
use tracing::level_filters::LevelFilter;

/// The carrier and the task of code that runs managed on a carrier.
///
/// Copies of pointers: read anew after each switch, never kept across one.
#[inline(always)]
pub(crate) fn managed() -> Option<(&'static Carrier, &'static Header)> {
    // SAFETY: the carrier is in an arena that outlives the thread's stay in the runtime. The
    // lifetime is a promise of this function's callers not to keep it across a switch.
    let carrier = unsafe { current::carrier().as_ref() }?;
    if !carrier.word.is_run() {
        return None;
    }
    // SAFETY: the task on a carrier is kept by the loop until it is switched away.
    let task = unsafe { carrier.current().as_ref() }?;
    Some((carrier, task))
}

/// The task whose call chain this thread is in, managed or native; also that of an attached thread
/// which is outside of its runtime now.
#[inline]
pub(crate) fn kept_task() -> Option<(&'static Carrier, &'static Header)> {
    // SAFETY: as in `managed`.
    let carrier = unsafe { current::carrier().as_ref() }?;
    // SAFETY: as in `managed`.
    Some((carrier, unsafe { carrier.current().as_ref() }?))
}

/// The task whose call chain this thread is in, managed or native.
pub(crate) fn task() -> Option<&'static Header> {
    carrier_and_task().map(|(_, task)| task)
}

/// [`task`], and the carrier that it is on.
#[inline]
pub(crate) fn carrier_and_task() -> Option<(&'static Carrier, &'static Header)> {
    let (carrier, task) = kept_task()?;
    let inside = !carrier.foreign || carrier.word.is_run() || task.callbacks.get() > 0;
    inside.then_some((carrier, task))
}

/// A counted reference to a task that the caller knows to be alive.
pub(crate) fn reference(task: &Header) -> TaskRef {
    // SAFETY: not a reference of ours to give up, hence never dropped: only cloned.
    let borrowed = ManuallyDrop::new(unsafe { TaskRef::from_raw(NonNull::from(task)) });
    TaskRef::clone(&borrowed)
}

/// Traces a wait before it begins: once its waker is out, code of a subscriber that waits itself
/// would take the wake.
#[inline]
pub(crate) fn announce(task: &Header) {
    if LevelFilter::current() >= LevelFilter::TRACE {
        trace(task);
    }
}

/// Never inlined, so that no thread-local of a subscriber's is kept by a caller that is switched.
#[inline(never)]
fn trace(task: &Header) {
    tracing::trace!(
        target: "sortie::task",
        task = task.id.get(),
        in_place = !is_switchable(task),
        "suspend"
    );
}

/// Beside the count in [`Header::blocking`]: the embedder is told when the task is switched away, and when it goes
/// on. There, because the looks that decide a switch find it without one of their own.
const TOLD: u32 = 1 << 31;

/// Beside it, too: the embedder is asked whether a wait is over ([`ask_whether_over`]).
const ASKED: u32 = 1 << 30;

/// And: the task is never switched away.
const UNSWITCHED: u32 = 1 << 29;

/// All that lies beside the count.
pub(crate) const MARKS: u32 = TOLD | ASKED | UNSWITCHED;

/// May this task's fiber be switched away?
#[inline(always)]
pub(crate) fn is_switchable(task: &Header) -> bool {
    task.blocking.get() & !(TOLD | ASKED) == 0
        && task.inside().is_some()
        && !std::thread::panicking()
}

/// Is the embedder told of the task's switches?
#[inline(always)]
pub(crate) fn is_told(task: &Header) -> bool {
    task.blocking.get() & TOLD != 0
}

/// From here on the embedder is told when the current task is switched away and when it goes on
/// ([`Embedder::switched_out`](crate::Embedder::switched_out)), or no longer. False: no task runs here.
///
/// Such tasks are those that a hold concerns ([`Scheduler::begin_hold`](crate::Scheduler::begin_hold)); one may be under way
/// ([`wait_while_held`]).
pub fn tell_of_switches(told: bool) -> bool {
    if let Some((_, task)) = kept_task() {
        task.set_can_be_held(told);
    }
    mark(TOLD, told)
}

/// From here on the current task is never switched away: it waits in place. Not taken back.
pub(crate) fn keep_unswitched(task: &Header) {
    task.blocking.set(task.blocking.get() | UNSWITCHED);
}

/// From here on, or no longer, waits of the current task that have a limit ask the embedder after each pause whether they
/// are over ([`Embedder::is_wait_over`](crate::Embedder::is_wait_over)), and end then as if their time had come.
/// Who makes them so wakes the task by its [`Nudge`]. False: no task runs here.
pub fn ask_whether_over(asked: bool) -> bool {
    mark(ASKED, asked)
}

fn mark(mark: u32, on: bool) -> bool {
    let Some((_, task)) = kept_task() else { return false };
    let others = task.blocking.get() & !mark;
    task.blocking.set(if on { others | mark } else { others });
    true
}

/// Does the embedder say that the current task's wait is over?
#[inline(never)]
fn is_said_to_be_over() -> bool {
    let Some((_, task)) = kept_task() else { return false };
    task.blocking.get() & ASKED != 0
        && task
            .shared
            .config
            .embedder
            .as_ref()
            .is_some_and(|it| it.is_wait_over(task.embedder.get()))
}

/// [`is_switchable`], and the embedder, if it is to be told, agrees: it takes the switch for made from here on, so
/// [`switch_away`] is to follow at once.
#[inline]
pub(crate) fn is_to_switch(task: &Header) -> bool {
    is_switchable(task) && (!is_told(task) || tell(task))
}

/// Tells the embedder that the task is about to be switched away. False: it cannot be, from now on.
#[cold]
#[inline(never)]
fn tell(task: &Header) -> bool {
    let Some(embedder) = &task.shared.config.embedder else { return true };
    // What the embedder does meanwhile is no matter to be told of.
    task.blocking.set(task.blocking.get() & !TOLD);
    let agrees = embedder.switched_out(task.embedder.get());
    if agrees {
        task.blocking.set(task.blocking.get() | TOLD);
    } else {
        keep_unswitched(task);
    }
    agrees
}

/// The task goes on: the embedder is told.
#[cold]
#[inline(never)]
fn tell_back(task: &Header) {
    if let Some(embedder) = &task.shared.config.embedder {
        task.blocking.set(task.blocking.get() & !TOLD);
        embedder.switched_in(task.embedder.get());
        task.blocking.set(task.blocking.get() | TOLD);
    }
}

/// May an abort be raised here?
pub(crate) fn may_unwind(task: &Header) -> bool {
    cfg!(panic = "unwind")
        && task.callbacks.get() == task.guarded_layers.get()
        && task.inside().is_some()
        && !std::thread::panicking()
}

/// Raises what somebody asked for, or the abort that the end of the runtime brings, if it may be raised
/// and no region holds it back.
#[inline]
pub(crate) fn raise_if_aborted(task: &Header) {
    if is_abort_wanted(task) {
        abort::raise_if_due(task);
    }
}

/// Did somebody ask the task to unwind, or does the end of the runtime?
#[inline]
pub(crate) fn is_abort_wanted(task: &Header) -> bool {
    task.state.load().is_asked_to_unwind() || task.shared.is_closing()
}

/// A pause of the current task, which has set a timer if it is to end at a time, unless it waits in place: then
/// it waits `until` then. Inlined, see [`switch_here`].
#[inline(always)]
fn pause(until: Option<Instant>) {
    if let Some(task) = before_pause(until) {
        switch_here(task, Reason::Suspended);
    }
}

/// What comes before the switch of a pause. `None`: there is none, the pause is over.
#[inline(never)]
fn before_pause(until: Option<Instant>) -> Option<&'static Header> {
    let (carrier, task) = managed()?;
    raise_if_aborted(task);
    if is_switchable(task) {
        if !is_told(task) {
            return Some(task);
        }
        if tell(task) {
            switch_away(task, Reason::Suspended);
            raise_if_possible();
            return None;
        }
    }
    block_in_place(carrier, task, until);
    if let Some((_, task)) = managed() {
        raise_if_aborted(task);
    }
    None
}

/// A pause of the current task that raises no abort.
#[inline(never)]
fn pause_undisturbed() {
    let Some((carrier, task)) = managed() else { return };
    if is_to_switch(task) {
        switch_away(task, Reason::Suspended);
    } else {
        block_in_place(carrier, task, None);
    }
}

/// Leaves the current task's fiber; when it goes on, an abort is raised.
///
/// Inlined into the code that waits, because the processor foretells each return by the call that it has seen
/// last: every frame between that code and the switch is a wrong guess on the way out and one on the way back,
/// of four nanoseconds each. Of the thread nothing is kept: the header is the task's own.
#[inline(always)]
pub(crate) fn switch_here(task: &Header, reason: Reason) {
    task.resting_place.set(current::stack_pointer());
    if let Some(inside) = task.inside() {
        // SAFETY: as in `switch_away`: who calls this has asked `is_switchable`.
        unsafe { inside.suspend(reason) };
    }
    if is_abort_wanted(task) {
        raise_if_possible();
    }
}

#[cold]
#[inline(never)]
fn raise_if_possible() {
    if let Some((_, task)) = managed() {
        raise_if_aborted(task);
    }
}

/// Leaves the current task's fiber, and tells the embedder when it goes on, if it is to be told: who calls this has
/// asked [`is_to_switch`]. Never inlined: nothing of the thread is kept in its caller.
#[inline(never)]
pub(crate) fn switch_away(task: &Header, reason: Reason) {
    let inside = task.inside().expect("a task that is switched has a fiber");
    // SAFETY: this is the task's own fiber, and no frame of it is on the carrier's stack: native layers there
    // are counted as blocking, and every caller has asked `is_switchable`. Where it may go on is for the loop
    // to honour.
    unsafe { inside.suspend(reason) };
    if is_told(task) {
        tell_back(task);
    }
}

/// Waits on the carrier until the task is woken, or its time has come.
#[cold]
fn block_in_place(carrier: &Carrier, task: &Header, until: Option<Instant>) {
    // Also of a task that is pinned to another: its call may have been offloaded to this one.
    // ORDERING: Relaxed, the owner reads what an owner wrote before it; what it writes is published to
    // the winner of the wake by the state word (task.state).
    let home = task.home.load(Ordering::Relaxed);
    // ORDERING: Relaxed, as above.
    task.home.store(std::ptr::from_ref(carrier).cast_mut(), Ordering::Relaxed);
    // From here on only its wakers know it, and the shutdown must.
    carrier.shared().living.add(task);
    if task.state.transition_to_blocked() == Suspend::Suspended {
        crossing::give_away(carrier);
        while task.state.load().is_blocked() && !carrier.shared().is_terminated() {
            let Some(until) = until else {
                carrier.parker.park();
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            carrier.parker.park_timeout(left);
        }
        task.state.transition_to_unblocked();
        crossing::regain_or_stop(carrier, task);
    }
    // ORDERING: Relaxed, as above.
    task.home.store(home, Ordering::Relaxed);
}

/// Lets others run: true if somebody else could. Inlined, see [`switch_here`].
#[inline(always)]
pub(crate) fn yield_now() -> bool {
    match before_yield() {
        Yield::Switch(task) => {
            switch_here(task, Reason::Yielded);
            true
        }
        Yield::Over(did) => did,
    }
}

/// What is left to do of a yield.
enum Yield {
    /// The task is to be switched away.
    Switch(&'static Header),
    /// Nothing. Did others run?
    Over(bool),
}

/// What comes before the switch of a yield.
#[inline(never)]
fn before_yield() -> Yield {
    let Some((carrier, task)) = managed() else {
        return Yield::Over(false);
    };
    raise_if_aborted(task);
    task.no_suspend.check("a yield");
    if is_switchable(task) {
        // SAFETY: this is the carrier's thread, and the word says `RUN`.
        if unsafe { carrier.is_alone() } && !unsafe { carrier.is_to_look_around() } {
            return stay(task);
        }
        if !is_told(task) {
            return Yield::Switch(task);
        }
        if tell(task) {
            switch_away(task, Reason::Yielded);
            raise_if_possible();
            return Yield::Over(true);
        }
    }
    if !carrier.shared().work_waits()
        || abort::skips_pauses(task)
        || carrier.shared().hold.is_kept_by(task)
    {
        return stay(task);
    }
    crossing::step_back(carrier, task);
    if let Some((_, task)) = managed() {
        raise_if_aborted(task);
    }
    Yield::Over(true)
}

/// A yield that lets nobody run, unless there is a hold: whoever yields again and again must not keep it from standing.
#[inline]
fn stay(task: &Header) -> Yield {
    let is_held = is_told(task) && is_to_wait_for_hold();
    if is_held {
        wait_while_held();
    }
    Yield::Over(is_held)
}

/// Takes an abort, and lets others run if the monitor has asked for that.
#[inline]
pub(crate) fn checkpoint() {
    let Some((carrier, task)) = managed() else { return };
    raise_if_aborted(task);
    task.no_suspend.raise_postponed();
    // ORDERING: Relaxed, the flag publishes nothing.
    if carrier.yield_flag.load(Ordering::Relaxed) {
        task.no_suspend
            .check("a request to let others run, at a checkpoint or at the end of a native call,");
        yield_as_asked();
    } else if carrier.shared().gate.is_closed() {
        keep_pinned(carrier);
    }
}

#[cold]
#[inline(never)]
fn yield_as_asked() {
    let errno = crossing::Errno::save();
    if let Some((carrier, _)) = managed() {
        // Also if nobody is there to run any more.
        // ORDERING: Relaxed, as above.
        carrier.yield_flag.store(false, Ordering::Relaxed);
    }
    yield_now();
    errno.restore();
}

/// The monitor sleeps. It does not see the tasks that are pinned here, and would not ask for a yield.
#[cold]
#[inline(never)]
fn keep_pinned(carrier: &Carrier) {
    // SAFETY: this is the carrier's thread, in its task, and the closure stays in the ring.
    if unsafe { carrier.with_ring(|ring| !ring.is_empty()) } {
        let errno = crossing::Errno::save();
        // ORDERING: Relaxed, the gate's word and its parker's token order what follows.
        carrier.keeps_pinned.store(true, Ordering::Relaxed);
        carrier.shared().gate.kick();
        errno.restore();
    }
}

/// Waits until `duration` has passed.
pub(crate) fn sleep(duration: Duration) {
    sleep_until(deadline(duration));
}

/// Waits until this time has come.
pub(crate) fn sleep_until(until: Instant) {
    let waiter = Waiter::new("a sleep");
    while !is_skipped() && waiter.pause_until(until) {}
}

/// Does the current task clean up without its sleeps?
#[inline(never)]
fn is_skipped() -> bool {
    managed().is_some_and(|(_, task)| abort::skips_pauses(task))
}

/// Would waiting for `other` here never end? True if the caller waits in place on the carrier that
/// `other` is pinned to.
pub(crate) fn would_deadlock(other: &Header) -> bool {
    // ORDERING: Relaxed, a look. This carrier's own writes, the only ones that matter, are seen.
    managed().is_some_and(|(carrier, task)| {
        !is_switchable(task)
            && other.is_pinned()
            && std::ptr::eq(other.home.load(Ordering::Relaxed), carrier)
    })
}
