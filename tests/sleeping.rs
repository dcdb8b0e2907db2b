//! `sleep` lasts at least as long as it was asked to, and for ever if that is what was asked.

use sortie_test::{each, each_setting};
use std::time::{Duration, Instant};

#[test]
fn no_sleep_is_too_short() {
    each(|runtime| {
        runtime.run(|| {
            let tasks: Vec<_> = (0..100u64)
                .map(|n| {
                    sortie::spawn(move || {
                        let duration = Duration::from_micros(n * 97 % 5_000);
                        let start = Instant::now();
                        sortie::sleep(duration);
                        assert!(start.elapsed() >= duration, "{:?}", start.elapsed());
                    })
                })
                .collect();
            tasks.into_iter().for_each(|task| task.join().unwrap());
        });
    });
}

#[test]
fn sleepers_wake_in_the_order_of_their_times() {
    each(|runtime| {
        let order = runtime.run(|| {
            let (send, woken) = std::sync::mpsc::channel();
            let start = Instant::now();
            for n in [3u32, 1, 2] {
                let send = send.clone();
                drop(sortie::spawn(move || {
                    let until = start + n * Duration::from_millis(40);
                    sortie::sleep(until.saturating_duration_since(Instant::now()));
                    send.send(n).unwrap();
                }));
            }
            drop(send);
            native_collect(woken)
        });
        assert_eq!(order, [1, 2, 3]);
    });
}

/// Waits on a thread's channel, which is native code as far as the worker is concerned.
fn native_collect(receiver: std::sync::mpsc::Receiver<u32>) -> Vec<u32> {
    static RECEIVE: sortie::native::Target = sortie::native::Target::named("recv");
    sortie::native::call_here(&RECEIVE, || receiver.iter().collect())
}

#[test]
fn a_sleep_of_nothing_returns() {
    each(|runtime| {
        runtime.run(|| (0..100).for_each(|_| sortie::sleep(Duration::ZERO)));
    });
    sortie::sleep(Duration::ZERO);
}

#[test]
fn a_sleep_for_ever_ends_at_the_shutdown() {
    each_setting(|case| {
        let runtime = case.runtime();
        let (send, started) = std::sync::mpsc::channel();
        let forever = [Duration::MAX, Duration::from_secs(1 << 40)].map(|duration| {
            let send = send.clone();
            runtime.spawn(move || {
                send.send(()).unwrap();
                sortie::sleep(duration);
            })
        });
        started.iter().take(2).for_each(drop);
        let report = runtime.shutdown(Duration::from_secs(10));
        assert!(report.is_clean(), "{report}");
        for task in forever {
            assert!(task.join().unwrap_err().is_aborted());
        }
    });
}

#[test]
fn a_plain_thread_sleeps_too() {
    each(|_runtime| {
        let start = Instant::now();
        sortie::sleep(Duration::from_millis(3));
        assert!(start.elapsed() >= Duration::from_millis(3));
    });
}
