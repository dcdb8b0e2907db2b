//! The arm `event`.

use super::arm::{Arm, Outcome};
use super::{Offer, Standing};
use crate::sync::Event;
use crate::sync::event::Standing as Line;
use crate::sync::party::Party;
use sortie_scheduler::InLine;
use sortie_scheduler::wait::Waiter;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// An event.
pub struct Set<'a> {
    event: &'a Event,
    /// Its place in the line of an `auto` event, while all arms wait.
    place: RefCell<Option<InLine<'a>>>,
    is_done: Cell<bool>,
}

/// The arm `event`.
pub fn event(event: &Event) -> Set<'_> {
    Set { event, place: RefCell::new(None), is_done: Cell::new(false) }
}

impl Outcome for Set<'_> {
    type Got = ();
    fn outcome(self) {}
}

impl Arm for Set<'_> {
    fn attempt(&self) -> bool {
        let mut place = self.place.borrow_mut();
        self.is_done.set(match place.take().map(InLine::try_take) {
            None => self.event.try_wait(),
            Some(Ok(())) => true,
            Some(Err(still)) => {
                *place = Some(still);
                false
            }
        });
        self.is_done.get()
    }

    fn is_done(&self) -> bool {
        self.is_done.get()
    }

    fn is_ready(&self, _: &Arc<Party>) -> bool {
        let place = self.place.borrow();
        place.as_ref().map_or_else(|| self.event.is_set(), InLine::is_handed)
    }

    fn enter<'a>(&'a self, waiter: &'a Waiter, _: Option<&Arc<Party>>, _: usize) -> Standing<'a> {
        match self.event.enter(waiter) {
            Line::All(place) => Standing::InLine(place),
            Line::One(place) => {
                self.place.replace(Some(place));
                Standing::Offering(Box::new(Queued(&self.place)))
            }
        }
    }
}

/// The arm stands in line. Left by unwinding, or for another arm, it lets the next through.
struct Queued<'a, 'event>(&'a RefCell<Option<InLine<'event>>>);

impl Offer for Queued<'_, '_> {
    fn end(self: Box<Self>) {}
}

impl Drop for Queued<'_, '_> {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}
