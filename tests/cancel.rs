//! An abort cuts the native call short that its task is in, by the call's hook, and hits no other call.

#[path = "cancel/nested.rs"]
mod nested;
#[path = "cancel/returning.rs"]
mod returning;

use rusqlite::{Connection, ErrorCode};
use sortie::native::{self, Cancelled, Class, Policy, Target};
use sortie::{Handle, JoinHandle};
use sortie_natives::{Gate, get_errno, set_errno};
use sortie_test::{each, each_of, each_setting, events, until};
use std::hint::spin_loop;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

static NATIVE: Target = Target::named("native code");

fn assert_aborted<T: std::fmt::Debug>(task: JoinHandle<T>) {
    let error = task.join().unwrap_err();
    assert!(error.is_aborted(), "{error}");
}

/// A hook's panic is caught, so what it finds wrong is written down.
#[derive(Clone, Default)]
struct Wrong(Arc<AtomicUsize>);

impl Wrong {
    fn unless(&self, holds: bool) {
        self.0.fetch_add(usize::from(!holds), SeqCst);
    }
}

impl Drop for Wrong {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.0.load(SeqCst), 0, "a hook has found something wrong");
        }
    }
}

fn thread_id() -> i32 {
    // SAFETY: has no conditions.
    unsafe { libc::gettid() }
}

/// A query that ends in some hours.
fn count(database: &Connection) -> rusqlite::Result<i64> {
    let query = "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number)
                 SELECT sum(n) FROM number";
    database.query_row(query, [], |row| row.get(0))
}

#[test]
fn a_long_query_is_interrupted_within_10_ms() {
    each(|runtime| {
        let took = (0..5).map(|_| {
            let (inside, result) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
            let task = {
                let (inside, result) = (inside.clone(), result.clone());
                runtime.spawn(move || {
                    let database = Connection::open_in_memory().unwrap();
                    let interrupter = database.get_interrupt_handle();
                    let hook = |cancelled: &Cancelled| {
                        interrupter.interrupt();
                        // The statement may not have begun.
                        cancelled.repeat_after(Duration::from_millis(1));
                    };
                    native::call_cancellable(&NATIVE, hook, || {
                        inside.store(true, SeqCst);
                        *result.lock().unwrap() = Some(count(&database));
                    });
                })
            };
            until("the query runs", || inside.load(SeqCst));
            let start = Instant::now();
            task.abort();
            assert_aborted(task);
            let took = start.elapsed();
            let error = result.lock().unwrap().take().unwrap().unwrap_err();
            assert_eq!(error.sqlite_error_code(), Some(ErrorCode::OperationInterrupted));
            took
        });
        // The machine may have others to run for once.
        let fastest = took.min().unwrap();
        assert!(fastest < Duration::from_millis(10), "{fastest:?}");
    });
}

/// For all calls of a function, by what the hook is told of the thread.
#[test]
fn a_system_call_is_interrupted_by_a_signal_to_its_thread() {
    static READ: Target = Target::named("read");
    static THREAD: AtomicI32 = AtomicI32::new(0);
    extern "C" fn interrupted(_: libc::c_int) {
        THREAD.store(thread_id(), SeqCst);
    }
    // SAFETY: all zeros are an action.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = interrupted as extern "C" fn(libc::c_int) as usize;
    // SAFETY: the handler makes one system call and stores to a static.
    unsafe { libc::sigaction(libc::SIGUSR2, &raw const action, std::ptr::null_mut()) };
    native::on_cancel(&READ, |cancelled| {
        // SAFETY: the thread waits for this.
        unsafe { libc::pthread_kill(cancelled.pthread(), libc::SIGUSR2) };
        cancelled.repeat_after(Duration::from_millis(1));
    });
    let ways: [fn(&mut (dyn FnMut() + Send)); 2] =
        [|call| native::call_here(&READ, call), |call| native::offload(&READ, call)];
    for way in ways {
        each(|runtime| {
            let (reader, writer) = std::io::pipe().unwrap();
            let seen = Arc::new(Mutex::new(None));
            let task = {
                let seen = seen.clone();
                runtime.spawn(move || {
                    way(&mut || {
                        let mut byte = 0u8;
                        let at = (&raw mut byte).cast();
                        // SAFETY: one byte is borrowed for the call.
                        let read = unsafe { libc::read(reader.as_raw_fd(), at, 1) };
                        *seen.lock().unwrap() = Some((read, get_errno(), thread_id()));
                    });
                })
            };
            until("it reads", || runtime.snapshot().tasks_queued == 0);
            task.abort();
            assert_aborted(task);
            drop(writer);
            // None: the abort came before the call.
            if let Some(seen) = seen.lock().unwrap().take() {
                assert_eq!(seen, (-1, libc::EINTR, THREAD.load(SeqCst)));
            }
        });
    }
    assert!(native::clear_on_cancel(&READ));
}

