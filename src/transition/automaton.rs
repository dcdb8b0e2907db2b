//! [`Layers`]: the layers of one task, and what the four transitions do to them.
//!
//! Pure data and functions. No atomics, no clocks, no I/O, no events, no policy, no scheduler: who
//! calls here decides *when* a transition happens, this file decides only *whether it may* and what
//! the stack is afterwards. One value per task, touched only by the thread that carries the task.
//!
//! # The table
//!
//! Rows are the innermost layer, `NO` is [`TransitionError::NotOwner`] with nothing changed.
//!
//! | top \ event    | leave(t)  | enter   | reverse_enter                      | reverse_leave     |
//! |----------------|-----------|---------|------------------------------------|-------------------|
//! | `R0`           | push U(t) | NO      | marker: push Ux, R; else NO        | NO                |
//! | `R` of `U0 R`  | push U(t) | NO      | marker: push Ux, R; else *renewal* | pop               |
//! | any other `R`  | push U(t) | NO      | marker: push Ux, R; else NO        | pop, a Ux as well |
//! | `U0`           | NO        | NO      | push R                             | NO                |
//! | `U(t)`         | NO        | pop     | push R                             | NO                |
//! | any, shut down | refused   | refused | refused                            | pop, and refused  |
//!
//! *Renewal*: callers whose calls begin in native code and do not nest may never send
//! `reverse_leave`. The open `R` then stands for the next callback too, and only a counter moves.
//! [`Layers::set_strict`] turns it into NO.
//!
//! The *marker* is the target of a call that was not announced and is now under way. A callback
//! saves and clears it when it starts and puts it back when it ends.
//!
//! Checks come in a fixed order, and the first that fails decides: availability, thread and layer,
//! policy, memory, worker. Availability, thread, policy and worker are the caller's.
//! [`Layers::refuse`], [`Layers::leave_denied`] and [`Layers::prepare`] let it keep that order.
//!
//! # Invariants
//!
//! - **I1** R-type and U-type layers alternate from bottom to top. True by construction: a layer
//!   is native or managed by its height over the base alone, and a slot holds only the rest.
//! - **I2** A `Ux` is never on top: it is pushed and popped together with the `R` above it.
//! - **I3** Depth is limited by memory and by a soft limit; beyond either nothing is pushed.
//!
//! Storage is in `automaton/slots.rs`, what may be asked of the layers in `automaton/view.rs`, and what becomes of those
//! that nobody closes in `automaton/abandoned.rs`.

pub use self::abandoned::Leaked;
use self::slots::{Full, INLINE, Slot, Slots};
use super::error::TransitionError;
use super::layer::{Event, Layer};

mod abandoned;
mod slots;
#[cfg(test)]
mod tests;
mod view;

/// What `reverse_enter` did.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[must_use]
pub enum ReverseEntered {
    /// An `R` was pushed upon the native layer that calls back.
    Nested,
    /// The call that calls back was not announced: its `Ux` was pushed, and an `R` upon it.
    Unhooked {
        /// The function of that call.
        target: usize,
    },
    /// The `R` that an earlier callback left open stands for this one too.
    Renewed,
}

/// The layers of one task: a stack with a base that never goes.
///
/// Every method is total: each event has an answer in each state, and an error leaves the stack as
/// it was. After [`Layers::prepare`] has answered `Ok`, the same event cannot fail.
#[derive(Clone)]
pub struct Layers {
    /// What is above the base.
    slots: Slots,
    base_is_native: bool,
    strict: bool,
    /// The marker: the target of the unannounced call that is under way.
    unhooked: Option<usize>,
    renewals: u64,
    unbalanced: [u64; Event::ALL.len()],
    leaked_layers: u64,
}

impl Layers {
    /// The soft limit on depth, unless [`Layers::set_depth_limit`] sets another.
    pub const DEFAULT_DEPTH_LIMIT: usize = 64 * 1024;

    /// The lowest limit on depth: so many layers are held without any memory of their own.
    pub const MIN_DEPTH_LIMIT: usize = 1 + INLINE;

    /// The layers of a task that begins in managed code: `R0`.
    #[must_use]
    pub const fn managed() -> Self {
        Self::with_base(false)
    }

    /// The layers of a task that stands for an adopted native thread: `U0`.
    #[must_use]
    pub const fn native() -> Self {
        Self::with_base(true)
    }

    const fn with_base(base_is_native: bool) -> Self {
        Self {
            slots: Slots::new(Self::DEFAULT_DEPTH_LIMIT - 1),
            base_is_native,
            strict: false,
            unhooked: None,
            renewals: 0,
            unbalanced: [0; Event::ALL.len()],
            leaked_layers: 0,
        }
    }

