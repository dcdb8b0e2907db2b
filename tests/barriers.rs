//! Nobody passes a barrier before all are there, who gives up has not come, and who has passed has passed.

use sortie::sync::Barrier;
use sortie_test::{MODES, each, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{self, SeqCst},
};
use std::time::Duration;

#[test]
fn rounds_of_tasks_and_threads_with_one_leader_each() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        const SIZE: usize = 10;
        const ROUNDS: usize = 20;
        let barrier = Arc::new(Barrier::new(SIZE));
        let came = Arc::new(AtomicUsize::new(0));
        let leaders = Arc::new(AtomicUsize::new(0));
        let work = {
            let (barrier, came, leaders) = (barrier.clone(), came.clone(), leaders.clone());
            move || {
                for round in 1..=ROUNDS {
                    came.fetch_add(1, Ordering::SeqCst);
                    if barrier.wait().is_leader() {
                        leaders.fetch_add(1, Ordering::SeqCst);
                    }
                    assert!(came.load(Ordering::SeqCst) >= round * SIZE, "one passed too early");
                }
            }
        };
        let tasks: Vec<_> = (2..SIZE).map(|_| runtime.spawn(work.clone())).collect();
        let threads = [(), ()].map(|()| std::thread::spawn(work.clone()));
        tasks.into_iter().for_each(|task| task.join().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(leaders.load(Ordering::SeqCst), ROUNDS);
    });
}

#[test]
fn who_is_aborted_or_out_of_time_has_not_come() {
    each(|runtime| {
        let barrier = Arc::new(Barrier::new(3));
        let waits = |barrier: &Arc<Barrier>| {
            let barrier = barrier.clone();
            move || barrier.wait().is_leader()
        };
        let aborted = runtime.spawn(waits(&barrier));
        aborted.abort();
        assert!(aborted.join().unwrap_err().is_aborted());
        assert!(barrier.wait_timeout(Duration::from_millis(1)).is_none());
        // Two are not enough, so both would-be ones do not count.
        let two = [(), ()].map(|()| runtime.spawn(waits(&barrier)));
        std::thread::sleep(Duration::from_millis(2));
        assert!(two.iter().all(|task| !task.is_finished()));
        barrier.wait();
        for task in two {
            task.join().unwrap();
        }
    });
}

#[test]
fn a_barrier_for_one_or_none_holds_nobody() {
    for size in [0, 1] {
        let barrier = Barrier::new(size);
        assert!(barrier.wait().is_leader());
        assert!(barrier.wait().is_leader());
    }
}

/// All have come, and before one of them goes on it is aborted: it has passed as all others have.
#[test]
fn who_has_passed_is_not_taken_back() {
    each_of(&[1], &MODES, |runtime| {
        let barrier = Arc::new(Barrier::new(2));
        let [begun, passed, go_on] = [(); 3].map(|()| Arc::new(AtomicBool::new(false)));
        let task = {
            let (barrier, begun, passed) = (barrier.clone(), begun.clone(), passed.clone());
            runtime.spawn(move || {
                begun.store(true, SeqCst);
                barrier.wait();
                passed.store(true, SeqCst);
                sortie::sleep(Duration::MAX);
            })
        };
        until("it arrives", || begun.load(SeqCst));
        // Has the worker once the other waits.
        let busy = {
            let (begun, go_on) = (begun.clone(), go_on.clone());
            runtime.spawn(move || {
                begun.store(false, SeqCst);
                until("it may end", || go_on.load(SeqCst));
            })
        };
        until("the other waits", || !begun.load(SeqCst));
        barrier.wait();
        task.abort();
        go_on.store(true, SeqCst);
        assert!(task.join().unwrap_err().is_aborted());
        assert!(passed.load(SeqCst));
        busy.join().unwrap();
    });
}
