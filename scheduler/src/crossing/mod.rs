#![doc = include_str!("README.md")]

pub mod below;
mod called;
pub mod fence;
mod jumped;
mod patience;
mod proof;
pub(crate) mod retake;
#[cfg(test)]
mod soak;
pub(crate) mod word;

pub use self::below::Below;
pub use self::called::{Called, CalledOnStack, Caller};
pub use self::jumped::{
    Moment, Opened, check_stack, count_left_open, leave_stack, return_to_native, task_is_elsewhere,
};
pub(crate) use self::patience::Patience;
pub(crate) use self::proof::{Burning, Unproven};

use self::fence::{light, light_half};
use self::word::{Native, Phase, Snapshot};
use crate::carrier::Carrier;
use crate::fiber::Reason;
use crate::foreign;
use crate::hold;
use crate::metrics::Counter;
use crate::sync::atomic::Ordering;
use crate::task::abort;
use crate::task::{Header, cancel};
use crate::wait;
use crate::worker::Worker;
use crate::worker::current;
use crate::worker::without::{wait_for_gift, wait_within};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::time::{Duration, Instant};

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
    /// With another: it was taken meanwhile.
    Retaken {
        /// For how long the taker and this thread have seen the call.
        seen: Duration,
    },
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

/// The current task leaves for native code that `target`, a word of the embedder's, stands for: from
/// here on its worker may be taken, until [`come_back`]. False: this thread runs no task of ours in
/// managed code, and nothing was done.
///
/// Does not block. Keeps `errno`.
pub fn leave(target: usize, exit: Exit) -> bool {
    let Some((carrier, _)) = wait::managed() else {
        return false;
    };
    publish(carrier, target, exit);
    true
}

/// The current task, inside a callback, goes back to the native code of `target`.
///
/// A foreign thread at its outermost exit gives its worker away at once.
pub fn leave_again(target: usize, exit: Exit, below: Below) -> bool {
    let Some((carrier, task)) = wait::managed() else {
        return wait::kept_task()
            .is_some_and(|(carrier, task)| leave_after_end(carrier, task, target, below));
    };
    below::leave(carrier, task, below);
    if carrier.foreign && task.callbacks.get() == 0 {
        let errno = Errno::save();
        give_away(carrier);
        foreign::end_visit(carrier);
        errno.restore();
    } else {
        publish(carrier, target, exit);
        cancel::resume(task);
    }
    true
}

/// The end of a callback that waited in place until its runtime was gone, and so has no worker: the native code
/// goes on, and its return is refused. False: this is no such callback, and nothing was done.
#[cold]
#[inline(never)]
pub(super) fn leave_after_end(
    carrier: &Carrier,
    task: &Header,
    target: usize,
    below: Below,
) -> bool {
    let is_end = carrier.shared().is_terminated() && carrier.word.own().phase() == Phase::Waiting;
    if is_end {
        below::leave(carrier, task, below);
        if carrier.foreign && task.callbacks.get() == 0 {
            foreign::end_visit(carrier);
        } else {
            // ORDERING(crossing.word): Relaxed, as in `publish`.
            carrier.target.store(target, Ordering::Relaxed);
            carrier.word.away();
        }
    }
    is_end
}

fn publish(carrier: &Carrier, target: usize, exit: Exit) {
    // ORDERING(crossing.word): Relaxed, published by the Release store in `Word::leave`; who looks
    // at it for the record reads it Relaxed after an Acquire look at the word.
    carrier.target.store(target, Ordering::Relaxed);
    let native = match exit {
        Exit::HandOver if !carrier.shared().is_crowded() => return hand_over(carrier),
        Exit::Unproven
            if !carrier.shared().is_crowded() && carrier.shared().unproven.begin(carrier) =>
        {
            return hand_over(carrier);
        }
        Exit::Asymmetric if fence::is_asymmetric() => Native::Asymmetric,
        Exit::Asymmetric | Exit::Compare | Exit::HandOver | Exit::Unproven => Native::Compare,
        Exit::Keep => Native::Kept,
    };
    carrier.word.leave(native);
    light();
    if carrier.shared().gate.is_ajar() {
        kick_if_work_waits(carrier);
    }
}

