//! Parallel loops do each turn once, keep the order of results, and end behind all their turns.

use sortie::native::{self, Target};
use sortie::task::par;
use sortie_test::drops::Drops;
use sortie_test::{each, until};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

#[test]
fn results_keep_the_order_of_the_items() {
    each(|runtime| {
        runtime.run(|| {
            for count in [0usize, 1, 2, 7, 100, 20_000] {
                let numbers: Vec<usize> = (0..count).collect();
                let doubled = par::map(&numbers, |n| {
                    if n % 1000 == 0 {
                        sortie::yield_now();
                    }
                    n * 2
                });
                assert!(doubled.iter().enumerate().all(|(at, n)| at * 2 == *n), "{count}");
                assert_eq!(doubled.len(), count);
                // One that does not know its length, and gives what it owns.
                let texts =
                    par::map((0..count).map(|n| n.to_string()).filter(|_| true), |text| text);
                assert!(texts.iter().enumerate().all(|(at, text)| at.to_string() == *text));
                let mut numbers = numbers;
                par::for_each(&mut numbers, |n| *n += 1);
                assert_eq!(numbers.iter().sum::<usize>(), (1..=count).sum::<usize>());
            }
        });
    });
}

#[test]
fn as_many_at_once_as_was_said() {
    each(|runtime| {
        runtime.run(|| {
            for limit in [0usize, 1, 3, 20] {
                let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
                par::tasks(limit).for_each(0..60, |_| {
                    most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                    sortie::sleep(Duration::from_micros(300));
                    now.fetch_sub(1, SeqCst);
                });
                let most = most.into_inner();
                assert!((1..=limit.max(1)).contains(&most), "{most} of {limit}");
            }
        });
    });
}

/// Turns meet, so they are in several tasks; and native calls that block do so side by side.
#[test]
fn turns_run_side_by_side() {
    static NATIVE: Target = Target::named("native code that sleeps");
    each(|runtime| {
        runtime.run(|| {
            let met = AtomicUsize::new(0);
            par::tasks(4).for_each(0..4, |_| {
                met.fetch_add(1, SeqCst);
                while met.load(SeqCst) < 4 {
                    sortie::yield_now();
                }
            });
            let lengths = par::tasks(8).map(0..32usize, |n| {
                native::call(&NATIVE, || sortie_natives::nanosleep(100_000));
                n
            });
            assert_eq!(lengths, (0..32).collect::<Vec<_>>());
        });
    });
}

#[test]
fn a_panic_ends_the_loop_behind_what_has_begun() {
    each(|runtime| {
        runtime.run(|| {
            let drops = Drops::new();
            let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let panics = AtomicBool::new(false);
            let items: Vec<_> = (0..10_000).map(|n| (n, drops.value())).collect();
            let result = catch_unwind(AssertUnwindSafe(|| {
                par::tasks(4).map(items, |(n, value)| {
                    begun.fetch_add(1, SeqCst);
                    if n == 100 {
                        panics.store(true, SeqCst);
                        std::panic::resume_unwind(Box::new(n));
                    }
                    while n > 100 && !panics.load(SeqCst) {
                        sortie::sleep(Duration::from_micros(20));
                    }
                    ended.fetch_add(1, SeqCst);
                    value
                })
            }));
            assert_eq!(*result.unwrap_err().downcast::<i32>().unwrap(), 100);
            assert_eq!(begun.load(SeqCst), ended.load(SeqCst) + 1);
            assert!(begun.load(SeqCst) < 9_000, "turns are begun after the panic");
            drops.check();
            // The iterator's own.
            let numbers = (0..1000).inspect(|n| {
                if *n == 500 {
                    std::panic::resume_unwind(Box::new("the iterator's"));
                }
            });
            let result = catch_unwind(AssertUnwindSafe(|| par::map(numbers, |n| n)));
            assert_eq!(*result.unwrap_err().downcast::<&str>().unwrap(), "the iterator's");
        });
    });
}

#[test]
fn an_abort_ends_the_loop() {
    each(|runtime| {
        let (drops, turns) = (Drops::new(), Arc::new(AtomicUsize::new(0)));
        let values: Vec<_> = (0..100).map(|_| drops.value()).collect();
        let reached = Arc::new(AtomicBool::new(false));
        let task = {
            let (turns, reached) = (turns.clone(), reached.clone());
            runtime.spawn(move || {
                par::tasks(3).for_each(values, |_value| {
                    turns.fetch_add(1, SeqCst);
                    sortie::sleep(Duration::MAX);
                });
                reached.store(true, SeqCst);
            })
        };
        until("three are at it", || turns.load(SeqCst) == 3);
        task.abort();
        assert!(task.join().unwrap_err().is_aborted());
        assert_eq!(turns.load(SeqCst), 3);
        assert!(!reached.load(SeqCst));
        drops.check();
    });
}

/// In the destructor of a task that unwinds, a loop does all its turns.
#[test]
fn a_loop_while_unwinding_is_whole() {
    struct Sums(Arc<AtomicUsize>);
    impl Drop for Sums {
        fn drop(&mut self) {
            par::for_each(0..100, |n| {
                self.0.fetch_add(n, SeqCst);
            });
        }
    }
    each(|runtime| {
        let sum = Arc::new(AtomicUsize::new(0));
        let sums = Sums(sum.clone());
        let task = runtime.spawn(move || {
            let _sums = sums;
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(task.join().is_err());
        assert_eq!(sum.load(SeqCst), 4950);
    });
}

#[test]
fn the_first_error_ends_the_loop() {
    each(|runtime| {
        let drops = Drops::new();
        let made = drops.clone();
        let body = move || {
            let begun = AtomicUsize::new(0);
            let failed = par::tasks(4).try_map(0..1_000_000usize, |n| {
                begun.fetch_add(1, SeqCst);
                sortie::yield_now();
                if n < 300 { Ok(made.value()) } else { Err(n) }
            });
            let first = failed.map(drop).expect_err("one has failed");
            // A batch each of the others was under way.
            assert!((300..20_000).contains(&first), "{first}");
            assert!(begun.into_inner() < 100_000);
            let tried = par::try_for_each(0..1000, |n| if n == 700 { Err(n) } else { Ok(()) });
            assert_eq!(tried, Err(700));
            let all = par::try_map(0..1000, |n| Ok::<_, ()>(n * 2)).unwrap();
            assert!(all.iter().enumerate().all(|(at, n)| at * 2 == *n));
        };
        runtime.run(body);
        drops.check();
    });
}
