#![doc = include_str!("README.md")]

pub mod fence;
pub(crate) mod word;

use self::fence::light;
use crate::carrier::Carrier;
use crate::fiber::Reason;
use crate::foreign;
use crate::metrics::Counter;
use crate::sync::atomic::Ordering;
use crate::task::Header;
use crate::task::join::raise_abort;
use crate::wait;
use crate::worker::current;
use crate::worker::without::wait_for_gift;

/// The runtime was shut down and no worker will be given any more: the caller must not run managed
/// code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminated;

/// The current task leaves for native code at address `target`: from here on its worker may be
/// taken, until [`come_back`]. False: this thread runs no task of ours in managed code, and nothing
/// was done.
///
/// Does not block. Keeps `errno`.
#[inline]
pub fn leave(target: usize) -> bool {
    let Some((carrier, task)) = wait::managed() else {
        return false;
    };
    task.native_layers.set(task.native_layers.get() + 1);
    publish(carrier, target);
    true
}

/// The current task, inside a callback, goes back to the native code at `target`.
///
/// A foreign thread at its outermost exit gives its worker away at once.
pub fn leave_again(target: usize) -> bool {
    let Some((carrier, task)) = wait::managed() else {
        return false;
    };
    if carrier.foreign && task.native_layers.get() <= 1 {
        let errno = Errno::save();
        give_away(carrier);
        foreign::end_visit(carrier);
        errno.restore();
    } else {
        publish(carrier, target);
    }
    true
}

#[inline]
fn publish(carrier: &Carrier, target: usize) {
    // ORDERING(crossing.word): Relaxed, published by the Release store in `Word::leave`; who looks
    // at it for the record reads it Relaxed after an Acquire look at the word.
    carrier.target.store(target, Ordering::Relaxed);
    carrier.word.leave();
    light();
    if !carrier.shared().gate.is_open() {
        kick_if_work_waits(carrier);
    }
}

/// The monitor sleeps, and the task may leave work behind: see [`crate::gate`].
#[cold]
#[inline(never)]
fn kick_if_work_waits(carrier: &Carrier) {
    let errno = Errno::save();
    let shared = carrier.shared();
    if shared.work_waits() {
        shared.gate.kick();
    }
    errno.restore();
}

/// The current task comes back from native code, and runs managed code when this returns. True: its
/// worker had been taken meanwhile.
///
/// The fast path is one compare-and-exchange. Without its worker the task waits for another: it is
/// switched away if it can be, and goes on on another thread if it may migrate. Keeps `errno`.
///
/// # Errors
/// [`Terminated`]: there will be no worker; the task still counts as in native code.
#[inline]
pub fn come_back() -> Result<bool, Terminated> {
    enter(true)
}

/// Native code calls back into managed code. As [`come_back`], but the native layer stays, so the
/// task is not switched away while it waits.
///
/// # Errors
/// As [`come_back`].
#[inline]
pub fn call_back() -> Result<bool, Terminated> {
    enter(false)
}

#[inline]
fn enter(pops: bool) -> Result<bool, Terminated> {
    // SAFETY: the arena outlives this thread's stay in the runtime.
    let Some(carrier) = (unsafe { current::carrier().as_ref() }) else {
        return Ok(false);
    };
    // SAFETY: the loop, or the attachment of a foreign thread, keeps the task on its carrier.
    let Some(task) = (unsafe { carrier.current().as_ref() }) else {
        return Ok(false);
    };
    if carrier.word.come_back() {
        if pops {
            task.native_layers.set(task.native_layers.get().saturating_sub(1));
        }
        return Ok(false);
    }
    enter_without_worker(carrier, task, pops)
}

/// The worker is gone. Re-entry, in the order of the README.
#[cold]
#[inline(never)]
fn enter_without_worker(carrier: &Carrier, task: &Header, pops: bool) -> Result<bool, Terminated> {
    carrier.forget_worker();
    let errno = Errno::save();
    if pops {
        task.native_layers.set(task.native_layers.get().saturating_sub(1));
    }
    carrier.shared().metrics.add(Counter::Reentries);
    let outcome = reenter(carrier, task);
    if outcome.is_err() && pops {
        task.native_layers.set(task.native_layers.get() + 1);
    }
    // On whatever thread this is now.
    errno.restore();
    outcome.map(|()| true)
}

fn reenter(carrier: &Carrier, task: &Header) -> Result<(), Terminated> {
    let shared = carrier.shared();
    if shared.is_terminated() {
        return Err(Terminated);
    }
    if !carrier.foreign
        && let Some(worker) = shared.lobby.take_idle()
    {
        // SAFETY: this is the carrier's thread, and the word says `WAITING`.
        unsafe { carrier.put_worker(worker) };
        return Ok(());
    }
    if wait::is_switchable(task) {
        wait::switch_away(task, Reason::Reentering);
        return Ok(());
    }
    if carrier.foreign && !foreign::is_visiting(carrier) {
        return foreign::visit(carrier);
    }
    regain(carrier)
}

/// A carrier without a worker stands in line for one.
pub(crate) fn regain(carrier: &Carrier) -> Result<(), Terminated> {
    let shared = carrier.shared();
    match shared.lobby.request(carrier.as_ref()) {
        Err(()) => return Err(Terminated),
        // SAFETY: this is the carrier's thread, and the word says `WAITING`.
        Ok(Some(worker)) => unsafe { carrier.put_worker(worker) },
        Ok(None) => {
            // The monitor may sleep, and nobody else may come by a scheduling point.
            shared.after_queueing();
            // SAFETY: as above.
            unsafe { carrier.put_worker(wait_for_gift(carrier).ok_or(Terminated)?) };
        }
    }
    Ok(())
}

/// As [`regain`], for managed code that cannot be told of an end: it unwinds, or if foreign frames
/// lie between, its thread stops here for good.
pub(crate) fn regain_or_stop(carrier: &Carrier, task: &Header) {
    if regain(carrier).is_err() {
        stop(task);
    }
}

/// The current task has returned from native code, was refused ([`Terminated`]), and no frame of
/// that call is left: it unwinds from here, or where others lie below, parks the thread for good.
pub fn stop_after_return() -> ! {
    let task = wait::task().expect("called by a task that was refused its return");
    task.native_layers.set(task.native_layers.get().saturating_sub(1));
    stop(task)
}

/// The current task ends: whatever native layers it has left open are closed, and it has its worker
/// again unless the runtime is gone. Returns how many there were.
pub fn close_all() -> u32 {
    // SAFETY: the arena outlives this thread's stay in the runtime.
    let Some(carrier) = (unsafe { current::carrier().as_ref() }) else {
        return 0;
    };
    let Some(task) = wait::task() else { return 0 };
    task.guarded_layers.set(0);
    let left_open = task.native_layers.replace(0);
    if left_open > 0 && !carrier.word.is_run() && !carrier.word.come_back() {
        carrier.forget_worker();
        // Without a worker the task still ends: its carrier's loop sees to the rest.
        let _ = regain(carrier);
    }
    left_open
}

/// The runtime is gone under a task that is still here: its frames unwind, or, where they may not,
/// the thread parks for good, and its stack with it.
pub(crate) fn stop(task: &Header) -> ! {
    if wait::may_unwind(task) {
        raise_abort();
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
    // SAFETY: this is the carrier's thread, and the word says `WAITING`.
    if let Some(worker) = unsafe { carrier.take_worker() } {
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
