//! The part of a task that does not know its types.

use super::Id;
use super::callbacks::Callbacks;
use super::cell::Stage;
use super::living::LivingPlace;
use super::membership::Sets;
use super::no_suspend::Guards;
use super::rare::{Rare, RareCell};
use super::state::State;
use super::supply::{self, Room, Share};
use super::waker::Waker;
use crate::carrier::Carrier;
use crate::fiber::{Fiber, Inside};
use crate::shared::Shared;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::wait::joining::Joining;
use crate::wait::sleeper::Seating;
use std::cell::{Cell, UnsafeCell};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// What the header needs of the typed rest.
pub(super) struct VTable {
    /// Runs the closure and stores its output. Called once, on the task's fiber.
    pub(super) run: unsafe fn(*const ()),
    /// Drops the closure of a task that never ran and stores the error in place of its output.
    pub(super) refuse: unsafe fn(NonNull<Header>, super::join_error::Refusal),
    /// Moves the output to the address, a `Result<T, JoinError>`.
    pub(super) take_output: unsafe fn(NonNull<Header>, *mut ()),
    /// Drops the output.
    pub(super) drop_output: unsafe fn(NonNull<Header>),
    /// Frees the task, and with it whatever its stage still holds.
    pub(super) free: unsafe fn(NonNull<Header>),
}

/// See the module, and the field rules in [`super`].
///
/// It begins a cache line (its cell does), and the first line holds all that a switch from task to task looks at.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) state: State,
    /// What keeps the task on its carrier, counted. See `crate::affinity`.
    pub(crate) ties: AtomicU32,
    /// It goes to the next task in this memory, see `supply.rs`.
    pub(crate) shared: ManuallyDrop<Arc<Shared>>,
    /// The task's fiber, from its first run to its end; one on a stack of the task's own from its spawn on.
    pub(crate) fiber: Cell<Option<NonNull<Fiber>>>,
    /// A word of the embedder's, valid while the task runs. The scheduler only keeps it.
    pub(crate) embedder: Cell<*const ()>,
    /// The lowest address of the fiber's stack; 0 while there is none.
    pub(crate) stack_low: Cell<usize>,
    /// Where on its stack the task was when it was last switched away: a hint for the cache.
    pub(crate) resting_place: Cell<usize>,
    pub(crate) callbacks: Callbacks,
    pub(crate) marks: Marks,
    /// May the task resume elsewhere once it has started? But see [`Header::is_pinned`].
    pub(crate) migrating: bool,
    /// Is there a span to enter?
    pub(crate) has_span: bool,
    /// What is in the cell behind the header.
    pub(super) stage: Cell<Stage>,
    /// How many of the native layers lie under a callback that catches what unwinds towards them.
    pub(crate) guarded_layers: Cell<u32>,
    /// The number of the timer that has woken the task last: see [`Waker::begin_ring`].
    pub(crate) rung: AtomicU64,
    pub(super) refs: AtomicU32,
    /// Brackets of thread affinity that are open.
    pub(crate) brackets: Cell<u32>,
    pub(super) vtable: &'static VTable,
    /// The carrier that the task must resume on: set at its first run if it is pinned, and while
    /// it waits in place. Null: any.
    pub(crate) home: AtomicPtr<Carrier>,
    /// Its seat before a wait list.
    pub(crate) seating: Seating,
    rare: RareCell,
    /// What forbids that the task is suspended. Nothing in release builds.
    pub(crate) no_suspend: Guards,
    pub(crate) id: Id,
    /// The next task in a mailbox.
    pub(crate) next: Cell<*const Header>,
    pub(super) joiner: UnsafeCell<Option<Waker>>,
    /// The join that the task is in.
    pub(crate) joining: Joining,
    pub(super) living_place: LivingPlace,
}

/// What the owner notes of a task, a bit each.
#[derive(Default)]
pub(crate) struct Marks(Cell<u8>);

impl Marks {
    /// It is on the living list.
    pub(crate) const LINKED: u8 = 1;
    /// It sits in a seat before a wait list.
    pub(crate) const SITS: u8 = 2;
    /// It was taken from its queue by who joins it, and has not come back since but as done. See `worker/lend.rs`.
    pub(crate) const LENT: u8 = 4;
    /// It began on top of who joins another, and has not been away since. See `worker/succession.rs`.
    pub(crate) const ON_TOP: u8 = 8;
    /// It has lent its turn: others may have seen it since.
    pub(crate) const HAS_LENT: u8 = 16;

