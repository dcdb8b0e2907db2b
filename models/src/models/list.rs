//! The wait list: whoever makes the condition true and notifies, somebody who waits for it goes on.
//!
//! The condition is a number of tokens, taken by an exchange that orders nothing: only the list can see to
//! it that a token is found. As many tokens are made as are wanted by those who stay.

use crate::explore::{explore, join, spawn};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::waiting::Somebody;
use std::sync::Arc;

const PROMISE: &str = "list: somebody waits for a token that lies there";

/// A version of the list.
trait List: 'static {
    type Ticket: Copy;
    fn new() -> Self;
    fn enter(&self, who: Somebody) -> Self::Ticket;
    fn notify_one(&self);
    fn take_up(&self, ticket: Self::Ticket) -> bool;
    fn leave(&self, ticket: Self::Ticket);
}

macro_rules! versions {
    ($($version:ident: $module:path),* $(,)?) => {$(
        mod $version {
        use super::*;
        use $module as version;
        pub(super) type Of = version::List<Somebody>;
        impl List for Of {
            type Ticket = crate::wait::line::Ticket;
            fn new() -> Self {
                version::List::new(
                    AtomicUsize::new(0),
                    Mutex::new(crate::wait::line::Line::new()),
                )
            }
            fn enter(&self, who: Somebody) -> Self::Ticket {
                self.enter(who)
            }
            fn notify_one(&self) {
                self.notify(version::Whom::First);
            }
            fn take_up(&self, ticket: Self::Ticket) -> bool {
                self.take_up(ticket)
            }
            fn leave(&self, ticket: Self::Ticket) {
                self.leave(ticket);
            }
        }
        }
    )*};
}

versions! {
    unbroken: crate::wait::list,
    list_enter_without_fence: crate::mutants::list_enter_without_fence,
    list_notify_without_fence: crate::mutants::list_notify_without_fence,
    list_leave_keeps_the_notification: crate::mutants::list_leave_keeps_the_notification,
    list_count_is_late: crate::mutants::list_count_is_late,
}

struct Place<L> {
    list: L,
    tokens: AtomicUsize,
}

impl<L: List> Place<L> {
    fn new() -> Arc<Place<L>> {
        Arc::new(Place { list: L::new(), tokens: AtomicUsize::new(0) })
    }

    fn make(&self) {
        // ORDERING: Relaxed, so that only the list can order it.
        self.tokens.fetch_add(1, Ordering::Relaxed);
        self.list.notify_one();
    }

    fn try_take(&self) -> bool {
        // ORDERING: Relaxed, as above. A look first: an exchange would read the newest count always.
        let mut now = self.tokens.load(Ordering::Relaxed);
        while now > 0 {
            match self.tokens.compare_exchange(now, now - 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(changed) => now = changed,
            }
        }
        false
    }

    /// Waits for a token.
    fn take(&self) {
        let who = Somebody::new();
        while !self.try_take() {
            let ticket = self.list.enter(who.clone());
            if self.try_take() {
                return self.list.leave(ticket);
            }
            while !self.list.take_up(ticket) {
                who.0.park();
            }
        }
    }

    /// Enters, and gives up at once: its time has come, or it is aborted.
    fn give_up(&self) {
        let ticket = self.list.enter(Somebody::new());
        self.list.leave(ticket);
    }
}

/// So many want a token each, and one makes them; one more gives up, if it is to.
fn tokens<L: List>(takers: usize, one_gives_up: bool, preemptions: usize) {
    explore(PROMISE, preemptions, move || {
        let place = Place::<L>::new();
        let mut threads: Vec<_> = (0..takers)
            .map(|_| {
                let place = place.clone();
                spawn(move || place.take())
            })
            .collect();
        if one_gives_up {
            let place = place.clone();
            threads.push(spawn(move || place.give_up()));
        }
        (0..takers).for_each(|_| place.make());
        join(threads);
    });
}

#[test]
fn a_token_is_found() {
    tokens::<unbroken::Of>(1, false, 3);
}

#[test]
fn two_tokens_are_found() {
    tokens::<unbroken::Of>(2, false, 2);
}

#[test]
fn who_gives_up_passes_on() {
    tokens::<unbroken::Of>(1, true, 3);
}

macro_rules! caught {
    ($($mutant:ident: $one_gives_up:literal;)*) => {$(
        #[test]
        #[should_panic(expected = "list: somebody waits for a token")]
        fn $mutant() {
            tokens::<$mutant::Of>(1, $one_gives_up, 3);
        }
    )*};
}

caught! {
    list_enter_without_fence: false;
    list_notify_without_fence: false;
    list_count_is_late: false;
    list_leave_keeps_the_notification: true;
}
