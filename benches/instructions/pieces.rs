//! The pieces. Each does so many operations on a runtime of one worker, and what it does beside does not
//! depend on their number.

use sortie::native::{self, Callbacks, Class, Policy, Target};
use sortie::sync::channel;
use sortie::{Runtime, transition};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

pub(crate) struct Piece {
    pub(crate) name: &'static str,
    pub(crate) run: fn(u64),
}

pub(crate) const PIECES: &[Piece] = &[
    Piece { name: "switch", run: switch },
    Piece { name: "yield, alone", run: |ops| inside(ops, sortie::yield_now) },
    Piece { name: "yield", run: take_turns },
    Piece { name: "spawn and join", run: |ops| inside(ops, spawn_and_join) },
    Piece { name: "round trip", run: ask_and_answer },
    Piece { name: "visit", run: visit },
    Piece { name: "call, mode A", run: |ops| inside(ops, call_in_mode_a) },
    Piece { name: "call, mode C", run: |ops| inside(ops, call_in_mode_c) },
    Piece { name: "call, thread's", run: |ops| inside(ops, call_on_threads_stack) },
    Piece { name: "callback", run: |ops| inside(ops, || call_back_from(&SHORT_ON_THREAD)) },
    Piece { name: "callback, susp.", run: |ops| inside(ops, || call_back_from(&SUSPENDING)) },
    Piece { name: "callback, migr.", run: |ops| inside(ops, || call_back_from(&MIGRATING)) },
    Piece { name: "leave and enter", run: leaves_and_enters },
];

/// SAFETY: [`nop`] needs no more stack than for its return address, and calls nobody.
const LEAF: Policy = unsafe { Policy::new().task_stack(1024) };

static SHORT: Target = Target::named("nop, short").with_policy(LEAF.class(Class::Short));
static MIXED: Target = Target::named("nop, mixed").with_policy(LEAF.class(Class::Mixed));
static SHORT_ON_THREAD: Target =
    Target::named("nop, on the thread's stack").with_policy(Policy::new().class(Class::Short));

/// SAFETY: [`call_back`] has nothing but its frame.
const SUSPENDS: Policy = unsafe { Policy::new().callbacks(Callbacks::Suspend) };
/// SAFETY: as above.
const MIGRATES: Policy = unsafe { Policy::new().callbacks(Callbacks::Migrate) };

static SUSPENDING: Target =
    Target::named("nop, suspending").with_policy(SUSPENDS.class(Class::Short));
static MIGRATING: Target =
    Target::named("nop, migrating").with_policy(MIGRATES.class(Class::Short));

#[inline(never)]
extern "C" fn nop(x: i32) -> i32 {
    black_box(x) + 1
}

#[inline(never)]
extern "C" fn call_back(callback: extern "C" fn(i32) -> i32, x: i32) -> i32 {
    callback(black_box(x)) + 1
}

extern "C" fn called_back(x: i32) -> i32 {
    native::callback(0, || x + 1)
}

/// A resume and a suspension.
fn switch(ops: u64) {
    black_box(sortie_scheduler::bench::switches(ops)).expect("a fiber's stack");
}

/// Operations inside of one task.
fn inside(ops: u64, operation: fn()) {
    let runtime = Runtime::builder().workers(1).build().expect("a runtime");
    runtime.run(move || (0..ops).for_each(|_| operation()));
}

/// Each yield runs the other task, which yields back: an operation is both.
fn take_turns(ops: u64) {
    let runtime = Runtime::builder().workers(1).build().expect("a runtime");
    runtime.run(move || {
        let is_over = Arc::new(AtomicBool::new(false));
        let its = is_over.clone();
        let other = sortie::spawn(move || {
            // ORDERING: Relaxed, the flag publishes nothing but itself.
            while !its.load(Ordering::Relaxed) {
                sortie::yield_now();
            }
        });
        (0..ops).for_each(|_| sortie::yield_now());
        // ORDERING: Relaxed, as above.
        is_over.store(true, Ordering::Relaxed);
        other.join().expect("a task that only yields does not fail");
    });
}

fn spawn_and_join() {
    sortie::spawn(|| ()).join().expect("a task that does nothing does not fail");
}

/// A question and its answer, each a message that the other waits for.
fn ask_and_answer(ops: u64) {
    let runtime = Runtime::builder().workers(1).build().expect("a runtime");
    runtime.run(move || {
        let (ask, questions) = channel::bounded(1);
        let (answer, answers) = channel::bounded(1);
        let other = sortie::spawn(move || {
            for question in &questions {
                answer.send(question).expect("the one who asks waits for it");
            }
        });
        for question in 0..ops {
            ask.send(question).expect("the other answers until nobody asks");
            assert_eq!(answers.recv(), Ok(question));
        }
        drop(ask);
        other.join().expect("a task that only answers does not fail");
    });
}

/// A thread that is attached comes in, and goes out.
fn visit(ops: u64) {
    let runtime = Runtime::builder().workers(1).build().expect("a runtime");
    let handle = runtime.handle();
    let visitor = thread::spawn(move || {
        for _ in 0..ops {
            handle.reverse_enter().expect("the runtime is open");
            transition::reverse_leave().expect("it is inside");
        }
    });
    visitor.join().expect("a visitor does not fail");
}

fn call_in_mode_a() {
    black_box(native::call_here(&SHORT, || nop(black_box(1))));
}

fn call_in_mode_c() {
    black_box(native::call_here(&MIXED, || nop(black_box(1))));
}

fn call_on_threads_stack() {
    black_box(native::call_here(&SHORT_ON_THREAD, || nop(black_box(1))));
}

fn call_back_from(target: &'static Target) {
    black_box(native::call_here(target, || call_back(called_back, black_box(1))));
}

/// The class is not left to be learned: valgrind's clock makes a short call a long one now and then.
fn leaves_and_enters(ops: u64) {
    let short = Policy::new().class(Class::Short);
    native::policy::for_address(nop as *const () as usize)
        .set(short)
        .expect("a policy that agrees");
    inside(ops, leave_and_enter);
}

fn leave_and_enter() {
    transition::leave(nop as *const () as usize).expect("in managed code");
    black_box(nop(black_box(1)));
    transition::enter().expect("in native code");
}
