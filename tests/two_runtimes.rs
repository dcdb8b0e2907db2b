//! Two runtimes live side by side, and call each other from native code.

use sortie::native::{self, Target};
use sortie::task;
use sortie_test::{Case, each_setting};
use std::sync::Arc;
use std::time::Duration;

static NATIVE: Target = Target::named("native code");

fn end(runtime: Arc<sortie::Runtime>) {
    let runtime = Arc::into_inner(runtime).expect("the last owner");
    assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
}

fn pair(case: &Case) -> [Arc<sortie::Runtime>; 2] {
    let other = case.builder().workers(case.workers % 3 + 1);
    [Arc::new(case.runtime()), Arc::new(other.build().unwrap())]
}

#[test]
fn side_by_side() {
    each_setting(|case| {
        let [one, two] = pair(case);
        let tasks: Vec<_> = (0..40u64)
            .map(|n| {
                let runtime = if n % 2 == 0 { &one } else { &two };
                runtime.spawn(move || {
                    sortie::yield_now();
                    native::call(&NATIVE, || sortie_natives::nanosleep(100_000));
                    sortie::spawn(move || n).join().unwrap()
                })
            })
            .collect();
        for (n, task) in (0..).zip(tasks) {
            assert_eq!(task.join().unwrap(), n);
        }
        assert_eq!(one.snapshot().tasks_spawned, 40);
        assert_eq!(two.snapshot().tasks_spawned, 40);
        end(one);
        assert_eq!(two.run(|| 3), 3);
        end(two);
    });
}

#[test]
fn each_spawns_on_the_other_and_joins() {
    each_setting(|case| {
        let [one, two] = pair(case);
        let (to_one, to_two) = (one.handle(), two.handle());
        let sum = one.run(move || {
            let tasks: Vec<_> = (0..20)
                .map(|n| {
                    let back = to_one.clone();
                    to_two.spawn(move || {
                        sortie::yield_now();
                        // On the first again, joined from the second.
                        back.spawn(move || n + 1).join().unwrap()
                    })
                })
                .collect();
            tasks.into_iter().map(|task| task.join().unwrap()).sum::<i32>()
        });
        assert_eq!(sum, 20 * 21 / 2);
        end(one);
        end(two);
    });
}

#[test]
fn nested_in_each_others_native_calls() {
    fn descend(depth: u32, here: &Arc<sortie::Runtime>, there: &Arc<sortie::Runtime>) -> u32 {
        if depth == 0 {
            return 0;
        }
        let me = task::current().unwrap().id();
        let below = native::call_here(&NATIVE, || {
            let (here, there) = (here.clone(), there.clone());
            let runtime = there.clone();
            runtime.run(move || {
                sortie::yield_now();
                descend(depth - 1, &there, &here)
            })
        });
        assert_eq!(task::current().unwrap().id(), me);
        below + 1
    }
    each_setting(|case| {
        let [one, two] = pair(case);
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (here, there) = (one.clone(), two.clone());
                one.spawn(move || {
                    let depth = descend(6, &here, &there);
                    // Not the last owners: the test is.
                    (depth, here, there)
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.join().unwrap().0, 6);
        }
        end(one);
        end(two);
    });
}

#[test]
fn a_runtime_is_made_and_dropped_in_a_task_of_another() {
    each_setting(|case| {
        let [one, two] = pair(case);
        let inner = case.builder().workers(2);
        let output = one.run(move || {
            let runtime = inner.build().unwrap();
            let task = runtime.spawn(|| sortie::spawn(|| 8).join().unwrap());
            let output = task.join().unwrap();
            // Another's: waits.
            drop(runtime);
            output
        });
        assert_eq!(output, 8);
        end(one);
        end(two);
    });
}
