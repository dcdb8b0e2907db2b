//! The calls beside the workers: one without a proof at a time, and the count of those that burn comes
//! out even.
//!
//! Two carriers make calls that nobody knows, and the monitor frees the place of one that it has seen
//! to wait (`UnprovenCall::look`), as does who makes the next such call (`may_be_unproven`). And a carrier's call burns when the monitor takes its worker,
//! or just does not (`Calls::take`), while a shutdown may take it instead.

use crate::explore::{explore, join, spawn};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::worker::Worker;
use std::cell::Cell;
use std::sync::Arc;

const NOBODY_SLEEPS: &str = "proof: a thread sleeps, but none of this model may";
const CALLS: usize = 2;

/// A version of the crossing's files.
trait Proof: 'static {
    type Carrier: 'static;
    type Unproven: Default + 'static;
    fn carrier() -> Self::Carrier;
    fn begin(unproven: &Self::Unproven, carrier: &Self::Carrier) -> bool;
    fn end(unproven: &Self::Unproven, carrier: &Self::Carrier) -> bool;
    /// Does this carrier have the place?
    fn has(unproven: &Self::Unproven, carrier: &Self::Carrier) -> bool;
    /// A burning call in each mode, as the carrier and the monitor see it; then the count.
    fn burning(asymmetric: bool);
}

struct True;

macro_rules! versions {
    ($($name:ident: $($module:ident)::+;)*) => {$(
        impl Proof for $name {
            type Carrier = $($module)::+::carrier::Carrier;
            type Unproven = $($module)::+::proof::Unproven;
            fn carrier() -> Self::Carrier {
                Self::Carrier::new()
            }
            fn begin(unproven: &Self::Unproven, carrier: &Self::Carrier) -> bool {
                unproven.begin(carrier)
            }
            fn end(unproven: &Self::Unproven, carrier: &Self::Carrier) -> bool {
                unproven.end(carrier)
            }
            fn has(unproven: &Self::Unproven, carrier: &Self::Carrier) -> bool {
                unproven.carrier() == Some(carrier.as_ref())
            }
            fn burning(asymmetric: bool) {
                use $($module)::+::{carrier::Carrier, proof::Burning, retake::Retaking, word::Native};
                explore(NOBODY_SLEEPS, 2, move || {
                    let place = Arc::new((
                        Carrier::new(),
                        Burning::default(),
                        Retaking::default(),
                        AtomicUsize::new(0),
                    ));
                    let (carrier, burning, _, steps) = &*place;
                    carrier.put_worker(Worker::new(0));
                    let monitor = {
                        let place = place.clone();
                        spawn(move || {
                            let (carrier, burning, retaking, steps) = &*place;
                            let seen = carrier.word.load();
                            if carrier.takeable(seen).is_none() {
                                return;
                            }
                            // As `may_take`, and `Calls::take`.
                            burning.begin(carrier);
                            let mut taken = false;
                            retaking.take(&[(carrier.as_ref(), seen)], |_, _| taken = true);
                            if !taken {
                                burning.end(carrier);
                            }
                            // ORDERING: Relaxed; see `crossing::Place::step`.
                            steps.fetch_add(1, Ordering::Relaxed);
                        })
                    };
                    // As `shutdown::terminate`, which keeps no count.
                    let other = {
                        let place = place.clone();
                        spawn(move || {
                            let (carrier, _, retaking, steps) = &*place;
                            let seen = carrier.word.load();
                            retaking.take(&[(carrier.as_ref(), seen)], |_, _| ());
                            // ORDERING: Relaxed; see `crossing::Place::step`.
                            steps.fetch_add(1, Ordering::Relaxed);
                        })
                    };
                    let native = if asymmetric { Native::Asymmetric } else { Native::Compare };
                    for _ in 0..CALLS {
                        carrier.word.leave(native);
                        // ORDERING: Relaxed, as above.
                        steps.fetch_add(1, Ordering::Relaxed);
                        if !carrier.come_back() {
                            // As `enter_without_worker`.
                            carrier.forget_worker();
                            burning.end(carrier);
                            carrier.put_worker(Worker::new(1));
                        }
                    }
                    join([monitor, other]);
                    assert_eq!(burning.count(), 0, "proof: the count of burning calls leaks");
                });
            }
        }
    )*};
}

