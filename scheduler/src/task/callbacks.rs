//! How many callbacks of a task are open, and how many of them keep its thread.
//!
//! Both counts are in one word, for most callbacks change both, and each store is a part of a callback's price that can be
//! felt. The lower half is what a switch looks at; beside its count it holds the marks of `wait/switchable.rs`.
//!
//! The owner's. Must not: let one half run over into the other, so nobody ends what has not begun.

use std::cell::Cell;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Callbacks(Cell<u64>);

/// One callback, in the upper half.
const ONE: u64 = 1 << 32;

/// How much a callback counts.
#[inline(always)]
const fn weight(blocks: bool) -> u64 {
    if blocks { ONE + 1 } else { ONE }
}

impl Callbacks {
    pub(crate) const fn new() -> Callbacks {
        Callbacks(Cell::new(0))
    }

    /// How many are open, so how many native layers lie below managed code.
    #[inline(always)]
    pub(crate) fn open(&self) -> u32 {
        (self.0.get() >> 32) as u32
    }

    /// How many of the native layers below keep their thread: with one the task cannot be switched away. With the marks.
    #[inline(always)]
    pub(crate) fn blocking(&self) -> u32 {
        self.0.get() as u32
    }

    /// As [`Callbacks::blocking`] has it.
    #[inline]
    pub(crate) fn set_blocking(&self, blocking: u32) {
        self.set(self.open(), blocking);
    }

    /// Both.
    #[inline]
    pub(crate) fn set(&self, open: u32, blocking: u32) {
        self.0.set((u64::from(open) << 32) | u64::from(blocking));
    }

    /// One begins, on native layers that keep their thread if it `blocks`.
    #[inline(always)]
    pub(crate) fn begin(&self, blocks: bool) {
        self.0.set(self.0.get() + weight(blocks));
    }

    /// One ends that has begun so.
    #[inline(always)]
    pub(crate) fn end(&self, blocks: bool) {
        self.0.set(self.0.get() - weight(blocks));
    }

    /// As [`Callbacks::end`], if there is one.
    #[inline]
    pub(crate) fn end_if_open(&self, blocks: bool) {
        let blocking = self.blocking().saturating_sub(u32::from(blocks));
        self.set(self.open().saturating_sub(1), blocking);
    }
}
