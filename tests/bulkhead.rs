//! No more tasks than the policy says are in a native function at once, and the others take no thread.

use sortie::native::{self, Policy, Target};
use sortie_test::each;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

static FEW: Target = Target::named("few").with_policy(Policy::new().max_concurrent(3));

#[test]
fn tasks_queue_and_threads_do_not() {
    each(|runtime| {
        let inside = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..60)
            .map(|_| {
                let (inside, most) = (inside.clone(), most.clone());
                runtime.spawn(move || {
                    native::call(&FEW, || {
                        let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        sortie_natives::nanosleep(200_000);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    });
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        let most = most.load(Ordering::SeqCst);
        assert!((1..=3).contains(&most), "{most} at once");
        let snapshot = runtime.snapshot();
        // Workers, three calls, and a spare for each of them.
        assert!(snapshot.carriers_started <= snapshot.workers as u64 + 8, "{snapshot:?}");
    });
}

#[test]
fn a_panic_inside_gives_the_place_back() {
    each(|runtime| {
        let tasks: Vec<_> = (0..20)
            .map(|_| runtime.spawn(|| native::call(&FEW, || std::panic::panic_any(()))))
            .collect();
        for task in tasks {
            assert!(task.join().unwrap_err().is_panic());
        }
        runtime.run(|| native::call(&FEW, || ()));
    });
}