    /// Is it noted?
    #[inline]
    pub(crate) fn has(&self, mark: u8) -> bool {
        self.0.get() & mark != 0
    }

    /// Notes it, or that it is not so. Was it noted before?
    #[inline]
    pub(crate) fn set(&self, mark: u8, noted: bool) -> bool {
        let before = self.0.get();
        self.0.set(if noted { before | mark } else { before & !mark });
        before & mark != 0
    }

    /// Is it this one alone?
    #[inline]
    fn are(&self, mark: u8) -> bool {
        self.0.get() == mark
    }
}

// SAFETY: shared fields are atomics or constants; each other field has one toucher at a time, by
// the rules in the module `task`, handed over through the state word or a queue.
unsafe impl Sync for Header {}
// SAFETY: as above; a header is freed by whoever drops the last reference.
unsafe impl Send for Header {}

/// What is fixed when a task is spawned.
pub(crate) struct Birth<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) id: Id,
    pub(crate) migrating: bool,
    /// What the worker had in its supply.
    pub(crate) share: Share,
}

/// What most tasks do without. It is written over a header that was made without: values that are moved about before
/// would cost each task more than these few the second write.
pub(crate) struct Extras {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) span: tracing::Span,
    pub(crate) sets: Sets,
}

impl Header {
    /// A header with two references: the scheduler's and the join handle's.
    #[inline]
    pub(super) fn new(
        shared: ManuallyDrop<Arc<Shared>>,
        id: Id,
        migrating: bool,
        vtable: &'static VTable,
    ) -> Header {
        Header {
            state: State::new(),
            ties: AtomicU32::new(0),
            shared,
            fiber: Cell::new(None),
            embedder: Cell::new(std::ptr::null()),
            stack_low: Cell::new(0),
            resting_place: Cell::new(0),
            callbacks: Callbacks::new(),
            marks: Marks::default(),
            migrating,
            has_span: false,
            stage: Cell::new(Stage::Closure),
            guarded_layers: Cell::new(0),
            rung: AtomicU64::new(0),
            refs: AtomicU32::new(2),
            brackets: Cell::new(0),
            vtable,
            home: AtomicPtr::new(std::ptr::null_mut()),
            seating: Seating::new(),
            rare: RareCell::new(),
            no_suspend: Guards::default(),
            id,
            next: Cell::new(std::ptr::null()),
            joiner: UnsafeCell::new(None),
            joining: Joining::new(),
            living_place: LivingPlace::new(),
        }
    }

    /// Before anybody else knows the task.
    #[cold]
    pub(super) fn set_extras(&mut self, extras: Extras) {
        self.has_span = !extras.span.is_none();
        if self.has_span || extras.name.is_some() || !extras.sets.are_none() {
            self.rare.put(Rare::new(extras.name, extras.span, extras.sets));
        }
    }

    /// What the task has of what most tasks do without.
    #[inline]
    pub(crate) fn rare(&self) -> Option<&Rare> {
        self.rare.get()
    }

    /// [`Header::rare`], made if it has none. By the owner.
    #[inline]
    pub(crate) fn own_rare(&self) -> &Rare {
        self.rare.get_or_make()
    }

    /// The fiber's inner side, by which the task's own code leaves it. By the owner.
    #[inline(always)]
    pub(crate) fn inside(&self) -> Option<Inside> {
        // SAFETY: a task's fiber is there as long as the task names it, and the owner alone changes that.
        self.fiber.get().map(|fiber| unsafe { fiber.as_ref() }.inside())
    }

    /// Has the task run? By the owner.
    pub(crate) fn has_begun(&self) -> bool {
        // SAFETY: as in `inside`.
        self.fiber.get().is_some_and(|fiber| !unsafe { fiber.as_ref() }.is_prepared())
    }

    /// The span that the task runs in, if there is one.
    #[inline]
    pub(crate) fn span(&self) -> Option<&tracing::Span> {
        if self.has_span { self.rare().map(|rare| &rare.span) } else { None }
    }

    /// The sets that the task is a member of, if there are any.
    #[inline]
    pub(crate) fn sets(&self) -> Option<&Sets> {
        self.rare().map(|rare| &rare.sets)
    }

    /// Does nobody know the task but the loop that runs it and who joins it, who is in that loop's hand? By the
    /// loop, or the task.
    #[inline]
    pub(crate) fn is_private(&self) -> bool {
        // ORDERING(task.refs): Acquire, pairs with the Release of each drop of a reference.
        self.marks.are(Marks::LENT)
            && self.refs.load(Ordering::Acquire) == 2
            && self.rare().is_none()
    }

