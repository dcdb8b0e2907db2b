//! The pool: where a runtime gets its stacks of one shape.
//!
//! A stack that is given back stays *hot* for a while: its pages are kept, and the last one given
//! is the first one taken. When there are too many, the oldest half is *cooled*: their pages go
//! back to the kernel, neighbours in one call, and the stacks go home to their slabs. A slab with
//! all its stacks home is unmapped, which alone gives back its page tables; one such slab is kept.
//!
//! Stacks come from the slab in the lowest place that has one, so that the others run empty. A pool that lends thousands
//! takes several at a time from there (`ahead`). When a peak is over, those stay warm that lie close together (`near`).
//!
//! Locks: `growing` (who maps the next slab) before `inner`. The kernel is never called under
//! `inner`, except that `valgrind` is told of a stack's first use, which is a few instructions.
//!
//! Must not: cache per worker. That is done above, with whole fibers.

mod ahead;
mod near;

use std::collections::BTreeSet;
use std::fmt;
use std::iter::Sum;
use std::mem;

use super::slab::{self, Slab};
use super::{GuardKind, Stack, StackError, StackKind, StackShape};
use crate::sync::Mutex;

/// A slab has at most this many stacks, and at most so many bytes unless a single stack has more.
const MAX_SLAB_STACKS: usize = 1024;
const MAX_SLAB_BYTES: usize = 256 << 20;

/// The first slab is a sixteenth of that (64 fibers are all that a small program has), the second a
/// quarter, all others whole.
const MAX_SLAB_DOUBLINGS: usize = 4;

/// Hot stacks hold at most this much memory, if all of them were used to the end.
const MAX_HOT_BYTES: usize = 16 << 20;
const MAX_HOT_STACKS: usize = 256;
const MIN_HOT_STACKS: usize = 4;

/// Slabs that outlived their pool, since a stack of theirs was never given back. Nothing is ever
/// taken from here: it is where they can be found by whoever looks for leaks.
static KEPT: Mutex<Vec<Slab>> = Mutex::new(Vec::new());

/// The stacks of one shape of one runtime.
///
/// Dropping it unmaps every slab whose stacks are all back. A slab with a stack still out stays
/// mapped and registered for good: nothing is unmapped under anybody.
pub(crate) struct Stacks {
    shape: StackShape,
    /// Forces the kind of guard; `None`: the best that the kernel gives.
    wish: Option<GuardKind>,
    /// Held by the one who maps a slab: the others wait for it instead of mapping their own.
    growing: Mutex<()>,
    inner: Mutex<Inner>,
}

/// What a pool holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StackStats {
    /// Slabs that are mapped.
    pub slabs: usize,
    /// Stacks that are lent.
    pub stacks_out: usize,
    /// Stacks that are ready to be lent without mapping more.
    pub stacks_free: usize,
    /// Bytes of address space, guards included; memory is taken by touched pages only.
    pub mapped_bytes: usize,
    /// How the stacks are guarded: [`GuardKind::Protect`] if any slab is. `None` without slabs.
    pub guard: Option<GuardKind>,
}

impl Sum for StackStats {
    fn sum<I: Iterator<Item = StackStats>>(parts: I) -> StackStats {
        parts.fold(StackStats::default(), |sum, part| StackStats {
            slabs: sum.slabs + part.slabs,
            stacks_out: sum.stacks_out + part.stacks_out,
            stacks_free: sum.stacks_free + part.stacks_free,
            mapped_bytes: sum.mapped_bytes + part.mapped_bytes,
            guard: match (sum.guard, part.guard) {
                (Some(GuardKind::Protect), _) | (_, None) => sum.guard,
                (_, guard) => guard,
            },
        })
    }
}

struct Inner {
    /// A stack names its slab by the place in this list, so a slab never moves while it is mapped.
    slabs: Vec<Option<Slab>>,
    /// The places of the slabs that have a stack at home.
    with_home: BTreeSet<u32>,
    /// Given back with their pages; the last one is the hottest.
    hot: Vec<Stack>,
    /// How many are lent.
    out: usize,
}

impl Stacks {
    /// An empty pool: the first slab is mapped with the first stack.
    pub(crate) fn new(shape: StackShape) -> Self {
        Self::with_wish(shape, None)
    }

