//! Who is ready runs soon: beside a load that leaves a fifth of the time, and beside tasks that always yield.

use sortie::native::{self, Target};
use sortie::sync::Event;
use sortie::time;
use sortie::{Runtime, transition};
use sortie_test::busy::Busy;
use sortie_test::figures::{Delays, bound, short_or_soak, within};
use sortie_test::{Case, Mode, exclusively};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A woken task with two workers at 80 % load, at p99.
const WOKEN: Duration = Duration::from_micros(50);
/// Anything that becomes ready beside two tasks that always yield.
const BESIDE_YIELDS: Duration = Duration::from_millis(1);

/// What a task of the load does between two sleeps, and for how long it then sleeps.
const WORK: Duration = Duration::from_micros(5);
const SLEEPS: std::ops::Range<u64> = 100..300;
const LOAD: usize = 64;

static NANOSLEEP: Target = Target::named("nanosleep");
static READ: Target = Target::named("read");

fn compute(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// `LOAD` tasks that compute and sleep: each needs a fortieth of a processor, all need 80 % of two. They begin in pairs, of
/// which each waits for the other without a switch: who stays where it begins is one of as many there as here.
#[test]
fn a_woken_task_beside_a_load() {
    for mode in [Mode::Pinned, Mode::Migrating] {
        exclusively(&Case::new(2, mode), |case| {
            let runtime = case.watched(case.runtime());
            let stop = Arc::new(AtomicBool::new(false));
            let pairs: Arc<[Meeting]> = (0..LOAD / 2).map(|_| Meeting::default()).collect();
            let load: Vec<_> = (0..LOAD as u64)
                .map(|seed| {
                    let (stop, pairs) = (stop.clone(), pairs.clone());
                    runtime.spawn(move || {
                        pairs[seed as usize / 2].meet();
                        let mut random = fastrand::Rng::with_seed(seed);
                        while !stop.load(Ordering::Relaxed) {
                            compute(WORK);
                            time::sleep(Duration::from_micros(random.u64(SLEEPS)));
                        }
                    })
                })
                .collect();
            within("a woken task beside 80 % load, p99", bound(WOKEN), || {
                let count = short_or_soak(1_000, 20_000);
                runtime.run(move || wake_each_other(count)).percentile(99)
            });
            stop.store(true, Ordering::Relaxed);
            load.into_iter().for_each(|task| task.join().unwrap());
        });
    }
}

/// Two who meet are on two threads.
#[derive(Default)]
struct Meeting(AtomicU64);

impl Meeting {
    fn meet(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        while self.0.load(Ordering::Relaxed) < 2 {
            std::hint::spin_loop();
        }
    }
}

/// One task wakes another, again and again, and the other tells how long after it ran.
fn wake_each_other(count: usize) -> Delays {
    let start = Instant::now();
    let woken = Arc::new((Event::auto(), AtomicU64::new(0)));
    let ready = Arc::new(Event::auto());
    ready.set();
    let sleeper = {
        let (woken, ready) = (woken.clone(), ready.clone());
        sortie::spawn(move || {
            let mut delays = Delays::new();
            for _ in 0..count {
                woken.0.wait();
                let at = Duration::from_nanos(woken.1.load(Ordering::Acquire));
                delays.add(start.elapsed() - at);
                ready.set();
            }
            delays
        })
    };
    for _ in 0..count {
        ready.wait();
        // It waits again by then, and this task has let others have turns.
        time::sleep(Duration::from_micros(150));
        woken.1.store(start.elapsed().as_nanos() as u64, Ordering::Release);
        woken.0.set();
        // As a task that goes on with its work.
        compute(WORK);
    }
    sleeper.join().unwrap()
}

#[test]
fn whatever_is_ready_beside_tasks_that_always_yield() {
    // On two workers also two in all: each yields alone there, and never switches.
    for (workers, always_yield) in [(1, 2), (2, 2), (2, 4)] {
        for mode in [Mode::Pinned, Mode::Migrating] {
            beside_yields(&Case::new(workers, mode), always_yield);
        }
    }
}

fn beside_yields(case: &Case, always_yield: usize) {
    exclusively(case, |case| {
        let runtime = case.watched(case.runtime());
        let busy = Busy::start_with(&runtime, always_yield, sortie::yield_now);
        let count = short_or_soak(100, 5_000);
        for (what, measure) in [
            ("a task from outside", from_outside as fn(&Runtime) -> Duration),
            ("a sleep", after_a_sleep),
            ("a return from native code", back_from_native_code),
            ("a read of what a thread has written", after_a_read),
            ("a thread that comes in", from_another_thread),
            ("a pinned task that is woken", woken_by_a_thread),
        ] {
            within(
                &format!("{what} beside {always_yield} tasks that yield, p99"),
                bound(BESIDE_YIELDS),
                || {
                    let mut delays = Delays::new();
                    (0..count).for_each(|_| delays.add(measure(&runtime)));
                    delays.percentile(99)
                },
            );
        }
        busy.end();
    });
}

fn from_outside(runtime: &Runtime) -> Duration {
    let start = Instant::now();
    runtime.spawn(move || start.elapsed()).join().unwrap()
}

fn after_a_sleep(runtime: &Runtime) -> Duration {
    const SLEEP: Duration = Duration::from_millis(1);
    let late = || {
        let start = Instant::now();
        time::sleep(SLEEP);
        start.elapsed() - SLEEP
    };
    runtime.spawn(late).join().unwrap()
}

/// From when the function returns until the task goes on.
fn back_from_native_code(runtime: &Runtime) -> Duration {
    let call = || {
        let returned = native::call(&NANOSLEEP, || {
            let time = libc::timespec { tv_sec: 0, tv_nsec: 200_000 };
            // SAFETY: the time lives across the call, and none is asked for that is left.
            unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
            Instant::now()
        });
        returned.elapsed()
    };
    runtime.spawn(call).join().unwrap()
}

/// From when a thread writes until the task that reads, in native code, goes on.
fn after_a_read(runtime: &Runtime) -> Duration {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let start = Instant::now();
    let (begin, begun) = std::sync::mpsc::channel();
    let read = move || {
        let mut at = [0_u8; 8];
        begin.send(()).unwrap();
        let bytes = native::call(&READ, || {
            // SAFETY: the buffer lives across the call, and is as long as it says.
            unsafe { libc::read(reader.as_raw_fd(), at.as_mut_ptr().cast(), at.len()) }
        });
        assert_eq!(bytes, 8);
        start.elapsed() - Duration::from_nanos(u64::from_ne_bytes(at))
    };
    let task = runtime.spawn(read);
    begun.recv().unwrap();
    // It mostly waits by then for what is written. Who has just slept is not about to lose its processor.
    std::thread::sleep(Duration::from_micros(300));
    writer.write_all(&(start.elapsed().as_nanos() as u64).to_ne_bytes()).unwrap();
    task.join().unwrap()
}

/// From when a thread asks to run managed code until it does.
fn from_another_thread(runtime: &Runtime) -> Duration {
    let handle = runtime.handle();
    let visit = move || {
        let start = Instant::now();
        handle.reverse_enter().expect("the runtime is open");
        let waited = start.elapsed();
        transition::reverse_leave().expect("it is inside");
        waited
    };
    std::thread::spawn(visit).join().unwrap()
}

/// A task that has started stays on its carrier, unless it may move; a thread wakes it.
fn woken_by_a_thread(runtime: &Runtime) -> Duration {
    let (waits, woken) = (Arc::new(Event::auto()), Arc::new(Event::auto()));
    let at = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let task = {
        let (waits, woken, at) = (waits.clone(), woken.clone(), at.clone());
        runtime.spawn(move || {
            waits.set();
            woken.wait();
            start.elapsed() - Duration::from_nanos(at.load(Ordering::Acquire))
        })
    };
    waits.wait();
    at.store(start.elapsed().as_nanos() as u64, Ordering::Release);
    woken.set();
    task.join().unwrap()
}
