//! A slab: one mapping, cut into equal stacks with a guard below each.
//!
//! The kind of guard is chosen per slab, by what the kernel answers at that moment: it refuses
//! [`GuardKind::Install`] before Linux 6.13 and in locked memory. If no kind works there is no slab.
//!
//! A slab has no `Drop` that unmaps: dropped or forgotten, its memory stays. Only [`Slab::unmap`]
//! ends it, and only when every stack is home.
//!
//! Must not: lock anything of the pool's, or know which stacks are hot.

use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;

use corosensei::stack::valgrind::ValgrindStackRegistration;

use super::os::{self, Mapping};
use super::table::{self, Geometry, Registration};
use super::{GuardKind, Stack, StackError, StackShape};
use crate::sync::atomic::{AtomicUsize, Ordering};

/// Tops are spread over this many cache lines of 64 bytes.
const COLOURS: u32 = 16;
const COLOUR_BYTES: usize = 64;

/// What a stack loses by that at most.
pub(super) const MAX_GAP_BYTES: usize = (COLOURS as usize - 1) * COLOUR_BYTES;

/// When memory is short, slabs are not tried any smaller than this: to fill the last hole of the
/// address space would leave the allocator nothing.
const SMALLEST_SLAB_BYTES: usize = 1 << 20;

/// What mappings cost under `mprotect`: its guard, and the stack itself.
const MAPPINGS_PER_STACK: usize = 2;

/// See the module.
pub(super) struct Slab {
    mapping: Mapping,
    shape: StackShape,
    stacks: u32,
    guard: GuardKind,
    /// Its place in the process-wide table.
    registration: Registration,
    /// The mappings that its guards cost.
    splits: Option<Splits>,
    /// The stacks handed out once, in order; the rest was never touched. As many as the next index.
    used: Vec<ValgrindStackRegistration>,
    /// Stacks that came home, last in first out; their pages are given back.
    home: Vec<u32>,
}

impl Slab {
    /// Maps and guards up to `stacks` stacks; fewer if so many cannot be had.
    ///
    /// `wish` forces the kind of guard.
    pub(super) fn map(
        shape: StackShape,
        stacks: u32,
        wish: Option<GuardKind>,
    ) -> Result<Self, StackError> {
        let mut stacks = stacks;
        loop {
            let error = match Self::map_exactly(shape, stacks, wish) {
                Ok(slab) => return Ok(slab),
                Err(error) => error,
            };
            let fewer = stacks / 2;
            let is_scarce =
                matches!(error, StackError::Map { .. } | StackError::MapCountLimit { .. });
            if !is_scarce
                || fewer == 0
                || fewer as usize * shape.stride_bytes() < SMALLEST_SLAB_BYTES
            {
                return Err(error);
            }
            stacks = fewer;
        }
    }

    fn map_exactly(
        shape: StackShape,
        stacks: u32,
        wish: Option<GuardKind>,
    ) -> Result<Self, StackError> {
        let bytes = stacks as usize * shape.stride_bytes();
        let mapping = Mapping::new(bytes)
            .map_err(|error| StackError::Map { bytes, errno: error.raw_os_error().unwrap_or(0) })?;
        let (guard, splits) = match guard_all(&mapping, shape, stacks, wish) {
            Ok(guarded) => guarded,
            Err(error) => {
                // SAFETY: no stack of it was handed out, and it is gone from here. If the kernel
                // refuses, untouched address space is lost and nothing else.
                let _ = unsafe { mapping.unmap() };
                return Err(error);
            }
        };
        let registration = register(&mapping, shape);
        Ok(Self {
            mapping,
            shape,
            stacks,
            guard,
            registration,
            splits,
            // Here, so that lending a stack under the pool's lock allocates nothing.
            used: Vec::with_capacity(stacks as usize),
            home: Vec::with_capacity(stacks as usize),
        })
    }

    /// How many stacks it is cut into.
    pub(super) fn stacks(&self) -> usize {
        self.stacks as usize
    }

    pub(super) fn bytes(&self) -> usize {
        self.mapping.range().len()
    }

    pub(super) fn guard(&self) -> GuardKind {
        self.guard
    }

