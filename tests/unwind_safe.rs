//! Code that catches panics may use everything that tasks wait at without a word, as it may use `std`'s, and what it
//! has for tasks: an unwinding leaves none of it half changed.

use sortie::sync::{Barrier, Event, LazyLock, Once, OnceLock, Semaphore, WaitGroup};
use sortie::sync::{broadcast, channel, oneshot, watch};
use sortie::task::{AbortHandle, Group, JoinSet};
use sortie::{Handle, JoinHandle, Runtime};
use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};

const fn is_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}

/// Of a message, which may be in the middle of something, only its owner sees anything.
type Message = Cell<u32>;

const _: () = {
    is_unwind_safe::<Barrier>();
    is_unwind_safe::<Event>();
    is_unwind_safe::<Semaphore>();
    is_unwind_safe::<WaitGroup>();
    is_unwind_safe::<Once>();
    is_unwind_safe::<OnceLock<u32>>();
    is_unwind_safe::<LazyLock<u32>>();
    is_unwind_safe::<channel::Sender<Message>>();
    is_unwind_safe::<channel::Receiver<Message>>();
    is_unwind_safe::<oneshot::Sender<Message>>();
    is_unwind_safe::<oneshot::Receiver<Message>>();
    is_unwind_safe::<watch::Sender<u32>>();
    is_unwind_safe::<watch::Receiver<u32>>();
    is_unwind_safe::<broadcast::Sender<u32>>();
    is_unwind_safe::<broadcast::Receiver<u32>>();
    is_unwind_safe::<JoinHandle<Message>>();
    is_unwind_safe::<JoinSet<Message>>();
    is_unwind_safe::<AbortHandle>();
    is_unwind_safe::<Group>();
    is_unwind_safe::<Handle>();
    is_unwind_safe::<Runtime>();
};
