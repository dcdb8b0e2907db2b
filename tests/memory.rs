//! What very many suspended tasks cost, and that a spike of them leaves nothing of that behind.
//!
//! `SORTIE_SOAK=1 cargo test --release --test memory -- --nocapture` has a million, 100,000 inside callbacks, and a
//! spike of a million.
//! Each case is a process of its own: what the allocator kept for one is not counted for the other.

use sortie::Runtime;
use sortie::native::{self, Callbacks, Class, Policy, Target};
use sortie_test::figures::short_or_soak;
use sortie_test::memory::Memory;
use sortie_test::{Case, Mode, child, exclusively, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn runtime(case: &Case) -> Runtime {
    case.builder().stack_bytes(64 << 10).build().unwrap()
}

/// So many tasks, each suspended; until `open` says that they may end.
fn suspend(runtime: &Runtime, tasks: u64, open: &Arc<sortie::sync::Event>) {
    let waiting = Arc::new(AtomicU64::new(0));
    for _ in 0..tasks {
        let (waiting, open) = (waiting.clone(), open.clone());
        drop(runtime.spawn(move || {
            waiting.fetch_add(1, Ordering::Relaxed);
            open.wait();
        }));
    }
    until("all wait", || waiting.load(Ordering::Relaxed) == tasks);
    until("all are suspended", || runtime.snapshot().idle_workers == runtime.snapshot().workers);
}

/// Abuse tests 32 and 36.
#[test]
fn suspended_tasks_take_few_mappings_and_little_memory() {
    child::each("suspended_tasks_take_few_mappings_and_little_memory", &[""], |_| {
        exclusively(&Case::new(2, Mode::Migrating), |case| {
            let tasks = short_or_soak(30_000, 1_000_000);
            let runtime = runtime(case);
            let open = Arc::new(sortie::sync::Event::manual());
            let before = Memory::now();
            suspend(&runtime, tasks, &open);
            let now = Memory::now();
            let each = (now.resident - before.resident) / tasks;
            let mappings = now.mappings - before.mappings;
            let pages = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
            println!(
                "{tasks} suspended tasks: {mappings} mappings, {each} bytes resident for each"
            );
            println!("transparent huge pages: {}", pages.unwrap_or_default().trim());
            assert!(mappings < 10_000, "{mappings} mappings");
            assert!(each < 10 << 10, "{each} bytes for each task");
            open.set();
            let report = runtime.shutdown(Duration::from_secs(60));
            assert!(report.is_clean(), "{report}");
        });
    });
}

/// Each has two stacks: its own, and that of the native code which calls back. With the guard that is there if nothing is
/// said, and with the least.
#[test]
fn tasks_that_are_suspended_in_callbacks_take_little_memory() {
    // SAFETY: `callback.c` keeps everything on its stack.
    const SUSPEND: Policy = unsafe { Policy::new().callbacks(Callbacks::Suspend) };
    static SUSPENDS: Target =
        Target::named("natives_call_back").with_policy(SUSPEND.class(Class::Short));
    const TEST: &str = "tasks_that_are_suspended_in_callbacks_take_little_memory";
    child::each(TEST, &["guards of 256 KiB", "guards of a page"], |guards| {
        exclusively(&Case::new(2, Mode::Pinned), |case| {
            let tasks = short_or_soak(5_000, 100_000);
            let mut builder = case.builder().stack_bytes(64 << 10).callback_stack_bytes(64 << 10);
            if guards == "guards of a page" {
                // SAFETY: `callback.c` has small frames.
                builder = unsafe { builder.callback_guard_bytes(1) };
            }
            let runtime = builder.build().unwrap();
            let open = Arc::new(sortie::sync::Event::manual());
            let inside = Arc::new(AtomicU64::new(0));
            let before = Memory::now();
            for _ in 0..tasks {
                let (inside, open) = (inside.clone(), open.clone());
                drop(runtime.spawn(move || {
                    let wait = |_| {
                        native::callback(-1, || {
                            inside.fetch_add(1, Ordering::Relaxed);
                            open.wait();
                            0
                        })
                    };
                    native::call_here(&SUSPENDS, || sortie_natives::with_callback(1, wait));
                }));
            }
            until("all are inside", || inside.load(Ordering::Relaxed) == tasks);
            let is_idle = || runtime.snapshot().idle_workers == runtime.snapshot().workers;
            until("all are suspended", is_idle);
            let each = (Memory::now().sum() - before.sum()) / tasks;
            println!("{tasks} tasks suspended in callbacks, {guards}: {each} bytes for each");
            // What few tasks take counts more for each, and frames of builds that are not optimized take more pages
            // than one a stack.
            let of_many = if guards == "guards of a page" { 9_000 } else { 9_600 };
            let most =
                if cfg!(debug_assertions) { 32 << 10 } else { short_or_soak(10 << 10, of_many) };
            assert!(each < most, "{each} bytes for each task");
            open.set();
            let report = runtime.shutdown(Duration::from_secs(60));
            assert!(report.is_clean(), "{report}");
        });
    });
}

/// What was freed and the C library keeps for later is not the runtime's: from here on it keeps little. `malloc_trim`
/// alone leaves what lies at the ends of its arenas but for one, as much as was once freed at a time.
fn give_freed_memory_back() {
    // SAFETY: has no conditions.
    assert_eq!(unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, 128 << 10) }, 1);
}

/// Abuse test 37.
#[test]
fn a_spike_leaves_no_memory_behind() {
    child::each("a_spike_leaves_no_memory_behind", &[""], |_| {
        exclusively(&Case::new(2, Mode::Migrating), |case| {
            let (usual, spike) = short_or_soak((2_000, 40_000), (10_000, 1_000_000));
            give_freed_memory_back();
            let runtime = runtime(case);
            let have = |tasks| {
                let open = Arc::new(sortie::sync::Event::manual());
                suspend(&runtime, tasks, &open);
                let most = Memory::now();
                open.set();
                until("all have ended", || runtime.snapshot().tasks_live() == 0);
                most
            };
            // What was freed and the C library keeps for later is not the runtime's.
            let now = || {
                // SAFETY: has no conditions.
                unsafe { libc::malloc_trim(0) };
                Memory::now()
            };
            have(usual);
            // What it comes to by itself: who has just ended is not counted for it.
            let settling = Instant::now();
            let mut warm = now();
            while settling.elapsed() < Duration::from_millis(2500) {
                std::thread::sleep(Duration::from_millis(20));
                let after = now();
                warm = if after.sum() < warm.sum() { after } else { warm };
            }
            let most = have(spike);
            let start = Instant::now();
            let mut after = now();
            while after.sum() * 10 > warm.sum() * 12 && start.elapsed() < Duration::from_secs(10) {
                std::thread::sleep(Duration::from_millis(20));
                after = now();
            }
            println!(
                "{} KiB after {usual} tasks, {} with {spike}, {} after {:?}",
                warm.sum() >> 10,
                most.sum() >> 10,
                after.sum() >> 10,
                start.elapsed()
            );
            assert!(
                after.sum() * 10 <= warm.sum() * 12,
                "{after:?} after the spike, {warm:?} before"
            );
        });
    });
}
