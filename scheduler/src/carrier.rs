//! Carriers: the threads that carry workers.
//!
//! A carrier is a thread of the runtime's, with a loop and its own stack for native code, or a
//! foreign thread that was attached ([`crate::foreign`]). It owns at most one worker. Tasks that are
//! pinned to it reach it through its mailbox.
//!
//! # Who may touch which field
//!
//! 1. `word`, `request`, `target`, `parker`, `gift`, `mailbox`: anybody, as each says.
//! 2. `worker`: written by the carrier's own thread only, while nobody may take it. Others read it
//!    between a look at the word and an exchange that only one side can win
//!    ([`crate::crossing::retake`]): if theirs wins, nothing has changed since the look, and what they
//!    read is theirs. The carrier then finds its worker lost and forgets the pointer.
//! 3. `current`: written by the carrier's own thread; others look, and follow it only as
//!    [`crate::census`] says.
//! 4. All other cells: the carrier's own thread.
//!
//! Carriers live in the runtime's arena until the runtime's memory is freed, so that a pointer to
//! one is good as long as one holds the runtime.

use crate::crossing::word::{Native, Request, Snapshot, Word};
use crate::crossing::{Parting, Return};
use crate::fiber::Inside;
use crate::park::Parker;
use crate::queue::{Mailbox, Ring};
use crate::shared::Shared;
use crate::stack::Stack;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use crate::task::{Header, TaskRef};
use crate::vitals::Vitals;
use crate::worker::Worker;
use crate::worker::lend::Hand;
use crossbeam_utils::CachePadded;
use std::cell::{Cell, UnsafeCell};
use std::ptr::{self, NonNull};
use std::thread;

