//! All slabs of the process, in a form that a signal handler can read.
//!
//! The fault handler must find out whose guard was hit without a lock and without memory. So the
//! slabs stand in chunks of atomics that are linked and never freed. Writers (a slab is mapped or
//! unmapped) take a lock among themselves; readers take none.
//!
//! Each slot has a version: odd while it is written. A reader that sees an odd or a changed version
//! passes the slot by. That loses nothing: the slab that a faulting thread runs on is lent to it,
//! so its slot was written before the stack was handed out and does not change until it is back.
//! What changes under a reader is therefore never the slab that it looks for.
//!
//! Must not: allocate, lock or wait on the reading side.

use std::iter;
use std::ops::Range;

use super::{StackKind, StackShape};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};

const CHUNK_SLOTS: usize = 64;

/// The writers' lock: held while a slot is chosen and written. The lowest lock of the room.
static WRITER: Mutex<()> = Mutex::new(());

static FIRST: Chunk = Chunk::new();

/// A slab, as the handler needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) shape: StackShape,
}

/// A stack of a slab, found by an address in its guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GuardHit {
    /// The lowest address of the guard.
    pub(super) limit: usize,
    pub(super) shape: StackShape,
}

impl GuardHit {
    /// All addresses of the stack, guard and gap included.
    pub(super) fn stack(&self) -> Range<usize> {
        self.limit..self.limit + self.shape.stride_bytes()
    }
}

impl Geometry {
    fn guard_at(&self, address: usize) -> Option<GuardHit> {
        let within = self.within_stack(address)?;
        (within < self.shape.guard_bytes())
            .then(|| GuardHit { limit: address - within, shape: self.shape })
    }

    fn bottom_at(&self, address: usize) -> Option<usize> {
        let within = self.within_stack(address)?;
        Some(address - within + self.shape.guard_bytes())
    }

    /// How far above the start of its stack an address of the slab is.
    fn within_stack(&self, address: usize) -> Option<usize> {
        let is_here = (self.start..self.end).contains(&address);
        is_here.then(|| (address - self.start) % self.shape.stride_bytes())
    }
}

struct Slot {
    version: AtomicUsize,
    /// Zero: the slot is free.
    start: AtomicUsize,
    end: AtomicUsize,
    usable_bytes: AtomicUsize,
    guard_bytes: AtomicUsize,
    /// A [`StackKind`].
    kind: AtomicUsize,
}

impl Slot {
    const fn new() -> Self {
        Self {
            version: AtomicUsize::new(0),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            usable_bytes: AtomicUsize::new(0),
            guard_bytes: AtomicUsize::new(0),
            kind: AtomicUsize::new(0),
        }
    }

    /// Caller holds [`WRITER`].
    fn is_free(&self) -> bool {
        // ORDERING: Relaxed: written under the same lock as it is read here.
        self.start.load(Ordering::Relaxed) == 0
    }

    /// Caller holds [`WRITER`]. `None` frees the slot.
    fn write(&self, geometry: Option<Geometry>) {
        // ORDERING: Relaxed: only writers change it, and they hold one lock.
        let version = self.version.load(Ordering::Relaxed);
        // ORDERING(table.dirty): Relaxed, made visible before the fields by the Release fence below.
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        // ORDERING(table.dirty): pairs with the Acquire fence in `read`: who reads a new field also
        // sees the odd version, or a later one, when it looks again.
        fence(Ordering::Release);
        let shape = geometry.map(|it| it.shape);
        // ORDERING: Relaxed for the fields: the version around them orders them.
        self.start.store(geometry.map_or(0, |it| it.start), Ordering::Relaxed);
        self.end.store(geometry.map_or(0, |it| it.end), Ordering::Relaxed);
        self.usable_bytes.store(shape.map_or(0, |it| it.usable_bytes), Ordering::Relaxed);
        self.guard_bytes.store(shape.map_or(0, |it| it.guard_bytes), Ordering::Relaxed);
        self.kind.store(shape.map_or(0, |it| it.kind as usize), Ordering::Relaxed);
        // ORDERING(table.clean): Release, pairs with the Acquire load in `read`: who sees this
        // version sees the fields that belong to it.
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    /// The slab in this slot; `None` if it is free or just changing.
    fn read(&self) -> Option<Geometry> {
        // ORDERING(table.clean): Acquire, pairs with the Release store that ends `write`.
        let version = self.version.load(Ordering::Acquire);
        if version % 2 == 1 {
            return None;
        }
        // ORDERING: Relaxed for the fields: they count only if the version has not changed.
        let start = self.start.load(Ordering::Relaxed);
        let end = self.end.load(Ordering::Relaxed);
        let usable_bytes = self.usable_bytes.load(Ordering::Relaxed);
        let guard_bytes = self.guard_bytes.load(Ordering::Relaxed);
        let kind = self.kind.load(Ordering::Relaxed);
        // ORDERING(table.dirty): pairs with the Release fence in `write`.
        fence(Ordering::Acquire);
        // ORDERING(table.dirty): Relaxed, after the fence: a field from a later write shows here.
        let is_stable = self.version.load(Ordering::Relaxed) == version;
        let kinds = [StackKind::Fiber, StackKind::Own, StackKind::Native, StackKind::Signal];
        let kind = kinds.into_iter().find(|it| *it as usize == kind)?;
        (is_stable && start != 0).then_some(Geometry {
            start,
            end,
            shape: StackShape { kind, usable_bytes, guard_bytes },
        })
    }
}

struct Chunk {
    slots: [Slot; CHUNK_SLOTS],
    next: AtomicPtr<Chunk>,
}

impl Chunk {
    const fn new() -> Self {
        Self {
            slots: [const { Slot::new() }; CHUNK_SLOTS],
            next: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    fn next(&self) -> Option<&'static Chunk> {
        // ORDERING(table.chunk): Acquire, pairs with the Release store in `register`: the new
        // chunk's slots are seen as they were made.
        let next = self.next.load(Ordering::Acquire);
        // SAFETY: null, or a chunk that `register` leaked, so it is never freed; all of it is
        // atomics, so sharing it is fine.
        unsafe { next.as_ref() }
    }
}

fn chunks() -> impl Iterator<Item = &'static Chunk> {
    iter::successors(Some(&FIRST), |chunk| chunk.next())
}

/// A slab's place in the table, free again when this is dropped.
///
/// Must end before the slab is unmapped: what the kernel maps there next is not ours to judge.
pub(super) struct Registration {
    slot: &'static Slot,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let _writer = WRITER.lock();
        self.slot.write(None);
    }
}

