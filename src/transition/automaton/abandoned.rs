//! Layers that nobody closes: those that are open when the task ends, and those that a jump (`longjmp`) has left,
//! how they are told, and popped.
//!
//! Who pushes an `R` may leave a *note* with it, 63 bits that mean nothing here. By the notes the edge that finds
//! layers too many tells which callbacks are dead, and what they have counted elsewhere. With a `U(t)` it may leave
//! the *place* that it was called from, an address on a stack that grows down; 0 stands for none.

use super::super::layer::Layer;
use super::Layers;

/// What [`Layers::end`] found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[must_use]
pub struct Leaked {
    /// How many layers were still open, the base not counted. 0 after a clean end.
    pub count: usize,
    /// The innermost layer at the end: a native one may have given the worker up, and no
    /// `enter` will ask for it back.
    pub top: Layer,
}

impl Layers {
    /// The task ends: pops everything above the base and frees the memory.
    ///
    /// `R0`, `U0` and `U0 R` are clean ends. Of any other stack all layers above the base are
    /// leaks. Counters and settings stay.
    pub fn end(&mut self) -> Leaked {
        let top = self.top();
        let clean = self.slots.len() == 0 || self.is_root_callback();
        let count = if clean { 0 } else { self.slots.len() };
        self.slots.clear();
        self.unhooked = None;
        self.leaked_layers += count as u64;
        Leaked { count, top }
    }

    /// The notes of all callbacks, the outermost first.
    pub(crate) fn notes(&self) -> impl DoubleEndedIterator<Item = u64> + '_ {
        let first = usize::from(!self.base_is_native);
        (first..self.slots.len()).step_by(2).map(|index| self.slots.at(index).note())
    }

    /// The note of the callback on top, if one is.
    pub(crate) fn note_on_top(&self) -> Option<u64> {
        if self.top_is_native() { None } else { self.notes().next_back() }
    }

    /// Says where the native code on top was called from.
    pub(crate) fn set_place(&mut self, place: usize) {
        if self.top_is_native() && self.slots.len() > 0 {
            self.slots.set_note(place as u64);
        }
    }

    /// How deep the innermost native layer is that was called from `place`, or from further out.
    #[cold]
    pub(crate) fn depth_called_from(&self, place: usize) -> Option<usize> {
        let called = |height: &usize| {
            self.is_native_at(*height) && self.slots.at(height - 1).place() >= place as u64
        };
        (1..self.depth()).rev().find(called).map(|height| height + 1)
    }

    /// Pops the innermost layer as a leak, unless it is the base, and puts the marker back if it was a
    /// callback. Returns the layer, and its note.
    #[cold]
    pub(crate) fn abandon(&mut self) -> Option<(Layer, u64)> {
        let layer = self.top();
        let slot = (self.slots.len() > 0).then(|| self.slots.pop())?;
        if layer.is_managed() {
            self.unhooked = slot.saved();
        }
        self.leaked_layers += 1;
        Some((layer, slot.note()))
    }
}
