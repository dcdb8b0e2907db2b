//! The outcomes of simulations, as tables: a row for a number of workers, columns for a length of work.

use crate::design::Design;
use crate::load::{Kind, Load};
use crate::machine::Costs;
use crate::simulation::{Outcome, Simulation};
use std::fmt::Write as _;

/// What is simulated for some lengths of work.
pub(crate) struct Simulated {
    /// What its table in the page is called.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    kind: Kind,
    works_ns: [u64; 3],
    /// What has this length, in the page's table.
    of_what: &'static str,
}

pub(crate) const LOADS: [Simulated; 3] = [
    Simulated {
        name: "outside",
        title: "Tasks from outside",
        kind: Kind::Outside,
        works_ns: [1_000, 10_000, 100_000],
        of_what: "each",
    },
    Simulated {
        name: "tree",
        title: "A tree of tasks",
        kind: Kind::Tree,
        works_ns: [200, 1_000, 10_000],
        of_what: "a leaf",
    },
    Simulated {
        name: "blocking",
        title: "Native calls that block for 200 us",
        kind: Kind::Blocking { native_ns: 200_000 },
        works_ns: [5_000, 20_000, 100_000],
        of_what: "between calls",
    },
];

/// With throughputs, and with the shared place that was busiest.
pub(crate) fn in_full(load: &Simulated, workers: &[usize], costs: &Costs) -> String {
    let heads = load.works_ns.map(|ns| format!(" {} us | busiest | changed |", us(ns))).concat();
    let mut text = format!("| workers |{heads}\n|---{}|\n", "|---".repeat(9));
    for &workers in workers {
        let _ = write!(text, "| {workers} |");
        for work_ns in load.works_ns {
            let run = |design| run(load.kind, work_ns, workers, costs, design);
            let (now, changed) = (run(Design::AS_IT_IS), run(Design::CHANGED));
            let (name, share) = now.busiest;
            let (now, changed) = (throughput(&now), throughput(&changed));
            let _ = write!(text, " {now} | {name} {:.0} % | {changed} |", 100.0 * share);
        }
        text.push('\n');
    }
    text
}

/// With efficiencies only, as the page has it.
pub(crate) fn in_short(load: &Simulated, workers: &[usize], costs: &Costs) -> String {
    let [first, others @ ..] = load.works_ns.map(us);
    let mut text = format!("| workers | {first} us {} | changed |", load.of_what);
    others.iter().for_each(|us| {
        let _ = write!(text, " {us} us | changed |");
    });
    let _ = write!(text, "\n|{}\n", "---|".repeat(7));
    for &workers in workers {
        let _ = write!(text, "| {workers} |");
        for work_ns in load.works_ns {
            for design in [Design::AS_IT_IS, Design::CHANGED] {
                let outcome = run(load.kind, work_ns, workers, costs, design);
                let _ = write!(text, " {:.0} % |", 100.0 * outcome.efficiency);
            }
        }
        text.push('\n');
    }
    text
}

fn run(kind: Kind, work_ns: u64, workers: usize, costs: &Costs, design: Design) -> Outcome {
    let mut load = Load::new(kind, work_ns, workers);
    Simulation::new(workers, costs, design, &mut load).run()
}

fn us(ns: u64) -> f64 {
    ns as f64 / 1e3
}

/// Of all the workers' time, what was the tasks' own work.
fn throughput(outcome: &Outcome) -> String {
    let millions = outcome.tasks as f64 / outcome.took_ns.max(1) as f64 * 1e3;
    format!("{:.0} % ({millions:.2} M/s)", 100.0 * outcome.efficiency)
}
