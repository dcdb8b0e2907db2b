//! What a worker keeps for its next tasks: the memory of those that have ended, and their references to the
//! runtime.
//!
//! A task is one block of memory from its runtime's [`Blocks`]; and a reference counted in one word that all workers
//! share. Both go from task to task on the worker that ends the one and spawns the other, without a lock and without a
//! change of the count: the reference stays where it lies, in the header's place.
//!
//! INVARIANT(supply.kept): a block that is kept is of the worker's own runtime, and of the class that its list
//! stands for; it holds a reference to the runtime where a header has it ([`reference_in`]), and nothing else.
//!
//! Must not: be touched inside a closure of [`Carrier::with_worker`](crate::carrier::Carrier::with_worker), hence
//! no reference to a task is dropped in one. Keep a runtime alive whose workers nobody will run again: see
//! [`Supply::clear`].

use super::Header;
use crate::block::{Block, Blocks, CLASSES, GRAIN};
use crate::carrier::Carrier;
use crate::shared::Shared;
use crate::sync::Arc;
use crate::worker::{Worker, current};
use std::alloc::{self, Layout};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// How many blocks of one size are kept.
const MOST_BLOCKS: usize = 512;

/// How many are fetched at a time.
const FETCHED: usize = 128;

/// See the module.
#[derive(Default)]
pub(crate) struct Supply {
    /// Of tasks that have ended. See INVARIANT(supply.kept).
    kept: [Vec<Block>; CLASSES],
    /// Fetched, without a reference.
    fetched: [Vec<Block>; CLASSES],
}

impl Supply {
    /// What there is for a task, of the worker's own runtime.
    #[inline]
    pub(crate) fn take(&mut self, room: &Room) -> Share {
        Share(self.kept.get_mut(room.class).and_then(Vec::pop))
    }

    /// Makes room for as many blocks as are kept of a class. False: there was, or there is no such class.
    #[cold]
    fn makes_room(&mut self, class: usize) -> bool {
        let kept = self.kept.get_mut(class).filter(|kept| kept.capacity() < MOST_BLOCKS);
        kept.map(|kept| kept.reserve_exact(MOST_BLOCKS - kept.len())).is_some()
    }

    /// Gives the blocks back, whose watcher the caller is.
    #[cold]
    pub(crate) fn give_blocks_back(&mut self, to: &Blocks) {
        self.give_all(|class, blocks| {
            let _ = to.give(class, blocks.into_iter());
        });
    }

    /// Gives everything back. For a worker that nobody will run again.
    #[cold]
    pub(crate) fn clear(&mut self, shared: &Shared) {
        self.give_all(|class, blocks| shared.keep_blocks(class, blocks.into_iter()));
    }

    /// The caller holds the runtime by a reference that is not here.
    fn give_all(&mut self, mut give: impl FnMut(usize, Vec<Block>)) {
        for (class, kept) in self.kept.iter_mut().enumerate() {
            let mut blocks = std::mem::take(kept);
            for block in &blocks {
                // SAFETY: by INVARIANT(supply.kept).
                drop(unsafe { take_reference(block.memory()) });
            }
            blocks.append(&mut self.fetched[class]);
            give(class, blocks);
        }
    }
}

/// Where the memory of a task has the task's reference to its runtime.
///
/// # Safety
/// The memory is a task's.
unsafe fn reference_in(memory: NonNull<u8>) -> *mut ManuallyDrop<Arc<Shared>> {
    // SAFETY: such memory has room for a header at its beginning.
    unsafe { &raw mut (*memory.cast::<Header>().as_ptr()).shared }
}

/// The reference that memory of a task holds.
///
/// # Safety
/// There is one, and it is not taken a second time.
unsafe fn take_reference(memory: NonNull<u8>) -> Arc<Shared> {
    // SAFETY: by contract.
    let reference = unsafe { reference_in(memory) };
    // SAFETY: by contract.
    ManuallyDrop::into_inner(unsafe { reference.read() })
}

impl std::fmt::Debug for Supply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let blocks: usize = self.kept.iter().chain(&self.fetched).map(Vec::len).sum();
        f.debug_struct("Supply").field("blocks", &blocks).finish_non_exhaustive()
    }
}

/// The room that a task needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    layout: Layout,
    /// The class of blocks; [`CLASSES`]: it is the allocator's.
    class: usize,
}

impl Room {
    /// For a task of this layout.
    pub(crate) const fn of(layout: Layout) -> Room {
        let grains = layout.size().div_ceil(GRAIN);
        let is_block = grains > 0 && grains <= CLASSES && layout.align() <= GRAIN;
        Room { layout, class: if is_block { grains - 1 } else { CLASSES } }
    }
}

