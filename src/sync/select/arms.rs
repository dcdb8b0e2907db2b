//! The arms: what each tries, where it stands, and what came of it.

use super::{Offer, Standing};
use crate::sync::channel::rendezvous::{Rendezvous, Ticket};
use crate::sync::channel::shared::Flavor;
use crate::sync::channel::{Disconnected, Receiver, RecvError, Sender, TryRecvError, TrySendError};
use crate::sync::party::Party;
use crate::{JoinError, JoinHandle};
use sortie_scheduler::wait::{Ends, Waiter, deadline};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One of the things that are waited for.
pub trait Arm {
    /// Tries it. True: it came to something, which the arm keeps.
    fn attempt(&self) -> bool;

    /// Has it come to something?
    fn is_done(&self) -> bool;

    /// Might it come to something, now that it stands in line? Asked of those that stand beside offers.
    fn is_ready(&self, party: &Arc<Party>) -> bool;

    /// Goes where it will be woken.
    fn enter<'a>(
        &'a self,
        waiter: &'a Waiter,
        party: Option<&Arc<Party>>,
        number: usize,
    ) -> Standing<'a>;

    /// Does it make offers?
    fn offers(&self) -> bool {
        false
    }

    /// When its time comes.
    fn time(&self) -> Option<Instant> {
        None
    }

    /// Whose end it waits for. `None`: others may bring it to something, too.
    fn ends(&self) -> Option<Ends<'_>> {
        None
    }

    /// When it is to be looked at again in any case. Asked of one that stands in line.
    fn look_again_at(&self) -> Option<Instant> {
        None
    }
}

/// What an arm that is taken has come to.
pub trait Outcome: Arm {
    type Got;
    fn outcome(self) -> Self::Got;
}

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

impl<T> Recv<'_, T> {
    fn rendezvous(&self) -> Option<&Rendezvous<T>> {
        match &self.receiver.shared().flavor {
            Flavor::Rendezvous(place) => Some(place),
            _ => None,
        }
    }
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
        match self.rendezvous() {
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
        match (self.rendezvous(), party) {
            (Some(place), Some(party)) => {
                let ticket = Some(place.ask(party, number));
                Standing::Offering(Box::new(Request { arm: self, place, ticket }))
            }
            _ => Standing::InLine(self.receiver.shared().receivers.waiting.enter(waiter)),
        }
    }

    fn offers(&self) -> bool {
        self.rendezvous().is_some()
    }

    fn look_again_at(&self) -> Option<Instant> {
        self.rendezvous()?.look_again_at()
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

impl<T> Send<'_, T> {
    fn rendezvous(&self) -> Option<&Rendezvous<T>> {
        match &self.sender.shared().flavor {
            Flavor::Rendezvous(place) => Some(place),
            _ => None,
        }
    }
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
            && match self.rendezvous() {
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
        let (Some(place), Some(party)) = (self.rendezvous(), party) else {
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
        self.is_on && self.rendezvous().is_some()
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

/// The end of a task.
pub struct Join<'a, T> {
    task: RefCell<&'a mut Option<JoinHandle<T>>>,
    outcome: Cell<Option<Result<T, JoinError>>>,
}

/// The arm `join`.
pub fn join<T>(task: &mut Option<JoinHandle<T>>) -> Join<'_, T> {
    Join { task: RefCell::new(task), outcome: Cell::new(None) }
}

impl<T> Outcome for Join<'_, T> {
    type Got = Result<T, JoinError>;
    fn outcome(self) -> Result<T, JoinError> {
        self.outcome.into_inner().expect("the arm that is taken is done")
    }
}

impl<T> Arm for Join<'_, T> {
    fn attempt(&self) -> bool {
        let mut task = self.task.borrow_mut();
        let Some(task) = task.take_if(|task| task.joins_at_once()) else { return false };
        self.outcome.set(Some(task.join()));
        true
    }

    fn is_done(&self) -> bool {
        is_some(&self.outcome)
    }

    fn is_ready(&self, _: &Arc<Party>) -> bool {
        self.task.borrow().as_ref().is_some_and(JoinHandle::joins_at_once)
    }

    fn enter<'a>(&'a self, waiter: &'a Waiter, _: Option<&Arc<Party>>, _: usize) -> Standing<'a> {
        let task = self.task.borrow();
        let Some(task) = task.as_ref() else { return Standing::Nowhere };
        // SAFETY: the arm has the handle to itself, enters once a wait, and joins only what has ended.
        unsafe { task.watch_end(waiter) }.map_or(Standing::Nowhere, Standing::Joining)
    }

    fn ends(&self) -> Option<Ends<'_>> {
        Some(self.task.borrow().as_ref().map_or_else(Ends::never, JoinHandle::ends))
    }
}

/// A time.
#[derive(Clone, Copy)]
pub struct Time(Instant);

/// The arm `after`.
pub fn after(duration: Duration) -> Time {
    Time(deadline(duration))
}

/// The arm `at`.
pub fn at(time: Instant) -> Time {
    Time(time)
}

impl Outcome for Time {
    type Got = ();
    fn outcome(self) {}
}

impl Arm for Time {
    fn attempt(&self) -> bool {
        Instant::now() >= self.0
    }

    fn is_done(&self) -> bool {
        true
    }

    fn is_ready(&self, _: &Arc<Party>) -> bool {
        self.attempt()
    }

    fn enter<'a>(&'a self, _: &'a Waiter, _: Option<&Arc<Party>>, _: usize) -> Standing<'a> {
        Standing::Nowhere
    }

    fn time(&self) -> Option<Instant> {
        Some(self.0)
    }
}

pub(super) fn is_some<T>(cell: &Cell<Option<T>>) -> bool {
    let value = cell.take();
    let is_some = value.is_some();
    cell.set(value);
    is_some
}
