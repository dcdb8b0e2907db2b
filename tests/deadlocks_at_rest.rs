//! A runtime that is to report deadlocks finds those, too, that no task's wait has closed: once nothing runs.

use sortie::native::{self, Target};
use sortie::sync::{Event, Mutex};
use sortie::{Runtime, task};
use sortie_natives::with_callback;
use sortie_test::deadlocks::told;
use sortie_test::{Case, Mode, events, exclusively, until};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

static CALL_BACK: Target = Target::named("natives_call_back");

/// The first that is told.
fn first_told() -> String {
    until("it is told", || !told().is_empty());
    told().remove(0)
}

fn reporting(case: &Case) -> Runtime {
    case.watched(case.builder().report_deadlocks(true).build().unwrap())
}

#[test]
fn a_circle_that_a_thread_closes() {
    exclusively(&Case::new(2, Mode::Migrating), |case| {
        events::record();
        let runtime = reporting(case);
        let locks = Arc::new([(); 2].map(|()| Mutex::new(())));
        let waits = Arc::new(Event::manual());
        let of_thread = locks[0].lock();
        let task = {
            let (locks, waits) = (locks.clone(), waits.clone());
            task::Builder::new().name("task").spawn_on(&runtime.handle(), move || {
                let _own = locks[1].lock();
                waits.set();
                drop(locks[0].lock());
            })
        };
        waits.wait();
        until("the task waits", || runtime.snapshot().idle_workers == case.workers);
        let abort = task.abort_handle();
        let told = thread::spawn(move || {
            let told = first_told();
            abort.abort();
            told
        });
        drop(locks[1].lock());
        let text = told.join().unwrap();
        assert!(text.contains("task \"task\"") && text.contains("thread \""), "{text}");
        drop(of_thread);
        assert!(task.join().unwrap_err().is_aborted());
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
    });
}

#[test]
fn a_circle_that_a_task_closes_which_becomes_ready() {
    exclusively(&Case::new(1, Mode::Pinned), |case| {
        events::record();
        let runtime = reporting(case);
        let lock = Arc::new(Mutex::new(()));
        let [held, go_on, wants] = [(); 3].map(|()| Arc::new(Event::manual()));
        let owner = {
            let (lock, held, go_on) = (lock.clone(), held.clone(), go_on.clone());
            task::Builder::new().name("owner").spawn_on(&runtime.handle(), move || {
                let _held = lock.lock();
                held.set();
                go_on.wait();
            })
        };
        let keeper = {
            let wants = wants.clone();
            task::Builder::new().name("keeper").spawn_on(&runtime.handle(), move || {
                held.wait();
                let want = || {
                    wants.set();
                    drop(lock.lock());
                    0
                };
                native::call_here(&CALL_BACK, || with_callback(1, |_| native::callback(-1, want)));
            })
        };
        // The keeper waits for the lock in a callback, and the owner, on the same thread, for the event.
        wants.wait();
        until("the keeper waits", || runtime.snapshot().idle_workers == 1);
        assert!(runtime.deadlocks().is_empty() && told().is_empty());
        go_on.set();
        let text = first_told();
        assert!(text.contains("keeper") && text.contains("owner"), "{text}");
        // Long enough for the monitor to look again.
        thread::sleep(Duration::from_millis(1_200));
        assert_eq!(told(), [text]);
        keeper.abort();
        assert!(keeper.join().unwrap_err().is_aborted());
        owner.join().unwrap();
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
    });
}
