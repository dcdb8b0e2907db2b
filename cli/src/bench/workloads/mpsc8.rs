//! `mpsc8`: the price of a message from one of eight tasks to another.

use super::runtime;
use super::spsc::Messages;
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, WarmUp, Workload};

pub(crate) const SENDERS: u64 = 8;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "mpsc8",
    definition: "a message from one of 8 tasks to a ninth over a channel of capacity 128",
    ops: 8_000_000,
    unit: |setup| setup.tasks.unwrap_or(SENDERS),
    warm_up: WarmUp::Growing,
    tasks: Some(SENDERS),
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| {
            let senders = setup.tasks.unwrap_or(SENDERS);
            Ok(Box::new(Messages { runtime: runtime(setup)?, senders }))
        },
    }],
};
