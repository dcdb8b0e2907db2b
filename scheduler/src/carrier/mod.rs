//! Carriers: the threads that carry workers.
//!
//! A carrier is a thread of the runtime's, with a loop and its own stack for native code, or a
//! foreign thread that was attached ([`crate::foreign`]). It owns at most one worker. Tasks that are
//! pinned to it reach it through its mailbox.
//!
//! # Who may touch which field
//!
//! 1. `word`, `request`, `target`, `parker`, `gift`, `mailbox`, `pile`: anybody, as each says.
//! 2. `worker`: written by the carrier's own thread only, while nobody may take it. Others read it
//!    between a look at the word and an exchange that only one side can win
//!    ([`crate::crossing::retake`]): if theirs wins, nothing has changed since the look, and what they
//!    read is theirs. The carrier then finds its worker lost and forgets the pointer.
//! 3. `current`: written by the carrier's own thread; others look, and follow it only as
//!    [`crate::census`] says.
//! 4. All other cells: the carrier's own thread.
//!
//! Carriers live in the runtime's arena (`arena.rs`) until the runtime's memory is freed, so that a pointer to
//! one is good as long as one holds the runtime.
//!
//! `owned.rs` has the worker, `task.rs` the task, `given.rs` what a carrier that waits is given, `local.rs` what is
//! its own.

mod arena;
mod given;
mod local;
mod owned;
mod task;

pub(crate) use arena::Arena;

use crate::crossing::Parting;
use crate::crossing::request::Request;
use crate::crossing::word::Word;
use crate::fiber::Inside;
use crate::park::Parker;
use crate::queue::{Mailbox, Ring};
use crate::shared::Shared;
use crate::stack::Stack;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize};
use crate::task::{Header, TaskRef};
use crate::vitals::Vitals;
use crate::worker::lend::Hand;
use crate::worker::pile::Pile;
use crate::worker::succession::Lending;
use crate::worker::{Hint, Worker};
use crossbeam_utils::CachePadded;
use std::cell::{Cell, UnsafeCell};
use std::ptr::{self, NonNull};
use std::thread;

/// See the module.
#[repr(C, align(128))]
pub(crate) struct Carrier {
    /// Does it own a worker, and may others take it?
    pub(crate) word: Word,
    /// The native function that its task is in, while the word says so; a word of the embedder's.
    pub(crate) target: AtomicUsize,
    worker: AtomicPtr<Worker>,
    /// The task on this carrier, or null in the loop.
    current: AtomicPtr<Header>,
    /// The word that the embedder keeps with that task; null in the loop.
    task_word: AtomicPtr<()>,
    /// The lowest address of the task's own stack while its code runs on it, 0 otherwise.
    pub(crate) stack_low: Cell<usize>,
    /// Where the thread's alternate signal stack begins, and its bytes; 0 if it has none.
    pub(crate) signal_stack: Cell<(usize, usize)>,
    /// A word of the embedder's, kept as long as the runtime. Null at first.
    pub(crate) embedder: AtomicPtr<()>,
    pub(crate) shared: *const Shared,
    /// The inner side of the fiber that the loop has resumed last: by it code on any fiber on top of that one
    /// reaches the carrier's own stack. See `worker/lend.rs`.
    pub(crate) lowest: Cell<Option<Inside>>,
    /// The task that stands on the loop with that fiber, or none. See `worker/pass.rs`.
    pub(crate) turn: Cell<Option<TaskRef>>,
    /// A task that is to be suspended soon. The thread's own. See `worker/aside.rs`.
    pub(crate) aside: Cell<Option<NonNull<Header>>>,
    /// Of the uppermost of those that lend their turns to others. See INVARIANT(lend.record).
    pub(crate) lending: Cell<Option<NonNull<Lending>>>,
    /// Who lends a turn on this carrier. Written by its own thread; others look as `worker/pile.rs` says.
    pub(crate) pile: Pile,
    /// Who asks for the worker in mode A.
    pub(crate) request: CachePadded<Request>,
    /// If the native call that is under way has no worker, why. The carrier's own.
    pub(crate) parting: Cell<Parting>,
    /// When the native call was first seen whose worker was taken, from the runtime's start, and how it spent its time: a
    /// [`Seen`](crate::crossing::Seen). Written by the taker before it takes, and read by the carrier when it finds its
    /// worker lost.
    pub(crate) seen_since: AtomicU64,
    /// What others may see of the thread.
    pub(crate) vitals: Vitals,
    /// Its task computes in native code, and its worker was taken. See [`crate::crossing::Burning`].
    pub(crate) burning: AtomicBool,
    /// The monitor asks the task on this carrier to let others run. Down again at the next pick.
    pub(crate) yield_flag: AtomicBool,
    /// The task on this carrier came by a checkpoint while others that are pinned here were ready. Set by
    /// the carrier, cleared by the monitor.
    pub(crate) keeps_pinned: AtomicBool,
    /// Ready tasks that are pinned here.
    ring: UnsafeCell<Ring>,
    /// Tasks that are neither queued nor suspended nor running. See `worker/lend.rs`.
    hand: UnsafeCell<Hand>,
    /// Live tasks that are pinned here.
    pinned: AtomicUsize,
    /// How many workers came here to pick a task. The thread's own.
    pub(crate) arrivals: Cell<u32>,
    pub(crate) index: usize,
    /// A thread that is not the runtime's.
    pub(crate) foreign: bool,
    /// Such a thread is inside now. Written by the thread itself, for those who look.
    pub(crate) visited: AtomicBool,