/// Aborts race with calls that begin and end: no call is hooked twice, or after it has returned.
#[test]
fn an_abort_hits_no_call_but_the_one_it_finds() {
    each(|runtime| {
        let (hooked, wrong) = (Arc::new(AtomicUsize::new(0)), Wrong::default());
        for round in 0..150 {
            let calls = Arc::new(AtomicUsize::new(0));
            let task = {
                let (hooked, wrong, calls) = (hooked.clone(), wrong.clone(), calls.clone());
                runtime.spawn(move || {
                    loop {
                        let (inside, runs) = (AtomicBool::new(true), AtomicUsize::new(0));
                        let errno = 1 + round % 100;
                        let hook = |_: &Cancelled| {
                            hooked.fetch_add(1, SeqCst);
                            wrong.unless(runs.fetch_add(1, SeqCst) == 0);
                            (0..200).for_each(|_| {
                                wrong.unless(inside.load(SeqCst));
                                spin_loop();
                            });
                        };
                        let after = || inside.store(false, SeqCst);
                        let _after = Defer(&after);
                        native::call_cancellable(&NATIVE, hook, || {
                            calls.fetch_add(1, SeqCst);
                            (0..20 * (round % 7)).for_each(|_| spin_loop());
                            set_errno(errno)
                        });
                        assert_eq!(get_errno(), errno);
                    }
                })
            };
            until("it calls", || calls.load(SeqCst) > 0);
            std::thread::scope(|scope| {
                scope.spawn(|| task.abort());
                task.abort();
            });
            assert_aborted(task);
        }
        println!("{} of 150 calls were hooked", hooked.load(SeqCst));
    });
}

struct Defer<'a>(&'a dyn Fn());

impl Drop for Defer<'_> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Each call blocks until its hook has run, so a hook that does not run is a hang.
#[test]
fn no_abort_is_missed_by_a_call_that_begins() {
    each(|runtime| {
        for round in 0..150 {
            let started = Arc::new(AtomicBool::new(false));
            let task = {
                let started = started.clone();
                runtime.spawn(move || {
                    let gate = Gate::new();
                    started.store(true, SeqCst);
                    native::call_cancellable(&NATIVE, |_| gate.open(), || gate.wait());
                })
            };
            while !started.load(SeqCst) {
                spin_loop();
            }
            (0..10 * (round % 50)).for_each(|_| spin_loop());
            task.abort();
            assert_aborted(task);
        }
    });
}

#[test]
fn a_shutdown_runs_the_hooks() {
    each_setting(|case| {
        let runtime = case.runtime();
        let hooks = Arc::new(AtomicUsize::new(0));
        let gates: Vec<_> = (0..20).map(|_| Arc::new(Gate::new())).collect();
        let call = |gate: Arc<Gate>, hooks: Arc<AtomicUsize>| {
            let hook = |_: &Cancelled| {
                hooks.fetch_add(1, SeqCst);
                gate.open();
            };
            native::call_cancellable(&NATIVE, hook, || gate.wait());
        };
        let spawn = |gate: &Arc<Gate>| {
            let (gate, hooks) = (gate.clone(), hooks.clone());
            runtime.spawn(move || call(gate, hooks))
        };
        let tasks: Vec<_> = gates[1..].iter().map(spawn).collect();
        // A thread from outside, too.
        let visitor = {
            let (handle, gate, hooks) = (runtime.handle(), gates[0].clone(), hooks.clone());
            std::thread::spawn(move || visit(&handle, || call(gate, hooks)).is_ok())
        };
        until("all block", || gates.iter().all(|gate| gate.inside() == 1));
        let report = runtime.shutdown(Duration::from_secs(10));
        assert!(report.is_clean(), "{report}");
        assert_eq!(hooks.load(SeqCst), gates.len());
        tasks.into_iter().for_each(assert_aborted);
        visitor.join().unwrap();
    });
}

/// Runs `f` as managed code of a thread from outside.
fn visit(handle: &Handle, f: impl FnOnce()) -> Result<(), sortie::transition::TransitionError> {
    handle.reverse_enter()?;
    f();
    sortie::transition::reverse_leave()
}

