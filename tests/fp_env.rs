//! What native code does to the floating-point environment stays there, if the policy says so.
#![cfg(target_arch = "x86_64")]

use sortie::hosting::{ClrRuntimeHost, Host, WaitOption};
use sortie::native::{self, FpEnv, Policy, Target, policy};
use sortie::transition;
use sortie_test::{Mode, each, each_of};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

static CHANGES: Target = Target::named("changes").with_policy(Policy::new().fp_env(FpEnv::Restore));
static LEAVES: Target = Target::named("leaves");

/// Flush to zero.
const FTZ: u32 = 1 << 15;
/// Round towards minus infinity.
const ROUND_DOWN: u32 = 1 << 13;

fn control() -> u32 {
    let mut control = 0u32;
    // SAFETY: stores to the place given.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut control, options(nostack)) };
    control
}

fn set_control(control: u32) {
    // SAFETY: called with values that were read, and a documented bit more.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const control, options(nostack)) };
}

#[test]
fn the_task_has_its_environment_back() {
    each(|runtime| {
        runtime.run(|| {
            let before = control();
            for _ in 0..100 {
                native::call_here(&CHANGES, || set_control(control() | FTZ));
                assert_eq!(control(), before);
            }
        });
    });
}

#[test]
fn a_callback_runs_in_the_tasks_and_native_code_goes_on_in_its_own() {
    each(|runtime| {
        runtime.run(|| {
            let before = control();
            native::call_here(&CHANGES, || {
                set_control(control() | FTZ);
                let inside = native::callback(0, control);
                assert_eq!(inside & FTZ, before & FTZ);
                assert_eq!(control() & FTZ, FTZ);
            });
            assert_eq!(control(), before);
        });
    });
}

#[test]
fn without_a_policy_nobody_touches_it() {
    each(|runtime| {
        runtime.run(|| {
            let before = control();
            native::call_here(&LEAVES, || set_control(control() | FTZ));
            let after = control();
            // Whatever others run on this thread next are not to have it.
            set_control(before);
            assert_eq!(after & FTZ, FTZ);
        });
    });
}

/// A call that another thread makes is the task's all the same, and leaves nothing behind on that thread.
#[test]
fn an_offloaded_call_begins_in_the_tasks_and_leaves_the_threads() {
    each(|runtime| {
        let is_migrating = runtime.case.is_migrating();
        runtime.run(move || {
            let plain = control();
            let read = || native::offload(&LEAVES, || control() & (FTZ | ROUND_DOWN));
            for (target, after) in [(&CHANGES, FTZ), (&LEAVES, ROUND_DOWN)] {
                set_control(plain | FTZ);
                let native = native::offload(target, || {
                    let begun = control();
                    set_control(plain | ROUND_DOWN);
                    let called_back = native::callback(0, control);
                    [begun, called_back, control()].map(|it| it & (FTZ | ROUND_DOWN))
                });
                assert_eq!(native, [FTZ, after, ROUND_DOWN], "{target}");
                assert_eq!(control() & (FTZ | ROUND_DOWN), after, "{target}");
                assert_eq!(read(), after);
                set_control(plain);
                assert_eq!(read(), 0);
            }
            if is_migrating {
                // It has left what it has set itself behind on each thread that it was on.
                return;
            }
            // Whoever begins on the threads that have made the calls has what all begin with.
            let others: Vec<_> = (0..16).map(|_| sortie::spawn(control)).collect();
            for other in others {
                assert_eq!(other.join().unwrap() & (FTZ | ROUND_DOWN), 0);
            }
        });
    });
}

/// A function that nobody calls here.
fn named_only() -> usize {
    (libc::getppid as *const ()).addr()
}

#[test]
fn raw_transitions_keep_it_as_calls_do() {
    let restores = policy::for_address(named_only());
    restores.set(Policy::new().fp_env(FpEnv::Restore)).unwrap();
    each(|runtime| {
        runtime.run(|| {
            let before = control();
            for _ in 0..10 {
                transition::leave(named_only()).unwrap();
                set_control(control() | FTZ);
                for _ in 0..2 {
                    transition::reverse_enter().unwrap();
                    assert_eq!(control(), before);
                    // In a callback, the same again, and a call that keeps nothing.
                    transition::leave(named_only()).unwrap();
                    set_control(control() | FTZ | ROUND_DOWN);
                    transition::enter().unwrap();
                    assert_eq!(control(), before);
                    transition::leave(0).unwrap();
                    transition::reverse_enter().unwrap();
                    transition::reverse_leave().unwrap();
                    transition::enter().unwrap();
                    transition::reverse_leave().unwrap();
                    assert_eq!(control() & (FTZ | ROUND_DOWN), FTZ);
                }
                transition::enter().unwrap();
                assert_eq!(control(), before);
            }
        });
    });
    assert!(restores.clear());
}

#[test]
fn a_raw_callback_out_of_a_call_has_the_tasks() {
    each(|runtime| {
        runtime.run(|| {
            let before = control();
            native::call_here(&CHANGES, || {
                set_control(control() | FTZ);
                transition::reverse_enter().unwrap();
                let inside = control();
                transition::reverse_leave().unwrap();
                assert_eq!((inside, control() & FTZ), (before, FTZ));
            });
            assert_eq!(control(), before);
        });
    });
}

#[test]
fn a_call_that_is_out_keeps_what_its_policy_said() {
    let scope = policy::for_address(named_only());
    each_of(&[1], &[Mode::Pinned], |runtime| {
        let scope = scope.clone();
        runtime.run(move || {
            let before = control();
            scope.set(Policy::new().fp_env(FpEnv::Restore)).unwrap();
            transition::leave(named_only()).unwrap();
            assert!(scope.clear());
            set_control(control() | FTZ);
            transition::enter().unwrap();
            assert_eq!(control(), before);
            transition::leave(named_only()).unwrap();
            scope.set(Policy::new().fp_env(FpEnv::Restore)).unwrap();
            set_control(control() | FTZ);
            transition::enter().unwrap();
            let after = control();
            set_control(before);
            assert!(scope.clear());
            assert_eq!(after & FTZ, FTZ);
        });
    });
}

#[test]
fn a_hosted_task_takes_its_own_along() {
    const TURNS: usize = 200;
    each_of(&[1, 2], &[Mode::Pinned, Mode::Migrating], |runtime| {
        let host = Host::builder(&runtime.handle()).build();
        let clr = ClrRuntimeHost::builder().build();
        clr.set_host_control(Some(Arc::new(host.clone()))).ok().unwrap();
        clr.start().ok().unwrap();
        let others_see = runtime.run(control);
        let kept = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = [FTZ, ROUND_DOWN, FTZ | ROUND_DOWN]
            .into_iter()
            .map(|mine| {
                let (manager, kept) = (host.task_manager(), kept.clone());
                let body = move || {
                    let mine = control() | mine;
                    set_control(mine);
                    for _ in 0..TURNS {
                        let _ = manager.switch_to_task(WaitOption::default());
                        kept.fetch_add(usize::from(control() == mine), Ordering::Relaxed);
                    }
                    set_control(control() & !(FTZ | ROUND_DOWN));
                    0
                };
                host.task_manager().create_task(0, body).unwrap()
            })
            .collect();
        tasks.iter().for_each(|task| task.start().ok().unwrap());
        while !tasks.iter().all(|task| task.is_done()) {
            assert_eq!(runtime.run(control), others_see);
        }
        assert_eq!(kept.load(Ordering::Relaxed), 3 * TURNS);
        let _ = clr.stop();
    });
}
