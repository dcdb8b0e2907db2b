//! A storm of aborts: each task is aborted at some suspension point, whichever it is at, by others, by itself or by
//! a time limit; whatever it held is dropped once, and nobody is left waiting.

use sortie::native::{self, Target};
use sortie::task::{self, delay_abort};
use sortie_scheduler::abort;
use sortie_test::drops::Drops;
use sortie_test::{MODES, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

static NATIVE: Target = Target::named("native code");

const TASKS: usize = if cfg!(debug_assertions) { 120 } else { 1000 };

/// xorshift, with a seed that a failure can be seen again with.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// One step of a task's life, with something that is held over it.
fn step(random: &mut Random, drops: &Drops, depth: usize) {
    let _held = drops.value();
    match random.below(9) {
        0 => sortie::yield_now(),
        1 => task::checkpoint(),
        2 => sortie::sleep(Duration::from_micros(random.below(300))),
        3 => {
            let value = drops.value();
            let child = sortie::spawn(move || {
                let _value = value;
                sortie::yield_now();
            });
            let _ = child.join();
        }
        4 => native::call_here(&NATIVE, || sortie_natives::nanosleep(20_000)),
        5 => {
            let value = drops.value();
            native::call_cancellable(
                &NATIVE,
                |_| (),
                || {
                    let _value = value;
                    sortie_natives::nanosleep(20_000);
                },
            );
        }
        6 => {
            let inside = drops.clone();
            native::call_here(&NATIVE, || {
                sortie_natives::with_callback(2, |_| {
                    native::callback(-1, || {
                        let _value = inside.value();
                        sortie::sleep(Duration::from_micros(20));
                        0
                    })
                })
            });
        }
        7 if depth < 3 => {
            let soon = Instant::now() + Duration::from_micros(random.below(200));
            let _ = abort::until(soon, || (0..4).for_each(|_| step(random, drops, depth + 1)));
        }
        8 if depth < 3 => delay_abort(|| step(random, drops, depth + 1)),
        _ => sortie::yield_now(),
    }
}

#[test]
fn each_task_ends_and_each_value_is_dropped_once() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let seed = 0x5017 + runtime.case.workers as u64;
        println!("seed {seed}");
        let drops = Drops::new();
        let steps = Arc::new(AtomicUsize::new(0));
        let mut random = Random(seed);
        let mut tasks = Vec::new();
        for n in 0..TASKS {
            let (drops, steps) = (drops.clone(), steps.clone());
            let mut own = Random(seed * 1000 + n as u64 + 1);
            let own_end = (n % 10 == 0).then(|| own.below(30));
            tasks.push(runtime.spawn(move || {
                let _held = drops.value();
                for turn in 0u64.. {
                    step(&mut own, &drops, 0);
                    steps.fetch_add(1, SeqCst);
                    if own_end == Some(turn) {
                        task::abort_current().unwrap();
                    }
                }
            }));
            // Some are aborted while others are spawned, and may not have begun.
            if random.below(3) == 0 {
                let victim: &sortie::JoinHandle<()> =
                    &tasks[random.below(tasks.len() as u64) as usize];
                victim.abort();
            }
        }
        while !tasks.is_empty() {
            // Each in the middle of something.
            let so_far = steps.load(SeqCst);
            until("they are a bit further", || {
                steps.load(SeqCst) > so_far + 5 * tasks.len()
                    || tasks.iter().all(sortie::JoinHandle::is_finished)
            });
            let tasks = tasks.split_off(tasks.len() - tasks.len().div_ceil(3));
            for task in &tasks {
                match random.below(4) {
                    0 => task.abort_rudely(),
                    _ => task.abort(),
                }
            }
            for task in tasks {
                let error = task.join().unwrap_err();
                assert!(error.is_aborted(), "{error}");
            }
        }
        println!("{} steps, {} values", steps.load(SeqCst), drops.made());
        // Children of joins that were given up go on by themselves.
        until("all have ended", || runtime.snapshot().tasks_live() == 0);
        drops.check();
    });
}
