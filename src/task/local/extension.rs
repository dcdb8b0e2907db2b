//! What a room on a higher floor keeps with a task, and how it is told of the task's switches.

use super::Local;
use crate::target::ledger::Switches;
use std::any::Any;

/// What a room on a higher floor keeps with a task.
pub(crate) trait Extension: Any + Send + Sync {
    /// The task is about to be switched away, which is told of if `wait::tell_of_switches` was called: on its own stack, in
    /// the last moment. False: it cannot be, now and later, and waits in place. Does not wait, and does not unwind.
    fn switched_out(&self) -> bool {
        true
    }

    /// It goes on, perhaps on another thread.
    fn switched_in(&self) {}

    /// Is its wait over, though neither what it waits for nor its time has come? Asked if `wait::ask_whether_over` was
    /// called. Does not wait, and does not unwind.
    fn is_wait_over(&self) -> bool {
        false
    }

    /// It has overflowed its stack. Called by the signal handler: see `Embedder::overflowed`.
    fn overflowed(&self, in_native_code: bool) {
        let _ = in_native_code;
    }

    /// It has ended, or the thread that was adopted, with so many layers open.
    fn ended(&self, leaked_layers: u64) {
        let _ = leaked_layers;
    }
}

/// How the scheduler tells of switches.
pub(crate) const SWITCHES: Switches =
    Switches { out: switched_out, back: switched_in, is_over: is_wait_over, overflowed };

fn switched_out(word: *const ()) -> bool {
    // SAFETY: as in `with`: the word is the current task's.
    let local = unsafe { word.cast::<Local>().as_ref() };
    let Some((local, extension)) = local.and_then(|local| Some((local, local.extension.get()?)))
    else {
        return true;
    };
    let agrees = extension.switched_out();
    if agrees {
        local.take_fp_env_away();
    }
    agrees
}

fn switched_in(word: *const ()) {
    // SAFETY: as above.
    let local = unsafe { word.cast::<Local>().as_ref() };
    if let Some((local, extension)) = local.and_then(|local| Some((local, local.extension.get()?)))
    {
        local.bring_fp_env_back();
        extension.switched_in();
    }
}

fn is_wait_over(word: *const ()) -> bool {
    // SAFETY: as above.
    let local = unsafe { word.cast::<Local>().as_ref() };
    local.and_then(|local| local.extension.get()).is_some_and(|extension| extension.is_wait_over())
}

fn overflowed(word: *const (), in_native_code: bool) {
    // SAFETY: as above.
    let local = unsafe { word.cast::<Local>().as_ref() };
    if let Some(extension) = local.and_then(|local| local.extension.get()) {
        extension.overflowed(in_native_code);
    }
}
