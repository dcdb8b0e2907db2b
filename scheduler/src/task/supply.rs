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
    /// What there is for a task, of the worker's own runtime.
    #[inline]
    pub(crate) fn take(&mut self, room: &Room) -> Share {
        let block = room.class.and_then(|class| self.blocks[class].pop());
        Share { block, reference: self.references.pop() }
    }

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

/// The room that a task needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    layout: Layout,
    /// The class of blocks; `None`: it is the allocator's.
    class: Option<usize>,
}

impl Room {
    /// For a task of this layout.
    pub(crate) const fn of(layout: Layout) -> Room {
        let grains = layout.size().div_ceil(GRAIN);
        let is_block = grains > 0 && grains <= CLASSES && layout.align() <= GRAIN;
        Room { layout, class: if is_block { Some(grains - 1) } else { None } }
    }
}

/// What a worker has for a task.
#[derive(Default)]
pub(crate) struct Share {
    block: Option<Block>,
    reference: Option<Arc<Shared>>,
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

/// Memory for a task of this runtime, and a reference to it: the share, and what it lacks.
#[inline]
pub(super) fn complete(
    share: Share,
    shared: &Arc<Shared>,
    room: &Room,
) -> (NonNull<u8>, Arc<Shared>) {
    let memory = match share.block {
        Some(block) => block.into_memory(),
        None => allocate(shared, room),
    };
    (memory, share.reference.unwrap_or_else(|| shared.clone()))
}

/// Memory for a task of this runtime, of whose kind the worker has none.
#[cold]
#[inline(never)]
fn allocate(shared: &Shared, room: &Room) -> NonNull<u8> {
    match room.class {
        Some(class) => fetch(shared, class, room.layout),
        None => allocate_new(room.layout),
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

/// What a task had that is no more: its memory, and its reference to the runtime.
///
/// # Safety
/// The memory came from [`complete`] for this room and this runtime, and nobody uses it.
#[inline]
pub(super) unsafe fn keep(memory: NonNull<u8>, shared: Arc<Shared>, room: &Room) {
    let runtime = Arc::as_ptr(&shared);
    let mut left = Some(shared);
    if let Some(class) = room.class {
        with_supply(runtime, |supply| {
            let blocks = &mut supply.blocks[class];
            if blocks.len() < MOST_BLOCKS
                && supply.references.len() < MOST_REFERENCES
                && let Some(reference) = left.take()
            {
                // SAFETY: such memory is a block, by contract.
                blocks.push(unsafe { Block::from_memory(memory) });
                supply.references.push(reference);
            }
        });
    }
    if let Some(shared) = left {
        // SAFETY: by contract; neither was kept.
        unsafe { give_up(memory, shared, room) };
    }
}

/// [`keep`], where one of the two is not kept.
///
/// # Safety
/// As for [`keep`].
#[cold]
#[inline(never)]
unsafe fn give_up(memory: NonNull<u8>, shared: Arc<Shared>, room: &Room) {
    // SAFETY: by contract.
    unsafe { free(&shared, memory, room) };
    // The last step: it may end the runtime.
    give_back(shared);
}

/// # Safety
/// As for [`keep`].
unsafe fn free(shared: &Shared, memory: NonNull<u8>, room: &Room) {
    let Some(class) = room.class else {
        // SAFETY: allocated with this layout, by contract.
        return unsafe { alloc::dealloc(memory.as_ptr(), room.layout) };
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

/// The reference of a task that is no more.
fn give_back(reference: Arc<Shared>) {
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
