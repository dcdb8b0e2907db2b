//! What Sortie knows of a task beside the scheduler: its layers, its task-locals, and a panic on its way.
//!
//! It lies in the task's own first frame (`local/frame.rs`), and the scheduler's header points to it while the task
//! runs; that of an adopted foreign thread lies in a box that the attachment keeps. Only code of
//! the task touches it, on whatever thread that is.
//!
//! `local/noted.rs` has layers that are noted in place of being pushed, `fp_env.rs` the floating-point environment,
//! `extension.rs` what hosting keeps here.

mod extension;
mod fp_env;
mod frame;
mod noted;
#[cfg(test)]
mod tests;

pub(crate) use extension::{Extension, SWITCHES};
pub(super) use frame::run_bare;
pub(crate) use frame::{with_local, with_permits};

use super::task_local::Binding;
use crate::target::Profile;
use crate::target::bulkhead::Place;
use crate::target::fp_env::Environment;
use crate::target::row::Row;
use crate::target::timing::Timing;
use crate::transition::{Layers, trace};
use sortie_scheduler::crossing::{Below, Moment, Opened};
use std::any::Any;
use std::cell::{Cell, OnceCell, UnsafeCell};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// See the module.
pub(crate) struct Local {
    layers: UnsafeCell<Layers>,
    /// The row of the native call on top whose layer is not pushed yet, or of one that is over: see `local/noted.rs`,
    /// for this and the next.
    direct: Cell<Option<&'static Row>>,
    /// The same of a call on a stack of its own, whose callbacks may suspend; none when that is over. Beside it
    /// there is no `direct`.
    on_stack: Cell<Option<&'static Row>>,
    /// Below that, such a call that has called back; the callback's layer is not pushed yet either. See
    /// [`Local::begin_callback`].
    ///
    /// INVARIANT(local.room): beside it there is room for three layers, its two and that of the call on top.
    called: Cell<Option<&'static Row>>,
    /// The note of that callback.
    called_at: Cell<Opened>,
    /// Do raw transitions look for layers that a jump has left?
    finds_jumps: Cell<bool>,
    /// When the direct call left that returns, and has callbacks which a jump has left.
    jumped: Cell<Option<Moment>>,
    /// The call that a raw `leave` began and the matching `enter` is to write down.
    raw: Cell<Option<Timing>>,
    /// The task's floating-point environment, while it is in native code that may change it.
    fp_env: Cell<Option<Environment>>,
    /// Callbacks by raw transitions that have it back, the innermost.
    raw_callbacks: Cell<Option<Box<fp_env::RawCallback>>>,
    /// The task's own while it is switched away, and the thread's while it is not, if its switches are told of.
    fp_env_away: Cell<Option<Environment>>,
    fp_env_of_thread: Cell<Option<Environment>>,
    /// On what the native code on top runs, as far as its callbacks are concerned.
    below: Cell<Below>,
    /// What is known of the call that is under way and was not announced: beside the marker of the layers.
    unhooked: Cell<Option<&'static Profile>>,
    /// How long callbacks of the native call on top took so far, if it is timed.
    called_back: Cell<Duration>,
    /// What a callback caught and the matching `enter` raises again.
    ///
    /// INVARIANT(local.kept): the layers of its native call are pushed, so that call is not direct.
    pending: Cell<Option<Box<dyn Any + Send>>>,
    /// The place that a call under way holds among those of its function, of the innermost such call.
    held: Cell<Option<Box<Held>>>,
    /// The innermost value of a task-local that is bound; null: there is none.
    bindings: Cell<*const Binding>,
    /// What a room on a higher floor keeps with the task. Set once, and gone with the task.
    extension: OnceCell<Arc<dyn Extension>>,
}

/// A place that a call holds. Not in the call's frame, which a jump may leave.
struct Held {
    /// How many layers there were below the call.
    below: usize,
    place: Place,
    outer: Option<Box<Held>>,
}

/// A call that is not announced, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unhooked {
    /// The function's address.
    marker: Option<usize>,
    profile: Option<&'static Profile>,
}

