//! `scaling`: how far the runtime's shared places carry on machines with many processors.
//!
//! The machine at hand has few. What its processors pay for a cache line of another, a lock, a wake-up and a
//! memory barrier is measured; what happens when many do it at once is simulated, for the shared places as they
//! are and with the changes that larger machines would ask for. `--write docs/SCALING.md` puts the tables into
//! that page, with costs that are the same everywhere, so that the page is what the simulation says.
//!
//! - `machine`: the elementary costs. `line`: a cache line under contention. `design`: what could be otherwise.
//! - `load`: what is worked off. `simulation`: how the workers do it.
//! - `tables`: its outcomes, for the terminal and for the page. `page`: where they stand in it.

mod design;
#[path = "../../../examples/shared/ending.rs"]
mod ending;
mod line;
mod load;
mod machine;
#[path = "../../../examples/shared/number.rs"]
mod number;
mod page;
mod simulation;
mod tables;

use clap::Parser;
use machine::Costs;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use tables::LOADS;

/// Simulates the runtime's shared places on 1 to 256 processors, or as many as are asked for.
#[derive(Debug, Parser)]
#[command(name = "scaling", version, allow_negative_numbers = true)]
struct Options {
    /// How many workers, each on a processor of its own
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_values_t = [1, 8, 16, 32, 64, 128, 256],
          value_parser = number::within(1_usize..=4096))]
    workers: Vec<usize>,
    /// Nanoseconds for a cache line of another core, instead of what is measured here: 60 to 120 is usual within a
    /// socket, 150 to 300 between two
    #[arg(long, value_name = "NS", value_parser = number::within(1_u64..=1_000_000))]
    transfer: Option<u64>,
    /// Nanoseconds to wake a thread, for who does it
    #[arg(long, value_name = "NS", value_parser = number::within(1_u64..=1_000_000))]
    wake: Option<u64>,
    /// Nanoseconds until a thread that is woken runs
    #[arg(long, value_name = "NS", value_parser = number::within(1_u64..=1_000_000))]
    until_awake: Option<u64>,
    /// Measures nothing, and puts the tables into a page, between its marks, for the costs that the page names
    #[arg(long, value_name = "FILE", conflicts_with_all = ["workers", "transfer", "wake", "until_awake"])]
    write: Option<PathBuf>,
}

fn main() -> ExitCode {
    ending::of(run)
}

fn run() -> Result<bool, Box<dyn Error>> {
    let options = Options::parse();
    if let Some(path) = &options.write {
        page::write(path).map_err(|error| format!("--write {}: {error}", path.display()))?;
        return Ok(true);
    }
    let mut costs = Costs::measure();
    ending::print(format_args!("Costs in ns, measured: {costs:?}"))?;
    costs.transfer = options.transfer.unwrap_or(costs.transfer);
    costs.wake = options.wake.unwrap_or(costs.wake);
    costs.until_awake = options.until_awake.unwrap_or(costs.until_awake);
    ending::print(format_args!("Costs in ns, simulated: {costs:?}"))?;
    ending::print(match machine::membarrier() {
        Some(ns) => format!("A barrier in all threads, one more being at work: {ns} ns"),
        None => "A barrier in all threads: the kernel has none".to_owned(),
    })?;
    for load in &LOADS {
        let table = tables::in_full(load, &options.workers, &costs);
        ending::print(format_args!("\n## {}\n\n{table}", load.title))?;
    }
    Ok(true)
}
