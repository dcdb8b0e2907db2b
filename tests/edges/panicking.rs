//! In destructors, while a task or a thread unwinds.

use super::{joins_and_aborts_work, looks_work, structures_work, waits_work};
use sortie::Handle;
use sortie::task;
use sortie_test::{each, panic_text};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// A destructor that calls everything while its task unwinds, by a panic or by an abort.
struct CallsAll(Arc<AtomicUsize>);

impl Drop for CallsAll {
    fn drop(&mut self) {
        assert!(std::thread::panicking());
        waits_work();
        structures_work();
        assert_eq!(sortie::spawn(|| 8).join().unwrap(), 8);
        let waiting = sortie::spawn(|| sortie::sleep(Duration::MAX));
        waiting.abort();
        assert!(waiting.join().unwrap_err().is_aborted());
        assert_eq!(task::begin_delay_abort(), Ok(()));
        assert_eq!(task::end_delay_abort(), Ok(()));
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn while_it_panics() {
    each(|runtime| {
        let called = Arc::new(AtomicUsize::new(0));
        for abort in [false, true] {
            let calls = CallsAll(called.clone());
            let task = runtime.spawn(move || {
                let _calls = calls;
                if abort {
                    task::abort_current().unwrap();
                }
                panic!("as the test wants");
            });
            let error = task.join().unwrap_err();
            assert_eq!((error.is_aborted(), error.is_panic()), (abort, !abort), "{error}");
        }
        assert_eq!(called.load(SeqCst), 2);
    });
}

/// The same on a plain thread, and on an attached one, which unwinds.
#[test]
fn while_a_thread_panics() {
    struct Calls<'a>(&'a Handle, &'a AtomicUsize);
    impl Drop for Calls<'_> {
        fn drop(&mut self) {
            assert!(std::thread::panicking());
            waits_work();
            joins_and_aborts_work(self.0);
            looks_work(self.0);
            self.1.fetch_add(1, SeqCst);
        }
    }
    each(|runtime| {
        let (handle, called) = (runtime.handle(), AtomicUsize::new(0));
        for attached in [false, true] {
            let text = std::thread::scope(|threads| {
                let (handle, called) = (&handle, &called);
                let thread = threads.spawn(move || {
                    if attached {
                        handle.reverse_enter().unwrap();
                    }
                    let text = panic_text(|| {
                        let _calls = Calls(handle, called);
                        panic!("as the test wants");
                    });
                    if attached {
                        structures_work();
                        sortie::transition::reverse_leave().unwrap();
                    }
                    text
                });
                thread.join().unwrap()
            });
            assert_eq!(text, "as the test wants");
        }
        assert_eq!(called.into_inner(), 2);
    });
}

/// Who aborts itself while it panics has panicked; if it catches that, it is aborted at its next suspension point.
#[test]
fn its_own_abort_while_it_panics() {
    struct Aborts;
    impl Drop for Aborts {
        fn drop(&mut self) {
            task::abort_current().unwrap();
            sortie::yield_now();
        }
    }
    each(|runtime| {
        for catches in [false, true] {
            let task = runtime.spawn(move || {
                let panics = || {
                    let _aborts = Aborts;
                    panic!("as the test wants");
                };
                if catches {
                    assert!(std::panic::catch_unwind(panics).is_err());
                    sortie::yield_now();
                    unreachable!("aborted");
                }
                panics()
            });
            let error = task.join().unwrap_err();
            assert_eq!((error.is_aborted(), error.is_panic()), (catches, !catches), "{error}");
        }
    });
}
