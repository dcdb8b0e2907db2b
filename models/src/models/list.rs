//! The wait list: whoever makes the condition true and notifies, somebody who waits for it goes on; and nobody
//! looks at one who has left its seat.
//!
//! The condition is a number of tokens, taken by an exchange that orders nothing: only the list can see to
//! it that a token is found. As many tokens are made as are wanted by those who stay.

use crate::explore::{explore, join, spawn};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::wait::line::{Line, Ticket};
use crate::waiting::{Chair, Somebody};
use std::ptr;
use std::sync::Arc;

const PROMISE: &str = "list: somebody waits for a token that lies there";

/// A version of the list.
trait List: 'static {
    fn new() -> Self;
    fn sit(&self, me: &Chair) -> bool;
    fn enter(&self, who: Somebody) -> Ticket;
    fn notify_one(&self);
    fn take_up_seat(&self, me: &Chair) -> bool;
    fn take_up(&self, ticket: Ticket) -> bool;
    fn leave_seat(&self, me: &Chair);
    fn leave(&self, ticket: Ticket);
}

macro_rules! versions {
    ($($version:ident: $module:path),* $(,)?) => {$(
        mod $version {
            use super::*;
            use $module as version;

            pub(super) type Of = version::list::List<Chair>;

            impl List for Of {
                fn new() -> Self {
                    let seat = version::seat::Seat::new(AtomicPtr::new(ptr::null_mut()));
                    version::list::List::new(seat, AtomicUsize::new(0), Mutex::new(Line::new()))
                }
                fn sit(&self, me: &Chair) -> bool {
                    self.sit(me)
                }
                fn enter(&self, who: Somebody) -> Ticket {
                    self.enter(who)
                }
                fn notify_one(&self) {
                    self.notify(version::list::Whom::First);
                }
                fn take_up_seat(&self, me: &Chair) -> bool {
                    self.take_up_seat(me)
                }
                fn take_up(&self, ticket: Ticket) -> bool {
                    self.take_up(ticket)
                }
                fn leave_seat(&self, me: &Chair) {
                    self.leave_seat(me);
                }
                fn leave(&self, ticket: Ticket) {
                    self.leave(ticket);
                }
            }
        }
    )*};
}

versions! {
    unbroken: crate::wait,
    list_enter_without_fence: crate::mutants::list_enter_without_fence,
    list_notify_without_fence: crate::mutants::list_notify_without_fence,
    list_leave_keeps_the_notification: crate::mutants::list_leave_keeps_the_notification,
    list_count_is_late: crate::mutants::list_count_is_late,
    list_leave_seat_keeps_the_notification: crate::mutants::list_leave_seat_keeps_the_notification,
    list_moves_before_it_counts: crate::mutants::list_moves_before_it_counts,
    list_overlooks_who_is_moved: crate::mutants::list_overlooks_who_is_moved,
    seat_sit_without_fence: crate::mutants::seat_sit_without_fence,
    seat_leave_by_load_and_store: crate::mutants::seat_leave_by_load_and_store,
    seat_leave_of_one_who_is_held: crate::mutants::seat_leave_of_one_who_is_held,
    seat_tells_before_it_wakes: crate::mutants::seat_tells_before_it_wakes,
    seat_tells_the_lost: crate::mutants::seat_tells_the_lost,
    seat_tells_relaxed: crate::mutants::seat_tells_relaxed,
    seat_looks_relaxed: crate::mutants::seat_looks_relaxed,
    seat_leave_relaxed: crate::mutants::seat_leave_relaxed,
}

struct Place<L> {
    list: L,
    tokens: AtomicUsize,
    chairs: [Chair; 3],
}

/// Who waits, and how.
#[derive(Clone, Copy)]
enum How {
    /// In the seat if it is free, else in line.
    Sits,
    /// In line.
    Stands,
    /// In place, where those who sit have their home.
    InPlace,
}

enum Standing {
    Seated,
    Listed(Ticket),
}

const HOME: usize = 1;

