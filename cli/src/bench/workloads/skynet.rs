//! `skynet`: a tree of tasks, each of which waits for its ten children.
//!
//! Named after the benchmark of that name, which passes numbers through channels; here a task is joined.

use super::{child, end, runtime, timed};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Trial, WarmUp, Workload, check};
use serde_json::Value;
use sortie::{JoinHandle, Runtime};

/// Children of an inner node.
pub(crate) const BRANCHES: u64 = 10;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "skynet",
    definition: "a tree of tasks in which each spawns ten and joins them, down to the leaves, whose numbers \
                 are summed up: the time until the root is joined, by the number of leaves; every 1,000th \
                 leaf yields once",
    ops: 1_000_000,
    unit: |_| 1,
    warm_up: WarmUp::Whole,
    tasks: None,
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| Ok(Box::new(Tree(runtime(setup)?))),
    }],
};

struct Tree(Runtime);

impl Trial for Tree {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let (took, sum) = timed(&self.0, move || {
            sortie::spawn(move || node(0, ops)).join().expect("the root does not fail")
        });
        check("sum of the leaves", ops * (ops - 1) / 2, sum)?;
        Ok(Sample::new(took))
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        end(self.0)?;
        Ok(Vec::new())
    }
}

/// The node above these leaves, or the leaf.
fn node(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return child(first);
    }
    let mut children: [Option<JoinHandle<u64>>; BRANCHES as usize] = Default::default();
    for (place, (first, leaves)) in children.iter_mut().zip(branches(first, leaves)) {
        *place = Some(sortie::spawn(move || node(first, leaves)));
    }
    children.into_iter().flatten().map(|child| child.join().expect("a node does not fail")).sum()
}

/// The leaves below each child of a node: ten equal parts, as far as that goes; none is empty.
pub(crate) fn branches(first: u64, leaves: u64) -> impl Iterator<Item = (u64, u64)> {
    let parts = leaves.min(BRANCHES);
    (0..parts).map(move |part| {
        let (from, to) = (part * leaves / parts, (part + 1) * leaves / parts);
        (first + from, to - from)
    })
}

#[cfg(test)]
mod tests {
    use super::branches;

    #[test]
    fn the_branches_of_a_node_have_all_its_leaves() {
        for leaves in [2, 9, 10, 11, 99, 100, 12_345] {
            let mut next = 7;
            for (first, part) in branches(7, leaves) {
                assert_eq!(first, next, "{leaves}");
                assert!(part > 0 && part < leaves, "{leaves}");
                next += part;
            }
            assert_eq!(next, 7 + leaves);
        }
        assert!(branches(0, 1_000_000).all(|(_, part)| part == 100_000));
    }
}
