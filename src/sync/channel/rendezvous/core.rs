//! What is under the lock of a channel without room: the offers of both sides, and the messages between them.

use crate::sync::party::Party;
use std::collections::VecDeque;
use std::sync::Arc;

pub(super) struct Core<T> {
    pub(super) senders: VecDeque<Offer<T>>,
    pub(super) receivers: VecDeque<Offer<()>>,
    /// What was handed to receivers who have not taken it yet.
    pub(super) handed: Vec<Handed<T>>,
    /// What came back from receivers.
    pub(super) returned: VecDeque<T>,
    pub(super) is_closed: bool,
    next: u64,
}

pub(super) struct Offer<M> {
    pub(super) number: u64,
    pub(super) party: Arc<Party>,
    arm: usize,
    pub(super) message: M,
}

/// A message on its way to a receiver.
pub(super) struct Handed<T> {
    /// That of the receiver's offer.
    pub(super) number: u64,
    pub(super) party: Arc<Party>,
    pub(super) message: T,
}

/// An offer's number, to take it back by.
#[derive(Clone, Copy)]
pub(crate) struct Ticket(pub(super) u64);

/// Takes out the first offer whose party can be claimed. Those that cannot are on their way out.
pub(super) fn claim<M>(offers: &mut VecDeque<Offer<M>>) -> Option<Offer<M>> {
    let at = offers.iter().position(|offer| offer.party.claim(offer.arm))?;
    offers.remove(at)
}

pub(super) fn remove<M>(offers: &mut VecDeque<Offer<M>>, ticket: Ticket) -> Option<Offer<M>> {
    let at = offers.binary_search_by_key(&ticket.0, |offer| offer.number).ok()?;
    offers.remove(at)
}

impl<T> Core<T> {
    pub(super) fn new() -> Core<T> {
        Core {
            senders: VecDeque::new(),
            receivers: VecDeque::new(),
            handed: Vec::new(),
            returned: VecDeque::new(),
            is_closed: false,
            next: 0,
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn push_offer(&mut self, message: T, party: &Arc<Party>, arm: usize) -> Ticket {
        let number = self.number();
        self.senders.push_back(Offer { number, party: party.clone(), arm, message });
        Ticket(number)
    }

    pub(super) fn push_request(&mut self, party: &Arc<Party>, arm: usize) -> Ticket {
        let number = self.number();
        self.receivers.push_back(Offer { number, party: party.clone(), arm, message: () });
        Ticket(number)
    }

    /// Can nothing come any more? What was handed over may come back.
    pub(super) fn is_over(&self) -> bool {
        self.is_closed && self.handed.is_empty()
    }

    /// Who waits for a message.
    pub(super) fn receivers(&self) -> Vec<Arc<Party>> {
        self.receivers.iter().map(|offer| offer.party.clone()).collect()
    }

    pub(super) fn take_handed(&mut self, ticket: Ticket) -> Option<Handed<T>> {
        let at = self.handed.iter().position(|handed| handed.number == ticket.0)?;
        Some(self.handed.swap_remove(at))
    }

    /// What was handed to receivers whose runtime has ended around them since has come back. From whom.
    pub(super) fn take_from_lost(&mut self) -> Vec<Arc<Party>> {
        let lost = self.handed.extract_if(.., |handed| handed.party.is_lost());
        let back = lost.map(|Handed { party, message, .. }| {
            self.returned.push_back(message);
            party
        });
        back.collect()
    }
}