#[test]
fn a_hook_that_panics_has_run_and_is_reported() {
    events::record();
    each_of(&[1, 4], &sortie_test::MODES, |runtime| {
        events::record();
        let gate = Arc::new(Gate::new());
        let at = gate.clone();
        let task = runtime.spawn(move || {
            let hook = |cancelled: &Cancelled| {
                at.open();
                cancelled.repeat_after(Duration::from_millis(1));
                std::panic::resume_unwind(Box::new("a clumsy hook"));
            };
            native::call_cancellable(&NATIVE, hook, || at.wait());
        });
        until("it blocks", || gate.inside() == 1);
        task.abort();
        assert_aborted(task);
        let told = events::seen();
        let told: Vec<_> = told.iter().filter(|it| it.text.contains("hook")).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].target, "sortie::task");
    });
}

/// A call of a task that is aborted already is not begun; what its destructors call is left alone.
#[test]
fn the_calls_of_the_aborted() {
    each(|runtime| {
        struct Transaction {
            inside: Arc<Gate>,
            rolled_back: Arc<AtomicBool>,
            wrong: Wrong,
        }
        impl Drop for Transaction {
            fn drop(&mut self) {
                let hook = |_: &Cancelled| self.wrong.unless(false);
                native::call_cancellable(&NATIVE, hook, || {
                    self.inside.wait();
                    self.rolled_back.store(true, SeqCst);
                });
            }
        }
        let (go, inside) = (Arc::new(AtomicBool::new(false)), Arc::new(Gate::new()));
        let rolled_back = Arc::new(AtomicBool::new(false));
        let wrong = Wrong::default();
        let transaction = Transaction {
            inside: inside.clone(),
            rolled_back: rolled_back.clone(),
            wrong: wrong.clone(),
        };
        let began = Arc::new(AtomicBool::new(false));
        let task = {
            let (go, began, wrong) = (go.clone(), began.clone(), wrong.clone());
            runtime.spawn(move || {
                let _transaction = transaction;
                began.store(true, SeqCst);
                // No suspension point.
                while !go.load(SeqCst) {
                    spin_loop();
                }
                let hook = |_: &Cancelled| wrong.unless(false);
                native::call_cancellable(&NATIVE, hook, || wrong.unless(false));
            })
        };
        until("it runs", || began.load(SeqCst));
        task.abort();
        go.store(true, SeqCst);
        until("it rolls back", || inside.inside() == 1);
        task.abort();
        inside.open();
        assert_aborted(task);
        assert!(rolled_back.load(SeqCst));
    });
}

/// The task waits for its hook, and its worker serves others meanwhile.
#[test]
fn a_return_waits_for_the_hook_without_its_worker() {
    each_of(&[1, 2], &sortie_test::MODES, |runtime| {
        let (gate, hooking) = (Arc::new(Gate::new()), Arc::new(Gate::new()));
        let (returned, wrong) = (Arc::new(AtomicBool::new(false)), Wrong::default());
        let task = {
            let wrong = wrong.clone();
            let (gate, hooking, returned) = (gate.clone(), hooking.clone(), returned.clone());
            runtime.spawn(move || {
                let hook = |_: &Cancelled| {
                    gate.open();
                    hooking.wait();
                    wrong.unless(!returned.load(SeqCst));
                };
                let after = || returned.store(true, SeqCst);
                let _after = Defer(&after);
                native::call_cancellable(&NATIVE, hook, || gate.wait());
            })
        };
        until("it blocks", || gate.inside() == 1);
        std::thread::scope(|scope| {
            scope.spawn(|| task.abort());
            until("the hook runs", || hooking.inside() == 1);
            for _ in 0..20 {
                runtime.spawn(|| ()).join().unwrap();
            }
            assert!(!returned.load(SeqCst));
            hooking.open();
        });
        assert_aborted(task);
    });
}

/// A function that has a class, and no hook, has one from the next call on.
#[test]
fn a_hook_is_for_calls_of_any_class() {
    static SHORT: Target =
        Target::named("a gate that opens soon").with_policy(Policy::new().class(Class::Short));
    static GATE: Mutex<Option<Arc<Gate>>> = Mutex::new(None);
    let gate = || GATE.lock().unwrap().clone().unwrap();
    each(|runtime| {
        let wait = move || native::call(&SHORT, || gate().wait());
        *GATE.lock().unwrap() = Some(Arc::new(Gate::new()));
        gate().open();
        runtime.run(move || (0..100).for_each(|_| wait()));
        *GATE.lock().unwrap() = Some(Arc::new(Gate::new()));
        native::on_cancel(&SHORT, move |_| gate().open());
        let task = runtime.spawn(wait);
        until("it blocks", || gate().inside() == 1);
        task.abort();
        assert_aborted(task);
        assert!(native::clear_on_cancel(&SHORT));
        runtime.run(wait);
    });
}
