//! A stack that the kernel refuses is an error of the task that it was for; nobody else notices, and nothing is
//! left of the attempt.

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
