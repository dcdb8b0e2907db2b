//! A join of a task that is still to run on the same worker runs it at once; who joins waits as any joiner does when
//! that task does not simply end.

use sortie::native::{self, Target};
use sortie_natives::Gate;
use sortie_test::drops::Drops;
use sortie_test::{each, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

static NATIVE: Target = Target::named("native code");

#[test]
fn whatever_the_joined_task_does_its_value_comes() {
    each(|runtime| {
        let sum = runtime.run(|| {
            (0..300u64)
                .map(|n| {
                    let task = sortie::spawn(move || {
                        match n % 5 {
                            0 => {}
                            1 => sortie::yield_now(),
                            2 => sortie::sleep(std::time::Duration::from_micros(1)),
                            3 => native::call(&NATIVE, std::thread::yield_now),
                            _ => return sortie::spawn(move || n).join().unwrap(),
                        }
                        n
                    });
                    task.join().unwrap()
                })
                .sum::<u64>()
        });
        assert_eq!(sum, 299 * 300 / 2);
    });
}

#[test]
fn who_joins_can_be_aborted_while_the_other_waits() {
    each(|runtime| {
        let drops = Drops::default();
        let gate = Arc::new(sortie::sync::Semaphore::new(0));
        let (handle, inside) = (runtime.handle(), Arc::new(AtomicBool::new(false)));
        let joiner = {
            let (gate, inside, drop) = (gate.clone(), inside.clone(), drops.value());
            handle.spawn(move || {
                let _drop = drop;
                let task = sortie::spawn(move || {
                    // ORDERING: Relaxed, the test only waits for it.
                    inside.store(true, Ordering::Relaxed);
                    gate.acquire().forget();
                });
                task.join().unwrap();
            })
        };
        // ORDERING: Relaxed, as above.
        until("the joined task waits", || inside.load(Ordering::Relaxed) && gate.waiting() == 1);
        joiner.abort();
        assert!(joiner.join().unwrap_err().is_aborted());
        drops.check();
        gate.set_permits(1);
        until("the other ends", || gate.waiting() == 0);
    });
}

#[test]
fn who_joins_follows_though_the_worker_is_taken() {
    each(|runtime| {
        let gate = Arc::new(Gate::new());
        let handle = runtime.handle();
        let joiner = {
            let gate = gate.clone();
            handle.spawn(move || {
                // A fiber is kept that is warm: only on such a one the next runs at once.
                sortie::spawn(|| ()).join().unwrap();
                let blocked = sortie::spawn(move || {
                    native::call_here(&NATIVE, || gate.wait());
                    1
                });
                blocked.join().unwrap() + 1
            })
        };
        until("the joined task is in native code", || gate.inside() == 1);
        // The worker is with others meanwhile.
        assert_eq!(handle.spawn(|| 40).join().unwrap(), 40);
        gate.open();
        assert_eq!(joiner.join().unwrap(), 2);
    });
}

#[test]
fn joins_without_end_leave_the_others_their_turns() {
    each(|runtime| {
        let handle = runtime.handle();
        let over = Arc::new(AtomicBool::new(false));
        let greedy: Vec<_> = (0..8)
            .map(|_| {
                let over = over.clone();
                handle.spawn(move || {
                    // ORDERING: Relaxed, the flag publishes nothing.
                    while !over.load(Ordering::Relaxed) {
                        sortie::spawn(|| ()).join().unwrap();
                    }
                })
            })
            .collect();
        let turns = AtomicU64::new(0);
        let turns = Arc::new(turns);
        let modest = {
            let turns = turns.clone();
            handle.spawn(move || {
                for _ in 0..100 {
                    // ORDERING: Relaxed, a count.
                    turns.fetch_add(1, Ordering::Relaxed);
                    sortie::yield_now();
                }
            })
        };
        modest.join().unwrap();
        // ORDERING: Relaxed, as above.
        over.store(true, Ordering::Relaxed);
        greedy.into_iter().for_each(|task| task.join().unwrap());
        // ORDERING: Relaxed, as above.
        assert_eq!(turns.load(Ordering::Relaxed), 100);
    });
}

#[test]
fn a_chain_of_joins_may_be_long() {
    fn link(depth: u32) -> u32 {
        match depth {
            0 => 0,
            _ => 1 + sortie::spawn(move || link(depth - 1)).join().unwrap(),
        }
    }
    each(|runtime| {
        assert_eq!(runtime.run(|| link(500)), 500);
    });
}
