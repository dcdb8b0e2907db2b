//! An event lets through whom it should: all while it is set, or one each time.

use sortie::sync::Event;
use sortie_test::{MODES, each, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[test]
fn a_manual_event_lets_all_through_until_it_is_reset() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let event = Arc::new(Event::manual());
        let waiting = Arc::new(AtomicUsize::new(0));
        let wait = {
            let (event, waiting) = (event.clone(), waiting.clone());
            move || {
                waiting.fetch_add(1, Ordering::SeqCst);
                event.wait();
            }
        };
        let tasks: Vec<_> = (0..10).map(|_| runtime.spawn(wait.clone())).collect();
        let thread = std::thread::spawn(wait.clone());
        until("they come", || waiting.load(Ordering::SeqCst) == 11);
        event.set();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        thread.join().unwrap();
        runtime.spawn(wait).join().unwrap();
        event.reset();
        assert!(!event.try_wait());
        assert!(!event.wait_timeout(Duration::from_millis(1)));
    });
}

#[test]
fn who_stood_in_line_goes_on_though_it_be_reset_at_once() {
    // One worker, so that who yields knows what the other has done.
    each_of(&[1], &MODES, |runtime| {
        runtime.run(|| {
            let event = Arc::new(Event::manual());
            let at = event.clone();
            let task = sortie::spawn(move || at.wait());
            sortie::yield_now();
            event.set();
            event.reset();
            task.join().unwrap();
        });
    });
}

#[test]
fn an_auto_event_lets_one_through_each_time() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        const WAITERS: usize = 12;
        let event = Arc::new(Event::auto());
        let through = Arc::new(AtomicUsize::new(0));
        let wait = {
            let (event, through) = (event.clone(), through.clone());
            move || {
                event.wait();
                through.fetch_add(1, Ordering::SeqCst);
            }
        };
        let tasks: Vec<_> = (1..WAITERS).map(|_| runtime.spawn(wait.clone())).collect();
        let thread = std::thread::spawn(wait);
        for set in 1..=WAITERS {
            event.set();
            until("one more is through", || through.load(Ordering::SeqCst) == set);
        }
        tasks.into_iter().for_each(|task| task.join().unwrap());
        thread.join().unwrap();
        assert!(!event.is_set());
        event.set();
        event.set();
        assert!(event.try_wait());
        assert!(!event.try_wait());
    });
}

#[test]
fn an_event_that_let_one_through_who_is_aborted_is_not_lost() {
    each(|runtime| {
        for _ in 0..20 {
            let event = Arc::new(Event::auto());
            let [first, second] = [(), ()].map(|()| {
                let event = event.clone();
                runtime.spawn(move || event.wait())
            });
            event.set();
            first.abort();
            // Either the first was let through in time, or it passed that on.
            if first.join().is_ok() {
                event.set();
            }
            second.join().unwrap();
            assert!(!event.is_set());
        }
        // And with nobody else there, it is set again, or was never spent.
        let event = Arc::new(Event::auto());
        let at = event.clone();
        let task = runtime.spawn(move || at.wait());
        event.set();
        task.abort();
        let through = task.join().is_ok();
        assert_eq!(event.is_set(), !through);
    });
}

#[test]
fn time_limits_and_aborts_lose_nothing() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let event = Arc::new(Event::auto());
        let through = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..40u64)
            .map(|n| {
                let (event, through) = (event.clone(), through.clone());
                runtime.spawn(move || {
                    for round in 0..20 {
                        let limit = Duration::from_micros(n * round % 89);
                        if event.wait_timeout(limit) {
                            through.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                })
            })
            .collect();
        tasks.iter().step_by(3).for_each(|task| task.abort());
        let mut sets = 0;
        while !tasks.iter().all(|task| task.is_finished()) {
            if !event.is_set() {
                event.set();
                sets += 1;
            }
            std::thread::yield_now();
        }
        for task in tasks {
            let _ = task.join();
        }
        // One task that was aborted between its turn and its count has taken one along, at most.
        let counted = through.load(Ordering::SeqCst) + usize::from(event.is_set());
        assert!(counted <= sets && sets - counted <= 40, "{counted} of {sets}");
        event.set();
        assert!(event.try_wait());
    });
}
