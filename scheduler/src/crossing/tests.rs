//! Callbacks that raw transitions have crossed.

use super::{Begun, Caller, Exit, Here, come_back, fence, leave, target};
use crate::{Config, set_task_word};
use std::ptr;
use std::time::Duration;

const OUTER: usize = 0x10;
const INNER: usize = 0x20;

/// A task in native code calls back, and the callback leaves for other native code by itself. It ends as that says, and
/// not before.
fn cross<const COMPARE: bool>() {
    let word = ();
    set_task_word(ptr::from_ref(&word));
    // SAFETY: the task is not switched meanwhile: all of this is out and back with nobody else in the runtime.
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
    set_task_word(ptr::null());
}

#[test]
fn one_that_is_not_on_top_ends_nothing() {
    let runtime = Config::new().workers(1).start().unwrap();
    let run = |f: fn()| runtime.spawn(f).join().unwrap();
    run(cross::<true>);
    if fence::is_asymmetric() {
        run(cross::<false>);
    }
    let report = runtime.shutdown(Duration::from_secs(20)).unwrap();
    assert!(report.is_clean(), "{report}");
}
