//! What a jump (`longjmp`) has left open, found by the edge that it has come to.
//!
//! A jump runs no code of ours. The layers that it has passed, a callback's and all above it, stay pushed, and
//! what those frames would have put back is not. The native call whose code was jumped to finds that out when
//! it returns: one that goes the general way has noted how many layers there were, one that goes the fast way
//! knows which callbacks have begun in it, and a raw one, if it was asked to, where it was called from. It then pops the *dead* layers as leaks, puts the rest right, and
//! returns as any other.
//!
//! Must not: touch the frames that were left. What a call or callback holds that others wait for is in the
//! task's [`Local`], or in the scheduler's header of the task, never in a frame only.

use super::automaton::Layers;
use super::layer::Layer;
use super::trace;
use crate::target::ledger;
use crate::task::local::Local;
use sortie_scheduler::crossing::{self, Below, Errno, Opened};
use std::ptr;

/// The native code of a call is on top that has all but `depth` of the layers above it; if there are more, they
/// are dead. On its stack, in native code; `below` says which. Returns how many were.
#[inline]
pub(crate) fn land(local: &Local, depth: usize, below: Below) -> usize {
    if below != Below::THREAD {
        check_task(local);
    }
    if local.layers(|layers| layers.depth()) == depth { 0 } else { land_late(local, depth, below) }
}

/// As [`land`], for a direct call on a stack of its own.
#[inline]
pub(crate) fn land_noted(local: &Local, depth: usize, below: Below) -> usize {
    check_task(local);
    if local.depth() <= depth { 0 } else { land_late(local, depth, below) }
}

#[cold]
#[inline(never)]
fn land_late(local: &Local, depth: usize, below: Below) -> usize {
    crossing::check_stack(below, local.below(), innermost(local));
    bury(local, |local| local.layers(|layers| layers.depth() > depth))
}

/// The innermost callback that is open.
pub(crate) fn innermost(local: &Local) -> Option<Opened> {
    local.layers(|layers| layers.notes().next_back().map(Opened::from_bits))
}

/// Ends the process if the frames here are those of `local`'s task and another is on this thread. That can be
/// where native code runs on stacks of its tasks.
#[inline]
pub(crate) fn check_task(local: &Local) {
    let word = sortie_scheduler::task_word();
    // In a child that was forked off meanwhile there is no task.
    if !word.is_null() && word != ptr::from_ref(local).cast() {
        crossing::task_is_elsewhere();
    }
}

/// As [`land`], for a direct call.
#[cold]
#[inline(never)]
pub(crate) fn land_direct(local: &Local) -> usize {
    let Some(left) = local.take_jumped() else { return 0 };
    crossing::check_stack(Below::THREAD, Below::THREAD, innermost(local));
    bury(local, |local| {
        local.layers(|layers| left.is_before_innermost(layers.notes().rev().map(Opened::from_bits)))
    })
}

/// As [`land`], for a raw `enter` that was called from `place`.
#[cold]
#[inline(never)]
pub(crate) fn land_raw(local: &Local, place: usize) -> usize {
    let called = |layers: &mut Layers| (layers.depth_called_from(place), layers.depth());
    let (Some(depth), found) = local.layers(called) else { return 0 };
    if depth == found {
        return 0;
    }
    crossing::check_stack(Below::THREAD, local.below(), innermost(local));
    bury(local, |local| local.layers(|layers| layers.depth() > depth))
}

/// As [`land`], for managed code, which a call returns to that was not announced: it has its worker then.
#[cold]
#[inline(never)]
pub(crate) fn land_managed(local: &Local, depth: usize) {
    crossing::check_stack(Below::THREAD, Below::THREAD, innermost(local));
    let dead = bury(local, |local| local.layers(|layers| layers.depth() > depth));
    match crossing::come_back() {
        Ok(_) => report(dead),
        // The runtime is gone. The native code has returned, so the frames may unwind.
        Err(_) => crossing::stop_after_return(),
    }
}

/// Pops the top while it `is_dead`, and does for these layers what their ends would have done.
fn bury(local: &Local, is_dead: impl Fn(&Local) -> bool) -> usize {
    let errno = Errno::save();
    let mut dead = 0;
    let mut callbacks = Vec::new();
    while is_dead(local) {
        let Some((layer, note)) = local.layers(|layers| layers.abandon()) else { break };
        dead += 1;
        if layer == Layer::Managed {
            callbacks.push(Opened::from_bits(note));
        }
    }
    // As managed code has it. A call that had noted something else before puts that back itself.
    local.set_raw(None);
    local.set_fp_env(None);
    local.set_below(Below::THREAD);
    if let Some(page) = ledger::page() {
        page.set_since(0);
    }
    let depth = local.layers(|layers| layers.depth());
    local.leave_raw_callbacks(depth);
    local.let_go(depth);
    local.layers(|layers| {
        let open = layers.notes().map(Opened::from_bits);
        crossing::return_to_native(callbacks.into_iter(), open);
    });
    crossing::count_left_open(dead as u64);
    errno.restore();
    dead
}

/// Says that layers were dead, in managed code.
#[cold]
#[inline(never)]
pub(crate) fn report(dead: usize) {
    trace::tell(|| {
        tracing::warn!(
            target: "sortie::crossing",
            dead,
            "a jump (`longjmp`) has left layers open, which are closed now: some callback has no end"
        );
    });
}
