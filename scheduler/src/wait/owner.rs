//! Who holds something: a task, or a thread that runs none.

use super::kept_task;
use crate::task::Header;
use crate::worker::current;

/// The task, or the thread without a task, that holds a lock.
///
/// An address that is compared, and never followed: what it stands for may be gone. A multiple of 64, so
/// that a lock's word has room for bits beside it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Owner(usize);

impl Owner {
    /// The bits that are clear in each.
    pub(crate) const FREE_BITS: usize = 0b11_1111;

    /// The task whose call chain this is, in managed or in native code; else the thread.
    #[inline]
    pub fn current() -> Owner {
        match kept_task() {
            Some((_, task)) => Owner::of_task(task),
            None => Owner(current::thread_mark()),
        }
    }

    /// The owner that a task is.
    #[inline]
    pub(crate) fn of_task(task: &Header) -> Owner {
        Owner(std::ptr::from_ref(task).addr())
    }

    /// The number: a multiple of 64, and not 0.
    #[inline]
    pub fn get(self) -> usize {
        self.0
    }

    /// The owner in a lock's word; `None` if that says there is none.
    #[inline]
    pub fn of(word: usize) -> Option<Owner> {
        let owner = word & !Owner::FREE_BITS;
        (owner != 0).then_some(Owner(owner))
    }
}
