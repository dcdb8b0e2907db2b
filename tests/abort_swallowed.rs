//! Who catches an abort is asked again, at each further suspension point, and does not keep others from running.

use sortie::task::{Builder, checkpoint, is_abort};
use sortie_test::{Mode, each, each_of, events, until};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

#[test]
fn it_is_raised_at_each_suspension_point() {
    each(|runtime| {
        let caught = Arc::new(AtomicU32::new(0));
        let counts = caught.clone();
        let task = runtime.spawn(move || {
            let waits: [fn(); 4] = [
                || sortie::sleep(Duration::MAX),
                sortie::yield_now,
                checkpoint,
                || drop(sortie::spawn(|| sortie::sleep(Duration::from_millis(1))).join()),
            ];
            for wait in waits.iter().cycle().take(40) {
                let payload = catch_unwind(AssertUnwindSafe(wait)).unwrap_err();
                assert!(is_abort(&*payload));
                counts.fetch_add(1, SeqCst);
            }
            9
        });
        task.abort();
        // The task never ran, or its output is its own.
        match task.join() {
            Ok(output) => assert_eq!((output, caught.load(SeqCst)), (9, 40)),
            Err(error) => assert!(error.is_aborted() && caught.load(SeqCst) == 0, "{error}"),
        }
    });
}

/// On one carrier, with a task that would be starved.
#[test]
fn others_run_in_between() {
    each(|runtime| {
        let (other_ran, began) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (seen, says) = (other_ran.clone(), began.clone());
        let task = runtime.spawn(move || {
            let ran = other_ran.clone();
            // Pinned to this carrier, unless it is stolen before it starts.
            let other = sortie::spawn(move || {
                sortie::yield_now();
                ran.store(true, SeqCst);
            });
            says.store(true, SeqCst);
            let mut caught = 0u64;
            while !seen.load(SeqCst) || caught == 0 {
                let result = catch_unwind(AssertUnwindSafe(|| sortie::sleep(Duration::MAX)));
                caught += u64::from(result.is_err());
            }
            drop(other);
            caught
        });
        until("it runs", || began.load(SeqCst));
        task.abort();
        assert!(task.join().unwrap() > 0);
    });
}

/// The hundred and first is worth a warning that says what to do.
#[test]
fn it_is_warned_of() {
    events::record();
    each_of(&[1], &[Mode::Pinned], |runtime| {
        let began = Arc::new(AtomicBool::new(false));
        let says = began.clone();
        let task = Builder::new().name("catches all").spawn_on(&runtime.handle(), move || {
            says.store(true, SeqCst);
            let catch =
                |_: &u32| catch_unwind(AssertUnwindSafe(|| sortie::sleep(Duration::MAX))).is_err();
            (0..150).filter(catch).count()
        });
        until("it runs", || began.load(SeqCst));
        task.abort();
        assert_eq!(task.join().unwrap(), 150);
        let seen = events::seen();
        let warned = seen.iter().filter(|event| event.text.contains("catches all"));
        let texts: Vec<_> = warned.map(|event| &*event.text).collect();
        assert!(matches!(texts[..], [text] if text.contains("see `is_abort`")), "{seen:?}");
    });
}
