//! Tasks that compute, on as many carriers as there are tasks, until they are told to stop.

use crate::until;
use sortie::{JoinHandle, Runtime};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// See the module.
#[derive(Debug)]
pub struct Busy {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Busy {
    /// `count` tasks that never switch. Returns when all are at it.
    pub fn start(runtime: &Runtime, count: usize) -> Busy {
        Busy::start_with(runtime, count, std::hint::spin_loop)
    }

    /// `count` tasks that do `turn` again and again. Returns when all are at it.
    pub fn start_with(runtime: &Runtime, count: usize, turn: fn()) -> Busy {
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Arc::new(AtomicUsize::new(0));
        let tasks = (0..count)
            .map(|_| {
                let (stop, begun) = (stop.clone(), begun.clone());
                runtime.spawn(move || {
                    begun.fetch_add(1, Ordering::SeqCst);
                    while !stop.load(Ordering::Relaxed) {
                        turn();
                    }
                })
            })
            .collect();
        until("all compute", || begun.load(Ordering::SeqCst) == count);
        Busy { stop, tasks }
    }

    /// Set when they are to stop, for others that compute with them.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        self.stop.clone()
    }

    /// Ends them.
    ///
    /// # Panics
    /// If one of them failed.
    pub fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.tasks.into_iter().for_each(|task| task.join().unwrap());
    }
}
