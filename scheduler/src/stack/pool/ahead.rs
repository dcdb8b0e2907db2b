//! First pages ahead: a pool that lends thousands of stacks takes several at a time from a slab, and has the kernel
//! give them the page that their first frames touch by one call. They are hot then, as those that were given back with
//! their pages.
//!
//! Of many tasks that begin, each would fault for that page, from caches that the kernel's work for the one before and
//! the task itself have filled. What nobody needs in the end is little beside what is lent: a pool that lends few has no
//! page ahead.
//!
//! Must not: call the kernel under `inner`; fail: a stack without its page is as good as any.

use super::{Inner, Stacks};
use crate::stack::{Stack, slab};

/// So many at a time, at most: the call takes about 50 us, in which the worker does nothing else.
const MOST: usize = 32;

/// Fewer are not worth the call.
const LEAST: usize = 8;

/// One for so many that are lent.
const LENT_FOR_ONE: usize = 256;

impl Stacks {
    /// Gives this stack its first page, and with it others, which are hot then.
    #[cold]
    pub(super) fn take_ahead(&self, stack: Stack, others: usize) -> Stack {
        let mut stacks = Vec::with_capacity(1 + others);
        stacks.push(stack);
        {
            let mut inner = self.inner.lock();
            stacks.extend((0..others).map_while(|_| inner.take_from_slab()));
        }
        slab::populate_tops(self.shape, &stacks);
        // The next one is the neighbour.
        self.inner.lock().hot.extend(stacks.drain(1..).rev());
        stacks.pop().expect("the first one")
    }
}

impl Inner {
    /// How many stacks are to get their first pages with the next one that is taken.
    #[inline]
    pub(super) fn ahead(&self, max_hot: usize) -> usize {
        if !self.hot.is_empty() {
            return 0;
        }
        let ahead = (self.out / LENT_FOR_ONE).min(MOST).min(max_hot / 2);
        if ahead < LEAST { 0 } else { ahead }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::StackShape;
    use crate::stack::tests::{fibers, resident_pages};

    fn pages(stack: &Stack) -> usize {
        resident_pages(stack.bottom.get()..stack.bottom.get() + fibers().usable_bytes())
    }

    /// Not every kernel does it.
    fn is_possible() -> bool {
        let pool = Stacks::new(fibers());
        let stack = pool.take().unwrap();
        slab::populate_tops(pool.shape, std::slice::from_ref(&stack));
        let pages = pages(&stack);
        pool.give(stack);
        pages == 1
    }

    #[test]
    fn of_many_stacks_most_have_their_first_page_and_little_is_in_vain() {
        let pool = Stacks::new(fibers());
        let few: Vec<_> = (0..LEAST * LENT_FOR_ONE).map(|_| pool.take().unwrap()).collect();
        assert_eq!(few.iter().map(pages).sum::<usize>(), 0, "few have no page ahead");
        assert!(pool.inner.lock().hot.is_empty());
        let mut many = Vec::new();
        for _ in 0..3 * MOST * LENT_FOR_ONE / 4 {
            many.push(pool.take().unwrap());
            let inner = pool.inner.lock();
            assert!(inner.hot.len() <= inner.out / LENT_FOR_ONE, "{} ahead", inner.hot.len());
        }
        let touched: Vec<_> = many.iter().map(pages).collect();
        assert!(touched.iter().all(|pages| *pages <= 1), "only the first one");
        if is_possible() {
            let touched: usize = touched.iter().sum();
            assert!(touched >= many.len() * 99 / 100, "{touched} of {}", many.len());
        }
        let stats = pool.stats();
        assert_eq!(stats.stacks_out, few.len() + many.len());
        assert!(!pool.inner.lock().hot.is_empty(), "the last call was for more than one");
        pool.trim();
        assert_eq!(pool.stats(), stats, "those ahead are free, with their pages or without");
        many.extend(few);
        pool.give_batch(&mut many);
    }

    #[test]
    fn stacks_that_are_not_kept_hot_have_no_page_ahead() {
        let pool = Stacks::new(StackShape::own(8 << 20).unwrap());
        let mut inner = pool.inner.lock();
        inner.out = 1 << 20;
        assert_eq!(inner.ahead(MOST * 2), MOST);
        assert_eq!(inner.ahead(pool.max_hot()), 0);
    }
}