impl Unhooked {
    /// Of a function of which not more is known.
    pub(crate) fn at(address: usize) -> Unhooked {
        Unhooked { marker: Some(address), profile: None }
    }

    pub(crate) fn of(profile: &'static Profile) -> Unhooked {
        Unhooked { marker: Some(profile.address()), profile: Some(profile) }
    }
}

impl Drop for Local {
    #[inline]
    fn drop(&mut self) {
        // Its native call did not return, so nobody raises it again.
        if let Some(payload) = self.take_panic() {
            discard(payload);
        }
        if let Some(extension) = self.extension.get() {
            let layers = self.layers.get_mut();
            let _ = layers.end();
            extension.ended(layers.leaked_layers());
        }
    }
}

impl Local {
    pub(crate) fn new(layers: Layers) -> Local {
        Local {
            layers: UnsafeCell::new(layers),
            direct: Cell::new(None),
            on_stack: Cell::new(None),
            called: Cell::new(None),
            called_at: Cell::new(Opened::from_bits(0)),
            finds_jumps: Cell::new(false),
            jumped: Cell::new(None),
            raw: Cell::new(None),
            fp_env: Cell::new(None),
            raw_callbacks: Cell::new(None),
            fp_env_away: Cell::new(None),
            fp_env_of_thread: Cell::new(None),
            below: Cell::new(Below::THREAD),
            unhooked: Cell::new(None),
            called_back: Cell::new(Duration::ZERO),
            pending: Cell::new(None),
            held: Cell::new(None),
            bindings: Cell::new(std::ptr::null()),
            extension: OnceCell::new(),
        }
    }

    /// What a room on a higher floor keeps with the task.
    pub(crate) fn extension(&self) -> &OnceCell<Arc<dyn Extension>> {
        &self.extension
    }

    /// Where the task's bindings begin. For `task_local.rs`, which says why they are there.
    #[inline]
    pub(super) fn bindings(&self) -> &Cell<*const Binding> {
        &self.bindings
    }

    /// Runs `f` on the layers. `f` neither suspends nor comes back here: it is a step of the
    /// automaton, which is pure.
    #[inline(always)]
    pub(crate) fn layers<R>(&self, f: impl FnOnce(&mut Layers) -> R) -> R {
        // SAFETY: `Local` is not `Sync`, only code of the task is here, and `f` does not come back, so
        // this reference is the only one.
        let layers = unsafe { &mut *self.layers.get() };
        self.push_noted(layers);
        f(layers)
    }

    /// Do raw transitions look for layers that a jump has left?
    pub(crate) fn finds_jumps(&self) -> bool {
        self.finds_jumps.get()
    }

    /// Whether they do; returns what was said before.
    pub(crate) fn set_finds_jumps(&self, yes: bool) -> bool {
        self.finds_jumps.replace(yes)
    }

    /// The call above so many layers holds a place among those of its function.
    pub(crate) fn hold(&self, below: usize, place: Place) {
        let outer = self.held.take();
        self.held.set(Some(Box::new(Held { below, place, outer })));
    }

    /// Does a call under way hold one of this function's places?
    pub(crate) fn holds_place(&self, profile: &Profile) -> bool {
        let innermost = self.held.take();
        let mut held = innermost.as_deref();
        while held.is_some_and(|it| !profile.is_place(&it.place)) {
            held = held.and_then(|it| it.outer.as_deref());
        }
        let holds = held.is_some();
        self.held.set(innermost);
        holds
    }

    /// Calls above so many layers, and more, are over, and give their places back.
    pub(crate) fn let_go(&self, below: usize) {
        let mut innermost = self.held.take();
        while let Some(held) = innermost.take_if(|held| held.below >= below) {
            innermost = held.outer;
        }
        self.held.set(innermost);
    }

    /// The call that a raw `leave` has begun; returns the one before.
    pub(crate) fn set_raw(&self, timing: Option<Timing>) -> Option<Timing> {
        self.raw.replace(timing)
    }

    /// On what the native code on top runs.
    #[inline(always)]
    pub(crate) fn below(&self) -> Below {
        self.below.get()
    }

