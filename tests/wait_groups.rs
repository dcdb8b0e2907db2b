//! Who waits for a group goes on when all others have gone, and not before.

use sortie::sync::WaitGroup;
use sortie_test::{MODES, each, each_of};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(1);

#[test]
fn all_have_gone_tasks_and_threads_before_those_who_wait_go_on() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        for _ in 0..10 {
            let (group, gone) = (WaitGroup::new(), Arc::new(AtomicUsize::new(0)));
            let member = || {
                let (group, gone) = (group.clone(), gone.clone());
                move || {
                    sortie::yield_now();
                    gone.fetch_add(1, Ordering::Relaxed);
                    drop(group);
                }
            };
            let tasks: Vec<_> = (0..8).map(|_| runtime.spawn(member())).collect();
            let threads = [(), ()].map(|()| std::thread::spawn(member()));
            let waits = {
                let (group, gone) = (group.clone(), gone.clone());
                runtime.spawn(move || {
                    group.wait();
                    gone.load(Ordering::Relaxed)
                })
            };
            group.wait();
            assert_eq!(gone.load(Ordering::Relaxed), 10);
            assert_eq!(waits.join().unwrap(), 10);
            tasks.into_iter().for_each(|task| task.join().unwrap());
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
    });
}

#[test]
fn who_panics_or_is_aborted_has_gone() {
    each(|runtime| {
        let group = WaitGroup::new();
        let panics = {
            let group = group.clone();
            runtime.spawn(move || {
                let _member = group;
                std::panic::panic_any("it fails");
            })
        };
        let sleeps = {
            let group = group.clone();
            runtime.spawn(move || {
                let _member = group;
                sortie::sleep(Duration::MAX);
            })
        };
        let group = group.wait_timeout(SHORT).unwrap_err();
        sleeps.abort();
        group.wait();
        assert!(panics.join().unwrap_err().is_panic());
        assert!(sleeps.join().unwrap_err().is_aborted());
    });
}

#[test]
fn who_gives_up_is_a_member_again() {
    each(|runtime| {
        let group = WaitGroup::new();
        let other = group.clone();
        let group = group.wait_timeout(SHORT).unwrap_err();
        let waits = runtime.spawn(move || other.wait());
        sortie::sleep(SHORT);
        assert!(!waits.is_finished(), "the one that gave up is there");
        drop(group);
        waits.join().unwrap();
        assert!(WaitGroup::new().wait_timeout(Duration::ZERO).is_ok());
    });
}
