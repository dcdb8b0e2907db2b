//! How a worker is taken from a carrier whose task is in native code. See the README.

use super::fence;
use super::word::{Native, Snapshot};
use crate::carrier::{Carrier, CarrierRef};
use crate::sync::Mutex;
use crate::worker::Worker;

/// The right to ask for workers in mode A: one taker at a time, so that a request has one author.
#[derive(Debug, Default)]
pub(crate) struct Retaking(Mutex<()>);

impl Retaking {
    /// Takes the workers of those candidates that are still in the call that was seen, and hands
    /// each to `taken`. One heavy fence serves all of them.
    pub(crate) fn take(
        &self,
        candidates: &[(CarrierRef, Snapshot)],
        mut taken: impl FnMut(CarrierRef, Box<Worker>),
    ) {
        let of = |mode| {
            candidates.iter().filter(move |(carrier, seen)| carrier.takeable(*seen) == Some(mode))
        };
        for (carrier, seen) in of(Native::Compare) {
            if let Some(worker) = take_compare(carrier, *seen) {
                taken(*carrier, worker);
            }
        }
        if of(Native::Asymmetric).next().is_none() {
            return;
        }
        let guard = self.0.lock();
        let asked: Vec<_> = of(Native::Asymmetric).filter(|it| it.0.request.ask()).collect();
        let is_fenced = !asked.is_empty() && fence::heavy_half();
        let mut won = Vec::new();
        for (carrier, seen) in asked {
            if is_fenced
                && carrier.word.load() == *seen
                && let Some(worker) = carrier.take_from(|| carrier.request.claim())
            {
                won.push((*carrier, worker));
            } else {
                carrier.request.withdraw();
            }
        }
        // What becomes of a worker is no matter of this lock.
        drop(guard);
        for (carrier, worker) in won {
            taken(carrier, worker);
        }
    }
}

/// Takes the worker of a carrier that was seen in mode C. By anybody, at any time.
fn take_compare(carrier: &Carrier, seen: Snapshot) -> Option<Box<Worker>> {
    carrier.take_from(|| carrier.word.retake(seen))
}
