//! The four transitions between managed and native code, and the layers that they make.
//!
//! A task's call chain is a stack of layers, managed (R) and native (U) in turn. Four events move its
//! top: [`leave`] and [`enter`] around a call out, [`reverse_enter`] and [`reverse_leave`] around a
//! call back in. Each checks that it may happen ([`Layers`] is the automaton, with its table),
//! tells the scheduler, and is traced (target `sortie::crossing`, level `trace`).
//!
//! ```
//! use sortie::transition::{self, Layer};
//!
//! let runtime = sortie::Runtime::new()?;
//! runtime.run(|| {
//!     let target = libc::getpid as *const () as usize;
//!     transition::leave(target)?;
//!     assert_eq!(transition::layers(), [Layer::ManagedBase, Layer::Native { target }]);
//!     // SAFETY: `getpid` has no conditions.
//!     let pid = unsafe { libc::getpid() };
//!     transition::enter()?;
//!     assert_eq!(pid as u32, std::process::id());
//!     Ok::<_, transition::TransitionError>(())
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`NativeScope`] and [`ManagedScope`] make them in pairs that cannot be forgotten; [`UnhookedScope`] marks a call that is
//! not announced.
//! [`native::call`](crate::native::call) and [`native::callback`](crate::native::callback) make them
//! around closures, and are what most code should use. The raw calls here are for hosts and for generated
//! stubs: code that cannot nest.

// `automaton.rs`, `layer.rs`, `error.rs`: whether a transition may be, without any effect. `edges.rs`: what happens at each.
// `raw.rs`, `scope.rs`: two ways to ask for it. `jumped.rs`: what a jump has left open. `trace.rs`.

mod automaton;
mod edges;
mod error;
pub(crate) mod jumped;
mod layer;
mod raw;
mod scope;
pub(crate) mod trace;

pub use automaton::{Layers, Leaked, ReverseEntered};
pub(crate) use edges::{
    back, back_in, back_late, call_in, out, pop_offloaded, profile_on_top, push_offloaded, report,
};
pub use error::TransitionError;
pub use layer::{Event, Layer};
pub use raw::{enter, find_jumps, layers, leave, reverse_enter, reverse_leave};
pub(crate) use raw::{enter_within, reverse_enter_within};
pub use scope::{ManagedScope, NativeScope, UnhookedScope};
