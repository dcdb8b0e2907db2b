//! What is measured beside what, and how often: the groups of cases that the command line asks for.

use super::case::{Case, Mode, Peer};
use super::workload::{self, Contender, Setup, WarmUp, Workload};

/// Those who do the same work, and so take turns.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) cases: Vec<Case>,
    pub(super) runs: u32,
}

/// A group, before it is known who is in it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) workload: &'static Workload,
    pub(super) workers: usize,
    pub(super) tasks: Option<u64>,
}

/// What holds for all groups.
#[derive(Debug)]
pub(super) struct Plan {
    /// Those of ours.
    pub(super) modes: Vec<Mode>,
    /// Who is measured.
    pub(super) peers: Vec<Peer>,
    /// The smallest number of workers: who has none of his own is measured with that alone.
    pub(super) fewest_workers: usize,
    pub(super) runs: u32,
    pub(super) scale: f64,
    /// Operations of a run, whatever the workload has by default.
    pub(super) ops: Option<u64>,
    pub(super) pin: bool,
}

/// The points of the curves: how many tasks, how many workers.
const TASKS: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
const WORKERS: [usize; 4] = [1, 2, 4, 8];

/// Whose cost is shown over the number of tasks, and of workers.
const OVER_TASKS: [&str; 2] = ["yield1k", "spawnbatch"];
const OVER_WORKERS: [&str; 2] = ["yield1k", "fib"];

/// Points of a curve, and what takes seconds each time, have so many runs at most.
const FEW_RUNS: u32 = 3;

/// What a report measures beyond the usual: the points of its curves that are not among `usual`.
pub(super) fn curves(usual: &[Place]) -> Vec<(Place, u32)> {
    let mut points = Vec::new();
    for workload in
        workload::ALL.iter().filter(|it| usual.iter().any(|at| at.workload.name == it.name))
    {
        if let Some(default) = workload.tasks.filter(|_| OVER_TASKS.contains(&workload.name)) {
            let others = TASKS.into_iter().filter(|tasks| *tasks != default);
            points.extend(others.map(|tasks| Place { workload, workers: 1, tasks: Some(tasks) }));
        }
        if OVER_WORKERS.contains(&workload.name) {
            points.extend(WORKERS.map(|workers| Place { workload, workers, tasks: None }));
        }
    }
    let is_new = |it: &Place| {
        !usual.iter().any(|at| {
            (at.workload.name, at.workers, at.tasks) == (it.workload.name, it.workers, it.tasks)
        })
    };
    points.into_iter().filter(is_new).map(|it| (it, FEW_RUNS)).collect()
}

impl Plan {
    pub(super) fn group(&self, at: Place, at_most: u32) -> Group {
        let is_slow = at.workload.warm_up == WarmUp::Nothing;
        let at_most = if is_slow { at_most.min(FEW_RUNS) } else { at_most };
        let contenders = at.workload.all_contenders().filter(|it| self.wants(at, it.peer));
        let cases = contenders.flat_map(|it| self.cases(at, it)).collect();
        Group { cases, runs: self.runs.min(at_most) }
    }

    fn wants(&self, at: Place, peer: Peer) -> bool {
        self.peers.contains(&peer) && (peer.has_workers() || at.workers == self.fewest_workers)
    }

    fn cases(&self, at: Place, contender: &Contender) -> Vec<Case> {
        let modes = if contender.peer == Peer::Sortie { &*self.modes } else { &[Mode::Own] };
        let case = |&mode| Case {
            peer: contender.peer,
            mode,
            workload: at.workload.name.to_owned(),
            workers: at.workers,
            tasks: at.tasks,
            ops: self.ops(at, mode),
            may_shorten: self.ops.is_none(),
            pin: self.pin,
        };
        modes.iter().map(case).collect()
    }

    fn ops(&self, at: Place, mode: Mode) -> u64 {
        let ops = self.ops.unwrap_or_else(|| (at.workload.ops as f64 * self.scale).ceil() as u64);
        let setup = Setup { workers: at.workers, mode, tasks: at.tasks };
        ops.max(1).next_multiple_of((at.workload.unit)(&setup))
    }
}

#[cfg(test)]
mod tests {
    use super::super::workload;
    use super::{Mode, Peer, Place, Plan, curves};

    fn plan() -> Plan {
        Plan {
            modes: vec![Mode::Pinned, Mode::Migrating],
            peers: vec![Peer::Sortie],
            fewest_workers: 1,
            runs: 5,
            scale: 0.5,
            ops: None,
            pin: true,
        }
    }

    #[test]
    fn both_modes_of_ours_take_turns() {
        let workload = workload::find("yield1").unwrap();
        let group = plan().group(Place { workload, workers: 2, tasks: None }, u32::MAX);
        let modes: Vec<Mode> = group.cases.iter().map(|it| it.mode).collect();
        assert_eq!(modes, [Mode::Pinned, Mode::Migrating]);
        assert!(group.cases.iter().all(|it| it.ops == workload.ops / 2 && it.workers == 2));
        assert_eq!(group.runs, 5);
    }

    #[test]
    fn a_curve_has_the_points_that_are_not_measured_anyway() {
        let workload = workload::find("yield1k").unwrap();
        let usual = [1, 2].map(|workers| Place { workload, workers, tasks: None });
        let points: Vec<_> = curves(&usual).iter().map(|(it, _)| (it.workers, it.tasks)).collect();
        let tasks = [10_000, 100_000, 1_000_000].map(|tasks| (1, Some(tasks)));
        assert_eq!(points, [tasks.as_slice(), &[(4, None), (8, None)]].concat());
        let workload = workload::find("yield1").unwrap();
        assert!(curves(&[Place { workload, workers: 1, tasks: None }]).is_empty());
    }
}
