//! Wait lists: order, time, aborts.

use super::{WaitList, Waiter};
use crate::crossing::{self, Exit};
use crate::{Config, JoinHandle, Scheduler, yield_now};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// Who asks for it keeps it in its frame.
pub(crate) fn waiter() -> Waiter {
    // SAFETY: as above.
    unsafe { Waiter::new("a test") }
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
        list.enter(&waiter()).wait();
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
        let thread = thread::spawn(move || list.enter(&waiter()).wait());
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
            let waiter = waiter();
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
    let waiter = waiter();
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
        let waiter = waiter();
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

#[test]
fn who_sits_and_gives_up_passes_its_notification_on() {
    each(|runtime| {
        let list = leak();
        let (go_on, may_go_on) = channel();
        let sits = runtime.spawn(move || {
            let waiter = waiter();
            let place = list.enter(&waiter);
            until("the other stands in line", || may_go_on.try_recv().is_ok());
            assert!(list.notify_one());
            assert!(place.is_notified());
            drop(place);
        });
        until("it sits", || list.waiting() == 1);
        let (say, said) = channel();
        let stands = queue(runtime, list, 1, &say);
        go_on.send(()).unwrap();
        sits.join().unwrap();
        assert_eq!(said.recv_timeout(LONG).unwrap(), 1);
        stands.join().unwrap();
        assert!(!list.notify_one(), "nobody waits");
    });
}

#[test]
fn a_task_that_stands_in_a_list_twice_is_notified_twice() {
    each(|runtime| {
        let list = leak();
        let task = runtime.spawn(move || {
            let waiter = waiter();
            let places = [list.enter(&waiter), list.enter(&waiter)];
            assert_eq!(list.waiting(), 2);
            assert!(list.notify_one());
            assert!(places[0].is_notified() && !places[1].is_notified());
            assert!(list.notify_one());
            places.into_iter().for_each(super::Place::wait);
            assert!(!list.notify_one());
        });
        task.join().unwrap();
    });
}

/// In managed code above a native call that keeps its thread: there a task cannot be switched away.
pub(crate) fn in_a_callback(f: impl FnOnce()) {
    assert!(crossing::leave(1, Exit::Compare));
    crossing::call_back(crossing::Below::THREAD).unwrap();
    f();
    assert!(crossing::leave_again(1, Exit::Compare, crossing::Below::THREAD));
    crossing::come_back().unwrap();
}

#[test]
fn who_waits_in_place_goes_before_who_sits_and_needs_its_carrier() {
    for notified_first in [false, true] {
        let runtime = Config::new().workers(1).start().unwrap();
        let list = leak();
        let (say, said) = channel();
        let sits = queue(&runtime, list, 0, &say);
        let in_place = runtime.spawn(move || {
            in_a_callback(|| {
                if notified_first {
                    assert!(list.notify_one());
                }
                list.enter(&waiter()).wait();
            });
            say.send(1).unwrap();
            assert!(list.notify_one());
        });
        if !notified_first {
            until("the second waits in place", || list.waiting() == 2);
            assert!(list.notify_one());
        }
        in_place.join().unwrap();
        sits.join().unwrap();
        assert_eq!(said.iter().collect::<Vec<_>>(), [1, 0]);
        assert!(runtime.shutdown(LONG).unwrap().is_clean());
    }
}

#[test]
fn what_a_task_was_notified_of_whose_runtime_is_gone_goes_to_the_next() {
    let [one, two] = [(); 2].map(|()| Config::new().workers(1).start().unwrap());
    let list = leak();
    let (say, said) = channel();
    let sits = queue(&one, list, 0, &say);
    let goes_on = Arc::new(AtomicBool::new(false));
    let (tell, told) = channel();
    let straggler = {
        let goes_on = goes_on.clone();
        one.spawn(move || {
            tell.send(list.notify_one()).unwrap();
            // ORDERING: Relaxed, a flag.
            while !goes_on.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        })
    };
    assert!(told.recv().unwrap());
    let next = queue(&two, list, 1, &say);
    let report = one.shutdown(Duration::ZERO).unwrap();
    assert_eq!(report.stragglers().len(), 2, "{report}");
    // Whoever comes to the line finds it out.
    drop(list.enter(&waiter()));
    assert_eq!(said.recv_timeout(LONG).unwrap(), 1);
    next.join().unwrap();
    // ORDERING: Relaxed, a flag.
    goes_on.store(true, Ordering::Relaxed);
    straggler.join().unwrap();
    drop(sits);
    assert!(two.shutdown(LONG).unwrap().is_clean());
}

#[test]
fn a_place_may_be_leaked() {
    each(|runtime| {
        let list = leak();
        let task = runtime.spawn(move || {
            let waiter = waiter();
            std::mem::forget(list.enter(&waiter));
        });
        task.join().unwrap();
        // The memory of the task that has ended is there still.
        let others: Vec<_> = (0..100).map(|_| runtime.spawn(|| ())).collect();
        others.into_iter().for_each(|task| task.join().unwrap());
        assert!(list.notify_one(), "it waits for ever");
        assert!(!list.notify_one());
        let (say, said) = channel();
        let next = queue(runtime, list, 0, &say);
        assert!(list.notify_one());
        assert_eq!(said.recv_timeout(LONG).unwrap(), 0);
        next.join().unwrap();
    });
}