    /// Managed code is about to call `target`: pushes `U(target)`.
    ///
    /// # Errors
    ///
    /// [`TransitionError::NotOwner`] unless managed code is on top;
    /// [`TransitionError::OutOfMemory`] if the layer cannot be recorded.
    #[inline]
    pub fn leave(&mut self, target: usize) -> Result<(), TransitionError> {
        if self.top_is_native() {
            return Err(self.misuse(Event::Leave));
        }
        self.push(Slot::native(target))
    }

    /// [`Layers::leave`] of a raw call, which a raw `enter` ends: no frame of ours is around it.
    #[inline]
    pub(crate) fn leave_raw(&mut self, target: usize) -> Result<(), TransitionError> {
        if self.top_is_native() {
            return Err(self.misuse(Event::Leave));
        }
        self.push(Slot::native_raw(target))
    }

    /// The native call has returned: pops its `U(t)`, and returns it.
    ///
    /// # Errors
    ///
    /// [`TransitionError::NotOwner`] unless a layer pushed by [`Layers::leave`] is on top.
    #[inline]
    pub fn enter(&mut self) -> Result<Layer, TransitionError> {
        if !self.top_is_native() || self.slots.len() == 0 {
            return Err(self.misuse(Event::Enter));
        }
        let slot = self.slots.pop();
        debug_assert!(!slot.is_marked(), "I2: a Ux was on top");
        Ok(Layer::Native { target: slot.word })
    }

    /// May a raw `enter` end the native code on top? Not that of a call with a frame of ours: it goes on in that frame when it
    /// returns, and runs on another stack, perhaps.
    ///
    /// # Errors
    /// [`TransitionError::NotOwner`] if not. Pops nothing.
    #[inline]
    pub(crate) fn check_raw_enter(&mut self) -> Result<(), TransitionError> {
        let len = self.slots.len();
        if !self.top_is_native() || len == 0 || !self.slots.at(len - 1).is_raw() {
            return Err(self.misuse(Event::Enter));
        }
        Ok(())
    }

    /// Native code calls back: pushes an `R`, upon a `Ux` if the call was not announced.
    ///
    /// # Errors
    ///
    /// [`TransitionError::NotOwner`] if managed code is on top, no unannounced call is under way,
    /// and this is no renewal; [`TransitionError::OutOfMemory`] if the layer cannot be recorded.
    #[inline]
    pub fn reverse_enter(&mut self) -> Result<ReverseEntered, TransitionError> {
        self.reverse_enter_noting(0)
    }

    /// [`Layers::reverse_enter`] that keeps a `note` of 63 bits with the `R`, for [`Layers::abandon`].
    #[inline]
    pub(crate) fn reverse_enter_noting(
        &mut self,
        note: u64,
    ) -> Result<ReverseEntered, TransitionError> {
        if !self.top_is_native() {
            return self.reverse_enter_over_managed(note);
        }
        self.push(Slot::managed(self.unhooked, note))?;
        self.unhooked = None;
        Ok(ReverseEntered::Nested)
    }

    /// The callback returns: pops its `R`, and the `Ux` below if there is one. Returns the native
    /// layer that goes on: `U0`, `U(t)`, or the `Ux(t)` that was popped as well.
    ///
    /// # Errors
    ///
    /// [`TransitionError::NotOwner`] unless an `R` pushed by [`Layers::reverse_enter`] is on top.
    #[inline]
    pub fn reverse_leave(&mut self) -> Result<Layer, TransitionError> {
        if self.top_is_native() || self.slots.len() == 0 {
            return Err(self.misuse(Event::ReverseLeave));
        }
        Ok(self.pop_callback())
    }

    /// What [`Layers::reverse_leave`] answers who has not entered the callback on top. Pops nothing.
    #[cold]
    pub(crate) fn reverse_leave_refused(&mut self) -> TransitionError {
        self.misuse(Event::ReverseLeave)
    }

    /// `event` while the runtime is shut down. Always answers [`TransitionError::ShutDown`].
    ///
    /// [`Event::ReverseLeave`] pops as [`Layers::reverse_leave`] does, if it can; nothing else
    /// changes, and nothing is counted as unbalanced.
    #[cold]
    #[must_use]
    pub fn refuse(&mut self, event: Event) -> TransitionError {
        if event == Event::ReverseLeave {
            self.reverse_leave_shut_down();
        }
        TransitionError::ShutDown
    }

    /// [`Layers::refuse`] for [`Event::ReverseLeave`], for a caller that must know which native
    /// layer goes on. `None`: no callback was open, and nothing changed.
    #[cold]
    pub fn reverse_leave_shut_down(&mut self) -> Option<Layer> {
        (!self.top_is_native() && self.slots.len() > 0).then(|| self.pop_callback())
    }