    /// On what the native code on top runs; returns what was said before.
    #[inline(always)]
    pub(crate) fn set_below(&self, below: Below) -> Below {
        self.below.replace(below)
    }

    /// Says which call is under way that was not announced; returns what was said before.
    #[inline]
    pub(crate) fn set_unhooked(&self, unhooked: Unhooked) -> Unhooked {
        let marker = self.layers(|layers| {
            let marker = layers.unhooked();
            layers.restore_unhooked(unhooked.marker);
            marker
        });
        Unhooked { marker, profile: self.unhooked.replace(unhooked.profile) }
    }

    /// What is known of the function of that call, if its caller has said so.
    pub(crate) fn unhooked(&self) -> Option<&'static Profile> {
        self.unhooked.get()
    }

    /// How long callbacks of the call on top took; returns what was said before.
    pub(crate) fn set_called_back(&self, took: Duration) -> Duration {
        self.called_back.replace(took)
    }

    /// A callback of the call on top took so long.
    pub(crate) fn add_called_back(&self, took: Duration) {
        self.called_back.set(self.called_back.get() + took);
    }

    /// Keeps a panic for the matching `enter`.
    #[cold]
    pub(crate) fn keep(&self, payload: Box<dyn Any + Send>) {
        // See INVARIANT(local.kept).
        self.push_direct();
        self.layers(|_| ());
        self.pending.set(Some(payload));
    }

    /// Is a panic kept?
    #[inline(always)]
    pub(crate) fn keeps_panic(&self) -> bool {
        // SAFETY: as in `layers`; nothing else runs between the two accesses.
        unsafe { &*self.pending.as_ptr() }.is_some()
    }

    /// Takes the panic that was kept.
    #[inline]
    pub(crate) fn take_panic(&self) -> Option<Box<dyn Any + Send>> {
        if self.keeps_panic() { self.pending.take() } else { None }
    }
}

/// Drops the payload of a panic that is not raised again. If that panics in turn, it is nobody's matter: this may be in
/// native code, in a destructor of a thread's, or while the task unwinds.
#[cold]
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(another);
    }
}

/// A panic that was caught on the way back from native code. Where another is raised in its place, it is dropped while
/// the thread unwinds, and must not panic in turn.
pub(crate) struct Caught(Option<Box<dyn Any + Send>>);

impl Caught {
    pub(crate) fn raise(mut self) -> ! {
        sortie_scheduler::raise(self.0.take().expect("it is raised once"))
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        if let Some(payload) = self.0.take() {
            discard(payload);
        }
    }
}

/// Runs native code, and catches what unwinds.
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Caught> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| Caught(Some(payload)))
}

/// The native call has ended of which a callback has kept this panic: now it is raised, unless the thread panics already.
#[cold]
#[inline(never)]
pub(crate) fn raise_or_tell(payload: Box<dyn Any + Send>) {
    if !std::thread::panicking() {
        sortie_scheduler::raise(payload);
    }
    drop_unheard(payload);
}

/// Drops the panic of a callback whose native call unwinds: raised beside another, it would end the process. An abort is
/// none, and nothing is lost of it: it is raised again at the next suspension point.
#[cold]
#[inline(never)]
pub(crate) fn drop_unheard(payload: Box<dyn Any + Send>) {
    if !sortie_scheduler::abort::is_abort(&*payload) {
        trace::tell(|| {
            tracing::error!(
                target: "sortie::crossing",
                "a callback has panicked, which cannot be heard: the code that is to hear of it unwinds with another panic"
            );
        });
    }
    discard(payload);
}

/// Runs `f` on what is known of the current task; `None` on a thread that runs none.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(&Local) -> R) -> Option<R> {
    let word = sortie_scheduler::task_word().cast::<Local>();
    // SAFETY: the word is set by `run` and by the attachment of a foreign thread, to a `Local` that
    // lives until the task's body, or the attachment, ends, when the word is cleared. The reference
    // does not outlive `f`, which is code of that task.
    unsafe { word.as_ref() }.map(f)
}
