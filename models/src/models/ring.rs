//! The ring: each message goes to one receiver, in order; and over a wait list nobody waits for a message or for
//! room that is there.
//!
//! Loom itself sees a message that is put or taken without order.

use crate::explore::{explore, join, spawn};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicPtr, AtomicUsize};
use crate::wait::line::Line;
use crate::wait::list::{List, Whom};
use crate::wait::seat::Seat;
use crate::waiting::{Chair, Somebody};
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Plain, Ordering};

const WAITS: &str = "ring: somebody waits for a message or for room that is there";
const TAKEN_TWICE: &str = "ring: a message is lost or taken twice, or is out of order";

/// What came of a try.
enum Tried {
    Done(usize),
    InVain,
    Closed,
}

/// A version of the ring.
trait Ring: 'static {
    fn new(capacity: usize) -> Self;
    fn push(&self, message: usize) -> Tried;
    fn pop(&self) -> Tried;
    fn is_drained(&self) -> bool;
    fn close(&self);
}

macro_rules! versions {
    ($($module:path),* $(,)?) => {$(
        const _: () = {
            use $module as version;
            impl Ring for version::Ring<usize> {
                fn new(capacity: usize) -> Self {
                    version::Ring::new(capacity)
                }
                fn push(&self, message: usize) -> Tried {
                    match self.push(message) {
                        Ok(()) => Tried::Done(message),
                        Err(version::PushError::Full(_)) => Tried::InVain,
                        Err(version::PushError::Closed(_)) => Tried::Closed,
                    }
                }
                fn pop(&self) -> Tried {
                    match self.pop() {
                        Ok(message) => Tried::Done(message),
                        Err(version::PopError::Empty) => Tried::InVain,
                        Err(version::PopError::Closed) => Tried::Closed,
                    }
                }
                fn is_drained(&self) -> bool {
                    self.is_drained()
                }
                fn close(&self) {
                    self.close();
                }
            }
        };
    )*};
}

versions!(
    crate::ring,
    crate::mutants::ring_push_in_no_order,
    crate::mutants::ring_pop_in_no_order,
    crate::mutants::ring_close_in_no_order,
    crate::mutants::ring_push_stamps_relaxed,
    crate::mutants::ring_pop_stamps_relaxed,
    crate::mutants::ring_push_finds_room_relaxed,
    crate::mutants::ring_pop_finds_it_relaxed,
    crate::mutants::ring_push_takes_by_store,
    crate::mutants::ring_pop_takes_by_store,
    crate::mutants::ring_is_drained_though_closed,
);

/// A ring, and a line on each side, as a channel has them.
struct Channel<R> {
    /// Never dropped: to empty it is more of loom's work, and not allowed while a failed model unwinds.
    ring: ManuallyDrop<R>,
    senders: List<Chair>,
    receivers: List<Chair>,
    /// One's who sends, and one's who receives.
    chairs: [Chair; 2],
    /// Do they sit?
    sit: bool,
}

impl<R: Ring> Channel<R> {
    fn new(capacity: usize, sit: bool) -> Arc<Channel<R>> {
        let seat = || Seat::new(AtomicPtr::new(ptr::null_mut()));
        let list = || List::new(seat(), AtomicUsize::new(0), Mutex::new(Line::new()));
        Arc::new(Channel {
            ring: ManuallyDrop::new(R::new(capacity)),
            senders: list(),
            receivers: list(),
            chairs: [Chair::new(0), Chair::new(0)],
            sit,
        })
    }

    /// Waits until `attempt` comes to something.
    fn wait(
        &self,
        list: &List<Chair>,
        chair: usize,
        attempt: impl Fn() -> Tried,
        is_in_vain: impl Fn() -> bool,
    ) -> Option<usize> {
        let (chair, who) = (&self.chairs[chair], Somebody::new());
        let end = |tried| match tried {
            Tried::Done(message) => Some(Some(message)),
            Tried::Closed => Some(None),
            Tried::InVain => None,
        };
        loop {
            if let Some(ended) = end(attempt()) {
                return ended;
            }
            if self.sit {
                chair.own();
                assert!(list.sit(chair), "ring: each side has one who waits");
                if !is_in_vain()
                    && let Some(ended) = end(attempt())
                {
                    list.leave_seat(chair);
                    return ended;
                }
                while !list.take_up_seat(chair) {
                    chair.who.park();
                }
                continue;
            }
            let ticket = list.enter(who.clone());
            if let Some(ended) = end(attempt()) {
                list.leave(ticket);
                return ended;
            }
            while !list.take_up(ticket) {
                who.park();
            }
        }
    }

