//! What a simulation must hold whatever is simulated.

use super::{Outcome, Simulation};
use crate::design::Design;
use crate::load::{Kind, Load};
use crate::machine::Costs;

const COSTS: Costs =
    Costs { look: 1, own: 5, transfer: 100, hold: 30, wake: 1_500, until_awake: 6_000 };

fn run(kind: Kind, work_ns: u64, workers: usize, design: Design) -> Outcome {
    let mut load = Load::new(kind, work_ns, workers);
    Simulation::new(workers, &COSTS, design, &mut load).run()
}

#[test]
fn every_task_is_worked_off_once() {
    for workers in [1, 2, 7, 64] {
        for design in [Design::AS_IT_IS, Design::CHANGED] {
            let tree = run(Kind::Tree, 1_000, workers, design);
            assert_eq!((tree.tasks + 1).count_ones(), 1, "a tree of two has 2^n - 1 tasks");
            let outside = run(Kind::Outside, 10_000, workers, design);
            assert_eq!(outside.tasks, 2_000 * workers as u64);
        }
    }
}

#[test]
fn nobody_works_more_than_there_is_time() {
    for kind in [Kind::Outside, Kind::Tree, Kind::Blocking { native_ns: 50_000 }] {
        for workers in [1, 3, 32] {
            let outcome = run(kind, 5_000, workers, Design::AS_IT_IS);
            let efficiency = outcome.efficiency;
            assert!((0.0..=1.02).contains(&efficiency), "{kind:?}, {workers}: {efficiency}");
        }
    }
}

#[test]
fn a_line_that_all_need_is_the_limit() {
    let outcome = run(Kind::Outside, 1_000, 64, Design::AS_IT_IS);
    let (name, share) = outcome.busiest;
    assert!(name == "injector" && share > 0.95, "{name} {share}");
    let per_ns = outcome.tasks as f64 / outcome.took_ns as f64;
    assert!((per_ns - 1.0 / COSTS.transfer as f64).abs() < 1e-3, "one task for each transfer");
}