/// What a worker has for a task: a block as INVARIANT(supply.kept) says.
#[derive(Default)]
pub(crate) struct Share(Option<Block>);

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

/// Memory for a task of this runtime, which holds a reference to the runtime where its header has it.
#[inline]
pub(super) fn complete(share: Share, shared: &Arc<Shared>, room: &Room) -> NonNull<u8> {
    match share.0 {
        Some(block) => block.into_memory(),
        None => allocate(shared, room),
    }
}

/// Memory for a task of this runtime, of whose kind the worker keeps none.
#[cold]
#[inline(never)]
fn allocate(shared: &Arc<Shared>, room: &Room) -> NonNull<u8> {
    let memory = match room.class {
        CLASSES => allocate_new(room.layout),
        class => fetch(shared, class, room.layout),
    };
    // SAFETY: it is to be a task's.
    let reference = unsafe { reference_in(memory) };
    // SAFETY: nobody else knows the memory.
    unsafe { reference.write(ManuallyDrop::new(shared.clone())) };
    memory
}

/// A block that was fetched before, or fetches some for the worker, or one if this thread has none.
fn fetch(shared: &Shared, class: usize, wanted: Layout) -> NonNull<u8> {
    if shared.is_forked() {
        // A lock may be held for good here, and what is freed is not kept: see `free`.
        return allocate_new(wanted);
    }
    let fetched = with_supply(shared, |supply| {
        let fetched = &mut supply.fetched[class];
        if fetched.is_empty() {
            shared.blocks.take(class, FETCHED, fetched);
        }
        fetched.pop()
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

/// What a task had that is no more: its memory, with its reference to the runtime.
///
/// # Safety
/// The memory came from [`complete`] for this room, and nobody uses it; the reference is in it.
#[inline]
pub(super) unsafe fn keep(memory: NonNull<u8>, room: &Room) {
    // SAFETY: by contract.
    let reference = unsafe { reference_in(memory) };
    // SAFETY: by contract, it is there; a copy of the pointer, which is only compared.
    let runtime = Arc::as_ptr(unsafe { &*reference });
    let kept = with_supply(runtime, |supply| {
        let Some(kept) = supply.kept.get_mut(room.class) else { return false };
        // Without growing, for which this would need a frame.
        let has_room = kept.len() < kept.capacity();
        if has_room {
            // SAFETY: such memory is a block, by contract.
            kept.push(unsafe { Block::from_memory(memory) });
        }
        has_room
    });
    if kept != Some(true) {
        // SAFETY: by contract; it was not kept.
        unsafe { give_up(memory, room) };
    }
}

/// [`keep`], where there is no room, or nobody to keep it.
///
/// # Safety
/// As for [`keep`].
#[cold]
#[inline(never)]
unsafe fn give_up(memory: NonNull<u8>, room: &Room) {
    // SAFETY: by contract.
    let reference = unsafe { reference_in(memory) };
    // SAFETY: by contract, it is there; a copy of the pointer, which is only compared.
    let runtime = Arc::as_ptr(unsafe { &*reference });
    if with_supply(runtime, |supply| supply.makes_room(room.class)) == Some(true) {
        // SAFETY: by contract; it was not kept yet.
        return unsafe { keep(memory, room) };
    }
    // SAFETY: by contract.
    let shared = unsafe { take_reference(memory) };
    if room.class == CLASSES {
        // SAFETY: allocated with this layout, by contract.
        unsafe { alloc::dealloc(memory.as_ptr(), room.layout) };
    } else if !shared.is_forked() {
        // In a child of `fork` it may be none of the runtime's, see `fetch`, and a lock be held for good.
        // SAFETY: such memory is a block, by contract.
        give_back(&shared, room.class, unsafe { Block::from_memory(memory) });
    }
    // The last step: it may end the runtime.
    drop(shared);
}

/// A block goes to the runtime, and with it half of those that the worker keeps, if it has one.
fn give_back(shared: &Shared, class: usize, block: Block) {
    let mut surplus = Vec::with_capacity(MOST_BLOCKS / 2 + 1);
    with_supply(shared, |supply| {
        let kept = &mut supply.kept[class];
        if kept.len() >= MOST_BLOCKS {
            // The oldest are the coldest.
            surplus.extend(kept.drain(..MOST_BLOCKS / 2));
        }
    });
    for kept in &surplus {
        // SAFETY: by INVARIANT(supply.kept). It is not the last one: the caller has another.
        drop(unsafe { take_reference(kept.memory()) });
    }
    surplus.push(block);
    shared.keep_blocks(class, surplus.into_iter());
}
