//! Callbacks that raw transitions have crossed, or a jump has left.

use super::{
    Begun, Called, Caller, Exit, Here, Left, Opened, come_back, fence, leave, return_to_native,
    target,
};
use crate::{Config, Scheduler, set_task_word, wait};
use std::iter;
use std::ptr;
use std::time::Duration;

const OUTER: usize = 0x10;
const INNER: usize = 0x20;

/// Runs these as tasks, each with a word, and alone.
fn run(tasks: &[fn()]) {
    let runtime = Config::new().workers(1).start().unwrap();
    for task in tasks {
        let task = *task;
        let ran = runtime.spawn(move || {
            let word = ();
            set_task_word(ptr::from_ref(&word));
            task();
            set_task_word(ptr::null());
        });
        ran.join().unwrap();
    }
    let report = runtime.shutdown(Duration::from_secs(20)).unwrap();
    assert!(report.is_clean(), "{report}");
}

/// The current task leaves for native code, which calls back.
fn call_back<const COMPARE: bool>() -> (Here, Left<COMPARE>, Called<COMPARE>, Opened) {
    // SAFETY: the task is not switched before its end: nobody else is in the runtime.
    let here = unsafe { Here::get() }.expect("a task in managed code");
    let left = here.leave::<COMPARE>(OUTER);
    // SAFETY: as above.
    let caller = unsafe { Caller::get() }.expect("the same task");
    // SAFETY: `Here::leave` was the last.
    let begun = unsafe { caller.begin::<COMPARE>() };
    let (called, begun) = begun.expect("its call is of this mode");
    let opened = match begun {
        Begun::Unasked(opened) => opened,
        Begun::Asked => called.settle().expect("the runtime is open").1,
    };
    (here, left, called, opened)
}

/// A callback leaves for other native code by itself. It ends when it is on top again, and not before.
fn cross<const COMPARE: bool>() {
    let (here, left, called, opened) = call_back::<COMPARE>();
    assert_eq!(target(), OUTER);

    leave(INNER, Exit::Compare);
    assert!(!called.leave(opened, || OUTER), "managed code is not on top");
    assert_eq!(target(), INNER, "of the native code that is");
    assert!(!called.leave_again(OUTER), "nor is it now");
    assert_eq!(target(), INNER);

    come_back().expect("the runtime is open");
    assert!(called.leave(opened, || OUTER));
    assert_eq!(target(), OUTER, "though other native calls have counted in between");
    let _ = here.come_back(left, || false);
}

#[test]
fn one_that_is_not_on_top_ends_nothing() {
    run(&[cross::<true>]);
    if fence::is_asymmetric() {
        run(&[cross::<false>]);
    }
}

#[test]
fn a_jump_takes_nothing_of_a_hold() {
    run(&[|| {
        let scheduler = Scheduler::current().expect("a task");
        assert!(scheduler.begin_hold());
        let (.., opened) = call_back::<true>();
        return_to_native(iter::once(opened), iter::empty());
        come_back().expect("the runtime is open");
        let (_, task) = wait::managed().expect("a task in managed code");
        assert_eq!(task.callbacks.open(), 0);
        assert!(!wait::is_switchable(task), "who keeps a hold is not switched away");
        assert!(scheduler.end_hold());
        assert_eq!(task.callbacks.blocking(), 0);
    }]);
}
