//! The arm `recv`, and its stand in a channel.

use super::arm::{Arm, Outcome, is_some};
use super::{Offer, Standing};
use crate::sync::channel::rendezvous::{Rendezvous, Ticket};
use crate::sync::channel::{Receiver, RecvError, TryRecvError};
use crate::sync::party::Party;
use sortie_scheduler::wait::Waiter;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

/// A receive.
pub struct Recv<'a, T> {
    receiver: &'a Receiver<T>,
    outcome: Cell<Option<Result<T, RecvError>>>,
}

/// What the arm `recv` takes.
pub trait Receives {
    type Got;
    type Arm<'a>: Outcome<Got = Self::Got>
    where
        Self: 'a;
    fn arm(&self) -> Self::Arm<'_>;
}

impl<T> Receives for Receiver<T> {
    type Got = Result<T, RecvError>;
    type Arm<'a>
        = Recv<'a, T>
    where
        T: 'a;
    fn arm(&self) -> Recv<'_, T> {
        Recv { receiver: self, outcome: Cell::new(None) }
    }
}

impl<R: Receives> Receives for &R {
    type Got = R::Got;
    type Arm<'a>
        = R::Arm<'a>
    where
        Self: 'a;
    fn arm(&self) -> R::Arm<'_> {
        R::arm(self)
    }
}

/// The arm `recv`.
pub fn recv<R: Receives>(receiver: &R) -> R::Arm<'_> {
    receiver.arm()
}

impl<T> Outcome for Recv<'_, T> {
    type Got = Result<T, RecvError>;
    fn outcome(self) -> Result<T, RecvError> {
        self.outcome.into_inner().expect("the arm that is taken is done")
    }
}

impl<T> Arm for Recv<'_, T> {
    fn attempt(&self) -> bool {
        self.outcome.set(match self.receiver.try_recv() {
            Ok(message) => Some(Ok(message)),
            Err(TryRecvError::Disconnected) => Some(Err(RecvError)),
            Err(TryRecvError::Empty) => return false,
        });
        true
    }

    fn is_done(&self) -> bool {
        is_some(&self.outcome)
    }

    fn is_ready(&self, party: &Arc<Party>) -> bool {
        match self.receiver.shared().rendezvous() {
            Some(place) => place.is_sender_there(party),
            None => !self.receiver.is_empty() || self.receiver.is_closed(),
        }
    }

    fn enter<'a>(
        &'a self,
        waiter: &'a Waiter,
        party: Option<&Arc<Party>>,
        number: usize,
    ) -> Standing<'a> {
        match (self.receiver.shared().rendezvous(), party) {
            (Some(place), Some(party)) => {
                let ticket = Some(place.ask(party, number));
                Standing::Offering(Box::new(Request { arm: self, place, ticket }))
            }
            _ => Standing::InLine(self.receiver.shared().receivers.waiting.enter(waiter)),
        }
    }

    fn offers(&self) -> bool {
        self.receiver.shared().rendezvous().is_some()
    }

    fn look_again_at(&self) -> Option<Instant> {
        self.receiver.shared().rendezvous()?.look_again_at()
    }
}

/// A request for a message. Left by unwinding, it gives back what it was handed.
struct Request<'a, T> {
    arm: &'a Recv<'a, T>,
    place: &'a Rendezvous<T>,
    ticket: Option<Ticket>,
}

impl<T> Offer for Request<'_, T> {
    fn end(mut self: Box<Self>) {
        if let Some(message) = self.ticket.take().and_then(|ticket| self.place.desist(ticket)) {
            self.arm.outcome.set(Some(Ok(message)));
        }
    }
}

impl<T> Drop for Request<'_, T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.place.abandon(ticket);
        }
    }
}
