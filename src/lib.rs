//! An embeddable fiber runtime that knows when a task leaves for native code, and does not let that
//! stall the others.
//!
//! Tasks are stackful coroutines on a work-stealing scheduler. A task that calls native code says so
//! (for nanoseconds), and while it blocks there, its worker runs other tasks. Native code may call
//! back, and the callback may do all that a task may.
//!
//! ```
//! use sortie::pinvoke;
//!
//! pinvoke! {
//!     #[library = "m"]
//!     unsafe extern "C" {
//!         safe fn cos(x: f64) -> f64;
//!     }
//! }
//!
//! let runtime = sortie::Runtime::new()?;
//! let sum = runtime.run(|| {
//!     let tasks: Vec<_> = (0..100).map(|n| sortie::spawn(move || cos(n as f64))).collect();
//!     tasks.into_iter().map(|task| task.join().unwrap()).sum::<f64>()
//! });
//! assert!((sum - 0.1).abs() < 1.0);
//! # Ok::<(), sortie::BuildError>(())
//! ```
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | making a runtime, ending it | [`Runtime`], [`Builder`], [`ShutdownReport`] |
//! | tasks | [`spawn`], [`JoinHandle`], [`yield_now`], [`sleep`], [`task`] |
//! | tasks that borrow; many at once | [`task::scope`](fn@task::scope), [`join!`], [`task::par`], [`task::JoinSet`], [`task::Group`] |
//! | locks, conditions, events and what else tasks wait at for each other | [`sync`]; circles of waits: [`Runtime::deadlocks`] |
//! | values that belong to a task | [`task_local!`] |
//! | time limits, ticks | [`time`] |
//! | what must not be suspended | [`task::NoSuspend`] |
//! | native calls, callbacks, libraries | [`native`], [`pinvoke!`] |
//! | how native functions are called | [`native::Policy`], [`native::policy`], [`native::Class`] |
//! | raw transitions, for hosts and stubs | [`transition`] |
//! | hosting a VM as the CLR is hosted | [`hosting`] |
//! | what happens inside | [`Runtime::snapshot`], and `tracing` events of the targets `sortie::task`, `sortie::crossing`, `sortie::monitor`, `sortie::carrier`, `sortie::shutdown`, `sortie::target` |
//!
//! # What our functions do where
//!
//! | | managed code of a task | native code that a task called | any other thread |
//! |---|---|---|---|
//! | [`spawn`] | spawns on the task's runtime | the same, by the global queue | panics, and names `Runtime::spawn` |
//! | [`Runtime::spawn`], [`Handle::spawn`] | spawn | spawn | spawn |
//! | [`Runtime::run`] | panics, and names `spawn` | blocks the thread | blocks the thread |
//! | [`JoinHandle::join`], [`sleep`] | suspend the task | block the thread | block the thread |
//! | [`task::scope`](fn@task::scope), [`join!`], [`task::par`] | suspend the task at their end | block the thread | panic, and name [`Runtime::scope`] |
//! | [`Runtime::scope`], [`Handle::scope`] | suspend the task at their end | block the thread | block the thread |
//! | [`task::JoinSet::join_next`], [`task::Group::wait`] | suspend the task | block the thread | block the thread |
//! | waits of [`sync`] and [`time`] | suspend the task | block the thread | block the thread |
//! | [`task_local!`] | of the task | of the task | of the thread |
//! | [`JoinHandle::abort`] | does not wait | the same | the same |
//! | [`task::abort_current`] | unwinds the task | unwinds it on return | an error |
//! | [`task::delay_abort`] | delays the task's aborts | the same | just runs |
//! | [`task::set_priority`] | the task's, from its next turn on | the same | `false` |
//! | [`yield_now`] | lets others run | returns | returns |
//! | [`task::checkpoint`] | takes an abort, lets others run if that is asked for | returns | returns |
//! | [`task::current`], [`transition::layers`] | answer | answer | `None`, none |
//! | dropping a [`Runtime`], [`Runtime::shutdown`] | another's: waits; its own: asks and goes on | the same | waits |
//!
//! Managed code is also what runs in a callback, in a destructor while its task unwinds, and on a thread that is
//! attached by [`Handle::reverse_enter`]. There
//!
//! | | in a callback | while the task unwinds | on an attached thread |
//! |---|---|---|---|
//! | a wait, [`yield_now`] | in place, unless the [policy](native::Policy::callbacks) lets it be suspended | in place | in place |
//! | an abort | ends the callback, which returns its fallback, and goes on when the native code returns | waits; if a panic is caught, until the next suspension point | never |
//! | [`spawn`], [`JoinHandle::abort`] | as ever | as ever | as ever |
//!
//! After a shutdown a [`spawn`] is refused, and its join says so; to abort a task that has ended, or was refused, does
//! nothing. Waits of [`sync`] and [`time`] need no runtime, and are on any thread what they were before. In a program
//! that is built with `panic = "abort"` aborts are refused ([`task::AbortError`]), time limits do not cut code short,
//! and a shutdown waits for tasks to end by themselves.
#![deny(missing_docs)]

