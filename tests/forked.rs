//! In a forked child every call of Sortie answers with an error, or as on a thread without a runtime: none
//! hangs, whatever the parent's other threads were at. `exec` works.
//!
//! `SORTIE_SOAK=1 cargo test --release --test forked -- --nocapture` forks 1,000 times under load.

use sortie::native::{self, Target};
use sortie::transition::{self, TransitionError};
use sortie::{BuildError, Handle, JoinHandle, Runtime, task};
use sortie_test::{Case, Mode, each_of, exclusively, forks, panic_text};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

static SHORT: Target = Target::named("a short function");
static FORKS: Target = Target::named("a function that forks");

/// All that the child may call, of a runtime that lived in the parent.
fn use_everything(handle: &Handle, sleeper: JoinHandle<()>) {
    let start = Instant::now();
    assert!(task::current().is_none(), "the task is the parent's");
    assert!(transition::layers().is_empty());
    sortie::yield_now();
    task::checkpoint();
    sortie::sleep(Duration::from_micros(10));
    assert!(panic_text(|| sortie::spawn(|| ())).contains("runs no task"));

    let refused = handle.spawn(|| 1).join().unwrap_err();
    assert!(refused.is_forked() && refused.is_shut_down() && !refused.is_aborted());
    assert!(refused.to_string().contains("forked off"), "{refused}");
    sleeper.abort();
    assert!(!sleeper.is_finished());
    let error = sleeper.join().unwrap_err();
    assert!(error.is_forked(), "{error}");
    assert!(error.to_string().contains("forked off"), "{error}");

    assert_eq!(handle.reverse_enter(), Err(TransitionError::ShutDown));
    for refused in [
        transition::leave(1),
        transition::enter(),
        transition::reverse_enter(),
        transition::reverse_leave(),
    ] {
        assert!(matches!(refused, Err(TransitionError::NotOwner { found: None, .. })));
    }
    assert_eq!(native::call(&SHORT, || 2), 2);
    assert!(native::try_callback(|| 3).is_err());
    task::begin_thread_affinity();
    task::end_thread_affinity().unwrap();

    let snapshot = handle.snapshot();
    assert!(snapshot.tasks_spawned > 0 && snapshot.targets.is_empty());
    let error = Runtime::builder().workers(1).build().unwrap_err();
    assert!(matches!(error, BuildError::Forked));
    assert!(error.to_string().contains("exec first"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

/// Forks here; the child uses everything, and this goes on as the parent.
fn fork(handle: &Handle) {
    let sleeper = handle.spawn(|| sortie::sleep(Duration::MAX));
    let mut sleeper = Some(sleeper);
    forks::in_child(|| use_everything(handle, sleeper.take().expect("forked once")));
    sleeper.expect("the parent's").abort();
}

#[test]
fn by_a_thread() {
    each_of(&[1, 4], &[Mode::Pinned, Mode::Migrating], |runtime| {
        fork(&runtime.handle());
        assert_eq!(runtime.run(|| 4), 4, "the parent does not notice");
    });
}

#[test]
fn by_a_task() {
    each_of(&[2], &[Mode::Pinned, Mode::Migrating], |runtime| {
        let handle = runtime.handle();
        runtime.run(move || {
            fork(&handle);
            // More often than a call is looked at before it may go the fast way.
            for _ in 0..40 {
                native::call(&SHORT, || ());
            }
            native::call_here(&FORKS, || fork(&handle));
            native::call_here(&SHORT, || fork(&handle));
            native::call_here(&FORKS, || native::callback((), || fork(&handle)));
            native::call_here(&SHORT, || native::callback((), || fork(&handle)));
            assert_eq!(sortie::spawn(|| 4).join().unwrap(), 4, "the parent does not notice");
        });
    });
}

#[test]
fn by_an_attached_thread() {
    each_of(&[1, 4], &[Mode::Pinned], |runtime| {
        let handle = runtime.handle();
        std::thread::spawn(move || {
            handle.reverse_enter().unwrap();
            fork(&handle);
            transition::reverse_leave().unwrap();
            fork(&handle);
        })
        .join()
        .unwrap();
    });
}

/// The child goes on where the task forked: out of the native call, out of the callback, to the end of the
/// task, which is the end of the process.
#[test]
fn the_child_ends_with_its_task() {
    each_of(&[1, 4], &[Mode::Pinned, Mode::Migrating], |runtime| {
        for place in 0..4 {
            let task = runtime.spawn(move || {
                let start = || forks::start(|| ());
                let child = match place {
                    0 => start(),
                    1 => native::call_here(&FORKS, start),
                    2 => native::call_here(&FORKS, || native::callback(0, start)),
                    _ => native::call(&FORKS, || {
                        sortie_natives::nanosleep(1_000_000);
                        start()
                    }),
                };
                sortie::yield_now();
                child
            });
            forks::check(task.join().unwrap());
        }
    });
}

/// Ends a process with an error that is not the one which has made this.
struct OnlyIn(u32);

impl Drop for OnlyIn {
    fn drop(&mut self) {
        if std::process::id() != self.0 {
            std::process::exit(9);
        }
    }
}

/// Who forks has the turn of one that joins it. Nothing of that one runs in the child, not even its destructors.
#[test]
fn the_child_ends_with_a_task_that_was_lent_its_turn() {
    each_of(&[1, 4], &[Mode::Pinned, Mode::Migrating], |runtime| {
        let child = runtime.run(|| {
            // A fiber is kept that is warm: only on such a one the next runs at once.
            sortie::spawn(|| ()).join().unwrap();
            let _here = OnlyIn(std::process::id());
            sortie::spawn(|| forks::start(|| ())).join().unwrap()
        });
        forks::check(child);
    });
}

#[test]
fn the_child_executes_another_program() {
    exclusively(&Case::new(2, Mode::Pinned), |case| {
        let runtime = case.runtime();
        runtime.run(|| {
            // SAFETY: the closure does nothing that a child may not; it is there so that this is a `fork`.
            let command = unsafe {
                use std::os::unix::process::CommandExt;
                Command::new("true").pre_exec(|| Ok(())).status()
            };
            assert!(command.unwrap().success());
        });
        // The runtime ends in the child too: there is nothing to wait for.
        let mut runtime = Some(runtime);
        forks::in_child(|| {
            let runtime = runtime.take().expect("forked once");
            let report = runtime.shutdown(Duration::from_secs(60));
            assert!(report.is_clean() && report.elapsed() < Duration::from_secs(1), "{report}");
        });
        forks::in_child(|| drop(runtime.take()));
        assert!(runtime.expect("the parent's").shutdown(Duration::from_secs(10)).is_clean());
        // No runtime lives any more, so the child may have one.
        forks::in_child(|| {
            let runtime = Runtime::builder().workers(2).build().unwrap();
            assert_eq!(runtime.run(|| sortie::spawn(|| 5).join().unwrap()), 5);
        });
    });
}

/// What the parent's other threads change of policies holds no child up that calls a function for the first time.
#[test]
fn a_first_call_while_policies_change() {
    each_of(&[1], &[Mode::Pinned], |runtime| {
        let ends = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let of_one = native::policy::for_address(0x7000);
                while !ends.load(Ordering::Relaxed) {
                    of_one.set(native::Policy::new().deny()).unwrap();
                    of_one.clear();
                }
            });
            let made = Target::named("made in the parent");
            assert_eq!(made.class(), native::Class::Unknown);
            let mut made = Some(made);
            for _ in 0..100 {
                forks::in_child(|| {
                    for target in [Target::named("a new function"), Target::new(0x7000)] {
                        assert_eq!(native::call_here(&target, || 1), 1);
                    }
                    drop(made.take());
                });
            }
            ends.store(true, Ordering::Relaxed);
        });
        assert_eq!(runtime.run(|| 4), 4);
    });
}

