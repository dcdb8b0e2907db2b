//! An offloaded call is made by another thread, as native code of the same task, and the task's
//! carrier runs others meanwhile.

use sortie::native::{self, Callbacks, Class, Policy, Target};
use sortie::transition::{self, Layer};
use sortie_natives::Gate;
use sortie_test::{Mode, WORKERS, each, each_of, until};
use std::sync::Arc;
use std::time::Duration;

static WAIT: Target = Target::named("wait");
static NATIVE: Target = Target::named("native");

fn thread() -> std::thread::ThreadId {
    std::thread::current().id()
}

#[test]
fn the_call_borrows_from_the_stack_and_runs_elsewhere() {
    // A carrier without pinned tasks may make the call itself.
    each_of(&WORKERS, &[Mode::Pinned], |runtime| {
        runtime.run(|| {
            let here = thread();
            let mut numbers = [1u64, 2, 3];
            let there = native::offload(&NATIVE, || {
                numbers.iter_mut().for_each(|number| *number *= 2);
                thread()
            });
            assert_eq!(numbers, [2, 4, 6]);
            assert_ne!(here, there);
        });
    });
}

#[test]
fn the_native_code_is_the_tasks() {
    each(|runtime| {
        runtime.run(|| {
            let id = sortie::task::current().map(|task| task.id());
            let (inside, layers) = native::offload(&NATIVE, || {
                (sortie::task::current().map(|task| task.id()), transition::layers())
            });
            assert_eq!(inside, id);
            assert_eq!(layers, [Layer::ManagedBase, Layer::Native { target: 0 }]);
            assert_eq!(transition::layers(), [Layer::ManagedBase]);
        });
    });
}

#[test]
fn others_on_the_same_thread_go_on() {
    each_of(&[1], &[Mode::Pinned], |runtime| {
        let gate = Arc::new(Gate::new());
        let inside = gate.clone();
        // All of them are on the one carrier there is for managed code.
        let ticks = runtime.run(move || {
            let other = sortie::spawn(|| {
                (0..100)
                    .filter(|_| {
                        sortie::yield_now();
                        true
                    })
                    .count()
            });
            let at = inside.clone();
            let waits = sortie::spawn(move || native::offload(&WAIT, || at.wait()));
            let opener = sortie::spawn(move || {
                while inside.inside() == 0 {
                    sortie::sleep(Duration::from_micros(100));
                }
                inside.open();
            });
            let ticks = other.join().unwrap();
            opener.join().unwrap();
            waits.join().unwrap();
            ticks
        });
        assert_eq!(ticks, 100);
    });
}

#[test]
fn a_task_that_may_move_goes_on_where_its_call_was_made() {
    each_of(&[1], &[Mode::Migrating], |runtime| {
        let gate = Arc::new(Gate::new());
        let inside = gate.clone();
        let task = runtime.spawn(move || {
            let there = native::offload(&WAIT, || {
                inside.wait();
                thread()
            });
            (there, thread())
        });
        until("the worker is idle", || gate.inside() > 0 && runtime.snapshot().idle_workers == 1);
        gate.open();
        let (there, afterwards) = task.join().unwrap();
        assert_eq!(there, afterwards);
    });
}

#[test]
fn call_offloads_by_itself_where_others_would_wait() {
    each_of(&[1], &[Mode::Pinned], |runtime| {
        let gate = Arc::new(Gate::new());
        runtime.run(move || {
            let other = sortie::spawn({
                let gate = gate.clone();
                move || {
                    // Started, so pinned here; it opens the gate that its neighbour waits at.
                    sortie::yield_now();
                    until("the neighbour is inside", || {
                        sortie::yield_now();
                        gate.inside() > 0
                    });
                    gate.open();
                }
            });
            sortie::yield_now();
            native::call(&WAIT, || gate.wait());
            other.join().unwrap();
        });
    });
}

static LONG: Target = Target::named("long").with_policy(Policy::new().class(Class::Long));

#[test]
fn call_leaves_the_worker_to_those_that_wait_on_it() {
    each_of(&[1], &[Mode::Migrating], |runtime| {
        let gate = Arc::new(Gate::new());
        let (before, during, neighbour) = runtime.run(move || {
            let other = sortie::spawn({
                let gate = gate.clone();
                move || {
                    until("the neighbour is inside", || gate.inside() > 0);
                    gate.open();
                    thread()
                }
            });
            let before = thread();
            let during = native::call(&LONG, || {
                gate.wait();
                thread()
            });
            (before, during, other.join().unwrap())
        });
        assert_eq!(neighbour, before, "who waits need not wait for another thread");
        assert_ne!(during, before);
    });
}

#[test]
fn call_stays_where_nobody_waits_or_callbacks_may_suspend() {
    // SAFETY: the only native code of this function calls nobody.
    let policy = unsafe { Policy::new().class(Class::Long).callbacks(Callbacks::Migrate) };
    let suspends = Arc::new(Target::named("long, and suspends").with_policy(policy));
    each_of(&[1], &[Mode::Migrating], |runtime| {
        let suspends = suspends.clone();
        runtime.run(move || {
            let before = thread();
            assert_eq!(native::call(&LONG, thread), before);
            let before = thread();
            let other = sortie::spawn(|| ());
            assert_eq!(native::call(&suspends, thread), before);
            other.join().unwrap();
        });
    });
}

#[test]
fn callbacks_run_where_the_call_does() {
    each(|runtime| {
        runtime.run(|| {
            let sum = native::offload(&NATIVE, || {
                native::callback(0, || {
                    sortie::sleep(Duration::from_micros(50));
                    sortie::spawn(|| 40).join().unwrap() + 2
                })
            });
            assert_eq!(sum, 42);
        });
    });
}

#[test]
fn errno_and_panics_come_back() {
    each(|runtime| {
        runtime.run(|| {
            native::offload(&NATIVE, || sortie_natives::set_errno(77));
            assert_eq!(sortie_natives::get_errno(), 77);
            let caught = std::panic::catch_unwind(|| {
                native::offload(&NATIVE, || std::panic::panic_any("inside"))
            });
            assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"inside"));
            let caught = std::panic::catch_unwind(|| {
                native::offload(&NATIVE, || {
                    native::callback((), || std::panic::panic_any("in the callback"));
                })
            });
            assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"in the callback"));
            assert_eq!(transition::layers(), [Layer::ManagedBase]);
        });
    });
}

#[test]
fn many_at_once_are_all_made() {
    each_of(&WORKERS, &[Mode::Pinned, Mode::Migrating], |runtime| {
        let tasks: Vec<_> = (0..200u64)
            .map(|n| {
                runtime.spawn(move || (0..5).map(|_| native::offload(&NATIVE, || n)).sum::<u64>())
            })
            .collect();
        let sum: u64 = tasks.into_iter().map(|task| task.join().unwrap()).sum();
        assert_eq!(sum, 5 * (0..200).sum::<u64>());
    });
}

#[test]
fn outside_of_a_task_it_is_a_plain_call() {
    assert_eq!(native::offload(&NATIVE, thread), thread());
}