pub mod hosting;
pub mod native;
mod observe;
mod runtime;
mod shutdown;
pub mod sync;
mod target;
pub mod task;
pub mod time;
pub mod transition;

pub use observe::Snapshot;
pub use runtime::{Builder, Handle, Runtime};
pub use shutdown::ShutdownReport;
pub use sortie_scheduler::{
    BlockedWait, Deadlock, GuardKind, JoinError, JoinHandle, Place, StackError,
    StartError as BuildError, Straggler,
};
pub use target::governed::{Governs, PolicyRow};
pub use target::target_row::TargetRow;
pub use time::sleep;

/// Spawns a task on the current task's runtime.
///
/// Neither suspends nor blocks. The task may be run by any worker at first, and then stays on the
/// thread that started it, unless the runtime is [`migrating`](Builder::migrating). Dropping the
/// handle detaches the task.
///
/// # Panics
/// On a thread that runs no task: [`Runtime::spawn`] and [`Handle::spawn`] spawn from anywhere.
///
/// ```
/// let runtime = sortie::Runtime::new()?;
/// let answer = runtime.run(|| sortie::spawn(|| 42).join().unwrap());
/// assert_eq!(answer, 42);
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[track_caller]
#[inline]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    task::spawn(f)
}

/// Lets other tasks run, and goes on when it is this one's turn again.
///
/// A suspension point. Returns at once if nobody else could run here, outside of a task, and in native
/// code. Inside a callback the worker goes to others, and the carrier waits for its turn.
///
/// # Panics
/// In debug builds, under a [`task::NoSuspend`] guard.
///
/// ```
/// let runtime = sortie::Runtime::builder().workers(1).build()?;
/// let log = runtime.run(|| {
///     let (send, log) = std::sync::mpsc::channel();
///     let other = send.clone();
///     let task = sortie::spawn(move || other.send("the other").unwrap());
///     sortie::yield_now();
///     send.send("this one").unwrap();
///     task.join().unwrap();
///     log.try_iter().collect::<Vec<_>>()
/// });
/// assert_eq!(log, ["the other", "this one"]);
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[inline(always)]
pub fn yield_now() {
    sortie_scheduler::yield_now();
}

/// The README's program, compiled and run with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The program of the page on hosting, likewise.
#[cfg(doctest)]
#[doc = include_str!("../docs/HOSTING.md")]
struct Hosting;

/// The guide's programs, likewise.
#[cfg(doctest)]
mod guide {
    #[doc = include_str!("../docs/guide/abort.md")]
    struct Abort;
    #[doc = include_str!("../docs/guide/callbacks.md")]
    struct Callbacks;
    #[doc = include_str!("../docs/guide/from-go.md")]
    struct FromGo;
    #[doc = include_str!("../docs/guide/from-may.md")]
    struct FromMay;
    #[doc = include_str!("../docs/guide/from-tokio.md")]
    struct FromTokio;
    #[doc = include_str!("../docs/guide/native-calls.md")]
    struct NativeCalls;
    #[doc = include_str!("../docs/guide/soundness.md")]
    struct Soundness;
    #[doc = include_str!("../docs/guide/synchronization.md")]
    struct Synchronization;
    #[doc = include_str!("../docs/guide/tasks.md")]
    struct Tasks;
    #[doc = include_str!("../docs/guide/thread-locals.md")]
    struct ThreadLocals;
    #[doc = include_str!("../docs/guide/tuning.md")]
    struct Tuning;
}
