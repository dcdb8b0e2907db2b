//! Native code calls back and callbacks call native code: an abort cuts what is on top, then what is below it.

use super::{NATIVE, Wrong, assert_aborted, thread_id};
use sortie::native::{self, Callbacks, Cancelled, Policy, Target};
use sortie_natives::{Gate, with_callback};
use sortie_test::{each, until};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The call on top is hooked; the one below it when its native code goes on.
#[test]
fn nested_calls_are_hooked_from_the_inside() {
    static BLOCKS: Target = Target::named("native code that calls back");
    // SAFETY: `callback.c` keeps everything on its stack.
    const SUSPEND: Policy = unsafe { Policy::new().callbacks(Callbacks::Suspend) };
    static SUSPENDS: Target = Target::named("native code that suspends").with_policy(SUSPEND);
    for target in [&BLOCKS, &SUSPENDS] {
        each(|runtime| {
            let (inner, outer) = (Arc::new(Gate::new()), Arc::new(Gate::new()));
            let story = Arc::new(Mutex::new(Vec::new()));
            let task = {
                let (inner, outer, story) = (inner.clone(), outer.clone(), story.clone());
                runtime.spawn(move || {
                    let tell = |what| story.lock().unwrap().push(what);
                    let outer_hook = |_: &Cancelled| {
                        tell("outer hook");
                        outer.open();
                    };
                    native::call_cancellable(target, outer_hook, || {
                        let callback = || {
                            sortie::yield_now();
                            // One that cannot be cancelled comes and goes first.
                            native::call_here(&NATIVE, || {
                                with_callback(1, |_| native::callback(0, || 0))
                            });
                            let inner_hook = |_: &Cancelled| {
                                tell("inner hook");
                                inner.open();
                            };
                            native::call_cancellable(&NATIVE, inner_hook, || inner.wait());
                            tell("not reached");
                            1
                        };
                        let answer = with_callback(1, |_| native::callback(-1, callback));
                        assert_eq!(answer, -1);
                        outer.wait();
                        tell("outer returns");
                    });
                    tell("not reached");
                })
            };
            until("it is in the inner call", || inner.inside() == 1);
            task.abort();
            assert_aborted(task);
            assert_eq!(*story.lock().unwrap(), ["inner hook", "outer hook", "outer returns"]);
        });
    }
}

/// A call on top that cannot be cancelled hides the one below, also after it has called back.
#[test]
fn a_call_below_is_not_hooked_for_the_one_on_top() {
    each(|runtime| {
        let (gate, hooks) = (Arc::new(Gate::new()), Arc::new(AtomicUsize::new(0)));
        let task = {
            let (gate, hooks) = (gate.clone(), hooks.clone());
            runtime.spawn(move || {
                let hook = |_: &Cancelled| {
                    hooks.fetch_add(1, SeqCst);
                };
                let on_top = || {
                    native::call_here(&NATIVE, || {
                        with_callback(1, |_| native::callback(0, || 0));
                        gate.wait();
                    });
                    0
                };
                native::call_cancellable(&NATIVE, hook, || {
                    with_callback(1, |_| native::callback(0, on_top))
                })
            })
        };
        until("it is in the call on top", || gate.inside() == 1);
        task.abort();
        assert_eq!(hooks.load(SeqCst), 0);
        gate.open();
        assert_aborted(task);
        assert_eq!(hooks.load(SeqCst), 1);
    });
}

/// An abort while the task waits in a callback: the callback ends by it, then the call below.
#[test]
fn an_abort_in_a_callback_reaches_the_native_code_below() {
    each(|runtime| {
        let (inside, hooks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let wrong = Wrong::default();
        let task = {
            let (inside, hooks, wrong) = (inside.clone(), hooks.clone(), wrong.clone());
            runtime.spawn(move || {
                let gate = Gate::new();
                let hook = |cancelled: &Cancelled| {
                    // The task itself runs it.
                    wrong.unless(cancelled.thread_id() == thread_id());
                    hooks.fetch_add(1, SeqCst);
                    gate.open();
                };
                native::call_cancellable(&NATIVE, hook, || {
                    with_callback(3, |_| {
                        native::callback(0, || {
                            inside.store(true, SeqCst);
                            sortie::sleep(Duration::MAX);
                            0
                        })
                    });
                    gate.wait();
                });
            })
        };
        until("it waits in its callback", || inside.load(SeqCst));
        assert_eq!(hooks.load(SeqCst), 0);
        task.abort();
        assert_aborted(task);
        assert_eq!(hooks.load(SeqCst), 1);
    });
}
