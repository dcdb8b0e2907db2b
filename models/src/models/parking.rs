//! Parking: no token is lost, and who takes one sees what was done before it was left.
//!
//! Two wakers each publish something without any order of its own, and leave a token. The owner
//! parks until it has seen both. An owner that misses what a token stood for parks once more, and
//! nobody is left to wake it.

use crate::explore::{explore, join, spawn};
use crate::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

const PROMISE: &str = "parking: a token, or what was done before it was left, is lost";

/// A version of the parker.
trait Parker: 'static {
    fn new() -> Self;
    fn park(&self);
    fn unpark(&self);
}

macro_rules! versions {
    ($($version:path),*) => {$(
        impl Parker for $version {
            fn new() -> Self {
                <$version>::new()
            }
            fn park(&self) {
                self.park();
            }
            fn unpark(&self) {
                self.unpark();
            }
        }
    )*};
}

versions!(
    crate::park::Parker,
    crate::mutants::park_unpark_spares_the_write::Parker,
    crate::mutants::park_unpark_stores::Parker,
    crate::mutants::park_takes_by_load_and_store::Parker,
    crate::mutants::park_takes_relaxed::Parker,
    crate::mutants::park_unpark_relaxed::Parker,
    crate::mutants::park_unpark_wakes_nobody::Parker
);

fn two_wakers<P: Parker>() {
    struct Place<P> {
        parker: P,
        published: [AtomicBool; 2],
    }
    explore(PROMISE, 3, || {
        let place = Arc::new(Place {
            parker: P::new(),
            published: [AtomicBool::new(false), AtomicBool::new(false)],
        });
        let wakers = [0, 1].map(|waker| {
            let place = place.clone();
            spawn(move || {
                // ORDERING: Relaxed, so that only the token can order it.
                place.published[waker].store(true, Ordering::Relaxed);
                place.parker.unpark();
            })
        });
        let seen = |waker: usize| place.published[waker].load(Ordering::Relaxed);
        while !(seen(0) && seen(1)) {
            place.parker.park();
        }
        join(wakers);
    });
}

#[test]
fn no_token_is_lost() {
    two_wakers::<crate::park::Parker>();
}

macro_rules! caught {
    ($($mutant:ident),*) => {$(
        #[test]
        #[should_panic(expected = "parking: a token, or what was done before it was left, is lost")]
        fn $mutant() {
            two_wakers::<crate::mutants::$mutant::Parker>();
        }
    )*};
}

caught!(
    park_unpark_spares_the_write,
    park_unpark_stores,
    park_takes_by_load_and_store,
    park_takes_relaxed,
    park_unpark_relaxed,
    park_unpark_wakes_nobody
);
