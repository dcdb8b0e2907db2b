//! What native code does to the floating-point environment stays there, if the policy says so.
#![cfg(target_arch = "x86_64")]

use sortie::native::{self, FpEnv, Policy, Target};
use sortie_test::each;

static CHANGES: Target = Target::named("changes").with_policy(Policy::new().fp_env(FpEnv::Restore));
static LEAVES: Target = Target::named("leaves");

/// Flush to zero.
const FTZ: u32 = 1 << 15;

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
