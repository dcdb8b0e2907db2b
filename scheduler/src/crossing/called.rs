//! The way of a callback with nothing special to it: out of a call that left by [`Here::leave`](super::Here::leave), with the
//! worker still there when it begins, or taken meanwhile. On the thread's own stack ([`Called`]), or, if the
//! callback may suspend, on one of the task's ([`CalledOnStack`]).
//!
//! As [`Here`](super::Here) for calls: everything is read once, and the steps are those of
//! [`call_back`](super::call_back) and [`leave_again`](super::leave_again), inline.

use super::back::enter_without_worker;
use super::fence::{self, light, light_half};
use super::leave::{kick_if_work_waits, leave_after_end};
use super::word::{Native, Snapshot};
use super::{Back, Below, Opened, Terminated, below};
use crate::affinity;
use crate::carrier::Carrier;
use crate::sync::atomic::Ordering;
use crate::task::Header;
use crate::worker::current;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::thread;

/// Native code of the current task that calls back: what its callback must know, read once.
///
/// A copy of pointers. It is not to be kept across anything that may switch the task.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it is gone before anybody could print it")]
pub struct Caller {
    carrier: &'static Carrier,
    task_word: NonNull<()>,
    thread: PhantomData<*mut ()>,
}

/// A callback that has begun, out of native code in mode C if `COMPARE`, else in mode A. See the module.
///
/// A copy of a pointer: the task stays on its thread until the callback has ended, for the native frames below are the
/// thread's. What its end needs beside is read anew, which costs less than to keep it over the callback.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it is gone before anybody could print it")]
#[must_use = "a callback that has begun must leave again"]
pub struct Called<const COMPARE: bool> {
    carrier: &'static Carrier,
    thread: PhantomData<*mut ()>,
}

/// How a callback begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// In managed code. The note of it is for who finds that a jump has left it, and for its end.
    Unasked(Opened),
    /// Somebody wants the worker, or has it: [`Called::settle`] is to say.
    Asked,
}

impl Caller {
    /// The task on this thread, if there is one with a word of the embedder's; whether it is in native code
    /// is for the embedder to know.
    ///
    /// # Safety
    /// The value is dropped before the task can be switched.
    #[inline(always)]
    pub unsafe fn get() -> Option<Caller> {
        // SAFETY: the arena outlives this thread's stay in the runtime.
        let carrier = unsafe { current::carrier().as_ref() }?;
        let task_word = NonNull::new(carrier.task_word().cast_mut())?;
        Some(Caller { carrier, task_word, thread: PhantomData })
    }

    /// The carrier that this thread is.
    #[inline(always)]
    pub(super) fn carrier(self) -> &'static Carrier {
        self.carrier
    }

    /// The word that the embedder keeps with the task.
    #[inline(always)]
    pub fn task_word(self) -> NonNull<()> {
        self.task_word
    }

    /// Native code calls back into managed code. `None`: nothing has happened, and
    /// [`call_back`](super::call_back) does it, or says that it cannot.
    ///
    /// # Safety
    /// The native code on top was called by [`Here::leave`](super::Here::leave), and its callbacks wait in
    /// place.
    #[inline(always)]
    pub unsafe fn begin<const COMPARE: bool>(self) -> Option<(Called<COMPARE>, Begun)> {
        let carrier = self.carrier;
        let word = carrier.word.own();
        let (run, is_unasked) = if COMPARE {
            let run = (word.takeable() == Some(Native::Compare)).then(|| word.run())?;
            (run, carrier.word.exchange_back(word))
        } else {
            let run = word.run_after_asymmetric()?;
            (run, carrier.word.run_unasked(run, &carrier.request))
        };
        let called = Called { carrier, thread: PhantomData };
        called.task().callbacks.begin(true);
        let begun = if is_unasked { Begun::Unasked(Opened::in_place(run)) } else { Begun::Asked };
        Some((called, begun))
    }
}

