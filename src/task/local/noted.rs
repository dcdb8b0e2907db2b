//! Layers that are noted, and not pushed: those of native calls that go a fast way, and of their callbacks.
//!
//! Such a call notes its row, and most come back before anybody has looked at the layers. Who looks
//! ([`Local::layers`]) pushes first what is noted, and the call finds at its return that it has a layer to pop.
//!
//! # Rows that are left over
//!
//! A call on the thread's stack does not take its row back: to look whether it is still there would be a good part of what
//! the return costs. INVARIANT(local.direct): in managed code the row in `direct` says nothing; in native code it is
//! that of the call on top, or there is none.
//!
//! 1. *How native code begins.* A call of this kind notes its row, and leaves; one on a stack of its own
//!    empties `direct`. All others (the general way, raw transitions, the offload, calls that are not announced) look
//!    at the layers first, in managed code. A callback that ends is one of these three again: it notes its
//!    call's row, or empties `direct`, or has looked at the layers.
//! 2. *How it is looked at.* [`push_noted`](Local::push_noted) takes the row out, and asks the carrier's word
//!    ([`crossing::touch`]). In managed code, or in a wait of managed code, the row is left over and is dropped. In native
//!    code it is that of the call on top, whose layer is pushed, and the word's epoch is counted up.
//!    Where native code has lost its worker for good, and is in a wait by its word, who knows that pushes the row
//!    ([`Local::push_direct`]). A callback ([`Local::direct`]) goes on only if the word is that of native code.
//! 3. *How it returns.* The word is the one with which the call left: then nobody has pushed its layer, and no
//!    callback has begun, and there is nothing to do. Else the row is asked for ([`Local::end_direct`]); it is the
//!    call's own by 1., for whatever native code was above it began in a callback that has ended.
//!
//! *A jump* over callbacks of the call is found as ever ([`Local::is_jumped`], asked if the word is another): the first of them has made the word
//! `RUN`, each leave after that counts up, and none of the callbacks' ends has made it native again under the old epoch. Counts by
//! who looked make the epoch only greater, so a callback that began after the call left has a greater one than
//! the call. The row in `direct` is then that of a call which the jump has left, or left over; 2. tells which.

use super::Local;
use crate::target::row::Row;
use crate::transition::Layers;
use sortie_scheduler::crossing::{self, Left, Moment, Opened};
use std::cell::Cell;
use std::ptr;

impl Local {
    /// Pushes the layers that are only noted.
    #[inline]
    pub(super) fn push_noted(&self, layers: &mut Layers) {
        if let Some(row) = self.called.take() {
            let called = layers.leave(row.profile().address());
            let note = self.called_at.get().bits();
            let pushed = called.and_then(|()| layers.reverse_enter_noting(note));
            debug_assert!(pushed.is_ok(), "see INVARIANT(local.room)");
        }
        let direct = self.direct.take().filter(|_| crossing::touch());
        if let Some(row) = direct.or_else(|| self.on_stack.take()) {
            push(layers, row);
        }
    }

    /// Pushes the layer of a direct call, if that is noted, where the thread is not in native code any more, or may
    /// not be.
    #[cold]
    pub(crate) fn push_direct(&self) {
        if let Some(row) = self.direct.take() {
            crossing::touch();
            self.layers(|layers| push(layers, row));
        }
    }

    /// How many layers there are, those of a callback that is only noted among them, but not that of a direct call.
    #[inline]
    pub(crate) fn depth(&self) -> usize {
        // SAFETY: as in `layers`.
        let pushed = unsafe { &*self.layers.get() }.depth();
        if self.called.get().is_some() { pushed + 2 } else { pushed }
    }

    /// Is there room for so many more layers without memory of their own, those that are only noted not yet
    /// among them?
    #[inline(always)]
    pub(crate) fn has_room(&self, layers: usize) -> bool {
        // SAFETY: as in `layers`.
        unsafe { &*self.layers.get() }.has_room(layers)
    }