    /// Whether every stack is home, so that it may be unmapped.
    pub(super) fn is_whole(&self) -> bool {
        self.home.len() == self.used.len()
    }

    /// Whether [`Self::take`] has something to give.
    pub(super) fn has_home(&self) -> bool {
        !self.home.is_empty() || self.used.len() < self.stacks()
    }

    /// Lends a stack; `slot` is where the pool keeps this slab.
    pub(super) fn take(&mut self, slot: u32) -> Option<Stack> {
        let index = match self.home.pop() {
            Some(index) => index,
            None if self.used.len() < self.stacks() => {
                let index = self.used.len() as u32;
                let usable = self.usable(index);
                let lowest = std::ptr::with_exposed_provenance_mut(usable.start);
                self.used.push(ValgrindStackRegistration::new(lowest, usable.len()));
                index
            }
            None => return None,
        };
        let usable = self.usable(index);
        let gap = (index % COLOURS) as usize * COLOUR_BYTES;
        Some(Stack {
            top: address(usable.end - gap),
            limit: address(usable.start - self.shape.guard_bytes()),
            bottom: address(usable.start),
            slot,
            index,
        })
    }

    /// Takes a stack home. Its pages should have been given back.
    pub(super) fn give(&mut self, stack: Stack) {
        debug_assert!(self.owns(&stack));
        self.home.push(stack.index);
    }

    /// Whether the stack is one of this slab's.
    ///
    /// Two slabs never share an address while a stack of one is out, so the address tells.
    pub(super) fn owns(&self, stack: &Stack) -> bool {
        (stack.index as usize) < self.used.len()
            && self.usable(stack.index).start == stack.bottom.get()
    }

    /// Unmaps it; gives it back if a stack is out or the kernel refuses.
    pub(super) fn unmap(self) -> Result<(), Self> {
        if !self.is_whole() {
            return Err(self);
        }
        let Self { mapping, shape, stacks, guard, registration, splits, used, home } = self;
        // First: what is mapped there next is not ours.
        drop(registration);
        // SAFETY: every stack is home and `self` is consumed, so by INVARIANT(stack.owned) nobody
        // may use any part of it; after success the mapping is dropped, which does nothing.
        match unsafe { mapping.unmap() } {
            Ok(()) => Ok(()),
            Err(_) => {
                let registration = register(&mapping, shape);
                Err(Self { mapping, shape, stacks, guard, registration, splits, used, home })
            }
        }
    }

    fn usable(&self, index: u32) -> Range<usize> {
        let Range { start, end } = stack_at(&self.mapping, self.shape, index);
        start + self.shape.guard_bytes()..end
    }
}

/// Gives back the pages of runs of neighbours, each of one slab; the guards between them stay.
///
/// Needs no slab, so no lock: to hold the stacks is right enough.
pub(super) fn release_pages<'a>(shape: StackShape, runs: impl Iterator<Item = &'a [Stack]>) {
    let parts = runs.filter_map(|run| {
        let (first, last) = (run.first()?, run.last()?);
        let part = first.bottom.get()..last.bottom.get() + shape.usable_bytes();
        let bytes = run.len() * shape.stride_bytes() - shape.guard_bytes();
        assert_eq!(part.len(), bytes, "not a run");
        Some(part)
    });
    // SAFETY: the parts are the usable pages of these stacks and the guards between them (there is no
    // room for more: asserted). We hold the stacks, so by INVARIANT(stack.owned) they are mapped
    // and nobody else may use them.
    unsafe { os::release_pages(parts) };
}

/// Gives each of these stacks the page that its first frames touch.
///
/// Needs no slab, as [`release_pages`].
pub(super) fn populate_tops(shape: StackShape, stacks: &[Stack]) {
    let page = os::page_bytes();
    let tops = stacks.iter().map(|stack| {
        let end = stack.bottom.get() + shape.usable_bytes();
        end - page..end
    });
    // SAFETY: the uppermost page of each, which is no guard. We hold the stacks, so by INVARIANT(stack.owned) they
    // are mapped.
    unsafe { os::populate(tops) };
}

