//! Callbacks that nobody ends: a jump (`longjmp`) has left their frames, and runs no code of ours.
//!
//! What such a callback has counted of its task stays counted, and the carrier's word says whatever the code
//! was doing that jumped. Who finds out first is the native call that was jumped to, when it returns; its
//! embedder knows which callbacks have begun in it, for it keeps a note of each open one, [`Opened`], where no
//! jump passes. [`return_to_native`] makes of the task what it would be if all of them had ended.
//!
//! A jump that leaves its stack ends the process ([`check_stack`]): which stacks the task uses, and what waits
//! on them, cannot be told from what is left. So does one over a native call that can be cancelled
//! ([`cancellable`](crate::cancellable)): the call's record lay in a frame.
//!
//! Must not: read from frames above the one that was jumped to.

use super::leave::publish;
use super::word::Snapshot;
use super::{Below, Exit, Left};
use crate::affinity;
use crate::metrics::Counter;
use crate::stack;
use crate::wait::{self, MARKS};
use crate::worker::current;
use std::io::Write;
use std::num::NonZeroU64;

/// In place of the phase, which in a callback is always the same: what the callback has counted.
const KIND: u64 = 0b011;
/// Most are of this kind, whose note is then the carrier's word as it is.
const IN_PLACE: u64 = 0;
const UNCOUNTED: u64 = 1;
const TIED: u64 = 2;
const MOVES: u64 = 3;
/// It does not catch what unwinds towards the native frames.
const UNGUARDED: u64 = 0b100;

/// A note of one open callback: when it began, by the leaves that its carrier had counted by then, and what it
/// has counted of its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened(u64);

impl Opened {
    /// Of a callback that waits in place and is [guarded](crate::guard).
    #[inline(always)]
    pub(super) fn in_place(run: Snapshot) -> Opened {
        Opened(run.bits() | IN_PLACE)
    }

    /// Of one that suspends the task and ties it to its carrier, and is guarded.
    #[inline(always)]
    pub(super) fn tied(run: Snapshot) -> Opened {
        Opened(run.bits() | TIED)
    }

    /// Of one that lets the task migrate, and is guarded. When it began is of no use, for that may have been on another
    /// carrier.
    #[inline(always)]
    pub(super) fn anywhere() -> Opened {
        Opened(MOVES)
    }

    /// Of the callback that the current task has just begun: with `below`, or, if [`None`], without that the
    /// scheduler was told.
    pub fn now(below: Option<Below>, is_guarded: bool) -> Opened {
        let kind = match below {
            None => UNCOUNTED,
            Some(Below::THREAD) => IN_PLACE,
            Some(below) if below.low_of_tied().is_some() => TIED,
            Some(_) => MOVES,
        };
        let run = wait::kept_task().map_or(0, |(carrier, _)| carrier.word.own().run().bits());
        Opened(run | kind | if is_guarded { 0 } else { UNGUARDED })
    }

    /// What the carrier's word was, of a callback that waits in place.
    #[inline(always)]
    pub(super) fn run(self) -> Snapshot {
        Snapshot::from_bits(self.0)
    }

    /// Does it catch what unwinds towards the native frames? Then it ends with code of its own.
    pub fn is_guarded(self) -> bool {
        self.0 & UNGUARDED == 0
    }

    /// For where it is kept.
    #[inline(always)]
    pub fn bits(self) -> u64 {
        self.0
    }

    /// The note of which these are the [`bits`](Opened::bits).
    #[inline(always)]
    pub fn from_bits(bits: u64) -> Opened {
        Opened(bits)
    }
}

/// When a call has left, by the leaves that its carrier had counted then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(NonZeroU64);

impl<const COMPARE: bool> Left<COMPARE> {
    /// When that was.
    #[inline]
    pub fn moment(self) -> Moment {
        Moment(NonZeroU64::new(self.0.bits()).expect("its phase is not `RUN`"))
    }
}

impl Moment {
    /// Have some of these callbacks, all that are open, the innermost first, begun in the call that left then, and
    /// returns now? Then nobody has ended them.
    ///
    /// Those that let the task migrate may have begun on another carrier, and say nothing. But a callback of such a call
    /// itself keeps the task on its carrier, and so do those outside of it that are not of that kind: the innermost of
    /// these began on this carrier, in the call or before it.
    #[inline]
    pub fn is_before_innermost(self, mut open: impl Iterator<Item = Opened>) -> bool {
        let dated = open.find(|opened| opened.0 & KIND != MOVES);
        dated.is_some_and(|opened| opened.0 | KIND | UNGUARDED >= self.0.get())
    }
}

