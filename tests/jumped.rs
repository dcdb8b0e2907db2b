//! A jump (`longjmp`) over transitions leaves layers that nobody closes: the native call that it comes to finds
//! them when it returns, closes them as leaks, and all goes on.

#[path = "jumped/afterwards.rs"]
mod afterwards;

use sortie::native::{self, Callbacks, Class, FpEnv, Misclassified, Policy, Target};
use sortie::transition::{
    self, Event, Layer, NativeScope, TransitionError, enter, leave, reverse_enter, reverse_leave,
};
use sortie_natives::{jump, with_landing};
use sortie_test::each;

const SHORT: Policy = Policy::new().class(Class::Short);
// SAFETY: `jump.c` knows by a thread-local where to jump to, and so is used by one task at a time here.
const SUSPEND: Policy = unsafe { Policy::new().callbacks(Callbacks::Suspend) };
// SAFETY: as above.
const SHORT_SUSPENDS: Policy = unsafe { SHORT.callbacks(Callbacks::Suspend) };
// SAFETY: as above.
const MIGRATE: Policy = unsafe { Policy::new().callbacks(Callbacks::Migrate) };
// SAFETY: as above.
const SHORT_MIGRATES: Policy = unsafe { SHORT.callbacks(Callbacks::Migrate) };
// SAFETY: C jumps from a frame of a few hundred bytes.
const LEAF: Policy = unsafe { SHORT.task_stack(4096) };
/// More than a task's stack has.
const MUCH: u32 = 1 << 20;
// SAFETY: what is called needs a few bytes.
const NEEDS: Policy = unsafe { SHORT.task_stack(MUCH) };

static BLOCKS: Target =
    Target::named("natives_land").with_policy(Policy::new().class(Class::Mixed));
static SHORT_BLOCKS: Target = Target::named("natives_land, short").with_policy(SHORT);
static SUSPENDS: Target = Target::named("natives_land, suspends").with_policy(SUSPEND);
static QUICK: Target = Target::named("natives_land, short, suspends").with_policy(SHORT_SUSPENDS);
static ANYWHERE: Target =
    Target::named("natives_land, short, migrates").with_policy(SHORT_MIGRATES);
static MIGRATES: Target = Target::named("natives_land, migrates").with_policy(MIGRATE);
static JUMPS: Target = Target::named("natives_jump").with_policy(SHORT);
static JUMPS_LEAF: Target = Target::named("natives_jump, leaf").with_policy(LEAF);
static NEEDS_MUCH: Target = Target::named("a leaf").with_policy(NEEDS);
static JUMPS_LONG: Target =
    Target::named("natives_jump, long").with_policy(Policy::new().class(Class::Long));
static JUMPS_ONE: Target =
    Target::named("natives_jump, one").with_policy(Policy::new().max_concurrent(1));
static JUMPS_FP: Target =
    Target::named("natives_jump, fp").with_policy(Policy::new().fp_env(FpEnv::Restore));

/// Functions that land: by each way of a call.
const LANDS: [&Target; 6] = [&BLOCKS, &SHORT_BLOCKS, &SUSPENDS, &QUICK, &MIGRATES, &ANYWHERE];
/// And those of which a callback keeps its thread.
const LANDS_IN_PLACE: [&Target; 2] = [&BLOCKS, &SHORT_BLOCKS];

/// The first calls on a carrier are timed, and go the general way.
const WARM: usize = 4;

/// Jumps so many landings out, by a call of `target`, or without one.
fn leap(target: Option<&'static Target>, outward: i32) -> i32 {
    // SAFETY: between here and the landing are frames of C, of Sortie, and of this file that own nothing.
    let jump = || unsafe { jump(outward) };
    match target {
        Some(target) => native::call_here(target, jump),
        None => jump(),
    }
}

/// A call of `target` whose callback is `f`, and where a jump may come to, which makes it -1.
fn landing(target: &'static Target, f: impl Fn() -> i32) -> i32 {
    native::call_here(target, || with_landing(|_| native::callback(-2, &f)))
}

