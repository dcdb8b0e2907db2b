//! A hook that interrupts a native call: it hits the call it was meant for, and never what follows.
//!
//! Not built yet: the protocol is here first, over two words of its own, so that the design is proved.
//! A *hooker* wants to interrupt the native call that it saw: it claims the call's end, looks again, runs
//! the *hook* (a function of the user's), and lets go. A carrier that returns meanwhile waits until
//! then. Three ways:
//!
//! - [`Way::Asymmetric`]: the return is a store, and a look at the request. The hooker sets `HOOK` in
//!   the request, runs the heavy fence, and looks at the state again. The bit travels beside `ASKED`
//!   and `TAKEN`, so whoever changes the request must leave the other's bits alone.
//! - [`Way::CompareAndLook`]: the return is an exchange on the state, and then the same look. The price
//!   is a load, and a fence between the two, which on x86 the exchange is already.
//! - [`Way::Compare`]: the return is an exchange on the state and nothing else. The hooker puts `HOOKED`
//!   into the *state* by an exchange that expects the call, so that the carrier's exchange fails. No
//!   load, no fence, nothing on the fast path.
//!
//! A call whose worker was taken, or handed over before, can be hooked too: its return is an exchange
//! in any case, and off the fast path.

mod words;

use crate::explore::{explore, join, spawn};
use crate::sync::atomic::Ordering;
use words::{HOOKED, Place, Steps, TRUE_STEPS, Way};

const PROMISE: &str = "hook: a carrier waits for ever for a hook that is over";

/// What the other threads do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Other {
    Hooks,
    Takes,
}

/// A carrier that makes calls as long as it has its worker.
fn hooked(way: Way, others: &'static [Other], preemptions: usize, steps: Steps) {
    explore(PROMISE, preemptions, move || {
        let place = Place::new(way, steps);
        let threads: Vec<_> = others
            .iter()
            .map(|other| {
                let place = place.clone();
                spawn(move || {
                    match other {
                        Other::Hooks => place.interrupt(),
                        Other::Takes => place.take(),
                    };
                })
            })
            .collect();
        for number in 1..=2 {
            place.leave(number);
            let kept = place.come_back(number);
            assert_eq!(!kept, place.taken.get(), "hook: a worker is lost, or has two owners");
            if !kept {
                // The carrier gets another.
                place.taken.set(false);
            }
        }
        join(threads);
        // ORDERING: Relaxed, all threads have ended.
        let left = place.request.load(Ordering::Relaxed);
        assert_eq!(left, 0, "hook: a request is left for a later call");
        // ORDERING: Relaxed, as above.
        let state = place.state.load(Ordering::Relaxed);
        assert_eq!(state & HOOKED, 0, "hook: a request is left for a later call");
    });
}

use Other::{Hooks, Takes};

macro_rules! kept {
    ($($name:ident: $way:ident, $others:expr, $preemptions:expr;)*) => {$(
        #[test]
        fn $name() {
            hooked(Way::$way, $others, $preemptions, TRUE_STEPS);
        }
    )*};
}

kept! {
    a_hook_in_mode_a: Asymmetric, &[Hooks], 3;
    a_hook_and_a_taker_in_mode_a: Asymmetric, &[Hooks, Takes], 2;
    two_hooks_in_mode_a: Asymmetric, &[Hooks, Hooks], 2;
    a_hook_in_mode_c_by_a_look: CompareAndLook, &[Hooks], 3;
    a_hook_and_a_taker_in_mode_c_by_a_look: CompareAndLook, &[Hooks, Takes], 2;
    a_hook_in_mode_c: Compare, &[Hooks], 3;
    a_hook_and_a_taker_in_mode_c: Compare, &[Hooks, Takes], 3;
    two_hooks_in_mode_c: Compare, &[Hooks, Hooks], 2;
}

macro_rules! caught {
    ($($name:ident, $expected:literal: $way:ident, $others:expr, $step:ident;)*) => {$(
        #[test]
        #[should_panic(expected = $expected)]
        fn $name() {
            hooked(Way::$way, $others, 3, Steps { $step: false, ..TRUE_STEPS });
        }
    )*};
}

caught! {
    a_return_without_light_half, "hook: it hits what follows": Asymmetric, &[Hooks], light;
    a_hook_without_heavy_fence, "hook: it hits what follows": Asymmetric, &[Hooks], heavy;
    a_hook_without_second_look, "hook: it hits what follows": Asymmetric, &[Hooks], second_look;
    a_return_that_does_not_wait, "hook: it hits what follows": Asymmetric, &[Hooks], waits;
    a_return_that_does_not_look, "hook: it hits what follows": Asymmetric, &[Hooks], looks;
    a_hook_that_wakes_nobody, "hook: a carrier waits for ever": Asymmetric, &[Hooks], wakes;
    a_hook_for_an_earlier_call, "hook: it hits what follows": Asymmetric, &[Hooks], epoch;
    a_hook_that_clears_all, "hook: a": Asymmetric, &[Hooks, Takes], clears_one_bit;
    a_return_that_clears_the_hook, "hook: it hits what follows":
        Asymmetric, &[Hooks, Takes], settles_one_bit;
    two_hooks_with_one_bit, "hook: it hits what follows": Asymmetric, &[Hooks, Hooks], exclusive;
    c_look_without_fence, "hook: it hits what follows": CompareAndLook, &[Hooks], light;
    c_hook_without_heavy_fence, "hook: it hits what follows": CompareAndLook, &[Hooks], heavy;
    c_return_that_does_not_look, "hook: it hits what follows": CompareAndLook, &[Hooks], looks;
    c_return_that_does_not_wait, "hook: it hits what follows": Compare, &[Hooks], waits;
    c_hook_that_wakes_nobody, "hook: a carrier waits for ever": Compare, &[Hooks], wakes;
    c_hook_for_an_earlier_call, "hook: it hits what follows": Compare, &[Hooks], epoch;
    c_hook_that_forgets_the_taker, "hook: a": Compare, &[Hooks, Takes], clears_one_bit;
    c_two_hooks_with_one_bit, "hook: it hits what follows": Compare, &[Hooks, Hooks], exclusive;
    c_return_without_worker_by_store, "hook: it hits what follows":
        Compare, &[Hooks, Takes], exchange_when_away;
}