// What a spare may be sent for.
const IDLE: u8 = 0;
/// To go through its loop once more.
const RECALLED: u8 = 1;
/// To fetch an idle worker, and to search.
const CALLED: u8 = 2;

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
    /// Who asks for the worker in mode A.
    pub(crate) request: CachePadded<Request>,
    /// If the native call that is under way has no worker, why. The carrier's own.
    pub(crate) parting: Cell<Parting>,
    /// When the native call was first seen whose worker was taken, in nanoseconds from the runtime's
    /// start. Written by the taker before it takes, and read by the carrier when it finds its worker
    /// lost.
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
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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
    pub(crate) fn new(index: usize, shared: *const Shared, foreign: bool) -> Carrier {
        Carrier {
            word: Word::new(),
            target: AtomicUsize::new(0),
            worker: AtomicPtr::new(ptr::null_mut()),
            current: AtomicPtr::new(ptr::null_mut()),
            task_word: AtomicPtr::new(ptr::null_mut()),
            stack_low: Cell::new(0),
            signal_stack: Cell::new((0, 0)),
            embedder: AtomicPtr::new(ptr::null_mut()),
            shared,
            lowest: Cell::new(None),
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
            index,
            foreign,
            visited: AtomicBool::new(false),
            parker: Parker::new(),
            gift: AtomicPtr::new(ptr::null_mut()),
            job: AtomicPtr::new(ptr::null_mut()),
            errand: AtomicU8::new(IDLE),
            native_stacks: UnsafeCell::new(Vec::new()),
            mailbox: Mailbox::new(),
            thread: Mutex::new(None),
        }
    }

    pub(crate) fn as_ref(&self) -> CarrierRef {
        CarrierRef(NonNull::from(self))
    }

    /// The task on this carrier, or null in its loop. On the carrier's own thread.
    #[inline]
    pub(crate) fn current(&self) -> *const Header {
        // ORDERING: Relaxed, the thread reads what it wrote itself.
        self.current.load(Ordering::Relaxed)
    }

    /// From here on the thread runs code of this task, on a stack that ends at `stack_low` if it is the
    /// task's own, else 0. On the carrier's own thread.
    #[inline]
    pub(crate) fn begin(&self, task: &Header, stack_low: usize) {
        self.set_task_word(task.embedder.get());
        self.stack_low.set(stack_low);
        // ORDERING: Relaxed, see the carrier's field rules. Of one that a lender goes on from, before the light
        // fence in `worker/run.rs`; see `crate::census`.
        self.current.store(ptr::from_ref(task).cast_mut(), Ordering::Relaxed);
    }

    /// The thread is out of the task's code. On the carrier's own thread.
    #[inline]
    pub(crate) fn end(&self) {
        self.set_task_word(ptr::null());
        self.stack_low.set(0);
        // ORDERING: Relaxed, before the light fence in the loop's `finish`; see `crate::census`.
        self.current.store(ptr::null_mut(), Ordering::Relaxed);
    }

    /// The task on this carrier, for those who look. Followed only as the census says.
    pub(crate) fn seen_current(&self) -> *const Header {
        // ORDERING: Relaxed, see `crate::census`.
        self.current.load(Ordering::Relaxed)
    }

    /// The word that the embedder keeps with the task. On the carrier's own thread.
    #[inline(always)]
    pub(crate) fn task_word(&self) -> *const () {
        // ORDERING: Relaxed, the thread reads what it wrote itself.
        self.task_word.load(Ordering::Relaxed)
    }

    /// As the task's header has it. On the carrier's own thread.
    #[inline]
    pub(crate) fn set_task_word(&self, word: *const ()) {
        // ORDERING: Relaxed, as above.
        self.task_word.store(word.cast_mut(), Ordering::Relaxed);
    }

    /// Is there a task on this carrier? By anybody, a look.
    pub(crate) fn is_occupied(&self) -> bool {
        // ORDERING: Relaxed, a look.
        !self.foreign && !self.current.load(Ordering::Relaxed).is_null()
    }

    /// Live tasks that are pinned here; by anybody, a look.
    #[inline]
    pub(crate) fn pinned(&self) -> usize {
        // ORDERING: Relaxed, a look; for the carrier itself and for who finds it asleep it is exact.
        self.pinned.load(Ordering::Relaxed)
    }

    /// A task was pinned here, or has ended. On the carrier's own thread.
    pub(crate) fn set_pinned(&self, tasks: usize) {
        // ORDERING: Relaxed, as above.
        self.pinned.store(tasks, Ordering::Relaxed);
    }

    /// The runtime.
    #[inline]
    pub(crate) fn shared(&self) -> &Shared {
        // SAFETY: the runtime's memory holds the arena that this carrier is in.
        unsafe { &*self.shared }
    }

    /// Runs `f` on the worker that this carrier owns. On its own thread only, and `f` does not
    /// switch: no reference to a worker lives across one.
    ///
    /// # Safety
    /// The caller runs on this carrier's thread, the word says nothing of native code, and `f` does
    /// not come back here.
    #[inline]
    pub(crate) unsafe fn with_worker<R>(&self, f: impl FnOnce(&mut Worker) -> R) -> Option<R> {
        // ORDERING: Relaxed, the thread reads what it wrote itself.
        let worker = self.worker.load(Ordering::Relaxed);
        // SAFETY: rule 2, by contract: in these phases the pointer is null, or a box of ours.
        unsafe { worker.as_mut() }.map(f)
    }

    /// Takes the worker out of the cell. On the carrier's own thread.
    ///
    /// # Safety
    /// As for [`Carrier::with_worker`].
    pub(crate) unsafe fn take_worker(&self) -> Option<Box<Worker>> {
        // ORDERING: Relaxed, as in `with_worker`; the worker travels by the lobby's lock.
        let worker = self.worker.load(Ordering::Relaxed);
        self.forget_worker();
        // SAFETY: rule 2, by contract; the cell is null from here on.
        let worker =
            NonNull::new(worker).map(|worker| unsafe { Box::from_raw(worker.as_ptr()) })?;
        worker.shown.set_holder(ptr::null());
        Some(worker)
    }

    /// The worker was taken: the pointer to it is another's. On the carrier's own thread.
    pub(crate) fn forget_worker(&self) {
        // ORDERING: Relaxed, read by others only in native code, which is published later.
        self.worker.store(ptr::null_mut(), Ordering::Relaxed);
    }

    /// Puts a worker into the empty cell, and says `RUN`.
    ///
    /// # Safety
    /// As for [`Carrier::with_worker`].
    pub(crate) unsafe fn put_worker(&self, mut worker: Box<Worker>) {
        worker.tenure = 0;
        worker.shown.set_holder(self);
        // ORDERING: Relaxed, published by the Release store in `Word::leave`.
        debug_assert!(self.worker.load(Ordering::Relaxed).is_null(), "one worker at most");
        // ORDERING: Relaxed, as above.
        self.worker.store(Box::into_raw(worker), Ordering::Relaxed);
        self.word.run();
    }

    /// Takes the worker of a carrier whose word was `seen`, by `win`, the exchange of its mode.
    pub(crate) fn take_from(&self, win: impl FnOnce() -> bool) -> Option<Box<Worker>> {
        // ORDERING(crossing.word): Relaxed, after an Acquire look at the word: the pointer was written
        // before that leave, and unless the exchange below fails, by none later.
        let worker = self.worker.load(Ordering::Relaxed);
        if !win() {
            return None;
        }
        // SAFETY: the exchange won, so the pointer is the one left in this very call, and the
        // carrier will forget it (rule 2).
        let worker =
            NonNull::new(worker).map(|worker| unsafe { Box::from_raw(worker.as_ptr()) })?;
        worker.shown.set_holder(ptr::null());
        Some(worker)
    }

    /// The task comes back from native code. True: the worker is still here. On its own thread.
    #[cold]
    #[inline(never)]
    pub(crate) fn come_back(&self) -> bool {
        self.word.come_back(&self.request)
    }

    /// [`Carrier::come_back`] for a task that `left` in mode A, with nothing inline but what mostly
    /// happens. [`Return::Late`] also, with nothing done, if a callback `is_jumped` over.
    #[inline(always)]
    pub(crate) fn come_back_from(
        &self,
        left: Snapshot,
        is_jumped: impl FnOnce() -> bool,
    ) -> Return {
        if self.word.is(left) {
            let kept = self.word.come_back_unasked(left, &self.request) || self.settle();
            return if kept { Return::Untouched } else { Return::Late };
        }
        // A callback has left anew, or has not, or somebody has touched the word.
        if is_jumped() {
            return Return::Late;
        }
        let now = self.word.own();
        let kept = if now.is_asymmetric() {
            self.word.come_back_unasked(now, &self.request) || self.settle()
        } else {
            self.come_back()
        };
        if kept { Return::Touched } else { Return::Late }
    }

    /// [`Word::settle`].
    #[cold]
    #[inline(never)]
    pub(crate) fn settle(&self) -> bool {
        self.word.settle(&self.request)
    }

    /// May this carrier's worker be taken, seen by anybody?
    pub(crate) fn takeable(&self, seen: Snapshot) -> Option<Native> {
        seen.takeable().filter(|native| *native != Native::Asymmetric || !self.request.is_taken())
    }

    /// Runs `f` on the ring of ready pinned tasks, after the mail was taken in.
    ///
    /// # Safety
    /// The caller runs on this carrier's thread, and `f` does not come back here.
    #[inline]
    pub(crate) unsafe fn with_ring<R>(&self, f: impl FnOnce(&mut Ring) -> R) -> R {
        // SAFETY: rule 3, by contract.
        let ring = unsafe { &mut *self.ring.get() };
        if !self.mailbox.is_empty() {
            ring.take_in(&self.mailbox);
        }
        f(ring)
    }

    /// Runs `f` on what the carrier's loop has in hand.
    ///
    /// # Safety
    /// The caller runs on this carrier's thread, and `f` does not come back here.
    #[inline]
    pub(crate) unsafe fn with_hand<R>(&self, f: impl FnOnce(&mut Hand) -> R) -> R {
        // SAFETY: rule 4, by contract.
        f(unsafe { &mut *self.hand.get() })
    }

    /// Runs `f` on the stacks that the carrier keeps for native calls.
    ///
    /// # Safety
    /// The caller runs on this carrier's thread, and `f` does not come back here.
    #[inline]
    pub(crate) unsafe fn with_native_stacks<R>(
        &self,
        f: impl FnOnce(&mut Vec<Box<Stack>>) -> R,
    ) -> R {
        // SAFETY: rule 4, by contract.
        f(unsafe { &mut *self.native_stacks.get() })
    }

    /// Is there nothing else that this carrier could run now?
    ///
    /// # Safety
    /// As for [`Carrier::with_worker`].
    #[inline]
    pub(crate) unsafe fn is_alone(&self) -> bool {
        let shared = self.shared();
        // SAFETY: by contract, and the closure stays here.
        unsafe { self.with_worker(|worker| worker.queues.is_empty() && !worker.is_recalled()) }
            .unwrap_or(true)
            // SAFETY: as above.
            && unsafe { self.with_ring(|ring| ring.is_empty()) }
            && shared.injector.is_empty()
            && shared.reentry.is_empty()
            && shared.ranks.is_empty()
            && shared.lobby.in_line() == 0
    }

    /// Delivers a worker to a carrier that waits for one, and wakes it.
    pub(crate) fn give(&self, worker: Box<Worker>) {
        // ORDERING(carrier.gift): Release, pairs with the Acquire swap in `take_gift`.
        let before = self.gift.swap(Box::into_raw(worker), Ordering::AcqRel);
        assert!(before.is_null(), "a carrier is given one worker at a time");
        self.parker.unpark();
    }

    /// Hands a task over to a spare that is to make its native call, and wakes it.
    pub(crate) fn give_job(&self, task: TaskRef) {
        // ORDERING(carrier.job): Release, pairs with the Acquire swap in `take_job`.
        let before = self.job.swap(task.into_raw().as_ptr(), Ordering::AcqRel);
        assert!(before.is_null(), "a spare is given one thing at a time");
        self.parker.unpark();
    }

    /// A spare was taken from the lobby for nothing: it goes through its loop once more.
    pub(crate) fn recall(&self) {
        self.send(RECALLED);
    }

    /// A spare was taken from the lobby to fetch an idle worker, and to search: it counts as searching
    /// already.
    pub(crate) fn call(&self) {
        self.send(CALLED);
    }

    fn send(&self, errand: u8) {
        // ORDERING: Relaxed, the parker's token orders it.
        self.errand.store(errand, Ordering::Relaxed);
        self.parker.unpark();
    }

    /// Was it recalled? On the carrier's own thread.
    pub(crate) fn take_recall(&self) -> bool {
        self.take_errand(RECALLED)
    }

    /// Was it called? On the carrier's own thread.
    pub(crate) fn take_call(&self) -> bool {
        self.take_errand(CALLED)
    }

    fn take_errand(&self, errand: u8) -> bool {
        // ORDERING: Relaxed, the parker's token orders it, and a spare is given one thing at a time.
        let is_sent = self.errand.load(Ordering::Relaxed) == errand;
        if is_sent {
            // ORDERING: Relaxed, as above.
            self.errand.store(IDLE, Ordering::Relaxed);
        }
        is_sent
    }

    /// Takes in a task whose native call is to be made. On the carrier's own thread.
    pub(crate) fn take_job(&self) -> Option<TaskRef> {
        // ORDERING(carrier.job): Acquire, pairs with the Release swap in `give_job`.
        let task = NonNull::new(self.job.swap(ptr::null_mut(), Ordering::AcqRel))?;
        // SAFETY: `give_job` gave the reference up, and the swap took it out once.
        Some(unsafe { TaskRef::from_raw(task) })
    }

    /// Was the carrier given a call to make?
    pub(crate) fn has_job(&self) -> bool {
        // ORDERING: Relaxed, a look; what is there is taken by a swap.
        !self.job.load(Ordering::Relaxed).is_null()
    }

    /// Was the spare given anything: a worker, a native call to make, an errand?
    pub(crate) fn is_wanted(&self) -> bool {
        // ORDERING: Relaxed, a look.
        !self.gift.load(Ordering::Relaxed).is_null()
            || self.has_job()
            // ORDERING: Relaxed, a look.
            || self.errand.load(Ordering::Relaxed) != IDLE
    }

    /// Takes in a worker that was given. On the carrier's own thread.
    pub(crate) fn take_gift(&self) -> Option<Box<Worker>> {
        // ORDERING(carrier.gift): Acquire, pairs with the Release swap in `give`.
        let gift = NonNull::new(self.gift.swap(ptr::null_mut(), Ordering::AcqRel))?;
        // SAFETY: `give` leaked this box, and the swap took it out once.
        Some(unsafe { Box::from_raw(gift.as_ptr()) })
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

/// All carriers of a runtime. Structures are kept until the end, and used again for new threads.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    #[expect(clippy::vec_box, reason = "carriers keep their addresses while the list grows")]
    carriers: Mutex<Vec<Box<Carrier>>>,
    /// Structures whose thread has ended.
    free: Mutex<Vec<CarrierRef>>,
}

impl Arena {
    /// A carrier for a new thread: one whose thread has ended, or a new one.
    pub(crate) fn acquire(&self, shared: *const Shared, foreign: bool) -> CarrierRef {
        let mut free = self.free.lock();
        if let Some(at) = free.iter().rposition(|carrier| carrier.foreign == foreign) {
            return free.swap_remove(at);
        }
        drop(free);
        let mut carriers = self.carriers.lock();
        let carrier = Box::new(Carrier::new(carriers.len(), shared, foreign));
        let reference = carrier.as_ref().as_ref();
        carriers.push(carrier);
        reference
    }

    /// The structure may serve another thread.
    pub(crate) fn release(&self, carrier: CarrierRef) {
        self.free.lock().push(carrier);
    }

    /// All structures.
    pub(crate) fn all(&self) -> Vec<CarrierRef> {
        self.carriers.lock().iter().map(|carrier| (**carrier).as_ref()).collect()
    }
}
