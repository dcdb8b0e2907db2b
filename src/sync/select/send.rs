//! The arm `send`.

use super::arm::{Arm, Outcome, is_some};
use super::{Offer, Standing};
use crate::sync::channel::rendezvous::{Rendezvous, Ticket};
use crate::sync::channel::{Disconnected, Sender, TrySendError};
use crate::sync::party::Party;
use sortie_scheduler::wait::Waiter;
use std::cell::Cell;
use std::sync::Arc;

/// A send.
pub struct Send<'a, T> {
    sender: &'a Sender<T>,
    next: &'a Cell<Option<T>>,
    is_on: bool,
    outcome: Cell<Option<Result<(), Disconnected>>>,
}

/// The arm `send`.
pub fn send<'a, T>(sender: &'a Sender<T>, next: &'a mut Option<T>) -> Send<'a, T> {
    let is_on = next.is_some();
    Send { sender, next: Cell::from_mut(next), is_on, outcome: Cell::new(None) }
}

impl<T> Outcome for Send<'_, T> {
    type Got = Result<(), Disconnected>;
    fn outcome(self) -> Result<(), Disconnected> {
        self.outcome.into_inner().expect("the arm that is taken is done")
    }
}

impl<T> Arm for Send<'_, T> {
    fn attempt(&self) -> bool {
        // None: it is switched off, or its message is in an offer.
        let Some(message) = self.next.take() else { return false };
        match self.sender.try_send(message) {
            Ok(()) => self.outcome.set(Some(Ok(()))),
            Err(TrySendError::Disconnected(message)) => {
                self.next.set(Some(message));
                self.outcome.set(Some(Err(Disconnected)));
            }
            Err(TrySendError::Full(message)) => {
                self.next.set(Some(message));
                return false;
            }
        }
        true
    }

    fn is_done(&self) -> bool {
        is_some(&self.outcome)
    }

    fn is_ready(&self, party: &Arc<Party>) -> bool {
        self.is_on
            && match self.sender.shared().rendezvous() {
                Some(place) => place.is_receiver_there(party),
                None => {
                    self.sender.is_closed()
                        || self.sender.capacity().is_none_or(|most| self.sender.len() < most)
                }
            }
    }

    fn enter<'a>(
        &'a self,
        waiter: &'a Waiter,
        party: Option<&Arc<Party>>,
        number: usize,
    ) -> Standing<'a> {
        let (Some(place), Some(party)) = (self.sender.shared().rendezvous(), party) else {
            return match self.is_on {
                true => Standing::InLine(self.sender.shared().senders.waiting.enter(waiter)),
                false => Standing::Nowhere,
            };
        };
        let Some(message) = self.next.take() else { return Standing::Nowhere };
        match place.offer(message, party, number) {
            Ok(ticket) => {
                Standing::Offering(Box::new(Offered { arm: self, place, ticket: Some(ticket) }))
            }
            // Disconnected: the look that follows finds that.
            Err(message) => {
                self.next.set(Some(message));
                Standing::Nowhere
            }
        }
    }

    fn offers(&self) -> bool {
        self.is_on && self.sender.shared().rendezvous().is_some()
    }
}

/// A message on offer. What nobody has taken goes back to where it was, also by unwinding.
struct Offered<'a, T> {
    arm: &'a Send<'a, T>,
    place: &'a Rendezvous<T>,
    ticket: Option<Ticket>,
}

impl<T> Offer for Offered<'_, T> {
    fn end(self: Box<Self>) {}
}

impl<T> Drop for Offered<'_, T> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        match self.place.withdraw(ticket) {
            None => self.arm.outcome.set(Some(Ok(()))),
            back => self.arm.next.set(back),
        }
    }
}
