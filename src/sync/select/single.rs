//! The arm `recv` of what has one line: an answer, the latest value, messages that all receive.

use super::Standing;
use super::arm::{Arm, Outcome, is_some};
use super::recv::Receives;
use crate::sync::channel::{RecvError, TryRecvError};
use crate::sync::party::Party;
use crate::sync::{broadcast, oneshot, watch};
use sortie_scheduler::wait::{Place, Waiter};
use std::cell::Cell;
use std::sync::Arc;

/// What can be waited for in one line.
pub trait Source {
    type Got;
    /// What there is, if there is something.
    fn look(&self) -> Option<Self::Got>;
    /// Would [`Source::look`] give something?
    fn is_ready(&self) -> bool;
    fn enter<'a>(&'a self, waiter: &'a Waiter) -> Place<'a>;
}

impl<T> Source for oneshot::Receiver<T> {
    type Got = Result<T, RecvError>;

    fn look(&self) -> Option<Result<T, RecvError>> {
        match self.take() {
            Ok(message) => Some(Ok(message)),
            Err(TryRecvError::Disconnected) => Some(Err(RecvError)),
            Err(TryRecvError::Empty) => None,
        }
    }

    fn is_ready(&self) -> bool {
        self.is_ready()
    }

    fn enter<'a>(&'a self, waiter: &'a Waiter) -> Place<'a> {
        self.enter(waiter)
    }
}

impl<T> Source for watch::Receiver<T> {
    type Got = Result<(), RecvError>;

    fn look(&self) -> Option<Result<(), RecvError>> {
        self.try_changed()
    }

    fn is_ready(&self) -> bool {
        self.has_changed() != Ok(false)
    }

    fn enter<'a>(&'a self, waiter: &'a Waiter) -> Place<'a> {
        self.enter(waiter)
    }
}

impl<T: Clone> Source for broadcast::Receiver<T> {
    type Got = Result<T, broadcast::RecvError>;

    fn look(&self) -> Option<Result<T, broadcast::RecvError>> {
        self.look()
    }

    fn is_ready(&self) -> bool {
        self.is_ready()
    }

    fn enter<'a>(&'a self, waiter: &'a Waiter) -> Place<'a> {
        self.enter(waiter)
    }
}

/// See the module.
pub struct Single<'a, S: Source> {
    source: &'a S,
    outcome: Cell<Option<S::Got>>,
}

impl<'a, S: Source> Single<'a, S> {
    fn new(source: &'a S) -> Single<'a, S> {
        Single { source, outcome: Cell::new(None) }
    }
}

impl<S: Source> Outcome for Single<'_, S> {
    type Got = S::Got;
    fn outcome(self) -> S::Got {
        self.outcome.into_inner().expect("the arm that is taken is done")
    }
}

impl<S: Source> Arm for Single<'_, S> {
    fn attempt(&self) -> bool {
        let got = self.source.look();
        let is_done = got.is_some();
        self.outcome.set(got);
        is_done
    }

    fn is_done(&self) -> bool {
        is_some(&self.outcome)
    }

    fn is_ready(&self, _: &Arc<Party>) -> bool {
        self.source.is_ready()
    }

    fn enter<'a>(&'a self, waiter: &'a Waiter, _: Option<&Arc<Party>>, _: usize) -> Standing<'a> {
        Standing::InLine(self.source.enter(waiter))
    }
}

impl<T> Receives for oneshot::Receiver<T> {
    type Got = Result<T, RecvError>;
    type Arm<'a>
        = Single<'a, oneshot::Receiver<T>>
    where
        T: 'a;
    fn arm(&self) -> Single<'_, oneshot::Receiver<T>> {
        Single::new(self)
    }
}

impl<T> Receives for watch::Receiver<T> {
    type Got = Result<(), RecvError>;
    type Arm<'a>
        = Single<'a, watch::Receiver<T>>
    where
        T: 'a;
    fn arm(&self) -> Single<'_, watch::Receiver<T>> {
        Single::new(self)
    }
}

impl<T: Clone> Receives for broadcast::Receiver<T> {
    type Got = Result<T, broadcast::RecvError>;
    type Arm<'a>
        = Single<'a, broadcast::Receiver<T>>
    where
        T: 'a;
    fn arm(&self) -> Single<'_, broadcast::Receiver<T>> {
        Single::new(self)
    }
}
