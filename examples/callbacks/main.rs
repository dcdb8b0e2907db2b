//! Thousands of tasks suspended inside callbacks, with frames of C below them, on a handful of threads.
//!
//! ```text
//! cargo run --release --example callbacks
//! ```
//!
//! Each task calls a C function: `qsort` of libc, or an event loop. That calls back into managed code, and
//! there the task waits at a gate which opens only when all tasks are in. Where the policy of the function
//! lets its callbacks suspend, the task is switched away, with the frames of C on its native stack, and
//! its thread serves the next. By default it waits in place: each keeps a thread.
//!
//! Ends with 1 if a value was wrong, if not all tasks were suspended at once, or if they took more than four
//! threads.

#[path = "../shared/data.rs"]
mod data;
#[path = "../shared/ending.rs"]
mod ending;
#[path = "../shared/number.rs"]
mod number;
mod report;
mod scene;
#[path = "../shared/table.rs"]
mod table;
#[path = "../shared/time.rs"]
mod time;

use clap::Parser;
use report::Report;
use scene::{Function, Scene};
use sortie::native::Callbacks;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// Tasks that are suspended inside callbacks of C functions, and what that takes.
#[derive(Debug, Parser)]
#[command(name = "callbacks", version, allow_negative_numbers = true)]
struct Options {
    /// Tasks whose callbacks suspend
    #[arg(long, default_value_t = 10_000, value_parser = number::within(1_u32..=1_000_000))]
    tasks: u32,
    /// Tasks whose callbacks wait in place, for comparison
    #[arg(long, default_value_t = 200, value_parser = number::within(1_u32..=10_000))]
    blocking: u32,
    /// How many tasks may run managed code at once
    #[arg(long, default_value_t = 2, value_parser = number::within(1_u16..=64))]
    workers: u16,
    /// Bytes of each task's own stack
    #[arg(long, default_value_t = 16 << 10)]
    stack_bytes: usize,
    /// Let started tasks move between threads, and callbacks with them
    #[arg(long)]
    migrating: bool,
    /// Write all figures to this file, as data
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    ending::of(run)
}

fn run() -> Result<bool, Box<dyn Error>> {
    let options = Options::parse();
    data::check(options.json.as_deref())?;
    let suspend = if options.migrating { Callbacks::Migrate } else { Callbacks::Suspend };
    let plan = [
        (Function::Sort, suspend, options.tasks),
        (Function::EventLoop, suspend, options.tasks),
        (Function::Sort, Callbacks::Block, options.blocking),
        (Function::EventLoop, Callbacks::Block, options.blocking),
    ];
    let mut outcomes = Vec::new();
    for (function, callbacks, tasks) in plan {
        let scene = Scene {
            function,
            callbacks,
            tasks: tasks as usize,
            workers: options.workers.into(),
            stack_bytes: options.stack_bytes,
            migrating: options.migrating,
        };
        outcomes.push(scene.play()?);
    }
    let report = Report { outcomes, workers: options.workers.into() };
    ending::print(&report)?;
    data::write(options.json.as_deref(), &report.json())?;
    let wrong = report.wrong();
    for wrong in &wrong {
        eprintln!("wrong: {wrong}");
    }
    Ok(wrong.is_empty())
}
