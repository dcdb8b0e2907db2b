//! The hook word: who may run the hook of the native call that a task is in, and until when it is that call.
//!
//! A task in a native call that can be cancelled has *opened* the word, with a pointer to the call's record,
//! which lies in the call's frame. Whoever aborts the task *claims* the word, runs the hook and *finishes*.
//! The task *closes* the word when the call is over, and so waits for a hook that runs. Two parties, one word
//! of the task's; the carrier's word, by which workers are taken, is no part of it.
//!
//! | state | | left by |
//! |---|---|---|
//! | `CLOSED` | no call, or its hook has run | the task's [`open`](HookWord::open) |
//! | `OPEN` | in the call; the record is good | [`claim`](HookWord::claim); the task's [`close`](HookWord::close) |
//! | `HOOKING` | somebody runs the hook; the record is good | his [`finish`](HookWord::finish); `close`, which goes on to wait |
//! | `AWAITED` | as `HOOKING`, and the task sleeps until it is over | his `finish` |
//!
//! 1. *A hook hits no call but its own.* The record is used between `claim` and `finish` only, and `close`
//!    returns in `CLOSED` only: in between the task is in the call, or in `close`.
//! 2. *No abort is missed.* The task opens, runs a fence, and looks whether it is aborted; who aborts it says
//!    so, runs a fence, and claims. One of the two sees the other: either the task learns of the abort and
//!    makes no call, or the claim finds it open.
//! 3. *No wait is forgotten.* `finish` replaces what it finds, and wakes if that was `AWAITED`; the kernel
//!    lets nobody sleep on a word that is another by then.

use crate::sync::atomic::{AtomicPtr, AtomicU32, Ordering, fence};
use crate::sync::futex;

const CLOSED: u32 = 0;
const OPEN: u32 = 1;
const HOOKING: u32 = 2;
const AWAITED: u32 = 3;

/// See the module.
#[derive(Debug)]
pub(crate) struct HookWord {
    word: AtomicU32,
    record: AtomicPtr<()>,
}

impl HookWord {
    pub(crate) fn new() -> Self {
        HookWord { word: AtomicU32::new(CLOSED), record: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// The task is in the call of `record`, which is good until [`HookWord::close`] has returned. By the
    /// task, in `CLOSED`; it must look whether it is aborted after this.
    pub(crate) fn open(&self, record: *mut ()) {
        // ORDERING(hook.word): Relaxed, published by the Release below.
        self.record.store(record, Ordering::Relaxed);
        // ORDERING(hook.word): Release, pairs with the Acquire in `claim`: who claims sees the record.
        // A store, for nobody else changes a closed word.
        self.word.store(OPEN, Ordering::Release);
        // ORDERING(hook.abort): SeqCst, between the store and the task's look at the abort; pairs with the
        // fence in `claim`.
        fence(Ordering::SeqCst);
    }

    /// The right to run the hook of the call that the task is in, and its record; `None` if it is in none,
    /// or somebody else has the right. The winner owes [`HookWord::finish`]. For who has asked for the
    /// abort before.
    #[must_use = "who claims a hook must run and finish it: the task waits"]
    pub(crate) fn claim(&self) -> Option<*mut ()> {
        // ORDERING(hook.abort): SeqCst, between the request of the abort and the look at the word; pairs
        // with the fence in `open`.
        fence(Ordering::SeqCst);
        // ORDERING(hook.word): Acquire, pairs with the Release in `open`, and in `finish` of who has run
        // the same hook before.
        self.word.compare_exchange(OPEN, HOOKING, Ordering::Acquire, Ordering::Relaxed).ok()?;
        // ORDERING: Relaxed, after the Acquire; the task changes it in `CLOSED` only.
        Some(self.record.load(Ordering::Relaxed))
    }

    /// The hook is over. With `again` it may be claimed once more, unless the call is over too. After this
    /// the record may be gone. May change `errno`.
    pub(crate) fn finish(&self, again: bool) {
        // ORDERING(hook.word): Release, pairs with the Acquire in `close` and in `claim`.
        if again
            && self
                .word
                .compare_exchange(HOOKING, OPEN, Ordering::Release, Ordering::Relaxed)
                .is_ok()
        {
            return;
        }
        // ORDERING(hook.word): Release, as above.
        if self.word.swap(CLOSED, Ordering::Release) == AWAITED {
            futex::wake_one(&self.word);
        }
    }

    /// The call is over: returns when no hook runs and none can be claimed any more. By the task. May
    /// change `errno` if it waits.
    pub(crate) fn close(&self) {
        loop {
            // ORDERING(hook.word): Acquire, pairs with the Release in `finish` of a hook that may run
            // again: what it did is done.
            let closed =
                self.word.compare_exchange(OPEN, CLOSED, Ordering::Acquire, Ordering::Acquire);
            match closed {
                // ORDERING(hook.word): Acquire, as above: pairs with the Release in `finish`.
                Ok(_) | Err(CLOSED) => return,
                Err(_) => self.await_hook(),
            }
        }
    }

    #[cold]
    fn await_hook(&self) {
        // ORDERING: Relaxed, nothing is published and nothing taken: `close` looks again.
        let _ = self.word.compare_exchange(HOOKING, AWAITED, Ordering::Relaxed, Ordering::Relaxed);
        // Not if the word is another by now.
        futex::wait(&self.word, AWAITED, None);
    }
}
