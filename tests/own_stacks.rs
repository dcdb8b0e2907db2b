//! A task that asks for a stack of its own size has it, among tasks that have the runtime's, and gives it back.

use sortie::task::{Builder, Group};
use sortie::{Handle, JoinHandle};
use sortie_test::{Case, each, exclusively};
use std::sync::mpsc::channel;
use std::time::Duration;

/// More than a task has that does not ask, in debug builds too.
const LARGE: usize = 4 << 20;

/// Uses so many bytes of the stack, and more in debug builds.
#[inline(never)]
fn use_bytes(bytes: usize) -> u8 {
    let frame = std::hint::black_box([1u8; 4 << 10]);
    let below = if bytes > frame.len() { use_bytes(bytes - frame.len()) } else { 0 };
    std::hint::black_box(frame[7]).wrapping_add(below)
}

/// Uses most of a large stack.
fn use_large() {
    // The frames of a debug build hold their array twice.
    use_bytes(if cfg!(debug_assertions) { LARGE / 3 } else { LARGE * 3 / 4 });
}

fn spawn_large<T: Send + 'static>(
    runtime: &Handle,
    f: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    Builder::new().stack_bytes(LARGE).spawn_on(runtime, f)
}

#[test]
fn it_is_there_before_and_after_waits() {
    each(|runtime| {
        let handle = runtime.handle();
        let tasks: Vec<_> = (0..20)
            .map(|n| {
                if n % 2 == 0 {
                    return runtime.spawn(sortie::yield_now);
                }
                spawn_large(&handle, || {
                    use_large();
                    sortie::yield_now();
                    sortie::sleep(Duration::from_millis(1));
                    use_large();
                })
            })
            .collect();
        for task in tasks {
            task.join().unwrap();
        }
    });
}

/// Joined before it has run, it runs on top of who joins it, on its own stack.
#[test]
fn it_is_there_on_top_of_a_joiner() {
    each(|runtime| {
        let handle = runtime.handle();
        for waits in [false, true] {
            let its = handle.clone();
            let inner = move || {
                if waits {
                    sortie::yield_now();
                }
                use_large();
            };
            for _ in 0..3 {
                let its = its.clone();
                let outer = move || spawn_large(&its, inner).join().unwrap();
                runtime.spawn(outer).join().unwrap();
            }
        }
    });
}

#[test]
fn it_is_counted_from_the_spawn_to_the_end() {
    each(|runtime| {
        let handle = runtime.handle();
        let stacks = || runtime.snapshot().stacks_mapped_bytes;
        let before = stacks();
        let (send, receive) = channel::<()>();
        let task = spawn_large(&handle, move || sortie::task::current().map(|_| receive.recv()));
        assert!(stacks() >= before + LARGE, "{:?}", runtime.snapshot());
        drop(send);
        task.join().unwrap();
    });
}

/// What has never run gives its stack back, too: the fixture looks.
#[test]
fn it_goes_back_from_tasks_that_never_run() {
    exclusively(&Case::named("2 Pinned"), |case| {
        let runtime = case.runtime();
        let handle = runtime.handle();
        let aborted = spawn_large(&handle, || unreachable!("it was aborted before"));
        aborted.abort();
        let _ = aborted.join();
        let large = Builder::new().stack_bytes(LARGE);
        let group = Group::refusing("one", 1);
        let (send, receive) = channel::<()>();
        let inside = Builder::new().group(&group).spawn_on(&handle, move || receive.recv());
        let refused = large.clone().group(&group).spawn_on(&handle, || ());
        assert!(refused.join().unwrap_err().is_over_limit());
        drop(send);
        let _ = inside.join();
        let reserved = handle.reserve_stack(LARGE).unwrap();
        drop(handle.reserve_stack(LARGE).unwrap());
        let report = runtime.shutdown(Duration::from_secs(10));
        assert!(report.is_clean(), "{report}");
        assert!(large.spawn_on_stack(reserved, || ()).join().unwrap_err().is_shut_down());
        assert!(spawn_large(&handle, || ()).join().unwrap_err().is_shut_down());
        assert_eq!(handle.snapshot().stacks_out, 0);
    });
}

/// Of a runtime that ends while its only worker is busy, what still waits for it.
#[test]
fn it_goes_back_from_tasks_that_the_end_finds_in_a_queue() {
    exclusively(&Case::named("1 Pinned"), |case| {
        let runtime = case.runtime();
        let handle = runtime.handle();
        let (began, is_busy) = channel();
        let (go, may_end) = channel::<()>();
        let busy = runtime.spawn(move || {
            began.send(()).unwrap();
            let _ = may_end.recv();
        });
        is_busy.recv().unwrap();
        let queued = spawn_large(&handle, || unreachable!("its runtime has ended"));
        // At once, before the monitor sends somebody to run it in the busy one's place.
        let report = runtime.shutdown(Duration::ZERO);
        assert_eq!(report.stragglers().len(), 1, "{report}");
        assert!(queued.join().unwrap_err().is_shut_down());
        assert_eq!(handle.snapshot().stacks_out, 1, "the straggler's");
        drop(go);
        let _ = busy.join();
    });
}
