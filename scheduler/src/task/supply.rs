//! What a worker keeps for its next tasks: the memory of those that have ended, and their references to the
//! runtime.
//!
//! A task is one block of memory, aligned to cache lines, which is what allocators are slow at; and a
//! reference counted in one word that all workers share. Both go from task to task on the worker that ends
//! the one and spawns the other, without an allocator and without a change of the count.
//!
//! INVARIANT(supply.blocks): a block in the supply was allocated with the layout that its list stands for, and
//! nobody else knows it.
//!
//! Must not: be touched inside a closure of [`Carrier::with_worker`](crate::carrier::Carrier::with_worker), hence
//! no reference to a task is dropped in one. Keep a runtime alive whose workers nobody will run again: see
//! [`Supply::clear`].

use crate::carrier::Carrier;
use crate::shared::Shared;
use crate::sync::Arc;
use crate::worker::{Worker, current};
use std::alloc::{self, Layout};
use std::ptr::NonNull;

/// The size of a block is a multiple of this.
const GRAIN: usize = 64;

/// How many sizes are kept: larger blocks go back to the allocator.
const SIZES: usize = 16;

/// How many blocks of one size are kept.
const MOST_BLOCKS: usize = 512;

/// How many references are kept.
const MOST_REFERENCES: usize = 512;

struct Block(NonNull<u8>);

// SAFETY: by INVARIANT(supply.blocks) it is memory that nobody uses.
unsafe impl Send for Block {}

/// See the module.
#[derive(Default)]
pub(crate) struct Supply {
    blocks: [Vec<Block>; SIZES],
    references: Vec<Arc<Shared>>,
}

impl Supply {
    /// Gives everything back. For a worker that nobody will run again.
    #[cold]
    pub(crate) fn clear(&mut self) {
        for (size, blocks) in self.blocks.iter_mut().enumerate() {
            for block in blocks.drain(..) {
                // SAFETY: by INVARIANT(supply.blocks).
                unsafe { alloc::dealloc(block.0.as_ptr(), layout(size)) };
            }
        }
        // The caller holds the runtime by another.
        self.references.clear();
    }
}

impl Drop for Supply {
    fn drop(&mut self) {
        self.clear();
    }
}

impl std::fmt::Debug for Supply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let blocks: usize = self.blocks.iter().map(Vec::len).sum();
        f.debug_struct("Supply").field("blocks", &blocks).finish_non_exhaustive()
    }
}

/// The list for blocks of this layout; `None` if they are not kept.
#[inline]
fn size_of(layout: Layout) -> Option<usize> {
    let size = layout.size().div_ceil(GRAIN).checked_sub(1)?;
    (size < SIZES && layout.align() <= GRAIN).then_some(size)
}

/// The layout that a list stands for.
#[inline]
fn layout(size: usize) -> Layout {
    // SAFETY: the alignment is a power of two, and the size a multiple of it and small.
    unsafe { Layout::from_size_align_unchecked((size + 1) * GRAIN, GRAIN) }
}

/// Runs `f` on the supply of this thread's worker, if it has one.
#[inline]
fn with_supply<R>(f: impl FnOnce(&Carrier, &mut Supply) -> R) -> Option<R> {
    // SAFETY: the arena outlives this thread's stay in its runtime.
    let carrier = unsafe { current::carrier().as_ref() }?;
    if !carrier.word.is_run() {
        return None;
    }
    // SAFETY: this is the carrier's thread, and the word says `RUN`. The closures passed here do not come
    // back, and by the rule of the module no other closure is under way.
    unsafe { carrier.with_worker(|worker: &mut Worker| f(carrier, &mut worker.supply)) }
}

/// Memory for a task.
#[inline]
pub(super) fn allocate(wanted: Layout) -> NonNull<u8> {
    let Some(size) = size_of(wanted) else { return allocate_new(wanted) };
    match with_supply(|_, supply| supply.blocks[size].pop()).flatten() {
        Some(Block(memory)) => memory,
        None => allocate_new(layout(size)),
    }
}

#[cold]
#[inline(never)]
fn allocate_new(layout: Layout) -> NonNull<u8> {
    // SAFETY: a task is not of size zero.
    let memory = unsafe { alloc::alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| alloc::handle_alloc_error(layout))
}

/// The memory of a task that is no more.
///
/// # Safety
/// It came from [`allocate`] with this layout, and nobody uses it.
#[inline]
pub(super) unsafe fn free(memory: NonNull<u8>, wanted: Layout) {
    let size = size_of(wanted);
    let kept = size.and_then(|size| {
        with_supply(|_, supply| {
            let blocks = &mut supply.blocks[size];
            let has_room = blocks.len() < MOST_BLOCKS;
            if has_room {
                blocks.push(Block(memory));
            }
            has_room
        })
    });
    if kept != Some(true) {
        // SAFETY: allocated with this layout, by contract.
        unsafe { alloc::dealloc(memory.as_ptr(), size.map_or(wanted, layout)) };
    }
}

/// A reference to the runtime for a task.
#[inline]
pub(super) fn refer_to(shared: &Arc<Shared>) -> Arc<Shared> {
    with_supply(|carrier, supply| {
        let ours = std::ptr::eq(carrier.shared, Arc::as_ptr(shared));
        if ours { supply.references.pop() } else { None }
    })
    .flatten()
    .unwrap_or_else(|| shared.clone())
}

/// The reference of a task that is no more.
#[inline]
pub(super) fn give_back(reference: Arc<Shared>) {
    let mut reference = Some(reference);
    with_supply(|carrier, supply| {
        let ours = reference.as_ref().map(Arc::as_ptr) == Some(carrier.shared);
        if ours && supply.references.len() < MOST_REFERENCES {
            supply.references.extend(reference.take());
        }
    });
    // Dropped out of the closure: it may be the last of another runtime.
    drop(reference);
}
