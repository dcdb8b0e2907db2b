//! Layers that nobody closes, because a jump (`longjmp`) has left them: how they are told, and popped.
//!
//! Who pushes an `R` may leave a *note* with it, a word that means nothing here. By the notes the edge that finds
//! layers too many tells which callbacks are dead, and what they have counted elsewhere.

use super::super::layer::Layer;
use super::Layers;

impl Layers {
    /// The note of the innermost callback; `None` if there is none.
    #[inline]
    pub(crate) fn note(&self) -> Option<u64> {
        let height = self.slots.len().checked_sub(usize::from(self.top_is_native()))?;
        Some(self.slots.at(height.checked_sub(1)?).note)
    }

    /// The notes of all callbacks, the outermost first.
    pub(crate) fn notes(&self) -> impl Iterator<Item = u64> + '_ {
        let first = usize::from(!self.base_is_native);
        (first..self.slots.len()).step_by(2).map(|index| self.slots.at(index).note)
    }

    /// Pops the innermost layer as a leak, unless it is the base, and puts the marker back if it was a
    /// callback. Returns the layer, and the note if it was one.
    #[cold]
    pub(crate) fn abandon(&mut self) -> Option<(Layer, u64)> {
        let layer = self.top();
        let slot = (self.slots.len() > 0).then(|| self.slots.pop())?;
        if layer.is_managed() {
            self.unhooked = slot.saved();
        }
        self.leaked_layers += 1;
        Some((layer, slot.note))
    }
}