    fn send(&self, message: usize) {
        if self.wait(&self.senders, 0, || self.ring.push(message), || false).is_some() {
            self.receivers.notify_ordered(Whom::First);
        }
    }

    fn receive(&self) -> Option<usize> {
        let message = self.wait(&self.receivers, 1, || self.ring.pop(), || self.ring.is_drained());
        if message.is_some() {
            self.senders.notify_ordered(Whom::First);
        }
        message
    }

    fn close(&self) {
        self.ring.close();
        self.receivers.notify_ordered(Whom::All);
        self.senders.notify_ordered(Whom::All);
    }
}

/// One sends so many, or closes if there are none to send, and one receives.
fn one_to_one<R: Ring>(messages: usize, preemptions: usize) {
    [false, true].into_iter().for_each(|sit| sent_and_received::<R>(messages, preemptions, sit));
}

fn sent_and_received<R: Ring>(messages: usize, preemptions: usize, sit: bool) {
    explore(WAITS, preemptions, move || {
        let channel = Channel::<R>::new(1, sit);
        let there = channel.clone();
        let sender = spawn(move || match messages {
            0 => there.close(),
            _ => (0..messages).for_each(|message| there.send(message)),
        });
        for message in 0..messages {
            assert_eq!(channel.receive(), Some(message), "{TAKEN_TWICE}");
        }
        if messages == 0 {
            assert_eq!(channel.receive(), None, "{TAKEN_TWICE}");
        }
        join([sender]);
    });
}

/// Two push, and two pop what is there.
fn two_at_once<R: Ring>() {
    explore(WAITS, 3, || {
        let ring = Arc::new(ManuallyDrop::new(R::new(2)));
        let sum = Arc::new(Plain::new(0));
        let push = |ring: &R, message| {
            assert!(matches!(ring.push(message), Tried::Done(_)), "{TAKEN_TWICE}");
        };
        let other = ring.clone();
        let pusher = spawn(move || push(&other, 1));
        push(&ring, 2);
        join([pusher]);
        let take = |ring: &R, sum: &Plain| {
            let Tried::Done(message) = ring.pop() else { panic!("{TAKEN_TWICE}") };
            // ORDERING: Relaxed, the model's own books.
            sum.fetch_add(message, Ordering::Relaxed);
        };
        let others = (ring.clone(), sum.clone());
        let taker = spawn(move || take(&others.0, &others.1));
        take(&ring, &sum);
        join([taker]);
        // ORDERING: Relaxed, as above.
        assert_eq!(sum.load(Ordering::Relaxed), 3, "{TAKEN_TWICE}");
    });
}

#[test]
fn one_message_is_found() {
    one_to_one::<crate::ring::Ring<usize>>(1, 3);
}

#[test]
fn room_is_found() {
    one_to_one::<crate::ring::Ring<usize>>(2, 2);
}

#[test]
fn the_end_is_found() {
    one_to_one::<crate::ring::Ring<usize>>(0, 3);
}

#[test]
fn each_message_is_taken_once() {
    two_at_once::<crate::ring::Ring<usize>>();
}

macro_rules! caught {
    ($($mutant:ident: $model:expr, $promise:literal;)*) => {$(
        #[test]
        #[should_panic(expected = $promise)]
        fn $mutant() {
            use crate::mutants::$mutant::Ring;
            let model: fn() = $model;
            model();
        }
    )*};
}

caught! {
    ring_push_in_no_order: || sent_and_received::<Ring<usize>>(1, 3, true), "ring: somebody waits";
    ring_pop_in_no_order: || sent_and_received::<Ring<usize>>(2, 2, true), "ring: somebody waits";
    ring_close_in_no_order: || sent_and_received::<Ring<usize>>(0, 3, true), "ring: somebody waits";
    ring_is_drained_though_closed: || sent_and_received::<Ring<usize>>(0, 3, true), "ring: somebody waits";
    ring_push_stamps_relaxed: || one_to_one::<Ring<usize>>(1, 3), "Causality violation";
    ring_pop_stamps_relaxed: || one_to_one::<Ring<usize>>(2, 2), "Causality violation";
    ring_push_finds_room_relaxed: || one_to_one::<Ring<usize>>(2, 2), "Causality violation";
    ring_pop_finds_it_relaxed: || one_to_one::<Ring<usize>>(1, 3), "Causality violation";
    ring_push_takes_by_store: || two_at_once::<Ring<usize>>(), "Causality violation";
    ring_pop_takes_by_store: || two_at_once::<Ring<usize>>(), "Causality violation";
}
