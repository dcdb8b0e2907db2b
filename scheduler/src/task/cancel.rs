//! Native calls that can be cancelled: an abort runs the hook of the call that its task is in.
//!
//! The *record* of such a call lies in the frame of [`cancellable`], in native code; `hook.rs` has the
//! protocol by which an aborter reaches it, and by which the call does not return under a hook. So a hook may
//! borrow from the caller's frames, and can never hit the next call.
//!
//! Calls nest by callbacks, and so do records; a header names the innermost. While a callback is open its
//! call's record is closed: the task is in managed code, where the abort is raised. When the native code goes
//! on after that, its record is opened again, and if an abort came meanwhile the task runs the hook itself.
//!
//! INVARIANT(cancel.innermost): `Rare::cancellable` is the record of the innermost call, or null; the hook
//! word is open only while that call's native code is on top of the task's layers, which is when the task has
//! as many callbacks open as at the beginning of the call.

use super::header::Header;
use super::rare::Rare;
use super::reference::TaskRef;
use super::waker::Waker;
use super::{Id, abort, hook::HookWord};
use crate::crossing::Errno;
use crate::sync::atomic::{Ordering, fence};
use crate::wait;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::time::{Duration, Instant};

/// The shortest pause between two runs of one hook.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// What a hook is told of the call that it shall cut short.
#[derive(Debug)]
pub struct Cancelled {
    task: Id,
    thread: Thread,
    again: Cell<Option<Duration>>,
}

#[derive(Clone, Copy, Debug)]
struct Thread {
    id: libc::pid_t,
    handle: libc::pthread_t,
}

impl Thread {
    fn current() -> Thread {
        // SAFETY: has no conditions.
        let handle = unsafe { libc::pthread_self() };
        // SAFETY: has no conditions.
        Thread { id: unsafe { libc::gettid() }, handle }
    }
}

impl Cancelled {
    /// The task that is aborted.
    pub fn task(&self) -> Id {
        self.task
    }

    /// The kernel's number of the thread that is in the call, for `tgkill`. The thread stays in it, or waits
    /// for the hook, until the hook has returned.
    pub fn thread_id(&self) -> i32 {
        self.thread.id
    }

    /// The same thread for functions of the C library, as `pthread_kill`.
    pub fn pthread(&self) -> libc::pthread_t {
        self.thread.handle
    }

    /// Runs the hook once more after `pause` (a millisecond, if that is longer), on a thread of the runtime,
    /// unless the call has returned by then.
    ///
    /// For what has an effect only at the right moment. A signal that comes before the system call begins
    /// does not interrupt it, and `sqlite3_interrupt` does nothing while no statement runs.
    pub fn repeat_after(&self, pause: Duration) {
        self.again.set(Some(pause));
    }
}

/// What is run to cut a native call short.
pub type Hook<'a> = dyn FnMut(&Cancelled) + Send + 'a;

/// When a hook is to be run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    AtOnce,
    /// It has run, and wants to be run again, which a timer is set for.
    At(Instant),
    Never,
}

/// One call. Its fields are for the task, but for those that the owner of the claim may touch.
struct Record<'a> {
    /// For the owner of the claim.
    hook: NonNull<Hook<'a>>,
    /// When the hook is to be run. For the owner of the claim, and for the task while closed.
    due: Cell<Due>,
    /// The thread that is in the call. Changed while closed.
    thread: Cell<Thread>,
    /// How many callbacks were open when the call began.
    callbacks: u32,
    outer: *const (),
    outer_at: u32,
}

/// Runs `call`, native code of the current task, so that an abort of the task, or the end of its runtime,
/// runs `hook` while the task is in it: on the thread of who asks for it, once, unless the hook wants more
/// ([`Cancelled::repeat_after`]). Returns when the hook is over.
///
/// `None`: the task was aborted before the call, which was not made, and the abort is raised at the next
/// checkpoint. Where it cannot be raised (the task unwinds already, or foreign frames lie between) the call is
/// made, and no hook is run for it: it belongs to the cleaning up. But for a rude abort, which cuts that short
/// too. In a region that holds aborts back the call is made without its hook.
///
/// The caller has told the scheduler that the task has left. On a thread without a task `call` runs plainly.
/// Keeps `errno`.
pub fn cancellable<R>(hook: &mut Hook<'_>, call: impl FnOnce() -> R) -> Option<R> {
    /// Closes the record however the call ends.
    struct Open<'a>(&'a Header, &'a Rare, &'a Record<'a>);
    impl Drop for Open<'_> {
        fn drop(&mut self) {
            if self.0.shared.is_forked() {
                // Who runs the hook is in the parent, and so is the call that it cuts short.
                return;
            }
            let Open(_, rare, record) = self;
            close(&rare.hook);
            rare.cancellable.set(record.outer);
            rare.cancellable_at.set(record.outer_at);
        }
    }

    let Some((_, task)) = wait::kept_task() else { return Some(call()) };
    if abort::is_held(task) || wait::is_abort_wanted(task) && !task.state.load().is_rude() {
        return (!abort::is_due(task)).then(call);
    }
    // So that a shutdown finds it.
    task.shared.living.add(task);
    // Closed already, by the callback in between, unless raw transitions cross the call below.
    pause(task);
    let rare = task.own_rare();
    let record = Record {
        hook: NonNull::from(hook),
        due: Cell::new(Due::AtOnce),
        thread: Cell::new(Thread::current()),
        callbacks: task.callbacks.open(),
        outer: rare.cancellable.replace(ptr::null()),
        outer_at: rare.cancellable_at.replace(task.callbacks.open()),
    };
    let open = Open(task, rare, &record);
    rare.cancellable.set((&raw const record).cast());
    rare.hook.open((&raw const record).cast_mut().cast());
    if wait::is_abort_wanted(task) {
        if abort::is_due(task) || !task.state.load().is_rude() {
            // It came just now. A hook that was claimed meanwhile is awaited.
            drop(open);
            return (!abort::is_due(task)).then(call);
        }
        let errno = Errno::save();
        interrupt(&wait::reference(task));
        errno.restore();
    }
    let value = call();
    drop(open);
    Some(value)
}

