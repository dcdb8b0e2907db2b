//! The lobby: which workers are idle, which carriers are spare, who stands in line. Here is where a worker goes that is
//! free, and who is roused for it; `spares.rs` and `line.rs` have what else carriers do there.
//!
//! Off the hot path, and so under one lock: each change of who has a worker is decided here, in one
//! step, and no two can cross. What the hot path must know without the lock is in three counters.
//!
//! - An *idle worker* has no carrier, and (but for saturation) nothing queued.
//! - A worker in the *reserve* has neither, and nobody takes it: there are workers enough at work for the processors
//!   that there are. The monitor says how many are held back ([`crate::monitor`]).
//! - A *spare* is a carrier without a worker and without anything to do, asleep; last in, first
//!   out, so that the warm ones work and the cold ones can end.
//! - The *line* holds carriers that cannot go on without a worker: a task back from native code, a
//!   task that waited in place, a carrier with ready pinned tasks. First in, first out.
//!
//! INVARIANT(lobby.matched): never an idle worker and somebody in line, outside the lock.
//!
//! INVARIANT(lobby.reserve): never more workers are held back than are to be, but between [`Lobby::hold_back`] with
//! fewer and the monitor's calls of [`Lobby::recruit`], which follow at once.
//!
//! # No lost wake-up
//!
//! A worker goes idle (A) and somebody queues work (B):
//!
//! ```text
//!   A1  the worker is idle, in the counter        B1  the task is in its queue
//!   A2  full fence                                B2  full fence
//!   A3  look at every queue once more             B3  look at the counters
//! ```
//!
//! If A3 misses the task, B1 comes after A3, so B3 comes after A1 and sees an idle worker: B wakes
//! a carrier for it. Unless another is *searching*: then that one has not done its own A1 yet, and
//! will look again after it. A searcher that finds work and is the last one passes the search on
//! before it runs what it found ([`Lobby::stop_searching`] says so), so that work which was queued
//! while it searched is not left to nobody.
//!
//! B does not give the worker to the carrier that it wakes: that one is *called*, and counts as
//! searching, while the worker stays idle until it comes. To be woken takes microseconds, and a task
//! that comes back from native code meanwhile need not wait: it takes the worker. Who is called and
//! finds no worker becomes a spare again, and gives the search up as anybody does.
//!
//! A searcher that serves timers may put that off, while the monitor looks in its place ([`crate::worker::put_off`]).
//!
//! A worker that goes to the reserve takes the same steps. If A3 finds work then and nobody is idle to be woken, all
//! others are at work, and the monitor is told.

mod line;
mod spares;

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use std::collections::VecDeque;

/// `W` is a worker by value, `C` a handle to a carrier.
#[derive(Debug)]
pub(crate) struct Lobby<W, C> {
    inner: Mutex<Inner<W, C>>,
    idle: AtomicUsize,
    searching: AtomicUsize,
    line: AtomicUsize,
    reserve: AtomicUsize,
    surplus: AtomicUsize,
}

#[derive(Debug)]
struct Inner<W, C> {
    idle: Vec<W>,
    reserve: Vec<W>,
    /// How many workers are to be in the reserve.
    held_back: usize,
    spares: Vec<C>,
    line: VecDeque<C>,
    /// Workers placed so far.
    placed: u32,
    closed: bool,
}

/// How often a worker goes to the queues although somebody is in line.
pub(crate) const QUEUE_FIRST_EVERY: u32 = 16;

/// Where a worker went.
#[must_use = "a worker that was given must be delivered, one that came back must find a place"]
#[derive(Debug)]
pub(crate) enum Placed<W, C> {
    /// To this carrier: deliver it.
    Given(W, C),
    /// To the idle ones, or to the reserve.
    Idle,
    /// Work waits, and there is no spare: start a carrier, or say [`Lobby::put_idle`].
    NoSpare(W),
}

/// Who is to have the worker of one who lets others go first.
#[must_use = "the worker goes to that one"]
#[derive(Debug)]
pub(crate) enum Next<C> {
    /// This carrier: give it the worker.
    Carrier(C),
    /// There is none: start one with the worker.
    NoSpare,
}

/// Who is to search for the work that was queued.
#[must_use = "a spare that was taken must be called, a worker that came out must find a carrier"]
#[derive(Debug)]
pub(crate) enum Roused<W, C> {
    /// This spare: call it. It finds an idle worker by [`Lobby::take_idle`], unless others were faster.
    Spare(C),
    /// There is none: start a carrier with this worker, or say [`Lobby::put_idle`].
    NoSpare(W),
}

