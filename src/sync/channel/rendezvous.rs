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
//!   around it the sender takes it back; if it ends later, whoever comes to the channel next, and who waits for the end
//!   of the channel comes again and again.
//!
//! Must not: wake, or drop a message or a party, under the lock.

mod core;

pub(crate) use self::core::Ticket;

use self::core::{Core, Handed, Offer, claim, remove};
use super::error::{RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError};
use super::shared::wait;
use crate::sync::party::Party;
use parking_lot::Mutex;
use sortie_scheduler::wait::Waiter;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often one who waits looks what becomes of a message that is on its way to another receiver, once the senders
/// have gone.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// See the module.
pub(crate) struct Rendezvous<T> {
    core: Mutex<Core<T>>,
}

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

impl<T> Rendezvous<T> {
    pub(super) fn new() -> Rendezvous<T> {
        Rendezvous { core: Mutex::new(Core::new()) }
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
            let Offer { number, party, .. } = receiver;
            core.handed.push(Handed { number, party: party.clone(), message });
            drop(core);
            if party.wake() {
                return Ok(None);
            }
            // It did not wait: awake, it has taken the message, or will; lost, it never does.
            let back = self.core.lock().take_handed(Ticket(number));
            match back {
                None => return Ok(None),
                Some(back) => message = back.message,
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
        self.take_from_lost();
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

    /// What was handed to receivers whose runtime has ended around them since is for others.
    fn take_from_lost(&self) {
        let mut core = self.core.lock();
        if core.handed.is_empty() {
            return;
        }
        let lost = core.take_from_lost();
        let others = if lost.is_empty() { Vec::new() } else { core.receivers() };
        drop(core);
        for party in others {
            party.wake();
        }
    }

    /// When to come again, for one who waits: senders have gone, and nobody else will say what becomes of a message on
    /// its way if its receiver's runtime ends.
    pub(crate) fn look_again_at(&self) -> Option<Instant> {
        let core = self.core.lock();
        (core.is_closed && !core.handed.is_empty()).then(|| Instant::now() + LOOK_AGAIN)
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
        let handed = core.take_handed(ticket);
        // Others may have waited for what becomes of it.
        let others = if core.is_over() { core.receivers() } else { Vec::new() };
        drop(core);
        drop(request);
        for party in others {
            party.wake();
        }
        handed.map(|handed| handed.message)
    }

    /// As [`Rendezvous::desist`], by unwinding: what has been handed over is for others.
    pub(crate) fn abandon(&self, ticket: Ticket) {
        let mut core = self.core.lock();
        let request = remove(&mut core.receivers, ticket);
        let (others, own) = match core.take_handed(ticket) {
            Some(Handed { message, party, .. }) => {
                core.returned.push_back(message);
                (core.receivers(), Some(party))
            }
            None => (Vec::new(), None),
        };
        drop(core);
        drop((request, own));
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
        self.take_from_lost();
        let core = self.core.lock();
        core.is_over()
            || !core.returned.is_empty()
            || core.senders.iter().any(|offer| !Arc::ptr_eq(&offer.party, party))
    }

    /// Sends, waiting until this time at the latest.
    #[inline(never)]
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
            in_time = place.wait_unraised(until);
            // Who has taken the message has taken the offer: then it was sent, also if an abort has come meanwhile.
            match offer.withdraw() {
                None => return Ok(()),
                Some(back) => message = back,
            }
            sortie_scheduler::checkpoint();
        }
    }

    /// Receives, waiting until this time at the latest.
    #[inline(never)]
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
            let again = self.look_again_at();
            in_time = wait(place, until.into_iter().chain(again).min());
            in_time |= again.is_some() && until.is_none_or(|until| Instant::now() < until);
            if let Some(message) = request.desist() {
                return Ok(message);
            }
        }
    }

    /// The last handle of a side is gone: who waits on the other is woken.
    pub(super) fn close(&self) {
        self.take_from_lost();
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
