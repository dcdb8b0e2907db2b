//! `fib`: fork and join, with a little work in each leaf.

use super::{end, runtime, timed};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Trial, WarmUp, Workload, check};
use serde_json::Value;
use sortie::Runtime;

/// Which number of the sequence is computed.
pub(crate) const N: u64 = 32;

/// From here down by plain calls.
pub(crate) const CUTOFF: u64 = 12;

/// Tasks for one such number: the leaves of the tree and all above them.
pub(crate) const TASKS: u64 = tasks_of(N);

/// What one such number is.
pub(crate) const VALUE: u64 = 2_178_309;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "fib",
    definition: "fib(32) by a tree of tasks in which each spawns two and joins them, down to fib(12) and \
                 fib(11), which are plain calls (about 170 ns a task): the time by the number of tasks; \
                 every 1,000th yields once",
    ops: 10 * TASKS,
    unit: |_| TASKS,
    warm_up: WarmUp::Growing,
    tasks: None,
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| Ok(Box::new(Fork(runtime(setup)?))),
    }],
};

struct Fork(Runtime);

impl Trial for Fork {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let (took, sum) = timed(&self.0, move || (0..ops / TASKS).map(|_| spawn(N, 0)).sum());
        check("sum of the numbers", ops / TASKS * VALUE, sum)?;
        Ok(Sample::new(took))
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        end(self.0)?;
        Ok(Vec::new())
    }
}

fn spawn(n: u64, path: u64) -> u64 {
    sortie::spawn(move || fork(n, path)).join().expect("a task that adds does not fail")
}

/// Both branches are tasks. `path` is how the root leads here, as bits.
fn fork(n: u64, path: u64) -> u64 {
    if yields(path) {
        sortie::yield_now();
    }
    if n <= CUTOFF {
        return plain(n);
    }
    let left = sortie::spawn(move || fork(n - 1, 2 * path + 1));
    let right = sortie::spawn(move || fork(n - 2, 2 * path + 2));
    let right = right.join().expect("a task that adds does not fail");
    left.join().expect("a task that adds does not fail") + right
}

/// One task in a thousand.
pub(crate) fn yields(path: u64) -> bool {
    path.is_multiple_of(1000)
}

/// The leaf's work.
pub(crate) fn plain(n: u64) -> u64 {
    if n < 2 { n } else { plain(n - 1) + plain(n - 2) }
}

const fn tasks_of(n: u64) -> u64 {
    if n <= CUTOFF { 1 } else { 1 + tasks_of(n - 1) + tasks_of(n - 2) }
}

#[cfg(test)]
mod tests {
    use super::{N, TASKS, VALUE, plain};

    #[test]
    fn the_value_is_that_number_of_the_sequence() {
        assert_eq!(plain(10), 55);
        let (mut value, mut next) = (0, 1);
        for _ in 0..N {
            (value, next) = (next, value + next);
        }
        assert_eq!(VALUE, value);
        assert_eq!(TASKS, 35_421);
    }
}
