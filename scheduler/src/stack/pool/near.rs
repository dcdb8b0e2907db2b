//! Which of the stacks that a peak leaves warm are worth their slabs.
//!
//! A slab stays mapped while one of its stacks is out, with the page tables of all, 136 KiB and more. Tasks that end in
//! no order leave the last stacks each in another slab.
//!
//! Must not: lock, or call the kernel.

use super::Stacks;
use crate::stack::Stack;

/// Warm stacks are worth so many slabs: the small ones that come first, and two.
const NEAR_SLABS: usize = 4;

impl Stacks {
    /// Sorts these stacks, and takes those out that lie in other slabs than the first few of all that they lie in.
    pub(crate) fn split_off_far(stacks: &mut Vec<Stack>) -> Vec<Stack> {
        stacks.sort_unstable_by_key(|stack| (stack.slot, stack.index));
        let near = stacks.chunk_by(|a, b| a.slot == b.slot).take(NEAR_SLABS);
        let near = near.map(<[Stack]>::len).sum();
        stacks.split_off(near)
    }
}
