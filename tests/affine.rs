//! A thousand tasks that stay on their threads and wake each other cost few system calls.

use sortie::sync::channel;
use sortie_test::figures::short_or_soak;
use sortie_test::seccomp::{self, Answer};
use sortie_test::{Case, child, exclusively};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const PAIRS: u64 = 500;

/// Abuse test 30. Each call of `futex`, of whatever thread, is counted on its way into the kernel.
#[test]
fn a_round_trip_takes_three_futex_calls_at_most() {
    child::each("a_round_trip_takes_three_futex_calls_at_most", &["4 Pinned"], |name| {
        let calls = Arc::new(AtomicU64::new(0));
        let at = calls.clone();
        seccomp::supervise(&[libc::SYS_futex], move |_| {
            at.fetch_add(1, Ordering::SeqCst);
            Answer::Continue
        });
        exclusively(&Case::named(name), |case| {
            let rounds = short_or_soak(40, 1_000);
            let runtime = case.runtime();
            let before = calls.load(Ordering::SeqCst);
            let tasks: Vec<_> = (0..PAIRS)
                .flat_map(|_| {
                    let (ping, pings) = channel::bounded::<u64>(1);
                    let (pong, pongs) = channel::bounded::<u64>(1);
                    let one = runtime.spawn(move || {
                        (0..rounds).for_each(|n| {
                            ping.send(n).unwrap();
                            assert_eq!(pongs.recv().unwrap(), n);
                        });
                    });
                    let other = runtime.spawn(move || {
                        (0..rounds).for_each(|n| {
                            assert_eq!(pings.recv().unwrap(), n);
                            pong.send(n).unwrap();
                        });
                    });
                    [one, other]
                })
                .collect();
            tasks.into_iter().for_each(|task| task.join().unwrap());
            let calls = calls.load(Ordering::SeqCst) - before;
            let trips = PAIRS * rounds;
            println!("{trips} round trips of {} tasks: {calls} futex calls", 2 * PAIRS);
            assert!(calls <= 3 * trips, "{calls} futex calls for {trips} round trips");
            drop(runtime);
        });
    });
}
