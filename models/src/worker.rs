//! A worker that the crossing's files can carry about: a number, and no memory.
//!
//! The number is the address of a box of nothing, so that a protocol that gives one worker to two
//! owners fails by the model's books, and frees nothing twice.

use std::ptr;

/// See the module.
#[derive(Debug)]
pub(crate) struct Worker;

impl Worker {
    pub(crate) fn new(index: usize) -> Box<Worker> {
        // SAFETY: a box of a type without size owns no memory; any address but null is good.
        unsafe { Box::from_raw(ptr::without_provenance_mut(index + 1)) }
    }

    pub(crate) fn index(worker: Box<Worker>) -> usize {
        Box::into_raw(worker).addr() - 1
    }
}
