//! Regions hold aborts back to their end: nothing is raised in them, and nothing is forgotten.

use sortie::native::{self, Target};
use sortie::task::{self, DelayError, delay_abort, is_abort};
use sortie_natives::with_callback;
use sortie_scheduler::abort;
use sortie_test::drops::Drops;
use sortie_test::{each, each_setting, until};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::time::Duration;

static NATIVE: Target = Target::named("native code");

/// Every kind of suspension point.
fn wait_in_every_way() {
    sortie::yield_now();
    task::checkpoint();
    sortie::sleep(Duration::from_micros(100));
    sortie::spawn(|| sortie::sleep(Duration::from_micros(100))).join().unwrap();
    native::call_here(&NATIVE, || sortie_natives::nanosleep(100_000));
    with_callback(1, |_| native::callback(0, || 1));
}

/// Says where it is, and goes on when it is told.
#[derive(Clone, Default)]
struct Steps(Arc<AtomicUsize>);

impl Steps {
    fn at(&self, step: usize) {
        self.0.store(step, SeqCst);
    }
    fn wait_for(&self, step: usize) {
        until("the other is so far", || self.0.load(SeqCst) >= step);
    }
}

#[test]
fn an_abort_is_raised_at_the_end_of_the_region() {
    each(|runtime| {
        let (steps, drops) = (Steps::default(), Drops::new());
        let (its, value) = (steps.clone(), drops.value());
        let task = runtime.spawn(move || {
            let _value = delay_abort(|| {
                its.at(1);
                while its.0.load(SeqCst) < 2 {
                    wait_in_every_way();
                }
                delay_abort(wait_in_every_way);
                wait_in_every_way();
                its.at(3);
                // The region's value is dropped when it ends.
                value
            });
            its.at(4);
        });
        steps.wait_for(1);
        task.abort();
        task.abort_rudely();
        steps.at(2);
        assert!(task.join().unwrap_err().is_aborted());
        assert_eq!(steps.0.load(SeqCst), 3);
        drops.check();
    });
}

#[test]
fn it_is_a_flag() {
    each(|runtime| {
        runtime.run(|| {
            assert_eq!(task::end_delay_abort(), Err(DelayError::NotOpen));
            assert_eq!(task::begin_delay_abort(), Ok(()));
            assert_eq!(task::begin_delay_abort(), Err(DelayError::Open));
            // It leaves the end to whoever has begun.
            delay_abort(|| ());
            assert_eq!(task::end_delay_abort(), Ok(()));
            assert_eq!(task::end_delay_abort(), Err(DelayError::NotOpen));
        });
        let error = task::begin_delay_abort().unwrap_err();
        assert_eq!(error, DelayError::Outside);
        assert_eq!(task::end_delay_abort(), Err(DelayError::Outside));
        assert_eq!(delay_abort(|| 5), 5);
        for (error, words) in [
            (DelayError::Open, "who has opened it ends it"),
            (DelayError::NotOpen, "begin it first"),
            (DelayError::Outside, "in code of a task"),
        ] {
            assert!(error.to_string().contains(words), "{error}");
        }
    });
}

#[test]
fn a_panic_ends_the_region() {
    each(|runtime| {
        let task = runtime.spawn(|| {
            let caught = catch_unwind(|| delay_abort(|| panic!("as the test wants")));
            assert!(caught.is_err_and(|payload| !is_abort(&*payload)));
            assert_eq!(task::end_delay_abort(), Err(DelayError::NotOpen));
            sortie::sleep(Duration::MAX);
        });
        task.abort();
        assert!(task.join().unwrap_err().is_aborted());
    });
}

/// A region in native code, and one over a callback: raised when the frames may unwind.
#[test]
fn around_native_code() {
    each(|runtime| {
        for raw in [false, true] {
            let (steps, drops) = (Steps::default(), Drops::new());
            let (its, value) = (steps.clone(), drops.value());
            let task = runtime.spawn(move || {
                let _value = value;
                native::call_here(&NATIVE, || {
                    if raw {
                        task::begin_delay_abort().unwrap();
                    }
                    with_callback(1, |_| {
                        native::callback(-1, || {
                            let within = || {
                                its.at(1);
                                its.wait_for(2);
                                wait_in_every_way();
                                1
                            };
                            if raw { within() } else { delay_abort(within) }
                        })
                    });
                    if raw {
                        task::end_delay_abort().unwrap();
                    }
                    its.at(3);
                });
                its.at(4);
            });
            steps.wait_for(1);
            task.abort();
            steps.at(2);
            assert!(task.join().unwrap_err().is_aborted());
            assert_eq!(steps.0.load(SeqCst), 3);
            drops.check();
        }
    });
}

