//! A callback: managed code that native code of the same task calls.
//!
//! Here is the way of any callback. Those out of a call that went a fast way have one of their own, as their calls do
//! (`native/call/`): `callback/fast.rs`, `on_stack.rs`, `anywhere.rs`. `answer.rs`: what the native code is answered.

mod answer;
mod anywhere;
mod fast;
mod on_stack;

use self::answer::{Answer, Or, Tell};
use self::anywhere::Anywhere;
use self::fast::Fast;
use self::on_stack::OnStack;
use crate::target::row::Row;
use crate::target::{fp_env, ledger, unhooked};
use crate::task::local::{self, Local};
use crate::transition::{self, TransitionError};
use sortie_scheduler::crossing::{self, Below, Caller};
use std::time::Instant;

/// Runs `f` in managed code, called by native code that the current task has called.
///
/// Call it first thing in an `extern "C"` function that is handed to native code. `f` may do all that
/// a task may: spawn, join, sleep, call native code. If it waits, its carrier waits with it, because
/// the native frames below are on its stack, and the worker serves others meanwhile; where
/// [`Policy::callbacks`](super::Policy::callbacks) promises more of the function, the task is suspended,
/// native frames and all.
///
/// A panic of `f`, or an abort, does not cross the native frames: it is kept, `fallback` is returned
/// to the native code, further callbacks of the same native call return theirs without running, and
/// the panic is raised again when that call returns to managed code.
///
/// A jump (`longjmp`) may pass a callback if nothing is alive in `f` that has a destructor; the native call that it
/// comes to closes the callback's layer as a leak. The guide's chapter on callbacks says what else it may pass.
///
/// Where managed code cannot be entered (no native layer below, no task on this thread, or the
/// runtime was shut down) `f` does not run and `fallback` is returned; an error event says so, and
/// [`try_callback`] returns the error. Keeps `errno` but for what `f` does.
///
/// ```
/// use sortie::native::{self, Target};
/// use std::ffi::{c_int, c_void};
///
/// extern "C" fn compare(a: *const c_void, b: *const c_void) -> c_int {
///     // SAFETY: `qsort` hands out pointers to elements, which are `i32`.
///     let (a, b) = unsafe { (*a.cast::<i32>(), *b.cast::<i32>()) };
///     native::callback(0, || a.cmp(&b) as c_int)
/// }
///
/// static QSORT: Target = Target::named("qsort");
/// let runtime = sortie::Runtime::new()?;
/// let sorted = runtime.run(|| {
///     let mut v = [3, 1, 2];
///     // SAFETY: the array has three elements of four bytes.
///     native::call_here(&QSORT, || unsafe {
///         libc::qsort(v.as_mut_ptr().cast(), 3, 4, Some(compare))
///     });
///     v
/// });
/// assert_eq!(sorted, [1, 2, 3]);
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[inline]
pub fn callback<R>(fallback: R, f: impl FnOnce() -> R) -> R {
    enter(Or(fallback), f)
}

/// As [`callback`], and says why it did not run.
///
/// `Ok(None)`: `f` panicked or was aborted, or an earlier callback of the same native call was; the
/// native code should return as soon as it can.
///
/// # Errors
/// [`TransitionError`] if managed code cannot be entered from here; `f` was not run.
///
/// ```
/// // No task runs here, so there is nothing to call back into.
/// let error = sortie::native::try_callback(|| 1).unwrap_err();
/// println!("{error}");
/// ```
#[inline]
pub fn try_callback<R>(f: impl FnOnce() -> R) -> Result<Option<R>, TransitionError> {
    enter(Tell, f)
}

/// Enters managed code out of a short call in mode A, and other code by calls.
#[inline(always)]
fn enter<R, A: Answer<R>>(answer: A, f: impl FnOnce() -> R) -> A::Output {
    // SAFETY: used up by either `begin`.
    if let Some((caller, local)) = unsafe { fast::caller() } {
        if let Some(row) = local.direct::<false>() {
            if local.has_room_for_callback()
                && let Some((fast, begun)) = Fast::<false>::begin(caller, row)
            {
                return fast.run(begun, answer, f);
            }
        } else if let Some(row) = local.direct::<true>() {
            return enter_on_stack(caller, local, row, answer, f);
        }
    }
    enter_otherwise(answer, f)
}

