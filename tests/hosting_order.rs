//! Hosted tasks that wait for the same object go on by their levels, and of a level as they came.

use sortie::Runtime;
use sortie::hosting::{ClrRuntimeHost, HResult, Host, HostTask, INFINITE, TaskMode, WaitOption};
use sortie_test::{MODES, each_of, until};
use std::sync::{Arc, Mutex};

const NONE: WaitOption = WaitOption::NONE;

/// The levels of those who wait, in the order in which they come, and the order in which they go on.
const LEVELS: [i32; 6] = [0, -2, 15, 0, -15, 2];
const TURNS: [usize; 6] = [2, 5, 0, 3, 1, 4];

/// A hosted runtime, and in what order its tasks went on.
struct Stage {
    host: Host,
    clr: ClrRuntimeHost,
    order: Arc<Mutex<Vec<usize>>>,
}

/// In both modes.
fn each_mode(test: impl Fn(&Runtime, &Stage)) {
    in_modes(&[TaskMode::Fibers, TaskMode::ThreadPerTask], test);
}

/// How often something is tried that the kernel has a part in.
const ATTEMPTS: usize = 20;

/// On one worker, where those who come do so one after the other.
fn in_modes(modes: &[TaskMode], test: impl Fn(&Runtime, &Stage)) {
    for &mode in modes {
        each_of(&[1], &MODES, |runtime| {
            let host = Host::builder(&runtime.handle()).mode(mode).build();
            let clr = ClrRuntimeHost::builder().build();
            assert_eq!(clr.set_host_control(Some(Arc::new(host.clone()))), HResult::S_OK);
            assert_eq!(clr.start(), HResult::S_OK);
            let stage = Stage { host, clr, order: Arc::default() };
            test(runtime, &stage);
            assert_eq!(stage.clr.stop(), HResult::S_OK);
        });
    }
}

impl Stage {
    /// Starts a task of this level, which waits when this returns, and says its number when it goes on.
    fn waits(
        &self,
        runtime: &Runtime,
        (number, level): (usize, i32),
        wait: impl FnOnce() -> HResult + Send + 'static,
        then: impl FnOnce() + Send + 'static,
    ) -> HostTask {
        let order = self.order.clone();
        let task = self.host.task_manager().create_task(0, move || {
            if wait().is_success() {
                order.lock().unwrap().push(number);
            }
            then();
            0
        });
        let task = task.unwrap();
        assert_eq!(task.set_priority(level), HResult::S_OK);
        assert_eq!(task.start(), HResult::S_OK);
        until("it waits", || task.is_waiting());
        // On the only worker others run once it is in line.
        for _ in 0..2 {
            runtime.spawn(|| ()).join().unwrap();
        }
        task
    }

    fn order(&self) -> Vec<usize> {
        self.order.lock().unwrap().clone()
    }

    /// Lets one go on after the other.
    fn serve(&self, times: usize, one: impl Fn()) -> Vec<usize> {
        for n in 1..=times {
            one();
            until("the next goes on", || self.order().len() == n);
        }
        self.order()
    }
}

fn done(tasks: &[HostTask]) {
    until("all have ended", || tasks.iter().all(HostTask::is_done));
}

/// Each with its number.
fn all() -> impl Iterator<Item = (usize, i32)> {
    LEVELS.into_iter().enumerate()
}

#[test]
fn of_an_event_that_lets_one_through() {
    each_mode(|runtime, stage| {
        let event = stage.host.sync_manager().create_auto_event().unwrap();
        let tasks: Vec<_> = all()
            .map(|it| {
                let event = event.clone();
                stage.waits(runtime, it, move || event.wait(INFINITE, NONE), || ())
            })
            .collect();
        let order = stage.serve(tasks.len(), || assert_eq!(event.set(), HResult::S_OK));
        assert_eq!(order, TURNS);
        done(&tasks);
    });
}

#[test]
fn of_a_semaphore() {
    each_mode(|runtime, stage| {
        let semaphore = stage.host.sync_manager().create_semaphore(0, 10).unwrap();
        let tasks: Vec<_> = all()
            .map(|it| {
                let semaphore = semaphore.clone();
                stage.waits(runtime, it, move || semaphore.wait(60_000, NONE), || ())
            })
            .collect();
        let order = stage.serve(tasks.len(), || assert!(semaphore.release_semaphore(1).is_ok()));
        assert_eq!(order, TURNS);
        done(&tasks);
    });
}