/// The worker goes to whoever can use it, and the call begins without.
#[cold]
fn hand_over(carrier: &Carrier) {
    let errno = Errno::save();
    carrier.parting.set(Parting::HandedOver);
    carrier.word.leave_without_worker();
    pass_on(carrier);
    errno.restore();
}

/// The monitor naps, and the task may leave work behind: see [`crate::gate`].
#[cold]
#[inline(never)]
fn kick_if_work_waits(carrier: &Carrier) {
    let errno = Errno::save();
    let shared = carrier.shared();
    if shared.work_waits() {
        shared.gate.kick();
    } else {
        // Not to be asked again by each call; who queues work will kick.
        shared.gate.shut();
    }
    errno.restore();
}

/// Native code of the current task notes that it has done what the return must know of: unless a callback does it
/// anyhow, that [is told so](Return). False: this thread is not in native code of a task, and nothing was done.
pub fn touch() -> bool {
    wait::kept_task().is_some_and(|(carrier, _)| carrier.word.touch())
}

/// The target's word of the native call that the current task is in, or was in last on this carrier.
pub fn target() -> usize {
    // ORDERING: Relaxed, the thread reads what it wrote itself.
    wait::kept_task().map_or(0, |(carrier, _)| carrier.target.load(Ordering::Relaxed))
}

/// The current task, in managed code: what an announced call must know, read once.
///
/// A copy of pointers. It is not to be kept across anything that may switch the task.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it is gone before anybody could print it")]
pub struct Here {
    carrier: &'static Carrier,
    word: Snapshot,
    task_word: NonNull<()>,
    thread: PhantomData<*mut ()>,
}

/// More bytes than a task's stack may have, and less than the address of any stack.
pub const MORE_THAN_A_STACK: usize = 1 << 32;

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

/// A call that is under way: in mode C if `COMPARE`, else in mode A.
#[derive(Clone, Copy, Debug)]
#[must_use = "who has left must come back"]
pub struct Left<const COMPARE: bool>(Snapshot);

impl Here {
    /// The task in managed code on this thread, if there is one with a word of the embedder's.
    ///
    /// # Safety
    /// The value is dropped before the task can be switched.
    #[inline(always)]
    pub unsafe fn get() -> Option<Here> {
        // SAFETY: the arena outlives this thread's stay in the runtime.
        let carrier = unsafe { current::carrier().as_ref() }?;
        let word = carrier.word.own();
        if !word.is_run() {
            return None;
        }
        // Null in the loop, and for a task that the embedder does not know.
        let task_word = NonNull::new(carrier.task_word().cast_mut())?;
        Some(Here { carrier, word, task_word, thread: PhantomData })
    }

    /// The word that the embedder keeps with the task.
    #[inline(always)]
    pub fn task_word(self) -> NonNull<()> {
        self.task_word
    }

