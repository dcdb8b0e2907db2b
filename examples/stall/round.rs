//! One native call, and the task that waits behind it.
//!
//! A task spawns the next one, notes the time, and calls. The next one notes the time as the first thing
//! it does; the wait is what lies between. `poll` blocks until the next task has run, and for a while
//! longer, so that a runtime can learn that such calls are long. Where nobody lets the next task run,
//! the call ends by itself, and the wait is as long as the call.

use crate::calls::{self, Bell, Key};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long a blocking call lasts after the next task has begun.
const HOLD: Duration = Duration::from_micros(300);

/// How long ago a spare may have become free and still be hot.
const HOT: Duration = Duration::from_micros(50);

/// How long ago at most when the next task is spawned: that takes its time too.
pub(crate) const PRIMED: Duration = Duration::from_micros(30);

/// How often a hot trial tries to find a spare that hot.
pub(crate) const PRIMERS: u32 = 20;

/// The limits of the calls.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// How long `poll` blocks at most.
    pub(crate) limit: Duration,
    /// What `qsort` is given.
    pub(crate) keys: Vec<Key>,
}

/// What a trial found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// What the next task waited.
    pub(crate) wait: Duration,
    /// How long before the call the spare had become free, if it was to be hot.
    pub(crate) spare_free: Option<Duration>,
}

impl Sample {
    /// Was the spare to be hot, and was not?
    pub(crate) fn is_too_late(&self) -> bool {
        self.spare_free.is_some_and(|free| free >= HOT)
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Round {
    call: Call,
    left: OnceLock<Instant>,
    returned: OnceLock<Instant>,
    next_began: OnceLock<Instant>,
    next_ended: OnceLock<Instant>,
}

#[derive(Debug)]
enum Call {
    Poll(Bell, Duration),
    /// One thread sorts: the lock is never waited for.
    Sort(Mutex<Vec<Key>>),
}

impl Round {
    fn new(call: Call) -> Round {
        let stamp = OnceLock::new;
        Round { call, left: stamp(), returned: stamp(), next_began: stamp(), next_ended: stamp() }
    }

    /// The call will block.
    pub(crate) fn blocking(setup: &Setup) -> Round {
        Round::new(Call::Poll(Bell::new(), setup.limit))
    }

    /// The call will burn.
    pub(crate) fn burning(setup: &Setup) -> Round {
        Round::new(Call::Sort(Mutex::new(setup.keys.clone())))
    }

    /// The task is about to call. As the last thing before it.
    #[inline]
    pub(crate) fn leave(&self) {
        self.left.set(Instant::now()).expect("a round has one call");
    }

    /// The native call.
    pub(crate) fn call(&self) {
        match &self.call {
            Call::Poll(bell, limit) => {
                bell.poll(*limit);
            }
            Call::Sort(keys) => {
                calls::sort(&mut keys.lock().unwrap_or_else(PoisonError::into_inner));
            }
        }
        self.returned.set(Instant::now()).expect("a round has one call");
    }

    /// All that the next task does.
    #[inline]
    pub(crate) fn next_task(&self) {
        let began = Instant::now();
        self.next_began.set(began).expect("a round has one next task");
        if let Call::Poll(bell, _) = &self.call {
            while began.elapsed() < HOLD {
                std::hint::spin_loop();
            }
            bell.ring();
        }
        self.next_ended.set(Instant::now()).expect("a round has one next task");
    }

    /// When the next task had done its work, after which whoever ran it is free.
    pub(crate) fn next_ended(&self) -> Instant {
        *self.next_ended.get().expect("asked after it has ended")
    }

    /// When the native call had returned, after which a thread that served for it only is free.
    pub(crate) fn returned(&self) -> Instant {
        *self.returned.get().expect("asked after the call")
    }

    /// What was found, once both have ended. `free`: since when a spare was.
    pub(crate) fn sample(&self, free: Option<Instant>) -> Sample {
        let left = *self.left.get().expect("asked after the call");
        let began = *self.next_began.get().expect("asked after the next task");
        Sample {
            // None if it ran before the call.
            wait: began.saturating_duration_since(left),
            spare_free: free.map(|free| left.saturating_duration_since(free)),
        }
    }
}
