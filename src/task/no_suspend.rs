//! The guard by which a task says that it must not be suspended here.

/// While it is alive, the task that made it must not be suspended: in debug builds a suspension panics,
/// and names what would suspend the task and where the guard was made.
///
/// For stretches of a task that may migrate in which it holds a reference into a thread-local, or anything
/// else of its thread; and for code that is called with a lock of somebody's, or in the middle of a
/// change. What is kept only by nobody suspending there is so found by a test, and not by a wrong value on
/// another thread. See the guide, *Thread-locals and tasks that migrate*.
///
/// # What panics
///
/// | | |
/// |---|---|
/// | [`yield_now`](crate::yield_now), [`sleep`](crate::sleep), [`task::checkpoint`](super::checkpoint) | always, also if nobody else is there to run |
/// | [`JoinHandle::join`](crate::JoinHandle::join) | if the task that is joined has not ended |
/// | [`native::offload`](crate::native::offload()), and a call that is offloaded by its policy | before the call |
/// | a call that waits, for its policy allows no more at once | before the call |
/// | the return from a native call | if the worker has gone meanwhile and no other is idle, or the task was asked to let others run; with a worker, and after the call |
///
/// Also where a callback would wait on its carrier: the worker goes to others, and the task stands still.
/// The panic comes before anything was queued or taken: whoever catches it finds everything as it was.
///
/// # What does not
///
/// - A release build. There the guard is nothing, has no size, and costs nothing. To have it in an
///   optimized build, compile the scheduler with its assertions:
///   `[profile.release.package.sortie-scheduler]` with `debug-assertions = true`.
/// - Code outside of tasks. A guard made there does nothing: threads are not switched.
/// - What blocks the thread: native code, inside which `join` and `sleep` block too, and the locks of `std`.
///   Nothing else runs on the thread meanwhile.
/// - A task that unwinds: it waits in place, and a second panic would end the process.
///
/// Guards nest, and may be dropped in any order. A guard belongs to the task that made it, not to the
/// thread, and forbids nothing to others. One that is leaked, or that another task drops, forbids
/// suspensions to the end of its task.
///
/// ```
/// use sortie::task::NoSuspend;
/// use std::cell::Cell;
///
/// thread_local!(static SERVED: Cell<u32> = const { Cell::new(0) });
///
/// let runtime = sortie::Runtime::new()?;
/// let task = runtime.spawn(|| {
///     SERVED.with(|served| {
///         let _guard = NoSuspend::new();
///         served.set(served.get() + 1);
///         sortie::yield_now(); // A mistake: `served` may be another thread's now.
///     });
/// });
/// match task.join() {
///     Err(error) => println!("{error}"), // ... a yield would suspend the task, under a NoSuspend guard ...
///     Ok(()) => assert!(!cfg!(debug_assertions), "found in debug builds only"),
/// }
/// # Ok::<(), sortie::BuildError>(())
/// ```
///
/// It stays with its task:
///
/// ```compile_fail,E0277
/// let guard = sortie::task::NoSuspend::new();
/// std::thread::spawn(move || drop(guard));
/// ```
#[derive(Debug)]
#[must_use = "suspensions are allowed again when the guard is dropped"]
pub struct NoSuspend {
    _guard: sortie_scheduler::NoSuspend,
}

impl NoSuspend {
    /// Forbids suspensions of the current task from here to the guard's drop. Panics name the place of this
    /// call.
    ///
    /// Neither suspends nor blocks. Outside of a task the guard does nothing.
    #[inline]
    #[track_caller]
    pub fn new() -> NoSuspend {
        NoSuspend { _guard: sortie_scheduler::NoSuspend::new() }
    }
}

impl Default for NoSuspend {
    #[inline]
    #[track_caller]
    fn default() -> NoSuspend {
        NoSuspend::new()
    }
}
