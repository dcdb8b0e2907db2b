//! Wait lists: order, time, aborts.

use super::{WaitList, Waiter};
use crate::{Config, JoinHandle, Scheduler, yield_now};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);

fn each(test: impl Fn(&Scheduler)) {
    for workers in [1, 2, 4, 8] {
        let runtime = Config::new().workers(workers).start().unwrap();
        test(&runtime);
        let report = runtime.shutdown(LONG).unwrap();
        assert!(report.is_clean(), "{report}");
    }
}

fn leak() -> &'static WaitList {
    Box::leak(Box::new(WaitList::new()))
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let limit = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < limit, "in vain: {what}");
        if !yield_now() {
            thread::yield_now();
        }
    }
}

/// A task that says its number once it was notified. Returns when it stands in line.
fn queue(
    runtime: &Scheduler,
    list: &'static WaitList,
    number: usize,
    said: &Sender<usize>,
) -> JoinHandle<()> {
    let said = said.clone();
    let before = list.waiting();
    let task = runtime.spawn(move || {
        list.enter(&Waiter::new("a test")).wait();
        said.send(number).unwrap();
    });
    until("it stands in line", || list.waiting() > before);
    task
}

#[test]
fn notified_in_the_order_in_which_they_came() {
    each(|runtime| {
        let list = leak();
        let (say, said) = channel();
        let tasks: Vec<_> = (0..4).map(|n| queue(runtime, list, n, &say)).collect();
        for n in 0..4 {
            assert!(list.notify_one());
            assert_eq!(said.recv_timeout(LONG).unwrap(), n);
        }
        assert!(!list.notify_one(), "nobody waits");
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn all_are_notified_tasks_and_threads() {
    each(|runtime| {
        let list = leak();
        let (say, said) = channel();
        let tasks: Vec<_> = (0..4).map(|n| queue(runtime, list, n, &say)).collect();
        let thread = thread::spawn(move || list.enter(&Waiter::new("a test")).wait());
        until("the thread stands in line", || list.waiting() == 5);
        assert_eq!(list.notify_all(), 5);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        thread.join().unwrap();
        drop(said);
        assert!(list.is_empty());
    });
}

#[test]
fn a_wait_ends_in_time_and_its_place_is_left() {
    each(|runtime| {
        let list = leak();
        let wait = move || {
            let waiter = Waiter::new("a test");
            list.enter(&waiter).wait_timeout(Duration::from_millis(1))
        };
        assert!(!runtime.spawn(wait).join().unwrap());
        assert!(!wait());
        assert!(list.is_empty());
        assert!(!list.notify_one());
    });
}

#[test]
fn what_a_waiter_was_notified_of_is_taken_also_after_its_time() {
    let list = WaitList::new();
    let waiter = Waiter::new("a test");
    let place = list.enter(&waiter);
    assert!(!place.is_notified());
    assert!(list.notify_one());
    assert!(place.is_notified());
    assert!(place.wait_until(Instant::now()), "the notification had come");
}

#[test]
fn a_place_that_is_dropped_passes_its_notification_on() {
    each(|runtime| {
        let list = leak();
        let waiter = Waiter::new("a test");
        let place = list.enter(&waiter);
        let (say, said) = channel();
        let task = queue(runtime, list, 0, &say);
        assert!(list.notify_one());
        drop(place);
        assert_eq!(said.recv_timeout(LONG).unwrap(), 0);
        task.join().unwrap();
    });
}

#[test]
fn who_is_aborted_leaves_the_line_and_passes_on() {
    each(|runtime| {
        let list = leak();
        let (say, said) = channel();
        let aborted = queue(runtime, list, 0, &say);
        let other = queue(runtime, list, 1, &say);
        // The notification comes before, while or after it unwinds: the other has it in the end.
        aborted.abort();
        list.notify_one();
        let ended = aborted.join();
        if ended.is_ok() {
            assert_eq!(said.recv_timeout(LONG).unwrap(), 0);
            list.notify_one();
        }
        assert_eq!(said.recv_timeout(LONG).unwrap(), 1);
        other.join().unwrap();
        assert!(list.is_empty());
    });
}
