//! Whatever a subscriber of `tracing` does that is told of something in a native call, the call is whole: one that panics,
//! waits, calls native code, or takes its thread elsewhere.

use sortie::native::{self, Library, Policy, Target};
use sortie::sync::Semaphore;
use sortie::transition::{self, Layer, NativeScope, TransitionError};
use sortie::{Handle, Runtime};
use sortie_natives::Gate;
use sortie_test::{MODES, Mode, each, each_of, until};
use std::cell::Cell;
use std::fmt::Write as _;
use std::io::{Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_core::callsite::rebuild_interest_cache;

/// What is done about an event with these words.
type Deed = (&'static str, fn());

static DEED: Mutex<Option<Deed>> = Mutex::new(None);

thread_local! {
    /// Is an event told of on this thread? Of others meanwhile nobody is.
    static IS_TOLD: Cell<bool> = const { Cell::new(false) };
}

struct Doer;

struct Words(String);

impl tracing::field::Visit for Words {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

fn deed() -> MutexGuard<'static, Option<Deed>> {
    DEED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Subscriber for Doer {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("sortie") && !metadata.is_span() && deed().is_some()
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let Some((about, act)) = *deed() else { return };
        let mut words = Words(String::new());
        event.record(&mut words);
        if words.0.contains(about) && !IS_TOLD.get() {
            IS_TOLD.set(true);
            let result = catch_unwind(act);
            IS_TOLD.set(false);
            result.unwrap_or_else(|payload| std::panic::resume_unwind(payload));
        }
    }

    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

/// Does the deed at each such event while `test` runs.
fn doing(about: &'static str, act: fn(), test: impl FnOnce()) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    ONCE.call_once(|| tracing::subscriber::set_global_default(Doer).unwrap());
    *deed() = Some((about, act));
    rebuild_interest_cache();
    let result = catch_unwind(AssertUnwindSafe(test));
    *deed() = None;
    rebuild_interest_cache();
    result.unwrap_or_else(|payload| std::panic::resume_unwind(payload));
}

static CALL: Target = Target::named("native code");

/// Out and back, and in between, in each way.
fn transitions() {
    let called = || native::call_here(&CALL, || native::callback(-1, || 1));
    assert_eq!(called(), 1);
    assert_eq!(native::offload(&CALL, || native::callback(-1, || 2)), 2);
    assert_eq!(native::call_here(&CALL, || native::callback(-1, called)), 1);
    transition::leave(0x5017).unwrap();
    transition::reverse_enter().unwrap();
    transition::reverse_leave().unwrap();
    transition::enter().unwrap();
    assert_eq!(transition::layers(), [Layer::ManagedBase]);
}

#[test]
fn one_that_panics_at_each_transition() {
    doing(
        "transition=",
        || panic!("as the test wants"),
        || {
            each(|runtime| runtime.run(transitions));
        },
    );
}

#[test]
fn one_that_calls_native_code_at_each_transition() {
    let calls = || {
        assert_eq!(native::call_here(&CALL, || 1), 1);
        assert_eq!(native::call(&CALL, || 1), 1);
        assert_eq!(native::offload(&CALL, || 1), 1);
    };
    doing("transition=", calls, || each(|runtime| runtime.run(transitions)));
}

/// A place that a call held is given back, and where another thread has made the call its task hears of it.
#[test]
fn one_that_panics_when_something_is_learned() {
    doing(
        "learned class changed",
        || panic!("as the test wants"),
        || {
            each(|runtime| {
                let few = Target::named("few").with_policy(Policy::new().max_concurrent(1));
                let offloaded = Target::named("offloaded");
                runtime.run(move || {
                    let sleep = || sortie_natives::nanosleep(1_000_000);
                    for _ in 0..2 {
                        native::call_here(&few, sleep);
                        native::offload(&offloaded, sleep);
                    }
                    sortie::task::scope(|s| {
                        s.spawn(|| native::call_here(&few, || 1)).join().unwrap()
                    });
                });
            });
        },
    );
}

/// It goes on on another thread, and writes nothing down where it was before: another call has begun there.
#[test]
fn one_that_waits_when_a_task_leaves() {
    const LONG: Duration = Duration::from_millis(100);
    static WAITS: AtomicBool = AtomicBool::new(false);
    static GOES_ON: Semaphore = Semaphore::new(1);
    let waits = || {
        WAITS.store(true, Ordering::SeqCst);
        drop(GOES_ON.acquire());
    };
    // Of one call, on its way out.
    doing("target=\"0x5018\" layers=R0 U", waits, || {
        each_of(&[1], &[Mode::Migrating], |runtime| {
            let blocks = Target::named("blocks");
            let permit = GOES_ON.acquire();
            let leaves = runtime.spawn(|| {
                transition::leave(0x5018).unwrap();
                transition::enter().unwrap();
            });
            until("it waits", || WAITS.load(Ordering::SeqCst));
            let (gate, inside) = (Arc::new(Gate::new()), Arc::new(AtomicBool::new(false)));
            let blocked = runtime.spawn({
                let (gate, inside) = (gate.clone(), inside.clone());
                move || {
                    native::call_here(&blocks, || {
                        inside.store(true, Ordering::SeqCst);
                        gate.wait();
                    });
                }
            });
            until("the thread is in native code", || inside.load(Ordering::SeqCst));
            let since = Instant::now();
            until("that is long ago", || since.elapsed() > LONG);
            drop(permit);
            leaves.join().unwrap();
            let rows = runtime.snapshot().targets;
            let row = rows.iter().find(|row| row.symbol.as_deref() == Some("blocks")).unwrap();
            assert!(row.longest_running >= Some(LONG), "{row:?}");
            gate.open();
            blocked.join().unwrap();
        });
    });
}

/// It would take what the step needs that goes on behind the event.
#[test]
fn one_that_takes_a_foreign_thread_elsewhere() {
    static OTHER: Mutex<Option<Handle>> = Mutex::new(None);
    thread_local!(static IS_FOREIGN: Cell<bool> = const { Cell::new(false) });
    let leaves = || {
        if IS_FOREIGN.get() {
            let other = OTHER.lock().unwrap().clone().expect("while the test runs");
            let refused = other.attach();
            assert!(matches!(refused, Err(TransitionError::NotOwner { .. })), "{refused:?}");
        }
    };
    doing("hand-off", leaves, || {
        let other = Runtime::builder().workers(1).build().unwrap();
        // Its stacks are there before any is counted.
        other.run(|| ());
        *OTHER.lock().unwrap() = Some(other.handle());
        each(|runtime| {
            let handle = runtime.handle();
            let foreign = std::thread::spawn(move || {
                IS_FOREIGN.set(true);
                handle.attach().unwrap();
                for _ in 0..3 {
                    assert_eq!(
                        native::try_callback(|| panic!("as the test wants")),
                        Ok(None::<()>)
                    );
                    assert_eq!(native::try_callback(|| ()), Ok(None), "the panic is kept");
                }
                assert_eq!(transition::layers(), [Layer::NativeBase]);
            });
            foreign.join().unwrap();
        });
        *OTHER.lock().unwrap() = None;
    });
}

/// Nobody is told that a panic was lost, for an abort is none: it is raised again where the task waits next.
#[test]
fn one_that_is_told_of_panics_which_cannot_be_heard() {
    static IS_TOLD: AtomicBool = AtomicBool::new(false);
    static WAITS: AtomicBool = AtomicBool::new(false);
    static NEVER: Semaphore = Semaphore::new(0);
    let called_back = |f: fn()| {
        catch_unwind(|| {
            let _native = NativeScope::new(0x5017).unwrap();
            native::callback((), f);
            panic!("as the test wants");
        })
        .unwrap_err();
    };
    let is_told = || IS_TOLD.store(true, Ordering::SeqCst);
    doing("cannot be heard", is_told, || {
        each(|runtime| {
            WAITS.store(false, Ordering::SeqCst);
            let task = runtime.spawn(move || {
                called_back(|| {
                    WAITS.store(true, Ordering::SeqCst);
                    drop(NEVER.acquire());
                });
                sortie::yield_now();
            });
            until("it waits", || WAITS.load(Ordering::SeqCst));
            task.abort();
            assert!(task.join().unwrap_err().is_aborted());
            assert!(!IS_TOLD.swap(false, Ordering::SeqCst), "of an abort");
            runtime.run(move || called_back(|| panic!("as the test wants")));
            assert!(IS_TOLD.swap(false, Ordering::SeqCst), "of a panic");
        });
    });
}

fn wait_natively() {
    static WAITS: Target = Target::named("waits");
    native::call_here(&WAITS, || sortie_natives::nanosleep(5_000_000));
}

/// A library whose initialiser waits holds the loader up, and no worker: what the monitor tells of names functions without
/// asking the loader.
#[test]
fn one_that_writes_names_while_a_library_is_loaded() {
    static RETAKES: AtomicUsize = AtomicUsize::new(0);
    let count = || _ = RETAKES.fetch_add(1, Ordering::Relaxed);
    // Only the loader has a name for it.
    let target: &Target = Box::leak(Box::new(Target::new(libc::getppid as *const () as usize)));
    let test = |runtime: &sortie_test::Running<'_>| {
        // Threads that no other call needs by now: while an initialiser runs the loader lets none begin.
        let calls: Vec<_> = (0..8).map(|_| runtime.spawn(wait_natively)).collect();
        calls.into_iter().for_each(|call| call.join().unwrap());
        // Short until now, so it is the monitor who takes the worker.
        runtime.run(|| (0..5_000).for_each(|_| native::call_here(target, || ())));
        let (mut begun, begins) = pipe().unwrap();
        let (goes_on, mut go_on) = pipe().unwrap();
        let source = format!(
            "#include <unistd.h>\n\
             __attribute__((constructor)) static void wait_in_the_loader(void) {{\n\
                 char byte = 0;\n\
                 if (write({}, &byte, 1) != 1 || read({}, &byte, 1) != 1) _exit(1);\n\
             }}\n",
            begins.as_raw_fd(),
            goes_on.as_raw_fd(),
        );
        let workshop = tempfile::tempdir().unwrap();
        let object = workshop.path().join("libwaits.so");
        let object = sortie_natives::compile(&object, &source, &[]);
        thread::scope(|threads| {
            threads.spawn(|| {
                // SAFETY: its initialiser uses two pipes that are open until it has ended.
                let library = unsafe { Library::open(object.to_str().unwrap()) };
                library.unwrap();
            });
            begun.read_exact(&mut [0]).unwrap();
            let gate = Arc::new(Gate::new());
            runtime.run(move || {
                let opens = gate.clone();
                let behind = sortie::spawn(move || opens.open());
                native::call_here(target, || gate.wait());
                behind.join().unwrap();
            });
            go_on.write_all(&[0]).unwrap();
        });
    };
    doing("retake", count, || each_of(&[1], &MODES, test));
    assert!(RETAKES.load(Ordering::Relaxed) > 0, "the monitor has told of none");
}
