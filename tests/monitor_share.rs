//! The monitor wakes seldom where there are as many processors as workers, whatever these do: a wake-up takes 15 to 50 us,
//! by the machine and the hour, and is nearly all that it costs.
//!
//! ```text
//! SORTIE_SOAK=1 cargo test --release --test monitor_share -- --nocapture
//! ```
//!
//! prints what it takes under each load, on one, two and four workers in both modes.

use sortie::Runtime;
use sortie::native::{self, Class, Policy, Target};
use sortie_test::figures::{cores, is_soak};
use sortie_test::{Case, MODES, exclusively, threads, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long a load is looked at.
const TIME: Duration = Duration::from_secs(1);
/// How often the monitor may wake in that time beside short calls. Naps of 2.5 ms with a second look are 800.
const SELDOM: u64 = 300;
/// The same with a timer each millisecond, or where each call blocks and none may be learned.
const MORE: u64 = 500;

/// Beside other processes the workers get on less briskly for a while.
const ATTEMPTS: u32 = 8;

/// Each of its calls blocks, and it is not learned.
static BLOCKS: Target = Target::named("blocks").with_policy(Policy::new().class(Class::Short));
static SHORT: Target = Target::named("short");
static LONG: Target = Target::named("long");
static ANY: Target = Target::named("any").with_policy(Policy::new().class(Class::Mixed));

/// What so many tasks a worker do again and again.
struct Load {
    name: &'static str,
    tasks: usize,
    turn: fn(u64),
    /// And one sleeps a millisecond at a time.
    has_timer: bool,
    /// How often the monitor may wake, if that is promised.
    most: Option<u64>,
}

const LOADS: [Load; 7] = [
    Load {
        name: "each call blocks 150 us",
        tasks: 8,
        turn: block,
        has_timer: false,
        most: Some(MORE),
    },
    Load { name: "short calls", tasks: 8, turn: call, has_timer: false, most: Some(SELDOM) },
    Load {
        name: "short calls and a timer",
        tasks: 8,
        turn: call,
        has_timer: true,
        most: Some(MORE),
    },
    Load { name: "yields", tasks: 8, turn: |_| (), has_timer: false, most: None },
    Load { name: "calls of 1 to 5 ms", tasks: 32, turn: block_long, has_timer: false, most: None },
    Load { name: "calls of any length", tasks: 16, turn: call_any, has_timer: false, most: None },
    Load {
        name: "a heartbeat beside 20 ms",
        tasks: 32,
        turn: sleep_20,
        has_timer: true,
        most: None,
    },
];

fn block(_: u64) {
    native::call_here(&BLOCKS, || sortie_natives::nanosleep(100_000));
}

fn call(_: u64) {
    for _ in 0..10 {
        native::call_here(&SHORT, || sortie_natives::burn(2_000));
    }
}

fn block_long(turn: u64) {
    native::call_here(&LONG, || sortie_natives::nanosleep(1_000_000 * (1 + turn % 5)));
}

fn sleep_20(_: u64) {
    native::call_here(&LONG, || sortie_natives::nanosleep(20_000_000));
}

fn call_any(turn: u64) {
    match turn % 7 {
        0..4 => native::call_here(&ANY, || sortie_natives::burn(10_000)),
        4 => native::call_here(&ANY, || sortie_natives::burn(60_000)),
        5 => native::call_here(&ANY, || sortie_natives::nanosleep(150_000)),
        _ => native::call_here(&ANY, || sortie_natives::nanosleep(2_000_000)),
    }
}

/// The number of the monitor's thread.
fn monitor(case: &Case) -> i32 {
    let name = format!("{}-mon", case.thread_name);
    let mut number = None;
    until("there is a monitor", || {
        number = threads::named(&name).first().map(|thread| thread.id);
        number.is_some()
    });
    number.expect("it was found")
}

impl Load {
    /// How often the monitor wakes in a second beside it. Shows what that takes, too.
    fn wake_ups(&self, case: &Case) -> u64 {
        let runtime = case.watched(case.runtime());
        let is_over = Arc::new(AtomicBool::new(false));
        let mut tasks: Vec<_> = (0..self.tasks * case.workers)
            .map(|number| self.start(&runtime, number as u64, is_over.clone()))
            .collect();
        if self.has_timer {
            let is_over = is_over.clone();
            tasks.push(runtime.spawn(move || {
                while !is_over.load(Relaxed) {
                    sortie::sleep(Duration::from_millis(1));
                }
                0
            }));
        }
        let monitor = monitor(case);
        let used = || threads::of(monitor).expect("it lives as long as its runtime").cpu;
        // What is to be learned is learned.
        std::thread::sleep(Duration::from_millis(200));
        let begin = Instant::now();
        let (used_before, before) = (used(), runtime.snapshot());
        std::thread::sleep(TIME);
        let (took, after) = (begin.elapsed(), runtime.snapshot());
        let used = used() - used_before;
        is_over.store(true, Relaxed);
        let turns: u64 = tasks.into_iter().map(|task| task.join().unwrap()).sum();
        let price = used.mul_f64(TIME.as_secs_f64() / took.as_secs_f64());
        let a_second = |count: u64| count as f64 / took.as_secs_f64();
        let wake_ups = a_second(after.monitor_wakeups - before.monitor_wakeups);
        println!(
            "{:25} {} {:9}: {:.2} % of a core, {wake_ups:4.0} wake-ups a second, {:4.0} retakes, {turns} turns",
            self.name,
            case.workers,
            format!("{:?}", case.mode),
            price.as_secs_f64() / TIME.as_secs_f64() * 100.0,
            a_second(after.retakes - before.retakes),
        );
        wake_ups as u64
    }

    fn start(
        &self,
        runtime: &Runtime,
        number: u64,
        is_over: Arc<AtomicBool>,
    ) -> sortie::JoinHandle<u64> {
        let turn = self.turn;
        runtime.spawn(move || {
            let mut turns = 0;
            while !is_over.load(Relaxed) {
                turn(number + turns);
                sortie::yield_now();
                turns += 1;
            }
            turns
        })
    }
}

#[test]
fn the_monitor_wakes_seldom() {
    let all: &[usize] = if is_soak() { &[1, 2, 4] } else { &[1, 2] };
    for load in LOADS.iter().filter(|load| load.most.is_some() || is_soak()) {
        for (workers, mode) in all.iter().flat_map(|workers| MODES.map(|mode| (*workers, mode))) {
            exclusively(&Case::new(workers, mode), |case| {
                // Of more workers than processors some always wait, and a machine that is busy with others has fewer.
                let most = load.most.filter(|_| workers <= cores()).unwrap_or(u64::MAX);
                assert!(
                    (0..ATTEMPTS).any(|_| load.wake_ups(case) <= most),
                    "more than {most} times"
                );
            });
        }
    }
}
