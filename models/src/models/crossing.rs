//! The crossing in mode C: one worker never has two owners, and none is lost.
//!
//! A carrier leaves for native code and comes back several times; two retakers try to take its
//! worker as the monitor does. A carrier that has lost its worker takes another from the pool, so
//! that its cell holds different workers in different calls. A worker is a plain counter: each
//! owner adds one, and loom fails if two could do so at once or without order.
//!
//! The worker's cell is the one of `carrier.rs`, by its rule 2: the pointer is read between a look
//! at the word and an exchange of that very word.

use crate::explore::{explore, join, spawn};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use loom::cell::UnsafeCell;
use std::cell::Cell;
use std::sync::Arc;

const NOBODY_SLEEPS: &str = "crossing: a thread sleeps, but none of this model may";
const EMPTY: usize = usize::MAX;
const LEAVES: usize = 3;

/// A version of the carrier's word.
pub(super) trait Word: 'static {
    type Seen: Copy + PartialEq;
    fn new() -> Self;
    fn load(&self) -> Self::Seen;
    fn is_native(seen: Self::Seen) -> bool;
    fn leave(&self);
    fn come_back(&self) -> bool;
    fn retake(&self, seen: Self::Seen) -> bool;
    fn run(&self);
}

macro_rules! versions {
    ($($($module:ident)::+),* $(,)?) => {$(
        impl Word for $($module)::+::Word {
            type Seen = $($module)::+::Snapshot;
            fn new() -> Self {
                <$($module)::+::Word>::new()
            }
            fn load(&self) -> Self::Seen {
                self.load()
            }
            fn is_native(seen: Self::Seen) -> bool {
                seen.is_native()
            }
            fn leave(&self) {
                self.leave();
            }
            fn come_back(&self) -> bool {
                self.come_back()
            }
            fn retake(&self, seen: Self::Seen) -> bool {
                self.retake(seen)
            }
            fn run(&self) {
                self.run();
            }
        }
    )*};
}

versions!(
    crate::word,
    crate::mutants::word_epoch_stands_still,
    crate::mutants::word_retake_by_load_and_store,
    crate::mutants::word_come_back_by_store,
    crate::mutants::word_leave_relaxed,
    crate::mutants::word_look_relaxed,
);

/// Where a worker is, in the model's own books: not the protocol's, and not ordered by loom.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Whereabouts {
    /// Somebody runs with it.
    Owned,
    /// Behind a native call: the winner of the next exchange owns it.
    Offered,
    /// In the pool.
    Pooled,
}

struct Worker {
    whereabouts: Cell<Whereabouts>,
    uses: Cell<u32>,
    counter: UnsafeCell<u32>,
}

impl Worker {
    fn new(whereabouts: Whereabouts) -> Worker {
        Worker {
            whereabouts: Cell::new(whereabouts),
            uses: Cell::new(0),
            counter: UnsafeCell::new(0),
        }
    }

    fn pass(&self, from: Whereabouts, to: Whereabouts) {
        let found = self.whereabouts.replace(to);
        assert!(
            found == from,
            "crossing: a worker has two owners: one found it {found:?}, but took it for {from:?}"
        );
    }

    fn work(&self) {
        self.uses.set(self.uses.get() + 1);
        // SAFETY: the model's claim: the caller is the worker's only owner. Loom checks it.
        self.counter.with_mut(|counter| unsafe { *counter += 1 });
    }
}

struct Place<W> {
    word: W,
    /// As `Carrier::worker`.
    cell: AtomicUsize,
    workers: [Worker; 2],
    pool: Mutex<Vec<usize>>,
}

impl<W: Word> Place<W> {
    fn pool(&self, worker: usize) {
        let mut pool = self.pool.lock();
        self.workers[worker].pass(Whereabouts::Owned, Whereabouts::Pooled);
        pool.push(worker);
    }

    fn unpool(&self) -> Option<usize> {
        let worker = self.pool.lock().pop()?;
        self.workers[worker].pass(Whereabouts::Pooled, Whereabouts::Owned);
        Some(worker)
    }

    /// As `Carrier::put_worker`.
    fn put_worker(&self, worker: usize) {
        // ORDERING: Relaxed, published by the Release store in `Word::leave`.
        self.cell.store(worker, Ordering::Relaxed);
        self.word.run();
    }

    /// The carrier's thread. Ends without a worker if it lost its own and the pool is empty.
    fn carry(&self) {
        for _ in 0..LEAVES {
            // ORDERING: Relaxed, the thread reads what it wrote itself.
            let worker = self.cell.load(Ordering::Relaxed);
            self.workers[worker].work();
            self.workers[worker].pass(Whereabouts::Owned, Whereabouts::Offered);
            self.word.leave();
            if self.word.come_back() {
                self.workers[worker].pass(Whereabouts::Offered, Whereabouts::Owned);
                continue;
            }
            // ORDERING: Relaxed, as `Carrier::forget_worker`.
            self.cell.store(EMPTY, Ordering::Relaxed);
            match self.unpool() {
                Some(worker) => self.put_worker(worker),
                None => return,
            }
        }
    }

    /// As `Carrier::retake`.
    fn retake(&self) {
        let seen = self.word.load();
        if !W::is_native(seen) {
            return;
        }
        // ORDERING(crossing.word): Relaxed, after the Acquire look that gave `seen`.
        let worker = self.cell.load(Ordering::Relaxed);
        if !self.word.retake(seen) {
            return;
        }
        assert!(worker != EMPTY, "crossing: a retake won, and found no worker");
        self.workers[worker].pass(Whereabouts::Offered, Whereabouts::Owned);
        self.workers[worker].work();
        self.pool(worker);
    }
}

fn retakes<W: Word>() {
    explore(NOBODY_SLEEPS, 3, || {
        let place = Arc::new(Place {
            word: W::new(),
            cell: AtomicUsize::new(EMPTY),
            workers: [Worker::new(Whereabouts::Owned), Worker::new(Whereabouts::Pooled)],
            pool: Mutex::new(vec![1]),
        });
        place.put_worker(0);
        let retakers = [(), ()].map(|()| {
            let place = place.clone();
            spawn(move || place.retake())
        });
        place.carry();
        join(retakers);

        let pool = place.pool.lock();
        // ORDERING: Relaxed, all threads have ended.
        let cell = place.cell.load(Ordering::Relaxed);
        for (index, worker) in place.workers.iter().enumerate() {
            let pooled = pool.iter().filter(|pooled| **pooled == index).count();
            let places = pooled + usize::from(cell == index);
            assert_eq!(places, 1, "crossing: a worker is in one place at the end");
            // SAFETY: all threads have ended.
            let counted = worker.counter.with(|counter| unsafe { *counter });
            assert_eq!(counted, worker.uses.get(), "crossing: a use was lost");
        }
    });
}

#[test]
fn one_worker_one_owner() {
    retakes::<crate::word::Word>();
}

macro_rules! caught {
    ($($mutant:ident, $expected:literal;)*) => {$(
        #[test]
        #[should_panic(expected = $expected)]
        fn $mutant() {
            retakes::<crate::mutants::$mutant::Word>();
        }
    )*};
}

caught! {
    word_epoch_stands_still, "crossing: a retake won, and found no worker";
    word_retake_by_load_and_store, "crossing: a worker has two owners";
    word_come_back_by_store, "crossing: a worker has two owners";
    word_leave_relaxed, "Causality violation";
    word_look_relaxed, "crossing: a";
}