/// Abuse test 42.
#[test]
fn under_load() {
    let times = if std::env::var_os("SORTIE_SOAK").is_some() { 1_000 } else { 10 };
    each_of(&[4], &[Mode::Migrating], |runtime| {
        let handle = runtime.handle();
        let ends = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let load = || {
                while !ends.load(Ordering::Relaxed) {
                    let tasks: Vec<_> = (0..50)
                        .map(|n| {
                            handle.spawn(move || {
                                sortie::spawn(sortie::yield_now).join().unwrap();
                                native::call(&SHORT, || {
                                    sortie_natives::nanosleep(20_000 * (n % 3))
                                });
                                sortie::sleep(Duration::from_micros(n));
                            })
                        })
                        .collect();
                    let _ = handle.snapshot();
                    tasks.into_iter().for_each(|task| task.join().unwrap());
                    handle.reverse_enter().unwrap();
                    sortie::yield_now();
                    transition::reverse_leave().unwrap();
                }
            };
            (0..2).for_each(|_| drop(scope.spawn(load)));
            for turn in 0..times {
                if turn % 2 == 0 {
                    fork(&handle);
                } else {
                    let inner = handle.clone();
                    handle.spawn(move || fork(&inner)).join().unwrap();
                }
            }
            ends.store(true, Ordering::Relaxed);
        });
        println!("{times} children, none hung");
    });
}
