//! Where senders and receivers meet without a buffer.
//!
//! Who comes looks for one who waits on the other side, and claims it ([`Party`]): the message changes hands
//! under the lock. Who finds nobody makes an *offer* and waits. An offer of a sender holds its message; what is
//! handed to a receiver lies under its number until the receiver takes it.
//!
//! - INVARIANT(rendezvous.kept): a message is with its sender, in an offer, under the number of a receiver that was
//!   claimed, among those that came back, or received.
//! - A receiver that was handed a message and unwinds gives it back: it goes to the next who receives, although its
//!   sender is gone. Until then nobody is told that the channel has ended. From a receiver whose runtime has ended
//!   around it the sender takes it back.
//!
//! Must not: wake, or drop a message or a party, under the lock.

use super::error::{RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError};
use super::shared::wait;
use crate::sync::party::Party;
use parking_lot::Mutex;
use sortie_scheduler::wait::Waiter;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// See the module.
pub(crate) struct Rendezvous<T> {
    core: Mutex<Core<T>>,
}

struct Core<T> {
    senders: VecDeque<Offer<T>>,
    receivers: VecDeque<Offer<()>>,
    /// What was handed to receivers who have not taken it yet.
    handed: Vec<(u64, T)>,
    /// What came back from receivers.
    returned: VecDeque<T>,
    is_closed: bool,
    next: u64,
}

struct Offer<M> {
    number: u64,
    party: Arc<Party>,
    arm: usize,
    message: M,
}

/// An offer's number, to take it back by.
#[derive(Clone, Copy)]
pub(crate) struct Ticket(u64);

/// What is done with a message that no receiver waits for.
enum Else<'a> {
    /// It goes back to the caller.
    Nothing,
    /// It is offered, and the party waits.
    Offer(&'a Arc<Party>),
}

/// What came of a receive that may ask.
enum Taken<T> {
    Message(T),
    Asked(Ticket),
}

/// Takes out the first offer whose party can be claimed. Those that cannot are on their way out.
fn claim<M>(offers: &mut VecDeque<Offer<M>>) -> Option<Offer<M>> {
    let at = offers.iter().position(|offer| offer.party.claim(offer.arm))?;
    offers.remove(at)
}

fn remove<M>(offers: &mut VecDeque<Offer<M>>, ticket: Ticket) -> Option<Offer<M>> {
    let at = offers.binary_search_by_key(&ticket.0, |offer| offer.number).ok()?;
    offers.remove(at)
}

impl<T> Core<T> {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn push_offer(&mut self, message: T, party: &Arc<Party>, arm: usize) -> Ticket {
        let number = self.number();
        self.senders.push_back(Offer { number, party: party.clone(), arm, message });
        Ticket(number)
    }

    fn push_request(&mut self, party: &Arc<Party>, arm: usize) -> Ticket {
        let number = self.number();
        self.receivers.push_back(Offer { number, party: party.clone(), arm, message: () });
        Ticket(number)
    }

    /// Can nothing come any more? What was handed over may come back.
    fn is_over(&self) -> bool {
        self.is_closed && self.handed.is_empty()
    }

    /// Who waits for a message.
    fn receivers(&self) -> Vec<Arc<Party>> {
        self.receivers.iter().map(|offer| offer.party.clone()).collect()
    }

    fn take_handed(&mut self, number: u64) -> Option<T> {
        let at = self.handed.iter().position(|(to, _)| *to == number)?;
        Some(self.handed.swap_remove(at).1)
    }
}

impl<T> Rendezvous<T> {
    pub(super) fn new() -> Rendezvous<T> {
        Rendezvous {
            core: Mutex::new(Core {
                senders: VecDeque::new(),
                receivers: VecDeque::new(),
                handed: Vec::new(),
                returned: VecDeque::new(),
                is_closed: false,
                next: 0,
            }),
        }
    }

