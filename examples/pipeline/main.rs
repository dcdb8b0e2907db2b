//! A pipeline of tasks over bounded channels: files are read, summed, compressed and checked.
//!
//! ```text
//! cargo run --release --example pipeline -- src
//! ```
//!
//! Each stage is some tasks, and a channel with room for a few files leads from one to the next. So a stage that is
//! slow holds up those before it, and no more than those few files are in memory, however many there are. Reading
//! blocks, and zlib's functions compute: all are announced native calls, so that neither keeps the others
//! from running.
//!
//! The main thread, which is no task, waits by `select!` for checked files, for failures, and for the time to draw the
//! bar. On the first failure all tasks are aborted, wherever they are.
//!
//! Ends with 1 if a file could not be read, or did not come out as it went in.

#[path = "../shared/bar.rs"]
mod bar;
#[path = "../shared/ending.rs"]
mod ending;
mod files;
#[path = "../shared/logging.rs"]
mod logging;
#[path = "../shared/number.rs"]
mod number;
#[path = "../shared/plural.rs"]
mod plural;
mod report;
mod stage;
#[path = "../shared/table.rs"]
mod table;
#[path = "../shared/time.rs"]
mod time;
mod work;
mod zlib;

use clap::Parser;
use report::Report;
use sortie::Runtime;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Reads all files of a directory, sums and compresses them by zlib, and checks that they come out as they went in.
///
/// RUST_LOG=sortie=trace shows what the runtime does on stderr.
#[derive(Debug, Parser)]
#[command(name = "pipeline", version, allow_negative_numbers = true)]
struct Options {
    /// A file, or a directory: all files below it, but for hidden ones and directories named `target`
    #[arg(default_value = ".")]
    path: PathBuf,
    /// How many tasks may run managed code at once
    #[arg(long, default_value_t = 2, value_parser = number::within(1_u16..=64))]
    workers: u16,
    /// Tasks of the stage that reads
    #[arg(long, default_value_t = 4, value_parser = number::within(1_u16..=1024))]
    readers: u16,
    /// Tasks of each stage that computes
    #[arg(long, default_value_t = 2, value_parser = number::within(1_u16..=1024))]
    computers: u16,
    /// Files that a channel has room for; 0: they go from hand to hand
    #[arg(long, default_value_t = 8, value_parser = number::within(0_u16..=u16::MAX))]
    capacity: u16,
    /// How hard zlib tries
    #[arg(long, default_value_t = 6, value_parser = number::within(0_u8..=9))]
    level: u8,
    /// Bytes above which a file is a failure
    #[arg(long, default_value_t = 256 << 20)]
    largest: u64,
    /// Write the compressed files into this directory, by their checksums
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

fn main() -> ExitCode {
    ending::of(run)
}

fn run() -> Result<bool, Box<dyn Error>> {
    let options = Options::parse();
    tracing_subscriber::registry().with(logging::layer()?).try_init()?;
    zlib::load()?;
    if let Some(directory) = &options.output {
        std::fs::create_dir_all(directory).map_err(|error| {
            format!("--output {}: {error}; expected a directory", directory.display())
        })?;
    }
    let files = files::below(&options.path)?;
    let runtime =
        Runtime::builder().workers(options.workers.into()).thread_name("pipeline").build()?;
    let outcome = work::run(&runtime, &options, files);
    let report = Report { outcome: &outcome, snapshot: runtime.snapshot() };
    ending::print(&report)?;
    if let Some(failure) = &outcome.failure {
        eprintln!("{failure}");
    }
    Ok(outcome.failure.is_none())
}