/// Closes the word, with `errno` kept.
fn close(word: &HookWord) {
    let errno = Errno::save();
    word.close();
    errno.restore();
}

/// The record of the call that has the task's native code on top, if it can be cancelled. For the task.
fn innermost(task: &Header) -> Option<&Record<'static>> {
    let record = task.rare()?.cancellable.get();
    // SAFETY: a record is in the frame of `cancellable`, which takes the pointer back before it ends; this
    // is the task, above that frame. Of the lifetime nobody makes use.
    let record = unsafe { record.cast::<Record<'static>>().as_ref() }?;
    (record.callbacks == task.callbacks.open()).then_some(record)
}

/// The task's rare part, if it is in a call that can be cancelled. For the task.
#[inline]
fn called_cancellably(task: &Header) -> Option<&Rare> {
    task.rare().filter(|rare| !rare.cancellable.get().is_null())
}

/// Has the task a record of a call that began with more callbacks open than these? Then a jump has left it.
pub(crate) fn is_cancellable_above(task: &Header, callbacks: u32) -> bool {
    called_cancellably(task).is_some_and(|rare| rare.cancellable_at.get() > callbacks)
}

/// Native code of the task calls back. Before the callback is counted.
#[inline]
pub(crate) fn pause(task: &Header) {
    if let Some(rare) = called_cancellably(task) {
        // In whichever call it is.
        close(&rare.hook);
    }
}

/// The native code goes on, on this thread. After the callback was counted out, and the task has left.
#[inline]
pub(crate) fn resume(task: &Header) {
    if let Some(rare) = called_cancellably(task) {
        reopen(task, rare);
    }
}

#[cold]
fn reopen(task: &Header, rare: &Rare) {
    let Some(record) = innermost(task) else { return };
    if record.due.get() == Due::Never || abort::is_held(task) {
        return;
    }
    let errno = Errno::save();
    // As in `cancellable`.
    rare.hook.close();
    record.thread.set(Thread::current());
    rare.hook.open(ptr::from_ref(record).cast_mut().cast());
    if wait::is_abort_wanted(task) {
        // Raised in the callback, or not to be raised there: the native code does not know of it yet.
        interrupt(&wait::reference(task));
    }
    errno.restore();
}

/// Runs the hook of the native call that the task is in, if there is one that is to be run now. By who has
/// asked for the abort before, on whatever thread. May change `errno`.
pub(crate) fn interrupt(task: &TaskRef) {
    if task.shared.is_forked() {
        return;
    }
    let rare = task.rare().or_else(|| {
        // ORDERING(hook.abort): SeqCst, between the request of the abort and the last look for a hook; pairs with the
        // fence in `HookWord::open`.
        fence(Ordering::SeqCst);
        task.rare()
    });
    // Should the task open one now, it sees the abort.
    let Some(hook) = rare.map(|rare| &rare.hook) else { return };
    while let Some(record) = hook.claim() {
        // SAFETY: the word was open with this record, and the frame where it lies waits for `finish`.
        let record = unsafe { &*record.cast::<Record<'static>>() };
        let Due::At(at) = record.due.get() else { return run_hook(task, hook, record) };
        if Instant::now() >= at {
            return run_hook(task, hook, record);
        }
        hook.finish(true);
        // Not yet, said a claim that kept the timer from its own if the time has come meanwhile.
        if Instant::now() < at {
            return;
        }
    }
}

/// Runs a hook that was claimed, and finishes the claim.
fn run_hook(task: &TaskRef, word: &HookWord, record: &Record<'static>) {
    let cancelled =
        Cancelled { task: task.id, thread: record.thread.get(), again: Cell::new(None) };
    let mut hook = record.hook;
    // SAFETY: one claim at a time, so nobody else uses the hook; it outlives the call, which waits.
    let hook = unsafe { hook.as_mut() };
    let result = catch_unwind(AssertUnwindSafe(|| hook(&cancelled)));
    let again = cancelled.again.get().filter(|_| result.is_ok());
    let again = again.and_then(|pause| Instant::now().checked_add(pause.max(SHORTEST_PAUSE)));
    record.due.set(again.map_or(Due::Never, Due::At));
    // After this line the record may be gone.
    word.finish(again.is_some());
    match result {
        Ok(()) => tracing::debug!(target: "sortie::task", task = task.id.0, "cancel hook"),
        Err(payload) => {
            tracing::error!(
                target: "sortie::task",
                task = task.id.0,
                "the cancel hook of a native call panicked; it is not run again for that call"
            );
            // A payload may panic when it is dropped.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        }
    }
    if let Some(at) = again {
        task.shared.set_timer(at, Waker::Hook(task.clone()));
    }
}