    /// What [`Layers::leave`] answers for a target whose policy denies calls: the wrong layer is
    /// found first, the policy second. Pushes nothing.
    #[cold]
    #[must_use]
    pub fn leave_denied(&mut self, target: usize) -> TransitionError {
        if self.top_is_native() {
            return self.misuse(Event::Leave);
        }
        TransitionError::Denied { target }
    }

    /// Makes all checks of `event` and finds the memory for it, but does not do it yet: for a
    /// caller that must wait for a worker in between.
    ///
    /// # Errors
    ///
    /// Those of the event.
    pub fn prepare(&mut self, event: Event) -> Result<(), TransitionError> {
        let native = self.top_is_native();
        match event {
            Event::Leave if !native => self.reserve(1),
            Event::Enter if native && self.slots.len() > 0 => Ok(()),
            Event::ReverseEnter if native => self.reserve(1),
            Event::ReverseEnter if self.unhooked.is_some() => self.reserve(2),
            Event::ReverseEnter if self.is_renewable() => Ok(()),
            Event::ReverseLeave if !native && self.slots.len() > 0 => Ok(()),
            _ => Err(self.misuse(event)),
        }
    }

    /// Marks that managed code now calls `target` without announcing it. Returns the marker that
    /// was set before, to be given to [`Layers::restore_unhooked`] when the call has returned.
    #[inline]
    pub const fn set_unhooked(&mut self, target: usize) -> Option<usize> {
        self.unhooked.replace(target)
    }

    /// The unannounced call has returned: puts the marker back that was set before it.
    #[inline]
    pub const fn restore_unhooked(&mut self, previous: Option<usize>) {
        self.unhooked = previous;
    }

    /// Clears the marker.
    #[inline]
    pub const fn clear_unhooked(&mut self) {
        self.unhooked = None;
    }

    /// Whether a renewal is refused as misuse.
    pub const fn set_strict(&mut self, strict: bool) {
        self.strict = strict;
    }

    /// Sets the soft limit on [`Layers::depth`]; below [`Layers::MIN_DEPTH_LIMIT`] it acts as
    /// that. Layers that are already above it stay.
    pub const fn set_depth_limit(&mut self, limit: usize) {
        self.slots.set_limit(limit.saturating_sub(1));
    }

    /// `reverse_enter` with managed code on top: an unannounced call, a renewal, or misuse.
    #[inline(never)]
    fn reverse_enter_over_managed(&mut self, note: u64) -> Result<ReverseEntered, TransitionError> {
        if let Some(target) = self.unhooked {
            self.slots
                .push_pair(Slot::unhooked(target), Slot::managed(Some(target), note))
                .map_err(|Full| self.out_of_memory())?;
            self.unhooked = None;
            Ok(ReverseEntered::Unhooked { target })
        } else if self.is_renewable() {
            self.renewals += 1;
            Ok(ReverseEntered::Renewed)
        } else {
            Err(self.misuse(Event::ReverseEnter))
        }
    }

    /// Pops the `R` on top, and the `Ux` below it. Returns the native layer that goes on.
    #[inline]
    fn pop_callback(&mut self) -> Layer {
        self.unhooked = self.slots.pop().saved();
        let back_to = self.top();
        if let Layer::Unhooked { .. } = back_to {
            self.slots.pop();
        }
        back_to
    }

    const fn is_renewable(&self) -> bool {
        self.is_root_callback() && !self.strict
    }

    /// Whether the stack is `U0 R`.
    const fn is_root_callback(&self) -> bool {
        self.base_is_native && self.slots.len() == 1
    }

    #[inline]
    fn push(&mut self, slot: Slot) -> Result<(), TransitionError> {
        self.slots.push(slot).map_err(|Full| self.out_of_memory())
    }

    fn reserve(&mut self, count: usize) -> Result<(), TransitionError> {
        self.slots.reserve(count).map_err(|Full| self.out_of_memory())
    }

    /// The error is built here and what must be called is out of line and answers in registers, so
    /// that the good path of a transition never sees its result in memory.
    #[inline]
    fn misuse(&mut self, event: Event) -> TransitionError {
        TransitionError::NotOwner { event, found: Some(self.count_misuse(event)) }
    }

    #[cold]
    #[inline(never)]
    fn count_misuse(&mut self, event: Event) -> Layer {
        self.unbalanced[event as usize] += 1;
        self.top()
    }

    #[inline]
    const fn out_of_memory(&self) -> TransitionError {
        TransitionError::OutOfMemory { depth: self.depth() }
    }
}
