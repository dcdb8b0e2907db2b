//! Calls each function of the library in a task, again and again, and has the task suspended between its
//! two looks: `pinned`, where it goes on on its thread, or `migrating`, where it goes on on the other. Says
//! how often it moved, and how often the second look was at another thread's variable.

use sortie::Runtime;
use sortie_thread_locals::{Look, by_address, by_value, in_a_loop, mark, twice, with_a_destructor};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const ROUNDS: usize = 1_000;

const LOOKS: [(&str, Look); 5] = [
    ("twice", twice),
    ("in_a_loop", in_a_loop),
    ("with_a_destructor", with_a_destructor),
    ("by_value", by_value),
    ("by_address", by_address),
];

/// The number of this thread, from the kernel, which keeps it in no thread-local.
#[inline(never)]
fn thread() -> u64 {
    // SAFETY: has no conditions.
    let thread = unsafe { libc::gettid() };
    u64::try_from(thread).expect("a thread's number")
}

/// Others run, and the task goes on on its thread.
fn stay() {
    drop(sortie::spawn(|| ()));
    sortie::yield_now();
}

/// Others run, and the task goes on on the other thread: another task keeps this one's worker until then.
fn go_elsewhere() {
    let from = thread();
    for _ in 0..1_000 {
        let has_gone_on = Arc::new(AtomicBool::new(false));
        let seen = has_gone_on.clone();
        drop(sortie::spawn(move || {
            while !seen.load(Ordering::SeqCst) {
                std::hint::spin_loop();
            }
        }));
        sortie::yield_now();
        has_gone_on.store(true, Ordering::SeqCst);
        if thread() != from {
            mark(thread());
            return;
        }
        // The other thread has taken the task that was to stay here.
    }
    panic!("the task does not move");
}

fn rounds(look: Look, between: fn()) -> (usize, usize) {
    let (mut moved, mut wrong) = (0, 0);
    for _ in 0..ROUNDS {
        let from = thread();
        mark(from);
        let seen = look(between);
        let to = thread();
        assert_eq!(seen[0], from, "the first look");
        moved += usize::from(from != to);
        wrong += usize::from(seen[1] != to);
    }
    (moved, wrong)
}

fn main() -> Result<(), sortie::BuildError> {
    let migrating = match std::env::args().nth(1).as_deref() {
        Some("pinned") => false,
        Some("migrating") => true,
        _ => panic!("say `pinned` or `migrating`"),
    };
    let builder = Runtime::builder().workers(2);
    let (builder, between): (_, fn()) = if migrating {
        // SAFETY: the promise is broken here, to show what comes of it: an address of an atomic in
        // thread-local storage may be kept over a suspension. Both threads live until all is done, so each
        // address is good, and nothing else of a thread is held.
        (unsafe { builder.migrating() }, go_elsewhere)
    } else {
        (builder, stay)
    };
    let runtime = builder.build()?;
    for (name, look) in LOOKS {
        let (moved, wrong) = runtime.run(move || rounds(look, between));
        println!("{name} {moved} {wrong}");
    }
    Ok(())
}
