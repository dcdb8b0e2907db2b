//! What may be asked of [`Layers`], and how they are written: nothing here changes them.

use super::super::layer::{Event, Layer};
use super::Layers;
use super::slots::INLINE;
use std::fmt;

impl Layers {
    /// The innermost layer.
    #[must_use]
    pub fn top(&self) -> Layer {
        self.layer_at(self.slots.len())
    }

    /// Whether native code is on top.
    #[inline]
    #[must_use]
    pub const fn top_is_native(&self) -> bool {
        self.is_native_at(self.slots.len())
    }

    /// How many layers there are, the base included.
    #[inline]
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.slots.len() + 1
    }

    /// How many of them are native: `U0`, `U(t)` and `Ux`.
    #[inline]
    #[must_use]
    pub const fn native_depth(&self) -> usize {
        // By I1 every second layer; a native base comes on top of the pairs.
        if self.base_is_native { self.slots.len() / 2 + 1 } else { self.slots.len().div_ceil(2) }
    }

    /// The layers from the base to the innermost.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Layer> + ExactSizeIterator + '_ {
        (0..self.depth()).map(|height| self.layer_at(height))
    }

    /// The layers from the base to the innermost, copied.
    #[must_use]
    pub fn to_vec(&self) -> Vec<Layer> {
        self.iter().collect()
    }

    /// How many callbacks were renewals.
    #[must_use]
    pub const fn renewals(&self) -> u64 {
        self.renewals
    }

    /// How many times `event` was refused because the innermost layer did not fit.
    #[must_use]
    pub const fn unbalanced(&self, event: Event) -> u64 {
        self.unbalanced[event as usize]
    }

    /// How many layers were still open at an end.
    #[must_use]
    pub const fn leaked_layers(&self) -> u64 {
        self.leaked_layers
    }

    /// The target of the unannounced call that is under way.
    #[inline]
    #[must_use]
    pub const fn unhooked(&self) -> Option<usize> {
        self.unhooked
    }

    /// Is there no layer above the base?
    #[inline]
    pub(crate) const fn is_base_alone(&self) -> bool {
        self.slots.len() == 0
    }

    /// Have they memory of their own?
    #[inline]
    pub(crate) const fn has_memory(&self) -> bool {
        self.slots.has_memory()
    }

    /// Is there room for so many more layers without memory of their own?
    #[inline(always)]
    pub(crate) const fn has_room(&self, layers: usize) -> bool {
        self.slots.len() <= INLINE - layers
    }

    /// Whether the layer at this height over the base is native (I1).
    #[inline]
    pub(super) const fn is_native_at(&self, height: usize) -> bool {
        (height % 2 == 1) != self.base_is_native
    }

    #[inline]
    fn layer_at(&self, height: usize) -> Layer {
        let native = self.is_native_at(height);
        let Some(index) = height.checked_sub(1) else {
            return if native { Layer::NativeBase } else { Layer::ManagedBase };
        };
        if !native {
            return Layer::Managed;
        }
        let slot = self.slots.at(index);
        let target = slot.word;
        if slot.is_marked() { Layer::Unhooked { target } } else { Layer::Native { target } }
    }
}

/// The layers from the base to the innermost, as in `R0 U(0x7f10) R`.
impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (height, layer) in self.iter().enumerate() {
            let gap = if height == 0 { "" } else { " " };
            write!(f, "{gap}{layer}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layers")
            .field("layers", &format_args!("{self}"))
            .field("unhooked", &self.unhooked)
            .field("strict", &self.strict)
            .field("depth_limit", &(self.slots.limit() + 1))
            .field("renewals", &self.renewals)
            .field("unbalanced", &self.unbalanced)
            .field("leaked_layers", &self.leaked_layers)
            .finish_non_exhaustive()
    }
}