/// So many turns on the general way, and as many on the way that calls of `target` go once some were timed.
fn turns(target: &'static Target) -> impl Iterator<Item = usize> {
    (0..2 * WARM).inspect(move |turn| {
        if *turn == WARM {
            (0..WARM).for_each(|_| assert_eq!(landing(target, || 0), 0));
        }
    })
}

/// All is as before any call.
fn check_base() {
    assert_eq!(transition::layers(), [Layer::ManagedBase]);
    // A callback that is still open, and keeps the thread, would make it a deadlock.
    let task = sortie::spawn(sortie::yield_now);
    sortie::yield_now();
    task.join().unwrap();
    // More than is left on the task's stack, if that is known: so the call is made on the thread's.
    let outside = address_here();
    let inside = native::call_here(&NEEDS_MUCH, address_here);
    assert!(outside.abs_diff(inside) > 32 << 10, "{outside:x} {inside:x}");
}

/// Where on a stack this is.
#[inline(never)]
fn address_here() -> usize {
    let here = 0_u8;
    std::hint::black_box(&raw const here).addr()
}

#[test]
fn a_jump_over_a_callback_and_a_call_is_cleaned_up() {
    each(|runtime| {
        for lands in LANDS_IN_PLACE {
            for jumps in [&JUMPS, &JUMPS_LEAF, &JUMPS_LONG, &JUMPS_ONE, &JUMPS_FP].map(Some) {
                runtime.run(move || {
                    for _ in turns(lands) {
                        assert_eq!(landing(lands, || leap(jumps, 0)), -1, "{lands}, {jumps:?}");
                        check_base();
                    }
                });
            }
        }
        assert_eq!(runtime.snapshot().layers_left_open, 2 * 5 * 2 * WARM as u64 * 2);
    });
}

/// Also where native code runs on a stack of its own.
#[test]
fn a_callback_or_a_leaf_may_jump_on_its_stack() {
    each(|runtime| {
        for lands in LANDS {
            for (jumps, left) in [(None, 1), (Some(&JUMPS_LEAF), 2)] {
                let before = runtime.snapshot().layers_left_open;
                runtime.run(move || {
                    for _ in turns(lands) {
                        assert_eq!(landing(lands, || leap(jumps, 0)), -1, "{lands}, {jumps:?}");
                        check_base();
                    }
                });
                let after = runtime.snapshot().layers_left_open;
                assert_eq!(after - before, 2 * WARM as u64 * left, "{lands}, {jumps:?}");
            }
        }
    });
}

/// A short call leaves its note behind; a jump from its caller later is none over that call.
#[test]
fn a_call_that_is_over_is_not_left() {
    each(|runtime| {
        let mut expected = 0;
        for lands in LANDS {
            for (jumps, left) in [(None, 1), (Some(&JUMPS_LEAF), 2)] {
                runtime.run(move || {
                    for turn in turns(lands) {
                        let answer = landing(lands, || {
                            // Else this would be the first call of its kind, which notes nothing.
                            (0..WARM).for_each(|_| assert_eq!(landing(&SHORT_BLOCKS, || 5), 5));
                            native::call_here(&JUMPS_LEAF, || ());
                            if turn % 2 == 0 {
                                native::call_here(&JUMPS_LEAF, transition::layers);
                            }
                            leap(jumps, 0)
                        });
                        assert_eq!(answer, -1, "{lands}, {jumps:?}");
                        check_base();
                    }
                });
                expected += 2 * WARM as u64 * left;
                assert_eq!(runtime.snapshot().layers_left_open, expected, "{lands}, {jumps:?}");
            }
        }
    });
}

