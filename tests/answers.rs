//! An answer reaches the one who waits for it, or both learn that it will not; the latest value is seen by all.

use sortie::sync::channel::{RecvError, RecvTimeoutError, SendError, TryRecvError};
use sortie::sync::{oneshot, watch};
use sortie_test::drops::Drops;
use sortie_test::{MODES, each, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(2);

#[test]
fn an_answer_is_received_by_tasks_and_threads() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        for _ in 0..20 {
            let (sender, receiver) = oneshot::channel();
            let task = runtime.spawn(move || receiver.recv());
            thread::spawn(move || sender.send(1).unwrap()).join().unwrap();
            assert_eq!(task.join().unwrap(), Ok(1));
            let (sender, receiver) = oneshot::channel();
            let task = runtime.spawn(move || sender.send(2).unwrap());
            assert_eq!(receiver.recv(), Ok(2));
            task.join().unwrap();
        }
    });
}

#[test]
fn who_is_left_alone_is_told() {
    each(|runtime| {
        let (sender, receiver) = oneshot::channel::<u32>();
        let task = runtime.spawn(move || receiver.recv());
        drop(sender);
        assert_eq!(task.join().unwrap(), Err(RecvError));
        let (sender, receiver) = oneshot::channel::<u32>();
        let task = runtime.spawn(move || {
            sender.closed();
            sender.send(1)
        });
        drop(receiver);
        assert_eq!(task.join().unwrap(), Err(1));
    });
}

#[test]
fn an_answer_that_nobody_takes_is_dropped_once() {
    each(|runtime| {
        let drops = Drops::new();
        let (sender, mut receiver) = oneshot::channel();
        assert_eq!(receiver.recv_timeout(SHORT).unwrap_err(), RecvTimeoutError::Timeout);
        sender.send(drops.value()).unwrap();
        drop(receiver);
        drops.check();
        let (sender, receiver) = oneshot::channel();
        let task = runtime.spawn(move || receiver.recv());
        task.abort();
        let sent = sender.send(drops.value());
        drop((task.join(), sent));
        until("it is dropped", || drops.dropped() == 2);
        let (sender, mut receiver) = oneshot::channel();
        sender.send(drops.value()).unwrap();
        drop(receiver.recv_timeout(SHORT).unwrap());
        assert_eq!(receiver.try_recv().unwrap_err(), TryRecvError::Disconnected);
        drops.check();
    });
}

#[test]
fn the_latest_value_is_seen_by_all() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let (sender, receiver) = watch::channel(0);
        let seen = Arc::new(AtomicU64::new(0));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (receiver, seen) = (receiver.clone(), seen.clone());
                runtime.spawn(move || {
                    let mut last = 0;
                    while receiver.changed().is_ok() {
                        let value = *receiver.borrow();
                        assert!(value >= last, "{value} after {last}");
                        last = value;
                    }
                    seen.fetch_add(last, SeqCst);
                })
            })
            .collect();
        (1..=100).for_each(|n| sender.send(n).unwrap());
        drop(sender);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(seen.load(SeqCst), 800);
        assert_eq!(receiver.changed(), Ok(()));
        assert_eq!(receiver.changed(), Err(RecvError));
    });
}

#[test]
fn a_change_is_waited_for_in_time() {
    each(|runtime| {
        let (sender, receiver) = watch::channel("a");
        assert_eq!(receiver.changed_timeout(SHORT), Err(RecvTimeoutError::Timeout));
        let waiting = receiver.clone();
        let task = runtime.spawn(move || waiting.wait_for(|value| *value == "c").map(|it| *it));
        sender.send("b").unwrap();
        sender.update(|_| "c");
        assert_eq!(task.join().unwrap(), Ok("c"));
        assert_eq!(receiver.changed_timeout(SHORT), Ok(()));
        let value = receiver.borrow_and_update();
        assert_eq!((*value, value.version()), ("c", 2));
        assert_eq!(receiver.has_changed(), Ok(false));
        drop(receiver);
        assert_eq!(sender.send("d"), Err(SendError("d")));
        sender.closed();
        let late = sender.subscribe();
        assert_eq!(late.has_changed(), Ok(false));
        drop(sender);
        assert_eq!(late.has_changed(), Err(RecvError));
    });
}

#[test]
fn who_waits_for_another_value_keeps_none() {
    each(|runtime| {
        let drops = Drops::new();
        let (sender, receiver) = watch::channel(Some(drops.value()));
        let task = runtime.spawn(move || receiver.wait_for(Option::is_none).map(drop));
        until("it waits", || runtime.snapshot().idle_workers == runtime.case.workers);
        // The sender has it alone, and it looks at the next when it can.
        drop(sender.send_replace(Some(drops.value())));
        assert_eq!(drops.dropped(), 1);
        sender.send(None).unwrap();
        task.join().unwrap().unwrap();
        drops.check();
    });
}

#[test]
fn values_that_are_counted_up_by_many_are_counted_once() {
    each(|runtime| {
        let (sender, receiver) = watch::channel(0);
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let sender = sender.clone();
                runtime.spawn(move || (0..100).for_each(|_| sender.update(|n| n + 1)))
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(*receiver.borrow(), 400);
    });
}

#[test]
fn who_sends_waits_for_the_end_of_the_others_in_time() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let body = |handle: sortie::Handle| {
            let (answer, asked) = oneshot::channel::<u32>();
            let (state, looks) = watch::channel(1);
            assert!(!answer.closed_timeout(SHORT) && !state.closed_timeout(SHORT));
            let late = looks.wait_for_timeout(SHORT, |n| *n == 2).map(|n| *n);
            assert_eq!(late, Err(RecvTimeoutError::Timeout));
            let task = handle.spawn(move || {
                let seen = *looks.wait_for(|n| *n == 2).unwrap();
                drop((asked, looks));
                seen
            });
            state.send(2).unwrap();
            assert!(answer.closed_timeout(Duration::from_secs(60)));
            assert!(state.closed_timeout(Duration::from_secs(60)));
            assert_eq!(task.join().unwrap(), 2);
        };
        body(runtime.handle());
        let handle = runtime.handle();
        runtime.run(move || body(handle));
    });
}
