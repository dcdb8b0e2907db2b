//! A pinned task stays on the thread that started it; a migrating one goes where there is work.

use sortie::native::{self, Target};
use sortie::task::Builder;
use sortie_natives::Gate;
use sortie_test::{Mode, WORKERS, each_of};
use std::sync::Arc;
use std::thread::{ThreadId, current};
use std::time::Duration;

static NANOSLEEP: Target = Target::named("natives_nanosleep");

fn thread() -> ThreadId {
    current().id()
}

/// Does all that suspends, and returns on how many threads it was.
fn wander(rounds: u64) -> usize {
    let mut threads = std::collections::HashSet::from([thread()]);
    for round in 0..rounds {
        sortie::yield_now();
        threads.insert(thread());
        sortie::sleep(Duration::from_micros(50 * (round % 3)));
        threads.insert(thread());
        sortie::spawn(sortie::yield_now).join().unwrap();
        threads.insert(thread());
        native::call(&NANOSLEEP, || sortie_natives::nanosleep(300_000));
        threads.insert(thread());
    }
    threads.len()
}

#[test]
fn pinned_tasks_never_change_their_thread() {
    each_of(&WORKERS, &[Mode::Pinned], |runtime| {
        let tasks: Vec<_> = (0..24).map(|_| runtime.spawn(|| wander(8))).collect();
        for task in tasks {
            assert_eq!(task.join().unwrap(), 1);
        }
        // Their workers were taken meanwhile, or this shows nothing.
        let snapshot = runtime.snapshot();
        assert!(snapshot.retakes + snapshot.hand_offs > 0, "{snapshot:?}");
    });
}

#[test]
fn migrating_tasks_follow_the_work() {
    each_of(&WORKERS, &[Mode::Migrating], |runtime| {
        let tasks: Vec<_> = (0..24).map(|_| runtime.spawn(|| wander(8))).collect();
        let moved = tasks.into_iter().map(|task| task.join().unwrap());
        let moved = moved.filter(|threads| *threads > 1).count();
        assert!(moved > 0, "{:?}", runtime.snapshot());
    });
}

/// A migrating task whose carrier is blocked by another resumes elsewhere; a pinned one waits.
#[test]
fn only_the_migrating_task_leaves_a_blocked_thread() {
    each_of(&[2, 4, 8], &[Mode::Pinned], |runtime| {
        let gate = Arc::new(Gate::new());
        let at = gate.clone();
        let handle = runtime.handle();
        let builder = Builder::new();
        // SAFETY: the task keeps nothing of its thread.
        let builder = unsafe { builder.migrating() };
        let (send, here) = std::sync::mpsc::channel();
        let task = builder.spawn_on(&handle, move || {
            let before = thread();
            // Born here, and blocks this thread in managed code as soon as it is started here.
            let blocker = sortie::spawn(move || {
                send.send(thread()).unwrap();
                at.wait();
            });
            while !blocker.is_finished() && gate.inside() == 0 {
                sortie::yield_now();
            }
            // The blocker may have been stolen: then this one never needed to move.
            let after = thread();
            gate.open();
            blocker.join().unwrap();
            (before, after)
        });
        let (before, after) = task.join().unwrap();
        let blocked = here.recv().unwrap();
        assert!(blocked != before || after != before, "ran on a blocked thread");
        assert_ne!(blocked, after);
    });
}