    /// In native code: the row of the direct call on top, if its layer is not pushed yet; of one on a stack of its
    /// own if `ON_STACK`, else of another.
    #[inline(always)]
    pub(crate) fn direct<const ON_STACK: bool>(&self) -> Option<&'static Row> {
        self.noted::<ON_STACK>().get()
    }

    #[inline(always)]
    fn noted<const ON_STACK: bool>(&self) -> &Cell<Option<&'static Row>> {
        if ON_STACK { &self.on_stack } else { &self.direct }
    }

    /// The task leaves for a call whose layer has room. It is pushed when somebody looks at the layers,
    /// which is seldom: most calls come back before.
    ///
    /// The row is of the carrier that the task is on, and of the runtime's ledger, which outlives the task.
    #[inline(always)]
    pub(crate) fn begin_direct<const ON_STACK: bool>(&self, row: &'static Row) {
        if ON_STACK {
            self.direct.set(None);
        }
        self.noted::<ON_STACK>().set(Some(row));
    }

    /// The task is back from that call, and somebody [touched](crossing::touch) it, or it was on a stack of its
    /// own. False: its layer has been pushed, and is to be popped.
    #[inline(always)]
    pub(crate) fn end_direct<const ON_STACK: bool>(&self) -> bool {
        let row = self.noted::<ON_STACK>();
        // What `direct` says is left over now.
        if ON_STACK { row.take().is_some() } else { row.get().is_some() }
    }

    /// May the direct call on top call back without memory for layers?
    #[inline(always)]
    pub(crate) fn can_call_back(&self) -> bool {
        self.has_room_for_callback() || self.make_room()
    }

    /// May it, as it is?
    #[inline(always)]
    pub(crate) fn has_room_for_callback(&self) -> bool {
        self.called.get().is_none() && self.has_room(3)
    }

    /// The layers of an outer callback are pushed, so that an inner one can be noted.
    #[inline(never)]
    fn make_room(&self) -> bool {
        let (direct, on_stack) = (self.direct.take(), self.on_stack.take());
        self.layers(|_| ());
        self.direct.set(direct);
        self.on_stack.set(on_stack);
        self.has_room(3)
    }

    /// The direct call on top calls back, as it [can](Local::can_call_back). Its layer and the callback's are
    /// pushed when somebody looks at the layers.
    #[inline(always)]
    pub(crate) fn begin_callback<const ON_STACK: bool>(&self, row: &'static Row, opened: Opened) {
        if ON_STACK {
            self.on_stack.set(None);
        }
        self.called_at.set(opened);
        self.called.set(Some(row));
    }

    /// The callback ends, and its call is direct again. False, and nothing was done: its layers have been
    /// pushed, and are to be popped.
    #[inline(always)]
    pub(crate) fn end_callback<const ON_STACK: bool>(&self, row: &'static Row) -> bool {
        let is_noted = self.called.take().is_some();
        // Mostly nobody has noted another call in between, and to look costs less than to store.
        if is_noted && (ON_STACK || !self.direct.get().is_some_and(|noted| ptr::eq(noted, row))) {
            self.begin_direct::<ON_STACK>(row);
        }
        is_noted
    }

    /// Is a callback open that has begun in the direct call which `left` and returns now? Then a jump has left
    /// it, and [`Local::take_jumped`] says so once.
    #[inline(always)]
    pub(crate) fn is_jumped<const COMPARE: bool>(&self, left: Left<COMPARE>) -> bool {
        // SAFETY: as in `layers`.
        let is_base = unsafe { &*self.layers.get() }.depth() == 1;
        (!is_base || self.called.get().is_some()) && self.find_jumped(left)
    }

    #[inline(never)]
    fn find_jumped<const COMPARE: bool>(&self, left: Left<COMPARE>) -> bool {
        let moment = left.moment();
        let noted = self.called.get().map(|_| self.called_at.get());
        // SAFETY: as in `layers`.
        let pushed = unsafe { &*self.layers.get() }.notes().rev().map(Opened::from_bits);
        let is_jumped = moment.is_before_innermost(noted.into_iter().chain(pushed));
        if is_jumped {
            self.jumped.set(Some(moment));
        }
        is_jumped
    }

    /// Was [`Local::is_jumped`] true of the direct call that returns?
    pub(crate) fn has_jumped(&self) -> bool {
        self.jumped.get().is_some()
    }

    /// When it left, if so.
    pub(crate) fn take_jumped(&self) -> Option<Moment> {
        self.jumped.take()
    }
}

/// Pushes the layer of a call that is noted.
fn push(layers: &mut Layers, row: &'static Row) {
    let pushed = layers.leave(row.profile().address());
    debug_assert!(pushed.is_ok(), "`has_room` was asked");
}