    /// For tests: a pool that uses one kind of guard and fails where the kernel refuses it.
    #[cfg(test)]
    pub(crate) fn with_guard(shape: StackShape, guard: GuardKind) -> Self {
        Self::with_wish(shape, Some(guard))
    }

    fn with_wish(shape: StackShape, wish: Option<GuardKind>) -> Self {
        Self {
            shape,
            wish,
            growing: Mutex::new(()),
            inner: Mutex::new(Inner {
                slabs: Vec::new(),
                with_home: BTreeSet::new(),
                hot: Vec::new(),
                out: 0,
            }),
        }
    }

    /// The measures of its stacks.
    pub(crate) fn shape(&self) -> StackShape {
        self.shape
    }

    /// Lends a stack: the one given back last, if its pages are still there.
    ///
    /// # Errors
    ///
    /// [`StackError`] if another slab is needed and cannot be had; the pool is as before.
    pub(crate) fn take(&self) -> Result<Stack, StackError> {
        let mut inner = self.inner.lock();
        let ahead = inner.ahead(self.max_hot());
        let stack = inner.take();
        drop(inner);
        match stack {
            None => self.grow(),
            Some(stack) if ahead == 0 => Ok(stack),
            Some(stack) => Ok(self.take_ahead(stack, ahead)),
        }
    }

    #[cold]
    fn grow(&self) -> Result<Stack, StackError> {
        let _growing = self.growing.lock();
        let stacks = {
            let mut inner = self.inner.lock();
            if let Some(stack) = inner.take() {
                return Ok(stack);
            }
            inner.next_slab_stacks(self.shape)
        };
        let slab = Slab::map(self.shape, stacks, self.wish)?;
        let mut inner = self.inner.lock();
        inner.add(slab);
        Ok(inner.take().expect("a new slab has stacks at home"))
    }

    /// Takes a stack back.
    ///
    /// # Panics
    ///
    /// If it was lent by another pool; it is then lost, as if it had been dropped.
    pub(crate) fn give(&self, stack: Stack) {
        let cold = {
            let mut inner = self.inner.lock();
            inner.give(stack);
            inner.too_hot(self.max_hot())
        };
        self.cool(cold);
    }

    /// Takes many stacks back under one lock, the coldest first; `stacks` is empty after.
    ///
    /// # Panics
    ///
    /// If one was lent by another pool; it and those behind it are then lost, as if dropped.
    pub(crate) fn give_batch(&self, stacks: &mut Vec<Stack>) {
        let cold = {
            let mut inner = self.inner.lock();
            for stack in stacks.drain(..) {
                inner.give(stack);
            }
            inner.too_hot(self.max_hot())
        };
        self.cool(cold);
    }

    /// Gives all memory back that no lent stack needs, but for one empty slab without pages.
    pub(crate) fn trim(&self) {
        let hot = mem::take(&mut self.inner.lock().hot);
        self.cool(hot);
    }

    /// Gives all memory back that no lent stack needs. For the end: the next stack maps a slab anew.
    pub(crate) fn clear(&self) {
        self.trim();
        let empty = self.inner.lock().take_empty(0);
        self.unmap(empty);
    }

    /// What it holds now.
    pub(crate) fn stats(&self) -> StackStats {
        let inner = self.inner.lock();
        let mut stats = StackStats { stacks_out: inner.out, ..StackStats::default() };
        let mut stacks = 0;
        for slab in inner.slabs.iter().flatten() {
            stats.slabs += 1;
            stats.mapped_bytes += slab.bytes();
            stacks += slab.stacks();
            if stats.guard != Some(GuardKind::Protect) {
                stats.guard = Some(slab.guard());
            }
        }
        stats.stacks_free = stacks - inner.out;
        stats
    }

    fn max_hot(&self) -> usize {
        // A few that are always wanted again may be larger than that; a task's own may not.
        let least = if self.shape.kind() == StackKind::Own { 0 } else { MIN_HOT_STACKS };
        (MAX_HOT_BYTES / self.shape.usable_bytes()).clamp(least, MAX_HOT_STACKS)
    }

