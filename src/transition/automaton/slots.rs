//! Where [`Layers`](super::Layers) keeps what it must know of each layer above the base.
//!
//! A stack of [`Slot`]s that lets the first few live without memory of their own, and can fail to
//! grow, but never aborts over it. Knows nothing of the rules: who may push what is said above.
//!
//! **INVARIANT(slots.spill)**: slots from [`INLINE`] on are in `spill`, which holds no others.
//!
//! **INVARIANT(slots.inline)**: the places in `inline` below `len` have been written, and no others need be: most tasks
//! never call native code, and each would have to clear them all.

use std::mem::MaybeUninit;

/// How many slots need no memory of their own: three native calls, each with a callback. Nearly all
/// tasks stay below, and a vector alone would cost an allocation in every task that makes a call.
pub(super) const INLINE: usize = 6;

/// In [`Slot::note`], beside the note.
const MARKED: u64 = 1 << 63;

/// In the note of a native slot, beside the place: no frame of ours is around the call.
const RAW: u64 = 1 << 62;

/// One layer above the base. Its height tells whether it is native or managed. Two words, for there are six in
/// every task.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    /// Native: the target. Managed: the marker saved when the callback began, if the slot is marked.
    pub(super) word: usize,
    /// The note of whoever pushed it. [`MARKED`]: if native, this is a `Ux`; if managed, a marker was
    /// set when the callback began.
    note: u64,
}

impl Slot {
    pub(super) const fn native(target: usize) -> Self {
        Self { word: target, note: 0 }
    }

    pub(super) const fn native_raw(target: usize) -> Self {
        Self { word: target, note: RAW }
    }

    pub(super) const fn unhooked(target: usize) -> Self {
        Self { word: target, note: MARKED }
    }

    pub(super) const fn managed(saved: Option<usize>, note: u64) -> Self {
        debug_assert!(note < MARKED);
        match saved {
            Some(word) => Self { word, note: note | MARKED },
            None => Self { word: 0, note },
        }
    }

    pub(super) const fn is_marked(self) -> bool {
        self.note & MARKED != 0
    }

    /// The note of whoever pushed it.
    pub(super) const fn note(self) -> u64 {
        self.note & !MARKED
    }

    /// Of a native slot: the place in its note.
    pub(super) const fn place(self) -> u64 {
        self.note() & !RAW
    }

    /// Of a native slot: is its call raw?
    pub(super) const fn is_raw(self) -> bool {
        self.note & RAW != 0
    }

    /// The marker that a managed slot saved.
    pub(super) const fn saved(self) -> Option<usize> {
        if self.is_marked() { Some(self.word) } else { None }
    }
}

/// There is no room for another slot.
pub(super) struct Full;

#[derive(Clone)]
pub(super) struct Slots {
    len: usize,
    /// The lowest slots. See INVARIANT(slots.inline).
    inline: [MaybeUninit<Slot>; INLINE],
    /// The others. Its memory is kept for reuse until [`Slots::clear`].
    spill: Vec<Slot>,
    /// How many there may be. The inline ones need no memory and are never refused.
    limit: usize,
}

impl Slots {
    /// Is there any memory to give back?
    #[inline]
    pub(super) const fn has_memory(&self) -> bool {
        self.spill.capacity() > 0
    }

    pub(super) const fn new(limit: usize) -> Self {
        Self { len: 0, inline: [MaybeUninit::uninit(); INLINE], spill: Vec::new(), limit }
    }

    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    /// Sets how many slots there may be. Those beyond, if any, stay.
    pub(super) const fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The slot at `index`, which must be below [`Slots::len`].
    #[inline]
    pub(super) fn at(&self, index: usize) -> Slot {
        assert!(index < self.len, "a layer that is not there");
        match self.inline.get(index) {
            // SAFETY: below `len`: INVARIANT(slots.inline).
            Some(slot) => unsafe { slot.assume_init() },
            None => self.spill[index - INLINE],
        }
    }

    #[inline]
    pub(super) fn push(&mut self, slot: Slot) -> Result<(), Full> {
        let Some(place) = self.inline.get_mut(self.len) else {
            return self.push_spilled(slot);
        };
        place.write(slot);
        self.len += 1;
        Ok(())
    }

    /// Pushes both, or none.
    pub(super) fn push_pair(&mut self, lower: Slot, upper: Slot) -> Result<(), Full> {
        self.reserve(2)?;
        self.push(lower)?;
        // `reserve` found room for this one too: it cannot fail with the lower one pushed.
        self.push(upper)
    }

    /// Leaves a note with the slot on top, which has none. There must be one.
    pub(super) fn set_note(&mut self, note: u64) {
        debug_assert!(note < MARKED);
        let top = self.len - 1;
        let slot = match self.inline.get_mut(top) {
            // SAFETY: it was below `len`, see INVARIANT(slots.inline).
            Some(slot) => unsafe { slot.assume_init_mut() },
            None => &mut self.spill[top - INLINE],
        };
        slot.note |= note;
    }

    /// Pops the slot on top. There must be one.
    #[inline]
    pub(super) fn pop(&mut self) -> Slot {
        self.len -= 1;
        match self.inline.get(self.len) {
            // SAFETY: it was below `len` until here: INVARIANT(slots.inline).
            Some(slot) => unsafe { slot.assume_init() },
            None => self.pop_spilled(),
        }
    }

    /// Finds room for `count` more, so that so many pushes cannot fail.
    pub(super) fn reserve(&mut self, count: usize) -> Result<(), Full> {
        let len = self.len + count;
        let spilled = len.saturating_sub(INLINE);
        if spilled == 0 {
            return Ok(());
        }
        if len > self.limit {
            return Err(Full);
        }
        self.spill.try_reserve(spilled - self.spill.len()).map_err(|_| Full)
    }

    /// Pops all and frees the memory.
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.spill = Vec::new();
    }

    #[inline(never)]
    fn push_spilled(&mut self, slot: Slot) -> Result<(), Full> {
        self.reserve(1)?;
        self.spill.push(slot);
        self.len += 1;
        self.check();
        Ok(())
    }

    #[inline(never)]
    fn pop_spilled(&mut self) -> Slot {
        let slot = self.spill.pop().expect("see INVARIANT(slots.spill)");
        self.check();
        slot
    }

    fn check(&self) {
        debug_assert_eq!(
            self.spill.len(),
            self.len.saturating_sub(INLINE),
            "see INVARIANT(slots.spill)"
        );
    }
}
