//! What a task pays that is made to yield: turns that it forgoes.
//!
//! Who runs for 10 ms while others wait is asked to let them (`monitor/runaway.rs`), and does at its next checkpoint. Such
//! a yield is *forced*. The task goes behind all that are ready, and when its turn comes *sits out*, if others are ready
//! then: for one quantum, and for twice as many as the last time if it was made to yield again by the first run since, so without
//! ever having let others run by itself; up to [`MOST`].
//!
//! Who yields by itself pays nothing, and has nothing to look at: that a run is the one which began with the end of a
//! penalty is seen by the worker's turn, when the task is made to yield again.
//!
//! Who sits out is suspended, or waits in place, as in a sleep, and is on the [`Bench`].
//!
//! - INVARIANT(penalty.bound): the wait ends with its time, whoever is ready then. A worker that finds nothing to do
//!   calls the first one before, of those that it may run, so nobody sits out while a worker has nothing else.
//! - On the bench is who is in [`sit_out`]: an abort, which ends the wait, takes it from there.
//!
//! Must not: make a task wait that lets no others run, because it unwinds or keeps a hold.

use crate::carrier::{Carrier, CarrierRef};
use crate::ebb::give_room;
use crate::metrics::Counter;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::task::{Header, TaskRef, Waker, abort};
use crate::wait::{self, Waiter, deadline};
use crate::worker::Moment;
use std::cell::Cell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// One turn of those that sit out: as long as a task may run before it is asked to yield.
const QUANTUM: Duration = Duration::from_millis(10);

/// The most quanta that a task sits out at a time.
const MOST: u32 = 8;

/// What is known of a task that was made to yield.
#[derive(Debug)]
pub(crate) struct Penalty {
    /// How often it was.
    forced: AtomicU64,
    /// What it was to sit out the last time.
    quanta: Cell<u32>,
    /// When it went on after that.
    since: Cell<Option<Moment>>,
}

impl Penalty {
    pub(crate) fn new() -> Penalty {
        Penalty { forced: AtomicU64::new(0), quanta: Cell::new(0), since: Cell::new(None) }
    }

    /// How often the task was made to yield.
    pub(crate) fn forced(&self) -> u64 {
        // ORDERING: Relaxed, a count that stands for itself.
        self.forced.load(Ordering::Relaxed)
    }

    /// It was made to yield, at the end of this run. How many quanta is it to sit out?
    fn grow(&self, run: Option<Moment>) -> u32 {
        // ORDERING: Relaxed, as in `forced`.
        self.forced.fetch_add(1, Ordering::Relaxed);
        let is_repeated = run.is_some() && run == self.since.get();
        let quanta = if is_repeated { (2 * self.quanta.get()).min(MOST) } else { 1 };
        self.quanta.set(quanta);
        quanta
    }
}

/// Those that sit out, the first of them first.
#[derive(Debug, Default)]
pub(crate) struct Bench {
    sitting: AtomicUsize,
    line: Mutex<VecDeque<Sitting>>,
}

#[derive(Debug)]
struct Sitting {
    task: TaskRef,
    /// The carrier that it goes on on; `None`: any worker will do.
    home: Option<CarrierRef>,
}

impl Bench {
    fn is_empty(&self) -> bool {
        // ORDERING: Relaxed, a look. A worker that may have to call somebody sees what its carrier's own tasks have
        // done; others are called sooner for it, or when their time has come.
        self.sitting.load(Ordering::Relaxed) == 0
    }

    fn sit(&self, task: TaskRef, home: Option<CarrierRef>) {
        let mut line = self.line.lock();
        line.push_back(Sitting { task, home });
        // ORDERING: Relaxed, as in `is_empty`.
        self.sitting.store(line.len(), Ordering::Relaxed);
    }

    fn has(&self, task: &Header) -> bool {
        self.line.lock().iter().any(|sitting| std::ptr::eq(&*sitting.task, task))
    }

    /// Takes the first one from the bench for which this is so.
    fn take(&self, is_it: impl Fn(&Sitting) -> bool) -> Option<TaskRef> {
        let mut line = self.line.lock();
        let at = line.iter().position(is_it)?;
        let sitting = line.remove(at)?;
        give_room(&mut line);
        // ORDERING: Relaxed, as in `is_empty`.
        self.sitting.store(line.len(), Ordering::Relaxed);
        Some(sitting.task)
    }

