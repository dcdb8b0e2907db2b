//! The timers of one batch ring.
//!
//! Those who wait have rested for so long that all they touch has left the caches, and each rests on pages of its own,
//! whose addresses the processor does not know any more. It can look for several at once, and goes on meanwhile; but not
//! past a locked instruction, of which each wake has some. So what is to be done for each is done for all, step by step.

use super::shard::Fired;
use super::{BATCH, TimerKey};
use crate::task::Waker;
use crate::task::state::Wake;

/// Wakes those whose timers have fired, of the shard of this number. How many.
pub(super) fn all(shard: usize, fired: Fired) -> usize {
    fired.iter().flatten().for_each(|(_, waker)| waker.prefetch());
    let mut owed = [Wake::Nothing; BATCH];
    for (owed, (key, waker)) in owed.iter_mut().zip(fired.iter().flatten()) {
        *owed = waker.begin_ring(TimerKey { shard, key: *key }.number());
    }
    let woken = || fired.iter().flatten().map(|(_, waker): &(_, Waker)| waker).zip(owed);
    woken().for_each(|(waker, owed)| waker.prefetch_stack(owed));
    woken().for_each(|(waker, owed)| waker.prefetch_rest(owed));
    let count = woken().count();
    for ((_, waker), owed) in fired.into_iter().flatten().zip(owed) {
        waker.end_ring(owed);
    }
    count
}
