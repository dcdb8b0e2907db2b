//! The typed rest of a task: its closure, and then its output.

use super::Id;
use super::header::{Birth, Extras, Header, VTable};
use super::join_error::{JoinError, Refusal};
use super::reference::TaskRef;
use super::supply::{self, Room};
use crate::wait;
use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use tracing::level_filters::LevelFilter;

/// What the cell holds. Noted in the header, where a byte is free: beside closure and output it would take a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not started.
    Closure,
    /// Running, or its output was taken.
    Empty,
    /// Ended.
    Output,
}

/// What the header's stage says is there, and nothing else: INVARIANT(cell.stage). Both change together, by the stage's
/// owner; see rule 8 of the module `task`.
union Content<F, T> {
    closure: ManuallyDrop<F>,
    output: ManuallyDrop<Result<T, JoinError>>,
}

/// Its header begins a cache line, and what of the last one the header leaves is the content's.
#[repr(C, align(64))]
struct TaskCell<F, T> {
    /// First, so that a pointer to the cell is a pointer to its header.
    header: Header,
    content: UnsafeCell<Content<F, T>>,
}

/// What is known of a task before its closure is in its place.
pub(crate) struct Kind {
    pub(crate) room: &'static Room,
    vtable: &'static VTable,
}

impl Kind {
    /// The kind of tasks that run an `F`.
    #[inline]
    pub(crate) const fn of<F: FnOnce() -> T, T>() -> Kind {
        Kind { room: &Typed::<F, T>::ROOM, vtable: &Typed::<F, T>::VTABLE }
    }

    /// The memory of a new task, with its header.
    #[inline]
    pub(crate) fn conceive(&self, birth: Birth<'_>) -> Conceived {
        let Birth { shared, id, migrating, share } = birth;
        let header = supply::complete(share, shared, self.room).cast::<Header>();
        // SAFETY: the memory has room for a header.
        let shared = unsafe { &raw const (*header.as_ptr()).shared };
        // SAFETY: it holds a reference there, which stays where it is.
        let shared = unsafe { shared.read() };
        // SAFETY: the memory is a new task's, and begins with a header.
        unsafe { header.write(Header::new(shared, id, migrating, self.vtable)) };
        Conceived(header)
    }
}

/// A task without its closure, which is to follow at once: nothing frees it before.
#[must_use = "a task without a closure is a leak"]
pub(crate) struct Conceived(NonNull<Header>);

impl Conceived {
    /// The task's number.
    pub(crate) fn id(&self) -> Id {
        // SAFETY: the header was written, and nobody else knows it yet.
        unsafe { self.0.as_ref() }.id
    }

    /// Gives the task what most do without.
    pub(crate) fn with(mut self, extras: Extras) -> Conceived {
        // SAFETY: nobody else knows the header yet.
        unsafe { self.0.as_mut() }.set_extras(extras);
        self
    }
}

/// A new task, with the scheduler's reference and the handle's.
///
/// # Safety
/// - `conceived` was made by the kind of tasks that run an `F`.
/// - What `F` and `T` borrow, if they are not `'static`, outlives the task's stay in its sets, and the handle,
///   unless that is leaked. The rest of the task, which others may keep, no longer has an `F` or a `T` then.
#[inline]
pub(crate) unsafe fn new_task<F, T>(conceived: Conceived, closure: F) -> (TaskRef, TaskRef)
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let header = conceived.0;
    // SAFETY: the memory of such a cell, by contract.
    let content = unsafe { &raw mut (*header.cast::<TaskCell<F, T>>().as_ptr()).content };
    let closure = Content { closure: ManuallyDrop::new(closure) };
    // SAFETY: as above; there was no content yet, and a new header says that there is a closure.
    unsafe { content.write(UnsafeCell::new(closure)) };
    // SAFETY: a new header counts two references, of which this is the scheduler's.
    let task = unsafe { TaskRef::from_raw(header) };
    // SAFETY: and this the handle's.
    let handle = unsafe { TaskRef::from_raw(header) };
    (task, handle)
}

