//! The pieces, timed one by one: for people who tune.
//!
//! `cargo bench --bench pieces` measures; `cargo test --benches` runs each once, so that they cannot rot. Whole
//! workloads, as `docs` report them, are measured by `sortie bench`; instructions are counted by the bench
//! `instructions`.

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use sortie::native::{self, Class, Policy, Target};
use sortie::sync::Semaphore;
use sortie::{Runtime, transition};
use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Tasks that are queued at a time.
const BATCH: u64 = 256;

/// SAFETY: [`nop`] needs no more stack than for its return address, and calls nobody.
const LEAF: Policy = unsafe { Policy::new().task_stack(1024) };

static LEARNED: Target = Target::named("nop");
static SHORT: Target = Target::named("nop, short").with_policy(LEAF.class(Class::Short));
static MIXED: Target = Target::named("nop, mixed").with_policy(LEAF.class(Class::Mixed));

#[inline(never)]
extern "C" fn nop(x: i32) -> i32 {
    black_box(x) + 1
}

fn runtime(workers: usize) -> Runtime {
    Runtime::builder().workers(workers).build().expect("a runtime")
}

/// Times `n` rounds of `f` inside one task, so that neither the task nor its join is counted.
fn inside(runtime: &Runtime, n: u64, f: fn()) -> Duration {
    runtime.run(move || {
        let start = Instant::now();
        (0..n).for_each(|_| f());
        start.elapsed()
    })
}

fn switches(bench: &mut Bencher<'_>) {
    bench.iter_custom(|n| {
        sortie_scheduler::bench::switches(n.div_ceil(2)).expect("a fiber's stack")
    });
}

/// A worker's deque by itself: what its owner does, and what a thief does.
fn queue(criterion: &mut Criterion) {
    criterion.bench_function("queue: push and pop", |bench| {
        bench.iter_custom(sortie_scheduler::bench::pushes_and_pops);
    });
    criterion.bench_function("steal: a task of a batch", |bench| {
        bench.iter_custom(sortie_scheduler::bench::steals);
    });
}

fn on_one_worker(criterion: &mut Criterion) {
    criterion.bench_function("switch", switches);
    let runtime = runtime(1);
    let mut piece = |name: &str, f: fn()| {
        criterion.bench_function(name, |bench| bench.iter_custom(|n| inside(&runtime, n, f)));
    };
    piece("yield, alone", sortie::yield_now);
    piece("spawn and join", || sortie::spawn(|| ()).join().expect("a task that ends"));
    piece("plain call", || {
        black_box(nop(black_box(1)));
    });
    piece("call of a learned function", || {
        black_box(native::call_here(&LEARNED, || nop(black_box(1))));
    });
    piece("call, mode A", || {
        black_box(native::call_here(&SHORT, || nop(black_box(1))));
    });
    piece("call, mode C", || {
        black_box(native::call_here(&MIXED, || nop(black_box(1))));
    });
    piece("leave and enter", || {
        transition::leave(1).expect("in managed code");
        black_box(nop(black_box(1)));
        transition::enter().expect("in native code");
    });
}

/// With another task that has a part in it, which ends when the first does.
fn with_another(criterion: &mut Criterion) {
    let runtime = runtime(1);
    criterion.bench_function("yield to another", |bench| {
        bench.iter_custom(|n| runtime.run(move || yield_by_turns(n)));
    });
    criterion.bench_function("wake another and wait for it", |bench| {
        bench.iter_custom(|n| runtime.run(move || wake_by_turns(n)));
    });
    criterion.bench_function("spawn many and join them, a task each", |bench| {
        bench.iter_custom(|n| runtime.run(move || spawn_many(n)));
    });
}

fn yield_by_turns(n: u64) -> Duration {
    let is_over = Arc::new(AtomicBool::new(false));
    let its = is_over.clone();
    let other = sortie::spawn(move || {
        // ORDERING: Relaxed, the flag publishes nothing but itself.
        while !its.load(Ordering::Relaxed) {
            sortie::yield_now();
        }
    });
    let start = Instant::now();
    // Each is two: that of the other too.
    (0..n.div_ceil(2)).for_each(|_| sortie::yield_now());
    let took = start.elapsed();
    // ORDERING: Relaxed, as above.
    is_over.store(true, Ordering::Relaxed);
    other.join().expect("a task that only yields does not fail");
    took
}

fn wake_by_turns(n: u64) -> Duration {
    let gates = Arc::new([const { Semaphore::new(1) }; 2]);
    gates.iter().for_each(|gate| gate.acquire().forget());
    let its = gates.clone();
    let turns = n.div_ceil(2);
    let other = sortie::spawn(move || {
        for _ in 0..turns {
            its[0].acquire().forget();
            its[1].release();
        }
    });
    let start = Instant::now();
    for _ in 0..turns {
        gates[0].release();
        gates[1].acquire().forget();
    }
    let took = start.elapsed();
    other.join().expect("a task that only waits does not fail");
    took
}

/// Tasks that are queued together, and run when this one lets them.
fn spawn_many(n: u64) -> Duration {
    let start = Instant::now();
    for _ in 0..n.div_ceil(BATCH) {
        let tasks: Vec<_> = (0..BATCH).map(|_| sortie::spawn(|| ())).collect();
        tasks.into_iter().for_each(|it| it.join().expect("a task that ends"));
    }
    start.elapsed()
}

/// A worker that has tasks and does not run them, and one that has none.
fn steal(criterion: &mut Criterion) {
    let runtime = runtime(2);
    criterion.bench_function("steal a task and run it", |bench| {
        bench.iter_custom(|n| runtime.run(move || have_stolen(n)));
    });
}

fn have_stolen(n: u64) -> Duration {
    let done = Arc::new(AtomicU64::new(0));
    let mut spawned = 0;
    let mut took = Duration::ZERO;
    while spawned < n {
        let tasks: Vec<_> = (0..BATCH.min(n - spawned))
            .map(|_| {
                let done = done.clone();
                sortie::spawn(move || {
                    // ORDERING: Relaxed, a count that publishes nothing.
                    done.fetch_add(1, Ordering::Relaxed);
                })
            })
            .collect();
        spawned += tasks.len() as u64;
        let start = Instant::now();
        // ORDERING: Relaxed, as above. This task keeps its worker.
        while done.load(Ordering::Relaxed) < spawned {
            spin_loop();
        }
        took += start.elapsed();
        tasks.into_iter().for_each(|it| it.join().expect("a task that counts does not fail"));
    }
    took
}

criterion_group!(benches, queue, on_one_worker, with_another, steal);
criterion_main!(benches);