impl<W, C: Copy + PartialEq> Lobby<W, C> {
    pub(crate) fn new() -> Self {
        Lobby {
            inner: Mutex::new(Inner {
                idle: Vec::new(),
                reserve: Vec::new(),
                held_back: 0,
                spares: Vec::new(),
                line: VecDeque::new(),
                placed: 0,
                closed: false,
            }),
            idle: AtomicUsize::new(0),
            searching: AtomicUsize::new(0),
            line: AtomicUsize::new(0),
            reserve: AtomicUsize::new(0),
            surplus: AtomicUsize::new(0),
        }
    }

    /// How many workers are idle. For a push, after its fence (idle.counters).
    #[inline]
    pub(crate) fn idle(&self) -> usize {
        // ORDERING(idle.counters): Relaxed, after a full fence of the caller; pairs with the fence
        // of a worker that went idle.
        self.idle.load(Ordering::Relaxed)
    }

    /// How many carriers stand in line. A look.
    #[inline]
    pub(crate) fn in_line(&self) -> usize {
        // ORDERING: Relaxed, a look; the lock decides.
        self.line.load(Ordering::Relaxed)
    }

    /// How many workers are held back. A look.
    #[inline]
    pub(crate) fn reserve(&self) -> usize {
        // ORDERING: Relaxed, as above.
        self.reserve.load(Ordering::Relaxed)
    }

    /// Are there more workers at work than are to be? A look, for a worker that could [retire](Lobby::retire).
    #[inline]
    pub(crate) fn has_surplus(&self) -> bool {
        // ORDERING: Relaxed, as above.
        self.surplus.load(Ordering::Relaxed) > 0
    }

    #[inline]
    pub(crate) fn searching(&self) -> usize {
        // ORDERING(idle.counters): Relaxed, as in `idle`.
        self.searching.load(Ordering::Relaxed)
    }

    /// One more looks for work.
    pub(crate) fn start_searching(&self) {
        // ORDERING(idle.counters): SeqCst, in one order with the fences of pushes.
        self.searching.fetch_add(1, Ordering::SeqCst);
    }

