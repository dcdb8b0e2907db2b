//! Mutants of the hook of a native call.

use super::Mutant;

const HOOK: &str = "task/hook.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "hook_open_without_fence",
        file: HOOK,
        from: "self.word.store(OPEN, Ordering::Release);
        // ORDERING(hook.abort): SeqCst, between the store and the task's look at the abort; pairs with the
        // fence in `claim`.
        fence(Ordering::SeqCst);",
        to: "self.word.store(OPEN, Ordering::Release);",
    },
    Mutant {
        name: "hook_claim_without_fence",
        file: HOOK,
        from: "with the fence in `open`.
        fence(Ordering::SeqCst);",
        to: "",
    },
    Mutant {
        name: "hook_open_relaxed",
        file: HOOK,
        from: "self.word.store(OPEN, Ordering::Release);
        // ORDERING(hook.abort): SeqCst, between the store and the task's look at the abort; pairs with the
        // fence in `claim`.
        fence(Ordering::SeqCst);",
        to: "self.word.store(OPEN, Ordering::Relaxed);",
    },
    Mutant {
        name: "hook_claim_relaxed",
        file: HOOK,
        from: "with the fence in `open`.
        fence(Ordering::SeqCst);
        // ORDERING(hook.word): Acquire, pairs with the Release in `open`, and in `finish` of who has run
        // the same hook before.
        self.word.compare_exchange(OPEN, HOOKING, Ordering::Acquire, Ordering::Relaxed).ok()?;",
        to: "
        self.word.compare_exchange(OPEN, HOOKING, Ordering::Relaxed, Ordering::Relaxed).ok()?;",
    },
    Mutant {
        name: "hook_claim_by_load_and_store",
        file: HOOK,
        from: "self.word.compare_exchange(OPEN, HOOKING, Ordering::Acquire, Ordering::Relaxed).ok()?;",
        to: "if self.word.load(Ordering::Acquire) != OPEN {
            return None;
        }
        self.word.store(HOOKING, Ordering::Relaxed);",
    },
    Mutant {
        name: "hook_finish_relaxed",
        file: HOOK,
        from: "self.word.swap(CLOSED, Ordering::Release)",
        to: "self.word.swap(CLOSED, Ordering::Relaxed)",
    },
    Mutant {
        name: "hook_finish_wakes_nobody",
        file: HOOK,
        from: "futex::wake_one(&self.word);",
        to: "",
    },
    Mutant {
        name: "hook_finish_again_relaxed",
        file: HOOK,
        from: ".compare_exchange(HOOKING, OPEN, Ordering::Release, Ordering::Relaxed)",
        to: ".compare_exchange(HOOKING, OPEN, Ordering::Relaxed, Ordering::Relaxed)",
    },
    Mutant {
        name: "hook_finish_again_forgets_the_waiter",
        file: HOOK,
        from: "&& self
                .word
                .compare_exchange(HOOKING, OPEN, Ordering::Release, Ordering::Relaxed)
                .is_ok()",
        to: "&& self.word.swap(OPEN, Ordering::Release) != CLOSED",
    },
    Mutant {
        name: "hook_close_does_not_wait",
        file: HOOK,
        from: "Err(_) => self.await_hook(),",
        to: "Err(_) => return,",
    },
    Mutant {
        name: "hook_close_by_load_and_store",
        file: HOOK,
        from: "self.word.compare_exchange(OPEN, CLOSED, Ordering::Acquire, Ordering::Acquire);",
        to: "match self.word.load(Ordering::Acquire) {
                OPEN => {
                    self.word.store(CLOSED, Ordering::Relaxed);
                    Ok(OPEN)
                }
                other => Err(other),
            };",
    },
    Mutant {
        name: "hook_close_overlooks_what_was_done",
        file: HOOK,
        from: "self.word.compare_exchange(OPEN, CLOSED, Ordering::Acquire, Ordering::Acquire);",
        to: "self.word.compare_exchange(OPEN, CLOSED, Ordering::Acquire, Ordering::Relaxed);",
    },
    Mutant {
        name: "hook_close_overlooks_what_may_be_done_again",
        file: HOOK,
        from: "self.word.compare_exchange(OPEN, CLOSED, Ordering::Acquire, Ordering::Acquire);",
        to: "self.word.compare_exchange(OPEN, CLOSED, Ordering::Relaxed, Ordering::Acquire);",
    },
];
