//! Many tasks that compute and yield for as long as a test wants, and how much they get done.

use crate::threads;
use sortie::{JoinHandle, Runtime};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const TURN: Duration = Duration::from_micros(2);

/// See the module.
#[derive(Debug)]
pub struct Fibers {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    turns: AtomicU64,
    begun: AtomicUsize,
    stop: AtomicBool,
    each: Vec<Each>,
}

/// What is known of one task.
#[derive(Debug, Default)]
struct Each {
    /// The thread that it began on.
    thread: AtomicI32,
    /// It is to make its call.
    told: AtomicBool,
}

impl Fibers {
    /// Spawns so many tasks, and returns when each has begun. Those that are told to
    /// ([`Fibers::call_on_each_thread`]) do `call` in between.
    #[must_use]
    pub fn start(runtime: &Runtime, count: usize, call: fn()) -> Fibers {
        let shared = Arc::new(Shared {
            turns: AtomicU64::new(0),
            begun: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            each: (0..count).map(|_| Each::default()).collect(),
        });
        let spawn = |n| {
            let shared = shared.clone();
            runtime.spawn(move || shared.run(n, call))
        };
        let tasks = (0..count).map(spawn).collect();
        let begun = || shared.begun.load(Ordering::SeqCst) == count;
        crate::until("the tasks have begun", begun);
        Fibers { shared, tasks }
    }

    /// How many turns they had.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.shared.turns.load(Ordering::Relaxed)
    }

    /// How many turns they get in a second from now.
    #[must_use]
    pub fn in_a_second(&self) -> u64 {
        let (start, before) = (Instant::now(), self.turns());
        std::thread::sleep(Duration::from_secs(1));
        // The sleep may have been longer.
        ((self.turns() - before) as f64 / start.elapsed().as_secs_f64()) as u64
    }

    /// Of the tasks that began on one thread one makes its call; so for each thread.
    pub fn call_on_each_thread(&self) {
        let mut callers = HashMap::new();
        for each in &self.shared.each {
            callers.entry(each.thread.load(Ordering::SeqCst)).or_insert(each);
        }
        println!("  {} threads, a call on each", callers.len());
        callers.values().for_each(|caller| caller.told.store(true, Ordering::SeqCst));
    }

    /// Waits until all calls have returned.
    pub fn await_calls(&self) {
        let told = |each: &Each| each.told.load(Ordering::SeqCst);
        crate::until("the calls have returned", || !self.shared.each.iter().any(told));
    }

    /// Ends them.
    ///
    /// # Panics
    /// If one of them has panicked.
    pub fn end(self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.tasks.into_iter().for_each(|task| task.join().expect("a task that ends"));
    }
}

impl Shared {
    fn run(&self, n: usize, call: fn()) {
        let each = &self.each[n];
        each.thread.store(threads::current(), Ordering::SeqCst);
        self.begun.fetch_add(1, Ordering::SeqCst);
        while !self.stop.load(Ordering::Relaxed) {
            if each.told.load(Ordering::Relaxed) {
                call();
                each.told.store(false, Ordering::SeqCst);
            }
            // Quick turns until all have begun, which new tasks do in between.
            if self.begun.load(Ordering::Relaxed) == self.each.len() {
                let end = Instant::now() + TURN;
                while Instant::now() < end {}
            }
            self.turns.fetch_add(1, Ordering::Relaxed);
            sortie::yield_now();
        }
    }
}
