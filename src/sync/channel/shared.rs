//! What the halves of a channel share, and how they wait.
//!
//! A send or a receive is tried first, and if it comes to something costs no lock, no fence and no look at a
//! clock. Else it enters the line of its side, is tried again, and waits. INVARIANT(channel.woken): who has put a
//! message in looks at the receivers' line after that, who has taken one out at the senders', and who disconnects
//! at the other side's. A wake-up is for one message or one room; a waiter that does not need it passes it on.
//!
//! Rendezvous have lines of their own.

use super::error::{RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError};
use super::rendezvous::Rendezvous;
use super::side::Side;
use super::unbounded::Unbounded;
use sortie_scheduler::ring::{PopError, PushError, Ring};
use sortie_scheduler::wait::{Place, WaitList, Waiter};
use std::time::Instant;

/// Where the messages are.
pub(crate) enum Flavor<T> {
    Bounded(Ring<T>),
    Unbounded(Unbounded<T>),
    Rendezvous(Rendezvous<T>),
}

/// See the module.
pub(crate) struct Shared<T> {
    pub(crate) flavor: Flavor<T>,
    pub(crate) senders: Side,
    pub(crate) receivers: Side,
    /// Senders that wait for the end of the receivers.
    closed: WaitList,
}

// A message is in the channel, or its owner's.
impl<T> std::panic::UnwindSafe for Shared<T> {}
impl<T> std::panic::RefUnwindSafe for Shared<T> {}

impl<T> Shared<T> {
    pub(super) fn new(flavor: Flavor<T>) -> Shared<T> {
        let (senders, receivers) = (Side::new(), Side::new());
        Shared { flavor, senders, receivers, closed: WaitList::new() }
    }

    /// Where the two sides meet, in a channel without room.
    pub(crate) fn rendezvous(&self) -> Option<&Rendezvous<T>> {
        match &self.flavor {
            Flavor::Rendezvous(place) => Some(place),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match &self.flavor {
            Flavor::Bounded(ring) => match ring.push(message) {
                Ok(()) => {
                    // The push ordered it.
                    self.receivers.waiting.notify_one_ordered();
                    Ok(())
                }
                Err(PushError::Full(message)) => Err(TrySendError::Full(message)),
                Err(PushError::Closed(message)) => Err(TrySendError::Disconnected(message)),
            },
            Flavor::Unbounded(queue) => queue.push(message, &self.receivers.waiting),
            Flavor::Rendezvous(place) => place.try_send(message),
        }
    }

    #[inline(always)]
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        match &self.flavor {
            Flavor::Bounded(ring) => match ring.pop() {
                Ok(message) => {
                    // The pop ordered it.
                    self.senders.waiting.notify_one_ordered();
                    Ok(message)
                }
                Err(PopError::Empty) => Err(TryRecvError::Empty),
                Err(PopError::Closed) => Err(TryRecvError::Disconnected),
            },
            Flavor::Unbounded(queue) => queue.pop(),
            Flavor::Rendezvous(place) => place.try_recv(),
        }
    }

