//! The way of a short call, out and back: what it must know is read once, and what it need not do is not there.

use super::Return;
use super::fence::{light, light_half};
use super::leave::kick_if_work_waits;
use super::word::{Native, Snapshot};
use crate::carrier::Carrier;
use crate::fiber::{Frame, Outcome};
use crate::sync::atomic::Ordering;
use crate::task::Header;
use crate::worker::current;
use std::marker::PhantomData;
use std::ptr::NonNull;

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

/// A call that is under way: in mode C if `COMPARE`, else in mode A.
#[derive(Clone, Copy, Debug)]
#[must_use = "who has left must come back"]
pub struct Left<const COMPARE: bool>(pub(super) Snapshot);

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

    /// [`leave`](super::leave()) with nothing on the way that could be left out: in mode A two stores and a look at the
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
        if self.carrier.shared().gate.asks_who_leaves::<COMPARE>() {
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

    /// [`come_back`](super::come_back) from [`Here::leave`], on the same thread. A jump may have left callbacks, as
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

    /// Runs a closure on the carrier's stack.
    ///
    /// # Safety
    /// This code runs on the task's own stack ([`Here::stack_left`] is less than
    /// [`MORE_THAN_A_STACK`]), and the task is in native code until after this has returned. It is the
    /// frame's first time.
    #[inline(always)]
    pub unsafe fn on_carrier_stack<R, F: FnOnce() -> R>(
        self,
        frame: &mut Frame<F, R>,
    ) -> Outcome<'_, R> {
        // SAFETY: by contract the task is on a fiber, and the carrier's loop notes the lowest one before it resumes any.
        let inside = unsafe { self.carrier.lowest.get().unwrap_unchecked() };
        let low = self.carrier.stack_low.replace(0);
        // SAFETY: the caller runs on its fiber's own stack, which is the lowest or on top of it, so no frame but
        // the loop's is on the carrier's; and nothing switches it meanwhile.
        let outcome = unsafe { inside.on_carrier_stack(frame) };
        self.carrier.stack_low.set(low);
        outcome
    }
}
