//! What a worker keeps for its next tasks: the memory of those that have ended, and their references to the
//! runtime.
//!
//! A task is one block of memory from its runtime's [`Blocks`]; and a reference counted in one word that all workers
//! share. Both go from task to task on the worker that ends the one and spawns the other, without a lock and without a
//! change of the count.
//!
//! INVARIANT(supply.blocks): a block in the supply is of the worker's own runtime, and of the class that its list
//! stands for.
//!
//! Must not: be touched inside a closure of [`Carrier::with_worker`](crate::carrier::Carrier::with_worker), hence
//! no reference to a task is dropped in one. Keep a runtime alive whose workers nobody will run again: see
//! [`Supply::clear`].

use crate::block::{Block, Blocks, CLASSES, GRAIN};
use crate::carrier::Carrier;
use crate::shared::Shared;
use crate::sync::Arc;
use crate::worker::{Worker, current};
use std::alloc::{self, Layout};
use std::ptr::NonNull;

/// How many blocks of one size are kept.
const MOST_BLOCKS: usize = 512;

/// How many are fetched at a time.
const FETCHED: usize = 128;

/// How many references are kept.
const MOST_REFERENCES: usize = 512;

/// See the module.
#[derive(Default)]
pub(crate) struct Supply {
    blocks: [Vec<Block>; CLASSES],
    references: Vec<Arc<Shared>>,
}

impl Supply {
    /// Gives the blocks back, whose watcher the caller is.
    #[cold]
    pub(crate) fn give_blocks_back(&mut self, to: &Blocks) {
        for (class, blocks) in self.blocks.iter_mut().enumerate() {
            let _ = to.give(class, blocks.drain(..));
        }
    }

    /// Gives everything back. For a worker that nobody will run again.
    #[cold]
    pub(crate) fn clear(&mut self, shared: &Shared) {
        for (class, blocks) in self.blocks.iter_mut().enumerate() {
            shared.keep_blocks(class, blocks.drain(..));
        }
        // The caller holds the runtime by another.
        self.references.clear();
    }
}

impl std::fmt::Debug for Supply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let blocks: usize = self.blocks.iter().map(Vec::len).sum();
        f.debug_struct("Supply").field("blocks", &blocks).finish_non_exhaustive()
    }
}

/// The class of blocks for this layout; `None`: it is the allocator's.
#[inline]
fn class_of(layout: Layout) -> Option<usize> {
    let class = layout.size().div_ceil(GRAIN).checked_sub(1)?;
    (class < CLASSES && layout.align() <= GRAIN).then_some(class)
}

/// Runs `f` on the supply of this thread's worker, if it has one of this runtime's.
#[inline]
fn with_supply<R>(shared: *const Shared, f: impl FnOnce(&mut Supply) -> R) -> Option<R> {
    // SAFETY: the arena outlives this thread's stay in its runtime.
    let carrier: &Carrier = unsafe { current::carrier().as_ref() }?;
    if !carrier.word.is_run() || !std::ptr::eq(carrier.shared, shared) {
        return None;
    }
    // SAFETY: this is the carrier's thread, and the word says `RUN`. The closures passed here do not come
    // back, and by the rule of the module no other closure is under way.
    unsafe { carrier.with_worker(|worker: &mut Worker| f(&mut worker.supply)) }
}

/// Memory for a task of this runtime.
#[inline]
pub(super) fn allocate(shared: &Shared, wanted: Layout) -> NonNull<u8> {
    let Some(class) = class_of(wanted) else { return allocate_new(wanted) };
    match with_supply(shared, |supply| supply.blocks[class].pop()).flatten() {
        Some(block) => block.into_memory(),
        None => fetch(shared, class, wanted),
    }
}

/// Fetches blocks for the worker, or one if this thread has none.
#[cold]
#[inline(never)]
fn fetch(shared: &Shared, class: usize, wanted: Layout) -> NonNull<u8> {
    if shared.is_forked() {
        // A lock may be held for good here, and what is freed is not kept: see `free`.
        return allocate_new(wanted);
    }
    let fetched = with_supply(shared, |supply| {
        shared.blocks.take(class, FETCHED, &mut supply.blocks[class]);
        supply.blocks[class].pop()
    });
    let block = fetched.unwrap_or_else(|| {
        let mut one = Vec::with_capacity(1);
        shared.blocks.take(class, 1, &mut one);
        one.pop()
    });
    block.map_or_else(|| alloc::handle_alloc_error(wanted), Block::into_memory)
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
/// It came from [`allocate`] with this layout for this runtime, and nobody uses it.
#[inline]
pub(super) unsafe fn free(shared: &Shared, memory: NonNull<u8>, layout: Layout) {
    let Some(class) = class_of(layout) else {
        // SAFETY: allocated with this layout, by contract.
        return unsafe { alloc::dealloc(memory.as_ptr(), layout) };
    };
    // SAFETY: such memory is a block, by contract.
    let mut block = Some(unsafe { Block::from_memory(memory) });
    with_supply(shared, |supply| {
        let blocks = &mut supply.blocks[class];
        if blocks.len() < MOST_BLOCKS {
            blocks.extend(block.take());
        }
    });
    if let Some(block) = block {
        give_back_blocks(shared, class, block);
    }
}

/// The supply is full, or there is none: the block goes to the runtime, and with it half of the others.
#[cold]
#[inline(never)]
fn give_back_blocks(shared: &Shared, class: usize, block: Block) {
    if shared.is_forked() {
        // As in `fetch`; and it may be none of the runtime's.
        return;
    }
    let mut surplus = Vec::with_capacity(MOST_BLOCKS / 2 + 1);
    with_supply(shared, |supply| {
        // The oldest are the coldest.
        surplus.extend(supply.blocks[class].drain(..MOST_BLOCKS / 2));
    });
    surplus.push(block);
    shared.keep_blocks(class, surplus.into_iter());
}

/// A reference to the runtime for a task.
#[inline]
pub(super) fn refer_to(shared: &Arc<Shared>) -> Arc<Shared> {
    with_supply(Arc::as_ptr(shared), |supply| supply.references.pop())
        .flatten()
        .unwrap_or_else(|| shared.clone())
}

/// The reference of a task that is no more.
#[inline]
pub(super) fn give_back(reference: Arc<Shared>) {
    let shared = Arc::as_ptr(&reference);
    let mut reference = Some(reference);
    with_supply(shared, |supply| {
        if supply.references.len() < MOST_REFERENCES {
            supply.references.extend(reference.take());
        }
    });
    // Dropped out of the closure: it may be the last of another runtime.
    drop(reference);
}
