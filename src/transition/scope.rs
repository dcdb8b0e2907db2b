//! The transitions as scopes: what is opened is closed, whichever way the code leaves.
//!
//! For hosts and stubs whose native code is a stretch of Rust code and not a closure. Where a closure
//! does, [`native::call`](crate::native::call) and [`native::callback`](crate::native::callback) do
//! more: they change to the carrier's stack, write the call down, and stop panics at the native frames.

use super::error::TransitionError;
use super::jumped;
use super::layer::Event;
use super::raw::{enter, leave, reverse_enter, reverse_leave};
use super::trace;
use crate::task::local::{self, Local, Unhooked};
use sortie_scheduler::crossing::Below;
use std::marker::PhantomData;

/// A stretch of native code: [`leave`] when it is made, [`enter`] when it is dropped.
///
/// Stays on its thread, and scopes end in the reverse order of their beginning:
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(sortie::transition::NativeScope::new(1));
/// ```
///
/// ```
/// use sortie::transition::{self, Layer, NativeScope};
///
/// let runtime = sortie::Runtime::new()?;
/// runtime.run(|| {
///     {
///         let _native = NativeScope::new(libc::getpid as *const () as usize)?;
///         // SAFETY: `getpid` has no conditions.
///         unsafe { libc::getpid() };
///     }
///     assert_eq!(transition::layers(), [Layer::ManagedBase]);
///     Ok::<_, transition::TransitionError>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the native stretch ends when the scope is dropped"]
pub struct NativeScope {
    /// How many layers there are inside.
    depth: usize,
    thread: PhantomData<*mut ()>,
}

impl NativeScope {
    /// Begins a stretch of native code, a call of `target`. Does not block.
    ///
    /// # Errors
    /// As [`leave`].
    pub fn new(target: usize) -> Result<NativeScope, TransitionError> {
        leave(target)?;
        let depth = local::with(|local| local.layers(|layers| layers.depth()));
        Ok(NativeScope { depth: depth.unwrap_or(0), thread: PhantomData })
    }
}

impl Drop for NativeScope {
    /// Ends the stretch: waits for a worker if it was taken.
    ///
    /// If the runtime was shut down meanwhile, the task unwinds from here, unless it does so already. Layers that
    /// a jump (`longjmp`) has left open inside are closed before, if [`find_jumps`](super::find_jumps) was called, and an event
    /// (`warn`) says so. Else, where layers are open inside, it ends nothing, and an event (`error`) says so.
    fn drop(&mut self) {
        let landed = local::with(|local| {
            let (found, top) = local.layers(|layers| (layers.depth(), layers.top()));
            if found <= self.depth {
                Ok(0)
            } else if local.finds_jumps() {
                Ok(jumped::land(local, self.depth, Below::THREAD))
            } else {
                Err(TransitionError::NotOwner { event: Event::Enter, found: Some(top) })
            }
        });
        let dead = match landed.transpose() {
            Ok(dead) => dead,
            Err(error) => return misused("NativeScope", error),
        };
        match enter() {
            Ok(()) => dead.filter(|dead| *dead > 0).into_iter().for_each(jumped::report),
            Err(TransitionError::ShutDown) if !std::thread::panicking() => {
                sortie_scheduler::crossing::stop_after_return()
            }
            // Unwinding already; the task's end closes what is open.
            Err(TransitionError::ShutDown) => {}
            Err(error) => misused("NativeScope", error),
        }
    }
}

/// A stretch of managed code that native code has called: [`reverse_enter`] when it is made,
/// [`reverse_leave`] when it is dropped. Stays on its thread.
///
/// It does not stop a panic on its way to the native frames below: catch it inside.
///
/// ```
/// use sortie::transition::{ManagedScope, NativeScope};
///
/// let runtime = sortie::Runtime::new()?;
/// let sum = runtime.run(|| {
///     let _native = NativeScope::new(1)?;
///     // ... and native code calls back:
///     let _managed = ManagedScope::new()?;
///     let sum = sortie::spawn(|| 1 + 1).join().unwrap();
///     Ok::<_, sortie::transition::TransitionError>(sum)
/// })?;
/// assert_eq!(sum, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the managed stretch ends when the scope is dropped"]
pub struct ManagedScope {
    thread: PhantomData<*mut ()>,
}

impl ManagedScope {
    /// Begins a stretch of managed code. Waits for a worker if it was taken.
    ///
    /// # Errors
    /// As [`reverse_enter`].
    pub fn new() -> Result<ManagedScope, TransitionError> {
        reverse_enter()?;
        Ok(ManagedScope { thread: PhantomData })
    }
}