    /// The first to look for work, or false: somebody looks already.
    pub(crate) fn start_searching_alone(&self) -> bool {
        // ORDERING(idle.counters): SeqCst, as above.
        self.searching.compare_exchange(0, 1, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }

    /// One less looks for work. True: it was the last.
    pub(crate) fn stop_searching(&self) -> bool {
        // ORDERING(idle.counters): SeqCst, as above.
        self.searching.fetch_sub(1, Ordering::SeqCst) == 1
    }

    fn count(&self, inner: &Inner<W, C>) {
        // ORDERING(idle.counters): Relaxed stores under the lock; whoever must not be missed runs
        // a full fence after it has left the lock.
        self.idle.store(inner.idle.len(), Ordering::Relaxed);
        self.line.store(inner.line.len(), Ordering::Relaxed);
        // ORDERING: Relaxed, looks.
        self.reserve.store(inner.reserve.len(), Ordering::Relaxed);
        let surplus = inner.held_back.saturating_sub(inner.reserve.len());
        // ORDERING: Relaxed, as above.
        self.surplus.store(surplus, Ordering::Relaxed);
    }

    /// A carrier has nothing to do, or its worker is one too many, with nothing queued in either case: the worker goes to
    /// the reserve if more are to be there, else to the first in line or to the idle ones, and the carrier itself to the
    /// spares.
    pub(crate) fn retire(&self, worker: W, carrier: C) -> Placed<W, C> {
        let mut inner = self.inner.lock();
        inner.spares.push(carrier);
        if inner.reserve.len() < inner.held_back && !inner.closed {
            inner.reserve.push(worker);
            self.count(&inner);
            return Placed::Idle;
        }
        self.settle(&mut inner, worker)
    }

    /// So many workers are to be held back from now on. Those in the reserve beyond that [come out](Lobby::recruit), and
    /// those that are missing go there when they retire.
    pub(crate) fn hold_back(&self, workers: usize) {
        let mut inner = self.inner.lock();
        inner.held_back = workers;
        self.count(&inner);
    }

    /// A worker that is not to be held back any more.
    pub(crate) fn recruit(&self) -> Option<W> {
        let mut inner = self.inner.lock();
        if inner.reserve.len() <= inner.held_back {
            return None;
        }
        let worker = inner.reserve.pop();
        self.count(&inner);
        worker
    }

    /// A worker is free: to the first in line, or to the idle ones, whom those that come back take
    /// from. Every so often, if `queued` work waits, to a spare: tasks that go in and out of native code
    /// without end could else leave the queues unserved. That is asked then only, under the lock: a look at all queues
    /// is dear.
    pub(crate) fn place(&self, worker: W, queued: impl FnOnce() -> bool) -> Placed<W, C> {
        let mut inner = self.inner.lock();
        inner.placed = inner.placed.wrapping_add(1);
        let queue_first = inner.placed.is_multiple_of(QUEUE_FIRST_EVERY);
        if queue_first && !inner.closed && queued() {
            return match inner.spares.pop() {
                Some(spare) => Placed::Given(worker, spare),
                None => Placed::NoSpare(worker),
            };
        }
        self.settle(&mut inner, worker)
    }

    /// A carrier that has come back and needs a worker has made this one free: as [`Lobby::place`], but if nobody
    /// stands in line it is the caller's own.
    ///
    /// # Errors
    /// It is another's.
    pub(crate) fn keep_or_place(&self, worker: W, queued: bool) -> Result<W, Placed<W, C>> {
        let mut inner = self.inner.lock();
        let placed = inner.placed.wrapping_add(1);
        let queue_first = queued && placed.is_multiple_of(QUEUE_FIRST_EVERY);
        if inner.line.is_empty() && !queue_first && !inner.closed {
            inner.placed = placed;
            return Ok(worker);
        }
        drop(inner);
        Err(self.place(worker, || queued))
    }

    /// A worker that is never idle: to the first in line, else, if `queued` work waits, to a spare.
    ///
    /// # Errors
    /// The worker: nobody is there for it.
    pub(crate) fn lend(&self, worker: W, queued: bool) -> Result<(W, C), W> {
        let mut inner = self.inner.lock();
        let carrier = match inner.line.pop_front() {
            None if queued && !inner.closed => inner.spares.pop(),
            first => first,
        };
        self.count(&inner);
        match carrier {
            Some(carrier) => Ok((worker, carrier)),
            None => Err(worker),
        }
    }

    /// A worker goes to the first in line or to the idle ones.
    pub(crate) fn put_idle(&self, worker: W) -> Placed<W, C> {
        self.settle(&mut self.inner.lock(), worker)
    }

    fn settle(&self, inner: &mut Inner<W, C>, worker: W) -> Placed<W, C> {
        let placed = match inner.line.pop_front() {
            Some(first) => Placed::Given(worker, first),
            None => {
                inner.idle.push(worker);
                Placed::Idle
            }
        };
        self.count(inner);
        placed
    }

    /// A spare for an idle worker, for work that was queued. `None`: no worker is idle.
    pub(crate) fn rouse(&self) -> Option<Roused<W, C>> {
        let mut inner = self.inner.lock();
        if inner.closed || inner.idle.is_empty() {
            return None;
        }
        if let Some(spare) = inner.spares.pop() {
            return Some(Roused::Spare(spare));
        }
        let worker = inner.idle.pop().map(Roused::NoSpare);
        self.count(&inner);
        worker
    }

    /// An idle worker.
    pub(crate) fn take_idle(&self) -> Option<W> {
        if self.idle() == 0 {
            return None;
        }
        let mut inner = self.inner.lock();
        if inner.closed {
            return None;
        }
        let worker = inner.idle.pop();
        self.count(&inner);
        worker
    }

    /// Does something with each worker that is idle or held back, which nobody takes meanwhile.
    pub(crate) fn each_idle(&self, visit: impl FnMut(&mut W)) {
        let Inner { idle, reserve, .. } = &mut *self.inner.lock();
        idle.iter_mut().chain(reserve).for_each(visit);
    }

    /// No worker is given any more. Returns those that are idle or held back; who stands in line finds out by the stage.
    pub(crate) fn close(&self) -> Vec<W> {
        let mut inner = self.inner.lock();
        inner.closed = true;
        inner.line.clear();
        let mut idle = std::mem::take(&mut inner.idle);
        idle.append(&mut inner.reserve);
        self.count(&inner);
        idle
    }
}
