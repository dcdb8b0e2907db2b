//! Announced calls of a C function, and a callback, each in a function of its own whose name is kept, so that a
//! test finds their machine code in the program. Run, it makes some.

use sortie::native::{self, Class, Policy, Target};

/// A short function needs little stack, and does not call back.
///
/// SAFETY: it reads `errno`.
const LEAF: Policy = unsafe { Policy::new().class(Class::Short).task_stack(1024) };

static ON_TASK_STACK: Target = Target::named("natives_get_errno, task's stack").with_policy(LEAF);
static ON_CARRIER_STACK: Target = Target::named("natives_get_errno, carrier's stack")
    .with_policy(Policy::new().class(Class::Short));

/// On the task's own stack.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn announced_on_task_stack() -> i32 {
    native::call_here(&ON_TASK_STACK, || sortie_natives::get_errno())
}

/// On the carrier's stack.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn announced_on_carrier_stack() -> i32 {
    native::call_here(&ON_CARRIER_STACK, || sortie_natives::get_errno())
}

static CALLS_BACK: Target =
    Target::named("natives_call_back").with_policy(Policy::new().class(Class::Short));

/// A callback, out of a call that goes the fast way. The managed code is the same function: it is not announced.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn announced_callback() -> i32 {
    native::callback(-1, || sortie_natives::get_errno())
}

fn main() -> Result<(), sortie::BuildError> {
    let runtime = sortie::Runtime::new()?;
    runtime.run(|| {
        for _ in 0..1000 {
            sortie_natives::set_errno(libc::EDOM);
            assert_eq!(announced_on_task_stack(), libc::EDOM);
            assert_eq!(announced_on_carrier_stack(), libc::EDOM);
            let mut errno = 0;
            native::call_here(&CALLS_BACK, || {
                sortie_natives::with_callback(1, |_| {
                    errno = announced_callback();
                    0
                })
            });
            assert_eq!(errno, libc::EDOM);
        }
    });
    Ok(())
}
