//! `pingpong`: the price of a question and its answer between two tasks.

use super::{end, runtime, timed};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Trial, WarmUp, Workload, check};
use serde_json::Value;
use sortie::Runtime;
use sortie::sync::channel;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "pingpong",
    definition: "a round trip between two tasks over two channels of capacity 1",
    ops: 1_000_000,
    unit: |_| 1,
    warm_up: WarmUp::Growing,
    tasks: None,
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| Ok(Box::new(RoundTrips(runtime(setup)?))),
    }],
};

struct RoundTrips(Runtime);

impl Trial for RoundTrips {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let (took, trips) = timed(&self.0, move || {
            let (ask, questions) = channel::bounded(1);
            let (answer, answers) = channel::bounded(1);
            let other = sortie::spawn(move || {
                let mut answered = 0;
                for question in &questions {
                    answer.send(question).expect("the one who asks waits for it");
                    answered += 1;
                }
                answered
            });
            let mut trips = 0;
            for trip in 0..ops {
                ask.send(trip).expect("the other answers until nobody asks");
                trips += u64::from(answers.recv() == Ok(trip));
            }
            drop(ask);
            trips.min(other.join().expect("a task that only answers does not fail"))
        });
        check("round trips", ops, trips)?;
        Ok(Sample::new(took))
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        end(self.0)?;
        Ok(Vec::new())
    }
}