    /// Gives back the pages of stacks that were taken out of `hot`, then the stacks to their slabs.
    fn cool(&self, mut cold: Vec<Stack>) {
        if cold.is_empty() {
            return;
        }
        cold.sort_unstable_by_key(|stack| (stack.slot, stack.index));
        let runs = cold.chunk_by(|a, b| a.slot == b.slot && a.index + 1 == b.index);
        slab::release_pages(self.shape, runs);
        let empty = self.inner.lock().take_home(cold);
        self.unmap(empty);
    }

    /// Unmaps empty slabs. What the kernel refuses stays in the pool, as stacks to be lent.
    fn unmap(&self, empty: Vec<Slab>) {
        for slab in empty {
            if let Err(slab) = slab.unmap() {
                self.inner.lock().add(slab);
            }
        }
    }
}

impl Drop for Stacks {
    fn drop(&mut self) {
        self.trim();
        for slab in mem::take(&mut self.inner.get_mut().slabs).into_iter().flatten() {
            if let Err(slab) = slab.unmap() {
                KEPT.lock().push(slab);
            }
        }
    }
}

impl fmt::Debug for Stacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stacks")
            .field("shape", &self.shape)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn take(&mut self) -> Option<Stack> {
        let stack = self.hot.pop().or_else(|| self.take_from_slab())?;
        self.out += 1;
        Some(stack)
    }

    fn take_from_slab(&mut self) -> Option<Stack> {
        let slot = *self.with_home.first()?;
        let slab = self.slabs[slot as usize].as_mut().expect("a place in `with_home` has a slab");
        let stack = slab.take(slot);
        if !slab.has_home() {
            self.with_home.remove(&slot);
        }
        stack
    }

    fn give(&mut self, stack: Stack) {
        let slab = self.slabs.get(stack.slot as usize).and_then(Option::as_ref);
        assert!(
            slab.is_some_and(|slab| slab.owns(&stack)),
            "a stack was given to a pool that did not lend it: give it to the `Stacks` that did"
        );
        self.out -= 1;
        self.hot.push(stack);
    }

    /// The coldest stacks, if there are more hot ones than `max`.
    fn too_hot(&mut self, max: usize) -> Vec<Stack> {
        if self.hot.len() <= max {
            return Vec::new();
        }
        // Down to half, so that the next call of the kernel is `max / 2` stacks away.
        let cold = self.hot.len() - max / 2;
        self.hot.drain(..cold).collect()
    }

    /// Takes cold stacks home; returns the slabs to unmap: all empty ones but the first.
    fn take_home(&mut self, cold: Vec<Stack>) -> Vec<Slab> {
        for stack in cold {
            let slot = stack.slot;
            let slab = self.slabs[slot as usize].as_mut().expect("its stack was out");
            slab.give(stack);
            self.with_home.insert(slot);
        }
        self.take_empty(1)
    }

    /// The slabs whose stacks are all home, but for the first `kept`.
    #[must_use = "the slabs are out of the pool: unmap them"]
    fn take_empty(&mut self, kept: usize) -> Vec<Slab> {
        let is_empty = |slot: &u32| self.slabs[*slot as usize].as_ref().is_some_and(Slab::is_whole);
        let empty: Vec<u32> = self.with_home.iter().copied().filter(is_empty).skip(kept).collect();
        empty
            .into_iter()
            .filter_map(|slot| {
                self.with_home.remove(&slot);
                self.slabs[slot as usize].take()
            })
            .collect()
    }

    fn add(&mut self, slab: Slab) {
        let slot = self.slabs.iter().position(Option::is_none).unwrap_or_else(|| {
            self.slabs.push(None);
            self.slabs.len() - 1
        });
        self.slabs[slot] = Some(slab);
        self.with_home.insert(u32::try_from(slot).expect("fewer than 2^32 slabs"));
    }

    fn next_slab_stacks(&self, shape: StackShape) -> u32 {
        let quarters = self.slabs.iter().flatten().count().min(MAX_SLAB_DOUBLINGS / 2);
        let stacks = MAX_SLAB_STACKS >> (MAX_SLAB_DOUBLINGS - 2 * quarters);
        let bytes = MAX_SLAB_BYTES >> (MAX_SLAB_DOUBLINGS - 2 * quarters);
        stacks.min(bytes / shape.stride_bytes()).max(1) as u32
    }
}
