//! A task's first frame: where its [`Local`] lies, what is done before its body, and behind its end.
//!
//! What is done once for each task is kept out of the frame, which is instantiated for each kind of body: the end is one
//! function for all, and asks in a few loads what there is to clear up.

use super::Local;
use crate::task::task_local::Inherited;
use crate::transition::Layers;
use sortie_scheduler::Semaphore;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;

/// Gives a task's closure its `Local`, and what it inherits of the task-locals here.
#[inline]
pub(crate) fn with_local<F, T>(f: F) -> impl FnOnce() -> T + Send
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let inherited = Inherited::from_here();
    move || run(None, inherited, f)
}

/// As [`with_local`], and lets it wait for a permit before it begins, if there is something to wait for.
pub(crate) fn with_permits<F, T>(permits: Option<Arc<Semaphore>>, f: F) -> impl FnOnce() -> T + Send
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let inherited = Inherited::from_here();
    move || run(permits, inherited, f)
}

/// As in a task's first frame, for code of a task that has no `Local`: before or after its body.
pub(in crate::task) fn run_bare<T>(f: impl FnOnce() -> T) -> T {
    run(None, None, f)
}

/// A task's first frame.
#[inline]
fn run<T>(
    permits: Option<Arc<Semaphore>>,
    inherited: Option<Box<Inherited>>,
    f: impl FnOnce() -> T,
) -> T {
    /// Ends what the task has however its body ends, and takes the pointer back.
    struct Frame(ManuallyDrop<Local>);
    impl Drop for Frame {
        #[inline]
        fn drop(&mut self) {
            // SAFETY: it is not touched after this.
            unsafe { end(&mut self.0) };
        }
    }
    let frame = Frame(ManuallyDrop::new(Local::new(Layers::managed())));
    let local: &Local = &frame.0;
    sortie_scheduler::set_task_word(ptr::from_ref(local).cast());
    // Dropped after the frame, when nobody finds the values any more.
    if let Some(inherited) = &inherited {
        inherited.bind(local);
    }
    let _permit = permits.as_deref().map(Semaphore::acquire);
    f()
}

/// A task's body has ended. Never inlined, for it would be so into each task's first frame.
///
/// # Safety
/// What is dropped is not used again.
#[inline(never)]
pub(super) unsafe fn end(local: &mut ManuallyDrop<Local>) {
    let leaked = local.end();
    let open = sortie_scheduler::crossing::end_of_body();
    if leaked > 0 || open {
        say_left_open(leaked);
    }
    if local.owns_something() {
        // SAFETY: by contract.
        unsafe { drop_parts(local) };
    }
}

/// Drops what most tasks have nothing of.
///
/// # Safety
/// As for [`end`].
#[cold]
#[inline(never)]
unsafe fn drop_parts(local: &mut ManuallyDrop<Local>) {
    // SAFETY: by contract.
    unsafe { ManuallyDrop::drop(local) };
}

#[cold]
#[inline(never)]
fn say_left_open(leaked: usize) {
    if leaked > 0 {
        sortie_scheduler::crossing::count_left_open(leaked as u64);
    }
    tracing::warn!(
        target: "sortie::crossing",
        leaked,
        "a task ended with layers open: some `leave` or `reverse_enter` has no end"
    );
}

impl Local {
    /// Ends the layers. How many were left open?
    #[inline]
    fn end(&self) -> usize {
        let is_noted = self.called.get().or(self.on_stack.get()).is_some();
        // SAFETY: as in `Local::layers`.
        let is_done = !is_noted && unsafe { &*self.layers.get() }.is_base_alone();
        if is_done { 0 } else { self.layers(Layers::end).count }
    }

    /// Is there anything that has to be dropped? A new field does not compile here unless it is named: asked, or
    /// among those that own nothing.
    #[inline]
    fn owns_something(&mut self) -> bool {
        fn owns_nothing<T>(_: &mut T) {
            const { assert!(!std::mem::needs_drop::<T>()) }
        }
        macro_rules! asked {
            ($($field:ident),*; nothing: $($plain:ident),*) => {{
                let Local { $($field,)* $($plain,)* } = self;
                $(owns_nothing($plain);)*
                ($($field),*)
            }};
        }
        let (layers, raw_callbacks, pending, held, extension) = asked!(
            layers, raw_callbacks, pending, held, extension;
            nothing: direct, on_stack, called, called_at, finds_jumps, jumped, raw, fp_env, fp_env_away,
            fp_env_of_thread, below, unhooked, called_back, bindings
        );
        // Without a branch for each: mostly there is nothing.
        layers.get_mut().has_memory()
            | raw_callbacks.get_mut().is_some()
            | pending.get_mut().is_some()
            | held.get_mut().is_some()
            | extension.get_mut().is_some()
    }
}
