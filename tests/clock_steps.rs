//! The calendar may be set forward and back, as often as one likes: no wait is shorter or longer for it.
//!
//! The test is the program's C library where the clock is asked: whoever asks it for the calendar is told another year
//! each time, and counted.

use sortie::sync::{Condvar, Event, Mutex, Semaphore, channel};
use sortie::time::{interval, timeout};
use sortie_test::{Case, child, exclusively};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

const YEAR: i64 = 365 * 24 * 3600;
const SHORT: Duration = Duration::from_millis(20);
/// Far less than a step, and more than a busy machine takes.
const LONG: Duration = Duration::from_secs(30);

static STEPS: AtomicU64 = AtomicU64::new(0);

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(
    clock: libc::clockid_t,
    time: *mut libc::timespec,
) -> libc::c_int {
    // SAFETY: the caller's time is the kernel's to write.
    let answer = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) };
    if answer == 0 && matches!(clock, libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE) {
        let step = STEPS.fetch_add(1, SeqCst) as i64;
        // SAFETY: it was written just now.
        unsafe { (*time).tv_sec += if step % 2 == 0 { YEAR } else { -YEAR } * (1 + step % 9) };
    }
    answer as libc::c_int
}

/// Each kind of timed wait, with nothing that comes.
fn waits() -> Vec<(&'static str, fn())> {
    vec![
        ("a sleep", || sortie::sleep(SHORT)),
        ("a sleep until", || sortie::time::sleep_until(Instant::now() + SHORT)),
        ("an event", || assert!(!Event::auto().wait_timeout(SHORT))),
        ("a permit", || assert!(Semaphore::new(0).acquire_timeout(SHORT).is_none())),
        ("a condition", || {
            let mutex = Mutex::new(());
            assert!(Condvar::new().wait_for(&mut mutex.lock(), SHORT).timed_out());
        }),
        ("a message", || {
            let (_sender, receiver) = channel::bounded::<u32>(1);
            assert!(receiver.recv_timeout(SHORT).is_err());
        }),
        ("a select", || {
            let (_sender, receiver) = channel::bounded::<u32>(1);
            sortie::select! {
                recv(receiver) -> _ => unreachable!("nobody sends"),
                after(SHORT) => {},
            }
        }),
        ("ticks", || {
            let mut ticks = interval(SHORT / 4);
            (0..5).for_each(|_| _ = ticks.tick());
        }),
    ]
}

fn measure(name: &str, wait: impl FnOnce()) {
    let start = Instant::now();
    wait();
    let took = start.elapsed();
    assert!((SHORT..LONG).contains(&took), "{name} took {took:?}");
}

#[test]
fn no_wait_is_shorter_or_longer() {
    const TEST: &str = "no_wait_is_shorter_or_longer";
    child::each(TEST, &["1 Pinned", "2 Migrating", "8 Pinned", "64 Migrating"], |case| {
        exclusively(&Case::named(case), |case| {
            // The clock does step, for whoever asks it.
            let (first, second) = (SystemTime::now(), SystemTime::now());
            assert!(second < first && STEPS.load(SeqCst) >= 2, "{first:?}, {second:?}");
            let stepped = STEPS.load(SeqCst);
            let runtime = case.runtime();
            let mut tasks = Vec::new();
            for (name, wait) in waits() {
                tasks.push(runtime.spawn(move || measure(name, wait)));
            }
            tasks.push(runtime.spawn(|| {
                measure("a limit", || {
                    timeout(SHORT, || sortie::sleep(Duration::MAX)).unwrap_err();
                });
            }));
            let threads: Vec<_> = waits()
                .into_iter()
                .map(|(name, wait)| thread::spawn(move || measure(name, wait)))
                .collect();
            tasks.into_iter().for_each(|task| task.join().unwrap());
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            let joined = runtime.spawn(|| sortie::sleep(LONG));
            measure("a join", || drop(joined.join_timeout(SHORT).map_err(|task| task.abort())));
            drop(runtime);
            assert_eq!(STEPS.load(SeqCst), stepped, "somebody asks for the calendar");
        });
    });
}