impl<const COMPARE: bool> Called<COMPARE> {
    /// The task.
    #[inline(always)]
    fn task(self) -> &'static Header {
        // SAFETY: a carrier with a task's word has the task, and keeps it until it is switched away.
        unsafe { &*self.carrier.current() }
    }

    /// The word that the embedder keeps with the task.
    #[inline(always)]
    pub fn task_word(self) -> *const () {
        self.carrier.task_word()
    }

    /// Keeps the worker, or waits for another. How the task has come back, and the note of the callback. Keeps `errno`.
    ///
    /// # Errors
    /// As [`call_back`](super::call_back).
    #[cold]
    pub fn settle(self) -> Result<(Back, Opened), Terminated> {
        let carrier = self.carrier;
        let kept = if COMPARE { carrier.come_back() } else { carrier.settle() };
        let back =
            if kept { Back::Kept } else { wait_for_worker(carrier, self.task(), Below::THREAD)? };
        Ok((back, Opened::in_place(carrier.word.own())))
    }

    /// [`guard`](crate::guard).
    ///
    /// # Errors
    /// As [`guard`](crate::guard).
    #[inline(always)]
    pub fn guard<R>(self, f: impl FnOnce() -> R) -> thread::Result<R> {
        guard(self.task(), f)
    }

    /// The callback that has begun so ends, and the native code of `target` goes on, if managed code is on top. False: raw
    /// transitions have crossed the callback, or the runtime has ended in it; it is for [`Called::leave_again`].
    #[inline(always)]
    pub fn leave(self, opened: Opened, target: impl FnOnce() -> usize) -> bool {
        let carrier = self.carrier;
        let word = word_at_end(carrier, opened.run(), target);
        if word.is_run() {
            self.task().callbacks.end(true);
            leave::<COMPARE>(carrier, word);
        }
        word.is_run()
    }

    /// As [`Called::leave`], also where the runtime has ended in the callback. False: raw transitions have crossed it, and
    /// nothing was done.
    pub fn leave_again(self, target: usize) -> bool {
        let carrier = self.carrier;
        let word = carrier.word.own();
        if !word.is_run() {
            return leave_after_end(carrier, self.task(), target, Below::THREAD);
        }
        say(carrier, target);
        self.task().callbacks.end(true);
        leave::<COMPARE>(carrier, word);
        true
    }
}

/// A callback that has begun, out of native code in mode A on a [`NativeStack`](crate::NativeStack): its task
/// may be suspended in it, and is tied to its thread ([`crate::affinity`]).
///
/// A copy of pointers, good until the callback has ended, for the task is on its carrier whenever it runs.
#[expect(missing_debug_implementations, reason = "it is gone before anybody could print it")]
#[must_use = "a callback that has begun must leave again"]
pub struct CalledOnStack {
    carrier: &'static Carrier,
    task: &'static Header,
    /// As in [`Called`].
    run: Snapshot,
    /// The lowest address of the task's own stack before.
    stack_low: usize,
    thread: PhantomData<*mut ()>,
}

impl Caller {
    /// [`Caller::begin`] for native code whose callbacks may suspend the task but not take it to another
    /// thread: `below` says on what it runs. `None` if that does not fit, too.
    ///
    /// # Errors
    /// As [`call_back`](super::call_back).
    ///
    /// # Safety
    /// The native code on top was called by [`Here::leave`](super::Here::leave), and runs on a stack of the
    /// task's by [`Here::on_native_stack`](super::Here::on_native_stack).
    #[inline(always)]
    pub unsafe fn begin_on_stack(
        self,
        below: Below,
        late: impl FnOnce(Back),
    ) -> Option<Result<CalledOnStack, Terminated>> {
        let low = below.low_of_tied()?;
        let carrier = self.carrier;
        let word = carrier.word.own();
        let run = word.run_after_asymmetric()?;
        // SAFETY: as in `begin`.
        let task = unsafe { &*carrier.current() };
        let kept = carrier.word.run_unasked(run, &carrier.request) || carrier.settle();
        task.callbacks.begin(false);
        affinity::tie(carrier, task);
        if !kept {
            match wait_for_worker(carrier, task, below) {
                Ok(back) => late(back),
                Err(terminated) => return Some(Err(terminated)),
            }
        }
        // As `below::use_stack_of`.
        carrier.stack_low.set(low);
        let stack_low = task.stack_low.replace(low);
        Some(Ok(CalledOnStack { carrier, task, run, stack_low, thread: PhantomData }))
    }
}