/// Enters a slab. Must come before any of its stacks is handed out.
pub(super) fn register(geometry: Geometry) -> Registration {
    debug_assert!(geometry.start != 0, "no mapping starts at zero");
    let _writer = WRITER.lock();
    let free = chunks().flat_map(|chunk| &chunk.slots).find(|slot| slot.is_free());
    let slot = free.unwrap_or_else(|| {
        let last = chunks().last().expect("the first chunk is static");
        let chunk = Box::leak(Box::new(Chunk::new()));
        // ORDERING(table.chunk): Release, pairs with the Acquire load in `Chunk::next`.
        last.next.store(chunk, Ordering::Release);
        &chunk.slots[0]
    });
    slot.write(Some(geometry));
    Registration { slot }
}

/// The stack whose guard holds `address`. Safe in a signal handler.
pub(super) fn guard_at(address: usize) -> Option<GuardHit> {
    chunks()
        .flat_map(|chunk| &chunk.slots)
        .filter_map(Slot::read)
        .find_map(|geometry| geometry.guard_at(address))
}

/// The lowest usable address of the stack that holds `address`; `None` if it is on no stack of a slab.
pub(crate) fn bottom_at(address: usize) -> Option<usize> {
    chunks()
        .flat_map(|chunk| &chunk.slots)
        .filter_map(Slot::read)
        .find_map(|geometry| geometry.bottom_at(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::atomic::AtomicBool;

    /// Addresses that no process has: tests of other threads use the same table.
    const NOWHERE: usize = 1 << 62;

    fn geometry(place: usize, usable_bytes: usize, guard_bytes: usize) -> Geometry {
        let shape = StackShape { kind: StackKind::Native, usable_bytes, guard_bytes };
        let start = NOWHERE + place;
        Geometry { start, end: start + 4 * shape.stride_bytes(), shape }
    }

    #[test]
    fn every_address_of_a_guard_is_found_and_no_other() {
        let one = geometry(0, 0x4000, 0x3000);
        let next = Geometry { start: one.end, end: one.end + 4 * 0x7000, ..one };
        let _one = register(one);
        let _next = register(next);
        for stack in 0..8 {
            let limit = one.start + stack * 0x7000;
            for (offset, is_guard) in
                [(0, true), (0x1234, true), (0x2fff, true), (0x3000, false), (0x6fff, false)]
            {
                let hit = guard_at(limit + offset);
                assert_eq!(hit.map(|it| it.limit), is_guard.then_some(limit), "{stack} {offset:x}");
            }
        }
        assert_eq!(guard_at(one.start - 1), None);
        assert_eq!(guard_at(next.end), None);
    }

    #[test]
    fn slots_are_used_again_and_chunks_grow() {
        let places: Vec<_> =
            (1..=3 * CHUNK_SLOTS).map(|n| geometry(n << 32, 0x4000, 0x1000)).collect();
        for _ in 0..3 {
            let entries: Vec<_> = places.iter().map(|it| register(*it)).collect();
            assert!(places.iter().all(|it| guard_at(it.start).is_some()));
            drop(entries);
            assert!(places.iter().all(|it| guard_at(it.start).is_none()));
        }
        // Not one chunk a round: 3 for these, the rest is what parallel tests hold.
        assert!(chunks().count() < 9, "{} chunks", chunks().count());
    }

    /// One slot changes between two shapes while another thread reads: never a mixture of both.
    #[test]
    fn a_reader_never_sees_half_a_slab() {
        const READS: usize = 500_000;
        let slot = Slot::new();
        let shapes = [geometry(1 << 50, 0x4000, 0x1000), geometry(2 << 50, 0x8000, 0x5000)];
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for shape in shapes.iter().cycle() {
                    slot.write(Some(*shape));
                    // ORDERING: Relaxed: only ends the loop.
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
            let seen = iter::repeat_with(|| slot.read()).flatten().take(READS);
            let is_mixed = |it: &Geometry| !shapes.contains(it);
            let mixed: Vec<_> = seen.filter(is_mixed).take(3).collect();
            // ORDERING: Relaxed: only ends the loop above.
            done.store(true, Ordering::Relaxed);
            assert!(mixed.is_empty(), "{mixed:x?}");
        });
    }
}
