//! `scaling`: how far the runtime's shared places carry on machines with many processors.
//!
//! The machine at hand has few. What its processors pay for a cache line of another, a lock, a wake-up and a
//! memory barrier is measured; what happens when many do it at once is simulated, for the shared places as they
//! are and with the changes that larger machines would ask for. It prints the tables of `docs/SCALING.md`.
//!
//! - `machine`: the elementary costs. `line`: a cache line under contention. `design`: what could be otherwise.
//! - `load`: what is worked off. `simulation`: how the workers do it.

mod design;
mod line;
mod load;
mod machine;
mod simulation;

use clap::Parser;
use design::Design;
use load::{Kind, Load};
use machine::Costs;
use simulation::{Outcome, Simulation};

/// Simulate the runtime's shared places on 1 to 256 processors.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// How many workers, each on a processor of its own.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 16, 32, 64, 128, 256])]
    workers: Vec<usize>,
    /// Nanoseconds for a cache line of another core, instead of what is measured here: 60 to 120 is usual within a
    /// socket, 150 to 300 between two.
    #[arg(long)]
    transfer: Option<u64>,
    /// Nanoseconds to wake a thread, for who does it.
    #[arg(long)]
    wake: Option<u64>,
    /// Nanoseconds until a thread that is woken runs.
    #[arg(long)]
    until_awake: Option<u64>,
}

fn main() {
    let options = Options::parse();
    let mut costs = Costs::measure();
    println!("Costs in ns, measured: {costs:?}");
    costs.transfer = options.transfer.unwrap_or(costs.transfer);
    costs.wake = options.wake.unwrap_or(costs.wake);
    costs.until_awake = options.until_awake.unwrap_or(costs.until_awake);
    println!("Costs in ns, simulated: {costs:?}");
    match machine::membarrier() {
        Some(ns) => println!("A barrier in all threads, one more being at work: {ns} ns"),
        None => println!("A barrier in all threads: the kernel has none"),
    }
    let loads = [
        ("Tasks from outside", Kind::Outside, [1_000, 10_000, 100_000]),
        ("A tree of tasks", Kind::Tree, [200, 1_000, 10_000]),
        (
            "Native calls that block for 200 us",
            Kind::Blocking { native_ns: 200_000 },
            [5_000, 20_000, 100_000],
        ),
    ];
    for (name, kind, works) in loads {
        println!("\n## {name}\n");
        table(&options.workers, &costs, kind, &works);
    }
}

/// One row for a number of workers, two columns for a length of work.
fn table(workers: &[usize], costs: &Costs, kind: Kind, works: &[u64]) {
    print!("| workers |");
    for work in works {
        print!(" {} us | busiest | changed |", *work as f64 / 1e3);
    }
    println!("\n|---{}|", "|---".repeat(3 * works.len()));
    for &workers in workers {
        print!("| {workers} |");
        for &work in works {
            let run = |design| {
                let mut load = Load::new(kind, work, workers);
                Simulation::new(workers, costs, design, &mut load).run()
            };
            let (now, changed) = (run(Design::AS_IT_IS), run(Design::CHANGED));
            let (name, share) = now.busiest;
            print!(
                " {} | {name} {:.0} % | {} |",
                throughput(&now),
                100.0 * share,
                throughput(&changed)
            );
        }
        println!();
    }
}

/// Of all the workers' time, what was the tasks' own work.
fn throughput(outcome: &Outcome) -> String {
    let millions = outcome.tasks as f64 / outcome.took_ns.max(1) as f64 * 1e3;
    format!("{:.0} % ({millions:.2} M/s)", 100.0 * outcome.efficiency)
}