/// A body begins, or is not to run.
#[inline]
fn begin(header: NonNull<Header>) -> Option<Refusal> {
    // SAFETY: the header outlives its body: the scheduler's reference is out.
    let task = unsafe { header.as_ref() };
    if LevelFilter::current() >= LevelFilter::TRACE {
        trace_start(task);
    }
    if wait::is_abort_wanted(task) { refusal(task) } else { None }
}

/// Why the task is not to run, if it is not.
#[cold]
fn refusal(task: &Header) -> Option<Refusal> {
    if task.shared.is_closing() {
        return Some(task.shared.refusal());
    }
    task.state.load().is_abort_requested().then_some(Refusal::Aborted)
}

/// A body has ended.
#[inline]
fn end(task: &Header) {
    if LevelFilter::current() >= LevelFilter::TRACE {
        trace_finish(task);
    }
}

/// Never inlined: what a subscriber does with thread-locals stays out of the generic function around user code,
/// which may be switched to another thread.
#[cold]
#[inline(never)]
fn trace_start(task: &Header) {
    tracing::trace!(target: "sortie::task", task = task.id.get(), "start");
}

/// Never inlined, as [`trace_start`].
#[cold]
#[inline(never)]
fn trace_finish(task: &Header) {
    tracing::trace!(target: "sortie::task", task = task.id.get(), "finish");
}

// With three words of a closure, or of an output, a task has three lines.
#[cfg(not(debug_assertions))]
const _: () = assert!(size_of::<TaskCell<[usize; 3], usize>>() == 3 * 64);

struct Typed<F, T>(std::marker::PhantomData<(F, T)>);

impl<F: FnOnce() -> T, T> Typed<F, T> {
    const ROOM: Room = Room::of(Layout::new::<TaskCell<F, T>>());
    const VTABLE: VTable = VTable {
        run: Self::run,
        refuse: Self::refuse,
        take_output: Self::take_output,
        drop_output: Self::drop_output,
        free: Self::free,
    };

    /// # Safety
    /// The header belongs to a `TaskCell<F, T>`.
    unsafe fn content(header: NonNull<Header>) -> *mut Content<F, T> {
        // SAFETY: by contract.
        unsafe { header.cast::<TaskCell<F, T>>().as_ref() }.content.get()
    }

    /// Takes the closure out of the cell.
    ///
    /// # Safety
    /// The header belongs to a `TaskCell<F, T>`, whose stage is the caller's.
    unsafe fn take_closure(header: NonNull<Header>) -> F {
        // SAFETY: the header outlives what is done with its cell.
        let stage = unsafe { header.as_ref() }.stage.replace(Stage::Empty);
        assert_eq!(stage, Stage::Closure, "a task's body runs once");
        // SAFETY: by contract.
        let content = unsafe { Self::content(header) };
        // SAFETY: the content is the caller's, and by INVARIANT(cell.stage) it was the closure, whose place is empty now.
        ManuallyDrop::into_inner(unsafe { content.cast::<ManuallyDrop<F>>().read() })
    }

    /// Takes the output out of the cell. `None`: it was taken.
    ///
    /// # Safety
    /// As [`Self::take_closure`], and the task is done.
    unsafe fn take(header: NonNull<Header>) -> Option<Result<T, JoinError>> {
        // SAFETY: the header outlives what is done with its cell.
        let stage = unsafe { header.as_ref() }.stage.replace(Stage::Empty);
        if stage != Stage::Output {
            debug_assert_eq!(stage, Stage::Empty, "a task that is done has no closure");
            return None;
        }
        // SAFETY: by contract.
        let content = unsafe { Self::content(header) };
        // SAFETY: the content is the caller's, and by INVARIANT(cell.stage) it was the output, whose place is empty now.
        let output = unsafe { content.cast::<ManuallyDrop<Result<T, JoinError>>>().read() };
        Some(ManuallyDrop::into_inner(output))
    }

