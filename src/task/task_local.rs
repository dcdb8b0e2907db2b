//! Task-locals: values that belong to a task for the time of a call, wherever the task runs.
//!
//! A *binding* lies in the frame of the [`LocalKey::scope`] that made it, and names the one that was innermost before:
//! a list through the task's own stack, which begins in its [`Local`]. So a binding travels with its
//! task, costs no memory of its own, and what is bound last is found first.
//!
//! - INVARIANT(locals.nested): the list has the bindings of calls of `scope` that have not ended, and before them
//!   those that the task was born with, which its first frame keeps. `scope` takes its binding out before its frame
//!   ends, however `f` ends; and calls nest.
//! - So a value that was found is good for as long as the code that has found it runs: it runs above the frame
//!   where the value lies. It may wait meanwhile. A task that never goes on ends no frame.
//! - Values are `Send`, for tasks may migrate, and an offloaded call looks for them on another thread, while
//!   their task is suspended.
//!
//! A thread without a task has a list of its own, in a thread-local: such a thread is not switched.

use super::local::{self, Local};
use std::any::TypeId;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ptr;

/// Declares task-locals: statics of the type [`LocalKey`].
///
/// With `inherited` before `static`, tasks get copies of the values that are bound where they are spawned; the type is
/// `Clone` then.
///
/// ```
/// use sortie::task;
///
/// sortie::task_local! {
///     /// Who is served.
///     static USER: u64;
///     /// What log lines begin with, in this task and those that it spawns.
///     inherited static PREFIX: String;
/// }
///
/// let runtime = sortie::Runtime::new()?;
/// let (user, prefix) = runtime.run(|| {
///     USER.scope(7, || {
///         PREFIX.scope("request 12".to_owned(), || {
///             let child = sortie::spawn(|| (USER.try_with(|user| *user).ok(), PREFIX.get()));
///             child.join().unwrap()
///         })
///     })
/// });
/// assert_eq!((user, prefix.as_str()), (None, "request 12"));
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[macro_export]
macro_rules! task_local {
    () => {};
    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty $(; $($rest:tt)*)?) => {
        $(#[$attribute])*
        $visibility static $name: $crate::task::LocalKey<$type> = $crate::task::LocalKey::new();
        $($crate::task_local! { $($rest)* })?
    };
    ($(#[$attribute:meta])* $visibility:vis inherited static $name:ident: $type:ty $(; $($rest:tt)*)?) => {
        $(#[$attribute])*
        $visibility static $name: $crate::task::LocalKey<$type> = $crate::task::LocalKey::inherited();
        $($crate::task_local! { $($rest)* })?
    };
}

/// A task-local: see [`task_local!`](crate::task_local).
///
/// It has a value while a [`LocalKey::scope`] of it runs, in the task that called it; the innermost counts.
pub struct LocalKey<T: 'static> {
    copy: Option<CopyValue>,
    value: PhantomData<fn() -> T>,
}

impl<T: Send> LocalKey<T> {
    #[doc(hidden)]
    pub const fn new() -> LocalKey<T> {
        LocalKey { copy: None, value: PhantomData }
    }

    #[doc(hidden)]
    pub const fn inherited() -> LocalKey<T>
    where
        T: Clone,
    {
        LocalKey { copy: Some(copy_of::<T>), value: PhantomData }
    }

    /// Runs `f` with `value` bound in the current task, or the current thread if it runs none.
    ///
    /// Itself neither suspends nor blocks; `f` may. A value that was bound before is back afterwards. Not to be
    /// seen by other tasks, but by those that `f` spawns if the key is `inherited`: they get copies, made where they
    /// are spawned.
    ///
    /// ```
    /// sortie::task_local!(static DEPTH: u32);
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let depths = runtime.run(|| {
    ///     DEPTH.scope(1, || {
    ///         sortie::yield_now(); // The value stays with the task.
    ///         (DEPTH.scope(2, || DEPTH.get()), DEPTH.get())
    ///     })
    /// });
    /// assert_eq!(depths, (2, 1));
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn scope<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        let run = || {
            let place = Place::current();
            let binding = Binding {
                key: ptr::from_ref(self).cast(),
                type_id: TypeId::of::<T>(),
                value: Cell::new((&raw const value).cast()),
                copy: self.copy,
                outer: Cell::new(ptr::null()),
            };
            let _bound = Bound::new(&binding, place);
            f()
        };
        if Place::current() == Place::None {
            // A destructor before or after the task's body, which has no place: it gets one.
            return local::run_bare(run);
        }
        run()
    }

    /// Runs `f` on the value that is bound, and may suspend in it.
    ///
    /// # Panics
    /// If none is bound in this task: [`LocalKey::try_with`] says so.
    #[track_caller]
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        match self.try_with(f) {
            Ok(result) => result,
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs `f` on the value that is bound, and may suspend in it.
    ///
    /// # Errors
    /// [`AccessError`] if none is bound in this task; `f` was not run.
    ///
    /// ```
    /// sortie::task_local!(static USER: String);
    ///
    /// println!("{}", USER.try_with(|user| user.len()).unwrap_err());
    /// ```
    pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        let key = ptr::from_ref(self).cast();
        let mut bindings = Bindings(innermost());
        let found = bindings
            .find(|binding| binding.key == key && binding.type_id == TypeId::of::<T>())
            .ok_or(AccessError)?;
        // SAFETY: bound by `scope`, or copied, as a `T`, for the types are equal. By INVARIANT(locals.nested) it is
        // there until after `f`, which runs above it.
        Ok(f(unsafe { &*found.value.get().cast::<T>() }))
    }

    /// A copy of the value that is bound.
    ///
    /// # Panics
    /// If none is bound in this task.
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }
}

impl<T> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

/// A task-local was asked for that has no value in this task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessError;

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a task-local has no value in this task: bind one by `scope` around this code, or declare it \
             `inherited` for tasks that are spawned there",
        )
    }
}