/// A native call in a region is not cut short, one after it is.
#[test]
fn no_native_call_is_cancelled() {
    each(|runtime| {
        let steps = Steps::default();
        let (its, hooked) = (steps.clone(), Arc::new(AtomicUsize::new(0)));
        let hooks = hooked.clone();
        let task = runtime.spawn(move || {
            let count = |_: &native::Cancelled| {
                hooks.fetch_add(1, SeqCst);
            };
            delay_abort(|| {
                native::call_cancellable(&NATIVE, count, || {
                    its.at(1);
                    its.wait_for(2);
                });
                native::call_cancellable(&NATIVE, count, || its.at(3));
            });
            its.at(4);
        });
        steps.wait_for(1);
        task.abort();
        steps.at(2);
        assert!(task.join().unwrap_err().is_aborted());
        assert_eq!((steps.0.load(SeqCst), hooked.load(SeqCst)), (3, 0));
    });
}

#[test]
fn critical_regions_let_rude_aborts_pass() {
    each(|runtime| {
        for rudely in [false, true] {
            let steps = Steps::default();
            let its = steps.clone();
            let task = runtime.spawn(move || {
                assert!(abort::begin_critical());
                assert!(abort::begin_critical());
                its.at(1);
                while its.0.load(SeqCst) < 2 {
                    wait_in_every_way();
                }
                wait_in_every_way();
                its.at(3);
                assert!(abort::end_critical());
                wait_in_every_way();
                its.at(4);
                abort::end_critical();
                its.at(5);
            });
            steps.wait_for(1);
            if rudely {
                task.abort_rudely()
            } else {
                task.abort()
            }
            steps.at(2);
            assert!(task.join().unwrap_err().is_aborted());
            assert_eq!(steps.0.load(SeqCst), if rudely { 2 } else { 4 });
        }
        runtime.run(|| assert!(!abort::end_critical()));
        assert!(!abort::begin_critical() && !abort::begin_prevent() && !abort::end_prevent());
    });
}

#[test]
fn a_task_that_prevents_others_aborts_may_abort_itself() {
    each(|runtime| {
        for by_itself in [false, true] {
            let steps = Steps::default();
            let its = steps.clone();
            let task = runtime.spawn(move || {
                assert!(abort::begin_prevent());
                assert!(abort::begin_prevent());
                its.at(1);
                its.wait_for(2);
                wait_in_every_way();
                assert!(abort::end_prevent());
                wait_in_every_way();
                its.at(3);
                if by_itself {
                    task::abort_current().unwrap();
                    its.at(4);
                }
                abort::end_prevent();
                its.at(4);
            });
            steps.wait_for(1);
            if !by_itself {
                task.abort_rudely();
            }
            steps.at(2);
            assert!(task.join().unwrap_err().is_aborted());
            assert_eq!(steps.0.load(SeqCst), 3);
        }
    });
}

/// A shutdown waits for the end of the region, and at its deadline no longer.
#[test]
fn at_the_end_of_the_runtime() {
    each_setting(|case| {
        let (runtime, drops) = (case.runtime(), Drops::new());
        let (send, started) = channel();
        let go_on = Arc::new(AtomicBool::new(false));
        let (value, its) = (drops.value(), go_on.clone());
        let short = {
            let send = send.clone();
            runtime.spawn(move || {
                let _value = value;
                delay_abort(|| {
                    send.send(()).unwrap();
                    sortie::sleep(Duration::from_millis(20));
                    its.store(true, SeqCst);
                });
                unreachable!("raised at the end of the region");
            })
        };
        started.recv().unwrap();
        let report = runtime.shutdown(Duration::from_secs(30));
        assert!(report.is_clean(), "{report}");
        assert!(go_on.load(SeqCst));
        assert!(short.join().unwrap_err().is_aborted());
        drops.check();
    });
}

/// What a task aborts itself with in a region waits as others' do.
#[test]
fn its_own_abort_waits() {
    each(|runtime| {
        let steps = Steps::default();
        let its = steps.clone();
        let task = runtime.spawn(move || {
            delay_abort(|| {
                task::abort_current().unwrap();
                wait_in_every_way();
                its.at(1);
            });
            its.at(2);
        });
        assert!(task.join().unwrap_err().is_aborted());
        assert_eq!(steps.0.load(SeqCst), 1);
        // It is an abort as any other.
        let task = runtime.spawn(|| {
            let caught = catch_unwind(AssertUnwindSafe(|| task::abort_current().unwrap()));
            let payload = caught.unwrap_err();
            assert!(is_abort(&*payload));
            resume_unwind(payload);
        });
        assert!(task.join().unwrap_err().is_aborted());
    });
    let error = task::abort_current().unwrap_err();
    assert!(error.to_string().contains("in managed code of a task"), "{error}");
}