    /// Stores the output in the empty cell.
    ///
    /// # Safety
    /// As [`Self::take_closure`].
    unsafe fn put(header: NonNull<Header>, output: Result<T, JoinError>) {
        // SAFETY: by contract.
        let content = unsafe { Self::content(header) };
        // SAFETY: the content is the caller's, and nothing is there that would have to be dropped.
        unsafe { content.write(Content { output: ManuallyDrop::new(output) }) };
        // SAFETY: the header outlives what is done with its cell.
        let stage = unsafe { header.as_ref() }.stage.replace(Stage::Output);
        debug_assert_eq!(stage, Stage::Empty);
    }

    unsafe fn run(header: *const ()) {
        let header = NonNull::new(header.cast::<Header>().cast_mut()).expect("a task's body");
        if let Some(refusal) = begin(header) {
            // SAFETY: the task never ran; its body owns it.
            return unsafe { Self::refuse(header, refusal) };
        }
        // SAFETY: the body runs once, on the task's fiber, and owns the stage while it does.
        let closure = unsafe { Self::take_closure(header) };
        let result = catch_unwind(AssertUnwindSafe(closure));
        // SAFETY: the header outlives its body: the scheduler's reference is still out.
        let task = unsafe { header.as_ref() };
        end(task);
        let output = result.map_err(|payload| JoinError::from_panic(task, payload));
        let panicked = output.as_ref().is_err_and(JoinError::is_panic);
        // SAFETY: as above; the closure was taken.
        unsafe { Self::put(header, output) };
        super::complete::complete(header, panicked);
    }

    unsafe fn refuse(header: NonNull<Header>, refusal: Refusal) {
        // SAFETY: the caller owns the task, which never ran.
        let closure = unsafe { Self::take_closure(header) };
        // The closure's own destructors may panic; the refusal stands.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(closure)));
        // SAFETY: as above.
        let task = unsafe { header.as_ref() };
        // SAFETY: as above; the closure was taken.
        unsafe { Self::put(header, Err(JoinError::from_refusal(task, refusal))) };
        super::complete::complete(header, false);
    }

    unsafe fn take_output(header: NonNull<Header>, to: *mut ()) {
        // SAFETY: the task is done and its handle asks, who owns the stage from then on.
        let Some(output) = (unsafe { Self::take(header) }) else {
            unreachable!("a task's output is taken once, after its end");
        };
        // SAFETY: `to` has room for a `Result<T, JoinError>`, by the contract of the table.
        unsafe { to.cast::<Result<T, JoinError>>().write(output) };
    }

    unsafe fn drop_output(header: NonNull<Header>) {
        // SAFETY: the task is done and its handle is gone or asks, so the caller owns the stage.
        let output = unsafe { Self::take(header) };
        // Nobody is left to be told of a panic in the output's destructor but the panic hook.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(output)));
    }

    unsafe fn free(header: NonNull<Header>) {
        // The last reference is gone, so nobody else touches the stage.
        // SAFETY: the header is freed below.
        if unsafe { header.as_ref() }.stage.get() != Stage::Empty {
            // SAFETY: as above.
            unsafe { Self::drop_content(header) };
        }
        // SAFETY: the cell's other field, and the room that it was allocated for.
        unsafe { Header::end(header, &Self::ROOM) };
    }

    /// Drops what the cell still holds.
    ///
    /// # Safety
    /// As [`Self::take_closure`].
    #[cold]
    #[inline(never)]
    unsafe fn drop_content(header: NonNull<Header>) {
        // SAFETY: the header outlives what is done with its cell.
        match unsafe { header.as_ref() }.stage.get() {
            // SAFETY: the stage is the caller's.
            Stage::Closure => drop(unsafe { Self::take_closure(header) }),
            // SAFETY: as above; who has an output is done.
            Stage::Output => drop(unsafe { Self::take(header) }),
            Stage::Empty => {}
        }
    }
}
