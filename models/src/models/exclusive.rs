//! The lock with one owner: it excludes, each owner sees what the last one did, and who waits gets it; also
//! behind somebody who was called and gives up, and where it is handed over.

use crate::explore::{explore, join, spawn};
use crate::sync::Mutex;
use crate::sync::atomic::AtomicUsize;
use crate::waiting::Somebody;
use loom::cell::UnsafeCell;
use std::sync::Arc;

const PROMISE: &str = "lock: somebody waits for a lock that is free";

/// A version of the protocol.
trait Exclusive: 'static {
    type Ticket: Copy;
    fn new() -> Self;
    /// As `Lock::lock`: by the word, else in line.
    fn enter(&self, who: &Somebody, owner: usize) -> Option<Self::Ticket>;
    fn take_up(&self, ticket: Self::Ticket, owner: usize) -> bool;
    fn leave(&self, ticket: Self::Ticket, owner: usize);
    /// As `Lock::unlock`.
    fn give(&self, owner: usize);
    /// As `Lock::unlock_fair`.
    fn hand_over(&self, owner: usize);
}

macro_rules! versions {
    ($($version:ident: $module:path),* $(,)?) => {$(
        mod $version {
            use super::*;
            use $module as version;

            pub(super) type Of = version::Exclusive<Somebody>;

            impl Exclusive for Of {
                type Ticket = crate::wait::line::Ticket;
                fn new() -> Self {
                    let line = Mutex::new(crate::wait::line::Line::new());
                    version::Exclusive::new(AtomicUsize::new(0), line)
                }
                fn enter(&self, who: &Somebody, owner: usize) -> Option<Self::Ticket> {
                    match self.take(owner) {
                        true => None,
                        false => version::Exclusive::enter(self, who.clone(), owner),
                    }
                }
                fn take_up(&self, ticket: Self::Ticket, owner: usize) -> bool {
                    self.take_up(ticket, owner)
                }
                fn leave(&self, ticket: Self::Ticket, owner: usize) {
                    self.leave(ticket, owner);
                }
                fn give(&self, owner: usize) {
                    assert!(self.give(owner) || self.give_listed(owner, false), "lock: it was lost");
                }
                fn hand_over(&self, owner: usize) {
                    assert!(self.give_listed(owner, true), "lock: it was lost");
                }
            }
        }
    )*};
}

versions! {
    unbroken: crate::exclusive,
    lock_take_relaxed: crate::mutants::lock_take_relaxed,
    lock_give_relaxed: crate::mutants::lock_give_relaxed,
    lock_let_go_relaxed: crate::mutants::lock_let_go_relaxed,
    lock_take_in_line_relaxed: crate::mutants::lock_take_in_line_relaxed,
    lock_give_stores: crate::mutants::lock_give_stores,
    lock_waits_without_a_call: crate::mutants::lock_waits_without_a_call,
    lock_lets_go_and_calls_nobody: crate::mutants::lock_lets_go_and_calls_nobody,
    lock_taker_forgets_the_others: crate::mutants::lock_taker_forgets_the_others,
    lock_heir_forgets_the_others: crate::mutants::lock_heir_forgets_the_others,
    lock_leaves_with_its_call: crate::mutants::lock_leaves_with_its_call,
    lock_in_vain_forgets_to_call: crate::mutants::lock_in_vain_forgets_to_call,
}

struct Place<E> {
    lock: E,
    guarded: UnsafeCell<usize>,
}

/// What a thread does.
#[derive(Clone, Copy)]
enum Does {
    Lock,
    HandOver,
    GiveUp,
    Twice,
}

impl<E: Exclusive> Place<E> {
    fn new() -> Arc<Place<E>> {
        Arc::new(Place { lock: E::new(), guarded: UnsafeCell::new(0) })
    }

    fn lock(&self, owner: usize) {
        let who = Somebody::new();
        if let Some(ticket) = self.lock.enter(&who, owner) {
            while !self.lock.take_up(ticket, owner) {
                who.park();
            }
        }
        self.guarded.with_mut(|guarded| {
            // SAFETY: loom fails the model before two uses meet.
            unsafe { *guarded += 1 };
        });
    }

    fn act(&self, does: Does, owner: usize) {
        match does {
            Does::Lock => {
                self.lock(owner);
                self.lock.give(owner);
            }
            Does::HandOver => {
                self.lock(owner);
                self.lock.hand_over(owner);
            }
            Does::Twice => {
                self.act(Does::Lock, owner);
                self.act(Does::Lock, owner);
            }
            Does::GiveUp => match self.lock.enter(&Somebody::new(), owner) {
                None => self.lock.give(owner),
                Some(ticket) => self.lock.leave(ticket, owner),
            },
        }
    }
}

/// Each thread with an owner's number of its own.
fn mixed<E: Exclusive, const N: usize>(threads: [Does; N], preemptions: usize) {
    explore(PROMISE, preemptions, move || {
        let place = Place::<E>::new();
        let others: Vec<_> = (1..N)
            .map(|n| {
                let place = place.clone();
                spawn(move || place.act(threads[n], (n + 1) * 64))
            })
            .collect();
        place.act(threads[0], 64);
        join(others);
    });
}

use Does::{GiveUp, HandOver, Lock, Twice};

#[test]
fn one_owner_at_a_time() {
    mixed::<unbroken::Of, 3>([Lock, Lock, Lock], 2);
}

#[test]
fn who_comes_again_lets_the_others_in() {
    mixed::<unbroken::Of, 3>([Twice, Lock, Lock], 2);
}

#[test]
fn who_gives_up_passes_the_call_on() {
    mixed::<unbroken::Of, 3>([Twice, GiveUp, Lock], 2);
}

#[test]
fn who_has_it_handed_over_lets_the_others_in() {
    mixed::<unbroken::Of, 3>([HandOver, Lock, Lock], 2);
    mixed::<unbroken::Of, 3>([HandOver, GiveUp, Lock], 2);
}

macro_rules! caught {
    ($($mutant:ident, $expected:literal: $threads:expr;)*) => {$(
        #[test]
        #[should_panic(expected = $expected)]
        fn $mutant() {
            mixed::<$mutant::Of, 3>($threads, 3);
        }
    )*};
}

caught! {
    lock_take_relaxed, "Causality violation": [Lock, Lock, Lock];
    lock_give_relaxed, "Causality violation": [Lock, Lock, Lock];
    lock_let_go_relaxed, "Causality violation": [Lock, Lock, Lock];
    lock_take_in_line_relaxed, "Causality violation": [Lock, Lock, Lock];
    lock_give_stores, "lock: somebody waits": [Lock, Lock, Lock];
    lock_waits_without_a_call, "lock: somebody waits": [Lock, Lock, Lock];
    lock_lets_go_and_calls_nobody, "lock: somebody waits": [Lock, Lock, Lock];
    lock_taker_forgets_the_others, "lock: somebody waits": [Lock, Lock, Lock];
    lock_heir_forgets_the_others, "lock: somebody waits": [HandOver, Lock, Lock];
    lock_leaves_with_its_call, "lock: somebody waits": [Lock, GiveUp, Lock];
    lock_in_vain_forgets_to_call, "lock: somebody waits": [Twice, Lock, Lock];
}