impl<L: List> Place<L> {
    fn new() -> Arc<Place<L>> {
        let chairs = [Chair::new(HOME), Chair::new(HOME), Chair::lost()];
        Arc::new(Place { list: L::new(), tokens: AtomicUsize::new(0), chairs })
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

    fn enter(&self, chair: &Chair, how: How) -> (Somebody, Standing) {
        let who = match how {
            How::Sits => {
                chair.own();
                if self.list.sit(chair) {
                    return (chair.who.clone(), Standing::Seated);
                }
                chair.who.clone()
            }
            How::Stands => Somebody::new(),
            How::InPlace => Somebody::in_place(HOME),
        };
        let ticket = self.list.enter(who.clone());
        (who, Standing::Listed(ticket))
    }

    fn leave(&self, chair: &Chair, standing: &Standing) {
        match *standing {
            Standing::Seated => {
                self.list.leave_seat(chair);
                chair.own();
            }
            Standing::Listed(ticket) => self.list.leave(ticket),
        }
    }

    fn take_up(&self, chair: &Chair, standing: &Standing) -> bool {
        match *standing {
            Standing::Seated => {
                let is_notified = self.list.take_up_seat(chair);
                if is_notified {
                    chair.own();
                }
                is_notified
            }
            Standing::Listed(ticket) => self.list.take_up(ticket),
        }
    }

    /// Waits for a token.
    fn take(&self, number: usize, how: How) {
        let chair = &self.chairs[number];
        while !self.try_take() {
            let (who, standing) = self.enter(chair, how);
            if self.try_take() {
                return self.leave(chair, &standing);
            }
            while !self.take_up(chair, &standing) {
                who.park();
            }
        }
    }

    /// Enters, and gives up at once: its time has come, or it is aborted.
    fn give_up(&self, number: usize, how: How) {
        let chair = &self.chairs[number];
        let (_, standing) = self.enter(chair, how);
        self.leave(chair, &standing);
    }
}

/// One of each of these wants a token, and one makes them; one more gives up, if there is one.
fn tokens<L: List>(takers: &'static [How], gives_up: Option<How>, preemptions: usize) {
    explore(PROMISE, preemptions, move || {
        let place = Place::<L>::new();
        let mut threads: Vec<_> = takers
            .iter()
            .enumerate()
            .map(|(number, how)| {
                let place = place.clone();
                spawn(move || place.take(number, *how))
            })
            .collect();
        if let Some(how) = gives_up {
            let place = place.clone();
            threads.push(spawn(move || place.give_up(1, how)));
        }
        takers.iter().for_each(|_| place.make());
        join(threads);
    });
}

/// One sits there for good whose runtime is gone, and one wants a token.
fn behind_one_who_is_lost<L: List>() {
    explore(PROMISE, 3, || {
        let place = Place::<L>::new();
        assert!(place.list.sit(&place.chairs[2]));
        let other = place.clone();
        let taker = spawn(move || other.take(0, How::Stands));
        place.make();
        join([taker]);
    });
}

use How::{InPlace, Sits, Stands};

#[test]
fn a_token_is_found() {
    tokens::<unbroken::Of>(&[Stands], None, 3);
}

#[test]
fn a_token_is_found_by_one_who_sits() {
    tokens::<unbroken::Of>(&[Sits], None, 3);
}

#[test]
fn two_tokens_are_found() {
    tokens::<unbroken::Of>(&[Stands, Stands], None, 2);
}

#[test]
fn two_tokens_are_found_by_those_who_sit() {
    tokens::<unbroken::Of>(&[Sits, Sits], None, 2);
}

#[test]
fn two_tokens_are_found_in_seat_and_in_place() {
    tokens::<unbroken::Of>(&[Sits, InPlace], None, 2);
}

#[test]
fn who_gives_up_passes_on() {
    tokens::<unbroken::Of>(&[Stands], Some(Stands), 3);
}

#[test]
fn who_gives_up_a_seat_passes_on() {
    tokens::<unbroken::Of>(&[Stands], Some(Sits), 3);
}

#[test]
fn who_is_sent_to_the_line_is_found() {
    tokens::<unbroken::Of>(&[Sits], Some(InPlace), 3);
}

#[test]
fn who_is_lost_keeps_nothing() {
    behind_one_who_is_lost::<unbroken::Of>();
}

macro_rules! caught {
    ($($mutant:ident: $takers:expr, $gives_up:expr, $promise:literal;)*) => {$(
        #[test]
        #[should_panic(expected = $promise)]
        fn $mutant() {
            tokens::<$mutant::Of>(&$takers, $gives_up, 3);
        }
    )*};
}

caught! {
    list_enter_without_fence: [Stands], None, "list: somebody waits for a token";
    list_notify_without_fence: [Stands], None, "list: somebody waits for a token";
    list_count_is_late: [Stands], None, "list: somebody waits for a token";
    list_leave_keeps_the_notification: [Stands], Some(Stands), "list: somebody waits for a token";
    list_leave_seat_keeps_the_notification: [Stands], Some(Sits), "list: somebody waits for a token";
    list_moves_before_it_counts: [Sits], Some(InPlace), "list: somebody waits for a token";
    list_overlooks_who_is_moved: [Sits], Some(InPlace), "list: somebody waits for a token";
    seat_sit_without_fence: [Sits], None, "list: somebody waits for a token";
    seat_leave_by_load_and_store: [Stands], Some(Sits), "Causality violation";
    seat_leave_of_one_who_is_held: [Stands], Some(Sits), "Causality violation";
    seat_tells_before_it_wakes: [Sits], None, "Causality violation";
    seat_tells_relaxed: [Sits], None, "Causality violation";
    seat_looks_relaxed: [Sits], Some(InPlace), "Causality violation";
    seat_leave_relaxed: [Sits], Some(InPlace), "Causality violation";
}

#[test]
#[should_panic(expected = "list: somebody waits for a token")]
fn seat_tells_the_lost() {
    behind_one_who_is_lost::<seat_tells_the_lost::Of>();
}
