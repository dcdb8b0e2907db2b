//! Blocks of memory for tasks, cut from chunks of a runtime's own.
//!
//! A task's memory is aligned to cache lines, and a million tasks may live: an allocator for all purposes is slow
//! at the one and scatters the other. Here blocks of one *size class*, a multiple of [`GRAIN`] bytes, lie side by
//! side in chunks. The first chunks are small, for few tasks are to take little; later ones are a huge page each,
//! where the kernel gives them.
//!
//! Workers keep some blocks for their next tasks (`task/supply.rs`), and come here for many at a time.
//!
//! # After a peak
//!
//! What is given back stays warm: its pages are kept, and it goes out again first. What nobody needs for a while
//! ([`crate::ebb`]) is *cooled*: a chunk with all its blocks here is unmapped, of the others whole pages of free blocks
//! go back to the kernel. None is kept warm for good: the last ones that were given back lie each in another page.
//!
//! INVARIANT(block.owned): a [`Block`] is the right to use its memory, and its chunk is unmapped only when all its
//! blocks are here, or with the whole store.
//!
//! Must not: know what is in a block; be dropped while one is in use.

mod chunk;

use self::chunk::Chunk;
use crate::ebb::{Ebb, Outlook};
use crate::sync::Mutex;
use crossbeam_utils::CachePadded;
use std::ptr::NonNull;

/// The size and the alignment of a block are multiples of this.
pub(crate) const GRAIN: usize = 64;

/// How many size classes there are: the largest blocks have `CLASSES` times [`GRAIN`] bytes.
pub(crate) const CLASSES: usize = 16;

/// Fewer free blocks of a class than this are not worth a watch.
const FEW: usize = 2048;

/// At most so many are cooled at a time.
const COOLED_AT_ONCE: usize = 64 << 10;

/// The right to a block of memory.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Block(NonNull<u8>);

// SAFETY: by INVARIANT(block.owned) nobody else uses the memory.
unsafe impl Send for Block {}

impl Block {
    /// The memory, which the caller gives back by [`Block::from_memory`].
    #[inline]
    pub(crate) fn into_memory(self) -> NonNull<u8> {
        self.0
    }

    /// # Safety
    /// The memory came from [`Block::into_memory`], and nobody uses it.
    #[inline]
    pub(crate) unsafe fn from_memory(memory: NonNull<u8>) -> Block {
        Block(memory)
    }

    /// The memory, while the block stays.
    pub(crate) fn memory(&self) -> NonNull<u8> {
        self.0
    }

    fn address(&self) -> usize {
        self.0.addr().get()
    }
}

/// The blocks of one runtime.
pub(crate) struct Blocks {
    classes: [CachePadded<Mutex<Class>>; CLASSES],
}

/// All blocks of one size.
#[derive(Default)]
struct Class {
    chunks: Vec<Chunk>,
    /// How much of the last chunk was cut, in bytes.
    cut: usize,
    /// Given back, the last one last.
    warm: Vec<Block>,
    /// Of the warm ones.
    ebb: Ebb,
    /// Cooled, by address.
    cold: Vec<Block>,
}

impl Blocks {
    pub(crate) fn new() -> Blocks {
        Blocks { classes: std::array::from_fn(|_| CachePadded::default()) }
    }

    /// Adds `count` blocks, the one to use first last; fewer, but one at least, where chunks end. False: there is no
    /// memory for one.
    pub(crate) fn take(&self, class: usize, count: usize, into: &mut Vec<Block>) -> bool {
        self.classes[class].lock().take(bytes_of(class), count, into)
    }

    /// Takes blocks back. True: from now on somebody has to call [`Blocks::ebb`].
    #[must_use = "blocks that nobody cools are kept for good"]
    pub(crate) fn give(&self, class: usize, blocks: impl Iterator<Item = Block>) -> bool {
        let mut class = self.classes[class].lock();
        class.warm.extend(blocks);
        let level = class.warm.len();
        class.ebb.rose_to(level, FEW)
    }

    /// Gives back some of what nobody needs. `is_turn`: a turn is over.
    pub(crate) fn ebb(&self, is_turn: bool) -> Outlook {
        let classes = self.classes.iter().enumerate();
        let outlooks = classes.map(|(class, lock)| ebb(lock, bytes_of(class), is_turn));
        outlooks.max().unwrap_or(Outlook::Calm)
    }
}

