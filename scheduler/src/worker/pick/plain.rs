//! Picks that look no further: nearly all of them, for most have nothing to look at but the carrier's and the worker's own.
//!
//! Every 16th pick looks at what others have, and two of 61 are fair. In between a pick is *plain*: how many of them are to
//! come is counted once, at a pick that is not. So the loop asks one number in place of two remainders, and a task that
//! yields may pass the turn on without the loop (`worker/pass.rs`) as long as a plain pick is left.

use crate::worker::Worker;

/// One pick in so many is fair, and so is the one in the middle.
pub(super) const FAIR_EVERY: u32 = 61;
pub(super) const FAIR_HALF: u32 = 30;

/// One pick in so many looks at the timers, and at what waits for any worker.
pub(super) const OTHERS_EVERY: u32 = 16;

/// How many times in a row a task that was woken goes before the others.
pub(super) const WOKEN_BUDGET: u8 = 3;

/// A pick, as its worker counts it.
pub(super) struct Counted {
    /// How many there were of this worker, this one included.
    pub(super) tick: u32,
    /// How many of them on this carrier.
    pub(super) tenure: u32,
    /// It looks no further.
    pub(super) is_plain: bool,
}

impl Worker {
    /// Counts a pick of the loop. `None`: this is an extra worker that is not wanted any more, and has no next task.
    #[inline]
    pub(super) fn count_pick(&mut self) -> Option<Counted> {
        self.tenure = self.tenure.saturating_add(1);
        self.lends = 0;
        if self.is_recalled() {
            return None;
        }
        let tick = self.next_tick();
        let is_plain = self.plain_picks > 0;
        self.plain_picks = if is_plain {
            self.plain_picks - 1
        } else if self.is_extra() {
            0
        } else {
            plain_picks_after(tick)
        };
        Some(Counted { tick, tenure: self.tenure, is_plain })
    }

    /// A pick that leaves the loop out, of the next in the ring of pinned tasks. False: it is the loop's.
    #[inline]
    pub(in crate::worker) fn pick_plainly(&mut self) -> bool {
        self.plain_picks > 0 && self.queues.is_empty() && self.count_plain_pick()
    }

    /// As [`Worker::pick_plainly`], of the next of those that yielded and may move.
    #[inline]
    pub(in crate::worker) fn pick_yielded_plainly(&mut self) -> bool {
        self.plain_picks > 0 && self.queues.has_only_yielded() && self.count_plain_pick()
    }

    /// As [`Worker::pick_plainly`], of the pinned task that was woken on its carrier last. `is_alone`: no other is ready on the
    /// carrier.
    #[inline]
    pub(in crate::worker) fn pick_woken_plainly(&mut self, is_alone: bool) -> bool {
        let streak = if self.woken_streak < WOKEN_BUDGET {
            self.woken_streak + 1
        } else if is_alone && self.queues.is_empty() && self.relieved.is_none() {
            // It had to wait for nobody.
            0
        } else {
            return false;
        };
        let is_picked = self.plain_picks > 0 && self.count_plain_pick();
        if is_picked {
            self.woken_streak = streak;
        }
        is_picked
    }

    #[inline]
    fn count_plain_pick(&mut self) -> bool {
        self.plain_picks -= 1;
        self.tenure = self.tenure.saturating_add(1);
        self.lends = 0;
        self.woken_streak = 0;
        self.next_tick();
        true
    }
}

/// How many picks in a row after this one look neither at others' queues nor at the timers, nor are fair.
#[inline]
fn plain_picks_after(tick: u32) -> u8 {
    let in_turn = tick % FAIR_EVERY;
    let fair = if in_turn < FAIR_HALF { FAIR_HALF } else { FAIR_EVERY } - in_turn;
    let others = OTHERS_EVERY - tick % OTHERS_EVERY;
    (fair.min(others) - 1) as u8
}

#[cfg(test)]
mod tests {
    use super::{FAIR_EVERY, FAIR_HALF, OTHERS_EVERY, plain_picks_after};

    #[test]
    fn no_pick_that_looks_further_is_passed_over() {
        for tick in 0..2 * FAIR_EVERY * OTHERS_EVERY {
            let first_looking = (tick + 1..)
                .find(|it| it % OTHERS_EVERY == 0 || [0, FAIR_HALF].contains(&(it % FAIR_EVERY)))
                .expect("one in sixteen does");
            assert_eq!(u32::from(plain_picks_after(tick)), first_looking - tick - 1, "{tick}");
        }
    }
}
