//! Permits that are made by some and spent by others.

use super::*;

#[test]
fn a_count_has_a_maximum_and_a_post_that_is_too_much_adds_nothing() {
    let semaphore = CountingSemaphore::new(2, 3);
    assert_eq!(semaphore.post(2), None);
    assert_eq!(semaphore.count(), 2);
    assert_eq!(semaphore.post(1), Some(2));
    assert!((0..3).all(|_| semaphore.try_wait()));
    assert!(!semaphore.try_wait());
    assert!(!semaphore.wait_until(Instant::now() + Duration::from_millis(1)));
    assert_eq!(semaphore.post(3), Some(0));
    assert_eq!(CountingSemaphore::new(9, 4).count(), 4);
    assert_eq!(CountingSemaphore::new(0, u32::MAX).post(u32::MAX), None);
}

/// What a waiter was handed is spent, though it has not gone on yet: there is room for the next.
#[test]
fn what_was_handed_makes_room_before_its_owner_goes_on() {
    let runtime = start(1, false);
    let semaphore = Arc::new(CountingSemaphore::new(0, 1));
    let (waited, posted) = (semaphore.clone(), semaphore.clone());
    let waits = runtime.spawn(move || waited.wait());
    until("it waits", || semaphore.waiting() == 1);
    let posts = runtime.spawn(move || {
        // On the only worker: nobody goes on in between.
        assert_eq!([(); 3].map(|()| posted.post(1)), [Some(0), Some(0), None]);
    });
    posts.join().unwrap();
    waits.join().unwrap();
    assert_eq!(semaphore.count(), 1);
    end(&runtime);
}

#[test]
fn each_that_is_posted_lets_one_go_on() {
    each(|runtime| {
        const TASKS: u32 = 200;
        let semaphore = Arc::new(CountingSemaphore::new(0, TASKS));
        let waits: Vec<_> = (0..TASKS)
            .map(|_| {
                let semaphore = semaphore.clone();
                runtime.spawn(move || semaphore.wait())
            })
            .collect();
        for _ in 0..TASKS / 2 {
            assert!(semaphore.post(2).is_some());
            yield_now();
        }
        waits.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(semaphore.count(), 0);
    });
}

#[test]
fn what_an_aborted_waiter_was_handed_goes_to_the_next() {
    let runtime = start(1, false);
    let semaphore = Arc::new(CountingSemaphore::new(0, 2));
    let [first, second] = [(); 2].map(|()| {
        let semaphore = semaphore.clone();
        let waiting = semaphore.clone();
        let before = semaphore.waiting();
        let task = runtime.spawn(move || semaphore.wait());
        until("it waits", || waiting.waiting() > before);
        task
    });
    let posts = semaphore.clone();
    let handle = first.abort_handle();
    let posts = runtime.spawn(move || {
        assert_eq!(posts.post(1), Some(0));
        handle.abort();
    });
    posts.join().unwrap();
    assert!(first.join().unwrap_err().is_aborted());
    second.join().unwrap();
    assert_eq!(semaphore.count(), 0);
    end(&runtime);
}
