//! What the next runnable task waits when a native call keeps the thread.
//!
//! ```text
//! cargo run --release --example stall
//! ```
//!
//! A task is about to make a native call, and another is runnable behind it on the same worker. The wait
//! is the time from the last moment before the call to the first moment of the other task. Sortie is
//! told nothing but that a call is made, and what it does depends on what it has learned of the function:
//!
//! | row | the function |
//! |---|---|
//! | unknown | `poll`, by a target that this process has never called; the first call blocks |
//! | short, turns long | `poll`, 10,000 times ready at once, and then it blocks: the first time, and the second |
//! | long | `poll`, which blocked in every call |
//! | burning | `qsort` with `strcmp`, both of the C library, for 30 ms |
//!
//! `poll` blocks until the other task has run for 0.3 ms, and for 40 ms if that does not run. With a
//! *hot* spare a thread became free less than 50 us before the call; with a *parked* one nothing has
//! happened for 6 ms, and all threads sleep in the kernel.
//!
//! Beside it, with the same calls in the same run: tokio, where the program moves the call away by
//! `spawn_blocking` or `block_in_place` (all calls alike, for it learns nothing), and `may`, where the
//! next task waits for as long as the call lasts.
//!
//! The goals are Sortie's. Ends with 0 when everything was measured: a goal that was missed is told, and
//! with `--strict` it ends with 1. Another busy process shows in the figures of all rows.

#[path = "../shared/bar.rs"]
mod bar;
mod calls;
mod contender;
#[path = "../shared/data.rs"]
mod data;
#[path = "../shared/ending.rs"]
mod ending;
mod figures;
#[path = "../shared/ledger.rs"]
mod ledger;
#[path = "../shared/logging.rs"]
mod logging;
#[path = "../shared/number.rs"]
mod number;
mod report;
mod round;
#[path = "../shared/table.rs"]
mod table;
#[path = "../shared/time.rs"]
mod time;
mod with_may;
mod with_sortie;
mod with_tokio;

use clap::Parser;
use figures::Plan;
use report::Report;
use round::Setup;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use with_may::May;
use with_sortie::Sortie;
use with_tokio::{How, Tokio};

/// What the next runnable task waits when a native call keeps the thread: Sortie, tokio and may.
///
/// RUST_LOG=sortie=trace shows on stderr what the runtime does, which costs time.
#[derive(Debug, Parser)]
#[command(name = "stall", version, allow_negative_numbers = true)]
struct Options {
    /// How many tasks may run managed code at once; all but one are busy. Not for may
    #[arg(long, default_value_t = 1, value_parser = number::within(1_u16..=1024))]
    workers: u16,
    /// Trials in each row; an eighth where a trial takes tens of milliseconds
    #[arg(long, default_value_t = 200, value_parser = number::within(1_u32..=100_000))]
    trials: u32,
    /// How long nothing happens before a trial with a parked spare, in milliseconds
    #[arg(long, default_value_t = 6, value_parser = number::within(1_u64..=60_000))]
    rest_ms: u64,
    /// How long a call blocks if the next task does not run, in milliseconds
    #[arg(long, default_value_t = 40, value_parser = number::within(1_u64..=60_000))]
    limit_ms: u64,
    /// How long a call burns, in milliseconds
    #[arg(long, default_value_t = 30, value_parser = number::within(1_u64..=10_000))]
    burn_ms: u64,
    /// Sortie alone, without the others
    #[arg(long)]
    alone: bool,
    /// End with 1 if a goal is missed
    #[arg(long)]
    strict: bool,
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
    if let Some(logs) = logging::layer()? {
        tracing_subscriber::registry().with(logs).try_init()?;
    }
    let plan = Plan { trials: options.trials, rest: Duration::from_millis(options.rest_ms) };
    let setup = Arc::new(Setup {
        limit: Duration::from_millis(options.limit_ms),
        keys: calls::keys_for(Duration::from_millis(options.burn_ms)),
    });
    let workers = usize::from(options.workers);
    let bar = bar::bar("", 0);

    // One runtime at a time: no other's threads are there, but may's, which stay, and so come last.
    let sortie = Sortie::start(workers, &setup)?;
    let mut rows = plan.measure(&sortie, &bar);
    let (snapshot, shutdown) = sortie.end();
    if !options.alone {
        for how in [How::SpawnBlocking, How::BlockInPlace] {
            rows.extend(plan.measure(&Tokio::start(workers, how, &setup)?, &bar));
        }
        rows.extend(plan.measure(&May::start(&setup), &bar));
    }
    bar.finish_and_clear();

    let report = Report { rows, snapshot };
    ending::print(&report)?;
    data::write(options.json.as_deref(), &report.json())?;
    if !shutdown.is_clean() {
        eprintln!("{shutdown}");
    }
    let good = shutdown.is_clean() && !(options.strict && report.missed() > 0);
    Ok(good)
}