    fn take_this(&self, task: &Header) -> Option<TaskRef> {
        self.take(|sitting| std::ptr::eq(&*sitting.task, task))
    }

    /// The task sits out no longer, if it does.
    pub(crate) fn excuse(&self, task: &Header) {
        if !self.is_empty()
            && let Some(task) = self.take_this(task)
        {
            Waker::Task(task).wake();
        }
    }
}

/// The current task's place on the bench.
struct Place<'a>(&'a Header);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        drop(self.0.shared.bench.take_this(self.0));
    }
}

/// Are others ready, so that the current task is in their way?
pub(crate) fn others_are_ready(carrier: &Carrier) -> bool {
    // SAFETY: this is the carrier's thread, in its task, and the word says `RUN`.
    carrier.shared().work_waits() || !unsafe { carrier.is_alone() }
}

/// The worker's turn, in which the current task runs.
pub(crate) fn moment(carrier: &Carrier) -> Option<Moment> {
    // SAFETY: this is the carrier's thread, in its task, and the word says `RUN`.
    unsafe { carrier.with_worker(|worker| worker.moment()) }
}

/// The current task was made to yield, has let others run, and has its turn again. `run`: the one that ended by it.
#[cold]
#[inline(never)]
pub(crate) fn sit_out(run: Option<Moment>) {
    let Some((carrier, task)) = wait::managed() else { return };
    let quanta = task.own_rare().penalty.grow(run);
    carrier.shared().metrics.add(Counter::ForcedYields);
    let lets_others = !abort::skips_pauses(task) && !carrier.shared().hold.is_kept_by(task);
    if lets_others && others_are_ready(carrier) {
        let home = if wait::is_switchable(task) && task.is_pinned() { task.home() } else { None };
        carrier.shared().bench.sit(wait::reference(task), home.map(Carrier::as_ref));
        wait_on_bench(task, QUANTUM * quanta);
    }
    if let Some((carrier, task)) = wait::managed() {
        task.own_rare().penalty.since.set(moment(carrier));
    }
}

/// The task's frames keep it, and through it the runtime.
fn wait_on_bench(task: &Header, time: Duration) {
    let _place = Place(task);
    // SAFETY: it stays in this frame.
    let waiter = unsafe { Waiter::new("a forced yield") };
    let until = deadline(time);
    while task.shared.bench.has(task) && Instant::now() < until && waiter.pause_until(until) {}
}

/// The worker of this carrier finds nobody ready: the first of those that sit out, and that it may run, goes on. False:
/// there is none. In the carrier's loop.
pub(crate) fn call_first(carrier: &Carrier) -> bool {
    let shared = carrier.shared();
    if shared.bench.is_empty() || shared.work_waits() {
        return false;
    }
    // SAFETY: this is the carrier's thread, in its loop, and the word says `RUN`.
    if unsafe { carrier.with_worker(|worker| worker.is_recalled()) } != Some(false) {
        return false;
    }
    let is_mine = |sitting: &Sitting| sitting.home.is_none_or(|home| home == carrier.as_ref());
    let Some(task) = shared.bench.take(is_mine) else { return false };
    Waker::Task(task).wake();
    true
}

#[cfg(test)]
mod tests {
    use super::{MOST, Penalty};
    use crate::worker::Worker;

    #[test]
    fn it_grows_while_the_task_lets_nobody_run_by_itself() {
        let mut worker = Worker::new(0, 1);
        let penalty = Penalty::new();
        let mut made_to_yield = |by_itself: bool| {
            worker.next_tick();
            penalty.since.set(Some(worker.moment()));
            if by_itself {
                worker.next_tick();
            }
            penalty.grow(Some(worker.moment()))
        };
        assert_eq!(penalty.grow(None), 1);
        let all: Vec<_> = (0..6).map(|_| made_to_yield(false)).collect();
        assert_eq!(all, [2, 4, 8, 8, 8, 8].map(|quanta: u32| quanta.min(MOST)));
        assert_eq!([made_to_yield(true), made_to_yield(false), made_to_yield(true)], [1, 2, 1]);
        assert_eq!(penalty.forced(), 10);
    }

    #[test]
    fn the_first_is_the_shortest() {
        let worker = Worker::new(0, 1);
        assert_eq!([Penalty::new().grow(None), Penalty::new().grow(Some(worker.moment()))], [1, 1]);
    }
}
