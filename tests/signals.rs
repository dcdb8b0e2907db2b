//! A signal handler that calls Sortie is told that it must not, and disturbs nothing; and handlers that do not
//! are no matter to tasks, whatever they interrupt.
//!
//! A handler is known by its stack: the thread's alternate signal stack, which every carrier has.

use sortie::native::{self, Target};
use sortie::transition::{self, Event, Layer, TransitionError};
use sortie::{Handle, task};
use sortie_test::{Case, Mode, child, each_of, threads, until};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

static NATIVE: Target = Target::named("native code");

/// The runtime that the handler calls.
static RUNTIME: RwLock<Option<Handle>> = RwLock::new(None);
static CALLS: AtomicU64 = AtomicU64::new(0);
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// One test at a time: a process has one handler.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(result: Result<(), TransitionError>, event: Event) {
    if result == Err(TransitionError::InSignalHandler { event }) {
        REFUSED.fetch_add(1, Ordering::Relaxed);
    }
}

extern "C" fn make_transitions() {
    CALLS.fetch_add(1, Ordering::Relaxed);
    refused(transition::leave(1), Event::Leave);
    refused(transition::enter(), Event::Enter);
    refused(transition::reverse_leave(), Event::ReverseLeave);
    refused(transition::reverse_enter(), Event::ReverseEnter);
    assert_eq!(transition::layers(), [], "a handler's layers");
}

extern "C" fn make_all_transitions() {
    make_transitions();
    if let Ok(runtime) = RUNTIME.try_read()
        && let Some(runtime) = &*runtime
    {
        refused(runtime.reverse_enter(), Event::ReverseEnter);
    }
}

extern "C" fn attach() {
    let runtime = RUNTIME.try_read().expect("nobody writes");
    let result = runtime.as_ref().expect("there is one").reverse_enter();
    CALLS.fetch_add(1, Ordering::Relaxed);
    refused(result, Event::ReverseEnter);
}

extern "C" fn spawn() {
    drop(sortie::spawn(|| ()));
}

/// The handler runs on this thread; how many calls of it were refused.
fn raise() -> u64 {
    let before = REFUSED.load(Ordering::Relaxed);
    assert_eq!(sortie_natives::raise(), 0);
    REFUSED.load(Ordering::Relaxed) - before
}

fn handled_by<R>(code: extern "C" fn(), runtime: &Handle, f: impl FnOnce() -> R) -> R {
    assert_eq!(sortie_natives::handle_signals(code), 0);
    *RUNTIME.write().unwrap() = Some(runtime.clone());
    let value = f();
    *RUNTIME.write().unwrap() = None;
    value
}

#[test]
fn transitions_are_refused() {
    let _alone = alone();
    each_of(&[1, 2], &[Mode::Pinned, Mode::Migrating], |runtime| {
        handled_by(make_all_transitions, &runtime.handle(), || {
            runtime.run(|| {
                assert_eq!(raise(), 5, "in managed code");
                native::call_here(&NATIVE, || assert_eq!(raise(), 5, "in native code"));
                native::call_here(&NATIVE, || {
                    native::callback((), || {
                        assert_eq!(raise(), 5, "in a callback");
                        sortie::yield_now();
                    });
                });
                assert_eq!(transition::layers(), [Layer::ManagedBase]);
                sortie::yield_now();
            });
            let handle = runtime.handle();
            std::thread::spawn(move || {
                handle.reverse_enter().unwrap();
                assert_eq!(raise(), 5, "on an attached thread");
                transition::reverse_leave().unwrap();
                assert_eq!(raise(), 5, "on one that is outside again");
            })
            .join()
            .unwrap();
        });
    });
}

#[test]
fn a_thread_is_not_attached_by_its_handler() {
    let _alone = alone();
    each_of(&[1], &[Mode::Pinned], |runtime| {
        handled_by(attach, &runtime.handle(), || {
            std::thread::spawn(|| {
                assert_eq!(raise(), 1);
                assert!(task::current().is_none());
            })
            .join()
            .unwrap();
        });
        let error = TransitionError::InSignalHandler { event: Event::ReverseEnter };
        assert!(error.to_string().contains("pipe or a flag"), "{error}");
    });
}

#[test]
fn a_spawn_ends_the_process_with_a_message() {
    let Some(output) = child::run("a_spawn_ends_the_process_with_a_message", "") else {
        let runtime = Case::new(1, Mode::Pinned).runtime();
        return handled_by(spawn, &runtime.handle(), || {
            runtime.run(|| assert_eq!(sortie_natives::raise(), 0));
        });
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("a task was spawned in a signal handler"), "{said}");
}

/// Each thread of the runtime is interrupted again and again, wherever it is.
#[test]
fn whatever_they_interrupt_goes_on() {
    let _alone = alone();
    each_of(&[2], &[Mode::Pinned, Mode::Migrating], |runtime| {
        // Without an attachment: a thread that begins has no signal stack yet.
        handled_by(make_transitions, &runtime.handle(), || {
            let (calls, refusals) =
                (CALLS.load(Ordering::Relaxed), REFUSED.load(Ordering::Relaxed));
            let ends = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    // SAFETY: has no conditions.
                    let process = unsafe { libc::getpid() };
                    while !ends.load(Ordering::Relaxed) {
                        for thread in threads::named(&runtime.case.thread_name) {
                            // SAFETY: a thread that is gone is an error.
                            unsafe {
                                libc::syscall(libc::SYS_tgkill, process, thread.id, libc::SIGUSR2)
                            };
                        }
                    }
                });
                let count = || CALLS.load(Ordering::Relaxed) - calls;
                until("there were 1,000 interruptions", || {
                    let tasks: Vec<_> = (0..20u64)
                        .map(|n| {
                            runtime.spawn(move || {
                                let inner = sortie::spawn(move || n * 2);
                                sortie::yield_now();
                                native::call(&NATIVE, || sortie_natives::nanosleep(1_000));
                                native::call_here(&NATIVE, || {
                                    native::callback((), sortie::yield_now)
                                });
                                sortie::sleep(Duration::from_micros(20));
                                inner.join().unwrap()
                            })
                        })
                        .collect();
                    for (n, task) in (0..).zip(tasks) {
                        assert_eq!(task.join().unwrap(), n * 2);
                    }
                    count() >= 1_000
                });
                ends.store(true, Ordering::Relaxed);
            });
            println!(
                "{} interruptions, {} calls refused",
                CALLS.load(Ordering::Relaxed) - calls,
                REFUSED.load(Ordering::Relaxed) - refusals
            );
        });
    });
}
