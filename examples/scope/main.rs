//! A parallel search that borrows what it searches: on one worker, and then on several.
//!
//! ```text
//! cargo run --release --example scope
//! cargo run --release --example scope -- --pattern unsafe src scheduler/src
//! ```
//!
//! Reads the files below the given paths, or makes up a corpus, and looks for the lines that contain a pattern. Tasks
//! of a scope search pieces of the texts side by side; pieces, pattern and matches are slices of what `main` owns:
//! nothing is copied, counted or leaked to please a `'static`. Files are read by many tasks at once, for reading is
//! native code that blocks.
//!
//! Ends with 1 if the searches do not find the same.

mod corpus;
#[path = "../shared/ending.rs"]
mod ending;
#[path = "../shared/number.rs"]
mod number;
#[path = "../shared/plural.rs"]
mod plural;
mod report;
mod search;
#[path = "../shared/table.rs"]
mod table;
#[path = "../shared/time.rs"]
mod time;

use clap::Parser;
use corpus::Corpus;
use report::Report;
use sortie::Runtime;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// Searches texts for a pattern with tasks that borrow them, on one worker and on several.
#[derive(Debug, Parser)]
#[command(name = "scope", version, allow_negative_numbers = true)]
struct Options {
    /// Files to search, or directories whose files are searched; without any, a corpus is made up
    paths: Vec<PathBuf>,
    /// What a line must contain
    #[arg(long, default_value = "sortie of the last", value_parser = part_of_a_line)]
    pattern: String,
    /// How many workers the second search has; 0: one for each processor
    #[arg(long, default_value_t = 0, value_parser = number::within(0_u16..=1024))]
    workers: u16,
    /// MiB of text to make up
    #[arg(long, default_value_t = 64, value_parser = number::within(1_u32..=4096))]
    mib: u32,
    /// How many matches to print
    #[arg(long, default_value_t = 5)]
    show: usize,
    /// Print data instead of a table
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    ending::of(run)
}

fn run() -> Result<bool, Box<dyn Error>> {
    let options = Options::parse();
    let several = match options.workers {
        0 => std::thread::available_parallelism()?.get(),
        workers => workers.into(),
    };
    let corpus = if options.paths.is_empty() {
        Corpus::made_up(options.mib as usize * (1 << 20))
    } else {
        Corpus::read(&runtime(several)?, &options.paths)?
    };
    let mut trials = Vec::new();
    for workers in [1, several] {
        trials.push(search::run(&runtime(workers)?, &corpus, &options.pattern));
    }
    let report = Report { corpus: &corpus, pattern: &options.pattern, show: options.show, trials };
    if options.json {
        ending::print(format_args!("{:#}", report.json()))?;
    } else {
        ending::print(&report)?;
    }
    Ok(report.agrees())
}

fn part_of_a_line(pattern: &str) -> Result<String, &'static str> {
    if pattern.is_empty() || pattern.contains('\n') {
        return Err("it must be a part of one line: give at least one letter");
    }
    Ok(pattern.to_owned())
}

fn runtime(workers: usize) -> Result<Runtime, sortie::BuildError> {
    Runtime::builder().workers(workers).thread_name("scope").build()
}