impl CalledOnStack {
    /// The note of the callback, for who looks whether a jump has left it.
    #[inline(always)]
    pub fn opened(&self) -> Opened {
        Opened::tied(self.run)
    }

    /// As [`Called::guard`].
    ///
    /// # Errors
    /// As [`guard`](crate::guard).
    #[inline(always)]
    pub fn guard<R>(&self, f: impl FnOnce() -> R) -> thread::Result<R> {
        guard(self.task, f)
    }

    /// The stack is that of the native code again, and no task's.
    #[inline(always)]
    pub fn resume_outer(&self) {
        self.carrier.stack_low.set(0);
        self.task.stack_low.set(self.stack_low);
    }

    /// As [`Called::leave_again`], after [`CalledOnStack::resume_outer`]; `below` as at the begin.
    #[inline(always)]
    pub fn leave_again(self, target: impl Fn() -> usize, below: Below) -> bool {
        let CalledOnStack { carrier, task, run, .. } = self;
        let word = word_at_end(carrier, run, &target);
        if !word.is_run() {
            return leave_after_end(carrier, task, target(), below);
        }
        task.callbacks.end(false);
        affinity::untie(carrier, task);
        leave::<false>(carrier, word);
        true
    }
}

/// The word of a carrier whose callback ends, and native code of `target` goes on: mostly what it was when that began.
///
/// Each leave says its target and counts. So where nobody has counted since, it is said what the native code is.
#[inline(always)]
fn word_at_end(carrier: &Carrier, run: Snapshot, target: impl FnOnce() -> usize) -> Snapshot {
    if carrier.word.is(run) {
        return run;
    }
    let word = carrier.word.own();
    if word.is_run() {
        // Other native calls have counted in between.
        say(carrier, target());
    }
    word
}

/// Says of which target the native code is that goes on.
#[inline(always)]
pub(super) fn say(carrier: &Carrier, target: usize) {
    // ORDERING(crossing.word): Relaxed, as in `publish`.
    carrier.target.store(target, Ordering::Relaxed);
}

/// [`guard`](crate::guard), in a callback.
///
/// # Errors
/// As [`guard`](crate::guard).
#[inline(always)]
pub(super) fn guard<R>(task: &Header, f: impl FnOnce() -> R) -> thread::Result<R> {
    let before = task.guarded_layers.replace(task.callbacks.open());
    let result = catch_unwind(AssertUnwindSafe(f));
    task.guarded_layers.set(before);
    result
}

/// As [`Here::leave`](super::Here::leave), for native code that goes on, and of which is [said](say) what it is.
#[inline(always)]
pub(super) fn leave<const COMPARE: bool>(carrier: &Carrier, word: Snapshot) {
    // Membarrier may have been lost since the call left.
    if COMPARE || !fence::is_asymmetric() {
        carrier.word.leave_from(word, Native::Compare);
        light();
    } else {
        carrier.word.leave_from(word, Native::Asymmetric);
        light_half();
    }
    if carrier.shared().gate.asks_who_leaves::<COMPARE>() {
        kick_if_work_waits(carrier);
    }
}

/// The worker is gone.
#[cold]
#[inline(never)]
fn wait_for_worker(carrier: &Carrier, task: &Header, below: Below) -> Result<Back, Terminated> {
    enter_without_worker(carrier, task).inspect_err(|_| below::leave(carrier, task, below))
}