    pub(crate) parker: Parker,
    /// A worker that was given and not yet taken in.
    gift: AtomicPtr<Worker>,
    /// A task whose native call this carrier is to make.
    job: AtomicPtr<Header>,
    /// What it was taken from the spares for, if for none of the above.
    errand: AtomicU8,
    /// If it was called, what it is to fetch ahead.
    pub(crate) hint: Hint,
    /// Stacks for its tasks' next native calls. See [`crate::native_stack`].
    #[expect(clippy::vec_box, reason = "a stack is handed on as the box it is")]
    native_stacks: UnsafeCell<Vec<Box<Stack>>>,
    pub(crate) mailbox: Mailbox,
    /// The thread, while it runs.
    pub(crate) thread: Mutex<Option<thread::JoinHandle<()>>>,
}

// SAFETY: each field is touched by the rules in the module.
unsafe impl Sync for Carrier {}
// SAFETY: as above; a carrier is freed with the arena, when no thread uses it.
unsafe impl Send for Carrier {}

/// A carrier in the arena.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct CarrierRef(NonNull<Carrier>);

// SAFETY: a pointer to a `Sync` object in the arena.
unsafe impl Send for CarrierRef {}
// SAFETY: as above.
unsafe impl Sync for CarrierRef {}

impl std::ops::Deref for CarrierRef {
    type Target = Carrier;
    fn deref(&self) -> &Carrier {
        // SAFETY: references are made by the arena and kept inside the runtime that owns it.
        unsafe { self.0.as_ref() }
    }
}

impl Carrier {
    /// Built where it will lie, which takes little room on the caller's stack: it may be a task's.
    pub(crate) fn boxed(index: usize, shared: *const Shared, foreign: bool) -> Box<Carrier> {
        let mut place = Box::<Carrier>::new_uninit();
        let at = place.as_mut_ptr();
        macro_rules! fields {
            ($($field:ident: $value:expr,)*) => {
                // Does not compile unless all fields are named.
                let _ = |&Carrier { $($field: _),* }: &Carrier| ();
                $(
                    // SAFETY: `at` is the place of a carrier, so the field lies within it.
                    let field = unsafe { &raw mut (*at).$field };
                    // SAFETY: it is aligned as the place is, ours alone, and holds nothing yet.
                    unsafe { field.write($value) };
                )*
            };
        }
        fields! {
            word: Word::new(),
            target: AtomicUsize::new(0),
            worker: AtomicPtr::new(ptr::null_mut()),
            current: AtomicPtr::new(ptr::null_mut()),
            task_word: AtomicPtr::new(ptr::null_mut()),
            stack_low: Cell::new(0),
            signal_stack: Cell::new((0, 0)),
            embedder: AtomicPtr::new(ptr::null_mut()),
            shared: shared,
            lowest: Cell::new(None),
            turn: Cell::new(None),
            aside: Cell::new(None),
            lending: Cell::new(None),
            pile: Pile::new(),
            request: CachePadded::new(Request::new()),
            parting: Cell::new(Parting::Taken),
            seen_since: AtomicU64::new(0),
            vitals: Vitals::default(),
            burning: AtomicBool::new(false),
            yield_flag: AtomicBool::new(false),
            keeps_pinned: AtomicBool::new(false),
            ring: UnsafeCell::new(Ring::default()),
            hand: UnsafeCell::new(Hand::default()),
            pinned: AtomicUsize::new(0),
            arrivals: Cell::new(0),
            index: index,
            foreign: foreign,
            visited: AtomicBool::new(false),
            parker: Parker::new(),
            gift: AtomicPtr::new(ptr::null_mut()),
            job: AtomicPtr::new(ptr::null_mut()),
            errand: AtomicU8::new(given::IDLE),
            hint: Hint::default(),
            native_stacks: UnsafeCell::new(Vec::new()),
            mailbox: Mailbox::new(),
            thread: Mutex::new(None),
        }
        // SAFETY: each field has been written.
        unsafe { place.assume_init() }
    }

    pub(crate) fn as_ref(&self) -> CarrierRef {
        CarrierRef(NonNull::from(self))
    }

    /// The runtime.
    #[inline]
    pub(crate) fn shared(&self) -> &Shared {
        // SAFETY: the runtime's memory holds the arena that this carrier is in.
        unsafe { &*self.shared }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        drop(self.take_gift());
        if self.word.is_run() {
            // SAFETY: nobody else is left, and the word says `RUN`.
            drop(unsafe { self.take_worker() });
        }
    }
}

impl std::fmt::Debug for Carrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Carrier")
            .field("index", &self.index)
            .field("word", &self.word)
            .finish_non_exhaustive()
    }
}
