//! Native calls on another thread than the task's.

use super::Target;
use super::call::general;
use crate::target::decision::Decision;
use crate::target::fp_env::Environment;
use crate::target::policy::FpEnv;
use crate::target::timing::Timing;
use crate::target::{Profile, fp_env, ledger};
use crate::task::local::{self, Caught, Local};
use crate::transition::{self, jumped};
use sortie_scheduler::crossing::{Below, Errno};
use std::any::Any;
use std::panic::panic_any;
use std::time::Duration;

/// Runs `f`, which calls native code, on a thread that is there for such calls; the task is suspended
/// until it has returned.
///
/// For a function that blocks, called by a task that may not leave its thread, while others are pinned to the same:
/// they go on meanwhile. `f` may borrow from the task's stack. It runs as native code of the same task:
/// [`task::current`](crate::task::current) and [`transition::layers`](crate::transition::layers()) answer as in
/// [`call`](super::call()), callbacks enter managed code of the task, and `errno` and the floating-point environment
/// are afterwards as `f` left them, unless the policy restores the latter. What native code ties to a thread is that
/// thread's: a function that must be called by the thread which called another before is no function for this.
///
/// In a callback, where the task cannot be suspended, with a bracket of thread affinity open
/// ([`task::begin_thread_affinity`](crate::task::begin_thread_affinity)), and outside of tasks, `f` runs as by
/// [`call_here`](super::call_here()). A suspension point. An abort is raised after `f`.
///
/// # Panics
/// As [`call`](super::call()).
///
/// ```
/// use sortie::native::{self, Target};
///
/// static NANOSLEEP: Target = Target::named("nanosleep");
/// let runtime = sortie::Runtime::new()?;
/// let answer = runtime.run(|| {
///     let wanted = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
///     // SAFETY: the time is borrowed from this frame, which waits.
///     native::offload(&NANOSLEEP, || unsafe {
///         libc::nanosleep(&raw const wanted, std::ptr::null_mut())
///     })
/// });
/// assert_eq!(answer, 0);
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn offload<R: Send>(target: &Target, f: impl FnOnce() -> R + Send) -> R {
    call(target, target.profile(), f)
}

/// [`offload`] of a function that is known.
pub(super) fn call<R: Send>(
    target: &Target,
    profile: &'static Profile,
    f: impl FnOnce() -> R + Send,
) -> R {
    // SAFETY: the closure and what it gives may go to another thread.
    unsafe { call_unsend(target, profile, f) }
}

/// As [`call`].
///
/// # Safety
/// `f` may run, and end, on another thread, and so may the drop of what it gives.
pub(super) unsafe fn call_unsend<R>(
    target: &Target,
    profile: &'static Profile,
    f: impl FnOnce() -> R,
) -> R {
    struct Carried<F>(F);
    // SAFETY: the caller's promise.
    unsafe impl<F> Send for Carried<F> {}
    impl<T> Carried<T> {
        fn arrived(self) -> T {
            self.0
        }
    }

    let decision = profile.decide();
    if !sortie_scheduler::is_offloadable()
        || !general::is_announced()
        || !decision.may_leave_the_thread()
    {
        return super::call_here(target, f);
    }
    // Before there is a place to give back, or a layer to pop.
    sortie_scheduler::check_suspension("an offloaded native call");
    let place = general::take_place(target, profile, decision);
    let call = Call {
        profile,
        decision,
        environment: fp_env::save(),
        restores: decision.is_special() && profile.fp_env() == FpEnv::Restore,
    };
    let mut outcome = None;
    let carried = Carried((f, &mut outcome));
    let job = move || {
        let (f, outcome) = carried.arrived();
        *outcome = Some(call.make(f));
    };
    let depth = local::with(|local| local.layers(|layers| layers.depth())).unwrap_or(0);
    let pushed = local::with(|local| transition::push_offloaded(local, profile.address()));
    if let Some(Err(error)) = pushed {
        panic_any(format!("the native function {target} is not called: {error}"));
    }
    if let Some(place) = place {
        local::with(|local| local.hold(depth, place));
    }
    // SAFETY: the job catches what unwinds.
    let is_done = unsafe { sortie_scheduler::offload(profile.word(), job) };
    let kept = local::with(transition::pop_offloaded).flatten();
    local::with(|local| local.let_go(depth));
    debug_assert!(is_done, "a task that can be offloaded is");
    call.take(outcome.expect("the job was run"), kept)
}

/// A call that another thread makes.
#[derive(Clone, Copy)]
struct Call {
    profile: &'static Profile,
    decision: Decision,
    /// The task's, at the call.
    environment: Environment,
    /// Is it so again after the call?
    restores: bool,
}

/// What came of it.
struct Outcome<R> {
    result: Result<Option<R>, Caught>,
    errno: Errno,
    /// How many layers a jump has left.
    dead: usize,
    /// As the native code has left it.
    environment: Environment,
}

impl Call {
    /// Makes it, on the thread for such calls, in the name of the task.
    fn make<R>(self, f: impl FnOnce() -> R) -> Outcome<R> {
        let Call { profile, decision, environment, restores } = self;
        let called_back = local::with(|local| local.set_called_back(Duration::ZERO));
        let depth = local::with(|local| local.layers(|layers| layers.depth()));
        local::with(|local| local.set_fp_env(restores.then_some(environment)));
        let timing = ledger::page().map(|page| Timing::begin_offloaded(page, profile, decision));
        let call = || general::run(profile, decision, None, f);
        // The call is the task's: it begins in its environment, and whoever runs here next has the thread's.
        let threads = environment.replace();
        let result = local::catch(call);
        let environment = threads.replace();
        let errno = Errno::save();
        local::with(|local| local.set_fp_env(None));
        let land = |local: &Local| jumped::land(local, depth.unwrap_or(0), Below::THREAD);
        let dead = local::with(land).unwrap_or(0);
        let called_back = called_back
            .and_then(|outer| local::with(|local| local.set_called_back(outer)))
            .unwrap_or_default();
        if let Some(timing) = timing {
            timing.end(called_back).record_offloaded();
        }
        Outcome { result, errno, dead, environment }
    }

    /// Back in the task: its value, or what it has unwound with. `kept`: the panic of a callback.
    fn take<R>(self, outcome: Outcome<R>, kept: Option<Box<dyn Any + Send>>) -> R {
        // What native code changes stays changed in the task, unless its policy says that it does not.
        if self.restores {
            self.environment.restore();
        } else {
            outcome.environment.restore();
        }
        if outcome.dead > 0 {
            jumped::report(outcome.dead);
        }
        outcome.errno.restore();
        if let Some(payload) = kept {
            sortie_scheduler::raise(payload);
        }
        sortie_scheduler::checkpoint();
        match outcome.result {
            Ok(value) => value.expect("an abort that kept the call from being made is raised"),
            Err(caught) => caught.raise(),
        }
    }
}
