//! How many callbacks of a task are open, and how many of them keep its thread.
//!
//! Both counts are in one word, for most callbacks change both, and each store is a part of a callback's price that can be
//! felt. The lower half is what a switch looks at; beside its count it holds the marks of `wait/switchable.rs`.
//!
//! The owner's. Must not: let one half run over into the other, so nobody ends what has not begun.

use crate::wait::MARKS;
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
        let (marks, blocking) = (self.blocking() & MARKS, self.blocking() & !MARKS);
        let blocking = blocking.saturating_sub(u32::from(blocks));
        self.set(self.open().saturating_sub(1), marks | blocking);
    }
}

#[cfg(test)]
mod tests {
    use super::{Callbacks, MARKS};

    /// Of every kind in turn.
    fn blocks(depth: u32) -> bool {
        depth.is_multiple_of(3)
    }

    #[test]
    fn both_are_counted_and_the_marks_stay() {
        for marks in [0, MARKS] {
            let callbacks = Callbacks::new();
            callbacks.set_blocking(marks);
            for depth in 0..100 {
                let blocking = (0..depth).filter(|depth| blocks(*depth)).count() as u32;
                assert_eq!((callbacks.open(), callbacks.blocking()), (depth, marks | blocking));
                callbacks.begin(blocks(depth));
            }
            for depth in (0..100).rev() {
                callbacks.end(blocks(depth));
                let blocking = (0..depth).filter(|depth| blocks(*depth)).count() as u32;
                assert_eq!((callbacks.open(), callbacks.blocking()), (depth, marks | blocking));
            }
        }
    }

    #[test]
    fn a_mark_that_comes_or_goes_between_changes_no_count() {
        let callbacks = Callbacks::new();
        callbacks.begin(true);
        callbacks.set_blocking(callbacks.blocking() | MARKS);
        callbacks.begin(true);
        callbacks.end(true);
        assert_eq!((callbacks.open(), callbacks.blocking()), (1, MARKS | 1));
        callbacks.set_blocking(callbacks.blocking() & !MARKS);
        callbacks.end(true);
        assert_eq!((callbacks.open(), callbacks.blocking()), (0, 0));
    }

    #[test]
    fn one_that_is_not_open_ends_nothing() {
        for marks in [0, MARKS] {
            let callbacks = Callbacks::new();
            callbacks.set_blocking(marks);
            for blocks in [false, true] {
                callbacks.end_if_open(blocks);
                assert_eq!((callbacks.open(), callbacks.blocking()), (0, marks));
            }
            callbacks.begin(false);
            callbacks.end_if_open(true);
            assert_eq!((callbacks.open(), callbacks.blocking()), (0, marks));
        }
    }
}
