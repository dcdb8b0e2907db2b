//! [`TransitionError`]: why a transition was refused.
//!
//! Each message says what was expected and what to do about it. An error means that the layers of
//! the task are as they were before the call, with the exceptions told at
//! [`TransitionError::ShutDown`] and [`TransitionError::Unbalanced`].

use std::fmt;

use super::layer::{Event, Layer};

/// Why a transition was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TransitionError {
    /// The event does not fit the task's innermost layer, or the thread carries no task.
    NotOwner {
        /// The refused event.
        event: Event,
        /// The innermost layer of the task, or `None` if the calling thread carries no task.
        found: Option<Layer>,
    },
    /// The runtime is shut down.
    ///
    /// `reverse_leave` closes its layer nevertheless, because a release must not be lost. The
    /// other three change nothing; after a refused `enter` managed code must not go on.
    ShutDown,
    /// The layer could not be recorded: no memory, or the limit on depth is reached.
    OutOfMemory {
        /// How many layers the task has, its base included.
        depth: usize,
    },
    /// A jump (`longjmp`) over transitions has left layers open. They are closed as leaks, and then the transition
    /// was made.
    ///
    /// Of raw transitions that look for that: [`find_jumps`](super::find_jumps).
    Unbalanced {
        /// The transition.
        event: Event,
        /// How many layers nobody had closed.
        dead: usize,
    },
    /// The policy of the target forbids to call it.
    Denied {
        /// The function that was to be called.
        target: usize,
    },
    /// The runtime does not adopt the calling thread.
    AttachDenied,
    /// The calling thread runs a signal handler, which may have interrupted the scheduler itself.
    ///
    /// Told of handlers that run on the thread's alternate signal stack (`SA_ONSTACK`). Others look like
    /// the code that they interrupted, and must not make transitions either.
    InSignalHandler {
        /// The refused event.
        event: Event,
    },
    /// No worker became free within the bound that the configuration sets on this wait.
    ///
    /// Never the answer of the automaton itself: it comes from whoever waits for a worker between
    /// its checks and its push or pop.
    TimedOut,
    /// The wait for a worker was cancelled, because the runtime shuts down.
    ///
    /// Like [`TransitionError::TimedOut`], never the answer of the automaton itself.
    Abandoned,
}

impl fmt::Display for TransitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotOwner { event, found: None } => write!(
                f,
                "`{event}` expects a thread that carries a task, and this thread carries none; \
                 call it on the thread where the task runs, or attach this thread to a runtime \
                 through a handle first"
            ),
            Self::NotOwner { event, found: Some(top) } => write!(
                f,
                "`{event}` expects {}, and the innermost layer of the task is {top}; {}",
                expected(event),
                remedy(event, top)
            ),
            Self::ShutDown => f.write_str(
                "the transition expects a runtime that is running, and it is shut down; return \
                 from the task, and run no more managed code on it",
            ),
            Self::OutOfMemory { depth } => write!(
                f,
                "no room to record another layer above the {depth} of this task; look for a \
                 recursion through native code, free memory, or raise the limit on depth"
            ),
            Self::Unbalanced { event, dead } => write!(
                f,
                "`{event}` expects that each callback has ended, and a jump (`longjmp`) has left {dead} layers \
                 open; they are closed, and the transition was made: go on, or let native code return instead"
            ),
            Self::Denied { target: 0 } => f.write_str(
                "the policy of the native function denies calls to it; do not call it, or change its policy",
            ),
            Self::Denied { target } => write!(
                f,
                "the policy of the native function at {target:#x} denies calls to it; do not call \
                 it, or change its policy"
            ),
            Self::AttachDenied => f.write_str(
                "the runtime does not adopt this thread; call from a thread of the runtime, or \
                 allow foreign threads when it is built",
            ),
            Self::InSignalHandler { event } => write!(
                f,
                "`{event}` expects code that is no signal handler; let the handler write to a pipe or a \
                 flag, and do the rest on a thread that reads it"
            ),
            Self::TimedOut => f.write_str(
                "no worker became free within the configured bound; try again, or raise the bound \
                 or the number of workers",
            ),
            Self::Abandoned => f.write_str(
                "the wait for a worker was cancelled because the runtime shuts down; return from \
                 the task, and run no more managed code on it",
            ),
        }
    }
}

impl std::error::Error for TransitionError {}

/// The layer that `event` needs on top.
const fn expected(event: Event) -> &'static str {
    match event {
        Event::Leave => "managed code",
        Event::Enter => "native code that was called with `leave`",
        Event::ReverseEnter => "native code",
        Event::ReverseLeave => "managed code that was entered with `reverse_enter`",
    }
}

/// What to do when `event` finds `top`.
const fn remedy(event: Event, top: Layer) -> &'static str {
    match (event, top) {
        (Event::Leave, Layer::NativeBase) => "call `reverse_enter` first",
        (Event::Leave, _) => {
            "call `enter` first if the native call has returned, or `reverse_enter` if it calls \
             back"
        }
        (Event::Enter, Layer::NativeBase) => {
            "to come from native code that no `leave` called, use `reverse_enter`"
        }
        (Event::Enter, Layer::Managed) => {
            "close the callback with `reverse_leave` first, or remove this `enter`"
        }
        (Event::Enter, _) => "call `leave` before the native call, or remove this `enter`",
        (Event::ReverseEnter, _) => {
            "call `leave` before the native call that calls back, or mark it as not announced"
        }
        (Event::ReverseLeave, Layer::Native { .. }) => {
            "close the native call with `enter` first, or remove this `reverse_leave`"
        }
        (Event::ReverseLeave, _) => {
            "call `reverse_enter` when the callback starts, or remove this `reverse_leave`"
        }
    }
}