/// The bytes of a block.
fn bytes_of(class: usize) -> usize {
    (class + 1) * GRAIN
}

fn ebb(lock: &Mutex<Class>, bytes: usize, is_turn: bool) -> Outlook {
    let mut class = lock.lock();
    let level = class.warm.len();
    if is_turn {
        class.ebb.turn(level, 0, FEW);
    }
    let surplus = class.ebb.next(COOLED_AT_ONCE);
    let outlook = class.ebb.outlook();
    if surplus == 0 {
        return outlook;
    }
    let mut blocks = std::mem::take(&mut class.cold);
    // The oldest are the coldest.
    blocks.extend(class.warm.drain(..surplus));
    class.warm.shrink_to(FEW);
    drop(class);
    // Of two runs, one of which is in order.
    blocks.sort();
    let whole = lock.lock().take_whole(bytes, &mut blocks);
    for chunk in whole {
        // SAFETY: all its blocks were here, and they are gone (INVARIANT(block.owned)).
        unsafe { chunk.unmap() };
    }
    for run in blocks.chunk_by(|a, b| a.address() + bytes == b.address()) {
        // SAFETY: these blocks are ours alone, side by side, and nothing in them is needed.
        unsafe { chunk::release(run[0].0, run.len() * bytes) };
    }
    if blocks.capacity() / 4 > blocks.len().max(FEW) {
        blocks.shrink_to(2 * blocks.len().max(FEW));
    }
    let mut class = lock.lock();
    blocks.append(&mut class.cold);
    class.cold = blocks;
    outlook
}

impl Class {
    fn take(&mut self, bytes: usize, count: usize, into: &mut Vec<Block>) -> bool {
        let store = if self.warm.is_empty() { &mut self.cold } else { &mut self.warm };
        if store.is_empty() {
            return self.cut(bytes, count, into);
        }
        let kept = store.len().saturating_sub(count);
        into.extend(store.drain(kept..));
        self.ebb.fell_to(self.warm.len());
        true
    }

    /// Cuts new blocks, from a new chunk if it must.
    fn cut(&mut self, bytes: usize, count: usize, into: &mut Vec<Block>) -> bool {
        let left = self.chunks.last().map_or(0, |chunk| (chunk.bytes() - self.cut) / bytes);
        if left == 0 {
            let Some(chunk) = Chunk::map(self.chunks.len()) else { return false };
            self.chunks.push(chunk);
            self.cut = 0;
        }
        let chunk = self.chunks.last().expect("mapped above, or not used up");
        let count = count.min((chunk.bytes() - self.cut) / bytes);
        // The lowest is used first.
        into.extend((0..count).rev().map(|n| Block(chunk.at(self.cut + n * bytes))));
        self.cut += count * bytes;
        true
    }

    /// Takes out the chunks whose blocks are all among `blocks`, which are in order, and those with them.
    fn take_whole(&mut self, bytes: usize, blocks: &mut Vec<Block>) -> Vec<Chunk> {
        // Of the last one only this much was cut.
        let (last, cut) = (self.chunks.last().map(Chunk::start), self.cut);
        let is_whole = |chunk: &mut Chunk| {
            let cut = if last == Some(chunk.start()) { cut } else { chunk.bytes() };
            let first = blocks.partition_point(|block| block.address() < chunk.start());
            let uppermost = (cut / bytes).checked_sub(1).and_then(|n| blocks.get(first + n));
            uppermost.is_some_and(|block| block.address() < chunk.end())
        };
        let mut whole: Vec<_> = self.chunks.extract_if(.., is_whole).collect();
        if last != self.chunks.last().map(Chunk::start) {
            // All others were cut to their ends.
            self.cut = self.chunks.last().map_or(0, Chunk::bytes);
        }
        whole.sort_unstable_by_key(Chunk::start);
        blocks.retain(|block| {
            let behind = whole.partition_point(|chunk| chunk.start() <= block.address());
            behind == 0 || whole[behind - 1].end() <= block.address()
        });
        whole
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        for class in &mut self.classes {
            for chunk in class.get_mut().chunks.drain(..) {
                // SAFETY: nobody uses a block when the store is dropped, by the rule of the module.
                unsafe { chunk.unmap() };
            }
        }
    }
}

impl std::fmt::Debug for Blocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blocks").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
