//! Tasks: which one runs here, and how the next is spawned.
//!
//! [`spawn`](crate::spawn) is enough for most; a [`Builder`] gives a task a name, a span, a group, or the right to
//! migrate.
//!
//! ```
//! use sortie::task::{self, Builder};
//!
//! let runtime = sortie::Runtime::new()?;
//! runtime.run(|| {
//!     let named = Builder::new().name("greeter").spawn(|| {
//!         format!("hello from {}", task::current().unwrap().name().unwrap())
//!     });
//!     assert_eq!(named.join().unwrap(), "hello from greeter");
//!
//!     // A task that is in the way is aborted: it unwinds where it waits, and drops what it has.
//!     let sleeper = sortie::spawn(|| sortie::sleep(std::time::Duration::MAX));
//!     sleeper.abort();
//!     assert!(sleeper.join().unwrap_err().is_aborted());
//! });
//! # Ok::<(), sortie::BuildError>(())
//! ```
//!
//! | for | see |
//! |---|---|
//! | tasks that borrow, and end before their owner goes on | [`scope`](fn@scope), [`join!`](crate::join) |
//! | a loop whose turns run side by side | [`par`] |
//! | many tasks, joined in the order in which they end | [`JoinSet`] |
//! | tasks under one name, with a limit, ended together | [`Group`] |
//! | a task that needs more stack than others | [`Builder::stack_bytes`], [`Stack`] |
//! | values that belong to a task | [`task_local!`](crate::task_local), [`LocalKey`] |

// `builder.rs`, `stack.rs`: how a task is made. `current.rs`, `abort.rs`, `affinity.rs`, `no_suspend.rs`: what one says of itself.
// `scope.rs`, `join.rs`, `par.rs`, `join_set.rs`, `group.rs`: several. `task_local.rs`: values; `local.rs`: what Sortie itself
// keeps with a task.

mod abort;
mod affinity;
mod builder;
mod current;
mod group;
mod join;
mod join_set;
pub(crate) mod local;
mod no_suspend;
pub mod par;
mod scope;
mod stack;
mod task_local;

pub use abort::{
    AbortError, AbortHandle, DelayError, abort_current, begin_delay_abort, delay_abort,
    end_delay_abort, is_abort,
};
pub use affinity::{
    AffinityError, ThreadAffinity, begin_thread_affinity, end_thread_affinity, keep_thread,
};
pub use builder::Builder;
pub(crate) use builder::spawn;
pub use current::{Current, checkpoint, current, priority, set_priority};
pub use group::{Group, GroupStuck};
pub use join_set::JoinSet;
pub use no_suspend::NoSuspend;
pub(crate) use scope::scope_on;
pub use scope::{Scope, ScopedJoinHandle, scope};
pub use sortie_scheduler::{Id, Priority};
pub use stack::Stack;
pub use task_local::{AccessError, LocalKey};