    /// The carrier that this thread is.
    #[inline(always)]
    pub(crate) fn carrier(self) -> &'static Carrier {
        self.carrier
    }

    /// The task.
    #[inline(always)]
    pub(crate) fn task(self) -> &'static Header {
        // SAFETY: a carrier with a task's word has the task, and keeps it until it is switched away.
        unsafe { &*self.carrier.current() }
    }

    /// The word that the embedder keeps with the carrier.
    #[inline(always)]
    pub fn carrier_word(self) -> *mut () {
        // ORDERING: Relaxed, the carrier's thread reads what it wrote.
        self.carrier.embedder.load(Ordering::Relaxed)
    }

    /// Bytes left on the task's own stack, if this code runs there. On another stack more than
    /// [`MORE_THAN_A_STACK`]: whatever is to run needs no other.
    #[inline(always)]
    pub fn stack_left(self) -> usize {
        current::stack_pointer() - self.carrier.stack_low.get()
    }

    /// [`leave`] with nothing on the way that could be left out: in mode A two stores and a look at the
    /// monitor's gate.
    #[inline(always)]
    pub fn leave<const COMPARE: bool>(self, target: usize) -> Left<COMPARE> {
        // ORDERING(crossing.word): Relaxed, as in `publish`.
        self.carrier.target.store(target, Ordering::Relaxed);
        let left = if COMPARE {
            let left = self.carrier.word.leave_from(self.word, Native::Compare);
            light();
            left
        } else {
            let left = self.carrier.word.leave_from(self.word, Native::Asymmetric);
            light_half();
            left
        };
        if self.carrier.shared().gate.is_ajar() {
            kick_if_work_waits(self.carrier);
        }
        Left(left)
    }

    /// The word that the embedder keeps with the task, read anew: for after a call, over which nobody need
    /// keep it.
    #[inline(always)]
    pub fn task_word_again(self) -> *const () {
        self.carrier.task_word()
    }

    /// [`come_back`] from [`Here::leave`], on the same thread. A jump may have left callbacks, as
    /// `is_jumped` says, which is asked only if there was one, or the call was touched.
    #[inline(always)]
    pub fn come_back<const COMPARE: bool>(
        self,
        left: Left<COMPARE>,
        is_jumped: impl FnOnce() -> bool,
    ) -> Return {
        if !COMPARE {
            return self.carrier.come_back_from(left.0, is_jumped);
        }
        if self.carrier.word.exchange_back(left.0) {
            return Return::Untouched;
        }
        if !is_jumped() && self.carrier.come_back() { Return::Touched } else { Return::Late }
    }

    /// Runs `f` on the carrier's stack.
    ///
    /// # Safety
    /// This code runs on the task's own stack ([`Here::stack_left`] is less than
    /// [`MORE_THAN_A_STACK`]), and the task is in native code until after this has returned. `f` does
    /// not unwind.
    #[inline(always)]
    pub unsafe fn on_carrier_stack<R>(self, f: impl FnOnce() -> R) -> R {
        let Some(inside) = self.carrier.lowest.get() else {
            debug_assert!(false, "a task on a stack of its own was resumed by a loop");
            return f();
        };
        let low = self.carrier.stack_low.replace(0);
        // SAFETY: the caller runs on its fiber's own stack, which is the lowest or on top of it, so no frame but
        // the loop's is on the carrier's; and nothing switches it meanwhile.
        let value = unsafe { inside.on_carrier_stack(f) };
        self.carrier.stack_low.set(low);
        value
    }
}

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

/// [`come_back`] for a task whose [`Here::come_back`] has found the worker gone.
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
fn enter_without_worker(carrier: &Carrier, task: &Header) -> Result<Back, Terminated> {
    without_worker(carrier, || reenter(carrier, task))
}

