//! `callback` and `callback_suspend`: an announced native call that calls back once.
//!
//! In the second one the callback yields, with another task ready that yields as well: under a policy that
//! lets callbacks suspend, the task is switched away with its native frames and switched back. What the
//! other task did is counted.

use super::native::Announced;
use super::{end, runtime};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Setup, Trial, WarmUp, Workload, check};
use serde_json::{Value, json};
use sortie::Runtime;
use sortie::native::{self, Callbacks, Policy, Target};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

type Callback = extern "C" fn(u64) -> u64;

// SAFETY: `native/call_back.c` defines it so; it calls back once and touches no memory.
unsafe extern "C" {
    safe fn sortie_cli_call_back(callback: Callback, x: u64) -> u64;
}

pub(crate) const PLAIN: Workload = Workload {
    name: "callback",
    definition: "an announced call of a C function that calls back once, on the thread's stack",
    ops: 4_000_000,
    unit: |_| 1,
    warm_up: WarmUp::Growing,
    tasks: None,
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| Ok(Box::new(Calls::new(setup, Callbacks::Block)?)),
    }],
};

pub(crate) const SUSPENDING: Workload = Workload {
    name: "callback_suspend",
    definition: "as callback, on a stack of its own; the callback yields once, to a second task that \
                 yields back",
    ops: 1_000_000,
    unit: |_| 1,
    warm_up: WarmUp::Growing,
    tasks: None,
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| Ok(Box::new(Calls::new(setup, Callbacks::Suspend)?)),
    }],
};

struct Calls {
    runtime: Runtime,
    function: Announced,
    suspends: bool,
}

impl Calls {
    fn new(setup: &Setup, callbacks: Callbacks) -> Result<Calls, Failure> {
        // SAFETY: the function has nothing but its frame.
        let policy = unsafe { Policy::new().callbacks(callbacks) };
        let address = sortie_cli_call_back as *const () as usize;
        let function = Announced::at("sortie_cli_call_back", address, policy);
        let suspends = callbacks != Callbacks::Block;
        Ok(Calls { runtime: runtime(setup)?, function, suspends })
    }
}

impl Trial for Calls {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let target = self.function.target.clone();
        let run = if self.suspends { call_beside_another } else { call_alone };
        let (took, value, turns) = self.runtime.run(move || run(&target, ops));
        check("calls and callbacks", 2 * ops, value)?;
        self.function.count(ops, &self.runtime)?;
        let mut sample = Sample::new(took);
        if self.suspends {
            sample.extra.push(("turns_percent", 100.0 * turns as f64 / ops as f64));
        }
        Ok(sample)
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        let class = self.function.target.class();
        end(self.runtime)?;
        Ok(vec![("class", json!(class.name()))])
    }
}

/// How long it took, what came of it, and the turns of another task.
type Run = (Duration, u64, u64);

fn call_alone(target: &Target, ops: u64) -> Run {
    let start = Instant::now();
    let value = call(target, ops, add_one);
    (start.elapsed(), value, 0)
}

fn call_beside_another(target: &Target, ops: u64) -> Run {
    let is_over = Arc::new(AtomicBool::new(false));
    let until = is_over.clone();
    let other = sortie::spawn(move || take_turns(&until));
    let start = Instant::now();
    let value = call(target, ops, yield_and_add_one);
    let took = start.elapsed();
    // ORDERING: Relaxed, the flag publishes nothing but itself.
    is_over.store(true, Ordering::Relaxed);
    (took, value, other.join().expect("it takes turns"))
}

fn call(target: &Target, ops: u64, callback: Callback) -> u64 {
    (0..ops).fold(0, |x, _| native::call_here(target, || sortie_cli_call_back(callback, x)))
}

extern "C" fn add_one(x: u64) -> u64 {
    native::callback(0, || x + 1)
}

extern "C" fn yield_and_add_one(x: u64) -> u64 {
    native::callback(0, || {
        sortie::yield_now();
        x + 1
    })
}

fn take_turns(is_over: &AtomicBool) -> u64 {
    let mut turns = 0;
    // ORDERING: Relaxed, the flag publishes nothing but itself.
    while !is_over.load(Ordering::Relaxed) {
        turns += 1;
        sortie::yield_now();
    }
    turns
}