impl Drop for ManagedScope {
    fn drop(&mut self) {
        match reverse_leave() {
            Ok(()) | Err(TransitionError::ShutDown) => {}
            Err(error) => misused("ManagedScope", error),
        }
    }
}

/// A stretch of native code that is not announced, because its function needs no hook
/// ([`native::needs_hook`](crate::native::needs_hook)): for stubs of a VM that makes such calls itself, as
/// [`native::call`](crate::native::call()) does. Stays on its thread.
///
/// No layer is pushed, and the worker stays. It only marks what is called, so that a callback, which such a function
/// should not make, finds that it is there: [`reverse_enter`] is accepted, pushes a layer for the call and one for the
/// callback, and [tells](crate::native::Misclassified) that the function was misclassified. Without the mark it is
/// refused. Neither blocks nor suspends. Where such a callback was a [`callback`](crate::native::callback()) that has panicked,
/// the scope raises that at its end, unless the thread panics already: then an event (`error`) tells of it.
///
/// ```
/// use sortie::transition::{self, ManagedScope, UnhookedScope};
///
/// let runtime = sortie::Runtime::new()?;
/// let layers = runtime.run(|| {
///     let _unhooked = UnhookedScope::new(0xABC)?;
///     // ... and native code calls back all the same:
///     let _managed = ManagedScope::new()?;
///     Ok::<_, transition::TransitionError>(transition::layers())
/// })?;
/// assert_eq!(layers.len(), 3);
/// assert_eq!(layers[1].to_string(), "Ux(0xabc)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the native stretch ends when the scope is dropped"]
pub struct UnhookedScope {
    /// What was marked before.
    outer: Unhooked,
    /// How many layers there are.
    depth: usize,
    /// It lies in a frame of ours, and ends there.
    is_framed: bool,
    thread: PhantomData<*mut ()>,
}

impl UnhookedScope {
    /// Begins a stretch of native code, a call of `target`; 0: it is not known which.
    ///
    /// # Errors
    /// As [`leave`]: [`TransitionError::NotOwner`] if native code is on top, or no task runs here.
    pub fn new(target: usize) -> Result<UnhookedScope, TransitionError> {
        let begun = |local: &Local| {
            if local.layers(|layers| layers.top_is_native()) {
                // Wrong, and counted as such.
                return local.layers(|layers| layers.leave(target)).map(|()| None);
            }
            let mut scope = UnhookedScope::begin(local, Unhooked::at(target));
            scope.is_framed = false;
            Ok(Some(scope))
        };
        let begun = local::with(begun).transpose()?.flatten();
        begun.ok_or(TransitionError::NotOwner { event: Event::Leave, found: None })
    }

    /// In managed code. The scope is not moved out of the frame that begins it.
    #[inline]
    pub(crate) fn begin(local: &Local, unhooked: Unhooked) -> UnhookedScope {
        let outer = local.set_unhooked(unhooked);
        let depth = local.layers(|layers| layers.depth());
        UnhookedScope { outer, depth, is_framed: true, thread: PhantomData }
    }
}

impl Drop for UnhookedScope {
    /// Ends the stretch. If a jump (`longjmp`) has left layers open inside, and [`find_jumps`](super::find_jumps) was called,
    /// they are closed before, an event (`warn`) says so, and a worker that was taken meanwhile is waited for.
    #[inline]
    fn drop(&mut self) {
        local::with(|local| {
            let (found, top) = local.layers(|layers| (layers.depth(), layers.top()));
            let mut is_on_top = found <= self.depth;
            if !is_on_top && !std::thread::panicking() {
                if self.is_framed || local.finds_jumps() {
                    jumped::land_managed(local, self.depth);
                    is_on_top = true;
                } else {
                    let error = TransitionError::NotOwner { event: Event::Leave, found: Some(top) };
                    misused("UnhookedScope", error);
                }
            }
            local.set_unhooked(self.outer);
            // Else it is of a call whose layer is open still.
            if is_on_top && let Some(payload) = local.take_panic() {
                local::raise_or_tell(payload);
            }
        });
    }
}

/// Scopes were ended out of order, or raw calls crossed them.
#[cold]
fn misused(scope: &str, error: TransitionError) {
    let layers = local::with(|local| local.layers(|layers| layers.to_string()));
    trace::tell(|| {
        tracing::error!(
            target: "sortie::crossing",
            scope,
            %error,
            layers = layers.as_deref(),
            "a scope ends where its layer is not on top"
        );
    });
}
