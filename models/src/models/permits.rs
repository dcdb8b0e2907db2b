//! The semaphore: no more hold permits than there are, each sees what was done under them before, and who
//! waits gets its turn; also behind somebody who gives up, and for all permits at once. Permits that are spent are
//! made by others: each goes to one, who sees what was done before; also to one who stands in line from the beginning,
//! because it waits for other things, too, or passes it on.

use crate::explore::{explore, join, spawn};
use crate::sync::Mutex;
use crate::sync::atomic::AtomicU64;
use crate::waiting::Somebody;
use loom::cell::UnsafeCell;
use std::sync::Arc;

const PROMISE: &str = "semaphore: somebody waits for a permit that is free";

/// A version of the protocol.
trait Permits: 'static {
    type Ticket: Copy;
    fn new(limit: u32) -> Self;
    /// As `Semaphore::acquire`: by the word, else in line.
    fn enter(&self, who: &Somebody, wants: u32) -> Option<Self::Ticket>;
    /// As `Pool::stand`: in line, by all means.
    fn stand(&self, who: &Somebody) -> Self::Ticket;
    fn take_up(&self, ticket: Self::Ticket) -> bool;
    fn leave(&self, ticket: Self::Ticket);
    fn give(&self, permits: u32);
    /// As [`Permits::new`], with none of them there.
    fn exhausted(limit: u32) -> Self;
    fn make_many(&self, permits: u32);
}

macro_rules! versions {
    ($($version:ident: $module:path),* $(,)?) => {$(
        mod $version {
            use super::*;
            use $module as version;

            pub(super) type Of = version::Permits<Somebody>;

            impl Permits for Of {
                type Ticket = crate::wait::line::Ticket;
                fn new(limit: u32) -> Self {
                    let word = AtomicU64::new(version::word(limit));
                    version::Permits::new(word, Mutex::new(crate::wait::line::Line::new()))
                }
                fn enter(&self, who: &Somebody, wants: u32) -> Option<Self::Ticket> {
                    match self.take(wants) {
                        version::Try::Done => None,
                        _ => version::Permits::enter(self, who.clone(), wants),
                    }
                }
                fn stand(&self, who: &Somebody) -> Self::Ticket {
                    self.stand(who.clone(), 1)
                }
                fn take_up(&self, ticket: Self::Ticket) -> bool {
                    self.take_up(ticket)
                }
                fn leave(&self, ticket: Self::Ticket) {
                    self.leave(ticket);
                }
                fn give(&self, permits: u32) {
                    let given = match self.give(permits) {
                        version::Try::Done => true,
                        version::Try::Refused => false,
                        version::Try::Listed => self.give_listed(permits),
                    };
                    assert!(given, "semaphore: a permit was lost");
                }
                fn exhausted(limit: u32) -> Self {
                    let word = AtomicU64::new(version::exhausted(limit));
                    version::Permits::new(word, Mutex::new(crate::wait::line::Line::new()))
                }
                fn make_many(&self, permits: u32) {
                    let made = match self.make_many(permits) {
                        (version::Try::Done, _) => true,
                        (version::Try::Refused, _) => false,
                        (version::Try::Listed, _) => self.make_many_listed(permits).is_some(),
                    };
                    assert!(made, "semaphore: there is room for what was spent");
                }
            }
        }
    )*};
}

versions! {
    unbroken: crate::permits,
    permits_take_relaxed: crate::mutants::permits_take_relaxed,
    permits_give_relaxed: crate::mutants::permits_give_relaxed,
    permits_freeze_relaxed: crate::mutants::permits_freeze_relaxed,
    permits_thaw_relaxed: crate::mutants::permits_thaw_relaxed,
    permits_enter_does_not_freeze: crate::mutants::permits_enter_does_not_freeze,
    permits_leave_keeps_what_was_handed: crate::mutants::permits_leave_keeps_what_was_handed,
    permits_leave_lets_nobody_in: crate::mutants::permits_leave_lets_nobody_in,
    permits_give_hands_nothing: crate::mutants::permits_give_hands_nothing,
    permits_make_relaxed: crate::mutants::permits_make_relaxed,
    permits_make_hands_nothing: crate::mutants::permits_make_hands_nothing,
    permits_stand_hands_nothing: crate::mutants::permits_stand_hands_nothing,
}

struct Place<P> {
    permits: P,
    guarded: UnsafeCell<usize>,
}

impl<P: Permits> Place<P> {
    fn new(limit: u32) -> Arc<Place<P>> {
        Arc::new(Place { permits: P::new(limit), guarded: UnsafeCell::new(0) })
    }

    fn acquire(&self, wants: u32) {
        let who = Somebody::new();
        if let Some(ticket) = self.permits.enter(&who, wants) {
            while !self.permits.take_up(ticket) {
                who.park();
            }
        }
    }

    /// Holds all permits for a while.
    fn write(&self, all: u32) {
        self.acquire(all);
        self.guarded.with_mut(|guarded| {
            // SAFETY: loom fails the model before two uses meet.
            unsafe { *guarded += 1 };
        });
        self.permits.give(all);
    }

    /// Holds one of several permits.
    fn read(&self) {
        self.acquire(1);
        self.guarded.with(|guarded| {
            // SAFETY: as in `write`.
            unsafe { *guarded }
        });
        self.permits.give(1);
    }

    fn give_up(&self, wants: u32) {
        match self.permits.enter(&Somebody::new(), wants) {
            None => self.permits.give(wants),
            Some(ticket) => self.permits.leave(ticket),
        }
    }
}

