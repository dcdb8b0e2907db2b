//! The command `sortie`: what the runtime costs, and what the machine offers it.
//!
//! - `bench`: measures workloads, each in a process of its own.
//! - `doctor`: looks at the machine and says what follows for a runtime on it.
//!
//! Here is the command line and nothing else.

mod bench;
mod doctor;
#[path = "../../examples/shared/number.rs"]
mod number;
mod output;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Measures the Sortie fiber runtime, and looks at the machine it is to run on.
#[derive(Debug, Parser)]
#[command(name = "sortie", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Bench(Box<bench::Options>),
    Doctor(doctor::Options),
    /// One case of a benchmark, in the process that `bench` starts for it.
    #[command(hide = true)]
    BenchCase {
        /// The case, as `bench` wrote it.
        case: String,
    },
    /// A process whose stack overflows, which a case starts.
    #[command(hide = true)]
    BenchGuard {
        /// The case, as that wrote it.
        case: String,
    },
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Bench(options) => bench::main(&options),
        Command::Doctor(options) => doctor::main(&options),
        Command::BenchCase { case } => bench::child_main(&case),
        Command::BenchGuard { case } => bench::guard_main(&case),
    }
}
