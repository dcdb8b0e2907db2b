//! A database that blocks, and tasks that compute beside it.
//!
//! ```text
//! cargo run --release --example blocking_database
//! ```
//!
//! First one task makes one query that lasts, and a heartbeat task sleeps a millisecond at a time beside
//! it. The query computes. It is made twice: when the runtime knows nothing of the function, and when it
//! has learned what it is like.
//!
//! Then a hundred tasks query SQLite, which knows nothing of tasks: it waits for the disk, and they wait
//! for the one that writes. Each query goes through `native::call`, so that the worker goes on with
//! others. Other tasks compute all the while, and write down how far they came and when they stood
//! still: without queries, with them, and with the same queries as plain calls, for comparison.
//!
//! Ends with 1 if a query has a wrong result. The figures are for reading: a goal that was missed is told.

#[path = "../shared/bar.rs"]
mod bar;
mod compute;
mod database;
#[path = "../shared/ending.rs"]
mod ending;
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
mod query;
mod report;
#[path = "../shared/table.rs"]
mod table;
#[path = "../shared/time.rs"]
mod time;
mod trial;

use clap::Parser;
use query::Lasted;
use report::Report;
use sortie::{BuildError, Runtime};
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use trial::{How, Plan, Trial};

/// A hundred tasks query SQLite, which blocks, while others compute; the computing tasks keep going.
///
/// RUST_LOG=sortie=trace shows on stderr what the runtime does.
#[derive(Debug, Parser)]
#[command(name = "blocking_database", version, allow_negative_numbers = true)]
struct Options {
    /// How many tasks may run managed code at once
    #[arg(long, default_value_t = 2, value_parser = number::within(1_u16..=1024))]
    workers: u16,
    /// Use the default runtime, whose started tasks stay on their thread, and not a migrating one
    #[arg(long)]
    safe: bool,
    /// How long the query lasts that a heartbeat beats beside, in seconds; none if 0
    #[arg(long, default_value = "0.5", value_name = "SECONDS", value_parser = seconds)]
    query: Duration,
    /// Tasks that query
    #[arg(long, default_value_t = 100, value_parser = number::within(1_u32..=10_000))]
    queries: u32,
    /// How often each of them writes and reads
    #[arg(long, default_value_t = 5, value_parser = number::within(1_u32..=10_000))]
    rounds: u32,
    /// Rows in each write
    #[arg(long, default_value_t = 50, value_parser = number::within(1_u32..=100_000))]
    rows: u32,
    /// Tasks that compute; as many as workers if not given
    #[arg(long, value_parser = number::within(1_u16..=1024))]
    computing: Option<u16>,
    /// How long they compute alone, in milliseconds
    #[arg(long, default_value_t = 500, value_parser = number::within(1_u64..=60_000))]
    alone_ms: u64,
    /// Print data instead of tables
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=60.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected seconds, from 0 to 60".into())
}

fn main() -> ExitCode {
    ending::of(run)
}

fn run() -> Result<bool, Box<dyn Error>> {
    let options = Options::parse();
    if let Some(logs) = logging::layer()? {
        tracing_subscriber::registry().with(logs).try_init()?;
    }
    let plan = Plan {
        queries: options.queries,
        rounds: options.rounds,
        rows: options.rows,
        computing: options.computing.unwrap_or(options.workers),
        alone: Duration::from_millis(options.alone_ms),
    };
    let runtime = runtime(&options)?;
    let lasted = if options.query.is_zero() { Vec::new() } else { ask(&runtime, options.query)? };
    let directory = tempfile::tempdir()?;
    let mut trials = Vec::new();
    for (how, title, file) in [
        (How::Alone, "computing alone", ""),
        (How::Announced, "queries, announced", "announced.db"),
        (How::Plain, "queries, plain calls", "plain.db"),
    ] {
        let path = directory.path().join(file);
        let trial = progress::watch(&runtime, title, plan.steps(how), move |steps| {
            Trial::run(plan, how, &path, steps)
        })?;
        trials.push((title, trial));
    }
    let snapshot = runtime.snapshot();
    let shutdown = runtime.shutdown(Duration::from_secs(5));

    let report = Report { options: &options, plan, lasted, trials, snapshot };
    if options.json {
        ending::print(format_args!("{:#}", report.json()))?;
    } else {
        ending::print(&report)?;
    }
    let wrong = report.wrong().inspect(|wrong| eprintln!("wrong: {wrong}")).count();
    if !shutdown.is_clean() {
        eprintln!("{shutdown}");
    }
    let good = wrong == 0 && shutdown.is_clean();
    Ok(good)
}

/// The long queries, before all else: by the first, no thread is there yet that could be spared.
fn ask(runtime: &Runtime, wanted: Duration) -> Result<Vec<(&'static str, Lasted)>, Box<dyn Error>> {
    let ask = || progress::watch(runtime, "one long query", 1, move |_| query::ask(wanted));
    let first = ask()??;
    let taught = runtime.run(query::teach);
    let mut known = ask()??;
    known.wrong = taught.err().or(known.wrong);
    Ok(vec![("the first of all", first), ("known by now", known)])
}

fn runtime(options: &Options) -> Result<Runtime, BuildError> {
    let builder = Runtime::builder()
        .workers(options.workers.into())
        .thread_name("database")
        // For the plain calls: those run SQLite on the task's own stack.
        .stack_bytes(1 << 20);
    if options.safe {
        return builder.build();
    }
    // SAFETY: the tasks of this program are those of `trial`, `compute`, `query` and `heartbeat`. Over
    // their suspension points (joins, sleeps, `yield_now`, returns from native calls) their frames hold
    // numbers, vectors, paths, `Arc`s, handles of tasks and threads, readers' connections and the sender
    // of `progress`, all of them `Send`: no reference into a thread-local, no entered span. A connection
    // may be used by one thread after another, and SQLite's file locks belong to the process. The writer's
    // mutex is locked and unlocked within one closure of `database`, in which nothing suspends, and no
    // transaction outlives it.
    unsafe { builder.migrating() }.build()
}
