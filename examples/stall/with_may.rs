//! `may`: stackful coroutines, whose scheduler does not know of native calls. The next task waits for
//! the end of the call; how many workers there are changes nothing as long as all are busy, so it has
//! one.

use crate::contender::{Contender, Kind, Spare, Trial};
use crate::round::{Round, Sample, Setup};
use may::{coroutine::JoinHandle, go};
use std::sync::Arc;

/// In words: 64 KiB, as Sortie's tasks have.
const STACK_WORDS: usize = 8 << 10;

pub(crate) struct May {
    setup: Arc<Setup>,
}

impl May {
    /// Its scheduler starts with the first coroutine, and stays to the end of the process.
    pub(crate) fn start(setup: &Arc<Setup>) -> May {
        may::config().set_workers(1).set_stack_size(STACK_WORDS);
        let contender = May { setup: setup.clone() };
        // A coroutine's stack comes from a pool: not the first time.
        contender.prepare(Kind::Any, Spare::Absent)();
        contender
    }
}

impl Contender for May {
    fn name(&self) -> &'static str {
        "may"
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Any, Kind::Burning]
    }

    fn spares(&self) -> &'static [Spare] {
        &[Spare::Absent]
    }

    fn prepare(&self, kind: Kind, _spare: Spare) -> Trial<'_> {
        let round = Arc::new(match kind {
            Kind::Burning => Round::burning(&self.setup),
            _ => Round::blocking(&self.setup),
        });
        Box::new(move || {
            let task: JoinHandle<Sample> = go!(move || {
                let next = round.clone();
                let next = go!(move || next.next_task());
                round.leave();
                round.call();
                next.join().expect("the next task does not panic");
                round.sample(None)
            });
            task.join().expect("a task does not panic")
        })
    }
}