/// Out of a call on a stack of its own.
#[inline(never)]
fn enter_on_stack<R, A: Answer<R>>(
    caller: Caller,
    local: &'static Local,
    row: &'static Row,
    answer: A,
    f: impl FnOnce() -> R,
) -> A::Output {
    match OnStack::begin(caller, local, row) {
        Some(Ok(on_stack)) => on_stack.run(answer, f),
        Some(Err(error)) => answer.refused(error),
        None => enter_otherwise(answer, f),
    }
}

/// Not out of a short call in mode A, out of one with layers to push, or out of one whose callbacks may go elsewhere.
#[inline(never)]
fn enter_otherwise<R, A: Answer<R>>(answer: A, f: impl FnOnce() -> R) -> A::Output {
    // SAFETY: used up by either `begin`.
    if let Some((caller, local)) = unsafe { fast::caller() } {
        if let Some(row) = local.direct::<false>() {
            if local.can_call_back() {
                if let Some((fast, begun)) = Fast::<false>::begin(caller, row) {
                    return fast.run(begun, answer, f);
                }
                if let Some((fast, begun)) = Fast::<true>::begin(caller, row) {
                    return fast.run(begun, answer, f);
                }
            }
        } else if let Some(row) = local.direct::<true>() {
            match Anywhere::begin(caller, local, row) {
                Some(Ok(anywhere)) => return anywhere.run(answer, f),
                Some(Err(error)) => return answer.refused(error),
                None => {}
            }
        }
    }
    // The automaton's answer for a thread without a task is that of the raw call.
    let entered = local::with(|local| enter_generally(local, f))
        .unwrap_or_else(|| transition::reverse_enter().map(|()| None));
    match entered {
        Ok(Some(value)) => answer.value(value),
        Ok(None) => answer.kept(),
        Err(error) => answer.refused(error),
    }
}

/// The general way.
fn enter_generally<R>(local: &Local, f: impl FnOnce() -> R) -> Result<Option<R>, TransitionError> {
    if local.keeps_panic() {
        return Ok(None);
    }
    let profile = transition::profile_on_top(local);
    let page = ledger::page();
    let outer = page.map(|page| page.set_since(0));
    // Of a timed call: what managed code takes, and the wait for a worker, are not the call's.
    let start = outer.filter(|since| *since > 0).map(|_| Instant::now());
    let raw = local.set_raw(None);
    let below = local.set_below(Below::THREAD);
    let back = match transition::call_in(local, below, true) {
        Ok(back) => back,
        Err(error) => {
            local.set_below(below);
            return Err(error);
        }
    };
    // Whoever waited for a worker may be on another carrier.
    if let Some((page, profile)) = ledger::page().zip(profile) {
        page.row(profile).record_callback(back);
        unhooked::check_callback(profile);
    }
    let outer_stack = crossing::below::use_stack_of(below);
    let task_env = local.set_fp_env(None);
    let native_env = task_env.map(|environment| {
        let native = fp_env::save();
        environment.restore();
        native
    });
    let result = sortie_scheduler::guard(|| {
        // The wait for a worker just now was one that a guard forbids.
        sortie_scheduler::raise_postponed();
        f()
    });
    local.set_fp_env(task_env);
    native_env.inspect(|environment| environment.restore());
    crossing::below::resume_outer(outer_stack);
    // Read anew: the task may be on another carrier.
    if let Some((page, outer)) = ledger::page().zip(outer) {
        page.set_since(outer);
    }
    local.set_below(below);
    local.set_raw(raw);
    if let Some(start) = start {
        local.add_called_back(start.elapsed());
    }
    let left = transition::back_in(local, profile, below);
    match result {
        Ok(value) => {
            left?;
            Ok(Some(value))
        }
        Err(payload) => {
            local.keep(payload);
            Ok(None)
        }
    }
}
