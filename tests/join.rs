//! A join returns the output of its task, wherever it is called, once the task has ended.

use sortie::native::{self, Target};
use sortie_natives::Gate;
use sortie_test::drops::Drops;
use sortie_test::{MODES, each, each_of, until};
use std::sync::Arc;

static NATIVE: Target = Target::named("native code");

#[test]
fn values_come_out_of_tasks_to_tasks() {
    each(|runtime| {
        let sum = runtime.run(|| {
            let tasks: Vec<_> = (0..200u64).map(|n| sortie::spawn(move || n)).collect();
            tasks.into_iter().map(|task| task.join().unwrap()).sum::<u64>()
        });
        assert_eq!(sum, 199 * 200 / 2);
    });
}

#[test]
fn values_come_out_of_tasks_to_threads() {
    each(|runtime| {
        let handle = runtime.handle();
        std::thread::scope(|scope| {
            for base in [0, 1000, 2000] {
                let handle = &handle;
                scope.spawn(move || {
                    let tasks: Vec<_> = (base..base + 50u64)
                        .map(|n| handle.spawn(move || (n, sortie::yield_now())))
                        .collect();
                    for (n, task) in (base..).zip(tasks) {
                        assert_eq!(task.join().unwrap().0, n);
                    }
                });
            }
        });
    });
}

#[test]
fn values_come_out_of_tasks_to_native_code() {
    each(|runtime| {
        let sum = runtime.run(|| {
            let task = sortie::spawn(|| 40);
            native::call_here(&NATIVE, || {
                let other = sortie::spawn(|| 2);
                task.join().unwrap() + other.join().unwrap()
            })
        });
        assert_eq!(sum, 42);
    });
}

#[test]
fn a_tree_of_tasks_joins_from_its_leaves_up() {
    fn count(depth: u32) -> u64 {
        if depth == 0 {
            return 1;
        }
        let left = sortie::spawn(move || count(depth - 1));
        let right = sortie::spawn(move || count(depth - 1));
        left.join().unwrap() + right.join().unwrap()
    }
    each(|runtime| assert_eq!(runtime.run(|| count(8)), 256));
}

#[test]
fn a_join_after_the_end_does_not_wait() {
    each(|runtime| {
        let task = runtime.spawn(|| "early");
        until("the task has ended", || task.is_finished());
        assert_eq!(task.join().unwrap(), "early");
        let inside = runtime.run(|| {
            let task = sortie::spawn(|| "early");
            while !task.is_finished() {
                sortie::yield_now();
            }
            task.join().unwrap()
        });
        assert_eq!(inside, "early");
    });
}

#[test]
fn is_finished_is_false_before_the_end() {
    each(|runtime| {
        let gate = Arc::new(Gate::new());
        let at = gate.clone();
        let task = runtime.spawn(move || native::call_here(&NATIVE, || at.wait()));
        until("the task is at the gate", || gate.inside() == 1);
        assert!(!task.is_finished());
        gate.open();
        task.join().unwrap();
    });
}

#[test]
fn a_dropped_handle_detaches_its_task_which_runs_on() {
    each(|runtime| {
        let drops = Drops::new();
        let (before, after) = (drops.value(), drops.value());
        let gate = Arc::new(Gate::new());
        let at = gate.clone();
        let (send, ran) = std::sync::mpsc::channel();
        drop(runtime.spawn(move || {
            let _before = before;
            native::call_here(&NATIVE, || at.wait());
            send.send(()).unwrap();
            after // an output that nobody wants is dropped
        }));
        gate.open();
        ran.recv().unwrap();
        until("the output is dropped", || drops.dropped() == 2);
    });
}

#[test]
fn outputs_are_dropped_once_joined_or_not() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let drops = Drops::new();
        for joined in [true, false] {
            for late in [true, false] {
                let value = drops.value();
                let task = runtime.spawn(move || value);
                if late {
                    until("the task has ended", || task.is_finished());
                }
                if joined {
                    drop(task.join().unwrap());
                } else {
                    drop(task);
                }
            }
        }
        until("all four are dropped", || drops.dropped() == 4);
    });
}