impl std::error::Error for AccessError {}

/// A value, bound to a key. See the module.
pub(crate) struct Binding {
    key: *const (),
    /// Of the value: two keys that are constants may have one address.
    type_id: TypeId,
    value: Cell<*const ()>,
    copy: Option<CopyValue>,
    outer: Cell<*const Binding>,
}

/// Makes the copy that a new task gets.
type CopyValue = unsafe fn(*const ()) -> Box<dyn Value>;

/// Any value of a task-local.
trait Value: Send {}

impl<T: Send> Value for T {}

/// # Safety
/// The pointer is to a `T` that nobody changes meanwhile.
unsafe fn copy_of<T: Clone + Send + 'static>(value: *const ()) -> Box<dyn Value> {
    // SAFETY: by contract.
    Box::new(unsafe { &*value.cast::<T>() }.clone())
}

/// Where bindings of the current code go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Task,
    Thread,
    /// A task that has no [`Local`] now.
    None,
}

impl Place {
    fn current() -> Place {
        match local::with(|_| ()) {
            Some(()) => Place::Task,
            None if sortie_scheduler::current_task().is_some() => Place::None,
            None => Place::Thread,
        }
    }

    /// Runs `f` on the beginning of the list; `f` does not come back here.
    fn with_first<R>(self, f: impl FnOnce(&Cell<*const Binding>) -> R) -> Option<R> {
        match self {
            Place::Task => local::with(|local| f(local.bindings())),
            Place::Thread => with_thread(f),
            Place::None => None,
        }
    }
}

/// The list of a thread without a task; `None` while the thread ends. Never inlined: no address of a thread-local
/// is kept by code that might be a task's.
#[inline(never)]
fn with_thread<R>(f: impl FnOnce(&Cell<*const Binding>) -> R) -> Option<R> {
    thread_local!(static FIRST: Cell<*const Binding> = const { Cell::new(ptr::null()) });
    FIRST.try_with(f).ok()
}

/// The innermost binding here; null: there is none.
#[inline]
fn innermost() -> *const Binding {
    match local::with(|local| local.bindings().get()) {
        Some(first) => first,
        None => Place::current().with_first(Cell::get).unwrap_or(ptr::null()),
    }
}

/// The bindings from one on, innermost first.
struct Bindings(*const Binding);

impl Iterator for Bindings {
    /// For as long as the code that asks runs, which is above the frames where they lie.
    type Item = &'static Binding;

    fn next(&mut self) -> Option<&'static Binding> {
        // SAFETY: INVARIANT(locals.nested). Nobody in this file keeps the reference longer than that.
        let binding = unsafe { self.0.as_ref() }?;
        self.0 = binding.outer.get();
        Some(binding)
    }
}

/// A binding in its list: taken out when this is dropped.
struct Bound<'a> {
    binding: &'a Binding,
    place: Place,
}

impl<'a> Bound<'a> {
    fn new(binding: &'a Binding, place: Place) -> Bound<'a> {
        place.with_first(|first| binding.outer.set(first.replace(binding)));
        Bound { binding, place }
    }
}

impl Drop for Bound<'_> {
    fn drop(&mut self) {
        self.place.with_first(|first| {
            // Another list, if the thread has attached itself to another runtime meanwhile; the old one is gone.
            if ptr::eq(first.get(), self.binding) {
                first.set(self.binding.outer.get());
            }
        });
    }
}

/// What a task gets of its spawner's task-locals.
pub(crate) struct Inherited(Vec<(Binding, Box<dyn Value>)>);

// SAFETY: the values are `Send`; the pointers in the bindings are null until `bind`, in the task that has them.
unsafe impl Send for Inherited {}

impl Inherited {
    /// Copies of the values that are inherited from here; `None`: there are none.
    #[inline]
    pub(crate) fn from_here() -> Option<Box<Inherited>> {
        let first = innermost();
        if first.is_null() { None } else { Inherited::copy(first) }
    }

    #[cold]
    fn copy(first: *const Binding) -> Option<Box<Inherited>> {
        let mut copies: Vec<(Binding, Box<dyn Value>)> = Vec::new();
        for binding in Bindings(first) {
            let is_same = |(copy, _): &(Binding, Box<dyn Value>)| {
                copy.key == binding.key && copy.type_id == binding.type_id
            };
            if let Some(copy) = binding.copy
                && !copies.iter().any(is_same)
            {
                // SAFETY: the function of the binding's own type, whose value is there while this code runs.
                let value = unsafe { copy(binding.value.get()) };
                let binding = Binding {
                    key: binding.key,
                    type_id: binding.type_id,
                    value: Cell::new(ptr::null()),
                    copy: Some(copy),
                    outer: Cell::new(ptr::null()),
                };
                copies.push((binding, value));
            }
        }
        (!copies.is_empty()).then(|| Box::new(Inherited(copies)))
    }

    /// Binds the values in a task that begins. They stay where they are until its first frame ends.
    pub(super) fn bind(&self, local: &Local) {
        for (binding, value) in &self.0 {
            binding.value.set(ptr::from_ref(&**value).cast());
            binding.outer.set(local.bindings().replace(binding));
        }
    }
}
