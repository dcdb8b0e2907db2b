//! The pieces, timed one by one: for people who tune.
//!
//! `cargo bench` measures; `cargo test --benches` runs each once, so that they cannot rot. Whole
//! workloads, as `docs` report them, are measured by `sortie bench`.

use criterion::{Criterion, criterion_group, criterion_main};
use sortie::native::{self, Target};
use sortie::{Runtime, transition};
use std::hint::black_box;
use std::time::{Duration, Instant};

static NOP: Target = Target::named("nop");

#[inline(never)]
extern "C" fn nop(x: i32) -> i32 {
    black_box(x) + 1
}

/// Times `n` rounds of `f` inside one task, so that neither the task nor its join is counted.
fn inside(runtime: &Runtime, n: u64, f: fn()) -> Duration {
    runtime.run(move || {
        let start = Instant::now();
        (0..n).for_each(|_| f());
        start.elapsed()
    })
}

fn pieces(criterion: &mut Criterion) {
    let runtime = Runtime::builder().workers(1).build().expect("a runtime");
    let mut piece = |name: &str, f: fn()| {
        criterion.bench_function(name, |bench| bench.iter_custom(|n| inside(&runtime, n, f)));
    };
    piece("yield_now, alone", sortie::yield_now);
    piece("spawn and join", || sortie::spawn(|| ()).join().expect("a task that ends"));
    piece("native::call_here", || {
        black_box(native::call_here(&NOP, || nop(black_box(1))));
    });
    piece("leave and enter", || {
        transition::leave(1).expect("in managed code");
        black_box(nop(black_box(1)));
        transition::enter().expect("in native code");
    });
    piece("plain call", || {
        black_box(nop(black_box(1)));
    });
}

criterion_group!(benches, pieces);
criterion_main!(benches);
