//! Tasks call C functions, are called back, and block in native code; nobody is stalled.
//!
//! ```text
//! cargo run --release --example pinvoke
//! ```
//!
//! Tasks call `cos` of libm, `qsort` (with a comparator in Rust), `strlen` and `getpid` of libc, and
//! `crc32` of zlib where there is one, thousands of times, and check each answer. Then 64 tasks sit in
//! `nanosleep` at once. Through all of it a heartbeat task sleeps a millisecond at a time. The table
//! is what the runtime itself wrote down: it comes from `Runtime::snapshot`.
//!
//! With `--safe` started tasks stay on their thread. Nobody waits there either: calls of `nanosleep` go
//! to other threads where they would keep such tasks, for its declaration in `foreign` allows that.
//!
//! Ends with 1 if an answer is wrong. A slow machine is no failure: the figures say what it did.

#[path = "../shared/bar.rs"]
mod bar;
#[path = "../shared/ending.rs"]
mod ending;
mod foreign;
#[path = "../shared/heartbeat.rs"]
mod heartbeat;
#[path = "../shared/ledger.rs"]
mod ledger;
#[path = "../shared/logging.rs"]
mod logging;
#[path = "../shared/number.rs"]
mod number;
#[path = "../shared/progress.rs"]
mod progress;
mod report;
#[path = "../shared/table.rs"]
mod table;
#[path = "../shared/time.rs"]
mod time;
mod work;

use clap::Parser;
use report::Report;
use sortie::{BuildError, Runtime};
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use work::Plan;

/// Tasks on fibers call real C functions, are called back, and block in native code, while a heartbeat
/// task shows that nobody is stalled.
///
/// RUST_LOG=sortie=trace shows on stderr what the runtime does.
#[derive(Debug, Parser)]
#[command(name = "pinvoke", version, allow_negative_numbers = true)]
struct Options {
    /// How many tasks may run managed code at once
    #[arg(long, default_value_t = 2, value_parser = number::within(1_u16..=1024))]
    workers: u16,
    /// Use the default runtime, whose started tasks stay on their thread, and not a migrating one
    #[arg(long)]
    safe: bool,
    /// Tasks that make short calls
    #[arg(long, default_value_t = 16, value_parser = number::within(0_u64..=100_000))]
    callers: u64,
    /// How often each of them calls every function
    #[arg(long, default_value_t = 2000, value_parser = number::within(0_u64..=100_000_000))]
    rounds: u64,
    /// Tasks that sit in nanosleep at once
    #[arg(long, default_value_t = 64, value_parser = number::within(0_u64..=100_000))]
    sleepers: u64,
    /// For how many milliseconds
    #[arg(long, default_value_t = 50, value_parser = number::within(0_u64..=60_000))]
    sleep_ms: u64,
    /// Print data instead of a table
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    ending::of(run)
}

fn run() -> Result<bool, Box<dyn Error>> {
    let options = Options::parse();
    if let Some(logs) = logging::layer()? {
        tracing_subscriber::registry().with(logs).try_init()?;
    }
    // Asked beforehand: the libraries that must be there, and the one that may be missing.
    foreign::load()?;
    let zlib_missing = foreign::zlib::load().err().map(|error| error.to_string());

    let plan = Plan {
        callers: options.callers,
        rounds: options.rounds,
        sleepers: options.sleepers,
        sleep: Duration::from_millis(options.sleep_ms),
        zlib: zlib_missing.is_none(),
    };
    let runtime = runtime(&options)?;
    let outcome = progress::watch(&runtime, "calling native code", plan.steps(), move |steps| {
        plan.run(steps)
    })?;
    let snapshot = runtime.snapshot();
    let shutdown = runtime.shutdown(Duration::from_secs(5));

    let report = Report { options: &options, plan, zlib_missing, outcome, snapshot };
    if options.json {
        ending::print(format_args!("{:#}", report.json()))?;
    } else {
        ending::print(&report)?;
    }
    for wrong in report.outcome.wrong.iter().take(10) {
        eprintln!("wrong: {wrong}");
    }
    if !shutdown.is_clean() {
        eprintln!("{shutdown}");
    }
    let good = report.outcome.wrong.is_empty() && shutdown.is_clean();
    Ok(good)
}

fn runtime(options: &Options) -> Result<Runtime, BuildError> {
    let builder = Runtime::builder().workers(options.workers.into()).thread_name("pinvoke");
    if options.safe {
        return builder.build();
    }
    // SAFETY: the tasks of this program are those of `work` and `heartbeat`. Over their suspension
    // points (joins, the heartbeat's sleep, `yield_now`, returns from native calls) their frames hold
    // numbers, arrays, vectors, `Arc`s, handles of tasks and threads and the sender of `progress`, all
    // of them `Send`: no reference into a thread-local, no lock, no entered span. None of the C functions
    // ties anything to its thread but `errno`, which is read right after the call, by a function of
    // std that is not inlined.
    unsafe { builder.migrating() }.build()
}
