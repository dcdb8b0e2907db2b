//! A stack that the kernel refuses is an error of the task that it was for; nobody else notices, and nothing is
//! left of the attempt.

use sortie::task::Builder;
use sortie_test::{Case, child, exclusively, leaks, limits};
use std::error::Error;
use std::sync::mpsc::channel;
use std::time::Duration;

/// Each stack is a mapping of its own: a slab has no more bytes than this.
const STACK_BYTES: usize = 256 << 20;

/// Fewer with AddressSanitizer, which writes an eighth of each stack to say that it may be used: 32 MiB that stay.
const STACKS: u64 = if cfg!(feature = "sanitizer") { 20 } else { 500 };

/// Abuse test 35: the kernel refuses the first stack, and after it was had the second, and so on to the 500th.
#[test]
fn each_may_be_refused() {
    child::each("each_may_be_refused", &["1 Pinned", "2 Migrating"], |name| {
        exclusively(&Case::named(name), |case| {
            let before = leaks::slabs();
            let runtime = case.builder().stack_bytes(STACK_BYTES).build().unwrap();
            let (send, suspended) = channel();
            let mut tasks = Vec::new();
            for k in 1..=STACKS {
                limits::allow_address_space(Some(STACK_BYTES / 2));
                let refused = runtime.spawn(|| ()).join();
                limits::allow_address_space(None);
                let error = refused.expect_err("there was no memory for a stack");
                assert!(error.to_string().contains("no stack could be had"), "{k}: {error}");
                assert!(error.source().is_some());
                let send = send.clone();
                tasks.push(runtime.spawn(move || {
                    send.send(()).unwrap();
                    sortie::sleep(Duration::MAX);
                }));
                suspended.recv().unwrap();
                assert!(leaks::slabs() > before || !leaks::slabs_are_told());
            }
            let snapshot = runtime.snapshot();
            assert_eq!(snapshot.tasks_live(), STACKS);
            assert!(snapshot.stacks_out as u64 >= STACKS, "{snapshot:?}");
            tasks.iter().for_each(|task| task.abort());
            for task in tasks {
                assert!(task.join().unwrap_err().is_aborted());
            }
            let report = runtime.shutdown(Duration::from_secs(20));
            assert!(report.is_clean(), "{report}");
            println!("{name}: refused {STACKS} times, {STACKS} stacks had");
        });
    });
}

/// One of a task's own size: it is an error of the task's, or of who reserves.
#[test]
fn one_of_its_own_may_be_refused() {
    const HUGE: usize = 1 << 30;
    child::each("one_of_its_own_may_be_refused", &["1 Pinned", "2 Migrating"], |name| {
        exclusively(&Case::named(name), |case| {
            let runtime = case.runtime();
            let handle = runtime.handle();
            runtime.spawn(|| ()).join().unwrap();
            let before = leaks::slabs();
            limits::allow_address_space(Some(HUGE / 2));
            for _ in 0..100 {
                let huge = Builder::new().stack_bytes(HUGE);
                let error = huge.spawn_on(&handle, || unreachable!("no stack")).join().unwrap_err();
                assert!(error.to_string().contains("no stack could be had"), "{error}");
                assert!(error.source().is_some());
                let error = handle.reserve_stack(HUGE).unwrap_err();
                assert!(error.to_string().contains("ulimit -v"), "{error}");
            }
            assert_eq!(leaks::slabs(), before);
            // Others are had meanwhile.
            Builder::new().stack_bytes(1 << 20).spawn_on(&handle, || ()).join().unwrap();
            limits::allow_address_space(None);
            Builder::new().stack_bytes(HUGE).spawn_on(&handle, || ()).join().unwrap();
            for bytes in [0, HUGE + 1] {
                let error = Builder::new().stack_bytes(bytes).spawn_on(&handle, || ()).join();
                let error = error.unwrap_err();
                assert!(error.to_string().contains("expected 1 byte to 1 GiB"), "{error}");
            }
            let report = runtime.shutdown(Duration::from_secs(10));
            assert!(report.is_clean(), "{report}");
        });
    });
}