/// The worker is gone: how, and how `reenter` got another.
fn without_worker<E>(
    carrier: &Carrier,
    reenter: impl FnOnce() -> Result<(), E>,
) -> Result<Back, E> {
    let errno = Errno::save();
    let back = match end_without_worker(carrier) {
        Parting::HandedOver => Back::HandedOver,
        Parting::Offloaded => Back::Offloaded,
        Parting::Taken => {
            // ORDERING: Relaxed, published by the exchange that took the worker.
            let since = Duration::from_nanos(carrier.seen_since.load(Ordering::Relaxed));
            Back::Retaken { seen: carrier.shared().start.elapsed().saturating_sub(since) }
        }
    };
    carrier.shared().metrics.add(Counter::Reentries);
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

fn reenter(carrier: &Carrier, task: &Header) -> Result<(), Terminated> {
    let shared = carrier.shared();
    let wait = || {
        hold::wait_in_place(carrier, task);
        Ok(())
    };
    hold::pass_by(carrier, task, wait, || {
        if shared.is_terminated() {
            return Err(Terminated);
        }
        let idle = || shared.lobby.take_idle();
        if !carrier.foreign
            && let Some(worker) = idle().or_else(|| shared.patience.wait(idle))
        {
            // SAFETY: this is the carrier's thread, and the word says `WAITING`.
            unsafe { carrier.put_worker(worker) };
            return Ok(Regained::InPlace);
        }
        if wait::is_switchable(task)
            && !task
                .no_suspend
                .postpone("the return from a native call, which has lost its worker,")
            && wait::is_to_switch(task)
        {
            wait::switch_away(task, Reason::Reentering);
            return Ok(Regained::Elsewhere);
        }
        if carrier.foreign && !foreign::is_visiting(carrier) {
            return foreign::visit(carrier, regain).map(|()| Regained::InPlace);
        }
        regain(carrier).map(|()| Regained::InPlace)
    })
}

/// As [`reenter`], in place, and not for ever.
fn reenter_within(carrier: &Carrier, task: &Header, bound: &Bound<'_>) -> Result<(), Refused> {
    let shared = carrier.shared();
    let wait = || hold::wait_in_place_within(carrier, task, bound);
    hold::pass_by(carrier, task, wait, || {
        if shared.is_terminated() {
            return Err(Refused::Terminated);
        }
        if !carrier.foreign
            && let Some(worker) = shared.lobby.take_idle()
        {
            // SAFETY: this is the carrier's thread, and the word says `WAITING`.
            unsafe { carrier.put_worker(worker) };
            return Ok(Regained::InPlace);
        }
        // It may wait on the carrier now, where a shutdown must find it.
        shared.living.add(task);
        let regain = |carrier: &Carrier| regain_by(carrier, |carrier| wait_within(carrier, bound));
        if carrier.foreign && !foreign::is_visiting(carrier) {
            return foreign::visit(carrier, regain).map(|()| Regained::InPlace);
        }
        regain(carrier).map(|()| Regained::InPlace)
    })
}

/// Where a task has a worker again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Regained {
    /// On its carrier.
    InPlace,
    /// It was switched away: perhaps on another.
    Elsewhere,
}

/// A carrier without a worker stands in line for one.
pub(crate) fn regain(carrier: &Carrier) -> Result<(), Terminated> {
    regain_by(carrier, |carrier| wait_for_gift(carrier).ok_or(Terminated))
}

fn regain_by<E: From<Terminated>>(
    carrier: &Carrier,
    wait: impl FnOnce(&Carrier) -> Result<Box<Worker>, E>,
) -> Result<(), E> {
    let shared = carrier.shared();
    match shared.lobby.request(carrier.as_ref()) {
        Err(()) => return Err(Terminated.into()),
        // SAFETY: this is the carrier's thread, and the word says `WAITING`.
        Ok(Some(worker)) => unsafe { carrier.put_worker(worker) },
        Ok(None) => {
            // The monitor may sleep, and nobody else may come by a scheduling point.
            shared.after_queueing();
            // SAFETY: as above.
            unsafe { carrier.put_worker(wait(carrier)?) };
        }
    }
    Ok(())
}

/// As [`regain`], once there is no hold, for managed code that cannot be told of an end: it unwinds, or if foreign frames
/// lie between, its thread stops here for good.
pub(crate) fn regain_or_stop(carrier: &Carrier, task: &Header) {
    let wait = || {
        hold::wait_in_place(carrier, task);
        Ok(())
    };
    let regain = || regain(carrier).map(|()| Regained::InPlace);
    if hold::pass_by(carrier, task, wait, regain).is_err() {
        stop(task);
    }
}

/// The current task has returned from native code, was refused ([`Terminated`]), and no frame of
/// that call is left: it unwinds from here, or where others lie below, parks the thread for good.
pub fn stop_after_return() -> ! {
    stop(wait::task().expect("called by a task that was refused its return"))
}

