//! The crossing: one worker never has two owners, none is lost, and none stays behind a call that
//! lasts.
//!
//! A carrier leaves for native code and comes back, in one mode after the other; takers try to take
//! its worker as the monitor and the shutdown do. A carrier that has lost its worker takes another
//! from the pool, so that its cell holds different workers in different calls. Each owner of a
//! worker adds one to its counter, and loom fails if two could do so at once or without order.
//!
//! The files under test are the words, and the taking in both modes. The carrier's cell is
//! `src/carrier.rs`.

mod versions;

use crate::explore::{explore, join, spawn};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::worker::Worker;
use loom::cell::UnsafeCell;
use std::cell::Cell;
use std::sync::Arc;
use versions::Way::{Asymmetric, Compare, HandOver, Kept};
use versions::{Carrier, Way};

const NOBODY_SLEEPS: &str = "crossing: a thread sleeps, but none of this model may";

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

struct Book {
    whereabouts: Cell<Whereabouts>,
    uses: Cell<u32>,
    counter: UnsafeCell<u32>,
}

impl Book {
    fn new(whereabouts: Whereabouts) -> Book {
        Book {
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

/// What a taker leaves for the carrier; see `Carrier::set_evidence`.
const EVIDENCE: u64 = 7;

struct Place<C: Carrier> {
    carrier: C,
    retaking: C::Retaking,
    books: [Book; 2],
    pool: Mutex<Vec<usize>>,
    /// See `Place::step`.
    steps: AtomicUsize,
}

impl<C: Carrier> Place<C> {
    fn new() -> Arc<Self> {
        let place = Place {
            carrier: C::new(),
            retaking: C::Retaking::default(),
            books: [Book::new(Whereabouts::Owned), Book::new(Whereabouts::Pooled)],
            pool: Mutex::new(vec![1]),
            steps: AtomicUsize::new(0),
        };
        place.carrier.put_worker(Worker::new(0));
        Arc::new(place)
    }

    /// Something that both sides do, so that loom tries both orders of what lies around it. Loom
    /// remembers the last access of a place only, and so overlooks some orders by itself: a taker's
    /// look hides from it that the carrier has looked before.
    fn step(&self) {
        // ORDERING: Relaxed, it must order nothing.
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    fn pool(&self, worker: usize) {
        let mut pool = self.pool.lock();
        self.books[worker].pass(Whereabouts::Owned, Whereabouts::Pooled);
        pool.push(worker);
    }

    fn unpool(&self) -> Option<usize> {
        let worker = self.pool.lock().pop()?;
        self.books[worker].pass(Whereabouts::Pooled, Whereabouts::Owned);
        Some(worker)
    }

    /// The carrier's thread leaves, with the worker it has.
    fn leave(&self, worker: usize, way: Way) -> C::Seen {
        self.books[worker].work();
        if matches!(way, Asymmetric | Compare) {
            self.books[worker].pass(Whereabouts::Owned, Whereabouts::Offered);
        }
        let left = self.carrier.leave(way);
        if way == HandOver {
            // As `crossing::hand_over`.
            let worker = self.carrier.take_worker().expect("crossing: a worker is lost");
            self.pool(Worker::index(worker));
        }
        left
    }

    /// The carrier's thread: a call after the other, the last of which is for good. Ends early if it
    /// has lost its worker and the pool is empty.
    fn carry(&self, ways: &[Way], last: Option<Way>) {
        let mut worker = 0;
        for way in ways {
            let left = self.leave(worker, *way);
            self.step();
            if self.carrier.come_back_from(*way, left) {
                if *way != Kept {
                    self.books[worker].pass(Whereabouts::Offered, Whereabouts::Owned);
                }
                continue;
            }
            self.carrier.forget_worker();
            worker = match self.unpool() {
                Some(worker) => worker,
                None => return,
            };
            self.carrier.put_worker(Worker::new(worker));
        }
        match last {
            Some(way) => self.leave(worker, way),
            None => self.leave(worker, HandOver),
        };
    }

    /// As the monitor: looks, and takes what it saw. True if it got a worker.
    fn retake(&self) -> bool {
        let seen = self.carrier.look();
        self.carrier.set_evidence(EVIDENCE);
        let taken = self.carrier.take(&self.retaking, seen);
        self.step();
        let Some(worker) = taken else { return false };
        let worker = Worker::index(worker);
        self.books[worker].pass(Whereabouts::Offered, Whereabouts::Owned);
        self.books[worker].work();
        self.pool(worker);
        true
    }

    /// All threads have ended, and the carrier, if it has a worker, is in a call that lasts.
    fn check(&self) {
        let lasting = self.books.iter().any(|it| it.whereabouts.get() == Whereabouts::Offered);
        assert!(
            !lasting || self.retake(),
            "crossing: a worker behind a call that lasts cannot be taken any more"
        );
        let pool = self.pool.lock();
        for (index, book) in self.books.iter().enumerate() {
            let pooled = pool.iter().filter(|pooled| **pooled == index).count();
            assert_eq!(pooled, 1, "crossing: a worker is lost");
            // SAFETY: all threads have ended.
            let counted = book.counter.with(|counter| unsafe { *counter });
            assert_eq!(counted, book.uses.get(), "crossing: a use was lost");
        }
    }
}

/// A carrier that leaves as `ways` say, and takers, each of which takes as often as `takers` says.
fn crossing<C: Carrier>(
    preemptions: usize,
    takers: &'static [usize],
    ways: &'static [Way],
    last: Option<Way>,
) {
    explore(NOBODY_SLEEPS, preemptions, move || {
        let place = Place::<C>::new();
        let takers: Vec<_> = takers
            .iter()
            .map(|times| {
                let place = place.clone();
                spawn(move || {
                    for _ in 0..*times {
                        place.retake();
                    }
                })
            })
            .collect();
        place.carry(ways, last);
        join(takers);
        place.check();
    });
}

/// What a taker has written down before it took is seen by the carrier that finds its worker gone.
fn evidence<C: Carrier>(way: Way) {
    explore(NOBODY_SLEEPS, 3, move || {
        let place = Place::<C>::new();
        let taker = {
            let place = place.clone();
            spawn(move || {
                place.retake();
            })
        };
        place.leave(0, way);
        place.step();
        if !place.carrier.come_back() {
            let seen = place.carrier.evidence();
            assert!(seen == EVIDENCE, "crossing: who lost a worker does not see what was seen");
        }
        join([taker]);
    });
}

/// A callback in a call of mode A: it comes back, and leaves anew in another way. The outer return must
/// not take the call that it left for the one that it comes back from.
fn callback<C: Carrier>(inner: Way) {
    explore(NOBODY_SLEEPS, 2, move || {
        let place = Place::<C>::new();
        let taker = {
            let place = place.clone();
            spawn(move || {
                place.retake();
            })
        };
        let left = place.leave(0, Asymmetric);
        let mut worker = Some(0);
        place.step();
        if place.carrier.come_back() {
            place.books[0].pass(Whereabouts::Offered, Whereabouts::Owned);
        } else {
            place.carrier.forget_worker();
            worker = place.unpool();
        }
        if let Some(worker) = worker {
            place.carrier.put_worker(Worker::new(worker));
            place.leave(worker, inner);
            place.step();
            if place.carrier.come_back_from(Asymmetric, left) {
                place.books[worker].pass(Whereabouts::Offered, Whereabouts::Owned);
                place.leave(worker, HandOver);
            }
        }
        join([taker]);
        place.check();
    });
}

/// Who is in native code looks at the layers, and so touches the word while others try to take the worker.
fn touched<C: Carrier>(way: Way) {
    explore(NOBODY_SLEEPS, 3, move || {
        let place = Place::<C>::new();
        let taker = {
            let place = place.clone();
            spawn(move || {
                place.retake();
                place.retake();
            })
        };
        let left = place.leave(0, way);
        place.step();
        assert!(place.carrier.touch(), "crossing: native code is not known for it");
        place.step();
        let mut worker = Some(0);
        if place.carrier.come_back_from(way, left) {
            place.books[0].pass(Whereabouts::Offered, Whereabouts::Owned);
        } else {
            place.carrier.forget_worker();
            worker = place.unpool();
            worker.inspect(|worker| place.carrier.put_worker(Worker::new(*worker)));
        }
        if let Some(worker) = worker {
            assert!(!place.carrier.touch(), "crossing: managed code was taken for native code");
            place.leave(worker, HandOver);
        }
        join([taker]);
        place.check();
    });
}

fn compare<C: Carrier>() {
    crossing::<C>(2, &[1, 1], &[Compare, Compare, Compare], None);
}

fn asymmetric<C: Carrier>() {
    crossing::<C>(3, &[2], &[Asymmetric, Asymmetric], Some(Asymmetric));
}

fn asymmetric_two_takers<C: Carrier>() {
    crossing::<C>(2, &[1, 1], &[Asymmetric, Asymmetric], Some(Asymmetric));
}

/// Two takers, of which one could claim what the other asked for.
fn one_after_the_other<C: Carrier>() {
    crossing::<C>(3, &[1, 1], &[Asymmetric, Asymmetric], None);
}

fn mixed<C: Carrier>(ways: &'static [Way], last: Way) {
    crossing::<C>(2, &[1, 1], ways, Some(last));
}

/// The same with one taker that takes twice.
fn mixed_twice<C: Carrier>(ways: &'static [Way], last: Way) {
    crossing::<C>(2, &[2], ways, Some(last));
}

macro_rules! kept {
    ($($name:ident: $run:ident($($argument:expr),*);)*) => {$(
        #[test]
        fn $name() {
            $run::<crate::crossing::carrier::Carrier>($($argument),*);
        }
    )*};
}

kept! {
    one_owner_in_mode_c: compare();
    one_owner_in_mode_a: asymmetric();
    two_takers_in_mode_a: asymmetric_two_takers();
    a_then_c: mixed(&[Asymmetric, Compare], Asymmetric);
    c_then_a: mixed(&[Compare, Asymmetric], Compare);
    kept_between: mixed_twice(&[Asymmetric, Kept], Asymmetric);
    kept_at_last: mixed_twice(&[Compare, Asymmetric, Kept], HandOver);
    handed_over_between: mixed_twice(&[Asymmetric, HandOver], Asymmetric);
    handed_over_first: mixed(&[HandOver, Asymmetric], Compare);
    handed_over_twice: mixed(&[HandOver, Compare], HandOver);
    all_of_them: mixed_twice(&[Asymmetric, Kept, HandOver], Compare);
    a_callback_leaves_in_mode_a: callback(Asymmetric);
    a_callback_leaves_in_mode_c: callback(Compare);
    a_callback_hands_over: callback(HandOver);
    touched_in_mode_a: touched(Asymmetric);
    touched_in_mode_c: touched(Compare);
    evidence_in_mode_a: evidence(Asymmetric);
    evidence_in_mode_c: evidence(Compare);
}

macro_rules! caught {
    ($($mutant:ident, $expected:literal: $run:ident($($argument:expr),*);)*) => {$(
        #[test]
        #[should_panic(expected = $expected)]
        fn $mutant() {
            $run::<crate::mutants::$mutant::carrier::Carrier>($($argument),*);
        }
    )*};
}

caught! {
    word_epoch_stands_still, "crossing: a": compare();
    word_retake_by_load_and_store, "crossing: a worker has two owners": compare();
    word_come_back_by_store, "crossing: a worker has two owners": compare();
    word_leave_relaxed, "Causality violation": compare();
    word_look_relaxed, "crossing: a": compare();
    word_return_overlooks_what_was_seen, "crossing: who lost a worker does not see": evidence(Compare);
    word_return_ignores_a_callback, "crossing: a worker": callback(HandOver);
    word_touch_relaxed, "Causality violation": touched(Asymmetric);
    word_touch_by_store, "crossing: a worker has two owners": touched(Compare);
    word_hand_over_is_takeable, "crossing: a worker": mixed(&[HandOver, Compare], HandOver);
    word_return_without_light_half, "Causality violation": asymmetric();
    word_return_looks_first, "Causality violation": asymmetric();
    request_is_overlooked, "crossing: a worker has two owners": asymmetric();
    request_settle_keeps_a_taken_worker, "crossing: a worker has two owners": asymmetric();
    request_settle_by_load_and_store, "crossing: a worker has two owners": asymmetric();
    request_settle_leaves_it, "crossing: a worker": asymmetric();
    request_claim_by_load_and_store, "Causality violation": asymmetric();
    request_claim_leaves_it, "crossing: a worker has two owners": asymmetric();
    retake_without_heavy_fence, "Causality violation": asymmetric();
    retake_without_second_look, "Causality violation": asymmetric();
    retake_without_withdrawal, "crossing: a worker behind a call that lasts": asymmetric();
    retake_of_two_at_a_time, "crossing: a worker has two owners": one_after_the_other();
}