macro_rules! mutants {
    ($($mutant:ident),* $(,)?) => {
        $(
            #[expect(non_camel_case_types, reason = "named as the mutant's module")]
            struct $mutant;
            versions!($mutant: crate::mutants::$mutant;);
        )*
    };
}

versions!(True: crate::crossing;);
mutants!(
    proof_begin_by_load_and_store,
    proof_end_is_anybodys,
    proof_end_by_load_and_store,
    burning_ends_by_load_and_store,
    word_return_overlooks_what_was_seen,
);

struct Place<P: Proof> {
    unproven: P::Unproven,
    carriers: [P::Carrier; 2],
    /// In the model's books: who has the place.
    holder: Cell<Option<usize>>,
    begun: Cell<u32>,
    ended: Cell<u32>,
}

impl<P: Proof> Place<P> {
    fn begin(&self, carrier: usize) -> bool {
        let begun = P::begin(&self.unproven, &self.carriers[carrier]);
        if begun {
            self.begun.set(self.begun.get() + 1);
            let before = self.holder.replace(Some(carrier));
            assert!(before.is_none(), "proof: two calls run without a proof");
        }
        begun
    }

    fn end(&self, carrier: usize) {
        if P::end(&self.unproven, &self.carriers[carrier]) {
            self.ended.set(self.ended.get() + 1);
            let before = self.holder.replace(None);
            assert!(
                before == Some(carrier),
                "proof: a place is freed that is another's, or nobody's"
            );
        }
    }

    fn carry(&self, carrier: usize) {
        for _ in 0..CALLS {
            // Whoever does not get the place leaves in mode C; at its return it asks all the same.
            self.begin(carrier);
            self.end(carrier);
        }
    }

    fn monitor(&self) {
        for carrier in 0..self.carriers.len() {
            if P::has(&self.unproven, &self.carriers[carrier]) {
                self.end(carrier);
            }
        }
    }
}

fn unproven<P: Proof>() {
    explore(NOBODY_SLEEPS, 2, || {
        let place = Arc::new(Place::<P> {
            unproven: P::Unproven::default(),
            carriers: [P::carrier(), P::carrier()],
            holder: Cell::new(None),
            begun: Cell::new(0),
            ended: Cell::new(0),
        });
        let others: [fn(&Place<P>); 2] = [|place| place.carry(1), Place::monitor];
        let threads = others.map(|run| {
            let place = place.clone();
            spawn(move || run(&place))
        });
        place.carry(0);
        join(threads);
        assert_eq!(place.begun.get(), place.ended.get(), "proof: a place is never freed");
        assert!(place.begin(0), "proof: a place is never freed");
    });
}

#[test]
fn one_unproven_call_at_a_time() {
    unproven::<True>();
}

#[test]
fn burning_calls_are_counted_in_mode_a() {
    True::burning(true);
}

#[test]
fn burning_calls_are_counted_in_mode_c() {
    True::burning(false);
}

macro_rules! caught {
    ($($mutant:ident, $expected:literal: $run:expr;)*) => {$(
        #[test]
        #[should_panic(expected = $expected)]
        fn $mutant() {
            $run;
        }
    )*};
}

mod caught {
    use super::*;
    caught! {
        proof_begin_by_load_and_store, "proof: ": unproven::<super::proof_begin_by_load_and_store>();
        proof_end_is_anybodys, "proof: a place is freed": unproven::<super::proof_end_is_anybodys>();
        proof_end_by_load_and_store, "proof: ": unproven::<super::proof_end_by_load_and_store>();
        burning_ends_by_load_and_store, "proof: the count":
            super::burning_ends_by_load_and_store::burning(false);
        word_return_overlooks_what_was_seen, "proof: the count":
            super::word_return_overlooks_what_was_seen::burning(false);
    }
}