    /// Hands the message to a receiver that waits.
    pub(crate) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.hand(message, Else::Nothing).map(drop)
    }

    /// Hands the message to a receiver that waits, or else does this with it, in one step.
    fn hand(&self, mut message: T, otherwise: Else<'_>) -> Result<Option<Ticket>, TrySendError<T>> {
        loop {
            let mut core = self.core.lock();
            if core.is_closed {
                return Err(TrySendError::Disconnected(message));
            }
            let Some(receiver) = claim(&mut core.receivers) else {
                return match otherwise {
                    Else::Nothing => Err(TrySendError::Full(message)),
                    Else::Offer(party) => Ok(Some(core.push_offer(message, party, 0))),
                };
            };
            core.handed.push((receiver.number, message));
            drop(core);
            if receiver.party.wake() {
                return Ok(None);
            }
            // It did not wait: awake, it has taken the message, or will; lost, it never does.
            match self.core.lock().take_handed(receiver.number) {
                None => return Ok(None),
                Some(back) => message = back,
            }
        }
    }

    /// Takes a message from a sender that waits.
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.take(None) {
            Ok(Taken::Message(message)) => Ok(message),
            Ok(Taken::Asked(_)) => Err(TryRecvError::Empty),
            Err(error) => Err(error),
        }
    }

    /// Takes a message from a sender that waits, or else asks for one, in one step.
    fn take(&self, otherwise: Option<&Arc<Party>>) -> Result<Taken<T>, TryRecvError> {
        let mut core = self.core.lock();
        if let Some(message) = core.returned.pop_front() {
            return Ok(Taken::Message(message));
        }
        if let Some(sender) = claim(&mut core.senders) {
            drop(core);
            sender.party.wake();
            return Ok(Taken::Message(sender.message));
        }
        match otherwise {
            _ if core.is_over() => Err(TryRecvError::Disconnected),
            Some(party) => Ok(Taken::Asked(core.push_request(party, 0))),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Offers a message for an arm of a party that stands in its own line already, and looks at
    /// [`Rendezvous::is_receiver_there`] after this.
    ///
    /// # Errors
    /// The message, if the channel is disconnected.
    pub(crate) fn offer(&self, message: T, party: &Arc<Party>, arm: usize) -> Result<Ticket, T> {
        let mut core = self.core.lock();
        if core.is_closed {
            return Err(message);
        }
        Ok(core.push_offer(message, party, arm))
    }

    /// Takes the offer back. `None`: somebody has taken the message.
    pub(crate) fn withdraw(&self, ticket: Ticket) -> Option<T> {
        let offer = remove(&mut self.core.lock().senders, ticket);
        offer.map(|offer| offer.message)
    }

    /// Asks for a message for an arm of a party. Else as [`Rendezvous::offer`].
    pub(crate) fn ask(&self, party: &Arc<Party>, arm: usize) -> Ticket {
        self.core.lock().push_request(party, arm)
    }

    /// Asks no more. The message, if one has been handed over.
    pub(crate) fn desist(&self, ticket: Ticket) -> Option<T> {
        let mut core = self.core.lock();
        let request = remove(&mut core.receivers, ticket);
        let message = core.take_handed(ticket.0);
        // Others may have waited for what becomes of it.
        let others = if core.is_over() { core.receivers() } else { Vec::new() };
        drop(core);
        drop(request);
        for party in others {
            party.wake();
        }
        message
    }

    /// As [`Rendezvous::desist`], by unwinding: what has been handed over is for others.
    pub(crate) fn abandon(&self, ticket: Ticket) {
        let mut core = self.core.lock();
        let request = remove(&mut core.receivers, ticket);
        let others = match core.take_handed(ticket.0) {
            Some(message) => {
                core.returned.push_back(message);
                core.receivers()
            }
            None => Vec::new(),
        };
        drop(core);
        drop(request);
        for party in others {
            party.wake();
        }
    }

    /// Does somebody other than the party wait for a message, or is there nobody to wait for?
    pub(crate) fn is_receiver_there(&self, party: &Arc<Party>) -> bool {
        let core = self.core.lock();
        core.is_closed || core.receivers.iter().any(|offer| !Arc::ptr_eq(&offer.party, party))
    }

    /// Does somebody other than the party offer a message, or is there nobody to wait for?
    pub(crate) fn is_sender_there(&self, party: &Arc<Party>) -> bool {
        let core = self.core.lock();
        core.is_over()
            || !core.returned.is_empty()
            || core.senders.iter().any(|offer| !Arc::ptr_eq(&offer.party, party))
    }

    /// Sends, waiting until this time at the latest.
    pub(super) fn send(
        &self,
        mut message: T,
        waiter: &Waiter,
        until: Option<Instant>,
    ) -> Result<(), SendTimeoutError<T>> {
        let mut in_time = true;
        loop {
            let party = Party::new();
            let place = party.enter(waiter);
            let otherwise = if in_time { Else::Offer(&party) } else { Else::Nothing };
            let ticket = match self.hand(message, otherwise) {
                Ok(None) => return Ok(()),
                Ok(Some(ticket)) => ticket,
                Err(TrySendError::Full(back)) => return Err(SendTimeoutError::Timeout(back)),
                Err(TrySendError::Disconnected(back)) => {
                    return Err(SendTimeoutError::Disconnected(back));
                }
            };
            let offer = Offered { place: self, ticket: Some(ticket) };
            in_time = wait(place, until);
            // Who has taken the message has taken the offer.
            match offer.withdraw() {
                None => return Ok(()),
                Some(back) => message = back,
            }
        }
    }

    /// Receives, waiting until this time at the latest.
    pub(super) fn recv(
        &self,
        waiter: &Waiter,
        until: Option<Instant>,
    ) -> Result<T, RecvTimeoutError> {
        let mut in_time = true;
        loop {
            let party = Party::new();
            let place = party.enter(waiter);
            let ticket = match self.take(in_time.then_some(&party)) {
                Ok(Taken::Message(message)) => return Ok(message),
                Ok(Taken::Asked(ticket)) => ticket,
                Err(TryRecvError::Empty) => return Err(RecvTimeoutError::Timeout),
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
            };
            let request = Asked { place: self, ticket: Some(ticket) };
            in_time = wait(place, until);
            if let Some(message) = request.desist() {
                return Ok(message);
            }
        }
    }

    /// The last handle of a side is gone: who waits on the other is woken.
    pub(super) fn close(&self) {
        let mut core = self.core.lock();
        core.is_closed = true;
        let parties: Vec<Arc<Party>> = core
            .senders
            .iter()
            .map(|offer| offer.party.clone())
            .chain(core.receivers.iter().map(|offer| offer.party.clone()))
            .collect();
        drop(core);
        for party in parties {
            party.wake();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.core.lock().is_closed
    }

    /// How many messages came back, and wait for a receiver.
    pub(super) fn len(&self) -> usize {
        self.core.lock().returned.len()
    }

    /// Drops what came back.
    pub(super) fn clear(&self) {
        let returned = std::mem::take(&mut self.core.lock().returned);
        drop(returned);
    }
}

/// An offer, taken back when the wait is left by unwinding.
struct Offered<'a, T> {
    place: &'a Rendezvous<T>,
    ticket: Option<Ticket>,
}

impl<T> Offered<'_, T> {
    fn withdraw(mut self) -> Option<T> {
        let ticket = self.ticket.take().expect("taken here or by the drop");
        self.place.withdraw(ticket)
    }
}

impl<T> Drop for Offered<'_, T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            drop(self.place.withdraw(ticket));
        }
    }
}

/// A request, which ends when the wait is left by unwinding; what was handed over then is given back.
struct Asked<'a, T> {
    place: &'a Rendezvous<T>,
    ticket: Option<Ticket>,
}

impl<T> Asked<'_, T> {
    fn desist(mut self) -> Option<T> {
        let ticket = self.ticket.take().expect("taken here or by the drop");
        self.place.desist(ticket)
    }
}

impl<T> Drop for Asked<'_, T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.place.abandon(ticket);
        }
    }
}