/// The current task is in the native code that a jump has come to, and of its callbacks only `open` ones have
/// not ended, the outermost first: `dead` ones were left. From here on all is as if they had ended.
///
/// Ends the process if one of them had called a function that can be cancelled. Keeps `errno`.
#[cold]
pub fn return_to_native(dead: impl Iterator<Item = Opened>, open: impl Iterator<Item = Opened>) {
    let Some((carrier, task)) = wait::kept_task() else { return };
    // A hold is counted there, too: see `crate::hold`.
    let holds = u32::from(carrier.shared().hold.is_kept_by(task));
    let (mut callbacks, mut blocking, mut guarded) = (0, holds, 0);
    for opened in open.filter(|opened| opened.0 & KIND != UNCOUNTED) {
        callbacks += 1;
        blocking += u32::from(opened.0 & KIND == IN_PLACE);
        if opened.0 & UNGUARDED == 0 {
            guarded = callbacks;
        }
    }
    task.callbacks.set(callbacks, task.callbacks.blocking() & MARKS | blocking);
    task.guarded_layers.set(guarded);
    for _ in dead.filter(|opened| opened.0 & KIND == TIED) {
        affinity::untie(carrier, task);
    }
    if crate::task::is_cancellable_above(task, callbacks) {
        end_process("a jump (`longjmp`) has left a native call that can be cancelled");
    }
    if carrier.word.is_run() {
        // Managed code has jumped.
        publish(carrier, super::target(), Exit::Compare);
    }
}

/// So many layers of the current task were left open, and are closed now.
#[cold]
pub fn count_left_open(layers: u64) {
    if let Some((carrier, _)) = wait::kept_task() {
        carrier.shared().metrics.add_many(Counter::LayersLeftOpen, layers);
    }
}

/// Native code on the stack of `below`, or where its caller was, has been jumped to, perhaps; the code that
/// jumped was on a stack of the current task's that is `seen`, as the embedder has noted, and in the callback `innermost`.
///
/// Ends the process if that was another stack.
#[cold]
pub fn check_stack(below: Below, seen: Below, innermost: Option<Opened>) {
    let Some((carrier, _)) = wait::kept_task() else { return };
    let here = stack::bottom_at(current::stack_pointer()).unwrap_or(0);
    check(carrier.stack_low.get(), here, below, seen, innermost);
}

/// As [`check_stack`], for native code that has returned from a stack of its own, when the carrier said `low` of
/// the task's stack. Its caller's is the task's again.
#[cold]
pub fn leave_stack(low: usize, below: Below, seen: Below, innermost: Option<Opened>) {
    check(low, below.low().unwrap_or(0), below, seen, innermost);
    if let Some((carrier, task)) = wait::kept_task() {
        task.stack_low.set(carrier.stack_low.get());
    }
}

/// Ends the process: the frames that were jumped to are another task's than the one on this thread.
#[cold]
pub fn task_is_elsewhere() -> ! {
    end_process("a jump (`longjmp`) has come to native code of another task")
}

/// `low`: the lowest address of the stack that managed code was on last, or 0, on the carrier's or for native
/// code on a stack of its own.
fn check(low: usize, here: usize, below: Below, seen: Below, innermost: Option<Opened>) {
    let is_at_home = below != Below::THREAD && low == 0 && seen == below;
    if low == here || is_at_home {
        return;
    }
    // One without code of its own at its end may have no end, and then nobody has jumped.
    end_process(if innermost.is_some_and(|opened| !opened.is_guarded()) {
        "a native call within native code whose callbacks suspend has ended, or was jumped to (`longjmp`), while a \
         callback was open that `reverse_enter` has begun; end each by `reverse_leave`, or have all callbacks there \
         wait in place (`Callbacks::Block`)"
    } else {
        "a jump (`longjmp`) has come from one stack to another, of native code whose callbacks suspend, or \
         the thread's; jump within the native code of one call, or have it all wait in place \
         (`Callbacks::Block`)"
    });
}

/// There are native frames below, which nothing may unwind.
fn end_process(message: &str) -> ! {
    let task = wait::kept_task().map_or(0, |(_, task)| task.id.get());
    // Standard error may be closed, and there is nobody else to tell.
    let _ = writeln!(std::io::stderr(), "sortie: task {task}: {message}");
    std::process::abort();
}
