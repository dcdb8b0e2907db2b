//! Stacks of the sizes that single tasks ask for: a pool for each size that is in use.
//!
//! A pool comes with the first stack of its size, and goes, with all its mappings, when it has lent nothing for a whole
//! turn ([`crate::ebb`]): so there are no more pools than sizes in use, whatever sizes were asked for before.
//!
//! INVARIANT(sized.lent): who has a stack has a reference to its pool, and references are made under the lock. So a pool with one
//! reference, seen under the lock, lends nothing.
//!
//! Must not: call the kernel under its lock.

use super::{Stack, StackError, StackShape, StackStats, Stacks};
use crate::ebb::Outlook;
use crate::sync::{Arc, Mutex};
use std::collections::BTreeMap;
use std::mem;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct SizedStacks(Mutex<Pools>);

#[derive(Debug, Default)]
struct Pools {
    /// By the usable bytes of their stacks.
    by_size: BTreeMap<usize, Pool>,
    /// Is somebody to say when turns are over?
    watched: bool,
}

#[derive(Debug)]
struct Pool {
    stacks: Arc<Stacks>,
    /// It lent nothing when the last turn was over, nor since.
    rests: bool,
}

impl Pool {
    /// See INVARIANT(sized.lent).
    fn lends(&self) -> bool {
        Arc::strong_count(&self.stacks) > 1
    }
}

impl SizedStacks {
    /// Lends a stack with at least so many usable bytes, which goes back to the pool that comes with it.
    ///
    /// # Errors
    ///
    /// [`StackError`]: no stack has this size, or there is no memory for another.
    pub(crate) fn take(&self, usable_bytes: usize) -> Result<(Arc<Stacks>, Stack), StackError> {
        let shape = StackShape::own(usable_bytes)?;
        let pool = {
            let mut pools = self.0.lock();
            let new = || Pool { stacks: Arc::new(Stacks::new(shape)), rests: false };
            let pool = pools.by_size.entry(shape.usable_bytes()).or_insert_with(new);
            pool.rests = false;
            pool.stacks.clone()
        };
        match pool.take() {
            Ok(stack) => Ok((pool, stack)),
            Err(error) => {
                drop(pool);
                self.forget_empty(shape.usable_bytes());
                Err(error)
            }
        }
    }

    /// A pool that has nothing, and never had.
    fn forget_empty(&self, usable_bytes: usize) {
        let mut pools = self.0.lock();
        let is_empty = |pool: &Pool| !pool.lends() && pool.stacks.stats().slabs == 0;
        if pools.by_size.get(&usable_bytes).is_some_and(is_empty) {
            pools.by_size.remove(&usable_bytes);
        }
    }

    /// Takes a stack back. True: from now on somebody has to call [`SizedStacks::ebb`].
    #[must_use = "pools that nobody takes apart are kept for good"]
    pub(crate) fn give(&self, pool: Arc<Stacks>, stack: Stack) -> bool {
        pool.give(stack);
        drop(pool);
        !mem::replace(&mut self.0.lock().watched, true)
    }

    /// Takes those pools apart that have lent nothing for a turn. `is_turn`: a turn is over.
    pub(crate) fn ebb(&self, is_turn: bool) -> Outlook {
        let mut pools = self.0.lock();
        let rests_again = |_: &usize, pool: &mut Pool| {
            let lends = pool.lends();
            mem::replace(&mut pool.rests, !lends) && !lends
        };
        let mut gone = BTreeMap::new();
        if is_turn {
            gone.extend(pools.by_size.extract_if(.., rests_again));
            pools.watched = pools.by_size.values().any(|pool| pool.rests);
        }
        let outlook = if pools.watched { Outlook::NextTurn } else { Outlook::Calm };
        drop(pools);
        // The mappings go with them.
        drop(gone);
        outlook
    }

    /// Gives everything back to the system that is not in use.
    pub(crate) fn clear(&self) {
        let gone: Vec<_> = self.0.lock().by_size.extract_if(.., |_, pool| !pool.lends()).collect();
        drop(gone);
    }

    /// What all of them hold now.
    pub(crate) fn stats(&self) -> StackStats {
        let pools: Vec<_> =
            self.0.lock().by_size.values().map(|pool| pool.stacks.stats()).collect();
        pools.into_iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: usize = 200 << 10;

    fn sizes(pools: &SizedStacks) -> usize {
        pools.0.lock().by_size.len()
    }

    #[test]
    fn one_size_has_one_pool_and_another_has_its_own() {
        let pools = SizedStacks::default();
        let (pool, first) = pools.take(BYTES).unwrap();
        let (_, second) = pools.take(BYTES - 1).unwrap();
        assert_eq!((sizes(&pools), pools.stats().stacks_out), (1, 2), "rounded up to pages");
        let (_, other) = pools.take(2 * BYTES).unwrap();
        assert_eq!((sizes(&pools), pools.stats().stacks_out), (2, 3));
        assert!(first.usable().len() >= BYTES - 960 && other.usable().len() >= 2 * BYTES - 960);
        let first_top = first.top();
        assert!(pools.give(pool, first), "somebody has to watch");
        let (pool, again) = pools.take(BYTES).unwrap();
        assert_eq!(again.top(), first_top, "the last one given");
        assert!(!pools.give(pool, again), "somebody watches");
        drop((second, other));
    }

    #[test]
    fn a_pool_that_lends_nothing_for_a_turn_goes() {
        let pools = SizedStacks::default();
        let (pool, stack) = pools.take(BYTES).unwrap();
        let (kept, busy) = pools.take(2 * BYTES).unwrap();
        let _ = pools.give(pool, stack);
        assert_eq!(pools.ebb(false), Outlook::NextTurn);
        assert_eq!(pools.ebb(true), Outlook::NextTurn, "it was lent in this turn");
        assert_eq!(sizes(&pools), 2);
        let (pool, stack) = pools.take(BYTES).unwrap();
        let _ = pools.give(pool, stack);
        assert_eq!(pools.ebb(true), Outlook::NextTurn, "and in this one");
        assert_eq!(pools.ebb(true), Outlook::Calm);
        assert_eq!((sizes(&pools), pools.stats().stacks_out), (1, 1), "who lends stays");
        assert!(pools.give(kept, busy), "nobody has watched any more");
        pools.clear();
        assert_eq!((sizes(&pools), pools.stats()), (0, StackStats::default()));
    }

    #[test]
    fn what_cannot_be_had_leaves_nothing() {
        let pools = SizedStacks::default();
        assert_eq!(pools.take(0).unwrap_err(), StackError::Size { asked_bytes: 0 });
        assert_eq!(sizes(&pools), 0);
    }

    /// A stack of a gigabyte that was used to its end is not kept with its pages.
    #[test]
    fn large_stacks_do_not_stay_hot() {
        let pools = SizedStacks::default();
        let (pool, stack) = pools.take(64 << 20).unwrap();
        let lowest = stack.usable().start;
        let word: *mut u64 = std::ptr::with_exposed_provenance_mut(lowest);
        // SAFETY: the test holds the stack.
        unsafe { word.write_volatile(7) };
        let anchor = pool.clone();
        let _ = pools.give(pool, stack);
        let again = anchor.take().unwrap();
        assert_eq!(again.usable().start, lowest);
        // SAFETY: as above.
        assert_eq!(unsafe { word.read_volatile() }, 0, "its pages went back to the kernel");
        anchor.give(again);
    }
}
