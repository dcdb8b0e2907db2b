//! Mutants of the mailbox.

use super::Mutant;

const MAILBOX: &str = "queue/mailbox.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "mailbox_pushes_relaxed",
        file: MAILBOX,
        from: "task.as_ptr(),
                Ordering::Release,",
        to: "task.as_ptr(),
                Ordering::Relaxed,",
    },
    Mutant {
        name: "mailbox_pushes_by_load_and_store",
        file: MAILBOX,
        from: "match self.newest.compare_exchange_weak(
                newest,
                task.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {",
        to: "self.newest.store(task.as_ptr(), Ordering::Release);
            match Ok::<(), *mut Header>(()) {",
    },
    Mutant {
        name: "mailbox_takes_relaxed",
        file: MAILBOX,
        from: "self.newest.swap(ptr::null_mut(), Ordering::Acquire);
        let end",
        to: "self.newest.swap(ptr::null_mut(), Ordering::Relaxed);
        let end",
    },
];
