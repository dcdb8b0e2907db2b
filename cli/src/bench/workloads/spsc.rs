//! `spsc`: the price of a message from one task to another.

use super::{end, runtime, timed};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Trial, WarmUp, Workload, check};
use serde_json::Value;
use sortie::Runtime;
use sortie::sync::channel;

pub(crate) const CAPACITY: usize = 128;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "spsc",
    definition: "a message from one task to another over a channel of capacity 128",
    ops: 8_000_000,
    unit: |_| 1,
    warm_up: WarmUp::Growing,
    tasks: None,
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| Ok(Box::new(Messages { runtime: runtime(setup)?, senders: 1 })),
    }],
};

/// So many tasks send, one receives.
pub(super) struct Messages {
    pub(super) runtime: Runtime,
    pub(super) senders: u64,
}

impl Trial for Messages {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let (senders, each) = (self.senders, ops / self.senders);
        let (took, sum) = timed(&self.runtime, move || {
            let (sender, receiver) = channel::bounded(CAPACITY);
            let tasks: Vec<_> = (0..senders)
                .map(|_| {
                    let sender = sender.clone();
                    sortie::spawn(move || {
                        (0..each).for_each(|n| sender.send(n).expect("the receiver stays"));
                        each
                    })
                })
                .collect();
            drop(sender);
            let sum = sortie::spawn(move || receiver.iter().sum::<u64>());
            for task in tasks {
                task.join().expect("a task that only sends does not fail");
            }
            sum.join().expect("a task that only receives does not fail")
        });
        check("the sum of all messages", sum_of(ops, senders), sum)?;
        Ok(Sample::new(took))
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        end(self.runtime)?;
        Ok(Vec::new())
    }
}

/// What the messages of all senders must come to.
pub(crate) fn sum_of(ops: u64, senders: u64) -> u64 {
    let each = ops / senders;
    senders * (each * (each - 1) / 2)
}
