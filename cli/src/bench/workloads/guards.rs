//! That the stacks of idle tasks are guarded: a child process parks tasks, and one of them, which is drawn
//! by lot, overflows its stack.
//!
//! A stack without a guard would go on into its neighbour's. The child must end by the signal, and its
//! report must name that task: then it was the guard below *that* stack which was hit.

use super::{end, idle1m};
use crate::bench::case::{Case, Peer};
use crate::bench::workload::{Failure, Setup};
use rustix::process::{Signal, set_parent_process_death_signal};
use sortie::sync::Semaphore;
use sortie::{Runtime, task};
use std::hash::{BuildHasher, RandomState};
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode};
use std::sync::Arc;

/// Children, each with another task that overflows.
const PROOFS: u64 = 3;

/// At most so many tasks in each child: enough for many slabs of stacks.
const TASKS: u64 = 20_000;

/// The workload's name in the case that a child is started with.
const NAME: &str = "idle1m guards";

/// Overflows the stack of one of `tasks` in each of some child processes. Returns how many guards were
/// hit: all.
pub(super) fn prove(setup: &Setup, tasks: u64) -> Result<u64, Failure> {
    for _ in 0..PROOFS {
        overflow_one(setup, tasks.min(TASKS))?;
    }
    Ok(PROOFS)
}

fn overflow_one(setup: &Setup, tasks: u64) -> Result<(), Failure> {
    let case = Case {
        peer: Peer::Sortie,
        mode: setup.mode,
        workload: NAME.to_owned(),
        workers: setup.workers,
        tasks: Some(RandomState::new().hash_one(()) % tasks),
        ops: tasks,
        may_shorten: false,
        pin: false,
    };
    let case = serde_json::to_string(&case).expect("a case is plain data");
    let output = std::env::current_exe()
        .and_then(|it| Command::new(it).arg("bench-guard").arg(case).output())
        .map_err(Failure::start("a child that overflows a stack"))?;
    let report = String::from_utf8_lossy(&output.stderr);
    let is_hit = output.status.signal() == Some(Signal::SEGV.as_raw())
        && report.contains("stack overflow in")
        && report.contains("\"unlucky\"");
    if is_hit {
        return Ok(());
    }
    Err(Failure::Left(format!(
        "a task went over the end of its stack, and the process ended by {}: {report}",
        output.status
    )))
}

/// The child: parks tasks, and has number `case.tasks` overflow its stack.
pub(crate) fn main(case: &str) -> ExitCode {
    // A killed parent leaves nothing running. If the kernel refuses, that is all that is lost.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let case = serde_json::from_str(case).map_err(|error| error.to_string());
    let done = case.and_then(|case: Case| {
        let runtime = idle1m::start(&Setup::new(&case)).map_err(|error| error.to_string())?;
        let (tasks, unlucky) = (case.ops, case.tasks.unwrap_or(0));
        overflow(&runtime, tasks, unlucky);
        end(runtime).map_err(|error| error.to_string())
    });
    match done {
        Ok(()) => eprintln!("the overflow was survived"),
        Err(error) => eprintln!("error: `sortie bench` starts this command, with a case: {error}"),
    }
    ExitCode::FAILURE
}

fn overflow(runtime: &Runtime, tasks: u64, unlucky: u64) {
    runtime.run(move || {
        let gates = [const { Semaphore::new(0) }; 2].map(Arc::new);
        let all: Vec<_> = (0..tasks)
            .map(|n| {
                let gate = gates[usize::from(n == unlucky)].clone();
                let name = if n == unlucky { "unlucky" } else { "idle" };
                task::Builder::new().name(name).spawn(move || {
                    gate.acquire().forget();
                    if n == unlucky { recurse(0) } else { n }
                })
            })
            .collect();
        let [others, its_own] = &gates;
        idle1m::wait_for(others, tasks - 1);
        idle1m::wait_for(its_own, 1);
        its_own.set_permits(1);
        // Reached only if nobody notices.
        others.set_permits(u32::try_from(tasks).expect("a few tasks"));
        for task in all {
            let _ = task.join();
        }
    });
}

/// Uses stack until there is none.
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == u64::MAX {
        return 0;
    }
    recurse(depth + 1) + frame[7]
}