/// What kind of guard this kernel gives this process now, tried on memory of its own.
///
/// # Errors
///
/// [`StackError`] if none works, or no memory can be had.
pub fn probe_guard() -> Result<GuardKind, StackError> {
    let slab = Slab::map_exactly(StackShape::fiber(1)?, 1, None)?;
    let kind = slab.guard();
    // If the kernel does not take it back, a few pages of address space are lost.
    let _ = slab.unmap();
    Ok(kind)
}

fn register(mapping: &Mapping, shape: StackShape) -> Registration {
    let Range { start, end } = mapping.range();
    table::register(Geometry { start, end, shape })
}

/// The stack's addresses, guard and gap included.
fn stack_at(mapping: &Mapping, shape: StackShape, index: u32) -> Range<usize> {
    let start = mapping.range().start + index as usize * shape.stride_bytes();
    start..start + shape.stride_bytes()
}

fn address(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("no mapping starts at zero")
}

/// Guards every stack of an unused mapping with the best kind that works.
fn guard_all(
    mapping: &Mapping,
    shape: StackShape,
    stacks: u32,
    wish: Option<GuardKind>,
) -> Result<(GuardKind, Option<Splits>), StackError> {
    let refused = |error: io::Error| StackError::Guard {
        bytes: shape.guard_bytes(),
        errno: error.raw_os_error().unwrap_or(0),
    };
    if wish != Some(GuardKind::Protect) {
        match guard_each(mapping, shape, stacks, GuardKind::Install) {
            Ok(()) => return Ok((GuardKind::Install, None)),
            Err(error) if wish == Some(GuardKind::Install) => return Err(refused(error)),
            Err(_) => {}
        }
    }
    let wanted = stacks as usize * MAPPINGS_PER_STACK;
    let splits = Splits::reserve(wanted, os::max_map_count())?;
    match guard_each(mapping, shape, stacks, GuardKind::Protect) {
        Ok(()) => Ok((GuardKind::Protect, Some(splits))),
        // The rest of the process has more mappings than we left it.
        Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => {
            drop(splits);
            Err(Splits::limit_error(wanted, os::max_map_count()))
        }
        Err(error) => Err(refused(error)),
    }
}

fn guard_each(
    mapping: &Mapping,
    shape: StackShape,
    stacks: u32,
    kind: GuardKind,
) -> io::Result<()> {
    let mut guards = (0..stacks).map(|index| {
        let limit = stack_at(mapping, shape, index).start;
        limit..limit + shape.guard_bytes()
    });
    match kind {
        // SAFETY: guard and stack are whole pages of the mapping, of which no stack was handed out.
        GuardKind::Install => unsafe { mapping.install_guards(guards) }?,
        // SAFETY: as above.
        GuardKind::Protect => guards.try_for_each(|guard| unsafe { mapping.guard(guard, kind) })?,
    }
    // SAFETY: as above; the first word of the first guard is in use by nobody.
    if kind == GuardKind::Install && !unsafe { mapping.is_guarded(mapping.range().start) } {
        return Err(io::Error::from_raw_os_error(libc::ENOTSUP));
    }
    Ok(())
}

/// The mappings that all stacks of the process hold because of `mprotect`.
static SPLITS: AtomicUsize = AtomicUsize::new(0);

/// A share of `vm.max_map_count`, given back when dropped.
struct Splits {
    mappings: usize,
}

impl Splits {
    /// Takes `wanted` mappings, but never the last eighth of `limit`: libraries, threads and the
    /// allocator need mappings too, and most of them abort when they get none.
    fn reserve(wanted: usize, limit: usize) -> Result<Self, StackError> {
        let ours = limit - limit / 8;
        // ORDERING: Relaxed: a count, which publishes nothing; the update itself is atomic.
        SPLITS
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
                held.checked_add(wanted).filter(|sum| *sum <= ours)
            })
            .map(|_| Self { mappings: wanted })
            .map_err(|_| Self::limit_error(wanted, limit))
    }

    fn limit_error(wanted: usize, limit: usize) -> StackError {
        // ORDERING: Relaxed: a figure for a message.
        StackError::MapCountLimit { limit, in_use: SPLITS.load(Ordering::Relaxed), wanted }
    }
}

impl Drop for Splits {
    fn drop(&mut self) {
        // ORDERING: Relaxed: a count, which publishes nothing.
        SPLITS.fetch_sub(self.mappings, Ordering::Relaxed);
    }
}
