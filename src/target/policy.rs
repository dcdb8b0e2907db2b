//! Policies: what a user asks for calls of native functions.
//!
//! Pure data; which functions a policy is for is `policies.rs`'s matter. Which calls are announced is in
//! `policy/hook.rs`, what may be wrong with a policy in `policy/check.rs`, policies as texts in `text.rs`.

mod check;
mod hook;

pub use check::PolicyError;
pub(crate) use hook::Hook;
pub use hook::Misclassified;

use super::class::Class;

/// The floating-point environment (rounding, exceptions) around a call of a native function: see [`Policy::fp_env`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FpEnv {
    /// Nobody touches it: what the native code changes stays changed in the task.
    #[default]
    Inherit,
    /// Saved before the call and restored after it; a callback gets the task's, and the native code its own
    /// back after that.
    Restore,
}

/// What a wait means in managed code that a native function calls back: a join, a sleep, a yield, a
/// native call of its own that blocks. See [`Policy::callbacks`].
///
/// Native calls nest, and the weakest decides: with one [`Block`](Callbacks::Block) below it, a callback
/// waits in place; with one [`Suspend`](Callbacks::Suspend) below it, the task stays on its thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Callbacks {
    /// The thread waits, with the native frames on its own stack; its worker serves other tasks
    /// meanwhile, on another thread. Right for every library.
    #[default]
    Block,
    /// The task is suspended, native frames and all, and its thread runs others; it goes on on the same
    /// thread. The native code runs on a stack of its own, of
    /// [`callback_stack_bytes`](crate::Builder::callback_stack_bytes). What that asks of the function is in points 1 to 4
    /// of [`Policy::callbacks`].
    Suspend,
    /// As `Suspend`, and a task that may migrate may go on on any thread. Asks for point 5 of
    /// [`Policy::callbacks`], too.
    Migrate,
}

/// How calls of a native function are made.
///
/// Everything may be left out: then it is learned, or as for any function. Which functions a policy is for
/// is said with [`Target::with_policy`](super::Target::with_policy) or the functions of
/// [`native::policy`](crate::native::policy); a policy that is contradictory is refused there, with the
/// reason.
///
/// ```
/// use sortie::native::{Class, FpEnv, Policy, Target};
///
/// // At most four tasks at a time are in it; the others wait without a thread.
/// static QUERY: Target =
///     Target::named("query").with_policy(Policy::new().class(Class::Long).max_concurrent(4));
/// assert_eq!(QUERY.class(), Class::Long);
///
/// let policy: Policy = "class=mixed, fp_env=restore".parse()?;
/// assert_eq!(policy, Policy::new().class(Class::Mixed).fp_env(FpEnv::Restore));
/// # Ok::<(), sortie::native::PolicyError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[must_use]
pub struct Policy {
    pub(super) class: Option<Class>,
    pub(super) hook: Hook,
    pub(super) misclassified: Misclassified,
    pub(super) task_stack: Option<u32>,
    pub(super) max_concurrent: Option<u32>,
    pub(super) fp_env: FpEnv,
    pub(super) callbacks: Callbacks,
    pub(super) offload: bool,
    pub(super) deny: bool,
}

impl Policy {
    /// The class is learned; nothing else is special.
    ///
    /// ```
    /// use sortie::native::{Policy, Target};
    ///
    /// static WORK: Target = Target::named("work").with_policy(Policy::new());
    /// assert_eq!(WORK.policy().to_string(), "class=learned");
    /// ```
    pub const fn new() -> Policy {
        Policy {
            class: None,
            hook: Hook::Always,
            misclassified: Misclassified::Mend,
            task_stack: None,
            max_concurrent: None,
            fp_env: FpEnv::Inherit,
            callbacks: Callbacks::Block,
            offload: false,
            deny: false,
        }
    }

    /// Pins the class: what is learned decides no longer.
    ///
    /// `Short`, `Mixed`, `Long` or `Keep`. The others are refused: `Unknown` is no class to stay in, and
    /// [`unhooked`](Policy::unhooked) is `unsafe`.
    ///
    /// ```
    /// use sortie::native::{Class, Policy};
    ///
    /// assert!(Policy::new().class(Class::Long).check().is_ok());
    /// assert!(Policy::new().class(Class::Unknown).check().is_err());
    /// ```
    pub const fn class(mut self, class: Class) -> Policy {
        self.class = Some(class);
        self
    }

    /// Calls run on the task's own stack if that many bytes are left there, which saves the switch to the
    /// carrier's. From 1 to 1 GiB.
    ///
    /// # Safety
    ///
    /// Each function that this policy is for, as long as it is, needs at most `max_bytes` of stack, with all
    /// that it calls, and does not call back into managed code. The guard below a task's stack is one
    /// page: native code that needs more may step over it, into another task's stack.
    ///
    /// ```
    /// use sortie::native::Policy;
    ///
    /// // SAFETY: `cos` has no frames to speak of.
    /// const LEAF: Policy = unsafe { Policy::new().task_stack(4096) };
    /// assert!(LEAF.check().is_ok());
    /// ```
    pub const unsafe fn task_stack(mut self, max_bytes: u32) -> Policy {
        self.task_stack = Some(max_bytes);
        self
    }