/// Each landing on the way is left too, and layers of all kinds.
#[test]
fn a_jump_may_pass_many_layers() {
    fn descend(levels: &[&'static Target], looks: bool, outward: i32) -> i32 {
        let Some((target, rest)) = levels.split_first() else {
            return leap(Some(&JUMPS), outward);
        };
        landing(target, || {
            if looks {
                transition::layers();
            }
            descend(rest, looks, outward) + 10
        })
    }
    each(|runtime| {
        for looks in [false, true] {
            for outward in 0..4 {
                runtime.run(move || {
                    for _ in turns(&SHORT_BLOCKS) {
                        let levels = [&SHORT_BLOCKS, &SHORT_BLOCKS, &BLOCKS, &SHORT_BLOCKS];
                        let answer = descend(&levels, looks, outward);
                        // As many callbacks as are left end as they should.
                        assert_eq!(answer, 10 * (3 - outward) - 1);
                        check_base();
                    }
                });
            }
        }
    });
}

/// Raw transitions look for it if they are told to, and say so.
#[test]
fn a_raw_enter_says_that_it_was_unbalanced() {
    /// Leaves, is called back, and does `inside` there; what its `enter` says, beside C's answer.
    #[inline(never)]
    fn stub(inside: &dyn Fn() -> i32) -> (i32, Result<(), TransitionError>) {
        leave(1).unwrap();
        let answer = with_landing(|_| {
            reverse_enter().unwrap();
            let answer = inside();
            reverse_leave().unwrap();
            answer
        });
        (answer, enter())
    }
    each(|runtime| {
        runtime.run(|| {
            // SAFETY: `stub` alone leaves and enters.
            assert!(!unsafe { transition::find_jumps(true) });
            let jump_out = |outward| {
                leave(2).unwrap();
                // SAFETY: as in `leap`.
                unsafe { jump(outward) }
            };
            let unbalanced = |dead| Err(TransitionError::Unbalanced { event: Event::Enter, dead });
            for _ in 0..WARM {
                assert_eq!(stub(&|| 3), (3, Ok(())));
                assert_eq!(stub(&|| jump_out(0)), (-1, unbalanced(2)));
                check_base();
                assert_eq!(stub(&|| leap(None, 0)), (-1, unbalanced(1)));
                check_base();
                let outer = stub(&|| {
                    assert_eq!(stub(&|| jump_out(0)), (-1, unbalanced(2)));
                    assert_eq!(stub(&|| 4), (4, Ok(())));
                    stub(&|| jump_out(1)).0
                });
                assert_eq!(outer, (-1, unbalanced(4)));
                check_base();
            }
            // SAFETY: as above.
            assert!(unsafe { transition::find_jumps(false) });
        });
    });
}

/// A panic that a callback has kept is raised where the jump came to.
#[test]
fn a_panic_that_was_kept_is_raised() {
    each(|runtime| {
        for lands in LANDS_IN_PLACE {
            let task = runtime.spawn(move || {
                landing(lands, || {
                    native::call_here(&JUMPS, || {
                        native::callback(0, || panic!("kept"));
                        // SAFETY: as in `leap`.
                        unsafe { jump(0) }
                    })
                })
            });
            assert!(task.join().unwrap_err().to_string().contains("kept"));
        }
    });
}

/// Also of native stretches that are scopes, and of calls that are not announced, or made by another thread.
#[test]
fn every_kind_of_call_finds_it() {
    // SAFETY: `natives_land` ends at once, and what calls back in it is told what it does.
    const UNHOOKED: Policy =
        unsafe { Policy::new().unhooked() }.misclassified(Misclassified::Report);
    static NOT_ANNOUNCED: Target = Target::named("natives_land, unhooked").with_policy(UNHOOKED);
    static OFFLOADED: Target = Target::named("natives_land, offloaded");
    each(|runtime| {
        runtime.run(move || {
            // SAFETY: the scope below ends where it has begun.
            unsafe { transition::find_jumps(true) };
            for _ in 0..WARM {
                let scope = NativeScope::new(1).unwrap();
                let answer = with_landing(|_| native::callback(-2, || leap(Some(&JUMPS_LEAF), 0)));
                drop(scope);
                assert_eq!(answer, -1);
                check_base();
                assert_eq!(landing(&NOT_ANNOUNCED, || leap(Some(&JUMPS_LEAF), 0)), -1);
                check_base();
                assert_eq!(landing(&NOT_ANNOUNCED, || leap(None, 0)), -1);
                check_base();
                let answer = native::offload(&OFFLOADED, || {
                    with_landing(|_| native::callback(-2, || leap(Some(&JUMPS), 0)))
                });
                assert_eq!(answer, -1);
                check_base();
            }
        });
    });
}