    /// Drops what most headers have nothing of.
    ///
    /// # Safety
    /// As for [`Header::end`].
    #[cold]
    #[inline(never)]
    unsafe fn drop_parts(header: NonNull<Header>) {
        // SAFETY: by contract.
        unsafe { header.drop_in_place() };
    }

    /// Ends a header and gives its memory back, which is that of the task's whole cell.
    ///
    /// # Safety
    /// The last reference is gone, the rest of the cell is dropped, and the cell was allocated for this room.
    #[inline(never)]
    pub(super) unsafe fn end(header: NonNull<Header>, cell: &Room) {
        // SAFETY: nobody else uses the header any more.
        let it = unsafe { &mut *header.as_ptr() };
        if it.rare().is_some() || it.joiner.get_mut().is_some() || cfg!(debug_assertions) {
            // SAFETY: by contract. The reference to the runtime is not dropped with it.
            unsafe { Header::drop_parts(header) };
        }
        // SAFETY: by contract.
        unsafe { supply::keep(header.cast(), cell) };
    }

    /// Does a hold concern the task? By the task, and by those whom the census lets look.
    pub(crate) fn can_be_held(&self) -> bool {
        // ORDERING(hold): Relaxed, between the fences of `crate::hold`.
        self.rare().is_some_and(|rare| rare.holdable.load(Ordering::Relaxed))
    }

    /// Whether a hold concerns the task from here on. By the owner.
    pub(crate) fn set_can_be_held(&self, can_be: bool) {
        // ORDERING(hold): Relaxed, as above.
        self.own_rare().holdable.store(can_be, Ordering::Relaxed);
    }

    /// May the task, once started, go on on its own carrier only? For good, or for the time of a callback.
    #[inline]
    pub(crate) fn is_pinned(&self) -> bool {
        // ORDERING: Relaxed, as in `home`.
        !self.migrating || self.ties.load(Ordering::Relaxed) > 0
    }

    /// The carrier that the task is bound to, if any.
    #[inline]
    pub(crate) fn home(&self) -> Option<&Carrier> {
        // ORDERING: Relaxed, the reader won a wake or owns the task, and so sees the owner's write
        // through the state word (task.state) or a queue.
        let home = NonNull::new(self.home.load(Ordering::Relaxed))?;
        // SAFETY: carriers live in the arena as long as `Shared`, which the header holds.
        Some(unsafe { home.as_ref() })
    }

    /// Fetches the header's first lines into the cache: the task will run soon.
    #[inline]
    pub(crate) fn prefetch(&self) {
        let header = std::ptr::from_ref(self);
        crate::fetch::line(header.cast());
        crate::fetch::line(header.wrapping_byte_add(64).cast());
    }

    /// Fetches the whole header: the task will run soon, and then perhaps end.
    #[inline]
    pub(super) fn prefetch_whole(&self) {
        self.prefetch();
        crate::fetch::line((&raw const self.joiner).cast());
    }

    /// Fetches what a switch to the task touches beside its header, which was fetched before.
    #[inline]
    pub(crate) fn prefetch_stack(&self) {
        let resting_place = std::ptr::without_provenance::<()>(self.resting_place.get());
        crate::fetch::line(resting_place);
        crate::fetch::line(resting_place.wrapping_byte_add(64));
        if let Some(fiber) = self.fiber.get() {
            let fiber = fiber.as_ptr().cast_const().cast::<()>();
            crate::fetch::line(fiber);
            // Where the carrier is noted that it goes back to.
            crate::fetch::line(fiber.wrapping_byte_sub(64));
        }
    }

    /// Fetches what a task touches that goes on after a long time, and then perhaps ends: the frames that it rested
    /// in, and its place among the living.
    pub(super) fn prefetch_rest(&self) {
        /// The cache lines of so many frames as most tasks have.
        const FRAMES: usize = 8;
        let resting_place = self.resting_place.get();
        let end = self.fiber.get().map_or(0, |fiber| fiber.addr().get());
        let lines = (resting_place..end).step_by(64).take(FRAMES);
        lines.skip(2).map(std::ptr::without_provenance).for_each(crate::fetch::line);
        self.living_place.prefetch();
    }

    /// The name for messages: given, or none.
    pub(crate) fn name(&self) -> Option<&Arc<str>> {
        self.rare()?.name.as_ref()
    }

    /// The task's function to run on a fiber, with its argument.
    pub(crate) fn body(&self) -> crate::fiber::Body {
        crate::fiber::Body { run: self.vtable.run, argument: std::ptr::from_ref(self).cast() }
    }
}
