//! Tasks that do a bit of everything: yields, sleeps, native calls short and long, children,
//! callbacks that wait in place, and computing.

use sortie::native::{self, Target};
use sortie::task::Builder;
use sortie::{Handle, JoinHandle};
use std::time::{Duration, Instant};

static NANOSLEEP: Target = Target::named("natives_nanosleep");
static CALL_BACK: Target = Target::named("natives_call_back");

/// Steele, Lea and Flood's SplitMix64: a number for each step, the same in every run.
pub fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A native call that sleeps so long.
pub fn nanosleep(microseconds: u64) {
    native::call(&NANOSLEEP, || sortie_natives::nanosleep(microseconds * 1_000));
}

/// A callback that waits in place for a task that it has just spawned, and lets others run.
fn call_back() {
    let sum = native::call_here(&CALL_BACK, || {
        sortie_natives::with_callback(1, |_| {
            native::callback(-1, || {
                sortie::yield_now();
                // The child may have been started here and be pinned here: then it is a deadlock,
                // and said so.
                match sortie::spawn(|| 7).join() {
                    Ok(seven) => assert_eq!(seven, 7),
                    Err(error) => assert!(error.is_deadlock(), "{error}"),
                }
                1
            })
        })
    });
    assert_eq!(sum, 1);
}

/// What the steps are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steps {
    /// All of them.
    All,
    /// All but the callbacks, which need a thread for what they wait for: where no thread can be had
    /// they wait until there is one.
    NoCallbacks,
}

/// So many steps of a task, chosen by the seed.
///
/// # Panics
/// If a step does not do what it should.
pub fn steps(seed: u64, count: usize, which: Steps) {
    let mut state = seed;
    for _ in 0..count {
        match next(&mut state) % 7 {
            0 => sortie::yield_now(),
            1 => nanosleep(0),
            2 => nanosleep(next(&mut state) % 200),
            3 => sortie::sleep(Duration::from_micros(next(&mut state) % 200)),
            4 => {
                let child = sortie::spawn(|| {
                    sortie::yield_now();
                    7
                });
                assert_eq!(child.join().unwrap(), 7);
            }
            5 if which == Steps::All => call_back(),
            _ => {
                let start = Instant::now();
                while start.elapsed() < Duration::from_micros(20) {}
            }
        }
    }
}

/// Spawns so many tasks of 60 steps, every other of which may migrate. Each returns its number.
pub fn spawn(handle: &Handle, seed: u64, tasks: u64) -> Vec<JoinHandle<u64>> {
    spawn_with(handle, seed, tasks, Steps::All)
}

/// As [`spawn`], with a choice of steps.
pub fn spawn_with(handle: &Handle, seed: u64, tasks: u64, which: Steps) -> Vec<JoinHandle<u64>> {
    let spawn = |n| {
        let mut task = Builder::new();
        if n % 2 == 0 {
            // SAFETY: the steps hold nothing of the thread over their waits.
            task = unsafe { task.migrating() };
        }
        task.spawn_on(handle, move || {
            steps(seed * 1_000 + n, 60, which);
            n
        })
    };
    (0..tasks).map(spawn).collect()
}

/// Joins what [`spawn`] spawned.
///
/// # Panics
/// If a task did not end as it should.
pub fn join(tasks: Vec<JoinHandle<u64>>) {
    for (n, task) in (0..).zip(tasks) {
        assert_eq!(task.join().unwrap(), n);
    }
}
