//! A join with a time limit gives the handle back when the time has come, and the output before.

use sortie_test::{MODES, each, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(3);
const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_join_whose_time_has_come_gives_the_handle_back() {
    each(|runtime| {
        let wait = |runtime: &sortie::Runtime, inside: bool| {
            let forever = runtime.spawn(|| sortie::sleep(Duration::MAX));
            let join = move || {
                let start = Instant::now();
                let forever = forever.join_timeout(SHORT).unwrap_err();
                assert!(start.elapsed() >= SHORT);
                let forever = forever.join_until(start).unwrap_err();
                assert!(!forever.is_finished());
                forever.abort();
                assert!(forever.join().unwrap_err().is_aborted());
            };
            if inside { runtime.run(join) } else { join() }
        };
        wait(runtime, true);
        wait(runtime, false);
    });
}

#[test]
fn a_join_in_time_has_the_output() {
    each(|runtime| {
        let spawn = || runtime.spawn(|| (0..3).for_each(|_| sortie::sleep(SHORT)));
        for limit in [LONG, Duration::MAX] {
            let task = spawn();
            let start = Instant::now();
            runtime.run(move || task.join_timeout(limit).unwrap().unwrap());
            spawn().join_timeout(limit).unwrap().unwrap();
            assert!(start.elapsed() < LONG);
        }
        // One that has ended needs no time.
        let ended = spawn();
        until("it has ended", || ended.is_finished());
        ended.join_timeout(Duration::ZERO).unwrap().unwrap();
        let panicked = runtime.spawn(|| std::panic::resume_unwind(Box::new(())));
        assert!(panicked.join_timeout(LONG).unwrap().unwrap_err().is_panic());
    });
}

#[test]
fn joins_that_race_with_the_end_lose_no_output() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        runtime.run(|| {
            for n in 0..300u64 {
                let task = sortie::spawn(move || {
                    sortie::sleep(Duration::from_micros(n % 100));
                    n
                });
                let limit = Duration::from_micros(n * 37 % 150);
                let result = task.join_timeout(limit).or_else(|task| task.join_timeout(LONG));
                assert_eq!(result.unwrap().unwrap(), n);
            }
        });
    });
}

#[test]
fn an_abort_ends_a_join_before_its_time() {
    each(|runtime| {
        let ended = Arc::new(AtomicBool::new(false));
        let sleeper = {
            let ended = ended.clone();
            runtime.spawn(move || {
                sortie::sleep(SHORT);
                ended.store(true, SeqCst);
            })
        };
        let joiner = runtime.spawn(move || drop(sleeper.join_timeout(LONG)));
        joiner.abort();
        assert!(joiner.join().unwrap_err().is_aborted());
        // The other was detached, and runs on.
        until("it has ended", || ended.load(SeqCst));
    });
}

/// Who was told of a panic in time has it to deal with; who was not, leaves it to the scope.
#[test]
fn a_join_of_a_task_that_borrows_gives_the_handle_back_too() {
    each(|runtime| {
        let gate = sortie::sync::Event::manual();
        let values = [1, 2];
        runtime.scope(|s| {
            let task = s.spawn(|| {
                gate.wait();
                values[1]
            });
            let start = Instant::now();
            let task = task.join_timeout(SHORT).unwrap_err();
            assert!(start.elapsed() >= SHORT);
            let task = task.join_until(start).unwrap_err();
            gate.set();
            assert_eq!(task.join_timeout(LONG).unwrap().unwrap(), 2);
            let panics = s.spawn(|| panic!("as the test wants"));
            assert!(panics.join_timeout(Duration::MAX).unwrap().unwrap_err().is_panic());
        });
        gate.reset();
        let untold = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.scope(|s| {
                let panics = s.spawn(|| {
                    gate.wait();
                    panic!("as the test wants");
                });
                drop(panics.join_timeout(SHORT).unwrap_err());
                gate.set();
            });
        }));
        assert!(untold.is_err());
    });
}