/// The current task ends: whatever native layers it has left open are closed, and it has its worker
/// again unless the runtime is gone. The embedder's word is no more. True if any layers were open.
#[inline]
pub fn end_of_body() -> bool {
    let Some((carrier, task)) = wait::kept_task() else { return false };
    if carrier.word.is_run() && below::has_left_nothing(task) {
        task.embedder.set(ptr::null());
        carrier.set_task_word(ptr::null());
        return false;
    }
    let left_open = close_all(carrier, task);
    crate::set_task_word(ptr::null());
    left_open
}

/// [`end_of_body`], where something may be open.
#[cold]
#[inline(never)]
fn close_all(carrier: &Carrier, task: &Header) -> bool {
    task.guarded_layers.set(0);
    let left_open = task.callbacks.get() > 0;
    below::forget(carrier, task);
    if carrier.word.is_run() {
        return left_open;
    }
    if !carrier.come_back() {
        // Without a worker the task still ends: its carrier's loop sees to the rest.
        end_without_worker(carrier);
        let _ = regain(carrier);
    }
    true
}

/// The runtime is gone under a task that is still here: its frames unwind, or, where they may not,
/// the thread parks for good, and its stack with it.
pub(crate) fn stop(task: &Header) -> ! {
    if wait::may_unwind(task) {
        abort::raise_at_the_end();
    }
    tracing::error!(
        target: "sortie::shutdown",
        task = task.id.get(),
        "a task outlived its runtime above foreign frames; its thread is parked for good"
    );
    loop {
        std::thread::park();
    }
}

/// A carrier that is about to wait in place gives its worker to whoever can use it.
pub(crate) fn give_away(carrier: &Carrier) {
    carrier.word.wait();
    pass_on(carrier);
}

/// Lets those in line have the worker before the current task, which waits in place, has it again.
pub(crate) fn step_back(carrier: &Carrier, task: &Header) {
    carrier.word.wait();
    let shared = carrier.shared();
    let Some(first) = shared.lobby.step_back(carrier.as_ref(), shared.work_is_queued()) else {
        pass_on(carrier);
        return regain_or_stop(carrier, task);
    };
    // SAFETY: this is the carrier's thread, and the word lets nobody take the worker.
    if let Some(mut worker) = unsafe { carrier.take_worker() } {
        worker.handed_off = true;
        shared.metrics.add(Counter::HandOffs);
        first.give(worker);
    }
    let Some(worker) = wait_for_gift(carrier) else { stop(task) };
    // SAFETY: this is the carrier's thread, and the word says `WAITING`.
    unsafe { carrier.put_worker(worker) };
    // A hold that has begun meanwhile has found the task without a worker, and takes it for held.
    if !hold::is_to_pass(carrier, task) {
        give_away(carrier);
        regain_or_stop(carrier, task);
    }
}

/// The worker leaves its carrier, whose word says already that it has none.
fn pass_on(carrier: &Carrier) {
    // SAFETY: this is the carrier's thread, and the word lets nobody take the worker.
    if let Some(mut worker) = unsafe { carrier.take_worker() } {
        worker.hand_off();
        carrier.shared().metrics.add(Counter::HandOffs);
        let index = worker.index;
        carrier.shared().hand_on(worker);
        tracing::debug!(
            target: "sortie::crossing",
            carrier = carrier.index,
            worker = index,
            "hand-off"
        );
    }
}

/// The thread's `errno`, kept over system calls of ours.
#[derive(Debug)]
pub struct Errno(i32);

impl Errno {
    /// Reads it. Never inlined: the address of `errno` is the thread's, and must not outlive a switch.
    #[inline(never)]
    pub fn save() -> Errno {
        // SAFETY: has no conditions.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: the address of this thread's `errno` is always good.
        Errno(unsafe { *errno })
    }

    /// Writes it back, on whatever thread this is now. Never inlined, as [`Errno::save`].
    #[inline(never)]
    pub fn restore(self) {
        // SAFETY: has no conditions.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: as in `save`.
        unsafe { *errno = self.0 };
    }
}
