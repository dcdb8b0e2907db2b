//! Workers: the right to run managed code, and what travels with it.
//!
//! - [`Worker`]: the queues, the warm fibers, the ticks. Owned by value by one carrier at a time,
//!   in that carrier's cell, or by the lobby while idle.
//! - `shown.rs`: what others may see of it. `fibers.rs`: the warm fibers.
//! - `ahead.rs`: what is fetched ahead where a worker goes on.
//! - `aside.rs`: a task that the next one here is likely to wake.
//! - `current.rs`: which carrier is this thread? The crate's one door to thread-local storage.
//! - `run.rs`: the loop of a carrier: pick, resume, settle. `start.rs`, `finish.rs`: a task's first turn and its last.
//! - `pick.rs`: which task is next, `search.rs`: from others, `ranked.rs`: if their priorities differ.
//! - `without.rs`: how a carrier gives its worker away, and gets one again.
//! - `put_off.rs`: whom timers have woken together, one worker runs.
//! - `lend.rs`: a join that needs no queue and no wake-up. `succession.rs`: one task after the other on the same fiber.
//!   `pile.rs`: who lends, for those who look.
//!   `pass.rs`: a yield that needs no loop.
//! - `extra.rs`: workers that stand in for one whose task does not switch.
//! - `share.rs`: what tasks that yield have of a worker's time beside those that leave for native code.
//!
//! N workers exist, from the start of a runtime to its end. Who owns one may run tasks; who does
//! not may not: that is how at most N carriers are in managed code, and as many more as extra
//! workers are out, which are counted.

mod ahead;
pub(crate) mod aside;
pub(crate) mod current;
pub(crate) mod extra;
mod fibers;
mod finish;
pub(crate) mod lend;
pub(crate) mod pass;
mod pick;
pub(crate) mod pile;
pub(crate) mod put_off;
mod ranked;
pub(crate) mod run;
mod search;
mod share;
mod shown;
pub(crate) mod start;
pub(crate) mod succession;
pub(crate) mod without;

pub(crate) use self::ahead::{Ahead, Hint};
use self::extra::Run;
use self::fibers::WARM_FIBERS;
use self::put_off::PutOff;
use self::share::Share;
pub(crate) use self::shown::{Moment, Shown, Turn};
use crate::fiber::FiberBox;
use crate::metrics::Counter;
use crate::queue::Local;
use crate::sync::Arc;
use crate::task::Id;
use crate::task::supply::Supply;
use crossbeam_utils::CachePadded;
use std::ops::Range;

/// One yield in so many of a task that is alone goes through the loop.
const LOOKS_AROUND_EVERY: u8 = 32;

/// See the module.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) queues: Local,
    pub(crate) shown: Arc<CachePadded<Shown>>,
    /// Picks so far; the fair pick comes every so often.
    tick: u32,
    /// Picks since the worker came to its carrier.
    pub(crate) tenure: u32,
    /// How many picks from now on look at nothing but what is the worker's and the carrier's own. See `pass.rs`.
    plain_picks: u8,
    /// How often a task has lent its turn since the last pick.
    pub(crate) lends: u8,
    /// How many yields of a task that was alone.
    yields_alone: u8,
    /// How many picks in a row found a task that was woken on its carrier.
    woken_streak: u8,
    /// Counted in the lobby as one that looks for work.
    pub(crate) searching: bool,
    /// It has not told others yet what timers have made ready.
    put_off: Option<PutOff>,
    /// How many times it does not put that off.
    impatience: u8,
    /// It was given away for the time of a native call, and its carrier has not been idle since.
    pub(crate) handed_off: bool,
    /// The worker whose deque it looks into once it has begun all that is in its own: where it has taken from last, if
    /// that had something, or any, of a worker whose only task yields.
    relieved: Option<usize>,
    share: Share,
    /// It was taken to serve timers, or for those whom they have woken on another carrier, and nobody has called for
    /// it since. Not of an idle one.
    pub(crate) serves_timers: bool,
    /// It was taken for a pinned task which one on another carrier has woken, or such mail has come while it waited for
    /// it.
    pub(crate) expects_mail: bool,
    /// Of an extra worker, the runs that it is bound to. See `extra.rs`.
    stands_in_for: Vec<Run>,
    fibers: Vec<FiberBox>,
    /// So many of these, the first, came from the depot: they have left the caches since they were used.
    cold_fibers: usize,
    /// For its next tasks.
    pub(crate) supply: Supply,
    ids: Range<u64>,
    random: u32,
}

impl Worker {
    /// `side_by_side`: how many workers run at once.
    pub(crate) fn new(index: usize, side_by_side: usize) -> Worker {
        let queues = Local::new();
        let shown = Arc::new(CachePadded::new(Shown::new(queues.remote().clone())));
        Worker {
            index,
            queues,
            shown,
            tick: 0,
            tenure: 0,
            plain_picks: 0,
            lends: 0,
            yields_alone: 0,
            woken_streak: 0,
            searching: false,
            put_off: None,
            impatience: 0,
            handed_off: false,
            relieved: None,
            share: Share::new(side_by_side),
            serves_timers: false,
            expects_mail: false,
            stands_in_for: Vec::new(),
            fibers: Vec::with_capacity(WARM_FIBERS),
            cold_fibers: 0,
            supply: Supply::default(),
            ids: 0..0,
            random: 0x9E37_79B9 ^ (index as u32).wrapping_mul(0x85EB_CA6B) | 1,
        }
    }

    /// The number for a new task; numbers are taken in blocks so that workers do not meet.
    #[inline]
    pub(crate) fn next_id(&mut self, more: impl FnOnce() -> Range<u64>) -> Id {
        let id = self.ids.next().unwrap_or_else(|| {
            self.ids = more();
            self.ids.next().expect("a block of numbers is not empty")
        });
        Id(id)
    }

    /// A task that is alone yields. True: one time in so many, and the loop then looks into another's deque, too.
    /// `queues`: how many workers have some.
    #[inline]
    pub(crate) fn counts_alone(&mut self, queues: impl FnOnce() -> usize) -> bool {
        self.yields_alone = self.yields_alone.wrapping_add(1);
        let looks_around = self.yields_alone.is_multiple_of(LOOKS_AROUND_EVERY);
        if looks_around && self.relieved.is_none() {
            self.relieved = Some(self.random_below(queues()));
        }
        looks_around
    }

    /// The worker is given away for the time of a native call.
    pub(crate) fn hand_off(&mut self) {
        self.handed_off = true;
        self.share.count_departure();
    }

    /// Nothing is to be done. Was the worker given away since it was so last?
    pub(crate) fn rest(&mut self) -> bool {
        self.share.reset();
        self.serves_timers = false;
        self.expects_mail = false;
        // Others have taken what it has not told of.
        let _ = self.take_put_off();
        std::mem::take(&mut self.handed_off)
    }

    /// Counts a pick.
    #[inline]
    pub(crate) fn next_tick(&mut self) -> u32 {
        self.tick = self.tick.wrapping_add(1);
        self.shown.set_picks(self.tick);
        self.tick
    }

    /// A random number below `limit`: xorshift, good enough to spread thieves.
    pub(crate) fn random_below(&mut self, limit: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        ((u64::from(self.random) * limit as u64) >> 32) as usize
    }

    /// Counts an event of this worker.
    #[inline]
    pub(crate) fn count(&self, counter: Counter) {
        self.shown.metrics.add_owned(counter);
    }
}