/// What a thread does.
#[derive(Clone, Copy)]
enum Does {
    Write,
    Read,
    GiveUp,
}

/// Threads over a semaphore with `limit` permits.
fn mixed<P: Permits, const N: usize>(limit: u32, threads: [Does; N], preemptions: usize) {
    explore(PROMISE, preemptions, move || {
        let place = Place::<P>::new(limit);
        let act = move |place: &Place<P>, does: Does| match does {
            Does::Write => place.write(limit),
            Does::Read => place.read(),
            Does::GiveUp => place.give_up(limit),
        };
        let (first, others) = threads.split_first().expect("a thread");
        let others: Vec<_> = others
            .iter()
            .map(|&does| {
                let place = place.clone();
                spawn(move || act(&place, does))
            })
            .collect();
        act(&place, *first);
        join(others);
    });
}

use Does::{GiveUp, Read, Write};

#[test]
fn one_permit_excludes() {
    mixed::<unbroken::Of, 3>(1, [Write, Write, Write], 2);
}

#[test]
fn who_gives_up_takes_nothing_along() {
    mixed::<unbroken::Of, 3>(1, [Write, Write, GiveUp], 2);
}

#[test]
fn all_permits_exclude_each() {
    mixed::<unbroken::Of, 3>(2, [Write, Read, Read], 2);
}

#[test]
fn who_wants_all_and_gives_up_lets_the_others_in() {
    mixed::<unbroken::Of, 3>(2, [Read, GiveUp, Read], 2);
}

macro_rules! caught {
    ($($mutant:ident, $expected:literal: $limit:literal, $threads:expr;)*) => {$(
        #[test]
        #[should_panic(expected = $expected)]
        fn $mutant() {
            mixed::<$mutant::Of, 3>($limit, $threads, 3);
        }
    )*};
}

caught! {
    permits_take_relaxed, "Causality violation": 1, [Write, Write, Write];
    permits_give_relaxed, "Causality violation": 1, [Write, Write, Write];
    permits_freeze_relaxed, "Causality violation": 1, [Write, Write, Write];
    permits_thaw_relaxed, "Causality violation": 1, [Write, Write, GiveUp];
    permits_enter_does_not_freeze, "semaphore": 1, [Write, Write, Write];
    permits_leave_keeps_what_was_handed, "somebody waits for a permit": 1, [Write, Write, GiveUp];
    permits_leave_lets_nobody_in, "somebody waits for a permit": 2, [Read, GiveUp, Read];
    permits_give_hands_nothing, "somebody waits for a permit": 1, [Write, Write, Write];
}

/// Permits that are spent: two spend one each, which a third makes, at once or one by one.
fn spent<P: Permits>(at_once: bool) {
    explore(PROMISE, 2, move || {
        let permits = P::exhausted(2);
        let place = Arc::new(Place { permits, guarded: UnsafeCell::new(0) });
        let spenders: Vec<_> = (0..2)
            .map(|_| {
                let place = place.clone();
                spawn(move || {
                    place.acquire(1);
                    place.guarded.with(|guarded| {
                        // SAFETY: as in `Place::write`: it was written before a permit was made.
                        assert_eq!(unsafe { *guarded }, 1);
                    });
                })
            })
            .collect();
        place.guarded.with_mut(|guarded| {
            // SAFETY: as above.
            unsafe { *guarded = 1 };
        });
        let made: &[u32] = if at_once { &[2] } else { &[1, 1] };
        made.iter().for_each(|&permits| place.permits.make_many(permits));
        join(spenders);
    });
}

#[test]
fn what_is_made_at_once_goes_to_each() {
    spent::<unbroken::Of>(true);
}

#[test]
fn what_is_made_one_by_one_goes_to_each() {
    spent::<unbroken::Of>(false);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn permits_make_relaxed() {
    spent::<permits_make_relaxed::Of>(true);
}

#[test]
#[should_panic(expected = "somebody waits for a permit")]
fn permits_make_hands_nothing() {
    spent::<permits_make_hands_nothing::Of>(true);
}

/// One permit is made. Of two who wait for one of several things the first has come to another, and leaves the line.
fn one_of_several<P: Permits>() {
    explore(PROMISE, 2, move || {
        let place = Arc::new(Place { permits: P::exhausted(1), guarded: UnsafeCell::new(0) });
        let leaves = {
            let place = place.clone();
            spawn(move || {
                let ticket = place.permits.stand(&Somebody::new());
                place.permits.leave(ticket);
            })
        };
        let makes = {
            let place = place.clone();
            spawn(move || {
                place.guarded.with_mut(|guarded| {
                    // SAFETY: read behind the permit only.
                    unsafe { *guarded = 1 };
                });
                place.permits.make_many(1);
            })
        };
        let who = Somebody::new();
        let ticket = place.permits.stand(&who);
        while !place.permits.take_up(ticket) {
            who.park();
        }
        place.guarded.with(|guarded| {
            // SAFETY: as above.
            assert_eq!(unsafe { *guarded }, 1);
        });
        join(vec![leaves, makes]);
    });
}

#[test]
fn who_waits_for_one_of_several_things_has_it_or_leaves_it() {
    one_of_several::<unbroken::Of>();
}

#[test]
#[should_panic(expected = "somebody waits for a permit")]
fn permits_stand_hands_nothing() {
    one_of_several::<permits_stand_hands_nothing::Of>();
}