    /// What a wait means in a callback. Tasks on foreign threads, and calls that another thread makes
    /// (offloaded ones), wait in place in any case; so does a callback under raw transitions.
    ///
    /// # Safety
    ///
    /// While a task is suspended in a callback, other tasks run on its thread, and may call the same
    /// function, or another of its library. So for [`Callbacks::Suspend`] each function that this policy
    /// is for, as long as it is, with all that it calls,
    ///
    /// 1. holds no lock over a callback: another task on the same thread would wait for it for ever, or,
    ///    where the lock is recursive, get it too;
    /// 2. keeps nothing in a thread-local over a callback, nor in a static that a second call would
    ///    overwrite (what is on its stack or the heap, reached by its arguments, is its own);
    /// 3. does not ask for the bounds of its thread's stack, and needs no more stack than
    ///    [`callback_stack_bytes`](crate::Builder::callback_stack_bytes), callbacks included; nor a single
    ///    frame larger than its guard ([`callback_guard_bytes`](crate::Builder::callback_guard_bytes)) without
    ///    touching its pages in turn;
    /// 4. may stay in a callback for as long as any task may run.
    ///
    /// For [`Callbacks::Migrate`] moreover it
    ///
    /// 5. reads no thread-local, thread number or `errno` before a callback that it uses after it, and
    ///    releases nothing on another thread that belongs to the one it was taken on (locks of the
    ///    operating system, COM apartments, OpenGL contexts).
    ///
    /// What meets 1 to 5: `qsort`, `bsearch` and `twalk` of the C library; a parser with callbacks and a
    /// context that is passed in (expat, yajl); zlib's `inflateBack`. What meets 1 to 4 only: a library that
    /// sets a thread-local error after its callbacks. What meets none: SQLite's user functions on a
    /// connection that others use (its mutex is held; with a connection for each task it is the task's
    /// own), `dl_iterate_phdr` and `pthread_once` (a lock is held), `printf` with a custom stream (the
    /// stream is locked), Python, Ruby and JavaScript engines (their thread state).
    ///
    /// ```
    /// use sortie::native::{Callbacks, Policy};
    ///
    /// // SAFETY: the C library's qsort keeps everything on its stack or the heap.
    /// const SORT: Policy = unsafe { Policy::new().callbacks(Callbacks::Migrate) };
    /// assert!(SORT.check().is_ok());
    /// ```
    pub const unsafe fn callbacks(mut self, callbacks: Callbacks) -> Policy {
        self.callbacks = callbacks;
        self
    }

    /// At most so many tasks in such a call at a time, in the whole process; further ones wait without a thread. At
    /// least 1.
    ///
    /// A call from a callback of a call of the same function goes with the place that its task has. Another limit, or
    /// none, holds at once for those who wait, too; those whose calls are refused by then are refused. A task that is
    /// aborted, or whose time is over, leaves the line. What is no task's call is not counted: raw transitions, which
    /// never wait, and calls on threads that run no task.
    ///
    /// ```
    /// use sortie::native::Policy;
    ///
    /// assert!(Policy::new().max_concurrent(8).check().is_ok());
    /// let error = Policy::new().max_concurrent(0).check().unwrap_err();
    /// assert!(error.to_string().contains("deny"));
    /// ```
    pub const fn max_concurrent(mut self, n: u32) -> Policy {
        self.max_concurrent = Some(n);
        self
    }

    /// What happens to the floating-point environment.
    ///
    /// ```
    /// use sortie::native::{FpEnv, Policy};
    ///
    /// assert!(Policy::new().fp_env(FpEnv::Restore).check().is_ok());
    /// ```
    pub const fn fp_env(mut self, fp_env: FpEnv) -> Policy {
        self.fp_env = fp_env;
        self
    }

    /// Calls of a function that [`pinvoke!`](crate::pinvoke) declares may run on another thread than the
    /// task's, if others would wait for it: as by [`native::offload`](crate::native::offload()).
    ///
    /// It stands in the declaration, by whose `unsafe` the author answers for it, and is refused anywhere
    /// else, where it would change nothing. Closures that are `Send` ([`native::call`](crate::native::call()))
    /// need no policy for this, and others ([`call_here`](crate::native::call_here)) stay in any case.
    ///
    /// ```
    /// use sortie::native::Policy;
    ///
    /// assert!(Policy::new().offload(true).check().is_ok());
    /// ```
    pub const fn offload(mut self, offload: bool) -> Policy {
        self.offload = offload;
        self
    }

    /// Calls are refused: the native function is not called. [`call`](crate::native::call()) and its like panic, and
    /// [`leave`](crate::transition::leave) gives an error.
    ///
    /// Wherever the call is asked for: on threads that run no task too, and in native code, where it would run plainly.
    /// In a child of `fork` a function may be called whose policy had not been looked at since it was set. Who calls the
    /// bare address asks nobody.
    ///
    /// ```
    /// use sortie::native::Policy;
    ///
    /// assert!(Policy::new().deny().check().is_ok());
    /// ```
    pub const fn deny(mut self) -> Policy {
        self.deny = true;
        self
    }

    /// Is this a policy that can be kept?
    ///
    /// # Errors
    /// [`PolicyError::Contradiction`], which says why not, and what to do.
    ///
    /// ```
    /// use sortie::native::{Class, Policy};
    ///
    /// let error = Policy::new().class(Class::Keep).offload(true).check().unwrap_err();
    /// println!("{error}");
    /// ```
    pub const fn check(&self) -> Result<(), PolicyError> {
        match self.contradiction() {
            Some(why) => Err(PolicyError::Contradiction { why }),
            None => Ok(()),
        }
    }

    /// The class that is pinned.
    pub(super) const fn pinned_class(&self) -> Option<Class> {
        if self.hook.is_always() { self.class } else { Some(Class::Unhooked) }
    }
}

#[cfg(test)]
mod tests;