    /// Sends, waiting until this time at the latest.
    // Inlined with its wait into the code that sends, as `recv`.
    #[inline(always)]
    pub(super) fn send(
        &self,
        message: T,
        until: Option<Instant>,
    ) -> Result<(), SendTimeoutError<T>> {
        match self.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(message)) => {
                Err(SendTimeoutError::Disconnected(message))
            }
            Err(TrySendError::Full(message)) => self.wait_to_send(message, until),
        }
    }

    #[inline(always)]
    fn wait_to_send(
        &self,
        mut message: T,
        until: Option<Instant>,
    ) -> Result<(), SendTimeoutError<T>> {
        // SAFETY: it stays in this frame.
        let waiter = unsafe { Waiter::new("a send") };
        if let Some(place) = self.rendezvous() {
            return place.send(message, &waiter, until);
        }
        loop {
            let place = self.senders.waiting.enter(&waiter);
            message = match self.try_send_again(message) {
                Ok(()) => {
                    place.forgo();
                    return Ok(());
                }
                Err(TrySendError::Full(message)) => message,
                Err(TrySendError::Disconnected(message)) => {
                    return Err(SendTimeoutError::Disconnected(message));
                }
            };
            let in_time = wait(place, until);
            message = match self.try_send_again(message) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(message)) if in_time => message,
                Err(TrySendError::Full(message)) => return Err(SendTimeoutError::Timeout(message)),
                Err(TrySendError::Disconnected(message)) => {
                    return Err(SendTimeoutError::Disconnected(message));
                }
            };
        }
    }

    #[inline(never)]
    fn try_send_again(&self, message: T) -> Result<(), TrySendError<T>> {
        self.try_send(message)
    }

    /// Receives, waiting until this time at the latest.
    // Inlined with its wait into the code that receives, see `wait`; all steps but the first try are calls.
    #[inline(always)]
    pub(super) fn recv(&self, until: Option<Instant>) -> Result<T, RecvTimeoutError> {
        match self.try_recv() {
            Ok(message) => Ok(message),
            Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => self.wait_to_receive(until),
        }
    }

    #[inline(always)]
    fn wait_to_receive(&self, until: Option<Instant>) -> Result<T, RecvTimeoutError> {
        // SAFETY: it stays in this frame.
        let waiter = unsafe { Waiter::new("a receive") };
        if let Some(place) = self.rendezvous() {
            return place.recv(&waiter, until);
        }
        loop {
            let place = self.receivers.waiting.enter(&waiter);
            if !self.is_drained() {
                match self.try_recv_again() {
                    Ok(message) => {
                        place.forgo();
                        return Ok(message);
                    }
                    Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                    Err(TryRecvError::Empty) => {}
                }
            }
            let in_time = wait(place, until);
            match self.try_recv_again() {
                Ok(message) => return Ok(message),
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) if in_time => {}
                Err(TryRecvError::Empty) => return Err(RecvTimeoutError::Timeout),
            }
        }
    }

    #[inline(never)]
    fn try_recv_again(&self) -> Result<T, TryRecvError> {
        self.try_recv()
    }

    /// Is it certain that no message is there, and that one may come? By one who stands in line.
    #[inline]
    fn is_drained(&self) -> bool {
        matches!(&self.flavor, Flavor::Bounded(ring) if ring.is_drained())
    }

    /// The last sender is gone.
    pub(super) fn end_of_senders(&self) {
        self.close();
        self.receivers.waiting.notify_all();
    }

    /// The last receiver is gone: what is left is dropped, and what it holds.
    pub(super) fn end_of_receivers(&self) {
        self.close();
        self.senders.waiting.notify_all();
        self.closed.notify_all();
        match &self.flavor {
            Flavor::Bounded(ring) => while ring.pop().is_ok() {},
            Flavor::Unbounded(queue) => queue.clear(),
            Flavor::Rendezvous(place) => place.clear(),
        }
    }

    fn close(&self) {
        match &self.flavor {
            Flavor::Bounded(ring) => drop(ring.close()),
            Flavor::Unbounded(queue) => queue.close(),
            Flavor::Rendezvous(place) => place.close(),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        match &self.flavor {
            Flavor::Bounded(ring) => ring.is_closed(),
            Flavor::Unbounded(queue) => queue.is_closed(),
            Flavor::Rendezvous(place) => place.is_closed(),
        }
    }

    /// A sender waits until the last receiver is gone. False: the time came first.
    pub(super) fn wait_for_end_of_receivers(&self, until: Option<Instant>) -> bool {
        let what = "a wait for the end of receivers";
        wait_for_close(&self.closed, what, || self.is_closed(), until)
    }

    pub(crate) fn len(&self) -> usize {
        match &self.flavor {
            Flavor::Bounded(ring) => ring.len(),
            Flavor::Unbounded(queue) => queue.len(),
            Flavor::Rendezvous(place) => place.len(),
        }
    }

    pub(crate) fn capacity(&self) -> Option<usize> {
        match &self.flavor {
            Flavor::Bounded(ring) => Some(ring.capacity()),
            Flavor::Unbounded(_) => None,
            Flavor::Rendezvous(_) => Some(0),
        }
    }
}

/// False: the time came first.
///
/// Inlined, as the wait itself: each frame between the code that waits and its switch costs two returns that the
/// processor foretells wrongly.
#[inline(always)]
pub(crate) fn wait(place: Place<'_>, until: Option<Instant>) -> bool {
    match until {
        None => {
            place.wait();
            true
        }
        Some(until) => place.wait_until(until),
    }
}

/// Waits in this list until the other side of a channel is gone. False: the time came first.
pub(crate) fn wait_for_close(
    list: &WaitList,
    what: &'static str,
    is_closed: impl Fn() -> bool,
    until: Option<Instant>,
) -> bool {
    if is_closed() {
        return true;
    }
    // SAFETY: it stays in this frame.
    let waiter = unsafe { Waiter::new(what) };
    loop {
        let place = list.enter(&waiter);
        if is_closed() {
            return true;
        }
        if !wait(place, until) {
            return is_closed();
        }
    }
}