#[test]
fn of_a_critical_section() {
    each_mode(|runtime, stage| {
        let crst = stage.host.sync_manager().create_crst().unwrap();
        let gate = stage.host.sync_manager().create_manual_event(false).unwrap();
        let (held, open) = (crst.clone(), gate.clone());
        let holder = stage.waits(
            runtime,
            (9, 0),
            move || {
                assert_eq!(held.enter(NONE), HResult::S_OK);
                let _ = open.wait(INFINITE, NONE);
                assert_eq!(held.leave(), HResult::S_OK);
                HResult::E_FAIL
            },
            || (),
        );
        let tasks: Vec<_> = all()
            .map(|it| {
                let (enters, leaves) = (crst.clone(), crst.clone());
                let leave = move || assert_eq!(leaves.leave(), HResult::S_OK);
                stage.waits(runtime, it, move || enters.enter(NONE), leave)
            })
            .collect();
        assert_eq!(gate.set(), HResult::S_OK);
        done(&tasks);
        done(&[holder]);
        assert_eq!(stage.order(), TURNS);
    });
}

/// All are woken at once: the higher one of two that share a class of turns goes on first. Of tasks that
/// have a thread each, the kernel says which is first.
#[test]
fn of_an_event_that_lets_all_through_and_of_a_task_that_ends() {
    in_modes(&[TaskMode::Fibers], |runtime, stage| {
        let event = stage.host.sync_manager().create_manual_event(false).unwrap();
        let joined = event.clone();
        let wait =
            move || HResult::from(joined.wait(INFINITE, NONE).ok().and(Err(HResult::E_FAIL)));
        let joined = stage.waits(runtime, (9, 15), wait, || ());
        let levels = [(0, -2), (1, 1), (2, -1), (3, 2)];
        let joiners = levels.map(|it| {
            let joined = joined.clone();
            stage.waits(runtime, it, move || joined.join(INFINITE, NONE), || ())
        });
        assert_eq!(event.set(), HResult::S_OK);
        done(&joiners);
        done(&[joined]);
        let order = stage.order();
        let at = |number| order.iter().position(|it| *it == number).expect("all went on");
        // Between the classes turns are shared.
        assert!(at(3) < at(1) && at(2) < at(0), "{order:?}");
    });
}

#[test]
fn a_level_that_is_asked_for_during_the_wait_counts() {
    each_mode(|runtime, stage| {
        let event = stage.host.sync_manager().create_auto_event().unwrap();
        let order = || {
            stage.order.lock().unwrap().clear();
            let tasks: Vec<_> = [0, 0, 0]
                .into_iter()
                .enumerate()
                .map(|it| {
                    let event = event.clone();
                    stage.waits(runtime, it, move || event.wait(INFINITE, NONE), || ())
                })
                .collect();
            assert_eq!(tasks[0].set_priority(-1), HResult::S_OK);
            assert_eq!(tasks[2].set_priority(1), HResult::S_OK);
            for _ in 0..40 {
                // They look, and wait on: levels below the ordinary one have few turns.
                runtime.spawn(|| ()).join().unwrap();
            }
            let order = stage.serve(tasks.len(), || assert_eq!(event.set(), HResult::S_OK));
            done(&tasks);
            order
        };
        // A task that has a thread of its own looks when the kernel lets it, which may be too late once.
        assert!((0..ATTEMPTS).any(|_| order() == [2, 1, 0]), "they go on as they came");
    });
}

#[test]
fn an_alert_of_one_in_the_middle_loses_nothing() {
    each_mode(|runtime, stage| {
        let event = stage.host.sync_manager().create_auto_event().unwrap();
        let tasks: Vec<_> = all()
            .map(|it| {
                let event = event.clone();
                let wait = move || event.wait(INFINITE, WaitOption::ALERTABLE);
                stage.waits(runtime, it, wait, || ())
            })
            .collect();
        for n in [5, 3] {
            assert_eq!(tasks[n].alert(), HResult::S_OK);
            until("it has ended", || tasks[n].is_done());
        }
        let order = stage.serve(4, || assert_eq!(event.set(), HResult::S_OK));
        assert_eq!(order, [2, 0, 1, 4]);
        done(&tasks);
    });
}
